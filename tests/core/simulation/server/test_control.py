"""The control endpoint, asked over the network."""

import asyncio

import httpx
import pytest

from anyvenue.model.enums import Side
from anyvenue.model.order_spec import OrderSpec
from anyvenue.simulation.server.control import Control
from anyvenue.simulation.server.hosting import Server
from anyvenue.wire.dial import dial


@pytest.fixture
def steer(toy):
    """Return what runs a scenario, a coroutine function of the server and a client of its control endpoint."""

    def steer(scenario):
        async def body():
            server = Server(toy.dialect, toy.settings())
            control = Control(server.gateway, server.real_time, {"adapter": "toy"})
            await server.start()
            await control.start()
            try:
                async with asyncio.timeout(20), httpx.AsyncClient(base_url=control.url, trust_env=False) as client:
                    return await scenario(server, client)
            finally:
                await control.stop()
                await server.stop()

        return asyncio.run(body())

    return steer


def test_it_says_what_there_is(steer):
    async def scenario(server, client):
        told = (await client.get("/")).json()
        assert told["adapter"] == "toy"
        assert "PUT /faults" in told["endpoints"]
        answer = await client.get("/nothing")
        assert answer.status_code == 404
        assert "POST /market" in answer.json()["error"]
        assert (await client.get("/time")).json()["skew_ns"] == 0

    steer(scenario)


def test_faults_are_set_counted_and_taken_away(steer):
    async def scenario(server, client):
        plan = [{"on": "http", "status": 503}]
        told = (await client.put("/faults", json={"rules": plan, "clock_skew_s": 2})).json()
        assert told == {"rules": plan, "clock_skew_s": 2, "counts": [0]}
        async with httpx.AsyncClient(trust_env=False) as user:
            url = server.urls["rest"] + "/echo"
            assert (await user.get(url)).status_code == 503
            assert (await client.get("/faults")).json()["counts"] == [1]
            assert (await client.get("/time")).json()["skew_ns"] == 2_000_000_000
            assert (await client.delete("/faults")).json()["rules"] == []
            assert (await user.get(url)).status_code == 200
        wrong = await client.put("/faults", json=[{"on": "nowhere"}])
        assert wrong.status_code == 400
        assert "allowed are http, ws_in, ws_out" in wrong.json()["error"]
        assert (await client.put("/faults", content=b"{")).status_code == 400

    steer(scenario)


def test_accounts_are_opened(steer):
    async def scenario(server, client):
        told = (await client.post("/accounts", json={"name": "new", "balances": {"USDT": "12.5"}})).json()
        assert server.stage.keys.find(told["key"]).account == told["name"] == "new"
        assert [str(balance.total) for balance in server.stage.exchange.balances("new")] == ["12.5"]
        assert (await client.get("/accounts")).json() == [told]
        for given, text in (
            ({"name": "new"}, "open already"),
            ({}, "name: found None"),
            ({"name": "x", "balances": {"USDT": 1.5}}, "the float 1.5"),
            ({"name": "x", "money": 1}, "the key 'money'; allowed are name, balances"),
            ([], "allowed is a table"),
        ):
            answer = await client.post("/accounts", json=given)
            assert (answer.status_code, text in answer.json()["error"]) == (400, True)
        assert list(server.stage.accounts) == ["new"]

    steer(scenario)


def test_all_sockets_break(steer):
    async def scenario(server, client):
        socket = await dial(server.urls["ws"], {})
        await socket.receive()
        assert (await client.post("/disconnect")).json() == {"disconnected": 1}
        await socket.close()
        assert (await client.post("/disconnect")).json() == {"disconnected": 0}

    steer(scenario)


def test_prices_and_funding_are_set_by_hand(steer):
    async def scenario(server, client):
        symbol = "BTC-USDT-PERP"

        async def market(**given):
            return (await client.post("/market", json={"symbol": symbol, **given})).json()

        assert (await market(mark="50000.5"))["mark_price"] == "50000.5"
        told = await market(index="50001", funding_rate="-0.001", settle=True)
        assert (told["mark_price"], told["index_price"], told["funding_rate"]) == ("50000.5", "50001", "-0.001")
        [settled] = server.stage.market.listing(symbol).funding
        assert str(settled.rate) == "-0.001"
        told = await market(mark=None, index=None)
        assert 59_000 < float(told["mark_price"]) < 61_000
        assert (await client.get("/market")).json()[symbol]["index_price"] == told["index_price"]

        await market(status="halted")
        assert server.stage.exchange._market(symbol).status.value == "halted"
        for given, text in (
            ({"mark": 50000.5}, "the float 50000.5"),
            ({"mark": "-1"}, "allowed are prices above 0"),
            ({"status": "shut"}, "status: found 'shut'; allowed are trading"),
            ({"settle": "yes"}, "allowed are true and false"),
            ({"price": "1"}, "the key 'price'"),
        ):
            assert text in (await market(**given))["error"]
        assert "not listed" in (await market(symbol="X-Y-PERP"))["error"]
        assert "allowed are BTC-USDT-PERP" in (await client.post("/market", json={})).json()["error"]

    steer(scenario)


def test_the_ledger_tells_what_was_booked(steer):
    async def scenario(server, client):
        exchange = server.stage.exchange
        server.stage.open_account("account1")
        instrument = exchange.instruments[0]
        ask = exchange.book(instrument.symbol).levels(1)[1][0].price
        for name, price in (("rests", instrument.round_price(ask / 2, Side.BUY)), ("takes", ask)):
            spec = OrderSpec(
                client_order_id=name,
                instrument=instrument,
                side=Side.BUY,
                quantity=instrument.min_quantity,
                price=price,
            )
            server.stage.market.do(lambda spec=spec: exchange.place("account1", spec))
        told = (await client.get("/ledger")).json()
        booked = told["accounts"]["account1"]
        assert [(order["client_id"], order["state"]) for order in booked["orders"]] == [
            ("takes", "filled"),
            ("rests", "open"),
        ]
        assert [(fill["client_id"], fill["side"]) for fill in booked["fills"]] == [("takes", "buy")]
        assert [held["symbol"] for held in booked["positions"]] == [instrument.symbol]
        later = await client.request("GET", "/ledger", json={"since_ns": told["time_ns"] + 10**12})
        booked = later.json()["accounts"]["account1"]
        assert [order["client_id"] for order in booked["orders"]] == ["rests"]
        assert booked["fills"] == []
        wrong = await client.request("GET", "/ledger", json={"since_ns": "yesterday"})
        assert "since_ns: found 'yesterday'" in wrong.json()["error"]

    steer(scenario)
