"""Compares what is stored of two models, checkpoints or runs."""

import dataclasses
import itertools
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from embstore.asking.caveats import dimension_caveat
from embstore.asking.few_vectors import few_tokens_note
from embstore.asking.short_windows import short_windows_note
from embstore.choices import SCOPES
from embstore.common.messages import closest, listed, unknown
from embstore.comparison.choose_runs import StoredRun, choose_runs, same_windows, stored_runs
from embstore.comparison.differences import By, compare_profiles, default_by
from embstore.comparison.profiles import Profile, read_profiles
from embstore.comparison.verdict import verdict
from embstore.errors import QueryError, UsageError
from embstore.metrics.conventions import LEVEL, LEVEL_IN_WORDS
from embstore.metrics.names import PEAKS_WITHOUT_EMBEDDING

if TYPE_CHECKING:
    import pyarrow as pa

    from embstore.store.database import Database

MAIN_METRICS = ("anisotropy", "mean_cosine", "effective_rank", "twonn", "linearity_next")
MAIN_SCOPES = ("all", "no_sinks")

# A terminal of 60 characters shows the first six, one of 80 also the next two. Where layers are
# matched by depth, ``depth`` and ``layer`` swap places.
_COLUMNS = (
    *("metric", "scope", "part", "layer", "difference", "differs", "a", "b"),
    *("ci_low", "ci_high", "std_error", "errors", "depth", "stack", "layers", "reason"),
)
_SWAPPED = {"layer": "depth", "depth": "layer"}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A comparison's rows, and what its reader should know.

    Attributes:
        table: one row per metric, scope, stack and layer, then those of the summaries.
        a: the run compared with; ``b`` the run compared.
        verdict: what it comes to, in a sentence.
        notes: what was chosen, what the two differ in besides, and how many differences
            chance alone would make.
    """

    table: "pa.Table"
    a: StoredRun
    b: StoredRun
    verdict: str
    notes: tuple[str, ...]


def compare_stored(
    database: "Database",
    a: str,
    b: str,
    *,
    metrics: Sequence[str] = (),
    scopes: Sequence[str] = (),
    by: str | None = None,
) -> Comparison:
    """Compare two models, checkpoints (``MODEL@REVISION``) or runs (how an id begins).

    Args:
        database: the store.
        a: what is compared with; differences are B − A.
        b: what is compared.
        metrics: which; none for the main ones that both have.
        scopes: which tokens count; none for ``all`` and ``no_sinks``.
        by: match layers by number or by depth; None for the number where both have
            equally many, else the depth.

    Raises:
        UsageError: no such scope or way to match.
        QueryError: no such model, checkpoint, run or metric, or the two have none in common.
    """
    way = _checked(by, scopes)
    with database.held():
        left, right, notes = choose_runs(stored_runs(database), a, b, where=database.where)
        wanted = _metrics(left, right, metrics, notes)
        profiles, stacks = read_profiles(database, left, right, wanted, scopes or MAIN_SCOPES)
    pairs = _stack_pairs(stacks[left.run_id], stacks[right.run_id], notes)
    rows: list[dict[str, object]] = []
    for metric, scope, (stack_a, stack_b) in itertools.product(
        wanted, scopes or MAIN_SCOPES, pairs
    ):
        profile_a = profiles.get((left.run_id, metric, scope, stack_a))
        profile_b = profiles.get((right.run_id, metric, scope, stack_b))
        if profile_a is None or profile_b is None:
            lacking = "A" if profile_a is None else "B"
            notes.append(f"{metric} of scope {scope} is left out: {lacking} has none")
            continue
        notes += _matched(profile_a, profile_b, way)
        stack = stack_a if stack_a == stack_b else f"{stack_a}/{stack_b}"
        rows += [
            {"metric": metric, "scope": scope, "stack": stack, **dataclasses.asdict(found)}
            for found in compare_profiles(
                profile_a, profile_b, by=way, embedding=metric not in PEAKS_WITHOUT_EMBEDDING
            )
        ]
    if not rows:
        raise QueryError(
            f"{left} and {right} have no metric and scope in common, so there is nothing to compare"
        )
    # The summaries last: of a long table, a terminal shows the end.
    rows.sort(key=lambda row: row["part"] != "layer")
    notes += _remarks(rows)
    if left.run_id != right.run_id:
        notes += _errors_note(rows, same=same_windows(left, right))
    biases = (
        _dimension_note(rows),
        few_tokens_note(database, wanted, (left.run_id, right.run_id), scopes or MAIN_SCOPES),
        short_windows_note(database, wanted, (left.run_id, right.run_id), scopes or MAIN_SCOPES),
    )
    notes += filter(None, biases)
    said = verdict(rows, left, right)
    return Comparison(_table(rows), left, right, said, tuple(dict.fromkeys(notes)))


def summaries(table: "pa.Table") -> "pa.Table":
    """Keep a comparison's means and peaks, which stand last."""
    return table.slice(table["part"].to_pylist().count("layer"))


def _checked(by: str | None, scopes: Sequence[str]) -> By | None:
    for scope in scopes:
        if scope not in SCOPES:
            raise UsageError(unknown("scope", scope, SCOPES))
    ways: dict[str | None, By | None] = {None: None, "layer": "layer", "depth": "depth"}
    if by not in ways:
        raise UsageError(f"layers cannot be matched by {by!r}; choose layer or depth")
    return ways[by]


def _metrics(a: StoredRun, b: StoredRun, wanted: Sequence[str], notes: list[str]) -> Sequence[str]:
    """Settle which metrics to compare: those that both runs have in one version."""
    versions = [json.loads(run.metric_versions) for run in (a, b)]
    either = {**versions[0], **versions[1]}
    for name in wanted:
        if name not in either:
            raise QueryError(
                f"no metric {name!r} in these runs{closest(name, either)}; "
                f"they have {listed(sorted(either))}"
            )
    chosen = list(dict.fromkeys(wanted or MAIN_METRICS))
    kept = [name for name in chosen if all(name in known for known in versions)]
    for name in wanted:
        if name not in kept:
            side = next("AB"[i] for i, known in enumerate(versions) if name not in known)
            notes.append(f"{name} is left out: {side} was measured without it")
    notes += [
        f"{name} is version {versions[0][name]} in A and {versions[1][name]} in B: "
        "the definitions differ, so measure both with the same embstore"
        for name in kept
        if versions[0][name] != versions[1][name]
    ]
    return kept


def _stack_pairs(a: dict[str, int], b: dict[str, int], notes: list[str]) -> list[tuple[str, str]]:
    """Match stacks of one name, or the only ones there are: an encoder with a decoder."""
    if len(a) == len(b) == 1:
        return [(next(iter(a)), next(iter(b)))]
    both = [stack for stack in a if stack in b]
    for side, there in (("A", a), ("B", b)):
        notes += [
            f"the {stack} of {side} is left out: the other has none"
            for stack in there
            if stack not in both
        ]
    return [(stack, stack) for stack in both]


def _matched(a: Profile, b: Profile, by: By | None) -> list[str]:
    """Say how layers were matched where the two stacks have unequal numbers of them."""
    if a.n_layers == b.n_layers:
        return []
    blocks = f"A has {a.n_layers} blocks and B {b.n_layers}"
    if (by or default_by(a, b)) == "layer":
        return [
            f"{blocks}: layers of the same number are at different depths, and the last of the "
            "longer one are in the means only"
        ]
    coarse, fine = ("A", "B") if a.n_layers < b.n_layers else ("B", "A")
    return [
        f"{blocks}: compared at the depths of {coarse}, "
        f"{fine} is interpolated between neighbouring layers; means are over all blocks of each"
    ]


def _remarks(rows: Sequence[dict[str, object]]) -> list[str]:
    layers = [row["differs"] for row in rows if row["part"] == "layer"]
    judged = [differs for differs in layers if differs is not None]
    remarks = []
    if judged:
        remarks.append(
            f"{sum(map(bool, judged))} of {len(judged)} layer differences exceed their "
            f"{LEVEL_IN_WORDS} interval; by chance alone about "
            f"{(1 - LEVEL) * len(judged):.1f} would"
        )
    if len(judged) < len(layers):
        remarks.append(f"{len(layers) - len(judged)} have no interval: see column reason")
    return remarks


def _errors_note(rows: Sequence[dict[str, object]], *, same: bool) -> list[str]:
    """Say whether the errors of differences are paired, and if not why."""
    kinds = {row["errors"] for row in rows}
    notes = []
    if "paired" in kinds:
        notes.append(
            "both read the same tokens, so errors are paired: those of the differences window by "
            "window"
        )
    if "independent" in kinds:
        some = "some errors are" if "paired" in kinds else "errors are"
        why = (
            "both read the same tokens, but effects of windows are not stored with both numbers "
            "(whole numbers and quantiles of local dimensions have none, nor have runs of an older "
            "embstore), so intervals are wider than necessary"
            if same
            else "the two did not read the same tokens"
        )
        notes.append(f"{some} taken as independent: {why}")
    return notes


def _dimension_note(rows: Sequence[dict[str, object]]) -> str | None:
    import pyarrow as pa

    both = [(row["metric"], row[side]) for row in rows for side in "ab"]
    return dimension_caveat(
        pa.table({"metric": [name for name, _ in both], "value": [value for _, value in both]})
    )


def _table(rows: Sequence[dict[str, object]]) -> "pa.Table":
    import pyarrow as pa

    kinds = {"layer": pa.int32(), "layers": pa.int32(), "differs": pa.bool_()}
    texts = ("metric", "scope", "stack", "part", "errors", "reason")
    names: tuple[str, ...] = _COLUMNS
    if any(row["part"] == "layer" and row["layer"] is None for row in rows):
        names = tuple(_SWAPPED.get(name, name) for name in names)
    schema = pa.schema(
        [(name, kinds.get(name, pa.string() if name in texts else pa.float64())) for name in names]
    )
    return pa.Table.from_pylist(list(rows), schema=schema)
