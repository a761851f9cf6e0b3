"""What a user chooses from: sets of tokens, precision, how much of a text.

A command line that only shows its help imports this, so nothing here takes long to import.
"""

from dataclasses import dataclass
from typing import Literal

Scope = Literal["all", "no_first", "no_sinks", "last", "mean"]

# Sets of tokens; and one vector for each window: that of its last token, or the mean of its
# ordinary ones, which are neither its first nor sinks.
TOKEN_SCOPES: tuple[Scope, ...] = ("all", "no_first", "no_sinks")
WINDOW_SCOPES: tuple[Scope, ...] = ("last", "mean")
SCOPES = TOKEN_SCOPES + WINDOW_SCOPES
# Those that are measured unless others are asked for.
DEFAULT_SCOPES: tuple[Scope, ...] = ("all", "no_sinks")

# How sentences and pages call them.
SCOPE_WORDS: dict[str, str] = {
    "all": "all tokens",
    "no_first": "without first tokens",
    "no_sinks": "without attention sinks",
    "last": "last token of each window",
    "mean": "mean over each window",
}

# What the numbers of a model may be; auto is float32.
DTYPES = ("auto", "float32", "bfloat16", "float16")

# How the revision of weights that were drawn and never trained begins; the seed follows.
UNTRAINED = "random-init-"

# Where numbers go, and come from, if nobody says.
DEFAULT_STORE = "embstore.duckdb"
# For so many days a lake keeps its earlier states when it is maintained.
KEPT_DAYS = 7.0

# Tokens per sequence where nobody says and the model takes as many.
DEFAULT_WINDOW = 512

WindowsOf = Literal["tokens", "documents"]

# What one sequence holds: a run of the corpus's tokens, or one of its texts.
WINDOWS_OF: tuple[WindowsOf, ...] = ("tokens", "documents")

# What may be shuffled within each window, as a control; blocks of more than one as ``tokens:64``.
SHUFFLES = ("none", "tokens", "words")


@dataclass(frozen=True)
class Sampling:
    """How much of the corpus is fed, and how many of its tokens are kept.

    Attributes:
        tokens: tokens fed to the model, rounded down to whole windows.
        window: tokens per sequence; None for 512 or the model's limit, if lower. A longer text
            is cut.
        sample: tokens kept for neighbours and quantiles, spread over all windows.
        seed: draws the windows, the kept tokens and the order of what is shuffled.
        windows: what a window holds: ``tokens`` of the corpus as one text, or one of its
            ``documents``.
        shuffle: what loses its order in each window: ``none``, ``tokens`` or ``words``, or
            blocks of them (``tokens:64``).
    """

    tokens: int = 8192
    window: int | None = None
    sample: int = 4096
    seed: int = 0
    windows: WindowsOf = "tokens"
    shuffle: str = "none"
