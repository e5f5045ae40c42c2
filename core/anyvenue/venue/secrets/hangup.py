"""SIGHUP, the signal by which a service is told to read its secrets anew."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from anyvenue.venue.secrets.source import SecretSource

__all__ = ["is_ours", "reloaded_by_hangup"]


def is_ours() -> bool:
    """Return whether SIGHUP can only be a person's or a supervisor's word.

    Where this process has a terminal and does not ignore the signal (`nohup`), it says that the terminal is gone.
    """
    if not hasattr(signal, "SIGHUP"):
        return False
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return True
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return True
    return False


@contextmanager
def reloaded_by_hangup(sources: Collection[SecretSource]) -> Iterator[None]:
    """While the block runs in an event loop, let SIGHUP fetch all the sources' secrets anew."""
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGHUP)
    tasks: set[asyncio.Task[bool]] = set()

    def on_hangup() -> None:
        for source in sources:
            task = loop.create_task(source.reload())
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, before)
        for task in tasks:
            task.cancel()
