"""Windows that were drawn for one checkpoint serve the next, which mostly has the same tokenizer.

To tokenize a sample takes as long as the rest of planning, or longer the larger it is; and one
process plans for all machines of a cluster.
"""

import logging
from collections import Counter

from embstore.choices import Sampling
from embstore.common.messages import counted, listed
from embstore.inputs.corpus import CorpusText
from embstore.inputs.encoding import Tokenizer
from embstore.inputs.shuffling import Shuffle
from embstore.inputs.text_documents import draw_documents
from embstore.inputs.text_windows import draw_windows
from embstore.inputs.windows import Windows

_LOG = logging.getLogger(__name__)

# What a tokenizer does with a text beyond its compiled rules.
_BESIDE = ("split_special_tokens",)


class DrawnWindows:
    """The windows that were drawn last; to be used by one thread at a time."""

    def __init__(self) -> None:
        self._last: tuple[tuple[object, ...], Tokenizer, Windows] | None = None
        self._told: set[tuple[str, str]] = set()

    def draw(
        self,
        text: CorpusText,
        tokenizer: Tokenizer,
        sha256: str,
        sampling: Sampling,
        window: int,
    ) -> Windows:
        """Draw windows of tokens or of documents, or return those of an equal tokenizer.

        Args:
            text: the corpus.
            tokenizer: a Hugging Face tokenizer.
            sha256: of its rules.
            sampling: how many tokens to draw, by which seed, and what a window holds.
            window: tokens per window, as the model takes them.

        Raises:
            UsageError: the window does not fit.
            CorpusError: the text is too short.
        """
        # What is not compiled may have rules that its fingerprint does not cover; itself it knows.
        compiled = getattr(tokenizer, "backend_tokenizer", None) is not None
        beside = tuple(getattr(tokenizer, name, None) for name in _BESIDE)
        drawn = (sampling.tokens, window, sampling.seed, sampling.windows, sampling.shuffle)
        key = (text.corpus.sha256, type(tokenizer), sha256, beside, *drawn)
        last = self._last
        if last is not None and last[0] == key and (compiled or last[1] is tokenizer):
            return last[2]
        draw = draw_documents if sampling.windows == "documents" else draw_windows
        windows = draw(
            text,
            tokenizer,
            tokens=sampling.tokens,
            window=window,
            seed=sampling.seed,
            shuffle=Shuffle.of(sampling.shuffle, sampling.seed),
        )
        self._tell_of_special_tokens((text.corpus.sha256, sha256), tokenizer, windows)
        self._last = (key, tokenizer, windows)
        return windows

    def _tell_of_special_tokens(
        self, read: tuple[str, str], tokenizer: Tokenizer, windows: Windows
    ) -> None:
        """Warn where a text has what its tokenizer takes for special tokens, once of each."""
        spelled = _special_in_text(tokenizer, windows)
        if spelled and read not in self._told:
            self._told.add(read)
            _LOG.warning(
                "%s in the windows, as %s, are spelled in the text and read as special tokens, "
                "not as words; take them out of the text if that is not meant",
                counted(sum(spelled.values()), "token"),
                listed(spelled, most=3),
            )


def _special_in_text(tokenizer: Tokenizer, windows: Windows) -> dict[str, int]:
    """Count the special tokens in windows that the tokenizer has not added itself, by name."""
    known = getattr(tokenizer, "added_tokens_decoder", {})
    # A word that is not known stands for itself.
    unknown = getattr(tokenizer, "unk_token_id", None)
    names = {i: str(token) for i, token in known.items() if token.special and i != unknown}
    added = Counter(
        tokenizer("", add_special_tokens=True, truncation=True, max_length=16)["input_ids"]
    )
    there = Counter(windows.ids[windows.attention_mask].tolist()) if names else Counter()
    beyond = {names[i]: there[i] - windows.n_windows * added[i] for i in names}
    return {name: n for name, n in beyond.items() if n > 0}
