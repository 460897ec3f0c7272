"""Sockets that only their descriptors lead to: each way shows them, and takes no other for one."""

import pytest

from lib import features, process

NO_PEER = {"address": None, "port": 0}
NEVER_BOUND = [
    "tcp socket as=tcp", "tcp socket inet6 as=tcp6", "udp socket as=udp", "udp socket inet6 as=udp6",
    "udplite socket as=udplite", "mptcp socket as=mptcp",
]


@pytest.fixture(params=["bpf", "diag", "proc"])
def via(request):
    if request.param == "bpf":
        features.require(features.has_bpf)
    return request.param


def inodes(result):
    return sorted(row["inode"] for row in result.json() if row["inode"])


def test_never_bound(berth, mksock, via):
    mk = mksock(*NEVER_BOUND)
    rows = berth("list", "--kind", "inet", "--json", "--via", via, "-o", "+cookie,netns").json()
    assert len(rows) == len(NEVER_BOUND)
    for sock in mk.socks.values():
        row = sock.find(rows)
        assert not sock.differences(row, skip=("local", "state", "recv_q"))
        assert row["state"] == "CLOSE" and row["local"]["port"] == 0 and row["peer"] == NO_PEER


def test_of_the_kinds_that_are_asked_for(berth, mksock, via):
    mk = mksock(*NEVER_BOUND)
    for words, names in (
        (["tcp"], ["tcp", "tcp6"]),
        (["--kind", "udp,udplite", "ipv6"], ["udp6"]),
        (["listening"], None),
        (["sport = :80"], []),
        ([f"inode = {mk['tcp'].inode}"], ["tcp"]),
    ):
        shown = berth("list", *words, "--json", "--via", via)
        if names is None:  # UDP without a peer counts as one that listens
            assert mk["tcp"].inode not in inodes(shown)
        else:
            assert inodes(shown) == sorted(mk[name].inode for name in names)


@pytest.mark.parametrize("via", ["bpf", "diag"])
def test_a_connection_that_was_reset(berth, mksock, via):
    """It has lost its port, though getsockname(2) says it still. Bound ones are no such sockets, whatever
    the kernel leaves out by the filter."""
    if via == "bpf":
        features.require(features.has_bpf)
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a",
                "option @a linger=0", "close @a", "tcp bind 127.0.0.1:4001 as=bound")
    row = mk["c"].find(berth("list", "--json", "--via", via).json())
    assert (row["state"], row["local"]["port"], row["peer"]) == ("CLOSE", 0, NO_PEER)
    assert row["owners"][0]["pid"] == mk.pid
    assert inodes(berth("list", "sport != :4001", "state close", "--json", "--via", via)) == [mk["c"].inode]
    assert inodes(berth("list", "sport = :4001", "--json", "--via", via)) == [mk["bound"].inode]


def test_of_one_namespace(berth, mksock, make_netns, via):
    here, there = mksock("tcp socket as=s"), mksock("tcp socket as=s", netns=make_netns())
    ours, theirs = here["s"].inode, there["s"].inode
    assert inodes(berth("list", "--json", "--via", via)) == [ours]
    assert inodes(berth("list", "--json", "--via", via, "--netns", there.pid)) == [theirs]
    everywhere = berth("list", f"inode = {ours} or inode = {theirs}", "-N", "--json", "--via", via).json()
    assert {row["inode"]: row["netns"] for row in everywhere} == {ours: here["s"].netns, theirs: there["s"].netns}


def test_without_owners_by_no_way(berth, mksock, via):
    """Which columns are shown doesn't make one way tell more than another."""
    mksock("tcp socket", "udp socket")
    assert berth("list", "--json", "-o", "local,inode", "--via", via).json() == []


@pytest.mark.parametrize("way", ["diag", "proc"])
def test_anybody_sees_their_own(berth, mksock, way):
    mk = mksock("tcp socket as=s", user=process.NOBODY)
    other = mksock("tcp socket as=s")
    shown = inodes(berth("list", "--json", "--via", way, user=process.NOBODY))
    assert mk["s"].inode in shown and other["s"].inode not in shown


def test_who_has_one(berth, mksock):
    mk = mksock("tcp socket as=s")
    assert "bound      tcp 0.0.0.0:*, neither listening nor connected" in berth("who", f"pid:{mk.pid}").stdout


KIN = ["vsock-stream listen * as=srv", "vsock-stream bind * as=bound", "vsock-stream socket as=new", "xdp bind lo as=x"]


@pytest.fixture
def kin(mksock):
    mk = mksock("tcp listen 127.0.0.1:0")
    for line in KIN:
        mk.need(line)
    return mk.refresh()


@pytest.mark.parametrize("via", ["best", "bpf", "diag", "proc"])
def test_kinds_that_the_kernel_may_have_no_table_of(berth, kin, via):
    """A quiet host is no reason to miss them."""
    if via == "bpf":
        features.require(features.has_bpf)
    shown = berth("list", "--kind", "vsock,xdp", "--json", "--via", via)
    rows = shown.json()
    assert inodes(shown) == sorted(sock.inode for sock in kin.socks.values() if sock.proto != "tcp")
    for sock in kin.socks.values():
        if sock.proto != "tcp":
            skip = ("local",) if sock.proto == "xdp" and via in ("diag", "proc") else ()
            assert not sock.differences(sock.find(rows), skip=skip)


def test_what_the_others_would_miss_is_read_by_bpf(berth, kin):
    features.require(features.has_bpf)
    for columns in ("proto,local", "proto,local,owner"):
        shown = berth("list", "--kind", "vsock,xdp", "-o", columns)
        assert str(kin["srv"].port) in shown.stdout and not shown.stderr


@pytest.mark.parametrize("via", ["diag", "proc"])
def test_what_is_told_of_holders_alone_is_said_to_be(berth, kin, via):
    if via == "diag" and features.has_vsock_diag():
        pytest.skip("this kernel has vsock_diag")
    for words, ending in ([], ": only those are shown that a process is seen to hold"), (["-o", "proto,local"], ""):
        shown = berth("list", "--kind", "vsock", "--via", via, *words)
        place = "sock_diag" if via == "diag" else "/proc/net"
        assert shown.stderr == f"berth: {place} doesn't tell of vsock sockets here{ending}\n"
        assert (str(kin["srv"].port) in shown.stdout) == bool(ending)
    if via == "proc" or not features.has_diag(44):
        assert f"{place} doesn't tell of vsock and xdp sockets here: " in berth("list", "--kind", "xdp,vsock", "--via", via).stderr
