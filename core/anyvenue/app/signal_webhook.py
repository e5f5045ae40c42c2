"""The webhook: signals that come as signed HTTP requests.

    POST /signal    body: one JSON object    header X-Anyvenue-Signature: HMAC-SHA256 of the body, in hex

The key of the HMAC is the shared secret, so that the secret itself never travels and nobody on the way can change a
signal; who records a request can only send the same one again, which is why a signal should bear an `id` and an
`expiry`. From a shell:

    printf %s "$BODY" | openssl dgst -sha256 -hmac "$SECRET" -r    # the signature is the first word

Answers: 202 passed on to the strategy; 400 not a JSON object; 401 signature missing or wrong; 408 the body did not
come; 413 too long; 503 the run is ending. It speaks plain HTTP and listens on this machine only, unless told
otherwise; what comes from elsewhere belongs behind a proxy that speaks TLS.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import field, frozen, validators

from anyvenue.app.config_errors import ConfigError, Problem
from anyvenue.app.signal_lines import LINE_BYTES_MAX, decode_object
from anyvenue.engine.engine import Engine
from anyvenue.engine.signal import Signal
from anyvenue.venue.secrets import Secret, SecretError, SecretReference

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["PATH", "SIGNATURE_HEADER", "WebhookSettings", "serve_webhook"]

_log = logging.getLogger("anyvenue.signals")

PATH: Final = "/signal"
SIGNATURE_HEADER: Final = "X-Anyvenue-Signature"
SECRET_LENGTH_MIN: Final = 16
BODY_PATIENCE_S: Final = 10


@frozen(kw_only=True)
class WebhookSettings:
    """`[signals.webhook]`.

    Attributes:
        secret: a reference to the shared secret, at least 16 characters: `env:NAME` or `file:PATH`.
        host: the address to listen on.
        port: the port; 0 for any that is free.
    """

    secret: SecretReference
    host: str = "127.0.0.1"
    port: int = field(default=8787, validator=[validators.ge(0), validators.le(65535)])


@asynccontextmanager
async def serve_webhook(engine: Engine, settings: WebhookSettings, folder: Path = Path()) -> AsyncIterator[str]:
    """Listen while the block runs; gives the URL. Raises ConfigError where secret or address cannot be had."""
    from aiohttp import web

    secret = _fetched(settings.secret, folder)
    application = web.Application(client_max_size=LINE_BYTES_MAX)
    application.router.add_post(PATH, _Desk(engine, secret).take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await _listening(web.TCPSite(runner, settings.host, settings.port), settings)
        host, port = runner.addresses[0][:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"
        if not ip_address(host).is_loopback:
            _log.warning("the webhook %s can be reached from other machines, over plain HTTP", url)
        _log.info("signals are taken at %s", url)
        yield url
    finally:
        await runner.cleanup()


async def _listening(site: web.TCPSite, settings: WebhookSettings) -> None:
    try:
        await site.start()
    except OSError as error:
        text = f'found {settings.port} of "{settings.host}"; it cannot be listened on: {error.strerror}'
        raise ConfigError([Problem(place="", key="signals.webhook.port", text=text)]) from None


def _fetched(reference: SecretReference, folder: Path) -> Secret:
    try:
        secret = reference.resolve(folder)
        if len(secret.reveal()) < SECRET_LENGTH_MIN:
            raise SecretError(
                f"{reference}: found a secret too short to be one; allowed are {SECRET_LENGTH_MIN} characters or more"
            )
    except SecretError as error:
        problem = Problem(place="", key="signals.webhook.secret", text=str(error))
        raise ConfigError([problem]) from None
    return secret


class _Desk:
    """Takes requests in."""

    def __init__(self, engine: Engine, secret: Secret) -> None:
        self._engine = engine
        self._secret = secret

    async def take(self, request: web.Request) -> web.Response:
        """Answer one request."""
        from aiohttp import web

        try:
            async with asyncio.timeout(BODY_PATIENCE_S):
                body = await request.read()  # answers 413 by itself
        except TimeoutError:
            return web.Response(status=408, text="the body did not come\n")
        # Nothing is read out of the body, and nothing told about the run, before the signature has been seen.
        if not self._is_signed(body, request.headers.get(SIGNATURE_HEADER, "")):
            _log.warning("webhook: a request from %s had no valid signature", request.remote)
            return web.Response(
                status=401,
                text=f"{SIGNATURE_HEADER} must be the HMAC-SHA256 of the body with the shared secret, in hex\n",
            )
        if self._engine.is_stopping:
            return web.Response(status=503, text="the run is ending\n")
        try:
            payload = decode_object(body)
        except ValueError as error:
            _log.error("webhook: %s; the request is left out", error)
            self._engine.say(f"webhook: {error}; the request is left out")
            return web.Response(status=400, text=f"{error}\n")
        self._engine.receive(Signal(source="webhook", payload=payload, ts_recv=self._engine.clock.time_ns()))
        return web.Response(status=202, text="accepted\n")

    def _is_signed(self, body: bytes, signature: str) -> bool:
        due = hmac.new(self._secret.reveal().encode(), body, hashlib.sha256).hexdigest()
        found = signature.strip().removeprefix("sha256=").lower()
        return hmac.compare_digest(found.encode("utf-8", "replace"), due.encode())
