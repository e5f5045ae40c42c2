"""The matching engine against a slow and obvious one.

The slow one keeps, for each price, a plain list of pieces: an order's visible slice, or a piece of external quantity
(owner None). A tape's trade moves the external pieces it eats to the back, since the tape still shows them; growth of
a level adds a piece at the back, and shrinking takes from the back. Everything the queue model says follows from that.
"""

from __future__ import annotations

from decimal import Decimal

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from anyvenue.model.enums import OrderState, Side, TimeInForce
from anyvenue.model.errors import Rejected

PRICES = range(96, 105)
NAMES = ("ann", "bob", "cid")


@define
class Piece:
    quantity: int
    order: str | None = None


@define
class Slow:
    """Price-time priority by looking at everything, each time. Quantities are whole numbers."""

    queues: dict[tuple[Side, int], list[Piece]] = field(factory=dict)
    orders: dict[str, dict] = field(factory=dict)
    trades: list[tuple[set[str], int, int]] = field(factory=list)

    def queue(self, side, price):
        return self.queues.setdefault((side, price), [])

    def best(self, side, *, own_only=False):
        found = [p for (s, p), q in self.queues.items() if s is side and any(x.order or not own_only for x in q)]
        return None if not found else (max(found) if side is Side.BUY else min(found))

    def external(self, side, price):
        return sum(piece.quantity for piece in self.queue(side, price) if piece.order is None)

    def hit(self, side, price, piece, quantity, taker=None):
        """Fill an order's piece."""
        order = self.orders[piece.order]
        self.trades.append(({piece.order, taker} - {None}, price, quantity))
        if taker is not None:
            self.orders[taker]["left"] -= quantity
        order["left"] -= quantity
        piece.quantity -= quantity
        if not piece.quantity:
            queue = self.queue(side, price)
            queue.remove(piece)
            if order["left"]:
                queue.append(Piece(min(order["left"], order["display"]), piece.order))

    def take(self, name, side, price):
        order = self.orders[name]
        while order["left"]:
            best = self.best(side.opposite)
            if best is None or (price is not None and (best - price) * side.sign > 0):
                return True
            queue = self.queue(side.opposite, best)
            while len(queue) > 1 and queue[0].order is queue[1].order is None:
                queue[1].quantity += queue.pop(0).quantity
            piece = queue[0]
            quantity = min(order["left"], piece.quantity)
            if piece.order is None:
                self.trades.append(({name}, best, quantity))
                order["left"] -= quantity
                piece.quantity -= quantity
                if not piece.quantity:
                    queue.pop(0)
            elif self.orders[piece.order]["account"] == order["account"]:
                return False
            else:
                self.hit(side.opposite, best, piece, quantity, name)
        return True

    def place(self, account, name, side, quantity, price, display, rests):
        self.orders[name] = {"account": account, "side": side, "price": price, "left": quantity}
        self.orders[name]["display"] = display or 10**9
        if self.take(name, side, price) and rests:
            self.rest(name)

    def rest(self, name):
        order = self.orders[name]
        if order["left"]:
            piece = Piece(min(order["left"], order["display"]), name)
            self.queue(order["side"], order["price"]).append(piece)

    def find(self, name):
        order = self.orders.get(name)
        if order is None or order["price"] is None:
            return None
        queue = self.queue(order["side"], order["price"])
        return next(((queue, piece) for piece in queue if piece.order == name), None)

    def cancel(self, name):
        queue, piece = self.find(name)
        queue.remove(piece)

    def amend(self, name, price, left):
        queue, piece = self.find(name)
        order = self.orders[name]
        if price == order["price"] and left <= order["left"]:
            order["left"], piece.quantity = left, min(piece.quantity, left)
            return
        queue.remove(piece)
        order["left"], order["price"] = left, price
        if self.take(name, order["side"], price):
            self.rest(name)

    def tape_trade(self, side, price, left):
        while left:
            best = self.best(side.opposite, own_only=True)
            if best is None or (best - price) * side.sign > 0:
                return
            queue = self.queue(side.opposite, best)
            if best != price:  # through it: what was ahead is gone, as far as places go
                queue.sort(key=lambda piece: piece.order is None)
            piece = queue[0]
            quantity = min(left, piece.quantity)
            left -= quantity
            if piece.order is not None:
                self.hit(side.opposite, best, piece, quantity)
                continue
            piece.quantity -= quantity
            if not piece.quantity:
                queue.pop(0)
            queue.append(Piece(quantity))

    def depth(self, levels):
        for side, price, size in levels:
            queue = self.queue(side, price)
            more = size - self.external(side, price)
            if more > 0:
                queue.append(Piece(more))
            for piece in reversed([piece for piece in queue if piece.order is None]):
                gone = min(piece.quantity, max(0, -more))
                piece.quantity -= gone
                more += gone
            queue[:] = [piece for piece in queue if piece.quantity]
        for side in (Side.SELL, Side.BUY):
            self.uncross(side)

    def uncross(self, side):
        while True:
            own = self.best(side.opposite, own_only=True)
            others = [p for (s, p), q in self.queues.items() if s is side and any(x.order is None for x in q)]
            best = None if not others else (max(others) if side is Side.BUY else min(others))
            if own is None or best is None or (own - best) * side.sign > 0:
                return
            queue = self.queue(side.opposite, own)
            piece = next(piece for piece in queue if piece.order is not None)
            left = quantity = min(piece.quantity, self.external(side, best))
            self.hit(side.opposite, own, piece, quantity)
            crossing = self.queue(side, best)
            for other in [other for other in crossing if other.order is None]:
                gone = min(left, other.quantity)
                other.quantity -= gone
                left -= gone
            crossing[:] = [other for other in crossing if other.quantity]

    def shown(self, side):
        totals = {p: sum(piece.quantity for piece in q) for (s, p), q in self.queues.items() if s is side and q}
        return sorted(totals.items(), reverse=side is Side.BUY)


sides = st.sampled_from(Side)
prices = st.sampled_from(PRICES)
sizes = st.integers(1, 6)
picks = st.integers(0, 30)
names = st.sampled_from(NAMES)
actions = st.one_of(
    st.tuples(st.just("place"), names, sides, sizes, prices, st.sampled_from(["gtc", "ioc", "market"])),
    st.tuples(st.just("iceberg"), names, sides, st.integers(3, 9), prices),
    st.tuples(st.just("cancel"), picks),
    st.tuples(st.just("amend"), picks, prices, sizes),
    st.tuples(st.just("trade"), sides, prices, sizes),
    st.tuples(st.just("depth"), st.lists(st.tuples(sides, prices, st.integers(0, 5)), max_size=5)),
)


def uncrossed(levels):
    """Keep what leaves the tape's own book uncrossed: bids at most 100, asks above."""
    return {(s, p): q for s, p, q in levels if (p <= 100) is (s is Side.BUY)}


@settings(max_examples=300)
@given(st.lists(actions, max_size=40))
def test_it_agrees_with_the_slow_one(make_desk, make_linear, script):
    desk = make_desk(make_linear(maker_fee="0", taker_fee="0"))
    desk.open(*NAMES, money="1000000")
    slow = Slow()
    desk.depth({}, {}, snapshot=True)
    for number, action in enumerate(script):
        name = f"n{number}"
        match action:
            case "place", account, side, quantity, price, kind:
                at = None if kind == "market" else price
                options = {"time_in_force": TimeInForce.IOC} if kind == "ioc" else {}
                spec = desk.spec(side, str(quantity), None if at is None else str(at), name=name, **options)
                desk.place(account, spec)
                slow.place(account, name, side, quantity, at, None, kind == "gtc")
            case "iceberg", account, side, quantity, price:
                desk.place(account, desk.spec(side, str(quantity), str(price), name=name, display_quantity=Decimal(2)))
                slow.place(account, name, side, quantity, price, 2, True)
            case "cancel", pick:
                if slow.find(f"n{pick}"):
                    slow.cancel(f"n{pick}")
                    desk.exchange.cancel(slow.orders[f"n{pick}"]["account"], client_order_id=f"n{pick}")
            case "amend", pick, price, left:
                target = f"n{pick}"
                order = slow.orders.get(target)
                if slow.find(target) and (price, left) != (order["price"], order["left"]):
                    filled = desk.order(order["account"], target).filled_quantity
                    slow.amend(target, price, left)
                    desk.exchange.amend(
                        order["account"], client_order_id=target, price=str(price), quantity=filled + left
                    )
            case "trade", side, price, quantity:
                slow.tape_trade(side, price, quantity)
                desk.trade(side, str(price), str(quantity))
            case "depth", levels:
                changes = uncrossed(levels)
                slow.depth([(s, p, q) for (s, p), q in changes.items()])
                bids = {str(p): str(q) for (s, p), q in changes.items() if s is Side.BUY}
                asks = {str(p): str(q) for (s, p), q in changes.items() if s is Side.SELL}
                desk.depth(bids, asks)
        assert trades_told(desk) == slow.trades
        assert desk.exchange.book(desk.first).levels() == (slow.shown(Side.BUY), slow.shown(Side.SELL))
    for name, order in slow.orders.items():
        its = desk.order(order["account"], name)
        assert its.quantity - its.filled_quantity == order["left"]
        assert its.is_resting is (slow.find(name) is not None)


def trades_told(desk):
    """Return who traded, at what price and how much, trade by trade."""
    trades = {}
    for _, event in desk.told:
        if hasattr(event, "fill"):
            fill = event.fill
            trades.setdefault(fill.trade_id, (set(), fill.price, fill.quantity))[0].add(fill.client_order_id)
    return list(trades.values())


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(NAMES), sides, sizes, prices), max_size=12), sizes, prices, sides)
def test_fill_or_kill_is_all_or_nothing(make_desk, make_linear, resting, quantity, price, side):
    desk = make_desk(make_linear())
    desk.open(*NAMES, money="1000000")
    desk.depth({"97": "2", "99": "1"}, {"101": "1", "103": "2"}, snapshot=True)
    for account, *order in resting:
        desk.place(account, desk.spec(order[0], str(order[1]), str(order[2])))
    before = desk.exchange.fills("ann")
    spec = desk.spec(side, str(quantity), str(price), time_in_force=TimeInForce.FOK)
    if refusal(desk, spec) is None:
        assert desk.order("ann", spec.client_order_id).state is OrderState.FILLED
    else:
        assert desk.exchange.fills("ann") == before


def refusal(desk, spec):
    """Place an order; return None, or why it was refused."""
    try:
        desk.place("ann", spec)
    except Rejected as refused:
        return refused.reason
    return None
