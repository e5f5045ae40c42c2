"""Triggers and protection: orders that wait for a price, and take-profit and stop-loss of a position."""

from __future__ import annotations

from decimal import Decimal

import pytest

from anyvenue.model.enums import OrderState, PriceSource, TriggerKind
from anyvenue.model.errors import AnyvenueError, InvalidOrder
from anyvenue.model.numbers import ZERO
from anyvenue.model.order_spec import Protection, Trigger
from anyvenue.testing.behaviour import behaviour
from anyvenue.testing.bench import Bench
from anyvenue.venue.capabilities import Feature

__all__ = ["Triggers"]


def _trigger(kind: TriggerKind, price: Decimal) -> Trigger:
    return Trigger(kind=kind, price=price, source=PriceSource.MARK)


class Triggers:
    """Triggers and protection."""

    @behaviour(Feature.STOP, Feature.MARKET)
    async def test_a_stop_waits_until_its_price_is_reached_and_then_trades(self, bench: Bench) -> None:
        """Not before, whole, and its fill belongs to it."""
        session = await bench.session()
        order = await session.buy(
            bench.here.instrument.symbol, bench.here.unit, trigger=_trigger(TriggerKind.STOP, bench.here.off("0.01"))
        )
        bench.here.move(bench.here.off("0.005"))
        await bench.settle()
        assert (session.current(order).state, bench.held()) == (OrderState.OPEN, ZERO)
        bench.here.move(bench.here.off("0.011"))
        await bench.wait(15)
        order = session.current(order)
        assert (order.state, order.filled_quantity, bench.held()) == (
            OrderState.FILLED,
            bench.here.unit,
            bench.here.unit,
        )

    @behaviour(Feature.TAKE_PROFIT, Feature.MARKET)
    async def test_a_take_profit_fires_on_the_other_side_of_the_market(self, bench: Bench) -> None:
        """A sell waits for a higher price."""
        session = await bench.session()
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        order = await session.sell(
            bench.here.instrument.symbol,
            bench.here.unit,
            trigger=_trigger(TriggerKind.TAKE_PROFIT, bench.here.off("0.01")),
            reduce_only=True,
        )
        await bench.settle()
        assert bench.held() == bench.here.unit
        bench.here.move(bench.here.off("0.011"))
        await bench.wait(15)
        assert session.current(order).state is OrderState.FILLED
        assert bench.held() == 0

    @behaviour(Feature.STOP)
    async def test_a_waiting_order_can_be_canceled_and_does_not_fire_any_more(self, bench: Bench) -> None:
        """Nothing trades when its price comes."""
        session = await bench.session()
        order = await session.buy(
            bench.here.instrument.symbol, bench.here.unit, trigger=_trigger(TriggerKind.STOP, bench.here.off("0.01"))
        )
        await session.cancel(order)
        bench.here.move(bench.here.off("0.011"))
        await bench.wait(15)
        assert session.current(order).state is OrderState.CANCELED
        assert bench.held() == 0

    @behaviour(Feature.TRAILING, Feature.MARKET)
    async def test_a_trailing_stop_follows_the_best_price(self, bench: Bench) -> None:
        """It fires when the price falls back from its best by the trail, not before."""
        session = await bench.session()
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        trail = bench.here.off("0.005") - bench.here.bid
        order = await session.sell(
            bench.here.instrument.symbol,
            bench.here.unit,
            trigger=Trigger(kind=TriggerKind.TRAILING, trail=trail, source=PriceSource.MARK),
            reduce_only=True,
        )
        for off in ("0.01", "0.02", "0.016"):
            bench.here.move(bench.here.off(off))
            await bench.settle()
        assert bench.held() == bench.here.unit
        bench.here.move(bench.here.off("0.014"))
        await bench.wait(15)
        assert session.current(order).state is OrderState.FILLED
        assert bench.held() == 0

    @behaviour(Feature.PROTECTION, Feature.MARKET)
    async def test_a_stop_loss_closes_the_position_when_its_price_comes(self, bench: Bench) -> None:
        """And not before."""
        session = await bench.session()
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        await session.protect(bench.here.instrument.symbol, stop_loss=bench.here.off("-0.01"))
        await bench.settle()
        assert bench.held() == bench.here.unit
        bench.here.move(bench.here.off("-0.011"))
        await bench.wait(15)
        assert bench.held() == 0

    @behaviour(Feature.PROTECTION, Feature.MARKET)
    async def test_a_take_profit_closes_the_position_when_its_price_comes(self, bench: Bench) -> None:
        """Of a short: below."""
        session = await bench.session()
        await session.sell(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        await session.protect(bench.here.instrument.symbol, take_profit=bench.here.off("-0.01"))
        await bench.settle()
        assert bench.held() == -bench.here.unit
        bench.here.move(bench.here.off("-0.011"))
        await bench.wait(15)
        assert bench.held() == 0

    @behaviour(Feature.PROTECTION)
    async def test_there_is_nothing_to_protect_without_a_position(self, bench: Bench) -> None:
        """An error, not silence."""
        session = await bench.session()
        with pytest.raises((AnyvenueError, InvalidOrder)):
            await session.protect(bench.here.instrument.symbol, stop_loss=bench.here.off("-0.01"))

    @behaviour(Feature.ATTACHED_PROTECTION, Feature.MARKET)
    async def test_protection_attached_to_an_order_stands_once_it_has_filled(self, bench: Bench) -> None:
        """The stop-loss closes what the order opened."""
        session = await bench.session()
        protection = Protection(take_profit=bench.here.off("0.02"), stop_loss=bench.here.off("-0.01"))
        await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.off("0.001"), protection=protection)
        await bench.settle()
        assert bench.held() == bench.here.unit
        bench.here.move(bench.here.off("-0.011"))
        await bench.wait(15)
        assert bench.held() == 0
