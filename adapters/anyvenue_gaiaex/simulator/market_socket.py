"""A connection to one market's book (11.2)."""

from __future__ import annotations

from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.server.dialect import ServerSocket
from anyvenue_gaiaex.simulator.book_feed import BookFeed
from anyvenue_gaiaex.simulator.pulse import Pulse, pong
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.replies import Replies

__all__ = ["MarketSocket", "NoMarketSocket"]


class MarketSocket:
    """One connection. There is nothing to subscribe to: the path has said it all."""

    def __init__(
        self, clock: DrivenClock, feed: BookFeed, socket: ServerSocket, replies: Replies, quirks: Quirks
    ) -> None:
        self._socket = socket
        self._replies = replies
        self._quirks = quirks
        self._leave = feed.join(socket.send)
        self._pulse = Pulse(clock, socket, feed.heartbeat, interval_s=quirks.heartbeat_s, closes=quirks.silence_closes)

    def on_message(self, data: bytes) -> None:
        """Take a message; only a ping means anything."""
        answer = pong(data)
        self._pulse.answered()
        if answer is not None and self._quirks.answers_ping:
            self._socket.send(self._replies.text(answer))

    def on_close(self) -> None:
        """The connection has ended."""
        self._leave()
        self._pulse.stop()


class NoMarketSocket:
    """A connection to a market that there is none of: it was told so, and closed."""

    def on_message(self, data: bytes) -> None:
        """Take no notice."""

    def on_close(self) -> None:
        """The connection has ended."""
