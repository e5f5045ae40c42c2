"""One account at GaiaEx: where it is, its keys, the venue's time and health, its symbols; how a request goes there."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import evolve

from anyvenue.model.errors import (
    AnyvenueError,
    NotSent,
    NotSupported,
    Rejected,
    TradingEnded,
)
from anyvenue.model.numbers import ZERO
from anyvenue.venue.descriptor import Environment, VenueContext
from anyvenue.venue.remote import RemoteVenue
from anyvenue.venue.secrets import SecretSource
from anyvenue.wire.breaker import Breakers
from anyvenue.wire.http import HttpClient
from anyvenue.wire.limits import RateLimiter
from anyvenue.wire.refusal import Refusal
from anyvenue.wire.request import Request, Response
from anyvenue.wire.server_time import ServerTime
from anyvenue.wire.socket import Socket
from anyvenue_gaiaex import auth, errors, rest
from anyvenue_gaiaex.descriptor import DESCRIPTOR, capabilities
from anyvenue_gaiaex.endpoints import GaiaExOptions, split_base
from anyvenue_gaiaex.instruments import COLLATERAL, Listing, read_symbols, shipped_sizes

__all__ = ["GaiaExConnection"]

_log = logging.getLogger("anyvenue.gaiaex")


class GaiaExConnection(RemoteVenue):
    """What a venue needs before it can do anything; what comes in is taken further up."""

    name = errors.VENUE

    def __init__(self, context: VenueContext) -> None:
        super().__init__(context)
        if context.environment is Environment.TESTNET:
            text = (
                "GaiaEx has announced a testnet, but there is none yet that can be reached: use the simulator or paper"
            )
            raise NotSupported(text, venue=self.name)
        self._options: GaiaExOptions = context.options
        self._has_time_in_force = self._options.has_time_in_force(context.environment)
        self.capabilities = capabilities(with_time_in_force=self._has_time_in_force)
        self._limiter = RateLimiter(rest.buckets(self._options.writes_per_s, self._options.reads_per_s), self.clock)
        self._time = ServerTime(self.clock, self._server_time)
        self._told_offset_ns: int | None = None
        self._keys: auth.Keys | None = None
        self._secrets: SecretSource | None = None
        self._keys_version = 0
        self._listings: dict[str, Listing] = {}
        self._prices: dict[str, Decimal] = {}

    async def _open(self) -> None:
        """Reach the venue: time and health, then symbols."""
        rest_url, self._ws_url, self._keys = await self._reach()
        self.http = self._client(rest_url)
        self._root = self._client(split_base(rest_url))
        await self._sync_clock()
        await self._list_symbols(await self._check_health())

    async def _reach(self) -> tuple[str, str, auth.Keys | None]:
        """Return the URLs and keys of the environment."""
        own = {"rest": self._options.rest_url, "ws": self._options.ws_url}
        urls = await self.reach(own, DESCRIPTOR.simulator)
        given = self.credentials
        if isinstance(given, SecretSource):
            self._secrets, self._keys_version = given, given.version
        return urls["rest"], urls["ws"], None if given is None else auth.Keys.of(given)

    def _client(self, url: str) -> HttpClient:
        client = HttpClient(
            url,
            venue=self.name,
            clock=self.clock,
            judge=self._judge,
            sign=self._sign,
            limiter=self._limiter,
            server_time=self._time,
            breakers=Breakers(self.clock),
            secrets=self._secrets,
            transport=self.transport,
        )
        self.at_close(client.close)
        return client

    async def _dial(self, url: str, headers: Mapping[str, str]) -> Socket:
        """Open a socket when its turn has come: all that were cut off at once do not come back at once."""
        await self._limiter.take(rest.DIAL)
        return await self.dial(url, headers)

    def _judge(self, request: Request, response: Response) -> Refusal | None:
        refusal = errors.refusal_of(request, response)
        if refusal is not None and refusal.clock:
            told = errors.server_time_in(refusal.error.detail)
            self._told_offset_ns = self._told_offset_ns if told is None else told - response.ts_recv
        return refusal

    def _sign(self, request: Request, path: str, time_ns: int) -> Mapping[str, str]:
        return auth.rest_headers(self._account(), request, time_ns)

    def _account(self) -> auth.Keys:
        """Return the keys as they are now."""
        if self._keys is None:
            raise NotSupported("this connection has no credentials, so it has market data only", venue=self.name)
        if self._secrets is not None and self._secrets.version != self._keys_version:  # rotated: the same account's
            self._keys = evolve(auth.Keys.of(self._secrets), address=self._keys.address)
            self._keys_version = self._secrets.version
        return self._keys

    async def _ask_either(self, paths: tuple[str, str]) -> Any:
        """Ask where one revision has it, else where the other does."""
        try:
            return await self.ask(rest.probe(paths[0]))
        except Rejected:
            return await self.ask(rest.probe(paths[1]), self._root)

    async def _server_time(self) -> int:
        try:
            data = await self._ask_either(rest.TIME_PATHS)
        except Rejected:
            if self._told_offset_ns is None:
                raise
            return self.clock.time_ns() + self._told_offset_ns
        told: int = self.read(rest.read_time, data)
        return told

    async def _sync_clock(self, *, at_start: bool = True) -> None:
        try:
            await self._time.sync()
        except AnyvenueError as error:
            if at_start and isinstance(error, NotSent | TradingEnded):
                raise
            _log.warning("the venue does not tell its time, so the clock stays as it is: %s", error)

    async def _check_health(self) -> Decimal:
        """Say aloud where the venue is not healthy; return the fee rate that it indicates."""
        try:
            data = await self._ask_either(rest.HEALTH_PATHS)
            fee_rate: Decimal
            fee_rate, bad = self.read(rest.read_health, data)
        except AnyvenueError as error:
            if isinstance(error, NotSent):
                raise
            _log.warning("the venue does not tell its health: %s", error)
            return ZERO
        if bad:
            _log.warning("the venue says of itself: %s", "; ".join(bad))
        return fee_rate

    async def _list_symbols(self, fee_rate: Decimal = ZERO) -> None:
        data = await self.ask(rest.SYMBOLS)
        sizes = {**shipped_sizes(), **self._options.size_decimals}
        listings, left_out = self.read(
            lambda told, now: read_symbols(told, connection=self.context.connection, sizes=sizes, fee_rate=fee_rate),
            data,
        )
        for listing in listings:
            symbol = listing.instrument.venue_symbol
            if symbol not in self._listings:  # an instrument stays what it was for as long as the connection lasts
                self._listings[symbol], self.by_name[symbol] = listing, listing.instrument
            if listing.mark_price is not None:
                self._prices[symbol] = listing.mark_price
        for name, why in left_out.items():
            _log.info("%s is left out: %s", name, why)

    def explain(self, symbol: str) -> str:
        """Tell what a contract is called here that is named after another quote currency."""
        base = symbol.removesuffix("-PERP").rpartition("-")[0]
        listed = self.by_name.get(base)
        if listed is None:
            return ""
        return f"GaiaEx's contracts are settled in {COLLATERAL}: write {base}-PERP, or {listed.symbol}"
