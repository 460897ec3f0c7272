"""ifconfig beside net-tools' own."""

import pytest

from lib import process
from lib.twin import while_still


def compare(berth, netns, *words):
    theirs, ours = while_still(
        lambda: process.run(("ifconfig", *words), netns=netns, status=None),
        lambda: berth("ifconfig", *words, status=None),
    )
    assert ours.stdout == theirs.stdout
    assert ours.stderr == theirs.stderr
    assert ours.status == theirs.status


@pytest.mark.parametrize("line", [
    "", "-a", "-s", "-a -s", "-v", "lo", "-s lo", "en0", "en0:1", "en0:7", "en10", "nosuch", "-s nosuch",
    "-a lo", "-q", "-as", "--help", "+v",
    "a-name-of-fifte", "a-name-of-fifteen-and-more", "-s a-name-of-fifteen-and-more", "a-name-of-fifteen:1",
    "lo inet", "lo inet6", "lo ax25", "lo unix", "nosuch inet", "-s lo ipx",
])
def test_listing(berth, veth, line):
    here = veth.here
    here.ip("addr add 10.0.0.1/8 brd + dev en0 label en0:1")
    here.ip("link add en2 type veth peer name en10")
    here.ip("link set en2 up promisc on")
    here.ip("link set en2 arp off")
    compare(berth, here, *line.split())


def test_up_down_and_names(berth, veth):
    """BSD's options, which net-tools hasn't got."""
    veth.here.ip("link add en2 type veth peer name en10")
    assert berth("ifconfig", "-l").stdout == "en0 en2 en10 lo\n"
    assert berth("ifconfig", "-l", "-u").stdout == "en0 lo\n"
    assert berth("ifconfig", "-l", "-d").stdout == "en2 en10\n"
    assert berth("ifconfig", "-d").stdout.startswith("en2: ")
    assert "lo: " not in berth("ifconfig", "-d").stdout


def test_a_long_name_is_cut(berth, veth):
    veth.here.ip("link add a-name-of-fifte type veth peer name en10")
    for name in ("a-name-of-fifte", "a-name-of-fifteen"):
        compare(berth, veth.here, name)


@pytest.mark.parametrize("line", ["lo inet 10.0.0.1", "lo up", "lo 10.0.0.1", "lo mtu 100", "lo inet6 add fd00::1/64"])
def test_changes_are_refused(berth, netns, line):
    before = netns.run("ip", "addr").stdout
    r = berth("ifconfig", *line.split(), status=1)
    assert r.stdout == "" and "ip(8)" in r.stderr and "ip address add" in r.stderr
    assert netns.run("ip", "addr").stdout == before
