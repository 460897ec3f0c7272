"""berth interfaces against ip, ifconfig, and known sockets."""

import json
import re
import shutil

import pytest

from lib.wait import wait_for


def by_name(rows):
    return {row["name"]: row for row in rows}


def rows_of(berth, *args, **how):
    return by_name(berth("interfaces", "--json", *args, **how).json())


def ip_rows(ns):
    return {row["ifname"]: row for row in json.loads(ns.run("ip", "-j", "-s", "addr").stdout)}


def address_of(row, text):
    found = [a for a in row["addresses"] if a["address"] == text]
    assert len(found) == 1, row["addresses"]
    return found[0]


@pytest.fixture
def scene(netns):
    """Interfaces of several kinds, with addresses of several sorts."""
    netns.ip("link add br0 type bridge")
    netns.ip("link add v0 type veth peer name v1")
    netns.ip("link set v0 master br0 up")
    netns.ip("link set v1 up mtu 1400 txqueuelen 77")
    netns.ip("link property add dev v1 altname uplink-to-the-bridge")
    netns.ip("addr add 192.168.7.1/24 broadcast + dev v1 label v1:a")
    netns.ip("addr add 192.168.7.2/24 dev v1")
    netns.ip("addr add 10.8.0.1 peer 10.8.0.2 dev v1")
    netns.ip("addr add 2001:db8::1/64 dev v1 nodad")
    netns.ip("addr add 2001:db8::2/64 dev v1 nodad valid_lft 900 preferred_lft 0")
    return netns


def expected_address(a):
    flags = {key for key in ("tentative", "deprecated", "dynamic", "secondary", "temporary", "nodad")
             if a.get(key)}
    return {"family": a["family"], "address": a["local"], "prefix_len": a["prefixlen"],
            "peer": a.get("address"), "broadcast": a.get("broadcast"), "scope": a["scope"],
            "label": a.get("label"), "flags": flags}


def shown_address(a):
    shown = {key: a[key] for key in ("family", "address", "prefix_len", "peer", "broadcast",
                                     "scope", "label")}
    return shown | {"flags": set(filter(None, a["flags"].split(",")))}


def test_the_same_as_ip_shows(berth, scene):
    ours, theirs = rows_of(berth), ip_rows(scene)
    assert list(ours) == list(theirs)
    for name, ip in theirs.items():
        row = ours[name]
        assert row["index"] == ip["ifindex"]
        assert row["mtu"] == ip["mtu"]
        assert row["state"] == ip["operstate"]
        assert row["qdisc"] == ip["qdisc"]
        assert row["type"] == ip["link_type"]
        assert row["mac"] == ip["address"]
        assert row["mac_broadcast"] == ip["broadcast"]
        assert row["master"] == ip.get("master")
        assert row["link"] == ip.get("link")
        assert row["txqueuelen"] == ip.get("txqlen", 0)
        assert row["altname"] == ip.get("altnames", [None])[0]
        # ip leaves RUNNING out, and says NO-CARRIER for its absence.
        assert set(row["flags"].split(",")) - {"RUNNING"} == set(ip["flags"]) - {"NO-CARRIER"}
        assert ([shown_address(a) for a in row["addresses"]] ==
                [expected_address(a) for a in ip["addr_info"]])


def test_kind_and_the_other_namespace(berth, veth):
    row = rows_of(berth)["en0"]
    assert row["kind"] == "veth"
    assert row["link_nsid"] is not None
    assert row["link"] is None and row["link_index"] > 0


def test_lifetimes(berth, scene):
    row = rows_of(berth)["v1"]
    old = address_of(row, "2001:db8::2")
    assert old["deprecated"] and not old["permanent"]
    assert 0 < old["valid_s"] <= 900 and old["preferred_s"] == 0
    for_ever = address_of(row, "2001:db8::1")
    assert for_ever["valid_s"] is None and for_ever["preferred_s"] is None


def test_counters_are_those_of_ip(berth, mksock):
    mk = mksock("udp bind 127.0.0.1:0 as=u", "udp connect @u as=c")
    mk.run("send @c bytes=100")
    ours = rows_of(berth)["lo"]
    theirs = json.loads(berth.netns.run("ip", "-j", "-s", "link", "show", "lo").stdout)[0]["stats64"]
    assert ours["rx"]["packets"] > 0
    for key in ("bytes", "packets", "errors", "dropped", "multicast"):
        assert ours["rx"][key] == theirs["rx"][key]
    for key in ("bytes", "packets", "errors", "dropped", "collisions"):
        assert ours["tx"][key] == theirs["tx"][key]


@pytest.mark.skipif(not shutil.which("ifconfig"), reason="not here: ifconfig")
def test_what_ifconfig_shows_is_there(berth, scene):
    shown = scene.run("ifconfig", "-a").stdout
    rows = rows_of(berth)
    for name, mtu in re.findall(r"^(\S+): flags=\S+\s+mtu (\d+)", shown, re.M):
        assert rows[name.split(":")[0]]["mtu"] == int(mtu)
    addresses = {a["address"] for row in rows.values() for a in row["addresses"]}
    for text in re.findall(r"^\s+inet6? (\S+)", shown, re.M):
        assert text in addresses


def test_sockets_at_each_address(berth, mksock):
    mksock("tcp listen 127.0.0.1:0 as=one", "tcp connect @one as=c", "tcp accept @one as=a",
           "tcp listen 127.0.0.53:0 as=two", "tcp listen 0.0.0.0:0 as=any",
           "tcp listen [::]:0 v6only as=six", "udp bind [::]:0 as=dual",
           "tcp bind 127.0.0.1:0 as=bound")
    row = rows_of(berth)["lo"]
    v4, v6 = address_of(row, "127.0.0.1"), address_of(row, "::1")
    assert (v4["listening"], v4["listening_wildcard"], v4["connected"]) == (2, 2, 2)
    assert (v6["listening"], v6["listening_wildcard"], v6["connected"]) == (0, 2, 0)
    words = berth("interfaces", "lo").stdout
    assert "4 listening here (2 on every interface), 2 connected" in words


def test_sockets_bound_to_a_device_count_there_alone(berth, mksock):
    berth.netns.ip("link add d0 type veth peer name d1")
    for name in ("d0", "d1"):
        berth.netns.ip(f"link set {name} up")
        berth.netns.ip(f"addr add 192.168.9.1/24 dev {name}")
        berth.netns.ip(f"addr add fe80::9/64 dev {name} nodad")
    berth.netns.ip("addr add 192.168.8.1/24 dev d0")
    mksock("tcp listen 0.0.0.0:0 device=d1", "udp bind [::]:0 device=d1", "tcp listen 0.0.0.0:0",
           "tcp listen 192.168.9.1:0 device=d1", "tcp listen [fe80::9%d1]:0",
           "tcp listen 192.168.8.1:0 device=d1")
    used = {(row["name"], a["address"].split("%")[0]): (a["listening"], a["listening_wildcard"])
            for row in rows_of(berth).values() for a in row["addresses"]}
    assert used["d0", "192.168.9.1"] == (0, 1) and used["d1", "192.168.9.1"] == (1, 3)
    assert used["d0", "fe80::9"] == (0, 0) and used["d1", "fe80::9"] == (1, 1)
    assert used["d0", "192.168.8.1"] == (0, 1) and used["lo", "127.0.0.1"] == (0, 1)
    words = berth("interfaces", "d1").stdout
    assert "4 listening here (1 on every interface, 2 on this device), 0 connected" in words
    assert "2 listening here (1 on this device), 0 connected" in words


def test_sockets_need_not_be_counted(berth, netns):
    row = rows_of(berth, "--no-sockets")["lo"]
    assert address_of(row, "127.0.0.1")["listening"] is None
    assert "listening" not in berth("interfaces", "--no-sockets").stdout


def test_only_those_that_are_named_or_up(berth, scene):
    assert list(rows_of(berth, "v1")) == ["v1"]
    assert list(rows_of(berth, "uplink-to-the-bridge")) == ["v1"]
    assert list(rows_of(berth, "--up")) == ["lo", "v1", "v0"]


def test_a_name_that_nobody_has(berth, netns):
    result = berth("interfaces", "lo", "nix", status=1)
    assert "lo: up" in result.stdout
    assert "cannot show the interface 'nix': no such device" in result.stderr


def test_words(berth, scene):
    words = berth("interfaces", "v1").stdout
    assert re.search(r"^v1: up, ether [0-9a-f:]{17}, mtu 1400.*also called uplink-to-the-bridge$",
                     words, re.M)
    assert re.search(r"^    192\.168\.7\.1/24, global, broadcast 192\.168\.7\.255, label v1:a$",
                     words, re.M)
    assert re.search(r"^    192\.168\.7\.2/24, global, secondary$", words, re.M)
    assert re.search(r"^    10\.8\.0\.1 to 10\.8\.0\.2/32, global$", words, re.M)
    assert re.search(r"^    2001:db8::2/64, global, dynamic,deprecated,nodad, valid for \d+s$", words,
                     re.M)
    assert re.search(r"^    sent +\d+ bytes, \d+ packets, \d+ errors, \d+ dropped", words, re.M)


def test_an_ordinary_user_sees_the_same(berth, scene):
    from lib import process
    volatile = ("rx", "tx")
    ours = rows_of(berth)
    theirs = rows_of(berth, user=process.NOBODY)
    for row in list(ours.values()) + list(theirs.values()):
        for key in volatile:
            del row[key]
        for a in row["addresses"]:
            del a["valid_s"]
    assert ours == theirs


def test_columns(berth, netns):
    lines = berth("interfaces", "-o", "name,addresses").lines
    assert lines[0].split() == ["NAME", "ADDRESSES"]
    assert "127.0.0.1/8, ::1/128" in lines[1]
    assert "there is no column" in berth("interfaces", "-o", "nix", status=2).stderr
    assert "no column 'nam'; did you mean 'name'?" in berth("interfaces", "-o", "nam", status=2).stderr


SOCKETS = ("tcp listen 192.168.7.1:0 as=one", "tcp connect @one as=c", "tcp accept @one as=a",
           "tcp listen [::]:0 as=any", "udp bind 127.0.0.1:0 as=u")


@pytest.fixture
def settled(scene):
    """The scene, with no address that is tentative still."""
    wait_for(lambda: "tentative" not in scene.run("ip", "-6", "addr", "show").stdout,
             what="addresses that aren't tentative")
    return scene


def lasting(rows):
    """Without what runs."""
    for row in rows.values():
        for key in ("rx", "tx"):
            del row[key]
        for a in row["addresses"]:
            del a["valid_s"]
    return rows


def test_of_another_namespace(berth, settled, mksock, make_netns):
    mk = mksock(*SOCKETS)
    here = lasting(rows_of(berth))
    there = make_netns()
    assert lasting(rows_of(berth, "--netns", mk.pid, netns=there)) == here
    assert list(rows_of(berth, netns=there)) == ["lo"]
    assert berth("interfaces", "--netns", "nix", status=1).stdout == ""


def test_of_a_saved_host(berth, settled, mksock, make_netns, tmp_path):
    mksock("tcp listen 127.0.0.1:0", netns=make_netns())  # counts nowhere here
    mksock(*SOCKETS)
    path = tmp_path / "facts.json"
    berth("list", "--all-namespaces", "--save", path)
    here = rows_of(berth)
    there = make_netns()
    saved = rows_of(berth, "--facts", path, netns=there)
    assert saved["v1"]["rx"]["packets"] >= 0
    assert lasting(saved) == lasting(here)
    use = address_of(here["v1"], "192.168.7.1")
    assert (use["listening"], use["listening_wildcard"], use["connected"]) == (1, 1, 2)
    assert "v1: up" in berth("interfaces", "v1", "--facts", path, netns=there).stdout
    berth("interfaces", "--facts", path, "--netns", "x", status=2)
    berth("interfaces", "--facts", "/nonexistent", status=1)


def test_words_on_a_terminal_are_coloured(berth, scene, terminal):
    shown = terminal([berth.path, "interfaces", "v1"], columns=200)
    assert shown.wait() == 0
    assert "\033[1mv1\033[0m: \033[32mup\033[0m, " in shown.shown
    assert "\033[36m2001:db8::1\033[0m/64" in shown.shown
    assert re.search(r"\033\[33m[a-z,]*deprecated[a-z,]*\033\[0m", shown.shown)
    assert "\033" not in berth("interfaces").stdout
    plain = terminal([berth.path, "interfaces", "v1", "--color", "never"], columns=200)
    assert plain.wait() == 0 and "\033" not in plain.shown
    assert "\033[36m" in berth("interfaces", "--color", "always").stdout
