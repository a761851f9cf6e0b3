"""Finds checkpoints by the names that a user gives; their files are not read yet."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from embstore.checkpoints import hub
from embstore.checkpoints.package_files import is_packaged, packaged_path
from embstore.checkpoints.revisions import (
    Revision,
    in_training_order,
    parse_revision,
    select_revisions,
)
from embstore.choices import UNTRAINED
from embstore.common.messages import one_line
from embstore.common.paths import expanded
from embstore.errors import ModelError, UsageError

Origin = Literal["hub", "folder", "gguf"]

# A whole model has the first, an adapter the second.
CONFIG, ADAPTER_CONFIG = "config.json", "adapter_config.json"
_TRAINER_STATE = "trainer_state.json"
# How sentence-transformers lists the parts of a model.
_MODULES = "modules.json"
_TRAINER_FOLDER = re.compile(r"checkpoint-\d+")
# What the model at the top of a folder of checkpoints is called.
_TOP = ("final", *(f"final-{n}" for n in range(2, 100)))


@dataclass(frozen=True)
class Candidate:
    """A checkpoint that was found by its name; its files are not read yet.

    Attributes:
        name: what the store calls the model.
        source: where it was found.
        place: Hub id, folder, or GGUF file.
        revision: which of the model's states there.
        init_seed: draw the weights by this seed; None to read them.
        tokenizer: the model whose tokenizer to use; None for its own.
        shuffle: what of its text is shuffled, where an ingest has several ways; else None.
    """

    name: str
    source: Origin
    place: str
    revision: Revision
    init_seed: int | None = None
    tokenizer: str | None = None
    shuffle: str | None = None

    @property
    def known_as(self) -> Revision:
        """What the store calls the revision; drawn weights are of none."""
        if self.init_seed is None:
            return self.revision
        return Revision(f"{UNTRAINED}{self.init_seed}", step=0)


def label(candidate: Candidate) -> str:
    """Return what to call a checkpoint, ``MODEL@REVISION``."""
    return f"{candidate.name}@{candidate.known_as.name}"


def find(
    spec: str,
    *,
    name: str | None = None,
    revisions: str | None = None,
    init_seed: int | None = None,
    tokenizer: str | None = None,
) -> list[Candidate]:
    """Find the checkpoints that a user names, in the order of training.

    Args:
        spec: a folder with ``config.json``, a folder of such folders (all are taken), a
            ``.gguf`` file, a ``package:`` path, or a Hub id, which may carry ``@revision``.
        name: what the store calls the model; by default the Hub id, the folder's
            name, or the file's name without its suffix.
        revisions: which of several, as ``select_revisions`` takes it.
        init_seed: measure the same architecture with weights drawn by this seed instead.
        tokenizer: a model whose tokenizer is used instead of its own.

    Raises:
        ModelError: nothing usable is there; the message says what was looked for.
        UsageError: the revisions cannot be chosen from what is there.
    """
    if init_seed is not None and revisions is not None:
        raise UsageError("an untrained model has no revisions; leave out one of the two")
    if not spec.strip():
        raise UsageError("a model's name is empty; give a folder, a file or a Hub id")
    if tokenizer is not None and not tokenizer.strip():
        raise UsageError(
            "the tokenizer's name is empty; give a folder or a Hub id, or leave it out"
        )
    try:
        found = [replace(c, tokenizer=tokenizer) for c in _find(spec, name, revisions)]
    except (OSError, RuntimeError, ValueError) as error:
        # No permission, an unknown user in ~user, too long a name, or a zero byte in it.
        raise ModelError(f"cannot look for {spec!r}: {one_line(error)}") from error
    for candidate in found:
        if not label(candidate).isprintable():
            raise UsageError(
                f"{label(candidate)!r} holds characters that cannot be printed; give another name, "
                "or rename the folder"
            )
    return found if init_seed is None else [replace(found[-1], init_seed=init_seed)]


def _find(spec: str, name: str | None, revisions: str | None) -> Iterator[Candidate]:
    path = packaged_path(spec, error=ModelError) if is_packaged(spec) else Path(expanded(spec))
    if path.is_dir():
        yield from _find_in_folder(path, name, revisions)
        return
    if path.is_file():
        if path.suffix != ".gguf":
            raise ModelError(
                f"{spec} is a file, but not a .gguf file; "
                "give a .gguf file, a model folder or a Hub id"
            )
        if revisions is not None:
            raise UsageError(f"{path.name} is one file and has no revisions to choose from")
        yield Candidate(name or path.stem, "gguf", str(path), Revision("local"))
        return
    if path.suffix == ".gguf" or spec.startswith(("/", "./", "../", "~")):
        raise ModelError(f"no such model: {spec} does not exist; check the path")
    yield from _find_on_hub(spec, name, revisions)


def _find_in_folder(folder: Path, name: str | None, revisions: str | None) -> Iterator[Candidate]:
    real = folder.resolve()
    place = model_folder(folder)
    whole = place is not None
    if place and revisions is None:
        if _TRAINER_FOLDER.fullmatch(real.name):
            # The same checkpoint as when the folder around it is given.
            revision = _of_trainer(folder, real.name)
            yield Candidate(name or real.parent.name, "folder", str(place), revision)
        else:
            yield Candidate(name or real.name, "folder", str(place), _of_trainer(folder, "local"))
        return
    # A link beside them, as "last", would be the same checkpoint once more.
    modules = _module_folders(folder)
    found = {
        child.name: model_folder(child)
        for child in sorted(folder.iterdir())
        if child.name not in modules
        and not (child.is_symlink() and Path(os.path.realpath(child)).parent == real)
    }
    places = {label: inner for label, inner in found.items() if inner is not None}
    if not places:
        raise ModelError(
            f"{folder} holds no {CONFIG}, so it is not a model folder; give the folder that "
            "save_pretrained wrote, or one of checkpoint folders"
            if not whole
            else f"{folder} holds one model and no checkpoint folders; leave out the revisions"
        )
    available = [_of_trainer(folder / label, label) for label in places]
    if place:
        top = next(name for name in _TOP if name not in places)
        places[top] = place
        available.append(_of_trainer(folder, top))
    wanted = "all" if revisions is None else revisions
    for revision in select_revisions(wanted, available, of=str(folder)):
        yield Candidate(name or real.name, "folder", str(places[revision.name]), revision)


def model_folder(folder: Path) -> Path | None:
    """Return the folder with a model's files: itself, or one in it for sentence-transformers.

    That library once wrote the transformer into ``0_Transformer``, and beside it the pooling
    in a folder that has a ``config.json`` too. None where there is no model.
    """
    if _holds_model(folder):
        return folder
    return next((folder / m for m in _module_folders(folder)[:1] if _holds_model(folder / m)), None)


def _module_folders(folder: Path) -> list[str]:
    """Return the folders of the parts of a sentence-transformers model, which takes the first."""
    try:
        modules = json.loads((folder / _MODULES).read_text(encoding="utf-8"))
        paths = [str(module["path"]) for module in modules]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return []
    # Anything else would be outside the model.
    return [path for path in paths if path == Path(path).name]


def _holds_model(folder: Path) -> bool:
    try:
        return any((folder / config).is_file() for config in (CONFIG, ADAPTER_CONFIG))
    except OSError:
        # Skip folders that may not be read, such as lost+found.
        return False


def _of_trainer(folder: Path, label: str) -> Revision:
    """Read step and tokens from a folder's name and the Trainer's notes in it, if whole."""
    revision = parse_revision(label)
    try:
        state = json.loads((folder / _TRAINER_STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return revision
    if not isinstance(state, dict):
        return revision
    step, tokens = (_count(state.get(key)) for key in ("global_step", "num_input_tokens_seen"))
    if revision.step is None and _may_be_earlier(state, step):
        return revision
    return replace(
        revision,
        step=revision.step if step is None else step,
        # The Trainer writes 0 where it does not count.
        tokens_seen=tokens or revision.tokens_seen,
    )


def _may_be_earlier(state: Mapping[str, object], last: int | None) -> bool:
    """Tell whether the weights at the end may be those of the best step, and not of the last.

    With ``load_best_model_at_end`` they are; the notes name the best step without it, too.
    """
    named, best = state.get("best_model_checkpoint"), _count(state.get("best_global_step"))
    if best is None and isinstance(named, str):
        best = parse_revision(Path(named).name).step
    return best != last if best is not None else isinstance(named, str)


def _count(noted: object) -> int | None:
    """Return a number that the store can hold; None for anything else."""
    if not isinstance(noted, int) or isinstance(noted, bool):
        return None
    return noted if 0 <= noted < 2**63 else None


def _find_on_hub(spec: str, name: str | None, revisions: str | None) -> Iterator[Candidate]:
    repository, _, revision = spec.partition("@")
    if revisions is None:
        chosen = [parse_revision(revision or "main")]
    elif revision:
        raise UsageError(f"{spec} names a revision already; leave out @{revision} or the revisions")
    else:
        there = [parse_revision(label) for label in hub.list_revisions(repository)]
        chosen = select_revisions(revisions, there, of=repository, exact=False)
    for found in in_training_order(chosen):
        yield Candidate(name or repository, "hub", repository, found)
