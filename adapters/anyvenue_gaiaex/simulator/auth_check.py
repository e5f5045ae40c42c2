"""Who is asking: GaiaEx's signatures and session tokens, and the checks that a request has to pass (chapter 2)."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Final

from anyvenue.simulation.server.keyring import ApiKey
from anyvenue.simulation.server.messages import HttpRequest
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.secrets import Secret
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.refusal import Refused
from anyvenue_gaiaex.simulator.wallets import Wallets

__all__ = ["READ", "TRADE", "Doorman", "signature"]

READ: Final = "read"
TRADE: Final = "trade"
WINDOW_MS: Final = 5000

_KEY, _TIME, _SIGN = "x-gaiaex-apikey", "x-gaiaex-timestamp", "x-gaiaex-signature"
_HEADERS: Final = (_KEY, _TIME, _SIGN)
_BEARER: Final = "Bearer "
_PROTOCOL: Final = "Bearer."
_MS_NS: Final = 1_000_000
_TIME_DIGITS: Final = 18


def signature(secret: Secret, timestamp: str, method: str, path: str, body: bytes = b"") -> str:
    """Return the signature of a request: HMAC-SHA256 over its parts, one behind the other."""
    message = f"{timestamp}{method}{path}".encode() + body
    return hmac.new(secret.reveal().encode(), message, sha256).hexdigest()


class Doorman:
    """Lets in who has a key or a session.

    Attributes:
        windows_ms: the clock window of keys that have one of their own, by key; [B] has it per key.
        without_read: keys that may not read.
    """

    def __init__(self, stage: Stage, wallets: Wallets, quirks: Quirks) -> None:
        self._stage = stage
        self._wallets = wallets
        self._quirks = quirks
        self.windows_ms: dict[str, int] = {}
        self.without_read: set[str] = set()

    def time_ms(self) -> int:
        """Return the time as the server has it."""
        return self._stage.time_ns() // _MS_NS

    def check(self, request: HttpRequest, paths: tuple[str, ...], permission: str) -> str:
        """Return the account that asks for something. Raises Refused.

        `paths` are those that may have been signed: without the base for REST, from its beginning for a WebSocket.
        """
        headers = request.headers
        if any(headers.get(name) for name in _HEADERS):
            return self._check_key(request, paths, permission)
        token = self._token(request)
        if token is None:
            raise Refused(401, "Missing authentication", "Missing API key auth headers")
        account = self._wallets.account_of_token(token)
        if account is None:
            raise Refused(401, "Session expired", "Invalid or expired session token")
        return account

    def check_address(self, account: str, address: str) -> None:
        """Raise Refused for an address that is not the account's own."""
        if not self._wallets.owns(account, address):
            raise Refused(403, "Address mismatch")

    def _token(self, request: HttpRequest) -> str | None:
        told = request.headers.get("authorization", "")
        if told.startswith(_BEARER):
            return told.removeprefix(_BEARER).strip()
        for protocol in request.headers.get("sec-websocket-protocol", "").split(","):
            if protocol.strip().startswith(_PROTOCOL):
                return protocol.strip().removeprefix(_PROTOCOL)
        return None

    def _check_key(self, request: HttpRequest, paths: tuple[str, ...], permission: str) -> str:
        headers = request.headers
        if not all(headers.get(name) for name in _HEADERS):
            raise Refused(401, "Missing authentication", "Missing API key auth headers")
        key = self._stage.keys.find(headers[_KEY])
        if key is None or key.expired:
            raise Refused(401, "Invalid API key")
        if key.addresses and request.remote not in key.addresses:
            raise Refused(403, "IP not whitelisted", f"IP {request.remote} not in API key whitelist")
        self._check_time(key, headers[_TIME])
        body = b"" if request.method.upper() == "GET" else request.body
        signed = (signature(key.secret, headers[_TIME], request.method.upper(), path, body) for path in paths)
        if not any(hmac.compare_digest(found.encode(), headers[_SIGN].encode()) for found in signed):
            raise Refused(401, "Invalid signature", "Invalid HMAC signature")
        self._check_permission(key, permission)
        return key.account

    def _check_time(self, key: ApiKey, timestamp: str) -> None:
        window, now = self.windows_ms.get(key.key, WINDOW_MS), self.time_ms()
        is_time = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _TIME_DIGITS
        late_ms = now - int(timestamp) if is_time else window + 1
        if late_ms > window or (self._quirks.future_counts and late_ms < -window):
            raise Refused(401, "Timestamp expired", f"Timestamp outside recv_window ({window}ms). Server time: {now}")

    def _check_permission(self, key: ApiKey, permission: str) -> None:
        if key.key in self.without_read if permission == READ else not key.may_trade:
            raise Refused(403, "Insufficient permissions", f"API key lacks '{permission}' permission")
