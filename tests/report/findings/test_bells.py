import pytest

from embstore.report.findings import bells
from tests.report.told import peak


def test_kinds_are_compared_by_the_middle_against_both_ends() -> None:
    peaks = [peak(bell=0.5), peak("encoder", bell=0.01)]
    found = bells.kinds_compared(peaks, {"decoder", "encoder"})
    assert found is not None
    # 1.96 times the root of 0.01² + 0.01².
    assert "0.5 higher (95 % interval 0.472 to 0.528) in decoders, where 1 of 1 profile is" in (
        found.text
    )
    assert "0.01 higher (95 % interval -0.0177 to 0.0377) in encoders, where 0 of 1" in found.text
    assert "each end by more than 3 standard errors and by more than 0.1" in found.text


@pytest.mark.parametrize(
    ("bell", "error", "expected"),
    [
        (0.5, 0.01, "bell"),
        # 0.25 above the end, but only 0.05 above the start.
        (0.15, 0.001, "open"),
        (0.5, 0.1, "open"),
        (0.5, None, "open"),
        (-0.3, 0.001, "valley"),
    ],
)
def test_shapes(bell: float, error: float | None, expected: str) -> None:
    assert bells.shape(peak(bell=bell, error=error)) == expected


def test_a_kind_without_values_is_told_apart_from_one_that_is_missing() -> None:
    missing = bells.kinds_compared([peak()], {"decoder"})
    assert missing is not None
    assert missing.tone == "open"
    assert "There are no encoders here" in missing.text
    empty = bells.kinds_compared([peak()], {"decoder", "encoder"})
    assert empty is not None
    assert "No encoder has values over the middle third" in empty.text
