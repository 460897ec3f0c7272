"""Peers made in Python, for commands that connect: each runs a function for one connection or more,
in a thread of the test's namespace."""

import contextlib
import socket
import threading


class Peer:
    """A listener at ADDRESS whose connections SERVE(connection) deals with, one after the other.
    `port`, `errors` (what SERVE raised), `count` (connections so far)."""

    def __init__(self, serve, address="127.0.0.1", netns=None, path=None):
        with netns.inside() if netns else contextlib.nullcontext():
            if path:
                self.listener = socket.socket(socket.AF_UNIX)
                self.listener.bind(path)
            else:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                self.listener = socket.socket(family)
                self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self.listener.bind((address, 0))
                self.port = self.listener.getsockname()[1]
            self.listener.listen(64)
        self.serve = serve
        self.errors = []
        self.count = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            with connection:
                connection.settimeout(20)
                try:
                    self.serve(connection)
                except Exception as error:  # pylint: disable=broad-except
                    self.errors.append(error)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join(20)
        assert not self.errors, self.errors


def read_all(connection):
    """What comes until the peer's end."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)
