"""Every request the adapter makes, as it reaches the network, and what becomes of every kind of answer to it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import respx
from attrs import evolve, frozen

from anyvenue.model.enums import (
    MarginMode,
    OrderState,
    OrderType,
    PositionMode,
    PositionSide,
    PriceSource,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TradingStatus,
    TriggerKind,
)
from anyvenue.model.errors import (
    AnyvenueError,
    AuthenticationFailed,
    InsufficientFunds,
    NotSent,
    NotSupported,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
    RejectReason,
    TradingEnded,
    UnknownOrder,
    VenueProtocolError,
    WouldTakeLiquidity,
)
from anyvenue.model.order import Order
from anyvenue.model.order_spec import OrderSpec, Protection, Trigger
from anyvenue.model.risk_tier import RiskTier
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.venue.clock import WallClock
from anyvenue.venue.descriptor import Environment, VenueContext
from anyvenue.venue.events import Channel, InstrumentChanged, Subscription
from anyvenue.venue.secrets import Secret
from anyvenue.wire.deadline import pause
from anyvenue_gateio.endpoints import GateOptions
from anyvenue_gateio.venue import GateVenue

D = Decimal
S = 1_000_000_000
NOW = 1_700_000_000 * S
AHEAD_S = 7
"""The venue's clock is ahead of ours: what is signed must bear its time."""
EXPIRY = str((1_700_000_000 + AHEAD_S + 5) * 1000)
KEY, SECRET = "made-up-key-0123", "made-up-secret-4567"
F = "/api/v4/futures/usdt"

CONTRACT = {
    "name": "BTC_USDT",
    "type": "direct",
    "quanto_multiplier": "0.0001",
    "order_price_round": "0.1",
    "order_size_min": "0.1",
    "order_size_max": "1000000",
    "enable_decimal": True,
    "market_order_size_max": "0",
    "order_price_deviate": "0.5",
    "leverage_min": "1",
    "leverage_max": "125",
    "maintenance_rate": "0.004",
    "maker_fee_rate": "0.0002",
    "taker_fee_rate": "0.0005",
    "funding_interval": 28800,
    "in_delisting": False,
    "status": "trading",
    "position_size": "1",
}
ACCOUNT = {
    "user": 110284739,
    "currency": "USDT",
    "total": "1000.5",
    "available": "900.25",
    "position_mode": "single",
    "margin_mode": 0,
    "update_time": 1700000000,
    "update_id": 3,
}
ORDER = {
    "id": 36028827892199865,
    "id_string": "36028827892199865",
    "text": "t-a1",
    "contract": "BTC_USDT",
    "size": "100",
    "left": "100",
    "price": "60000.5",
    "fill_price": "0",
    "tif": "gtc",
    "status": "open",
    "create_time": 1700000000.123,
}
POSITION = {
    "contract": "BTC_USDT",
    "size": "7",
    "mode": "single",
    "leverage": "10",
    "cross_leverage_limit": "0",
    "margin": "4.2",
    "entry_price": "60000",
    "liq_price": "54000",
    "realised_pnl": "1.5",
    "pnl_pnl": "2",
    "pnl_fund": "-0.2",
    "pnl_fee": "-0.3",
    "update_time": 1700000000,
    "update_id": 4,
}


@frozen
class Sent:
    """A request as it left."""

    method: str
    path: str
    query: str
    body: bytes
    headers: dict[str, str]
    at_s: float

    @property
    def target(self) -> str:
        return f"{self.method} {self.path}{'?' if self.query else ''}{self.query}"


class Answers:
    """The venue's end of HTTP: answers by method and path, the last of several for ever."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.sent: list[Sent] = []
        self.hosts: set[str] = set()
        self.by_path: dict[str, list[Any]] = {}
        for name, answer in {
            "GET /api/v4/spot/time": lambda: {"server_time": clock.time_ns() // 1_000_000 + AHEAD_S * 1000},
            f"GET {F}/accounts": ACCOUNT,
            f"GET {F}/contracts": [CONTRACT],
            f"GET {F}/fee": {"BTC_USDT": {"taker_fee": "0.0004", "maker_fee": "-0.0001"}},
        }.items():
            self.on(name, answer)

    def on(self, name: str, *answers: Any) -> None:
        self.by_path[name] = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, _, query = request.url.raw_path.decode().partition("?")
        at_s = (self.clock.time_ns() - NOW) / S
        self.sent.append(Sent(request.method, path, query, request.content, dict(request.headers), at_s))
        self.hosts.add(request.url.host)
        answers = self.by_path[f"{request.method} {path}"]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(answer) and not isinstance(answer, type):
            answer = answer()
        if isinstance(answer, type):
            raise answer("made up", request=request)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


def refused(status: int, label: str, message: str = "no", **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"label": label, "message": message}, headers=headers)


@pytest.fixture
def play(gate, monkeypatch):
    """Runs `scene(venue, answers)` on a connected venue; returns its result or error and what was sent for it."""
    monkeypatch.setattr("anyvenue.venue.remote.dial", gate)

    def run(scene, answers=None, *, environment=Environment.LIVE, credentials=True, connecting=False, **options):
        async def whole():
            clock = DrivenClock(NOW)
            ours = Answers(clock)
            for name, answer in (answers or {}).items():
                ours.on(name, *(answer if isinstance(answer, tuple) else (answer,)))
            context = VenueContext(
                connection="mine",
                environment=environment,
                clock=clock,
                session="s1",
                options=GateOptions(**options),
                credentials={"key": Secret(KEY), "secret": Secret(SECRET)} if credentials else None,
            )
            venue = GateVenue(context)
            venue.events = []

            async def played():
                try:
                    await venue.connect(venue.events.append)
                    if not connecting:
                        ours.sent.clear()
                    result = await scene(venue, ours)
                except (AnyvenueError, ValueError) as error:
                    result = error
                finally:
                    await venue.close()
                return result, ours

            with respx.mock(assert_all_called=False, using="anyvenue") as router:
                router.route().mock(side_effect=ours)
                return await asyncio.wait_for(Pump(clock).serve(played()), 20)

        return asyncio.run(whole())

    return run


def assert_is_sealed(sent: Sent, *, signed: bool = True) -> None:
    """What every request bears, and its signature computed anew from the bytes that left (chapter 2)."""
    headers = sent.headers
    assert headers["x-gate-size-decimal"] == "1"
    assert headers["content-type"] == headers["accept"] == "application/json"
    if not signed:
        assert not {"key", "sign", "timestamp"} & set(headers)
        return
    assert headers["key"] == KEY
    assert headers["timestamp"] == str(int(1_700_000_000 + AHEAD_S + sent.at_s))
    body_hash = hashlib.sha512(sent.body).hexdigest()
    text = f"{sent.method}\n{sent.path}\n{unquote(sent.query)}\n{body_hash}\n{headers['timestamp']}"
    assert headers["sign"] == hmac.new(SECRET.encode(), text.encode(), hashlib.sha512).hexdigest()


def btc(venue):
    return venue.by_name["BTC_USDT"]


def spec(venue, **changes: Any) -> OrderSpec:
    usual: dict[str, Any] = {
        "client_order_id": "a1",
        "instrument": btc(venue),
        "side": Side.BUY,
        "quantity": "0.01",
        "price": "60000.5",
    }
    return OrderSpec(**usual | changes)


def market(venue, **changes: Any) -> OrderSpec:
    return spec(venue, price=None, order_type=OrderType.MARKET, **changes)


def stop(venue, **changes: Any) -> OrderSpec:
    trigger = Trigger(kind=TriggerKind.STOP, price="59000", source=PriceSource.MARK)
    return market(venue, **{"side": Side.SELL, "reduce_only": True, "trigger": trigger} | changes)


def trail(venue, **changes: Any) -> OrderSpec:
    return stop(venue, trigger=Trigger(kind=TriggerKind.TRAILING, trail_ratio="0.005"), **changes)


def resting(order: OrderSpec, venue_order_id: str | None = "36028827892199865") -> Order:
    return evolve(Order(spec=order), state=OrderState.OPEN, venue_order_id=venue_order_id)


# Connecting


def test_connecting_asks_for_time_account_fees_and_contracts(play, gate):
    async def scene(venue, answers):
        return await venue.instruments()

    (instrument,), answers = play(scene, connecting=True)
    assert [sent.target for sent in answers.sent] == [
        *["GET /api/v4/spot/time"] * 3,
        f"GET {F}/accounts",
        f"GET {F}/fee",
        f"GET {F}/contracts?limit=100&offset=0",
    ]
    for sent in answers.sent:
        assert_is_sealed(sent, signed=sent.path in (f"{F}/accounts", f"{F}/fee"))
        assert sent.body == b""
    assert answers.hosts == {"api.gateio.ws"}
    assert gate.dialed == [("wss://fx-ws.gateio.ws/v4/ws/usdt", {"X-Gate-Size-Decimal": "1"})]
    assert instrument.symbol == "BTC-USDT-PERP"
    assert (instrument.taker_fee, instrument.maker_fee) == (D("0.0004"), D("-0.0001"))
    assert (instrument.quantity_step, instrument.contract_size) == (D("0.00001"), D("0.0001"))


ETH = CONTRACT | {"name": "ETH_USDT", "order_price_deviate": "0.2"}


def test_contracts_are_read_anew_each_hour_and_what_has_changed_is_told(play, caplog):
    delisting = CONTRACT | {"in_delisting": True, "status": "delisting", "order_price_deviate": "0.1"}
    fresh = CONTRACT | {"name": "NEW_USDT"}
    gone = CONTRACT | {"status": "delisted"}
    readings = ([CONTRACT, ETH], [CONTRACT, ETH], refused(400, "X"), [delisting, ETH, fresh], [gone], [gone])

    async def scene(venue, answers):
        known, told = btc(venue), []
        await pause(venue.clock, 1)
        for _ in range(5):
            await pause(venue.clock, 3600)
            changes = [event for event in venue.events if isinstance(event, InstrumentChanged)]
            told.append([(change.instrument.status, change.instrument.price_band) for change in changes])
        assert all(change.instrument.key == known.key for change in changes)
        assert [changes[0].before, changes[1].before] == [known, changes[0].instrument]
        assert (btc(venue), list(venue.by_name)) == (known, ["BTC_USDT", "ETH_USDT"])
        return told

    told, answers = play(scene, {f"GET {F}/contracts": readings})
    first, second = (TradingStatus.REDUCE_ONLY, D("0.1")), (TradingStatus.HALTED, D("0.1"))
    assert told == [[], [], [first], [first, second], [first, second]]
    asked = [int(sent.at_s) // 3600 for sent in answers.sent if sent.path == f"{F}/contracts"]
    assert asked == [1, 2, 3, 4, 5]
    assert {sent.query for sent in answers.sent if sent.path == f"{F}/contracts"} == {"limit=100&offset=0"}
    lines = [record.getMessage() for record in caplog.records if record.name == "anyvenue.gateio"]
    assert "could not be read anew" in lines[0]
    assert lines[1:] == [
        "mine:BTC-USDT-PERP has changed: price_band was 0.5 and is 0.1, status was trading and is reduce_only",
        "mine:BTC-USDT-PERP has changed: status was reduce_only and is halted (it is delisted)",
    ]


def test_a_contract_that_is_being_delisted_takes_no_order_that_opens(play):
    async def scene(venue, answers):
        await pause(venue.clock, 3601)
        answers.sent.clear()
        alone = []
        for order in (spec(venue), stop(venue, reduce_only=False)):
            with pytest.raises(Rejected, match="is being delisted") as refusal:
                await venue.place(order)
            alone.append(refusal.value.reason)
        reducing = {"side": Side.SELL, "reduce_only": True}
        assert answers.sent == []
        await venue.place(spec(venue, **reducing))
        batch = [spec(venue, client_order_id="a2"), spec(venue, **reducing)]
        return alone, await venue.place_batch(batch)

    delisting = CONTRACT | {"in_delisting": True}
    readings = {f"GET {F}/contracts": ([CONTRACT], [delisting]), CREATE: ORDER, BATCH: [row("a1")]}
    (alone, (refusal, (report,))), answers = play(scene, readings)
    assert [*alone, refusal.reason] == [RejectReason.REDUCE_ONLY] * 3
    assert report.client_order_id == "a1"
    assert [sent.target for sent in answers.sent] == [CREATE, BATCH]


def test_private_channels_are_subscribed_for_the_user_of_the_account(play, gate):
    async def scene(venue, answers):
        return None

    play(scene)
    assert {payload[0] for _, payload in gate.line.asked("subscribe")} == {"110284739"}
    text = "channel=futures.orders&event=subscribe&time=1700000007"
    assert gate.line.sent[0]["auth"]["SIGN"] == hmac.new(SECRET.encode(), text.encode(), hashlib.sha512).hexdigest()


def test_the_testnet_has_other_hosts_and_another_path(play, gate):
    async def scene(venue, answers):
        return None

    _, answers = play(scene, environment=Environment.TESTNET, connecting=True)
    assert answers.hosts == {"api-testnet.gateapi.io"}
    assert gate.dialed[0][0] == "wss://ws-testnet.gate.com/v4/ws/futures/usdt"


def test_the_settle_currency_is_in_every_path(play, gate):
    async def scene(venue, answers):
        return await venue.positions()

    inverse = CONTRACT | {"name": "BTC_USD", "type": "inverse", "quanto_multiplier": "0"}
    btc_paths = {
        "GET /api/v4/futures/btc/accounts": ACCOUNT | {"currency": "BTC"},
        "GET /api/v4/futures/btc/fee": {},
        "GET /api/v4/futures/btc/contracts": [inverse],
        "GET /api/v4/futures/btc/positions": [],
    }
    result, answers = play(scene, btc_paths, settle="btc", connecting=True)
    assert result == []
    assert all("/futures/btc/" in sent.path for sent in answers.sent if "/futures/" in sent.path)
    assert gate.dialed[0][0] == "wss://fx-ws.gateio.ws/v4/ws/btc"


def test_a_url_of_ones_own_takes_the_place_of_the_environments(play, gate):
    async def scene(venue, answers):
        return None

    own = {"rest_url": "https://gate.test/api/v4", "ws_url": "wss://gate.test/ws"}
    _, answers = play(scene, connecting=True, **own)
    assert answers.hosts == {"gate.test"}
    assert gate.dialed[0][0] == "wss://gate.test/ws"


def test_all_pages_of_the_contracts_are_read(play):
    async def scene(venue, answers):
        return len(await venue.instruments())

    page = [CONTRACT | {"name": f"C{number}_USDT"} for number in range(100)]
    found, answers = play(scene, {f"GET {F}/contracts": (page, [CONTRACT])}, connecting=True)
    assert found == 101
    pages = [sent.query for sent in answers.sent if sent.path == f"{F}/contracts"]
    assert pages == ["limit=100&offset=0", "limit=100&offset=100"]


def test_without_credentials_nothing_is_signed_and_no_order_leaves(play, gate):
    async def scene(venue, answers):
        with pytest.raises(NotSupported, match="no credentials"):
            await venue.place(spec(venue))
        return

    _, answers = play(scene, credentials=False, connecting=True)
    assert {sent.method for sent in answers.sent} == {"GET"}
    for sent in answers.sent:
        assert_is_sealed(sent, signed=False)
    assert gate.line.sent == []


@pytest.mark.parametrize(
    ("account", "text"),
    [({"position_mode": "dual_plus"}, "dual_plus"), ({"margin_mode": 2}, "unified account")],
    ids=str,
)
def test_an_account_in_a_mode_that_is_not_traded_in_is_refused_at_once(play, account, text):
    async def scene(venue, answers):
        return None

    error, _ = play(scene, {f"GET {F}/accounts": ACCOUNT | account})
    assert type(error) is TradingEnded
    assert text in str(error)


@pytest.mark.parametrize(
    ("status", "label", "error"),
    [
        (401, "INVALID_KEY", AuthenticationFailed),
        (401, "INVALID_SIGNATURE", AuthenticationFailed),
        (403, "IP_FORBIDDEN", PermissionDenied),
        (400, "USER_NOT_FOUND", TradingEnded),
    ],
)
def test_a_key_that_cannot_trade_ends_the_connecting(play, status, label, error):
    async def scene(venue, answers):
        return None

    found, answers = play(scene, {f"GET {F}/accounts": refused(status, label)}, connecting=True)
    assert type(found) is error
    assert label in str(found)
    assert len([sent for sent in answers.sent if sent.path == f"{F}/accounts"]) == 1


# Orders: one request each


CREATE = f"POST {F}/orders"
PLAIN = {"contract": "BTC_USDT", "size": "100", "price": "60000.5", "tif": "gtc", "text": "t-a1"}


@pytest.mark.parametrize(
    ("make", "body"),
    [
        (spec, PLAIN),
        (lambda v: spec(v, side=Side.SELL, quantity="0.00007"), PLAIN | {"size": "-0.7"}),
        (lambda v: spec(v, post_only=True), PLAIN | {"tif": "poc"}),
        (lambda v: spec(v, time_in_force=TimeInForce.IOC), PLAIN | {"tif": "ioc"}),
        (lambda v: spec(v, time_in_force=TimeInForce.FOK), PLAIN | {"tif": "fok"}),
        (lambda v: spec(v, reduce_only=True, side=Side.SELL), PLAIN | {"size": "-100", "reduce_only": True}),
        (market, PLAIN | {"price": "0", "tif": "ioc"}),
        (lambda v: market(v, time_in_force=TimeInForce.FOK), PLAIN | {"price": "0", "tif": "fok"}),
        (lambda v: spec(v, display_quantity="0.001"), PLAIN | {"iceberg": "10"}),
        (lambda v: spec(v, self_trade_prevention=SelfTradePrevention.CANCEL_OLDEST), PLAIN | {"stp_act": "co"}),
        (
            lambda v: spec(v, protection=Protection(take_profit="66000.50", stop_loss="55000")),
            PLAIN | {"tpsl_tp_trigger_price": "66000.5", "tpsl_sl_trigger_price": "55000"},
        ),
        (lambda v: spec(v, position_side=PositionSide.LONG), PLAIN),
        (lambda v: spec(v, position_side=PositionSide.SHORT), PLAIN | {"reduce_only": True}),
    ],
)
def test_an_order_is_created_by_one_signed_request(play, make, body):
    async def scene(venue, answers):
        return await venue.place(make(venue))

    (report,), answers = play(scene, {CREATE: httpx.Response(201, json=ORDER)})
    (sent,) = answers.sent
    assert (sent.target, json.loads(sent.body)) == (CREATE, body)
    assert_is_sealed(sent)
    assert sent.headers["x-gate-exptime"] == EXPIRY
    assert (report.client_order_id, report.venue_order_id) == ("a1", "36028827892199865")
    assert (report.state, report.price, report.quantity) == (OrderState.OPEN, D("60000.5"), D("0.01"))
    assert report.ts_event == 1_700_000_000_123_000_000


def test_the_time_after_which_the_venue_refuses_an_order_is_an_option(play):
    async def scene(venue, answers):
        return await venue.place(spec(venue))

    _, answers = play(scene, {CREATE: ORDER}, order_expiry_s=2)
    assert answers.sent[0].headers["x-gate-exptime"] == str((1_700_000_000 + AHEAD_S + 2) * 1000)


def test_a_taken_order_is_reported_with_what_it_filled(play):
    async def scene(venue, answers):
        return await venue.place(market(venue))

    done = {"left": "20", "fill_price": "60001.25", "status": "finished", "finish_as": "ioc", "price": "0"}
    (report,), _ = play(scene, {CREATE: ORDER | done})
    assert (report.state, report.filled_quantity, report.average_price) == (
        OrderState.EXPIRED,
        D("0.008"),
        D("60001.25"),
    )


def test_a_stop_goes_to_the_list_of_price_orders(play):
    async def scene(venue, answers):
        return await venue.place(stop(venue))

    name = f"POST {F}/price_orders"
    (accepted,), answers = play(scene, {name: httpx.Response(201, json={"id": 1432329, "id_string": "1432329"})})
    (sent,) = answers.sent
    assert_is_sealed(sent)
    assert sent.target == name
    assert json.loads(sent.body) == {
        "initial": {
            "contract": "BTC_USDT",
            "amount": "-100",
            "price": "0",
            "tif": "ioc",
            "reduce_only": True,
            "text": "t-a1",
        },
        "trigger": {"strategy_type": 0, "price_type": 1, "price": "59000", "rule": 2},
        "order_type": "plan-close-long-position",
    }
    assert (accepted.client_order_id, accepted.venue_order_id) == ("a1", "trigger:1432329")


def test_a_trailing_stop_goes_to_its_own_list(play):
    async def scene(venue, answers):
        return await venue.place(trail(venue))

    name = f"POST {F}/autoorder/v1/trail/create"
    (accepted,), answers = play(scene, {name: {"code": 0, "data": {"id": 77}}})
    (sent,) = answers.sent
    assert_is_sealed(sent)
    assert sent.target == name
    body = json.loads(sent.body)
    assert (body["contract"], body["amount"], body["price_offset"]) == ("BTC_USDT", "-100", "0.5%")
    assert (body["activation_price"], body["price_type"], body["reduce_only"]) == ("0", 1, True)
    assert (accepted.client_order_id, accepted.venue_order_id) == ("a1", "trail:77")


ONE = f"{F}/orders/36028827892199865"


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({"price": D("60100.00")}, {"price": "60100"}),
        ({"quantity": D("0.02")}, {"size": "200"}),
        ({"price": D("60100.5"), "quantity": D("0.00001")}, {"size": "0.1", "price": "60100.5"}),
    ],
    ids=str,
)
def test_an_amend_sends_what_changes(play, change, body):
    async def scene(venue, answers):
        return await venue.amend(resting(spec(venue)), **change)

    (report,), answers = play(scene, {f"PUT {ONE}": ORDER | {"price": "60100.5"}})
    (sent,) = answers.sent
    assert (sent.target, json.loads(sent.body)) == (f"PUT {ONE}", body)
    assert_is_sealed(sent)
    assert sent.headers["x-gate-exptime"] == EXPIRY
    assert report.price == D("60100.5")


def test_a_short_is_amended_with_its_sign(play):
    async def scene(venue, answers):
        return await venue.amend(resting(spec(venue, side=Side.SELL)), quantity=D("0.02"))

    _, answers = play(scene, {f"PUT {ONE}": ORDER | {"size": "-200", "left": "-200"}})
    assert json.loads(answers.sent[0].body) == {"size": "-200"}


@pytest.mark.parametrize(("own_id", "name"), [("36028827892199865", "36028827892199865"), (None, "t-a1")])
def test_a_cancel_names_the_order_by_id_or_else_by_text(play, own_id, name):
    async def scene(venue, answers):
        return await venue.cancel(resting(spec(venue), own_id))

    gone = ORDER | {"status": "finished", "finish_as": "cancelled", "left": "40"}
    (report,), answers = play(scene, {f"DELETE {F}/orders/{name}": gone})
    (sent,) = answers.sent
    assert (sent.target, sent.body) == (f"DELETE {F}/orders/{name}", b"")
    assert_is_sealed(sent)
    assert (report.state, report.filled_quantity) == (OrderState.CANCELED, D("0.006"))


@pytest.mark.parametrize(
    ("own_id", "make", "target", "body"),
    [
        ("trigger:1432329", stop, f"DELETE {F}/price_orders/1432329", None),
        ("trail:77", trail, f"POST {F}/autoorder/v1/trail/stop", {"id": 77}),
        (None, trail, f"POST {F}/autoorder/v1/trail/stop", {"text": "t-a1"}),
    ],
)
def test_a_waiting_order_is_canceled_in_its_own_list(play, own_id, make, target, body):
    async def scene(venue, answers):
        return await venue.cancel(resting(make(venue), own_id))

    (event,), answers = play(scene, {target: {}})
    (sent,) = answers.sent
    assert sent.target == target
    assert (json.loads(sent.body) if sent.body else None) == body
    assert_is_sealed(sent)
    assert event.client_order_id == "a1"


def test_a_waiting_order_is_amended_in_its_own_list(play):
    async def scene(venue, answers):
        return await venue.amend(resting(stop(venue), "trigger:1432329"), quantity=D("0.005"))

    target = f"PUT {F}/price_orders/amend"
    (event,), answers = play(scene, {target: {"id": 1432329}})
    (sent,) = answers.sent
    assert (sent.target, json.loads(sent.body)) == (target, {"order_id": 1432329, "amount": "-50", "price": "0"})
    assert_is_sealed(sent)
    assert (event.client_order_id, event.quantity) == ("a1", D("0.005"))


def test_cancel_all_names_the_contract_and_leaves_protection_alone(play):
    async def scene(venue, answers):
        return await venue.cancel_all(btc(venue))

    initial = {"contract": "BTC_USDT", "size": 0, "price": "0"}
    entry = {"id": 5, "initial": initial, "trigger": {}, "status": "open"}
    guard = {"id": 6, "initial": initial, "trigger": {}, "status": "open", "order_type": "close-long-position"}
    trailing = {"id": 77, "contract": "BTC_USDT", "amount": "-1", "status": "open"}
    gone = ORDER | {"status": "finished", "finish_as": "cancelled"}
    events, answers = play(
        scene,
        {
            f"DELETE {F}/orders": [gone],
            f"GET {F}/price_orders": [entry, guard],
            f"GET {F}/autoorder/v1/trail/list": {"data": {"orders": [trailing]}},
            f"DELETE {F}/price_orders/5": {},
            f"POST {F}/autoorder/v1/trail/stop": {},
        },
    )
    assert [sent.target for sent in answers.sent] == [
        f"DELETE {F}/orders?contract=BTC_USDT",
        f"GET {F}/price_orders?status=open&contract=BTC_USDT&limit=100&offset=0",
        f"GET {F}/autoorder/v1/trail/list?contract=BTC_USDT&is_finished=false&page_num=1&page_size=20",
        f"DELETE {F}/price_orders/5",
        f"POST {F}/autoorder/v1/trail/stop",
    ]
    for sent in answers.sent:
        assert_is_sealed(sent)
    assert [event.venue_order_id for event in events] == ["36028827892199865", "trigger:5", "trail:77"]


@pytest.mark.parametrize(
    ("side", "how"),
    [
        (PositionSide.NET, {"close": True}),
        (PositionSide.LONG, {"auto_size": "close_long", "reduce_only": True}),
        (PositionSide.SHORT, {"auto_size": "close_short", "reduce_only": True}),
    ],
)
def test_a_position_is_closed_whole_by_the_venues_own_order(play, side, how):
    async def scene(venue, answers):
        return await venue.close_position(btc(venue), side)

    done = {"size": "0", "left": "0", "price": "0", "status": "finished", "finish_as": "filled", "fill_price": "60000"}
    (report,), answers = play(scene, {CREATE: ORDER | done})
    (sent,) = answers.sent
    body = json.loads(sent.body)
    text = body.pop("text")
    assert body == {"contract": "BTC_USDT", "size": "0", "price": "0", "tif": "ioc"} | how
    assert text.startswith("t-")
    assert len(text) <= 30
    assert_is_sealed(sent)
    assert report.state is OrderState.FILLED


def test_a_position_is_protected_by_new_orders_before_the_old_ones_go(play):
    async def scene(venue, answers):
        return await venue.protect(btc(venue), Protection(take_profit="66000", stop_loss="55000"))

    initial = {"contract": "BTC_USDT", "size": 0, "price": "0"}
    old = {"id": 6, "initial": initial, "trigger": {}, "status": "open", "order_type": "close-long-position"}
    events, answers = play(
        scene,
        {
            f"GET {F}/positions/BTC_USDT": POSITION,
            f"GET {F}/price_orders": [old],
            f"GET {F}/autoorder/v1/trail/list": {"data": {"orders": []}},
            f"POST {F}/price_orders": {"id": 7},
            f"DELETE {F}/price_orders/6": {},
        },
    )
    assert list(events) == []
    commands = [sent for sent in answers.sent if sent.method != "GET"]
    assert [sent.target for sent in commands] == [
        *[f"POST {F}/price_orders"] * 2,
        f"DELETE {F}/price_orders/6",
    ]
    bodies = [json.loads(sent.body) for sent in commands[:2]]
    assert [body["trigger"]["rule"] for body in bodies] == [1, 2]  # long: TP at or above, SL at or below
    assert [body["trigger"]["price"] for body in bodies] == ["66000", "55000"]
    for body in bodies:
        assert body["order_type"] == "close-long-position"
        assert body["initial"] == initial | {"tif": "ioc", "close": True, "reduce_only": True}
    for sent in answers.sent:
        assert_is_sealed(sent)


def test_a_flat_position_is_not_protected(play):
    async def scene(venue, answers):
        return await venue.protect(btc(venue), Protection(stop_loss="55000"))

    error, answers = play(scene, {f"GET {F}/positions/BTC_USDT": POSITION | {"size": "0", "entry_price": "0"}})
    assert type(error) is Rejected
    assert {sent.method for sent in answers.sent} == {"GET"}


HEDGED = {f"GET {F}/accounts": ACCOUNT | {"position_mode": "dual", "in_dual_mode": True}}


@pytest.mark.parametrize(
    ("mode", "hedged", "query", "row"),
    [
        (MarginMode.ISOLATED, False, "leverage=10", {"leverage": "10"}),
        (
            MarginMode.CROSS,
            False,
            "leverage=0&cross_leverage_limit=10",
            {"leverage": "0", "cross_leverage_limit": "10"},
        ),
        (MarginMode.ISOLATED, True, "leverage=10", {"leverage": "10", "mode": "dual_long"}),
    ],
    ids=str,
)
def test_leverage_goes_in_the_query_and_is_read_back(play, mode, hedged, query, row):
    async def scene(venue, answers):
        return await venue.set_leverage(btc(venue), D(10), mode)

    path = f"{F}/dual_comp/positions/BTC_USDT" if hedged else f"{F}/positions/BTC_USDT"
    rows = [POSITION | row, POSITION | row | {"mode": "dual_short", "size": "0"}] if hedged else POSITION | row
    ways = {f"POST {path}/leverage": rows, f"GET {path}": rows}
    position, answers = play(scene, ways | (HEDGED if hedged else {}))
    assert [sent.target for sent in answers.sent] == [f"POST {path}/leverage?{query}", f"GET {path}"]
    assert answers.sent[0].body == b""
    for sent in answers.sent:
        assert_is_sealed(sent)
    assert (position.leverage, position.margin_mode) == (D(10), mode)


def test_leverage_that_did_not_take_is_told(play):
    async def scene(venue, answers):
        return await venue.set_leverage(btc(venue), D(20), MarginMode.ISOLATED)

    path = f"{F}/positions/BTC_USDT"
    error, _ = play(scene, {f"POST {path}/leverage": POSITION, f"GET {path}": POSITION})
    assert type(error) is VenueProtocolError
    assert "asked for 20 isolated" in str(error)


@pytest.mark.parametrize(
    "answer", [ACCOUNT | {"position_mode": "dual"}, refused(400, "NO_CHANGE")], ids=["done", "already so"]
)
def test_the_position_mode_goes_in_the_query_and_no_change_is_a_success(play, answer):
    async def scene(venue, answers):
        return await venue.set_position_mode(PositionMode.HEDGE)

    result, answers = play(scene, {f"POST {F}/set_position_mode": answer})
    assert result is None
    (sent,) = answers.sent
    assert (sent.target, sent.body) == (f"POST {F}/set_position_mode?position_mode=dual", b"")
    assert_is_sealed(sent)


def test_a_position_mode_that_cannot_change_is_refused(play):
    async def scene(venue, answers):
        return await venue.set_position_mode(PositionMode.HEDGE)

    error, _ = play(scene, {f"POST {F}/set_position_mode": refused(400, "POSITION_HOLDING")})
    assert (type(error), error.reason) == (Rejected, RejectReason.POSITION_MODE)


@pytest.mark.parametrize("timeout_s", [0, 30])
def test_the_dead_man_switch_covers_all_contracts(play, timeout_s):
    async def scene(venue, answers):
        return await venue.arm_dead_man_switch(timeout_s)

    _, answers = play(scene, {f"POST {F}/countdown_cancel_all": {"triggerTime": "1700000037000"}})
    (sent,) = answers.sent
    assert (sent.target, json.loads(sent.body)) == (f"POST {F}/countdown_cancel_all", {"timeout": timeout_s})
    assert_is_sealed(sent)


# Look-ups


@pytest.mark.parametrize(("own_id", "name"), [("36028827892199865", "36028827892199865"), (None, "t-a1")])
def test_an_order_is_looked_up_by_id_or_else_by_text(play, own_id, name):
    async def scene(venue, answers):
        return await venue.order(resting(spec(venue), own_id))

    found, answers = play(scene, {f"GET {F}/orders/{name}": ORDER})
    assert [sent.target for sent in answers.sent] == [f"GET {F}/orders/{name}"]
    assert_is_sealed(answers.sent[0])
    assert (found.side, found.order_type, found.report.venue_order_id) == (Side.BUY, OrderType.LIMIT, str(ORDER["id"]))


@pytest.mark.parametrize("label", ["ORDER_NOT_FOUND", "CLIENT_ID_NOT_FOUND"])
def test_an_order_that_the_venue_does_not_know_is_none(play, label):
    async def scene(venue, answers):
        return await venue.order(resting(spec(venue), None))

    found, answers = play(scene, {f"GET {F}/orders/t-a1": refused(404, label)})
    assert found is None
    assert len(answers.sent) == 1


def test_a_path_that_the_venue_does_not_know_is_no_proof_that_it_has_no_order(play):
    async def scene(venue, answers):
        return await venue.order(resting(spec(venue), None))

    error, _ = play(scene, {f"GET {F}/orders/t-a1": httpx.Response(404, text="404 page not found")})
    assert (type(error), error.reason) == (Rejected, RejectReason.OTHER)
    assert "no such path" in str(error)


def test_a_waiting_order_is_looked_up_in_its_own_list(play):
    async def scene(venue, answers):
        return await venue.order(resting(stop(venue), "trigger:5"))

    row = {
        "id": 5,
        "initial": {"contract": "BTC_USDT", "amount": "-100", "price": "0", "reduce_only": True},
        "trigger": {"price": "59000"},
        "status": "open",
        "create_time": 1700000000,
    }
    found, answers = play(scene, {f"GET {F}/price_orders/5": row})
    assert [sent.target for sent in answers.sent] == [f"GET {F}/price_orders/5"]
    assert (found.report.client_order_id, found.report.venue_order_id) == ("a1", "trigger:5")
    assert (found.report.state, found.report.quantity, found.side) == (OrderState.OPEN, D("0.01"), Side.SELL)


@pytest.mark.parametrize("named", [True, False])
def test_open_orders_are_those_of_all_three_lists(play, named):
    async def scene(venue, answers):
        return await venue.open_orders(btc(venue) if named else None)

    row = {"id": 5, "initial": {"contract": "BTC_USDT", "amount": "-1", "price": "0"}, "trigger": {}, "status": "open"}
    trailing = {"id": 77, "contract": "BTC_USDT", "amount": "-1", "status": "open"}
    found, answers = play(
        scene,
        {
            f"GET {F}/orders": [ORDER],
            f"GET {F}/price_orders": [row],
            f"GET {F}/autoorder/v1/trail/list": {"data": {"orders": [trailing]}},
        },
    )
    assert [order.report.venue_order_id for order in found] == ["36028827892199865", "trigger:5", "trail:77"]
    contract = "contract=BTC_USDT&" if named else ""
    assert {sent.target for sent in answers.sent} == {
        f"GET {F}/orders?{contract}status=open&limit=100&offset=0",
        f"GET {F}/price_orders?status=open&{contract}limit=100&offset=0",
        f"GET {F}/autoorder/v1/trail/list?{contract}is_finished=false&page_num=1&page_size=20",
    }
    for sent in answers.sent:
        assert_is_sealed(sent)


def test_open_orders_that_shift_between_pages_are_told_once(play):
    async def scene(venue, answers):
        return await venue.open_orders(btc(venue))

    rows = [ORDER | {"id": number, "id_string": str(number)} for number in range(1, 151)]
    pages = (rows[:100], rows[99:], rows[:100], rows[99:])
    empty = {f"GET {F}/price_orders": [], f"GET {F}/autoorder/v1/trail/list": {"data": {"orders": []}}}
    found, answers = play(scene, {f"GET {F}/orders": pages} | empty)
    assert sorted(int(order.report.venue_order_id) for order in found) == list(range(1, 151))
    assert [sent.query[-9:] for sent in answers.sent if sent.path == f"{F}/orders"][:2] == ["&offset=0", "ffset=100"]


def test_the_history_of_orders_is_read_until_it_is_too_old(play):
    async def scene(venue, answers):
        return await venue.order_history(btc(venue), start_ns=NOW)

    ended = ORDER | {"status": "finished", "finish_as": "filled", "left": "0"}
    rows = [ended | {"id": 9, "id_string": "9", "finish_time": 1700000001}, ended | {"finish_time": 1699999999}]
    rows[1] |= {"create_time": 1699999000}
    found, answers = play(scene, {f"GET {F}/orders": rows})
    assert [sent.target for sent in answers.sent] == [
        f"GET {F}/orders?contract=BTC_USDT&status=finished&limit=100&offset=0"
    ]
    assert [order.report.venue_order_id for order in found] == ["9"]


def test_fills_are_read_by_time_oldest_first(play):
    async def scene(venue, answers):
        return await venue.fills(btc(venue), start_ns=NOW - 60 * S + 1)

    row = {
        "trade_id": "22",
        "create_time": 1700000000.5,
        "contract": "BTC_USDT",
        "order_id": "36028827892199865",
        "size": "-1.5",
        "close_size": "0",
        "price": "60000.4",
        "role": "taker",
        "text": "t-a1",
        "fee": "0.0045",
    }
    rows = [
        row,
        row | {"trade_id": "21", "create_time": 1699999990},
        row | {"trade_id": "1", "create_time": 1699999940},
    ]
    found, answers = play(scene, {f"GET {F}/my_trades_timerange": rows})
    (sent,) = answers.sent
    span = "from=1699999940&to=1700000008"  # whole seconds; to the venue's now and one more
    assert sent.target == f"GET {F}/my_trades_timerange?contract=BTC_USDT&{span}&limit=100&offset=0"
    assert_is_sealed(sent)
    assert [fill.trade_id for fill in found] == ["21", "22"]
    fill = found[1]
    assert (fill.side, fill.quantity, fill.price, fill.fee) == (Side.SELL, D("0.00015"), D("60000.4"), D("0.0045"))
    assert (fill.client_order_id, fill.ts_event) == ("a1", NOW + S // 2)


def test_balances_are_the_accounts(play):
    async def scene(venue, answers):
        return await venue.balances()

    (balance,), answers = play(scene)
    assert [sent.target for sent in answers.sent] == [f"GET {F}/accounts"]
    assert_is_sealed(answers.sent[0])
    assert (balance.currency, balance.total, balance.available) == ("USDT", D("1000.5"), D("900.25"))


def test_positions_are_those_that_are_not_flat(play):
    async def scene(venue, answers):
        return await venue.positions()

    rows = [POSITION, POSITION | {"contract": "NEW_USDT"}, POSITION | {"size": "0", "entry_price": "0"}]
    (position,), answers = play(scene, {f"GET {F}/positions": rows})
    assert [sent.target for sent in answers.sent] == [f"GET {F}/positions?holding=true"]
    assert_is_sealed(answers.sent[0])
    assert (position.quantity, position.cost) == (D("0.0007"), D(42))
    assert (position.realized_pnl, position.fees, position.funding) == (D(2), D("0.3"), D("-0.2"))
    assert (position.leverage, position.margin_mode, position.margin) == (D(10), MarginMode.ISOLATED, D("4.2"))


def test_funding_payments_are_the_account_books_funding(play):
    async def scene(venue, answers):
        return await venue.funding_payments(btc(venue), start_ns=NOW - 3600 * S)

    rows = [{"time": 1699999000.5, "change": "-0.0123", "balance": "1", "type": "fund", "contract": "BTC_USDT"}]
    (payment,), answers = play(scene, {f"GET {F}/account_book": rows})
    (sent,) = answers.sent
    span = "limit=100&offset=0&from=1699996400&to=1700000008&type=fund"
    assert sent.target == f"GET {F}/account_book?contract=BTC_USDT&{span}"
    assert_is_sealed(sent)
    assert (payment.amount, payment.ts_event) == (D("-0.0123"), 1_699_999_000_500_000_000)


# Public data


def test_the_order_book_is_asked_for_with_its_id(play):
    async def scene(venue, answers):
        return await venue.order_book(btc(venue), 20)

    data = {"id": 9, "current": 1700000000.1, "update": 1700000000.05, "asks": [{"p": "2", "s": "0.5"}], "bids": []}
    book, answers = play(scene, {f"GET {F}/order_book": data})
    (sent,) = answers.sent
    assert sent.target == f"GET {F}/order_book?contract=BTC_USDT&interval=0&limit=20&with_id=true"
    assert_is_sealed(sent, signed=False)
    assert (book.last_id, book.asks, book.bids) == (9, [("2", "0.5")], [])
    assert book.ts_event == 1_700_000_000_050_000_000


def test_the_ticker_is_one_contracts(play):
    async def scene(venue, answers):
        return await venue.ticker(btc(venue))

    row = {"contract": "BTC_USDT", "last": "1.5", "mark_price": "1.6", "index_price": "1.7", "funding_rate": "0.0001"}
    ticker, answers = play(scene, {f"GET {F}/tickers": [row]})
    assert [sent.target for sent in answers.sent] == [f"GET {F}/tickers?contract=BTC_USDT"]
    assert_is_sealed(answers.sent[0], signed=False)
    assert (ticker.last_price, ticker.mark_price, ticker.index_price) == (D("1.5"), D("1.6"), D("1.7"))


def test_candles_are_asked_for_by_time_and_never_by_limit(play):
    async def scene(venue, answers):
        return await venue.candles(btc(venue), 60, start_ns=NOW - 40 * S, end_ns=NOW + 80 * S)

    row = {"t": 1699999980, "o": "1", "h": "3", "l": "0.5", "c": "2", "v": "7", "sum": "9"}
    found, answers = play(scene, {f"GET {F}/candlesticks": [row, row | {"t": 1700000040}]})
    (sent,) = answers.sent
    assert sent.target == f"GET {F}/candlesticks?contract=BTC_USDT&interval=1m&from=1699999960&to=1700000079"
    assert_is_sealed(sent, signed=False)
    assert [(candle.ts_open // S, candle.closed) for candle in found] == [(1699999980, False), (1700000040, False)]
    assert (found[0].open, found[0].close, found[0].volume) == (D(1), D(2), D("0.0007"))


def test_public_trades_are_read_by_time_oldest_first(play):
    async def scene(venue, answers):
        return await venue.trades(btc(venue), start_ns=NOW - 10 * S, end_ns=NOW)

    row = {"id": 2, "create_time": 1699999995, "create_time_ms": 1699999995.123, "size": "-3", "price": "60000.1"}
    rows = [row, row | {"id": 1, "create_time_ms": 1699999990.001}, row | {"id": 0, "create_time_ms": 1699999989.999}]
    found, answers = play(scene, {f"GET {F}/trades": rows})
    (sent,) = answers.sent
    assert sent.target == f"GET {F}/trades?contract=BTC_USDT&limit=100&offset=0&from=1699999990&to=1700000000"
    assert_is_sealed(sent, signed=False)
    assert [trade.trade_id for trade in found] == ["1", "2"]
    assert (found[1].side, found[1].quantity) == (Side.SELL, D("0.0003"))
    assert found[1].ts_event == 1_699_999_995_123_000_000


def test_funding_rates_are_read_back_until_nothing_new_comes(play):
    async def scene(venue, answers):
        return await venue.funding_rates(btc(venue), start_ns=NOW - 86_400 * S, end_ns=NOW)

    newest, oldest = {"t": 1699977600, "r": "0.0001"}, {"t": 1699948800, "r": "-0.0002"}
    found, answers = play(scene, {f"GET {F}/funding_rate": ([newest], [newest, oldest], [oldest])})
    assert [sent.query for sent in answers.sent] == [
        f"contract=BTC_USDT&limit=1000&from=1699913600&to={to}" for to in (1700000000, 1699977600, 1699948800)
    ]
    assert [(rate.ts_settle // S, rate.rate) for rate in found] == [
        (1699948800, D("-0.0002")),
        (1699977600, D("0.0001")),
    ]


def test_risk_tiers_are_one_contracts_smallest_first(play):
    async def scene(venue, answers):
        return await venue.risk_tiers(btc(venue))

    first = {
        "tier": 1,
        "risk_limit": "20000",
        "initial_rate": "0.008",
        "maintenance_rate": "0.004",
        "leverage_max": "125",
        "deduction": "0",
    }
    second = {
        "tier": 2,
        "risk_limit": "100000",
        "initial_rate": "0.01",
        "maintenance_rate": "0.005",
        "leverage_max": "100",
        "deduction": "20",
    }
    found, answers = play(scene, {f"GET {F}/risk_limit_tiers": [second, first]})
    assert [sent.target for sent in answers.sent] == [f"GET {F}/risk_limit_tiers?contract=BTC_USDT"]
    assert_is_sealed(answers.sent[0], signed=False)
    assert found == [
        RiskTier(max_notional=D(20000), initial_rate=D("0.008"), maintenance_rate=D("0.004"), max_leverage=D(125)),
        RiskTier(max_notional=D(100000), initial_rate=D("0.01"), maintenance_rate=D("0.005"), max_leverage=D(100)),
    ]


def test_a_book_by_updates_gets_its_snapshot_after_the_acknowledgement(play, gate):
    async def scene(venue, answers):
        await venue.subscribe(Subscription(channel=Channel.BOOK, instrument=btc(venue)))
        await pause(venue.clock, 1)
        return [type(event).__name__ for event in venue.events]

    data = {"id": 9, "current": 1.1, "update": 1700000000, "asks": [], "bids": []}
    events, answers = play(scene, {f"GET {F}/order_book": data}, book="updates")
    assert gate.line.asked("subscribe")[-1] == ("futures.order_book_update", ["BTC_USDT", "100ms", "100"])
    assert [sent.query for sent in answers.sent] == ["contract=BTC_USDT&interval=0&limit=100&with_id=true"]
    assert events == ["BookSnapshot"]


# Batches


BATCH = f"POST {F}/batch_orders"


def row(name, **changes):
    return ORDER | {"text": f"t-{name}", "succeeded": True} | changes


def test_a_batch_is_read_row_for_row(play):
    async def scene(venue, answers):
        return await venue.place_batch([spec(venue, client_order_id=name) for name in ("a1", "a2", "a3", "a4")])

    rows = [
        row("a1"),
        {"succeeded": False, "label": "INSUFFICIENT_AVAILABLE", "detail": "balance 0.1 is not enough", "text": "t-a2"},
        {"succeeded": False, "label": "ORDER_POC_IMMEDIATE", "detail": "would take"},
        row("a4", left="0", status="finished", finish_as="filled"),
    ]
    (first, second, third, fourth), answers = play(scene, {BATCH: rows})
    (sent,) = answers.sent
    assert sent.target == BATCH
    assert json.loads(sent.body) == [PLAIN | {"text": f"t-a{number}"} for number in (1, 2, 3, 4)]
    assert_is_sealed(sent)
    assert sent.headers["x-gate-exptime"] == EXPIRY
    assert (first[0].client_order_id, first[0].state) == ("a1", OrderState.OPEN)
    assert type(second) is InsufficientFunds
    assert "balance 0.1 is not enough" in str(second)
    assert type(third) is WouldTakeLiquidity
    assert fourth[0].state is OrderState.FILLED


def test_a_batch_of_more_than_ten_is_sent_in_tens(play):
    async def scene(venue, answers):
        return await venue.place_batch([spec(venue, client_order_id=f"a{number}") for number in range(12)])

    tens = ([row(f"a{number}") for number in range(10)], [row("a10"), row("a11")])
    found, answers = play(scene, {BATCH: tens})
    assert [len(json.loads(sent.body)) for sent in answers.sent] == [10, 2]
    assert [events[0].client_order_id for events in found] == [f"a{number}" for number in range(12)]


def test_a_stop_in_a_batch_is_sent_by_itself(play):
    async def scene(venue, answers):
        return await venue.place_batch(
            [spec(venue), stop(venue, client_order_id="a2"), spec(venue, client_order_id="a3")]
        )

    found, answers = play(scene, {BATCH: [row("a1"), row("a3")], f"POST {F}/price_orders": {"id": 5}})
    assert sorted(sent.target for sent in answers.sent) == [BATCH, f"POST {F}/price_orders"]
    assert [events[0].client_order_id for events in found] == ["a1", "a2", "a3"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refused(400, "INVALID_PARAM_VALUE"), Rejected),
        (httpx.Response(502, text="<html>"), OutcomeUnknown),
        (httpx.ConnectError, NotSent),
        ([row("a1")], VenueProtocolError),
        ({"not": "a list"}, VenueProtocolError),
    ],
    ids=["refused whole", "failed", "no connection", "a row too few", "no rows"],
)
def test_a_batch_that_failed_whole_failed_for_every_order(play, answer, error):
    async def scene(venue, answers):
        return await venue.place_batch([spec(venue), spec(venue, client_order_id="a2")])

    found, answers = play(scene, {BATCH: answer})
    assert [type(one) for one in found] == [error, error]
    assert len(answers.sent) == 1


# What goes wrong


def placing(venue, answers):
    return venue.place(spec(venue))


@pytest.mark.parametrize(
    ("status", "label", "error", "reason"),
    [
        (400, "INSUFFICIENT_AVAILABLE", InsufficientFunds, RejectReason.INSUFFICIENT_FUNDS),
        (400, "ORDER_POC_IMMEDIATE", WouldTakeLiquidity, RejectReason.WOULD_TAKE_LIQUIDITY),
        (400, "RISK_LIMIT_TOO_lOW", Rejected, RejectReason.RISK_LIMIT),
        (400, "A_LABEL_OF_TOMORROW", Rejected, RejectReason.OTHER),
        (404, "CONTRACT_NOT_FOUND", Rejected, RejectReason.UNKNOWN_INSTRUMENT),
    ],
)
def test_a_refused_order_is_refused_with_its_label_and_sent_once(play, status, label, error, reason):
    answer = refused(status, label, "because", **{"X-Gate-Trace-ID": "abc123"})
    found, answers = play(placing, {CREATE: answer})
    assert (type(found), found.reason, found.code) == (error, reason, label.upper())
    assert "because" in str(found)
    assert "abc123" in str(found)
    assert len(answers.sent) == 1


def test_too_many_requests_hold_back_the_next_order_until_the_reset(play):
    async def scene(venue, answers):
        server_us = (1_700_000_000 + AHEAD_S) * 1_000_000
        reset = str(1_700_000_000 + AHEAD_S + 2)
        headers = {
            "X-Gate-RateLimit-Requests-Remain": "0",
            "X-Gate-RateLimit-Limit": "100",
            "X-Gate-RateLimit-Reset-Timestamp": reset,
            "X-Out-Time": str(server_us),
        }
        answers.on(CREATE, refused(429, "TOO_MANY_REQUESTS", **headers), ORDER)
        with pytest.raises(RateLimited) as caught:
            await venue.place(spec(venue))
        await venue.place(spec(venue, client_order_id="a2"))
        return caught.value.retry_after_s

    wait_s, answers = play(scene)
    assert wait_s == 2
    assert [sent.at_s for sent in answers.sent] == [0, 2]
    assert [json.loads(sent.body)["text"] for sent in answers.sent] == ["t-a1", "t-a2"]
    for sent in answers.sent:
        assert_is_sealed(sent)


def test_too_many_orders_do_not_hold_back_a_cancel(play):
    async def scene(venue, answers):
        answers.on(CREATE, refused(429, "TOO_MANY_REQUESTS"))
        answers.on(f"DELETE {ONE}", ORDER | {"status": "finished", "finish_as": "cancelled"})
        with pytest.raises(RateLimited):
            await venue.place(spec(venue))
        await venue.cancel(resting(spec(venue)))

    _, answers = play(scene)
    assert [sent.at_s for sent in answers.sent] == [0, 0]


@pytest.mark.parametrize(
    "answer",
    [
        refused(500, "INTERNAL"),
        refused(400, "TOO_BUSY"),
        httpx.Response(502, text="<html><body>502 Bad Gateway</body></html>"),
        httpx.Response(503),
        httpx.Response(408),
        httpx.ReadError,
        httpx.ReadTimeout,
        httpx.RemoteProtocolError,
    ],
    ids=str,
)
def test_an_order_that_the_venue_may_have_taken_is_unknown_and_never_sent_again(play, answer):
    found, answers = play(placing, {CREATE: answer})
    assert type(found) is OutcomeUnknown
    assert len(answers.sent) == 1


@pytest.mark.parametrize("answer", [httpx.ConnectError, httpx.ConnectTimeout])
def test_an_order_for_which_no_connection_came_about_never_left(play, answer):
    found, answers = play(placing, {CREATE: answer})
    assert type(found) is NotSent
    assert len(answers.sent) == 1


def test_a_question_is_repeated_where_the_venue_failed(play):
    async def scene(venue, answers):
        return await venue.balances()

    page = httpx.Response(502, text="<html>")
    found, answers = play(scene, {f"GET {F}/accounts": (ACCOUNT, page, httpx.ReadError, ACCOUNT)})
    assert [balance.total for balance in found] == [D("1000.5")]
    assert len(answers.sent) == 3
    for sent in answers.sent:
        assert_is_sealed(sent)


def test_a_question_that_keeps_failing_gives_up(play):
    async def scene(venue, answers):
        return await venue.positions()

    found, answers = play(scene, {f"GET {F}/positions": httpx.Response(502, text="<html>502 Bad Gateway</html>")})
    assert type(found) is OutcomeUnknown
    assert "502 Bad Gateway" in str(found)
    assert len(answers.sent) == 3


def test_an_expired_request_is_sent_once_more_with_the_venues_time_asked_anew(play):
    async def scene(venue, answers):
        late_s = 100  # the venue's clock, or ours, has jumped
        answers.on(
            "GET /api/v4/spot/time",
            lambda: {"server_time": answers.clock.time_ns() // 1_000_000 + late_s * 1000},
        )
        answers.on(CREATE, refused(403, "REQUEST_EXPIRED"), ORDER)
        return await venue.place(spec(venue))

    (report,), answers = play(scene)
    assert report.state is OrderState.OPEN
    assert [sent.target for sent in answers.sent] == [CREATE, *["GET /api/v4/spot/time"] * 3, CREATE]
    first, second = answers.sent[0], answers.sent[-1]
    assert (first.headers["timestamp"], second.headers["timestamp"]) == ("1700000007", "1700000100")
    assert first.body == second.body
    text = f"POST\n{F}/orders\n\n{hashlib.sha512(second.body).hexdigest()}\n1700000100"
    assert second.headers["sign"] == hmac.new(SECRET.encode(), text.encode(), hashlib.sha512).hexdigest()


def test_a_request_that_is_expired_again_is_refused(play):
    found, answers = play(placing, {CREATE: refused(403, "REQUEST_EXPIRED")})
    assert (type(found), found.reason) == (Rejected, RejectReason.EXPIRED)
    assert [sent.target for sent in answers.sent].count(CREATE) == 2


@pytest.mark.parametrize("status", [404, 400])
def test_a_refusal_without_a_label_is_shown_as_it_came(play, status):
    found, answers = play(placing, {CREATE: httpx.Response(status, text="404 page not found")})
    assert (type(found), found.reason) == (Rejected, RejectReason.OTHER)
    assert "404 page not found" in str(found)
    assert len(answers.sent) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(201, content=b""),
        {},
        [],
        ORDER | {"size": "many"},
        {name: value for name, value in ORDER.items() if name != "status"},
        ORDER | {"left": 1.5, "price": None},
    ],
    ids=["a page", "nothing", "no fields", "a list", "no size", "no status", "no price"],
)
def test_a_reply_to_an_order_that_cannot_be_read_is_told_as_such(play, answer):
    found, answers = play(placing, {CREATE: answer})
    assert type(found) is VenueProtocolError
    assert len(answers.sent) == 1


@pytest.mark.parametrize(
    ("scene", "path", "answer"),
    [
        (lambda v, a: v.balances(), "accounts", {"user": 1}),
        (lambda v, a: v.positions(), "positions", [{"contract": "BTC_USDT"}]),
        (lambda v, a: v.ticker(btc(v)), "tickers", []),
        (lambda v, a: v.order_book(btc(v)), "order_book", {"asks": []}),
        (lambda v, a: v.fills(btc(v), start_ns=0), "my_trades_timerange", [{"id": 1}]),
        (lambda v, a: v.funding_payments(btc(v), start_ns=0), "account_book", [{}]),
        (lambda v, a: v.trades(btc(v), start_ns=0, end_ns=S), "trades", [{"id": 1}]),
        (lambda v, a: v.candles(btc(v), 60, start_ns=0, end_ns=S), "candlesticks", [{"t": 0}]),
        (lambda v, a: v.funding_rates(btc(v), start_ns=0, end_ns=S), "funding_rate", [{"t": 0}]),
        (lambda v, a: v.risk_tiers(btc(v)), "risk_limit_tiers", [{"tier": 1}]),
        (lambda v, a: v.order(resting(spec(v))), "orders/36028827892199865", {"id": 1}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_to_a_question_that_cannot_be_read_is_told_as_such(play, scene, path, answer):
    answers = (ACCOUNT, answer) if path == "accounts" else (answer,)
    found, _ = play(scene, {f"GET {F}/{path}": answers})
    assert type(found) is VenueProtocolError
    assert found.raw


@pytest.mark.parametrize(
    ("label", "error", "reason"),
    [
        ("ORDER_NOT_FOUND", UnknownOrder, RejectReason.UNKNOWN_ORDER),
        ("ORDER_FINISHED", Rejected, RejectReason.ORDER_CLOSED),
    ],
)
def test_a_cancel_that_comes_too_late_says_so(play, label, error, reason):
    async def scene(venue, answers):
        return await venue.cancel(resting(spec(venue)))

    found, answers = play(scene, {f"DELETE {ONE}": refused(400, label)})
    assert (type(found), found.reason) == (error, reason)
    assert len(answers.sent) == 1


# Orders over the WebSocket (chapter 11)


def final(result=None, *, status="200", errs=None):
    def answer(frame):
        head = {"request_id": frame["payload"]["req_id"], "header": {"status": status}}
        return [head | {"data": {"result": result} if errs is None else {"errs": errs}}]

    return answer


@pytest.mark.parametrize(
    ("channel", "scene", "param", "expires"),
    [
        ("futures.order_place", placing, PLAIN, True),
        (
            "futures.order_amend",
            lambda v, a: v.amend(resting(spec(v)), price=D(60100)),
            {"order_id": "36028827892199865", "price": "60100"},
            True,
        ),
        (
            "futures.order_cancel",
            lambda v, a: v.cancel(resting(spec(v), None)),
            {"order_id": "t-a1"},
            False,
        ),
    ],
)
def test_orders_go_over_the_websocket_where_that_is_chosen(play, gate, channel, scene, param, expires):
    gate.answers[channel] = final(ORDER)
    (report,), answers = play(scene, order_entry="websocket")
    assert answers.sent == []
    assert gate.line.sent[0]["channel"] == "futures.login"
    frame = gate.line.sent[-1]
    assert (frame["channel"], frame["event"], frame["time"]) == (channel, "api", 1_700_000_007)
    assert frame["payload"]["req_param"] == param
    assert frame["payload"].get("req_header") == ({"x-gate-exptime": EXPIRY} if expires else None)
    assert report.venue_order_id == "36028827892199865"


@pytest.mark.parametrize(
    ("status", "label", "error"),
    [
        ("400", "INSUFFICIENT_AVAILABLE", InsufficientFunds),
        ("429", "TOO_MANY_REQUESTS", RateLimited),
        ("500", "INTERNAL", OutcomeUnknown),
    ],
)
def test_a_refusal_over_the_websocket_is_the_one_of_rest(play, gate, status, label, error):
    gate.answers["futures.order_place"] = final(status=status, errs={"label": label, "message": "because"})
    found, answers = play(placing, order_entry="websocket")
    assert type(found) is error
    assert "because" in str(found)
    assert answers.sent == []


@pytest.mark.parametrize("data", [{}, {"result": None}, {"result": {}}, {"result": "done"}], ids=repr)
def test_a_final_reply_that_cannot_be_read_is_told_as_such(play, gate, data):
    gate.answers["futures.order_place"] = lambda frame: [
        {"request_id": frame["payload"]["req_id"], "header": {"status": "200"}, "data": data}
    ]
    found, _ = play(placing, order_entry="websocket")
    assert type(found) is VenueProtocolError


@pytest.mark.parametrize("order_entry", ["rest", "websocket"])
def test_orders_amends_and_cancels_count_for_the_day_and_are_never_held_back(
    play, gate, caplog, monkeypatch, order_entry
):
    monkeypatch.setattr("anyvenue_gateio.limits.DAY_MAX", 5)

    async def scene(venue, answers):
        order = resting(spec(venue))
        await venue.place(spec(venue))
        await venue.amend(order, price=D(60100))
        await venue.balances()
        counts = [len(caplog.records)]
        await venue.cancel(order)
        await venue.order(order)
        counts.append(len(caplog.records))
        await venue.place_batch([spec(venue), spec(venue, client_order_id="a2")])
        await venue.place(spec(venue))
        return [*counts, len(caplog.records)]

    for command in ("place", "amend", "cancel"):
        gate.answers[f"futures.order_{command}"] = final(ORDER)
    rest = {CREATE: ORDER, f"PUT {ONE}": ORDER, f"DELETE {ONE}": ORDER, f"GET {ONE}": ORDER}
    counts, _ = play(scene, rest | {BATCH: [row("a1"), row("a2")]}, order_entry=order_entry)
    assert counts == [0, 0, 1]
    assert caplog.records[0].getMessage().startswith("mine: 5 orders, amends and cancels in 24 h, 100 % of 5.")


# Secrets


def assert_no_secret_in(texts, *, also=()):
    for text in texts:
        for secret in (KEY, SECRET, *also):
            assert secret not in text, text[:300]


def test_no_log_exception_or_repr_holds_a_secret(play, gate, caplog):
    async def scene(venue, answers):
        errors = []
        for answer in (
            refused(401, "INVALID_SIGNATURE"),
            refused(401, "INVALID_KEY"),
            httpx.Response(502, text="<html>"),
            httpx.ReadError,
            httpx.ConnectError,
            httpx.Response(200, text="<html>"),
            refused(403, "REQUEST_EXPIRED"),
        ):
            answers.on(CREATE, answer)
            try:
                await venue.place(spec(venue))
            except AnyvenueError as error:
                errors += [str(error), repr(error), repr(vars(error)), repr(error.__cause__), repr(error.__context__)]
        gate.line.say(b"garbage")
        return [*errors, repr(venue), repr(vars(venue)), repr(venue.context), repr(venue.events)]

    caplog.set_level(logging.DEBUG)
    texts, answers = play(scene, order_entry="rest")
    assert len(texts) > 30
    signatures = [sent.headers["sign"] for sent in answers.sent if "sign" in sent.headers]
    assert signatures
    records = [f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records]
    assert records
    assert_no_secret_in([*texts, *records, caplog.text], also=signatures)


def test_over_real_sockets_no_log_of_any_library_holds_a_secret(caplog):
    """Against the simulator on the loopback, with everything logged that is there to be logged."""

    async def whole():
        context = VenueContext(
            connection="mine",
            environment=Environment.SIMULATOR,
            clock=WallClock(),
            session="s1",
            options=GateOptions(order_entry="websocket"),
        )
        venue = GateVenue(context)
        events = []
        try:
            await venue.connect(events.append)
            found = {found.symbol: found for found in await venue.instruments()}["BTC-USDT-PERP"]
            book = await venue.order_book(found)
            price = found.round_price(D(book.bids[-1][0]) * D("0.9"), Side.BUY)
            order = spec_of(found, price)
            (report,) = await venue.place(order)
            await venue.cancel(resting(order, report.venue_order_id))
            assert venue._keys is not None
            return venue._keys.key, venue._keys.secret.reveal()
        finally:
            await venue.close()

    def spec_of(found, price):
        least = found.min_quantity
        return OrderSpec(client_order_id="a1", instrument=found, side=Side.BUY, quantity=least, price=price)

    caplog.set_level(logging.DEBUG)
    key, secret = asyncio.run(asyncio.wait_for(whole(), 20))
    records = [f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records]
    assert {"anyvenue.wire", "asyncio"} <= {record.name for record in caplog.records}
    assert len(secret) > 8
    for text in (*records, caplog.text):
        assert key not in text
        assert secret not in text
        assert "signature" not in text.lower()
