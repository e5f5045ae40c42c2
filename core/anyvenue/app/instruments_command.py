"""`anyvenue instruments`: what a venue lists, asked of the venue itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import click
import orjson

from anyvenue.app.assemble import fresh_session
from anyvenue.app.figures import plain
from anyvenue.app.launch import SIMULATED
from anyvenue.app.plugins import InstalledPlugins, Plugins
from anyvenue.app.text_table import text_table
from anyvenue.model.instrument import Instrument
from anyvenue.model.pricing import Tick
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.venue.clock import Clock, WallClock
from anyvenue.venue.descriptor import Environment, VenueContext, VenueDescriptor

__all__ = ["instruments", "instruments_text"]


def instruments(venue: str, environment: str, *, as_json: bool, plugins: Plugins | None = None) -> str | bytes:
    """Return a venue's instruments as a table or as JSON. Raises PluginError and what the venue raises."""
    descriptor = (plugins or InstalledPlugins()).venue(venue)
    chosen = next((e for e in descriptor.environments if e.value == environment), None)
    if chosen is None:
        has = ", ".join(e.value for e in Environment if e in descriptor.environments)
        raise click.UsageError(f"--environment: found {environment!r}; {descriptor.name} has {has}")
    found = sorted(asyncio.run(_ask(descriptor, chosen)), key=lambda instrument: instrument.symbol)
    if as_json:
        data = [_data(instrument) for instrument in found]
        return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return instruments_text(found)


async def _ask(descriptor: VenueDescriptor, environment: Environment) -> Sequence[Instrument]:
    if descriptor.name == SIMULATED:
        clock = DrivenClock()
        return await Pump(clock).serve(_listed(descriptor, environment, clock))
    return await _listed(descriptor, environment, WallClock())


async def _listed(descriptor: VenueDescriptor, environment: Environment, clock: Clock) -> Sequence[Instrument]:
    context = VenueContext(
        connection=descriptor.name,
        environment=environment,
        clock=clock,
        session=fresh_session(clock.time_ns()),
        options=descriptor.options(),
    )
    venue = descriptor.open(context)
    await venue.connect(lambda event: None)
    try:
        return await venue.instruments()
    finally:
        await venue.close()


def instruments_text(instruments: Sequence[Instrument]) -> str:
    """Return instruments as a table."""
    rows = [("symbol", "venue symbol", "kind", "price", "step", "smallest", "leverage", "maker", "taker", "status")]
    rows += [
        (
            instrument.symbol,
            instrument.venue_symbol,
            instrument.kind.value,
            plain(instrument.price_rule.size)
            if isinstance(instrument.price_rule, Tick)
            else str(instrument.price_rule),
            plain(instrument.quantity_step),
            f"{plain(instrument.min_quantity)} {instrument.quantity_unit}",
            f"{plain(instrument.max_leverage)}x",
            f"{plain(instrument.maker_fee * 100)} %",
            f"{plain(instrument.taker_fee * 100)} %",
            instrument.status.value,
        )
        for instrument in instruments
    ]
    return "\n".join(text_table(rows, left=3)) + "\n"


def _data(instrument: Instrument) -> dict[str, Any]:
    rule = instrument.price_rule
    price = (
        {"tick": plain(rule.size)} if isinstance(rule, Tick) else {"figures": rule.figures, "decimals": rule.decimals}
    )
    return {
        "symbol": instrument.symbol,
        "venue_symbol": instrument.venue_symbol,
        "kind": instrument.kind.value,
        "base": instrument.base,
        "quote": instrument.quote,
        "settle": instrument.settle,
        "price": price,
        "quantity_unit": instrument.quantity_unit,
        "quantity_step": plain(instrument.quantity_step),
        "min_quantity": plain(instrument.min_quantity),
        "max_quantity": None if instrument.max_quantity is None else plain(instrument.max_quantity),
        "min_notional": plain(instrument.min_notional),
        "contract_size": plain(instrument.contract_size),
        "max_leverage": plain(instrument.max_leverage),
        "maker_fee": plain(instrument.maker_fee),
        "taker_fee": plain(instrument.taker_fee),
        "funding_interval_s": instrument.funding_interval_s,
        "status": instrument.status.value,
    }
