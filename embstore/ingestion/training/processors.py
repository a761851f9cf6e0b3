"""The tokenizers and image processors that a training has at hand."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from embstore.checkpoints.silence import quiet
from embstore.common.messages import one_line
from embstore.errors import ModelError


@runtime_checkable
class Saved(Protocol):
    """A tokenizer or image processor of transformers."""

    def save_pretrained(self, folder: str | Path) -> object:
        """Write it to a folder."""


# One of them, or a folder or Hub id that has one.
Processor = Saved | str | Path


def checked(processor: object) -> Processor:
    """Return a tokenizer or image processor of transformers, or the name of one, as it is.

    Raises:
        ModelError: it is none of these.
    """
    if isinstance(processor, Saved | str | Path):
        return processor
    raise ModelError(
        f"a tokenizer is needed to turn the corpus into token ids, but it is {processor!r}; give a "
        "tokenizer of transformers, or the folder or Hub id of a model that has one"
    )


def save_processor(processor: Saved, folder: Path) -> None:
    """Write a tokenizer or image processor as a checkpoint has it.

    Raises:
        ModelError: it cannot be written.
    """
    try:
        with quiet():
            processor.save_pretrained(folder)
    except Exception as error:
        raise ModelError(
            f"the tokenizer, a {type(processor).__name__}, cannot be written: {one_line(error)}"
        ) from error


class PlainTokenizer:
    """Anything that encodes a text, called as a tokenizer of transformers is.

    ``tiktoken`` and ``tokenizers`` have such an ``encode``; a function will do as well.
    """

    model_max_length = 10**30

    def __init__(self, encoder: object) -> None:
        """Find out how it encodes.

        Raises:
            ModelError: it does not turn a text into a list of numbers.
        """
        self._encoder = encoder
        # Of tiktoken, the one that gives special tokens no meaning.
        names = ("encode_ordinary", "encode")
        found = next((getattr(encoder, name) for name in names if hasattr(encoder, name)), encoder)
        if not callable(found):
            raise _no_encoder(encoder)
        self._encode = found
        # Else a special one at the end of a text would be cut off, as what is too much.
        self._options = {"add_special_tokens": False} if _asks_for_special(found) else {}
        try:
            self("Any text gives tokens.", add_special_tokens=False, truncation=True, max_length=4)
        except Exception as error:
            raise _no_encoder(encoder) from error

    def __call__(
        self, text: str, *, add_special_tokens: bool, truncation: bool, max_length: int
    ) -> Mapping[str, list[int]]:
        """Return ``input_ids``, of at most ``max_length``; there are no special tokens."""
        del add_special_tokens
        encoded = self._encode(text, **self._options)
        ids = [int(token) for token in getattr(encoded, "ids", encoded)]
        return {"input_ids": ids[:max_length] if truncation else ids}

    def decode(self, ids: list[int]) -> str | None:
        """Return the text of tokens; None where it cannot be had."""
        decode = getattr(self._encoder, "decode", None)
        return str(decode(ids)) if callable(decode) else None

    def get_vocab(self) -> dict[str, str]:
        """Return what is known of it; its token ids are fingerprinted as they are."""
        kind = type(self._encoder)
        return {"kind": f"{kind.__module__}.{kind.__qualname__}", "name": _name(self._encoder)}


def _asks_for_special(encode: Callable[..., object]) -> bool:
    """Tell whether a function can be told to add no special tokens, as that of ``tokenizers``."""
    try:
        return "add_special_tokens" in inspect.signature(encode).parameters
    except (TypeError, ValueError):
        # Compiled, and nothing is known of what it takes.
        return False


def _name(encoder: object) -> str:
    return str(getattr(encoder, "name", None) or getattr(encoder, "__qualname__", None) or "")


def _no_encoder(encoder: object) -> ModelError:
    return ModelError(
        f"the tokenizer is {encoder!r}, which turns no text into token ids; give one of "
        "transformers, one with a method encode, or a function from a text to a list of ids"
    )
