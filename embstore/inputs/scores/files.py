"""A file of scores, or a folder of a harness's results, to records."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embstore.common.messages import listed, one_line
from embstore.common.paths import expanded
from embstore.errors import CorpusError, ScoreError, UsageError
from embstore.inputs.scores.lm_eval import is_results, read_results
from embstore.inputs.scores.records import collected, of_columns, of_dictionaries, unread
from embstore.inputs.utf8 import decoded
from embstore.types import Score

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".json", ".jsonl", ".csv", ".tsv", ".parquet")
# Nobody has so many scores; results with every sample in them, or another file, may be so large.
LARGEST_FILE = 512 << 20
_RESULTS = "results*.json"

Found = Iterator[tuple[str, Score]]


@dataclass(frozen=True)
class ReadScores:
    """What was read.

    Attributes:
        scores: all of them, each once.
        notes: what to know of them, with the file it is about.
        n_files: how many files they are from.
    """

    scores: Sequence[Score]
    notes: tuple[str, ...] = ()
    n_files: int = 0


def read_scores(paths: Iterable[str | Path]) -> ReadScores:
    """Read files of scores, all of them or none.

    Of a folder the ``results*.json`` in it and in the folders below are read.

    Raises:
        ScoreError: a file is missing, damaged, has no scores, or two say different things of one.
        UsageError: no file is given, or a suffix is not known.
    """
    files = [file for path in paths for file in _files(Path(expanded(path)))]
    if not files:
        raise UsageError("no file of scores is given")
    notes: list[str] = []
    found: list[tuple[str, Score]] = []
    # One that is named twice, or by a link, is read once.
    for file in dict.fromkeys(files):
        with _named(file):
            rows = list(_READERS[file.suffix.lower()](file, notes))
            if not rows:
                raise ScoreError("no scores in it")
            found += rows if len(files) == 1 else [(f"{file}, {place}", s) for place, s in rows]
    try:
        return ReadScores(collected(found), tuple(notes), len(files))
    except ScoreError as error:
        where = f"{files[0]}: " if len(files) == 1 else ""
        raise ScoreError(f"{where}{error}") from None


def scores_of_table(table: "pa.Table", source: str) -> list[Score]:
    """Return the scores of an Arrow table.

    Raises:
        ScoreError: a column is missing, a row holds no score, or there are none.
    """
    return collected(_of_table(table, source))


def scores_of_results(content: Mapping[str, object], source: str) -> ReadScores:
    """Return the scores of what lm-eval's ``simple_evaluate`` returns.

    Raises:
        ScoreError: it names no model, or has no scores.
    """
    results = read_results(content, Path(source))
    return ReadScores(collected(results.scores), results.notes)


def scores_of_dictionaries(rows: Iterable[object], source: str) -> list[Score]:
    """Return the scores of dictionaries.

    Raises:
        ScoreError: one holds no score, or there are none.
    """
    return collected(of_dictionaries(rows, source))


def _files(path: Path) -> list[Path]:
    """Return the files that a path stands for, in order.

    Raises:
        ScoreError: nothing is there, or nothing of use.
        UsageError: the suffix is not known.
    """
    try:
        if path.is_dir():
            found = sorted(path.rglob(_RESULTS))
            if not found:
                raise ScoreError(f"{path} holds no {_RESULTS}: give a folder of lm-eval's results")
            return found
        if path.suffix.lower() not in SUFFIXES:
            what = f"suffix {path.suffix!r}" if path.suffix else "no suffix"
            raise UsageError(
                f"{path} has {what}: scores are read from {', '.join(SUFFIXES)}, or a folder of "
                "lm-eval's results"
            )
        if not path.is_file():
            raise ScoreError(f"no such file: {path}; check the path")
    except (OSError, ValueError) as error:
        raise ScoreError(f"{str(path)!r} cannot be read: {one_line(error)}") from None
    return [path]


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say of every error which file it is about."""
    try:
        _refuse_huge(path.stat().st_size)
        yield
    except (CorpusError, ScoreError) as error:
        raise ScoreError(f"{path}: {one_line(error, longest=None)}") from None
    except RecursionError:
        raise ScoreError(f"{path} cannot be read: it is nested too deeply") from None
    except (OSError, ValueError, ArithmeticError) as error:
        raise ScoreError(f"{path} cannot be read: {one_line(error)}") from error


def _refuse_huge(size: int) -> None:
    if size > LARGEST_FILE:
        raise ScoreError(
            f"it has {size / 1e9:.1f} GB, which is no file of scores (at most "
            f"{LARGEST_FILE / 1e9:.1f} GB)"
        )


def _text(path: Path) -> str:
    with path.open("rb") as stream:
        return "".join(decoded(stream))


def _of_json(path: Path, notes: list[str]) -> Found:
    content = json.loads(_text(path))
    if is_results(content):
        results = read_results(content, path)
        notes += [f"{path}: {note}" for note in results.notes]
        yield from results.scores
    elif isinstance(content, list):
        yield from of_dictionaries(content, path.name)
    else:
        raise ScoreError(
            "neither lm-eval's results (an object with results by task) nor a list of records"
        )


def _of_json_lines(path: Path, _notes: list[str]) -> Found:
    lines = (line for line in _text(path).split("\n") if line.strip())
    yield from of_dictionaries(map(json.loads, lines), path.name)


def _of_separated(path: Path, notes: list[str]) -> Found:
    lines = _text(path).split("\n")
    header = next((line for line in lines if line.strip()), "")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    if delimiter == "," and ";" in header and "," not in header:
        delimiter = ";"
    rows = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    try:
        names = next((row for row in rows if any(map(str.strip, row))), [])
        if not names:
            raise ScoreError("it is empty")
        yield from of_columns(names, _rows(rows, len(names)), path.name)
        if ignored := unread(names):
            notes.append(f"{path}: columns that say nothing of a score are not read: {ignored}")
    except csv.Error as error:
        raise ScoreError(f"line {rows.line_num:,}: {one_line(error)}") from None


def _rows(rows: "Iterator[list[str]]", width: int) -> Iterator[tuple[str, Sequence[str]]]:
    for row in rows:
        place = f"line {rows.line_num:,}"  # type: ignore[attr-defined]
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != width:
            raise ScoreError(f"{place} has {len(row):,} values, but the header has {width:,}")
        yield place, row


def _of_parquet(path: Path, notes: list[str]) -> Found:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except pa.ArrowException as error:
        raise ScoreError(f"no Parquet that can be read: {one_line(error)}") from error
    yield from _of_table(table, path.name)
    if ignored := unread(table.column_names):
        notes.append(f"{path}: columns that say nothing of a score are not read: {ignored}")


def _of_table(table: "pa.Table", source: str) -> Found:
    names = list(table.column_names)
    if len(set(names)) < len(names):
        twice = listed(dict.fromkeys(repr(name) for name in names if names.count(name) > 1))
        raise ScoreError(f"columns of one name: {twice}")
    columns = [table.column(name).to_pylist() for name in names]
    rows = ((f"row {n:,}", row) for n, row in enumerate(zip(*columns, strict=True), start=1))
    yield from of_columns(names, rows, source)


_READERS = {
    ".json": _of_json,
    ".jsonl": _of_json_lines,
    ".csv": _of_separated,
    ".tsv": _of_separated,
    ".parquet": _of_parquet,
}
