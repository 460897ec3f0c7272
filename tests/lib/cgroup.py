"""Control groups of the unified hierarchy, for units and containers that aren't there."""

import contextlib
import os

from .wait import wait_for


def unified_root():
    """Where cgroup2 is mounted, or None."""
    with open("/proc/self/mountinfo", encoding="ascii", errors="surrogateescape") as f:
        for line in f:
            before, after = line.split(" - ", 1)
            if after.split()[0] == "cgroup2":
                return before.split()[4]
    return None


def _remove(path):
    with contextlib.suppress(OSError):
        os.rmdir(path)
    return not os.path.exists(path)


class Cgroup:
    """`path` in the file system, `name` as /proc/PID/cgroup has it, `id` as the kernel has it."""

    def __init__(self, root, name):
        self.name = "/" + name
        self._made = []
        at = root
        for part in name.split("/"):
            at = os.path.join(at, part)
            if not os.path.isdir(at):
                os.mkdir(at)
                self._made.append(at)
        self.path = at
        self.id = os.stat(at).st_ino

    def close(self):
        """Its processes have been killed; the kernel may take a moment to let go of them."""
        for path in reversed(self._made):
            wait_for(lambda path=path: _remove(path), what=f"an empty {path}")
