"""The user data stream: balance, positions and orders, at first whole, then whenever something changes (11.3)."""

from __future__ import annotations

from typing import Any

from anyvenue.simulation.server.dialect import ServerSocket
from anyvenue.simulation.server.stage import Stage
from anyvenue_gaiaex.simulator.account_shapes import AccountShapes
from anyvenue_gaiaex.simulator.pulse import Pulse, pong
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.replies import Replies
from anyvenue_gaiaex.simulator.updates import Updates

__all__ = ["UserSocket"]

_MS_NS = 1_000_000


class UserSocket:
    """One connection. It tells what is, never what happened. Order actions on it are not documented: there are none."""

    def __init__(
        self,
        stage: Stage,
        account: str,
        socket: ServerSocket,
        shapes: AccountShapes,
        updates: Updates,
        replies: Replies,
        quirks: Quirks,
    ) -> None:
        self._stage = stage
        self._account = account
        self._socket = socket
        self._shapes = shapes
        self._replies = replies
        self._quirks = quirks
        self._told: dict[str, Any] = {}
        self._leave = updates.listen(account, self._tell)
        self._pulse = (
            Pulse(
                stage.clock,
                socket,
                self._heartbeat,
                interval_s=quirks.heartbeat_s,
                closes=quirks.silence_closes,
            )
            if quirks.user_heartbeat
            else None
        )
        self._tell()

    def on_message(self, data: bytes) -> None:
        """Take a message; only a ping means anything."""
        answer = pong(data)
        if self._pulse is not None:
            self._pulse.answered()
        if answer is not None and self._quirks.answers_ping:
            self._socket.send(self._replies.text(answer))

    def on_close(self) -> None:
        """The connection has ended."""
        self._leave()
        if self._pulse is not None:
            self._pulse.stop()

    def _tell(self) -> None:
        state = {
            "balance": self._shapes.balance(self._account),
            "positions": self._shapes.positions(self._account),
            "orders": self._shapes.orders(self._account),
        }
        if state == self._told:
            return
        changed = {name: part for name, part in state.items() if part != self._told.get(name)}
        self._told = state
        parts = changed if self._quirks.partial_updates else state
        self._socket.send(self._replies.text({"type": "update", **parts, "timestamp": self._time_ms()}))

    def _heartbeat(self) -> str:
        return self._replies.text({"type": "heartbeat", "timestamp": self._time_ms()})

    def _time_ms(self) -> int:
        return self._stage.time_ns() // _MS_NS
