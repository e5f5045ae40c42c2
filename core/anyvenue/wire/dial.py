"""WebSockets over the network: opens one by the library that is in use, and says what became of it in one way."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from socket import gaierror
from typing import Final
from urllib.parse import urlsplit

from anyvenue.wire.fast import is_fast
from anyvenue.wire.socket import Socket

__all__ = ["dial", "host_of"]

MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024
"""Far more than any venue's largest snapshot; beyond it the connection is closed (1009), not the memory filled."""
FRAMES_WAITING_MAX: Final = 256
"""So many frames may wait to be read; then TCP holds the venue back. A burst in one packet should not stop reading."""
CLOSE_TIMEOUT_S: Final = 1.0
"""A peer that does not answer a close frame by then is left."""


async def dial(url: str, headers: Mapping[str, str]) -> Socket:
    """Open a WebSocket. How long it may take is the caller's affair.

    Messages are not compressed: inflating each costs time on the way to the strategy, and its window of memory, to save
    bytes that nobody here pays for. The peer's protocol pings are answered; none are sent, since the application's
    heartbeat proves more. Redirects are not followed, lest headers with signatures reach another host. The
    environment's proxy is used, though never towards this machine itself.

    Raises OSError where there is no connection to be had, and ValueError for what is no WebSocket URL, or one without
    TLS that leaves this machine.
    """
    if urlsplit(url).scheme == "ws" and (host := host_of(url)) and not is_loopback(url):
        raise ValueError(f"found ws:// and the host {host}; allowed are wss://, and ws:// on this machine")
    if is_fast():
        from anyvenue.wire.dial_picows import dial_picows

        return await dial_picows(url, headers)
    from anyvenue.wire.dial_websockets import dial_websockets

    return await dial_websockets(url, headers)


def host_of(url: str) -> str:
    """Return a URL's host, and its port where it names one: what may be shown of it, since the rest may hold keys."""
    return urlsplit(url).netloc.rpartition("@")[2]


def is_loopback(url: str) -> bool:
    """Tell whether a URL's host is this machine, so that no proxy leads there."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def misuse(url: str) -> ValueError:
    """Return the error for what is no WebSocket URL."""
    return ValueError(f"found a URL of {host_of(url) or 'no host'}; allowed are ws://HOST/PATH and wss://HOST/PATH")


def told(error: Exception) -> str:
    """Return why there is no connection, in words."""
    match error:
        case ImportError():
            return "the environment sets a SOCKS proxy, which needs the package python-socks"
        case gaierror():
            return f"the name cannot be resolved ({error.strerror})"
        case ConnectionRefusedError():
            return "nobody listens there (connection refused)"
        case ssl.SSLError():
            return f"no TLS connection that can be trusted ({error})"
        case _:
            return f"no WebSocket ({str(error) or type(error).__name__})"
