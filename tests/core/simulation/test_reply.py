"""Replies, awaited without an event loop and with one."""

import asyncio
import subprocess
import sys

import pytest

from anyvenue.simulation.reply import Reply, spawn


async def doubled(reply):
    return 2 * await reply


def test_a_coroutine_resumes_inside_resolve():
    reply, outcomes = Reply(), []
    spawn(doubled(reply), outcomes.append)
    assert outcomes == []
    reply.resolve(21)
    assert outcomes == [42]


def test_a_reply_that_is_there_does_not_wait():
    reply, outcomes = Reply(), []
    reply.resolve(1)
    spawn(doubled(reply), outcomes.append)
    assert outcomes == [2]


def test_an_error_is_raised_where_the_reply_is_awaited():
    async def careful(reply):
        try:
            return await reply
        except LookupError as error:
            return f"caught {error}"

    reply, outcomes = Reply(), []
    spawn(careful(reply), outcomes.append)
    reply.fail(LookupError("it"))
    assert outcomes == ["caught it"]


def test_what_the_coroutine_raises_is_its_outcome():
    reply, outcomes = Reply(), []
    spawn(doubled(reply), outcomes.append)
    error = ValueError("no")
    reply.fail(error)
    assert outcomes == [error]


def test_coroutines_take_turns_as_replies_come():
    first, second, seen = Reply(), Reply(), []

    async def note(name):
        seen.append(f"{name} got {await first}")
        seen.append(f"{name} got {await second}")

    spawn(note("a"), lambda outcome: seen.append("a done"))
    spawn(note("b"), lambda outcome: seen.append("b done"))
    first.resolve(1)
    second.resolve(2)
    assert seen == ["a got 1", "b got 1", "a got 2", "a done", "b got 2", "b done"]


def test_a_reply_is_resolved_once_and_read_when_it_is_there():
    reply = Reply()
    with pytest.raises(RuntimeError, match="on its way"):
        reply.result()
    reply.resolve(1)
    assert reply.result() == 1
    with pytest.raises(RuntimeError, match="once"):
        reply.resolve(2)


def test_a_coroutine_that_waits_for_anything_else_ends_with_a_type_error():
    outcomes = []
    spawn(asyncio.sleep(0), outcomes.append)
    assert isinstance(outcomes[0], TypeError)
    assert "Reply only" in str(outcomes[0])


def test_an_interrupt_is_not_an_outcome():
    async def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spawn(interrupted(), lambda outcome: pytest.fail("it has no outcome"))


def test_under_asyncio_a_reply_wakes_its_task():
    async def main():
        reply = Reply()
        task = asyncio.create_task(doubled(reply))
        await asyncio.sleep(0)
        reply.resolve(4)
        assert not task.done()
        return await task

    assert asyncio.run(main()) == 8


def test_spawn_works_beside_a_running_loop():
    async def main():
        reply, outcomes = Reply(), []
        spawn(doubled(reply), outcomes.append)
        reply.resolve(3)
        return outcomes

    assert asyncio.run(main()) == [6]


def test_a_task_that_was_cancelled_is_left_alone():
    async def main():
        reply = Reply()
        task = asyncio.create_task(doubled(reply))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        reply.resolve(4)
        assert task.cancelled()

    asyncio.run(main())


def test_it_loads_no_event_loop():
    code = "import sys, anyvenue.simulation.reply; sys.exit('asyncio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
