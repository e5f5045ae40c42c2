"""The flow of the usual tutorial on Gate's futures, with the SDK and a plain WebSocket client, and its usual mistakes.

It is pointed at `anyvenue sim gateio`, a process of its own, with nothing but the line that this prints.
"""

import hashlib
import hmac
import json
import subprocess
import sys
import time
from decimal import Decimal

import gate_api
import pytest
import websocket
from gate_api.exceptions import ApiException, GateApiException

PATIENCE_S = 10


@pytest.fixture(scope="module")
def gate():
    command = [sys.executable, "-m", "anyvenue", "sim", "gateio", "--json", "--set", "simulation.market=synthetic"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            assert process.wait(PATIENCE_S) == 0


@pytest.fixture
def futures(gate):
    account = gate["accounts"][0]
    configuration = gate_api.Configuration(host=gate["urls"]["rest"], key=account["key"], secret=account["secret"])
    with gate_api.ApiClient(configuration) as client:
        yield gate_api.FuturesApi(client)
        client.rest_client.pool_manager.clear()


@pytest.fixture
def socket(gate):
    socket = websocket.create_connection(gate["urls"]["ws_usdt"], header=["X-Gate-Size-Decimal: 1"], timeout=PATIENCE_S)
    yield socket
    socket.close()


def subscribe(gate, socket, channel, payload, *, signs="subscribe"):
    """Send a private subscription the way Gate's documents say; `signs` is the event that goes into the signature."""
    account, now = gate["accounts"][0], int(time.time())
    text = f"channel={channel}&event={signs}&time={now}"
    sign = hmac.new(account["secret"].encode(), text.encode(), hashlib.sha512).hexdigest()
    auth = {"method": "api_key", "KEY": account["key"], "SIGN": sign}
    frame = {"time": now, "channel": channel, "event": "subscribe", "payload": payload, "auth": auth}
    socket.send(json.dumps(frame))


def await_frame(socket, channel, event):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        frame = json.loads(socket.recv())
        if (frame.get("channel"), frame.get("event")) == (channel, event):
            return frame
    raise AssertionError(f"no {event} on {channel}")


def user_of(futures):
    """The user id that private channels want; the SDK's model leaves it out of the answer."""
    return str(json.loads(futures.list_futures_accounts("usdt", _preload_content=False).data)["user"])


def best_ask(futures):
    """The book, once the market has one."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        book = futures.list_futures_order_book("usdt", "BTC_USDT", limit=5, with_id=True)
        if book.asks and book.bids:
            return Decimal(book.asks[0].p)
    raise AssertionError("the book stayed empty")


def test_the_whole_flow(gate, futures, socket):
    account = futures.list_futures_accounts("usdt")
    assert Decimal(account.available) == 100_000  # the simulation's usual balance
    contract = futures.get_futures_contract("usdt", "BTC_USDT")
    assert Decimal(contract.quanto_multiplier) == Decimal("0.0001")  # so that 100 contracts are 0.01 BTC

    socket.send(json.dumps({"time": int(time.time()), "channel": "futures.tickers", "event": "subscribe",
                            "payload": ["BTC_USDT"]}))  # fmt: skip
    assert await_frame(socket, "futures.tickers", "subscribe")["result"] == {"status": "success"}
    assert await_frame(socket, "futures.tickers", "update")["result"][0]["contract"] == "BTC_USDT"
    subscribe(gate, socket, "futures.orders", [user_of(futures), "BTC_USDT"])
    assert await_frame(socket, "futures.orders", "subscribe")["result"] == {"status": "success"}

    ask = best_ask(futures)
    resting = futures.create_futures_order(
        "usdt", gate_api.FuturesOrder(contract="BTC_USDT", size="100", price=str(ask - 500), tif="gtc", text="t-rest")
    )
    assert (resting.status, resting.text, resting.left) == ("open", "t-rest", "100")
    pushed = await_frame(socket, "futures.orders", "update")["result"][0]
    assert (str(pushed["id"]), pushed["status"], pushed["left"]) == (str(resting.id), "open", "100")
    assert futures.cancel_futures_order("usdt", str(resting.id)).finish_as == "cancelled"

    bought = futures.create_futures_order(
        "usdt", gate_api.FuturesOrder(contract="BTC_USDT", size="10", price="0", tif="ioc", text="t-market")
    )
    assert (bought.status, bought.finish_as, bought.left) == ("finished", "filled", "0")
    assert Decimal(bought.fill_price) > 0
    assert Decimal(futures.get_position("usdt", "BTC_USDT").size) == 10
    closed = futures.create_futures_order(
        "usdt",
        gate_api.FuturesOrder(contract="BTC_USDT", size="-10", price="0", tif="ioc", reduce_only=True, text="t-close"),
    )
    assert closed.finish_as == "filled"
    assert Decimal(futures.get_position("usdt", "BTC_USDT").size) == 0


def test_a_text_without_its_prefix_is_refused(futures):
    order = gate_api.FuturesOrder(contract="BTC_USDT", size="1", price="50000", tif="gtc", text="limit_entry")
    with pytest.raises(GateApiException) as refused:
        futures.create_futures_order("usdt", order)
    assert (refused.value.status, refused.value.label) == (400, "INVALID_PARAM_VALUE")


def test_a_subscription_signed_for_another_event_is_refused(gate, futures, socket):
    subscribe(gate, socket, "futures.orders", [user_of(futures), "BTC_USDT"], signs="api")
    assert await_frame(socket, "futures.orders", "subscribe")["error"]["code"] == 4


def test_the_sdk_has_no_get_futures_account(futures):
    assert not hasattr(futures, "get_futures_account")


def test_a_contract_of_another_settle_is_not_found(futures):
    with pytest.raises(GateApiException) as refused:
        futures.get_futures_contract("btc", "BTC_USDT")
    assert refused.value.label == "CONTRACT_NOT_FOUND"


def test_the_frames_of_an_old_generation_get_no_data(socket):
    socket.send(json.dumps({"id": 1, "method": "futures.subscribe", "params": ["BTC_USDT", "trades"]}))
    answer = json.loads(socket.recv())
    assert answer["error"]["code"] in (1, 2)  # malformed, or a bad argument: the documents do not say which


def test_another_accounts_user_id_is_no_use(gate, socket):
    subscribe(gate, socket, "futures.orders", ["20", "BTC_USDT"])
    assert await_frame(socket, "futures.orders", "subscribe")["error"] is not None


def test_a_wrong_secret_is_refused(gate):
    account = gate["accounts"][0]
    configuration = gate_api.Configuration(host=gate["urls"]["rest"], key=account["key"], secret="0" * 64)
    with gate_api.ApiClient(configuration) as client:
        with pytest.raises((GateApiException, ApiException)) as refused:
            gate_api.FuturesApi(client).list_futures_accounts("usdt")
        client.rest_client.pool_manager.clear()
    assert refused.value.label == "INVALID_SIGNATURE"
