"""Text to windows of token ids, drawn by seed from all over the corpus."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from embstore.errors import CorpusError, UsageError
from embstore.inputs.corpus import CorpusText
from embstore.inputs.random_streams import WINDOW_STREAM, seeded_generator
from embstore.inputs.sampling import check_window

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


class Tokenizer(Protocol):
    """What of a Hugging Face tokenizer is used here."""

    def __call__(
        self, text: str, *, add_special_tokens: bool, truncation: bool, max_length: int
    ) -> Mapping[str, list[int]]:
        """Return ``input_ids``, with special tokens, of at most ``max_length``."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Token ids to feed, one sequence per row, and their fingerprint.

    Attributes:
        ids: (n_windows, window).
        attention_mask: (n_windows, window), False where a token is padding.
        n_special_tokens: how many of each window's tokens the tokenizer added.
        sha256: of the shape and the ids as little-endian 64-bit integers.
    """

    ids: NDArray[np.int64]
    attention_mask: NDArray[np.bool_]
    n_special_tokens: int
    sha256: str

    @property
    def n_windows(self) -> int:
        """Number of sequences."""
        return int(self.ids.shape[0])

    @property
    def window(self) -> int:
        """Tokens per sequence."""
        return int(self.ids.shape[1])

    @property
    def n_tokens(self) -> int:
        """Number of tokens that are not padding."""
        return int(self.attention_mask.sum())

    def inputs(self, rows: slice) -> dict[str, NDArray[np.int64]]:
        """Return what a model is called with for these sequences, by name."""
        mask = self.attention_mask[rows].astype(np.int64)
        return {"input_ids": self.ids[rows], "attention_mask": mask}


def draw_windows(
    text: CorpusText, tokenizer: Tokenizer, *, tokens: int, window: int, seed: int
) -> Windows:
    """Draw ``tokens // window`` windows, spread evenly over the whole corpus by seed.

    The corpus is cut into as many equal strata of bytes as windows are asked, and each
    gives one: from a random place in it, moved to the next word, as many tokens as fill
    the window with the special tokens the tokenizer adds. Windows never overlap. The
    places do not depend on the tokenizer, so that the same seed reads the same passages
    for every model, unless little text is left in a stratum: then a window begins
    earlier in it. The cost grows with the sample, not with the corpus.

    Args:
        text: the corpus.
        tokenizer: a Hugging Face tokenizer, or anything called like one.
        tokens: how many to draw, special ones included, rounded down to whole windows.
        window: tokens per window.
        seed: not negative.

    Raises:
        UsageError: the window has no room for two tokens of text, or exceeds ``tokens``.
        CorpusError: a stratum holds too little text for its window.
    """
    n_special_tokens = _check_window(tokenizer, tokens=tokens, window=window)
    n_windows = tokens // window
    fractions = seeded_generator(seed, WINDOW_STREAM).random(n_windows)
    ids = np.empty((n_windows, window), dtype=np.int64)
    for row, fraction in enumerate(fractions):
        found = _stratum(text, tokenizer, window, row, n_windows).draw(float(fraction))
        if len(found) < window:
            raise _too_short(text, tokenizer, n_special_tokens, n_windows, window)
        ids[row] = found
    return Windows(ids, np.ones(ids.shape, dtype=np.bool_), n_special_tokens, _sha256(ids))


@dataclass(frozen=True)
class _Stratum:
    """The bytes [start, end) of the corpus, out of which one window is drawn."""

    text: CorpusText
    tokenizer: Tokenizer
    window: int
    start: int
    end: int

    def draw(self, fraction: float) -> list[int]:
        """Return a window's ids, fewer where even the whole stratum gives fewer."""
        room = max(self.end - self.start - self.window * _BYTES_PER_TOKEN, 0)
        begin = self.start + int(fraction * room)
        ids = self._read_from(begin)
        back = self.window * _BYTES_PER_TOKEN
        while len(ids) < self.window and begin > self.start:
            begin = max(self.start, begin - back)
            ids = self._read_from(begin)
            back *= 2
        return ids

    def n_tokens(self) -> int:
        """Count the tokens of the whole stratum, up to four windows of them."""
        n_bytes = min(self.end - self.start, self.window * _MAX_BYTES_PER_TOKEN)
        return len(self._encode(self._words(self.start, n_bytes), 4 * self.window))

    def _read_from(self, begin: int) -> list[int]:
        """Read on from ``begin`` until the window is full or the stratum ends."""
        end = min(self.end, begin + self.window * _MAX_BYTES_PER_TOKEN)
        n_bytes = 2 * self.window * _BYTES_PER_TOKEN
        while True:
            n_bytes = min(n_bytes, end - begin)
            words = self._words(begin, n_bytes)
            # One token more than wanted shows that the text fills the window.
            if begin + n_bytes == end or len(self._encode(words, self.window + 1)) > self.window:
                return self._encode(words, self.window)
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

    def _encode(self, words: str, max_length: int) -> list[int]:
        encoded = self.tokenizer(
            words, add_special_tokens=True, truncation=True, max_length=max_length
        )
        return list(encoded["input_ids"])


def _stratum(
    text: CorpusText, tokenizer: Tokenizer, window: int, row: int, n_windows: int
) -> _Stratum:
    start = text.n_bytes * row // n_windows
    return _Stratum(text, tokenizer, window, start, text.n_bytes * (row + 1) // n_windows)


def _check_window(tokenizer: Tokenizer, *, tokens: int, window: int) -> int:
    """Return the number of special tokens in each window."""
    check_window(window, tokens)
    empty = tokenizer("", add_special_tokens=True, truncation=True, max_length=max(window, 16))
    n_special_tokens = len(empty["input_ids"])
    least = n_special_tokens + 2
    if window < least:
        raise UsageError(
            f"window {window}: too small, since the tokenizer adds {n_special_tokens} special"
            f" tokens to each; take {least} or more"
        )
    return n_special_tokens


def _too_short(
    text: CorpusText, tokenizer: Tokenizer, n_special_tokens: int, n_windows: int, window: int
) -> CorpusError:
    """Estimate from some strata what the corpus holds, and advise."""
    rows = np.unique(np.linspace(0, n_windows - 1, _ESTIMATION_STRATA, dtype=np.int64)).tolist()
    strata = [_stratum(text, tokenizer, window, row, n_windows) for row in rows]
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


def _sha256(ids: NDArray[np.int64]) -> str:
    shape = np.array(ids.shape, dtype="<i8")
    return hashlib.sha256(shape.tobytes() + ids.astype("<i8").tobytes()).hexdigest()
