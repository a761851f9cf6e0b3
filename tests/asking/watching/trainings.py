"""Runs of a training whose every number is known."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from embstore.choices import Scope
from embstore.types import LayerKey, Run
from tests.synthetic import make_run

BEGAN = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def steps_of(
    name: str = "run-7", steps: Sequence[int] = (0, 10, 20), *, began: datetime = BEGAN, **more: Any
) -> list[Run]:
    """A checkpoint a minute; anisotropy grows by a hundredth of the layer with each step."""
    return [
        make_run(
            name=name,
            revision=f"checkpoint-{step}",
            step=step,
            tokens_seen=1000 * step,
            created_at=began + timedelta(minutes=place),
            **{"values": growing(place), **more},
        )
        for place, step in enumerate(steps)
    ]


def growing(place: int) -> Any:
    def value(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
        if metric == "twonn":
            return 5.0
        return 0.1 + place * key.layer / 100 + (0.5 if scope == "no_sinks" else 0)

    return value
