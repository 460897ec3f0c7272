"""netstat beside net-tools' own: the same command line in the same namespace, every byte compared but
for the time that a timer has left."""

import os
import re
import subprocess
import threading

import pytest

from lib import features, process
from lib.etc import Etc
from lib.twin import while_still
from lib.wait import wait_for

SCENE = (
    "tcp listen 127.0.0.1:4444 backlog=5 as=a", "tcp connect @a as=c", "tcp accept @a",
    "tcp listen [::]:80 as=six", "tcp connect [::1]:80 keepalive keepidle=3000", "tcp accept @six",
    "tcp listen 0.0.0.0:8080", "tcp connect @a", "send @c bytes=3000", "tcp bind 127.0.0.1:5555",
    "udp bind 0.0.0.0:53", "udp bind 127.0.0.1:5353 as=u", "udp connect @u", "udp bind [::]:123",
    "raw bind 0.0.0.0 protocol=1", "raw bind [::]:0 protocol=58",
    "unix-stream listen @stream as=x", "unix-stream connect @x", "unix-stream connect @x",
    "unix-stream accept @x", "unix-dgram bind @abstract", "unix-seqpacket listen @packets",
    "unix-stream pair", "unix-dgram socket",
)


def without_times(text):
    return re.sub(r"\([0-9.]+/(\d+/\d+)\)", r"(T/\1)", text)


def both(berth, netns, *words, user=None):
    theirs = process.run(("netstat", *words), netns=netns, status=None, user=user)
    ours = berth("netstat", *words, status=None, user=user)
    return theirs, ours


def compare(berth, netns, line, user=None):
    agree(*both(berth, netns, *line.split(), user=user))


def agree(theirs, ours):
    assert without_times(ours.stdout) == without_times(theirs.stdout)
    assert ours.stderr == theirs.stderr
    assert ours.status == theirs.status


@pytest.mark.parametrize("line", [
    "-tuna", "-atnp", "-npt", "-tulpn", "-an", "-anp", "-aen", "-aeen", "-tano", "-tanope", "-a", "-l",
    "-ln", "-tu", "-wan", "-xa", "-xap", "-xl", "-x", "-an6", "-4an", "-46an", "-A inet6 -an", "-tanW",
    "-A unix -an", "-a --numeric-hosts", "-a --numeric-ports", "-te --numeric-users", "-tl -x", "-4x",
    "-la", "-tn somewhere", "--programs --tcp --all --numeric", "-pantu", "-n -a -t -u", "-v", "-nav", "-vl",
    "-vx", "-vt", "-vS", "--nu --tim --listening",
])
def test_sockets(berth, netns, mksock, line):
    mksock(*SCENE)
    compare(berth, netns, line)


@pytest.mark.parametrize("line", ["-Uan", "-U", "-Ual", "-tUuan", "-Uanp", "-Uaneo", "-Uan6", "-4Uan"])
def test_udplite(berth, netns, mksock, line):
    features.require(features.has_udplite)
    mksock(*SCENE, "udplite bind 0.0.0.0:53", "udplite bind 127.0.0.1:5353 as=l", "udplite connect @l",
           "udplite bind [::]:123", "udplite bind [::1]:5354 as=s", "udplite connect @s")
    compare(berth, netns, line)


def read_rounds(output, heading, n):
    said, begun = [""], []
    while len(begun) <= n:
        line = output.readline()
        assert line, f"it ended after {''.join(said)}"
        if line.startswith(heading):
            begun.append(len(said))
        said.append(line)
    return ["".join(said[i:k]) for i, k in zip(begun, begun[1:])]


@pytest.mark.parametrize("line", [
    "-gx", "-gtx", "-gn -A unix", "-gnlx", "-gnap -A unix", "-gn4x", "-gn6x", "-gan", "-gln4", "-gp", "-gSn", "-gux -6",
    "-gUwxn", "-gn -A ddp", "-gxvn", "-gv",
])
def test_groups_beside_sockets(berth, netns, mksock, line):
    mksock(*SCENE)
    compare(berth, netns, line)


def rounds(berth, netns, line, heading, n=2):
    """What both, running side by side, say in their first N rounds, each of which begins with HEADING."""
    running = [
        process.start([*command, *line.split()], netns=netns, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for command in (["netstat"], berth.command("netstat"))
    ]
    late = threading.Timer(30, lambda: [p.kill() for p in running])
    late.start()
    try:
        return [read_rounds(p.stdout, heading, n) for p in running]
    finally:
        late.cancel()
        for p in running:
            process.end(p)


@pytest.mark.parametrize("line, heading", [
    ("-cant", "Active Internet"), ("-canutx", "Active Internet"), ("--continuous -ln", "Active Internet"),
    ("-crn", "Kernel IP"), ("-ci", "Iface"),
])
def test_again_and_again(berth, netns, mksock, line, heading):
    mksock(*SCENE)
    netns.ip("route add unreachable 10.8.0.0/16")
    theirs, ours = rounds(berth, netns, line, heading)
    assert [without_times(said) for said in ours] == [without_times(said) for said in theirs]


def test_groups_again(berth, netns):
    """On purpose otherwise than the original, which loses IPv4's groups from its second round on."""
    theirs, ours = rounds(berth, netns, "-cgn", "IPv6/IPv4")
    assert ours[0] == ours[1] == theirs[0]
    assert "224.0.0.1" in theirs[0] and "224.0.0.1" not in theirs[1]


@pytest.mark.parametrize("line", [
    "-r", "-rn", "-rne", "-rneeW", "-rn6", "-rn46", "-rn -A inet6,unix", "-rnC6",
    "-rnF", "-rnFC", "-rnCF", "-rnFC6", "-rnFCee", "-rnFC64", "-rFC",
    "-i", "-ia", "-ie", "-iae", "-gn", "-gn6", "-gtn",
])
def test_tables(berth, veth, line):
    veth.here.ip("addr add 172.16.0.1/12 dev en0 label en0:1")
    veth.here.ip("route add 10.9.0.0/16 via 192.168.1.1 metric 7 mtu 1300 window 4000")
    veth.here.ip("route add unreachable 10.8.0.0/16")
    veth.here.ip("-6 route add 2001:db8::/32 via fd00:1::1")
    words = line.split()
    agree(*while_still(
        lambda: process.run(("netstat", *words), netns=veth.here, status=None),
        lambda: berth("netstat", *words, status=None),
    ))


@pytest.mark.parametrize("line", ["-r", "-r6", "-r46", "-r64eW", "-g", "-g6", "-g4", "-reeW", "-rW"])
def test_names_in_tables(berth, veth, tmp_path, line):
    """Each address has its name, however many come before it."""
    etc = Etc(tmp_path / "etc", veth.here)
    etc.write("hosts", "127.0.0.1 localhost\n192.168.1.2 peer.example.com\n192.168.1.99 weird_name-99.x\n"
                       "192.168.1.7 alone\nfd00:1::2 gw6\n2001:db8:5:: six\n224.0.0.1 everybody\n"
                       "ff02::1 everybody6\nff01::1 near6\n")
    veth.here.ip("route add 10.98.0.0/16 via 192.168.1.99")
    veth.here.ip("route add 10.99.0.0/16 via 192.168.1.2")
    veth.here.ip("route add 192.168.1.7/32 dev en0")
    veth.here.ip("-6 route add 2001:db8:5::/64 via fd00:1::2")
    theirs, ours = while_still(
        lambda: etc.run("netstat", line, status=None),
        lambda: etc.run(*berth.command("netstat", line), status=None),
    )
    agree(theirs, ours)
    named = "everybody" if "g" in line else "gw6" if "6" in line else "peer.example.c"
    assert named in theirs.stdout


@pytest.mark.parametrize("line", ["-s", "-st", "-su", "-sw", "-sU", "-s6", "-s6t", "-s6w", "-sx", "-s46"])
def test_statistics(berth, netns, mksock, line):
    mksock("tcp listen 127.0.0.1:0 as=a", "tcp connect @a", "tcp listen [::1]:0 as=b", "tcp connect @b")
    compare(berth, netns, line)


@pytest.mark.parametrize("line", [
    "-rr", "-i -i", "-sss", "-MM", "-rs", "--t", "--i", "--u", "--r", "--a", "--c", "--p", "--v", "--n", "-?",
    "-q", "--foo", "-A foo", "-A", "-ri", "-M", "-2", "-S", "--ax25", "-h", "-Z", "--numeric-foo",
    "-A ec", "-3", "-ic3",
])
def test_refusals(berth, netns, line):
    compare(berth, netns, line)


@pytest.mark.parametrize("line", ["-tanp", "-tan", "-xanp", "-rnp"])
def test_owners_that_may_not_be_seen(berth, netns, mksock, line):
    mksock("tcp listen 127.0.0.1:4444", "unix-stream listen @x")
    compare(berth, netns, line, user=process.NOBODY)


@pytest.mark.parametrize("line", [
    "-r --ax25", "-rA ax25", "-rA netrom", "-rA rose", "-rA x25", "-rA ipx", "-rA ddp", "-rA econet", "-rA bluetooth",
    "-rA inet,ax25", "-rA ax25,inet", "-rnFCA ax25", "-rA foo", "-f -r", "-A econet", "-A ddp", "-A ax25,ipx",
    "-tA ax25", "-xA ax25", "-gnA ax25", "-4A ax25", "-vtA ax25", "-vA ax25,rose", "-aA x25", "-lA netrom,bluetooth",
    "-A inet,bluetooth", "-2A ax25", "-2 -i", "-iA ax25", "-A ax25,foo", "-A ax25 -h", "-A ax25 --x", "-sA ax25",
    "-sA ax25,inet", "-A unix,rose -n", "-SA ax25",
])
def test_families_that_are_gone(berth, netns, line):
    compare(berth, netns, line)


def sleeper(netns, title, port):
    """A process called TITLE that holds a listener of this port."""
    code = ("import os,socket,sys; s = socket.socket(); s.bind(('127.0.0.1', int(sys.argv[2]))); s.listen();"
            "os.set_inheritable(s.fileno(), True); print(flush=True);"
            "os.execv('/bin/cat', [os.fsencode(sys.argv[1])])")
    return process_start(netns, ["/usr/bin/python3", "-c", code, title, str(port)])


def process_start(netns, command):
    with netns.inside():
        p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert p.stdout.readline()
    wait_for(lambda: open(f"/proc/{p.pid}/comm").read() == "cat\n", what="the other program")
    return p


def end(p):
    p.stdin.close()
    p.stdout.close()
    p.wait(20)


@pytest.mark.parametrize("title", [
    "sshd: /usr/sbin/sshd -D [listener]", "/usr/bin/a/very-long-program-name", "-bash", "a/b", "./rel",
    "/opt/x y/z w",
])
def test_names_of_programs(berth, netns, title):
    p = sleeper(netns, title, 7000)
    try:
        compare(berth, netns, "-tlnp")
    finally:
        end(p)


def test_control_characters_are_escaped(berth, netns):
    """On purpose otherwise than the original, which hands them to the terminal."""
    p = sleeper(netns, "we\x1b[31mird", 7001)
    try:
        theirs, ours = both(berth, netns, "-tlnp")
        assert "\x1b" in theirs.stdout
        assert "\x1b" not in ours.stdout and f"{p.pid}/we\\x1b[31mird" in ours.stdout
    finally:
        end(p)


def test_interfaces_called_by_what_a_terminal_obeys(berth, netns):
    """The same; the kernel lets an interface be called so."""
    netns.ip("link", "add", "we\x1b[31mird", "type", "veth", "peer", "name", "en1")
    netns.ip("addr", "add", "10.1.2.3/24", "dev", "we\x1b[31mird")
    netns.ip("link", "set", "en1", "up")
    netns.ip("link", "set", "we\x1b[31mird", "up")
    for words in (["netstat", "-rn"], ["netstat", "-rn6"], ["netstat", "-gn"], ["netstat", "-ia"],
                  ["ifconfig", "-a"], ["ifconfig", "-s"], ["ifconfig", "-l"]):
        said = berth(*words).stdout
        assert "\x1b" not in said and "we\\x1b[31mird" in said, said
    assert "\x1b" in both(berth, netns, "-rn")[0].stdout


@pytest.mark.parametrize("words", [["netstat", "-h"], ["netstat", "-V"], ["netstat", "-tn"], ["netstat", "-rn"],
                                   ["ifconfig", "--help"], ["ifconfig", "-V"], ["ifconfig", "lo"], ["ifconfig", "-s"]])
def test_output_that_cannot_be_written(berth, netns, words):
    """On purpose otherwise than the originals, which end with 0 and without a word."""
    with open(os.devnull, "rb") as unwritable:
        theirs = process.run(words, netns=netns, stdout=unwritable, status=None)
        ours = berth(*words, stdout=unwritable, status=1)
    assert theirs.status == 0 and "write" not in theirs.stderr
    assert ours.stderr.endswith("berth: cannot write to 'standard output': bad file descriptor\n")


def test_tcpip_is_inet(berth, netns, mksock):
    """On purpose otherwise than the original, which tells of an internal error and forgets the word."""
    mksock(*SCENE)
    theirs, ours = both(berth, netns, "--tcpip", "-an")
    assert "Internal Error" in theirs.stderr and "tcp6" in theirs.stdout
    agree(process.run(("netstat", "-4an"), netns=netns), ours)


def test_by_its_name(berth, netns, mksock, tmp_path):
    mksock("tcp listen 127.0.0.1:4444")
    os.symlink(berth.path, tmp_path / "netstat")
    ours = process.run((str(tmp_path / "netstat"), "-tln"), netns=netns)
    assert ours.stdout == process.run(("netstat", "-tln"), netns=netns).stdout
