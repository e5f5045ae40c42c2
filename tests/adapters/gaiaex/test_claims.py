"""Who can have made a change of a position (chapter 16, questions 3, 4 and 8)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model.enums import Side
from anyvenue_gaiaex.claims import Change, Claim, Tier, claim_of, share_out
from anyvenue_gaiaex.streams import Held, Row
from anyvenue_gaiaex.tracked_order import TrackedOrder

S = 1_000_000_000
TOLD = 100 * S


def claim(name, tier, most, *, whole=True, key=()):
    return Claim(order=name, tier=tier, most=Decimal(most), whole=whole, key=key)


def shared(left, *claims, is_late=False):
    return {one.order: str(quantity) for one, quantity in share_out(Decimal(left), claims, is_late=is_late)}


AMOUNTS = st.sampled_from(["0.01", "0.02", "0.03", "0.05"]).map(Decimal)
CLAIMS = st.lists(
    st.builds(
        Claim,
        order=st.none(),
        tier=st.sampled_from(Tier),
        most=AMOUNTS,
        whole=st.booleans(),
        key=st.tuples(st.integers(0, 3)),
    ),
    max_size=8,
)


@given(left=AMOUNTS, claims=CLAIMS, is_late=st.booleans())
def test_nobody_gets_more_than_he_can_have_and_all_together_no_more_than_there_is(left, claims, is_late):
    shares = share_out(left, claims, is_late=is_late)
    assert all(0 < quantity <= one.most for one, quantity in shares)
    assert len({id(one) for one, _ in shares}) == len(shares)
    assert sum(quantity for _, quantity in shares) <= left


@given(left=AMOUNTS, claims=CLAIMS)
def test_when_it_is_late_all_is_shared_that_anybody_can_have(left, claims):
    shares = share_out(left, claims, is_late=True)
    assert sum(quantity for _, quantity in shares) == min(left, sum((one.most for one in claims), Decimal(0)))


@given(left=AMOUNTS, claims=CLAIMS)
def test_nothing_that_is_shared_early_is_shared_otherwise_for_an_unlikely_claim_more(left, claims):
    more = [*claims, Claim(order="unlikely", tier=Tier.UNLIKELY, most=left)]
    assert share_out(left, more, is_late=False) == share_out(left, claims, is_late=False)


@given(left=AMOUNTS, most=AMOUNTS, other=AMOUNTS)
def test_of_two_that_may_each_have_traded_it_nobody_gets_it_early(left, most, other):
    shares = shared(left, claim("a", Tier.POSSIBLE, left), claim("b", Tier.POSSIBLE, left))
    assert shares == {}


def test_what_the_venue_says_that_an_order_traded_comes_first():
    told, gone = claim("told", Tier.TOLD, "0.02"), claim("gone", Tier.GONE, "0.05")
    assert shared("0.02", gone, told) == {"told": "0.02"}
    assert shared("0.07", gone, told) == {"told": "0.02", "gone": "0.05"}


def test_where_one_set_alone_makes_up_the_change_it_is_that():
    small, large = claim("small", Tier.POSSIBLE, "0.01"), claim("large", Tier.POSSIBLE, "0.03")
    assert shared("0.03", small, large) == {"large": "0.03"}
    assert shared("0.04", small, large) == {"small": "0.01", "large": "0.03"}
    assert shared("0.02", small, large) == {}  # neither alone, nor both
    assert shared("0.03", small, large, claim("canceled", Tier.POSSIBLE, "0.03", whole=False)) == {}


def test_of_two_that_are_gone_the_better_price_comes_first():
    assert shared(
        "0.01", claim("worse", Tier.GONE, "0.01", key=(2,)), claim("better", Tier.GONE, "0.01", key=(1,))
    ) == {"better": "0.01"}


def test_the_unlikely_one_gets_it_only_when_it_is_late():
    unlikely = claim("unlikely", Tier.UNLIKELY, "0.01")
    assert shared("0.01", unlikely) == {}
    assert shared("0.01", unlikely, is_late=True) == {"unlikely": "0.01"}


def test_where_resting_orders_cannot_have_traded_all_of_it_their_rows_are_old():
    resting = claim("resting", Tier.RESTING, "0.0099", whole=False)
    assert shared("0.01", resting) == {}
    assert shared("0.005", resting) == {"resting": "0.005"}


# What an order may have traded


@pytest.fixture
def order(eth):
    """One that was answered as open, and that no update has shown."""
    return TrackedOrder(
        instrument=eth,
        side=Side.BUY,
        price=Decimal(3500),
        quantity=Decimal("0.1"),
        client_order_id="avx-1",
        since_ns=TOLD - S,
        sent_ns=TOLD - S,
        ids=["7"],
        is_live=True,
        known_before=frozenset({"5"}),
    )


def change(eth, *, steady=(), before_ns=TOLD - S):
    return Change(
        instrument=eth,
        side=Side.BUY,
        left=Decimal("0.1"),
        base=Held(),
        held=Held(quantity=Decimal("0.1")),
        steady=steady,
        before_ns=before_ns,
        told_ns=TOLD,
    )


def tier(order, made):
    found = claim_of(order, made, TOLD)
    return None if found is None else found.tier


def row(price, number="5", side=Side.BUY):
    return Row(order_id=number, symbol="ETH", side=side, price=Decimal(price))


def test_what_left_later_or_is_of_the_other_side_or_full_has_no_claim(eth, order):
    assert tier(order, change(eth)) is Tier.POSSIBLE
    order.sent_ns = TOLD
    assert tier(order, change(eth)) is None
    order.sent_ns, order.side = 0, Side.SELL
    assert tier(order, change(eth)) is None
    order.side, order.filled = Side.BUY, Decimal("0.1")
    assert tier(order, change(eth)) is None


def test_what_was_answered_and_is_in_no_update_for_long_enough_has_traded(eth, order):
    assert tier(order, change(eth)) is Tier.POSSIBLE  # the update may be older than the answer
    order.misses = 1
    assert tier(order, change(eth)) is Tier.GONE


def test_behind_a_better_price_that_rests_on_it_is_unlikely(eth, order):
    order.is_seen = True
    assert tier(order, change(eth)) is Tier.GONE
    assert tier(order, change(eth, steady=[row("3501")])) is Tier.UNLIKELY
    assert tier(order, change(eth, steady=[row("3499")])) is Tier.GONE
    assert tier(order, change(eth, steady=[row("3500")])) is Tier.UNLIKELY  # known before it was sent: first in time
    assert tier(order, change(eth, steady=[row("3500", "6")])) is Tier.GONE
    assert tier(order, change(eth, steady=[row("3500", "7")])) is Tier.GONE  # its own
    order.price = None
    assert tier(order, change(eth, steady=[row("9999")])) is Tier.GONE  # at market


def test_a_seller_is_behind_lower_prices(eth, order):
    order.side = Side.SELL
    assert order.is_behind(row("3499"))
    assert not order.is_behind(row("3501"))
    order.doubt = (Decimal(3490), Decimal("0.1"))  # it may be there at this price already
    assert not order.is_behind(row("3499"))


def test_one_that_rests_is_claimed_by_what_its_row_says(eth, order):
    order.is_shown = order.is_seen = True
    order.told_filled = Decimal(0)
    assert tier(order, change(eth)) is None
    order.told_filled = Decimal("0.04")
    assert claim_of(order, change(eth), TOLD).most == Decimal("0.04")


def test_one_that_rests_and_does_not_say_has_not_traded_in_full(eth, order):
    order.is_shown = order.is_seen = True
    found = claim_of(order, change(eth), TOLD)
    assert (found.tier, found.most) == (Tier.RESTING, Decimal("0.0999"))  # the least quantity is 0.0001
    older = claim_of(order, change(eth), TOLD - 1)
    assert older.most == Decimal("0.1")


def test_where_a_cancel_was_sent_it_may_have_been_that(eth, order):
    order.is_seen = order.is_canceling = True
    found = claim_of(order, change(eth), TOLD)
    assert (found.tier, found.whole) == (Tier.POSSIBLE, False)


def test_one_without_an_answer_and_without_a_trace_for_long_comes_last(eth, order):
    order.is_live, order.sent_ns = False, TOLD - 10 * S
    assert tier(order, change(eth, before_ns=TOLD - 10 * S)) is Tier.POSSIBLE
    assert tier(order, change(eth, before_ns=TOLD - 8 * S)) is Tier.LAST


def test_what_took_and_has_its_share_comes_last_from_then_on(eth, order):
    order.is_taking = True
    assert tier(order, change(eth)) is Tier.GONE
    order.filled = Decimal("0.04")
    assert tier(order, change(eth)) is Tier.LAST
    order.is_seen = True  # its rest was there
    assert tier(order, change(eth)) is Tier.GONE
