"""The places of an ingest outside its own process: several devices, or machines of a cluster."""

import contextlib
import importlib.util
from collections.abc import Iterator, Sequence

from embstore.errors import UsageError
from embstore.ingestion.devices.process import DeviceProcess
from embstore.ingestion.request import Settings
from embstore.ingestion.resources import Resources
from embstore.ingestion.side_by_side import Elsewhere


@contextlib.contextmanager
def elsewhere(resources: Resources, settings: Settings) -> Iterator[Sequence[Elsewhere]]:
    """Give the places where checkpoints are measured; none for this process.

    Raises:
        UsageError: there is no such cluster.
    """
    n_checkpoints = len(resources.candidates)
    if settings.ray is not None and n_checkpoints:
        if importlib.util.find_spec("ray") is None:
            raise UsageError(
                "a cluster needs the ray extra, which is not installed; "
                "run: pip install 'embstore[ray]'"
            )
        # Ray takes seconds to import.
        from embstore.ingestion.cluster.on_ray import join_cluster

        with join_cluster(settings.ray, resources.permissions, settings) as cluster:
            yield cluster.places(n_checkpoints)
    elif len(resources.devices) > 1:
        devices = [str(device) for device in resources.devices]
        yield [DeviceProcess(device, sharing=len(devices)) for device in devices]
    else:
        yield []
