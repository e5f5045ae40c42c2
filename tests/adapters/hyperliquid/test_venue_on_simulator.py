"""What the conformance suite does not ask, because no other venue has it: on the simulator, on a driven clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from anyvenue.model.enums import MarginMode, OrderState, PriceSource, Side, TradingStatus, TriggerKind
from anyvenue.model.errors import (
    InsufficientFunds,
    NotSent,
    NotSupported,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TradingEnded,
    UnknownInstrument,
)
from anyvenue.model.order_events import OrderReported
from anyvenue.model.order_spec import Protection, Trigger
from anyvenue.simulation.server.keyring import ApiKey
from anyvenue.testing.bench import ACCOUNT, Bench
from anyvenue.testing.session import HeardSession
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.events import InstrumentChanged
from anyvenue.venue.secrets import Secret
from anyvenue_hyperliquid import auth
from anyvenue_hyperliquid.descriptor import DESCRIPTOR
from anyvenue_hyperliquid.simulator.dialect import HyperliquidDialect

ALLOWED = frozenset({Feature.STOP, Feature.TAKE_PROFIT, Feature.ATTACHED_PROTECTION, Feature.DEAD_MAN_SWITCH})


def play(
    scenario: Callable[[Bench], Awaitable[None]], instrument: str = "BTC-PERP", seed: int = 1, **options: Any
) -> None:
    """Run a scenario on a bench of its own."""
    bench = Bench(
        DESCRIPTOR, open_venue=DESCRIPTOR.open, instrument=instrument, options=options, allowed=ALLOWED, seed=seed
    )

    async def body() -> None:
        await bench.start()
        try:
            await scenario(bench)
        finally:
            await bench.end()

    asyncio.run(bench.pump.serve(body()))


def steer(bench: Bench, **wish: Any) -> None:
    bench.wire.dialect.steer(wish)


def stop(bench: Bench, off: str) -> Trigger:
    return Trigger(kind=TriggerKind.STOP, price=bench.here.off(off), source=PriceSource.MARK)


async def long(bench: Bench) -> tuple[HeardSession, str, Decimal]:
    """Return a session that holds a unit."""
    session, symbol, unit = await bench.session(), bench.here.instrument.symbol, bench.here.unit
    await session.buy(symbol, unit)
    await bench.settle()
    assert bench.held() == unit
    return session, symbol, unit


def test_a_stop_that_reduces_waits_and_then_closes() -> None:
    async def scenario(bench: Bench) -> None:
        session, symbol, unit = await long(bench)
        order = await session.sell(symbol, unit, trigger=stop(bench, "-0.01"), reduce_only=True)
        await bench.settle()
        assert (session.current(order).state, bench.held()) == (OrderState.OPEN, unit)
        bench.here.move(bench.here.off("-0.011"))
        await bench.wait(15)
        order = session.current(order)
        assert (order.state, order.filled_quantity, bench.held()) == (OrderState.FILLED, unit, 0)
        assert order.triggered

    play(scenario)


def test_a_stop_that_opens_or_looks_at_another_price_is_refused_and_not_sent() -> None:
    async def scenario(bench: Bench) -> None:
        session, symbol, unit = await long(bench)
        last = Trigger(kind=TriggerKind.STOP, price=bench.here.off("-0.01"))
        for terms in ({"trigger": stop(bench, "-0.01")}, {"trigger": last, "reduce_only": True}):
            before = bench.mark_sent()
            with pytest.raises(NotSupported):
                await session.sell(symbol, unit, **terms)
            assert [one.path for one in bench.sent(before)] == []

    play(scenario)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_reduce_only_order_beyond_the_position_ends_with_what_it_traded(seed: int) -> None:
    async def scenario(bench: Bench) -> None:
        session, symbol, unit = await long(bench)
        resting = await session.sell(symbol, unit * 2, bench.here.inside, reduce_only=True)
        await bench.settle()
        bench.here.trade(bench.here.inside, unit * 5, Side.BUY)
        await bench.wait(15)
        order = session.current(resting)
        assert (order.filled_quantity, bench.held(), order.is_terminal) == (unit, 0, True)
        found = await session.order(order)
        assert found is not None
        assert (found.state, found.filled_quantity) == (OrderState.CANCELED, unit)

    play(scenario, seed=seed)


@pytest.mark.parametrize("seed", [1, 2])
def test_an_order_that_has_traded_in_part_is_amended_for_the_rest(seed: int) -> None:
    async def scenario(bench: Bench) -> None:
        session, symbol, unit = await bench.session(), bench.here.instrument.symbol, bench.here.unit
        order = await session.buy(symbol, unit * 4, bench.here.inside)
        bench.here.trade(bench.here.inside, unit)
        await bench.settle()
        await session.amend(order, price=bench.here.off("-0.01"))
        await bench.settle()
        order = session.current(order)
        assert (order.quantity, order.filled_quantity, order.state) == (unit * 4, unit, OrderState.PARTIALLY_FILLED)
        assert [one.quantity for one in bench.resting()] == [unit * 3]
        (found,) = await session.venue.open_orders()
        assert (found.report.filled_quantity, found.report.quantity) == (unit, unit * 4)
        bench.here.trade(bench.here.off("-0.01"), unit * 3)
        await bench.settle()
        order = session.current(order)
        assert (order.state, order.filled_quantity, bench.held()) == (OrderState.FILLED, unit * 4, unit * 4)

    play(scenario, seed=seed)


@pytest.mark.parametrize("is_lost", ["lose_reply", "lose_request"])
def test_an_amend_whose_answer_is_lost_is_followed_to_its_end(is_lost: str) -> None:
    async def scenario(bench: Bench) -> None:
        session, symbol, unit = await bench.session(), bench.here.instrument.symbol, bench.here.unit
        order = await session.buy(symbol, unit, bench.here.off("-0.02"))
        await bench.settle()
        bench.faults({"on": "http", "path": "/exchange", is_lost: True, "times": 1})
        with pytest.raises(Exception, match="carried out"):
            await session.amend(order, price=bench.here.off("-0.01"))
        await bench.wait(60)
        (resting,) = bench.resting()
        order = session.current(order)
        assert (order.state, order.price, len(session.orders())) == (OrderState.OPEN, resting.price, 1)
        await session.cancel(order)
        await bench.settle()
        assert (bench.resting(), session.current(order).state) == ([], OrderState.CANCELED)

    play(scenario)


def test_a_look_up_finds_an_amended_order_that_nobody_told_of() -> None:
    async def scenario(bench: Bench) -> None:
        session, symbol, unit = await bench.session(), bench.here.instrument.symbol, bench.here.unit
        order = await session.buy(symbol, unit * 2, bench.here.inside)
        bench.here.trade(bench.here.inside, unit)
        await bench.settle()
        first = session.current(order).venue_order_id
        bench.faults(
            {"on": "http", "path": "/exchange", "lose_reply": True, "times": 1},
            {"on": "ws_out", "drop": True, "until_s": 20},
        )
        with pytest.raises(OutcomeUnknown):
            await session.amend(order, price=bench.here.off("-0.01"))
        found = await session.order(session.current(order))
        assert found is not None
        assert (found.price, found.quantity, found.filled_quantity) == (bench.here.off("-0.01"), unit * 2, unit)
        assert found.venue_order_id != first
        await session.cancel(found)
        assert bench.resting() == []

    play(scenario)


def test_an_amended_order_is_found_by_a_process_that_did_not_amend_it() -> None:
    async def scenario(bench: Bench) -> None:
        session, symbol, unit = await bench.session(), bench.here.instrument.symbol, bench.here.unit
        order = await session.buy(symbol, unit * 3, bench.here.inside)
        bench.here.trade(bench.here.inside, unit)
        await bench.settle()
        await session.amend(order, price=bench.here.off("-0.01"))
        await bench.settle()
        known = session.current(order)
        await session.disconnect()
        other = await bench.session()
        (listed,) = await other.venue.open_orders()
        found = await other.venue.order(known)
        assert found is not None
        for one in (listed, found):
            assert (one.report.quantity, one.report.filled_quantity) == (unit * 3, unit)
        told = len(other.told)
        bench.here.trade(bench.here.off("-0.01"), unit * 2)
        await bench.settle()
        reports = [event for event in other.told[told:] if isinstance(event, OrderReported)]
        assert {(one.client_order_id, one.quantity) for one in reports} == {(known.client_order_id, unit * 3)}
        assert (reports[-1].state, reports[-1].filled_quantity) == (OrderState.FILLED, unit * 3)

    play(scenario)


def test_an_amend_across_the_market_ends_the_order_and_says_so() -> None:
    async def scenario(bench: Bench) -> None:
        session, symbol, unit = await bench.session(), bench.here.instrument.symbol, bench.here.unit
        order = await session.buy(symbol, unit, bench.here.off("-0.02"))
        await bench.settle()
        with pytest.raises(Rejected, match="the old order is gone"):
            await session.amend(order, price=bench.here.off("0.002"))
        await bench.settle()
        assert (bench.resting(), session.current(order).state) == ([], OrderState.CANCELED)

    play(scenario)


def test_a_protection_is_replaced_and_follows_the_position() -> None:
    async def scenario(bench: Bench) -> None:
        session, symbol, unit = await long(bench)
        for off in ("-0.01", "-0.02"):
            await session.protect(symbol, stop_loss=bench.here.off(off))
            await bench.settle()
        (waiting,) = bench.resting()
        assert waiting.spec.trigger is not None
        assert waiting.spec.trigger.price == bench.here.off("-0.02")
        await session.buy(symbol, unit)
        await bench.settle()
        bench.here.move(bench.here.off("-0.021"))
        await bench.wait(15)
        assert bench.held() == 0

    play(scenario)


def test_a_dead_mans_switch_takes_an_account_that_has_traded_enough() -> None:
    async def scenario(bench: Bench) -> None:
        session, symbol, unit = await bench.session(), bench.here.instrument.symbol, bench.here.unit
        with pytest.raises(Rejected, match="traded too little"):
            await session.arm_dead_man_switch(10)
        steer(bench, volume={ACCOUNT: "1000000"})
        order = await session.buy(symbol, unit, bench.here.off("-0.02"))
        await session.arm_dead_man_switch(10)
        await bench.wait(8)
        assert len(bench.resting()) == 1
        await session.arm_dead_man_switch(10)
        await bench.wait(15)
        assert (bench.resting(), session.current(order).state) == ([], OrderState.CANCELED)

    play(scenario)


def test_a_builders_market_is_traded_with_its_own_margin() -> None:
    async def scenario(bench: Bench) -> None:
        session, symbol, _ = await long(bench)
        assert symbol == "xyz:XYZ100-USDC-PERP"
        (held,) = await session.positions()
        assert (held.margin_mode, held.quantity) == (MarginMode.ISOLATED, bench.here.unit)
        instrument = session.instrument(symbol)
        with pytest.raises(NotSupported, match="isolated"):
            await session.venue.set_leverage(instrument, Decimal(3))
        (balance,) = await session.balances()
        assert balance.total == next(one.total for one in bench.exchange.balances(ACCOUNT))

    play(scenario, "xyz:XYZ100-USDC-PERP", dexes=("xyz",))


def test_a_dex_that_there_is_none_of_is_refused() -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(NotSupported, match="dexes: found 'abc'; allowed are xyz"):
            await bench.session()

    play(scenario, dexes=("abc",))


def test_an_account_whose_money_is_elsewhere_is_refused() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.session()
        steer(bench, abstraction={ACCOUNT: "unifiedAccount"})
        with pytest.raises(TradingEnded, match="unifiedAccount"):
            await bench.session()

    play(scenario)


def test_an_agent_that_is_none_any_more_is_refused() -> None:
    async def scenario(bench: Bench) -> None:
        session = await bench.session()
        agent = bench.wire.dialect.steer({})["accounts"][ACCOUNT]["agent"]
        steer(bench, deregister=[agent])
        with pytest.raises(TradingEnded, match="no agent of"):
            await bench.session()
        with pytest.raises(TradingEnded):
            await session.buy(bench.here.instrument.symbol, bench.here.unit, bench.here.off("-0.02"))

    play(scenario)


def test_the_key_of_the_account_itself_is_refused_since_it_can_withdraw(monkeypatch: pytest.MonkeyPatch) -> None:
    def own(key: ApiKey) -> dict[str, Secret]:
        address, wallet = (of(key.account) for of in (HyperliquidDialect.address_of, HyperliquidDialect.wallet_key_of))
        return {"address": Secret(address), "private_key": Secret(wallet)}

    async def scenario(bench: Bench) -> None:
        with pytest.raises(TradingEnded, match="the account's own, which can withdraw") as refused:
            await bench.session()
        assert HyperliquidDialect.wallet_key_of(ACCOUNT)[2:] not in str(refused.value)

    monkeypatch.setattr(HyperliquidDialect, "credentials_of", staticmethod(own))
    play(scenario)


def test_an_account_that_has_used_up_its_requests_still_reads() -> None:
    async def scenario(bench: Bench) -> None:
        session, symbol, unit = await bench.session(), bench.here.instrument.symbol, bench.here.unit
        steer(bench, requests={ACCOUNT: 10_001})
        await session.buy(symbol, unit, bench.here.off("-0.02"))  # one in ten seconds goes through
        with pytest.raises(RateLimited) as refused:
            await session.buy(symbol, unit, bench.here.off("-0.02"))
        assert refused.value.retry_after_s == 10
        assert await session.balances()
        assert len(bench.resting()) == 1

    play(scenario)


def test_a_batch_is_one_action_and_its_orders_fail_one_by_one() -> None:
    async def scenario(bench: Bench) -> None:
        session, symbol, unit = await bench.session(), bench.here.instrument.symbol, bench.here.unit
        spec = (await session.buy(symbol, unit, bench.here.off("-0.02"))).spec
        before = bench.mark_sent()
        wishes = [
            evolve(spec, client_order_id="avt-100"),
            evolve(spec, client_order_id="avt-101", quantity=unit * 100_000),
            evolve(spec, client_order_id="avt-102", protection=Protection(stop_loss=bench.here.off("-0.05"))),
        ]
        placed, too_large, protected = await session.venue.place_batch(wishes)
        assert not isinstance(placed, Exception)
        assert isinstance(too_large, InsufficientFunds)
        assert isinstance(protected, NotSupported)
        assert [one.path for one in bench.sent(before) if one.method] == ["/exchange"]

    play(scenario)


def test_the_kit_takes_no_question_for_a_command_though_both_are_posted() -> None:
    async def scenario(bench: Bench) -> None:
        session, before = await bench.session(), bench.mark_sent()
        assert await session.balances()
        assert [one.path for one in bench.wire.sent[before:]] == ["/info"]
        assert bench.sent(before) == []

    play(scenario)


def test_a_sub_account_is_traded_for_with_its_address() -> None:
    async def scenario(bench: Bench) -> None:
        bench.stage.open_account(f"{ACCOUNT}/desk")
        session = await bench.session()
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        assert (bench.held(), bench.held(account=f"{ACCOUNT}/desk")) == (0, bench.here.unit)
        (held,) = await session.positions()
        assert held.quantity == bench.here.unit

    play(scenario, vault_address=HyperliquidDialect.address_of(f"{ACCOUNT}/desk"))


def test_no_order_goes_to_a_number_that_is_another_markets_now() -> None:
    async def scenario(bench: Bench) -> None:
        session, symbol, unit = await bench.session(), bench.here.instrument.symbol, bench.here.unit
        info = bench.wire.dialect._info._market
        meta = info.meta

        def moved(dex: str) -> dict[str, Any]:
            told = meta(dex)
            return {**told, "universe": [{**told["universe"][1], "name": "NEW"}, *told["universe"]]}

        info.meta = moved
        await bench.wait(3700)
        assert {change.instrument.status for change in session.heard(InstrumentChanged)} == {TradingStatus.HALTED}
        before = bench.mark_sent()
        with pytest.raises(UnknownInstrument):
            await session.buy(symbol, unit, bench.here.off("-0.02"))
        assert [one.path for one in bench.sent(before) if one.method] == []

    play(scenario)


def test_without_credentials_there_is_market_data_without_what_signs_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> None:
        raise AssertionError("nothing is to be signed")

    monkeypatch.setattr(auth, "libraries", missing)

    async def scenario(bench: Bench) -> None:
        venue = bench.venue()
        reach = venue.reach  # type: ignore[attr-defined]

        async def without(*args: Any) -> Any:
            urls = await reach(*args)
            venue.credentials, venue.is_private = None, False  # type: ignore[attr-defined]
            return urls

        venue.reach = without  # type: ignore[attr-defined]
        await venue.connect(lambda event: None)
        try:
            instrument = next(one for one in await venue.instruments() if one.base == "BTC")
            assert (await venue.order_book(instrument)).bids
            with pytest.raises(NotSent, match="no account"):
                await venue.balances()
        finally:
            await venue.close()

    play(scenario)
