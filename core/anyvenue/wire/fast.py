"""The extra `anyvenue[fast]`: uvloop and picows, in use where they are installed, unless it is said otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Final

__all__ = ["check", "choose", "in_use", "is_fast", "loop_factory"]

_PACKAGES: Final = ("uvloop", "picows")


class _Choice:
    """What was chosen, for the whole process."""

    fast: bool | None = None


def check(fast: bool | None) -> None:
    """Raise ValueError where the extra is wished for and not installed."""
    if fast and (missing := _missing()):
        raise ValueError(f"fast: found true without {' and '.join(missing)}; install anyvenue[fast], or leave it out")


def choose(fast: bool | None) -> None:
    """Use the extra in this process, or not; None: where it is installed. Raises as `check`."""
    check(fast)
    _Choice.fast = not _missing() if fast is None else fast


def is_fast() -> bool:
    """Tell whether the extra is in use."""
    if _Choice.fast is None:
        choose(None)
    return bool(_Choice.fast)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the event loop, for `asyncio.Runner`; None for asyncio's own."""
    if not is_fast():
        return None
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def in_use() -> str:
    """Return which libraries carry what is sent and received, with their versions, for a log line."""
    names = _PACKAGES if is_fast() else ("websockets",)
    loop = "" if is_fast() else "asyncio, "
    return loop + ", ".join(f"{name} {_version(name)}" for name in (*names, "httptools"))


def _missing() -> list[str]:
    return [name for name in _PACKAGES if _version(name) is None]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
