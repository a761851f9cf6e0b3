"""What the titles say of single coordinates, and of what is missing."""

from typing import Any

import pytest

from embstore.charts.headlines.ledger import coverage, massive


def coordinate(layer: int, ratio: float | None) -> dict[str, Any]:
    return {"series": "lab/a", "coordinate": 507, "layer": layer, "ratio": ratio}


@pytest.mark.parametrize(
    ("ratios", "where"),
    [
        ((100.0, 16672.0, 12000.0), "16,672 times the median, in layer 1"),
        ((2000.0, 2000.0, None), "2,000 times the median, in 2 layers"),
    ],
)
def test_the_largest_coordinate_is_told_with_all_its_layers(
    ratios: tuple[float | None, ...], where: str
) -> None:
    rows = [coordinate(layer, ratio) for layer, ratio in enumerate(ratios)]
    assert massive(rows) == f"Coordinate 507 of a reaches {where}"
    assert massive(rows[2:] if ratios[2] is None else []) is None


def test_of_missing_layers_alone_no_total_is_told() -> None:
    failed, measured = [{"status": "failed"}] * 3, [{"status": "measured"}]
    assert coverage(failed) == "Layers of checkpoints: 3 failed"
    assert coverage(failed + measured) == "Of 4 layers of checkpoints: 3 failed"
    assert coverage(measured) == "Everything is measured"
