"""Questions that lay a metric beside a score: correlations by depth, and both over steps."""

import functools
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from embstore.api.store import Store
from embstore.choices import Scope
from embstore.store.database import Database
from embstore.store.scores import write_scores
from embstore.types import LayerKey, Run, Score
from tests.queries.asking import ask, column
from tests.stores import new_store
from tests.synthetic import Values, make_run

Numbers = npt.NDArray[np.float64]
STEPS = (0, 1, 10, 100, 1000, 10_000, 100_000)
Z = 1.959963984540054
BOUNDS = """
SELECT rank_correlation_bound(r, $n, $z) AS bound FROM (SELECT unnest($r::DOUBLE[]) AS r)
"""


def of_layers(numbers: Numbers) -> Values:
    """Give layer i the i-th number, and the state after the final norm one far away."""

    def values(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
        if key.site == "final_norm" or scope != "all":
            return 1000.0
        number = float(numbers[key.layer])
        return None if math.isnan(number) else number

    return values


def scored(run: Run, value: float, name: str = "acc") -> Score:
    return Score(
        model=run.model.name,
        revision=run.checkpoint.revision,
        name=name,
        value=value,
        std_error=0.5,
        source="s.csv",
    )


def spearman(x: Numbers, y: Numbers) -> float:
    return float(stats.spearmanr(x, y).statistic)


def partial(x: Numbers, y: Numbers, z: Numbers) -> float:
    """The correlation of what is left of the ranks once a line through those of z is taken off."""
    rx, ry, rz = (stats.rankdata(each) for each in (x, y, z))
    design = np.column_stack([np.ones_like(rz), rz])
    left = [each - design @ np.linalg.lstsq(design, each, rcond=None)[0] for each in (rx, ry)]
    return float(np.corrcoef(*left)[0, 1])


def interval(r: float, n: int) -> tuple[float, float]:
    half = stats.norm.ppf(0.975) * math.sqrt((1 + r * r / 2) / (n - 3))
    return math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)


class Models:
    """Fourteen decoders of four depths, with random profiles, and scores with ties."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.n_layers = rng.choice([3, 4, 6, 12], 14)
        self.scores = rng.normal(size=14).round(1) + self.n_layers / 6
        self.profiles = [
            score + rng.normal(size=n + 1)
            for n, score in zip(self.n_layers, self.scores, strict=True)
        ]
        self.profiles[3][:] = np.nan
        self.runs = [
            make_run(
                name=f"lab/{place}",
                n_layers=int(n),
                hidden_size=8 * (1 + place % 3),
                values=of_layers(profile),
            )
            for place, (n, profile) in enumerate(zip(self.n_layers, self.profiles, strict=True))
        ]
        # Without a value it is no point.
        self.known = [place for place in range(14) if place != 3]

    def at(self, depth: float) -> Numbers:
        """Read all profiles off at a depth, on straight lines between layers."""
        return np.array(
            [
                np.interp(depth, np.arange(n + 1) / n, profile)
                for n, profile in zip(self.n_layers, self.profiles, strict=True)
            ]
        )[self.known]


@pytest.fixture(scope="module")
def models() -> Models:
    return Models()


@pytest.fixture(scope="module")
def store(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """The decoders, an earlier checkpoint of one, encoders and an unscored decoder."""
    known = models.runs[0].model
    same = functools.partial(
        make_run, name=known.name, n_layers=known.n_layers, hidden_size=known.hidden_size
    )
    earlier = same(revision="step1", step=1, values=of_layers(np.zeros(13)))
    control = same(revision="random-init-0", step=0)
    encoders = [make_run(name=f"lab/encoder-{n}", kind="encoder", n_layers=2) for n in range(3)]
    database = new_store(
        tmp_path_factory.mktemp("scores") / "scores.duckdb",
        [*models.runs, earlier, control, *encoders, make_run(name="lab/unscored")],
    )
    write_scores(
        database,
        [
            *(scored(run, value) for run, value in zip(models.runs, models.scores, strict=True)),
            *(scored(run, 9.0) for run in (earlier, control, *encoders)),
            scored(models.runs[0], 1.0, "other"),
        ],
    )
    return database


@pytest.mark.slow
@pytest.mark.parametrize("bins", [5, 20])
def test_over_models_it_is_scipy_s_at_each_depth(
    store: Database, models: Models, bins: int
) -> None:
    rows = ask(store, "score_correlation", statistics=["Spearman"], bins=bins)
    decoders = [row for row in rows if row["series"] == "decoders"]
    assert column(decoders, "depth") == [mark / bins for mark in range(bins + 1)]
    y = models.scores[models.known]
    for row in decoders:
        expected = spearman(models.at(float(str(row["depth"]))), y)
        assert row["correlation"] == pytest.approx(expected, abs=1e-11)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(interval(expected, 13), abs=1e-11)
        assert (row["n"], row["layer"], row["score"], row["control"]) == (13, None, "acc", None)
        assert len(row["run_ids"]) == 13  # type: ignore[arg-type]


@pytest.mark.parametrize("control", ["layers", "parameters"])
def test_partial_is_the_correlation_of_what_is_left(
    store: Database, models: Models, control: str
) -> None:
    rows = ask(store, "score_correlation", statistics=["partial"], control=control, bins=12)
    held = {
        "layers": models.n_layers,
        "parameters": np.array([run.model.n_parameters for run in models.runs]),
    }[control][models.known]
    decoders = [row for row in rows if row["series"] == "decoders"]
    assert len(decoders) == 13
    for row in decoders:
        x = models.at(float(str(row["depth"])))
        expected = partial(x, models.scores[models.known], held)
        assert row["correlation"] == pytest.approx(expected, abs=1e-11)
        # One thing is held fixed: as if there were one model less.
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(interval(expected, 12), abs=1e-11)
        assert (row["n"], row["control"]) == (13, f"number of {control}")


def test_encoders_stand_apart_and_are_too_few(store: Database) -> None:
    rows = [r for r in ask(store, "score_correlation") if r["series"] == "encoders"]
    assert {(r["statistic"], r["n"], r["correlation"], r["reason"]) for r in rows} == {
        ("Spearman", 3, None, "fewer than 4 models"),
        ("partial", 3, None, "fewer than 5 models"),
    }


@pytest.mark.slow
def test_models_revisions_and_scores_are_chosen(store: Database) -> None:
    chosen = ask(store, "score_correlation", models=[f"lab/{n}" for n in (4, 5, 6, 7, 8)])
    assert set(column(chosen, "n")) == {5}
    # The last checkpoint that is scored, of those chosen.
    assert set(column(ask(store, "score_correlation", revisions=["step1"]), "n")) == {1}
    assert set(column(ask(store, "score_correlation", score="other"), "n")) == {1}


class Training:
    """Seven steps of a training; a layer of it has ties, another no value at one step."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.scores = np.array([0.2, 0.3, 0.25, 0.5, 0.5, 0.7, 0.6])
        self.layers = rng.normal(size=(7, 5)).round(2)
        self.layers[:, 1] = [1, 1, 2, 2, 2, 3, 3]
        self.layers[2, 2] = np.nan
        self.layers[:, 3] = np.arange(7)
        self.layers[:, 4] = 5.0

    def runs(self, name: str = "lab/steps") -> list[Run]:
        return [
            make_run(name=name, revision=f"step{step}", step=step, values=of_layers(numbers))
            for step, numbers in zip(STEPS, self.layers, strict=True)
        ]


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Database:
    runs = Training().runs()
    database = new_store(tmp_path_factory.mktemp("training") / "training.duckdb", runs)
    given = zip(runs, Training().scores, strict=True)
    write_scores(database, [scored(run, value) for run, value in given])
    return database


def test_over_steps_it_is_scipy_s_in_each_layer(training: Database) -> None:
    known = Training()
    rows = ask(training, "score_correlation", over="steps")
    assert set(column(rows, "series")) == {"lab/steps"}
    found = {(row["statistic"], row["layer"]): row for row in rows}
    assert len(found) == 10
    for layer in (0, 1, 2):
        there = ~np.isnan(known.layers[:, layer])
        x, y, z = known.layers[there, layer], known.scores[there], np.log1p(STEPS)[there]
        for statistic, expected, n in (
            ("Spearman", spearman(x, y), len(x)),
            # The step and its logarithm have one order.
            ("partial", partial(x, y, z), len(x) - 1),
        ):
            row = found[statistic, layer]
            assert row["correlation"] == pytest.approx(expected, abs=1e-11)
            bounds = (row["ci_low"], row["ci_high"])
            assert bounds == pytest.approx(interval(expected, n), abs=1e-11)
            assert (row["n"], row["depth"], row["reason"]) == (len(x), layer / 4, None)
    assert found["partial", 3]["correlation"] is None
    assert found["partial", 3]["reason"] == "metric or score has the order of the step"
    assert found["Spearman", 4]["correlation"] is None
    assert found["Spearman", 4]["reason"] == "the metric is the same in all"


def test_the_last_checkpoint_is_that_of_the_last_stage(tmp_path: Path) -> None:
    runs = [make_run(name=f"lab/{n}") for n in range(5)]
    stages = [
        make_run(name="lab/9", revision=f"stage{n}-step{step}", step=step)
        for n, step in ((1, 900), (2, 5))
    ]
    store = new_store(tmp_path / "stages.duckdb", [*runs, *stages])
    write_scores(store, [scored(run, float(n)) for n, run in enumerate([*runs, *stages])])
    rows = ask(store, "score_correlation", statistics=["Spearman"])
    (last,) = store.select("SELECT run_id FROM latest_run WHERE starts_with(revision, 'stage2')")[
        "run_id"
    ].to_pylist()
    for row in rows:
        assert row["n"] == 6
        runs_behind = row["run_ids"]
        assert isinstance(runs_behind, list)
        assert last in runs_behind


def test_trainings_have_a_line_each(tmp_path: Path) -> None:
    known = Training()
    runs = [*known.runs("lab/a"), *known.runs("lab/b")]
    store = new_store(tmp_path / "two.duckdb", runs)
    write_scores(
        store, [scored(run, value) for run, value in zip(runs, [*known.scores] * 2, strict=True)]
    )
    rows = ask(store, "score_correlation", over="steps", statistics=["Spearman"])
    each = {
        name: [row["correlation"] for row in rows if row["series"] == name]
        for name in ("lab/a", "lab/b")
    }
    assert each["lab/a"] == each["lab/b"]
    assert len(rows) == 10


REASONS = {
    "all ranks agree or are opposite, which has no interval": (
        [1, 2, 3, 4, 5, 6, 7],
        [2, 3, 4, 5, 6, 7, 8],
    ),
    "the score is the same in all": ([1, 2, 3, 4, 5, 6, 7], [5] * 7),
    "fewer than 4 steps": ([1, 2, 3], [1, 3, 2]),
}


@pytest.mark.parametrize("reason", REASONS)
def test_what_is_undefined_has_a_reason(tmp_path: Path, reason: str) -> None:
    numbers, values = REASONS[reason]
    runs = [
        make_run(revision=f"step{step}", step=step, values=of_layers(np.full(5, float(number))))
        for step, number in zip(STEPS, numbers, strict=False)
    ]
    store = new_store(tmp_path / "reasons.duckdb", runs)
    write_scores(store, [scored(run, float(v)) for run, v in zip(runs, values, strict=True)])
    rows = ask(store, "score_correlation", over="steps", statistics=["Spearman"])
    assert set(column(rows, "reason")) == {reason}
    assert set(column(rows, "ci_low")) == {None}
    agree = reason.startswith("all ranks")
    assert set(column(rows, "correlation")) == ({1.0} if agree else {None})


def test_models_of_one_depth_leave_nothing_to_hold_fixed(tmp_path: Path) -> None:
    runs = [make_run(name=f"lab/{n}", values=of_layers(np.full(5, float(n % 4)))) for n in range(6)]
    store = new_store(tmp_path / "depth.duckdb", runs)
    write_scores(store, [scored(run, float(n)) for n, run in enumerate(runs)])
    rows = ask(store, "score_correlation", statistics=["partial"])
    assert set(column(rows, "reason")) == {"the number of layers is the same in all"}
    assert set(column(rows, "correlation")) == {None}


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 12, 30])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
def test_the_interval_holds_as_often_as_it_says(store: Database, n: int, rho: float) -> None:
    """Of 4,000 samples of a normal, 95 of 100 intervals hold the true rank correlation."""
    rng = np.random.default_rng(n)
    x = rng.normal(size=(4000, n))
    y = rho * x + math.sqrt(1 - rho**2) * rng.normal(size=(4000, n))
    r = np.array([spearman(*pair) for pair in zip(x, y, strict=True)])
    bounds = [
        store.select(BOUNDS, {"r": r.tolist(), "n": n, "z": z})["bound"].to_pylist()
        for z in (-Z, Z)
    ]
    # Spearman's correlation of a normal (Pearson 1907). Where all ranks agree there is none.
    true = 6 / math.pi * math.asin(rho / 2)
    held = [low < true < high for low, high in zip(*bounds, strict=True) if low is not None]
    assert len(held) > 3950
    # Three standard errors of a share of 4,000 are .010; the formula is an approximation, and of
    # few things with a large correlation it is wide rather than narrow.
    assert 0.935 <= np.mean(held) <= 0.975


@pytest.mark.slow
def test_the_partial_interval_holds_as_often_as_it_says(store: Database) -> None:
    """Two variables that have only a third in common: what is left of them is independent."""
    rng = np.random.default_rng(5)
    z = rng.normal(size=(4000, 15))
    x, y = (0.7 * z + rng.normal(size=z.shape) for _ in range(2))
    r = np.array([partial(*each) for each in zip(x, y, z, strict=True)])
    low, high = (
        np.array(store.select(BOUNDS, {"r": r.tolist(), "n": 14, "z": bound})["bound"].to_pylist())
        for bound in (-Z, Z)
    )
    # That of ranks is near that of the numbers, which is 0.
    assert 0.93 <= np.mean((low < 0) & (high > 0)) <= 0.97


def test_bounds_are_none_where_there_is_no_interval(store: Database) -> None:
    found = store.select(
        "SELECT rank_correlation_bound(1.0, 9, 1.96) AS agreeing, "
        "rank_correlation_bound(0.5, 3, 1.96) AS few, rank_correlation_bound(0.5, 4, 0) AS there, "
        "partial_correlation(0.5, 1.0, 0.5) AS given, partial_correlation(0.9, 0.0, 0.0) AS free"
    ).to_pylist()
    (row,) = found
    assert [row[name] for name in ("agreeing", "few", "given")] == [None, None, None]
    assert (row["there"], row["free"]) == pytest.approx((0.5, 0.9))


@pytest.mark.parametrize(("of", "reduced"), [("mean", np.mean), ("max", np.max)])
def test_a_metric_and_a_score_stand_beside_each_other(
    training: Database, of: str, reduced: object
) -> None:
    known = Training()
    rows = ask(training, "score_by_step", of=of)
    metric = [row for row in rows if row["score"] is None]
    score = [row for row in rows if row["score"] is not None]
    assert column(metric, "step") == column(score, "step") == list(STEPS)
    # The embedding is no block, and layer 2 has no value at one step.
    expected = reduced(known.layers[:, [1, 3, 4]], axis=1)  # type: ignore[operator]
    assert column(metric, "value") == pytest.approx(list(expected))
    assert set(column(metric, "quantity")) == {f"{of} over layers"}
    assert column(score, "value") == list(known.scores)
    assert column(score, "ci_low") == pytest.approx(list(known.scores - Z * 0.5))
    assert set(column(score, "quantity")) == {"acc"}
    (one,) = [r for r in ask(training, "score_by_step", layers=[3]) if r["step"] == 100][:1]
    assert one["value"] == known.layers[3, 3]
    # Steps at which no layer asked for has a value are no steps to have one at.
    (gap,) = [r for r in ask(training, "score_by_step", layers=[2]) if r["step"] == 10][:1]
    assert gap["value"] is None


@pytest.mark.slow
def test_scores_are_listed_with_what_they_are_of(store: Database) -> None:
    write_scores(store, [Score(model="lab/absent", name="acc", value=1.0, source="t.csv")])
    rows = ask(store, "scores", models=["lab/absent", "lab/0"], names=["acc"])
    assert [(r["model"], r["revision"], r["step"], r["checkpoint"]) for r in rows] == [
        ("lab/0", "random-init-0", 0, "lab/0@random-init-0"),
        ("lab/0", "step1", 1, "lab/0@step1"),
        ("lab/0", "main", None, "lab/0@main"),
        ("lab/absent", None, None, None),
    ]
    write_scores(store, [Score(model="lab/0", name="acc", value=1.0, source="t.csv")])
    hidden = [r["hidden_by"] for r in ask(store, "scores", models=["lab/0"], names=["acc"])]
    assert hidden == [None, None, "t.csv", None]


def test_over_steps_a_note_says_that_they_are_not_independent(
    training: Database, store: Database
) -> None:
    (note,) = Store(training).query("score_correlation", over="steps").notes
    assert note.startswith("Steps of one training follow each other and are not independent")
    assert not [n for n in Store(store).query("score_correlation").notes if "Steps of" in n]
