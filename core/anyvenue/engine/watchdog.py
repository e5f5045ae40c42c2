"""The watchdog: a thread that says where a strategy's callback hangs, when the engine's own thread cannot."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine

__all__ = ["Watchdog"]

_log = logging.getLogger("anyvenue.engine")


class Watchdog:
    """Watches, while its `with` block runs, that no event takes longer than `limit_s` to handle.

    It logs where the engine's thread is, once for each hang.
    """

    def __init__(self, engine: Engine, limit_s: float = 5.0) -> None:
        self._engine = engine
        self._limit_s = limit_s
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
        last, reported = -1, -1
        while not self._done.wait(self._limit_s):
            events, busy = self._engine.events, self._engine.is_busy
            if busy and events == last and events != reported:
                reported = events
                frame = sys._current_frames().get(self._watched)
                where = "".join(traceback.format_stack(frame)) if frame is not None else "(no frame)"
                _log.critical(
                    "a callback has not returned for %s s; the engine stands still:\n%s", self._limit_s, where
                )
            last = events
