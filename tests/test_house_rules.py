"""Rules of the house that no linter knows."""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORE = ROOT / "core" / "anyvenue"
FOLDERS = ("core", "adapters", "strategies")
MODULES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
CORE_MODULES = [path for path in MODULES if path.is_relative_to(CORE)]

# "gate" alone is also an English word that code may use: there only "gate" in quotes and Gate count.
VENUE_NAME = re.compile(r"(?i:gate[._-]?io|gaiaex|hyperliquid)|[\"']gate[\"']|\bGate\b")
IO_MODULES = {"asyncio", "socket", "ssl", "httpx", "websockets"}


def shown(path, line=1):
    return f"{path.relative_to(ROOT)}:{line}"


def test_every_module_says_what_it_is():
    assert not [shown(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]


def test_core_names_no_venue():
    assert not [
        f"{shown(path, number)}: {line.strip()}"
        for path in CORE_MODULES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if VENUE_NAME.search(line)
    ]


def test_only_the_app_prints():
    assert not [
        shown(path, node.lineno)
        for path in MODULES
        if not path.is_relative_to(CORE / "app")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]


def test_importing_the_model_loads_no_io():
    code = "import sys, anyvenue.model; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not IO_MODULES & set(run.stdout.split())
