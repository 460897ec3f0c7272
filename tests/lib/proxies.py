"""Small proxies in Python, written from the RFCs and apart from berth's own code: SOCKS 4, 4a, 5, and
HTTP's CONNECT with Basic and Digest. Each is a function for lib.peers.Peer; `asked` lists what it was
asked for, and NAMES are the only names that it knows."""

import base64
import hashlib
import re
import socket
import struct

NAMES = {"inside.example": "127.0.0.1"}


def _exactly(connection, n):
    got = b""
    while len(got) < n:
        part = connection.recv(n - len(got))
        if not part:
            raise EOFError("the client has ended")
        got += part
    return got


def _until(connection, mark):
    got = b""
    while not got.endswith(mark):
        got += _exactly(connection, 1)
    return got[: -len(mark)]


def _join(client, server):
    """One exchange is enough: what the client says to its end, then the answer."""
    while part := client.recv(65536):
        server.sendall(part)
    server.shutdown(socket.SHUT_WR)
    while part := server.recv(65536):
        client.sendall(part)


class _Proxy:
    def __init__(self, netns, user=None, password=None):
        self.netns = netns
        self.login = (user, password) if user is not None else None
        self.asked = []

    def connect(self, host, port):
        self.asked.append((host, port))
        with self.netns.inside():
            return socket.create_connection((NAMES.get(host, host), port), 10)


class Socks(_Proxy):
    def __call__(self, client):
        version = _exactly(client, 1)[0]
        (self._four if version == 4 else self._five)(client)

    def _four(self, client):
        _, port, address = struct.unpack("!BH4s", _exactly(client, 7))
        user = _until(client, b"\0").decode()
        host = socket.inet_ntoa(address)
        if address[:3] == b"\0\0\0" and address[3]:
            host = _until(client, b"\0").decode()
        if self.login and self.login[0] != user:
            client.sendall(b"\0\x5d" + bytes(6))
            return
        try:
            server = self.connect(host, port)
        except OSError:
            client.sendall(b"\0\x5b" + bytes(6))
            return
        with server:
            client.sendall(b"\0\x5a" + bytes(6))
            _join(client, server)

    def _five(self, client):
        methods = _exactly(client, _exactly(client, 1)[0])
        wanted = 2 if self.login else 0
        if wanted not in methods:
            client.sendall(b"\5\xff")
            return
        client.sendall(bytes([5, wanted]))
        if self.login:
            _exactly(client, 1)
            user = _exactly(client, _exactly(client, 1)[0]).decode()
            password = _exactly(client, _exactly(client, 1)[0]).decode()
            good = (user, password) == self.login
            client.sendall(b"\1" + (b"\0" if good else b"\1"))
            if not good:
                return
        _, _, _, kind = _exactly(client, 4)
        if kind == 3:
            host = _exactly(client, _exactly(client, 1)[0]).decode()
        else:
            family, n = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, _exactly(client, n))
        (port,) = struct.unpack("!H", _exactly(client, 2))
        try:
            server = self.connect(host, port)
        except ConnectionRefusedError:
            client.sendall(b"\5\5\0\1" + bytes(6))
            return
        except OSError:
            client.sendall(b"\5\4\0\1" + bytes(6))
            return
        with server:
            # The answer in pieces, and with a name, which nobody sends and everybody must take.
            client.sendall(b"\5\0\0\3\4na")
            client.sendall(b"me\0\1")
            _join(client, server)


class Http(_Proxy):
    """challenges: lines of Proxy-Authenticate; by default what fits `kind`: "Basic", or a Digest's
    algorithm."""

    def __init__(self, netns, kind="Basic", qop=True, **how):
        super().__init__(netns, **how)
        self.kind, self.qop = kind, qop
        self.seen = []  # headers of authorization

    def _challenge(self):
        if self.kind == "Basic":
            return 'Basic realm="here"'
        qop = ', qop="auth-int,auth"' if self.qop else ""
        return (
            f'Basic realm="no", Digest realm="a \\"b\\"", nonce="abc=="{qop}, '
            f'algorithm={self.kind}, opaque="o p"'
        )

    def _digest(self, header, uri):
        fields = dict(
            (name, quoted if quoted else plain)
            for name, quoted, plain in re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^,\s]+))', header)
        )
        algorithm = hashlib.sha256 if "256" in self.kind else hashlib.md5

        def digest(*words):
            return algorithm(":".join(words).encode()).hexdigest()

        user, password = self.login
        a1 = digest(user, 'a "b"', password)
        if self.kind.endswith("-sess"):
            a1 = digest(a1, "abc==", fields["cnonce"])
        a2 = digest("CONNECT", uri)
        if self.qop:
            wanted = digest(a1, "abc==", fields["nc"], fields["cnonce"], "auth", a2)
        else:
            wanted = digest(a1, "abc==", a2)
        return (
            fields["response"] == wanted
            and fields["opaque"] == "o p"
            and fields["uri"] == uri
            and fields["username"] == user
        )

    def _may(self, head, uri):
        if not self.login:
            return True
        found = re.search(r"^Proxy-Authorization: (.*)\r$", head, re.M)
        if not found:
            return False
        self.seen.append(found[1])
        if self.kind == "Basic":
            return found[1] == "Basic " + base64.b64encode(":".join(self.login).encode()).decode()
        return found[1].startswith("Digest ") and self._digest(found[1], uri)

    def __call__(self, client):
        head = _until(client, b"\r\n\r\n").decode() + "\r\n"
        uri = re.match(r"CONNECT (\S+) HTTP/1\.1\r\n", head)[1]
        assert f"\r\nHost: {uri}\r\n" in head
        if not self._may(head, uri):
            client.sendall(
                f"HTTP/1.1 407 Who are you?\r\nProxy-Authenticate: {self._challenge()}\r\n"
                "Content-Length: 4\r\n\r\nwho?".encode()
            )
            return
        host, port = uri.rsplit(":", 1)
        try:
            server = self.connect(host.strip("[]"), int(port))
        except OSError:
            client.sendall(b"HTTP/1.1 502 Can't reach it\r\n\r\n")
            return
        with server:
            client.sendall(b"HTTP/1.1 103 Soon\r\n\r\nHTTP/1.1 200 Ok")
            client.sendall(b"\r\nVia: 1.1 me\r\n\r\n")
            _join(client, server)
