"""The whole life of orders, from a session over REST or the trading API to the simulated Gate and back."""

from decimal import Decimal

import pytest

from anyvenue.model.enums import (
    Liquidity,
    OrderState,
    OrderType,
    PositionMode,
    PositionSide,
    Side,
    TimeInForce,
    TradingStatus,
)
from anyvenue.model.errors import Rejected, RejectReason
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderFilled, OrderReported
from anyvenue.model.order_spec import OrderSpec
from anyvenue.venue.events import InstrumentChanged

BTC = "BTC-USDT-PERP"
ETH = "ETH-USDT-PERP"
BOTH_WAYS = pytest.mark.parametrize("entry", ["rest", "websocket"])


def dec(text):
    return Decimal(text)


def kept(floor, account="gate"):
    """The exchange's own view: what rests, as (side, price, quantity, filled)."""
    return [
        (order.side, order.price, order.quantity, order.filled_quantity)
        for order in floor.stage.exchange.open_orders(account)
    ]


@BOTH_WAYS
def test_a_limit_order_rests_fills_in_two_parts_as_maker_and_pays_the_makers_fee(play, entry):
    async def scenario(floor):
        gate = await floor.session(order_entry=entry)
        order = await gate.buy(BTC, "0.02", "60000.5")
        assert (order.state, order.price, order.quantity) == (OrderState.OPEN, dec("60000.5"), dec("0.02"))
        assert kept(floor) == [(Side.BUY, dec("60000.5"), dec("0.02"), dec(0))]
        floor.trade("60000.5", "0.005", Side.SELL)
        await floor.wait(1)
        assert gate.current(order).state is OrderState.PARTIALLY_FILLED
        assert gate.current(order).booked_quantity == dec("0.005")
        floor.trade("60000.5", "1", Side.SELL)
        await floor.wait(1)
        order = gate.current(order)
        fills = await gate.fills(BTC)
        return order, fills, await gate.position(BTC), await gate.balances()

    order, fills, position, balances = play(scenario)
    assert order.state is OrderState.FILLED
    assert order.average_price == dec("60000.5")
    assert order.fees == dec("0.240002")  # 0.02 * 60000.5 * 0.0002
    assert [(fill.quantity, fill.liquidity) for fill in fills] == [
        (dec("0.005"), Liquidity.MAKER),
        (dec("0.015"), Liquidity.MAKER),
    ]
    assert (position.quantity, position.entry_price) == (dec("0.02"), dec("60000.5"))
    assert [balance.total for balance in balances] == [dec("99999.759998")]  # 100000 - 0.240002


@BOTH_WAYS
def test_a_post_only_order_that_would_take_is_refused_and_nothing_rests(play, entry):
    async def scenario(floor):
        gate = await floor.session(order_entry=entry)
        with pytest.raises(Rejected) as refused:
            await gate.buy(BTC, "0.01", "60001", post_only=True)
        assert refused.value.reason is RejectReason.WOULD_TAKE_LIQUIDITY
        order = await gate.buy(BTC, "0.01", "60000.9", post_only=True)
        assert order.state is OrderState.OPEN
        assert kept(floor) == [(Side.BUY, dec("60000.9"), dec("0.01"), dec(0))]

    play(scenario)


@BOTH_WAYS
def test_an_ioc_order_takes_what_there_is_and_the_rest_expires(play, entry):
    async def scenario(floor):
        gate = await floor.session(order_entry=entry)
        order = await gate.buy(BTC, "0.15", "60001", time_in_force=TimeInForce.IOC)
        await floor.wait(1)
        return gate.current(order), kept(floor)

    order, resting = play(scenario)
    assert (order.state, order.filled_quantity, order.average_price) == (OrderState.EXPIRED, dec("0.1"), dec(60001))
    assert order.fees == dec("3.00005")  # 0.1 * 60001 * 0.0005
    assert resting == []


@BOTH_WAYS
def test_a_fok_order_fills_whole_or_is_refused(play, entry):
    async def scenario(floor):
        gate = await floor.session(order_entry=entry)
        with pytest.raises(Rejected) as refused:
            await gate.buy(BTC, "0.15", "60001", time_in_force=TimeInForce.FOK)
        assert refused.value.reason is RejectReason.NO_LIQUIDITY
        assert (await gate.position(BTC)).is_flat
        return await gate.buy(BTC, "0.1", "60001", time_in_force=TimeInForce.FOK)

    order = play(scenario)
    assert (order.state, order.filled_quantity) == (OrderState.FILLED, dec("0.1"))


@BOTH_WAYS
def test_a_market_order_walks_the_book_and_the_balance_follows(play, entry):
    async def scenario(floor):
        gate = await floor.session(order_entry=entry)
        order = await gate.buy(BTC, "0.2")
        await floor.wait(1)
        return gate.current(order), await gate.balances(), await gate.fills(BTC)

    order, balances, fills = play(scenario)
    assert (order.state, order.average_price) == (OrderState.FILLED, dec("60001.5"))  # half at 60001, half at 60002
    assert order.fees == dec("6.00015")  # 12000.3 * 0.0005
    assert [(fill.price, fill.quantity, fill.liquidity) for fill in fills] == [
        (dec(60001), dec("0.1"), Liquidity.TAKER),
        (dec(60002), dec("0.1"), Liquidity.TAKER),
    ]
    assert balances[0].total == dec("99993.99985")


@BOTH_WAYS
def test_a_reduce_only_order_is_refused_when_flat_and_never_turns_a_position_over(play, entry):
    async def scenario(floor):
        gate = await floor.session(order_entry=entry)
        with pytest.raises(Rejected) as refused:
            await gate.sell(BTC, "0.01", "60001", reduce_only=True)
        assert refused.value.reason is RejectReason.REDUCE_ONLY
        await gate.buy(BTC, "0.01")
        await gate.sell(BTC, "0.01", reduce_only=True)
        return await gate.position(BTC)

    assert play(scenario).is_flat


@BOTH_WAYS
def test_an_iceberg_shows_only_a_part_of_itself(play, entry):
    async def scenario(floor):
        gate = await floor.session(order_entry=entry)
        order = await gate.buy(BTC, "0.05", "60000.5", display_quantity=dec("0.01"))
        await floor.wait(1)
        return order, await gate.order_book(BTC)

    order, book = play(scenario)
    assert (order.state, order.quantity) == (OrderState.OPEN, dec("0.05"))
    assert [(level.price, level.quantity) for level in book.bids(2)] == [
        (dec("60000.5"), dec("0.01")),
        (dec("60000"), dec("0.1")),
    ]


@BOTH_WAYS
def test_an_amend_changes_price_and_size_up_and_down_and_below_the_filled_part_it_cancels(play, entry):
    async def scenario(floor):
        gate = await floor.session(order_entry=entry)
        order = await gate.sell(BTC, "0.03", "60000.7")
        order = await gate.amend(order, price="60000.5")
        assert kept(floor) == [(Side.SELL, dec("60000.5"), dec("0.03"), dec(0))]
        order = await gate.amend(order, quantity="0.05")
        assert (order.price, order.quantity) == (dec("60000.5"), dec("0.05"))
        order = await gate.amend(order, quantity="0.04", price="60000.6")
        assert kept(floor) == [(Side.SELL, dec("60000.6"), dec("0.04"), dec(0))]
        floor.trade("60000.6", "0.01", Side.BUY)
        await floor.wait(1)
        order = await gate.amend(order, quantity="0.005")  # 0.01 is filled: the rest is to go
        await floor.wait(1)
        return gate.current(order), kept(floor), await gate.position(BTC)

    order, resting, position = play(scenario)
    assert resting == []
    assert order.is_terminal
    assert order.filled_quantity == dec("0.01")
    assert position.quantity == dec("-0.01")


@BOTH_WAYS
def test_an_amend_into_the_book_of_a_post_only_order_is_refused_and_leaves_it_as_it_was(play, entry):
    async def scenario(floor):
        gate = await floor.session(order_entry=entry)
        order = await gate.buy(BTC, "0.01", "59999", post_only=True)
        with pytest.raises(Rejected):
            await gate.amend(order, price="60001")
        await floor.wait(1)
        return gate.current(order), kept(floor)

    order, resting = play(scenario)
    assert resting == [(Side.BUY, dec("59999"), dec("0.01"), dec(0))]
    assert (order.is_resting, order.price) == (True, dec("59999"))


@BOTH_WAYS
def test_a_cancel_goes_by_the_venues_id_or_by_ours_and_the_second_one_is_refused(play, entry):
    async def scenario(floor):
        gate = await floor.session(order_entry=entry)
        order = await gate.buy(BTC, "0.01", "59000")
        canceled = await gate.cancel(order)
        assert canceled.state is OrderState.CANCELED
        with pytest.raises(Rejected) as refused:
            await gate.venue.cancel(order)
        assert refused.value.reason in (RejectReason.UNKNOWN_ORDER, RejectReason.ORDER_CLOSED)
        spec = OrderSpec(
            client_order_id="mine-1",
            instrument=gate.instrument(BTC),
            side=Side.BUY,
            quantity=dec("0.01"),
            price=dec(58000),
        )
        await gate.venue.place(spec)
        (report,) = await gate.venue.cancel(Order(spec=spec))
        assert isinstance(report, OrderReported)
        return report, kept(floor)

    report, resting = play(scenario)
    assert (report.state, report.client_order_id) == (OrderState.CANCELED, "mine-1")
    assert resting == []


def test_a_batch_has_an_answer_for_each_of_its_rows_over_more_than_one_request(play):
    async def scenario(floor):
        gate = await floor.session()
        btc = gate.instrument(BTC)

        def spec(number, price, **terms):
            return OrderSpec(
                client_order_id=f"row-{number}",
                instrument=btc,
                side=Side.BUY,
                quantity=dec("0.001"),
                price=dec(price),
                **terms,
            )

        specs = [spec(number, 59_000 + number) for number in range(12)]
        specs[3] = spec(3, 60_001, post_only=True)  # would take
        specs[11] = spec(11, 59_500, reduce_only=True)  # there is nothing to reduce
        answers = await gate.venue.place_batch(specs)
        return answers, kept(floor)

    answers, resting = play(scenario)
    assert [number for number, answer in enumerate(answers) if isinstance(answer, Rejected)] == [3, 11]
    assert answers[3].reason is RejectReason.WOULD_TAKE_LIQUIDITY
    assert answers[11].reason is RejectReason.REDUCE_ONLY
    assert [answer[0].client_order_id for number, answer in enumerate(answers) if number not in (3, 11)] == [
        f"row-{number}" for number in range(12) if number not in (3, 11)
    ]
    assert sorted(price for _, price, _, _ in resting) == [59_000 + n for n in range(12) if n not in (3, 11)]


@BOTH_WAYS
def test_cancel_all_takes_every_order_of_one_contract_and_none_of_another(play, entry):
    async def scenario(floor):
        gate = await floor.session(order_entry=entry)
        ours = [await gate.buy(BTC, "0.01", price) for price in ("59000", "59100")]
        other = await gate.buy(ETH, "0.1", "59000")
        await gate.cancel_all(BTC)
        return [gate.current(order).state for order in ours], gate.current(other).state, kept(floor)

    states, other, resting = play(scenario)
    assert states == [OrderState.CANCELED, OrderState.CANCELED]
    assert other is OrderState.OPEN
    assert resting == [(Side.BUY, dec("59000"), dec("0.1"), dec(0))]


def test_closing_in_one_way_mode_takes_the_whole_position_whatever_else_rests(play):
    async def scenario(floor):
        gate = await floor.session()
        await gate.sell(BTC, "0.05")
        await gate.sell(BTC, "0.01", "60500")
        await gate.close(BTC)
        await floor.wait(1)
        await gate.close(BTC)  # flat: nothing to do
        return await gate.position(BTC), kept(floor), await gate.fills(BTC), await gate.balances()

    position, resting, fills, balances = play(scenario)
    assert position.is_flat
    assert resting == [(Side.SELL, dec("60500"), dec("0.01"), dec(0))]
    assert [(fill.side, fill.price, fill.quantity) for fill in fills] == [
        (Side.SELL, dec(60000), dec("0.05")),
        (Side.BUY, dec(60001), dec("0.05")),
    ]
    # lost 0.05 * 1, and fees of 0.05 * (60000 + 60001) * 0.0005 = 3.000025
    assert balances[0].total == dec("99996.949975")


def test_both_sides_of_a_hedge_trade_and_close_by_themselves_and_fills_say_which_side_they_are_of(play):
    async def scenario(floor):
        gate = await floor.session()
        await gate.set_position_mode(PositionMode.HEDGE)
        long, short = PositionSide.LONG, PositionSide.SHORT
        await gate.buy(BTC, "0.05", position_side=long)
        await gate.sell(BTC, "0.02", position_side=short)
        await gate.sell(BTC, "0.01", position_side=long, reduce_only=True)
        await gate.buy(BTC, "0.02", position_side=short, reduce_only=True)
        await floor.wait(2)
        held = {position.side: position.quantity for position in await gate.positions()}
        assert held == {long: dec("0.04")}
        told = [event.fill for event in gate.heard(OrderFilled)]
        told = list({fill.trade_id: fill for fill in told}.values())
        fills = await gate.fills(BTC)
        await gate.close(BTC, long)
        await floor.wait(2)
        return told, fills, await gate.positions()

    told, fills, positions = play(scenario)
    expected = [
        (Side.BUY, PositionSide.LONG, dec("0.05")),
        (Side.SELL, PositionSide.SHORT, dec("0.02")),
        (Side.SELL, PositionSide.LONG, dec("0.01")),
        (Side.BUY, PositionSide.SHORT, dec("0.02")),
    ]
    assert [(fill.side, fill.position_side, fill.quantity) for fill in fills] == expected
    assert [(fill.side, fill.position_side, fill.quantity) for fill in told] == expected
    assert positions == []


def test_the_mode_cannot_be_switched_with_an_order_in_the_book_and_switching_to_what_it_is_is_fine(play):
    async def scenario(floor):
        gate = await floor.session()
        await gate.set_position_mode(PositionMode.ONE_WAY)
        order = await gate.buy(BTC, "0.01", "59000")
        with pytest.raises(Rejected):
            await gate.set_position_mode(PositionMode.HEDGE)
        await gate.cancel(order)
        await gate.set_position_mode(PositionMode.HEDGE)
        again = await floor.session()  # the account's mode is learnt when connecting
        await again.buy(BTC, "0.01", position_side=PositionSide.LONG)
        return await again.positions()

    (position,) = play(scenario)
    assert (position.side, position.quantity) == (PositionSide.LONG, dec("0.01"))


@BOTH_WAYS
def test_an_order_is_found_while_it_rests_and_after_it_filled_and_a_strangers_id_is_not(play, entry):
    async def scenario(floor):
        gate = await floor.session(order_entry=entry)
        resting = await gate.buy(BTC, "0.01", "59000")
        filled = await gate.buy(BTC, "0.01")
        found = [await gate.venue.order(order) for order in (resting, filled)]
        spec = OrderSpec(
            client_order_id="never-sent",
            instrument=gate.instrument(BTC),
            side=Side.BUY,
            quantity=dec("0.01"),
            order_type=OrderType.MARKET,
        )
        return found, await gate.venue.order(Order(spec=spec))

    (resting, filled), unknown = play(scenario)
    assert resting.report.state is OrderState.OPEN
    assert (filled.report.state, filled.report.filled_quantity) == (OrderState.FILLED, dec("0.01"))
    assert unknown is None


def test_a_contract_that_comes_to_be_delisted_is_told_within_the_hour_and_can_be_left_but_not_entered(play):
    async def scenario(floor):
        gate = await floor.session()
        await gate.buy(BTC, "0.01")
        floor.do(lambda: floor.stage.exchange.set_status(BTC, TradingStatus.REDUCE_ONLY))
        await floor.wait(1)
        with pytest.raises(Rejected, match="CONTRACT_IN_DELISTING"):  # the venue's own word
            await gate.buy(BTC, "0.01")
        await floor.wait(3600)
        with pytest.raises(Rejected, match="nothing was sent"):
            await gate.buy(BTC, "0.01")
        await gate.buy(ETH, "0.1")
        await gate.close(BTC)
        return gate.heard(InstrumentChanged), await gate.position(BTC)

    (change,), position = play(scenario)
    assert change.text == "gate:BTC-USDT-PERP has changed: status was trading and is reduce_only"
    assert position.is_flat
