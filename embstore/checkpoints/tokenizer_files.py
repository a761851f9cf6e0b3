"""Finds the tokenizer of a checkpoint, and the other small files beside its weights."""

import re
from collections.abc import Collection
from pathlib import Path

from embstore.checkpoints import hub
from embstore.checkpoints.find import CONFIG, Candidate, Origin, find
from embstore.checkpoints.located import Permissions
from embstore.common.paths import expanded
from embstore.errors import ModelError

TOKENIZER_FILES = {
    *("tokenizer.json", "tokenizer_config.json", "tokenizer.model"),
    *("vocab.json", "vocab.txt", "spiece.model", "sentencepiece.bpe.model"),
}
# What is needed besides weights. Some repositories keep other things of these kinds too;
# they are small beside a model.
_SMALL_FILES = re.compile(r".*\.(json|txt|model|jinja|tiktoken)")
_CODE = re.compile(r".*\.py")


def small_files(present: Collection[str], permissions: Permissions) -> list[str]:
    """Name what is needed besides weights: configuration, tokenizer, and code if allowed."""
    kinds = [_SMALL_FILES, _CODE] if permissions.remote_code else [_SMALL_FILES]
    return [name for name in present if any(kind.fullmatch(name) for kind in kinds)]


def requested_tokenizer(candidate: Candidate, permissions: Permissions) -> Path | None:
    """Return the folder of the model whose tokenizer was asked for; None for its own.

    Raises:
        ModelError: there is no such model, or it is a GGUF file.
    """
    if candidate.tokenizer is None:
        return None
    folder = Path(expanded(candidate.tokenizer))
    if folder.is_dir() and not (folder / CONFIG).is_file() and _has_tokenizer(folder):
        # A tokenizer alone.
        return folder
    try:
        other = find(candidate.tokenizer)[-1]
        if other.source == "folder":
            folder = Path(other.place)
            present = {child.name for child in folder.iterdir()}
            return tokenizer_above(folder, present, "folder") or folder
        if other.source == "gguf":
            raise ModelError("a GGUF file; give a folder or a Hub id")  # noqa: TRY301
        snapshot = hub.look_up(other.place, other.revision.name)
        return hub.fetch(snapshot, small_files(snapshot.files, permissions))
    except ModelError as error:
        raise ModelError(f"tokenizer {candidate.tokenizer}: {error}") from error


def tokenizer_above(folder: Path, present: Collection[str], source: Origin) -> Path | None:
    """Return the folder above, if only that has a tokenizer: training often saves it once."""
    if source != "folder" or TOKENIZER_FILES.intersection(present):
        return None
    above = folder.resolve().parent
    return above if _has_tokenizer(above) else None


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in TOKENIZER_FILES)
