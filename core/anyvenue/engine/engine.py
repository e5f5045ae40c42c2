"""The engine: one event at a time in, callbacks and commands out.

It has no thread, no clock of its own and no randomness: a runner feeds it events (`receive`), gives it a clock, and
carries away its commands. The same inputs give the same commands, whoever the runner is. An event that arrives while
another is being handled (a venue in the same process answers at once) waits its turn.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from attrs import frozen

from anyvenue.engine.account_events import AccountEvents
from anyvenue.engine.commands import (
    Command,
    CommandFailed,
    EngineEvent,
    failure_events,
)
from anyvenue.engine.data import MarketData
from anyvenue.engine.desk import Desk
from anyvenue.engine.ending import Ending
from anyvenue.engine.guard_kept import kept_orders
from anyvenue.engine.guards import Guards
from anyvenue.engine.inputs import Begin, Internal, NoPriceCame, Stop, TimerFired
from anyvenue.engine.journal import Journal, JournalFailed, NoJournal
from anyvenue.engine.latency import Latency
from anyvenue.engine.orders import OrderManager
from anyvenue.engine.portfolio import Portfolio
from anyvenue.engine.reconcile_events import (
    AccountHeld,
    CancelLeftOver,
    KeepLeftOver,
    OrderFound,
    PositionDiffers,
    ReconcileEvent,
    StillUnknown,
)
from anyvenue.engine.reconciled import Reconciled
from anyvenue.engine.recorder import Recorder
from anyvenue.engine.recovered import Recovered
from anyvenue.engine.result import RunResult
from anyvenue.engine.risk import RiskLimits
from anyvenue.engine.session_log import InputLog, Setup, setting
from anyvenue.engine.signal import Signal
from anyvenue.engine.strategy import Strategy
from anyvenue.engine.timers import Timers
from anyvenue.model.balance import Balance
from anyvenue.model.book import OrderBook
from anyvenue.model.catalog import InstrumentCatalog
from anyvenue.model.decoded_delta import DecodedDelta
from anyvenue.model.errors import TradingEnded, UnknownInstrument
from anyvenue.model.histogram import Durations
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import (
    BookDelta,
    BookSnapshot,
    Candle,
    FundingPayment,
    FundingRate,
    Liquidation,
    Quote,
    Ticker,
    Trade,
)
from anyvenue.model.numbers import exact
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderFilled
from anyvenue.model.position import Position
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.events import Disconnected, InstrumentChanged, Reconnected, StreamStale

__all__ = ["Engine", "EngineView"]

_log = logging.getLogger("anyvenue.engine")

SAMPLE_INTERVAL_NS = 1_000_000_000
NEVER = 1 << 63
MESSAGES_KEPT = 50


@frozen(kw_only=True)
class EngineView:
    """What a live view may look at; taken whenever it likes, between two events."""

    ts: int
    events: int
    books: list[OrderBook]
    open_orders: list[Order]
    positions: list[Position]
    net_pnl: Decimal
    messages: list[str]
    progress: float | None = None
    latency: Sequence[Durations] = ()


class Engine:
    """Runs one strategy on one or more connections.

    `allow_approximate` names, by connection, the features that may be used although the venue has them only
    approximately. `on_failure` says what becomes of positions when the strategy raises: `keep` them or `flatten` them
    by reduce-only market orders; its open orders are canceled either way. `session` is a short text of [0-9a-z],
    unique to the run, for client order ids. `log` is told every input and every command, for a replay.
    """

    def __init__(
        self,
        strategy: Strategy,
        *,
        connections: Sequence[str],
        clock: Clock,
        session: str,
        risk: RiskLimits | None = None,
        journal: Journal | None = None,
        log: InputLog | None = None,
        on_failure: str = "keep",
        allow_approximate: Mapping[str, frozenset[Feature]] | None = None,
        override_halt: bool = False,
    ) -> None:
        if not connections:
            raise ValueError("an engine needs at least one connection")
        if on_failure not in ("keep", "flatten"):
            raise ValueError(f"on_failure: found {on_failure!r}; allowed are 'keep' and 'flatten'")
        self.strategy = strategy
        self.connections = tuple(connections)
        self.clock = clock
        self.now = clock.time_ns()
        if log is not None:
            log.engine(
                Setup(
                    strategy=f"{type(strategy).__module__}:{type(strategy).__qualname__}",
                    parameters=setting(strategy.parameters),
                    session=session,
                    ts=self.now,
                    connections=tuple(connections),
                    on_failure=on_failure,
                    allow_approximate={
                        name: sorted(feature.value for feature in features)
                        for name, features in (allow_approximate or {}).items()
                    },
                    risk=setting(risk),
                    override_halt=override_halt,
                    values={} if journal is None else dict(journal.values),
                )
            )
        self.left_by: Mapping[str, int] = {}
        """By when all that was sent about an order of an earlier run had left, by client id."""
        self.keeps_left_over = False
        """Whether the open orders of earlier runs are kept."""
        self.failure = ""
        self.stop_reason = ""
        self.is_stopping = False
        self.flattens = ""
        self.fault: Exception | None = None
        self.events = 0
        self._ts_start = self.now
        self.journal = journal or NoJournal()
        self.has_journal = journal is not None
        """Whether there is one that keeps anything."""
        self.latency: Latency | None = None
        """Where a runner has time measured."""
        self.ticket = 0
        """The journal's, of the command that is leaving."""
        self._log = log
        self._unsettled = False
        self._outlet: Callable[[Command], None] | None = None
        self._catalogs: dict[str, InstrumentCatalog] = {}
        self._inbox: deque[tuple[Any, str]] = deque()
        self._busy = False
        self.source = ""
        """The connection over which the event in hand came."""
        self._next_sample = NEVER
        self._early: list[Signal] | None = []
        self.on_reconnected: Callable[[str], None] = lambda connection: None
        self._held: list[tuple[Callable[..., None], tuple[Any, ...]]] | None = []
        self.messages: deque[str] = deque(maxlen=MESSAGES_KEPT)
        self.data = MarketData(self)
        self.desk = Desk(self, risk or RiskLimits(), allow_approximate or {})
        self.orders = OrderManager(session, self.send, lambda: self.now)
        self.portfolio = Portfolio(self.data.mark)
        self.recorder = Recorder(self.portfolio)
        self.guards = Guards(self, self.desk.limits, self.journal, override_halt=override_halt)
        self.timers = Timers(clock, lambda: self.now, lambda name: self.receive(TimerFired(name)))
        self.account = AccountEvents(self)
        self.ending = Ending(self, closes_on_failure=on_failure == "flatten")
        found = Reconciled(self)
        strategy._engine = self
        self._handlers: dict[type, Callable[[Any], None]] = {
            BookDelta: self.data.on_delta,
            BookSnapshot: self.data.on_snapshot,
            Trade: self.data.on_trade,
            Ticker: self.data.on_ticker,
            Candle: self.data.on_candle,
            FundingRate: self.data.on_funding_rate,
            Quote: self.data.on_quote,
            Liquidation: self.data.on_liquidation,
            StreamStale: self.data.on_stale,
            FundingPayment: self.account.on_funding_payment,
            Position: self.account.on_position,
            Balance: self.account.on_balance,
            Disconnected: self._on_disconnected,
            Reconnected: self._on_reconnected,
            InstrumentChanged: self._on_instrument_changed,
            CommandFailed: self._on_command_failed,
            OrderFilled: self.account.on_filled,
            OrderFound: found.on_order_found,
            AccountHeld: found.on_account_held,
            PositionDiffers: found.on_position_differs,
            StillUnknown: found.on_still_unknown,
            CancelLeftOver: found.on_cancel_left_over,
            KeepLeftOver: found.on_keep_left_over,
            Signal: self._on_signal,
            TimerFired: lambda event: self.tell(strategy.on_timer, event.name),
            NoPriceCame: lambda event: self.guards.amends.on_no_price(event.client_order_id),
            Begin: lambda event: self._begin(),
            Stop: lambda event: self.ending.begin(event.reason, flatten=event.flatten),
        }

    # The runner's side

    def bind(self, outlet: Callable[[Command], None]) -> None:
        """Say where commands go. They must leave without being waited for."""
        self._outlet = outlet

    def add_connection(
        self,
        name: str,
        instruments: Sequence[Instrument],
        capabilities: Capabilities,
        depth_rules: Callable[..., Any],
        explain: Callable[[str], str] | None = None,
        candle_intervals: frozenset[int] = frozenset(),
    ) -> None:
        """Make a connection known, before `start`. All that is given is its venue's own."""
        if self._log is not None:
            self._log.connection(name, instruments, capabilities, depth_rules, candle_intervals)
        self._catalogs[name] = InstrumentCatalog(instruments, explain)
        self.desk.add_connection(name, capabilities)
        self.data.depth_rules[name] = depth_rules
        self.data.candle_intervals[name] = candle_intervals

    def recover(self, recovered: Recovered) -> None:
        """Take on what a journal holds, before anything is asked of a venue or told to the strategy."""
        if self._log is not None:
            self._log.recovered(recovered)
        self.left_by = recovered.left_by
        self.account.recover(recovered.trade_ids)
        for position in recovered.positions:
            self.portfolio.restore(position)
        self.orders.adopt(recovered.orders)

    def start(self) -> None:
        """Start the strategy."""
        missing = [name for name in self.connections if name not in self._catalogs]
        if missing:
            raise ValueError(f"no instruments were given for connections {missing}")
        for symbol in self.desk.limits.instruments:
            self._check_listed(symbol)
        self.desk.check_connections(self.connections)
        self.receive(Begin())

    def _check_listed(self, symbol: str) -> None:
        """Refuse a limit for an instrument that is nowhere: it would protect nobody."""
        if not any(symbol == listed.symbol for catalog in self._catalogs.values() for listed in catalog):
            listed = sorted({instrument.symbol for catalog in self._catalogs.values() for instrument in catalog})
            raise UnknownInstrument(f"risk.instruments: found {symbol!r}; listed are {', '.join(listed[:20])}")

    def _begin(self) -> None:
        self._ts_start = self.now
        self.recorder.begin(self._starting_equity())
        self._next_sample = self.now + SAMPLE_INTERVAL_NS
        self.guards.begin()
        held, self._held = self._held or [], None
        self.call(self.strategy.on_start)
        for callback, arguments in held:
            self.call(callback, *arguments)
        early, self._early = self._early or [], None
        for signal in early:
            self._on_signal(signal)

    def receive(self, event: EngineEvent | ReconcileEvent | Signal | Internal, connection: str = "") -> None:
        """Handle one event, which came over `connection`, and what comes of it, to the end.

        What it raises is a fault of the engine: `fault` keeps it, and nothing more is heard.
        """
        if self.fault is not None:
            return
        if self._busy:
            if self._log is not None:
                self._log.input(event, connection, self.now, nested=True)
            self._inbox.append((event, connection))
            return
        # What comes of an event happens at one time, so that a replay needs no other clock than the inputs.
        self.now = now = self.clock.time_ns()
        if self._log is not None:
            self._log.input(event, connection, now, nested=False)
        self._busy = True
        try:
            inbox, guards, in_hand = self._inbox, self.guards, event
            while True:
                self.source = connection
                self.events += 1
                handler = self._handlers.get(in_hand.__class__) or self._handler_of(in_hand)
                handler(in_hand)
                if guards.is_watching:
                    guards.after(in_hand)
                if now >= self._next_sample:
                    self._sample()
                if not inbox:
                    break
                in_hand, connection = inbox.popleft()
            if self._unsettled:
                self._settle()
            if self.latency is not None:
                self.latency.handled(event)
        except Exception as error:
            self.fault = error
            raise
        finally:
            self._busy = False

    def stop(self, reason: str) -> None:
        """Begin to end: `on_stop`, then every open order of ours is canceled. `is_idle` tells when that is done."""
        self.receive(Stop(reason))

    def flatten(self, reason: str) -> None:
        """The kill switch: end the run, cancel every open order of ours, and close what is held, reduce-only.

        A live runner then asks the venues, closes whatever is left on the account, and says what cannot be closed.
        """
        _log.critical("flatten: %s", reason)
        self.journal.decision("flatten", reason, self.clock.time_ns())
        self.say(f"flatten: {reason}")
        self.receive(Stop("flattened", flatten=True))

    @property
    def is_busy(self) -> bool:
        """Whether an event is being handled at this moment; for a watchdog in another thread."""
        return self._busy

    @property
    def is_idle(self) -> bool:
        """Whether no order of ours is open any more, as far as is known."""
        return not len(self.orders)

    def result(self) -> RunResult:
        """Return the figures of the run so far."""
        marks = {key: mark for key, (_, mark) in self.data.marks().items()}
        self.recorder.sample(self.now, self.data.mids())
        return self.recorder.result(
            strategy=type(self.strategy).__name__,
            stopped=self.stop_reason or "finished",
            failure=self.failure,
            ts_start=self._ts_start,
            ts_end=self.now,
            events=self.events,
            marks=marks,
            latency=() if self.latency is None else self.latency.durations(),
        )

    def view(self) -> EngineView:
        """Return what a live view shows."""
        return EngineView(
            ts=self.now,
            events=self.events,
            books=self.data.books(),
            open_orders=self.orders.open_orders(),
            positions=self.portfolio.positions(),
            net_pnl=self.portfolio.net_pnl(),
            messages=list(self.messages),
            latency=() if self.latency is None else self.latency.durations(),
        )

    def close(self) -> None:
        """End the journal's session and the session log, after everything else. Safe to call twice."""
        self.journal.close(self.now, clean=self.is_idle)
        if self._log is not None:
            self._log.close()

    # Events

    def _sample(self) -> None:
        """Do what is done once a second."""
        now = self.now
        self._next_sample = now + SAMPLE_INTERVAL_NS
        self.guards.sample()
        self.recorder.sample(now, self.data.mids())
        if self.has_journal:
            self.journal.settle(self._unsettled_orders(), self.portfolio.positions(), now)

    def _settle(self) -> None:
        """Have the journal note how things stand, where no record that it has says so."""
        self._unsettled = False
        self.journal.settle(self._unsettled_orders(), self.portfolio.positions(), self.now, must=True)

    def _unsettled_orders(self) -> list[Order]:
        return self.orders.unsettled(kept_orders(self.journal.recall))

    def _handler_of(self, event: Any) -> Callable[[Any], None]:
        """Return the handler of a kind of event seen for the first time: a decoder's own delta, or an order's."""
        handler = self.data.on_decoded if isinstance(event, DecodedDelta) else self.account.on_order_event
        self._handlers[type(event)] = handler
        return handler

    def tell(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Call the strategy with news that it could want to trade on: not while the run is ending."""
        if not self.is_stopping:
            self.call(callback, *arguments)

    def call(self, callback: Callable[..., None], *arguments: Any) -> bool:
        """Call the strategy, and tell whether it returned. What it raises stops it safely, and never the process.

        What there is to tell before its start is told right after `on_start`.
        """
        if self.failure:
            return False
        if self._held is not None:
            self._held.append((callback, arguments))
            return True
        try:
            callback(*arguments)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a strategy raises stops the strategy, not the process
            self.ending.strategy_failed(callback, error)
            return False
        return True

    def _on_signal(self, signal: Signal) -> None:
        if self._early is None:
            self.tell(self.strategy.on_signal, signal)
        else:
            self._early.append(signal)

    def _on_disconnected(self, event: Disconnected) -> None:
        self.say(f"{event.connection} disconnected: {event.reason}")
        self.data.connection_lost(event.connection, event.reason)
        self.call(self.strategy.on_disconnect, event.connection, event.reason)

    def _on_reconnected(self, event: Reconnected) -> None:
        self.say(f"{event.connection} is back")
        if event.private:
            self.on_reconnected(event.connection)
        self.call(self.strategy.on_reconnect, event.connection)

    def _on_instrument_changed(self, event: InstrumentChanged) -> None:
        self.say(event.text)
        self.tell(self.strategy.on_instrument, event.instrument)

    def _on_command_failed(self, event: CommandFailed) -> None:
        self.say(f"{type(event.command).__name__} failed: {event.error}")
        _log.error("%s failed: %s", type(event.command).__name__, event.error)
        if isinstance(event.error, TradingEnded):
            self.ending.begin("trading_ended")
            self.failure = self.failure or str(event.error)
        else:
            self.call(self.strategy.on_refused, event.command, event.error)

    def unsettle(self) -> None:
        """Have the journal note how things stand once the event in hand is handled: no record of it says so."""
        self._unsettled = True

    def say(self, message: str) -> None:
        """Keep a line for whoever looks at the live view."""
        self.messages.append(message)

    # What the strategy asks for

    def instrument(self, symbol: str | Instrument, connection: str | None = None) -> Instrument:
        """Return an instrument by name. Raises UnknownInstrument, ValueError for a connection that is not there."""
        if isinstance(symbol, Instrument):
            # Whatever its author has changed in it: sizes, prices and limits are those of the one that is listed.
            return self._catalog(symbol.connection).resolve(symbol.key)
        if not isinstance(symbol, str):
            raise TypeError(
                f"symbol: found {symbol!r} ({type(symbol).__name__}); allowed are a symbol and an Instrument"
            )
        return self._catalog(connection).resolve(symbol)

    def instruments(self, connection: str | None = None) -> Sequence[Instrument]:
        """Return all instruments of a connection."""
        return list(self._catalog(connection))

    def _catalog(self, connection: str | None) -> InstrumentCatalog:
        name = connection or self.connections[0]
        catalog = self._catalogs.get(name)
        if catalog is None:
            raise ValueError(f"connection: found {name!r}; this strategy has {', '.join(self.connections)}")
        return catalog

    def request_stop(self, reason: str) -> None:
        """End the run after the callback in hand."""
        if reason:
            self.say(reason)
        self.later(Stop("finished"))

    def send(self, command: Command) -> None:
        """Write a command down and let it leave."""
        try:
            self.ticket = self.journal.intent(command, self.now)
        except JournalFailed as error:
            if self._log is not None:
                self._log.unsent(command, error.text)
            for event in failure_events(command, error):
                self.later(event)
            return
        kind = type(command).__name__
        if kind == "Amend":
            self.recorder.amends += 1
        elif kind == "Cancel":
            self.recorder.cancels += 1
        if self._outlet is None:
            raise RuntimeError("the engine has no runner: call bind first")
        if self._log is not None:
            self._log.command(command)
        self._outlet(command)

    def later(self, event: Any) -> None:
        """Handle an event of our own making, after the one in hand."""
        if self._busy:
            self._inbox.append((event, ""))
        else:
            self.receive(event)

    def _starting_equity(self) -> Decimal:
        balances = (
            self.portfolio.balance(name, currency)
            for name in self.connections
            for currency in {instrument.settle for instrument in self._catalogs[name]}
        )
        return sum((balance.total for balance in balances if balance is not None), exact(0))
