"""Gate's contracts by settle currency and name, and what Gate says of each one now."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from attrs import frozen

from anyvenue.model.enums import TradingStatus
from anyvenue.model.instrument import Instrument
from anyvenue.simulation.server.stage import Stage
from anyvenue_gateio.simulator.listed import TERMS, Terms, instruments
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.shapes import price_text, size_value, whole_seconds

__all__ = ["SETTLES", "Contract", "Contracts", "instruments"]

SETTLES = ("usdt", "btc")
_LISTED_S = 1_573_000_000
_DELISTING_S = 1_720_000_000
_RECENT_NS = 60_000_000_000
_STATUS = {
    TradingStatus.TRADING: "trading",
    TradingStatus.REDUCE_ONLY: "delisting",
    TradingStatus.HALTED: "circuit_breaker",
}


@frozen(kw_only=True)
class Contract:
    """A listed contract. `settle` is as in paths, in lower case; the instrument is the exchange's."""

    instrument: Instrument
    settle: str
    terms: Terms

    @property
    def name(self) -> str:
        """Gate's name."""
        return self.instrument.venue_symbol

    @property
    def symbol(self) -> str:
        """The exchange's name."""
        return self.instrument.symbol

    @property
    def tick(self) -> Decimal:
        """The distance between prices."""
        return self.instrument.price_rule.step_at(Decimal(1))

    def size_of(self, quantity: Decimal) -> Decimal:
        """Return a quantity of the exchange's in contracts, sign kept."""
        return quantity / self.instrument.contract_size

    def quantity_of(self, size: Decimal) -> Decimal:
        """Return a size in contracts as the exchange counts it."""
        return self.instrument.from_contracts(size)


class Contracts:
    """What is listed, by settle currency and name."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._by_name: dict[tuple[str, str], Contract] = {}
        self._by_symbol: dict[str, Contract] = {}
        for instrument in stage.instruments:
            contract = Contract(
                instrument=instrument, settle=instrument.settle.lower(), terms=TERMS[instrument.venue_symbol]
            )
            self._by_name[contract.settle, contract.name] = contract
            self._by_symbol[contract.symbol] = contract

    def find(self, settle: str, name: str) -> Contract:
        """Return a contract. Raises Refused, also where it settles in another currency."""
        found = self._by_name.get((settle, name))
        if found is None:
            raise Refused("CONTRACT_NOT_FOUND", f"contract {name} not found in {settle}", status=404)
        return found

    def by_symbol(self, symbol: str) -> Contract:
        """Return the contract of an exchange's symbol. Raises KeyError."""
        return self._by_symbol[symbol]

    def of(self, settle: str) -> list[Contract]:
        """Return all contracts of a settle currency."""
        return [contract for contract in self._by_name.values() if contract.settle == settle]

    def describe(self, contract: Contract, decimal: bool) -> dict[str, Any]:
        """Return the JSON object of a contract, with its prices and counters as they are now."""
        terms, instrument, market = contract.terms, contract.instrument, self._stage.market
        ticker = market.ticker(contract.symbol)
        listing = market.listing(contract.symbol)
        now = self._stage.clock.time_ns()
        next_funding = ticker.next_funding_ts or now
        trades = listing.record.trades(instrument, start_ns=now - _RECENT_NS, end_ns=now + 1)[-1:]
        mark = price_text(ticker.mark_price)
        status = self._stage.exchange.status(contract.symbol)
        delisting = status is TradingStatus.REDUCE_ONLY
        return {
            "name": contract.name,
            "type": "inverse" if terms.inverse else "direct",
            "quanto_multiplier": terms.multiplier,
            "order_price_round": price_text(contract.tick),
            "mark_price_round": price_text(contract.tick / 10),
            "order_size_min": size_value(Decimal(terms.size_min), decimal),
            "order_size_max": size_value(Decimal(terms.size_max), decimal),
            "enable_decimal": terms.decimal,
            "market_order_size_max": terms.market_size_max,
            "market_order_slip_ratio": "0.05",
            "order_price_deviate": terms.deviate,
            "leverage_min": "1",
            "leverage_max": terms.leverage_max,
            "cross_leverage_default": "10",
            "maintenance_rate": terms.maintenance_rate,
            "risk_limit_base": terms.risk_limit,
            "risk_limit_step": "0",
            "risk_limit_max": terms.risk_limit,
            "maker_fee_rate": price_text(instrument.maker_fee),
            "taker_fee_rate": price_text(instrument.taker_fee),
            "mark_type": "index",
            "mark_price": mark,
            "index_price": price_text(ticker.index_price),
            "last_price": price_text(ticker.last_price),
            "funding_rate": price_text(ticker.funding_rate),
            "funding_rate_indicative": price_text(ticker.funding_rate),
            "funding_interval": terms.funding_interval_s,
            "funding_next_apply": whole_seconds(next_funding),
            "funding_offset": 0,
            "funding_rate_limit": "0.003",
            "funding_cap_ratio": "0.75",
            "funding_impact_value": "60000",
            "interest_rate": "0.0003",
            "orders_limit": terms.orders_limit,
            "in_delisting": delisting,
            "status": _STATUS[status],
            "create_time": _LISTED_S,
            "launch_time": _LISTED_S,
            "delisting_time": _DELISTING_S if delisting else 0,
            "delisted_time": 0,
            "is_pre_market": False,
            "contract_type": "",
            "enable_circuit_breaker": False,
            "enable_bonus": True,
            "enable_credit": True,
            "voucher_leverage": "0",
            "config_change_time": _LISTED_S,
            "orderbook_id": listing.last_id,
            "trade_id": int(trades[0].trade_id) if trades and trades[0].trade_id.isdigit() else 0,
            "trade_size": size_value(Decimal(0), decimal),
            "position_size": size_value(self.open_interest(contract), decimal),
            "ref_discount_rate": "0",
            "ref_rebate_rate": "0.2",
        }

    def open_interest(self, contract: Contract) -> Decimal:
        """Return the size of all long positions of the accounts here; a contract that runs off has some always."""
        exchange = self._stage.exchange
        held = Decimal(1000) if exchange.status(contract.symbol) is TradingStatus.REDUCE_ONLY else Decimal(0)
        for account in self._stage.accounts:
            for position in exchange.positions(account):
                if position.instrument.symbol == contract.symbol and position.quantity > 0:
                    held += contract.size_of(position.quantity)
        return held

    def tier(self, contract: Contract) -> dict[str, Any]:
        """Return the one risk tier there is."""
        terms = contract.terms
        return {
            "tier": 1,
            "risk_limit": terms.risk_limit,
            "initial_rate": price_text(1 / Decimal(terms.leverage_max)),
            "maintenance_rate": terms.maintenance_rate,
            "leverage_max": terms.leverage_max,
            "deduction": "0",
        }
