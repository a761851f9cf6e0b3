"""Models that an ingest is told are seeds of one another: new ones, and those stored before."""

import logging
from pathlib import Path
from typing import Any

import pytest

import embstore
from embstore.errors import StoreError, UsageError
from embstore.ingestion import seed_groups
from embstore.ingestion.studies.study import read_study
from tests import tiny_models

SMALL: dict[str, Any] = {"tokens": 256, "window": 32, "sample": 100, "metrics": "core"}
GROUPS = (
    "SELECT model.name, model_group.seed_group FROM model_group JOIN model USING (model_id) "
    "ORDER BY ALL"
)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("seeds")
    return [tiny_models.build("llama", folder / f"seed{i}", seed=i) for i in range(3)]


def ingest(models: Path | list[Path], text: Path, store: Path, **how: Any) -> list[str]:
    outcomes = embstore.ingest(models, corpus=text, store=store, **(SMALL | how))
    return [outcome.status for outcome in outcomes]


def groups(store: Path) -> dict[str, str]:
    found = embstore.open(store).sql(GROUPS).to_pylist()
    return {row["name"]: row["seed_group"] for row in found}


@pytest.mark.slow
def test_no_number_and_no_id_depends_on_a_group(
    seeds: list[Path], text: Path, tmp_path: Path
) -> None:
    told, plain = tmp_path / "told.duckdb", tmp_path / "plain.duckdb"
    assert ingest(seeds[:2], text, told, group="lab/g") == ["measured"] * 2
    ingest(seeds[:2], text, plain)
    assert groups(told) == {"seed0": "lab/g", "seed1": "lab/g"}
    assert groups(plain) == {}
    numbers = "SELECT run_id, layer, scope, metric, value FROM profile ORDER BY ALL"
    assert embstore.open(told).sql(numbers).table.equals(embstore.open(plain).sql(numbers).table)
    assert ingest(seeds[:2], text, plain, group="lab/g") == ["stored"] * 2
    assert groups(plain) == groups(told)


@pytest.mark.slow
def test_what_is_stored_joins_once_and_moves_with_a_word(
    seeds: list[Path], text: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "s.duckdb"
    ingest(seeds[0], text, store)
    assert ingest(seeds, text, store, group="g") == ["stored", "measured", "measured"]
    assert groups(store) == {"seed0": "g", "seed1": "g", "seed2": "g"}
    before = store.read_bytes()
    assert ingest(seeds, text, store, group="g") == ["stored"] * 3
    assert store.read_bytes() == before
    assert "seed" not in caplog.text
    # A later checkpoint, or the same one over other tokens, needs no word.
    ingest(seeds[0], text, store, seed=1)
    assert groups(store)["seed0"] == "g"
    with caplog.at_level(logging.WARNING, "embstore"):
        ingest(seeds[0], text, store, group="h")
        ingest(seeds[1], text, store, group="h", seed=3)
    assert groups(store) == {"seed0": "h", "seed1": "h", "seed2": "g"}
    assert [record.getMessage() for record in caplog.records] == [
        "seed0 was a seed of g, and is a seed of h now",
        "seed1 was a seed of g, and is a seed of h now",
    ]


@pytest.mark.slow
def test_a_store_that_cannot_be_told_does_not_stop_the_series(
    seeds: list[Path],
    text: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = tmp_path / "s.duckdb"
    ingest(seeds[:2], text, store)

    def locked(*_: object) -> None:
        raise StoreError("the store is locked")

    monkeypatch.setattr(seed_groups, "tag_run", locked)
    with caplog.at_level(logging.WARNING, "embstore"):
        assert ingest(seeds, text, store, group="g") == ["stored", "stored", "measured"]
    assert "the store does not note that seed0 is a seed of g (the store is locked)" in caplog.text
    assert groups(store) == {"seed2": "g"}


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("", "the group's name is empty"),
        (" g", "cannot be a group's name"),
        ("a\tb", "cannot be a group's name"),
        ("g" * 201, "201 characters; give 200 or fewer"),
    ],
)
def test_a_group_without_a_name_is_refused_before_anything_is_read(
    group: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        embstore.ingest("nowhere", corpus="nothing", store=tmp_path / "s.duckdb", group=group)
    assert list(tmp_path.iterdir()) == []


def study(path: Path, text: Path, body: str) -> Path:
    file = path / "mine.toml"
    sampling = "[sampling]\ntokens = 256\nwindow = 32\nsample = 100\n"
    # The keys of the whole study come first.
    top, _, models = body.partition("---")
    file.write_text(f"corpus = '{text}'\nmetrics = 'core'\n{top}\n{sampling}\n{models}")
    return file


def models_in(*tables: tuple[Path, str]) -> str:
    return "\n".join(f"[[models]]\nmodel = '{path}'\n{keys}" for path, keys in tables)


@pytest.mark.slow
def test_a_study_says_groups_for_all_and_for_some(
    seeds: list[Path], text: Path, tmp_path: Path
) -> None:
    a, b, c = seeds
    whole = study(
        tmp_path, text, "group = 'g'\n---" + models_in((a, ""), (b, "group = 'h'"), (c, ""))
    )
    assert [model.group for model in read_study(whole).request.models] == ["g", "h", "g"]
    store = tmp_path / "s.duckdb"
    embstore.ingest_study(whole, store=store)
    assert groups(store) == {"seed0": "g", "seed1": "h", "seed2": "g"}


def test_a_study_that_puts_a_model_into_two_groups_is_refused(
    seeds: list[Path], text: Path, tmp_path: Path
) -> None:
    twice = models_in((seeds[0], "group = 'g'"), (seeds[0], "group = 'h'\nrandom_init = true"))
    with pytest.raises(
        UsageError, match=r"seed0 is said to be a seed of g and of h; a model is in one group"
    ):
        embstore.ingest_study(study(tmp_path, text, "---" + twice), store=tmp_path / "s.duckdb")
    for bad, message in (
        ("group = ''", r"models\[0\].group is ''; expected one line of text that is not blank"),
        ("group = ' g'", r"models\[0\]: ' g' cannot be a group's name"),
        ("group = 3", r"models\[0\].group is 3; expected a text"),
    ):
        with pytest.raises(UsageError, match=message):
            read_study(study(tmp_path, text, "---" + models_in((seeds[0], bad))))


@pytest.mark.slow
def test_a_control_of_a_seed_is_in_no_band(seeds: list[Path], text: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    ingest(seeds, text, store, group="g")
    ingest(seeds[:2], text, store, random_init=True, group="g")
    found = embstore.open(store).query("layer_profile", scopes="all").to_pylist()
    assert {(row["series"], row["n_seeds"]) for row in found} == {
        ("g · 3 seeds", 3),
        ("seed0@random-init-0", None),
        ("seed1@random-init-0", None),
    }
