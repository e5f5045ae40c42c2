"""Paper trading on Gate, with the simulator standing in for Gate itself: its data, without keys, and orders here."""

import asyncio
import json

import pytest
from click.testing import CliRunner

import anyvenue
from anyvenue.app.cli import main
from anyvenue.model.enums import OrderState
from anyvenue.model.errors import NotSent
from anyvenue.simulation.server.hosting import Server
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue_gateio.simulator.dialect import GateDialect

SYMBOL = "BTC-USDT-PERP"


@pytest.fixture
def on_paper():
    """Run a coroutine function with a session on paper, and the simulated Gate it looks at."""

    def run(play):
        async def with_server():
            server = Server(GateDialect, SimulationSettings(symbols=(SYMBOL,)))
            await server.start()
            try:
                options = {"rest_url": server.urls["rest"], "ws_url": server.urls["ws_usdt"]}
                async with anyvenue.connect("gateio", environment="paper", options=options) as session:
                    await play(session, server)
            finally:
                await server.stop()

        asyncio.run(asyncio.wait_for(with_server(), 30))

    return run


def test_orders_are_filled_here_by_the_live_book_and_gate_never_hears_of_them(on_paper):
    async def play(session, server):
        async for book in session.books(SYMBOL):
            if book.is_synced:
                break
        ask = book.best_ask.price
        bought = await session.buy(SYMBOL, "0.001")
        assert bought.state is OrderState.FILLED
        assert abs(bought.average_price - ask) < 50  # the live book has moved on a little meanwhile
        assert (await session.position(SYMBOL)).quantity == bought.quantity
        resting = await session.buy(SYMBOL, "0.001", price=str(ask - 500), post_only=True)
        assert [order.client_order_id for order in await session.open_orders()] == [resting.client_order_id]
        await session.cancel(resting)
        await session.close(SYMBOL)
        assert (await session.position(SYMBOL)).is_flat
        assert server.stage.accounts == []  # nobody has an account there, and no key was shown

    on_paper(play)


def test_what_cannot_be_reached_is_told_by_name():
    async def play():
        options = {"rest_url": "http://127.0.0.1:1/api/v4", "ws_url": "ws://127.0.0.1:1/v4/ws/usdt"}
        with pytest.raises(NotSent, match=r"127\.0\.0\.1 could not be reached; check the network"):
            await anyvenue.connect("gateio", environment="paper", options=options)

    asyncio.run(play())


def test_live_is_refused_without_being_asked_for():
    result = CliRunner().invoke(main, ["run", "quoter", "--venue", "gateio", "--environment", "live", "--json"])
    assert (result.exit_code, "allow_live" in result.stderr) == (3, True)


def test_the_quoter_runs_unchanged_through_http_and_websocket():
    command = ["run", "quoter", "--venue", "gateio", "--duration", "4", "--json", "--quiet"]
    command += ["--set", "strategy.parameters.half_spread_bp=0.01"]  # close to the touch, so that it has work to do
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["orders"] > 0
    assert report["events"] > 20
