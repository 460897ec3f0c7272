"""Finds what a test run leaves behind. Every process that it starts inherits a mark."""

import os
import uuid

from .netns import Netns
from .wait import wait_for

_VARIABLE = "BERTH_TEST_SESSION"


def _marked_processes(mark):
    wanted = f"{_VARIABLE}={mark}".encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as f:
                if wanted not in f.read().split(b"\0"):
                    continue
            with open(f"/proc/{name}/comm", "rb") as f:
                found.append(f"{name} {f.read().strip().decode('ascii', 'backslashreplace')}")
        except OSError:
            continue
    return found


class LeakCheck:
    """Made before the first test; `check` after the last says what is left."""

    def __init__(self, timeout=10):
        self._timeout = timeout
        self._mark = uuid.uuid4().hex
        os.environ[_VARIABLE] = self._mark

    def check(self):
        # A killed process may take a moment to be gone.
        wait_for(
            lambda: not _marked_processes(self._mark), self._timeout, self._describe_processes
        )
        assert not Netns.named, f"named network namespaces are left: {sorted(Netns.named)}"
        assert Netns.alive == 0, f"{Netns.alive} network namespaces are still open"

    @property
    def _describe_processes(self):
        return _Late(lambda: f"no process left behind, but there are {_marked_processes(self._mark)}")


class _Late:
    """Text that is made when it is shown."""

    def __init__(self, make):
        self._make = make

    def __str__(self):
        return self._make()
