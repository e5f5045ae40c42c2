"""What became of orders, as told by an account's updates (chapter 16, questions 3, 4, 8 and 9)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model.enums import OrderState, OrderType, Side
from anyvenue.model.errors import RejectReason
from anyvenue.model.order import Order
from anyvenue.model.order_events import (
    AmendRejected,
    AmendSent,
    CancelSent,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderSent,
    OrderUnknown,
)
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.position import Position
from anyvenue_gaiaex.ledger import Ledger
from anyvenue_gaiaex.rest import Ack, client_id
from anyvenue_gaiaex.streams import read_update

S = 1_000_000_000
MID = Decimal("3490")


class Account:
    """A ledger, what it is told, and our orders as its events leave them."""

    def __init__(self, instrument, price=MID):
        self.instrument = instrument
        self.price = price
        self.ledger = Ledger({"ETH": instrument}.get, lambda _: self.price)
        self.now = 100 * S
        self.orders = {}
        self.fills = []
        self.seen = []

    def told(self, events):
        """Apply events as the engine does, and return them."""
        self.seen += events
        for event in events:
            if isinstance(event, OrderFilled):
                self.fills.append(event.fill)
            name = getattr(event, "client_order_id", None)
            if name is not None:
                self.orders[name] = self.orders[name].apply(event)
        return events

    def send(self, spec):
        self.orders[spec.client_order_id] = Order(spec=spec).apply(OrderSent())
        self.ledger.sent(spec, self.now)

    def ack(self, name, number, status="open"):
        return self.told(self.ledger.acknowledged(name, Ack(order_id=number, status=status), self.now))

    def update(self, orders=None, position=None, *, after_s=2, entry="3500"):
        """An update, so long after the last; None leaves an array out, "" is flat."""
        self.now += int(after_s * S)
        message = {} if orders is None else {"orders": [{"orderId": one} | row for one, row in orders.items()]}
        if position is not None:
            side = "SHORT" if position.startswith("-") else "LONG"
            held = {"symbol": "ETH", "side": side, "size": position.lstrip("-"), "entryPrice": entry}
            message["positions"] = [held] if position else []
        return self.told(self.ledger.update(read_update(message), self.now))


ROW = {"symbol": "ETH", "side": "BUY", "price": "3500", "origQty": "0.1", "executedQty": "0"}


@pytest.fixture
def account(eth):
    made = Account(eth)
    made.update({}, "")
    return made


@pytest.fixture
def resting(account, order_of):
    account.send(order_of())
    account.ack("avx-1", "7")
    account.update({"7": ROW}, "")
    return account


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("status", ["open", "resting", "new", "filled"])
def test_a_word_that_says_that_it_lives_accepts_the_order(account, order_of, status):
    account.send(order_of())
    assert [type(event) for event in account.ack("avx-1", "7", status)] == [OrderAccepted]
    assert account.orders["avx-1"].state is OrderState.OPEN  # filled may mean in part: nothing is booked


@pytest.mark.parametrize("status", ["pending", "rejected", "", "hibernating"])
def test_any_other_word_leaves_it_unknown_until_it_is_seen(account, order_of, status):
    account.send(order_of())
    assert [type(event) for event in account.ack("avx-1", "7", status)] == [OrderUnknown]
    assert account.orders["avx-1"].has_unknown_fate
    assert of(account.update({"7": ROW}, ""), OrderAccepted)
    assert not account.orders["avx-1"].has_unknown_fate


def test_a_change_of_position_is_the_fill_at_the_price_that_the_entry_tells(resting):
    events = resting.update({}, "0.1", entry="3499.5")
    (fill,) = [event.fill for event in of(events, OrderFilled)]
    assert (fill.price, fill.quantity, fill.side, fill.estimated) == (Decimal("3499.5"), Decimal("0.1"), Side.BUY, True)
    assert (fill.client_order_id, fill.venue_order_id) == ("avx-1", "7")
    assert fill.fee == Decimal("0.1") * Decimal("3499.5") * Decimal("0.00035")
    assert resting.orders["avx-1"].state is OrderState.FILLED
    assert of(events, Position)[0].quantity == Decimal("0.1")


def test_a_partial_fill_is_booked_and_the_rest_lives_on(resting):
    resting.update({"7": ROW | {"executedQty": "0.04"}}, "0.04")
    order = resting.orders["avx-1"]
    assert (order.state, order.filled_quantity) == (OrderState.PARTIALLY_FILLED, Decimal("0.04"))
    resting.update({}, "0.1")
    assert resting.orders["avx-1"].state is OrderState.FILLED
    assert [fill.quantity for fill in resting.fills] == [Decimal("0.04"), Decimal("0.06")]
    assert len({fill.trade_id for fill in resting.fills}) == 2


def test_an_order_sent_after_the_position_was_told_did_not_make_it(resting, order_of):
    resting.update({"7": ROW}, "0.1", after_s=1)  # the order is not said to have traded: the change waits
    resting.send(order_of("avx-2"))
    resting.ack("avx-2", "8")
    resting.now += S // 2
    assert resting.told(resting.ledger.tick(resting.now)) == []
    resting.update({"8": ROW}, "0.1", after_s=1)
    assert [(fill.client_order_id, fill.quantity) for fill in resting.fills] == [("avx-1", Decimal("0.1"))]


def test_one_missing_update_settles_nothing_and_two_do(resting):
    assert not resting.update({}, "")
    assert resting.orders["avx-1"].state is OrderState.OPEN
    assert of(resting.update({}, ""), OrderCanceled)
    assert resting.orders["avx-1"].state is OrderState.CANCELED


def test_updates_that_are_not_in_a_row_do_not_add_up(resting):
    resting.update({}, "")
    resting.update({"7": ROW}, "")
    assert not resting.update({}, "")
    resting.ledger.reconnected()
    assert not resting.update({}, "")
    assert resting.orders["avx-1"].state is OrderState.OPEN


def test_without_word_of_the_positions_an_end_stays_unknown(resting):
    for _ in range(5):
        assert not resting.update({}, None)
    assert resting.orders["avx-1"].state is OrderState.OPEN


def test_updates_right_after_the_acknowledgement_may_be_older_than_it(account, order_of):
    account.send(order_of())
    account.ack("avx-1", "7")
    for _ in range(4):
        assert not account.update({}, "", after_s=0.1)
    assert account.orders["avx-1"].state is OrderState.OPEN


def test_a_cancel_that_was_answered_ends_it_and_a_late_fill_still_counts(resting):
    resting.told(resting.ledger.canceled(["7"], resting.now, "avx-1"))
    assert resting.orders["avx-1"].state is OrderState.CANCELED
    resting.update({}, "0.03")
    order = resting.orders["avx-1"]
    assert (order.state, order.filled_quantity) == (OrderState.CANCELED, Decimal("0.03"))


def test_after_two_looks_a_canceled_order_explains_nothing_any_more(resting):
    resting.told(resting.ledger.canceled(["7"], resting.now, "avx-1"))
    resting.update({}, "")
    resting.update({}, "")
    events = resting.update({}, "0.03")
    assert [event.client_order_id for event in of(events, OrderFilled)] == [None]
    assert resting.orders["avx-1"].filled_quantity == 0


def test_no_such_order_ends_it_only_where_the_last_update_has_it_no_more(resting):
    assert not resting.ledger.gone("avx-1", resting.now)
    resting.update({}, "", after_s=0.1)
    assert of(resting.told(resting.ledger.gone("avx-1", resting.now)), OrderCanceled)
    assert not resting.ledger.gone("avx-1", resting.now)
    resting.update({}, "0.1")  # it had traded, and the position was late
    assert resting.orders["avx-1"].state is OrderState.FILLED


def test_a_strangers_row_keeps_no_order_at_market_in_doubt(account, order_of):
    account.send(order_of(order_type=OrderType.MARKET))  # and its answer is lost
    for _ in range(3):
        account.update({"9": ROW}, "", after_s=10)
    order = account.orders["avx-1"]
    assert (order.state, order.reason) == (OrderState.REJECTED, RejectReason.EXPIRED)


def test_a_strangers_row_keeps_no_order_in_doubt_where_the_venue_names_ours(account, order_of):
    account.send(order_of())
    account.ack("avx-1", "7")
    ours = {"7": ROW | {"clientId": client_id("avx-1")}}
    account.update(ours, "")
    account.send(order_of("avx-2"))  # and its answer is lost
    for _ in range(3):
        account.update(ours | {"9": ROW}, "", after_s=10)
    order = account.orders["avx-2"]
    assert (order.state, order.reason) == (OrderState.REJECTED, RejectReason.EXPIRED)


def test_no_such_order_ends_none_that_no_update_can_have_shown_yet(account, order_of):
    account.send(order_of())
    account.now += S // 10
    account.ack("avx-1", "7")  # the last update is older than the order
    assert account.ledger.gone("avx-1", account.now) == []
    account.ledger.mistrust("avx-1", account.now)
    account.update({"7": ROW}, "")
    assert account.orders["avx-1"].state is OrderState.OPEN
    assert account.ledger.strays(account.now) == []
    account.update({}, "", after_s=0.1)
    assert of(account.told(account.ledger.gone("avx-1", account.now)), OrderCanceled)


def test_no_such_order_ends_none_whose_modification_is_in_doubt(resting):
    resting.ledger.amending("avx-1", Decimal(3490), Decimal("0.1"), resting.now)  # and its answer is lost
    resting.update({}, "", after_s=0.1)  # it is not there: it may be under a new id that no update shows yet
    assert resting.ledger.gone("avx-1", resting.now) == []
    resting.ledger.amend_refused("avx-1")
    assert of(resting.told(resting.ledger.gone("avx-1", resting.now)), OrderCanceled)


def test_cancel_all_tells_strangers_orders_too(resting):
    events = resting.ledger.canceled(["7", "99"], resting.now)
    assert [(event.client_order_id, event.venue_order_id) for event in events] == [("avx-1", "7"), (None, "99")]


def test_a_modified_order_goes_on_under_its_new_id(resting):
    order = resting.orders["avx-1"]
    resting.orders["avx-1"] = order.apply(AmendSent(price=Decimal(3490)))
    resting.ledger.amending("avx-1", Decimal(3490), Decimal("0.1"), resting.now)
    (event,) = resting.told(resting.ledger.amended("avx-1", Ack(order_id="8", status="modified"), resting.now))
    assert isinstance(event, OrderAmended)
    order = resting.orders["avx-1"]
    assert (order.venue_order_id, order.former_ids, order.price) == ("8", ("7",), Decimal(3490))
    assert resting.ledger.order_id("avx-1", "7") == "8"
    assert not resting.update({"7": ROW}, "")  # an update that is older than the answer
    assert not resting.update({"8": ROW | {"price": "3490"}}, "")
    resting.update({}, "0.1", entry="3489")
    assert resting.orders["avx-1"].state is OrderState.FILLED


def test_a_modification_of_unknown_outcome_is_found_under_a_new_id(resting):
    resting.orders["avx-1"] = resting.orders["avx-1"].apply(AmendSent(price=Decimal(3490)))
    resting.ledger.amending("avx-1", Decimal(3490), Decimal("0.1"), resting.now)
    events = resting.update({"8": ROW | {"price": "3490"}}, "")
    assert [event.venue_order_id for event in of(events, OrderAmended)] == ["8"]
    assert resting.orders["avx-1"].price == Decimal(3490)


def test_a_modification_that_never_arrived_is_refused_when_it_no_longer_can(resting):
    resting.orders["avx-1"] = resting.orders["avx-1"].apply(AmendSent(price=Decimal(3490)))
    resting.ledger.amending("avx-1", Decimal(3490), Decimal("0.1"), resting.now)
    assert not resting.update({"7": ROW}, "", after_s=10)
    assert of(resting.update({"7": ROW}, "", after_s=10), AmendRejected)
    assert resting.orders["avx-1"].amend is None


@pytest.mark.parametrize("quantity", ["0.2", "0.06"])
@pytest.mark.parametrize("is_done", [True, False])
def test_a_modification_of_the_size_alone_is_settled_by_the_size_though_the_id_stays(resting, quantity, is_done):
    resting.orders["avx-1"] = resting.orders["avx-1"].apply(AmendSent(quantity=Decimal(quantity)))
    resting.ledger.amending("avx-1", Decimal(3500), Decimal(quantity), resting.now)
    row = ROW | {"origQty": quantity if is_done else "0.1"}
    assert bool(of(resting.update({"7": row}, "", after_s=10), OrderAmended)) is is_done
    assert bool(of(resting.update({"7": row}, "", after_s=10), AmendRejected)) is not is_done
    order = resting.orders["avx-1"]
    assert (order.amend, order.quantity) == (None, Decimal(quantity if is_done else "0.1"))
    assert resting.ledger.asks_ns is None


def test_a_size_that_may_be_the_rest_settles_no_modification(resting):
    resting.orders["avx-1"] = resting.orders["avx-1"].apply(AmendSent(quantity=Decimal("0.06")))
    resting.ledger.amending("avx-1", Decimal(3500), Decimal("0.06"), resting.now)
    row = {"symbol": "ETH", "side": "BUY", "price": "3500", "size": "0.06"}  # or 0.04 of 0.1 has traded
    for _ in range(3):
        assert not of(resting.update({"7": row}, "", after_s=10), OrderAmended | AmendRejected)


def test_fills_after_a_modification_count_from_what_was_filled_before(resting):
    resting.update({"7": ROW | {"executedQty": "0.04"}}, "0.04")
    resting.orders["avx-1"] = resting.orders["avx-1"].apply(AmendSent(price=Decimal(3490)))
    resting.ledger.amending("avx-1", Decimal(3490), Decimal("0.1"), resting.now)
    resting.told(resting.ledger.amended("avx-1", Ack(order_id="8", status="modified"), resting.now))
    anew = ROW | {"price": "3490", "origQty": "0.06"}
    resting.update({"8": anew}, "0.04")
    resting.update({"8": anew | {"executedQty": "0.02"}}, "0.06")
    assert resting.orders["avx-1"].filled_quantity == Decimal("0.06")


def test_an_order_whose_answer_was_lost_is_found_by_its_client_id(account, order_of):
    account.send(order_of())
    events = account.update({"7": ROW | {"clientId": client_id("avx-1")}}, "")
    assert [(event.client_order_id, event.venue_order_id) for event in of(events, OrderAccepted)] == [("avx-1", "7")]


def test_it_is_found_by_its_terms_where_only_one_order_can_be_it(account, order_of):
    account.update({"5": ROW}, "")  # this one was there before
    account.send(order_of())
    assert not of(account.update({"5": ROW, "6": ROW, "7": ROW}, ""), OrderAccepted)
    assert not of(account.update({"5": ROW, "6": ROW | {"clientId": "0xsomebody"}}, ""), OrderAccepted)
    assert [event.venue_order_id for event in of(account.update({"5": ROW, "6": ROW}, ""), OrderAccepted)] == ["6"]


def test_it_never_came_only_when_it_can_come_no_more(account, order_of):
    account.send(order_of())
    for _ in range(4):
        assert not account.update({}, "")  # 8 s in all
    for _ in range(4):
        account.update({}, "", after_s=5)
    assert account.orders["avx-1"].state is OrderState.REJECTED
    assert len(of(account.seen, OrderRejected)) == 1


def test_while_a_strange_order_might_be_it_it_stays_unknown(account, order_of):
    account.send(order_of())
    for _ in range(10):
        assert not account.update({"6": ROW | {"price": "3499"}}, "", after_s=5)


def test_a_position_that_grows_unexplained_is_a_strangers_doing(account):
    events = account.update({}, "-0.5", entry="3501")
    (fill,) = [event.fill for event in of(events, OrderFilled)]
    assert (fill.client_order_id, fill.side, fill.quantity, fill.price) == (None, Side.SELL, Decimal("0.5"), 3501)


def test_an_order_that_the_venue_shows_untouched_explains_nothing(resting):
    assert not of(resting.update({"7": ROW}, "0.1"), OrderFilled)  # the order's row may lag: it is waited for
    assert resting.ledger.is_waiting
    resting.now += 3 * S
    (event,) = of(resting.told(resting.ledger.tick(resting.now)), OrderFilled)
    assert event.client_order_id is None
    assert not resting.ledger.is_waiting


def test_a_row_that_lags_behind_the_position_gets_its_fill(resting):
    resting.update({"7": ROW}, "0.04", after_s=0.1)
    resting.update({"7": ROW | {"executedQty": "0.04"}}, "0.04", after_s=0.1)
    assert resting.orders["avx-1"].filled_quantity == Decimal("0.04")
    assert not resting.ledger.is_waiting


def test_an_order_that_is_gone_right_after_its_acknowledgement_can_have_traded(account, order_of):
    account.send(order_of())
    account.ack("avx-1", "7")
    account.update({"7": ROW}, "", after_s=0.1)
    account.update({"7": ROW}, "0.1", after_s=0.1)
    account.update({}, "0.1", after_s=0.1)
    assert account.orders["avx-1"].state is OrderState.FILLED


def test_without_any_price_a_fill_waits_for_one(eth, order_of):
    account = Account(eth, price=None)
    account.update({}, "")
    account.send(order_of(order_type=OrderType.MARKET))
    account.ack("avx-1", "7", "filled")
    account.update({}, "0.1", entry=None)
    assert not account.fills
    account.price = Decimal(3495)
    account.told(account.ledger.tick(account.now))
    assert [fill.price for fill in account.fills] == [Decimal(3495)]


def test_a_limit_order_has_a_price_of_its_own(resting):
    resting.price = None
    resting.update({}, "0.1", entry=None)
    assert [(fill.client_order_id, fill.price) for fill in resting.fills] == [("avx-1", 3500)]


def test_a_reduction_without_any_price_is_booked_at_the_entry_price_once_it_is_late(eth, order_of):
    account = Account(eth, price=None)
    account.update({}, "0.1", entry="3500")
    account.send(order_of(side=Side.SELL, order_type=OrderType.MARKET))
    account.ack("avx-1", "7", "filled")
    account.update({}, "")
    assert not account.fills
    account.now += 2 * S
    account.told(account.ledger.tick(account.now))
    assert [(fill.client_order_id, fill.price) for fill in account.fills] == [("avx-1", Decimal(3500))]
    assert not account.ledger.is_waiting
    assert account.orders["avx-1"].state is OrderState.FILLED


def test_a_strangers_trade_without_any_price_waits_for_one_too(eth):
    account = Account(eth, price=None)
    account.update({}, "")
    account.update({}, "0.1", entry=None)
    assert not account.fills
    account.price = Decimal(3495)
    account.told(account.ledger.tick(account.now))
    assert [(fill.client_order_id, fill.price) for fill in account.fills] == [(None, Decimal(3495))]


def test_a_limit_order_is_never_booked_at_worse_than_its_price(resting):
    resting.update({}, "0.1", entry="3600")
    assert [fill.price for fill in resting.fills] == [Decimal(3500)]


def test_a_reduction_is_booked_at_the_markets_price(eth, order_of):
    account = Account(eth)
    account.update({}, "0.1", entry="3500")
    account.send(order_of(side=Side.SELL, order_type=OrderType.MARKET, reduce_only=True))
    account.ack("avx-1", "7", "filled")
    account.update({}, "")
    assert [(fill.price, fill.side) for fill in account.fills] == [(MID, Side.SELL)]
    assert account.orders["avx-1"].state is OrderState.FILLED


def test_a_small_change_of_a_large_position_does_not_trust_a_rounded_entry(eth, order_of):
    account = Account(eth)
    account.update({}, "1000", entry="3500")
    account.send(order_of(quantity="0.01", order_type=OrderType.MARKET))
    account.update({}, "1000.01", entry="3500")  # rounded to whole dollars, it could be anything within 100000 dollars
    assert [fill.price for fill in account.fills] == [MID]


def test_the_likeliest_order_gets_the_fill(account, order_of):
    for name, number, price in (("avx-1", "1", "3480"), ("avx-2", "2", "3500"), ("avx-3", "3", "3490")):
        account.send(order_of(name, price=price))
        account.ack(name, number)
    rows = {one: {"symbol": "ETH", "side": "BUY", "price": "1"} for one in ("1", "2", "3")}
    account.update(rows, "")
    account.update(rows, "0.05")
    filled = {name: order.filled_quantity for name, order in account.orders.items()}
    assert filled == {"avx-1": 0, "avx-2": Decimal("0.05"), "avx-3": 0}  # the best price first
    account.update({one: rows[one] for one in ("1", "3")}, "0.12")
    filled = {name: order.filled_quantity for name, order in account.orders.items()}
    assert filled == {"avx-1": 0, "avx-2": Decimal("0.1"), "avx-3": Decimal("0.02")}


def test_what_was_held_at_the_start_is_nobodys_fill(eth):
    account = Account(eth)
    assert not of(account.update({}, "2"), OrderFilled)
    assert [position.quantity for position in account.ledger.positions()] == [Decimal(2)]


def test_a_close_of_the_venues_own_making_is_booked_under_its_id(eth):
    account = Account(eth)
    account.update({}, "0.1")
    answered = account.ledger.closing(eth, Side.SELL, Decimal("0.1"), account.now)
    answered(Ack(order_id="55", status="filled"))
    (event,) = of(account.update({}, ""), OrderFilled)
    assert (event.client_order_id, event.venue_order_id, event.fill.side) == (None, "55", Side.SELL)


# Properties: a venue that fills, cancels and forgets to tell, and what must hold whatever it does.

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from(["0.1", "0.3"]), st.booleans()),
        st.tuples(st.just("fill"), st.integers(0, 5), st.sampled_from(["0.05", "0.1", "0.3"])),
        st.tuples(st.just("end"), st.integers(0, 5), st.booleans()),
        st.tuples(st.just("strange"), st.sampled_from(["0.05", "-0.2"]), st.none()),
        *[st.tuples(st.just("tell"), st.just("both"), st.sampled_from([1.5, 20]))] * 2,
        st.tuples(st.just("tell"), st.sampled_from(["both", "orders", "positions"]), st.sampled_from([0.1, 1.5, 20])),
        st.tuples(st.just("tick"), st.sampled_from([0.5, 3]), st.none()),
    ),
    max_size=40,
)


@given(steps=STEPS, shows_fills=st.booleans())
def test_whatever_happens_only_what_the_position_proves_is_booked(eth_everywhere, steps, shows_fills):
    account = Account(eth_everywhere)
    account.update({}, "")
    book, held, told = {}, Decimal(0), Decimal(0)  # the venue's truth, and what it last told of the position
    missing = {}
    for kind, what, how in steps:
        if kind == "send":
            name = f"avx-{len(account.orders)}"
            spec = OrderSpec(
                client_order_id=name,
                instrument=eth_everywhere,
                side=Side.BUY if how else Side.SELL,
                quantity=what,
                price="3500",
            )
            account.send(spec)
            account.ack(name, name[4:] + "1")
            book[name[4:] + "1"] = [spec, Decimal(0)]
        elif kind in ("fill", "end") and book:
            number = sorted(book)[what % len(book)]
            spec, filled = book[number]
            if kind == "end":
                del book[number]
                continue
            traded = min(Decimal(how), spec.quantity - filled)
            held += traded * spec.side.sign
            book[number][1] += traded
            if book[number][1] == spec.quantity:
                del book[number]
        elif kind == "strange":
            held += Decimal(what)
        elif kind == "tick":
            account.now += int(what * S)
            account.told(account.ledger.tick(account.now))
        elif kind == "tell":
            rows = {
                one: {"symbol": "ETH", "side": spec.side.name, "price": "3500"}
                | ({"origQty": str(spec.quantity), "executedQty": str(filled)} if shows_fills else {})
                for one, (spec, filled) in book.items()
            }
            position = (str(held) if held else "") if what != "orders" else None
            events = account.update(rows if what != "positions" else None, position, after_s=how)
            if what != "positions":
                missing = {
                    o.venue_order_id: missing.get(o.venue_order_id, 0) + 1
                    for o in account.orders.values()
                    if o.venue_order_id not in rows
                }
            told = held if position is not None else told
            for event in of(events, OrderCanceled):
                assert missing[event.venue_order_id] >= 2
        booked = sum((fill.quantity * fill.side.sign for fill in account.fills), Decimal(0))
        if not account.ledger.is_waiting:
            assert booked == told  # no more, no less than the position proves
        for order in account.orders.values():
            assert order.booked_quantity <= order.spec.quantity
        assert len({fill.trade_id for fill in account.fills}) == len(account.fills)
    account.now += 5 * S
    account.told(account.ledger.tick(account.now))
    assert sum((fill.quantity * fill.side.sign for fill in account.fills), Decimal(0)) == told


@pytest.fixture
def earlier(account, order_of):
    """An order that rested under the id 7 when an earlier run ended."""
    account.orders["avx-1"] = Order(spec=order_of()).apply(OrderSent()).apply(OrderAccepted(venue_order_id="7"))
    return account.orders["avx-1"]


def test_an_order_of_an_earlier_run_ends_where_the_venue_and_its_updates_say_that_it_is_gone(account, earlier):
    assert account.ledger.gone("avx-1", account.now) == []  # nobody follows it yet
    account.told(account.ledger.take_on(earlier, account.now, account.now))
    assert of(account.told(account.ledger.gone("avx-1", account.now)), OrderCanceled)
    assert account.orders["avx-1"].state is OrderState.CANCELED


def test_it_is_followed_while_it_is_there_and_ends_after_two_updates_without_it(account, earlier):
    account.update({"7": ROW}, "")
    account.told(account.ledger.take_on(earlier, account.now, account.now))
    assert account.ledger.gone("avx-1", account.now) == []
    account.update({"7": ROW | {"executedQty": "0.04"}}, "0.04")
    assert account.orders["avx-1"].filled_quantity == Decimal("0.04")
    account.update({}, "0.04")
    assert of(account.update({}, "0.04"), OrderCanceled)


def test_what_it_traded_while_nobody_listened_is_in_the_position_and_explains_no_later_change(eth, order_of, earlier):
    account = Account(eth)
    account.orders["avx-1"] = earlier
    account.update({"7": ROW | {"executedQty": "0.04"}}, "0.04")
    account.told(account.ledger.take_on(earlier, account.now, account.now))
    account.send(order_of("avx-2", quantity="0.01", price="3501"))
    account.update({"7": ROW | {"executedQty": "0.04"}}, "0.05")
    assert [(fill.client_order_id, fill.quantity) for fill in account.fills] == [("avx-2", Decimal("0.01"))]
    account.update({"7": ROW | {"executedQty": "0.06"}}, "0.07")
    assert account.orders["avx-1"].filled_quantity == Decimal("0.02")
    account.update({}, "0.11")  # it is full
    assert of(account.seen, OrderCanceled) == []
    account.update({}, "0.11")
    assert [told.client_order_id for told in of(account.seen, OrderCanceled)] == ["avx-1"]


def test_one_whose_modification_is_in_doubt_is_not_taken_for_gone(account, earlier):
    changing = earlier.apply(AmendSent(client_order_id="avx-1", price=Decimal("3499")))
    account.told(account.ledger.take_on(changing, account.now, account.now))
    assert account.ledger.gone("avx-1", account.now) == []


def test_nor_is_one_before_the_first_update(eth, order_of):
    account = Account(eth)
    order = Order(spec=order_of()).apply(OrderSent()).apply(OrderAccepted(venue_order_id="7"))
    account.told(account.ledger.take_on(order, account.now, account.now))
    assert account.ledger.gone("avx-1", account.now) == []


@pytest.fixture
def lost(account, order_of):
    """An order of which an earlier run heard nothing; all that was sent had left by now."""
    account.orders["avx-1"] = Order(spec=order_of()).apply(OrderSent()).apply(OrderUnknown())
    account.told(account.ledger.take_on(account.orders["avx-1"], account.now, account.now))
    return account


def test_an_order_of_an_earlier_run_that_nothing_was_heard_of_is_known_by_its_client_id(lost):
    (told,) = of(lost.update({"9": ROW | {"clientId": client_id("avx-1"), "price": "1"}}, ""), OrderAccepted)
    assert told.venue_order_id == "9"


def test_what_the_last_update_has_shown_already_is_seen_at_once_and_explains_what_it_trades(account, order_of):
    account.orders["avx-1"] = Order(spec=order_of()).apply(OrderSent()).apply(OrderUnknown())
    account.update({"9": ROW | {"clientId": client_id("avx-1")}}, "")
    assert of(account.told(account.ledger.take_on(account.orders["avx-1"], account.now, account.now)), OrderAccepted)
    account.send(order_of("avx-2"))  # on its way, at the same terms
    account.update({}, "0.1")
    assert [fill.client_order_id for fill in account.fills] == ["avx-1"]


def test_what_this_run_has_on_its_way_explains_a_trade_before_what_never_came_up(lost, order_of):
    lost.send(order_of("avx-2", quantity="0.04"))
    lost.update({}, "0.04")
    assert [fill.client_order_id for fill in lost.fills] == ["avx-2"]


def test_or_by_its_terms_where_only_one_can_be_it(lost):
    twins = {"9": ROW, "10": ROW}
    assert not of(lost.update(twins, ""), OrderAccepted)
    assert [told.venue_order_id for told in of(lost.update({"9": ROW}, ""), OrderAccepted)] == ["9"]


def test_where_it_does_not_come_up_it_ends_once_it_can_no_longer_arrive(lost):
    for _ in range(7):
        assert not lost.update({}, "", after_s=2)  # 14 s
    assert not lost.update({}, "", after_s=2)
    (ended,) = lost.update({}, "", after_s=2)
    assert isinstance(ended, OrderCanceled)
    assert "what it traded is what the position tells" in ended.text


def test_how_long_it_may_arrive_is_configured(eth, order_of):
    account = Account(eth)
    account.ledger = Ledger({"ETH": eth}.get, lambda _: MID, 4.0)
    account.update({}, "")
    account.orders["avx-1"] = Order(spec=order_of()).apply(OrderSent()).apply(OrderUnknown())
    account.told(account.ledger.take_on(account.orders["avx-1"], account.now, account.now))
    assert [bool(account.update({}, "", after_s=2)) for _ in range(3)] == [False, False, True]


def test_one_whose_modification_is_in_doubt_is_found_under_its_new_id(account, earlier):
    changing = earlier.apply(AmendSent(client_order_id="avx-1", price=Decimal("3499")))
    account.orders["avx-1"] = changing
    account.told(account.ledger.take_on(changing, account.now, account.now))
    (told,) = of(account.update({"8": ROW | {"price": "3499"}}, ""), OrderAmended)
    assert (told.venue_order_id, told.price) == ("8", Decimal("3499"))
    assert account.ledger.order_id("avx-1", "7") == "8"


def test_what_this_run_has_there_explains_a_trade_before_one_of_an_earlier_run_that_is_gone(account, earlier, order_of):
    account.told(account.ledger.take_on(earlier, account.now, account.now))
    account.send(order_of("avx-2"))
    account.ack("avx-2", "8")
    untold = {name: value for name, value in ROW.items() if name not in ("origQty", "executedQty")}
    account.update({"8": untold}, "")
    account.update({"8": untold}, "0.04")
    assert [fill.client_order_id for fill in account.fills] == ["avx-2"]


def test_what_only_an_update_can_settle_is_asked_for_when_its_absence_begins_to_say_something(account, order_of):
    assert account.ledger.asks_ns is None
    account.send(order_of())
    assert account.ledger.asks_ns == account.now + 15 * S  # it may still be on its way
    account.ack("avx-1", "7")
    assert account.ledger.asks_ns == account.now + 1 * S
    account.update({"7": ROW}, "")
    assert account.ledger.asks_ns is None
    account.ledger.mistrust("avx-1", account.now)  # its cancel got no answer
    assert account.ledger.asks_ns == account.now + 1 * S
    account.update({}, "")
    assert account.ledger.asks_ns == account.now
    account.update({}, "")
    assert account.ledger.asks_ns is None


def test_before_the_first_update_one_is_asked_for(eth):
    assert Account(eth).ledger.asks_ns == 0


# Who made a change of position


def two(account, order_of, **second):
    """Two orders of which nothing was heard, both on their way when a position changes."""
    account.send(order_of("avx-1"))
    account.send(order_of("avx-2", **second))
    account.update({}, "0.1", after_s=0.1)


def credited(account):
    return [(fill.client_order_id, str(fill.quantity)) for fill in account.fills]


def test_which_of_two_orders_traded_is_left_open_until_one_is_answered(account, order_of):
    two(account, order_of)
    assert credited(account) == []
    account.ack("avx-2", "8", "filled")
    assert credited(account) == [("avx-2", "0.1")]
    assert account.orders["avx-1"].filled_quantity == 0


def test_or_until_an_update_shows_the_other_one(account, order_of):
    two(account, order_of)
    account.update({"7": ROW | {"clientId": client_id("avx-1")}}, "0.1", after_s=0.1)
    assert credited(account) == [("avx-2", "0.1")]


def test_or_until_it_has_lasted_long_enough_and_then_the_better_price_has_it(account, order_of):
    two(account, order_of, price="3510")
    account.now += 3 * S
    account.told(account.ledger.tick(account.now))
    assert credited(account) == [("avx-2", "0.1")]


def test_an_answer_to_the_order_that_did_not_trade_leaves_the_other_one(account, order_of):
    two(account, order_of)
    account.ack("avx-1", "7")
    assert credited(account) == []  # it may have rested when it was answered, and have traded since
    account.update({"7": ROW}, "0.1", after_s=0.1)
    assert credited(account) == [("avx-2", "0.1")]


def test_sizes_can_tell_it_at_once(account, order_of):
    two(account, order_of, quantity="0.3")
    assert credited(account) == [("avx-1", "0.1")]


def test_two_changes_are_not_netted_while_they_wait(account, order_of):
    two(account, order_of)
    account.update({}, "", after_s=0.1)  # a stranger's sale: no order of ours is on that side
    assert credited(account) == [(None, "0.1")]
    account.ack("avx-1", "7", "filled")
    assert credited(account) == [(None, "0.1"), ("avx-1", "0.1")]


def test_what_rests_at_a_better_price_all_along_would_have_traded_first(account, order_of):
    account.send(order_of("avx-1", price="3500"))
    account.send(order_of("avx-2", price="3400"))
    account.ack("avx-1", "7")
    account.ack("avx-2", "8")
    untold = {"symbol": "ETH", "side": "BUY", "price": "3500", "size": "0.1"}
    account.update({"7": untold, "8": untold | {"price": "3400"}}, "")
    account.send(order_of("avx-3", price="3510"))
    account.update({"7": untold}, "0.1")  # one may have gone by a cancel of the venue's own
    assert credited(account) == [("avx-3", "0.1")]


def test_a_size_below_the_whole_is_the_rest(account, order_of):
    account.send(order_of())
    account.ack("avx-1", "7")
    account.send(order_of("avx-2", quantity="0.04"))
    account.update({"7": {"symbol": "ETH", "side": "BUY", "price": "3500", "size": "0.06"}}, "0.04")
    assert credited(account) == [("avx-1", "0.04")]


# An order that is open though it is believed to have ended


@pytest.fixture
def mistaken(account, order_of):
    """An order that was credited with what a person at the app bought while it was on its way."""
    account.send(order_of())
    account.update({}, "0.1", after_s=0.1)
    assert account.orders["avx-1"].state is OrderState.FILLED
    return account


def strays(account):
    return [(one.order_id, one.order.client_order_id) for one in account.ledger.strays(account.now)]


def test_an_order_that_is_believed_filled_and_is_open_is_a_stray(mistaken):
    shown = {"7": ROW | {"clientId": client_id("avx-1")}}
    mistaken.update(shown, "0.1", after_s=0.5)
    assert strays(mistaken) == []  # rows may be older than the position, for a while
    assert mistaken.ledger.asks_ns == 103_100_000_000  # 1 s after its fill an update is asked for
    mistaken.update(shown, "0.1", after_s=0.5)
    assert strays(mistaken) == [("7", "avx-1")]
    assert strays(mistaken) == []  # it is being canceled
    mistaken.update(shown, "0.1", after_s=5)
    assert strays(mistaken) == [("7", "avx-1")]  # that did not work
    mistaken.told(mistaken.ledger.canceled(["7"], mistaken.now))
    mistaken.update({}, "0.1", after_s=5)
    assert strays(mistaken) == []
    assert mistaken.ledger.asks_ns is None
    assert credited(mistaken) == [("avx-1", "0.1")]


def test_what_a_stray_trades_is_in_the_position_and_nobodys(mistaken):
    mistaken.update({"7": ROW | {"clientId": client_id("avx-1"), "executedQty": "0.04"}}, "0.14")
    mistaken.now += 3 * S
    mistaken.told(mistaken.ledger.tick(mistaken.now))
    assert credited(mistaken) == [("avx-1", "0.1"), (None, "0.04")]
    assert strays(mistaken) == [("7", "avx-1")]


def test_one_that_is_shown_as_full_is_no_stray(mistaken):
    mistaken.update({"7": ROW | {"clientId": client_id("avx-1"), "executedQty": "0.1"}}, "0.1")
    assert strays(mistaken) == []


def test_a_row_without_a_client_id_is_a_stray_where_it_can_be_nobody_elses(mistaken, order_of):
    mistaken.update({"7": ROW, "8": ROW}, "0.1")  # two that may be it
    assert strays(mistaken) == []
    mistaken.send(order_of("avx-2"))  # the same again, on its way, so that the next row may be this one's
    mistaken.update({"7": ROW}, "0.1")
    assert strays(mistaken) == []


def test_and_is_found_by_its_terms(mistaken):
    mistaken.update({"7": ROW}, "0.1")
    assert strays(mistaken) == [("7", "avx-1")]


def test_a_row_without_a_client_id_is_a_persons_where_the_venue_tells_them(mistaken, order_of):
    mistaken.send(order_of("avx-2", price="3400"))
    mistaken.update({"6": ROW | {"price": "3400", "clientId": client_id("avx-2")}}, "0.1")
    mistaken.update({"7": ROW}, "0.1", after_s=5)
    assert strays(mistaken) == []


def test_an_order_that_is_believed_canceled_and_is_open_is_a_stray(resting):
    resting.update({}, "")
    resting.update({}, "")
    assert resting.orders["avx-1"].state is OrderState.CANCELED
    resting.update({"7": ROW}, "", after_s=100)  # nothing was told for long
    assert strays(resting) == [("7", "avx-1")]


def test_an_order_that_is_believed_never_to_have_come_up_comes_to_life(account, order_of):
    account.send(order_of())
    for _ in range(3):
        account.update({}, "", after_s=10)
    assert account.orders["avx-1"].state is OrderState.REJECTED
    account.update({"7": ROW | {"clientId": client_id("avx-1"), "executedQty": "0.04"}}, "0.04")
    order = account.orders["avx-1"]
    assert (order.state, order.venue_order_id) == (OrderState.PARTIALLY_FILLED, "7")
    assert order.filled_quantity == Decimal("0.04")
    assert strays(account) == []
    account.update({}, "0.1")
    assert account.orders["avx-1"].state is OrderState.FILLED


TURNS = st.lists(
    st.one_of(
        st.tuples(
            st.just("send"), st.sampled_from(["0.1", "0.3"]), st.sampled_from(["mistaken", None, "open", "filled"])
        ),
        st.tuples(st.just("arrive"), st.integers(0, 5), st.none()),
        st.tuples(st.just("fill"), st.integers(0, 5), st.sampled_from(["0.05", "0.1", "0.3"])),
        st.tuples(st.just("strange"), st.sampled_from(["0.1", "0.3"]), st.none()),
        *[st.tuples(st.just("tell"), st.none(), st.sampled_from([0.1, 1.5, 20]))] * 2,
    ),
    min_size=5,
    max_size=30,
)


@given(turns=TURNS)
def test_no_order_stays_open_at_the_venue_that_is_believed_to_have_ended(eth_everywhere, turns):
    account = Account(eth_everywhere)
    account.update({}, "")
    coming, book, held = [], {}, Decimal(0)
    found = set()

    def tell(after_s):
        rows = {
            number: ROW | {"clientId": client_id(spec.client_order_id)} | sizes_of(spec, filled)
            for number, (spec, filled) in book.items()
        }
        account.update(rows, str(held) if held else "", after_s=after_s)
        found.update(strays(account))

    for kind, what, how in turns:
        if kind == "send":
            name = f"avx-{len(account.orders)}"
            spec = OrderSpec(
                client_order_id=name, instrument=eth_everywhere, side=Side.BUY, quantity=what, price="3500"
            )
            account.send(spec)
            if how in (None, "mistaken"):  # no answer, now or ever; it may arrive when it is thought to be impossible
                coming.append(spec)
                if how is not None:  # a person at the app buys as much
                    held += spec.quantity
                    tell(0.1)
            else:
                book[name[4:] + "1"] = [spec, spec.quantity if how == "filled" else Decimal(0)]
                held += book[name[4:] + "1"][1]
                account.ack(name, name[4:] + "1", how)
        elif kind == "arrive" and coming:
            spec = coming.pop(what % len(coming))
            book[spec.client_order_id[4:] + "1"] = [spec, Decimal(0)]
        elif kind == "fill" and book:
            number = sorted(book)[what % len(book)]
            traded = min(Decimal(how), book[number][0].quantity - book[number][1])
            book[number][1] += traded
            held += traded
        elif kind == "strange":
            held += Decimal(what)
        elif kind == "tell":
            tell(how)
        book = {number: one for number, one in book.items() if one[1] < one[0].quantity}
    for _ in range(3):
        tell(6)
    for number, (spec, _) in book.items():
        order = account.orders[spec.client_order_id]
        assert order.is_open or (number, spec.client_order_id) in found
    assert sum(fill.quantity for fill in account.fills) == held


def sizes_of(spec, filled):
    return {"origQty": str(spec.quantity), "executedQty": str(filled)}


# Trades between two updates that leave the position as it was


@pytest.fixture
def both_sides(account, order_of):
    """A buy and a sell that rest."""
    for name, number, side, price in (("avx-1", "7", Side.BUY, "3480"), ("avx-2", "8", Side.SELL, "3500")):
        account.send(order_of(name, side=side, price=price))
        account.ack(name, number)
    account.update({"7": ROW | {"price": "3480"}, "8": ROW | {"side": "SELL"}}, "")
    return account


def test_a_buy_and_a_sell_that_are_gone_at_once_have_traded_against_each_other(both_sides):
    both_sides.update({}, "")
    assert both_sides.fills == []
    both_sides.update({}, "")
    assert {order.state for order in both_sides.orders.values()} == {OrderState.FILLED}
    assert [(fill.side, fill.price) for fill in both_sides.fills] == [(Side.BUY, 3480), (Side.SELL, 3500)]
    both_sides.update({}, "")
    assert len(both_sides.fills) == 2


def test_not_where_a_cancel_of_one_was_sent(both_sides):
    both_sides.ledger.canceling(both_sides.instrument, "avx-2")
    for _ in range(3):
        both_sides.update({}, "")
    assert both_sides.fills == []
    assert {order.state for order in both_sides.orders.values()} == {OrderState.CANCELED}


def test_nor_where_all_were_to_be_canceled(both_sides):
    both_sides.ledger.canceling(both_sides.instrument)
    for _ in range(3):
        both_sides.update({}, "")
    assert both_sides.fills == []


def test_what_an_earlier_run_canceled_is_not_taken_for_traded(account, order_of):
    for name, number, side in (("avx-1", "7", Side.BUY), ("avx-2", "8", Side.SELL)):
        order = Order(spec=order_of(name, side=side)).apply(OrderSent()).apply(OrderAccepted(venue_order_id=number))
        account.orders[name] = order.apply(CancelSent(client_order_id=name))
        account.told(account.ledger.take_on(account.orders[name], account.now, account.now))
    account.update({"7": ROW, "8": ROW | {"side": "SELL"}}, "")
    for _ in range(3):
        account.update({}, "")
    assert account.fills == []


def test_without_any_price_nothing_is_netted_by_half(account, order_of):
    account.send(order_of("avx-1"))
    account.ack("avx-1", "7")
    account.send(order_of("avx-2", side=Side.SELL, order_type=OrderType.MARKET))
    account.ack("avx-2", "8", "filled")
    account.update({"7": ROW}, "")
    account.price = None
    for _ in range(3):
        account.update({}, "")
    assert account.fills == []
