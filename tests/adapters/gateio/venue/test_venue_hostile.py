"""Answers and messages that no sane venue would send: each is read right or is one clear error, and nothing breaks."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.engine.strategy import Strategy
from anyvenue.model.enums import OrderState, OrderType, Side, TriggerKind
from anyvenue.model.errors import VenueProtocolError
from anyvenue.model.order_spec import OrderSpec, Protection, Trigger
from anyvenue.simulation.server import memory
from anyvenue.venue.events import Channel, Disconnected, Subscription
from anyvenue.wire.request import Response
from anyvenue_gateio.errors import refusal_of
from anyvenue_gateio.rest.market import SERVER_TIME
from anyvenue_gateio.streams import Ack, ApiReply, Notice, Reader

BTC = "BTC-USDT-PERP"
STOP = Trigger(kind=TriggerKind.STOP, price="50000")
TRAIL = Trigger(kind=TriggerKind.TRAILING, trail_ratio="0.01")
D = Decimal


class Listening(Strategy):
    """Has everything decoded, booked and told."""

    def on_start(self):
        for channel in ("book", "trades", "ticker", "funding"):
            self.subscribe(BTC, channel)
        self.subscribe(BTC, "candles", interval_s=60)

    def on_book(self, book):
        _ = book.mid

    def on_trade(self, trade):
        pass

    def on_ticker(self, ticker):
        pass


@pytest.fixture
def frames(monkeypatch):
    """One frame of each kind that the simulator sends, by channel, event and what tells it apart."""
    found: dict[tuple[str, str, bool], bytes] = {}
    deliver = memory._MemorySocket.deliver

    def noted(socket, data):
        raw = data.encode() if isinstance(data, str) else data
        message = json.loads(raw)
        result = message.get("result")
        channel = message.get("channel") or message["header"]["channel"]
        event = "ack" if message.get("event") in ("subscribe", "unsubscribe") else message.get("event")
        is_whole = bool(isinstance(result, dict) and result.get("full")) or bool(message.get("ack"))
        found.setdefault(("" if event == "ack" else channel, event, is_whole), raw)
        deliver(socket, data)

    monkeypatch.setattr(memory._MemorySocket, "deliver", noted)
    return found


async def lived(floor, **options):
    """Return a session that has seen and traded everything."""
    gate = await floor.session(f"gate{len(floor.sessions)}", **options)
    btc = gate.instrument(BTC)
    for channel in Channel:
        interval_s = 60 if channel is Channel.CANDLES else None
        await gate.venue.subscribe(Subscription(channel=channel, instrument=btc, interval_s=interval_s))
    await gate.buy(BTC, "0.01")
    await gate.cancel(await gate.buy(BTC, "0.01", "59000"))
    floor.trade("60000.5")
    floor.show((("60000", "900"),), snapshot=False)
    await floor.wait(65)
    return gate


def test_every_answer_is_read_or_is_one_error_that_says_where(play, hostile):
    async def scenario(floor):
        gate = await lived(floor)
        venue, btc = gate.venue, gate.instrument(BTC)
        resting = await gate.buy(BTC, "0.01", "59000")
        stop = await gate.sell(BTC, "0.01", trigger=STOP, reduce_only=True)
        trail = await gate.sell(BTC, "0.01", trigger=TRAIL)
        end = floor.clock.time_ns()
        start = end - 3_600 * 10**9
        numbers = itertools.count(1)

        def spec(trigger=None):
            return OrderSpec(
                client_order_id=f"avt-{next(numbers)}h",
                instrument=btc,
                side=Side.SELL if trigger else Side.BUY,
                quantity="0.01",
                price=None if trigger else "59000",
                order_type=OrderType.MARKET if trigger else OrderType.LIMIT,
                trigger=trigger,
            )

        calls = {
            "order": lambda: venue.order(resting),
            "order with a stop": lambda: venue.order(stop),
            "order with a trail": lambda: venue.order(trail),
            "time": venue._server_time,
            "account": venue._account,
            "contracts": venue._contracts,
            "order_book": lambda: venue.order_book(btc),
            "ticker": lambda: venue.ticker(btc),
            "candles": lambda: venue.candles(btc, 60, start_ns=start, end_ns=end),
            "trades": lambda: venue.trades(btc, start_ns=start, end_ns=end),
            "funding_rates": lambda: venue.funding_rates(btc, start_ns=start, end_ns=end),
            "risk_tiers": lambda: venue.risk_tiers(btc),
            "balances": venue.balances,
            "positions": venue.positions,
            "fills": lambda: venue.fills(btc, start_ns=start),
            "open_orders": venue.open_orders,
            "order_history": lambda: venue.order_history(btc, start_ns=start),
            "funding_payments": lambda: venue.funding_payments(btc, start_ns=start),
            "set_leverage": lambda: venue.set_leverage(btc, D(5)),
            "protect": lambda: venue.protect(btc, Protection(take_profit="70000", stop_loss="50000")),
            "dead_man": lambda: venue.arm_dead_man_switch(10),
            "place": lambda: venue.place(spec()),
            "place a stop": lambda: venue.place(spec(STOP)),
            "place a trail": lambda: venue.place(spec(TRAIL)),
            "place_batch": lambda: venue.place_batch([spec(), spec()]),
            "amend": lambda: venue.amend(resting, price=D(58_000)),
            "amend a stop": lambda: venue.amend(stop, quantity=D("0.02")),
            "cancel": lambda: venue.cancel(resting),
            "cancel a stop": lambda: venue.cancel(stop),
            "cancel a trail": lambda: venue.cancel(trail),
            "cancel_all": lambda: venue.cancel_all(btc),
            "close_position": lambda: venue.close_position(btc),
        }
        answers = hostile.Tampered(venue.http)
        return [failure for name, call in calls.items() for failure in await answers.survives(name, call)]

    assert play(scenario) == []


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 404, 429, 500, 502])
def test_every_refusal_is_one_error(hostile, status):
    good = b'{"label": "ORDER_NOT_FOUND", "message": "no such order", "detail": "x"}'
    junk = ("", "abc", "-1", "9" * 5000, "NaN", "1" * 19, "\u0661\u0662")
    for number, body in enumerate(hostile.spoiled(good)):
        told = {
            f"x-gate-ratelimit-{name}": junk[number % len(junk)]
            for name in ("limit", "reset-timestamp", "requests-remain")
        }
        refusal = refusal_of(SERVER_TIME, Response(status=status, headers=told, body=body, ts_recv=1))
        assert (refusal is None) is (status < 300)
        assert refusal is None or str(refusal.error)


def test_every_frame_is_read_or_is_one_error_and_the_engine_lives(play, hostile, frames, tmp_path):
    async def scenario(floor):
        gate = await lived(floor)
        await gate.sell(BTC, "0.01", trigger=STOP, reduce_only=True)
        await lived(floor, book="updates", order_entry="websocket")
        kinds = {channel for channel, _, _ in frames}
        assert kinds >= {
            "futures.obu",
            "futures.orders",
            "futures.usertrades",
            "futures.positions",
            "futures.autoorders",
        }
        engine = hostile.engine(gate.venue, tmp_path, Listening(), floor.clock)
        read = gate.venue._reader.read
        errors = 0
        for raw in frames.values():
            for bad in hostile.spoiled(raw):
                try:
                    told = list(read(bad, floor.clock.time_ns()))
                except VenueProtocolError as error:
                    hostile.bears(error, bad)
                    errors += 1
                    continue
                for one in told:
                    if not isinstance(one, Ack | ApiReply | Notice):
                        hostile.sound(one)
                        engine.receive(one, gate.venue.context.connection)
        engine.close()
        return errors, engine.failure

    errors, failure = play(scenario)
    assert errors > 1000
    assert failure == ""


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b'{"channel":"futures.obu",', b'{"channel": "futures.orders", "result": ']),
)
def test_any_bytes_are_read_or_are_one_error(hostile, raw, begin):
    reader = Reader(lambda name: None, lambda own_id: None)
    try:
        list(reader.read(begin + raw, 1))
    except VenueProtocolError as error:
        hostile.bears(error, begin + raw)


def test_pushes_that_cannot_be_read_cost_neither_the_connection_nor_the_truth(play, hostile, monkeypatch, caplog):
    """Every tenth frame is junk: what it told is asked for, and each is logged with its bytes."""
    deliver = memory._MemorySocket.deliver
    junk = list(hostile.spoiled(b'{"channel": "futures.orders", "result": [{"size": 1}]}'))[:40]
    seen = itertools.count()

    def spoiling(socket, data):
        number = next(seen)
        raw = data.encode() if isinstance(data, str) else data
        is_ack = b'"subscribe"' in raw or b"pong" in raw
        deliver(socket, junk[number % len(junk)] if number % 10 == 9 and not is_ack else data)

    monkeypatch.setattr(memory._MemorySocket, "deliver", spoiling)

    async def scenario(floor):
        gate = await floor.session("gate")
        book = gate.venue.subscribe(Subscription(channel=Channel.BOOK, instrument=gate.instrument(BTC)))
        await book
        for number in range(20):
            await gate.buy(BTC, "0.01")
            order = await gate.buy(BTC, "0.01", str(59_000 - number))
            floor.show((("60000", str(900 + number)),), snapshot=False)
            await floor.wait(1)
            if number % 2:
                await gate.cancel(order)
        await floor.wait(10)
        resting = sorted(order.price for order in floor.stage.exchange.open_orders("gate"))
        (position,) = await gate.positions()
        ours = sorted(o.price for o in gate._tracker.open_orders() if o.state is OrderState.OPEN)
        return (
            ours,
            resting,
            position.quantity,
            sum(f.quantity for f in await gate.fills(BTC)),
            gate.heard(Disconnected),
        )

    ours, resting, held, filled, lost = play(scenario)
    assert ours == resting
    assert len(resting) == 10
    assert held == filled == D("0.20")
    assert lost == []
    told = [record.getMessage() for record in caplog.records if "it begins b" in record.getMessage()]
    assert len(told) >= 5
    assert not [record for record in caplog.records if "a fault of" in record.getMessage()]
