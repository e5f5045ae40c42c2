"""The venue: Hyperliquid's pure parts joined to the wire, and what acts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final

from attrs import evolve

from anyvenue.model.enums import MarginMode, PositionSide, PriceSource, SelfTradePrevention, Side, TradingStatus
from anyvenue.model.errors import (
    AnyvenueError,
    NotSent,
    NotSupported,
    OutcomeUnknown,
    Rejected,
    RejectReason,
    TradingEnded,
    UnknownInstrument,
    VenueProtocolError,
    rejection,
)
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderCanceled
from anyvenue.model.order_spec import OrderSpec, Protection
from anyvenue.model.position import Position
from anyvenue.venue.descriptor import Environment
from anyvenue.venue.events import AccountEvent, InstrumentChanged, Sink
from anyvenue.venue.interface import Retention
from anyvenue.venue.replaced import moved
from anyvenue.wire.deadline import pause
from anyvenue.wire.request import Request
from anyvenue.wire.server_time import ServerTime
from anyvenue_hyperliquid import actions, auth, endpoints, errors, instruments, rest, streams
from anyvenue_hyperliquid.descriptor import CAPABILITIES, DESCRIPTOR
from anyvenue_hyperliquid.reading import HyperliquidReading

_STOP_BOUND: Final = Decimal("0.1")
"""How far beyond its trigger an order at market may trade; the venue's own client allows as much."""
_WINDOW_S: Final = auth.EXPIRES_MS / 1000
_LATEST_S: Final = 2 * _WINDOW_S
"""After so long an amend of unknown outcome has been carried out, or never will be, and shows."""
_DAYS_7_NS: Final = 7 * 86_400 * 1_000_000_000
_RELIST_S: Final = 3600.0
_STANDARD: Final = ("disabled", "default")

_log = logging.getLogger("anyvenue.venue")


class HyperliquidVenue(HyperliquidReading):
    """One account on Hyperliquid. Without credentials it has market data only."""

    name = errors.VENUE
    capabilities = CAPABILITIES
    candle_intervals = frozenset(rest.INTERVALS)
    retention = Retention(  # it remembers 2,000 orders and 10,000 fills: these times are for accounts below its limits
        create_window_s=_WINDOW_S,
        settle_s=5,
        finds_open=True,
        lists_open=True,
        unfilled_s=60,
        filled_s=600,
        unfilled_by_client_id_s=60,
        filled_by_client_id_s=600,
        names_fills=True,
        triggers=True,
    )

    # Connecting

    async def connect(self, sink: Sink) -> None:
        """Open the connection: the venue's time, whose account it is, the markets, then the stream."""
        self.sink = sink
        options: endpoints.Options = self.context.options
        urls = await self.reach(endpoints.urls(self.context.environment, options), DESCRIPTOR.simulator)
        time = self._time = ServerTime(self.clock, self._server_time)
        signer = auth.Signer(is_mainnet=self.context.environment is Environment.LIVE, vault=options.vault_address)
        self.http = self.client(
            urls["rest"], judge=errors.refusal_of, sign=signer.sign, buckets=rest.BUCKETS, server_time=time
        )
        await time.sync()
        self.keep_time(time)
        fees = instruments.FEES
        if self.credentials:
            agent, address = signer.address(self.credentials), self.credentials["address"].reveal().lower()
            await self._check_agent(agent, address)
            self.user = options.vault_address.lower() or address
            fees = await self._account()
        rows = await self._rows()
        self.list_instruments(rows, partial(instruments.read_instrument, fees=fees))
        self.markets = {row["name"]: instruments.read_market(row) for row in rows if row["name"] in self.by_name}
        self.start("markets", self._watch_markets)
        protocol = streams.Streams(self.by_name, self.user, self.dexes, self.amended)
        await self.open_feed(urls["ws"], protocol, server_time=time)

    async def _server_time(self) -> int:
        return self.read(lambda told, now: int(told["time"]) * rest.MS_NS, await self.ask(rest.TIME))

    async def _check_agent(self, agent: str, address: str) -> None:
        """Raise TradingEnded where the key may not sign for the account, or may do more than trade for it."""
        if not endpoints.is_address(address):
            raise TradingEnded("address: allowed is 0x and 40 hexadecimal digits", venue=self.name)
        if agent == address:
            text = "the private key is the account's own, which can withdraw; allowed is that of an agent of it"
            raise TradingEnded(text, venue=self.name)
        role = await self.ask(rest.info("userRole", 60, user=agent))
        master = self.read(lambda role, now: role["data"]["user"].lower() if role["role"] == "agent" else "", role)
        if master != address:
            text = f"the private key is {agent}'s, which is no agent of {address}; approve it, on this very network"
            raise TradingEnded(text, venue=self.name)
        agents = await self.ask(rest.info("extraAgents", user=address))
        ends = self.read(
            lambda rows, now: [row["validUntil"] for row in rows if row["address"].lower() == agent], agents
        )
        for left_ns in [end * rest.MS_NS - self.clock.time_ns() for end in ends]:
            if left_ns < _DAYS_7_NS:
                _log.warning("%s: the agent expires in %.1f hours", self.context.connection, left_ns / rest.HOUR_NS)

    async def _account(self) -> tuple[str, str]:
        """Return the account's fees. Raises TradingEnded for one in a mode whose money is elsewhere."""
        mode = await self.ask(self.of_user("userAbstraction"))
        if mode not in _STANDARD:
            text = f"found the account mode {mode!r}; allowed is the standard mode, in which each dex has its own money"
            raise TradingEnded(text, venue=self.name)
        limit = await self.ask(self.of_user("userRateLimit"))
        used, most = self.read(lambda told, now: (int(told["nRequestsUsed"]), int(told["nRequestsCap"])), limit)
        if used > 0.8 * most:
            text = "%s: %d of %d requests are used up: trade, or reserve more"
            _log.warning(text, self.context.connection, used, most)
        return self.read(
            lambda told, now: (told["userAddRate"], told["userCrossRate"]), await self.ask(self.of_user("userFees"))
        )

    async def _rows(self) -> list[dict[str, Any]]:
        """Return the markets of all dexes as they are now."""
        rows: list[dict[str, Any]] = []
        told = await self.ask(rest.info("perpDexs")) if len(self.dexes) > 1 else [None]
        names = self.read(lambda told, now: [dex["name"] if dex else "" for dex in told], told)
        for dex in self.dexes:
            if dex not in names:
                raise NotSupported(f"dexes: found {dex!r}; allowed are {', '.join(names[1:])}", venue=self.name)
            meta = await self.ask(rest.info("meta", dex=dex))
            rows += self.read(lambda meta, index, now: instruments.dex_rows(meta, index), meta, names.index(dex))
        return rows

    async def _watch_markets(self) -> None:
        """Look every hour whether a market's number still is its own: an order goes to a number, not to a name."""
        while True:
            await pause(self.clock, _RELIST_S)
            try:
                assets = {row["name"]: row["asset"] for row in await self._rows()}
            except AnyvenueError as error:
                _log.warning("%s: the markets could not be read anew: %s", self.context.connection, error)
                continue
            for name in [name for name, market in self.markets.items() if assets.get(name) != market.asset]:
                del self.markets[name]
                before = self.by_name[name]
                _log.error("%s: its number is another's now, or it is delisted: no more orders go there", before)
                halted = evolve(before, status=TradingStatus.HALTED)
                self.sink(InstrumentChanged(instrument=halted, before=before, ts_recv=self.clock.time_ns()))

    # Commands

    async def place(self, spec: OrderSpec) -> Sequence[AccountEvent]:
        """Send a new order, once; one with a protection together with its triggers."""
        items, grouping = [await self._item(spec)], "na"
        if spec.protection is not None:
            items += self._triggers(spec.instrument, spec.side.opposite, spec.quantity, spec.protection)
            grouping = "normalTpsl"
        entries = await self._act(actions.place(items, grouping, spec.client_order_id), len(items))
        report = self.read(actions.read_entry, entries[0], spec)
        for entry in entries[1:]:
            if isinstance(entry, dict):
                _log.error("%s: %s stands without its protection: %s", self.context.connection, spec, entry)
        return [report]

    async def place_batch(self, specs: Sequence[OrderSpec]) -> Sequence[Sequence[AccountEvent] | Exception]:
        """Send several orders in one action."""
        answers: list[Sequence[AccountEvent] | Exception] = [[] for _ in specs]
        items: dict[int, dict[str, Any]] = {}
        for place, spec in enumerate(specs):
            try:
                if spec.protection is not None:
                    raise NotSupported("an order with a protection is no part of a batch", venue=self.name)
                items[place] = await self._item(spec)
            except (AnyvenueError, ValueError) as error:
                answers[place] = error
        entries = await self._act(actions.place(list(items.values())), len(items)) if items else []
        for place, entry in zip(items, entries, strict=True):
            try:
                answers[place] = [self.read(actions.read_entry, entry, specs[place])]
            except AnyvenueError as error:
                answers[place] = error
        return answers

    async def cancel(self, order: Order) -> Sequence[AccountEvent]:
        """Cancel by the venue's number, else (or where an amend may have changed that) by our id."""
        name = rest.name_of(order, by_client_id=self.may_have_moved(order))
        (entry,) = await self._act(actions.cancel(self._asset(order.instrument), name, order.client_order_id), 1)
        self.read(actions.read_canceled, entry)
        return [OrderCanceled(client_order_id=order.client_order_id or None, venue_order_id=order.venue_order_id)]

    async def amend(
        self, order: Order, *, price: Decimal | None = None, quantity: Decimal | None = None
    ) -> Sequence[AccountEvent]:
        """Have the venue put another order in the place of this one, for what is left of it; it is post-only."""
        total, filled, number = quantity or order.quantity, order.filled_quantity, order.venue_order_id
        price = price or order.price
        if order.spec.trigger is not None or price is None or total <= filled:
            text = f"an order without a price, with a trigger, or of which {filled} of {total} has traded"
            raise NotSupported(f"{text}, cannot be amended; cancel it instead", venue=self.name)
        if number is None:
            raise rejection("it is not known to rest; look it up", reason=RejectReason.UNKNOWN_ORDER, venue=self.name)
        spec = evolve(order.spec, price=price, quantity=total - filled, post_only=True, protection=None)
        client_id, item = order.client_order_id, actions.order_item(spec, self._asset(order.instrument), price)
        request = actions.modify(int(number), item, client_id)
        tell = partial(self.tell, rest.cloid_of(client_id))
        self.amended.begin(client_id, number, filled, self.clock.time_ns() + int(_LATEST_S * 1e9))
        try:
            (entry,) = await self._act(request, 1)
            report = self.read(actions.read_entry, entry, spec)
        except (OutcomeUnknown, VenueProtocolError):
            self.start(f"order {client_id}", tell, after_s=_LATEST_S)
            raise
        except Rejected:
            self.amended.end(client_id)
            self.start(f"order {client_id}", tell)  # the order may be gone all the same
            raise
        except AnyvenueError:
            self.amended.end(client_id)
            raise
        self.amended.end(client_id, report.venue_order_id)
        return [moved(evolve(report, quantity=total))]

    async def protect(
        self, instrument: Instrument, protection: Protection, position_side: PositionSide = PositionSide.NET
    ) -> Sequence[AccountEvent]:
        """Set triggers that follow the position's size, then take away the ones it had."""
        held = next((one for one in await self.positions() if one.instrument.key == instrument.key), None)
        if held is None:
            raise rejection("there is no position", reason=RejectReason.REDUCE_ONLY, venue=self.name)
        asset, side = self._asset(instrument), Side.SELL if held.quantity > 0 else Side.BUY
        rows = [row for row in await self.open_rows() if row["coin"] == instrument.venue_symbol]
        old = [{"a": asset, "o": row["oid"]} for row in rows if row.get("isPositionTpsl")]
        items = self._triggers(instrument, side, abs(held.quantity), protection)
        for entry in await self._act(actions.place(items, "positionTpsl"), len(items)):
            actions.raise_error(entry)
        if old:
            await self._act(rest.action("cancel", len(old), urgent=True, cancels=old), len(old))
        return []

    async def set_leverage(
        self, instrument: Instrument, leverage: Decimal, margin_mode: MarginMode = MarginMode.CROSS
    ) -> Position:
        """Set leverage, a whole number, and margin mode; return the position as it is then."""
        is_cross = margin_mode is MarginMode.CROSS
        if leverage != int(leverage) or (is_cross and self.markets[instrument.venue_symbol].isolated_only):
            text = f"{instrument.key}: found {leverage} {margin_mode.value}; allowed are whole numbers"
            raise NotSupported(f"{text}, and of this market perhaps isolated margin only", venue=self.name)
        asset = self._asset(instrument)
        await self._act(rest.action("updateLeverage", asset=asset, isCross=is_cross, leverage=int(leverage)), 0)
        told = await self.ask(self.of_user("activeAssetData", coin=instrument.venue_symbol))
        held = [one for one in await self.positions() if one.instrument.key == instrument.key]
        return self.read(rest.read_leverage, told, held[0] if held else Position(instrument=instrument))

    async def arm_dead_man_switch(self, timeout_s: int) -> None:
        """Have the venue cancel all orders, triggers too, after so many seconds, 5 at least."""
        members: dict[str, Any] = {"time": self._time.time_ns() // rest.MS_NS + 1000 * timeout_s} if timeout_s else {}
        await self._act(rest.action("scheduleCancel", 1, urgent=True, **members), 0)

    async def _item(self, spec: OrderSpec) -> dict[str, Any]:
        """Return an order as it is sent. Raises NotSupported for what the venue has not."""
        self.check(spec)
        if spec.self_trade_prevention not in (None, SelfTradePrevention.CANCEL_OLDEST):
            raise NotSupported("self_trade_prevention: the resting order is canceled, always", venue=self.name)
        self.note(spec.client_order_id)
        trigger, bound = spec.trigger, spec.price
        if trigger is not None and not (spec.reduce_only and trigger.source is PriceSource.MARK):
            text = "trigger: allowed are reduce-only orders alone, with the mark price as their source"
            raise NotSupported(text, venue=self.name)
        if bound is None and trigger is not None and trigger.price is not None:
            bound = actions.bounded(spec.instrument, spec.side, trigger.price, _STOP_BOUND)
        elif bound is None:
            book = await self.order_book(spec.instrument)
            levels = book.asks if spec.side is Side.BUY else book.bids
            if not levels:
                raise NotSent(f"{spec.instrument.key}: nobody quotes, so a market order has no bound", venue=self.name)
            slippage = self.context.options.slippage
            bound = actions.bounded(spec.instrument, spec.side, Decimal(levels[0][0]), slippage)
        return actions.order_item(spec, self._asset(spec.instrument), bound)

    def _triggers(self, instrument: Instrument, side: Side, quantity: Decimal, protection: Protection) -> list[Any]:
        """Return what closes a position at the prices of a protection."""
        if protection.source is not PriceSource.MARK:
            raise NotSupported("protection: allowed is the mark price as its source", venue=self.name)
        asset = self._asset(instrument)
        prices = [("tp", protection.take_profit), ("sl", protection.stop_loss)]
        return [
            actions.closing_item(
                asset, side, quantity, word, price, actions.bounded(instrument, side, price, _STOP_BOUND)
            )
            for word, price in prices
            if price is not None
        ]

    async def _act(self, request: Request, count: int) -> list[Any]:
        """Send an action about so many orders, and return the entries of its answer."""
        return self.read(actions.read_entries, await self.ask(request), count)

    def _asset(self, instrument: Instrument) -> int:
        if (market := self.markets.get(instrument.venue_symbol)) is None:
            raise UnknownInstrument(f"{instrument.key}: it is not traded here, or not any more; start again to see")
        return market.asset
