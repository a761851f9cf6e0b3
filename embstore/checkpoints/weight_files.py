"""Which files hold a checkpoint's weights, whether they are whole, and their fingerprint."""

import hashlib
import json
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from embstore.errors import ModelError

# Whole models and adapters, each in one file or, with an index beside them, in several.
_SAFE = {"model": "model.safetensors", "adapter": "adapter_model.safetensors"}
_PICKLED = {"model": "pytorch_model.bin", "adapter": "adapter_model.bin"}

_PIECE_BYTES = 1 << 22
# What reading raises where a file does not begin with a header.
_MALFORMED = (LookupError, ValueError, TypeError, ArithmeticError, AttributeError, RecursionError)


class _Entry(TypedDict):
    """What the header of a safetensors file says of one tensor."""

    dtype: str
    shape: list[int]
    data_offsets: list[int]


@dataclass(frozen=True)
class WeightFiles:
    """The names of the files with a checkpoint's weights; pickled ones can run code."""

    names: tuple[str, ...]
    pickled: bool


def choose_weights(
    folder: Path, present: Collection[str], name: str, *, adapter: bool, allow_pickle: bool
) -> WeightFiles:
    """Choose the files to load: safetensors where there are any.

    Args:
        folder: holds at least the index of sharded weights.
        present: the names of all files of the checkpoint, here or still to be fetched.
        name: the model's, for messages.
        adapter: whether an adapter's weights are wanted instead of a whole model's.
        allow_pickle: whether pickled weights may be chosen.

    Raises:
        ModelError: there are none, or only pickled ones without permission.
    """
    kind = "adapter" if adapter else "model"
    if names := _listed(folder, _SAFE[kind], present, name):
        return WeightFiles(names, pickled=False)
    pickled = _listed(folder, _PICKLED[kind], present, name)
    if not pickled:
        raise ModelError(
            f"{name} lacks its weights: no {_SAFE[kind]} in {folder}; get a complete checkpoint"
        )
    if not allow_pickle:
        raise ModelError(
            f"{name} has only pickled weights ({pickled[0]}), which can run code when loaded; "
            "convert them to safetensors, or, if you trust their author, allow them with "
            "--allow-pickle (in Python allow_pickle=True)"
        )
    return WeightFiles(pickled, pickled=True)


def _listed(folder: Path, single: str, present: Collection[str], name: str) -> tuple[str, ...]:
    """Return the one file, or the shards that an index names.

    As transformers does: saving a model anew in one file may leave an older index beside it.
    """
    index = f"{single}.index.json"
    if single in present or index not in present:
        return (single,) if single in present else ()
    try:
        shards = sorted(
            set(json.loads((folder / index).read_text(encoding="utf-8"))["weight_map"].values())
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(f"{name} has an {index} that lists no weights; fetch it again") from error
    # A shard elsewhere would be read from outside the checkpoint.
    if not shards or any(Path(shard).name != shard for shard in shards):
        raise ModelError(
            f"{name} has an {index} that names files outside the folder; fetch it again"
        )
    missing = [shard for shard in shards if shard not in present]
    if missing:
        raise ModelError(
            f"{name} lacks its weights: no {missing[0]} in {folder}, which {index} names; get a "
            "complete checkpoint"
        )
    return tuple(shards)


def digest_of(file: Path) -> str:
    """Return a file's SHA-256.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"cannot read {file}: {error.strerror}; check its permissions") from error


def tensors_fingerprint(files: Sequence[Path]) -> str:
    """Return the SHA-256 of the tensors of safetensors files: names, dtypes, shapes, bytes.

    Metadata, the order of tensors and how they are spread over files do not count.

    Raises:
        ModelError: a file cannot be read.
    """
    tensors: dict[str, tuple[Path, int, _Entry]] = {}
    for file in files:
        try:
            with file.open("rb") as stream:
                (n_header,) = struct.unpack("<Q", stream.read(8))
                header = json.loads(stream.read(n_header))
        except OSError as error:
            raise ModelError(
                f"cannot read {file}: {error.strerror}; check its permissions"
            ) from error
        header.pop("__metadata__", None)
        tensors |= {name: (file, 8 + n_header, entry) for name, entry in header.items()}
    digest = hashlib.sha256()
    for name in sorted(tensors):
        file, start, entry = tensors[name]
        said = [name, entry["dtype"], entry["shape"]]
        digest.update(json.dumps(said, separators=(",", ":")).encode() + b"\n")
        first, end = entry["data_offsets"]
        with file.open("rb") as stream:
            stream.seek(start + first)
            while first < end and (piece := stream.read(min(end - first, _PIECE_BYTES))):
                digest.update(piece)
                first += len(piece)
    return digest.hexdigest()


def fingerprint(digests: Sequence[str]) -> str:
    """Join the SHA-256 of several files into one; one file's fingerprint is its own.

    >>> fingerprint(["ab"])
    'ab'
    """
    joined = "".join(f"{digest}\n" for digest in digests).encode()
    return digests[0] if len(digests) == 1 else hashlib.sha256(joined).hexdigest()


def untrained_fingerprint(config: Mapping[str, object], seed: int) -> str:
    """Return the fingerprint of weights drawn by a seed for a configuration."""
    content = json.dumps({"config": config, "init_seed": seed}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def check_whole(file: Path, name: str) -> None:
    """Compare a safetensors file's length with what its header promises.

    Raises:
        ModelError: it is cut short, too long, or no safetensors file.
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            start = stream.read(8)
            n_header = struct.unpack("<Q", start)[0] if len(start) == 8 else size
            # For a header longer than the file, an empty text: json.loads refuses it.
            header = json.loads(stream.read(n_header) if n_header < size else "")
        ends = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
        promised = 8 + n_header + int(max(ends, default=0))
    except OSError as error:
        raise ModelError(f"cannot read {file}: {error.strerror}; check its permissions") from error
    except _MALFORMED as error:
        raise ModelError(
            f"{name} has damaged weights: {file.name} is cut short or no safetensors file; "
            "fetch it again"
        ) from error
    if size != promised:
        raise ModelError(
            f"{name} has damaged weights: {file.name} has {size:,} bytes, but its header promises "
            f"{promised:,}; fetch it again"
        )
