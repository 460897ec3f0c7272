"""berth resolve against the C library, with files in /etc of the test's own."""

import contextlib
import json
import random
import socket
import struct
import threading

import pytest

from lib import process


@pytest.fixture
def resolve(etc, berth):
    """resolve("localhost:3000", …) -> rows"""

    def run(*args, **how):
        return etc.run(berth.path, "resolve", "--json", *args, **how).json()

    return run


@pytest.fixture
def words(etc, berth):
    return lambda *args, **how: etc.run(berth.path, "resolve", *args, **how)


def addresses(rows):
    return [row["address"] for row in rows]


def test_hosts_file_and_order(etc, resolve):
    etc.write("hosts", "# a comment\n127.0.0.1 localhost\n\n::1 ip6 LocalHost # more\n")
    rows = resolve("localhost:3000")
    assert addresses(rows) == etc.getaddrinfo("localhost") == ["::1", "127.0.0.1"]
    assert [(r["origin"], r["source"], r["line"]) for r in rows] == [
        ("hosts", "files", 4), ("hosts", "files", 2)]
    assert [(r["rule"], r["port"], r["local"], r["interface"]) for r in rows] == [
        (6, 3000, True, "lo")] * 2
    assert "precedence 50 over 10" in rows[0]["order"]
    assert rows[0]["order"].startswith("before 127.0.0.1")
    assert rows[1]["order"].startswith("after ::1")


def test_gai_conf_turns_the_order(etc, resolve):
    etc.write("gai.conf", "precedence ::ffff:0:0/96 100\n")
    rows = resolve("localhost")
    assert addresses(rows) == etc.getaddrinfo("localhost") == ["127.0.0.1", "::1"]
    assert "precedence 100 over 40 by gai.conf" in rows[0]["order"]
    etc.write("gai.conf", "label ::1/128 0\nlabel ::/0 1\nprecedence ::/0 7\n")
    rows = resolve("localhost")
    assert addresses(rows) == etc.getaddrinfo("localhost")


def test_one_family(etc, resolve, words):
    # Both lines count for IPv4 (see below), and the C library gives the address twice.
    rows = resolve("-4", "localhost")
    assert addresses(rows) == etc.getaddrinfo("localhost", socket.AF_INET) == ["127.0.0.1"] * 2
    assert sorted(row["line"] for row in rows) == [1, 2]
    assert addresses(resolve("-6", "localhost")) == ["::1"]
    words("-46", "localhost", status=2)


def test_ipv6_loopback_is_read_as_ipv4(etc, resolve):
    etc.write("hosts", "::1 localhost\n")
    assert etc.getaddrinfo("localhost", socket.AF_INET) == ["127.0.0.1"]
    row, = resolve("-4", "localhost")
    assert (row["address"], row["origin"], row["line"]) == ("127.0.0.1", "hosts", 1)
    assert row["order"] == "the only one" and row["rule"] is None


def test_the_same_order_as_getent(etc, veth, resolve):
    etc.write("hosts", "192.168.1.1 web\nfd00:1::1 web\n2001:db8::1 web\n")
    shown = etc.run("getent", "ahosts", "web").lines
    assert addresses(resolve("web")) == [line.split()[0] for line in shown if "STREAM" in line]


def test_no_route_is_rule_1(etc, veth, resolve):
    etc.write("hosts", "2001:db8::1 web\n192.168.1.1 web\n")
    first, second = resolve("web")
    assert (first["address"], first["rule"], first["from"]) == ("192.168.1.1", 1, "192.168.1.89")
    assert (second["reachable"], second["error"], second["from"]) == (False, "ENETUNREACH", None)
    assert "no route to 2001:db8::1" in first["order"] and first["local"] is False


POOL = ["127.0.0.1", "127.0.0.9", "::1", "192.168.1.1", "192.168.1.89", "192.168.1.200", "10.9.8.7",
        "169.254.7.7", "fd00:1::1", "fd00:1::ffff", "fd00:1::89", "2001:db8::1", "2002:a00::1",
        "fec0::1", "10.1.0.1", "2001:db8:5::9", "2001::7"]


def test_the_rules_explain_what_the_c_library_does(etc, veth, resolve):
    """Of two addresses there is one pair: some rule must explain it, whatever they are."""
    veth.here.ip("addr add 10.1.0.9/24 dev en0")
    veth.here.ip("addr add 2001:db8:5::1/64 dev en0 nodad preferred_lft 0")
    veth.here.ip("addr add 169.254.7.9/16 dev en0")
    veth.here.ip("-6 route add 2002::/16 via fd00:1::1")
    veth.here.ip("-6 route add fec0::/10 via fd00:1::1")
    veth.here.ip("route add 10.9.0.0/16 via 192.168.1.1")
    chosen = random.Random(7)
    names = {f"n{i}": chosen.sample(POOL, 2 + i % 4) for i in range(60)}
    etc.write("hosts", "".join(f"{a} {n}\n" for n, some in names.items() for a in some))
    rows = resolve(*names)
    for name, some in names.items():
        ours = [row for row in rows if row["asked"] == name]
        assert sorted(addresses(ours)) == sorted(some)
        if len(some) == 2:
            assert all(row["rule"] for row in ours), ours
    code = ("import json, socket, sys; print(json.dumps({n: [a[4][0] for a in socket.getaddrinfo("
            "n, None, 0, socket.SOCK_STREAM)] for n in sys.argv[1:]}))")
    theirs = json.loads(etc.run("/usr/bin/python3", "-c", code, *names).stdout)
    for name, order in theirs.items():
        assert [row["address"] for row in rows if row["asked"] == name] == order


@contextlib.contextmanager
def name_server(ns, answers):
    """A name server at 127.0.0.1 of the namespace: {name: {type: packed address}}. Other names
    don't exist."""
    with ns.inside():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 53))

    def reply(query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind, = struct.unpack(">H", query[at + 1:at + 3])
        known = answers.get(".".join(labels).lower())
        data = (known or {}).get(kind)
        head = query[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, bool(data), 0, 0)
        record = struct.pack(">HHHIH", 0xC00C, kind, 1, 60, len(data)) + data if data else b""
        return head + query[12:at + 5] + record

    def serve():
        while True:
            query, peer = server.recvfrom(512)
            if not query:
                return
            server.sendto(reply(query), peer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        with ns.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"", ("127.0.0.1", 53))
        thread.join()
        server.close()


WEB = {"web.test": {1: socket.inet_aton("192.0.2.7"),
                    28: socket.inet_pton(socket.AF_INET6, "2001:db8::7")}}


@pytest.mark.parametrize("order, expected", [
    ("files dns", "source"),
    ("dns", "source"),
    ("dns files", "source"),
    ("files [NOTFOUND=return] dns", None),
])
def test_addresses_of_a_name_server(etc, netns, words, order, expected):
    etc.write("nsswitch.conf", f"hosts: {order}\n")
    etc.write("resolv.conf", "nameserver 127.0.0.1\n")
    with name_server(netns, WEB):
        result = words("--json", "web.test", status=0 if expected else 1)
        if expected:
            rows = result.json()
            assert sorted(addresses(rows)) == ["192.0.2.7", "2001:db8::7"]
            assert {(r["origin"], r["source"]) for r in rows} == {("source", "dns")}
            assert addresses(rows) == etc.getaddrinfo("web.test")
        else:
            assert "asked: files, dns" in result.stderr


def test_the_hosts_file_counts_only_where_it_is_asked(etc, netns, resolve):
    etc.write("resolv.conf", "nameserver 127.0.0.1\n")
    etc.write("hosts", "192.0.2.7 web.test\n")
    with name_server(netns, WEB):
        etc.write("nsswitch.conf", "hosts: files dns\n")
        assert [(r["address"], r["origin"]) for r in resolve("web.test")] == [
            ("192.0.2.7", "hosts")]
        etc.write("nsswitch.conf", "hosts: dns files\n")
        assert {r["origin"] for r in resolve("web.test")} == {"source"}


def test_who_listens(etc, mksock, resolve, words):
    mk = mksock("tcp listen 127.0.0.1:3000 as=four")
    six, four = resolve("localhost:3000")
    assert six["listeners"] == [] and six["local"] is True
    holder, = four["listeners"]
    assert (holder["pid"], holder["address"]) == (mk.pid, "127.0.0.1")
    shown = words("localhost:3000").stdout
    assert "nobody: a program that tries only this address is refused" in shown
    assert f"[{mk.pid}] at 127.0.0.1:3000" in shown
    assert resolve("udp:localhost:3000")[1]["listeners"] == []
    assert resolve("localhost")[0]["listeners"] is None


def test_who_gets_the_connection(etc, veth, mksock, resolve):
    mk = mksock("tcp listen [::]:80 reuseport as=any",
                "tcp listen 192.168.1.89:80 reuseport as=one",
                "tcp listen 0.0.0.0:81 device=en0 as=dev",
                "tcp listen 127.0.0.1:82 reuseport as=r1",
                "tcp listen 127.0.0.1:82 reuseport as=r2",
                "udp bind 0.0.0.0:83 as=u")
    mk.run("fork comm=second keep=@any,@r2 as=child")

    def at(*asked):
        return [holder["address"] for row in resolve(*asked) for holder in row["listeners"]]

    assert set(at("127.0.0.1:80")) == {"::"} and set(at("[fd00:1::89]:80")) == {"::"}
    assert len(resolve("127.0.0.1:80")[0]["listeners"]) == 2  # two processes hold it
    assert at("192.168.1.89:80") == ["192.168.1.89"]
    assert at("192.168.1.89:81") == ["0.0.0.0"] and at("127.0.0.1:81") == []
    assert set(at("127.0.0.1:82")) == {"127.0.0.1"} and len(at("127.0.0.1:82")) >= 2
    assert at("udp:127.0.0.1:83") == ["0.0.0.0"] == at("-u", "127.0.0.1:83")
    assert resolve("192.168.1.1:80")[0]["listeners"] is None  # not this host's


def test_owners_that_may_not_be_seen(berth, mksock):
    mksock("tcp listen 127.0.0.1:3000 as=four")
    row, = berth("resolve", "--json", "127.0.0.1:3000", user=process.NOBODY).json()
    holder, = row["listeners"]
    assert holder["pid"] is None and "pid" in holder["not_permitted"]


def test_words(etc, resolve):
    assert addresses(resolve("3000")) == ["::1", "127.0.0.1"] == addresses(resolve(":3000"))
    assert {r["origin"] for r in resolve("3000")} == {"bare"}
    assert set(addresses(resolve("*:3000"))) == {"::", "0.0.0.0"}
    assert [(r["address"], r["port"], r["origin"]) for r in resolve("[::1]:ipp", "::1", "127.1")] \
        == [("::1", 631, "literal"), ("::1", None, "literal"), ("127.0.0.1", None, "literal")]
    assert [r["port"] for r in resolve("tcp:localhost:domain", "udp:localhost:tftp")] \
        == [53, 53, 69, 69]


def test_a_scope(etc, veth, resolve):
    row, = resolve("[fe80::1%en0]:80")
    assert (row["address"], row["device"], row["local"]) == ("fe80::1", "en0", False)


def test_nothing(words):
    result = words("no-such-name", "localhost", status=1)
    assert ("cannot resolve 'no-such-name': name or service not known (asked: files)"
            in result.stderr)
    assert "127.0.0.1" in result.stdout  # the others are told all the same
    result = words("localhost:no-such-service", status=1)
    assert "the services database has no such service for tcp" in result.stderr


@pytest.mark.parametrize("word", ["localhost:99999", "", "localhost:", "[::1", "[::1]80", "exec:cat",
                                  "unix:/run/x", "-", "listen:80", "tpc:localhost:80"])
def test_mistakes(words, word):
    assert words("localhost", word, status=2).stdout == ""


def test_a_scheme_wins_over_a_host(etc, resolve, words):
    etc.write("hosts", "127.0.0.9 unix\n127.0.0.8 udp\n")
    assert "one called unix is 'tcp:unix:PORT'" in words("unix:80", status=2).stderr
    assert [(r["address"], r["port"]) for r in resolve("tcp:unix:80", "tcp:udp:53", "unix")] == [
        ("127.0.0.9", 80), ("127.0.0.8", 53), ("127.0.0.9", None)]


def test_a_scheme_beats_the_option(etc, resolve):
    ports = [r["port"] for word in ("localhost:tftp", "udp:localhost:tftp", "tcp:localhost:ssh")
             for r in resolve("-4u", word)]
    assert set(ports) == {69, 22}


def test_an_address_without_its_device_is_explained(words):
    assert "fe80::1" in words("fe80::1", status=None).stdout


def test_control_characters_are_shown_as_text(etc, words):
    result = words("a\033[31mb", status=1)
    assert "\033" not in result.stderr and "\\x1b[31m" in result.stderr


def test_columns(etc, words):
    assert words("localhost", "-o", "address,origin", "--no-header").lines == [
        "::1               hosts", "127.0.0.1         hosts"]
    assert "no column 'nonsense'" in words("-o", "nonsense", "x", status=2).stderr


def test_of_another_namespace(etc, make_netns, mksock, words):
    other = make_netns().name("berthresolve")
    mk = mksock("tcp listen 127.0.0.1:3000 as=far", netns=other)
    other.ip("link add d0 type veth peer name d1")
    other.ip("addr add 10.9.9.9/24 dev d0")
    (etc.path / "netns" / "berthresolve").mkdir(parents=True)
    etc.write("hosts", "127.0.0.1 localhost\n10.1.1.1 web\n")
    etc.write("netns/berthresolve/hosts", "# of it alone\n127.0.0.1 localhost\n10.9.9.9 web\n")
    etc.write("netns/berthresolve/no-such-file", "")

    def rows(*args):
        return words("--json", *args).json()

    web, = rows("--netns", "berthresolve", "web")
    assert (web["address"], web["line"], web["interface"]) == ("10.9.9.9", 3, "d0")
    local, = rows("--netns", "berthresolve", "localhost:3000")
    assert [holder["pid"] for holder in local["listeners"]] == [mk.pid]
    told = words("--netns", "berthresolve", "web").stderr
    assert "no-such-file can't take the place of /etc/no-such-file" in told

    # By its process the namespace has no name, and no files of its own.
    web, = rows("--netns", mk.pid, "web")
    assert (web["address"], web["line"], web["reachable"]) == ("10.1.1.1", 2, False)
    local, = rows("localhost:3000")
    assert local["listeners"] == []
    assert "cannot open the network namespace 'nix'" in words("--netns", "nix", "web",
                                                              status=1).stderr
    # What was mounted was seen by that process alone.
    assert rows("web")[0]["address"] == "10.1.1.1"


def test_words_on_a_terminal_are_coloured(berth, mksock, terminal):
    mk = mksock("tcp listen 127.0.0.1:3000 as=s")
    shown = terminal([berth.path, "resolve", "127.0.0.1:3000"])
    assert shown.wait() == 0
    assert "\033[1m127.0.0.1:3000\033[0m has one address" in shown.shown
    assert "\n  \033[36m127.0.0.1:3000\033[0m" in shown.shown
    assert f"\033[35mmksock[{mk.pid}] at 127.0.0.1:3000\033[0m" in shown.shown
    far = berth("resolve", "192.0.2.7", "--color", "always").stdout
    assert "\033[1;31mnone: Network is unreachable\033[0m" in far
    assert "\033" not in berth("resolve", "127.0.0.1:3000").stdout
