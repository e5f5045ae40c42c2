"""An answer that is on its way, and a way to run `async` code without an event loop.

Why this exists. The methods of a `Venue` are `async def`, because a real venue answers over a network. In a backtest
the answer comes from the same thread, at a time on a DrivenClock, and an event loop between the two would cost more
than the whole simulation and would decide in its own order who runs next. So a simulated venue waits for a `Reply`,
and `spawn` runs its coroutines by hand: up to the Reply, and on from there in the very call that resolves it. Nothing
is scheduled, so the same inputs give the same sequence of calls, whoever turns the clock.

The same venue serves a script: awaited by an asyncio task, a Reply waits as an asyncio future. asyncio is imported
only then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

__all__ = ["Reply", "spawn"]

T = TypeVar("T")


class _Here(threading.local):
    """What this thread is doing."""

    spawning = False


_here = _Here()


class Reply(Generic[T]):
    """A value that comes later. It is resolved once, with a value or an error, and may be awaited any number of times.

    Awaited in a coroutine that `spawn` runs, it resumes that coroutine inside `resolve` or `fail`. Awaited in an
    asyncio task, it wakes the task in the next turn of the loop. One that is resolved already does not wait at all.
    """

    __slots__ = ("_callbacks", "_error", "_value", "done")

    def __init__(self) -> None:
        self.done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[], None]] = []

    def resolve(self, value: T) -> None:
        """Give the answer. Raises RuntimeError where it was given before."""
        self._settle(value, None)

    def fail(self, error: BaseException) -> None:
        """Answer with an error, which is raised where the reply is awaited."""
        self._settle(None, error)

    def _settle(self, value: T | None, error: BaseException | None) -> None:
        if self.done:
            raise RuntimeError("this reply has been resolved before; a reply is resolved once")
        self.done, self._value, self._error = True, value, error
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def when_done(self, callback: Callable[[], None]) -> None:
        """Call `callback` in the call that resolves this, or now where that has happened."""
        if self.done:
            callback()
        else:
            self._callbacks.append(callback)

    def result(self) -> T:
        """Return the value, or raise the error. Raises RuntimeError before it is resolved."""
        if not self.done:
            raise RuntimeError("this reply is still on its way; await it, or turn the clock")
        if self._error is not None:
            raise self._error
        value: T = self._value
        return value

    def __await__(self) -> Generator[Any, None, T]:
        if not self.done:
            if _here.spawning:
                yield self
            else:
                yield from self._future().__await__()
        return self.result()

    def _future(self) -> Any:
        import asyncio

        future = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not future.done():
                future.set_result(None)

        self.when_done(wake)
        return future


def spawn(coroutine: Coroutine[Any, Any, T], done: Callable[[T | BaseException], None]) -> None:
    """Run `coroutine` now, up to the first Reply that is not there yet, and on whenever one is resolved.

    `done` is called once, with what it returned or the Exception it raised; KeyboardInterrupt and its like are raised
    here, in the caller. The coroutine may wait for nothing but replies: anything else ends it with a TypeError.
    """

    def resume() -> None:
        outer, _here.spawning = _here.spawning, True
        try:
            waiting = coroutine.send(None)
        except StopIteration as stop:
            outcome = stop.value
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the coroutine's outcome
            outcome = error
        else:
            if isinstance(waiting, Reply):
                waiting.when_done(resume)
                return
            coroutine.close()
            outcome = TypeError(
                f"{coroutine!r} waits for {waiting!r}; without an event loop it can wait for a Reply only"
            )
        finally:
            _here.spawning = outer
        done(outcome)

    resume()
