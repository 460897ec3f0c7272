"""berth explain bind: what it says beforehand is what the kernel then answers."""

import errno
import resource
import socket

import pytest

from lib import features, process, schema


def explain(berth, *args, status=None, **keywords):
    said = berth("explain", "bind", "--json", *args, status=status, **keywords).json()
    schema.check(said, "explain_bind")
    return said


def kernel_says(netns, address, port, *, reuseaddr=False, reuseport=False, v6only=None, listen=True):
    """The errno's name, or None."""
    with netns.inside():
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuseaddr)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, reuseport)
            if v6only is not None:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
            try:
                s.bind((address, port))
                if listen:
                    s.listen()
            except OSError as error:
                return errno.errorcode[error.errno]
    return None


def check(berth, netns, address, port, *options, **flags):
    """Foretold and told; the foretelling."""
    endpoint = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    words = [f"--{name}" for name in ("reuseaddr", "reuseport", "v6only") if flags.get(name)]
    if flags.get("v6only") is False:
        words.append("--dual-stack")
    if flags.get("listen") is False:
        words.append("--no-listen")
    said = explain(berth, *words, *options, endpoint)
    truth = kernel_says(netns, address, port, **flags)
    assert said["error"] == truth
    assert said["verdict"] == ("fails" if truth else "succeeds")
    return said


def test_free_port(berth, netns):
    said = check(berth, netns, "127.0.0.1", 4444)
    assert said["blockers"] == [] and said["call"] is None and said["remedies"] == []


def test_listener_stands_in_the_way(berth, netns, mksock):
    mk = mksock("tcp listen 0.0.0.0:4444 as=srv")
    said = check(berth, netns, "127.0.0.1", 4444)
    assert said["call"] == "bind" and said["rule"] == "taken"
    [blocker] = said["blockers"]
    assert blocker["local"] == {"address": "0.0.0.0", "port": 4444} and blocker["peer"] is None
    assert blocker["state"] == "LISTEN" and blocker["owners"][0]["pid"] == mk["srv"].pid
    assert said["free_port"] == 4445


def test_reuseaddr_shares_with_no_listener(berth, netns, mksock):
    mksock("tcp listen 127.0.0.1:4444 reuseaddr")
    assert check(berth, netns, "127.0.0.1", 4444, reuseaddr=True)["rule"] == "listener"


def test_bound_sockets_fail_at_listen(berth, netns, mksock):
    """Both may bind; once one listens, the other's listen fails."""
    mksock("tcp bind 127.0.0.1:4444 reuseaddr")
    check(berth, netns, "127.0.0.1", 4444, reuseaddr=True)
    assert check(berth, netns, "127.0.0.1", 4444)["rule"] == "wants-reuseaddr"


def test_time_wait_blocks_and_passes(berth, netns, mksock):
    port = mksock("tcp state TIME_WAIT as=tw")["tw"].port
    said = check(berth, netns, "127.0.0.1", port)
    assert said["blockers"][0]["state"] == "TIME_WAIT" and said["blockers"][0]["owners"] == []
    assert any(remedy.startswith("wait ") for remedy in said["remedies"])
    check(berth, netns, "127.0.0.1", port, reuseaddr=True)


def test_what_helps_a_restart_is_found_whatever_way_is_quick(berth, netns, mksock):
    """The options of what is still being closed are known by BPF alone, and decide what helps."""
    features.require(features.has_bpf)
    mksock("tcp listen 127.0.0.1:4444 reuseaddr as=s", "tcp connect @s as=c", "tcp accept @s as=a",
           "close @s", "close @a")
    said = check(berth, netns, "127.0.0.1", 4444)
    assert said["blockers"][0]["state"] == "FIN_WAIT2"
    assert any(remedy.startswith("set SO_REUSEADDR before bind") for remedy in said["remedies"])
    check(berth, netns, "127.0.0.1", 4444, reuseaddr=True)


def test_outgoing_connection_has_the_port(berth, netns, mksock):
    mksock("tcp listen 127.0.0.1:5000 as=srv", "tcp connect @srv from=127.0.0.1:4444")
    said = check(berth, netns, "127.0.0.1", 4444)
    assert said["blockers"][0]["peer"] == {"address": "127.0.0.1", "port": 5000}


def test_reuseport_group_and_its_user(berth, netns, mksock):
    mksock("tcp listen 127.0.0.1:4444 reuseport")
    check(berth, netns, "127.0.0.1", 4444, reuseport=True)
    said = explain(berth, "--reuseport", "--uid", "1234", "127.0.0.1:4444", status=1)
    assert said["rule"] == "other-user"
    assert any("uid 0" in remedy for remedy in said["remedies"])


def test_wildcards_of_both_families(berth, netns, mksock):
    mksock("tcp listen [::]:4444 v6only=0")
    assert check(berth, netns, "0.0.0.0", 4444)["error"] == "EADDRINUSE"
    said = check(berth, netns, "127.0.0.1", 4444)
    assert any("IPV6_V6ONLY" in remedy for remedy in said["remedies"])


def test_v6only_leaves_ipv4_alone(berth, netns, mksock):
    mksock("tcp listen [::]:4444 v6only")
    check(berth, netns, "0.0.0.0", 4444)
    check(berth, netns, "::", 4444, v6only=False)


def test_address_of_nobody(berth, netns):
    assert check(berth, netns, "10.11.12.13", 80)["rule"] == "not-here"
    assert check(berth, netns, "2001:db8::5", 80)["rule"] == "not-here"
    assert explain(berth, "--freebind", "10.11.12.13:80")["verdict"] == "succeeds"


def test_address_of_a_local_route(berth, netns):
    """AnyIP: no interface has it, and yet it binds."""
    netns.ip("route add local 198.51.100.0/24 dev lo")
    check(berth, netns, "198.51.100.5", 5000)
    check(berth, netns, "::ffff:198.51.100.5", 5000, v6only=False)


def test_before_the_first_address_everything_binds(berth, make_netns):
    fresh = make_netns(lo=False)
    for address in ("127.0.0.1", "10.1.2.3"):
        said = explain(berth, "--try", "--netns", fresh.path, f"{address}:5000")
        assert said["verdict"] == "succeeds" and said["addresses"][0]["tried"]["agreed"]
    fresh.ip("link add en5 type veth peer name en6")
    fresh.ip("addr add 10.1.2.3/24 dev en5")
    said = explain(berth, "--try", "--netns", fresh.path, "127.0.0.1:5000", status=1)
    assert said["rule"] == "not-here" and said["addresses"][0]["tried"]["agreed"]
    assert said["remedies"] == ["bring the interface up: ip link set lo up"]


def test_broadcast_addresses(berth, veth, tmp_path):
    """Of an interface that is down there are none; with a peer they are of the peer's network."""
    here = veth.here
    here.ip("link add en5 type veth peer name en6")
    here.ip("addr add 10.7.7.6/24 dev en5")
    here.ip("addr add 10.8.8.6 peer 10.9.9.7/24 dev en0")
    saved = str(tmp_path / "host.json")
    berth("list", "--save", saved, status=None)
    for address in ("10.7.7.6", "10.7.7.255", "10.8.8.255", "10.9.9.255", "10.8.8.6", "10.9.9.7"):
        live = check(berth, here, address, 5000)
        assert explain(berth, "--facts", saved, f"{address}:5000")["rule"] == live["rule"], address


def test_privileged_port(berth, netns):
    said = explain(berth, "127.0.0.1:80", user=process.NOBODY, status=1)
    assert said["error"] == "EACCES" and said["rule"] == "privileged"
    netns.sysctl("net.ipv4.ip_unprivileged_port_start", "80")
    assert explain(berth, "127.0.0.1:80", user=process.NOBODY)["verdict"] == "succeeds"


def test_an_ordinary_user_is_told_what_decides(berth, mksock):
    """Root's socket may or may not have SO_REUSEPORT: that may not be seen."""
    mksock("tcp listen 127.0.0.1:4444 reuseport")
    said = explain(berth, "--reuseaddr", "--reuseport", "127.0.0.1:4444", user=process.NOBODY)
    assert said["verdict"] in ("fails", "depends")
    plain = explain(berth, "127.0.0.1:4444", user=process.NOBODY, status=1)
    assert plain["verdict"] == "fails"
    assert plain["blockers"][0]["owners"] == [] and plain["blockers"][0]["uid"] == 0
    words = berth("explain", "bind", "127.0.0.1:4444", user=process.NOBODY, status=1).stdout
    assert "a process of root that may not be seen listens on 127.0.0.1:4444" in words


def test_depends_is_status_3(berth, mksock):
    mksock("tcp bind 127.0.0.1:4444 reuseaddr")
    said = explain(berth, "--reuseaddr", "127.0.0.1:4444", user=process.NOBODY, status=3)
    assert said["verdict"] == "depends"
    assert said["blockers"][0]["unknown"] == "reuseaddr"
    words = berth("explain", "bind", "--reuseaddr", "127.0.0.1:4444", user=process.NOBODY, status=3).stdout
    assert "whether this one has may not be seen" in words and "hasn't" not in words


def test_a_link_local_owner_has_its_device_by_name(berth, veth, mksock):
    veth.here.ip("addr add fe80::5/64 dev en0 nodad")
    mksock("tcp listen [fe80::5%en0]:9901")
    words = berth("explain", "bind", "[fe80::5%en0]:9901", status=1).stdout
    assert "listens on [fe80::5%en0]:9901" in words


def test_a_name_is_each_of_its_addresses(berth, mksock):
    mksock("tcp listen 127.0.0.1:4444")
    said = explain(berth, "localhost:4444")
    by_address = {a["address"]: a["verdict"] for a in said["addresses"]}
    assert by_address["127.0.0.1"] == "fails"
    if by_address.get("::1") == "succeeds":
        assert said["verdict"] == "succeeds"


def test_bare_port_is_both_loopbacks(berth, mksock):
    mksock("tcp listen [::1]:4444")
    said = explain(berth, "4444", status=1)
    assert [a["address"] for a in said["addresses"]] == ["127.0.0.1", "::1"]
    assert said["verdict"] == "fails"


def test_udp(berth, mksock):
    mksock("udp bind 127.0.0.1:4444")
    assert explain(berth, "udp:127.0.0.1:4444", status=1)["error"] == "EADDRINUSE"
    assert explain(berth, "127.0.0.1:4444")["verdict"] == "succeeds"


def test_udp_shares_at_a_price(berth, mksock):
    mksock("udp bind 127.0.0.1:4444 reuseaddr")
    [first, *_] = explain(berth, "udp:127.0.0.1:4444", status=1)["remedies"]
    assert first.startswith("set SO_REUSEADDR before bind: ") and "takes the other's datagrams" in first


def test_an_interface_that_is_down(berth, veth):
    veth.here.sysctl("net.ipv6.conf.en0.accept_dad", 1)
    veth.here.sysctl("net.ipv6.conf.en0.dad_transmits", 1)
    veth.here.ip("link set en0 down")
    veth.here.ip("addr add 2001:db8::6/64 dev en0")
    said = check(berth, veth.here, "2001:db8::6", 4444)
    assert said["rule"] == "down" and said["remedies"] == ["bring the interface up: ip link set en0 up"]


def test_an_address_that_is_being_checked(berth, veth):
    veth.here.sysctl("net.ipv6.conf.en0.accept_dad", 1)
    veth.here.sysctl("net.ipv6.conf.en0.dad_transmits", 100)
    veth.here.ip("addr add 2001:db8::5/64 dev en0")
    said = check(berth, veth.here, "2001:db8::5", 4444)
    assert said["rule"] == "tentative" and "ip -6 addr show dev en0 dadfailed" in said["remedies"][0]


def test_port_0_says_what_is_left(berth, netns, mksock):
    netns.sysctl("net.ipv4.ip_local_port_range", "20000 20009")
    mksock("tcp listen 127.0.0.1:20003")
    said = explain(berth, "127.0.0.1:0")
    assert said["addresses"][0]["choice"] == {"first": 20000, "last": 20009, "free": 9}


def test_no_port_is_left(berth, netns, mksock):
    netns.sysctl("net.ipv4.ip_local_port_range", "20000 20001")
    mksock("tcp listen 127.0.0.1:20000", "tcp listen 127.0.0.1:20001")
    said = check(berth, netns, "127.0.0.1", 0)
    assert said["rule"] == "range-taken" and "widen it: sysctl net.ipv4.ip_local_port_range" in said["remedies"][0]


def test_range_lists_what_is_free(berth, mksock):
    mksock("tcp listen 127.0.0.1:4446")
    result = berth("explain", "bind", "127.0.0.1:4444-4448")
    assert result.stdout == "free on 127.0.0.1: 4444-4445, 4447-4448\n"
    [told] = explain(berth, "127.0.0.1:4444-4448")["addresses"]
    assert told["verdict"] == "succeeds" and told["port"] is None
    assert told["free"] == [{"first": 4444, "last": 4445}, {"first": 4447, "last": 4448}]
    assert berth("explain", "bind", "[::]:4444-4448").stdout == "free on [::]: 4444-4445, 4447-4448\n"


def test_all_ports_of_a_busy_host(berth, mksock):
    """No look through all its sockets for each port: that took seconds of CPU."""
    mksock("scene connections=6000 processes=2")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    told = explain(berth, "[::]:0-65535")["addresses"][0]
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 1.5
    ports = {row["local"]["port"] for row in berth("list", "--json", "-o", "local", "tcp").json()}
    free = {port for run in told["free"] for port in range(run["first"], run["last"] + 1)}
    assert free == set(range(1, 65536)) - ports


def test_a_range_without_a_free_port(berth, mksock):
    mksock("tcp listen 127.0.0.1:4444", "tcp listen 127.0.0.1:4445")
    said = explain(berth, ":4444-4445", status=1)
    assert (said["verdict"], said["error"], said["rule"]) == ("fails", "EADDRINUSE", "taken")
    assert [a["verdict"] for a in said["addresses"]] == ["fails", "succeeds"]
    assert berth("explain", "bind", ":4444-4445", status=1).stdout == (
        "free on 127.0.0.1: none\nfree on [::1]: 4444-4445\n")


def test_try_agrees(berth, mksock):
    mksock("tcp listen 127.0.0.1:4444")
    assert explain(berth, "--try", "127.0.0.1:4444", status=1)["addresses"][0]["tried"] == {
        "error": "EADDRINUSE", "call": "bind", "agreed": True}
    assert explain(berth, "--try", "127.0.0.1:4445")["addresses"][0]["tried"]["agreed"]


def test_transparent_takes_a_capability(berth):
    """Without it the option itself is refused, before bind."""
    for words in (["--uid", "nobody"], []):
        keywords = {} if words else {"user": process.NOBODY}
        said = explain(berth, "--transparent", "--try", *words, "192.168.9.9:5100", status=1, **keywords)
        assert (said["error"], said["call"], said["rule"]) == ("EPERM", None, "transparent")
        assert said["addresses"][0]["tried"] == {"error": "EPERM", "call": "setsockopt", "agreed": True}
        assert any("cap_net_raw" in remedy for remedy in said["remedies"])
    assert explain(berth, "--transparent", "--try", "192.168.9.9:5100")["addresses"][0]["tried"]["agreed"]


def test_try_is_as_the_user_that_is_asked_about(berth, mksock):
    mksock("tcp listen 127.0.0.1:4444 reuseport uid=65534")
    for words, error in (("127.0.0.1:80", "EACCES"), ("127.0.0.1:4445", None)):
        [told] = explain(berth, "--try", "--uid", "nobody", words, "--json")["addresses"]
        assert told["tried"]["error"] == error and told["tried"]["agreed"]
    for uid, error in (("65534", None), ("0", "EADDRINUSE")):
        [told] = explain(berth, "--try", "--reuseport", "--uid", uid, "127.0.0.1:4444")["addresses"]
        assert told["tried"]["error"] == error and told["tried"]["agreed"]
    refused = berth("explain", "bind", "--try", "--uid", "0", "80", user=process.NOBODY, status=2)
    assert "takes root" in refused.stderr


def test_try_with_a_device_that_is_not_there(berth):
    [told] = explain(berth, "--try", "--device", "nodev0", "127.0.0.1:4444", status=1)["addresses"]
    assert told["tried"] == {"error": "ENODEV", "call": "setsockopt", "agreed": True}


def test_what_depends_is_settled_by_a_trial(berth, mksock):
    """Whether root's socket has SO_REUSEADDR may not be seen; it has."""
    mksock("tcp bind 127.0.0.1:4444 reuseaddr")
    said = explain(berth, "--reuseaddr", "--no-listen", "--try", "127.0.0.1:4444", user=process.NOBODY)
    assert said["verdict"] == "depends" and said["addresses"][0]["tried"]["error"] is None


def test_try_is_there_where_it_looks(berth, make_netns, mksock):
    other = make_netns()
    mksock("tcp listen 127.0.0.1:4444", netns=other)
    said = explain(berth, "--try", "--netns", str(other.inode), "127.0.0.1:4444", status=1)
    assert said["addresses"][0]["tried"]["agreed"]


def test_saved_host_answers_alike(berth, mksock, tmp_path):
    mksock("tcp listen 0.0.0.0:4444 reuseport")
    saved = str(tmp_path / "host.json")
    berth("list", "--save", saved, "--options", status=None)
    live = explain(berth, "127.0.0.1:4444", status=1)
    said = explain(berth, "--facts", saved, "127.0.0.1:4444", status=1)
    assert (said["verdict"], said["error"], said["rule"]) == (live["verdict"], live["error"], live["rule"])


def test_what_a_saved_host_does_not_tell(berth, mksock, tmp_path):
    mksock("tcp bind 127.0.0.1:4444")
    saved = str(tmp_path / "host.json")
    berth("list", "--save", saved, status=None)
    shown = berth("explain", "bind", "--facts", saved, "--reuseaddr", "127.0.0.1:4444", status=3).stdout
    assert ("and this one hasn't\n    that depends on what the kernel remembers of the port, which isn't saved"
            in shown)
    assert "may not be seen" not in shown


@pytest.mark.parametrize("words", [["--listeners"], ["tcp", "state", "listening"], ["-4"]])
def test_of_a_host_saved_in_part_nothing_is_sure_to_be_free(berth, mksock, tmp_path, words):
    mksock("tcp listen 127.0.0.1:4443", "tcp bind [::1]:4444")
    saved = str(tmp_path / "host.json")
    berth("list", *words, "--save", saved, status=None)
    said = explain(berth, "--facts", saved, "[::1]:4444", status=3)
    assert said["verdict"] == "depends"
    assert "only some of the host's sockets were saved" in berth(
        "explain", "bind", "--facts", saved, "[::1]:4444", status=3).stdout
    assert explain(berth, "--facts", saved, "127.0.0.1:4443", status=1)["verdict"] == "fails"
    assert berth("explain", "bind", "--facts", saved, "127.0.0.1:4443-4450", status=3).stdout == (
        "free on 127.0.0.1: none for certain\n")


def test_words(berth, mksock):
    mk = mksock("tcp listen 0.0.0.0:4444 as=srv")
    lines = berth("explain", "bind", "127.0.0.1:4444", status=1).lines
    assert lines[0] == "no: tcp 127.0.0.1:4444, bind fails with EADDRINUSE (Address already in use)"
    assert f"mksock[{mk['srv'].pid}] of root listens on 0.0.0.0:4444; that is every address, 127.0.0.1 too" in lines[1]
    assert "    use another port: 4445 is free" in lines


@pytest.mark.parametrize("words", [(), ("1", "2"), ("70000",), ("unix:/x",), ("--uid", "nosuchuser", "80"),
                                   ("--try", "--facts", "/dev/null", "80"), ("--try", "127.0.0.1:80-90"),
                                   ("--v6only", "--dual-stack", "80"), ("-u", "tcp:127.0.0.1:80"),
                                   ("--device", "", "80")])
def test_mistakes(berth, words):
    result = berth("explain", "bind", *words, status=2)
    assert result.stdout == "" and "--help" in result.stderr


def test_words_are_whole_on_a_terminal(berth, mksock, terminal):
    """Lines are broken at words, and what follows is further in."""
    mksock("tcp listen 0.0.0.0:4444")
    shown = terminal([berth.path, "explain", "bind", "--color", "never", "--uid", "nobody", "127.0.0.1:79"], columns=60)
    assert shown.wait() == 1
    assert "    give the program the capability (setcap\n      cap_net_bind" in "\n".join(
        line.rstrip() for line in shown.lines)
    assert max(map(len, shown.lines)) <= 60
    piped = berth("explain", "bind", "127.0.0.1:4444", status=1).stdout
    assert all(line in piped.splitlines() for line in ("  what helps:", "    use another port: 4445 is free"))


def test_one_holder_of_two_sockets_is_named(berth, mksock):
    mk = mksock("tcp listen 0.0.0.0:4444", "tcp listen [::]:4444 v6only")
    shown = berth("explain", "bind", "[::]:4444", status=1).stdout
    assert f"stop mksock[{mk.pid}] of root: berth free 4444" in shown


def test_a_connection_that_waits_in_a_queue(berth, mksock):
    mksock("tcp listen 127.0.0.1:4444 as=srv", "tcp connect @srv")
    shown = berth("explain", "bind", "0.0.0.0:4444", status=1).stdout
    assert "no process yet: nobody has accepted the connection from 127.0.0.1:4444 to 127.0.0.1:" in shown


def test_an_address_of_the_host_is_proposed(berth, veth):
    """Also where the port is taken, so that IP_FREEBIND wouldn't help."""
    shown = berth("explain", "bind", "192.0.2.7:443", status=1).stdout
    assert f"use an address that this host has: {veth.here_address}, or 0.0.0.0 for all" in shown
