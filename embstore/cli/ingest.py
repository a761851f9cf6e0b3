"""The command that fills a store: ingest."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from embstore.choices import DEFAULT_SCOPES, Sampling
from embstore.cli.completing import (
    complete_choices,
    complete_scopes,
    complete_shuffles,
    complete_windows,
)
from embstore.cli.conflicts import given, refuse_beside_a_spool, refuse_beside_a_study
from embstore.cli.options import FormatOption, OutputOption, StoreOption, parse_tags
from embstore.cli.outcomes import show_failures, tell, tell_findings
from embstore.cli.progress import progress_bar
from embstore.cli.terminal import TERMINAL
from embstore.errors import IngestError, UsageError

if TYPE_CHECKING:
    from embstore.ingestion.outcome import Outcome
    from embstore.ingestion.request import Request
    from embstore.ingestion.studies.study import Instead

app = typer.Typer()

_DEFAULTS = Sampling()


@app.command(
    rich_help_panel="Measure",
    epilog="Examples:\n\nembstore ingest gpt2 --corpus enwik8\n\n"
    "embstore ingest EleutherAI/pythia-70m --revisions 'every:10' --corpus enwik8 --evict\n\n"
    "embstore ingest ./my-model model.gguf --corpus notes.txt --tokens 16384 --tag lab=a\n\n"
    "embstore ingest --study tiny\n\nembstore ingest --spool embstore.duckdb.spool",
)
def ingest(
    context: typer.Context,
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL...",
            help="Hub id (also ID@REVISION), model folder, folder of checkpoints, .gguf file.",
            show_default=False,
        ),
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="enwik8; a file: .txt, .jsonl, .json, .csv, .parquet, MediaWiki .xml, also "
            "packed as .gz, .bz2, .xz, .zst or .zip; a folder of them or a pattern; - for "
            "standard input; hf:OWNER/NAME/CONFIG:SPLIT; or a folder of images.",
            rich_help_panel="What is measured",
        ),
    ] = None,
    text_field: Annotated[
        str | None,
        typer.Option(
            help="Field or column with the text; 'text' unless given.",
            rich_help_panel="What is measured",
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Take models, corpus and sampling from a study, a TOML file; a MODEL, --corpus, "
            "--tokens, --window and --dtype take the place of the study's.",
            rich_help_panel="What is measured",
        ),
    ] = None,
    store: StoreOption = None,
    revisions: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Checkpoints: all, names, patterns ('step*') and every:N, with commas between.",
            rich_help_panel="What is measured",
        ),
    ] = None,
    windows: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="What a window holds: tokens of the corpus as one text, or one of its documents "
            "(records, articles, files, lines of a .txt).",
            rich_help_panel="What is measured",
            autocompletion=complete_windows,
        ),
    ] = _DEFAULTS.windows,
    shuffle: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Shuffle tokens or words of each window, as a control; blocks of 64 as tokens:64; "
            "several with commas between, as none,words.",
            rich_help_panel="What is measured",
            autocompletion=complete_shuffles,
        ),
    ] = _DEFAULTS.shuffle,
    tokens: Annotated[
        int, typer.Option(help="Tokens fed to each model, in whole windows.", rich_help_panel="How")
    ] = _DEFAULTS.tokens,
    window: Annotated[
        int | None,
        typer.Option(
            help="Tokens per sequence, at which longer documents are cut; 512, or the model's "
            "limit if lower, unless given.",
            show_default=False,
            rich_help_panel="How",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            help="Windows per forward pass; unless given, what fits 80 MB of states.",
            show_default=False,
            rich_help_panel="Machine",
        ),
    ] = None,
    sample: Annotated[
        int, typer.Option(help="Tokens kept for neighbours and quantiles.", rich_help_panel="How")
    ] = _DEFAULTS.sample,
    seed: Annotated[
        int,
        typer.Option(
            help="Draws windows, kept tokens, --shuffle and --random-init.", rich_help_panel="How"
        ),
    ] = 0,
    device: Annotated[
        str,
        typer.Option(
            metavar="DEVICE,...",
            help="auto, cpu, cuda, cuda:N or mps; several measure as many checkpoints at once.",
            rich_help_panel="Machine",
        ),
    ] = "auto",
    dtype: Annotated[
        str,
        typer.Option(
            help="auto (float32), float32, bfloat16 or float16.", rich_help_panel="Machine"
        ),
    ] = "auto",
    tag: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Stored with the run; may be repeated.",
            rich_help_panel="Store",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="What the store calls the model; by default its id, folder or file.",
            rich_help_panel="Store",
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Say that these models are seeds of one another: one line with a band.",
            rich_help_panel="Store",
        ),
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Take the tokenizer of another model.",
            rich_help_panel="What is measured",
        ),
    ] = None,
    scopes: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Which tokens count, with commas between: all, no_first, no_sinks; or one vector "
            "for each window: last, mean.",
            rich_help_panel="How",
            autocompletion=complete_scopes,
        ),
    ] = ",".join(DEFAULT_SCOPES),
    metrics: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Names, families and presets: core, default, all.",
            rich_help_panel="How",
            autocompletion=complete_choices,
        ),
    ] = "default",
    pairs: Annotated[
        bool, typer.Option(help="Compare each layer with the next.", rich_help_panel="How")
    ] = True,
    intervals: Annotated[
        bool, typer.Option(help="Give numbers standard errors.", rich_help_panel="How")
    ] = True,
    head: Annotated[
        bool,
        typer.Option(
            "--head",
            help="Measure what the model's head predicts from each layer: loss, entropy, "
            "divergence.",
            rich_help_panel="What is measured",
        ),
    ] = False,
    attention: Annotated[
        bool,
        typer.Option(
            "--attention",
            help="Measure where attention goes, with the eager kernel: entropy, sinks.",
            rich_help_panel="What is measured",
        ),
    ] = False,
    random_init: Annotated[
        bool,
        typer.Option(
            "--random-init",
            help="Measure the untrained architecture, as a control.",
            rich_help_panel="What is measured",
        ),
    ] = False,
    allow_pickle: Annotated[
        bool,
        typer.Option(
            "--allow-pickle",
            help="Load pickled weights, which can run code.",
            rich_help_panel="Trust",
        ),
    ] = False,
    allow_remote_code: Annotated[
        bool,
        typer.Option(
            "--allow-remote-code",
            help="Run Python code that comes with a model.",
            rich_help_panel="Trust",
        ),
    ] = False,
    spool: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Measure nothing: take in runs that could not be stored and are kept there.",
            rich_help_panel="Store",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Measure one of N shares of the checkpoints, into a file of its own.",
            rich_help_panel="Machine",
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Measure as tasks of a Ray cluster: local, auto, or HOST:PORT of its head.",
            rich_help_panel="Machine",
        ),
    ] = None,
    evict: Annotated[
        bool,
        typer.Option(
            "--evict",
            help="Delete each downloaded checkpoint once it is measured.",
            rich_help_panel="Machine",
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Measure again even if the same work is stored.",
            rich_help_panel="Store",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only show what would be measured, and the memory and time it takes.",
            rich_help_panel="Output",
        ),
    ] = False,
    format_: FormatOption = "auto",
    output: OutputOption = None,
) -> None:
    """Measure models over a text and store the numbers."""
    if spool is not None:
        _take_in(spool, store, context)
        return
    tags = parse_tags(tag)
    if not dry_run and (format_ != "auto" or output is not None):
        raise UsageError("--format and --output are for the table of --dry-run")
    from embstore.ingestion.request import (
        build_models,
        build_request,
        build_settings,
        on_this_machine,
    )
    from embstore.ingestion.studies.study import Instead
    from embstore.inputs.sampling import check_windows

    if study is not None:
        instead = Instead(
            models=build_models(
                models,
                name=name,
                revisions=revisions,
                random_init=random_init,
                tokenizer=tokenizer,
                group=group,
            )
            if models
            else None,
            corpus=corpus,
            text_field=text_field,
            tokens=tokens if given(context, ["tokens"]) else None,
            window=window,
            dtype=dtype if given(context, ["dtype"]) else None,
        )
        request = _study(study, instead, context, tags)
    else:
        request = build_request(
            build_models(
                models or [],
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
    own = request.settings.shard
    if own and given(context, ["store"]) is None:
        store = own.own_store()
    if dry_run:
        # torch and transformers: seconds to import.
        from embstore.cli.dry_run import show
        from embstore.ingestion.dry_run import check_store, preview

        shown = preview(request, store)
        show(shown, format_, output, n_devices=len(request.settings.devices))
        if any(item.status == "to do" for item in shown):
            check_store(store)
        if any(item.status == "cannot" for item in shown):
            raise typer.Exit(IngestError.exit_code)
        return
    _run(request, store)


def _take_in(spool: Path, store: str | None, context: typer.Context) -> None:
    """Store runs that are kept in a folder; say what became of each."""
    from embstore.api.kept_runs import take_in

    refuse_beside_a_spool(context)
    if not take_in(spool, store=store):
        TERMINAL.say(f"{spool} has no run that is new in the store")


def _study(
    study: str, instead: "Instead", context: typer.Context, tags: Mapping[str, str]
) -> "Request":
    """Read a study; options that it sets are refused, tags are added to its own."""
    from embstore.ingestion.studies.study import read_study

    refuse_beside_a_study(context)
    request = read_study(study, instead).request
    settings = replace(request.settings, tags={**request.settings.tags, **tags})
    return replace(request, settings=settings)


def _run(request: "Request", store: str | None) -> None:
    """Ingest, tell of each checkpoint, and end with the exit code of what failed."""
    from embstore.ingestion.outcome import emptiness_of, error_of
    from embstore.ingestion.run import ingest as run_ingest

    outcomes: list[Outcome] = []
    with progress_bar() as bar, bar.interruptible():
        try:
            for outcome in run_ingest(request, store, watch=bar.begin):
                tell(outcome)
                outcomes.append(outcome)
        except KeyboardInterrupt:
            TERMINAL.fail(
                f"interrupted at {bar.checkpoint or 'the text'}: what is stored stays, and the "
                "same command goes on from there"
            )
            raise
    tell_findings(outcomes, store, request.settings.shard)
    if error := error_of(outcomes):
        show_failures(outcomes)
        raise error
    if empty := emptiness_of(outcomes):
        raise empty
