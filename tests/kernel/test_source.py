"""source_read on known scenes: rows and their owners, by each way, as root and as anybody."""

import os
import subprocess
import threading

import pytest

from lib import features, process
from lib.features import require
from lib.wait import wait_for

ROWS = process.built("ROWS", "tests/helper/rows")
OWNERS, CMDLINE, PROCESS, OPTIONS, MEMORY, TCP_INFO = 1, 2, 4, 8, 32, 64


class Read:
    """One run of rows: .rows, .via, .notes"""

    def __init__(self, result):
        lines = result.jsonl()
        self.rows, last = lines[:-1], lines[-1]
        self.via, self.notes = last.get("via"), last.get("notes")

    def of(self, sock):
        return sock.find(self.rows)


@pytest.fixture
def rows(netns):
    program = process.Program(ROWS, netns)

    def read(*words, status=0, **how):
        result = program(*words, status=status, **how)
        return Read(result) if status == 0 else result.jsonl()[-1]

    yield read
    program.close()


@pytest.fixture(params=["bpf", "diag", "proc"])
def via(request):
    if request.param == "bpf":
        require(features.has_bpf)
    return "via=" + request.param


def everything_is_seen():
    """Even root may be refused: by a process in a user namespace above, or by an LSM."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            os.stat(f"/proc/{pid}/ns/net")
        except PermissionError:
            return False
        except OSError:
            pass
    return True


def pairs(row):
    return sorted((o["pid"], o["fd"]) for o in row["owners"])


def truth(sock):
    return sorted((o["pid"], o["fd"]) for o in sock.owners)


def test_every_holder_is_told(rows, mksock, via):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "tcp connect @srv as=c", "tcp accept @srv as=a")
    mk.run("dup @srv", "fork count=2 as=child")
    mk.refresh()
    read = rows(via)
    for name in ("srv", "c", "a"):
        assert len(mk[name].owners) >= 3
        assert pairs(read.of(mk[name])) == truth(mk[name])


def test_listeners_come_first(rows, mksock, via):
    mksock(
        "tcp listen 127.0.0.1:0 as=s4",
        "tcp connect @s4",
        "udp bind 127.0.0.1:0 as=u4",
        "udp connect @u4",
        "tcp listen [::1]:0 as=s6",
        "udp bind [::1]:0",
    )
    told = [row["listener"] for row in rows(via, "kinds=all").rows]
    assert True in told and False in told
    assert told == sorted(told, reverse=True)


def test_a_subflow_has_the_holders_of_its_connection(rows, mksock, via):
    """No process has the TCP socket below an MPTCP listener open: who listens there all the same?"""
    mk = mksock()
    mk.need("mptcp listen 127.0.0.1:0 as=srv")
    for kinds in ("kinds=tcp", "kinds=all"):
        listening = [row for row in rows(via, kinds).rows
                     if row["proto"] == "tcp" and row["listener"] and row["local"]["port"] == mk["srv"].port]
        assert [pairs(row) for row in listening] == [truth(mk["srv"])]


def test_netlink_of_the_kernel_and_none_of_ours(rows, mksock, via):
    """Port id 0 is the kernel's whoever may not be looked at; the asking socket is left out."""
    if via == "via=proc":
        pytest.skip("/proc/net/netlink is read without asking by netlink")
    mk = mksock("netlink bind route as=r")
    told = rows(via, "kinds=netlink").rows
    assert pairs(mk["r"].find(told)) == truth(mk["r"])
    assert {row["detached"] for row in told if not row["owners"]} == {"kernel"}


@pytest.mark.parametrize(
    "state, why",
    [
        ("TIME_WAIT", "time-wait"),
        ("QUEUED", "in queue"),
        ("SYN_RECV", "request"),
        ("FIN_WAIT1 orphan", "orphan"),
        ("FIN_WAIT2 orphan", "time-wait"),  # a mini-socket by then
        ("LAST_ACK orphan", "orphan"),
        ("CLOSING orphan", "orphan"),
    ],
)
def test_without_owner_it_says_why(rows, mksock, via, state, why):
    mk = mksock()
    sock = mk.state(*state.split(), name="x")
    if state == "QUEUED":
        sock = mk["x"]
    row = sock.find(rows(via).rows)
    assert row["owners"] == []
    assert row["detached"] == why


@pytest.mark.parametrize("state", ["QUEUED", "FIN_WAIT1 orphan"])
def test_without_owner_it_is_told_in_full(rows, mksock, state):
    """Also by BPF, whose walk over the tables tells ends and state alone."""
    require(features.has_bpf)
    mk = mksock()
    sock = mk.state(*state.split(), name="x")
    sock = mk["x"] if state == "QUEUED" else sock
    detail = f"detail={OWNERS | MEMORY | TCP_INFO}"
    by_bpf, by_diag = (sock.find(rows(via, detail).rows) for via in ("via=bpf", "via=diag"))
    told = [key for key in ("rtt_us", "mss", "cwnd", "rcvbuf_bytes", "sndbuf_bytes") if by_bpf[key] is not None]
    assert len(told) == 5
    assert [by_bpf[key] for key in told] == [by_diag[key] for key in told]
    assert by_bpf["detached"] == by_diag["detached"]


def test_socket_in_flight_has_no_process(rows, mksock, via):
    """Passed over a UNIX socket and closed: the queue alone holds it."""
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "unix-stream pair as=u", "pass @srv @u")
    mk.run("close @srv")
    found = [r for r in rows(via).rows if r["inode"] == mk["srv"].inode]
    if everything_is_seen():
        assert [(r["owners"], r["detached"]) for r in found] == [([], "unclear")]
    else:
        of_proc = ["device"] if via == "via=proc" else []
        assert [r["not_permitted"] for r in found] == [[*of_proc, "owners"]]


def test_anybody_sees_their_own(rows, mksock):
    """An ordinary user's own sockets have owners; others' are forbidden, not absent."""
    theirs = mksock("tcp listen 127.0.0.1:0 as=srv")
    mine = mksock("tcp listen 127.0.0.1:0 as=srv", user=process.NOBODY)
    for via in ("via=best", "via=diag", "via=proc"):
        read = rows(via, user=process.NOBODY)
        assert read.via != "bpf"
        row = read.of(theirs["srv"])
        assert row["owners"] is None and "owners" in row["not_permitted"]
        row = read.of(mine["srv"])
        assert pairs(row) == truth(mine["srv"]) and "owners" not in row["not_permitted"]
        assert "owners of 1 socket may not be seen; run as root or with CAP_SYS_PTRACE" in read.notes


def test_undumpable_process_is_forbidden_to_its_user(rows, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", user=process.NOBODY)
    mk.run("fork as=p keep=@srv undumpable", "close @srv")
    row = rows("via=diag", user=process.NOBODY).of(mk["srv"])
    assert row["owners"] is None and "owners" in row["not_permitted"]
    assert pairs(rows("via=diag").of(mk["srv"])) == truth(mk["srv"])


def test_root_without_ptrace(rows, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv")
    row = rows("via=diag", without=["sys_ptrace"]).of(mk["srv"])
    assert row["owners"] is None and "owners" in row["not_permitted"]


def test_bpf_without_privilege_says_so(rows):
    require(features.has_bpf)
    assert rows("via=bpf", user=process.NOBODY, status=1)["error"] == "EPERM"


def test_options_by_duplicate(rows, mksock, via):
    mk = mksock(
        "tcp listen 127.0.0.1:0 as=a reuseaddr reuseport keepalive keepidle=77 keepintvl=11 "
        "keepcnt=3 nodelay tos=16 ttl=9 linger=5 fastopen=4 freebind",
        "tcp listen 127.0.0.1:0 as=b",
        "tcp listen [::1]:0 as=six v6only",
        "udp bind 127.0.0.1:0 as=u broadcast priority=3",
    )
    read = rows(via, f"detail={OWNERS | OPTIONS}")
    a, b, six, u = (read.of(mk[name]) for name in ("a", "b", "six", "u"))
    expected = {
        "reuseaddr": (True, False),
        "reuseport": (True, False),
        "keepalive": (True, False),
        "keepidle_s": (77, 7200),
        "keepintvl_s": (11, 75),
        "keepcnt": (3, 9),
        "nodelay": (True, False),
        "tos": (16, 0),
        "ttl": (9, -1),
        "linger_s": (5, -1),
        "fastopen": (4, 0),
        "freebind": (True, False),
        "cork": (False, False),
        "defer_accept": (False, False),
    }
    assert {key: (a[key], b[key]) for key in expected} == expected
    assert six["v6only"] is True and b["v6only"] is None
    assert u["broadcast"] is True and u["priority"] == 3
    assert u["nodelay"] is None and "nodelay" not in u["not_permitted"]


def test_options_may_be_forbidden(rows, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv reuseaddr")
    row = rows("via=diag", f"detail={OWNERS | OPTIONS}", user=process.NOBODY).of(mk["srv"])
    for key in ("reuseaddr", "reuseport", "keepalive", "linger_s"):
        assert row[key] is None and key in row["not_permitted"]


def test_the_duplicate_is_gone(rows, mksock, netns):
    """Reading options must not leave the port taken."""
    mk = mksock("tcp listen 127.0.0.1:0 as=srv")
    port = mk["srv"].port
    rows("via=diag", f"detail={OWNERS | OPTIONS}")
    mk.run("close @srv", f"tcp listen 127.0.0.1:{port} as=again")


def test_long_command_line(rows, mksock, via):
    line = "x" * 4096 + "\\x20" + "y" * 3000
    mk = mksock("tcp listen 127.0.0.1:0 as=srv")
    mk.run(f"fork as=p keep=@srv cmdline={line}", "close @srv")
    (owner,) = rows(via, f"detail={OWNERS | CMDLINE}").of(mk["srv"])["owners"]
    assert owner["cmdline"] == "x" * 4096 + " " + "y" * 3000


def test_evil_comm(rows, mksock, via):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv")
    mk.run("fork as=p keep=@srv comm=)\\x20R\\x201\\x20(\\n\\e[31m", "close @srv")
    (owner,) = rows(via).of(mk["srv"])["owners"]
    assert owner["comm"] == ") R 1 (\n\x1b[31m"
    assert owner["pid"] == mk.processes["p"]


def test_process_facts(rows, mksock, via, cgroup):
    group = cgroup("system.slice/berth-test@7.service")
    mk = mksock("tcp listen 127.0.0.1:0 as=srv")
    mk.run(f"fork as=p keep=@srv cgroup={group.path}", "close @srv")
    pid = mk.processes["p"]
    (owner,) = rows(via, f"detail={OWNERS | PROCESS}").of(mk["srv"])["owners"]
    assert owner["exe"] == os.readlink(f"/proc/{pid}/exe")
    assert owner["cwd"] == os.readlink(f"/proc/{pid}/cwd")
    assert owner["unit"] == "berth-test@7.service"
    assert owner["cgroup"].endswith("system.slice/berth-test@7.service")
    assert owner["container"] is None
    assert owner["ppid"] == mk.pid
    assert owner["netns"] == mk["srv"].netns


def test_pid_namespace(rows, mksock, netns):
    """From outside, a process is told by its number outside. From inside, a holder outside can't be
    told from none, and the row says so."""
    mk = mksock("tcp listen 127.0.0.1:0 as=srv")
    mk.run("fork as=p keep=@srv pidns")
    row = rows("via=diag").of(mk["srv"])
    assert mk.processes["p"] in [o["pid"] for o in row["owners"]]

    inside = netns.run("unshare", "--pid", "--fork", "--mount-proc", ROWS, "via=diag")
    read = Read(process.Result(inside.args, inside.returncode, inside.stdout, inside.stderr))
    row = read.of(mk["srv"])
    assert row["owners"] is None and "owners" in row["not_permitted"]
    assert read.notes == ["owners of 1 socket may be outside this pid namespace"]


def test_hidepid(mksock, netns):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv")
    script = (
        "mount -t proc -o hidepid=2 proc /proc && "
        f"exec setpriv --reuid={process.NOBODY} --regid={process.NOBODY} --clear-groups "
        "--bounding-set=-all --inh-caps=-all $0 via=diag"
    )
    program = process.Program(ROWS)
    try:
        path = program.path_for(process.NOBODY)
        read = Read(netns.run("unshare", "--mount", "sh", "-c", script, path))
    finally:
        program.close()
    row = read.of(mk["srv"])
    assert row["owners"] is None and "owners" in row["not_permitted"]
    assert any("hidepid" in note for note in read.notes)


def test_many_fds(rows, mksock, via):
    mk = mksock("scene connections=1000 processes=2")
    read = rows(via, "kinds=tcp")
    held = [row for row in read.rows if row["state"] in ("LISTEN", "ESTABLISHED")]
    assert len(held) >= 2002
    assert all(len(row["owners"]) == 1 for row in held)
    assert mk.pid not in {row["owners"][0]["pid"] for row in held}


def test_namespaces(rows, mksock, make_netns, via):
    other = make_netns()
    here = mksock("tcp listen 127.0.0.1:0 as=srv")
    there = mksock("tcp listen 127.0.0.1:0 as=srv", netns=other)
    own = rows(via).rows
    assert {row["netns"] for row in own} == {here["srv"].netns}

    both = rows(via, "netns=all")
    for mk in (here, there):
        assert pairs(both.of(mk["srv"])) == truth(mk["srv"])

    for text in (f"pid:{there.pid}", str(other.inode)):
        read = rows(via, f"netns={text}")
        assert {row["netns"] for row in read.rows} == {there["srv"].netns}
        assert pairs(read.of(there["srv"])) == truth(there["srv"])


def test_namespace_that_is_none(rows, tmp_path):
    assert rows("netns=no-such-name", status=1)["error"] == "ENOENT"
    (tmp_path / "file").write_text("")
    assert rows(f"netns={tmp_path}/file", status=1)["error"] in ("EINVAL", "ENOTTY")
    assert rows("netns=pid:2147483647", status=1)["error"] == "ESRCH"
    assert rows("netns=4294967294", status=1)["error"] == (
        "ENOENT" if everything_is_seen() else "EACCES"
    )


def test_other_namespaces_of_anybody(rows, mksock, make_netns):
    mksock("tcp listen 127.0.0.1:0 as=srv", netns=make_netns())
    read = rows("netns=all", user=process.NOBODY)
    assert any("namespaces" in note for note in read.notes)


def test_processes_that_come_and_go(rows, mksock, via):
    """Processes that end, and descriptors that are closed and reused, while we read."""
    mk = mksock("tcp listen 127.0.0.1:0 as=srv")
    stop = threading.Event()

    def churn():
        churner = (
            "import socket,sys\n"
            "for i in range(40):\n"
            "    s=[socket.socket() for _ in range(20)]\n"
            "    for x in s: x.close()\n"
        )
        while not stop.is_set():
            subprocess.run(["/usr/bin/python3", "-S", "-c", churner], check=True)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(5):
            read = rows(via, "detail=15", "kinds=all")
            assert pairs(read.of(mk["srv"])) == truth(mk["srv"])
    finally:
        stop.set()
        thread.join()


def test_first_thread_ended(rows, netns, via):
    """The process lives on by its other threads; /proc/PID/fd is empty then."""
    program = (
        "import ctypes,socket,threading,sys,time\n"
        "s=socket.socket(); s.bind(('127.0.0.1',0)); s.listen()\n"
        "print(s.getsockname()[1],flush=True)\n"
        "threading.Thread(target=sys.stdin.read).start()\n"
        "ctypes.CDLL(None).syscall(60,0)\n"
    )
    child = process.start(
        ["/usr/bin/python3", "-S", "-c", program],
        netns=netns,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        port = int(child.stdout.readline())
        wait_for(lambda: open(f"/proc/{child.pid}/stat").read().rpartition(")")[2].split()[0] == "Z")
        found = [r for r in rows(via).rows if r["local"]["port"] == port and r["state"] == "LISTEN"]
        assert [[o["pid"] for o in r["owners"]] for r in found] == [[child.pid]]
    finally:
        process.end(child)
