"""What measuring vectors gives: each metric's number with how sure it is, shown as a table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from embstore.asking.answer import Answer
from embstore.common.messages import closest

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True)
class MetricResult:
    """A metric's number and how sure it is; what is unknown is NaN.

    ``float(result)`` is the value, and a format writes it: ``f"{result:.3f}"``.

    Attributes:
        value: the number; NaN where it is undefined.
        std_error: its standard error, NaN where there is none.
        ci_low: lower end of its 95 % interval.
        ci_high: upper end.
        n: vectors behind it.
        unit: "1" for a pure number.
        reason: why the value is undefined; None where it is not.

    >>> result = MetricResult(0.25, 0.02, 0.21, 0.29, 500)
    >>> float(result), f"{result:.1f}"
    (0.25, '0.2')
    """

    value: float
    std_error: float
    ci_low: float
    ci_high: float
    n: int
    unit: str = "1"
    reason: str | None = None

    def __float__(self) -> float:
        return self.value

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)


class MetricResults(Mapping[str, MetricResult]):
    """Metrics by name, as ``embstore measure`` prints them.

    A mapping from a metric's name to its ``MetricResult``; a terminal and a notebook show it
    as a table.

    >>> results = MetricResults({"twonn": MetricResult(4.9, 0.1, 4.7, 5.1, 500)})
    >>> results["twonn"].value
    4.9
    >>> results
    metric  value  std_error  ci_low  ci_high    n  unit  reason
    ──────  ─────  ─────────  ──────  ───────  ───  ────  ──────
    twonn   4.900     0.1000   4.700    5.100  500  1     —
    """

    def __init__(
        self,
        results: Mapping[str, MetricResult],
        curve: "pa.Table | None" = None,
        notes: Sequence[str] = (),
    ) -> None:
        """Wrap results; ``curve`` is the dimension by scale, ``notes`` are shown below."""
        self._results = dict(results)
        self._curve = curve
        self._notes = tuple(notes)

    def __getitem__(self, name: str) -> MetricResult:
        try:
            return self._results[name]
        except KeyError:
            raise KeyError(f"no metric {name!r}{closest(str(name), self._results)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    @property
    def table(self) -> "pa.Table":
        """One row per metric, as the command prints it; what is unknown is null."""
        import pyarrow as pa

        rows = [{"metric": name, **asdict(result)} for name, result in self._results.items()]
        numbers = [(name, pa.float64()) for name in ("value", "std_error", "ci_low", "ci_high")]
        texts = [("unit", pa.string()), ("reason", pa.string())]
        schema = pa.schema([("metric", pa.string()), *numbers, ("n", pa.int64()), *texts])
        # Not a number is unknown here, never a value.
        known = [{k: None if v != v else v for k, v in row.items()} for row in rows]
        return pa.Table.from_pylist(known, schema=schema)

    @property
    def curve(self) -> Answer:
        """The intrinsic dimension by scale (Gride), finest first; no rows for two layers."""
        import pyarrow as pa

        return Answer(pa.table({}) if self._curve is None else self._curve)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know before trusting the numbers."""
        return Answer(self.table, self._notes).notes

    def to_pandas(self) -> "pd.DataFrame":
        """Return one row per metric as a pandas data frame."""
        return Answer(self.table).to_pandas()

    @property
    def _shown(self) -> Answer:
        """All rows, with a line for each undefined value: its reason may not fit beside it."""
        reasons = [f"{name}: {r.reason}." for name, r in self._results.items() if r.reason]
        return Answer(self.table, (*reasons, *self._notes), shown_rows=len(self._results))

    def __repr__(self) -> str:
        return repr(self._shown)

    def _repr_html_(self) -> str:
        return self._shown._repr_html_()
