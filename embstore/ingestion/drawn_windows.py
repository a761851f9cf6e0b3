"""Windows that were drawn for one checkpoint serve the next, which mostly has the same tokenizer.

To tokenize a sample takes as long as the rest of planning, or longer the larger it is; and one
process plans for all machines of a cluster.
"""

from embstore.inputs.corpus import CorpusText
from embstore.inputs.text_windows import Tokenizer, Windows, draw_windows

# What a tokenizer does with a text beyond its compiled rules.
_BESIDE = ("truncation_side", "split_special_tokens")


class DrawnWindows:
    """The windows that were drawn last; to be used by one thread at a time."""

    def __init__(self) -> None:
        self._last: tuple[tuple[object, ...], Tokenizer, Windows] | None = None

    def draw(
        self,
        text: CorpusText,
        tokenizer: Tokenizer,
        sha256: str,
        *,
        tokens: int,
        window: int,
        seed: int,
    ) -> Windows:
        """Draw windows as ``draw_windows`` does, or return those of an equal tokenizer.

        Args:
            text: the corpus.
            tokenizer: a Hugging Face tokenizer.
            sha256: of its rules.
            tokens: how many to draw.
            window: tokens per window.
            seed: not negative.

        Raises:
            UsageError: the window does not fit.
            CorpusError: the text is too short.
        """
        # What is not compiled may have rules that its fingerprint does not cover; itself it knows.
        compiled = getattr(tokenizer, "backend_tokenizer", None) is not None
        beside = tuple(getattr(tokenizer, name, None) for name in _BESIDE)
        key = (text.corpus.sha256, type(tokenizer), sha256, beside, tokens, window, seed)
        last = self._last
        if last is not None and last[0] == key and (compiled or last[1] is tokenizer):
            return last[2]
        windows = draw_windows(text, tokenizer, tokens=tokens, window=window, seed=seed)
        self._last = (key, tokenizer, windows)
        return windows
