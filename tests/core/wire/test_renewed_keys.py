"""A request that the venue did not accept the key of is sent once more where the key has been rotated meanwhile."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from anyvenue.model.errors import AuthenticationFailed
from anyvenue.venue.clock import WallClock
from anyvenue.venue.secrets import SecretReference, SecretSource
from anyvenue.wire.http import HttpClient
from anyvenue.wire.refusal import Refusal
from anyvenue.wire.request import Effect, Request, Response

ORDER = Request(method="POST", path="/orders", signed=True, effect=Effect.COMMAND)


def judge(request: Request, response: Response) -> Refusal | None:
    return Refusal(AuthenticationFailed("not this key")) if response.status == 401 else None


@pytest.mark.parametrize(("rotated", "sent"), [("new", ["old", "new"]), ("old", ["old"]), ("wrong", ["old", "wrong"])])
def test_a_refused_key_is_fetched_anew_once(monkeypatch: pytest.MonkeyPatch, rotated: str, sent: list[str]) -> None:
    monkeypatch.setenv("THE_KEY", "old")
    source = SecretSource({"key": SecretReference.parse("env:THE_KEY")}, owner="main", clock=WallClock())
    source.fetch()
    monkeypatch.setenv("THE_KEY", rotated)
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["key"])
        return httpx.Response(200 if request.headers["key"] == "new" else 401, json={})

    async def run() -> int:
        client = HttpClient(
            "http://127.0.0.1:1",
            venue="somewhere",
            clock=WallClock(),
            judge=judge,
            sign=lambda request, path, time_ns: {"KEY": source["key"].reveal()},
            transport=httpx.MockTransport(answer),
            secrets=source,
        )
        try:
            return (await client.send(ORDER)).status
        finally:
            await client.close()

    if rotated == "new":
        assert asyncio.run(run()) == 200
    else:
        with pytest.raises(AuthenticationFailed):
            asyncio.run(run())
    assert seen == sent
