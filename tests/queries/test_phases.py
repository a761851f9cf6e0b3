"""Whether a dimension rises and falls: the verdicts of the question phases."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from embstore.choices import Scope
from embstore.store.database import Database
from embstore.store.writing import write_run, write_runs
from embstore.types import LayerKey, Measurement
from tests.queries.asking import ask, by_layer, column, copy_of
from tests.stores import new_store
from tests.synthetic import make_run, with_effects

COURSES: dict[str, tuple[Sequence[float], str]] = {
    "up, down": ([10, 12, 15, 20, 18, 15, 12], "two phases"),
    "up": ([10, 11, 12, 14, 16, 18, 20], "rises only"),
    "down": ([20, 18, 16, 14, 12, 11, 10], "falls only"),
    "still": ([10, 10.1, 9.9, 10, 10.2, 10, 9.95], "flat"),
    "down, up": ([20, 15, 12, 10, 12, 15, 20], "falls, then rises"),
    "down, up, down": ([20, 15, 10, 15, 20, 15, 10], "three phases"),
    "up, down, up": ([10, 15, 20, 15, 10, 15, 20], "rises, falls, rises again"),
    "many": ([10, 20, 10, 20, 10, 20, 10], "open"),
    # The fall, 2.5 %, is within the errors of 1 % each: 3.2 · √2 · 1 % is 4.5 %.
    "up, hardly down": ([10, 12, 15, 18, 20, 19.8, 19.5], "rises only"),
}


@pytest.fixture(scope="module")
def courses(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A model whose every block goes one of the courses; the embedding has noise."""
    database = new_store(tmp_path_factory.mktemp("courses") / "courses.duckdb")
    values = [course for course, _verdict in COURSES.values()]
    write_series(database, values)
    return database


def write_series(database: Database, values: Sequence[Sequence[float]]) -> None:
    """Write a run per step; block i has the i-th series, from 1 on, with errors of 1 %."""
    runs = []
    for place in range(len(values[0])):

        def number(
            metric: str, key: LayerKey, scope: Scope, depth: float, at: int = place
        ) -> float | None:
            if key.site != "block":
                return 500.0 * (1 + at % 2)
            return values[key.layer - 1][at]

        runs.append(
            make_run(
                name="lab/courses",
                revision=f"step{2**place}",
                step=2**place,
                n_layers=len(values),
                values=number,
                errors={"twonn": 0.01},
            )
        )
    write_runs(database, runs)


def threshold(n_steps: int, z: float = 2.0) -> float:
    """How many errors a move must exceed: z, and more the more pairs of steps there are."""
    return math.sqrt(z**2 + 2 * math.log(math.comb(n_steps, 2)))


def moves_of(values: Sequence[float], errors: Sequence[float], z: float = 2.0) -> str:
    """Find the moves that exceed the errors of independent steps."""
    z = threshold(len(values), z)
    return walk(values, lambda i, j: z * math.hypot(errors[i], errors[j]))


def walk(values: Sequence[float], least: Callable[[int, int], float]) -> str:
    """Find the moves that exceed a least distance, as one would by hand: an independent oracle.

    From the last turn on, the first value that is too far from an earlier one in the
    direction not yet taken turns the course; the turn is at that value.
    """
    moves, start = "", 0
    for now in range(len(values)):
        for sign, move in ((1, "+"), (-1, "-")):
            if moves.endswith(move):
                continue
            before = range(start, now)
            extreme = min(before, key=lambda at: sign * values[at], default=None)
            if extreme is None:
                continue
            if sign * (values[now] - values[extreme]) > least(now, extreme):
                moves, start = moves + move, now
                break
    return moves


def write_windows(database: Database, windows: np.ndarray) -> None:
    """Write a run per step of means over windows, (blocks, steps, windows)."""
    runs = []
    for step in range(windows.shape[1]):
        values = windows[:, step].mean(axis=1)
        effects = (windows[:, step] - values[:, np.newaxis]) / windows.shape[2]

        def own(measurement: Measurement, effects: np.ndarray = effects) -> list[float]:
            return list(effects[max(measurement.key.layer - 1, 0)])

        run = make_run(
            name="lab/courses",
            revision=f"step{step + 1}",
            step=step + 1,
            n_layers=len(windows),
            values=by_layer(0.0, *values),
        )
        runs.append(with_effects(run, own))
    write_runs(database, runs)


def paired_moves(windows: np.ndarray) -> str:
    """Find the moves of one block, (steps, windows), by paired t-tests of its steps."""
    level = stats.norm.sf(threshold(len(windows)))

    def least(i: int, j: int) -> float:
        t = stats.t.isf(level, windows.shape[1] - 1)
        return float(t * stats.sem(windows[i] - windows[j]))

    return walk(list(windows.mean(axis=1)), least)


class TestPairedErrors:
    @pytest.mark.slow
    def test_a_course_moves_where_a_paired_t_test_says_so(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        # Windows differ far more than steps do; each block rises by its own height, or falls.
        heights = np.linspace(-0.6, 0.6, 24)
        windows = rng.normal(20, 2, (24, 1, 16)) + rng.normal(0, 0.2, (24, 5, 16))
        windows[:, -1] += heights[:, np.newaxis]
        database = new_store(tmp_path / "paired.duckdb")
        write_windows(database, windows)
        rows = ask(database, "phases", by="layer")
        assert set(column(rows, "errors")) == {"paired"}
        found = column(rows, "moves")
        assert found == [paired_moves(steps) for steps in windows]
        assert 4 < found.count("") < 20
        # The same errors, taken as independent, would explain every rise.
        for row in rows:
            low, high = row["first_value"], row["peak_value"]
            assert isinstance(low, float)
            assert isinstance(high, float)
            assert high - low < threshold(5) * math.hypot(2, 2) / 4

    def test_the_mean_has_the_error_of_the_means_of_each_window(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(1)
        windows = rng.normal(20, 2, (3, 1, 8)) + rng.normal(0, 0.2, (3, 6, 8))
        database = new_store(tmp_path / "paired.duckdb")
        write_windows(database, windows)
        (row,) = ask(database, "phases")
        mean = windows.mean(axis=0)
        at = int(mean.mean(axis=1).argmax())
        low = int(mean.mean(axis=1)[: at + 1].argmin())
        error = stats.sem(mean[at] - mean[low]) if at > low else 0
        assert row["rise_error"] == pytest.approx(error, rel=1e-4, abs=2e-3)
        (row,) = ask(database, "phases", by="highest")
        assert row["errors"] == "paired"

    def test_one_step_that_read_other_tokens_makes_all_independent(self, tmp_path: Path) -> None:
        runs = [
            with_effects(make_run(revision=f"step{step}", step=step), lambda _: [0.1, -0.1])
            for step in range(1, 6)
        ]
        other = dataclasses.replace(runs[2].configuration, token_ids_sha256="others")
        runs[2] = dataclasses.replace(runs[2], configuration=other)
        (row,) = ask(new_store(tmp_path / "others.duckdb", runs), "phases")
        assert row["errors"] == "independent"

    def test_windows_that_lack_the_number_lend_no_freedom(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(3)

        def errors_of(n_without: int) -> float:
            runs = []
            for step in range(1, 6):
                known = rng.normal(20, 1, 8)
                effects = [*(known - known.mean()) / 8, *[0.0] * n_without]

                def moved(_: Measurement, effects: list[float] = effects) -> list[float]:
                    return effects

                runs.append(with_effects(make_run(revision=f"step{step}", step=step), moved))
            (row,) = ask(new_store(tmp_path / f"{n_without}.duckdb", runs), "phases")
            assert row["errors"] == "paired"
            return float(str(row["least_errors"]))

        assert errors_of(4) == errors_of(0) > threshold(5)

    @pytest.mark.parametrize(("n_steps", "n_windows"), [(5, 4), (5, 16), (20, 16), (40, 64)])
    def test_noise_makes_a_move_no_more_often_than_one_comparison(
        self, tmp_path: Path, n_steps: int, n_windows: int
    ) -> None:
        """Flat courses whose windows differ far more than their steps; the rate is that of z."""
        rng = np.random.default_rng(2)
        draws = rng.normal(size=(2000, n_steps, n_windows))
        # Of all pairs of steps: means, and sums of squares from inner products.
        means = draws.mean(axis=2)
        centred = draws - means[:, :, np.newaxis]
        squares = np.square(centred).sum(axis=2)
        between = squares[:, :, np.newaxis] + squares[:, np.newaxis] - 2 * centred @ centred.mT
        error = np.sqrt(np.maximum(between, 0) / (n_windows * (n_windows - 1)))
        error[:, *np.diag_indices(n_steps)] = np.inf
        t = abs(means[:, :, np.newaxis] - means[:, np.newaxis]) / error
        freedom = n_windows - 1
        sql = "SELECT student_errors($z::DOUBLE, $freedom::INTEGER) AS t"
        database = new_store(tmp_path / "empty.duckdb")
        (row,) = database.select(sql, {"z": threshold(n_steps), "freedom": freedom}).to_pylist()
        # 4.55 % is how often two equal values differ by two errors.
        assert (t > row["t"]).any(axis=(1, 2)).mean() < 0.0455
        # Normal errors in place of Student's t would find moves in noise.
        if n_windows < 64:
            assert (t > threshold(n_steps)).any(axis=(1, 2)).mean() > 0.0455 + 0.015


class TestPhases:
    @pytest.mark.parametrize("name", COURSES)
    def test_the_verdict_follows_from_the_course(self, courses: Database, name: str) -> None:
        layer = list(COURSES).index(name) + 1
        rows = ask(courses, "phases", by="layer")
        (row,) = [row for row in rows if row["layer"] == layer]
        assert row["verdict"] == COURSES[name][1]

    def test_peak_rise_fall_and_share(self, courses: Database) -> None:
        row = ask(courses, "phases", by="layer")[0]
        assert (row["layer"], row["peak_step"], row["n_steps"]) == (1, 8, 7)
        assert (row["first_value"], row["peak_value"], row["last_value"]) == (10, 20, 12)
        assert (row["rise"], row["fall"], row["share_down"]) == (10, 8, 1.0)
        assert row["rise_error"] == pytest.approx(math.hypot(0.2, 0.1))
        assert row["fall_error"] == pytest.approx(math.hypot(0.2, 0.12))

    def test_a_peak_at_the_end_has_no_steps_after_it(self, courses: Database) -> None:
        row = ask(courses, "phases", by="layer")[1]
        assert (row["verdict"], row["share_down"], row["fall"]) == ("rises only", None, 0)

    def test_the_mean_is_over_the_blocks(self, courses: Database) -> None:
        (row,) = ask(courses, "phases")
        values = np.array([course for course, _verdict in COURSES.values()])
        mean = values.mean(axis=0)
        # Neither the embedding, which is 500 and more, nor the final norm counts.
        assert row["peak_value"] == pytest.approx(mean.max())
        assert row["n_layers"] == len(COURSES)
        # The errors share their tokens: the mean of the errors, not less.
        at, low = int(mean.argmax()), int(mean[: mean.argmax() + 1].argmin())
        assert row["rise_error"] == pytest.approx(0.01 * math.hypot(mean[at], mean[low]))

    def test_the_course_is_told_where_it_begins_turns_and_ends(self, courses: Database) -> None:
        rows = ask(courses, "phases", by="layer")
        found = dict(zip(COURSES, rows, strict=True))
        assert found["up"]["turn_steps"] == [1, 64]
        assert found["up, down"]["turn_steps"] == [1, 8, 64]
        assert found["up, down"]["turn_values"] == [10, 20, 12]
        assert found["down, up, down"]["turn_values"] == [20, 10, 20, 10]
        # It moves once: the values at the end fall within their errors.
        assert found["up, hardly down"]["turn_values"] == [10, 20]
        # Of a flat one, the lowest and the highest between.
        assert found["still"]["turn_steps"] == [1, 4, 16, 64]
        assert found["still"]["turn_values"] == [10, 9.9, 10.2, 9.95]

    def test_one_move_is_told_from_where_it_begins_to_where_it_ends(self, tmp_path: Path) -> None:
        """From its first to its last point each goes the other way."""
        database = new_store(tmp_path / "one.duckdb")
        write_series(database, [[5, 3, 4.5, 6, 4], [4, 6, 4.5, 3, 5]])
        for row in ask(database, "phases", by="layer", z=40):
            # Forty errors of 1 %: 3 to 6 is a move, 3 to 5 and 4 to 6 are none.
            up = row["layer"] == 1
            assert row["verdict"] == ("rises only" if up else "falls only")
            assert row["turn_values"] == ([3, 6] if up else [6, 3])
            assert row["turn_steps"] == [2, 8]
            rings = row["course_turns"]
            assert rings == [None, "step 2", None, "step 8", None]

    def test_the_error_of_the_highest_block_is_its_own(self, courses: Database) -> None:
        (row,) = ask(courses, "phases", by="highest")
        highest = np.array([course for course, _verdict in COURSES.values()]).max(axis=0)
        assert (row["peak_value"], row["n_layers"]) == (highest.max(), len(COURSES))
        turns = row["turn_values"]
        assert isinstance(turns, list)
        assert (turns[0], turns[-1]) == (highest[0], highest[-1])
        at = int(highest.argmax())
        low = highest[: at + 1].min()
        assert row["rise_error"] == pytest.approx(0.01 * math.hypot(highest[at], low))

    def test_the_runs_behind_a_course_come_in_the_order_of_its_steps(
        self, courses: Database
    ) -> None:
        (row,) = ask(courses, "phases")
        stored = courses.select(
            "SELECT run_id FROM run JOIN checkpoint USING (checkpoint_id) ORDER BY step"
        )
        assert row["run_ids"] == stored["run_id"].to_pylist()

    def test_few_steps_leave_it_open(self, courses: Database) -> None:
        (row,) = ask(courses, "phases", least_steps=8)
        assert (row["verdict"], row["reason"]) == ("open", "only 7 steps, fewer than 8")

    def test_without_errors_it_is_open(self, courses: Database) -> None:
        (row,) = ask(courses, "phases", metric="mean_cosine")
        assert (row["verdict"], row["reason"]) == ("open", "no standard error at 7 steps")

    def test_more_errors_demanded_leave_fewer_moves(self, courses: Database) -> None:
        rows = ask(courses, "phases", by="layer", z=1000)
        assert {row["verdict"] for row in rows} == {"flat"}

    @pytest.mark.slow
    def test_random_courses_have_the_moves_an_oracle_finds(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(7)
        # Steps of some errors' size: many borderline moves, of every number.
        walks = 20 + np.cumsum(rng.normal(0, 0.8, size=(40, 8)), axis=1)
        database = new_store(tmp_path / "walks.duckdb")
        write_series(database, walks.tolist())
        found = [row["moves"] for row in ask(database, "phases", by="layer")]
        expected = [moves_of(walk, [0.01 * value for value in walk]) for walk in walks]
        assert found == expected
        assert len(set(found)) >= 5
        found = [row["moves"] for row in ask(database, "phases", by="layer", z=0.5)]
        assert found == [moves_of(walk, [0.01 * value for value in walk], 0.5) for walk in walks]

    @pytest.mark.slow
    def test_a_long_course_is_found_in_noise_and_noise_is_not(self, tmp_path: Path) -> None:
        """Of 60 blocks over 30 steps, 40 are flat, and 20 rise by 15 % and fall again."""
        rng = np.random.default_rng(8)
        truth = np.full((60, 30), 20.0)
        truth[40:] += 3 * np.sin(np.pi * np.arange(30) / 29)
        database = new_store(tmp_path / "noise.duckdb")
        write_series(database, (truth * (1 + 0.01 * rng.normal(size=truth.shape))).tolist())
        rows = ask(database, "phases", by="layer")
        verdicts = [row["verdict"] for row in rows]
        # A move in 2 of 100 is expected, at most in 5: more than 4 of 40 would be chance of
        # less than 1 in 20 even then. With a fixed 3 errors more than a third would.
        assert verdicts[:40].count("flat") >= 36
        assert "two phases" not in verdicts[:40]
        assert set(verdicts[40:]) == {"two phases"}
        assert column(rows, "least_errors") == pytest.approx([threshold(30)] * 60)
        assert threshold(30) == pytest.approx(4.02, abs=0.005)

    @pytest.mark.slow
    @pytest.mark.parametrize("n_steps", [5, 20, 50, 154])
    def test_the_rate_of_false_moves_is_that_of_one_comparison(self, n_steps: int) -> None:
        draws = np.random.default_rng(9).normal(size=(20_000, n_steps))
        # Of a flat course a move is found where any two steps differ by more than it takes.
        far = np.ptp(draws, axis=1) > threshold(n_steps) * math.sqrt(2)
        by_walking = [bool(moves_of(course, [1.0] * n_steps)) for course in draws[:200].tolist()]
        assert by_walking == far[:200].tolist()
        # 4.55 % is how often two equal values differ by two errors. The bound is not loose.
        assert 0.01 < far.mean() < 0.0455

    def test_gaps_take_their_layer_or_their_step(self, tmp_path: Path) -> None:
        """Block 2 lacks a value at one step, and at another no block has any."""
        database = new_store(tmp_path / "gaps.duckdb")
        runs = []
        for step in range(1, 8):

            def values(
                metric: str, key: LayerKey, scope: Scope, depth: float, at: int = step
            ) -> float | None:
                return None if at == 7 or (at, key.layer) == (3, 2) else float(key.layer)

            runs.append(make_run(revision=f"step{step}", step=step, n_layers=2, values=values))
        write_runs(database, runs)
        (row,) = ask(database, "phases")
        # Block 1 alone: had block 2 counted where it could, the mean would have moved.
        assert (row["n_steps"], row["n_layers"], row["peak_value"]) == (6, 1, 1.0)
        assert row["verdict"] == "flat"

    @pytest.mark.slow
    def test_copies_under_another_step_are_left_out(self, tmp_path: Path) -> None:
        database = new_store(tmp_path / "copies.duckdb")
        runs = [
            make_run(revision=f"step{step}", step=step, n_layers=1, values=by_layer(1, 1))
            for step in range(1, 7)
        ]
        write_runs(database, runs)
        (row,) = ask(database, "phases")
        assert row["n_steps"] == 6
        write_run(database, copy_of(runs[0], revision="step7", step=7))
        (row,) = ask(database, "phases")
        # One of steps 1 and 7 is not what its name says, and nobody knows which.
        assert (row["n_steps"], row["first_step"], row["n_left_out"]) == (5, 2, 2)
        assert row["reason"] == "2 steps left out, whose weights another step has too"
        (row,) = ask(database, "phases", duplicates=True)
        assert (row["n_steps"], row["n_left_out"], row["reason"]) == (7, 0, None)
        # The same weights under main are no contradiction.
        write_run(database, copy_of(runs[3], revision="main"))
        (row,) = ask(database, "phases")
        assert row["n_steps"] == 5

    @pytest.mark.parametrize("by", ["mean", "layer"])
    def test_where_all_steps_are_copies_it_is_open(self, tmp_path: Path, by: str) -> None:
        database = new_store(tmp_path / "copies.duckdb")
        run = make_run(name="lab/copied", revision="step1", step=1, n_layers=2)
        write_runs(
            database, [copy_of(run, revision=f"step{step}", step=step) for step in range(1, 6)]
        )
        rows = ask(database, "phases", by=by)
        assert column(rows, "layer") == ([None] if by == "mean" else [1, 2])
        for row in rows:
            assert (row["verdict"], row["n_steps"], row["peak_step"]) == ("open", 0, None)
            assert row["reason"] == (
                "no step is left; 5 steps left out, whose weights another step has too"
            )

    @pytest.mark.slow
    def test_where_values_are_missing_it_is_open(self, tmp_path: Path) -> None:
        """One block lacks a value at one step, the other at another."""
        database = new_store(tmp_path / "missing.duckdb")
        runs = []
        for step in range(1, 6):

            def values(
                metric: str, key: LayerKey, scope: Scope, depth: float, at: int = step
            ) -> float | None:
                return None if at == key.layer or metric == "mean_cosine" else 1.0

            runs.append(make_run(revision=f"step{step}", step=step, n_layers=2, values=values))
        write_runs(database, runs)
        (row,) = ask(database, "phases")
        assert (row["verdict"], row["n_steps"]) == ("open", 0)
        assert row["reason"] == "no block has a value at every step"
        rows = ask(database, "phases", by="layer")
        assert column(rows, "reason") == ["no value at some step"] * 2
        (row,) = ask(database, "phases", metric="mean_cosine")
        assert (row["verdict"], row["reason"]) == ("open", "no value at any step")
