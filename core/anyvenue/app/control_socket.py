"""The control socket of a running process: on this machine only, for whoever may read one file of the user's.

    GET /status    what it holds and does, as JSON; no secrets
    POST /flatten  the kill switch: orders canceled, positions closed, the run ended
    POST /stop     the end, as by Ctrl-C

It speaks HTTP on 127.0.0.1, at a port that the system chooses. Where, and the token that every request must bear as
`Authorization: Bearer TOKEN`, stand in a file under the state directory that only its owner can read:
`$XDG_STATE_HOME/anyvenue/control` or `~/.local/state/anyvenue/control`. Answers: 200, 202 begun, 401 wrong token.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from anyvenue.app.durability import state_folder
from anyvenue.engine.engine import Engine

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["ControlPoint", "control_folder", "find_control_points", "serve_control"]

_log = logging.getLogger("anyvenue.control")

HOST: Final = "127.0.0.1"
MESSAGES_SHOWN: Final = 10


@frozen
class ControlPoint:
    """Where a running process can be asked. The token is never shown."""

    path: Path
    url: str
    pid: int
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"ControlPoint({self.url!r}, pid={self.pid})"


def control_folder() -> Path:
    """Return the folder of the files that say where running processes listen."""
    return state_folder() / "control"


def find_control_points(source: str, folder: Path | None = None) -> list[ControlPoint]:
    """Return the control sockets of processes that run the configuration `source`; some may have ended long since."""
    points = []
    for path in sorted((folder or control_folder()).glob(f"{_key(source)}-*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            said = json.loads(path.read_text(encoding="utf-8"))
            headers = {"Authorization": f"Bearer {said['token']}"}
            points.append(ControlPoint(path, str(said["url"]), int(said["pid"]), headers))
    return points


@asynccontextmanager
async def serve_control(engine: Engine, source: str, folder: Path | None = None) -> AsyncIterator[ControlPoint | None]:
    """Listen while the block runs. Where that cannot be, a warning says so and the run goes on without (None)."""
    from aiohttp import web

    token = secrets.token_urlsafe(32)
    application = web.Application(client_max_size=1024, middlewares=[_guarded(token)])
    control = _Control(engine, source)
    application.router.add_get("/status", control.status)
    application.router.add_post("/flatten", control.flatten)
    application.router.add_post("/stop", control.stop)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    point: ControlPoint | None = None
    try:
        try:
            await web.TCPSite(runner, HOST, 0).start()
            url = f"http://{HOST}:{runner.addresses[0][1]}"
            point = _written(folder or control_folder(), source, url, token)
        except OSError as error:
            _log.warning("no control socket: %s. The kill switch is SIGUSR1, or anyvenue flatten", error)
        yield point
    finally:
        if point is not None:
            point.path.unlink(missing_ok=True)
        await runner.cleanup()


def _key(source: str) -> str:
    return hashlib.sha256(str(Path(source).resolve()).encode()).hexdigest()[:16]


def _written(folder: Path, source: str, url: str, token: str) -> ControlPoint:
    """Write the file, readable for its owner only from its first moment. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{_key(source)}-{os.getpid()}-{secrets.token_hex(4)}.json"
    text = json.dumps({"url": url, "token": token, "pid": os.getpid(), "configuration": source})
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return ControlPoint(path, url, os.getpid(), {"Authorization": f"Bearer {token}"})


def _guarded(token: str) -> Any:
    from aiohttp import web

    due = f"Bearer {token}".encode()

    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        said = request.headers.get("Authorization", "")
        if not hmac.compare_digest(said.encode("utf-8", "replace"), due):
            _log.warning("the control socket refused a request without its token")
            return web.json_response(
                {"error": "Authorization: Bearer TOKEN is needed; see the control file"}, status=401
            )
        response: web.StreamResponse = await handler(request)
        return response

    return guard


class _Control:
    """Answers requests that bear the token."""

    def __init__(self, engine: Engine, source: str) -> None:
        self._engine = engine
        self._source = source

    async def status(self, request: web.Request) -> web.Response:
        """Tell what the run holds and does."""
        from aiohttp import web

        engine = self._engine
        view = engine.view()
        positions = [
            {"instrument": position.instrument.key, "side": position.side.value, "quantity": f"{position.quantity:f}"}
            for position in view.positions
            if position.quantity
        ]
        said = {
            "pid": os.getpid(),
            "configuration": self._source,
            "strategy": type(engine.strategy).__name__,
            "stopping": engine.is_stopping,
            "flattening": bool(engine.flattens),
            "open_orders": len(view.open_orders),
            "positions": positions,
            "net_pnl": f"{view.net_pnl:f}",
            "risk": engine.guards.losses.step.value,
            "messages": view.messages[-MESSAGES_SHOWN:],
        }
        return web.json_response(said)

    async def flatten(self, request: web.Request) -> web.Response:
        """Begin to flatten."""
        from aiohttp import web

        self._engine.flatten("asked for over the control socket")
        return web.json_response({"begun": "flatten"}, status=202)

    async def stop(self, request: web.Request) -> web.Response:
        """Begin to stop."""
        from aiohttp import web

        self._engine.stop("interrupted")
        return web.json_response({"begun": "stop"}, status=202)
