"""Says on stderr what became of each checkpoint of an ingest."""

import contextlib
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from embstore.cli.terminal import TERMINAL
from embstore.common.messages import listed
from embstore.errors import StoreError
from embstore.metrics.conventions import GOOD_RECALL

if TYPE_CHECKING:
    from embstore.ingestion.outcome import Outcome
    from embstore.ingestion.shard import Shard


def tell(outcome: "Outcome") -> None:
    """Say on stderr what became of a checkpoint."""
    label = outcome.label
    run = (outcome.run_id or "")[:8]
    if outcome.status == "failed":
        TERMINAL.say(f"{label}: failed ({outcome.stage}): {outcome.reason}")
    elif outcome.status == "stored":
        TERMINAL.say(
            f"{label}: already measured with this text and configuration "
            f"(run {run}), nothing to do; --force measures it again"
        )
    elif outcome.status == "kept":
        TERMINAL.say(
            f"{label}: measured on {outcome.n_tokens:,} tokens{_of_texts(outcome)} in "
            f"{outcome.seconds:.0f} s, but not stored: kept in {outcome.file}"
        )
    else:
        TERMINAL.say(
            f"{label}: measured {_what(outcome)}on {outcome.n_tokens:,} tokens"
            f"{_of_texts(outcome)} in {outcome.seconds:.0f} s (run {run}{_beyond(outcome)})"
            f"{_rest_of_texts(outcome)}"
        )
    if outcome.empty is not None:
        TERMINAL.say(f"warning: {label}: {outcome.empty.count}")
    for said in outcome.empty_scopes:
        TERMINAL.say(f"warning: {label}: {said}")
    if outcome.duplicate_of is not None:
        TERMINAL.say(
            f"warning: {label}: has the same weights as {outcome.duplicate_of}; one of the two is "
            "perhaps not what its name says (embstore query duplicate_checkpoints)"
        )
    if outcome.shared is not None:
        shared = outcome.shared
        TERMINAL.say(
            f"warning: {label}: {len(shared.names)} of its {shared.n_files} files of weights are "
            f"those of {shared.revision}: {', '.join(shared.names)}; one of the two may have been "
            "saved by mistake"
        )
    if outcome.least_recall is not None and outcome.least_recall < GOOD_RECALL:
        from embstore.geometry.neighbors.search import EXACT_LIMIT

        TERMINAL.say(
            f"warning: {label}: the approximate search found {outcome.least_recall:.3f} of the "
            f"true neighbours, less than {GOOD_RECALL}; with --sample {EXACT_LIMIT} or less it is "
            "exact"
        )


def _what(outcome: "Outcome") -> str:
    """Name what was added to a stored run, if only that was measured."""
    if not outcome.added:
        return ""
    few = len(outcome.added) <= 4
    return f"{listed(outcome.added) if few else f'{len(outcome.added)} more metrics'} "


def _of_texts(outcome: "Outcome") -> str:
    """Say how many texts were read, where windows are texts."""
    if outcome.texts is None:
        return ""
    read, there = outcome.texts
    return f" of all {there:,} texts" if read == there else f" of {read:,} of {there:,} texts"


def _rest_of_texts(outcome: "Outcome") -> str:
    if outcome.texts is None or outcome.texts[0] == outcome.texts[1]:
        return ""
    return "; more --tokens read more texts"


def _beyond(outcome: "Outcome") -> str:
    if outcome.completes is None:
        return ""
    before = outcome.completes[:8]
    return f", with the numbers of {before}" if outcome.added else f", with all that {before} has"


def tell_findings(
    outcomes: "Sequence[Outcome]", store: str | None, shard: "Shard | None" = None
) -> None:
    """Say on stderr what the stored runs have found, and what to type next.

    Args:
        outcomes: of all checkpoints.
        store: where they are stored.
        shard: which share of an ingest they are.
    """
    from embstore.asking.out_of_sight import hiding
    from embstore.asking.run_findings import run_findings, what_to_draw
    from embstore.store.connection import open_database

    found = {
        outcome.run_id: outcome
        for outcome in outcomes
        if outcome.run_id and outcome.status in {"measured", "stored"}
    }
    if not found:
        return
    # What is found is said of the text as it is; of controls where there is nothing else.
    as_it_is = {run_id: outcome for run_id, outcome in found.items() if outcome.shuffle == "none"}
    found = as_it_is or found
    models = list(dict.fromkeys(outcome.model for outcome in found.values()))
    checkpoints = {(outcome.model, outcome.revision) for outcome in found.values()}
    of_models = Counter(model for model, _ in checkpoints)
    names = {
        run_id: (
            outcome.revision
            if len(models) == 1
            # A model at several revisions, one of which may be an untrained control.
            else f"{outcome.model}@{outcome.revision}"
            if of_models[outcome.model] > 1
            else outcome.model
        )
        + outcome.shuffled
        for run_id, outcome in found.items()
    }
    draw = None
    # What is measured is stored: that somebody holds the store now is no failure.
    with contextlib.suppress(StoreError):
        database = open_database(store, create=False)
        for line in run_findings(database, names):
            TERMINAL.say(line)
        draw = what_to_draw(database, found)
        labels = {key: one.label for key, one in found.items()}
        for line in hiding(database, labels):
            TERMINAL.say(f"warning: {line}")
    revisions = list(dict.fromkeys(outcome.revision for outcome in found.values()))
    words = _next(models, revisions, draw)
    own = None if shard is None else shard.own_store()
    # All shares write to the same lake, and nothing is to be merged.
    if shard is not None and store == own != shard.all_stores():
        # A pattern, which a shell fills in.
        TERMINAL.say(f"next, when all shares are done: embstore merge {shard.all_stores()}")
        return
    place = [] if store is None else ["--store", store]
    TERMINAL.say(f"next: {shlex.join(['embstore', *words, *place])}")


def _next(models: list[str], revisions: list[str], draw: tuple[str, str] | None) -> list[str]:
    """Return the command that shows best what was measured."""
    metric, scope = draw or ("anisotropy", "all")
    # What a comparison looks at unless told otherwise.
    comparable = metric in {"anisotropy", "twonn"} and scope == "all"
    if len(models) == 2 and comparable:
        return ["compare", *models]
    if len(models) == 1 and len(revisions) > 1 and comparable:
        return [
            "compare",
            *(f"{models[0]}@{revision}" for revision in (revisions[0], revisions[-1])),
        ]
    only = ["-p", f"models={models[0]}"] if len(models) == 1 else []
    # What the question draws unless told otherwise.
    if metric != "anisotropy":
        only += ["-p", f"metric={metric}"]
    if scope != "all":
        only += ["-p", f"scopes={scope}"]
    return ["chart", "layer_profile", *only, "-o", "profile.html"]


def show_failures(outcomes: "list[Outcome]") -> None:
    """Write the failed checkpoints, if there are any, and their reasons to stderr, as a table."""
    if not any(outcome.status == "failed" for outcome in outcomes):
        return
    table = Table(title="failed", title_justify="left", box=None, pad_edge=False)
    for column in ("checkpoint", "stage", "reason"):
        table.add_column(column, overflow="fold")
    for outcome in outcomes:
        if outcome.status == "failed":
            # A name or reason is text, also where it has square brackets.
            shown = (outcome.label, outcome.stage, outcome.reason)
            table.add_row(*(Text(part or "") for part in shown))
    # In a file or a pipe a reason stands on one line, where it can be searched for.
    console = Console(stderr=True)
    console.print(table, width=None if console.is_terminal else 10_000, soft_wrap=True)
