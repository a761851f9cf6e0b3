"""The places of an ingest outside its own process: several devices, or machines of a cluster."""

import contextlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence

from embstore.errors import UsageError
from embstore.ingestion.devices.process import DeviceProcess
from embstore.ingestion.request import Settings
from embstore.ingestion.resources import Resources
from embstore.ingestion.side_by_side import Elsewhere

OpenPlaces = Callable[[], Sequence[Elsewhere]]
OpenElsewhere = Callable[
    [Resources, Settings], contextlib.AbstractContextManager[OpenPlaces | None]
]


@contextlib.contextmanager
def elsewhere(resources: Resources, settings: Settings) -> Iterator[OpenPlaces | None]:
    """Give what opens the places where checkpoints are measured; None for this process.

    It is to be called once there is something to measure: only then a cluster is joined, which
    takes seconds. What it opens is closed at the end. It raises ``UsageError`` where there is no
    such cluster.

    Raises:
        UsageError: there can be no cluster, because Ray is not installed.
    """
    n_checkpoints = len(resources.candidates)
    with contextlib.ExitStack() as opened:
        if settings.ray is not None and n_checkpoints:
            if importlib.util.find_spec("ray") is None:
                raise UsageError(
                    "a cluster needs the ray extra, which is not installed; "
                    "run: pip install 'embstore[ray]'"
                )
            address = settings.ray

            def of_cluster() -> Sequence[Elsewhere]:
                # Ray takes seconds to import.
                from embstore.ingestion.cluster.on_ray import places_of_cluster

                return opened.enter_context(
                    places_of_cluster(address, n_checkpoints, resources.permissions, settings)
                )

            yield of_cluster
        elif len(resources.devices) > 1:
            devices = [str(device) for device in resources.devices]
            yield lambda: [DeviceProcess(device, sharing=len(devices)) for device in devices]
        else:
            yield None
