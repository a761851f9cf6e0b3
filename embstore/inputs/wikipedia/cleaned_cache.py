"""Cleaned text of dumps, kept between runs: cleaning takes seconds a megabyte."""

import hashlib
import inspect
import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, Self

import numpy as np

from embstore.common.files import write_atomically
from embstore.common.paths import cache_folder
from embstore.errors import EmbstoreError
from embstore.inputs import spool, text_places
from embstore.inputs.spool import TextFacts
from embstore.inputs.text_places import TextPlaces, are_places
from embstore.inputs.wikipedia import markup, mediawiki

# Smaller dumps are cleaned in a few seconds; for larger ones a home folder may have no room.
_MIN_BYTES = 1_000_000
_MAX_BYTES = 2_000_000_000
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class CleanedTexts:
    """The place of one dump's cleaned text in the cache folder, whether it is there or not.

    The place is named by the SHA-256 of the dump's bytes, of the code that cleans and of
    the versions it builds on: a changed dump or cleaning has another place.
    """

    folder: Path
    key: str

    @classmethod
    def of(cls, dump: Path) -> Self | None:
        """Return the place for ``dump``'s text, None where its size makes none worthwhile."""
        if not _MIN_BYTES <= dump.stat().st_size <= _MAX_BYTES:
            return None
        # The suffix decides how the bytes are unpacked, and so is part of the key.
        sha256 = hashlib.sha256(f"{dump.suffix.lower()} {_cleaning()}".encode())
        with dump.open("rb") as stream:
            _feed(sha256.update, stream)
        return cls(cache_folder() / "cleaned", sha256.hexdigest())

    def find(self) -> tuple[TextFacts, IO[bytes], TextPlaces] | None:
        """Return the text, open for reading, with its facts, and where its documents begin.

        None if it is not there whole.
        """
        with ExitStack() as on_error:
            try:
                facts = TextFacts(**json.loads(self._facts.read_bytes()))
                file = on_error.enter_context(self._text.open("rb"))
                sha256 = hashlib.sha256()
                _feed(sha256.update, file)
                places = on_error.enter_context(self._places.open("rb"))
                numbers = np.fromfile(places, dtype="<i8")
            except (OSError, ValueError, TypeError):
                return None
            if sha256.hexdigest() != facts.sha256 or not are_places(
                numbers, n_texts=facts.n_documents, n_bytes=facts.n_bytes
            ):
                return None
            on_error.pop_all()
            return facts, file, TextPlaces(places)

    def keep(self, facts: TextFacts, text: IO[bytes], places: TextPlaces) -> None:
        """Copy the text there, whole or not at all; a cache without room is left as it was."""
        partial = self._text.with_name(f".{self.key}.{os.getpid()}.partial")
        # The text itself is there: that it will have to be cleaned again is no failure.
        with suppress(OSError, EmbstoreError):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                with partial.open("wb") as copy:
                    text.seek(0)
                    shutil.copyfileobj(text, copy, _CHUNK_BYTES)
                partial.replace(self._text)
                write_atomically(self._places, b"".join(places.pieces()))
                write_atomically(self._facts, json.dumps(asdict(facts)).encode())
            finally:
                partial.unlink(missing_ok=True)

    @property
    def _text(self) -> Path:
        return self.folder / f"{self.key}.txt"

    @property
    def _places(self) -> Path:
        return self.folder / f"{self.key}.places"

    @property
    def _facts(self) -> Path:
        return self.folder / f"{self.key}.json"


def _cleaning() -> str:
    """Return what the cleaned text depends on besides the dump."""
    modules = (spool, text_places, mediawiki, markup)
    code = "".join(inspect.getsource(module) for module in modules)
    return f"{code} {version('mwparserfromhell')} {sys.version_info[:2]}"


def _feed(update: Callable[[bytes], object], stream: IO[bytes]) -> None:
    while chunk := stream.read(_CHUNK_BYTES):
        update(chunk)
