"""lsof beside the original: the same command line to both, and stdout, stderr and status compared."""

import contextlib
import os
import shlex
import socket
import subprocess

import pytest

from lib import process

SCENE = (
    "comm known",
    "tcp listen 127.0.0.1:4444 backlog=5 reuseaddr as=srv",
    "tcp connect @srv as=c1",
    "tcp accept @srv as=a1",
    "tcp listen [::]:3000 as=s6",
    "tcp connect [::1]:3000 as=c6",
    "tcp bind 127.0.0.1:7777 as=b",
    "tcp socket as=unbound",
    "udp bind 0.0.0.0:5353 as=u",
    "udp connect 127.0.0.1:5353 as=uc",
    "udp bind [::1]:5353 as=u6",
    "unix-stream listen {folder}/s.sock as=us",
    "unix-stream connect @us as=uc1",
    "unix-stream accept @us as=ua1",
    "unix-dgram bind @berth-lsof-test as=ud",
    "unix-stream pair as=up",
    "unix-seqpacket listen @berth-lsof-test2 as=uq",
    "netlink bind route as=nl",
    "raw bind 127.0.0.1 protocol=89 as=rw",
    "packet-raw bind * as=pk",
)


@pytest.fixture
def scene(netns, mksock, tmp_path):
    mk = mksock(*(line.format(folder=tmp_path) for line in SCENE))
    mk.folder = tmp_path
    return mk


@pytest.fixture
def both(berth, netns):
    """The original's answer and berth's to a command line."""

    def ask(*words, **how):
        original = process.run(["lsof", *words], netns=netns, status=None, **how)
        ours = berth("lsof", *words, status=None, **how)
        return original, ours

    return ask


def assert_same(original, ours, stderr=True):
    assert ours.stdout == original.stdout
    assert not stderr or ours.stderr == original.stderr
    assert ours.returncode == original.returncode


# {pid}: the process that holds the sockets. Where a selection means other files too, -a narrows it.
LISTINGS = """
-i
-nP -i
-Pni :4444
+nPi
-l -i
-nP -i -a -p {pid}
-nP -a -p {pid} -U
-nP -a -p {pid} -U -Tqs
-nP -a -p {pid} -U -Tq
-nP -a -p {pid} -U -T
-nP -iTCP:4444 -Tqs
-nP -iTCP:4444 -Tq
-nP -iTCP:4444 -T
-nP -iUDP -Tqs
-nP -iUDP -T
-a -E -U -p {pid}
-a +E -U -p {pid}
-nP +E -i
-nPE -i:4444
-nP -i -a -p {pid} -R -g -o +fg
-nP -i -a -p {pid} -s +fG +L
-i4
-i6
-i4 -i6
-i -i6
-i6 -i
-a -i -i:4444
-a -i4 -i:3000
-a -i6 -i:3000
-a -iUDP -i6
-a -i6 -i:4444
-i:4444 -i6
-i6 -i:4444
-i4@127.0.0.1 -i6
-i6 -i -i:4444
-iUDP -i6
-iTCP -i4
-i4 -iTCP
-i4 -iTCP:3000
-i TCP -i UDP
-iTCP:4444,3000
-iTCP@127.0.0.1:4444,http,1-5
-i:mdns
-i:1-mdns
-i:1-5000
-i:4444,
-i@[::1]
-i4@localhost
-itcp@localhost:4444
-nPi4TCP:4444
-ti:4444
-t -i
-nP -itcp -stcp:listen
-iTCP -sTCP:^LISTEN
-iTCP -sTCP:LISTEN,^ESTABLISHED
-iTCP -sTCP:LISTEN -sTCP:ESTABLISHED
-i -sTCP:LISTEN
-i -sTCP:LISTEN,
-i +L0
-i -sTCP:^LISTEN
-i -U -a -p {pid} -sTCP:LISTEN
-U -a -p {pid} -sTCP:LISTEN
-a -u root -i
-a -u 1234,0 -i
-a -c known -i
-a -c "" -i
-a -c /kn.wn/ -i
-a -c /KNOWN/i -i
-a -c kn -c ^known -i
-a -c kn -c ^knowing -i
-a -c ^known -c /kn/ -i
-a -d 3-5,7 -i
-a -d ^3-5 -i
-a -d cwd -i
-a -d 3u -i
-a -d 3,4u -i
-a -d fd -i:4444
-oo5 -i
-o 0 -i
+c 2 -i
+c 0 -i
-K i -bOMw -i
-e /sys/ -i
+e /sys -i
-nPF -i
-F -i -Fn
-F -a -p {pid} -U
-F0 -i
-Fpn -i:4444
-Fc0 -i:4444
-FpfT -i:4444
-Fi -i
-FGg +fg -i
-FCFNzZ -i
-F +fg -i
+fg -F -i
-F -fg -i
-T -F -i
-F -T -i
-F -Ts -i
-Tq -FT -i
-FT -Tq -i
-F "" -i
+T -i
-T "" -i
-o "" -i
-o8nP -i
-S3nP -i
-FL -l -i
+r1 -i:1
-r1c1 -i:4444
-r1c1m== -i:4444
-r1c1nP -i:4444
-Q -r1c1 -i:4444
-r1m= -r1c1 -i:4444
-r0c1 -i:4444
-Q -r0c1 -i:4444
-r0c1m== -i:4444
+r0 -i:4444
-r0nP -i:4444
-r1c1 -F -i:4444
""".strip().splitlines()

# The same, and something isn't found.
MISSING = """
-i:1
-V -iTCP:1
-iTCP:4444 -iTCP:1
-i -i:1
-V -iTCP@127.0.0.1:99 -iUDP:98
-V -a -p 99999999 -i
-V -p 99999999,99999998 -g 99999999 -c zzz -iTCP:1 -u nobody -U -a
-V -t -p 99999999
-V -a -i -u nobody
-V -c ^known -a -i
-V -c kn -c known -c ^zz -c ^yy -c qq -a -i
-V -c /zz/ -c qq -c /yy/i -a -i
-V -i:4444 -sTCP:CLOSE_WAIT
-V -iUDP -sTCP:LISTEN
-V -iTCP -sTCP:CLOSED
-V -i -U -a
-V -a -iTCP:4444 -d 77
-Q -V -i:1
-iudplite
/nosuchfile
-nPi -
-nP -i +
-nP - -i
-nP {folder}/s.sock /nosuchfile
-N
""".strip().splitlines()

FAULTS = """
-y
--bogus
-k
-x
-Z
-a
-p
-c
-u
-p abc
-p 1,2,x
-g 1,x,2,y
-p 1,^1
-u nosuch,root -p abc -y -iTCP@
-u root,^root -i
-c /[/
-c /x
-c /x/q
-c /x/qrs
-c /x/ibx
-c /x/bxbix
-c /x/iiixxbb
-c -a
-c+a
-c -
+c x
+c 20
-d 3-x
-d 3,^4
-d ^4,3
-d 5-3
-d -3
-d ^-3
-d 7,-3,4
-d -
-d a-b
-d 3-4-5
-d 3-
-FX
-o -s
-i bad:
-iTCP@
-i@nosuch.invalid
-i:nosuchservice
-iUDP:zeroconf
-iTCP:mdns
-i:a-b
-i:1-
-i:1-,5
-iTCP:5,1-
-i:1-nope
-i4@::1
-i4 -i@[::1]
-i 6@127.0.0.1
-i:4444-4440
-i:
-i46
-i@0.0.0.0
-i@::1
-i@[::1
-i -TX
-iTCP -sTCP:BOGUS
-sFOO:BAR
-s 4
-sTCP:
-sTCP:,
-sTCP:^
-sTCP:LISTEN,,ESTABLISHED -i
-sTCP:LISTEN,^, -i
-sTCP:BOGUS,LISTEN,FOO
-iUDP -sUDP:Idle
-K x
-r1m -i
-r1m%n -F -i
-r1x -i
-F -t -i
-F-
-F -t -o -s -c a -c ^a -sTCP:LISTEN,^LISTEN
-Fo -s -i
-Fxyj
-Tsq,x -i
-fgnP -i
+fcx -i
-L3 -i
-D r
-D -y
-Di
-D
+d
+d -a
+D-x
+c
+c-1
+c -1
+cx -i
-m
-a -i -c a -c ^a -c ^b -c b -c /a/ -c ^b
-e x -i
-e /nosuch -i
-e /bin -i
+e /bin -i
-c averyverylongcommand -i
-sTCP:LISTEN,LISTEN -i
-sTCP:^LISTEN,^LISTEN -i
-i ""
-d ""
-i:,4444
-i:1-2-3
-i:9x
""".strip().splitlines()


@pytest.mark.parametrize("line", LISTINGS)
def test_listing(scene, both, line):
    assert_same(*both(*shlex.split(line.format(pid=scene["srv"].pid))))


@pytest.mark.parametrize("line", MISSING)
def test_missing(scene, both, line):
    original, ours = both(*shlex.split(line.format(pid=scene["srv"].pid, folder=scene.folder)))
    told = ours.stderr.replace("lsof: WARNING: berth lists sockets, not other files\n", "")
    assert ours.stdout == original.stdout
    assert told == original.stderr
    assert ours.returncode == original.returncode


@pytest.mark.parametrize("line", FAULTS)
def test_fault(both, line):
    original, ours = both(*shlex.split(line))
    assert_same(original, ours)
    assert ours.returncode == 1


def test_named_socket(scene, both):
    assert_same(*both("-nP", f"{scene.folder}/s.sock"))


def test_all_sockets_of_a_process(scene, both):
    """netlink, raw, packet, and what /proc/net doesn't have."""
    fds = ",".join(str(s.fd) for s in scene)
    assert_same(*both("-nPw", "-a", "-p", str(scene["srv"].pid), "-d", fds))
    assert_same(*both("-wF", "-a", "-p", str(scene["srv"].pid), "-d", fds))


def test_several_processes(scene, mksock, both):
    other = mksock("comm a\\ name\\ (long)", "udp bind 127.0.0.1:6001 as=x", "fork as=child uid=65534")
    original, ours = both("-nP", "-i")
    assert_same(original, ours)
    assert "nobody" in ours.stdout and "a\\x20name" in ours.stdout
    assert_same(*both("-nP", "-R", "+c", "15", "-l", "-i"))
    assert_same(*both("-t", "-a", "-u", "nobody", "-i"))
    assert_same(*both("-t", "-a", "-u", "^nobody", "-i"))
    assert_same(*both("-nP", "+E", "-i:6001"))
    other.close()


def test_user_without_a_name(netns, mksock, both):
    """Its number stands in eight columns, and a warning for each time that it is looked up."""
    other = mksock("udp bind 127.0.0.1:6001 as=x", "fork as=child uid=4242")
    for words in ("-nP -i", "-F -i", "-nP -w -i", "-FL -i", "-l -i"):
        assert_same(*both(*words.split()))
    other.close()


def test_mapped_address(netns, both):
    with netns.inside():
        with socket.create_server(("::", 6002), family=socket.AF_INET6, dualstack_ipv6=True) as srv:
            with socket.create_connection(("127.0.0.1", 6002)):
                held, _ = srv.accept()
                with held:
                    assert_same(*both("-nP", "-i:6002"))
                    assert_same(*both("-P", "-i6:6002"))
                    assert_same(*both("-nP", "-i4:6002"))
                    assert_same(*both("-nP", "-i@127.0.0.1"))
                    assert_same(*both("-nP", "-i4"))
                    assert_same(*both("-nP", "-i6"))
                    for words in ("-i4 -i:6002", "-i:6002 -i4", "-a -i4 -i:6002", "-i6 -i:6002", "-a -i6 -iTCP"):
                        assert_same(*both("-nP", *words.split()))


def test_every_kind(netns, both):
    """Sockets as lsof knows them by /proc/net, or by their protocol's name alone."""
    held = []

    def make(*kind, bind=None):
        try:
            held.append(socket.socket(*kind))
            if bind is not None:
                held[-1].bind(bind)
        except OSError:  # this kernel doesn't have it
            pass

    with netns.inside():
        for protocol in range(23):
            make(socket.AF_NETLINK, socket.SOCK_RAW, protocol, bind=(0, 0))
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            make(family, socket.SOCK_DGRAM, 136, bind=(address, 6100))  # UDP-Lite
            make(family, socket.SOCK_RAW, 89, bind=(address, 0))
            make(family, socket.SOCK_STREAM, 262, bind=(address, 6300))  # MPTCP
            held[-1].listen()
            make(family, socket.SOCK_STREAM)
            make(family, socket.SOCK_DGRAM)
        for kind in (socket.SOCK_RAW, socket.SOCK_DGRAM):
            for protocol in (3, 0x800, 0x806, 0x86DD, 0x88CC):
                make(socket.AF_PACKET, kind, socket.htons(protocol))
        make(socket.AF_VSOCK, socket.SOCK_STREAM)
        make(socket.AF_UNIX, socket.SOCK_STREAM)
        make(socket.AF_UNIX, socket.SOCK_DGRAM, 0, bind="\0berth-lsof\0a")
        fds = ",".join(str(s.fileno()) for s in held if s.fileno() >= 0)
        try:
            assert_same(*both("-nPw", "-a", "-p", str(os.getpid()), "-d", fds))
            assert_same(*both("-nPwF", "-a", "-p", str(os.getpid()), "-d", fds))
            assert_same(*both("-nP", "-i"))
        finally:
            for s in held:
                s.close()


def test_endpoints(netns, both):
    """Holders of the other end, the later first; of a datagram server a client (of several, one or another)."""
    with netns.inside(), contextlib.ExitStack() as held:

        def make(*kind):
            return held.enter_context(socket.socket(*kind))

        for family in (socket.AF_INET, socket.AF_INET6):
            server = held.enter_context(socket.create_server(("", 0), family=family))
            client = held.enter_context(socket.create_connection(
                ("::1" if family == socket.AF_INET6 else "127.0.0.1", server.getsockname()[1])))
            accepted = held.enter_context(server.accept()[0])
            held.enter_context(accepted.dup())
        client.shutdown(socket.SHUT_WR)  # no longer established: not told
        one, two = (make(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        one.bind(("127.0.0.1", 7001))
        two.bind(("127.0.0.1", 7002))
        one.connect(two.getsockname())
        two.connect(one.getsockname())
        make(socket.AF_UNIX, socket.SOCK_DGRAM).bind("\0berth-lsof-server")
        make(socket.AF_UNIX, socket.SOCK_DGRAM).connect("\0berth-lsof-server")
        for end in socket.socketpair():
            held.enter_context(end)
        for words in (["-i"], ["-U", "-a", "-p", str(os.getpid())]):
            assert_same(*both("-nP", "-E", *words))
            assert_same(*both("-nP", "+E", *words))


def test_who_waits_at_a_listener(netns, both, tmp_path):
    """Of connections that aren't accepted the first is the listener's other end; the client has none."""
    with netns.inside(), contextlib.ExitStack() as held:

        def make(kind, name):
            server = held.enter_context(socket.socket(socket.AF_UNIX, kind))
            server.bind(name)
            server.listen()
            clients = [held.enter_context(socket.socket(socket.AF_UNIX, kind)) for _ in range(3)]
            for client in clients:
                client.connect(name)
            return server, clients

        stream, clients = make(socket.SOCK_STREAM, "\0berth-lsof-waited")
        make(socket.SOCK_SEQPACKET, f"{tmp_path}/waited")
        for sign in "-+":
            assert_same(*both("-nP", f"{sign}E", "-U", "-a", "-p", str(os.getpid())))
        assert_same(*both("-nP", "+E", f"{tmp_path}/waited"))
        held.enter_context(stream.accept()[0])
        clients[1].close()
        assert_same(*both("-nP", "-E", "-U", "-a", "-p", str(os.getpid())))


def test_ordinary_user(scene, both):
    original, ours = both("-nP", "-i", user=process.NOBODY)
    assert_same(original, ours)
    assert ours.returncode == 1


def test_help_and_version_go_to_stderr(berth):
    """Their words are ours."""
    for word in ("-h", "-?", "-v"):
        told = berth("lsof", word)
        assert told.stdout == "" and "berth" in told.stderr
    original = process.run(["lsof", "-F?"])
    assert berth("lsof", "-F?").stderr == original.stderr


def test_repeats_until_nothing_is_listed(netns, berth):
    """The second round finds nothing, so that +r ends, with 0 since the first did."""
    with netns.inside():
        server = socket.create_server(("127.0.0.1", 7070))
    running = berth.start("lsof", "-nP", "-t", "+r1", "-iTCP:7070", stdout=subprocess.PIPE)
    assert running.stdout.readline().strip() == str(os.getpid())
    server.close()
    assert running.wait(timeout=20) == 0
    running.stdout.close()


# From here on: where we differ, on purpose.


def test_plain_files_are_not_ours(scene, berth):
    for words in (["/etc/passwd"], ["+d", "/etc"], ["+D", "/etc"], ["+L1"]):
        told = berth("lsof", *words, status=1)
        assert "selecting plain files is not berth's job" in told.stderr
        assert told.stdout == ""


def test_other_files_are_warned_about(scene, berth):
    """The original lists all files of the process."""
    pid = str(scene["srv"].pid)
    told = berth("lsof", "-p", pid)
    assert told.stderr == "lsof: WARNING: berth lists sockets, not other files\n"
    assert all(f" {kind} " not in told.stdout for kind in ("REG", "DIR", "FIFO"))
    assert berth("lsof", "-w", "-p", pid).stderr == ""
    assert berth("lsof", "-a", "-i", "-p", pid).stderr == ""


def test_options_and_states(scene, berth):
    """-Tf, which the original leaves empty on Linux."""
    rows = berth("lsof", "-nP", "-iTCP:4444", "-Tfs").lines[1:]
    listener = next(row for row in rows if "LISTEN" in row)
    assert "(LISTEN SO=ACCEPTCONN,QLEN=0,QLIM=5,RCVBUF=" in listener
    assert ",REUSEADDR,SNDBUF=" in listener
    connected = next(row for row in rows if row.split()[3] == f"{scene['c1'].fd}u")
    assert "(ESTABLISHED SO=RCVBUF=" in connected
    assert " SS=ISCONNECTED,NBIO " in connected and " TF=MSS=" in connected


def test_windows(scene, berth):
    rows = berth("lsof", "-nP", "-iTCP:4444", "-Tw").lines[1:]
    assert any("(WR=" in row and " WW=" in row for row in rows)


def json_files(berth, *words, **how):
    told = berth("lsof", "-nP", "-J", *words, **how).json()
    assert set(told) == {"lsof_version", "processes"} and isinstance(told["lsof_version"], str)
    return told["processes"]


def test_json(scene, berth):
    """The keys of lsof 4.99.7, and their types."""
    (holder,) = json_files(berth, "-i:4444")
    files = {f["fd"]: f for f in holder.pop("files")}
    srv = scene["srv"]
    pid = srv.pid
    assert holder == {"pid": pid, "pgid": os.getpgid(pid), "ppid": os.getpid(), "command": "known",
                      "uid": 0, "login": "root"}
    listener = files[str(srv.fd)]
    assert listener == {"fd": str(srv.fd), "access": "u", "type": "IPv4", "device": str(srv.inode),
                        "offset": "0", "protocol": "TCP", "flags": listener["flags"], "name": "127.0.0.1:4444",
                        "tcp_info": {"state": "LISTEN", "recv_queue": 0, "send_queue": 0}}
    assert listener["flags"].startswith("RW,")
    (udp,) = json_files(berth, "-iUDP@[::1]:5353")[0]["files"]
    assert udp["tcp_info"] == {"recv_queue": 0, "send_queue": 0}


def test_json_of_other_kinds(scene, berth):
    fds = ",".join(str(s.fd) for s in scene)
    (holder,) = json_files(berth, "-w", "-a", "-p", str(scene["srv"].pid), "-d", fds)
    files = {f["fd"]: f for f in holder["files"]}
    unix = files[str(scene["us"].fd)]
    assert unix["type"] == "unix" and unix["device"].startswith("0x") and unix["inode"] == str(scene["us"].inode)
    assert unix["tcp_info"] == {"state": "LISTEN"} and "protocol" not in unix
    bound = files[str(scene["b"].fd)]
    assert bound["type"] == "sock" and bound["device_number"].startswith("0x") and "device" not in bound
    assert bound["name"] == "protocol: TCP" and "tcp_info" not in bound
    assert files[str(scene["nl"].fd)]["name"] == "ROUTE"


def test_json_fields(scene, berth):
    """The letters of -F choose; a letter that says nothing of a file doesn't."""
    (holder,) = json_files(berth, "-Fpcfn", "-i:4444")
    assert set(holder) == {"pid", "command", "files"}
    assert all(set(f) == {"fd", "name"} for f in holder["files"])
    assert json_files(berth, "-Fp", "-i:4444") == json_files(berth, "-i:4444")
    (holder,) = json_files(berth, "-l", "-i:4444")
    assert holder["uid"] == 0 and "login" not in holder
    (holder,) = json_files(berth, "-FfG", "+fG", "-i:4444")
    assert all(f["flags"].startswith("0x") for f in holder["files"])
    (holder,) = json_files(berth, "-s", "-i:4444")
    assert all("offset" not in f and "size" not in f for f in holder["files"])


def test_json_windows_and_options(scene, berth):
    """Beyond the original's: what it knows on other systems only."""
    (holder,) = json_files(berth, "-FfT", "-Tfw", "-iTCP:4444")
    info = {f["fd"]: f["tcp_info"] for f in holder["files"]}
    assert "ACCEPTCONN" in info[str(scene["srv"].fd)]["socket_options"].split(",")
    connected = info[str(scene["c1"].fd)]
    assert set(connected) == {"socket_options", "socket_states", "tcp_flags", "read_window", "write_window"}
    assert "ISCONNECTED" in connected["socket_states"] and "MSS=" in connected["tcp_flags"]
    assert isinstance(connected["read_window"], int) and isinstance(connected["write_window"], int)


def test_json_of_nothing(netns, berth):
    for words in (("-p", "99999999"), ("-i:1",), ("-i",)):
        assert json_files(berth, *words, status=1) == []
        assert berth("lsof", "-j", *words, status=1).stdout == ""
    assert json_files(berth, "-Q", "-i:1") == []


def test_json_warns_on_stderr_only(netns, mksock, berth):
    other = mksock("udp bind 127.0.0.1:6001 as=x", "fork as=child uid=4242")
    told = berth("lsof", "-J", "-i")
    kept = [p for p in told.json()["processes"] if p["uid"] == 4242]
    assert len(kept) == 1 and "login" not in kept[0]
    assert told.stderr == "lsof: no pwd entry for UID 4242\n"
    other.close()


def test_json_lines(scene, berth):
    rows = berth("lsof", "-nP", "-j", "-i:4444").jsonl()
    assert len(rows) == 3 and {row["pid"] for row in rows} == {scene["srv"].pid}
    (holder,) = json_files(berth, "-i:4444")
    files = holder.pop("files")
    assert rows == [{**holder, **f} for f in files]
    rows = berth("lsof", "-nP", "-j", "-Fpcfn", "-i:4444").jsonl()
    assert all(set(row) == {"pid", "command", "fd", "name"} for row in rows)


def test_json_repeats(scene, berth):
    """A document each round; of lines, an empty one between."""
    rounds = berth("lsof", "-J", "-r1c2", "-i:4444", status=None).jsonl()
    assert len(rounds) == 2 and rounds[0] == rounds[1]
    told = berth("lsof", "-j", "-r1c1", "-i:4444", status=None).stdout
    assert told.endswith("}\n\n") and told.count("\n") == 4


def test_json_excludes_other_forms(berth):
    for words in (["-J", "-j"], ["-J", "-t"], ["-t", "-j"]):
        told = berth("lsof", *words, status=1)
        assert "mutually exclusive" in told.stderr and told.stdout == ""
    for word in ("+J", "+j"):
        assert f"{word} is not supported" in berth("lsof", word, status=1).stderr


def test_json_strings(netns, berth, tmp_path):
    """Always valid: the original hands bytes that aren't UTF-8 through; here each is a character of
    private use, as in all of berth's JSON."""
    path = os.fsencode(f"{tmp_path}/a \"b\"\n\x1b") + b"\xff"
    with netns.inside(), socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        told = berth("lsof", "-J", "-U", "-a", "-p", str(os.getpid()))
    ((name,),) = [[f["name"] for f in p["files"]] for p in told.json()["processes"]]
    assert name == f"{tmp_path}/a \"b\"\n\x1b\uefff type=STREAM"
    assert "\x1b" not in told.stdout


def test_control_characters_stay_out(netns, berth, tmp_path):
    """The original ends a UNIX socket's name at its first blank."""
    path = f"{tmp_path}/a b\n\x1b[31m\u202e"
    with netns.inside(), socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        for words in (["-U"], ["-FnU", "-U"], ["-J", "-U"]):
            told = berth("lsof", *words, status=None).stdout
            assert "\x1b" not in told and "\u202e" not in told
        told = berth("lsof", "-a", "-U", "-p", str(os.getpid())).stdout
        assert "/a b\\n^[[31m\\xe2\\x80\\xae type=STREAM" in told


def test_high_descriptor(netns, berth):
    """The original writes *345."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] < 12346:
        pytest.skip("not here: so many descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    with netns.inside(), socket.create_server(("127.0.0.1", 0)) as s:
        high = os.dup2(s.fileno(), 12345)
        try:
            told = berth("lsof", "-nP", "-iTCP", "-Ffn").lines
        finally:
            os.close(high)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert "f12345" in told


def test_called_by_its_name(scene, berth, netns, tmp_path):
    link = tmp_path / "lsof"
    link.symlink_to(berth.path)
    told = process.run([str(link), "-Pnti", ":4444"], netns=netns)
    assert told.stdout == f"{scene['srv'].pid}\n"


