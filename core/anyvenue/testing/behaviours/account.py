"""Positions and the account: what is held, owed and set is what the exchange has."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

from attrs import evolve

from anyvenue.model.balance import Balance
from anyvenue.model.enums import MarginMode, OrderState, PositionMode, PositionSide
from anyvenue.model.errors import AnyvenueError, Rejected
from anyvenue.model.order import Order
from anyvenue.model.position import Position
from anyvenue.testing.behaviour import behaviour
from anyvenue.testing.bench import ACCOUNT, Bench
from anyvenue.venue.capabilities import Feature, Grade

__all__ = ["Account"]

PAGES_HOLD = 104
"""So many open orders take a second page of most venues."""
_CENT = Decimal("0.01")
"""Venues round what they tell of money."""


class Account:
    """Positions and the account."""

    @behaviour()
    async def test_balances_are_the_exchanges(self, bench: Bench) -> None:
        """Currency and total."""
        session = await bench.session()
        truth = {balance.currency: balance.total for balance in bench.exchange.balances(ACCOUNT)}
        found = {balance.currency: balance.total for balance in await session.balances()}
        assert found
        assert found.items() <= truth.items()

    @behaviour(Feature.MARKET)
    async def test_the_balance_follows_what_trading_costs(self, bench: Bench) -> None:
        """After a round trip the total is the exchange's again."""
        session = await bench.session()
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await session.sell(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        truth = {balance.currency: balance.total for balance in bench.exchange.balances(ACCOUNT)}
        for balance in await session.balances():
            assert abs(balance.total - truth[balance.currency]) < _CENT

    @behaviour(Feature.MARKET)
    async def test_a_change_of_the_balance_is_told_without_being_asked_for(self, bench: Bench) -> None:
        """Account news go to the sink by themselves."""
        session = await bench.session()
        told = len(session.heard(Balance))
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await bench.until(lambda: len(session.heard(Balance)) > told, "news of the balance", at_most_s=30)

    @behaviour(Feature.MARKET, Feature.POSITIONS)
    async def test_positions_are_signed_and_in_base_units(self, bench: Bench) -> None:
        """Long above 0, short below, as the exchange has them, also after a turn over."""
        session = await bench.session()
        symbol = bench.here.instrument.symbol
        await session.buy(symbol, bench.here.unit * 2)
        await bench.settle()
        assert (await session.position(symbol)).quantity == bench.held() == bench.here.unit * 2
        await session.sell(symbol, bench.here.unit * 3)
        await bench.settle()
        assert (await session.position(symbol)).quantity == bench.held() == -bench.here.unit

    @behaviour(Feature.MARKET, Feature.POSITIONS)
    async def test_a_flat_position_is_not_listed(self, bench: Bench) -> None:
        """`positions` returns those that are not flat."""
        session = await bench.session()
        symbol = bench.here.instrument.symbol
        await session.buy(symbol, bench.here.unit)
        await session.sell(symbol, bench.here.unit)
        await bench.settle()
        assert await session.positions() == []

    @behaviour(Feature.MARKET, Feature.POSITIONS)
    async def test_a_change_of_position_is_told_and_the_last_word_is_the_newest(self, bench: Bench) -> None:
        """News of the position end at what it is."""
        session = await bench.session()
        for _ in range(2):
            await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        told = [p for p in session.heard(Position) if p.instrument.symbol == bench.here.instrument.symbol]
        assert told
        assert told[-1].quantity == bench.held()

    @behaviour(Feature.MARKET, Feature.POSITIONS)
    async def test_an_entry_price_is_what_was_paid(self, bench: Bench) -> None:
        """Of one trade, to the venue's own rounding."""
        session = await bench.session()
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        position = await session.position(bench.here.instrument.symbol)
        assert position.entry_price is not None
        assert abs(position.entry_price / bench.here.ask - 1) * 1000 < 1

    @behaviour(Feature.MARKET, Feature.REDUCE_ONLY)
    async def test_a_reduce_only_order_never_opens_a_position(self, bench: Bench) -> None:
        """Refused, or ended without trading."""
        session = await bench.session()
        with suppress(AnyvenueError):
            await session.buy(bench.here.instrument.symbol, bench.here.unit, reduce_only=True)
        await bench.settle()
        assert bench.held() == 0

    @behaviour(Feature.MARKET, Feature.REDUCE_ONLY)
    async def test_a_reduce_only_order_never_turns_a_position_over(self, bench: Bench) -> None:
        """More than what is held is trimmed or refused."""
        session = await bench.session()
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        with suppress(AnyvenueError):
            await session.sell(bench.here.instrument.symbol, bench.here.unit * 3, reduce_only=True)
        await bench.settle()
        assert 0 <= bench.held() <= bench.here.unit

    @behaviour(Feature.MARKET, Feature.REDUCE_ONLY)
    async def test_a_reduce_only_order_reduces(self, bench: Bench) -> None:
        """By what it says."""
        session = await bench.session()
        await session.buy(bench.here.instrument.symbol, bench.here.unit * 3)
        await bench.settle()
        await session.sell(bench.here.instrument.symbol, bench.here.unit, reduce_only=True)
        await bench.settle()
        assert bench.held() == bench.here.unit * 2

    @behaviour(Feature.MARKET, Feature.CLOSE_POSITION)
    async def test_close_takes_the_whole_position_long_or_short(self, bench: Bench) -> None:
        """And nothing more."""
        session = await bench.session()
        symbol = bench.here.instrument.symbol
        for trade in (session.buy, session.sell):
            await trade(symbol, bench.here.unit * 2)
            await bench.settle()
            await session.close(symbol)
            await bench.settle()
            assert bench.held() == 0

    @behaviour(Feature.CLOSE_POSITION, Feature.POSITIONS)
    async def test_close_of_a_flat_position_opens_none(self, bench: Bench) -> None:
        """There is nothing to close, whoever asks the venue for it: it does nothing, or refuses."""
        session = await bench.session()
        await session.close(bench.here.instrument.symbol)
        if bench.capabilities[Feature.CLOSE_POSITION].grade is Grade.NATIVE:
            with suppress(Rejected):
                await session.venue.close_position(session.instrument(bench.here.instrument.symbol))
        await bench.settle()
        assert bench.held() == 0

    @behaviour(Feature.MARKET, Feature.CLOSE_POSITION)
    async def test_close_leaves_the_positions_of_other_instruments(self, bench: Bench) -> None:
        """Its scope is one instrument."""
        session = await bench.session()
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await session.buy(bench.there.instrument.symbol, bench.there.unit)
        await bench.settle()
        await session.close(bench.here.instrument.symbol)
        await bench.settle()
        assert bench.held(bench.there.instrument.symbol) == bench.there.unit

    @behaviour(Feature.LEVERAGE)
    async def test_leverage_is_read_back_and_is_the_exchanges(self, bench: Bench) -> None:
        """What is returned is what the venue has then."""
        session = await bench.session()
        symbol = bench.here.instrument.symbol
        position = await session.set_leverage(symbol, 5)
        assert position.leverage == bench.exchange.position(ACCOUNT, symbol).leverage == 5

    @behaviour(Feature.LEVERAGE, Feature.MARGIN_MODE)
    async def test_the_margin_mode_is_read_back(self, bench: Bench) -> None:
        """Isolated, then cross again."""
        session = await bench.session()
        symbol = bench.here.instrument.symbol
        for mode in (MarginMode.ISOLATED, MarginMode.CROSS):
            position = await session.set_leverage(symbol, 4, mode)
            assert (position.margin_mode, position.leverage) == (mode, Decimal(4))

    @behaviour(Feature.LEVERAGE)
    async def test_a_leverage_above_the_largest_is_not_taken_for_set(self, bench: Bench) -> None:
        """Refused, or what is returned says what it really is."""
        session = await bench.session()
        symbol = bench.here.instrument.symbol
        asked = bench.here.instrument.max_leverage * 2
        try:
            position = await session.set_leverage(symbol, asked)
        except (ValueError, AnyvenueError):
            return
        assert position.leverage == bench.exchange.position(ACCOUNT, symbol).leverage

    @behaviour(Feature.HEDGE_MODE, Feature.MARKET, Feature.POSITIONS)
    async def test_in_hedge_mode_long_and_short_stand_beside_each_other(self, bench: Bench) -> None:
        """Each with its own quantity, the short below 0."""
        session = await bench.session()
        symbol = bench.here.instrument.symbol
        await session.set_position_mode(PositionMode.HEDGE)
        await session.buy(symbol, bench.here.unit * 2, position_side=PositionSide.LONG)
        await session.sell(symbol, bench.here.unit, position_side=PositionSide.SHORT)
        await bench.settle()
        held = {position.side: position.quantity for position in await session.positions()}
        assert held == {PositionSide.LONG: bench.here.unit * 2, PositionSide.SHORT: -bench.here.unit}

    @behaviour(Feature.HEDGE_MODE, Feature.MARKET, Feature.CLOSE_POSITION)
    async def test_in_hedge_mode_close_takes_one_side_only(self, bench: Bench) -> None:
        """The other leg stays."""
        session = await bench.session()
        symbol = bench.here.instrument.symbol
        await session.set_position_mode(PositionMode.HEDGE)
        await session.buy(symbol, bench.here.unit * 2, position_side=PositionSide.LONG)
        await session.sell(symbol, bench.here.unit, position_side=PositionSide.SHORT)
        await bench.settle()
        await session.close(symbol, PositionSide.LONG)
        await bench.settle()
        found = {side: bench.exchange.position(ACCOUNT, symbol, side).quantity for side in list(PositionSide)[1:]}
        assert found == {PositionSide.LONG: 0, PositionSide.SHORT: -bench.here.unit}

    @behaviour(Feature.OPEN_ORDERS)
    async def test_open_orders_are_all_that_rest_and_no_more(self, bench: Bench) -> None:
        """Of one instrument, and of the account."""
        session = await bench.session()
        here = await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.off("-0.04"))
        there = await session.buy(bench.there.instrument.symbol, bench.there.unit, bench.there.off("-0.04"))
        await bench.settle()
        found = await session.open_orders(bench.here.instrument.symbol)
        assert [o.venue_order_id for o in found] == [here.venue_order_id]
        assert {o.venue_order_id for o in await session.open_orders()} == {here.venue_order_id, there.venue_order_id}

    @behaviour(Feature.OPEN_ORDERS)
    async def test_open_orders_have_every_page(self, bench: Bench) -> None:
        """A list that is longer than a page of most venues comes whole."""
        session = await bench.session()
        for _ in range(PAGES_HOLD // 2):
            for outside in (bench.here, bench.there):
                await session.buy(outside.instrument.symbol, outside.unit, outside.off("-0.04"))
        await bench.settle()
        assert len(await session.open_orders()) == len(bench.resting()) == PAGES_HOLD

    @behaviour(Feature.ORDER_LOOKUP, Feature.MARKET)
    async def test_an_order_is_found_while_it_rests_and_after_it_ended(self, bench: Bench) -> None:
        """With its state and what has traded."""
        session = await bench.session()
        resting = await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.off("-0.04"))
        filled = await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        found = [await session.venue.order(session.current(order)) for order in (resting, filled)]
        states = [(one.report.state, one.report.filled_quantity) for one in found if one is not None]
        assert states == [(OrderState.OPEN, 0), (OrderState.FILLED, bench.here.unit)]

    @behaviour(Feature.ORDER_LOOKUP)
    async def test_an_order_that_was_never_sent_is_not_found(self, bench: Bench) -> None:
        """None, not an error and not somebody else's order."""
        session = await bench.session()
        real = await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.off("-0.04"))
        assert await session.venue.order(Order(spec=evolve(real.spec, client_order_id="avt-999"))) is None

    @behaviour(Feature.ORDER_HISTORY)
    async def test_the_history_has_the_orders_that_ended(self, bench: Bench) -> None:
        """With the state they ended in."""
        session = await bench.session()
        start = bench.clock.time_ns() - 10**10
        order = await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.off("-0.04"))
        await session.cancel(order)
        await bench.settle()
        found = await session.venue.order_history(order.instrument, start_ns=start)
        ended = {one.report.venue_order_id: one.report.state for one in found}
        assert ended.get(session.current(order).venue_order_id) is OrderState.CANCELED

    @behaviour(Feature.FILLS, Feature.MARKET)
    async def test_fills_by_request_are_the_exchanges_oldest_first(self, bench: Bench) -> None:
        """Price, side and quantity of each."""
        session = await bench.session()
        start = bench.clock.time_ns() - 10**10
        await session.buy(bench.here.instrument.symbol, bench.here.unit * 2)
        await bench.wait(2)
        await session.sell(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        found = await session.fills(bench.here.instrument.symbol, start_ns=start)
        truth = bench.exchange.fills(ACCOUNT)
        assert [(f.side, f.price, f.quantity) for f in found] == [(f.side, f.price, f.quantity) for f in truth]

    @behaviour(Feature.FILLS, Feature.FILL_STREAM, Feature.MARKET)
    async def test_the_stream_and_the_request_tell_fills_by_the_same_ids(self, bench: Bench) -> None:
        """So that one told by both is booked once."""
        session = await bench.session()
        start = bench.clock.time_ns() - 10**10
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        asked = await session.fills(bench.here.instrument.symbol, start_ns=start)
        assert [fill.trade_id for fill in session.told_fills()] == [fill.trade_id for fill in asked]

    @behaviour(Feature.MARKET, Feature.POSITIONS)
    async def test_a_new_connection_finds_the_position_that_is_there(self, bench: Bench) -> None:
        """What is held is learnt from the venue, not remembered."""
        session = await bench.session()
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        await session.disconnect()
        again = await bench.session()
        assert (await again.position(bench.here.instrument.symbol)).quantity == bench.here.unit
