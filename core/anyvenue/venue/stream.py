"""A stream: what arrives, as something to iterate over."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Generic, Protocol, TypeVar

__all__ = ["Driver", "Stream"]

T = TypeVar("T")


class Driver(Protocol):
    """What makes time pass while a script waits: the wall's clock by itself, or a pump that turns a simulated one."""

    async def serve(self, work: Awaitable[T]) -> T:
        """Await `work` and return its result."""

    async def arrives(self, future: asyncio.Future[None]) -> bool:
        """Wait until `future` is done. False means that it never will be."""


class Stream(Generic[T]):
    """Items in the order in which they arrived: `async for item in stream`.

    It starts (subscribes) when the first item is asked for, and stops (unsubscribes) when the loop is left, also by
    `break`, or with `async with`, or by `aclose`. It ends by itself when nothing can come any more.

    `limit` says how many items wait for a slow reader; None is all of them. Where more come, the oldest are dropped,
    and `skipped` counts them. With a limit of 1 a reader always gets the latest.
    """

    def __init__(
        self,
        driver: Driver,
        *,
        start: Callable[[Stream[T]], Awaitable[None]],
        stop: Callable[[Stream[T]], Awaitable[None]],
        limit: int | None = None,
    ) -> None:
        self.skipped = 0
        self._driver = driver
        self._start = start
        self._stop = stop
        self._items: deque[T] = deque(maxlen=limit)
        self._awaited: asyncio.Future[None] | None = None
        self._is_started = False
        self._is_closed = False

    def push(self, item: T) -> None:
        """Put an item in."""
        if self._is_closed:
            return
        if len(self._items) == self._items.maxlen:
            self.skipped += 1
        self._items.append(item)
        self._wake()

    async def aclose(self) -> None:
        """Stop. Items that nobody has taken are gone. Safe to call twice."""
        if self._is_closed:
            return
        self.end()
        self._items.clear()
        if self._is_started:
            await self._stop(self)

    def end(self) -> None:
        """Let nothing more come in: readers get what waits, then the end."""
        self._is_closed = True
        self._wake()

    async def __anext__(self) -> T:
        if not self._is_started and not self._is_closed:
            self._is_started = True
            await self._start(self)
        while not self._items:
            if self._is_closed:
                raise StopAsyncIteration
            if self._awaited is None:
                self._awaited = asyncio.get_running_loop().create_future()
            if not await self._driver.arrives(self._awaited):
                raise StopAsyncIteration
        return self._items.popleft()

    async def __aiter__(self) -> AsyncIterator[T]:
        # A generator, because asyncio closes those by itself when a loop is left half-way.
        try:
            while True:
                try:
                    item = await self.__anext__()
                except StopAsyncIteration:
                    return
                yield item
        finally:
            await self.aclose()

    async def __aenter__(self) -> Stream[T]:
        if not self._is_started:
            self._is_started = True
            await self._start(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _wake(self) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)
        self._awaited = None
