"""The WebSocket trading API: login, and orders by frames (fact sheet, chapters 3.3 and 11)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec

from anyvenue.simulation.server.keyring import ApiKey
from anyvenue.wire.exact_json import decode
from anyvenue_gateio.simulator.auth_check import api_signature
from anyvenue_gateio.simulator.house import House
from anyvenue_gateio.simulator.order_record import OrderRecord
from anyvenue_gateio.simulator.refusal import Refused

__all__ = ["API_CHANNELS", "TradeApi"]

WINDOW_S: Final = 60
LOGIN: Final = "futures.login"
_DEFAULT_TEXT: Final = "apiv4-ws"
_PLACES: Final = ("futures.order_place", "futures.order_batch_place")
_LIMIT_MAX: Final = 100

Raw = Mapping[str, msgspec.Raw]


class ApiSocket(Protocol):
    """A connection as the API sees it."""

    decimal: bool
    settle: str
    remote: str
    conn_id: str

    def send(self, frame: Mapping[str, Any]) -> None:
        """Send a frame."""

    def trace(self) -> str:
        """Return a new trace id."""


class TradeApi:
    """The API on one connection. Nothing but a login is done before a login."""

    def __init__(self, house: House, socket: ApiSocket) -> None:
        self._house = house
        self._socket = socket
        self._key: ApiKey | None = None
        self._calls: dict[str, Callable[[str, Any], Any]] = {
            "futures.order_place": self._place,
            "futures.order_batch_place": self._place_batch,
            "futures.order_cancel": self._cancel,
            "futures.order_cancel_ids": self._cancel_ids,
            "futures.order_cancel_cp": self._cancel_all,
            "futures.order_amend": self._amend,
            "futures.order_list": self._list,
            "futures.order_status": self._status,
        }

    def on_request(self, channel: str, time: int, raw_payload: bytes) -> None:
        """Answer a request: at once, or for a new order with an ack first."""
        payload = _fields(raw_payload)
        req_id, raw_param = _text(payload.get("req_id")), bytes(payload.get("req_param", b""))
        try:
            if abs(self._house.doorman.time_ns() - time * 1_000_000_000) > WINDOW_S * 1_000_000_000:
                raise Refused("REQUEST_EXPIRED", "gap between request time and server time exceeds 60", status=401)
            if channel == LOGIN:
                result: Any = self._login(payload, raw_param.decode())
            else:
                key = self._key
                if key is None:
                    status = int(self._house.quirks.not_logged_in)
                    raise Refused("AUTHENTICATION_FAILED", "Not login", status=status)
                result = self._do(key, channel, req_id, payload, raw_param)
        except Refused as refused:
            errors = {"label": refused.label, "message": refused.message}
            self._reply(channel, req_id, {"errs": errors}, status=refused.status)
            return
        self._reply(channel, req_id, {"result": result})

    # Login

    def _login(self, payload: Raw, raw_param: str) -> dict[str, str]:
        name, signature, timestamp = (_text(payload.get(field)) for field in ("api_key", "signature", "timestamp"))
        if not (name and signature and timestamp.isdigit()):
            raise Refused("INVALID_PARAM_VALUE", "api_key, signature and timestamp are needed, as texts")
        key = self._house.doorman.check_key(name, self._socket.remote)
        if abs(self._house.doorman.time_ns() // 1_000_000_000 - int(timestamp)) > WINDOW_S:
            raise Refused("REQUEST_EXPIRED", "gap between request timestamp and server time exceeds 60", status=401)
        expected = api_signature(key.secret, LOGIN, raw_param, timestamp)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise Refused("INVALID_SIGNATURE", "Signature mismatch", status=401)
        self._house.doorman.check_trading(key)
        self._key = key
        self._house.news.attend(key.account)
        self._house.books.open(key.account)
        return {"api_key": name, "uid": str(self._house.accounts.user_id(key.account))}

    # Orders

    def _do(self, key: ApiKey, channel: str, req_id: str, payload: Raw, raw_param: bytes) -> Any:
        call = self._calls[channel]
        param = _param(raw_param)
        self._check_header(payload.get("req_header"))
        if channel not in ("futures.order_list", "futures.order_status"):
            rows = len(param) if channel.endswith(("batch_place", "cancel_ids")) and isinstance(param, list) else 1
            self._house.trade_rate.take(key.account, rows)
        if channel in _PLACES:
            echo = {"req_id": req_id, "req_header": None, "req_param": msgspec.Raw(raw_param or b"null")}
            self._reply(channel, req_id, {"result": echo}, ack=True)
        return call(key.account, param)

    def _place(self, account: str, param: Any) -> Any:
        number = self._house.desk.create(
            account, self._socket.settle, param, default_text=_DEFAULT_TEXT, decimal=self._socket.decimal
        )
        return self._house.desk.shape(account, number, self._socket.decimal)

    def _place_batch(self, account: str, param: Any) -> Any:
        return self._house.desk.create_batch(
            account, self._socket.settle, param, default_text=_DEFAULT_TEXT, decimal=self._socket.decimal
        )

    def _cancel(self, account: str, param: Any) -> Any:
        return self._shape(account, self._house.desk.cancel(account, self._socket.settle, _order_id(param)))

    def _cancel_ids(self, account: str, param: Any) -> Any:
        return self._house.desk.cancel_batch(account, self._socket.settle, param)

    def _cancel_all(self, account: str, param: Any) -> Any:
        fields = _object(param)
        contract, side = fields.get("contract"), fields.get("side") or None
        if not isinstance(contract, str) or side not in (None, "bid", "ask"):
            raise Refused("INVALID_PARAM_VALUE", "a contract is needed; side is bid or ask")
        canceled = self._house.desk.cancel_all(account, self._socket.settle, contract, side)
        return [self._shape(account, record) for record in canceled]

    def _amend(self, account: str, param: Any) -> Any:
        number = _order_id(param)
        settle, decimal = self._socket.settle, self._socket.decimal
        return self._shape(account, self._house.desk.amend(account, settle, number, param, decimal=decimal))

    def _list(self, account: str, param: Any) -> Any:
        fields, settle, desk = _object(param), self._socket.settle, self._house.desk
        contract, status = fields.get("contract") or None, fields.get("status")
        if status not in ("open", "finished"):
            raise Refused("INVALID_PARAM_VALUE", "status: allowed are open and finished")
        if contract is not None:
            self._house.contracts.find(settle, str(contract))
        records = (desk.open_orders if status == "open" else desk.finished_orders)(account, settle, contract)
        try:
            limit, offset = int(fields.get("limit") or _LIMIT_MAX), int(fields.get("offset") or 0)
            last_id = int(fields.get("last_id") or 0)
        except (TypeError, ValueError):
            raise Refused("INVALID_PARAM_VALUE", "limit, offset and last_id are whole numbers") from None
        if last_id:
            records = [record for record in records if record.number < last_id]
        return [self._shape(account, record) for record in records[offset : offset + min(limit, _LIMIT_MAX)]]

    def _status(self, account: str, param: Any) -> Any:
        return self._shape(account, self._house.desk.get(account, self._socket.settle, _order_id(param)))

    def _shape(self, account: str, record: OrderRecord) -> dict[str, Any]:
        return self._house.desk.shape(account, record, self._socket.decimal)

    def _check_header(self, raw: msgspec.Raw | None) -> None:
        """Refuse what arrives after its `x-gate-exptime`."""
        header = {} if raw is None else _fields(bytes(raw))
        told = next((_text(value) for name, value in header.items() if name.lower() == "x-gate-exptime"), "")
        if not told:
            return
        if not told.isdigit():
            raise Refused("INVALID_PARAM_VALUE", "x-gate-exptime: Unix milliseconds are needed")
        if self._house.doorman.time_ns() > int(told) * 1_000_000:
            raise Refused(self._house.quirks.expired_label, "the request has expired")

    # Replies

    def _reply(
        self, channel: str, req_id: str, data: Mapping[str, Any], *, ack: bool | None = None, status: int = 200
    ) -> None:
        now, login = self._house.doorman.time_ns(), channel == LOGIN
        header: dict[str, Any] = {
            "response_time": str(now // 1_000_000),
            "status": str(status),
            "channel": channel,
            "event": "api",
            "clientId" if login else "client_id": f"{self._socket.remote}-{self._socket.conn_id}",
            "x_in_time": now // 1_000,
            "x_out_time": now // 1_000,
            "conn_id": self._socket.conn_id,
            "conn_trace_id": self._socket.conn_id,
            "trace_id": self._socket.trace(),
        }
        if self._key is not None and not login:
            header.update(self._house.trade_rate.header(self._key.account))
        frame: dict[str, Any] = {"header": header, "data": data, "request_id": req_id}
        if ack or channel in _PLACES:
            frame["ack"] = bool(ack)
        self._socket.send(frame)


API_CHANNELS: Final = (
    LOGIN,
    *_PLACES,
    "futures.order_cancel",
    "futures.order_cancel_ids",
    "futures.order_cancel_cp",
    "futures.order_amend",
    "futures.order_list",
    "futures.order_status",
)


def _fields(raw: bytes) -> dict[str, msgspec.Raw]:
    """Return an object's members as they are in the frame; none for anything else."""
    try:
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _text(raw: msgspec.Raw | None) -> str:
    """Return a JSON text, or what a number was written as; empty for anything else."""
    found = None if raw is None else decode(bytes(raw))
    return found if isinstance(found, str) else str(found) if isinstance(found, int) else ""


def _param(raw: bytes) -> Any:
    return decode(raw) if raw else None


def _object(param: Any) -> Mapping[str, Any]:
    if not isinstance(param, Mapping):
        raise Refused("INVALID_PARAM_VALUE", "req_param: an object is needed")
    return param


def _order_id(param: Any) -> str:
    number = _object(param).get("order_id")
    if not isinstance(number, str | int) or isinstance(number, bool) or number == "":
        raise Refused("MISSING_REQUIRED_PARAM", "Missing required parameter: order_id")
    return str(number)
