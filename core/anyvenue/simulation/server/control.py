"""The control endpoint of a simulator: what real venues do not have, in JSON, on a port of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

import orjson
from aiohttp import web

from anyvenue.model.enums import TradingStatus
from anyvenue.model.errors import UnknownInstrument
from anyvenue.model.numbers import exact, shortest_text
from anyvenue.simulation.server.faults import FaultPlan
from anyvenue.simulation.server.gateway import Gateway
from anyvenue.simulation.server.http_front import HOST
from anyvenue.simulation.server.keyring import ApiKey
from anyvenue.simulation.server.real_time import RealTime

__all__ = ["Control", "described_key"]

T = TypeVar("T")

ENDPOINTS: Final = {
    "GET /": "this",
    "GET /time": "the venue's time, and by how much its servers are off",
    "GET /faults": "the fault plan, and how often each of its rules has struck",
    "PUT /faults": "set a plan: a list of rules, or a table with rules and clock_skew_s",
    "DELETE /faults": "take the plan away",
    "GET /accounts": "the accounts",
    "POST /accounts": "open an account: name, and balances (texts by currency) where they are not the usual",
    "GET /ledger": "of each account: the orders that are open or ended since `since_ns` (else 0), by what the client "
    "called them, the fills since then, and the positions; the oldest are forgotten",
    "POST /disconnect": "let all WebSockets break",
    "GET /market": "the prices",
    "POST /market": "of an instrument (symbol): hold mark or index (a text; null lets go), set status, funding_rate; "
    "settle: true settles funding now",
    "GET /venue": "how it is set in what only this venue's simulator can be told",
    "POST /venue": "tell it",
}
_MARKET_KEYS: Final = ("symbol", "mark", "index", "status", "funding_rate", "settle")
_ACCOUNT_KEYS: Final = ("name", "balances")
_LEDGER_KEYS: Final = ("since_ns",)


class _NothingThere(Exception):
    """An endpoint that there is none of."""


class Control:
    """Serves the control endpoint of one gateway. `about` is told by `GET /` beside the endpoints."""

    def __init__(self, gateway: Gateway, real_time: RealTime, about: Mapping[str, Any] | None = None) -> None:
        self._gateway = gateway
        self._stage = gateway.stage
        self._real_time = real_time
        self._about = dict(about or {})
        self._held: dict[str, dict[str, Decimal | None]] = {}
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, port: int = 0) -> None:
        """Begin to listen; port 0 lets the system choose. Raises OSError for a port that is taken."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/", self._answer(self._root)),
                web.get("/time", self._answer(self._time)),
                web.get("/faults", self._answer(self._faults)),
                web.put("/faults", self._answer(self._set_faults)),
                web.delete("/faults", self._answer(self._clear_faults)),
                web.get("/accounts", self._answer(self._accounts)),
                web.post("/accounts", self._answer(self._open_account)),
                web.get("/ledger", self._answer(self._ledger)),
                web.post("/disconnect", self._answer(self._disconnect)),
                web.get("/market", self._answer(self._market)),
                web.post("/market", self._answer(self._set_market)),
                web.get("/venue", self._answer(lambda given: self._gateway.dialect.steer({}))),
                web.post("/venue", self._answer(lambda given: self._gateway.dialect.steer(given))),
                web.route("*", "/{path:.*}", self._answer(self._nothing)),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, port).start()
        except OSError:
            await self.stop()
            raise
        self.url = f"http://{HOST}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    def _answer(self, do: Callable[[Any], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            body = await request.read()
            self._real_time.catch_up()
            try:
                given = orjson.loads(body) if body else {}
                told, status = self._in_job(lambda: do(given)), 200
            except _NothingThere as error:
                told, status = {"error": str(error)}, 404
            except (ValueError, TypeError, UnknownInstrument) as error:
                told, status = {"error": str(error)}, 400
            self._real_time.attend()
            return web.Response(
                body=orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
                status=status,
                content_type="application/json",
            )

        return answer

    def _in_job(self, do: Callable[[], T]) -> T:
        outcomes: list[T] = []
        self._stage.market.do(lambda: outcomes.append(do()))
        return outcomes[0]

    # What can be asked for

    def _root(self, given: Any) -> dict[str, Any]:
        return {**self._about, "endpoints": ENDPOINTS}

    def _nothing(self, given: Any) -> dict[str, Any]:
        raise _NothingThere(f"found no such endpoint; there are {', '.join(ENDPOINTS)}")

    def _time(self, given: Any) -> dict[str, Any]:
        return {"time_ns": self._stage.clock.time_ns(), "skew_ns": self._stage.skew_ns}

    def _faults(self, given: Any) -> dict[str, Any]:
        plan = self._gateway.faults
        return {**plan.to_json(), "counts": plan.counts}

    def _set_faults(self, given: Any) -> dict[str, Any]:
        seed, now = str(self._stage.settings.seed), self._stage.clock.time_ns()
        self._gateway.faults = FaultPlan.parse(given, seed=seed, start_ns=now)
        return self._faults(given)

    def _clear_faults(self, given: Any) -> dict[str, Any]:
        self._gateway.faults = FaultPlan()
        return self._faults(given)

    def _accounts(self, given: Any) -> list[dict[str, Any]]:
        return [described_key(key) for key in self._stage.keys]

    def _open_account(self, given: Any) -> dict[str, Any]:
        _check_keys(given, _ACCOUNT_KEYS)
        name, balances = given.get("name"), given.get("balances")
        if not isinstance(name, str) or not name:
            raise ValueError(f"name: found {name!r}; allowed is a text")
        if balances is not None:
            if not isinstance(balances, dict):
                raise ValueError(f"balances: found {balances!r}; allowed is a table of texts by currency")
            balances = {currency: exact(amount, f"balances.{currency}") for currency, amount in balances.items()}
        return described_key(self._stage.open_account(name, balances=balances))

    def _ledger(self, given: Any) -> dict[str, Any]:
        _check_keys(given, _LEDGER_KEYS)
        since_ns = given.get("since_ns", 0)
        if type(since_ns) is not int or since_ns < 0:
            raise ValueError(f"since_ns: found {since_ns!r}; allowed are whole numbers from 0")
        accounts = {name: self._booked(name, since_ns) for name in self._stage.accounts}
        return {"time_ns": self._stage.clock.time_ns(), "accounts": accounts}

    def _booked(self, account: str, since_ns: int) -> dict[str, Any]:
        exchange, called = self._stage.exchange, self._gateway.dialect.client_id_of
        orders = [*exchange.order_history(account, since_ns=since_ns), *exchange.open_orders(account)]
        return {
            "orders": [
                {
                    "id": order.client_order_id,
                    "client_id": called(account, order.client_order_id),
                    "symbol": order.instrument.symbol,
                    "side": order.side.value,
                    "price": _text(order.price),
                    "quantity": _text(order.quantity),
                    "filled": _text(order.filled_quantity),
                    "state": order.state.value,
                }
                for order in orders
            ],
            "fills": [
                {
                    "trade_id": fill.trade_id,
                    "id": fill.client_order_id,
                    "client_id": called(account, fill.client_order_id or ""),
                    "symbol": fill.instrument.symbol,
                    "side": fill.side.value,
                    "price": _text(fill.price),
                    "quantity": _text(fill.quantity),
                    "fee": _text(fill.fee),
                }
                for fill in exchange.fills(account, since_ns=since_ns)
            ],
            "positions": [
                {"symbol": held.instrument.symbol, "side": held.side.value, "quantity": _text(held.quantity)}
                for held in exchange.positions(account)
            ],
        }

    def _disconnect(self, given: Any) -> dict[str, Any]:
        return {"disconnected": self._gateway.disconnect()}

    def _market(self, given: Any) -> dict[str, Any]:
        return {instrument.symbol: self._prices(instrument.symbol) for instrument in self._stage.instruments}

    def _set_market(self, given: Any) -> dict[str, Any]:
        _check_keys(given, _MARKET_KEYS)
        symbol = given.get("symbol")
        if not isinstance(symbol, str):
            listed = ", ".join(instrument.symbol for instrument in self._stage.instruments)
            raise ValueError(f"symbol: found {symbol!r}; allowed are {listed}")
        steering = self._stage.steering(symbol)
        held = self._held.get(symbol, {"mark": None, "index": None}) | {
            name: None if given[name] is None else _price(name, given[name])
            for name in ("mark", "index")
            if name in given
        }
        status = _status(given["status"]) if "status" in given else None
        rate = exact(given["funding_rate"], "funding_rate") if "funding_rate" in given else None
        if given.get("settle", False) not in (True, False):
            raise ValueError(f"settle: found {given['settle']!r}; allowed are true and false")
        # All that was said makes sense: now it is done.
        if status is not None:
            self._stage.exchange.set_status(symbol, status)
        if rate is not None:
            steering.funding_rate = rate
        if held != self._held.get(symbol):
            self._held[symbol] = held
            steering.hold(held["mark"], held["index"])
        if given.get("settle"):
            steering.settle_now()
        return self._prices(symbol)

    def _prices(self, symbol: str) -> dict[str, Any]:
        ticker = self._stage.steering(symbol).ticker()
        names = ("last_price", "mark_price", "index_price", "funding_rate")
        told: dict[str, Any] = {name: _text(getattr(ticker, name)) for name in names}
        return {**told, "next_funding_ts": ticker.next_funding_ts}


def described_key(key: ApiKey) -> dict[str, str]:
    """Return a made-up key for whoever is to use it: account, key and secret."""
    return {"name": key.account, "key": key.key, "secret": key.secret.reveal()}


def _check_keys(given: Any, allowed: tuple[str, ...]) -> None:
    if not isinstance(given, dict):
        raise ValueError(f"found {given!r:.80}; allowed is a table with {', '.join(allowed)}")
    for key in given:
        if key not in allowed:
            raise ValueError(f"found the key {key!r}; allowed are {', '.join(allowed)}")


def _price(name: str, value: Any) -> Decimal:
    price = exact(value, name)
    if price <= 0:
        raise ValueError(f"{name}: found {price}; allowed are prices above 0, or null")
    return price


def _status(value: Any) -> TradingStatus:
    for status in TradingStatus:
        if status.value == value:
            return status
    raise ValueError(f"status: found {value!r}; allowed are {', '.join(status.value for status in TradingStatus)}")


def _text(number: Decimal | None) -> str | None:
    return None if number is None else shortest_text(number)
