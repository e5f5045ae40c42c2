"""Who signed an action: its hash, and the address that comes out of its signature (chapter 4 of the fact sheet)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["action_hash", "address_of_key", "recover_l1", "recover_user_signed"]

_ZERO: Final = "0x0000000000000000000000000000000000000000"
_DOMAIN_TYPE: Final = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
_AGENT_TYPE: Final = [{"name": "source", "type": "string"}, {"name": "connectionId", "type": "bytes32"}]
_L1_CHAIN: Final = 1337


def action_hash(action: Mapping[str, Any], nonce: int, vault: str | None = None, expires: int | None = None) -> bytes:
    """Return the `connectionId` of an action, whose keys are in the venue's order."""
    _, _, msgpack, keccak = _libraries()
    data: bytes = msgpack.packb(action) + nonce.to_bytes(8, "big")
    data += b"\x00" if vault is None else b"\x01" + bytes.fromhex(vault[2:])
    if expires is not None:
        data += b"\x00" + expires.to_bytes(8, "big")
    hashed: bytes = keccak(data)
    return hashed


def recover_l1(connection_id: bytes, signature: Mapping[str, Any], *, is_mainnet: bool) -> str:
    """Return the address, in lower case, that signed a trading action. Raises ValueError for what is no signature."""
    message = {"source": "a" if is_mainnet else "b", "connectionId": connection_id}
    return _recover("Exchange", _L1_CHAIN, "Agent", _AGENT_TYPE, message, signature)


def recover_user_signed(
    name: str, fields: list[tuple[str, str]], action: Mapping[str, Any], signature: Mapping[str, Any]
) -> str:
    """Return the address that signed an action of its own account, `name` with these fields and their types.

    Raises ValueError for what is no signature, or not such an action.
    """
    types = [{"name": field, "type": kind} for field, kind in (("hyperliquidChain", "string"), *fields)]
    try:
        chain = int(str(action["signatureChainId"]), 16)
        message = {field["name"]: action[field["name"]] for field in types}
    except KeyError as error:
        raise ValueError(f"found no {error}") from None
    return _recover("HyperliquidSignTransaction", chain, f"HyperliquidTransaction:{name}", types, message, signature)


def address_of_key(private_key: str) -> str:
    """Return the address of a private key, in lower case."""
    account, _, _, _ = _libraries()
    address: str = account.from_key(private_key).address
    return address.lower()


def _recover(
    domain: str,
    chain: int,
    primary: str,
    types: list[dict[str, str]],
    message: Mapping[str, Any],
    signature: Mapping[str, Any],
) -> str:
    account, encode_typed_data, _, _ = _libraries()
    try:
        signable = encode_typed_data(
            full_message={
                "domain": {"name": domain, "version": "1", "chainId": chain, "verifyingContract": _ZERO},
                "types": {primary: types, "EIP712Domain": _DOMAIN_TYPE},
                "primaryType": primary,
                "message": dict(message),
            }
        )
        vrs = (signature["v"], int(signature["r"], 16), int(signature["s"], 16))
        address: str = account.recover_message(signable, vrs=vrs)
    except Exception as error:  # noqa: BLE001 - the libraries raise all kinds of errors for a point on no curve
        raise ValueError(f"found no signature: {type(error).__name__}") from None
    return address.lower()


def _libraries() -> tuple[Any, Any, Any, Any]:
    """Return what signatures need. Raises ImportError that says how to get it."""
    try:
        import msgpack  # type: ignore[import-untyped]
        from eth_account import Account
        from eth_account.messages import encode_typed_data
        from eth_utils.crypto import keccak
    except ImportError as error:
        raise ImportError(
            f"Hyperliquid's signatures need packages that are not installed ({error.name}): "
            "pip install 'anyvenue[hyperliquid]'"
        ) from error
    return Account, encode_typed_data, msgpack, keccak
