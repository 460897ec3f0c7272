"""berth free: it ends what it showed, nothing else, and tells how it came out."""

import json
import os
import shutil
import signal
import socket
import subprocess

import pytest

from lib import features, process
from lib.wait import wait_for

# A process that has a port of its own, and listens to SIGTERM as it is told.
HOLDER = """
import signal, socket, sys
if sys.argv[1] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
s = socket.create_server((sys.argv[2], int(sys.argv[3])))
print(s.getsockname()[1], flush=True)
sys.stdin.read()
"""


class Holder:
    def __init__(self, netns, port=0, deaf=False, user=None, address="127.0.0.1"):
        self.process = process.start(
            ["/usr/bin/python3", "-c", HOLDER, "deaf" if deaf else "-", address, port],
            netns=netns,
            user=user,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.pid = self.process.pid
        self.port = int(self.process.stdout.readline())

    def lives(self):
        return self.process.poll() is None

    def ended_by(self):
        return -self.process.wait(10)


@pytest.fixture
def holder(netns):
    started = []

    def make(**how):
        started.append(Holder(netns, **how))
        return started[-1]

    yield make
    for one in started:
        process.end(one.process)


@pytest.mark.parametrize("way", ["best", "without bpf"])
def test_ends_the_holder_and_no_other(berth, holder, netns, way):
    one, other = holder(), holder()
    less = ["bpf", "sys_admin"] if way != "best" else []
    result = berth("free", one.port, "--yes", without=less)
    assert f"[{one.pid}]" in result.stdout and f"[{other.pid}]" not in result.stdout
    assert result.lines[-1] == f"{one.port} is free"
    assert one.ended_by() == signal.SIGTERM
    assert other.lives()
    with netns.inside(), socket.socket() as again:
        again.bind(("127.0.0.1", one.port))


def test_every_holder_of_a_port_is_ended(berth, holder, mksock):
    other = holder()
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "fork count=2 keep=@srv as=kid")
    port, mine = mk["srv"].port, mk.refresh()["srv"].pids
    result = berth("free", port, "--yes")
    assert all(f"[{pid}]" in result.stdout for pid in mine) and len(mine) == 3
    assert result.lines[-1] == f"{port} is free" and other.lives()


def test_a_free_port_is_free(berth, netns):
    result = berth("free", "14")
    assert (result.stdout, result.stderr) == ("14 is free\n", "")
    assert netns


@pytest.mark.parametrize("target", ["nosuch", "127.0.0.3", "sport = :14", "unix:@nosuch"])
def test_only_a_port_is_free(berth, netns, target):
    """A misspelt name has to look like one, also with --dry-run and --yes."""
    for option in ("--yes", "--dry-run"):
        result = berth("free", target, option, status=1)
        assert (result.stdout, result.stderr) == ("", f"berth: nobody has '{target}'\n")
    for place in ("127.0.0.1:14", "udp:14", "14-15", "localhost:14"):
        assert berth("free", place, "--yes").stdout == f"{place} is free\n"
    assert netns


def test_a_port_that_the_firewall_hands_on(berth, holder, netns):
    """Nothing is bound, and yet who takes it hears nobody."""
    if not shutil.which("nft", path="/usr/sbin"):
        pytest.skip("not here: nft")
    one = holder()
    netns.run("nft", "-f", "-", input="table ip n { chain c { type nat hook prerouting priority -100;\n"
              f"tcp dport {{ 14, {one.port} }} redirect to :99\n}}\n}}\n")
    rule = (", but the firewall may hand it on:\n\nforwarded to :99\n"
            f"  rule       tcp dport {{ 14, {one.port} }} redirect to :99\n")
    for options in ([], ["--dry-run"]):
        assert berth("free", "14", *options).stdout == f"nothing is bound to 14{rule}"
    assert berth("free", "15", "14").stdout == f"15 is free\n\nnothing is bound to 14{rule}"
    assert berth("free", "udp:14").stdout == "udp:14 is free\n"
    assert berth("free", one.port, "--yes").stdout.endswith(f"nothing is bound to {one.port}{rule}")


def test_a_process_that_is_ended_is_no_port(berth, holder):
    one = holder()
    assert berth("free", f"pid:{one.pid}", "--yes").lines[-1] == f"pid:{one.pid} has ended"
    assert one.ended_by() == signal.SIGTERM
    result = berth("free", f"pid:{one.pid}", "--yes", status=1)
    assert (result.stdout, result.stderr) == ("", f"berth: there is no process {one.pid}\n")
    result = berth("free", f"pid:{os.getpid()}", "--yes", status=1)
    assert result.stderr == f"berth: process {os.getpid()} has no sockets in this network namespace\n"


def test_without_a_terminal_nothing_is_ended(berth, holder):
    one = holder()
    result = berth("free", one.port, status=1)
    assert "use --yes" in result.stderr and one.lives()
    assert "use --yes" in berth("free", one.port, input="y\n", status=1).stderr and one.lives()


def test_dry_run_ends_nothing(berth, holder):
    one = holder()
    result = berth("free", one.port, "--yes", "--dry-run")
    assert f"[{one.pid}]" in result.stdout and "is free" not in result.stdout and one.lives()


@pytest.mark.parametrize("answer", ["n\n", "\n", "x\n", "\x04"])
def test_a_no_ends_nothing(berth, holder, terminal, answer):
    one = holder()
    shown = terminal([berth.path, "free", one.port])
    shown.expect(r"End this process\? \[y/N\] ")
    shown.type(answer)
    assert shown.wait() == 1 and one.lives()


def test_a_yes_ends_it(berth, holder, terminal):
    one = holder()
    shown = terminal([berth.path, "free", one.port])
    shown.expect(rf"\[{one.pid}\](.|\n)*End this process\? \[y/N\] ")
    assert one.lives()
    shown.type("y\n")
    assert shown.wait() == 0 and one.ended_by() == signal.SIGTERM
    assert shown.lines[-1] == f"{one.port} is free"


def test_one_that_ignores_sigterm(berth, holder):
    one = holder(deaf=True)
    result = berth("free", one.port, "--yes", "--timeout", "300ms", status=1)
    assert result.stderr == (f"berth: python3[{one.pid}] hasn't ended 300ms after SIGTERM: it ignores that, "
                             "or needs longer (--timeout); --kill ends it then\n")
    assert one.lives()
    result = berth("free", one.port, "--yes", "--timeout", "300ms", "--kill")
    assert one.ended_by() == signal.SIGKILL and result.lines[-1] == f"{one.port} is free"


def test_a_timeout_of_centuries(berth, holder):
    one = holder()
    berth("free", one.port, "--yes", "--timeout", "100000h", "--kill")
    assert one.ended_by() == signal.SIGTERM


def test_what_is_left_is_told(berth, mksock):
    """The server is ended first, so that its end is the one that waits."""
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a",
                "fork keep=@c", "close @c")
    port = mk["srv"].port
    result = berth("free", f"pid:{mk.pid}", "--yes", status=None)
    assert f"[{mk.pid}]" in result.stdout
    wait_for(lambda: berth("who", port, status=None).status == 0, 5)
    result = berth("free", port, "--yes", status=1)
    assert "remains" in result.stdout and "no process holds it" in result.stderr
    assert "that goes by itself" in result.stderr and "berth explain bind --reuseaddr" in result.stderr


def test_still_taken_is_told(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a",
                "fork keep=@srv,@a as=server", "close @srv", "close @a")
    server, port = mk.processes["server"], mk["srv"].port
    result = berth("free", port, "--yes", status=1)
    assert f"[{server}]" in result.stdout and f"[{mk.pid}]" not in result.stdout
    assert f"{port} is still taken:" in result.stdout and "remains" in result.stdout


def test_an_ordinary_user_and_roots_process(berth, holder):
    one = holder()
    result = berth("free", one.port, "--yes", user=process.NOBODY, status=3)
    assert "may not be seen" in result.stderr and one.lives()


def test_an_ordinary_user_ends_its_own(berth, holder):
    roots, own = holder(), holder(user=process.NOBODY)
    result = berth("free", own.port, "--yes", user=process.NOBODY)
    assert own.ended_by() == signal.SIGTERM and roots.lives()
    assert result.lines[-1] == f"{own.port} is free"


def test_where_one_may_not_be_ended_none_is(berth, holder):
    """Root without CAP_KILL sees both, and may end one."""
    own = holder(address="127.0.0.1")
    others = holder(address="127.0.0.2", port=own.port, user=process.NOBODY)
    result = berth("free", own.port, "--yes", without=["kill"], status=3)
    assert f"[{others.pid}]" in result.stderr and "operation not permitted" in result.stderr
    assert own.lives() and others.lives()


def test_what_could_not_be_shown_is_not_ended(berth, holder):
    one = holder()
    with open("/dev/full", "w", encoding="utf-8") as full:
        result = berth("free", one.port, "--yes", stdout=full, status=1)
    assert "no space left" in result.stderr and one.lives()


def test_connections(berth, mksock):
    features.require(features.has_sock_destroy)
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a",
                "tcp listen 127.0.0.1:0 as=other", "tcp connect @other as=oc",
                "tcp accept @other as=oa")
    result = berth("free", mk["srv"].port, "--connections", "--yes")
    assert "closed 1 connection" in result.stdout
    rows = json.loads(berth("list", "--json", "tcp").stdout)
    ports = [row["local"]["port"] for row in rows if row["state"] == "ESTABLISHED"]
    assert sorted(ports) == sorted([mk["oc"].port, mk["oa"].port])
    assert mk["srv"].find(rows)["state"] == "LISTEN"
    os.kill(mk.pid, 0)


def test_a_dry_run_counts_the_connections(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "tcp connect @srv as=c1", "tcp accept @srv as=a1", "tcp connect @srv as=c2")
    result = berth("free", mk["srv"].port, "--connections", "--dry-run")
    assert result.lines[-1] == "2 connections would be closed"
    assert mk["c1"].find(berth("list", "--json", "tcp").json())["state"] == "ESTABLISHED"


def test_without_a_connection_nothing_is_asked(berth, holder):
    one = holder()
    assert berth("free", one.port, "--connections", "--dry-run").lines[-1] == "0 connections would be closed"
    assert berth("free", one.port, "--connections").lines[-1] == "closed 0 connections"


def test_connections_without_the_privilege(berth, mksock):
    features.require(features.has_sock_destroy)
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a")
    result = berth("free", mk["srv"].port, "-c", "-y", user=process.NOBODY, status=3)
    assert "CAP_NET_ADMIN" in result.stderr
    rows = json.loads(berth("list", "--json", "tcp").stdout)
    assert mk["c"].find(rows)["state"] == "ESTABLISHED"


def test_colours(berth, holder, terminal):
    one = holder()
    coloured = f"\033[35mpython3[{one.pid}]\033[0m"
    shown = terminal([berth.path, "free", "--dry-run", one.port])
    assert shown.wait() == 0 and coloured in shown.shown
    assert "\033" not in berth("free", "--dry-run", one.port).stdout
    assert coloured in berth("free", "--dry-run", "--color=always", one.port).stdout
    plain = terminal([berth.path, "free", "--dry-run", "--color=never", one.port])
    assert plain.wait() == 0 and "\033" not in plain.shown


def test_an_empty_target_ends_nothing(berth, holder):
    """free "$PORT" --yes, with PORT never set."""
    one = holder()
    for words in ([""], [" ", ""], [":"]):
        assert "TARGET is empty" in berth("free", "--yes", *words, status=2).stderr
    assert one.lives()


def test_several_targets(berth, holder):
    one, two, other = holder(), holder(), holder()
    result = berth("free", one.port, two.port, "--dry-run")
    assert f"[{one.pid}]" in result.stdout and f"\n\npython3[{two.pid}]" in result.stdout
    assert "is free" not in result.stdout and one.lives() and two.lives()
    result = berth("free", one.port, "14", two.port, "--yes")
    assert [line for line in result.lines if "is free" in line] == [
        f"{one.port} is free", "14 is free", f"{two.port} is free"]
    assert one.ended_by() == two.ended_by() == signal.SIGTERM and other.lives()


def test_a_mistake_among_several_targets_ends_nothing(berth, holder):
    one = holder()
    for words in (["77777"], ["nix and"], [""], ["nixda.invalid:80"]):
        berth("free", one.port, *words, "--yes", status=2)
    assert one.lives()
