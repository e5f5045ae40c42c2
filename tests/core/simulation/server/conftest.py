"""A toy venue: an echo, an order endpoint, and a socket that pushes depth and one's own fills."""

from decimal import Decimal

import httpx
import orjson
import pytest

from anyvenue.model.enums import Side
from anyvenue.model.errors import Rejected
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, BookSnapshot
from anyvenue.model.order_events import OrderFilled
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.pricing import Tick
from anyvenue.simulation.server.dialect import Dialect
from anyvenue.simulation.server.messages import json_response
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.events import Channel

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
NO_LATENCY = {"market": "synthetic", "latency_in_us": 0, "latency_out_us": 0}


def listed(symbol="BTC-USDT-PERP", **terms):
    """Return an instrument in contracts of 0.0001, with ticks of 0.1."""
    base, quote, _ = symbol.split("-")
    terms = {
        "price_rule": Tick("0.1"),
        "quantity_step": "0.0001",
        "min_quantity": "0.0001",
        "contract_size": "0.0001",
        "depth_unit": "0.0001",
        "max_leverage": 100,
        "settle": quote,
    } | terms
    return Instrument(symbol=symbol, venue="toy", venue_symbol=f"{base}_{quote}", base=base, quote=quote, **terms)


class ToyDialect(Dialect):
    """The toy's protocol."""

    paths = {"rest": "/api/v1", "ws": "/ws"}  # noqa: RUF012 - as short as can be

    def __init__(self, stage):
        super().__init__(stage)
        self.closes = 0
        self.sockets = {}
        self.orders = 0

    @classmethod
    def instruments(cls, tapes, settings):
        return [listed(symbol) for symbol in tapes] or [listed()]

    def handle(self, request):
        match request.method, request.path:
            case _, "/api/v1/echo":
                return json_response(
                    {
                        "method": request.method,
                        "raw_path": request.raw_path,
                        "raw_query": request.raw_query,
                        "body": request.body.decode(),
                        "headers": {k: v for k, v in request.headers.items() if k.startswith("x-")},
                        "time": self.stage.clock.time_ns(),
                    },
                    headers={"x-toy": "1"},
                )
            case "POST", "/api/v1/orders":
                return self._order(request)
            case "GET", "/api/v1/fault":
                raise RuntimeError("a bug of the toy")
        return json_response({"label": "NOT_FOUND"}, 404)

    def _order(self, request):
        key = self.stage.keys.find(request.headers.get("x-key", ""))
        if key is None:
            return json_response({"label": "INVALID_KEY"}, 401)
        self.orders += 1
        asked = orjson.loads(request.body)
        instrument = self.stage.instruments[0]
        spec = OrderSpec(
            client_order_id=f"toy-{self.orders}",
            instrument=instrument,
            side=Side(asked["side"]),
            quantity=instrument.from_contracts(asked["size"]),
            price=Decimal(asked["price"]),
        )
        try:
            (accepted,) = self.stage.exchange.place(key.account, spec)
        except Rejected as refused:
            return json_response({"label": refused.reason.name}, 400)
        return json_response({"id": accepted.venue_order_id}, 201)

    def accept(self, request, socket):
        if request.query.get("door") == "shut":
            return json_response({"label": "FORBIDDEN"}, 403)
        socket.send(orjson.dumps({"hello": request.raw_query}).decode())
        return ToySocket(self, socket)


class ToySocket:
    """Knows `book`, `bye`, `key KEY`, and echoes all else."""

    def __init__(self, dialect, socket):
        self._dialect = dialect
        self._socket = socket
        self._leave = lambda: None

    def _tell(self, **what):
        self._socket.send(orjson.dumps(what).decode())

    def on_message(self, data):
        stage = self._dialect.stage
        match data.decode().split():
            case ["book"]:
                self._tell(subscribed="book")
                self._leave = stage.listen(stage.instruments[0], Channel.BOOK, self._book)
            case ["bye"]:
                self._socket.close(4000, "bye")
                self._tell(never="told")
            case ["bug"]:
                raise RuntimeError("a bug of the toy")
            case ["key", key]:
                stage.watch(stage.keys.find(key).account, self._account)
                self._tell(subscribed="account")
            case _:
                self._tell(echo=data.decode())

    def _book(self, event):
        kind = "snapshot" if isinstance(event, BookSnapshot) else "delta"
        assert isinstance(event, BookSnapshot | BookDelta)
        self._tell(kind=kind, id=event.last_id, bids=event.bids, asks=event.asks)

    def _account(self, event):
        if isinstance(event, OrderFilled):
            instrument = event.fill.instrument
            size = instrument.to_contracts(event.fill.quantity)
            self._tell(fill=str(size), price=str(event.fill.price), side=event.fill.side.value)

    def on_close(self):
        self._leave()
        self._dialect.closes += 1


class Toy:
    """Where the tests get what they need."""

    dialect = ToyDialect
    listed = staticmethod(listed)
    second = SECOND
    start = START

    @staticmethod
    def settings(**settings):
        """Return settings of a synthetic market, without latency unless told."""
        return SimulationSettings(**(NO_LATENCY | settings))

    @staticmethod
    def tape(path, frames, symbol="ABC-USDT-PERP", **header):
        """Write a tape of these frames and return its path as text."""
        base, quote, _ = symbol.split("-")
        header = {
            "tape": 1,
            "symbol": symbol,
            "base": base,
            "quote": quote,
            "settle": quote,
            "price_tick": "0.1",
            "quantity_step": "0.001",
            "source": "made by hand",
            "start_ns": frames[0][0],
            "end_ns": frames[-1][0],
            "frames": len(frames),
        } | header
        path.write_bytes(b"\n".join(orjson.dumps(line) for line in (header, *frames)) + b"\n")
        return str(path)

    @classmethod
    def context(cls, clock, connection="main", **settings):
        return VenueContext(
            connection=connection,
            environment=Environment.SIMULATOR,
            clock=clock,
            session="x",
            simulation=cls.settings(**settings),
        )

    @staticmethod
    def client(hosted):
        """Return an HTTP client of a simulator."""
        return httpx.AsyncClient(transport=hosted.transport, base_url=hosted.urls["rest"], trust_env=False)


@pytest.fixture
def toy():
    return Toy
