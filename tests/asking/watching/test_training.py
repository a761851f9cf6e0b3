"""Which training is read, and its numbers in the places of their steps."""

from datetime import timedelta
from pathlib import Path

import pytest

from embstore.asking.watching.training import NoTrainingError, Training, Wanted, read_training
from embstore.errors import QueryError
from embstore.store.connection import open_database
from embstore.store.exports.exporting import export_store
from embstore.store.writing import write_run
from embstore.types import LayerKey
from tests.asking.watching.trainings import BEGAN, growing, steps_of
from tests.stores import new_store
from tests.synthetic import METRICS, make_run

pytestmark = pytest.mark.slow

LATER = BEGAN + timedelta(hours=1)


def numbers(training: Training, metric: str = "anisotropy") -> dict[tuple[str, int, str], object]:
    return {(line.stack, line.layer, line.site): line.numbers[metric] for line in training.layers}


def test_every_layer_has_a_number_at_every_step(path: Path) -> None:
    found = read_training(new_store(path, steps_of()), Wanted())
    assert (found.model, found.course, found.corpus) == ("run-7", "", "example-text")
    assert [step.number for step in found.steps] == [0, 10, 20]
    assert [step.tokens_seen for step in found.steps] == [0, 10_000, 20_000]
    assert found.last is found.steps[-1]
    assert (found.last.seconds, found.last.forward, found.last.geometry) == (3.5, 2.5, 0.5)
    # Of the main metrics those that were measured.
    assert found.metrics == ("anisotropy", "mean_cosine", "twonn")
    assert [(line.layer, line.site) for line in found.layers] == [
        *((0, "embedding"), (1, "block"), (2, "block"), (3, "block"), (4, "block")),
        (4, "final_norm"),
    ]
    assert numbers(found)["decoder", 3, "block"] == pytest.approx([0.1, 0.13, 0.16])
    assert found.remarks == ()


def test_the_encoder_stands_before_the_decoder(path: Path) -> None:
    runs = steps_of(kind="encoder-decoder", n_layers=2)
    found = read_training(new_store(path, runs), Wanted(metrics=("twonn",)))
    assert [(line.stack, line.layer, line.site) for line in found.layers] == [
        *(("encoder", 0, "embedding"), ("encoder", 1, "block"), ("encoder", 2, "block")),
        *(("decoder", 0, "embedding"), ("decoder", 1, "block"), ("decoder", 2, "block")),
        ("decoder", 2, "final_norm"),
    ]


def test_of_two_models_the_one_that_was_measured_last_unless_another_is_named(path: Path) -> None:
    runs = [*steps_of("old"), *steps_of("it's new", (5, 6), began=LATER)]
    database = new_store(path, runs)
    assert read_training(database, Wanted()).model == "it's new"
    named = read_training(database, Wanted("old"))
    assert (named.model, len(named.steps)) == ("old", 3)


def test_runs_that_are_no_steps_do_not_hide_a_training(path: Path) -> None:
    others = [
        make_run(name="gpt2", created_at=LATER),
        make_run(name="run-7", revision="random-init-0", step=0, created_at=LATER),
    ]
    found = read_training(new_store(path, [*steps_of(), *others]), Wanted())
    assert (found.model, len(found.steps)) == ("run-7", 3)


def test_another_text_and_another_course_are_other_trainings(path: Path) -> None:
    database = new_store(path, steps_of(steps=(0, 10)))
    write_run(database, make_run(name="run-7", revision="s2-step5", step=5, created_at=LATER))
    found = read_training(database, Wanted())
    assert (found.course, [step.number for step in found.steps]) == ("s2", [5])
    (other,) = steps_of(steps=(10,), corpus="verse", began=LATER + timedelta(hours=1))
    write_run(database, other)
    found = read_training(database, Wanted())
    assert (found.course, found.corpus, len(found.steps)) == ("", "verse", 1)


def test_a_step_measured_again_counts_once_and_is_the_last(path: Path) -> None:
    runs = steps_of()
    again = make_run(
        name="run-7", revision="checkpoint-10", step=10, repeat=1, created_at=LATER,
        values=growing(7),
    )  # fmt: skip
    found = read_training(new_store(path, [*runs, again]), Wanted())
    assert [step.number for step in found.steps] == [0, 10, 20]
    assert found.last.number == 10
    assert numbers(found)["decoder", 1, "block"] == pytest.approx([0.1, 0.17, 0.12])


def test_a_number_that_is_missing_leaves_a_gap(path: Path) -> None:
    def none(metric: str, key: LayerKey, scope: str, depth: float) -> float | None:
        return None

    first, _, third = steps_of()
    (without,) = steps_of(steps=(10,), values=none)
    (fewer,) = steps_of(steps=(15,), metrics=METRICS[:1])
    found = read_training(new_store(path, [first, without, fewer, third]), Wanted())
    assert numbers(found)["decoder", 1, "block"] == pytest.approx([0.1, None, 0.1, 0.12])
    assert numbers(found, "twonn")["decoder", 1, "block"] == [5.0, None, None, 5.0]


def test_the_scope_is_the_one_that_is_asked_for(path: Path) -> None:
    found = read_training(new_store(path, steps_of()), Wanted(scope="no_sinks"))
    assert numbers(found)["decoder", 0, "embedding"] == pytest.approx([0.6, 0.6, 0.6])


def test_what_makes_numbers_doubtful_is_said(path: Path) -> None:
    runs = [*steps_of(steps=(0,)), *steps_of(steps=(10,), tokens=512, seed=3)]
    found = read_training(new_store(path, runs), Wanted(metrics=("twonn", "rankme")))
    assert found.remarks == (
        "not measured at any step: rankme",
        "steps were measured with unequal tokens, sample_size, seed: their numbers hardly compare",
    )


def test_without_a_training_it_says_what_there_is(path: Path) -> None:
    database = new_store(path)
    with pytest.raises(NoTrainingError, match=r"holds no runs yet: measure a checkpoint"):
        read_training(database, Wanted())
    write_run(database, make_run(name="gpt2"))
    with pytest.raises(NoTrainingError, match=r"no checkpoint with a training step of its models"):
        read_training(database, Wanted())
    with pytest.raises(NoTrainingError, match=r"no model 'gpt-2' .*did you mean gpt2.*it has gpt2"):
        read_training(database, Wanted("gpt-2"))


def test_a_metric_that_nobody_knows_is_refused(path: Path) -> None:
    database = new_store(path)
    for _ in range(2):
        with pytest.raises(QueryError, match=r"unknown metric 'twon' \(did you mean twonn\?\)"):
            read_training(database, Wanted(metrics=("twon",)))
        if not database.select("SELECT * FROM run").num_rows:
            write_run(database, steps_of()[0])


def test_an_export_and_a_tagged_part_are_read_alike(path: Path) -> None:
    database = new_store(path, [*steps_of(tags={"lr": "1"}), *steps_of("b", began=LATER)])
    folder = export_store(database, path.with_name("export")).folder
    whole = read_training(database, Wanted())
    assert whole.model == "b"
    assert read_training(open_database(folder, create=False), Wanted()) == whole
    tagged = open_database(path, create=False, tags=[("lr", "1")])
    assert read_training(tagged, Wanted()).model == "run-7"
