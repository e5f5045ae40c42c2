"""Neutral symbols: `BTC-USDT-PERP` on every venue, `BTC-PERP` for whichever is a venue's main linear contract."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import frozen

from anyvenue.model.errors import UnknownInstrument

__all__ = ["MAIN_QUOTES", "Symbol", "find_symbol", "format_symbol", "parse_symbol"]

MAIN_QUOTES: Final = ("USDT", "USDC")
"""A base's main contract is quoted in the first of these, else in the first by name."""

_SUFFIX = "-PERP"


@frozen
class Symbol:
    """A neutral symbol, taken apart. `quote` is None in the short form, `BTC-PERP`."""

    base: str
    quote: str | None = None

    def __str__(self) -> str:
        return f"{self.base}{_SUFFIX}" if self.quote is None else f"{self.base}-{self.quote}{_SUFFIX}"


def format_symbol(base: str, quote: str) -> str:
    """Return the neutral symbol of a perpetual contract: `format_symbol("BTC", "USDT")` is `BTC-USDT-PERP`.

    Raises ValueError where a currency is empty or holds blanks, or the quote a dash: it could not be parsed back.
    """
    if not _is_word(base) or not _is_word(quote) or "-" in quote:
        raise ValueError(f"symbol: found base {base!r} and quote {quote!r}; allowed are words, no dash in the quote")
    return str(Symbol(base, quote))


def parse_symbol(text: str) -> Symbol:
    """Take a neutral symbol apart, `BASE-QUOTE-PERP` or `BASE-PERP`.

    Case counts; a base may hold anything but blanks. Raises UnknownInstrument for any other text.
    """
    if text.endswith(_SUFFIX):
        base, dash, quote = text.removesuffix(_SUFFIX).rpartition("-")
        symbol = Symbol(base, quote) if dash else Symbol(quote)
        if _is_word(symbol.base) and (symbol.quote is None or _is_word(symbol.quote)):
            return symbol
    raise UnknownInstrument(f"symbol: found {text!r}; allowed are BASE-QUOTE-PERP and BASE-PERP, such as BTC-USDT-PERP")


def find_symbol(text: str, listed: Iterable[str]) -> str | None:
    """Return which of the listed symbols is meant: the same, or for `BTC-PERP` the base's in the main quote currency.

    That is USDT before USDC before others by name. None where there is none.
    """
    symbols = list(listed)
    if text in symbols:
        return text
    found = {}
    for symbol in symbols:
        parsed = parse_symbol(symbol)
        if str(Symbol(parsed.base)) == text:
            found[parsed.quote or ""] = symbol
    quote = next((quote for quote in (*MAIN_QUOTES, *sorted(found)) if quote in found), None)
    return None if quote is None else found[quote]


def _is_word(text: str) -> bool:
    return bool(text) and not any(character.isspace() for character in text)
