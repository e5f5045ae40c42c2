"""The supervised connection, by scenario: on a driven clock over sockets in memory, and once over the loopback."""

import asyncio
import logging
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import serve

from anyvenue.model.errors import (
    AuthenticationFailed,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    RejectReason,
    VenueProtocolError,
)
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.venue.clock import WallClock
from anyvenue.wire.deadline import pause
from anyvenue.wire.dial import dial
from anyvenue.wire.link import Heartbeat, Link
from anyvenue.wire.socket import SocketClosed

START_NS = 1_700_000_000_000_000_000
URL = "wss://user:5ecret@venue.test/ws?key=5ecret"


class Line:
    """A socket in memory, with the venue's end of it: `say`, `hang_up`, `sent`."""

    def __init__(self):
        self.sent = []
        self.breaks_on_send = False
        self.last_words = ()  # what the venue still says when it is asked to close
        self.farewell = None  # awaited in closing
        self.closed = ""
        self._inbox = deque()
        self._woken = asyncio.Event()

    def say(self, *messages):
        self._inbox.extend(messages)
        self._woken.set()

    def hang_up(self, reason="closed by the venue: 1006"):
        self.closed = self.closed or reason
        self._woken.set()

    async def send(self, data):
        if self.breaks_on_send:
            self.hang_up("broke under the sending")
        if self.closed:
            raise SocketClosed(self.closed)
        self.sent.append(data)

    async def receive(self):
        while not self._inbox:
            if self.closed:
                raise SocketClosed(self.closed)
            self._woken.clear()
            await self._woken.wait()
        return self._inbox.popleft()

    async def close(self):
        if self.farewell is not None:
            await self.farewell()
        self.say(*self.last_words)
        self.hang_up("closed by us")


class Stage:
    """A link between sockets in memory and callbacks that note what they are told, and when."""

    def __init__(self, clock, *, heartbeat=None, dial_s=0.0):
        self.clock = clock
        self.lines = []
        self.dialed_at = []
        self.refusals = deque()  # what the next dials raise; None: they succeed
        self.opening = deque()  # what the next on_opens do; by default they subscribe
        self.told = []
        self.dial_s = dial_s
        self.on_message = lambda data: self.told.append(data.decode())
        self.link = Link(
            URL,
            venue="test",
            clock=clock,
            dial=self._dial,
            on_message=lambda data: self.on_message(data),
            on_open=self._on_open,
            on_down=lambda reason: self.told.append(f"down at {self.now:g}: {reason}"),
            on_up=lambda: self.told.append(f"up at {self.now:g}"),
            heartbeat=heartbeat,
            headers={"X-Key": "5ecret"},
            jitter=lambda: 1.0,
        )

    @property
    def now(self):
        return (self.clock.time_ns() - START_NS) / 1e9

    @property
    def line(self):
        return self.lines[-1]

    async def until(self, seconds):
        await pause(self.clock, seconds - self.now)

    async def _dial(self, url, headers):
        assert (url, headers) == (URL, {"X-Key": "5ecret"})
        self.dialed_at.append(round(self.now, 6))
        if self.dial_s:
            await pause(self.clock, self.dial_s)
        if self.refusals and (refusal := self.refusals.popleft()) is not None:
            raise refusal
        self.lines.append(Line())
        return self.line

    async def _on_open(self, send):
        if self.opening and (act := self.opening.popleft()) is not None:
            await act(send)
        else:
            await send("subscribe")


def raising(error):
    async def act(send):
        raise error

    return act


async def waiting_for_ever():
    await asyncio.Event().wait()


async def waiting(send):
    await waiting_for_ever()


def play(scenario, **options):
    """Run `scenario(stage)` on a driven clock, close the link, and see that nothing is left of it."""

    async def run():
        clock = DrivenClock(START_NS)
        stage = Stage(clock, **options)

        async def whole():
            await pause(clock, 0)  # from here on the pump's own task is there
            before = asyncio.all_tasks()
            await scenario(stage)
            await stage.link.close()
            await nothing_is_left(stage, before)

        await Pump(clock).serve(whole())
        return stage

    return asyncio.run(run())


async def nothing_is_left(stage, tasks_before):
    assert not stage.link.is_open
    assert asyncio.all_tasks() <= tasks_before
    assert all(line.closed for line in stage.lines)
    told = list(stage.told)
    for line in stage.lines:
        line.say(b"too late")
    await pause(stage.clock, 100)
    assert stage.told == told
    with pytest.raises(NotSent, match="closed"):
        await stage.link.send("too late")


def test_messages_go_in_and_out_once_it_is_open():
    async def scenario(stage):
        await stage.link.open()
        assert stage.link.is_open
        stage.line.say(b"a", b"b")
        await stage.link.send("order")
        await stage.until(1)
        assert stage.told == ["a", "b"]
        assert stage.line.sent == ["subscribe", "order"]

    play(scenario)


def test_opening_waits_for_a_reply_that_comes_as_a_message():
    async def scenario(stage):
        logged_in = asyncio.Event()

        async def log_in(send):
            await send("login")
            assert not stage.link.is_open
            await logged_in.wait()

        stage.opening.append(log_in)
        stage.on_message = lambda data: logged_in.set()
        stage.clock.call_at(START_NS + 3_000_000_000, lambda: stage.line.say(b"welcome"))
        await stage.link.open()
        assert stage.now == 3

    play(scenario)


def test_a_lost_connection_is_had_again_after_growing_delays():
    # Lost at 100. Tried again after 0.25, 0.5, 1, 2 s: at 100.25, 100.75, 101.75, 103.75. The last succeeds.
    async def scenario(stage):
        await stage.link.open()
        await stage.until(100)
        stage.refusals.extend([OSError("refused"), OSError("refused"), SocketClosed("at once"), None])
        stage.line.hang_up()
        await stage.until(103)
        assert not stage.link.is_open
        with pytest.raises(NotSent, match=r"venue\.test: closed by the venue: 1006"):
            await stage.link.send("order")
        await stage.until(110)
        assert stage.link.is_open
        assert stage.dialed_at == [0, 100.25, 100.75, 101.75, 103.75]
        assert stage.told == ["down at 100: closed by the venue: 1006", "up at 103.75"]
        assert stage.line.sent == ["subscribe"]

    play(scenario)


def test_delays_go_on_growing_while_connections_die_at_once_and_start_anew_after_one_that_lasted():
    async def scenario(stage):
        await stage.link.open()
        await stage.until(100)
        stage.line.hang_up()  # it lasted: again after 0.25 s
        await stage.until(110)
        stage.line.hang_up()  # up since 100.25, less than 30 s: again after 0.5 s
        await stage.until(150)
        stage.line.hang_up()  # up since 110.5: 0.25 s
        await stage.until(160)
        assert stage.dialed_at == [0, 100.25, 110.5, 150.25]

    play(scenario)


def test_a_connection_that_falls_silent_is_dead_after_the_patience():
    # Pings at 10, 20, 30. The last word is heard at 12, so at 12 + 25 = 37 it is dead, and tried again at 37.25.
    async def scenario(stage):
        await stage.link.open()
        await stage.until(12)
        stage.line.say(b"pong")
        await stage.until(36.9)
        assert stage.link.is_open
        await stage.until(40)
        assert stage.lines[0].sent == ["subscribe", "ping", "ping", "ping"]
        assert stage.lines[0].closed == "closed by us"
        assert stage.told == ["pong", "down at 37: nothing was heard for 25 s", "up at 37.25"]

    play(scenario, heartbeat=Heartbeat(ping=lambda: "ping"))


def test_any_message_is_a_sign_of_life_and_pings_go_out_all_the_same():
    async def scenario(stage):
        await stage.link.open()
        for second in range(1, 61):
            stage.clock.call_at(START_NS + second * 1_000_000_000, lambda: stage.line.say(b"."))
        await stage.until(60.5)
        assert stage.line.sent == ["subscribe"] + ["ping"] * 6
        assert stage.told == ["."] * 60

    play(scenario, heartbeat=Heartbeat(ping=lambda: "ping"))


def test_a_connection_that_is_silent_while_it_is_opened_is_dead_too():
    async def scenario(stage):
        stage.opening.append(waiting)
        with pytest.raises(NotSent, match="nothing was heard for 5 s"):
            await stage.link.open()
        assert stage.now == 5

    play(scenario, heartbeat=Heartbeat(ping=lambda: "ping", every_s=2, patience_s=5))


def test_a_replaced_connection_is_left_after_the_new_one_is_ready_and_no_message_is_missed():
    # The venue numbers its messages and sends them to whoever is subscribed. One connection at least always is.
    async def scenario(stage):
        async def slowly(send):
            await pause(stage.clock, 0.35)
            await send("subscribe")

        def speak(number):
            for line in stage.lines:
                if "subscribe" in line.sent and not line.closed:
                    line.say(str(number).encode())

        await stage.link.open()
        stage.opening.append(slowly)
        for number in range(20):
            stage.clock.call_at(START_NS + number * 100_000_000, lambda number=number: speak(number))
        await stage.until(0.45)
        stage.link.replace("upgrade")
        stage.link.replace("upgrade")  # under way already
        await stage.until(0.7)
        assert (len(stage.lines), stage.lines[0].closed) == (2, "")
        await stage.until(3)
        assert len(stage.lines) == 2
        assert stage.lines[0].closed
        assert stage.link.is_open
        assert sorted({int(number) for number in stage.told}) == list(range(20))  # and neither down nor up
        await stage.link.send("order")
        assert stage.lines[1].sent == ["subscribe", "order"]

    play(scenario)


def test_what_still_arrives_on_the_replaced_connection_while_it_closes_is_passed_on():
    async def scenario(stage):
        await stage.link.open()
        stage.line.last_words = (b"filled", b"canceled")
        stage.link.replace("upgrade")
        await stage.until(1)
        assert stage.told == ["filled", "canceled"]
        assert len(stage.lines) == 2

    play(scenario)


def test_a_replaced_connection_that_never_closes_is_left_after_a_while():
    async def scenario(stage):
        await stage.link.open()
        old = stage.line
        old.farewell = waiting_for_ever
        stage.link.replace("upgrade")
        await stage.until(1.9)
        old.say(b"still")
        await stage.until(2.1)
        old.say(b"no more")
        await stage.until(3)
        assert stage.told == ["still"]
        old.hang_up()

    play(scenario)


@pytest.mark.parametrize("turns", range(6))
def test_a_connection_that_dies_as_its_replacement_gets_ready_leaves_one_connection(turns):
    async def scenario(stage):
        async def and_the_old_one_dies(send):
            stage.lines[0].hang_up("just now")
            for _ in range(turns):
                await asyncio.sleep(0)

        await stage.link.open()
        stage.opening.append(and_the_old_one_dies)
        stage.link.replace("upgrade")
        await stage.until(5)
        assert stage.told in ([], ["down at 0: just now", "up at 0.25"])
        assert sum(not line.closed for line in stage.lines) == 1
        await stage.link.send("order")
        assert stage.line.sent == ["subscribe", "order"] or stage.line.sent == ["order"]

    play(scenario)


def test_a_replacement_inherits_that_its_connection_lasted():
    # The delays have grown to 1 s when it is up, at 101.75. It lasts, is replaced at 200, and that dies at 201.
    async def scenario(stage):
        await stage.link.open()
        await stage.until(100)
        stage.refusals.extend([OSError("refused"), OSError("refused"), None])
        stage.line.hang_up("lost")
        await stage.until(200)
        stage.link.replace("upgrade")
        await stage.until(201)
        stage.line.hang_up("lost")
        await stage.until(210)
        assert stage.dialed_at == [0, 100.25, 100.75, 101.75, 200, 201.25]

    play(scenario)


@pytest.mark.parametrize(
    "failure",
    [OSError("refused"), SocketClosed("closed by the venue: 1013"), AuthenticationFailed("bad key"), KeyError("ours")],
)
def test_a_replacement_that_fails_leaves_the_present_connection(failure):
    async def scenario(stage):
        await stage.link.open()
        stage.opening.append(raising(failure))
        stage.link.replace("upgrade")
        await stage.until(5)
        stage.lines[0].say(b"on")
        await stage.link.send("order")
        await stage.until(6)
        assert stage.told == ["on"]
        assert stage.lines[0].sent == ["subscribe", "order"]
        assert stage.lines[1].closed
        stage.link.replace("upgrade again")
        await stage.until(7)
        assert (len(stage.lines), stage.lines[0].closed) == (3, "closed by us")

    play(scenario)


def test_a_connection_that_dies_while_it_is_replaced_is_an_ordinary_loss():
    async def scenario(stage):
        await stage.link.open()
        await stage.until(50)
        stage.opening.append(waiting)
        stage.link.replace("upgrade")
        await stage.until(51)
        stage.lines[0].hang_up("gone early")
        await stage.until(52)
        assert stage.told == ["down at 51: gone early", "up at 51.25"]
        assert stage.lines[1].closed
        assert stage.dialed_at == [0, 50, 51.25]

    play(scenario)


def test_a_replacement_that_dies_is_an_ordinary_loss():
    async def scenario(stage):
        await stage.link.open()
        await stage.until(50)
        stage.link.replace("upgrade")
        await stage.until(60)
        stage.line.hang_up("the new one")
        await stage.until(61)
        assert stage.told == ["down at 60: the new one", "up at 60.25"]

    play(scenario)


def test_there_is_nothing_to_replace_or_drop_while_it_is_down():
    async def scenario(stage):
        stage.link.replace("not open")
        stage.link.drop("not open")
        await stage.link.open()
        stage.refusals.append(OSError("refused"))
        stage.line.hang_up()
        await stage.until(0.4)
        stage.link.replace("down")
        stage.link.drop("down")
        await stage.until(5)
        assert stage.dialed_at == [0, 0.25, 0.75]

    play(scenario)


def test_opening_that_fails_twice_is_tried_again_and_told_once():
    # Lost at 40. Opening fails at 40.25; at 40.75 nobody answers for 10 s; at 50.75 + 1 s it works.
    async def scenario(stage):
        await stage.link.open()
        await stage.until(40)
        rejected = Rejected("no such channel", reason=RejectReason.OTHER)
        stage.opening.extend([raising(rejected), waiting])
        stage.line.hang_up("lost")
        await stage.until(60)
        assert stage.dialed_at == [0, 40.25, 40.75, 51.75]
        assert stage.told == ["down at 40: lost", "up at 51.75"]
        assert [bool(line.closed) for line in stage.lines] == [True, True, True, False]

    play(scenario)


def test_a_venue_that_asks_for_patience_gets_it():
    async def scenario(stage):
        await stage.link.open()
        await stage.until(40)
        stage.opening.append(raising(RateLimited("too many logins", retry_after_s=12)))
        stage.line.hang_up("lost")
        await stage.until(60)
        assert stage.dialed_at == [0, 40.25, 52.25]

    play(scenario)


def test_a_connection_that_dies_while_it_is_opened_does_not_wait_for_the_deadline():
    async def scenario(stage):
        await stage.link.open()
        await stage.until(40)
        stage.opening.append(waiting)
        stage.clock.call_at(START_NS + 41_000_000_000, lambda: stage.line.hang_up("again"))
        stage.line.hang_up("lost")
        await stage.until(45)
        assert stage.dialed_at == [0, 40.25, 41.5]
        assert stage.told == ["down at 40: lost", "up at 41.5"]

    play(scenario)


def test_dialing_has_a_deadline():
    async def scenario(stage):
        with pytest.raises(NotSent, match=r"test: no connection to venue\.test: it took longer than 10 s to connect"):
            await stage.link.open()
        assert stage.now == 10

    play(scenario, dial_s=60)


def test_a_wrong_key_ends_the_link_at_once():
    async def scenario(stage):
        stage.opening.append(raising(AuthenticationFailed("the key is unknown")))
        with pytest.raises(AuthenticationFailed, match="the key is unknown"):
            await stage.link.open()

    stage = play(scenario)
    assert stage.told == []


def test_a_key_that_is_withdrawn_ends_the_link_on_reconnecting():
    async def scenario(stage):
        await stage.link.open()
        stage.opening.append(raising(AuthenticationFailed("the key is unknown")))
        stage.line.hang_up("lost")
        await stage.until(100)
        assert stage.told == ["down at 0: lost", "down at 0.25: the key is unknown"]
        assert stage.dialed_at == [0, 0.25]
        with pytest.raises(NotSent, match="the key is unknown"):
            await stage.link.send("order")

    play(scenario)


@pytest.mark.parametrize("failure", [OSError("refused"), SocketClosed("closed"), TimeoutError("slow")])
def test_a_first_connection_that_cannot_be_had_says_where_why_and_what_to_do(failure):
    async def scenario(stage):
        stage.refusals.append(failure)
        with pytest.raises(NotSent, match=rf"test: no connection to venue\.test: {failure}; check") as caught:
            await stage.link.open()
        assert "5ecret" not in str(caught.value)
        await stage.link.open()
        assert stage.link.is_open
        with pytest.raises(RuntimeError, match="opened once"):
            await stage.link.open()

    play(scenario)


def test_a_refusal_to_open_is_no_matter_of_the_network():
    async def scenario(stage):
        stage.opening.append(raising(Rejected("no such channel", reason=RejectReason.OTHER)))
        with pytest.raises(NotSent, match=r"venue\.test was reached, but opening failed: no such channel"):
            await stage.link.open()
        assert stage.line.closed

    play(scenario)


def test_a_message_that_cannot_be_read_is_logged_and_the_link_goes_on(caplog):
    async def scenario(stage):
        def read(data):
            if data != b"good":
                raise VenueProtocolError("not JSON", raw=b"<html>" + b"x" * 10_000)
            stage.told.append("good")

        stage.on_message = read
        await stage.link.open()
        stage.line.say(b"deflated", b"good")
        await stage.until(1)
        assert stage.told == ["good"]

    play(scenario)
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.name == "anyvenue.wire"
    assert "not JSON" in line.getMessage()
    assert "<html>xxx" in line.getMessage()
    assert len(line.getMessage()) < 300


@pytest.mark.parametrize("fault", [KeyError("price"), OSError("disk full"), SocketClosed("elsewhere")])
def test_a_fault_of_ours_is_logged_with_its_traceback_and_the_link_connects_anew(fault, caplog):
    kind = type(fault).__name__

    async def scenario(stage):
        def read(data):
            raise fault

        await stage.link.open()
        await stage.until(40)
        stage.on_message = read
        stage.line.say(b"a", b"b")
        await stage.until(50)
        assert stage.told == [f"down at 40: a fault of ours in handling a message ({kind})", "up at 40.25"]

    play(scenario)
    (line,) = [record for record in caplog.records if record.exc_info]
    assert line.exc_info[1] is fault


def test_a_fault_in_a_ping_or_in_opening_connects_anew():
    def ping():
        raise KeyError("id")

    async def scenario(stage):
        await stage.link.open()
        stage.opening.append(raising(KeyError("ours")))
        await stage.until(14)
        assert stage.dialed_at == [0, 10.25, 10.75]
        assert stage.told == ["down at 10: a fault of ours in sending a ping (KeyError)", "up at 10.75"]

    play(scenario, heartbeat=Heartbeat(ping=ping))


def test_a_callback_that_fails_ends_nothing(caplog):
    async def scenario(stage):
        def fail(*args):
            raise KeyError("ours")

        stage.link._on_down = stage.link._on_up = fail
        await stage.link.open()
        stage.line.hang_up("lost")
        await stage.until(5)
        assert stage.link.is_open

    play(scenario)
    assert len([record for record in caplog.records if record.exc_info]) == 2


def test_opening_that_is_canceled_from_within_is_tried_again():
    async def cancel(send):
        raise asyncio.CancelledError

    async def scenario(stage):
        await stage.link.open()
        stage.opening.append(cancel)
        stage.line.hang_up("lost")
        await stage.until(5)
        assert stage.dialed_at == [0, 0.25, 0.75]
        assert stage.link.is_open

    play(scenario)


def test_after_a_drop_not_even_what_waits_already_is_passed_on():
    async def scenario(stage):
        def read(data):
            stage.told.append(data.decode())
            if data == b"nonsense":
                stage.link.drop("nonsense from the venue")

        stage.on_message = read
        await stage.link.open()
        await stage.until(40)
        stage.line.say(b"a", b"nonsense", b"b")
        await stage.until(50)
        assert stage.told == ["a", "nonsense", "down at 40: nonsense from the venue", "up at 40.25"]

    play(scenario)


def test_a_connection_that_ends_under_a_sending_leaves_the_outcome_unknown():
    async def scenario(stage):
        await stage.link.open()
        stage.line.breaks_on_send = True
        with pytest.raises(OutcomeUnknown, match=r"venue\.test ended under the sending: broke"):
            await stage.link.send("order")
        await stage.until(1)
        assert stage.link.is_open

    play(scenario)


def test_open_says_so_where_it_is_closed_meanwhile():
    async def scenario(stage):
        stage.opening.append(waiting)
        stage.clock.call_at(START_NS + 1_000_000_000, lambda: closing.append(asyncio.ensure_future(stage.link.close())))
        with pytest.raises(NotSent, match="closed while it was being opened"):
            await stage.link.open()
        await asyncio.gather(*closing)
        with pytest.raises(RuntimeError):
            await stage.link.open()

    closing = []
    play(scenario)


def test_closing_waits_until_the_socket_is_closed_and_stops_every_timer():
    async def scenario(stage):
        async def slowly():
            await pause(stage.clock, 0.5)

        await stage.link.open()
        await stage.until(3)
        stage.line.farewell = slowly
        closing = asyncio.ensure_future(stage.link.close())
        await stage.link.close()
        await closing
        assert (stage.now, stage.line.closed) == (3.5, "closed by us")
        assert stage.clock.next_time is None

    play(scenario, heartbeat=Heartbeat(ping=lambda: "ping"))


def test_closing_lets_no_message_through_that_waits_already():
    async def scenario(stage):
        await stage.link.open()
        stage.line.say(b"too late")
        await stage.link.close()
        assert stage.told == []

    play(scenario)


def test_nothing_goes_out_on_a_connection_that_was_dropped():
    async def scenario(stage):
        async def drop(send):
            stage.link.drop("nonsense")
            with pytest.raises(SocketClosed, match="nonsense"):
                await send("too late")

        stage.opening.append(drop)
        with pytest.raises(NotSent, match="nonsense"):
            await stage.link.open()
        assert stage.line.sent == []

    play(scenario)


def test_closing_waits_for_what_is_under_way():
    async def scenario(stage):
        before = asyncio.all_tasks()
        opening = asyncio.ensure_future(stage.link.open())
        await stage.until(1)
        await stage.link.close()
        assert asyncio.all_tasks() <= before | {opening}
        with pytest.raises(NotSent, match="closed while"):
            await opening

    play(scenario, dial_s=60)


@pytest.mark.parametrize("turns", range(20))
def test_closing_at_any_turn_of_the_loop_while_it_opens_lets_nothing_begin(turns):
    async def scenario(stage):
        opening = asyncio.ensure_future(stage.link.open())
        for _ in range(turns):
            await asyncio.sleep(0)
        await stage.link.close()
        await asyncio.gather(opening, return_exceptions=True)
        assert opening.exception() is None or isinstance(opening.exception(), NotSent | RuntimeError)
        await stage.until(5)
        assert stage.told == []

    play(scenario)


@pytest.mark.parametrize("turns", range(20))
def test_canceling_open_at_any_turn_of_the_loop_leaves_nothing(turns):
    async def scenario(stage):
        opening = asyncio.ensure_future(stage.link.open())
        for _ in range(turns):
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        if opening.cancelled():
            await stage.until(5)
            assert not stage.link.is_open
            assert all(line.closed for line in stage.lines)

    play(scenario)


def test_open_that_is_canceled_leaves_nothing():
    async def scenario(stage):
        stage.opening.append(waiting)
        opening = asyncio.ensure_future(stage.link.open())
        await stage.until(1)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert stage.line.closed

    play(scenario)


def test_it_can_be_closed_from_within_opening():
    async def scenario(stage):
        async def close(send):
            await stage.link.close()

        await stage.link.open()
        stage.opening.append(close)
        stage.line.hang_up("lost")
        await stage.until(5)
        assert stage.told == ["down at 0: lost"]
        assert stage.dialed_at == [0, 0.25]

    play(scenario)


@given(
    close_ms=st.integers(0, 8000),
    turns=st.integers(0, 12),
    acts=st.lists(
        st.tuples(
            st.integers(0, 8000), st.sampled_from(["hang up", "replace", "drop", "say", "refuse", "fail", "wait"])
        ),
        max_size=12,
    ),
    dial_s=st.sampled_from([0.0, 0.15]),
)
def test_closing_at_any_moment_leaves_no_task_no_socket_and_no_callback(close_ms, turns, acts, dial_s):
    async def scenario(stage):
        def act(what):
            match what:
                case "hang up":
                    for line in stage.lines[-2:]:
                        line.hang_up()
                case "replace":
                    stage.link.replace("upgrade")
                case "drop":
                    stage.link.drop("nonsense")
                case "say":
                    for line in stage.lines[-2:]:
                        line.say(b"a", b"b")
                case "refuse":
                    stage.refusals.append(OSError("refused"))
                case "fail":
                    stage.opening.append(raising(OSError("lost")))
                case "wait":
                    stage.opening.append(waiting)

        for at_ms, what in acts:
            stage.clock.call_at(START_NS + at_ms * 1_000_000, lambda what=what: act(what))
        opening = asyncio.ensure_future(stage.link.open())
        await stage.until(close_ms / 1000)
        for _ in range(turns):
            await asyncio.sleep(0)
        await stage.link.close()
        told = list(stage.told)
        await asyncio.gather(opening, return_exceptions=True)
        assert opening.exception() is None or isinstance(opening.exception(), NotSent)
        assert stage.told == told

    play(scenario, heartbeat=Heartbeat(ping=lambda: "ping", every_s=1, patience_s=2.5), dial_s=dial_s)


@given(acts=st.lists(st.tuples(st.integers(0, 8000), st.sampled_from(["hang up", "replace", "drop"])), max_size=12))
def test_whatever_happens_down_and_up_take_turns_and_it_is_up_in_the_end(acts):
    async def scenario(stage):
        def act(what):
            match what:
                case "hang up":
                    stage.line.hang_up()
                case "replace":
                    stage.link.replace("upgrade")
                case "drop":
                    stage.link.drop("nonsense")

        await stage.link.open()
        for at_ms, what in acts:
            stage.clock.call_at(START_NS + at_ms * 1_000_000, lambda what=what: act(what))
        await stage.until(100)
        assert stage.link.is_open
        words = [word.split()[0] for word in stage.told]
        assert words == ["down", "up"] * (len(words) // 2)
        assert sum(not line.closed for line in stage.lines) == 1

    play(scenario, dial_s=0.15)


def test_over_the_loopback_it_survives_a_server_that_closes_and_one_that_upgrades():
    served = []

    async def handler(connection):
        served.append(connection)
        async for message in connection:
            await connection.send(f"{len(served)}:{message}")

    async def run():
        told = asyncio.Queue()
        async with serve(handler, "127.0.0.1", 0) as server:
            link = Link(
                f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/",
                venue="test",
                clock=WallClock(),
                dial=dial,
                on_message=lambda data: told.put_nowait(data.decode()),
                on_open=lambda send: send("subscribe"),
                on_down=lambda reason: told.put_nowait(reason),
                on_up=lambda: told.put_nowait("up"),
                heartbeat=Heartbeat(ping=lambda: "ping"),
                jitter=lambda: 0.0,
            )
            await link.open()
            heard = [await told.get()]
            await served[0].close(1012, "restart")
            heard += [await told.get() for _ in range(3)]
            link.replace("upgrade")
            heard.append(await told.get())
            await served[1].wait_closed()
            await link.send("order")
            heard.append(await told.get())
            await link.close()
            assert told.empty()
            return heard

    heard = asyncio.run(asyncio.wait_for(run(), 20))
    assert heard[0] == "1:subscribe"
    assert heard[1].startswith("closed by the venue: 1012")
    assert sorted(heard[2:4]) == ["2:subscribe", "up"]
    assert heard[4:] == ["3:subscribe", "3:order"]
