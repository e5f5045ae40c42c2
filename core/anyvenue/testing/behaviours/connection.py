"""The connection: lost, regained, and what was missed meanwhile."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

from anyvenue.model.enums import OrderState
from anyvenue.model.errors import AnyvenueError
from anyvenue.model.market import Trade
from anyvenue.model.order_events import OrderFilled
from anyvenue.model.position import Position
from anyvenue.testing.behaviour import behaviour
from anyvenue.testing.bench import Bench
from anyvenue.testing.session import HeardSession
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.events import Channel, Disconnected, Reconnected, Subscription

__all__ = ["ConnectionLife"]

AWAY_S = 20.0
BURST = 500


def _is_back(session: HeardSession) -> bool:
    news = [event for event in session.told if isinstance(event, Disconnected | Reconnected)]
    return bool(news) and isinstance(news[-1], Reconnected)


async def _lose(bench: Bench, session: HeardSession, away_s: float = AWAY_S) -> None:
    """Break every connection, and each new one at its first frame for a while."""
    bench.faults({"on": "ws_out", "disconnect": True, "until_s": away_s})
    bench.wire.disconnect()
    await bench.until(lambda: session.heard(Disconnected), "Disconnected", at_most_s=10)


async def _back(bench: Bench, session: HeardSession) -> None:
    await bench.until(lambda: _is_back(session), "Reconnected", at_most_s=300)


class ConnectionLife:
    """Connection."""

    @behaviour(wire=True)
    async def test_a_lost_stream_is_told_and_then_that_it_is_back(self, bench: Bench) -> None:
        """Disconnected first, Reconnected after it, both with the connection's name and that it is private."""
        session = await bench.session()
        await _lose(bench, session)
        await _back(bench, session)
        news = [event for event in session.told if isinstance(event, Disconnected | Reconnected)]
        assert isinstance(news[0], Disconnected)
        assert {event.connection for event in news} == {"main"}
        assert news[-1].private

    @behaviour(Feature.LIMIT, wire=True)
    async def test_a_fill_that_was_missed_is_known_when_the_stream_is_back(self, bench: Bench) -> None:
        """It is told before Reconnected, or with the stream's own first news."""
        session = await bench.session()
        order = await session.buy(bench.here.instrument.symbol, bench.here.unit * 2, bench.here.inside)
        await bench.settle()
        await _lose(bench, session)
        bench.here.trade(bench.here.inside, bench.here.unit * 2)
        await _back(bench, session)
        await bench.settle()
        order = session.current(order)
        assert (order.state, order.filled_quantity) == (OrderState.FILLED, bench.here.unit * 2)

    @behaviour(Feature.LIMIT, Feature.FILLS, wire=True)
    async def test_missed_fills_are_told_before_reconnected(self, bench: Bench) -> None:
        """Whoever hears Reconnected knows everything."""
        session = await bench.session()
        await session.buy(bench.here.instrument.symbol, bench.here.unit * 2, bench.here.inside)
        await bench.settle()
        await _lose(bench, session)
        bench.here.trade(bench.here.inside, bench.here.unit)
        await _back(bench, session)
        back = next(n for n, event in enumerate(session.told) if isinstance(event, Reconnected))
        fills = [event.fill for event in session.told[:back] if isinstance(event, OrderFilled)]
        told = {fill.trade_id: fill.quantity for fill in fills}  # a stream that begins with what was may say it too
        assert sum(told.values(), Decimal(0)) == bench.here.unit

    @behaviour(Feature.LIMIT, Feature.OPEN_ORDERS, wire=True)
    async def test_an_order_canceled_by_somebody_else_meanwhile_is_known_when_it_is_back(self, bench: Bench) -> None:
        """Its state is the exchange's."""
        session = await bench.session()
        hand = await bench.session()  # the same account's, in somebody's hands
        order = await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.off("-0.04"))
        await bench.settle()
        bench.faults({"on": "ws_out", "drop": True})
        with suppress(AnyvenueError):  # the news is lost, and so may be the reply
            await hand.venue.cancel(order)
        assert bench.resting() == []
        await _lose(bench, session)
        await _back(bench, session)
        await bench.settle()
        assert session.current(order).state is OrderState.CANCELED

    @behaviour(Feature.LIMIT, wire=True)
    async def test_an_order_that_rests_through_it_is_still_open_and_can_be_canceled(self, bench: Bench) -> None:
        """Nothing is lost that was not lost."""
        session = await bench.session()
        order = await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.off("-0.04"))
        await bench.settle()
        await _lose(bench, session)
        await _back(bench, session)
        assert session.current(order).state is OrderState.OPEN
        await session.cancel(order)
        await bench.settle()
        assert bench.resting() == []

    @behaviour(Feature.MARKET, Feature.POSITIONS, wire=True)
    async def test_a_position_that_changed_meanwhile_is_told(self, bench: Bench) -> None:
        """The last word about it is the exchange's."""
        session = await bench.session()
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        order = await session.buy(bench.here.instrument.symbol, bench.here.unit * 2, bench.here.inside)
        await bench.settle()
        await _lose(bench, session)
        bench.here.trade(bench.here.inside, bench.here.unit * 2)
        await _back(bench, session)
        await bench.settle()
        told = [p for p in session.heard(Position) if p.instrument.key == order.instrument.key]
        assert told[-1].quantity == bench.held() == bench.here.unit * 3

    @behaviour(Feature.LIMIT, wire=True)
    async def test_news_flow_again_after_it(self, bench: Bench) -> None:
        """The account's stream is subscribed anew."""
        session = await bench.session()
        await _lose(bench, session)
        await _back(bench, session)
        order = await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.inside)
        bench.here.trade(bench.here.inside, bench.here.unit)
        await bench.until(lambda: session.current(order).state is OrderState.FILLED, "news of a fill", at_most_s=30)

    @behaviour(Feature.LIMIT, wire=True)
    async def test_a_connection_that_is_open_and_silent_is_found_and_replaced(self, bench: Bench) -> None:
        """A half-open socket is noticed by its silence: within three minutes what it swallowed is known."""
        session = await bench.session()
        order = await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.inside)
        await bench.settle()
        plan = bench.faults({"on": "ws_out", "stall": True, "times": 1})
        bench.here.trade(bench.here.inside, bench.here.unit)
        await bench.until(
            lambda: session.current(order).state is OrderState.FILLED, "news of what was swallowed", at_most_s=180
        )
        assert plan.counts == [1], "no connection was stalled, so nothing was tried"

    @behaviour(Feature.LIMIT, wire=True)
    async def test_news_that_come_late_are_all_told(self, bench: Bench) -> None:
        """A venue that is seconds behind is slow, not wrong: nothing is lost, and the connection is kept."""
        session = await bench.session()
        order = await session.buy(bench.here.instrument.symbol, bench.here.unit * 2, bench.here.inside)
        await bench.settle()
        bench.faults({"on": "ws_out", "delay_s": 2, "until_s": 60})
        for _ in range(2):
            bench.here.trade(bench.here.inside, bench.here.unit)
        await bench.wait(120)
        assert session.current(order).state is OrderState.FILLED
        assert not session.heard(Disconnected)

    @behaviour(Feature.TRADES)
    async def test_a_burst_of_news_is_told_whole_and_in_order(self, bench: Bench) -> None:
        """Who reads slower than the venue tells must not lose a trade."""
        session = await bench.session()
        instrument = session.instrument(bench.here.instrument.symbol)
        await session.venue.subscribe(Subscription(channel=Channel.TRADES, instrument=instrument))
        await bench.settle()
        prices = [bench.here.off(Decimal(number) / 100_000) for number in range(BURST)]
        for price in prices:
            bench.here.trade(price, bench.here.unit)
        await bench.settle()
        assert [trade.price for trade in session.heard(Trade)] == prices

    @behaviour(wire=True)
    async def test_it_comes_back_after_every_loss(self, bench: Bench) -> None:
        """The third time as the first."""
        session = await bench.session()
        for _ in range(3):
            told = len(session.told)
            bench.wire.disconnect()
            await bench.until(
                lambda told=told: any(isinstance(e, Disconnected) for e in session.told[told:]),  # type: ignore[misc]
                "Disconnected",
            )
            await _back(bench, session)
            await bench.wait(60)
        assert await session.balances()
