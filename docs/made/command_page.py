"""docs/commands.md: every command, with the first line of its help."""

from pages import MADE, table, words_of


def command_page() -> str:
    """List the commands, and what their exit codes say."""
    from embstore.cli.main import app

    rows = []
    named = [
        (f"{added.name} " if isinstance(added.name, str) else "", added.typer_instance)
        for added in app.registered_groups
        if added.typer_instance is not None
    ]
    for prefix, group in (("", app), *named):
        for command in group.registered_commands:
            callback = command.callback
            if callback is None or callback.__doc__ is None:
                continue
            name = command.name or callback.__name__
            rows.append((f"`embstore {prefix}{name}`", callback.__doc__.strip().splitlines()[0]))
    words = words_of("commands")
    commands = table(("command", "what it does"), rows)
    return f"{MADE.format('commands')}\n{words['head']}\n{commands}\n\n{words['tail']}"
