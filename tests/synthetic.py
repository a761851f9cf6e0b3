"""A small plausible run, made without a model: what the store and the questions are tested on."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations

import numpy as np

from embstore.choices import TOKEN_SCOPES, Scope
from embstore.metrics.registry import PAIR_METRICS, metric_infos
from embstore.types import (
    Checkpoint,
    Configuration,
    Corpus,
    CurvePoint,
    Failure,
    Kind,
    Layer,
    LayerDistance,
    LayerKey,
    MassiveActivation,
    Measured,
    Measurement,
    MetricInfo,
    Model,
    Provenance,
    Run,
    Score,
    Spectrum,
    Stack,
)

Values = Callable[[str, LayerKey, Scope, float], float | None]

METRICS: tuple[MetricInfo, ...] = (
    MetricInfo(
        name="anisotropy",
        version=1,
        title="Anisotropy",
        symbol="A",
        formula="λ₁ / Σ λᵢ",
        unit="1",
        lower="1/d",
        upper="1",
        citation="Razzhigaev et al., EACL 2024, arXiv 2311.05928",
    ),
    MetricInfo(
        name="twonn",
        version=1,
        title="Intrinsic dimension (TwoNN)",
        symbol="ID",
        formula="(n - 1) / Σ log μᵢ",
        unit="dimensions",
        lower="0",
        upper="inf",
        citation="Facco et al., Scientific Reports 7, 2017",
    ),
    MetricInfo(
        name="mean_cosine",
        version=1,
        title="Mean cosine similarity",
        symbol="c",
        formula="(|Σ uᵢ|² - n) / (n (n - 1))",
        unit="1",
        lower="-1/(n-1)",
        upper="1",
        citation="Ethayarajh, EMNLP 2019, arXiv 1909.00512",
    ),
)

# More of the catalogue, for the questions that are about them.
_ASKED_FOR = (
    *("lid_p25", "lid_p50", "lid_p75", "massive_ratio"),
    *("linearity_next", "linearity_residual_next"),
    *("adjacent_cosine", "cka_next", "neighbor_overlap_next"),
)
ALL_METRICS: tuple[MetricInfo, ...] = (
    *METRICS,
    *(info for info in metric_infos(pairs=True) if info.name in _ASKED_FOR),
)

# The standard error of a metric as a share of its value; the others have none.
ERRORS: Mapping[str, float] = {"twonn": 0.05}

RANKS = (1, 2)
# So many states are compared with each other.
_COMPARED = 16


def bell(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
    """A decoder's profile: a bell in scope ``all``, little of it elsewhere."""
    height = 0.9 if scope == "all" else 0.1
    if metric == "anisotropy":
        return 0.05 + height * 4 * depth * (1 - depth)
    if metric == "twonn":
        return 8.0 + 4 * depth + key.layer / 100
    if metric == "massive_ratio":
        return 2000.0
    return 0.1 + 0.2 * depth


def flat(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
    """An encoder's profile: the same everywhere but for a trace of the layer."""
    return (12.0 if metric == "twonn" else 0.09) + key.layer / 1000


def _keys(kind: Kind, n_layers: int) -> list[tuple[LayerKey, float]]:
    stacks: dict[Kind, tuple[Stack, ...]] = {
        "encoder": ("encoder",),
        "decoder": ("decoder",),
        "encoder-decoder": ("encoder", "decoder"),
    }
    keys = []
    for stack in stacks[kind]:
        for layer in range(n_layers + 1):
            site = LayerKey(stack, layer, "block" if layer else "embedding")
            keys.append((site, layer / n_layers))
        if stack == "decoder":
            keys.append((LayerKey(stack, n_layers, "final_norm"), 1.0))
    return keys


@dataclass(frozen=True)
class _Numbers:
    """Which metrics a run has, and the rules that give their values and errors."""

    metrics: tuple[MetricInfo, ...]
    values: Values
    errors: Mapping[str, float]


def _measured(
    kind: Kind, n_layers: int, hidden_size: int, tokens: int, numbers: _Numbers
) -> Measured:
    values = numbers.values
    n_of: dict[Scope, int] = {"all": tokens, "no_first": tokens - 4, "no_sinks": tokens - 5}
    layers, measurements, spectra, massive, curves = [], [], [], [], []
    for key, depth in _keys(kind, n_layers):
        layers.append(
            Layer(
                key=key,
                depth=depth,
                hidden_size=hidden_size,
                n_tokens=tokens,
                n_first=4,
                n_sinks=1,
                n_sample=tokens,
                n_duplicates=3,
                n_zero=0,
                neighbor_method="exact",
                neighbor_recall=1.0,
            )
        )
        massive += [
            MassiveActivation(
                key=key,
                rank=rank,
                window_index=rank - 1,
                position=0,
                token_id=7 + rank,
                coordinate=3,
                value=-1000.0 / rank,
                token=f"word{rank}",
            )
            for rank in (1, 2)
        ]
        for scope in TOKEN_SCOPES:
            for metric in numbers.metrics:
                if metric.name in PAIR_METRICS and depth == 1:
                    # Of a layer and the next: the last has none.
                    continue
                value = values(metric.name, key, scope, depth)
                share = numbers.errors.get(metric.name)
                error = None if value is None or share is None else share * value
                measurements.append(
                    Measurement(
                        key=key,
                        scope=scope,
                        metric=metric.name,
                        value=value,
                        n=n_of[scope],
                        reason="undefined in this example" if value is None else None,
                        std_error=error,
                        ci_low=None if value is None or error is None else value - 1.96 * error,
                        ci_high=None if value is None or error is None else value + 1.96 * error,
                    )
                )
            # A dimension that grows with depth and falls with scale; distances double.
            curves += [
                CurvePoint(
                    key=key,
                    scope=scope,
                    rank=rank,
                    dimension=8.0 + 4 * depth - rank,
                    mean_distance=1.5 * rank,
                    n=n_of[scope] - 3,
                    std_error=0.25,
                    ci_low=7.5 + 4 * depth - rank,
                    ci_high=8.5 + 4 * depth - rank,
                )
                for rank in RANKS
            ]
            share = values("anisotropy", key, scope, depth) or 0.5
            rest = (1 - share) / (hidden_size - 1)
            eigenvalues = np.array([share] + [rest] * (hidden_size - 1), dtype=np.float64)
            spectra.append(Spectrum(key, scope, 10 * eigenvalues, n_of[scope]))
    distances = [
        LayerDistance(
            key=key,
            other_layer=other.layer,
            scope=scope,
            distance=0.4 * (other.layer - key.layer) / n_layers,
            n=n_of[scope],
            std_error=0.01,
            ci_low=0.4 * (other.layer - key.layer) / n_layers - 0.02,
            ci_high=0.4 * (other.layer - key.layer) / n_layers + 0.02,
        )
        # Of deep models the first: there are as many as layers squared.
        for key, other in combinations((layer.key for layer in layers[:_COMPARED]), 2)
        for scope in TOKEN_SCOPES
        if key.stack == other.stack and other.site != "final_norm"
    ]
    return Measured(
        massive=tuple(massive),
        layers=tuple(layers),
        measurements=tuple(measurements),
        spectra=tuple(spectra),
        curves=tuple(curves),
        distances=tuple(distances),
        forward_seconds=2.5,
        geometry_seconds=0.5,
    )


def make_run(
    *,
    name: str = "example/decoder-small",
    kind: Kind = "decoder",
    architecture: str | None = None,
    revision: str = "main",
    step: int | None = None,
    tokens_seen: int | None = None,
    corpus: str = "example-text",
    n_layers: int = 4,
    hidden_size: int = 8,
    tokens: int = 256,
    seed: int = 0,
    created_at: datetime = datetime(2026, 11, 2, 9, 30, tzinfo=UTC),
    repeat: int = 0,
    tags: Mapping[str, str] | None = None,
    values: Values | None = None,
    metrics: tuple[MetricInfo, ...] = METRICS,
    errors: Mapping[str, float] = ERRORS,
    windows: str = "tokens",
    shuffle: str = "none",
    weights: str = "",
    text: str = "",
) -> Run:
    """Make a run whose numbers are known in advance.

    ``values(metric, key, scope, depth)`` gives each number, by default a bell for
    decoders and a flat line for encoders; ``errors`` gives their standard errors, as
    shares of the values. Equal arguments make equal runs; each
    model name, revision and corpus name has a fingerprint of its own, and ``weights`` and
    ``text`` make another of the same name. Models of one name need other ``weights`` and, say,
    another ``hidden_size``.
    """
    chosen = values or (flat if kind == "encoder" else bell)
    stacks = 2 if kind == "encoder-decoder" else 1
    return Run(
        model=Model(
            name=name,
            source="hub",
            kind=kind,
            architecture=architecture
            or {"encoder": "BertModel", "decoder": "LlamaModel"}.get(kind, "T5Model"),
            n_layers=stacks * n_layers,
            hidden_size=hidden_size,
            n_parameters=12 * stacks * n_layers * hidden_size**2,
            vocab_size=1000,
            context_length=512,
        ),
        checkpoint=Checkpoint(
            revision=revision,
            weights_sha256=f"weights of {name} at {revision}" + f", {weights}" * bool(weights),
            weights_bytes=48 * stacks * n_layers * hidden_size**2,
            step=step,
            tokens_seen=tokens_seen,
        ),
        corpus=Corpus(
            name=corpus,
            source=f"{corpus}.txt",
            sha256=f"text of {corpus}" + f", {text}" * bool(text),
            n_documents=3,
            n_chars=9000,
            n_bytes=9100,
        ),
        configuration=Configuration(
            tokens=tokens,
            window_size=64,
            n_windows=tokens // 64,
            sample_size=tokens,
            seed=seed,
            dtype="float32",
            sink_threshold=10.0,
            scopes=",".join(TOKEN_SCOPES),
            n_special_tokens=0,
            tokenizer_sha256=f"tokenizer of {name}",
            # As of runs over the text as it is, unless another is said.
            token_ids_sha256=f"tokens of {corpus}"
            + f", {text}" * bool(text)
            + f", {shuffle}" * (shuffle != "none"),
            windows=windows,
            shuffle=shuffle,
        ),
        provenance=Provenance(
            created_at=created_at,
            embstore_version="0.1.0",
            git_commit=None,
            git_dirty=None,
            python_version="3.11.9",
            torch_version="2.13.0",
            transformers_version="5.23.0",
            duckdb_version="1.5.5",
            numpy_version="2.4.0",
            device="cpu",
            attention="sdpa",
            linear="torch",
            accumulation_dtype="float64",
            batch_size=8,
            wall_seconds=3.5,
            forward_seconds=2.5,
            geometry_seconds=0.5,
            peak_memory_bytes=400_000_000,
        ),
        measured=_measured(kind, n_layers, hidden_size, tokens, _Numbers(metrics, chosen, errors)),
        metrics=metrics,
        repeat=repeat,
        tags=dict(tags or {}),
    )


def make_failure(model: str = "m", revision: str = "r", *, study: str | None = None) -> Failure:
    """Make the record of a checkpoint whose weights could not be loaded."""
    when = datetime(2026, 11, 1, tzinfo=UTC)
    return Failure(model, revision, "load", "why", "text", when, "0.1.0", study)


def with_weights(run: Run, sha256: str) -> Run:
    """Give its checkpoint weights of a certain fingerprint."""
    return replace(run, checkpoint=replace(run.checkpoint, weights_sha256=sha256))


def with_effects(run: Run, effects: Callable[[Measurement], Sequence[float]]) -> Run:
    """Say how much each window moves each number; its standard error follows from that."""

    def moved(measurement: Measurement) -> Measurement:
        found = tuple(effects(measurement))
        n = len(found)
        error = math.hypot(*found) * math.sqrt(n / (n - 1))
        return replace(measurement, std_error=error, window_effects=found)

    measured = replace(run.measured, measurements=tuple(map(moved, run.measured.measurements)))
    return replace(run, measured=measured)


def with_windows(run: Run, **numbers: Callable[[LayerKey], Sequence[float]]) -> Run:
    """Add metrics of single windows to a run, by what each window has at a layer."""
    chosen = {info.name: info for info in metric_infos(pairs=False) if info.name in numbers}

    def added(name: str, key: LayerKey, scope: Scope) -> Measurement:
        found = np.asarray(numbers[name](key))
        n, effects = len(found), (found - found.mean()) / len(found)
        error = found.std(ddof=1) / n**0.5
        return Measurement(
            key, scope, name, float(found.mean()), n, std_error=error, window_effects=tuple(effects)
        )

    measurements = [
        added(name, layer.key, scope)
        for layer in run.measured.layers
        for scope in TOKEN_SCOPES
        for name in chosen
    ]
    measured = replace(run.measured, measurements=(*run.measured.measurements, *measurements))
    return replace(run, measured=measured, metrics=(*run.metrics, *chosen.values()))


def make_scores(*runs: Run, name: str = "arc_easy/acc") -> list[Score]:
    """Score the checkpoints of some runs, each higher than the one before."""
    whose = dict.fromkeys((run.model.name, run.checkpoint.revision) for run in runs)
    return [
        Score(
            model=model,
            revision=revision,
            name=name,
            value=0.25 + place / 100,
            std_error=0.01,
            source="scores.csv",
        )
        for place, (model, revision) in enumerate(whose)
    ]
