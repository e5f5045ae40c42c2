"""What an account's fills and funding come to: trades, rows of money, positions from their opening to their close."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Final

from attrs import define, evolve, field, frozen

from anyvenue.model.enums import PositionSide
from anyvenue.model.fill import Fill
from anyvenue.model.market import FundingPayment
from anyvenue.model.order_events import OrderFilled
from anyvenue.model.position import Position
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import AccountEvent
from anyvenue_gateio.simulator.contracts import Contract, Contracts
from anyvenue_gateio.simulator.order_record import gate_id
from anyvenue_gateio.simulator.shapes import money_text

__all__ = ["AccountBooks", "BookRow", "Closed", "Leg", "TradeRow"]

_KEPT: Final = 10_000
_ZERO: Final = Decimal(0)


@frozen(kw_only=True)
class TradeRow:
    """A fill. `close_size` is how many contracts of it closed a position, signed like the fill."""

    contract: Contract
    fill: Fill
    close_size: Decimal
    time_ns: int

    @property
    def size(self) -> Decimal:
        """Signed contracts."""
        return self.contract.size_of(self.fill.quantity) * self.fill.side.sign


@frozen(kw_only=True)
class BookRow:
    """A change of money."""

    number: int
    settle: str
    time_ns: int
    change: Decimal
    balance: Decimal
    kind: str
    text: str
    contract: str
    trade_id: str


@frozen(kw_only=True)
class Closed:
    """A position that was closed, and what it brought."""

    contract: Contract
    time_ns: int
    open_ns: int
    is_long: bool
    pnl: Decimal
    funding: Decimal
    fees: Decimal
    size_max: Decimal
    size_sum: Decimal
    entry_price: Decimal
    exit_price: Decimal


@define(eq=False)
class Leg:
    """One position since it was opened last, and what all before it brought."""

    position: Position
    open_ns: int = 0
    update_ns: int = 0
    update_id: int = 0
    pnl: Decimal = _ZERO
    fees: Decimal = _ZERO
    funding: Decimal = _ZERO
    size_max: Decimal = _ZERO
    size_sum: Decimal = _ZERO
    entry_value: Decimal = _ZERO
    entry_size: Decimal = _ZERO
    exit_value: Decimal = _ZERO
    exit_size: Decimal = _ZERO
    history_pnl: Decimal = _ZERO
    last_close_pnl: Decimal = _ZERO


@define(eq=False)
class _Book:
    balances: dict[str, Decimal]
    legs: dict[tuple[str, PositionSide], Leg] = field(factory=dict)
    trades: deque[TradeRow] = field(factory=lambda: deque(maxlen=_KEPT))
    rows: deque[BookRow] = field(factory=lambda: deque(maxlen=_KEPT))
    closed: deque[Closed] = field(factory=lambda: deque(maxlen=_KEPT))
    history: deque[Position] = field(factory=lambda: deque(maxlen=_KEPT))
    totals: dict[tuple[str, str], Decimal] = field(factory=dict)
    count: int = 0


class AccountBooks:
    """The books of all accounts, kept by the news of each."""

    def __init__(self, stage: Stage, contracts: Contracts) -> None:
        self._stage = stage
        self._contracts = contracts
        self._books: dict[str, _Book] = {}

    def open(self, account: str) -> None:
        """Begin an account's book."""
        if account not in self._books:
            held = {balance.currency: balance.total for balance in self._stage.exchange.balances(account)}
            self._books[account] = _Book(held)

    def on_event(self, account: str, event: AccountEvent) -> None:
        """Book what happened."""
        if isinstance(event, OrderFilled):
            self._on_fill(self._book(account), event.fill)
        elif isinstance(event, FundingPayment):
            self._on_funding(account, event)
        elif isinstance(event, Position):
            self._book(account).history.append(event)
            leg = self._leg(self._book(account), event.instrument.symbol, event.side)
            leg.update_id += 1
            leg.update_ns = self._stage.clock.time_ns()

    # Reading

    def leg(self, account: str, symbol: str, side: PositionSide) -> Leg:
        """Return what is known of one position."""
        return self._leg(self._book(account), symbol, side)

    def trades(self, account: str, settle: str) -> list[TradeRow]:
        """Return the fills, newest first."""
        return [row for row in reversed(self._book(account).trades) if row.contract.settle == settle]

    def rows(self, account: str, settle: str) -> list[BookRow]:
        """Return the changes of money, newest first."""
        return [row for row in reversed(self._book(account).rows) if row.settle == settle]

    def closed(self, account: str, settle: str) -> list[Closed]:
        """Return the positions that were closed, newest first."""
        return [closed for closed in reversed(self._book(account).closed) if closed.contract.settle == settle]

    def changes(self, account: str, symbol: str) -> list[Position]:
        """Return a position as it was after each change, newest first."""
        return [held for held in reversed(self._book(account).history) if held.instrument.symbol == symbol]

    def total(self, account: str, settle: str, kind: str) -> str:
        """Return the sum of all changes of one kind."""
        return money_text(self._book(account).totals.get((settle, kind), _ZERO))

    # Booking

    def _book(self, account: str) -> _Book:
        self.open(account)
        return self._books[account]

    def _leg(self, book: _Book, symbol: str, side: PositionSide) -> Leg:
        key = (symbol, side)
        if key not in book.legs:
            book.legs[key] = Leg(Position(instrument=self._contracts.by_symbol(symbol).instrument, side=side))
        return book.legs[key]

    def _on_fill(self, book: _Book, fill: Fill) -> None:
        contract = self._contracts.by_symbol(fill.instrument.symbol)
        leg = self._leg(book, contract.symbol, fill.position_side)
        before, after = leg.position, leg.position.apply(fill)
        change = fill.quantity * fill.side.sign
        closing = min(fill.quantity, abs(before.quantity)) if before.quantity * change < 0 else _ZERO
        opening = fill.quantity - closing
        row = TradeRow(
            contract=contract,
            fill=fill,
            close_size=contract.size_of(closing) * fill.side.sign,
            time_ns=fill.ts_event,
        )
        book.trades.append(row)
        leg.position, leg.update_ns = after, fill.ts_event
        pnl = after.realized_pnl - before.realized_pnl
        order = "" if fill.venue_order_id is None else str(gate_id(fill.venue_order_id))
        if pnl:
            self._add(book, contract, pnl, "pnl", f"{contract.name}:{order}", fill.trade_id, fill.ts_event)
        if fill.fee:
            self._add(book, contract, -fill.fee, "fee", f"{contract.name}:{order}", fill.trade_id, fill.ts_event)
        if not before.quantity:
            leg.open_ns = fill.ts_event
        leg.pnl += pnl
        leg.fees -= fill.fee
        if closing:
            leg.exit_size += closing
            leg.exit_value += closing * fill.price
            if not after.quantity or opening:
                self._close(book, contract, leg, is_long=before.quantity > 0, now=fill.ts_event)
        if opening:
            leg.entry_size += opening
            leg.entry_value += opening * fill.price
            leg.size_sum += contract.size_of(opening)
            leg.size_max = max(leg.size_max, contract.size_of(abs(after.quantity)))

    def _close(self, book: _Book, contract: Contract, leg: Leg, *, is_long: bool, now: int) -> None:
        total = leg.pnl + leg.fees + leg.funding
        book.closed.append(
            Closed(
                contract=contract,
                time_ns=now,
                open_ns=leg.open_ns,
                is_long=is_long,
                pnl=leg.pnl,
                funding=leg.funding,
                fees=leg.fees,
                size_max=leg.size_max,
                size_sum=leg.size_sum,
                entry_price=leg.entry_value / leg.entry_size if leg.entry_size else _ZERO,
                exit_price=leg.exit_value / leg.exit_size,
            )
        )
        leg.history_pnl += total
        leg.last_close_pnl = total
        leg.pnl = leg.fees = leg.funding = leg.size_max = leg.size_sum = _ZERO
        leg.entry_size = leg.entry_value = leg.exit_size = leg.exit_value = _ZERO
        leg.open_ns = now

    def _on_funding(self, account: str, payment: FundingPayment) -> None:
        """Book a payment. It does not say which leg of a hedge it is for: the exchange's positions do."""
        contract, book = self._contracts.by_symbol(payment.instrument.symbol), self._book(account)
        for (symbol, side), leg in book.legs.items():
            if symbol == contract.symbol:
                paid = self._stage.exchange.position(account, symbol, side).funding
                leg.funding += paid - leg.position.funding
                leg.position = evolve(leg.position, funding=paid)
        self._add(book, contract, payment.amount, "fund", contract.name, "", payment.ts_event)

    def _add(
        self, book: _Book, contract: Contract, change: Decimal, kind: str, text: str, trade_id: str, now: int
    ) -> None:
        currency = contract.instrument.settle
        book.balances[currency] = balance = book.balances.get(currency, _ZERO) + change
        book.count += 1
        key = (contract.settle, kind)
        book.totals[key] = book.totals.get(key, _ZERO) + change
        book.rows.append(
            BookRow(
                number=book.count,
                settle=contract.settle,
                time_ns=now,
                change=change,
                balance=balance,
                kind=kind,
                text=text,
                contract=contract.name,
                trade_id=trade_id,
            )
        )
