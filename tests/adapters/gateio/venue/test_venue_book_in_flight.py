"""A book's snapshot that is on its way when the stream is lost: it must not make the book look whole."""

from anyvenue.venue.events import Channel, Subscription

BTC = "BTC-USDT-PERP"
AWAY_S = 20


def test_a_snapshot_that_arrives_after_the_loss_of_the_stream_is_not_trusted(play):
    async def scenario(floor):
        gate = await floor.session(book="updates")
        stream = gate.books(BTC)
        book = await anext(stream)
        await floor.until(lambda: book.is_synced)
        await floor.wait(2)
        floor.faults(
            {"on": "http", "path": "*/order_book", "delay_s": 2, "times": 1},
            {"on": "ws_in", "drop": True, "until_s": AWAY_S},
        )
        await gate.venue.resync(Subscription(channel=Channel.BOOK, instrument=gate.instrument(BTC)))
        await floor.wait(1)
        floor.gateway.disconnect()
        await floor.wait(5)  # the snapshot has come
        while_away = book.is_synced
        await floor.until(lambda: book.is_synced, at_most_s=200)
        return while_away

    assert play(scenario) is False
