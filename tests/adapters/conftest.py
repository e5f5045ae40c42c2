"""What a hostile venue may send in place of a good answer, and what must hold of whatever is read out of it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import attrs
import pytest

from anyvenue.engine.engine import Engine
from anyvenue.engine.journal_sqlite import SqliteJournal
from anyvenue.engine.session_log import SessionLog
from anyvenue.model.errors import AnyvenueError, VenueProtocolError
from anyvenue.wire.request import Request, Response

ASKED_MOST = 30
EVERY = 3
_MARK = "@@here@@"
DEEP = 5_000
_JUNK = """
    null true 0 -1 -0.5 1.5 1e400 -1e400 1e999999999 9223372036854775807 9223372036854775808
    1234567890123456789012345678901234567890 "" "0" "-1" "NaN" "-Infinity" "sNaN" "1e400" "1e999999999" "1_0" "abc"
    "9223372036854775808" "\\u0000" "\\ud83d\\ude00" [] {} [[]] [null] {"a":{"b":[1]}} [["1","2","3"],4]
"""
VALUES = tuple(_JUNK.split())
"""JSON that takes the place of any value: wrong types, numbers too large, texts that are no numbers, junk."""
BODIES = (
    b"",
    b" ",
    b"null",
    b"true",
    b"7",
    b'"text"',
    b"[]",
    b"{}",
    b"[null]",
    b"[[]]",
    b"[{}]",
    b"NaN",
    b"\x00\x01\x02",
    b"\xff\xfe{}",
    b"\xc3\x28",
    b"<html><body>502 Bad Gateway</body></html>",
    b"[" * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP + b"1" + b"}" * DEEP,
)
"""What takes the place of a whole answer."""


def paths_of(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the way to every value inside; of a long array the first two and the last."""
    if at:
        yield at
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths_of(inner, (*at, name))
    elif isinstance(value, list):
        for number in sorted({0, 1, len(value) - 1} & set(range(len(value)))):
            yield from paths_of(value[number], (*at, number))


def replaced(value: Any, path: tuple[Any, ...], new: Callable[[Any, Any], None]) -> Any:
    """Return a copy whose value at `path` has been changed by `new(parent, key)`."""
    copy = json.loads(json.dumps(value))
    parent = copy
    for step in path[:-1]:
        parent = parent[step]
    new(parent, path[-1])
    return copy


def spoiled(raw: bytes, *, deep: bool = True, every: int = 1) -> Iterator[bytes]:
    """Return everything that one good answer is spoiled into; where it is not to be `deep`, at its surface only.

    Of the junk that takes a value's place only one in `every`, another part for each value in turn.
    """
    yield from BODIES
    for part in (1, len(raw) // 3, len(raw) // 2, len(raw) - 1):
        yield raw[:part]
        yield raw[:part] + b"\xff\xfe" + raw[part:]
    yield raw + raw
    good = json.loads(raw)

    def mark(parent: Any, key: Any) -> None:
        parent[key] = _MARK

    def drop(parent: Any, key: Any) -> None:
        del parent[key]

    for number, path in enumerate(paths_of(good)):
        if len(path) > 1 and not deep:
            continue
        marked = json.dumps(replaced(good, path, mark))
        for text in VALUES[number % every :: every]:
            yield marked.replace(json.dumps(_MARK), text).encode()
        yield json.dumps(replaced(good, path, drop)).encode()
        if isinstance(path[-1], str):  # the same name twice, junk first and junk last
            named = f'"{path[-1]}": {json.dumps(_MARK)}'
            parent = good
            for step in path[:-1]:
                parent = parent[step]
            value = json.dumps(parent[path[-1]])
            for pair in ((value, '"junk"'), ('"junk"', value)):
                yield marked.replace(named, ", ".join(f'"{path[-1]}": {one}' for one in pair)).encode()


def unfit(value: Any, where: str = "") -> str:
    """Say what in a value read no part of the framework could work with; empty where it is sound."""
    if isinstance(value, float):
        return f"{where}: a float {value}"
    if isinstance(value, Decimal) and not (value.is_finite() and abs(value.adjusted()) <= 1000):
        return f"{where}: {value!s:.50}"
    if type(value) is int and not -(2**63) <= value < 2**63:
        return f"{where}: the whole number {value} is longer than 64 bits"
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return next((why for one in value if (why := unfit(one, where))), "")
    if attrs.has(type(value)) and not isinstance(value, Enum):
        found = (unfit(getattr(value, a.name), f"{where}.{a.name}") for a in attrs.fields(type(value)))
        return next((why for why in found if why), "")
    return ""


def sound(value: Any) -> None:
    """Fail where something was read that cannot be worked with."""
    why = unfit(value)
    assert not why, why


class Tampered:
    """A venue's answers: noted when they are good, then told again with one of them spoiled."""

    def __init__(self, *clients: Any) -> None:
        self.good: list[bytes] = []
        self.bad: dict[int, bytes] = {}
        self.asked = 0
        self.replays = False
        self._shapes: set[frozenset[Any]] = set()
        for client in clients:
            client.send = self._between(client.send, client._judge)

    def _between(self, send: Any, judge: Any) -> Any:
        async def answered(request: Request) -> Response:
            number, self.asked = self.asked, self.asked + 1
            if not self.replays:
                answer: Response = await send(request)
                self.good.append(answer.body)
                return answer
            assert self.asked <= ASKED_MOST, f"{request.name} is asked for without end"
            body = self.bad.get(number, self.good[min(number, len(self.good) - 1)])
            answer = Response(status=200, body=body)
            if (refusal := judge(request, answer)) is not None:
                raise refusal.error
            return answer

        return answered

    async def survives(self, name: str, call: Callable[[], Awaitable[Any]]) -> list[str]:
        """Make a call with every answer spoiled in every way, and return what was neither read nor a clear error."""
        self.good, self.replays, self.asked = [], False, 0
        await call()
        self.replays = True
        failures = []
        for number, good in enumerate(self.good):
            shape = frozenset(path[-1] for path in paths_of(json.loads(good)))
            for body in spoiled(good, deep=shape not in self._shapes, every=EVERY):
                self.bad, self.asked = {number: body}, 0
                try:
                    sound(await call())
                except VenueProtocolError as error:
                    if not (error.venue and error.request and (error.raw or not body)):
                        failures.append(f"{name}: {error!r} does not say where, or lacks the bytes, for {body[:200]!r}")
                except AnyvenueError:
                    pass
                except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                    failures.append(f"{name}: {error!r:.200} for {body[:200]!r}")
            self._shapes.add(shape)
        return failures


class Hostile:
    """What the tests of an adapter do to it."""

    Tampered = Tampered
    spoiled = staticmethod(spoiled)

    @staticmethod
    def bears(error: VenueProtocolError, raw: bytes) -> None:
        """Fail where an error does not bear the bytes that it is about, and who sent them."""
        assert error.raw == raw
        assert error.venue

    sound = staticmethod(sound)

    @staticmethod
    def engine(venue: Any, folder: Path, strategy: Any, clock: Any) -> Engine:
        """Return a running engine on a venue that is connected, with a journal and a session log."""
        name = venue.context.connection
        engine = Engine(
            strategy,
            connections=(name,),
            clock=clock,
            session="t",
            journal=SqliteJournal(folder / "journal.db", session="t", now_ns=clock.time_ns(), clock=clock),
            log=SessionLog(folder, "session"),
        )
        engine.bind(lambda command: None)
        rules = venue.depth_rule, venue.explain, venue.candle_intervals
        engine.add_connection(name, list(venue.by_name.values()), venue.capabilities, *rules)
        engine.start()
        return engine


@pytest.fixture(scope="session")
def hostile() -> type[Hostile]:
    """Return what a hostile venue does."""
    return Hostile
