"""Divides the checkpoints of an ingest among machines, so that all are done at about the same time.

Each machine finds the same checkpoints and divides them alike, without asking another one. So what
decides is what no machine sees otherwise: not its pace, and not what its store has.
"""

from collections.abc import Sequence

from embstore.checkpoints.find import Candidate
from embstore.checkpoints.locate import locate_files
from embstore.checkpoints.located import Permissions
from embstore.choices import DEFAULT_WINDOW
from embstore.common.messages import reason_of
from embstore.errors import ModelError
from embstore.ingestion.memory_estimate import Extent, scope_counts
from embstore.ingestion.request import Settings
from embstore.ingestion.shard import Shard
from embstore.ingestion.time_estimate import operations
from embstore.metrics.selection import Selection
from embstore.models.description import describe, model_size


def share_of(
    candidates: Sequence[Candidate], shard: Shard, settings: Settings, permissions: Permissions
) -> tuple[Candidate, ...]:
    """Return the checkpoints of one share, in their order.

    Raises:
        ModelError: what a model of the Hub costs cannot be found out, so that another machine
            might divide them otherwise.
    """
    costs = _costs(candidates, settings, permissions)
    share = divide([costs[candidate.name] for candidate in candidates], shard.count)
    return tuple(
        candidate
        for candidate, index in zip(candidates, share, strict=True)
        if index == shard.index - 1
    )


def divide(costs: Sequence[float], count: int) -> list[int]:
    """Return which of ``count`` shares each piece of work goes to, from 0.

    The dearest first, each to the share with least to do: none is more than 4/3 of the least
    that the longest could be (Graham 1969, doi 10.1137/0117039).

    >>> divide([5.0, 1.0, 4.0, 2.0], 2)
    [0, 0, 1, 1]
    """
    loads, sizes = [0.0] * count, [0] * count
    share = [0] * len(costs)
    for place in sorted(range(len(costs)), key=lambda place: (-costs[place], place)):
        least = min(range(count), key=lambda index: (loads[index], sizes[index], index))
        share[place] = least
        loads[least] += costs[place]
        sizes[least] += 1
    return share


def _costs(
    candidates: Sequence[Candidate], settings: Settings, permissions: Permissions
) -> dict[str, float]:
    """Return what a checkpoint of each model costs, in operations.

    All checkpoints of a model cost alike. One that cannot be read fails at once wherever it is.
    """
    costs: dict[str, float] = {}
    for candidate in candidates:
        if costs.get(candidate.name):
            continue
        try:
            costs[candidate.name] = _cost(candidate, settings, permissions)
        except Exception as error:
            if candidate.source == "hub":
                raise ModelError(
                    f"the checkpoints cannot be divided: {reason_of(error)}; what does not answer "
                    "every machine alike cannot be in a share, so leave it out or fetch it before"
                ) from error
            costs[candidate.name] = 0.0
    return costs


def _cost(candidate: Candidate, settings: Settings, permissions: Permissions) -> float:
    model = describe(locate_files(candidate, permissions))
    sampling = settings.sampling
    selection = Selection(settings.metrics, settings.intervals)
    limit = model.context or sampling.tokens
    window = min(sampling.window or DEFAULT_WINDOW, limit, sampling.tokens)
    extent = Extent(
        n_windows=max(sampling.tokens // window, 1),
        window=window,
        n_sample=min(sampling.sample, sampling.tokens),
        **scope_counts(settings.scopes),
        pairs=selection.needs("joint covariance"),
        search=selection.needs("neighbors"),
        eigen=selection.eigen,
        head=selection.needs("head"),
        attention=selection.needs("attention"),
    )
    return sum(operations(model_size(model), extent))
