"""Plugins: loaded by name, reported by name, and never able to stop each other."""

import logging
from importlib.metadata import EntryPoint

import pytest
from attrs import evolve

from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue import registry
from anyvenue.venue.interface import INTERFACE_VERSION
from anyvenue.venue.registry import PluginError, PluginState, Registry

GROUP = "anyvenue.venues"


def point(name, value):
    return EntryPoint(name=name, value=value, group=GROUP)


@pytest.fixture
def venues():
    points = [
        point("simulated", "anyvenue.simulation.venue:DESCRIPTOR"),
        point("broken", "anyvenue.no_such_module:DESCRIPTOR"),
        point("nameless", "anyvenue.simulation.venue:DESCRIPTOR"),
        point("thing", "anyvenue.simulation.venue:VENUE"),
        point("old", f"{__name__}:OLD"),
        point("twice", "one:DESCRIPTOR"),
        point("twice", "two:DESCRIPTOR"),
    ]
    return Registry(GROUP, "venue", registry._check_venue, find=lambda group: points if group == GROUP else [])


def test_a_venue_is_loaded_by_its_name(venues):
    assert venues.load("simulated") is DESCRIPTOR
    assert venues.status("simulated").state is PluginState.OK


def test_names_are_read_without_loading_anything(venues, caplog):
    assert venues.names == ["broken", "nameless", "old", "simulated", "thing", "twice"]
    assert caplog.records == []


def test_a_name_that_is_not_there_is_answered_with_what_is(venues):
    with pytest.raises(
        PluginError, match=r"found the venue 'simulate'; installed are broken, .* Did you mean 'simulated'\?"
    ):
        venues.load("simulate")
    with pytest.raises(PluginError, match="installed are none"):
        Registry("no.such.group", "venue", registry._check_venue, find=lambda group: []).load("x")


def test_one_that_fails_to_load_says_so_once_and_the_others_run_on(venues, caplog):
    with caplog.at_level(logging.WARNING, "anyvenue.plugins"):
        for _ in range(2):
            with pytest.raises(
                PluginError, match=r"the venue 'broken' \(unknown distribution\) cannot be used: Module"
            ):
                venues.load("broken")
    assert len(caplog.records) == 1
    assert "venue broken" in caplog.text
    assert venues.load("simulated") is DESCRIPTOR


@pytest.mark.parametrize(
    ("name", "state", "reason"),
    [
        ("broken", PluginState.FAILED, "ModuleNotFoundError: No module named 'anyvenue.no_such_module'"),
        ("nameless", PluginState.FAILED, "its descriptor has the name 'simulated'"),
        ("thing", PluginState.FAILED, "leads to 'simulated', which is not a VenueDescriptor"),
        ("twice", PluginState.FAILED, "the name is claimed twice: by one:DESCRIPTOR and two:DESCRIPTOR"),
    ],
)
def test_every_trouble_has_a_name_and_a_reason(venues, name, state, reason):
    status = venues.status(name)
    assert (status.name, status.state) == (name, state)
    assert reason in status.reason


def test_another_interface_version_is_incompatible():
    newer = evolve(DESCRIPTOR, interface_version=INTERFACE_VERSION + 1)
    with pytest.raises(
        registry.Incompatible, match=f"built for version {INTERFACE_VERSION + 1} of the venue interface"
    ):
        registry._check_venue("simulated", newer)


def test_statuses_are_of_all_by_name(venues, monkeypatch):
    statuses = venues.statuses()
    assert [status.name for status in statuses] == venues.names
    assert [status.name for status in statuses if status.state is PluginState.OK] == ["simulated"]


def test_a_strategy_is_a_class():
    points = [point("good", "anyvenue.engine.strategy:Strategy"), point("bad", "anyvenue.venue.registry:strategy")]
    strategies = Registry("group", "strategy", registry._check_strategy, find=lambda group: points)
    assert strategies.load("good").__name__ == "Strategy"
    with pytest.raises(PluginError, match="which is not a class"):
        strategies.load("bad")
