"""The benchmark of a device, on torch's CPU, which stands for one."""

from pathlib import Path

import pytest
import torch

from benchmarks import gpu_parts
from benchmarks.scale import Scale

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
