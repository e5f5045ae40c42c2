"""Orders' lives: each type that the venue declares, from the command to its end, told by replies and by the stream."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import evolve

from anyvenue.model.enums import Liquidity, OrderState, Side, TimeInForce
from anyvenue.model.errors import Rejected, RejectReason
from anyvenue.model.numbers import ZERO
from anyvenue.model.order import Order
from anyvenue.testing.behaviour import behaviour
from anyvenue.testing.bench import ACCOUNT, Bench
from anyvenue.testing.session import HeardSession
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.events import Channel, Subscription

__all__ = ["OrderLives"]

_ENDED_UNFILLED = (OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED)


async def _resting(bench: Bench, session: HeardSession, units: int = 4) -> Order:
    return await session.buy(bench.here.instrument.symbol, bench.here.unit * units, bench.here.inside)


async def _ends_without_trading(bench: Bench, session: HeardSession, **terms: object) -> None:
    """Send an order of the kind that may not trade; a refusal and an end without a fill are equally good."""
    try:
        order = await session.buy(bench.here.instrument.symbol, **terms)  # type: ignore[arg-type]
    except Rejected:
        order = None
    await bench.settle()
    if order is not None:
        assert session.current(order).state in _ENDED_UNFILLED
    assert bench.resting() == []
    assert bench.held() == 0


async def _see_the_book(bench: Bench, session: HeardSession) -> None:
    """Subscribe to the book: where post-only is approximate the adapter judges by it."""
    if bench.capabilities.has(Feature.BOOK):
        instrument = session.instrument(bench.here.instrument.symbol)
        await session.venue.subscribe(Subscription(channel=Channel.BOOK, instrument=instrument))
        await bench.settle()


class OrderLives:
    """Orders' lives."""

    @behaviour(Feature.LIMIT)
    async def test_a_limit_order_away_from_the_market_rests(self, bench: Bench) -> None:
        """It is OPEN with the venue's id, and the exchange has exactly one."""
        session = await bench.session()
        order = await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.off("-0.04"))
        await bench.settle()
        order = session.current(order)
        assert (order.state, order.filled_quantity) == (OrderState.OPEN, ZERO)
        assert order.venue_order_id
        assert len(bench.resting()) == 1

    @behaviour(Feature.LIMIT)
    async def test_an_acknowledgement_is_not_a_fill(self, bench: Bench) -> None:
        """What only rests has no fill, moves no position and changes no balance."""
        session = await bench.session()
        before = [balance.total for balance in await session.balances()]
        order = await _resting(bench, session)
        await bench.settle()
        assert session.current(order).filled_quantity == 0
        assert session.told_fills() == []
        assert [balance.total for balance in await session.balances()] == before

    @behaviour(Feature.MARKET)
    async def test_a_market_order_fills_whole(self, bench: Bench) -> None:
        """Its end is FILLED, with everything traded, and the position is the exchange's."""
        session = await bench.session()
        order = await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        order = session.current(order)
        assert (order.state, order.filled_quantity) == (OrderState.FILLED, bench.here.unit)
        assert bench.held() == bench.here.unit

    @behaviour(Feature.MARKET)
    async def test_a_sell_sells_and_a_buy_buys(self, bench: Bench) -> None:
        """The sides arrive as they were meant."""
        session = await bench.session()
        await session.sell(bench.here.instrument.symbol, bench.here.unit * 2)
        await bench.settle()
        assert bench.held() == -bench.here.unit * 2
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        assert bench.held() == -bench.here.unit

    @behaviour(Feature.LIMIT)
    async def test_a_resting_order_that_trades_in_part_says_so(self, bench: Bench) -> None:
        """PARTIALLY_FILLED with what has traded, in base units; the rest stays."""
        session = await bench.session()
        order = await _resting(bench, session)
        bench.here.trade(bench.here.inside, bench.here.unit)
        await bench.settle()
        order = session.current(order)
        assert (order.state, order.filled_quantity) == (OrderState.PARTIALLY_FILLED, bench.here.unit)
        assert order.leaves_quantity == bench.here.unit * 3

    @behaviour(Feature.LIMIT)
    async def test_parts_add_up_to_the_whole(self, bench: Bench) -> None:
        """After the last part the order is FILLED, with no more and no less than its quantity."""
        session = await bench.session()
        order = await _resting(bench, session)
        for _ in range(4):
            bench.here.trade(bench.here.inside, bench.here.unit)
            await bench.settle()
        order = session.current(order)
        assert (order.state, order.filled_quantity) == (OrderState.FILLED, bench.here.unit * 4)
        assert bench.held() == bench.here.unit * 4

    @behaviour(Feature.LIMIT, Feature.FILL_STREAM)
    async def test_fills_and_order_state_agree(self, bench: Bench) -> None:
        """The fills told add up to what the order says has traded, and belong to it."""
        session = await bench.session()
        order = await _resting(bench, session)
        for units in (1, 2):
            bench.here.trade(bench.here.inside, bench.here.unit * units)
            await bench.settle()
        order, fills = session.current(order), session.told_fills()
        assert order.booked_quantity == order.filled_quantity == bench.here.unit * 3
        assert sum((fill.quantity for fill in fills), Decimal(0)) == order.filled_quantity
        assert {fill.side for fill in fills} == {Side.BUY}
        assert order.missing_fills == 0

    @behaviour(Feature.MARKET, Feature.FILL_STREAM)
    async def test_a_fills_price_fee_and_id_are_the_exchanges(self, bench: Bench) -> None:
        """Unless the fill says that it is estimated."""
        session = await bench.session()
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        done, told = bench.exchange.fills(ACCOUNT), session.told_fills()
        if told and all(fill.estimated for fill in told):
            pytest.skip("capability fill_stream: declared approximate: all fills are estimated, and say so")
        assert [(f.side, f.price, f.quantity, f.fee) for f in told] == [
            (f.side, f.price, f.quantity, f.fee) for f in done
        ]

    @behaviour(Feature.LIMIT, Feature.MARKET, Feature.FILL_STREAM)
    async def test_a_fill_says_whether_it_made_or_took_liquidity_and_never_wrongly(self, bench: Bench) -> None:
        """MAKER for the resting order, TAKER for the market order, or UNKNOWN."""
        session = await bench.session()
        await _resting(bench, session, 1)
        bench.here.trade(bench.here.inside, bench.here.unit)
        await bench.settle()
        resting = session.told_fills()
        await session.sell(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        taking = session.told_fills()[len(resting) :]
        assert {fill.liquidity for fill in resting} <= {Liquidity.MAKER, Liquidity.UNKNOWN}
        assert {fill.liquidity for fill in taking} <= {Liquidity.TAKER, Liquidity.UNKNOWN}

    @behaviour(Feature.MARKET, Feature.FILL_STREAM)
    async def test_a_fills_times_are_nanoseconds(self, bench: Bench) -> None:
        """They lie within seconds of now."""
        session = await bench.session()
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        fills = session.told_fills()
        assert fills
        for told in (time for fill in fills for time in (fill.ts_event, fill.ts_recv) if time):
            assert abs(told - bench.clock.time_ns()) < 20 * 10**9, f"found {told}; it is {bench.clock.time_ns()}"

    @behaviour(Feature.LIMIT)
    async def test_a_limit_order_that_crosses_trades_at_once_at_the_better_price(self, bench: Bench) -> None:
        """It fills at the book's price, not at its limit."""
        session = await bench.session()
        order = await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.off("0.01"))
        await bench.settle()
        assert session.current(order).state is OrderState.FILLED
        (fill,) = bench.exchange.fills(ACCOUNT)
        assert fill.price == bench.here.ask

    @behaviour(Feature.POST_ONLY)
    async def test_a_post_only_order_away_from_the_market_rests(self, bench: Bench) -> None:
        """It is an ordinary resting order."""
        session = await bench.session()
        await _see_the_book(bench, session)
        order = await session.buy(
            bench.here.instrument.symbol, bench.here.unit, bench.here.off("-0.04"), post_only=True
        )
        await bench.settle()
        assert session.current(order).state is OrderState.OPEN

    @behaviour(Feature.POST_ONLY)
    async def test_a_post_only_order_that_would_take_never_trades(self, bench: Bench) -> None:
        """It is refused, or ends at once, and takes nothing."""
        session = await bench.session()
        await _see_the_book(bench, session)
        await _ends_without_trading(
            bench, session, quantity=bench.here.unit, price=bench.here.off("0.01"), post_only=True
        )

    @behaviour(Feature.POST_ONLY)
    async def test_a_post_only_refusal_says_its_reason(self, bench: Bench) -> None:
        """WOULD_TAKE_LIQUIDITY, by the error or on the order."""
        session = await bench.session()
        await _see_the_book(bench, session)
        try:
            order = await session.buy(
                bench.here.instrument.symbol, bench.here.unit, bench.here.off("0.01"), post_only=True
            )
            await bench.settle()
            reason = session.current(order).reason
        except Rejected as error:
            reason = error.reason
        assert reason is RejectReason.WOULD_TAKE_LIQUIDITY

    @behaviour(Feature.IOC, Feature.MARKET)
    async def test_an_ioc_order_takes_what_is_there_and_leaves_nothing(self, bench: Bench) -> None:
        """What it cannot fill at once is canceled, and that is known by the account's next news at the latest."""
        session = await bench.session()
        bench.here.show(asks=[(bench.here.ask, bench.here.unit), (bench.here.off("0.03"), bench.here.unit * 50)])
        order = await session.buy(
            bench.here.instrument.symbol, bench.here.unit * 3, bench.here.ask, time_in_force=TimeInForce.IOC
        )
        await bench.settle()
        assert bench.resting() == []
        await bench.stir(session)
        order = session.current(order)
        assert order.state in (OrderState.CANCELED, OrderState.EXPIRED)
        assert order.filled_quantity == bench.held() == bench.here.unit

    @behaviour(Feature.FOK)
    async def test_a_fok_order_that_cannot_be_filled_whole_does_not_trade(self, bench: Bench) -> None:
        """All or nothing."""
        session = await bench.session()
        bench.here.show(asks=[(bench.here.ask, bench.here.unit), (bench.here.off("0.03"), bench.here.unit * 50)])
        await _ends_without_trading(
            bench, session, quantity=bench.here.unit * 3, price=bench.here.ask, time_in_force=TimeInForce.FOK
        )

    @behaviour(Feature.FOK)
    async def test_a_fok_order_that_can_be_filled_is_filled_whole(self, bench: Bench) -> None:
        """All."""
        session = await bench.session()
        order = await session.buy(
            bench.here.instrument.symbol, bench.here.unit * 3, bench.here.ask, time_in_force=TimeInForce.FOK
        )
        await bench.settle()
        order = session.current(order)
        assert (order.state, order.filled_quantity) == (OrderState.FILLED, bench.here.unit * 3)

    @behaviour(Feature.BATCH)
    async def test_a_batch_has_one_answer_for_each_order_in_their_order(self, bench: Bench) -> None:
        """Good ones rest at their own prices."""
        session = await bench.session()
        specs = [(await session.buy(bench.there.instrument.symbol, bench.there.unit, bench.there.off("-0.04"))).spec]
        instrument = session.instrument(bench.here.instrument.symbol)
        prices = [bench.here.off(off) for off in ("-0.03", "-0.035", "-0.04")]
        wanted = [
            evolve(specs[0], client_order_id=f"avt-b{n}", instrument=instrument, quantity=bench.here.unit, price=price)
            for n, price in enumerate(prices)
        ]
        answers = await session.venue.place_batch(wanted)
        assert [isinstance(answer, Exception) for answer in answers] == [False] * 3
        resting = bench.resting(bench.here.instrument.symbol)
        assert sorted(o.price for o in resting if o.price is not None) == sorted(prices)

    @behaviour(Feature.LIMIT, wire=True)
    async def test_pushes_that_come_twice_are_booked_once(self, bench: Bench) -> None:
        """Duplicated frames neither double a fill nor move the order on."""
        session = await bench.session()
        order = await _resting(bench, session)
        bench.faults({"on": "ws_out", "duplicate": True, "until_s": 60})
        bench.here.trade(bench.here.inside, bench.here.unit)
        await bench.settle()
        order = session.current(order)
        assert (order.state, order.filled_quantity) == (OrderState.PARTIALLY_FILLED, bench.here.unit)
        told = sum((fill.quantity for fill in session.told_fills()), Decimal(0))
        assert told in (0, bench.here.unit)

    @behaviour(Feature.LIMIT, wire=True)
    async def test_pushes_that_come_late_and_out_of_order_do_no_harm(self, bench: Bench) -> None:
        """An order that has ended stays ended, and its fills are all booked."""
        session = await bench.session()
        order = await _resting(bench, session, 2)
        bench.faults({"on": "ws_out", "reorder": 2, "every": 2, "until_s": 20})
        for _ in range(2):
            bench.here.trade(bench.here.inside, bench.here.unit)
        await bench.wait(60)
        bench.faults()
        bench.here.change(bids=[(bench.here.bid, bench.here.unit * 9)])
        await bench.until(lambda: session.current(order).state is OrderState.FILLED, "the order's end")
        await bench.wait(30)
        order = session.current(order)
        assert (order.state, order.filled_quantity) == (OrderState.FILLED, bench.here.unit * 2)

    @behaviour(Feature.LIMIT)
    async def test_two_orders_at_one_price_keep_their_own_lives(self, bench: Bench) -> None:
        """A cancel of one leaves the other."""
        session = await bench.session()
        price = bench.here.off("-0.04")
        first = await session.buy(bench.here.instrument.symbol, bench.here.unit, price)
        second = await session.buy(bench.here.instrument.symbol, bench.here.unit, price)
        assert first.venue_order_id != second.venue_order_id
        await session.cancel(first)
        await bench.settle()
        assert session.current(first).state is OrderState.CANCELED
        assert session.current(second).state is OrderState.OPEN
        assert len(bench.resting()) == 1

    @behaviour(Feature.LIMIT)
    async def test_an_order_too_large_for_the_account_is_refused_for_its_funds(self, bench: Bench) -> None:
        """INSUFFICIENT_FUNDS, and nothing rests."""
        session = await bench.session()
        many = bench.here.instrument.quantity_for_notional(3_000_000, price=bench.here.bid)
        with pytest.raises(Rejected) as refused:
            await session.buy(bench.here.instrument.symbol, many, bench.here.off("-0.01"))
        assert refused.value.reason is RejectReason.INSUFFICIENT_FUNDS
        assert bench.resting() == []
