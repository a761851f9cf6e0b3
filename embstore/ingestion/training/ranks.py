"""The processes of a training: the first measures, and the others wait until it has.

All of them meet in one broadcast for each measurement, and nowhere else. What the first decides
and does in between takes no part of theirs, so that none waits for what others do not reach.
"""

import datetime
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.distributed as dist

from embstore.common.messages import one_line
from embstore.errors import EmbstoreError

T = TypeVar("T")

# A measurement may take longer than collectives of training are given.
_PATIENCE = datetime.timedelta(days=7)


def is_first() -> bool:
    """Tell whether this is the process that measures."""
    return not dist.is_available() or not dist.is_initialized() or dist.get_rank() == 0


class Ranks:
    """The processes of a training that all reach the same steps."""

    def __init__(self) -> None:
        """Meet the others; all of them must come here."""
        several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        # Of its own, with a clock of its own, and through no accelerator.
        self._group = dist.new_group(backend="gloo", timeout=_PATIENCE) if several else None

    def first_does(self, work: Callable[[], T]) -> T:
        """Have the first process do some work, and return in all of them what it returned.

        All of them must come here. What the work raises is raised in all.

        Args:
            work: what to do; what it returns or raises must be picklable.
        """
        if self._group is None:
            return work()
        answer: list[tuple[T | None, BaseException | None]] = [(None, None)]
        raised: BaseException | None = None
        if is_first():
            try:
                answer = [(work(), None)]
            except BaseException as error:
                raised = error
                # Whoever waits must hear of it, even of Ctrl-C.
                answer = [(None, _portable(error))]
        dist.broadcast_object_list(answer, src=0, group=self._group, device=torch.device("cpu"))
        result, failure = answer[0]
        if raised is not None:
            raise raised
        if failure is not None:
            raise failure
        return result  # type: ignore[return-value]

    def close(self) -> None:
        """Leave; all of them must come here."""
        if self._group is not None and dist.is_initialized():
            dist.destroy_process_group(self._group)
            self._group = None


def _portable(error: BaseException) -> BaseException:
    """Return an error that can be sent: ours with its words, of any other its name and words."""
    if isinstance(error, EmbstoreError) and type(error).__init__ is Exception.__init__:
        return type(error)(str(error))
    return RuntimeError(f"{type(error).__name__}: {one_line(error)}")
