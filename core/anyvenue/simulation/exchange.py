"""The simulated exchange: accounts that trade with each other and with a market that a tape or a flow tells of.

It is synchronous and has no clock of its own: a command or a word of the market is worked out to its end before the
call returns, and `time_ns` stamps what comes of it. The same calls at the same times give the same events.

What is decided elsewhere: matching and the queue model in `matching`, what is refused in `admission`, money in
`ledger` and `margin`, the way of an order in `execution`, what follows from a fill or a price in `aftermath`, the
looking up in `look_ups`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from anyvenue.model.decoded_delta import TextPair
from anyvenue.model.enums import MarginMode, PositionMode, PositionSide, Side, TradingStatus
from anyvenue.model.errors import RejectReason
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import MarketEvent, RawLevel
from anyvenue.model.numbers import Number, exact, is_multiple
from anyvenue.model.order_events import OrderAccepted
from anyvenue.model.order_spec import OrderSpec, Protection
from anyvenue.model.position import Position
from anyvenue.simulation import admission
from anyvenue.simulation.account import Account
from anyvenue.simulation.admission import refuse
from anyvenue.simulation.aftermath import Aftermath
from anyvenue.simulation.execution import Execution
from anyvenue.simulation.funding import settle_funding
from anyvenue.simulation.ledger import EXTERNAL, INSURANCE, Ledger
from anyvenue.simulation.liquidation import Liquidator
from anyvenue.simulation.look_ups import LookUps
from anyvenue.simulation.market import Market
from anyvenue.simulation.matching import Matcher
from anyvenue.simulation.protection import Protector
from anyvenue.simulation.public_book import Publisher
from anyvenue.simulation.settings import adjust_margin, holdings_of, set_leverage, set_position_mode
from anyvenue.simulation.working_order import WorkingOrder
from anyvenue.venue.events import AccountEvent

__all__ = ["EXTERNAL", "INSURANCE", "Exchange"]


def _ignore(account: str, event: AccountEvent) -> None:
    """Tell nobody."""


class Exchange(LookUps):
    """A simulated exchange of several instruments and accounts.

    Args:
        instruments: what it lists; symbols are unique.
        time_ns: gives the time, in nanoseconds since the epoch.
        notify: gets (account, event) for what happens to an account: fills, cancels it did not ask for, triggers,
            positions, balances, funding. It is called before the command or market call that caused it returns.
        publish: gets public trades and changes of depth that our own orders bring about; a tape's are not repeated.
        history_limit: how many ended orders, fills and funding payments each account remembers, of each kind.

    Two accounts are the house's own, can be looked up like any other, and are told nothing: `EXTERNAL` is the other
    side of every trade with the tape's liquidity, `INSURANCE` takes over what is liquidated.

    Commands raise Rejected (or a child) with a neutral reason when the exchange refuses, and return the events that
    the reply proves; nothing has changed when they raise. ValueError is for an account that was never opened.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        *,
        time_ns: Callable[[], int],
        notify: Callable[[str, AccountEvent], None] = _ignore,
        publish: Callable[[MarketEvent], None] | None = None,
        history_limit: int = 10_000,
    ) -> None:
        ledger = Ledger(time_ns, notify)
        super().__init__({instrument.symbol: Market(instrument) for instrument in instruments}, ledger)
        self._time_ns = time_ns
        self._publisher = Publisher(time_ns, publish)
        self._matcher = Matcher(self._ledger, self._publisher)
        self._execution = Execution(self._ledger, self._matcher)
        self._protector = Protector(self._ledger, self._execution)
        liquidator = Liquidator(self._ledger, self._matcher, self._execution)
        self._aftermath = Aftermath(self._ledger, self._matcher, self._execution, self._protector, liquidator)
        self._history_limit = history_limit

    # Accounts

    def open_account(
        self,
        name: str,
        *,
        balances: Mapping[str, Decimal],
        leverage: Decimal = Decimal(10),
        position_mode: PositionMode = PositionMode.ONE_WAY,
        margin_mode: MarginMode = MarginMode.CROSS,
    ) -> None:
        """Open an account with money per currency. `leverage` is capped by each instrument's own maximum.

        Raises ValueError for a name that is taken.
        """
        if name in self._ledger.accounts:
            raise ValueError(f"the account {name!r} is open already")
        self._ledger.accounts[name] = Account(
            name,
            balances={currency: exact(amount, currency) for currency, amount in balances.items()},
            leverage=exact(leverage, "leverage"),
            position_mode=position_mode,
            margin_mode=margin_mode,
            history_limit=self._history_limit,
        )

    # Commands

    def place(self, account: str, spec: OrderSpec) -> list[AccountEvent]:
        """Take a new order: match it, and let the rest stand in the book, wait or end. Returns [OrderAccepted].

        What follows (fills, the end of an order that may not rest) is told before this returns. Raises Rejected.
        """
        holder = self._account(account)
        market = self._markets.get(spec.instrument.symbol)
        if market is None:
            refuse(RejectReason.UNKNOWN_INSTRUMENT, f"{spec.instrument.symbol} is not listed here")
        order = self._execution.place(holder, market, spec)
        self._settle()
        return [self._accepted(order)]

    def amend(
        self,
        account: str,
        *,
        client_order_id: str | None = None,
        venue_order_id: str | None = None,
        price: Number | None = None,
        quantity: Number | None = None,
    ) -> list[AccountEvent]:
        """Change a resting or waiting order. `quantity` is the new total, the filled part included.

        A lower quantity at the same price keeps its place in the queue; anything else loses it, and may trade at
        once: the amend is then told, too, before those fills. A quantity that is not above what is filled ends the
        order as filled. Returns [OrderAmended]. Raises Rejected; the order is then as it was.
        """
        order = self._open_order(account, client_order_id, venue_order_id)
        new_price = order.price if price is None else exact(price, "price")
        new_quantity = order.quantity if quantity is None else exact(quantity, "quantity")
        if new_price == order.price and new_quantity == order.quantity:
            refuse(RejectReason.NOTHING_CHANGED, f"{order.client_order_id}: found the price and quantity it has")
        self._execution.amend(order, new_price, new_quantity)
        event = self._execution.amended(order)
        self._settle()
        return [event]

    def cancel(
        self, account: str, *, client_order_id: str | None = None, venue_order_id: str | None = None
    ) -> list[AccountEvent]:
        """Cancel an open order. Returns [OrderCanceled]. Raises UnknownOrder where none is open by that id."""
        order = self._open_order(account, client_order_id, venue_order_id)
        self._matcher.cancel(order)
        self._settle()
        return [self._ledger.canceled(order)]

    def cancel_all(self, account: str, symbol: str | None = None, side: Side | None = None) -> list[AccountEvent]:
        """Cancel all open orders, or those of one instrument, or one side, oldest first. Returns an event for each."""
        chosen = [
            order
            for order in self._account(account).open_orders.values()
            if (symbol is None or order.market.instrument.symbol == symbol) and (side is None or order.side is side)
        ]
        for order in chosen:
            self._matcher.cancel(order)
        self._settle()
        return [self._ledger.canceled(order) for order in chosen]

    def close_position(
        self,
        account: str,
        symbol: str,
        position_side: PositionSide = PositionSide.NET,
        quantity: Number | None = None,
    ) -> list[AccountEvent]:
        """Close a position at market, reduce-only: all of it, or `quantity`. Returns [OrderAccepted].

        The order's client id begins with `close-`. Raises Rejected (REDUCE_ONLY) where there is no position.
        """
        holding = self._holding(account, symbol, position_side)
        admission.check_status(holding.market, reducing=True)
        size = abs(holding.position.quantity) if quantity is None else exact(quantity, "quantity")
        if not holding.position.quantity:
            refuse(RejectReason.REDUCE_ONLY, f"{symbol}: there is no {position_side.value} position to close")
        if quantity is not None and (size <= 0 or not is_multiple(size, holding.market.instrument.quantity_step)):
            refuse(RejectReason.INVALID_QUANTITY, f"{symbol}: quantity: found {size}; allowed are steps above 0")
        order = self._execution.close(holding, size, "close")
        self._execution.run(order)
        self._settle()
        return [self._accepted(order)]

    def protect(
        self,
        account: str,
        symbol: str,
        protection: Protection | None,
        position_side: PositionSide = PositionSide.NET,
    ) -> list[AccountEvent]:
        """Set a position's take-profit and stop-loss in place of the ones it has; None takes them away.

        When one is reached the position is closed at market by an order whose client id begins with `take-profit-`
        or `stop-loss-`; it is told as OrderTriggered and fills. The reply proves no event: returns []. Raises
        Rejected: REDUCE_ONLY without a position, INVALID_TRIGGER for a level on the wrong side of the price.
        """
        holding = self._holding(account, symbol, position_side)
        if protection is None:
            self._protector.lift(holding)
            return []
        if not holding.position.quantity:
            refuse(RejectReason.REDUCE_ONLY, f"{symbol}: there is no {position_side.value} position to protect")
        opening = Side.BUY if holding.position.quantity > 0 else Side.SELL
        admission.check_protected(holding.market, protection, opening)
        self._protector.protect(holding, protection)
        self._settle()
        return []

    def set_leverage(
        self, account: str, symbol: str, leverage: Number, margin_mode: MarginMode = MarginMode.CROSS
    ) -> Position:
        """Set leverage and margin mode of an instrument (in hedge mode: of both legs); return the (long) position.

        Raises Rejected: LEVERAGE outside the instrument's limits, or for another margin mode while there is a
        position or an order; INSUFFICIENT_FUNDS where positions and orders would need more than is free.
        """
        holder, market = self._account(account), self._market(symbol)
        set_leverage(self._ledger, holder, market, exact(leverage, "leverage"), margin_mode)
        self._settle()
        return self._ledger.position(holdings_of(holder, market)[0])

    def adjust_margin(
        self, account: str, symbol: str, amount: Number, position_side: PositionSide = PositionSide.NET
    ) -> Position:
        """Add `amount` of settle currency to an isolated position's margin, or take it away (below 0).

        Raises Rejected: LEVERAGE where there is no isolated position, INSUFFICIENT_FUNDS where it is not free.
        """
        holding = self._holding(account, symbol, position_side)
        adjust_margin(self._ledger, holding, exact(amount, "amount"))
        self._settle()
        return self._ledger.position(holding)

    def set_position_mode(self, account: str, mode: PositionMode) -> None:
        """Switch between one-way and hedge mode. Raises Rejected while there is a position or an open order."""
        set_position_mode(self._account(account), mode)

    # The market

    def apply_depth(
        self, symbol: str, bids: Sequence[RawLevel], asks: Sequence[RawLevel], *, snapshot: bool, ts_event: int
    ) -> None:
        """Take in what the tape says of the external book: all of it, or the levels that changed.

        Sizes are absolute, in the instrument's depth unit. Resting orders that it comes to cross are filled.
        `ts_event` is the tape's own time; what comes of it here is stamped by `time_ns`. Raises InvalidBook for
        levels that cannot be read, TypeError for a float; the external book is empty then.
        """
        market = self._market(symbol)
        market.external.apply(bids, asks, snapshot=snapshot)
        if (market.bids.prices or market.asks.prices) and self._matcher.tape_depth(market, market.external.sides()):
            self._settle()

    def depth_taker(self, symbol: str) -> Callable[[Sequence[TextPair], Sequence[TextPair]], None]:
        """Return what takes in changed levels of one instrument as `apply_depth` does, made as in a `DecodedDelta`.

        What is wrong with a level is raised when an order, or somebody who asks, first meets it.
        """
        market, tape_depth, settle = self._market(symbol), self._matcher.tape_depth, self._settle
        external, own_bids, own_asks = market.external, market.bids.prices, market.asks.prices

        def take(bids: Sequence[TextPair], asks: Sequence[TextPair]) -> None:
            if not (own_bids or own_asks):
                external.apply_decoded(bids, asks)
            elif tape_depth(market, external.merge_decoded(bids, asks)):
                settle()

        return take

    def apply_trade(
        self, symbol: str, side: Side, price: Decimal | str, quantity: Decimal | str, *, ts_event: int
    ) -> None:
        """Take in a trade of the outside world; `side` is the taker's, `quantity` in the quantity unit.

        It fills resting orders of ours as the queue model says, and is the last price from now on. `ts_event` is as
        in `apply_depth`.
        """
        market, near = self._market(symbol), float(price)
        if market.note_trade(side, price, near):
            return
        if near <= market.bids.best if side is Side.SELL else near >= market.asks.best:
            self._matcher.tape_trade(market, side, exact(price, "price"), exact(quantity, "quantity"))
        self._ledger.stir(market)
        self._settle()

    def trade_noter(self, symbol: str) -> Callable[[Side, Decimal | str, float], bool]:
        """Return an instrument's `Market.note_trade`: most trades of a tape bring about nothing."""
        return self._market(symbol).note_trade

    def set_mark(self, symbol: str, mark: Number, index: Number | None = None) -> None:
        """Set the mark price, and the index price where given."""
        market = self._market(symbol)
        market.given_mark = exact(mark, "mark")
        if index is not None:
            market.index_price = exact(index, "index")
        self._ledger.stir(market)
        self._settle()

    def next_trade_id(self, symbol: str) -> str:
        """Return the id of the next public trade, for one that happens elsewhere."""
        return self._market(symbol).next_trade_id()

    def settle_funding(self, symbol: str, rate: Number) -> None:
        """Settle funding once: longs pay position value at the mark price x `rate` where it is above 0, shorts get it.

        Each account is told its FundingPayment. Without any price known nothing happens.
        """
        settle_funding(self._ledger, self._market(symbol), exact(rate, "rate"))
        self._settle()

    def status(self, symbol: str) -> TradingStatus:
        """Return whether an instrument takes orders."""
        return self._market(symbol).status

    def set_status(self, symbol: str, status: TradingStatus) -> None:
        """Open, restrict or halt an instrument. Orders that rest stay."""
        self._market(symbol).status = status

    def _accepted(self, order: WorkingOrder) -> OrderAccepted:
        """Return the acceptance, under the id the order had then: a trigger may have given it another one since."""
        return OrderAccepted(
            client_order_id=order.client_order_id,
            venue_order_id=(*order.former_ids, order.venue_order_id)[0],
            ts_event=self._time_ns(),
        )

    def _settle(self) -> None:
        """Work out what follows from what has just happened, until nothing more does; then tell."""
        self._aftermath.settle()
        self._ledger.deliver()
        self._publisher.deliver()

    def _open_order(self, account: str, client_order_id: str | None, venue_order_id: str | None) -> WorkingOrder:
        if client_order_id is None and venue_order_id is None:
            raise TypeError("give client_order_id or venue_order_id")
        order = self._account(account).find(client_order_id, venue_order_id)
        name = client_order_id if venue_order_id is None else venue_order_id
        if order is None:
            refuse(RejectReason.UNKNOWN_ORDER, f"there is no order {name!r}")
        if order.state.is_terminal:
            refuse(RejectReason.ORDER_CLOSED, f"the order {name!r} is {order.state.value}")
        return order
