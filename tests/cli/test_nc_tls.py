"""TLS in berth nc: OpenBSD's letters for it, against Python's ssl, OpenSSL's own tools and berth's
native commands. Debian's nc has none, so there is no original to compare with."""

import contextlib
import os
import re
import socket
import ssl
import subprocess

import pytest

from lib.certificates import Authority, fingerprint
from lib.listening import Listening, read_all
from lib.peers import Peer
from lib.process import child_setup, end, is_sanitized, run
from lib.wait import wait_for

BULK = os.urandom(3 << 20)


def in_two_files(pem, folder):
    """The certificate, and its key."""
    text = pem.read_text()
    at = text.index("-----BEGIN PRIVATE")
    (folder / "cert").write_text(text[:at])
    (folder / "key").write_text(text[at:])
    return folder / "cert", folder / "key"


def server_context(certificate, clients=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if clients:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(authority, certificate=None):
    context = ssl.create_default_context(cafile=authority.path)
    if certificate:
        context.load_cert_chain(certificate)
    return context


@pytest.fixture
def peer(netns):
    """peer(serve, context) speaks TLS with each connection, then serves it; handshakes that fail
    are no matter."""
    with contextlib.ExitStack() as stack:

        def make(serve, context):
            def shake_and_serve(connection):
                with contextlib.suppress(ssl.SSLError, ConnectionError):
                    with context.wrap_socket(connection, server_side=True) as secure:
                        serve(secure)

            return stack.enter_context(contextlib.closing(Peer(shake_and_serve, netns=netns)))

        yield make


def echo(secure):
    secure.sendall(secure.recv(100))
    secure.unwrap()


# Connecting


def test_connect(berth, peer, good, authority):
    at = peer(echo, server_context(good))
    result = berth("nc", "-c", "-R", authority.path, "127.0.0.1", at.port, input="hello")
    assert (result.stdout, result.stderr) == ("hello", "")


def test_what_is_told(berth, peer, good, authority):
    at = peer(echo, server_context(good))
    result = berth("nc", "-cv", "-R", authority.path, "localhost", at.port, input="hello")
    hash_ = fingerprint(good).replace(":", "").lower()
    for line in (f"Connection to localhost (127.0.0.1) {at.port} port [tcp/*] succeeded!",
                 "Peer name: localhost", "Subject: CN=localhost", "Issuer: CN=Test Authority",
                 f"Cert Hash: SHA256:{hash_}"):
        assert line in result.stderr.splitlines(), result.stderr
    assert re.search("^TLS handshake negotiated TLSv1.3/TLS_[A-Z0-9_]+ with host localhost$", result.stderr, re.M)


def test_the_name_is_asked_for_and_checked(berth, peer, authority):
    other = authority.issue("example.org", "DNS:example.org")
    seen = []
    context = server_context(other)
    context.sni_callback = lambda s, name, c: seen.append(name)
    at = peer(echo, context)
    words = ("-R", authority.path, "localhost", at.port)
    refused = berth("nc", "-c", *words, input="x", status=1).stderr
    assert refused == ("nc: tls handshake failed (its certificate is for example.org, not for "
                       "'localhost' (-e if that is right))\n")
    assert berth("nc", "-c", "-e", "example.org", *words, input="x").stdout == "x"
    assert berth("nc", "-c", "-T", "noname", *words, input="x").stdout == "x"
    assert seen == ["localhost", "example.org", "localhost"]


def test_nobody_vouches(berth, peer, good):
    at = peer(echo, server_context(good))
    refused = berth("nc", "-c", "localhost", at.port, input="x", status=1).stderr
    assert "nc: tls handshake failed (its certificate was issued by 'CN=Test Authority'" in refused
    assert "-R names who may vouch" in refused
    assert berth("nc", "-c", "-T", "noverify", "localhost", at.port, input="x").stdout == "x"


def test_hash(berth, peer, good, authority):
    at = peer(echo, server_context(good))
    words = ("-c", "-R", authority.path, "127.0.0.1", at.port)
    digits = fingerprint(good)
    for form in ("SHA256:" + digits.replace(":", "").lower(), digits):
        assert berth("nc", "-H", form, *words, input="x").stdout == "x"
    other = ("01" if digits.startswith("00") else "00") + digits[2:]
    for form in ("SHA256:00", digits[:-1], digits + "0", other, ""):
        result = berth("nc", "-H", form, *words, input="x", status=1)
        assert result.stderr == f"nc: peer certificate is not {form}\n"
        assert result.stdout == ""


@pytest.mark.parametrize("files", ["one", "two"])
def test_own_certificate(berth, peer, good, authority, tmp_path, files):
    at = peer(echo, server_context(good, clients=authority.path))
    own = authority.issue(f"alice {files}")
    words = ["-K", own]
    if files == "two":
        certificate, key = in_two_files(own, tmp_path)
        words = ["-K", key, "-T", f"certfile={certificate}"]
    assert berth("nc", "-c", *words, "-R", authority.path, "127.0.0.1", at.port, input="x").stdout == "x"


def test_own_certificate_is_wanted(berth, peer, good, authority):
    context = server_context(good, clients=authority.path)
    at = peer(echo, context)
    result = berth("nc", "-c", "-R", authority.path, "127.0.0.1", at.port)
    assert result.stdout == ""
    assert result.stderr.startswith("nc: ") and "TLS alert" in result.stderr


def test_protocols_and_ciphers(berth, peer, good, authority):
    at = peer(echo, server_context(good))

    def negotiated(*words):
        text = berth("nc", "-cv", "-R", authority.path, *words, "127.0.0.1", at.port, input="x").stderr
        return text.split("negotiated ")[1].split()[0]

    assert negotiated("-T", "protocols=tlsv1.2").startswith("TLSv1.2/")
    assert negotiated("-T", "protocols=all:!tlsv1.3").startswith("TLSv1.2/")
    assert negotiated("-T", "protocols=!tlsv1.2").startswith("TLSv1.3/")
    assert negotiated("-T", "protocols=tlsv1.2,tlsv1.3").startswith("TLSv1.3/")
    assert negotiated("-T", "ciphers=TLS_CHACHA20_POLY1305_SHA256") == "TLSv1.3/TLS_CHACHA20_POLY1305_SHA256"
    cipher = "ECDHE-ECDSA-AES256-GCM-SHA384"
    assert negotiated("-T", f"ciphers={cipher}", "-T", "protocols=tlsv1.2") == "TLSv1.2/" + cipher
    assert negotiated("-T", "ciphers=secure").startswith("TLSv1.3/")
    assert negotiated("-T", "ciphers=compat").startswith("TLSv1.3/")


def test_no_common_version(berth, peer, good, authority):
    context = server_context(good)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    at = peer(echo, context)
    result = berth("nc", "-c", "-T", "protocols=tlsv1.3", "-R", authority.path, "127.0.0.1", at.port, status=1)
    assert "nc: tls handshake failed (" in result.stderr and "version" in result.stderr


def test_traffic_class_and_tls_share_a_letter(berth, peer, good, tmp_path):
    if is_sanitized(berth.path):
        pytest.skip("not here: a sanitizer can't look for leaks while it is traced")
    at = peer(echo, server_context(good))
    command = ["strace", "-e", "trace=setsockopt", "-o", tmp_path / "calls"]
    command += berth.command("nc", "-c", "-T", "noverify", "-T", "ef", "-T", "noname", "127.0.0.1", at.port)
    assert run(command, netns=berth.netns, input="x").stdout == "x"
    assert "IP_TOS, [184]" in (tmp_path / "calls").read_text()


def test_much_both_ways(berth, peer, good, authority, netns):
    """The peer hears all before it answers, so our writing end must be shut."""
    heard = []

    def serve(secure):
        heard.append(read_all(secure))
        secure.sendall(heard[0][::-1])
        secure.unwrap()

    at = peer(serve, server_context(good))
    done = subprocess.run(berth.command("nc", "-cN", "-R", authority.path, "127.0.0.1", at.port), input=BULK,
                          capture_output=True, preexec_fn=child_setup(netns), timeout=60, check=True)
    assert heard == [BULK] and done.stdout == BULK[::-1] and done.stderr == b""


def test_both_ways_at_once(berth, peer, good, authority, netns):
    """Neither waits for the other to hear it."""

    def serve(secure):
        while part := secure.recv(1 << 16):
            secure.sendall(part)
        secure.unwrap()

    at = peer(serve, server_context(good))
    done = subprocess.run(berth.command("nc", "-cN", "-R", authority.path, "127.0.0.1", at.port), input=BULK,
                          capture_output=True, preexec_fn=child_setup(netns), timeout=60, check=True)
    assert done.stdout == BULK


def test_line_ends_and_negotiation_above_tls(berth, peer, good, authority):
    heard = []

    def serve(secure):
        secure.sendall(b"\xff\xfd\x18login: ")
        got = b""
        while len(got) < 3 + 4 + 3:
            got += secure.recv(100)
        heard.append(got)
        secure.unwrap()

    at = peer(serve, server_context(good))
    out = berth("nc", "-cCt", "-R", authority.path, "127.0.0.1", at.port, input="ab\nc\n").stdout
    assert out.endswith("login: ")
    assert heard[0].replace(b"\xff\xfc\x18", b"", 1) == b"ab\r\nc\r\n"


def test_nothing_moves(berth, peer, good, authority):
    at = peer(lambda secure: secure.recv(1), server_context(good))
    with berth.start("nc", "-cw1", "-R", authority.path, "127.0.0.1", at.port, stdin=subprocess.PIPE) as client:
        assert client.wait(20) == 0


def test_only_connecting(berth, peer, good, authority):
    at = peer(read_all, server_context(good))
    assert "TLS handshake negotiated" in berth("nc", "-zcv", "-R", authority.path, "localhost", at.port).stderr
    assert "isn't known here" in berth("nc", "-zc", "localhost", at.port, status=1).stderr


def test_a_server_without_tls(berth, netns):
    with contextlib.closing(Peer(lambda c: c.sendall(b"220 hello\r\n"), netns=netns)) as at:
        result = berth("nc", "-c", "127.0.0.1", at.port, input="x", status=1)
    assert result.stderr == "nc: tls handshake failed (what the peer said isn't TLS (a port without TLS?))\n"


def test_a_server_that_says_nothing(berth, netns):
    with contextlib.closing(Peer(lambda c: c.recv(10000) and c.recv(1), netns=netns)) as at:
        result = berth("nc", "-cw1", "127.0.0.1", at.port, input="x", status=1)
    assert "nc: tls handshake failed (the handshake didn't end in time" in result.stderr


def test_cut_by_the_server(berth, peer, good, authority):
    def cut(secure):
        secure.sendall(b"half an ans")
        socket.socket.shutdown(secure, socket.SHUT_WR)

    at = peer(cut, server_context(good))
    words = ("-R", authority.path, "127.0.0.1", at.port)
    assert (berth("nc", "-c", *words).stdout, berth("nc", "-c", *words).stderr) == ("half an ans", "")
    assert "nc: the connection ended without TLS's goodbye" in berth("nc", "-cv", *words).stderr


def test_through_a_proxy(berth, netns, good, authority):
    """The name that the certificate has to bear is the one behind the proxy."""

    def proxy(connection):
        got = b""
        while not got.endswith(b"\r\n\r\n"):
            got += connection.recv(1)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        with server_context(good).wrap_socket(connection, server_side=True) as secure:
            echo(secure)

    with contextlib.closing(Peer(proxy, netns=netns)) as at:
        assert berth("nc", "-c", "-Xconnect", "-x", f"127.0.0.1:{at.port}", "-R", authority.path, "localhost", "443",
                     input="hello").stdout == "hello"


# Stapled answers of OCSP


def s_server(netns, *words):
    server = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:0", "-rev", *map(str, words)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              preexec_fn=child_setup(netns))
    line = b""
    while b"ACCEPT" not in line:
        line = server.stdout.readline()
        assert line
    server.port = line.split(b":")[-1].decode().strip()
    return server


@pytest.mark.parametrize("version", ["tlsv1.2", "tlsv1.3"])
def test_must_staple(berth, netns, authority, version):
    leaf = authority.issue(f"stapled {version}", "DNS:localhost")
    other = authority.issue(f"other {version}", "DNS:localhost")

    def ask(*words, status=0):
        server = s_server(netns, "-cert", leaf, *words)
        try:
            return berth("nc", "-cN", "-T", "muststaple", "-T", f"protocols={version}", "-R", authority.path, "-e",
                         "localhost", "127.0.0.1", server.port, input="hello\n", status=status)
        finally:
            end(server)

    assert ask("-status_file", authority.answer(leaf)).stdout == "olleh\n"
    assert ask("-status_file", authority.answer(leaf, days=1)).stdout == "olleh\n"
    for words, said in [
        ([], "it showed no OCSP answer about its certificate"),
        (["-status_file", authority.answer(other)], "the OCSP answer with its certificate is about another"),
        (["-status_file", authority.answer(leaf, revoked=True)], "its certificate was revoked"),
    ]:
        assert ask(*words, status=1).stderr == f"nc: tls handshake failed ({said})\n"


def test_answers_of_strangers(berth, netns, authority, tmp_path):
    """Who didn't vouch for the certificate has nothing to say about it, though the server says so."""
    leaf = authority.issue("talked about", "DNS:localhost")
    stranger = Authority(tmp_path)
    server = s_server(netns, "-cert", leaf, "-status_file", stranger.answer(leaf), "-cert_chain", stranger.path)
    try:
        result = berth("nc", "-c", "-T", "muststaple", "-R", authority.path, "-e", "localhost", "127.0.0.1",
                       server.port, input="x", status=1)
    finally:
        end(server)
    assert "isn't of anybody who may give one" in result.stderr


# Listening


@pytest.fixture
def listener(berth, netns):
    """listener(words…): berth nc -l on 127.0.0.1:4444, listening; .said() is its stderr so far."""
    started = []

    def make(*words, stdin=subprocess.PIPE):
        one = berth.start("nc", "-lcvn", *words, "127.0.0.1", "4444", stdin=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
        started.append(one)
        assert one.stderr.readline() == "Listening on 127.0.0.1 4444\n"
        return one

    yield make
    for one in started:
        end(one)


def connect(netns, context, name="localhost"):
    with netns.inside():
        s = socket.create_connection(("127.0.0.1", 4444), 20)
    return context.wrap_socket(s, server_hostname=name)


@pytest.mark.parametrize("files", ["one", "two"])
def test_listen(listener, netns, good, authority, tmp_path, files):
    words = ["-K", good]
    if files == "two":
        certificate, key = in_two_files(good, tmp_path)
        words = ["-K", key, "-T", f"certfile={certificate}"]
    server = listener(*words)
    with connect(netns, client_context(authority)) as s:
        s.sendall(b"question")
        assert server.stdout.read(8) == "question"
        server.stdin.write("answer")
        server.stdin.flush()
        assert s.recv(100) == b"answer"
        s.suppress_ragged_eofs = False
        s.unwrap()
    assert server.wait(20) == 0


def test_listen_says_goodbye(listener, netns, good, authority):
    server = listener("-N", "-K", good)
    with connect(netns, client_context(authority)) as s:
        s.suppress_ragged_eofs = False
        server.stdin.write("all there is")
        server.stdin.close()
        server.stdin = None
        assert read_all(s) == b"all there is"
        s.unwrap()
    assert server.wait(20) == 0


def test_one_client_after_the_other(listener, netns, good, authority):
    """Also behind one whose handshake failed."""
    server = listener("-k", "-K", good)
    for i in range(2):
        with connect(netns, client_context(authority)) as s:
            s.sendall(b"%d" % i)
            assert server.stdout.read(1) == str(i)
    with netns.inside(), socket.create_connection(("127.0.0.1", 4444)) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        read_all(plain)
    with connect(netns, client_context(authority)) as s:
        s.sendall(b"!")
        assert server.stdout.read(1) == "!"
    server.terminate()
    assert "nc: tls handshake failed (the peer spoke plain HTTP, not TLS (https://?))\n" in server.stderr.read()


def test_client_certificates(listener, netns, good, authority):
    alice = authority.issue("alice of nc", "DNS:alice.example")
    server = listener("-k", "-K", good, "-R", authority.path, "-T", "clientcert", "-e", "alice.example")
    with contextlib.suppress(ssl.SSLError, ConnectionError), connect(netns, client_context(authority)) as s:
        s.recv(1)
    bob = authority.issue("bob of nc", "DNS:bob.example")
    with contextlib.suppress(ssl.SSLError, ConnectionError), connect(netns, client_context(authority, bob)) as s:
        s.recv(1)
    with connect(netns, client_context(authority, alice)) as s:
        s.sendall(b"it is me")
        assert server.stdout.read(8) == "it is me"
    server.terminate()
    said = server.stderr.read()
    assert "nc: tls handshake failed (the peer showed no certificate, and has to)\n" in said
    assert "nc: tls handshake failed (its certificate is for bob.example, not for 'alice.example'" in said
    assert "Peer name: alice.example\nSubject: CN=alice of nc\n" in said


def test_optional_client_certificates(listener, netns, good, authority, tmp_path):
    alice = authority.issue("alice by hash")
    server = listener("-k", "-K", good, "-R", authority.path, "-H", fingerprint(alice))
    with connect(netns, client_context(authority)) as s:
        s.sendall(b"1")
        assert server.stdout.read(1) == "1"
    bob = authority.issue("bob by hash")
    with contextlib.suppress(ssl.SSLError, ConnectionError), connect(netns, client_context(authority, bob)) as s:
        s.recv(1)
    with connect(netns, client_context(authority, alice)) as s:
        s.sendall(b"2")
        assert server.stdout.read(1) == "2"
    stranger = Authority(tmp_path, "Stranger").issue("stranger")
    with contextlib.suppress(ssl.SSLError, ConnectionError), connect(netns, client_context(authority, stranger)) as s:
        s.recv(1)
    with connect(netns, client_context(authority)) as s:
        s.sendall(b"3")
        assert server.stdout.read(1) == "3"
    server.terminate()
    said = server.stderr.read()
    assert f"nc: peer certificate is not {fingerprint(alice)}\n" in said
    assert "which isn't known here" in said


def test_staple_is_shown(listener, netns, authority):
    leaf = authority.issue("shows its staple", "DNS:localhost")
    listener("-K", leaf, "-o", authority.answer(leaf))
    done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:4444", "-status", "-CAfile", authority.path,
                           "-verify_return_error"], stdin=subprocess.DEVNULL, capture_output=True,
                          preexec_fn=child_setup(netns), timeout=20, check=True)
    assert b"OCSP Response Status: successful" in done.stdout and b"Cert Status: good" in done.stdout


# Among ourselves


def test_nc_to_nc(berth, listener, good, authority):
    leaf = authority.issue("nc to nc", "DNS:localhost")
    server = listener("-N", "-K", leaf, "-o", authority.answer(leaf))
    client = berth.start("nc", "-cN", "-T", "muststaple", "-R", authority.path, "-e", "localhost", "127.0.0.1", "4444",
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    server.stdin.write("there")
    server.stdin.close()
    server.stdin = None
    out = client.communicate("and back", timeout=20)[0]
    assert (out, server.stdout.read()) == ("there", "and back")
    assert (client.wait(20), server.wait(20)) == (0, 0)


def test_to_berth_listen(berth, good, authority):
    with contextlib.closing(Listening(berth, "tls:127.0.0.1:0", "--echo", "--tls-cert", good)) as server:
        assert berth("nc", "-cN", "-R", authority.path, "localhost", server.port, input="hello").stdout == "hello"
        server.wait_events("closed")


def test_from_berth_connect(berth, listener, good, authority):
    server = listener("-K", good)
    client = berth.start("connect", "tls:localhost:4444", "--tls-ca", authority.path, "-4", stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE)
    client.stdin.write("hello")
    client.stdin.flush()
    assert server.stdout.read(5) == "hello"
    server.stdin.write("answer")
    server.stdin.flush()
    assert client.stdout.read(6) == "answer"
    client.stdin.close()
    client.stdin = None
    wait_for(lambda: server.poll() is not None)
    client.wait(20)


# Mistakes


@pytest.mark.parametrize("line, said", [
    ("-cu 127.0.0.1 1", "cannot use -c and -u"),
    ("-cZ 127.0.0.1 1", "cannot use -c and -Z"),
    ("-cU /a", "cannot use -c and -U"),
    ("-cF 127.0.0.1 1", "cannot use -c and -F"),
    ("-T noverify 127.0.0.1 1", "you must specify -c to use TLS options"),
    ("-K a 127.0.0.1 1", "you must specify -c to use -K"),
    ("-R a 127.0.0.1 1", "you must specify -c to use -R"),
    ("-H a 127.0.0.1 1", "you must specify -c to use -H"),
    ("-e a 127.0.0.1 1", "you must specify -c to use -e"),
    ("-o a 127.0.0.1 1", "you must specify -c to use -o"),
    ("-lc -o a 1", "you must specify -l and a certificate (-K or -T certfile=) to use -o"),
    ("-c -T clientcert 127.0.0.1 1", "clientcert is only valid with -l"),
    ("-lc -K a -T muststaple 1", "muststaple is not valid with -l"),
    ("-lc -K a -T clientcert -T noverify 1", "-T clientcert and -T noverify may not be used together"),
    ("-c -H a -T noverify 127.0.0.1 1", "-H and -T noverify may not be used together"),
    ("-c -T muststaple -T noverify 127.0.0.1 1", "-T muststaple and -T noverify may not be used together"),
    ("-lc 1", "-l needs a certificate for TLS: -K with both it and its key, or -T certfile= and -K"),
    ("-c -T noverify=1 127.0.0.1 1", "invalid tls value `noverify=1'"),
    ("-c -T ciphers 127.0.0.1 1", "missing value for tls option `ciphers'"),
    ("-c -T nonsense 127.0.0.1 1", "illegal tos value nonsense"),
    ("-c -T protocols=tlsv1.1 127.0.0.1 1", "invalid TLS protocols `tlsv1.1'"),
    ("-c -T protocols=all:!all 127.0.0.1 1", "invalid TLS protocols `all:!all'"),
    ("-c -T protocols= 127.0.0.1 1", "invalid TLS protocols `'"),
    ("-c -T ciphers=NONE-SUCH 127.0.0.1 1",
     "tls configuration failed (cannot use the ciphers 'NONE-SUCH': no cipher match)"),
    ("-c -R /nonexistent 127.0.0.1 1",
     "tls configuration failed (cannot read the certificates of '/nonexistent': No such file or directory)"),
    ("-lc -K /nonexistent 1",
     "tls configuration failed (cannot read the certificate '/nonexistent': No such file or directory)"),
])
def test_mistakes(berth, netns, line, said):
    result = berth("nc", *line.split(), status=1)
    assert (result.stdout, result.stderr) == ("", f"nc: {said}\n")


def test_staple_that_is_none(berth, good):
    result = berth("nc", "-lc", "-K", good, "-o", good, "1", status=1)
    assert "there is none in it (DER, as 'openssl ocsp -respout' writes it)" in result.stderr


def test_openssl_is_loaded_only_for_tls(berth):
    def libraries(*words):
        return berth("nc", *words, "127.0.0.1", "1", env={"LD_DEBUG": "files"}, status=1).stderr

    assert "libssl" not in libraries("-z")
    assert "libssl" in libraries("-zc")
