"""berth relay: every kind of end, who comes to a listener, what is kept of datagrams, and how it
ends."""

import contextlib
import hashlib
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest

from lib.listening import Listening, read_all, read_until
from lib.terminal import Terminal
from lib.wait import wait_for

HERE = "listen:127.0.0.1:0"
HERE_UDP = "listen:udp:127.0.0.1:0"
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
BULK = os.urandom(1 << 16) * 64


@pytest.fixture
def relay(berth, netns):
    with contextlib.ExitStack() as stack:

        def start(*args, **how):
            how.setdefault("command", "relay")
            return stack.enter_context(contextlib.closing(Listening(berth, *args, **how)))

        yield start


@pytest.fixture
def listener(netns):
    """listener(): a socket that listens; listener(kind): of that type."""
    with contextlib.ExitStack() as stack:

        def make(kind=socket.SOCK_STREAM):
            with netns.inside():
                s = stack.enter_context(socket.socket(socket.AF_INET, kind))
            s.settimeout(20)
            s.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                s.listen(20)
            return s

        yield make


def address_of(s):
    return "%s:%d" % s.getsockname()


def accept(s):
    client = s.accept()[0]
    client.settimeout(20)
    return client


def udp_client(server):
    with server.netns.inside():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(20)
    s.connect(("127.0.0.1", server.port))
    return s


# Ends without sockets


def test_process(berth):
    assert berth("relay", "-", "exec:tr a-z A-Z", input="hello\n").stdout == "HELLO\n"
    assert berth("relay", "exec:printf '%s|' a 'b c'", "-").stdout == "a|b c|"


def test_process_status(berth):
    done = berth("relay", "exec:sh -c 'echo out; exit 3'", "-", status=1)
    assert done.stdout == "out\n"
    closed = berth("relay", "--json", "exec:sh -c 'exit 3'", "-", status=1).stderr
    assert '"why":"exited"' in closed and '"status":3' in closed


def test_process_that_is_not_there(berth):
    assert "PATH has no such command" in berth("relay", "-", "exec:no-such", status=1).stderr
    assert "a quote isn't closed" in berth("relay", "-", "exec:'cat", status=1).stderr


def test_two_processes(berth, tmp_path):
    (tmp_path / "in").write_bytes(BULK)
    out = tmp_path / "out"
    berth("relay", f"exec:cat {tmp_path}/in", f"exec:sh -c 'sleep 0.1; cat >{out}'")
    assert out.read_bytes() == BULK


def test_pty(berth):
    done = berth("relay", "-", "pty:sh -c 'tty; read x; echo got $x'", input="words\n")
    assert sorted(line.split("/")[0] for line in done.lines) == ["", "got words", "words"]


@pytest.mark.parametrize("text", ["whole line\n", "part of a line", ""])
def test_pty_hears_of_the_end(berth, text):
    assert berth("relay", "-", "pty:sh -c 'cat; echo over'", input=text).stdout.endswith("over\n")


def test_files(berth, tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(BULK)
    b.write_bytes(b"old" * 9_000_000)
    berth("relay", f"file:{a}", f"file:{b}")
    assert b.read_bytes() == BULK
    berth("relay", f"file:{a}", f"file:{b},append")
    assert b.read_bytes() == BULK * 2
    berth("relay", f"file:{b},write", "exec:echo hello")
    assert b.read_bytes() == b"hello\n"
    odd = tmp_path / "a,b"
    berth("relay", f"file:{a}", f"file:{odd}")
    assert odd.read_bytes() == BULK


def test_files_that_cannot_be(berth, tmp_path):
    assert "cannot read" in berth("relay", f"file:{tmp_path}/none", "-", status=1).stderr
    assert "no space left" in berth("relay", "file:/dev/zero", "file:/dev/full", status=1).stderr


def test_inherited_descriptors(berth, tmp_path):
    out = tmp_path / "out"
    with open(out, "wb") as f:
        done = subprocess.run(
            berth.command("relay", "exec:echo hello", f"fd:{f.fileno()}"), pass_fds=[f.fileno()]
        )
    assert done.returncode == 0
    assert out.read_text() == "hello\n"
    assert "no such descriptor" in berth("relay", "-", "fd:77", status=1).stderr


def test_serial(berth):
    master, slave = pty.openpty()
    name = os.ttyname(slave)
    before = termios.tcgetattr(slave)
    p = berth.start(
        "relay", "-", f"serial:{name},57600,7e2,xonxoff", stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    wait_for(lambda: termios.tcgetattr(slave)[4] == termios.B57600, what="its settings")
    iflag, oflag, cflag, lflag = termios.tcgetattr(slave)[:4]
    assert iflag & termios.IXON and not oflag & termios.OPOST
    assert not lflag & (termios.ICANON | termios.ECHO | termios.ISIG)
    assert cflag & termios.CSTOPB
    p.stdin.write("ATZ\r")
    p.stdin.flush()
    assert os.read(master, 100) == b"ATZ\r"
    p.stdin.close()
    time.sleep(0.1)
    os.write(master, b"OK\r\n")  # an answer to the last words
    assert p.stdout.read() == "OK\n"
    assert p.wait(20) == 0
    assert termios.tcgetattr(slave)[0:4] == before[0:4]
    os.close(master)
    os.close(slave)


def test_serial_words(berth):
    master, slave = pty.openpty()
    for words, reason in (("9601", "'9601' isn't known"), ("8x1", "'8x1' isn't known")):
        done = berth("relay", "-", f"serial:{os.ttyname(slave)},{words}", status=1)
        assert reason in done.stderr
    result = berth("relay", "-", "serial:/dev/null,115200", status=1)
    assert "'/dev/null'" in result.stderr and "no serial device" in result.stderr
    os.close(master)
    os.close(slave)


# Connections


def test_standard_streams(berth, listener):
    s = listener()
    p = berth.start("relay", "-", address_of(s), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with accept(s) as peer:
        p.stdin.write("question")
        p.stdin.close()
        assert read_all(peer) == b"question"
        peer.sendall(b"answer")
    assert p.stdout.read() == "answer"
    assert p.wait(20) == 0


def test_nobody_there(berth, netns):
    done = berth("relay", "-", "127.0.0.1:1", status=1)
    assert "cannot connect to '127.0.0.1:1': connection refused" in done.stderr


@pytest.mark.parametrize("command", ["relay", "listen"])
def test_who_came_for_nobody_is_reset(berth, relay, command):
    """An end without a word would look like an empty answer."""
    server = relay(*([HERE, "127.0.0.1:1"] if command == "relay" else [HERE[7:], "--forward", "127.0.0.1:1"]),
                   command=command)
    for _ in range(2):
        with pytest.raises(ConnectionResetError), server.connect() as near:
            near.recv(1)
    assert server.wait_events("closed", 2)[1]["why"] == "far-failed"
    assert "reset by peer" in berth("connect", f"127.0.0.1:{server.port}", input="", status=1).stderr


@pytest.mark.parametrize("command", ["relay", "listen"])
def test_whom_a_client_was_joined_to_is_told(relay, listener, command, berth):
    far = listener()
    ends = [HERE, address_of(far)] if command == "relay" else [HERE[7:], "--forward", address_of(far)]
    server = relay(*ends, command=command)
    with server.connect() as near, accept(far):
        event = server.wait_events("joined")[0]
        assert (event["id"], event["peer"]["port"]) == (1, near.getsockname()[1])
        assert event["far"] == dict(zip(("address", "port"), far.getsockname()))
    assert [e["event"] for e in server.events[:3]] == ["listening", "opened", "joined"]


def test_joined_in_words(berth, netns, listener):
    far = listener()
    with berth.start("relay", HERE, address_of(far), "--once", stderr=subprocess.PIPE, text=True) as process:
        port = int(re.match(r"berth: listening on tcp 127.0.0.1:(\d+) ", process.stderr.readline())[1])
        with netns.inside():
            near = socket.create_connection(("127.0.0.1", port))
        with near, accept(far) as peer:
            peer.close()
            assert read_all(near) == b""
        lines = process.stderr.read()
    assert f" to 127.0.0.1:{port}: joined to {address_of(far)}\n" in lines, lines
    assert process.returncode == 0


def test_a_process_is_no_address(relay):
    server = relay(HERE, "exec:true")
    with server.connect() as near:
        read_all(near)
    server.wait_events("closed")
    assert not server.of("joined")


def test_bulk_through_a_listener(relay, listener):
    far = listener()
    server = relay(HERE, address_of(far))
    with server.connect() as near, accept(far) as peer:
        for source, sink in ((near, peer), (peer, near)):
            pid = os.fork()
            if pid == 0:
                source.sendall(BULK)
                source.shutdown(socket.SHUT_WR)
                os._exit(0)
            assert hashlib.sha256(read_all(sink)).digest() == hashlib.sha256(BULK).digest()
            os.waitpid(pid, 0)
    closed = server.wait_events("closed")[0]
    assert (closed["why"], closed["bytes_in"], closed["bytes_out"]) == ("ended", len(BULK), len(BULK))
    assert server.end() == 0
    assert server.of("totals")[0]["clients"] == 1


def test_a_late_answer_to_a_half_closed_client(relay, listener):
    far = listener()
    server = relay(HERE, address_of(far))
    with server.connect() as near, accept(far) as peer:
        near.sendall(b"question")
        near.shutdown(socket.SHUT_WR)
        assert read_all(peer) == b"question"
        time.sleep(0.3)
        peer.sendall(b"answer")
        peer.close()
        assert read_all(near) == b"answer"


def test_a_reset_is_told_and_harms_nobody(relay, listener):
    far = listener()
    server = relay(HERE, address_of(far))
    with server.connect() as other, accept(far) as other_peer:
        near = server.connect()
        with accept(far):
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            near.close()
            closed = server.wait_events("closed")[0]
            assert (closed["why"], closed["error"]) == ("peer-failed", "ECONNRESET")
        other.sendall(b"still")
        assert other_peer.recv(10) == b"still"


def test_far_end_is_not_there(relay):
    server = relay(HERE, "127.0.0.1:1")
    with contextlib.suppress(ConnectionResetError), server.connect() as near:
        assert near.recv(1) == b""
    closed = server.wait_events("closed")[0]
    assert (closed["why"], closed["error"]) == ("far-failed", "ECONNREFUSED")
    assert server.process.poll() is None


def test_a_listener_may_be_the_second(relay, listener):
    far = listener()
    server = relay(address_of(far), HERE)
    with server.connect() as near, accept(far) as peer:
        near.sendall(b"x")
        assert peer.recv(1) == b"x"
        me = near.getsockname()[1]
        assert server.wait_events("opened")[0]["peer"]["port"] == me
    closed = server.wait_events("closed")[0]
    assert (closed["bytes_in"], closed["bytes_out"]) == (1, 0)


def test_two_listeners_join_their_clients(relay):
    server = relay(HERE, HERE, listeners=2)
    ports = [e["local"]["port"] for e in server.of("listening")]
    with server.connect(port=ports[0]) as a1, server.connect(port=ports[0]) as a2:
        server.wait_events("opened", 2)
        a1.sendall(b"first")
        a2.sendall(b"second")
        with server.connect(port=ports[1]) as b1, server.connect(port=ports[1]) as b2:
            assert read_until(b1, b"first") == b"first"
            assert read_until(b2, b"second") == b"second"
            b1.sendall(b"back")
            assert read_until(a1, b"back") == b"back"


def test_a_process_for_each_client(relay):
    server = relay(HERE, "exec:sh -c 'echo $BERTH_PROTO $BERTH_REMOTE_PORT; cat'")
    with server.connect() as a, server.connect() as b:
        for s in (a, b):
            s.sendall(b"words")
            s.shutdown(socket.SHUT_WR)
            assert read_all(s).decode() == f"tcp {s.getsockname()[1]}\nwords"
    server.wait_events("closed", 2)


def test_a_process_that_leaves_takes_nothing_away(relay):
    server = relay(HERE, "exec:echo bye")
    with server.connect() as s:
        s.sendall(b"never read")
        assert read_all(s) == b"bye\n"
    assert server.wait_events("closed")[0]["why"] == "ended"


def test_a_process_ends_with_its_client(relay, tmp_path):
    server = relay(HERE, f"exec:sh -c 'echo $$ >{tmp_path}/pid; exec sleep 1000'")
    near = server.connect()
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), what="its pid")
    pid = int((tmp_path / "pid").read_text())
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    near.close()
    assert server.wait_events("closed")[0]["why"] == "peer-failed"
    assert not os.path.exists(f"/proc/{pid}")


def test_unix(relay, tmp_path):
    server = relay(f"listen:unix:{tmp_path}/s", "exec:cat")
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(f"{tmp_path}/s")
        s.sendall(b"words")
        s.shutdown(socket.SHUT_WR)
        assert read_all(s) == b"words"
    assert server.end() == 0
    assert not (tmp_path / "s").exists()


def test_seqpacket_keeps_packets(relay, tmp_path):
    relay(f"listen:unix-seqpacket:{tmp_path}/a", f"listen:unix-seqpacket:{tmp_path}/b", listeners=2)
    ends = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in "ab"]
    for s, name in zip(ends, "ab"):
        s.settimeout(20)
        s.connect(f"{tmp_path}/{name}")
    for n in (1, 70_000, 3):
        ends[0].send(b"x" * n)
        assert len(ends[1].recv(1 << 20)) == n
    ends[0].close()
    assert ends[1].recv(10) == b""
    ends[1].close()


# Who may come, and for how long


def test_once(relay, listener):
    far = listener()
    server = relay(HERE, address_of(far), "--once")
    with server.connect() as near, accept(far) as peer:
        near.close()
        assert peer.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            server.connect()
    assert server.wait() == 0


def test_standard_streams_are_there_once(relay):
    server = relay(HERE, "-")
    with server.connect() as near:
        near.sendall(b"words")
        server.wait_output(b"words")
        server.write(b"back")
        assert read_until(near, b"back") == b"back"
        server.process.stdin.close()
        near.close()
        assert server.wait() == 0


def test_limits(relay):
    server = relay(HERE, "exec:cat", "--idle-timeout", "100ms")
    with server.connect() as s:
        assert read_all(s) == b""
    assert server.wait_events("closed")[0]["why"] == "idle"
    server = relay(HERE, "exec:cat", "--lifetime", "100ms")
    with server.connect() as s:
        assert read_all(s) == b""
    assert server.wait_events("closed")[0]["why"] == "lifetime"


def test_max_clients(relay):
    server = relay(HERE, "exec:cat", "--max-clients", 1)
    with server.connect() as a, server.connect() as b:
        a.sendall(b"a")
        assert read_until(a, b"a") == b"a"
        b.sendall(b"b")
        a.shutdown(socket.SHUT_WR)
        assert read_all(a) == b""
        assert read_until(b, b"b") == b"b"


@pytest.mark.parametrize("here", [HERE, HERE_UDP])
def test_who_may_come(relay, here):
    kind = socket.SOCK_DGRAM if "udp" in here else socket.SOCK_STREAM
    server = relay(here, "exec:cat", "--allow", "127.0.0.0/8", "--deny", "127.0.0.1")
    with server.netns.inside():
        s = socket.socket(socket.AF_INET, kind)
    with s, contextlib.suppress(ConnectionError):
        s.connect(("127.0.0.1", server.port))
        s.send(b"x")
    assert server.wait_events("refused")[0]["peer"]["address"] == "127.0.0.1"
    assert not server.of("opened")


def test_rate(relay, listener):
    far = listener()
    server = relay(HERE, address_of(far), "--rate", "400k")
    began = time.monotonic()
    with server.connect() as near, accept(far) as peer:
        near.sendall(b"x" * 200 * 1024)
        near.shutdown(socket.SHUT_WR)
        assert len(read_all(peer)) == 200 * 1024
    assert time.monotonic() - began > 0.2


def test_the_end_is_graceful(relay, listener):
    far = listener()
    server = relay(HERE, address_of(far), "--grace", "10s")
    with server.connect() as near, accept(far) as peer:
        server.process.send_signal(signal.SIGTERM)
        words = server.wait_events("stopping")[0]["text"]
        assert words == "stopping; 1 client has 10s to end, unless a second signal comes"
        near.sendall(b"last words")
        near.shutdown(socket.SHUT_WR)
        assert read_all(peer) == b"last words"
        peer.close()
    assert server.wait() == 0


def test_a_second_signal_ends_it(relay):
    server = relay(HERE, "exec:cat", "--grace", "100s")
    with server.connect() as near:
        near.sendall(b"x")
        read_until(near, b"x")
        server.process.send_signal(signal.SIGTERM)
        server.wait_events("stopping")
        assert server.end() == 0


@pytest.mark.parametrize("signals", [[signal.SIGHUP], [signal.SIGTERM, signal.SIGHUP]])
def test_signals_at_once_leave_nothing_behind(relay, tmp_path, signals):
    path = tmp_path / "x"
    server = relay(f"listen:unix:{path}", "exec:cat")
    server.signal_at_once(signals)
    assert server.wait() == 0
    assert len(server.of("totals")) == 1
    assert not path.exists()


# Mirrors and terminals


def test_mirrors(relay, listener, tmp_path):
    far = listener()
    both, forth, back = (tmp_path / name for name in ("both", "forth", "back"))
    server = relay(
        HERE, address_of(far), "--mirror", both, "--mirror-forth", forth, "--mirror-back", back
    )
    with server.connect() as near, accept(far) as peer:
        near.sendall(b"question")
        read_until(peer, b"question")
        peer.sendall(b"answer")
        read_until(near, b"answer")
    server.wait_events("closed")
    assert (both.read_bytes(), forth.read_bytes(), back.read_bytes()) == (
        b"questionanswer", b"question", b"answer",
    )


def test_a_mirror_that_is_full_stops_nobody(relay, listener):
    far = listener()
    server = relay(HERE, address_of(far), "--mirror", "/dev/full")
    with server.connect() as near, accept(far) as peer:
        near.sendall(b"words")
        assert read_until(peer, b"words") == b"words"
        assert server.wait_events("trouble")[0]["error"] == "ENOSPC"


@pytest.mark.parametrize("raw", [False, True])
def test_a_terminal_is_safe(berth, netns, listener, raw):
    s = listener()
    command = berth.command("relay", "-", address_of(s), *(["--raw"] if raw else []))
    with contextlib.closing(Terminal(command, netns=netns)) as terminal, accept(s) as peer:
        peer.sendall(b"a\x1b[31mb\n")
        terminal.expect(r"a\x1b\[31mb" if raw else r"a\\x1b\[31mb")
        peer.close()  # its end is the end, though the keyboard is there
        assert terminal.process.wait(20) == 0


def test_keys_go_to_the_other_terminal(berth, netns):
    command = berth.command("relay", "-", "pty:sh -c 'stty size; exec cat'")
    with contextlib.closing(Terminal(command, columns=91, rows=17, netns=netns)) as terminal:
        terminal.expect("17 91")
        terminal.type("abc\x03")  # ^C ends cat, not berth
        terminal.expect(r"\^C")
        assert terminal.process.wait(20) == 1


def test_a_key_ends_it(berth, netns):
    command = berth.command("relay", "-", "pty:sh -c 'echo ready; exec sleep 1000'")
    with contextlib.closing(Terminal(command, netns=netns)) as terminal:
        terminal.expect("ready")
        terminal.type("\x1d")
        assert terminal.process.wait(20) == 0  # though SIGHUP has ended its process


# Datagrams


def test_udp_to_udp(relay, listener):
    far = listener(socket.SOCK_DGRAM)
    server = relay(HERE_UDP, "udp:" + address_of(far))
    with udp_client(server) as a, udp_client(server) as b:
        for s in (a, b):
            for n in (5, 0, 9000, 1400, 1400, 1400, 1, 65507):
                s.send(b"x" * n)
                data, source = far.recvfrom(1 << 17)
                assert len(data) == n
                far.sendto(data[: n // 2], source)
                assert len(s.recv(1 << 17)) == n // 2
    assert server.wait_events("opened", 2)[0]["proto"] == "udp"
    assert len(server.of("opened")) == 2


def test_udp_bulk_is_neither_joined_nor_cut(relay, listener):
    far = listener(socket.SOCK_DGRAM)
    far.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    server = relay(HERE_UDP, "udp:" + address_of(far), "--rcvbuf", "4M")
    sizes = ([1400] * 30 + [700]) * 3 + [3, 2, 1] + [100] * 64
    with udp_client(server) as s:
        for n in sizes:
            s.send(b"x" * n)
        assert [len(far.recv(1 << 17)) for _ in sizes] == sizes


def test_udp_peers_are_forgotten(relay, listener):
    far = listener(socket.SOCK_DGRAM)
    server = relay(HERE_UDP, "udp:" + address_of(far), "--peer-timeout", "100ms")
    with udp_client(server) as s:
        s.send(b"one")
        first = far.recvfrom(10)[1]
        assert server.wait_events("closed")[0]["why"] == "idle"
        s.send(b"two")
        assert far.recvfrom(10)[1] != first


def test_udp_peers_are_not_waited_for(relay, listener):
    far = listener(socket.SOCK_DGRAM)
    server = relay(HERE_UDP, "udp:" + address_of(far), "--grace", "1h")
    with udp_client(server) as s:
        s.send(b"one")
        far.recv(10)
        assert server.end() == 0
    assert server.of("closed")[0]["why"] == "stopped"


def test_udp_refusal(berth, relay, netns, listener):
    done = berth("relay", "-", "udp:127.0.0.1:1", input="x", status=1)
    assert "connection refused" in done.stderr
    server = relay(HERE_UDP, "udp:127.0.0.1:1")
    with udp_client(server) as s:
        s.send(b"x")
        closed = server.wait_events("closed")[0]
        assert (closed["why"], closed["error"]) == ("far-failed", "ECONNREFUSED")


def test_udp_to_stream_and_back(relay, listener):
    far = listener()
    server = relay(HERE_UDP, address_of(far), "--datagram-size", 1000)
    with udp_client(server) as s:
        s.send(b"one")
        with accept(far) as peer:
            s.send(b"")
            s.send(b"two")
            assert read_until(peer, b"onetwo") == b"onetwo"
            peer.sendall(b"x" * 2500)
            got = [len(s.recv(10000)) for _ in range(3)]
            assert sum(got) == 2500 and max(got) == 1000


def test_stream_to_udp(berth, netns, listener):
    far = listener(socket.SOCK_DGRAM)
    p = berth.start("relay", "-", "udp:" + address_of(far), stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE)
    p.stdin.write("question")
    p.stdin.close()
    data, source = far.recvfrom(100)
    assert data == b"question"
    far.sendto(b"answer", source)
    assert p.stdout.read() == "answer"  # over when nothing more came
    assert p.wait(20) == 0


def test_unix_datagrams(relay, netns, tmp_path):
    with netns.inside():  # abstract names, such as autobind gives, are of a namespace
        far = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    far.settimeout(20)
    far.bind(str(tmp_path / "far"))
    server = relay(f"listen:unix-dgram:{tmp_path}/near", f"unix-dgram:{tmp_path}/far")
    with far, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.settimeout(20)
        s.bind(str(tmp_path / "me"))
        s.connect(str(tmp_path / "near"))
        for n in (1, 0, 100_000):
            s.send(b"x" * n)
            data, source = far.recvfrom(1 << 20)
            assert len(data) == n
        assert source, "it can be answered"
        far.sendto(b"answer", source)
        assert s.recv(100) == b"answer"
    assert server.end() == 0


# Mistakes


@pytest.mark.parametrize(
    "words, reason",
    [
        (["-", "-"], "can't be both ends"),
        (["listen:exec:cat", "-"], "only sockets listen"),
        (["-"], "B"),
        (["-", "4444", "--refuse"], "--refuse goes with --max-clients"),
        (["-", "4444", "-4", "-6"], "only one of"),
        (["-", "[::1"], "[::1"),
    ],
)
def test_mistakes(berth, words, reason):
    assert reason in berth("relay", *words, status=2).stderr


def test_a_taken_port_is_told(berth, netns, listener):
    taken = listener()
    done = berth("relay", "listen:" + address_of(taken), "-", status=1)
    assert "address already in use" in done.stderr and f"[{os.getpid()}]" in done.stderr



@pytest.mark.parametrize("by", ["file", "pipe"])
def test_connect_sends_all_to_a_peer_that_has_said_all(berth, listener, tmp_path, by):
    s = listener()
    (tmp_path / "in").write_bytes(BULK)
    with open(tmp_path / "in", "rb") as data:
        feeder = None
        if by == "pipe":
            feeder = subprocess.Popen(["cat"], stdin=data, stdout=subprocess.PIPE)
        p = berth.start("connect", address_of(s), stdin=feeder.stdout if feeder else data,
                        stdout=subprocess.PIPE)
        if feeder:
            feeder.stdout.close()
    with accept(s) as peer:
        peer.shutdown(socket.SHUT_WR)
        time.sleep(0.1)
        assert hashlib.sha256(read_all(peer)).digest() == hashlib.sha256(BULK).digest()
    assert p.wait(20) == 0
    if feeder:
        feeder.wait()


def test_a_refusal_names_who_listens_elsewhere(berth, netns, mksock):
    mk = mksock("tcp listen 127.0.0.2:7000")
    done = berth("relay", "127.0.0.1:7000", "-", status=1)
    assert "cannot connect to '127.0.0.1:7000': connection refused" in done.stderr
    assert f"mksock[{mk.pid}] of root listens on 127.0.0.2:7000: it has another address" in done.stderr
