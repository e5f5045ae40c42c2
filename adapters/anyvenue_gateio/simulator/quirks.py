"""What Gate's documents leave open, or say is different from server to server: drawn once for each simulated server."""

from __future__ import annotations

from attrs import frozen

from anyvenue.simulation.chance import Chance

__all__ = ["Quirks"]


@frozen(kw_only=True)
class Quirks:
    """How one server behaves where Gate does not say how servers behave. Chapters are those of the fact sheet.

    Attributes:
        bare_obu: obu frames bear neither `time` nor `event`, as they once did (13.2).
        snapshot_first: an obu's first snapshot comes before the ack of its subscription (13.2).
        id_only: obu tells of ids that changed nothing within its levels (13.2).
        update_begins_full: `order_book_update` begins with a full book (13.1).
        update_deletes_leavers: a level that others push out of the depth is told as deleted (13.1).
        late_deltas: one more depth frame comes after an unsubscribe (13.2).
        null_error: a frame without an error says `"error": null` (3.1).
        resting_word: `finish_as` of an order that rests (7.4).
        closed_flag: candles bear `w` (12.1).
        not_logged_in: the status of a request before the login (3.3).
        push_before_reply: the push of a new order comes before the final reply to its request (11).
        keeps_text: a trigger order's child bears the text of the trigger order (8.1).
        expiring_protection: a stop of a position may have an expiration (8.1).
        expired_label: what answers to a request that `x-gate-exptime` forbids (2.1).
    """

    bare_obu: bool = False
    snapshot_first: bool = True
    id_only: bool = True
    update_begins_full: bool = False
    update_deletes_leavers: bool = True
    late_deltas: bool = True
    null_error: bool = False
    resting_word: str = "_new"
    closed_flag: bool = True
    not_logged_in: str = "401"
    push_before_reply: bool = True
    keeps_text: bool = True
    expiring_protection: bool = True
    expired_label: str = "REQUEST_EXPIRED"

    @classmethod
    def drawn(cls, chance: Chance) -> Quirks:
        """Return a server's."""

        def maybe() -> bool:
            return chance.below(2) == 1

        return cls(
            bare_obu=chance.below(4) == 3,
            snapshot_first=maybe(),
            id_only=maybe(),
            update_begins_full=maybe(),
            update_deletes_leavers=maybe(),
            late_deltas=maybe(),
            null_error=maybe(),
            resting_word=("_new", "open")[chance.below(2)],
            closed_flag=maybe(),
            not_logged_in=("401", "400")[chance.below(2)],
            push_before_reply=maybe(),
            keeps_text=maybe(),
            expiring_protection=chance.below(4) != 3,
            expired_label=("REQUEST_EXPIRED", "INVALID_PARAM_VALUE", "BAD_REQUEST")[chance.below(3)],
        )
