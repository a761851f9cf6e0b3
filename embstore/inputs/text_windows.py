"""Text to windows of token ids, drawn by seed from all over the corpus.

Here the corpus is one text; ``text_documents.py`` draws its texts one by one.
"""

import re
from dataclasses import dataclass

import numpy as np

from embstore.errors import CorpusError
from embstore.inputs.corpus import CorpusText
from embstore.inputs.encoding import Encoder, Tokenizer
from embstore.inputs.random_streams import WINDOW_STREAM, seeded_generator
from embstore.inputs.shuffling import NOT_SHUFFLED, Shuffle
from embstore.inputs.windows import Windows, padded

# English takes 4 to 5 bytes per token. A guess that decides where reading begins and how much
# is read first, and no result: a window that comes out short reads on.
_BYTES_PER_TOKEN = 5
# A file of one endless word is one token however much is read: here reading stops.
_MAX_BYTES_PER_TOKEN = 4096
# In scripts without spaces, and in longer words, a window may begin anywhere.
_MAX_WORD_CHARS = 256
# The share of the estimated number of tokens that an error message says to ask for.
_SAFE_SHARE = 0.8
_ESTIMATION_STRATA = 32

_WORD_START = re.compile(r"\s(?=\S)")
_LAST_WORD = re.compile(r"\s\S*\Z")


def draw_windows(
    text: CorpusText,
    tokenizer: Tokenizer,
    *,
    tokens: int,
    window: int,
    seed: int,
    shuffle: Shuffle = NOT_SHUFFLED,
) -> Windows:
    """Draw ``tokens // window`` windows, spread evenly over the whole corpus by seed.

    The corpus is cut into as many equal strata of bytes as windows are asked, and each
    gives one: from a random place in it, moved to the next word, as many tokens as fill
    the window with the special tokens the tokenizer adds. Windows never overlap. The
    places do not depend on the tokenizer, so that the same seed reads the same passages
    for every model, unless little text is left in a stratum: then a window begins
    earlier in it. The cost grows with the sample, not with the corpus.

    With shuffling the same passages are read. Words may become another number of tokens in
    another order: what is too much is cut off, and what lacks is filled with the words that
    follow the passage, in their order. Where the stratum ends there the window stays shorter.

    Args:
        text: the corpus.
        tokenizer: a Hugging Face tokenizer, or anything called like one.
        tokens: how many to draw, special ones included, rounded down to whole windows.
        window: tokens per window.
        seed: not negative.
        shuffle: what is shuffled in each window.

    Raises:
        UsageError: the window has no room for two tokens of text, or exceeds ``tokens``.
        CorpusError: a stratum holds too little text for its window.
    """
    encoder = Encoder.of(tokenizer, tokens=tokens, window=window)
    n_windows = tokens // window
    fractions = seeded_generator(seed, WINDOW_STREAM).random(n_windows)
    rows = []
    for row, fraction in enumerate(fractions):
        words, found = _stratum(text, encoder, row, n_windows).draw(float(fraction))
        if len(found) < window:
            raise _too_short(text, encoder, n_windows)
        rows.append(encoder.shuffled(words, found, shuffle, row))
    return padded(rows, encoder.n_special_tokens)


@dataclass(frozen=True)
class _Stratum:
    """The bytes [start, end) of the corpus, out of which one window is drawn."""

    text: CorpusText
    encoder: Encoder
    start: int
    end: int

    def draw(self, fraction: float) -> tuple[str, list[int]]:
        """Return the words read for a window, and its ids.

        These are fewer than it takes where even the whole stratum gives fewer.
        """
        window = self.encoder.window
        room = max(self.end - self.start - window * _BYTES_PER_TOKEN, 0)
        begin = self.start + int(fraction * room)
        words, ids = self._read_from(begin)
        back = window * _BYTES_PER_TOKEN
        while len(ids) < window and begin > self.start:
            begin = max(self.start, begin - back)
            words, ids = self._read_from(begin)
            back *= 2
        return words, ids

    def n_tokens(self) -> int:
        """Count the tokens of the whole stratum, up to four windows of them."""
        window = self.encoder.window
        n_bytes = min(self.end - self.start, window * _MAX_BYTES_PER_TOKEN)
        return len(self.encoder.ids(self._words(self.start, n_bytes), 4 * window))

    def _read_from(self, begin: int) -> tuple[str, list[int]]:
        """Read on from ``begin`` until the window is full or the stratum ends."""
        window, ids = self.encoder.window, self.encoder.ids
        end = min(self.end, begin + window * _MAX_BYTES_PER_TOKEN)
        n_bytes = 2 * window * _BYTES_PER_TOKEN
        while True:
            n_bytes = min(n_bytes, end - begin)
            words = self._words(begin, n_bytes)
            # One token more than wanted shows that the text fills the window.
            if begin + n_bytes == end or len(ids(words, window + 1)) > window:
                return words, ids(words)
            n_bytes *= 2

    def _words(self, begin: int, n_bytes: int) -> str:
        """Read whole words: those that a cut would halve are left out."""
        words = self.text.read(begin, n_bytes)
        if begin > 0 and (first := _WORD_START.search(words[:_MAX_WORD_CHARS])):
            words = words[first.end() :]
        if begin + n_bytes < self.text.n_bytes:
            tail = max(len(words) - _MAX_WORD_CHARS, 0)
            if last := _LAST_WORD.search(words, tail):
                words = words[: last.start()]
        return words


def _stratum(text: CorpusText, encoder: Encoder, row: int, n_windows: int) -> _Stratum:
    start = text.n_bytes * row // n_windows
    return _Stratum(text, encoder, start, text.n_bytes * (row + 1) // n_windows)


def _too_short(text: CorpusText, encoder: Encoder, n_windows: int) -> CorpusError:
    """Estimate from some strata what the corpus holds, and advise."""
    window, n_special_tokens = encoder.window, encoder.n_special_tokens
    rows = np.unique(np.linspace(0, n_windows - 1, _ESTIMATION_STRATA, dtype=np.int64)).tolist()
    strata = [_stratum(text, encoder, row, n_windows) for row in rows]
    mean = sum(stratum.n_tokens() - n_special_tokens for stratum in strata) / len(strata)
    per_window = window - n_special_tokens
    # Text may hold enough and yet be too uneven; the advice then still asks for less.
    fitting = int(_SAFE_SHARE * min(mean, per_window) * n_windows) // per_window * window
    advice = f"ask for {fitting:,} tokens or fewer" if fitting else "take a smaller window"
    return CorpusError(
        f"corpus {text.corpus.name}: too short for {n_windows * window:,} tokens in {n_windows:,}"
        f" windows of {window:,}, one from each equal part: it holds about"
        f" {round(mean * n_windows):,} at most; {advice}, or give a longer text"
    )
