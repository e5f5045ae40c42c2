"""What can be asked of the simulated exchange: orders, fills, positions, balances, prices and depth."""

from __future__ import annotations

from decimal import Decimal

from anyvenue.model.balance import Balance
from anyvenue.model.enums import PositionMode, PositionSide
from anyvenue.model.errors import RejectReason, UnknownInstrument
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingPayment
from anyvenue.model.order import Order
from anyvenue.model.order_spec import Protection
from anyvenue.model.position import Position
from anyvenue.simulation.account import Account, Holding
from anyvenue.simulation.admission import refuse
from anyvenue.simulation.ledger import Ledger
from anyvenue.simulation.market import Market
from anyvenue.simulation.public_book import PublicBook

__all__ = ["LookUps"]


class LookUps:
    """The side of the exchange that changes nothing.

    Accounts are asked for by name, `EXTERNAL` and `INSURANCE` too. Raises ValueError for an account that was never
    opened, UnknownInstrument for a symbol that is not listed.
    """

    def __init__(self, markets: dict[str, Market], ledger: Ledger) -> None:
        self._markets = markets
        self._ledger = ledger

    # Accounts

    def protection(
        self, account: str, symbol: str, position_side: PositionSide = PositionSide.NET
    ) -> Protection | None:
        """Return a position's take-profit and stop-loss; None where it has none."""
        return self._account(account).holding(self._market(symbol), position_side).protection

    def order(
        self, account: str, *, client_order_id: str | None = None, venue_order_id: str | None = None
    ) -> Order | None:
        """Return an order, open or remembered; None where none is known by that id."""
        found = self._account(account).find(client_order_id, venue_order_id)
        return None if found is None else found.view()

    def open_orders(self, account: str, symbol: str | None = None) -> list[Order]:
        """Return the open orders, resting and waiting, oldest first."""
        return [
            order.view()
            for order in self._account(account).open_orders.values()
            if symbol is None or order.market.instrument.symbol == symbol
        ]

    def order_history(self, account: str, symbol: str | None = None, since_ns: int = 0) -> list[Order]:
        """Return the remembered orders that ended since `since_ns`, in the order in which they ended."""
        return [
            order.view()
            for order in self._account(account).ended_orders
            if order.ts_event >= since_ns and (symbol is None or order.market.instrument.symbol == symbol)
        ]

    def fills(self, account: str, symbol: str | None = None, since_ns: int = 0) -> list[Fill]:
        """Return the remembered fills since `since_ns`, oldest first."""
        return [
            fill
            for fill in self._account(account).fills
            if fill.ts_event >= since_ns and (symbol is None or fill.instrument.symbol == symbol)
        ]

    def funding_payments(self, account: str, symbol: str | None = None, since_ns: int = 0) -> list[FundingPayment]:
        """Return the remembered funding payments since `since_ns`, oldest first."""
        return [
            payment
            for payment in self._account(account).funding
            if payment.ts_event >= since_ns and (symbol is None or payment.instrument.symbol == symbol)
        ]

    def positions(self, account: str) -> list[Position]:
        """Return the positions that are not flat. `EXTERNAL` and `INSURANCE` may be asked for too."""
        return [
            self._ledger.position(holding)
            for holding in self._account(account).holdings.values()
            if holding.position.quantity
        ]

    def position(self, account: str, symbol: str, side: PositionSide = PositionSide.NET) -> Position:
        """Return one position, flat or not, with the leverage and margin mode set for it."""
        return self._ledger.position(self._account(account).holding(self._market(symbol), side))

    def balances(self, account: str) -> list[Balance]:
        """Return the balance of every currency that the account has ever held."""
        holder = self._account(account)
        return [self._ledger.balance(holder, currency) for currency in holder.wallets]

    @property
    def instruments(self) -> list[Instrument]:
        """What is listed."""
        return [market.instrument for market in self._markets.values()]

    @property
    def fees_collected(self) -> dict[str, Decimal]:
        """The fees taken so far less the rebates given, per currency."""
        return dict(self._ledger.fees)

    # Markets

    def book(self, symbol: str) -> PublicBook:
        """Return a live view of the public depth, our visible resting orders included."""
        return PublicBook(self._market(symbol))

    def overlay(self, symbol: str) -> tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]:
        """Return what our resting orders show at each price, beside the external depth: bids and asks."""
        market = self._market(symbol)
        bids, asks = ({level.price: level.visible for level in side.from_best()} for side in (market.bids, market.asks))
        return bids, asks

    def own_prices(self, symbol: str) -> tuple[list[Decimal], list[Decimal]]:
        """Return the prices at which orders of ours rest: bids and asks, ascending."""
        market = self._market(symbol)
        return market.bids.prices, market.asks.prices

    def mark_price(self, symbol: str) -> Decimal | None:
        """Return the mark price: as set, else the last trade's, else the external mid."""
        return self._market(symbol).mark_price

    def last_price(self, symbol: str) -> Decimal | None:
        """Return the last trade's price, the tape's or our own."""
        return self._market(symbol).last_price

    # Names

    def _holding(self, account: str, symbol: str, side: PositionSide) -> Holding:
        """Return a holding. Raises Rejected for a position side that does not go with the account's mode."""
        holder = self._account(account)
        if (side is PositionSide.NET) is not (holder.position_mode is PositionMode.ONE_WAY):
            refuse(
                RejectReason.POSITION_MODE,
                f"position_side: found {side.value}; the account is in {holder.position_mode.value} mode",
            )
        return holder.holding(self._market(symbol), side)

    def _account(self, name: str) -> Account:
        account = self._ledger.accounts.get(name)
        if account is None:
            raise ValueError(f"the account {name!r} was never opened; open are {', '.join(self._ledger.accounts)}")
        return account

    def _market(self, symbol: str) -> Market:
        market = self._markets.get(symbol)
        if market is None:
            raise UnknownInstrument(f"{symbol!r} is not listed here; listed are {', '.join(self._markets)}")
        return market
