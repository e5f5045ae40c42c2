"""What a strategy author writes: a subclass of `Strategy` with the callbacks it needs.

Callbacks are plain functions, called one at a time, in the order of the events. Commands do not block and do not
wait: `buy` returns the order as it is now, and what becomes of it arrives in `on_order`. What the market or the
limits refuse arrives there too, with the reason; only misuse (a float, a price off the tick, an unknown symbol)
raises. An order is named by its client id; the Order value kept from an earlier callback is as good a name.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import frozen

from anyvenue.model.balance import Balance
from anyvenue.model.book import OrderBook
from anyvenue.model.enums import (
    MarginMode,
    OrderType,
    PositionSide,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import Candle, FundingPayment, FundingRate, Liquidation, Quote, Ticker, Trade
from anyvenue.model.numbers import Number
from anyvenue.model.order import Order
from anyvenue.model.order_spec import Protection, Trigger
from anyvenue.model.position import Position
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.events import Channel

if TYPE_CHECKING:
    from anyvenue.engine.commands import Command
    from anyvenue.engine.engine import Engine
    from anyvenue.engine.signal import Signal

__all__ = ["NoParameters", "Strategy"]


@frozen
class NoParameters:
    """The parameters of a strategy that has none."""


class Strategy:
    """Subclass it, give it a `Parameters` attrs class, override the callbacks that matter.

    An instrument is named by its neutral symbol (`"BTC-USDT-PERP"`) on the first connection, or by the Instrument
    that `instrument(symbol, on="name")` returns for another one.
    """

    Parameters: ClassVar[type] = NoParameters

    def __init__(self, parameters: Any = None) -> None:
        self.parameters = self.Parameters() if parameters is None else parameters
        self.log = logging.getLogger(f"anyvenue.strategy.{type(self).__name__}")
        self._engine: Engine

    # Callbacks

    def on_start(self) -> None:
        """Everything is connected, instruments are known: subscribe here."""

    def on_book(self, book: OrderBook) -> None:
        """A book changed, or went stale (`book.is_synced`). The engine keeps it; look, do not hold on to it."""

    def on_trade(self, trade: Trade) -> None:
        """A public trade happened."""

    def on_ticker(self, ticker: Ticker) -> None:
        """Last, mark or index price or the funding rate changed."""

    def on_candle(self, candle: Candle) -> None:
        """A candle closed."""

    def on_funding(self, funding: FundingRate | FundingPayment) -> None:
        """A funding rate was published, or funding was booked on one of our positions."""

    def on_quote(self, quote: Quote) -> None:
        """The best bid or ask of a stream of quotes changed."""

    def on_liquidation(self, liquidation: Liquidation) -> None:
        """The venue closed somebody's position by force."""

    def on_order(self, order: Order) -> None:
        """One of our orders changed: accepted, refused, amended, filled, ended, or of unknown fate."""

    def on_fill(self, fill: Fill) -> None:
        """One of our orders traded; position and order are up to date already."""

    def on_position(self, position: Position) -> None:
        """One of our positions changed."""

    def on_timer(self, name: str) -> None:
        """A timer set by `set_timer` went off."""

    def on_signal(self, signal: Signal) -> None:
        """A signal came in from outside."""

    def on_refused(self, command: Command, error: Exception) -> None:
        """A command that is not an order's (subscribe, protect, set_leverage) failed."""

    def on_disconnect(self, connection: str, reason: str) -> None:
        """A connection is lost. Its books are stale, its orders rest on unseen."""

    def on_reconnect(self, connection: str) -> None:
        """A connection is back."""

    def on_instrument(self, instrument: Instrument) -> None:
        """A venue changed an instrument's terms, such as its `status`, to these. The run keeps those it began with."""

    def on_stop(self) -> None:
        """The run ends. Open orders are canceled after this."""

    # What is known

    @property
    def now(self) -> int:
        """The time of the event in hand, nanoseconds since the epoch, UTC."""
        return self._engine.now

    @property
    def connections(self) -> Sequence[str]:
        """The names of this strategy's connections, in the order of the configuration."""
        return self._engine.connections

    def instrument(self, symbol: str | Instrument, *, on: str | None = None) -> Instrument:
        """Return an instrument by symbol, on the first connection or on the one named. Raises UnknownInstrument."""
        return self._engine.instrument(symbol, on)

    def instruments(self, *, on: str | None = None) -> Sequence[Instrument]:
        """Return all instruments of a connection."""
        return self._engine.instruments(on)

    def book(self, symbol: str | Instrument) -> OrderBook:
        """Return a subscribed book; before its first snapshot it is not synced."""
        return self._engine.data.keeper(self.instrument(symbol)).book

    def position(self, symbol: str | Instrument, side: PositionSide = PositionSide.NET) -> Position:
        """Return our position, as our fills make it."""
        return self._engine.portfolio.position(self.instrument(symbol), side)

    def balance(self, currency: str, *, on: str | None = None) -> Balance | None:
        """Return a balance as the venue told it last."""
        return self._engine.portfolio.balance(on or self.connections[0], currency)

    def order(self, order: Order | str) -> Order | None:
        """Return one of our orders as it is now."""
        return self._engine.desk.order(order)

    def open_orders(self, symbol: str | Instrument | None = None) -> list[Order]:
        """Return our open orders, oldest first."""
        return self._engine.desk.open_orders(None if symbol is None else self.instrument(symbol))

    def mark_price(self, symbol: str | Instrument) -> Decimal | None:
        """Return the mark price, else the book's mid, else None."""
        return self._engine.data.mark(self.instrument(symbol))

    def size_for_risk(
        self, symbol: str | Instrument, risk: Number, *, entry: Number | None = None, stop: Number
    ) -> Decimal:
        """Return the largest quantity that loses at most `risk` settle money between `entry` and `stop`.

        Without an entry it is the mark price, else the mid. From the contract's specification, rounded down; fees and
        slippage are not in it. Raises QuantityTooSmall, InvalidPrice; ValueError where there is no price yet.
        """
        instrument = self.instrument(symbol)
        at = self._engine.data.mark(instrument) if entry is None else entry
        if at is None:
            raise ValueError(f"{instrument.key}: entry: there is no mark or mid price yet; give the entry price")
        return instrument.quantity_for_risk(risk, entry=at, stop=stop)

    def supports(self, symbol: str | Instrument, feature: Feature) -> bool:
        """Tell whether the instrument's venue can do something, well enough for the configuration."""
        return self._engine.desk.has(feature, self.instrument(symbol))

    # Commands

    def subscribe(
        self,
        symbol: str | Instrument,
        channel: Channel | str = Channel.BOOK,
        *,
        interval_s: int | None = None,
        depth: int | None = None,
    ) -> None:
        """Start a stream: `book`, `quotes`, `trades`, `ticker`, `funding`, `liquidations`, or `candles`, which need
        their interval in seconds. `depth` is a wish for at least so many levels a side of a book.

        Candles that the venue does not send are built from trades, else from mid prices, and say which.
        """
        self._engine.desk.subscribe(self.instrument(symbol), Channel(channel), interval_s, depth)

    def unsubscribe(
        self, symbol: str | Instrument, channel: Channel | str = Channel.BOOK, *, interval_s: int | None = None
    ) -> None:
        """Stop a stream."""
        self._engine.desk.unsubscribe(self.instrument(symbol), Channel(channel), interval_s)

    def buy(self, symbol: str | Instrument, quantity: Number, price: Number | None = None, **how: Any) -> Order:
        """Buy: at market without a price, else with a limit. `how` is what `submit` takes."""
        return self.submit(symbol, Side.BUY, quantity, price, **how)

    def sell(self, symbol: str | Instrument, quantity: Number, price: Number | None = None, **how: Any) -> Order:
        """Sell: at market without a price, else with a limit. `how` is what `submit` takes."""
        return self.submit(symbol, Side.SELL, quantity, price, **how)

    def submit(
        self,
        symbol: str | Instrument,
        side: Side,
        quantity: Number,
        price: Number | None = None,
        *,
        time_in_force: TimeInForce = TimeInForce.GTC,
        post_only: bool = False,
        reduce_only: bool = False,
        position_side: PositionSide = PositionSide.NET,
        trigger: Trigger | None = None,
        protection: Protection | None = None,
        display_quantity: Number | None = None,
        self_trade_prevention: SelfTradePrevention | None = None,
    ) -> Order:
        """Send an order and return it as it is now. Quantities are in the instrument's quantity unit.

        Raises InvalidOrder and its children, TypeError for a float, UnknownInstrument.
        """
        return self._engine.desk.submit(
            self.instrument(symbol),
            side,
            quantity,
            price,
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            time_in_force=time_in_force,
            post_only=post_only,
            reduce_only=reduce_only,
            position_side=position_side,
            trigger=trigger,
            protection=protection,
            display_quantity=display_quantity,
            self_trade_prevention=self_trade_prevention,
        )

    def amend(self, order: Order | str, *, price: Number | None = None, quantity: Number | None = None) -> Order:
        """Change an order in place; the quantity is the new total, the filled part included.

        Asked for while the create or another amend is in flight it waits, and the last wish wins.
        """
        return self._engine.desk.amend(order, price, quantity)

    def cancel(self, order: Order | str) -> Order:
        """Cancel an order. Asked for while its create or an amend is in flight, it waits and is then sent."""
        return self._engine.desk.cancel(order)

    def cancel_all(self, symbol: str | Instrument | None = None) -> None:
        """Cancel all our open orders, or those of one instrument. Orders of others are never touched."""
        for order in self.open_orders(symbol):
            self._engine.desk.cancel(order)

    def close(self, symbol: str | Instrument, side: PositionSide = PositionSide.NET) -> Order | None:
        """Close a position by reduce-only market orders; the last of them, None where there is nothing to close."""
        return self._engine.desk.close(self.instrument(symbol), side)

    def protect(
        self,
        symbol: str | Instrument,
        *,
        take_profit: Number | None = None,
        stop_loss: Number | None = None,
        position_side: PositionSide = PositionSide.NET,
    ) -> None:
        """Set a position's take-profit and stop-loss, in place of those it has.

        Raises NotSupported where the venue has no such thing, InvalidOrder for a level on the wrong side.
        """
        protection = Protection(take_profit=take_profit, stop_loss=stop_loss)
        self._engine.desk.protect(self.instrument(symbol), protection, position_side)

    def set_leverage(
        self, symbol: str | Instrument, leverage: Number, margin_mode: MarginMode = MarginMode.CROSS
    ) -> None:
        """Set leverage and margin mode."""
        self._engine.desk.set_leverage(self.instrument(symbol), leverage, margin_mode)

    def set_timer(self, name: str, *, after_s: Number | None = None, every_s: Number | None = None) -> None:
        """Have `on_timer(name)` called once, or again and again. A timer of that name is replaced."""
        self._engine.desk.set_timer(name, after_s=after_s, every_s=every_s)

    def cancel_timer(self, name: str) -> None:
        """Stop a timer. One that does not exist is fine."""
        self._engine.desk.cancel_timer(name)

    def stop(self, reason: str = "") -> None:
        """End the run: orders are canceled, the report is made."""
        self._engine.request_stop(reason)
