import pyarrow as pa

from embstore.charts.build import build_chart
from tests.charts.specifications import SHARE, ask, find, spec_of

CHART = "mark=line x=depth:Q y=value:Q color=series:N"


def lines(ends: dict[str, float], *, last: float = 1.0) -> pa.Table:
    """Lines from 0 to these values, the first of them up to a depth of ``last``."""
    rows = []
    for i, (name, end) in enumerate(ends.items()):
        places = ((0.0, 0.0), (last if i == 0 else 1.0, end))
        rows += [{"series": name, "depth": depth, "value": value} for depth, value in places]
    return pa.Table.from_pylist([row | {"metric": "anisotropy"} for row in rows])


def labels(table: pa.Table, chart: str = CHART) -> dict[str, float]:
    """The names at the ends of lines, and by how many pixels each was moved."""
    spec = spec_of(build_chart(ask(chart), table, metric=SHARE))
    found = [m for m in find(spec, "mark") if isinstance(m, dict) and m["type"] == "text"]
    return {mark["text"]: mark["dy"] for mark in found}


def has_legend(table: pa.Table) -> bool:
    spec = spec_of(build_chart(ask(CHART), table, metric=SHARE))
    return any(c["legend"] for c in find(spec, "color") if isinstance(c, dict))


def test_lines_are_named_at_their_ends_and_need_no_legend() -> None:
    table = lines({"a": 0.2, "b": 0.9})
    assert labels(table) == {"a": 0, "b": 0}
    assert not has_legend(table)


def test_names_that_would_cover_each_other_move_apart() -> None:
    moved = labels(lines({"a": 0.50, "b": 0.51}))
    # One hundredth of 280 pixels is 2.8; a line of text needs 15.
    assert moved["a"] - moved["b"] == 15 - 2.8
    assert abs(moved["a"] + moved["b"]) < 0.2


def test_a_legend_names_lines_that_are_too_many_too_long_or_end_early() -> None:
    for table in (
        lines({f"m{i}": i / 10 for i in range(7)}),
        lines({"a" * 27: 0.1, "b": 0.9}),
        lines({"a": 0.1, "b": 0.9}, last=0.5),
        # All in one place: some name would be far from its line.
        lines({f"m{i}": 0.5 for i in range(6)}),
    ):
        assert labels(table) == {}
        assert has_legend(table)


def test_panels_have_a_legend() -> None:
    table = lines({"a": 0.2, "b": 0.9})
    table = table.append_column("kind", pa.array(["x", "x", "y", "y"]))
    assert labels(table, f"{CHART} facet=kind:N") == {}


def test_a_model_in_two_scopes_has_one_name() -> None:
    table = pa.concat_tables(
        lines({"a": 0.2, "b": end}).append_column("scope", [[scope] * 4])
        for scope, end in (("all", 0.9), ("no_sinks", 0.3))
    )
    assert set(labels(table, f"{CHART} dash=scope:N")) == {"a", "b"}


def test_no_name_lies_on_the_labels_of_the_axis_below() -> None:
    moved = labels(lines({"a": 0.0, "b": 0.0, "c": 0.9}))
    # At 0 lies the axis, and y grows downwards.
    assert max(moved.values()) < 0 or moved["c"] == 0
    assert {moved["a"], moved["b"]} == {-2, -17}


def test_the_place_of_small_shares_is_that_on_their_own_axis() -> None:
    assert labels(lines({"a": 2e-9, "b": 1e-9})) == {"a": 0, "b": 0}
