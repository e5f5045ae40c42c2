"""WebSockets over the real loopback, by every library, against servers of the `websockets` package."""

import asyncio
import itertools
import logging
import re
import socket
import ssl
import struct
from http import HTTPStatus

import pytest
import trustme
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.utils import accept_key

from anyvenue.wire.dial import dial, host_of
from anyvenue.wire.socket import SocketClosed

pytestmark = pytest.mark.usefixtures("event_loop")

SECRET = "5ecret"


@pytest.fixture(autouse=True, params=["websockets", "picows"])
def library(request, monkeypatch):
    """Every test runs on both."""
    if request.param == "picows":
        pytest.importorskip("picows")
    monkeypatch.setattr("anyvenue.wire.dial.is_fast", lambda: request.param == "picows")
    return request.param


def against(handler, client, **options):
    """Run `client(url)` against a server whose connections `handler` serves, and return what it returns."""

    async def run():
        async with serve(handler, "127.0.0.1", 0, **options) as server:
            port = server.sockets[0].getsockname()[1]
            return await asyncio.wait_for(client(f"ws://127.0.0.1:{port}/v4/ws?key={SECRET}"), 10)

    return asyncio.run(run())


def against_bytes(answer, client):
    """Run `client(port)` against a server that answers whatever comes with these bytes, and return what came."""

    async def run():
        came = asyncio.get_running_loop().create_future()

        async def handle(reader, writer):
            asked = await reader.read(65_536)
            writer.write(answer)
            writer.close()
            await writer.wait_closed()
            came.set_result(asked)

        async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
            await client(server.sockets[0].getsockname()[1])
            return await asyncio.wait_for(came, 10)

    return asyncio.run(run())


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def refused(url, headers=None):
    with pytest.raises(OSError, match=r"127\.0\.0\.1") as caught:
        await dial(url, headers or {})
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return str(caught.value)


def test_text_and_binary_arrive_as_bytes():
    async def speak(connection):
        await connection.send("1 µs")
        await connection.send(b"\x00\xff")
        await connection.wait_closed()

    async def client(url):
        link = await dial(url, {})
        received = [await link.receive(), await link.receive()]
        await link.close()
        return received

    assert against(speak, client) == ["1 µs".encode(), b"\x00\xff"]


def test_what_is_sent_goes_out_as_text_uncompressed_with_our_headers():
    seen = {}

    async def listen(connection):
        seen["headers"] = connection.request.headers
        seen["message"] = await connection.recv()

    async def client(url):
        link = await dial(url, {"X-Size-Decimal": "1"})
        await link.send("ping")
        with pytest.raises(SocketClosed):
            await link.receive()

    against(listen, client)
    assert seen["message"] == "ping"
    assert seen["headers"]["X-Size-Decimal"] == "1"
    assert "Sec-WebSocket-Extensions" not in seen["headers"]


def test_the_end_is_told_with_its_code_and_reason_to_reader_and_sender():
    async def leave(connection):
        await connection.close(1012, "upgrade")

    async def client(url):
        link = await dial(url, {})
        with pytest.raises(SocketClosed, match=r"closed by the venue: 1012 .*upgrade"):
            await link.receive()
        with pytest.raises(SocketClosed, match=r"1012 .*upgrade"):
            await link.send("too late")
        await link.close()
        await link.close()

    against(leave, client)


def test_a_connection_that_breaks_off_ends_too():
    async def vanish(connection):
        connection.transport.abort()

    async def client(url):
        link = await dial(url, {})
        with pytest.raises(SocketClosed, match="lost without a word"):
            await link.receive()

    against(vanish, client)


def test_closing_it_oneself_ends_reading():
    async def client(url):
        link = await dial(url, {})
        reading = asyncio.ensure_future(link.receive())
        await asyncio.sleep(0)
        await link.close()
        with pytest.raises(SocketClosed, match="closed by us: 1000"):
            await reading

    against(echo, client)


def test_a_snapshot_of_many_megabytes_arrives():
    async def client(url):
        link = await dial(url, {})
        await link.send("x" * 5_000_000)
        received = await link.receive()
        await link.close()
        return len(received)

    assert against(echo, client, max_size=None) == 5_000_000


def test_a_message_of_no_reasonable_size_ends_the_connection():
    async def flood(connection):
        await connection.send("x" * (16 * 1024 * 1024 + 1))
        await connection.wait_closed()

    async def client(url):
        link = await dial(url, {})
        with pytest.raises(SocketClosed, match="closed by us: 1009"):
            await link.receive()

    against(flood, client)


def test_a_message_refused_for_its_size_is_not_read_when_its_rest_comes_after_all(library, monkeypatch):
    monkeypatch.setattr(f"anyvenue.wire.dial_{library}.MESSAGE_BYTES_MAX", 500)

    async def handle(reader, writer):
        asked = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line for line in asked.splitlines() if line.lower().startswith("sec-websocket-key:")).split()[1]
        agreed = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n" + agreed.encode())
        writer.write(b"\x81\x7e" + (501).to_bytes(2, "big"))  # the head of a text frame (RFC 6455, 5.2)
        await reader.read(1)  # the client closes
        writer.write(b"x" * 501)
        writer.close()

    async def run():
        async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
            link = await dial(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {})
            with pytest.raises(SocketClosed, match="closed by us: 1009"):
                await asyncio.wait_for(link.receive(), 10)

    asyncio.run(run())


def test_protocol_pings_are_answered_though_nobody_reads():
    answered = []

    async def ping(connection):
        answered.append(await (await connection.ping()))

    async def client(url):
        link = await dial(url, {})
        with pytest.raises(SocketClosed):
            await link.receive()

    against(ping, client)
    assert len(answered) == 1


def test_a_refusal_is_told_with_its_status_and_without_the_url():
    def refuse(connection, request):
        return connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "slow down")

    assert "HTTP status 429" in against(echo, refused, process_request=refuse)


def test_a_redirect_is_refused_since_headers_would_go_along():
    def redirect(connection, request):
        response = connection.respond(HTTPStatus.FOUND, "")
        response.headers["Location"] = "ws://elsewhere.invalid/"
        return response

    assert "HTTP status 302" in against(echo, refused, process_request=redirect)


def test_nobody_listening_is_told():
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert "refused" in asyncio.run(refused(f"ws://user:{SECRET}@127.0.0.1:{port}/?key={SECRET}"))


def test_a_name_that_does_not_resolve_is_told(monkeypatch):
    async def client():
        async def fail(*args, **kwargs):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)
        with pytest.raises(OSError, match=r"venue\.invalid: the name cannot be resolved \(Name or service not known\)"):
            await dial("wss://venue.invalid/", {})

    monkeypatch.setenv("no_proxy", "*")
    asyncio.run(client())


def test_a_peer_that_speaks_no_http_is_told():
    async def client(port):
        assert "no WebSocket" in await refused(f"ws://127.0.0.1:{port}/")

    against_bytes(b"SSH-2.0-server\r\n\r\n", client)


def test_a_plain_server_where_tls_is_expected_is_told():
    async def client(port):
        assert "no TLS connection" in await refused(f"wss://127.0.0.1:{port}/")

    against_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n", client)


@pytest.mark.parametrize("url", ["https://venue.invalid/?key=5ecret", "venue.invalid", ""])
def test_what_is_no_websocket_url_is_misuse(url):
    with pytest.raises(ValueError, match="allowed are ws://") as caught:
        asyncio.run(dial(url, {}))
    assert SECRET not in str(caught.value)


def test_nothing_is_said_in_plain_text_to_another_machine():
    with pytest.raises(ValueError, match="allowed are wss://, and ws:// on this machine"):
        asyncio.run(dial("ws://venue.invalid/", {"KEY": SECRET}))


def test_this_machine_is_never_reached_by_a_proxy(monkeypatch):
    monkeypatch.setenv("ws_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    async def client(url):
        for host in ("127.0.0.1", "localhost"):
            link = await dial(url.replace("127.0.0.1", host), {})
            await link.close()

    against(echo, client)


def test_a_proxy_is_used_for_every_other_host(monkeypatch):
    async def client(port):
        monkeypatch.setenv("wss_proxy", f"http://user:{SECRET}@127.0.0.1:{port}")
        with pytest.raises(OSError, match=r"venue\.invalid.*407") as caught:
            await dial("wss://venue.invalid/", {})
        assert SECRET not in str(caught.value)

    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    assert against_bytes(answer, client).startswith(b"CONNECT venue.invalid:443 HTTP/1.1\r\n")


def test_neither_headers_nor_frames_are_logged_at_any_level(caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("websockets.client", "anyvenue.wire", "anyvenue.wire.websockets"):
        caplog.set_level(logging.DEBUG, logger=name)

    async def client(url):
        link = await dial(url, {"X-Key": SECRET})
        await link.send(SECRET)
        await link.close()

    quiet = logging.getLogger("quiet")
    quiet.setLevel(logging.CRITICAL)
    against(echo, client, logger=quiet)
    assert SECRET not in caplog.text


async def delivered(link, enough):
    """Return the first messages that are handed on, and how it ended where fewer came."""
    told, done = [], asyncio.get_running_loop().create_future()

    def take(message):
        told.append(message)
        if len(told) == enough:
            done.set_result(None)

    delivering = asyncio.ensure_future(link.deliver(take))
    await asyncio.wait({delivering, done}, return_when=asyncio.FIRST_COMPLETED)
    if delivering.done():
        with pytest.raises(SocketClosed) as closed:
            await delivering
        told.append(str(closed.value))
    delivering.cancel()
    await asyncio.gather(delivering, return_exceptions=True)
    return told


def test_every_message_is_handed_on_in_order_those_too_that_came_before_anybody_asked():
    async def speak(connection):
        for number in range(300):
            await connection.send(str(number))
        await connection.recv()
        for number in range(300, 900):
            await connection.send(str(number))
        await connection.wait_closed()

    async def client(url):
        link = await dial(url, {})
        first = await link.receive()
        asyncio.get_running_loop().call_soon(asyncio.ensure_future, link.send("go on"))
        told = [first, *await delivered(link, 899)]
        await link.close()
        return told

    assert against(speak, client) == [str(number).encode() for number in range(900)]


def test_a_message_in_parts_is_handed_on_as_one():
    async def speak(connection):
        await connection.send(["one", " and", " two"])
        await connection.send("three")
        await connection.send([b"four", b" five"])
        await connection.close(1001)

    async def client(url):
        return await delivered(await dial(url, {}), 9)

    *told, end = against(speak, client)
    assert told == [b"one and two", b"three", b"four five"]
    assert end.startswith("closed by the venue: 1001")


def test_parts_that_are_too_much_together_end_the_connection():
    async def flood(connection):
        try:
            await connection.send(["x" * 6_000_000] * 3)
            await connection.wait_closed()
        except ConnectionClosed:
            pass

    async def client(url):
        return await delivered(await dial(url, {}), 9)

    assert "closed by us: 1009" in against(flood, client)[-1]


def test_whoever_stops_listening_hears_no_more():
    async def speak(connection):
        await connection.send("1")
        await connection.recv()
        await connection.send("2")
        await connection.close()

    async def client(url):
        link = await dial(url, {})
        told = await delivered(link, 1)
        await link.send("go on")
        while True:
            try:
                await link.send("still there?")
                await asyncio.sleep(0)
            except SocketClosed:
                return told

    assert against(speak, client) == [b"1"]


def test_a_connection_that_breaks_off_under_a_listener_is_told():
    async def vanish(connection):
        await connection.recv()
        connection.transport.abort()

    async def client(url):
        link = await dial(url, {})
        await link.send("go")
        return await delivered(link, 9)

    assert against(vanish, client)[0].startswith("lost without a word")


def test_a_slow_reader_holds_the_venue_back():
    async def speak(connection):
        for _ in range(3000):
            await connection.send("x" * 10_000)
        sent.append("all")

    sent = []

    async def client(url):
        link = await dial(url, {})
        first = await link.receive()
        for _ in range(200):
            await asyncio.sleep(0)
        held = list(sent)
        for _ in range(2999):
            await link.receive()
        await link.close()
        return len(first), held

    assert against(speak, client) == (10_000, [])


def test_a_connection_that_breaks_off_while_a_sender_is_held_back_is_told_to_it():
    async def deaf(connection):
        connection.transport.pause_reading()
        await held.wait()
        reset = struct.pack("ii", 1, 0)  # at once, with what has come still unread
        connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        connection.transport.abort()

    async def client(url):
        link = await dial(url, {})
        reading = asyncio.create_task(link.receive())
        sending = asyncio.create_task(link.send("x" * 50_000_000))
        for _ in range(50):
            await asyncio.sleep(0)
        was_held = not sending.done()
        held.set()
        told = await asyncio.gather(sending, reading, return_exceptions=True)
        return was_held, [type(one) for one in told]

    held = asyncio.Event()
    assert against(deaf, client) == (True, [SocketClosed, SocketClosed])


def test_basic_authentication_in_the_url_goes_into_a_header():
    seen = []

    async def listen(connection):
        seen.append(connection.request.headers["Authorization"])

    async def client(url):
        link = await dial(url.replace("//", "//user:pass@"), {})
        with pytest.raises(SocketClosed):
            await link.receive()

    against(listen, client)
    assert seen == ["Basic dXNlcjpwYXNz"]


def test_over_tls_the_certificate_has_to_be_the_hosts_own(monkeypatch, tmp_path):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    async def speak(connection):
        await connection.send("hello")
        await connection.wait_closed()

    async def client(url):
        url = url.replace("ws:", "wss:")
        assert "no TLS connection that can be trusted" in await refused(url)  # by nobody known
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert "no TLS connection that can be trusted" in await refused(url)  # for another name
        link = await dial(url.replace("127.0.0.1", "localhost"), {})
        told = await link.receive()
        await link.close()
        return told

    quiet = logging.getLogger("quiet")
    quiet.setLevel(logging.CRITICAL + 1)
    assert against(speak, client, ssl=context, logger=quiet) == b"hello"


def test_a_host_is_shown_without_what_may_hold_keys():
    assert host_of("wss://user:5ecret@fx-ws.example.com:443/v4/ws?key=5ecret") == "fx-ws.example.com:443"


HANDSHAKE = re.compile(rb"sec-websocket-key: *(\S+)", re.IGNORECASE)


def told_in_pieces(pieces, count):
    """Return so many messages (or the end) from a server that sends its handshake's bytes, and more, in `pieces`."""

    async def run():
        async def handle(reader, writer):
            key = HANDSHAKE.search(await reader.readuntil(b"\r\n\r\n"))[1].decode()
            head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            data = f"{head}Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode()
            writer.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces(data):
                writer.write(piece)
                await asyncio.sleep(0)
            writer.write_eof()
            await ended.wait()
            writer.transport.abort()

        ended = asyncio.Event()
        async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            try:
                link = await dial(f"ws://127.0.0.1:{port}/v4/ws", {})
                return await asyncio.wait_for(delivered(link, count), 10)
            finally:
                ended.set()

    return asyncio.run(run())


def frame(first, data, *, bits=0):
    size = len(data)
    if size < 126:
        return bytes([first, bits | size]) + data
    return bytes([first, bits | 126]) + struct.pack("!H", size) + data


@pytest.mark.parametrize("length", [1, 2, 3, 5, 7, 11, 100, 10_000])
def test_messages_arrive_whole_however_the_network_cuts_them(length):
    large = b"x" * 300
    frames = [
        frame(0x81, b"one"),
        frame(0x82, large),
        frame(0x89, b"ping"),
        frame(0x01, b"in "),
        frame(0x89, b"between"),
        frame(0x80, b"parts"),
        b"\x81\x7f" + struct.pack("!Q", 70_000) + b"y" * 70_000,
        frame(0x81, b""),
        frame(0x88, struct.pack("!H", 1000) + b"done"),
    ]

    def pieces(head):
        data = head + b"".join(frames)
        step = max(length, len(data) // 2000)  # the middle of the largest frame is passed by longer steps
        ends = [*range(0, 800, length), *range(800, len(data), step), len(data)]
        return [data[start:end] for start, end in itertools.pairwise(ends)]

    told = told_in_pieces(pieces, 6)
    assert told[:5] == [b"one", large, b"in parts", b"y" * 70_000, b""]
    assert told[5].startswith("closed by the venue: 1000")


@pytest.mark.parametrize("bad", [frame(0x81, b"abcd", bits=0x80), frame(0xC1, b"abcd"), frame(0x80, b"abcd")])
def test_what_no_server_may_send_ends_the_connection_and_what_comes_after_is_not_heard(library, bad):
    if library == "picows":
        pytest.skip("it takes some of it, and we cut nothing for it")
    told = told_in_pieces(lambda head: [head + frame(0x81, b"one") + bad + frame(0x81, b"two")], 3)
    assert told == [b"one", told[-1]]
    assert told[-1].startswith("closed by us: 1002")


def test_what_is_sent_at_once_arrives_like_the_rest_at_any_length():
    async def client(url):
        link = await dial(url, {})
        sent = ["", "µ", "a" * 125, "b" * 126, "c" * 65_535, "d" * 65_536]
        for text in sent:
            assert link.send_now(text)
        received = [await link.receive() for _ in sent]
        await link.close()
        assert not link.send_now("too late")
        return received == [text.encode() for text in sent]

    assert against(echo, client)


def test_nothing_is_sent_at_once_while_writing_is_held_back():
    async def deaf(connection):
        connection.transport.pause_reading()
        await held.wait()
        connection.transport.abort()

    async def client(url):
        link = await dial(url, {})
        text = "x" * 1_000_000
        sent = [link.send_now(text) for _ in range(100)]
        held.set()
        with pytest.raises(SocketClosed):
            await link.receive()
        return sent[0], sent[-1]

    held = asyncio.Event()
    assert against(deaf, client) == (True, False)
