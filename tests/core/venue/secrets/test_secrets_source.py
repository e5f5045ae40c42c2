"""A connection's secrets while it runs: warned of when old, fetched anew when rotated."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from anyvenue.venue.secrets import SecretReference, SecretSource
from anyvenue.venue.secrets.hangup import reloaded_by_hangup

DAY_NS = 86_400 * 1_000_000_000
NOW = datetime(2026, 7, 1, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 1_000_000_000


class Hands:
    """A clock whose hands are set."""

    def __init__(self) -> None:
        self.now_ns = NOW_NS

    def time_ns(self) -> int:
        return self.now_ns

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Any:
        raise NotImplementedError


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[str, str]]]:
    caplog.set_level(logging.INFO, "anyvenue")
    return lambda: [(record.levelname, record.getMessage()) for record in caplog.records]


def sourced(clock: Hands, **references: str) -> SecretSource:
    parsed = {name: SecretReference.parse(text) for name, text in references.items()}
    return SecretSource(parsed, owner="main", clock=clock)


def pair(clock: Hands) -> SecretSource:
    return sourced(clock, key="vault:secret/main#key", secret="vault:secret/main#secret")


def values(source: SecretSource) -> dict[str, str]:
    return {name: secret.reveal() for name, secret in source.items()}


def test_it_is_the_mapping_of_the_present_values_and_shows_none(vault: Any, hands: Hands, canary: str) -> None:
    vault.write("secret/main", {"key": "k1", "secret": canary})
    source = pair(hands)
    assert (len(source), source.version) == (0, 0)
    assert source.fetch() == {}
    assert values(source) == {"key": "k1", "secret": canary}
    assert source.version == 1
    assert repr(source) == "SecretSource(main: key=vault:secret/main#key, secret=vault:secret/main#secret)"


def test_what_belongs_together_comes_from_one_answer(vault: Any, hands: Hands) -> None:
    vault.write("secret/main", {"key": "k1", "secret": "s1"})
    pair(hands).fetch()
    assert len(vault.asked) == 1


def test_one_that_fails_leaves_all_as_they_were(vault: Any, hands: Hands) -> None:
    vault.write("secret/main", {"key": "k1", "secret": "s1"})
    source = pair(hands)
    source.fetch()
    vault.write("secret/main", {"key": "k2"})
    assert list(source.fetch()) == ["secret"]
    assert values(source) == {"key": "k1", "secret": "s1"}
    assert source.version == 1


def test_old_credentials_are_warned_of_once_in_one_line(
    vault: Any, aws: Any, home: Any, hands: Hands, heard: Callable[[], list[tuple[str, str]]]
) -> None:
    # 91 days before 2026-07-01 is 2026-04-01, 90 days is 2026-04-02.
    vault.write("secret/main", {"key": "k"}, created="2026-04-01T00:00:00Z")
    vault.write("secret/young", {"key": "k"}, created="2026-04-02T00:00:00Z")
    aws.write("main", json.dumps({"key": "k"}), created=datetime(2025, 7, 1, tzinfo=UTC).timestamp())
    (home / "key").write_text("k")
    (home / "key").chmod(0o600)
    os.utime(home / "key", ns=(0, NOW_NS - 100 * DAY_NS))
    source = sourced(
        hands, a="vault:secret/main#key", b="vault:secret/young#key", c="aws:main#key", d="file:key", e="env:HOME"
    )
    assert source.fetch() == {}
    assert heard() == [
        (
            "WARNING",
            (
                "main: credentials older than 90 days: a (vault:secret/main#key, 91 days), "
                "c (aws:main#key, 365 days), d (file:key, 100 days); make new ones at the venue and put them in their "
                "place"
            ),
        )
    ]
    source.fetch()
    asyncio.run(source.reload())
    assert len(heard()) == 1


def test_a_reload_takes_what_was_rotated(vault: Any, hands: Hands, heard: Callable[[], list[tuple[str, str]]]) -> None:
    vault.write("secret/main", {"key": "k1", "secret": "s1"}, created="2026-06-01T00:00:00Z")
    source = pair(hands)
    source.fetch()
    assert not asyncio.run(source.reload())
    assert source.version == 1
    vault.write("secret/main", {"key": "k1", "secret": "s2"}, created="2026-06-30T00:00:00Z")
    assert asyncio.run(source.reload())
    assert values(source) == {"key": "k1", "secret": "s2"}
    assert source.version == 2
    assert heard() == [("INFO", "main: other credentials from now on: secret")]


def test_a_reload_that_fails_is_logged_and_changes_nothing(
    vault: Any, hands: Hands, heard: Callable[[], list[tuple[str, str]]]
) -> None:
    vault.write("secret/main", {"key": "k1"}, created="2026-06-01T00:00:00Z")
    source = sourced(hands, key="vault:secret/main#key")
    source.fetch()
    vault.sealed = True
    assert not asyncio.run(source.reload())
    assert values(source) == {"key": "k1"}
    [(level, text)] = heard()
    assert level == "WARNING"
    assert text.startswith("main: the credentials stay as they were: vault:secret/main#key: http://127.0.0.1")


def test_refused_requests_ask_for_new_credentials_together_and_not_too_often(vault: Any, hands: Hands) -> None:
    vault.write("secret/main", {"key": "k1", "secret": "s1"})
    source = pair(hands)
    source.fetch()

    async def refused(times: int, seen: int) -> list[bool]:
        return await asyncio.gather(*(source.renewed(seen) for _ in range(times)))

    async def run() -> None:
        assert await refused(3, seen=1) == [False, False, False]
        assert len(vault.asked) == 2  # the first fetch, and one for the three
        vault.write("secret/main", {"key": "k2", "secret": "s2"})
        hands.now_ns += 29 * 1_000_000_000
        assert await refused(1, seen=1) == [False]
        hands.now_ns += 1_000_000_000
        assert await refused(3, seen=1) == [True, True, True]
        assert await refused(1, seen=1) == [True]

    asyncio.run(run())
    assert len(vault.asked) == 3
    assert values(source) == {"key": "k2", "secret": "s2"}


class Telling(SecretSource):
    """One that tells when it has been reloaded."""

    reloaded: asyncio.Event

    async def reload(self) -> bool:
        try:
            return await super().reload()
        finally:
            self.reloaded.set()


def test_a_hang_up_fetches_anew_and_then_means_what_it_meant(vault: Any, hands: Hands) -> None:
    vault.write("secret/main", {"key": "k1"})
    source = Telling({"key": SecretReference.parse("vault:secret/main#key")}, owner="main", clock=hands)
    source.fetch()
    vault.write("secret/main", {"key": "k2"})

    async def run() -> None:
        source.reloaded = asyncio.Event()
        with reloaded_by_hangup([source]):
            signal.raise_signal(signal.SIGHUP)
            async with asyncio.timeout(10):
                await source.reloaded.wait()

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        asyncio.run(run())
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert values(source) == {"key": "k2"}


IS_OURS = "from anyvenue.venue.secrets.hangup import is_ours; print(is_ours())"


def test_a_service_has_no_terminal_so_hang_ups_are_ours() -> None:
    run = subprocess.run(
        [sys.executable, "-c", IS_OURS], start_new_session=True, capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout == "True\n"


@pytest.fixture
def terminal() -> Iterator[int]:
    ours, theirs = pty.openpty()
    yield theirs
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize(
    ("before", "ours"), [("", "False\n"), ("import signal as s; s.signal(s.SIGHUP, s.SIG_IGN);", "True\n")]
)
def test_where_there_is_a_terminal_a_hang_up_says_that_it_is_gone(terminal: int, before: str, ours: str) -> None:
    take = f"import fcntl, termios; fcntl.ioctl({terminal}, termios.TIOCSCTTY, 0);"
    run = subprocess.run(
        [sys.executable, "-c", take + before + IS_OURS],
        start_new_session=True,
        pass_fds=[terminal],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert run.stdout == ours
