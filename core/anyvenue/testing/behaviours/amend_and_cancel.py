"""Amend and cancel: what they change, what they leave alone, and what they say where there is nothing to change."""

from __future__ import annotations

from contextlib import suppress

import pytest
from attrs import evolve

from anyvenue.model.enums import OrderState
from anyvenue.model.errors import AnyvenueError, OutcomeUnknown, Rejected
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderSent
from anyvenue.testing.behaviour import behaviour
from anyvenue.testing.bench import Bench
from anyvenue.testing.session import HeardSession
from anyvenue.venue.capabilities import Feature

__all__ = ["AmendAndCancel"]


async def _resting(bench: Bench, session: HeardSession, off: str = "-0.04", units: int = 2) -> Order:
    return await session.buy(bench.here.instrument.symbol, bench.here.unit * units, bench.here.off(off))


class AmendAndCancel:
    """Amend and cancel."""

    @behaviour(Feature.AMEND)
    async def test_an_amended_price_is_the_exchanges(self, bench: Bench) -> None:
        """The order goes on under the new price, by whichever id."""
        session = await bench.session()
        order, price = await _resting(bench, session), bench.here.off("-0.03")
        await session.amend(order, price=price)
        await bench.settle()
        order = session.current(order)
        assert (order.state, order.price, order.amend) == (OrderState.OPEN, price, None)
        assert [(o.price, o.quantity) for o in bench.resting()] == [(price, bench.here.unit * 2)]

    @behaviour(Feature.AMEND)
    async def test_an_amended_quantity_is_the_new_total(self, bench: Bench) -> None:
        """In base units, at the same price."""
        session = await bench.session()
        order = await _resting(bench, session)
        await session.amend(order, quantity=bench.here.unit * 5)
        await bench.settle()
        assert session.current(order).quantity == bench.here.unit * 5
        assert [o.quantity for o in bench.resting()] == [bench.here.unit * 5]

    @behaviour(Feature.AMEND)
    async def test_price_and_quantity_change_together(self, bench: Bench) -> None:
        """In one amend."""
        session = await bench.session()
        order, price = await _resting(bench, session), bench.here.off("-0.03")
        await session.amend(order, price=price, quantity=bench.here.unit * 3)
        await bench.settle()
        assert [(o.price, o.quantity) for o in bench.resting()] == [(price, bench.here.unit * 3)]

    @behaviour(Feature.AMEND)
    async def test_an_amended_order_is_followed_under_the_id_it_has_now(self, bench: Bench) -> None:
        """It can be amended again, canceled, and never shows as two."""
        session = await bench.session()
        order = await _resting(bench, session)
        for off in ("-0.03", "-0.035"):
            await session.amend(order, price=bench.here.off(off))
            await bench.settle()
        assert len(session.orders()) == len(bench.resting()) == 1
        await session.cancel(order)
        await bench.settle()
        assert session.current(order).state is OrderState.CANCELED
        assert bench.resting() == []

    @behaviour(Feature.AMEND)
    async def test_an_amended_order_that_trades_is_booked_to_itself(self, bench: Bench) -> None:
        """Fills under a changed id are still its own."""
        session = await bench.session()
        order = await _resting(bench, session)
        await session.amend(order, price=bench.here.inside)
        await bench.settle()
        bench.here.trade(bench.here.inside, bench.here.unit * 2)
        await bench.settle()
        order = session.current(order)
        assert (order.state, order.filled_quantity) == (OrderState.FILLED, bench.here.unit * 2)

    @behaviour(Feature.AMEND)
    async def test_an_order_that_has_ended_cannot_be_amended(self, bench: Bench) -> None:
        """An error, and no order comes of it."""
        session = await bench.session()
        order = await _resting(bench, session)
        await session.cancel(order)
        await bench.settle()
        with pytest.raises(AnyvenueError):
            await session.amend(order, price=bench.here.off("-0.03"))
        await bench.settle()
        assert bench.resting() == []
        assert session.current(order).state is OrderState.CANCELED

    @behaviour(Feature.LIMIT)
    async def test_a_canceled_order_is_gone(self, bench: Bench) -> None:
        """CANCELED here, and not there any more."""
        session = await bench.session()
        order = await _resting(bench, session)
        await session.cancel(order)
        await bench.settle()
        assert session.current(order).state is OrderState.CANCELED
        assert bench.resting() == []

    @behaviour(Feature.LIMIT)
    async def test_what_had_traded_before_a_cancel_is_kept(self, bench: Bench) -> None:
        """CANCELED, with the part that traded."""
        session = await bench.session()
        order = await session.buy(bench.here.instrument.symbol, bench.here.unit * 4, bench.here.inside)
        bench.here.trade(bench.here.inside, bench.here.unit)
        await bench.settle()
        await session.cancel(order)
        await bench.settle()
        order = session.current(order)
        assert (order.state, order.filled_quantity) == (OrderState.CANCELED, bench.here.unit)

    @behaviour(Feature.MARKET)
    async def test_a_cancel_of_a_filled_order_is_refused_and_it_stays_filled(self, bench: Bench) -> None:
        """Never CANCELED, never silence."""
        session = await bench.session()
        order = await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        with pytest.raises((Rejected, OutcomeUnknown)):
            await session.cancel(order)
        await bench.settle()
        assert session.current(order).state is OrderState.FILLED

    @behaviour(Feature.LIMIT)
    async def test_a_second_cancel_is_refused_or_does_nothing(self, bench: Bench) -> None:
        """The order stays CANCELED."""
        session = await bench.session()
        order = await _resting(bench, session)
        await session.cancel(order)
        await bench.settle()
        with suppress(Rejected):
            await session.cancel(order)
        assert session.current(order).state is OrderState.CANCELED

    @behaviour(Feature.LIMIT)
    async def test_a_cancel_of_an_order_the_venue_never_had_is_an_error(self, bench: Bench) -> None:
        """It is not taken for done."""
        session = await bench.session()
        real = await _resting(bench, session)
        spec = evolve(real.spec, client_order_id="avt-999")
        with pytest.raises(AnyvenueError):
            await session.venue.cancel(Order(spec=spec).apply(OrderSent()))
        assert len(bench.resting()) == 1

    @behaviour(Feature.CANCEL_ALL)
    async def test_cancel_all_cancels_every_order_of_the_instrument(self, bench: Bench) -> None:
        """Buys and sells alike."""
        session = await bench.session()
        orders = [await _resting(bench, session, off) for off in ("-0.04", "-0.03")]
        orders.append(await session.sell(bench.here.instrument.symbol, bench.here.unit, bench.here.off("0.04")))
        await session.cancel_all(bench.here.instrument.symbol)
        await bench.settle()
        assert {session.current(order).state for order in orders} == {OrderState.CANCELED}
        assert bench.resting(bench.here.instrument.symbol) == []

    @behaviour(Feature.CANCEL_ALL)
    async def test_cancel_all_leaves_the_orders_of_other_instruments(self, bench: Bench) -> None:
        """Its scope is one instrument."""
        session = await bench.session()
        await _resting(bench, session)
        other = await session.buy(bench.there.instrument.symbol, bench.there.unit, bench.there.off("-0.04"))
        await session.cancel_all(bench.here.instrument.symbol)
        await bench.settle()
        assert session.current(other).state is OrderState.OPEN
        assert len(bench.resting(bench.there.instrument.symbol)) == 1

    @behaviour(Feature.CANCEL_ALL)
    async def test_cancel_all_without_orders_is_no_error(self, bench: Bench) -> None:
        """There is nothing to do."""
        session = await bench.session()
        await session.cancel_all(bench.here.instrument.symbol)
        assert bench.resting() == []
