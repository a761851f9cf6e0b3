"""Puts the models of an ingest into the groups of seeds that it was told of."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from embstore.errors import StoreError
from embstore.ingestion.request import Settings
from embstore.store.database import Database
from embstore.store.mending.tagging import tag_run
from embstore.store.quoting import quoted
from embstore.store.tags import SEED_GROUP

_LOG = logging.getLogger(__name__)

_GROUP = """
SELECT model_group.seed_group
FROM model_group
JOIN model ON model.model_id = model_group.model_id
WHERE model.name = {name}
"""
_TAG = "SELECT value FROM run_tag WHERE run_id = {run} AND key = {key}"


class SeedGroups:
    """The groups of an ingest: a tag of new runs, and of those that are stored already."""

    def __init__(self, database: Database, groups: Mapping[str, str]) -> None:
        """Take the store, and the group of each model that has one, by the model's name."""
        self._database = database
        self._groups = groups
        self._told: set[str] = set()

    def settings_of(self, model: str, settings: Settings) -> Settings:
        """Add to the tags of a model's runs which group it is in."""
        group = self._groups.get(model)
        if group is None:
            return settings
        self._tell(model, group)
        return replace(settings, tags={**settings.tags, SEED_GROUP: group})

    def join(self, model: str, run_id: str) -> None:
        """Say of a stored run which group its model is in; go on where that cannot be."""
        group = self._groups.get(model)
        if group is None:
            return
        self._tell(model, group)
        try:
            if (self._group(model), self._tag(run_id)) != (group, group):
                tag_run(self._database, run_id, {SEED_GROUP: group})
        except StoreError as error:
            _LOG.warning(
                "the store does not note that %s is a seed of %s (%s): say it with embstore group",
                model,
                group,
                error,
            )

    def _tell(self, model: str, group: str) -> None:
        """Say that a model leaves another group, once."""
        if model in self._told:
            return
        self._told.add(model)
        try:
            before = self._group(model)
        except StoreError:
            # Whoever keeps it from being read does not keep the model from being measured.
            return
        if before not in {None, group}:
            _LOG.warning("%s was a seed of %s, and is a seed of %s now", model, before, group)

    def _group(self, model: str) -> str | None:
        if not self._database.exists():
            return None
        found = self._database.select(_GROUP.format(name=quoted(model))).to_pylist()
        return str(found[0]["seed_group"]) if found else None

    def _tag(self, run_id: str) -> str | None:
        sql = _TAG.format(run=quoted(run_id), key=quoted(SEED_GROUP))
        found = self._database.select(sql).to_pylist()
        return str(found[0]["value"]) if found else None
