"""What a question returns: an Arrow table that shows itself."""

import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from embstore.asking.caveats import dimension_caveat, no_error_caveat, steps_caveat
from embstore.asking.overview import overview
from embstore.asking.parameters import ParameterValue
from embstore.asking.question import Question
from embstore.common.messages import counted
from embstore.common.names import distinct
from embstore.errors import QueryError, UsageError
from embstore.tables.glance import Glance
from embstore.tables.moments import beyond_python
from embstore.tables.text import aligned, html
from embstore.tables.values import plain_rows, plain_values, python_values

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

# A chart; which library draws it is known to the room of charts alone.
Drawn = Any

_SHOWN_ROWS = 40
# Characters of a line in a notebook.
_WIDE = 120


class Answer:
    """The rows that answer a question, and warnings about them.

    Use it like the Arrow table it holds: ``to_pandas()``, ``to_polars()``, ``to_pylist()``,
    ``answer["value"]`` and every other method of ``pyarrow.Table``; a loop over it gives the rows
    as dictionaries. ``pandas.DataFrame``, ``polars.DataFrame``, ``pyarrow.table`` and DuckDB accept
    it as it is; pass ``answer.table`` to a function that requires a ``pyarrow.Table``. A terminal
    and a notebook show its first rows.

    >>> import pyarrow as pa
    >>> answer = Answer(pa.table({"layer": [0, 1], "value": [0.25, None]}))
    >>> answer
    layer   value
    ─────  ──────
        0  0.2500
        1       —
    >>> answer["value"].to_pylist()
    [0.25, None]
    """

    def __init__(
        self,
        table: "pa.Table",
        notes: Sequence[str] = (),
        *,
        headline: str = "",
        question: Question | None = None,
        values: Mapping[str, ParameterValue] | None = None,
        draw: "Callable[[str], Drawn] | None" = None,
        why_empty: str = "",
        shown_rows: int = _SHOWN_ROWS,
    ) -> None:
        """Wrap a table; ``notes`` are shown below it, beside the warnings found in it.

        Columns of one name are told apart as ``x`` and ``x_1``. ``headline`` stands above. With
        the ``question`` that it answers, and the ``values`` of its parameters, only the columns
        that tell rows apart are shown. ``draw`` makes its chart in a theme. ``why_empty`` says
        why there are no rows. Of more than ``shown_rows`` the first are shown.
        """
        self._table = table.rename_columns(distinct(table.column_names))
        self._notes = tuple(notes)
        self._headline = headline
        self._draw = draw
        self._why_empty = why_empty
        self._question = question
        self._values = dict(values or {})
        self._shown_rows = shown_rows

    @property
    def table(self) -> "pa.Table":
        """The rows, as a ``pyarrow.Table``."""
        return self._table

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know before trusting the numbers."""
        found = (dimension_caveat, no_error_caveat, steps_caveat)
        known = (caveat(self._table) for caveat in found)
        return (*self._notes, *(note for note in known if note))

    @property
    def why_empty(self) -> str:
        """Why there are no rows; empty where there are some, or where nobody knows."""
        return "" if self.num_rows else self._why_empty

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return int(self._table.num_rows)

    @property
    def column_names(self) -> list[str]:
        """The columns' names."""
        return list(self._table.column_names)

    def to_pylist(self) -> list[dict[str, Any]]:
        """Return the rows as dictionaries of Python values.

        Dates and times that Python cannot hold, such as the year 20000 and infinity, are text.
        """
        columns = [
            [value for chunk in column.chunks for value in python_values(chunk)]
            for column in self._table.columns
        ]
        return [
            dict(zip(self.column_names, row, strict=True)) for row in zip(*columns, strict=True)
        ]

    def to_pandas(self) -> "pd.DataFrame":
        """Return the rows as a pandas data frame; as text what Python cannot hold.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            import pandas  # noqa: F401 - whether Arrow will find it
        except ImportError as error:
            raise _not_installed("pandas") from error
        frame: pd.DataFrame = self._in_python().to_pandas()
        return frame

    def to_polars(self) -> "pl.DataFrame":
        """Return the rows as a polars data frame; as text what Python cannot hold.

        Raises:
            UsageError: polars is not installed.
        """
        try:
            import polars as pl
        except ImportError as error:
            raise _not_installed("polars") from error
        return pl.DataFrame(self._in_python())

    def plot(self, theme: str = "light") -> "Drawn":
        """Draw the answer as ``Store.chart`` would; a notebook shows the chart as it is.

        Args:
            theme: ``light`` or ``dark``.

        Raises:
            QueryError: it answers SQL of your own or a question without a chart, or has no rows.
            UsageError: no such theme.
        """
        if self._draw is None:
            raise QueryError(
                "only the answer to a question has a chart: save the SQL as a question with a "
                "chart line, and ask that with queries=FOLDER"
            )
        return self._draw(theme)

    def _in_python(self) -> "pa.Table":
        """Return the rows, with text in place of dates and times that Python cannot hold."""
        import pyarrow as pa

        table = self._table
        for place, column in enumerate(table.columns):
            if any(map(beyond_python, column.chunks)):
                values = [value for chunk in column.chunks for value in plain_values(chunk)]
                table = table.set_column(place, table.field(place).name, pa.array(values))
        return table

    def column(self, name: str | int) -> "pa.ChunkedArray":
        """Return one column, by its name or place."""
        return self._table.column(name)

    def __getitem__(self, key: "str | int | slice") -> "pa.ChunkedArray | pa.Table":
        return self._table[key]

    def __len__(self) -> int:
        return self.num_rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        # pandas.DataFrame(answer) takes the rows so.
        return iter(self.to_pylist())

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)

    def __getattr__(self, name: str) -> Any:
        # Called only for unknown names. While it is being copied there is no table yet.
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self._table, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(n for n in dir(self._table) if n[0] != "_")})

    def at_a_glance(self, width: int) -> Glance:
        """Return what people read of it, and the lines that stand above.

        Columns that are the same in all rows become a line; each line of the question's chart a
        sparkline. An answer to SQL of one's own is shown as it is.

        Args:
            width: how many characters a line may have.
        """
        if self._question is not None:
            return overview(self._question, self._values, self._table, width)
        return Glance(self._table, textwrap.wrap(self._headline, width))

    def __repr__(self) -> str:
        width = shutil.get_terminal_size().columns
        table, above, keep = self.at_a_glance(width)
        rows = list(plain_rows(table.slice(0, self._shown_rows)))
        text, hidden = aligned(table.column_names, rows, width=width, keep=keep)
        more = [f"and {counted(len(hidden), 'more column')}: {', '.join(hidden)}"] * bool(hidden)
        lines = [*above, text.rstrip("\n"), *self._left_out(), *more, *self._remarks()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        table, above, _ = self.at_a_glance(_WIDE)
        rows = list(plain_rows(table.slice(0, self._shown_rows)))
        below = "".join(
            f"\n<p>{escape(line)}</p>" for line in (*self._left_out(), *self._remarks())
        )
        lines = "\n".join(map(escape, above))
        return (f"<pre>{lines}</pre>\n" if above else "") + html(table.column_names, rows) + below

    def _left_out(self) -> list[str]:
        left = self.num_rows - self._shown_rows
        return [f"and {counted(left, 'more row')}"] if left > 0 else []

    def _remarks(self) -> list[str]:
        empty = [f"no rows: {self.why_empty}"] if self.why_empty else []
        return [*empty, *(f"note: {note}" for note in self.notes)]


def _not_installed(package: str) -> UsageError:
    return UsageError(f"{package} is not installed; run: pip install {package}")
