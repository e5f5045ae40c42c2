"""The known answers: of the official SDK's tests, and hashes worked out from the venue's rules."""

from __future__ import annotations

import builtins
import json
import logging
from typing import Any

import msgpack
import pytest

from anyvenue.model.errors import TradingEnded
from anyvenue.venue.secrets import Secret
from anyvenue_hyperliquid import auth, rest

KEY = "0x0123456789012345678901234567890123456789012345678901234567890123"
ADDRESS = "0x14791697260e4c9a71f18484c9f997b308e59325"
VAULT = "0x1719884eb866cb12b2287399b15f7db5e7d775ea"
CREDENTIALS = {"address": Secret(ADDRESS), "private_key": Secret(KEY)}
T = 1_700_000_000_000


def order(**changes: Any) -> dict[str, Any]:
    item = {"a": 1, "b": True, "p": "100", "s": "100", "r": False, "t": {"limit": {"tif": "Gtc"}}} | changes
    return {"type": "order", "orders": [item], "grouping": "na"}


DUMMY = {"type": "dummy", "num": 100000000000}
CLOID = "0x00000000000000000000000000000001"
STOP = {"trigger": {"isMarket": True, "triggerPx": "103", "tpsl": "sl"}}
SIGNED = [
    (
        DUMMY, "",
        "0x53749d5b30552aeb2fca34b530185976545bb22d0b3ce6f62e31be961a59298",
        "0x755c40ba9bf05223521753995abb2f73ab3229be8ec921f350cb447e384d8ed8", 27,
        "0x542af61ef1f429707e3c76c5293c80d01f74ef853e34b76efffcb57e574f9510",
        "0x17b8b32f086e8cdede991f1e2c529f5dd5297cbe8128500e00cbaf766204a613", 28,
    ),
    (
        DUMMY, VAULT,
        "0x3c548db75e479f8012acf3000ca3a6b05606bc2ec0c29c50c515066a326239",
        "0x4d402be7396ce74fbba3795769cda45aec00dc3125a984f2a9f23177b190da2c", 28,
        "0xe281d2fb5c6e25ca01601f878e4d69c965bb598b88fac58e475dd1f5e56c362b",
        "0x7ddad27e9a238d045c035bc606349d075d5c5cd00a6cd1da23ab5c39d4ef0f60", 27,
    ),
    (
        order(), "",
        "0xd65369825a9df5d80099e513cce430311d7d26ddf477f5b3a33d2806b100d78e",
        "0x2b54116ff64054968aa237c20ca9ff68000f977c93289157748a3162b6ea940e", 28,
        "0x82b2ba28e76b3d761093aaded1b1cdad4960b3af30212b343fb2e6cdfa4e3d54",
        "0x6b53878fc99d26047f4d7e8c90eb98955a109f44209163f52d8dc4278cbbd9f5", 27,
    ),
    (
        order(c=CLOID), "",
        "0x41ae18e8239a56cacbc5dad94d45d0b747e5da11ad564077fcac71277a946e3",
        "0x3c61f667e747404fe7eea8f90ab0e76cc12ce60270438b2058324681a00116da", 27,
        "0xeba0664bed2676fc4e5a743bf89e5c7501aa6d870bdb9446e122c9466c5cd16d",
        "0x7f3e74825c9114bc59086f1eebea2928c190fdfbfde144827cb02b85bbe90988", 28,
    ),
    (
        order(t=STOP), "",
        "0x98343f2b5ae8e26bb2587daad3863bc70d8792b09af1841b6fdd530a2065a3f9",
        "0x6b5bb6bb0633b710aa22b721dd9dee6d083646a5f8e581a20b545be6c1feb405", 27,
        "0x971c554d917c44e0e1b6cc45d8f9404f32172a9d3b3566262347d0302896a2e4",
        "0x206257b104788f80450f8e786c329daa589aa0b32ba96948201ae556d5637eac", 28,
    ),
    (
        {"type": "scheduleCancel"}, "",
        "0x6cdfb286702f5917e76cd9b3b8bf678fcc49aec194c02a73e6d4f16891195df9",
        "0x6557ac307fa05d25b8d61f21fb8a938e703b3d9bf575f6717ba21ec61261b2a0", 27,
        "0xc75bb195c3f6a4e06b7d395acc20bbb224f6d23ccff7c6a26d327304e6efaeed",
        "0x342f8ede109a29f2c0723bd5efb9e9100e3bbb493f8fb5164ee3d385908233df", 28,
    ),
    (
        {"type": "scheduleCancel", "time": 123456789}, "",
        "0x609cb20c737945d070716dcc696ba030e9976fcf5edad87afa7d877493109d55",
        "0x16c685d63b5c7a04512d73f183b3d7a00da5406ff1f8aad33f8ae2163bab758b", 28,
        "0x4e4f2dbd4107c69783e251b7e1057d9f2b9d11cee213441ccfa2be63516dc5bc",
        "0x706c656b23428c8ba356d68db207e11139ede1670481a9e01ae2dfcdb0e1a678", 27,
    ),
]  # fmt: skip
IOC = order(a=4, p="1670.1", s="0.0147", t={"limit": {"tif": "Ioc"}})
CLOSE = order(a=110000, b=False, p="25451", s="0.0353", r=True, t={"limit": {"tif": "Ioc"}})
HASHED = [
    (IOC, 1677777606040, "", None, "0fcbeda5ae3c4950a548021552a4fea2226858c4453571bf3f24ba017eac2908"),
    (order(), T, "", T + 10_000, "b58f791c498ad08ef9f2dd7b4fbac7b96b6c598ee3815c8b2067922fc425643b"),
    (order(), T, VAULT, T + 10_000, "0c9f6d556d82a567aea4b27d68b6a9c35742abe8c4ce88b459e699c30a1d1d24"),
    (
        {"type": "cancel", "cancels": [{"a": 1, "o": 77738308}]}, 0, "", None,
        "c857d40278eef56252acd648fa4fe7685b859b82011486248f175b8453df54ff",
    ),
    (
        {"type": "cancelByCloid", "cancels": [{"asset": 1, "cloid": CLOID}]}, 0, "", None,
        "b0e736937bc07924715d66df6d23adcec43e32ee7911eac7a908d1cef9e483dc",
    ),
    (
        {"type": "batchModify", "modifies": [{"oid": 77738308, "order": order(p="101")["orders"][0]}]}, 0, "", None,
        "2a550d69f7fa0dd2f1e8d96cd8703508c8f58753818e95a71818ba59d6e7054d",
    ),
    (
        {"type": "updateLeverage", "asset": 1, "isCross": True, "leverage": 5}, 0, "", None,
        "55e40b57a9e2cba285a955254ffd7d9083e97c7d4912f571bbcbe22ca8dba1e9",
    ),
    ({"type": "noop"}, T, "", None, "ef5dcef9775ebb2c5a6553314e66a6a57bd7e9b2319a869a8b17f08fa48bdcaf"),
    (CLOSE, T, "", None, "73064f6b3868b2c76ee1eb80661c13c28e4fefaff69cd74214a40341afcbf5c1"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "vault", "r", "s", "v", "test_r", "test_s", "test_v"), SIGNED)
def test_actions_are_signed_as_the_official_sdk_signs_them(
    action: Any, vault: str, r: str, s: str, v: int, test_r: str, test_s: str, test_v: int
) -> None:
    hashed = auth.connection_id(action, 0, vault)
    for is_mainnet, expected in ((True, (r, s, v)), (False, (test_r, test_s, test_v))):
        told = auth.Signer(is_mainnet=is_mainnet).signature(CREDENTIALS, hashed)
        assert (int(told["r"], 16), int(told["s"], 16), told["v"]) == (
            int(expected[0], 16), int(expected[1], 16), expected[2],
        )  # fmt: skip
        assert [len(told[name]) for name in "rs"] == [66, 66]


@pytest.mark.parametrize(("action", "nonce", "vault", "expires", "expected"), HASHED)
def test_actions_are_hashed_as_the_venue_does(
    action: Any, nonce: int, vault: str, expires: int | None, expected: str
) -> None:
    assert auth.connection_id(action, nonce, vault, expires).hex() == expected


def test_an_action_is_packed_in_the_order_of_its_keys() -> None:
    expected = (
        "83a474797065a56f72646572a66f72646572739186a16104a162c3a170a6313637302e31a173a6302e30313437a172c2"
        "a17481a56c696d697481a3746966a3496f63a867726f7570696e67a26e61"
    )
    assert msgpack.packb(IOC).hex() == expected


def test_a_request_leaves_with_nonce_expiry_and_a_signature_over_both() -> None:
    signer = auth.Signer(is_mainnet=False, vault=VAULT)
    request = rest.action("noop")
    bodies = [json.loads(signer.sign(CREDENTIALS, request, "/exchange", T * 1_000_000).body) for _ in range(2)]
    assert [body["nonce"] for body in bodies] == [T, T + 1]  # two in one millisecond
    sent = signer.sign(CREDENTIALS, request, "/exchange", T * 1_000_000)
    made = json.loads(sent.body)["signature"]
    assert sent.confidential == (made["r"], made["s"])
    for body in bodies:
        assert (body["expiresAfter"], body["vaultAddress"]) == (T + 15_000, VAULT)
        hashed = auth.connection_id({"type": "noop"}, body["nonce"], VAULT, T + 15_000)
        assert body["signature"] == signer.signature(CREDENTIALS, hashed)
    assert signer.address(CREDENTIALS) == ADDRESS


def test_a_key_that_was_rotated_is_used_at_once() -> None:
    signer = auth.Signer(is_mainnet=False)
    other = {**CREDENTIALS, "private_key": Secret("0x" + "11" * 32)}
    assert signer.address(CREDENTIALS) != signer.address(other)


@pytest.mark.parametrize("text", ["0x12", "nonsense of thirty-two letters..", "0x" + "00" * 32])
def test_a_key_that_is_none_is_not_shown(text: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(TradingEnded) as refused:
        auth.Signer(is_mainnet=False).address({"private_key": Secret(text)})
    assert "private_key (not shown)" in str(refused.value)
    assert refused.value.__cause__ is None
    assert text not in str(refused.value) + caplog.text


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **named: Any) -> Any:
        if name == "eth_account":
            raise ImportError("no", name=name)
        return real(name, *args, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(TradingEnded, match=r"eth_account.*pip install 'anyvenue\[hyperliquid\]'"):
        auth.Signer(is_mainnet=False).address(CREDENTIALS)
