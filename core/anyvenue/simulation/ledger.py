"""The books of the simulated exchange: every trade, fee and transfer of money between its accounts, and the news of it.

Nothing is made or lost here. Each trade has two sides with the same value; the side of the outside world (a tape's
liquidity) is booked on the house account EXTERNAL, which pays no fees and has no margin. Fees go to `fees`. So at any
time, per settle currency, the wallets and unrealised profits of all accounts and the fees sum to what was paid in.

News is collected while a command or a market event is worked out, and told at its end: order events one by one, in the
order in which they happened, then each position and balance that changed, once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal

from attrs import evolve

from anyvenue.model.balance import Balance
from anyvenue.model.enums import Liquidity, MarginMode, OrderState, PositionMode, PositionSide, Side
from anyvenue.model.errors import RejectReason
from anyvenue.model.fill import Fill
from anyvenue.model.numbers import ONE, ZERO, quantize_money
from anyvenue.model.order_events import OrderCanceled, OrderExpired, OrderFilled
from anyvenue.model.position import Position
from anyvenue.simulation import margin
from anyvenue.simulation.account import Account, Holding
from anyvenue.simulation.market import Market
from anyvenue.simulation.working_order import WorkingOrder
from anyvenue.venue.events import AccountEvent

__all__ = ["EXTERNAL", "INSURANCE", "Ledger"]

EXTERNAL = "EXTERNAL"
"""The house account that stands for everybody else in the market."""
INSURANCE = "INSURANCE"
"""The house account that takes over liquidated positions."""


def _house(name: str) -> Account:
    return Account(
        name,
        balances={},
        leverage=ONE,
        position_mode=PositionMode.ONE_WAY,
        margin_mode=MarginMode.CROSS,
        history_limit=0,
        is_house=True,
    )


class Ledger:
    """Accounts and what is booked on them."""

    def __init__(self, time_ns: Callable[[], int], notify: Callable[[str, AccountEvent], None]) -> None:
        self.time_ns = time_ns
        self.external = _house(EXTERNAL)
        self.insurance = _house(INSURANCE)
        self.accounts: dict[str, Account] = {EXTERNAL: self.external, INSURANCE: self.insurance}
        self.fees: dict[str, Decimal] = {}
        self.after_fill: Callable[[WorkingOrder | None, Holding], None] = lambda order, holding: None
        """Called when a fill has been booked, for what follows from it at once."""
        self.stirred: dict[Market, None] = {}
        """Markets in which a price has moved or a new watch was set."""
        self.suspects: dict[Account, None] = {}
        """Accounts whose margin may no longer do."""
        self._notify = notify
        self._outbox: deque[tuple[str, AccountEvent]] = deque()
        self._changed_holdings: dict[Holding, None] = {}
        self._changed_wallets: dict[tuple[Account, str], None] = {}
        self._telling = False

    # Trades

    def trade(
        self,
        market: Market,
        *,
        taker: WorkingOrder | None,
        maker: WorkingOrder | None,
        taker_side: Side,
        price: Decimal,
        quantity: Decimal,
    ) -> str:
        """Book a trade between two orders; None stands for the outside world. Return its id."""
        trade_id = market.next_trade_id()
        self._book(market, taker, trade_id, taker_side, price, quantity, Liquidity.TAKER)
        self._book(market, maker, trade_id, taker_side.opposite, price, quantity, Liquidity.MAKER)
        return trade_id

    def _book(
        self,
        market: Market,
        order: WorkingOrder | None,
        trade_id: str,
        side: Side,
        price: Decimal,
        quantity: Decimal,
        liquidity: Liquidity,
    ) -> None:
        now = self.time_ns()
        free = order is None or order.account.is_house
        fill = Fill(
            instrument=market.instrument,
            trade_id=trade_id,
            client_order_id=None if order is None else order.client_order_id,
            venue_order_id=None if order is None else order.venue_order_id,
            side=side,
            price=price,
            quantity=quantity,
            fee=ZERO if free else market.instrument.fee(quantity, price, maker=liquidity is Liquidity.MAKER),
            liquidity=liquidity,
            position_side=PositionSide.NET if order is None else order.spec.position_side,
            ts_event=now,
        )
        if order is None:
            self.book_fill(self.external.holding(market, PositionSide.NET), fill)
            return
        order.filled += quantity
        order.value += quantity * price
        order.fees += fill.fee
        order.trade_ids.append(trade_id)
        order.ts_event = now
        if order.resting and not order.reducing:
            order.holding.reserve(order)
        self.tell(
            order.account,
            OrderFilled(
                client_order_id=order.client_order_id, venue_order_id=order.venue_order_id, fill=fill, ts_event=now
            ),
        )
        self.book_fill(order.holding, fill)
        self.after_fill(order, order.holding)

    def book_fill(self, holding: Holding, fill: Fill) -> None:
        """Book a fill on its position and wallet."""
        account, market = holding.account, holding.market
        before = holding.position
        after = before.apply(fill)
        currency = market.instrument.settle
        account.wallets[currency] = (
            account.wallets.get(currency, ZERO) + after.realized_pnl - before.realized_pnl - fill.fee
        )
        self.fees[currency] = self.fees.get(currency, ZERO) + fill.fee
        holding.position = after
        if after.margin_mode is MarginMode.ISOLATED:
            self._move_isolated_margin(holding, before, fill)
        if account is not self.external:
            if after.quantity:
                market.holders[holding] = None
            else:
                market.holders.pop(holding, None)
            account.fills.append(fill)
            self.suspects[account] = None
        self.stirred[market] = None
        self.changed(holding)

    def _move_isolated_margin(self, holding: Holding, before: Position, fill: Fill) -> None:
        """Let the part that was closed give its margin back and the part that was opened take its own."""
        after, instrument = holding.position, holding.market.instrument
        change = fill.quantity * fill.side.sign
        own = before.margin
        opened = abs(change)
        if before.quantity * change < 0:
            closed = min(abs(change), abs(before.quantity))
            opened -= closed
            own = own - quantize_money(own * closed / abs(before.quantity)) if after.quantity and not opened else ZERO
        if opened:
            own += instrument.initial_margin(opened, fill.price, after.leverage)
        holding.position = evolve(after, margin=own)

    def take_over(self, holding: Holding, fill: Fill, fee: Decimal) -> None:
        """Book a fill between an account and the insurance account, with a fee that goes to the latter."""
        account, market = holding.account, holding.market
        fill = evolve(fill, fee=fee)
        self.tell(account, OrderFilled(venue_order_id=fill.venue_order_id, fill=fill, ts_event=fill.ts_event))
        self.book_fill(holding, fill)
        insured = self.insurance.holding(market, PositionSide.NET)
        self.book_fill(insured, evolve(fill, side=fill.side.opposite, fee=-fee, position_side=PositionSide.NET))
        self.after_fill(None, holding)

    # The end of orders

    def end(self, order: WorkingOrder, state: OrderState, reason: RejectReason | None = None, text: str = "") -> None:
        """Let an order, out of the book already, be over."""
        order.state, order.reason, order.text = state, reason, text
        order.waiting = False
        if order.watch is not None:
            order.market.unwatch(order.watch)
            order.watch = None
        order.ts_event = self.time_ns()
        order.holding.release(order)
        order.account.end(order)

    def canceled(self, order: WorkingOrder) -> OrderCanceled:
        """Return the event that tells of an order's cancellation."""
        return OrderCanceled(
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            reason=order.reason,
            text=order.text,
            ts_event=order.ts_event,
        )

    def tell_end(self, order: WorkingOrder) -> None:
        """Tell the account that an order was canceled or has expired."""
        if order.state is OrderState.EXPIRED:
            self.tell(
                order.account,
                OrderExpired(
                    client_order_id=order.client_order_id,
                    venue_order_id=order.venue_order_id,
                    text=order.text,
                    ts_event=order.ts_event,
                ),
            )
        else:
            self.tell(order.account, self.canceled(order))

    # News

    def tell(self, account: Account, event: AccountEvent) -> None:
        """Collect an event for an account. The house needs no news."""
        if not account.is_house:
            self._outbox.append((account.name, event))

    def stir(self, market: Market) -> None:
        """Note that a price has moved or a watch was set."""
        self.stirred[market] = None

    def changed(self, holding: Holding) -> None:
        """Note that a position has changed, and with it the balance. The house needs no news."""
        if not holding.account.is_house:
            self._changed_holdings[holding] = None
            self._changed_wallets[holding.account, holding.market.instrument.settle] = None

    def deliver(self) -> None:
        """Tell everything that was collected.

        A listener may give commands of its own; what they cause is told after what is being told now.
        """
        if self._telling or not (self._outbox or self._changed_wallets):
            return
        self._telling = True
        try:
            while self._outbox or self._changed_wallets:
                self._collect_changes()
                while self._outbox:  # if a listener fails, what is left is told next time
                    self._notify(*self._outbox.popleft())
        finally:
            self._telling = False

    def _collect_changes(self) -> None:
        holdings, self._changed_holdings = self._changed_holdings, {}
        wallets, self._changed_wallets = self._changed_wallets, {}
        for holding in holdings:
            holding.account.sequence += 1
            self.tell(holding.account, self.position(holding))
        for account, currency in wallets:
            account.sequence += 1
            self.tell(account, self.balance(account, currency))

    def position(self, holding: Holding) -> Position:
        """Return a position as readers get it: with liquidation price, sequence and time."""
        held = holding.position
        return Position(
            instrument=held.instrument,
            side=held.side,
            quantity=held.quantity,
            cost=held.cost,
            realized_pnl=held.realized_pnl,
            fees=held.fees,
            funding=held.funding,
            leverage=held.leverage,
            margin_mode=held.margin_mode,
            margin=held.margin,
            liquidation_price=None if holding.account.is_house else margin.liquidation_price(holding),
            sequence=holding.account.sequence,
            ts_event=self.time_ns(),
        )

    def balance(self, account: Account, currency: str) -> Balance:
        """Return a balance as readers get it."""
        return Balance(
            currency=currency,
            total=account.wallets.get(currency, ZERO),
            available=max(ZERO, margin.available(account, currency)),
            sequence=account.sequence,
            ts_event=self.time_ns(),
        )
