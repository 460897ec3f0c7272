"""The program as a whole: it starts, for whoever calls it and wherever."""

import re

from lib import features, process

VERSION = r"berth \d+\.\d+\.\d+"


def test_version(berth):
    assert re.fullmatch(VERSION + "\n", berth("--version").stdout)


def test_version_for_an_ordinary_user(berth):
    features.require(features.is_root)
    assert re.fullmatch(VERSION + "\n", berth("--version", user=process.NOBODY).stdout)


def test_version_on_a_terminal(berth, terminal):
    shown = terminal([berth.path, "--version"])
    assert shown.wait() == 0
    assert re.fullmatch(VERSION, shown.lines[0])
