"""What a WebSocket needs of the simulator around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from anyvenue.simulation.server.stage import Stage
    from anyvenue_gateio.simulator.account_book import AccountBooks
    from anyvenue_gateio.simulator.accounts import Accounts
    from anyvenue_gateio.simulator.auth_check import Doorman
    from anyvenue_gateio.simulator.contracts import Contracts
    from anyvenue_gateio.simulator.depth import DepthBooks
    from anyvenue_gateio.simulator.news import News
    from anyvenue_gateio.simulator.orders import OrderDesk
    from anyvenue_gateio.simulator.quirks import Quirks
    from anyvenue_gateio.simulator.sockets import Sockets
    from anyvenue_gateio.simulator.trade_rate import TradeRate
    from anyvenue_gateio.simulator.triggers import TriggerDesk

__all__ = ["House"]


class House(Protocol):
    """The rooms of the dialect that a WebSocket goes into."""

    stage: Stage
    contracts: Contracts
    accounts: Accounts
    news: News
    books: AccountBooks
    desk: OrderDesk
    triggers: TriggerDesk
    doorman: Doorman
    depth: DepthBooks
    quirks: Quirks
    sockets: Sockets
    trade_rate: TradeRate
