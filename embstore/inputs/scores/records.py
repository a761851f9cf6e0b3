"""Rows that each say one score: from dictionaries, Arrow tables and data frames."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from embstore.common.messages import listed
from embstore.errors import ScoreError
from embstore.inputs.scores import values
from embstore.inputs.scores.steps import with_step
from embstore.types import Score

# What each column may be called, the first as embstore calls it.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "model": ("model",),
    "revision": ("revision",),
    "step": ("step",),
    "name": ("name", "score"),
    "value": ("value",),
    "std_error": ("std_error", "stderr"),
    "scored_at": ("scored_at", "date"),
}
_NEEDED = ("model", "name", "value")


def columns_of(header: Sequence[object]) -> dict[str, str]:
    """Return under which name each thing stands in a header; small and capital are one.

    Raises:
        ScoreError: a column is missing, or two say one thing.
    """
    found: dict[str, str] = {}
    for given in header:
        name = str(given).strip().lower()
        for what, names in COLUMNS.items():
            if name not in names:
                continue
            if what in found:
                raise ScoreError(
                    f"columns {found[what]!r} and {given!r} both say the {what}; leave one out"
                )
            found[what] = str(given)
    for what in _NEEDED:
        if what not in found:
            has = f" (there are {listed(map(str, header))})" if header else ""
            raise ScoreError(
                f"no column {what!r}{has}; a row is one score: model, revision or step, name, "
                "value, and std_error if it is known"
            )
    return found


def scores_of(
    rows: Iterable[tuple[str, Mapping[str, object]]], source: str
) -> Iterator[tuple[str, Score]]:
    """Yield the score of each row, with where it stands.

    Args:
        rows: where each stands, such as ``line 3``, and what it holds, by ``COLUMNS``.
        source: what they come from.

    Raises:
        ScoreError: a row holds none; says where.
    """
    for place, row in rows:
        try:
            yield place, score_of(row, source)
        except ScoreError as error:
            raise ScoreError(f"{place}: {error}") from None


def score_of(row: Mapping[str, object], source: str) -> Score:
    """Return the score that a row says.

    Raises:
        ScoreError: what it lacks, or what of it cannot be.
    """
    name = values.text(row.get("name"), "name")
    std_error = values.optional_number(row.get("std_error"), f"std_error of {name}")
    if std_error is not None and std_error < 0:
        raise ScoreError(f"std_error of {name} is {std_error:g}, less than 0")
    return Score(
        model=values.text(row.get("model"), "model"),
        revision=values.optional_text(row.get("revision"), "revision"),
        step=values.step(row.get("step")),
        name=name,
        value=values.number(row.get("value"), f"value of {name}"),
        std_error=std_error,
        scored_at=values.optional_moment(row.get("scored_at"), "scored_at"),
        source=source,
    )


def of_dictionaries(rows: Iterable[object], source: str) -> Iterator[tuple[str, Score]]:
    """Yield the scores of dictionaries, with where each stands.

    Raises:
        ScoreError: one is no dictionary, or holds no score.
    """

    def named() -> Iterator[tuple[str, Mapping[str, object]]]:
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, Mapping):
                raise ScoreError(f"row {number:,} is no record with model, name and value")
            try:
                header = columns_of(list(row))
            except ScoreError as error:
                raise ScoreError(f"row {number:,}: {error}") from None
            yield f"row {number:,}", {what: row[column] for what, column in header.items()}

    return scores_of(named(), source)


def of_columns(
    header: Sequence[str], rows: Iterable[tuple[str, Sequence[object]]], source: str
) -> Iterator[tuple[str, Score]]:
    """Yield the scores of rows below one header, with where each stands.

    Raises:
        ScoreError: a column is missing, or a row holds no score.
    """
    found = columns_of(header)
    places = {what: list(header).index(name) for what, name in found.items()}
    named = ((place, {what: row[column] for what, column in places.items()}) for place, row in rows)
    return scores_of(named, source)


def collected(found: Iterable[tuple[str, Score]]) -> list[Score]:
    """Return scores, each once; several of one thing may be there if they are of several times.

    A step that only the revision's name tells is put in.

    Raises:
        ScoreError: there are none, two say different things of one, or a revision and a step
            contradict each other.
    """
    scores: dict[tuple[object, ...], tuple[str, Score]] = {}
    for place, given in found:
        try:
            score = with_step(given)
        except ScoreError as error:
            raise ScoreError(f"{place}: {error}") from None
        key = (*score.key, score.scored_at)
        before = scores.setdefault(key, (place, score))
        if (before[1].value, before[1].std_error) != (score.value, score.std_error):
            raise ScoreError(
                f"{before[0]} and {place} both say {score.name} of {score.whose}, and not the "
                "same; keep one of them"
            )
    if not scores:
        raise ScoreError("no scores in it")
    return [score for _, score in scores.values()]


def unread(header: Sequence[str]) -> str:
    """Name the columns of a header that say nothing of a score; empty where all do."""
    known = {name for names in COLUMNS.values() for name in names}
    return listed(repr(name) for name in header if name.strip().lower() not in known)
