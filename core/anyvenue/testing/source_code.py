"""A venue's source code: how much of it is adapter and how much simulator, and that the two are apart."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from importlib.util import find_spec, resolve_name
from pathlib import Path

from attrs import frozen

from anyvenue.venue.descriptor import VenueDescriptor

__all__ = ["Lines", "imports_across", "lines_of"]


@frozen(kw_only=True)
class Lines:
    """Lines of Python, blank ones and comments too. A simulator that there is none of has 0."""

    adapter: int
    simulator: int


@frozen(kw_only=True)
class _Package:
    name: str
    root: Path
    adapter: frozenset[Path]
    simulator: frozenset[Path]


def lines_of(descriptor: VenueDescriptor) -> Lines | None:
    """Return the lines of the package that a descriptor came with; None for what is part of anyvenue itself."""
    package = _package_of(descriptor)
    if package is None:
        return None
    return Lines(adapter=_count(package.adapter), simulator=_count(package.simulator))


def imports_across(descriptor: VenueDescriptor) -> list[str] | None:
    """Return what a simulator imports of its adapter, as FILE:LINE: MODULE; None where there is no code to look at."""
    package = _package_of(descriptor)
    if package is None or not package.simulator:
        return None
    own = {_module(package, file) for file in package.simulator}
    found = []
    for file in sorted(package.simulator):
        for line, module, name in _imports(file, _module(package, file)):
            is_own = module in own or f"{module}.{name}" in own
            if module.partition(".")[0] == package.name and not is_own:
                found.append(f"{file.relative_to(package.root)}:{line}: {module}")
    return found


def _package_of(descriptor: VenueDescriptor) -> _Package | None:
    name = descriptor.open.__module__.partition(".")[0]
    spec = find_spec(name)
    if name == __name__.partition(".")[0] or spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    files, simulator = frozenset(root.rglob("*.py")), frozenset[Path]()
    if descriptor.simulator is not None:
        module = find_spec(descriptor.simulator().__module__)
        if module is not None and module.origin is not None:
            dialect = Path(module.origin)
            simulator = files & ({dialect} if dialect.parent == root else set(dialect.parent.rglob("*.py")))
    return _Package(name=name, root=root, adapter=files - simulator, simulator=simulator)


def _module(package: _Package, file: Path) -> str:
    parts = file.relative_to(package.root).with_suffix("").parts
    return ".".join((package.name, *(part for part in parts if part != "__init__")))


def _imports(file: Path, module: str) -> Iterator[tuple[int, str, str]]:
    within = module if file.stem == "__init__" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), within)
            yield from ((node.lineno, source, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)


def _count(files: Iterable[Path]) -> int:
    return sum(len(file.read_text("utf-8").splitlines()) for file in files)
