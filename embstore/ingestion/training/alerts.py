"""Thresholds that a user watches, and what is told when a number crosses one."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from embstore.choices import SCOPES
from embstore.common.messages import unknown
from embstore.errors import UsageError
from embstore.metrics.selection import ALL
from embstore.types import LayerKey, Measurement

_FORM = re.compile(r"\s*(?P<metric>\w+)(?:@(?P<scope>\w+))?\s*(?P<side>[<>])\s*(?P<limit>\S+)\s*")
_EXAMPLE = "write METRIC > NUMBER or METRIC@SCOPE < NUMBER, as in 'mean_cosine > 0.95'"


@dataclass(frozen=True)
class Threshold:
    """A number that a metric should stay below, or above.

    Attributes:
        metric: which.
        scope: over which tokens; None for every scope that is measured.
        above: whether larger numbers cross it, and not smaller ones.
        limit: the number.
    """

    metric: str
    scope: str | None
    above: bool
    limit: float

    def __str__(self) -> str:
        where = f"@{self.scope}" if self.scope else ""
        return f"{self.metric}{where} {'>' if self.above else '<'} {self.limit:g}"

    def crossed_by(self, number: Measurement) -> bool:
        """Tell whether a measured number is beyond it; one that is undefined is not."""
        if not self.watches(number) or number.value is None:
            return False
        return number.value > self.limit if self.above else number.value < self.limit

    def watches(self, number: Measurement) -> bool:
        """Tell whether a number is one of those that should not cross it."""
        return number.metric == self.metric and self.scope in (None, number.scope)


@dataclass(frozen=True)
class Alert:
    """A number that has crossed a threshold, and was not beyond it when last known.

    Attributes:
        step: of the training.
        threshold: as the user has written it.
        metric: which.
        scope: over which tokens.
        key: of the layer.
        value: the number.
    """

    step: int
    threshold: str
    metric: str
    scope: str
    key: LayerKey
    value: float

    def __str__(self) -> str:
        where = f"{self.key.stack} layer {self.key.layer}"
        if self.key.site == "final_norm":
            where += " after the final norm"
        return (
            f"step {self.step:,}: {self.metric}@{self.scope} of {where} is {self.value:.4g} "
            f"({self.threshold})"
        )


class Guard:
    """Compares each measurement with the thresholds."""

    def __init__(self, thresholds: str | Iterable[str]) -> None:
        """Read the thresholds.

        Raises:
            UsageError: one of them cannot be understood.
        """
        several = [thresholds] if isinstance(thresholds, str) else list(thresholds)
        self._thresholds = [_parse(text) for text in several]
        self._beyond: set[tuple[str, str, LayerKey]] = set()

    def check_measured(self, metrics: Sequence[str], scopes: Sequence[str]) -> None:
        """Refuse to watch what is not measured.

        Args:
            metrics: which are measured.
            scopes: over which tokens.

        Raises:
            UsageError: a threshold is of another metric or scope.
        """
        for threshold in self._thresholds:
            if threshold.metric not in metrics:
                raise UsageError(
                    f"a threshold watches {threshold.metric}, which is not measured; add it to "
                    "metrics"
                )
            if threshold.scope is not None and threshold.scope not in scopes:
                raise UsageError(
                    f"a threshold watches scope {threshold.scope}, which is not measured; add it "
                    "to scopes"
                )

    def check(self, step: int, numbers: Sequence[Measurement]) -> list[Alert]:
        """Return what has crossed a threshold since the last measurement, layer by layer.

        What is undefined now has not come back: it is where it was.
        """
        crossed: dict[tuple[str, str, LayerKey], Alert] = {}
        undefined: set[tuple[str, str, LayerKey]] = set()
        for threshold in self._thresholds:
            name = str(threshold)
            for number in filter(threshold.watches, numbers):
                key = (name, number.scope, number.key)
                if number.value is None or math.isnan(number.value):
                    undefined.add(key)
                elif threshold.crossed_by(number):
                    crossed[key] = Alert(
                        step, name, number.metric, number.scope, number.key, float(number.value)
                    )
        new = [alert for key, alert in crossed.items() if key not in self._beyond]
        self._beyond = set(crossed) | (self._beyond & undefined)
        return sorted(new, key=lambda alert: (alert.threshold, alert.scope, alert.key))


def _parse(text: str) -> Threshold:
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise UsageError(f"the threshold {text!r} cannot be understood; {_EXAMPLE}")
    metric, scope, limit = found["metric"], found["scope"], found["limit"]
    if metric not in ALL:
        raise UsageError(unknown("metric", metric, ALL))
    if scope is not None and scope not in SCOPES:
        raise UsageError(unknown("scope", scope, SCOPES))
    try:
        number = float(limit)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"the threshold {text!r} ends with no number; {_EXAMPLE}")
    return Threshold(metric, scope, found["side"] == ">", number)
