"""berth free: it ends what it showed, nothing else, and tells the truth afterwards."""

import signal
import socket

from lib import features, process
from lib.wait import wait_for


def served(mksock, *lines):
    """A listener that a process of its own holds; (mk, its pid)."""
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "fork as=p keep=@srv comm=server", *lines, "close @srv")
    mk.refresh()
    return mk, mk["srv"].pids[0]


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ends_the_holder(berth, mksock, netns):
    mk, pid = served(mksock)
    port = mk["srv"].port
    result = berth("free", "--yes", port)
    assert f"server[{pid}]" in result.stdout
    assert not is_alive(pid)
    with netns.inside(), socket.socket() as s:
        s.bind(("127.0.0.1", port))


def test_dry_run_ends_nothing(berth, mksock):
    mk, pid = served(mksock)
    assert f"server[{pid}]" in berth("free", "--dry-run", mk["srv"].port).stdout
    assert is_alive(pid)


def test_without_a_terminal_nothing_is_ended(berth, mksock):
    mk, pid = served(mksock)
    result = berth("free", mk["srv"].port, input="y\n", status=1)
    assert "--yes" in result.stderr
    assert is_alive(pid)


def test_asks_on_a_terminal(berth, mksock, terminal):
    mk, pid = served(mksock)
    shown = terminal([berth.path, "free", mk["srv"].port])
    shown.expect(r"\?")
    shown.type("n\n")
    assert shown.wait() == 1 and is_alive(pid)
    shown = terminal([berth.path, "free", mk["srv"].port])
    shown.expect(r"\?")
    shown.type("y\n")
    assert shown.wait() == 0
    wait_for(lambda: not is_alive(pid), what="its end")


def test_only_the_holder(berth, mksock):
    mk, pid = served(mksock, "tcp listen 127.0.0.1:0 as=other", "fork as=q keep=@other comm=other")
    mk.refresh()
    others = set(mk["other"].pids) - {pid}
    berth("free", "--yes", mk["srv"].port)
    assert not is_alive(pid) and others and all(is_alive(other) for other in others)


def test_what_does_not_end_in_time(berth, netns):
    """A holder that ignores SIGTERM stays, is told, and ends by --kill."""
    listener = (
        "import signal, socket, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "s = socket.socket(); s.bind(('127.0.0.1', 4444)); s.listen()\n"
        "print('up', flush=True); sys.stdin.read()\n"
    )
    pipe = process.subprocess.PIPE
    stubborn = process.start(["/usr/bin/python3", "-c", listener], netns=netns, stdin=pipe, stdout=pipe)
    try:
        assert stubborn.stdout.readline() == "up\n"
        berth("free", "--yes", "--timeout", "100ms", "4444", status=1)
        assert stubborn.poll() is None
        berth("free", "--yes", "--kill", "--timeout", "100ms", "4444")
        assert stubborn.wait(10) == -signal.SIGKILL
    finally:
        process.end(stubborn)


def test_connections_alone(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a")
    result = berth("free", "--yes", "--connections", mk["srv"].port, status=None)
    if "not supported" in result.stderr or "INET_DIAG_DESTROY" in result.stderr:
        features.pytest.skip("not here: SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)")
    assert result.status == 0 and is_alive(mk.pid)
    states = [row["state"] for row in berth("list", "--json", f"port = :{mk['srv'].port}").json()]
    assert "LISTEN" in states and "ESTABLISHED" not in states


def test_nobody_has_it(berth, netns):
    result = berth("free", "--yes", "9999", status=None)
    assert result.status in (0, 1) and "9999" in result.stdout + result.stderr


def test_another_users_process(berth, mksock):
    features.require(features.is_root)
    mk, pid = served(mksock)
    assert berth("free", "--yes", mk["srv"].port, user=process.NOBODY, status=None).status in (1, 3)
    assert is_alive(pid)
