"""Answers and messages that no sane venue would send: each is read right or is one clear error, and nothing breaks."""

from __future__ import annotations

import asyncio
import itertools
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.engine.strategy import Strategy
from anyvenue.model.enums import OrderType, Side
from anyvenue.model.errors import AnyvenueError, VenueProtocolError
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderAccepted, OrderSent
from anyvenue.model.order_spec import OrderSpec, Protection
from anyvenue.model.position import Position
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.server import memory
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.events import Channel, Disconnected, StreamStale, Subscription
from anyvenue.wire.deadline import pause
from anyvenue.wire.request import Effect, Request, Response
from anyvenue_gaiaex.descriptor import DESCRIPTOR
from anyvenue_gaiaex.endpoints import GaiaExOptions
from anyvenue_gaiaex.errors import refusal_of
from anyvenue_gaiaex.streams import BookReader, read_message, read_update

START_NS = (1_800_000_000 + 7 * 3600) * 10**9
D = Decimal


class Quiet(Strategy):
    def on_start(self):
        self.subscribe("BTC-USDC-PERP", "book")

    def on_book(self, book):
        _ = book.mid


@pytest.fixture
def play():
    """Return what plays a scenario with a connected venue, what it told, and its clock."""

    def play(scenario):
        clock = DrivenClock(START_NS)
        context = VenueContext(
            connection="main",
            environment=Environment.SIMULATOR,
            clock=clock,
            session="t",
            options=GaiaExOptions(),
            simulation=SimulationSettings(market="synthetic", seed=1, symbols=("BTC-USDC-PERP",)),
        )

        async def run():
            venue, told, pump = DESCRIPTOR.open(context), [], Pump(clock)

            async def body():
                await venue.connect(told.append)
                try:
                    return await scenario(venue, told, clock)
                finally:
                    await venue.close()

            return await pump.serve(body())

        return asyncio.run(run())

    return play


def spec_of(venue, name, side=Side.BUY, price=None, quantity="0.01"):
    return OrderSpec(
        client_order_id=name,
        instrument=venue.by_name["BTC"],
        side=side,
        quantity=quantity,
        price=price,
        order_type=OrderType.LIMIT if price else OrderType.MARKET,
    )


async def rested(venue, name, price):
    """Return an order that rests."""
    spec = spec_of(venue, name, price=price)
    events = await venue.place(spec)
    (accepted,) = [event for event in events if isinstance(event, OrderAccepted)]
    return Order(spec=spec).apply(OrderSent()).apply(accepted)


async def lived(venue, clock):
    """See the book, and hold something. Return a price at which nothing trades."""
    btc = venue.by_name["BTC"]
    await venue.subscribe(Subscription(channel=Channel.BOOK, instrument=btc))
    await pause(clock, 2)
    await venue.place(spec_of(venue, "avt-m"))
    await pause(clock, 3)
    return btc.round_price(venue._price_of(btc) * D("0.8"), Side.BUY)


def test_every_answer_is_read_or_is_one_error_that_says_where(play, hostile):
    async def scenario(venue, told, clock):
        price = await lived(venue, clock)
        btc = venue.by_name["BTC"]
        first, second = await rested(venue, "avt-a", price), await rested(venue, "avt-b", price)
        numbers = itertools.count(1)
        level = btc.round_price(price * D("0.9"), Side.BUY)
        calls = {
            "time": venue._server_time,
            "health": venue._check_health,
            "symbols": venue._list_symbols,
            "balances": venue.balances,
            "place": lambda: venue.place(spec_of(venue, f"avt-{next(numbers)}", price=price)),
            "amend": lambda: venue.amend(first, price=level),
            "cancel": lambda: venue.cancel(second),
            "cancel_all": lambda: venue.cancel_all(btc),
            "set_leverage": lambda: venue.set_leverage(btc, D(5)),
            "protect": lambda: venue.protect(btc, Protection(stop_loss=level)),
            "close_position": lambda: venue.close_position(btc),
        }
        answers = hostile.Tampered(venue.http, venue._root)
        return [failure for name, call in calls.items() for failure in await answers.survives(name, call)]

    assert play(scenario) == []


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("effect", list(Effect))
def test_every_refusal_is_one_error(hostile, status, effect):
    request = Request(method="POST", path="/order", effect=effect)
    waits = ("", "abc", "-1", "9" * 5000, "NaN", "\u0661", "Mon, 01 Jan 0001 00:00:00 GMT")
    for number, body in enumerate(hostile.spoiled(b'{"success": false, "error": "no such order"}')):
        headers = {"retry-after": waits[number % len(waits)]}
        refusal = refusal_of(request, Response(status=status, headers=headers, body=body, ts_recv=1))
        assert refusal is not None or status == 200
        if refusal is not None:
            assert isinstance(refusal.error, AnyvenueError)
        elif effect is Effect.COMMAND:
            assert json.loads(body)["success"] is True


@pytest.fixture
def frames(monkeypatch):
    """Every kind of message that the simulator sends, the richest of each."""
    found: dict[str, bytes] = {}
    deliver = memory._MemorySocket.deliver

    def noted(socket, data):
        raw = data.encode() if isinstance(data, str) else data
        kind = json.loads(raw).get("type") if raw != b"pong" else ""
        if kind and len(raw) > len(found.get(kind, b"")):
            found[kind] = raw
        deliver(socket, data)

    monkeypatch.setattr(memory._MemorySocket, "deliver", noted)
    return found


def test_every_message_is_read_or_is_one_error_and_the_engine_lives(play, hostile, frames, tmp_path):
    """Also what cannot be read in part: it counts as not told, and is said so."""

    async def scenario(venue, told, clock):
        price = await lived(venue, clock)
        await rested(venue, "avt-a", price)
        await pause(clock, 40)
        assert set(frames) >= {"orderbook", "update", "heartbeat"}
        engine = hostile.engine(venue, tmp_path, Quiet(), clock)
        venue.sink = lambda event: (hostile.sound(event), engine.receive(event, "main"))
        held, errors = venue._ledger.held(venue.by_name["BTC"]), 0
        for kind, raw in frames.items():
            for bad in hostile.spoiled(raw):
                reader = BookReader(venue.by_name["BTC"])
                try:
                    if kind == "update":
                        venue._user._take(bad)
                    else:
                        message = reader.read(bad, clock.time_ns())
                        if message.book is not None:
                            hostile.sound(message.book)
                            venue._on_market(message.book)
                except VenueProtocolError as error:
                    hostile.bears(error, bad)
                    errors += 1
        venue._user._take(frames["update"])
        assert venue._ledger.held(venue.by_name["BTC"]) == held
        engine.close()
        return errors, engine.failure

    errors, failure = play(scenario)
    assert errors > 200
    assert failure == ""


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b'{"type": "orderbook", "bids": [', b'{"type": "update", "orders": [']),
)
def test_any_bytes_are_read_or_are_one_error(hostile, eth_everywhere, raw, begin):
    for read in (lambda data: BookReader(eth_everywhere).read(data, 1), lambda data: read_update(read_message(data))):
        try:
            read(begin + raw)
        except VenueProtocolError as error:
            hostile.bears(error, begin + raw)


JUNK = (b"\xff\xfe", b"[", b"null", b'{"type": "update", "positions": {}, "orders": ""}', b'{"type": 1e999999999}')
WORSE = (
    b'{"type": "update", "positions": "", "orders": {}, "balance": "x", "timestamp": "never"}',
    b'{"type": "update", "positions": [{"symbol": "BTC"}], "orders": [{"orderId": "abc", "symbol": "BTC"}]}',
    b'{"type": "update", "positions": [{"symbol": "BTC", "size": "NaN"}], "orders": [[]]}',
)


def test_messages_that_cannot_be_read_cost_neither_the_connection_nor_the_truth(play, monkeypatch, caplog):
    """Every fourth message is junk, and what it would have told the next one tells."""
    deliver = memory._MemorySocket.deliver
    seen = itertools.count()

    def spoiling(socket, data):
        number = next(seen)
        deliver(socket, (JUNK + WORSE)[number // 4 % 8] if number % 4 == 3 else data)

    monkeypatch.setattr(memory._MemorySocket, "deliver", spoiling)

    async def scenario(venue, told, clock):
        price = await lived(venue, clock)
        await rested(venue, "avt-a", price)
        await pause(clock, 20)
        (position,) = await venue.positions()
        return position.quantity, told

    quantity, told = play(scenario)
    assert quantity == D("0.01")
    assert not [event for event in told if isinstance(event, Disconnected)]
    assert {event.quantity for event in told if isinstance(event, Position)} == {D("0.01")}
    assert not [event for event in told if isinstance(event, StreamStale)]
    assert [record for record in caplog.records if "begins b" in record.getMessage()]
    assert not [record for record in caplog.records if "a fault of" in record.getMessage()]
