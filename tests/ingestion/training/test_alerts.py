"""Thresholds, and numbers that are on either side of them or undefined."""

import math
from collections.abc import Callable

import pytest

from embstore.errors import UsageError
from embstore.ingestion.training.alerts import Alert, Guard
from embstore.types import LayerKey, Measurement


@pytest.fixture
def given() -> Callable[[Guard, list[float | None]], list[int]]:
    """Show a guard the same number step by step; return the steps that it gives an alert at."""

    def give(guard: Guard, values: list[float | None]) -> list[int]:
        key = LayerKey("decoder", 2, "block")
        alerts: list[Alert] = []
        for step, value in enumerate(values):
            alerts += guard.check(step, [Measurement(key, "all", "mean_cosine", value, 9)])
        return [alert.step for alert in alerts]

    return give


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        ([0.5, 0.96, 0.97, 0.98], [1]),
        ([0.96, 0.5, 0.96], [0, 2]),
        # On the threshold is not beyond it.
        ([0.95, 0.95], []),
        ([None, math.nan, 0.99], [2]),
        # What is undefined in between has not come back.
        ([0.99, None, 0.99, math.nan, 0.99], [0]),
        ([0.99, None, 0.5, 0.99], [0, 3]),
    ],
)
def test_an_alert_is_given_once_until_a_number_comes_back(
    values: list[float | None],
    steps: list[int],
    given: Callable[[Guard, list[float | None]], list[int]],
) -> None:
    assert given(Guard("mean_cosine > 0.95"), values) == steps


def test_other_scopes_and_the_other_side(
    given: Callable[[Guard, list[float | None]], list[int]],
) -> None:
    assert given(Guard("mean_cosine@no_first > 0.5"), [0.9]) == []
    assert given(Guard(["mean_cosine < 0.1", "mean_cosine@all < 0.2"]), [0.15, 0.05]) == [0, 1]


def test_each_layer_and_scope_is_watched_for_itself() -> None:
    first, last = LayerKey("decoder", 1, "block"), LayerKey("decoder", 2, "final_norm")
    guard = Guard(["mean_cosine@no_sinks>.5", "mean_cosine < 0.1"])
    alerts = guard.check(
        7,
        [
            Measurement(first, "all", "mean_cosine", 0.6, 9),
            Measurement(first, "no_sinks", "mean_cosine", 0.6, 9),
            Measurement(last, "no_sinks", "mean_cosine", 0.6, 9),
            Measurement(last, "all", "mean_cosine", 0.05, 9),
            Measurement(first, "no_sinks", "anisotropy", 0.9, 9),
        ],
    )
    assert [(alert.threshold, alert.scope, alert.key, alert.value) for alert in alerts] == [
        ("mean_cosine < 0.1", "all", last, 0.05),
        ("mean_cosine@no_sinks > 0.5", "no_sinks", first, 0.6),
        ("mean_cosine@no_sinks > 0.5", "no_sinks", last, 0.6),
    ]
    assert str(alerts[0]) == (
        "step 7: mean_cosine@all of decoder layer 2 after the final norm is 0.05 "
        "(mean_cosine < 0.1)"
    )
    guard.check_measured(["anisotropy", "mean_cosine"], ["all", "no_sinks"])
    with pytest.raises(UsageError, match="watches mean_cosine, which is not measured"):
        guard.check_measured(["anisotropy"], ["no_sinks"])
    with pytest.raises(UsageError, match="watches scope no_sinks, which is not measured"):
        guard.check_measured(["mean_cosine"], ["all"])


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        ("", "cannot be understood"),
        ("mean_cosine", "cannot be understood"),
        ("mean_cosine >= 1", "cannot be understood"),
        ("mean_cosine = 1", "cannot be understood"),
        ("mean_cosine > much", "ends with no number"),
        ("mean_cosine > nan", "ends with no number"),
        ("mean_cosin > 1", "mean_cosine"),
        ("mean_cosine@everything > 1", "everything"),
    ],
)
def test_what_is_no_threshold(threshold: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Guard(threshold)
