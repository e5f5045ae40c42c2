"""The known answers: of the official SDK's tests, and hashes worked out by hand from the rules of chapter 4.1."""

from __future__ import annotations

import builtins
import json
from typing import Any

import msgpack
import pytest
from hyperliquid.utils.signing import action_hash as sdk_hash
from hyperliquid.utils.signing import order_request_to_order_wire, order_wires_to_order_action
from hyperliquid.utils.types import Cloid
from hypothesis import given
from hypothesis import strategies as st

from anyvenue_hyperliquid.simulator.actions import read_action
from anyvenue_hyperliquid.simulator.signatures import action_hash, address_of_key, recover_l1, recover_user_signed

KEY = "0x0123456789012345678901234567890123456789012345678901234567890123"
ADDRESS = "0x14791697260e4c9a71f18484c9f997b308e59325"
VAULT = "0x1719884eb866cb12b2287399b15f7db5e7d775ea"
CLOID = "0x00000000000000000000000000000001"


def item(**changes: Any) -> dict[str, Any]:
    usual = {"a": 1, "b": True, "p": "100", "s": "100", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    return {**usual, **changes}


def order(**changes: Any) -> dict[str, Any]:
    return {"type": "order", "orders": [item(**changes)], "grouping": "na"}


STOP = {"trigger": {"isMarket": True, "triggerPx": "103", "tpsl": "sl"}}
DUMMY = {"type": "dummy", "num": 100000000000}
SIGNED = {
    "dummy": (
        DUMMY,
        None,
        "0x53749d5b30552aeb2fca34b530185976545bb22d0b3ce6f62e31be961a59298",
        "0x755c40ba9bf05223521753995abb2f73ab3229be8ec921f350cb447e384d8ed8",
        27,
        "0x542af61ef1f429707e3c76c5293c80d01f74ef853e34b76efffcb57e574f9510",
        "0x17b8b32f086e8cdede991f1e2c529f5dd5297cbe8128500e00cbaf766204a613",
        28,
    ),
    "dummy for a vault": (
        DUMMY,
        VAULT,
        "0x3c548db75e479f8012acf3000ca3a6b05606bc2ec0c29c50c515066a326239",
        "0x4d402be7396ce74fbba3795769cda45aec00dc3125a984f2a9f23177b190da2c",
        28,
        "0xe281d2fb5c6e25ca01601f878e4d69c965bb598b88fac58e475dd1f5e56c362b",
        "0x7ddad27e9a238d045c035bc606349d075d5c5cd00a6cd1da23ab5c39d4ef0f60",
        27,
    ),
    "order": (
        order(),
        None,
        "0xd65369825a9df5d80099e513cce430311d7d26ddf477f5b3a33d2806b100d78e",
        "0x2b54116ff64054968aa237c20ca9ff68000f977c93289157748a3162b6ea940e",
        28,
        "0x82b2ba28e76b3d761093aaded1b1cdad4960b3af30212b343fb2e6cdfa4e3d54",
        "0x6b53878fc99d26047f4d7e8c90eb98955a109f44209163f52d8dc4278cbbd9f5",
        27,
    ),
    "order with a cloid": (
        order(c=CLOID),
        None,
        "0x41ae18e8239a56cacbc5dad94d45d0b747e5da11ad564077fcac71277a946e3",
        "0x3c61f667e747404fe7eea8f90ab0e76cc12ce60270438b2058324681a00116da",
        27,
        "0xeba0664bed2676fc4e5a743bf89e5c7501aa6d870bdb9446e122c9466c5cd16d",
        "0x7f3e74825c9114bc59086f1eebea2928c190fdfbfde144827cb02b85bbe90988",
        28,
    ),
    "trigger": (
        order(t=STOP),
        None,
        "0x98343f2b5ae8e26bb2587daad3863bc70d8792b09af1841b6fdd530a2065a3f9",
        "0x6b5bb6bb0633b710aa22b721dd9dee6d083646a5f8e581a20b545be6c1feb405",
        27,
        "0x971c554d917c44e0e1b6cc45d8f9404f32172a9d3b3566262347d0302896a2e4",
        "0x206257b104788f80450f8e786c329daa589aa0b32ba96948201ae556d5637eac",
        28,
    ),
    "scheduleCancel": (
        {"type": "scheduleCancel"},
        None,
        "0x6cdfb286702f5917e76cd9b3b8bf678fcc49aec194c02a73e6d4f16891195df9",
        "0x6557ac307fa05d25b8d61f21fb8a938e703b3d9bf575f6717ba21ec61261b2a0",
        27,
        "0xc75bb195c3f6a4e06b7d395acc20bbb224f6d23ccff7c6a26d327304e6efaeed",
        "0x342f8ede109a29f2c0723bd5efb9e9100e3bbb493f8fb5164ee3d385908233df",
        28,
    ),
    "scheduleCancel at a time": (
        {"type": "scheduleCancel", "time": 123456789},
        None,
        "0x609cb20c737945d070716dcc696ba030e9976fcf5edad87afa7d877493109d55",
        "0x16c685d63b5c7a04512d73f183b3d7a00da5406ff1f8aad33f8ae2163bab758b",
        28,
        "0x4e4f2dbd4107c69783e251b7e1057d9f2b9d11cee213441ccfa2be63516dc5bc",
        "0x706c656b23428c8ba356d68db207e11139ede1670481a9e01ae2dfcdb0e1a678",
        27,
    ),
}


@pytest.mark.parametrize("name", SIGNED)
def test_the_sdk_s_signatures_are_those_of_its_key_on_either_network(name: str) -> None:
    action, vault, *parts = SIGNED[name]
    hashed = action_hash(action, 0, vault)
    for is_mainnet, (r, s, v) in ((True, parts[:3]), (False, parts[3:])):
        signature = {"r": r, "s": s, "v": v}
        assert recover_l1(hashed, signature, is_mainnet=is_mainnet) == ADDRESS
        assert recover_l1(hashed, signature, is_mainnet=not is_mainnet) != ADDRESS
    assert address_of_key(KEY) == ADDRESS


@pytest.mark.parametrize("name", [name for name in SIGNED if "dummy" not in name])
def test_an_action_is_read_as_it_was_signed(name: str) -> None:
    action = SIGNED[name][0]
    assert msgpack.packb(read_action(action)) == msgpack.packb(action)


IOC = {"a": 4, "p": "1670.1", "s": "0.0147", "t": {"limit": {"tif": "Ioc"}}}
HASHES = [
    (order(**IOC), 1677777606040, None, None, "0fcbeda5ae3c4950a548021552a4fea2226858c4453571bf3f24ba017eac2908"),
    (order(), 1700000000000, None, 1700000010000, "b58f791c498ad08ef9f2dd7b4fbac7b96b6c598ee3815c8b2067922fc425643b"),
    (order(), 1700000000000, VAULT, 1700000010000, "0c9f6d556d82a567aea4b27d68b6a9c35742abe8c4ce88b459e699c30a1d1d24"),
    (
        {"type": "cancel", "cancels": [{"a": 1, "o": 77738308}]},
        0,
        None,
        None,
        "c857d40278eef56252acd648fa4fe7685b859b82011486248f175b8453df54ff",
    ),
    (
        {"type": "cancelByCloid", "cancels": [{"asset": 1, "cloid": CLOID}]},
        0,
        None,
        None,
        "b0e736937bc07924715d66df6d23adcec43e32ee7911eac7a908d1cef9e483dc",
    ),
    (
        {"type": "batchModify", "modifies": [{"oid": 77738308, "order": item(p="101")}]},
        0,
        None,
        None,
        "2a550d69f7fa0dd2f1e8d96cd8703508c8f58753818e95a71818ba59d6e7054d",
    ),
    (
        {"type": "updateLeverage", "asset": 1, "isCross": True, "leverage": 5},
        0,
        None,
        None,
        "55e40b57a9e2cba285a955254ffd7d9083e97c7d4912f571bbcbe22ca8dba1e9",
    ),
    ({"type": "noop"}, 1700000000000, None, None, "ef5dcef9775ebb2c5a6553314e66a6a57bd7e9b2319a869a8b17f08fa48bdcaf"),
    (
        order(a=110000, b=False, p="25451", s="0.0353", r=True, t={"limit": {"tif": "Ioc"}}),
        1700000000000,
        None,
        None,
        "73064f6b3868b2c76ee1eb80661c13c28e4fefaff69cd74214a40341afcbf5c1",
    ),
]


@pytest.mark.parametrize(("action", "nonce", "vault", "expires", "hashed"), HASHES)
def test_hashes_come_out(
    action: dict[str, Any], nonce: int, vault: str | None, expires: int | None, hashed: str
) -> None:
    read = read_action(action)
    assert read is not None
    assert action_hash(read, nonce, vault, expires).hex() == hashed


def test_an_action_is_packed_byte_by_byte() -> None:
    assert msgpack.packb(read_action(order(**IOC))).hex() == (
        "83a474797065a56f72646572a66f72646572739186a16104a162c3a170a6313637302e31a173a6302e30313437a172c2a17481a5"
        "6c696d697481a3746966a3496f63a867726f7570696e67a26e61"
    )


PRICES = st.decimals(min_value="0.0001", max_value="99999", places=4).map(float)
SIZES = st.decimals(min_value="0.00001", max_value="999", places=5).map(float)


@given(
    asset=st.sampled_from([0, 1, 110000, 10107]),
    is_buy=st.booleans(),
    size=SIZES,
    price=PRICES,
    kind=st.sampled_from(
        [
            {"limit": {"tif": "Ioc"}},
            {"limit": {"tif": "Alo"}},
            {"trigger": {"triggerPx": 103.5, "isMarket": False, "tpsl": "tp"}},
        ]
    ),
    reduce_only=st.booleans(),
    cloid=st.none() | st.integers(1, 2**128 - 1).map(Cloid.from_int),
    nonce=st.integers(0, 2**63),
    expires=st.none() | st.integers(0, 2**63),
)
def test_any_order_of_the_sdk_is_hashed_as_the_sdk_hashes_it(
    asset: int,
    is_buy: bool,
    size: float,
    price: float,
    kind: Any,
    reduce_only: bool,
    cloid: Cloid | None,
    nonce: int,
    expires: int | None,
) -> None:
    wish: Any = {"is_buy": is_buy, "sz": size, "limit_px": price, "order_type": kind, "reduce_only": reduce_only}
    wire = order_request_to_order_wire({**wish, "cloid": cloid}, asset)
    action = order_wires_to_order_action([wire])
    read = read_action(json.loads(json.dumps(dict(reversed(action.items())))))
    assert read is not None
    assert action_hash(read, nonce, VAULT, expires) == sdk_hash(action, VAULT, nonce, expires)


def test_a_user_signed_action_is_that_of_its_key() -> None:
    action = {
        "signatureChainId": "0x66eee",
        "hyperliquidChain": "Testnet",
        "destination": "0x5e9ee1089755c3435139848e47e6635505d5a13a",
        "amount": "1",
        "time": 1687816341423,
    }
    signature = {
        "r": "0x637b37dd731507cdd24f46532ca8ba6eec616952c56218baeff04144e4a77073",
        "s": "0x11a6a24900e6e314136d2592e2f8d502cd89b7c15b198e1bee043c9589f9fad7",
        "v": 27,
    }
    fields = [("destination", "string"), ("amount", "string"), ("time", "uint64")]
    assert recover_user_signed("UsdSend", fields, action, signature) == ADDRESS


def test_what_is_no_signature_is_told_apart() -> None:
    for broken in (
        {"r": "0x0", "s": "0x0", "v": 27},
        {"r": "no", "s": "0x1", "v": 27},
        {"r": "0x1", "s": "0x1", "v": 9},
    ):
        with pytest.raises(ValueError, match="found no signature"):
            recover_l1(bytes(32), broken, is_mainnet=True)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "msgpack":
            raise ModuleNotFoundError("No module named 'msgpack'", name="msgpack")
        return whole(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"msgpack.*pip install 'anyvenue\[hyperliquid\]'"):
        action_hash({"type": "noop"}, 0)
