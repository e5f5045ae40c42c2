"""The wire of one account: latency both ways, order kept, replies and what becomes of them at the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model.errors import NotSent, OutcomeUnknown
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.connection import Connection, Pipe, attempt

START = 1_000


class Host:
    """A far end that carries out at once and then tells one event."""

    def __init__(self, clock):
        self.clock = clock
        self.served = []
        self.left = []

    def serve(self, connection, action, answer):
        self.served.append(self.clock.time_ns())
        answer(attempt(action))
        connection.deliver(lambda now: ("event", now))

    def leave(self, connection):
        self.left.append(connection)


@pytest.fixture
def clock():
    return DrivenClock(START)


@pytest.fixture
def host(clock):
    return Host(clock)


@pytest.fixture
def events():
    return []


@pytest.fixture
def connection(clock, host, events):
    inward, outward = Pipe(clock, latency_ns=20), Pipe(clock, latency_ns=30)
    connection = Connection(clock, host, "me", inward=inward, outward=outward)
    connection.open(events.append, {})
    return connection


def run(clock):
    while clock.step():
        pass


def test_a_request_arrives_after_the_latency_in_and_its_reply_after_the_latency_out(clock, host, connection, events):
    reply = connection.call(lambda: "done")
    clock.run_until(START + 20)
    assert host.served == [START + 20]
    clock.run_until(START + 49)
    assert not reply.done
    clock.run_until(START + 50)
    assert reply.result() == "done"
    assert events == [("event", START + 50)]


def test_the_reply_comes_before_the_events_that_follow_from_it(clock, connection, events):
    reply = connection.call(lambda: "done")
    reply.when_done(lambda: events.append("reply"))
    run(clock)
    assert events == ["reply", ("event", START + 50)]


@pytest.mark.parametrize("error", [NotSent("no"), ValueError("no"), TypeError("no")])
def test_an_error_a_client_may_get_comes_back_as_the_reply(clock, connection, error):
    def refuse():
        raise error

    reply = connection.call(refuse)
    run(clock)
    with pytest.raises(type(error), match="no"):
        reply.result()


def test_a_fault_of_the_simulation_is_raised_where_it_happens(clock, connection):
    connection.call(lambda: {}["missing"])
    with pytest.raises(KeyError):
        run(clock)


def test_without_latency_it_takes_no_time(clock, host, events):
    connection = Connection(clock, host, "me", inward=Pipe(clock), outward=Pipe(clock))
    connection.open(events.append, {})
    reply = connection.call(lambda: 1)
    run(clock)
    assert reply.result() == 1
    assert clock.time_ns() == START


def test_nothing_is_sent_before_open_and_after_close(clock, host, connection):
    fresh = Connection(clock, host, "me", inward=Pipe(clock), outward=Pipe(clock))
    with pytest.raises(NotSent):
        fresh.call(lambda: 1)
    connection.close()
    with pytest.raises(NotSent):
        connection.call(lambda: 1)


def test_close_leaves_what_is_under_way_unknown_and_tells_nothing_more(clock, host, connection, events):
    reply = connection.call(lambda: "done")
    connection.close()
    with pytest.raises(OutcomeUnknown):
        reply.result()
    run(clock)
    assert host.served == [START + 20]
    assert host.left == [connection]
    assert events == []


def test_a_call_that_would_overtake_arrives_right_behind_the_one_before():
    clock, seen = DrivenClock(), []
    pipe = Pipe(clock, latency_ns=10, jitter_ns=1_000, seed="one")
    for name in range(50):
        clock.call_at(name, lambda name=name: pipe.send(lambda name: seen.append((clock.time_ns(), name)), name))
    run(clock)
    times, names = zip(*seen, strict=True)
    assert names == tuple(range(50))
    assert list(times) == sorted(times)
    assert all(time >= name + 10 for time, name in seen)
    assert len(set(times)) > 1


@given(st.text(max_size=5), st.integers(0, 100), st.integers(0, 100), st.lists(st.integers(0, 50), max_size=30))
def test_a_pipe_keeps_order_and_bounds_and_is_the_same_for_the_same_seed(seed, latency, jitter, pauses):
    def arrivals():
        clock, seen, sent = DrivenClock(), [], []
        pipe = Pipe(clock, latency_ns=latency, jitter_ns=jitter, seed=seed)
        now = 0
        for number, pause in enumerate(pauses):
            now += pause
            sent.append(now)
            clock.run_until(now)
            pipe.send(lambda number: seen.append((number, clock.time_ns())), number)
        run(clock)
        return seen, sent

    seen, sent = arrivals()
    assert [number for number, _ in seen] == list(range(len(pauses)))
    latest = 0
    for (_, arrived), left in zip(seen, sent, strict=True):
        latest = max(latest, left + latency + jitter)
        assert left + latency <= arrived <= latest
    assert arrivals() == (seen, sent)
