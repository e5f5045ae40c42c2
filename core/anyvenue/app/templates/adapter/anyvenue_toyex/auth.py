"""How ToyEx wants requests and logins signed: HMAC-SHA256, lower-case hex.

Ask of your venue: over exactly which bytes? Is the query signed, and encoded how? The path with the prefix? Seconds or
milliseconds, and how far may they be off? Does the signature go into headers, the query or the body?
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from anyvenue.venue.secrets import Secret
from anyvenue.wire.request import Request


def rest_headers(credentials: Mapping[str, Secret], request: Request, path: str, time_ns: int) -> dict[str, str]:
    """Return the headers that sign `request`. `path` is the whole one, with `/v1`; ToyEx allows 10 s."""
    time_ms = str(time_ns // 1_000_000)
    target = f"{path}?{request.encoded_query}" if request.query else path
    signature = _sign(credentials, f"{time_ms}{request.method}{target}".encode() + request.body)
    return {"X-Toy-Key": credentials["key"].reveal(), "X-Toy-Time": time_ms, "X-Toy-Sign": signature}


def login(credentials: Mapping[str, Secret], time_ns: int) -> dict[str, str]:
    """Return the members of the frame that logs a WebSocket in."""
    time_ms = str(time_ns // 1_000_000)
    return {"key": credentials["key"].reveal(), "time": time_ms, "sign": _sign(credentials, f"{time_ms}login".encode())}


def _sign(credentials: Mapping[str, Secret], message: bytes) -> str:
    return hmac.new(credentials["secret"].reveal().encode(), message, hashlib.sha256).hexdigest()
