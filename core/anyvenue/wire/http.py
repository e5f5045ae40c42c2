"""The HTTP client: sends what may be sent, when it may be sent, and says of every failure what it means.

What decides is how far a request got. Where no connection came about it never left: NotSent. From then on a command
may have been carried out, whatever went wrong: OutcomeUnknown, and it is not repeated. Reads are repeated. What an
answer means, the adapter's `judge` says.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence, Set
from types import MappingProxyType
from typing import Final

import httpx
from attrs import evolve

from anyvenue.model.errors import AuthenticationFailed, NotSent, OutcomeUnknown, RateLimited, VenueProtocolError
from anyvenue.venue.clock import Clock
from anyvenue.venue.secrets import SecretSource
from anyvenue.venue.secrets.careful import is_private_way
from anyvenue.wire.backoff import Backoff, chance_of
from anyvenue.wire.breaker import Breaker
from anyvenue.wire.deadline import Deadlines, pause
from anyvenue.wire.lean_httpx import LeanRequest, Target, whole
from anyvenue.wire.limits import PATIENCE_S, LimitNews, RateLimiter
from anyvenue.wire.redaction import MASK, is_sensitive, redact
from anyvenue.wire.refusal import Refusal
from anyvenue.wire.request import Effect, Request, Response
from anyvenue.wire.sending import note_sent
from anyvenue.wire.server_time import ServerTime
from anyvenue.wire.transport import Transport

__all__ = ["HttpClient"]

KEEP_ALIVE_S: Final = 15.0
"""An idle connection is kept so long: less than servers keep theirs, lest a request meets one that is just closing."""
WARM_S: Final = 600.0
"""So long after a request a connection is kept ready for the next one: an order should not have to wait for TLS."""
CONNECT_PART: Final = 0.4
"""How much of the timeout waiting for a free connection may take, and making one: so a connection that does not come
about shows as such, while it is certain that nothing has left."""
_SECOND_NS: Final = 1_000_000_000
SECRET_LENGTH: Final = 16
"""No key and no signature is shorter; a time stamp is, and may stand in an answer for good reasons."""
_NEVER_LEFT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_USUAL: Final = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
    "User-Agent": "anyvenue",
}
_URLS_KEPT: Final = 256

_log = logging.getLogger("anyvenue.wire")


def _no_news(request: Request, response: Response) -> Sequence[LimitNews]:
    return ()


class HttpClient:
    """Sends requests to one venue.

    `judge` says what an answer means, None being success. `sign` returns the headers that sign a request, or, where the
    signature goes elsewhere, the whole request as it is to leave; it gets the request, its whole path as plain text
    (that of `base_url` included) and the venue's time in nanoseconds. `limits_of` reads what an answer says of rate
    limits. `timeout_s` holds for one exchange, from connecting to the last byte.
    `attempts` is how often a read is sent at most. `transport` stands in for the network: it is called as it is,
    without the layers of an httpx client.

    Proxies and certificates named by environment variables are not used, redirects not followed, cookies not kept: a
    request is what the adapter made of it, to the host it names.
    """

    def __init__(
        self,
        base_url: str,
        *,
        venue: str,
        clock: Clock,
        judge: Callable[[Request, Response], Refusal | None],
        sign: Callable[[Request, str, int], Mapping[str, str] | Request] | None = None,
        limiter: RateLimiter | None = None,
        limits_of: Callable[[Request, Response], Sequence[LimitNews]] = _no_news,
        server_time: ServerTime | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        timeout_s: float = 10.0,
        attempts: int = 3,
        breakers: Callable[[Request], Breaker] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        jitter: Callable[[], float] | None = None,
        secrets: SecretSource | None = None,
    ) -> None:
        self._base = _checked(base_url)
        self._base_path = self._base.path.rstrip("/")
        self._venue = venue
        self._clock = clock
        self._judge = judge
        self._sign = sign
        self._limiter = limiter
        self._patience_s = PATIENCE_S if limiter is None else limiter.patience_s
        self._limits_of = limits_of
        self._server_time = server_time or ServerTime(clock)
        self._headers = {**_USUAL, **headers}
        self._checked_headers: dict[str, str] = {}
        self._usual_secrets = {value for name, value in self._headers.items() if is_sensitive(name)}
        self._deadlines = Deadlines(clock, timeout_s)
        self._attempts = attempts
        self._breakers = breakers
        self._jitter = jitter or chance_of(clock, base_url)
        self._secrets = secrets
        connect_s = timeout_s * CONNECT_PART
        usual = Transport(connect_s=connect_s, keep_alive_s=KEEP_ALIVE_S, warm_s=WARM_S)
        self._transport = usual if transport is None else transport
        self._extensions = {"timeout": {"connect": connect_s, "pool": connect_s}}  # the rest is on our clock
        self._targets: dict[tuple[str, tuple[tuple[str, str], ...]], Target] = {}
        self._is_closed = False

    async def send(self, request: Request) -> Response:
        """Send a request and return the venue's answer, where that is a success.

        Raises what `judge` finds in the answer; NotSent where the request never left (no connection, a rate limit, the
        breaker, no key to sign it with); OutcomeUnknown where no answer came; ValueError for a path that cannot be sent
        as it is. A read is repeated, after a while, where that may help. A command leaves once; again only after the
        venue refused its time stamp. May be called many times at once, and canceled: then a command's outcome is
        unknown.
        """
        backoff: Backoff | None = None
        attempt, clock_corrected, renewed = 1, False, False
        while True:
            version = 0 if self._secrets is None else self._secrets.version
            outcome = await self._attempt(request)
            if isinstance(outcome, Response):
                return outcome
            if outcome.clock and not clock_corrected and await self._correct_clock(request):
                clock_corrected = True
                continue
            if (
                self._secrets is not None
                and request.signed
                and not renewed
                and isinstance(outcome.error, AuthenticationFailed)
            ):
                renewed = True  # the venue refused the key, so nothing has been carried out
                if await self._secrets.renewed(version):
                    continue
            backoff = backoff or Backoff(jitter=self._jitter)
            wait_s = self._wait_to_repeat(outcome, backoff)
            if wait_s is None or request.effect is not Effect.READ or attempt >= self._attempts:
                raise outcome.error
            attempt += 1
            _log.warning(
                "%s %s: %s; attempt %d of %d in %.2f s",
                self._venue,
                request.name,
                outcome.error.text,
                attempt,
                self._attempts,
                wait_s,
            )
            await pause(self._clock, wait_s)

    @property
    def clock_ahead_ns(self) -> int:
        """How far the server's clock is ahead of ours, negative where it is behind; 0 where nobody asked it."""
        return self._server_time.offset_ns

    async def close(self) -> None:
        """Close all connections. Closing twice does nothing; what is still on its way ends as unknown."""
        if not self._is_closed:
            self._is_closed = True
            await self._transport.aclose()

    async def _attempt(self, request: Request) -> Response | Refusal:
        """Send once, when it may go. Faults of the transport are told like refusals, as faults of the server."""
        target = self._target(request)
        try:
            if self._breakers is not None:
                self._breakers(request).check(request.urgent)
            if self._limiter is not None:
                await self._limiter.take(request.charges, urgent=request.urgent)
        except NotSent as error:
            raise self._not_sent(request, error.text) from None
        signature = self._signature(request)  # only now: it must not grow old while it waits for its turn
        if isinstance(signature, Request):
            secrets = {value for name, value in signature.query if (name, value) not in request.query}
            secrets.update(signature.confidential)
            request, signature = signature, {}
            target = self._target(request)
        else:
            secrets = set(signature.values())
        headers = self._all_headers(request, signature)
        if self._is_closed:
            raise self._not_sent(request, "this connection has been closed; open a new one")
        secrets |= self._usual_secrets
        secrets.update(value for name, value in request.headers.items() if is_sensitive(name))
        message = LeanRequest(request.method, target, headers, request.body, self._extensions)
        outcome = await self._exchange(request, message, secrets)
        if isinstance(outcome, Response):
            self._learn(request, outcome)
            outcome = self._judged(request, outcome) or outcome
        self._tell_breaker(request, outcome)
        if isinstance(outcome, Refusal) and isinstance(outcome.error, RateLimited):
            self._hold_back(request, outcome.error.retry_after_s)
        return outcome

    async def _exchange(self, request: Request, message: httpx.Request, secrets: Set[str]) -> Response | Refusal:
        started_ns = self._clock.time_ns()
        note_sent(started_ns)
        try:
            with self._deadlines.begin():
                answer = await self._transport.handle_async_request(message)
                headers, body = await whole(answer)
        except _NEVER_LEFT as error:
            text = f"{self._base.host} could not be reached; check the network and the venue's status, then send again"
            fault: NotSent | OutcomeUnknown = self._not_sent(request, text, detail=_shown(error, secrets))
        except Exception as error:  # noqa: BLE001 - whatever it was, the request may have left
            wait_s = (self._clock.time_ns() - started_ns) / _SECOND_NS
            text = f"no answer from {self._base.host} ({type(error).__name__} after {wait_s:.2f} s)"
            if request.effect is Effect.COMMAND:
                text += "; it may have been carried out: ask the venue for it before sending it again"
            detail = _shown(error, secrets)
            fault = OutcomeUnknown(text, venue=self._venue, request=request.name, detail=detail)
        else:
            now = self._clock.time_ns()
            if _log.isEnabledFor(logging.DEBUG):
                took_ms = (now - started_ns) / 1_000_000
                about = f" for {request.client_order_id}" if request.client_order_id else ""
                _log.debug("%s %s%s: %d in %.1f ms", self._venue, request.name, about, answer.status_code, took_ms)
            return Response(status=answer.status_code, headers=headers, body=_without(body, secrets), ts_recv=now)
        # It is raised outside of the except blocks, lest it carry the transport's error along, which nobody redacted.
        return Refusal(fault, server_fault=True)

    def _judged(self, request: Request, response: Response) -> Refusal | None:
        try:
            return self._judge(request, response)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            text = f"found an answer that cannot be judged ({type(error).__name__}: {error}); look at the raw bytes"
            raise VenueProtocolError(text, raw=response.body, venue=self._venue, request=request.name) from error

    def _target(self, request: Request) -> Target:
        asked = request.path, request.query
        if (known := self._targets.get(asked)) is not None:
            return known
        wanted = request.target
        path = self._base.raw_path.rstrip(b"/") + wanted.encode()
        try:
            url = self._base.copy_with(raw_path=path)
        except httpx.InvalidURL:
            url = httpx.URL()
        if not request.path.startswith("/") or url.raw_path != path:
            raise ValueError(
                f"{request.name}: found a path that would not be sent as it is; allowed are paths that begin with a "
                "slash and have no parts . or .., together with the query in 65536 characters"
            )
        if len(self._targets) >= _URLS_KEPT:
            self._targets.clear()
        self._targets[asked] = target = Target.of(url)
        return target

    def _signature(self, request: Request) -> Mapping[str, str] | Request:
        if not request.signed:
            return {}
        if self._sign is None:
            text = "it has to be signed and this connection has no key; give it credentials"
            raise self._not_sent(request, text)
        return self._sign(request, self._base_path + request.path, self._server_time.time_ns())

    def _all_headers(self, request: Request, signature: Mapping[str, str]) -> dict[str, str]:
        headers = self._checked_headers.copy()
        usual = () if headers else self._headers.items()
        for name, value in (*usual, *request.headers.items(), *signature.items()):
            if not (value.isascii() and value.isprintable() and value == value.strip()):
                # Checked here, since others put the value into the errors they raise.
                text = f"the header {name} (not shown) holds what HTTP cannot carry; check the key for stray characters"
                raise self._not_sent(request, text)
            headers[name.lower()] = value
        if not self._checked_headers:
            self._checked_headers = {name.lower(): value for name, value in self._headers.items()}
        return headers

    async def _correct_clock(self, request: Request) -> bool:
        try:
            await self._server_time.sync()
        except Exception as error:  # noqa: BLE001 - the caller is to see why its own request failed, not this one
            _log.warning("%s: the server's time could not be asked: %s", self._venue, type(error).__name__)
            return False
        offset_ms = self._server_time.offset_ns / 1_000_000
        _log.warning("%s %s: time stamp refused; clock corrected by %.1f ms", self._venue, request.name, offset_ms)
        return True

    def _wait_to_repeat(self, outcome: Refusal, backoff: Backoff) -> float | None:
        """Return after how many seconds it makes sense to send a read again; None where it makes none."""
        if isinstance(outcome.error, RateLimited):
            wait_s = max(0.0, outcome.error.retry_after_s)
            return wait_s if wait_s <= self._patience_s else None
        return backoff.delay() if outcome.server_fault or outcome.unprocessed else None

    def _tell_breaker(self, request: Request, outcome: Response | Refusal) -> None:
        if self._breakers is None:
            return
        if isinstance(outcome, Refusal) and outcome.server_fault:
            self._breakers(request).failed(outcome.error.text)
        else:
            self._breakers(request).succeeded()

    def _learn(self, request: Request, response: Response) -> None:
        if self._limiter is None:
            return
        offset_ns = self._server_time.offset_ns
        try:
            self._limiter.learn(
                [
                    item if item.reset_ns is None else evolve(item, reset_ns=item.reset_ns - offset_ns)
                    for item in self._limits_of(request, response)
                ]
            )
        except Exception:  # noqa: BLE001 - the answer itself matters more than what its headers say of limits
            _log.exception("%s %s: the rate-limit headers cannot be read", self._venue, request.name)

    def _hold_back(self, request: Request, seconds: float) -> None:
        if self._limiter is not None:
            until_ns = self._clock.time_ns() + int(seconds * _SECOND_NS)
            for charge in request.charges:
                self._limiter.block(charge, until_ns)

    def _not_sent(self, request: Request, text: str, detail: str = "") -> NotSent:
        return NotSent(text, venue=self._venue, request=request.name, detail=detail)


def _checked(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise ValueError(
            "base_url: found what is no base URL (not shown); allowed are http(s)://HOST[:PORT][/PATH], without user, "
            "password, query and fragment"
        )
    if not is_private_way(str(url)):
        raise ValueError(
            f"base_url: found http:// and the host {url.host}; allowed are https://, and http:// on this machine: "
            "others would hear the keys"
        )
    return url


def _without(body: bytes, secrets: Set[str]) -> bytes:
    """Return an answer without what was sent to be kept: a server, or one in its place, may repeat its request."""
    for secret in secrets:
        if len(secret) >= SECRET_LENGTH and (value := secret.encode()) in body:
            body = body.replace(value, MASK.encode())
    return body


def _shown(error: Exception, secrets: Set[str]) -> str:
    return redact(str(error), secrets)
