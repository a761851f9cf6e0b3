"""The suite's own arithmetic: ratios in turns, bars met or missed, findings kept for later."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.bars import TARGETS
from benchmarks.pairs import Timed, in_turns
from benchmarks.report import markdown
from benchmarks.sections import Bar, Circumstances, Section, Table, load, save
from benchmarks.suite import PARTS

CIRCUMSTANCES = Circumstances("2026-11-01", "abc", "a machine", "threads: 1", "Python 3.11", 2.0)


def section(*bars: Bar) -> Section:
    table = Table(("layer", "ms"), (("first", "1.0"),), "A table")
    return Section("A part", "What it is.", [table], list(bars))


def test_a_ratio_is_the_peers_time_over_embstores_around_it() -> None:
    ours = iter([Timed(1.0, 10.0), Timed(1.0, 30.0), Timed(1.0, 50.0)])
    theirs = iter([Timed(2.0, 100.0), Timed(2.0, 160.0)])
    pair = in_turns(lambda: next(ours), lambda: next(theirs), repeats=2)
    # 100 over the mean of 10 and 30, 160 over the mean of 30 and 50.
    assert pair.ratio == pytest.approx((5.0 + 4.0) / 2)
    assert (pair.our_ms, pair.their_ms) == (30.0, 130.0)
    assert pair.difference == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("bar", "met"),
    [
        (Bar("anisotropy", 5.0), True),
        (Bar("anisotropy", 4.9), False),
        (Bar("ingest", 1.25), True),
        (Bar("ingest", 1.26), False),
        # Nothing measured is nothing met.
        (Bar("anisotropy", float("nan")), False),
        (Bar("ingest", float("nan")), False),
    ],
)
def test_a_bar_is_met_from_its_own_side(bar: Bar, met: bool) -> None:
    assert TARGETS[bar.name].met_by(bar) is met


def test_the_report_says_why_a_bar_is_missed() -> None:
    name = "dimension, huge pages"
    page = markdown([(section(Bar(name, 90.0)), CIRCUMSTANCES)], quick=False)
    (row,) = [line for line in page.splitlines() if line.endswith(f"{TARGETS[name].when_missed} |")]
    assert "| >= 200 x | 90.00 x | **no** |" in row
    assert "| layer | ms |\n| --- | ---: |\n| first | 1.0 |" in page


def test_what_most_parts_have_in_common_is_said_once() -> None:
    other = replace(CIRCUMSTANCES, commit="def", machine="another machine")
    parts = [(section(), one) for one in (CIRCUMSTANCES, other, CIRCUMSTANCES)]
    lines = markdown(parts, quick=False).splitlines()
    assert [line for line in lines if line.endswith("took 2 s.")] == [
        "threads: 1; took 2 s.",
        "def; another machine; threads: 1; took 2 s.",
        "threads: 1; took 2 s.",
    ]
    assert [line for line in lines if line.startswith("- ")] == [
        *("- date: 2026-11-01", "- commit: abc", "- machine: a machine", "- versions: Python 3.11")
    ]


def test_findings_survive_on_disk(tmp_path: Path) -> None:
    file = tmp_path / "findings" / "part.json"
    written = section(Bar("ingest", 1.1))
    save(file, written, CIRCUMSTANCES)
    assert load(file) == (written, CIRCUMSTANCES)


def test_the_readme_lists_every_part_with_its_threads() -> None:
    readme = (Path(__file__).parents[2] / "benchmarks" / "README.md").read_text()
    listed = re.findall(r"^\| `([\w-]+)` \| .+ \| (\w+) \| ?(\d*) ?\|$", readme, re.MULTILINE)
    minutes = {name: str(part.minutes) for name, part in PARTS.items()} | {"gpu": ""}
    assert listed == [
        (name, str(part.threads or "all"), minutes[name]) for name, part in PARTS.items()
    ]
