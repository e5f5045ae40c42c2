"""The HTTP client: what it sends, what it repeats, and what it says of every way in which an exchange can fail."""

import asyncio
import hashlib
import hmac
import logging
import ssl
import traceback
from contextlib import asynccontextmanager

import httpx
import pytest
import trustme
from attrs import evolve

from anyvenue.model.errors import (
    AnyvenueError,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    RejectReason,
    VenueProtocolError,
)
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.venue.clock import WallClock
from anyvenue.venue.secrets import Secret
from anyvenue.wire.breaker import Breakers
from anyvenue.wire.deadline import pause
from anyvenue.wire.dial import dial
from anyvenue.wire.http import HttpClient
from anyvenue.wire.limits import Bucket, LimitNews, RateLimiter
from anyvenue.wire.refusal import Refusal
from anyvenue.wire.request import Charge, Effect, Request
from anyvenue.wire.server_time import ServerTime

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
BASE = "https://venue.test/api/v4"
READ = Request(method="GET", path="/orders")
COMMAND = Request(method="POST", path="/orders", body=b'{"size":1}', effect=Effect.COMMAND, signed=True)
NO_CONNECTION = [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol]
NO_ANSWER = [
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.RemoteProtocolError,
    httpx.LocalProtocolError,
    httpx.ProxyError,
    httpx.DecodingError,
    httpx.TooManyRedirects,
    OSError,
    RuntimeError,
]


def by_status(request, response):
    """What an adapter would say: 429 and 5xx as they are meant, 400 a rejection, 401 the time stamp."""
    if response.status < 300:
        return None
    if response.status == 429:
        wait_s = float(response.headers.get("retry-after", "1"))
        return Refusal(RateLimited("too many requests", retry_after_s=wait_s), unprocessed=True)
    if response.status >= 500:
        error = Rejected("the venue failed", reason=RejectReason.OTHER, code=str(response.status))
        unknown = OutcomeUnknown(f"the venue failed with {response.status}")
        return Refusal(unknown if request.effect is Effect.COMMAND else error, server_fault=True)
    error = Rejected("refused", reason=RejectReason.OTHER, code=str(response.status))
    return Refusal(error, clock=response.status == 401)


class Venue(httpx.AsyncBaseTransport):
    """Answers with one of its answers after another: a status, a response, an error, or a coroutine function."""

    def __init__(self, clock, *answers):
        self.clock = clock
        self.answers = list(answers)
        self.requests = []
        self.times = []  # when each request came, in seconds after the start

    async def handle_async_request(self, request):
        self.requests.append(request)
        self.times.append((self.clock.time_ns() - START) / SECOND)
        answer = self.answers.pop(0)
        if callable(answer) and not isinstance(answer, type):
            answer = await answer(self.clock)
        if isinstance(answer, type):
            raise answer("something about the transport")
        return httpx.Response(answer) if isinstance(answer, int) else answer


def run(main, *answers, **settings):
    """Run `main(client, venue)` on a driven clock."""

    async def whole():
        clock = DrivenClock(START)
        venue = Venue(clock, *answers)
        made = {name: make(clock) for name, make in settings.items()}
        usual = {"transport": venue, "judge": by_status, "sign": lambda request, path, now: {}, "jitter": lambda: 1.0}
        client = HttpClient(BASE, venue="somewhere", clock=clock, **{**usual, **made})
        try:
            return await asyncio.wait_for(Pump(clock).serve(main(client, venue)), 10)
        finally:
            await client.close()

    return asyncio.run(whole())


def outcome(request, *answers, **settings):
    """Return the response or the error, and the times at which the venue got the request."""

    async def main(client, venue):
        try:
            return await client.send(request), venue.times
        except (AnyvenueError, ValueError) as error:
            return error, venue.times

    return run(main, *answers, **settings)


def fixed(value):
    return lambda clock: value


def test_an_answer_comes_back_as_it_was_with_the_time_at_which_it_came():
    async def late(clock):
        await pause(clock, 0.25)
        return httpx.Response(200, headers=[("X-Limit", "7"), ("Via", "a"), ("Via", "b")], content=b'{"price": 0.10}')

    response, times = outcome(READ, late)
    assert times == [0.0]
    assert (response.status, response.body, response.ts_recv) == (200, b'{"price": 0.10}', START + SECOND // 4)
    assert (response.headers["x-limit"], response.headers["via"]) == ("7", "a, b")


def test_a_request_bears_its_body_its_headers_the_clients_and_the_signature():
    async def main(client, venue):
        await client.send(
            Request(method="DELETE", path="/o", body=b"{}", headers={"X-One": "1", "Accept": "a/b"}, signed=True)
        )
        return venue.requests[0]

    request = run(main, 200, headers=fixed({"X-Two": "2", "ACCEPT": "x/y"}), sign=fixed(lambda *_: {"SIGN": "s"}))
    assert (request.method, request.content) == ("DELETE", b"{}")
    assert [request.headers[name] for name in ("x-one", "x-two", "accept", "sign")] == ["1", "2", "a/b", "s"]
    assert request.headers.get_list("accept") == ["a/b"]
    assert "cookie" not in request.headers


def test_a_signature_may_be_a_whole_request_with_its_own_query_and_body():
    def sign(request, path, time_ns):
        return evolve(request, query=(*request.query, ("sign", path)), body=request.body + b" signed")

    async def main(client, venue):
        await client.send(Request(method="POST", path="/order", query=(("a", "1"),), body=b"buy", signed=True))
        return venue.requests[0]

    request = run(main, 200, sign=fixed(sign))
    assert request.content == b"buy signed"
    assert str(request.url) == f"{BASE}/order?a=1&sign=/api/v4/order"


def test_a_header_of_one_request_stays_with_that_request():
    own = Request(method="GET", path="/orders", headers={"Accept": "text/plain"})

    async def main(client, venue):
        for request in (own, READ, own, READ):
            await client.send(request)
        return [request.headers["accept"] for request in venue.requests]

    assert run(main, 200, 200, 200, 200) == ["text/plain", "*/*", "text/plain", "*/*"]


def test_cookies_are_not_kept_and_redirects_not_followed():
    async def main(client, venue):
        await client.send(READ)
        with pytest.raises(Rejected, match="refused"):
            await client.send(READ)
        return venue.requests

    moved = httpx.Response(302, headers={"Location": "http://elsewhere.test/"})
    requests = run(main, httpx.Response(200, headers={"Set-Cookie": "a=b; Path=/"}), moved)
    assert [str(request.url) for request in requests] == [f"{BASE}/orders"] * 2
    assert "cookie" not in requests[1].headers


@pytest.mark.parametrize("failure", NO_CONNECTION)
def test_a_command_for_which_no_connection_came_about_was_not_sent(failure):
    error, times = outcome(COMMAND, failure)
    assert type(error) is NotSent
    assert "venue.test could not be reached" in error.text
    assert (error.venue, error.request, times) == ("somewhere", "POST /orders", [0.0])


@pytest.mark.parametrize("failure", NO_ANSWER)
def test_a_command_that_fails_in_any_other_way_has_an_unknown_outcome_and_is_not_repeated(failure):
    error, times = outcome(COMMAND, failure)
    assert type(error) is OutcomeUnknown
    assert "no answer from venue.test" in error.text
    assert "ask the venue for it before sending it again" in error.text
    assert (error.request, times) == ("POST /orders", [0.0])


def test_every_error_that_httpx_knows_is_among_those_tested():
    def leaves(kind):
        return {leaf for child in kind.__subclasses__() for leaf in leaves(child)} or {kind}

    assert leaves(httpx.RequestError) <= {*NO_CONNECTION, *NO_ANSWER}


@pytest.mark.parametrize("failure", [*NO_CONNECTION, *NO_ANSWER, 500, 503])
def test_a_read_is_repeated_after_a_while_and_then_succeeds(failure):
    response, times = outcome(READ, failure, failure, 200)
    assert response.status == 200
    assert times == [0.0, 0.25, 0.75]  # a pause of 0.25 s, then one twice as long


@pytest.mark.parametrize(
    ("failure", "expected"), [(httpx.ConnectError, NotSent), (httpx.ReadError, OutcomeUnknown), (502, Rejected)]
)
def test_a_read_is_given_up_after_so_many_attempts(failure, expected):
    error, times = outcome(READ, *[failure] * 9, attempts=fixed(4))
    assert type(error) is expected
    assert len(times) == 4


def test_chance_shortens_the_pauses_by_half_at_most():
    _, times = outcome(READ, 500, 500, 200, jitter=fixed(lambda: 0.0))
    assert times == [0.0, 0.125, 0.375]


async def never(clock):
    await pause(clock, 1e6)


def test_without_an_answer_by_the_deadline_a_command_is_unknown_and_a_read_is_repeated():
    error, times = outcome(COMMAND, never, timeout_s=fixed(3.0))
    assert type(error) is OutcomeUnknown
    assert "no answer from venue.test (TimeoutError after 3.00 s)" in error.text
    assert times == [0.0]
    response, times = outcome(READ, never, 200, timeout_s=fixed(3.0))
    assert (response.status, times) == (200, [0.0, 3.25])


def test_an_answer_that_begins_in_time_and_does_not_end_is_none():
    class Trickle(httpx.AsyncByteStream):
        def __init__(self, clock):
            self.clock = clock

        async def __aiter__(self):
            while True:
                yield b"a"
                await pause(self.clock, 1.0)

    async def begins(clock):
        return httpx.Response(200, stream=Trickle(clock))

    error, _ = outcome(COMMAND, begins)
    assert type(error) is OutcomeUnknown
    assert "TimeoutError after 10.00 s" in error.text


def test_whoever_cancels_a_request_sees_nothing_else():
    async def main(client, venue):
        task = asyncio.create_task(client.send(COMMAND))
        await pause(venue.clock, 1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return venue.times

    assert run(main, never) == [0.0]


def test_a_refusal_is_raised_as_it_is_and_nothing_is_repeated():
    for request in (READ, COMMAND):
        error, times = outcome(request, 400)
        assert (type(error), error.code, times) == (Rejected, "400", [0.0])


def test_a_server_fault_of_a_command_is_what_the_adapter_makes_of_it():
    error, times = outcome(COMMAND, 503)
    assert (type(error), error.text, times) == (OutcomeUnknown, "the venue failed with 503", [0.0])


def test_an_answer_that_cannot_be_read_is_raised_as_such():
    def judge(request, response):
        raise VenueProtocolError("what is this", raw=response.body)

    for request in (READ, COMMAND):
        error, times = outcome(request, 200, judge=fixed(judge))
        assert (type(error), times) == (VenueProtocolError, [0.0])


def test_an_answer_that_the_adapter_s_judge_fails_on_is_one_error_with_its_bytes():
    def judge(request, response):
        return response.json()["error"]

    error, times = outcome(COMMAND, httpx.Response(200, content=b"{}"), judge=lambda clock: judge)
    assert isinstance(error, VenueProtocolError)
    assert (error.raw, error.venue, error.request) == (b"{}", "somewhere", "POST /orders")
    assert len(times) == 1


def test_a_read_that_came_too_often_waits_as_told_and_is_repeated():
    response, times = outcome(READ, httpx.Response(429, headers={"Retry-After": "2"}), 200)
    assert (response.status, times) == (200, [0.0, 2.0])


def test_a_wait_longer_than_the_patience_is_left_to_the_caller():
    error, times = outcome(READ, httpx.Response(429, headers={"Retry-After": "5.5"}))
    assert (type(error), error.retry_after_s, times) == (RateLimited, 5.5, [0.0])


def limited(**settings):
    return lambda clock: RateLimiter([Bucket(name="orders", limit=10, per_s=1.0)], clock, **settings)


def charged(request, **more):
    return Request(method=request.method, path=request.path, effect=request.effect, charges=(Charge("orders"),), **more)


def test_a_command_that_came_too_often_is_not_repeated_and_its_windows_are_held_back():
    async def main(client, venue):
        with pytest.raises(RateLimited):
            await client.send(charged(COMMAND))
        await client.send(READ)  # which costs nothing there
        await client.send(charged(COMMAND, urgent=True))
        with pytest.raises(NotSent, match="somewhere POST /orders: rate limit orders"):
            await client.send(Request(method="POST", path="/orders", charges=(Charge("orders", "", 11),)))
        return venue.times

    assert run(main, httpx.Response(429, headers={"Retry-After": "3"}), 200, 200, limiter=limited()) == [0.0, 0.0, 3.0]


def test_an_urgent_request_uses_what_the_limits_keep_for_it():
    async def main(client, venue):
        await client.send(charged(READ))
        await client.send(charged(COMMAND, urgent=True))
        await client.send(charged(COMMAND))
        return venue.times

    def reserving(clock):
        return RateLimiter([Bucket(name="orders", limit=2, per_s=1.0, reserve=1)], clock)

    assert run(main, 200, 200, 200, limiter=reserving) == [0.0, 0.0, 1.0]


def test_the_signature_is_made_when_the_turn_has_come_and_with_the_venues_time():
    signed = []

    def sign(request, path, now):
        signed.append((path, now))
        return {}

    async def main(client, venue):
        await client._server_time.sync()
        full = Request(method="GET", path="/zone/ü", charges=(Charge("orders", "", 10),), signed=True)
        await client.send(full)
        await client.send(full)
        return venue.times

    async def seven_ahead():
        return START + 7 * SECOND

    times = run(
        main,
        200,
        200,
        limiter=limited(),
        sign=fixed(sign),
        server_time=lambda clock: ServerTime(clock, seven_ahead),
    )
    assert times == [0.0, 1.0]
    assert signed == [("/api/v4/zone/ü", START + 7 * SECOND), ("/api/v4/zone/ü", START + 8 * SECOND)]


def ahead(seconds, asked):
    def make(clock):
        async def fetch():
            asked.append(clock.time_ns())
            return clock.time_ns() + seconds * SECOND

        return ServerTime(clock, fetch)

    return make


@pytest.mark.parametrize("request_", [READ, COMMAND], ids=["read", "command"])
def test_a_refused_time_stamp_is_corrected_and_the_request_sent_once_more(request_):
    asked, signed = [], []
    signing = Request(method=request_.method, path="/x", effect=request_.effect, signed=True)
    settings = {"server_time": ahead(5, asked), "sign": fixed(lambda request, path, now: signed.append(now) or {})}
    response, times = outcome(signing, 401, 200, **settings)
    assert (response.status, times, len(asked)) == (200, [0.0, 0.0], 3)
    assert signed == [START, START + 5 * SECOND]
    error, times = outcome(signing, 401, 401, **settings)
    assert (type(error), error.code, len(times)) == (Rejected, "401", 2)


def test_where_the_time_cannot_be_asked_the_refusal_itself_is_raised():
    async def fetch():
        raise OutcomeUnknown("no answer, but to another question")

    error, times = outcome(COMMAND, 401, server_time=lambda clock: ServerTime(clock, fetch))
    assert (type(error), error.code, times) == (Rejected, "401", [0.0])


def test_what_the_venue_says_of_its_limits_is_followed_with_its_times_on_our_clock():
    def limits_of(request, response):
        # By the venue's clock, which is 60 s ahead, all is there again in 0.5 s.
        return [LimitNews(charge=Charge("orders"), remaining=0, reset_ns=START + 60 * SECOND + SECOND // 2)]

    async def main(client, venue):
        await client._server_time.sync()
        await client.send(READ)
        await client.send(charged(READ))
        return venue.times

    settings = {"limiter": limited(), "limits_of": fixed(limits_of), "server_time": ahead(60, [])}
    assert run(main, 200, 200, **settings) == [0.0, 0.5]


def test_headers_of_limits_that_cannot_be_read_do_not_cost_the_answer(caplog):
    response, _ = outcome(COMMAND, 200, limiter=limited(), limits_of=fixed(lambda *_: [int("many")]))
    assert response.status == 200
    assert "rate-limit headers cannot be read" in caplog.text


def test_the_breaker_counts_faults_and_not_refusals_and_then_sends_only_what_is_urgent():
    async def main(client, venue):
        for _ in range(3):
            with pytest.raises(Rejected):
                await client.send(READ)
        for expected in (OutcomeUnknown, NotSent):
            with pytest.raises(expected):
                await client.send(COMMAND)
        with pytest.raises(NotSent, match=r"somewhere POST /orders: the venue has been failing since") as error:
            await client.send(COMMAND)
        assert "could not be reached" in error.value.text
        assert len(venue.times) == 5
        await client.send(Request(method="DELETE", path="/orders", urgent=True, effect=Effect.COMMAND))
        await client.send(READ)
        return len(venue.times)

    answers = [400, 400, 400, httpx.ReadError, httpx.ConnectError, 200, 200]
    assert run(main, *answers, breakers=lambda clock: Breakers(clock, failures=2)) == 7


def test_a_group_of_endpoints_that_fails_does_not_hold_up_the_others():
    orders = Request(method="POST", path="/orders", effect=Effect.COMMAND, charges=(Charge("orders"),))
    history = Request(method="GET", path="/history", charges=(Charge("history"),))

    async def main(client, venue):
        with pytest.raises(AnyvenueError, match="the venue failed"):
            await client.send(history)
        with pytest.raises(NotSent, match="the venue has been failing since"):
            await client.send(history)
        return (await client.send(orders)).status, len(venue.times)

    settings = {"breakers": lambda clock: Breakers(clock, failures=3)}
    assert run(main, 500, 500, 500, 200, **settings) == (200, 4)


def test_a_signed_request_without_a_key_is_not_sent():
    error, times = outcome(COMMAND, 200, sign=fixed(None))
    assert (type(error), times) == (NotSent, [])
    assert "has no key" in error.text


def test_a_client_that_was_closed_sends_nothing():
    async def main(client, venue):
        await client.close()
        with pytest.raises(NotSent, match="has been closed"):
            await client.send(COMMAND)
        return venue.times

    assert run(main, 200) == []


@pytest.mark.parametrize("path", ["orders", "", "/orders/..", "/orders/./x", "/" + "x" * 70_000])
def test_a_path_that_would_not_be_sent_as_it_is_is_misuse(path):
    error, times = outcome(Request(method="DELETE", path=path, effect=Effect.COMMAND), 200)
    assert (type(error), times) == (ValueError, [])


@pytest.mark.parametrize(
    "url",
    ["venue.test", "ftp://venue.test", "http://", "https://u:p@venue.test", "https://venue.test/?a=b", "http://[::"],
)
def test_what_is_no_base_url_is_refused_and_not_shown(url):
    with pytest.raises(ValueError, match=r"base_url: found what is no base URL \(not shown\)"):
        HttpClient(url, venue="somewhere", clock=DrivenClock(), judge=by_status)


KEY, SECRET = "key-4f1c9a", Secret("secret-77d0e2")


def sign_with_secret(request, path, now):
    text = f"{request.method}{path}{request.plain_query}{now}".encode()
    return {"KEY": KEY, "SIGN": hmac.new(SECRET.reveal().encode(), text, hashlib.sha512).hexdigest()}


def echo(kind):
    """A transport's error that repeats all headers of the request, as some do with what they cannot send."""

    class Echo(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            raise kind(f"cannot send {request.headers.raw!r} {dict(request.headers)}")

    return Echo()


def told(error):
    """All that an exception and those behind it say."""
    texts = []
    while error is not None:
        texts += [repr(error), *map(str, error.args), *map(repr, vars(error).values())]
        texts += traceback.format_exception(error)
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ReadError, httpx.LocalProtocolError, RuntimeError])
@pytest.mark.parametrize("effect", Effect)
def test_no_error_and_no_line_of_a_log_shows_a_key_or_a_signature(kind, effect, caplog):
    caplog.set_level(logging.DEBUG)
    request = Request(method="POST", path="/orders", signed=True, effect=effect, body=b"{}")
    settings = {"headers": fixed({"X-Passphrase": "phrase-08"}), "sign": fixed(sign_with_secret), "breakers": Breakers}
    error, _ = outcome(request, transport=fixed(echo(kind)), **settings)
    assert isinstance(error, NotSent | OutcomeUnknown)
    shown = told(error) + caplog.text
    signature = sign_with_secret(request, "/api/v4/orders", START)["SIGN"]
    assert "***" in shown
    for hidden in (KEY, SECRET.reveal(), signature, "phrase-08"):
        assert hidden not in shown


@pytest.mark.parametrize(
    "signed",
    [
        lambda request: {"SIGN": "5ignature-5ignature"},
        lambda request: evolve(request, query=(("sign", "5ignature-5ignature"),)),
        lambda request: evolve(request, body=b"buy 5ignature-5ignature", confidential=("5ignature-5ignature",)),
    ],
    ids=["header", "query", "body"],
)
def test_an_answer_that_repeats_the_request_does_not_repeat_its_signature(signed):
    class Parrot(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            said = f"{request.url} {request.headers.raw} {request.content.decode()}"
            assert "5ignature-5ignature" in said
            return httpx.Response(200, text=said)

    request = Request(method="POST", path="/order", body=b"buy", signed=True)
    response, _ = outcome(request, transport=fixed(Parrot()), sign=fixed(lambda request, path, now: signed(request)))
    assert b"***" in response.body
    assert b"5ignature" not in response.body


@pytest.mark.parametrize("stray", ["\n", " ", "\u00e9", "\x00"])
def test_a_key_with_stray_characters_is_not_sent_and_not_shown(stray, caplog):
    caplog.set_level(logging.DEBUG)
    error, times = outcome(COMMAND, 200, sign=fixed(lambda *_: {"KEY": KEY + stray}))
    assert (type(error), times) == (NotSent, [])
    assert "the header KEY (not shown)" in error.text
    assert KEY not in told(error) + caplog.text


def test_the_log_has_a_line_for_every_answer_and_a_warning_for_every_repetition(caplog):
    caplog.set_level(logging.DEBUG, logger="anyvenue.wire")
    outcome(Request(method="GET", path="/orders", query=(("account", "7"),), signed=True), 500, 200)
    lines = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "anyvenue.wire"]
    assert lines == [
        ("DEBUG", "somewhere GET /orders: 500 in 0.0 ms"),
        ("WARNING", "somewhere GET /orders: the venue failed; attempt 2 of 3 in 0.25 s"),
        ("DEBUG", "somewhere GET /orders: 200 in 0.0 ms"),
    ]


def test_a_line_of_the_log_has_the_path_s_form_and_the_client_s_id_and_nothing_else_of_the_request(caplog):
    caplog.set_level(logging.DEBUG)
    request = Request(
        method="POST",
        path="/v4/user/0xAB12/orders/36028797018964210/BTC_USDT",
        query=(("size", "17"),),
        body=b"the body",
        headers={"X-Extra": "header-value"},
        signed=True,
        effect=Effect.COMMAND,
        client_order_id="avx-1",
    )
    outcome(request, 200)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("anyvenue")] == [
        "somewhere POST /v4/user/*/orders/*/BTC_USDT for avx-1: 200 in 0.0 ms"
    ]


@pytest.mark.parametrize("url", ["http://venue.test/api", "http://10.0.0.1", "http://127.0.0.1.venue.test"])
def test_nothing_is_sent_in_plain_text_to_another_machine(url):
    with pytest.raises(ValueError, match="allowed are https://, and http:// on this machine"):
        HttpClient(url, venue="somewhere", clock=DrivenClock(START), judge=lambda request, response: None)


@asynccontextmanager
async def untrusted():
    """A server on this machine with a certificate of an authority that nobody knows; what it hears."""
    heard = []

    async def serve(reader, writer):
        heard.append(await reader.read(1000))
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    server = await asyncio.start_server(serve, "localhost", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


def test_a_certificate_that_nobody_vouches_for_is_not_trusted_and_nothing_is_sent():
    """What is signed leaves only after the certificate was verified, whatever the environment says."""

    async def main():
        async with untrusted() as (port, heard):
            client = HttpClient(
                f"https://localhost:{port}",
                venue="somewhere",
                clock=WallClock(),
                judge=lambda request, response: None,
                sign=sign_with_secret,
            )
            with pytest.raises(NotSent, match="could not be reached") as caught:
                await client.send(COMMAND)
            await client.close()
            with pytest.raises(OSError, match="no TLS connection that can be trusted"):
                await dial(f"wss://localhost:{port}/", {"KEY": KEY})
            return str(caught.value), heard

    told, heard = asyncio.run(main())
    assert "CERTIFICATE_VERIFY_FAILED" in told
    assert heard == []


def over_a_socket(handle, main):
    """Run `main(client)` against `handle(number, head)` on loopback, which returns bytes, or nothing to hang up."""

    async def whole():
        heads, connections = [], []

        async def serve(reader, writer):
            connections.append(writer)
            try:
                while head := await reader.readuntil(b"\r\n\r\n"):
                    heads.append(head)
                    if (answer := handle(len(heads), head)) is None:
                        break
                    writer.write(answer)
                    await writer.drain()
                    if b"Connection: close" in answer:
                        break
            except (asyncio.IncompleteReadError, ConnectionResetError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        base, clock = f"http://127.0.0.1:{port}/api/v4", WallClock()
        client = HttpClient(base, venue="somewhere", clock=clock, judge=by_status, timeout_s=5.0, jitter=lambda: 0.0)
        try:
            result = await asyncio.wait_for(main(client), 10)
        finally:
            await client.close()
            server.close()
            await server.wait_closed()
        return result, heads, len(connections)

    return asyncio.run(whole())


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.usefixtures("event_loop")
def test_on_the_wire_the_target_is_byte_for_byte_that_of_the_request():
    request = Request(
        method="GET",
        path="/zone/ü,a:b@c!~/50%/~x y//z",
        query=(
            ("ids", "1,2:3"),
            ("name", "中 +&=?#%'\"[]{}|\\^`<>"),
            ("empty", ""),
            ("list[]", "a/b"),
            ("more", "%2E"),
        ),
    )
    targets = [request.target, "/plain", "/empty?a="]

    async def main(client):
        await client.send(request)
        await client.send(Request(method="GET", path="/plain"))
        await client.send(Request(method="GET", path="/empty", query=(("a", ""),)))

    _, heads, connections = over_a_socket(lambda number, head: OK, main)
    assert [head.split(b"\r\n")[0] for head in heads] == [b"GET /api/v4%s HTTP/1.1" % t.encode() for t in targets]
    assert connections == 1  # which is kept


@pytest.mark.usefixtures("event_loop")
def test_a_proxy_named_in_the_environment_is_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # nobody is there

    async def main(client):
        return await client.send(READ)

    assert over_a_socket(lambda number, head: OK, main)[0].status == 200


@pytest.mark.usefixtures("event_loop")
def test_a_connection_closed_after_the_request_leaves_a_commands_outcome_unknown():
    async def main(client):
        with pytest.raises(OutcomeUnknown, match="it may have been carried out"):
            await client.send(Request(method="DELETE", path="/orders", effect=Effect.COMMAND))

    _, heads, _ = over_a_socket(lambda number, head: None, main)
    assert len(heads) == 1


@pytest.mark.usefixtures("event_loop")
def test_a_connection_closed_after_the_request_has_a_read_repeated():
    async def main(client):
        return await client.send(READ)

    response, heads, connections = over_a_socket(lambda number, head: OK if number == 2 else None, main)
    assert (response.body, len(heads), connections) == (b"{}", 2, 2)


@pytest.mark.usefixtures("event_loop")
def test_a_connection_closed_in_the_middle_of_an_answer_is_no_answer():
    async def main(client):
        with pytest.raises(OutcomeUnknown, match="RemoteProtocolError"):
            await client.send(Request(method="DELETE", path="/orders", effect=Effect.COMMAND))

    half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{}"
    _, heads, _ = over_a_socket(lambda number, head: half, main)
    assert len(heads) == 1


@pytest.mark.usefixtures("event_loop")
def test_where_nobody_listens_nothing_was_sent():
    async def main():
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        clock = WallClock()
        client = HttpClient(f"http://127.0.0.1:{port}", venue="somewhere", clock=clock, judge=by_status)
        with pytest.raises(NotSent, match=r"127\.0\.0\.1 could not be reached"):
            await client.send(Request(method="DELETE", path="/orders", effect=Effect.COMMAND))
        await client.close()

    asyncio.run(main())
