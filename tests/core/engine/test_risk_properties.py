"""Whatever orders, fills and marks come in whatever sequence: no command leaves that would break a limit."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyvenue.engine.commands import Amend, Cancel, Place
from anyvenue.engine.risk import RiskLimits, WholeBookLimits
from anyvenue.model.enums import OrderState, Side
from anyvenue.model.errors import RejectReason
from anyvenue.model.fill import Fill
from anyvenue.model.market import Ticker
from anyvenue.model.order_events import AmendRejected, OrderAccepted, OrderAmended, OrderCanceled

BTC, ETH = "BTC-USDT-PERP", "ETH-USDT-PERP"
D = Decimal

MAX_POSITION, MAX_NOTIONAL, MAX_QUANTITY, MAX_GROSS, MAX_NET, MAX_OPEN = D(5), D(450), D(4), D(800), D(500), 3
LIMITS = RiskLimits(
    max_position=MAX_POSITION,
    max_order_notional=MAX_NOTIONAL,
    max_order_quantity=MAX_QUANTITY,
    book=WholeBookLimits(max_gross_notional=MAX_GROSS, max_net_notional=MAX_NET, max_open_orders=MAX_OPEN),
)

FIXTURE_IS_A_CLASS = [HealthCheck.function_scoped_fixture]

symbols = st.sampled_from([BTC, ETH])
sides = st.sampled_from(Side)
quantities = st.integers(1, 60).map(lambda tenths: D(tenths) / 10)
prices = st.integers(50, 150).map(D)
actions = st.one_of(
    st.tuples(st.just("place"), symbols, sides, quantities, st.none() | prices, st.booleans()),
    st.tuples(st.just("amend"), st.integers(0, 20), quantities, prices),
    st.tuples(st.just("answer"), st.integers(0, 20), st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(st.just("fill"), st.integers(0, 20), st.integers(1, 10)),
    st.tuples(st.just("mark"), symbols, prices),
    st.tuples(st.just("close"), symbols),
)


class Ledger:
    """A second account of what is held, ordered and worth, kept from the commands and events alone."""

    def __init__(self, desk):
        self.desk = desk
        self.marks = {}
        self.position = {BTC: D(0), ETH: D(0)}
        self.orders = {}  # client id: [symbol, side, quantity that may be (amends in flight included), filled, reduces]
        self.asked = {}  # client id: the total that an amend in flight asks for
        self.closing = False
        self.left = 0
        desk.engine.bind(self.leave)

    def open_of(self, symbol, side, leave_out=None):
        return sum(
            (
                max(quantity, self.asked.get(name, D(0))) - filled
                for name, (its, which, quantity, filled, reduces) in self.orders.items()
                if (its, which) == (symbol, side) and not reduces and name != leave_out
            ),
            D(0),
        )

    def leave(self, command):
        self.left += 1
        if isinstance(command, Place):
            spec = command.order.spec
            if not self.closing:
                self.check(spec, spec.price, spec.quantity, spec.quantity, spec.client_order_id)
                assert spec.reduce_only or len(self.orders) < MAX_OPEN
            self.orders[spec.client_order_id] = [
                spec.instrument.symbol,
                spec.side,
                spec.quantity,
                D(0),
                spec.reduce_only,
            ]
        elif isinstance(command, Amend):
            spec, name = command.order.spec, command.order.client_order_id
            total = command.quantity or self.orders[name][2]
            adds = max(total - self.orders[name][2], D(0))
            self.check(spec, command.price or command.order.price, total, adds, None)
            self.asked[name] = total
        else:
            assert isinstance(command, Cancel)

    def check(self, spec, price, quantity, adds, leave_out):
        """What leaves either only reduces, or is within every limit counted from scratch."""
        symbol, side = spec.instrument.symbol, spec.side
        held = self.position[symbol] * side.sign
        reached = held + self.open_of(symbol, side, leave_out) + adds
        if spec.reduce_only or (held < 0 and reached <= 0):
            return
        assert quantity <= MAX_QUANTITY
        assert quantity * max(self.marks[symbol], price or D(0)) <= MAX_NOTIONAL
        assert reached <= MAX_POSITION
        gross_before, lean_before = self.book(side, None, D(0), leave_out)
        gross, lean = self.book(side, symbol, adds, leave_out)
        assert gross <= max(MAX_GROSS, gross_before)
        assert lean <= max(MAX_NET, lean_before)

    def book(self, side, more_of, adds, leave_out):
        gross = lean = D(0)
        for symbol, position in self.position.items():
            more = adds if symbol == more_of else D(0)
            up = position + self.open_of(symbol, Side.BUY, leave_out) + (more if side is Side.BUY else 0)
            down = -position + self.open_of(symbol, Side.SELL, leave_out) + (more if side is Side.SELL else 0)
            gross += max(abs(position), up, down) * self.marks[symbol]
            lean += (up if side is Side.BUY else down) * self.marks[symbol]
        return gross, lean

    def pick(self, number):
        names = list(self.orders)
        return names[number % len(names)] if names else None

    def end(self, name):
        del self.orders[name]
        self.asked.pop(name, None)


def act(desk, ledger, action):
    match action:
        case "place", symbol, side, quantity, price, reduces:
            desk.strategy.submit(symbol, side, quantity, price, reduce_only=reduces)
        case "mark", symbol, price:
            ledger.marks[symbol] = price
            desk.receive(Ticker(instrument=desk.engine.instrument(symbol), mark_price=price))
        case "close", symbol:
            ledger.closing = True
            desk.strategy.close(symbol)
            ledger.closing = False
        case kind, number, *rest if (name := ledger.pick(number)) is not None:
            order = desk.engine.orders.get(name)
            if kind == "amend" and order.is_resting:
                desk.strategy.amend(name, quantity=rest[0], price=None if order.price is None else rest[1])
            elif kind == "answer" and name in ledger.asked and order.amend is not None:
                yes, total = rest[0], ledger.asked.pop(name)
                if yes:
                    ledger.orders[name][2] = max(total, ledger.orders[name][3])
                    desk.receive(OrderAmended(client_order_id=name))
                else:
                    desk.receive(AmendRejected(client_order_id=name, reason=RejectReason.OTHER))
                if desk.engine.orders.get(name).is_terminal:
                    ledger.end(name)
            elif kind == "answer" and order.state is OrderState.SENT:
                desk.accept(order, f"v-{name}")
            elif kind == "cancel" and order.is_resting:
                desk.strategy.cancel(name)
                ledger.end(name)
                desk.receive(OrderCanceled(client_order_id=name))
            elif kind == "fill" and order.amend is None:
                fill(desk, ledger, name, order, rest[0])
        case _:
            pass


def fill(desk, ledger, name, order, tenths):
    symbol, side, quantity, filled, reduces = ledger.orders[name]
    traded = min(D(tenths) / 10, quantity - filled)
    if reduces:  # a venue lets a reduce-only order trade no more than is held
        traded = min(traded, max(-ledger.position[symbol] * side.sign, D(0)))
    if not traded:
        return
    ledger.position[symbol] += traded * side.sign
    ledger.orders[name][3] += traded
    if ledger.orders[name][3] == quantity:
        ledger.end(name)
    desk.fill(order, str(traded), price="100", trade_id=f"t{desk.engine.events}")


@pytest.mark.parametrize("start", [D(100), D(20)])
@settings(max_examples=150, deadline=None, suppress_health_check=FIXTURE_IS_A_CLASS)
@given(steps=st.lists(actions, min_size=5, max_size=60))
def test_no_command_leaves_that_would_break_a_limit(make_desk, start, steps):
    desk = make_desk(risk=LIMITS)
    ledger = Ledger(desk)
    for symbol in (BTC, ETH):
        act(desk, ledger, ("mark", symbol, start))
    for step in steps:
        act(desk, ledger, step)
        assert desk.engine.failure == ""
    for symbol, position in ledger.position.items():
        assert desk.engine.portfolio.quantity(desk.engine.instrument(symbol)) == position


@settings(max_examples=60, deadline=None, suppress_health_check=FIXTURE_IS_A_CLASS)
@given(held=quantities, side=sides, mark=prices, part=st.integers(1, 10))
def test_what_only_reduces_always_passes_the_limits_on_size(make_desk, held, side, mark, part):
    """Flagged or not, at whatever price; the position came from elsewhere and is above every limit there is."""
    tiny = D("0.001")
    limits = RiskLimits(
        max_position=tiny,
        max_order_notional=tiny,
        max_order_quantity=tiny,
        book=WholeBookLimits(max_gross_notional=tiny, max_net_notional=tiny, max_leverage=tiny),
    )
    desk = make_desk(risk=limits)
    desk.receive(Ticker(instrument=desk.instrument, mark_price=mark))
    _book(desk, side, held)
    quantity = (held * part / 10).quantize(tiny)
    for flagged in (True, False):
        order = desk.strategy.submit(BTC, side.opposite, quantity, mark, reduce_only=flagged)
        assert desk.now(order).state is OrderState.SENT
        desk.receive(
            OrderAccepted(client_order_id=order.client_order_id, venue_order_id=order.client_order_id),
            OrderCanceled(client_order_id=order.client_order_id),
        )
    assert desk.now(desk.strategy.submit(BTC, side.opposite, held + tiny, mark)).state is OrderState.REJECTED
    assert desk.now(desk.strategy.submit(BTC, side, D("0.1"), mark)).state is OrderState.REJECTED


def _book(desk, side, held):
    fill = {"trade_id": "x", "client_order_id": None, "venue_order_id": None, "price": D(100)}
    desk.engine.portfolio.book(Fill(instrument=desk.instrument, side=side, quantity=held, **fill))
