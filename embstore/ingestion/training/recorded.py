"""What became of one measurement of a model in training, and its numbers in short."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from embstore.ingestion.training.alerts import Alert
from embstore.types import Measurement, Run

# Of the numbers that are measured, those that are told; the first three also in the log line.
_TOLD = (
    *("anisotropy", "twonn", "mean_cosine", "effective_rank", "rankme", "mle", "stable_rank"),
    *("norm_p50", "massive_ratio", "linearity_next"),
)
_IN_THE_LINE = 3


@dataclass(frozen=True, eq=False)
class Recorded:
    """One measurement: made and stored, or why not.

    Attributes:
        step: of the training.
        status: ``measured`` and in the store; ``kept`` in a file beside it, for it could not be
            stored; ``stored`` before; ``skipped`` to stay within ``max_overhead``, or because
            another process measures; or ``failed``.
        run_id: of the run in the store; None if it is not there.
        run: all that was measured; None if nothing was.
        seconds: what it took.
        overhead: the share of the time so far that all measurements have taken.
        alerts: thresholds that were crossed.
        reason: why it was not measured or not stored, one line.
        file: in which the run of one that is kept is.
    """

    step: int
    status: Literal["measured", "kept", "stored", "skipped", "failed"]
    run_id: str | None = None
    run: Run | None = None
    seconds: float = 0.0
    overhead: float = 0.0
    alerts: tuple[Alert, ...] = ()
    reason: str | None = None
    file: Path | None = None

    @property
    def scalars(self) -> dict[str, float]:
        """Some of the numbers for a logger, by a name that begins with ``embstore/``.

        Of the first scope that was measured: the mean and the largest over a stack's blocks, and
        the last state, after the final norm where there is one.
        """
        if self.run is None:
            return {}
        found: dict[str, float] = {
            f"embstore/{metric}/{what}": value
            for metric, numbers in _by_metric(self.run).items()
            for what, value in _in_short(numbers)
        }
        return found | {"embstore/seconds": self.seconds, "embstore/overhead": self.overhead}

    def line(self, skipped: int) -> str:
        """Return what to say of it: numbers, cost, and what became of it.

        Args:
            skipped: measurements that were left out before it.
        """
        said = [f"step {self.step:,}: "]
        if self.run is not None:
            by_metric = list(_by_metric(self.run).items())[:_IN_THE_LINE]
            largest = [
                f"{metric} {_short(max(values))}"
                for metric, numbers in by_metric
                if (values := [n.value for n in numbers if n.value is not None])
            ]
            said.append(f"{', '.join(largest)} at most; " if largest else "")
        said.append(f"{self.seconds:.1f} s, {self.overhead:.1%} of the time so far")
        said.append("; stored before" if self.status == "stored" else "")
        said.append(f"; kept in {self.file}" if self.file else "")
        said.append(f"; {skipped:,} left out before it" if skipped else "")
        return "".join(said)


def _by_metric(run: Run) -> dict[str, list[Measurement]]:
    """Return the numbers that are told, of the first scope, by metric."""
    scope = run.configuration.scopes.split(",")[0]
    numbers = [n for n in run.measured.measurements if n.scope == scope]
    found = {name: [n for n in numbers if n.metric == name] for name in _TOLD}
    return {name: of_it for name, of_it in found.items() if of_it}


def _in_short(numbers: Iterable[Measurement]) -> Iterable[tuple[str, float]]:
    known = [(number.key, number.value) for number in numbers if number.value is not None]
    for stack in dict.fromkeys(key.stack for key, _ in known):
        of_stack = [(key, value) for key, value in known if key.stack == stack]
        several = len({key.stack for key, _ in known}) > 1
        prefix = f"{stack}/" if several else ""
        blocks = [value for key, value in of_stack if key.site == "block"]
        if blocks:
            yield f"{prefix}mean", sum(blocks) / len(blocks)
            yield f"{prefix}largest", max(blocks)
        last = max(of_stack, key=lambda item: (item[0].layer, item[0].site == "final_norm"))
        yield f"{prefix}last", last[1]


def _short(value: float) -> str:
    return f"{value:.3g}"
