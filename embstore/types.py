"""The frozen records that travel between modules, and the words they use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from embstore.choices import Scope

Kind = Literal["encoder", "decoder", "encoder-decoder"]
Modality = Literal["text", "vision"]
Stack = Literal["encoder", "decoder"]
Site = Literal["embedding", "block", "final_norm"]

SearchMethod = Literal["exact", "pynndescent"]

# What a token has at a layer beside its vector: what the model's head, or its attention, makes of
# it, and how long the first of a window is. "attention to first" is one number for each head.
TokenNumber = Literal[
    "loss",
    "lens entropy",
    "lens divergence",
    "attention entropy",
    "attention to first",
    "first norm",
]

# What a window has by the vectors of its tokens: how alike they are, how their path turns, and of
# how many dimensions they are as a cloud of their own.
WindowNumber = Literal["cosine", "entropy", "matrix entropy", "curvature", "dimension"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, order=True)
class LayerKey:
    """Which hidden state: the stack, the number of blocks applied, and the site.

    ``layer`` is the index in ``hidden_states``: 0 is the embedding output and
    ``n_layers`` the last. A model with a final norm has two states at
    ``layer == n_layers``, told apart by ``site``: the last block's own output
    and, after it, the normalised one that the model returns.
    """

    stack: Stack
    layer: int
    site: Site


@dataclass(frozen=True)
class Corpus:
    """A text source after cleaning. ``sha256`` is over its UTF-8 text."""

    name: str
    source: str
    sha256: str
    n_documents: int
    n_chars: int
    n_bytes: int


@dataclass(frozen=True)
class Model:
    """Facts about an architecture.

    ``n_layers`` counts the blocks of all its stacks; ``vocab_size`` is None for a model that
    reads images.
    """

    name: str
    source: Literal["hub", "folder", "gguf"]
    kind: Kind
    architecture: str
    n_layers: int
    hidden_size: int
    n_parameters: int
    vocab_size: int | None
    context_length: int | None
    modality: Modality = "text"


@dataclass(frozen=True)
class Checkpoint:
    """A model's weights at one revision; ``step`` and ``tokens_seen`` where known.

    ``weights_sha256`` is of the tensors where they have been read, else of their files.
    ``files_sha256`` is of the files, which the Hub states before any download; None where
    that is the other too.
    """

    revision: str
    weights_sha256: str
    weights_bytes: int
    step: int | None = None
    tokens_seen: int | None = None
    files_sha256: str | None = None


@dataclass(frozen=True)
class Layer:
    """One measured hidden state and the token counts behind its numbers.

    ``n_first`` and ``n_sinks`` are what scope ``no_sinks`` leaves out, and are the
    same for every layer of a stack. ``n_duplicates`` counts the sampled tokens
    (scope ``all``) that repeat another one exactly. ``neighbor_recall`` is the share of
    true neighbours that the search found, 1 for an exact one; None without a search.
    """

    key: LayerKey
    depth: float
    hidden_size: int
    n_tokens: int
    n_first: int
    n_sinks: int
    n_sample: int
    n_duplicates: int
    n_zero: int
    neighbor_method: SearchMethod | None = "exact"
    neighbor_recall: float | None = 1.0


@dataclass(frozen=True)
class Measurement:
    """One number: a metric of one layer in one scope.

    ``value`` is None where the metric is undefined, and then ``reason`` says why.
    ``n`` is the number of vectors behind the number. ``window_effects`` says how much each
    window of the run moves it: through them, runs over the same tokens are compared.
    """

    key: LayerKey
    scope: Scope
    metric: str
    value: float | None
    n: int
    reason: str | None = None
    std_error: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    window_effects: tuple[float, ...] | None = None


@dataclass(frozen=True)
class MetricInfo:
    """What a metric means, as documentation and as rows of table ``metric``.

    ``lower`` and ``upper`` are bounds written with n (vectors) and d (dimensions).
    ``name`` is permanent; a changed definition raises ``version``. ``uncertainty`` says how
    its standard error and interval are made.
    """

    name: str
    version: int
    title: str
    symbol: str
    formula: str
    unit: str
    lower: str
    upper: str
    citation: str
    uncertainty: str = "none"


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Covariance eigenvalues of one layer in one scope, largest first, (d,)."""

    key: LayerKey
    scope: Scope
    eigenvalues: FloatArray
    n: int


@dataclass(frozen=True)
class CurvePoint:
    """The intrinsic dimension of a layer at one scale, from r_{2·rank}/r_rank (Gride).

    ``mean_distance`` is the mean of r_rank and r_{2·rank}, ``n`` the number of distinct points.
    Both numbers are None where the distances leave them undefined, and the distance where
    float64 cannot hold it. ``window_effects`` says how much each window of the run moves the
    dimension.
    """

    key: LayerKey
    scope: Scope
    rank: int
    dimension: float | None
    mean_distance: float | None
    n: int
    std_error: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    window_effects: tuple[float, ...] | None = None


@dataclass(frozen=True)
class LayerDistance:
    """How far two layers of a stack are apart: the mean angle between their vectors, over π.

    ``key`` is the earlier one, ``other_layer`` the number of the later one, a block. None where
    no token has a direction in both, or the layers differ in width.
    """

    key: LayerKey
    other_layer: int
    scope: Scope
    distance: float | None
    n: int
    std_error: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None


@dataclass(frozen=True)
class MassiveActivation:
    """One of the largest coordinates of a layer, over all tokens.

    ``rank`` is 1 for the largest. ``window_index`` and ``position`` say where the token
    stands in the sample, both from 0; ``token`` is its text, where the tokenizer gives one.
    """

    key: LayerKey
    rank: int
    window_index: int
    position: int
    token_id: int
    coordinate: int
    value: float
    token: str | None = None


@dataclass(frozen=True)
class Measured:
    """Everything one pass over one checkpoint yields."""

    layers: tuple[Layer, ...]
    measurements: tuple[Measurement, ...]
    spectra: tuple[Spectrum, ...]
    massive: tuple[MassiveActivation, ...]
    curves: tuple[CurvePoint, ...]
    forward_seconds: float
    geometry_seconds: float
    distances: tuple[LayerDistance, ...] = ()


@dataclass(frozen=True)
class Configuration:
    """What decides the numbers of a run besides weights, text and code version.

    Its fields, with the checkpoint and the metric versions, make the run's id, so
    the device, the attention kernel and the batch size, which only move rounding,
    are not among them. ``intervals`` says whether numbers have errors, ``windows`` what a window
    holds, and ``shuffle`` what has lost its order in each, as ``Sampling`` says them.
    """

    tokens: int
    window_size: int
    n_windows: int
    sample_size: int
    seed: int
    dtype: str
    sink_threshold: float
    scopes: str
    n_special_tokens: int
    tokenizer_sha256: str
    token_ids_sha256: str
    intervals: bool = True
    windows: str = "tokens"
    shuffle: str = "none"


@dataclass(frozen=True)
class Provenance:
    """Where, when, with what and at which cost a run was made."""

    created_at: datetime
    embstore_version: str
    git_commit: str | None
    git_dirty: bool | None
    python_version: str
    torch_version: str
    transformers_version: str
    duckdb_version: str
    numpy_version: str
    device: str
    attention: str
    linear: str
    accumulation_dtype: str
    batch_size: int
    wall_seconds: float
    forward_seconds: float
    geometry_seconds: float
    peak_memory_bytes: int


@dataclass(frozen=True)
class StudyMark:
    """The study a run belongs to: its name, and the SHA-256 of what it asks for."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Failure:
    """A checkpoint that could not be measured while others were.

    Attributes:
        model: its name.
        revision: of it.
        stage: how far it came: ``locate``, ``plan``, ``fetch``, ``load`` or ``measure``.
        reason: one line.
        corpus: the text it was to be measured over.
        failed_at: when.
        embstore_version: the version that could not measure it.
        study: name of the study that asked for it, if one did.
    """

    model: str
    revision: str
    stage: str
    reason: str
    corpus: str
    failed_at: datetime
    embstore_version: str
    study: str | None = None


@dataclass(frozen=True, kw_only=True)
class Score:
    """What an evaluation elsewhere says of a model.

    Attributes:
        model: as the evaluation names it; it need not be stored.
        revision: of it; None where none is named.
        step: of its training; None where none is named.
        name: what was scored, such as ``arc_easy/acc``.
        value: the score, finite.
        std_error: of it; None where it is not known.
        scored_at: when it was evaluated; None where that is not known.
        source: the file it is from.
    """

    model: str
    revision: str | None = None
    step: int | None = None
    name: str
    value: float
    std_error: float | None = None
    scored_at: datetime | None = None
    source: str

    @property
    def key(self) -> tuple[str, str | None, int | None, str]:
        """What it is a score of: model, revision, step and name."""
        return self.model, self.revision, self.step, self.name

    @property
    def whose(self) -> str:
        """What to call the checkpoint: ``MODEL@REVISION``, or the model and its step."""
        if self.revision is not None:
            return f"{self.model}@{self.revision}"
        return self.model if self.step is None else f"{self.model} at step {self.step:,}"


@dataclass(frozen=True)
class Run:
    """One checkpoint measured over one sample of one corpus, ready to be stored.

    ``repeat`` counts forced re-measurements of the same work, from 0. ``model_config`` is the
    model's configuration as JSON, as transformers read it; None where that is not known.
    """

    model: Model
    checkpoint: Checkpoint
    corpus: Corpus
    configuration: Configuration
    provenance: Provenance
    measured: Measured
    metrics: tuple[MetricInfo, ...]
    repeat: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    study: StudyMark | None = None
    model_config: str | None = None
