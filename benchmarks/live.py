"""What measuring during training costs: against an ingest of the saved checkpoint, and in all."""

import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

import embstore
from benchmarks.forward import sampling_of
from benchmarks.scale import Scale
from benchmarks.sections import Bar, Section, Table
from embstore import Recorder
from embstore.choices import Sampling
from embstore.demo import MODELS, TEXT, packaged
from embstore.ingestion.training.how import How

# What a training is allowed to spend on being measured.
SHARE = 0.05
_BATCH, _LENGTH = 8, 64


def run(scale: Scale) -> Section:
    """Measure all-MiniLM live and from its folder, then train it with a cap on the cost."""
    folder = packaged(MODELS[-1])
    model = AutoModel.from_pretrained(folder).train()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows, bars = [], []
    for name, how in _manners(sampling_of(scale)).items():
        live, saved = _paired(model, tokenizer, how, scale.repeats(5))
        ratio = statistics.median(a / b for a, b in zip(live, saved, strict=True))
        rows.append(
            (
                name,
                f"{statistics.median(live):.2f}",
                f"{statistics.median(saved):.2f}",
                f"{ratio:.2f}",
            )
        )
        bars.append(Bar(f"live, {name}", ratio))
    seconds = 10.0 if scale.quick else 180.0
    measured, overhead, steps = _capped(model, tokenizer, sampling_of(scale), seconds)
    bars.append(Bar("overhead", overhead))
    text = (
        f"{MODELS[-1].name} in training mode, measured by a `Recorder` that writes it to identify "
        "its weights, against `embstore.ingest` of the folder saved at that moment, in turns, "
        f"each into a store that has neither. Then {seconds:.0f} s of training, batches of "
        f"{_BATCH} x {_LENGTH} tokens, at every step of which a measurement with `core` and no "
        f"intervals is asked for, with `max_overhead={SHARE}`: {measured} of {steps:,} were made."
    )
    header = ("metrics", "live s", "from the folder s", "live / folder")
    return Section("Measuring during training", text, (Table(header, tuple(rows)),), tuple(bars))


def _manners(sampling: Sampling) -> dict[str, How]:
    sizes = How(tokens=sampling.tokens, window=sampling.window, sample=sampling.sample)
    return {
        "core, no intervals": How(**{**sizes, "metrics": "core", "intervals": False}),
        "default": sizes,
    }


def _paired(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, how: How, repeats: int
) -> tuple[list[float], list[float]]:
    """Measure the same weights live and from the folder; they change from pair to pair."""
    live, saved = [], []
    with tempfile.TemporaryDirectory() as temporary:
        top = Path(temporary)
        text = packaged(TEXT)
        with Recorder(
            model,
            tokenizer,
            corpus=text,
            name="run",
            store=top / "live.duckdb",
            say=_nothing,
            **how,
        ) as recorder:
            # The first pair warms up: code is compiled, the text is cleaned.
            for step in range(repeats + 1):
                with torch.no_grad():
                    next(model.parameters()).mul_(1.001)
                began = time.perf_counter()
                recorder.measure(step)
                live.append(time.perf_counter() - began)
                folder = top / "run" / f"checkpoint-{step}"
                model.save_pretrained(folder)
                tokenizer.save_pretrained(folder)
                began = time.perf_counter()
                embstore.ingest(folder, corpus=text, store=top / "saved.duckdb", **how)
                saved.append(time.perf_counter() - began)
    return live[1:], saved[1:]


def _capped(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sampling: Sampling, seconds: float
) -> tuple[int, float, int]:
    """Train for some time; return how often it was measured, at which share, and its steps."""
    how = How(tokens=sampling.tokens, window=sampling.window, metrics="core", intervals=False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    generator = torch.Generator().manual_seed(0)
    measured = step = 0
    overhead = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        store = Path(temporary) / "live.duckdb"
        with Recorder(
            model,
            tokenizer,
            corpus=packaged(TEXT),
            name="run",
            store=store,
            max_overhead=SHARE,
            say=_nothing,
            **how,
        ) as recorder:
            began = time.perf_counter()
            while time.perf_counter() - began < seconds:
                recorded = recorder.measure(step)
                measured += recorded.status == "measured"
                overhead = recorded.overhead
                _train(model, optimizer, generator)
                step += 1
    return measured, overhead, step


def _train(
    model: PreTrainedModel, optimizer: torch.optim.Optimizer, generator: torch.Generator
) -> None:
    """Take a step: two halves of a batch are pulled apart."""
    ids = torch.randint(1000, 20_000, (_BATCH, _LENGTH), generator=generator)
    states: Tensor = model(input_ids=ids).last_hidden_state.mean(1)
    loss = torch.nn.functional.cosine_similarity(states[::2], states[1::2]).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    optimizer.zero_grad()


def _nothing(_line: str) -> None:
    """Say nothing."""
