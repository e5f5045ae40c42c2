"""What everybody is told of a depth frame: the tape's levels, and behind them ours at the prices it spoke about."""

from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model.enums import Side
from anyvenue.model.order_spec import OrderSpec
from anyvenue.simulation.contracts import perpetual
from anyvenue.simulation.exchange import Exchange
from anyvenue.simulation.listing import Listing
from anyvenue.simulation.tape import TapeHeader
from anyvenue.venue.descriptor import SimulationSettings

HEADER = TapeHeader(
    symbol="ABC-USDT-PERP",
    base="ABC",
    quote="USDT",
    settle="USDT",
    price_tick="0.5",
    quantity_step="0.1",
    source="made by hand",
    start_ns=0,
    end_ns=0,
    frames=1,
)


@pytest.fixture(scope="module")
def listing():
    """A market in which we bid at 99.5, 100 and 0.5 while others ask at 200."""
    instrument = perpetual(HEADER, SimulationSettings())
    exchange = Exchange([instrument], time_ns=lambda: 0)
    exchange.open_account("me", balances={"USDT": Decimal(1_000_000)})
    exchange.apply_depth("ABC-USDT-PERP", [], [["200", "1"]], snapshot=True, ts_event=0)
    for number, price in enumerate(("99.5", "100", "0.5")):
        spec = OrderSpec(
            client_order_id=f"x{number}",
            instrument=instrument,
            side=Side.BUY,
            quantity=Decimal(100),
            price=Decimal(price),
        )
        exchange.place("me", spec)
    listing = Listing(instrument, exchange)
    listing.own_changed()
    return listing


def told(listing, *prices):
    """Return the prices that are added behind these."""
    bids = [[price, "1"] for price in prices]
    overlaid, asks = listing.overlaid(bids, [["100", "1"]])
    assert overlaid[: len(bids)] == bids
    assert asks == [["100", "1"]]
    assert len(overlaid) == len(bids) or listing.may_speak_of_own(orjson.dumps(bids))
    return [Decimal(price) for price, _ in overlaid[len(bids) :]]


@pytest.mark.parametrize("text", ["99.5", "99.50", "099.5", "995e-1", "0.995E+2"])
def test_a_price_of_ours_is_known_however_it_is_written(listing, text):
    assert told(listing, "99", text, "98.5") == [Decimal("99.5")]


@pytest.mark.parametrize("text", ["100", "100.", "100.00", "1e2", "1E+2", 100], ids=repr)
def test_a_whole_price_of_ours_is_known_however_it_is_written(listing, text):
    assert told(listing, text) == [Decimal(100)]


@pytest.mark.parametrize("text", [".5", "0.5", "00.50", "5e-1"])
def test_a_price_of_ours_below_one_is_known_however_it_is_written(listing, text):
    assert told(listing, text) == [Decimal("0.5")]


@pytest.mark.parametrize("text", ["199.5", "99.51", "1000", "100.5", "10.5", "1e3", 1000], ids=repr)
def test_a_price_that_only_looks_like_ours_is_another(listing, text):
    assert told(listing, text) == []


def test_every_price_of_ours_is_told_in_the_order_of_the_frame(listing):
    assert told(listing, "0.5", "98", "100.0", "99.5") == [Decimal("0.5"), Decimal(100), Decimal("99.5")]


@given(st.lists(st.decimals("0.5", 200, places=1), max_size=20), st.sampled_from(["{:f}", "{:e}", "0{:f}0"]))
def test_whatever_the_tape_says_ours_are_told_and_no_others(listing, prices, writing):
    ours = {Decimal("99.5"), Decimal(100), Decimal("0.5")}
    assert told(listing, *map(writing.format, prices)) == [price for price in prices if price in ours]
