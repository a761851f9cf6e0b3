"""Each protocol into a store of its own, and its figures drawn from that."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import embstore
from embstore.chart import save_chart
from embstore.demo import MODELS, TEXT
from examples.papers.plan import DECODER, ENCODER, PROTOCOLS, Protocol, Text
from examples.papers.text import write_paragraphs


def run_protocols(
    out: Path,
    training: Path,
    *,
    tell: Callable[[str], None],
    protocols: Sequence[Protocol] = PROTOCOLS,
    texts: Mapping[Text, str | Path] | None = None,
) -> list[Path]:
    """Measure and draw; what is stored already is not measured again.

    Args:
        out: a folder, made if it is not there.
        training: a folder of checkpoints.
        tell: called with a line for each study.
        protocols: which.
        texts: what is read; None for the Wikipedia excerpt, and its paragraphs.

    Returns:
        The pictures.

    Raises:
        EmbstoreError: a model, the text or a store cannot be used.
    """
    out.mkdir(parents=True, exist_ok=True)
    if texts is None:
        texts = {"excerpt": TEXT.spec, "paragraphs": out / "paragraphs.txt"}
        write_paragraphs(out / "paragraphs.txt")
    packages = dict(zip((DECODER, ENCODER), MODELS, strict=True))
    pictures = []
    for protocol in protocols:
        store = out / f"{protocol.figures[0].name}.duckdb"
        for model in protocol.models:
            package = packages.get(model)
            outcomes = embstore.ingest_study(
                protocol.study,
                models=package.spec if package else training,
                name=package.name if package else None,
                revisions=None if package else protocol.steps,
                corpus=texts[protocol.text],
                tokens=protocol.tokens,
                window=protocol.window,
                # Some processors are slow with the studies' bfloat16.
                dtype="float32",
                store=store,
            )
            for outcome in outcomes:
                tell(f"{protocol.study}: {outcome.label}: {outcome.status}")
        opened = embstore.open(store)
        for figure in protocol.figures:
            pictures.append(out / f"{figure.name}.svg")
            save_chart(opened.chart(figure.question, **figure.values), pictures[-1])
    return pictures
