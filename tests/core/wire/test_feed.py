"""A feed: what is asked is answered, what is subscribed is there again after a loss, what arrives is told."""

import asyncio
import json
from collections import deque
from itertools import count

import pytest

from anyvenue.model.errors import AuthenticationFailed, NotSent, OutcomeUnknown, Rejected, RejectReason
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.wire.deadline import pause
from anyvenue.wire.feed import ANSWER_S, Answer, Ask, Feed
from anyvenue.wire.socket import SocketClosed

START_NS = 1_700_000_000_000_000_000


class Socket:
    """A socket whose other end answers each frame at once, as `server` says; `say` and `hang_up` are its own."""

    def __init__(self, server):
        self.sent = []
        self._server = server
        self._inbox = deque()
        self._closed = ""
        self._woken = asyncio.Event()

    def say(self, *messages):
        self._inbox.extend(
            message if isinstance(message, bytes) else json.dumps(message).encode() for message in messages
        )
        self._woken.set()

    def hang_up(self):
        self._closed = self._closed or "closed by the venue"
        self._woken.set()

    async def send(self, data):
        if self._closed:
            raise SocketClosed(self._closed)
        self.sent.append(json.loads(data))
        self.say(*self._server(json.loads(data)))

    async def receive(self):
        while not self._inbox:
            if self._closed:
                raise SocketClosed(self._closed)
            self._woken.clear()
            await self._woken.wait()
        return self._inbox.popleft()

    async def close(self):
        self.hang_up()


class Protocol:
    """Frames are JSON: {"id", "do"} out; {"id", "error"} and {"news"} in."""

    heartbeat = None

    def __init__(self):
        self._numbers = count(1)

    def opening(self, time_ns):
        return [self.ask(f"login at {time_ns}"), Ask('{"do": "wave"}')]

    def subscribe(self, topic):
        return self.ask(f"subscribe {topic}")

    def unsubscribe(self, topic):
        return self.ask(f"unsubscribe {topic}")

    def ask(self, do):
        number = next(self._numbers)
        return Ask(json.dumps({"id": number, "do": do}), key=number)

    def read(self, raw, ts_recv):
        frame = json.loads(raw)
        if "id" in frame:
            error = {
                "no": Rejected("refused", reason=RejectReason.OTHER),
                "key": AuthenticationFailed("the key is wrong"),
            }.get(frame.get("error"))
            yield Answer(key=frame["id"], data=frame.get("data"), error=error)
        for one in frame.get("news", ()):
            yield one["text"]


def agreeing(frame):
    return [{"id": frame["id"], "data": frame["do"]}] if "id" in frame else []


class Stage:
    def __init__(self, clock):
        self.clock = clock
        self.server = agreeing
        self.sockets = []
        self.told = []
        self.protocol = Protocol()
        self.feed = Feed(
            "wss://venue.test/ws",
            self.protocol,
            venue="test",
            clock=clock,
            dial=self._dial,
            on_event=self.told.append,
            on_down=lambda reason: self.told.append("down"),
            on_up=lambda: self.told.append("up"),
            on_unreadable=lambda: self.told.append("unreadable"),
            on_refused=lambda topic, error: self.told.append(f"refused {topic}"),
        )

    async def _dial(self, url, headers):
        self.sockets.append(Socket(lambda frame: self.server(frame)))
        return self.sockets[-1]

    def done(self, number=-1):
        """What was done on one of the sockets, without the login's time."""
        return [frame["do"].partition(" at")[0] for frame in self.sockets[number].sent]

    async def lose(self):
        self.sockets[-1].hang_up()
        await pause(self.clock, 60)


def play(scenario):
    async def run():
        clock = DrivenClock(START_NS)
        stage = Stage(clock)

        async def whole():
            await scenario(stage)
            await stage.feed.close()

        await Pump(clock).serve(whole())
        return stage

    return asyncio.run(run())


def test_a_connection_begins_as_the_protocol_says_one_frame_after_the_other():
    stage = play(lambda stage: stage.feed.open())
    assert stage.sockets[0].sent == [{"id": 1, "do": f"login at {START_NS}"}, {"do": "wave"}]


def test_a_key_that_is_refused_at_the_login_ends_it():
    async def scenario(stage):
        stage.server = lambda frame: [{"id": frame["id"], "error": "key"}]
        with pytest.raises(AuthenticationFailed):
            await stage.feed.open()

    assert len(play(scenario).sockets) == 1


def test_a_topic_is_subscribed_once_and_again_on_each_new_connection():
    async def scenario(stage):
        await stage.feed.open()
        await stage.feed.subscribe("a")
        await stage.feed.subscribe("a")
        await stage.feed.subscribe("b")
        await stage.feed.unsubscribe("a")
        await stage.feed.unsubscribe("a")
        await stage.lose()

    stage = play(scenario)
    assert stage.done(0) == ["login", "wave", "subscribe a", "subscribe b", "unsubscribe a"]
    assert stage.done(1) == ["login", "wave", "subscribe b"]
    assert stage.told == ["down", "up"]


def test_what_is_asked_for_while_there_is_no_connection_is_there_with_the_next_one():
    async def scenario(stage):
        await stage.feed.open()
        stage.sockets[-1].hang_up()
        await pause(stage.clock, 0)
        assert not stage.feed.is_up
        await stage.feed.subscribe("a")
        await pause(stage.clock, 60)
        assert stage.feed.is_up

    assert play(scenario).done(1) == ["login", "wave", "subscribe a"]


def test_a_topic_that_is_refused_is_not_kept():
    async def scenario(stage):
        await stage.feed.open()
        stage.server = lambda frame: [{"id": frame["id"], "error": "no"}]
        with pytest.raises(Rejected):
            await stage.feed.subscribe("a")
        stage.server = agreeing
        await stage.lose()

    assert play(scenario).done(1) == ["login", "wave"]


def test_a_topic_that_is_refused_on_a_new_connection_is_told_and_the_others_are_there():
    async def scenario(stage):
        await stage.feed.open()
        await stage.feed.subscribe("a")
        await stage.feed.subscribe("b")
        stage.server = lambda f: [{"id": f["id"], "error": "no"}] if f["do"] == "subscribe a" else agreeing(f)
        await stage.lose()
        assert list(stage.feed.topics) == ["b"]

    assert play(scenario).told == ["down", "refused a", "up"]


def test_a_call_returns_the_answers_data_and_raises_its_error():
    async def scenario(stage):
        await stage.feed.open()
        assert await stage.feed.call(stage.protocol.ask("buy")) == "buy"
        stage.server = lambda frame: [{"id": frame["id"], "error": "no"}]
        with pytest.raises(Rejected):
            await stage.feed.call(stage.protocol.ask("buy"))

    play(scenario)


def test_a_call_without_an_answer_has_an_unknown_outcome_after_a_while():
    async def scenario(stage):
        await stage.feed.open()
        stage.server = lambda frame: []
        before = stage.clock.time_ns()
        with pytest.raises(OutcomeUnknown):
            await stage.feed.call(stage.protocol.ask("buy"))
        assert stage.clock.time_ns() - before == int(ANSWER_S * 1e9)

    assert play(scenario).done() == ["login", "wave", "buy"]


def test_a_call_whose_connection_ends_has_an_unknown_outcome_at_once():
    async def scenario(stage):
        await stage.feed.open()
        stage.server = lambda frame: []
        call = asyncio.ensure_future(stage.feed.call(stage.protocol.ask("buy")))
        await pause(stage.clock, 1)
        stage.sockets[-1].hang_up()
        with pytest.raises(OutcomeUnknown):
            await call
        assert stage.clock.time_ns() < START_NS + 2 * 10**9

    play(scenario)


def test_a_call_without_a_connection_was_not_sent():
    async def scenario(stage):
        await stage.feed.open()
        stage.sockets[-1].hang_up()
        await pause(stage.clock, 0)
        with pytest.raises(NotSent):
            await stage.feed.call(stage.protocol.ask("buy"))

    play(scenario)


def test_all_that_a_frame_tells_is_passed_on_and_what_cannot_be_read_is_told_and_does_no_harm():
    async def scenario(stage):
        await stage.feed.open()
        stage.sockets[-1].say({"news": [{"text": "one"}, {"text": "two"}]}, b"{", {"news": [{"text": "three"}, {}]})
        stage.sockets[-1].say({"news": [{"text": "four"}]}, {"id": 99})
        await pause(stage.clock, 1)

    stage = play(scenario)
    assert stage.told == ["one", "two", "unreadable", "three", "unreadable", "four"]
    assert len(stage.sockets) == 1


def test_a_fault_in_what_is_done_about_an_event_is_not_taken_for_one_of_the_frame():
    async def scenario(stage):
        def on_event(event):
            stage.told.append(event)
            raise KeyError("ours")

        stage.feed._on_event = on_event
        await stage.feed.open()
        stage.sockets[-1].say({"news": [{"text": "one"}]})
        await pause(stage.clock, 60)

    stage = play(scenario)
    assert stage.told == ["one", "down", "up"]  # it connects anew, as after any fault of ours
