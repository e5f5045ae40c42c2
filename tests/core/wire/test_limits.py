"""Rate limits: never more than the limit in any window, and everybody in turn."""

import asyncio
import math

import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model.errors import NotSent
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.wire.deadline import pause
from anyvenue.wire.limits import Bucket, LimitNews, RateLimiter
from anyvenue.wire.request import Charge

SECOND = 1_000_000_000
MS = 1_000_000
ONE = Charge("orders")
FOREVER_S = math.inf


def run(main):
    async def whole():
        clock = DrivenClock()
        return await asyncio.wait_for(Pump(clock).serve(main(clock)), 10)

    return asyncio.run(whole())


async def taken_at(limiter, clock, charge=ONE, **how):
    """Take, and say when that was, in seconds."""
    await limiter.take([charge], **how)
    return clock.time_ns() / SECOND


def test_what_fits_goes_at_once_and_what_does_not_waits_until_the_window_has_passed():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=2, per_s=1.0)], clock)
        times = [await taken_at(limiter, clock)]
        await pause(clock, 0.4)
        return times + [await taken_at(limiter, clock) for _ in range(4)]

    assert run(main) == [
        0.0,
        0.4,
        1.0,
        1.4,
        2.0,
    ]  # a token bucket would give 0.0, 0.4, 0.5, 1.0, 1.5: three in a second


def test_a_request_that_would_wait_longer_than_its_patience_is_refused_at_once_and_takes_nothing():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=2, per_s=10.0)], clock, patience_s=5.0)
        await limiter.take([ONE])
        with pytest.raises(NotSent, match=r"rate limit orders: found a wait of 10\.00 s, allowed are 5 s"):
            await limiter.take([Charge("orders", "", 2)])
        assert clock.time_ns() == 0
        await limiter.take([ONE])
        with pytest.raises(NotSent, match=r"allowed are 9\.5 s"):
            await limiter.take([ONE], patience_s=9.5)
        return await taken_at(limiter, clock, patience_s=10.0)

    assert run(main) == 10.0


def test_those_who_wait_already_count_for_the_wait_of_those_who_come():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=1, per_s=2.0)], clock, patience_s=5.0)
        waiting = [asyncio.create_task(taken_at(limiter, clock)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(NotSent, match=r"found a wait of 6\.00 s"):
            await limiter.take([ONE])
        assert clock.time_ns() == 0
        return await asyncio.gather(*waiting)

    assert run(main) == [0.0, 2.0, 4.0]


def test_all_charges_of_a_request_are_taken_together_or_not_at_all():
    async def main(clock):
        limiter = RateLimiter(
            [Bucket(name="orders", limit=1, per_s=3.0), Bucket(name="all", limit=2, per_s=1.0)], clock, patience_s=2.0
        )
        both = [Charge("all"), Charge("orders")]
        await limiter.take(both)
        with pytest.raises(NotSent, match="rate limit orders"):
            await limiter.take(both)
        await limiter.take([Charge("all")])  # of which the refused one has taken nothing
        assert clock.time_ns() == 0
        await limiter.take(both, patience_s=3.0)
        return clock.time_ns()

    assert run(main) == 3 * SECOND


def test_urgent_requests_pass_by_those_who_wait_and_use_what_is_kept_for_them():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=3, per_s=1.0, reserve=1)], clock)
        names, seen = ["a", "b", "c", "d"], []

        async def one(name, *, urgent=False):
            await limiter.take([ONE], urgent=urgent)
            seen.append((name, clock.time_ns() / SECOND))

        creates = [asyncio.create_task(one(name)) for name in names]
        await asyncio.sleep(0)
        cancels = [asyncio.create_task(one(name, urgent=True)) for name in ("x", "y")]
        await asyncio.gather(*creates, *cancels)
        return seen

    # By hand: a and b are all that creates may use, x takes the reserve. At 1.0 three are free: y, then c only, since
    # one stays in reserve. At 2.0 those are free again: d.
    assert run(main) == [("a", 0.0), ("b", 0.0), ("x", 0.0), ("y", 1.0), ("c", 1.0), ("d", 2.0)]


def test_an_urgent_one_that_pushes_another_beyond_its_patience_has_it_refused_at_once():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=1, per_s=3.0)], clock, patience_s=5.0)
        await limiter.take([ONE])
        create = asyncio.create_task(limiter.take([ONE]))
        await asyncio.sleep(0)
        cancel = asyncio.create_task(taken_at(limiter, clock, urgent=True))
        with pytest.raises(NotSent, match=r"found a wait of 6\.00 s"):
            await create
        assert clock.time_ns() == 0
        return await cancel

    assert run(main) == 3.0


def test_keys_make_separate_windows_under_one_rule():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="book", limit=1, per_s=1.0)], clock)
        for key in ("BTC", "ETH", "BTC"):
            await limiter.take([Charge("book", key)])
        return clock.time_ns()

    assert run(main) == SECOND


def test_windows_in_which_nothing_is_left_do_not_pile_up():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="book", limit=1, per_s=1.0)], clock)
        for number in range(10_000):
            await limiter.take([Charge("book", str(number))])
            await pause(clock, 0.1)  # ten of them are in use at any time
        return len(limiter._windows)

    assert run(main) <= 128


def test_who_gives_up_makes_room_for_those_behind():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=2, per_s=1.0)], clock, patience_s=1.5)
        await limiter.take([Charge("orders", "", 2)])
        first = asyncio.create_task(limiter.take([Charge("orders", "", 2)]))
        await asyncio.sleep(0)
        with pytest.raises(NotSent):
            await limiter.take([ONE])
        second = asyncio.create_task(taken_at(limiter, clock, patience_s=3.0))
        await pause(clock, 0.5)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    assert run(main) == 1.0


def test_who_gave_up_is_forgotten():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=1, per_s=1.0)], clock)
        await limiter.take([ONE])
        waiting = asyncio.create_task(limiter.take([ONE]))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await pause(clock, 1.0)
        return limiter._waiting, clock.next_time

    assert run(main) == ([], None)


def test_the_venues_own_count_is_followed_where_less_remains_than_we_think():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=10, per_s=1.0)], clock)
        await limiter.take([ONE])
        limiter.learn([LimitNews(charge=ONE, remaining=2), LimitNews(charge=ONE, remaining=8)])
        times = [await taken_at(limiter, clock) for _ in range(3)]
        await pause(clock, 2.0)
        limiter.learn([LimitNews(charge=ONE, remaining=0, reset_ns=clock.time_ns() + 300 * MS)])
        return [*times, await taken_at(limiter, clock)]

    assert run(main) == [0.0, 0.0, 1.0, 3.3]


def test_a_reset_further_away_than_the_window_is_long_is_not_believed():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=10, per_s=1.0)], clock)
        limiter.learn([LimitNews(charge=ONE, remaining=0, reset_ns=3600 * SECOND)])
        await pause(clock, 0.5)
        return await taken_at(limiter, clock)

    assert run(main) == 1.0


def test_a_lower_limit_is_followed_and_its_reserve_shrinks_with_it_and_a_higher_one_is_not():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=10, per_s=1.0, reserve=5)], clock)
        limiter.learn([LimitNews(charge=ONE, remaining=None, limit=4)])
        first = [await taken_at(limiter, clock) for _ in range(3)]
        await pause(clock, 1.0)
        limiter.learn([LimitNews(charge=ONE, remaining=None, limit=1000)])
        await pause(clock, 1.0)
        start = clock.time_ns() / SECOND
        return first, [await taken_at(limiter, clock) - start for _ in range(6)]

    assert run(main) == ([0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0])


def test_more_at_once_than_the_limit_is_refused_since_no_wait_would_help():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=10, per_s=1.0, reserve=2)], clock, patience_s=FOREVER_S)
        with pytest.raises(NotSent, match="found a cost of 9, allowed are 8 at once"):
            await limiter.take([Charge("orders", "", 9)])
        await limiter.take([Charge("orders", "", 9)], urgent=True)

    run(main)


def test_a_blocked_window_lets_nothing_through_before_its_time_and_others_everything():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=10, per_s=1.0)], clock)
        limiter.block(ONE, 2 * SECOND)
        limiter.block(ONE, 1 * SECOND)  # the later of the two holds
        await limiter.take([Charge("orders", "other")])
        assert clock.time_ns() == 0
        return await taken_at(limiter, clock, urgent=True)

    assert run(main) == 2.0


def test_a_block_that_comes_while_others_wait_refuses_those_who_are_not_that_patient():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=1, per_s=1.0)], clock, patience_s=5.0)
        await limiter.take([ONE])
        waiting = asyncio.create_task(limiter.take([ONE]))
        await asyncio.sleep(0)
        limiter.block(ONE, 60 * SECOND)
        with pytest.raises(NotSent, match=r"found a wait of 60\.00 s"):
            await waiting
        return clock.time_ns()

    assert run(main) == 0


def test_a_clock_that_is_set_back_holds_nobody_up_for_longer_than_a_window():
    class SetBack(DrivenClock):
        behind_ns = 0

        def time_ns(self):
            return super().time_ns() - self.behind_ns

        def call_at(self, when_ns, callback):
            return super().call_at(when_ns + self.behind_ns, callback)

    async def main():
        clock = SetBack(10_000 * SECOND)
        limiter = RateLimiter([Bucket(name="orders", limit=1, per_s=1.0)], clock)
        await limiter.take([ONE])
        clock.behind_ns = 3600 * SECOND
        before = clock.time_ns()
        await Pump(clock).serve(limiter.take([ONE]))
        return clock.time_ns() - before

    assert asyncio.run(main()) == SECOND


def test_a_rule_that_does_not_exist_and_rules_that_make_no_sense_are_misuse():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=1, per_s=1.0)], clock)
        with pytest.raises(ValueError, match="found no such rate limit; allowed are orders"):
            await limiter.take([ONE, Charge("other")])
        with pytest.raises(ValueError, match="no such rate limit"):
            limiter.block(Charge("other"), 1)
        with pytest.raises(ValueError, match="weight of -1"):
            await limiter.take([Charge("orders", "", -1)])
        await limiter.take([ONE])  # nothing was taken before

    run(main)
    for wrong in ({"limit": 0, "per_s": 1.0}, {"limit": 1, "per_s": 0.0}, {"limit": 1, "per_s": 1.0, "reserve": 1}):
        with pytest.raises(ValueError, match="rate limit orders: found"):
            Bucket(name="orders", **wrong)
    with pytest.raises(ValueError, match="two rate limits of one name"):
        RateLimiter([Bucket(name="a", limit=1, per_s=1.0)] * 2, DrivenClock())


@define
class Visit:
    """A request: when it comes, what it costs, and when it went (None: it was refused)."""

    at_ms: int
    cost: dict
    urgent: bool
    patience_s: float
    went_ms: int | None = None
    order: int = -1


BUCKETS = [
    Bucket(name="all", limit=6, per_s=1.0, reserve=2),
    Bucket(name="orders", limit=3, per_s=0.7, reserve=1),
]
WINDOWS = [("all", ""), ("orders", "BTC"), ("orders", "ETH")]
COSTS = st.dictionaries(st.sampled_from(WINDOWS), st.integers(1, 2), min_size=1, max_size=3)


def visits(patience_s):
    return st.lists(
        st.builds(Visit, st.sampled_from(range(0, 3000, 125)), COSTS, st.booleans(), patience_s), max_size=25
    ).map(lambda found: sorted(found, key=lambda visit: visit.at_ms))


def play(found):
    """Let them come, each at its time; visits of one moment in the order of the list."""

    async def main(clock):
        limiter = RateLimiter(BUCKETS, clock)
        went = []

        async def come(visit):
            charges = [Charge(name, key, weight) for (name, key), weight in visit.cost.items()]
            try:
                await limiter.take(charges, urgent=visit.urgent, patience_s=visit.patience_s)
            except NotSent:
                return
            visit.went_ms, visit.order = clock.time_ns() // MS, len(went)
            went.append(visit)

        tasks = []
        for visit in found:
            await pause(clock, (visit.at_ms * MS - clock.time_ns()) / SECOND)
            tasks.append(asyncio.create_task(come(visit)))
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    run(main)


@given(visits(st.sampled_from([0.0, 0.5, 2.0, FOREVER_S])))
def test_no_window_ever_sees_more_than_its_limit_and_creates_leave_the_reserve(found):
    play(found)
    for bucket in BUCKETS:
        for window in [window for window in WINDOWS if window[0] == bucket.name]:
            went = sorted((v for v in found if v.went_ms is not None and window in v.cost), key=lambda v: v.order)
            for number, last in enumerate(went):
                within = [v for v in went[: number + 1] if v.went_ms > last.went_ms - bucket.per_s * 1000]
                assert sum(v.cost[window] for v in within) <= bucket.limit - (0 if last.urgent else bucket.reserve)


@given(visits(st.sampled_from([0.0, 0.5, 2.0, FOREVER_S])))
def test_nobody_waits_beyond_the_patience_and_only_the_impatient_are_refused(found):
    play(found)
    for visit in found:
        if visit.went_ms is None:
            assert visit.patience_s < FOREVER_S
        else:
            assert 0 <= visit.went_ms - visit.at_ms <= visit.patience_s * 1000


@given(visits(st.just(FOREVER_S)))
def test_who_comes_first_goes_first_where_they_share_a_window(found):
    play(found)
    for number, first in enumerate(found):
        for second in found[number + 1 :]:
            if first.urgent == second.urgent and first.cost.keys() & second.cost.keys():
                assert first.order < second.order


@given(visits(st.just(FOREVER_S)))
def test_urgent_requests_never_starve(found):
    play(found)
    for number, visit in enumerate(found):
        if visit.urgent:
            ahead = sum(other.urgent and other.went_ms >= visit.at_ms for other in found[:number])
            # Each of those ahead waits at most for one window to pass, and so does this one: creates cannot hold it up.
            assert visit.went_ms - visit.at_ms <= (ahead + 1) * 1000


def test_a_request_with_many_windows_takes_all_though_idle_ones_are_dropped_meanwhile():
    async def main(clock):
        rules = [Bucket(name="orders", limit=1, per_s=10.0), Bucket(name="symbols", limit=1, per_s=10.0)]
        limiter = RateLimiter(rules, clock, patience_s=1.0)
        for number in range(63):
            await limiter.take([Charge("symbols", str(number))])
        both = [ONE, Charge("symbols", "new")]
        await limiter.take(both)
        for one in both:
            with pytest.raises(NotSent):
                await limiter.take([one])

    run(main)


def test_what_need_not_wait_is_taken_now_and_what_must_takes_nothing():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=3, per_s=1.0, reserve=1)], clock)
        assert limiter.take_now([ONE])
        assert not limiter.take_now([Charge("orders", "", 2)])
        assert limiter.take_now([ONE])
        assert not limiter.take_now([ONE])  # what is left is the reserve
        assert limiter.take_now([ONE], urgent=True)
        assert limiter.take_now([])
        assert await taken_at(limiter, clock) == 1.0
        with pytest.raises(ValueError, match="no such rate limit"):
            limiter.take_now([Charge("nothing")])

    run(main)


def test_nobody_is_let_through_now_while_somebody_waits():
    async def main(clock):
        limiter = RateLimiter([Bucket(name="orders", limit=2, per_s=1.0)], clock)
        assert limiter.take_now([ONE])
        waiting = asyncio.ensure_future(taken_at(limiter, clock, Charge("orders", "", 2)))
        await asyncio.sleep(0)
        assert not limiter.take_now([ONE])
        return await waiting

    assert run(main) == 1.0


def test_all_that_is_taken_is_told_once_when_it_is():
    class Counts(RateLimiter):
        told = 0

        def taken(self, charges):
            self.told += sum(charge.weight for charge in charges)

    async def main(clock):
        limiter = Counts([Bucket(name="orders", limit=2, per_s=1.0)], clock)
        limiter.take_now([ONE])
        await limiter.take([ONE])
        assert not limiter.take_now([ONE])
        assert limiter.told == 2
        await limiter.take([Charge("orders", "", 2)])
        assert (limiter.told, clock.time_ns()) == (4, SECOND)
        with pytest.raises(NotSent):
            await limiter.take([ONE], patience_s=0.1)
        return limiter.told

    assert run(main) == 4
