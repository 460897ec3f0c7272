"""berth listen --forward: each client gets a far end of its own, whatever it is."""

import contextlib
import os
import pty
import select
import signal
import socket
import termios

import pytest

from lib.listening import Listening, read_all, read_until
from lib.wait import wait_for

HERE = "127.0.0.1:0"
NAMES = ["listen", "relay"]


@pytest.fixture
def forward(listen):
    """forward(to, command): the same by listen and by relay."""

    def start(to, *args, command="listen", **how):
        if command == "relay":
            return listen(f"listen:{HERE}", to, *args, command="relay", **how)
        return listen(HERE, "--forward", to, *args, **how)

    return start


def ask(server, words=b""):
    with server.connect() as s:
        s.sendall(words)
        s.shutdown(socket.SHUT_WR)
        return read_all(s)


def read_some(fd):
    assert select.select([fd], [], [], 20)[0], "nothing comes"
    return os.read(fd, 1000)


def read_line(fd):
    shown = b""
    while b"\n" not in shown:
        shown += read_some(fd)
    return shown


def is_turned_away(server):
    """By a reset, which may come as early as in connect, or by an end."""
    try:
        with server.connect() as s:
            return s.recv(1) == b""
    except ConnectionResetError:
        return True


# Processes


def test_a_process_for_each_client(forward):
    server = forward("exec:sh -c 'echo $BERTH_REMOTE_PORT $BERTH_PROTO; tr a-z A-Z'")
    with server.connect() as a, server.connect() as b:
        for s in (b, a):
            assert read_until(s, b"\n") == f"{s.getsockname()[1]} tcp\n".encode()
        for s in (a, b):
            s.sendall(b"words")
            s.shutdown(socket.SHUT_WR)
            assert read_all(s) == b"WORDS"
    closed = server.wait_events("closed", 2)
    assert {(e["why"], e["bytes_in"]) for e in closed} == {("ended", 5)}


def test_a_process_has_only_what_tells_of_its_client(forward, tmp_path):
    with open(tmp_path / "x", "w") as extra:
        server = forward("exec:env", pass_fds=(extra.fileno(),))
        names = {line.split("=")[0] for line in ask(server).decode().splitlines()}
        assert names == {"BERTH_LOCAL_ADDR", "BERTH_LOCAL_PORT", "BERTH_REMOTE_ADDR", "BERTH_REMOTE_PORT",
                         "BERTH_PROTO"}
        for command in NAMES:
            server = forward("exec:ls /proc/self/fd", command=command, pass_fds=(extra.fileno(),))
            assert set(ask(server).split()) == {b"0", b"1", b"2", b"3"}


def test_the_status_of_a_process_is_told(forward):
    server = forward("exec:sh -c 'echo bye; exit 3'")
    assert ask(server) == b"bye\n"
    closed = server.wait_events("closed")[0]
    assert (closed["why"], closed["status"]) == ("exited", 3)


def test_a_process_on_a_terminal(forward):
    server = forward("pty:sh -c 'tty; read x; echo got $x'")
    with server.connect() as s:
        assert read_until(s, b"\n").startswith(b"/dev/pts/")
        s.sendall(b"this\n")
        assert b"got this" in read_all(s)


@pytest.mark.parametrize("ending", ["--lifetime", "grace"])
def test_a_process_that_goes_on_is_ended(forward, ending):
    """SIGTERM, and what ignores it is killed; the client is told of after that."""
    args = ["--lifetime", "100ms"] if ending == "--lifetime" else ["--grace", "100ms"]
    server = forward("""exec:sh -c 'trap "" TERM; echo $$; while :; do sleep 0.1; done'""", *args)
    with server.connect() as s:
        pid = int(read_until(s, b"\n"))
        if ending == "grace":
            server.process.send_signal(signal.SIGTERM)
            assert server.wait() == 0
        else:
            assert server.wait_events("closed")[0]["why"] == "lifetime"
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), what="its end")


def test_a_command_that_is_not_there_is_told_before_it_listens(berth, netns):
    for args in (["listen", HERE, "--forward", "exec:no-such"], ["relay", f"listen:{HERE}", "exec:no-such"]):
        err = berth(*args, status=1).stderr
        assert err.startswith("berth: cannot run 'no-such': ") and "listening" not in err


# Files


@pytest.mark.parametrize("command", NAMES)
def test_a_file_is_written_or_appended_to(forward, tmp_path, command):
    for word, result in ((",append", b"first second"), ("", b"second"), (",write", b"second")):
        out = tmp_path / ("out" + word[1:])
        server = forward(f"file:{out}{word}", command=command)
        for n, words in enumerate((b"first ", b"second")):
            assert ask(server, words) == b""
            server.wait_events("closed", n + 1)
        assert out.read_bytes() == result
        # Made once more, where the sandbox left its folder open.
        out.unlink()
        assert ask(server, b"again") == b""
        server.wait_events("closed", 3)
        assert out.read_bytes() == b"again"


def test_a_file_that_is_there_is_all_that_stays_open(forward, tmp_path):
    out = tmp_path / "out"
    out.write_text("old ")
    server = forward(f"file:{out},append")
    ask(server, b"new")
    server.wait_events("closed")
    assert out.read_text() == "old new"
    out.unlink()
    assert is_turned_away(server)
    closed = server.wait_events("closed", 2)[1]
    assert (closed["why"], closed["error"]) == ("far-failed", "EACCES")
    assert str(out) in closed["text"]


@pytest.mark.parametrize("command", NAMES)
def test_a_file_for_everybody_to_read(forward, tmp_path, command):
    (tmp_path / "motd").write_bytes(b"x" * 300_000)
    server = forward(f"file:{tmp_path}/motd,read", command=command)
    for _ in range(2):
        assert ask(server) == b"x" * 300_000


@pytest.mark.parametrize("to, words", [
    ("file:{}/missing/x", "no such file or directory (no such folder)"),
    ("file:{}/missing,read", "cannot read '{}/missing': no such file or directory"),
    ("serial:{}/tty,9600", "cannot open serial line '{}/tty': no such file or directory"),
    ("serial:/dev/null,9601", "'9601' isn't known"),
    ("fd:77", "no such descriptor was inherited"),
    ("exec:'x", "a quote isn't closed"),
    ("nosuch.invalid:80", "cannot resolve 'nosuch.invalid:80'"),
])
def test_what_is_not_there_is_told_before_it_listens(berth, netns, tmp_path, to, words):
    for args in (["listen", HERE, "--forward", to], ["relay", f"listen:{HERE}", to]):
        err = berth(*[str(a).format(tmp_path) for a in args], status=1).stderr
        assert words.format(tmp_path) in err and "listening" not in err


def test_an_ordinary_user_and_a_folder_of_roots(berth, netns, tmp_path):
    os.chmod(tmp_path, 0o755)
    err = berth("relay", f"listen:{HERE}", f"file:{tmp_path}/x", user=65534, status=1).stderr
    assert err == f"berth: cannot write '{tmp_path}/x': permission denied\n"


# What there is once


def test_standard_input_and_output_have_one_client(forward, listen):
    server = forward("-")
    with server.connect() as s:
        server.write(b"to the client")
        s.sendall(b"from the client")
        server.wait_output(b"from the client")
        assert read_until(s, b"client") == b"to the client"
        with pytest.raises(ConnectionRefusedError):
            server.connect()
    server.process.stdin.close()
    assert server.wait() == 0
    assert not server.of("totals")


def test_an_inherited_descriptor(forward):
    near, far = socket.socketpair()
    with near, far:
        server = forward(f"fd:{far.fileno()}", pass_fds=(far.fileno(),))
        far.close()
        with server.connect() as s:
            s.sendall(b"there")
            assert near.recv(100) == b"there"
            near.sendall(b"back")
            near.shutdown(socket.SHUT_WR)
            assert read_all(s) == b"back"
    assert server.wait() == 0


def test_a_terminal_gets_nothing_raw(berth, netns):
    master, slave = os.openpty()
    server = Listening(berth, HERE, "--forward", "-", stdin=slave, stdout=slave)
    os.close(slave)
    with contextlib.closing(server), server.connect() as s:
        s.sendall(b"\x1b[2Jhi\n")
        assert read_line(master) == b"\\x1b[2Jhi\r\n"
        os.write(master, b"typed\n")
        assert read_until(s, b"typed\n") == b"typed\n"
        s.close()
        assert server.wait() == 0  # a person has nothing to say to who is gone
    os.close(master)


def test_a_serial_line_for_one_client_after_the_other(forward):
    master, slave = pty.openpty()
    server = forward(f"serial:{os.ttyname(slave)},57600")
    with server.connect() as a, server.connect() as b:
        a.sendall(b"first")
        assert read_some(master) == b"first"
        assert termios.tcgetattr(slave)[4] == termios.B57600
        b.sendall(b"second")
        os.write(master, b"for the first")
        assert read_until(a, b"first") == b"for the first"
        a.close()
        assert read_some(master) == b"second"
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("args, words", [
    (["--forward", "-", "--workers", "2"], "'-' is there once"),
    (["--forward", "exec:cat", "--send-proxy", "1"], "--send-proxy goes with a connection, not 'exec:cat'"),
])
def test_mistakes(berth, netns, args, words):
    assert words in berth("listen", HERE, *args, status=2).stderr


# Sockets


@pytest.mark.parametrize("kind", ["unix:", "unix:@", "unix-seqpacket:"])
def test_unix(forward, listen, tmp_path, kind):
    at = kind + (f"{tmp_path}/s" if not kind.endswith("@") else f"berth-test-{os.getpid()}")
    listen(at, "--echo")
    assert ask(forward(at), b"through") == b"through"


@pytest.mark.parametrize("command", NAMES)
def test_unix_datagrams_are_answered(forward, listen, tmp_path, command):
    """Who asks needs a name, too."""
    listen(f"unix-dgram:{tmp_path}/s", "--reply", "from {local}")
    server = forward(f"unix-dgram:{tmp_path}/s", command=command)
    with server.connect() as s:
        s.sendall(b"question")
        assert read_until(s, b"/s") == f"from unix:{tmp_path}/s".encode()


def test_the_end_of_a_client_ends_what_knows_no_end(forward, listen):
    behind = listen(f"udp:{HERE}", "--echo")
    server = forward(f"udp:127.0.0.1:{behind.port}")
    assert ask(server, b"x") == b"x"
    assert server.wait_events("closed")[0]["why"] == "ended"


def test_many_at_once_by_several_threads(forward, listen):
    behind = listen(HERE, "--echo")
    server = forward(f"localhost:{behind.port}", "--workers", "3")
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(60)]
        for n, s in enumerate(clients):
            s.sendall(b"%d\n" % n)
        for n, s in enumerate(clients):
            assert read_until(s, b"\n") == b"%d\n" % n


# Names


@pytest.mark.parametrize("command", NAMES)
def test_a_name_is_looked_up_for_each_client(forward, listen, etc, command):
    etc.write("hosts", "127.0.0.2 moves.test\n")
    behind = [listen(f"{address}:7000", "--reply", "{local}") for address in ("127.0.0.2", "127.0.0.3")]
    server = forward("moves.test:7000", command=command, prefix=etc.prefix)
    assert ask(server) == b"127.0.0.2:7000"
    etc.write("hosts", "127.0.0.3 moves.test\n")
    assert ask(server) == b"127.0.0.3:7000"
    etc.write("hosts", "127.0.0.1 another.test\n")
    assert is_turned_away(server)
    closed = server.wait_events("closed", 3)[2]
    assert closed["why"] == "far-failed" and "name or service not known" in closed["text"].lower()
    assert [len(b.wait_events("opened")) for b in behind] == [1, 1]


@pytest.mark.parametrize("command", NAMES)
def test_a_name_server_that_fails_takes_no_address_away(forward, listen, etc, command):
    """EAI_AGAIN: what was found last counts, and nobody else waits."""
    etc.write("nsswitch.conf", "hosts: files dns\n")
    etc.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")  # nobody is there
    etc.write("hosts", "127.0.0.2 stays.test\n")
    listen("127.0.0.2:7000", "--reply", "{local}")
    server = forward("stays.test:7000", command=command, prefix=etc.prefix)
    assert ask(server) == b"127.0.0.2:7000"
    etc.write("hosts", "")
    assert ask(server) == b"127.0.0.2:7000"


@pytest.mark.parametrize("command", NAMES)
def test_who_is_looked_up_slowly_holds_nobody_up(forward, listen, etc, netns, command):
    etc.write("nsswitch.conf", "hosts: files dns\n")
    etc.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n")
    etc.write("hosts", "127.0.0.2 slow.test\n")
    listen("127.0.0.2:7000", "--echo")
    with netns.inside():
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        silent.bind(("127.0.0.1", 53))
    server = forward("slow.test:7000", command=command, prefix=etc.prefix)
    with silent, server.connect() as early:
        early.sendall(b"early")
        assert read_until(early, b"early") == b"early"
        etc.write("hosts", "")
        with server.connect(), server.connect():
            silent.settimeout(20)
            silent.recv(512)  # it is asked, and says nothing
            early.sendall(b"still")
            assert read_until(early, b"still") == b"still"
        assert server.end(signal.SIGINT) == 0


# Refusals


@pytest.mark.parametrize("command", NAMES)
def test_a_refusal_is_explained(forward, mksock, command):
    """Once a second at most: the second of these two in a row is told without."""
    mksock("tcp listen 127.0.0.2:7000 as=a", "fork as=server keep=@a comm=nginx", "close @a")
    server = forward("127.0.0.1:7000", command=command)
    for _ in range(2):
        assert is_turned_away(server)
    first, second = [e["text"] for e in server.wait_events("closed", 2)]
    assert first.startswith("failed: 127.0.0.1:7000 (") and first.endswith("): connection refused")
    assert "listens on 127.0.0.2:7000: " in first and "what helps: " in first
    if command == "relay":  # which isn't confined
        assert "nginx[" in first
    assert second == "failed: 127.0.0.1:7000 (nobody listens there): connection refused"
    assert not server.talk


def test_a_refusal_of_one_conversation_is_explained(berth, mksock):
    mksock("tcp listen 127.0.0.2:7000 as=a", "fork as=server keep=@a comm=nginx", "close @a")
    err = berth("relay", "-", "127.0.0.1:7000", input="", status=1).stderr.splitlines()
    assert err[0].startswith("berth: cannot connect to '127.0.0.1:7000': connection refused")
    assert "nginx[" in err[1] and err[2].startswith("berth: what helps: ")
