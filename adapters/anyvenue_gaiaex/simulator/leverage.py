"""Leverage and margin mode (8.7): by a call of its own, or before an order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from anyvenue.model.enums import MarginMode
from anyvenue.model.errors import Rejected
from anyvenue.simulation.server.stage import Stage
from anyvenue_gaiaex.simulator.call import Call
from anyvenue_gaiaex.simulator.markets import Markets, Terms
from anyvenue_gaiaex.simulator.order_body import read_leverage
from anyvenue_gaiaex.simulator.order_rules import refuse_by_chain
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.refusal import Refused
from anyvenue_gaiaex.simulator.updates import Updates

__all__ = ["LeverageDesk"]

CROSSED = "CROSSED"


class LeverageDesk:
    """Sets leverage. Everything raises Refused."""

    def __init__(self, stage: Stage, markets: Markets, updates: Updates, quirks: Quirks) -> None:
        self._stage = stage
        self._markets = markets
        self._updates = updates
        self._quirks = quirks

    def answer(self, call: Call) -> dict[str, Any]:
        """Answer POST /leverage."""
        terms = self._markets.get(call.body.text("symbol"))
        leverage = read_leverage(call.body)
        wanted = MarginMode.CROSS if call.body.flag("is_cross", default=True) else MarginMode.ISOLATED
        mode = self.set(call.account, terms, leverage, wanted)
        return {
            "success": True,
            "symbol": terms.name,
            "leverage": leverage,
            "marginType": self.margin_word(mode),
            "timestamp": call.time_ms,
        }

    def set(self, account: str, terms: Terms, leverage: int, mode: MarginMode | None) -> MarginMode:
        """Set the leverage of a market; return the margin mode it has then. Without a mode the present one stays.

        Where there is isolated margin only, that is what it is, whatever was asked for.
        """
        most = terms.leverage_limit(self._markets.revision)
        if leverage > most:
            raise Refused(400, f"Leverage must be between 1 and {most}")
        if terms.is_isolated_only(self._markets.revision):
            mode = MarginMode.ISOLATED
        chosen = mode or self._stage.exchange.position(account, terms.symbol).margin_mode
        try:
            self._stage.exchange.set_leverage(account, terms.symbol, Decimal(leverage), chosen)
        except Rejected as error:
            refuse_by_chain(error.reason, error)
        self._updates.touch(account)
        return chosen

    def margin_word(self, mode: MarginMode) -> str:
        """Return GaiaEx's word for a margin mode."""
        return CROSSED if mode is MarginMode.CROSS else self._quirks.isolated_word
