"""``docs/reference/cli.md``: what each command's ``--help`` says."""

from __future__ import annotations

from collections.abc import Iterator

import click

from flask_diag._cli import diag_group

from ._markdown import page

WIDTH = 100
HEAD = """
What `flask diag COMMAND --help` says of each command. `flask --app shop diag ...` names the application; `FLASK_APP` saves typing it.
Completion: `eval "$(_FLASK_COMPLETE=bash_source flask)"` in `~/.bashrc`; `zsh_source` and `fish_source` for the other shells.
"""


def commands() -> str:
    """Return the page."""
    return page(
        "Command line", HEAD, *_sections(diag_group, click.Context(click.Group("flask"), info_name="flask"))
    )


def _sections(command: click.Command, parent: click.Context) -> Iterator[str]:
    """Yield the command's help and that of each one below it."""
    name = "diag" if command is diag_group else command.name
    context = click.Context(
        command, info_name=name, parent=parent, max_content_width=WIDTH, terminal_width=WIDTH
    )
    yield f"## `{context.command_path}`\n\n```text\n{command.get_help(context).strip()}\n```"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _sections(found, context)
