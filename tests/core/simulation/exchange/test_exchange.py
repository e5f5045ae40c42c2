"""The exchange as its callers meet it: refusals, look-ups, memory, public news, listeners that act."""

from __future__ import annotations

from decimal import Decimal

import pytest

from anyvenue.model.enums import OrderState, OrderType, Side, TradingStatus
from anyvenue.model.errors import Rejected, RejectReason, UnknownInstrument
from anyvenue.model.market import BookDelta, Trade
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderAccepted, OrderFilled, OrderSent
from anyvenue.model.order_spec import OrderSpec
from anyvenue.simulation.exchange import Exchange


@pytest.mark.parametrize(
    ("changes", "order", "reason"),
    [
        ({}, ("1", "100", "used"), RejectReason.DUPLICATE_ID),
        ({"price_band": "0.1"}, ("1", "89.5", "a"), RejectReason.PRICE_OUT_OF_BAND),
        ({"price_band": "0.1"}, ("1", "110.5", "a"), RejectReason.PRICE_OUT_OF_BAND),
        ({"min_notional": "100"}, ("0.9", "100", "a"), RejectReason.BELOW_MINIMUM),
        ({"min_notional": "100"}, ("0.9", None, "a"), RejectReason.BELOW_MINIMUM),
        ({"status": TradingStatus.HALTED}, ("1", "100", "a"), RejectReason.MARKET_CLOSED),
        ({"status": TradingStatus.REDUCE_ONLY}, ("1", "100", "a"), RejectReason.MARKET_CLOSED),
        ({"symbol": "OTHER-PERP"}, ("1", "100", "a"), RejectReason.UNKNOWN_INSTRUMENT),
        ({"min_quantity": "2"}, ("1", "100", "a"), RejectReason.BELOW_MINIMUM),
        ({"quantity_step": "2", "min_quantity": "2"}, ("3", "100", "a"), RejectReason.INVALID_QUANTITY),
        ({"max_quantity": "2"}, ("3", "100", "a"), RejectReason.INVALID_QUANTITY),
    ],
)
def test_refusals(make_desk, make_linear, changes, order, reason):
    desk = make_desk(make_linear(**changes))
    desk.open("ann")
    if desk.first == "BTC-USDT-PERP":
        desk.mark("100")
    if reason is RejectReason.DUPLICATE_ID:
        desk.buy("ann", "1", "99", name="used")
        desk.exchange.cancel_all("ann")
    quantity, price, name = order
    strangers = make_linear()  # the client's idea of the instrument may be another one
    spec = OrderSpec(
        client_order_id=name,
        instrument=strangers,
        side=Side.BUY,
        quantity=Decimal(quantity),
        price=None if price is None else Decimal(price),
        order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
    )
    with pytest.raises(Rejected) as refused:
        desk.exchange.place("ann", spec)
    assert refused.value.reason is reason
    assert desk.exchange.open_orders("ann") == []
    assert desk.told == []


def test_a_price_off_the_grid_of_the_listed_instrument(make_desk, make_linear):
    from anyvenue.model.pricing import Tick

    desk = make_desk(make_linear(price_rule=Tick(5)))
    desk.open("ann")
    desk.instruments[desk.first] = make_linear()
    with pytest.raises(Rejected) as refused:
        desk.buy("ann", "1", "99.5")
    assert refused.value.reason is RejectReason.INVALID_PRICE


def test_a_halt_stops_orders_but_not_cancels(desk):
    name = desk.buy("ann", "1", "99")
    desk.exchange.set_status(desk.first, TradingStatus.HALTED)
    with pytest.raises(Rejected):
        desk.buy("ann", "1", "99")
    desk.exchange.cancel("ann", client_order_id=name)
    desk.exchange.set_status(desk.first, TradingStatus.TRADING)
    desk.buy("ann", "1", "99")


def test_reduce_only_status_lets_positions_be_closed(desk):
    desk.sell("bob", "2", "100")
    desk.buy("ann", "2", "100")
    desk.buy("cid", "2", "99")
    desk.exchange.set_status(desk.first, TradingStatus.REDUCE_ONLY)
    desk.sell("ann", "1", reduce_only=True)
    desk.exchange.close_position("ann", desk.first)
    assert desk.position("ann").quantity == 0


def test_misuse_is_no_refusal(desk):
    with pytest.raises(ValueError, match="was never opened"):
        desk.buy("nobody", "1", "100")
    with pytest.raises(ValueError, match="is open already"):
        desk.open("ann")
    with pytest.raises(UnknownInstrument):
        desk.trade(Side.BUY, "1", "1", symbol="NO-PERP")
    with pytest.raises(TypeError):
        desk.exchange.cancel("ann")
    with pytest.raises(TypeError):
        desk.exchange.amend("ann", client_order_id=desk.buy("ann", "1", "99"), price=98.5)


def test_an_order_can_be_looked_up_by_either_id(desk):
    spec = desk.spec(Side.BUY, "2", "100")
    (accepted,) = desk.exchange.place("ann", spec)
    assert accepted == OrderAccepted(client_order_id=spec.client_order_id, venue_order_id="1", ts_event=desk.now)
    assert desk.exchange.order("ann", venue_order_id="1") == desk.exchange.order(
        "ann", client_order_id=spec.client_order_id
    )
    assert desk.exchange.order("bob", venue_order_id="1") is None
    assert desk.exchange.order("ann", client_order_id="nobody") is None


def test_the_exchanges_order_is_what_its_events_make_of_it(desk):
    """A client that applies what it is told, in the order in which it is told, gets the exchange's own view."""
    spec = desk.spec(Side.BUY, "3", "100")
    desk.sell("bob", "1", "100")
    reply = desk.exchange.place("ann", spec)
    desk.sell("bob", "0.5", "100")
    mine = Order(spec=spec).apply(OrderSent(client_order_id=spec.client_order_id))
    for event in [*desk.events("ann", OrderFilled), *reply]:
        mine = mine.apply(event)
    its = desk.order("ann", spec.client_order_id)
    assert (mine.state, mine.filled_quantity, mine.average_price, mine.fees, mine.trade_ids) == (
        its.state,
        its.filled_quantity,
        its.average_price,
        its.fees,
        its.trade_ids,
    )
    (canceled,) = desk.exchange.cancel("ann", client_order_id=spec.client_order_id)
    assert mine.apply(canceled).state is desk.order("ann", spec.client_order_id).state is OrderState.CANCELED


def test_histories_are_bounded_and_searched_by_time(make_desk):
    desk = make_desk(history_limit=3)
    desk.open("ann", "bob")
    for number in range(5):
        desk.now = 1_000 + number
        desk.buy("ann", "1", "100", name=f"n{number}")
        desk.sell("bob", "1", "100")
    assert [order.client_order_id for order in desk.exchange.order_history("ann")] == ["n2", "n3", "n4"]
    assert [fill.client_order_id for fill in desk.exchange.fills("ann", desk.first, since_ns=1_003)] == ["n3", "n4"]
    assert [o.client_order_id for o in desk.exchange.order_history("ann", since_ns=1_004)] == ["n4"]
    assert desk.exchange.order_history("ann", "OTHER") == []
    assert desk.order("ann", "n0") is None
    assert desk.exchange.order("ann", venue_order_id="1") is None
    desk.buy("ann", "1", "100", name="n0")  # forgotten, so it is new


def test_ids_count_up(make_desk, make_linear):
    desk = make_desk(make_linear(), make_linear("ETH-USDT-PERP"))
    desk.open("ann", "bob")
    for symbol in (desk.first, "ETH-USDT-PERP", desk.first):
        desk.buy("ann", "1", "100", symbol=symbol)
        desk.sell("bob", "1", "100", symbol=symbol)
    fills = desk.exchange.fills("ann")
    assert [(fill.trade_id, fill.venue_order_id) for fill in fills] == [("1", "1"), ("1", "3"), ("2", "5")]


def test_public_news(make_desk):
    desk = make_desk(publish=True)
    desk.open("ann", "bob")
    desk.depth({}, {"100": "2"}, snapshot=True)
    assert desk.published == []  # the tape tells that itself
    desk.sell("ann", "1", "100")
    desk.buy("bob", "2.5", "101")
    kinds = [type(event) for event in desk.published]
    assert kinds == [BookDelta, Trade, Trade, BookDelta]
    first, trade, second, last = desk.published
    assert (first.bids, first.asks) == ([], [("100", "3")])
    assert (trade.side, trade.price, trade.quantity, trade.trade_id) == (Side.BUY, 100, 2, "1")
    assert second.quantity == Decimal("0.5")
    assert (last.bids, last.asks) == ([], [("100", "0.5")])
    desk.trade(Side.BUY, "100", "0.5")  # the trade is the tape's, the change of our order is ours
    assert [(event.asks) for event in desk.published[4:]] == [[("100", "0")]]
    assert desk.exchange.overlay(desk.first) == ({}, {})


def test_overlay_is_what_our_orders_add(desk):
    desk.depth({"99": "5"}, {"100": "2"}, snapshot=True)
    desk.buy("ann", "1", "99")
    desk.buy("bob", "2", "99", display_quantity=Decimal("0.5"))
    desk.sell("ann", "1", "101")
    assert desk.exchange.overlay(desk.first) == ({Decimal(99): Decimal("1.5")}, {Decimal(101): Decimal(1)})
    assert desk.exchange.book(desk.first).levels(1) == ([(99, Decimal("6.5"))], [(100, 2)])
    assert desk.exchange.book(desk.first).best_bid == 99


def test_prices(desk):
    exchange, symbol = desk.exchange, desk.first
    assert exchange.mark_price(symbol) is None
    desk.depth({"99": "5"}, {}, snapshot=True)
    assert exchange.mark_price(symbol) == 99
    desk.depth({}, {"100": "5"})
    assert exchange.mark_price(symbol) == Decimal("99.5")
    desk.trade(Side.BUY, "100", "1")
    assert exchange.mark_price(symbol) == exchange.last_price(symbol) == 100
    desk.mark("98", index="97")
    assert exchange.mark_price(symbol) == 98
    desk.sell("ann", "1")
    assert exchange.last_price(symbol) == 99


def test_a_listener_may_give_commands(make_linear):
    """What its commands cause is told after what is being told, and every call finds the exchange in order."""
    told = []
    specs = iter(range(100))

    def spec(side, quantity, price):
        return OrderSpec(
            client_order_id=f"n{next(specs)}",
            instrument=instrument,
            side=side,
            quantity=Decimal(quantity),
            price=Decimal(price),
        )

    def listen(account, event):
        told.append((account, event))
        if account == "ann" and isinstance(event, OrderFilled) and event.fill.side is Side.BUY:
            exchange.place("ann", spec(Side.SELL, str(event.fill.quantity), "101"))
            exchange.place("bob", spec(Side.BUY, str(event.fill.quantity), "101"))

    instrument = make_linear()
    exchange = Exchange([instrument], time_ns=lambda: 0, notify=listen)
    for name in ("ann", "bob"):
        exchange.open_account(name, balances={"USDT": Decimal(1000)})
    exchange.place("ann", spec(Side.BUY, "2", "100"))
    exchange.place("bob", spec(Side.SELL, "1", "100"))
    exchange.place("bob", spec(Side.SELL, "1", "100"))
    assert exchange.positions("ann") == []
    fills = [(account, event.fill.trade_id) for account, event in told if isinstance(event, OrderFilled)]
    assert fills == [(name, str(trade)) for trade in range(1, 5) for name in (("bob", "ann"))]


def test_what_a_failing_listener_left_unread_is_told_next_time(make_linear):
    told = []

    def listen(account, event):
        told.append(type(event).__name__)
        if told == ["OrderFilled"]:
            raise RuntimeError("the listener's own fault")

    exchange = Exchange([make_linear()], time_ns=lambda: 0, notify=listen)
    exchange.open_account("ann", balances={"USDT": Decimal(1000)})
    exchange.apply_depth("BTC-USDT-PERP", [("99", "1")], [("100", "1")], snapshot=True, ts_event=0)
    spec = OrderSpec(
        client_order_id="a",
        instrument=make_linear(),
        side=Side.BUY,
        quantity=Decimal(1),
        order_type=OrderType.MARKET,
    )
    with pytest.raises(RuntimeError):
        exchange.place("ann", spec)
    assert exchange.positions("ann")[0].quantity == 1
    exchange.set_mark("BTC-USDT-PERP", "100")
    assert told == ["OrderFilled", "Position", "Balance"]


def test_the_same_calls_give_the_same_events(make_desk):
    def run():
        desk = make_desk(publish=True)
        desk.open("ann", "bob")
        desk.depth({"99": "5", "98": "3"}, {"100": "2", "101": "7"}, snapshot=True)
        for number in range(20):
            desk.now += 1
            desk.buy("ann", "1", str(98 + number % 3))
            desk.sell("bob", "0.5", str(98 + number % 4))
            desk.trade(Side.SELL, "98", "0.7")
        desk.mark("95")
        return desk.told, desk.published

    assert run() == run()
