"""A WebSocket as the rest of `wire` sees it, and how one is opened: over the network or by a stand-in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Protocol

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


class EagerSocket(ABC):
    """A `Socket` that can also send at once, and hand messages on while it reads the network: no queue and no task in
    between.

    One says so by inheriting from it.
    """

    @abstractmethod
    def send_now(self, data: str) -> bool:
        """Send a text message where nothing has to be waited for. False where nothing was sent: `send` says why."""

    @abstractmethod
    async def send(self, data: str) -> None:
        """As of every socket."""

    @abstractmethod
    async def receive(self) -> bytes:
        """As of every socket."""

    @abstractmethod
    async def close(self) -> None:
        """As of every socket."""

    @abstractmethod
    async def deliver(self, on_message: Callable[[bytes], None]) -> None:
        """Pass every message to `on_message`, which raises nothing, until the end. Raises SocketClosed then.

        To be called once, and `receive` not after it. Where it is canceled nothing more is passed on.
        """


class Dial(Protocol):
    """Opens connections."""

    async def __call__(self, url: str, headers: Mapping[str, str]) -> Socket:
        """Return an open connection. Raises OSError where there is none to be had (SocketClosed too)."""
