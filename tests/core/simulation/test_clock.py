"""A driven clock: order of calls, time that never goes back, cancelled calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.simulation.clock import DrivenClock


def noting(clock, seen, name):
    return lambda: seen.append((name, clock.time_ns()))


def test_calls_run_in_the_order_of_their_times_and_then_of_their_making():
    clock, seen = DrivenClock(100), []
    clock.call_at(300, noting(clock, seen, "late"))
    clock.call_at(200, noting(clock, seen, "first of two"))
    clock.call_at(200, noting(clock, seen, "second of two"))
    while clock.step():
        pass
    assert seen == [("first of two", 200), ("second of two", 200), ("late", 300)]


def test_time_stands_still_between_steps():
    clock = DrivenClock(100)
    clock.call_at(200, lambda: None)
    assert (clock.time_ns(), clock.next_time) == (100, 200)
    assert clock.step()
    assert (clock.time_ns(), clock.next_time) == (200, None)
    assert not clock.step()
    assert clock.time_ns() == 200


def test_a_call_for_the_past_runs_now_behind_what_waits_for_now():
    clock, seen = DrivenClock(100), []
    clock.call_at(100, noting(clock, seen, "now"))
    clock.call_at(50, noting(clock, seen, "past"))
    clock.step()
    clock.step()
    assert seen == [("now", 100), ("past", 100)]


def test_a_cancelled_call_never_runs_and_cancelling_again_does_nothing():
    clock, seen = DrivenClock(), []
    timer = clock.call_at(10, noting(clock, seen, "cancelled"))
    kept = clock.call_at(20, noting(clock, seen, "kept"))
    timer.cancel()
    timer.cancel()
    assert clock.next_time == 20
    assert clock.step()
    assert not clock.step()
    kept.cancel()
    assert seen == [("kept", 20)]


def test_run_until_runs_what_is_due_and_what_that_makes_due():
    clock, seen = DrivenClock(), []
    clock.call_at(10, lambda: clock.call_at(20, noting(clock, seen, "made on the way")))
    clock.call_at(31, noting(clock, seen, "later"))
    clock.run_until(30)
    assert seen == [("made on the way", 20)]
    assert clock.time_ns() == 30
    clock.run_until(5)
    assert clock.time_ns() == 30


def test_an_error_in_a_call_reaches_whoever_turns_the_clock_and_the_clock_goes_on():
    clock, seen = DrivenClock(), []
    clock.call_at(1, lambda: 1 / 0)
    clock.call_at(2, noting(clock, seen, "next"))
    try:
        clock.step()
    except ZeroDivisionError:
        clock.step()
    assert seen == [("next", 2)]


def leaping(clock, seen, times):
    """Return a call that is at one time after the other, and calls itself again where the clock does not let it."""

    def call():
        seen.append(("leaping", clock.time_ns()))
        while times:
            when = times.pop(0)
            if clock.reach(when, call) is not None:
                return
            seen.append(("leaping", clock.time_ns()))

    return call


def test_a_call_may_go_on_to_a_later_time_after_all_that_is_due_until_then():
    clock, seen, steps = DrivenClock(), [], []
    clock.call_at(1, leaping(clock, seen, [2, 3, 5, 5, 6]))
    clock.call_at(3, noting(clock, seen, "other"))
    clock.call_at(4, noting(clock, seen, "cancelled")).cancel()
    clock.call_at(7, noting(clock, seen, "last"))
    clock.run(lambda: steps.append(clock.time_ns()))
    assert seen == [
        ("leaping", 1),
        ("leaping", 2),
        ("other", 3),
        ("leaping", 3),
        ("leaping", 5),
        ("leaping", 5),
        ("leaping", 6),
        ("last", 7),
    ]
    assert steps == [0, 3, 6, 7]  # before each step, after what a call let happen on its way, and at the end


def test_a_run_that_is_over_on_the_way_to_a_later_time_leaves_the_call_waiting_for_it():
    clock, seen = DrivenClock(), []
    clock.call_at(1, leaping(clock, seen, [5]))
    clock.call_at(3, noting(clock, seen, "other"))
    clock.run(lambda: clock.time_ns() == 3)
    assert (seen, clock.time_ns(), clock.next_time) == ([("leaping", 1), ("other", 3)], 3, 5)
    clock.step()
    assert seen[2:] == [("leaping", 5)]


def test_what_fails_on_the_way_to_a_later_time_leaves_the_call_waiting_for_it():
    clock, seen = DrivenClock(), []
    clock.call_at(1, leaping(clock, seen, [5]))
    clock.call_at(3, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        clock.run(lambda: False)
    assert (clock.time_ns(), clock.next_time) == (3, 5)


TIMES = st.lists(st.integers(0, 20), max_size=8)


@given(st.lists(TIMES.map(sorted), min_size=1, max_size=3), TIMES, st.lists(st.tuples(st.integers(0, 20), TIMES)))
def test_a_run_makes_the_calls_that_steps_make_in_the_same_order(tapes, cancelled, others):
    def made(turn):
        clock, seen = DrivenClock(), []

        def other(number, delays):
            seen.append((number, clock.time_ns()))
            for delay in delays:
                clock.call_at(clock.time_ns() + delay, noting(clock, seen, (number, delay)))

        for number, times in enumerate(tapes):
            waiting = list(times)

            def play(number=number, waiting=waiting):
                seen.append(("tape", number, clock.time_ns()))
                while waiting:
                    if clock.reach(waiting.pop(0), lambda: play(number, waiting)) is not None:
                        return
                    seen.append(("tape", number, clock.time_ns()))

            clock.call_at(0, play)
        for number, (when, delays) in enumerate(others):
            clock.call_at(when, lambda number=number, delays=delays: other(number, delays))
        for when in cancelled:
            clock.call_at(when, lambda: seen.append("cancelled")).cancel()
        turn(clock)
        return seen

    def step(clock):
        while clock.step():
            pass

    assert made(lambda clock: clock.run(lambda: False)) == made(step)


def test_whoever_turns_the_clock_by_steps_sees_every_one():
    clock, seen = DrivenClock(), []
    clock.call_at(1, leaping(clock, seen, [2, 3]))
    clock.run(lambda: True)
    clock.step()
    assert (seen, clock.next_time) == ([("leaping", 1)], 2)
    clock.run_until(2)
    assert (seen, clock.next_time) == ([("leaping", 1), ("leaping", 2)], 3)


def test_a_run_ends_when_it_is_over():
    clock, seen = DrivenClock(), []
    for when in (1, 2, 3):
        clock.call_at(when, noting(clock, seen, "call"))
    clock.run(lambda: len(seen) == 2)
    assert (len(seen), clock.time_ns(), clock.next_time) == (2, 2, 3)


def test_cancelled_calls_do_not_pile_up():
    clock = DrivenClock()
    for _ in range(100_000):
        clock.call_at(10**18, lambda: None).cancel()
    assert len(clock._heap) < 3_000


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans())))
def test_what_is_not_cancelled_runs_once_sorted_by_time(calls):
    clock, seen = DrivenClock(), []
    timers = [clock.call_at(when, lambda n=n: seen.append(n)) for n, (when, _) in enumerate(calls)]
    for timer, (_, cancelled) in zip(timers, calls, strict=True):
        if cancelled:
            timer.cancel()
    while clock.step():
        pass
    assert seen == sorted((n for n, call in enumerate(calls) if not call[1]), key=lambda n: (calls[n][0], n))
