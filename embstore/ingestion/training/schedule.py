"""At which steps of a training the model is measured."""

from collections.abc import Iterable
from dataclasses import dataclass

from embstore.errors import UsageError
from embstore.inputs.sampling import whole_number

Every = str | int | Iterable[int]

_CHOICES = (
    "give log for steps 0, 1, 2, 4, 8 and so on, save for those that are saved, a number, or a "
    "list of steps"
)


@dataclass(frozen=True)
class Schedule:
    """When to measure; ``parse_schedule`` makes one.

    Attributes:
        on_save: whenever a checkpoint is written, and never else.
        doubling: at 0 and at every power of two.
        every: at multiples of this; None where that is not asked for.
        steps: at these.
    """

    on_save: bool = False
    doubling: bool = False
    every: int | None = None
    steps: frozenset[int] = frozenset()

    def is_due(self, step: int) -> bool:
        """Tell whether a step is to be measured, whether or not it is saved.

        >>> [step for step in range(20) if parse_schedule("log").is_due(step)]
        [0, 1, 2, 4, 8, 16]
        """
        if self.doubling:
            return step & (step - 1) == 0
        return step in self.steps or (self.every is not None and step % self.every == 0)


def parse_schedule(every: Every) -> Schedule:
    """Read when to measure.

    Args:
        every: ``log``, ``save``, a number of steps, or the steps themselves.

    Raises:
        UsageError: it is none of these.
    """
    if every == "log":
        return Schedule(doubling=True)
    if every == "save":
        return Schedule(on_save=True)
    if isinstance(every, str | bool):
        raise UsageError(f"every is {every!r}; {_CHOICES}")
    if not isinstance(every, Iterable):
        return Schedule(every=whole_number("every", every, least=1))
    steps = frozenset(whole_number("a step of every", step, least=0) for step in every)
    if not steps:
        raise UsageError(f"every is an empty list of steps; {_CHOICES}")
    return Schedule(steps=steps)
