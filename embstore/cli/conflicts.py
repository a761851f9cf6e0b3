"""Options of ``ingest`` that cannot be given together, because one decides what the other says."""

from collections.abc import Iterable

import typer

from embstore.errors import UsageError

# What a study decides; beside it they would be ignored.
_OF_THE_STUDY = (
    *("models", "corpus", "text_field", "tokens", "window", "sample", "seed"),
    *("windows", "shuffle"),
    *("dtype", "scopes", "metrics", "pairs", "intervals", "name"),
    *("head", "attention"),
    *("revisions", "random_init", "tokenizer"),
)
# What taking in runs that are kept has a use for.
_OF_THE_SPOOL = {"spool", "store"}


def refuse_beside_a_study(context: typer.Context) -> None:
    """Refuse what the study decides.

    Raises:
        UsageError: names the first such option.
    """
    if option := given(context, _OF_THE_STUDY):
        raise UsageError(f"{option} conflicts with --study, which sets it")


def refuse_beside_a_spool(context: typer.Context) -> None:
    """Refuse what measuring alone has a use for.

    Raises:
        UsageError: names the first such option.
    """
    if option := given(context, [name for name in context.params if name not in _OF_THE_SPOOL]):
        raise UsageError(f"{option} conflicts with --spool, which measures nothing")


def given(context: typer.Context, parameters: Iterable[str]) -> str | None:
    """Return the first of some parameters that the command line has, as it is written there."""
    options = {
        "models": "a MODEL",
        "pairs": "--pairs or --no-pairs",
        "intervals": "--intervals or --no-intervals",
        "format_": "--format",
    }
    for parameter in parameters:
        source = context.get_parameter_source(parameter)
        if source is not None and source.name == "COMMANDLINE":
            return options.get(parameter, f"--{parameter.replace('_', '-')}")
    return None
