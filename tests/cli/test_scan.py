"""berth scan against known listeners, firewalls that drop and reject, and what nc says."""

import contextlib
import json
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from lib import features, process
from lib.wait import wait_for


def answers(berth, *args, status=None, **how):
    """{(address, port): answer}, or {port: answer} of a single address"""
    rows = berth("scan", "--json", *args, status=status, **how).json()
    several = len({row["address"] for row in rows}) > 1
    return {(r["address"], r["port"]) if several else r["port"]: r["answer"] for r in rows}


def row_of(berth, *args, **how):
    row, = berth("scan", "--json", *args, status=None, **how).json()
    return row


@pytest.fixture
def firewall(netns):
    """firewall("tcp dport 9000 drop", …): rules of the way in; out="…" of the way out."""

    def make(*rules, out=()):
        if not shutil.which("nft"):
            pytest.skip("not here: nft")
        chains = "\n".join(
            f"chain {hook} {{ type filter hook {hook} priority 0\n" + "\n".join(lines) + "\n}"
            for hook, lines in (("input", rules), ("output", out))
        )
        done = netns.run("nft", "-f", "-", input=f"table inet t {{\n{chains}\n}}\n", status=None)
        if done.status:
            pytest.skip(f"not here: {done.stderr.strip()}")

    return make


@pytest.fixture
def serve(netns):
    """serve(talk): a listener whose connections go to talk(connection); gives its port."""
    with contextlib.ExitStack() as stack:

        def make(talk):
            with netns.inside():
                server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))

            def loop():
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = server.accept()
                        with connection:
                            talk(connection)

            threading.Thread(target=loop, daemon=True).start()
            stack.callback(server.shutdown, socket.SHUT_RDWR)
            return server.getsockname()[1]

        yield make


# What the answers are


def test_open_and_refused(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:8022 as=s", "tcp listen [::1]:8023", "tcp bind 127.0.0.1:8024")
    assert answers(berth, "127.0.0.1", "8022-8024", status=0) == {
        8022: "open", 8023: "refused", 8024: "refused"}
    assert answers(berth, "::1", "8022-8024", status=0) == {
        8022: "refused", 8023: "open", 8024: "refused"}
    row = row_of(berth, "127.0.0.1", "8022")
    assert row["error"] is None and row["time_us"] < 2_000_000 and row["tries"] == 1
    assert row_of(berth, "127.0.0.1", "8024")["error"] == "ECONNREFUSED"
    assert mk["s"]


def test_exit_statuses_and_totals(berth, mksock):
    mksock("tcp listen 127.0.0.1:8022")
    result = berth("scan", "127.0.0.1", "8022,8023", status=0)
    assert ": 1 open, 1 refused\n" in result.stderr and "2 TCP ports in " in result.stderr
    assert "0 open, 1 refused" in berth("scan", "127.0.0.1", "8023", status=1).stderr
    assert berth("scan", "-q", "127.0.0.1", "8023", status=1).stderr == ""


def test_no_answer_and_its_retries(berth, firewall):
    firewall("tcp dport 9000-9001 drop")
    words = ("--timeout", "0.1", "127.0.0.1", "9000")
    row = row_of(berth, *words)
    assert (row["answer"], row["error"], row["time_us"]) == ("no-answer", "ETIMEDOUT", None)
    assert row["tries"] == 1
    assert row_of(berth, "--retries", "2", *words)["tries"] == 3
    assert "a firewall of this host drops" in berth("scan", *words, status=1).stdout


def test_a_full_queue_of_this_host(berth, netns):
    with netns.inside(), socket.create_server(("127.0.0.1", 9000), backlog=0), socket.socket() as waits:
        waits.connect(("127.0.0.1", 9000))
        row = row_of(berth, "--timeout", "0.1", "127.0.0.1", "9000")
    assert row["answer"] == "no-answer"
    assert row["why"] == "a firewall drops, or the listener's queue is full"


def test_many_wait_together(berth, firewall):
    """One after the other they'd need 100 seconds."""
    firewall("tcp dport 9000-9099 drop")
    found = answers(berth, "-t", "1", "127.0.0.1", "9000-9099", timeout=30)
    assert set(found.values()) == {"no-answer"} and len(found) == 100


def test_unreachable(berth, firewall):
    firewall("tcp dport 9000 reject with icmp type host-unreachable",
             "tcp dport 9001 reject with tcp reset")
    row = row_of(berth, "127.0.0.1", "9000")
    assert (row["answer"], row["error"]) == ("unreachable", "EHOSTUNREACH")
    assert row["why"] == "no route to host: a firewall of this host rejects"
    assert row_of(berth, "127.0.0.1", "9001")["answer"] == "refused"
    row = row_of(berth, "192.0.2.1", "80")
    assert (row["answer"], row["error"]) == ("unreachable", "ENETUNREACH")
    assert row["why"] == "network is unreachable: this host has no route there"


def test_whose_word_it_is(berth, netns, firewall):
    firewall(out=["tcp dport 9010 reject with icmp type net-unreachable"])
    row = row_of(berth, "127.0.0.1", "9010")
    assert row["why"] == "network is unreachable: a firewall of this host rejects"
    for route, error, why in (
            ("unreachable", "EHOSTUNREACH",
             "no route to host: this host's route there is an unreachable one"),
            ("prohibit", "EACCES",
             "permission denied: a route or a sandbox of this host prohibits")):
        netns.ip(f"route add {route} 192.0.2.0/24")
        row = row_of(berth, "192.0.2.1", "80")
        assert (row["error"], row["why"]) == (error, why)
        netns.ip(f"route del {route} 192.0.2.0/24")


def test_without_a_loopback_interface(berth, make_netns):
    ns = make_netns()
    ns.ip("link set lo down")
    assert row_of(berth, "-t", "0.05", "127.0.0.1", "80",
                  netns=ns)["why"] == "the loopback interface is down"
    ns.ip("addr del 127.0.0.1/8 dev lo")
    row = row_of(berth, "127.0.0.1", "80", netns=ns)
    assert row["why"] == "network is unreachable: the loopback interface is down"


def test_across_a_wire(berth, veth, mksock):
    mksock("tcp listen 192.168.1.1:8022", "tcp listen [::]:8023", netns=veth.there)
    assert answers(berth, veth.there_address, "8022-8024", status=0) == {
        8022: "open", 8023: "open", 8024: "refused"}
    row = row_of(berth, veth.there_address6, "8023")
    assert (row["answer"], row["local"], row["listeners"]) == ("open", False, None)


def test_a_host_that_is_down(berth, veth):
    """Nobody answers for the address on the wire: the kernel's neighbour discovery says so."""
    veth.here.sysctl("net.ipv4.neigh.en0.retrans_time_ms", 50)
    row = row_of(berth, "-t", "5", "192.168.1.77", "80")
    assert (row["answer"], row["error"]) == ("unreachable", "EHOSTUNREACH")


def test_a_service_that_resets_at_once_is_open(berth, serve):
    def reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    port = serve(reset)
    for _ in range(20):
        assert row_of(berth, "127.0.0.1", port)["answer"] == "open"


def test_never_connected_to_itself(berth, netns):
    """Where the kernel takes the very port for the client's, nc says that it is open."""
    netns.sysctl("net.ipv4.ip_local_port_range", "40000 40001")
    for _ in range(10):
        found = answers(berth, "127.0.0.1", "40000,40001")
        assert set(found.values()) == {"refused"}
        found = answers(berth, "-u", "-t", "0.2", "127.0.0.1", "40000,40001")
        assert set(found.values()) == {"closed"}


def test_as_nc_says(berth, mksock):
    if not shutil.which("nc"):
        pytest.skip("not here: nc")
    mksock("tcp listen 127.0.0.1:8003", "tcp listen 127.0.0.1:8010", "tcp listen 127.0.0.1:8020")
    found = answers(berth, "127.0.0.1", "8000-8020")
    nc = berth.netns.run("nc", "-n", "-z", "-v", "127.0.0.1", "8000-8020", status=None).stderr
    for port, answer in found.items():
        line = next(line for line in nc.splitlines() if str(port) in line)
        assert ("succeeded" in line or "open" in line) == (answer == "open"), line


def test_descriptors_that_run_out(berth, mksock, firewall):
    firewall("tcp dport 9000-9002 drop")
    mksock("tcp listen 127.0.0.1:150")
    result = berth.netns.run(
        "bash", "-c", f"ulimit -Sn 24 -Hn 24; {berth.path} scan --json -p 500 -t 0.3 127.0.0.1"
        " 9000-9002,1-200")
    counts = [row["answer"] for row in result.json()]
    assert (counts.count("no-answer"), counts.count("open"), counts.count("refused")) == (3, 1, 199)


# UDP


def test_udp(berth, netns, mksock, firewall):
    firewall("udp dport 9003 reject with icmp type host-unreachable", out=["udp dport 9010 drop"])
    mksock("udp bind 127.0.0.1:9001")
    with netns.inside():
        echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        echo.bind(("127.0.0.1", 9002))

    def talk():
        with contextlib.suppress(OSError):
            while True:
                _, peer = echo.recvfrom(100)
                echo.sendto(b"pong", peer)

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    words = ("-u", "-t", "0.3", "127.0.0.1", "9000-9003,9010")
    assert answers(berth, *words, status=0) == {
        9000: "closed", 9001: "open-or-filtered", 9002: "open", 9003: "unreachable",
        9010: "not-permitted"}
    row = row_of(berth, "-u", "-b", "127.0.0.1", "9002")
    assert row["banner"] == "pong"
    echo.close()


def test_udp_services_are_asked_what_they_understand(berth, netns):
    with netns.inside():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 53))
    with server:
        row = row_of(berth, "-u", "-t", "0.05", "-r", "0", "127.0.0.1", "domain")
        assert (row["answer"], row["service"], row["tries"]) == ("open-or-filtered", "domain", 1)
        server.settimeout(5)
        question = server.recv(100)
        assert len(question) == 17 and question.endswith(b"\0\0\2\0\1")


def test_not_let_out(berth, firewall):
    firewall(out=["udp dport 9010 drop"])
    result = berth("scan", "-u", "127.0.0.1", "9010", status=3)
    assert "not permitted" in result.stdout and "a firewall or a sandbox" in result.stdout


# Banners


def test_banner(berth, serve):
    def greet(connection):
        connection.sendall(b"220 \x1b[31mhello\xff\r\n")

    def silent(connection):
        connection.settimeout(10)
        with contextlib.suppress(OSError):
            connection.recv(1)

    greeting, mute = serve(greet), serve(silent)
    words = ("-b", "--banner-wait", "0.2", "127.0.0.1", greeting, mute)
    first, second = berth("scan", "--json", *words).json()
    assert (first["banner"], first["answer"]) == ("220 \x1b[31mhello\uefff", "open")
    assert (second["banner"], second["answer"]) == (None, "open")
    assert "220 \\x1b[31mhello\\xff" in berth("scan", *words).stdout
    row = row_of(berth, "127.0.0.1", greeting)
    assert row["banner"] is None


def test_a_banner_has_an_end(berth, serve):
    def flood(connection):
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"x" * 65536)

    assert row_of(berth, "-b", "127.0.0.1", serve(flood))["banner"] == "x" * 1024


# Who listens here


def test_who_listens_on_this_host(berth, mksock, firewall):
    firewall("tcp dport 9000 drop")
    mk = mksock("tcp listen 127.0.0.1:8022 as=a", "tcp listen 0.0.0.0:9000 as=dropped",
                "tcp listen [::1]:8023 as=other")
    rows = berth("scan", "--json", "-t", "0.1", "127.0.0.1", "8022,8023,9000").json()
    opened, refused, dropped = rows
    assert all(row["local"] for row in rows)
    assert [owner["pid"] for owner in opened["listeners"]] == [mk.pid]
    assert opened["listeners"][0]["address"] == "127.0.0.1"
    assert refused["listeners"] == []
    assert (dropped["answer"], dropped["listeners"][0]["pid"]) == ("no-answer", mk.pid)
    row = row_of(berth, "--no-owners", "127.0.0.1", "8022")
    assert (row["answer"], row["listeners"]) == ("open", None)


def test_owners_that_may_not_be_seen(berth, mksock):
    features.require(features.is_root)
    mksock("tcp listen 127.0.0.1:8022")
    result = berth("scan", "--json", "127.0.0.1", "8022", user=process.NOBODY)
    row, = result.json()
    assert row["answer"] == "open"
    assert row["listeners"][0]["pid"] is None
    assert "pid" in row["listeners"][0]["not_permitted"]
    assert "owners may not be seen" in result.stderr


# The words


def test_ports_in_all_their_forms(berth, netns):
    found = answers(berth, "127.0.0.1", "ssh,80", "81-83", "http", "82")
    assert list(found) == [22, 80, 81, 82, 83]
    assert row_of(berth, "127.0.0.1", "ssh")["service"] == "ssh"


def test_hosts_in_all_their_forms(berth, netns):
    found = answers(berth, "127.0.0.4/30,::1,127.0.0.5", "80,81")
    assert [address for address, port in found if port == 80] == [
        "127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.7", "::1"]
    assert {address for address, _ in answers(berth, "*", "80")} == {"127.0.0.1", "::1"}
    rows = berth("scan", "--json", "fe80::1%lo,[::1]", "80", status=None).json()
    assert [row["host"] for row in rows] == ["fe80::1%lo", "[::1]"]


def test_a_name_with_several_addresses(berth, netns, tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 twin\n127.0.0.2 twin\n::1 twin\n")
    command = f"mount --bind {hosts} /etc/hosts && exec {berth.path} scan --json "

    def scan(words):
        return netns.run("unshare", "-m", "bash", "-c", command + words, status=None)

    features.require(features.is_root)
    one = scan("twin 80")
    assert "'twin' has " in one.stderr and "--all-addresses" in one.stderr
    assert len(one.json()) == 1
    every = scan("--all-addresses twin 80")
    assert {row["address"] for row in every.json()} == {"127.0.0.1", "127.0.0.2", "::1"}
    assert {row["host"] for row in every.json()} == {"twin"}
    six = scan("-6 twin 80")
    assert [row["address"] for row in six.json()] == ["::1"]


def test_no_mass_scanner(berth, netns):
    assert len(answers(berth, "127.0.0.0/26", "80")) == 64
    for words in ("127.0.0.0/25", "::/0", "127.0.0.0/26,127.0.1.0"):
        stderr = berth("scan", words, "80", status=2).stderr
        assert "64 are the most: berth is no mass scanner" in stderr


def test_mistakes(berth, netns):
    def says(*words):
        result = berth("scan", *words, status=2)
        assert result.stdout == ""
        return result.stderr

    assert "ports are missing" in says("127.0.0.1")
    assert "word is missing" in says()
    assert "'nope' is no port" in says("127.0.0.1", "nope")
    assert "ports are 1 to 65535" in says("127.0.0.1", "0")
    assert "ports are 1 to 65535" in says("127.0.0.1", "70000")
    assert "ports are 1 to 65535" in says("127.0.0.1", "90-80")
    assert "missing at a comma" in says("127.0.0.1", "80,,81")
    assert "a word of its own" in says("127.0.0.1:80", "80")
    assert "is no network" in says("x/8", "80")
    assert "--udp" in says("udp:localhost:5", "80")
    assert "only one of" in says("-4", "-6", "localhost", "80")
    assert "another family" in says("-6", "127.0.0.0/30", "80")
    assert "there is no column 'x'" in says("-o", "x", "127.0.0.1", "80")
    assert "--timeout 0" in says("-t", "0", "127.0.0.1", "80")


def test_a_name_that_is_not_found(berth, mksock):
    mksock("tcp listen 127.0.0.1:8022")
    result = berth("scan", "--json", "no-such-name.invalid,127.0.0.1", "8022", status=0)
    assert "cannot resolve 'no-such-name.invalid'" in result.stderr
    assert [row["answer"] for row in result.json()] == ["open"]
    berth("scan", "no-such-name.invalid", "80", status=1)


# Output


def test_neighbours_are_drawn_together(berth, mksock):
    mksock("tcp listen 127.0.0.1:8022")
    ports = [line.split()[0] for line in berth("scan", "-o", "port,answer", "--no-header",
                                               "127.0.0.1", "8020-8030,80,81").lines]
    assert ports == ["8020-8021", "8022", "8023-8030", "80", "81"]
    each = berth("scan", "--each", "-o", "port", "--no-header", "127.0.0.1", "8020-8030").lines
    assert [line.strip() for line in each] == [str(port) for port in range(8020, 8031)]
    assert len(answers(berth, "127.0.0.1", "8020-8030")) == 11
    # Two addresses stay apart.
    lines = berth("scan", "-o", "address,port", "--no-header", "127.0.0.1,127.0.0.2", "80-81,82-83",
                  status=1).lines
    assert [line.split() for line in lines] == [["127.0.0.1", "80-83"], ["127.0.0.2", "80-83"]]


def test_open_alone(berth, mksock):
    mksock("tcp listen 127.0.0.1:8022", "tcp listen 127.0.0.1:8030")
    assert answers(berth, "--open", "127.0.0.1", "8000-8100") == {8022: "open", 8030: "open"}


def test_rows_come_while_others_wait(berth, veth, mksock):
    """Of another host: of this one who listens is read at the end."""
    mksock("tcp listen 192.168.1.1:8022", netns=veth.there)
    veth.here.ip("neigh add 192.168.1.77 lladdr 02:00:00:00:00:77 dev en0")  # is nobody's
    begun = time.monotonic()
    running = berth.start("scan", "--jsonl", "-t", "30", f"{veth.there_address},192.168.1.77",
                          "8022", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first = json.loads(running.stdout.readline())
    assert (first["port"], first["answer"]) == (8022, "open")
    assert time.monotonic() - begun < 15
    running.send_signal(signal.SIGTERM)
    assert running.communicate(timeout=10)[0] == ""


def test_ended_by_a_signal(berth, firewall, mksock):
    firewall("tcp dport 9000 drop")
    mk = mksock("tcp listen 127.0.0.1:8022 as=s")
    running = berth.start("scan", "--json", "-t", "60", "127.0.0.1", "9000,8022",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: mk.refresh()["s"].record["recv_q"], what="a connection in the queue")
    wait_for(lambda: _sleeps(running.pid), what="that it waits")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=10)
    assert [row["port"] for row in json.loads(out)] == [8022]
    assert "stopped after 1 of 2" in err
    assert running.returncode == 0


def _sleeps(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "S"


def test_a_reader_that_goes_away(berth, netns):
    result = netns.run("bash", "-c", f"{berth.path} scan --jsonl 127.0.0.1 1-5000 | head -n 1")
    assert len(result.lines) == 1
    assert "cannot" not in result.stderr
