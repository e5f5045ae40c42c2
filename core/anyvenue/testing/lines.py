"""How much code a venue is: the adapter's lines, and beside them those of its simulator."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from attrs import frozen

from anyvenue.venue.descriptor import VenueDescriptor

__all__ = ["Lines", "lines_of"]


@frozen(kw_only=True)
class Lines:
    """Lines of Python, blank ones and comments too. A simulator that there is none of has 0."""

    adapter: int
    simulator: int


def lines_of(descriptor: VenueDescriptor) -> Lines | None:
    """Return the lines of the package that a descriptor came with; None for what is part of anyvenue itself."""
    package = descriptor.open.__module__.partition(".")[0]
    spec = find_spec(package)
    if package == __name__.partition(".")[0] or spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    files, simulator = set(root.rglob("*.py")), set[Path]()
    if descriptor.simulator is not None:
        module = find_spec(descriptor.simulator().__module__)
        if module is not None and module.origin is not None:
            dialect = Path(module.origin)
            simulator = files & ({dialect} if dialect.parent == root else set(dialect.parent.rglob("*.py")))
    return Lines(adapter=_count(files - simulator), simulator=_count(simulator))


def _count(files: Iterable[Path]) -> int:
    return sum(len(file.read_text("utf-8").splitlines()) for file in files)
