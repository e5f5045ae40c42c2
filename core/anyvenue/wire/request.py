"""A request as an adapter builds it and a response as it gets it: values, without any I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from attrs import field, frozen

from anyvenue.wire.exact_json import decode

__all__ = ["Charge", "Effect", "Request", "Response"]

_PLAIN_IN_QUERY = "-_.~!,:/"
"""What a query may hold unencoded; everything else is percent-encoded, a space as %20."""


_WORD: Final = re.compile(r"[A-Za-z_.-]*|v\d+")
"""What a path's part may be to be shown. Ids and addresses have digits, and so have a few symbols."""


class Effect(Enum):
    """What a request does at the venue: nothing (it may be repeated), or something (it leaves once)."""

    READ = "read"
    COMMAND = "command"


@frozen(cache_hash=True)
class Charge:
    """What a request costs: `weight` out of a rate-limit bucket; `key` tells buckets of one rule apart."""

    bucket: str
    key: str = ""
    weight: int = 1


@frozen(kw_only=True)
class Request:
    """An HTTP request.

    Attributes:
        path: below the client's base URL, plain text, such as `/futures/usdt/orders`.
        query: names and values, plain text, in the order in which they are sent.
        body: the exact bytes; signatures are made over these.
        headers: beside those that the client sends with everything.
        signed: whether the client has it signed.
        effect: whether it may be repeated.
        charges: what it costs.
        urgent: it reduces risk (a cancel, a close): it may use the reserve that buckets keep for such.
        client_order_id: of the order that it is about, for the log.
        confidential: what is in it that nobody may repeat, such as a signature in the body: struck out of the answer.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict)
    signed: bool = False
    effect: Effect = Effect.READ
    charges: tuple[Charge, ...] = ()
    urgent: bool = False
    client_order_id: str = ""
    confidential: tuple[str, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """Method and path, for messages and logs, with a star for whatever may be an id: the venue's, or an account's.

        A client id is told by its own field.
        """
        return _name(self.method, self.path)

    @property
    def plain_query(self) -> str:
        """The query as plain text, not percent-encoded, without the question mark."""
        return "&".join(f"{name}={value}" for name, value in self.query)

    @property
    def encoded_query(self) -> str:
        """The query as it goes over the wire, without the question mark."""
        return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in self.query)

    @property
    def target(self) -> str:
        """Path and query as they go over the wire."""
        path = quote(self.path, safe="/-_.~!,:@")
        return f"{path}?{self.encoded_query}" if self.query else path


@frozen(kw_only=True)
class Response:
    """An HTTP response. `headers` have lower-case names; `ts_recv` is when it arrived, nanoseconds since the epoch."""

    status: int
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = b""
    ts_recv: int = 0

    def json(self, *, venue: str = "", request: str = "") -> Any:
        """Return the body's JSON, exactly. Raises VenueProtocolError for what is none."""
        return decode(self.body, venue=venue, request=request)


@lru_cache(maxsize=256)
def _name(method: str, path: str) -> str:
    shown = "/".join(part if _WORD.fullmatch(part) else "*" for part in path.split("/"))
    return f"{method} {shown}"


def _encoded(text: str) -> str:
    return quote(text, safe=_PLAIN_IN_QUERY)
