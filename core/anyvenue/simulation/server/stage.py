"""The stage a venue's simulator plays on: a market, its accounts with their keys, and who is told what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache, partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from anyvenue.model.errors import UnknownInstrument
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, BookSnapshot, MarketEvent, RawLevel
from anyvenue.model.numbers import Rounding, exact, round_to_step, shortest_text
from anyvenue.model.symbols import find_symbol
from anyvenue.simulation.chance import Chance
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.exchange import Exchange
from anyvenue.simulation.server.endless_tape import EndlessTape, first_price
from anyvenue.simulation.server.keyring import ApiKey, KeyRing
from anyvenue.simulation.simulated_market import SimulatedMarket
from anyvenue.simulation.sources import Source
from anyvenue.simulation.synthetic import synthetic_source_of, usual_price
from anyvenue.simulation.tape import Tape, find_tapes
from anyvenue.simulation.upkeep import Upkeep
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue.venue.events import AccountEvent, Channel
from anyvenue.venue.secrets import Secret

if TYPE_CHECKING:
    from anyvenue.simulation.server.dialect import Dialect

__all__ = ["Stage"]

KEY_DIGITS: Final = 32
MONEY_STEP: Final = Decimal("0.00000001")
_TOLD: Final = (Channel.BOOK, Channel.TRADES, Channel.TICKER, Channel.FUNDING)


class Stage:
    """A simulated market as a venue's simulator uses it.

    The market begins with the clock's next step and never ends by its data: a tape starts over.

    Args:
        clock: its time is the venue's time.
        settings: of the simulation.
        instruments: what is listed, in the dialect's terms.
        tapes: recorded markets by neutral symbol; they move the instruments of that symbol, traders all others.

    Attributes:
        clock: the market's clock; its time is the venue's time.
        market: what moves prices; `market.exchange` is `exchange`.
        exchange: takes orders, by account name.
        keys: the API keys.
        settings: of the simulation.
        chance: seeded; for what the venue leaves undocumented.
        skew_ns: how far the venue's servers' own time is off (a fault); `time_ns` has it in.
    """

    clock: DrivenClock
    market: SimulatedMarket
    exchange: Exchange
    keys: KeyRing
    settings: SimulationSettings
    chance: Chance
    skew_ns: int

    def __init__(
        self,
        clock: DrivenClock,
        settings: SimulationSettings,
        instruments: Sequence[Instrument],
        tapes: Mapping[str, Tape] | None = None,
    ) -> None:
        self.clock = clock
        self.settings = settings
        self.keys = KeyRing()
        self.chance = Chance(f"{settings.seed} dialect")
        self._prices = {tape.header.base: price for tape in (tapes or {}).values() if (price := first_price(tape))}
        sources = _sources(settings, _chosen(instruments, settings), tapes or {}, self._prices)
        self.market = SimulatedMarket(clock, settings, sources)
        self.exchange = self.market.exchange
        self.skew_ns = 0
        self._accounts: list[str] = []
        self._hubs: dict[tuple[str, Channel], _Hub] = {}

    @classmethod
    def of(cls, dialect: type[Dialect], clock: DrivenClock, settings: SimulationSettings) -> Stage:
        """Return the stage of a dialect: its instruments, moved as the settings say.

        Raises FileNotFoundError and BrokenTape for tapes, UnknownInstrument for a symbol that is not listed.
        """
        found = () if settings.market == "synthetic" else find_tapes(settings.market)
        tapes = {tape.header.symbol: tape for tape in found}
        headers = {symbol: tape.header for symbol, tape in tapes.items()}
        instruments = dialect.instruments(headers, settings)
        named = {instrument.symbol: dialect.tape_of(instrument) for instrument in instruments}
        moving = {symbol: tapes[name] for symbol, name in named.items() if name in tapes}
        return cls(clock, settings, instruments, {**tapes, **moving})

    def time_ns(self) -> int:
        """Return the time as the venue's servers have it: what they answer, and judge signatures by."""
        return self.clock.time_ns() + self.skew_ns

    @property
    def instruments(self) -> Sequence[Instrument]:
        """What is listed, in the dialect's terms."""
        return self.exchange.instruments

    @property
    def accounts(self) -> Sequence[str]:
        """The names of the accounts that were opened, in that order."""
        return list(self._accounts)

    def open_account(self, name: str, *, balances: Mapping[str, Decimal] | None = None) -> ApiKey:
        """Open an account and return a new key that may trade for it.

        Without `balances` it gets the settings' balance in every settle currency; in one that is not a dollar, what
        that is worth there. Raises ValueError for a name that is taken.
        """
        if balances is None:
            money = exact(self.settings.balance, "balance")
            currencies = dict.fromkeys(instrument.settle for instrument in self.instruments)
            balances = {currency: self._worth(money, currency) for currency in currencies}
        self.exchange.open_account(name, balances=balances, leverage=Decimal(self.settings.leverage))
        self._accounts.append(name)
        seed = f"{self.settings.seed} {name}"
        key = ApiKey(
            key=sha256(f"key of {seed}".encode()).hexdigest()[:KEY_DIGITS],
            secret=Secret(sha256(f"secret of {seed}".encode()).hexdigest()),
            account=name,
        )
        self.keys.add(key)
        return key

    def watch(self, account: str, watcher: Callable[[AccountEvent], None]) -> None:
        """Tell all news of an account to `watcher`, in order. One watcher an account; it may not give commands.

        It is told at the end of the job that brought the news about: behind the answer to a request.
        """
        self.market.watch(account, lambda event: self.market.tell_after(partial(watcher, event)))

    def listen(
        self, instrument: Instrument, channel: Channel, listener: Callable[[MarketEvent], None]
    ) -> Callable[[], None]:
        """Tell public news of an instrument to `listener` until the returned function is called.

        For a book a BookSnapshot comes first (at once where there is one), then BookDelta, with ids that count up by
        one for each change. Levels have sizes in the instrument's depth unit; prices and sizes are in their shortest
        plain text. Raises ValueError for a channel that nobody tells of, such as candles.
        """
        if channel not in _TOLD:
            raise ValueError(f"channel: found {channel.value}; allowed are {', '.join(told.value for told in _TOLD)}")
        key = instrument.symbol, channel
        if key not in self._hubs:
            self._hubs[key] = _Hub(self.market, instrument.symbol, channel)
        return self._hubs[key].join(listener)

    def steering(self, symbol: str) -> Upkeep:
        """Return what sets an instrument's mark, index and funding by hand. Raises UnknownInstrument."""
        return self.market.upkeep(symbol)

    def _worth(self, dollars: Decimal, currency: str) -> Decimal:
        """Return an amount of dollars in another currency."""
        prices = (
            self.exchange.mark_price(instrument.symbol)
            for instrument in self.instruments
            if instrument.base == currency
        )
        known = next((price for price in prices if price is not None), None)
        price = known or self._prices.get(currency) or usual_price(currency)
        return round_to_step(dollars / price, MONEY_STEP, Rounding.DOWN)


class _Hub:
    """Hears one channel of one instrument for all who listen to it, so that each event is made once."""

    def __init__(self, market: SimulatedMarket, symbol: str, channel: Channel) -> None:
        self._market = market
        self._listing = market.listing(symbol)
        self._channel = channel
        self._listeners: dict[object, Callable[[MarketEvent], None]] = {}

    def join(self, listener: Callable[[MarketEvent], None]) -> Callable[[], None]:
        """Tell a listener too; return what ends that."""
        listing, now, place = self._listing, self._market.clock.time_ns(), object()
        has_book = self._channel is Channel.BOOK and bool(listing.last_id)
        if not self._listeners:
            self._is_muted = True  # the first listener gets its snapshot below, like every other
            listing.subscribe(self._channel, self, listing.instrument, now)
            self._is_muted = False
        self._listeners[place] = listener

        def leave() -> None:
            if self._listeners.pop(place, None) is not None and not self._listeners:
                listing.unsubscribe(self._channel, self)

        if has_book:
            listener(_plain(evolve(listing.snapshot(now), ts_recv=now)))
        return leave

    def deliver(self, make: Callable[[int], MarketEvent]) -> None:
        """Tell an event to all."""
        if self._is_muted:
            return
        event = _plain(make(self._market.clock.time_ns()))
        for place, listener in list(self._listeners.items()):
            if place in self._listeners:
                listener(event)


def _plain(event: MarketEvent) -> MarketEvent:
    if isinstance(event, BookSnapshot | BookDelta):
        return evolve(event, bids=_plain_levels(event.bids), asks=_plain_levels(event.asks))
    return event


def _plain_levels(levels: Sequence[RawLevel]) -> list[RawLevel]:
    return [(_plain_text(price), _plain_text(size)) for price, size in levels]


@lru_cache(maxsize=65_536)
def _plain_text(text: str) -> str:
    return shortest_text(Decimal(text))


def _chosen(instruments: Sequence[Instrument], settings: SimulationSettings) -> list[Instrument]:
    """Return what is listed: the settings' symbols, or all. The settings' fees take the place of the venue's."""
    by_symbol = {instrument.symbol: instrument for instrument in instruments}
    chosen = {}
    for symbol in settings.symbols or by_symbol:
        found = find_symbol(symbol, by_symbol)
        if found is None:
            near = get_close_matches(symbol, by_symbol, n=1, cutoff=0.3)
            raise UnknownInstrument(
                f"symbols: found {symbol!r}; this venue's simulator lists {', '.join(by_symbol)}"
                + (f". Did you mean {near[0]!r}?" if near else "")
            )
        chosen[found] = by_symbol[found]
    fees: dict[str, Any] = {
        name: exact(fee, name)
        for name, fee in (("maker_fee", settings.maker_fee), ("taker_fee", settings.taker_fee))
        if fee is not None
    }
    return [evolve(instrument, **fees) for instrument in chosen.values()]


def _sources(
    settings: SimulationSettings,
    instruments: Sequence[Instrument],
    tapes: Mapping[str, Tape],
    prices: Mapping[str, Decimal],
) -> list[Source]:
    return [
        EndlessTape(tapes[instrument.symbol], instrument, settings.speed or 1.0)
        if instrument.symbol in tapes
        else synthetic_source_of(instrument, settings, prices.get(instrument.base))
        for instrument in instruments
    ]
