"""Brings a checkpoint's files to this machine, and fingerprints its weights.

``locate_files`` brings everything but the weights, ``fetch_weights`` brings those.
"""

import importlib.util
import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from embstore.checkpoints import hub
from embstore.checkpoints.adapter_settings import settings_digest
from embstore.checkpoints.find import ADAPTER_CONFIG, CONFIG, Candidate, find
from embstore.checkpoints.located import Located, Permissions
from embstore.checkpoints.tokenizer_files import (
    TOKENIZER_FILES,
    requested_tokenizer,
    small_files,
    tokenizer_above,
)
from embstore.checkpoints.weight_files import (
    check_whole,
    choose_weights,
    digest_of,
    fingerprint,
    tensors_fingerprint,
    untrained_fingerprint,
)
from embstore.common.messages import one_line
from embstore.errors import ModelError
from embstore.types import Checkpoint


def locate(
    spec: str, *, name: str | None = None, permissions: Permissions | None = None
) -> Located:
    """Find one checkpoint with all its files; the last of a folder with several.

    Raises:
        ModelError: nothing usable is there.
    """
    located = locate_files(find(spec, name=name)[-1], permissions or Permissions())
    fetch_weights(located)
    return located


def locate_files(
    candidate: Candidate, permissions: Permissions, *, as_base: bool = False
) -> Located:
    """Bring a checkpoint's configuration and tokenizer, and fingerprint its weights.

    Args:
        candidate: which.
        permissions: what of its files may run code.
        as_base: whether it is the base of an adapter, and so must be a whole model.

    Raises:
        ModelError: a file is missing, damaged, or not allowed.
    """
    try:
        return _locate_files(candidate, permissions, as_base=as_base)
    except OSError as error:
        raise ModelError(
            f"cannot read {candidate.place}: {one_line(error)}; check its permissions"
        ) from error


def _locate_files(candidate: Candidate, permissions: Permissions, *, as_base: bool) -> Located:
    if candidate.source == "gguf":
        return _locate_gguf(candidate, permissions)
    folder, snapshot = Path(candidate.place), None
    if candidate.source == "hub":
        snapshot = hub.look_up(candidate.place, candidate.revision.name)
        present: Collection[str] = snapshot.files
        folder = hub.fetch(snapshot, small_files(present, permissions))
    else:
        present = {child.name for child in folder.iterdir()}
    if as_base and CONFIG not in present and ADAPTER_CONFIG in present:
        # An adapter's configuration may even name the adapter's own folder.
        raise ModelError(f"{candidate.name} is an adapter itself; merge it into its model first")
    if CONFIG not in present and ADAPTER_CONFIG not in present:
        raise ModelError(f"{candidate.name} has no {CONFIG}; embstore cannot load it")
    located = Located(
        name=candidate.name,
        source=candidate.source,
        folder=folder,
        gguf_file=None,
        checkpoint=_checkpoint(candidate, "", 0),
        tokenizer_folder=requested_tokenizer(candidate, permissions)
        or tokenizer_above(folder, present, candidate.source),
        other_tokenizer=candidate.tokenizer is not None,
        remote_code=permissions.remote_code,
        init_seed=candidate.init_seed,
        snapshot=snapshot,
    )
    if candidate.init_seed is not None:
        return replace(located, checkpoint=_untrained(candidate, folder / CONFIG))
    return _with_weights(located, present, permissions)


def fetch_weights(located: Located) -> None:
    """Bring the weights, and check that none of their files was cut short.

    Raises:
        ModelError: a file cannot be had, or is damaged.
    """
    if located.base is not None:
        fetch_weights(located.base)
    if located.snapshot is not None and located.weights:
        hub.fetch(located.snapshot, located.weights)
        _check_weights(located)


def fingerprinted(located: Located) -> Located:
    """Fingerprint a checkpoint's tensors instead of its files, which must be here.

    Two checkpoints with the same weights may differ in their files: in metadata, or in how
    the weights are spread over several. Pickled, GGUF and drawn weights keep the fingerprint
    of their files.

    Raises:
        ModelError: a file cannot be read.
    """
    base = fingerprinted(located.base) if located.base else None
    files = [located.folder / name for name in located.weights]
    if not files or located.pickled:
        return replace(located, base=base)
    sha256 = tensors_fingerprint(files)
    if base is not None:
        sha256 = fingerprint(
            [sha256, located.adapter_settings_sha256, base.checkpoint.weights_sha256]
        )
    checkpoint = replace(
        located.checkpoint, weights_sha256=sha256, files_sha256=located.checkpoint.weights_sha256
    )
    return replace(located, base=base, checkpoint=checkpoint)


def _locate_gguf(candidate: Candidate, permissions: Permissions) -> Located:
    path = Path(candidate.place)
    if any(importlib.util.find_spec(package) is None for package in ("gguf", "accelerate")):
        raise ModelError(
            f"{path.name} needs the gguf extra, which is not installed; "
            "run: pip install 'embstore[gguf]'"
        )
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ModelError(f"{path} does not start with the bytes GGUF; it is not a GGUF file")
    digest = digest_of(path)
    if candidate.init_seed is None:
        checkpoint = _checkpoint(candidate, digest, path.stat().st_size)
    else:
        # The configuration is in the file.
        drawn = untrained_fingerprint({"gguf": digest}, candidate.init_seed)
        checkpoint = _checkpoint(candidate, drawn, 0)
    return Located(
        candidate.name,
        "gguf",
        path.parent,
        path.name,
        checkpoint,
        tokenizer_folder=requested_tokenizer(candidate, permissions),
        other_tokenizer=candidate.tokenizer is not None,
        init_seed=candidate.init_seed,
    )


def _untrained(candidate: Candidate, config: Path) -> Checkpoint:
    if candidate.init_seed is None or not config.is_file():
        raise ModelError(
            f"{candidate.name} is an adapter without the configuration of its base model; give the "
            "base model instead"
        )
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"cannot read the configuration of {candidate.name}: {one_line(error)}"
        ) from error
    return _checkpoint(candidate, untrained_fingerprint(content, candidate.init_seed), 0)


def _with_weights(located: Located, present: Collection[str], permissions: Permissions) -> Located:
    """Add what the weights are, and for an adapter its base model."""
    adapter = ADAPTER_CONFIG in present and not any(
        name.startswith(("model.safetensors", "pytorch_model.bin")) for name in present
    )
    base, settings = _base_of(located, permissions) if adapter else (None, "")
    chosen = choose_weights(
        located.folder,
        present,
        located.name,
        adapter=adapter,
        allow_pickle=permissions.pickle,
    )
    located = replace(located, pickled=chosen.pickled, weights=chosen.names, base=base)
    located = replace(located, adapter_settings_sha256=settings)
    if located.snapshot is None:
        _check_weights(located)
    # Before the digests: where the Hub states none, the file is fetched to compute it.
    snapshot = located.snapshot
    missing = snapshot.missing(chosen.names) if snapshot else ()
    download = sum(snapshot.files[name].size for name in missing) if snapshot else 0
    digests, n_bytes = _digests(located)
    files = dict(zip(chosen.names, digests, strict=True))
    tokenizer_folder = located.tokenizer_folder
    if base is not None:
        digests += [settings, base.checkpoint.weights_sha256]
        n_bytes += base.checkpoint.weights_bytes
        download += base.download_bytes
        if tokenizer_folder is None and not TOKENIZER_FILES.intersection(present):
            tokenizer_folder = base.tokenizer_folder or base.folder
    checkpoint = replace(
        located.checkpoint, weights_sha256=fingerprint(digests), weights_bytes=n_bytes
    )
    return replace(
        located,
        checkpoint=checkpoint,
        tokenizer_folder=tokenizer_folder,
        downloads=missing,
        download_bytes=download,
        file_sha256=files,
    )


def _base_of(located: Located, permissions: Permissions) -> tuple[Located, str]:
    """Locate the model that an adapter's configuration names; digest its other settings."""
    path = located.folder / ADAPTER_CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        spec, revision = config["base_model_name_or_path"], config.get("revision")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelError(f"{located.name} has an {path.name} that names no base model") from error
    if not isinstance(spec, str) or not spec.strip():
        raise ModelError(f"{located.name} has an {path.name} that names no base model")
    beside = located.folder / spec
    if not Path(spec).exists() and beside.is_dir():
        spec = str(beside)
    elif revision and not Path(spec).exists():
        spec = f"{spec}@{revision}"
    try:
        base = locate_files(find(spec)[-1], permissions, as_base=True)
    except ModelError as error:
        raise ModelError(f"{located.name} is an adapter; its base: {error}") from error
    return base, settings_digest(config)


def _digests(located: Located) -> tuple[list[str], int]:
    """Return each weight file's SHA-256, as the Hub states it or as computed, and all bytes."""
    digests = []
    n_bytes = 0
    for name in located.weights:
        stated = located.snapshot.files[name] if located.snapshot else None
        if stated is not None and stated.sha256:
            digests.append(stated.sha256)
            n_bytes += stated.size
            continue
        if located.snapshot is not None:
            hub.fetch(located.snapshot, [name])
        file = located.folder / name
        digests.append(digest_of(file))
        n_bytes += file.stat().st_size
    return digests, n_bytes


def _check_weights(located: Located) -> None:
    for name in located.weights:
        if name.endswith(".safetensors"):
            check_whole(located.folder / name, located.name)


def _checkpoint(candidate: Candidate, sha256: str, n_bytes: int) -> Checkpoint:
    revision = candidate.known_as
    return Checkpoint(revision.name, sha256, n_bytes, revision.step, revision.tokens_seen)
