"""Says later which models are seeds of one another, and takes it back: as tags of their runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embstore.errors import UsageError
from embstore.store.mending.find_runs import Selection, find_runs, in_transaction
from embstore.store.mending.tagging import change_tags
from embstore.store.tags import SEED_GROUP, check_group

if TYPE_CHECKING:
    import sqlalchemy as sa

    from embstore.store.database import Database

# Of models by their names; several may have one.
_GROUPS = """
SELECT model.name, model_group.seed_group
FROM model_group
JOIN model ON model.model_id = model_group.model_id
ORDER BY ALL
"""


@dataclass(frozen=True)
class Grouped:
    """A model, and the group of seeds that it was in before.

    Attributes:
        model: its name.
        before: the group; None if it was in none.
    """

    model: str
    before: str | None


def group_models(
    database: "Database", models: Sequence[str], group: str | None
) -> tuple[Grouped, ...]:
    """Say that models are seeds of one another, or with None of no others; all or nothing.

    A model is in one group: what was said last counts. Checkpoints that are measured later are in
    their model's group. What is so already is left as it is.

    Args:
        database: where they are.
        models: their names, as ``embstore ls models`` has them.
        group: what they are together called.

    Returns:
        Each of the models with the group that it was in.

    Raises:
        UsageError: no model is named, or the group cannot be called so.
        QueryError: there is no such model, or it has no runs.
        StoreError: the store cannot be written.
    """
    names = tuple(dict.fromkeys(models))
    if not names:
        raise UsageError("no model is named; give one or more, as embstore ls models has them")
    if group is not None:
        check_group(group)
    database.check_whole()
    find_runs(database.look, Selection(models=names))
    return database.transact(lambda connection: _group(connection, names, group))


def _group(
    connection: "sa.Connection", names: tuple[str, ...], group: str | None
) -> tuple[Grouped, ...]:
    select = in_transaction(connection)
    before = {str(row["name"]): str(row["seed_group"]) for row in select(_GROUPS)}
    for run in find_runs(select, Selection(models=names)):
        change_tags(connection, str(run["run_id"]), {SEED_GROUP: group})
    return tuple(Grouped(name, before.get(name)) for name in names)
