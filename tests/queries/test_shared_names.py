"""Checkpoints, models and texts that share a name are told apart, and none is left out."""

from collections import Counter
from pathlib import Path

import pytest

from embstore.asking.ask import bind, find_question, find_questions, run_question
from embstore.asking.question import Question
from embstore.store.database import Database
from embstore.types import Run
from tests.queries.asking import ask, by_layer
from tests.queries.of_seeds import GROUP
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, make_run, with_windows

TEXTS = ("", "edited")
# Its rows are of published values, which no model here has.
ELSEWHERE = {"published", "score_by_step", "score_correlation"}


def with_losses(run: Run) -> Run:
    """Add what loss_correlation asks for."""
    return with_windows(
        run,
        window_twonn_ml=lambda key: (3.0, 1.0 + key.layer, 4.0, 2.0),
        window_loss=lambda _key: (3.0, 1.0, 2.0, 4.0),
    )


@pytest.fixture(scope="module")
def namesakes(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Each over a text and another of its name: two seeds, a training, and models named alike.

    Of one model there are two checkpoints called alike, of another name two models.
    """
    runs = [
        with_losses(run)
        for text in TEXTS
        for shuffle in ("none", "words")
        for run in (
            *(
                make_run(name=name, tags=GROUP, metrics=ALL_METRICS, text=text, shuffle=shuffle)
                for name in ("lab/s1", "lab/s2")
            ),
            *(
                make_run(
                    name="lab/steps",
                    revision=f"step{step}",
                    step=step,
                    metrics=ALL_METRICS,
                    text=text,
                    shuffle=shuffle,
                )
                for step in (1, 2)
            ),
            *(
                make_run(
                    name="lab/local",
                    revision="local",
                    metrics=ALL_METRICS,
                    text=text,
                    shuffle=shuffle,
                    weights=weights,
                )
                for weights in ("", "later")
            ),
            *(
                make_run(
                    name="lab/twin",
                    metrics=ALL_METRICS,
                    text=text,
                    shuffle=shuffle,
                    weights=str(hidden_size),
                    hidden_size=hidden_size,
                )
                for hidden_size in (8, 16)
            ),
        )
    ]
    return new_store(tmp_path_factory.mktemp("namesakes") / "s.duckdb", runs)


def place_of(question: Question) -> list[str]:
    """Return the columns that say where in a chart a row is; none where many may share one."""
    encoding = question.encoding
    if encoding is None:
        return []
    columns = encoding.columns(bind(question))
    channels = {
        "line": ("x", "color", "dash", "facet", "apart", "detail"),
        "curve": ("x", "color", "dash", "facet", "apart", "detail"),
        "rect": ("x", "y", "facet", "apart"),
    }.get(encoding.mark, ("y", "fill") if columns.get("y") == "series" else ())
    return [columns[name] for name in channels if name in columns]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name, question in find_questions().items()
        if place_of(question) and name not in {*ELSEWHERE, "cost"}
    ),
)
def test_no_two_rows_are_at_one_place_of_a_chart(namesakes: Database, name: str) -> None:
    question = find_question(name)
    rows = run_question(namesakes, question).to_pylist()
    assert rows
    places = Counter(repr([row[column] for column in place_of(question)]) for row in rows)
    assert max(places.values()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("layer_profile", "metric_profiles", "dimension_profile", "depth_grid"),
        *("encoder_vs_decoder", "linearity_profile", "adjacent_similarity", "dimension_scale"),
        *("mean_by_size", "shuffled_text", "value_by_tokens", "gride_profile"),
    ],
)
def test_bands_over_two_texts_of_one_name_say_which(namesakes: Database, name: str) -> None:
    texts = namesakes.select("SELECT corpus_id FROM corpus").to_pylist()
    rows = ask(namesakes, name, models="lab/all")
    found = {str(row["series"]).replace(" · words shuffled", "") for row in rows}
    assert found == {f"lab/all · text {row['corpus_id'][:8]} · 2 seeds" for row in texts}


class TestValueByTokens:
    def test_checkpoints_of_one_name_are_lines_of_their_own(self, tmp_path: Path) -> None:
        runs = [
            make_run(
                revision="local",
                weights=weights,
                tokens=tokens,
                n_layers=1,
                values=by_layer(value, value),
            )
            for weights, value in (("", 1.0), ("later", 2.0))
            for tokens in (256, 512)
        ]
        rows = ask(new_store(tmp_path / "s.duckdb", runs), "value_by_tokens", layers=[1])
        assert len({row["series"] for row in rows}) == 2
        assert all(" · checkpoint " in str(row["series"]) for row in rows)
        lines = [
            [row["value"] for row in rows if row["series"] == name]
            for name in {row["series"] for row in rows}
        ]
        assert sorted(lines) == [[1.0, 1.0], [2.0, 2.0]]

    def test_texts_of_one_name_are_lines_of_their_own(self, tmp_path: Path) -> None:
        runs = [
            make_run(text=text, tokens=tokens, n_layers=1, values=by_layer(value, value))
            for text, value in (("", 1.0), ("edited", 2.0))
            for tokens in (256, 512)
        ]
        rows = ask(new_store(tmp_path / "s.duckdb", runs), "value_by_tokens", layers=[1])
        assert len(rows) == 4
        assert {(" · text " in str(row["series"]), row["value"]) for row in rows} == {
            (True, 1.0),
            (True, 2.0),
        }


def test_by_size_models_of_one_name_are_points_each(tmp_path: Path) -> None:
    runs = [
        make_run(name="lab/twin", revision=f"step{step}", step=step, hidden_size=size, weights=name)
        for size, step, name in ((8, 1, "a"), (8, 2, "b"), (16, 1, "c"))
    ]
    rows = ask(new_store(tmp_path / "s.duckdb", runs), "mean_by_size", metrics="twonn")
    assert {(row["hidden_size"], row["step"]) for row in rows} == {(8, 2), (16, 1)}


def test_checkpoints_of_one_name_have_a_text_each_in_coverage(tmp_path: Path) -> None:
    runs = [
        make_run(revision="local", weights=weights, corpus=corpus, n_layers=1)
        for weights, corpus in (("", "prose"), ("later", "verse"))
    ]
    database = new_store(tmp_path / "s.duckdb", runs)
    named = {
        row["weights_sha256"].endswith("later"): f"local {row['checkpoint_id'][:8]}"
        for row in database.select(
            "SELECT checkpoint_id, weights_sha256 FROM checkpoint"
        ).to_pylist()
    }
    missing = ask(database, "coverage", only_missing=True)
    assert {(row["checkpoint"], row["corpus"], row["status"]) for row in missing} == {
        (named[False], "verse", "not measured"),
        (named[True], "prose", "not measured"),
    }


def test_a_text_that_was_edited_is_missing_in_coverage(tmp_path: Path) -> None:
    runs = [
        make_run(revision=f"step{step}", step=step, text=text, n_layers=1)
        for step, text in ((1, ""), (2, ""), (2, "edited"))
    ]
    database = new_store(tmp_path / "s.duckdb", runs)
    missing = ask(database, "coverage", only_missing=True)
    assert {(row["checkpoint"], row["status"]) for row in missing} == {("step1", "not measured")}
    assert all(" · text " in str(row["series"]) for row in missing)
