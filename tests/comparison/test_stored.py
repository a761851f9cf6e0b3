import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from embstore.comparison.choose_runs import stored_runs
from embstore.comparison.stored import compare_stored, summaries
from embstore.errors import QueryError, UsageError
from embstore.metrics.registry import metric_infos
from embstore.store.database import Database
from embstore.types import Measurement
from tests.stores import new_store
from tests.synthetic import make_run, with_effects

DAY = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return new_store(
        tmp_path_factory.mktemp("comparing") / "embstore.duckdb",
        [
            make_run(name="lab/decoder"),
            make_run(name="lab/deep", n_layers=8),
            make_run(name="lab/encoder", kind="encoder"),
            make_run(name="lab/both", kind="encoder-decoder"),
            make_run(name="lab/series", revision="step1", step=1),
            make_run(name="lab/series", revision="step20", step=20),
            make_run(name="lab/series", revision="step3", step=3),
            # The later run is over another text.
            make_run(name="lab/twice"),
            make_run(name="lab/twice", corpus="other-text", created_at=DAY + timedelta(days=9)),
            make_run(name="lab/long", tokens=512, seed=3),
        ],
    )


def ids(database: Database, model: str) -> list[str]:
    return [run.run_id for run in stored_runs(database) if run.model == model]


class TestRows:
    def test_a_metric_by_layer_then_its_summaries(self, database: Database) -> None:
        found = compare_stored(
            database, "lab/decoder", "lab/encoder", metrics=["twonn"], scopes=["all"]
        )
        rows = found.table.to_pylist()
        assert [row["part"] for row in rows] == [
            *["layer"] * 5,
            *("mean", "peak_value", "peak_depth"),
        ]
        # The synthetic decoder's is 8 + 4·depth + layer/100, the encoder's 12 + layer/1000;
        # their standard errors are a twentieth.
        assert rows[1]["a"] == pytest.approx(9.01)
        assert rows[1]["b"] == pytest.approx(12.001)
        assert rows[1]["difference"] == pytest.approx(2.991)
        error = 0.05 * (9.01**2 + 12.001**2) ** 0.5
        assert rows[1]["std_error"] == pytest.approx(error)
        # 4 windows each: the t is at least that of 6 degrees of freedom, 2.447.
        assert rows[1]["ci_high"] - rows[1]["difference"] > 2.44 * error
        assert {row["stack"] for row in rows} == {"decoder/encoder"}
        assert summaries(found.table).to_pylist() == rows[5:]

    def test_main_metrics_that_both_have_in_two_scopes(self, database: Database) -> None:
        table = compare_stored(database, "lab/decoder", "lab/encoder").table
        assert set(table["metric"].to_pylist()) == {"anisotropy", "mean_cosine", "twonn"}
        assert set(table["scope"].to_pylist()) == {"all", "no_sinks"}

    def test_unequal_lengths_say_how_they_meet(self, database: Database) -> None:
        found = compare_stored(database, "lab/deep", "lab/decoder", metrics=["twonn"])
        assert (
            "A has 8 blocks and B 4: compared at the depths of B, A is interpolated between "
            "neighbouring layers; means are over all blocks of each"
        ) in found.notes
        rows = [row for row in found.table.to_pylist() if row["part"] == "layer"]
        assert [row["depth"] for row in rows[:5]] == [0, 0.25, 0.5, 0.75, 1]
        # By depth, the depth stands among the columns that every terminal shows.
        assert found.table.column_names[3] == "depth"

    def test_stacks_of_one_name_match(self, database: Database) -> None:
        found = compare_stored(database, "lab/both", "lab/decoder", metrics=["twonn"])
        assert set(found.table["stack"].to_pylist()) == {"decoder"}
        assert "the encoder of A is left out: the other has none" in found.notes

    def test_says_what_chance_would_do(self, database: Database) -> None:
        found = compare_stored(database, "lab/decoder", "lab/decoder", metrics=["twonn"])
        assert found.notes == (
            f"A and B are the same run, {found.a.run_id[:8]}",
            "0 of 10 layer differences exceed their 95 % interval; by chance alone about 0.5 would",
        )

    def test_spectra_of_few_tokens_are_said_to_be_biased(self, tmp_path: Path) -> None:
        """256 tokens of 64 dimensions: fewer than 10 for each."""
        shown = ("effective_rank", "mean_cosine")
        metrics = tuple(info for info in metric_infos(pairs=True) if info.name in shown)
        runs = [make_run(name=name, hidden_size=64, metrics=metrics) for name in ("a", "b")]
        database = new_store(tmp_path / "embstore.duckdb", runs)
        told = "effective_rank is biased: 256 tokens are fewer than 10 for each of 64 dimensions."
        assert told in compare_stored(database, "a", "b", metrics=shown).notes
        of_cosines = compare_stored(database, "a", "b", metrics=["mean_cosine"])
        assert not any("biased" in note for note in of_cosines.notes)

    def test_it_is_said_that_errors_are_independent_and_why(self, database: Database) -> None:
        found = compare_stored(database, "lab/deep", "lab/decoder")
        assert any(
            note.startswith("errors are taken as independent: both read the same tokens, but")
            for note in found.notes
        )
        assert set(found.table["errors"].to_pylist()) == {"independent", None}
        other, _ = ids(database, "lab/twice")
        notes = compare_stored(database, other, "lab/decoder").notes
        assert "errors are taken as independent: the two did not read the same tokens" in notes

    def test_runs_over_the_same_tokens_are_compared_window_by_window(self, tmp_path: Path) -> None:
        """The windows move both runs alike, and B by a tenth of that more."""
        effects = [0.3, 0.1, -0.4]

        def of_a(_: Measurement) -> list[float]:
            return effects

        def of_b(_: Measurement) -> list[float]:
            return [1.1 * effect for effect in effects]

        database = new_store(
            tmp_path / "embstore.duckdb",
            [
                with_effects(make_run(name="lab/a"), of_a),
                with_effects(make_run(name="lab/b"), of_b),
                with_effects(make_run(name="lab/other", corpus="other-text"), of_b),
                with_effects(make_run(name="lab/more"), lambda _: [0.3, 0.1, -0.4, 0.0]),
                make_run(name="lab/old"),
            ],
        )
        found = compare_stored(database, "lab/a", "lab/b", metrics=["twonn", "anisotropy"])
        rows = [row for row in found.table.to_pylist() if row["part"] != "peak_depth"]
        assert {row["errors"] for row in rows} == {"paired"}
        error = math.sqrt(3 / 2) * math.hypot(0.03, 0.01, 0.04)
        # Effects are stored in 4 bytes.
        assert [row["std_error"] for row in rows] == pytest.approx([error] * len(rows), rel=1e-5)
        # Student's t with 2 degrees of freedom.
        reach = rows[0]["ci_high"] - rows[0]["difference"]
        assert reach / error == pytest.approx(4.303, abs=0.001)
        assert found.notes[1] == (
            "both read the same tokens, so errors are paired: those of the differences window by "
            "window"
        )
        for name in ("lab/other", "lab/more", "lab/old"):
            found = compare_stored(database, "lab/a", name, metrics=["twonn"])
            assert set(found.table["errors"].to_pylist()) == {"independent", None}

    def test_no_standard_error_is_counted_and_explained(self, database: Database) -> None:
        found = compare_stored(database, "lab/decoder", "lab/encoder", metrics=["anisotropy"])
        assert "10 have no interval: see column reason" in found.notes
        assert found.table["reason"][0].as_py() == "no standard error of A and B"


class TestSides:
    def test_the_last_revision_unless_one_is_asked_for(self, database: Database) -> None:
        found = compare_stored(database, "lab/series", "lab/series@step3")
        assert (found.a.revision, found.b.revision) == ("step20", "step3")
        assert found.notes[0] == (
            "lab/series has 3 revisions: taking the last of its training, step20; ask for "
            "another as lab/series@REVISION"
        )

    def test_the_run_over_the_same_text_before_the_latest(self, database: Database) -> None:
        found = compare_stored(database, "lab/twice", "lab/decoder")
        assert (found.a.corpus, found.b.corpus) == ("example-text", "example-text")
        assert not any("measured with different" in note for note in found.notes)

    def test_what_else_differs_is_said(self, database: Database) -> None:
        later, _ = ids(database, "lab/twice")
        notes = compare_stored(database, later[:8], "lab/decoder").notes
        assert (
            "measured with different texts (other-text and example-text): the numbers differ for "
            "that reason too"
        ) in notes
        notes = compare_stored(database, "lab/long", "lab/decoder").notes
        assert any(
            "different numbers of tokens (512 and 256), sample sizes (512 and 256), seeds (3 and 0)"
            in note
            for note in notes
        )

    @pytest.mark.parametrize("part", [slice(8), slice(32)])
    def test_a_run_by_how_its_id_begins(self, database: Database, part: slice) -> None:
        (run,) = ids(database, "lab/deep")
        assert compare_stored(database, run[part].upper(), "lab/decoder").a.run_id == run

    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            ("lab/decodr", r"no model, MODEL@REVISION or run 'lab/decodr' .*mean lab/decoder"),
            ("lab/series@step2", r"has no revision 'step2' in this store \(did you mean step20"),
            ("00000000", "no model, MODEL@REVISION or run '00000000'"),
            ("0000", "no model, MODEL@REVISION or run '0000'"),
        ],
    )
    def test_unknown_names_list_the_closest(
        self, database: Database, asked: str, message: str
    ) -> None:
        with pytest.raises(QueryError, match=message):
            compare_stored(database, asked, "lab/decoder")

    def test_an_empty_store_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(QueryError, match="it holds no runs yet"):
            compare_stored(new_store(tmp_path / "empty.duckdb"), "a", "b")


class TestWrongUse:
    def test_unknown_metric_scope_and_way(self, database: Database) -> None:
        sides = ("lab/decoder", "lab/encoder")
        with pytest.raises(QueryError, match=r"no metric 'twon' in these runs \(did you mean tw"):
            compare_stored(database, *sides, metrics=["twon"])
        with pytest.raises(UsageError, match="unknown scope 'some'; choose from all, no_f"):
            compare_stored(database, *sides, scopes=["some"])
        with pytest.raises(UsageError, match="matched by 'step'; choose layer or depth"):
            compare_stored(database, *sides, by="step")
