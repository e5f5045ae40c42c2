"""What enters an engine beside what venues and signal sources tell: its start, its end, and its timers."""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

__all__ = ["Begin", "Internal", "NoPriceCame", "Stop", "TimerFired"]


@frozen
class Begin:
    """The run starts: all connections are open."""


@frozen
class Stop:
    """The run is to end, for this reason; with `flatten` its positions are closed."""

    reason: str
    flatten: bool = False


@frozen
class TimerFired:
    """A timer of the strategy went off."""

    name: str


@frozen
class NoPriceCame:
    """The new order of an amended one has waited for a price as long as it may; the id is that of the old one."""

    client_order_id: str


Internal: TypeAlias = Begin | NoPriceCame | Stop | TimerFired
