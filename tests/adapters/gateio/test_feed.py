"""One connection and all that is subscribed on it: refusals, losses, replacements and the trading API, by scenario."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging

import pytest
from listed import linear

from anyvenue.model.enums import Side
from anyvenue.model.errors import AuthenticationFailed, NotSent, OutcomeUnknown, Rejected
from anyvenue.model.market import Candle, Trade
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.venue.secrets import Secret
from anyvenue.wire.deadline import pause
from anyvenue.wire.server_time import ServerTime
from anyvenue_gateio.feed import Feed, Keys
from anyvenue_gateio.streams import Notice, Reader
from anyvenue_gateio.topics import Topic

START_NS = 1_700_000_000 * 10**9
URL = "wss://gate.test/v4/ws/usdt"
BTC = linear(venue="gateio", quantity_step="0.0001", min_quantity="0.0001", contract_size="0.0001")
OBU = Topic("futures.obu", ("ob.BTC_USDT.50",))
TRADES = Topic("futures.trades", ("BTC_USDT",))
TICKERS = Topic("futures.tickers", ("BTC_USDT",))
CANDLES = Topic("futures.candlesticks", ("1m", "BTC_USDT"))
KEYS = Keys("made-up-key", Secret("made-up-secret"), user="110284739")
PRIVATE = ["orders", "usertrades", "positions", "autoorders", "liquidates", "auto_deleverages", "balances"]


class Stage:
    """A feed, the venue's end of it, and what the feed tells."""

    def __init__(self, clock, gate, *, ahead_s=0, **settings):
        self.clock, self.gate, self.told = clock, gate, []

        async def server_time():
            return clock.time_ns() + ahead_s * 10**9

        self.time = ServerTime(clock, server_time)
        self.feed = Feed(
            URL,
            clock=clock,
            time=self.time,
            dial=gate,
            reader=Reader({"BTC_USDT": BTC}.get, {}.get),
            on_event=self.told.append,
            on_push=self.told.append,
            on_down=lambda reason: self.told.append(f"down: {reason}"),
            on_up=lambda: self.told.append("up"),
            **settings,
        )

    def asked(self, event="subscribe"):
        return self.gate.line.asked(event)


@pytest.fixture
def play(gate):
    """Runs `scene(stage)` on a driven clock, with the feed closed behind it."""

    def run(scene, *, opened=True, **settings):
        async def whole():
            clock = DrivenClock(START_NS)
            stage = Stage(clock, gate, **settings)

            async def played():
                await stage.time.sync()
                if opened:
                    await stage.feed.open()
                try:
                    return await scene(stage)
                finally:
                    await stage.feed.close()

            return await asyncio.wait_for(Pump(clock).serve(played()), 20)

        return asyncio.run(whole())

    return run


def refusing(code, message=""):
    def answer(frame):
        ack = {name: frame[name] for name in ("time", "id", "channel", "event")}
        return [ack | {"error": {"code": code, "message": message}, "result": {"status": "fail"}}]

    return answer


def nothing(frame):
    return []


def trade(number):
    row = {"id": number, "size": 3, "price": "60000.1", "create_time_ms": 1_700_000_000_123, "contract": "BTC_USDT"}
    return {"time": 1, "time_ms": 1, "channel": "futures.trades", "event": "update", "result": [row]}


def upgrade():
    return {"time": 1, "channel": "futures.system", "event": "update", "result": {"type": "upgrade", "msg": "bye"}}


def reply(request_id, *, status="200", **more):
    return {"request_id": request_id, "header": {"status": status}} | more


# Subscribing


def test_a_subscription_is_one_frame_and_what_comes_is_told(play):
    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        await stage.feed.subscribe(TRADES)
        stage.gate.line.say(trade(5))
        await pause(stage.clock, 1)
        return stage

    stage = play(scene)
    assert stage.asked() == [("futures.trades", ["BTC_USDT"])]
    (told,) = stage.told
    assert isinstance(told, Trade)
    assert (told.trade_id, told.side, told.ts_recv) == ("5", Side.BUY, START_NS)


def test_the_upgrade_request_asks_for_decimal_sizes_and_bears_no_key(play, gate):
    async def scene(stage):
        pass

    play(scene, keys=lambda: KEYS)
    assert gate.dialed == [(URL, {"X-Gate-Size-Decimal": "1"})]


def test_a_public_frame_has_the_venues_time_and_no_signature(play):
    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        return stage.gate.line.sent

    (frame,) = play(scene, ahead_s=7)
    assert frame == {
        "time": 1_700_000_007,
        "id": frame["id"],
        "channel": "futures.trades",
        "event": "subscribe",
        "payload": ["BTC_USDT"],
    }


def test_all_of_the_account_is_subscribed_at_once_each_frame_with_its_own_signature(play):
    async def scene(stage):
        return stage.gate.line.sent

    frames = play(scene, keys=lambda: KEYS, ahead_s=7)
    assert [frame["channel"] for frame in frames] == [f"futures.{name}" for name in PRIVATE]
    assert len({frame["id"] for frame in frames}) == len(frames)
    for frame in frames:
        text = f"channel={frame['channel']}&event=subscribe&time=1700000007"
        assert frame["time"] == 1_700_000_007
        sign = hmac.new(b"made-up-secret", text.encode(), hashlib.sha512).hexdigest()
        assert frame["auth"] == {"method": "api_key", "KEY": "made-up-key", "SIGN": sign}
        assert frame["payload"] == ["110284739"] + ["!all"] * (frame["channel"] != "futures.balances")


def test_a_duplicate_is_a_success(play, gate):
    gate.answers["futures.obu"] = refusing(2, "Alert sub ob.BTC_USDT.50")

    async def scene(stage):
        await stage.feed.subscribe(OBU)
        return list(stage.feed.topics)

    assert play(scene) == [OBU]


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        (2, "unknown contract NEW_USDT", Rejected),
        (1, "malformed request", Rejected),
        (4, "auth fail", AuthenticationFailed),
        (3, "server side", NotSent),
    ],
)
def test_a_refused_subscription_raises_and_is_not_kept(play, gate, code, message, error):
    gate.answers["futures.trades"] = refusing(code, message)

    async def scene(stage):
        with pytest.raises(error) as caught:
            await stage.feed.subscribe(TRADES)
        return caught.value, list(stage.feed.topics)

    found, topics = play(scene)
    assert topics == []
    assert message in str(found) or code == 3


def test_no_acknowledgement_in_time_is_an_unknown_outcome_after_three_frames(play, gate):
    gate.answers["futures.trades"] = nothing

    async def scene(stage):
        before = stage.clock.time_ns()
        with pytest.raises(OutcomeUnknown, match="no answer within 3 s"):
            await stage.feed.subscribe(TRADES)
        return (
            stage.clock.time_ns() - before,
            stage.asked().count(("futures.trades", ["BTC_USDT"])),
            list(stage.feed.topics),
        )

    assert play(scene) == (9 * 10**9, 3, [])


def lost(times, taken):
    """Answers all frames but the first so many."""
    left = [nothing] * times

    def answer(frame):
        return (left.pop() if left else taken)(frame)

    return answer


def test_a_subscription_whose_acknowledgement_is_lost_is_asked_for_again(play, gate, taken):
    gate.answers["futures.trades"] = lost(2, taken)

    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        return list(stage.feed.topics)

    assert play(scene) == [TRADES]


def test_an_unsubscription_is_sent_once(play, gate):
    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        gate.answers["futures.trades"] = nothing
        with pytest.raises(OutcomeUnknown):
            await stage.feed.unsubscribe(TRADES)
        return stage.asked("unsubscribe").count(("futures.trades", ["BTC_USDT"]))

    assert play(scene) == 1


def test_data_before_the_acknowledgement_is_told(play, gate, taken):
    gate.answers["futures.trades"] = lambda frame: [trade(5), *taken(frame)]

    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        return [event.trade_id for event in stage.told]

    assert play(scene) == ["5"]


def test_unsubscribing_waits_for_the_acknowledgement(play):
    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        await stage.feed.unsubscribe(TRADES)
        await stage.feed.unsubscribe(TRADES)
        return stage

    stage = play(scene)
    assert stage.asked("unsubscribe") == [("futures.trades", ["BTC_USDT"])]
    assert stage.feed.topics == {}


def test_what_cannot_be_read_does_not_end_the_connection(play, gate, caplog):
    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        stage.gate.line.say(b"<html>", {"channel": "futures.trades", "event": "update", "result": [{}]}, trade(6))
        await pause(stage.clock, 1)
        return stage.told

    *unreadable, told = play(scene)
    assert told.trade_id == "6"
    assert unreadable == [Notice("unreadable")] * 2
    assert len(gate.lines) == 1
    assert "cannot be read" in caplog.text


def test_an_acknowledgement_with_an_impossible_id_does_not_end_the_connection(play, gate):
    async def scene(stage):
        stage.gate.line.say({"channel": "futures.trades", "event": "subscribe", "id": [1], "result": {}})
        await stage.feed.subscribe(TRADES)

    play(scene)
    assert len(gate.lines) == 1


# Opening


def test_a_key_that_is_not_accepted_ends_the_opening(play, gate):
    gate.answers["futures.positions"] = refusing(4, "auth fail")

    async def scene(stage):
        with pytest.raises(AuthenticationFailed) as caught:
            await stage.feed.open()
        return str(caught.value)

    text = play(scene, opened=False, keys=lambda: KEYS)
    assert "auth fail" in text
    assert "made-up" not in text


@pytest.mark.parametrize("channel", ["futures.orders", "futures.login"])
def test_an_opening_survives_the_loss_of_an_answer(play, gate, taken, channel):
    gate.answers[channel] = lost(1, taken)

    async def scene(stage):
        return stage.feed.is_up

    assert play(scene, keys=lambda: KEYS, login=True)


def test_an_opening_whose_first_connection_ends_goes_on_with_another(play, gate, taken):
    def hang_up(frame):
        gate.answers["futures.orders"] = taken
        gate.line.hang_up()
        return []

    gate.answers["futures.orders"] = hang_up

    async def scene(stage):
        return stage.feed.is_up, len(gate.lines)

    assert play(scene, keys=lambda: KEYS) == (True, 2)


def test_an_opening_that_is_closed_meanwhile_is_not_tried_again(play, gate):
    gate.answers["futures.orders"] = nothing

    async def scene(stage):
        opening = asyncio.ensure_future(stage.feed.open())
        await pause(stage.clock, 1)
        await stage.feed.close()
        with pytest.raises(NotSent):
            await opening
        return len(gate.lines)

    assert play(scene, opened=False, keys=lambda: KEYS) == 1


def test_trouble_of_the_venues_own_in_opening_is_not_sent(play, gate):
    gate.answers["futures.positions"] = refusing(3, "server side")

    async def scene(stage):
        with pytest.raises(NotSent):
            await stage.feed.open()
        return len(gate.lines)

    assert play(scene, opened=False, keys=lambda: KEYS) == 3


# Losing the connection


def test_a_new_connection_subscribes_all_anew(play, gate):
    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        await stage.feed.subscribe(OBU)
        await stage.feed.subscribe(TICKERS)
        await stage.feed.unsubscribe(OBU)
        gate.line.hang_up("lost")
        await pause(stage.clock, 60)
        return stage

    stage = play(scene, keys=lambda: KEYS)
    assert stage.told == ["down: lost", "up"]
    assert len(gate.lines) == 2
    assert [channel for channel, _ in stage.asked()] == [
        *(f"futures.{name}" for name in PRIVATE),
        "futures.trades",
        "futures.tickers",
    ]


def test_what_is_subscribed_while_it_is_down_comes_with_the_next_connection(play, gate):
    async def scene(stage):
        gate.refusals.append(OSError("nobody listens"))
        gate.line.hang_up("lost")
        await pause(stage.clock, 0)
        await stage.feed.subscribe(TRADES)
        await stage.feed.subscribe(TICKERS)
        await stage.feed.unsubscribe(TICKERS)
        at = len(gate.lines)
        await pause(stage.clock, 120)
        return stage, at

    stage, at = play(scene)
    assert at == 1
    assert stage.told == ["down: lost", "up"]
    assert stage.asked() == [("futures.trades", ["BTC_USDT"])]


def test_what_is_subscribed_while_a_connection_is_being_opened_is_subscribed_on_it(play, gate, taken):
    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        held = []
        gate.answers["futures.trades"] = lambda frame: held.append(frame) or []
        gate.line.hang_up("lost")
        while not held:
            await pause(stage.clock, 0.1)
        await stage.feed.subscribe(TICKERS)
        gate.line.say(*taken(held[0]))
        await pause(stage.clock, 1)
        return stage

    stage = play(scene)
    assert [channel for channel, _ in stage.asked()] == ["futures.trades", "futures.tickers"]


def noted(gate, channel, answer):
    """An event that is set when a frame of this channel comes."""
    asked = asyncio.Event()

    def noting(frame):
        asked.set()
        return answer(frame)

    gate.answers[channel] = noting
    return asked


@pytest.mark.parametrize("turns", range(12))
def test_no_moment_of_a_connections_return_loses_a_subscription(play, gate, taken, turns):
    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        asked = noted(gate, "futures.trades", taken)
        gate.line.hang_up("lost")
        await asked.wait()  # the acknowledgement is on its way: in which turn of the loop may one subscribe?
        for _ in range(turns):
            await asyncio.sleep(0)
        await stage.feed.subscribe(TICKERS)
        await pause(stage.clock, 1)
        return stage

    stage = play(scene)
    assert stage.asked().count(("futures.tickers", ["BTC_USDT"])) == 1


def test_a_subscription_whose_connection_is_lost_before_the_acknowledgement_comes_with_the_next(play, gate, taken):
    gate.answers["futures.trades"] = nothing

    async def scene(stage):
        before = stage.clock.time_ns()
        asking = asyncio.ensure_future(stage.feed.subscribe(TRADES))
        await pause(stage.clock, 1)
        gate.answers["futures.trades"] = taken
        gate.line.hang_up("lost")
        await asking
        assert stage.clock.time_ns() - before < 2 * 10**9
        await pause(stage.clock, 60)
        return stage

    stage = play(scene)
    assert list(stage.feed.topics) == [TRADES]
    assert stage.asked() == [("futures.trades", ["BTC_USDT"])]


def test_unsubscribing_is_done_when_the_connection_is_lost(play, gate):
    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        gate.answers["futures.trades"] = nothing
        leaving = asyncio.ensure_future(stage.feed.unsubscribe(TRADES))
        await pause(stage.clock, 1)
        gate.line.hang_up("lost")
        await leaving
        await pause(stage.clock, 60)
        return stage

    stage = play(scene)
    assert stage.asked() == []


def test_a_topic_that_a_new_connection_refuses_is_dropped_loudly_and_the_others_live_on(play, gate, caplog):
    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        await stage.feed.subscribe(TICKERS)
        gate.answers["futures.trades"] = refusing(2, "unknown contract BTC_USDT")
        gate.line.hang_up("lost")
        await pause(stage.clock, 60)
        return stage

    with caplog.at_level(logging.ERROR):
        stage = play(scene)
    assert list(stage.feed.topics) == [TICKERS]
    assert stage.told == ["down: lost", Notice("refused", "futures.trades", TRADES), "up"]
    assert "unknown contract BTC_USDT" in caplog.text


def test_trouble_of_the_venues_own_is_tried_again(play, gate, taken):
    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        tries = []

        def answer(frame):
            tries.append(frame)
            return refusing(3, "server side")(frame) if len(tries) < 3 else taken(frame)

        gate.answers["futures.trades"] = answer
        gate.line.hang_up("lost")
        await pause(stage.clock, 120)
        return stage, len(tries)

    stage, tries = play(scene)
    assert (stage.told, tries) == (["down: lost", "up"], 3)


def test_a_key_that_is_no_longer_accepted_ends_it(play, gate):
    async def scene(stage):
        gate.answers["futures.orders"] = refusing(4, "auth fail")
        gate.line.hang_up("lost")
        await pause(stage.clock, 300)
        return stage

    stage = play(scene, keys=lambda: KEYS)
    assert len(gate.lines) == 2
    assert stage.told[0] == "down: lost"
    assert "auth fail" in stage.told[1]


def test_silence_is_noticed_although_nobody_hangs_up(play, gate):
    gate.answers["futures.ping"] = nothing

    async def scene(stage):
        await pause(stage.clock, 40)
        return stage

    stage = play(scene)
    assert stage.told == ["down: nothing was heard for 25 s", "up"]


def test_a_pong_keeps_a_quiet_connection(play, gate):
    async def scene(stage):
        await pause(stage.clock, 300)
        return stage

    stage = play(scene)
    assert stage.told == []
    assert [frame["time"] - 1_700_000_000 for frame in gate.line.sent][:3] == [10, 20, 30]
    assert gate.line.sent[0] == {"time": 1_700_000_010, "channel": "futures.ping"}


def candle(t):
    row = {"t": t, "o": "2", "h": "3", "l": "1", "c": "2", "v": 4, "n": "1m_BTC_USDT"}
    return {"time": 1, "time_ms": 1, "channel": "futures.candlesticks", "event": "update", "result": [row]}


@pytest.mark.parametrize("how", ["lost", "left"])
def test_a_candle_that_was_open_when_its_stream_broke_off_is_never_told_as_ended(play, gate, how):
    async def scene(stage):
        await stage.feed.subscribe(CANDLES)
        gate.line.say(candle(1_699_999_980))
        await pause(stage.clock, 1)
        if how == "lost":
            gate.line.hang_up("lost")
            await pause(stage.clock, 60)
        else:
            await stage.feed.unsubscribe(CANDLES)
            await stage.feed.subscribe(CANDLES)
        gate.line.say(candle(1_700_000_040))
        await pause(stage.clock, 1)
        return [(event.ts_open // 10**9, event.closed) for event in stage.told if isinstance(event, Candle)]

    assert play(scene) == [(1_699_999_980, False), (1_700_000_040, False)]


# Being replaced


def test_an_upgrade_notice_replaces_the_connection_and_nobody_is_told_of_a_loss(play, gate):
    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        first = gate.line
        gate.line.say(trade(1), upgrade())
        await pause(stage.clock, 1)
        assert first.closed == "closed by us"
        gate.line.say(trade(1), trade(2))
        await pause(stage.clock, 1)
        return stage

    stage = play(scene, keys=lambda: KEYS)
    assert len(gate.lines) == 2
    assert [event.trade_id for event in stage.told] == ["1", "2"]
    assert [channel for channel, _ in stage.asked()] == [*(f"futures.{name}" for name in PRIVATE), "futures.trades"]


def test_both_connections_are_heard_until_the_new_one_is_ready(play, gate, taken):
    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        held, first = [], gate.line
        gate.answers["futures.trades"] = lambda frame: held.append(frame) or []
        first.say(upgrade())
        await pause(stage.clock, 1)
        first.say(trade(1))
        await pause(stage.clock, 1)
        assert [event.trade_id for event in stage.told] == ["1"]
        assert not first.closed
        gate.line.say(*taken(held[0]))
        await pause(stage.clock, 1)
        return first.closed

    assert play(scene) == "closed by us"


@pytest.mark.parametrize("turns", range(12))
def test_no_moment_of_a_replacement_loses_a_subscription(play, gate, taken, turns):
    async def scene(stage):
        await stage.feed.subscribe(TRADES)
        asked = noted(gate, "futures.trades", taken)
        gate.line.say(upgrade())
        await asked.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        await stage.feed.subscribe(TICKERS)
        await pause(stage.clock, 1)
        return stage

    stage = play(scene)
    assert ("futures.tickers", ["BTC_USDT"]) in stage.asked()


# The trading API


def test_a_login_opens_the_trading_api_before_anything_is_subscribed(play, gate):
    async def scene(stage):
        return gate.line.sent

    frames = play(scene, keys=lambda: KEYS, login=True, ahead_s=7)
    login = frames[0]
    sign = hmac.new(b"made-up-secret", b"api\nfutures.login\n\n1700000007", hashlib.sha512).hexdigest()
    assert login == {
        "time": 1_700_000_007,
        "channel": "futures.login",
        "event": "api",
        "payload": {
            "api_key": "made-up-key",
            "signature": sign,
            "timestamp": "1700000007",
            "req_id": login["payload"]["req_id"],
        },
    }
    assert [frame["channel"] for frame in frames[1:]] == [f"futures.{name}" for name in PRIVATE]


def test_a_login_without_need_is_not_made(play, gate):
    async def scene(stage):
        return [frame["channel"] for frame in gate.line.sent]

    assert "futures.login" not in play(scene, keys=lambda: KEYS)


@pytest.mark.parametrize(
    ("status", "label", "error"),
    [
        ("401", "AUTHENTICATION_FAILED", AuthenticationFailed),
        ("400", "AUTHENTICATION_FAILED", AuthenticationFailed),
        ("401", "INVALID_KEY", AuthenticationFailed),
        ("429", "TOO_MANY_REQUESTS", NotSent),
        ("500", "INTERNAL", NotSent),
    ],
)
def test_a_refused_login_ends_the_opening(play, gate, status, label, error):
    def answer(frame):
        errs = {"label": label, "message": "Not login"}
        return [reply(frame["payload"]["req_id"], status=status, data={"errs": errs})]

    gate.answers["futures.login"] = answer

    async def scene(stage):
        with pytest.raises(error) as caught:
            await stage.feed.open()
        return str(caught.value)

    text = play(scene, opened=False, keys=lambda: KEYS, login=True)
    assert label in text
    assert "made-up" not in text


def test_a_login_refused_for_a_while_is_tried_again(play, gate, taken):
    async def scene(stage):
        tries = []

        def answer(frame):
            tries.append(stage.clock.time_ns())
            errs = {"label": "TOO_MANY_REQUESTS", "message": "wait"}
            busy = reply(frame["payload"]["req_id"], status="429", data={"errs": errs})
            return [busy] if len(tries) < 3 else taken(frame)

        gate.answers["futures.login"] = answer
        gate.line.hang_up("lost")
        await pause(stage.clock, 120)
        return stage.told

    assert play(scene, keys=lambda: KEYS, login=True) == ["down: lost", "up"]


def placing(stage, **more):
    return stage.feed.call("futures.order_place", {"contract": "BTC_USDT", "size": "1"}, **more)


def test_a_call_completes_with_the_final_reply_and_not_with_received(play, gate):
    def answer(frame):
        return [reply(frame["payload"]["req_id"], ack=True, data={"result": {"req_param": {}}})]

    gate.answers["futures.order_place"] = answer

    async def scene(stage):
        call = asyncio.ensure_future(placing(stage, expires_ms=1_700_000_005_000))
        await pause(stage.clock, 3)
        assert not call.done()
        sent = gate.line.sent[-1]
        gate.line.say(reply(sent["payload"]["req_id"], ack=False, data={"result": {"id": 36028827892199865}}))
        return sent, (await call).data

    sent, data = play(scene, ahead_s=7)
    assert data == {"result": {"id": 36028827892199865}}
    assert sent == {
        "time": 1_700_000_007,
        "channel": "futures.order_place",
        "event": "api",
        "payload": {
            "req_id": sent["payload"]["req_id"],
            "req_param": {"contract": "BTC_USDT", "size": "1"},
            "req_header": {"x-gate-exptime": "1700000005000"},
        },
    }


def test_replies_find_their_calls_in_any_order(play, gate):
    gate.answers["futures.order_place"] = nothing

    async def scene(stage):
        calls = [asyncio.ensure_future(placing(stage)) for _ in range(3)]
        await pause(stage.clock, 1)
        ids = [frame["payload"]["req_id"] for frame in gate.line.sent]
        gate.line.say(*(reply(one, data={"result": one}) for one in reversed(ids)))
        return ids, [(await call).data["result"] for call in calls]

    ids, results = play(scene)
    assert len(set(ids)) == 3
    assert results == ids


def test_a_refusal_that_comes_as_an_acknowledgement_is_final(play, gate):
    def answer(frame):
        errs = {"label": "INVALID_PARAM_VALUE", "message": "size"}
        return [reply(frame["payload"]["req_id"], status="400", ack=True, data={"errs": errs})]

    gate.answers["futures.order_place"] = answer

    async def scene(stage):
        return (await placing(stage)).status

    assert play(scene) == 400


def test_a_connection_lost_between_received_and_final_leaves_the_outcome_unknown_at_once(play, gate):
    gate.answers["futures.order_place"] = lambda frame: [reply(frame["payload"]["req_id"], ack=True, data={})]

    async def scene(stage):
        call = asyncio.ensure_future(placing(stage))
        await pause(stage.clock, 1)
        gate.line.hang_up("lost")
        with pytest.raises(OutcomeUnknown, match="ended before the final reply") as caught:
            await call
        assert stage.clock.time_ns() - START_NS < 2 * 10**9
        await pause(stage.clock, 60)
        sent = [frame for line in gate.lines for frame in line.sent if frame["channel"] == "futures.order_place"]
        return caught.value, sent

    error, sent = play(scene)
    assert error.request == "futures.order_place"
    assert len(sent) == 1, "a create is never repeated"


def test_a_final_reply_that_never_comes_leaves_the_outcome_unknown(play, gate):
    gate.answers["futures.order_place"] = lambda frame: [reply(frame["payload"]["req_id"], ack=True, data={})]

    async def scene(stage):
        with pytest.raises(OutcomeUnknown, match="no answer within 10 s"):
            await placing(stage)
        gate.line.say(reply(gate.line.sent[0]["payload"]["req_id"], data={"result": 1}))
        await pause(stage.clock, 1)
        return stage.told, len(gate.lines)

    assert play(scene) == ([], 1)


def test_a_call_while_there_is_no_connection_is_not_sent(play, gate):
    async def scene(stage):
        gate.line.hang_up("lost")
        await pause(stage.clock, 0)
        with pytest.raises(NotSent, match="lost"):
            await placing(stage)

    play(scene)
    assert [frame for line in gate.lines for frame in line.sent if frame["channel"] == "futures.order_place"] == []


def test_a_forced_event_reaches_whoever_listens(play, gate):
    async def scene(stage):
        row = {"contract": "BTC_USDT", "size": -1, "order_id": 5}
        gate.line.say({"time": 1, "channel": "futures.liquidates", "event": "update", "result": [row]})
        await pause(stage.clock, 1)
        return stage.told

    (told,) = play(scene, keys=lambda: KEYS)
    assert isinstance(told, Notice)
    assert told.kind == "forced"


def test_neither_key_nor_secret_nor_signature_is_logged(play, gate, caplog):
    async def scene(stage):
        gate.line.say(b"garbage")
        gate.line.hang_up("lost")
        await pause(stage.clock, 60)
        return stage

    with caplog.at_level(logging.DEBUG):
        stage = play(scene, keys=lambda: KEYS, login=True)
    texts = [caplog.text, repr(stage.feed), *map(str, stage.told)]
    frames = [frame for line in gate.lines for frame in line.sent]
    signatures = [frame["auth"]["SIGN"] for frame in frames if "auth" in frame]
    assert len(signatures) == 2 * len(PRIVATE)
    for text in texts:
        assert not any(secret in text for secret in ("made-up-key", "made-up-secret", *signatures))


def test_keys_do_not_show_themselves():
    assert "made-up" not in repr(KEYS)
