"""berth listen: each thing that a client may get, who may come, and how it ends."""

import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess

import pytest

from lib import process
from lib.listening import Listening, read_all, read_until
from lib.terminal import Terminal
from lib.wait import wait_for

HERE = "127.0.0.1:0"


def is_reset(s):
    try:
        return s.recv(1) == b"" and False
    except ConnectionResetError:
        return True


def is_turned_away(server, source=("127.0.0.1", 0)):
    """The reset may come as early as in connect."""
    with server.netns.inside():
        s = socket.socket()
    with s:
        s.settimeout(20)
        s.bind(source)
        try:
            s.connect(("127.0.0.1", server.port))
        except ConnectionResetError:
            return True
        return is_reset(s)


# What a client gets


def test_echo(listen):
    server = listen(HERE, "--echo")
    with server.connect() as a, server.connect() as b:
        b.sendall(b"two")
        a.sendall(b"one")
        assert read_until(a, b"one") == b"one"
        a.shutdown(socket.SHUT_WR)
        assert read_all(a) == b""
        assert read_until(b, b"two") == b"two"
    closed = server.wait_events("closed", 2)
    assert [(e["why"], e["bytes_in"], e["bytes_out"]) for e in closed] == [("ended", 3, 3)] * 2
    assert sorted(e["id"] for e in closed) == [1, 2]


def test_output_that_is_full_ends_it(listen):
    with open("/dev/full", "wb") as full:
        server = listen(HERE, stdout=full)
        with server.connect() as s:
            s.sendall(b"lost")
            assert server.wait() == 1
    failed, = server.of("failed")
    assert failed["text"] == "cannot write to 'standard output': no space left on device"
    assert failed["error"] == "ENOSPC" and not server.talk
    closed, = server.of("closed")
    assert (closed["why"], closed["error"]) == ("far-failed", "ENOSPC")
    assert closed["text"] == "failed: standard output: no space left on device"


def test_output_that_nobody_reads_ends_it(listen):
    """Quietly, but for what is said of the clients; `berth listen | head` is no failure."""
    ours, theirs = os.pipe()
    server = listen(HERE, stdout=theirs)
    os.close(theirs)
    os.close(ours)
    with server.connect() as a, server.connect():
        server.wait_events("opened", 2)
        a.sendall(b"lost\n")
        assert server.wait() == 0
    assert [e["text"] for e in server.of("closed")] == ["failed: standard output: broken pipe"] * 2
    assert not server.of("failed")


def test_discard(listen):
    server = listen(HERE, "--discard")
    with server.connect() as s:
        s.sendall(b"x" * 3_000_000)
        s.shutdown(socket.SHUT_WR)
        assert read_all(s) == b""
    assert server.wait_events("closed")[0]["bytes_in"] == 3_000_000


def test_reply_is_filled_in(listen):
    server = listen(HERE, "--reply", r"{id} at {local} to {peer}: {x}\x21\n")
    with server.connect() as s:
        me = s.getsockname()[1]
        assert read_all(s) == f"1 at 127.0.0.1:{server.port} to 127.0.0.1:{me}: {{x}}!\n".encode()


def test_reply_arrives_whole_though_the_client_talks(listen):
    """A close with unread bytes would be a reset, which can overtake the reply."""
    text = "0123456789" * 10_000
    server = listen(HERE, "--reply", text)
    for _ in range(20):
        with server.connect() as s:
            s.sendall(b"GET / HTTP/1.0\r\n" * 1000)
            assert read_all(s) == text.encode()


def test_exec_has_the_connection_and_its_environment(listen):
    server = listen(HERE, "--exec", "env", env={"SECRET": "x", "LC_ALL": "C.UTF-8"})
    with server.connect() as s:
        me = s.getsockname()[1]
        lines = read_all(s).decode().splitlines()
    assert dict(line.split("=", 1) for line in lines) == {
        "BERTH_LOCAL_ADDR": "127.0.0.1",
        "BERTH_LOCAL_PORT": str(server.port),
        "BERTH_REMOTE_ADDR": "127.0.0.1",
        "BERTH_REMOTE_PORT": str(me),
        "BERTH_PROTO": "tcp",
    }
    closed = server.wait_events("closed")[0]
    assert (closed["why"], closed["status"]) == ("exited", 0)


def test_exec_child_has_only_its_socket(listen, tmp_path):
    with open(tmp_path / "x", "w") as extra:
        server = listen(HERE, "--exec", "ls /proc/self/fd", pass_fds=(extra.fileno(),))
        with server.connect() as s:
            # 3 is the folder that ls itself reads
            shown = read_all(s).decode().split()
        assert extra.fileno() > 3
    assert set(shown) == {"0", "1", "2", "3"}


def test_exec_standard_error_is_ours_as_it_is(listen):
    """The manual says so, and how a shell marks it."""
    told = "printf 'x\\033y\\n' >&2; echo out"
    marked = f'{{ {{ {told}; }} 2>&1 >&3 | sed "s/^/$BERTH_REMOTE_ADDR $BERTH_REMOTE_PORT: /" >&2; }} 3>&1'
    for command, mark in ((told, ""), (marked, "127.0.0.1 {}: ")):
        server = listen(HERE, "--shell", "--exec", command)
        with server.connect() as s:
            port = s.getsockname()[1]
            assert read_all(s) == b"out\n"
        assert server.end() == 0
        assert mark.format(port) + "x\x1by\n" in server.talk


def test_exec_child_is_found_by_our_path(listen, tmp_path):
    """And doesn't hear of it: a shell has a default of its own."""
    program = tmp_path / "only-here"
    program.write_text("#!/bin/sh\nls -d / \"$HOME/\"; env | grep -c ^SECRET\n")
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    server = listen(HERE, "--exec", "only-here", env={"PATH": path, "HOME": "/tmp", "SECRET": "x"})
    with server.connect() as s:
        assert read_all(s) == b"/\n/\n0\n"
    server = listen(HERE, "--shell", "--exec", "only-here; ls -d /", env={"PATH": path})
    with server.connect() as s:
        assert read_all(s) == b"/\n"


UNUSUAL = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM})
for ignored in signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR2:
    signal.signal(ignored, signal.SIG_IGN)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def test_exec_child_has_signals_as_they_usually_are(listen):
    server = listen(HERE, "--exec", "cat /proc/self/status", prefix=["/usr/bin/python3", "-c", UNUSUAL])
    with server.connect() as s:
        shown = dict(line.split(":", 1) for line in read_all(s).decode().splitlines())
    of_glibc = 1 << 31 | 1 << 32  # posix_spawn ignores 32 and 33, which are the C library's own
    assert (int(shown["SigBlk"], 16), int(shown["SigIgn"], 16) & ~of_glibc) == (0, 0)


def test_exec_child_has_no_terminal(listen):
    server = listen(HERE, "--exec", "cut -d' ' -f1,5-7 /proc/self/stat")
    with server.connect() as s:
        pid, group, session, terminal = read_all(s).split()
    assert (group, session, terminal) == (pid, pid, b"0")


def test_exec_reply_comes_late(listen):
    """What a process says after the client has ended its side."""
    server = listen(HERE, "--shell", "--exec", "cat; sleep 0.3; echo late")
    with server.connect() as s:
        s.sendall(b"early\n")
        s.shutdown(socket.SHUT_WR)
        assert read_all(s) == b"early\nlate\n"


def test_exec_status_and_counts(listen):
    server = listen(HERE, "--shell", "--exec", "head -c 5 >/dev/null; printf abc; exit 3")
    with server.connect() as s:
        s.sendall(b"hello")
        s.shutdown(socket.SHUT_WR)
        assert read_all(s) == b"abc"
    closed = server.wait_events("closed")[0]
    assert (closed["status"], closed["bytes_in"], closed["bytes_out"]) == (3, 5, 3)


def test_exec_without_a_shell(listen):
    server = listen(HERE, "--exec", "printf '%s|' a 'b c' $HOME ;")
    with server.connect() as s:
        assert read_all(s) == b"a|b c|$HOME|;|"


def test_what_cannot_begin_has_no_totals(berth, netns):
    result = berth("listen", HERE, "--user", "nosuchuser", status=1)
    assert result.stderr == "berth: cannot become 'nosuchuser': there is no such user\n"
    result = berth("listen", HERE, "--reply", "a\\qb", status=2)
    assert "there is no escape like this, 'qb'" in result.stderr


def test_a_device_that_is_not_there(berth, netns):
    result = berth("listen", HERE, "--device", "nix0", status=1)
    assert "cannot bind to the device 'nix0': no such device (berth interfaces" in result.stderr


def test_exec_that_is_not_there(berth, netns):
    result = berth("listen", HERE, "--exec", "nosuchprogram x", status=1)
    assert "cannot run 'nosuchprogram'" in result.stderr


def test_forward(listen):
    behind = listen(HERE, "--echo")
    server = listen(HERE, "--forward", f"127.0.0.1:{behind.port}")
    with server.connect() as s:
        s.sendall(b"through")
        s.shutdown(socket.SHUT_WR)
        assert read_all(s) == b"through"
    closed = server.wait_events("closed")[0]
    assert (closed["bytes_in"], closed["bytes_out"]) == (7, 7)


def test_forward_to_nobody(listen, netns):
    with netns.inside(), socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        server = listen(HERE, "--forward", f"127.0.0.1:{port}")
        assert is_turned_away(server)
    closed = server.wait_events("closed")[0]
    assert (closed["why"], closed["error"]) == ("far-failed", "ECONNREFUSED")


def test_chat(listen):
    server = listen(HERE, "--chat")
    with server.connect() as a, server.connect() as b, server.connect() as c:
        server.wait_events("opened", 3)
        a.sendall(b"hel")
        a.sendall(b"lo\nrest")
        assert read_until(b, b"\n") == b"[1] hello\n"
        assert read_until(c, b"\n") == b"[1] hello\n"
        b.sendall(b"hi\n")
        assert read_until(a, b"\n") == b"[2] hi\n"
        a.shutdown(socket.SHUT_WR)
        assert read_until(c, b"rest\n") == b"[2] hi\n[1] rest\n"


def test_save(listen, tmp_path):
    server = listen(HERE, "--save", tmp_path)
    for text in (b"first", b"second" * 100_000):
        with server.connect() as s:
            s.sendall(text)
            s.shutdown(socket.SHUT_WR)
            assert read_all(s) == b""
    names = sorted(os.listdir(tmp_path), key=lambda name: int(name.split("-")[2]))
    assert [(tmp_path / name).read_bytes() for name in names] == [b"first", b"second" * 100_000]
    assert "127.0.0.1" in names[0]


def test_what_follows_bulk_is_saved_at_once(listen, tmp_path):
    """Bulk is gathered before berth wakes; the little behind it isn't left in the socket."""
    server = listen(HERE, "--save", tmp_path)
    sent = 0
    with server.connect() as s:
        for text in (b"x" * 4_000_000, b"and ten", b"y" * 300_000, b"z"):
            s.sendall(text)
            sent += len(text)
            wait_for(lambda: sum(file.stat().st_size for file in tmp_path.iterdir()) == sent)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM])
def test_handoff(listen, tmp_path, kind):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX, kind) as receiver:
        receiver.bind(path)
        if kind != socket.SOCK_DGRAM:
            receiver.listen()
        server = listen(HERE, "--handoff", path)
        taker = receiver if kind == socket.SOCK_DGRAM else receiver.accept()[0]
        with server.connect() as s:
            line, fds, _, _ = socket.recv_fds(taker, 4096, 1)
            assert json.loads(line)["peer"] == f"127.0.0.1:{s.getsockname()[1]}"
            with socket.socket(fileno=fds[0]) as passed:
                passed.sendall(b"from elsewhere")
            assert read_all(s) == b"from elsewhere"
        taker.close()
    assert server.wait_events("closed")[0]["why"] == "passed"


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM])
def test_handoff_waits_for_a_slow_receiver(listen, tmp_path, kind):
    """None is lost while the receiver's queue is full, and they come in their order."""
    path, n = str(tmp_path / "s"), 400
    with socket.socket(socket.AF_UNIX, kind) as receiver, contextlib.ExitStack() as clients:
        receiver.bind(path)
        if kind != socket.SOCK_DGRAM:
            receiver.listen()
        server = listen(HERE, "--handoff", path, "--idle-timeout", "1s")
        taker = receiver if kind == socket.SOCK_DGRAM else clients.enter_context(receiver.accept()[0])
        for _ in range(n):
            clients.enter_context(server.connect())
        server.wait_events("opened", n)
        assert len(server.of("closed")) < n
        text, fds = b"", []
        while len(fds) < n:
            part, passed, _, _ = socket.recv_fds(taker, 1 << 16, 16)
            text += part
            fds += passed
        for fd in fds:
            os.close(fd)
    assert [json.loads(line)["id"] for line in text.splitlines()] == list(range(1, n + 1))
    assert {e["why"] for e in server.wait_events("closed", n)} == {"passed"}
    assert server.end() == 0


# Standard input and output


def test_one_client_and_standard_streams(listen):
    server = listen(HERE)
    server.write(b"early\n")
    with server.connect() as s:
        assert read_until(s, b"early\n") == b"early\n"
        s.sendall(b"from the client\n")
        server.wait_output(b"from the client\n")
        server.process.stdin.close()
        assert read_all(s) == b""
        s.sendall(b"still heard\n")
        server.wait_output(b"still heard\n")
    assert server.wait_events("closed")[0]["why"] == "ended"
    with server.connect() as s:  # it goes on
        assert read_all(s) == b""
    assert server.end() == 0


def test_a_late_answer_to_a_half_closed_client(listen):
    server = listen(HERE, "--once")
    with server.connect() as s:
        s.sendall(b"question\n")
        s.shutdown(socket.SHUT_WR)
        server.wait_output(b"question\n")
        server.write(b"answer\n")
        server.process.stdin.close()
        assert read_all(s) == b"answer\n"
    assert server.wait() == 0


def test_lines_of_several_clients_are_marked(listen):
    server = listen(HERE)
    with server.connect() as a, server.connect() as b:
        server.wait_events("opened", 2)
        a.sendall(b"one ")
        b.sendall(b"two\n")
        server.wait_output(b"[2] two\n")
        a.sendall(b"line\nlast")
        server.wait_output(b"[1] one line\n")
        server.write(b"to all\n")
        assert read_until(a, b"\n") == read_until(b, b"\n") == b"to all\n"
        a.shutdown(socket.SHUT_WR)
        server.wait_output(b"[1] last\n")
        server.process.stdin.close()
        assert read_all(a) == read_all(b) == b""
    assert server.output == b"[2] two\n[1] one line\n[1] last\n"


def test_unfinished_lines_are_ended_before_others(listen):
    """Also one that was begun while its client was alone, and was marked by nobody."""
    server = listen(HERE)
    with server.connect() as a:
        a.sendall(b"two")
        server.wait_output(b"two")
        with server.connect() as b:
            server.wait_events("opened", 2)
            b.sendall(b"three\n")
            server.wait_output(b"\n[2] three\n")
            a.sendall(b"more\n")
            server.wait_output(b"[1] more\n")
    assert server.output == b"two\n[2] three\n[1] more\n"


def test_bulk_has_an_end_of_line_before_others(listen):
    """It went by unseen; one line that is empty is better than two in one."""
    server = listen(HERE)
    text = b"x" * 4_000_000
    with server.connect() as a:
        a.sendall(text)
        wait_for(lambda: len(server.output) == len(text))
        with server.connect() as b:
            server.wait_events("opened", 2)
            b.sendall(b"three\n")
            server.wait_output(b"three\n")
    assert server.end() == 0
    assert server.of("totals")[0]["bytes_in"] == len(text) + len(b"three\n")
    assert server.output == text + b"\n[2] three\n"


def test_clients_one_after_the_other_keep_their_bytes(listen):
    server = listen(HERE)
    server.process.stdin.close()
    for n, text in enumerate([b"one", b"two"], 1):
        with server.connect() as s:
            s.sendall(text)
            server.wait_output(text)
        server.wait_events("closed", n)
    assert server.output == b"onetwo"


def test_who_does_not_read_is_dropped_and_nobody_waits(listen):
    server = listen(HERE)
    with server.connect() as slow, server.connect() as quick:
        server.wait_events("opened", 2)
        text = b"x" * 1023 + b"\n"
        total = got = 0
        while not server.of("closed"):
            server.write(text * 256)
            total += len(text) * 256
            while got < total:
                got += len(quick.recv(1 << 20))
            assert total < 1 << 28
        closed = server.of("closed")[0]
        assert (closed["why"], closed["id"]) == ("slow", 1)
        server.process.stdin.close()
        assert read_all(quick) == b""


def test_output_that_ends_ends_it(berth, netns):
    """berth listen | head -1"""
    read, write = os.pipe()
    server = Listening(berth, HERE, stdout=write)
    os.close(write)
    os.close(read)
    with contextlib.closing(server), server.connect() as s:
        with contextlib.suppress(OSError):
            for _ in range(100):
                s.sendall(b"text\n")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    server.process.wait(0.05)
                    break
        assert server.wait() == 0
        assert not server.talk


def test_once_tells_how_it_went(listen):
    server = listen(HERE, "--once", "--echo")
    with server.connect() as s:
        s.sendall(b"x")
        read_until(s, b"x")
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert server.wait() == 1
    assert server.of("closed")[0]["error"] == "ECONNRESET"


# Where


def test_a_bare_port_is_both_loopbacks(listen):
    server = listen("0", "--reply", "x", listeners=2)
    shown = {(e["local"]["address"], e["local"]["port"], e["reach"]) for e in server.of("listening")}
    assert shown == {("127.0.0.1", server.port, "this machine only"),
                     ("::1", server.port, "this machine only")}
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with server.connect(address, family=family) as s:
            assert read_all(s) == b"x"


def test_every_interface(listen):
    server = listen("*:0", "--reply", "{local} {peer}", listeners=2)
    shown = {(e["local"]["address"], e["reach"]) for e in server.of("listening")}
    assert shown == {("0.0.0.0", "every interface, IPv4"), ("::", "every interface, IPv6")}
    with server.connect("127.0.0.3") as s:
        assert read_all(s).startswith(b"127.0.0.3:")


def test_without_ipv6_it_goes_on(listen, netns):
    netns.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
    server = listen("0", "--reply", "x")
    assert len(server.of("listening")) == 1
    trouble, = server.wait_events("trouble")
    assert trouble["error"] == "EADDRNOTAVAIL" and "cannot listen on '[::1]:" in trouble["text"]
    assert not server.talk


def test_unix(listen, tmp_path):
    path = str(tmp_path / "x.sock")
    for _ in range(2):  # a name left behind is taken over
        server = listen(f"unix:{path}", "--echo")
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.sendall(b"hi")
            assert s.recv(10) == b"hi"
        server.process.kill()
        server.process.wait()
    server = listen(f"unix:{path}", "--echo")
    assert server.end() == 0
    assert not os.path.exists(path)


def test_a_path_that_is_somebody_elses_by_now_stays(listen, tmp_path):
    path = tmp_path / "x.sock"
    first = listen(f"unix:{path}", "--echo")
    path.unlink()
    listen(f"unix:{path}", "--echo")
    assert first.end() == 0
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))


def test_unix_abstract_and_seqpacket(listen, netns):
    listen("unix-seqpacket:@berth-test", "--echo")
    with netns.inside(), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.connect("\0berth-test")
        s.send(b"one")
        s.send(b"two")
        assert s.recv(100) == b"one"
        assert s.recv(100) == b"two"


def test_socket_activation(listen, netns):
    with netns.inside(), socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        script = 'exec 3<&%d; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"' % s.fileno()
        server = listen("--reply", "activated", pass_fds=(s.fileno(),),
                        prefix=["bash", "-c", script, "-"])
        assert server.port == s.getsockname()[1]
        with server.connect() as c:
            assert read_all(c) == b"activated"


def test_readiness_is_told(listen, tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(20)
        server = listen(HERE, "--echo", env={"NOTIFY_SOCKET": path})
        assert manager.recv(100) == b"READY=1"
        server.end()
        assert manager.recv(100) == b"STOPPING=1"


# In the way


def test_the_holder_is_named(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv")
    for endpoint in (f"127.0.0.1:{mk['srv'].port}", mk["srv"].port, f"*:{mk['srv'].port}"):
        result = berth("listen", endpoint, status=1)
        assert f"mksock[{mk.pid}] of root listens on 127.0.0.1:{mk['srv'].port}" in result.stderr
        assert f"berth free {mk['srv'].port}" in result.stderr


def test_a_port_that_is_only_bound(berth, mksock):
    mk = mksock("tcp bind 127.0.0.1:0 as=srv")
    result = berth("listen", f"127.0.0.1:{mk['srv'].port}", status=1)
    assert f"mksock[{mk.pid}]" in result.stderr
    assert "and neither listens nor is connected" in result.stderr


def test_what_remains_of_a_connection(berth, listen):
    """A client that had bound without SO_REUSEADDR, and closed first."""
    server = listen(HERE, "--discard")
    with server.netns.inside(), socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        s.connect(("127.0.0.1", server.port))
        s.shutdown(socket.SHUT_WR)
        assert read_all(s) == b""
    result = berth("listen", f"127.0.0.1:{port}", status=1, timeout=30)
    assert "no process any more: what remains of a closed connection from" in result.stderr
    assert re.search(r"\(TIME_WAIT\), \S+ left; wait \S+: then it is gone by itself; port \d+ is free", result.stderr)


def test_endpoints_that_overlap(berth, netns):
    result = berth("listen", "127.0.0.1:4444", "*:4444", status=1)
    assert "two of the endpoints given overlap" in result.stderr


def test_the_first_that_is_free(listen, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv")
    server = listen(mk["srv"].port, "--first", "--reply", "x")
    assert [e["local"]["address"] for e in server.of("listening")] == ["::1"]


def test_each_address_is_taken(berth, mksock, etc):
    """Of three, each by a process of its own; the last line has the whole in the C library's words."""
    mksock("comm two", "tcp listen 127.0.0.2:3000")
    mksock("comm six", "tcp listen [::1]:3000")
    mksock("comm one", "tcp listen 127.0.0.1:3000")
    etc.write("hosts", "127.0.0.2 all.test\n::1 all.test\n127.0.0.1 all.test\n")
    result = etc.run(*berth.command("listen", "all.test:3000", "--first"), status=1)
    *each, whole = result.stderr.splitlines()
    assert len(each) == 3
    for name in "two", "six", "one":
        assert sum(f"({name}[" in line and "address already in use" in line for line in each) == 1
    assert whole == ("berth: cannot listen on 'all.test:3000': none of its 3 addresses is free: "
                     "Address already in use")


def test_reuseport_is_for_one_user(berth, mksock):
    """Known too where the other's options may not be seen."""
    mksock("tcp listen 127.0.0.1:3000 reuseport uid=1234", "tcp listen 127.0.0.1:3001 reuseport")
    told = berth("listen", "--reuseport", "127.0.0.1:3000", status=1).stderr
    assert "; SO_REUSEPORT shares a port within one user only; run as the same user as the others: uid 1234;" in told
    told = berth("listen", "--reuseport", "127.0.0.1:3001", user=process.NOBODY, status=1).stderr
    assert "; SO_REUSEPORT shares a port within one user only; " in told


def test_udp_is_not_to_be_shared(berth, mksock):
    """SO_REUSEADDR on both sides would do, and each would hear what is meant for the other."""
    mksock("udp bind 127.0.0.1:3000 reuseaddr")
    told = berth("listen", "udp:127.0.0.1:3000", status=1).stderr
    assert "; stop mksock[" in told and "SO_REUSEADDR" not in told


def test_what_remains_is_in_the_way_without_reuseaddr(berth, netns):
    with netns.inside(), socket.create_server(("127.0.0.1", 3000)) as server:
        with socket.create_connection(("127.0.0.1", 3000)):
            server.accept()[0].close()
    told = berth("listen", "--no-reuseaddr", "127.0.0.1:3000", status=1).stderr
    assert "; leave --no-reuseaddr out; port 3001 is free)" in told


def test_a_unix_name_that_is_taken(berth, listen, tmp_path):
    path = tmp_path / "x"
    listen(f"unix:{path}")
    result = berth("listen", f"unix:{path}", status=1)
    assert "(berth[" in result.stderr and "has it; end it, or take another name)" in result.stderr


def test_a_unix_name_that_a_single_client_is_awaited_at(berth, netns, tmp_path):
    """Whether it lives is asked without being that client."""
    path = str(tmp_path / "x")
    with netns.inside(), socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen(1)
        s.setblocking(False)
        assert "has it; end it" in berth("listen", f"unix:{path}", status=1).stderr
        with pytest.raises(BlockingIOError):
            s.accept()


def test_a_privileged_port(berth, netns):
    result = berth("listen", "127.0.0.1:80", user=65534, status=3)
    assert "CAP_NET_BIND_SERVICE" in result.stderr


@pytest.mark.parametrize("args, words", [
    (["udp:99999"], "99999"),
    (["udp:53", "--proxy-protocol"], "connections"),
    (["exec:cat"], "nobody can connect to that"),
    (["4444", "--echo", "--chat"], "one thing"),
    (["4444", "--shell"], "--exec"),
    (["4444", "--refuse"], "--max-clients"),
    (["4444", "--workers", "2"], "--workers"),
    (["4444", "--allow", "300.1.1.1"], "300.1.1.1"),
    (["4444", "--reply", r"\q"], "like this, 'q'"),
    (["4444", "--exec", "'x"], "quote"),
    (["4444", "--forward", "80x"], "a port is missing"),
    ([], "ENDPOINT"),
])
def test_mistakes(berth, netns, args, words):
    assert words in berth("listen", *args, status=2).stderr


# Who may come


def test_denied_and_allowed(listen, tmp_path):
    (tmp_path / "list").write_text("# friends\n127.0.0.0/30\n\n::1 # me\n")
    server = listen("0.0.0.0:0", "--reply", "x", "--allow", f"@{tmp_path}/list", "--deny", "127.0.0.2")

    turned_away = [is_turned_away(server, (f"127.0.0.{n}", 0)) for n in (1, 2, 3, 4)]
    assert turned_away == [False, True, False, True]
    refused = server.wait_events("refused", 2)
    assert [e["peer"]["address"] for e in refused] == ["127.0.0.2", "127.0.0.4"]
    assert [e["local"]["address"] for e in refused] == ["127.0.0.1"] * 2


def test_max_clients_wait_in_the_queue(listen):
    server = listen(HERE, "--echo", "--max-clients", "1")
    with server.connect() as a, server.connect() as b:
        b.sendall(b"b")
        a.sendall(b"a")
        assert a.recv(1) == b"a"
        b.settimeout(0.2)
        with pytest.raises(TimeoutError):
            b.recv(1)
        a.close()
        b.settimeout(20)
        assert b.recv(1) == b"b"


def test_max_clients_refused(listen):
    server = listen(HERE, "--echo", "--max-clients", "1", "--refuse")
    with server.connect() as a:
        a.sendall(b"a")
        assert a.recv(1) == b"a"
        assert is_turned_away(server)
    assert server.wait_events("refused")[0]["text"] == "there are as many clients as --max-clients allows"
    server.wait_events("closed")
    with server.connect() as c:
        c.sendall(b"c")
        assert c.recv(1) == b"c"


@pytest.mark.parametrize("mode", [["--echo"], ["--discard"], [], ["--exec", "cat"], ["--chat"], ["save"]])
def test_idle_and_lifetime(listen, tmp_path, mode):
    mode = ["--save", tmp_path] if mode == ["save"] else mode
    server = listen(HERE, *mode, "--idle-timeout", "300ms")
    with server.connect() as s:
        assert s.recv(1) == b""
    assert server.wait_events("closed")[0]["why"] == "idle"
    server = listen(HERE, *mode, "--lifetime", "300ms", "--idle-timeout", "10s")
    with server.connect() as s:
        assert s.recv(1) == b""
    closed = server.wait_events("closed")[0]
    assert (closed["why"], closed["text"]) == ("lifetime", "its --lifetime is over")


def test_rate(listen):
    server = listen(HERE, "--echo", "--rate", "100k")
    with server.connect() as s:
        s.sendall(b"x" * 60_000)
        s.shutdown(socket.SHUT_WR)
        assert len(read_all(s)) == 60_000
    assert server.wait_events("closed")[0]["duration_ns"] > 200_000_000


def test_options_reach_the_sockets(listen, netns):
    server = listen(HERE, "--exec", "cat", "--keepalive-idle", "33", "--backlog", "7")
    with server.connect():
        server.wait_events("opened")
        shown = netns.run("ss", "-tlno").stdout
        assert any(f":{server.port}" in line and line.split()[2] == "7" for line in shown.splitlines())
        assert "timer:(keepalive,3" in netns.run("ss", "-tno", f"sport = :{server.port}").stdout


def test_workers(listen):
    server = listen(HERE, "--reply", "x", "--workers", "4")
    for _ in range(40):
        with server.connect() as s:
            assert read_all(s) == b"x"
    assert server.end() == 0
    assert server.of("totals")[0]["clients"] == 40
    assert sorted(e["id"] for e in server.of("opened")) == list(range(1, 41))


def test_another_user(listen, tmp_path):
    server = listen(HERE, "--exec", "id -un", "--user", "nobody")
    with server.connect() as s:
        assert read_all(s) == b"nobody\n"


def test_another_user_may_not_save(berth, netns, tmp_path):
    tmp_path.chmod(0o755)
    told = berth("listen", HERE, "--save", tmp_path, "--user", "nobody", status=3).stderr
    assert "permission denied (the user of --user may not write there)" in told
    assert "listening" not in told


# Datagrams


@contextlib.contextmanager
def udp(server):
    with server.netns.inside():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with s:
        s.settimeout(20)
        s.connect(("127.0.0.1", server.port))
        yield s


def test_udp_echo_keeps_boundaries(listen):
    server = listen("udp:" + HERE, "--echo")
    with udp(server) as a, udp(server) as b:
        for text in (b"one", b"", b"three", b"x" * 60_000):
            a.send(text)
            b.send(b"b" + text[:1000])
            assert a.recv(65536) == text
            assert b.recv(65536) == b"b" + text[:1000]
    assert [e["proto"] for e in server.wait_events("opened", 2)] == ["udp", "udp"]
    assert server.end() == 0  # nobody waits for datagrams that may never come
    assert {e["why"] for e in server.of("closed")} == {"stopped"}


def test_udp_reply_to_each(listen):
    server = listen("udp:*:0", "--reply", "{id} from {local}", listeners=2)
    assert [e["reach"] for e in server.of("listening")] == ["every interface, IPv4", "every interface, IPv6"]
    with udp(server) as s:
        for _ in range(3):
            s.send(b"hi")
            assert s.recv(100) == f"1 from 127.0.0.1:{server.port}".encode()
        for _ in range(10):
            s.send(b"hi")
        assert [s.recv(100)[:6] for _ in range(10)] == [b"1 from"] * 10
        s.send(b"")
        assert s.recv(100)[:6] == b"1 from"


def test_udp_standard_streams(listen):
    server = listen("udp:" + HERE)
    with udp(server) as a, udp(server) as b:
        a.send(b"first")
        server.wait_output(b"first")
        b.send(b"second")
        server.wait_output(b"[2] second\n")
        a.send(b"third")
        server.wait_output(b"[1] third\n")
        server.write(b"to all")
        assert a.recv(100) == b.recv(100) == b"to all"


def test_datagrams_of_several_are_lines_each(listen):
    """Also those that come at once, and those that UDP_GRO joins to a run."""
    server = listen("udp:" + HERE)
    with udp(server) as a, udp(server) as b:
        a.send(b"first")
        server.wait_output(b"first")
        b.send(b"second")
        server.wait_output(b"\n[2] second\n")
        server.process.send_signal(signal.SIGSTOP)
        for i in range(4):
            a.send(b"<13>msg%d" % i)
        a.sendmsg([b"onetwotri"], [(socket.SOL_UDP, 103, struct.pack("H", 3))])  # UDP_SEGMENT
        server.process.send_signal(signal.SIGCONT)
        server.wait_output(b"tri")
        a.send(b"last")
        server.wait_output(b"last\n")
    lines = b"".join(b"[1] <13>msg%d\n" % i for i in range(4)) + b"[1] one\n[1] two\n[1] tri\n"
    assert server.output == b"first\n[2] second\n" + lines + b"[1] last\n"


def test_bulk_of_datagrams_before_others(listen, tmp_path):
    server = listen(f"unix-dgram:{tmp_path}/x")
    text = b"x" * 100_000
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as a, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as b:
        a.bind(f"{tmp_path}/a")
        b.bind(f"{tmp_path}/b")
        for _ in range(30):
            a.sendto(text, f"{tmp_path}/x")
        wait_for(lambda: len(server.output) == 30 * len(text))
        b.sendto(b"three", f"{tmp_path}/x")
        server.wait_output(b"three\n")
        a.sendto(b"more", f"{tmp_path}/x")
        server.wait_output(b"more\n")
    assert server.end() == 0
    assert server.of("totals")[0]["bytes_in"] == 30 * len(text) + len(b"threemore")
    assert server.output == 30 * text + b"\n[2] three\n[1] more\n"


def test_datagrams_of_one_alone_keep_their_bytes(listen, tmp_path):
    server = listen(f"unix-dgram:{tmp_path}/x")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(f"{tmp_path}/me")
        for text in (b"one", b"two", b"", b"y" * 100_000, b"three"):
            s.sendto(text, f"{tmp_path}/x")
            server.wait_output(text)  # each heard when it comes
    assert server.output == b"onetwo" + b"y" * 100_000 + b"three"


@pytest.mark.parametrize("mode", [["--exec", "cat"], ["forward-udp"], ["forward-tcp"]])
def test_udp_to_elsewhere(listen, mode):
    if mode[0].startswith("forward"):
        kind = mode[0].split("-")[1]
        behind = listen(f"{kind}:{HERE}", "--echo")
        mode = ["--forward", f"{kind}:127.0.0.1:{behind.port}"]
    server = listen("udp:" + HERE, *mode, "--idle-timeout", "500ms")
    with udp(server) as s:
        for text in (b"one", b"two"):
            s.send(text)
            assert s.recv(100) == text
        assert server.wait_events("closed")[0]["why"] == "idle"


def test_udp_discard_save_and_limits(listen, tmp_path):
    server = listen("udp:" + HERE, "--save", tmp_path, "--idle-timeout", "300ms", "--max-clients", "1")
    with udp(server) as s, udp(server) as other:
        s.send(b"one")
        s.send(b"two")
        server.wait_events("opened")
        other.send(b"x")
        assert server.wait_events("refused")[0]["peer"]["port"] == other.getsockname()[1]
        assert server.wait_events("closed")[0]["bytes_in"] == 6
    (name,) = os.listdir(tmp_path)
    assert (tmp_path / name).read_bytes() == b"onetwo"
    server = listen("udp:" + HERE, "--discard", "--idle-timeout", "300ms")
    with udp(server) as s:
        s.send(b"x" * 1000)
        assert server.wait_events("closed")[0]["bytes_in"] == 1000


def test_unix_datagrams(listen, tmp_path):
    listen(f"unix-dgram:{tmp_path}/x", "--echo")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(f"{tmp_path}/me")
        s.sendto(b"hi", f"{tmp_path}/x")
        assert s.recv(100) == b"hi"


def test_datagrams_that_are_cut_or_lost_are_told(listen, berth, tmp_path):
    """Longer than any buffer: the first one's end is missing, which is told once for each peer."""
    to_nobody, never_read = os.pipe()
    try:
        server = listen(f"unix-dgram:{tmp_path}/x", stdout=never_read)
    finally:
        os.close(never_read)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, 32, 1 << 22)  # SO_SNDBUFFORCE
        s.bind(f"{tmp_path}/me")
        for _ in range(3):
            s.sendto(b"x" * 300_000, f"{tmp_path}/x")
        assert "too long" in server.wait_events("trouble")[0]["text"]
        for _ in range(40):  # 10 MB, and 4 MiB wait
            s.sendto(b"x" * 250_000, f"{tmp_path}/x")
        assert "lost" in server.wait_events("trouble", 2)[1]["text"]
    os.close(to_nobody)
    server.end()
    assert len(server.of("trouble")) == 2


def test_udp_is_taken(berth, listen):
    server = listen("udp:" + HERE, "--echo")
    result = berth("listen", f"udp:127.0.0.1:{server.port}", status=1)
    assert f"of root receives at 127.0.0.1:{server.port}; stop " in result.stderr


def test_datagrams_that_are_refused_fill_no_log(listen):
    server = listen("udp:" + HERE, "--echo", "--max-clients", 1)
    with udp(server) as one, udp(server) as other:
        one.send(b"x")
        assert one.recv(10) == b"x"
        for _ in range(50):
            other.send(b"x")
        one.send(b"y")  # behind them all
        assert one.recv(10) == b"y"
    assert server.end() == 0
    assert server.of("totals")[0]["refused"] == 50
    assert 1 <= len(server.of("refused")) < 10


# PROXY headers

V2 = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.mark.parametrize("header", [
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
    V2 + b"\x21\x11" + struct.pack(">H4s4sHH", 12, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]), 1111, 2222),
])
def test_proxy_header_in(listen, header):
    server = listen(HERE, "--proxy-protocol", "--shell", "--exec",
                    "cat; echo $BERTH_REMOTE_ADDR $BERTH_REMOTE_PORT $BERTH_LOCAL_ADDR")
    with server.connect() as s:
        for byte in header:
            s.sendall(bytes([byte]))
        s.sendall(b"body\n")
        s.shutdown(socket.SHUT_WR)
        assert read_all(s) == b"body\n192.0.2.1 1111 192.0.2.2\n"
    opened = server.wait_events("opened")[0]
    assert opened["peer"] == {"address": "192.0.2.1", "port": 1111}


@pytest.mark.parametrize("bad", [
    b"GET / HTTP/1.0\r\n\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 99999\r\n",
    b"PROXY TCP4 ::1 ::1 1 1\r\n",
    b"PROXY " + b"x" * 200,
    V2 + b"\x31\x11\0\0",
    V2 + b"\x21\x11\0\4abcd",
])
def test_proxy_header_malformed(listen, bad):
    server = listen(HERE, "--proxy-protocol", "--echo")
    with server.connect() as s:
        s.sendall(bad)
        assert is_reset(s)
    assert "PROXY header" in server.wait_events("refused")[0]["text"]
    assert not server.of("opened")


def test_proxy_header_that_ends_early(listen):
    """Five seconds are for those who may still say more."""
    server = listen(HERE, "--echo", "--proxy-protocol")
    with server.connect() as s:
        s.sendall(b"PROX")
        s.shutdown(socket.SHUT_WR)
        event, = server.wait_events("refused")
    assert "it ended before its PROXY header did" in event["text"]
    assert server.end() == 0


@pytest.mark.parametrize("version", [1, 2])
def test_proxy_header_out(listen, version):
    behind = listen(HERE, "--echo", "--proxy-protocol")
    server = listen(HERE, "--forward", f"127.0.0.1:{behind.port}", "--send-proxy", version)
    with server.connect() as s:
        s.sendall(b"x")
        assert s.recv(1) == b"x"
        assert behind.wait_events("opened")[0]["peer"]["port"] == s.getsockname()[1]


# The end


def test_running_clients_may_end_within_the_grace(listen):
    server = listen(HERE, "--echo", "--grace", "20s")
    with server.connect() as s:
        s.sendall(b"a")
        assert s.recv(1) == b"a"
        server.process.send_signal(signal.SIGTERM)
        server.wait_events("stopping")
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        s.sendall(b"b")
        assert s.recv(1) == b"b"
    assert server.wait() == 0
    assert server.of("closed")[0]["why"] == "ended"
    totals = server.of("totals")[0]
    assert (totals["clients"], totals["bytes_in"], totals["bytes_out"]) == (1, 2, 2)


@pytest.mark.parametrize("mode", [["--echo"], [], ["--exec", "sleep 100"], ["--chat"]])
def test_the_grace_is_over(listen, mode):
    server = listen(HERE, *mode, "--grace", "100ms")
    with server.connect() as s:
        server.wait_events("opened")
        server.process.send_signal(signal.SIGINT)
        assert s.recv(10) == b""
        assert server.wait() == 0
    assert server.of("closed")[0]["why"] in ("stopped", "ended")


def test_a_second_signal_ends_at_once(listen):
    server = listen(HERE, "--echo", "--grace", "100s")
    with server.connect():
        server.wait_events("opened")
        server.process.send_signal(signal.SIGINT)
        server.wait_events("stopping")
        server.process.send_signal(signal.SIGINT)
        assert server.wait() == 0


@pytest.mark.parametrize("command, args", [("listen", ["tls:" + HERE, "--once", "--echo"]),
                                           ("relay", ["listen:tls:" + HERE, "exec:cat"])])
def test_a_fingerprint_is_an_event(berth, netns, command, args):
    with contextlib.closing(Listening(berth, *args, command=command)) as server:
        note, = server.of("note")
        assert re.fullmatch("SHA256(:[0-9A-F]{2}){32}", note["fingerprint"])
        assert note["text"].endswith("its fingerprint is " + note["fingerprint"])
        server.end()
        assert not server.talk


@pytest.mark.parametrize("args, error", [
    (["listen", "192.0.2.1:80"], "EADDRNOTAVAIL"),
    (["listen", HERE, "--exec", "/nowhere"], "ENOENT"),
    (["listen", HERE, "--save", "/nowhere"], "ENOENT"),
    (["listen", HERE, "--handoff", "/nowhere"], "ENOENT"),
    (["listen", HERE, "--allow", "@/nowhere"], "ENOENT"),
    (["listen", HERE, "--tls-cert", "/nowhere"], "ENOENT"),
    (["listen", HERE, "--user", "nobody-at-all"], "ENOENT"),
    (["listen", "fd:0"], "EINVAL"),
    (["relay", "listen:192.0.2.1:80", "exec:cat"], "EADDRNOTAVAIL"),
    (["relay", "listen:127.0.0.1:0", "exec:/nowhere"], "ENOENT"),
    (["relay", "listen:127.0.0.1:0", "exec:cat", "--mirror", "/nowhere/x"], "ENOENT"),
])
def test_what_fails_is_an_event(berth, netns, args, error):
    lines = berth(*args, "--json", status=1).stderr.splitlines()
    events = [json.loads(line) for line in lines]
    assert (events[-1]["event"], events[-1]["error"]) == ("failed", error)
    told = berth(*args, "--quiet", status=1).stderr
    assert told == f"berth: {events[-1]['text']}\n"


@pytest.mark.parametrize("signals", [[signal.SIGHUP], [signal.SIGTERM, signal.SIGHUP]])
def test_signals_at_once_leave_nothing_behind(listen, tmp_path, signals):
    path = tmp_path / "x"
    server = listen(f"unix:{path}", "--echo")
    server.signal_at_once(signals)
    assert server.wait() == 0
    assert len(server.of("totals")) == 1
    assert not path.exists()


def test_a_hangup_that_is_ignored(listen):
    server = listen(HERE, "--echo", prefix=["/usr/bin/python3", "-c", UNUSUAL])
    server.process.send_signal(signal.SIGHUP)
    with server.connect() as s:
        s.sendall(b"x")
        assert s.recv(1) == b"x"
    assert server.end(signal.SIGTERM) == 0


def test_words_for_people(berth, netns):
    server = berth.start("listen", HERE, "--reply", "x", stderr=subprocess.PIPE)
    first = server.stderr.readline()
    port = int(first.split(":")[-1].split()[0])
    assert first == f"berth: listening on tcp 127.0.0.1:{port} (this machine only)\n"
    with netns.inside(), socket.create_connection(("127.0.0.1", port)) as s:
        me = s.getsockname()[1]
        assert read_all(s) == b"x"
    ends = f"berth: [1] tcp 127.0.0.1:{me} to 127.0.0.1:{port}: "
    assert server.stderr.readline() == ends + "connected\n"
    assert server.stderr.readline().startswith(ends + "ended; 0 bytes in, 1 out, ")
    server.send_signal(signal.SIGTERM)
    assert server.stderr.readline() == "berth: stopping\n"
    assert server.stderr.readline().startswith("berth: 1 client; 0 bytes in, 1 out, ")


@pytest.mark.parametrize("scheme, kind, name", [
    ("unix", socket.SOCK_STREAM, "unix-stream"), ("unix-dgram", socket.SOCK_DGRAM, "unix-dgram")])
def test_words_of_a_client_without_a_name(berth, netns, tmp_path, scheme, kind, name):
    path = tmp_path / "x"
    server = berth.start("listen", f"{scheme}:{path}", "--discard", stderr=subprocess.PIPE)
    server.stderr.readline()
    with socket.socket(socket.AF_UNIX, kind) as s:
        s.connect(str(path))
        s.send(b"x")
    assert server.stderr.readline() == f"berth: [1] {name} to unix:{path}: connected\n"
    server.send_signal(signal.SIGTERM)
    server.wait(20)


def test_without_a_grace_none_is_told_of(listen):
    server = listen(HERE, "--echo", "--grace", "0")
    with server.connect():
        server.wait_events("opened")
        assert server.end(signal.SIGTERM) == 0
    assert server.of("stopping")[0]["text"] == "stopping"


def test_peers_are_not_counted_among_those_who_may_end(listen):
    server = listen("udp:" + HERE, "tcp:" + HERE, "--echo", "--grace", "100ms", listeners=2)
    with udp(server) as a, udp(server) as b:
        for s in a, b:
            s.send(b"x")
            assert s.recv(10) == b"x"
        with server.connect(port=server.of("listening")[1]["local"]["port"]):
            server.wait_events("opened", 3)
            assert server.end(signal.SIGTERM) == 0
    assert server.of("stopping")[0]["text"] == "stopping; 1 client has 100ms to end, unless a second signal comes"


def test_each_line_of_several_is_marked_on_a_terminal(berth, netns):
    master, slave = os.openpty()
    server = Listening(berth, HERE, stdin=slave, stdout=slave)
    os.close(slave)
    shown = b""

    def wait_shown(text):
        nonlocal shown
        while text not in shown:
            shown += os.read(master, 1000)

    with contextlib.closing(server), server.connect() as a:
        a.sendall(b"two")
        wait_shown(b"two")
        with server.connect() as b:
            server.wait_events("opened", 2)
            b.sendall(b"three\n")
            wait_shown(b"three")
            a.sendall(b"more\n")
            wait_shown(b"more\r\n")
    assert shown == b"two\r\n[2] three\r\n[1] more\r\n"
    os.close(master)


def test_events_have_lines_of_their_own_on_a_terminal(berth, netns):
    command = berth.command("listen", HERE, "--grace", "20s")
    with contextlib.closing(Terminal(command, columns=200, netns=netns)) as terminal, netns.inside():
        port = int(terminal.expect(r"127\.0\.0\.1:(\d+) ")[1])
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.sendall(b"no end")
            terminal.expect("no end")
            terminal.process.send_signal(signal.SIGTERM)
            terminal.expect("stopping;")
            s.sendall(b"after that\n")
            terminal.expect("after")
            s.sendall(b"nor here")
            terminal.expect("nor here")
        assert terminal.wait() == 0
    places = [re.sub("^berth: .*(stopping|ended|client;).*", r"\1", line) for line in terminal.lines[2:]]
    assert places == ["no end", "stopping", "after that", "nor here", "ended", "client;"]


def test_a_terminal_gets_nothing_raw(berth, netns):
    master, slave = os.openpty()
    server = Listening(berth, HERE, stdin=slave, stdout=slave)
    os.close(slave)
    with contextlib.closing(server), server.connect() as s:
        s.sendall(b"\x1b]0;owned\x07text\n")
        shown = b""
        while b"text" not in shown:
            shown += os.read(master, 1000)
        assert shown == b"\\x1b]0;owned\\x07text\r\n"
        os.write(master, b"typed\n")
        assert read_until(s, b"typed\n") == b"typed\n"
        s.close()
        wait_for(lambda: server.of("closed"))  # a person needn't end a client who is gone
    os.close(master)
