from collections.abc import Sequence
from dataclasses import replace

import pytest

from embstore.choices import Scope
from embstore.report.read.contents import read_contents
from embstore.report.read.massive import Massive, find_massive, largest_table, read_largest
from embstore.report.read.readable import readable
from embstore.store.database import Database
from embstore.store.writing import write_run, write_runs
from embstore.types import LayerKey, MassiveActivation, Run
from tests.report.hostile import SCRIPT
from tests.synthetic import ALL_METRICS, make_run


def ratio(metric: str, key: LayerKey, scope: Scope, depth: float) -> float:
    """The median is 0.5 in every layer: a thousandth of 500."""
    if metric != "massive_ratio":
        return 0.5
    return {0: 20.0, 1: 1000.0, 2: 4000.0, 3: 2000.0}.get(key.layer, 60.0)


def run_with(peaks: Sequence[tuple[int, float, int, int]], **facts: str) -> Run:
    """A run of four blocks; peaks are (layer, value, coordinate, position), largest first."""
    run = make_run(metrics=ALL_METRICS, values=ratio, **facts)  # type: ignore[arg-type]
    found = []
    for layer in run.measured.layers:
        mine = [one for one in peaks if one[0] == layer.key.layer]
        for rank, (_, value, coordinate, position) in enumerate(mine, start=1):
            found.append(
                MassiveActivation(
                    key=layer.key,
                    rank=rank,
                    window_index=0,
                    position=position,
                    token_id=7,
                    coordinate=coordinate,
                    value=value,
                    token=" \n",
                )
            )
    return replace(run, measured=replace(run.measured, massive=tuple(found)))


PEAKS = (
    (0, 10.0, 9, 0),
    (1, 500.0, 3, 0),
    # Over 1,000 times the median, and not over 100.
    (3, -90.0, 3, 0),
    (2, -2000.0, 3, 0),
    (2, 1900.0, 3, 4),
    (2, 600.0, 5, 0),
    (2, 499.0, 6, 0),
    (4, 30.0, 3, 0),
)


def found_in(database: Database) -> tuple[Massive, ...]:
    contents = read_contents(database)
    return find_massive(contents, read_largest(database, contents))


def test_a_massive_coordinate_is_known_by_its_layers_and_cases(database: Database) -> None:
    write_run(database, run_with(PEAKS, name="a"))
    assert found_in(database) == (
        Massive(0, "a", "example-text", "decoder", 3, (1, 2), 4000.0, 2, 3, 2),
        Massive(0, "a", "example-text", "decoder", 5, (2,), 1200.0, 2, 1, 1),
    )


@pytest.mark.slow
def test_what_is_not_massive_or_not_known_to_be_is_not_found(database: Database) -> None:
    write_run(database, run_with([(1, 99.0, 3, 0), (4, 600.0, 3, 0)], name="a"))
    # Its runs have no median to compare with.
    write_runs(
        database,
        [
            make_run(name="b"),
            run_with(PEAKS, name="c", revision="random-init-0"),
        ],
    )
    assert found_in(database) == ()


def test_the_table_has_the_three_largest_of_each_layer(database: Database) -> None:
    write_runs(
        database,
        [
            run_with(PEAKS, name="a"),
            make_run(name=SCRIPT),
        ],
    )
    contents = read_contents(database)
    rows = readable(largest_table(read_largest(database, contents)))
    mine = [row for row in rows if contents.runs[int(str(row["run"]))]["model"] == "a"]
    states = contents.models[-1].states
    second = [row for row in mine if states[int(str(row["state"]))].layer == 2]
    assert [row["value"] for row in second] == [-2000.0, 1900.0, 600.0]
    assert [row["ratio"] for row in second] == [4000.0, 3800.0, 1200.0]
    # Blanks between quotes, and control characters in letters.
    assert {row["token"] for row in mine} == {'" \\n"'}
    # A block before the norm after it.
    assert [states[int(str(row["state"]))].site for row in mine][-2:] == ["block", "final_norm"]
    others = [row for row in rows if row not in mine]
    assert {row["ratio"] for row in others} == {None}
    assert len(others) == 2 * 6
