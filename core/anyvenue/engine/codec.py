"""Commands, events and values as JSON and back, exactly: for the journal and the session log.

A value becomes `["tag", {field: value}]`, the tag being the class's name in small letters. Numbers are text, enums
their values, times whole numbers; what has its default is left out. An instrument is a reference into a table that
is kept beside (`InstrumentTable`). Only the types listed here can be encoded, and none of them holds a secret.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from operator import attrgetter
from typing import Any, Final

import attrs
import orjson
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from anyvenue.engine import commands, inputs
from anyvenue.engine.codec_fields import fields_writer
from anyvenue.engine.codec_plain import plain, unplain
from anyvenue.engine.journal import JournalUnreadable
from anyvenue.engine.reconcile_events import (
    AccountHeld,
    CancelLeftOver,
    KeepLeftOver,
    OrderFound,
    PositionDiffers,
    StillUnknown,
)
from anyvenue.engine.signal import Signal
from anyvenue.model import errors, market, order_events
from anyvenue.model.balance import Balance
from anyvenue.model.decoded_delta import DecodedDelta
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.errors import AnyvenueError, RateLimited, Rejected, RejectReason
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Amendment, Order
from anyvenue.model.order_spec import OrderSpec, Protection, Trigger
from anyvenue.model.position import Position
from anyvenue.venue import events

__all__ = [
    "CODEC_VERSION",
    "TYPES",
    "Codec",
    "InstrumentTable",
    "check_version",
    "instrument_fields",
    "instrument_of",
]

CODEC_VERSION: Final = 1
"""Changes when what was written before could be misread."""

_DECODED: Final = "decoded_delta"
"""The tag of a decoder's own delta: it comes back as such, since a book looks at its levels later than at others'."""

_ORDER_EVENTS: Final = tuple(
    value for name, value in vars(order_events).items() if name in order_events.__all__ and isinstance(value, type)
)
_COMMANDS: Final = (
    commands.Place,
    commands.Amend,
    commands.Cancel,
    commands.Subscribe,
    commands.Unsubscribe,
    commands.Resync,
    commands.Protect,
    commands.SetLeverage,
)
_MARKET: Final = (
    market.BookSnapshot,
    market.BookDelta,
    market.Trade,
    market.Ticker,
    market.Quote,
    market.Liquidation,
    market.Candle,
    market.FundingRate,
    market.FundingPayment,
)
_STREAM: Final = (
    events.Disconnected,
    events.Reconnected,
    events.StreamStale,
    events.InstrumentChanged,
    events.Subscription,
)
_VALUES: Final = (Order, OrderSpec, Amendment, Fill, Position, Balance, Trigger, Protection, SequenceRule)
_RECONCILED: Final = (AccountHeld, CancelLeftOver, KeepLeftOver, OrderFound, PositionDiffers, StillUnknown)
_OURS: Final = (commands.CommandFailed, Signal, inputs.Begin, inputs.NoPriceCame, inputs.Stop, inputs.TimerFired)

TYPES: Final[tuple[type[Any], ...]] = (*_COMMANDS, *_ORDER_EVENTS, *_MARKET, *_STREAM, *_VALUES, *_RECONCILED, *_OURS)
"""All that can be encoded with its tag."""


def _tag(cls: type[Any]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def check_version(found: object, what: str) -> None:
    """Raise JournalUnreadable where `what` was written in another version of this format."""
    if found != CODEC_VERSION:
        raise JournalUnreadable(
            f"{what} is written in version {found} of the record format; this program reads version {CODEC_VERSION}"
        )


class InstrumentTable:
    """Instruments by reference: the key, with a number behind it for one whose specification has changed since.

    `added` is called with each new reference before it is used for the first time.
    """

    def __init__(self, added: Callable[[str, Instrument], None] | None = None) -> None:
        self._added = added
        self._refs: dict[Instrument, str] = {}
        self._found: dict[str, Instrument] = {}

    def refer(self, instrument: Instrument) -> str:
        """Return the reference of an instrument, taking it into the table where it is new."""
        ref = self._refs.get(instrument)
        if ref is None:
            ref, number = instrument.key, 1
            while ref in self._found:
                number += 1
                ref = f"{instrument.key}#{number}"
            if self._added is not None:
                self._added(ref, instrument)
            self.put(ref, instrument)
        return ref

    def put(self, ref: str, instrument: Instrument) -> None:
        """Take in what was written before."""
        self._refs[instrument] = ref
        self._found[ref] = instrument

    def find(self, ref: str) -> Instrument:
        """Return the instrument of a reference. Raises JournalUnreadable."""
        found = self._found.get(ref)
        if found is None:
            raise JournalUnreadable(f"found a record of the instrument {ref!r}, which is not in its table")
        return found


class Codec:
    """Encodes and decodes with one table of instruments."""

    def __init__(self, instruments: InstrumentTable) -> None:
        self.instruments = instruments
        converter = self._converter = _converter(instruments)
        converter.register_unstructure_hook(commands.Command, self.pack)
        converter.register_structure_hook(commands.Command, lambda packed, _: self.unpack(packed))
        self._writers = {cls: (_tag(cls), converter.get_unstructure_hook(cls)) for cls in TYPES}
        self._readers = {_tag(cls): cls for cls in TYPES}

    def pack(self, value: object) -> list[Any]:
        """Return a value as JSON can hold it, with its tag. Raises TypeError for one that has no tag."""
        found = self._writers.get(type(value))
        if found is None:
            if isinstance(value, DecodedDelta):
                return [_DECODED, self._writers[market.BookDelta][1](value.plain())]
            raise TypeError(f"found a {type(value).__name__}, which has no tag; nothing else than TYPES can be encoded")
        tag, write = found
        return [tag, write(value)]

    def unpack(self, packed: Any) -> Any:
        """Return the value that `pack` made this of. Raises JournalUnreadable for an unknown tag or broken content."""
        try:
            tag, content = packed
            cls = self._readers[_tag(market.BookDelta) if tag == _DECODED else tag]
        except (TypeError, ValueError, KeyError):
            found = packed[0] if isinstance(packed, list) and packed else packed
            raise JournalUnreadable(f"found a record of the type {found!r}, which this version does not know") from None
        try:
            value = self._converter.structure(content, cls)
            return DecodedDelta.of(value) if tag == _DECODED else value
        except JournalUnreadable:
            raise
        except Exception as error:
            raise JournalUnreadable(f"found a record of the type {tag!r} that cannot be read: {error}") from error

    def encode(self, value: object) -> bytes:
        """Return a value as JSON text."""
        return orjson.dumps(self.pack(value))

    def decode(self, data: bytes | str) -> Any:
        """Return the value that `encode` made this of. Raises JournalUnreadable."""
        try:
            packed = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise JournalUnreadable(f"found a record that is no JSON: {error}") from None
        return self.unpack(packed)


def instrument_fields(instrument: Instrument) -> dict[str, Any]:
    """Return an instrument in full, as JSON can hold it."""
    fields: dict[str, Any] = _FULL.unstructure(instrument)
    return fields


def instrument_of(fields: Mapping[str, Any]) -> Instrument:
    """Return the instrument that `instrument_fields` made this of. Raises JournalUnreadable."""
    try:
        return _FULL.structure(fields, Instrument)
    except Exception as error:
        raise JournalUnreadable(f"found an instrument that cannot be read: {error}") from error


def _converter(instruments: InstrumentTable | None = None) -> Converter:
    """Return a converter that writes instruments as references into a table, or in full where there is none."""
    converter = Converter(
        omit_if_default=True, detailed_validation=False, unstruct_collection_overrides={frozenset: sorted}
    )
    if instruments is not None:
        converter.register_unstructure_hook(Instrument, instruments.refer)
        converter.register_structure_hook(Instrument, lambda ref, _: instruments.find(ref))
    converter.register_unstructure_hook(Decimal, str)
    # cattrs finds out at each value what these are: an order has a dozen.
    converter.register_unstructure_hook(Decimal | None, lambda number: None if number is None else str(number))
    converter.register_unstructure_hook_factory(_is_enum, lambda cls: attrgetter("_value_"))
    converter.register_structure_hook(Decimal, lambda text, _: Decimal(text))
    converter.register_unstructure_hook(Exception, _error_fields)
    converter.register_structure_hook(Exception, lambda fields, _: _error_of(fields))
    converter.register_unstructure_hook_factory(attrs.has, lambda cls: _writer(converter, cls))
    as_it_is = override(unstruct_hook=lambda levels: levels, struct_hook=lambda levels, _: levels)
    levels = {"bids": as_it_is, "asks": as_it_is}
    for cls in (market.BookSnapshot, market.BookDelta):
        converter.register_unstructure_hook(cls, _writer(converter, cls, **levels))
        read = make_dict_structure_fn(cls, converter, **levels)  # type: ignore[arg-type]
        converter.register_structure_hook(cls, read)
    payload = override(unstruct_hook=plain, struct_hook=lambda value, _: unplain(value))
    converter.register_unstructure_hook(Signal, _writer(converter, Signal, payload=payload))
    converter.register_structure_hook(Signal, make_dict_structure_fn(Signal, converter, payload=payload))
    return converter


def _is_enum(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Enum)


def _writer(converter: Converter, cls: type[Any], **special: Any) -> Callable[[Any], dict[str, Any]]:
    """Return what makes a class's fields JSON. A number is written also where it equals its default: 0.00 is not 0."""
    attrs.resolve_types(cls)
    if not special:
        return fields_writer(cls, converter.get_unstructure_hook)
    exact = {
        attribute.name: override(omit_if_default=False)
        for attribute in attrs.fields(cls)
        if isinstance(attribute.default, Decimal | attrs.Factory)
    }
    return make_dict_unstructure_fn(cls, converter, _cattrs_omit_if_default=True, **exact | special)


def _error_fields(error: Exception) -> dict[str, Any]:
    """What can be known of an error later: its nearest class that is no adapter's, not the raw bytes of a reply."""
    known = next(cls for cls in type(error).__mro__ if cls.__module__ in (errors.__name__, "builtins"))
    fields: dict[str, Any] = {"type": known.__name__}
    if not isinstance(error, AnyvenueError):
        return fields | {"text": str(error)}
    fields |= {name: getattr(error, name) for name in ("text", "venue", "request", "detail")}
    if isinstance(error, Rejected):
        fields |= {"reason": error.reason.value, "code": error.code}
    if isinstance(error, RateLimited):
        fields["retry_after_s"] = error.retry_after_s
    return fields


def _error_of(fields: Mapping[str, Any]) -> Exception:
    others = dict(fields)
    cls = getattr(errors, others.pop("type"), None)
    if cls is None:
        cls = getattr(builtins, fields["type"])
    if not issubclass(cls, AnyvenueError):
        return _of_text(cls, fields["text"])
    if "reason" in others:
        others["reason"] = RejectReason(others["reason"])
    if issubclass(cls, RateLimited):
        del others["reason"]
    return cls(**others)  # type: ignore[no-any-return]


def _of_text(cls: type[Exception], text: str) -> Exception:
    """Return an error of this class, or a plain one where it is not made of its text alone."""
    try:
        made = cls(text)
    except TypeError:
        return RuntimeError(text)
    return made if str(made) == text else RuntimeError(text)


_FULL: Final = _converter()
