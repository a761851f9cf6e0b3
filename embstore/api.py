"""The Python API: a store as an object to ask and chart, and ``ingest`` to fill it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from embstore import query
from embstore.errors import UsageError
from embstore.store.connection import Database, open_database
from embstore.types import SCOPES, Sampling

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.chart import AnyChart
    from embstore.ingestion import Outcome

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


def ingest(
    models: str | Path | Sequence[str | Path],
    *,
    corpus: str | Path,
    store: str | Path | None = None,
    tokens: int = Sampling.tokens,
    window: int | None = Sampling.window,
    batch_size: int | None = None,
    sample: int = Sampling.sample,
    seed: int = Sampling.seed,
    device: str = "auto",
    dtype: str = "auto",
    tags: Mapping[str, str] | None = None,
    name: str | None = None,
    scopes: str | Iterable[str] = SCOPES,
    pairs: bool = True,
    force: bool = False,
) -> "list[Outcome]":
    """Measure models over a text into a store: ``embstore ingest`` as a function.

    Args:
        models: Hub id (also ``ID@REVISION``), model folder or ``.gguf`` file, or several.
        corpus: a text, or MediaWiki XML, plain or compressed.
        store: a DuckDB file, created if missing; None for ``EMBSTORE_STORE`` or
            ``embstore.duckdb``.
        tokens: fed to each model, rounded down to whole windows.
        window: tokens per sequence; None for 512 or the model's limit, if lower.
        batch_size: windows per forward pass; None to fit a fixed amount of memory.
        sample: tokens kept for neighbours and quantiles.
        seed: draws the windows and the kept tokens.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        dtype: ``auto`` (float32), ``float32``, ``bfloat16`` or ``float16``.
        tags: stored with the run.
        name: what the store calls the model; for a single model.
        scopes: which sets of tokens to measure, some of ``all``, ``no_first`` and
            ``no_sinks``.
        pairs: whether to compare each layer with the next.
        force: measure again even if the same work is stored.

    Returns:
        What became of each model: measured now, or stored before.

    Raises:
        EmbstoreError: a model, the text, an option or the store cannot be used; models
            before it are stored.
    """
    # torch and transformers: seconds to import.
    from embstore.ingestion import ingest as run
    from embstore.planning import Request, Settings, choose_scopes

    several = [models] if isinstance(models, str | Path) else list(models)
    if name is not None and len(several) != 1:
        raise UsageError(f"name is for one model, but {len(several)} are given")
    settings = Settings(
        sampling=Sampling(tokens=tokens, window=window, sample=sample, seed=seed),
        batch_size=batch_size,
        device=device,
        dtype=dtype,
        tags=tags or {},
        force=force,
        scopes=choose_scopes(scopes),
        pairs=pairs,
    )
    return list(run([Request(str(model), name) for model in several], corpus, store, settings))


def measure(X: object, *, sample: int = 4096, seed: int = 0) -> dict[str, float]:
    """Measure every single-layer metric of any set of vectors; no store, no transformer.

    Args:
        X: a NumPy array or torch tensor of real numbers, (n, d), one vector a row.
        sample: vectors kept for neighbours and quantiles, drawn by seed.
        seed: draws the sample.

    Returns:
        The values by metric name; NaN where a metric is undefined.

    Raises:
        MeasurementError: not such an array, empty, or with NaN or infinite values.
        UsageError: ``sample`` is below 1 or the seed negative.

    >>> import numpy as np
    >>> line = np.outer(np.arange(100.0), [1.0, 2.0])
    >>> round(measure(line)["anisotropy"], 6)
    1.0
    """
    # numba takes half a second to import.
    from embstore.vectors import measure_vectors

    found = measure_vectors(X, sample=sample, seed=seed)
    return {
        name: value.value if value.value is not None else float("nan")
        for name, value in found.items()
    }
