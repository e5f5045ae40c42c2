"""Hosting: the simulator of a dialect, started for whoever needs it and shared among all who need the same one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from attrs import frozen

from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.server.dialect import Dialect
from anyvenue.simulation.server.gateway import Gateway
from anyvenue.simulation.server.keyring import ApiKey
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.clock import WallClock
from anyvenue.venue.descriptor import SimulationSettings, VenueContext
from anyvenue.venue.secrets import Secret
from anyvenue.wire.socket import Dial

if TYPE_CHECKING:
    import httpx

    from anyvenue.simulation.server.http_front import HttpFront

__all__ = ["Hosted", "Server", "host", "supply"]

GOING_AWAY: Final = 1001
IN_MEMORY: Final = "127.0.0.1"
"""The host of URLs that lead to no network."""


@frozen(kw_only=True)
class Hosted:
    """A simulator, as one connection of an adapter uses it.

    Attributes:
        urls: what the adapter talks to, by the names of the dialect's `paths`.
        key: of the account that is named after the connection.
        credentials: the same, by the names that the adapter has for it.
        transport: for httpx; None for the real network.
        dial: opens WebSockets.
        stage, gateway: for tests.
    """

    urls: Mapping[str, str]
    key: ApiKey
    credentials: Mapping[str, Secret]
    transport: httpx.AsyncBaseTransport | None
    dial: Dial
    stage: Stage
    gateway: Gateway
    _release: Callable[[], Awaitable[None]]

    async def release(self) -> None:
        """Need it no more. When nobody does, a server ends. Releasing twice does nothing."""
        await self._release()


async def host(context: VenueContext, dialect: type[Dialect]) -> Hosted:
    """Return the simulator of a dialect, with an account named after the connection.

    On a DrivenClock it is in memory, the same for all on that clock with the same settings. Otherwise it is a server
    on this machine, the same for all in the running event loop with the same settings, and its time is the wall's.
    Raises FileNotFoundError, BrokenTape and UnknownInstrument for settings that name no market.
    """
    if isinstance(context.clock, DrivenClock):
        return _host_in_memory(context, context.clock, dialect)
    loop = asyncio.get_running_loop()
    servers = _servers.setdefault(loop, {})
    key = (dialect, context.simulation)
    if key not in servers:
        servers[key] = _Shared(Server(dialect, context.simulation))
    return await servers[key].join(context.connection, lambda: servers.pop(key))


def supply(gateway: Gateway) -> None:
    """Have `host` return this gateway, made by a test, to all on its clock who want its dialect with its settings."""
    stage = gateway.stage
    stage.clock.shared[_place(type(gateway.dialect), stage.settings)] = gateway


class Server:
    """The simulator of a dialect on a port of this machine. Made inside the running event loop."""

    def __init__(self, dialect: type[Dialect], settings: SimulationSettings) -> None:
        from anyvenue.simulation.server.real_time import RealTime

        wall = WallClock()
        clock = DrivenClock(wall.time_ns())
        self.stage = Stage.of(dialect, clock, settings)
        self.gateway = Gateway(dialect, self.stage)
        self.real_time = RealTime(clock, wall)
        self._front: HttpFront | None = None

    async def start(self, port: int = 0) -> None:
        """Begin to serve. Raises OSError for a port that is taken."""
        from anyvenue.simulation.server.http_front import HttpFront

        front = HttpFront(self.gateway, self.real_time)
        await front.start(port)
        self._front = front
        self.real_time.start()

    async def stop(self) -> None:
        """End all connections, and the market."""
        self.real_time.stop()
        self.gateway.close(GOING_AWAY, "the simulator ends")
        if self._front is not None:
            front, self._front = self._front, None
            await front.stop()

    @property
    def urls(self) -> dict[str, str]:
        """What a client is pointed at, by the names of the dialect's `paths`. Only while it serves."""
        if self._front is None:
            raise RuntimeError("the server has not been started")
        return _urls(self.gateway, f"{IN_MEMORY}:{self._front.port}")


class _Shared:
    """A server, and how many need it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._users = 0
        self._starting: asyncio.Task[None] | None = None

    async def join(self, account: str, forget: Callable[[], object]) -> Hosted:
        """Return the server for one more, started where it is not yet. `forget` is called when it ends."""
        from anyvenue.wire.dial import dial

        server = self._server
        self._users += 1
        is_needed = True

        async def release() -> None:
            nonlocal is_needed
            if is_needed:
                is_needed = False
                self._users -= 1
                if not self._users:
                    forget()
                    if self._starting is not None:  # it may have been given up half way
                        await asyncio.wait([self._starting])
                    await server.stop()

        try:
            if self._starting is None:
                self._starting = asyncio.ensure_future(server.start())
            await asyncio.shield(self._starting)
            key = _key_of(server.stage, account)
        except BaseException:
            await release()
            raise
        return Hosted(
            urls=server.urls,
            key=key,
            credentials=server.gateway.dialect.credentials_of(key),
            transport=None,
            dial=dial,
            stage=server.stage,
            gateway=server.gateway,
            release=release,
        )


_servers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[object, _Shared]] = WeakKeyDictionary()


def _host_in_memory(context: VenueContext, clock: DrivenClock, dialect: type[Dialect]) -> Hosted:
    from anyvenue.simulation.server.memory import MemoryDial, MemoryTransport

    place = _place(dialect, context.simulation)
    if place not in clock.shared:
        supply(Gateway(dialect, Stage.of(dialect, clock, context.simulation)))
    gateway: Gateway = clock.shared[place]

    async def release() -> None:
        """It stays, as everything on the clock does."""

    key = _key_of(gateway.stage, context.connection)
    return Hosted(
        urls=_urls(gateway, IN_MEMORY),
        key=key,
        credentials=gateway.dialect.credentials_of(key),
        transport=MemoryTransport(gateway),
        dial=MemoryDial(gateway),
        stage=gateway.stage,
        gateway=gateway,
        release=release,
    )


def _place(dialect: type[Dialect], settings: SimulationSettings) -> tuple[object, ...]:
    """Return where, on a clock, the simulator lies that everybody on it shares."""
    return Gateway, dialect, settings


def _key_of(stage: Stage, account: str) -> ApiKey:
    """Return a key that may trade for an account, which is opened where it is new."""
    if account not in stage.accounts:
        return stage.open_account(account)
    return next(key for key in stage.keys if key.account == account and key.may_trade)


def _urls(gateway: Gateway, authority: str) -> dict[str, str]:
    return {
        name: f"{'ws' if name.startswith('ws') else 'http'}://{authority}{path}"
        for name, path in gateway.dialect.paths.items()
    }
