"""What pyproject.toml promises: every package in the wheel, typed, entry points real, pins exact."""

import re
import tomllib
from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
WHEEL = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]

PACKAGES = sorted(
    init.parent.relative_to(ROOT).as_posix()
    for folder in ("core", "adapters", "strategies")
    for init in (ROOT / folder).glob("*/__init__.py")
)
ENTRY_POINTS = [
    pytest.param(target, id=f"{group}:{name}")
    for group, targets in (PROJECT["entry-points"] | {"console": PROJECT["scripts"]}).items()
    for name, target in targets.items()
]


def requirement_name(requirement):
    return re.split(r"[\[<>=;]", requirement)[0].strip()


def test_the_wheel_lists_every_package():
    assert sorted(WHEEL["packages"]) == PACKAGES


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_typed(package):
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize("target", ENTRY_POINTS)
def test_entry_points_resolve(target):
    module, _, name = target.partition(":")
    assert getattr(import_module(module), name) is not None


def test_every_shipped_strategy_has_one_configuration_and_the_wheel_carries_it():
    names = sorted(PROJECT["entry-points"]["anyvenue.strategies"])
    assert sorted(path.stem for path in (ROOT / "strategies").glob("*.toml")) == names
    shipped = sorted(path.name for path in (ROOT / "strategies").iterdir() if path.is_file())
    assert WHEEL["force-include"] == {f"strategies/{name}": f"anyvenue_strategies/configs/{name}" for name in shipped}


def test_every_direct_dependency_is_pinned_exactly_and_once():
    pins = PYPROJECT["tool"]["uv"]["constraint-dependencies"]
    names = [pin.partition("==")[0] for pin in pins]
    assert not [pin for pin in pins if "==" not in pin]
    assert names == sorted(set(names))
    extras = PROJECT.get("optional-dependencies", {}).values()
    direct = chain(PROJECT["dependencies"], *PYPROJECT["dependency-groups"].values(), *extras)
    assert {requirement_name(requirement) for requirement in direct} - {"anyvenue"} <= set(names)


def test_the_version_has_a_changelog_entry():
    assert f"## [{PROJECT['version']}]" in (ROOT / "CHANGELOG.md").read_text()
