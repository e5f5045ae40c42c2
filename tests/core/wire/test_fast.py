"""The extra `anyvenue[fast]`: in use where it is installed, unless it is said otherwise."""

import asyncio

import pytest

from anyvenue.wire import fast


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch):
    monkeypatch.setattr(fast._Choice, "fast", None)


@pytest.fixture
def missing(monkeypatch):
    """As if only what comes with anyvenue were installed."""
    there = fast._version
    monkeypatch.setattr(fast, "_version", lambda name: None if name in ("uvloop", "picows") else there(name))


def test_it_is_in_use_where_it_is_installed():
    uvloop = pytest.importorskip("uvloop")
    assert fast.is_fast()
    assert fast.loop_factory() is uvloop.new_event_loop
    assert fast.in_use().startswith(f"uvloop {uvloop.__version__}, picows ")


def test_it_is_left_alone_where_the_configuration_says_so():
    fast.choose(False)
    assert not fast.is_fast()
    assert fast.loop_factory() is None
    assert fast.in_use().startswith("asyncio, websockets ")


def test_without_it_there_is_asyncios_own_loop(missing):
    assert not fast.is_fast()
    with asyncio.Runner(loop_factory=fast.loop_factory()) as runner:
        assert type(runner.get_loop()).__module__.startswith("asyncio.")


def test_what_is_wished_for_and_not_there_is_told(missing):
    with pytest.raises(ValueError, match=r"fast: found true without uvloop and picows; install anyvenue\[fast\]"):
        fast.choose(True)
