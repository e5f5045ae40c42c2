"""`anyvenue new`: an adapter or a strategy to begin with, made of a template that works."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Final

import click
from attrs import frozen

from anyvenue.venue.registry import STRATEGIES, VENUES, Registry

__all__ = ["KINDS", "new"]

NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
NAME_MAX: Final = 20
_RESERVED: Final = {*keyword.kwlist, *keyword.softkwlist, *sys.stdlib_module_names, "anyvenue"}
_HERE: Final = PurePosixPath()


@frozen(kw_only=True)
class _Kind:
    """What can be made.

    `name` and `title` stand in the template for the name that is chosen, as it is and as part of a class's name.
    """

    template: str
    name: str
    title: str
    folder: str
    taken: Registry[object]
    then: tuple[str, ...]


KINDS: Final = {
    "adapter": _Kind(
        template="adapter",
        name="toyex",
        title="ToyEx",
        folder="anyvenue-{}",
        taken=VENUES,  # type: ignore[arg-type]
        then=("pip install -e '.[test]'", "pytest"),
    ),
    "strategy": _Kind(
        template="strategy",
        name="toybot",
        title="ToyBot",
        folder="{}",
        taken=STRATEGIES,  # type: ignore[arg-type]
        then=("anyvenue backtest {}.toml", "pytest"),
    ),
}
"""What `anyvenue new` makes, by its name there."""


def new(kind_name: str, name: str, directory: Path) -> str:
    """Make an adapter or a strategy in a new folder below `directory`; return what to tell about it.

    Raises click.UsageError for a name that is not allowed or is taken, and for a folder that exists: nothing is ever
    overwritten.
    """
    kind = KINDS[kind_name]
    _check(kind_name, name, kind)
    folder = directory / kind.folder.format(name.replace("_", "-") if kind_name == "adapter" else name)
    if folder.exists():
        raise click.UsageError(f"{folder} exists, and nothing is overwritten; choose another name or --directory")
    title = "".join(part.capitalize() for part in name.split("_"))
    count = 0
    for path, file in _walk(files("anyvenue.app") / "templates" / kind.template):
        target = folder / _named(str(path), kind, name, title)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_named(file.read_text("utf-8"), kind, name, title), encoding="utf-8")
        count += 1
    steps = [f"cd {folder}", *(step.format(name) for step in kind.then)]
    return "\n".join([f"{folder}: {count} files. Now:", *(f"  {step}" for step in steps)]) + "\n"


def _check(kind_name: str, name: str, kind: _Kind) -> None:
    if not NAME.fullmatch(name) or len(name) > NAME_MAX or name in _RESERVED:
        raise click.UsageError(
            f"NAME: found {name!r}; allowed are lower-case letters and digits, beginning with a letter, parts joined "
            f"by _, at most {NAME_MAX} characters, and nothing that Python has by that name"
        )
    if name in kind.taken.names:
        raise click.UsageError(
            f"NAME: found {name!r}, and there is such a {kind_name} installed; taken are {', '.join(kind.taken.names)}"
        )


def _walk(folder: Traversable, below: PurePosixPath = _HERE) -> Iterator[tuple[PurePosixPath, Traversable]]:
    """Return the files of a template, and where each is. What Python compiled on its way here is none of it."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_file():
            yield below / entry.name, entry
        elif entry.name != "__pycache__" and not entry.name.startswith("."):
            yield from _walk(entry, below / entry.name)


def _named(text: str, kind: _Kind, name: str, title: str) -> str:
    distribution = f"anyvenue-{kind.name}", f"anyvenue-{name.replace('_', '-')}"
    return text.replace(*distribution).replace(kind.name, name).replace(kind.title, title)
