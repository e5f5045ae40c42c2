"""What `anyvenue` promises: the public names, sorted, each where it says, and nothing loaded before it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import anyvenue

IO = {"asyncio", "httpx", "socket", "ssl", "websockets"}


def loaded_by(code):
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(run.stdout.split())


def test_the_list_is_sorted_and_without_repeats():
    assert anyvenue.__all__ == sorted(set(anyvenue.__all__))


@pytest.mark.parametrize("name", anyvenue.__all__)
def test_a_name_leads_to_what_bears_it(name):
    assert getattr(anyvenue, name).__name__ == name


def test_type_checkers_and_the_running_program_see_the_same_names():
    tree = ast.parse(Path(anyvenue.__file__).read_text())
    checked = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert checked == anyvenue._HOMES
    assert sorted(checked) == anyvenue.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = anyvenue.nonsense


def test_dir_shows_what_there_is():
    assert set(anyvenue.__all__) <= set(dir(anyvenue))


@pytest.mark.parametrize("code", ["import anyvenue", "import anyvenue.model", "from anyvenue import Order, OrderBook"])
def test_importing_loads_no_io(code):
    assert not IO & loaded_by(code)


def test_importing_the_package_alone_loads_none_of_its_modules():
    assert not {name for name in loaded_by("import anyvenue") if name.startswith("anyvenue.")}
