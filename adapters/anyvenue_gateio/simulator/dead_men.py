"""The dead man's switches: each account has one for all contracts of a settle currency, and one for each contract."""

from __future__ import annotations

from anyvenue.simulation.dead_man import DeadManSwitch
from anyvenue.simulation.server.stage import Stage
from anyvenue_gateio.simulator.contracts import Contracts
from anyvenue_gateio.simulator.orders import OrderDesk
from anyvenue_gateio.simulator.shapes import milliseconds

__all__ = ["DeadMen"]


class DeadMen:
    """Cancels resting orders, not trigger orders, unless somebody is heard of in time."""

    def __init__(self, stage: Stage, contracts: Contracts, desk: OrderDesk) -> None:
        self._stage = stage
        self._contracts = contracts
        self._desk = desk
        self._switches: dict[tuple[str, str, str | None], DeadManSwitch] = {}

    def arm(self, account: str, settle: str, contract: str | None, timeout_s: int) -> int:
        """Set a switch anew, or disarm it with 0; return when it will fire, in milliseconds, 0 for never."""
        if contract is not None:
            self._contracts.find(settle, contract)

        def cancel() -> None:
            self._desk.cancel_all(account, settle, contract)

        clock, market = self._stage.clock, self._stage.market
        key = (account, settle, contract)
        if key not in self._switches:
            self._switches[key] = DeadManSwitch(clock, lambda: market.do(cancel))
        self._switches[key].arm(timeout_s)
        return milliseconds(clock.time_ns()) + timeout_s * 1000 if timeout_s else 0
