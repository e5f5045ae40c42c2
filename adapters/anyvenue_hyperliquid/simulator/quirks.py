"""What the venue's documents leave open, drawn once for each simulated server. Numbers are those of the fact sheet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import define

from anyvenue.simulation.chance import Chance

__all__ = ["OPTIONS", "Quirks"]


@define(kw_only=True)
class Quirks:
    """How one server behaves where nobody says how servers behave. It can be told to behave otherwise.

    Attributes:
        l1_prefix: an unknown wallet is told with `L1 error: ` in front (8.1).
        refused_burns_nonce: an action that is refused as a whole has used its nonce (16, 2).
        whole_batch: what depends on the payload alone fails a batch by `err`, else by one entry for all (8.1).
        asset_suffix: the error of an item ends in ` asset=<id>` (8).
        status_lag_ms: so long after an order was taken `orderStatus` does not know it (16, 3).
        tells_open: an order that trades at once is pushed as `open` first (11.4).
        fills_first: what happened to orders is pushed behind the fills, else before them (11.4).
        greets: the first frame of a socket is a line of text (11.1).
        snapshot_flag: what is not a snapshot says so (11.4).
        candle_list: a candle is pushed in an array (11.3).
        band: how far from the reference price an order may be, in percent (2.3).
        old_trades: the first frame of trades has some from before (11.3).
    """

    l1_prefix: bool = False
    refused_burns_nonce: bool = False
    whole_batch: bool = True
    asset_suffix: bool = False
    status_lag_ms: int = 0
    tells_open: bool = True
    fills_first: bool = False
    greets: bool = True
    snapshot_flag: bool = False
    candle_list: bool = False
    band: int = 80
    old_trades: bool = True

    @classmethod
    def drawn(cls, chance: Chance) -> Quirks:
        """Return a server's."""
        return cls(**{name: options[chance.below(len(options))] for name, options in OPTIONS.items()})


_EITHER: Final = (False, True)
OPTIONS: Final[Mapping[str, tuple[Any, ...]]] = {
    "l1_prefix": _EITHER,
    "refused_burns_nonce": _EITHER,
    "whole_batch": _EITHER,
    "asset_suffix": _EITHER,
    "status_lag_ms": (0, 0, 400),
    "tells_open": _EITHER,
    "fills_first": _EITHER,
    "greets": _EITHER,
    "snapshot_flag": _EITHER,
    "candle_list": _EITHER,
    "band": (80, 95),
    "old_trades": _EITHER,
}
