"""What is said of groups of seeds beside an answer."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from embstore.api.store import Store, open_store
from embstore.store.scores import write_scores
from embstore.types import Run
from tests.queries.asking import copy_of
from tests.stores import file_database, new_store
from tests.synthetic import make_run, make_scores

pytestmark = pytest.mark.slow

GROUP = {"seed_group": "lab/g"}


def asked(path: Path, *runs: Run) -> Store:
    return open_store(new_store(path / "s.duckdb", runs).path)


def notes(store: Store, name: str = "layer_profile", **params: object) -> str:
    return "\n".join(store.query(name, **params).notes)


def seeds(n: int) -> list[Run]:
    return [make_run(name=f"lab/{i}", tags=GROUP) for i in range(n)]


def test_line_and_band_are_told_with_the_number_of_seeds(tmp_path: Path) -> None:
    store = asked(tmp_path, *seeds(3), make_run(name="other"))
    said = notes(store)
    assert "their median at equal layer and step, in a band from the least to the greatest" in said
    assert "(lab/g: band over 3 seeds), which is no error of measurement." in said
    assert "seeds=single" in said
    assert "between their quartiles (lab/g: band over 3 seeds)" in notes(store, seeds="quartiles")
    for params in ({"seeds": "single"}, {"models": "lab/1"}, {"models": "other"}):
        assert "seeds" not in notes(store, **params)


@pytest.mark.parametrize(
    ("spread", "words"),
    [
        ("band", "of two seeds a band has no more than their two values"),
        ("quartiles", "the quartiles of two seeds are a quarter of the way from one to the other"),
    ],
)
def test_what_a_band_of_two_is_is_told(spread: str, words: str, tmp_path: Path) -> None:
    two, three = (tmp_path / n for n in "23")
    two.mkdir()
    three.mkdir()
    assert words in notes(asked(two, *seeds(2)), seeds=spread)
    assert words not in notes(asked(three, *seeds(3)), seeds=spread)


def test_steps_with_fewer_seeds_are_told(tmp_path: Path) -> None:
    runs = [
        make_run(name=f"lab/{i}", revision=f"step{n}", step=n, tags=GROUP)
        for i in range(4)
        for n in (1, 2)
        if (i, n) != (3, 2)
    ]
    assert "lab/g: band over 3 to 4 seeds" in notes(asked(tmp_path, *runs), "anisotropy_by_step")


def test_who_is_left_out_of_a_band_is_told_and_why(tmp_path: Path) -> None:
    others = [
        make_run(name="odd/0", seed=5, tags=GROUP),
        make_run(name="odd/1", tokens=128, tags=GROUP),
    ]
    store = asked(tmp_path, *seeds(3), *others)
    assert (
        "odd/0 is a seed of lab/g, too, but differs from those in the band in seed, and so does 1 "
        "more model (tokens" in notes(store)
    )
    # And that numbers side by side were not measured alike, as ever.
    assert "seed (0, 5): their numbers differ" in notes(store)
    assert "odd/0" not in notes(store, seeds="single")


def test_a_band_of_unlike_steps_is_told_of(tmp_path: Path) -> None:
    runs = [
        make_run(name=f"lab/{i}", revision=f"step{n}", step=n, tokens=256 * n, tags=GROUP)
        for i in range(2)
        for n in (1, 2)
    ]
    assert "These runs differ in tokens (256, 512)" in notes(
        asked(tmp_path, *runs), "dimension_by_step"
    )


def test_the_same_weights_twice_are_told(tmp_path: Path) -> None:
    first, second, third = seeds(3)
    twin = second.checkpoint.__class__(**{**vars(second.checkpoint), "weights_sha256": "x"})
    same = [run.__class__(**{**vars(run), "checkpoint": twin}) for run in (first, second)]
    said = notes(asked(tmp_path, *same, third))
    assert "lab/0, lab/1 of the seeds of lab/g have the same weights: one training" in said
    # Where only the order of the text differs the beginning is the same.
    (tmp_path / "at0").mkdir()
    begun = [copy_of(run, revision="step0", step=0) for run in same]
    assert "same weights" not in notes(asked(tmp_path / "at0", *begun))


def test_a_checkpoint_that_takes_the_place_of_another_is_told(tmp_path: Path) -> None:
    first, second, third = seeds(3)
    retrained = replace(first.checkpoint, weights_sha256="x")
    again = replace(
        first,
        checkpoint=retrained,
        provenance=replace(first.provenance, created_at=datetime(2026, 11, 9, tzinfo=UTC)),
    )
    store = asked(tmp_path, first, second, third, again)
    assert (
        "lab/0 has several checkpoints at main with other weights: the one measured last is in the "
        "band of lab/g." in notes(store)
    )
    assert "several checkpoints" not in notes(store, seeds="single")
    assert "several checkpoints" not in notes(store, models=["lab/1", "lab/2"])
    # Measured twice, or over another text, it is one.
    (tmp_path / "twice").mkdir()
    repeated = replace(again, checkpoint=first.checkpoint, repeat=1)
    elsewhere = make_run(name="lab/1", corpus="other", tags=GROUP)
    twice = asked(tmp_path / "twice", first, second, third, repeated, elsewhere)
    assert "several checkpoints" not in notes(twice)


def test_steps_that_two_revisions_have_are_told(tmp_path: Path) -> None:
    runs = [
        make_run(name=f"lab/{i}", revision=f"step{n}", step=n, tags=GROUP)
        for i in range(2)
        for n in (1, 2)
    ]
    later = datetime(2026, 11, 9, tzinfo=UTC)
    runs += [
        make_run(name="lab/0", revision=f"step0{n}", step=n, tags=GROUP, created_at=later)
        for n in (1, 2)
    ]
    assert (
        "lab/0 has several checkpoints at step 1 with other weights: the one measured last "
        "(step01) is in the band of lab/g, and so in 1 more case." in notes(asked(tmp_path, *runs))
    )


def test_a_question_that_takes_no_seeds_together_says_so(tmp_path: Path) -> None:
    store = asked(tmp_path, *seeds(3), make_run(name="other"))
    said = "takes no seeds together: 3 seeds of lab/g are models of their own here."
    for name in ("bell_shape", "peak_layer", "sink_effect", "dimension_ceiling", "nearest_models"):
        assert said in notes(store, name)
        assert "seeds" not in notes(store, name, models="other" if "near" not in name else "lab/0")
    for name in ("runs", "models", "layers", "cost", "coverage"):
        assert "seeds" not in notes(store, name)


def test_correlations_and_courses_say_so_too(tmp_path: Path) -> None:
    runs = [
        make_run(name=f"lab/{i}", revision=f"step{n}", step=n, tags=GROUP)
        for i in range(2)
        for n in (1, 2, 3)
    ]
    store = asked(tmp_path, *runs)
    scores = make_scores(*runs)
    write_scores(file_database(tmp_path / "s.duckdb"), scores)
    for name in ("phases", "checkpoint_changes", "score_by_step", "score_correlation"):
        over = {"over": "steps"} if name == "score_correlation" else {}
        assert "2 seeds of lab/g are models of their own here" in notes(store, name, **over)


def test_what_an_answer_lacks_is_not_told_of_as_left_out(tmp_path: Path) -> None:
    # The newest run of one seed read fewer tokens; where all sizes are shown it is no exception.
    runs = [make_run(name=f"lab/{i}", tokens=n, tags=GROUP) for i in range(3) for n in (256, 512)]
    later = datetime(2026, 11, 9, tzinfo=UTC)
    again = make_run(name="lab/2", tokens=256, tags=GROUP, created_at=later, repeat=1)
    store = asked(tmp_path, *runs, again)
    assert "differs from those in the band in tokens" in notes(store)
    said = notes(store, "value_by_tokens")
    assert "lab/g: band over 3 seeds" in said
    assert "differs from" not in said


def test_a_group_that_never_meets_is_told(tmp_path: Path) -> None:
    runs = [make_run(name=f"lab/{i}", revision=f"step{i}", step=i, tags=GROUP) for i in range(1, 4)]
    said = notes(asked(tmp_path, *runs))
    assert (
        "lab/g is a group of 3 models, but no two of them were measured alike at one step" in said
    )
    (tmp_path / "one").mkdir()
    assert "lab/g" not in notes(asked(tmp_path / "one", *seeds(1)))


def test_an_answer_shows_seeds_where_there_are_any(tmp_path: Path) -> None:
    store = asked(tmp_path, *seeds(3))
    shown, above, _ = store.query("layer_profile", scopes="all").at_a_glance(80)
    assert {"n_seeds", "seed_low", "seed_high"} <= set(shown.column_names)
    assert any("lab/g · 3 seeds" in line for line in above)
    shown, above, _ = store.query("layer_profile", scopes="all", seeds="single").at_a_glance(80)
    assert "seed" not in " ".join([*shown.column_names, *above])


def correlated(path: Path, names: dict[str, str | None], steps: int = 1) -> Store:
    """Store models, each with its group, whose numbers and scores have no order in common."""
    runs = [
        make_run(
            name=name,
            revision=f"step{step}",
            step=step,
            tags={"seed_group": group} if group else {},
            values=lambda *_, number=7 * place % 5 + step * step % 7: float(number),
        )
        for place, (name, group) in enumerate(names.items())
        for step in range(steps)
    ]
    store = asked(path, *runs)
    store.import_scores([vars(score) for score in make_scores(*runs)])
    return store


def test_seeds_that_count_as_models_of_their_own_are_told(tmp_path: Path) -> None:
    of_groups = {"g/0": "lab/g", "g/1": "lab/g", "g/2": "lab/g", "h/0": "lab/h", "h/1": "lab/h"}
    store = correlated(tmp_path, {**of_groups, "a": None, "b": None})
    said = notes(store, "score_correlation")
    assert (
        "Seeds of a group count as models of their own, though they are not independent (3 seeds "
        "of lab/g, 2 seeds of lab/h): these intervals are too narrow. To take one of each, name it "
        "in models." in said
    )
    assert "Seeds" not in notes(store, "score_correlation", models=["g/0", "h/0", "a", "b"])
    # Fewer than 4 models have no interval that could be too narrow.
    assert "Seeds" not in notes(store, "score_correlation", models=["g/0", "g/1", "g/2"])


def test_over_steps_each_seed_is_a_line_of_its_own(tmp_path: Path) -> None:
    store = correlated(tmp_path, {"g/0": "lab/g", "g/1": "lab/g"}, steps=5)
    assert "Seeds" not in notes(store, "score_correlation", over="steps")


def test_an_answer_without_rows_has_no_seeds(tmp_path: Path) -> None:
    assert asked(tmp_path, *seeds(2)).query("score_correlation").notes == ()
