"""The venue's flows against a server of the tests' own: what goes out, when, and what failures come to."""

import asyncio
import hashlib
import hmac
from collections import deque
from decimal import Decimal

import httpx
import orjson
import pytest

from anyvenue.model.enums import OrderState, OrderType, PositionSide, Side, TimeInForce
from anyvenue.model.errors import (
    AuthenticationFailed,
    NotSent,
    NotSupported,
    OutcomeUnknown,
    Rejected,
    RejectReason,
    TradingEnded,
    UnknownOrder,
)
from anyvenue.model.market import BookSnapshot
from anyvenue.model.order import Order
from anyvenue.model.order_events import (
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderSent,
    OrderUnknown,
)
from anyvenue.model.order_spec import Protection
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.descriptor import Environment, VenueContext
from anyvenue.venue.events import Channel, Disconnected, Reconnected, StreamStale, Subscription
from anyvenue.venue.secrets import Secret, SecretReference, SecretSource
from anyvenue.wire.socket import SocketClosed
from anyvenue_gaiaex.auth import Keys
from anyvenue_gaiaex.descriptor import DESCRIPTOR
from anyvenue_gaiaex.endpoints import GaiaExOptions
from anyvenue_gaiaex.rest import client_id
from anyvenue_gaiaex.venue import GaiaExVenue

START_MS = 1_743_508_800_000
ADDRESS = "0x000000000000000000000000000000000000dEaD"
KEYS = Keys(ADDRESS, "key-id", Secret("demo_secret_not_real"))
BOTH = Keys(ADDRESS, "key-id", Secret("demo_secret_not_real"), Secret("tok"))
FLAT = {"type": "update", "orders": [], "positions": [], "balance": {"available": "850.00"}}
ETH_BOOK = {
    "type": "orderbook",
    "symbol": "ETH",
    "bids": [["3500.0", "1"]],
    "asks": [["3500.2", "1"]],
    "timestamp": START_MS,
    "stale": False,
    "feed_connected": True,
}
REST = "https://host.test/v1/trade"
ROW = {"symbol": "ETH", "side": "BUY", "price": "3500", "origQty": "0.1", "executedQty": "0"}
ORDER_ACK = {"success": True, "orderId": 7, "status": "open", "timestamp": START_MS}


class Wire:
    """Both ends of one WebSocket, the server's held by the test."""

    def __init__(self, url, headers):
        self.url, self.headers = url, headers
        self.sent, self._waiting, self._arrived = [], None, deque()
        self.is_closed = False

    def push(self, message):
        self._arrived.append(orjson.dumps(message))
        self._wake()

    def end(self):
        self.is_closed = True
        self._wake()

    def _wake(self):
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def send(self, data):
        if self.is_closed:
            raise SocketClosed("closed")
        self.sent.append(data)

    async def receive(self):
        while not self._arrived:
            if self.is_closed:
                raise SocketClosed("closed")
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._arrived.popleft()

    async def close(self):
        self.end()


class Server:
    """Answers by path: a content, a (status, content), a list of such for one request after the other, or an error."""

    def __init__(self, clock):
        self.clock = clock
        self.requests = []
        self.sockets = []
        self.greetings = {"user": [FLAT], "ETH": [ETH_BOOK]}
        self.refuses = lambda url, headers: None
        self.answers = {
            "/v1/trade/time": lambda: {"serverTime": self.now_ms()},
            "/v1/trade/health": {
                "status": "healthy",
                "services": {"trading": "ok", "database": "ok"},
                "fee_rate": "0.00035",
                "serverTime": START_MS,
            },
            "/v1/trade/symbols/list": {
                "symbols": [{"symbol": "ETH", "tradingHours": "24/7"}, {"symbol": "xyz:AAPL"}],
                "count": 2,
            },
            f"/v1/trade/user/{ADDRESS}/balance": {"usdc_balance": "1000.00", "available": "850.00"},
            "/v1/trade/order": ORDER_ACK,
        }

    def now_ms(self):
        return self.clock.time_ns() // 10**6

    def handle(self, request):
        self.requests.append(request)
        answer = self.answers.get(request.url.path, (404, {"error": "not found"}))
        if isinstance(answer, list):
            answer = answer.pop(0)
        if callable(answer):
            answer = answer()
        if isinstance(answer, Exception):
            raise answer
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        return httpx.Response(status, json=content)

    async def dial(self, url, headers):
        refusal = self.refuses(url, headers)
        if refusal is not None:
            raise OSError(refusal)
        wire = Wire(url, dict(headers))
        self.sockets.append(wire)
        name = "user" if "/user/" in url else url.rpartition("/")[2]
        for message in self.greetings.get(name, []):
            wire.push(message)
        return wire

    def bodies(self, path):
        return [orjson.loads(one.content) for one in self.requests if one.url.path == f"/v1/trade{path}"]

    @property
    def user(self):
        return [wire for wire in self.sockets if "/user/" in wire.url][-1]


class Faked(GaiaExVenue):
    """The venue with a server of the tests' in place of the network."""

    server: Server
    keys = KEYS

    async def _reach(self):
        keys = self.keys if self.context.credentials is None else (await super()._reach())[2]
        self.transport, self.dial = httpx.MockTransport(self.server.handle), self.server.dial
        return REST, "wss://host.test/ws", keys


class Stage:
    """A venue on a driven clock, its server, what it told, and an order of ours."""

    def __init__(self, keys=KEYS, allowed=(), environment=Environment.LIVE, credentials=None, **options):
        self.clock = DrivenClock(START_MS * 10**6)
        self.pump = Pump(self.clock)
        context = VenueContext(
            connection="main",
            environment=environment,
            clock=self.clock,
            session="t1",
            options=GaiaExOptions(**options),
            credentials=credentials,
            allow_approximate=frozenset(allowed),
        )
        self.venue = Faked(context)
        self.venue.keys = keys
        self.server = self.venue.server = Server(self.clock)
        self.events = []

    async def __aenter__(self):
        await self.run(self.venue.connect(self.events.append))
        return self

    async def __aexit__(self, *_):
        await self.run(self.venue.close())

    async def run(self, work):
        return await self.pump.serve(work)

    async def wait(self, seconds):
        until = self.clock.time_ns() + int(seconds * 10**9)
        self.clock.call_at(until, lambda: None)
        await self.pump.run_until(lambda: self.clock.time_ns() >= until)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def spec(self, order_of, name="avx-1", **terms):
        return order_of(name, instrument=self.venue.by_name["ETH"], **terms)

    async def subscribe(self, name="ETH"):
        await self.run(self.venue.subscribe(Subscription(channel=Channel.BOOK, instrument=self.venue.by_name[name])))


def play(script, *, before=lambda stage: None, **how):
    """Run a script on a connected stage; `before` prepares the server."""

    async def main():
        stage = Stage(**how)
        before(stage)
        async with stage:
            await script(stage)

    asyncio.run(main())


def test_orders_are_signed_with_the_venues_time(order_of):
    def before(stage):
        stage.server.answers["/v1/trade/time"] = lambda: {"serverTime": stage.server.now_ms() + 4000}

    async def script(stage):
        await stage.run(stage.venue.place(stage.spec(order_of)))
        (request,) = [one for one in stage.server.requests if one.url.path == "/v1/trade/order"]
        assert request.headers["x-gaiaex-apikey"] == "key-id"
        assert int(request.headers["x-gaiaex-timestamp"]) == stage.server.now_ms() + 4000
        assert request.headers["content-type"] == "application/json"

    play(script, before=before)


def test_an_order_that_is_given_up_while_it_waits_for_its_turn_never_left(order_of):
    async def script(stage):
        specs = [stage.spec(order_of, f"avx-{number}") for number in range(1, 4)]
        left = [asyncio.ensure_future(stage.venue.place(spec)) for spec in specs[:-1]]
        placing, order = asyncio.ensure_future(stage.venue.place(specs[-1])), Order(spec=specs[-1]).apply(OrderSent())
        await asyncio.wait(left)
        assert not placing.done()
        placing.cancel()
        await asyncio.wait([placing])
        assert placing.cancelled()
        (told,) = stage.of(OrderRejected)
        order = order.apply(told).apply(OrderUnknown(client_order_id="avx-3"))  # as whoever gave it up takes it
        assert (order.state, order.reason) == (OrderState.REJECTED, RejectReason.NOT_SENT)
        await stage.wait(60)
        assert len(stage.server.bodies("/order")) == 2

    play(script, writes_per_s=1)


def test_time_and_health_are_asked_at_the_bare_host_where_the_other_path_is_not_there():
    def before(stage):
        del stage.server.answers["/v1/trade/time"], stage.server.answers["/v1/trade/health"]
        stage.server.answers["/fapi/v1/time"] = lambda: {"serverTime": stage.server.now_ms() + 1500}
        stage.server.answers["/health"] = {"status": "degraded", "services": {"trading": "down"}, "fee_rate": "0.001"}

    async def script(stage):
        assert stage.venue._time.offset_ns == 1500 * 10**6
        assert stage.venue.by_name["ETH"].taker_fee == Decimal("0.001")

    play(script, before=before)


def test_a_venue_that_is_not_healthy_is_told_aloud(caplog):
    def before(stage):
        stage.server.answers["/v1/trade/health"] = {"status": "degraded", "services": {"trading": "down"}}

    async def script(stage):
        assert "degraded; trading is down" in caplog.text

    play(script, before=before)


def test_without_any_time_the_clock_is_set_by_the_refusal_and_the_order_sent_again(order_of):
    def before(stage):
        del stage.server.answers["/v1/trade/time"]

    async def script(stage):
        late = f"Timestamp outside recv_window (5000ms). Server time: {stage.server.now_ms() + 9000}"
        stage.server.answers["/v1/trade/order"] = [(401, {"error": late}), ORDER_ACK]
        events = await stage.run(stage.venue.place(stage.spec(order_of)))
        assert isinstance(events[0], OrderAccepted)
        stamps = [
            int(one.headers["x-gaiaex-timestamp"]) for one in stage.server.requests if one.url.path.endswith("/order")
        ]
        assert stamps[1] - stamps[0] >= 9000

    play(script, before=before)


def test_a_first_message_that_came_with_the_socket_is_not_waited_for():
    async def script(stage):
        await stage.subscribe()
        assert stage.clock.time_ns() == START_MS * 10**6
        assert stage.of(BookSnapshot)

    play(script)


def test_the_clock_is_set_again_every_few_minutes():
    async def script(stage):
        stage.server.answers["/v1/trade/time"] = lambda: {"serverTime": stage.server.now_ms() + 700}
        await stage.wait(310)
        assert stage.venue._time.offset_ns == 700 * 10**6

    play(script)


def test_the_account_stream_is_opened_by_hmac_for_its_whole_path():
    async def script(stage):
        assert stage.server.user.url == f"wss://host.test/ws/user/{ADDRESS}"
        assert "X-GAIAEX-SIGNATURE" in stage.server.user.headers

    play(script)


def test_rotated_keys_are_used_from_the_next_signature_on(order_of, monkeypatch):
    def rotate(key, secret):
        monkeypatch.setenv("AV_KEY", key)
        monkeypatch.setenv("AV_SECRET", secret)
        assert source.fetch() == {}

    monkeypatch.setenv("AV_ADDRESS", ADDRESS)
    names = {"key": "env:AV_KEY", "secret": "env:AV_SECRET", "address": "env:AV_ADDRESS"}
    references = {name: SecretReference.parse(text) for name, text in names.items()}
    source = SecretSource(references, owner="main", clock=DrivenClock(0))
    rotate("key-1", "first_not_real")

    async def script(stage):
        assert stage.server.user.headers["X-GAIAEX-APIKEY"] == "key-1"
        rotate("key-2", "second_not_real")
        await stage.run(stage.venue.place(stage.spec(order_of)))
        (request,) = [one for one in stage.server.requests if one.url.path == "/v1/trade/order"]
        message = request.headers["x-gaiaex-timestamp"].encode() + b"POST/order" + request.content
        expected = hmac.new(b"second_not_real", message, hashlib.sha256).hexdigest()
        assert (request.headers["x-gaiaex-apikey"], request.headers["x-gaiaex-signature"]) == ("key-2", expected)
        stage.server.user.end()
        await stage.wait(5)
        assert stage.server.user.headers["X-GAIAEX-APIKEY"] == "key-2"

    play(script, credentials=source)


def test_a_refused_hmac_falls_back_to_the_token_and_stays_there():
    seen = []

    def refuses(url, headers):
        seen.append("token" if "Authorization" in headers else "hmac")
        return "host: the WebSocket was refused with HTTP status 401" if seen[-1] == "hmac" else None

    def before(stage):
        stage.server.refuses = refuses

    async def script(stage):
        assert seen == ["hmac", "hmac", "token"]
        assert stage.server.user.headers["Authorization"] == "Bearer tok"
        stage.server.user.end()
        await stage.wait(5)
        assert seen == ["hmac", "hmac", "token", "token"]

    play(script, before=before, keys=BOTH)


@pytest.mark.parametrize("status", ["401", "403"])
def test_credentials_that_the_stream_does_not_take_end_trading(status):
    async def main():
        stage = Stage()
        stage.server.refuses = lambda url, headers: f"host: the WebSocket was refused with HTTP status {status}"
        with pytest.raises(AuthenticationFailed):
            await stage.run(stage.venue.connect(stage.events.append))
        await stage.run(stage.venue.close())

    asyncio.run(main())


def test_a_fill_comes_from_the_position_even_before_the_answer(order_of):
    async def script(stage):
        def fill_first():
            held = {"symbol": "ETH", "positionSide": "LONG", "size": "0.1", "entryPrice": "3499"}
            stage.server.user.push(FLAT | {"positions": [held]})
            return ORDER_ACK

        stage.server.answers["/v1/trade/order"] = fill_first
        spec = stage.spec(order_of)
        order = Order(spec=spec).apply(OrderSent())
        for event in await stage.run(stage.venue.place(spec)):
            order = order.apply(event)
        await stage.wait(1)
        (filled,) = stage.of(OrderFilled)
        assert order.apply(filled).state is OrderState.FILLED
        assert filled.fill.price == Decimal(3499)

    play(script)


def test_what_the_venue_refuses_explains_no_position(order_of):
    async def script(stage):
        stage.server.answers["/v1/trade/order"] = (400, {"error": "Order has invalid size"})
        with pytest.raises(Rejected) as caught:
            await stage.run(stage.venue.place(stage.spec(order_of)))
        assert caught.value.reason is RejectReason.INVALID_QUANTITY
        held = {"symbol": "ETH", "positionSide": "LONG", "size": "0.1", "entryPrice": "3499"}
        stage.server.user.push(FLAT | {"positions": [held]})
        await stage.wait(1)
        assert [event.client_order_id for event in stage.of(OrderFilled)] == [None]

    play(script)


@pytest.mark.parametrize(
    "answer", [(502, {"error": "bad gateway"}), {"success": False}, {"orderId": 7}, httpx.ReadError("gone")]
)
def test_an_order_of_unknown_outcome_is_sent_once(order_of, answer):
    async def script(stage):
        stage.server.answers["/v1/trade/order"] = answer
        with pytest.raises(OutcomeUnknown):
            await stage.run(stage.venue.place(stage.spec(order_of)))
        assert len(stage.server.bodies("/order")) == 1

    play(script)


@pytest.mark.parametrize(("status", "text"), [(401, "Invalid API key"), (403, "Address mismatch")])
def test_a_key_that_is_not_accepted_ends_trading(order_of, status, text):
    async def script(stage):
        stage.server.answers["/v1/trade/order"] = (status, {"error": text})
        with pytest.raises(TradingEnded):
            await stage.run(stage.venue.place(stage.spec(order_of)))

    play(script)


def test_orders_are_refused_until_the_positions_are_known(order_of):
    def before(stage):
        stage.server.greetings["user"] = []

    async def script(stage):
        with pytest.raises(NotSent, match="has not told the positions"):
            await stage.run(stage.venue.place(stage.spec(order_of)))
        with pytest.raises(NotSent, match="has not told the positions"):
            await stage.run(stage.venue.positions())
        stage.server.user.push(FLAT)
        await stage.wait(1)
        assert await stage.run(stage.venue.place(stage.spec(order_of)))

    play(script, before=before)


def test_a_refused_cancel_leaves_the_order_as_it_is(order_of):
    async def script(stage):
        spec = stage.spec(order_of)
        order = Order(spec=spec).apply(OrderSent())
        for event in await stage.run(stage.venue.place(spec)):
            order = order.apply(event)
        row = {"orderId": 7, "symbol": "ETH", "side": "BUY", "price": "3500", "origQty": "0.1", "executedQty": "0"}
        stage.server.user.push(FLAT | {"orders": [row]})
        await stage.wait(1)
        stage.server.answers["/v1/trade/order/cancel"] = [
            (400, {"error": "whatever"}),
            (400, {"error": "Order was never placed, already canceled, or filled."}),
            {"success": True, "orderId": 7, "status": "PENDING"},
            {"success": True, "orderId": 7, "status": "CANCELED"},
        ]
        for kind in (Rejected, UnknownOrder, OutcomeUnknown):
            with pytest.raises(kind):
                await stage.run(stage.venue.cancel(order))
            await stage.wait(3)
        assert not stage.of(OrderCanceled)
        (event,) = await stage.run(stage.venue.cancel(order))
        assert order.apply(event).state is OrderState.CANCELED
        assert stage.server.bodies("/order/cancel")[0]["order_id"] == 7

    play(script)


def test_a_cancel_refused_for_want_of_the_order_ends_it_where_the_stream_agrees(order_of):
    async def script(stage):
        spec = stage.spec(order_of)
        order = Order(spec=spec).apply(OrderSent())
        for event in await stage.run(stage.venue.place(spec)):
            order = order.apply(event)
        refusal = {"error": "Order was never placed, already canceled, or filled."}
        stage.server.answers["/v1/trade/order/cancel"] = (400, refusal)
        (event,) = await stage.run(stage.venue.cancel(order))
        assert order.apply(event).state is OrderState.CANCELED

    play(script)


def test_an_order_that_has_traded_in_part_is_not_modified(order_of):
    async def script(stage):
        spec = stage.spec(order_of)
        order = Order(spec=spec).apply(OrderSent())
        for event in await stage.run(stage.venue.place(spec)):
            order = order.apply(event)
        held = {"symbol": "ETH", "positionSide": "LONG", "size": "0.04", "entryPrice": "3499"}
        stage.server.user.push({"type": "update", "positions": [held]})
        await stage.wait(1)
        (filled,) = stage.of(OrderFilled)
        with pytest.raises(Rejected, match="traded in part"):
            await stage.run(stage.venue.amend(order.apply(filled), price=Decimal(3490)))
        assert not stage.server.bodies("/order/modify")

    play(script)


def test_an_order_without_the_venues_id_cannot_be_canceled(order_of):
    async def script(stage):
        with pytest.raises(NotSent, match="its own ids only"):
            await stage.run(stage.venue.cancel(Order(spec=stage.spec(order_of)).apply(OrderSent())))

    play(script)


def test_cancel_all_that_leaves_some_tells_the_others_and_raises():
    async def script(stage):
        stage.server.answers["/v1/trade/order/cancel-all"] = {
            "success": True,
            "cancelled_count": 1,
            "failed_count": 1,
            "errors": ["8: no"],
            "cancelled_oids": [7],
        }
        with pytest.raises(OutcomeUnknown, match="1 orders were not canceled"):
            await stage.run(stage.venue.cancel_all(stage.venue.by_name["ETH"]))
        assert [event.venue_order_id for event in stage.of(OrderCanceled)] == ["7"]
        assert stage.server.bodies("/order/cancel-all") == [{"user_address": ADDRESS, "symbol": "ETH"}]

    play(script)


def test_ioc_without_time_in_force_is_canceled_at_once_where_that_is_allowed(order_of):
    async def script(stage):
        stage.server.answers["/v1/trade/order/cancel"] = {"success": True, "orderId": 7, "status": "CANCELED"}
        events = await stage.run(stage.venue.place(stage.spec(order_of, time_in_force=TimeInForce.IOC)))
        assert [type(event) for event in events] == [OrderAccepted, OrderCanceled]
        assert "time_in_force" not in stage.server.bodies("/order")[0]

    play(script, allowed=[Feature.IOC])


def test_post_only_without_time_in_force_is_checked_against_the_book(order_of):
    async def script(stage):
        with pytest.raises(NotSent, match="subscribe first"):
            await stage.run(stage.venue.place(stage.spec(order_of, post_only=True)))
        await stage.subscribe()
        for terms in ({"price": "3500.2"}, {"side": Side.SELL, "price": "3500"}):
            with pytest.raises(Rejected, match="nothing was sent"):
                await stage.run(stage.venue.place(stage.spec(order_of, post_only=True, **terms)))
        assert not stage.server.bodies("/order")
        await stage.run(stage.venue.place(stage.spec(order_of, post_only=True, price="3500.1")))
        assert len(stage.server.bodies("/order")) == 1

    play(script, allowed=[Feature.POST_ONLY])


def test_a_heartbeat_is_answered_and_silence_replaces_the_socket():
    async def script(stage):
        await stage.subscribe()
        first = stage.server.sockets[-1]
        first.push({"type": "heartbeat", "timestamp": START_MS})
        await stage.wait(1)
        assert first.sent == ["ping"]
        await stage.wait(31)
        assert "nothing was heard" in stage.of(StreamStale)[0].reason
        assert stage.server.sockets[-1] is not first
        assert isinstance(stage.events[-1], BookSnapshot)
        assert not stage.of(Disconnected)  # the account's stream is another one

    play(script)


def test_a_symbol_without_a_book_is_refused_and_not_tried_again():
    async def script(stage):
        error = {"type": "error", "code": "SYMBOL_NOT_SUPPORTED", "message": "no"}
        stage.server.greetings["xyz:AAPL"] = [error]
        with pytest.raises(Rejected) as caught:
            await stage.subscribe("xyz:AAPL")
        assert caught.value.reason is RejectReason.UNKNOWN_INSTRUMENT
        await stage.wait(120)
        assert len([wire for wire in stage.server.sockets if "AAPL" in wire.url]) == 1
        assert "xyz:AAPL" not in stage.venue._books

    play(script)


def test_a_symbol_that_is_delisted_later_is_not_tried_again_either():
    async def script(stage):
        await stage.subscribe()
        wire = stage.server.sockets[-1]
        wire.push({"type": "error", "code": "SYMBOL_NOT_SUPPORTED", "message": "gone"})
        wire.end()
        await stage.wait(120)
        assert "SYMBOL_NOT_SUPPORTED" in stage.of(StreamStale)[0].reason
        assert len([one for one in stage.server.sockets if "/market/" in one.url]) <= 2

    play(script)


def test_a_quiet_account_is_looked_after_without_being_called_lost():
    async def script(stage):
        await stage.wait(300)
        assert not stage.of(Disconnected)
        assert len([one for one in stage.server.sockets if "/user/" in one.url]) > 5

    play(script)


def test_a_lost_account_stream_is_back_when_it_has_told_the_account(order_of):
    async def script(stage):
        stage.server.greetings["user"] = []
        stage.server.user.end()
        await stage.wait(7)
        assert len(stage.of(Disconnected)) == 1
        assert not stage.of(Reconnected)
        stage.server.user.push(FLAT)
        await stage.wait(1)
        assert len(stage.of(Reconnected)) == 1

    play(script)


def test_a_book_whose_first_sockets_fail_is_had_by_another():
    async def script(stage):
        left = ["the handshake was lost", "the handshake was lost"]
        stage.server.refuses = lambda url, headers: left.pop() if left and "/market/" in url else None
        await stage.subscribe()
        assert stage.of(BookSnapshot)

    play(script)


def test_a_book_that_no_socket_brings_is_not_sent_and_may_be_asked_for_again():
    async def script(stage):
        stage.server.refuses = lambda url, headers: "the handshake was lost"
        with pytest.raises(NotSent):
            await stage.subscribe()
        stage.server.refuses = lambda url, headers: None
        await stage.subscribe()
        assert stage.of(BookSnapshot)

    play(script)


def users(stage):
    return [wire for wire in stage.server.sockets if "/user/" in wire.url]


def test_it_is_back_at_once_where_its_new_socket_begins_with_the_account():
    async def script(stage):
        stage.server.user.end()
        await stage.wait(0.3)
        assert len(stage.of(Disconnected)) == len(stage.of(Reconnected)) == 1

    play(script)


def test_a_stream_that_is_back_and_tells_nothing_is_asked_by_another_socket_and_is_not_called_back():
    async def script(stage):
        stage.server.greetings["user"] = []
        stage.server.user.end()
        await stage.wait(30)
        assert not stage.of(Reconnected)
        assert len(users(stage)) > 3
        stage.server.greetings["user"] = [FLAT]
        await stage.wait(40)
        assert len(stage.of(Reconnected)) == 1
        assert len(stage.of(Disconnected)) == 1

    play(script)


def test_what_became_of_an_order_is_asked_for_where_nobody_tells(order_of):
    async def script(stage):
        await stage.run(stage.venue.place(stage.spec(order_of)))
        await stage.wait(8)
        (ended,) = stage.of(OrderCanceled)
        assert ended.client_order_id == "avx-1"
        asked = len(users(stage))
        assert asked == 3  # the first, and two without the order
        await stage.wait(15)
        assert len(users(stage)) == asked

    play(script)


def test_an_order_of_an_earlier_run_is_followed(order_of):
    async def script(stage):
        order = Order(spec=stage.spec(order_of)).apply(OrderSent()).apply(OrderUnknown())
        stage.venue.take_on(order, stage.clock.time_ns())
        stage.server.user.push(FLAT | {"orders": [ROW | {"orderId": 9, "clientId": client_id("avx-1")}]})
        await stage.wait(0.1)
        assert [told.venue_order_id for told in stage.of(OrderAccepted)] == ["9"]

    play(script)


STRAY = FLAT | {"orders": [ROW | {"orderId": 7, "clientId": client_id("avx-1")}]}


def stray(stage, order_of):
    """An order that is canceled, and shown as open from a second later on."""
    ack = {"success": True, "orderId": 7, "status": "CANCELED", "timestamp": START_MS}
    stage.server.answers["/v1/trade/order/cancel"] = [ack, (502, {}), ack]
    stage.server.greetings["user"] = [STRAY]
    return Order(spec=stage.spec(order_of)).apply(OrderSent()).apply(OrderAccepted(venue_order_id="7"))


def test_an_order_that_is_open_though_it_was_canceled_is_canceled_until_it_is_gone(order_of, caplog):
    async def script(stage):
        order = stray(stage, order_of)
        await stage.run(stage.venue.place(order.spec))
        await stage.run(stage.venue.cancel(order))
        await stage.wait(0.5)
        stage.server.user.push(STRAY)  # it may be older than the cancel
        await stage.wait(0.4)
        assert len(stage.server.bodies("/order/cancel")) == 1
        await stage.wait(3)
        assert len(stage.server.bodies("/order/cancel")) == 2
        assert [(one.levelname, one.args) for one in caplog.records if "believed" in one.msg] == [
            ("CRITICAL", ("avx-1", "7"))
        ]
        await stage.wait(8)
        assert [body["order_id"] for body in stage.server.bodies("/order/cancel")] == [7, 7, 7]
        stage.server.greetings["user"] = [FLAT]
        await stage.wait(60)
        assert len(stage.server.bodies("/order/cancel")) == 3

    play(script)


def test_an_order_that_waits_for_its_turn_has_made_no_change_of_position(order_of):
    async def script(stage):
        rows = []
        for number in range(3):  # as many as may go at once
            stage.server.answers["/v1/trade/order"] = ORDER_ACK | {"orderId": number}
            await stage.run(stage.venue.place(stage.spec(order_of, f"avx-{number}")))
            rows.append(ROW | {"orderId": number})
        waiting = asyncio.create_task(stage.venue.place(stage.spec(order_of, "avx-9", price="3600")))
        await stage.wait(0.1)
        held = {"symbol": "ETH", "side": "LONG", "size": "0.1", "entryPrice": "3500"}
        stage.server.user.push(FLAT | {"positions": [held], "orders": rows})
        await stage.run(waiting)
        await stage.wait(3)
        assert [event.client_order_id for event in stage.of(OrderFilled)] == [None]

    play(script)


def test_without_credentials_there_is_market_data_and_nothing_else(order_of):
    async def script(stage):
        await stage.subscribe()
        assert stage.of(BookSnapshot)
        for work in (stage.venue.balances(), stage.venue.positions(), stage.venue.place(stage.spec(order_of))):
            with pytest.raises(NotSupported, match="no credentials"):
                await stage.run(work)

    play(script, keys=None, environment=Environment.PAPER)


def test_there_is_no_hedge_mode():
    async def script(stage):
        eth = stage.venue.by_name["ETH"]
        for work in (
            stage.venue.close_position(eth, PositionSide.LONG),
            stage.venue.protect(eth, Protection(stop_loss="3000"), PositionSide.SHORT),
        ):
            with pytest.raises(NotSupported, match="no hedge mode"):
                await stage.run(work)

    play(script)


def test_there_is_no_testnet():
    assert Environment.TESTNET not in DESCRIPTOR.environments
    with pytest.raises(NotSupported, match="announced a testnet"):
        Stage(environment=Environment.TESTNET)


def test_a_contract_named_after_another_quote_is_explained():
    async def script(stage):
        assert stage.venue.explain("ETH-USDT-PERP").endswith("write ETH-PERP, or ETH-USDC-PERP")
        assert stage.venue.explain("NOPE-USDT-PERP") == ""

    play(script)


def test_writes_keep_the_pace_that_is_set(order_of):
    async def script(stage):
        started = stage.clock.time_ns()
        for number in range(4):
            await stage.run(stage.venue.place(stage.spec(order_of, f"avx-{number}")))
        assert stage.clock.time_ns() - started >= 2 * 10**9  # three of four in two seconds: one is kept for cancels

    play(script)


def test_market_orders_are_told_as_such(order_of):
    async def script(stage):
        await stage.run(stage.venue.place(stage.spec(order_of, order_type=OrderType.MARKET)))
        (body,) = stage.server.bodies("/order")
        assert body["order_type"] == "market"
        assert "price" not in body

    play(script)


def test_no_change_of_position_waits_longer_than_the_reconciliation_does(order_of):
    async def script(stage):
        for number in range(2):
            stage.server.answers["/v1/trade/order"] = ORDER_ACK | {"orderId": number, "status": "pending"}
            await stage.run(stage.venue.place(stage.spec(order_of, f"avx-{number}")))
        await stage.wait(0.1)
        told = {"symbol": "ETH", "side": "LONG", "size": "0.1", "entryPrice": "3500"}
        stage.server.user.push(FLAT | {"positions": [told]})
        await stage.wait(0.2)
        stage.server.user.push(FLAT | {"positions": [told | {"size": "0.15"}]})
        await stage.wait(0.1)
        assert not stage.of(OrderFilled)
        await stage.wait(2.5)
        assert sum(event.fill.quantity for event in stage.of(OrderFilled)) == Decimal("0.15")

    play(script)
