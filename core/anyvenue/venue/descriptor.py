"""A venue's entry point: the light object that says what a plugin offers, before any of it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import Enum
from math import isfinite
from typing import Any

from attrs import field, frozen

from anyvenue.model.numbers import ONE, ZERO, exact
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.interface import Venue

__all__ = ["Environment", "NoOptions", "SimulationSettings", "VenueContext", "VenueDescriptor"]


class Environment(Enum):
    """Where market data comes from and where orders go."""

    SIMULATOR = "simulator"
    PAPER = "paper"
    TESTNET = "testnet"
    LIVE = "live"


@frozen
class NoOptions:
    """The options of a venue that has none."""


@frozen(kw_only=True)
class SimulationSettings:
    """The simulated market behind the venue `simulated` and behind every `simulator` and `paper` environment.

    Attributes:
        market: `tape` for the recorded market that ships with the package, a path to a tape file, or `synthetic`.
            Behind a `simulator` a tape moves the instruments it is of, from now on and over and over; the others move
            as synthetic ones do.
        symbols: which instruments it lists; empty for all that the tapes hold (synthetic: BTC-USDT-PERP), behind a
            `simulator` for all that the venue's simulator knows.
        seed: of everything that is drawn by chance.
        balance: what the account starts with, in settle currency (a `simulator`: in dollars, where it settles in
            another currency).
        latency_in_us, latency_out_us, latency_jitter_us: microseconds from us to the exchange and back; the jitter
            is drawn evenly from 0 to its value and added to each.
        maker_fee, taker_fee: fractions of notional, in place of the instrument's own; a rebate is negative.
        leverage: of every account at the start.
        speed: seconds of market per second; 0 for as fast as possible. The clock of a `simulator` is the wall's, so
            there it is seconds of tape per second, and 0 is 1.
        duration_s: seconds of market after which it ends; 0 for the whole tape (synthetic: without end).

    Raises ValueError for a value that is not allowed, and for a symbol that is named twice.
    """

    market: str = "tape"
    symbols: tuple[str, ...] = ()
    seed: int = 1
    balance: str = "100000"
    latency_in_us: int = 2000
    latency_out_us: int = 2000
    latency_jitter_us: int = 0
    maker_fee: str | None = None
    taker_fee: str | None = None
    leverage: int = 10
    speed: float = 0.0
    duration_s: float = 0.0

    def __attrs_post_init__(self) -> None:
        for symbol in self.symbols:
            if self.symbols.count(symbol) > 1:
                raise ValueError(f"symbols: found {symbol!r} twice; allowed are symbols that differ")
        if self.leverage < 1:
            raise ValueError(f"leverage: found {self.leverage}; allowed are numbers from 1")
        for name in ("latency_in_us", "latency_out_us", "latency_jitter_us", "speed", "duration_s"):
            value = getattr(self, name)
            if not (isfinite(value) and value >= 0):
                raise ValueError(f"{name}: found {value}; allowed are finite numbers from 0")
        if exact(self.balance, "balance") <= ZERO:
            raise ValueError(f"balance: found {self.balance!r}; allowed are numbers above 0")
        for name in ("maker_fee", "taker_fee"):
            fee = getattr(self, name)
            if fee is not None and abs(exact(fee, name)) >= ONE:
                raise ValueError(f"{name}: found {fee!r}; allowed are numbers above -1 and below 1")


@frozen(kw_only=True)
class VenueContext:
    """What a venue is opened with.

    `connection` is its name in the configuration; `options` an instance of the descriptor's options class;
    `session` a short text of [0-9a-z], unique to this run, for client order ids.
    """

    connection: str
    environment: Environment
    clock: Clock
    session: str
    options: Any = field(factory=NoOptions)
    credentials: Any = None
    simulation: SimulationSettings = field(factory=SimulationSettings)
    allow_approximate: frozenset[Feature] = frozenset()


@frozen(kw_only=True)
class VenueDescriptor:
    """What the entry point `anyvenue.venues` names.

    Attributes:
        name: the adapter's name, as written in a configuration.
        title: for people.
        interface_version: the version of `anyvenue.venue.interface` it was built for.
        capabilities: of the venue with default options.
        environments: those it can be opened in.
        options: an attrs class; the configuration is structured into it.
        credentials: the sets of secrets of which one opens it for testnet and live, by the secrets' names.
        open: makes the venue. It does no I/O: `Venue.connect` does.
        simulator: imports and returns the `Dialect` (`anyvenue.simulation.server.dialect`) that speaks the venue's
            protocol in front of a simulated market; None where there is none. Nothing of it is loaded before.
    """

    name: str
    title: str
    interface_version: int
    capabilities: Capabilities
    environments: frozenset[Environment]
    options: type = NoOptions
    credentials: tuple[tuple[str, ...], ...] = ()
    open: Callable[[VenueContext], Venue]
    simulator: Callable[[], type[Any]] | None = None

    def check_credentials(self, given: Collection[str]) -> str:
        """Return what is wrong with a set of secrets, by their names; empty where it opens the venue."""
        if not self.credentials or set(given) in [set(names) for names in self.credentials]:
            return ""
        allowed = ", or ".join(" and ".join(names) for names in self.credentials)
        return f"found {' and '.join(given) or 'none'}; {self.name} needs {allowed}"
