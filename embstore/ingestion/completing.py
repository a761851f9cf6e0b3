"""What is left to measure of what is asked, where the store has some of it already.

A new run has all that the newest run of the same sample has, and what is asked beyond that, so
that no number goes out of sight: questions look at a checkpoint's newest run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from embstore.choices import SCOPES, Scope
from embstore.metrics.selection import ALL, Selection
from embstore.store.stored_numbers import SampleRun, Spent, StoredNumbers
from embstore.types import Measured, Provenance


@dataclass(frozen=True)
class Task:
    """What a run will have, and which part of it is measured.

    Attributes:
        scopes: of the run.
        selection: of the run.
        measured: which metrics are measured, in all scopes.
        stored: the run that has all of it, or that the new one goes on from.
    """

    scopes: tuple[Scope, ...]
    selection: Selection
    measured: Selection
    stored: SampleRun | None = None

    @property
    def done(self) -> bool:
        """Whether the stored run has all that is asked."""
        return not self.measured.names

    @property
    def added(self) -> tuple[str, ...]:
        """The metrics that the stored run lacks, where the others are taken from it."""
        whole = self.measured == self.selection
        return () if self.stored is None or whole else self.measured.names


def find_task(scopes: tuple[Scope, ...], asked: Selection, stored: Sequence[SampleRun]) -> Task:
    """Compare what is asked with what is stored.

    Args:
        scopes: which are asked for.
        asked: which metrics, with errors or without.
        stored: the runs of the same sample, the newest first. What an older one has is not asked
            of questions any more, so it does not count.
    """
    if not stored:
        return Task(scopes, asked, asked)
    newest = stored[0]
    versions = {info.name: info.version for info in asked.infos}
    has_metrics = versions.items() <= newest.versions.items()
    if has_metrics and set(scopes) <= set(newest.scopes) and newest.intervals >= asked.intervals:
        return Task(scopes, asked, Selection((), asked.intervals), newest)
    together = tuple(scope for scope in SCOPES if scope in {*scopes, *newest.scopes})
    selection = Selection(
        tuple(name for name in ALL if name in {*asked.names, *newest.versions}),
        asked.intervals or newest.intervals,
    )
    if together != newest.scopes or selection.intervals != newest.intervals:
        return Task(together, selection, selection, newest)
    missing = [
        info.name for info in selection.infos if newest.versions.get(info.name) != info.version
    ]
    return Task(together, selection, replace(selection, names=tuple(missing)), newest)


def completed(measured: Measured, stored: StoredNumbers, task: Task) -> Measured:
    """Put together what was measured now and what a run of the same sample has."""
    kept = set(task.selection.names) - set(task.measured.names)
    spectra = {(spectrum.key, spectrum.scope): spectrum for spectrum in measured.spectra}
    curves = {(point.key, point.scope, point.rank): point for point in measured.curves}
    return replace(
        measured,
        layers=tuple(
            layer
            if layer.neighbor_method is not None or layer.key not in stored.searches
            else replace(
                layer,
                neighbor_method=stored.searches[layer.key][0],
                neighbor_recall=stored.searches[layer.key][1],
            )
            for layer in measured.layers
        ),
        measurements=(
            *measured.measurements,
            *(number for number in stored.measurements if number.metric in kept),
        ),
        spectra=tuple((spectra | {(s.key, s.scope): s for s in stored.spectra}).values()),
        distances=measured.distances or stored.distances,
        curves=tuple((curves | {(c.key, c.scope, c.rank): c for c in stored.curves}).values()),
    )


def whole_cost(provenance: Provenance, before: Spent) -> Provenance:
    """Add to what a run has cost what it took to measure the numbers that it takes over."""
    return replace(
        provenance,
        wall_seconds=provenance.wall_seconds + before.wall_seconds,
        forward_seconds=provenance.forward_seconds + before.forward_seconds,
        geometry_seconds=provenance.geometry_seconds + before.geometry_seconds,
        peak_memory_bytes=max(provenance.peak_memory_bytes, before.peak_memory_bytes),
    )
