"""How GaiaEx wants requests and the user stream authenticated: HMAC-SHA256 with an API key, or a session token."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from anyvenue.venue.secrets import Secret
from anyvenue.wire.request import Request

__all__ = ["Keys", "rest_headers", "stream_headers"]

_MS_NS: Final = 1_000_000
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")


@frozen
class Keys:
    """What opens an account: its wallet address, and a key with its secret, a session token, or both.

    The address is used in the one spelling it is given in: whether its case counts is not documented.
    """

    address: str
    key: str = ""
    secret: Secret | None = None
    token: Secret | None = None

    @classmethod
    def of(cls, given: Mapping[str, Secret]) -> Keys:
        """Take a connection's credentials. Raises ValueError for an address that is none."""
        address = given["address"].reveal().strip()
        if not _ADDRESS.fullmatch(address):
            raise ValueError(
                "credentials.address: found what is no wallet address (not shown); allowed is 0x and 40 "
                "hexadecimal digits, spelled as the app shows it beside the key"
            )
        key = given["key"].reveal() if "key" in given else ""
        return cls(address, key, given.get("secret"), given.get("token"))


def rest_headers(keys: Keys, request: Request, time_ns: int) -> dict[str, str]:
    """Return the headers that authenticate `request`. `time_ns` is GaiaEx's time: it allows 5 s.

    The path is signed without the base URL's own. A signed request has no query: how one is signed is not documented.
    """
    if request.query:
        raise ValueError(f"{request.name}: found a signed request with a query; allowed are those without")
    return _headers(keys, request.method, request.path, request.body, time_ns)


def stream_headers(keys: Keys, time_ns: int, *, by_token: bool = False) -> dict[str, str]:
    """Return the headers that open the user stream. Its path is signed with the `/ws` prefix."""
    return _headers(keys, "GET", f"/ws/user/{keys.address}", b"", time_ns, by_token=by_token)


def _headers(
    keys: Keys, method: str, path: str, body: bytes, time_ns: int, *, by_token: bool = False
) -> dict[str, str]:
    if keys.token is not None and (by_token or keys.secret is None):
        return {"Authorization": f"Bearer {keys.token.reveal()}"}
    if keys.secret is None:
        raise ValueError("credentials: found neither a key with its secret nor a token; give one of them")
    timestamp = str(time_ns // _MS_NS)
    message = f"{timestamp}{method}{path}".encode() + body
    signature = hmac.new(keys.secret.reveal().encode(), message, hashlib.sha256).hexdigest()
    return {"X-GAIAEX-APIKEY": keys.key, "X-GAIAEX-TIMESTAMP": timestamp, "X-GAIAEX-SIGNATURE": signature}
