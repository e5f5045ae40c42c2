"""Trades on signals that come from outside: sized by risk, protected from the start, never added to.

What a signal looks like stands in `trade_idea`, where it may come from in `anyvenue.app.signal_sources`. The quantity
is what loses `risk_pct` percent of the balance between entry and stop, rounded down; fees and slippage come on top. The
entry is a limit order. Its stop and target are attached to it where the venue can do that, else they are set on the
position with each fill of the entry; where the venue can do neither, nothing is traded.

One trade at a time for each instrument: a signal that comes while a position or an entry is there is refused. A signal
is tried once: the same id (without one, the same content) does nothing the second time, whatever became of the first.
"""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from typing import Any

from attrs import frozen

from anyvenue import (
    Feature,
    Fill,
    Instrument,
    NotSupported,
    Order,
    OrderBook,
    Protection,
    Signal,
    Strategy,
)
from anyvenue.engine.commands import Command, Protect
from anyvenue.model import check_protection
from anyvenue_strategies.trade_idea import TradeIdea, read_trade_idea

__all__ = ["SignalFollower", "SignalFollowerParameters"]

SIGNALS_REMEMBERED = 10_000
BOOK_PATIENCE_S = 10
"""How long a signal waits for its instrument's book."""
RETRY_S = 1
"""After this long a position that could not be closed is closed again."""
SECOND_NS = 1_000_000_000


@frozen(kw_only=True)
class SignalFollowerParameters:
    """What the follower is told.

    Attributes:
        instruments: symbols, on the first connection: what may be traded; empty for all that the venue lists.
        max_risk_pct: a signal that asks for more percent of the balance is refused.
        entry_timeout_s: what an entry has not filled after this long is canceled; 0 leaves it to the signal's expiry.
    """

    instruments: tuple[str, ...] = ()
    max_risk_pct: Decimal = Decimal(2)
    entry_timeout_s: int = 0

    def __attrs_post_init__(self) -> None:
        if not 0 < self.max_risk_pct <= 100:
            raise ValueError(f"max_risk_pct: found {self.max_risk_pct}; allowed is above 0 and at most 100")
        if self.entry_timeout_s < 0:
            raise ValueError(f"entry_timeout_s: found {self.entry_timeout_s}; allowed are 0 and above")


class Refused(ValueError):
    """A signal that is not traded, and why."""


REFUSALS = (ArithmeticError, NotSupported, TypeError, ValueError)
"""What may be wrong with a signal. It comes from outside, so it must never stop the strategy."""


@frozen
class _Trade:
    """The last trade of an instrument: its entry's client id, and its stop and target."""

    entry: str
    protection: Protection
    is_attached: bool


class SignalFollower(Strategy):
    """One position per instrument, each with a stop from its first fill on."""

    Parameters = SignalFollowerParameters
    parameters: SignalFollowerParameters

    def __init__(self, parameters: Any = None) -> None:
        super().__init__(parameters)
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._waiting: dict[str, TradeIdea] = {}
        self._trades: dict[str, _Trade] = {}

    def on_start(self) -> None:
        """Watch the books of what is known to be traded."""
        self._allowed = {self.instrument(symbol).key for symbol in self.parameters.instruments}
        for key in sorted(self._allowed):
            self.subscribe(key)

    # From a signal to an entry

    def on_signal(self, signal: Signal) -> None:
        """Act on a signal, or say why not."""
        try:
            idea = read_trade_idea(signal.payload)
            self._remember(idea)
            instrument = self._wanted(idea)
            self.subscribe(instrument)
            if self.book(instrument).is_synced:
                self._enter(idea, instrument)
            else:
                self._waiting[instrument.key] = idea
                self.set_timer(f"book {instrument.key}", after_s=BOOK_PATIENCE_S)
        except REFUSALS as error:
            self.log.warning("signal from %s not traded: %s", signal.source, error)

    def on_book(self, book: OrderBook) -> None:
        """Enter what has waited for this book."""
        if book.is_synced and book.instrument.key in self._waiting:
            idea = self._waiting.pop(book.instrument.key)
            self.cancel_timer(f"book {book.instrument.key}")
            try:
                self._enter(idea, book.instrument)
            except REFUSALS as error:
                self.log.warning("signal %s not traded: %s", idea.name, error)

    def _remember(self, idea: TradeIdea) -> None:
        if idea.name in self._seen:
            raise Refused(f"signal {idea.name} was seen before")
        self._seen[idea.name] = None
        if len(self._seen) > SIGNALS_REMEMBERED:
            self._seen.popitem(last=False)

    def _wanted(self, idea: TradeIdea) -> Instrument:
        instrument = self.instrument(idea.contract)
        if self._allowed and instrument.key not in self._allowed:
            raise Refused(f"contract: found {instrument.key}; allowed are {', '.join(sorted(self._allowed))}")
        if instrument.key in self._waiting:
            raise Refused(f"{instrument.key}: another signal waits for its book")
        return instrument

    def _enter(self, idea: TradeIdea, instrument: Instrument) -> None:
        self._check(idea, instrument)
        instrument.check_price(idea.entry_price)
        protection = Protection(take_profit=idea.take_profit, stop_loss=idea.stop_loss)
        check_protection(protection, opening=idea.side, price=idea.entry_price, instrument=instrument)
        mark = self.mark_price(instrument)
        if mark is not None and (mark - idea.stop_loss) * idea.side.sign <= 0:
            raise Refused(f"stop_loss: found {idea.stop_loss}, which the price {mark:f} has passed already")
        is_attached = self._is_attached(instrument)
        quantity = self._size(idea, instrument)
        order = self.submit(
            instrument, idea.side, quantity, idea.entry_price, protection=protection if is_attached else None
        )
        self._trades[instrument.key] = _Trade(order.client_order_id, protection, is_attached)
        self._limit_time(idea, order)
        self.log.info("signal %s: %s %s %s", idea.name, idea.side.value, quantity, instrument.key)

    def _check(self, idea: TradeIdea, instrument: Instrument) -> None:
        limit = self.parameters.max_risk_pct
        if not 0 < idea.risk_pct <= limit:
            raise Refused(f"risk_pct: found {idea.risk_pct}; allowed is above 0 and at most {limit}")
        if idea.expiry_ns is not None and self.now >= idea.expiry_ns:
            raise Refused(f"signal {idea.name} has expired")
        if held := self.position(instrument).quantity:
            raise Refused(f"{instrument.key}: {held:f} is held already, and positions are not added to")
        if self.open_orders(instrument):
            raise Refused(f"{instrument.key}: an order is open already")

    def _is_attached(self, instrument: Instrument) -> bool:
        if self.supports(instrument, Feature.ATTACHED_PROTECTION):
            return True
        if self.supports(instrument, Feature.PROTECTION):
            return False
        raise Refused(f"{instrument.venue} can neither attach a stop to an order nor set one on a position")

    def _size(self, idea: TradeIdea, instrument: Instrument) -> Decimal:
        balance = self.balance(instrument.settle, on=instrument.connection)
        if balance is None:
            raise Refused(f"the balance in {instrument.settle} is not known")
        risk = balance.total * idea.risk_pct / 100
        return instrument.quantity_for_risk(risk, entry=idea.entry_price, stop=idea.stop_loss)

    def _limit_time(self, idea: TradeIdea, order: Order) -> None:
        limits = [Decimal(self.parameters.entry_timeout_s)] if self.parameters.entry_timeout_s else []
        if idea.expiry_ns is not None:
            limits.append(Decimal(idea.expiry_ns - self.now) / SECOND_NS)
        if limits:
            self.set_timer(f"entry {order.client_order_id}", after_s=min(limits))

    # From the entry to the end of the trade

    def on_fill(self, fill: Fill) -> None:
        """Protect what the entry has filled. Once nothing is held the trade is over, with what is left of its entry."""
        trade = self._trades.get(fill.instrument.key)
        if trade is None:
            return
        if not self.position(fill.instrument).quantity:
            self._cancel_entry(trade.entry)
        elif fill.client_order_id == trade.entry and not trade.is_attached:
            levels = trade.protection
            try:
                self.protect(fill.instrument, take_profit=levels.take_profit, stop_loss=levels.stop_loss)
            except REFUSALS as error:
                self._give_up(fill.instrument, trade, error)

    def on_refused(self, command: Command, error: Exception) -> None:
        """A position that cannot be protected is closed."""
        if isinstance(command, Protect) and (trade := self._trades.get(command.instrument.key)) is not None:
            self._give_up(command.instrument, trade, error)

    def _give_up(self, instrument: Instrument, trade: _Trade, error: Exception) -> None:
        self._cancel_entry(trade.entry)
        if self.close(instrument) is not None:
            self.log.error("%s: the position is closed, because it cannot be protected: %s", instrument.key, error)

    def _cancel_entry(self, client_order_id: str) -> None:
        order = self.order(client_order_id)
        if order is not None:
            self.cancel(order)

    def on_order(self, order: Order) -> None:
        """Say what became of an entry; try again to close what could not be closed."""
        key, trade = order.instrument.key, self._trades.get(order.instrument.key)
        if trade is None or not order.is_terminal:
            return
        if order.client_order_id == trade.entry:
            self.cancel_timer(f"entry {trade.entry}")
            if not order.filled_quantity:
                self.log.warning("entry %s: nothing filled: %s %s", trade.entry, order.state.value, order.text)
        elif order.spec.reduce_only and self.position(order.instrument).quantity:
            self.set_timer(f"close {key}", after_s=RETRY_S)

    def on_timer(self, name: str) -> None:
        """Something has waited long enough."""
        kind, _, subject = name.partition(" ")
        match kind:
            case "entry":
                self._cancel_entry(subject)
            case "close":
                self.close(subject)
            case "book":
                idea = self._waiting.pop(subject)
                self.log.warning("signal %s not traded: %s has no book", idea.name, subject)
