"""More of nc beside Debian's: whole conversations, and what the peer saw of them."""

import array
import contextlib
import os
import pty
import re
import shutil
import socket
import stat
import struct
import threading

import pytest

from lib import features, process
from lib.terminal import Terminal
from lib.twin import both
from lib.wait import wait_for

ORIGINAL = os.path.realpath(shutil.which("nc.openbsd") or "/bin/nc.openbsd")


@pytest.fixture(autouse=True)
def _needs():
    features.require(features.has_netns)


def compare(scenario):
    original, ours = both(ORIGINAL, process.built("BERTH", "berth"), "nc", scenario)
    assert ours == original
    return ours


class Server:
    """Listens in the twin's namespace; serve(connection) returns what is kept in `saw`."""

    def __init__(self, nc, serve, address="127.0.0.1", port=4444, path=None):
        with nc.ns.inside():
            if path:
                self.listener = socket.socket(socket.AF_UNIX)
                self.listener.bind(path)
            else:
                self.listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
                self.listener.bind((address, port))
            self.listener.listen(8)
        self.saw = []
        self.serve = serve
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                try:
                    self.saw.append(self.serve(connection))
                except OSError as error:
                    self.saw.append(type(error).__name__)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.listener.close()


@contextlib.contextmanager
def server(nc, serve, **how):
    made = Server(nc, serve, **how)
    try:
        yield made
    finally:
        made.close()


def read_all(connection):
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def answer(text):
    def serve(connection):
        got = read_all(connection)
        connection.sendall(text)
        return got

    return serve


def connect(nc, address="127.0.0.1", port=4444, kind=socket.SOCK_STREAM):
    with nc.ns.inside():
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        made.settimeout(10)
        made.connect((address, port))
    return made


SYN_SENT = "02"


def has_state(state):
    """Does a TCP socket of this thread's namespace have it?"""
    with open("/proc/thread-self/net/tcp", encoding="ascii") as table:
        return any(row.split()[3] == state for row in table.read().splitlines()[1:])


def test_services_have_names():
    def scenario(nc):
        with server(nc, answer(b""), port=25):
            return nc.run("-zv", "127.0.0.1", "smtp"), nc.run("-zvn", "127.0.0.1", "25")

    assert "[tcp/smtp] succeeded!" in compare(scenario)[0][2]


def test_six():
    def scenario(nc):
        with server(nc, answer(b"six"), address="::1"):
            return [nc.run(*w.split()) for w in ("-Nv ::1 4444", "-6Nv ::1 4444", "-Nv -T af11 -M 9 -m 2 ::1 4444")]

    compare(scenario)


def test_much_both_ways():
    data = os.urandom(3 << 20)

    def scenario(nc):
        with server(nc, lambda c: (lambda got: (c.sendall(got[::-1]), got)[1])(read_all(c))) as peer:
            status, out, err = nc.run("-N", "127.0.0.1", "4444", input=data)
            assert out == data[::-1]
        return status, err, peer.saw == [data]

    compare(scenario)


def test_the_peer_resets():
    def reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return connection.recv(2)

    def scenario(nc):
        with server(nc, reset):
            return nc.run("127.0.0.1", "4444", input=b"in")

    compare(scenario)


def test_a_full_disk():
    def scenario(nc):
        with server(nc, lambda c: (c.recv(2), c.sendall(b"hi"))), open("/dev/full", "wb") as full:
            return nc.end(nc.start("127.0.0.1", "4444", stdout=full), b"in")

    compare(scenario)


@pytest.mark.parametrize("line", ["-d 127.0.0.1 4444", "127.0.0.1 4444", "-ld 4444", "-lud 4444"])
def test_nobody_reads_what_comes(line):
    """Where neither side can be written it ends, though the peer stays, silent from then on."""
    def scenario(nc):
        with open(os.devnull, "rb") as unwritable:
            if "l" not in line:
                gone = threading.Event()
                with server(nc, lambda c: (c.sendall(b"hi"), gone.wait(30))):
                    running = nc.start(*line.split(), stdout=unwritable)
                    running.stdin.close()
                    running.stdin = None
                    try:
                        return running.wait(10)
                    finally:
                        gone.set()
            running = nc.start(*line.split(), stdout=unwritable)
            kind = socket.SOCK_DGRAM if "u" in line else socket.SOCK_STREAM
            nc.listening(4444, "udp" if "u" in line else "tcp")
            with connect(nc, kind=kind) as client:
                client.send(b"hi")
                return running.wait(10)

    assert compare(scenario) == 0


def test_standard_input_stays_open():
    """A client goes on until it has something to write to a peer that is gone."""
    def scenario(nc):
        with server(nc, lambda c: c.sendall(b"hi")):
            running = nc.start("127.0.0.1", "4444")
            assert running.stdout.read(2) == b"hi"
            still = running.poll() is None
            running.stdin.write(b"more\n")
            running.stdin.flush()
            running.wait(10)
            return still, running.returncode

    assert compare(scenario) == (True, 0)


def test_no_answer_in_time():
    def scenario(nc):
        with nc.ns.inside():
            full = socket.socket()
            full.bind(("127.0.0.1", 4444))
            full.listen(0)
            clients = []
            for _ in range(8):
                clients.append(socket.socket())
                clients[-1].setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    clients[-1].connect(("127.0.0.1", 4444))
        results = [nc.run("-vw1", "127.0.0.1", "4444"), nc.run("-w1", "127.0.0.1", "4444")]
        for made in (*clients, full):
            made.close()
        return results

    assert compare(scenario)[0][2] == \
        "nc: connect to 127.0.0.1 port 4444 (tcp) timed out: Operation now in progress\n"


def test_no_time_at_all_is_no_limit_for_connecting():
    """The full listener takes the client once it has accepted the one before."""
    def scenario(nc):
        with nc.ns.inside(), socket.socket() as full:
            full.bind(("127.0.0.1", 4444))
            full.listen(0)
            with socket.create_connection(("127.0.0.1", 4444)):
                running = nc.start("-zvw0", "127.0.0.1", "4444")
                wait_for(lambda: running.poll() is not None or has_state(SYN_SENT), what="a client that waits")
                full.accept()[0].close()
                return nc.end(running)

    assert compare(scenario)[0] == 0


def test_telnet():
    words = b"\xff\xfd\x18hello\xff\xfb\x01\xff\xfe\x03\xff\xfc\x05 w\xff\xfaAB\xff\xf0x\xff"

    def scenario(nc):
        shown = threading.Event()

        def serve(connection):
            connection.sendall(words)
            got = b""
            while len(got) < 12:
                got += connection.recv(100)
            shown.wait(10)  # an end that comes sooner than the text is shown is refused once more
            return got

        with server(nc, serve) as peer:
            running = nc.start("-t", "127.0.0.1", "4444")
            text = running.stdout.read(len(words))
            shown.set()
            wait_for(lambda: peer.saw)
            return text, nc.end(running), peer.saw

    compare(scenario)


def test_answers_of_telnet_that_nobody_takes():
    """On purpose otherwise than the original, which answers its last bytes once more, with the socket closed."""
    def scenario(nc):
        running = nc.start("-ltN", "127.0.0.1", "4444")
        running.stdin.close()
        running.stdin = None
        nc.listening(4444)
        with connect(nc) as client:
            client.sendall(b"\xff\xfd\x01hi\xff\xfb\x03")
            client.shutdown(socket.SHUT_WR)
            return nc.end(running)

    original, ours = both(ORIGINAL, process.built("BERTH", "berth"), "nc", scenario)
    assert re.fullmatch("(nc: Write Error!: .*\n)+", original[2])
    assert ours == (*original[:2], "")


@pytest.mark.parametrize("option", ["-N", "-q0"])
def test_standard_input_is_closed(option):
    """On purpose otherwise than the original, which reads what it writes to: the socket has taken its place."""
    def scenario(nc):
        with server(nc, lambda c: (c.settimeout(1), c.recv(10))[1]) as peer:
            result = nc.end(nc.start(option, "127.0.0.1", "4444", before=("sh", "-c", 'exec "$@" <&-', "sh")))
            wait_for(lambda: peer.saw)
            return *result, peer.saw

    original, ours = both(ORIGINAL, process.built("BERTH", "berth"), "nc", scenario)
    assert ours[:3] == original[:3] == (0, b"", "")
    assert original[3] != [b""] and ours[3] == [b""]


def test_pass_the_descriptor():
    def scenario(nc):
        here, there = socket.socketpair()
        with server(nc, read_all) as peer:
            running = nc.start("-F", "127.0.0.1", "4444", stdout=there.fileno())
            there.close()
            data, control, _, _ = here.recvmsg(10, socket.CMSG_SPACE(4))
            passed = socket.socket(fileno=array.array("i", control[0][2])[0])
            passed.sendall(b"from the one it was passed to")
            passed.close()
            result = nc.end(running)
            wait_for(lambda: peer.saw)
        here.close()
        return result, data, peer.saw

    compare(scenario)


def test_one_client_after_the_other():
    def scenario(nc):
        running = nc.start("-lkvn", "127.0.0.1", "4444")
        nc.listening(4444)
        got = []
        for i in range(3):
            client = connect(nc)
            client.sendall(b"%d" % i)
            assert running.stdout.read(1) == b"%d" % i
            running.stdin.write(b"to %d" % i)
            running.stdin.flush()
            got.append(client.recv(100))
            client.close()
        running.terminate()
        return got, nc.end(running)

    compare(scenario)


@pytest.mark.parametrize("line", ["-lkq0 4444", "-lkq1 4444"])
def test_keeping_ends_with_the_input(line):
    def scenario(nc):
        running = nc.start(*line.split())
        nc.listening(4444)
        first = connect(nc)
        first.close()
        second = connect(nc)
        running.stdin.close()
        running.stdin = None
        result = nc.end(running)
        second.close()
        return result

    compare(scenario)


# UDP

@pytest.mark.parametrize("line", ["-uvw1 127.0.0.1 4444", "-uzvw1 127.0.0.1 4444",
                                  "-uq0 127.0.0.1 4444", "-uq1 127.0.0.1 4444",
                                  "-uw1 127.0.0.1 4444", "-uz 127.0.0.1 4444", "-ubw1 127.0.0.1 4444"])
def test_udp_client(line):
    def scenario(nc):
        with nc.ns.inside():
            peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            peer.bind(("127.0.0.1", 4444))
            peer.setblocking(False)
        result, saw = nc.run(*line.split(), input=b"in"), []
        with contextlib.suppress(BlockingIOError):
            while True:
                saw.append(peer.recv(100))
        peer.close()
        return result, saw

    compare(scenario)


@pytest.mark.parametrize("line", ["-lu 4444", "-luvn 4444", "-luN 4444", "-luq0 4444", "-luq1 4444", "-luk 4444",
                                  "-lukq0 4444"])
def test_udp_listener(line):
    def scenario(nc):
        running = nc.start(*line.split())
        nc.listening(4444, "udp")
        first = connect(nc, kind=socket.SOCK_DGRAM)
        first.send(b"one")
        assert running.stdout.read(3) == b"one"
        second = connect(nc, kind=socket.SOCK_DGRAM)
        heard = b""
        if "k" in line:
            second.send(b"two")
            heard = running.stdout.read(3)
        running.stdin.write(b"back")
        running.stdin.close()
        running.stdin = None
        got = first.recv(100) if "k" not in line else None
        if "k" in line or not re.search("[qw]", line):
            running.terminate()
        result = nc.end(running)
        first.close()
        second.close()
        return heard, got, result

    compare(scenario)


# UNIX sockets

@pytest.mark.parametrize("line", ["-UN so", "-UvN so", "-Uq0 so", "-UzvN so", "-Uw1 so"])
def test_unix_client(line):
    def scenario(nc):
        with server(nc, answer(b"an answer"), path=os.path.join(nc.folder, "so")) as peer:
            result = nc.run(*line.split(), input=b"in")
        return result, peer.saw if "w" not in line and "z" not in line else None

    compare(scenario)


@pytest.mark.parametrize("line", ["-lvU so", "-lvU @a-name", "-lUq0 so", "-lUN so", "-lUs so"])
def test_unix_listener(line):
    def scenario(nc):
        name = line.split()[-1]
        address = "\0" + name[1:] if name[0] == "@" else os.path.join(nc.folder, name)
        running = nc.start(*line.split())
        with nc.ns.inside():
            client = socket.socket(socket.AF_UNIX)

        def connected():
            return client.connect_ex(address) == 0

        wait_for(connected)
        running.stdin.write(b"back")
        running.stdin.close()
        running.stdin = None
        got = client.recv(100)
        with contextlib.suppress(OSError):
            client.sendall(b"in")
            client.shutdown(socket.SHUT_WR)
        status, out, err = nc.end(running)
        client.close()
        return got, status, out if "q" not in line else None, err, os.path.exists(address) if address[0] != "\0" else 0

    compare(scenario)


def unix_names(nc):
    """Of the namespace's sockets, @ standing for each NUL; the kernel's own order is that of a hash."""
    with nc.ns.inside(), open("/proc/thread-self/net/unix", encoding="utf-8") as table:
        return sorted(row.split()[7] for row in table.readlines()[1:] if len(row.split()) > 7)


@pytest.mark.parametrize("line", ["-lvU so", "-luvU so"])
def test_unix_path_is_taken_over(line):
    """Whatever it is: a file, or what another listens at."""

    def scenario(nc):
        with open(os.path.join(nc.folder, "so"), "w", encoding="ascii"):
            pass
        first = nc.start(*line.split())
        lines = [first.stderr.readline()]
        second = nc.start(*line.split())
        lines.append(second.stderr.readline())
        names = unix_names(nc)
        first.terminate()
        second.terminate()
        return lines, names, nc.end(first)[0], nc.end(second)[0], os.path.exists(os.path.join(nc.folder, "so"))

    assert compare(scenario)[1] == ["so", "so"]


@pytest.mark.parametrize("line, lines", [("-lvU", 2), ("-luvU", 1)], ids=["stream", "datagram"])
@pytest.mark.parametrize("name", ["s" * 107, "@" + "s" * 107, "@", "@a b"], ids=["path", "abstract", "empty", "blank"])
def test_unix_names_to_their_limit(line, lines, name):
    def scenario(nc):
        running = nc.start(line, name)
        said = [running.stderr.readline() for _ in range(lines)]
        names = unix_names(nc)
        running.terminate()
        return said, names, nc.end(running)

    compare(scenario)


@pytest.mark.parametrize("line", ["-uvU {0} so", "-lU {0}", "-lvU {0}", "-luvU {0}", "-uvU -s {0} so"])
@pytest.mark.parametrize("name", ["s" * 108, "@" + "s" * 108, "s" * 300], ids=["path", "abstract", "long"])
def test_unix_names_beyond_it(line, name):
    compare(lambda nc: nc.run(*line.format(name).split()))


@pytest.mark.parametrize("line", ["-uUvw1 so", "-uUq0 so", "-uUvw1 -s mine so", "-uUzv so"])
def test_unix_datagram_client(line):
    def scenario(nc):
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        peer.bind(os.path.join(nc.folder, "so"))
        peer.setblocking(False)
        result = nc.run(*line.split(), input=b"in")
        saw = None
        with contextlib.suppress(BlockingIOError):
            data, sender = peer.recvfrom(100)
            saw = data, nc.plain(sender)
        peer.close()
        return result, saw, sorted(os.listdir(nc.folder))

    compare(scenario)


@pytest.mark.parametrize("own", [None, "@own", "taken"])
def test_unix_datagram_clients_own_name(own):
    """It is there while the client talks, and a temporary one is gone afterwards with its folder."""

    def scenario(nc):
        with open(os.path.join(nc.folder, "taken"), "w", encoding="ascii"):
            pass
        with nc.ns.inside():
            peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        peer.bind(os.path.join(nc.folder, "so"))
        peer.settimeout(10)
        running = nc.start("-uvUq0", *(["-s", own] if own else []), "so")
        running.stdin.write(b"in")
        running.stdin.flush()
        data, sender = peer.recvfrom(100)
        path = os.path.join(nc.folder, sender) if isinstance(sender, str) else None
        there = path and stat.S_ISSOCK(os.stat(path).st_mode)
        names = sorted(nc.plain(name) for name in unix_names(nc))
        peer.sendto(b"an answer", path or sender)
        assert running.stdout.read(9) == b"an answer"
        result = nc.end(running)
        peer.close()
        left = path and (os.path.exists(path), os.path.exists(os.path.dirname(path)))
        return data, nc.plain(sender) if path else sender, there, names, result, left

    saw = compare(scenario)
    if own is None:
        assert saw[1] == "/tmp/nc-XXXXXX/recv.sock" and saw[5] == (False, False)


@pytest.mark.parametrize("line", ["-luvU so", "-lukvU so", "-luvU @so"])
def test_unix_datagram_listener(line):
    def scenario(nc):
        name = line.split()[-1]
        address = "\0" + name[1:] if name[0] == "@" else os.path.join(nc.folder, name)
        running = nc.start(*line.split())
        with nc.ns.inside():
            peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        peer.bind(os.path.join(nc.folder, "peer"))
        peer.settimeout(10)
        wait_for(lambda: peer.connect_ex(address) == 0)
        peer.send(b"one")
        out = running.stdout.read(3)
        running.stdin.write(b"back")
        running.stdin.flush()
        got = peer.recv(100) if "k" not in line else None
        running.terminate()
        result = nc.end(running)
        peer.close()
        return out, got, result

    compare(scenario)


# Secrets, typed at a terminal

def with_terminal(nc, words, typed):
    """Runs it on a pseudo terminal of its own, and types what it asks for. Other messages come in
    pieces, which may end like a prompt as well."""
    pid, terminal = pty.fork()
    if pid == 0:
        process.child_setup(nc.ns)()
        os.execv(nc.path, ["nc", *words])
    shown = b""
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 4096):
            shown += part
            if re.search(rb"password[^\n]*: $", shown):
                os.write(terminal, typed)
    os.close(terminal)
    return shown, os.waitpid(pid, 0)[1]


def test_proxy_wants_a_password():
    def serve(connection):
        got = connection.recv(4096)
        while not got.endswith(b"\r\n\r\n"):
            got += connection.recv(4096)
        connection.sendall(b"HTTP/1.0 407 A\r\n\r\n" if b"Basic" not in got else b"HTTP/1.0 200 OK\r\n\r\nhi")
        return got

    def scenario(nc):
        with server(nc, serve) as proxy:
            shown = with_terminal(nc, ["-dvXconnect", "-x", "127.0.0.1:4444", "-P", "me", "host", "80"], b"secret\n")
            return shown, proxy.saw

    assert b"Basic bWU6c2VjcmV0" in compare(scenario)[1][1]


def test_signatures_ask_for_their_key():
    compare(lambda nc: with_terminal(nc, ["-vSw1", "127.0.0.1", "1"], b"secret\n"))
    compare(lambda nc: with_terminal(nc, ["-vSw1", "127.0.0.1", "1"], b"\n"))
    compare(lambda nc: with_terminal(nc, ["-uvS", "127.0.0.1", "1"], b"secret\n"))


@pytest.mark.parametrize("key", ["secret", "another"])
def test_signatures_of_both_ends(key):
    """Who has another key isn't heard."""

    def scenario(nc):
        listener = Terminal([nc.path, "-lvSn", "127.0.0.1", "4444"], netns=nc.ns)
        try:
            listener.expect("password: $")
            listener.type("secret\n")
            with contextlib.suppress(AssertionError):
                listener.expect("Listening on 127.0.0.1 4444")
            shown = with_terminal(nc, ["-zvnSw1", "127.0.0.1", "4444"], key.encode() + b"\n")
            if key == "secret" or listener.process.poll() is not None:
                listener.wait()
            return shown, nc.plain(listener.shown)
        finally:
            listener.close()

    compare(scenario)
