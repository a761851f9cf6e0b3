"""What people see first of a table."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa


class Glance(NamedTuple):
    """A table as people read it.

    Attributes:
        table: the columns that tell rows apart and those that were asked for.
        above: lines to put above it.
        keep: columns that are shown however narrow a line is.
    """

    table: "pa.Table"
    above: list[str]
    keep: tuple[str, ...] = ()
