"""The open orders as the last update has them, and which of them is which order of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import field, frozen

from anyvenue_gaiaex.rest import client_id
from anyvenue_gaiaex.streams import Row
from anyvenue_gaiaex.tracked_order import TrackedOrder

__all__ = ["OpenRows"]


@frozen
class OpenRows:
    """The rows by their ids. `is_told` is False before the first update.

    `has_names`: whether the venue has told the client id of an order of ours; then a row without one is none of ours.
    """

    rows: Mapping[str, Row] = field(factory=dict)
    is_told: bool = True
    has_names: bool = False
    _by_client: Mapping[str, Row] = field(init=False)

    @_by_client.default
    def _named(self) -> Mapping[str, Row]:
        return {row.client_id.lower(): row for row in self.rows.values() if row.client_id}

    def followed_by(self, rows: Mapping[str, Row], orders: Sequence[TrackedOrder]) -> OpenRows:
        """Return the rows of the next update."""
        later = OpenRows(rows, has_names=self.has_names)
        if self.has_names or not any(later._named_as(one) for one in orders):
            return later
        return OpenRows(rows, has_names=True)

    def row_of(self, tracked: TrackedOrder, orders: Sequence[TrackedOrder]) -> Row | None:
        """Return the row that is an order's: by its id, else by its client id, else by its terms."""
        row = next((self.rows[one] for one in reversed(tracked.ids) if one in self.rows), None)
        if row is None and tracked.client_order_id is not None:
            row = self._named_as(tracked) or self._adoptable(tracked, orders)
        return row

    def _named_as(self, tracked: TrackedOrder) -> Row | None:
        name = tracked.client_order_id
        return None if name is None else self._by_client.get(client_id(name)) or self._by_client.get(name)

    def steady(self, later: OpenRows) -> list[Row]:
        """Return what rests among later rows still, at its price."""
        return [
            row
            for name, row in self.rows.items()
            if name in later.rows and later.rows[name].price == row.price and not row.is_trigger
        ]

    def fresh(self, tracked: TrackedOrder, orders: Sequence[TrackedOrder]) -> list[Row]:
        """Return the rows of nobody, on the same side of the same symbol, that came up since this order was sent.

        None may be it where the venue names ours, nor of an order at market, which never rests.
        """
        if self.has_names or tracked.price is None:
            return []
        ours = {one for other in orders for one in other.ids}
        return [
            row
            for one, row in self.rows.items()
            if one not in ours
            and one not in tracked.known_before
            and not row.is_trigger
            and row.symbol == tracked.instrument.venue_symbol
            and row.side is tracked.side
        ]

    def _adoptable(self, tracked: TrackedOrder, orders: Sequence[TrackedOrder]) -> Row | None:
        """Return the one row that can only be this order, whose id is not known since its answer never came."""
        if self.has_names or (tracked.over_ns is None and not tracked.is_doubtful):
            return None
        if tracked.over_ns is not None and (tracked.ids or _has_living_twin(tracked, orders)):
            return None
        price, quantity = tracked.doubt or (tracked.price, tracked.quantity)
        fits = [
            row
            for row in self.fresh(tracked, orders)
            if not row.client_id and row.price == price and {quantity, quantity - tracked.filled} & row.sizes
        ]
        return fits[0] if len(fits) == 1 else None


def _has_living_twin(tracked: TrackedOrder, orders: Sequence[TrackedOrder]) -> bool:
    """Tell whether a row of this order's terms is likelier to be another one, which is in doubt and has not ended."""
    return any(
        one.over_ns is None
        and one.is_doubtful
        and one.instrument.key == tracked.instrument.key
        and one.side is tracked.side
        and tracked.price in one.prices
        for one in orders
    )
