"""Positions over REST: as they are and were, leverage, margin, margin mode, risk limit."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from anyvenue.model.enums import MarginMode, PositionSide
from anyvenue.model.errors import Rejected, RejectReason
from anyvenue.simulation.server.stage import Stage
from anyvenue_gateio.simulator.account_book import AccountBooks
from anyvenue_gateio.simulator.accounts import Accounts
from anyvenue_gateio.simulator.call import Call, Route
from anyvenue_gateio.simulator.contracts import Contract, Contracts
from anyvenue_gateio.simulator.labels import refused
from anyvenue_gateio.simulator.order_body import read_word
from anyvenue_gateio.simulator.position_shapes import PositionShapes
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.shapes import price_text

__all__ = ["PositionRest"]

_F: Final = "/futures/{settle}"
_P: Final = f"{_F}/positions"
_D: Final = f"{_F}/dual_comp/positions"
_LEGS: Final = {"dual_long": PositionSide.LONG, "dual_short": PositionSide.SHORT}


class PositionRest:
    """The position endpoints."""

    def __init__(
        self, stage: Stage, contracts: Contracts, accounts: Accounts, books: AccountBooks, shapes: PositionShapes
    ) -> None:
        self._stage = stage
        self._contracts = contracts
        self._accounts = accounts
        self._books = books
        self._shapes = shapes
        # Undocumented: whether the one-way look-up fails in dual mode, and what is said where margin does not do.
        self._dual_is_refused = stage.chance.below(2) == 1
        self._short_label = ("RISK_LIMIT_EXCEEDED", "LIQUIDATE_IMMEDIATELY")[stage.chance.below(2)]

    def routes(self) -> list[Route]:
        """Return the routes. All changes but the margin mode have their parameters in the query."""
        gets = {
            _P: self.list_all,
            f"{_P}/{{contract}}": self.get,
            f"{_D}/{{contract}}": self.get_dual,
            f"{_F}/positions_timerange": self.changes,
            f"{_F}/position_close": self.closed,
            f"{_F}/get_leverage/{{contract}}": self.get_leverage,
        }
        posts = {
            f"{_P}/cross_mode": self.set_margin_mode,
            f"{_D}/cross_mode": self.set_margin_mode_dual,
            f"{_P}/{{contract}}/leverage": self.set_leverage,
            f"{_P}/{{contract}}/set_leverage": self.set_leverage_and_mode,
            f"{_P}/{{contract}}/margin": self.change_margin,
            f"{_P}/{{contract}}/risk_limit": self.set_risk_limit,
            f"{_D}/{{contract}}/leverage": self.set_leverage_dual,
            f"{_D}/{{contract}}/margin": self.change_margin_dual,
            f"{_D}/{{contract}}/risk_limit": self.set_risk_limit_dual,
        }
        return [
            *(Route(method="GET", pattern=pattern, handler=handler) for pattern, handler in gets.items()),
            *(Route(method="POST", pattern=pattern, handler=handler) for pattern, handler in posts.items()),
        ]

    # Looking up

    def list_all(self, call: Call) -> Any:
        """GET positions."""
        self._accounts.check_settle(call.account, call.settle)
        sides = self._sides(call.account)
        position = self._stage.exchange.position
        found = [
            (contract, side)
            for contract in self._contracts.of(call.settle)
            for side in sides
            if not call.flag("holding") or position(call.account, contract.symbol, side).quantity
        ]
        rows = call.page(found, default=max(1, len(found)), most=max(100, len(found)))
        return [self._shapes.shape(call.account, contract, side, call.decimal) for contract, side in rows]

    def get(self, call: Call) -> Any:
        """GET positions/{contract}: of an account in one-way mode."""
        contract = self._contract(call)
        if self._accounts.is_dual(call.account) and self._dual_is_refused:
            raise Refused("POSITION_DUAL_MODE", "the account is in dual mode")
        return self._told(call, contract)

    def get_dual(self, call: Call) -> Any:
        """GET dual_comp/positions/{contract}."""
        return self._told(call, self._dual_contract(call))

    def changes(self, call: Call) -> Any:
        """GET positions_timerange."""
        contract = self._contracts.find(call.settle, call.needed("contract"))
        first, last = call.span_ns()
        found = [p for p in self._books.changes(call.account, contract.symbol) if first <= p.ts_event < last]
        return [self._shapes.change(contract, position, call.decimal) for position in call.page(found)]

    def closed(self, call: Call) -> Any:
        """GET position_close."""
        first, last = call.span_ns()
        name, side = call.word("contract"), call.word("side", ("long", "short"))
        pnl = call.word("pnl", ("profit", "loss"))
        if name is not None:
            self._contracts.find(call.settle, name)
        found = [
            closed
            for closed in self._books.closed(call.account, call.settle)
            if first <= closed.time_ns < last
            and name in (None, closed.contract.name)
            and side in (None, "long" if closed.is_long else "short")
            and pnl in (None, "profit" if closed.pnl + closed.funding + closed.fees > 0 else "loss")
        ]
        return [self._shapes.closed(row, call.decimal) for row in call.page(found)]

    def get_leverage(self, call: Call) -> Any:
        """GET get_leverage/{contract}; of a margin mode that the position is not in it says the same."""
        contract = self._contract(call)
        call.word("pos_margin_mode", ("isolated", "cross"))
        side = self._leg(call) if self._accounts.is_dual(call.account) else PositionSide.NET
        lever = self._stage.exchange.position(call.account, contract.symbol, side).leverage
        return {"Lever": price_text(lever)}

    # Leverage and margin

    def set_leverage(self, call: Call) -> Any:
        """POST positions/{contract}/leverage: 0 is cross, up to `cross_leverage_limit`; else isolated."""
        contract, leverage = self._contract(call), call.needed_number("leverage")
        mode = MarginMode.ISOLATED if leverage else MarginMode.CROSS
        if not leverage:
            leverage = call.number("cross_leverage_limit") or Decimal(contract.terms.leverage_max)
        return self._lever(call, contract, leverage, mode)

    def set_leverage_dual(self, call: Call) -> Any:
        """POST dual_comp/positions/{contract}/leverage."""
        self._dual_contract(call)
        return self.set_leverage(call)

    def set_leverage_and_mode(self, call: Call) -> Any:
        """POST positions/{contract}/set_leverage."""
        contract, leverage = self._contract(call), call.needed_number("leverage")
        mode = MarginMode(call.needed("margin_mode", ("isolated", "cross")))
        if self._accounts.is_dual(call.account):
            self._leg(call)
        return self._lever(call, contract, leverage, mode)

    def set_margin_mode(self, call: Call) -> Any:
        """POST positions/cross_mode."""
        body = call.object()
        word = read_word(body, "mode", ("CROSS", "ISOLATED"))
        if not word:
            raise Refused("MISSING_REQUIRED_PARAM", "Missing required parameter: mode")
        contract = self._contracts.find(call.settle, read_word(body, "contract"))
        leverage = self._stage.exchange.position(call.account, contract.symbol, self._sides(call.account)[0]).leverage
        return self._lever(call, contract, leverage, MarginMode(word.lower()))

    def set_margin_mode_dual(self, call: Call) -> Any:
        """POST dual_comp/positions/cross_mode."""
        self._check_dual(call)
        return self.set_margin_mode(call)

    def change_margin(self, call: Call) -> Any:
        """POST positions/{contract}/margin."""
        contract, change = self._contract(call), call.needed_number("change")
        if self._accounts.is_dual(call.account):
            raise Refused("POSITION_DUAL_MODE", "the account is in dual mode")
        return self._change_margin(call, contract, PositionSide.NET, change)

    def change_margin_dual(self, call: Call) -> Any:
        """POST dual_comp/positions/{contract}/margin."""
        contract, change = self._dual_contract(call), call.needed_number("change")
        return self._change_margin(call, contract, self._leg(call), change)

    def set_risk_limit(self, call: Call) -> Any:
        """POST positions/{contract}/risk_limit: there is one tier."""
        contract, limit = self._contract(call), call.needed_number("risk_limit")
        most = Decimal(contract.terms.risk_limit)
        if limit != most:
            raise Refused(
                "RISK_LIMIT_TOO_HIGH" if limit > most else "RISK_LIMIT_TOO_LOW", f"the only tier is {price_text(most)}"
            )
        return self._told(call, contract)

    def set_risk_limit_dual(self, call: Call) -> Any:
        """POST dual_comp/positions/{contract}/risk_limit."""
        self._dual_contract(call)
        return self.set_risk_limit(call)

    # What these are made of

    def _contract(self, call: Call) -> Contract:
        self._accounts.check_settle(call.account, call.settle)
        return self._contracts.find(call.settle, call.names["contract"])

    def _dual_contract(self, call: Call) -> Contract:
        contract = self._contract(call)
        self._check_dual(call)
        return contract

    def _check_dual(self, call: Call) -> None:
        if not self._accounts.is_dual(call.account):
            raise Refused("INVALID_PARAM_VALUE", "the account is not in dual mode")

    def _sides(self, account: str) -> Sequence[PositionSide]:
        return tuple(_LEGS.values()) if self._accounts.is_dual(account) else (PositionSide.NET,)

    def _leg(self, call: Call) -> PositionSide:
        return _LEGS[call.needed("dual_side", tuple(_LEGS))]

    def _told(self, call: Call, contract: Contract) -> Any:
        """Return one position in one-way mode and, on every path, both in dual mode."""
        rows = [self._shapes.shape(call.account, contract, side, call.decimal) for side in self._sides(call.account)]
        return rows if self._accounts.is_dual(call.account) else rows[0]

    def _lever(self, call: Call, contract: Contract, leverage: Decimal, mode: MarginMode) -> Any:
        if leverage > contract.instrument.max_leverage:
            raise Refused("LEVERAGE_TOO_HIGH", f"leverage limit is {contract.terms.leverage_max}")
        if leverage < contract.instrument.min_leverage:
            raise Refused("LEVERAGE_TOO_LOW", "leverage is at least 1")
        exchange = self._stage.exchange
        try:
            exchange.set_leverage(call.account, contract.symbol, leverage, mode)
        except Rejected as error:
            if error.reason is RejectReason.INSUFFICIENT_FUNDS:
                raise Refused(self._short_label, error.text) from None
            held = any(
                exchange.position(call.account, contract.symbol, side).quantity for side in self._sides(call.account)
            )
            raise Refused("POSITION_HOLDING" if held else "ORDER_PENDING", error.text) from None
        return self._told(call, contract)

    def _change_margin(self, call: Call, contract: Contract, side: PositionSide, change: Decimal) -> Any:
        exchange = self._stage.exchange
        position = exchange.position(call.account, contract.symbol, side)
        if not position.quantity:
            raise Refused("POSITION_EMPTY", "empty position")
        if position.margin_mode is MarginMode.CROSS:
            raise Refused("POSITION_CROSS_MARGIN", "the position is in cross margin")
        try:
            exchange.adjust_margin(call.account, contract.symbol, change, side)
        except Rejected as error:
            if change < 0:
                raise Refused("REMOVE_TOO_MUCH", error.text) from None
            raise refused(error) from None
        return self._told(call, contract)
