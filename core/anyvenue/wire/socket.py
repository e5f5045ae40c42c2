"""A WebSocket as the rest of `wire` sees it, and how one is opened: over the network or by a stand-in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

__all__ = ["Dial", "EagerSocket", "Socket", "SocketClosed"]


class SocketClosed(Exception):
    """The connection has ended, for the reason in its text."""


class Socket(Protocol):
    """One open WebSocket connection."""

    async def send(self, data: str) -> None:
        """Send a text message. Raises SocketClosed."""

    async def receive(self) -> bytes:
        """Return the next message, text as its UTF-8 bytes. Raises SocketClosed."""

    async def close(self) -> None:
        """Close it. Closing twice does nothing."""


@runtime_checkable
class EagerSocket(Socket, Protocol):
    """A socket that can also hand messages on while it reads the network: no queue and no task in between."""

    async def deliver(self, on_message: Callable[[bytes], None]) -> None:
        """Pass every message to `on_message`, which raises nothing, until the end. Raises SocketClosed then.

        To be called once, and `receive` not after it. Where it is canceled nothing more is passed on.
        """


class Dial(Protocol):
    """Opens connections."""

    async def __call__(self, url: str, headers: Mapping[str, str]) -> Socket:
        """Return an open connection. Raises OSError where there is none to be had (SocketClosed too)."""
