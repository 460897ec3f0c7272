"""berth services against getent services, and known listeners."""

import subprocess


from lib import process


def getent(*words):
    """[(name, port, protocol, aliases)] as getent shows them."""
    done = subprocess.run(["getent", "services", *words], capture_output=True, text=True, check=True)
    found = []
    for line in done.stdout.splitlines():
        name, end, *aliases = line.split()
        port, protocol = end.split("/")
        found.append((name, int(port), protocol, aliases))
    return found


def told(row):
    return (row["name"], row["port"], row["protocol"], (row["aliases"] or "").split())


def rows_of(berth, *args, **how):
    return berth("services", "--json", *args, **how).json()


def test_all_are_those_of_getent(berth, netns):
    ours = [told(row) for row in rows_of(berth, "--no-owners")]
    assert sorted(ours) == sorted(set_of(getent()))
    assert [row[1] for row in ours] == sorted(row[1] for row in ours)


def set_of(found):
    return list({(n, p, proto, tuple(a)): (n, p, proto, a) for n, p, proto, a in found}.values())


def test_a_name_in_every_protocol(berth, netns):
    ours = [told(row) for row in rows_of(berth, "domain")]
    assert sorted(ours) == sorted(getent("domain/tcp") + getent("domain/udp"))


def test_an_alias_finds_its_service(berth, netns):
    name, port, protocol, aliases = next(entry for entry in getent() if entry[3])
    assert (name, port, protocol, aliases) in [told(row) for row in rows_of(berth, aliases[0])]


def test_a_port_and_a_range(berth, netns):
    assert [told(row) for row in rows_of(berth, "631")] == getent("631/tcp")
    ours = [told(row) for row in rows_of(berth, "8000-8100")]
    assert sorted(ours) == sorted(e for e in getent() if 8000 <= e[1] <= 8100)


def test_words_keep_their_order(berth, netns):
    assert [row["port"] for row in rows_of(berth, "-t", "ipp", "ssh", "domain")] == [631, 22, 53]


def test_protocols_to_choose(berth, netns):
    assert {row["protocol"] for row in rows_of(berth, "--udp")} == {"udp"}
    assert {row["protocol"] for row in rows_of(berth, "-t", "-u")} == {"tcp", "udp"}


def test_privileged_as_this_namespace_has_it(berth, netns):
    assert [row["privileged"] for row in rows_of(berth, "-t", "ssh", "8080")] == [True, False]
    netns.sysctl("net.ipv4.ip_unprivileged_port_start", 22)
    assert [row["privileged"] for row in rows_of(berth, "-t", "ssh")] == [False]
    assert "free to all" in berth("services", "ssh").stdout


def test_who_has_a_port(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:53 as=t4", "tcp listen [::1]:53 as=t6",
                "udp bind 127.0.0.1:53 as=u", "tcp connect @t4 as=c", "tcp accept @t4 as=a")
    mk.run("fork comm=other keep=@t4,@t6,@u as=child")
    rows = {row["protocol"]: row for row in rows_of(berth, "53")}
    for protocol, sock in (("tcp", mk["t4"]), ("udp", mk["u"])):
        assert rows[protocol]["listening"] is True
        assert len(rows[protocol]["owners"]) == 2
        assert mk.pid in [owner["pid"] for owner in rows[protocol]["owners"]]
        assert "other" in [owner["comm"] for owner in rows[protocol]["owners"]]
        assert sock
    assert f"[{mk.pid}]" in berth("services", "domain").stdout


def test_a_client_is_nobody_who_listens(berth, mksock):
    mksock("tcp listen 127.0.0.1:4444 as=s", "tcp connect @s from=127.0.0.1:631 as=c")
    assert rows_of(berth, "ipp")[0]["listening"] is False
    assert "nobody" in berth("services", "ipp").stdout


def test_a_port_without_a_name(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:64999 as=s")
    result = berth("services", "--json", "64999", status=1)
    assert "the services database has nothing for '64999'" in result.stderr
    row, = result.json()
    assert row["name"] is None and row["listening"] is True
    assert row["owners"][0]["pid"] == mk.pid


def test_ports_of_a_range_that_are_taken_without_a_name(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:8002 as=a", "tcp listen [::1]:8002 as=b",
                "udp bind 127.0.0.1:8099 as=u", "tcp listen 127.0.0.1:8101 as=outside",
                "tcp listen 127.0.0.1:8080 as=named")
    rows = rows_of(berth, "8000-8100")
    ports = [row["port"] for row in rows]
    assert ports == sorted(ports) and 8101 not in ports
    unnamed = [(row["port"], [o["pid"] for o in row["owners"]]) for row in rows if not row["name"]]
    assert unnamed == [(8002, [mk.pid]), (8099, [mk.pid])]
    assert ports.count(8080) == 1
    assert [row["port"] for row in rows_of(berth, "-u", "8000-8100") if not row["name"]] == [8099]
    assert len(rows_of(berth, "8001-8002", status=None)) == 1  # a range with nothing else


def test_owners_that_may_not_be_seen(berth, mksock):
    mksock("tcp listen 127.0.0.1:631 as=s")
    row, = rows_of(berth, "631", user=process.NOBODY)
    assert row["listening"] is True
    assert row["owners"] is None and row["not_permitted"] == ["owners"]


def test_mistakes(berth, netns):
    for word, told, status in (
            ("no-such-service", "has nothing for 'no-such-service'\n", 1),
            ("htpp", "has nothing for 'htpp'; did you mean 'http'?", 1),
            ("domian/udp", "did you mean 'domain/udp'?", 1),
            ("53/tpc", "did you mean '53/tcp'?", 1),
            ("99999", "'99999' is out of range: ports are 0 to 65535", 2),
            ("70000-70001/tcp", "is out of range: ports are 0 to 65535", 2),
            ("8100-8000", "higher port stands first; did you mean '8000-8100'?", 2),
            ("90-80/udp", "did you mean '80-90/udp'?", 2),
            ("80/", "a protocol is missing behind the '/'", 2)):
        assert told in berth("services", word, status=status).stderr, word


def test_a_protocol_behind_a_slash(berth, mksock):
    mk = mksock("tcp listen 127.0.0.1:8002 as=t", "udp bind 127.0.0.1:8002 as=u",
                "udp bind 127.0.0.1:64999 as=v")
    assert [told(row) for row in rows_of(berth, "53/udp")] == getent("53/udp")
    assert [told(row) for row in rows_of(berth, "domain/tcp")] == getent("domain/tcp")
    assert {row["protocol"] for row in rows_of(berth, "1-1023/udp")} == {"udp"}
    for word, protocol, taken in (("64999/udp", "udp", True), ("64999/tcp", "tcp", False)):
        row, = rows_of(berth, word, status=1)
        assert (row["name"], row["protocol"], row["listening"]) == (None, protocol, taken)
    row, = [row for row in rows_of(berth, "8001-8009/tcp", status=None) if row["port"] == 8002]
    assert (row["protocol"], [o["pid"] for o in row["owners"]]) == ("tcp", [mk.pid])


HELD = ("tcp listen 127.0.0.1:631 as=s", "udp bind 127.0.0.1:8099 as=u")


def test_of_another_namespace(berth, mksock, make_netns):
    mk = mksock(*HELD)
    berth.netns.sysctl("net.ipv4.ip_unprivileged_port_start", 631)
    there = make_netns()
    row, = rows_of(berth, "--netns", mk.pid, "631", netns=there)
    assert (row["privileged"], [o["pid"] for o in row["owners"]]) == (False, [mk.pid])
    row, = rows_of(berth, "631", netns=there)
    assert (row["privileged"], row["owners"]) == (True, [])


def test_of_a_saved_host(berth, mksock, make_netns, tmp_path):
    mk = mksock(*HELD)
    mksock("tcp listen 127.0.0.1:8080", netns=make_netns())  # of another namespace
    path = tmp_path / "facts.json"
    berth.netns.sysctl("net.ipv4.ip_unprivileged_port_start", 631)
    berth("list", "--all-namespaces", "--save", path)
    here, there = rows_of(berth, "631-8100"), make_netns()
    mk.close()
    assert rows_of(berth, "631-8100", "--facts", path, netns=there) == here
    assert [row["port"] for row in here if row["listening"]] == [631, 8099]
    assert not any(row["privileged"] for row in here)
    assert "can't be given together" in berth("services", "--facts", path, "--netns", "1",
                                              status=2).stderr


def test_a_saved_host_that_knows_no_settings(berth, netns, tmp_path):
    path = tmp_path / "facts.json"
    path.write_text('{"berth_facts": 1, "sockets": []}')
    row, = rows_of(berth, "631", "--facts", path)
    assert row["privileged"] is None and row["not_permitted"] == [] and row["listening"] is False
    path.write_text('{"berth_facts": 1, "sockets": [],'
                    ' "not_permitted": ["net.ipv4.ip_unprivileged_port_start"]}')
    row, = rows_of(berth, "631", "--facts", path)
    assert row["privileged"] is None and row["not_permitted"] == ["privileged"]
