"""The Python API to a store: an object to ask and to chart."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from embstore import query
from embstore.store.connection import Database, open_database

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.chart import AnyChart

_INFO = """
SELECT
    (SELECT max(version_num) FROM alembic_version) AS schema_revision,
    (SELECT count(*) FROM checkpoint) AS checkpoints,
    (SELECT count(*) FROM corpus) AS corpora,
    (SELECT count(*) FROM run) AS runs,
    (SELECT count(*) FROM layer) AS layers,
    (SELECT count(*) FROM measurement) AS measurements,
    (SELECT count(*) FROM spectrum) AS spectra,
    (SELECT count(DISTINCT name) FROM metric) AS metrics,
    (SELECT min(created_at) FROM run) AS first_run,
    (SELECT max(created_at) FROM run) AS latest_run,
    (
        SELECT coalesce(list(name ORDER BY name), []::VARCHAR[])
        FROM (SELECT DISTINCT name FROM model)
    ) AS models
"""


class Store:
    """An open store; ``open_store`` makes one.

    The file is held only while a question runs, so a store may stay open while
    others write to it.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> folder = TemporaryDirectory()
    >>> store = Store(open_database(Path(folder.name) / "example.duckdb"))
    >>> store
    Store('example.duckdb', 0 models, 0 runs)
    >>> store.query("layer_profile", metric="twonn").num_rows
    0
    >>> store.sql("SELECT $layer + 1 AS next_layer", layer=11).to_pylist()
    [{'next_layer': 12}]
    >>> folder.cleanup()
    """

    def __init__(self, database: Database, *, queries: Iterable[str | Path] = ()) -> None:
        """Wrap an open database; ``queries`` are further folders of questions."""
        self._database = database
        self._queries = tuple(queries)

    @property
    def path(self) -> Path:
        """The store's file."""
        return self._database.path

    def __repr__(self) -> str:
        found = self._database.select(_INFO).to_pylist()[0]
        counts = {"model": len(found["models"]), "run": found["runs"]}
        words = ", ".join(f"{n} {noun}{'' if n == 1 else 's'}" for noun, n in counts.items())
        return f"Store({self.path.name!r}, {words})"

    def info(self) -> dict[str, object]:
        """Count what is in the store, and say where and how large it is."""
        counted = self._database.select(_INFO).to_pylist()[0]
        # What is in the log beside the file is data too.
        files = [self.path, self.path.with_name(f"{self.path.name}.wal")]
        size = sum(file.stat().st_size for file in files if file.exists())
        return {"store": str(self.path), "size_bytes": size, **counted}

    def query(self, name: str, /, **params: object) -> "pa.Table":
        """Answer a question, one of the ``.sql`` files that ``embstore ls queries`` lists.

        Args:
            name: the file's name without its suffix.
            params: the question's parameters, as Python values or as text.

        Returns:
            An Arrow table; ``.to_pandas()`` and ``polars.from_arrow`` take it on.

        Raises:
            QueryError: no such question, or it fails.
            UsageError: a parameter is missing, unknown or does not fit its type.
        """
        question = query.find_question(name, self._queries)
        return query.run_question(self._database, question, params)

    def sql(self, text: str, /, **params: object) -> "pa.Table":
        """Answer one SELECT of your own; it can read this store and nothing else.

        Args:
            text: DuckDB SQL with ``$named`` parameters. Views ``profile`` and
                ``profile_latest`` have one row per number and every name to filter on.
            params: the values of those parameters.

        Raises:
            QueryError: the statement is refused or fails.
            UsageError: a parameter is missing or unknown.
        """
        return self._database.select_untrusted(text, params)

    def chart(self, name: str, /, **params: object) -> "AnyChart":
        """Draw a question's answer; a notebook shows the chart as it is.

        ``embstore.chart.save_chart`` writes it to a file.

        Raises:
            QueryError: as ``query``, or the question has no chart, or no rows.
            UsageError: as ``query``.
        """
        # Altair takes as long to import as everything else together.
        from embstore.chart import build_chart

        question = query.find_question(name, self._queries)
        values = query.bind(question, params)
        table = query.run_question(self._database, question, values)
        metric = values.get("metric")
        info = query.metric_info(self._database, metric) if isinstance(metric, str) else None
        caption = query.caveat(table)
        return build_chart(question, table, params=values, metric=info, caption=caption)


def open_store(url: str | Path | None = None, *, queries: Iterable[str | Path] = ()) -> Store:
    """Open a store to ask it; an older one is migrated.

    Args:
        url: a DuckDB file; None for ``EMBSTORE_STORE`` or ``embstore.duckdb``.
        queries: folders with ``.sql`` files of your own.

    Raises:
        StoreError: there is no store, or it cannot be used.
    """
    return Store(open_database(url, create=False), queries=queries)
