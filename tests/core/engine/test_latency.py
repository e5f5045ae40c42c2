"""How long things take: from the frame to the callback's end, from the call to the wire, from there to the answer."""

from __future__ import annotations

import asyncio

import pytest
from listed import linear

from anyvenue.engine.commands import Place, Subscribe
from anyvenue.engine.latency import Latency
from anyvenue.model.enums import Side
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderAccepted, OrderSent, OrderUnknown
from anyvenue.model.order_spec import OrderSpec
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.events import Channel, Subscription
from anyvenue.wire.sending import Sending, note_sent, watch_sending

US = 1000


@pytest.fixture
def btc():
    return linear()


@pytest.fixture
def place(btc):
    return Place(Order(spec=OrderSpec(client_order_id="a", instrument=btc, side=Side.BUY, quantity="1", price="100")))


def figures(latency):
    return {row.name: (row.count, row.longest) for row in latency.durations()}


def test_an_order_is_measured_from_its_call_to_the_wire_and_from_there_to_the_answer(place):
    clock = DrivenClock(0)
    latency, sending = Latency(clock), Sending()
    clock.run_until(10 * US)
    latency.called()
    clock.run_until(40 * US)
    called_ns = latency.leaving()
    sending.sent_ns = 90 * US
    clock.run_until(2000 * US)
    latency.answered(place, called_ns, sending, [OrderAccepted()], clock.time_ns())
    assert figures(latency) == {"order call to wire": (1, 80 * US), "wire to answer": (1, 1910 * US)}


def test_what_nobody_called_for_is_measured_from_the_moment_it_leaves(place):
    clock = DrivenClock(70 * US)
    latency, sending = Latency(clock), Sending()
    latency.called()
    assert latency.leaving() == 70 * US
    clock.run_until(80 * US)
    assert latency.leaving() == 80 * US  # the call before was another command's
    latency.answered(place, 80 * US, sending, [OrderSent()], clock.time_ns())
    assert figures(latency) == {}  # it never reached a wire


def test_without_an_answer_there_is_only_the_way_to_the_wire(place, btc):
    clock = DrivenClock(100 * US)
    latency, sending = Latency(clock), Sending()
    sending.sent_ns = 100 * US
    latency.answered(place, 60 * US, sending, [OrderUnknown()], clock.time_ns())
    latency.answered(Subscribe(Subscription(instrument=btc, channel=Channel.TRADES)), 0, sending, [], clock.time_ns())
    assert figures(latency) == {"order call to wire": (1, 40 * US)}


def test_an_event_is_measured_from_its_reception_and_one_of_our_own_not_at_all():
    latency = Latency(DrivenClock(500 * US))
    latency.handled(OrderAccepted(ts_recv=480 * US))
    latency.handled(OrderAccepted())
    latency.handled(object())
    assert figures(latency) == {"frame to callback done": (1, 20 * US)}


def test_the_first_request_of_a_task_is_noted_and_of_no_other():
    async def send(at_ns):
        note_sent(at_ns)

    async def watched(first_ns):
        sending = watch_sending()
        await send(first_ns)
        await asyncio.sleep(0)
        await send(first_ns + 5)  # sent once more, for a reason of the wire's own
        return sending.sent_ns

    async def main():
        note_sent(1)  # nobody looks
        return await asyncio.gather(watched(10), watched(20))

    assert asyncio.run(main()) == [10, 20]
