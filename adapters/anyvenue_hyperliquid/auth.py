"""How Hyperliquid wants actions signed: msgpack, keccak, and EIP-712 by an agent's key."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import orjson
from attrs import evolve

from anyvenue.model.errors import TradingEnded
from anyvenue.venue.secrets import Secret
from anyvenue.wire.nonce import Nonces
from anyvenue.wire.request import Request

EXPIRES_MS: Final = 15_000
"""An action that comes later than so long after it was signed is not carried out; the venue's own client uses this."""
_DOMAIN: Final = {
    "name": "Exchange",
    "version": "1",
    "chainId": 1337,
    "verifyingContract": "0x0000000000000000000000000000000000000000",
}
_TYPES: Final = {"Agent": [{"name": "source", "type": "string"}, {"name": "connectionId", "type": "bytes32"}]}


def connection_id(action: Mapping[str, Any], nonce: int, vault: str = "", expires_ms: int | None = None) -> bytes:
    """Return the hash of an action, whose keys are in the venue's order and whose numbers are text or whole."""
    msgpack, keccak = libraries()[2:]
    data: bytes = msgpack.packb(action) + nonce.to_bytes(8, "big")
    data += b"\x01" + bytes.fromhex(vault[2:]) if vault else b"\x00"
    if expires_ms is not None:
        data += b"\x00" + expires_ms.to_bytes(8, "big")
    hashed: bytes = keccak(data)
    return hashed


class Signer:
    """Signs the actions of one connection, each with a nonce of its own, for the account or (`vault`) another of its.

    Its methods raise TradingEnded where the packages that they take are not installed; market data needs none.
    """

    def __init__(self, *, is_mainnet: bool, vault: str = "") -> None:
        self._source = "a" if is_mainnet else "b"
        self._vault = vault.lower()
        self._nonces = Nonces()
        self._kept: tuple[bytes, Any] = (b"", None)

    def address(self, credentials: Mapping[str, Secret]) -> str:
        """Return the address that signatures come from: an agent's. Raises TradingEnded for what is no key."""
        address: str = self._key(credentials).address
        return address.lower()

    def sign(self, credentials: Mapping[str, Secret], request: Request, path: str, time_ns: int) -> Request:
        """Return the request as it leaves: action, nonce, expiry and signature. `time_ns` is the venue's."""
        action, nonce = orjson.loads(request.body), self._nonces.next(time_ns)
        expires = time_ns // 1_000_000 + EXPIRES_MS
        hashed = connection_id(action, nonce, self._vault, expires)
        signature = self.signature(credentials, hashed)
        content = {"action": action, "nonce": nonce, "signature": signature, "expiresAfter": expires}
        if self._vault:
            content["vaultAddress"] = self._vault
        return evolve(request, body=orjson.dumps(content), confidential=(signature["r"], signature["s"]))

    def signature(self, credentials: Mapping[str, Secret], hashed: bytes) -> dict[str, Any]:
        """Return r, s and v for the hash of an action."""
        message = {"source": self._source, "connectionId": hashed}
        signable = libraries()[1](_DOMAIN, _TYPES, message)
        signed = self._key(credentials).sign_message(signable)
        return {"r": f"0x{signed.r:064x}", "s": f"0x{signed.s:064x}", "v": signed.v}

    def _key(self, credentials: Mapping[str, Secret]) -> Any:
        text = credentials["private_key"].reveal()
        mark = sha256(text.encode()).digest()
        if self._kept[0] != mark:
            account = libraries()[0]
            try:
                key = account.from_key(text)
            except Exception:  # noqa: BLE001 - whatever it says of the key is not to be shown
                key = None
            if key is None:
                raise TradingEnded("private_key (not shown) is none; allowed is 0x and 64 hexadecimal digits")
            self._kept = mark, key
        return self._kept[1]


def libraries() -> tuple[Any, Any, Any, Any]:
    """Return what signatures are made with. Raises TradingEnded that says how to get it."""
    try:
        import msgpack  # type: ignore[import-untyped]
        from eth_account import Account
        from eth_account.messages import encode_typed_data
        from eth_utils.crypto import keccak
    except ImportError as error:
        text = f"signing needs packages that are not installed ({error.name}): pip install 'anyvenue[hyperliquid]'"
        raise TradingEnded(text, venue="hyperliquid") from None
    return Account, encode_typed_data, msgpack, keccak
