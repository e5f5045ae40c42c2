"""Where GaiaEx is, and what a connection to it may be configured with."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from attrs import field, frozen, validators

from anyvenue.venue.descriptor import Environment

__all__ = ["GaiaExOptions", "split_base"]

REST_URL: Final = "https://openapi.gaiaex.com/v1/trade"
WS_URL: Final = "wss://openapi.gaiaex.com/ws"


def _check_decimals(instance: object, attribute: object, value: Mapping[str, int]) -> None:
    for symbol, decimals in value.items():
        if not 0 <= decimals <= 8:
            raise ValueError(f"size_decimals.{symbol}: found {decimals}; allowed are whole numbers from 0 to 8")


@frozen(kw_only=True)
class GaiaExOptions:
    """The options of a connection to GaiaEx.

    Attributes:
        time_in_force: whether orders bear `time_in_force`: without it there is no post-only and no IOC. One revision of
            the venue's documents has it, the other has not: switch it on after a tiny post-only and a tiny IOC order
            far from the market did what they should. Not told: on in the simulator, off elsewhere.
        size_decimals: decimals of sizes by the venue's symbol, beside and before those that ship with the adapter.
            GaiaEx does not tell them, and a symbol without them cannot be traded.
        slippage: how far from the price a position may be closed, a fraction.
        in_doubt_s: a command of unknown outcome can no longer arrive so long after it was sent. Signatures are good for
            5 s, or for your key's `recv_window`; give a key with a longer one more than that.
        writes_per_s, reads_per_s: the pace of requests. The venue's own limits of orders are not documented.
        mark_poll_s: seconds between two looks at the mark prices, where somebody subscribed to tickers.
        books_max: so many order books at once at most: each takes a WebSocket of its own.
        rest_url, ws_url: whole URLs in place of the venue's, with their paths (`/v1/trade`, `/ws`).
    """

    time_in_force: bool | None = None
    size_decimals: Mapping[str, int] = field(factory=dict, validator=_check_decimals)
    slippage: Decimal = field(default=Decimal("0.01"), validator=[validators.gt(Decimal(0)), validators.lt(Decimal(1))])
    in_doubt_s: float = field(default=15.0, validator=validators.gt(0))
    writes_per_s: int = field(default=2, validator=validators.ge(1))
    reads_per_s: int = field(default=5, validator=validators.ge(1))
    mark_poll_s: float = field(default=5.0, validator=validators.ge(1))
    books_max: int = field(default=20, validator=validators.ge(1))
    rest_url: str = REST_URL
    ws_url: str = WS_URL

    def has_time_in_force(self, environment: Environment) -> bool:
        """Tell whether orders bear `time_in_force` in that environment."""
        return environment is Environment.SIMULATOR if self.time_in_force is None else self.time_in_force


def split_base(rest_url: str) -> str:
    """Return the bare host's URL of a REST URL: one revision has the time and the health there."""
    scheme, _, rest = rest_url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
