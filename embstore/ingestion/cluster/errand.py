"""What a machine of a cluster does for an ingest: bring a checkpoint there, and measure it."""

import contextlib
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from embstore.checkpoints import hub
from embstore.checkpoints.find import Candidate, label
from embstore.checkpoints.locate import fetch_weights, fingerprinted, locate_files
from embstore.checkpoints.located import Located, Permissions
from embstore.common.messages import reason_of
from embstore.errors import ModelError
from embstore.ingestion.devices.messages import Failed
from embstore.ingestion.one_checkpoint import Job, Result, measure_job
from embstore.ingestion.provenance import versions
from embstore.models.devices import use_cores


@dataclass(frozen=True, eq=False)
class Errand:
    """A job, and what another machine needs to do it.

    Attributes:
        job: what to measure; its files are those of the machine that plans.
        candidate: how to find the checkpoint; a folder or file by its whole path.
        permissions: what of its files may run code.
        evict: delete what is downloaded for it.
        n_cores: how many cores it may use.
        versions: what the run will say that it was made with.
    """

    job: Job
    candidate: Candidate
    permissions: Permissions
    evict: bool
    n_cores: int
    versions: Mapping[str, str] = field(default_factory=versions)


def run_errand(errand: Errand, report: Callable[[str, int, int], None]) -> Result | Failed:
    """Bring the checkpoint to this machine, measure it, and leave nothing behind.

    Args:
        errand: what to do.
        report: called as (stage, done, total).

    Returns:
        What measuring gave, with the checkpoint as it was found here; or why it failed: an error
        itself may hold what cannot be sent.
    """
    use_cores(errand.n_cores)
    try:
        _check_versions(errand)
        located = _brought(errand)
        try:
            result = measure_job(replace(errand.job, located=located), report)
        finally:
            if errand.evict:
                _evict(located)
        return replace(result, checkpoint=located.checkpoint)
    except Exception as error:
        return Failed(reason_of(error))


def _check_versions(errand: Errand) -> None:
    """Refuse to measure with other packages than the run will say."""
    mine = versions()
    for name, version in errand.versions.items():
        if mine.get(name) != version:
            raise ModelError(
                f"machine {platform.node()} has {name} {mine.get(name)}, and the ingest was "
                f"started with {name} {version}: install the same on all machines"
            )


def _brought(errand: Errand) -> Located:
    """Find the checkpoint, check that it is the one that was planned, and fetch its weights."""
    candidate, planned = errand.candidate, errand.job.located
    if candidate.source != "hub" and not Path(candidate.place).exists():
        raise ModelError(
            f"{candidate.place} is not on machine {platform.node()}: put it where all machines of "
            "the cluster find it under the same path"
        )
    located = locate_files(candidate, errand.permissions)
    if located.checkpoint != planned.checkpoint:
        raise ModelError(
            f"{label(candidate)} on machine {platform.node()} is not the one that was planned: its "
            "files have changed, or differ there"
        )
    fetch_weights(located)
    return fingerprinted(located)


def _evict(located: Located) -> None:
    """Delete what was downloaded; the base of an adapter may be another one's, too."""
    if located.snapshot is not None and located.downloads:
        # Not worth failing for: the files stay in the Hub's cache.
        with contextlib.suppress(Exception):
            hub.evict(located.snapshot, located.downloads)
