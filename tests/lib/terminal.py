"""A program on a terminal of its own: what it shows, and keys typed at it."""

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time

from . import process


class Terminal:
    """COMMAND on a pseudo terminal of COLUMNS by ROWS, which is its controlling terminal."""

    def __init__(self, command, columns=80, rows=24, env=None, netns=None, user=None):
        ours, theirs = os.openpty()
        self._fd = ours
        self.resize(columns, rows)
        self.shown = ""
        with open(theirs, "rb", closefd=True) as end:
            self.process = subprocess.Popen(
                list(map(str, command)),
                stdin=end,
                stdout=end,
                stderr=end,
                env=process.environment({"TERM": "xterm-256color", **(env or {})}),
                preexec_fn=process.child_setup(netns, user, terminal=True),
            )

    def resize(self, columns, rows):
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self, timeout):
        """Reads what is there; False at the end."""
        if not select.select([self._fd], [], [], timeout)[0]:
            return True
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # EIO: nobody has the other end any more
            return False
        self.shown += data.decode("utf-8", "surrogateescape")
        return bool(data)

    def expect(self, pattern, timeout=10):
        """Reads until PATTERN, a regular expression, is shown; returns the match."""
        end = time.monotonic() + timeout
        while True:
            found = re.search(pattern, self.shown)
            if found:
                return found
            more = self._read(0.05)
            if not more or time.monotonic() > end:
                raise AssertionError(f"{pattern!r} was not shown, but: {self.shown!r}")

    def type(self, text):
        os.write(self._fd, text.encode())

    def wait(self, timeout=30):
        """Reads to the end and returns the exit status; `shown` has it all."""
        end = time.monotonic() + timeout
        while self._read(0.05):
            if time.monotonic() > end:
                raise AssertionError(f"still running, having shown {self.shown!r}")
        return self.process.wait(timeout)

    @property
    def lines(self):
        """What was shown, as lines, without the carriage returns that a terminal adds."""
        return self.shown.replace("\r\n", "\n").splitlines()

    def close(self):
        process.end(self.process)
        os.close(self._fd)
