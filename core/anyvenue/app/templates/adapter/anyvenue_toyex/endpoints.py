"""Where ToyEx is, and what a connection to it may be configured with.

Ask of your venue: which hosts for live and for testnet? What would somebody want to choose: a settle currency, a
sub-account, how orders are entered? Each choice is an attribute with a default, checked here.
"""

from __future__ import annotations

from typing import Final

from anyvenue.venue.descriptor import Environment
from attrs import frozen

_LIVE: Final = {
    "rest": "https://api.toyex.example/v1",
    "ws": "wss://api.toyex.example/ws",
}
_TESTNET: Final = {
    "rest": "https://testnet.toyex.example/v1",
    "ws": "wss://testnet.toyex.example/ws",
}


@frozen(kw_only=True)
class Options:
    """The options of a connection to ToyEx.

    Attributes:
        rest_url, ws_url: whole URLs in place of the environment's own, such as a testnet that has moved.
    """

    rest_url: str = ""
    ws_url: str = ""


def urls(environment: Environment, options: Options) -> dict[str, str]:
    """Return the URLs of a real environment; paper trading looks at the live one."""
    real = _TESTNET if environment is Environment.TESTNET else _LIVE
    return {"rest": options.rest_url or real["rest"], "ws": options.ws_url or real["ws"]}
