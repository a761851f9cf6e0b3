"""Which step of training a score is of, as its revision's name and its own step say it."""

from dataclasses import replace

from embstore.checkpoints.revisions import parse_revision
from embstore.choices import UNTRAINED
from embstore.errors import ScoreError
from embstore.types import Score

LARGEST_STEP = 2**63 - 1
_SHOWN = 40


def with_step(score: Score) -> Score:
    """Return a score with the step that its revision's name tells, where none is given.

    Raises:
        ScoreError: its revision is of another step than it says.
    """
    if score.revision is None:
        return score
    # Controls that were never trained an ingest stores as of step 0.
    step = 0 if score.revision.startswith(UNTRAINED) else parse_revision(score.revision).step
    check_step(score.revision, step, score.step)
    return score if step is None or step > LARGEST_STEP else replace(score, step=step)


def check_step(revision: str, step: int | None, said: int | None) -> None:
    """Refuse a revision's step that is not the one that is said beside it; either may be unknown.

    Raises:
        ScoreError: they are two steps.
    """
    if step is None or said is None or step == said:
        return
    name = revision if len(revision) <= _SHOWN else f"{revision[: _SHOWN - 1]}…"
    raise ScoreError(
        f"revision {name!r} is of step {step:,}, but step {said:,} is given; correct one of the "
        "two, or leave one out"
    )
