"""berth connect."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from lib.process import NOBODY, run
from lib.peers import Peer, read_all
from lib.wait import wait_for

PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


@pytest.fixture
def peer(netns):
    """peer(serve, address="127.0.0.1") is a Peer in the test's namespace."""
    made = []

    def make(serve, **how):
        made.append(Peer(serve, netns=netns, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


def answer_at_end(connection):
    """Answers when the client has ended, with what it said."""
    said = read_all(connection)
    connection.sendall(b"you said " + said)


def test_end_of_input_half_closes_and_the_answer_is_read(berth, peer):
    def late(connection):
        said = read_all(connection)
        time.sleep(0.5)
        connection.sendall(b"late " + said)

    at = peer(late)
    assert berth("connect", f"127.0.0.1:{at.port}", input="hello\n").stdout == "late hello\n"


def test_peers_end_ends_it_while_stdin_is_open(berth, peer):
    at = peer(lambda connection: connection.sendall(b"bye\n"))
    process = berth.start("connect", f"127.0.0.1:{at.port}", **PIPES)
    assert process.wait(10) == 0
    assert process.stdout.read() == "bye\n"


def test_bulk_both_ways(berth, peer, tmp_path):
    at = peer(answer_at_end)
    sent = "0123456789abcdef" * (1 << 18)
    (tmp_path / "file").write_text(sent)
    result = berth("connect", "--send-file", tmp_path / "file", f"127.0.0.1:{at.port}")
    assert result.stdout == "you said " + sent
    assert berth("connect", f"127.0.0.1:{at.port}", input=sent).stdout == "you said " + sent


def test_unix(berth, peer, tmp_path):
    path = str(tmp_path / "s")
    peer(answer_at_end, path=path)
    assert berth("connect", "unix:" + path, input="hi").stdout == "you said hi"


def test_bare_port_and_ipv6(berth, peer):
    at = peer(answer_at_end, address="::1")
    assert berth("connect", at.port, input="a").stdout == "you said a"
    assert berth("connect", "-6", at.port, input="b").stdout == "you said b"
    assert "127.0.0.1" in berth("connect", "-4", at.port, status=1).stderr


def test_refused_names_each_address(berth, netns):
    result = berth("connect", "1234", status=1)
    assert "berth: cannot connect to '1234': connection refused" in result.stderr
    assert "127.0.0.1:1234: connection refused: nobody listens there" in result.stderr
    assert "[::1]:1234: connection refused" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "endpoint, words",
    [
        ("127.0.0.1:1", "connection refused (nobody listens there)"),
        ("192.0.2.1:1", "network is unreachable (there is no route"),
        ("unix:/nonexistent/s", "no such file or directory"),
        ("nosuch.invalid:80", "cannot resolve 'nosuch.invalid:80'"),
    ],
)
def test_failures(berth, netns, endpoint, words):
    assert words in berth("connect", endpoint, status=1).stderr


def test_permission_is_status_3(berth, netns, tmp_path):
    tmp_path.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "s"))
        s.listen()
        os.chmod(tmp_path / "s", 0o600)
        result = berth("connect", f"unix:{tmp_path}/s", user=65534, status=None)
    if "No such" not in result.stderr:
        assert result.status == 3, result


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["1", "2"],
        ["-4", "-6", "1"],
        ["--send", "a", "--send-file", "b", "1"],
        ["--send", "C:\\dir", "1"],
        ["--expect", "(", "1"],
        ["exec:cat", ""],
        ["--source", "1:2:3", "1"],
        ["127.0.0.1:70000"],
        ["--repeat", "2", "--wait", "1", "1"],
        ["--json", "1"],
        ["--parallel", "2", "1"],
        ["--repeat", "2", "udp:1"],
    ],
)
def test_usage(berth, words):
    assert "Try 'berth connect --help'" in berth("connect", *words, status=2).stderr


def test_refusal_names_who_listens_elsewhere(berth, netns, mksock):
    mksock("tcp listen 127.0.0.2:7000 as=a", "fork as=server keep=@a comm=nginx", "close @a")
    result = berth("connect", "127.0.0.1:7000", status=1)
    assert "connection refused (nobody listens there)" in result.stderr
    assert "nginx[" in result.stderr and "] of root listens on 127.0.0.2:7000: it has another address" in result.stderr
    assert "what helps: connect to 127.0.0.2\n" in result.stderr


def test_a_full_queue_names_who_does_not_accept(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:7000 backlog=0 as=s", "tcp connect @s")
    result = berth("connect", "--timeout", "1.5", "127.0.0.1:7000", status=1)
    assert f"mksock[{mk.pid}] of root doesn't accept: 1 connection waits, and there is room for 1" in result.stderr
    assert "the host is down" not in result.stderr


def test_loopback_that_is_down_is_named(berth, netns):
    netns.ip("link", "set", "lo", "down")
    result = berth("connect", "127.0.0.1:7000", "--timeout", "0.5", status=1)
    assert "the loopback interface is down" in result.stderr and "what helps: ip link set lo up" in result.stderr


def test_no_port_left_is_told(berth, netns, mksock):
    netns.sysctl("net.ipv4.ip_local_port_range", "20000 20001")
    mksock("tcp listen 127.0.0.1:7000 as=s", "tcp connect @s", "tcp connect @s")
    result = berth("connect", "127.0.0.1:7000", status=1)
    assert "every port that it could come from is taken" in result.stderr


def test_all_tells_each_attempt(berth, peer):
    at = peer(answer_at_end)
    result = berth("connect", "--all", at.port, input="x")
    assert result.stdout == "you said x"
    assert f"berth: 127.0.0.1:{at.port}: connected, after " in result.stderr
    assert f"berth: [::1]:{at.port}: connection refused: nobody listens there, after" in result.stderr


def test_verbose(berth, peer):
    at = peer(answer_at_end)
    talk = berth("connect", "-v", f"127.0.0.1:{at.port}", input="x").stderr
    assert f"to 127.0.0.1:{at.port} in " in talk
    assert "connected tcp 127.0.0.1:" in talk
    assert "1 byte sent, 10 received" in talk


def test_silent_address_gets_a_head_start_only(berth, netns):
    """An address that doesn't answer at all costs 250 ms."""
    with netns.inside():
        full = socket.socket()
        full.bind(("127.0.0.1", 7000))
        full.listen(0)
        filler = socket.create_connection(("127.0.0.1", 7000))
        good = socket.socket(socket.AF_INET6)
        good.bind(("::1", 7000))
        good.listen()
    with full, filler, good:
        start = time.monotonic()
        process = berth.start("connect", "-v", "7000", **PIPES)
        connection, _ = good.accept()
        took = time.monotonic() - start
        connection.close()
        assert process.wait(10) == 0
        assert 0.24 <= took < 2
        assert "[::1]:7000 in" in process.stderr.read()


@pytest.fixture
def silent_name_server(etc, netns):
    etc.write("nsswitch.conf", "hosts: dns\n")
    etc.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n")
    with netns.inside():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", 53))
    with s:
        yield


@pytest.mark.parametrize("more, word", [
    ([], "slow.test:80"),
    (["--repeat", "2"], "slow.test:80"),
    (["--proxy", "socks4://127.0.0.1:1080"], "slow.test:80"),  # which takes addresses alone
    (["--proxy", "http://slow.test:8080"], "slow.test:8080"),
])
def test_timeout_bounds_names_too(berth, etc, silent_name_server, more, word):
    began = time.monotonic()
    result = etc.run(*berth.command("connect", "slow.test:80", "--timeout", "300ms", *more), input="", status=1)
    assert time.monotonic() - began < 10
    assert result.stderr == f"berth: cannot resolve '{word}': no answer in time\n"


def test_wait_goes_on_where_no_name_server_answers(berth, etc, silent_name_server):
    result = etc.run(*berth.command("connect", "slow.test:80", "--timeout", "100ms", "--wait", "500ms"),
                     input="", status=1)
    assert "cannot resolve 'slow.test:80': no answer in time\nberth: gave up after" in result.stderr


def test_unix_datagrams_are_answered(berth, netns, tmp_path):
    """Though nobody gave its socket a name, and though who answers is confined."""
    at = f"unix-dgram:{tmp_path}/s"
    server = berth.start("listen", at, "--reply", "answer", stderr=subprocess.PIPE)
    server.stderr.readline()
    assert berth("connect", at, "--send", "question", "--expect", "answer", "--timeout", "10s").stdout == "answer"
    server.send_signal(signal.SIGINT)
    server.communicate(timeout=20)


def test_timeout(berth, netns):
    with netns.inside():
        full = socket.socket()
        full.bind(("127.0.0.1", 7000))
        full.listen(0)
        filler = socket.create_connection(("127.0.0.1", 7000))
    with full, filler:
        result = berth("connect", "--timeout", "200ms", "127.0.0.1:7000", status=1)
        assert "connection timed out\n" in result.stderr


def test_source(berth, peer):
    seen = []
    at = peer(lambda connection: seen.append(connection.getpeername()))
    berth("connect", "--source", "127.0.0.9", f"127.0.0.1:{at.port}")
    berth("connect", "--source", "127.0.0.8:6001", f"127.0.0.1:{at.port}")
    berth("connect", "--source", ":6002", f"127.0.0.1:{at.port}")
    assert seen[0][0] == "127.0.0.9"
    assert seen[1:] == [("127.0.0.8", 6001), ("127.0.0.1", 6002)]
    result = berth("connect", "--source", "192.0.2.1", f"127.0.0.1:{at.port}", status=1)
    assert "cannot connect from '192.0.2.1': " in result.stderr
    assert "no interface of this host has that address" in result.stderr
    result = berth("connect", "--source", "no.such.invalid", f"127.0.0.1:{at.port}", status=1)
    assert "cannot resolve 'no.such.invalid': " in result.stderr
    result = berth("connect", "--source", "::1", f"127.0.0.1:{at.port}", status=2)
    assert f"--source '::1' is of another family than '127.0.0.1:{at.port}'" in result.stderr


def test_wait_until_it_accepts(berth, netns):
    process = berth.start("connect", "--wait", "20s", "7000", **PIPES)
    time.sleep(0.2)
    assert process.poll() is None
    late = Peer(lambda connection: connection.sendall(b"there"), netns=netns)
    with netns.inside(), socket.socket() as s:
        s.bind(("127.0.0.1", 7000))
        s.listen()
        connection, _ = s.accept()
        connection.sendall(b"there")
        connection.close()
    late.close()
    assert process.wait(10) == 0
    assert process.stdout.read() == "there"


def test_wait_gives_up(berth, netns):
    start = time.monotonic()
    result = berth("connect", "--wait", "300ms", "7000", status=1)
    assert 0.3 <= time.monotonic() - start < 5
    assert "gave up after" in result.stderr


def test_send_has_printfs_escapes(berth, peer):
    at = peer(answer_at_end)
    result = berth("connect", "--send", "a\\tb\\x41\\n", f"127.0.0.1:{at.port}", input="not read")
    assert result.stdout == "you said a\tbA\n"


def test_crlf(berth, peer):
    said = []
    at = peer(lambda connection: said.append(read_all(connection)))
    berth("connect", "-C", f"127.0.0.1:{at.port}", input="a\nb\n")
    assert said == [b"a\r\nb\r\n"]


def test_expect(berth, peer):
    def smtp(connection):
        connection.sendall(b"hello\r\n22")
        time.sleep(0.1)
        connection.sendall(b"0 ready\r\n")
        read_all(connection)

    at = peer(smtp)
    process = berth.start("connect", "--expect", "^220 ", f"127.0.0.1:{at.port}", **PIPES)
    assert process.wait(10) == 0
    assert "220 ready" in process.stdout.read()


def test_source_that_is_taken(berth, peer):
    """By a listener, and by a connection to the same place: each has its own remedy."""
    at = peer(read_all)
    result = berth("connect", "--source", f"127.0.0.1:{at.port}", f"127.0.0.1:{at.port}", status=1)
    assert f"cannot connect from '127.0.0.1:{at.port}': address already in use (another socket has it" in result.stderr
    holds = berth.start("connect", "--verbose", "--source", "127.0.0.1:6003", f"127.0.0.1:{at.port}", **PIPES)
    wait_for(lambda: "connected" in holds.stderr.readline(), what="connected")
    result = berth("connect", "--source", "127.0.0.1:6003", f"127.0.0.1:{at.port}", status=1)
    assert "(a connection from that source port is there already, or was just now)" in result.stderr
    holds.stdin.close()
    assert holds.wait(10) == 0


def test_ipv6_turned_off(berth, netns):
    netns.sysctl("net.ipv6.conf.lo.disable_ipv6", 1)
    why = "the loopback interface has no IPv6: it is turned off by sysctl net.ipv6.conf.lo.disable_ipv6"
    for command in ("connect", "listen", "serve"):
        assert why in berth(command, "[::1]:4444", status=1).stderr
    assert why in berth("connect", "4444", status=1).stderr


@pytest.mark.parametrize("command", ["connect", "listen"])
def test_congestion_control_that_is_not_to_be_had(berth, netns, command):
    result = berth(command, "--congestion", "nosuch", "127.0.0.1:4444", status=1)
    assert "cannot use the congestion control 'nosuch': there is none of that name here" in result.stderr
    there, allowed = (set(netns.sysctl(f"net.ipv4.tcp_{which}_congestion_control").split())
                      for which in ("available", "allowed"))
    if not there - allowed:
        pytest.skip("everybody may have every congestion control here")
    result = berth(command, "--congestion", min(there - allowed), "127.0.0.1:4444", status=3, user=NOBODY)
    assert "(without CAP_NET_ADMIN only those of sysctl net.ipv4.tcp_allowed_congestion_control)" in result.stderr


def test_expect_that_does_not_come(berth, peer):
    at = peer(lambda connection: (connection.sendall(b"500 no"), read_all(connection)))
    result = berth("connect", "--expect", "^220 ", f"127.0.0.1:{at.port}", status=1)
    assert "cannot find '^220 ': the conversation ended without it, after 6 bytes" in result.stderr
    process = berth.start(
        "connect", "--expect", "220", "--timeout", "200ms", f"127.0.0.1:{at.port}", **PIPES
    )
    assert process.wait(10) == 1
    assert "cannot find '220': it didn't come within --timeout, after 6 bytes" in process.stderr.read()


def seconds_to_end(connection, ends):
    start = time.monotonic()
    read_all(connection)
    ends.append(time.monotonic() - start)


def test_hold_sends_no_fin(berth, peer):
    ends = []
    at = peer(lambda connection: seconds_to_end(connection, ends))
    berth("connect", "--send", "x", "--hold", "0.6", f"127.0.0.1:{at.port}")
    wait_for(lambda: ends, what="the peer to see the end")
    assert 0.5 <= ends[0] < 5


def test_hold_outlives_the_peers_end(berth, peer):
    ends = []

    def half_close(connection):
        connection.shutdown(socket.SHUT_WR)
        seconds_to_end(connection, ends)

    at = peer(half_close)
    berth("connect", "--hold", "0.6", f"127.0.0.1:{at.port}")
    wait_for(lambda: ends, what="the peer to see the end")
    assert 0.5 <= ends[0] < 5


def test_half_close_no(berth, peer):
    got = []

    def serve(connection):
        got.append(connection.recv(10))
        connection.settimeout(0.3)
        try:
            got.append(connection.recv(10))
        except socket.timeout:
            connection.sendall(b"no end")

    at = peer(serve)
    result = berth("connect", "--half-close", "no", f"127.0.0.1:{at.port}", input="hi")
    assert result.stdout == "no end"
    assert got == [b"hi"]


def test_linger(berth, peer):
    over = threading.Event()

    def never_ends(connection):
        read_all(connection)
        over.wait(20)

    at = peer(never_ends)
    berth("connect", "--linger", "1", "--send", "x", f"127.0.0.1:{at.port}", timeout=10)
    over.set()


def test_idle_timeout(berth, peer):
    at = peer(read_all)
    process = berth.start("connect", "--idle-timeout", "0.2", f"127.0.0.1:{at.port}", **PIPES)
    assert process.wait(10) == 1
    assert "nothing moved for --idle-timeout" in process.stderr.read()


def test_reset_is_told(berth, peer):
    def reset(connection):
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    at = peer(reset)
    process = berth.start("connect", f"127.0.0.1:{at.port}", **PIPES)
    process.stdin.write("x")
    process.stdin.flush()
    assert process.wait(10) == 1
    assert "connection reset by peer" in process.stderr.read()


def test_reader_that_goes_away_ends_it(berth, peer):
    def forever(connection):
        try:
            while True:
                connection.sendall(b"y\n" * 1000)
        except OSError:
            pass

    at = peer(forever)
    process = berth.start("connect", f"127.0.0.1:{at.port}", **PIPES)
    process.stdout.read(1)
    process.stdout.close()
    process.stdout = None
    assert process.wait(10) == 1
    assert process.stderr.read() == ""


def test_closed_output_is_a_failure(berth, netns, peer):
    """Not /dev/null: what the peer says is lost."""
    at = peer(lambda connection: connection.sendall(b"lost"))
    command = ["sh", "-c", '"$0" connect "$1" </dev/null >&-', berth.path, f"127.0.0.1:{at.port}"]
    result = run(command, netns=netns, status=1)
    assert result.stderr == "berth: cannot write to 'standard output': bad file descriptor\n"


def test_signal_ends_it_as_any_program(berth, peer):
    at = peer(lambda connection: (connection.sendall(b"up"), read_all(connection)))
    process = berth.start("connect", f"127.0.0.1:{at.port}", **PIPES)
    assert process.stdout.read(2) == "up"
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == -signal.SIGINT


def test_terminal_is_safe_from_the_peer(berth, peer, terminal):
    at = peer(lambda connection: connection.sendall(b"\33]0;title\7 caf\xc3\xa9\r\n"))
    shown = terminal([berth.path, "connect", f"127.0.0.1:{at.port}"])
    assert shown.wait() == 0
    assert "\\x1b]0;title\\x07 café" in shown.shown
    assert "\33" not in shown.shown
    raw = terminal([berth.path, "connect", "--raw", f"127.0.0.1:{at.port}"])
    assert raw.wait() == 0
    assert "\33]0;title\7" in raw.shown


def test_terminal_to_terminal(berth, peer, terminal):
    def echo(connection):
        while line := connection.recv(100):
            connection.sendall(b"<" + line.strip() + b">\n")

    at = peer(echo)
    shown = terminal([berth.path, "connect", f"127.0.0.1:{at.port}"])
    shown.type("one\n")
    shown.expect("<one>")
    shown.type("\x04")
    assert shown.wait() == 0


def udp_echo(netns, path=None):
    """A socket that sends each datagram back to where it came from, once, in capitals."""
    with netns.inside():
        sock = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(path or ("127.0.0.1", 0))
    sock.settimeout(20)

    class Kept:
        got = None

    kept = Kept()

    def run():
        data, sender = sock.recvfrom(70000)
        kept.got = data
        if sender:
            sock.sendto(data.upper(), sender)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return sock, thread, kept


def test_udp(berth, netns):
    sock, thread, kept = udp_echo(netns)
    with sock:
        port = sock.getsockname()[1]
        result = berth("connect", "--source", "127.0.0.5", f"udp:127.0.0.1:{port}", input="hello\n")
        thread.join(20)
    assert kept.got == b"hello\n" and result.stdout == "HELLO\n"


def test_udp_refusal_is_told(berth, netns):
    result = berth("connect", "--send", "x", "udp:127.0.0.1:7000", status=1)
    assert "connection refused (its host says that nobody listens there)" in result.stderr
    process = berth.start("connect", "udp:127.0.0.1:7000", **PIPES)
    process.stdin.write("x")
    process.stdin.flush()
    assert process.wait(10) == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::"])
def test_udp_at_either_loopback(berth, netns, address):
    """A bare port is both loopbacks; the one where somebody is bound is taken."""
    with netns.inside():
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address, 0))
    with sock:
        sock.settimeout(20)
        process = berth.start("connect", f"udp:{sock.getsockname()[1]}", "--send", "x",
                              "--expect", "heard", **PIPES)
        said, peer = sock.recvfrom(10)
        assert said == b"x"
        sock.sendto(b"heard", peer)
        assert process.stdout.read() == "heard"


def test_udp_expect(berth, netns):
    sock, thread, _ = udp_echo(netns)
    with sock:
        to = f"udp:127.0.0.1:{sock.getsockname()[1]}"
        start = time.monotonic()
        berth("connect", "--send", "ping", "--expect", "^PING$", to)
        assert time.monotonic() - start < 1.5
        thread.join(20)


def test_unix_datagrams(berth, netns, tmp_path):
    sock, thread, kept = udp_echo(netns, path=str(tmp_path / "s"))
    with sock:
        result = berth(
            "connect", "--source", f"unix-dgram:{tmp_path}/c", f"unix-dgram:{tmp_path}/s", input="hi"
        )
        thread.join(20)
    assert kept.got == b"hi" and result.stdout == "HI"


def test_repeat_connects_only(berth, peer):
    at = peer(lambda connection: None)
    rows = berth("connect", "--repeat", "20", "--parallel", "4", "-j", f"127.0.0.1:{at.port}").json()
    assert [row["phase"] for row in rows] == ["connect"]
    assert rows[0]["succeeded"] == 20 and rows[0]["failed"] == 0
    times = [rows[0][key + "_ms"] for key in ("min", "median", "p95", "p99", "max")]
    assert times == sorted(times) and times[0] > 0
    wait_for(lambda: at.count == 20)
    berth("connect", "--repeat", "1", f"127.0.0.1:{at.port}")
    wait_for(lambda: at.count == 21)


def test_repeat_talks(berth, peer):
    at = peer(answer_at_end)
    to = f"127.0.0.1:{at.port}"
    words = ["--repeat", "9", "--parallel", "3", "--send", "x\\n"]
    rows = berth("connect", *words, "--expect", "said x$", "-j", to).json()
    assert [(row["phase"], row["succeeded"]) for row in rows] == [
        ("connect", 9), ("first-byte", 9), ("total", 9)
    ]
    assert at.count == 9
    assert "MEDIAN" in berth("connect", *words, to).stdout
    result = berth("connect", *words, "--expect", "other", to, status=1)
    assert "9 failed: what was expected didn't come" in result.stderr


def test_repeat_tells_failures(berth, netns):
    result = berth("connect", "--repeat", "5", "-j", "127.0.0.1:1", status=1)
    assert result.json()[0]["failed"] == 5 and result.json()[0]["min_ms"] is None
    assert "5 failed: connection refused" in result.stderr


@pytest.mark.parametrize("server", ["nc -l -N 127.0.0.1 7000", "socat - TCP4-LISTEN:7000"])
def test_other_programs(berth, netns, server):
    from lib import process

    other = process.start(server.split(), netns=netns, **PIPES)
    try:
        ours = berth.start("connect", "--wait", "10s", "127.0.0.1:7000", **PIPES)
        ours.stdin.write("to you")
        ours.stdin.close()
        ours.stdin = None
        other.stdin.write("to me")
        other.stdin.close()
        other.stdin = None
        assert other.stdout.read() == "to you"
        assert ours.stdout.read() == "to me"
        assert ours.wait(10) == 0
    finally:
        process.end(other)


def test_repeat_shows_what_there_is_when_it_is_stopped(berth, peer):
    """Ctrl-C, while one connection waits for an answer that never comes."""
    heard = threading.Event()

    def silent(connection):
        connection.recv(1)
        heard.set()
        read_all(connection)

    at = peer(silent)
    process = berth.start("connect", "--repeat", "100000000", "--send", "x", "--half-close", "no", "-j",
                          f"127.0.0.1:{at.port}", **PIPES)
    assert heard.wait(20)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    rows = json.loads(out)
    assert (rows[0]["succeeded"], rows[2]["succeeded"], rows[2]["failed"]) == (1, 0, 0)
    assert "stopped; 99999999 connections weren't begun" in err


def test_what_is_no_socket(berth, netns, tmp_path):
    assert "that is no socket" in berth("connect", f"unix:{tmp_path}", status=1).stderr
