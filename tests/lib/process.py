"""Running programs: in a network namespace, as another user, with fewer capabilities; and ending
each of them by its pid."""

import json
import os
import shutil
import stat
import subprocess
import tempfile

from . import system

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NOBODY = 65534

# A clean environment, so that the developer's own settings don't decide a test.
_CLEAN = {"LC_ALL": "C.UTF-8", "TERM": "dumb", "HOME": "/nonexistent"}
_KEPT = ("PATH", "BERTH_TEST_SESSION", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TMPDIR")


def built(variable, default):
    """The path of a built file: from the environment, or in the build folder ($BUILD, or build)."""
    build = os.environ.get("BUILD") or os.path.join(ROOT, "build")
    path = os.environ.get(variable) or os.path.join(build, default)
    path = os.path.abspath(path)
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} is not built (run ninja, or set {variable})")
    return path


def is_sanitized(program):
    """Was it built with AddressSanitizer, which has memory, addresses and system calls of its own?"""
    with open(program, "rb") as file:
        return b"__asan_init" in file.read()


def environment(extra=None):
    env = dict(_CLEAN)
    env.update({name: os.environ[name] for name in _KEPT if name in os.environ})
    for name, value in (extra or {}).items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    return env


def child_setup(netns=None, user=None, terminal=False):
    """What the child does between fork and exec. Namespaces first: an ordinary user can't enter."""

    def setup():
        if netns is not None:
            system.setns(netns.fd, system.CLONE_NEWNET)
        if user is not None:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        if terminal:
            os.setsid()
            import fcntl
            import termios

            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        system.die_with_parent()

    return setup


def without_capabilities(names):
    """A prefix that runs a command as root without some capabilities, such as 'sys_ptrace'."""
    dropped = ",".join("-" + name for name in names)
    return ["setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}", "--"]


class Result(subprocess.CompletedProcess):
    """What a program did. stdout and stderr are text; bytes that aren't UTF-8 are surrogates."""

    def json(self):
        return json.loads(self.stdout)

    def jsonl(self):
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def lines(self):
        return self.stdout.splitlines()

    @property
    def status(self):
        return self.returncode

    def __str__(self):
        return (
            f"$ {' '.join(map(str, self.args))}\nexit {self.returncode}\n"
            f"--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"
        )


def run(
    command,
    netns=None,
    user=None,
    without=(),
    env=None,
    input=None,
    status=0,
    timeout=60,
    cwd=None,
    stdout=subprocess.PIPE,
):
    """Runs COMMAND to its end and returns a Result. STATUS is the exit status that it must have,
    None for any."""
    command = (without_capabilities(without) if without else []) + list(map(str, command))
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL if input is None else None,
        input=input,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment(env),
        cwd=cwd,
        timeout=timeout,
        encoding="utf-8",
        errors="surrogateescape",
        preexec_fn=child_setup(netns, user),
        check=False,
    )
    result = Result(command, done.returncode, done.stdout, done.stderr)
    if status is not None:
        assert result.returncode == status, f"exit status is not {status}:\n{result}"
    return result


def start(command, netns=None, user=None, env=None, cwd=None, **pipes):
    """Starts COMMAND and returns its Popen; the caller ends it, with `end`."""
    return subprocess.Popen(
        list(map(str, command)),
        env=environment(env),
        cwd=cwd,
        encoding="utf-8",
        errors="surrogateescape",
        preexec_fn=child_setup(netns, user),
        **pipes,
    )


def end(process):
    """Ends one process that we started, and closes its pipes."""
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            try:
                pipe.close()
            except BrokenPipeError:
                pass


def _others_reach(path):
    """Can any user go there and execute it?"""
    while True:
        if not os.stat(path).st_mode & stat.S_IXOTH:
            return False
        if path == "/":
            return True
        path = os.path.dirname(path)


class Program:
    """A program under test: call it as a function with its arguments."""

    def __init__(self, path, netns=None):
        self.path = path
        self.netns = netns
        self._started = []
        self._copy = None

    def path_for(self, user):
        """An ordinary user may not be able to reach the build folder: then a copy in /tmp."""
        if user in (None, 0) or _others_reach(self.path):
            return self.path
        if not self._copy:
            self._copy = tempfile.mkdtemp(prefix="berth-test-")
            os.chmod(self._copy, 0o755)
            shutil.copy(self.path, self._copy)
        return os.path.join(self._copy, os.path.basename(self.path))

    def command(self, *args, user=None):
        return [self.path_for(user), *map(str, args)]

    def __call__(self, *args, user=None, netns=None, **how):
        return run(self.command(*args, user=user), user=user, netns=netns or self.netns, **how)

    def start(self, *args, user=None, netns=None, **how):
        process = start(
            self.command(*args, user=user), user=user, netns=netns or self.netns, **how
        )
        self._started.append(process)
        return process

    def close(self):
        for process in self._started:
            end(process)
        if self._copy:
            shutil.rmtree(self._copy)
