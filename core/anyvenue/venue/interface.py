"""The plugin interface: what an adapter supplies.

Required are the eight methods marked so. Everything else is optional: an adapter overrides what its venue has and
grades it in its `Capabilities`; what it leaves alone raises NotSupported before anything is sent.

What may be raised: NotSent, Rejected, OutcomeUnknown, VenueProtocolError, TradingEnded and their children; TypeError
and ValueError for misuse; nothing else. A command whose reply did not come, or came and could not be read, is
OutcomeUnknown, never Rejected. A create is never repeated by the adapter.

Calls may overlap, also on one order; each has a deadline of its own, and may be cancelled, after which its outcome is
unknown. Events go to the sink from the thread of the event loop, in the order in which they arrived, whole: an
order's or fill's event is never dropped. A command returns the events that its reply proves; the stream may tell the
same again, since events are idempotent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from decimal import Decimal
from math import inf

from attrs import fields, frozen

from anyvenue.model.balance import Balance
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.enums import MarginMode, OrderType, PositionMode, PositionSide, Side
from anyvenue.model.errors import NotSupported
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot, Candle, FundingPayment, FundingRate, Ticker, Trade
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderReported
from anyvenue.model.order_spec import OrderSpec, Protection
from anyvenue.model.position import Position
from anyvenue.model.risk_tier import RiskTier
from anyvenue.venue.capabilities import Capabilities
from anyvenue.venue.events import AccountEvent, Sink, Subscription

__all__ = ["INTERFACE_VERSION", "Retention", "Venue", "VenueOrder"]

INTERFACE_VERSION = 1
"""Grows when an adapter that was written for the number before may no longer work; docs/compatibility.md."""


@frozen(kw_only=True)
class VenueOrder:
    """An order as a look-up shows it, ours or a stranger's."""

    instrument: Instrument
    side: Side
    order_type: OrderType
    reduce_only: bool = False
    position_side: PositionSide = PositionSide.NET
    report: OrderReported


@frozen(kw_only=True)
class Retention:
    """What "not found" proves: how late a command may still arrive, and how long the venue remembers what ended.

    By default it proves nothing, ever. Times are in seconds; `math.inf` has no end. Raises ValueError for one below 0.

    Attributes:
        create_window_s: a create or an amend that left may still be carried out for so long, by any clock.
        settle_s: what has happened shows in all look-ups after so long.
        finds_open: the look-up of one order finds every order that is open, by its venue id and by its client id.
        lists_open: the list of open orders is whole.
        unfilled_s, filled_s: an order that ended without, or with, a fill is found by its venue id and in the history
            for so long after its end; its fills are found for `filled_s`.
        unfilled_by_client_id_s, filled_by_client_id_s: the same of the look-up by client id.
        names_fills: fills that are looked up bear the client id.
        triggers: all of this holds for orders with a trigger too.
    """

    create_window_s: float = inf
    settle_s: float = 3.0
    finds_open: bool = False
    lists_open: bool = False
    unfilled_s: float = 0.0
    filled_s: float = 0.0
    unfilled_by_client_id_s: float = 0.0
    filled_by_client_id_s: float = 0.0
    names_fills: bool = False
    triggers: bool = False

    def __attrs_post_init__(self) -> None:
        for name in (a.name for a in fields(type(self)) if a.name.endswith("_s")):
            if not getattr(self, name) >= 0:
                raise ValueError(f"Retention: {name}: found {getattr(self, name)}; allowed are numbers from 0")


class Venue(ABC):
    """One account's connection to one exchange."""

    name: str
    """The adapter's name; used in errors."""
    capabilities: Capabilities
    candle_intervals: frozenset[int] = frozenset()
    """The intervals, in seconds, in which candles can be subscribed to."""

    # What every adapter supplies.

    @abstractmethod
    async def connect(self, sink: Sink) -> None:
        """Open the connection; from now on events go to `sink`, those of the account without being asked for."""

    @abstractmethod
    async def close(self) -> None:
        """Close everything. Orders stay as they are. Safe to call twice."""

    @abstractmethod
    async def instruments(self) -> Sequence[Instrument]:
        """Return all instruments that can be traded."""

    @abstractmethod
    async def subscribe(self, subscription: Subscription) -> None:
        """Start a stream of market data. For a book, a BookSnapshot comes first. Asking twice does nothing."""

    @abstractmethod
    async def unsubscribe(self, subscription: Subscription) -> None:
        """Stop a stream of market data. Stopping what is not running does nothing."""

    @abstractmethod
    async def place(self, spec: OrderSpec) -> Sequence[AccountEvent]:
        """Send a new order, once."""

    @abstractmethod
    async def cancel(self, order: Order) -> Sequence[AccountEvent]:
        """Cancel an order, by the venue's id where it is known, else by the client id where the venue can."""

    @abstractmethod
    async def balances(self) -> Sequence[Balance]:
        """Return the account's balances."""

    # Market data by request.

    def explain(self, symbol: str) -> str:
        """Return what to tell somebody who asked for a symbol that is not listed; empty where there is nothing."""
        return ""

    def depth_rule(self, instrument: Instrument) -> SequenceRule:
        """Return how this venue numbers its depth frames."""
        return SequenceRule()

    async def resync(self, subscription: Subscription) -> None:
        """Start one book stream anew after a gap: a BookSnapshot follows. By default: unsubscribe and subscribe."""
        await self.unsubscribe(subscription)
        await self.subscribe(subscription)

    async def order_book(self, instrument: Instrument, depth: int = 50) -> BookSnapshot:
        """Return the order book now."""
        raise self._absent("order_book")

    async def ticker(self, instrument: Instrument) -> Ticker:
        """Return last, mark and index price and funding rate now."""
        raise self._absent("ticker")

    async def candles(self, instrument: Instrument, interval_s: int, *, start_ns: int, end_ns: int) -> Sequence[Candle]:
        """Return the candles that open in [start_ns, end_ns), oldest first, however many pages that takes."""
        raise self._absent("candles")

    async def trades(self, instrument: Instrument, *, start_ns: int, end_ns: int) -> Sequence[Trade]:
        """Return the public trades in [start_ns, end_ns), oldest first."""
        raise self._absent("trades")

    async def funding_rates(self, instrument: Instrument, *, start_ns: int, end_ns: int) -> Sequence[FundingRate]:
        """Return the settled funding rates in [start_ns, end_ns), oldest first."""
        raise self._absent("funding_rates")

    async def risk_tiers(self, instrument: Instrument) -> Sequence[RiskTier]:
        """Return what margin and leverage the venue allows for which size of position, smallest first."""
        raise self._absent("risk_tiers")

    # More commands.

    async def amend(
        self, order: Order, *, price: Decimal | None = None, quantity: Decimal | None = None
    ) -> Sequence[AccountEvent]:
        """Change a resting order in place. `quantity` is the new total, the filled part included."""
        raise self._absent("amend")

    async def place_batch(self, specs: Sequence[OrderSpec]) -> Sequence[Sequence[AccountEvent] | Exception]:
        """Send several orders in one request; one answer for each, in order: its events or its error."""
        raise self._absent("place_batch")

    async def cancel_all(self, instrument: Instrument) -> Sequence[AccountEvent]:
        """Cancel every order of the account on `instrument`, also those that are not ours."""
        raise self._absent("cancel_all")

    async def close_position(
        self, instrument: Instrument, position_side: PositionSide = PositionSide.NET
    ) -> Sequence[AccountEvent]:
        """Close a position at market, reduce-only."""
        raise self._absent("close_position")

    async def protect(
        self, instrument: Instrument, protection: Protection, position_side: PositionSide = PositionSide.NET
    ) -> Sequence[AccountEvent]:
        """Set a position's take-profit and stop-loss, in place of the ones it has."""
        raise self._absent("protect")

    async def set_leverage(
        self, instrument: Instrument, leverage: Decimal, margin_mode: MarginMode = MarginMode.CROSS
    ) -> Position:
        """Set leverage and margin mode, read them back, and return the position as the venue has it then."""
        raise self._absent("set_leverage")

    async def set_position_mode(self, mode: PositionMode) -> None:
        """Switch the account between one-way and hedge mode."""
        raise self._absent("set_position_mode")

    async def arm_dead_man_switch(self, timeout_s: int) -> None:
        """Have the venue cancel all orders unless armed again within `timeout_s`; 0 disarms."""
        raise self._absent("arm_dead_man_switch")

    # Look-ups, the evidence that settles what is unknown.

    def take_on(self, order: Order, left_by_ns: int) -> None:  # noqa: B027 - most venues can be asked, and need it not
        """Learn of an order of ours from an earlier run, open or in doubt, once connected and before anything is sent.

        All that was sent about it had left by `left_by_ns`. For a venue that has to read its news against what was
        sent; by default nothing is made of it.
        """

    @property
    def clock_ahead_ns(self) -> int:
        """How far the venue's clock is ahead of ours, in nanoseconds; below 0 where it is behind, 0 if nobody can say.

        Times to look back to are by our clock, less 60 s, and less by how much the venue's is behind.
        """
        return 0

    @property
    def retention(self) -> Retention:
        """What it proves when a look-up does not find something. By default: nothing."""
        return Retention()

    async def order(self, order: Order) -> VenueOrder | None:
        """Look one order up, by the venue's id or the client id. None means the venue says it does not know it."""
        raise self._absent("order")

    async def open_orders(self, instrument: Instrument | None = None) -> Sequence[VenueOrder]:
        """Return the open orders of the account, all pages."""
        raise self._absent("open_orders")

    async def order_history(self, instrument: Instrument, *, start_ns: int) -> Sequence[VenueOrder]:
        """Return the orders that ended since `start_ns`, as far back as the venue remembers."""
        raise self._absent("order_history")

    async def fills(self, instrument: Instrument, *, start_ns: int) -> Sequence[Fill]:
        """Return the account's fills since `start_ns`, oldest first."""
        raise self._absent("fills")

    async def positions(self) -> Sequence[Position]:
        """Return the positions of the account that are not flat."""
        raise self._absent("positions")

    async def funding_payments(self, instrument: Instrument, *, start_ns: int) -> Sequence[FundingPayment]:
        """Return the funding paid and received since `start_ns`, oldest first."""
        raise self._absent("funding_payments")

    def _absent(self, what: str) -> NotSupported:
        return NotSupported("this venue has no such call; nothing was sent", venue=self.name, request=what)
