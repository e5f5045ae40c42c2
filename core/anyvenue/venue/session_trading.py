"""The trading side of a session: orders, and what else changes an account.

Every command is sent once. What becomes of it is told by what it raises, as for a `Venue`, and by the order itself:
after OutcomeUnknown it has an unknown fate, which `settle` settles by asking the venue.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Final, TypedDict, TypeVar, Unpack

from anyvenue.model.enums import (
    MarginMode,
    OrderType,
    PositionMode,
    PositionSide,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from anyvenue.model.errors import AnyvenueError, NotSent, Rejected, RejectReason, TradingEnded
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import Number, exact
from anyvenue.model.order import Order
from anyvenue.model.order_events import (
    AmendRejected,
    AmendSent,
    AmendUnknown,
    CancelRejected,
    CancelSent,
    CancelUnknown,
    OrderEvent,
    OrderRejected,
    OrderSent,
    OrderUnknown,
)
from anyvenue.model.order_spec import OrderSpec, Protection, Trigger
from anyvenue.model.position import Position
from anyvenue.venue import emulation
from anyvenue.venue.capabilities import Feature, Grade
from anyvenue.venue.events import AccountEvent
from anyvenue.venue.needs import features_of
from anyvenue.venue.session_account import AccountSession

__all__ = ["OrderTerms", "TradingSession"]

T = TypeVar("T")

END_PATIENCE_NS: Final = 5_000_000_000
"""How long an order that cannot rest is waited for, after its acknowledgement."""


class OrderTerms(TypedDict, total=False):
    """What an order may have beside side, quantity and price; see `OrderSpec`."""

    post_only: bool
    reduce_only: bool
    time_in_force: TimeInForce
    trigger: Trigger
    protection: Protection
    position_side: PositionSide
    display_quantity: Decimal
    self_trade_prevention: SelfTradePrevention


class TradingSession(AccountSession):
    """One account on one venue, and what can be done with it."""

    _count = 0

    async def buy(
        self, symbol: str | Instrument, quantity: Number, price: Number | None = None, **terms: Unpack[OrderTerms]
    ) -> Order:
        """Buy, at market without a price, and return the order as the venue acknowledged it.

        An order that cannot rest (market, IOC, FOK) is returned when its end is known, or after 5 s without news.
        Raises InvalidOrder, NotSupported and NotSent with nothing sent, Rejected where the venue refuses it, and
        OutcomeUnknown where it may be there: `settle` asks what became of it, by the error's `client_order_id`.
        """
        return await self._place(Side.BUY, symbol, quantity, price, terms)

    async def sell(
        self, symbol: str | Instrument, quantity: Number, price: Number | None = None, **terms: Unpack[OrderTerms]
    ) -> Order:
        """Sell; as `buy`."""
        return await self._place(Side.SELL, symbol, quantity, price, terms)

    async def amend(self, order: Order, *, price: Number | None = None, quantity: Number | None = None) -> Order:
        """Change a resting order in place and return it. `quantity` is the new total, the filled part included."""
        self._require(Feature.AMEND)
        new_price = None if price is None else order.instrument.check_price(price)
        new_quantity = None if quantity is None else exact(quantity, "quantity")
        current, name = self._tracker.current(order), order.client_order_id
        sent = AmendSent(client_order_id=name, price=new_price, quantity=new_quantity, ts_recv=self.clock.time_ns())
        self._tracker.apply(sent)
        await self._command(
            name,
            self.venue.amend(current, price=new_price, quantity=new_quantity),
            refused=lambda reason, text: AmendRejected(client_order_id=name, reason=reason, text=text),
            unknown=lambda text: AmendUnknown(client_order_id=name, text=text),
        )
        return self._tracker.current(order)

    async def cancel(self, order: Order) -> Order:
        """Cancel an order and return it. Raises Rejected where it has ended before."""
        current, name = self._tracker.current(order), order.client_order_id
        if not current.is_terminal:
            self._tracker.apply(CancelSent(client_order_id=name, ts_recv=self.clock.time_ns()))
        await self._command(
            name,
            self.venue.cancel(current),
            refused=lambda reason, text: CancelRejected(client_order_id=name, reason=reason, text=text),
            unknown=lambda text: CancelUnknown(client_order_id=name, text=text),
        )
        return self._tracker.current(order)

    async def cancel_all(self, symbol: str | Instrument | None = None) -> None:
        """Cancel every order of the account on one instrument, or on all, also those that are not ours."""
        self._require(Feature.CANCEL_ALL)
        if symbol is not None:
            chosen = [self.instrument(symbol)]
        else:
            found = await self._ask(self.venue.open_orders())
            chosen = list({order.instrument.key: order.instrument for order in found}.values())
        for instrument in chosen:
            if self.capability(Feature.CANCEL_ALL).grade is Grade.NATIVE:
                self._tracker.apply_all(await self._ask(self.venue.cancel_all(instrument)))
            else:
                self._tracker.apply_all(await self._ask(emulation.cancel_all(self.venue, instrument)))

    async def close(self, symbol: str | Instrument, position_side: PositionSide = PositionSide.NET) -> None:
        """Close a position at market, reduce-only. A flat one is left alone."""
        self._require(Feature.CLOSE_POSITION)
        instrument = self.instrument(symbol)
        if self.capability(Feature.CLOSE_POSITION).grade is Grade.NATIVE:
            if (await self.position(instrument, position_side)).is_flat:
                return
            work: Awaitable[Sequence[AccountEvent]] = self.venue.close_position(instrument, position_side)
        else:
            work = emulation.close_position(self.venue, instrument, position_side, new_id=self._next_id)
        self._tracker.apply_all(await self._ask(work))

    async def protect(
        self,
        symbol: str | Instrument,
        *,
        take_profit: Number | None = None,
        stop_loss: Number | None = None,
        position_side: PositionSide = PositionSide.NET,
    ) -> None:
        """Set a position's take-profit and stop-loss, in place of the ones it has."""
        self._require(Feature.PROTECTION)
        protection = Protection(take_profit=take_profit, stop_loss=stop_loss)
        events = await self._ask(self.venue.protect(self.instrument(symbol), protection, position_side))
        self._tracker.apply_all(events)

    async def set_leverage(
        self, symbol: str | Instrument, leverage: Number, margin_mode: MarginMode = MarginMode.CROSS
    ) -> Position:
        """Set leverage and margin mode, and return the position as the venue has it then."""
        self._require(Feature.LEVERAGE)
        return await self._ask(
            self.venue.set_leverage(self.instrument(symbol), exact(leverage, "leverage"), margin_mode)
        )

    async def set_position_mode(self, mode: PositionMode | str) -> None:
        """Switch the account between one-way and hedge mode. Venues refuse while there is a position or an order."""
        self._require(Feature.HEDGE_MODE)
        await self._ask(self.venue.set_position_mode(PositionMode(mode)))

    async def arm_dead_man_switch(self, timeout_s: int) -> None:
        """Have the venue cancel all orders unless armed again within `timeout_s` seconds; 0 disarms."""
        self._require(Feature.DEAD_MAN_SWITCH)
        await self._ask(self.venue.arm_dead_man_switch(timeout_s))

    # How a command goes

    async def _place(
        self, side: Side, symbol: str | Instrument, quantity: Number, price: Number | None, terms: OrderTerms
    ) -> Order:
        name = self._next_id()
        spec = OrderSpec(
            client_order_id=name,
            instrument=self.instrument(symbol),
            side=side,
            quantity=exact(quantity, "quantity"),
            price=None if price is None else exact(price, "price"),
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            ts_created=self.clock.time_ns(),
            **terms,
        )
        self._require(*features_of(spec))
        order = Order(spec=spec)
        self._tracker.add(order)
        self._tracker.apply(OrderSent(client_order_id=name, ts_recv=self.clock.time_ns()))
        await self._command(
            name,
            self.venue.place(spec),
            refused=lambda reason, text: OrderRejected(client_order_id=name, reason=reason, text=text),
            unknown=lambda text: OrderUnknown(client_order_id=name, text=text),
        )
        may_rest = spec.order_type is OrderType.LIMIT and spec.time_in_force is TimeInForce.GTC
        if not may_rest and spec.trigger is None:
            await self._wait_for_end(order)
        return self._tracker.current(order)

    async def _wait_for_end(self, order: Order) -> None:
        updates = self.order_updates()
        timer = self.clock.call_at(self.clock.time_ns() + END_PATIENCE_NS, updates.end)
        try:
            if not self._tracker.current(order).is_terminal:
                async for update in updates:
                    if update.client_order_id == order.client_order_id and update.is_terminal:
                        break
        finally:
            timer.cancel()

    async def _command(
        self,
        name: str,
        work: Awaitable[Sequence[AccountEvent]],
        *,
        refused: Callable[[RejectReason, str], OrderEvent],
        unknown: Callable[[str], OrderEvent],
    ) -> None:
        """Carry out a command on one of our orders, and let the order know what became of it."""
        try:
            events = await self._ask(work)
        except BaseException as error:  # a cancelled call too: its outcome is unknown
            if isinstance(error, AnyvenueError):
                error.client_order_id = name
            reason, text = _proven_reason(error), str(error) or type(error).__name__
            self._tracker.apply(unknown(text) if reason is None else refused(reason, text))
            raise
        self._tracker.apply_all(events)

    def _next_id(self) -> str:
        self._count += 1
        return f"{self._prefix}{self._count}"


def _proven_reason(error: BaseException) -> RejectReason | None:
    """Return why nothing happened, where the error proves that; else None."""
    match error:
        case Rejected(reason=reason):
            return reason
        case NotSent() | TradingEnded() | TypeError() | ValueError():
            return RejectReason.NOT_SENT
        case _:
            return None
