"""Replay: a session's inputs through the same engine and strategy again, its commands beside those of then."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson
from attrs import frozen

from anyvenue.engine.codec import Codec, InstrumentTable, instrument_of
from anyvenue.engine.codec_plain import unplain
from anyvenue.engine.commands import Command
from anyvenue.engine.engine import Engine
from anyvenue.engine.inputs import Begin
from anyvenue.engine.journal import JournalFailed, JournalUnreadable, NoJournal
from anyvenue.engine.recovered import Recovered
from anyvenue.engine.replay_reader import Line
from anyvenue.engine.risk import RiskLimits
from anyvenue.engine.session_log import Setup
from anyvenue.engine.strategy import Strategy
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.instrument import Instrument
from anyvenue.venue.capabilities import Capabilities, Capability, Feature, Grade
from anyvenue.venue.clock import Timer

__all__ = ["Difference", "Input", "Replayed", "replay_session", "setup_of"]

INPUTS_SHOWN: Final = 5


@frozen(kw_only=True)
class Input:
    """One input, as it stands in the log."""

    number: int
    ts: int
    connection: str
    text: str


@frozen(kw_only=True)
class Difference:
    """Where the replay first did something else.

    `logged` is the command of then, `found` the one of now, None where there was none. `inputs` are the last ones,
    the one that the command came of at the end.
    """

    logged: str | None
    found: str | None
    inputs: tuple[Input, ...]


@frozen(kw_only=True)
class Replayed:
    """What a replay came to. `whole` says that the log goes to the end of the session."""

    inputs: int
    commands: int
    whole: bool
    failure: str = ""
    difference: Difference | None = None


class _NoTimer:
    def cancel(self) -> None:
        """It never rings: what rang is in the log."""


class _LoggedJournal(NoJournal):
    """It fails where it failed then."""

    def __init__(self, values: Mapping[str, Any], failed: Callable[[Command], str | None]) -> None:
        super().__init__(values)
        self._failed = failed

    def intent(self, command: Command, now_ns: int) -> int:
        """Forget it, or fail."""
        if (why := self._failed(command)) is not None:
            raise JournalFailed(why)
        return 0


class _LoggedClock:
    """It is when the input in hand came."""

    def __init__(self, now_ns: int) -> None:
        self.now = now_ns

    def time_ns(self) -> int:
        """Return the time of the input in hand."""
        return self.now

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        """Nothing is called: what came of it then is an input in the log."""
        return _NoTimer()


def setup_of(lines: Iterator[Line]) -> Setup:
    """Return how the session's engine was made, which is the first thing its log says. Raises JournalUnreadable."""
    for kind, *rest in lines:
        if kind == "engine":
            fields = rest[0]
            return Setup(**fields | {"values": unplain(fields["values"])})
    raise JournalUnreadable("found a session log that does not say how the engine was made: its beginning is missing")


def replay_session(lines: Iterator[Line], setup: Setup, strategy: Strategy, risk: RiskLimits | None) -> Replayed:
    """Run the lines behind the setup through a new engine, up to the first difference. Raises JournalUnreadable.

    `strategy` and `risk` are those of then, or others whose first difference is looked for.
    """
    return _Replay(lines, setup, strategy, risk).run()


class _Replay:
    def __init__(self, lines: Iterator[Line], setup: Setup, strategy: Strategy, risk: RiskLimits | None) -> None:
        self._table = InstrumentTable()
        self._codec = Codec(self._table)
        self._lines = lines
        self._next: Line | None = None
        self._clock = _LoggedClock(setup.ts)
        self._inputs = self._commands = 0
        self._last: deque[Input] = deque(maxlen=INPUTS_SHOWN)
        self._difference: Difference | None = None
        self._whole = False
        self._advance()
        self._engine = Engine(
            strategy,
            connections=setup.connections,
            clock=self._clock,
            session=setup.session,
            risk=risk,
            journal=_LoggedJournal(setup.values, self._unsent),
            on_failure=setup.on_failure,
            override_halt=setup.override_halt,
            allow_approximate={
                name: frozenset(map(Feature, features)) for name, features in setup.allow_approximate.items()
            },
        )
        self._engine.bind(self._compare)

    def run(self) -> Replayed:
        while self._next is not None and self._difference is None:
            kind, *rest = self._next
            if kind in ("out", "unsent"):
                self._differ(rest[-1], None)
                break
            self._advance()
            self._take(kind, rest)
        return Replayed(
            inputs=self._inputs,
            commands=self._commands,
            whole=self._whole,
            failure=self._engine.failure,
            difference=self._difference,
        )

    def _advance(self) -> None:
        """Go to the next line, taking in instruments on the way."""
        for line in self._lines:
            if line[0] != "instrument":
                self._next = line
                return
            self._table.put(line[1], instrument_of(line[2]))
        self._next = None

    def _take(self, kind: str, rest: list[Any]) -> None:
        match kind, rest:
            case "in", [ts, connection, _, packed]:
                self._input(ts, connection, packed)
            case "connection", [name, refs, graded, rules, intervals, order_rate]:
                self._connection(name, refs, graded, rules, frozenset(intervals), order_rate)
            case "recovered", [fields]:
                self._recover(fields)
            case "end", []:
                self._whole = True
            case _:
                raise JournalUnreadable(f"found a line of the kind {kind!r}, which this version does not know")

    def _input(self, ts: int, connection: str, packed: Any) -> None:
        event = self._codec.unpack(packed)
        self._inputs += 1
        self._last.append(Input(number=self._inputs, ts=ts, connection=connection, text=_text(packed)))
        self._clock.now = ts
        if isinstance(event, Begin):
            self._engine.start()
        else:
            self._engine.receive(event, connection)

    def _connection(
        self,
        name: str,
        refs: list[str],
        graded: Any,
        rules: Any,
        intervals: frozenset[int],
        order_rate: int | None,
    ) -> None:
        by_key: dict[str, SequenceRule] = {}
        for packed, named in rules:
            by_key |= dict.fromkeys((self._table.find(ref).key for ref in named), self._codec.unpack(packed))

        def rule(instrument: Instrument) -> SequenceRule:
            return by_key[instrument.key]

        features = {Feature(key): Capability(Grade(grade), note) for key, (grade, note) in graded.items()}
        self._engine.add_connection(
            name,
            [self._table.find(ref) for ref in refs],
            Capabilities(features, order_rate),
            rule,
            candle_intervals=intervals,
        )

    def _recover(self, fields: dict[str, Any]) -> None:
        self._engine.recover(
            Recovered(
                orders=tuple(map(self._codec.unpack, fields["orders"])),
                positions=tuple(map(self._codec.unpack, fields["positions"])),
                trade_ids=frozenset((key, trade_id) for key, trade_id in fields["trade_ids"]),
                values=unplain(fields["values"]),
                clean=fields["clean"],
                sessions=tuple(fields["sessions"]),
            )
        )

    def _compare(self, command: Command) -> None:
        """Take a command of the replay, and what came in while it left then."""
        if self._difference is not None:
            return
        found = orjson.loads(self._codec.encode(command))
        if self._next is None:
            return  # the log was cut off here: nobody knows what came of its last input
        kind, *rest = self._next
        if kind != "out" or rest[0] != found:
            self._differ(rest[0] if kind == "out" else None, found)
            return
        self._commands += 1
        self._advance()
        while (nested := self._nested()) is not None:
            _, ts, connection, _, packed = nested
            self._advance()
            self._input(ts, connection, packed)

    def _unsent(self, command: Command) -> str | None:
        """Return why a command did not leave then, None where it did."""
        line = self._next
        if line is None or line[0] != "unsent" or line[2] != orjson.loads(self._codec.encode(command)):
            return None
        self._advance()
        return str(line[1])

    def _nested(self) -> Line | None:
        """Return the next line where it is an input that came while the command left."""
        line = self._next
        return line if line is not None and line[0] == "in" and line[3] else None

    def _differ(self, logged: Any, found: Any) -> None:
        self._difference = Difference(
            logged=None if logged is None else _text(logged),
            found=None if found is None else _text(found),
            inputs=tuple(self._last),
        )


def _text(packed: Any) -> str:
    return orjson.dumps(packed).decode()
