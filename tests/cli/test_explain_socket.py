"""berth explain socket: every state that a socket can be in, and who has to move."""

import shutil
import socket

import pytest

from lib import features, process, schema
from lib.wait import wait_for


def explain(berth, *words, status=0, **keywords):
    said = berth("explain", "socket", "--json", *words, status=status, **keywords).json()
    schema.check(said, "explain_socket")
    return said


def ends(sock):
    peer = sock.peer and sock.peer["port"] and f"{sock.peer['address']}:{sock.peer['port']}"
    return [sock.endpoint] + ([peer] if peer else [])


def one(berth, sock):
    [said] = explain(berth, *ends(sock))["sockets"]
    return said


# state, orphan, situation, who has to move, next
STATES = [
    ("LISTEN", False, "listens", "client", None),
    ("CLOSE", False, "bound", "program", None),
    ("ESTABLISHED", False, "idle", "nobody", None),
    ("QUEUED", False, "not-accepted", "listener", None),
    ("SYN_SENT", False, "connecting", "peer", "ESTABLISHED"),
    ("SYN_RECV", False, "handshake", "peer", "ESTABLISHED"),
    ("FIN_WAIT1", False, "fin-sent", "peer", "FIN_WAIT2"),
    ("FIN_WAIT1", True, "fin-sent", "peer", "FIN_WAIT2"),
    ("FIN_WAIT2", False, "half-closed", "peer", "TIME_WAIT"),
    ("FIN_WAIT2", True, "fin-awaited", "peer", "TIME_WAIT"),
    ("CLOSE_WAIT", False, "not-closed", "program", "LAST_ACK"),
    ("LAST_ACK", False, "last-ack", "peer", None),
    ("LAST_ACK", True, "last-ack", "peer", None),
    ("CLOSING", False, "both-closing", "peer", "TIME_WAIT"),
    ("TIME_WAIT", False, "time-wait", "kernel", None),
]


@pytest.mark.parametrize("state, orphan, situation, mover, following", STATES,
                         ids=[s[0] + ("-orphan" if s[1] else "") for s in STATES])
def test_state(berth, mksock, state, orphan, situation, mover, following):
    sock = mksock().state(state, *(["orphan"] if orphan else []), name="it")
    said = one(berth, sock)
    assert (said["situation"], said["to_move"], said["next"]) == (situation, mover, following)
    assert said["state"] == sock.listed_state
    assert [o["pid"] for o in said["owners"]] == sock.pids
    assert said["unread_bytes"] == said["unacknowledged_bytes"] == said["unsent_bytes"] == 0
    words = berth("explain", "socket", *ends(sock)).stdout
    assert said["meaning"] in words.splitlines()[0]
    assert said["must"] is None or f"must {said['must']}" in words


# How long: from the settings of the host


def limit(berth, mksock, state, *words):
    return one(berth, mksock().state(state, *words, name="it"))["limit_ms"]


def test_time_wait_and_fin_wait2_end_by_themselves(berth, netns, mksock):
    assert 50_000 < limit(berth, mksock, "TIME_WAIT") <= 60_000
    netns.sysctl("net.ipv4.tcp_fin_timeout", 20)
    assert 10_000 < limit(berth, mksock, "FIN_WAIT2", "orphan") <= 20_000
    assert limit(berth, mksock, "FIN_WAIT2") is None
    assert limit(berth, mksock, "CLOSE_WAIT") is None


def test_handshakes_give_up(berth, netns, mksock):
    netns.sysctl("net.ipv4.tcp_synack_retries", 1)
    assert 1000 < limit(berth, mksock, "SYN_RECV") <= 3000  # 1 s, then 2 s
    netns.sysctl("net.ipv4.tcp_syn_retries", 2)
    try:
        linear = int(netns.sysctl("net.ipv4.tcp_syn_linear_timeouts"))
    except FileNotFoundError:
        linear = 0
    expected = (1 + linear) * 1000 + 2000 + 4000
    assert expected - 2000 < limit(berth, mksock, "SYN_SENT") <= expected


def test_orphans_have_less_patience(berth, mksock):
    assert limit(berth, mksock, "LAST_ACK") > 900_000 > 110_000 > limit(berth, mksock, "LAST_ACK", "orphan")


# Queues


def test_accept_queue(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:4444 backlog=1 as=srv", "tcp connect @srv")
    [listener] = [s for s in explain(berth, ":4444")["sockets"] if s["state"] == "LISTEN"]
    assert (listener["situation"], listener["waiting"], listener["room"]) == ("to-accept", 1, 1)
    mk.run("tcp connect @srv")
    [listener] = [s for s in explain(berth, "4444")["sockets"] if s["state"] == "LISTEN"]
    assert listener["situation"] == "queue-full" and listener["to_move"] == "program"
    words = berth("explain", "socket", ":4444").stdout
    assert words.startswith("tcp 127.0.0.1:4444, LISTEN: its accept queue is full")
    assert "2 connections wait to be accepted, and there is room for 2" in words


def test_unread_bytes_at_both_ends(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:4444 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a",
                "send @c bytes=100")
    wait_for(lambda: mk.refresh()["a"].recv_q == 100)
    said = one(berth, mk["a"])
    assert (said["situation"], said["to_move"], said["unread_bytes"]) == ("unread", "program", 100)
    assert said["far_end"]["owners"][0]["fd"] == mk["c"].fd
    words = berth("explain", "socket", *ends(mk["c"])).stdout
    assert f"other end   mksock[{mk.pid}] of root, ESTABLISHED, with 100 bytes that its program hasn't read" in words


def test_zero_window_names_who_doesnt_read(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:4444 rcvbuf=4096 as=srv", "tcp connect @srv sndbuf=65536 as=c",
                "tcp accept @srv as=a", "fill @c")
    wait_for(lambda: one(berth, mk["c"])["situation"] == "zero-window")
    said = one(berth, mk["c"])
    assert said["to_move"] == "peer" and said["unsent_bytes"] > 0
    assert said["timer"] == "persist"
    assert f"mksock[{mk.pid}] of root, at the other end, must read" in berth(
        "explain", "socket", *ends(mk["c"])).stdout


def test_retransmissions(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:4444 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a",
                "mute @a", "send @c bytes=10")
    wait_for(lambda: one(berth, mk["c"])["situation"] == "retransmits")
    said = one(berth, mk["c"])
    assert said["to_move"] == "peer" and said["unacknowledged_bytes"] == 10 and said["timer"] == "on"
    assert said["timer_retries"] > 0 and said["limit_ms"] > 900_000


def test_close_wait_with_bytes(berth, mksock):
    """The FIN is no byte that the program could read."""
    mk = mksock("tcp listen 127.0.0.1:4444 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a",
                "send @c bytes=7", "close @c", "await @a CLOSE_WAIT")
    wait_for(lambda: one(berth, mk["a"])["unread_bytes"] == 7)
    assert one(berth, mk["a"])["end_unread"]


def test_close_wait_whose_program_has_read_the_end(berth, netns):
    with netns.inside(), socket.create_server(("127.0.0.1", 4444)) as server:
        client = socket.create_connection(("127.0.0.1", 4444))
        served, peer = server.accept()
        client.close()
        assert served.recv(1) == b""
        words = ["127.0.0.1:4444", f"127.0.0.1:{peer[1]}"]
        [said] = explain(berth, *words)["sockets"]
        assert said["situation"] == "not-closed" and not said["end_unread"]
        served.close()


def test_an_end_that_was_lost(berth, mksock):
    """Both have closed, and each is told with what the other shows."""
    sock = mksock().state("LAST_ACK", "orphan", name="it")
    by_state = {s["state"]: s for s in explain(berth, f":{sock.port}")["sockets"] if s["peer"]}
    assert by_state["LAST_ACK"]["far_end"]["state"] == "FIN_WAIT2" and not by_state["LAST_ACK"]["end_unread"]
    [far] = explain(berth, *reversed(ends(sock)))["sockets"]
    assert (far["state"], far["situation"], far["must"]) == ("FIN_WAIT2", "end-awaited", "send it again")
    for words, must in ((ends(sock), "acknowledge it"), (reversed(ends(sock)), "send it again")):
        shown = berth("explain", "socket", *words).stdout
        assert f"the kernel, at the other end, must {must}" in shown
        assert "hasn't closed" not in shown and "hasn't read" not in shown


def test_one_is_no_plural(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:4444 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a", "send @c bytes=1")
    wait_for(lambda: mk.refresh()["a"].recv_q == 1)
    assert "  queues      1 byte received" in berth("explain", "socket", *ends(mk["a"])).stdout


def test_udp(berth, mksock):
    mk = mksock("udp bind 127.0.0.1:4444 as=u", "udp connect 127.0.0.1:4444 as=c")
    assert explain(berth, "udp:4444")["sockets"][0]["situation"] == "receives"
    mk.run("send @c bytes=10")
    wait_for(lambda: explain(berth, "udp:127.0.0.1:4444")["sockets"][0]["situation"] == "unread")
    assert one(berth, mk["c"])["situation"] == "associated"
    assert explain(berth, "udp:127.0.0.1:4444")["sockets"][0]["unread_bytes"] is None
    words = berth("explain", "socket", "udp:127.0.0.1:4444").stdout
    assert " bytes of buffer, taken by datagrams not read by the program" in words and "received" not in words


# Which socket


def test_ways_to_name_it(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:4444 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a",
                "udp bind 127.0.0.1:4444")
    by_fd = explain(berth, f"{mk.pid}/{mk['a'].fd}")["sockets"]
    assert len(by_fd) == 1 and by_fd[0]["peer"]["port"] == mk["c"].port
    assert len(explain(berth, *ends(mk["a"]))["sockets"]) == 1
    assert len(explain(berth, "127.0.0.1:4444")["sockets"]) == 3
    assert len(explain(berth, ":4444")["sockets"]) == 3
    assert [s["proto"] for s in explain(berth, "udp:4444")["sockets"]] == ["udp"]
    assert len(explain(berth, "tcp:4444")["sockets"]) == 2


def test_queued_connection_names_the_listener(berth, mksock):
    mk = mksock("tcp listen 0.0.0.0:4444 as=srv", "tcp connect 127.0.0.1:4444 as=c")
    [said] = explain(berth, "127.0.0.1:4444", f"127.0.0.1:{mk['c'].port}")["sockets"]
    assert said["listener"]["owners"][0]["pid"] == mk.pid and said["owners"] == []


def test_troubled_ones_come_first(berth, mksock):
    mksock("tcp listen 127.0.0.1:4444 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a",
           "tcp connect @srv as=x", "tcp accept @srv as=z", "close @x", "await @z CLOSE_WAIT")
    assert explain(berth, ":4444")["sockets"][0]["state"] == "CLOSE_WAIT"


@pytest.mark.parametrize("way", ["bpf", "diag", "proc"])
def test_ways_to_the_owners(berth, mksock, way):
    mk = mksock("tcp listen 127.0.0.1:4444 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a")
    if way == "bpf":
        features.require(features.has_bpf)
    for words in ([f"{mk.pid}/{mk['a'].fd}"], ends(mk["a"]), [":4444"]):
        said = explain(berth, "--via", way, *words)["sockets"]
        assert {(o["pid"], o["fd"]) for s in said for o in s["owners"]} >= {(mk.pid, mk["a"].fd)}
        [far] = [s["far_end"] for s in said if s["state"] == "ESTABLISHED"]
        assert [(o["pid"], o["fd"]) for o in far["owners"]] == [(mk.pid, mk["c"].fd)]


def test_by_a_descriptor_of_any_sort(berth, mksock):
    mk = mksock("tcp listen [::]:4444 v6only=0 as=srv", "tcp connect 127.0.0.1:4444 as=c", "tcp accept @srv as=a",
                "tcp bind 127.0.0.1:4445 as=bound", "tcp socket as=bare", "udp bind 127.0.0.1:4444 as=u",
                "udp connect 127.0.0.1:4444 as=v")
    expected = {"srv": "listens", "c": "idle", "a": "idle", "bound": "bound", "u": "receives", "v": "associated"}
    for name, situation in expected.items():
        [said] = explain(berth, f"{mk.pid}/{mk[name].fd}")["sockets"]
        assert said["situation"] == situation and said["owners"][0]["fd"] == mk[name].fd, name
    [said] = explain(berth, f"{mk.pid}/{mk['a'].fd}")["sockets"]
    assert said["far_end"]["owners"][0]["fd"] == mk["c"].fd
    assert explain(berth, f"{mk.pid}/0", status=1)["sockets"] == []


def test_bound_to_a_device(berth, mksock, veth):
    mk = mksock("tcp listen 192.168.1.89:4444 device=en0 as=srv", "tcp connect @srv device=en0 from=192.168.1.89:0 as=c",
                "tcp accept @srv as=a")
    for it, other in (("c", "a"), ("a", "c")):
        said = one(berth, mk[it])
        assert said["far_end"]["owners"][0]["fd"] == mk[other].fd


# Only what is asked about is looked at


def dumps(trace):
    """The kernel's tables that were asked for as a whole."""
    return [line for line in trace.read_text().splitlines()
            if "SOCK_DIAG_BY_FAMILY" in line and "NLM_F_DUMP" in line and "IPPROTO_TCP" in line
            or "TCPDIAG_GETSOCK" in line]


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_no_dump_for_one_connection(berth, mksock, netns, tmp_path):
    mk = mksock("tcp listen 127.0.0.1:4444 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a", "tcp connect @srv")
    trace = tmp_path / "trace"

    def traced(*words):
        # the leak check of a sanitized build can't be traced
        netns.run("strace", "-f", "-E", "ASAN_OPTIONS=detect_leaks=0", "-e", "trace=sendto,sendmsg",
                  "-s", "300", "-o", str(trace),
                  berth.path, "explain", "socket", *words)
        return dumps(trace)

    assert traced(*ends(mk["a"])) == []
    assert traced(f"{mk.pid}/{mk['c'].fd}") == []
    assert traced(":4444") != []  # here, with few sockets, the cheapest


def test_one_port_of_many(berth, mksock):
    """All are counted, and those that wait aren't lost among the others."""
    features.require(features.has_bpf)
    mk = mksock("scene connections=13000 processes=2", "tcp listen 127.0.0.1:4444 as=srv", "tcp connect @srv as=c",
                "tcp listen 127.0.0.1:4445 as=half", "tcp state SYN_RECV 127.0.0.1:4446 as=syn")
    servers = berth("list", "--json", "-o", "local", "state", "listening", "and", "comm", "=", "scene").json()
    port = servers[0]["local"]["port"]
    address = servers[0]["local"]["address"]
    mk.run(f"tcp connect {address}:{port} as=late", "await @late ESTABLISHED")
    said = explain(berth, f":{port}")
    assert len(said["sockets"]) + said["left_out"] == 6500 + 2
    [late] = [s for s in said["sockets"] if s["situation"] == "not-accepted"]
    assert late["listener"]["owners"] and late["peer"]["port"] == mk["late"].port
    assert {s["state"] for s in said["sockets"]} == {"LISTEN", "ESTABLISHED"}
    assert all(s["owners"] for s in said["sockets"] if s is not late)
    assert explain(berth, f"{address}:{port}")["left_out"] == said["left_out"]
    assert explain(berth, f"127.9.9.9:{port}", status=1) == {"sockets": [], "left_out": 0}
    assert {s["state"] for s in explain(berth, ":4446")["sockets"]} >= {"NEW_SYN_RECV"}
    assert len(explain(berth, ":4444")["sockets"]) == 2


def test_no_such_socket(berth, netns):
    assert explain(berth, ":4444", status=1) == {"sockets": [], "left_out": 0}
    assert berth("explain", "socket", "127.0.0.1:4444", status=1).stdout == "there is no such socket\n"


def test_a_descriptor_that_leads_to_none(berth, mksock, make_netns):
    mk = mksock("unix-stream listen @x as=u")
    far = mksock("tcp listen 127.0.0.1:4444 as=srv", netns=make_netns())
    for word, told in {f"{mk.pid}/{mk['u'].fd}": "of the protocol UNIX-STREAM: only TCP and UDP are explained",
                       f"{mk.pid}/0": "is no socket", f"{mk.pid}/999": f"process {mk.pid} has no descriptor 999",
                       "2147483647/3": "there is no process 2147483647",
                       f"{far.pid}/{far['srv'].fd}": "is a socket, but none of this network namespace"}.items():
        assert told in berth("explain", "socket", word, status=1).stdout
        shown = berth("explain", "socket", "--json", word, status=1)
        assert shown.json() == {"sockets": [], "left_out": 0} and told in shown.stderr


def test_a_descriptor_that_may_not_be_seen(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:4444 as=srv")
    shown = berth("explain", "socket", f"{mk.pid}/{mk['srv'].fd}", user=process.NOBODY, status=3).stdout
    assert "may not be seen (run as root)" in shown


def test_saved_host(berth, mksock, tmp_path):
    sock = mksock().state("CLOSE_WAIT", name="it")
    saved = str(tmp_path / "host.json")
    berth("list", "--save", saved, "--timers", status=None)
    [said] = explain(berth, "--facts", saved, *ends(sock))["sockets"]
    assert said["situation"] == "not-closed" and said["far_end"]["state"] == "FIN_WAIT2"


@pytest.mark.parametrize("words", [(), ("x/y",), ("1.2.3.4",), ("unix:/x",), ("name:80",), (":0",), ("1.2.3.4:0",), ("4444", "127.0.0.1:80"),
                                   ("127.0.0.1:1", "127.0.0.1:2", "3")])
def test_mistakes(berth, words):
    result = berth("explain", "socket", *words, status=2)
    assert result.stdout == "" and "--help" in result.stderr
