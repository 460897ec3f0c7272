"""The examples of the manual do what it shows.

An example is a line `$ berth …` between .EX and .EE; the lines after it are its output, in which
`...` stands for anything: alone on a line for any lines, in a line for any text. Numbers of processes and
descriptors, as in nginx[812]/3, and durations are any. Blanks count as one, so that a column may be wider. A comment .\\" status N before it names another exit status than
0. Each runs in a namespace of its own with the sockets of SCENE.
"""

import glob
import os
import re

import pytest

from lib import process
from lib.examples import pattern, shows

PAGES = sorted(
    path
    for path in glob.glob(os.path.join(process.ROOT, "man", "*.[17]"))
)

# A web server in a process of its own, with a client; and a port that is taken by a socket which
# doesn't listen.
SCENE = [
    "tcp listen 127.0.0.1:4444 backlog=128 reuseaddr as=web",
    "tcp listen [::]:8080 as=all",
    "tcp connect @web as=client",
    "tcp accept @web as=served",
    "udp bind 0.0.0.0:5353 as=mdns",
    "tcp bind 127.0.0.1:5555 as=bound",
    "fork as=server keep=@web,@all,@served,@mdns comm=nginx",
    "fork as=user keep=@client,@bound comm=curl",
    "close @web",
    "close @all",
    "close @served",
    "close @mdns",
    "close @client",
    "close @bound",
]


def plain(line):
    """A line of roff as it is shown."""
    line = re.sub(r"\\f[A-Z]|\\&", "", line)
    return line.replace(r"\-", "-").replace(r"\(aq", "'").replace(r"\e", "\\")


def examples(path):
    """(command, lines of output, exit status) of each example of a page."""
    found = []
    inside, status = False, 0
    with open(path, encoding="utf-8") as page:
        for line in page.read().splitlines():
            if line in (".EX", ".EE"):
                inside = line == ".EX"
            elif line.startswith('.\\" status '):
                status = int(line.split()[-1])
            elif inside and line.startswith("$ "):
                found.append((plain(line)[2:], [], status))
                status = 0
            elif inside and found:
                found[-1][1].append(plain(line))
    return found


ALL = [(os.path.basename(path), *example) for path in PAGES for example in examples(path)]


def test_every_command_has_an_example():
    with_examples = {page for page, *_ in ALL}
    pages = {os.path.basename(path) for path in PAGES if path.endswith(".1")}
    assert pages == with_examples & pages


@pytest.mark.parametrize("page, command, shown, status", ALL, ids=[f"{a[0]}:{a[1]}" for a in ALL])
def test_example(page, command, shown, status, berth, netns, mksock, tmp_path):
    mksock(*SCENE)
    path = os.path.dirname(berth.path) + os.pathsep + os.environ["PATH"]
    result = netns.run("bash", "-c", command, status=status, cwd=tmp_path, env={"PATH": path})
    if shown:
        assert shows(shown, result.stdout), f"{page} shows otherwise:\n{result}"


def test_pattern():
    """The test of the test: what is shown is compared, and dots stand for anything."""
    assert re.fullmatch(pattern(["a  b", "...", "pid ... x"]), "a b\nc\nd\npid 12 x\n")
    assert re.fullmatch(pattern(["a", "..."]), "a\n")
    assert re.fullmatch(pattern(["a[1]/2 b[3]"]), "a[40]/50  b[60]\n")
    assert not re.fullmatch(pattern(["a[1]"]), "a[x]\n")
    assert re.fullmatch(pattern(["x, 59s left; /proc/812/fd"]), "x, 1m00s left; /proc/7/fd\n")
    assert not re.fullmatch(pattern(["a 59s"]), "a b\n")
    assert not re.fullmatch(pattern(["a b"]), "a c\n")
    assert not re.fullmatch(pattern(["a"]), "a\nb\n")
    assert plain(r"\fBberth\fR \-o \&...") == "berth -o ..."
    assert shows(["a", "b[1]"], "b[7]\na\n")
    assert not shows(["a", "b"], "a\nb\nb\n")
