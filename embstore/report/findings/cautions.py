"""Says what to beware of: doubled weights, gaps, unequal samples, inexact searches."""

from collections.abc import Sequence

from embstore.asking.out_of_sight import Lost
from embstore.common.messages import listed
from embstore.metrics.conventions import GOOD_RECALL, TOKENS_PER_DIMENSION
from embstore.report.findings.sentences import NAMED, Finding, counted, named, shortened
from embstore.report.read.counts import Counts
from embstore.report.read.seeds import SeedGroup
from embstore.report.records import Contents, Row
from embstore.store.empty_layers import EmptyLayers

# What runs must have in common to compare, and what it is called.
_SETTINGS = {
    "tokens": "tokens",
    "window_size": "window",
    "windows": "windows of",
    "sample_size": "sample",
    "seed": "seed",
    "dtype": "dtype",
}


def same_weights(checkpoints: Sequence[Row], contents: Contents) -> Finding | None:
    """Warn of checkpoints of one model that have the same weights."""
    if not checkpoints:
        return None
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in checkpoints:
        key = (str(row["model"]), str(row["weights_sha256"]))
        groups.setdefault(key, []).append(row)
    examples = [f"{model}: {_revisions(rows)}" for (model, _), rows in groups.items()]
    # A branch such as main is the last step, and of a step that is unknown nothing can be said.
    at_steps = {
        key: [row for row in rows if row["step"] is not None] for key, rows in groups.items()
    }
    doubted = [
        f"{model}: {_revisions(rows)}"
        for (model, _), rows in at_steps.items()
        if len({row["step"] for row in rows}) > 1
    ]
    doubt = (
        " Training changes the weights from step to step, so perhaps one of two steps is not what "
        f"its name says ({named(doubted)})."
    )
    n = len(checkpoints) - len(groups)
    return Finding(
        "Same weights",
        f"{counted(n, 'checkpoint')} {'has' if n == 1 else 'have'} the weights of another "
        f"revision of the same model ({named(examples)}).{doubt if doubted else ''}",
        tuple(
            place
            for place, run in enumerate(contents.runs)
            if (run["model"], run["weights_sha256"]) in groups
        ),
        "warning" if doubted else "finding",
    )


def _revisions(rows: Sequence[Row]) -> str:
    return named([str(row["revision"]) for row in rows])


def seeds(groups: Sequence[SeedGroup]) -> Finding | None:
    """Say which models are drawn together as seeds, and that findings count each by itself."""
    if not groups:
        return None
    n = sum(len(group.models) for group in groups)
    places = {place for group in groups for moment in group.moments for place in moment.runs}
    return Finding(
        "Seeds",
        f"{counted(n, 'model')} are seeds of one another ({named([g.name for g in groups])}). "
        "Profiles and trainings show a group as one line: the median of its seeds, in a band. The "
        "findings and the other charts have each seed as a model of its own.",
        tuple(sorted(places)),
        "warning",
        detail="The band goes from the least to the greatest seed; it is no error of measurement.",
    )


def failed(failures: Sequence[Row]) -> Finding | None:
    """Warn of checkpoints that could not be measured."""
    if not failures:
        return None
    names = [f"{row['model']} at {row['revision']}" for row in failures]
    return Finding(
        "Not measured",
        f"{counted(len(failures), 'checkpoint')} could not be measured and "
        f"{'is' if len(failures) == 1 else 'are'} missing here: {named(names)}.",
        (),
        "warning",
        detail="The section Coverage says why.",
    )


def incomplete(stored: dict[int, tuple[int, int]], contents: Contents) -> Finding | None:
    """Warn of runs with fewer numbers than others of the same model."""
    short: list[int] = []
    models: set[str] = set()
    for model in contents.models:
        most = max((stored.get(place, (0, 0))[0] for place in model.runs), default=0)
        few = [place for place in model.runs if stored.get(place, (0, 0))[0] < most]
        models |= {model.label} if few else set()
        short += few
    if not short:
        return None
    return Finding(
        "Gaps",
        f"{counted(len(short), 'run')} of {named(models)} "
        f"{'has' if len(short) == 1 else 'have'} fewer numbers than other runs of the same model.",
        tuple(short),
        "warning",
        detail="Metrics or scopes were not asked for, or came with a later version.",
    )


def undefined(counts: Counts) -> Finding | None:
    """Warn of numbers that are undefined, and name the commonest reason."""
    if not counts.undefined:
        return None
    n = sum(undefined for _, undefined in counts.of_run.values())
    metrics = {one.metric for one in counts.of_metric if one.undefined}
    return Finding(
        "Undefined values",
        f"{counted(n, 'number')} of {named(metrics)} {'is' if n == 1 else 'are'} undefined, "
        f"most often because: {counts.commonest_reason}.",
        (),
        "warning",
        detail="The section Coverage lists them.",
    )


def empty(found: Sequence[EmptyLayers], contents: Contents) -> Finding | None:
    """Warn of runs some of whose layers have no numbers at all."""
    if not found:
        return None
    each = [f"{shortened(run.model)} at {shortened(run.revision)}: {run.sentence}" for run in found]
    which = listed(each, most=NAMED, between=". ")
    return Finding(
        "Empty layers",
        f"{counted(len(found), 'run')} {'has' if len(found) == 1 else 'have'} layers without a "
        "number.",
        tuple(contents.place_of[run.run_id] for run in found),
        "warning",
        detail=f"{which}.",
    )


def larger_hidden(larger: dict[int, int], runs: Sequence[Row]) -> Finding | None:
    """Warn where the latest run read fewer tokens than an earlier one, which it replaces here."""
    if not larger:
        return None
    each = [
        f"{shortened(str(runs[place]['model']))} at {shortened(str(runs[place]['revision']))}: "
        f"{int(str(runs[place]['tokens'])):,} after {tokens:,}"
        for place, tokens in larger.items()
    ]
    tokens_of = listed(each, most=NAMED, between="; ")
    return Finding(
        "Smaller, later runs",
        f"{counted(len(larger), 'latest run')} read fewer tokens than an earlier one of the same "
        f"checkpoint and text, which this page leaves out ({tokens_of} tokens).",
        tuple(larger),
        "warning",
        detail="embstore ingest --force with as many tokens as before makes a larger one the "
        "latest again.",
    )


def out_of_sight(lost: Sequence[Lost], contents: Contents) -> Finding | None:
    """Warn where the latest run lacks metrics, scopes or errors that an earlier one has."""
    if not lost:
        return None
    each = [
        f"{shortened(one.model)} at {shortened(one.revision)}: {listed(one.things, most=NAMED)}"
        for one in lost
    ]
    return Finding(
        "Numbers out of sight",
        f"{counted(len(lost), 'latest run')} {'lacks' if len(lost) == 1 else 'lack'} what an "
        "earlier one of the same checkpoint and text has, which this page leaves out.",
        tuple(contents.place_of[one.run_id] for one in lost),
        "warning",
        detail=f"{listed(each, most=NAMED, between='; ')}. Measured over the latest run's tokens "
        "too, it is here.",
    )


def unequal_samples(runs: Sequence[Row]) -> Finding | None:
    """Warn where compared runs read different amounts of text, windows, samples or precisions."""
    found = {word: {run[column] for run in runs} for column, word in _SETTINGS.items()}
    differing = [
        f"{word} {named(_in_order(values))}" for word, values in found.items() if len(values) > 1
    ]
    if not differing:
        return None
    return Finding(
        "Unequal samples",
        f"Not all runs are sampled alike ({'; '.join(differing)}): compare only runs that agree.",
        (),
        "warning",
        detail="More tokens lower the bias of a spectrum and raise a dimension by themselves.",
    )


def _in_order(values: set[object]) -> list[str]:
    """Write numbers by size with their thousands, and names by letter."""
    numbers = sorted(value for value in values if isinstance(value, int))
    return [f"{n:,}" for n in numbers] + sorted(v for v in values if isinstance(v, str))


def small_samples(contents: Contents) -> Finding | None:
    """Warn of runs with too few tokens per dimension for spectra to be unbiased."""
    few = [
        (model, place)
        for model in contents.models
        for place in model.runs
        if int(str(contents.runs[place]["tokens"]))
        < TOKENS_PER_DIMENSION * int(str(model.facts["hidden_size"]))
    ]
    if not few:
        return None
    return Finding(
        "Few tokens",
        f"{counted(len(few), 'run')} of {named({model.label for model, _ in few})} read fewer "
        f"than {TOKENS_PER_DIMENSION} tokens per dimension, which biases numbers of a spectrum.",
        tuple(place for _, place in few),
        "warning",
        detail="Participation ratio, effective rank and components of variance come out too low.",
    )


def approximate(runs: Sequence[Row]) -> Finding | None:
    """Say where neighbours were searched approximately, and warn of low recall."""
    found = [
        (place, run["neighbor_recall"])
        for place, run in enumerate(runs)
        if "pynndescent" in str(run["neighbor_method"])
    ]
    recalls = [recall for _, recall in found if isinstance(recall, float)]
    if not recalls:
        return None
    low = min(recalls)
    bad = low < GOOD_RECALL
    advice = (
        f"; below {GOOD_RECALL:.2f} dimensions are biased by more than a percent: take a "
        "smaller sample"
        if bad
        else ""
    )
    return Finding(
        "Approximate neighbours",
        f"{counted(len(found), 'run')} searched neighbours approximately; the search found at "
        f"least {100 * low:.1f} % of the true ones{advice}.",
        tuple(place for place, _ in found),
        "warning" if bad else "finding",
    )


def uncommitted(runs: Sequence[Row]) -> Finding | None:
    """Warn of runs measured by code that no commit names."""
    dirty = tuple(place for place, run in enumerate(runs) if run["git_dirty"])
    if not dirty:
        return None
    return Finding(
        "Changed code",
        f"{counted(len(dirty), 'run')} {'was' if len(dirty) == 1 else 'were'} measured with "
        "uncommitted changes to embstore, so no commit reproduces them exactly.",
        dirty,
        "warning",
    )
