"""Measures checkpoints over a text into a store; skips what is stored.

What can be wrong with a text or an option is found before the weights are loaded; a damaged
image is found when it is read. A checkpoint that fails is noted in the store, and the next
one is measured.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path

from embstore.checkpoints.find import label
from embstore.checkpoints.located import Located
from embstore.ingestion.elsewhere import OpenElsewhere, elsewhere
from embstore.ingestion.one_checkpoint import Place, measure_job
from embstore.ingestion.outcome import Outcome
from embstore.ingestion.prefetch import Preparation
from embstore.ingestion.request import Request
from embstore.ingestion.resources import Resources, open_resources
from embstore.ingestion.series import Series
from embstore.ingestion.side_by_side import side_by_side
from embstore.measuring.checkpoint import Progress
from embstore.store.spool import take_in_waiting

Watch = Callable[[str, int, int], Progress]


def unwatched(_checkpoint: str, _index: int, _total: int) -> Progress:
    """Watch nothing."""
    return lambda _stage, _done, _total: None


def ingest(
    request: Request,
    store: str | Path | None,
    *,
    watch: Watch = unwatched,
    places: OpenElsewhere = elsewhere,
) -> Iterator[Outcome]:
    """Measure checkpoints over a corpus into a store, as many at once as there are places.

    Meanwhile the next is fetched and, where one device and memory allow, loaded. One that
    fails does not stop the others: it is noted in the store. A lone one raises.

    Args:
        request: which models, on what, measured how.
        store: the store's URL or path; created if it does not exist.
        watch: called as (checkpoint, index, total) when one is waited for or measured; what it
            returns is called as (stage, done, total) meanwhile: stages are ``forward``,
            ``geometry``, ``store``, ``wait`` for a store that is locked, and at last ``done``.
        places: gives what opens the places outside this process where it is measured.

    Yields:
        One outcome per checkpoint in the order of the series, as soon as it and those before
        it are stored, or kept in a file.

    Raises:
        EmbstoreError: no such model, or the corpus, an option or the store cannot be used.
            Checkpoints already yielded are stored.
    """
    with open_resources(request, store) as resources:
        take_in_waiting(resources.database)
        preparation = Preparation(resources, request.settings)
        series = Series(resources, request.settings, preparation)
        n = len(resources.candidates)
        names = [label(candidate) for candidate in resources.candidates]
        watching = [partial(watch, name, index, n) for index, name in enumerate(names)]
        with places(resources, request.settings) as open_places:
            finished = (
                side_by_side(series, preparation, open_places, watching)
                if open_places
                else _one_after_the_other(series, preparation, resources, watching)
            )
            with contextlib.closing(finished):
                for located, outcome in finished:
                    yield series.with_findings(located, outcome)
        preparation.finish()


def _one_after_the_other(
    series: Series,
    preparation: Preparation,
    resources: Resources,
    watching: Sequence[Callable[[], Progress]],
) -> Generator[tuple[Located | None, Outcome], None, None]:
    shown: list[Progress] = []
    with contextlib.closing(
        preparation.one_ahead(lambda index: shown.append(watching[index]()))
    ) as coming:
        for prepared in coming:
            known = prepared.planned.model if prepared.planned else None
            measure = partial(measure_job, weights=prepared.weights, known=known)
            place = Place(str(resources.devices[0]), measure)
            located, outcome = series.carry_out(prepared, place, shown[-1])
            # Drop the references: they would keep the weights in memory meanwhile.
            del prepared, known, measure, place
            yield located, outcome
