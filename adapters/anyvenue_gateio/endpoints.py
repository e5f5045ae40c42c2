"""Where Gate is: the URLs of each environment, and what a connection to it may be configured with."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen, validators

from anyvenue.venue.descriptor import Environment

__all__ = ["GateOptions", "urls"]

_REST: Final = {
    Environment.LIVE: "https://api.gateio.ws/api/v4",
    Environment.TESTNET: "https://api-testnet.gateapi.io/api/v4",
}
_WS: Final = {
    (Environment.LIVE, "usdt"): "wss://fx-ws.gateio.ws/v4/ws/usdt",
    (Environment.LIVE, "btc"): "wss://fx-ws.gateio.ws/v4/ws/btc",
    (Environment.TESTNET, "usdt"): "wss://ws-testnet.gate.com/v4/ws/futures/usdt",
    (Environment.TESTNET, "btc"): "wss://fx-ws-testnet.gateio.ws/v4/ws/btc",
}


@frozen(kw_only=True)
class GateOptions:
    """The options of a connection to Gate.

    Attributes:
        settle: `usdt` or `btc`: the currency that contracts are settled in. One connection has one.
        order_entry: `rest` or `websocket`: how orders are placed, amended and canceled.
        book: `obu` (the venue's order book V2; usdt only) or `updates` (`futures.order_book_update`).
        order_expiry_s: the venue refuses an order that reaches it later than this many seconds after it was sent.
        rest_url, ws_url: whole URLs in place of the environment's own, such as a testnet that has moved.
    """

    settle: str = field(default="usdt", validator=validators.in_(("usdt", "btc")))
    order_entry: str = field(default="rest", validator=validators.in_(("rest", "websocket")))
    book: str = field(default="obu", validator=validators.in_(("obu", "updates")))
    order_expiry_s: float = field(default=5.0, validator=validators.ge(1))
    rest_url: str = ""
    ws_url: str = ""

    @property
    def by_updates(self) -> bool:
        """Whether books come by `futures.order_book_update`: obu is announced for usdt contracts only."""
        return self.book == "updates" or self.settle == "btc"


def urls(environment: Environment, options: GateOptions) -> dict[str, str]:
    """Return the URLs of a real environment, by the simulator's names for them; paper trading looks at the live one."""
    real = Environment.TESTNET if environment is Environment.TESTNET else Environment.LIVE
    ws_url = options.ws_url or _WS[real, options.settle]
    return {"rest": options.rest_url or _REST[real], f"ws_{options.settle}": ws_url}
