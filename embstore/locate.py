"""Finds a model's files, on disk or on the Hub, and fingerprints its weights."""

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from embstore.errors import ModelError
from embstore.types import Checkpoint

# What a Hub snapshot needs: configuration, tokenizer and safe weights at its top.
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.jinja", "*.safetensors"]
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")


@dataclass(frozen=True)
class Located:
    """A model whose files are on this machine, not yet loaded."""

    name: str
    source: Literal["hub", "folder", "gguf"]
    folder: Path
    gguf_file: str | None
    checkpoint: Checkpoint

    @property
    def options(self) -> dict[str, str]:
        """What ``from_pretrained`` needs besides the folder."""
        return {"gguf_file": self.gguf_file} if self.gguf_file else {}


def locate(spec: str, *, name: str | None = None) -> Located:
    """Find a model's files, downloading them from the Hub if need be.

    Args:
        spec: a folder with ``config.json``, a ``.gguf`` file, or a Hub id, which
            may carry ``@revision``.
        name: what the store calls the model; by default the Hub id, the folder's
            name, or the file's name without its suffix.

    Raises:
        ModelError: nothing usable is there; the message says what was looked for.
    """
    path = Path(spec).expanduser()
    if path.is_dir():
        return _locate_folder(path, name or path.resolve().name)
    if path.is_file():
        if path.suffix != ".gguf":
            raise ModelError(
                f"{spec} is a file but not a .gguf one; "
                "give a .gguf file, a model folder or a Hub id"
            )
        return _locate_gguf(path, name or path.stem)
    if path.suffix == ".gguf" or spec.startswith(("/", "./", "../", "~")):
        raise ModelError(f"no such model: {spec} does not exist; check the path")
    return _locate_on_hub(spec, name)


def _locate_folder(folder: Path, name: str) -> Located:
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder} holds no config.json, so it is no model folder; "
            "give the folder that save_pretrained wrote"
        )
    weights = _safe_weights(folder, name)
    return Located(name, "folder", folder, None, _fingerprint("local", weights))


def _locate_gguf(path: Path, name: str) -> Located:
    if any(importlib.util.find_spec(package) is None for package in ("gguf", "accelerate")):
        raise ModelError(
            f"{path.name} needs the gguf extra, which is not installed; "
            "run: pip install 'embstore[gguf]'"
        )
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ModelError(f"{path} does not start with the GGUF mark; it is no GGUF file")
    return Located(name, "gguf", path.parent, path.name, _fingerprint("local", [path]))


def _locate_on_hub(spec: str, name: str | None) -> Located:
    repository, _, revision = spec.partition("@")
    try:
        folder = snapshot_download(
            repository,
            revision=revision or None,
            allow_patterns=_HUB_FILES,
            ignore_patterns=["*/*"],
        )
    except RevisionNotFoundError as error:
        raise ModelError(
            f"{repository} has no revision {revision!r}; its page lists branches and tags"
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelError(
            f"no such model: {repository} is neither a local path nor a public Hub model; "
            "check the spelling, or log in if it is private"
        ) from error
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"no such model here: {spec} is neither a local path nor in the Hub cache, "
            "and the Hub cannot be reached; check the spelling and the connection"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise ModelError(f"cannot fetch {repository} from the Hub: {first_line(error)}") from error
    found = Path(folder)
    if not (found / "config.json").is_file():
        raise ModelError(f"{repository} on the Hub has no config.json; embstore cannot load it")
    weights = _safe_weights(found, repository)
    checkpoint = _fingerprint(revision or "main", weights)
    return Located(name or repository, "hub", found, None, checkpoint)


def _safe_weights(folder: Path, name: str) -> list[Path]:
    """List the safetensors files that make the model up; refuse pickled weights."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            shards = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        except (ValueError, KeyError, AttributeError) as error:
            raise ModelError(
                f"{name} has an {index.name} that lists no weights; fetch it again"
            ) from error
        files = [folder / shard for shard in shards]
    else:
        files = [folder / "model.safetensors"]
    missing = [file.name for file in files if not file.is_file()]
    if not missing:
        return files
    if any((folder / pickled).exists() for pickled in _PICKLED):
        raise ModelError(
            f"{name} has only pickled weights, which can run code when loaded; "
            "convert them to safetensors first"
        )
    raise ModelError(
        f"{name} lacks its weights: no {missing[0]} in {folder}; embstore reads safetensors, not "
        "repositories with only pickled weights"
    )


def _fingerprint(revision: str, weights: list[Path]) -> Checkpoint:
    """Hash the weight files; one file's fingerprint is its own SHA-256."""
    digests = []
    for file in weights:
        try:
            with file.open("rb") as stream:
                digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
        except OSError as error:
            raise ModelError(
                f"cannot read {file}: {error.strerror}; check its permissions"
            ) from error
    joined = "".join(f"{d}\n" for d in digests).encode()
    sha256 = digests[0] if len(digests) == 1 else hashlib.sha256(joined).hexdigest()
    return Checkpoint(revision, sha256, sum(file.stat().st_size for file in weights))


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its kind if it has none."""
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
