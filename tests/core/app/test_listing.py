"""Lists of what is installed, among it plugins that cannot be used; and where shipped configurations lie."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from anyvenue.app.config_errors import ConfigError
from anyvenue.app.listing import strategies_json, strategies_text, venues_json, venues_text
from anyvenue.app.plugins import InstalledPlugins, Plugins
from anyvenue.app.shipped import find
from anyvenue.venue.descriptor import VenueDescriptor
from anyvenue.venue.registry import PluginError, Registry


def registry(descriptors: Sequence[VenueDescriptor]) -> Registry[VenueDescriptor]:
    known = {descriptor.name: descriptor for descriptor in descriptors}

    def points(group: str) -> Iterable[EntryPoint]:
        return [EntryPoint(name, "json:loads", group) for name in (*known, "broken")]

    def check(name: str, found: Any) -> VenueDescriptor:
        if name == "broken":
            raise PluginError("it is of no use")
        return known[name]

    return Registry("anyvenue.venues", "venue", check, find=points)


TABLE = """\
venue   title           environments              from                  status
alpha   Alpha exchange  simulator, testnet, live  unknown distribution  ok
broken  -               -                         unknown distribution  failed: it is of no use

feature                alpha
book                   native
trades                 -
"""


def test_venues_with_what_they_can_do(plugins: Plugins) -> None:
    told = venues_text(registry([plugins.venue("alpha")]))
    assert told.startswith(TABLE)
    lines = told.splitlines()
    assert "trailing               approximate" in lines
    assert "cancel_all             emulated" in lines
    assert lines[-2:] == ["", "alpha: trailing: follows once a second"]


def test_venues_as_json(plugins: Plugins) -> None:
    alpha, broken = json.loads(venues_json(registry([plugins.venue("alpha")])))
    assert alpha["environments"] == ["simulator", "testnet", "live"]
    assert alpha["capabilities"]["trailing"] == {"grade": "approximate", "note": "follows once a second"}
    assert broken == {
        "name": "broken",
        "distribution": "unknown distribution",
        "status": "failed",
        "reason": "it is of no use",
    }


def test_no_venue_at_all() -> None:
    assert venues_text(Registry("none", "venue", lambda name, found: found)) == "no venue is installed\n"


def test_strategies_with_their_parameters(plugins: Plugins) -> None:
    assert (
        strategies_text(plugins)
        == f"""\
echo  ({plugins.strategy("echo", Path()).__module__}:Echo)
  A made-up strategy that does nothing.
    quantity  Decimal              required
    levels    int                  = 1
    side      Side                 = buy
    spreads   tuple[Decimal, ...]  = ()
    ratio     float                = 0.5
    path      Path | None          = None
    limits    dict[str, Decimal]   = {{}}
"""
    )
    [echo] = json.loads(strategies_json(plugins))
    assert echo["parameters"][0] == {"name": "quantity", "type": "Decimal", "required": True, "default": None}


def test_a_strategy_that_cannot_be_used_is_listed_with_the_reason(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "strategy_names", lambda: ["echo", "other"])
    assert strategies_text(plugins).endswith("other\n  found the strategy 'other'; installed are echo\n")


@pytest.mark.parametrize("place", ["configs/made.toml", "../made.toml"])
def test_a_shipped_configuration_lies_in_the_package_or_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    package = f"shipped_{'in' if place.startswith('configs') else 'beside'}"
    folder = tmp_path / package
    (folder / "configs").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "made.py").write_text("class Made: pass\n")
    (folder / place).write_text("")
    monkeypatch.syspath_prepend(tmp_path)

    class Shipping(InstalledPlugins):
        def strategy_names(self) -> Sequence[str]:
            return ["made"]

        def strategy(self, name: str, folder: Path) -> Any:
            __import__(f"{package}.made")
            return sys.modules[f"{package}.made"].Made

    assert find("made", Shipping()).resolve() == (folder / place).resolve()
    (folder / place).unlink()
    with pytest.raises(ConfigError, match="ships no configuration of that name"):
        find("made", Shipping())


def test_a_file_is_taken_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugins: Plugins) -> None:
    monkeypatch.chdir(tmp_path)
    Path("echo").write_text("")
    assert find("echo", plugins) == Path("echo")
