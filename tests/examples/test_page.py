"""docs/training-series.md says what the numbers of its run say, and its pictures are there."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.training_series.plan import Plan
from examples.training_series.results import RESULTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "training-series.md").read_text()
PLAN = Plan()
MAIN, *OTHERS = (PLAN.name_of(seed) for seed in PLAN.seeds)
LAST = PLAN.steps[-1]

Row = dict[str, str]


def rows_of(table: str, **wanted: object) -> list[Row]:
    """The rows of a file of numbers in which columns have these values."""
    rows = csv.DictReader((RESULTS / f"{table}.csv").read_text().splitlines())
    return [row for row in rows if all(row[name] == str(value) for name, value in wanted.items())]


def row_of(table: str, **wanted: object) -> Row:
    (row,) = rows_of(table, **wanted)
    return row


def course(metric: str, step: int, *, model: str = MAIN, scope: str = "all") -> Row:
    return row_of("course", metric=metric, step=step, model=model, scope=scope)


def moves(metric: str, by: str, *, model: str = MAIN, scope: str = "all") -> Row:
    return row_of("phases", metric=metric, by=by, model=model, scope=scope)


def loss(step: object, model: str = MAIN) -> float:
    return float(row_of("losses", model=model, step=step)["held_out"])


def short(value: object, digits: int = 2) -> str:
    """A number as the pages write it: .84, 4.59."""
    return re.sub(r"^(-?)0\.", r"\1.", f"{float(str(value)):.{digits}f}")


def with_error(row: Row, what: str, digits: int = 2) -> str:
    return f"{short(row[what], digits)} ± {short(row[f'{what}_error'], digits)}"


def once(step: int) -> str:
    """The mean over the blocks with each token of the vocabulary once."""
    values = [float(row["twonn"]) for row in rows_of("one_each", step=step)]
    return short(sum(values) / len(values), 1)


def table_rows() -> Iterator[str]:
    for step in PLAN.steps:
        anisotropy = course("anisotropy", step)
        cells = (
            f"{step:,}",
            short(loss(step)),
            with_error(anisotropy, "peak", 3),
            anisotropy["peak_layer"],
            with_error(course("twonn", step), "mean"),
            with_error(course("mle", step), "mean"),
            once(step),
            short(course("mean_cosine", step)["mean"]),
            short(course("participation_ratio", step)["mean"], 1),
        )
        yield f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("row", list(table_rows()))
def test_the_table_has_the_numbers_of_each_step(row: str) -> None:
    assert row in PAGE


def test_the_pictures_are_there_and_are_small() -> None:
    pictures = re.findall(r"\]\((images/[\w-]+\.svg)\)", PAGE)
    assert len(pictures) == len(set(pictures)) == 6
    for picture in pictures:
        assert (ROOT / "docs" / picture).stat().st_size < 200_000


def said(*parts: str) -> bool:
    """Whether the page has these words, wherever its lines end."""
    return " ".join(parts) in " ".join(PAGE.split())


def test_anisotropy_rises_and_falls_and_has_no_bell() -> None:
    first, top, last = (course("anisotropy", step) for step in (0, 64, LAST))
    assert said(
        f"from {with_error(first, 'peak', 3)} to {with_error(top, 'peak', 3)}, then is lower at "
        f"every later checkpoint, down to {with_error(last, 'peak', 3)}"
    )
    peaks = [float(course("anisotropy", step)["peak"]) for step in PLAN.steps]
    later = peaks[PLAN.steps.index(64) :]
    assert later == sorted(later, reverse=True)
    assert max(peaks) == later[0]
    assert all(row["shape"] != "bell" for row in rows_of("shapes"))


def test_the_dimension_falls_then_rises_and_is_highest_at_the_end() -> None:
    for metric, turn in (("twonn", 16), ("mle", 128)):
        found = moves(metric, "mean")
        assert found["verdict"] == "falls, then rises"
        assert int(found["peak_step"]) == LAST
        means = {step: float(course(metric, step)["mean"]) for step in PLAN.steps}
        assert min(means, key=lambda step: means[step]) == turn
        assert said(f"{short(found['rise'])} ± {short(found['rise_error'])} from step {turn}")
        assert short(found["least_errors"], 1) == "3.7"
    assert said("each move exceeds 3.7 paired standard errors")
    late = {m: [float(course(m, s)["mean"]) for s in (1024, LAST)] for m in ("twonn", "mle")}
    error = course("twonn", LAST)["mean_error"]
    by = {metric: short(after - before) for metric, (before, after) in late.items()}
    assert said(
        f"TwoNN moves by {by['twonn']}, within its standard error of {short(error)}; "
        f"MLE still rises by {by['mle']}."
    )


def test_there_are_no_sinks_and_first_tokens_change_little() -> None:
    assert {row["n_sinks"] for row in rows_of("runs")} == {"0"}
    apart = max(
        abs(
            float(course("anisotropy", step)["peak"])
            - float(course("anisotropy", step, scope=scope)["peak"])
        )
        for step in PLAN.steps
        for scope in ("no_first", "no_sinks")
    )
    assert said(f"the maximum differs by at most {short(apart, 3)}")


def test_the_control_with_each_token_once() -> None:
    nearest = [100 * float(row["same_token_nearest"]) for row in rows_of("one_each")]
    assert said(f"of 100 tokens {min(nearest):.0f} to {max(nearest):.0f} have another occurrence")
    (tokens,) = {row["tokens"] for row in rows_of("one_each")}
    assert said(f"one occurrence of each of {int(tokens):,} different tokens")
    assert said(f"{once(0)} at random weights")
    assert said(f"down to {once(256)} at step 256, then up to {once(LAST)}.")
    values = {step: float(once(step)) for step in PLAN.steps}
    assert min(values, key=lambda step: values[step]) == 256


def test_the_peak_is_where_frequencies_are_learned() -> None:
    alone = loss("", model="token frequencies alone")
    assert loss(64) < alone < loss(32)
    assert said(f"a held-out loss of {short(alone)}")
    assert said(f"between step 32 ({short(loss(32))}) and step 64 ({short(loss(64))})")


def test_the_other_seeds() -> None:
    at_peak = [course("anisotropy", 64, model=model) for model in (MAIN, *OTHERS)]
    assert said("{}, {} and {}, each ± .01".format(*(short(row["peak"]) for row in at_peak)))
    assert all(float(row["peak_error"]) < 0.0105 for row in at_peak)
    for model in (MAIN, *OTHERS):
        assert moves("anisotropy", "highest", model=model)["peak_step"] == "64"
        assert moves("twonn", "mean", model=model)["verdict"] == "falls, then rises"
    at_end = [course("anisotropy", 512, model=model) for model in (MAIN, *OTHERS)]
    assert said("anisotropy {}, {} and {},".format(*(short(row["peak"]) for row in at_end)))
    twonn = [course("twonn", 512, model=model) for model in (MAIN, *OTHERS)]
    assert said("mean TwoNN {}, {} and {}".format(*(short(row["mean"]) for row in twonn)))
    errors = [float(row["mean_error"]) for row in twonn]
    assert said(f"with errors of {short(min(errors))} to {short(max(errors))}")


def test_both_series_agree() -> None:
    found = rows_of("agreement")
    numbers, alike, equal = (
        sum(int(row[name]) for row in found) for name in ("numbers", "alike", "alike_equal")
    )
    assert alike == equal
    kernels = {
        series: [row["linear"] for row in rows_of("runs", series=series)]
        for series in ("live", "saved")
    }
    both = sum(a == b for a, b in zip(kernels["live"], kernels["saved"], strict=True))
    runs = len(kernels["live"])
    assert said(f"the same {runs} runs, by their ids, with {numbers:,} numbers")
    assert said(f"In the {both} checkpoints in which both series used the same, all {alike:,}")
    assert said(f"In the other {runs - both} sums are rounded")
    worst = f"{float(found[0]['relative']):.1e}".replace("e-05", "e-5")
    assert said(f"the largest difference is {worst} of the number, in `{found[0]['metric']}`")
    errors = max(float(row["errors"]) for row in found if row["errors"] != "nan")
    assert said(f"none is more than {short(errors)} of the number's standard error")


def test_the_cost() -> None:
    seconds = {row["part"]: float(row["seconds"]) for row in rows_of("costs")}
    live = seconds.pop("of that, measuring live")
    training = seconds["training and measuring live"] - live
    steps = sum(PLAN.steps_of(seed)[-1] for seed in PLAN.seeds)
    runs = len(rows_of("runs", series="live"))
    for line in (
        f"| text and tokenizer | {seconds['text and tokenizer']:.0f} |",
        f"| three trainings, {steps:,} steps | {training:.0f} |",
        f"| measuring {runs} checkpoints live | {live:.0f} |",
        f"| measuring the {runs} saved folders | {seconds['measuring the saved folders']:.0f} |",
    ):
        assert line in PAGE
    assert said(f"The command took {sum(seconds.values()) / 60:.0f} minutes")
    share = live / seconds["training and measuring live"]
    assert said(f"of all training {100 * share:.0f} %.")
    first, *others = (float(row["wall_seconds"]) for row in rows_of("runs", series="live"))
    assert said(f"{first:.1f} s, the others {min(others):.1f} to {max(others):.1f} s")
