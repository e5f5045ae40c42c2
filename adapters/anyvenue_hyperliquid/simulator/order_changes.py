"""What is done to orders that stand: cancels, modifications and the dead man's switch (6.3 to 6.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from anyvenue.simulation.clock import DrivenTimer
from anyvenue.simulation.server.stage import Stage
from anyvenue_hyperliquid.simulator.groups import CANCELED, OrderGroups
from anyvenue_hyperliquid.simulator.limits import Limits
from anyvenue_hyperliquid.simulator.markets import number
from anyvenue_hyperliquid.simulator.order_file import Kept, OrderFile
from anyvenue_hyperliquid.simulator.order_rules import IMMEDIATE, OrderRules
from anyvenue_hyperliquid.simulator.orders import OrderDesk, Placed
from anyvenue_hyperliquid.simulator.records import Records
from anyvenue_hyperliquid.simulator.refusal import Refused

__all__ = ["DeadManSwitch", "OrderChanges"]

MISSING: Final = "Order was never placed, already canceled, or filled."
CLOSED: Final = "Cannot modify canceled or filled order"
VOLUME_FOR_SWITCH: Final = 1_000_000
FIRINGS_MAX: Final = 10
AHEAD_MS: Final = 5_000
_MS_NS: Final = 1_000_000
_DAY_NS: Final = 86_400_000_000_000


class OrderChanges:
    """Cancels and modifies."""

    def __init__(self, file: OrderFile, rules: OrderRules, desk: OrderDesk, groups: OrderGroups) -> None:
        self._file = file
        self._rules = rules
        self._desk = desk
        self._groups = groups

    def cancel(self, account: str, action: Mapping[str, Any]) -> list[Placed]:
        """Carry out `cancel` or `cancelByCloid`."""
        placed: list[Placed] = []
        for item in action["cancels"]:
            asset = item.get("a", item.get("asset"))
            kept = self._open(account, item.get("o", item.get("cloid")))
            if kept is None or kept.terms.asset != asset or (action.get("f") and kept.trigger is not None):
                placed.append(self._desk.error(Refused(MISSING), {"a": asset}))
            else:
                self._groups.end(kept, CANCELED)
                placed.append("success")
        return placed

    def modify(self, account: str, action: Mapping[str, Any]) -> None:
        """Carry out `modify`. Raises Refused."""
        self._modify(account, action["oid"], action["order"], always=action.get("a", False))

    def batch_modify(self, account: str, action: Mapping[str, Any]) -> list[Placed]:
        """Carry out `batchModify`."""
        placed: list[Placed] = []
        for item in action["modifies"]:
            try:
                kept = self._modify(account, item["oid"], item["order"], always=action.get("a", False))
                placed.append(self._desk.status(kept))
            except Refused as refused:
                placed.append(self._desk.error(refused, item["order"]))
        return placed

    def _modify(self, account: str, oid: int | str, item: Mapping[str, Any], *, always: bool) -> Kept:
        self._rules.check_payload(item)
        wish = self._rules.read(account, item, "na")
        kept = self._open(account, oid)
        if not always:
            if kept is None or kept.terms is not wish.terms:
                raise Refused(CLOSED)
            if wish.trigger is not None or wish.tif in IMMEDIATE:
                raise Refused("Cannot modify to an order of this type")
            item = {**item, "t": {"limit": {"tif": "Alo"}}}
        if kept is not None:
            self._groups.end(kept, CANCELED)
        try:
            return self._desk.enter(account, item)
        except Refused as refused:
            raise Refused(f"Error placing new order during modify: {refused.text}") from refused

    def _open(self, account: str, oid: int | str) -> Kept | None:
        kept = self._file.find(account, oid)
        return kept if kept is not None and self._file.standing(kept).is_open else None


class DeadManSwitch:
    """Cancels all orders of an account at a time that it has set."""

    def __init__(self, stage: Stage, file: OrderFile, groups: OrderGroups, records: Records, limits: Limits) -> None:
        self._stage = stage
        self._file = file
        self._groups = groups
        self._records = records
        self._limits = limits
        self._timers: dict[str, DrivenTimer] = {}
        self._firings: dict[tuple[str, int], int] = {}

    def schedule(self, account: str, action: Mapping[str, Any]) -> None:
        """Carry out `scheduleCancel`. Raises Refused."""
        time_ms, volume = action.get("time"), self._limits.volume(account)
        if volume < VOLUME_FOR_SWITCH:
            raise Refused(
                "Cannot set scheduled cancel time until enough volume traded. "
                f"Required: ${VOLUME_FOR_SWITCH}. Traded: ${number(round(volume, 2)).removesuffix('.0')}."
            )
        if time_ms is not None and time_ms < self._stage.time_ns() // _MS_NS + AHEAD_MS:
            raise Refused("Scheduled cancel time must be at least 5 seconds ahead.")
        if time_ms is not None and self._firings.get(self._today(account), 0) >= FIRINGS_MAX:
            raise Refused("Scheduled cancel has been triggered too often today.")
        timer = self._timers.pop(account, None)
        if timer is not None:
            timer.cancel()
        if time_ms is not None:
            due_ns = time_ms * _MS_NS - self._stage.skew_ns
            self._timers[account] = self._stage.clock.call_at(due_ns, lambda: self._fire(account))

    def _fire(self, account: str) -> None:
        self._timers.pop(account, None)
        day = self._today(account)
        self._firings[day] = self._firings.get(day, 0) + 1
        self._stage.market.do(lambda: self._cancel_all(account))

    def _cancel_all(self, account: str) -> None:
        for kept in self._file.open(account):
            if self._file.standing(kept).is_open:
                self._groups.end(kept, "scheduledCancel")
                self._records.taken_away(kept)

    def _today(self, account: str) -> tuple[str, int]:
        return account, self._stage.time_ns() // _DAY_NS
