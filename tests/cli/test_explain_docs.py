"""The worked cases of docs/explain.md do what it shows.

A case is a chapter with a number. Comments of the text say what it stands on: `<!-- scene` has lines of mksock, or
`sysctl NAME=VALUE`, `veth` (a second host at 192.168.1.1), `hosts ADDRESS NAME` (instead of
/etc/hosts); `<!-- then` has more lines, between two blocks; `<!-- status N -->` another exit status
than 0 for the block that follows. Commands of a block are lines `$ …`; what stands under them is their
output, compared as lib/examples.py has it."""

import os
import re
import shlex

import pytest

from lib import features, process
from lib.examples import shows

DOC = os.path.join(process.ROOT, "docs", "explain.md")
PIECE = re.compile(r"<!-- (scene|then|status)\s(.*?)-->|^```console\n(.*?)^```$", re.S | re.M)


def cases():
    """{number and title: pieces}, a piece being (kind, text)"""
    with open(DOC, encoding="utf-8") as doc:
        _, *chapters = re.split(r"^## (\d+\. .*)$", doc.read(), flags=re.M)
    found = {}
    for title, text in zip(chapters[::2], chapters[1::2]):
        found[title] = [(m[1] or "block", m[2] if m[1] else m[3]) for m in PIECE.finditer(text)]
    return found


def commands(block):
    """(command, its output's lines)"""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


class Stage:
    """What a case stands on."""

    def __init__(self, request, tmp_path):
        self._request, self._mksock = request, None
        self.netns = request.getfixturevalue("netns")
        self.hosts = tmp_path / "hosts"
        self.cwd = tmp_path

    def set(self, lines):
        sockets = []
        for line in filter(None, map(str.strip, lines.splitlines())):
            word, _, rest = line.partition(" ")
            if word == "sysctl":
                self.netns.sysctl(*rest.split("=", 1))
            elif word == "veth":
                self._request.getfixturevalue("veth")
            elif word == "hosts":
                with open(self.hosts, "a", encoding="ascii") as hosts:
                    hosts.write(rest + "\n")
            else:
                sockets.append(line)
        if self._mksock:
            self._mksock.run(*sockets)
        else:
            self._mksock = self._request.getfixturevalue("mksock")(*sockets)

    def run(self, command, path, status):
        if self.hosts.exists():
            command = f"mount --bind {shlex.quote(str(self.hosts))} /etc/hosts && {command}"
            command = f"exec unshare -m bash -c {shlex.quote(command)}"
        return self.netns.run("bash", "-c", command, status=status, cwd=self.cwd, env={"PATH": path})


CASES = cases()


def test_there_are_twelve():
    assert [int(title.split(".")[0]) for title in CASES] == list(range(1, 13))
    assert all(any(kind == "block" for kind, _ in pieces) for pieces in CASES.values())


@pytest.mark.parametrize("title", CASES)
def test_case(title, berth, request, tmp_path):
    features.require(features.is_root)
    stage, status = Stage(request, tmp_path), 0
    path = os.path.dirname(berth.path) + os.pathsep + os.environ["PATH"]
    for kind, text in CASES[title]:
        if kind in ("scene", "then"):
            stage.set(text)
        elif kind == "status":
            status = int(text)
        else:
            for command, shown in commands(text):
                result = stage.run(command, path, status)
                assert shows(shown, result.stdout), f"docs/explain.md shows otherwise:\n{result}"
            status = 0
