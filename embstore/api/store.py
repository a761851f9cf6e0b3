"""The Python API to a store: an object to ask and to chart."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from embstore.asking import ask
from embstore.asking.answer import Answer
from embstore.asking.caveats import run_caveats
from embstore.asking.emptiness import why_empty
from embstore.asking.enough import check_enough
from embstore.asking.out_of_sight import out_of_sight
from embstore.asking.parameters import ParameterValue
from embstore.asking.question import Question
from embstore.asking.seeds import seed_notes
from embstore.choices import KEPT_DAYS
from embstore.common.utf8_text import utf8
from embstore.store.assembling import read_tags
from embstore.store.connection import open_database
from embstore.store.database import Database
from embstore.store.limits import Limits, read_limits

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.charts.build import AnyChart
    from embstore.store.exports.exporting import Exported
    from embstore.store.lake.maintaining import Maintained
    from embstore.store.mending.deriving import Derived
    from embstore.store.mending.merged import Merged
    from embstore.store.mending.removing import Removed
    from embstore.store.mending.removing_scores import RemovedScores
    from embstore.store.scores import ImportedScores
    from embstore.store.verification.faults import Fault

_INFO = """
SELECT
    (SELECT count(*) FROM checkpoint) AS checkpoints,
    (SELECT count(*) FROM corpus) AS corpora,
    (SELECT count(*) FROM run) AS runs,
    (SELECT count(*) FROM layer) AS layers,
    (SELECT count(*) FROM measurement) AS measurements,
    (SELECT count(*) FROM spectrum) AS spectra,
    (SELECT count(DISTINCT name) FROM metric) AS metrics,
    (SELECT count(*) FROM latest_score) AS scores,
    (SELECT min(created_at) FROM run) AS first_run,
    (SELECT max(created_at) FROM run) AS latest_run,
    (
        SELECT coalesce(list(name ORDER BY name), []::VARCHAR[])
        FROM (SELECT DISTINCT name FROM model)
    ) AS models
"""


_OVERVIEW = """
SELECT
    model,
    any_value(kind) AS kind,
    count(DISTINCT revision) AS revisions,
    count(*) AS runs,
    strftime(max(created_at), '%Y-%m-%d %H:%M UTC') AS latest_run
FROM (
    SELECT model.name AS model, model.kind, checkpoint.revision, run.created_at
    FROM run
    JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
    JOIN model ON model.model_id = checkpoint.model_id
)
GROUP BY model
ORDER BY model
LIMIT 50
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
        """Wrap an open database; ``queries`` are folders with questions of the user's own."""
        self._database = database
        self._queries = tuple(queries)

    @property
    def path(self) -> Path:
        """The store's file, or the folder of an export; of an address only its last part."""
        return self._database.path

    @property
    def place(self) -> str:
        """Where the store is: its path, or the address of an export."""
        return self._database.place

    def __repr__(self) -> str:
        found = self._database.select(_INFO).to_pylist()[0]
        counts = {"model": len(found["models"]), "run": found["runs"]}
        words = ", ".join(f"{n} {noun}{'' if n == 1 else 's'}" for noun, n in counts.items())
        return f"Store({self.path.name!r}, {words})"

    def _repr_html_(self) -> str:
        from embstore.tables.text import html

        found = self._database.select(_OVERVIEW)
        rows = [list(row.values()) for row in found.to_pylist()]
        return f"<p>{escape(repr(self))}</p>\n{html(found.column_names, rows)}"

    @property
    def models(self) -> Answer:
        """The models in the store, a row each."""
        return self.query("models")

    @property
    def queries(self) -> Answer:
        """The questions that can be asked, a row each: name, title, parameters and what for."""
        return Answer(ask.question_table(self._queries)[0])

    def info(self) -> dict[str, object]:
        """Count what is in the store, and say where and how large it is."""
        counted = self._database.select(_INFO).to_pylist()[0]
        size = self._database.size()
        # Asked of the file itself: of an older one the counts are those of its migrated copy.
        schema = {"schema_revision": self._database.schema()}
        return {"store": utf8(self.place), "size_bytes": size, **schema, **counted}

    def verify(self) -> "list[Fault]":
        """Return what no store should have; an empty list for a sound one.

        Looks for rows twice, rows that refer to nothing, missing layers, numbers, spectra and
        curves, and numbers that cannot be, such as those beyond their metric's bounds; of an
        export first for files that differ from their checksums. Changes nothing.

        Raises:
            StoreError: the store cannot be read.
        """
        # The tables' description takes SQLAlchemy, a fifth of a second for every other question.
        from embstore.store.verification.faults import find_faults

        return find_faults(self._database)

    def query(self, name: str, /, **params: object) -> Answer:
        """Answer a question, one of the ``.sql`` files that ``embstore ls queries`` lists.

        Args:
            name: the file's name without its suffix.
            params: the question's parameters, as Python values or as text.

        Returns:
            An Arrow table that prints itself; ``.to_pandas()`` or ``polars.DataFrame(answer)``
            makes it a data frame.

        Raises:
            QueryError: no such question, it fails, or too little was measured to answer it.
            UsageError: a parameter is missing, unknown or does not fit its type.
        """
        question = ask.find_question(name, self._queries)
        values = ask.bind(question, params)
        with self._database.held():
            table, caveats, why = self._asked(question, values, params)
        return Answer(
            table,
            caveats,
            question=question,
            values=values,
            draw=partial(self._drawn, question, values, table, caveats, why),
            why_empty=why,
        )

    def sql(
        self,
        text: str,
        /,
        *,
        timeout: float | None = None,
        memory: str | None = None,
        **params: object,
    ) -> Answer:
        """Answer one SELECT of your own; it can read this store and nothing else.

        Besides SELECT there are DESCRIBE, SHOW, SUMMARIZE, EXPLAIN and ``PRAGMA table_info``.
        Values of types that Arrow does not have, such as UHUGEINT and TIMETZ, come as text.

        Args:
            text: DuckDB SQL with ``$named`` parameters. Views ``profile`` and
                ``profile_latest`` have one row per number and every name to filter on.
            timeout: stop the statement after so many seconds.
            memory: how much memory DuckDB may take for it, such as ``500MB``.
            params: the values of those parameters.

        Raises:
            QueryError: the statement is refused, fails, or takes more than it may.
            UsageError: a parameter is missing or unknown, or a limit is none.
        """
        return self.answer(text, params, limits=read_limits(timeout, memory))

    def answer(self, text: str, params: Mapping[str, object], *, limits: Limits) -> Answer:
        """Answer one SELECT as ``sql`` does, whatever its parameters are called."""
        return Answer(self._database.select_untrusted(text, params, limits=limits))

    def compare(
        self,
        a: str,
        b: str,
        *,
        metric: str | Sequence[str] = (),
        scope: str | Sequence[str] = (),
        by: str | None = None,
    ) -> Answer:
        """Tell where two models, checkpoints or runs differ by more than their errors.

        One row for each metric, scope and layer, then the mean over the blocks, the peak and
        its depth. A difference is B − A; ``differs`` says whether its 95 % interval leaves
        out 0. Errors of runs over the same tokens are paired, those of others independent:
        column ``errors``. Among many layers one in twenty differs by chance alone.

        Args:
            a: a model, ``MODEL@REVISION``, or the first 8 or more characters of a run's id.
                If a model has several runs, the one most like the other side's is taken, and
                among equals the latest.
            b: the same.
            metric: one or several; the main ones if not given.
            scope: one or several; ``all`` and ``no_sinks`` if not given.
            by: match layers by number (``layer``) or by ``depth``; None takes the number if
                both have equally many blocks, else the depth.

        Returns:
            The rows; ``.notes`` says what was chosen, and what the two differ in besides.

        Raises:
            QueryError: no such model, checkpoint, run or metric, or the two have none
                in common.
            UsageError: no such scope or way to match.
        """
        from embstore.comparison.stored import compare_stored

        metrics, scopes = _several(metric), _several(scope)
        found = compare_stored(self._database, a, b, metrics=metrics, scopes=scopes, by=by)
        sides = (f"A is {found.a}", f"B is {found.b}")
        return Answer(found.table, (*sides, *found.notes), headline=found.verdict)

    def derive(self, *metrics: str, model: str | Sequence[str] = ()) -> "Derived":
        """Compute metrics of stored runs from their spectra, without the model.

        They are what would have been measured in the same pass, but have no errors: those take
        the tokens. Asked for again nothing is done, and an ingest that asks for them measures them.

        Args:
            metrics: names; ``all`` for every metric that follows from a spectrum.
            model: only of these; of all if not given.

        Returns:
            How many ``runs`` have got how many ``numbers``, how many had them already
            (``known``), have no spectra (``without``), or have some of them measured by an earlier
            definition, which stay (``outdated``).

        Raises:
            UsageError: a metric is unknown, or takes more than a spectrum.
            QueryError: there is no such model.
            StoreError: the store cannot be written.
        """
        from embstore.store.mending.deriving import derive_numbers

        return derive_numbers(self._database, metrics, models=_several(model))

    def merge(self, *others: str | Path, dry_run: bool = False) -> "list[Merged]":
        """Take in the runs of other stores that this one lacks: all of them, or none.

        A run that is here already, which its id tells, stays as it is; so merging again changes
        nothing. The other stores are only read.

        Args:
            others: files or lakes of stores, or folders of exports; older ones are read from a
                migrated copy.
            dry_run: only tell what would be taken in.

        Returns:
            For each store how many runs were ``new``, how many ``known``, how many of those it
            has ``measured_twice``, the ``namesakes``: names that different models have then, and
            how many ``scores`` are new.

        Raises:
            StoreError: a file is missing or no store, a newer embstore wrote it, or this store
                cannot be written.
        """
        from embstore.store.mending.merging import merge_stores

        return merge_stores(self._database, others, dry_run=dry_run)

    def maintain(self, *, keep_days: float = KEPT_DAYS) -> "Maintained":
        """Merge the small files of a lake, forget its earlier states and delete what nobody needs.

        Args:
            keep_days: earlier states that are younger stay, and the files that they need.

        Returns:
            How many ``files_before`` there were and how many ``files`` there are, their ``size``
            in bytes, how many states have ``expired`` and how many files were ``removed``.

        Raises:
            StoreError: the store is in a file, which needs no maintenance, or cannot be written.
        """
        from embstore.store.lake.maintaining import maintain

        return maintain(self._database, keep_days=keep_days)

    def export(self, folder: str | Path) -> "Exported":
        """Write the runs that a folder lacks as Parquet files, with a card for a data-set hub.

        The folder can be opened as a store, also at an address. Exporting again adds what is
        new, writes files that are missing or damaged anew, and leaves the rest.

        Args:
            folder: of an earlier export, or one that is empty or not there yet.

        Returns:
            How many runs were ``new``, were ``known``, or are there of ``others``, how many
            files were ``mended``, how many runs of others are ``damaged``, and the ``size`` of
            the files.

        Raises:
            StoreError: the folder holds something else, cannot be written, or has lost what
                runs of other stores need.
        """
        from embstore.store.exports.exporting import export_store

        return export_store(self._database, folder)

    def import_(self, folder: str | Path, *, dry_run: bool = False) -> "Merged":
        """Take in the runs of an export that this store lacks: all of them, or none.

        Args:
            folder: of the export; its checksums are compared first.
            dry_run: only tell what would be taken in.

        Returns:
            How many runs were ``new``, how many ``known``, and how many ``scores`` are new.

        Raises:
            StoreError: it is no export, a file is damaged, a newer embstore wrote it, or this
                store cannot be written.
        """
        from embstore.store.mending.merging import import_export

        return import_export(self._database, folder, dry_run=dry_run)

    def import_scores(self, scores: object) -> "ImportedScores":
        """Take in what evaluations elsewhere say of models, to correlate metrics with it.

        All of it is taken in, or nothing; given again nothing is added. Scores of models that are
        not stored are kept, and count once the model is there.

        Args:
            scores: a file or folder of lm-eval's results, a CSV, TSV, JSON, JSON lines or Parquet
                file with columns model, revision or step, name, value and, if it is known,
                std_error; or several of these. Or a data frame or table with these columns,
                dictionaries with these keys, or what lm-eval's ``simple_evaluate`` returns.

        Returns:
            How many scores are ``new``, ``known`` or ``older`` than what is there, which have
            ``changed``, how many say ``again`` what another says of a checkpoint, how many
            ``matched`` a stored one, under which other name (``taken_for``), and what the
            ``unmatched`` are of.

        Raises:
            ScoreError: a file is missing or damaged, a row holds no score, its step is not its
                revision's, or two rows say different things of one checkpoint.
            UsageError: a file's suffix is not known.
            StoreError: the store cannot be written.
        """
        from embstore.api.scores import read_any
        from embstore.store.scores import write_scores

        found = read_any(scores)
        return write_scores(self._database, found.scores, notes=found.notes)

    def remove_scores(
        self,
        *,
        model: str | Sequence[str] = (),
        name: str | Sequence[str] = (),
        source: str | Sequence[str] = (),
        dry_run: bool = False,
    ) -> "RemovedScores":
        """Remove the imported scores that fit all that is given.

        Args:
            model: as the scores name them, which ``store.query("scores")`` shows.
            name: names of scores.
            source: files that they are from.
            dry_run: only tell what would be removed.

        Returns:
            How many ``scores``, and how many ``earlier`` values behind them.

        Raises:
            QueryError: there is no such score.
            UsageError: nothing is named.
            StoreError: the store cannot be written.
        """
        from embstore.store.mending.removing_scores import remove_scores

        chosen = {"models": _several(model), "names": _several(name), "sources": _several(source)}
        return remove_scores(self._database, **chosen, dry_run=dry_run)

    def remove(
        self,
        *,
        run: str | Sequence[str] = (),
        model: str | Sequence[str] = (),
        revision: str | Sequence[str] = (),
        dry_run: bool = False,
    ) -> "Removed":
        """Remove the runs that fit all that is given, and what no other run needs.

        There is no way back but a copy of the store: see with ``dry_run`` what would go.

        Args:
            run: ids, or their first 8 or more characters.
            model: names of models.
            revision: names of revisions.
            dry_run: only tell what would be removed.

        Returns:
            ``runs``, a table, with how many ``measurements`` and ``failures`` went, and
            ``freed_bytes`` of the file, which later runs use; None of a lake.

        Raises:
            QueryError: there is no such run, model or revision.
            UsageError: nothing is named.
            StoreError: the store cannot be written.
        """
        from embstore.store.mending.find_runs import Selection
        from embstore.store.mending.removing import remove_runs

        selection = Selection(_several(run), _several(model), _several(revision))
        return remove_runs(self._database, selection, dry_run=dry_run)

    def rename(self, model: str, new: str) -> None:
        """Call a model by another name; ids stay, so what is measured is still recognised.

        Raises:
            QueryError: there is no such model, or one is called ``new`` already.
            UsageError: the new name is blank or more than one line.
            StoreError: the store cannot be written.
        """
        from embstore.store.mending.renaming import rename_model

        rename_model(self._database, model, new)

    def group(self, name: str, /, *models: str) -> None:
        """Say that stored models are seeds of one another: one line with a band in every profile.

        A model is in one group: what is said last counts. Its checkpoints that are measured later
        are in it too.

        Args:
            name: what they are together called.
            models: names of models.

        Raises:
            UsageError: no model is named, or the group cannot be called so.
            QueryError: there is no such model.
            StoreError: the store cannot be written.
        """
        from embstore.store.mending.grouping import group_models

        group_models(self._database, models, name)

    def ungroup(self, *models: str) -> None:
        """Take models out of their groups of seeds.

        Raises:
            UsageError: no model is named.
            QueryError: there is no such model.
            StoreError: the store cannot be written.
        """
        from embstore.store.mending.grouping import group_models

        group_models(self._database, models, None)

    def tag(self, run: str, tags: Mapping[str, str | None]) -> dict[str, str]:
        """Give a run tags, or take them away, and return all that it has then.

        Args:
            run: its id, or the first 8 or more characters of it.
            tags: values by key; None takes a tag away.

        Raises:
            QueryError: there is no such run.
            UsageError: no tag is given, or a key is blank or contains ``=``.
            StoreError: the store cannot be written.
        """
        from embstore.store.mending.tagging import tag_run

        return dict(tag_run(self._database, run, tags).tags)

    def with_reasons(self, answer: Answer) -> Answer:
        """Put beside ``value`` a column ``reason``: why a value is missing.

        Raises:
            UsageError: the answer lacks run_id, layer, scope or metric, so that it is not
                known which measurements its rows are of.
        """
        from embstore.asking.reasons import with_reasons

        table = with_reasons(self._database, answer.table)
        return Answer(table, answer.notes, why_empty=answer.why_empty)

    def chart(
        self, name: str, /, *, theme: str = "light", columns: int = 3, **params: object
    ) -> "AnyChart":
        """Draw a question's answer; a notebook shows the chart as it is.

        ``embstore.chart.save_chart`` writes it to a file.

        Args:
            name: as for ``query``.
            theme: ``light`` or ``dark``.
            columns: how many panels stand side by side at most: 1 for a narrow page.
            params: as for ``query``.

        Raises:
            QueryError: as for ``query``; also if the question has no chart, or no rows.
            UsageError: as for ``query``; also if there is no such theme, or so many columns.
        """
        return self.draw(name, params, theme=theme, columns=columns)

    def draw(
        self, name: str, params: Mapping[str, object], *, theme: str = "light", columns: int = 3
    ) -> "AnyChart":
        """Draw a question's answer as ``chart`` does, whatever its parameters are called.

        Args:
            name: as for ``query``.
            params: as for ``query``, by name; ``theme`` and ``columns`` may be among them.
            theme: as for ``chart``.
            columns: as for ``chart``.

        Raises:
            QueryError: as for ``chart``.
            UsageError: as for ``chart``.
        """
        question = ask.find_question(name, self._queries)
        values = ask.bind(question, params)
        with self._database.held():
            table, caveats, why = self._asked(question, values, params)
        return self._drawn(question, values, table, caveats, why, theme, columns)

    def _asked(
        self,
        question: Question,
        values: Mapping[str, ParameterValue],
        given: Mapping[str, object],
    ) -> "tuple[pa.Table, tuple[str, ...], str]":
        """Return the rows, what to know before trusting them, and why there are none."""
        table = ask.run_question(self._database, question, values)
        check_enough(question, values, table)
        caveats = run_caveats(self._database, table)
        caveats = (*seed_notes(self._database, question, values, table), *caveats)
        unseen = out_of_sight(self._database, question, values, table)
        if table.num_rows:
            return table, (*caveats, *([f"{unseen}."] if unseen else ())), ""
        return table, caveats, why_empty(self._database, question, values, given, unseen)

    def _drawn(
        self,
        question: Question,
        values: Mapping[str, ParameterValue],
        table: "pa.Table",
        caveats: Sequence[str],
        why: str,
        theme: str,
        columns: int = 3,
    ) -> "AnyChart":
        # Altair takes as long to import as everything else together.
        from embstore.charts.draw import draw

        answer = Answer(table, caveats, why_empty=why)
        return draw(self._database, question, values, answer, theme=theme, columns=columns)


def _several(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def open_store(
    url: str | Path | None = None,
    *,
    queries: Iterable[str | Path] = (),
    tags: Mapping[str, str | Sequence[str]] | None = None,
) -> Store:
    """Open a store, to ask it; asking never changes it.

    One that an older embstore wrote is answered from a temporary copy, which is migrated.

    Args:
        url: a DuckDB file, a lake's ``ducklake:postgres:…``, or an export, which is read where it
            lies: its folder or its ``https://`` address (extra ``lake``).
            None for what the variable ``EMBSTORE_STORE`` names, else ``embstore.duckdb``.
        queries: folders with questions of your own, as ``.sql`` files.
        tags: ask only the runs that have them, as if there were no others; of one key any of
            several values will do.

    Raises:
        StoreError: there is no store, or it cannot be used.
        QueryError: no run has these tags; told by the first question.
    """
    database = open_database(url, create=False, tags=read_tags(tags or {}))
    return Store(database, queries=queries)
