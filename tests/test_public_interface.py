"""What an adapter may import of anyvenue is a list, in docs/compatibility.md; the adapters that ship keep to it."""

import ast
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from anyvenue.venue.interface import INTERFACE_VERSION
from anyvenue_gateio.descriptor import DESCRIPTOR

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "compatibility.md").read_text()
TEMPLATE = ROOT / "core" / "anyvenue" / "app" / "templates" / "adapter"
LISTED = {
    (module, name)
    for module, names in re.findall(r"^\| `(anyvenue[\w.]*)` \| (.+) \|$", PAGE, re.MULTILINE)
    for name in re.findall(r"`(\w+)`", names)
}
PACKAGES = [*sorted((ROOT / "adapters").iterdir()), TEMPLATE]


def imported(package):
    """Return the names that a package imports of anyvenue: (module, name, where)."""
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            where = f"{path.relative_to(package)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module.partition(".")[0] == "anyvenue":
                yield from ((node.module, alias.name, where) for alias in node.names)
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names if alias.name.partition(".")[0] == "anyvenue"]
                yield from ((name, "*", where) for name in names)


def docstring(module, name):
    """Return the docstring of a name where it is defined: a definition's own, or the text below an assignment."""
    body = ast.parse(Path(find_spec(module).origin).read_text()).body
    for node in body:
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            return docstring(node.module, name)
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name:
            return ast.get_docstring(node)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            return after.value.value if is_text else None
    return import_module(module).__dict__.get(name, getattr(import_module(module), name)).__doc__  # re-exported


def test_there_is_a_list():
    assert len(LISTED) > 100


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_an_adapter_imports_only_what_is_listed(package):
    found = list(imported(package))
    assert found
    assert [f"{where}: {module} {name}" for module, name, where in found if (module, name) not in LISTED] == []


@pytest.mark.parametrize(("module", "name"), sorted(LISTED))
def test_every_listed_name_is_there_and_says_what_it_is(module, name):
    assert hasattr(import_module(module), name)
    assert docstring(module, name)


def test_nothing_of_the_engine_or_the_application_is_listed():
    assert not [module for module, _ in LISTED if module.startswith(("anyvenue.engine", "anyvenue.app"))]


def test_what_the_template_writes_down_is_the_version_that_there_is():
    found = re.search(r"interface_version=(\d+)", (TEMPLATE / "anyvenue_toyex" / "descriptor.py").read_text())
    assert int(found[1]) == INTERFACE_VERSION == DESCRIPTOR.interface_version
    assert f"is a whole number, now {INTERFACE_VERSION}." in PAGE
