import dataclasses
from datetime import UTC, datetime

import pytest

from embstore.comparison.choose_runs import StoredRun
from embstore.comparison.verdict import verdict

A = StoredRun(
    run_id="1f2e3d4c5b6a",
    model="gpt2",
    display_name="gpt2",
    revision="main",
    step=None,
    corpus="prose",
    corpus_id="c",
    token_ids_sha256="t",
    tokens=4096,
    window_size=512,
    n_windows=8,
    sample_size=4096,
    seed=0,
    dtype="float32",
    sink_threshold=8.0,
    scopes="all",
    metric_versions="{}",
    created_at=datetime(2026, 11, 2, tzinfo=UTC),
)
B = dataclasses.replace(A, model="opt-125m", display_name="opt-125m", run_id="aaaabbbbcccc")


def row(
    metric: str, a: float, b: float, *, differs: bool | None, part: str = "mean", scope: str = "all"
) -> dict[str, object]:
    error = None if differs is None else 0.1
    return {
        "metric": metric,
        "scope": scope,
        "part": part,
        "a": a,
        "b": b,
        "difference": b - a,
        "std_error": error,
        "differs": differs,
    }


def test_the_clearest_difference_is_named_with_both_values() -> None:
    rows = [
        row("twonn", 9.0, 9.9, differs=True, part="peak_value"),
        row("anisotropy", 0.7, 0.4, differs=True),
        row("twonn", 8.0, 8.1, differs=False),
        row("mean_cosine", 0.5, 0.3, differs=True, scope="no_sinks"),
    ]
    assert verdict(rows, A, B) == (
        "opt-125m differs from gpt2 by more than its error in 2 of 3 means over the blocks, most "
        "clearly in anisotropy of all tokens: 0.4000 instead of 0.7000."
    )


def test_one_metric_is_one_sentence_too() -> None:
    assert verdict([row("twonn", 8.0, 9.0, differs=True, scope="no_sinks")], A, B) == (
        "opt-125m differs from gpt2 by more than its error in the mean over the blocks, twonn "
        "without attention sinks: 9.000 instead of 8.000."
    )


@pytest.mark.parametrize(("n", "there"), [(1, "the mean"), (3, "any of the 3 means")])
def test_no_difference_is_said(n: int, there: str) -> None:
    rows = [row("twonn", 8.0, 8.1, differs=False)] * n
    said = f"opt-125m does not differ from gpt2 by more than its error in {there} over the blocks."
    assert verdict(rows, A, B) == said


def test_without_intervals_nothing_is_claimed() -> None:
    rows = [
        row("twonn", 8.0, 9.0, differs=None),
        row("twonn", 1.0, 9.0, differs=True, part="layer"),
    ]
    said = "Whether opt-125m differs from gpt2 cannot be told: no mean over the blocks has an "
    assert verdict(rows, A, B) == f"{said}interval."


def test_checkpoints_and_runs_of_one_model_are_told_apart() -> None:
    rows = [row("twonn", 8.0, 8.1, differs=False)]
    later = dataclasses.replace(A, revision="step1000", run_id="aaaabbbbcccc")
    assert verdict(rows, A, later).startswith("gpt2@step1000 does not differ from gpt2@main by")
    again = dataclasses.replace(A, run_id="aaaabbbbcccc")
    assert verdict(rows, A, again).startswith("run aaaabbbb does not differ from run 1f2e3d4c by")


def test_a_difference_without_any_error_is_the_clearest() -> None:
    exact = {**row("norm_p50", 1.0, 2.0, differs=True), "std_error": 0.0}
    said = verdict([row("twonn", 0.0, 99.0, differs=True), exact], A, B)
    assert "most clearly in norm_p50 of all tokens: 2.000 instead of 1.000." in said


def test_missing_errors_are_no_lack_of_difference() -> None:
    rows = [
        row("anisotropy", 0.05, 0.63, differs=None),
        row("twonn", 8.0, 8.1, differs=False),
        row("mle", 8.0, 8.1, differs=False),
        row("mean_cosine", 0.5, 0.5, differs=None),
    ]
    assert verdict(rows, A, B) == (
        "opt-125m does not differ from gpt2 by more than its error in any of the 2 means over the "
        "blocks that have an error; of 2 others it cannot be told."
    )
    assert verdict(rows[:2], A, B) == (
        "opt-125m does not differ from gpt2 by more than its error in the mean over the blocks "
        "that has an error; of one other it cannot be told."
    )
    known = row("norm_p50", 1.0, 9.0, differs=True)
    assert verdict([*rows, known], A, B) == (
        "opt-125m differs from gpt2 by more than its error in 1 of 3 means over the blocks that "
        "have an error, norm_p50 of all tokens: 9.000 instead of 1.000; of 2 others it cannot be "
        "told."
    )
