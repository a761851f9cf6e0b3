"""The benchmark of a device, on torch's CPU, which stands for one."""

from pathlib import Path

import pytest
import torch

from benchmarks import gpu, gpu_parts
from benchmarks.scale import Scale
from benchmarks.sections import Bar, Table

pytestmark = pytest.mark.slow


def test_wide_models_are_timed_whole_and_part_by_part(tmp_path: Path) -> None:
    (whole, parts), bars = gpu_parts.wide_models(torch.device("cpu:0"), Scale(tmp_path, quick=True))
    assert [row[:2] for row in whole.rows] == [
        (d, choice) for d in ("128", "256") for choice in ("core", "default")
    ]
    assert all(float(row[2]) > 0 for row in whole.rows)
    names = [row[0] for row in parts.rows]
    assert len(names) == 2 * len(set(names)) == 30
    assert all(float(row[2].replace(",", "")) >= 0 for row in parts.rows)
    assert [bar.name for bar in bars] == ["gpu, core"]


def test_what_one_part_cannot_measure_the_others_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ingests(_device: object, _scale: object) -> None:
        raise ModuleNotFoundError("No module named 'gensim'")

    table, bar = Table(("d", "ms"), (("128", "3.0"),)), Bar("gpu, core", 0.5)
    monkeypatch.setattr(gpu, "choose_device", lambda _wanted: torch.device("cuda"))
    monkeypatch.setattr(gpu, "make_ready", lambda _device: None)
    monkeypatch.setattr(gpu, "_name", str)
    monkeypatch.setattr(gpu, "wide_models", lambda _device, _scale: ([table], [bar]))
    monkeypatch.setattr(gpu, "_searches", lambda _device, _scale: ([], []))
    monkeypatch.setattr(gpu, "_ingests", ingests)
    section = gpu.run(Scale(tmp_path, quick=True))
    assert (section.tables, section.bars) == ((table,), (bar,))
    assert section.text.endswith("ingests failed: No module named 'gensim'.")


def test_a_device_without_float64_has_no_wide_models(tmp_path: Path) -> None:
    assert gpu_parts.wide_models(torch.device("mps"), Scale(tmp_path)) == ([], [])
