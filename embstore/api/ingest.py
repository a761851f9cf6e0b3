"""``embstore.ingest`` and ``ingest_study``: models into a store, in Python."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from embstore.choices import DEFAULT_SCOPES, Sampling
from embstore.errors import UsageError

if TYPE_CHECKING:
    from embstore.ingestion.outcome import Outcome
    from embstore.ingestion.request import Request


def ingest(
    models: str | Path | Sequence[str | Path],
    *,
    corpus: str | Path,
    store: str | Path | None = None,
    revisions: str | Iterable[str] | None = None,
    text_field: str | None = None,
    windows: str = Sampling.windows,
    shuffle: str | Iterable[str] = Sampling.shuffle,
    tokens: int = Sampling.tokens,
    window: int | None = Sampling.window,
    batch_size: int | None = None,
    sample: int = Sampling.sample,
    seed: int = Sampling.seed,
    device: str | Iterable[str] = "auto",
    dtype: str = "auto",
    tags: Mapping[str, str] | None = None,
    name: str | None = None,
    tokenizer: str | Path | None = None,
    group: str | None = None,
    scopes: str | Iterable[str] = DEFAULT_SCOPES,
    metrics: str | Iterable[str] = "default",
    pairs: bool = True,
    intervals: bool = True,
    head: bool = False,
    attention: bool = False,
    random_init: bool = False,
    allow_pickle: bool = False,
    allow_remote_code: bool = False,
    evict: bool = False,
    force: bool = False,
    shard: str | None = None,
    ray: str | None = None,
) -> "list[Outcome]":
    """Measure models over a text into a store: ``embstore ingest`` as a function.

    Args:
        models: Hub id (also ``ID@REVISION``), model folder, folder of checkpoints or ``.gguf``
            file, or several.
        corpus: a text, a data set, ``enwik8``, or a folder of images.
        store: a DuckDB file, created if missing; None for ``EMBSTORE_STORE`` or
            ``embstore.duckdb``.
        revisions: which checkpoints of each model: ``all``, names, patterns, ``every:N``.
        text_field: which field or column of the corpus holds its text; None for ``text``.
        windows: what a window holds: ``tokens`` of the corpus as one text, or one of its
            ``documents``: records, articles, files, lines of a ``.txt``.
        shuffle: as a control, ``tokens`` or ``words`` of each window in another order; blocks of
            them as ``tokens:64``. A run of its own, beside that of the text as it is; several,
            as ``["none", "words"]``, are measured one after the other.
        tokens: fed to each model, rounded down to whole windows.
        window: tokens per sequence, at which longer documents are cut; None for 512 or the
            model's limit, if lower.
        batch_size: windows per forward pass; None to fit a fixed amount of memory.
        sample: tokens kept for neighbours and quantiles.
        seed: draws the windows, the kept tokens, the order of what is shuffled, and the weights
            of ``random_init``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; or several, as
            ``cuda:0,cuda:1``: as many checkpoints are then measured at once, each in a process
            of its own.
        dtype: ``auto`` (float32), ``float32``, ``bfloat16`` or ``float16``.
        tags: stored with the run.
        name: what the store calls the model; for a single model.
        tokenizer: a model whose tokenizer is used instead of each one's own.
        group: says that the models are seeds of one another, and what they are together called:
            one line with a band in every profile. No number depends on it; of a model that was
            in another group the last word counts.
        scopes: which sets of tokens to measure, some of ``all``, ``no_first`` and
            ``no_sinks``; and ``last`` and ``mean``, one vector for each window: its last
            token, or the mean of its ordinary ones.
        metrics: which, by name, family or preset (``core``, ``default``, ``all``). What none of
            them takes is not computed. Where the store has other metrics of the same sample, the
            missing ones are measured, and a new run has them all.
        pairs: whether to compare each layer with the next.
        intervals: whether numbers get standard errors and intervals, which takes longer.
        head: load the language-model head, too, and measure what it predicts from each layer:
            the metrics of the family ``head``.
        attention: run eager attention, and measure where it goes: the metrics of the family
            ``attention``.
        random_init: measure the untrained architecture instead, as a control.
        allow_pickle: load pickled weights, which can run code.
        allow_remote_code: run Python code that comes with a model.
        evict: delete each downloaded checkpoint once it is measured.
        force: measure again even if the same work is stored.
        shard: ``I/N`` for the I-th of N shares of the checkpoints, which other machines divide
            alike; into a store of its own where ``store`` is None.
        ray: measure as tasks of a Ray cluster: its address, or ``local`` for this machine.

    Returns:
        What became of each checkpoint: measured now, or stored before.

    Raises:
        IngestError: some of several checkpoints failed; ``outcomes`` says which and why, and
            the others are stored.
        KeptError: runs were measured and could not be stored; ``outcomes`` says in which files
            they are. The next ingest into the store takes them in, and so does ``take_in``.
        EmbstoreError: a model, the text, an option or the store cannot be used; checkpoints
            before it are stored.
    """
    from embstore.ingestion.request import (
        build_models,
        build_request,
        build_settings,
        on_this_machine,
    )
    from embstore.inputs.sampling import check_windows

    request = build_request(
        build_models(
            models,
            name=name,
            revisions=revisions,
            random_init=random_init,
            tokenizer=tokenizer,
            group=group,
        ),
        corpus,
        build_settings(
            Sampling(
                tokens=tokens,
                window=window,
                sample=sample,
                seed=seed,
                windows=check_windows(windows),
            ),
            shuffles=shuffle,
            dtype=dtype,
            tags=tags,
            scopes=scopes,
            metrics=metrics,
            pairs=pairs,
            intervals=intervals,
            head=head,
            attention=attention,
            text_field=text_field,
        ),
    )
    request = on_this_machine(
        request,
        batch_size=batch_size,
        device=device,
        allow_pickle=allow_pickle,
        allow_remote_code=allow_remote_code,
        evict=evict,
        force=force,
        shard=shard,
        ray=ray,
    )
    return _run(request, store)


def ingest_study(
    study: str | Path,
    *,
    models: str | Path | Sequence[str | Path] | None = None,
    name: str | None = None,
    group: str | None = None,
    revisions: str | Iterable[str] | None = None,
    corpus: str | Path | None = None,
    text_field: str | None = None,
    tokens: int | None = None,
    window: int | None = None,
    dtype: str | None = None,
    store: str | Path | None = None,
    batch_size: int | None = None,
    device: str | Iterable[str] = "auto",
    allow_pickle: bool = False,
    allow_remote_code: bool = False,
    evict: bool = False,
    force: bool = False,
    shard: str | None = None,
    ray: str | None = None,
) -> "list[Outcome]":
    """Measure what a study asks for: ``embstore ingest --study`` as a function.

    Args:
        study: a TOML file, or the name of a study that comes with embstore.
        models: measured in the place of the study's, in the same way; None for the study's.
        name: what the store calls such a model; for a single one.
        group: what these models, as seeds of one another, are together called.
        revisions: which checkpoints of these models.
        corpus: a text in the place of the study's.
        text_field: which field or column of that text holds it.
        tokens: how many are fed to each model; None for as many as the study says.
        window: tokens per sequence; None for those of the study.
        dtype: of the forward pass; None for that of the study.
        store: as in ``ingest``, like everything else here.
        batch_size: windows per forward pass.
        device: where models run; one or several.
        allow_pickle: load pickled weights, which can run code.
        allow_remote_code: run Python code that comes with a model.
        evict: delete each downloaded checkpoint once it is measured.
        force: measure again even if the same work is stored.
        shard: ``I/N`` for a share of the checkpoints.
        ray: the address of a Ray cluster, or ``local``.

    Returns:
        What became of each checkpoint.

    Raises:
        UsageError: the study cannot be read, a name or revisions are given without models, or a
            field without a corpus.
        EmbstoreError: as ``ingest``.
    """
    from embstore.ingestion.request import build_models, on_this_machine
    from embstore.ingestion.studies.study import Instead, read_study

    for setting, value, needed, other in (
        ("name", name, "models", models),
        ("group", group, "models", models),
        ("revisions", revisions, "models", models),
        ("text_field", text_field, "corpus", corpus),
    ):
        if value is not None and other is None:
            raise UsageError(f"{setting} is given without {needed}, and the study sets its own")
    instead = Instead(
        None
        if models is None
        else build_models(models, name=name, group=group, revisions=revisions),
        corpus,
        text_field,
        tokens,
        window,
        dtype,
    )
    request = on_this_machine(
        read_study(study, instead).request,
        batch_size=batch_size,
        device=device,
        allow_pickle=allow_pickle,
        allow_remote_code=allow_remote_code,
        evict=evict,
        force=force,
        shard=shard,
        ray=ray,
    )
    return _run(request, store)


def _run(request: "Request", store: str | Path | None) -> "list[Outcome]":
    # torch and transformers: seconds to import.
    from embstore.ingestion.outcome import error_of
    from embstore.ingestion.run import ingest as run

    shard = request.settings.shard
    if store is None and shard is not None:
        store = shard.own_store()
    outcomes = list(run(request, store))
    if error := error_of(outcomes):
        raise error
    return outcomes
