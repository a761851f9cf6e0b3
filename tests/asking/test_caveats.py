"""What a reader should know before trusting the numbers of an answer."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from embstore.api.store import Store
from embstore.asking.ask import find_question, find_questions, run_question
from embstore.asking.caveats import (
    HiddenRun,
    describe_hidden,
    dimension_caveat,
    hidden_caveat,
    hidden_runs,
    no_error_caveat,
)
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.scores import write_scores
from embstore.store.writing import write_run
from tests.stores import new_store
from tests.synthetic import ALL_METRICS, make_run, make_scores

LATER = datetime(2026, 11, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return new_store(
        tmp_path_factory.mktemp("training") / "training.duckdb",
        [make_run(revision=f"step{step}", step=step, metrics=ALL_METRICS) for step in range(3)],
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Model c was measured with more tokens and another seed."""
    database = new_store(
        tmp_path / "s.duckdb",
        [
            make_run(name="a"),
            make_run(name="b"),
        ],
    )
    other = make_run(name="c", tokens=1024)
    write_run(database, replace(other, configuration=replace(other.configuration, seed=7)))
    return Store(database)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model a was measured again with fewer tokens; b with more; c over another text."""
    database = new_store(
        tmp_path_factory.mktemp("filled") / "s.duckdb",
        [
            make_run(name="a", tokens=1024),
            make_run(name="a", tokens=8192),
            make_run(name="a", tokens=512, created_at=LATER),
            make_run(name="b", tokens=512),
            make_run(name="b", tokens=1024, created_at=LATER),
            make_run(name="c", tokens=1024),
            make_run(name="c", tokens=512, corpus="verse", created_at=LATER),
        ],
    )
    return database.path


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Model a and the last step of lab/steps hide larger runs; b read more tokens than a."""
    larger = [
        make_run(name="a", tokens=1024, metrics=ALL_METRICS),
        make_run(name="lab/steps", revision="step3", step=3, tokens=1024),
    ]
    models = [
        make_run(name="a", created_at=LATER),
        *(make_run(name=name, tokens=512) for name in "bcde"),
    ]
    steps = [
        make_run(name="lab/steps", revision=f"step{step}", step=step, created_at=LATER)
        for step in (1, 2, 3)
    ]
    folder = tmp_path_factory.mktemp("listed")
    database = new_store(folder / "s.duckdb", [*larger, *models, *steps])
    write_scores(database, make_scores(*models))
    return Store(database)


@pytest.fixture
def database(filled: Path, tmp_path: Path) -> Database:
    """A copy of that store."""
    return open_database(shutil.copy(filled, tmp_path))


def note(database: Database, name: str, **params: object) -> str | None:
    return hidden_caveat(database, run_question(database, find_question(name), params))


class TestDimensions:
    """Large ones fall short."""

    def test_large_dimensions_are_said_to_fall_short(self) -> None:
        rows = pa.table({"metric": ["twonn", "mle", "anisotropy"], "value": [25.0, 12.0, 0.9]})
        found = dimension_caveat(rows)
        assert found is not None
        assert "above about 20 are underestimated (twonn)" in found

    @pytest.mark.parametrize(
        "column",
        ["peak_value", "before_value", "after_value", "rest_mean", "at_peak", "peak_no_sinks"],
    )
    def test_columns_of_values_count_too(self, column: str) -> None:
        assert "(twonn)" in (
            dimension_caveat(pa.table({"metric": ["twonn"], column: [25.0]})) or ""
        )
        assert dimension_caveat(pa.table({"metric": ["effective_rank"], column: [25.0]})) is None

    @pytest.mark.parametrize("column", ["ci_high", "std_error", "change", "depth", "distance"])
    def test_intervals_errors_and_differences_do_not(self, column: str) -> None:
        assert dimension_caveat(pa.table({"metric": ["twonn"], column: [25.0]})) is None

    def test_curves_count_too(self) -> None:
        assert "(Gride)" in (dimension_caveat(pa.table({"rank": [1], "dimension": [25.0]})) or "")
        assert dimension_caveat(pa.table({"rank": [1], "dimension": [19.0]})) is None
        assert dimension_caveat(pa.table({"dimension": [576.0]})) is None

    @pytest.mark.slow
    def test_every_number_of_every_question_is_a_value_or_known_not_to_be(
        self, training: Database
    ) -> None:
        """A new column fails here until it is called like a value or stands below."""
        others = {
            *("change", "change_error", "change_in_errors", "relative_change", "contrast"),
            *("rise", "rise_error", "fall", "fall_error", "share_down", "least_errors"),
            *("at_peak_error", "at_peak_no_sinks_error", "difference", "difference_error"),
            *("distance", "largest_difference", "largest_difference_depth", "correlation"),
            *("middle_minus_rest", "effect", "ceiling", "depth", "peak_depth", "std_error"),
            "highest_possible",
            *("ci_low", "ci_high", "sink_threshold", "neighbor_recall", "mean_distance"),
            # Of other metrics, whatever is asked for.
            *("similarity", "linearity", "ratio"),
            # Of another measurement, and how far they agree.
            *("published", "times_published", "agreement"),
        }
        unknown = set()
        with training.held():
            answers = {
                question.name: run_question(training, question, asked)
                for question in find_questions().values()
                for names in [{one.name for one in question.parameters if one.columns}]
                for asked in [dict.fromkeys(names & {"metric"}, "twonn")]
            }
        for name, table in answers.items():
            if not {"metric", "rank"} & set(table.column_names):
                continue
            for field in table.schema:
                if not pa.types.is_floating(field.type) or field.name in others:
                    continue
                twenty_five = pa.array([25.0])
                row = {"metric": pa.array(["twonn"]), "rank": [1], field.name: twenty_five}
                if dimension_caveat(pa.table(row)) is None:
                    unknown.add((name, field.name))
        assert not unknown

    def test_columns_called_like_metrics_count_too(self) -> None:
        assert "(mle)" in (dimension_caveat(pa.table({"layer": [0], "mle": [24.4]})) or "")

    def test_small_dimensions_and_other_metrics_need_none(self) -> None:
        rows = pa.table({"metric": ["twonn", "effective_rank"], "value": [8.0, 300.0]})
        assert dimension_caveat(rows) is None
        assert dimension_caveat(pa.table({"value": [99.0]})) is None
        assert (
            dimension_caveat(pa.table({"metric": ["mle"], "value": pa.nulls(1, pa.float64())}))
            is None
        )


class TestUnequalRuns:
    """Numbers side by side that were not measured alike."""

    @pytest.mark.slow
    def test_runs_that_differ_in_more_than_model_and_text_are_told_of(self, store: Store) -> None:
        assert store.query("layer_profile", models=["a", "b"]).notes == ()
        (note,) = store.query("layer_profile", models=["a", "c"]).notes
        assert note == (
            "These runs differ in tokens (256, 1024), tokens kept (256, 1024), seed (0, 7): their "
            "numbers differ for that reason too."
        )

    @pytest.mark.slow
    def test_a_chart_says_it_in_its_caption(self, store: Store) -> None:
        below = store.chart("layer_profile").to_dict()["title"]["text"]
        assert "These runs differ in tokens" in " ".join(below)
        alike = store.chart("layer_profile", models=["a", "b"])
        assert "These runs differ" not in str(alike.to_dict()["title"])

    def test_a_list_of_runs_is_no_comparison(self, store: Store) -> None:
        assert store.query("runs").notes == ()


class TestHiddenRuns:
    """A later run of fewer tokens that hides a larger one."""

    def test_the_largest_hidden_run_is_found(self, database: Database) -> None:
        (found,) = hidden_runs(database)
        assert (found.model, found.revision, found.tokens, found.hidden_tokens) == (
            *("a", "main"),
            *(512, 8192),
        )
        shown = database.select("SELECT run_id FROM latest_run WHERE model = 'a'")
        assert [found.run_id] == shown["run_id"].to_pylist()

    @pytest.mark.parametrize(
        "name", ["layer_profile", "layers", "sink_effect", "dimension_ceiling", "nearest_models"]
    )
    def test_answers_that_show_it_say_so(self, database: Database, name: str) -> None:
        if name == "nearest_models":
            # Comparable with nothing else as it is measured.
            write_run(database, make_run(name="d", tokens=512))
        assert note(database, name) == (
            "A later run of 512 tokens hides one of 8,192 (a, main): see embstore query runs."
        )

    def test_answers_without_it_do_not(self, database: Database) -> None:
        assert note(database, "layer_profile", models=["b", "c"]) is None

    @pytest.mark.slow
    def test_neighbours_and_runs_compared_count_too(self, database: Database) -> None:
        write_run(database, make_run(name="d", tokens=512))
        assert note(database, "nearest_models", model="d") is not None
        write_run(database, make_run(name="a", revision="step1", step=1, tokens=512))
        assert note(database, "layer_profile", revisions="step1") is None

    @pytest.mark.parametrize("name", ["runs", "provenance", "cost", "checkpoints", "models"])
    def test_lists_of_runs_hide_none(self, database: Database, name: str) -> None:
        assert note(database, name) is None

    def test_an_answer_that_shows_both_hides_none(self, database: Database) -> None:
        sql = "SELECT run_id, layer, value FROM profile"
        assert hidden_caveat(database, database.select(sql)) is None
        assert hidden_caveat(database, database.select(f"{sql} WHERE tokens < 8192")) is not None

    def test_two_are_named_and_the_rest_counted(self) -> None:
        runs = [HiddenRun(str(n), f"m{n}", "main", "t", 512, 8192, f"h{n}") for n in range(4)]
        assert describe_hidden(runs[:2]) == (
            "Later runs hide larger ones (m0, main: 512 tokens, 8,192 before; m1, main: 512 "
            "tokens, 8,192 before): see embstore query runs."
        )
        assert "; and 1 more checkpoint): see" in describe_hidden(runs[:3])
        assert "; and 2 more checkpoints): see" in describe_hidden(runs)
        # Over another text, the same checkpoint.
        again = replace(runs[0], corpus="u", run_id="x")
        assert "(m0, main): see" in describe_hidden([runs[0], again])


@pytest.mark.slow
class TestRunsThatAreListedOrInPairs:
    """Answers that name their runs in lists, or as before and after, are looked at like others."""

    def test_a_correlation_of_runs_measured_differently_says_so(self, listed: Store) -> None:
        notes = listed.query("score_correlation").notes
        (unlike,) = (note for note in notes if note.startswith("These runs differ"))
        assert "tokens (256, 512)" in unlike

    @pytest.mark.parametrize("name", ["score_correlation", "phases", "checkpoint_changes"])
    def test_too_few_tokens_are_told(self, name: str, tmp_path: Path) -> None:
        runs = [
            make_run(name=model, revision=f"step{step}", step=step, hidden_size=64)
            for model in "abcd"
            for step in (1, 2, 3)
        ]
        database = new_store(tmp_path / "s.duckdb", runs)
        write_scores(database, make_scores(*runs))
        (note,) = Store(database).query(name, metric="anisotropy").notes
        assert note.startswith("anisotropy is biased: 256 tokens are fewer than 10")

    @pytest.mark.parametrize("name", ["score_correlation", "phases", "checkpoint_changes"])
    def test_a_larger_run_that_is_hidden_is_told(self, listed: Store, name: str) -> None:
        params = {} if name == "score_correlation" else {"models": "lab/steps"}
        assert any("hides one of 1,024" in note for note in listed.query(name, **params).notes)

    def test_a_course_whose_steps_were_measured_differently_says_it_once(
        self, tmp_path: Path
    ) -> None:
        runs = [
            make_run(revision=f"step{step}", step=step, tokens=512 if step == 2 else 256)
            for step in (1, 2, 3)
        ]
        answer = Store(new_store(tmp_path / "s.duckdb", runs)).query("phases", least_steps=3)
        assert answer["unequal"].to_pylist() == ["tokens, sample_size"]
        assert answer.notes == ()

    def test_courses_measured_each_in_its_own_way_are_told_apart(self, tmp_path: Path) -> None:
        runs = [
            make_run(name=name, revision=f"step{step}", step=step, tokens=tokens)
            for name, tokens in (("a", 256), ("b", 512))
            for step in (1, 2, 3)
        ]
        answer = Store(new_store(tmp_path / "s.duckdb", runs)).query("phases", least_steps=3)
        (note,) = answer.notes
        assert note.startswith("These runs differ in tokens (256, 512)")

    def test_ids_of_any_type_are_ids(self, tmp_path: Path) -> None:
        (tmp_path / "numbered.sql").write_text(
            "-- title: Numbered\nSELECT 1 AS run_id, [2, NULL] AS run_ids, 3 AS value\n"
        )
        store = Store(new_store(tmp_path / "s.duckdb"), queries=[tmp_path])
        assert store.query("numbered").notes == ()


class TestErrorsThatAreMissing:
    """Where a few far points decide an estimate it has no error, and the answer says so."""

    @staticmethod
    def rows(metrics: list[str], errors: list[float | None]) -> pa.Table:
        values = [None if name == "mom" else 9.0 for name in metrics]
        return pa.table({"metric": metrics, "value": values, "std_error": errors})

    def test_estimates_that_far_points_may_decide_are_named(self) -> None:
        # What has no value has no error either, and twonn has one wherever windows tell it.
        found = no_error_caveat(self.rows(["mle", "mom", "twonn", "mada"], [None, None, None, 0.1]))
        assert found == (
            "No error is given where a few points far from all others, such as attention sinks, "
            "decide an estimate (mle)."
        )

    def test_curves_count_too(self) -> None:
        table = pa.table({"rank": [1, 2], "dimension": [9.0, 8.0], "std_error": [0.1, None]})
        assert "(Gride)" in (no_error_caveat(table) or "")

    @pytest.mark.parametrize("errors", [[0.1, 0.2], [None, None]])
    def test_where_all_or_none_has_an_error_there_is_nothing_to_say(
        self, errors: list[float | None]
    ) -> None:
        assert no_error_caveat(self.rows(["mle", "mada"], errors)) is None

    def test_a_run_without_any_error_was_measured_so(self) -> None:
        rows = {"metric": ["mle"] * 3, "value": [9.0] * 3, "std_error": [0.1, 0.2, None]}
        assert no_error_caveat(pa.table({**rows, "run_id": ["a", "a", "b"]})) is None
        assert "(mle)" in (no_error_caveat(pa.table({**rows, "run_id": ["a", "b", "b"]})) or "")

    def test_a_group_of_seeds_has_a_band_instead(self) -> None:
        rows = {"metric": ["mle"] * 2, "value": [9.0] * 2, "std_error": [0.1, None]}
        of_seeds = pa.table({**rows, "run_id": ["a", None], "n_seeds": [None, 3]})
        assert no_error_caveat(of_seeds) is None
        assert no_error_caveat(of_seeds.drop_columns("run_id")) is None
        assert no_error_caveat(of_seeds.select(list(rows))) is not None

    def test_answers_without_errors_say_nothing(self) -> None:
        assert no_error_caveat(pa.table({"metric": ["mle"], "value": [9.0]})) is None
