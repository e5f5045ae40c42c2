"""The quoter: where it quotes, what it does not fall for, and when it holds still.

Half a spread of 10 bp around 100 is 0.1. A skew of 10 bp moves the reservation price by 0.1 at a position of 0.050.
"""

from decimal import Decimal

import pytest
from attrs import evolve

from anyvenue.engine.reconcile_events import OrderFound
from anyvenue.model import Order, OrderSpec, OrderState, OrderUnknown, RejectReason, Side
from anyvenue.model.order_events import OrderAccepted, OrderSent
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.events import Channel, Disconnected, StreamStale
from anyvenue_strategies.quoter import Quoter, QuoterParameters

PARAMETERS = QuoterParameters(
    quantity=Decimal("0.010"),
    half_spread_bp=Decimal(10),
    max_position=Decimal("0.050"),
    skew_bp=Decimal(10),
    requote_bp=Decimal(2),
)
BOTH = [("place", "buy", "0.010", "99.9"), ("place", "sell", "0.010", "100.1")]


@pytest.fixture
def stage(make_stage):
    return make_stage(Quoter(PARAMETERS))


@pytest.fixture
def quotes(stage):
    """A bid at 99.9 and an ask at 100.1 that rest, around a mid price of 100."""
    stage.book(["99.0"], ["101.0"])
    bid, ask = stage.placed()
    stage.accept(bid, ask)
    return bid, ask


class TestPrices:
    def test_it_quotes_both_sides_post_only_around_the_mid_price(self, stage):
        stage.book(["99.0"], ["101.0"])
        orders = stage.placed()
        assert [(o.side, o.quantity, o.price) for o in orders] == [
            (Side.BUY, Decimal("0.010"), Decimal("99.9")),
            (Side.SELL, Decimal("0.010"), Decimal("100.1")),
        ]
        assert all(order.spec.post_only for order in orders)

    def test_what_is_held_moves_both_quotes_against_it(self, stage):
        stage.fill(Side.BUY, "0.025")  # half of 0.050: the reservation price is 99.95
        stage.book(["99.0"], ["101.0"])
        # 99.85 and 100.05, each to the tick that is no worse
        assert stage.told() == [("place", "buy", "0.010", "99.8"), ("place", "sell", "0.010", "100.1")]

    @pytest.mark.parametrize(("side", "quote"), [(Side.SELL, ("buy", "100.0")), (Side.BUY, ("sell", "100.1"))])
    def test_a_quote_that_leans_far_stays_a_tick_from_the_other_side(self, make_stage, side, quote):
        # Held 0.040 of 0.050, the reservation price lies 80 bp from the mid price 100.05, beyond the other side.
        stage = make_stage(Quoter(evolve(PARAMETERS, skew_bp=Decimal(100))))
        stage.fill(side, "0.040")
        stage.book(["100.0"], ["100.1"])
        assert ("place", quote[0], "0.010", quote[1]) in stage.told()


class TestMoving:
    def test_quotes_are_amended_in_place_and_only_when_off_by_enough(self, stage, quotes):
        stage.book(["99.0"], ["101.02"])  # mid 100.01: bid 99.9, ask 100.2 (100.11001), off by 0.1 > 0.02
        assert stage.told() == [("amend", "sell", "100.2", None)]
        stage.amended(quotes[1])
        stage.book(["99.0"], ["101.0"])
        stage.sent()
        stage.amended(quotes[1])
        stage.book(["99.0"], ["101.0"])
        assert stage.told() == []

    def test_while_an_amend_is_on_its_way_no_other_is_sent(self, stage, quotes):
        stage.book(["100.0"], ["102.0"])
        assert stage.told() == [("amend", "buy", "100.8", None), ("amend", "sell", "101.2", None)]
        stage.book(["101.0"], ["103.0"])
        assert stage.told() == []
        stage.amended(quotes[0])
        assert stage.told() == []  # the old wish was not kept: the next book says where to go
        stage.book(["102.0"], ["104.0"])
        assert stage.told() == [("amend", "buy", "102.8", None)]

    def test_a_refused_amend_pulls_the_quote_and_the_next_book_places_it_anew(self, stage, quotes):
        bid = quotes[0]
        stage.book(["100.0"], ["102.0"])
        stage.sent()
        stage.reject_amend(bid)
        assert stage.told() == [("cancel", "buy")]
        stage.canceled(bid)
        stage.book(["100.0"], ["102.0"])
        assert stage.told() == [("place", "buy", "0.010", "100.8")]

    def test_a_create_on_its_way_is_not_doubled_and_neither_is_an_unknown_one(self, stage):
        stage.book(["99.0"], ["101.0"])
        bid, ask = stage.placed()
        stage.book(["100.0"], ["102.0"])
        assert stage.told() == []
        stage.receive(OrderUnknown(client_order_id=bid.client_order_id))
        stage.accept(ask)
        stage.book(["101.0"], ["103.0"])
        assert stage.told() == [("amend", "sell", "102.2", None)]


class TestOwnOrdersInTheBook:
    def test_its_own_best_bid_does_not_move_the_mid_price(self, stage, quotes):
        stage.book([("99.9", "0.010"), "99.0"], ["101.0"])
        assert stage.told() == []

    def test_nor_while_the_book_shows_an_amend_that_is_not_confirmed_yet(self, stage, quotes):
        stage.book(["100.0"], ["102.0"])
        stage.sent()
        stage.book([("100.8", "0.010"), "100.0"], [("101.2", "0.010"), "102.0"])
        stage.amended(quotes[0])
        stage.amended(quotes[1])
        stage.book([("100.8", "0.010"), "100.0"], [("101.2", "0.010"), "102.0"])
        assert stage.told() == []

    def test_somebody_else_at_the_same_price_does(self, stage, quotes):
        # Best bid of others 99.9, ask 101.0: mid 100.45, so 100.34955 and 100.55045.
        stage.book([("99.9", "0.510"), "99.0"], ["101.0"])
        assert stage.told() == [("amend", "buy", "100.3", None), ("amend", "sell", "100.6", None)]

    def test_alone_on_a_side_it_has_nothing_to_go_by_and_pulls_both(self, stage, quotes):
        stage.book([("99.9", "0.010")], ["101.0"])
        assert stage.told() == [("cancel", "buy"), ("cancel", "sell")]


class TestFills:
    def test_a_partly_filled_quote_stays_where_it_is(self, stage, quotes):
        stage.fill(quotes[0], "0.004")  # held 0.004: the reservation price is 99.992, bid 99.892, ask 100.092
        stage.book(["99.0"], ["101.0"])
        # The bid belongs at 99.8 now, and is replaced whole; the ask still rounds to 100.1.
        assert stage.told() == [("cancel", "buy")]
        stage.book(["99.0"], ["101.0"])
        assert stage.told() == []
        stage.canceled(quotes[0])
        stage.book(["99.0"], ["101.0"])
        assert stage.told() == [("place", "buy", "0.010", "99.8")]

    def test_a_filled_quote_is_followed_by_a_new_one(self, stage, quotes):
        stage.fill(quotes[1])
        stage.book(["99.0"], ["101.0"])  # held -0.010: reservation price 100.02, 99.92 and 100.12
        assert stage.told() == [("place", "sell", "0.010", "100.2")]


class TestMaxPosition:
    @pytest.mark.parametrize(
        ("held", "bid"),
        [("0.040", "0.010"), ("0.043", "0.007"), ("0.049", "0.001"), ("0.050", None), ("0.060", None)],
    )
    def test_near_it_quotes_get_smaller_and_at_it_they_end(self, stage, held, bid):
        stage.fill(Side.BUY, held)
        stage.book(["99.0"], ["101.0"])
        sizes = {order.side: str(order.quantity) for order in stage.placed()}
        assert sizes == {Side.SELL: "0.010"} | ({} if bid is None else {Side.BUY: bid})

    def test_the_rest_of_a_quote_stays_while_it_fits(self, make_stage):
        stage = make_stage(Quoter(evolve(PARAMETERS, skew_bp=Decimal(0))))
        stage.book(["99.0"], ["101.0"])
        bid, ask = stage.placed()
        stage.accept(bid, ask)
        stage.fill(bid, "0.006")
        stage.fill(Side.BUY, "0.040")  # held 0.046, and 0.004 of the bid is left
        stage.book(["99.0"], ["101.0"])
        assert stage.told() == []
        stage.fill(Side.BUY, "0.001")
        stage.book(["99.0"], ["101.0"])
        assert stage.told() == [("cancel", "buy")]

    def test_what_is_below_the_smallest_order_is_not_quoted(self, make_stage, instrument_with):
        stage = make_stage(Quoter(PARAMETERS), instruments=[instrument_with(min_quantity="0.005")])
        stage.fill(Side.BUY, "0.046")
        stage.book(["99.0"], ["101.0"])
        assert [order.side for order in stage.placed()] == [Side.SELL]

    def test_nor_what_is_worth_less_than_the_smallest_notional(self, make_stage, instrument_with):
        # 0.010 x 99.9 = 0.999, 0.010 x 100.1 = 1.001
        stage = make_stage(Quoter(PARAMETERS), instruments=[instrument_with(min_notional="1")])
        stage.book(["99.0"], ["101.0"])
        assert [order.side for order in stage.placed()] == [Side.SELL]


class TestRefusals:
    def test_post_only_refused_is_routine(self, stage):
        stage.book(["99.0"], ["101.0"])
        bid, ask = stage.placed()
        stage.accept(ask)
        stage.reject(bid, RejectReason.WOULD_TAKE_LIQUIDITY)
        assert stage.told() == []
        stage.book(["99.0"], ["101.0"])
        assert stage.told() == [BOTH[0]]

    def test_any_other_refusal_is_not_repeated_with_every_book(self, stage, caplog):
        stage.book(["99.0"], ["101.0"])
        for order in stage.placed():
            stage.reject(order, RejectReason.INSUFFICIENT_FUNDS, "too little money")
        for _ in range(3):
            stage.wait("0.3")
            stage.book(["99.0"], ["101.0"])
        assert stage.told() == []
        assert "too little money" in caplog.text
        stage.wait("0.2")
        stage.book(["99.0"], ["101.0"])
        assert stage.told() == BOTH

    def test_a_refused_cancel_is_repeated_after_a_pause(self, stage, quotes):
        bid = quotes[0]
        stage.fill(Side.BUY, "0.045")
        stage.book(["99.0"], ["101.0"])
        assert ("cancel", "buy") in stage.told()
        stage.reject_cancel(bid)
        stage.book(["99.0"], ["101.0"])
        assert ("cancel", "buy") not in stage.told()
        stage.wait(1)
        stage.book(["99.0"], ["101.0"])
        assert ("cancel", "buy") in stage.told()

    def test_a_pause_keeps_no_quote_that_must_go(self, stage, quotes):
        stage.fill(quotes[1])
        stage.book(["99.0"], ["101.0"])
        stage.reject(stage.placed()[0], RejectReason.INSUFFICIENT_FUNDS)
        stage.fill(Side.BUY, "0.055")  # held 0.045: the bid of 0.010 is too much
        stage.book(["99.0"], ["101.0"])
        assert stage.told() == [("cancel", "buy")]

    def test_what_the_venue_cannot_do_is_said_before_anything_is_sent(self, make_stage):
        stage = make_stage(Quoter(PARAMETERS), features=set(Feature) - {Feature.POST_ONLY})
        assert "the quoter needs post_only" in stage.engine.failure
        assert stage.told() == []


class TestPulling:
    def test_a_stale_book_pulls_both_quotes_and_a_fresh_one_brings_them_back(self, stage, quotes):
        stage.receive(StreamStale(instrument=stage.instrument, channel=Channel.BOOK, reason="gap"))
        assert stage.told() == [("cancel", "buy"), ("cancel", "sell")]
        stage.canceled(*quotes)
        stage.book(["99.0"], ["101.0"])
        assert stage.told() == BOTH

    def test_so_does_a_lost_connection(self, stage, quotes):
        stage.receive(Disconnected(connection="main", reason="gone"))
        assert stage.told() == [("cancel", "buy"), ("cancel", "sell")]

    def test_a_quote_on_its_way_is_pulled_as_soon_as_it_is_there(self, stage):
        stage.book(["99.0"], ["101.0"])
        bid, ask = stage.placed()
        stage.receive(StreamStale(instrument=stage.instrument, channel=Channel.BOOK, reason="gap"))
        assert stage.told() == []
        stage.accept(bid, ask)
        assert stage.told() == [("cancel", "buy"), ("cancel", "sell")]

    def test_silence_pulls_them_too(self, stage, quotes):
        stage.wait(10)
        assert stage.told() == []
        stage.wait(1)
        assert stage.told() == [("cancel", "buy"), ("cancel", "sell")]

    def test_an_order_of_an_earlier_run_is_none_of_its_quotes(self, stage):
        spec = OrderSpec(
            client_order_id="avold-1",
            instrument=stage.instrument,
            side=Side.SELL,
            quantity=Decimal("0.010"),
            price=Decimal("100.5"),
        )
        left_over = Order(spec=spec).apply(OrderSent()).apply(OrderAccepted(venue_order_id="7"))
        stage.receive(OrderFound(order=left_over))
        assert stage.engine.failure == ""
        assert stage.told() == []
        stage.book(["99.0"], ["101.0"])
        assert stage.told() == BOTH

    def test_at_the_end_nothing_new_is_quoted(self, stage, quotes):
        stage.engine.stop("finished")
        assert stage.told() == [("cancel", "buy"), ("cancel", "sell")]
        stage.canceled(*quotes)
        stage.book(["99.0"], ["101.0"])
        assert stage.told() == []
        assert stage.engine.result().refused == 0
        assert stage.now(quotes[0]).state is OrderState.CANCELED


class TestParameters:
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"quantity": Decimal(0)}, "quantity: found 0; allowed are numbers above 0"),
            ({"requote_bp": Decimal(-1)}, "requote_bp: found -1; allowed are 0 and above"),
            ({"skew_bp": Decimal(9999)}, r"half_spread_bp \+ skew_bp: found 10000.0; allowed is below 10000"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, changes, said):
        with pytest.raises(ValueError, match=said):
            QuoterParameters(**changes)
