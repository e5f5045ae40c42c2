"""Who is asking: ToyEx's signatures, checked."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from anyvenue.simulation.server.keyring import ApiKey
from anyvenue.simulation.server.messages import HttpRequest
from anyvenue.simulation.server.stage import Stage

from anyvenue_toyex.simulator.refusal import Refused

WINDOW_MS: Final = 10_000


def check_request(stage: Stage, request: HttpRequest) -> ApiKey:
    """Return the key that signed a request. Raises Refused."""
    told = request.headers
    target = f"{request.raw_path}?{request.raw_query}" if request.raw_query else request.raw_path
    message = f"{told.get('x-toy-time', '')}{request.method}{target}".encode() + request.body
    key = check(stage, told.get("x-toy-key", ""), told.get("x-toy-time", ""), told.get("x-toy-sign", ""), message)
    if not key.may_trade and request.method != "GET":
        raise Refused("read_only", "this key may not trade", status=403)
    return key


def check(stage: Stage, name: str, time_ms: str, signature: str, message: bytes) -> ApiKey:
    """Return the key of that name, where it made this signature lately. Raises Refused."""
    key = stage.keys.find(name)
    if key is None or key.expired:
        raise Refused("bad_key", "there is no such key", status=401)
    made = hmac.new(key.secret.reveal().encode(), message, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(made.encode(), signature.encode()):
        raise Refused("bad_key", "the signature is wrong", status=401)
    if not time_ms.isdecimal() or abs(stage.time_ns() // 1_000_000 - int(time_ms)) > WINDOW_MS:
        raise Refused("too_late", "the time stamp is off by more than 10 s", status=401)
    return key
