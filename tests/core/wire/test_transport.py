"""The HTTP transport: answers in every shape, connections kept and thrown away, and what each failure is told as."""

import asyncio
import gzip
import os
import socket
import ssl

import httpx
import pytest
import trustme

from anyvenue.wire import transport as module
from anyvenue.wire.lean_httpx import LeanRequest, LeanResponse, Target, whole
from anyvenue.wire.transport import Transport

pytestmark = pytest.mark.usefixtures("event_loop")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BYE = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbye"


class Server:
    """Answers on loopback with `answer(number, head, writer)`: bytes, or None to hang up; notes what came."""

    def __init__(self, answer):
        self.answer = answer
        self.heads = []
        self.bodies = []
        self.writers = []
        self.tasks = []
        self.came = asyncio.Queue()
        self.met = asyncio.Queue()
        self.left = asyncio.Queue()

    async def serve(self, reader, writer):
        self.writers.append(writer)
        self.tasks.append(asyncio.current_task())
        self.met.put_nowait(None)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heads.append(head)
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                self.bodies.append(await reader.readexactly(int(length[0][15:])) if length else b"")
                self.came.put_nowait(head)
                answer = self.answer(len(self.heads), head)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionResetError, ssl.SSLError):
            pass
        finally:
            self.left.put_nowait(None)
            writer.close()


def against(answer, main, *, keep_alive_s=10.0, warm_s=0.0, connect_s=5.0, tls=None):
    """Run `main(ask, server)`, `ask` sending a request to the server; return what it returns, and the server."""

    async def whole():
        server = Server(answer)
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
        port = listening.sockets[0].getsockname()[1]
        transport = Transport(connect_s=connect_s, keep_alive_s=keep_alive_s, warm_s=warm_s)
        scheme = "http" if tls is None else "https"

        async def ask(method="GET", path="/", host="127.0.0.1", **content):
            request = httpx.Request(method, f"{scheme}://{host}:{port}{path}", **content)
            return await transport.handle_async_request(request)

        try:
            return await asyncio.wait_for(main(ask, server), 10), server
        finally:
            await transport.aclose()
            listening.close()
            for writer in server.writers:
                writer.close()
            await asyncio.gather(*server.tasks, return_exceptions=True)
            await listening.wait_closed()

    return asyncio.run(whole())


def one(answer, **how):
    """Return the answer to one request, or the error in its place."""

    async def main(ask, server):
        try:
            return await ask(**how)
        except httpx.RequestError as error:
            return error

    return against(lambda number, head: answer, main)[0]


def test_a_request_goes_out_as_it_is_and_the_answer_comes_back_whole():
    async def main(ask, server):
        return await ask("POST", "/orders?a=%201", headers={"X-Size-Decimal": "1"}, content=b'{"size":1}')

    answer, server = against(
        lambda number, head: b"HTTP/1.1 201 Created\r\nX-A: 1\r\ncontent-length: 2\r\n\r\nok", main
    )
    assert (answer.status_code, answer.content, answer.headers["x-a"]) == (201, b"ok", "1")
    assert server.heads[0].startswith(b"POST /orders?a=%201 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Size-Decimal: 1\r\n" in server.heads[0]
    assert server.bodies == [b'{"size":1}']


def test_a_body_without_a_length_goes_out_with_one():
    async def parts():
        yield b"one"
        yield b" and two"

    async def main(ask, server):
        return (await ask("POST", content=parts())).content

    answer, server = against(lambda number, head: OK, main)
    assert answer == b"ok"
    assert b"\r\nContent-Length: 11\r\n" in server.heads[0]
    assert b"chunked" not in server.heads[0]
    assert server.bodies == [b"one and two"]


@pytest.mark.parametrize(
    ("answer", "status", "content"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200, b"abcde"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", 302, b""),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
    ],
)
def test_every_shape_of_answer_is_read(answer, status, content):
    found = one(answer)
    assert (found.status_code, found.content) == (status, content)


def test_a_packed_answer_is_unpacked():
    packed = gzip.compress(b"much the same, " * 100)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    assert one(head + packed).content == b"much the same, " * 100


def test_what_is_called_packed_and_is_not_is_an_error():
    found = one(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", method="POST")
    with pytest.raises(httpx.DecodingError):
        asyncio.run(whole(found))


def test_an_answer_without_a_length_ends_with_the_connection():
    async def main(ask, server):
        asking = asyncio.ensure_future(ask())
        await server.came.get()
        server.writers[0].write(b"de")
        server.writers[0].close()
        return await asking

    answer, _ = against(lambda number, head: b"HTTP/1.1 200 OK\r\n\r\nabc", main)
    assert answer.content == b"abcde"


def test_the_answer_to_a_head_request_has_no_body_whatever_length_it_names():
    answer = one(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", method="HEAD")
    assert (answer.status_code, answer.headers["content-length"]) == (200, "500")


def test_a_connection_is_kept_and_used_again():
    async def main(ask, server):
        return [(await ask()).content for _ in range(3)]

    answers, server = against(lambda number, head: OK, main)
    assert (answers, len(server.writers)) == ([b"ok"] * 3, 1)


def test_requests_at_once_have_a_connection_each_and_the_newest_is_used_again():
    async def main(ask, server):
        await asyncio.gather(ask(), ask(), ask())
        await ask()

    assert len(against(lambda number, head: OK, main)[1].writers) == 3


@pytest.mark.parametrize(
    "answer", [BYE, b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", OK + OK, OK + b"HTTP/1.1 2"]
)
def test_a_connection_that_ends_or_says_more_than_was_asked_is_not_used_again(answer):
    async def main(ask, server):
        return [(await ask()).status_code for _ in range(2)]

    answers, server = against(lambda number, head: answer, main)
    assert (answers, len(server.writers)) == ([200, 200], 2)


def test_what_comes_behind_an_answer_adds_nothing_to_it():
    another = OK.replace(b"Content", b"Retry-After: 9\r\nContent")
    headers, body = asyncio.run(whole(one(OK + another)))
    assert (dict(headers), body) == ({"content-length": "2"}, b"ok")


def test_a_connection_that_was_idle_for_long_is_not_used_again():
    async def main(ask, server):
        await ask()
        await ask()

    assert len(against(lambda number, head: OK, main, keep_alive_s=0.0)[1].writers) == 2


def test_a_connection_that_was_idle_for_long_is_closed_and_another_one_stands_ready():
    async def main(ask, server):
        await ask()
        await server.met.get()
        await server.left.get()
        await server.met.get()
        for _ in range(20):
            await asyncio.sleep(0)
        heads = len(server.heads)
        return heads, (await ask("POST", content=b"now")).content

    told, server = against(lambda number, head: OK, main, keep_alive_s=0.4, warm_s=60.0)
    assert told == (1, b"ok")  # nothing was asked over the new one before
    assert len(server.writers) == 2


def test_where_nothing_was_asked_for_long_no_connection_stands_ready():
    async def main(ask, server):
        await ask()
        await server.met.get()
        await server.left.get()
        for _ in range(20):
            await asyncio.sleep(0)
        return server.met.empty()

    assert against(lambda number, head: OK, main, keep_alive_s=0.05, warm_s=0.01)[0]


@pytest.mark.parametrize("leaves", [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"])
def test_a_connection_that_the_server_has_left_is_not_used_even_before_the_loop_has_heard_of_it(leaves):
    async def main(ask, server):
        await ask()
        writer = server.writers[0]
        with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as sock:
            sock.send(leaves)
            sock.shutdown(
                socket.SHUT_RDWR
            )  # both are written past the loop: nobody has been told when the next request is made
        return await ask("POST", content=b"once")

    answer, server = against(lambda number, head: OK, main)
    assert (answer.content, len(server.writers)) == (b"ok", 2)
    assert server.bodies == [b"", b"once"]


def test_a_connection_lost_under_a_request_is_no_failure_to_connect():
    assert isinstance(one(None), httpx.RemoteProtocolError)


def test_a_connection_lost_in_the_middle_of_an_answer_is_told():
    async def main(ask, server):
        asking = asyncio.ensure_future(ask())
        await server.came.get()
        server.writers[0].close()
        with pytest.raises(httpx.RemoteProtocolError):
            await asking

    against(lambda number, head: b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", main)


def test_a_reset_is_told_as_what_broke_off_the_reading():
    async def main(ask, server):
        asking = asyncio.ensure_future(ask())
        await server.came.get()
        server.writers[0].transport.get_extra_info("socket").setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER 0
        server.writers[0].transport.abort()
        with pytest.raises(httpx.ReadError):
            await asking

    against(lambda number, head: b"", main)


@pytest.mark.parametrize("garbage", [b"SSH-2.0-server\r\n\r\n", b"HTTP/1.1 two OK\r\n\r\n", b"\0" * 100])
def test_what_is_no_http_is_told(garbage):
    assert isinstance(one(garbage), httpx.RemoteProtocolError)


def test_a_change_of_protocol_is_no_answer():
    changed = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    assert isinstance(one(changed), httpx.RemoteProtocolError)


def test_an_answer_of_no_reasonable_size_is_given_up(monkeypatch):
    monkeypatch.setattr(module, "ANSWER_BYTES_MAX", 1000)
    found = one(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 1500)
    assert isinstance(found, httpx.RemoteProtocolError)
    assert "larger than 1000 bytes" in str(found)


def test_a_header_with_a_line_break_is_not_sent():
    async def main(ask, server):
        with pytest.raises(httpx.LocalProtocolError):
            await ask(headers=[(b"X-A", b"1\r\nX-B: 2")])

    assert against(lambda number, head: OK, main)[1].heads == []


def test_whoever_cancels_a_request_leaves_no_connection_on_which_an_answer_is_still_awaited():
    async def main(ask, server):
        asking = asyncio.ensure_future(ask(path="/slow"))
        await server.came.get()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert asking.cancelled()
        return await ask()

    answer, server = against(lambda number, head: b"" if b"/slow" in head else OK, main)
    assert (answer.content, len(server.writers)) == (b"ok", 2)


def test_where_too_many_are_on_their_way_the_next_has_not_left(monkeypatch):
    monkeypatch.setattr(module, "CONNECTIONS_MAX", 2)

    async def main(ask, server):
        hanging = [asyncio.ensure_future(ask()) for _ in range(2)]
        for _ in hanging:
            await server.came.get()
        with pytest.raises(httpx.PoolTimeout):
            await ask("POST", content=b"never")
        for one in hanging:
            one.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        return len(server.heads)

    assert against(lambda number, head: b"", main, connect_s=0.05)[0] == 2


def test_a_close_ends_what_is_on_its_way_as_no_failure_to_connect():
    async def whole():
        came = asyncio.Event()

        async def serve(reader, writer):
            await reader.read(1)
            came.set()
            try:
                await reader.read()
            except ConnectionResetError:
                pass
            finally:
                writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            transport = Transport(connect_s=5.0, keep_alive_s=5.0)
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            asking = asyncio.ensure_future(transport.handle_async_request(httpx.Request("GET", url)))
            await came.wait()
            await transport.aclose()
            with pytest.raises(httpx.RemoteProtocolError):
                await asking

    asyncio.run(asyncio.wait_for(whole(), 10))


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_over_tls_the_certificate_has_to_be_the_hosts_own(authority, tls, monkeypatch):
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    monkeypatch.setattr(module, "_trusted", lambda: trusted)

    async def main(ask, server):
        answers = [(await ask(host="localhost")).content for _ in range(2)]
        with pytest.raises(httpx.ConnectError, match=r"127\.0\.0\.1"):
            await ask(host="127.0.0.1")
        return answers

    answers, server = against(lambda number, head: OK, main, tls=tls)
    assert (answers, len(server.heads)) == ([b"ok", b"ok"], 2)


def test_a_certificate_of_nobody_known_is_not_trusted(tls):
    async def main(ask, server):
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            await ask("POST", host="localhost", content=b"secret")

    assert against(lambda number, head: OK, main, tls=tls)[1].heads == []


def test_a_host_that_answers_no_handshake_is_told_as_no_connection():
    async def whole():
        async def hold(reader, writer):
            try:
                await reader.read()
                await reader.read()
            except ConnectionResetError:
                pass
            finally:
                writer.close()

        async with await asyncio.start_server(hold, "127.0.0.1", 0) as server:
            transport = Transport(connect_s=0.05, keep_alive_s=5.0)
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            with pytest.raises(httpx.ConnectTimeout):
                await transport.handle_async_request(httpx.Request("POST", url))
            await transport.aclose()

    asyncio.run(whole())


def test_another_scheme_is_not_spoken():
    async def whole():
        with pytest.raises(httpx.UnsupportedProtocol):
            await Transport(connect_s=1.0, keep_alive_s=1.0).handle_async_request(httpx.Request("GET", "ftp://x.test/"))

    asyncio.run(whole())


def test_a_lean_request_and_response_are_those_of_httpx_as_soon_as_somebody_looks():
    target = Target.of(httpx.URL("https://venue.test/orders?a=1"))
    request = LeanRequest("POST", target, {"X-Sign": "ab"}, b"buy", {"timeout": {"connect": 1.0}})
    assert "headers" not in vars(request)
    known = httpx.Request("POST", "https://venue.test/orders?a=1", headers={"X-Sign": "ab"}, content=b"buy")
    assert (request.headers, request.content, request.url) == (known.headers, known.content, known.url)
    assert request.extensions == {"timeout": {"connect": 1.0}}
    response = LeanResponse(201, {"content-type": "application/json"}, b'{"id": 7}')
    assert (response.json(), response.headers["content-type"], response.is_success) == (
        {"id": 7},
        "application/json",
        True,
    )
    for one_of_them in (request, response):
        with pytest.raises(AttributeError, match="nothing_such"):
            _ = one_of_them.nothing_such
