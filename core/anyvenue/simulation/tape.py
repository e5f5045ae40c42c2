"""Tapes: recorded market data, read frame by frame.

A tape is gzip'd JSON lines (plain JSON lines do too): one header object, then frames in the order of their times,
which are integer nanoseconds since the epoch, UTC:

    [ts, "s", bids, asks]                                the whole book
    [ts, "d", bids, asks]                                changed levels, with absolute sizes; size 0 deletes one
    [ts, "t", "buy" | "sell", price, size, trade_id]     a public trade, named by its taker's side

A level is `[price, size]`. Prices and sizes are text, sizes in base units. `anyvenue.simulation.data` holds the tapes
that ship with the package.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast

import msgspec
import orjson
from attrs import evolve, field, fields, frozen

from anyvenue.model.decoded_delta import TextPair

__all__ = ["BrokenTape", "Frame", "Tape", "TapeHeader", "find_tapes"]

Frame: TypeAlias = Sequence[Any]
"""One line of a tape, as the module's docstring lays it out: a list. A tuple is certain to be what it should: a "t"
frame with texts for numbers, or a "d" frame whose levels are pairs of texts, and the line itself behind them."""

VERSION: Final = 1
SUFFIXES: Final = (".tape.gz", ".tape")
GZIP_MAGIC: Final = b"\x1f\x8b"
_READ_BYTES: Final = 1 << 18
_LENGTHS: Final = {"s": 4, "d": 4, "t": 6}
_KIND_AT: Final = len('[1723161256505000000,"')  # times of our days, and of the next 200 years, have 19 digits
_DEPTH, _TRADE = b"dt"
_decode_depth: Final = msgspec.json.Decoder(tuple[int, Literal["d"], list[TextPair], list[TextPair]]).decode
_decode_trade: Final = msgspec.json.Decoder(
    tuple[int, Literal["t"], Literal["buy", "sell"], str, str, str | int]
).decode


class BrokenTape(ValueError):
    """A tape that cannot be read. The message names file, line, what was found and what is allowed."""


@frozen(kw_only=True)
class TapeHeader:
    """What a tape's first line says: the instrument, where the data is from, and how much of it there is."""

    symbol: str
    base: str
    quote: str
    settle: str
    price_tick: str
    quantity_step: str
    source: str
    start_ns: int
    end_ns: int
    frames: int


@frozen
class Tape:
    """A tape file. Making one reads the header only; every call of `frames` reads the file anew, but of one that is
    `in_memory`.

    Raises BrokenTape, from the start or while reading; FileNotFoundError from the start.
    """

    file: Traversable
    header: TapeHeader
    _kept: tuple[Frame, ...] | None = field(default=None, eq=False, repr=False)

    @classmethod
    def open(cls, file: Traversable) -> Tape:
        """Read the header of `file`."""
        with _lines(file) as lines:
            try:
                first = lines.readline()
            except (OSError, EOFError) as error:
                raise _broken(file, 1, str(error), "gzip'd JSON lines, or plain ones") from error
        return cls(file, _header(file, first))

    def in_memory(self) -> Tape:
        """Return the same tape, read and decoded once: for one that is played many times, as in a sweep of parameters.

        Takes some 130 bytes for each level. Raises BrokenTape.
        """
        texts: dict[str, str] = {}  # few prices and sizes are new: each is kept once
        return evolve(self, kept=tuple(_sharing(frame, texts.setdefault) for frame in self._read(decoded=True)))

    def frames(
        self, *, start_ns: int | None = None, end_ns: int | None = None, decoded: bool = False
    ) -> Iterator[Frame]:
        """Return the frames with `start_ns` <= time < `end_ns`, one JSON line at a time.

        A tape that is cut at its start begins with a snapshot of the book as it was then. Prices and sizes are
        passed on as they are; only their shape is looked at. `check` looks at all of it.

        With `decoded` the frames of a tape that is not cut at its start come as tuples, where they are what they should
        be; the levels are as in a `DecodedDelta` then.
        """
        if start_ns is not None and start_ns > self.header.start_ns:
            frames = _from(self._read(), start_ns)
        else:
            frames = iter(self._kept) if decoded and self._kept is not None else self._read(decoded=decoded)
        return frames if end_ns is None else takewhile(lambda frame: frame[0] < end_ns, frames)

    def check(self) -> int:
        """Read the whole tape, every level of it, and return how many frames it has."""
        count = 0
        for count, frame in enumerate(self._read(), start=1):
            try:
                _check_values(frame)
            except ValueError as error:
                found, allowed = error.args
                raise _broken(self.file, count + 1, found, allowed) from None
        return count

    def fault(self, frame: Frame) -> BrokenTape | None:
        """Return what is wrong with the values of a frame that was read, None for nothing. Its line is looked up."""
        try:
            _check_values(frame)
        except ValueError as error:
            found, allowed = error.args
        else:
            return None
        line = next(number for number, read in enumerate(self._read(), start=2) if read == list(frame))
        return _broken(self.file, line, found, allowed)

    def _read(self, *, decoded: bool = False) -> Iterator[Frame]:
        loads, depth, trade = orjson.loads, _decode_depth, _decode_trade
        previous, number = 0, 1
        line = b""
        frame: Frame = []
        with _lines(self.file) as lines:
            try:
                lines.readline()
                for block in _blocks(lines):
                    for number, line in enumerate(block, start=number + 1):  # noqa: B020
                        try:
                            kind = line[_KIND_AT] if decoded else 0
                            if kind == _TRADE:
                                frame = trade(line)
                            elif kind == _DEPTH:
                                frame = (*depth(line), line)
                            else:
                                frame = loads(line)
                        except (msgspec.DecodeError, UnicodeError, IndexError):
                            frame = loads(line)
                        if frame[0] < previous or (frame.__class__ is list and _LENGTHS[frame[1]] != len(frame)):
                            raise _misshapen(self.file, number, loads(line), previous)
                        previous = frame[0]
                        yield frame
                if number - 1 != self.header.frames:
                    found, allowed = f"the end after {number - 1} frames", f"{self.header.frames}, as in line 1"
                    raise _broken(self.file, number, found, allowed)
            except (OSError, EOFError) as error:  # the file is cut off, or its checksum is wrong
                raise _broken(self.file, number + 1, str(error), "a whole gzip file") from error
            except orjson.JSONDecodeError as error:
                raise _broken(self.file, number, f"{line[:80]!r} ({error})", "a JSON array") from None
            except (TypeError, KeyError, IndexError):
                raise _misshapen(self.file, number, frame, previous) from None


def _sharing(frame: Frame, same: Callable[[str, str], str]) -> Frame:
    """Return a frame with one text for all that are the same."""
    if type(frame) is list or frame[1] == "t":
        return frame
    ts, kind, *sides, line = frame
    return (ts, kind, *([(same(price, price), same(size, size)) for price, size in side] for side in sides), line)


def _blocks(lines: io.BufferedIOBase) -> Iterator[list[bytes]]:
    """Return the lines, many at a time: one by one takes three times as long."""
    rest = b""
    while block := lines.read1(_READ_BYTES):
        *whole, rest = (rest + block).split(b"\n")
        yield whole
    if rest:
        yield [rest]


def find_tapes(market: str) -> tuple[Tape, ...]:
    """Return the tapes that `market` names: `tape` for those that ship with the package, else a file or a folder.

    Raises FileNotFoundError where there is no such file, or no tape in the folder; BrokenTape.
    """
    folder: Traversable = files("anyvenue.simulation") / "data" if market == "tape" else Path(market).expanduser()
    if folder.is_file():
        return (Tape.open(folder),)
    found = [file for file in folder.iterdir() if file.name.endswith(SUFFIXES)] if folder.is_dir() else []
    if not found:
        raise FileNotFoundError(
            f"market: found {market!r}; allowed are 'tape', 'synthetic', a tape file, "
            f"or a folder with files that end in {' or '.join(SUFFIXES)}"
        )
    return tuple(Tape.open(file) for file in sorted(found, key=lambda file: file.name))


@contextmanager
def _lines(file: Traversable) -> Iterator[io.BufferedIOBase]:
    with cast("io.BufferedReader", file.open("rb")) as raw:
        if raw.peek(2)[:2] != GZIP_MAGIC:
            yield raw
            return
        unzipped = cast("io.RawIOBase", gzip.GzipFile(fileobj=raw))
        with io.BufferedReader(unzipped, _READ_BYTES) as lines:
            yield lines


def _broken(file: Traversable, line: int, found: str, allowed: str) -> BrokenTape:
    return BrokenTape(f"{file}, line {line}: found {found}; allowed is {allowed}")


def _header(file: Traversable, line: bytes) -> TapeHeader:
    try:
        header = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _broken(file, 1, f"{line[:80]!r} ({error})", "a tape's header, a JSON object") from None
    if not isinstance(header, dict) or header.get("tape") != VERSION:
        raise _broken(file, 1, f"{line[:80]!r}", f'a header with "tape": {VERSION}')
    values: dict[str, Any] = {}
    for named in fields(TapeHeader):
        value = header.get(named.name)
        wanted = int if named.type in (int, "int") else str
        if type(value) is not wanted:
            raise _broken(file, 1, f'"{named.name}": {value!r}', "a text" if wanted is str else "a whole number")
        values[named.name] = value
    tape = TapeHeader(**values)
    if tape.frames < 1:
        raise _broken(file, 1, f'"frames": {tape.frames}', "1 or more")
    if tape.start_ns > tape.end_ns:
        raise _broken(file, 1, f'"end_ns": {tape.end_ns}', f'{tape.start_ns} or later, as "start_ns" says')
    return tape


def _misshapen(file: Traversable, number: int, frame: Any, previous: int) -> BrokenTape:
    if isinstance(frame, list) and len(frame) > 1 and type(frame[0]) is int and frame[1] in ("s", "d", "t"):
        if frame[0] < previous:
            return _broken(file, number, f"the time {frame[0]}", f"{previous} or later, as in the line before")
        return _broken(file, number, f"{len(frame)} values in a {frame[1]!r} frame", f"{_LENGTHS[frame[1]]}")
    return _broken(file, number, f"{str(frame)[:80]}", "[ts, 's' | 'd' | 't', ...] with an integer time")


def _check_values(frame: Frame) -> None:
    """Raise ValueError(found, allowed) for values that a frame may not have."""
    if type(frame[0]) is not int:
        raise ValueError(f"the time {frame[0]!r}", "an integer number of nanoseconds")
    if frame[1] != "t":
        for levels in (frame[2], frame[3]):
            if not isinstance(levels, list):
                raise ValueError(f"{levels!r}", "a list of [price, size]")
            for level in levels:
                if not isinstance(level, list) or len(level) != 2:
                    raise ValueError(f"the level {level!r}", "[price, size]")
                _check_number("price", level[0], zero=False)
                _check_number("size", level[1], zero=frame[1] == "d")
        return
    if frame[2] not in ("buy", "sell"):
        raise ValueError(f"the side {frame[2]!r}", "'buy' or 'sell'")
    _check_number("price", frame[3], zero=False)
    _check_number("size", frame[4], zero=False)


def _check_number(name: str, text: Any, *, zero: bool) -> None:
    try:
        number = Decimal(text) if isinstance(text, str) and "_" not in text else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or number < 0 or (number == 0 and not zero):
        raise ValueError(f"the {name} {text!r}", f"the text of a number {'from' if zero else 'above'} 0")


def _from(frames: Iterator[Frame], start_ns: int) -> Iterator[Frame]:
    """Fold what lies before `start_ns` into one snapshot, where there is a book before it."""
    is_known = False
    books: tuple[dict[Decimal, list[str]], dict[Decimal, list[str]]] = ({}, {})
    for frame in frames:
        if frame[0] >= start_ns:
            if is_known:
                bids, asks = (sorted(book.items()) for book in books)
                yield [start_ns, "s", [level for _, level in reversed(bids)], [level for _, level in asks]]
            yield frame
            break
        if frame[1] != "t":
            is_known = True
            for book, levels in zip(books, frame[2:], strict=True):
                _fold(book, levels, whole=frame[1] == "s")
    yield from frames


def _fold(book: dict[Decimal, list[str]], levels: list[list[str]], *, whole: bool) -> None:
    if whole:
        book.clear()
    for level in levels:
        price = Decimal(level[0])
        if Decimal(level[1]):
            book[price] = level
        else:
            book.pop(price, None)
