"""berth nc against netcat-openbsd: the same words to both, in a network namespace each."""

import re
import shlex
import socket
import subprocess

import pytest

from lib import process
from lib.wait import wait_for

ORIGINAL = ["nc"]


def ours():
    return [process.built("BERTH", "berth"), "nc"]


def steady(text):
    """Names that differ at each run stand as one."""
    return re.sub(r"/tmp/nc-\w{6}/", "/tmp/nc-XXXXXX/", text)


def run_both(make_netns, line, input=None):
    results = []
    for program in (ORIGINAL, ours()):
        done = process.run(program + shlex.split(line), netns=make_netns(), input=input, status=None)
        results.append((done.status, done.stdout, steady(done.stderr)))
    return results


LONG = ["%s%s" % (c, "0" * n) for c in "/@" for n in (106, 107, 108)]

# What ends by itself. An empty line is the bare command.
MISTAKES = [
    "", "-z", "-?", "-T", "-l", "127.0.0.1", "-lz 1", "-l -x a 1", "-l -p 1 2",
    "-l -s 127.0.0.1 -p 1 2", "-l 127.0.0.1 1 2", "-l 127.0.0.1 -p 1", "-l -s 127.0.0.1 1", "-l a b c",
    "-k 127.0.0.1 1", "-k 127.0.0.1", "-k -x a:1 -s 127.0.0.1 127.0.0.1 1", "-l abc", "-l -p 0x10",
    "127.0.0.1 0", "127.0.0.1 65536", "127.0.0.1 70000-80000", "127.0.0.1 abc", "-v 127.0.0.1 5-", "-v 127.0.0.1 -5",
    "-v 127.0.0.1 a-b", "-v 127.0.0.1 5-a", "-v 127.0.0.1 1-2-3", "-v 127.0.0.1 10-70000",
    "-v 127.0.0.1 ''", "-v 127.0.0.1 5a-7", "-I 0 127.0.0.1 1", "-I x 127.0.0.1 1", "-O -1 127.0.0.1 1",
    "-I 99999999999 127.0.0.1 1", "-I 1073741825 127.0.0.1 1", "-i x 1 1", "-i -1 1 1",
    "-i 4294967296 1 1", "-M 256 1 1", "-M -1 1 1", "-M x 1 1", "-M 0 -v 127.0.0.1 1", "-M 0 -l 4444",
    "-m 256 1 1", "-m x 1 1", "-q x 1 1", "-q 99999999999 1 1", "-w x 1 1", "-w -1 1 1",
    "-w 2147484 127.0.0.1 1", "-W 0 1 1", "-W x 1 1", "-W 2147483648 1 1", "-T foo 127.0.0.1 1",
    "-T 256 127.0.0.1 1", "-T 0x1ff 127.0.0.1 1", "-T -1 127.0.0.1 1", "-T '' 127.0.0.1 1",
    "-T 0x 127.0.0.1 1", "-T 5x 127.0.0.1 1", "-V 1 1 1", "-X foo 1 1", "-X '' 1 1", "-p x 127.0.0.1 1",
    "-s ::1 127.0.0.1 1", "-s 1.2.3.4 127.0.0.1 1", "-v -s 1.2.3.4 127.0.0.1 1", "-U a b", "-U", "-lU",
    "-U -F a", "-U -x b a", "-UZ a", "-UZF a", "-lUs a b", "-lUp 1 a", "-U4 /nonexistent", "-Up 1 a", "-Us x a",
    "-x 127.0.0.1:1 -u 127.0.0.1 1", "-x 127.0.0.1:1 -s 127.0.0.1 127.0.0.1 1", "-Zx a:1 1 1", "-S",
    "-S -l", "-vS 127.0.0.1 1",
]

FAILURES = [
    "127.0.0.1 1", "-v 127.0.0.1 1", "-vz 127.0.0.1 1 2", "127.0.0.1 5-3 -v", "-v 127.0.0.1 http ssh 3",
    "-v localhost 1", "-nv localhost 1", "-nv 127.0.0.1 1", "-v 127.1 1", "-4v ::1 1", "-6v 127.0.0.1 1",
    "-46v 127.0.0.1 1", "-v ::1 1-3", "-v fe80::1 1", "-v '' 1", "-uz 127.0.0.1 1", "-uzv 127.0.0.1 1",
    "-uzv 127.0.0.1 tftp domain", "-vu 255.255.255.255 1", "-lv 1.2.3.4 1", "-lvn localhost 1",
    "-6l 127.0.0.1 1", "-vZ 127.0.0.1 1", "-lvZ 1", "-vp 0 127.0.0.1 1", "-U /nonexistent",
    "-vU @nonexistent", "-zvU @nonexistent", "-lU /nonexistent/a", "-lvU /proc/a", "-lU ''", "-U ''",
    "-uU ''", "-uvU /nonexistent", "-uvU -s @own /nonexistent", "-luU /nonexistent/a",
    "-T cs1 -M 7 -m 0 -I 4000 -O 4000 -vbD ::1 1",
] + [f"-{letters} {name}" for letters in ("U", "uU") for name in LONG] + [
    f"-lU /{'0' * 107}", f"-lU @{'0' * 108}",
]


@pytest.mark.parametrize("line", MISTAKES + FAILURES)
def test_words(make_netns, line):
    original, own = run_both(make_netns, line)
    assert own == original


def test_help_says_which_nc_it_is(make_netns):
    original, own = run_both(make_netns, "-h")
    assert own[0] == original[0] == 0
    lines = original[2].splitlines()[1:]
    assert own[2].splitlines()[1:len(lines) + 1] == lines
    assert own[2].startswith("berth ")


@pytest.mark.parametrize("line", ["-c 1 1", "-e a 1 1", "-H a 1 1", "-K a 1 1", "-o a 1 1", "-R a 1 1"])
def test_letters_that_debian_leaves_free(make_netns, line):
    """They are OpenBSD's for TLS here, on purpose; to the original they are mistakes."""
    original, own = run_both(make_netns, line)
    assert "invalid option" in original[2]
    assert own[0] == 1 and "invalid option" not in own[2]


class Running:
    """An nc that goes on, with what it said in files."""

    def __init__(self, program, words, netns, tmp_path, name):
        self.out, self.err = tmp_path / f"{name}.out", tmp_path / f"{name}.err"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                list(program) + words, stdin=subprocess.PIPE, stdout=out, stderr=err,
                env=process.environment(), preexec_fn=process.child_setup(netns))

    def said(self):
        return steady(self.err.read_text())

    def end_input(self):
        self.process.stdin.close()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(10)
        self.process.stdin.close()
        return status


def listening(netns, kind, port):
    with netns.inside(), open(f"/proc/thread-self/net/{kind}", encoding="ascii") as table:
        return any(f":{port:04X}" in row.split()[1] and row.split()[3] in ("0A", "07")
                   for row in table.readlines()[1:])


def on_both(make_netns, tmp_path, scene):
    """What scene(start, netns) says for the original, and for berth."""
    answers = []
    for name, program in (("nc", ORIGINAL), ("berth", ours())):
        started = []
        netns = make_netns()

        def start(words, **_):
            one = Running(program, shlex.split(words), netns, tmp_path, f"{name}{len(started)}")
            started.append(one)
            return one

        try:
            answers.append(scene(start, netns))
        finally:
            for one in started:
                one.stop()
    return answers


LISTENERS = [
    ("-lv 127.0.0.1 4444", "tcp"), ("-lvn 4444", "tcp"), ("-lvnp 4444", "tcp"),
    ("-lvp 4444 -s 127.0.0.1", "tcp"), ("-lv localhost 4444", "tcp"), ("-lvk 127.0.0.1 4444", "tcp"),
    ("-6lvn 4444", "tcp6"), ("-6lvn ::1 4444", "tcp6"), ("-luvn 4444", "udp"),
    ("-luv 127.0.0.1 4444", "udp"), ("-lvw 1 127.0.0.1 4444", "tcp"), ("-4lnv 4444", "tcp"),
]


@pytest.mark.parametrize("words, kind", LISTENERS)
def test_listener(make_netns, tmp_path, words, kind):
    """One client with a port of its own sends a line and gets one, and what either said."""

    def scene(start, netns):
        server = start(words)
        wait_for(lambda: listening(netns, kind, 4444))
        v6 = kind.endswith("6")
        with netns.inside():
            client = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET,
                                   socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
        with client:
            host = "::1" if v6 else "127.0.0.1"
            client.settimeout(10)
            client.bind((host, 5555))
            client.connect((host, 4444))
            client.send(b"question\n")
            wait_for(lambda: server.out.read_bytes() == b"question\n")
            server.process.stdin.write(b"answer\n")
            server.process.stdin.flush()
            answer = client.recv(100)
        if kind != "udp" and "k" not in words:
            server.process.wait(10)
        return answer, server.said(), server.stop()

    original, own = on_both(make_netns, tmp_path, scene)
    assert own == original


CLIENTS = [
    "-N 127.0.0.1 4444", "-v 127.0.0.1 4444", "-vN localhost 4444", "-nvq 0 127.0.0.1 4444",
    "-Nvp 333 127.0.0.1 4444", "-Ns 127.0.0.9 127.0.0.1 4444", "-CN 127.0.0.1 4444", "-dN 127.0.0.1 4444",
    "-dW 1 127.0.0.1 4444", "-dt 127.0.0.1 4444", "-q 1 127.0.0.1 4444", "-zv 127.0.0.1 4444",
    "-zv 127.0.0.1 4443-4445", "-z 127.0.0.1 4443 4444", "-z 127.0.0.1 4443 4445", "-z 127.0.0.1 4444 4445",
    "-Nv 127.0.0.1 4443-4445", "-w 1 127.0.0.1 4444", "-Nrv 127.0.0.1 4444",
]


LAST = b"the last one"


class Server:
    """Answers each connection with a line, and ends it when the other side does, or soon after."""

    def __init__(self, netns, answer):
        import threading

        self.got = []
        self.answer = answer
        self.netns = netns
        with netns.inside():
            self.socket = socket.create_server(("127.0.0.1", 4444))
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            client, peer = self.socket.accept()
            with client:
                client.settimeout(0.5)
                heard = b""
                try:
                    client.sendall(self.answer)
                    while piece := client.recv(4096):
                        heard += piece
                except (socket.timeout, ConnectionError):
                    pass
                if heard == LAST:
                    return
                self.got.append((heard, peer[0], peer[1] if peer[1] < 1024 else 0))

    def stop(self):
        """When all who came before have been heard: they are taken in their order."""
        with self.netns.inside(), socket.create_connection(("127.0.0.1", 4444)) as last:
            last.sendall(LAST)
            last.shutdown(socket.SHUT_WR)
            while last.recv(4096):
                pass
        self.thread.join()
        self.socket.close()


@pytest.mark.parametrize("line", CLIENTS)
def test_client(make_netns, line):
    """What the client said and what the server heard."""
    results = []
    for program in (ORIGINAL, ours()):
        netns = make_netns()
        server = Server(netns, b"\xff\xfd\x18hello\xff\xfb\x01\xff\xfe\x03\xff\xfc\x05x\xff\xfaab\xff\xf0\xff")
        try:
            done = process.run(program + shlex.split(line), netns=netns, input="a\nb\r\n\nc\r", status=None)
        finally:
            server.stop()
        results.append((done.status, done.stdout, done.stderr, server.got))
    assert results[1] == results[0]


# System calls, as strace(1) shows them.
CALLS = ("socket,setsockopt,bind,listen,accept4,connect,poll,read,write,shutdown,recvfrom,unlink,mkdir,"
         "rmdir,alarm,clock_nanosleep,sendmsg")
# libc's own, messages, and waiting for a connection, where the original uses select.
OTHERS = re.compile(r"write\(2,|\+\+\+|---|poll\(\[\{fd=\d, events=POLLOUT\}\], 1,|socket\(AF_UNIX, SOCK_STREAM\|.*= "
                    r"|connect\(.*(nscd|htons\(53\))|read\(\d, \"(#|127|::1|multi|nameserver|\\177ELF|\\n)"
                    r"|(alarm|poll)\(.*SIGALRM|read\(-1|shutdown\(-1|read\(\d, \"\", 4096|read\(\d, \".*, 4096\)")


def calls(trace):
    """Without what differs by itself, and close-on-exec, which only we ask for."""
    text = steady(trace.read_text())
    text = re.sub(r"SOCK_NONBLOCK\|SOCK_CLOEXEC|SOCK_CLOEXEC\|SOCK_NONBLOCK", "SOCK_NONBLOCK", text)
    text = re.sub(r"(SOCK_STREAM|SOCK_DGRAM)\|SOCK_CLOEXEC", r"\1", text)
    text = re.sub(r"htons\([3-6]\d{4}\)", "htons(ANY)", re.sub(r", (NULL|0x\w+)\) += 0$", ", PLACE) = 0", text, flags=re.M))
    return [re.sub(r" +(= |\?)", r" \1", line) for line in text.splitlines() if not OTHERS.match(line)]


TRACED_CLIENTS = [
    "-N 127.0.0.1 4444", "-Nn 127.0.0.1 4444", "-q 0 127.0.0.1 4444", "-CN 127.0.0.1 4444",
    "-z 127.0.0.1 4443-4445",
    "-b -D -T ef -I 4000 -O 5000 -M 7 -m 2 -s 127.0.0.5 -p 333 -N 127.0.0.1 4444",
]


def needs_calls_of_its_own():
    if process.is_sanitized(process.built("BERTH", "berth")):
        pytest.skip("not here: a sanitizer makes system calls too")


def traced(program, words, netns, trace, input):
    command = ["strace", "-e", f"trace={CALLS}", "-s", "300", "-o", str(trace)]
    return process.run(command + program + shlex.split(words), netns=netns, input=input, status=None)


@pytest.mark.parametrize("line", TRACED_CLIENTS)
def test_calls_of_a_client(make_netns, tmp_path, line):
    """The server is silent until the client ends, so that nothing hangs on who is first."""
    needs_calls_of_its_own()
    found = []
    for name, program in (("nc", ORIGINAL), ("berth", ours())):
        netns = make_netns()
        server = Server(netns, b"")
        try:
            done = traced(program, line, netns, tmp_path / name, "a\nb\r\n\nc")
        finally:
            server.stop()
        found.append((done.status, calls(tmp_path / name)))
    assert found[1] == found[0]
    assert any(call.startswith("connect(3, {sa_family=AF_INET") for call in found[0][1])


@pytest.mark.parametrize("words, client", [
    ("-l -b -D -T ef -I 4000 -O 5000 -M 7 -m 2 127.0.0.1 4444", "-N 127.0.0.1 4444"),
    ("-l -6 ::1 4444", "-N ::1 4444"), ("-lN 4444", "-N 127.0.0.1 4444"),
    ("-dlU {path}", "-NU {path}"), ("-dlU @{name}", "-NU @{name}"),
    ("-dluW 1 127.0.0.1 4444", "-uq 0 127.0.0.1 4444"), ("-dluUW 1 {path}", "-uUw 1 {path}"),
])
def test_calls_of_a_listener(make_netns, tmp_path, words, client):
    """Both ends are the same program; the listener's input stays open, and it ends by itself."""
    needs_calls_of_its_own()
    found = []
    for name, program in (("nc", ORIGINAL), ("berth", ours())):
        netns = make_netns()
        path = tmp_path / "s"
        names = {"path": path, "name": "berth-test"}
        trace = tmp_path / f"{name}.listener"
        command = ["strace", "-e", f"trace={CALLS}", "-o", str(trace)] + program
        server = Running(command, shlex.split(words.format(**names)), netns, tmp_path, name)
        try:
            wait_for(lambda: trace.exists() and re.search(r"^(accept4|recvfrom)\(3, ", trace.read_text(), re.M))
            done = traced(program, client.format(**names), netns, tmp_path / name, "hello\n")
            server.process.wait(10)
        finally:
            server.stop()
        found.append((done.status, calls(tmp_path / name), server.process.returncode, server.out.read_bytes(),
                      [call for call in calls(trace) if not call.startswith(("poll", "read(4, \"\"", "shutdown"))]))
        path.unlink(missing_ok=True)
    assert found[1][0] == found[0][0]
    if "uU" in words:  # the original asks for one more datagram, and fails
        assert found[0][2] == 1 and found[1][2] == 0 and found[1][3] == found[0][3]
    else:
        assert found[1][2:] == found[0][2:]


SOCKS5_OK = b"\5\0\0\1\x7f\0\0\1\0\x50"
PROXIES = [
    ("host.example 80", [b"\5\0", SOCKS5_OK + b"banner"]),
    ("10.1.2.3 80", [b"\5\0", SOCKS5_OK]),
    ("2001:db8::1 80", [b"\5\0", b"\5\0\0\4" + b"\1" * 18]),
    ("h 80", [b"\5\xff"]), ("h 80", [b"\5\0", b"\5\0\0\3\4abcd\0\1"]),
    *[("h 80", [b"\5\0", bytes([5, code, 0, 1]) + bytes(6)]) for code in range(1, 10)],
    ("-X4 10.1.2.3 80", [b"\0\x5a" + bytes(6) + b"banner"]), ("-X4 localhost 80", [b"\0\x5a" + bytes(6)]),
    ("-X4 ::1 80", []), *[("-X4 10.1.2.3 80", [bytes([0, code]) + bytes(6)]) for code in (91, 92, 93, 7)],
    ("-X connect host.example 80", [b"HTTP/1.0 200 OK\r\nA: b\r\n\r\nbanner"]),
    ("-X connect 2001:db8::1 443", [b"HTTP/1.1 200\nA: b\n\nbanner"]),
    ("-X connect h 80 81", [b"HTTP/1.0 200 OK\r\n\r\n"]),
    ("-X connect h 80", [b"HTTP/1.0 403 Forbidden\r\n\r\n"]),
    ("-X connect h 80", [b"HTTP/1.0 407 Auth\r\n\r\n"]), ("-X connect h 80", [b"SSH-2.0\r\n\r\n"]),
    ("-X connect -P u h 80", [b"HTTP/1.0 407 Auth\r\n\r\n"]),
]


class Proxy(Server):
    """Says its lines, each after it has heard something; what it heard counts as one text."""

    def talk(self, client):
        heard = b""
        try:
            for line in self.answer:
                piece = client.recv(4096)
                while piece.startswith(b"CONNECT") and not piece.endswith(b"\r\n\r\n"):
                    more = client.recv(4096)
                    if not more:
                        break
                    piece += more
                heard += piece
                if heard == LAST:
                    return heard
                client.sendall(line)
            while piece := client.recv(4096):
                heard += piece
        except ConnectionError:
            pass
        return heard

    def serve(self):
        while True:
            client, _ = self.socket.accept()
            with client:
                client.settimeout(10)
                heard = self.talk(client)
            if heard == LAST:
                return
            self.got.append(heard)


@pytest.mark.parametrize("line, answers", PROXIES)
def test_proxy(make_netns, line, answers):
    results = []
    for program in (ORIGINAL, ours()):
        netns = make_netns()
        server = Proxy(netns, answers)
        try:
            done = process.run(program + ["-vNx", "127.0.0.1:4444"] + shlex.split(line), netns=netns,
                               input="in\n", status=None)
        finally:
            server.stop()
        results.append((done.status, done.stdout, done.stderr, server.got))
    assert results[1] == results[0]


@pytest.mark.parametrize("line", [
    "-vx [::1 127.0.0.1 1", "-vx [::1]:1 127.0.0.1 1", "-vx [::1]x 127.0.0.1 1", "-vx [::1] 127.0.0.1 1",
    "-vx [::1]: 127.0.0.1 1", "-vx ::1 127.0.0.1 1", "-vx :1 127.0.0.1 1", "-vx 127.0.0.1: 127.0.0.1 1",
    "-v -X4 -x 127.0.0.1 ::1 1", "-v -X CONNECT -x 127.0.0.1 a 1", "-vx '' a 1", "-vx [] a 1",
    "-vx 127.0.0.1:x a 1", "-6x 127.0.0.1:1 127.0.0.1 1",
])
def test_proxy_that_is_not_there(make_netns, line):
    original, own = run_both(make_netns, line)
    assert own == original
