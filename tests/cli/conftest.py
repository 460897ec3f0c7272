"""What several files of tests share."""

import os

import pytest

from lib import features, process
from lib.etc import Etc
from lib.http_server import Server


@pytest.fixture
def etc(tmp_path, netns):
    """An /etc of the test's own: etc.write("hosts", …), etc.run(command), etc.prefix."""
    features.require(features.is_root)
    return Etc(tmp_path / "etc", netns)


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
