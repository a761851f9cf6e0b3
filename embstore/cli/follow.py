"""Does something again whenever a store has other runs, until Ctrl-C."""

from collections.abc import Callable
from time import sleep
from typing import TYPE_CHECKING

from embstore.asking.watching.newest import Moment, Newest, may_come
from embstore.cli.terminal import TERMINAL
from embstore.errors import EmbstoreError

if TYPE_CHECKING:
    from embstore.store.database import Database


def follow(
    open_store: Callable[[], "Database"], do: Callable[["Database"], None], every: float
) -> None:
    """Do it for the runs that there are, and again for others, looking every so many seconds.

    A store that is missing, empty or held is waited for. What fails later is told, and tried again.

    Args:
        open_store: opens the store, which need not be there yet.
        do: is given the store; an error that it raises at first, and that will not pass, ends all.
        every: seconds between two looks.
    """
    newest = Newest(open_store)
    done: Moment | None = None
    told = ""
    while True:
        trouble = ""
        try:
            database, moment = newest.moment()
            if not moment.runs:
                trouble = f"{database.place} holds no runs yet"
            elif moment != done:
                do(database)
                done = moment
        except EmbstoreError as error:
            if done is None and not may_come(error):
                raise
            trouble = str(error)
        # Once, not every two seconds.
        if trouble and trouble != told:
            TERMINAL.say(f"note: {trouble} (tried again every {every:g} s)")
        told = trouble
        sleep(every)
