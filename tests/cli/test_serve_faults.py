"""berth serve among clients that lie, stall, reset or only take: none of them is another's trouble."""

import contextlib
import os
import re
import socket
import time

import pytest

from lib import process
from lib.http_server import GET, HOST, Server, count_all, make_huge, read_all, status
from lib.wait import wait_for


REFUSED = [
    (b"\x16\x03\x01\x00\xf4\x01\x00", 400),
    (b"hello\r\n", 400),
    (GET + b"\r\n", 400),
    (GET + HOST + HOST + b"\r\n", 400),
    (GET + b"Host : x\r\n\r\n", 400),
    (GET + HOST + b" folded\r\n\r\n", 400),
    (GET + HOST + b"A: b\n\r\n", 400),
    (GET + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
    (GET + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (GET + HOST + b"Transfer-Encoding: xchunked\r\n\r\n", 501),
    (b"GET / HTTP/2.0\r\n\r\n", 505),
    (b"GET / HTTP/1.1 \r\n\r\n", 400),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n", 414),
    (b"GET /" + b"a" * 60000, 414),
    (GET + HOST + b"A: " + b"b" * 9000 + b"\r\n\r\n", 431),
    (GET + HOST + b"A: b\r\n" * 200 + b"\r\n", 431),
    (GET + HOST + (b"A: " + b"b" * 6000 + b"\r\n") * 50, 431),
    (b"CONNECT x:80 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
]


@pytest.mark.parametrize("request_, expected", REFUSED)
def test_what_is_refused(serve, request_, expected):
    server = serve()
    answer = server.raw(request_ + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status(answer) == expected and answer.count(b"Server: ") == 1
    assert b"Connection: close" in answer
    assert server.ask("/hello.txt").status == 200
    assert not any("smuggled" in line for line in server.lines())


def test_a_body_that_nobody_asked_for(serve):
    body = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    request = GET + HOST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    answer = serve().raw(request)
    assert status(answer) == 200 and answer.count(b"Server: ") == 1


def test_an_unfinished_request(serve):
    server = serve("--header-timeout", "300ms")
    started = time.monotonic()
    with server.connect() as s:
        s.sendall(GET)
        for _ in range(100):  # a byte now and then doesn't buy more time
            with contextlib.suppress(OSError):
                s.send(b"A")
            s.settimeout(0.05)
            try:
                answer = s.recv(1000)
                break
            except TimeoutError:
                pass
    assert status(answer) == 408 and 0.25 < time.monotonic() - started < 5


def test_an_idle_client(serve):
    server = serve("--idle-timeout", "200ms")
    with server.connect() as s:
        s.sendall(GET + HOST + b"\r\n")
        assert status(read_all(s)) == 200  # and then the end
    with server.connect() as s:
        assert read_all(s) == b""


def test_a_client_that_does_not_read(serve, site):
    make_huge(site)
    server = serve("--idle-timeout", "500ms")
    with server.connect() as s:
        s.sendall(b"GET /huge HTTP/1.1\r\n" + HOST + b"\r\n")
        assert server.ask("/hello.txt").status == 200  # nobody else waits
        wait_for(lambda: any("huge" in line for line in server.lines()))
        assert int(server.lines()[-1].split()[-1]) < 200_000_000


def needs_true_memory(path):
    if process.is_sanitized(path):
        pytest.skip("not here: a sanitizer keeps memory of its own")


def memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"RssAnon:\s+(\d+) kB", file.read())[1])


def test_a_client_that_only_asks(serve, berth):
    """Requests without end, of which no answer is read, are left in its own queue."""
    needs_true_memory(berth.path)
    server = serve()
    before = memory(server.process.pid)
    requests = (b"GET /hello.txt HTTP/1.1\r\n" + HOST + b"\r\n") * 1000
    with server.connect() as s:
        s.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            for _ in range(10000):
                s.sendall(requests)
            pytest.fail("it takes whatever comes")
        assert server.ask("/hello.txt").status == 200
        assert memory(server.process.pid) - before < 4000


def test_many_at_once(serve, berth):
    needs_true_memory(berth.path)
    server = serve()
    before = memory(server.process.pid)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(500)]
        for s in clients:
            s.sendall(b"GET /hello.txt HTTP/1.1\r\n" + HOST + b"\r\n")
        for s in clients:
            assert s.recv(1000).endswith(b"hello, world\n")
        assert memory(server.process.pid) - before < 500 * 2


def test_a_file_that_gets_shorter(serve, site):
    make_huge(site)
    server = serve()
    with server.connect() as s:
        s.sendall(b"GET /huge HTTP/1.1\r\n" + HOST + b"\r\n")
        s.recv(1000)
        os.truncate(site / "huge", 100_000_000)
        assert count_all(s) < 110_000_000  # the end tells the client
    assert server.ask("/huge", "HEAD").headers["Content-Length"] == "100000000"


def test_many_who_reset(serve):
    server = serve()
    for i in range(200):
        s = server.connect()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        s.sendall((b"GET /big.bin HTTP/1.1\r\n" + HOST + b"\r\n")[: i % 40 + 5])
        s.close()
    assert server.ask("/hello.txt").status == 200


def test_few_descriptors(serve, netns, berth, site, tmp_path):
    # 40 in all: connections and files share them
    log = tmp_path / "access.log"
    started = process.start(["prlimit", "--nofile=40:40", berth.path, "serve", "--log", log, site,
                             "127.0.0.1:0"], netns=netns, stderr=process.subprocess.PIPE)
    try:
        server = Server(started, netns, log)
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(server.connect()) for _ in range(60)]
            clients[0].sendall(GET + HOST + b"\r\n")
            assert status(clients[0].recv(1000)) in (200, 503)
        wait_for(lambda: server.ask("/hello.txt").status == 200)
    finally:
        process.end(started)


def test_max_clients(serve):
    server = serve("--max-clients", 2)
    with server.connect() as one, server.connect() as two, server.connect() as three:
        for s in (one, two, three):
            s.sendall(GET + HOST + b"\r\n")
        assert one.recv(10) and two.recv(10)
        three.settimeout(0.3)
        with pytest.raises(TimeoutError):
            three.recv(10)
        one.close()
        three.settimeout(10)
        assert three.recv(10)
