"""berth who: each kind of target, and each reason why a port is taken."""

import os
import shutil

import pytest

from lib import features, process

SERVER = [
    "tcp listen 127.0.0.1:0 backlog=5 as=srv",
    "tcp connect @srv as=c1",
    "tcp accept @srv as=a1",
]


def pids(result):
    return [holder["pid"] for holder in result.json()]


def test_a_listener_is_a_paragraph(berth, mksock):
    mk = mksock(*SERVER, "tcp connect @srv as=waiting")
    shown = berth("who", mk["srv"].port).stdout
    assert shown.splitlines()[0] == f"mksock[{mk.pid}]"
    for part in (
        "user       root, in ",
        "since      ",
        f"listens    tcp {mk['srv'].endpoint} (this machine only); 2 connections",
        "accept queue 1 of 5",
    ):
        assert part in shown, shown


@pytest.mark.parametrize(
    "target",
    [
        "{port}",
        ":{port}",
        "{port}/tcp",
        "tcp:{port}",
        "{port}-{port}",
        "127.0.0.1",
        "127.0.0.0/8",
        "127.0.0.1:{port}",
        "tcp:127.0.0.1:{port}",
        "tls:{port}",
        "pid:{pid}",
        "mksock",
        "sport = :{port}",
        "@root",
    ],
)
def test_targets(berth, mksock, target):
    mk = mksock(*SERVER)
    found = berth("who", target.format(port=mk["srv"].port, pid=mk.pid), "--json")
    assert pids(found) == [mk.pid]
    assert mk["srv"].inode in [sock["inode"] for sock in found.json()[0]["sockets"]]


@pytest.mark.parametrize("target", ["{port}/udp", "udp:{port}", "udp:127.0.0.1:{port}", "127.0.0.2:{port}", "nginx"])
def test_targets_that_mean_something_else(berth, mksock, target):
    mk = mksock(*SERVER)
    target = target.format(port=mk["srv"].port)
    result = berth("who", target, "--netns", mk.pid, status=1)  # not in every other one too
    assert result.stdout == "" and "nobody has" in result.stderr


def test_udp(berth, mksock):
    mk = mksock("udp bind 127.0.0.1:0 as=u")
    for target in (f"udp:{mk['u'].port}", f"{mk['u'].port}/udp", str(mk["u"].port)):
        assert f"listens    udp {mk['u'].endpoint}" in berth("who", target).stdout
    assert berth("who", f"tcp:{mk['u'].port}", "--netns", mk.pid, status=1).stdout == ""


def test_ipv6_address_and_port(berth, mksock):
    mk = mksock("tcp listen [::1]:0 as=six")
    assert pids(berth("who", f"[::1]:{mk['six'].port}", "--json")) == [mk.pid]
    assert pids(berth("who", "::1", "--json")) == [mk.pid]
    berth("who", f"[::2]:{mk['six'].port}", "--netns", mk.pid, status=1)


@pytest.mark.parametrize(
    "bound, target, found",
    [
        ("0.0.0.0", "127.0.0.1:{port}", True),
        ("0.0.0.0", "tcp:127.0.0.1:{port}", True),
        ("0.0.0.0", "127.0.0.9:{port}", True),
        ("0.0.0.0", "*:{port}", True),
        ("0.0.0.0", "192.0.2.7:{port}", False),  # no address of this host
        ("0.0.0.0", "[::1]:{port}", False),
        ("0.0.0.0", "udp:127.0.0.1:{port}", False),
        ("127.0.0.1", "0.0.0.0:{port}", False),
        ("[::]", "[::1]:{port}", True),
        ("[::]", "127.0.0.1:{port}", True),  # dual-stack
        ("[::]", "0.0.0.0:{port}", True),
        ("[::] v6only", "127.0.0.1:{port}", False),
        ("[::] v6only", "[::1]:{port}", True),
    ],
)
def test_an_address_is_held_by_a_socket_on_every_address(berth, mksock, bound, target, found):
    address, _, words = bound.partition(" ")
    mk = mksock(f"tcp listen {address}:0 {words or 'v6only=0' if address[0] == '[' else ''} as=s")
    result = berth("who", target.format(port=mk["s"].port), "--json", "--netns", mk.pid, status=0 if found else 1)
    assert pids(result) == ([mk.pid] if found else [])


def test_a_host_name_and_a_port(berth, mksock):
    mk = mksock("tcp listen 0.0.0.0:0 as=s", "udp bind 127.0.0.1:0 as=u")
    assert pids(berth("who", f"localhost:{mk['s'].port}", "--json")) == [mk.pid]
    assert pids(berth("who", f"udp:localhost:{mk['u'].port}", "--json")) == [mk.pid]
    assert "'nixda.invalid' is no address" in berth("who", "nixda.invalid:80", status=2).stderr


def test_a_forwarding_rule_is_told_once(berth, netns):
    if not shutil.which("nft", path="/usr/sbin"):
        pytest.skip("not here: nft")
    rules = "".join(f"chain {hook} {{ type nat hook {hook} priority -100;\ntcp dport 8443 dnat to 172.17.0.2:443\n}}\n"
                    for hook in ("prerouting", "output"))
    netns.run("nft", "-f", "-", input=f"table ip n {{\n{rules}\n}}\n")
    netns.ip("addr", "add", "192.0.2.7/32", "dev", "lo")
    for target in ("8443", "192.0.2.7:8443"):
        shown = berth("who", target, status=1).stdout
        assert shown == (f"nobody listens at {target}, but the firewall may hand it on:\n\n"
                         "forwarded to 172.17.0.2:443\n"
                         "  rule       tcp dport 8443 dnat to 172.17.0.2:443\n")


@pytest.mark.parametrize(
    ("sets", "rule", "target"),
    [
        ("", "tcp dport { 9001, 9002 } dnat to 172.17.0.4", "172.17.0.4"),
        ("", "dnat to tcp dport map { 9002 : 10.88.0.2 }", "10.88.0.2"),
        ("set ports { type inet_service; elements = { 8999, 9002 }; }", "tcp dport @ports dnat to 172.17.0.4", "172.17.0.4"),
        ("set ports { type inet_service; flags interval; elements = { 80, 9001-9003 }; }",
         "tcp dport @ports dnat to 172.17.0.4", "172.17.0.4"),
        ("map m { type ipv4_addr . inet_service : ipv4_addr . inet_service;"
         " elements = { 10.0.0.1 . 9002 : 10.88.0.2 . 80 }; }",
         "dnat ip to ip daddr . tcp dport map @m", "10.88.0.2:80"),
    ],
)
def test_the_ports_of_sets_and_maps_are_handed_on(berth, netns, sets, rule, target):
    if not shutil.which("nft", path="/usr/sbin"):
        pytest.skip("not here: nft")
    netns.run("nft", "-f", "-", input="table ip n {\n" + sets + "\nchain c { type nat hook prerouting priority -100;\n"
              + rule + "\n}\n}\n")
    assert berth("who", "9002", status=1).stdout.splitlines()[2:] == [f"forwarded to {target}", f"  rule       {rule}"]
    told = berth("who", "9004", status=1)
    assert (told.stdout, told.stderr) == ("", "berth: nobody has '9004'\n")


def test_chains_that_ports_lead_to_hand_them_on(berth, netns):
    if not shutil.which("nft", path="/usr/sbin"):
        pytest.skip("not here: nft")
    netns.run("nft", "-f", "-", input="""table ip n {
        map verdicts { type inet_proto . inet_service : verdict; }
        chain a { dnat to 10.1.1.1
        }
        chain b { meta l4proto tcp dnat to 10.1.1.2:80
        }
        chain service { numgen random mod 2 vmap { 0 : goto a, 1 : goto b }
        }
        chain pre { type nat hook prerouting priority -100;
            meta l4proto . th dport vmap @verdicts
            tcp dport vmap { 9003 : jump a, 9004 : accept }
        }
        }
        add element ip n verdicts { tcp . 9002 : goto service }
        """)
    def told(port):
        return [line.split()[2] for line in berth("who", port, status=1).lines if "forwarded" in line]
    assert told("9002") == ["10.1.1.1", "10.1.1.2:80"] and told("9003") == ["10.1.1.1"]
    assert told("9004") == told("udp:9002") == []
    assert "can't read" not in berth("who", "9004", status=1).stderr


def test_forwarding_rules_that_cannot_be_read_are_told(berth, netns):
    if not shutil.which("nft", path="/usr/sbin"):
        pytest.skip("not here: nft")
    netns.run("nft", "-f", "-", input="table ip n {\nchain c { type nat hook prerouting priority -100;\n"
              "tcp dport != 22 dnat to 172.17.0.4\n}\n}\n")
    told = berth("who", "9002", status=1)
    assert told.stderr.splitlines()[0] == (
        "berth: the firewall has forwarding rules that berth can't read: nft list ruleset")


def test_a_rule_that_two_programs_list_is_told_once(berth, netns):
    if not shutil.which("iptables-nft", path="/usr/sbin") or not shutil.which("nft", path="/usr/sbin"):
        pytest.skip("not here: iptables-nft, nft")
    rule = ("-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport")
    netns.run("iptables-nft", *rule, "8088", "-j", "DNAT", "--to-destination", "10.0.0.9:80")
    netns.run("iptables-nft", *rule, "8089", "-j", "REDIRECT", "--to-ports", "99")
    for port in ("8088", "8089"):
        assert berth("who", port, status=1).stdout.count("forwarded to") == 1


def test_a_range(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:8000", "tcp listen 127.0.0.1:8005")
    one = berth("who", "8000-8004", "--json").json()
    assert [[s["local"]["port"] for s in holder["sockets"]] for holder in one] == [[8000]]
    assert len(berth("who", "8000-8005", "--json").json()[0]["sockets"]) == 2
    berth("who", "8001-8004", "--netns", mk.pid, status=1)


def test_unix_paths(berth, mksock, tmp_path):
    mk = mksock(f"unix-stream listen {tmp_path}/s as=path", "unix-dgram bind @abstract as=name")
    assert pids(berth("who", f"src = unix:{tmp_path}/s", "--json")) == [mk.pid]
    assert pids(berth("who", f"{tmp_path}/s", "--json")) == [mk.pid]
    assert f"{tmp_path}/s" in berth("who", f"unix:{tmp_path}/s").stdout
    assert pids(berth("who", "unix:@abstract", "--json")) == [mk.pid]


def test_a_process_is_told_as_one(berth, mksock, make_netns):
    """It is no place where somebody could listen."""
    mk = mksock("udp connect 127.0.0.1:99 as=u", "tcp bind 127.0.0.1:0 as=b")
    for target in (f"pid:{mk.pid}", "mksock"):
        shown = berth("who", target).stdout
        assert shown.startswith(f"mksock[{mk.pid}]") and "nobody listens" not in shown
    far = mksock("tcp listen 127.0.0.1:0", netns=make_netns())
    shown = berth("who", f"pid:{far.pid}", status=1).stdout
    assert shown.startswith(f"pid:{far.pid} has no sockets in this network namespace, but in another:\n\n")
    idle = mksock()
    told = berth("who", f"pid:{idle.pid}", status=1).stderr
    assert told == f"berth: process {idle.pid} has no sockets\n"
    idle.close()
    assert berth("who", f"pid:{idle.pid}", status=1).stderr == f"berth: there is no process {idle.pid}\n"


def test_nobody(berth, netns):
    result = berth("who", "14", status=1)
    assert (result.stdout, result.stderr) == ("", "berth: nobody has '14'\n")
    assert berth("who", "14", "--json", status=1).json() == []
    assert netns


def test_a_port_that_nobody_listens_at(berth, mksock):
    """Address in use, and nothing shows."""
    mk = mksock("tcp bind 127.0.0.1:0 as=bound")
    shown = berth("who", mk["bound"].port).stdout
    assert shown.startswith(f"nobody listens at {mk['bound'].port}, but it is taken:")
    assert "bound      tcp 127.0.0.1:" in shown and "neither listening nor connected" in shown


def test_an_outgoing_connection(berth, mksock):
    mk = mksock(*SERVER)
    shown = berth("who", mk["c1"].port).stdout
    assert "nobody listens" in shown
    assert f"connected  tcp {mk['c1'].endpoint} to {mk['srv'].endpoint}, ESTABLISHED" in shown


def test_time_wait_alone(berth, mksock):
    mk = mksock()
    sock = mk.state("TIME_WAIT")
    mk.run("close @time_wait.listener")
    shown = berth("who", sock.port).stdout
    assert "nobody listens" in shown and "no process" in shown
    assert "remains" in shown and "TIME_WAIT" in shown and " left" in shown


def test_another_namespace(berth, mksock, make_netns):
    mk = mksock("tcp listen 127.0.0.1:8123 as=far", netns=make_netns())
    result = berth("who", "8123", status=1)
    assert "but in another:" in result.stdout and f"mksock[{mk.pid}]" in result.stdout
    assert f"  namespace  pid {mk.pid}\n" in result.stdout
    assert pids(berth("who", "8123", "--all-namespaces", "--json")) == [mk.pid]
    assert pids(berth("who", "8123", "--netns", mk.pid, "--json")) == [mk.pid]


def test_the_namespace_is_told_where_it_is_another(berth, mksock, make_netns):
    far = make_netns().name("berthwho")
    mk = mksock("tcp listen 127.0.0.1:8123 as=far", netns=far)
    for words in (["who", "8123", "-N"], ["free", "--dry-run", "sport = :8123 and netns = berthwho"]):
        shown = berth(*words).stdout
        assert "  namespace  berthwho\n" in shown and "in network namespace" not in shown
    sock = berth("who", "8123", "--all-namespaces", "--json").json()[0]["sockets"][0]
    assert (sock["netns"], sock["netns_name"]) == (far.inode, "berthwho")
    both = mksock("tcp listen 127.0.0.1:8123", f"netns {far.path}", "tcp listen 127.0.0.2:8123")
    shown = berth("who", "127.0.0.1:8123").stdout
    assert "namespace" not in shown
    shown = berth("who", f"pid:{both.pid}", "--all-namespaces").lines
    assert not any(line.startswith("  namespace") for line in shown)
    assert [("127.0.0.2" in line, line.endswith(", in network namespace berthwho"))
            for line in shown if "accept queue" in line] == [(False, False), (True, True)]


def test_several_holders(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", "fork count=2 keep=@srv")
    assert sorted(pids(berth("who", mk["srv"].port, "--json"))) == mk.refresh()["srv"].pids
    assert len(mk["srv"].pids) == 3


def test_json_keys(berth, mksock):
    mk = mksock(*SERVER)
    row = berth("who", mk["srv"].port, "--json").json()[0]
    assert row["comm"] == "mksock" and row["user"] == "root"
    assert row["cwd"] == os.getcwd() and row["exe"].endswith("/mksock")
    assert "tcp listen 127.0.0.1:0" in row["cmdline"]
    assert {key: row[key] for key in ("listens", "serves", "connected", "bound", "remains")} == {
        "listens": 1, "serves": 1, "connected": 0, "bound": 0, "remains": 0,
    }
    assert row["sockets"][0]["local"] == mk["srv"].local
    assert row["sockets"][0]["reach"] == "this machine only"
    assert row["not_permitted"] == []


def test_unit(berth, cgroup, mksock):
    group = cgroup("system.slice/berth-test.service")
    mk = mksock("tcp listen 127.0.0.1:0 as=srv", f"cgroup {group.path}")
    assert "unit       berth-test.service" in berth("who", mk["srv"].port).stdout


def test_an_ordinary_user_is_told_that_it_may_not_see(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv")
    result = berth("who", mk["srv"].port, user=process.NOBODY)
    assert "a process that you may not see (run as root)" in result.stdout
    assert "listens    tcp" in result.stdout
    row = berth("who", mk["srv"].port, "--json", user=process.NOBODY).json()[0]
    assert row["pid"] is None and "pid" in row["not_permitted"]


def test_what_may_not_be_told_is_another_status_than_nobody(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv")
    for words in (["who"], ["who", "--json"], ["free", "--yes"]):
        result = berth(*words, "nginx", user=process.NOBODY, status=3)
        assert "some sockets were left out" in result.stderr
        assert "--json" in words or "nobody has 'nginx' that may be seen" in result.stderr
        assert berth(*words, "nginx", status=1).stderr.count("may") == 0
    berth("who", f"{mk['srv'].port} or comm = nginx", user=process.NOBODY)
    berth("who", "14", user=process.NOBODY, status=1)


@pytest.mark.parametrize("way", ["bpf", "diag"])
def test_the_ways_agree(berth, mksock, way):
    if way == "bpf":
        features.require(features.has_bpf)
    mk = mksock(*SERVER)
    row = berth("who", mk["srv"].port, "--json", "--via", way).json()[0]
    assert (row["pid"], row["listens"], row["serves"]) == (mk.pid, 1, 1)


def test_a_hostile_process_reaches_no_terminal_raw(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:0 as=srv",
                r"fork as=p keep=@srv comm=x\e[2J cmdline=a\x1bb", "close @srv")
    shown = berth("who", mk["srv"].port).stdout
    assert "\x1b" not in shown and r"x\x1b[2J[" in shown and r"a\x1bb" in shown


def test_words_of_the_user_reach_no_terminal_raw(berth):
    result = berth("who", "\x1b[31mred", status=None)
    assert result.status in (1, 2, 3)  # 3 where some of this host may not be seen
    assert "\x1b" not in result.stderr + result.stdout


def test_words_on_a_terminal_are_coloured(berth, mksock, terminal):
    mk = mksock("tcp listen 127.0.0.1:8123 backlog=0 as=s", "tcp listen 0.0.0.0:8124 as=any")
    shown = terminal([berth.path, "who", "8123-8124"], columns=200)
    assert shown.wait() == 0
    assert f"\033[35mmksock[{mk.pid}]\033[0m" in shown.shown
    assert "\033[36m127.0.0.1:8123\033[0m (\033[32mthis machine only\033[0m)" in shown.shown
    assert "(\033[33m" in shown.shown  # every interface
    assert "\033" not in berth("who", "8123").stdout
    plain = terminal([berth.path, "who", "8123", "--color", "never"], columns=200)
    assert plain.wait() == 0 and "\033" not in plain.shown


def test_columns_are_described_without_a_target(berth, netns):
    assert "cmdline" in berth("who", "-o", "help").stdout
    assert "a word is missing: who TARGET…" in berth("who", status=2).stderr
    assert "no column 'nix'" in berth("who", "-o", "nix", "1", status=2).stderr


def test_connections_are_counted_whoever_holds_them(berth, mksock):
    """A worker has what its master's listener accepted: the master's paragraph counts it too."""
    mk = mksock("comm master", *SERVER, "tcp connect @srv as=waiting", "fork as=worker keep=@a1,@srv comm=worker", "close @a1")
    by_port = berth("who", mk["srv"].port).stdout
    for target in ("master", f"pid:{mk.pid}", "127.0.0.1", f"tcp and pid = {mk.pid}"):
        shown = berth("who", target).stdout
        assert "(this machine only); 2 connections, accept queue 1 of 5" in shown, (target, shown)
    assert by_port.count("; 2 connections") == 2


def test_connections_of_a_saved_host(berth, mksock, tmp_path):
    mk = mksock(*SERVER, "fork as=worker keep=@a1 comm=worker", "close @a1")
    berth("list", "--all", "--save", tmp_path / "host.json")
    shown = berth("who", f"pid:{mk.pid}", "--facts", tmp_path / "host.json").stdout
    assert "; 1 connection, " in shown


def test_connections_of_a_unix_listener(berth, mksock, tmp_path):
    mk = mksock(f"unix-stream listen {tmp_path}/s as=srv", "unix-stream connect @srv as=c",
                "unix-stream accept @srv as=a")
    for target in (f"unix:{tmp_path}/s", f"pid:{mk.pid}"):
        assert f"unix-stream {tmp_path}/s" in berth("who", target).stdout
        assert "; 1 connection" in berth("who", target).stdout


@pytest.mark.parametrize("via", ["bpf", "diag", "proc"])
def test_a_unix_connection_that_waits_to_be_accepted(berth, mksock, tmp_path, via):
    """Its listener counts it, as on TCP; where the listener wasn't asked for it is told by itself."""
    mk = mksock(f"unix-stream listen {tmp_path}/s as=srv", "unix-stream connect @srv as=c")
    shown = berth("who", f"{tmp_path}/s", "--via", via).stdout
    assert "; 1 connection" in shown and "no process" not in shown and "bound" not in shown
    shown = berth("who", f"src = unix:{tmp_path}/s and established", "--via", via).stdout
    assert f"no process\n  connected  unix-stream {tmp_path}/s" in shown
    assert ", ESTABLISHED, waits to be accepted\n" in shown
    assert "\n  connected  unix-stream -" in berth("who", f"pid:{mk.pid}", "--via", via).stdout


@pytest.mark.parametrize(
    "target, words",
    [
        ("77777", "'77777' is no port: they end at 65535 (a process is pid:77777)"),
        (":77777", "':77777' is no port: they end at 65535 (a process is pid:77777)"),
        ("80-70", "'80-70' is no range of ports: they go upwards and end at 65535"),
        ("pid:x", "'pid:x' is no process: a pid is a number from 1 on"),
        ("udp:77777", "no port, address, process or filter (berth-filter(7)): ports go from 0 to 65535"),
        ("127.0.0.1:77777", "no port, address, process or filter (berth-filter(7)): ports go from"),
        ("300.1.1.1", "no port, address, process or filter (berth-filter(7)): '300.1.1.1' is no address"),
        ("", "TARGET is empty: that would be every socket there is"),
        (" ", "TARGET is empty"),
        (":", "TARGET is empty"),
    ],
)
@pytest.mark.parametrize("command", ["who", "free"])
def test_words_that_mean_nothing(berth, command, target, words):
    result = berth(command, target, status=2)
    assert words in result.stderr and result.stdout == ""


@pytest.mark.parametrize("command", ["who", "free"])
def test_words_that_mean_something_together_are_a_filter(berth, mksock, command):
    mk = mksock("tcp listen 127.0.0.1:0 as=a", "udp bind 127.0.0.1:0 as=u")
    told = berth(command, "sport", "=", ":77777", status=2).stderr
    assert told.startswith("berth: in the filter (berth-filter(7)), ports")
    told = berth(command, "sport", "=", ":14", "and", "tcp", status=1).stderr
    assert told == "berth: nobody has 'sport = :14 and tcp'\n"
    for words in (["tcp", mk["u"].port], [mk["u"].port, "listening"], ["mksock", "and", "dport = :14"]):
        assert berth("who", *words, "--json", "--netns", mk.pid, status=1).json() == [], words
    assert pids(berth("who", "tcp", mk["a"].port, "--json")) == [mk.pid]


def test_each_word_is_a_target_where_it_can_be(berth, mksock, tmp_path):
    mk = mksock("tcp listen 127.0.0.1:4444", "comm one", "udp bind 127.0.0.1:5555 as=u",
                f"unix-stream listen {tmp_path}/s")
    shown = berth("who", "4444", "udp:5555").stdout
    first, second = shown.split("\n\n")[0], shown.rstrip("\n").split("\n\n")[-1]
    assert "listens    tcp 127.0.0.1:4444" in first and "listens    udp" not in first
    assert second.startswith(f"one[{mk.pid}]") and "listens    udp 127.0.0.1:5555" in second
    result = berth("who", "14", "4444", "15", status=1)
    assert result.stdout.startswith(f"one[{mk.pid}]")
    assert result.stderr == "berth: nobody has '14'\nberth: nobody has '15'\n"
    several = berth("who", "one", f"pid:{mk.pid}", "udp:127.0.0.1:5555", f"{tmp_path}/s", "127.0.0.1", "--json")
    assert [(row["pid"], len(row["sockets"])) for row in several.json()] == [(mk.pid, n) for n in (3, 3, 1, 1, 2)]
    assert berth("who", "14", "5555", "--jsonl", status=1).stdout.count("\n") == 1
    assert "'77777' is no port" in berth("who", "4444", "77777", status=2).stderr
    assert "TARGET is empty" in berth("who", "4444", "", status=2).stderr
    assert berth("who", "4444", "nix and", status=2).stdout == ""


def test_a_failure_leaves_no_broken_json(berth):
    assert berth("who", "14", "--json", "--netns", "nosuch", status=1).stdout == ""
    assert berth("who", "14", "nix and", "--json", status=2).stdout == ""


@pytest.mark.parametrize("command", [["who"], ["free", "--dry-run"]])
def test_lines_are_broken_at_words_on_a_terminal(berth, mksock, terminal, command):
    words = " ".join(f"--option-{i}=value" for i in range(60))
    mk = mksock("tcp listen 0.0.0.0:8123 backlog=5 as=s", "fork as=p keep=@s cmdline=" + words.replace(" ", r"\x20"), "close @s")
    shown = terminal([berth.path, *command, "8123", "--color", "never"], columns=60)
    assert shown.wait() == 0
    lines = shown.lines
    assert max(map(len, lines)) <= 60
    at = next(i for i, line in enumerate(lines) if line.startswith("  command"))
    assert all(line.startswith(" " * 13 + "--option-") for line in lines[at + 1 : at + 3])
    assert lines[at + 2].endswith("…") and lines[at + 3].startswith("  program")
    listens = " ".join(" ".join(line.split()) for line in lines[[line.startswith("  listens") for line in lines].index(True) :])
    assert listens.startswith("listens tcp 0.0.0.0:8123 (every interface, IPv4); 0 connections, accept queue 0 of 5")
    piped = berth(*command, "8123").stdout
    assert f"  command    {words}\n" in piped
    assert berth("who", "8123", "--json").json()[0]["cmdline"] == words
    assert mk


def test_who_may_not_look_everywhere_is_told(berth, netns):
    result = berth("who", "14", user=process.NOBODY, status=1)
    assert "nobody has '14' that may be seen" in result.stderr and "for root to see" in result.stderr
    assert netns
