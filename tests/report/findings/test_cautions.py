from datetime import UTC, datetime

import pytest

from embstore.report.read.contents import read_contents
from embstore.report.write import build_report
from embstore.store.database import Database
from embstore.store.writing import write_run, write_runs
from tests.report.told import changed, told
from tests.synthetic import METRICS, make_run


@pytest.mark.slow
def test_same_weights_warn(database: Database) -> None:
    write_runs(
        database, [make_run(name="a", revision=f"step{step}", step=step) for step in (1, 2, 3)]
    )
    assert told(database, "Same weights") is None
    changed(database, "checkpoint", "weights_sha256 = 'same' WHERE step > 1")
    found = told(database, "Same weights")
    assert found is not None
    assert "1 checkpoint has the weights of another revision" in found.text
    assert "(a: step2, step3). Training changes" in found.text
    assert "perhaps one of two steps is not what its name says (a: step2, step3)." in found.text
    assert (found.runs, found.tone) == ((1, 2), "warning")


@pytest.mark.slow
def test_a_branch_beside_the_step_it_is_of_is_not_accused(database: Database) -> None:
    write_runs(
        database,
        [
            make_run(name="a", revision="step1", step=1),
            make_run(name="a"),
            make_run(name="b", revision="early", step=None),
            make_run(name="b", revision="late", step=None),
        ],
    )
    changed(database, "checkpoint", "weights_sha256 = 'same'")
    found = told(database, "Same weights")
    assert found is not None
    assert found.text.startswith("2 checkpoints have the weights of another revision of the same ")
    assert found.text.endswith("of the same model (a: step1, main, b: early, late).")
    assert found.tone == "finding"


@pytest.mark.slow
def test_low_recall_warns_and_good_recall_is_told(database: Database) -> None:
    write_run(database, make_run())
    assert told(database, "Approximate neighbours") is None
    changed(database, "layer", "neighbor_method = 'pynndescent', neighbor_recall = 0.995")
    found = told(database, "Approximate neighbours")
    assert found is not None
    assert (found.tone, "99.5 %" in found.text) == ("finding", True)
    changed(database, "layer", "neighbor_recall = 0.9 WHERE layer = 2")
    found = told(database, "Approximate neighbours")
    assert found is not None
    assert (found.tone, "90.0 %" in found.text) == ("warning", True)


def test_uneven_and_small_samples_and_dirty_code_warn(database: Database) -> None:
    write_runs(
        database,
        [
            make_run(name="a"),
            make_run(name="b", tokens=128, hidden_size=40),
        ],
    )
    changed(database, "run", "git_dirty = true WHERE tokens = 128")
    uneven = told(database, "Unequal samples")
    assert uneven is not None
    assert "tokens 128, 256" in uneven.text
    few = told(database, "Few tokens")
    assert few is not None
    assert few.text.startswith("1 run of b read fewer than 10 tokens per dimension")
    dirty = told(database, "Changed code")
    assert dirty is not None
    assert dirty.runs == (1,)


@pytest.mark.slow
def test_gaps_and_undefined_numbers_warn(database: Database) -> None:
    write_runs(
        database,
        [
            make_run(name="a", revision="step1", step=1),
            make_run(
                name="a",
                revision="step2",
                step=2,
                values=lambda metric, key, scope, depth: None if metric == "twonn" else 0.5,
            ),
        ],
    )
    assert told(database, "Gaps") is None
    undefined = told(database, "Undefined values")
    assert undefined is not None
    # Six states in three scopes.
    assert undefined.text.startswith("18 numbers of twonn are undefined, most often because: unde")
    with database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM measurement WHERE value IS NULL")
    gaps = told(database, "Gaps")
    assert gaps is not None
    assert gaps.runs == (1,)


@pytest.mark.slow
def test_the_commonest_reason_is_that_of_most_numbers(database: Database) -> None:
    names = [f"m{i}" for i in range(3)]
    write_runs(
        database,
        [
            make_run(
                name=name,
                values=lambda metric, key, scope, depth: None if metric == "twonn" else 0.5,
            )
            for name in names
        ],
    )
    # Two models have one reason for all their numbers but one; the third has more of its own.
    changed(database, "measurement", "reason = 'widespread' WHERE value IS NULL")
    changed(
        database,
        "measurement",
        "reason = 'in one place' WHERE value IS NULL AND run_id = (SELECT min(run_id) FROM run)",
    )
    changed(
        database,
        "measurement",
        "reason = 'elsewhere' WHERE reason = 'widespread' AND layer = 0",
    )
    found = told(database, "Undefined values")
    assert found is not None
    assert found.text == ("54 numbers of twonn are undefined, most often because: widespread.")


@pytest.mark.slow
def test_a_smaller_later_run_that_hides_a_larger_one_warns(database: Database) -> None:
    later = datetime(2026, 12, 1, tzinfo=UTC)
    write_runs(
        database,
        [
            make_run(name="a", tokens=65536),
            make_run(name="b", tokens=256),
        ],
    )
    assert told(database, "Smaller, later runs") is None
    write_runs(
        database,
        [
            make_run(name="a", tokens=1024, created_at=later),
            make_run(name="b", tokens=512, created_at=later),
        ],
    )
    # Of another text, so it hides nothing.
    write_run(database, make_run(name="a", tokens=128, corpus="other", created_at=later))
    found = told(database, "Smaller, later runs")
    assert found is not None
    assert found.tone == "warning"
    assert found.text.startswith(
        "1 latest run read fewer tokens than an earlier one of the same checkpoint and text, "
        "which this page leaves out (a at main: 1,024 after 65,536 tokens)."
    )
    assert found.detail.startswith("embstore ingest --force")
    (hidden,) = database.select(
        "SELECT max(run.tokens) AS tokens, arg_max(run_id, created_at) AS latest FROM run "
        "JOIN corpus USING (corpus_id) JOIN checkpoint USING (checkpoint_id) "
        "JOIN model USING (model_id) WHERE model.name = 'a' AND corpus.name = 'example-text'"
    ).to_pylist()
    assert hidden["tokens"] == 65536
    assert [read_contents(database).runs[place]["run_id"] for place in found.runs] == [
        hidden["latest"]
    ]


@pytest.mark.slow
def test_metrics_of_an_earlier_run_that_the_latest_lacks_warn(database: Database) -> None:
    later = datetime(2026, 12, 1, tzinfo=UTC)
    write_run(database, make_run(name="a", tokens=256))
    assert told(database, "Numbers out of sight") is None
    write_run(database, make_run(name="a", tokens=512, metrics=METRICS[:1], created_at=later))
    found = told(database, "Numbers out of sight")
    assert found is not None
    assert found.tone == "warning"
    assert found.text.startswith("1 latest run lacks what an earlier one of the same checkpoint")
    assert found.detail.startswith("a at main: mean_cosine, twonn. Measured over")
    assert [read_contents(database).runs[place]["tokens"] for place in found.runs] == [512]


def test_settings_that_differ_come_in_order(database: Database) -> None:
    write_runs(
        database,
        [
            make_run(name=name, tokens=tokens)
            for name, tokens in (("a", 65536), ("b", 512), ("c", 4096))
        ],
    )
    found = told(database, "Unequal samples")
    assert found is not None
    assert "(tokens 512, 4,096, 65,536; sample 512, 4,096, 65,536)" in found.text


def test_other_windows_and_another_seed_are_told(database: Database) -> None:
    write_runs(
        database,
        [make_run(name="a"), make_run(name="b", windows="documents"), make_run(name="c", seed=7)],
    )
    found = told(database, "Unequal samples")
    assert found is not None
    assert "(windows of documents, tokens; seed 0, 7)" in found.text


@pytest.mark.slow
def test_layers_without_a_number_warn(database: Database) -> None:
    write_run(database, make_run(name="a"))
    write_run(database, make_run(name="b"))
    # Of the numbers there, one that every finite layer has.
    changed(database, "measurement", "metric = 'norm_max' WHERE metric = 'twonn'")
    assert told(database, "Empty layers") is None
    broken = "value = NULL, reason = '9 of 256 tokens have NaN or infinite values'"
    changed(
        database,
        "measurement",
        f"{broken} WHERE layer > 2 AND run_id = (SELECT min(run_id) FROM run)",
    )
    changed(database, "run", "dtype = 'float16'")
    found = told(database, "Empty layers")
    assert found is not None
    assert found.tone == "warning"
    assert len(found.runs) == 1
    assert found.text == "1 run has layers without a number."
    assert "3 of 6 layers have no numbers (9 of 256 tokens have NaN" in found.detail
    assert "dtype bfloat16 or float32" in found.detail


@pytest.mark.slow
def test_seeds_are_told_of(database: Database) -> None:
    write_runs(
        database, [make_run(name=f"lab/{i}", tags={"seed_group": "lab/g"}) for i in range(3)]
    )
    found = next(one for one in build_report(database).findings if one.topic == "Seeds")
    assert found.text.startswith("3 models are seeds of one another (lab/g).")
    assert "as one line: the median of its seeds, in a band" in found.text
    assert found.runs == (0, 1, 2)
    assert told(database, "Seeds") is None
