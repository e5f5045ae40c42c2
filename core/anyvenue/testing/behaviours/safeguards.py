"""Safeguards and special terms: what the venue does by itself, so that nobody has to be quick."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

from anyvenue.model.enums import OrderState, SelfTradePrevention
from anyvenue.model.errors import NotSupported, Rejected
from anyvenue.model.order import Order
from anyvenue.testing.behaviour import Unproven, behaviour
from anyvenue.testing.bench import ACCOUNT, Bench
from anyvenue.testing.session import HeardSession
from anyvenue.venue.capabilities import Feature

__all__ = ["Safeguards"]

TIMEOUT_S = 10


async def _rest(bench: Bench, session: HeardSession) -> Order:
    return await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.off("-0.04"))


def _is_over(session: HeardSession, order: Order | None) -> bool:
    return order is None or session.current(order).is_terminal


class Safeguards:
    """Safeguards."""

    @behaviour(Feature.DEAD_MAN_SWITCH, Feature.LIMIT)
    async def test_a_dead_mans_switch_cancels_all_orders_when_nobody_arms_it_again(self, bench: Bench) -> None:
        """They are gone at the exchange, and that is told."""
        session = await bench.session()
        await session.arm_dead_man_switch(TIMEOUT_S)
        order = await _rest(bench, session)
        await bench.wait(TIMEOUT_S + 5)
        assert bench.resting() == []
        await bench.settle()
        assert session.current(order).state is OrderState.CANCELED

    @behaviour(Feature.DEAD_MAN_SWITCH, Feature.LIMIT)
    async def test_a_dead_mans_switch_that_is_armed_again_in_time_or_disarmed_does_nothing(self, bench: Bench) -> None:
        """Arming anew begins the time anew; 0 ends it."""
        session = await bench.session()
        await _rest(bench, session)
        for _ in range(3):
            await session.arm_dead_man_switch(TIMEOUT_S)
            await bench.wait(TIMEOUT_S * 0.7)
            assert len(bench.resting()) == 1
        await session.arm_dead_man_switch(0)
        await bench.wait(TIMEOUT_S * 3)
        assert len(bench.resting()) == 1

    @behaviour(Feature.ICEBERG, Feature.LIMIT)
    async def test_an_iceberg_shows_only_the_part_that_it_may(self, bench: Bench) -> None:
        """The whole order rests and trades; the public book shows `display_quantity`, in base units."""
        session = await bench.session()
        unit, price = bench.here.unit, bench.here.inside
        order = await session.buy(bench.here.instrument.symbol, unit * 4, price, display_quantity=unit)
        await bench.settle()
        assert [one.quantity for one in bench.resting()] == [unit * 4]
        for left in (4, 3, 2, 1):
            bids, _ = bench.here.public_book()
            assert dict(bids).get(price) == unit, f"with {left} parts left"
            bench.here.trade(price, unit)
            await bench.settle()
        order = session.current(order)
        assert (order.state, order.filled_quantity) == (OrderState.FILLED, unit * 4)

    @behaviour(Feature.SELF_TRADE_PREVENTION, Feature.LIMIT)
    async def test_an_account_does_not_trade_with_itself_and_the_order_that_was_chosen_gives_way(
        self, bench: Bench
    ) -> None:
        """The newest, the oldest or both end; a way that the venue has not is NotSupported."""
        session, tried, why = await bench.session(), 0, ""
        symbol, unit, price = bench.here.instrument.symbol, bench.here.unit, bench.here.inside
        gives_way = {
            SelfTradePrevention.CANCEL_NEWEST: (False, True),
            SelfTradePrevention.CANCEL_OLDEST: (True, False),
            SelfTradePrevention.CANCEL_BOTH: (True, True),
        }
        for mode, expected in gives_way.items():
            try:
                oldest = await session.sell(symbol, unit, price, self_trade_prevention=mode)
            except (NotSupported, Rejected) as error:  # some venues want the account set up for it
                why = str(error)
                continue
            newest: Order | None = None
            with suppress(Rejected):
                newest = await session.buy(symbol, unit, price, self_trade_prevention=mode)
            await bench.settle()
            tried += 1
            assert bench.exchange.fills(ACCOUNT) == [], mode.value
            assert (_is_over(session, oldest), _is_over(session, newest)) == expected, mode.value
            for order in (oldest, newest):
                if not _is_over(session, order) and order is not None:
                    with suppress(Rejected):
                        await session.cancel(order)
            await bench.settle()
            assert bench.held() == Decimal(0)
        if not tried:
            raise Unproven(f"the venue takes no such order here: {why}")
