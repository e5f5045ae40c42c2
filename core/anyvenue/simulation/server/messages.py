"""Requests and responses as a simulated venue sees them: values, wherever they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from attrs import field, frozen

__all__ = ["HttpRequest", "HttpResponse", "json_response"]


@frozen(kw_only=True)
class HttpRequest:
    """A request as it came over the wire.

    Attributes:
        path: decoded, such as `/api/v4/futures/usdt/orders`.
        raw_path: as it was sent, percent-encoding and all, without the query.
        raw_query: the query as it was sent, without the question mark.
        headers: with lower-case names.
        remote: the client's address.
    """

    method: str
    path: str
    raw_path: str = field()
    raw_query: str = ""
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = b""
    remote: str = "127.0.0.1"

    @raw_path.default
    def _raw_path_is_plain(self) -> str:
        return self.path

    @property
    def query(self) -> dict[str, str]:
        """The query's names and values, decoded; of a name that comes twice the last value."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))


@frozen(kw_only=True)
class HttpResponse:
    """A response."""

    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = b""


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return a response that bears `content` as JSON."""
    told = {"content-type": "application/json", **(headers or {})}
    return HttpResponse(status=status, headers=told, body=orjson.dumps(content))
