"""Declared capabilities are true: what is native works elsewhere in this suite, what is absent sends nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from attrs import evolve

from anyvenue.model.enums import (
    OrderType,
    PositionMode,
    PositionSide,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerKind,
)
from anyvenue.model.errors import AnyvenueError, NotSupported
from anyvenue.model.order import Order
from anyvenue.model.order_spec import OrderSpec, Protection, Trigger
from anyvenue.testing.behaviour import behaviour
from anyvenue.testing.bench import Bench
from anyvenue.testing.session import HeardSession
from anyvenue.venue.capabilities import Feature, Grade
from anyvenue.venue.events import Channel, Subscription

__all__ = ["DeclaredCapabilities"]

Call = Callable[[], Awaitable[Any]]

_CHANNELS: Mapping[Feature, Channel] = {
    Feature.BOOK: Channel.BOOK,
    Feature.TRADES: Channel.TRADES,
    Feature.TICKER: Channel.TICKER,
    Feature.CANDLES: Channel.CANDLES,
    Feature.FUNDING_RATE: Channel.FUNDING,
    Feature.QUOTES: Channel.QUOTES,
    Feature.LIQUIDATIONS: Channel.LIQUIDATIONS,
}


def _spec(bench: Bench, session: HeardSession, **terms: Any) -> OrderSpec:
    return evolve(
        OrderSpec(
            client_order_id="avt-77",
            instrument=session.instrument(bench.here.instrument.symbol),
            side=Side.BUY,
            quantity=bench.here.unit,
            price=bench.here.off("-0.04"),
            order_type=OrderType.LIMIT,
        ),
        **terms,
    )


def _terms(bench: Bench) -> dict[Feature, dict[str, Any]]:
    """Return what an order has that needs a feature."""
    above = bench.here.off("0.01")
    return {
        Feature.POST_ONLY: {"post_only": True},
        Feature.IOC: {"time_in_force": TimeInForce.IOC},
        Feature.FOK: {"time_in_force": TimeInForce.FOK},
        Feature.REDUCE_ONLY: {"reduce_only": True},
        Feature.ICEBERG: {"display_quantity": bench.here.instrument.min_quantity},
        Feature.STOP: {"trigger": Trigger(kind=TriggerKind.STOP, price=above)},
        Feature.TAKE_PROFIT: {"trigger": Trigger(kind=TriggerKind.TAKE_PROFIT, price=bench.here.off("-0.01"))},
        Feature.TRAILING: {"trigger": Trigger(kind=TriggerKind.TRAILING, trail_ratio="0.01")},
        Feature.ATTACHED_PROTECTION: {"protection": Protection(take_profit=above)},
        Feature.HEDGE_MODE: {"position_side": PositionSide.LONG},
        Feature.SELF_TRADE_PREVENTION: {"self_trade_prevention": SelfTradePrevention.CANCEL_NEWEST},
    }


def _calls(bench: Bench, session: HeardSession) -> dict[Feature, Call]:
    """Return the call of the interface that a feature stands for."""
    venue, order = session.venue, Order(spec=_spec(bench, session))
    instrument, now = order.instrument, bench.clock.time_ns()
    hour = now - 3600 * 10**9
    return {
        Feature.AMEND: lambda: venue.amend(order, price=bench.here.off("-0.03")),
        Feature.BATCH: lambda: venue.place_batch([order.spec]),
        Feature.CANCEL_ALL: lambda: venue.cancel_all(instrument),
        Feature.CLOSE_POSITION: lambda: venue.close_position(instrument),
        Feature.PROTECTION: lambda: venue.protect(instrument, Protection(stop_loss=bench.here.off("-0.01"))),
        Feature.LEVERAGE: lambda: venue.set_leverage(instrument, bench.here.instrument.min_leverage),
        Feature.HEDGE_MODE: lambda: venue.set_position_mode(PositionMode.HEDGE),
        Feature.DEAD_MAN_SWITCH: lambda: venue.arm_dead_man_switch(60),
        Feature.ORDER_LOOKUP: lambda: venue.order(order),
        Feature.OPEN_ORDERS: lambda: venue.open_orders(instrument),
        Feature.ORDER_HISTORY: lambda: venue.order_history(instrument, start_ns=hour),
        Feature.FILLS: lambda: venue.fills(instrument, start_ns=hour),
        Feature.POSITIONS: venue.positions,
        Feature.FUNDING_PAYMENTS: lambda: venue.funding_payments(instrument, start_ns=hour),
        Feature.CANDLE_HISTORY: lambda: venue.candles(instrument, 60, start_ns=hour, end_ns=now),
        Feature.TRADE_HISTORY: lambda: venue.trades(instrument, start_ns=hour, end_ns=now),
        Feature.RISK_TIERS: lambda: venue.risk_tiers(instrument),
        Feature.FUNDING_HISTORY: lambda: venue.funding_rates(instrument, start_ns=hour, end_ns=now),
    }


async def _sends_nothing(bench: Bench, what: str, call: Call) -> None:
    before = bench.mark_sent()
    try:
        await call()
    except NotSupported:
        pass
    else:
        pytest.fail(f"{what}: declared absent, and it did not say so")
    assert bench.mark_sent() == before, f"{what}: declared absent, and something was sent all the same"


class DeclaredCapabilities:
    """Capabilities."""

    @behaviour()
    async def test_a_call_that_is_declared_absent_says_so_and_sends_nothing(self, bench: Bench) -> None:
        """NotSupported, seen at the simulator."""
        session = await bench.session()
        absent = [pair for pair in _calls(bench, session).items() if not bench.capabilities.has(pair[0])]
        if not absent:
            pytest.skip("capability: the venue declares none of the calls absent")
        for feature, call in absent:
            await _sends_nothing(bench, feature.value, call)

    @behaviour()
    async def test_a_channel_that_is_declared_absent_says_so_and_sends_nothing(self, bench: Bench) -> None:
        """NotSupported at the subscription."""
        session = await bench.session()
        absent = [pair for pair in _CHANNELS.items() if not bench.capabilities.has(pair[0])]
        if not absent:
            pytest.skip("capability: the venue declares none of the channels absent")
        instrument = session.instrument(bench.here.instrument.symbol)
        for feature, channel in absent:
            wish = Subscription(
                channel=channel, instrument=instrument, interval_s=60 if channel is Channel.CANDLES else None
            )
            await _sends_nothing(bench, feature.value, lambda wish=wish: session.venue.subscribe(wish))  # type: ignore[misc]

    @behaviour(Feature.LIMIT)
    async def test_an_order_with_terms_that_are_declared_absent_is_refused_and_not_sent(self, bench: Bench) -> None:
        """By the venue itself, not only by those who ask it politely."""
        session = await bench.session()
        absent = [pair for pair in _terms(bench).items() if not bench.capabilities.has(pair[0])]
        if not absent:
            pytest.skip("capability: the venue declares none of the orders' terms absent")
        for feature, terms in absent:
            spec = _spec(bench, session, **terms)
            await _sends_nothing(bench, feature.value, lambda spec=spec: session.venue.place(spec))  # type: ignore[misc]
        await bench.settle()
        assert bench.resting() == []

    @behaviour()
    async def test_a_call_that_is_declared_native_is_there(self, bench: Bench) -> None:
        """It may be refused for what is asked, but never as not supported."""
        session = await bench.session()
        for feature, call in _calls(bench, session).items():
            if bench.capabilities[feature].grade is Grade.NATIVE:
                try:
                    await call()
                except NotSupported as error:
                    pytest.fail(f"{feature.value}: declared native, and it raises {error}")
                except AnyvenueError:
                    pass

    @behaviour()
    async def test_a_channel_that_is_declared_native_can_be_subscribed_to(self, bench: Bench) -> None:
        """Without an error."""
        session = await bench.session()
        instrument = session.instrument(bench.here.instrument.symbol)
        for feature, channel in _CHANNELS.items():
            if bench.capabilities[feature].grade is Grade.NATIVE:
                interval = min(session.venue.candle_intervals, default=None) if channel is Channel.CANDLES else None
                await session.venue.subscribe(Subscription(channel=channel, instrument=instrument, interval_s=interval))

    @behaviour()
    async def test_an_approximate_capability_says_what_is_weaker(self, bench: Bench) -> None:
        """In words, for whoever has to decide."""
        for feature, capability in bench.capabilities.features.items():
            assert capability.grade is not Grade.APPROXIMATE or len(capability.note.split()) > 3, feature.value
