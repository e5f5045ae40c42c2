"""Where Hyperliquid is, and what a connection to it may be configured with."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import frozen

from anyvenue.model.numbers import ONE, exact
from anyvenue.venue.descriptor import Environment

_LIVE: Final = {"rest": "https://api.hyperliquid.xyz", "ws": "wss://api.hyperliquid.xyz/ws"}
_TESTNET: Final = {"rest": "https://api.hyperliquid-testnet.xyz", "ws": "wss://api.hyperliquid-testnet.xyz/ws"}


@frozen(kw_only=True)
class Options:
    """The options of a connection to Hyperliquid.

    Attributes:
        dexes: builders' dexes (HIP-3) to trade on beside the main one, such as `["xyz"]`.
        vault_address: the sub-account or vault that is traded for; empty for the account itself.
        market_slippage: how far a market order may go from the best price, a fraction; the venue has bounds only.
        rest_url, ws_url: whole URLs in place of the environment's own.

    Raises ValueError for what is not allowed.
    """

    dexes: tuple[str, ...] = ()
    vault_address: str = ""
    market_slippage: str = "0.05"
    rest_url: str = ""
    ws_url: str = ""

    def __attrs_post_init__(self) -> None:
        if not 0 < self.slippage <= Decimal("0.1"):
            raise ValueError(f"market_slippage: found {self.market_slippage}; allowed is above 0 and at most 0.1")
        if self.vault_address and not is_address(self.vault_address):
            raise ValueError(f"vault_address: found {self.vault_address!r}; allowed is 0x and 40 hexadecimal digits")
        if "" in self.dexes or len(set(self.dexes)) < len(self.dexes):
            raise ValueError(f"dexes: found {self.dexes}; allowed are names, each once; the main dex is always there")

    @property
    def slippage(self) -> Decimal:
        """`market_slippage` as a number."""
        return min(exact(self.market_slippage, "market_slippage"), ONE)


def is_address(text: str) -> bool:
    """Tell whether a text is an address."""
    return len(text) == 42 and text.startswith("0x") and not set(text[2:].lower()) - set("0123456789abcdef")


def urls(environment: Environment, options: Options) -> dict[str, str]:
    """Return the URLs of a real environment; paper trading looks at the live one."""
    real = _TESTNET if environment is Environment.TESTNET else _LIVE
    return {"rest": options.rest_url or real["rest"], "ws": options.ws_url or real["ws"]}
