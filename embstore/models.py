"""Finds a model, fingerprints its weights and loads it, together with its tokenizer."""

import contextlib
import hashlib
import importlib.util
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import transformers
from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, AutoTokenizer

from embstore.errors import ModelError, UsageError
from embstore.probe import StackPlan, probe
from embstore.types import Checkpoint, Model

# What a Hub snapshot needs: configuration, tokenizer and safe weights at its top.
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.jinja", "*.safetensors"]
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
# Families whose positions are counted from behind the padding index: 514 mean 512.
_PADDED_POSITIONS = {
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod", "camembert"),
    *("data2vec-text", "longformer", "ibert", "mpnet"),
}
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Located:
    """A model whose files are on this machine, not yet loaded."""

    name: str
    source: Literal["hub", "folder", "gguf"]
    folder: Path
    gguf_file: str | None
    checkpoint: Checkpoint

    @property
    def _options(self) -> dict[str, str]:
        return {"gguf_file": self.gguf_file} if self.gguf_file else {}


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model in evaluation mode without its language-model head, and what is known of it."""

    module: torch.nn.Module
    facts: Model
    stacks: tuple[StackPlan, ...]
    attention: str
    device: torch.device
    dtype: torch.dtype
    decoder_start_token_id: int | None


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
        raise ModelError(f"cannot fetch {repository} from the Hub: {_line(error)}") from error
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


def load_tokenizer(located: Located) -> transformers.PreTrainedTokenizerBase:
    """Load the tokenizer that belongs to the model.

    Raises:
        ModelError: there is none, or it cannot be read.
    """
    with _quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(located.folder, **located._options)
        except Exception as error:
            raise ModelError(
                f"cannot load the tokenizer of {located.name}: {_line(error)}"
            ) from error
    # Without its files transformers makes some tokenizers up, empty.
    if not tokenizer("Any text gives tokens.", add_special_tokens=False)["input_ids"]:
        raise ModelError(
            f"{located.name} has no usable tokenizer: it turns text into no tokens; add the "
            "tokenizer's files to the model"
        )
    return tokenizer


def tokenizer_sha256(tokenizer: transformers.PreTrainedTokenizerBase) -> str:
    """Fingerprint everything that decides which ids a text becomes."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        # Truncation and padding are set by the last call, not by the tokenizer.
        rules = json.loads(backend.to_str()) | {"truncation": None, "padding": None}
    else:
        rules = {"class": type(tokenizer).__name__, "vocab": tokenizer.get_vocab()}
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


def load_config(located: Located) -> transformers.PretrainedConfig:
    """Load the model's configuration.

    Raises:
        ModelError: it cannot be read.
    """
    with _quiet():
        try:
            return AutoConfig.from_pretrained(located.folder, **located._options)
        except Exception as error:
            raise ModelError(
                f"cannot read the configuration of {located.name}: {_line(error)}"
            ) from error


def context_length(
    config: transformers.PretrainedConfig, tokenizer: transformers.PreTrainedTokenizerBase
) -> int | None:
    """Return the longest sequence the model takes; None where neither config nor tokenizer says."""
    # Relative positions have no limit; T5's configuration still names one.
    limits = [getattr(config, key, None) for key in ("max_position_embeddings", "n_positions")]
    if config.model_type in _PADDED_POSITIONS and isinstance(limits[0], int):
        limits[0] -= (config.pad_token_id or 0) + 1
    limits.append(tokenizer.model_max_length)
    known = [limit for limit in limits if isinstance(limit, int) and 0 < limit < 10**9]
    return min(known, default=None)


def choose_device(wanted: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps`` into a device that is there.

    Raises:
        UsageError: no such device, or not on this machine.
    """
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {wanted!r} cannot be used here: {_line(error)}") from error
    return device


def choose_dtype(wanted: str) -> torch.dtype:
    """Turn a name into a dtype. ``auto`` is float32: bfloat16 shifts metrics by up to 5 %.

    Raises:
        UsageError: unknown name.
    """
    try:
        return _DTYPES["float32" if wanted == "auto" else wanted]
    except KeyError:
        known = ", ".join(["auto", *_DTYPES])
        raise UsageError(f"unknown dtype {wanted!r}; choose from {known}") from None


def load_model(
    located: Located,
    config: transformers.PretrainedConfig,
    *,
    device: torch.device,
    dtype: torch.dtype,
    context: int | None = None,
) -> LoadedModel:
    """Load the weights and find out by a probe what kind of model they make.

    Attention runs through SDPA where the architecture supports it.

    Args:
        located: where the weights are.
        config: the model's configuration.
        device: where to run it.
        dtype: of the weights and of the forward pass.
        context: its longest sequence, where known; kept as a fact about the model.

    Raises:
        ModelError: unreadable weights, or weights that leave parameters uninitialised.
    """
    attention = "sdpa"
    with _quiet():
        try:
            try:
                module, report = _from_pretrained(located, dtype, attention)
            except ValueError as error:
                if "scaled_dot_product_attention" not in str(error):
                    raise
                attention = "eager"
                module, report = _from_pretrained(located, dtype, attention)
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            raise ModelError(f"cannot load {located.name}: {_line(error)}") from error
    # A pooler comes after the last hidden state; many encoders are saved without.
    absent = sorted(key for key in report["missing_keys"] if not key.startswith("pooler"))
    if absent:
        raise ModelError(
            f"{located.name} lacks {len(absent)} weights, {absent[0]} first; measuring would "
            "use random numbers in their place; get a complete checkpoint"
        )
    module = module.to(device).eval()
    found = probe(module, config)
    facts = Model(
        name=located.name,
        source=located.source,
        kind=found.kind,
        architecture=config.model_type,
        n_layers=sum(stack.n_layers for stack in found.stacks),
        hidden_size=config.hidden_size,
        n_parameters=sum(p.numel() for p in module.parameters()),
        vocab_size=config.vocab_size,
        context_length=context,
    )
    start = getattr(config, "decoder_start_token_id", None)
    return LoadedModel(
        module=module,
        facts=facts,
        stacks=found.stacks,
        attention=attention,
        device=device,
        dtype=dtype,
        decoder_start_token_id=start if start is not None else config.pad_token_id,
    )


def _from_pretrained(
    located: Located, dtype: torch.dtype, attention: str
) -> tuple[torch.nn.Module, dict[str, set[str]]]:
    module, report = AutoModel.from_pretrained(
        located.folder,
        dtype=dtype,
        attn_implementation=attention,
        output_loading_info=True,
        **located._options,
    )
    return module, report


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' own progress bars and advice off the terminal."""
    logging = transformers.utils.logging
    verbosity = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        # The bar of GGUF conversion obeys neither switch.
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
