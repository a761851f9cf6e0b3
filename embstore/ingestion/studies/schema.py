"""Which keys a study has, and of which type each is.

pydantic checks the types; what a value may be is checked where the command line's and
Python's values are, in ``ingestion/request.py``.
"""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from embstore.choices import DEFAULT_SCOPES, Sampling


def _line(text: str) -> str:
    # Control characters could write anything anywhere on a terminal.
    if not text.strip() or any(unicodedata.category(c) == "Cc" for c in text):
        raise PydanticCustomError("line", "one line of text that is not blank")
    return text


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


Line = Annotated[str, AfterValidator(_line)]
Lines = Annotated[list[Line], BeforeValidator(_several), Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class SamplingTable(_Table):
    """How much text is fed and kept."""

    tokens: int = Sampling.tokens
    window: int | None = Sampling.window
    sample: int = Sampling.sample
    seed: int = Sampling.seed
    windows: str = Sampling.windows
    shuffle: Lines = [Sampling.shuffle]


class ModelTable(_Table):
    """A model, at one or several of its checkpoints."""

    model: Line
    revisions: Lines | None = None
    name: Line | None = None
    random_init: bool = False
    tokenizer: Line | None = None
    group: Line | None = None


class StudyTable(_Table):
    """A whole study."""

    name: Line | None = None
    title: Line | None = None
    description: str = ""
    corpus: Line
    text_field: Line | None = None
    dtype: Line = "auto"
    scopes: Lines = list(DEFAULT_SCOPES)
    metrics: Lines = ["default"]
    pairs: bool = True
    intervals: bool = True
    head: bool = False
    attention: bool = False
    tags: dict[str, Line] = {}
    group: Line | None = None
    sampling: SamplingTable = SamplingTable()
    models: Annotated[list[ModelTable], Field(min_length=1)]


# The tables, by what they are called in messages.
TABLES: dict[str, type[BaseModel]] = {
    "the top of the file": StudyTable,
    "[sampling]": SamplingTable,
    "[[models]]": ModelTable,
}

# What is expected where another type than this is found, or nothing.
EXPECTED = {
    "models": "at least one table [[models]]",
    "sampling": "a table, as [sampling]",
    "tags": "a table, as [tags]",
    "revisions": "a text or a list of texts",
    "scopes": "a text or a list of texts",
    "metrics": "a text or a list of texts",
    "shuffle": "a text or a list of texts",
}

_PICKLE = "allow pickled weights, which can run code when loaded"
_CODE = "allow code that comes with a model"
_MACHINE = "say how it is run"
# Keys that a study, which may be a stranger's, must not have: what it would do with each, and
# what says it instead.
_LEFT_TO_THE_RUN = {
    "allow_pickle": (_PICKLE, "allow_pickle"),
    "pickle": (_PICKLE, "allow_pickle"),
    "allow_remote_code": (_CODE, "allow_remote_code"),
    "remote_code": (_CODE, "allow_remote_code"),
    "trust_remote_code": (_CODE, "allow_remote_code"),
    "store": (_MACHINE, "store"),
    "device": (_MACHINE, "device"),
    "devices": (_MACHINE, "device"),
    "batch_size": (_MACHINE, "batch_size"),
    "evict": (_MACHINE, "evict"),
    "force": (_MACHINE, "force"),
}


def why_refused(key: str) -> str | None:
    """Say what a study that has this key would do, and where that is said; None if it may.

    >>> why_refused("device")
    'say how it is run; give --device (in Python device=) to the ingest'
    """
    what, setting = _LEFT_TO_THE_RUN.get(key.lower().replace("-", "_"), (None, ""))
    if what is None:
        return None
    option = f"--{setting.replace('_', '-')}"
    return f"{what}; give {option} (in Python {setting}=) to the ingest"
