"""What the view says in words: which training, how far it is, and what measuring it cost."""

from datetime import datetime, timedelta

from embstore.asking.watching.training import LayerCourse, Step, Training
from embstore.choices import SCOPE_WORDS
from embstore.common.messages import counted, visible

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def heading(training: Training, now: datetime) -> list[str]:
    """Return what stands above the numbers, the most important first."""
    newest, last = training.steps[-1], training.last
    parts = [visible(training.model)]
    if training.course:
        parts.append(visible(training.course))
    parts.append(f"step {newest.number:,}")
    if newest.tokens_seen is not None:
        parts.append(f"{newest.tokens_seen:,} tokens seen")
    parts.append(f"{counted(len(training.steps), 'step')} stored")
    # Steps may be measured in any order.
    of = "" if last is newest else f" (step {last.number:,})"
    parts.append(f"measured {ago(now - last.measured_at)}{of}")
    parts.append(f"{cost(last)}")
    parts.append(f"{visible(training.corpus)}, {SCOPE_WORDS[training.scope]}")
    return parts


def cost(step: Step) -> str:
    """Say what measuring a step took.

    >>> from datetime import UTC
    >>> cost(Step(10, None, datetime(2026, 11, 2, tzinfo=UTC), 75.0, 60.0, 5.5))
    'in 75 s: model 60 s, geometry 5.5 s'
    """
    each = [_seconds(of) for of in (step.seconds, step.forward, step.geometry)]
    return f"in {each[0]}: model {each[1]}, geometry {each[2]}"


def ago(passed: timedelta) -> str:
    """Say how long ago something was, in the largest unit of which there is one.

    >>> ago(timedelta(seconds=12)), ago(timedelta(seconds=61)), ago(timedelta(days=3, hours=2))
    ('12 seconds ago', '1 minute ago', '3 days ago')
    >>> ago(timedelta(seconds=-3))
    'just now'
    """
    seconds = int(passed.total_seconds())
    for name, size in _UNITS:
        if seconds >= size:
            return f"{counted(seconds // size, name)} ago"
    # Also where another machine's clock is ahead.
    return "just now"


def label_of(layer: LayerCourse, *, stacks: bool) -> str:
    """Name a layer; with its stack where there are two."""
    name = {"embedding": "embedding", "final_norm": "final norm"}.get(
        layer.site, f"block {layer.layer}"
    )
    return f"{layer.stack} {name}" if stacks else name


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.1f} s"
