"""Gives tags to a run that is stored, and takes them away: each change is a row of its own."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from embstore.common.messages import visible
from embstore.errors import UsageError
from embstore.store import schema
from embstore.store.mending.find_runs import RunFacts, Selection, find_runs, in_transaction
from embstore.store.tags import check_tags

if TYPE_CHECKING:
    import sqlalchemy as sa

    from embstore.store.database import Database

_LATEST = "SELECT max(tagged_at) FROM tag_change WHERE run_id = ?"
_TAGS = "SELECT key, value FROM run_tag WHERE run_id = ? ORDER BY key"


@dataclass(frozen=True)
class Tagged:
    """A run with its tags after a change.

    Attributes:
        run: its id, model, revision, text and date.
        tags: all that it has now.
        changed: the keys that were given, changed or taken away; without those that were so.
    """

    run: RunFacts
    tags: Mapping[str, str]
    changed: tuple[str, ...]


def tag_run(database: "Database", run: str, tags: Mapping[str, str | None]) -> Tagged:
    """Give a run tags; None, or an empty text, takes one away.

    Args:
        database: where the run is.
        run: its id, or how that begins.
        tags: new values by key.

    Raises:
        UsageError: no tag is given, or a key will not do.
        QueryError: no run has that id, or several do.
        StoreError: the store cannot be written.
    """
    if not tags:
        raise UsageError("no tag is given: write it as KEY=VALUE, or KEY= to take it away")
    check_tags(tags)
    wanted = {key: value or None for key, value in tags.items()}
    database.check_whole()
    asked = Selection(runs=(run,))
    find_runs(database.look, asked)
    return database.transact(lambda connection: _tag(connection, asked, wanted))


def _tag(connection: "sa.Connection", asked: Selection, wanted: Mapping[str, str | None]) -> Tagged:
    (found,) = find_runs(in_transaction(connection), asked)
    tags, changed = change_tags(connection, str(found["run_id"]), wanted)
    return Tagged(run=found, tags=tags, changed=changed)


def change_tags(
    connection: "sa.Connection", run_id: str, wanted: Mapping[str, str | None]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Give a run tags within a transaction; return all it has then, and the keys that changed."""
    tags_now = connection.exec_driver_sql(_TAGS, (run_id,))
    before = {str(key): str(value) for key, value in tags_now}
    changed = {key: value for key, value in wanted.items() if before.get(key) != value}
    if changed:
        last = connection.exec_driver_sql(_LATEST, (run_id,)).scalar()
        now = datetime.now(UTC)
        # A clock that goes back must not make an earlier change the last.
        at = now if last is None else max(now, last + timedelta(microseconds=1))
        connection.execute(
            schema.tag_change.insert(),
            [
                {"run_id": run_id, "key": key, "value": value, "tagged_at": at}
                for key, value in changed.items()
            ],
        )
    now_there = {**before, **changed}
    tags = {key: value for key, value in sorted(now_there.items()) if value is not None}
    return tags, tuple(changed)


def shown(tags: Mapping[str, str]) -> str:
    """Write tags as they are given: ``lab=a, seed=1``; or say that there are none.

    >>> shown({"lr": "0.1", "note": "two words"}), shown({})
    ("lr=0.1, 'note=two words'", 'none')
    """
    pairs = (visible(shlex.quote(f"{key}={value}")) for key, value in tags.items())
    return ", ".join(pairs) or "none"
