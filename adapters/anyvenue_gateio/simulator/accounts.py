"""What Gate knows of an account beyond its money: the user id, the position mode, whether it is in an STP group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from anyvenue.model.enums import PositionMode
from anyvenue.model.errors import Rejected
from anyvenue.simulation.server.stage import Stage
from anyvenue_gateio.simulator.refusal import Refused

__all__ = ["Accounts"]

_FIRST_USER: Final = 10_406_147


class Accounts:
    """The accounts of the stage, as Gate sees them.

    The position mode is one for all settle currencies, as at the exchange behind it. `stp_group` holds the accounts
    that are in a group for self-trade prevention; there are none unless somebody puts them in.
    """

    def __init__(self, stage: Stage, stp_group: Iterable[str] = ()) -> None:
        self._stage = stage
        self._modes: dict[str, PositionMode] = {}
        self.stp_group = set(stp_group)

    def user_id(self, account: str) -> int:
        """Return the user id."""
        return _FIRST_USER + list(self._stage.accounts).index(account)

    def mode(self, account: str) -> PositionMode:
        """Return the position mode."""
        return self._modes.get(account, PositionMode.ONE_WAY)

    def is_dual(self, account: str) -> bool:
        """Tell whether it holds a long and a short beside each other."""
        return self.mode(account) is PositionMode.HEDGE

    def set_mode(self, account: str, mode: PositionMode) -> None:
        """Switch the position mode. Raises Refused: NO_CHANGE, POSITION_HOLDING or ORDER_PENDING."""
        if mode is self.mode(account):
            raise Refused("NO_CHANGE", "no change")
        exchange = self._stage.exchange
        if exchange.positions(account):
            raise Refused("POSITION_HOLDING", "close all positions first")
        try:
            exchange.set_position_mode(account, mode)
        except Rejected as error:
            raise Refused("ORDER_PENDING", error.text) from None
        self._modes[account] = mode

    def check_settle(self, account: str, settle: str) -> None:
        """Raise Refused for an account that has never held money of this settle currency."""
        if not any(balance.currency.lower() == settle for balance in self._stage.exchange.balances(account)):
            raise Refused("USER_NOT_FOUND", "please transfer funds first to make futures account")
