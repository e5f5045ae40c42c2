"""A WebSocket of Gate's: the envelope, acks and errors, and who may subscribe to what (fact sheet, chapter 3)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from anyvenue.simulation.server.dialect import ServerSocket
from anyvenue.simulation.server.messages import HttpRequest
from anyvenue_gateio.simulator.auth_check import channel_signature
from anyvenue_gateio.simulator.channels import PUBLIC_CHANNELS, BadPayload, Plan, PublicChannels
from anyvenue_gateio.simulator.house import House
from anyvenue_gateio.simulator.private_channels import PRIVATE_CHANNELS, PrivateChannels
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.trade_api import API_CHANNELS, TradeApi

__all__ = ["GateSocket", "Sockets"]

MALFORMED, BAD_ARGUMENT, SERVER_SIDE, NOT_AUTHENTICATED = 1, 2, 3, 4
"""The codes of errors."""
WINDOW_S: Final = 60


class _Frame(msgspec.Struct):
    """What a client sends. Members that are not here do not matter."""

    channel: str
    time: int
    event: str = ""
    id: int | None = None
    payload: msgspec.Raw = msgspec.Raw(b"[]")
    auth: dict[str, Any] | None = None


class Sockets:
    """All connections."""

    def __init__(self) -> None:
        self._open: dict[GateSocket, None] = {}
        self.count = 0

    def add(self, socket: GateSocket) -> str:
        """Take a new connection; return its id."""
        self._open[socket] = None
        self.count += 1
        return f"{self.count:016x}"

    def remove(self, socket: GateSocket) -> None:
        """Forget a connection that has ended."""
        self._open.pop(socket, None)

    def announce_upgrade(self, message: str = "The connection will soon be closed, please reconnect") -> None:
        """Tell everybody that this server will go away soon."""
        for socket in list(self._open):
            socket.push("futures.system", {"type": "upgrade", "msg": message})


class GateSocket:
    """One connection, of one settle currency."""

    def __init__(self, house: House, settle: str, request: HttpRequest, socket: ServerSocket) -> None:
        self.settle = settle
        self.decimal = request.headers.get("x-gate-size-decimal") == "1"
        self.remote = request.remote
        self._house = house
        self._socket = socket
        self._traces = 0
        self._public: dict[str, Callable[[], None]] = {}
        self._streams = PublicChannels(house, self)
        self._private = PrivateChannels(house, self)
        self.conn_id = house.sockets.add(self)
        self._api = TradeApi(house, self)

    def on_message(self, data: bytes) -> None:
        """Take a frame."""
        try:
            frame = msgspec.json.decode(data, type=_Frame)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._refuse_unread(data, str(error))
            return
        if frame.channel == "futures.ping":
            self._answer(frame, result=None, channel="futures.pong", event="")
        elif frame.event == "api" and frame.channel in API_CHANNELS:
            self._api.on_request(frame.channel, frame.time, bytes(frame.payload))
        elif frame.event not in ("subscribe", "unsubscribe"):
            self._refuse(frame, MALFORMED, f"unknown event {frame.event!r}")
        elif frame.channel in PUBLIC_CHANNELS:
            self._on_public(frame)
        elif frame.channel in PRIVATE_CHANNELS:
            self._on_private(frame)
        else:
            self._refuse(frame, MALFORMED, f"unknown channel {frame.channel}")

    def on_close(self) -> None:
        """Forget everything: nothing survives a connection."""
        self._house.sockets.remove(self)
        self._private.close()
        self._streams.is_closing = True
        for stop in self._public.values():
            stop()
        self._public.clear()

    # Sending

    def send(self, frame: Mapping[str, Any]) -> None:
        """Send a frame."""
        self._socket.send(msgspec.json.encode(frame).decode())

    def push(self, channel: str, result: Any, *, event: str = "update", bare: bool = False) -> None:
        """Send a result of a stream; a bare one without time and event."""
        if bare:
            self.send({"channel": channel, "result": result})
        else:
            self.send({**self._times(), "channel": channel, "event": event, "result": result})

    def trace(self) -> str:
        """Return a new trace id."""
        self._traces += 1
        return f"{self.conn_id}{self._traces:016x}"

    def _times(self) -> dict[str, int]:
        now = self._house.doorman.time_ns()
        return {"time": now // 1_000_000_000, "time_ms": now // 1_000_000}

    def _answer(self, frame: _Frame, *, result: Any, error: Any = None, **others: str) -> None:
        answer: dict[str, Any] = self._times()
        if frame.id is not None:
            answer["id"] = frame.id
        answer.update(conn_id=self.conn_id, trace_id=self.trace(), channel=frame.channel, event=frame.event)
        answer.update(others)
        if error is not None or self._house.quirks.null_error:
            answer["error"] = error
        self.send({**answer, "result": result})

    def _accept(self, frame: _Frame) -> None:
        self._answer(frame, result={"status": "success"})

    def _refuse(self, frame: _Frame, code: int, message: str) -> None:
        self._answer(frame, result={"status": "fail"}, error={"code": code, "message": message})

    def _refuse_unread(self, data: bytes, why: str) -> None:
        """Answer what is no frame of this generation: no JSON, no channel, no time, or `method` and `params`."""
        try:
            fields = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            fields = None
        found = fields if isinstance(fields, dict) else {}
        number, names = found.get("id"), (found.get("channel"), found.get("event"))
        channel, event = (name if isinstance(name, str) else "" for name in names)
        number = number if isinstance(number, int) and not isinstance(number, bool) else None
        self._refuse(_Frame(channel=channel, time=0, event=event, id=number), MALFORMED, f"invalid request: {why}")

    # Subscriptions

    def _on_public(self, frame: _Frame) -> None:
        ending = frame.event == "unsubscribe"
        try:
            plans = self._streams.plans(frame.channel, _payload(frame), ending=ending)
        except BadPayload as error:
            self._refuse(frame, BAD_ARGUMENT, str(error))
            return
        if ending:
            for plan in plans:
                stop = self._public.pop(plan.key, None)
                if stop is not None:
                    stop()
            self._accept(frame)
            return
        is_obu = frame.channel == "futures.obu"
        again = next((plan.key for plan in plans if plan.key in self._public), "")
        if is_obu and again:
            self._refuse(frame, BAD_ARGUMENT, f"Alert sub {again.removeprefix('futures.obu ')}")
            return
        if is_obu and self._house.quirks.snapshot_first:
            self._start(plans)
            self._accept(frame)
        else:
            self._accept(frame)
            self._start(plans)

    def _start(self, plans: list[Plan]) -> None:
        for plan in plans:
            if plan.key not in self._public:
                self._public[plan.key] = plan.start()

    def _on_private(self, frame: _Frame) -> None:
        try:
            account = self._authenticate(frame)
            if frame.event == "subscribe":
                self._private.subscribe(account, frame.channel, _payload(frame))
            else:
                self._private.unsubscribe(account, frame.channel, _payload(frame))
        except BadPayload as error:
            self._refuse(frame, BAD_ARGUMENT, str(error))
        except Refused as refused:
            nested = msgspec.json.encode({"label": refused.label, "message": refused.message}).decode()
            self._refuse(frame, NOT_AUTHENTICATED, nested)
        else:
            self._accept(frame)

    def _authenticate(self, frame: _Frame) -> str:
        """Return the account whose key has signed the frame. Raises Refused."""
        auth = frame.auth or {}
        name, signature = auth.get("KEY"), auth.get("SIGN")
        if auth.get("method") != "api_key" or not isinstance(name, str) or not isinstance(signature, str):
            raise Refused("MISSING_REQUIRED_HEADER", "auth: method api_key, KEY and SIGN are needed")
        key = self._house.doorman.check_key(name, self.remote)
        if abs(self._house.doorman.time_ns() // 1_000_000_000 - frame.time) > WINDOW_S:
            raise Refused("REQUEST_EXPIRED", "gap between request time and server time exceeds 60")
        expected = channel_signature(key.secret, frame.channel, frame.event, frame.time)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise Refused("INVALID_SIGNATURE", "Signature mismatch")
        return key.account


def _payload(frame: _Frame) -> list[str]:
    """Return the arguments of a subscription. Raises BadPayload for anything but an array of texts."""
    try:
        return msgspec.json.decode(frame.payload, type=list[str])
    except msgspec.DecodeError:
        raise BadPayload("payload: an array of texts is needed") from None
