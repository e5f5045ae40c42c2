"""`POST /info`: every reading request there is here (chapter 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from anyvenue_hyperliquid.simulator.account_shapes import AccountShapes
from anyvenue_hyperliquid.simulator.actions import Malformed
from anyvenue_hyperliquid.simulator.limits import Limits
from anyvenue_hyperliquid.simulator.market_info import PAGE, MarketInfo
from anyvenue_hyperliquid.simulator.markets import DEXES, MAKER_FEE, TAKER_FEE, Markets, Terms, number
from anyvenue_hyperliquid.simulator.order_file import Kept, OrderFile
from anyvenue_hyperliquid.simulator.quirks import Quirks
from anyvenue_hyperliquid.simulator.records import Records
from anyvenue_hyperliquid.simulator.shapes import INTERVALS, OrderShapes, newest_first
from anyvenue_hyperliquid.simulator.steering import Conditions
from anyvenue_hyperliquid.simulator.wallets import Wallets

__all__ = ["Info"]

FILLS_PAGE: Final = 2000
ORDERS_TOLD: Final = 2000

Asked = Mapping[str, Any]


class _NoMarket(Exception):
    """A coin that does not trade: the answer is `null`."""


class Info:
    """Answers. Each method raises Malformed for a field that is missing or of another type."""

    def __init__(
        self,
        markets: Markets,
        market_info: MarketInfo,
        wallets: Wallets,
        file: OrderFile,
        records: Records,
        accounts: AccountShapes,
        limits: Limits,
        quirks: Quirks,
        conditions: Conditions,
    ) -> None:
        self._markets = markets
        self._market = market_info
        self._wallets = wallets
        self._file = file
        self._records = records
        self._accounts = accounts
        self._limits = limits
        self._quirks = quirks
        self._orders = OrderShapes(file)
        market = market_info
        self._public: Mapping[str, Callable[[Asked], Any]] = {
            "meta": lambda asked: market.meta(_dex(asked)),
            "metaAndAssetCtxs": lambda asked: market.meta_and_contexts(_dex(asked)),
            "allPerpMetas": lambda asked: [markets.meta(dex) for dex in DEXES],
            "perpDexs": lambda asked: market.dexes(),
            "spotMeta": lambda asked: _SPOT_META,
            "allMids": lambda asked: market.mids(_dex(asked)),
            "l2Book": self._book,
            "recentTrades": lambda asked: market.recent_trades(self._coin(asked)),
            "candleSnapshot": self._candles,
            "fundingHistory": self._funding_history,
            "predictedFundings": lambda asked: market.predicted_fundings(),
            "marginTable": lambda asked: market.table(_whole(asked, "id")),
            "perpsAtOpenInterestCap": lambda asked: conditions.capped,
            "exchangeStatus": lambda asked: {"time": market.time_ms(), "specialStatuses": None},
        }
        self._private: Mapping[str, Callable[[str, Asked], Any]] = {
            "clearinghouseState": lambda account, asked: accounts.state(account, _dex(asked)),
            "spotClearinghouseState": lambda account, asked: {"balances": []},
            "openOrders": self._open_orders,
            "frontendOpenOrders": self._frontend_orders,
            "orderStatus": self._order_status,
            "historicalOrders": self._history,
            "userFills": lambda account, asked: newest_first(records.of(account).fills)[:FILLS_PAGE],
            "userFillsByTime": self._fills_by_time,
            "userFunding": self._funding,
            "userNonFundingLedgerUpdates": lambda account, asked: [],
            "userTwapSliceFills": lambda account, asked: [],
            "activeAssetData": self._asset_data,
            "userFees": self._fees,
            "userRateLimit": self._rate_limit,
            "extraAgents": self._agents,
            "userAbstraction": lambda account, asked: conditions.abstraction.get(account, "disabled"),
            "subAccounts": self._sub_accounts,
            "maxBuilderFee": lambda account, asked: 0,
            "portfolio": self._portfolio,
        }

    def answer(self, asked: Any) -> Any:
        """Answer a request. Raises Malformed for what there is none of."""
        if not isinstance(asked, Mapping):
            raise Malformed
        kind = asked.get("type")
        if not isinstance(kind, str):
            raise Malformed
        if kind == "userRole":
            return self._role(_user(asked))
        try:
            if kind in self._public:
                return self._public[kind](asked)
            if kind not in self._private:
                raise Malformed
            account = self._wallets.find(_user(asked))
            return _EMPTY.get(kind, []) if account is None else self._private[kind](account, asked)
        except _NoMarket:
            return None

    # Markets

    def _coin(self, asked: Asked) -> Terms:
        terms = self._markets.find(_text(asked, "coin"))
        if terms is None:
            raise _NoMarket
        return terms

    def _book(self, asked: Asked) -> Any:
        figures, mantissa = asked.get("nSigFigs"), asked.get("mantissa")
        if figures not in (None, 2, 3, 4, 5) or mantissa not in (None, 1, 2, 5):
            raise Malformed
        if mantissa is not None and figures != 5:
            raise Malformed
        return self._market.book(_text(asked, "coin"), figures=figures, mantissa=mantissa)

    def _candles(self, asked: Asked) -> Any:
        wish = asked.get("req")
        if not isinstance(wish, Mapping) or wish.get("interval") not in INTERVALS:
            raise Malformed
        end_ms = self._market.time_ms() if wish.get("endTime") is None else _whole(wish, "endTime")
        return self._market.candles(self._coin(wish), wish["interval"], _whole(wish, "startTime"), end_ms)

    def _funding_history(self, asked: Asked) -> Any:
        return self._market.funding_history(self._coin(asked), _whole(asked, "startTime"), _until(asked))

    # Orders and fills

    def _of_dex(self, account: str, asked: Asked) -> list[Kept]:
        """Return the open orders of a dex, newest first; what waits for a parent is told as its child too."""
        dex = _dex(asked)
        return [kept for kept in reversed(self._file.open(account)) if kept.terms.dex == dex]

    def _open_orders(self, account: str, asked: Asked) -> Any:
        return [self._orders.basic(kept) for kept in self._of_dex(account, asked)]

    def _frontend_orders(self, account: str, asked: Asked) -> Any:
        return [self._orders.frontend(kept) for kept in self._of_dex(account, asked)]

    def _order_status(self, account: str, asked: Asked) -> Any:
        oid = asked.get("oid")
        if not isinstance(oid, int | str) or isinstance(oid, bool):
            raise Malformed
        kept = self._file.find(account, oid)
        if kept is None or self._market.time_ms() < kept.created_ms + self._quirks.status_lag_ms:
            return {"status": "unknownOid"}
        return {"status": "order", "order": self._orders.with_status(kept)}

    def _history(self, account: str, asked: Asked) -> Any:
        told = []
        for kept in self._file.newest_first(account):
            told.append(self._orders.with_status(kept))
            if len(told) == ORDERS_TOLD:
                break
        return told

    def _fills_by_time(self, account: str, asked: Asked) -> Any:
        found = _between(self._records.of(account).fills, asked)
        return (newest_first(found) if asked.get("reversed") else found)[:FILLS_PAGE]

    def _funding(self, account: str, asked: Asked) -> Any:
        return _between(self._records.of(account).fundings, asked)[:PAGE]

    # Accounts

    def _asset_data(self, account: str, asked: Asked) -> Any:
        terms = self._coin(asked)
        return {"user": _user(asked).lower(), "coin": terms.name, **self._accounts.asset_data(account, terms)}

    def _fees(self, account: str, asked: Asked) -> Any:
        return {
            "dailyUserVlm": [],
            "feeSchedule": {"cross": number(TAKER_FEE), "add": number(MAKER_FEE)},
            "userCrossRate": number(TAKER_FEE),
            "userAddRate": number(MAKER_FEE),
            "activeReferralDiscount": "0.0",
        }

    def _rate_limit(self, account: str, asked: Asked) -> Any:
        return {
            "cumVlm": number(self._limits.volume(account)),
            "nRequestsUsed": self._limits.used.get(account, 0),
            "nRequestsCap": self._limits.cap(account),
            "nRequestsSurplus": 0,
        }

    def _role(self, address: str) -> Any:
        agent, account = self._wallets.agent(address), self._wallets.find(address)
        if agent is not None:
            return {"role": "agent", "data": {"user": self._wallets.address(agent.master)}}
        if account is None:
            return {"role": "missing"}
        master = self._wallets.master_of(account)
        if master == account:
            return {"role": "user"}
        return {"role": "subAccount", "data": {"master": self._wallets.address(master)}}

    def _agents(self, account: str, asked: Asked) -> Any:
        return [
            {"name": agent.name, "address": agent.address, "validUntil": agent.valid_until_ms}
            for agent in self._wallets.agents_of(account)
            if agent.name
        ]

    def _sub_accounts(self, account: str, asked: Asked) -> Any:
        subs = self._wallets.subs_of(account)
        return [
            {
                "name": sub.rpartition("/")[2],
                "subAccountUser": self._wallets.address(sub),
                "master": self._wallets.address(account),
                "clearinghouseState": self._accounts.state(sub, ""),
                "spotState": {"balances": []},
            }
            for sub in subs
        ] or None

    def _portfolio(self, account: str, asked: Asked) -> Any:
        value = self._accounts.state(account, "")["marginSummary"]["accountValue"]
        now = self._market.time_ms()
        row = {
            "accountValueHistory": [[now, value]],
            "pnlHistory": [[now, "0.0"]],
            "vlm": number(self._limits.volume(account)),
        }
        return [[period, row] for period in ("day", "week", "month", "allTime")]


_SPOT_META: Final = {
    "universe": [],
    "tokens": [
        {
            "name": "USDC",
            "szDecimals": 8,
            "weiDecimals": 8,
            "index": 0,
            "tokenId": "0x6d1e7cde53ba9467b783cb7c530ce054",
            "isCanonical": True,
            "evmContract": None,
            "fullName": None,
        }
    ],
}
_NO_MONEY: Final = {"accountValue": "0.0", "totalNtlPos": "0.0", "totalRawUsd": "0.0", "totalMarginUsed": "0.0"}
_EMPTY: Final[Mapping[str, Any]] = {
    "clearinghouseState": {
        "marginSummary": _NO_MONEY,
        "crossMarginSummary": _NO_MONEY,
        "crossMaintenanceMarginUsed": "0.0",
        "withdrawable": "0.0",
        "assetPositions": [],
        "time": 0,
    },
    "spotClearinghouseState": {"balances": []},
    "orderStatus": {"status": "unknownOid"},
    "subAccounts": None,
    "maxBuilderFee": 0,
    "userAbstraction": "default",
    "userRateLimit": {"cumVlm": "0.0", "nRequestsUsed": 0, "nRequestsCap": 10_000, "nRequestsSurplus": 0},
}
"""What is said of an address that has no account, such as an agent's: nothing, without an error."""


def _between(rows: Sequence[dict[str, Any]], asked: Asked) -> list[dict[str, Any]]:
    start, end = _whole(asked, "startTime"), _until(asked)
    return [row for row in rows if start <= row["time"] and (end is None or row["time"] <= end)]


def _until(asked: Asked) -> int | None:
    return None if asked.get("endTime") is None else _whole(asked, "endTime")


def _whole(asked: Asked, name: str) -> int:
    value = asked.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Malformed
    return value


def _text(asked: Asked, name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise Malformed
    return value


def _dex(asked: Asked) -> str:
    return "" if asked.get("dex") is None else _text(asked, "dex")


def _user(asked: Asked) -> str:
    address = _text(asked, "user")
    if len(address) != 42 or not address.startswith("0x"):
        raise Malformed
    return address
