"""The part that compares the geometry with its limit: its counts, and that it runs."""

from pathlib import Path

import pytest

from benchmarks import limit
from benchmarks.bars import TARGETS
from benchmarks.scale import Scale


@pytest.mark.slow
def test_a_smoke_run_has_every_bar_it_can_and_every_part(tmp_path: Path) -> None:
    section = limit.run(Scale(tmp_path, quick=True))
    totals, parts = section.tables
    assert [row[:2] for row in totals.rows] == [
        (d, choice) for d in ("32", "64") for choice in limit.CHOICES
    ]
    assert len(parts.rows) == 2 * 5
    # In `core` nothing but the first vector of each layer and scope is needed, and no pair.
    assert [row[3:] for row in parts.rows[:5]] == [
        *(("2", "2"), ("2", "2"), ("4", "0"), ("0", "4"), ("0", "1")),
    ]
    for bar in section.bars:
        assert bar.name in TARGETS
        assert bar.measured > 0
