"""Gate's own Python SDK, unchanged, against the simulator over real loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import gate_api
import pytest

from anyvenue.simulation.server.hosting import Hosted, host
from anyvenue.venue.clock import WallClock
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.events import Channel
from anyvenue_gateio.simulator.dialect import GateDialect


def run(session: Callable[[Any], None]) -> None:
    """Run a blocking session with the SDK against a server of its own."""

    async def main() -> None:
        context = VenueContext(
            connection="sdk",
            environment=Environment.SIMULATOR,
            session="test",
            clock=WallClock(),
            simulation=SimulationSettings(market="synthetic", symbols=("BTC-USDT-PERP", "ETH-USDT-PERP")),
        )
        hosted = await host(context, GateDialect)
        try:
            configuration = gate_api.Configuration(
                host=hosted.urls["rest"], key=hosted.key.key, secret=hosted.key.secret.reveal()
            )
            await _books(hosted)
            await asyncio.to_thread(_with_client, configuration, session)
        finally:
            await hosted.release()

    asyncio.run(main())


async def _books(hosted: Hosted) -> None:
    """Wait until the market has told its first books; the clock is the wall's here."""
    for instrument in hosted.stage.instruments:
        ready = asyncio.Event()
        stop = hosted.stage.listen(instrument, Channel.BOOK, lambda _, ready=ready: ready.set())
        await asyncio.wait_for(ready.wait(), 10)
        stop()


def _with_client(configuration: Any, session: Callable[[Any], None]) -> None:
    with gate_api.ApiClient(configuration) as client:
        session(gate_api.FuturesApi(client))
        client.rest_client.pool_manager.clear()


def test_contracts_and_book_are_read() -> None:
    def session(api: Any) -> None:
        contracts = {contract.name: contract for contract in api.list_futures_contracts("usdt")}
        assert set(contracts) == {"BTC_USDT", "ETH_USDT"}
        assert contracts["BTC_USDT"].quanto_multiplier == "0.0001"
        assert contracts["ETH_USDT"].order_size_min == "0.1"
        assert contracts["ETH_USDT"].enable_decimal
        book = api.list_futures_order_book("usdt", "BTC_USDT", limit=5, with_id=True)
        assert book.id > 0
        assert Decimal(book.asks[0].p) > Decimal(book.bids[0].p)
        (ticker,) = api.list_futures_tickers("usdt", contract="BTC_USDT")
        assert Decimal(ticker.lowest_ask) > Decimal(ticker.highest_bid)
        assert Decimal(ticker.mark_price) > 0

    run(session)


def test_an_order_is_placed_amended_found_and_canceled() -> None:
    def session(api: Any) -> None:
        price = (
            Decimal(api.list_futures_tickers("usdt", contract="BTC_USDT")[0].mark_price) * Decimal("0.9")
        ).quantize(Decimal(1))
        asked = gate_api.FuturesOrder(contract="BTC_USDT", size="10", price=str(price), tif="poc", text="t-sdk-1")
        placed = api.create_futures_order("usdt", asked)
        assert placed.status == "open"
        assert (placed.size, placed.left, placed.text) == ("10", "10", "t-sdk-1")
        assert placed.id > 2**53
        amended = api.amend_futures_order("usdt", str(placed.id), gate_api.FuturesOrderAmendment(size="20"))
        assert (amended.id, amended.size) == (placed.id, "20")
        assert api.get_futures_order("usdt", "t-sdk-1").id == placed.id
        assert [order.id for order in api.list_futures_orders("usdt", "open", contract="BTC_USDT")] == [placed.id]
        canceled = api.cancel_futures_order("usdt", str(placed.id))
        assert (canceled.status, canceled.finish_as) == ("finished", "cancelled")
        assert api.list_futures_orders("usdt", "open") == []

    run(session)


def test_a_market_order_fills_and_the_position_is_closed() -> None:
    def session(api: Any) -> None:
        order = gate_api.FuturesOrder(contract="ETH_USDT", size="1.5", price="0", tif="ioc", text="t-in")
        filled = api.create_futures_order("usdt", order)
        assert (filled.status, filled.finish_as, filled.left) == ("finished", "filled", "0")
        (position,) = api.list_positions("usdt", holding=True)
        assert (position.contract, position.size, position.mode) == ("ETH_USDT", "1.5", "single")
        trades = api.get_my_trades("usdt", contract="ETH_USDT")
        assert sum(Decimal(trade.size) for trade in trades) == Decimal("1.5")
        assert {trade.role for trade in trades} == {"taker"}
        assert all(Decimal(trade.fee) > 0 for trade in trades)
        close = gate_api.FuturesOrder(contract="ETH_USDT", size="0", price="0", tif="ioc", close=True)
        assert api.create_futures_order("usdt", close).is_close
        assert api.get_position("usdt", "ETH_USDT").size == "0"
        (closed,) = api.list_position_close("usdt")
        assert (closed.side, closed.accum_size) == ("long", "1.5")
        account = api.list_futures_accounts("usdt")
        spent = [Decimal(row.change) for row in api.list_futures_account_book("usdt")]
        assert Decimal(account.total) == Decimal(100_000) + sum(spent)

    run(session)


def test_a_batch_tells_each_row() -> None:
    def session(api: Any) -> None:
        mark = Decimal(api.list_futures_tickers("usdt", contract="BTC_USDT")[0].mark_price)
        low, high = str((mark * Decimal("0.9")).quantize(Decimal(1))), str((mark * 2).quantize(Decimal(1)))
        rows = [
            gate_api.FuturesOrder(contract="BTC_USDT", size="5", price=price, tif="gtc", text=text)
            for price, text in ((low, "t-a"), (high, "t-b"))
        ]
        first, second = api.create_batch_futures_order("usdt", rows)
        assert first.succeeded
        assert first.status == "open"
        assert not second.succeeded
        assert second.label == "PRICE_TOO_DEVIATED"
        (canceled,) = api.cancel_batch_future_orders("usdt", [str(first.id)])
        assert canceled.succeeded

    run(session)


def test_a_refusal_is_the_sdks_own_error_with_gates_label() -> None:
    def session(api: Any) -> None:
        order = gate_api.FuturesOrder(contract="BTC_USDT", size="5", price="0", tif="ioc", text="no-prefix")
        with pytest.raises(gate_api.exceptions.GateApiException) as caught:
            api.create_futures_order("usdt", order)
        assert (caught.value.label, caught.value.status) == ("INVALID_PARAM_VALUE", 400)
        with pytest.raises(gate_api.exceptions.GateApiException) as caught:
            api.get_futures_contract("btc", "BTC_USDT")
        assert caught.value.label == "CONTRACT_NOT_FOUND"

    run(session)


def test_leverage_goes_through_the_query_and_is_read_back() -> None:
    def session(api: Any) -> None:
        assert api.update_position_leverage("usdt", "BTC_USDT", "7").leverage == "7"
        cross = api.update_position_leverage("usdt", "BTC_USDT", "0", cross_leverage_limit="12")
        assert (cross.leverage, cross.cross_leverage_limit, cross.pos_margin_mode) == ("0", "12", "cross")
        assert api.get_leverage("usdt", "BTC_USDT", "cross", "dual_long").lever == "12"

    run(session)


def test_trigger_and_trailing_orders_are_made_and_read_back() -> None:
    def session(api: Any) -> None:
        mark = Decimal(api.list_futures_tickers("usdt", contract="BTC_USDT")[0].mark_price)
        level = str((mark * Decimal("1.1")).quantize(Decimal(1)))
        asked = gate_api.FuturesPriceTriggeredOrder(
            initial=gate_api.FuturesInitialOrder(contract="BTC_USDT", size=10, price="0", tif="ioc"),
            trigger=gate_api.FuturesPriceTrigger(strategy_type=0, price_type=1, price=level, rule=1),
        )
        number = str(api.create_price_triggered_order("usdt", asked).id)
        (waiting,) = api.list_price_triggered_orders("usdt", "open")
        assert (str(waiting.id), waiting.status, waiting.trigger.price) == (number, "open", level)
        assert api.cancel_price_triggered_order("usdt", number).finish_as == "cancelled"
        trail = gate_api.CreateTrailOrder(contract="BTC_USDT", amount="-5", price_type=1, price_offset="1%")
        made = api.create_trail_order("usdt", trail).data.id
        assert [str(order.id) for order in api.get_trail_orders("usdt").orders] == [made]
        stopped = api.stop_trail_order("usdt", gate_api.StopTrailOrder(id=int(made)))
        assert str(stopped.order.id) == made

    run(session)
