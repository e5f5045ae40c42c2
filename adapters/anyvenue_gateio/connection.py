"""One account at Gate: where it is, its keys and modes, its contracts, and how a request or an order goes there."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from attrs import evolve

from anyvenue.model.enums import PositionMode, PositionSide, TradingStatus
from anyvenue.model.errors import (
    AnyvenueError,
    NotSupported,
    RateLimited,
)
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.venue.descriptor import VenueContext
from anyvenue.venue.events import (
    InstrumentChanged,
    Sink,
    VenueEvent,
)
from anyvenue.venue.remote import RemoteVenue, StreamKey
from anyvenue.venue.secrets import SecretSource
from anyvenue.wire.breaker import Breakers
from anyvenue.wire.deadline import pause
from anyvenue.wire.http import HttpClient
from anyvenue.wire.request import Request
from anyvenue.wire.server_time import ServerTime
from anyvenue_gateio import auth, errors, instruments, limits
from anyvenue_gateio.descriptor import CAPABILITIES, DESCRIPTOR
from anyvenue_gateio.endpoints import GateOptions, urls
from anyvenue_gateio.feed import Feed, Keys
from anyvenue_gateio.rest import account, market, orders
from anyvenue_gateio.streams import Notice, Reader
from anyvenue_gateio.topics import Topic

__all__ = ["GateConnection"]

_log = logging.getLogger("anyvenue.gateio")

_SECOND_NS: Final = 1_000_000_000
CONTRACTS_S: Final = 3_600
"""The contracts are read anew so often: their terms change, and some are delisted."""
_HALTED: Final = TradingStatus.HALTED
_SIDES: Final = {
    PositionMode.ONE_WAY: (PositionSide.NET,),
    PositionMode.HEDGE: (PositionSide.LONG, PositionSide.SHORT),
}


class GateConnection(RemoteVenue):
    """What a venue needs before it can do anything; what comes in is taken further up."""

    name = errors.VENUE
    capabilities = CAPABILITIES
    candle_intervals = frozenset(market.INTERVALS)
    _feed: Feed
    _on_push: Sink

    @abstractmethod
    def _on_event(self, event: VenueEvent | Notice) -> None:
        """Take what the stream tells."""

    @abstractmethod
    def _tell(self, sink: Sink, event: VenueEvent) -> None:
        """Pass an event on."""

    @abstractmethod
    def _returned(self) -> None:
        """The stream is back."""

    def __init__(self, context: VenueContext) -> None:
        super().__init__(context)
        self._options: GateOptions = context.options
        self._settle = self._options.settle
        self._by_rest = self._options.order_entry == "rest"
        self._names: OrderedDict[str, str] = OrderedDict()
        self._waits: dict[str | None, Order] = {}
        self._reader = Reader(self.by_name.get, self._names.get)
        self._limiter = limits.GateLimiter(self.clock, context.connection)
        self._time = ServerTime(self.clock, self._server_time)
        self._mode = PositionMode.ONE_WAY
        self._keys: Keys | None = None
        self._secrets: SecretSource | None = None
        self._topics: dict[StreamKey, Topic] = {}
        self._extra: list[Feed] = []
        self._snapshots: dict[str, int] = {}
        self._closes = 0
        self._latest: dict[str, Instrument] = {}

    async def connect(self, sink: Sink) -> None:
        """Open the connection: server time, the account and its mode, contracts, then the stream."""
        self._on_push, self.sink = sink, partial(self._tell, sink)
        rest_url, self._ws_url, keys = await self._reach()
        self.http = HttpClient(
            rest_url,
            venue=self.name,
            clock=self.clock,
            judge=errors.refusal_of,
            sign=self._sign,
            limiter=self._limiter,
            limits_of=limits.limits_of,
            server_time=self._time,
            headers=auth.HEADERS,
            breakers=Breakers(self.clock),
            secrets=self._secrets,
            transport=self.transport,
        )
        self.at_close(self.http.close)
        await self._time.sync()
        self.keep_time(self._time)
        if keys is not None:
            self._keys = keys
            known = await self._account()
            self._set_mode(known.position_mode)
            self._keys, self.is_private = evolve(keys, user=known.user), True
        await self._list_instruments()
        self._feed = self._make_feed(self.lost, self._returned, keys=self._present_keys)
        self.at_close(self._feed.close)
        await self._feed.open()
        self.start("contracts", self._keep_contracts)

    async def _reach(self) -> tuple[str, str, Keys | None]:
        """Return the URLs and keys of the environment."""
        found = await self.reach(urls(self.context.environment, self._options), DESCRIPTOR.simulator)
        given = self.credentials
        self._secrets = given if isinstance(given, SecretSource) else None
        keys = Keys(given["key"].reveal(), given["secret"]) if given else None
        return found["rest"], found[f"ws_{self._settle}"], keys

    def _make_feed(
        self, on_down: Callable[[str], None], on_up: Callable[[], None], *, keys: Callable[[], Keys | None]
    ) -> Feed:
        return Feed(
            self._ws_url,
            clock=self.clock,
            time=self._time,
            dial=self.dial,
            reader=self._reader,
            on_event=self._on_event,
            on_push=self._on_push,
            on_down=on_down,
            on_up=on_up,
            keys=keys,
            login=not self._by_rest,
        )

    async def _server_time(self) -> int:
        told: int = self.read(lambda data, now: market.read_server_time(data), await self.ask(market.SERVER_TIME))
        return told

    def _sign(self, request: Request, path: str, time_ns: int) -> Mapping[str, str]:
        keys = self._present_keys()
        if keys is None:
            raise NotSupported("this connection has no credentials, so it has market data only", venue=self.name)
        return auth.rest_headers(keys.key, keys.secret, request, path, time_ns)

    def _present_keys(self) -> Keys | None:
        """Return the keys as they are now: rotated ones are used from the next signature on."""
        if self._keys is None or self._secrets is None:
            return self._keys
        return evolve(self._keys, key=self._secrets["key"].reveal(), secret=self._secrets["secret"])

    async def _contracts(self) -> tuple[dict[str, Instrument], dict[str, str]]:
        """Return what can be traded, and why the rest cannot, both by Gate's name."""
        fees = await self.ask(instruments.fees_request(self._settle)) if self._keys else None
        rows = await self.pages(lambda offset: instruments.contracts_request(self._settle, offset), orders.PAGE)

        def contracts(rows: list[Any], now: int) -> tuple[dict[str, Instrument], dict[str, str]]:
            data = list({row["name"]: row for row in rows}.values())  # pages shift while they are read
            found, left_out = instruments.read_contracts(
                data, settle=self._settle, connection=self.context.connection, now_ns=self._time.time_ns(), fees=fees
            )
            return {instrument.venue_symbol: instrument for instrument in found}, left_out

        told: tuple[dict[str, Instrument], dict[str, str]] = self.read(contracts, rows)
        return told

    async def _list_instruments(self) -> None:
        found, left_out = await self._contracts()
        self.by_name.update(found)
        self._latest = found
        for name, why in left_out.items():
            _log.info("%s is left out: %s", name, why)

    async def _keep_contracts(self) -> None:
        """Read the contracts anew each hour and tell which have changed. New ones are not taken in."""
        while True:
            await pause(self.clock, CONTRACTS_S)
            try:
                found, left_out = await self._contracts()
            except AnyvenueError as error:
                _log.warning("%s: the contracts could not be read anew: %s", self.context.connection, error)
                continue
            gone = {name: evolve(self._latest[name], status=_HALTED) for name in left_out if name in self._latest}
            for name, instrument in (found | gone).items():
                before = self._latest.get(name, instrument)
                if instrument != before:
                    self._latest[name] = instrument
                    event = InstrumentChanged(instrument=instrument, before=before, ts_recv=self.clock.time_ns())
                    why = f" ({left_out[name]})" if name in left_out else ""
                    _log.warning("%s%s", event.text, why)
                    self.sink(event)

    def explain(self, symbol: str) -> str:
        """Tell which settle currency has a contract that this one has not."""
        return instruments.wrong_settle(symbol, self._settle)

    def lost(self, reason: str) -> None:
        """Tell that the stream is gone. One reason may be that a clock was set: the way back needs the right time."""
        super().lost(reason)
        self.start("the venue's time", self._time.sync)

    def _set_mode(self, mode: PositionMode) -> None:
        self._mode = mode
        self._reader.is_hedged = mode is PositionMode.HEDGE
        self.sides = _SIDES[mode]

    async def _account(self) -> account.Account:
        data = await self.ask(account.account_request(self._settle))
        found: account.Account = self.read(account.read_account, data)
        return found

    async def _enter(
        self, channel: str, param: Mapping[str, Any], *, urgent: bool, expires_ms: int | None = None
    ) -> Any:
        """Send an order, amend or cancel by the WebSocket, where a cancel counts as an order; return its answer."""
        is_again = False
        while True:
            if not self._limiter.take_now(limits.PLACE, urgent=urgent):
                await self._limiter.take(limits.PLACE, urgent=urgent)
            reply = await self._feed.call(channel, param, expires_ms=expires_ms)
            self.answered_elsewhere()
            errs = reply.data.get("errs")
            if not errs and reply.status < 400:
                return reply.data.get("result")
            label, message = (str((errs or {}).get(name, "")) for name in ("label", "message"))
            if label == "REQUEST_EXPIRED" and not is_again:  # it was not run, because of its time stamp
                await self._time.sync()
                is_again = True
                continue
            error = errors.error_of(label, message, status=reply.status, request=channel)
            if isinstance(error, RateLimited):
                until_ns = self.clock.time_ns() + int(error.retry_after_s * _SECOND_NS)
                self._limiter.block(limits.PLACE[0], until_ns)
            raise error

    def _expiry_ms(self) -> int:
        return self._time.time_ns() // 1_000_000 + int(self._options.order_expiry_s * 1000)
