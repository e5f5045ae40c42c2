"""Orders that wait for a price, from the command to the order they become and its fill; and a position's protection."""

from decimal import Decimal

import pytest

from anyvenue.model.enums import OrderState, PositionMode, PositionSide, PriceSource, Side, TriggerKind
from anyvenue.model.errors import AnyvenueError, Rejected
from anyvenue.model.order_spec import Protection, Trigger

BTC = "BTC-USDT-PERP"
MARK = PriceSource.MARK
SEEDS = pytest.mark.parametrize("seed", [1, 2, 3, 4])  # Gate does not say whether a child keeps the text: it varies


def dec(text):
    return Decimal(text)


def stop(price, **terms):
    return Trigger(kind=TriggerKind.STOP, price=dec(price), source=MARK, **terms)


@SEEDS
def test_a_buy_stop_fires_at_its_price_and_its_fill_belongs_to_it(play, seed):
    async def scenario(floor):
        gate = await floor.session()
        order = await gate.buy(BTC, "0.02", trigger=stop("60500"))
        assert (order.state, order.triggered) == (OrderState.OPEN, False)
        floor.mark("60499")
        await floor.wait(5)
        assert not gate.current(order).triggered
        floor.mark("60500")
        await floor.wait(5)
        order = gate.current(order)
        return order, await gate.position(BTC), await gate.fills(BTC)

    order, position, fills = play(scenario, seed=seed)
    assert (order.triggered, order.state) == (True, OrderState.FILLED)
    assert (order.booked_quantity, order.average_price) == (dec("0.02"), dec(60001))
    assert order.fees == dec("0.60001")  # 0.02 * 60001 * 0.0005
    assert position.quantity == dec("0.02")
    assert [fill.venue_order_id for fill in fills] == [order.venue_order_id]


@SEEDS
def test_a_reduce_only_take_profit_with_a_limit_rests_after_it_fired_and_is_canceled_like_any_order(play, seed):
    async def scenario(floor):
        gate = await floor.session()
        await gate.buy(BTC, "0.05")
        trigger = Trigger(kind=TriggerKind.TAKE_PROFIT, price=dec("60100"), source=MARK)
        order = await gate.sell(BTC, "0.02", "60300", trigger=trigger, reduce_only=True)
        floor.mark("60100")
        await floor.wait(5)
        order = gate.current(order)
        assert (order.triggered, order.state, order.price) == (True, OrderState.OPEN, dec(60300))
        resting = floor.stage.exchange.open_orders("gate")
        assert [(o.side, o.price, o.quantity) for o in resting] == [(Side.SELL, dec(60300), dec("0.02"))]
        await gate.cancel(order)
        return gate.current(order), floor.stage.exchange.open_orders("gate")

    order, resting = play(scenario, seed=seed)
    assert order.state is OrderState.CANCELED
    assert list(resting) == []


def test_a_waiting_order_is_canceled_amended_listed_and_looked_up(play):
    async def scenario(floor):
        gate = await floor.session()
        await gate.buy(BTC, "0.05")
        order = await gate.sell(BTC, "0.02", "59000", trigger=stop("59500"), reduce_only=True)
        listed = await gate.open_orders(BTC)
        assert [(o.client_order_id, o.side, o.quantity, o.price) for o in listed] == [
            (order.client_order_id, Side.SELL, dec("0.02"), dec(59000))
        ]
        order = await gate.amend(order, price="58900", quantity="0.03")
        found = await gate.venue.order(order)
        assert (found.report.price, found.report.quantity) == (dec(58900), dec("0.03"))
        order = await gate.cancel(order)
        await floor.wait(1)
        return gate.current(order), await gate.open_orders(BTC)

    order, listed = play(scenario)
    assert order.state is OrderState.CANCELED
    assert listed == []


def test_cancelling_an_order_that_has_fired_meanwhile_cancels_what_it_became(play):
    async def scenario(floor):
        gate = await floor.session()
        order = await gate.buy(BTC, "0.02", "59900", trigger=stop("60500"))
        floor.faults({"on": "ws_out", "match": "autoorders", "drop": True})  # so that nobody here knows
        floor.mark("60500")
        await floor.wait(1)
        assert not gate.current(order).triggered
        await gate.cancel(order)
        return gate.current(order), floor.stage.exchange.open_orders("gate")

    order, resting = play(scenario)
    assert (order.state, order.triggered) == (OrderState.CANCELED, True)
    assert list(resting) == []


@SEEDS
def test_a_trailing_stop_follows_the_price_up_and_sells_when_it_falls_back(play, seed):
    async def scenario(floor):
        gate = await floor.session()
        await gate.buy(BTC, "0.05")
        trigger = Trigger(kind=TriggerKind.TRAILING, trail=dec("200"), source=MARK)
        order = await gate.sell(BTC, "0.05", trigger=trigger, reduce_only=True)
        assert order.state is OrderState.OPEN
        for mark in ("60500", "61000", "60801"):  # the best is 61000: it fires at 60800
            floor.mark(mark)
            await floor.wait(3)
            assert not gate.current(order).triggered
        floor.mark("60800")
        await floor.wait(5)
        return gate.current(order), await gate.position(BTC)

    order, position = play(scenario, seed=seed)
    assert (order.triggered, order.state, order.booked_quantity) == (True, OrderState.FILLED, dec("0.05"))
    assert position.is_flat


def test_a_trailing_stop_by_a_ratio_is_canceled_by_its_id(play):
    async def scenario(floor):
        gate = await floor.session()
        await gate.buy(BTC, "0.05")
        trigger = Trigger(kind=TriggerKind.TRAILING, trail_ratio=dec("0.01"), source=MARK)
        order = await gate.sell(BTC, "0.05", trigger=trigger, reduce_only=True)
        listed = await gate.open_orders(BTC)
        found = await gate.venue.order(order)
        canceled = await gate.cancel(order)
        await floor.wait(1)
        return listed, found, gate.current(canceled), await gate.open_orders(BTC)

    listed, found, order, left = play(scenario)
    assert [(o.client_order_id, o.side, o.quantity) for o in listed] == [
        (order.client_order_id, Side.SELL, dec("0.05"))
    ]
    assert found.report.state is OrderState.OPEN
    assert order.state is OrderState.CANCELED
    assert left == []


def test_cancel_all_takes_waiting_orders_too_and_leaves_what_protects_a_position(play):
    async def scenario(floor):
        gate = await floor.session()
        await gate.buy(BTC, "0.05")
        await gate.protect(BTC, stop_loss="59000")
        resting = await gate.buy(BTC, "0.01", "58000")
        waiting = await gate.buy(BTC, "0.01", trigger=stop("61000"))
        trigger = Trigger(kind=TriggerKind.TRAILING, trail=dec("200"), source=MARK)
        trailing = await gate.sell(BTC, "0.01", trigger=trigger, reduce_only=True)
        await gate.cancel_all(BTC)
        await floor.wait(1)
        left = await gate.open_orders(BTC)
        return [gate.current(order).state for order in (resting, waiting, trailing)], left

    states, left = play(scenario)
    assert states == [OrderState.CANCELED] * 3
    assert [(order.side, order.spec.reduce_only) for order in left] == [(Side.SELL, True)]


@SEEDS
def test_a_positions_protection_is_replaced_and_then_closes_the_whole_position(play, seed):
    async def scenario(floor):
        gate = await floor.session()
        await gate.buy(BTC, "0.05")
        await gate.protect(BTC, take_profit="61000", stop_loss="59500")
        assert len(await gate.open_orders(BTC)) == 2
        await gate.protect(BTC, stop_loss="59000")
        (only,) = await gate.open_orders(BTC)
        assert only.side is Side.SELL
        await gate.buy(BTC, "0.02")
        floor.mark("59500")  # the old one's level
        await floor.wait(3)
        assert (await gate.position(BTC)).quantity == dec("0.07")
        floor.mark("59000")
        await floor.wait(3)
        return await gate.position(BTC), await gate.open_orders(BTC)

    position, left = play(scenario, seed=seed)
    assert position.is_flat
    assert left == []


def test_there_is_nothing_to_protect_without_a_position(play):
    async def scenario(floor):
        gate = await floor.session()
        with pytest.raises(Rejected, match="no position"):
            await gate.protect(BTC, stop_loss="59000")

    play(scenario)


def test_each_side_of_a_hedge_is_protected_by_itself(play):
    async def scenario(floor):
        gate = await floor.session()
        await gate.set_position_mode(PositionMode.HEDGE)
        await gate.buy(BTC, "0.05", position_side=PositionSide.LONG)
        await gate.sell(BTC, "0.03", position_side=PositionSide.SHORT)
        await gate.protect(BTC, stop_loss="59000", position_side=PositionSide.LONG)
        await gate.protect(BTC, stop_loss="61000", position_side=PositionSide.SHORT)
        assert len(await gate.open_orders(BTC)) == 2
        floor.mark("61000")
        await floor.wait(3)
        return [(p.side, p.quantity) for p in await gate.positions()]

    assert play(scenario) == [(PositionSide.LONG, dec("0.05"))]


def test_take_profit_and_stop_loss_attached_to_an_order_stand_once_it_has_filled(play):
    async def scenario(floor):
        gate = await floor.session()
        order = await gate.buy(BTC, "0.05", "60001", protection=Protection(take_profit="60900", stop_loss="59200"))
        await floor.wait(1)
        assert gate.current(order).state is OrderState.FILLED
        assert len(await gate.open_orders(BTC)) == 2
        floor.trade("60900")  # whether it looks at the last or the mark price is not documented
        floor.mark("60900")
        await floor.wait(3)
        return await gate.position(BTC)

    assert play(scenario).is_flat


def test_a_stop_on_the_wrong_side_of_the_market_is_refused(play):
    async def scenario(floor):
        gate = await floor.session()
        with pytest.raises(Rejected):
            await gate.buy(BTC, "0.01", trigger=stop("59000"))
        with pytest.raises(AnyvenueError):
            await gate.buy(BTC, "0.01", "59000", post_only=True, trigger=stop("61000"))
        return await gate.open_orders(BTC)

    assert play(scenario) == []
