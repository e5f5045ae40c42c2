"""The external book: it is the same whether its frames came decoded or as any texts, and whenever somebody looks."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model.enums import Side
from anyvenue.model.errors import InvalidBook
from anyvenue.simulation.contracts import perpetual
from anyvenue.simulation.liquidity import WAITING_MAX, ExternalLiquidity
from anyvenue.simulation.tape import TapeHeader
from anyvenue.venue.descriptor import SimulationSettings

INSTRUMENT = perpetual(
    TapeHeader(
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
    ),
    SimulationSettings(),
)
PRICES = ["99.5", "100", "100.5", "101", "101.0", "0101", "1e2", "100.12345678901234567"]
SIZES = ["0", "0.0", "1", "0.250", "7", "0.1234567890123456789"]
LEVELS = st.lists(st.tuples(st.sampled_from(PRICES), st.sampled_from(SIZES)), max_size=6)


def book():
    return ExternalLiquidity(INSTRUMENT)


def shown(liquidity):
    sides = [[*liquidity.from_best(side)] for side in Side]
    found = [liquidity.quantity_at(side, Decimal(price)) for side in Side for price in PRICES]
    best = [liquidity.best(side) for side in Side]
    return sides, found, best


@given(
    st.lists(
        st.tuples(st.sampled_from(["decoded", "merged", "texts", "whole", "take", "look"]), LEVELS, LEVELS), max_size=12
    )
)
def test_frames_that_came_decoded_make_the_book_that_texts_make(steps):
    decoded, texts = book(), book()
    for kind, bids, asks in steps:
        if kind == "decoded":
            decoded.apply_decoded(bids, asks)
            texts.apply(bids, asks, snapshot=False)
        elif kind == "merged":
            assert decoded.merge_decoded(bids, asks) == decoded.sides()
            texts.apply(bids, asks, snapshot=False)
        elif kind == "look":
            assert shown(decoded) == shown(texts)
        elif kind == "take":
            for liquidity in (decoded, texts):
                level = liquidity.best(Side.BUY)
                if level is not None:
                    liquidity.take(Side.BUY, level, level.quantity / 2 if len(asks) % 2 else level.quantity)
        else:
            for liquidity in (decoded, texts):
                liquidity.apply(bids, asks, snapshot=kind == "whole")
    assert shown(decoded) == shown(texts)


def test_more_frames_than_may_wait_are_all_taken_in():
    liquidity = book()
    for number in range(2 * WAITING_MAX + 1):
        liquidity.apply_decoded([(f"{number + 1}", "1")], [(f"{number + 10_000}", "1")])
    assert len([*liquidity.from_best(Side.BUY)]) == len([*liquidity.from_best(Side.SELL)]) == 2 * WAITING_MAX + 1


@pytest.mark.parametrize("level", [("100", "junk"), ("junk", "1"), ("100", "-1"), ("0", "1")])
def test_a_level_that_is_none_is_raised_where_somebody_looks(level):
    liquidity = book()
    liquidity.apply_decoded([("99", "1")], [])
    liquidity.apply_decoded([level], [])
    with pytest.raises(InvalidBook, match="ABC-USDT-PERP: bid"):
        liquidity.best(Side.BUY)
