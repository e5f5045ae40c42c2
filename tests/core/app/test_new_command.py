"""What `anyvenue new` makes works at once: installed, tested, linted and typed, under any name that is allowed."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from anyvenue.app.cli import main
from anyvenue.app.new_command import KINDS, NAME_MAX, new

GUIDE = Path(__file__).parents[3] / "docs" / "writing-an-adapter.md"
LONG = "a_name_of_20_letters"
assert len(LONG) == NAME_MAX


def made(*words):
    return CliRunner().invoke(main, ["new", *words])


def installed(distribution):
    """Have the entry points of a distribution found, as an installer would: from a .dist-info beside its code."""
    project = tomllib.loads((distribution / "pyproject.toml").read_text())["project"]
    place = distribution / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    place.mkdir()
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (place / "entry_points.txt").write_text("\n".join(lines))


def run(folder, *command):
    """Run a tool in a folder whose code can be imported; return what it says."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def is_clean(folder, *code):
    """Lint, format and type as strictly as the project itself, with the folder's own settings."""
    if find_spec("ruff") is None or find_spec("mypy") is None:
        pytest.skip("ruff and mypy are not installed: uv sync --group lint")
    run(folder, "ruff", "check", "--no-cache", ".")
    run(folder, "ruff", "format", "--no-cache", "--check", ".")
    run(folder, "mypy", "--cache-dir", os.devnull, *code)


@pytest.mark.parametrize("name", ["ab", LONG])
class TestAdapter:
    @pytest.fixture
    def folder(self, name, tmp_path):
        assert made("adapter", name, "--directory", str(tmp_path)).exit_code == 0
        return tmp_path / f"anyvenue-{name.replace('_', '-')}"

    def test_it_passes_the_conformance_suite(self, folder, name):
        installed(folder)
        said = run(folder, "pytest", "-q", "-p", "no:cacheprovider")
        (summary,) = re.findall(rf"^(lines of code: .*\nconformance of ){name}(: .*)$", said, re.MULTILINE)
        assert "0 unproven, 0 failed" in summary[1]
        assert "toyex".join(summary) in GUIDE.read_text()

    def test_its_code_is_clean(self, folder, name):
        is_clean(folder)

    def test_nothing_of_the_template_is_left_in_it(self, folder):
        left = [path for path in folder.rglob("*") if "toyex" in str(path.relative_to(folder)).lower()]
        left += [path for path in folder.rglob("*.*") if "toyex" in path.read_text().lower()]
        assert left == []


@pytest.mark.parametrize("name", ["ab", LONG])
class TestStrategy:
    @pytest.fixture
    def folder(self, name, tmp_path):
        assert made("strategy", name, "--directory", str(tmp_path)).exit_code == 0
        return tmp_path / name

    def test_its_test_passes(self, folder):
        assert "2 passed" in run(folder, "pytest", "-q", "-p", "no:cacheprovider")

    def test_its_configuration_runs(self, folder, name):
        said = run(folder, "anyvenue", "backtest", f"{name}.toml", "--set", "simulation.duration_s=20", "--json")
        assert '"failure":""' in said.replace(" ", "")

    def test_its_code_is_clean(self, folder, name):
        is_clean(folder, f"{name}.py", f"test_{name}.py")


@pytest.mark.parametrize("kind", KINDS)
class TestRefused:
    @pytest.mark.parametrize("name", ["", "A", "1a", "a-b", "a__b", "a_", "é", "a" * (NAME_MAX + 1), "class", "json"])
    def test_a_name_that_cannot_be_one(self, kind, name, tmp_path):
        done = made(kind, "--directory", str(tmp_path), "--", name)
        assert done.exit_code == 2
        assert "allowed are lower-case letters" in done.output
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_is_there_is_left_as_it_is(self, kind, tmp_path):
        new(kind, "mine", tmp_path)
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        done = made(kind, "mine", "--directory", str(tmp_path))
        assert done.exit_code == 2
        assert "nothing is overwritten" in done.output
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(("kind", "name"), [("adapter", "simulated"), ("strategy", "quoter")])
def test_a_name_that_is_installed_is_taken(kind, name, tmp_path):
    done = made(kind, name, "--directory", str(tmp_path))
    assert done.exit_code == 2
    assert "installed" in done.output
    assert not Path(tmp_path, name).exists()
