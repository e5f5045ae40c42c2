"""What goes wrong on the wire, and that the session's view is the exchange's again afterwards."""

import asyncio
from decimal import Decimal

import pytest
from attrs import evolve

from anyvenue.model.enums import OrderState, PositionMode, PositionSide, Side
from anyvenue.model.errors import NotSent, OutcomeUnknown, RateLimited, RejectReason
from anyvenue.model.market import BookDelta, Trade
from anyvenue.model.order_events import OrderFilled
from anyvenue.model.position import Position
from anyvenue.simulation.server.hosting import GOING_AWAY
from anyvenue.venue.events import Channel, Disconnected, Reconnected, Subscription
from anyvenue.venue.secrets import Secret

BTC = "BTC-USDT-PERP"
ETH = "ETH-USDT-PERP"
SECOND = 1_000_000_000
PLACE = {"on": "http", "method": "POST", "path": "*/orders"}
BOTH_BOOKS = pytest.mark.parametrize("book", ["obu", "updates"])


def dec(text):
    return Decimal(text)


def in_touch(gate):
    """Whether the last word about the connection was a good one."""
    return isinstance(([*gate.heard(Disconnected, Reconnected)] or [None])[-1], Reconnected)


@pytest.mark.parametrize("fault", [{"lose_reply": True}, {"reset": "after"}])
def test_an_order_whose_reply_was_lost_is_unknown_and_then_found(play, fault):
    async def scenario(floor):
        gate = await floor.session()
        news = {"on": "ws_out", "match": "futures.orders", "drop": True}
        floor.faults({**PLACE, **fault, "times": 1}, news)
        with pytest.raises(OutcomeUnknown):
            await gate.buy(BTC, "0.01", "59000")
        (order,) = gate.unsettled_orders()
        found = await gate.order(order)
        return found, gate.unsettled_orders(), [o.price for o in floor.stage.exchange.open_orders("gate")]

    found, unsettled, resting = play(scenario)
    assert (found.state, found.price) == (OrderState.OPEN, 59000)
    assert (unsettled, resting) == ([], [59000])


def test_an_order_that_never_arrived_stays_unknown_while_nobody_knows_it(play):
    async def scenario(floor):
        gate = await floor.session()
        floor.faults({**PLACE, "lose_request": True, "times": 1})
        with pytest.raises(OutcomeUnknown):
            await gate.buy(BTC, "0.01", "59000")
        (order,) = gate.unsettled_orders()
        return await gate.order(order), gate.current(order).has_unknown_fate

    assert play(scenario) == (None, True)


def test_an_order_that_never_arrived_is_proven_so_once_its_expiry_has_passed(play):
    async def scenario(floor):
        gate = await floor.session()
        floor.faults({**PLACE, "lose_request": True, "times": 1})
        with pytest.raises(OutcomeUnknown) as caught:
            await gate.buy(BTC, "0.01", "59000")
        sent_ns = gate.current(gate.unsettled_orders()[0]).spec.ts_created
        with pytest.raises(OutcomeUnknown, match="not proven"):
            await gate.settle(caught.value.client_order_id, patience_s=1)
        order = await gate.settle(caught.value.client_order_id)
        return order, (gate.time_ns - sent_ns) / SECOND, floor.stage.exchange.open_orders("gate")

    order, seconds, resting = play(scenario)
    assert (order.state, order.reason, resting) == (OrderState.REJECTED, RejectReason.NOT_SENT, [])
    assert seconds >= 5  # Gate refuses an order that comes later than its x-gate-exptime


@pytest.mark.parametrize("is_lost", ["lose_request", "lose_reply"])
def test_what_became_of_a_cancel_is_settled_by_the_order(play, is_lost):
    async def scenario(floor):
        gate = await floor.session()
        order = await gate.buy(BTC, "0.01", "59000")
        news = {"on": "ws_out", "match": "futures.orders", "drop": True}
        floor.faults({"on": "http", "method": "DELETE", is_lost: True, "times": 1}, news)
        with pytest.raises(OutcomeUnknown):
            await gate.cancel(order)
        if is_lost == "lose_request":
            with pytest.raises(OutcomeUnknown, match="It rests: cancel it again"):
                await gate.settle(order, patience_s=5)
            await gate.cancel(order)
        return await gate.settle(order), floor.stage.exchange.open_orders("gate")

    order, resting = play(scenario)
    assert (order.state, resting) == (OrderState.CANCELED, [])


def test_a_market_order_over_the_trading_api_whose_reply_is_lost_is_found_with_its_fills(play):
    async def scenario(floor):
        gate = await floor.session(order_entry="websocket")
        floor.faults(
            {"on": "ws_out", "match": '"data"', "drop": True},
            {"on": "ws_out", "match": "futures.orders", "drop": True},
            {"on": "ws_out", "match": "usertrades", "drop": True},
        )
        with pytest.raises(OutcomeUnknown):
            await gate.buy(BTC, "0.01")
        (order,) = gate.unsettled_orders()
        floor.faults()
        found = await gate.settle(order)
        return found, gate.unsettled_orders()

    found, unsettled = play(scenario)
    assert (found.state, found.booked_quantity, found.missing_fills) == (OrderState.FILLED, dec("0.01"), 0)
    assert unsettled == []


@pytest.mark.parametrize("mode", list(PositionMode))
@pytest.mark.parametrize("after_s", [0.5, 20, 130])
def test_what_happened_while_the_stream_was_away_is_told_before_it_is_back(play, after_s, mode):
    one_way = mode is PositionMode.ONE_WAY
    long, short = (PositionSide.NET,) * 2 if one_way else (PositionSide.LONG, PositionSide.SHORT)

    async def scenario(floor):
        gate = await floor.session()
        await gate.set_position_mode(mode)
        hand = await floor.session()  # the same account's, in somebody's hands
        if not one_way:
            await gate.sell(BTC, "0.01", position_side=short)
        partly = await gate.buy(BTC, "0.05", "60000.5", position_side=long)
        filled = await gate.buy(BTC, "0.02", "60000.6", position_side=long)
        canceled = await gate.buy(BTC, "0.02", "59000", position_side=long)
        kept = await gate.buy(BTC, "0.02", "58000", position_side=long)
        await floor.wait(1)
        floor.faults({"on": "ws_in", "drop": True, "until_s": after_s})  # nobody gets subscribed again before
        floor.gateway.disconnect()
        await floor.wait(0.1)
        assert gate.heard(Disconnected)
        floor.trade("60000.5", "0.04", Side.SELL)
        await hand.venue.cancel(canceled)
        if not one_way:
            await hand.venue.close_position(canceled.instrument, short)
        await floor.until(lambda: in_touch(gate), at_most_s=300)
        back = gate.told.index(gate.heard(Reconnected)[-1])
        news = gate.told[:back]
        states = {order.price: gate.current(order) for order in (partly, filled, canceled, kept)}
        legs = {p.side: p.quantity for p in news if isinstance(p, Position)}
        return states, legs, floor.stage.exchange.fills("gate"), [e.fill for e in news if isinstance(e, OrderFilled)]

    states, legs, done, told = play(scenario)
    assert states[dec("60000.6")].state is OrderState.FILLED
    assert states[dec("60000.5")].booked_quantity == dec("0.02")  # 0.04 traded, 0.02 of it at the better price
    assert states[dec("60000.5")].state is OrderState.PARTIALLY_FILLED
    assert states[dec("59000")].state is OrderState.CANCELED
    assert states[dec("58000")].state is OrderState.OPEN
    assert legs[long] == dec("0.04")
    if not one_way:
        assert legs[short] == 0
    assert {fill.trade_id for fill in told} == {fill.trade_id for fill in done}


def test_the_stream_may_go_again_while_what_was_missed_is_asked_for(play):
    async def scenario(floor):
        gate = await floor.session()
        order = await gate.buy(BTC, "0.02", "60000.5")
        await floor.wait(1)
        floor.faults({"on": "http", "path": "*/my_trades_timerange", "delay_s": 3})
        floor.gateway.disconnect()
        await floor.until(lambda: floor.gateway.sockets)
        await floor.wait(1)  # back, and asking
        assert not gate.heard(Reconnected)
        floor.gateway.disconnect()
        await floor.wait(0.01)
        floor.trade("60000.5", "0.02", Side.SELL)
        await floor.until(lambda: in_touch(gate), at_most_s=120)
        kinds = [type(event).__name__ for event in gate.heard(Disconnected, Reconnected)]
        return kinds, gate.current(order)

    kinds, order = play(scenario)
    assert kinds == ["Disconnected", "Disconnected", "Reconnected"]
    assert order.state is OrderState.FILLED
    assert order.booked_quantity == dec("0.02")


def test_what_was_missed_is_asked_for_until_there_is_an_answer(play):
    async def scenario(floor):
        gate = await floor.session()
        order = await gate.buy(BTC, "0.02", "60000.5")
        floor.faults({"on": "http", "path": "*/my_trades_timerange", "status": 503, "until_s": 60})
        floor.gateway.disconnect()
        await floor.wait(0.01)
        floor.trade("60000.5", "0.02", Side.SELL)
        await floor.wait(50)
        assert not gate.heard(Reconnected)
        await floor.until(lambda: in_touch(gate), at_most_s=120)
        return gate.current(order)

    assert play(scenario).booked_quantity == dec("0.02")


def test_a_half_open_socket_is_found_by_the_silence(play):
    async def scenario(floor):
        gate = await floor.session()
        order = await gate.buy(BTC, "0.02", "60000.5")
        floor.faults({"on": "ws_out", "stall": True, "times": 1})
        floor.trade("60000.5", "0.02", Side.SELL)  # its news is swallowed
        await floor.wait(5)
        assert gate.current(order).state is OrderState.OPEN
        started = floor.clock.time_ns()
        await floor.until(lambda: in_touch(gate), at_most_s=60)
        return gate.current(order), (floor.clock.time_ns() - started) / 1e9

    order, took_s = play(scenario)
    assert order.state is OrderState.FILLED
    assert took_s < 40  # 25 s of silence, and the way back


def test_a_refusal_for_the_rate_says_how_long_and_a_read_is_repeated(play):
    async def scenario(floor):
        gate = await floor.session()
        reset = str(floor.clock.time_ns() // 1_000_000_000 + 2)
        too_many = {
            "status": 429,
            "body": '{"label": "TOO_MANY_REQUESTS", "message": "slow down"}',
            "headers": {"X-Gate-RateLimit-Reset-Timestamp": reset, "X-Gate-RateLimit-Requests-Remain": "0"},
            "times": 1,
        }
        floor.faults({**PLACE, **too_many}, {"on": "http", "path": "*/positions", **too_many})
        with pytest.raises(RateLimited) as refused:
            await gate.buy(BTC, "0.01", "59000")
        assert 0 < refused.value.retry_after_s <= 3
        assert list(floor.stage.exchange.open_orders("gate")) == []
        assert await gate.positions() == []
        return await gate.buy(BTC, "0.01", "59000")

    assert play(scenario).state is OrderState.OPEN


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_fault_of_the_server_repeats_a_read_and_leaves_a_command_unknown(play, status):
    async def scenario(floor):
        gate = await floor.session()
        floor.faults(
            {**PLACE, "status": status, "body": "<html>", "times": 1},
            {"on": "http", "path": "*/positions", "status": status, "times": 2},
        )
        with pytest.raises(OutcomeUnknown):
            await gate.buy(BTC, "0.01", "59000")
        return await gate.positions(), [order.create.name for order in gate.unsettled_orders()]

    assert play(scenario) == ([], ["UNKNOWN"])


@BOTH_BOOKS
@pytest.mark.parametrize("fault", [{"drop": True}, {"duplicate": True}, {"reorder": 1}, {"corrupt": True}])
def test_a_broken_sequence_starts_one_book_anew_and_no_other(play, book, fault):
    async def scenario(floor):
        gate = await floor.session(book=book)
        live = [await anext(gate.books(symbol)) for symbol in (BTC, ETH)]
        await floor.until(lambda: all(one.is_synced for one in live))
        await floor.wait(1)

        async def move(number):
            floor.show((("59999.5", str(number + 1)),), (), snapshot=False)
            floor.show((("59999.5", str(number + 1)),), (), snapshot=False, symbol=ETH)
            await floor.wait(0.2)

        for number in range(3):
            await move(number)
        asked = floor.faults({"on": "ws_out", "match": "59999.5", **fault, "times": 1})
        wrong = 0
        for number in range(3, 10):
            await move(number)
            for one in live:
                wrong += one.is_synced and one.bids(2)[1].quantity * 10_000 > number + 1 and one is live[0]
        await floor.wait(5)
        assert asked.counts == [1]
        return wrong, [(one.is_synced, one.bids(2)[1].price) for one in live], gate.heard(Disconnected)

    wrong, state, lost = play(scenario)
    assert wrong == 0
    assert state == [(True, dec("59999.5"))] * 2
    assert lost == []


def test_a_book_that_was_being_started_anew_when_the_connection_broke_comes_back(play):
    async def scenario(floor):
        gate = await floor.session()
        live = await anext(gate.books(BTC))
        await floor.until(lambda: live.is_synced)
        floor.faults({"on": "ws_in", "match": "unsubscribe", "disconnect": True, "times": 1})
        await gate.venue.resync(Subscription(channel=Channel.BOOK, instrument=gate.instrument(BTC)))
        await floor.until(lambda: gate.heard(Reconnected))
        await floor.wait(30)
        floor.show((("60000.5", "3"),), (), snapshot=False)
        await floor.wait(1)
        return live.is_synced, live.best_bid

    assert play(scenario) == (True, (dec("60000.5"), dec("0.0003")))


def test_a_snapshot_that_could_not_be_had_is_asked_for_again(play):
    async def scenario(floor):
        gate = await floor.session(book="updates")
        floor.faults({"on": "http", "path": "*/order_book", "status": 503, "until_s": 20})
        stream = gate.books(BTC)
        reading = asyncio.create_task(anext(stream))
        for number in range(30):
            floor.show((("59999.5", str(number + 1)),), (), snapshot=False)
            await floor.wait(1)
        live = await reading
        return live.is_synced, live.bids(2)[1].quantity

    assert play(scenario) == (True, dec("0.0030"))


@BOTH_BOOKS
def test_the_notice_of_an_upgrade_changes_the_connection_and_loses_nothing(play, book):
    async def scenario(floor):
        gate = await floor.session(book=book)
        live = await anext(gate.books(BTC))
        await gate.venue.subscribe(Subscription(channel=Channel.TRADES, instrument=gate.instrument(BTC)))
        order = await gate.buy(BTC, "0.02", "60000.5")
        await floor.wait(1)
        floor.do(floor.gateway.dialect.sockets.announce_upgrade)
        for number in range(20):
            floor.trade("60000.5", "0.001", Side.SELL)
            await floor.wait(0.005)
            if number == 19:
                floor.gateway.dialect.sockets  # noqa: B018 - the old one is left by now
        await floor.wait(2)
        await floor.until(lambda: live.is_synced)
        return gate.heard(Disconnected), gate.heard(Trade), gate.current(order), floor.gateway.dialect.sockets.count

    lost, trades, order, connections = play(scenario)
    assert lost == []
    assert connections == 2
    assert len(trades) == 20
    assert (order.state, order.booked_quantity) == (OrderState.FILLED, dec("0.02"))


@pytest.mark.parametrize("entry", ["rest", "websocket"])
def test_a_venue_whose_clock_is_ninety_seconds_off_and_then_jumps_is_traded_with(play, entry):
    async def scenario(floor):
        floor.faults(clock_skew_s=90)
        gate = await floor.session(order_entry=entry)
        first = await gate.buy(BTC, "0.01", "59000")
        floor.faults(clock_skew_s=-90)  # the first refusal is for the time stamp
        second = await gate.buy(BTC, "0.01")
        floor.faults(clock_skew_s=90)
        floor.gateway.disconnect()  # private streams are signed with the time too
        await floor.until(lambda: in_touch(gate))
        third = await gate.sell(BTC, "0.01")
        await floor.wait(2)
        return first, second, third, [event.fill.client_order_id for event in gate.heard(OrderFilled)]

    first, second, third, filled = play(scenario)
    assert [order.state for order in (first, second, third)] == [OrderState.OPEN, OrderState.FILLED, OrderState.FILLED]
    assert set(filled) == {second.client_order_id, third.client_order_id}


@BOTH_BOOKS
@pytest.mark.parametrize("lost", ["main", "extra", "both"])
def test_books_on_a_connection_of_their_own_come_back_whichever_was_lost(play, monkeypatch, book, lost):
    monkeypatch.setattr("anyvenue_gateio.market_data.TOPICS_MAX", 1)

    async def scenario(floor):
        gate = await floor.session(book=book)
        live = [await anext(gate.books(symbol)) for symbol in (BTC, ETH)]
        await floor.until(lambda: all(one.is_synced for one in live))
        main, extra = floor.gateway._lines
        for line in {"main": (main,), "extra": (extra,), "both": (main, extra)}[lost]:
            line.break_off()
        await floor.wait(0.01)
        assert [one.is_synced for one in live] == [lost == "extra", False]  # the account's loss makes all of them stale
        await floor.wait(10)
        for symbol in (BTC, ETH):
            floor.show((("60000.5", "3"),), (), snapshot=False, symbol=symbol)
        await floor.wait(1)
        return [(one.is_synced, one.best_bid.price) for one in live]

    assert play(scenario) == [(True, dec("60000.5"))] * 2


def test_while_the_simulator_is_away_nothing_is_sent_and_when_it_is_back_all_is_as_it_was(play):
    async def scenario(floor):
        gate = await floor.session()
        live = await anext(gate.books(BTC))
        order = await gate.buy(BTC, "0.01", "59000")
        floor.faults(
            {"on": "ws_in", "disconnect": True, "until_s": 30}, {"on": "http", "reset": "before", "until_s": 30}
        )
        floor.gateway._end_all(lambda line: line.close(GOING_AWAY, "the simulator ends"))
        await floor.wait(2)
        assert not live.is_synced
        with pytest.raises((OutcomeUnknown, NotSent)):
            await gate.buy(BTC, "0.01", "58000")
        await floor.until(lambda: in_touch(gate), at_most_s=300)
        await floor.until(lambda: live.is_synced)
        return gate.current(order), [o.price for o in await gate.open_orders(BTC)]

    order, listed = play(scenario)
    assert order.state is OrderState.OPEN
    assert listed == [59000]


def test_fills_of_a_hedge_that_come_while_others_are_asked_for_are_told_too(play):
    async def scenario(floor):
        gate = await floor.session()
        await gate.set_position_mode(PositionMode.HEDGE)
        await gate.buy(BTC, "0.05", "60000.5", position_side=PositionSide.LONG)
        for number in range(40):
            floor.trade("60000.5", "0.001", Side.SELL)
            await floor.wait(0.25 + 0.001 * (number % 7))  # some come while the answer is on its way
        await floor.wait(2)
        return {event.fill.trade_id for event in gate.heard(OrderFilled)}, floor.stage.exchange.fills("gate")

    told, done = play(scenario)
    assert told == {fill.trade_id for fill in done}
    assert len(told) == 40


def test_depth_frames_that_cannot_be_read_are_left_out(play):
    async def scenario(floor):
        gate = await floor.session()
        await gate.venue.subscribe(Subscription(channel=Channel.BOOK, instrument=gate.instrument(BTC)))
        floor.faults({"on": "ws_out", "match": "59999.5", "corrupt": True, "times": 1})
        floor.show((("59999.5", "1"),), (), snapshot=False)
        await floor.wait(1)
        return gate.heard(BookDelta), gate.heard(Disconnected)

    deltas, lost = play(scenario)
    assert lost == []
    assert all(level[0] != "59999.5" for delta in deltas for level in delta.bids)


@pytest.mark.parametrize("order_entry", ["rest", "websocket"])
def test_however_much_is_asked_for_at_once_gates_own_limits_are_never_passed(play, order_entry):
    async def scenario(floor):
        gate = await floor.session(order_entry=order_entry)
        placed = await asyncio.gather(*(gate.buy(BTC, "0.001", f"{59000 + number}") for number in range(95)))
        # Each is canceled five times over: 475 requests, of which Gate takes 200 a second (by WebSocket 100, with all).
        asked = await asyncio.gather(*(gate.cancel(order) for order in placed * 5), return_exceptions=True)
        return asked, floor.gateway.dialect.steer({})["limits"]

    # One request may be on its way for 95 ms more than another one.
    asked, limits = play(scenario, latency_jitter_us=95_000)
    assert not any(isinstance(answer, RateLimited) for answer in asked)
    assert [rule["refused"] for rule in limits.values()] == [0] * len(limits)
    used = limits["place"] if order_entry == "rest" else limits["WebSocket orders"]
    assert used["most"] >= 90  # or else nothing was put to the test


@pytest.mark.parametrize("order_entry", ["rest", "websocket"])
def test_a_key_is_not_taken_for_wrong_where_the_venues_clock_was_moved(play, order_entry):
    async def scenario(floor):
        gate = await floor.session(order_entry=order_entry)
        # Its clock is moved, the stream ends, and for a while nobody tells the time.
        floor.faults({"on": "http", "path": "*/time", "status": 503}, clock_skew_s=90)
        floor.gateway.disconnect()
        await floor.wait(20)
        was_away = not in_touch(gate)
        floor.faults(clock_skew_s=90)
        await floor.until(lambda: in_touch(gate), at_most_s=90)
        await gate.buy(BTC, "0.01", "59000")
        return was_away, [order.price for order in floor.stage.exchange.open_orders("gate")]

    assert play(scenario) == (True, [59000])


def test_a_key_that_is_wrong_by_the_right_clock_ends_the_stream(play):
    async def scenario(floor):
        gate = await floor.session()
        key = next(key for key in floor.stage.keys if key.account == "gate")
        floor.stage.keys.add(evolve(key, secret=Secret("another")))
        floor.gateway.disconnect()
        await floor.wait(200)
        return [event.reason for event in gate.heard(Disconnected)], gate.heard(Reconnected)

    reasons, returns = play(scenario)
    assert "the key was not accepted" in reasons[-1]
    assert (len(reasons), returns) == (2, [])
