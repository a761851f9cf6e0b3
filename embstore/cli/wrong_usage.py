"""Says in one line what is wrong with a command line, and where to look it up.

Typer would draw a box of five lines. The words are its own, but for options that do not
exist: what was meant is often known. It carries a copy of click in newer versions and imports
click in older ones, so errors are told apart by the name of their class.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeGuard, cast

import typer

from embstore.common.messages import did_you_mean, one_line
from embstore.common.paths import resource_folder


class _Parameter(Protocol):
    """An option or argument of a command."""

    opts: list[str]
    param_type_name: str


class _Command(Protocol):
    """A command, or a group of them; only a group has ``commands``."""

    params: list[_Parameter]


class _Context(Protocol):
    """Where on the command line something is wrong."""

    command: _Command
    command_path: str
    parent: "_Context | None"


class WrongUsage(Protocol):
    """What click raises for a command line that it cannot read."""

    exit_code: int

    def format_message(self) -> str:
        """Say what is wrong, in click's words."""


def is_wrong_usage(error: Exception) -> TypeGuard[WrongUsage]:
    """Tell whether an error is click's, about the command line."""
    # The parent of BadParameter is the base of all of them, wherever click lies.
    return isinstance(error, typer.BadParameter.__mro__[1])


def is_help(error: WrongUsage) -> bool:
    """Tell whether the error stands for the help that was printed for want of arguments."""
    return type(error).__name__ == "NoArgsIsHelpError"


def explain(error: WrongUsage) -> str:
    """Say in one line what is wrong, and name the help to read."""
    context = cast("_Context | None", getattr(error, "ctx", None))
    option = str(getattr(error, "option_name", ""))
    if context is None or type(error).__name__ != "NoSuchOption":
        said = _in_its_words(error, context)
    elif place := _elsewhere(option, context):
        said = f"option {option} goes {place}"
    else:
        near = getattr(error, "possibilities", None) or ()
        said = f"{context.command_path} has no option {option}{_meant(option, near, context)}"
    return one_line(said, longest=None)


def _in_its_words(error: WrongUsage, context: _Context | None) -> str:
    said = error.format_message().rstrip(".")
    said = said[:1].lower() + said[1:]
    if context is None:
        return said
    hints = [hint for word in sys.argv[1:] if word in said and (hint := _meant_as(word, context))]
    pointer = f"see {context.command_path} --help"
    # Click asks whether another command was meant.
    end = f" {pointer[0].upper()}{pointer[1:]}" if said.endswith("?") else f"; {pointer}"
    return said + "".join(hints[:1]) + end


def _meant_as(word: str, context: _Context) -> str:
    """Say how a word that stands in the wrong place could have been meant."""
    options = _options(context.command)
    if word.startswith("-"):
        return ""
    if "=" in word and "--param" in options:
        return f"; write a parameter as -p {word}"
    if word.endswith(".duckdb") and "--store" in options:
        return f"; write the store as --store {word}"
    if "." in word and "--output" in options:
        return f"; write the output file as -o {word}"
    if context.command_path.endswith(" sql"):
        return "; put the SQL in quotes"
    if context.parent is None and (resource_folder("queries") / f"{word}.sql").is_file():
        return f"; ask this question as embstore query {word}"
    return ""


def _meant(option: str, near: Sequence[str], context: _Context) -> str:
    """Say what an option that a command has not could stand for."""
    pointer = f"; see {context.command_path} --help"
    if not near and option.startswith("--") and "--param" in _options(context.command):
        # The first thing to try where a question takes a parameter of that name.
        return f"; write a parameter as -p {option.lstrip('-')}=VALUE{pointer}"
    return did_you_mean(near) + pointer


def _elsewhere(option: str, context: _Context) -> str | None:
    """Say where on the line an option would be right, if anywhere."""
    path = context.command_path
    for name, command in _below(context):
        if option in _options(command):
            return f"after the command, as in {path} {name} {option}"
    parent = context.parent
    while parent is not None:
        if option in _options(parent.command):
            first = parent.command_path
            rest = path.removeprefix(first).strip()
            return f"before the command, as in {first} {option} {rest}"
        parent = parent.parent
    return None


def _options(command: _Command) -> set[str]:
    return {
        option
        for parameter in command.params
        if parameter.param_type_name == "option"
        for option in parameter.opts
    }


def _below(context: _Context) -> Iterator[tuple[str, _Command]]:
    """Give the commands of a group, with their names."""
    commands = cast("dict[str, _Command]", getattr(context.command, "commands", {}))
    # query stands for all others: it is the one that most people type.
    yield from sorted(commands.items(), key=lambda item: (item[0] != "query", item[0]))
