"""What GaiaEx's documents leave open, drawn once for each simulated server. Chapters are those of the fact sheet."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from anyvenue.model.enums import PriceSource
from anyvenue.simulation.chance import Chance

__all__ = ["Quirks"]


@frozen(kw_only=True)
class Quirks:
    """How one server behaves where GaiaEx does not say how servers behave.

    Attributes:
        error_field: the name that an error's text has (10.1).
        error_says_success: an error's body also has `success` false (10.1).
        malformed_status: of a body that cannot be read (10.1).
        chain_status: of what the exchange behind refuses; 200 comes with `success` false (10.1).
        numbers: decimals in replies are JSON numbers (5.3).
        strings_only: decimals in requests that are JSON numbers are refused (5.3).
        exact_address: the case of an address counts (16, 26).
        future_counts: the clock window holds for timestamps ahead of the server's clock too (2.4).
        signs_query: the signed path of a GET has its query (2.3).
        write_limit: writes in a second (4).
        writes_per_account: writes are counted by account, else by address (4).
        retry_date: `Retry-After` is a date, else seconds (4).
        order_id_base: where order ids begin (8.1).
        duplicate: what a `client_id` that was used comes to: `error`, `replay` of the first answer, or `second` (8.9).
        filled_in_part: an order that traded in part and rests is answered as `filled` (16, 8).
        pending_every: one in so many orders is answered as `pending`; 0 for none (8.8).
        market_price: `price` in the answer to a market order: `absent`, `null` or the `average` (8.1).
        market_slippage: how far from the mark a market order may trade, a fraction; None for any price (16, 7).
        minimum_for_reducing: the $10 minimum holds for reduce-only orders (5.3).
        keeps_id: a modified order keeps its id (8.4).
        old_id_works: else its old id still works (8.4).
        modify_total: the size of a modify has the filled part in it (8.4).
        tpsl_replaces: a second call replaces the triggers of the first (8.5).
        tpsl_linked: when one trigger of a pair fires the other goes (8.5).
        tpsl_shown: waiting triggers are among the `orders` of the user stream (11.3).
        tpsl_canceled: cancel-all takes waiting triggers too (8.3).
        tpsl_ids: the answer to a TP/SL call tells the ids (8.5).
        trigger_source: which price triggers look at (8.5).
        isolated_word: `marginType` of isolated margin (8.7).
        snake: the user stream's items are named like requests, else like replies (8.8).
        partial_updates: a user update has only what changed, but for the first (16, 3).
        heartbeat_s: seconds between heartbeats (11.2).
        user_heartbeat: there are heartbeats on the user stream (11.3).
        silence_closes: a client that leaves heartbeats unanswered is let go (11.2).
        answers_ping: a `ping` is answered (11.2).
        depth: levels a side (11.2).
        outages: the upstream feed is down at times (11.2).
    """

    error_field: str = "error"
    error_says_success: bool = False
    malformed_status: int = 400
    chain_status: int = 400
    numbers: bool = False
    strings_only: bool = False
    exact_address: bool = False
    future_counts: bool = True
    signs_query: bool = True
    write_limit: int = 20
    writes_per_account: bool = False
    retry_date: bool = False
    order_id_base: int = 987_654_000
    duplicate: str = "error"
    filled_in_part: bool = False
    pending_every: int = 0
    market_price: str = "absent"
    market_slippage: Decimal | None = None
    minimum_for_reducing: bool = False
    keeps_id: bool = False
    old_id_works: bool = False
    modify_total: bool = True
    tpsl_replaces: bool = True
    tpsl_linked: bool = True
    tpsl_shown: bool = False
    tpsl_canceled: bool = False
    tpsl_ids: bool = True
    trigger_source: PriceSource = PriceSource.MARK
    isolated_word: str = "ISOLATED"
    snake: bool = False
    partial_updates: bool = False
    heartbeat_s: int = 10
    user_heartbeat: bool = False
    silence_closes: bool = False
    answers_ping: bool = False
    depth: int = 20
    outages: bool = False

    @classmethod
    def drawn(cls, chance: Chance) -> Quirks:
        """Return a server's."""
        return cls(**{name: options[chance.below(len(options))] for name, options in _OPTIONS.items()})


_EITHER: Final = (False, True)
_SELDOM: Final = (False, False, False, True)
_OPTIONS: Final[Mapping[str, tuple[Any, ...]]] = {
    "error_field": ("error", "message", "detail", "msg"),
    "error_says_success": _EITHER,
    "malformed_status": (400, 422),
    "chain_status": (400, 200),
    "numbers": _SELDOM,
    "strings_only": _EITHER,
    "exact_address": _EITHER,
    "future_counts": _EITHER,
    "signs_query": _EITHER,
    "write_limit": (5, 10, 20),
    "writes_per_account": _EITHER,
    "retry_date": _SELDOM,
    "order_id_base": (987_654_000, 40_000_000_000, 2**53),
    "duplicate": ("error", "replay", "second"),
    "filled_in_part": _EITHER,
    "pending_every": (0, 0, 0, 9),
    "market_price": ("absent", "null", "average"),
    "market_slippage": (None, Decimal("0.05")),
    "minimum_for_reducing": _EITHER,
    "keeps_id": _EITHER,
    "old_id_works": _EITHER,
    "modify_total": _EITHER,
    "tpsl_replaces": _EITHER,
    "tpsl_linked": _EITHER,
    "tpsl_shown": _EITHER,
    "tpsl_canceled": _EITHER,
    "tpsl_ids": _EITHER,
    "trigger_source": (PriceSource.MARK, PriceSource.LAST),
    "isolated_word": ("ISOLATED", "isolated", "Isolated"),
    "snake": _EITHER,
    "partial_updates": _SELDOM,
    "heartbeat_s": (5, 10, 15, 20),
    "user_heartbeat": _EITHER,
    "silence_closes": _SELDOM,
    "answers_ping": _EITHER,
    "depth": (10, 20, 50),
    "outages": _SELDOM,
}
