"""What a training's checkpoints say of its model, before the first is written and after."""

import tempfile
from pathlib import Path

from embstore.checkpoints.find import Candidate
from embstore.checkpoints.locate import fetch_weights, fingerprinted, locate_files
from embstore.checkpoints.located import Located, Permissions
from embstore.checkpoints.revisions import Revision
from embstore.checkpoints.tokenizer_files import requested_tokenizer
from embstore.ingestion.training.processors import Processor, save_processor
from embstore.models.description import ModelDescription, describe
from embstore.models.live import LiveModel
from embstore.types import Checkpoint


def located_in(name: str, folder: Path, revision: Revision, permissions: Permissions) -> Located:
    """Find a checkpoint that was just written, and fingerprint its weights.

    Args:
        name: what the store calls the model.
        folder: where it is.
        revision: what it is called.
        permissions: what of its files may run code.

    Raises:
        ModelError: it is not whole.
    """
    candidate = Candidate(name, "folder", str(folder), revision)
    return fingerprinted(locate_files(candidate, permissions))


def base_of(name: str, folder: Path, permissions: Permissions) -> Located | None:
    """Find the model beneath an adapter that was just written, with its weights.

    Args:
        name: what the store calls the whole.
        folder: where the adapter is.
        permissions: what of its files may run code.

    Returns:
        The model; None if it is no adapter that is there.

    Raises:
        ModelError: it cannot be found, or not be read.
    """
    candidate = Candidate(name, "folder", str(folder), Revision("live"))
    base = locate_files(candidate, permissions).base
    if base is not None:
        fetch_weights(base)
    return base


def describe_live(
    live: LiveModel, processor: Processor, permissions: Permissions
) -> ModelDescription:
    """Describe a model as its checkpoints will be: what is saved and read again may differ.

    Args:
        live: the model.
        processor: its tokenizer or image processor, or the name of a model that has it.
        permissions: what of a model's files may run code.

    Raises:
        EmbstoreError: there is no tokenizer, or it does not fit.
    """
    with tempfile.TemporaryDirectory(prefix="embstore-") as temporary:
        folder = Path(temporary)
        live.save_config(folder)
        tokenizer = str(processor) if isinstance(processor, str | Path) else None
        if not isinstance(processor, str | Path):
            save_processor(processor, folder)
        candidate = Candidate(
            live.name,
            "folder",
            temporary,
            Revision("live"),
            tokenizer=tokenizer,
        )
        found = describe(
            Located(
                name=live.name,
                source="folder",
                folder=folder,
                gguf_file=None,
                checkpoint=Checkpoint("live", "", 0),
                tokenizer_folder=requested_tokenizer(candidate, permissions),
                other_tokenizer=tokenizer is not None,
                remote_code=permissions.remote_code,
            )
        )
    # Where code that comes with the model is found, once the temporary folder is gone.
    found.config.name_or_path = live.config.name_or_path
    return found
