"""Looking at a run while it goes: some times a second, from its event loop or from a thread beside it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from typing import Final, Protocol

from anyvenue.model.book import OrderBook
from anyvenue.model.histogram import Durations
from anyvenue.model.order import Order
from anyvenue.model.position import Position

__all__ = ["RunProgress", "RunView", "Shower", "watched_from_beside", "watching"]

_log = logging.getLogger("anyvenue.app")

INTERVAL_S: Final = 0.25


class RunProgress(Protocol):
    """How far a run is."""

    @property
    def ts(self) -> int:
        """The run's time, nanoseconds since the epoch."""

    @property
    def events(self) -> int:
        """How many events there have been."""

    @property
    def progress(self) -> float | None:
        """How much of the run is done, 0 to 1; None where no end is known."""


class RunView(RunProgress, Protocol):
    """All that a live view looks at; the engine makes it between two events."""

    @property
    def books(self) -> Sequence[OrderBook]:
        """The books that are kept."""

    @property
    def open_orders(self) -> Sequence[Order]:
        """Our open orders."""

    @property
    def positions(self) -> Sequence[Position]:
        """Our positions."""

    @property
    def net_pnl(self) -> Decimal:
        """Profit and loss of the run so far."""

    @property
    def latency(self) -> Sequence[Durations]:
        """How long things have taken so far; empty where that is not measured."""

    @property
    def messages(self) -> Sequence[str]:
        """The last messages, newest last."""


class Shower(Protocol):
    """What shows a run: a picture in the terminal, or plain lines."""

    def show(self, view: RunView) -> None:
        """Look at the run now."""

    def close(self) -> None:
        """Stop showing it."""


@asynccontextmanager
async def watching(
    look: Callable[[], RunView], shower: Shower, *, interval_s: float = INTERVAL_S
) -> AsyncIterator[None]:
    """Show what `look` returns some times a second while the block runs, and once more at its end."""

    async def watch() -> None:
        while True:
            shower.show(look())
            await asyncio.sleep(interval_s)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        [outcome] = await asyncio.gather(task, return_exceptions=True)
        try:
            if isinstance(outcome, Exception):
                _log.error("the live view failed", exc_info=outcome)
            else:
                shower.show(look())
        finally:
            shower.close()


@contextmanager
def watched_from_beside(show: Callable[[], None], *, interval_s: float = INTERVAL_S) -> Iterator[None]:
    """Call `show` now and then in a thread of its own, while the block keeps this one busy; then once more."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(interval_s):
            show()

    thread = threading.Thread(target=run, name="anyvenue-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        show()
