"""The WebSocket: subscriptions, posted requests, pings, and what ends a connection (chapter 11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from anyvenue.simulation.clock import DrivenClock, DrivenTimer
from anyvenue.simulation.server.dialect import ServerSocket
from anyvenue.simulation.server.line import ABNORMAL
from anyvenue_hyperliquid.simulator.limits import Limits
from anyvenue_hyperliquid.simulator.markets import DEXES, Markets
from anyvenue_hyperliquid.simulator.public_feeds import Feed, PublicFeeds
from anyvenue_hyperliquid.simulator.quirks import Quirks
from anyvenue_hyperliquid.simulator.shapes import INTERVALS
from anyvenue_hyperliquid.simulator.user_feeds import USER_FEEDS, UserFeeds
from anyvenue_hyperliquid.simulator.wallets import Wallets

__all__ = ["Hub", "Session"]

CONNECTIONS_MAX: Final = 10
SUBSCRIPTIONS_MAX: Final = 1000
USERS_MAX: Final = 10
SILENCE_NS: Final = 60_000_000_000
GREETING: Final = "Websocket connection established."
_COIN_FEEDS: Final = ("l2Book", "bbo", "trades", "candle", "activeAssetCtx")
_DEX_FEEDS: Final = ("allMids", "openOrders", "clearinghouseState")
_OTHER_FEEDS: Final = ("allMids", "allDexsAssetCtxs")

Post = Callable[[str, Any, str], dict[str, Any]]
"""Answers a posted request: its type, its payload, and the client's address on the net."""


class _Broken(Exception):
    """A subscription for which the venue lets the whole connection break."""


class Hub:
    """What all connections have in common. `posts` answers what is asked over them."""

    def __init__(
        self,
        clock: DrivenClock,
        markets: Markets,
        wallets: Wallets,
        limits: Limits,
        public: PublicFeeds,
        users: UserFeeds,
        quirks: Quirks,
        posts: Post,
    ) -> None:
        self.clock = clock
        self.markets = markets
        self.wallets = wallets
        self.limits = limits
        self.public = public
        self.users = users
        self.quirks = quirks
        self.posts = posts
        self._sessions: dict[Session, None] = {}

    def sessions(self, remote: str) -> list[Session]:
        """Return the connections that come from an address on the net."""
        return [session for session in self._sessions if session.remote == remote]

    def accepts(self, remote: str) -> bool:
        """Tell whether one more connection may come from an address."""
        return len(self.sessions(remote)) < CONNECTIONS_MAX and self.limits.take("connections", remote)

    def enter(self, session: Session) -> None:
        """Count a connection."""
        self._sessions[session] = None

    def leave(self, session: Session) -> None:
        """Count a connection no more."""
        self._sessions.pop(session, None)


class Session:
    """One connection. Nothing of it needs a key but what is posted."""

    def __init__(self, hub: Hub, socket: ServerSocket, remote: str) -> None:
        self.remote = remote
        self.feeds: dict[bytes, Feed] = {}
        self.users: dict[bytes, str] = {}
        self._hub = hub
        self._socket = socket
        self._silence: DrivenTimer | None = None
        hub.enter(self)
        self._await_silence()
        if hub.quirks.greets:
            self._socket.send(GREETING)

    def on_message(self, data: bytes) -> None:
        """Take a message."""
        if not self._hub.limits.take("messages", self.remote):
            self._error("Too many messages per minute")
            return
        try:
            message = orjson.loads(data)
        except orjson.JSONDecodeError:
            message = None
        method = message.get("method") if isinstance(message, dict) else None
        if method == "ping":
            self._send({"channel": "pong"})
        elif method in ("subscribe", "unsubscribe") and isinstance(message.get("subscription"), dict):
            self._change(method, message["subscription"])
        elif method == "post" and type(message.get("id")) is int and isinstance(message.get("request"), dict):
            self._post(message["id"], message["request"])
        else:
            text = data.decode(errors="replace")
            self._error(f"Error parsing JSON into valid websocket request: {text:.200}")

    def on_close(self) -> None:
        """The connection has ended."""
        self._hub.leave(self)
        for feed in self.feeds.values():
            feed.stop()
        self.feeds.clear()
        if self._silence is not None:
            self._silence.cancel()

    def _post(self, number: int, request: Mapping[str, Any]) -> None:
        response = self._hub.posts(str(request.get("type")), request.get("payload"), self.remote)
        self._data("post", {"id": number, "response": response})

    def _change(self, method: str, asked: dict[str, Any]) -> None:
        try:
            wish = self._read(asked)
        except _Broken:
            self._socket.close(ABNORMAL)
            return
        if wish is None:
            self._error(f"Invalid subscription {_text(asked)}")
            return
        key = orjson.dumps(wish, option=orjson.OPT_SORT_KEYS)
        if method == "subscribe":
            self._subscribe(key, wish)
        elif key not in self.feeds:
            self._error(f"Already unsubscribed: {_text(asked)}")
        else:
            self.feeds.pop(key).stop()
            self.users.pop(key, None)
            self._data("subscriptionResponse", {"method": method, "subscription": wish})

    def _subscribe(self, key: bytes, wish: dict[str, Any]) -> None:
        if key in self.feeds:
            self._error(f"Already subscribed: {_text(wish)}")
            return
        sessions = self._hub.sessions(self.remote)
        if sum(len(session.feeds) for session in sessions) >= SUBSCRIPTIONS_MAX:
            self._error("Too many subscriptions")
            return
        user = wish.get("user")
        known = {one for session in sessions for one in session.users.values()}
        if user is not None and user not in known and len(known) >= USERS_MAX:
            self._error(f"Cannot subscribe to more than {USERS_MAX} users")
            return
        self._data("subscriptionResponse", {"method": "subscribe", "subscription": wish})
        if user is None:
            self.feeds[key] = self._hub.public.open(wish, self._data)
            return
        self.users[key] = user
        account = self._hub.wallets.find(user)
        if account is not None:
            self.feeds[key] = self._hub.users.open(wish, account, self._data)
        else:
            self.feeds[key] = _Nobody()

    def _read(self, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a subscription with its defaults filled in; None for one that there is none of. Raises _Broken."""
        kind, user = asked.get("type"), asked.get("user")
        if kind not in (*_COIN_FEEDS, *USER_FEEDS, *_OTHER_FEEDS):
            return None
        wish: dict[str, Any] = {"type": kind}
        if kind in USER_FEEDS:
            if not isinstance(user, str) or len(user) != 42:
                return None
            wish["user"] = user.lower()
        if kind in _DEX_FEEDS and asked.get("dex") is not None:
            if asked["dex"] not in DEXES:
                return None
            wish["dex"] = asked["dex"]
        if kind in _COIN_FEEDS or kind == "activeAssetData":
            if not self._hub.markets.is_known(asked.get("coin")):
                raise _Broken
            wish["coin"] = asked["coin"]
        if kind == "candle":
            if asked.get("interval") not in INTERVALS:
                return None
            wish["interval"] = asked["interval"]
        if kind == "l2Book":
            wish |= _book_wish(asked)
        return wish

    def _data(self, channel: str, data: Any) -> None:
        self._send({"channel": channel, "data": data})

    def _error(self, text: str) -> None:
        self._data("error", text)

    def _send(self, message: Mapping[str, Any]) -> None:
        self._await_silence()
        self._socket.send(_text(message))

    def _await_silence(self) -> None:
        """Let the connection end when nothing has been sent on it for a minute."""
        if self._silence is not None:
            self._silence.cancel()
        due = self._hub.clock.time_ns() + SILENCE_NS
        self._silence = self._hub.clock.call_at(due, lambda: self._socket.close(1000, "Inactive"))


class _Nobody:
    """Of an address that has no account nothing is told."""

    def stop(self) -> None:
        """Send no more."""


def _book_wish(asked: Mapping[str, Any]) -> dict[str, Any]:
    figures, mantissa, fast = asked.get("nSigFigs"), asked.get("mantissa"), asked.get("fast") or False
    if figures not in (None, 2, 3, 4, 5) or mantissa not in (None, 1, 2, 5) or not isinstance(fast, bool):
        raise _Broken
    if mantissa is not None and figures != 5:
        raise _Broken
    return {"nSigFigs": figures, "mantissa": mantissa, "fast": fast}


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()
