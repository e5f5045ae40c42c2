"""Any httpx transport in the place of our own: an adapter's simulator in memory, a test's answers."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from anyvenue.wire.transport import Answer, Target

__all__ = ["ThroughHttpx"]


class ThroughHttpx:
    """Sends requests by an httpx transport, called as it is, without the layers of an httpx client.

    `connect_s` is how long connecting may take, where the transport heeds that.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport, *, connect_s: float) -> None:
        self._transport = transport
        self._extensions = {"timeout": {"connect": connect_s, "pool": connect_s}}

    async def send(self, method: str, to: Target, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request and return the whole answer. Raises what the transport raises."""
        message = httpx.Request(method, to.url, headers=headers, content=body or None, extensions=self._extensions)
        answer = await self._transport.handle_async_request(message)
        try:
            content = await answer.aread()
        except BaseException:
            await answer.aclose()  # where it does not come whole, its connection is let go
            raise
        told: dict[str, str] = {}
        for raw_name, raw_value in answer.headers.raw:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            told[name] = f"{told[name]}, {value}" if name in told else value
        return Answer(answer.status_code, told, content)

    async def aclose(self) -> None:
        """Close it."""
        await self._transport.aclose()
