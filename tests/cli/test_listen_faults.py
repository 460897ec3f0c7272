"""berth listen on bad days: peers that reset, stall, trickle, never read, vanish; no descriptors, no
disk, lost packets, signals at any moment. Each test prints what it counted (pytest -rP)."""

import contextlib
import hashlib
import os
import random
import resource
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from lib import process
from lib.listening import Listening, read_all
from lib.wait import wait_for

HERE = "127.0.0.1:0"


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def is_sanitized(server):
    return process.is_sanitized(f"/proc/{server.process.pid}/exe")


def memory_kib(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def counted(**counts):
    print("counted:", ", ".join(f"{name} {count}" for name, count in counts.items()))


MODES = {
    "echo": ["--echo"],
    "discard": ["--discard"],
    "streams": [],
    "chat": ["--chat"],
    "exec": ["--shell", "--exec", "exec cat 2>/dev/null"],  # whose complaints would mix with events
    "reply": ["--reply", "x" * 100_000],
    "save": ["--save", "."],
}


@pytest.fixture(params=MODES)
def mode(request, tmp_path):
    return [str(tmp_path) if word == "." else word for word in MODES[request.param]]


def still_serves(server, mode):
    """A newcomer gets what the mode gives."""
    with server.connect() as s:
        if "--reply" in mode:
            assert len(read_all(s)) == 100_000
        elif "--echo" in mode or "--exec" in mode:
            s.sendall(b"well")
            assert s.recv(4) == b"well"
        else:
            s.sendall(b"well\n")


def test_peers_that_misbehave(listen, mode):
    """Ninety clients: a third reset in the midst, a third vanish with bytes unread, a third stall;
    one more is served as if alone, and nothing is left behind."""
    server = listen(*[HERE, *mode])
    before = descriptors(server)
    clients = [server.connect() for _ in range(90)]
    for i, s in enumerate(clients):
        s.setblocking(False)
        with contextlib.suppress(OSError):
            s.send(b"some text\n" * 2000)
        if i % 3 == 0:
            reset(s)
    still_serves(server, mode)
    for i, s in enumerate(clients):
        if i % 3 == 1:
            s.close()
    still_serves(server, mode)
    for i, s in enumerate(clients):
        if i % 3 == 2:
            reset(s)
    # With standard input open, a client that only ended its side may still want to hear.
    server.process.stdin.close()
    server.wait_events("closed", 92)
    wait_for(lambda: descriptors(server) <= before, what="descriptors")
    assert server.end() == 0
    why = {}
    for event in server.of("closed"):
        why[event["why"]] = why.get(event["why"], 0) + 1
    counted(clients=len(server.of("opened")), **why)
    assert len(server.of("opened")) == len(server.of("closed")) == 92


def test_a_client_that_never_reads_holds_nobody(listen):
    """Echo to a client who doesn't read: bounded memory, others undisturbed."""
    server = listen(HERE, "--echo")
    start = memory_kib(server)
    stuck = [server.connect() for _ in range(20)]
    sent = 0
    for s in stuck:
        s.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += s.send(b"x" * 65536)
    begun = time.monotonic()
    for _ in range(100):
        with server.connect() as s:
            s.sendall(b"hi")
            assert s.recv(2) == b"hi"
    elapsed = time.monotonic() - begun
    grown = memory_kib(server) - start
    counted(stuck=len(stuck), unread_MiB=sent >> 20, others_served_s=round(elapsed, 2), grown_KiB=grown)
    assert grown < 24 << 10
    for s in stuck:
        s.close()


def test_a_byte_a_time(listen):
    """Two hundred clients trickle, each its own bytes, and each gets them back."""
    server = listen(HERE, "--echo")
    clients = [server.connect() for _ in range(200)]
    for at in range(20):
        for i, s in enumerate(clients):
            s.send(bytes([(i + at) % 256]))
    for i, s in enumerate(clients):
        s.shutdown(socket.SHUT_WR)
        assert read_all(s) == bytes((i + at) % 256 for at in range(20))
        s.close()
    counted(clients=len(clients), bytes=200 * 20)


def test_descriptors_run_out(listen):
    """With 24 descriptors, 60 clients come; those who don't fit wait, and all are served."""
    server = listen(HERE, "--echo", prefix=["prlimit", "--nofile=24:24"])
    clients = [server.connect() for _ in range(60)]
    for i, s in enumerate(clients):
        s.sendall(b"%03d" % i)
    trouble = server.wait_events("trouble")[0]
    assert trouble["error"] == "EMFILE"
    cpu = time_of(server)
    time.sleep(0.5)  # resting isn't spinning
    spent = time_of(server) - cpu
    for i, s in enumerate(clients):
        assert s.recv(3) == b"%03d" % i
        s.close()
    server.wait_events("closed", 60)
    counted(clients=60, troubles=len(server.of("trouble")), cpu_s=spent)
    assert spent < 0.2


def time_of(server):
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_descriptors_run_out_with_processes(listen):
    server = listen(HERE, "--exec", "cat", prefix=["prlimit", "--nofile=16:16"])
    clients = [server.connect() for _ in range(30)]
    served = 0
    for s in clients:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            s.sendall(b"x")
            served += s.recv(1) == b"x"
        s.close()
    counted(clients=30, served=served)
    assert served >= 3
    with server.connect() as s:
        s.sendall(b"x")
        assert s.recv(1) == b"x"


def test_the_disk_is_full(listen, tmp_path):
    """--save into 1 MiB: who doesn't fit is told by a reset, what was saved is whole, and once
    there is room again, saving goes on."""
    folder = tmp_path / "small"
    folder.mkdir()
    try:
        process.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder])
    except AssertionError:
        pytest.skip("not here: mounting a tmpfs")
    try:
        server = listen(HERE, "--save", folder)
        with server.connect() as s:
            s.sendall(b"a" * 400_000)
            s.shutdown(socket.SHUT_WR)
            assert read_all(s) == b""
        with server.connect() as s, pytest.raises(OSError):
            for _ in range(100):
                s.sendall(b"b" * 100_000)
            s.recv(1)
        closed = server.wait_events("closed", 2)
        assert [(e["why"], e["error"]) for e in closed] == [("ended", None), ("far-failed", "ENOSPC")]
        files = sorted(os.listdir(folder), key=lambda name: int(name.split("-")[2]))
        assert (folder / files[0]).read_bytes() == b"a" * 400_000
        os.unlink(folder / files[1])
        with server.connect() as s:
            s.sendall(b"c" * 100_000)
            s.shutdown(socket.SHUT_WR)
            assert read_all(s) == b""
        counted(saved=2, refused=1)
        assert server.end() == 0
    finally:
        server.close()
        process.run(["umount", folder])


def test_clients_killed_by_the_hundred(listen, netns, mode):
    """Processes with ten connections each, killed with SIGKILL while they talk."""
    server = listen(HERE, *mode, "--backlog", "4096", "--idle-timeout", "5s")
    script = (
        "import socket,sys\n"
        "s=[socket.create_connection(('127.0.0.1',int(sys.argv[1]))) for _ in range(10)]\n"
        "print(flush=True)\n"
        "while True:\n"
        "  for c in s:\n"
        "    c.setblocking(False)\n"
        "    try:\n"
        "      c.send(b'text\\n'*100)\n"
        "    except OSError: pass\n"
    )
    killed = 0
    for _ in range(3):
        talkers = [
            process.start(["python3", "-c", script, server.port], netns=netns, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
            for _ in range(4)
        ]
        for talker in talkers:
            talker.stdout.readline()
        for talker in talkers:
            process.end(talker)
            killed += 10
    server.process.stdin.close()
    server.wait_events("opened", killed)
    server.wait_events("closed", killed)
    still_serves(server, mode)
    counted(killed=killed, closed=len(server.of("closed")), memory_KiB=memory_kib(server))


TALKERS = """
import os, signal, socket, sys, time
port, processes, each = map(int, sys.argv[1:])
children = []
for _ in range(processes):
    said, say = os.pipe()
    child = os.fork()
    if child == 0:
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(each)]
        for s in clients:
            s.setblocking(False)
        os.write(say, b"x")
        for i in range(1000000):
            try:
                clients[i % each].send(b"text\\n" * 10)
            except OSError:
                pass
            time.sleep(0.01 if i > each else 0)
    children.append(child)
    os.close(say)
    os.read(said, 1)
    os.close(said)
print("ready", flush=True)
sys.stdin.readline()
for child in children:
    os.kill(child, signal.SIGKILL)
for child in children:
    os.wait()
"""


@pytest.mark.parametrize("name", ["echo", "streams", "discard"])
def test_clients_killed_by_the_thousand(listen, netns, name):
    """A thousand connections of a hundred processes, that all die at once while they talk; twice."""
    server = listen(HERE, *MODES[name], "--backlog", "4096")
    server.process.stdin.close()
    with server.connect() as stays:
        server.wait_events("opened")
        start, killed = memory_kib(server), 0
        for _ in range(2):
            talkers = process.start(["/usr/bin/python3", "-c", TALKERS, server.port, 100, 10], netns=netns,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                assert talkers.stdout.readline() == "ready\n"
                talkers.communicate("now\n", timeout=60)
            finally:
                process.end(talkers)
            killed += 1000
            server.wait_events("closed", killed)
        if name == "streams":
            server.wait_output(b"\n")
        still_serves(server, MODES[name])
        grown = memory_kib(server) - start
        counted(killed=killed, closed=len(server.of("closed")), grown_KiB=grown)
        if not is_sanitized(server):
            assert grown < 32 * 1024
        stays.close()
    wait_for(lambda: descriptors(server) < 40, what="all of them closed")


def test_ten_thousand_at_once(listen):
    """Ten thousand clients: little memory each, all of them served."""
    n = 10_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < n + 100:
        pytest.skip(f"a process may have {hard} descriptors here at most")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, n + 100), hard))
    clients = []
    try:
        server = listen(HERE, "--echo", "--backlog", "4096")
        with server.connect() as s:
            s.sendall(b"x")
            s.recv(1)
        start = memory_kib(server)
        with server.netns.inside():
            for _ in range(n):
                clients.append(socket.create_connection(("127.0.0.1", server.port), 20))
        server.wait_events("opened", n + 1)
        for s in clients:
            s.send(b"x")
        for s in clients:
            assert s.recv(1) == b"x"
        each = (memory_kib(server) - start) * 1024 / n
        counted(clients=n, bytes_each=round(each))
        for s in clients:
            s.close()
        server.wait_events("closed", n + 1)
        if not is_sanitized(server):  # a sanitizer pads everything
            assert each < 2048
    finally:
        for s in clients:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_at_any_moment(listen, number):
    """The signal comes while clients come and go, twenty times, and each time it ends cleanly."""
    total = 0
    for round_ in range(20):
        server = listen(HERE, "--exec" if round_ % 2 else "--echo", *(["cat"] if round_ % 2 else []),
                        "--grace", "100ms")
        clients = []
        for _ in range(round_ % 7):
            s = server.connect()
            s.sendall(b"x" * (1 << round_ % 10))
            clients.append(s)
        time.sleep(random.random() * 0.01)
        assert server.end(number) == 0
        totals = server.of("totals")
        assert len(totals) == 1
        assert len(server.of("opened")) == len(server.of("closed"))
        total += totals[0]["clients"]
        for s in clients:
            s.close()
    counted(rounds=20, clients=total)


def test_stop_and_continue(listen):
    """SIGSTOP in the midst of a transfer loses nothing."""
    server = listen(HERE, "--echo")
    data = os.urandom(1 << 20)
    with server.connect() as s:
        sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
        sender.start()
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        server.process.send_signal(signal.SIGCONT)
        assert read_all(s) == data
        sender.join()


@pytest.mark.parametrize("ends", [False, True])
def test_urgent_data_cuts_a_read_short(listen, ends):
    """All of it has come before the first read, which stops at the mark."""
    server = listen(HERE, "--echo")
    with server.connect() as s:
        s.sendall(b"x")
        assert s.recv(1) == b"x"
        server.process.send_signal(signal.SIGSTOP)
        s.send(b"ab")
        s.send(b"!", socket.MSG_OOB)
        s.send(b"cd")
        if ends:
            s.shutdown(socket.SHUT_WR)
        server.process.send_signal(signal.SIGCONT)
        s.settimeout(5)
        back = b""
        while len(back) < 4:
            back += s.recv(10)
        assert back == b"abcd"


@pytest.mark.parametrize("mode", [["--echo"], ["--forward"]])
def test_the_end_right_behind_the_data(listen, mode):
    """However the end falls together with what came before it, it is seen."""
    if mode == ["--forward"]:
        behind = listen(HERE, "--echo")
        mode = ["--forward", f"127.0.0.1:{behind.port}"]
    server = listen(HERE, *mode)
    for i in range(300):
        with server.connect() as s:
            s.settimeout(5)
            s.send(b"text")
            if i % 3 == 1:
                s.recv(2)
            if i % 3 == 2:
                s.send(b"more")
            s.shutdown(socket.SHUT_WR)
            read_all(s)
    counted(ends=300)


def test_half_closed_is_not_closed(listen):
    """Bulk towards a client that has ended its side."""
    server = listen(HERE, "--shell", "--exec", "cat >/dev/null; head -c 3000000 /dev/zero")
    with server.connect() as s:
        s.sendall(b"x" * 1_000_000)
        s.shutdown(socket.SHUT_WR)
        assert len(read_all(s)) == 3_000_000


@pytest.mark.parametrize("args", [["--echo"], ["--exec", "cat"]])
def test_two_percent_are_lost(berth, veth, args):
    """Over a wire that drops 2% of the packets each way: every byte arrives, once, in order."""
    rules = """
    table inet loss {
        chain in {
            type filter hook input priority 0;
            meta l4proto tcp numgen random mod 100 < 2 counter drop
        }
    }
    """
    try:
        for ns in (veth.here, veth.there):
            process.run(["nft", "-f", "-"], netns=ns, input=rules)
            ns.ip("link", "set", "en0", "gso_max_segs", "1")  # packets, not 64 KiB at once
    except AssertionError:
        pytest.skip("not here: nft with numgen")
    server = Listening(berth, f"{veth.here_address}:0", *args)
    with contextlib.closing(server):
        data = os.urandom(3 << 20)
        with veth.there.inside():
            s = socket.socket()
        with s:
            s.settimeout(60)
            s.connect((veth.here_address, server.port))
            sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
            sender.start()
            back = read_all(s)
            sender.join()
        assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()
        listing = process.run(["nft", "list", "ruleset"], netns=veth.here).stdout
        dropped = int(listing.split("counter packets ")[1].split()[0])
        counted(bytes=len(data), dropped_here=dropped, memory_KiB=memory_kib(server))
        assert dropped > 0
        wait_for(lambda: server.of("closed"))
        assert server.of("closed")[0]["bytes_in"] == len(data)
        assert server.of("closed")[0]["bytes_out"] == len(data)
        assert memory_kib(server) < 32 << 10
