"""Options of ``ingest`` that cannot be given together, because one decides what the other says."""

from collections.abc import Iterable

import typer

from embstore.errors import UsageError

# How a study measures; beside it they would be ignored.
_OF_THE_STUDY = (
    *("sample", "seed", "windows", "shuffle"),
    *("scopes", "metrics", "pairs", "intervals"),
    *("head", "attention"),
)
# What is said of a model or a text that takes the place of the study's, and by what that is given.
_OF_ANOTHER = {
    **dict.fromkeys(
        ("revisions", "name", "random_init", "tokenizer", "group"), ("models", "a MODEL")
    ),
    "text_field": ("corpus", "--corpus"),
}
# What taking in runs that are kept has a use for.
_OF_THE_SPOOL = {"spool", "store"}


def refuse_beside_a_study(context: typer.Context) -> None:
    """Refuse what the study decides.

    Models, text, tokens, window and dtype may take the place of the study's.

    Raises:
        UsageError: names the first such option.
    """
    if option := given(context, _OF_THE_STUDY):
        raise UsageError(f"{option} conflicts with --study, which sets it")
    for parameter, (needed, called) in _OF_ANOTHER.items():
        option = given(context, [parameter])
        if option and not given(context, [needed]):
            raise UsageError(
                f"{option} conflicts with --study, which sets it; beside {called}, which takes the "
                "place of the study's, it is understood"
            )


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
