"""What is known of a checkpoint once its files are found, and what of it may run code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from embstore.checkpoints import hub
from embstore.checkpoints.find import Origin
from embstore.types import Checkpoint


@dataclass(frozen=True)
class Permissions:
    """What of a model's files may run code of its author: pickled weights, Python modules."""

    pickle: bool = False
    remote_code: bool = False


@dataclass(frozen=True)
class Located:
    """A checkpoint whose files are known, not yet loaded.

    Attributes:
        name: what the store calls the model.
        source: where it was found.
        folder: holds configuration and weights; of an adapter, the adapter's own folder.
        gguf_file: the file in it that holds both; None for any other kind.
        checkpoint: revision and fingerprint.
        tokenizer_folder: holds the tokenizer, where that is not the folder itself.
        other_tokenizer: the user has asked for that tokenizer, of another model.
        base: the model that an adapter changes; None for a whole model.
        adapter_settings_sha256: fingerprint of an adapter's settings; empty for a whole model.
        pickled: the weights are pickled, and the user has allowed to load such.
        remote_code: the user has allowed to run Python code that comes with the model.
        init_seed: weights are drawn by this seed instead of read; None to read them.
        snapshot: where on the Hub it is from; None for what is on disk.
        weights: the names of the files with its weights.
        downloads: those of them that ``fetch_weights`` will download.
        download_bytes: how much that is, with the base of an adapter.
        file_sha256: fingerprint of each file with weights, by its name.
    """

    name: str
    source: Origin
    folder: Path
    gguf_file: str | None
    checkpoint: Checkpoint
    tokenizer_folder: Path | None = None
    other_tokenizer: bool = False
    base: "Located | None" = None
    adapter_settings_sha256: str = ""
    pickled: bool = False
    remote_code: bool = False
    init_seed: int | None = None
    snapshot: hub.Snapshot | None = field(default=None, repr=False)
    weights: tuple[str, ...] = ()
    downloads: tuple[str, ...] = ()
    download_bytes: int = 0
    file_sha256: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def options(self) -> dict[str, str]:
        """What ``from_pretrained`` needs besides the folder."""
        return {"gguf_file": self.gguf_file} if self.gguf_file else {}
