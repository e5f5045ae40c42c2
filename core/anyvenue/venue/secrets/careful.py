"""Calling libraries that reach for secrets: not for ever, and without what they would log or raise.

Libraries log requests and answers at debug level, tokens and values among them, and put them into their errors.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from ipaddress import ip_address
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from anyvenue.venue.secrets.value import SecretError

__all__ = ["extra", "is_private_way", "quiet", "within"]

T = TypeVar("T")

_SILENT: Final = logging.CRITICAL + 1
_lock: Final = threading.Lock()
_levels: Final[dict[str, int]] = {}
_callers = 0


def within(timeout_s: float, work: Callable[[], T]) -> T:
    """Return what `work` returns. Raises SecretError, also for what else it raises, and TimeoutError after `timeout_s`.

    It works in a thread of its own: no library has one limit for all of a call, from the name's look-up to the last
    byte. A thread that is late is left to end by its own limits.
    """
    results: list[T] = []
    problems: list[str] = []

    def worker() -> None:
        try:
            results.append(work())
        except SecretError as error:
            problems.append(str(error))
        except Exception as error:  # noqa: BLE001 - its text may hold a value, so only its name is told
            problems.append(f"it could not be asked for: {type(error).__name__} (its text is not shown)")

    thread = threading.Thread(target=worker, name="anyvenue-secrets", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if problems:
        raise SecretError(problems[0])
    if not results:
        raise TimeoutError(f"no answer within {timeout_s:g} s")
    return results[0]


@contextmanager
def quiet(*packages: str) -> Iterator[None]:
    """Keep the loggers of `packages` silent while the block runs, in all threads: a logger's level knows no threads."""
    _hush(packages)
    try:
        yield
    finally:
        _restore()


def _hush(packages: tuple[str, ...]) -> None:
    global _callers
    with _lock:
        _callers += 1
        known = [name for name in list(logging.root.manager.loggerDict) if name.partition(".")[0] in packages]
        for name in {*packages, *known} - set(_levels):
            _levels[name] = logging.getLogger(name).level
            logging.getLogger(name).setLevel(_SILENT)  # one that is made meanwhile inherits it


def _restore() -> None:
    global _callers
    with _lock:
        _callers -= 1
        if not _callers:
            for name, level in _levels.items():
                logging.getLogger(name).setLevel(level)
            _levels.clear()


def extra(name: str, module: str) -> Any:
    """Return a module that comes with an extra of ours. Raises SecretError, with the command that installs it."""
    try:
        return import_module(module)
    except ModuleNotFoundError:
        missing = f'it needs a package that is not installed; install it: pip install "anyvenue[{name}]"'
    raise SecretError(missing)


def is_private_way(url: str) -> bool:
    """Return whether nobody on the way can listen: it is https, or does not leave this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.scheme == "https" or (
            parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
        )
    except ValueError:
        return False
