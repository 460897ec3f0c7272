"""An old tongue beside its original: the same words, input and surroundings to both, one after the
other, each in a network namespace of its own."""

import os
import re
import shutil
import subprocess
import tempfile

from . import process
from .netns import Netns
from .wait import wait_for


class Twin:
    """One of the two programs under one name. `ns` is where it runs, `folder` is empty at first and
    is where it is run."""

    def __init__(self, program, name):
        self.ns = Netns()
        self.folder = tempfile.mkdtemp(prefix="twin-", dir="/tmp")
        self.path = os.path.join(self.folder, "bin", name)
        self.name = name
        os.mkdir(os.path.dirname(self.path))
        os.symlink(program, self.path)
        self._started = []

    def start(self, *words, before=(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=None):
        # argv[0] is the bare name: that is what messages begin with
        command = [*before, self.name, *words]
        path = os.path.dirname(self.path) + ":" + os.environ["PATH"]
        running = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=process.environment({"PATH": path, "TMPDIR": "/tmp", **(env or {})}),
            preexec_fn=process.child_setup(self.ns),
            executable=self.path if not before else None,
        )
        self._started.append(running)
        return running

    def run(self, *words, input=b"", **how):
        return self.end(self.start(*words, **how), input)

    def end(self, running, input=None, timeout=30):
        """Status, stdout, stderr. What changes from run to run is made equal."""
        if input is None and running.stdin:
            running.stdin.close()
            running.stdin = None
        out, err = running.communicate(input, timeout=timeout)
        return running.returncode, out, self.plain(err.decode(errors="surrogateescape"))

    def plain(self, text):
        text = text.replace(self.folder, "FOLDER")
        text = re.sub(r"/tmp/nc-\w{6}/", "/tmp/nc-XXXXXX/", text)
        return re.sub(r"\b(3[2-9]|[45]\d|60)\d{3}\b", "PORT", text)

    def listening(self, port, protocol="tcp"):
        """Waits until somebody has the port here."""

        def there():
            with self.ns.inside():
                for file in (protocol, protocol + "6"):
                    with open("/proc/thread-self/net/" + file, encoding="ascii") as table:
                        for row in table.read().splitlines()[1:]:
                            words = row.split()
                            if int(words[1].split(":")[1], 16) == port and words[3] in ("0A", "07"):
                                return True
            return False

        wait_for(there, what=f"a listener of {protocol} {port}")

    def close(self):
        for running in self._started:
            process.end(running)
        self.ns.close()
        shutil.rmtree(self.folder)


def both(original, ours, name, scenario):
    """What SCENARIO(twin) gave with the original, and with ours."""
    results = []
    for program in (original, ours):
        twin = Twin(program, name)
        try:
            results.append(scenario(twin))
        finally:
            twin.close()
    return results


def while_still(theirs, ours, tries=20):
    """What both say of something that the kernel may change meanwhile, such as a device's counters:
    the first time that the original says the same before and after."""
    before = theirs()
    for _ in range(tries):
        said = ours()
        after = theirs()
        if before.stdout == after.stdout:
            break
        before = after
    return after, said
