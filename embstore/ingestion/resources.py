"""Finds and opens all that an ingest reads and writes: checkpoints, corpus, store, device."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch

from embstore.checkpoints.find import Candidate, find, label
from embstore.checkpoints.locate import locate_files
from embstore.checkpoints.located import Permissions
from embstore.checkpoints.package_files import is_packaged, packaged_path
from embstore.common.float64 import has_float64
from embstore.common.messages import counted, listed
from embstore.errors import CorpusError, EmbstoreError, UsageError
from embstore.ingestion.division import share_of
from embstore.ingestion.drawn_windows import DrawnWindows
from embstore.ingestion.request import ModelSpec, Request, Settings
from embstore.ingestion.stored_work import StoredWork
from embstore.inputs.corpus import CorpusText, open_corpus
from embstore.inputs.formats import is_known
from embstore.inputs.images import ImageFolder, has_images, open_images
from embstore.inputs.several_files import visible_in
from embstore.models.description import modality_of
from embstore.models.devices import choose_devices, choose_dtype
from embstore.models.loaded import load_config
from embstore.store.connection import open_database
from embstore.store.database import Database

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Resources:
    """What an ingest reads and writes, opened.

    Attributes:
        candidates: the checkpoints, model by model in the order of training; of a share, none if
            there are fewer checkpoints than shares.
        alone: whether the user has asked for one checkpoint only.
        text: the corpus, a text or a folder of images.
        drawn: what was drawn from a text.
        database: the store, which may not exist yet.
        stored: what is in it.
        devices: where models run; as many checkpoints are measured at once.
        dtype: of their weights.
        permissions: what of a model's files may run code.
        groups: of which group of seeds each model is, by its name, where that is said.
    """

    candidates: tuple[Candidate, ...]
    alone: bool
    text: CorpusText | ImageFolder
    drawn: DrawnWindows
    database: Database
    stored: StoredWork
    devices: tuple[torch.device, ...]
    dtype: torch.dtype
    permissions: Permissions
    groups: Mapping[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def open_resources(request: Request, store: str | Path | None) -> Iterator[Resources]:
    """Find the checkpoints, and open text and store; a missing store is not made yet.

    Args:
        request: as ``build_request`` made it, so that its values are checked.
        store: the store's URL or path.

    Raises:
        EmbstoreError: a model, the corpus, the device or the store cannot be used.
    """
    settings = request.settings
    # The machines of a cluster have devices of their own.
    devices = choose_devices(settings.devices if settings.ray is None else ("cpu",))
    dtype = choose_dtype(settings.dtype)
    permissions = Permissions(settings.allow_pickle, settings.allow_remote_code)
    by_model = [(model, _find(model, settings)) for model in request.models]
    found = [candidate for _, candidates in by_model for candidate in candidates]
    _check_names(found)
    groups = _groups(by_model)
    database = open_database(store, lazy=True)
    reads_images = partial(_reads_images, found, permissions)
    with open_text(request.corpus, settings.text_field, reads_images) as text:
        # Each once, however often it is named.
        every = tuple(dict.fromkeys(found))
        candidates = _share(every, settings, permissions)
        stored = StoredWork(database)
        used = _used(devices, len(candidates))
        _say_what_they_lack(used)
        alone = len(every) == 1
        yield Resources(
            candidates=candidates,
            alone=alone,
            text=text,
            drawn=DrawnWindows(),
            database=database,
            stored=stored,
            devices=used,
            dtype=dtype,
            permissions=permissions,
            groups=groups,
        )


def _share(
    every: tuple[Candidate, ...], settings: Settings, permissions: Permissions
) -> tuple[Candidate, ...]:
    """Return the checkpoints to measure here, and say how many of how many they are."""
    shard = settings.shard
    if shard is None:
        return every
    share = share_of(every, shard, settings, permissions)
    _LOG.warning("shard %s has %d of %s", shard, len(share), counted(len(every), "checkpoint"))
    return share


def _used(devices: tuple[torch.device, ...], n_checkpoints: int) -> tuple[torch.device, ...]:
    """Leave out the devices for which there is no checkpoint, and say so."""
    used = devices[: max(n_checkpoints, 1)]
    if len(used) < len(devices):
        _LOG.warning(
            "%d devices are named for %s, each measured on one: only %s %s used",
            len(devices),
            counted(n_checkpoints, "checkpoint"),
            listed(used),
            "is" if len(used) == 1 else "are",
        )
    return used


def _say_what_they_lack(devices: Sequence[torch.device]) -> None:
    for name in dict.fromkeys(map(str, devices)):
        if not has_float64(name):
            _LOG.warning(
                "%s has no float64: it runs the model and finds candidates for neighbours, and the "
                "rest of the geometry is computed on the CPU",
                name,
            )


def open_text(
    corpus: str, text_field: str | None, reads_images: Callable[[], bool]
) -> CorpusText | ImageFolder:
    """Open a text, or a folder of images.

    Args:
        corpus: what.
        text_field: of its records, where one is named.
        reads_images: asked what the model reads where a folder has texts and images.

    Raises:
        CorpusError: it cannot be read.
        UsageError: a field of it is named, and it has none.
    """
    path = packaged_path(corpus, error=CorpusError) if is_packaged(corpus) else corpus
    if not Path(path).is_dir() or not has_images(path):
        return open_corpus(path, text_field=text_field)
    has_texts = any(is_known(file) for file in visible_in(Path(path)))
    # A picture may lie beside texts, and labels beside images.
    if has_texts and (text_field is not None or not reads_images()):
        return open_corpus(path, text_field=text_field)
    if text_field is not None:
        raise UsageError(
            f"corpus {corpus} is a folder of images and has no field {text_field!r}; leave out the "
            "text field"
        )
    return open_images(path)


def _reads_images(candidates: Sequence[Candidate], permissions: Permissions) -> bool:
    """Tell whether the first model that is asked for reads images; if that is not known, no."""
    first = candidates[0]
    if first.source == "gguf":
        return False
    # First as if its weights were drawn: those that it has need not be read to tell. An adapter
    # cannot be found so.
    for candidate in (replace(first, init_seed=0), first):
        # What is wrong with it is said where it is measured.
        with contextlib.suppress(EmbstoreError):
            located = locate_files(candidate, permissions)
            return modality_of(located, load_config(located)) == "vision"
    return False


def _check_names(found: Sequence[Candidate]) -> None:
    """Refuse two places under one name: nobody could tell their numbers apart."""
    places: dict[str, str] = {}
    for candidate in found:
        place = places.setdefault(label(candidate), candidate.place)
        if place != candidate.place:
            raise UsageError(
                f"{place} and {candidate.place} are both called {label(candidate)}; measure them "
                "one at a time, each with a name of its own"
            )


def _groups(by_model: Sequence[tuple[ModelSpec, list[Candidate]]]) -> dict[str, str]:
    """Return the groups of models by their names; a model is in one."""
    groups: dict[str, str] = {}
    for model, candidates in by_model:
        for name in {candidate.name for candidate in candidates}:
            if model.group is not None and groups.setdefault(name, model.group) != model.group:
                raise UsageError(
                    f"{name} is said to be a seed of {groups[name]} and of {model.group}; a model "
                    "is in one group"
                )
    return groups


def _find(model: ModelSpec, settings: Settings) -> list[Candidate]:
    found = find(
        model.model,
        name=model.name,
        revisions=model.revisions,
        init_seed=settings.sampling.seed if model.random_init else None,
        tokenizer=model.tokenizer,
    )
    ways = settings.shuffles or (None,)
    return [replace(candidate, shuffle=way) for candidate in found for way in ways]
