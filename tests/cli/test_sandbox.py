"""What berth listen and berth serve give up once they are open: shown by the kernel's own account,
and by system calls made in their place."""

import contextlib
import os
import re
import signal
import socket
import struct
import subprocess

import pytest

from lib.features import require
from lib.inject import can_inject, injected
from lib.listening import read_all
from lib.process import child_setup
from lib.wait import wait_for

HERE = "127.0.0.1:0"
AT_FDCWD, O_RDONLY, O_CREAT_WRONLY = -100, 0, 0o101
ACCMODE_600 = 0o600


class Serving:
    """berth serve, from its line with the URL on: `port`."""

    def __init__(self, berth, *args):
        self.process = subprocess.Popen(berth.command("serve", *args), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        preexec_fn=child_setup(berth.netns, None))
        self.netns, self.talk = berth.netns, b""
        while not (at := re.search(rb"https?://[^ ]*?:(\d+)/ ", self.talk)):
            line = self.process.stderr.readline()
            assert line, self.talk
            self.talk += line
        self.port = int(at.group(1))

    def get(self, path, method="GET", body=b""):
        with self.netns.inside():
            s = socket.create_connection(("127.0.0.1", self.port), 20)
        with s:
            s.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
                      f"{len(body)}\r\n\r\n".encode() + body)
            return read_all(s)

    def close(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        self.process.stderr.close()


@pytest.fixture
def serve(berth, netns):
    with contextlib.ExitStack() as stack:

        def start(*args):
            return stack.enter_context(contextlib.closing(Serving(berth, *map(str, args))))

        yield start


def status_of(pid, thread=None):
    path = f"/proc/{pid}/task/{thread}/status" if thread else f"/proc/{pid}/status"
    with open(path, encoding="utf-8") as file:
        return {name: value.strip() for name, _, value in (line.partition(":\t") for line in file)}


NOTHING = "0000000000000000"


def is_confined(pid):
    for thread in os.listdir(f"/proc/{pid}/task"):
        status = status_of(pid, thread)
        assert (status["CapPrm"], status["CapEff"], status["CapInh"]) == (NOTHING,) * 3, status
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
    return True


def address(port):
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, bytes([127, 0, 0, 1]))


def connect_errno(there, port):
    fd = there.call("socket", socket.AF_INET, socket.SOCK_STREAM, 0)
    assert fd >= 0
    try:
        return there.errno_of("connect", fd, address(port), 16)
    finally:
        there.call("close", fd)


MODES = [[], ["--echo"], ["--discard"], ["--reply", "x"], ["--chat"], ["--echo", "--tls"],
         ["--echo", "--workers", "3"]]


@pytest.mark.parametrize("mode", MODES, ids=" ".join)
def test_listen_gives_up_what_it_does_not_need(listen, mode):
    server = listen(HERE, *mode)
    is_confined(server.process.pid)
    require(can_inject)
    with injected(server.process.pid) as there:
        assert there.errno_of("openat", AT_FDCWD, b"/etc/passwd", O_RDONLY) == "EACCES"
        assert there.errno_of("openat", AT_FDCWD, b"/tmp/berth-x", O_CREAT_WRONLY, ACCMODE_600) == "EACCES"
        assert there.errno_of("execve", b"/bin/sh", 0, 0) == "EPERM"
        assert there.errno_of("mount", b"x", b"/mnt", b"tmpfs", 0, 0) == "EPERM"
        assert connect_errno(there, server.port) == "EACCES"
        assert there.errno_of("openat", AT_FDCWD, b"/dev/null", O_RDONLY) is None
    if mode:
        with server.connect() as s:
            s.close()
    assert server.end() == 0


def test_the_injection_sees_what_is_allowed_without_sandbox(listen):
    """What the tests above rely on: the same calls, in a process that gave nothing up."""
    require(can_inject)
    server = listen(HERE, "--echo", "--no-sandbox")
    assert status_of(server.process.pid)["Seccomp"] == "0"
    with injected(server.process.pid) as there:
        assert there.errno_of("openat", AT_FDCWD, b"/etc/passwd", O_RDONLY) is None
        assert there.errno_of("execve", b"/nonexistent", 0, 0) == "ENOENT"
        assert connect_errno(there, server.port) is None
    with server.connect() as s:
        s.sendall(b"alive")
        assert s.recv(10) == b"alive"


def test_save_keeps_its_folder(listen, tmp_path):
    server = listen(HERE, "--save", tmp_path)
    is_confined(server.process.pid)
    for n in range(2):
        with server.connect() as s:
            s.sendall(b"kept")
            s.shutdown(socket.SHUT_WR)
            read_all(s)
        server.wait_events("closed", n + 1)
    assert [f.read_bytes() for f in tmp_path.iterdir()] == [b"kept"] * 2
    require(can_inject)
    with injected(server.process.pid) as there:
        assert there.errno_of("openat", AT_FDCWD, b"/etc/passwd", O_RDONLY) == "EACCES"
        inside = os.fsencode(tmp_path / "new")
        assert there.errno_of("openat", AT_FDCWD, inside, O_CREAT_WRONLY, ACCMODE_600) is None


def test_save_of_root_into_somebody_elses_folder(listen, tmp_path):
    os.chown(tmp_path, 12345, 12345)
    server = listen(HERE, "--save", tmp_path)
    with server.connect() as s:
        s.sendall(b"kept")
    server.wait_events("closed")
    assert [f.read_bytes() for f in tmp_path.iterdir()] == [b"kept"]


def test_forward_keeps_its_port(listen):
    back = listen(HERE, "--reply", "from behind")
    other = listen(HERE, "--echo")
    server = listen(HERE, "--forward", f"127.0.0.1:{back.port}")
    is_confined(server.process.pid)
    with server.connect() as s:
        assert read_all(s) == b"from behind"
    require(can_inject)
    with injected(server.process.pid) as there:
        assert connect_errno(there, back.port) is None
        assert connect_errno(there, other.port) == "EACCES"


def test_unix_path_is_still_removed(listen, tmp_path, berth, netns):
    path = tmp_path / "s"
    process = subprocess.Popen(berth.command("listen", f"unix:{path}", "--echo"), stderr=subprocess.PIPE,
                               preexec_fn=child_setup(netns, None))
    with process:
        wait_for(path.exists)
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert not path.exists()


def test_a_process_is_not_confined(listen):
    server = listen(HERE, "--exec", "head -c 4 /etc/passwd")
    with server.connect() as s:
        assert read_all(s) == b"root"
    assert status_of(server.process.pid)["Seccomp"] == "0"


def test_another_user(listen):
    server = listen("127.0.0.1:81", "--echo", "--user", "nobody")
    status = status_of(server.process.pid)
    assert status["Uid"].split() == ["65534"] * 4 and status["Gid"].split() == ["65534"] * 4
    assert status["Groups"].split() in ([], ["65534"])
    is_confined(server.process.pid)


def test_serve_keeps_its_folder(serve, tmp_path):
    (tmp_path / "page").write_text("served")
    server = serve(tmp_path, HERE, "--workers", "2")
    is_confined(server.process.pid)
    assert server.get("/page").endswith(b"served")
    assert b"page" in server.get("/")
    require(can_inject)
    with injected(server.process.pid) as there:
        page = os.fsencode(tmp_path / "page")
        assert there.errno_of("openat", AT_FDCWD, page, O_RDONLY) is None
        assert there.errno_of("openat", AT_FDCWD, page, 1) == "EACCES"
        assert there.errno_of("openat", AT_FDCWD, b"/etc/passwd", O_RDONLY) == "EACCES"
        assert there.errno_of("execve", b"/bin/sh", 0, 0) == "EPERM"
        assert connect_errno(there, server.port) == "EACCES"


def test_serve_takes_uploads(serve, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "up").mkdir()
    server = serve(tmp_path / "site", HERE, "--upload", tmp_path / "up")
    is_confined(server.process.pid)
    assert b" 201 " in server.get("/new", "PUT", b"content")
    assert (tmp_path / "up" / "new").read_bytes() == b"content"
    assert b" 20" in server.get("/new", "PUT", b"other")
    assert (tmp_path / "up" / "new").read_bytes() == b"other"


def test_serve_by_another_user(serve, tmp_path):
    (tmp_path / "page").write_text("served")
    for folder in tmp_path, *tmp_path.parents:
        if not folder.stat().st_mode & 1:
            folder.chmod(folder.stat().st_mode | 0o011)
    server = serve(tmp_path, HERE, "--user", "nobody", "--tls")
    assert status_of(server.process.pid)["Uid"].split()[0] == "65534"
    is_confined(server.process.pid)


def test_unknown_user(berth):
    assert "no such user" in berth("listen", HERE, "--user", "nobody-at-all", status=1).stderr
