"""Tells which stored checkpoints scores are of, whatever they call them."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embstore.checkpoints.revisions import parse_revision
from embstore.common.messages import closest
from embstore.errors import ScoreError
from embstore.inputs.scores.steps import check_step

if TYPE_CHECKING:
    import sqlalchemy as sa

    from embstore.types import Score

_MATCHED = """
SELECT
    found.model, found.revision, found.step,
    c.checkpoint_id, c.model AS stored, c.revision AS stored_revision, c.step AS stored_step
FROM scored_checkpoint AS found
JOIN named_checkpoint AS c ON c.checkpoint_id = found.checkpoint_id
"""
_MODELS = "SELECT DISTINCT name FROM model ORDER BY name"

# Looking for what a name may have been takes time, and nobody reads more.
_MOST_HINTS = 20

# Model, revision and step, as scores name them.
Whose = tuple[str, str | None, int | None]
# What a score is of: a checkpoint and the score's name, or its key where no checkpoint is stored.
Thing = tuple[object, ...]


@dataclass(frozen=True)
class Match:
    """The stored checkpoint that a score is of."""

    checkpoint_id: str
    model: str
    revision: str
    step: int | None


Matches = Mapping[Whose, Match]


def find_matches(connection: "sa.Connection") -> Matches:
    """Return which checkpoint each model, revision and step of stored scores is, if it is one."""
    rows = connection.exec_driver_sql(_MATCHED).mappings()
    return {
        (row["model"], row["revision"], row["step"]): Match(
            row["checkpoint_id"], row["stored"], row["stored_revision"], row["stored_step"]
        )
        for row in rows
    }


def thing_of(score: "Score", found: Matches) -> Thing:
    """Return what a score is of, the same for all names of one stored checkpoint."""
    match = found.get(_whose(score))
    return score.key if match is None else (match.checkpoint_id, score.name)


def each_once(
    scores: Sequence["Score"], found: Matches, *, known: Collection[Thing]
) -> "tuple[list[Score], tuple[str, ...]]":
    """Return scores without those that say again what another says under another name.

    Args:
        scores: of one import.
        found: which checkpoints they are of.
        known: keys of scores that were there before, which go before new ones.

    Returns:
        The scores, and how each checkpoint is called that has several names.

    Raises:
        ScoreError: two say different things of one checkpoint, or one gives it another step.
    """
    first: dict[Thing, Score] = {}
    names: dict[str, None] = {}
    for score in sorted(scores, key=lambda score: score.key not in known):
        match = found.get(_whose(score))
        _check_stored_step(score, match)
        other = first.setdefault((*thing_of(score, found), score.scored_at), score)
        if (other.value, other.std_error) != (score.value, score.std_error):
            same = score.whose if match is None else f"{match.model}@{match.revision}"
            raise ScoreError(
                f"{other.name} of {other.whose} ({other.source}) is {_number(other)}, and of "
                f"{score.whose} ({score.source}) {_number(score)}, but both are {same}; keep one "
                "of them"
            )
        if other is not score:
            names[" and ".join(dict.fromkeys((other.whose, score.whose)))] = None
    kept = set(map(id, first.values()))
    return [score for score in scores if id(score) in kept], tuple(names)


def describe_matches(
    connection: "sa.Connection", scores: Iterable["Score"], found: Matches
) -> dict[str, Any]:
    """Say which checkpoints scores are of, and of which no stored one is."""
    models = [str(row[0]) for row in connection.exec_driver_sql(_MODELS)]
    counts = Counter(map(_whose, scores))
    names = {_whose(score): score.whose for score in scores}
    taken: dict[str, None] = {}
    unmatched: list[str] = []
    without_model: dict[str, str] = {}
    for whose, name in names.items():
        match = found.get(whose)
        if match is not None:
            if whose[1] not in {None, match.revision}:
                taken[f"{name} for {match.model}@{match.revision}"] = None
            elif match.model != whose[0]:
                taken[f"{whose[0]} for {match.model}"] = None
        elif whose[0] in models:
            unmatched.append(f"{name} (no checkpoint of this model fits, or several do)")
        else:
            known = models if len(without_model) < _MOST_HINTS else []
            without_model.setdefault(whose[0], f"{whose[0]}{closest(whose[0], known)}")
    return {
        "matched": sum(n for whose, n in counts.items() if whose in found),
        "taken_for": tuple(taken),
        "unmatched": (*unmatched, *without_model.values()),
        "n_unmatched": sum(n for whose, n in counts.items() if whose not in found),
    }


def _check_stored_step(score: "Score", match: Match | None) -> None:
    """Refuse a step that is not that of the checkpoint which the revision names."""
    if match is None or score.revision != match.revision:
        return
    # A name that tells a step has been looked at; a store may know it more exactly.
    if parse_revision(match.revision).step is None:
        try:
            check_step(match.revision, match.step, score.step)
        except ScoreError as error:
            raise ScoreError(f"{score.name} of {score.whose} ({score.source}): {error}") from None


def _whose(score: "Score") -> Whose:
    return score.model, score.revision, score.step


def _number(score: "Score") -> str:
    error = "" if score.std_error is None else f" with std_error {score.std_error}"
    return f"{score.value}{error}"
