"""Closing a position within a slippage bound (8.6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from anyvenue.model.enums import Side, TimeInForce
from anyvenue.model.errors import InvalidOrder, RejectReason
from anyvenue.model.order_spec import OrderSpec
from anyvenue.simulation.server.stage import Stage
from anyvenue_gaiaex.simulator.call import Call
from anyvenue_gaiaex.simulator.markets import Markets
from anyvenue_gaiaex.simulator.order_file import Kept, OrderFile
from anyvenue_gaiaex.simulator.order_rules import BAD_SIZE, OrderRules, refuse_by_chain
from anyvenue_gaiaex.simulator.orders import OrderDesk
from anyvenue_gaiaex.simulator.refusal import ChainRefused, Refused
from anyvenue_gaiaex.simulator.replies import padded

__all__ = ["PositionCloser"]

SLIPPAGE: Final = Decimal("0.01")


class PositionCloser:
    """Closes positions. Everything raises Refused."""

    def __init__(self, stage: Stage, markets: Markets, file: OrderFile, rules: OrderRules, desk: OrderDesk) -> None:
        self._stage = stage
        self._markets = markets
        self._file = file
        self._rules = rules
        self._desk = desk

    def close(self, call: Call) -> dict[str, Any]:
        """Answer POST /position/close."""
        terms = self._markets.get(call.body.text("symbol"))
        bad_slippage = "Invalid slippage"
        slippage = call.body.optional_number("slippage", bad_slippage) or SLIPPAGE
        if slippage >= 1:
            raise Refused(400, bad_slippage)
        wanted = call.body.optional_number("size", BAD_SIZE)
        held = self._stage.exchange.position(call.account, terms.symbol).quantity
        if not held:
            raise ChainRefused(f"No open position for {terms.name}")
        self._rules.check_hours(terms)
        size = abs(held) if wanted is None else wanted
        self._rules.check_size(terms, size)
        side = Side.SELL if held > 0 else Side.BUY
        kept = Kept(
            order_id=self._file.new_id(),
            name=self._file.new_name(),
            terms=terms,
            created_ms=call.time_ms,
            is_market=True,
        )
        try:
            spec = OrderSpec(
                client_order_id=kept.name,
                instrument=self._markets.instrument(terms),
                side=side,
                quantity=size,
                price=self._desk.bound(terms, side, slippage),
                time_in_force=TimeInForce.IOC,
                reduce_only=True,
            )
        except InvalidOrder as error:
            raise Refused(400, BAD_SIZE) from error
        closed = self._desk.enter(call.account, kept, spec).filled_quantity
        if not closed:
            self._file.drop(call.account, kept.order_id)
            refuse_by_chain(RejectReason.NO_LIQUIDITY)
        return {
            "success": True,
            "orderId": kept.order_id,
            "symbol": terms.name,
            "side": side.name,
            "closedQty": padded(closed, 0),
            "positionSide": "LONG" if held > 0 else "SHORT",
            "status": "filled",
            "reduceOnly": True,
            "timestamp": call.time_ms,
        }
