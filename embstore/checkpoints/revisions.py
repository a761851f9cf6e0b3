"""Revision names: which step of training each tells, and which of many are wanted."""

import fnmatch
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from embstore.common.messages import listed
from embstore.errors import ModelError, UsageError

# No number has so many digits, and Python refuses to read thousands of them.
_DIGITS = r"\d{1,40}"
# Ends a number. Behind few digits a separator with more of them leaves open where it ends.
_END, _NO_MORE = r"(?![a-z0-9]|[.,]\d)", r"(?!_\d)"
# With thousands set apart, with a unit, or plain.
_COUNT = (
    rf"(?P<number>\d{{1,3}}(?:(?:_\d{{3}})+|(?:,\d{{3}})+){_END}{_NO_MORE}"
    rf"|{_DIGITS}(?:\.{_DIGITS})?(?=[km](?![a-z0-9]))"
    rf"|\d{{1,3}}{_END}{_NO_MORE}|\d{{4,40}}{_END})(?P<unit>[km])?"
)
# As published: step1000 (Pythia), global_step1000 (BLOOM), checkpoint-1000 (Trainer),
# stage1-step1000-tokens5B (OLMo), step-50K-105b (TinyLlama), iter_0001000 (Megatron).
_STEP = re.compile(
    rf"(?:^|[^a-z])(?:global_?)?(?:step|checkpoint|ckpt|iter(?:ation)?)[-_]?{_COUNT}",
    re.IGNORECASE,
)
_TOKENS = re.compile(
    rf"(?:^|[^a-z])tokens?[-_]?(?P<number>{_DIGITS}(?:\.\d+)?)(?P<unit>[kmbt])(?![a-z0-9])",
    re.IGNORECASE,
)
_STAGE = re.compile(rf"(?:^|[^a-z])stage[-_]?(?P<number>{_DIGITS})", re.IGNORECASE)
_UNITS = {"k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
_WILD = re.compile(r"[*?\[]")
_EVERY = re.compile(r"every:(?P<n>\d{1,9})")


@dataclass(frozen=True)
class Revision:
    """A revision and what its name, or what lies beside its weights, says of the training.

    Attributes:
        name: branch, tag, commit or folder.
        step: optimizer steps taken; None where nothing says so.
        tokens_seen: tokens trained on; names round this number.
    """

    name: str
    step: int | None = None
    tokens_seen: int | None = None


def parse_revision(name: str) -> Revision:
    """Read the step and the tokens seen from a revision's name.

    >>> parse_revision("stage1-step1000-tokens5B")
    Revision(name='stage1-step1000-tokens5B', step=1000, tokens_seen=5000000000)
    >>> parse_revision("main")
    Revision(name='main', step=None, tokens_seen=None)
    """
    return Revision(name, _number(_STEP, name), _number(_TOKENS, name))


def in_training_order(revisions: Iterable[Revision]) -> list[Revision]:
    """Sort by stage and step; those without a step, usually the final ones, come last."""

    def order(revision: Revision) -> tuple[float, float, str]:
        if revision.step is None:
            return (math.inf, math.inf, revision.name)
        return (_number(_STAGE, revision.name) or 0, revision.step, revision.name)

    return sorted(revisions, key=order)


def select_revisions(
    wanted: str, available: Sequence[Revision], *, of: str, exact: bool = True
) -> list[Revision]:
    """Choose revisions, in the order of training.

    Args:
        wanted: terms with commas between: ``all``, a name, a pattern (``step*``), or
            ``every:N``, which is the first, the N-th after it and so on of those that
            have a step.
        available: the revisions there are.
        of: the model, for messages.
        exact: whether a plain name must be among them; a commit never is.

    Raises:
        UsageError: a term cannot be understood, or nothing is asked for.
        ModelError: nothing there fits a term.

    >>> there = [parse_revision(name) for name in ("main", "step10", "step9", "step1")]
    >>> [revision.name for revision in select_revisions("every:2,main", there, of="gpt")]
    ['step1', 'step10', 'main']
    """
    terms = [term for part in wanted.split(",") if (term := part.strip())]
    if not terms:
        raise UsageError("revisions is empty; give names, a pattern, every:N or all")
    ordered = in_training_order(available)
    chosen: dict[str, Revision] = {}
    for term in terms:
        found = _select(term, ordered)
        if not found and not exact and _is_name(term):
            found = [parse_revision(term)]
        if not found:
            raise ModelError(f"{of} has no revision {term!r}; {_there_are(ordered)}")
        chosen |= {revision.name: revision for revision in found}
    return in_training_order(chosen.values())


def _select(term: str, ordered: Sequence[Revision]) -> list[Revision]:
    if named := [revision for revision in ordered if revision.name == term]:
        # Also a name that looks like a pattern.
        return named
    if term == "all":
        return list(ordered)
    if term.startswith("every:"):
        match = _EVERY.fullmatch(term)
        if match is None or int(match["n"]) < 1:
            raise UsageError(f"revisions {term!r}: give a whole number, as in every:10")
        return [revision for revision in ordered if revision.step is not None][:: int(match["n"])]
    return [revision for revision in ordered if fnmatch.fnmatchcase(revision.name, term)]


def _is_name(term: str) -> bool:
    return term != "all" and not term.startswith("every:") and not _WILD.search(term)


def _there_are(ordered: Sequence[Revision]) -> str:
    names = [revision.name for revision in ordered]
    return f"there are {listed(names)}" if names else "there is none"


def _number(pattern: re.Pattern[str], name: str) -> int | None:
    match = pattern.search(name)
    if match is None:
        return None
    groups = match.groupdict()
    unit = _UNITS.get((groups.get("unit") or "").lower(), 1)
    number = match["number"].replace("_", "").replace(",", "")
    # Rounded: 1.1 x 10^9 is no whole number in binary.
    return round(float(number) * unit) if "." in number else int(number) * unit
