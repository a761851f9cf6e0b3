"""Sink rates of windows so short that attention spread evenly is a sink."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embstore.api.store import Store
from embstore.asking.short_windows import tokens_for_a_sink
from embstore.metrics.registry import metric_infos
from embstore.types import Kind, Run
from tests.stores import new_store
from tests.synthetic import make_run


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("with_first", [True, False])
def test_the_length_is_that_of_a_map_of_even_attention(*, causal: bool, with_first: bool) -> None:
    def share(n: int) -> float:
        even = np.tril(np.ones((n, n))) if causal else np.ones((n, n))
        even /= even.sum(axis=1, keepdims=True)
        return float(even[0 if with_first else 1 :, 0].mean())

    least = tokens_for_a_sink(causal=causal, with_first=with_first)
    assert share(least) <= 0.3 < share(least - 1)


def of_windows(n: int, tokens: int, *, name: str = "lab/a", kind: Kind = "decoder") -> Run:
    chosen = tuple(
        metric for metric in metric_infos(pairs=False) if metric.name in {"sink_rate", "twonn"}
    )
    run = make_run(name=name, kind=kind, tokens=tokens, metrics=chosen)
    return replace(run, configuration=replace(run.configuration, n_windows=n))


def notes(path: Path, *runs: Run, **asked: object) -> str:
    store = Store(new_store(path / "s.duckdb", runs))
    said = store.query("layer_profile", **{"metric": "sink_rate", **asked}).notes
    return " ".join(note for note in said if "sink_rate" in note)


def test_short_windows_are_told_with_their_mean_length(tmp_path: Path) -> None:
    assert notes(tmp_path, of_windows(40, 260)) == (
        "sink_rate tells little about windows of 6.5 tokens on average: below 10 tokens attention "
        "spread evenly already gives the first more than 0.3."
    )


@pytest.mark.parametrize(
    ("length", "kind", "scope", "least"),
    [
        (9, "decoder", "all", 10),
        (10, "decoder", "all", None),
        (9, "decoder", "no_first", None),
        (5, "decoder", "no_sinks", 6),
        (3, "encoder", "all", 4),
        (5, "encoder", "all", None),
        (9, "encoder-decoder", "all", 10),
    ],
)
def test_how_short_depends_on_who_attends_to_whom(
    tmp_path: Path, length: int, kind: Kind, scope: str, least: int | None
) -> None:
    said = notes(tmp_path, of_windows(40, length * 40, kind=kind), scopes=scope)
    assert (f"below {least} tokens" in said) is (least is not None)
    assert bool(said) is (least is not None)


def test_other_metrics_need_no_note(tmp_path: Path) -> None:
    store = Store(new_store(tmp_path / "s.duckdb", [of_windows(40, 160)]))
    assert "spread evenly" not in " ".join(store.query("layer_profile", metric="twonn").notes)


def test_a_comparison_says_it_too(tmp_path: Path) -> None:
    runs = [of_windows(40, 160, name=name) for name in ("a", "b")]
    store = Store(new_store(tmp_path / "s.duckdb", runs))
    said = " ".join(store.compare("a", "b", metric="sink_rate").notes)
    assert "sink_rate tells little about windows of 4 tokens on average" in said
