"""Bands over the seeds of a group, against NumPy and the numbers that were stored of each."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embstore.choices import Scope
from embstore.errors import QueryError, UsageError
from embstore.store.database import Database
from embstore.types import LayerKey
from tests.queries.asking import ask
from tests.queries.of_seeds import NAMES, SPREADS, drawn, in_band, run, spread, store
from tests.synthetic import ALL_METRICS, make_run

pytestmark = pytest.mark.slow

PROFILES = {
    "layer_profile": "value",
    "dimension_profile": "value",
    "linearity_profile": "linearity",
    "adjacent_similarity": "similarity",
    "encoder_vs_decoder": "value",
    "metric_profiles": "value",
}


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Database:
    alone = make_run(name="lab/other", metrics=ALL_METRICS, values=drawn("lab/other"))
    return store(tmp_path_factory.mktemp("seeds"), *map(run, NAMES), alone)


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Four seeds in training; the last has not come to step 100."""
    runs = [run(name, n) for name in NAMES for n in (1, 10, 100) if (name, n) != (NAMES[-1], 100)]
    return store(tmp_path_factory.mktemp("trainings"), *runs)


KEYS = {layer: LayerKey("decoder", layer, "block" if layer else "embedding") for layer in range(5)}


def stored(row: dict[str, Any], of: object = None) -> float | None:
    """Return the number that was stored of a row's model, layer and scope."""
    values = drawn(row["model"], of)
    return values(row["metric"], KEYS[row["layer"]], row["scope"], 0.0)


@pytest.mark.parametrize("of", SPREADS)
@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_the_median_in_a_band_over_seeds(seeds: Database, name: str, of: str) -> None:
    value = PROFILES[name]
    single = [r for r in ask(seeds, name, seeds="single") if r["model"] != "lab/other"]
    rows = [r for r in ask(seeds, name, seeds=of) if r["model"] == "lab/all"]
    assert len(single) == 4 * len(rows) > 0
    for row in rows:
        same = [
            r
            for r in single
            if all(r[k] == row[k] for k in ("scope", "layer", "metric", "kind", "corpus"))
        ]
        assert [r["run_id"] for r in same] != [None] * 4
        assert [r[value] for r in same] == [stored(r) for r in same]
        assert in_band(row, value) == pytest.approx(
            spread([float(str(r[value])) for r in same], of), rel=1e-12
        )
        assert row["series"] == "lab/all · 4 seeds"
        assert row["n_seeds"] == 4
        assert row["run_ids"] == sorted(str(r["run_id"]) for r in same)
        # An error of measurement is no spread of seeds.
        assert [row[k] for k in ("ci_low", "ci_high", "std_error", "run_id")] == [None] * 4


@pytest.mark.parametrize("of", SPREADS)
def test_the_dimension_at_one_scale_has_a_band(seeds: Database, of: str) -> None:
    single = [r for r in ask(seeds, "gride_profile", seeds="single") if r["model"] in NAMES]
    rows = [r for r in ask(seeds, "gride_profile", seeds=of) if r["model"] == "lab/all"]
    assert len(single) == 4 * len(rows) > 0
    for row in rows:
        same = [float(str(r["dimension"])) for r in single if r["layer"] == row["layer"]]
        assert in_band(row, "dimension") == pytest.approx(spread(same, of), rel=1e-12)
        assert (row["series"], row["n_seeds"]) == ("lab/all · 4 seeds", 4)
        assert [row[k] for k in ("ci_low", "ci_high", "std_error", "run_id")] == [None] * 4


@pytest.mark.parametrize("of", SPREADS)
def test_a_state_in_training_has_a_band_at_each_step(trainings: Database, of: str) -> None:
    single = ask(trainings, "metrics_by_step", seeds="single")
    rows = ask(trainings, "metrics_by_step", seeds=of)
    assert {row["series"] for row in rows} == {"lab/all · 4 seeds"}
    assert [(row["metric"], row["step"], row["n_seeds"]) for row in rows] == [
        (metric, step, n)
        for metric in ("anisotropy", "twonn")
        for step, n in ((1, 4), (10, 4), (100, 3))
    ]
    for row in rows:
        same = [
            float(str(r["value"]))
            for r in single
            if (r["metric"], r["step"]) == (row["metric"], row["step"])
        ]
        assert len(same) == row["n_seeds"]
        assert in_band(row) == pytest.approx(spread(same, of), rel=1e-12)


def test_the_quartiles_of_the_local_dimension_are_medians_too(seeds: Database) -> None:
    single = ask(seeds, "dimension_profile", seeds="single", models=list(NAMES))
    for row in ask(seeds, "dimension_profile", models="lab/all"):
        for name in ("lid_p25", "lid_p75"):
            each = [r[name] for r in single if r["layer"] == row["layer"]]
            assert row[name] == pytest.approx(np.median(np.array(each, dtype=np.float64)))


def test_a_model_beside_the_seeds_is_as_it_was(seeds: Database) -> None:
    for name in PROFILES:
        alone = ask(seeds, name, models="lab/other")
        both = [row for row in ask(seeds, name) if row["model"] == "lab/other"]
        assert both == alone
        assert {row["series"] for row in both} == {"lab/other"}
        assert {row["n_seeds"] for row in both} == {None}
    with_errors = ask(seeds, "layer_profile", metric="twonn", models="lab/other", scopes="all")
    assert all(row["ci_low"] < row["value"] < row["ci_high"] for row in with_errors)  # type: ignore[operator]


@pytest.mark.parametrize("of", SPREADS)
def test_a_grid_of_depths_is_read_off_each_seed_first(seeds: Database, of: str) -> None:
    single = ask(seeds, "depth_grid", seeds="single", models=list(NAMES), intervals=3)
    rows = ask(seeds, "depth_grid", seeds=of, models="lab/all", intervals=3)
    assert len(rows) == 4
    for row in rows:
        each = [float(str(r["value"])) for r in single if r["depth"] == row["depth"]]
        assert len(each) == row["n_seeds"] == 4
        assert in_band(row) == pytest.approx(spread(each, of))


@pytest.mark.parametrize("of", SPREADS)
def test_a_training_has_as_many_seeds_as_came_to_a_step(trainings: Database, of: str) -> None:
    rows = ask(trainings, "dimension_by_step", seeds=of)
    assert {row["series"] for row in rows} == {"lab/all · 4 seeds"}
    assert len(rows) == 3 * 5
    for row in rows:
        n = 3 if row["step"] == 100 else 4
        key = KEYS[row["layer"]]  # type: ignore[index]
        each = [drawn(name, row["step"])("twonn", key, "all", 0.0) for name in NAMES[:n]]
        assert row["n_seeds"] == n
        assert in_band(row) == pytest.approx(spread(each, of))  # type: ignore[arg-type]


@pytest.mark.parametrize("of", SPREADS)
def test_each_seed_has_a_peak_of_its_own(trainings: Database, of: str) -> None:
    rows = ask(trainings, "anisotropy_by_step", seeds=of, scopes="all")
    assert [row["step"] for row in rows] == [1, 10, 100]
    for row in rows:
        names = NAMES[:3] if row["step"] == 100 else NAMES
        profiles = [
            [drawn(name, row["step"])("anisotropy", key, "all", 0.0) for key in KEYS.values()]
            for name in names
        ]
        peaks = np.array(profiles, dtype=np.float64)
        assert row["n_seeds"] == len(names)
        assert in_band(row) == pytest.approx(spread(peaks.max(axis=1), of))
        at = set(peaks.argmax(axis=1))
        assert row["peak_layer"] == (at.pop() if len(at) == 1 else None)


def test_seeds_of_two_texts_are_two_series(tmp_path: Path) -> None:
    runs = [run(name, corpus=text) for name in NAMES[:2] for text in ("prose", "verse")]
    rows = ask(store(tmp_path, *runs), "layer_profile", scopes="all")
    assert {row["series"] for row in rows} == {
        "lab/all · prose · 2 seeds",
        "lab/all · verse · 2 seeds",
    }


def test_revisions_that_are_called_otherwise_meet_at_their_step(tmp_path: Path) -> None:
    other = run("lab/s2", 10, revision="checkpoint-10")
    rows = ask(store(tmp_path, run("lab/s1", 10), other), "layer_profile", scopes="all")
    assert {(row["revision"], row["n_seeds"]) for row in rows} == {("checkpoint-10", 2)}


def test_without_a_common_step_or_with_one_seed_models_are_themselves(tmp_path: Path) -> None:
    apart = store(tmp_path, run("lab/s1", 1), run("lab/s2", 2))
    assert {row["series"] for row in ask(apart, "layer_profile")} == {"lab/s1", "lab/s2"}
    assert {row["series"] for row in ask(apart, "anisotropy_by_step")} == {"lab/s1", "lab/s2"}
    (tmp_path / "one").mkdir()
    one = store(tmp_path / "one", run("lab/s1"))
    rows = ask(one, "layer_profile", metric="twonn", scopes="all")
    assert {(row["series"], row["n_seeds"]) for row in rows} == {("lab/s1", None)}
    assert all(row["ci_low"] is not None for row in rows)


def test_one_seed_that_is_asked_for_is_itself_and_two_are_a_band(seeds: Database) -> None:
    for of in ("band", "single"):
        one = ask(seeds, "layer_profile", models="lab/s1", seeds=of)
        assert {(row["series"], row["n_seeds"]) for row in one} == {("lab/s1", None)}
    two = ask(seeds, "layer_profile", models=["lab/s1", "lab/s2"], scopes="all")
    assert {row["n_seeds"] for row in two} == {2}
    for row in two:
        key = KEYS[row["layer"]]  # type: ignore[index]
        each = [drawn(name, None)("anisotropy", key, "all", 0.0) for name in NAMES[:2]]
        values = np.array(each, dtype=np.float64)
        assert in_band(row) == pytest.approx([values.mean(), values.min(), values.max()])
    runs = [str(row["run_id"]) for row in ask(seeds, "layer_profile", seeds="single")]
    named = ask(seeds, "layer_profile", runs=runs)
    assert {row["n_seeds"] for row in named} == {None}


@pytest.mark.parametrize(
    "how",
    [
        {"tokens": 512},
        {"seed": 1},
        {"windows": "documents"},
        {"n_layers": 5},
        {"hidden_size": 16},
        {"kind": "encoder"},
        {"architecture": "OPTModel"},
    ],
)
def test_what_was_not_measured_alike_is_no_part_of_a_band(
    how: dict[str, Any], tmp_path: Path
) -> None:
    runs = [*map(run, NAMES[:3]), run("lab/s4", **how)]
    database = store(tmp_path, *runs)
    rows = ask(database, "layer_profile", scopes="all")
    assert {row["series"] for row in rows} == {"lab/all · 3 seeds", "lab/s4"}
    found = database.select("SELECT differs FROM seed_run WHERE differs IS NOT NULL").to_pylist()
    what = next(iter(how))
    said = {"kind": "kind, architecture", "tokens": "tokens, sample_size"}.get(what, what)
    assert found == [{"differs": said}]


def test_of_equally_many_those_measured_last_are_the_band(tmp_path: Path) -> None:
    later = datetime(2026, 11, 5, tzinfo=UTC)
    runs = [
        *(run(name, tokens=512) for name in NAMES[:2]),
        *(run(name, created_at=later) for name in NAMES[2:]),
    ]
    database = store(tmp_path, *runs)
    rows = ask(database, "layer_profile")
    assert {row["series"] for row in rows} == {"lab/all · 2 seeds", "lab/s1", "lab/s2"}


def test_each_step_has_a_way_of_measuring_of_its_own(tmp_path: Path) -> None:
    runs = [run(name, n, tokens=256 * n) for name in NAMES[:2] for n in (1, 2)]
    rows = ask(store(tmp_path, *runs), "dimension_by_step")
    assert {row["n_seeds"] for row in rows} == {2}


def test_controls_are_never_among_the_trained(tmp_path: Path) -> None:
    runs = [
        *map(run, NAMES[:3]),
        *(run(name, 0, revision="random-init-0") for name in NAMES[:3]),
        *(run(name, shuffle="words", values=drawn(name, "words")) for name in NAMES[:3]),
    ]
    database = store(tmp_path, *runs)
    rows = ask(database, "layer_profile", scopes="all", by="layer")
    untrained = {f"{name}@random-init-0" for name in NAMES[:3]}
    bands = {"lab/all · 3 seeds", "lab/all · words shuffled · 3 seeds"}
    assert {row["series"] for row in rows} == untrained | bands
    plain = [row for row in rows if row["series"] == "lab/all · 3 seeds"]
    for row in plain:
        key = KEYS[row["layer"]]  # type: ignore[index]
        each = [drawn(name, None)("anisotropy", key, "all", 0.0) for name in NAMES[:3]]
        assert in_band(row) == pytest.approx(spread(each, "band"))  # type: ignore[arg-type]
    only = ask(database, "layer_profile", scopes="all", controls=False, revisions="main")
    assert {row["series"] for row in only} == {"lab/all · 3 seeds"}
    steps = ask(database, "anisotropy_by_step", random_init=True)
    assert {row["n_seeds"] for row in steps} == {None}


def test_shuffled_text_is_compared_seed_by_seed(tmp_path: Path) -> None:
    runs = [
        *map(run, NAMES[:3]),
        *(run(name, shuffle="words", values=drawn(name, "words")) for name in NAMES[:3]),
    ]
    database = store(tmp_path, *runs)
    rows = ask(database, "shuffled_text")
    assert {row["series"] for row in rows} == {"lab/all · 3 seeds"}
    shuffled = [row for row in rows if row["shuffle"] == "words"]
    for row in shuffled:
        key = KEYS[row["layer"]]  # type: ignore[index]
        pairs = [
            [float(str(drawn(name, of)("twonn", key, "all", 0.0))) for of in (None, "words")]
            for name in NAMES[:3]
        ]
        numbers = np.array(pairs)
        assert in_band(row) == pytest.approx(spread(numbers[:, 1], "band"))
        assert row["difference"] == pytest.approx(np.median(numbers[:, 1] - numbers[:, 0]))
        assert (row["errors"], row["difference_error"]) == (None, None)
    single = ask(database, "shuffled_text", seeds="single")
    assert {row["series"] for row in single} == set(NAMES[:3])
    assert all(r["errors"] == "independent" for r in single if r["shuffle"] == "words")


def test_one_seed_with_shuffled_text_is_itself(tmp_path: Path) -> None:
    database = store(tmp_path, *map(run, NAMES[:3]), run("lab/s1", shuffle="words"))
    rows = ask(database, "shuffled_text")
    assert {(row["series"], row["text"]) for row in rows} == {
        ("lab/s1", "as it is"),
        ("lab/s1", "words shuffled"),
    }


def test_a_value_that_a_seed_lacks_is_left_out(tmp_path: Path) -> None:
    def gap(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
        return None if key.layer == 2 else 7.0

    rows = ask(
        store(tmp_path, run("lab/s1"), run("lab/s2", values=gap)), "layer_profile", scopes="all"
    )
    at_2 = next(row for row in rows if row["layer"] == 2)
    only = drawn("lab/s1", None)("anisotropy", KEYS[2], "all", 0.0)
    assert (at_2["n_seeds"], *in_band(at_2)) == (1, only, None, None)
    assert {row["n_seeds"] for row in rows if row["layer"] != 2} == {2}
    assert {row["series"] for row in rows} == {"lab/all · 2 seeds"}


def test_a_group_may_be_called_like_one_of_its_models_or_another(tmp_path: Path) -> None:
    tags = {"seed_group": "lab/s1"}
    inside = store(tmp_path, *(run(name, tags=tags) for name in NAMES[:3]))
    assert {row["series"] for row in ask(inside, "layer_profile")} == {"lab/s1 · 3 seeds"}
    (tmp_path / "beside").mkdir()
    beside = store(
        tmp_path / "beside", *(run(name, tags=tags) for name in NAMES[1:3]), run("lab/s1", tags={})
    )
    series = {row["series"] for row in ask(beside, "layer_profile")}
    assert series == {"lab/s1", "lab/s1 · 2 seeds"}


def test_two_groups_are_two_series(tmp_path: Path) -> None:
    runs = [*map(run, NAMES[:2]), *(run(name, tags={"seed_group": "b"}) for name in NAMES[2:])]
    database = store(tmp_path, *runs)
    for name in ("layer_profile", "encoder_vs_decoder"):
        assert {row["series"] for row in ask(database, name)} == {
            "lab/all · 2 seeds",
            "b · 2 seeds",
        }
    assert {row["model"] for row in ask(database, "layer_profile", models="b")} == {"b"}


def test_models_says_which_group_each_is_in(seeds: Database) -> None:
    rows = ask(seeds, "models")
    assert {row["model"]: row["seed_group"] for row in rows} == {
        **dict.fromkeys(NAMES, "lab/all"),
        "lab/other": None,
    }


def test_a_question_without_bands_says_that_it_takes_no_group(seeds: Database) -> None:
    with pytest.raises(QueryError, match="lab/all is a group of seeds, and question peak_layer"):
        ask(seeds, "peak_layer", models=["lab/all"])


def test_no_such_group_and_no_such_spread_are_refused(seeds: Database) -> None:
    with pytest.raises(QueryError, match=r"no model 'lab/al' .*did you mean lab/all"):
        ask(seeds, "layer_profile", models="lab/al")
    with pytest.raises(UsageError, match="seeds"):
        ask(seeds, "layer_profile", seeds="mean")
