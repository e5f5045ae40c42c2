"""What an account is and was: leverage, modes, money, funding, the dead-man switch, and histories of several pages."""

from decimal import Decimal

import pytest

from anyvenue.model.balance import Balance
from anyvenue.model.enums import MarginMode, OrderState, OrderType, PositionMode, PositionSide, Side
from anyvenue.model.errors import Rejected, UnknownInstrument
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.position import Position
from anyvenue.model.risk_tier import RiskTier
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.descriptor import Environment, VenueContext
from anyvenue_gateio.endpoints import GateOptions
from anyvenue_gateio.venue import GateVenue

BTC = "BTC-USDT-PERP"
ETH = "ETH-USDT-PERP"
BTC_USD = "BTC-USD-PERP"


def dec(text):
    return Decimal(text)


def market_order(instrument, number, side):
    return OrderSpec(
        client_order_id=f"m-{number}",
        instrument=instrument,
        side=side,
        quantity=instrument.min_quantity,
        order_type=OrderType.MARKET,
    )


@pytest.mark.parametrize("mode", list(PositionMode))
@pytest.mark.parametrize("margin", list(MarginMode))
def test_leverage_and_margin_mode_are_set_and_read_back(play, margin, mode):
    async def scenario(floor):
        gate = await floor.session()
        await gate.set_position_mode(mode)
        first = await gate.set_leverage(BTC, 20, margin)
        again = await gate.set_leverage(BTC, 20, margin)
        side = PositionSide.NET if mode is PositionMode.ONE_WAY else PositionSide.LONG
        await gate.buy(BTC, "0.01", position_side=side)
        return first, again, await gate.position(BTC, side)

    for position in play(scenario):
        assert (position.leverage, position.margin_mode) == (20, margin)


def test_leverage_above_the_contracts_is_refused(play):
    async def scenario(floor):
        gate = await floor.session()
        with pytest.raises(Rejected):
            await gate.set_leverage(BTC, 101)

    play(scenario)


@pytest.mark.parametrize(("symbol", "settle", "most"), [(BTC, "usdt", 20_000_000), (BTC_USD, "btc", 500)])
def test_risk_tiers_are_those_of_the_contract_in_settle_currency(play, symbol, settle, most):
    async def scenario(floor):
        gate = await floor.session(settle=settle)
        return await gate.risk_tiers(symbol)

    assert play(scenario) == [
        RiskTier(max_notional=dec(most), initial_rate=dec("0.01"), maintenance_rate=dec("0.005"), max_leverage=dec(100))
    ]


def test_an_order_beyond_the_margin_is_refused(play):
    async def scenario(floor):
        gate = await floor.session()
        with pytest.raises(Rejected) as refused:
            await gate.buy(BTC, "20", "60000")  # 1,200,000 at 10 times needs 120,000; there are 100,000
        return refused.value.reason.name

    assert play(scenario) == "INSUFFICIENT_FUNDS"


def test_the_balance_after_a_round_trip_is_told_and_is_what_a_look_up_says(play):
    async def scenario(floor):
        gate = await floor.session()
        await gate.buy(BTC, "0.1")  # at 60001
        floor.show((("60101", "1000"),), (("60102", "1000"),))
        floor.mark("60101")
        await gate.sell(BTC, "0.1")  # at 60101
        await floor.wait(2)
        return gate.heard(Balance)[-1], await gate.balances()

    told, (asked,) = play(scenario)
    # 0.1 * 100 gained; fees 0.1 * (60001 + 60101) * 0.0005 = 6.0051
    assert (told.currency, told.total, told.available) == ("USDT", dec("100003.9949"), dec("100003.9949"))
    assert (asked.total, asked.available) == (told.total, told.available)


def test_funding_is_paid_by_longs_and_is_in_the_history(play):
    async def scenario(floor):
        gate = await floor.session()
        await gate.buy(BTC, "0.1")
        start_ns = floor.clock.time_ns()
        upkeep = floor.stage.steering(BTC)

        def settle():
            upkeep.funding_rate = dec("0.0001")
            upkeep.settle_now()

        await floor.wait(2)
        floor.do(settle)
        await floor.wait(2)
        payments = await gate.funding_payments(BTC, start_ns=start_ns)
        rates = await gate.venue.funding_rates(
            gate.instrument(BTC), start_ns=start_ns - 10**9, end_ns=floor.clock.time_ns()
        )
        before = await gate.funding_payments(BTC, start_ns=floor.clock.time_ns())
        return payments, before, rates, await gate.balances()

    payments, before, rates, balances = play(scenario)
    assert [payment.amount for payment in payments] == [dec("-0.6")]  # 0.1 * 60000 * 0.0001
    assert before == []
    assert [(rate.rate, rate.settled) for rate in rates] == [(dec("0.0001"), True)]
    assert balances[0].total == dec("99996.39995")  # 100000 - 0.1 * 60001 * 0.0005 - 0.6


def test_the_dead_man_switch_cancels_unless_it_is_armed_again_or_disarmed(play):
    async def scenario(floor):
        gate = await floor.session()
        order = await gate.buy(BTC, "0.01", "59000")
        for _ in range(3):
            await gate.arm_dead_man_switch(5)
            await floor.wait(4)
        await gate.arm_dead_man_switch(0)
        await floor.wait(6)
        assert gate.current(order).state is OrderState.OPEN
        await gate.arm_dead_man_switch(5)
        await floor.wait(4.9)
        assert gate.current(order).state is OrderState.OPEN
        await floor.wait(0.5)
        return gate.current(order)

    assert play(scenario).state is OrderState.CANCELED


def test_fills_and_orders_that_ended_come_whole_over_several_pages_oldest_first(play):
    async def scenario(floor):
        gate = await floor.session()
        btc, start_ns = gate.instrument(BTC), floor.clock.time_ns()
        for number in range(230):
            await gate.venue.place(market_order(btc, number, Side.BUY if number % 2 else Side.SELL))
        fills = await gate.fills(BTC, start_ns=start_ns)
        ended = await gate.venue.order_history(btc, start_ns=start_ns)
        late = await gate.fills(BTC, start_ns=fills[200].ts_event)
        return fills, ended, late

    fills, ended, late = play(scenario)
    assert [fill.client_order_id for fill in fills] == [f"m-{number}" for number in range(230)]
    assert {order.report.client_order_id for order in ended} == {f"m-{number}" for number in range(230)}
    assert [fill.client_order_id for fill in late] == [f"m-{number}" for number in range(200, 230)]


def test_a_history_that_grows_while_it_is_read_tells_nothing_twice(play):
    async def scenario(floor):
        gate = await floor.session()
        btc, start_ns = gate.instrument(BTC), floor.clock.time_ns()
        for number in range(150):
            await gate.venue.place(market_order(btc, number, Side.BUY if number % 2 else Side.SELL))
        other = await floor.session()
        floor.faults({"on": "http", "path": "*/my_trades_timerange", "delay_s": 0.05, "times": 2})
        from asyncio import create_task

        reading = create_task(gate.fills(BTC, start_ns=start_ns))
        for number in range(150, 165):
            await other.venue.place(market_order(btc, number, Side.BUY if number % 2 else Side.SELL))
        return await reading

    fills = play(scenario)
    ids = [fill.trade_id for fill in fills]
    assert len(ids) == len(set(ids))
    assert {f"m-{number}" for number in range(150)} <= {fill.client_order_id for fill in fills}


def test_more_open_orders_than_a_page_holds_are_all_listed(play):
    async def scenario(floor):
        gate = await floor.session()
        for symbol in (BTC, ETH):
            instrument = gate.instrument(symbol)
            for number in range(60):
                await gate.venue.place(
                    OrderSpec(
                        client_order_id=f"{symbol[:3]}-{number}",
                        instrument=instrument,
                        side=Side.BUY,
                        quantity=instrument.min_quantity,
                        price=dec(59_000 - number),
                    )
                )
        return await gate.open_orders(), await gate.open_orders(ETH)

    everything, eth = play(scenario)
    assert len({order.client_order_id for order in everything}) == len(everything) == 120
    assert {order.instrument.symbol for order in eth} == {ETH}
    assert len(eth) == 60


def test_the_inverse_contract_counts_in_dollars_and_settles_in_coin(play):
    async def scenario(floor):
        gate = await floor.session(settle="btc")
        assert [instrument.symbol for instrument in gate.instruments()] == [BTC_USD]
        before = (await gate.balances())[0]
        order = await gate.buy(BTC_USD, 500)  # 500 dollars at 60001
        await floor.wait(2)
        position = await gate.position(BTC_USD)
        pushed = gate.heard(Position)[-1]
        await gate.close(BTC_USD)  # at 60000
        await floor.wait(2)
        return before, gate.current(order), position, pushed, (await gate.balances())[0], await gate.fills(BTC_USD)

    before, order, position, pushed, after, fills = play(scenario)
    assert (before.currency, after.currency) == ("BTC", "BTC")
    assert (order.filled_quantity, order.average_price) == (500, 60001)
    assert (position.quantity, pushed.quantity) == (500, 500)
    assert position.entry_price.quantize(dec("0.01")) == 60001
    assert [fill.quantity for fill in fills] == [500, 500]
    fees = dec(500) / 60001 * dec("0.0005") + dec(500) / 60000 * dec("0.0005")
    gain = dec(500) / 60001 - dec(500) / 60000
    assert abs(after.total - (before.total + gain - fees)) <= dec("0.00000002")  # two roundings to 1e-8


def test_a_symbol_of_the_other_settle_currency_is_explained(play):
    async def scenario(floor):
        gate = await floor.session(settle="btc")
        with pytest.raises(UnknownInstrument) as unknown:
            gate.instrument(BTC)
        return str(unknown.value)

    assert "settle = 'usdt'" in play(scenario)


def test_not_found_proves_no_more_than_gate_promises_to_remember():
    options = GateOptions(order_expiry_s=7)
    retention = GateVenue(
        VenueContext(
            connection="main", environment=Environment.SIMULATOR, clock=DrivenClock(0), session="s", options=options
        )
    ).retention
    assert retention.create_window_s == 7  # x-gate-exptime: what comes later is refused
    assert retention.unfilled_by_client_id_s == 60  # "if cancelled without fill, only 60 s more"
    assert retention.unfilled_s <= 600  # they "drop out after about 10 minutes"
    assert retention.filled_s <= 183 * 86_400  # "history ... 6 months"
    assert retention.filled_by_client_id_s == 3_600  # "without time limit per current docs (older texts: 1 h)"
    assert retention.finds_open
    assert retention.lists_open
    assert not retention.triggers  # an order that waits for a trigger bears no client id at Gate
