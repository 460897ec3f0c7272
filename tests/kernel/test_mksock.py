"""mksock makes what it claims, as /proc/net and ss see it. Neither is used to make the claim."""

import os
import resource
import socket
import subprocess

import pytest

from lib import features
from lib.features import require
from lib.mksock import MksockError
from lib.wait import wait_for

# include/net/tcp_states.h, as /proc/net/tcp writes it
TCP_STATES = {
    "ESTABLISHED": 1,
    "SYN_SENT": 2,
    "SYN_RECV": 3,
    "FIN_WAIT1": 4,
    "FIN_WAIT2": 5,
    "TIME_WAIT": 6,
    "CLOSE": 7,
    "CLOSE_WAIT": 8,
    "LAST_ACK": 9,
    "LISTEN": 10,
    "CLOSING": 11,
}
# The states that /proc/net/tcp shows: not bound-only sockets.
SHOWN = sorted(set(TCP_STATES) - {"CLOSE"})
ORPHANS = ["FIN_WAIT1", "FIN_WAIT2", "LAST_ACK", "CLOSING"]


def hex_address(end):
    """An address as /proc/net/tcp writes it."""
    family = socket.AF_INET6 if ":" in end["address"] else socket.AF_INET
    data = socket.inet_pton(family, end["address"])
    words = [data[i : i + 4][::-1] for i in range(0, len(data), 4)]
    return b"".join(words).hex().upper() + f":{end['port']:04X}"


def proc_rows(netns, sock):
    """The rows of /proc/net for this socket: (state, inode) each."""
    name = sock.proto + ("6" if sock.family == "inet6" else "")
    peer = sock.peer or {"address": "::" if sock.family == "inet6" else "0.0.0.0", "port": 0}
    text = netns.run("cat", f"/proc/net/{name}").stdout
    fields = [line.split() for line in text.splitlines()[1:]]
    ends = (hex_address(sock.local), hex_address(peer))
    return [(int(f[3], 16), int(f[9])) for f in fields if (f[1], f[2]) == ends]


def ss_rows(netns, *options):
    return netns.run("ss", "-nHe", *options).lines


def holders(inode):
    """Every (pid, fd) that has this socket, by a walk through /proc."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}") == f"socket:[{inode}]":
                    found.add((int(pid), int(fd)))
        except OSError:
            continue
    return found


def owners(sock):
    return {(owner["pid"], owner["fd"]) for owner in sock.owners}


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0"])
@pytest.mark.parametrize("state", SHOWN)
def test_tcp_state(mksock, netns, state, address):
    mk = mksock()
    sock = mk.state(state, address, name="x")
    assert sock.state == state
    assert proc_rows(netns, sock) == [(TCP_STATES[state], sock.inode)]
    assert bool(sock.inode) == bool(sock.owners) == (state not in ("TIME_WAIT", "SYN_RECV"))


@pytest.mark.parametrize("state", ORPHANS)
def test_tcp_orphan(mksock, netns, state):
    sock = mksock().state(state, "orphan", name="x")
    assert (sock.state, sock.inode, sock.owners) == (state, 0, [])
    assert proc_rows(netns, sock) == [(TCP_STATES[state], 0)]


def test_tcp_in_the_accept_queue(mksock, netns):
    mk = mksock()
    queued = mk.state("QUEUED", name="x")
    assert (queued.state, queued.owners) == ("ESTABLISHED", [])
    assert proc_rows(netns, queued) == [(1, 0)]
    assert mk["x.listener"].recv_q == 1
    (accepted,) = [s for s in mk.run("tcp accept @x.listener as=y") if s.name == "y"]
    assert accepted.cookie == queued.cookie
    assert accepted.inode and accepted.other == "x.peer"
    assert mk["x.listener"].recv_q == 0


def test_tcp_bound_only(mksock, netns):
    """ss sees it since Linux 6.8 (as UNCONN), /proc/net/tcp never; the port is really taken."""
    mk = mksock()
    sock = mk.state("CLOSE", name="x")
    assert sock.state == "CLOSE" and sock.listed_state == "BOUND_INACTIVE"
    assert proc_rows(netns, sock) == []
    with netns.inside(), socket.socket() as other, pytest.raises(OSError):
        other.bind(("127.0.0.1", sock.port))


def test_cookie_and_inode_are_those_of_ss(mksock, netns):
    mk = mksock("tcp listen 127.0.0.1:0 backlog=7 as=a", "tcp connect @a as=b", "tcp accept @a as=c")
    rows = ss_rows(netns, "-ta")
    for sock in mk:
        (row,) = [r for r in rows if f"ino:{sock.inode} " in r]
        assert f"sk:{sock.cookie:x} " in row
        assert sock.endpoint in row
    assert mk["a"].send_q == 7
    assert (mk["b"].other, mk["c"].other) == ("c", "b")


def test_timewait_keeps_its_cookie(mksock):
    mk = mksock(
        "tcp listen 127.0.0.1:0 as=a",
        "tcp connect @a as=b",
        "tcp accept @a as=c",
    )
    before = mk["b"].cookie
    mk.run("shutdown @b", "await @b FIN_WAIT2", "close @b", "close @c", "await @b TIME_WAIT")
    assert (mk["b"].state, mk["b"].cookie) == ("TIME_WAIT", before)


def test_full_accept_queue(mksock, netns):
    """backlog=1 holds two; the third connection stays in SYN_SENT, its SYN being dropped."""
    mk = mksock("tcp listen 127.0.0.1:0 backlog=1 as=a", "tcp connect @a count=2 as=c")
    assert (mk["a"].recv_q, mk["a"].send_q) == (2, 1)
    mk.run("tcp connect @a nowait as=late", "await @late SYN_SENT")
    mk.refresh()
    assert mk["a"].recv_q == 2
    assert proc_rows(netns, mk["late"])[0][0] == TCP_STATES["SYN_SENT"]


def test_fast_open_syn_recv_with_owner(mksock, netns):
    """Accepted from the SYN's data while the handshake is still under way."""
    netns.sysctl("net.ipv4.tcp_fastopen", 3)
    mk = mksock(
        "tcp listen 127.0.0.1:0 fastopen=5 fastopen_no_cookie mute=acks as=a",
        "tcp connect @a data=10 nowait fastopen_no_cookie as=b",
        "tcp accept @a as=c",
        "await @c SYN_RECV",
    )
    assert mk["c"].owners and mk["c"].recv_q is None
    assert (mk["c"].state, mk["c"].listed_state) == ("SYN_RECV", "SYN_RECV")
    assert proc_rows(netns, mk["c"]) == [(TCP_STATES["SYN_RECV"], mk["c"].inode)]


def test_queues(mksock, netns):
    mk = mksock("tcp listen 127.0.0.1:0 as=a", "tcp connect @a as=b", "tcp accept @a as=c")
    mk.run("send @b bytes=1234", "show @c")
    assert mk["c"].recv_q == 1234
    mk.run("fill @b", "show @c")
    assert mk["b"].send_q > 0 and mk["c"].recv_q > 1234
    (row,) = [r for r in ss_rows(netns, "-t") if f"ino:{mk['c'].inode} " in r]
    assert row.split()[1] == str(mk["c"].recv_q)


def test_defer_accept(mksock):
    """The connection is ESTABLISHED for the client only, until it sends something."""
    mk = mksock("tcp listen 127.0.0.1:0 defer_accept=30 as=a", "tcp connect @a as=b", "end @b as=c")
    assert (mk["b"].state, mk["c"].state) == ("ESTABLISHED", "SYN_RECV")
    mk.run("send @b bytes=1", "await @c ESTABLISHED")


@pytest.mark.parametrize("proto", ["udp", "udplite"])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_udp(mksock, netns, proto, host):
    if proto == "udplite":
        require(features.has_udplite)
    mk = mksock(f"{proto} bind {host}:0 as=a", f"{proto} connect @a as=b")
    assert (mk["a"].state, mk["b"].state) == ("CLOSE", "ESTABLISHED")
    assert proc_rows(netns, mk["a"]) == [(7, mk["a"].inode)]
    assert proc_rows(netns, mk["b"]) == [(1, mk["b"].inode)]


def test_raw_and_ping(mksock, netns):
    netns.sysctl("net.ipv4.ping_group_range", "0 0")
    mk = mksock(
        "raw bind 127.0.0.1 protocol=89 as=r",
        "raw bind [::1] protocol=89 as=r6",
        "ping bind 127.0.0.1:7 as=p",
        "ping bind [::1]:8 as=p6",
    )
    assert (mk["r"].port, mk["p"].port, mk["p6"].port) == (89, 7, 8)
    for sock, file in (("r", "raw"), ("r6", "raw6"), ("p", "icmp"), ("p6", "icmp6")):
        text = netns.run("cat", f"/proc/net/{file}").stdout
        assert f" {mk[sock].inode} " in text


def test_unix(mksock, netns, tmp_path):
    path = tmp_path / "s.sock"
    mk = mksock(
        f"unix-stream listen {path} as=a",
        "unix-stream connect @a as=b",
        "unix-stream accept @a as=c",
        "unix-dgram bind @abstract\\x01name as=d",
        "unix-seqpacket listen - as=e",
        "unix-dgram pair as=f",
    )
    rows = {line.split()[6]: line for line in netns.run("cat", "/proc/net/unix").lines[1:]}
    assert [mk[n].state for n in "abcdef"] == [
        "LISTEN",
        "ESTABLISHED",
        "ESTABLISHED",
        "CLOSE",
        "LISTEN",
        "ESTABLISHED",
    ]
    assert {str(s.inode) for s in mk} == set(rows)
    assert mk["a"].address == mk["c"].address == str(path)
    assert mk["d"].address == "@abstract\x01name"
    assert len(mk["e"].address) == 6 and mk["e"].address[0] == "@"
    assert rows[str(mk["e"].inode)].endswith(mk["e"].address)
    assert mk["b"].other == "c" and mk["f"].other == "f.peer"


def test_netlink(mksock, netns):
    """One that isn't bound is seen by nobody but its holder."""
    mk = mksock(
        "netlink bind route groups=0x11 as=a",
        "netlink bind 16 as=b",
        "netlink socket route as=c",
    )
    rows = {line.split()[-1]: line.split() for line in netns.run("cat", "/proc/net/netlink").lines}
    assert rows[str(mk["a"].inode)][1:4] == ["0", str(mk.pid), "00000011"]
    assert rows[str(mk["b"].inode)][1:4] == ["16", str(mk.pid), "00000000"]
    assert str(mk["c"].inode) not in rows
    assert mk["a"].local == {"address": "route", "port": mk.pid}
    assert mk["c"].port == 0 and holders(mk["c"].inode) == owners(mk["c"])


def test_packet(mksock, netns):
    mk = mksock("packet-raw bind lo as=a", "packet-dgram bind * protocol=0x0806 as=b")
    rows = {line.split()[-1]: line.split() for line in netns.run("cat", "/proc/net/packet").lines}
    assert mk["a"].local == {"address": "lo", "port": 3}
    assert rows[str(mk["a"].inode)][2:5] == ["3", "0003", "1"]
    assert mk["b"].local == {"address": "*", "port": 0x0806}
    assert rows[str(mk["b"].inode)][2:5] == ["2", "0806", "0"]


def test_vsock(mksock):
    require(features.has_vsock)
    mk = mksock("vsock-stream listen 40444 as=a")
    assert (mk["a"].state, mk["a"].local) == ("LISTEN", {"address": "*", "port": 40444})


def test_mptcp(mksock, netns):
    require(features.has_mptcp)
    mk = mksock("mptcp listen 127.0.0.1:0 as=a", "mptcp connect @a as=b", "mptcp accept @a as=c")
    rows = ss_rows(netns, "-Ma")
    for sock in mk:
        (row,) = [r for r in rows if f"ino:{sock.inode} " in r]
        assert f"sk:{sock.cookie:x} " in row
    assert mk["b"].other == "c"


def test_mptcp_cookies_and_inodes_are_shared(mksock, netns):
    """Since an accepted socket is a clone; a kernel that mends this makes the test xfail."""
    require(features.has_mptcp)
    mk = mksock("mptcp listen 127.0.0.1:0 as=a", "mptcp connect @a as=b", "mptcp accept @a as=c")
    if mk["c"].cookie != mk["a"].cookie:
        pytest.xfail("this kernel gives accepted MPTCP sockets cookies of their own")
    (subflow,) = [r for r in ss_rows(netns, "-ta") if f"ino:{mk['c'].inode} " in r]
    assert f"sk:{mk['c'].cookie:x} " not in subflow


def test_xdp(mksock, veth):
    require(features.has_xdp)
    mk = mksock("xdp bind en0 as=a")
    assert mk["a"].proto == "xdp" and mk["a"].inode
    assert holders(mk["a"].inode) == owners(mk["a"])


@pytest.mark.parametrize("line", ["sctp listen 127.0.0.1:0", "tipc-rdm bind 1000:1"])
def test_kinds_that_may_be_missing(mksock, line):
    (sock,) = mksock().need(line)
    assert sock.inode


def test_unsupported_is_an_answer(mksock):
    """Not a failure of mksock: it goes on."""
    mk = mksock()
    (record,) = mk.try_run("raw bind 192.0.2.99")
    assert (record["error"], record["call"]) == ("EADDRNOTAVAIL", "bind")
    assert mk.run("udp bind 127.0.0.1:0")[0].port


@pytest.mark.parametrize(
    "line",
    [
        "tcp listen",
        "tcp lisen 127.0.0.1:0",
        "tcp listen 127.0.0.1:0 reuseadr",
        "tcp listen 127.0.0.1:0 backlog=x",
        "tcp connect @nobody",
        "bogus",
        "udp state CLOSING",
        "tcp state SHUT",
        "fork bogus",
    ],
)
def test_mistakes_are_said(mksock, line):
    mk = mksock()
    with pytest.raises(MksockError):
        mk.run(line)
    assert mk.run("udp bind 127.0.0.1:0")


def test_options_as_read_back(mksock):
    mk = mksock(
        "tcp listen [::]:0 as=a reuseaddr reuseport v6only device=lo tos=16 ttl=7 mark=5"
        " priority=3 keepalive keepidle=11 keepintvl=12 keepcnt=13 nodelay congestion=reno"
        " fastopen=9 transparent freebind linger=4 sndbuf=20000 rcvbuf=30000 defer_accept=1"
        " notsent_lowat=4096 tclass=8"
    )
    assert mk["a"].options == {
        "reuseaddr": 1,
        "reuseport": 1,
        "v6only": 1,
        "device": "lo",
        "tos": 16,
        "ttl": 7,
        "mark": 5,
        "priority": 3,
        "keepalive": 1,
        "keepidle": 11,
        "keepintvl": 12,
        "keepcnt": 13,
        "nodelay": 1,
        "congestion": "reno",
        "fastopen": 9,
        "transparent": 1,
        "freebind": 1,
        "linger": 4,
        "sndbuf": 40000,
        "rcvbuf": 60000,
        "defer_accept": 1,
        "notsent_lowat": 4096,
        "tclass": 8,
    }
    mk.run("option @a nodelay=0")
    assert mk["a"].options["nodelay"] == 0


def test_owners(mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=a", "udp bind 127.0.0.1:0 as=b", "dup @a")
    mk.run("fork as=child keep=@a comm=other", "fork count=2")
    assert len(mk["a"].owners) == 2 * 4 and len(mk["b"].owners) == 3
    for name in "ab":
        assert holders(mk[name].inode) == owners(mk[name])
    child = mk.processes["child"]
    assert {o["comm"] for o in mk["a"].owners if o["pid"] == child} == {"other"}
    mk.run("kill @child", "close @a")
    assert mk["a"].state == "LISTEN" and mk["a"].pid != mk.pid
    assert holders(mk["a"].inode) == owners(mk["a"])


def test_control_characters_and_command_line(mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=a")
    mk.run("fork as=c comm=a\\x1b[31m\\nb", "fork as=d comm=long cmdline=prog\\x20" + "x" * 4096)
    assert mk["a"].owners[1]["comm"] == "a\x1b[31m\nb"
    with open(f"/proc/{mk.processes['d']}/cmdline", encoding="ascii") as f:
        assert f.read() == "prog\0" + "x" * 4096 + "\0"
    assert holders(mk["a"].inode) == owners(mk["a"])


def test_users(mksock):
    mk = mksock("tcp listen 127.0.0.1:0 uid=1234 as=a", "fork as=c uid=65534")
    assert mk["a"].uid == 1234
    assert os.stat(f"/proc/{mk.processes['c']}").st_uid == 65534
    mk.run("user 65534", "udp bind 127.0.0.1:0 as=b")
    assert mk["b"].uid == 65534


def test_user_from_the_start(mksock):
    """And its /proc entry is its own, unless it is to be undumpable."""
    features.require(features.is_root)
    mk = mksock("udp bind 127.0.0.1:0 as=a", "fork as=p", "fork as=q undumpable", user=65534)
    assert mk["a"].uid == 65534
    assert os.stat(f"/proc/{mk.processes['p']}/fd").st_uid == 65534
    assert os.stat(f"/proc/{mk.processes['q']}/fd").st_uid == 0


def test_cgroup(mksock, cgroup):
    group = cgroup("berth-test.slice/one.service")
    other = cgroup("berth-test.slice/two.service")
    mk = mksock(f"cgroup {group.path}", "tcp listen 127.0.0.1:0", f"fork as=p cgroup={other.path}")
    for pid, name in ((mk.pid, group.name), (mk.processes["p"], other.name)):
        with open(f"/proc/{pid}/cgroup", encoding="ascii") as f:
            assert f"0::{name}" in f.read().splitlines()


def test_too_many_for_one_process(mksock):
    """The descriptor limit is said, not hidden."""
    mk = mksock()
    resource.prlimit(mk.pid, resource.RLIMIT_NOFILE, (100, 100))
    (record,) = mk.try_run("scene connections=60 processes=1")
    assert (record["error"], record["call"]) == ("EMFILE", "scene")


def test_pid_and_user_namespaces(mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=a", "fork as=p pidns", "fork as=u userns", "fork as=q")

    def ns(pid, kind):
        return os.readlink(f"/proc/{pid}/ns/{kind}")

    assert ns(mk.processes["p"], "pid") != ns(mk.pid, "pid") == ns(mk.processes["q"], "pid")
    assert ns(mk.processes["u"], "user") != ns(mk.pid, "user")
    assert holders(mk["a"].inode) == owners(mk["a"])


def test_socket_in_flight(mksock, netns):
    """Sent over a UNIX socket and closed: it is there, and nobody's."""
    mk = mksock("unix-stream pair as=u", "tcp listen 127.0.0.1:0 as=a", "pass @a @u", "close @a")
    assert (mk["a"].state, mk["a"].owners) == ("LISTEN", [])
    assert mk["a"].inode and not holders(mk["a"].inode)
    assert proc_rows(netns, mk["a"]) == [(TCP_STATES["LISTEN"], mk["a"].inode)]


def test_network_namespaces(mksock, netns):
    mk = mksock("tcp listen 127.0.0.1:0 as=a", "netns new as=n", "tcp listen 127.0.0.1:0 as=b")
    mk.run("netns @first", "tcp listen 127.0.0.1:0 as=c", "netns @n", "close @a")
    assert mk["a"].netns == mk["c"].netns == netns.inode != mk["b"].netns
    mk.run("fork keep=@b as=p", "show")
    assert mk["b"].state == "LISTEN"


def test_scene(mksock, netns):
    mk = mksock("scene connections=1000 processes=4 split comm=worker")
    (note,) = mk.notes
    assert len(note["pids"]) == 4
    rows = [r for r in ss_rows(netns, "-tp") if "ESTAB" in r]
    assert len(rows) == 2000
    assert {r.split('pid=')[1].split(",")[0] for r in rows} == {str(p) for p in note["pids"]}
    assert all('"worker"' in r for r in rows)


def test_timewaits_and_listeners(mksock, netns):
    mksock("timewait count=12000", "listeners count=500 processes=3")
    assert len(ss_rows(netns, "-t", "state", "time-wait")) == 12000
    assert len(ss_rows(netns, "-tl")) == 500


def test_children_end_with_mksock(mksock, netns):
    mk = mksock("tcp listen 127.0.0.1:0", "fork count=2", "scene connections=10 processes=2 split")
    pids = list(mk.processes.values()) + mk.notes[0]["pids"]
    mk.close()
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
    assert ss_rows(netns, "-tap", "state", "listening") == []


def lives(pid):
    """A zombie doesn't; when init gets round to it isn't our matter."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_children_end_when_mksock_is_killed(mksock):
    mk = mksock("tcp listen 127.0.0.1:0", "fork count=2", "scene connections=10 processes=2 split")
    pids = list(mk.processes.values()) + mk.notes[0]["pids"]
    os.kill(mk.pid, 9)
    wait_for(lambda: not [pid for pid in pids if lives(pid)])


def test_veth(mksock, veth):
    """A real wire: from another machine's address."""
    there = mksock("tcp listen 192.168.1.1:0 as=a", netns=veth.there)
    here = mksock(f"tcp connect {there['a'].endpoint} as=b")
    assert here["b"].address == "192.168.1.89"
    here.run("tcp connect [fd00:1::1]:9 nowait as=c")
    assert here["c"].address == "fd00:1::89"


def test_named_namespace(netns):
    netns.name("berth-test-name")
    listed = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    assert "berth-test-name" in listed
