"""The instruments of a venue, found by any of their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from anyvenue.model.enums import ContractKind
from anyvenue.model.errors import UnknownInstrument
from anyvenue.model.instrument import Instrument
from anyvenue.model.symbols import MAIN_QUOTES, parse_symbol

__all__ = ["InstrumentCatalog"]


class InstrumentCatalog:
    """Instruments to be found by name.

    Names are, the first that fits winning: the key (`connection:symbol`), the neutral symbol, the venue's own, and
    `BTC-PERP` for the main linear contract of a base: settled in USDT before USDC before others. `explain` gives what
    to tell somebody whose symbol is not there, or an empty text. Raises ValueError for two instruments with one key.
    """

    def __init__(self, instruments: Iterable[Instrument], explain: Callable[[str], str] | None = None) -> None:
        self._explain = explain
        self._by_key: dict[str, Instrument] = {}
        for instrument in instruments:
            if self._by_key.setdefault(instrument.key, instrument) is not instrument:
                raise ValueError(f"catalog: found two instruments with the key {instrument.key}")
        self._by_symbol: dict[str, list[Instrument]] = {}
        self._by_venue_symbol: dict[str, list[Instrument]] = {}
        self._linear_by_base: dict[str, list[Instrument]] = {}
        for instrument in self._by_key.values():
            self._by_symbol.setdefault(instrument.symbol, []).append(instrument)
            self._by_venue_symbol.setdefault(instrument.venue_symbol, []).append(instrument)
            if instrument.kind is ContractKind.LINEAR:
                self._linear_by_base.setdefault(instrument.base, []).append(instrument)

    def resolve(self, name: str) -> Instrument:
        """Return the instrument that `name` means.

        Raises UnknownInstrument where there is none, saying which names are near it, and where there are several.
        """
        keyed = self._by_key.get(name)
        if keyed is not None:
            return keyed
        found = self._by_symbol.get(name) or self._by_venue_symbol.get(name) or self._main_contracts(name)
        if len(found) == 1:
            return found[0]
        if found:
            keys = ", ".join(instrument.key for instrument in found)
            raise UnknownInstrument(f"instrument: found {name!r}, which is any of {keys}; write one of these")
        known = self._explain(name) if self._explain is not None else ""
        raise UnknownInstrument(f"instrument: found {name!r}; {known or self._near(name)}")

    def _main_contracts(self, name: str) -> list[Instrument]:
        try:
            symbol = parse_symbol(name)
        except UnknownInstrument:
            return []
        linear = self._linear_by_base.get(symbol.base, []) if symbol.quote is None else []
        settles = sorted({instrument.settle for instrument in linear}, key=_settle_rank)
        return [instrument for instrument in linear if instrument.settle == settles[0]]

    def _near(self, name: str) -> str:
        from difflib import get_close_matches

        size = f"{len(self)} instrument{'' if len(self) == 1 else 's'} listed"
        names = {text.upper(): text for text in (*self._by_venue_symbol, *self._by_symbol)}
        near = [names[text] for text in get_close_matches(name.upper(), names, n=5)]
        if not near:
            near = list(self._by_symbol)[:5]
            return f"nothing is near it among the {size}{', such as ' + ', '.join(near) if near else ''}"
        return f"did you mean {' or '.join(near)}? ({size})"

    def __contains__(self, name: object) -> bool:
        """Tell whether `resolve` finds one instrument by that name."""
        if not isinstance(name, str):
            return False
        try:
            self.resolve(name)
        except UnknownInstrument:
            return False
        return True

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def __repr__(self) -> str:
        return f"InstrumentCatalog({len(self)} instruments)"


def _settle_rank(settle: str) -> tuple[int, str]:
    return (MAIN_QUOTES.index(settle) if settle in MAIN_QUOTES else len(MAIN_QUOTES), settle)
