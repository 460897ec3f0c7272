"""The originals that the old tongues are held against are here, in the versions that Debian 12 has."""

import pytest

from lib import process


@pytest.mark.parametrize("command, words", [
    (["dpkg-query", "-W", "-f", "${Version}", "netcat-openbsd"], "1.219"),
    (["dpkg-query", "-W", "-f", "${Version}", "net-tools"], "2.10"),
    (["dpkg-query", "-W", "-f", "${Version}", "lsof"], "4.95"),
])
def test_original(command, words):
    assert process.run(command).stdout.startswith(words)
