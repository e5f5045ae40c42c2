"""Eager futures and tasks: what is waited for goes on at once, and what is to be done begins at once."""

import asyncio

import pytest

from anyvenue.wire.eager import IDLE_MAX, EagerFuture, EagerTasks

pytestmark = pytest.mark.usefixtures("event_loop")


async def turns(count=3):
    for _ in range(count):
        await asyncio.sleep(0)


def without_a_task(call):
    """Run `call` as the loop does what a socket or a timer asks for, and return a future of what it returns."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def run():
        assert asyncio.current_task() is None
        done.set_result(call())

    loop.call_soon(run)
    return done


class TestAFuture:
    @staticmethod
    async def waiting(future, seen):
        try:
            seen.append(await future)
        except BaseException as error:
            seen.append(type(error).__name__)
            raise

    def test_its_task_goes_on_within_the_call_that_settles_it(self):
        async def main():
            future, seen = EagerFuture(), []
            task = asyncio.create_task(self.waiting(future, seen))
            await turns()

            def settle():
                future.set_result("told")
                return list(seen), asyncio.current_task()

            assert await without_a_task(settle) == (["told"], None)
            await task

        asyncio.run(main())

    def test_under_another_task_it_goes_on_in_the_next_turn(self):
        async def main():
            future, seen = EagerFuture(), []
            task = asyncio.create_task(self.waiting(future, seen))
            await turns()
            future.set_result("told")
            assert not seen
            await task
            assert seen == ["told"]

        asyncio.run(main())

    def test_handed_over_it_goes_on_at_once_under_another_task_too_which_is_the_running_one_again_after_it(self):
        async def main():
            future, seen = EagerFuture(), []

            async def wait():
                seen.append(await future)
                seen.append(asyncio.current_task())

            task = asyncio.create_task(wait())
            await turns()
            this = asyncio.current_task()
            future.hand_over("told")
            assert seen == ["told", task]
            assert asyncio.current_task() is this
            await asyncio.sleep(0)
            assert task.done()

        asyncio.run(main())

    def test_what_the_one_that_goes_on_raises_is_its_own(self):
        async def main():
            future = EagerFuture()

            async def wait():
                await future
                raise LookupError("its own")

            task = asyncio.create_task(wait())
            await turns()
            this = asyncio.current_task()
            future.hand_over(None)
            assert asyncio.current_task() is this
            with pytest.raises(LookupError, match="its own"):
                await task

        asyncio.run(main())

    def test_what_is_settled_before_anybody_waits_is_not_waited_for(self):
        async def main():
            told, failed = EagerFuture(), EagerFuture()
            told.set_result(7)
            failed.set_exception(LookupError("no"))
            assert await told == 7
            with pytest.raises(LookupError, match="no"):
                await failed

        asyncio.run(main())

    def test_an_error_is_raised_where_it_is_waited_for(self):
        async def main():
            future, seen = EagerFuture(), []
            task = asyncio.create_task(self.waiting(future, seen))
            await turns()
            await without_a_task(lambda: future.set_exception(LookupError("no")))
            assert seen == ["LookupError"]
            with pytest.raises(LookupError):
                await task

        asyncio.run(main())

    def test_a_task_that_is_canceled_while_it_waits_ends_and_what_comes_after_is_too_late(self):
        async def main():
            future, seen = EagerFuture(), []
            task = asyncio.create_task(self.waiting(future, seen))
            await turns()
            task.cancel("enough")
            assert future.is_over
            assert not future.cancel()
            with pytest.raises(asyncio.CancelledError, match="enough"):
                await task
            assert seen == ["CancelledError"]

        asyncio.run(main())

    def test_a_timeout_of_asyncios_own_ends_the_waiting_and_the_task_lives_on(self):
        async def main():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await EagerFuture()
            return asyncio.current_task().cancelling()

        assert asyncio.run(main()) == 0


class TestTasks:
    def test_a_free_task_begins_a_work_at_once_up_to_its_first_wait(self):
        async def main():
            seen, gate = [], asyncio.Event()

            async def work(name):
                seen.append(f"{name} begins")
                await gate.wait()
                seen.append(f"{name} ends")

            async def nothing():
                pass

            tasks = EagerTasks(seen.append)
            tasks.start(nothing())  # there is no task yet: it begins in the next turn
            await turns()
            tasks.start(work("a"))
            assert seen == ["a begins"]
            tasks.start(work("b"))  # the only one is busy
            assert seen == ["a begins"]
            await turns()
            gate.set()
            await turns()
            assert seen == ["a begins", "b begins", "a ends", "b ends"]
            tasks.start(work("c"))
            tasks.start(work("d"))  # both are free
            assert seen[4:] == ["c begins", "c ends", "d begins", "d ends"]
            tasks.cancel()

        asyncio.run(main())

    def test_none_begins_before_one_that_came_earlier_though_a_task_is_free_meanwhile(self):
        async def main():
            gate, began = EagerFuture(), []
            tasks = EagerTasks(began.append)

            async def waits():
                await gate

            async def work(name):
                began.append(name)

            tasks.start(waits())
            await turns()

            def frames():
                tasks.start(work("a"))  # none is free: a new task begins it in the next turn
                gate.set_result(None)  # an answer, after which one is
                tasks.start(work("b"))

            await without_a_task(frames)
            await turns()
            assert began == ["a", "b"]
            tasks.start(work("c"))
            assert began == ["a", "b", "c"]
            tasks.cancel()

        asyncio.run(main())

    def test_a_work_that_was_canceled_before_it_began_holds_no_other_back(self):
        async def main():
            began = []
            tasks = EagerTasks(began.append)

            async def work(name):
                began.append(name)

            tasks.start(work("a"))
            tasks.cancel()
            await turns()
            tasks.start(work("b"))
            await turns()
            tasks.start(work("c"))
            assert began == ["b", "c"]
            tasks.cancel()

        asyncio.run(main())

    def test_a_work_that_starts_another_goes_on_once_that_waits(self):
        async def main():
            seen = []
            tasks = EagerTasks(seen.append)

            async def inner():
                seen.append("inner begins")
                await asyncio.sleep(0)
                seen.append("inner ends")

            async def outer():
                this = asyncio.current_task()
                tasks.start(inner())
                seen.append("outer goes on")
                assert asyncio.current_task() is this

            async def wait():
                await asyncio.sleep(0)

            tasks.start(wait())
            tasks.start(wait())
            await turns(5)
            tasks.start(outer())
            assert seen == ["inner begins", "outer goes on"]
            await turns()
            assert seen == ["inner begins", "outer goes on", "inner ends"]
            tasks.cancel()

        asyncio.run(main())

    def test_what_a_work_raises_is_told_and_its_task_takes_the_next(self):
        async def main():
            failed, done = [], []

            async def fails():
                raise LookupError("no")

            async def works():
                done.append(asyncio.current_task())

            tasks = EagerTasks(failed.append)
            tasks.start(works())
            await turns()
            tasks.start(fails())
            tasks.start(works())
            assert [str(error) for error in failed] == ["no"]
            assert done[0] is done[1]
            tasks.cancel()

        asyncio.run(main())

    def test_canceled_they_end_what_is_on_its_way_and_leave_no_task_behind(self):
        async def main():
            seen = []
            before = asyncio.all_tasks()

            async def work(name):
                try:
                    await asyncio.get_running_loop().create_future()
                except asyncio.CancelledError:
                    seen.append(name)
                    raise

            async def nothing():
                pass

            tasks = EagerTasks(seen.append)
            tasks.start(nothing())
            await turns()
            tasks.start(work("a"))
            tasks.start(work("b"))
            await turns()
            tasks.start(nothing())
            await turns()  # one is idle, two are busy
            tasks.start(work("c"))
            tasks.start(work("not begun"))
            tasks.cancel()
            await turns()
            assert (sorted(seen), asyncio.all_tasks()) == (["a", "b", "c"], before)

        asyncio.run(main())

    def test_one_that_somebody_has_canceled_takes_no_other_work(self):
        async def main():
            done = []

            async def takes_it():
                asyncio.current_task().cancel()
                try:
                    await asyncio.sleep(0)
                except asyncio.CancelledError:
                    done.append(asyncio.current_task())

            async def works():
                done.append(asyncio.current_task())

            tasks = EagerTasks(done.append)
            tasks.start(takes_it())
            await turns()
            tasks.start(works())
            await turns()
            assert len(set(done)) == 2
            tasks.cancel()

        asyncio.run(main())

    def test_no_more_are_kept_than_are_ever_needed(self):
        async def main():
            before = len(asyncio.all_tasks())
            gate = asyncio.Event()
            tasks = EagerTasks(print)
            for _ in range(IDLE_MAX + 10):
                tasks.start(gate.wait())
            await turns()
            assert len(asyncio.all_tasks()) == before + IDLE_MAX + 10
            gate.set()
            await turns()
            assert len(asyncio.all_tasks()) == before + IDLE_MAX
            tasks.cancel()

        asyncio.run(main())
