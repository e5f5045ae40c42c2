"""Work without a detour by the event loop: it is begun, and gone on with, at once, not in one of the loop's next turns.

asyncio begins a task in the loop's next turn, and wakes one that waits for a future in the next turn too. From a frame
to the order that it brings about these are three turns, and a task made and forgotten. Here they are none: what
Python 3.12 calls eager tasks, for older ones too, and for waking.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, Final, Generic, TypeVar, cast

from anyvenue.venue.clock import Timer

__all__ = ["EagerFuture", "EagerTasks"]

T = TypeVar("T")

IDLE_MAX: Final = 64
"""So many tasks are kept for what comes next."""


class EagerFuture(Generic[T]):
    """What one task awaits, once. Who settles it has that task go on within the very call, up to its next wait.

    That is so where no other task is running, as in what the event loop calls for a socket or a timer. Else the task
    goes on in the loop's next turn, as with asyncio's own future.
    """

    __slots__ = (
        "_asyncio_future_blocking", "_context", "_error", "_loop", "_value", "_wake", "due", "is_over", "timer",
    )  # fmt: skip

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._asyncio_future_blocking = False  # by this a task knows what it may wait for
        self.is_over = False
        """Whether it is settled."""
        self.due = 0.0
        self.timer: Timer | None = None
        """Its deadline's, as is `due` (see `Deadlines.watch`)."""
        self._value: T | None = None
        self._error: BaseException | None = None
        self._wake: Callable[[EagerFuture[T]], object] | None = None
        self._context: Context | None = None

    def __await__(self) -> Generator[EagerFuture[T], None, T]:
        if not self.is_over:
            self._asyncio_future_blocking = True
            yield self
        return self.result()

    def result(self) -> T:
        """Return what it was settled with, or raise that."""
        if self._error is not None:
            raise self._error
        return cast("T", self._value)

    def set_result(self, value: T) -> None:
        """Settle it."""
        self._value = value
        self._settle()

    def set_exception(self, error: BaseException) -> None:
        """Settle it by an error."""
        self._error = error
        self._settle()

    def hand_over(self, value: T) -> None:
        """Settle it, and have its task go on at once even where another one is running: that one waits meanwhile."""
        current = asyncio.current_task(self._loop)
        if current is None:
            self.set_result(value)
            return
        # As Python's own eager tasks do, and as the documents of asyncio have it for whoever runs tasks.
        asyncio.tasks._leave_task(self._loop, current)
        try:
            self.set_result(value)
        finally:
            asyncio.tasks._enter_task(self._loop, current)

    def ring(self) -> None:
        """It was not settled in time."""
        if not self.is_over:
            self.set_exception(TimeoutError())

    def _settle(self) -> None:
        self.is_over = True
        if self.timer is not None:
            self.timer.cancel()
        wake, context = self._wake, self._context
        if wake is None or context is None:
            return
        if asyncio.current_task(self._loop) is None:
            context.run(wake, self)
        else:
            self._loop.call_soon(wake, self, context=context)

    # What asyncio's tasks ask of a future

    def add_done_callback(self, wake: Callable[[EagerFuture[T]], object], *, context: Context) -> None:
        """Take on the task that waits."""
        self._wake, self._context = wake, context

    def cancel(self, msg: str | None = None) -> bool:
        """Settle it for a task that is canceled, which goes on in the loop's next turn. False where it is settled."""
        if self.is_over:
            return False
        self.is_over, self._error = True, asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg)
        if self.timer is not None:
            self.timer.cancel()
        if self._wake is not None:
            self._loop.call_soon(self._wake, self, context=self._context)
        return True


class EagerTasks:
    """Carries out works beside everything else, each in a task. `failed` gets what one raises.

    A task that is free takes the next work and begins it at once, within `start`, up to where it first waits; where
    none is free a new one begins in the loop's next turn, and so does what comes before that has begun: works begin in
    the order in which they come. What runs in a task here finds all that it finds in others.
    """

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._idle: list[EagerFuture[Coroutine[Any, Any, None]]] = []
        self._not_begun: set[Coroutine[Any, Any, None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a work. None begins before one that was to begin earlier."""
        idle = self._idle
        while idle and not self._not_begun:
            task = idle.pop()
            if not task.is_over:  # as it is where it was canceled
                task.hand_over(work)
                return
        serving = asyncio.get_running_loop().create_task(self._serve(work))
        self._tasks.add(serving)
        serving.add_done_callback(self._tasks.discard)
        self._not_begun.add(work)
        serving.add_done_callback(lambda _: self._drop(work))

    async def _serve(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.current_task()
        self._not_begun.discard(work)
        while True:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - nobody awaits it, so nobody else would hear of it
                self._failed(error)
            # One that was canceled, and went on, is not to be trusted with anything else.
            if len(self._idle) >= IDLE_MAX or (task is not None and task.cancelling()):
                return
            called: EagerFuture[Coroutine[Any, Any, None]] = EagerFuture()
            self._idle.append(called)
            work = await called

    def _drop(self, work: Coroutine[Any, Any, None]) -> None:
        """Let go of the first work of a task that has ended, perhaps before it began it."""
        self._not_begun.discard(work)
        work.close()

    def cancel(self) -> None:
        """Cancel what is on its way, and let no task wait for more."""
        self._idle.clear()
        for task in self._tasks:
            task.cancel()
