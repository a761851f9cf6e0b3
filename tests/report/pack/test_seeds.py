"""What a page has of groups of seeds, against NumPy and the numbers that were stored of each."""

import math
from pathlib import Path

import numpy as np
import pytest

from embstore.choices import Scope
from embstore.report.pack.seeds import pack_seeds, seed_facts
from embstore.report.pack.selection import Selection, select_metrics
from embstore.report.read.contents import read_contents
from embstore.report.read.counts import read_counts
from embstore.report.read.seeds import SeedGroup, read_seed_groups
from embstore.report.records import Contents, State
from embstore.store.database import Database
from embstore.types import LayerKey, Run
from tests.queries.of_seeds import NAMES, run
from tests.report.pack.test_measurements import decoded
from tests.stores import new_store

SHOWN = ("anisotropy", "twonn")


def _gap(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
    """A seed without a number in one layer."""
    return None if key.layer == 2 else 3.0


RUNS = [
    run(name, step)
    for name in NAMES
    for step in (1, 100)
    if (name, step) not in {(NAMES[2], 100), (NAMES[3], 100)}
]
RUNS[-1] = run(NAMES[3], 1, values=_gap)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return new_store(tmp_path_factory.mktemp("seeds") / "s.duckdb", RUNS)


@pytest.fixture(scope="module")
def contents(database: Database) -> Contents:
    return read_contents(database)


@pytest.fixture(scope="module")
def groups(database: Database, contents: Contents) -> tuple[SeedGroup, ...]:
    return read_seed_groups(database, contents, SHOWN)


def selections(database: Database, contents: Contents, budget: int) -> tuple[Selection, ...]:
    counts = read_counts(database, contents).of_metric
    return select_metrics(counts, cells=500, newest_cells=50, budget=budget, only=SHOWN)


def stored(runs: list[Run], metric: str, state: State, scope: str) -> list[float]:
    """Return the numbers of the seeds that have one."""
    at = (metric, state.stack, state.layer, state.site, scope)
    return [
        one.value
        for run in runs
        for one in run.measured.measurements
        if (one.metric, one.key.stack, one.key.layer, one.key.site, one.scope) == at
        and one.value is not None
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("budget", "every"), [(10**6, (True, True)), (0, (True, False))])
def test_packed_numbers_are_medians_and_ends_of_the_seeds(
    database: Database,
    contents: Contents,
    groups: tuple[SeedGroup, ...],
    budget: int,
    every: tuple[bool, ...],
) -> None:
    chosen = selections(database, contents, budget)
    assert tuple(one.every for one in chosen) == every
    packed = pack_seeds(groups, chosen, contents)
    (group,) = groups
    offset = seen = 0
    for chunk in packed.chunks:
        assert chunk.model == len(contents.models)
        moments = range(len(group.moments)) if chunk.every else group.newest
        shape = (len(contents.scopes), len(group.states), len(moments))
        n = math.prod(shape)
        raw = np.frombuffer(packed.content[offset : offset + 2 * n], dtype=np.uint8).astype(int)
        offset += 2 * n
        codes = (raw[:n] * 256 + raw[n:]).reshape(shape).cumsum(axis=-1) & 0xFFFF
        numbers = decoded(codes, chunk.spacing, chunk.low, chunk.step)
        for (scope, state, place), number in np.ndenumerate(numbers):
            where, step = group.states[state], group.moments[moments[place]].step
            runs = [one for one in RUNS if one.checkpoint.step == step]
            each = stored(runs, chosen[chunk.metric].metric, where, contents.scopes[scope])
            expected = {
                0: np.median(each),
                1: np.min(each),
                2: np.max(each),
                4: len(each),
            }[chunk.part]
            assert number == pytest.approx(expected, abs=1e-4)
            seen += 1
    assert offset == len(packed.content)
    parts = len(packed.chunks)
    assert parts == 2 * 4
    assert seen == len(contents.scopes) * len(group.states) * (16 if all(every) else 12)


def test_moments_are_counted_on_from_the_runs(
    contents: Contents, groups: tuple[SeedGroup, ...]
) -> None:
    facts = seed_facts(groups, contents)
    (group,) = facts["groups"]
    assert (group["name"], group["label"]) == ("lab/all", "lab/all · seeds")
    assert group["seeds"] == [0, 1, 2, 3]
    assert group["runs"] == [len(contents.runs), len(contents.runs) + 1]
    # Two of four seeds have come to step 100: the last that most have is the first.
    assert group["newest"] == [len(contents.runs)]
    moments = facts["moments"]
    assert [(one["step"], one["seeds"]) for one in moments] == [
        (1, [0, 2, 4, 5]),
        (100, [1, 3]),
    ]


@pytest.mark.slow
def test_without_groups_there_is_nothing(tmp_path: Path) -> None:
    alone = new_store(tmp_path / "s.duckdb", [run(NAMES[0], tags={}), run(NAMES[1], tags={})])
    contents = read_contents(alone)
    groups = read_seed_groups(alone, contents, SHOWN)
    assert groups == ()
    assert seed_facts(groups, contents) == {"groups": [], "moments": []}
    packed = pack_seeds(groups, selections(alone, contents, 0), contents)
    assert (packed.chunks, packed.content) == ((), b"")
