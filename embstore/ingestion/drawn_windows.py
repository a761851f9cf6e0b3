"""Windows that were drawn for one checkpoint serve the next, which mostly has the same tokenizer.

To tokenize a sample takes as long as the rest of planning, or longer the larger it is; and one
process plans for all machines of a cluster.
"""

from embstore.choices import Sampling
from embstore.inputs.corpus import CorpusText
from embstore.inputs.encoding import Tokenizer
from embstore.inputs.shuffling import Shuffle
from embstore.inputs.text_documents import draw_documents
from embstore.inputs.text_windows import draw_windows
from embstore.inputs.windows import Windows

# What a tokenizer does with a text beyond its compiled rules.
_BESIDE = ("split_special_tokens",)


class DrawnWindows:
    """The windows that were drawn last; to be used by one thread at a time."""

    def __init__(self) -> None:
        self._last: tuple[tuple[object, ...], Tokenizer, Windows] | None = None

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
        self._last = (key, tokenizer, windows)
        return windows
