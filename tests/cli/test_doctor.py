"""berth doctor: each finding provoked where nothing else is, and found; nothing found where nothing is
wrong."""

import errno
import json
import re
import socket

import pytest

from lib import features, process
from lib.wait import wait_for


def examine(berth, *args, status=1, **keywords):
    """{name: finding}; of one name the first."""
    found = {}
    for row in berth("doctor", "--json", *args, status=status, **keywords).json():
        found.setdefault(row["name"], row)
    return found


@pytest.fixture
def only(berth, netns):
    """Asserts that a finding is there, and that besides only those are that it brings along."""

    def check(name, *also, **how):
        found = examine(berth, **how)
        assert name in found and not set(found) - {name, *also}, json.dumps(found, indent=1)
        assert found[name]["title"] and found[name]["evidence"] and found[name]["remedy"]
        return found[name]

    return check


# A server on 127.0.0.1 alone is found to be there by IPv4 only: most scenes have that too.
LOCALHOST = "localhost-one-family"


def test_idle_host_has_none(berth, netns):
    result = berth("doctor", status=0)
    assert result.stdout.startswith("nothing found: ")
    assert berth("doctor", "--json", status=0).json() == []


def test_a_good_server_has_none(berth, mksock):
    mksock("tcp listen 127.0.0.1:4444 reuseaddr as=a", "tcp listen [::1]:4444 reuseaddr",
           "tcp connect @a as=c", "tcp accept @a")
    assert examine(berth, status=0) == {}


def full_queue(netns, port=4444):
    """A listener whose queue is full, and the clients in it."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", port))
    listener.listen(1)
    clients = []
    for _ in range(2):
        client = socket.create_connection(("127.0.0.1", port), timeout=5)
        clients.append(client)
    return listener, clients


def test_accept_queue_full(only, netns):
    with netns.inside():
        listener, clients = full_queue(netns)
    found = only("accept-queue-full", LOCALHOST)
    assert found["severity"] == "bad" and "the queue of 127.0.0.1:4444 is full" in found["title"]
    assert found["evidence"].startswith("2 connections wait to be accepted, and there is room for 2\n")
    [listening] = found["sockets"]
    assert listening["recv_q"] == 2 and listening["send_q"] == 1 and listening["pid"]
    with netns.inside(), socket.socket() as late:
        late.settimeout(0.3)
        with pytest.raises(TimeoutError):  # the kernel agrees: this one is dropped
            late.connect(("127.0.0.1", 4444))
    assert "TcpExtListenOverflows" in only("accept-queue-overflowed", "accept-queue-full", LOCALHOST)["evidence"]
    for end in (listener, *clients):
        end.close()


def test_accept_queue_of_a_unix_socket(only, mksock):
    mksock("unix-stream listen @slow backlog=1 as=s", "unix-stream connect @s", "unix-stream connect @s")
    assert "@slow" in only("accept-queue-full")["title"]


def test_accept_queue_nearly_full(only, mksock):
    mksock("tcp listen 127.0.0.1:4444 backlog=8 as=s", *["tcp connect @s"] * 8)
    assert only("accept-queue-full", LOCALHOST)["severity"] == "warning"


def test_close_wait_piles_up(only, berth, mksock):
    lines = ["tcp listen 127.0.0.1:4444 backlog=64 as=s"]
    for i in range(10):
        lines += [f"tcp connect @s as=c{i}", f"tcp accept @s as=a{i}", f"close @c{i}"]
    mk = mksock("comm leaky", *lines)
    found = only("close-wait", LOCALHOST)
    assert found["title"] == f"leaky[{mk.pid}] doesn't close 10 connections that the other end has closed"
    assert {s["state"] for s in found["sockets"]} == {"CLOSE_WAIT"} and len(found["sockets"]) == 10
    assert "not read either" not in found["evidence"]  # an end is no byte
    mk.run("close @a0")
    assert "close-wait" not in examine(berth)


def test_ports_running_out(only, berth, netns, mksock):
    netns.sysctl("net.ipv4.ip_local_port_range", "20000 20009")
    mk = mksock("tcp listen 127.0.0.1:80 backlog=64 as=s", *["tcp connect @s"] * 7)
    assert "ports-running-out" not in examine(berth)
    mk.run("tcp connect @s")
    found = only("ports-running-out", LOCALHOST)
    assert found["severity"] == "warning" and found["title"].endswith("connections to 127.0.0.1:80")
    assert "8 of the 10 ports that 127.0.0.1 may use for it are taken: 8 ESTABLISHED" in found["evidence"]
    mk.run("tcp connect @s", "tcp connect @s")
    assert only("ports-running-out", LOCALHOST)["severity"] == "bad"
    with netns.inside(), socket.socket() as late:
        with pytest.raises(OSError) as e:  # the kernel agrees
            late.connect(("127.0.0.1", 80))
        assert e.value.errno == errno.EADDRNOTAVAIL


def test_ports_blocked(only, netns, mksock):
    netns.sysctl("net.ipv4.ip_local_port_range", "20000 20003")
    mk = mksock(*[f"tcp bind 127.0.0.9:{port}" for port in range(20000, 20004)])
    found = only("ports-blocked")
    assert found["severity"] == "bad" and found["title"].startswith("bound sockets take 4 of the 4 ports")
    assert f"[{mk.pid}] has 4" in found["evidence"]
    mk.run("tcp listen 127.0.0.1:80 as=s")
    with netns.inside(), socket.socket() as client:
        with pytest.raises(OSError) as e:  # though no connection has any of them
            client.connect(("127.0.0.1", 80))
        assert e.value.errno == errno.EADDRNOTAVAIL


def two(mksock, first, second):
    """Two servers, each of a process of its own."""
    return mksock(f"{first} as=a", f"{second} as=b", "fork as=one keep=@a comm=old",
                  "fork as=two keep=@b comm=new", "close @a", "close @b")


def test_addresses_that_nobody_takes_for_one(only, veth, mksock):
    mk = two(mksock, "tcp listen 127.0.0.1:4444", "tcp listen 192.168.1.89:4444")
    found = only("several-listeners", LOCALHOST)
    assert found["severity"] == "note" and found["remedy"].startswith("nothing, if it is meant so")
    lines = found["evidence"].splitlines()
    assert f"127.0.0.1 is answered by old[{mk.processes['one']}], on 127.0.0.1:4444" in lines
    assert f"192.168.1.89 is answered by new[{mk.processes['two']}], on 192.168.1.89:4444" in lines


def test_one_program_on_some_addresses_is_one(veth, berth, mksock):
    mksock("tcp listen 127.0.0.1:4444", "tcp listen 192.168.1.89:4444")
    assert set(examine(berth)) == {LOCALHOST}


def test_several_listeners_on_one_family(only, veth, mksock):
    mk = two(mksock, "tcp listen 127.0.0.1:4444 reuseport", "tcp listen 0.0.0.0:4444 reuseport")
    found = only("several-listeners", LOCALHOST)
    assert found["title"].startswith("port 4444 has several programs")
    lines = found["evidence"].splitlines()
    assert f"127.0.0.1 is answered by old[{mk.processes['one']}], on 127.0.0.1:4444" in lines
    assert f"192.168.1.89 is answered by new[{mk.processes['two']}], on 0.0.0.0:4444" in lines
    assert "[::1] is answered by nobody" in lines


@pytest.mark.parametrize("first, second", [
    ("127.0.0.1:4444", "[::1]:4444"), ("127.0.0.1:4444", "[::]:4444 v6only"),
    ("0.0.0.0:4444", "[::1]:4444"), ("0.0.0.0:4444", "[::]:4444 v6only")])
def test_localhost_of_two_servers(only, mksock, first, second):
    two(mksock, f"tcp listen {first}", f"tcp listen {second}")
    found = only("several-listeners")
    assert len(found["sockets"]) == 2


def test_one_server_with_two_sockets_is_one(berth, mksock):
    mksock("tcp listen 0.0.0.0:4444", "tcp listen [::]:4444 v6only")
    assert examine(berth, status=0) == {}


def test_one_program_with_a_process_for_each_family_is_one(berth, mksock):
    """As docker-proxy has it."""
    mksock("tcp listen 0.0.0.0:4444 as=a", "tcp listen [::]:4444 v6only as=b", "fork as=one keep=@a comm=proxy",
           "fork as=two keep=@b comm=proxy", "close @a", "close @b")
    assert examine(berth, status=0) == {}


def test_two_checkouts_of_a_program_are_two(berth, mksock, tmp_path):
    mksock("comm ruby", "tcp listen 127.0.0.1:4444", cwd="/")
    mksock("comm ruby", "tcp listen [::1]:4444", cwd=tmp_path)
    assert "several-listeners" in examine(berth)


def test_localhost_by_one_family(only, berth, mksock):
    mksock("tcp listen [::1]:4444", "tcp listen [::]:4445 v6only", "tcp listen [::]:4446 v6only=0")
    found = only(LOCALHOST)
    assert found["severity"] == "warning" and "2 services on localhost answer by IPv6 only" in found["title"]
    mksock("tcp listen 127.0.0.1:4447", "tcp listen 127.0.0.53:4448")
    rows = berth("doctor", "--json", status=1).json()
    assert [row["severity"] for row in rows] == ["warning", "note"]
    assert len(rows[1]["sockets"]) == 1
    assert len(berth("doctor", "--json", "--at-least", "warning", status=1).json()) == 1
    assert berth("doctor", "--json", "--at-least", "bad", status=0).json() == []


def test_open_to_all(only, veth, berth, mksock):
    mk = mksock("tcp listen [::]:4444 v6only=0 as=s")
    assert examine(berth, status=0) == {}  # no clients, no conclusion
    mk.run("tcp connect 192.168.1.89:4444 as=c", "tcp accept @s")
    assert "listens on *:4444" in only("open-to-all")["evidence"].replace("[::]", "*")
    there = mksock("tcp connect 192.168.1.89:4444 as=c", netns=veth.there)
    assert examine(berth, status=0) == {}
    there.close()


def test_time_wait_holds_port(only, netns):
    with netns.inside():
        with socket.socket() as server:
            server.bind(("127.0.0.1", 4444))
            server.listen()
            client = socket.create_connection(("127.0.0.1", 4444))
            accepted, _ = server.accept()
        accepted.close()
        client.close()
        with socket.socket() as again:
            with pytest.raises(OSError) as e:  # the kernel agrees
                again.bind(("127.0.0.1", 4444))
            assert e.value.errno == errno.EADDRINUSE
    found = only("time-wait-holds-port")
    assert found["severity"] == "note" and "server of port 4444" in found["title"]
    assert re.search(r"1 closed connection has it \(1 TIME_WAIT\), for another \S+s\n", found["evidence"])
    if features.has_bpf():
        assert "the last one didn't set SO_REUSEADDR" in found["evidence"]


def leave(port, reuse, client_closes=True):
    """A server with a connection that it closed first; the listener, and the client's end."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    server.bind(("127.0.0.1", port))
    server.listen()
    client = socket.create_connection(("127.0.0.1", port))
    server.accept()[0].close()
    if client_closes:
        client.close()
    return server, client


def can_bind(port, reuse):
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        try:
            again.bind(("127.0.0.1", port))
        except OSError as e:
            assert e.errno == errno.EADDRINUSE
            return False
        return True


def test_who_sets_reuseaddr_is_not_held(only, berth, netns):
    features.require(features.has_bpf)  # nobody else tells SO_REUSEADDR of TIME_WAIT
    with netns.inside():
        server, _ = leave(4444, reuse=1)
        assert set(examine(berth)) == {LOCALHOST}
        server.close()
        assert can_bind(4444, 1)  # the kernel agrees
        assert examine(berth, status=0) == {}
        server, _ = leave(4445, reuse=0)
        found = only("time-wait-holds-port", LOCALHOST)
        assert "without SO_REUSEADDR, and 1 closed connection has its port" in found["evidence"]
        server.close()
        assert not can_bind(4445, 0)


def test_clients_that_stay_hold_the_port_too(only, netns):
    with netns.inside():
        server, client = leave(4444, reuse=0, client_closes=False)
        server.close()
        assert not can_bind(4444, 0)
        found = only("time-wait-holds-port")
        assert "1 closed connection has it (1 FIN_WAIT2)" in found["evidence"]
        client.close()


def test_time_wait_of_a_client_is_nothing(berth, netns):
    with netns.inside():
        with socket.socket() as server:
            server.bind(("127.0.0.1", 4444))
            server.listen()
            client = socket.create_connection(("127.0.0.1", 4444))
            accepted, _ = server.accept()
        client.close()
        accepted.close()
    assert examine(berth, status=0) == {}


def until(examined, name):
    return wait_for(lambda: name in examined(), 15)


def test_retransmitting(only, berth, mksock):
    mksock("tcp state FIN_WAIT1 as=stuck")
    until(lambda: examine(berth, status=None), "retransmitting")
    found = only("retransmitting", LOCALHOST)
    assert re.search(r"\(FIN_WAIT1\): \d+ times in a row", found["evidence"])


def test_zero_window(only, berth, netns, mksock):
    with netns.inside():
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            server.bind(("127.0.0.1", 4444))
            server.listen()
            writer = socket.create_connection(("127.0.0.1", 4444))
            reader, _ = server.accept()
        writer.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                writer.send(bytes(65536))
    until(lambda: examine(berth, status=None), "zero-window")
    found = only("zero-window")
    assert re.search(r"the other end is on this host: .*, with \d+ bytes that it hasn't read", found["evidence"])
    writer.close()
    reader.close()


def test_loopback_down(only, netns, mksock):
    mksock("tcp listen 127.0.0.1:4444", "tcp listen [::1]:4444")
    netns.run("ip", "link", "set", "lo", "down")
    found = only("loopback-down", "localhost-one-family")
    assert found["severity"] == "bad" and found["remedy"] == "ip link set lo up"
    with netns.inside(), socket.socket() as client:
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):  # the kernel agrees
            client.connect(("127.0.0.1", 4444))


def test_somaxconn(only, netns, mksock):
    netns.sysctl("net.core.somaxconn", "16")
    mksock("tcp listen 127.0.0.1:4444 backlog=512", "tcp listen 127.0.0.1:4445 backlog=8")
    found = only("somaxconn", LOCALHOST)
    assert len(found["sockets"]) == 1 and "it asked for that or for more" in found["evidence"]
    netns.sysctl("net.core.somaxconn", "10")
    assert "which its next start won't get" in only("somaxconn", LOCALHOST)["evidence"]


def test_syn_cookies(only, berth, netns, mksock):
    netns.sysctl("net.ipv4.tcp_syncookies", "2")
    mksock("tcp listen 127.0.0.1:4444 as=s", "tcp connect @s")
    found = only("syn-cookies", LOCALHOST)
    assert found["title"] == "1 SYN cookie was sent: this host answers every SYN by one"
    assert "tcp_syncookies is 2" in found["evidence"]
    assert "syn-cookies" not in examine(berth, "--for", "0.1")  # that was before


def test_udp_errors(only, berth, netns):
    with netns.inside():
        with socket.socket(type=socket.SOCK_DGRAM) as receiver, socket.socket(type=socket.SOCK_DGRAM) as sender:
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
            receiver.bind(("127.0.0.1", 4444))
            for _ in range(50):
                sender.sendto(bytes(1000), ("127.0.0.1", 4444))
            found = only("udp-errors")
            assert "UdpRcvbufErrors" in found["evidence"] and "127.0.0.1:4444: " in found["evidence"]
            assert re.search(r"what it hasn't read takes \d+ bytes of its buffer", found["evidence"])
            assert found["sockets"][0]["proto"] == "udp"
            for via in ("diag", "bpf") if features.has_bpf() else ("diag",):
                [row] = berth("list", "--json", "-o", "memory", "--via", via, "udp", "sport = :4444").json()
                assert row["memory"]["drops"] > 40, via
        assert only("udp-errors")["sockets"] == []  # what the kernel counted stays


def test_reuseport_stranger(only, berth, mksock):
    mk = two(mksock, "tcp listen 127.0.0.1:4444 reuseport", "tcp listen 127.0.0.1:4444 reuseport")
    found = only("reuseport-stranger", LOCALHOST)
    assert found["title"].startswith("2 programs share 127.0.0.1:4444")
    assert f"old[{mk.processes['one']}] has 1" in found["evidence"] and len(found["sockets"]) == 2
    mksock("comm third", "tcp listen 127.0.0.1:4444 reuseport")
    assert only("reuseport-stranger", LOCALHOST)["title"].startswith("3 programs share")


def test_reuseport_workers_are_no_strangers(berth, mksock):
    mksock("tcp listen [::]:4444 v6only=0 reuseport as=a", "tcp listen [::]:4444 v6only=0 reuseport as=b",
           "fork as=one keep=@a comm=worker", "fork as=two keep=@b comm=worker", "close @a", "close @b")
    assert examine(berth, status=0) == {}


def change(path, sysctls=(), counters=()):
    host = json.loads(path.read_text())
    host["sysctls"].update(sysctls)
    host["counters"].update(counters)
    path.write_text(json.dumps(host))


@pytest.fixture
def saved(berth, netns, tmp_path):
    path = tmp_path / "host.json"
    berth("list", "--save", path)
    return path


def test_saved_host_answers_alike(berth, mksock, tmp_path):
    mksock("tcp listen 127.0.0.1:4444 backlog=1 as=s", "tcp connect @s", "tcp connect @s")
    path = tmp_path / "host.json"
    berth("list", "--all", "--options", "--timers", "--save", path)
    assert examine(berth, "--facts", path) == examine(berth)


def test_memory(berth, saved):
    change(saved, {"net.ipv4.tcp_mem": "100\t200\t300"}, {"sockstat.TCP.mem": 199})
    assert examine(berth, "--facts", saved, status=0) == {}
    change(saved, counters={"sockstat.TCP.mem": 200})
    assert examine(berth, "--facts", saved)["memory-near-limit"]["severity"] == "warning"
    change(saved, counters={"sockstat.TCP.mem": 290})
    assert examine(berth, "--facts", saved)["memory-near-limit"]["severity"] == "bad"


def test_orphans(berth, saved):
    change(saved, {"net.ipv4.tcp_max_orphans": "1000"}, {"sockstat.TCP.orphan": 499})
    assert examine(berth, "--facts", saved, status=0) == {}
    change(saved, counters={"sockstat.TCP.orphan": 950})
    assert examine(berth, "--facts", saved)["orphans-near-limit"]["severity"] == "bad"
    change(saved, counters={"sockstat.TCP.orphan": 0, "TcpExtTCPAbortOnMemory": 3})
    assert "3 closed connections were cut" in examine(berth, "--facts", saved)["orphans-near-limit"]["title"]


def test_much_may_not_be_seen(berth, mksock):
    features.require(features.is_root)
    mksock("tcp listen 127.0.0.1:4444", "tcp listen [::1]:4444")
    result = berth("doctor", user=process.NOBODY, status=3)
    assert result.stdout.startswith("nothing found") and "may not be seen" in result.stderr


def test_other_namespace(berth, make_netns, mksock):
    there = make_netns()
    mksock("tcp listen 127.0.0.1:4444 backlog=1 as=s", "tcp connect @s", "tcp connect @s", netns=there)
    assert examine(berth, status=0) == {}
    assert "accept-queue-full" in examine(berth, "--netns", there.inode)


@pytest.mark.parametrize("via", ["bpf", "diag"])
def test_each_way(berth, mksock, via):
    if via == "bpf":
        features.require(features.has_bpf)
    mksock("tcp listen 127.0.0.1:4444 backlog=1 as=s", "tcp connect @s", "tcp connect @s")
    assert "accept-queue-full" in examine(berth, "--via", via)


def test_words(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:4444 backlog=1 as=s", "tcp connect @s", "tcp connect @s")
    lines = berth("doctor", status=1).lines
    assert lines[0] == f"bad: mksock[{mk.pid}] doesn't accept: the queue of 127.0.0.1:4444 is full"
    assert "  what helps:" in lines and "" in lines and any(line.startswith("note: ") for line in lines)


def test_a_terminal_gets_lines_that_fit(berth, terminal, mksock):
    mksock("tcp listen 127.0.0.1:4444 backlog=1 as=s", "tcp connect @s", "tcp connect @s")
    shown = terminal([berth.path, "doctor", "--color", "never"], columns=60)
    assert shown.wait() == 1
    lines = shown.lines
    assert lines[0].startswith("bad: mksock[") and max(map(len, lines)) <= 60


def test_hostile_names(berth, mksock):
    mksock(r"comm \x1b[2J\nx", "tcp listen 127.0.0.1:4444 backlog=1 as=s", "tcp connect @s", "tcp connect @s")
    assert r"\x1b[2J\x0ax[" in berth("doctor", status=1).lines[0]


@pytest.mark.parametrize("words", [("x",), ("--for", "x"), ("--at-least", "x"), ("--for", "1", "--facts", "x")])
def test_mistakes(berth, words):
    result = berth("doctor", *words, status=2)
    assert result.stdout == "" and "--help" in result.stderr
