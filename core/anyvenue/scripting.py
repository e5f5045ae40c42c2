"""`anyvenue.connect`: a venue by name, opened for a script or a notebook.

This joins the floors for somebody who writes no configuration: registry, clock, venue, session. Time on the simulated
venue is driven: it moves only while the script waits on the session, so a script sees the same market each time.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Generator, Iterable, Mapping
from types import TracebackType
from typing import Any, Final, TypeVar

from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.contracts import VENUE as SIMULATED
from anyvenue.simulation.opening import open_venue
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.sources import sources_of
from anyvenue.venue import registry
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.clock import Clock, WallClock
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext, VenueDescriptor
from anyvenue.venue.secrets import SecretReference, SecretSource
from anyvenue.venue.session import Session
from anyvenue.venue.stream import Driver

__all__ = ["Connecting", "connect"]

T = TypeVar("T")

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def connect(
    venue: str,
    *,
    environment: str | Environment = Environment.SIMULATOR,
    options: Mapping[str, Any] | object | None = None,
    credentials: Mapping[str, str] | None = None,
    simulation: SimulationSettings | Mapping[str, Any] | None = None,
    connection: str | None = None,
    allow_live: bool = False,
    allow_approximate: Iterable[str | Feature] = (),
) -> Connecting:
    """Connect to a venue: `async with connect("simulated") as venue:`, or `venue = await connect("simulated")`.

    Args:
        venue: the name of an installed venue.
        environment: `simulator` needs nothing, `paper` the network, `testnet` and `live` keys too.
        options: the venue's own, by name, or an instance of its options class.
        credentials: references to secrets, such as `{"key": "env:MY_KEY"}`; never the secrets themselves.
        simulation: what market a simulated one is, by name or as SimulationSettings.
        connection: a name for this connection, where there are several; else the venue's.
        allow_live: must be True for `live`, so that real money is never traded by a slip.
        allow_approximate: features that may be used although the venue has them with a weaker guarantee only.

    Raises ValueError (PluginError, SecretError) and TypeError for what cannot be, with what is allowed. Awaiting it
    raises what the venue raises when it cannot be reached.
    """
    descriptor = registry.venue(venue)
    chosen = _environment(descriptor, environment, allow_live)
    if chosen in (Environment.TESTNET, Environment.LIVE) and (wrong := descriptor.check_credentials(credentials or ())):
        raise ValueError(f"credentials: {wrong}")
    settings = _settings(simulation)
    clock, driver, session = _time(descriptor, settings)
    context = VenueContext(
        connection=connection or venue,
        environment=chosen,
        clock=clock,
        session=session,
        options=_options(descriptor, options),
        credentials=_secrets(credentials, connection or venue, clock),
        simulation=settings,
        allow_approximate=frozenset(Feature(feature) for feature in allow_approximate),
    )
    opened = open_venue(descriptor, context)
    return Connecting(Session(opened, clock, driver, session=session, allowed=context.allow_approximate))


class Connecting:
    """A session that is about to be connected: await it, or enter it with `async with`, which disconnects it again."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def _connected(self) -> Session:
        try:
            await self._session.connect()
        except BaseException:
            await self._session.disconnect()
            raise
        return self._session

    def __await__(self) -> Generator[Any, None, Session]:
        return self._connected().__await__()

    async def __aenter__(self) -> Session:
        return await self._connected()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.disconnect()


class _Wall:
    """The driver of real time, which passes by itself."""

    async def serve(self, work: Awaitable[T]) -> T:
        return await work

    async def arrives(self, future: asyncio.Future[None]) -> bool:
        await future
        return True


def _environment(descriptor: VenueDescriptor, wanted: str | Environment, allow_live: bool) -> Environment:
    names = sorted(environment.value for environment in descriptor.environments)
    chosen = wanted if isinstance(wanted, Environment) else None
    if chosen is None and wanted in [environment.value for environment in Environment]:
        chosen = Environment(wanted)
    if chosen is None or chosen not in descriptor.environments:
        raise ValueError(f"environment: found {wanted!r}; the venue {descriptor.name!r} has {', '.join(names)}")
    if chosen is Environment.LIVE and not allow_live:
        raise ValueError("environment: 'live' trades real money; say so with allow_live=True")
    return chosen


def _settings(simulation: SimulationSettings | Mapping[str, Any] | None) -> SimulationSettings:
    if isinstance(simulation, SimulationSettings):
        return simulation
    given = dict(simulation or {})
    if "symbols" in given:
        given["symbols"] = tuple(given["symbols"])
    return SimulationSettings(**given)


def _options(descriptor: VenueDescriptor, options: Mapping[str, Any] | object | None) -> object:
    if isinstance(options, descriptor.options):
        return options
    if options is None or isinstance(options, Mapping):
        return descriptor.options(**(options or {}))
    raise TypeError(
        f"options: found a {type(options).__name__}; allowed are a mapping or {descriptor.options.__name__}"
    )


def _secrets(credentials: Mapping[str, str] | None, owner: str, clock: Clock) -> SecretSource | None:
    if credentials is None:
        return None
    references = {name: SecretReference.parse(reference) for name, reference in credentials.items()}
    source = SecretSource(references, owner=owner, clock=clock)
    for error in source.fetch().values():
        raise error
    return source


def _time(descriptor: VenueDescriptor, settings: SimulationSettings) -> tuple[Clock, Driver, str]:
    """Return the clock, what drives it, and a text for client order ids that no other session has."""
    if descriptor.name == SIMULATED:
        start_ns = min(source.start_ns for source in sources_of(settings))
        clock = DrivenClock(start_ns)
        return clock, Pump(clock, settings.speed), f"s{_base36(abs(settings.seed))}"
    chance = int.from_bytes(os.urandom(2)) % 36**2
    return WallClock(), _Wall(), _base36(time.time_ns() // 1_000_000) + _base36(36**2 + chance)[-2:]


def _base36(number: int) -> str:
    text = ""
    while number or not text:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text
