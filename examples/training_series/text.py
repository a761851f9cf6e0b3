"""The Wikipedia excerpt of ``make demo``, part to train on and part to measure."""

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from embstore.demo import TEXT, packaged
from embstore.inputs.formats import find_source


@dataclass(frozen=True)
class Split:
    """Whole articles, apart.

    Attributes:
        training: the articles to train on, in their order.
        held_out: the others.
        file: those as JSON lines, which embstore reads as a corpus.
    """

    training: tuple[str, ...]
    held_out: tuple[str, ...]
    file: Path


def split_text(folder: Path, *, every: int, most: int | None = None) -> Split:
    """Hold every ``every``-th article back, and write those into ``folder``.

    Articles are in the order of their names, so a last tenth would be of other topics than the
    rest; every tenth is spread over all of them.

    Args:
        folder: of ``wikipedia-held-out.jsonl``.
        every: from 2; the first article held back is number ``every``.
        most: articles to take, from the first; None takes all.

    Raises:
        CorpusError: the package with the text is not installed; says how to.
    """
    source = find_source(str(packaged(TEXT)), None)
    texts = ("".join(pieces).strip() for pieces in source.read())
    articles = list(islice(filter(None, texts), most))
    held_out = tuple(articles[every - 1 :: every])
    training = tuple(text for i, text in enumerate(articles, 1) if i % every)
    file = folder / "wikipedia-held-out.jsonl"
    lines = (json.dumps({"text": text}, ensure_ascii=False) for text in held_out)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return Split(training, held_out, file)
