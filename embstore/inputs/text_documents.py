"""A corpus's texts, one to a window: prompts, sentences, articles, drawn by seed."""

from collections.abc import Sequence

from embstore.errors import CorpusError
from embstore.inputs.corpus import CorpusText
from embstore.inputs.encoding import Encoder, Tokenizer
from embstore.inputs.random_streams import WINDOW_STREAM, seeded_generator
from embstore.inputs.shuffling import NOT_SHUFFLED, Shuffle
from embstore.inputs.windows import Windows, padded

# So much of a text is read first: several times what fills a window, so that where it is cut is
# far from the tokens that count.
_BYTES_PER_TOKEN = 32
# Where even that fills none, reading goes on up to here: an endless word is one token.
_MAX_BYTES_PER_TOKEN = 4096
_LEAST_TEXTS = 2


def draw_documents(
    text: CorpusText,
    tokenizer: Tokenizer,
    *,
    tokens: int,
    window: int,
    seed: int,
    shuffle: Shuffle = NOT_SHUFFLED,
) -> Windows:
    """Draw texts in an order made by seed until one more would exceed ``tokens``.

    If all together have fewer tokens, all are drawn. A longer text is cut to the window; one that
    becomes no tokens but special ones is left out. The order does not depend on the tokenizer, so
    that the same seed reads the same texts for every model, as far as their tokens go. With
    shuffling the same texts are drawn.

    Args:
        text: the corpus.
        tokenizer: a Hugging Face tokenizer, or anything called like one.
        tokens: how many to draw, special ones included.
        window: the most tokens of a text.
        seed: not negative.
        shuffle: what is shuffled in each text.

    Returns:
        The texts in the order of the draw, padded to the longest.

    Raises:
        UsageError: the window has no room for two tokens of text, or exceeds ``tokens``.
        CorpusError: the corpus has fewer than two texts, or fewer than two fit into ``tokens``.
    """
    encoder = Encoder.of(tokenizer, tokens=tokens, window=window)
    n_texts = text.n_texts
    if n_texts < _LEAST_TEXTS:
        raise CorpusError(
            f"corpus {text.corpus.name}: one text only, and windows of documents need two or more; "
            "give windows of tokens, or a corpus of several: records, files, or lines of a .txt"
        )
    order = seeded_generator(seed, WINDOW_STREAM).permutation(n_texts)
    rows: list[Sequence[int]] = []
    n_tokens, n_blank, full = 0, 0, False
    for which in order.tolist():
        words, found = _beginning(text, encoder, which)
        if len(found) <= encoder.n_special_tokens:
            n_blank += 1
            continue
        full = n_tokens + len(found) > tokens
        if full:
            break
        n_tokens += len(found)
        rows.append(encoder.shuffled(words, found, shuffle, len(rows)))
    if len(rows) < _LEAST_TEXTS:
        raise _too_few(text, len(rows), tokens, window, full=full)
    return padded(rows, encoder.n_special_tokens, n_texts=n_texts - n_blank)


def _beginning(text: CorpusText, encoder: Encoder, which: int) -> tuple[str, list[int]]:
    """Return a text as far as its window needs it, and its ids, cut to the window."""
    per_token = _BYTES_PER_TOKEN
    while True:
        words, is_whole = text.read_text(which, encoder.window * per_token)
        found = encoder.ids(words)
        if is_whole or len(found) == encoder.window or per_token >= _MAX_BYTES_PER_TOKEN:
            return words, found
        per_token *= 4


def _too_few(
    text: CorpusText, n_fitting: int, tokens: int, window: int, *, full: bool
) -> CorpusError:
    if full:
        return CorpusError(
            f"corpus {text.corpus.name}: {n_fitting} of its {text.n_texts:,} texts fits into "
            f"{tokens:,} tokens, and windows of documents need two or more; ask for "
            f"{2 * window:,} tokens or more, or take a smaller window"
        )
    have = "none has" if not n_fitting else "only one has"
    return CorpusError(
        f"corpus {text.corpus.name}: of its {text.n_texts:,} texts {have} a token of text, and "
        "windows of documents need two or more; give other texts"
    )
