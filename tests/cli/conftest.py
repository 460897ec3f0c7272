"""What several files of tests share."""

import contextlib
import os

import pytest

from lib import features, process
from lib.certificates import Authority
from lib.etc import Etc
from lib.http_server import Server
from lib.listening import Listening


@pytest.fixture
def etc(tmp_path, netns):
    """An /etc of the test's own: etc.write("hosts", …), etc.run(command), etc.prefix."""
    features.require(features.is_root)
    return Etc(tmp_path / "etc", netns)


@pytest.fixture
def listen(berth, netns):
    """listen(ARGS…): a running `berth listen`, as lib/listening.py has it."""
    with contextlib.ExitStack() as stack:

        def start(*args, **how):
            return stack.enter_context(contextlib.closing(Listening(berth, *args, **how)))

        yield start


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def good(authority):
    """A certificate and its key that are in order."""
    return authority.issue("localhost", "DNS:localhost", "IP:127.0.0.1")


@pytest.fixture
def site(tmp_path):
    root = tmp_path / "site"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "hello.txt").write_text("hello, world\n")
    (root / "numbers").write_bytes(b"0123456789")
    (root / "big.bin").write_bytes(os.urandom(3_000_000))
    (root / "sub" / "index.html").write_text("<h1>sub</h1>")
    (root / ".secret").write_text("secret")
    (root / "sub" / ".git").mkdir()
    (root / "sub" / ".git" / "config").write_text("secret")
    (tmp_path / "outside.txt").write_text("outside")
    (root / "a<b>&\"c'.txt").write_text("odd")
    return root


@pytest.fixture
def serve(berth, netns, site, tmp_path):
    def start(*args, root=site, **how):
        log = tmp_path / "access.log"
        started = berth.start("serve", "--log", log, *args, root, "127.0.0.1:0",
                              stderr=process.subprocess.PIPE, **how)
        return Server(started, netns, log)

    return start
