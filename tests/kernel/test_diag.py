"""diag_read and proc_net_read on known scenes, against mksock's word and against ss."""

import re

import pytest

from lib import features, process

DIAGDUMP = process.built("DIAGDUMP", "tests/helper/diagdump")
OPTIONS, TIMERS, MEMORY, TCP_INFO, CGROUP = 8, 16, 32, 64, 128

# ss's words for states, where they don't just have more hyphens than the kernel's
SS_STATES = {"ESTAB": "ESTABLISHED", "UNCONN": "CLOSE"}


class Row:
    def __init__(self, line):
        words = line.split(" ")
        # a peer may be two words: "inode 7"
        at = next(i for i, word in enumerate(words) if word.startswith("family="))
        self.kind, self.state, self.local = words[:3]
        self.peer, self.detached = " ".join(words[3 : at - 1]), words[at - 1]
        self.fields = dict(word.split("=", 1) for word in words[at:] if "=" in word)

    def __getattr__(self, name):
        return self.fields.get(name)


@pytest.fixture
def dump(netns):
    program = process.Program(DIAGDUMP, netns)

    def read(*words, **how):
        return [Row(line) for line in program(*words, **how).lines]

    read.program = program
    yield read
    program.close()


def ends(row):
    return row.kind, row.state, row.local, row.peer


def ss_rows(netns, *words, **how):
    rows = set()
    for line in netns.run("ss", "-nH", *words, **how).lines:
        words = line.split()
        kind = words.pop(0) if words[0] in ("tcp", "udp") else "tcp"
        state, _, _, local, peer = words[:5]
        state = SS_STATES.get(state, re.sub("-(?=[12])", "", state).replace("-", "_"))
        local, peer = (re.sub(r"%\w+", "", end).replace("*:", "[::]:", end.startswith("*"))
                       for end in (local, peer))
        rows.add((kind, state, local, "-" if peer.endswith(":*") else peer))
    return rows


def as_ss(rows):
    """ss (6.1) knows no bound-only sockets, and calls a request SYN-RECV."""
    told = set()
    for kind, state, local, peer in map(ends, rows):
        if state != "BOUND_INACTIVE":
            told.add((kind, state.replace("NEW_", ""), local, peer))
    return told


STATES = {
    "LISTEN": "attached",
    "CLOSE": "attached",
    "ESTABLISHED": "attached",
    "SYN_SENT": "attached",
    "QUEUED": "in-queue",
    "SYN_RECV": "request",
    "FIN_WAIT1": "attached",
    "FIN_WAIT2": "attached",
    "CLOSE_WAIT": "attached",
    "LAST_ACK": "orphan",
    "CLOSING": "orphan",
    "TIME_WAIT": "time-wait",
}


def find(rows, sock):
    cookie = str(sock.cookie)
    [row] = [row for row in rows if row.cookie == cookie]
    return row


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0"])
@pytest.mark.parametrize("state", STATES)
def test_tcp_state(dump, mksock, state, address):
    mk = mksock()
    sock = mk.state(state, address, name="x")
    row = find(dump("-k", "tcp"), sock)
    assert row.state == sock.listed_state
    if STATES[state] not in ("orphan",):
        assert row.detached == STATES[state]
    assert row.inode == (str(sock.inode) if sock.inode else None)
    # the state alone finds it, and so does a filter that the kernel decides
    assert find(dump("-k", "tcp", "-s", row.state), sock).state == row.state
    port = row.local.rsplit(":", 1)[1]
    assert ends(row) in map(ends, dump("-k", "tcp", "-F", f"sport = {port}"))


@pytest.mark.parametrize("state", ["FIN_WAIT1", "FIN_WAIT2", "LAST_ACK", "CLOSING"])
def test_orphan(dump, mksock, state):
    mk = mksock(f"tcp state {state} orphan as=x")
    row = find(dump("-k", "tcp"), mk["x"])
    # in FIN_WAIT2 an orphan soon becomes a mini-socket, whose state stays
    assert row.detached == "orphan" or (state == "FIN_WAIT2" and row.detached == "time-wait")
    assert row.state == state


SCENE = [
    "tcp listen 0.0.0.0:8022",
    "tcp listen [::]:8700 v6only=0 as=dual",
    "tcp listen 127.0.0.1:8080 as=web",
    "tcp connect @web from=127.0.0.1:40001",
    "tcp accept @web",
    "tcp connect @web from=127.0.0.2:40002",
    "tcp connect 127.0.0.1:8700 from=127.0.0.3:40003",
    "tcp accept @dual",
    "tcp listen [::1]:8022 v6only as=web6",
    "tcp connect @web6 from=[::1]:40004",
    "tcp state TIME_WAIT 127.0.0.5:0",
    "tcp state SYN_RECV 127.0.0.6:0",
    "tcp state FIN_WAIT2 127.0.0.7:0 orphan",
    "tcp listen 127.0.0.4:8600 device=lo",
    "tcp listen 127.0.0.3:8500 mark=5",
    "udp bind [::1]:5300",
    "udp bind 0.0.0.0:5300",
    "udp connect 127.0.0.1:9 from=127.0.0.1:5400",
]


def test_same_as_ss(dump, netns, mksock):
    mksock(*SCENE)
    assert as_ss(dump()) == ss_rows(netns, "-tua")


def test_listeners_first(dump, mksock):
    mksock(*SCENE)
    for way in [], ["-p"]:
        listening = [r.state in ("LISTEN", "CLOSE") for r in dump(*way)]
        assert any(listening) and not all(listening)
        assert listening == sorted(listening, reverse=True)


# All of these the kernel decides, so what it gives is what ss shows.
DECIDED = """
sport = :8080
sport != :8080
sport >= :8080 and sport <= :8600
not ( sport >= :8080 and sport <= :8600 )
src 127.0.0.0/8
not src 127.0.0.0/8
dst 127.0.0.3
not ( dst 127.0.0.3 or dst 127.0.0.1 )
src [::1]
src 127.0.0.1:8080 or dst 127.0.0.1:8080
not ( src 127.0.0.1:8080 or dst 127.0.0.1:8080 )
( sport = :8080 and dport = :40001 ) or ( sport = :40002 and not dport = :1 ) or sport = :8700
fwmark = 5
not fwmark = 5/0xff
not ( ( src 127.0.0.0/8 and sport != :8080 ) or not ( dport = :40001 or src [::1] ) )
""".strip().splitlines()


@pytest.mark.parametrize("text", DECIDED)
def test_filter_in_kernel(dump, netns, mksock, text):
    mksock(*SCENE)
    told = as_ss(dump("-k", "tcp", "-F", text))
    assert told == ss_rows(netns, "-ta", text)
    assert told < as_ss(dump("-k", "tcp"))


def test_filter_without_net_admin(dump, mksock):
    """Marks may not be asked about then; the rest is still decided, and nothing is missing."""
    mksock(*SCENE)
    rows = dump("-k", "tcp", "-d", str(OPTIONS), "-F", "fwmark = 5 or sport = 8080",
                user=process.NOBODY)
    assert {"8080", "8500"} <= {row.local.rsplit(":", 1)[1] for row in rows}
    assert {row.mark for row in rows if row.state == "LISTEN"} == {"?"}
    rows = dump("-k", "tcp", "-F", "fwmark = 5 and sport = 8080", user=process.NOBODY)
    assert {row.local for row in rows} == {"127.0.0.1:8080"}


def test_details(dump, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "tcp connect @srv as=c tos=16 device=lo mark=7")
    plain = find(dump("-k", "tcp"), mk["c"])
    assert plain.tos is plain.rtt_us is plain.rcvbuf_bytes is None
    row = find(dump("-k", "tcp", "-d", str(OPTIONS | MEMORY | TCP_INFO)), mk["c"])
    assert (row.tos, row.device, row.mark) == ("16", "lo", "7")
    assert int(row.rtt_us) > 0 and int(row.rcvbuf_bytes) > 0 and row.congestion


def test_other_kinds(dump, netns, mksock):
    mk = mksock(
        "unix-stream listen @abc as=l",
        "unix-stream connect @abc as=c",
        "unix-dgram bind @dg as=d",
        "netlink bind route groups=3 as=n",
        "packet-raw bind lo as=p",
        "udplite bind 127.0.0.1:0 as=ul",
        "raw socket protocol=143 as=r",
    )
    rows = dump("-k", "all", "-d", str(MEMORY))
    for name, state in {"l": "LISTEN", "d": "CLOSE", "ul": "CLOSE", "r": "CLOSE"}.items():
        [row] = [row for row in rows if row.inode == str(mk[name].inode)]
        assert (row.kind, row.state) == (mk[name].proto, state)
    # the kernel lists a netlink socket in groups twice
    [row] = [row for row in rows if row.inode == str(mk["n"].inode)]
    assert (row.groups, row.local.split(":")[0]) == ("3", "route")
    [row] = [row for row in rows if row.inode == str(mk["p"].inode)]
    assert row.device == "lo"
    # the end that nobody has accepted has no inode, and unix_diag leaves it out
    [row] = [row for row in rows if row.detached == "in-queue"]
    assert (row.kind, row.state, row.local) == ("unix-stream", "ESTABLISHED", "@abc")


def test_unix_queue_only_if_waiting(dump, mksock):
    mksock("unix-stream listen @abc as=l", "unix-stream connect @abc", "unix-stream accept @l")
    assert [row for row in dump("-k", "unix") if row.detached != "attached"] == []


def test_proc_tells_the_same(dump, mksock):
    mksock(*SCENE)
    by_diag, by_proc = dump(), dump("-p")
    shown = [row for row in by_diag if row.state != "BOUND_INACTIVE"]
    assert sorted(map(ends, shown)) == sorted(map(ends, by_proc))
    for row in by_proc:
        same = [r for r in shown if ends(r) == ends(row)]
        assert row.inode in [r.inode for r in same]
        assert row.detached in [r.detached for r in same]


def test_ping_from_proc(dump, netns, mksock):
    netns.sysctl("net.ipv4.ping_group_range", "0 2147483647")
    mk = mksock()
    mk.need("ping socket as=p")
    kinds = [row.kind for row in dump("-k", "ping")]
    assert set(kinds) <= {"ping"}


def test_saved_dump(dump, netns, mksock, tmp_path):
    mksock(*SCENE)
    saved = tmp_path / "dump"
    netns.run("ss", "-4tanD", saved)
    assert as_ss(dump("-f", saved)) == ss_rows(netns, "-4ta")
    broken = tmp_path / "broken"
    broken.write_bytes(saved.read_bytes()[:-60])
    assert "is cut off" in dump.program("-f", broken, status=1).stderr


def test_destroy(dump, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a")
    refused = dump.program("-x", mk["a"].cookie, status=1, user=process.NOBODY)
    assert "CAP_NET_ADMIN" in refused.stderr
    dump.program("-x", mk["a"].cookie)
    assert [row for row in dump("-k", "tcp") if row.cookie == str(mk["a"].cookie)] == []
    assert find(dump("-k", "tcp"), mk["srv"]).state == "LISTEN"


def test_lookup(dump, mksock):
    mk = mksock(
        "tcp listen 127.0.0.1:8080 as=web",
        "tcp listen [::]:8081 v6only=0 as=dual",
        "tcp connect @web from=127.0.0.1:40001 as=c",
        "tcp accept @web as=a",
        "udp bind 127.0.0.1:5300 as=u",
    )

    def look(kind, *words):
        [row] = dump("-k", kind, "-l", ",".join(words))
        return row.cookie

    assert look("tcp", "127.0.0.1", "8080", "127.0.0.9", "1") == str(mk["web"].cookie)
    assert look("tcp", "127.0.0.1", "8080", "127.0.0.1", "40001") == str(mk["a"].cookie)
    assert look("tcp", "127.0.0.1", "8081", "127.0.0.1", "1") == str(mk["dual"].cookie)
    assert look("udp", "127.0.0.1", "5300", "127.0.0.1", "1") == str(mk["u"].cookie)
    nobody = dump.program("-k", "tcp", "-l", "127.0.0.1,9,127.0.0.1,1", status=1, user=process.NOBODY)
    assert "no such file" in nobody.stderr.lower()


def test_missing_modules_are_noted(dump):
    stderr = dump.program("-k", "vsock,raw").stderr
    if not features.has_vsock_diag():
        assert "vsock" in stderr or "AF_VSOCK" not in open("/proc/net/protocols").read()
    assert "raw" not in stderr
