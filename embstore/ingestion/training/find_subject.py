"""Finds out how a model in training is to be measured: its library, and where its weights are."""

from torch import nn
from torch.nn.parameter import is_lazy

from embstore.checkpoints.located import Permissions
from embstore.common.messages import listed
from embstore.errors import ModelError, UsageError
from embstore.ingestion.one_checkpoint import wanted_beside
from embstore.ingestion.request import Settings
from embstore.ingestion.training.of_plain_torch import OfPlainTorch
from embstore.ingestion.training.of_saved import OfSaved
from embstore.ingestion.training.of_transformers import OfTransformers
from embstore.ingestion.training.processors import checked
from embstore.ingestion.training.subject import Subject
from embstore.metrics.selection import Selection
from embstore.models.live import LiveModel, holds_transformers, spread_by
from embstore.models.load import NOTHING


def find_subject(model: nn.Module, tokenizer: object, name: str, settings: Settings) -> Subject:
    """Find the model, and out what it reads.

    Args:
        model: the model, or a module that holds it, wrapped or not.
        tokenizer: what turns a text into token ids, or an image into pixels.
        name: what the store calls it.
        settings: how it is measured.

    Raises:
        EmbstoreError: it cannot be measured; says why.
    """
    if not isinstance(model, nn.Module):
        raise UsageError(f"the model is a {type(model).__name__}; give a torch.nn.Module")
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise UsageError(f"the name is {name!r}; give one that can be printed")
    bare = [key for key, weight in model.named_parameters() if is_lazy(weight) or weight.is_meta]
    if bare and not spread_by(model):
        raise ModelError(
            f"{name} has weights that hold no numbers, {bare[0]} first: they are offloaded, or not "
            "made yet; give the model once it is whole in memory"
        )
    permissions = Permissions(settings.allow_pickle, settings.allow_remote_code)
    if not holds_transformers(model):
        if kind := spread_by(model):
            raise UsageError(
                f"{name} is spread over processes by {kind}, and is none of transformers, whose "
                "saved checkpoints could be measured instead"
            )
        if wanted_beside(Selection(settings.metrics)) != NOTHING:
            raise UsageError(
                f"{name} is a model of plain torch, of which embstore knows neither the head nor "
                "the attention; leave out head and attention"
            )
        _check_one_device(model, name)
        return OfPlainTorch(model, name, tokenizer)
    live = LiveModel(model, name, remote_code=settings.allow_remote_code)
    processor = checked(tokenizer)
    if spread_by(model):
        return OfSaved(live, processor, permissions=permissions)
    if packed := live.packed_beneath:
        raise ModelError(
            f"{name} is an adapter on a quantised model ({packed}), and its checkpoints are read "
            "with the model in full precision, so they give other numbers: measure the saved "
            "checkpoints with embstore ingest instead"
        )
    _check_one_device(live.saved, name)
    return OfTransformers(live, processor, permissions=permissions)


def _check_one_device(module: nn.Module, name: str) -> None:
    devices = sorted({str(weight.device) for weight in module.parameters()})
    if len(devices) > 1:
        raise ModelError(
            f"{name} is split over several devices ({listed(devices)}), as by a device_map, and a "
            "model in training is measured on one: put all of it there, or measure the saved "
            "checkpoints with embstore ingest"
        )
