"""Chooses the two runs to compare, and says in what else they differ."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from embstore.checkpoints.revisions import Revision, in_training_order
from embstore.common.messages import closest, listed
from embstore.errors import QueryError

if TYPE_CHECKING:
    from embstore.store.database import Database

_RUN_ID = re.compile(r"[0-9a-f]{8,32}")

_RUNS = """
SELECT
    run.run_id,
    model.name AS model,
    display_name.display_name,
    checkpoint.revision,
    checkpoint.step,
    corpus.name AS corpus,
    run.corpus_id,
    run.token_ids_sha256,
    run.tokens,
    run.window_size,
    run.n_windows,
    run.sample_size,
    run.seed,
    run.dtype,
    run.sink_threshold,
    coalesce(run.scopes, '') AS scopes,
    current_metrics.metric_versions,
    coalesce(run.intervals, true) AS intervals,
    coalesce(run.windows, 'tokens') AS windows,
    coalesce(run.shuffle, 'none') AS shuffle,
    model_group.seed_group,
    run.created_at
FROM run
JOIN current_metrics ON current_metrics.run_id = run.run_id
JOIN checkpoint ON checkpoint.checkpoint_id = run.checkpoint_id
JOIN model ON model.model_id = checkpoint.model_id
JOIN display_name ON display_name.model_id = model.model_id
JOIN corpus ON corpus.corpus_id = run.corpus_id
LEFT JOIN model_group ON model_group.model_id = model.model_id
ORDER BY run.created_at DESC, run.run_id DESC
"""


@dataclass(frozen=True)
class StoredRun:
    """What decides whether a run's numbers compare with another's.

    ``display_name`` is the model's name, with the beginning of its id where two have that name.
    """

    run_id: str
    model: str
    display_name: str
    revision: str
    step: int | None
    corpus: str
    corpus_id: str
    token_ids_sha256: str
    tokens: int
    window_size: int
    n_windows: int
    sample_size: int
    seed: int
    dtype: str
    sink_threshold: float
    scopes: str
    metric_versions: str
    created_at: datetime
    intervals: bool = True
    windows: str = "tokens"
    shuffle: str = "none"
    seed_group: str | None = None

    @cached_property
    def measured(self) -> frozenset[tuple[str, object]]:
        """Its metrics, each with its version."""
        return frozenset(json.loads(self.metric_versions).items())

    def __str__(self) -> str:
        """Name the run as one would ask for it."""
        control = "" if self.shuffle == "none" else f", shuffle {self.shuffle}"
        run = f"{self.display_name}@{self.revision}, run {self.run_id[:8]}"
        return f"{run} over {self.corpus}{control}"


# In what else two runs may differ, as a reader is told; the most important first.
_FACTS: Sequence[tuple[str, Callable[[StoredRun], object]]] = (
    ("shuffling", lambda run: run.shuffle),
    ("windows", lambda run: run.windows),
    ("numbers of tokens", lambda run: run.tokens),
    ("window sizes", lambda run: run.window_size),
    ("sample sizes", lambda run: run.sample_size),
    ("seeds", lambda run: run.seed),
    ("dtypes", lambda run: run.dtype),
    ("sink thresholds", lambda run: run.sink_threshold),
)


def same_windows(a: StoredRun, b: StoredRun) -> bool:
    """Say whether two runs read the same tokens in the same windows."""
    return a.token_ids_sha256 == b.token_ids_sha256 and a.window_size == b.window_size


def stored_runs(database: "Database") -> list[StoredRun]:
    """Read every run's configuration, the latest first."""
    return [StoredRun(**row) for row in database.select(_RUNS).to_pylist()]


def choose_runs(
    runs: Sequence[StoredRun], a: str, b: str, *, where: str = "in this store"
) -> tuple[StoredRun, StoredRun, list[str]]:
    """Choose the run of A and the run of B that differ least in how they were measured.

    Args:
        runs: all there are, the latest first.
        a: a model, MODEL@REVISION, or how a run's id begins. ``gpt2`` will do for ``lab/gpt2``.
        b: the same.
        where: where names are looked for, for the error.

    Returns:
        The two runs, and what was chosen and differs, to be told to the reader. Of
        equally comparable runs the latest are taken.

    Raises:
        QueryError: nothing is called so, or several runs are.
    """
    notes: list[str] = []
    of_a, of_b = (_candidates(runs, name, notes, where) for name in (a, b))
    pairs = [(left, right) for left in of_a for right in _nearest(left, of_b)]
    left, right = min(pairs, key=lambda pair: _unlike(*pair))
    return left, right, [*dict.fromkeys(notes), *_caveats(left, right)]


def _nearest(run: StoredRun, others: Sequence[StoredRun]) -> Sequence[StoredRun]:
    """Return the latest of the runs that differ least from one."""
    return [min(others, key=lambda other: _unlike(run, other))]


def _unlike(a: StoredRun, b: StoredRun) -> tuple[int, ...]:
    """Return a key that sorts pairs of runs by how much their differences matter.

    Of runs that were measured alike those with most in common come first: each may have metrics,
    scopes or errors that the other lacks.
    """
    scopes = set(a.scopes.split(",")) & set(b.scopes.split(","))
    return (
        a.corpus_id != b.corpus_id,
        *(fact(a) != fact(b) for _, fact in _FACTS),
        -len(scopes),
        -len(a.measured & b.measured),
        not (a.intervals and b.intervals),
        a.token_ids_sha256 != b.token_ids_sha256,
    )


def _candidates(
    runs: Sequence[StoredRun], asked: str, notes: list[str], where: str
) -> Sequence[StoredRun]:
    """Return the runs that a name may stand for, the latest first."""
    of_model = _of_model(runs, asked)
    if of_model:
        return _last_revision(of_model, asked, notes)
    model, at, revision = asked.rpartition("@")
    of_model = _of_model(runs, model) if at else []
    if of_model:
        found = [run for run in of_model if run.revision == revision]
        if found:
            return found
        known = dict.fromkeys(run.revision for run in of_model)
        raise QueryError(
            f"{model} has no revision {revision!r} {where}"
            f"{closest(revision, known)}; it has {listed(known)}"
        )
    if _RUN_ID.fullmatch(asked.lower()):
        found = [run for run in runs if run.run_id.startswith(asked.lower())]
        if len(found) > 1:
            raise QueryError(
                f"run id {asked!r} is ambiguous ({len(found)} matches): "
                f"{listed([run.run_id for run in found])}; give more of it"
            )
        if found:
            return found
    seeds = dict.fromkeys(run.model for run in runs if run.seed_group == asked)
    if seeds:
        raise QueryError(
            f"{asked} is a group of seeds, and two runs are compared: name one of its models, "
            f"{listed(seeds)}"
        )
    models = dict.fromkeys(run.display_name for run in runs)
    there = f"it has {listed(models)}" if models else "it holds no runs yet"
    raise QueryError(
        f"no model, MODEL@REVISION or run {asked!r} {where}{closest(asked, models)}; {there}"
    )


def _of_model(runs: Sequence[StoredRun], asked: str) -> list[StoredRun]:
    """Return a model's runs; its name may lack the part before the last /, as in charts.

    Of two models of one name each is asked for with the beginning of its id.
    """
    if not asked:
        return []
    # By its name a model is asked for as it is; a control is asked for by its run.
    runs = [run for run in runs if run.shuffle == "none"]
    for found in (
        [run for run in runs if run.display_name == asked],
        [run for run in runs if run.model == asked],
        [run for run in runs if run.model.endswith(f"/{asked}")],
    ):
        models = list(dict.fromkeys(run.display_name for run in found))
        if len(models) > 1:
            may_be = listed(models, between=" or ")
            raise QueryError(f"{asked!r} may be {may_be}; give the whole name")
        if found:
            return found
    return []


def _last_revision(runs: Sequence[StoredRun], asked: str, notes: list[str]) -> Sequence[StoredRun]:
    """Keep the runs of a model's last revision, and say so if there were others."""
    steps = {run.revision: run.step for run in runs}
    last = in_training_order([Revision(name, step) for name, step in steps.items()])[-1].name
    if len(steps) > 1:
        notes.append(
            f"{asked} has {len(steps)} revisions: taking the last of its training, {last}; "
            f"ask for another as {asked}@REVISION"
        )
    return [run for run in runs if run.revision == last]


def _caveats(a: StoredRun, b: StoredRun) -> list[str]:
    if a.run_id == b.run_id:
        return [f"A and B are the same run, {a.run_id[:8]}"]
    unlike = [f"{what} ({fact(a)} and {fact(b)})" for what, fact in _FACTS if fact(a) != fact(b)]
    if a.corpus_id != b.corpus_id:
        same_name = a.corpus == b.corpus
        texts = f"two versions of {a.corpus}" if same_name else f"{a.corpus} and {b.corpus}"
        unlike.insert(0, f"texts ({texts})")
    if not unlike:
        return []
    return [f"measured with different {', '.join(unlike)}: the numbers differ for that reason too"]
