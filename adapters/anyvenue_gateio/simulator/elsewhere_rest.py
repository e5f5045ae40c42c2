"""What clients of futures ask of other parts of Gate: the time, and what they look through as they start."""

from __future__ import annotations

from typing import Any

from anyvenue.simulation.server.stage import Stage
from anyvenue_gateio.simulator.accounts import Accounts
from anyvenue_gateio.simulator.auth_check import Doorman
from anyvenue_gateio.simulator.call import Call, Route
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.shapes import milliseconds

__all__ = ["ElsewhereRest"]


class ElsewhereRest:
    """Endpoints outside of futures. There is nothing to trade there."""

    def __init__(self, stage: Stage, accounts: Accounts, doorman: Doorman) -> None:
        self._stage = stage
        self._accounts = accounts
        self._doorman = doorman
        # What a classic account is told of the unified one is undocumented.
        self._classic_label = ("USER_NOT_FOUND", "FORBIDDEN")[stage.chance.below(2)]

    def routes(self) -> list[Route]:
        """Return the routes."""
        empty = (
            "/spot/currency_pairs",
            "/margin/currency_pairs",
            "/delivery/{settle}/contracts",
            "/options/underlyings",
        )
        return [
            Route(method="GET", pattern="/spot/time", handler=self.time, signed=False),
            Route(method="GET", pattern="/spot/currencies", handler=self.currencies, signed=False),
            *(Route(method="GET", pattern=pattern, handler=self.nothing, signed=False) for pattern in empty),
            Route(method="GET", pattern="/unified/accounts", handler=self.unified),
            Route(method="GET", pattern="/account/detail", handler=self.detail),
        ]

    def time(self, call: Call) -> Any:
        """GET spot/time: the clock of all of Gate."""
        return {"server_time": milliseconds(self._doorman.time_ns())}

    def currencies(self, call: Call) -> Any:
        """GET spot/currencies."""
        flags = ("delisted", "withdraw_disabled", "withdraw_delayed", "deposit_disabled", "trade_disabled")
        names = dict.fromkeys(instrument.settle for instrument in self._stage.instruments)
        return [
            {"currency": name, "name": name, "chain": name, "chains": [], **dict.fromkeys(flags, False)}
            for name in names
        ]

    def nothing(self, call: Call) -> Any:
        """Answer with an empty list."""
        return []

    def unified(self, call: Call) -> Any:
        """GET unified/accounts: this account is a classic one."""
        raise Refused(self._classic_label, "the account is not a unified account", status=400)

    def detail(self, call: Call) -> Any:
        """GET account/detail; mode 1 is classic."""
        return {
            "user_id": self._accounts.user_id(call.account),
            "ip_whitelist": [],
            "currency_pairs": [],
            "key": {"mode": 1},
            "tier": 0,
        }
