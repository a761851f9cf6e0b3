"""What the titles of charts say of a metric and a score."""

from typing import Any

import pytest

from embstore.charts.headlines.scores import correlations, courses
from tests.charts.specifications import DIMENSION

Row = dict[str, Any]


def row(correlation: float | None, half: float | None = 0.1, **given: object) -> Row:
    bounds: tuple[float | None, float | None] = (None, None)
    if correlation is not None and half is not None:
        bounds = (correlation - half, correlation + half)
    return {
        "series": "decoders",
        "statistic": "Spearman",
        "layer": None,
        "depth": 0.5,
        "metric": "twonn",
        "score": "acc",
        "correlation": correlation,
        "ci_low": bounds[0],
        "ci_high": bounds[1],
        "n": 12,
        "control": None,
        **given,
    }


def partial(correlation: float | None, **given: object) -> Row:
    return {**row(correlation), "statistic": "partial", "control": "number of layers", **given}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (
            [row(0.5, depth=0.0), row(0.8, depth=0.25), partial(0.3, depth=0.25)],
            "Intrinsic dimension ranks 12 decoders most as acc does at depth 0.25: ρ = "
            "0.80 (0.70 to 0.90), clearly other than 0 at both depths; 0.30 with the number of "
            "layers held fixed",
        ),
        (
            [row(0.5), row(-0.8, depth=1.0)],
            "Intrinsic dimension ranks 12 decoders most against acc at depth 1: ρ = −0.80 "
            "(−0.90 to −0.70), clearly other than 0 at both depths",
        ),
        # A larger correlation whose interval has 0 in it does not count.
        (
            [row(0.9, 1.0), row(0.5, depth=0.75)],
            "Intrinsic dimension ranks 12 decoders most as acc does at depth 0.75: ρ = "
            "0.50 (0.40 to 0.60), clearly other than 0 at 1 of 2 depths",
        ),
        # Of another series nothing is counted.
        (
            [
                row(0.5, layer=1, series="a"),
                row(0.8, layer=2, series="b"),
                row(0.3, layer=3, series="b"),
            ],
            "Intrinsic dimension ranks 12 steps of b most as acc does in layer 2 (depth 0.5): "
            "ρ = 0.80 (0.70 to 0.90), clearly other than 0 in both layers",
        ),
        (
            [row(0.5, 0.6), row(-0.5, 0.6), partial(0.9)],
            "At no depth is the rank correlation of intrinsic dimension with acc clearly "
            "other than 0",
        ),
        # Where all ranks agree their number decides.
        (
            [row(1.0, None, n=4)],
            "At no depth is the rank correlation of intrinsic dimension with acc clearly "
            "other than 0",
        ),
        (
            [row(1.0, None, n=5, series="lab/a", layer=2)],
            "Intrinsic dimension ranks 5 steps of a most as acc does in layer 2 (depth "
            "0.5): ρ = 1.00",
        ),
        (
            [partial(0.5)],
            "Intrinsic dimension ranks 12 decoders most as acc does at depth 0.5: ρ = 0.50 "
            "(0.40 to 0.60) with the number of layers held fixed",
        ),
        ([row(None), partial(None)], None),
    ],
)
def test_where_both_rank_most_alike_is_told(rows: list[Row], says: str | None) -> None:
    assert correlations(rows, DIMENSION) == says


def course(series: str, *pairs: tuple[int, float, float]) -> list[Row]:
    shared = {"series": series, "metric": "twonn"}
    return [
        *({**shared, "step": s, "value": x, "score": None, "quantity": "mean over layers"}
          for s, x, _ in pairs),
        *({**shared, "step": s, "value": y, "score": "acc", "quantity": "acc"}
          for s, _, y in pairs),
    ]  # fmt: skip


def test_of_one_training_both_ends_are_told() -> None:
    rows = course("lab/a", (0, 10.0, 0.25), (10, 30.0, 0.3), (1000, 20.0, 0.5))
    assert courses(rows, DIMENSION) == (
        "The mean over layers of intrinsic dimension of a goes from 10.0 to 20.0, acc from "
        "0.25 to 0.50, from step 0 to 1,000"
    )
    # Only steps that have both.
    rows = [r for r in rows if not (r["step"] == 1000 and r["score"])]
    assert str(courses(rows, DIMENSION)).endswith("acc from 0.25 to 0.30, from step 0 to 10")
    assert courses(course("lab/a", (0, 1.0, 1.0)), DIMENSION) is None
    assert courses([], DIMENSION) is None


def test_of_several_it_is_counted_which_go_the_same_way() -> None:
    rows = [
        *course("lab/a", (0, 10.0, 0.25), (10, 20.0, 0.5)),
        *course("lab/b", (0, 10.0, 0.25), (10, 5.0, 0.5)),
        *course("lab/c", (0, 10.0, 0.25), (10, 5.0, 0.1)),
    ]
    assert courses(rows, DIMENSION) == (
        "The mean over layers of intrinsic dimension and acc go the same way from first to "
        "last step in 2 of 3 courses"
    )
