import pytest

from embstore.choices import Scope
from embstore.errors import UsageError
from embstore.ingestion.training.alerts import Guard
from embstore.types import LayerKey, Measurement

FIRST, LAST = LayerKey("decoder", 1, "block"), LayerKey("decoder", 2, "final_norm")


def number(
    value: float | None,
    *,
    metric: str = "mean_cosine",
    key: LayerKey = FIRST,
    scope: Scope = "all",
) -> Measurement:
    return Measurement(key, scope, metric, value, 100)


def test_a_threshold_is_crossed_once_until_the_number_comes_back() -> None:
    guard = Guard("mean_cosine > 0.95")
    told = [
        [str(alert) for alert in guard.check(step, [number(value)])]
        for step, value in enumerate([0.5, 0.96, 0.97, 0.9, 0.99])
    ]
    assert told == [
        [],
        ["step 1: mean_cosine of decoder layer 1 is 0.96 (mean_cosine > 0.95)"],
        [],
        [],
        ["step 4: mean_cosine of decoder layer 1 is 0.99 (mean_cosine > 0.95)"],
    ]


def test_each_layer_and_scope_is_watched_for_itself() -> None:
    guard = Guard(["mean_cosine@no_sinks>.5", "mean_cosine < 0.1"])
    alerts = guard.check(
        7,
        [
            number(0.6),
            number(0.6, scope="no_sinks"),
            number(0.6, scope="no_sinks", key=LAST),
            number(0.05, key=LAST),
            number(0.9, metric="anisotropy", scope="no_sinks"),
        ],
    )
    assert [(alert.threshold, alert.scope, alert.key, alert.value) for alert in alerts] == [
        ("mean_cosine < 0.1", "all", LAST, 0.05),
        ("mean_cosine@no_sinks > 0.5", "no_sinks", FIRST, 0.6),
        ("mean_cosine@no_sinks > 0.5", "no_sinks", LAST, 0.6),
    ]
    assert "layer 2 after the final norm" in str(alerts[0])
    assert guard.metrics == ("mean_cosine",)
    assert guard.scopes == ("no_sinks",)


def test_a_number_that_is_undefined_crosses_nothing() -> None:
    guard = Guard(["mean_cosine > 0", "mean_cosine < 0"])
    assert not guard.check(0, [number(None)])
    assert guard.check(1, [number(1e-9)])


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        ("", "cannot be understood"),
        ("mean_cosine", "cannot be understood"),
        ("mean_cosine >= 1", "cannot be understood"),
        ("mean_cosine = 1", "cannot be understood"),
        ("mean_cosine > high", "no number"),
        ("mean_cosine > nan", "no number"),
        ("mean_cosin > 1", "did you mean mean_cosine"),
        ("mean_cosine@al > 1", "unknown scope"),
        (7, "cannot be understood"),
    ],
)
def test_what_is_no_threshold_is_refused(threshold: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Guard([threshold])  # type: ignore[list-item]
