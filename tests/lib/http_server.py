"""A running berth serve, and requests to it: well-formed ones, and raw bytes."""

import contextlib
import http.client
import re
import signal
import socket

HOST = b"Host: x\r\n"
GET = b"GET / HTTP/1.1\r\n"


class Server:
    """A running berth serve, on a port of 127.0.0.1 that it chose."""

    def __init__(self, process_, netns, log):
        self.process, self.netns, self.log = process_, netns, log
        self.talk = ""
        while "http://" not in self.talk:
            line = process_.stderr.readline()
            assert line, f"it ended: {self.talk}"
            self.talk += line
        self.port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", self.talk)[1])

    def connect(self, timeout=20):
        with self.netns.inside():
            return socket.create_connection(("127.0.0.1", self.port), timeout)

    def ask(self, path, method="GET", body=None, **fields):
        """One request on a connection of its own: the response, with .body and .fields."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port)) as c:
            c.sock = self.connect()
            headers = {name.replace("_", "-"): value for name, value in fields.items()}
            c.request(method, path, body=body, headers=headers)
            answer = c.getresponse()
            answer.body = answer.read()
            return answer

    def raw(self, request):
        """Everything that comes back until the server closes."""
        with self.connect() as s:
            s.sendall(request)
            return read_all(s)

    def lines(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read().splitlines()

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        self.process.wait(10)
        return self.process.stderr.read()


def read_all(s):
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := s.recv(65536):
            got += piece
    return got


def count_all(s):
    n = 0
    while piece := s.recv(1 << 20):
        n += len(piece)
    return n


def make_huge(site):
    """More than the kernel's buffers hold, on any disk."""
    with open(site / "huge", "wb") as huge:
        huge.truncate(200_000_000)


def status(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else answer
