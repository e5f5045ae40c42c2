"""The engine: one event at a time in, callbacks and commands out.

It has no thread, no clock of its own and no randomness: a runner feeds it events (`receive`), gives it a clock, and
carries away its commands. The same inputs give the same commands, whoever the runner is. An event that arrives while
another is being handled (a venue in the same process answers at once) waits its turn.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from attrs import frozen

from anyvenue.engine.commands import (
    Command,
    CommandFailed,
    EngineEvent,
)
from anyvenue.engine.data import MarketData
from anyvenue.engine.desk import Desk
from anyvenue.engine.journal import Journal, NoJournal
from anyvenue.engine.orders import OrderManager, order_line
from anyvenue.engine.portfolio import Portfolio
from anyvenue.engine.recorder import Recorder
from anyvenue.engine.result import RunResult
from anyvenue.engine.risk import RiskLimits
from anyvenue.engine.signal import Signal
from anyvenue.engine.strategy import Strategy
from anyvenue.engine.timers import Timers
from anyvenue.model.balance import Balance
from anyvenue.model.book import OrderBook
from anyvenue.model.catalog import InstrumentCatalog
from anyvenue.model.enums import Fate, OrderState
from anyvenue.model.errors import Contradiction, TradingEnded, UnknownInstrument
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
from anyvenue.model.order_events import AmendRejected, OrderEvent, OrderFilled
from anyvenue.model.position import Position
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.events import Disconnected, Reconnected, StreamStale

__all__ = ["Engine", "EngineView"]

_log = logging.getLogger("anyvenue.engine")
_order_log = logging.getLogger("anyvenue.orders")

SAMPLE_INTERVAL_NS = 1_000_000_000
NEVER = 1 << 63
MESSAGES_KEPT = 50
TRADES_KEPT = 50_000
"""How many trade ids are remembered, so that a fill told twice is booked once."""


@frozen
class _TimerFired:
    name: str


@frozen
class _Call:
    function: Callable[[], None]


_Internal: TypeAlias = _TimerFired | _Call


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


class Engine:
    """Runs one strategy on one or more connections.

    `allow_approximate` names, by connection, the features that may be used although the venue has them only
    approximately. `on_failure` says what becomes of positions when the strategy raises: `keep` them or `flatten` them
    by reduce-only market orders; its open orders are canceled either way. `session` is a short text of [0-9a-z],
    unique to the run, for client order ids.
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
        on_failure: str = "keep",
        allow_approximate: Mapping[str, frozenset[Feature]] | None = None,
    ) -> None:
        if not connections:
            raise ValueError("an engine needs at least one connection")
        if on_failure not in ("keep", "flatten"):
            raise ValueError(f"on_failure: found {on_failure!r}; allowed are 'keep' and 'flatten'")
        self.strategy = strategy
        self.connections = tuple(connections)
        self.clock = clock
        self.now = clock.time_ns()
        self.failure = ""
        self.stop_reason = ""
        self.is_stopping = False
        self._flattens = False
        self.events = 0
        self._ts_start = self.now
        self._on_failure = on_failure
        self._journal = journal or NoJournal()
        self._outlet: Callable[[Command], None] | None = None
        self._catalogs: dict[str, InstrumentCatalog] = {}
        self._halted: set[str] = set()
        self._inbox: deque[tuple[Any, str]] = deque()
        self._busy = False
        self._source = ""
        self._trades_seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._next_sample = NEVER
        self._early: list[Signal] | None = []
        self.messages: deque[str] = deque(maxlen=MESSAGES_KEPT)
        self.data = MarketData(self)
        self.desk = Desk(self, risk or RiskLimits(), allow_approximate or {})
        self.orders = OrderManager(session, self.send, lambda: self.now)
        self.portfolio = Portfolio(self.data.mark)
        self.recorder = Recorder(self.portfolio)
        self.timers = Timers(clock, lambda name: self.receive(_TimerFired(name)))
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
            FundingPayment: self._on_funding_payment,
            Position: self._on_position,
            Balance: self._on_balance,
            Disconnected: self._on_disconnected,
            Reconnected: self._on_reconnected,
            CommandFailed: self._on_command_failed,
            OrderFilled: self._on_filled,
            Signal: self._on_signal,
            _TimerFired: lambda event: self.tell(strategy.on_timer, event.name),
            _Call: lambda event: event.function(),
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
        self._catalogs[name] = InstrumentCatalog(instruments, explain)
        self.desk.capabilities[name] = capabilities
        self.data.depth_rules[name] = depth_rules
        self.data.candle_intervals[name] = candle_intervals

    def start(self) -> None:
        """Start the strategy."""
        missing = [name for name in self.connections if name not in self._catalogs]
        if missing:
            raise ValueError(f"no instruments were given for connections {missing}")
        for symbol in self.desk.limits.instruments:
            self._check_listed(symbol)
        self.now = self._ts_start = self.clock.time_ns()
        self.recorder.begin(self._starting_equity())
        self._next_sample = self.now + SAMPLE_INTERVAL_NS
        self.receive(_Call(self._begin))

    def _check_listed(self, symbol: str) -> None:
        """Refuse a limit for an instrument that is nowhere: it would protect nobody."""
        if not any(symbol == listed.symbol for catalog in self._catalogs.values() for listed in catalog):
            listed = sorted({instrument.symbol for catalog in self._catalogs.values() for instrument in catalog})
            raise UnknownInstrument(f"risk.instruments: found {symbol!r}; listed are {', '.join(listed[:20])}")

    def _begin(self) -> None:
        self.call(self.strategy.on_start)
        early, self._early = self._early or [], None
        for signal in early:
            self._on_signal(signal)

    def receive(self, event: EngineEvent | Signal | _Internal, connection: str = "") -> None:
        """Handle one event, which came over `connection`, and what comes of it, to the end."""
        if self._busy:
            self._inbox.append((event, connection))
            return
        self._busy = True
        try:
            self._handle(event, connection)
            while self._inbox:
                self._handle(*self._inbox.popleft())
        finally:
            self._busy = False

    def stop(self, reason: str) -> None:
        """Begin to end: `on_stop`, then every open order of ours is canceled. `is_idle` tells when that is done."""
        self.receive(_Call(lambda: self._begin_stop(reason)))

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
        )

    # Events

    def _handle(self, event: Any, connection: str) -> None:
        self.now = now = self.clock.time_ns()
        self._source = connection
        self.events += 1
        handler = self._handlers.get(type(event)) or self._handler_of(event)
        handler(event)
        if now >= self._next_sample:
            self._next_sample = now + SAMPLE_INTERVAL_NS
            self.recorder.sample(now, self.data.mids())

    def _handler_of(self, event: Any) -> Callable[[Any], None]:
        """Return the handler of a kind of event seen for the first time: a decoder's own delta, or an order's."""
        handler = self.data.on_delta if isinstance(event, BookDelta) else self._on_order_event
        self._handlers[type(event)] = handler
        return handler

    def tell(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Call the strategy with news that it could want to trade on: not while the run is ending."""
        if not self.is_stopping:
            self.call(callback, *arguments)

    def call(self, callback: Callable[..., None], *arguments: Any) -> bool:
        """Call the strategy, and tell whether it returned. What it raises stops it safely, and never the process."""
        if self.failure:
            return False
        try:
            callback(*arguments)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a strategy raises stops the strategy, not the process
            self._strategy_failed(callback, error)
            return False
        return True

    def _strategy_failed(self, callback: Callable[..., None], error: BaseException) -> None:
        name = getattr(callback, "__name__", "callback")
        _log.exception("%s raised in %s: the strategy is stopped", type(self.strategy).__name__, name)
        if self.failure:
            return
        self.failure = f"{name}: {type(error).__name__}: {error}"
        self.say(f"the strategy failed in {self.failure}")
        self.later(_Call(lambda: self._begin_stop("strategy_failed")))

    def _begin_stop(self, reason: str) -> None:
        if self.is_stopping:
            return
        self.stop_reason = reason
        if not self.failure and not self.call(self.strategy.on_stop):
            self.stop_reason = "strategy_failed"
        self.is_stopping = True
        self.timers.cancel_all()
        for order in self.orders.open_orders():
            self.desk.cancel(order)
        self._flattens = bool(self.failure) and self._on_failure == "flatten"
        self._flatten_when_clear(None)

    def _flatten_when_clear(self, ended: Order | None) -> None:
        """Close what is held once no order of ours can change it any more."""
        if not self._flattens or len(self.orders):
            return
        if ended is not None and ended.state is OrderState.REJECTED and ended.spec.reduce_only:
            self._flattens = False
            _log.critical("a position could not be closed: %s. Close it by hand", ended.text)
            return
        for position in self.portfolio.positions():
            self.desk.close(position.instrument, position.side)

    def _on_order_event(self, event: OrderEvent) -> None:
        order = self.orders.find(self._source, event)
        if order is None:
            _log.debug("an event of an order that is not ours: %s", event)
            return
        self._journal.event(event, self.now)
        try:
            changed = self.orders.apply(order, event)
            self.portfolio.expect(changed)
        except Contradiction as error:
            _log.error("%s", error)
            self.say(str(error))
            return
        if _order_log.isEnabledFor(logging.INFO):
            _order_log.info(type(event).__name__, extra={"event": order_line(changed, self.now)})
        self._count(order, changed)
        if _differs(order, changed) or isinstance(event, AmendRejected):
            if changed.text and changed.text != order.text:
                self.say(f"{changed.client_order_id} {changed.state.value}: {changed.text}")
            self.call(self.strategy.on_order, changed)
        waiting = self.orders.release(changed)
        if waiting is not None:
            self.desk.amend(changed.client_order_id, *waiting)
        self._flatten_when_clear(changed)

    def _on_filled(self, event: OrderFilled) -> None:
        fill = event.fill
        trade = fill.instrument.key, fill.trade_id
        if trade in self._trades_seen:
            return
        self._trades_seen[trade] = None
        if len(self._trades_seen) > TRADES_KEPT:
            self._trades_seen.popitem(last=False)
        # The position is real whatever the order's state says: it is booked first, and for strangers' orders too.
        self.portfolio.book(fill)
        self.recorder.filled(fill, self.now)
        self._on_order_event(event)
        self.call(self.strategy.on_fill, fill)
        self.call(self.strategy.on_position, self.portfolio.position(fill.instrument, fill.position_side))

    def _count(self, before: Order, after: Order) -> None:
        if after.state is OrderState.REJECTED and before.state is not OrderState.REJECTED:
            self.recorder.refused += 1
        if after.state is OrderState.CANCELED and before.state is not OrderState.CANCELED:
            self.recorder.canceled += 1
        if after.create is Fate.UNKNOWN and before.create is not Fate.UNKNOWN:
            self.recorder.unknown += 1
        if after.is_terminal:
            self.recorder.ended(after)

    def _on_signal(self, signal: Signal) -> None:
        if self._early is None:
            self.tell(self.strategy.on_signal, signal)
        else:
            self._early.append(signal)

    def _on_funding_payment(self, payment: FundingPayment) -> None:
        self._journal.event(payment, self.now)
        position = self.portfolio.pay_funding(payment)
        self.call(self.strategy.on_funding, payment)
        self.call(self.strategy.on_position, position)

    def _on_position(self, position: Position) -> None:
        self.portfolio.report(position)

    def _on_balance(self, balance: Balance) -> None:
        self.portfolio.set_balance(self._source, balance)

    def _on_disconnected(self, event: Disconnected) -> None:
        self.say(f"{event.connection} disconnected: {event.reason}")
        self.data.connection_lost(event.connection, event.reason)
        self.call(self.strategy.on_disconnect, event.connection, event.reason)

    def _on_reconnected(self, event: Reconnected) -> None:
        self.say(f"{event.connection} is back")
        self.call(self.strategy.on_reconnect, event.connection)

    def _on_command_failed(self, event: CommandFailed) -> None:
        self.say(f"{type(event.command).__name__} failed: {event.error}")
        _log.error("%s failed: %s", type(event.command).__name__, event.error)
        if isinstance(event.error, TradingEnded):
            self._begin_stop("trading_ended")
            self.failure = self.failure or str(event.error)
        else:
            self.call(self.strategy.on_refused, event.command, event.error)

    def say(self, message: str) -> None:
        """Keep a line for whoever looks at the live view."""
        self.messages.append(message)

    # What the strategy asks for

    def instrument(self, symbol: str | Instrument, connection: str | None = None) -> Instrument:
        """Return an instrument by name. Raises UnknownInstrument, ValueError for a connection that is not there."""
        if isinstance(symbol, Instrument):
            return symbol
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
        if name not in self._catalogs:
            raise ValueError(f"connection: found {name!r}; this strategy has {', '.join(self.connections)}")
        return self._catalogs[name]

    def request_stop(self, reason: str) -> None:
        """End the run after the callback in hand."""
        if reason:
            self.say(reason)
        self.later(_Call(lambda: self._begin_stop("finished")))

    def send(self, command: Command) -> None:
        """Write a command down and let it leave."""
        self._journal.intent(command, self.now)
        kind = type(command).__name__
        if kind == "Amend":
            self.recorder.amends += 1
        elif kind == "Cancel":
            self.recorder.cancels += 1
        if self._outlet is None:
            raise RuntimeError("the engine has no runner: call bind first")
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


def _differs(before: Order, after: Order) -> bool:
    """Whether anything changed that a strategy could care about: more than times and ids."""
    return (
        before.state is not after.state
        or before.create is not after.create
        or before.cancel is not after.cancel
        or before.amend != after.amend
        or before.price != after.price
        or before.quantity != after.quantity
        or before.filled_quantity != after.filled_quantity
        or before.triggered is not after.triggered
    )
