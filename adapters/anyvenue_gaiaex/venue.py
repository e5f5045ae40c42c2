"""The venue: orders and other commands, checked before they leave."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NoReturn
from weakref import WeakValueDictionary

from attrs import evolve

from anyvenue.model.enums import MarginMode, OrderType, PositionSide, Side, TimeInForce
from anyvenue.model.errors import (
    AnyvenueError,
    NotSent,
    NotSupported,
    OutcomeUnknown,
    Rejected,
    RejectReason,
    TradingEnded,
    UnknownInstrument,
    UnknownOrder,
    WouldTakeLiquidity,
)
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderAccepted, OrderRejected
from anyvenue.model.order_spec import OrderSpec, Protection, check_protection
from anyvenue.model.position import Position
from anyvenue.venue.descriptor import VenueContext
from anyvenue.venue.events import AccountEvent
from anyvenue.venue.needs import features_of
from anyvenue_gaiaex import rest
from anyvenue_gaiaex.account import GaiaExAccount

__all__ = ["GaiaExVenue"]

_log = logging.getLogger("anyvenue.gaiaex")


class GaiaExVenue(GaiaExAccount):
    """One account on GaiaEx's perpetuals. Without credentials it has market data only."""

    def __init__(self, context: VenueContext) -> None:
        super().__init__(context)
        self._writes: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def place(self, spec: OrderSpec) -> Sequence[AccountEvent]:
        """Send a new order, once. Raises NotSent and Rejected where it is refused here, with nothing sent."""
        account = self._account()
        self._check(spec)
        name, instrument = spec.client_order_id, spec.instrument
        self.traded[instrument.key] = instrument
        request = rest.place(spec, account.address, with_time_in_force=self._has_time_in_force)
        self._leaving[name] = spec
        try:
            data = await self.ask(request)
        except (NotSent, TradingEnded):
            self._ledger.refused(name)
            raise
        except Rejected:
            self._ledger.refused(name)
            if (hours := self._listings[instrument.venue_symbol].hours) not in ("", "24/7"):
                _log.warning("%s trades in %s; it may be closed now", instrument.key, hours)
            raise
        except asyncio.CancelledError:
            if name in self._leaving:  # it waited for its turn, and nothing would ever tell what became of it
                text, now = "it was given up before it left", self.clock.time_ns()
                reason = RejectReason.NOT_SENT
                self._emit([OrderRejected(client_order_id=name, reason=reason, text=text, ts_recv=now)])
            raise
        finally:
            self._leaving.pop(name, None)
        events = self._ledger.acknowledged(name, self._ack(data), self.clock.time_ns())
        if spec.time_in_force is TimeInForce.IOC and not self._has_time_in_force:
            events += await self._take_back(spec, events)
        return events

    def _check(self, spec: OrderSpec) -> None:
        """Refuse what the venue must not see."""
        instrument, listing = spec.instrument, self._listings.get(spec.instrument.venue_symbol)
        if listing is None:
            raise UnknownInstrument(f"{instrument.key}: not in the venue's list of symbols")
        if listing.refusal:
            raise NotSupported(listing.refusal, venue=self.name)
        if spec.trigger is not None:
            raise NotSupported("there are no orders that wait for a trigger; protect the position", venue=self.name)
        for feature in features_of(spec):
            self.capabilities.require(feature, venue=self.name, allowed=self.context.allow_approximate)
        if not self._ledger.knows_positions:
            text = "the account's stream has not told the positions yet, and fills are derived from them"
            raise NotSent(text, venue=self.name)
        price = spec.price or self._price_of(instrument)
        if price is not None and not spec.reduce_only and spec.quantity * price < instrument.min_notional:
            self._refuse(
                RejectReason.BELOW_MINIMUM,
                f"found an order worth {spec.quantity * price:f} USDC; allowed is from {instrument.min_notional} on",
            )
        held = self._ledger.held(instrument).quantity
        if spec.reduce_only and spec.quantity > max(ZERO, -held * spec.side.sign):
            self._refuse(
                RejectReason.REDUCE_ONLY,
                f"found a reduce-only {spec.side.value} of {spec.quantity}; the position is {held}, and the venue is "
                "not trusted to trim it",
            )
        if spec.post_only and not self._has_time_in_force:
            touch = self._touch.get(instrument.venue_symbol)
            if touch is None or spec.price is None:
                raise NotSent(
                    "without its book it cannot be seen whether it would take: subscribe first", venue=self.name
                )
            if spec.price >= touch[1] if spec.side is Side.BUY else spec.price <= touch[0]:
                text = f"the book is at {touch[0]} / {touch[1]}, so it would have traded; nothing was sent"
                raise WouldTakeLiquidity(text, reason=RejectReason.WOULD_TAKE_LIQUIDITY, venue=self.name)

    def _check_side(self, side: PositionSide) -> None:
        if side is not PositionSide.NET:
            raise NotSupported("there is one position to a symbol, no hedge mode", venue=self.name)

    def _refuse(self, reason: RejectReason, text: str) -> NoReturn:
        raise Rejected(f"{text}; nothing was sent", reason=reason, venue=self.name)

    async def _take_back(self, spec: OrderSpec, events: Sequence[AccountEvent]) -> Sequence[AccountEvent]:
        """Cancel what was to be immediate or canceled, as far as it did not trade."""
        ids = [event.venue_order_id for event in events if isinstance(event, OrderAccepted)]
        if not ids or ids[0] is None:
            return ()
        try:
            return await self._cancel(spec.instrument, ids[0], spec.client_order_id)
        except AnyvenueError as error:
            _log.error("%s: an IOC order could not be canceled and may rest: %s", spec.client_order_id, error)
            return ()

    async def amend(
        self, order: Order, *, price: Decimal | None = None, quantity: Decimal | None = None
    ) -> Sequence[AccountEvent]:
        """Change an order, which may get another id by it. `quantity` is the new total, the filled part included."""
        account, name, spec = self._account(), order.client_order_id, order.spec
        new_price, new_quantity = price or order.price, quantity or order.quantity
        if new_price is None or spec.order_type is not OrderType.LIMIT:
            raise NotSupported("only limit orders can be changed", venue=self.name)
        if order.filled_quantity:
            text = "it is not documented whether a new size has the filled part in it: cancel it and place a new order"
            self._refuse(RejectReason.NOT_SUPPORTED, f"found an order that has traded in part; {text}")
        async with self._one_write(name):
            order_id = self._id_of(order)
            request = rest.modify(spec, order_id, account.address, price=new_price, size=new_quantity)
            self._ledger.amending(name, new_price, new_quantity, self.clock.time_ns())
            try:
                data = await self.ask(request)
            except (NotSent, Rejected, TradingEnded) as error:
                self._ledger.amend_refused(name)
                if isinstance(error, UnknownOrder):
                    self._emit(self._ledger.gone(name, self.clock.time_ns()))
                raise
            return self._ledger.amended(name, self._ack(data), self.clock.time_ns())

    async def cancel(self, order: Order) -> Sequence[AccountEvent]:
        """Cancel by the venue's id.

        A refusal leaves open what the order is now: the account's stream tells. Only where that has shown already that
        it is not open, a refusal because there is no such order ends it.
        """
        name = order.client_order_id
        now = self.clock.time_ns()
        self._emit(self._ledger.take_on(order, now, now))
        async with self._one_write(name):
            try:
                return await self._cancel(order.instrument, self._id_of(order), name)
            except (OutcomeUnknown, UnknownOrder) as error:
                now = self.clock.time_ns()
                if isinstance(error, UnknownOrder) and (events := self._ledger.gone(name, now)):
                    return events
                self._ledger.mistrust(name, now)
                raise

    async def _cancel(self, instrument: Instrument, order_id: str, name: str) -> Sequence[AccountEvent]:
        self._ledger.canceling(instrument, name)
        data = await self.ask(rest.cancel(instrument, order_id, self._account().address, name))
        ack = self._ack(data)
        if ack.status != "canceled":
            text = f"the venue answered {ack.status or 'without a status'!r} to a cancel; its stream will tell"
            raise OutcomeUnknown(text, venue=self.name)
        return self._ledger.canceled([order_id], self.clock.time_ns(), name)

    def _id_of(self, order: Order) -> str:
        order_id = self._ledger.order_id(order.client_order_id, order.venue_order_id)
        if order_id is None:
            text = "the venue knows orders by its own ids only, and this one's is not known yet"
            raise NotSent(text, venue=self.name)
        return order_id

    def _one_write(self, name: str) -> asyncio.Lock:
        """Return what lets one write at a time through for an order."""
        return self._writes.setdefault(name, asyncio.Lock())

    async def cancel_all(self, instrument: Instrument) -> Sequence[AccountEvent]:
        """Cancel every order of a symbol. Whether that takes waiting take-profits and stop-losses is not documented."""
        request = rest.cancel_all(instrument, self._account().address)
        self._ledger.canceling(instrument)
        data = await self.ask(request)
        ids, failed = self.read(rest.read_canceled, data)
        events = self._ledger.canceled(ids, self.clock.time_ns())
        if failed:
            self._emit(events)
            raise OutcomeUnknown(failed, venue=self.name, request="POST /order/cancel-all")
        return events

    async def close_position(
        self, instrument: Instrument, position_side: PositionSide = PositionSide.NET, *, quantity: Decimal | None = None
    ) -> Sequence[AccountEvent]:
        """Close a position at market, whole or `quantity` of it, within the option `slippage`."""
        account, held = self._account(), self._ledger.held(instrument).quantity
        self._check_side(position_side)
        if quantity is not None and instrument.check_quantity(quantity) > abs(held):
            self._refuse(RejectReason.REDUCE_ONLY, f"found {quantity} to close; the position is {held}")
        self.traded[instrument.key] = instrument
        side, size = (Side.SELL if held > 0 else Side.BUY), quantity or abs(held)
        answered = self._ledger.closing(instrument, side, size, self.clock.time_ns())
        request = rest.close_position(instrument, account.address, size=quantity, slippage=self._options.slippage)
        try:
            data = await self.ask(request)
        except (NotSent, Rejected, TradingEnded):
            answered(None)
            raise
        answered(self._ack(data))
        return ()

    async def protect(
        self, instrument: Instrument, protection: Protection, position_side: PositionSide = PositionSide.NET
    ) -> Sequence[AccountEvent]:
        """Set triggers that close the whole position at market. Raises InvalidOrder for one on the wrong side."""
        account, held = self._account(), self._ledger.held(instrument)
        self._check_side(position_side)
        if not held.quantity:
            self._refuse(RejectReason.REDUCE_ONLY, f"{instrument.key}: there is no position to protect")
        opened = Side.BUY if held.quantity > 0 else Side.SELL
        price = self._price_of(instrument) or held.entry_price
        if price is None:
            raise NotSent("no price is known by which to check the triggers: subscribe to the book", venue=self.name)
        check_protection(protection, opening=opened, price=price, instrument=instrument)
        size = abs(held.quantity)
        request = rest.protect(instrument, protection, account.address, closing=opened.opposite, size=size)
        await self.ask(request)
        return ()

    async def set_leverage(
        self, instrument: Instrument, leverage: Decimal, margin_mode: MarginMode = MarginMode.CROSS
    ) -> Position:
        """Set leverage and margin mode, and return the position with what the venue says that it set."""
        if leverage != int(leverage) or leverage < 1:
            raise ValueError(f"{instrument.key}: leverage: found {leverage}; allowed are whole numbers from 1")
        data = await self.ask(rest.leverage(instrument, int(leverage), margin_mode, self._account().address))
        times, mode = self.read(rest.read_margin_mode, data)
        if mode is not margin_mode:
            _log.warning("%s: asked for %s margin; the venue set %s", instrument.key, margin_mode.value, mode.value)
        held = next((one for one in self._ledger.positions() if one.instrument == instrument), None)
        known = held or Position(instrument=instrument)
        return evolve(known, leverage=times, margin_mode=mode)

    def _ack(self, data: Any) -> rest.Ack:
        ack: rest.Ack = self.read(rest.read_ack, data)
        return ack
