"""Which study is run on which models, and which figures are drawn of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Text = Literal["excerpt", "paragraphs"]

DECODER, ENCODER, TRAINING = "decoder", "encoder", "training"


@dataclass(frozen=True)
class Figure:
    """A question and how it is asked.

    Attributes:
        name: of the file, without its suffix.
        question: which.
        values: of its parameters.
    """

    name: str
    question: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """A study, on what it is run here, and its figures.

    Attributes:
        study: its name.
        models: some of ``DECODER``, ``ENCODER``, ``TRAINING``.
        text: which of the two texts takes the place of the study's.
        tokens: fed to each model, fewer than published.
        figures: what is drawn.
        window: tokens per sequence, where a model takes fewer than the study says.
        steps: of the training; None for all.
    """

    study: str
    models: tuple[str, ...]
    text: Text
    tokens: int
    figures: tuple[Figure, ...]
    window: int | None = None
    steps: str | None = None


_LAST = {"scope": "last"}

PROTOCOLS = (
    Protocol(
        "cheng2025",
        (DECODER, ENCODER),
        "excerpt",
        20_000,
        (Figure("cheng2025", "gride_profile", {**_LAST, "rank": 16}),),
    ),
    Protocol(
        "li2025",
        (TRAINING,),
        "paragraphs",
        65_536,
        (
            Figure(
                "li2025",
                "metrics_by_step",
                {**_LAST, "metrics": ["spectral_rank", "alpha_req"]},
            ),
        ),
        window=128,
    ),
    Protocol(
        "lee2025",
        (DECODER, ENCODER),
        "excerpt",
        22_000,
        (
            Figure("lee2025-layers", "shuffled_text", {**_LAST, "metric": "twonn"}),
            Figure("lee2025-linear", "shuffled_text", {**_LAST, "metric": "pca_dim_99"}),
            Figure("lee2025-size", "mean_by_size", {**_LAST, "metrics": ["twonn", "pca_dim_99"]}),
        ),
    ),
    Protocol(
        "lee2025",
        (TRAINING,),
        "excerpt",
        22_000,
        (Figure("lee2025-training", "shuffled_text", {**_LAST, "metric": "twonn"}),),
        steps="checkpoint-0,checkpoint-64,checkpoint-1536",
    ),
    Protocol(
        "viswanathan2025",
        (DECODER,),
        "excerpt",
        8192,
        (
            Figure("viswanathan2025-dimension", "shuffled_text", {"metric": "twonn_ml"}),
            Figure("viswanathan2025-cosine", "shuffled_text", {"metric": "mean_cosine"}),
        ),
    ),
    Protocol(
        "viswanathan2025-loss",
        (DECODER,),
        "excerpt",
        16_384,
        (Figure("viswanathan2025-loss", "loss_correlation", {"by": "layer"}),),
        window=256,
    ),
    Protocol(
        "skean2025",
        (DECODER, ENCODER),
        "paragraphs",
        16_384,
        (
            Figure(
                "skean2025",
                "metric_profiles",
                {"metrics": ["window_entropy", "curvature"]},
            ),
        ),
        window=256,
    ),
    Protocol(
        "queipo2025",
        (DECODER,),
        "paragraphs",
        16_384,
        (
            Figure(
                "queipo2025",
                "metric_profiles",
                {
                    "metrics": ["window_matrix_entropy", "sink_rate", "first_token_norm"],
                    "by": "layer",
                },
            ),
        ),
    ),
)
