"""The main job on two real models that come as Python packages: no hub, no account.

They are those of the study ``tiny``. It goes through the same functions as ``embstore
ingest``, ``query`` and ``chart``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from embstore.asking.answer import Answer
from embstore.asking.ask import bind, find_question, run_question
from embstore.asking.caveats import run_caveats
from embstore.charts.build import save_chart
from embstore.charts.draw import draw
from embstore.checkpoints.package_files import packaged_path
from embstore.errors import CorpusError, ModelError, UsageError
from embstore.ingestion.outcome import Outcome, error_of
from embstore.ingestion.request import build_models, build_request, build_settings
from embstore.ingestion.run import Watch, ingest, unwatched
from embstore.ingestion.studies.files import shipped_studies
from embstore.ingestion.studies.study import read_study
from embstore.store.connection import open_database
from embstore.store.database import Database

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class PackagedFile:
    """A file or folder that an installed package carries, and what to call it."""

    name: str
    spec: str


# Not by its name alone: a file of that name in the folder one stands in would go first.
STUDY = read_study(shipped_studies()["tiny"]).request
MODELS = tuple(PackagedFile(spec.name or spec.model, spec.model) for spec in STUDY.models)
TEXT = PackagedFile("English Wikipedia excerpt", STUDY.corpus)


@dataclass(frozen=True)
class DemoResult:
    """What the demo leaves behind: the store, its files, and what they show."""

    store: Path
    files: tuple[Path, ...]
    models: tuple[str, ...]
    sentence: str


def packaged(item: PackagedFile) -> Path:
    """Return where an installed package keeps a model or the text.

    Raises:
        ModelError: a model's package is not installed; says how to install it.
        CorpusError: the text's package is not.
    """
    return packaged_path(item.spec, error=CorpusError if item is TEXT else ModelError)


def run_demo(
    out: Path,
    *,
    tokens: int = STUDY.settings.sampling.tokens,
    watch: Watch = unwatched,
    tell: Callable[[Outcome], None] = lambda _outcome: None,
) -> DemoResult:
    """Measure both models on the excerpt into ``out/embstore.duckdb`` and chart them.

    Args:
        out: a folder; created if missing.
        tokens: fed to each model.
        watch: as in ``ingest``.
        tell: called with the outcome of each model.

    Raises:
        EmbstoreError: a package is missing, or the folder cannot be written.
    """
    text = packaged(TEXT)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is a file" if out.is_file() else (error.strerror or str(error)).lower()
        raise UsageError(f"cannot make the folder {out}: {reason}") from error
    store = out / "embstore.duckdb"
    models = [spec for item in MODELS for spec in build_models(packaged(item), name=item.name)]
    settings = build_settings(replace(STUDY.settings.sampling, tokens=tokens))
    request = build_request(models, text, settings)
    outcomes = []
    for outcome in ingest(request, store, watch=watch):
        tell(outcome)
        outcomes.append(outcome)
    if failed := error_of(outcomes):
        raise failed
    database = open_database(store, create=False)
    names = [item.name for item in MODELS]
    sentence = sink_sentence(
        run_question(database, find_question("sink_effect"), {"models": names})
    )
    return DemoResult(
        store=store,
        files=_draw(database, out, names),
        models=tuple(names),
        sentence=sentence,
    )


def sink_sentence(effect: "pa.Table") -> str:
    """Say in one sentence what the anisotropy chart shows, from rows of ``sink_effect``.

    Args:
        effect: one row per model and stack.
    """
    parts = []
    for row in effect.to_pylist():
        dropped = row["n_first"] + row["n_sinks"]
        parts.append(
            f"the {row['kind']} {row['model']} peaks at {_digits(row['at_peak'])} in layer "
            f"{row['peak_layer']} of {row['n_layers']}; without the {dropped} of "
            f"{row['n_tokens']:,} tokens that are sinks or first in their window, it is "
            f"{_digits(row['at_peak_no_sinks'])} there and at most {_digits(row['peak_no_sinks'])} "
            "in any layer"
        )
    return " ".join(f"Anisotropy of {part}." for part in parts)


def _digits(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _draw(database: Database, out: Path, names: list[str]) -> tuple[Path, ...]:
    """Chart both metrics."""
    files = []
    question = find_question("layer_profile")
    for metric, stem, suffixes in (
        ("anisotropy", "anisotropy", (".svg", ".html")),
        ("twonn", "intrinsic_dimension", (".svg",)),
    ):
        values = bind(question, {"metric": metric, "models": names})
        rows = run_question(database, question, values)
        answer = Answer(rows, run_caveats(database, rows))
        chart = draw(database, question, values, answer)
        for suffix in suffixes:
            files.append(out / f"{stem}{suffix}")
            save_chart(chart, files[-1])
    return tuple(files)
