"""Charts of many series keep few panels."""

import pyarrow as pa
import pytest

from embstore.charts.build import build_chart
from embstore.errors import QueryError
from tests.charts.specifications import ask, find, spec_of

SCALE = "mark=line x=rank:Q y=dimension:Q color=depth:Q facet=series:N detail=state:N"
POINTS = "mark=point x=layer:Q y=ratio:Q color=place:N facet=series:N"


def curves(n_series: int, n_layers: int) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "series": f"m{series:02}",
                "state": f"layer {layer}",
                "place": f"coordinate {layer}",
                "layer": layer,
                "depth": layer / n_layers,
                "rank": rank,
                "dimension": 5.0 + layer,
                "ratio": 100.0,
            }
            for series in range(n_series)
            for layer in range(n_layers)
            for rank in (1, 2)
        ]
    )


def panels(chart: str, table: pa.Table) -> tuple[str, list[str], str]:
    """What the panels of a chart are, which there are, and what stands below."""
    spec = spec_of(build_chart(ask(chart), table))
    facets = [found for found in find(spec, "facet") if isinstance(found, dict)]
    (facet,) = (found.get("column", found) for found in facets if "spacing" not in found)
    return facet["field"], facet["sort"], str(spec.get("title"))


@pytest.mark.parametrize(("chart", "inner"), [(SCALE, "state"), (POINTS, "place")])
def test_of_many_series_and_few_layers_each_layer_has_a_panel(chart: str, inner: str) -> None:
    field, names, _below = panels(chart, curves(13, 3))
    assert field == inner
    assert [name.split()[-1] for name in names] == ["0", "1", "2"]
    assert panels(chart, curves(12, 3))[0] == "series"


@pytest.mark.parametrize("chart", [SCALE, POINTS])
def test_of_many_of_both_some_series_are_drawn_from_the_first_to_the_last(chart: str) -> None:
    field, names, below = panels(chart, curves(40, 13))
    assert field == "series"
    assert len(names) == 12
    assert (names[0], names[-1]) == ("m00", "m39")
    assert "12 of 40 series are drawn, spread evenly" in " ".join(below.split())


def test_no_gap_is_hidden_in_a_heat_map() -> None:
    chart = "mark=rect x=layer:O y=place:O color=ratio:Q facet=series:N"
    assert len(panels(chart, curves(40, 13))[1]) == 40


def test_a_line_over_one_number_of_tokens_is_refused() -> None:
    chart = "mark=line x=tokens:Q y=dimension:Q color=depth:Q facet=series:N detail=state:N"
    table = curves(2, 3)
    tokens = pa.array([256 if name == "m00" else 512 for name in table["series"].to_pylist()])
    with pytest.raises(QueryError, match=r"one number of tokens.* with other --tokens"):
        build_chart(ask(chart), table.append_column("tokens", tokens))
    longer = table.append_column("tokens", pa.array([256, 512] * 6))
    assert panels(chart, longer)[1] == ["m00", "m01"]
