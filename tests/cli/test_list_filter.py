"""Filters on the command line; tests/unit/test_filter.c has the language itself."""

import os

import pytest

SCENE = [
    "tcp listen 127.0.0.1:8080 as=web",
    "tcp connect @web as=client",
    "tcp accept @web as=accepted",
    "udp bind 127.0.0.1:8053 as=dns",
    "unix-stream listen @berth-filter-test as=local",
]


def names(mk, rows):
    cookies = {row["cookie"] for row in rows}
    return {name for name in ["web", "client", "accepted", "dns", "local"]
            if mk[name].cookie in cookies}


def listed(berth, mk, *words, **how):
    return names(mk, berth("list", "--json", *words, **how).json())


@pytest.mark.parametrize("words, expected", [
    ([], {"web", "client", "accepted", "dns"}),
    (["sport = :8080"], {"web", "accepted"}),
    (["sport", "=", ":8080"], {"web", "accepted"}),
    (["sport", "8080", "and", "( state listening )"], {"web"}),
    (["state", "listening"], {"web"}),
    (["udp"], {"dns"}),
    (["unix:@berth-filter-*"], {"local"}),
    (["unix:@berth-filter-*", "or", ":8053"], {"local", "dns"}),
    (["tcp", "autobound"], {"client"}),
    (["reach this-machine"], {"web", "dns"}),
    (["reach = local", "tcp"], {"web"}),
    (["reach netns"], {"local"}),
    (["reach every-interface"], set()),
    (["reach != local", "listening"], set()),
    (["tcp", "reach none"], {"client", "accepted"}),
    (["mksock"], {"web", "client", "accepted", "dns"}),
    (["age < 1h"], {"web", "client", "accepted", "dns"}),
    (["age > 1000d"], set()),
    (["not", "tcp"], {"dns"}),
    (["not", "tcp", "--all"], {"dns", "local"}),
])
def test_finds(berth, mksock, words, expected):
    assert listed(berth, mksock(*SCENE), *words) == expected


def test_pid_user_and_namespace(berth, mksock, netns):
    mk = mksock(*SCENE)
    everything = {"web", "client", "accepted", "dns"}
    assert listed(berth, mk, f"pid {mk.pid}") == everything
    assert listed(berth, mk, f"pid != {mk.pid}") == set()
    assert listed(berth, mk, f"netns = {netns.inode}") == everything
    assert listed(berth, mk, f"netns = pid:{mk.pid}") == everything
    assert listed(berth, mk, f"netns != pid:{mk.pid}") == set()
    assert listed(berth, mk, "@root") == everything
    assert listed(berth, mk, f"cookie = {mk['web'].cookie}") == {"web"}


def test_file(berth, mksock, tmp_path):
    mk = mksock(*SCENE)
    path = tmp_path / "filter"
    path.write_text("# those of the web\nsport = :8080\nor\ndport = :8080   # and its clients\n")
    assert listed(berth, mk, "-F", str(path)) == {"web", "client", "accepted"}
    path.write_text("sport = :8080 # of the web")
    assert listed(berth, mk, "-F", str(path), "listening") == {"web"}


def test_standard_input(berth, mksock):
    mk = mksock(*SCENE)
    assert listed(berth, mk, "-F", "-", "listening", input="sport = :8080 # of the web") == {"web"}
    result = berth("list", "-F", "-", input="sport = = 1", status=2)
    assert "^" in result.stderr
    assert "standard input" in berth("list", "-F", "-", status=1, input="x" * (1 << 20)).stderr


def test_fault_has_a_caret(berth):
    result = berth("list", "sport", "= :80 and state listning", status=2)
    lines = result.stderr.splitlines()
    assert "did you mean listening?" in lines[0]
    at = lines[2].index("^")
    assert lines[1][at:at + 8] == "listning"
    assert lines[2][at:] == "^~~~~~~~"
    assert result.stdout == ""


def test_fault_is_safe_to_show(berth):
    result = berth("list", b"dev \x1b[2J\xff".decode(errors="surrogateescape"), status=2)
    assert "\x1b" not in result.stderr
    assert "\\x1b[2J\\xff" in result.stderr


def test_range_of_automatic_ports_is_this_hosts(berth, mksock, netns):
    mk = mksock("tcp listen 127.0.0.1:9000 as=web")
    wide, narrow = "8000 9999", "10000 19999"
    assert os.path.exists("/proc/sys/net/ipv4/ip_local_port_range")
    for value, count in [(wide, 1), (narrow, 0)]:
        netns.sysctl("net.ipv4.ip_local_port_range", value)
        rows = berth("list", "--json", "tcp autobound").json()
        assert len([row for row in rows if row["cookie"] == mk["web"].cookie]) == count


def test_netns_looks_in_every_namespace(berth, netns, make_netns, mksock):
    there = make_netns()
    mksock("tcp listen 127.0.0.1:4444", netns=there)
    rows = berth("list", f"netns = {there.inode} and sport = :4444", "--json").json()
    assert [row["netns"] for row in rows] == [there.inode]
    assert berth("list", "sport = :4444", "--json").json() == []
    assert netns


def test_a_slip_is_told_where_nothing_matched(berth, mksock):
    mk = mksock(*SCENE)
    hint = "nothing matched: 'tpc' is taken for a process's name; did you mean tcp?"
    assert hint in berth("list", "tpc").stderr
    assert hint not in berth("list", "comm = tpc").stderr
    mk.run("comm tpc")
    result = berth("list", "tpc")
    assert hint not in result.stderr and len(result.lines) > 1
