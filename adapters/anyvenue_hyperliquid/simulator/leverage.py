"""Leverage, margin mode and the margin of isolated positions (6.6)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from anyvenue.model.enums import MarginMode
from anyvenue.model.errors import Rejected, RejectReason
from anyvenue.simulation.server.stage import Stage
from anyvenue_hyperliquid.simulator.markets import Markets, Terms
from anyvenue_hyperliquid.simulator.records import Records
from anyvenue_hyperliquid.simulator.refusal import Refused

__all__ = ["LeverageDesk"]

_MICRO: Final = Decimal("0.000001")


class LeverageDesk:
    """Sets leverage and margin. Everything raises Refused."""

    def __init__(self, stage: Stage, markets: Markets, records: Records) -> None:
        self._stage = stage
        self._markets = markets
        self._records = records

    def update(self, account: str, action: Mapping[str, Any]) -> None:
        """Carry out `updateLeverage`."""
        terms = self._terms(action)
        held = self._stage.exchange.position(account, terms.symbol)
        mode = MarginMode.CROSS if action["isCross"] else MarginMode.ISOLATED
        if terms.is_isolated and mode is MarginMode.CROSS:
            raise Refused("Cross margin is not allowed for this asset.")
        if not 1 <= action["leverage"] <= terms.max_leverage:
            raise Refused("Invalid leverage value.")
        if held.quantity and held.margin_mode is not mode:
            raise Refused("Cannot switch leverage type with open position.")
        try:
            self._stage.exchange.set_leverage(account, terms.symbol, action["leverage"], mode)
        except Rejected as error:
            if error.reason is RejectReason.INSUFFICIENT_FUNDS:
                raise Refused("Insufficient margin for this leverage.") from error
            raise Refused("Cannot switch leverage type with open orders.") from error
        self._records.touch(account)

    def adjust_margin(self, account: str, action: Mapping[str, Any]) -> None:
        """Carry out `updateIsolatedMargin`."""
        terms = self._terms(action)
        if self._stage.exchange.position(account, terms.symbol).margin_mode is not MarginMode.ISOLATED:
            raise Refused("Position does not use isolated margin.")
        if terms.is_isolated and action["ntli"] < 0:
            raise Refused("Margin cannot be removed from this position.")
        try:
            self._stage.exchange.adjust_margin(account, terms.symbol, action["ntli"] * _MICRO)
        except Rejected as error:
            if error.reason is RejectReason.INSUFFICIENT_FUNDS:
                raise Refused("Insufficient margin for this change.") from error
            raise Refused("No isolated position to change the margin of.") from error
        self._records.touch(account)

    def _terms(self, action: Mapping[str, Any]) -> Terms:
        terms = self._markets.by_asset(action["asset"])
        if terms is None:
            raise Refused(f"Asset {action['asset']} does not trade.")
        return terms
