"""berth explain connect: what it says beforehand is what connect then gets."""

import errno
import json
import re
import select
import shutil
import socket

import pytest

from lib import features, process, schema


def explain(berth, *args, status=None, **keywords):
    said = berth("explain", "connect", "--json", *args, status=status, **keywords).json()
    schema.check(said, "explain_connect")
    return said


def one(said):
    [address] = said["addresses"]
    return address


def endpoint(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def connect(netns, address, port, *, source=None, device=None, udp=False):
    """What a real connect gets: None, an errno's name, or "silence"."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with netns.inside(), socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as s:
        s.setblocking(False)
        try:
            if device:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
            if source:
                s.bind(source)
            result = s.connect_ex(socket.getaddrinfo(address, port, family, socket.SOCK_STREAM)[0][4])
            if result == errno.EINPROGRESS:
                if not select.select([], [s], [], 0.5)[1]:
                    return "silence"
                result = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except OSError as error:
            result = error.errno
        return errno.errorcode[result] if result else None


VERDICTS = {
    None: {"accepted"},
    "ECONNREFUSED": {"refused"},
    "silence": {"dropped"},
}


def check(berth, netns, address, port, *options, source=None, device=None):
    """Foretold and got; the foretelling."""
    words = list(options)
    if source:
        words += ["--from", endpoint(*source)]
    if device:
        words += ["--device", device]
    said = one(explain(berth, *words, endpoint(address, port)))
    got = connect(netns, address, port, source=source, device=device)
    assert said["verdict"] in VERDICTS.get(got, {"unreachable", "blocked"}), (said, got)
    assert said["error"] == ("ETIMEDOUT" if got == "silence" else got)
    assert said["kernel"] is None or said["kernel"]["agrees"]
    return said


def names(sockets):
    return [endpoint(**s["local"]) for s in sockets]


# Local addresses


def test_listener_answers(berth, netns, mksock):
    mk = mksock("tcp listen 127.0.0.1:4444 as=srv")
    said = check(berth, netns, "127.0.0.1", 4444)
    assert said["listener"]["owners"][0]["pid"] == mk["srv"].pid and said["others"] == []
    assert said["device"] == "lo" and said["route"]["kind"] == "local"


def test_nobody_listens(berth, netns):
    assert explain(berth, "127.0.0.1:9999")["addresses"][0]["remedies"] == [
        "start the server, or look where it listens: berth list --listeners"]
    said = check(berth, netns, "127.0.0.1", 4444)
    assert said["listener"] is None and "start the server" in said["remedies"][0]


def test_exit_statuses(berth, mksock):
    mksock("tcp listen 127.0.0.1:4444")
    berth("explain", "connect", "127.0.0.1:4444", status=0)
    berth("explain", "connect", "127.0.0.1:4445", status=1)


def test_bound_only_is_told(berth, netns, mksock):
    mksock("tcp bind 127.0.0.1:4444")
    said = check(berth, netns, "127.0.0.1", 4444)
    assert said["remedies"] == [said["remedies"][0]] and "call listen" in said["remedies"][0]


def test_the_more_specific_wins(berth, netns, mksock):
    mksock("tcp listen 127.0.0.1:4444 reuseaddr as=one")
    mksock("tcp listen 0.0.0.0:4445")
    mksock("tcp listen [::]:4444 v6only")
    said = check(berth, netns, "127.0.0.1", 4444)
    assert said["listener"]["local"]["address"] == "127.0.0.1"
    assert [(endpoint(**o["local"]), o["reason"]) for o in said["others"]] == [("[::]:4444", "v6only")]
    assert check(berth, netns, "127.0.0.2", 4445)["listener"]["local"]["address"] == "0.0.0.0"


def test_ipv4_beats_dual_stack(berth, netns, mksock):
    mksock("tcp listen 0.0.0.0:4444 reuseport")
    mksock("tcp listen [::]:4444 v6only=0 reuseport")
    said = check(berth, netns, "127.0.0.1", 4444)
    assert said["listener"]["local"]["address"] == "0.0.0.0"
    assert said["others"][0]["reason"] in ("ipv6", "behind-group")
    assert check(berth, netns, "::1", 4444)["listener"]["local"]["address"] == "::"


def test_only_loopback_listens(berth, veth, mksock):
    """The classic: it works here, and nobody else gets through."""
    mksock("tcp listen 127.0.0.1:4444")
    said = check(berth, veth.here, veth.here_address, 4444)
    assert names(said["others"]) == ["127.0.0.1:4444"] and said["others"][0]["reason"] == "address"
    assert any("0.0.0.0" in remedy for remedy in said["remedies"])
    words = berth("explain", "connect", f"{veth.here_address}:4444", status=1).stdout
    assert "it listens on 127.0.0.1 only" in words


def test_listener_bound_to_another_device(berth, veth, mksock):
    mksock("tcp listen 0.0.0.0:4444 device=en0")
    said = check(berth, veth.here, "127.0.0.1", 4444)
    assert said["others"][0]["reason"] == "device"
    assert check(berth, veth.here, veth.here_address, 4444)["verdict"] == "accepted"


def test_wildcards_and_mapped_addresses(berth, netns, mksock):
    mksock("tcp listen 127.0.0.1:4444")
    for address in ("0.0.0.0", "::ffff:127.0.0.1", "127.0.0.1"):
        check(berth, netns, address, 4444)
    check(berth, netns, "::", 4444)


@pytest.mark.parametrize("backlog", [0, 1, 3])
def test_full_accept_queue(berth, netns, mksock, backlog):
    """It holds one more than the backlog; closed connections stay in it."""
    mksock(f"tcp listen 127.0.0.1:4444 backlog={backlog}")
    for waiting in range(backlog + 1):
        said = check(berth, netns, "127.0.0.1", 4444)
        assert said["verdict"] == "accepted" and said["queue"]["waiting"] == waiting
    said = check(berth, netns, "127.0.0.1", 4444)
    assert said["verdict"] == "dropped"
    assert said["queue"] == {"waiting": backlog + 1, "room": backlog}
    assert any("backlog above" in remedy for remedy in said["remedies"])


def test_somaxconn_is_named(berth, netns, mksock):
    netns.sysctl("net.core.somaxconn", 1)
    mk = mksock("tcp listen 127.0.0.1:4444 backlog=100 as=srv")
    mk.run("tcp connect @srv", "tcp connect @srv")
    said = check(berth, netns, "127.0.0.1", 4444)
    assert any("net.core.somaxconn, now 1" in remedy for remedy in said["remedies"])


# SO_REUSEPORT


def test_group_is_shown_as_one(berth, netns, mksock):
    mksock(*["tcp listen 127.0.0.1:4444 reuseport"] * 3)
    said = check(berth, netns, "127.0.0.1", 4444)
    assert len(said["group"]) == 3 and said["others"] == []
    words = berth("explain", "connect", "127.0.0.1:4444").stdout
    assert "one of 3 sockets" in words and "SO_REUSEPORT" in words


def test_member_of_the_group_for_one_source(berth, netns, mksock):
    """--from names the very member: it is the one whose queue then has the connection."""
    mk = mksock(*[f"tcp listen 127.0.0.1:4444 reuseport as=m{i}" for i in range(4)])
    for port in range(5000, 5012):
        said = one(explain(berth, "--from", f"127.0.0.1:{port}", "127.0.0.1:4444"))
        assert said["group"] == []
        before = {s.fd: s.recv_q for s in mk.refresh() if s.name.startswith("m")}
        assert connect(netns, "127.0.0.1", 4444, source=("127.0.0.1", port)) is None
        [fd] = [s.fd for s in mk.refresh() if s.name.startswith("m") and s.recv_q > before[s.fd]]
        assert said["listener"]["owners"][0]["fd"] == fd


# Routes


def test_routes_are_those_of_ip(berth, veth):
    here = veth.here
    here.ip("link set lo up")
    for line in ("route add unreachable 10.1.0.0/16", "route add prohibit 10.2.0.0/16",
                 "route add blackhole 10.3.0.0/16", "route add 10.4.0.0/16 via 192.168.1.1",
                 "-6 route add unreachable fd01::/64", "-6 route add fd04::/64 via fd00:1::1",
                 "-6 route add prohibit fd02::/64", "-6 route add blackhole fd03::/64"):
        here.ip(line)
    refused = {"EHOSTUNREACH": "unreachable", "EACCES": "prohibit", "EINVAL": "blackhole",
               "ENETUNREACH": "no-route"}
    kinds = {"local": "local", "unicast": "remote", "broadcast": "broadcast", "multicast": "multicast"}
    for address in ("127.0.0.1", "127.0.0.53", veth.here_address, veth.there_address, "10.1.0.1",
                    "10.2.0.1", "10.3.0.1", "10.4.0.1", "10.5.0.1", "192.168.1.255", "::1",
                    veth.here_address6, veth.there_address6, "fd01::1", "fd02::1", "fd03::1",
                    "fd04::1", "fd05::1"):
        said = one(explain(berth, endpoint(address, 80)))
        shown = here.run("ip", "-j", "route", "get", address, status=None)
        if shown.status == 0 and shown.stdout.strip():
            [route] = json.loads(shown.stdout)
            assert said["route"]["kind"] == kinds[route.get("type", "unicast")], address
            assert said["route"]["gateway"] == route.get("gateway"), address
            assert said["route"]["source"] == route.get("prefsrc"), address
            if said["route"]["kind"] != "local":  # of these ip says lo
                assert said["device"] == route["dev"], address
        else:
            assert said["route"]["kind"] == refused[said["error"]], (address, shown)
            assert said["verdict"] == "unreachable"
        if said["route"]["kind"] == "remote":
            assert said["verdict"] == "remote" and said["error"] is None
        else:
            assert said["error"] == connect(here, address, 80), address
    assert one(explain(berth, f"{veth.here_address}:80"))["device"] == "en0"
    assert one(explain(berth, f"[{veth.here_address6}]:80"))["device"] == "en0"


def test_multicast_and_broadcast(berth, veth):
    veth.here.ip("route add 224.0.0.0/4 dev en0")
    for address in ("224.0.0.1", "192.168.1.255"):
        assert check(berth, veth.here, address, 80)["error"] == "ENETUNREACH"
    said = one(explain(berth, "udp:192.168.1.255:80"))
    assert (said["verdict"], said["error"]) == ("blocked", "EACCES")
    assert connect(veth.here, "192.168.1.255", 80, udp=True) == "EACCES"
    assert one(explain(berth, "udp:224.0.0.1:80"))["verdict"] == "remote"
    assert connect(veth.here, "224.0.0.1", 80, udp=True) is None


def test_link_local_needs_its_device(berth, veth, mksock):
    shown = veth.here.run("ip", "-j", "addr", "show", "dev", "en0").json()
    address = next(a["local"] for a in shown[0]["addr_info"] if a["local"].startswith("fe80"))
    mksock("tcp listen [::]:4444")
    said = one(explain(berth, f"[{address}]:4444"))
    assert (said["verdict"], said["error"]) == ("blocked", "EINVAL")
    assert any(f"{address}%en0" in remedy for remedy in said["remedies"])
    with veth.here.inside(), socket.socket(socket.AF_INET6) as s:
        assert s.connect_ex((address, 4444)) == errno.EINVAL
    assert one(explain(berth, f"[{address}%en0]:4444"))["verdict"] == "accepted"
    check(berth, veth.here, f"{address}%en0", 4444)


def test_devices(berth, veth, mksock):
    mksock("tcp listen 127.0.0.1:4444")
    assert check(berth, veth.here, "127.0.0.1", 4444, device="lo")["verdict"] == "accepted"
    assert one(explain(berth, "--device", "en0", "127.0.0.1:4444"))["verdict"] == "remote"
    said = one(explain(berth, "--device", "nix", "127.0.0.1:4444"))
    assert (said["verdict"], said["error"]) == ("blocked", "ENODEV")
    assert connect(veth.here, "127.0.0.1", 4444, device="nix") == "ENODEV"


# Sources


def test_source_of_a_local_route(berth, netns, mksock):
    """No interface has it, and it binds."""
    netns.ip("route add local 198.51.100.0/24 dev lo")
    mksock("tcp listen 127.0.0.1:4444")
    told = one(explain(berth, "--try", "--from", "198.51.100.5", "127.0.0.1:4444"))
    assert told["verdict"] == "accepted" and told["tried"]["agreed"]


def test_source_must_be_had(berth, netns, mksock):
    mksock("tcp listen 127.0.0.1:4444", "tcp listen 127.0.0.1:4445")
    check(berth, netns, "127.0.0.1", 4444, source=("127.0.0.9", 0))
    said = check(berth, netns, "127.0.0.1", 4444, source=("127.0.0.1", 4445))
    assert (said["verdict"], said["error"]) == ("blocked", "EADDRINUSE")
    assert check(berth, netns, "127.0.0.1", 4444, source=("10.9.9.9", 0))["error"] == "EADDRNOTAVAIL"
    assert one(explain(berth, "--from", "::1", "127.0.0.1:4444"))["error"] == "EAFNOSUPPORT"


def test_connection_that_is_there_already(berth, mksock):
    mksock("tcp listen 127.0.0.1:4444 as=srv", "tcp connect @srv from=127.0.0.1:5000 reuseaddr")
    said = one(explain(berth, "--from", "127.0.0.1:5000", "127.0.0.1:4444", status=1))
    assert said["verdict"] == "blocked"


def test_a_remainder_of_the_other_end(berth, netns, mksock):
    """TIME_WAIT at the server's end is reopened."""
    mksock("tcp listen 127.0.0.1:5004 as=l", "tcp connect @l from=127.0.0.1:50001 as=c", "tcp accept @l as=a",
           "close @a", "close @c")
    said = check(berth, netns, "127.0.0.1", 5004, source=("127.0.0.1", 50001))
    assert said["verdict"] == "accepted"


def test_connection_to_itself(berth, netns):
    said = check(berth, netns, "127.0.0.1", 7777, source=("127.0.0.1", 7777))
    assert said["verdict"] == "accepted" and said["listener"] is None
    words = berth("explain", "connect", "--try", "--from", "127.0.0.1:7778", "127.0.0.1:7778", status=0).stdout
    assert "is accepted by the socket that connects" in words and "it connects, as foretold" in words


def test_loopback_is_down(berth, veth, mksock):
    mksock("tcp listen 0.0.0.0:5000")
    veth.here.ip("link", "set", "lo", "down")
    for address in "127.0.0.1", veth.here_address:
        for port in 5000, 5001:
            said = check(berth, veth.here, address, port)
            assert said["verdict"] == "dropped" and said["remedies"] == ["ip link set lo up"]
    assert one(explain(berth, "--from", veth.there_address, endpoint(veth.here_address, 5000)))["verdict"] == "accepted"
    assert connect(veth.there, veth.here_address, 5000) is None
    words = berth("explain", "connect", "127.0.0.1:5000", status=1).stdout
    assert "the loopback interface is down" in words and "accept" not in words


def test_who_has_the_source(berth, netns, mksock):
    mk = mksock("tcp listen 127.0.0.1:5000", "tcp bind 127.0.0.1:5002")
    said = check(berth, netns, "127.0.0.1", 5000, source=("127.0.0.1", 5002))
    [blocker] = said["blockers"]
    assert blocker["owners"][0]["pid"] == mk.pid and blocker["rule"] == "taken"
    assert said["listener"] is None and said["kernel"] is None
    words = berth("explain", "connect", "127.0.0.1:5000", "--from", "127.0.0.1:5002", status=1).stdout
    assert f"    mksock[{mk.pid}] of root" in words


def test_ways_that_lead_nowhere(berth, veth):
    there, here = veth.there_address, veth.here_address
    said = check(berth, veth.here, there, 5000, source=("127.0.0.1", 0))
    assert said["error"] == "EINVAL" and said["remedies"][0].startswith("leave the source to the kernel")
    words = berth("explain", "connect", endpoint(there, 5000), "--from", "127.0.0.1", status=1).stdout
    assert "an address of loopback stays on this host" in words and "blackhole" not in words
    assert check(berth, veth.here, there, 5000, device="lo")["verdict"] == "dropped"
    words = berth("explain", "connect", endpoint(here, 5000), "--from", "8.8.8.8", status=1).stdout
    assert "no route leads to that address" in words
    words = berth("explain", "connect", "--try", "127.0.0.1:5000", "--from", there, status=3).stdout
    assert words.startswith("it isn't for this host: tcp 127.0.0.1:5000 is another host's own") and "not tried" in words


def test_ipv6_that_is_turned_off(berth, netns):
    netns.sysctl("net.ipv6.conf.all.disable_ipv6", "1")
    netns.sysctl("net.ipv6.conf.lo.disable_ipv6", "1")
    for address in "::1", "2001:db8::1":
        said = check(berth, netns, address, 5000)
        assert said["verdict"] == "unreachable" and said["error"] == "EADDRNOTAVAIL"
        assert said["remedies"][0].startswith("turn IPv6 on")


def test_from_another_host(berth, veth, mksock):
    """What a client over there gets: the truth is asked over there."""
    mksock("tcp listen 127.0.0.1:4444", "tcp listen 0.0.0.0:4445", "tcp listen 0.0.0.0:4446 device=lo")
    for port in (4444, 4445, 4446):
        said = one(explain(berth, "--from", veth.there_address, endpoint(veth.here_address, port)))
        got = connect(veth.there, veth.here_address, port)
        assert said["verdict"] == ("refused" if got else "accepted") and said["error"] == got
        assert said["device"] == "en0"
    said = one(explain(berth, "--from", veth.there_address, "127.0.0.1:4444"))
    assert said["verdict"] == "remote"


# Ports for this end


def test_no_port_is_left(berth, netns, mksock):
    """Bound sockets keep a port from every connection, connections only from the same two ends."""
    mksock("tcp listen 127.0.0.1:4444", "tcp listen 127.0.0.1:4445")
    netns.sysctl("net.ipv4.ip_local_port_range", "20000 20003")
    mksock("tcp bind 127.0.0.9:20000", "tcp bind 127.0.0.9:20002", "tcp listen 127.0.0.9:20001")
    assert check(berth, netns, "127.0.0.1", 4444)["verdict"] == "accepted"  # and took the last
    said = check(berth, netns, "127.0.0.1", 4444)
    assert (said["verdict"], said["error"]) == ("blocked", "EADDRNOTAVAIL")
    assert any("ip_local_port_range" in remedy for remedy in said["remedies"])
    assert "so that none is left for this end of the connection\n" in berth(
        "explain", "connect", "127.0.0.1:4444", status=1).stdout
    assert check(berth, netns, "127.0.0.1", 4445)["verdict"] == "accepted"


def test_no_port_is_left_among_very_many(berth, netns, mksock):
    """At any number of sockets: only those to the same destination are looked at."""
    features.require(features.has_bpf)
    mksock("scene connections=31000 processes=8")
    netns.sysctl("net.ipv4.ip_local_port_range", "20000 20003")
    mksock("tcp listen 127.0.0.1:4444", "tcp listen 127.0.0.1:4445", *["tcp connect 127.0.0.1:4444"] * 3)
    assert check(berth, netns, "127.0.0.1", 4444)["verdict"] == "accepted"  # and took the last
    assert check(berth, netns, "127.0.0.1", 4444)["error"] == "EADDRNOTAVAIL"
    assert check(berth, netns, "127.0.0.1", 4445)["verdict"] == "accepted"


def test_no_port_is_left_for_udp(berth, netns, mksock):
    mksock("udp bind 127.0.0.1:4444")
    netns.sysctl("net.ipv4.ip_local_port_range", "20000 20001")
    mksock("udp bind 127.0.0.1:20000", "udp bind 127.0.0.1:20001")
    said = one(explain(berth, "udp:127.0.0.1:4444", status=1))
    assert (said["verdict"], said["error"]) == ("blocked", "EAGAIN")
    assert connect(netns, "127.0.0.1", 4444, udp=True) == "EAGAIN"


# UDP


def test_udp(berth, mksock):
    mksock("udp bind 127.0.0.1:4444")
    assert explain(berth, "udp:127.0.0.1:4444", status=0)["verdict"] == "accepted"
    assert explain(berth, "--udp", "127.0.0.1:4445", status=1)["verdict"] == "refused"
    assert explain(berth, "127.0.0.1:4444", status=1)["verdict"] == "refused"


def test_udp_connected_socket_gets_it(berth, mksock):
    mksock("udp bind 127.0.0.1:4444 reuseport")
    mksock("udp connect 127.0.0.1:5000 from=127.0.0.1:4444 reuseport")
    said = one(explain(berth, "--from", "127.0.0.1:5000", "udp:127.0.0.1:4444"))
    assert said["listener"]["peer"] == {"address": "127.0.0.1", "port": 5000}
    assert said["others"][0]["reason"] == "unconnected"
    said = one(explain(berth, "udp:127.0.0.1:4444"))
    assert said["listener"]["peer"] is None and said["others"][0]["reason"] == "peer"


# The firewall


def nft(netns, *rules):
    netns.run("nft", "-f", "-", input="".join(rule + "\n" for rule in rules))


needs_nft = pytest.mark.skipif(not shutil.which("nft", path="/usr/sbin"), reason="nft isn't installed")

def with_rules(netns, *rules, policy="accept"):
    nft(netns, "table inet t { chain i { type filter hook input priority 0; policy %s;" % policy,
        *rules, "}", "}")


@needs_nft
@pytest.mark.parametrize("rule, port", [("tcp dport 4444 drop", 4444), ("tcp dport { 80, 4444 } reject", 4444),
                                        ("tcp dport 4000-5000 drop", 4444)])
def test_rule_that_names_the_port(berth, netns, mksock, rule, port):
    mksock("tcp listen 127.0.0.1:4444")
    with_rules(netns, rule)
    said = one(explain(berth, f"127.0.0.1:{port}", status=3))
    assert said["verdict"] == "depends" and said["firewall"]["named"][0]["rule"] == rule
    assert connect(netns, "127.0.0.1", port) is not None
    words = berth("explain", "connect", f"127.0.0.1:{port}", status=3).stdout
    assert words.count(f"inet t i: {rule}") == 1
    assert re.match(r"it depends: tcp 127.0.0.1:4444 would get to mksock\[\d+\] of root, but a rule of the firewall may stop", words)


def test_rules_of_the_older_iptables(berth, netns, mksock):
    """nft doesn't list them."""
    if not shutil.which("iptables-legacy", path="/usr/sbin"):
        pytest.skip("not here: iptables-legacy")
    mksock("tcp listen 127.0.0.1:4444")
    done = netns.run("iptables-legacy", "-A", "INPUT", "-p", "tcp", "--dport", "4444", "-j", "DROP", status=None)
    if done.returncode:
        pytest.skip("not in this kernel: the tables of the older iptables")
    said = one(explain(berth, "127.0.0.1:4444", status=3))
    assert "--dport 4444 -j DROP" in said["firewall"]["named"][0]["rule"]
    netns.run("iptables-legacy", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "--dport", "8444", "-j", "DNAT",
              "--to-destination", "127.0.0.1:3000")
    assert "forwarded to 127.0.0.1:3000" in berth("who", "8444", status=1).stdout


@needs_nft
def test_rules_that_dont_matter(berth, netns, mksock):
    mksock("tcp listen 127.0.0.1:4444")
    with_rules(netns, "tcp dport 80 drop", "udp dport 4444 drop", "tcp dport 4444 accept")
    said = check(berth, netns, "127.0.0.1", 4444)
    assert said["firewall"]["may_stop"] == 0 and len(said["firewall"]["named"]) == 1


@needs_nft
def test_rules_that_cant_be_told_are_named(berth, netns, mksock):
    mksock("tcp listen 127.0.0.1:4444")
    with_rules(netns, "meta mark 0x5 drop", "limit rate over 1000/second drop", "ct state invalid drop",
               "ip saddr 10.0.0.0/8 drop")
    said = one(explain(berth, "127.0.0.1:4444", status=3))
    assert said["verdict"] == "depends" and said["firewall"]["may_stop"] == 2
    assert said["firewall"]["named"][0] == {"place": "inet t i", "rule": "meta mark 0x00000005 drop", "stops": True}
    words = berth("explain", "connect", "127.0.0.1:4444", status=3).stdout
    assert "2 rules of the firewall may stop it:\n    inet t i: meta mark 0x00000005 drop\n" in words


@needs_nft
@pytest.mark.parametrize("rules", [
    ("drop",), ("tcp dport { 22, 80 } accept", "counter drop"), ("meta l4proto tcp drop",),
    ("ip saddr 127.0.0.1 drop",), ("tcp dport != 22 drop",), ("tcp dport >= 4000 drop",),
    ("tcp dport vmap { 4444 : drop, 22 : accept }",), ("tcp sport 4444 drop",),
    ("tcp dport 4444 drop", 'iif "lo" accept'), ('log prefix "udp dport 22" drop',),
    ("reject with icmpx type admin-prohibited",)])
def test_what_stops_is_never_passed_over(berth, netns, mksock, rules):
    mksock("tcp listen 127.0.0.1:4444")
    with_rules(netns, *rules)
    assert connect(netns, "127.0.0.1", 4444) is not None
    said = one(explain(berth, "127.0.0.1:4444", status=3))
    assert said["verdict"] == "depends" and any(rule["stops"] for rule in said["firewall"]["named"])


@needs_nft
@pytest.mark.parametrize("rules", [
    ('iif "lo" accept', "drop"), ("accept", "drop"), ("tcp dport != { 22, 4444 } tcp sport != 4444 drop",),
    ("ct state established,related accept", "tcp dport 4444 accept", "reject"),
    ("ct state vmap { established : accept, related : accept, invalid : drop }", "tcp dport { 22, 4444 } accept", "drop"),
    ("ip saddr 10.0.0.0/8 drop", "ct state invalid drop", "ip6 saddr ::1 drop"),
    ("tcp flags & (fin | syn | rst | ack) != syn ct state new drop",),
    ("fib daddr type local accept", 'iifname != "lo" drop'), ("meta nfproto ipv6 drop", "udp dport 4444 drop")])
def test_what_lets_through_is_yes(berth, netns, mksock, rules):
    mksock("tcp listen 127.0.0.1:4444")
    with_rules(netns, *rules)
    said = check(berth, netns, "127.0.0.1", 4444)
    assert said["verdict"] == "accepted" and said["firewall"]["may_stop"] == 0


@needs_nft
@pytest.mark.parametrize("table", [
    "table inet t { chain sub { drop; }; chain i { type filter hook input priority 0; tcp dport { 22, 4444 } jump sub; }; }",
    "table inet t { chain o { type filter hook output priority 0; ct state new reject; }; }",
    "table inet t { chain o { type filter hook output priority 0; meta skuid 0 drop; }; }",
    'table inet t { chain o { type filter hook output priority 0; iifname != "en0" tcp dport 4444 drop; }; }',
    "table netdev t { chain n { type filter hook ingress device lo priority 0; tcp dport 4444 drop; }; }"])
def test_chains_everywhere(berth, netns, mksock, table):
    mksock("tcp listen 127.0.0.1:4444")
    nft(netns, table)
    assert connect(netns, "127.0.0.1", 4444) is not None
    said = one(explain(berth, "127.0.0.1:4444", status=3))
    assert said["verdict"] == "depends" and said["firewall"]["may_stop"]


@needs_nft
def test_stock_firewalls(berth, veth, mksock):
    """Of iptables as Red Hat ships it, and of firewalld: lo and one's own ports are open, the rest is rejected."""
    stock = ("ct state established,related counter accept", 'iifname "lo" counter accept',
             "tcp dport 4444 counter accept", "counter reject with icmp type host-prohibited")
    zones = ("table inet firewalld { chain allow { tcp dport 4444 accept", "}",
             "chain public { jump allow", "meta l4proto { icmp, ipv6-icmp } accept", "}",
             'chain zones { iifname "en0" goto public', "goto public", "}",
             "chain pre { type filter hook prerouting priority 10;",
             "meta nfproto ipv6 fib saddr . mark . iif oif missing drop", "}",
             "chain i { type filter hook input priority 10; ct state { established, related } accept",
             "ct status dnat accept", 'iifname "lo" accept', "ct state { invalid } drop", "jump zones",
             "reject with icmpx type admin-prohibited", "}",
             "chain o { type filter hook output priority 10; ct state { established, related } accept",
             'oifname "lo" accept', "}", "}")
    mksock("tcp listen 0.0.0.0:4444", "tcp listen 0.0.0.0:4445")
    for rules in (("table ip t { chain i { type filter hook input priority 0;", *stock, "}", "}"), zones):
        nft(veth.here, "flush ruleset", *rules)
        for port in (4444, 4445):
            assert check(berth, veth.here, "127.0.0.1", port)["verdict"] == "accepted"
        assert check(berth, veth.here, "127.0.0.1", 4446)["verdict"] == "refused"
        for port, verdict, got in ((4444, "accepted", None), (4445, "depends", "EHOSTUNREACH"),
                                   (4446, "depends", "EHOSTUNREACH")):
            said = one(explain(berth, "--from", veth.there_address, endpoint(veth.here_address, port)))
            assert said["verdict"] == verdict, said
            assert connect(veth.there, veth.here_address, port) == got


@needs_nft
def test_rule_that_stops_what_nobody_listens_for(berth, netns, mksock):
    mksock("tcp listen 0.0.0.0:4444")
    with_rules(netns, "meta nfproto ipv6 tcp dport 4444 drop")
    assert connect(netns, "::1", 4444) == "silence"
    said = one(explain(berth, "[::1]:4444", status=3))
    assert said["verdict"] == "depends" and said["error"] is None
    words = berth("explain", "connect", "[::1]:4444", status=3).stdout
    assert words.startswith("it depends: tcp [::1]:4444: nobody listens there, and it is refused, unless a rule")
    assert check(berth, netns, "::1", 4445)["verdict"] == "refused"


@needs_nft
def test_conditional_acceptance_is_none(berth, veth, mksock):
    mksock("tcp listen 0.0.0.0:4444")
    with_rules(veth.here, "ip saddr 10.0.0.0/8 tcp dport 4444 accept", policy="drop")
    assert connect(veth.there, veth.here_address, 4444) == "silence"
    said = one(explain(berth, "--from", veth.there_address, endpoint(veth.here_address, 4444), status=3))
    assert [rule["rule"] for rule in said["firewall"]["named"]] == ["policy drop"]


@needs_nft
def test_policy(berth, veth, mksock):
    """The usual firewall: lo is open, ports are opened one by one."""
    mksock("tcp listen 0.0.0.0:4444", "tcp listen 0.0.0.0:4445")
    with_rules(veth.here, 'iif "lo" accept', "tcp dport 4444 accept", policy="drop")
    assert check(berth, veth.here, "127.0.0.1", 4445)["verdict"] == "accepted"
    for port, verdict, got in ((4444, "accepted", None), (4445, "depends", "silence")):
        said = one(explain(berth, "--from", veth.there_address, endpoint(veth.here_address, port)))
        assert said["verdict"] == verdict and said["firewall"]["named"]
        assert connect(veth.there, veth.here_address, port) == got


@needs_nft
def test_policy_alone(berth, netns, mksock):
    mksock("tcp listen 127.0.0.1:4444")
    with_rules(netns, policy="drop")
    assert explain(berth, "127.0.0.1:4444", status=3)["verdict"] == "depends"
    assert connect(netns, "127.0.0.1", 4444) == "silence"


def test_firewall_that_may_not_be_seen(berth, netns, mksock):
    mksock("tcp listen 127.0.0.1:4444")
    said = one(explain(berth, "127.0.0.1:4444", user=process.NOBODY))
    assert said["verdict"] == "accepted" and not said["firewall"]["known"]
    if shutil.which("nft", path="/usr/sbin"):  # the trial decides where it is otherwise
        with_rules(netns, "tcp dport 4444 drop")
        said = one(explain(berth, "--try", "127.0.0.1:4444", user=process.NOBODY, status=1))
        assert said["tried"] == {"error": "ETIMEDOUT", "agreed": False}
        netns.run("nft", "flush", "ruleset")
    assert one(explain(berth, "127.0.0.1:4444"))["firewall"] == {"known": True, "may_stop": 0, "named": []}


@needs_nft
def test_redirect_is_followed(berth, netns, mksock):
    mk = mksock("tcp listen 127.0.0.1:8080 as=srv")
    nft(netns, "table ip n { chain o { type nat hook output priority -100;",
        "tcp dport 80 redirect to :8080", "}", "}")
    assert connect(netns, "127.0.0.1", 80) is None
    said = one(explain(berth, "127.0.0.1:80", status=0))
    assert said["verdict"] == "accepted" and said["forward"]["target"] == ":8080"
    assert said["forward"]["listener"]["owners"][0]["pid"] == mk["srv"].pid


@needs_nft
def test_published_port_is_followed_into_its_namespace(berth, veth, mksock):
    mksock("tcp listen 127.0.0.1:1", netns=veth.there)  # so that there is a process to find it by
    mk = mksock("tcp listen 192.168.1.1:80 as=srv", netns=veth.there)
    nft(veth.here, "table ip n { chain o { type nat hook output priority -100;",
        f"ip daddr {veth.here_address} tcp dport 8080 dnat to 192.168.1.1:80", "}", "}")
    assert connect(veth.here, veth.here_address, 8080) is None
    said = one(explain(berth, f"{veth.here_address}:8080", status=0))
    assert said["verdict"] == "accepted" and said["forward"]["target"] == "192.168.1.1:80"
    assert said["forward"]["listener"]["owners"][0]["pid"] == mk["srv"].pid
    words = berth("explain", "connect", f"{veth.here_address}:8080").stdout
    assert f"is accepted by mksock[{mk['srv'].pid}]" in words and "another network namespace" in words
    mk.close()
    said = one(explain(berth, f"{veth.here_address}:8080", status=1))
    assert said["verdict"] == "refused" == said["forward"]["verdict"]
    assert explain(berth, "127.0.0.1:8080", status=1)["verdict"] == "refused"


def test_published_port_where_two_namespaces_have_the_address(berth, veth, make_netns, mksock):
    other = make_netns()
    other.ip("addr add 192.168.1.1 dev lo")
    for there in veth.there, other:
        mksock("tcp listen 192.168.1.1:80", netns=there)
    nft(veth.here, "table ip n { chain o { type nat hook output priority -100;",
        f"ip daddr {veth.here_address} tcp dport 8080 dnat to 192.168.1.1:80", "}", "}")
    said = one(explain(berth, f"{veth.here_address}:8080", status=3))
    assert said["verdict"] == "depends" and said["forward"]["verdict"] is not None
    words = berth("explain", "connect", f"{veth.here_address}:8080", status=3).stdout
    assert "several network namespaces of this host have that address" in words
    assert "only root can see" not in words


def hand_on(netns, hook, rule):
    nft(netns, "flush ruleset", "table ip n { chain c { type nat hook %s priority -100;" % hook, rule, "}", "}")


@needs_nft
def test_rule_for_others_isnt_met_by_ones_own(berth, veth, mksock):
    mksock("tcp listen 127.0.0.1:80", "tcp listen 0.0.0.0:8080")
    here = veth.here_address
    hand_on(veth.here, "prerouting", f"ip daddr {here} tcp dport 7003 dnat to 127.0.0.1:80")
    assert check(berth, veth.here, here, 7003)["verdict"] == "refused"
    hand_on(veth.here, "prerouting", f"tcp dport 8080 dnat to {veth.there_address}:9")
    assert check(berth, veth.here, here, 8080)["forward"] is None
    assert one(explain(berth, "--from", veth.there_address, endpoint(here, 8080)))["forward"]["target"] == "192.168.1.1:9"
    hand_on(veth.here, "output", "tcp dport 8081 dnat to 127.0.0.1:80")
    assert connect(veth.there, here, 8081) == "ECONNREFUSED"
    assert explain(berth, "--from", veth.there_address, endpoint(here, 8081), status=1)["verdict"] == "refused"


@needs_nft
def test_rule_that_redirects_who_comes_in(berth, veth, mksock):
    mk = mksock("tcp listen 0.0.0.0:8080 as=srv")
    hand_on(veth.here, "prerouting", "tcp dport 80 redirect to :8080")
    assert connect(veth.there, veth.here_address, 80) is None
    said = one(explain(berth, "--from", veth.there_address, endpoint(veth.here_address, 80), status=0))
    assert said["forward"]["listener"]["owners"][0]["pid"] == mk["srv"].pid


@needs_nft
def test_rule_that_brings_back_what_leaves(berth, veth, mksock):
    mksock("tcp listen 127.0.0.1:80 as=srv")
    hand_on(veth.here, "output", "tcp dport 8081 dnat to 127.0.0.1:80")
    assert connect(veth.here, veth.there_address, 8081) is None
    said = one(explain(berth, endpoint(veth.there_address, 8081), status=0))
    assert said["verdict"] == "accepted" and said["forward"]["verdict"] == "accepted"


@needs_nft
def test_rule_that_hands_loopback_elsewhere(berth, veth, mksock):
    mksock("tcp listen 192.168.1.1:7001", netns=veth.there)
    hand_on(veth.here, "output", "tcp dport 7000 dnat to 192.168.1.1:7001")
    assert connect(veth.here, "127.0.0.1", 7000) == "silence"
    said = one(explain(berth, "127.0.0.1:7000", status=3))
    assert said["verdict"] == "depends" and said["forward"]["target"] == "192.168.1.1:7001"
    assert "is handed on by a rule of the firewall" in berth("explain", "connect", "127.0.0.1:7000", status=3).stdout


@needs_nft
def test_rule_whose_conditions_cant_be_told(berth, netns, mksock):
    mksock("tcp listen 127.0.0.1:80")
    hand_on(netns, "output", "meta mark 0x5 tcp dport 80 redirect to :8080")
    said = one(explain(berth, "127.0.0.1:80", status=3))
    assert said["verdict"] == "depends" and said["forward"]["verdict"] is None
    assert "may be handed on by a rule" in berth("explain", "connect", "127.0.0.1:80", status=3).stdout
    hand_on(netns, "output", "ip daddr 10.0.0.1 tcp dport 80 redirect to :8080")
    assert check(berth, netns, "127.0.0.1", 80)["forward"] is None


@needs_nft
def test_firewall_of_a_published_port(berth, veth, mksock):
    """What comes in passes FORWARD, with the address that it was given, as with docker's rules."""
    mksock("tcp listen 127.0.0.1:1", netns=veth.there)
    mksock("tcp listen 192.168.1.1:80", netns=veth.there)
    veth.here.ip("addr", "add", "192.0.2.7/32", "dev", "lo")
    hand_on(veth.here, "prerouting", "fib daddr type local tcp dport 8080 dnat to 192.168.1.1:80")
    rules = ("table ip f { chain f { type filter hook forward priority 0; policy drop;",
             "ct state established,related accept", 'ip daddr 192.168.1.1 oifname "en0" tcp dport 80 accept', "}", "}")
    nft(veth.here, *rules)
    veth.here.ip("route", "add", "198.51.100.0/24", "via", "192.168.1.1")
    veth.there.ip("route", "add", "default", "via", veth.here_address)
    ask = ("--from", "198.51.100.9", "192.0.2.7:8080")
    assert explain(berth, *ask, status=0)["verdict"] == "accepted"
    nft(veth.here, "flush table ip f")
    said = one(explain(berth, *ask, status=3))
    assert said["verdict"] == "depends" and said["firewall"]["named"][0]["rule"] == "policy drop"


@needs_nft
def test_published_as_docker_does(berth, veth, mksock):
    """Its rules; the container is no namespace of this host, so that its address is all that is known."""
    nft(veth.here, "table ip nat { chain DOCKER { tcp dport 8080 iifname != \"docker0\" dnat to 192.168.1.1:80", "}",
        "chain p { type nat hook prerouting priority -100; fib daddr type local jump DOCKER", "}",
        "chain o { type nat hook output priority -100; ip daddr != 127.0.0.0/8 fib daddr type local jump DOCKER", "}",
        "}")
    mksock("tcp listen 192.168.1.1:80", netns=veth.there)
    assert check(berth, veth.here, veth.here_address, 8080)["forward"]["target"] == "192.168.1.1:80"
    assert check(berth, veth.here, "127.0.0.1", 8080)["forward"] is None
    nft(veth.here, "flush chain ip nat DOCKER", "add rule ip nat DOCKER tcp dport 8080 dnat to 192.168.1.9:80")
    for more in (), ("--from", veth.there_address):
        words = berth("explain", "connect", f"{veth.here_address}:8080", *more, status=3).stdout
        assert words.startswith("it leaves this host: tcp 192.168.1.89:8080 is handed on to another host by a rule")


@needs_nft
def test_named_sets(berth, netns, mksock):
    """A list of blocked addresses, as programs that watch logs keep it: this one isn't among them."""
    mksock("tcp listen 127.0.0.1:4444")
    blocked = ", ".join(f"10.0.{n}.1" for n in range(40))
    nft(netns, "table inet t { set bad { type ipv4_addr; flags interval; elements = { %s }; }" % blocked,
        "chain i { type filter hook input priority 0; ip saddr @bad drop; }", "}")
    assert check(berth, netns, "127.0.0.1", 4444)["verdict"] == "accepted"
    nft(netns, "add element inet t bad { 127.0.0.0/8 }")
    assert connect(netns, "127.0.0.1", 4444) == "silence"
    assert explain(berth, "127.0.0.1:4444", status=3)["verdict"] == "depends"


# Names, and all of it


def test_bare_port_goes_on_to_the_next_address(berth, mksock):
    mksock("tcp listen [::1]:4444")
    said = explain(berth, "4444", status=0)
    assert [a["verdict"] for a in said["addresses"]] == ["refused", "accepted"]
    assert said["verdict"] == "accepted"
    lines = berth("explain", "connect", "4444").lines
    assert lines[-1].endswith("gets tcp [::1]:4444")


def test_name_is_tried_in_order(berth, netns, mksock, tmp_path):
    mksock("tcp listen 127.0.0.1:4444")
    said = explain(berth, "localhost:4444", status=0)
    order = socket.getaddrinfo("localhost", 4444, type=socket.SOCK_STREAM)
    assert [a["address"] for a in said["addresses"]] == [o[4][0] for o in order]
    assert said["verdict"] == "accepted"


def test_a_full_queue_holds_the_program_up(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:4444 backlog=0 as=srv", "tcp listen [::1]:4444")
    mk.run("tcp connect @srv")
    assert explain(berth, "4444", status=1)["verdict"] == "dropped"
    assert "waits minutes for tcp 127.0.0.1:4444" in berth("explain", "connect", "4444", status=1).stdout


def test_try(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:4444", "tcp listen 127.0.0.1:4446 backlog=0 as=full")
    mk.run("tcp connect @full")
    tried = lambda *words: one(explain(berth, "--try", *words))["tried"]
    assert tried("127.0.0.1:4444") == {"error": None, "agreed": True}
    assert tried("127.0.0.1:4445") == {"error": "ECONNREFUSED", "agreed": True}
    assert tried("127.0.0.1:4446") == {"error": "ETIMEDOUT", "agreed": True}
    assert tried("10.1.1.1:80") == {"error": "ENETUNREACH", "agreed": True}
    assert tried("--from", "127.0.0.1:4444", "127.0.0.1:4445") == {"error": "EADDRINUSE", "agreed": True}


def test_try_asks_another_host(berth, veth, mksock):
    mksock("tcp listen 192.168.1.1:4444", netns=veth.there)
    said = explain(berth, "--try", "192.168.1.1:4444", status=0)
    assert said["verdict"] == "remote" and one(said)["tried"] == {"error": None, "agreed": None}
    assert explain(berth, "--try", "192.168.1.1:4445", status=1)["verdict"] == "remote"
    assert explain(berth, "192.168.1.1:4445", status=3)["verdict"] == "remote"


def test_another_namespace(berth, netns, make_netns, mksock):
    other = make_netns()
    mksock("tcp listen 127.0.0.1:4444", netns=other)
    assert explain(berth, "--netns", str(other.inode), "--try", "127.0.0.1:4444")["verdict"] == "accepted"
    assert explain(berth, "127.0.0.1:4444")["verdict"] == "refused"


def test_ordinary_user_is_told_by_the_kernel(berth, mksock):
    """What the facts leave open, the kernel's own lookup says."""
    mksock("tcp listen 127.0.0.1:4444", "tcp listen 0.0.0.0:4445")
    for port in (4444, 4445):
        assert explain(berth, f"127.0.0.1:{port}", user=process.NOBODY, status=0)["verdict"] == "accepted"
    assert explain(berth, "127.0.0.1:4446", user=process.NOBODY, status=1)["verdict"] == "refused"


@pytest.mark.parametrize("via", ["bpf", "diag"])
def test_ways_agree(berth, netns, mksock, via):
    mksock("tcp listen 127.0.0.1:4444 reuseport", "tcp listen 127.0.0.1:4444 reuseport",
           "tcp listen 0.0.0.0:4444 reuseport")
    said = check(berth, netns, "127.0.0.1", 4444, "--via", via)
    assert len(said["group"]) == 2 and said["others"][0]["reason"] == "less-specific"


def test_saved_host(berth, veth, mksock, tmp_path):
    mksock("tcp listen 127.0.0.1:4444")
    saved = str(tmp_path / "host.json")
    berth("list", "--save", saved, "--options", status=None)
    assert explain(berth, "--facts", saved, "127.0.0.1:4444", status=0)["verdict"] == "accepted"
    said = one(explain(berth, "--facts", saved, f"{veth.here_address}:4444", status=1))
    assert said["verdict"] == "refused" and said["device"] == "en0" and said["kernel"] is None
    assert explain(berth, "--facts", saved, "10.1.1.1:80", status=3)["verdict"] == "depends"


def test_words(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:4444 as=srv")
    lines = berth("explain", "connect", "127.0.0.1:4444").lines
    assert lines[0] == f"yes: tcp 127.0.0.1:4444 is accepted by mksock[{mk['srv'].pid}] of root"
    lines = berth("explain", "connect", "127.0.0.1:4445", status=1).lines
    assert lines[0] == ("no: tcp 127.0.0.1:4445 is refused, ECONNREFUSED (Connection refused): "
                        "nobody listens there")


@pytest.mark.parametrize("words", [(), ("1", "2"), ("70000",), ("unix:/x",), ("0",), ("--from", "x:y", "80"), ("--from", "0", "80"), ("--device", "", "80"),
                                   ("--from", "unix:/x", "80"), ("--try", "--facts", "/dev/null", "80")])
def test_mistakes(berth, words):
    result = berth("explain", "connect", *words, status=2)
    assert result.stdout == "" and "--help" in result.stderr
