"""What the view knows: the training as it was read last, and why nothing newer is known."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from embstore.asking.watching.newest import Moment, Newest, may_come
from embstore.asking.watching.training import (
    NoTrainingError,
    Training,
    Wanted,
    check_metrics,
    read_training,
)
from embstore.errors import EmbstoreError, StoreMissingError

if TYPE_CHECKING:
    from embstore.store.database import Database


class View:
    """A training that is looked at again and again.

    Attributes:
        training: as it was read last; None before the first time.
        trouble: why it could not be read now; empty if it could.
    """

    def __init__(self, open_store: Callable[[], "Database"], wanted: Wanted) -> None:
        """Take what opens the store, which need not be there yet, and what is to be shown."""
        self.training: Training | None = None
        self.trouble = ""
        self._newest = Newest(open_store)
        self._wanted = wanted
        self._read: Moment | None = None

    def look(self) -> None:
        """Read the numbers if the store has other runs than when they were read.

        What may pass is kept as ``trouble``: there is no store or no training yet, or another
        process holds it. Once something has been read, so is anything else.

        Raises:
            EmbstoreError: what will not pass, before anything has been read.
        """
        try:
            database, moment = self._newest.moment()
            if moment == self._read:
                # If there is trouble, it is what that had: no training.
                return
            self.training = read_training(database, self._wanted)
            self._read, self.trouble = moment, ""
        except NoTrainingError as error:
            self._read, self.trouble = moment, str(error)
        except EmbstoreError as error:
            if isinstance(error, StoreMissingError):
                check_metrics(self._wanted.metrics)
            if self.training is None and not may_come(error):
                raise
            # So that it is read again, and the trouble forgotten, as soon as that can be.
            self._read, self.trouble = None, str(error)
