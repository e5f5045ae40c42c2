"""Who is asking: Gate's signatures of requests and frames, and the checks a signed request has to pass."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import unquote, unquote_plus

from anyvenue.simulation.server.keyring import ApiKey
from anyvenue.simulation.server.messages import HttpRequest
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.secrets import Secret
from anyvenue_gateio.simulator.refusal import Refused

__all__ = ["Doorman", "api_signature", "channel_signature", "rest_signature"]

WINDOW_NS: Final = 60 * 1_000_000_000
_HEADERS: Final = ("key", "sign", "timestamp")


def rest_signature(secret: Secret, method: str, path: str, query: str, body: bytes, timestamp: str) -> str:
    """Return the signature of a request; the query is not URL-encoded, `timestamp` the text of the header."""
    lines = (method.upper(), path, query, hashlib.sha512(body).hexdigest(), timestamp)
    return _sign(secret, "\n".join(lines))


def channel_signature(secret: Secret, channel: str, event: str, time: int | str) -> str:
    """Return the signature of a subscription; `event` and `time` are those of the frame."""
    return _sign(secret, f"channel={channel}&event={event}&time={time}")


def api_signature(secret: Secret, channel: str, raw_param: str, timestamp: str) -> str:
    """Return the signature of a WebSocket API request; `raw_param` is `req_param` as the frame has it, or empty."""
    return _sign(secret, f"api\n{channel}\n{raw_param}\n{timestamp}")


def _sign(secret: Secret, text: str) -> str:
    return hmac.new(secret.reveal().encode(), text.encode(), hashlib.sha512).hexdigest()


class Doorman:
    """Lets in who has a key."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        # Seen or plausible, documented nowhere.
        self._expired_status = (403, 401)[stage.chance.below(2)]
        self._missing_status = (401, 400)[stage.chance.below(2)]

    def time_ns(self) -> int:
        """Return the time as the server has it."""
        return self._stage.time_ns()

    def check_rest(self, request: HttpRequest) -> ApiKey:
        """Return the key that signed a request. Raises Refused."""
        headers = request.headers
        missing = [name for name in _HEADERS if not headers.get(name)]
        if missing:
            raise Refused(
                "MISSING_REQUIRED_HEADER", f"Missing required header: {missing[0].upper()}", status=self._missing_status
            )
        key = self.check_key(headers["key"], request.remote)
        self._check_time(headers["timestamp"])
        if not self._is_signed(request, key, headers):
            raise Refused("INVALID_SIGNATURE", "Signature mismatch", status=401)
        if not key.may_trade and request.method.upper() != "GET":
            raise Refused("READ_ONLY", "API key is read-only", status=403)
        return key

    def check_key(self, name: str, remote: str) -> ApiKey:
        """Return the key with this public part, where it may be used from this address. Raises Refused."""
        key = self._stage.keys.find(name)
        if key is None or key.expired:
            raise Refused("INVALID_KEY", "Invalid key provided", status=401)
        if key.addresses and remote not in key.addresses:
            raise Refused("IP_FORBIDDEN", f"IP {remote} is not in the whitelist of the key", status=403)
        return key

    def check_trading(self, key: ApiKey) -> None:
        """Raise Refused for a key that may not trade."""
        if not key.may_trade:
            raise Refused("FORBIDDEN", "API key has no permission for this operation", status=403)

    def _check_time(self, timestamp: str) -> None:
        try:
            sent_ns = int(Decimal(timestamp) * 1_000_000_000)
        except (InvalidOperation, OverflowError, ValueError):
            raise Refused("INVALID_PARAM_VALUE", "Timestamp: Unix seconds are needed") from None
        if abs(self.time_ns() - sent_ns) > WINDOW_NS:
            raise Refused(
                "REQUEST_EXPIRED",
                "gap between request Timestamp and server time exceeds 60",
                status=self._expired_status,
            )

    def _is_signed(self, request: HttpRequest, key: ApiKey, headers: Mapping[str, str]) -> bool:
        """Tell whether the signature is right.

        What the path looks like for a name that is not ASCII is undocumented: encoded or plain will do.
        """
        raw = request.raw_query
        found = headers["sign"].encode()
        return any(
            hmac.compare_digest(
                rest_signature(key.secret, request.method, path, query, request.body, headers["timestamp"]).encode(),
                found,
            )
            for path in dict.fromkeys((request.path, request.raw_path))
            for query in dict.fromkeys((unquote(raw), unquote_plus(raw)))
        )
