"""berth serve: what clients get, what they never get, and what it tells."""

import base64
import contextlib
import email.utils
import gzip
import http.client
import json
import os
import re
import signal
import socket
import threading
from types import SimpleNamespace

import pytest

from lib import process
from lib.http_server import GET, HOST, count_all, make_huge, read_all, status
from lib.wait import wait_for


def test_a_file(serve):
    answer = serve().ask("/hello.txt")
    assert answer.status == 200 and answer.body == b"hello, world\n"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Length"] == "13"
    assert email.utils.parsedate_to_datetime(answer.headers["Date"])
    assert email.utils.parsedate_to_datetime(answer.headers["Last-Modified"])


def test_a_large_file_and_its_head(serve, site):
    server = serve()
    answer = server.ask("/big.bin")
    assert answer.body == (site / "big.bin").read_bytes()
    assert answer.headers["Content-Type"] == "application/octet-stream"
    head = server.ask("/big.bin", "HEAD")
    assert head.body == b"" and head.headers["Content-Length"] == "3000000"


def test_curl_gets_it(serve, netns, site):
    server = serve()
    got = netns.run("curl", "-sS", "--compressed", f"http://127.0.0.1:{server.port}/hello.txt")
    assert got.stdout == "hello, world\n"


def test_types(serve, site):
    server = serve()
    for name, kind in [("x.html", "text/html; charset=utf-8"), ("x.JS", "text/javascript; charset=utf-8"),
                       ("x.svg", "image/svg+xml"), ("x.wasm", "application/wasm")]:
        (site / name).write_text("x")
        assert server.ask("/" + name).headers["Content-Type"] == kind
    (site / "README").write_text("words")
    (site / "core").write_bytes(b"\x7fELF\0\0")
    assert server.ask("/README").headers["Content-Type"] == "text/plain; charset=utf-8"
    assert server.ask("/core").headers["Content-Type"] == "application/octet-stream"


def test_a_changed_file_is_never_old(serve, site):
    server = serve()
    for i in range(50):
        text = f"version {i}" * 3
        if i % 3 == 0:
            (site / "f").write_text(text)
        elif i % 3 == 1:
            (site / "new").write_text(text)
            os.replace(site / "new", site / "f")
        else:
            os.unlink(site / "f")
            (site / "f").write_text(text)
        assert server.ask("/f").body.decode() == text
    os.unlink(site / "f")
    assert server.ask("/f").status == 404


def test_a_changed_file_is_never_old_among_many(serve, site):
    """One look at a file does for requests that came before it, and for no other."""
    server = serve()
    (site / "f").write_text("first")
    over = threading.Event()
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(server.connect()) for _ in range(8)]
        stack.callback(over.set)

        def ask_and_ask():
            while not over.is_set():
                for s in others:
                    s.sendall(b"GET /f HTTP/1.1\r\n" + HOST + b"\r\n")
                for s in others:
                    assert s.recv(65536).startswith(b"HTTP/1.1 200")

        thread = threading.Thread(target=ask_and_ask)
        thread.start()
        stack.callback(thread.join)
        stack.callback(over.set)
        mine = stack.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1")))
        mine.sock = server.connect()
        for i in range(500):
            (site / "new").write_text(f"version {i}")
            os.replace(site / "new", site / "f")
            if i % 2:
                assert server.ask("/f").body.decode() == f"version {i}"
            else:
                mine.request("GET", "/f")
                assert mine.getresponse().read().decode() == f"version {i}"


def test_keep_alive_and_pipelining(serve, site):
    server = serve()
    (site / "medium").write_bytes(b"m" * 100_000)
    paths = ["hello.txt", "medium", "numbers", "nothing", "big.bin", "hello.txt"] * 5
    with server.connect() as s:
        requests = b"".join(b"GET /%s HTTP/1.1\r\n%s\r\n" % (p.encode(), HOST) for p in paths)
        s.sendall(requests + b"GET /numbers HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        answers = s.makefile("rb")
        for path in [*paths, "numbers"]:
            assert answers.readline().split()[1] == (b"404" if path == "nothing" else b"200")
            fields = http.client.parse_headers(answers)
            body = answers.read(int(fields["Content-Length"]))
            if path != "nothing":
                assert body == (site / path).read_bytes()
        assert answers.read() == b""


def test_old_clients(serve):
    server = serve()
    answer = server.raw(b"GET /hello.txt HTTP/1.0\r\n\r\n")
    assert status(answer) == 200 and b"Connection: close" in answer
    answer = server.raw(b"GET /hello.txt HTTP/1.0\n\n")  # typed by hand
    assert answer.endswith(b"hello, world\n")
    with server.connect() as s:
        s.sendall(b"GET /numbers HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
        s.shutdown(socket.SHUT_WR)
        assert read_all(s).count(b"Connection: keep-alive") == 2


def test_half_closed_clients_hear_it_all(serve, site):
    with serve().connect() as s:
        s.sendall(b"GET /big.bin HTTP/1.1\r\n" + HOST + b"\r\n")
        s.shutdown(socket.SHUT_WR)
        assert read_all(s).endswith((site / "big.bin").read_bytes())


@pytest.mark.parametrize("asked, expected", [
    ("bytes=0-0", b"0"), ("bytes=3-5", b"345"), ("bytes=-3", b"789"), ("bytes=7-", b"789"),
    ("bytes=5-100", b"56789"),
])
def test_ranges(serve, asked, expected):
    answer = serve().ask("/numbers", Range=asked)
    assert answer.status == 206 and answer.body == expected
    first = b"0123456789".index(expected)
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(expected) - 1}/10"


def test_ranges_that_are_none(serve):
    server = serve()
    answer = server.ask("/numbers", Range="bytes=10-")
    assert answer.status == 416 and answer.headers["Content-Range"] == "bytes */10"
    for odd in ("bytes=5-1", "lines=1-2", "bytes=x", "bytes=0-,0-"):
        answer = server.ask("/numbers", Range=odd)
        assert answer.status == 200 and answer.body == b"0123456789"


def test_several_ranges(serve, site):
    server = serve()
    answer = server.ask("/big.bin", Range="bytes=0-9, 1000000-1999999, -5")
    content = (site / "big.bin").read_bytes()
    assert answer.status == 206 and len(answer.body) == int(answer.headers["Content-Length"])
    boundary = re.fullmatch("multipart/byteranges; boundary=(.*)", answer.headers["Content-Type"])[1]
    parts = answer.body.split(b"\r\n--" + boundary.encode())
    assert parts[0] == b"" and parts[-1] == b"--\r\n"
    for part, (first, last) in zip(parts[1:-1], [(0, 9), (1000000, 1999999), (2999995, 2999999)]):
        head, body = part.split(b"\r\n\r\n", 1)
        assert f"Content-Range: bytes {first}-{last}/3000000".encode() in head
        assert body == content[first : last + 1]
    assert len(parts) == 5


def test_conditions(serve, site):
    server = serve()
    first = server.ask("/hello.txt")
    tag, date = first.headers["ETag"], first.headers["Last-Modified"]
    answer = server.ask("/hello.txt", If_None_Match=f'"x", {tag}')
    assert answer.status == 304 and answer.body == b"" and answer.headers["ETag"] == tag
    assert server.ask("/hello.txt", If_Modified_Since=date).status == 304
    assert server.ask("/hello.txt", If_Match='"x"').status == 412
    assert server.ask("/hello.txt", If_Range=tag, Range="bytes=0-4").body == b"hello"
    (site / "hello.txt").write_text("HELLO, WORLD\n")
    assert server.ask("/hello.txt", If_None_Match=tag).status == 200
    assert server.ask("/hello.txt", If_Range=tag, Range="bytes=0-4").body == b"HELLO, WORLD\n"


def test_compressed_neighbours(serve, site):
    server = serve()
    (site / "x.js").write_text("plain")
    assert "Content-Encoding" not in server.ask("/x.js", Accept_Encoding="gzip").headers
    (site / "x.js.gz").write_bytes(gzip.compress(b"plain"))
    (site / "x.js.br").write_bytes(b"brotli")
    answer = server.ask("/x.js", Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip" and gzip.decompress(answer.body) == b"plain"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Vary"] == "Accept-Encoding"
    # a cache must not give one who can't read gzip what it kept of another's, nor the reverse
    assert server.ask("/x.js").headers["Vary"] == "Accept-Encoding"
    (site / "x.png").write_bytes(b"a picture is compressed already")
    assert "Vary" not in server.ask("/x.png").headers
    assert answer.headers["ETag"] != server.ask("/x.js").headers["ETag"]
    assert server.ask("/x.js", Accept_Encoding="gzip, br").headers["Content-Encoding"] == "br"
    assert server.ask("/x.js", Accept_Encoding="gzip, br;q=0.1").headers["Content-Encoding"] == "gzip"
    assert server.ask("/x.js", Accept_Encoding="gzip;q=0").body == b"plain"
    # one that is older than its file is yesterday's
    os.utime(site / "x.js.gz", (1, 1))
    assert server.ask("/x.js", Accept_Encoding="gzip").body == b"plain"


def test_folders(serve):
    server = serve()
    answer = server.ask("/sub?x=1")
    assert answer.status == 301 and answer.headers["Location"] == "/sub/?x=1"
    assert server.ask("//sub").headers["Location"] == "/sub/"
    assert server.ask("/sub/").body == b"<h1>sub</h1>"
    assert server.ask("/hello.txt/").status == 404
    assert server.ask("/nothing/").status == 404


def test_listing(serve, site):
    server = serve()
    answer = server.ask("/")
    page = answer.body.decode()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert 'href="./a%3Cb%3E%26%22c%27.txt">a&lt;b&gt;&amp;&quot;c&#39;.txt</a>' in page
    assert 'href="./sub/"' in page and "secret" not in page and "2.9 MiB" in page
    found = json.loads(server.ask("/", Accept="application/json").body)
    assert [e["name"] for e in found["entries"]][0] == "sub"
    sizes = {e["name"]: e["size"] for e in found["entries"]}
    assert sizes["numbers"] == 10 and sizes["sub"] is None and ".secret" not in sizes
    by_size = json.loads(server.ask("/?format=json&sort=size&order=desc").body)["entries"]
    assert by_size[1]["name"] == "big.bin"
    assert server.ask("/sub/deep/").status == 200
    assert server.ask("/sub/deep/?format=html", Accept="application/json").body.startswith(b"<!doctype")


def test_without_listing(serve):
    server = serve("--no-listing")
    assert server.ask("/").status == 403
    assert server.ask("/sub/").status == 200
    assert server.ask("/nothing/").status == 404


def test_other_indexes(serve, site):
    (site / "start.html").write_text("start")
    server = serve("--index", "home.html", "--index", "start.html")
    assert server.ask("/").body == b"start"
    assert b"<!doctype" in server.ask("/sub/").body


@pytest.mark.parametrize("path", [
    "/../outside.txt", "/..", "/%2e%2e/outside.txt", "/sub/../../outside.txt", "/..%2foutside.txt",
    "/%2e%2e%2foutside.txt", "/sub/%2e%2e/%2e%2e/outside.txt", "//../outside.txt", "/..%00/",
    "/hello.txt%00.html", "/link", "/absolute", "/folder/outside.txt", "/..\\outside.txt",
    "/%c0%ae%c0%ae/outside.txt", "/.secret", "/%2esecret", "/sub/.git/config", "/sub/%2egit/config",
    "/sub/./.git/config", "/loop",
])
def test_nothing_leads_out(serve, site, path):
    os.symlink("../outside.txt", site / "link")
    os.symlink(site / "hello.txt", site / "absolute")
    os.symlink("..", site / "folder")
    os.symlink("loop", site / "loop")
    answer = serve().raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert status(answer) in (400, 403, 404)
    assert b"outside" not in answer.split(b"\r\n\r\n", 1)[1] and b"secret" not in answer


def test_links_within(serve, site):
    os.symlink("../hello.txt", site / "sub" / "link")
    os.symlink("../outside.txt", site / "out")
    server = serve()
    assert server.ask("/sub/link").body == b"hello, world\n"
    names = [e["name"] for e in json.loads(server.ask("/?format=json").body)["entries"]]
    assert "out" not in names


def test_a_link_that_turns_outwards(serve, site):
    os.symlink("hello.txt", site / "turns")
    server = serve()
    assert server.ask("/turns").status == 200
    os.unlink(site / "turns")
    os.symlink("../outside.txt", site / "turns")
    assert server.ask("/turns").status == 404


def test_hidden_names_when_asked(serve):
    server = serve("--hidden")
    assert server.ask("/.secret").body == b"secret"
    assert b".secret" in server.ask("/").body


def test_what_is_no_file(serve, site):
    os.mkfifo(site / "fifo")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(site / "socket"))
        server = serve()
        assert server.ask("/fifo").status == 403
        assert server.ask("/socket").status == 403
        (site / "sub" / "index.html").unlink()
        os.mkfifo(site / "sub" / "index.html")
        assert server.ask("/sub/").status == 403


def test_methods(serve):
    server = serve()
    for method in ("POST", "DELETE", "PATCH", "PUT", "TRACE"):
        answer = server.ask("/hello.txt", method)
        assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert server.ask("/hello.txt", "BREW").status == 501
    answer = server.ask("/hello.txt", "OPTIONS")
    assert answer.status == 204 and answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert status(server.raw(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")) == 204


# -- who may ask --


def test_passwords(serve, tmp_path):
    (tmp_path / "one").write_text("s3cret\n")
    (tmp_path / "two").write_text("päss word")
    server = serve("--auth", f"ann:{tmp_path}/one", "--auth", f"bob:{tmp_path}/two")

    def ask(user):
        token = base64.b64encode(user.encode()).decode()
        return server.ask("/hello.txt", Authorization="Basic " + token)

    answer = server.ask("/hello.txt")
    assert answer.status == 401 and answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert ask("ann:s3cret").status == 200 and ask("bob:päss word").status == 200
    for wrong in ("ann:", "ann:s3cre", "ann:s3crett", "bob:s3cret", "ann", ":s3cret", ""):
        assert ask(wrong).status == 401
    assert server.ask("/nothing").status == 401
    wait_for(lambda: len(server.lines()) > 1)
    assert " - ann [" in server.lines()[1]


def test_passwords_in_the_clear_are_told(berth, site, tmp_path):
    (tmp_path / "one").write_text("x")
    started = berth.start("serve", "--auth", f"a:{tmp_path}/one", site, "*:0",
                          stderr=process.subprocess.PIPE)
    talk = ""
    while "in the clear" not in talk:
        line = started.stderr.readline()
        assert line, talk
        talk += line
    assert "(every interface, IPv6)" in talk


def test_cors(serve, tmp_path):
    (tmp_path / "one").write_text("x")
    server = serve("--cors", "--auth", f"a:{tmp_path}/one")
    answer = server.ask("/hello.txt", "OPTIONS", Origin="http://y",
                        Access_Control_Request_Method="GET")
    assert answer.status == 204 and answer.headers["Access-Control-Allow-Origin"] == "*"
    assert server.ask("/hello.txt").status == 401
    assert "Access-Control-Allow-Origin" not in serve().ask("/hello.txt").headers


def test_spa(serve, site):
    (site / "index.html").write_text("application")
    server = serve("--spa")
    assert server.ask("/any/where").body == b"application"
    assert server.ask("/any/where/").body == b"application"
    assert server.ask("/missing.js").status == 404
    assert server.ask("/hello.txt").body == b"hello, world\n"


# -- the log, the end, the command line --


def test_the_log(serve):
    server = serve()
    server.ask("/hello.txt")
    server.raw(b'GET /"\x80 HTTP/1.0\r\n\r\n')
    server.raw(b"\x1b[31m\r\n")
    server.stop()
    clock = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
    first, second, third = server.lines()
    assert re.fullmatch(rf'127\.0\.0\.1 - - {clock} "GET /hello\.txt HTTP/1\.1" 200 13', first)
    assert r'"GET /\x22\x80 HTTP/1.0" 404' in second
    assert '"-" 400' in third


def test_it_ends(serve):
    server = serve()
    with server.connect() as idle:
        server.ask("/hello.txt")
        talk = server.stop(signal.SIGTERM)
        assert server.process.returncode == 0
        assert read_all(idle) == b""
    assert "1 request on 2 connections, 13 B" in talk


def refuses(server):
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def test_what_runs_may_end(serve, site):
    server = serve("--grace", "10s")
    with server.connect() as s:
        make_huge(site)
        s.sendall(b"GET /huge HTTP/1.1\r\n" + HOST + b"\r\n")
        s.recv(100)
        server.process.send_signal(signal.SIGINT)
        server.process.stderr.readline()  # it says so
        wait_for(lambda: refuses(server))
        assert count_all(s) > 199_000_000
        server.process.wait(5)


def test_grace_has_an_end(serve, site):
    server = serve("--grace", "200ms")
    with server.connect() as s:
        make_huge(site)
        s.sendall(b"GET /huge HTTP/1.1\r\n" + HOST + b"\r\n")
        s.recv(100)
        server.stop()
        assert server.process.returncode == 0


def test_workers(serve, site):
    server = serve("--workers", 3)
    for _ in range(30):
        assert server.ask("/big.bin").body == (site / "big.bin").read_bytes()
    assert "30 requests on 30 connections" in server.stop()


def test_workers_do_not_share_with_strangers(berth, netns, site):
    with netns.inside(), socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind(("127.0.0.1", 0))
        s.listen()
        result = berth("serve", "--workers", 2, site, f"127.0.0.1:{s.getsockname()[1]}", status=1)
    assert "in use" in result.stderr and f"[{os.getpid()}]" in result.stderr


def test_where(berth, netns, site):
    """Two addresses of one port, one where the other isn't."""
    started = berth.start("serve", site, "0", stderr=process.subprocess.PIPE)
    lines = [started.stderr.readline() for _ in range(3)]
    assert lines[0] == f"berth: serving {site}\n"
    port = re.search(r"127\.0\.0\.1:(\d+)/ \(this machine only\)", lines[1])[1]
    assert lines[2] == f"berth: http://[::1]:{port}/ (this machine only)\n"
    netns.sysctl("net.ipv6.conf.lo.disable_ipv6", 1)
    started = berth.start("serve", site, "0", stderr=process.subprocess.PIPE)
    assert "[::1]" in started.stderr.readline()  # a word about it
    assert "serving" in started.stderr.readline()
    assert "127.0.0.1" in started.stderr.readline()


def test_words(berth, site, tmp_path):
    os.mkdir(tmp_path / "500")

    def start(*args):
        p = berth.start("serve", *args, stderr=process.subprocess.PIPE, cwd=tmp_path)
        return p.stderr.readline() + p.stderr.readline()

    assert f"serving {tmp_path}\n" in start("500") and ":500/" in start("501").replace("501", "500")
    assert f"serving {tmp_path}/500\n" in start("./500", "8001")
    assert ":8000/" in start("site")
    assert f"serving {tmp_path}\n" in start("127.0.0.1:8002")
    talk = start("unix:" + str(tmp_path / "s"))
    assert f"unix:{tmp_path}/s" in talk


def test_a_unix_socket(berth, site, tmp_path, netns):
    path = tmp_path / "s"
    p = berth.start("serve", site, f"unix:{path}", stderr=process.subprocess.PIPE)
    while "HTTP on" not in p.stderr.readline():
        pass
    got = netns.run("curl", "-sS", "--unix-socket", path, "http://x/hello.txt")
    assert got.stdout == "hello, world\n"
    p.send_signal(signal.SIGSTOP)
    p.send_signal(signal.SIGTERM)
    p.send_signal(signal.SIGHUP)
    p.send_signal(signal.SIGCONT)
    assert "1 request on 1 connection" in p.stderr.read()
    assert p.wait(20) == 0 and not path.exists()


@pytest.mark.parametrize("args, code, message", [
    (["/nowhere"], 1, "cannot serve '/nowhere'"),
    ([".", "nonsense:scheme:1"], 2, "nonsense"),
    ([".", "udp:*:80"], 2, "HTTP needs tcp"),
    (["--auth", "x", "."], 2, "USER:FILE"),
    (["--auth", "x:/nowhere", "."], 1, "/nowhere"),
    (["--auth", "x:/dev/null", "."], 1, "empty"),
    (["--index", "a/b", "."], 2, "--index"),
    (["--upload", "/nowhere", "."], 1, "/nowhere"),
    (["--log", "/nowhere/x", "."], 1, "/nowhere/x"),
    ([".", "192.0.2.1:80"], 1, "no interface of this host"),
])
def test_mistakes(berth, netns, args, code, message):
    result = berth("serve", *args, status=code)
    assert message in result.stderr


# -- TLS --


@pytest.mark.parametrize("args, endpoint", [(["--tls"], "127.0.0.1:0"), ([], "tls:127.0.0.1:0")])
def test_tls(berth, netns, site, tmp_path, args, endpoint):
    started = berth.start("serve", *args, "--log", "/dev/null", site, endpoint,
                          stderr=process.subprocess.PIPE)
    talk = ""
    while "https://" not in talk:
        line = started.stderr.readline()
        assert line, talk
        talk += line
    assert "SHA256:" in talk
    url = re.search(r"https://127\.0\.0\.1:\d+/", talk)[0]
    netns.run("curl", "-sSk", "-o", tmp_path / "got", url + "big.bin")
    assert (tmp_path / "got").read_bytes() == (site / "big.bin").read_bytes()
    got = netns.run("curl", "-sSkv", "--http1.0", url + "hello.txt")
    assert got.stdout == "hello, world\n" and "ALPN: server accepted" in got.stderr
    got = netns.run("curl", "-sSk", url + "numbers", "-r", "2-4,6-7")
    assert "234" in got.stdout and "67" in got.stdout


@pytest.fixture
def secure(berth, netns, site, tmp_path):
    """serve --tls, what it says on stderr, its access log, and new connections to it."""
    log, talk = tmp_path / "access", tmp_path / "talk"
    with open(talk, "w", encoding="utf-8") as stderr:
        berth.start("serve", "--tls", "--log", log, site, "127.0.0.1:0", stderr=stderr)
    wait_for(lambda: "https://" in talk.read_text(), what="https://")
    port = int(re.search(r"https://127\.0\.0\.1:(\d+)/", talk.read_text())[1])

    def connect():
        with netns.inside():
            return socket.create_connection(("127.0.0.1", port), 20)

    return SimpleNamespace(connect=connect, log=log, talk=talk, url=f"127.0.0.1:{port}/")


def test_plain_http_at_a_tls_port_is_answered_in_it(secure, netns):
    got = netns.run("curl", "-sS", "-w", "%{http_code}", "http://" + secure.url, "-d", "x" * 100000)
    assert "https://" in got.stdout and got.stdout.endswith("400")
    assert "cannot set up TLS with '127.0.0.1': the peer spoke plain HTTP" in secure.talk.read_text()
    wait_for(lambda: re.search(r'^127\.0\.0\.1 - - \[.*\] "-" 400 ', secure.log.read_text()), what="the log")
    assert netns.run("curl", "-sSk", f"https://{secure.url}hello.txt").stdout == "hello, world\n"


@pytest.mark.parametrize("said, words", [
    (b"SSH-2.0-OpenSSH_9.2\r\n", "isn't TLS"),
    (b"", "ended the connection in the middle of the handshake"),
])
def test_a_handshake_that_fails_is_told(secure, said, words):
    with secure.connect() as other:
        other.sendall(said)
        other.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP" not in read_all(other)
    wait_for(lambda: words in secure.talk.read_text(), what=words)
    assert secure.log.read_text() == ""
