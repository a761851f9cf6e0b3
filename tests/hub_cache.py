"""The Hub's cache as it stands on disk: refs, snapshots, and the blobs they link to."""

import hashlib
from pathlib import Path


def commit_of(revision: str) -> str:
    """Any 40 hex characters that differ between revisions."""
    return hashlib.sha1(revision.encode(), usedforsecurity=False).hexdigest()


def add_revision(cache: Path, repository: str, revision: str, folder: Path) -> Path:
    """Put a model folder into the cache as one revision, and return its snapshot's folder.

    As a download does, blobs are named by their Git hash, or by their SHA-256 where the Hub
    keeps them as large files; equal files of several revisions are one blob.
    """
    home = cache / f"models--{repository.replace('/', '--')}"
    snapshot = home / "snapshots" / commit_of(revision)
    ref = home / "refs" / revision
    for made in (snapshot, ref.parent, home / "blobs"):
        made.mkdir(parents=True, exist_ok=True)
    ref.write_text(snapshot.name)
    for file in sorted(folder.iterdir()):
        content = file.read_bytes()
        blob = home / "blobs" / blob_name(file.name, content)
        if not blob.exists():
            blob.write_bytes(content)
        (snapshot / file.name).symlink_to(f"../../blobs/{blob.name}")
    return snapshot


def blob_name(name: str, content: bytes) -> str:
    """Return what the Hub calls a file's content."""
    if is_large(name):
        return hashlib.sha256(content).hexdigest()
    head = b"blob %d\0" % len(content)
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def is_large(name: str) -> bool:
    """Tell whether the Hub keeps a file apart from Git."""
    return name.endswith((".safetensors", ".bin"))
