"""The watchdog: a thread that sees where a strategy's callback hangs, and acts when the engine's own thread cannot."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine

__all__ = ["Watchdog"]

_log = logging.getLogger("anyvenue.engine")


class Watchdog:
    """Watches, while its `with` block runs, that no event takes longer than `limit_s` to handle.

    It logs where the engine's thread is, once for each hang. After `hang_s` it condemns the strategy, which from then
    on can do no more than reduce, and calls `rescue` in its own thread, once: that may take as long as it needs.
    """

    def __init__(
        self, engine: Engine, limit_s: float = 5.0, *, hang_s: float = 30.0, rescue: Callable[[], None] | None = None
    ) -> None:
        self._engine = engine
        self._limit_s = min(limit_s, hang_s)
        self._hang_s = hang_s
        self._rescue = rescue
        self._watched = threading.get_ident()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="anyvenue-watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        last, looks, is_condemned = -1, 0, False
        while not self._done.wait(self._limit_s):
            events, busy = self._engine.events, self._engine.is_busy
            looks = looks + 1 if busy and events == last else 0
            last = events
            if looks == 1:
                self._tell(f"a callback has not returned for {self._limit_s} s; the engine stands still")
            if looks * self._limit_s >= self._hang_s and looks and not is_condemned:
                is_condemned = True
                self._condemn()

    def _condemn(self) -> None:
        text = f"a callback has not returned for {self._hang_s:g} s"
        self._engine.guards.condemned = text
        self._tell(f"{text}: the strategy is given up")
        self._engine.say(f"{text}: the strategy is given up")
        if self._rescue is None:
            return
        try:
            self._rescue()
        except Exception:  # noqa: BLE001 - the thread must live on: it is the last that does
            _log.critical("the rescue failed: look at the account, and close it by hand", exc_info=True)

    def _tell(self, text: str) -> None:
        frame = sys._current_frames().get(self._watched)
        where = "".join(traceback.format_stack(frame)) if frame is not None else "(no frame)"
        _log.critical("%s:\n%s", text, where)
