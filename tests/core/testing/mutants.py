"""Good adapters made wrong in one way each: what the suite has to find."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from decimal import Decimal
from typing import ClassVar

from attrs import evolve

from anyvenue.model.balance import Balance
from anyvenue.model.decoded_delta import DecodedDelta
from anyvenue.model.depth_sync import Continuity, SequenceRule
from anyvenue.model.enums import Liquidity, OrderState, OrderType, Side, TimeInForce
from anyvenue.model.errors import (
    AnyvenueError,
    NotSent,
    NotSupported,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    RejectReason,
    UnknownOrder,
)
from anyvenue.model.market import BookDelta, BookSnapshot, Candle, FundingRate, Quote, Ticker, Trade
from anyvenue.model.order_events import OrderCanceled, OrderFilled, OrderReported
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.position import Position
from anyvenue.model.pricing import Tick
from anyvenue.venue.capabilities import Capabilities, Capability, Feature, Grade
from anyvenue.venue.events import Channel, Disconnected, Reconnected
from anyvenue.wire.deadline import pause
from anyvenue_gateio.venue import GateVenue


class WrongSign(GateVenue):
    async def place(self, spec):
        return await super().place(evolve(spec, side=spec.side.opposite))


class ContractsNotConverted(GateVenue):
    async def place(self, spec):
        return await super().place(evolve(spec, quantity=spec.instrument.to_contracts(spec.quantity) / 100))


class PositionsInContracts(GateVenue):
    async def positions(self):
        return [evolve(p, quantity=p.instrument.to_contracts(p.quantity)) for p in await super().positions()]


class GapIgnored(GateVenue):
    def depth_rule(self, instrument):
        return SequenceRule(continuity=Continuity.NONE)


class AckTakenForFill(GateVenue):
    async def place(self, spec):
        await super().place(spec)
        return [
            OrderReported(client_order_id=spec.client_order_id, state=OrderState.FILLED, filled_quantity=spec.quantity)
        ]


class CreateRetried(GateVenue):
    async def place(self, spec):
        try:
            return await super().place(spec)
        except OutcomeUnknown:
            return await super().place(spec)


class ErrorSwallowed(GateVenue):
    async def place(self, spec):
        with suppress(AnyvenueError):
            return await super().place(spec)
        return []


class UnknownTakenForRejected(GateVenue):
    async def place(self, spec):
        try:
            return await super().place(spec)
        except OutcomeUnknown as error:
            raise Rejected(str(error), reason=RejectReason.OTHER) from error


class WaitsForEver(GateVenue):
    async def place(self, spec):
        try:
            return await super().place(spec)
        except OutcomeUnknown:
            await asyncio.get_running_loop().create_future()


class ReduceOnlyDropped(GateVenue):
    async def place(self, spec):
        return await super().place(evolve(spec, reduce_only=False))


class PostOnlyDropped(GateVenue):
    async def place(self, spec):
        return await super().place(evolve(spec, post_only=False))


class TimeInForceDropped(GateVenue):
    async def place(self, spec):
        is_limit = spec.price is not None
        return await super().place(evolve(spec, time_in_force=TimeInForce.GTC) if is_limit else spec)


class TriggerDropped(GateVenue):
    async def place(self, spec):
        return await super().place(evolve(spec, trigger=None))


class IcebergDropped(GateVenue):
    async def place(self, spec):
        return await super().place(evolve(spec, display_quantity=None))


class SentAgainWhenCancelled(GateVenue):
    async def place(self, spec):
        try:
            return await super().place(spec)
        except asyncio.CancelledError:
            self.start("once more", lambda: super(SentAgainWhenCancelled, self).place(spec))
            raise


class DeadManSwitchThatIsNotSent(GateVenue):
    async def arm_dead_man_switch(self, timeout_s):
        pass


class DeadManSwitchThatCannotBeDisarmed(GateVenue):
    async def arm_dead_man_switch(self, timeout_s):
        await super().arm_dead_man_switch(timeout_s or 10)


class CandlesBeginLate(GateVenue):
    def _on_event(self, event):
        super()._on_event(evolve(event, ts_open=event.ts_open + 10**9) if isinstance(event, Candle) else event)


class CandleVolumeInContracts(GateVenue):
    def _on_event(self, event):
        is_candle = isinstance(event, Candle) and event.volume
        super()._on_event(evolve(event, volume=event.instrument.to_contracts(event.volume)) if is_candle else event)


class FundingRateInPercent(GateVenue):
    def _on_event(self, event):
        super()._on_event(evolve(event, rate=event.rate * 100) if isinstance(event, FundingRate) else event)


class FundingPaidTakenForReceived(GateVenue):
    async def funding_payments(self, instrument, *, start_ns):
        told = await super().funding_payments(instrument, start_ns=start_ns)
        return [evolve(payment, amount=-payment.amount) for payment in told]


class BurstsThinnedOut(GateVenue):
    async def connect(self, sink):
        last_ns = 0

        def thinned_out(event):
            nonlocal last_ns
            if isinstance(event, Trade):
                last, last_ns = last_ns, event.ts_recv
                if last == event.ts_recv:
                    return
            sink(event)

        await super().connect(thinned_out)


class ImpatientWithLateNews(GateVenue):
    def _on_event(self, event):
        late = getattr(event, "ts_event", 0) and self.clock.time_ns() - event.ts_event > 10**9
        if isinstance(event, OrderReported | OrderFilled) and late:
            return
        super()._on_event(event)


class CancelAllOfEverything(GateVenue):
    async def cancel_all(self, instrument):
        return [event for one in self.by_name.values() for event in await super(type(self), self).cancel_all(one)]


class CancelThatIsNotSent(GateVenue):
    async def cancel(self, order):
        return [OrderCanceled(client_order_id=order.client_order_id)]


class CancelRefusalSwallowed(GateVenue):
    async def cancel(self, order):
        with suppress(Rejected):
            return await super().cancel(order)
        return []


class AmendedPriceForgotten(GateVenue):
    async def amend(self, order, *, price=None, quantity=None):
        return await super().amend(order, price=order.price if quantity else price, quantity=quantity)


class LeverageEchoed(GateVenue):
    async def set_leverage(self, instrument, leverage, margin_mode=None):
        return Position(instrument=instrument, leverage=leverage)


class FindsAnyOrder(GateVenue):
    async def order(self, order):
        return await super().order(order) or next(iter(await self.open_orders()), None)


class AbsentSendsAnyway(GateVenue):
    @property
    def capabilities(self):
        known = super().capabilities.features
        return Capabilities({feature: grade for feature, grade in known.items() if feature is not Feature.OPEN_ORDERS})


class NativeThatIsNot(GateVenue):
    async def candles(self, instrument, interval_s, *, start_ns, end_ns):
        raise NotSupported("not yet", venue=self.name)


class CloseLeavesTask(GateVenue):
    async def connect(self, sink):
        await super().connect(sink)

        async def go_on():
            while True:
                await pause(self.clock, 10)

        self._forgotten = asyncio.create_task(go_on())


class CloseCancelsOrders(GateVenue):
    async def close(self):
        if self.http is not None:
            with suppress(Exception):
                for instrument in self.traded.values():
                    await self.cancel_all(instrument)
        await super().close()


class SecretsLogged(GateVenue):
    async def connect(self, sink):
        await super().connect(sink)
        logging.getLogger("anyvenue.gateio").debug("connected with %s", self._keys.secret.reveal())


class MissedIsForgotten(GateVenue):
    def returned(self):
        self._lost_ns = None
        self.sink(Reconnected(connection=self.context.connection))


class RateLimitRepeated(GateVenue):
    async def place(self, spec):
        try:
            return await super().place(spec)
        except RateLimited as error:
            await pause(self.clock, error.retry_after_s)
            return await super().place(spec)


class UnsubscribeIgnored(GateVenue):
    async def unsubscribe(self, subscription):
        pass


class CloseFailsTheSecondTime(GateVenue):
    is_closed = False

    async def close(self):
        if self.is_closed:
            raise NotSent("closed already", venue=self.name)
        self.is_closed = True
        await super().close()


class StopsAtTheFirstPage(GateVenue):
    async def open_orders(self, instrument=None):
        return (await super().open_orders(instrument))[:100]


class FillsNewestFirst(GateVenue):
    async def fills(self, instrument, *, start_ns):
        return (await super().fills(instrument, start_ns=start_ns))[::-1]


class FlatPositionsListed(GateVenue):
    async def positions(self):
        return await super().positions() or [Position(instrument=next(iter(self.by_name.values())))]


class ProtectionThatIsNotSent(GateVenue):
    async def protect(self, instrument, protection, position_side=None):
        return []


class TakeProfitAndStopLossSwapped(GateVenue):
    async def protect(self, instrument, protection, *side):
        swapped = evolve(protection, take_profit=protection.stop_loss, stop_loss=protection.take_profit)
        return await super().protect(instrument, swapped, *side)


class CloseThatIsNotSent(GateVenue):
    async def close_position(self, instrument, *side):
        return []


class AmendOfTheRestOnly(GateVenue):
    async def amend(self, order, *, price=None, quantity=None):
        smaller = None if quantity is None else quantity - order.instrument.quantity_step
        return await super().amend(order, price=price, quantity=smaller)


class BatchAnswersForgotten(GateVenue):
    async def place_batch(self, specs):
        return await super().place_batch(specs[:-1])


class MarginModeIgnored(GateVenue):
    async def set_leverage(self, instrument, leverage, *mode):
        return await super().set_leverage(instrument, leverage)


class ServerErrorTakenForNotSent(GateVenue):
    async def place(self, spec):
        try:
            return await super().place(spec)
        except OutcomeUnknown as error:
            raise NotSent(str(error), venue=self.name) from error


class HistoryOfTheWrongState(GateVenue):
    async def order_history(self, instrument, *, start_ns):
        found = await super().order_history(instrument, start_ns=start_ns)
        return [evolve(one, report=evolve(one.report, state=OrderState.FILLED)) for one in found]


class TradesOldestLast(GateVenue):
    async def trades(self, instrument, *, start_ns, end_ns):
        return (await super().trades(instrument, start_ns=start_ns, end_ns=end_ns))[::-1]


class TermsTenfold(GateVenue):
    async def instruments(self):
        return [
            evolve(
                one,
                contract_size=one.contract_size * 10,
                quantity_step=one.quantity_step * 10,
                min_quantity=one.min_quantity * 10,
            )
            for one in await super().instruments()
        ]


class ClockTakenForBehind(GateVenue):
    @property
    def clock_ahead_ns(self):
        return -super().clock_ahead_ns


class BalanceInCents(GateVenue):
    async def balances(self):
        return [evolve(one, total=one.total * 100) for one in await super().balances()]


class BalanceOfTheStart(GateVenue):
    kept = None

    async def connect(self, sink):
        await super().connect(sink)
        self.kept = await super().balances()

    async def balances(self):
        return self.kept


class CloseOpensWhatIsFlat(GateVenue):
    async def close_position(self, instrument, *side):
        held = {one.instrument.key for one in await super().positions()}
        if instrument.key in held:
            return await super().close_position(instrument, *side)
        return await self.place(
            OrderSpec(
                client_order_id="avt-close",
                instrument=instrument,
                side=Side.SELL,
                quantity=instrument.min_quantity,
                order_type=OrderType.MARKET,
            )
        )


class CancelAllOfNothingRefused(GateVenue):
    async def cancel_all(self, instrument):
        found = await super().cancel_all(instrument)
        if not found:
            raise UnknownOrder("there is nothing to cancel", reason=RejectReason.UNKNOWN_ORDER, venue=self.name)
        return found


class NativeChannelThatIsNot(GateVenue):
    async def subscribe(self, subscription):
        if subscription.channel is Channel.LIQUIDATIONS:
            raise NotSupported("no such stream", venue=self.name)
        await super().subscribe(subscription)


class WeaknessUnsaid(GateVenue):
    def __init__(self, context):
        super().__init__(context)
        weak = {Feature.STOP: Capability(Grade.APPROXIMATE, "see documentation")}
        self.capabilities = Capabilities({**self.capabilities.features, **weak})


class FailedReadTakenForNothing(GateVenue):
    async def balances(self):
        with suppress(AnyvenueError):
            return await super().balances()
        return []


class FailedReadNotRepeated(GateVenue):
    async def connect(self, sink):
        await super().connect(sink)
        self.http._attempts = 1


class ReadsWaitForEver(GateVenue):
    async def balances(self):
        with suppress(AnyvenueError):
            return await super().balances()
        return await asyncio.get_running_loop().create_future()


class ErrorsOfNobody(GateVenue):
    async def balances(self):
        try:
            return await super().balances()
        except AnyvenueError as error:
            raise OutcomeUnknown(error.text) from error


class EventsOfAThread(GateVenue):
    async def connect(self, sink):
        def elsewhere(event):
            thread = threading.Thread(target=sink, args=(event,))
            thread.start()
            thread.join()

        await super().connect(elsewhere)


class AnswersBeforeItIsConnected(GateVenue):
    async def balances(self):
        return [] if self.http is None else await super().balances()


class InstrumentsOfNoConnection(GateVenue):
    async def instruments(self):
        return [evolve(one, connection="gateio") for one in await super().instruments()]


class SmallestForgotten(GateVenue):
    async def instruments(self):
        found = await super().instruments()
        return [evolve(one, quantity_step=one.quantity_step / 10, min_quantity=one.min_quantity / 10) for one in found]


class GridForgotten(GateVenue):
    async def instruments(self):
        return [evolve(one, price_rule=Tick("1e-12")) for one in await super().instruments()]


class RequestedBookShort(GateVenue):
    async def order_book(self, instrument, depth=50):
        book = await super().order_book(instrument, depth)
        return evolve(book, bids=book.bids[1:])


class SymbolsRunTogether(GateVenue):
    async def instruments(self):
        return [evolve(one, venue_symbol="BTC_USDT") for one in await super().instruments()]


class _Telling(GateVenue):
    """Tells something else than it hears."""

    async def connect(self, sink):
        await super().connect(lambda event: [sink(told) for told in self.told(event)])

    def told(self, event):
        return [event]


class FillsToldTwice(_Telling):
    def told(self, event):
        if isinstance(event, OrderFilled):
            return [event, evolve(event, fill=evolve(event.fill, trade_id=f"{event.fill.trade_id}-again"))]
        return [event]


class FillsOfAnotherPrice(_Telling):
    def told(self, event):
        if isinstance(event, OrderFilled):
            return [evolve(event, fill=evolve(event.fill, price=event.fill.price + 1))]
        return [event]


class StalePositionWins(_Telling):
    first = None

    def told(self, event):
        if not isinstance(event, Position):
            return [event]
        self.first = self.first or event
        return [event, self.first]


class MillisecondsTakenForNanoseconds(_Telling):
    def told(self, event):
        return [evolve(event, ts_event=event.ts_event // 1_000_000) if isinstance(event, Trade) else event]


class MakersSideTold(_Telling):
    def told(self, event):
        return [evolve(event, side=event.side.opposite) if isinstance(event, Trade) else event]


class SizesTenfold(_Telling):
    def told(self, event):
        if isinstance(event, BookSnapshot):
            bids, asks = (
                [(price, f"{Decimal(size) * 10}") for price, size in side] for side in (event.bids, event.asks)
            )
            return [evolve(event, bids=bids, asks=asks)]
        return [event]


class LossIsKeptQuiet(_Telling):
    def told(self, event):
        return [] if isinstance(event, Disconnected) else [event]


class BookSidesSwapped(_Telling):
    def told(self, event):
        if isinstance(event, BookDelta):
            plain = event.plain() if isinstance(event, DecodedDelta) else event
            return [evolve(plain, bids=event.asks, asks=event.bids)]
        return [event]


class OthersOrdersTold(_Telling):
    """Tells its neighbours' orders, as a stream that is not filtered by the account would."""

    everybody: ClassVar = []

    async def connect(self, sink):
        self.everybody.append(sink)
        await super().connect(sink)

    def told(self, event):
        if isinstance(event, OrderReported):
            for sink in self.everybody:
                sink(event)
        return [event]


class BalanceIsNotTold(_Telling):
    def told(self, event):
        return [] if isinstance(event, Balance) else [event]


class MakerCalledTaker(_Telling):
    def told(self, event):
        if isinstance(event, OrderFilled):
            return [evolve(event, fill=evolve(event.fill, liquidity=Liquidity.TAKER))]
        return [event]


class LastCalledMark(_Telling):
    def told(self, event):
        return [evolve(event, mark_price=event.last_price) if isinstance(event, Ticker) else event]


class QuotesInContracts(_Telling):
    def told(self, event):
        if isinstance(event, Quote):
            return [evolve(event, bid_quantity=event.instrument.to_contracts(event.bid_quantity))]
        return [event]


class ChangesBeforeTheBook(_Telling):
    def told(self, event):
        if isinstance(event, BookSnapshot):
            first = BookDelta(instrument=event.instrument, bids=event.bids, asks=event.asks)
            return [first, event]
        return [event]


class OtherInstrumentsTold(_Telling):
    def told(self, event):
        if isinstance(event, BookSnapshot):
            other = next(one for one in self.by_name.values() if one.key != event.instrument.key)
            return [event, evolve(event, instrument=other)]
        return [event]


class FillsInMilliseconds(_Telling):
    def told(self, event):
        if isinstance(event, OrderFilled):
            return [evolve(event, fill=evolve(event.fill, ts_event=event.fill.ts_event // 1_000_000))]
        return [event]
