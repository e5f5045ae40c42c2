"""A venue's source code: what a simulator imports of its adapter is found, however it is written."""

import sys

import pytest
from attrs import evolve

from anyvenue.testing.source_code import Lines, imports_across, lines_of
from anyvenue_gaiaex.descriptor import DESCRIPTOR

NAME = "anyvenue_fake_of_a_test"


@pytest.fixture
def descriptor(tmp_path, monkeypatch):
    """Return what makes a package with this code in its simulator, and returns its descriptor."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(dialect, *, as_package=True):
        package = tmp_path / NAME
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "errors.py").write_text("VENUE = 1\n\n\n")
        (package / "descriptor.py").write_text("def open():\n    pass\n")
        place = package / "simulator" / "dialect.py" if as_package else package / "simulator.py"
        place.parent.mkdir(exist_ok=True)
        if as_package:
            (place.parent / "__init__.py").write_text("")
            (place.parent / "rows.py").write_text("")
        place.write_text(dialect)
        kind = type("Dialect", (), {"__module__": f"{NAME}.simulator{'.dialect' if as_package else ''}"})
        opens = type("open", (), {"__module__": f"{NAME}.descriptor"})
        return evolve(DESCRIPTOR, open=opens, simulator=lambda: kind)

    yield make
    for module in [name for name in sys.modules if name.startswith(NAME)]:
        del sys.modules[module]


@pytest.mark.parametrize(
    ("line", "module"),
    [
        (f"from {NAME}.errors import VENUE", f"{NAME}.errors"),
        (f"from {NAME} import errors", NAME),
        (f"import {NAME}.errors", f"{NAME}.errors"),
        ("from ..errors import VENUE", f"{NAME}.errors"),
        (f"def late():\n    from {NAME} import errors", NAME),
    ],
)
def test_an_import_of_the_adapter_is_found(descriptor, line, module):
    (found,) = imports_across(descriptor(line))
    assert found.startswith("simulator/dialect.py:")
    assert found.endswith(f": {module}")


@pytest.mark.parametrize(
    "line", [f"from {NAME}.simulator import rows", "from . import rows", "from .rows import x", "import json", ""]
)
def test_its_own_modules_and_others_are_no_matter(descriptor, line):
    assert imports_across(descriptor(line)) == []


def test_a_simulator_may_be_one_file(descriptor):
    made = descriptor(f"from {NAME} import errors\n", as_package=False)
    assert imports_across(made) == [f"simulator.py:1: {NAME}"]
    assert lines_of(made) == Lines(adapter=5, simulator=1)


def test_without_a_simulator_there_is_nothing_to_look_at(descriptor):
    made = evolve(descriptor(""), simulator=None)
    assert imports_across(made) is None
    assert lines_of(made) == Lines(adapter=5, simulator=0)
