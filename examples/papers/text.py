"""Paragraphs of the Wikipedia excerpt, one a line: what prompts and sentences are elsewhere."""

from pathlib import Path

from embstore.demo import TEXT, packaged
from embstore.inputs.formats import find_source

# A paragraph of fewer words is a heading or a line of a list.
_LEAST_WORDS = 40


def write_paragraphs(file: Path) -> int:
    """Write the paragraphs of the excerpt, each a line.

    Returns:
        How many there are.

    Raises:
        CorpusError: the package with the text is not installed; says how to.
    """
    source = find_source(str(packaged(TEXT)), None)
    articles = ("".join(pieces) for pieces in source.read())
    found = [
        " ".join(words)
        for article in articles
        for paragraph in article.split("\n")
        if len(words := paragraph.split()) >= _LEAST_WORDS
    ]
    file.write_text("".join(f"{paragraph}\n" for paragraph in found), encoding="utf-8")
    return len(found)
