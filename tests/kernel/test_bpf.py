"""The sockets that BPF tells: the same rows as sock_diag's, and those that sock_diag can't know."""

import json

import pytest

from lib import features, process

ROWS = process.built("ROWS", "tests/helper/rows")
INET = [
    "tcp listen 127.0.0.1:0 backlog=5 reuseaddr reuseport as=srv",
    "tcp listen [::1]:0 v6only=1 as=srv6",
    "tcp connect @srv as=c1",
    "tcp accept @srv as=a1",
    "send @c1 bytes=100",
    "tcp bind 127.0.0.1:0 as=bound",
    "udp bind 127.0.0.1:0 reuseaddr as=u1",
    "udp connect @u1 as=u2",
]
OTHERS = [
    "unix-stream listen @berth-bpf as=unix",
    "unix-dgram pair as=pair",
    "netlink bind route groups=1 as=nl",
    "packet-raw bind lo as=pk",
]


@pytest.fixture(autouse=True)
def bpf():
    features.require(features.has_bpf)


def rows(netns, *args):
    result = process.run([ROWS, *args], netns=netns)
    *found, last = [json.loads(line) for line in result.lines]
    assert last["via"] == dict(arg.split("=") for arg in args)["via"]
    return found


def essence(row):
    ends = tuple(sorted(row[end].items()) for end in ("local", "peer"))
    owners = sorted((owner["pid"], owner["fd"]) for owner in row["owners"] or [])
    keys = ("proto", "recv_q", "send_q", "uid", "inode", "netns", "detached")
    return (*(repr(row[key]) for key in keys), repr(ends), owners)


def test_every_kind_is_told_with_its_owner(netns, mksock):
    mk = mksock(*INET, *OTHERS)
    found = rows(netns, "via=bpf", "kinds=all")
    for sock in mk.refresh():
        # rows(1) shows ends of IP alone; a name is in its own key
        skip = () if sock.proto in ("tcp", "udp") else ("local", "peer")
        row = sock.find(found)
        assert sock.differences(row, skip) == [], sock
        if sock.name == "unix":
            assert row["path"] == "@berth-bpf"


def test_same_rows_as_sock_diag(netns, mksock):
    if "not built" in process.run([ROWS, "via=diag"], netns=netns, status=None).stdout:
        pytest.skip("this berth has no sock_diag reader")
    mk = mksock(*INET)
    mk.state("TIME_WAIT", name="tw")
    mk.state("QUEUED", name="queued")
    mk.state("SYN_RECV", name="request")
    mk.run("tcp state FIN_WAIT2 orphan as=fw")
    for state in ("LAST_ACK", "CLOSING"):  # the FIN that came counts as a byte, read or not
        mk.run(f"tcp state {state} orphan")
    mk.run("tcp state CLOSE_WAIT")

    by_bpf = sorted(essence(row) for row in rows(netns, "via=bpf"))
    by_diag = sorted(essence(row) for row in rows(netns, "via=diag"))
    assert by_bpf == by_diag


@pytest.mark.parametrize("more", ["tcp state " + state for state in (
    "ESTABLISHED", "TIME_WAIT", "QUEUED", "SYN_RECV", "FIN_WAIT2 orphan", "LAST_ACK orphan")])
def test_nothing_is_missed_where_tcp_alone_is_asked_for(netns, mksock, more):
    """Each is seen though the tables are walked only if the kernel counts what no process has."""
    mksock("tcp listen 127.0.0.1:0 as=srv", "tcp listen [::1]:0", "tcp bind 127.0.0.1:0", more)
    by_bpf = sorted(essence(row) for row in rows(netns, "via=bpf", "kinds=tcp"))
    by_diag = sorted(essence(row) for row in rows(netns, "via=diag", "kinds=tcp"))
    assert by_bpf == by_diag


def test_more_sockets_of_one_process_than_are_told_at_a_time(netns, mksock):
    mksock("scene connections=3000 processes=1")
    by_bpf = sorted(essence(row) for row in rows(netns, "via=bpf", "kinds=tcp"))
    by_diag = sorted(essence(row) for row in rows(netns, "via=diag", "kinds=tcp"))
    assert len(by_bpf) == 6001
    assert by_bpf == by_diag


def test_an_mptcp_listener_has_the_queue_of_its_subflow(netns, mksock):
    mk = mksock()
    mk.need("mptcp listen 127.0.0.1:0 backlog=7 as=srv")
    for way in ("via=bpf", "via=diag"):
        told = [row for row in rows(netns, way, "kinds=all") if row["proto"] == "mptcp"]
        assert [(row["recv_q"], row["send_q"]) for row in told] == [(0, 7)]


def test_reuse_flags_that_sock_diag_lacks(netns, mksock):
    mk = mksock(*INET)
    row = mk["srv"].find(rows(netns, "via=bpf"))
    assert row["reuseaddr"] is True and row["reuseport"] is True
    row = mk["c1"].find(rows(netns, "via=bpf"))
    assert row["reuseaddr"] is False and row["reuseport"] is False


def test_listeners_first(netns, mksock):
    mksock(*INET, "tcp listen 127.0.0.1:0 as=last")
    found = [row["listener"] for row in rows(netns, "via=bpf")]
    assert found == sorted(found, reverse=True) and False in found


def test_shared_socket_is_one_row(netns, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "dup @srv", "fork keep=@srv as=child")
    row = mk.refresh()["srv"].find(rows(netns, "via=bpf"))
    assert len(row["owners"]) >= 3
    assert len({owner["pid"] for owner in row["owners"]}) == 2
    assert mk["srv"].differences(row) == []


def test_held_by_a_queue_and_by_nobody_else(netns, mksock):
    """A descriptor in flight counts as a holder that never comes; the row isn't held back for it."""
    mk = mksock("unix-stream pair as=p", "tcp listen 127.0.0.1:0 as=srv", "pass @srv @p")
    assert mk["srv"].find(rows(netns, "via=bpf"))["owners"]


def test_held_by_a_message_alone(netns, mksock):
    """Nobody has it at a descriptor: the kernel's tables have it all the same, and so do we."""
    mk = mksock(
        "unix-stream pair as=p",
        "tcp listen 127.0.0.1:0 as=srv",
        "tcp connect @srv as=c",
        "tcp accept @srv as=a",
        "udp bind 127.0.0.1:0 as=u",
        "tcp listen 127.0.0.1:0 as=seen",
    )
    for name in ("srv", "a", "u"):
        mk.run(f"pass @{name} @p")
        mk.run(f"close @{name}")
    found = rows(netns, "via=bpf")
    for name in ("srv", "a", "u"):
        inode = mk[name].inode
        row, = [row for row in found if row["inode"] == inode]
        told, = [row for row in rows(netns, "via=diag") if row["inode"] == inode]
        assert row["owners"] == told["owners"] and not row["owners"]
        assert row["local"] == told["local"] and row["cookie"] == told["cookie"]
    for name in ("c", "seen"):
        assert mk[name].differences(mk[name].find(found)) == []
    states = [row["state"] for row in found if row["proto"] == "tcp"]
    assert states == sorted(states, key=lambda state: state != "LISTEN")


def test_all_namespaces_in_one_pass(netns, make_netns, mksock):
    there = make_netns()
    far = mksock("tcp listen 127.0.0.1:0 as=far", netns=there)
    far.state("TIME_WAIT", name="tw")
    near = mksock("tcp listen 127.0.0.1:0 as=near")
    found = rows(netns, "via=bpf", "netns=all")
    assert far["far"].differences(far["far"].find(found)) == []
    assert near["near"].differences(near["near"].find(found)) == []
    gone = [row for row in found if row["state"] == "TIME_WAIT" and row["netns"] == there.inode]
    assert len(gone) == 1 and gone[0]["detached"] == "time-wait"


def test_options_as_getsockopt_says(netns, mksock):
    words = "keepalive keepidle=77 keepintvl=7 nodelay tos=16 mark=5 linger=9 freebind"
    mk = mksock(f"tcp listen 127.0.0.1:0 {words} as=srv")
    row = mk["srv"].find(rows(netns, "via=bpf", "detail=all"))
    expected = {
        "keepalive": True,
        "keepidle_s": 77,
        "keepintvl_s": 7,
        "keepcnt": 9,
        "nodelay": True,
        "tos": 16,
        "mark": 5,
        "linger_s": 9,
        "freebind": True,
        "transparent": False,
    }
    assert {key: row[key] for key in expected} == expected


def test_refused_without_privilege(netns, mksock):
    result = process.run([ROWS, "via=bpf"], netns=netns, user=process.NOBODY, status=1)
    assert "EPERM" in result.stdout or "permi" in result.stdout
