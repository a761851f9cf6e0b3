"""How a model in training is measured, said as to ``embstore.ingest``."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypedDict, Unpack

from embstore.choices import DEFAULT_SCOPES, Sampling
from embstore.ingestion.request import Settings, build_settings
from embstore.inputs.sampling import check_windows, whole_number


class How(TypedDict, total=False):
    """What may be said of measuring; each means the same, and is the same unsaid, as in ``ingest``.

    Attributes:
        tokens: fed to the model, rounded down to whole windows.
        window: tokens per sequence.
        sample: tokens kept for neighbours and quantiles.
        seed: draws the windows, the kept tokens and the order of what is shuffled.
        windows: what a window holds: ``tokens`` of the corpus as one text, or a document.
        shuffle: as a control, what is shuffled in each window.
        batch_size: windows per forward pass.
        dtype: of the forward pass, whatever the training's is.
        scopes: which sets of tokens, or vectors of windows.
        metrics: which, by name, family or preset.
        pairs: whether to compare each layer with the next.
        intervals: whether numbers get standard errors and intervals.
        head: whether to measure what the model's head predicts from each layer.
        attention: whether to measure where attention goes, with the eager kernel.
        tags: stored with the runs.
        text_field: which field or column of the corpus holds its text.
        allow_pickle: load pickled weights, which can run code, of the base of an adapter.
        allow_remote_code: run Python code that comes with the model.
    """

    tokens: int
    window: int | None
    sample: int
    seed: int
    windows: str
    shuffle: str
    batch_size: int | None
    dtype: str
    scopes: str | Iterable[str]
    metrics: str | Iterable[str]
    pairs: bool
    intervals: bool
    head: bool
    attention: bool
    tags: Mapping[str, str]
    text_field: str | None
    allow_pickle: bool
    allow_remote_code: bool


def settings_of(**how: Unpack[How]) -> Settings:
    """Check what is said.

    Raises:
        TypeError: a word that is none of these.
        UsageError: one of the values will not do; says which and why.
    """
    if unknown := sorted(how.keys() - How.__annotations__.keys()):
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}")
    batch_size = how.get("batch_size")
    settings = build_settings(
        Sampling(
            tokens=how.get("tokens", Sampling.tokens),
            window=how.get("window", Sampling.window),
            sample=how.get("sample", Sampling.sample),
            seed=how.get("seed", Sampling.seed),
            windows=check_windows(how.get("windows", Sampling.windows)),
            shuffle=how.get("shuffle", Sampling.shuffle),
        ),
        dtype=how.get("dtype", "auto"),
        tags=how.get("tags"),
        scopes=how.get("scopes", DEFAULT_SCOPES),
        metrics=how.get("metrics", "default"),
        pairs=how.get("pairs", True),
        intervals=how.get("intervals", True),
        head=how.get("head", False),
        attention=how.get("attention", False),
        text_field=how.get("text_field"),
    )
    return replace(
        settings,
        batch_size=None if batch_size is None else whole_number("batch size", batch_size, least=1),
        allow_pickle=how.get("allow_pickle", False),
        allow_remote_code=how.get("allow_remote_code", False),
    )
