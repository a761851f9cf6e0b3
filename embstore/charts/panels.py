"""Keeps the panels of a chart few enough to be compared."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from embstore.asking.question import Channel

if TYPE_CHECKING:
    import pyarrow as pa

# More panels than this are a flood: nobody compares the first with the last.
MOST_PANELS = 12


def few_panels(
    mark: str, channels: Mapping[str, Channel], table: "pa.Table", fewer: str
) -> tuple[dict[str, Channel], "pa.Table", str]:
    """Return channels, rows and a note for a chart of lines or points with few panels.

    Where there are many series and few layers (or coordinates), each layer has a panel with a
    line for each series. Where there are many of both, some series are left out, and the note says
    so: those that remain are spread evenly from the first to the last.
    """
    facet = channels.get("facet")
    if mark not in {"line", "point"} or facet is None or {"row", "apart"} & channels.keys():
        return dict(channels), table, ""
    found = _names(table, facet)
    if len(found) <= MOST_PANELS:
        return dict(channels), table, ""
    inner = "detail" if "detail" in channels else "color"
    other = channels.get(inner)
    can_turn = other is not None and other.type == "N" and other.column != facet.column
    if other is not None and can_turn and len(_names(table, other)) <= MOST_PANELS:
        turned = {key: channel for key, channel in channels.items() if key != "detail"}
        return {**turned, "facet": other, "color": facet}, table, ""
    import pyarrow.compute as pc

    last = len(found) - 1
    kept = [round(i * last / (MOST_PANELS - 1)) for i in range(MOST_PANELS)]
    chosen = table[facet.column].unique().take(kept)
    rows = table.filter(pc.is_in(table[facet.column], chosen))
    how = f"; choose with {fewer}" if fewer else ""
    return (
        dict(channels),
        rows,
        f"{MOST_PANELS} of {len(found)} series are drawn, spread evenly{how}.",
    )


def _names(table: "pa.Table", channel: Channel) -> list[object]:
    """Return the categories of a channel, in the order of the rows."""
    names: list[object] = table[channel.column].unique().to_pylist()
    return names
