"""berth serve --upload: whole files, in their folder, or nothing."""

import json
import os

import pytest

from lib import process
from lib.http_server import Server, status
from lib.wait import wait_for


def test_upload(serve, site, tmp_path):
    store = tmp_path / "store"
    (store / "sub").mkdir(parents=True)
    server = serve("--upload", store)
    body = os.urandom(500_000)
    assert server.ask("/sub/new%20file", "PUT", body).status == 201
    assert (store / "sub" / "new file").read_bytes() == body
    assert server.ask("/sub/new%20file", "PUT", b"").status == 204
    assert (store / "sub" / "new file").read_bytes() == b""
    assert server.ask("/sub/new%20file", "PUT", b"x", If_None_Match="*").status == 412
    chunked = iter([b"one ", b"two ", b"x" * 100_000])
    assert server.ask("/c", "PUT", chunked).status == 201
    assert (store / "c").read_bytes() == b"one two " + b"x" * 100_000
    assert server.ask("/none/x", "PUT", b"x").status == 409
    assert server.ask("/sub", "PUT", b"x").status == 409
    assert server.ask("/sub/", "PUT", b"x").status == 409
    assert server.ask("/.x", "PUT", b"x").status == 403
    assert server.ask("/sub/new%20file").status == 404  # it's another folder
    assert sorted(os.listdir(store)) == ["c", "sub"] and os.listdir(store / "sub") == ["new file"]


def test_uploads_stay_within(serve, site, tmp_path):
    os.symlink("../..", site / "up")
    os.symlink("../outside.txt", site / "link")
    server = serve("--upload", site)
    for path in ("/../evil", "/%2e%2e/evil", "/up/evil", "/sub/../../evil"):
        assert status(server.raw(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                                 "Connection: close\r\n\r\nx".encode())) in (400, 409)
    assert not (tmp_path / "evil").exists()
    assert server.ask("/link", "PUT", b"new").status == 204  # the link is replaced, not followed
    assert (tmp_path / "outside.txt").read_text() == "outside"
    assert server.ask("/link").body == b"new"


def test_upload_keeps_the_connection(serve, site):
    server = serve("--upload", site)
    put = b"PUT /%s HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    chunked = b"PUT /d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    last = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = server.raw(put % b"a" + put % b"b" + chunked + put % b"c" + last)
    assert answer.count(b"HTTP/1.1 201 ") == 4 and answer.endswith(b"abc")


def test_upload_is_told_to_go_on(serve, site):
    with serve("--upload", site).connect() as s:
        s.sendall(b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert s.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        s.sendall(b"abc")
        assert status(s.recv(1000)) == 201


def test_half_an_upload(serve, site):
    server = serve("--upload", site)
    with server.connect() as s:
        s.sendall(b"PUT /numbers HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
        wait_for(lambda: any(name.startswith(".upload-") for name in os.listdir(site)))
        assert server.ask("/numbers").body == b"0123456789"
    wait_for(lambda: not any(name.startswith(".upload-") for name in os.listdir(site)))
    assert (site / "numbers").read_bytes() == b"0123456789"


@pytest.mark.parametrize("fields, body, expected", [
    (b"", b"", 411),
    (b"Content-Length: 2000\r\n", b"x" * 2000, 413),
    (b"Transfer-Encoding: chunked\r\n", b"800\r\n" + b"x" * 2048 + b"\r\n0\r\n\r\n", 413),
    (b"Transfer-Encoding: chunked\r\n", b"3\r\nabcX\r\n", 400),
    (b"Content-Length: 1\r\nContent-Range: bytes 0-0/2\r\n", b"x", 400),
])
def test_uploads_that_are_refused(serve, site, fields, body, expected):
    server = serve("--upload", site, "--upload-max", "1k")
    answer = server.raw(b"PUT /new HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + fields + b"\r\n" + body)
    assert status(answer) == expected
    assert not (site / "new").exists() and not any(n.startswith(".up") for n in os.listdir(site))


def test_a_full_disk(netns, berth, site, tmp_path):
    """What doesn't fit is told, and nothing of it stays."""
    store = tmp_path / "store"
    store.mkdir()
    log = tmp_path / "access.log"
    mount = 'mount -t tmpfs -o size=256k none "$0" && exec "$@"'
    started = process.start(
        ["unshare", "-m", "sh", "-c", mount, store, berth.path, "serve", "--log", log, "--upload", store,
         store, "127.0.0.1:0"], netns=netns, stderr=process.subprocess.PIPE)
    try:
        server = Server(started, netns, log)
        assert status(server.raw(b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
                                 + b"x" * 1_000_000)) == 507
        assert server.ask("/y", "PUT", b"y" * 100_000).status == 201
        names = [e["name"] for e in json.loads(server.ask("/?format=json").body)["entries"]]
        assert names == ["y"]
    finally:
        process.end(started)
