"""Filters: `berth list` finds what `ss` finds. Where we differ on purpose, DIFFERENT says why, and
with which other words ss gives our answer."""

import pytest

from lib import process

SCENE = [
    "tcp listen 0.0.0.0:8022 as=all4",
    "tcp listen [::]:8443 v6only as=all6",
    "tcp listen 127.0.0.1:8080 as=web",
    "tcp connect @web from=127.0.0.1:40001 as=client",
    "tcp accept @web as=accepted",
    "tcp connect @web from=127.0.0.2:40002 as=waiting",
    "tcp listen [::1]:8022 v6only as=web6",
    "tcp connect @web6 from=[::1]:40003 as=client6",
    "tcp accept @web6 as=accepted6",
    "tcp listen 127.0.0.3:8500 mark=5 as=marked",
    "tcp listen 127.0.0.4:8600 device=lo as=bound",
    "tcp listen [::]:8700 v6only=0 as=dual",
]

SAME = """
state all
state listening
state established
state closed
state time-wait
state fin-wait-2
state syn-recv
state connected
state synchronized
state bucket
state big
exclude listening
excl listening
exclude established
state listening state established
state connected exclude time-wait
state listening sport 8022
state listening ( sport 8022 or sport 8080 )
state listening sport 8022 or sport 8080
sport 8022
sport = 8022
sport = :8022
sport :8022
sport == :8022
sport eq 8022
sport != 8022
sport ne 8022
sport neq :8022
sport > 8080
sport gt 8080
sport >= 8080
sport ge 8080
sport geq 8080
sport < 8080
sport lt 8080
sport <= 8080
sport le 8080
sport leq 8080
sport 0x1f90
sport = inet:8022
sport = inet::8022
sport = inet6::8022
sport = *
sport ne *
dport 0
dport = :8080
dport > :40000 and dport < :40003
src 127.0.0.1
src = 127.0.0.1
src eq 127.0.0.1
src 127.0.0.1:8080
src 127.0.0.0/8
src 127/8
src 127.0/16
src 127.0.0.1/8:8080
src [127.0.0.1]:8080
src [::1]
src [::1]:8022
src ::/0
src 0.0.0.0
src 0.0.0.0/0
src inet:127.0.0.1:8080
src inet6:[::1]
src inet6:*
src *
src any
src default
src :
src :8022
src *:8022
src inet::8022
dst 0.0.0.0
dst [::]
dst 127.0.0.1:8080
dev lo
dev = lo
dev != lo
dev 1
fwmark 5
fwmark = 0x5
fwmark != 5
fwmark 0x01/0x03
fwmark != 1/1
sport 8022 or sport 8080
sport 8022 | sport 8080
sport 8022 || sport 8080
sport 8022 and dport 0
sport 8022 & dport 0
sport 8022 && dport 0
sport 8022 dport 0
( sport = :8022 or sport = :8080 ) and src 127.0.0.1
not sport 8022
! sport 8022
! ! sport 8022
not ( sport 8022 or sport 8080 )
not sport 8022 and sport 8080
not sport 8022 or sport 8080
"""

DIFFERENT = [
    # ours, what ss gives the same answer to, why
    ("sport 8022 or sport 8080 and dport 0", "sport 8022 or ( sport 8080 and dport 0 )",
     "ss(8) says that `and` binds stronger than `or`; ss 6.1 reads from left to right"),
    ("src 127.0.0.3 or src 127.0.0.4 sport 8600", "src 127.0.0.3 or ( src 127.0.0.4 sport 8600 )",
     "the same without the word"),
    ("state listening exclude listening", "sport 1",
     "ss takes an empty set of states for none said, and lists what it lists by default"),
    ("sport = *:8022", "sport = :8022", "ss 6.1 forgets the port behind a *"),
    # And of a host name ss takes the first address only; tests/unit/test_filter.c has that, as
    # what a name gives is up to this host.
]

# What ss refuses, and what it can be told instead.
MORE = [
    ("sport 8022-8080", "sport >= 8022 and sport <= 8080"),
    ("sport=:8022|sport=8080", "sport 8022 or sport 8080"),
    ("(sport 8022)", "sport 8022"),
    ("!sport 8022", "not sport 8022"),
    ("sport 8022 OR sport 8080", "sport 8022 or sport 8080"),
    ("src != 127.0.0.1", "not src 127.0.0.1"),
    ("src ::1", "src [::1]"),
    ("src [::]/0", "src ::/0"),
    ("[::1]:8022", "src [::1]:8022 or dst [::1]:8022"),
    (":8080", "sport 8080 or dport 8080"),
    ("8080/tcp", "sport 8080 or dport 8080"),
    ("127.0.0.0/8", "src 127.0.0.0/8 or dst 127.0.0.0/8"),
    ("port > 40000", "sport > 40000 or dport > 40000"),
    ("state LISTEN", "state listening"),
    ("listening", "state listening"),
    ("established listening", "state listening state established"),
    ("tcp4 listening", "state listening src 0.0.0.0/0"),
    ("sport = :8022 or ( state established and dport 8080 )", "sport 8022 or dport 8080"),
    ("sport 8022 # a comment", "sport 8022"),
]


def _end(text):
    """An end as ss writes it: no device, a port of 0 for *, [::] for the * of a dual-stack one."""
    address, port = text.rsplit(":", 1)
    address = address.split("%")[0].strip("[]")
    return "::" if address == "*" else address, 0 if port == "*" else int(port)


def _ss(netns, expression):
    lines = netns.run("ss", "-Htan", *expression.split()).stdout.splitlines()
    # A column for the state is missing where one state only was asked for.
    ends = [[word for word in line.split() if ":" in word and "(" not in word] for line in lines]
    return {(_end(local), _end(peer)) for local, peer in ends}


def _berth(berth, expression):
    # ss 6.1 doesn't ask for sockets that are bound only.
    rows = berth("list", "-n", "--json", "--kind", "tcp", expression).json()
    def end(e):
        return (e["address"] or "*", e["port"])
    found = set()
    for row in rows:
        if row["state"] != "BOUND_INACTIVE":
            local, peer = end(row["local"]), end(row["peer"])
            if peer[0] == "*":
                peer = ("::" if ":" in local[0] else "0.0.0.0", peer[1])
            found.add((local, peer))
    return found


@pytest.fixture
def scene(berth, mksock, netns):
    if berth("list", "--help", status=None).status != 0:
        pytest.skip("not here: berth list")
    if process.run(["ss", "-V"], status=None).status != 0:
        pytest.skip("not here: ss")
    mk = mksock(*SCENE)
    for state in ["SYN_RECV", "FIN_WAIT2", "CLOSE_WAIT", "TIME_WAIT"]:
        mk.state(state)
    return mk


def _compare(berth, netns, pairs):
    wrong = []
    for ours, theirs in pairs:
        found, expected = _berth(berth, ours), _ss(netns, theirs)
        if found != expected:
            wrong.append(f"{ours}: more {found - expected}, less {expected - found}")
    return wrong


def test_what_ss_finds(berth, netns, scene):
    lines = [line for line in SAME.splitlines() if line]
    assert _compare(berth, netns, [(line, line) for line in lines]) == []


def test_what_ss_says_in_other_words(berth, netns, scene):
    assert _compare(berth, netns, MORE) == []


def test_where_we_differ(berth, netns, scene):
    assert _compare(berth, netns, [(ours, theirs) for ours, theirs, _ in DIFFERENT]) == []
    for ours, theirs, why in DIFFERENT:
        assert _ss(netns, ours) != _ss(netns, theirs), f"no longer so: {why}"
