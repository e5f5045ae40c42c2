"""httpx's request and response without what they cost: each becomes whole when somebody looks, and hardly anybody does.

Whoever stands behind httpx's transport interface may look: a simulator in memory, respx, somebody's own transport. Ours
has no need to, and to make both whole takes a quarter of the time of an order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import httpx

__all__ = ["PORTS", "LeanRequest", "LeanResponse", "Origin", "Target", "whole"]

PORTS: Final = {"http": 80, "https": 443}
Origin: TypeAlias = tuple[str, str, int]
"""Scheme, host and port."""
_WRITTEN_ANEW: Final = ("host", "content-length", "transfer-encoding")


class Target(NamedTuple):
    """Where a request goes: its URL, and what is made of it once for all requests that go there."""

    url: httpx.URL
    origin: Origin
    path: str
    host: str

    @classmethod
    def of(cls, url: httpx.URL) -> Target:
        """Take a URL apart."""
        origin = url.scheme, url.raw_host.decode("ascii"), url.port or PORTS.get(url.scheme, 0)
        return cls(url, origin, url.raw_path.decode("ascii"), url.netloc.decode("ascii"))


class LeanRequest(httpx.Request):
    """A request. `own_headers` are all but Host and Content-Length, and `body` is all that follows them."""

    def __init__(
        self,
        method: str,
        target: Target,
        own_headers: Mapping[str, str],
        body: bytes = b"",
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        self.method = method
        self.url = target.url
        self.target = target
        self.own_headers = own_headers
        self.body = body
        self.extensions = {} if extensions is None else dict(extensions)

    @classmethod
    async def of(cls, request: httpx.Request) -> LeanRequest:
        """Return a request as one of these."""
        if isinstance(request, LeanRequest):
            return request
        told = ((name.decode("latin-1"), value) for name, value in request.headers.raw)
        headers = _merged((name, value) for name, value in told if name.lower() not in _WRITTEN_ANEW)
        return cls(request.method, Target.of(request.url), headers, await request.aread(), request.extensions)

    def __getattr__(self, name: str) -> Any:
        if "headers" in vars(self):
            raise AttributeError(name)
        made = httpx.Request(
            self.method, self.url, headers=self.own_headers, content=self.body or None, extensions=self.extensions
        )
        vars(self).update(vars(made))
        return getattr(self, name)


class LeanResponse(httpx.Response):
    """A whole answer, its body as it came. Names are in lower case, several headers of one name a list with commas."""

    def __init__(self, status_code: int, own_headers: Mapping[str, str], body: bytes) -> None:
        self.status_code = status_code
        self.own_headers = own_headers
        self.body = body

    def __getattr__(self, name: str) -> Any:
        if "headers" in vars(self):
            raise AttributeError(name)
        vars(self).update(vars(httpx.Response(self.status_code, headers=self.own_headers, content=self.body)))
        return getattr(self, name)


async def whole(answer: httpx.Response) -> tuple[Mapping[str, str], bytes]:
    """Return an answer's headers and its body, unpacked. Raises what reading it raises; it is closed then."""
    if isinstance(answer, LeanResponse) and "content-encoding" not in answer.own_headers:
        return answer.own_headers, answer.body
    try:
        body = await answer.aread()
    except BaseException:
        await answer.aclose()  # lest its connection stay
        raise
    return _merged((raw_name.decode("latin-1").lower(), value) for raw_name, value in answer.headers.raw), body


def _merged(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Return headers by name; several of one name become a list with commas."""
    found: dict[str, str] = {}
    for name, raw_value in headers:
        value = raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
