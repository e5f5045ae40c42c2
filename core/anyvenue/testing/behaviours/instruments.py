"""Instruments and sizing: what is listed, and that sizes and prices survive the way to the venue and back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from anyvenue.model.errors import AnyvenueError, InvalidOrder, QuantityTooSmall, UnknownInstrument
from anyvenue.testing.behaviour import behaviour
from anyvenue.testing.bench import Bench
from anyvenue.venue.capabilities import Feature

__all__ = ["Instruments"]

_CONTRACTS = (1, 2, 3, 7, 10, 99, 1000)


class Instruments:
    """Instruments and sizing."""

    @behaviour()
    async def test_instruments_are_listed_under_the_connections_name(self, bench: Bench) -> None:
        """Every instrument has a key of its own, and the key says through which connection it is reached."""
        session = await bench.session()
        listed = session.instruments()
        assert len({one.key for one in listed}) == len(listed) > 0
        assert {one.connection for one in listed} == {"main"}
        assert {one.venue for one in listed} == {session.venue.name}

    @behaviour()
    async def test_an_instrument_is_found_by_its_neutral_and_by_the_venues_own_name(self, bench: Bench) -> None:
        """The neutral symbol, the venue's symbol and the key lead to the same instrument."""
        session = await bench.session()
        for one in session.instruments():
            assert {session.instrument(name) for name in (one.key, one.symbol, one.venue_symbol)} == {one}

    @behaviour()
    async def test_an_instruments_terms_are_those_the_venue_has(self, bench: Bench) -> None:
        """Price rule, contract size, step and smallest quantity are the exchange's own."""
        session = await bench.session()
        for truth in (bench.here.instrument, bench.there.instrument):
            found = session.instrument(truth.symbol)
            for name in ("price_rule", "contract_size", "quantity_step", "min_quantity", "kind", "base", "quote"):
                assert (name, getattr(found, name)) == (name, getattr(truth, name))

    @behaviour()
    async def test_contracts_and_quantities_convert_back_and_forth_exactly(self, bench: Bench) -> None:
        """`to_contracts` is the exact inverse of `from_contracts` on what the venue can represent."""
        session = await bench.session()
        for one in session.instruments():
            steps = one.quantity_step / one.contract_size
            for number in _CONTRACTS:
                contracts = number * steps
                assert one.to_contracts(one.from_contracts(contracts)) == contracts
                assert one.to_contracts(-one.from_contracts(contracts)) == -contracts

    @behaviour()
    async def test_a_quantity_that_rounds_to_nothing_is_refused_with_the_smallest_one(self, bench: Bench) -> None:
        """Half a step is no size: the error says what the smallest is, and nothing is rounded up."""
        session = await bench.session()
        for one in session.instruments():
            with pytest.raises(QuantityTooSmall, match="smallest order is"):
                one.to_contracts(one.quantity_step / 2)

    @behaviour()
    async def test_an_unknown_instrument_is_refused_before_anything_is_sent(self, bench: Bench) -> None:
        """A symbol that is not listed is an UnknownInstrument."""
        session = await bench.session()
        before = bench.mark_sent()
        with pytest.raises(UnknownInstrument):
            await session.buy("NOSUCH-USDT-PERP", bench.here.unit, bench.here.bid)
        assert bench.mark_sent() == before

    @behaviour(Feature.LIMIT)
    async def test_a_quantity_below_the_smallest_is_refused_before_anything_is_sent(self, bench: Bench) -> None:
        """The order itself is refused as misuse, or by the adapter before it sends."""
        session = await bench.session()
        before, too_small = bench.mark_sent(), bench.here.instrument.min_quantity / 2
        with pytest.raises((InvalidOrder, AnyvenueError)):
            await session.buy(bench.here.instrument.symbol, too_small, bench.here.off("-0.04"))
        assert bench.mark_sent() == before
        await bench.settle()
        assert bench.resting() == []

    @behaviour(Feature.LIMIT)
    async def test_a_price_off_the_grid_is_refused_before_anything_is_sent(self, bench: Bench) -> None:
        """A price that breaks the venue's rule never leaves."""
        session = await bench.session()
        price = bench.here.bid + bench.here.instrument.price_rule.step_at(bench.here.bid) / 7
        before = bench.mark_sent()
        with pytest.raises(InvalidOrder):
            await session.buy(bench.here.instrument.symbol, bench.here.unit, price.quantize(Decimal("1e-12")))
        assert bench.mark_sent() == before

    @behaviour(Feature.LIMIT)
    async def test_a_float_is_refused_before_anything_is_sent(self, bench: Bench) -> None:
        """Numbers are exact: a float is a TypeError."""
        session = await bench.session()
        before = bench.mark_sent()
        with pytest.raises(TypeError):
            await session.buy(bench.here.instrument.symbol, float(bench.here.unit), bench.here.bid)  # type: ignore[arg-type]
        assert bench.mark_sent() == before

    @behaviour(Feature.LIMIT)
    async def test_an_orders_price_quantity_and_side_arrive_as_they_were_given(self, bench: Bench) -> None:
        """What rests at the exchange has, in base units, exactly what was asked for, on both sides."""
        session = await bench.session()
        symbol, unit = bench.here.instrument.symbol, bench.here.unit
        low, high = bench.here.off("-0.04"), bench.here.off("0.04")
        await session.buy(symbol, unit * 3, low)
        await session.sell(symbol, unit * 2, high)
        found = sorted((o.side.value, o.price, o.quantity) for o in bench.resting(symbol))
        assert found == [("buy", low, unit * 3), ("sell", high, unit * 2)]
