"""Builds the report of a store: one HTML file that needs nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from embstore._version import __version__
from embstore.choices import SCOPE_WORDS
from embstore.common.messages import closest, listed
from embstore.errors import QueryError, StoreError
from embstore.metrics.conventions import SHORTFALL
from embstore.metrics.names import PEAKS_WITHOUT_EMBEDDING
from embstore.report.findings.overview import find_all
from embstore.report.findings.sentences import Finding
from embstore.report.pack.curves import pack_scales, pack_spectra
from embstore.report.pack.encoding import columns, json_bytes, text_of
from embstore.report.pack.measurements import Packed, pack_metrics
from embstore.report.pack.seeds import GROUP_PARTS, pack_seeds, seed_facts
from embstore.report.pack.selection import Selection, select_metrics
from embstore.report.page.html import PageText, write_page
from embstore.report.page.sections import lead_of
from embstore.report.read.contents import read_contents
from embstore.report.read.differences import first_and_last, read_paired
from embstore.report.read.evidence import Evidence, read_evidence
from embstore.report.read.seeds import SeedGroup, cells_at_most, read_members, read_seed_groups
from embstore.report.records import Contents, Row

if TYPE_CHECKING:
    from embstore.store.database import Database

# Numbers on one page: 16 bits each before packing, so a page of some megabytes.
BUDGET = 2_000_000

_OMITTED = ("model_id", "corpus_id", "model", "corpus", "corpus_sha256", "windows")


@dataclass(frozen=True)
class ReportOptions:
    """What a report is to have.

    Attributes:
        models: only these; None for all.
        metrics: only these; None for all.
        title: its heading; None for one that names the store.
        budget: how many numbers it may carry.
        followed: it is written again whenever the store has a newer run, and says so.
    """

    models: Sequence[str] | None = None
    metrics: Sequence[str] | None = None
    title: str | None = None
    budget: int = BUDGET
    followed: bool = False


@dataclass(frozen=True)
class Report:
    """A finished page, and what to say about it.

    Attributes:
        html: the page.
        findings: its sentences.
        runs: how many it has.
        shortened: metrics that it has for the last checkpoints only.
    """

    html: str
    findings: tuple[Finding, ...]
    runs: int
    shortened: tuple[str, ...]


def build_report(
    database: "Database", options: ReportOptions | None = None, *, now: datetime | None = None
) -> Report:
    """Build the page about a store.

    Numbers are read some metrics at a time, so memory does not grow with their total.
    Where all of them would make the page too large, it keeps every metric for each
    model's last checkpoint, and the most asked-for ones for every checkpoint. Spectra,
    dimensions by scale and massive activations are those of the last checkpoints, always.

    Args:
        database: the store.
        options: what the page is to have.
        now: the time it tells; None for the present.

    Raises:
        QueryError: the store does not have a model or metric that was asked for.
        StoreError: the store cannot be read, or has faults so that no page can be made.
    """
    try:
        return _build(database, options or ReportOptions(), now)
    except LookupError as error:
        from embstore.store.verification.faults import find_faults

        if not find_faults(database):
            raise
        raise StoreError(
            f"{database.place} has faults, such as numbers of a layer that is missing, and cannot "
            "be reported: `embstore verify` lists them, and what to do"
        ) from error


def _build(database: "Database", chosen: ReportOptions, now: datetime | None) -> Report:
    with database.held():
        contents = read_contents(database, chosen.models)
        evidence = read_evidence(database, contents)
        members = read_members(database, contents)
        selections: tuple[Selection, ...] = ()
        groups: tuple[SeedGroup, ...] = ()
        payload: dict[str, str] = {}
        filled: tuple[str, ...] = ()
        if contents.runs:
            selections = _select(database, contents, evidence, members, chosen)
            if members:
                metrics = [one.metric for one in selections]
                groups = read_seed_groups(database, contents, metrics)
            payload, filled = _payload(database, contents, evidence, selections, groups)
    findings = find_all(contents, evidence, groups)
    lead = None
    if contents.runs:
        lead = lead_of(contents, findings, [selection.metric for selection in selections])
    written = (now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC")
    text = PageText(
        title=chosen.title or f"Geometry of hidden states: {database.home.title}",
        store=database.path.name,
        version=__version__,
        written=written,
        followed=chosen.followed,
    )
    return Report(
        html=write_page(text, contents, findings, payload, lead=lead, filled=filled),
        findings=findings,
        runs=len(contents.runs),
        shortened=tuple(one.metric for one in selections if not one.every),
    )


def _select(
    database: "Database",
    contents: Contents,
    evidence: Evidence,
    members: Mapping[str, Sequence[int]],
    options: ReportOptions,
) -> tuple[Selection, ...]:
    sizes = [(model, len(contents.scopes) * len(model.states)) for model in contents.models]
    together = [cells_at_most(contents, places) for places in members.values()]
    newest = set(contents.newest)
    if options.metrics:
        known = {str(metric["name"]) for metric in contents.metrics}
        for name in options.metrics:
            if name not in known:
                raise QueryError(
                    f"no metric {name!r} {database.where}{closest(name, known)}; "
                    f"it has {listed(sorted(known))}"
                )
    return select_metrics(
        evidence.counts.of_metric,
        cells=sum(size * len(model.runs) for model, size in sizes)
        + GROUP_PARTS * sum(cells for cells, _ in together),
        newest_cells=sum(size * len(newest.intersection(model.runs)) for model, size in sizes)
        + GROUP_PARTS * sum(cells for _, cells in together),
        budget=options.budget,
        only=options.metrics,
    )


def _payload(
    database: "Database",
    contents: Contents,
    evidence: Evidence,
    selections: Sequence[Selection],
    groups: Sequence[SeedGroup],
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Pack what the page's script reads, and say which sections that fills."""
    of_models = pack_metrics(database, selections, contents)
    of_groups = pack_seeds(groups, selections, contents)
    packed = Packed(of_models.chunks + of_groups.chunks, of_models.content + of_groups.content)
    lines = {
        "spectra": pack_spectra(database, contents),
        "scales": pack_scales(database, contents),
    }
    paired = read_paired(database, contents, [one.metric for one in selections])
    facts = (
        _facts(contents, evidence, selections, packed)
        | seed_facts(groups, contents)
        | {
            "massive": columns(evidence.largest),
            "paired": [{"a": one.a, "b": one.b, "rows": columns(one.rows)} for one in paired],
            **{kind: bundle.facts for kind, bundle in lines.items()},
        }
    )
    filled = [kind for kind, bundle in lines.items() if bundle.facts["lines"]]
    if evidence.largest:
        filled.append("massive")
    payload = {
        "facts": text_of(json_bytes(facts)),
        "numbers": text_of(packed.content),
        **{f"{kind}-numbers": text_of(bundle.content) for kind, bundle in lines.items()},
    }
    return payload, tuple(filled)


def _facts(
    contents: Contents, evidence: Evidence, selections: Sequence[Selection], packed: Packed
) -> dict[str, object]:
    """Gather what the script needs besides the numbers."""
    newest = set(contents.newest)
    infos = {metric["name"]: metric for metric in contents.metrics}
    corpora = {row["corpus_id"]: place for place, row in enumerate(contents.corpora)}
    runs = []
    for place, run in enumerate(contents.runs):
        stored, undefined = evidence.counts.of_run.get(place, (0, 0))
        runs.append(
            {key: value for key, value in run.items() if key not in _OMITTED}
            # A control is no step of the training, though the store has it as step 0.
            | {"step": None if run["untrained"] else run["step"]}
            | {"corpus": corpora[run["corpus_id"]], "stored": stored, "undefined": undefined}
        )
    return {
        "shortfall": SHORTFALL,
        "scopes": list(contents.scopes),
        "scope_words": [SCOPE_WORDS[scope] for scope in contents.scopes],
        "models": [
            {
                "label": model.label,
                **model.facts,
                "states": columns([vars(state) for state in model.states]),
                "runs": list(model.runs),
                "newest": sorted(newest.intersection(model.runs)),
                "ends": first_and_last(contents, model),
            }
            for model in contents.models
        ],
        "metrics": [_metric(infos[one.metric], one) for one in selections],
        "corpora": list(contents.corpora),
        "runs": columns(runs),
        "failures": list(contents.failures),
        "undefined": list(evidence.counts.undefined),
        "undefined_kinds": evidence.counts.undefined_kinds,
        "chunks": columns([vars(chunk) for chunk in packed.chunks]),
    }


def _metric(info: Row, selection: Selection) -> Row:
    return {
        **info,
        "every": selection.every,
        "intervals": selection.every_interval,
        "neighbor": selection.metric in PEAKS_WITHOUT_EMBEDDING,
    }
