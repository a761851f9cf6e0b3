"""The coverage benchmark goes on where it was stopped, at the same commit."""

from pathlib import Path

import pytest

from benchmarks import coverage, machine
from benchmarks.coverage import Design, Outcome
from benchmarks.scale import Scale

DESIGN = Design("iid", 512, 16, 8, 0.5)


def test_what_one_commit_has_found_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[range] = []

    def found(design: Design, seeds: range, names: frozenset[str] | None) -> list[Outcome]:
        asked.append(seeds)
        covered = 0.5 if names is None else 0.8
        return [
            Outcome(design, "twonn", len(seeds), covered, float("nan"), 1.0),
            Outcome(design, "mle", len(seeds), 0.95, 0.9, 1.0),
        ]

    monkeypatch.setattr(coverage, "_outcomes_of", found)
    monkeypatch.setattr(machine, "commit", lambda: "abc")
    folder = coverage._folder(Scale(tmp_path))
    first, again = (coverage._once(DESIGN, range(3), range(3, 9), folder) for _ in range(2))
    assert asked == [range(3), range(3, 9)]
    assert str(again) == str(first)
    # What held too seldom was looked at again, and that counts.
    assert [(one.metric, one.n, one.covered_mean) for one in again] == [
        ("twonn", 6, 0.8),
        ("mle", 3, 0.95),
    ]


@pytest.mark.parametrize("commit", ["unknown", "abc with changes"])
def test_without_a_commit_nothing_is_kept(
    commit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "commit", lambda: commit)
    assert coverage._folder(Scale(tmp_path)) is None
    monkeypatch.setattr(machine, "commit", lambda: "abc")
    assert coverage._folder(Scale(tmp_path, quick=True)) is None
