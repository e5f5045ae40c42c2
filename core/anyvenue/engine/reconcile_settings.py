"""`[recovery]`: what becomes of what a run finds at its venues, and how often it looks."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

__all__ = ["Recovery"]


@frozen(kw_only=True)
class Recovery:
    """What becomes of what a run finds at its venues, and how often it looks.

    Attributes:
        orders: our orders of earlier runs, which this run's strategy does not know: `cancel` them before it starts, or
            `keep` them, visible among its open orders. An amend that was under way, made of a cancel and a new order,
            ends with the cancel, or is completed.
        strangers: open orders without our client-id prefix: `ignore` them, or `adopt` them, visible among the open
            orders; they are canceled only by a strategy that does so.
        every_s: everything is compared with the venue at least so often, in seconds.

    Raises ValueError for a pause below a second.
    """

    orders: Literal["cancel", "keep"] = "cancel"
    strangers: Literal["ignore", "adopt"] = "ignore"
    every_s: float = 60.0

    def __attrs_post_init__(self) -> None:
        if not self.every_s >= 1:
            raise ValueError(f"every_s: found {self.every_s}; allowed are numbers from 1")
