"""Says in one line what is wrong with a command line, and where to look it up.

Typer would draw a box of five lines. It carries a copy of click in newer versions and
imports click in older ones, so errors are told apart by the name of their class.
"""

import re
from collections.abc import Iterator
from typing import Protocol, TypeGuard, cast

import typer

from embstore.common.messages import did_you_mean, one_line

_COMMAND = re.compile(r"No such command '(.+?)'\.(?: Did you mean (.+)\?)?", re.DOTALL)
_EXTRA = re.compile(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", re.DOTALL)
_INTEGER = re.compile(r"Input should be a valid integer.*", re.DOTALL)
_LEAST = re.compile(r"Input should be greater than or equal to (.+)")
_MOST = re.compile(r"Input should be less than or equal to (.+)")


class _Parameter(Protocol):
    """An option or argument of a command."""

    name: str | None
    opts: list[str]
    metavar: str | None
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
    message: str

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
    kind = type(error).__name__
    if kind == "NoSuchOption":
        if place := _elsewhere(error, context):
            return one_line(place, longest=None)
        said = _no_option(error, context)
    elif kind == "MissingParameter":
        said = f"{_named(error, whole=True)} is missing"
    elif kind == "BadOptionUsage":
        said = _bad_use(error)
    elif kind == "BadParameter":
        said = _bad_value(error)
    else:
        said = _otherwise(error, context)
    pointer = f"; see {context.command_path} --help" if context is not None else ""
    return one_line(said + pointer, longest=None)


def _no_option(error: WrongUsage, context: _Context | None) -> str:
    path = context.command_path if context is not None else "embstore"
    option = _option(error)
    said = f"{path} has no option {option}"
    if near := getattr(error, "possibilities", None):
        return said + did_you_mean(near)
    if context is not None and option.startswith("--") and "--param" in _options(context.command):
        # The first thing to try where a question takes a parameter of that name.
        return f"{said}; a parameter is given as -p {option.lstrip('-')}=VALUE"
    return said


def _elsewhere(error: WrongUsage, context: _Context | None) -> str | None:
    """Say where on the line the option would be right, if anywhere."""
    if context is None:
        return None
    option, path = _option(error), context.command_path
    for name, command in _below(context):
        if option in _options(command):
            return f"option {option} goes after the command, as in {path} {name} {option}"
    parent = context.parent
    while parent is not None:
        if option in _options(parent.command):
            first = parent.command_path
            rest = path.removeprefix(first).strip()
            return f"option {option} goes before the command, as in {first} {option} {rest}"
        parent = parent.parent
    return None


def _option(error: WrongUsage) -> str:
    return str(getattr(error, "option_name", ""))


def _bad_use(error: WrongUsage) -> str:
    option = _option(error)
    if "does not take a value" in error.message:
        return f"option {option} takes no value"
    if "requires an argument" in error.message:
        return f"option {option} has no value; give it one after a space"
    return _otherwise(error)


def _bad_value(error: WrongUsage) -> str:
    return f"{_named(error)}: {_found(error)}{_expected(error.message)}"


def _found(error: WrongUsage) -> str:
    """Name the value that was given, where the error knows it."""
    details = getattr(getattr(error, "__cause__", None), "errors", None)
    first: dict[str, object] = next(iter(details()), {}) if callable(details) else {}
    return f"found {first['input']!r}; " if "input" in first else ""


def _expected(message: str) -> str:
    message = message.rstrip(".")
    if _INTEGER.match(message):
        return "expected a whole number"
    if found := _LEAST.match(message):
        return f"expected {found[1]} or more"
    if found := _MOST.match(message):
        return f"expected {found[1]} or less"
    return message.replace("Input should be", "expected", 1)


def _otherwise(error: WrongUsage, context: _Context | None = None) -> str:
    said = error.format_message()
    if found := _COMMAND.match(said):
        near = (found[2] or "").replace("'", "").split(", ")
        return f"there is no command '{found[1]}'{did_you_mean([n for n in near if n])}"
    if found := _EXTRA.match(said):
        return f"too many arguments: '{found[1]}'{_meant(found[1], context)}"
    return said.rstrip(".")[:1].lower() + said.rstrip(".")[1:]


def _meant(argument: str, context: _Context | None) -> str:
    """Say with which option an argument that is too many could have been meant."""
    options = _options(context.command) if context is not None else set()
    if "=" in argument and "--param" in options:
        return f"; a parameter is given as -p {argument}"
    if argument.endswith(".duckdb") and "--store" in options:
        return f"; the store is given as --store {argument}"
    if "." in argument and "--output" in options:
        return f"; the file to write is given as -o {argument}"
    return ""


def _named(error: WrongUsage, *, whole: bool = False) -> str:
    """Name an option as it is written (whole: with its value), an argument as in the help."""
    parameter = cast("_Parameter | None", getattr(error, "param", None))
    if parameter is None:
        return "a value"
    if parameter.param_type_name == "argument":
        return f"argument {parameter.metavar or parameter.name}"
    value = f" {parameter.metavar}" if whole and parameter.metavar else ""
    return f"option {max(parameter.opts, key=len)}{value}"


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
