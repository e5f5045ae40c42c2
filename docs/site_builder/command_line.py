"""The reference of the command line, from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from anyvenue.app.cli import EXIT_CODES, main
from site_builder.tables import table

__all__ = ["commands"]


def commands() -> str:
    """Return the exit codes, and every command with its arguments and options, as Markdown."""
    return "\n\n".join([_listed(EXIT_CODES), *_sections(main, "anyvenue")])


def _sections(group: click.Group, path: str) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        full = f"{path} {name}"
        if isinstance(command, click.Group):
            yield from _sections(command, full)
        else:
            yield _section(command, full)


def _section(command: click.Command, path: str) -> str:
    context = click.Context(command, info_name=path, resilient_parsing=True)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    parts = [f"## {path}", inspect.cleandoc(command.help or ""), f"```text\n{usage}\n```"]
    rows = [_row(option, context) for option in command.params if isinstance(option, click.Option)]
    if rows:
        parts.append(table(("option", "meaning"), rows))
    if command.epilog and command.epilog != EXIT_CODES:
        parts.append(_listed(command.epilog))
    return "\n\n".join(parts)


def _listed(epilog: str) -> str:
    """Return an epilog of exit codes as a paragraph and a table."""
    title, *lines = inspect.cleandoc(epilog.replace("\b", "")).splitlines()
    return f"{title}\n\n{table(('code', 'meaning'), (line.split(maxsplit=1) for line in lines))}"


def _row(option: click.Option, context: click.Context) -> tuple[str, str]:
    names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len, reverse=True))
    if not option.is_flag:
        longest = max(option.opts, key=len)
        names = names.replace(f"`{longest}`", f"`{longest} {option.make_metavar(context)}`")
    notes = [option.help or ""]
    if option.multiple:
        notes.append("May be given several times.")
    if option.show_default and option.default not in (None, ""):
        notes.append(f"Default: `{option.default}`.")
    return names, " ".join(note for note in notes if note)
