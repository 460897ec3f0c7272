"""TLS in berth listen and berth connect: against OpenSSL's own tools, Python's ssl, curl, socat and
ncat; what is refused, and in which words."""

import contextlib
import hashlib
import os
import re
import socket
import ssl
import subprocess
import threading

import pytest

from lib.certificates import Authority, fingerprint
from lib.listening import Listening, read_all
from lib.peers import Peer
from lib.process import child_setup
from lib.wait import wait_for

HERE = "127.0.0.1:0"
MIB = os.urandom(1 << 20)


@pytest.fixture
def run(netns):
    """run(command…, input=b"") in the test's namespace: its output."""

    def call(*command, data=b"", status=0):
        result = subprocess.run(list(map(str, command)), input=data, capture_output=True,
                                preexec_fn=child_setup(netns, None), timeout=30, check=False)
        assert status is None or result.returncode == status, result
        return result.stdout

    return call


def client_context(ca=None, certificate=None, verify=True):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if ca:
        context.load_verify_locations(ca)
    if certificate:
        context.load_cert_chain(certificate)
    return context


def server_context(certificate, clients=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if clients:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
def peer(netns):
    """peer(serve, context) speaks TLS with each connection, then serves it."""
    made = []

    def make(serve, context):
        def shake_and_serve(connection):
            with context.wrap_socket(connection, server_side=True) as secure:
                serve(secure)

        made.append(Peer(shake_and_serve, netns=netns))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def failing_peer(netns):
    """The same, where the handshake may fail."""
    made = []

    def make(context):
        def try_it(connection):
            with contextlib.suppress(ssl.SSLError, OSError):
                with context.wrap_socket(connection, server_side=True) as secure:
                    secure.recv(1)

        made.append(Peer(try_it, netns=netns))
        return made[-1]

    yield make
    for one in made:
        one.close()


def echo_then_end(secure):
    secure.sendall(secure.recv(100))
    secure.unwrap()


# Loading


def test_openssl_is_loaded_only_for_tls(berth):
    def libraries(*args):
        result = berth(*args, env={"LD_DEBUG": "files"}, status=None)
        return re.findall(r"calling init: \S*/(lib(?:ssl|crypto)\S*|berth-\S*)", result.stderr)

    assert libraries("--version") == []
    assert libraries("list") == []
    assert any(name.startswith("libssl") for name in libraries("connect", "tls:127.0.0.1:1"))


# Listening


def secure_socket(server, context, name="localhost"):
    return context.wrap_socket(server.connect(), server_hostname=name)


def test_listen_with_certificate(listen, good, authority):
    server = listen("tls:" + HERE, "--echo", "--tls-cert", good)
    with secure_socket(server, client_context(authority.path)) as s:
        s.sendall(b"hello")
        assert s.recv(100) == b"hello"
        assert s.version() == "TLSv1.3"
        s.unwrap()
    closed = server.wait_events("closed")[0]
    assert (closed["why"], closed["bytes_in"], closed["bytes_out"]) == ("ended", 5, 5)
    assert "TLSv1.3" in server.of("opened")[0]["text"]


def test_key_in_a_file_of_its_own(listen, good, authority, tmp_path):
    text = good.read_text()
    at = text.index("-----BEGIN PRIVATE")
    (tmp_path / "cert").write_text(text[:at])
    (tmp_path / "key").write_text(text[at:])
    server = listen(HERE, "--echo", "--tls-cert", tmp_path / "cert", "--tls-key", tmp_path / "key")
    with secure_socket(server, client_context(authority.path)) as s:
        s.sendall(b"x")
        assert s.recv(1) == b"x"


def test_self_signed_and_its_fingerprint(listen):
    server = listen(HERE, "--echo", "--tls")
    with secure_socket(server, client_context(verify=False)) as s:
        digest = hashlib.sha256(s.getpeercert(True)).hexdigest().upper()
    told = server.of("note")[0]["fingerprint"].removeprefix("SHA256:")
    assert told.replace(":", "") == digest


def test_only_those_endpoints_that_say_so(listen, good, authority):
    server = listen("tls:" + HERE, "tcp:" + HERE, "--echo", "--tls-cert", good, listeners=2)
    plain = server.of("listening")[1]["local"]["port"]
    with server.connect(port=plain) as s:
        s.sendall(b"plain")
        assert s.recv(100) == b"plain"
    with secure_socket(server, client_context(authority.path)) as s:
        s.sendall(b"secure")
        assert s.recv(100) == b"secure"


@pytest.mark.parametrize("mode", [["--reply", "answer"], ["--exec", "printf answer"]])
def test_one_sided_modes_say_goodbye(listen, good, authority, mode):
    server = listen(HERE, "--tls-cert", good, *mode)
    with secure_socket(server, client_context(authority.path)) as s:
        s.suppress_ragged_eofs = False
        assert read_all(s) == b"answer"
        s.unwrap()
    server.wait_events("closed")


def connect_to(berth, server, authority, data, status=0):
    """What berth connect gets for DATA, half-closing."""
    result = subprocess.run(
        berth.command("connect", f"tls:localhost:{server.port}", "-4", "--tls-ca", authority.path),
        input=data, capture_output=True, preexec_fn=child_setup(berth.netns, None), timeout=60,
        check=False)
    assert result.returncode == status, result.stderr
    return result.stdout


def test_exec_gets_all_and_its_status_is_told(listen, berth, good, authority):
    server = listen(HERE, "--tls-cert", good, "--exec", "sh -c 'wc -c; exit 7'")
    assert connect_to(berth, server, authority, MIB) == f"{len(MIB)}\n".encode()
    closed = server.wait_events("closed")[0]
    assert (closed["why"], closed["status"]) == ("exited", 7)
    assert closed["bytes_in"] == len(MIB)


def test_exec_that_lives_on_is_told_to_end(listen, good, authority):
    server = listen(HERE, "--tls-cert", good, "--exec", "sleep 1000", "--lifetime", "200ms")
    with secure_socket(server, client_context(authority.path)) as s:
        assert read_all(s) == b""
    assert server.wait_events("closed")[0]["why"] == "lifetime"


def test_forward_ends_tls(listen, berth, good, authority, netns):
    back = Peer(lambda c: c.sendall(b"back: " + read_all(c)), netns=netns)
    with contextlib.closing(back):
        server = listen(HERE, "--tls-cert", good, "--forward", f"127.0.0.1:{back.port}")
        assert connect_to(berth, server, authority, MIB) == b"back: " + MIB
    assert server.wait_events("closed")[0]["why"] == "ended"


@pytest.mark.parametrize("version", [None, 1, 2])
def test_forward_starts_tls(listen, good, authority, version):
    """Verified as by connect; a PROXY header goes before the handshake."""
    more = ["--proxy-protocol"] if version else []
    behind = listen(f"tls:{HERE}", "--tls-cert", good, "--echo", *more)
    out = ["--send-proxy", version] if version else []
    server = listen(HERE, "--forward", f"tls:127.0.0.1:{behind.port}", *out,
                    env={"SSL_CERT_FILE": str(authority.path)})
    with server.connect() as s:
        s.sendall(MIB[:100_000])
        s.shutdown(socket.SHUT_WR)
        assert read_all(s) == MIB[:100_000]
        if version:
            assert behind.wait_events("opened")[0]["peer"]["port"] == s.getsockname()[1]
    assert server.wait_events("closed")[0]["why"] == "ended"


def test_forward_looks_for_authorities_though_confined(listen, good, authority, tmp_path, run):
    """A folder of authorities is read when one is needed, which is after the sandbox was entered."""
    (tmp_path / "ca.pem").write_text(authority.path.read_text())
    run("openssl", "rehash", tmp_path)
    behind = listen(f"tls:{HERE}", "--tls-cert", good, "--reply", "well")
    server = listen(HERE, "--forward", f"tls:127.0.0.1:{behind.port}",
                    env={"SSL_CERT_DIR": str(tmp_path)})
    with server.connect() as s:
        assert read_all(s) == b"well"


def test_forward_to_whom_nobody_vouches_for(listen, good):
    behind = listen(f"tls:{HERE}", "--tls-cert", good, "--echo")
    server = listen(HERE, "--forward", f"tls:127.0.0.1:{behind.port}")
    with contextlib.suppress(ConnectionResetError), server.connect() as s:
        s.sendall(b"secret")
        assert s.recv(1) == b""
    closed = server.wait_events("closed")[0]
    assert closed["why"] == "far-failed"
    assert "isn't known here" in closed["text"], closed
    # the far end is named, and what is named to help is an option that there is
    assert f"tls:127.0.0.1:{behind.port}: its certificate" in closed["text"]
    assert "berth relay with --tls-to-ca names" in closed["text"]
    assert not behind.of("opened")


def test_save(listen, good, authority, tmp_path):
    server = listen(HERE, "--tls-cert", good, "--save", tmp_path)
    with secure_socket(server, client_context(authority.path)) as s:
        s.sendall(MIB)
        s.unwrap()
    server.wait_events("closed")
    (saved,) = tmp_path.iterdir()
    assert saved.read_bytes() == MIB


def test_several_workers(listen, good, authority):
    server = listen(HERE, "--echo", "--tls-cert", good, "--workers", "3")
    for _ in range(20):
        with secure_socket(server, client_context(authority.path)) as s:
            s.sendall(b"x")
            assert s.recv(1) == b"x"


def test_standard_input_and_output(listen, good, authority):
    server = listen(HERE, "--tls-cert", good)
    with secure_socket(server, client_context(authority.path)) as s:
        server.write(b"down")
        assert s.recv(100) == b"down"
        s.sendall(b"up")
        server.wait_output(b"up")


def test_client_certificates(listen, good, authority, tmp_path):
    server = listen(HERE, "--echo", "--tls-cert", good, "--tls-ca", authority.path)
    alice = authority.issue("alice")
    with secure_socket(server, client_context(authority.path, alice)) as s:
        s.sendall(b"x")
        assert s.recv(1) == b"x"
    assert "client CN=alice" in server.wait_events("opened")[0]["text"]
    with pytest.raises((ssl.SSLError, OSError)):
        with secure_socket(server, client_context(authority.path)) as s:
            s.recv(1)
    assert "showed no certificate" in server.wait_events("refused")[0]["text"]
    mallory = Authority(tmp_path).issue("mallory")
    with pytest.raises((ssl.SSLError, OSError)):
        with secure_socket(server, client_context(authority.path, mallory)) as s:
            s.recv(1)
    assert "isn't known here" in server.wait_events("refused", 2)[1]["text"]


def test_optional_client_certificates(listen, good, authority):
    server = listen(HERE, "--echo", "--tls-cert", good, "--tls-ca", authority.path,
                    "--tls-clients", "optional")
    with secure_socket(server, client_context(authority.path)) as s:
        s.sendall(b"x")
        assert s.recv(1) == b"x"


def test_alpn(listen, good, authority):
    server = listen(HERE, "--echo", "--tls-cert", good, "--tls-alpn", "b,a")
    context = client_context(authority.path)
    context.set_alpn_protocols(["a", "b"])
    with secure_socket(server, context) as s:
        assert s.selected_alpn_protocol() == "b"
    context.set_alpn_protocols(["c"])
    with pytest.raises(ssl.SSLError):
        secure_socket(server, context)
    assert "none of the protocols" in server.wait_events("refused")[0]["text"]


def test_least_version(listen, good, authority):
    server = listen(HERE, "--echo", "--tls-cert", good, "--tls-min", "1.3")
    context = client_context(authority.path)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        secure_socket(server, context)
    assert "no common version" in server.wait_events("refused")[0]["text"]


def test_whoever_speaks_no_tls_is_refused(listen, good):
    server = listen(HERE, "--echo", "--tls-cert", good)
    with server.connect() as s:
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            read_all(s)
    assert "plain HTTP" in server.wait_events("refused")[0]["text"]


def test_who_stalls_in_the_handshake_harms_nobody(listen, good, authority):
    server = listen(HERE, "--echo", "--tls-cert", good, "--tls-timeout", "300ms")
    with server.connect() as silent:
        with secure_socket(server, client_context(authority.path)) as s:
            s.sendall(b"x")
            assert s.recv(1) == b"x"
        with contextlib.suppress(ConnectionResetError):
            assert read_all(silent) == b""
    assert "didn't end in time" in server.wait_events("refused")[0]["text"]


def test_stopping_in_a_handshake(listen, good):
    server = listen(HERE, "--echo", "--tls-cert", good, "--grace", "0s")
    with server.connect():
        wait_for(lambda: server.process.poll() is None)
        assert server.end() == 0


def test_a_cut_is_told_and_the_answer_still_comes(listen, good, netns):
    server = listen(HERE, "--exec", "cat", "--tls-cert", good)
    # ncat ends by a FIN alone.
    result = subprocess.run(["ncat", "--ssl", "127.0.0.1", str(server.port)], input=b"abc",
                            capture_output=True, preexec_fn=child_setup(netns, None), timeout=20, check=True)
    assert result.stdout == b"abc"
    assert "close_notify" in server.wait_events("closed")[0]["text"]


def test_openssls_client(listen, good, authority, run):
    server = listen(HERE, "--reply", "from berth", "--tls-cert", good)
    for version in "-tls1_2", "-tls1_3":
        assert b"from berth" in run("openssl", "s_client", "-connect", f"127.0.0.1:{server.port}",
                                    "-CAfile", authority.path, "-verify_return_error", "-quiet",
                                    version)


def test_renegotiation_is_refused(listen, good, authority, netns):
    server = listen(HERE, "--echo", "--tls-cert", good)
    with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          preexec_fn=child_setup(netns, None)) as client:
        server.wait_events("opened")
        client.stdin.write(b"R\n")
        client.stdin.flush()
        assert b"no renegotiation" in client.stdout.read()
    with secure_socket(server, client_context(authority.path)) as s:
        s.sendall(b"x")
        assert s.recv(1) == b"x"


def test_key_update(listen, good, netns):
    """New keys (TLS 1.3) go by."""
    server = listen(HERE, "--echo", "--tls-cert", good)
    for version, letter in ("-tls1_3", b"K\n"), ("-tls1_3", b"k\n"):
        with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", version],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              preexec_fn=child_setup(netns, None)) as client:
            opened = len(server.of("opened"))
            server.wait_events("opened", opened or 1)
            for data in (b"one\n", letter, b"two\n"):
                client.stdin.write(data)
                client.stdin.flush()
                threading.Event().wait(0.1)  # s_client takes a letter only at a read's start
            seen = b""
            while b"two" not in seen:
                part = client.stdout.read1(4096)
                assert part, seen
                seen += part
            client.stdin.close()
            client.wait(10)
        assert b"one" in seen


def test_curl_and_socat(listen, good, authority, run):
    server = listen(HERE, "--tls-cert", good, "--reply", "HTTP/1.0 200 OK\r\n\r\nhello")
    assert run("curl", "-sS", "--cacert", authority.path, f"https://localhost:{server.port}/") == b"hello"
    echo = listen(HERE, "--tls-cert", good, "--echo")
    where = f"openssl:127.0.0.1:{echo.port},cafile={authority.path},commonname=localhost"
    assert run("socat", "-t10", "-", where, data=MIB) == MIB


def test_whom_tls_was_asked_for_is_not_served_without(berth, good, tmp_path):
    path = tmp_path / "socket"
    for args in [["udp:" + HERE, "--tls"], [HERE, "udp:" + HERE, "--tls"], [f"unix-dgram:{path}", "--tls"],
                 [f"unix-seqpacket:{path}", "--tls"], ["udp:" + HERE, "--tls-cert", good]]:
        err = berth("listen", "--echo", *args, status=2).stderr
        assert "TLS is for streams" in err and "listening on" not in err, err
    assert not path.exists()


def test_endpoints_without_tls_beside_those_with_it(listen, good, netns):
    server = listen("tls:" + HERE, "udp:" + HERE, "--echo", "--tls-cert", good, listeners=2)
    assert [e["proto"] for e in server.of("listening")] == ["tls", "udp"]


def test_listen_mistakes(berth, good, tmp_path):
    (tmp_path / "empty").write_text("")
    other = Authority(tmp_path)
    cases = [
        (["--tls-cert", "/nonexistent"], 1, "no such file"),
        (["--tls-cert", tmp_path / "empty"], 1, "no certificate in it"),
        (["--tls-cert", good, "--tls-key", other.key], 1, "isn't the key of the certificate"),
        (["--tls-key", good], 2, "goes with --tls-cert"),
        (["--tls", "--tls-clients", "verified"], 2, "--tls-ca"),
        (["--tls", "--handoff", "/tmp/x"], None, ""),
        (["--tls", "--tls-alpn", ",x"], 1, "1 to 255"),
    ]
    for args, status, words in cases:
        result = berth("listen", HERE, "--echo" if "--handoff" not in args else "-q", *args, status=status)
        assert words in result.stderr.lower(), result.stderr


# Relaying


@pytest.fixture
def relay(berth, netns):
    with contextlib.ExitStack() as stack:

        def start(*args, **how):
            return stack.enter_context(
                contextlib.closing(Listening(berth, *args, command="relay", **how)))

        yield start


def test_relay_ends_tls(relay, berth, good, authority, netns):
    back = Peer(lambda c: c.sendall(b"back: " + read_all(c)), netns=netns)
    with contextlib.closing(back):
        server = relay("listen:tls:" + HERE, f"127.0.0.1:{back.port}", "--tls-cert", good)
        assert connect_to(berth, server, authority, MIB) == b"back: " + MIB
        closed = server.wait_events("closed")[0]
        assert (closed["why"], closed["bytes_in"]) == ("ended", len(MIB))


def test_relay_starts_tls(relay, listen, good, authority):
    back = listen("tls:" + HERE, "--echo", "--tls-cert", good)
    server = relay("listen:" + HERE, f"tls:127.0.0.1:{back.port}", "--tls-to-ca", authority.path)
    with server.connect() as s:
        s.sendall(b"plain here")
        s.shutdown(socket.SHUT_WR)
        assert read_all(s) == b"plain here"
    assert server.wait_events("closed")[0]["why"] == "ended"


def test_relay_does_both(relay, listen, berth, good, authority):
    back = listen("tls:" + HERE, "--echo", "--tls-cert", good)
    server = relay("listen:tls:" + HERE, f"tls:127.0.0.1:{back.port}", "--tls-cert", good, "--tls-to-ca",
                   authority.path)
    assert connect_to(berth, server, authority, MIB) == MIB


def test_relay_from_standard_input(listen, berth, good, authority):
    back = listen("tls:" + HERE, "--echo", "--tls-cert", good)
    result = berth("relay", "-", f"tls:127.0.0.1:{back.port}", "--tls-to-ca", authority.path,
                   "--tls-to-info", input="hello")
    assert result.stdout == "hello"
    assert "the certificate is good" in result.stderr


def test_relay_tells_what_is_wrong_with_tls(relay, listen, berth, good, authority):
    back = listen("tls:" + HERE, "--echo", "--tls-cert", good)
    result = berth("relay", "-", f"tls:127.0.0.1:{back.port}", input="hello", status=1)
    assert "isn't known here" in result.stderr
    server = relay("listen:" + HERE, f"tls:127.0.0.1:{back.port}")
    with contextlib.suppress(ConnectionResetError), server.connect() as s:
        assert read_all(s) == b""
    assert "isn't known here" in server.wait_events("closed")[0]["text"]
    assert "or --tls-to-ca names" in server.of("closed")[0]["text"]
    assert f"tls:127.0.0.1:{back.port}: its certificate" in server.of("closed")[0]["text"]
    plain = relay("listen:tls:" + HERE, f"tls:127.0.0.1:{back.port}", "--tls-cert", good, "--tls-to-ca",
                  authority.path)
    with contextlib.suppress(ConnectionResetError), plain.connect() as s:
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        read_all(s)
    assert "plain HTTP" in plain.wait_events("refused")[0]["text"]
    assert not plain.of("opened") and not plain.of("closed")


@pytest.mark.parametrize("fault, words, option", [
    ("self-signed", "its certificate is self-signed, nobody vouches for it",
     {"connect": "--tls-ca or --tls-fingerprint if", "relay": "--tls-to-ca or --tls-to-fingerprint if",
      "listen": "put it into the system's store or use berth relay with --tls-to-ca if"}),
    ("expired", "its certificate expired on 20", {}),
    ("wrong", "its certificate is for other.example, not for '127.0.0.1'",
     {"connect": "--tls-name if", "relay": "--tls-to-name if", "listen": "berth relay with --tls-to-name if"}),
])
def test_hints_name_the_options_of_the_command(relay, listen, berth, authority, fault, words, option):
    own = {"self-signed": lambda: [], "wrong": lambda: ["--tls-cert", authority.issue("wrong", "DNS:other.example")],
           "expired": lambda: ["--tls-cert", authority.issue("old", "IP:127.0.0.1", begins=-20, days=10)]}[fault]()
    back = listen("tls:" + HERE, "--echo", *own)
    at, env = f"tls:127.0.0.1:{back.port}", {"SSL_CERT_FILE": str(authority.path)}
    texts = {"connect": berth("connect", at, input="", status=1, env=env).stderr}
    for command, args in ("relay", ["listen:" + HERE, at]), ("listen", [HERE, "--forward", at]):
        server = (relay if command == "relay" else listen)(*args, env=env)
        with contextlib.suppress(ConnectionResetError), server.connect() as s:
            s.recv(1)
        texts[command] = server.wait_events("closed")[0]["text"]
    for command, text in texts.items():
        assert words in text, (command, text)
        assert not option or f"({option[command]}" in text, (command, text)


def test_relay_tells_what_tls_agreed_on(relay, listen, berth, good, authority):
    back = listen("tls:" + HERE, "--echo", "--tls-cert", good)
    server = relay("listen:tls:" + HERE, f"tls:127.0.0.1:{back.port}", "--tls-cert", good, "--tls-to-ca",
                   authority.path)
    assert connect_to(berth, server, authority, b"x") == b"x"
    server.wait_events("closed")
    opened, joined = server.of("opened")[0], server.of("joined")[0]
    assert re.fullmatch(r"TLSv1\.3, TLS_\w+", opened["text"])
    assert re.fullmatch(r"TLSv1\.3, TLS_\w+", joined["text"])
    assert joined["far"] == {"address": "127.0.0.1", "port": back.port}
    assert joined["id"] == opened["id"] and joined["peer"] == opened["peer"]


def test_relay_opens_nothing_for_who_is_not_let_in(relay, listen, good, authority):
    """What is behind a listener that wants certificates stays out of reach of who has none."""
    back = listen(HERE, "--echo")
    server = relay("listen:tls:" + HERE, f"127.0.0.1:{back.port}", "--tls-cert", good, "--tls-ca",
                   authority.path)
    with server.connect() as s:
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            read_all(s)
    server.wait_events("refused")
    stalls = server.connect()
    with contextlib.closing(stalls):
        assert server.end() == 0
    assert [e["text"] for e in server.of("refused")][1:] == ["stopped in TLS's handshake"]
    assert not back.of("opened")


def test_who_waits_for_a_stranger_is_told_of(relay, good):
    """Of two that come, the one that was told of as opened is told of as closed."""
    server = relay("listen:" + HERE, "listen:tls:" + HERE, "--tls-cert", good, listeners=2)
    tls_port = server.of("listening")[1]["local"]["port"]
    with server.connect() as waits:
        opened = server.wait_events("opened")[0]
        with server.connect(port=tls_port) as stranger:
            stranger.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                read_all(waits)
        closed = server.wait_events("closed")[0]
    assert (closed["id"], closed["peer"], closed["why"]) == (opened["id"], opened["peer"], "far-failed")
    assert "plain HTTP" in closed["text"]


def test_the_option_for_protocols_is_called_what_it_is(berth, listen, good, authority):
    back = listen("tls:" + HERE, "--echo", "--tls-cert", good, "--tls-alpn", "h2")
    at = f"tls:127.0.0.1:{back.port}"
    err = berth("connect", at, "--tls-ca", authority.path, "--tls-alpn", "x", input="", status=1).stderr
    assert "(--tls-alpn)" in err, err
    err = berth("relay", "-", at, "--tls-to-ca", authority.path, "--tls-to-alpn", "x", input="",
                status=1).stderr
    assert "(--tls-to-alpn)" in err, err
    assert "(--tls-alpn)" in back.wait_events("refused", 2)[0]["text"]


def test_relay_mistakes(berth, good):
    for args, words in [
        (["listen:" + HERE, "tcp:127.0.0.1:1", "--tls-cert", good], "no end listens for TLS"),
        (["listen:" + HERE, "tcp:127.0.0.1:1", "--tls-to-ca", good], "no end connects by TLS"),
    ]:
        assert words in berth("relay", *args, status=2).stderr


# Connecting


def test_connect(berth, peer, good, authority):
    at = peer(echo_then_end, server_context(good))
    assert berth("connect", f"tls:127.0.0.1:{at.port}", "--tls-ca", authority.path,
                 input="hello").stdout == "hello"


def test_connect_to_a_name(berth, peer, good, authority):
    seen = []
    context = server_context(good)
    context.sni_callback = lambda s, name, c: seen.append(name)
    at = peer(echo_then_end, context)
    berth("connect", f"tls:localhost:{at.port}", "--tls-ca", authority.path, input="hello")
    berth("connect", f"{at.port}", "--tls-ca", authority.path, input="hello")
    berth("connect", f"127.0.0.1:{at.port}", "--tls-ca", authority.path, input="hello")
    assert seen == ["localhost", "localhost", None]


def test_folder_of_authorities(berth, peer, good, authority, tmp_path):
    (tmp_path / "ca.pem").write_text(authority.path.read_text())
    subprocess.run(["openssl", "rehash", tmp_path], check=True)
    at = peer(echo_then_end, server_context(good))
    berth("connect", f"tls:localhost:{at.port}", "--tls-ca", tmp_path, input="hello")


def test_one_mebibyte_each_way_with_half_close(berth, netns, good, authority, tmp_path):
    """socat half-closes TLS; so do we."""
    (tmp_path / "in").write_bytes(MIB)
    with netns.inside():
        listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    with subprocess.Popen(
        ["socat", "-t20", f"openssl-listen:{port},bind=127.0.0.1,cert={good},verify=0,reuseaddr",
         "system:cat >" + str(tmp_path / "up") + "; cat " + str(tmp_path / "in")],
        preexec_fn=child_setup(netns, None)) as server:
        with (tmp_path / "in").open("rb") as data, (tmp_path / "out").open("wb") as out:
            subprocess.run(berth.command("connect", f"tls:localhost:{port}", "-4", "--wait", "10s",
                                         "--tls-ca", authority.path),
                           stdin=data, stdout=out, preexec_fn=child_setup(netns, None), timeout=30, check=True)
        server.wait(20)
    assert (tmp_path / "up").read_bytes() == MIB
    assert (tmp_path / "out").read_bytes() == MIB


def test_berth_to_berth_bulk(listen, berth, good, authority):
    server = listen(HERE, "--echo", "--tls-cert", good)
    data = MIB * 16
    digest = hashlib.sha256(connect_to(berth, server, authority, data)).digest()
    assert digest == hashlib.sha256(data).digest()
    assert server.wait_events("closed")[0]["why"] == "ended"


def test_against_s_server(berth, netns, good, authority):
    with subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", good, "-rev"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          preexec_fn=child_setup(netns, None)) as server:
        line = b""
        while b"ACCEPT" not in line:
            line = server.stdout.readline()
            assert line
        port = line.split(b":")[-1].decode().strip()
        out = berth("connect", f"tls:127.0.0.1:{port}", "--tls-ca", authority.path, "--expect", "olleh",
                    "--timeout", "10s", input="hello\n").stdout
        server.kill()
    assert "olleh" in out


def refused(berth, at, words, *args, name="localhost", status=1):
    result = berth("connect", f"tls:{name}:{at.port}", "-4", *args, input="", status=status)
    for word in words:
        assert word in result.stderr, result.stderr


def test_certificates_that_are_not_good(berth, failing_peer, authority, tmp_path):
    ca = ["--tls-ca", authority.path]
    other = authority.issue("example.org", "DNS:example.org", "DNS:*.example.org")
    refused(berth, failing_peer(server_context(other)),
            ["is for example.org, *.example.org, not for 'localhost'", "--tls-name"],
            *ca)
    expired = authority.issue("expired", "DNS:localhost", begins=-20, days=10)
    refused(berth, failing_peer(server_context(expired)), ["its certificate expired on 20"], *ca)
    early = authority.issue("early", "DNS:localhost", begins=5)
    refused(berth, failing_peer(server_context(early)), ["only valid from", "clock"], *ca)
    stranger = Authority(tmp_path, "Stranger").issue("stranger", "DNS:localhost")
    refused(berth, failing_peer(server_context(stranger)), ["'CN=Stranger', which isn't known here"], *ca)
    refused(berth, failing_peer(server_context(other)), ["isn't known here"])


def test_self_signed_server(listen, berth):
    server = listen(HERE, "--echo", "--tls")
    mark = server.of("note")[0]["fingerprint"]
    refused(berth, server, ["self-signed", "--tls-fingerprint"])
    refused(berth, server, ["isn't the one expected", mark[7:]], "--tls-fingerprint", "00" * 32)
    for word in mark, mark[7:].replace(":", "").lower():
        out = berth("connect", f"127.0.0.1:{server.port}", "--tls-fingerprint", word, input="hi").stdout
        assert out == "hi"
    assert berth("connect", f"127.0.0.1:{server.port}", "--tls-insecure", input="hi").stdout == "hi"


def test_client_certificate_shown(berth, peer, good, authority):
    at = peer(echo_then_end, server_context(good, clients=authority.path))
    alice = authority.issue("alice2")
    assert berth("connect", f"tls:localhost:{at.port}", "--tls-ca", authority.path, "--tls-cert", alice,
                 input="hi").stdout == "hi"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_certificate_missing(berth, failing_peer, good, authority, version):
    context = server_context(good, clients=authority.path)
    context.maximum_version = version
    at = failing_peer(context)
    result = berth("connect", f"tls:localhost:{at.port}", "--tls-ca", authority.path, input="hi", status=1)
    assert "certificate" in result.stderr and "TLS alert" in result.stderr, result.stderr


def test_cut_by_the_server(berth, peer, good, authority):
    def cut(secure):
        secure.sendall(b"half an ans")
        socket.socket.shutdown(secure, socket.SHUT_WR)

    at = peer(cut, server_context(good))
    result = berth("connect", f"tls:localhost:{at.port}", "--tls-ca", authority.path, "--send", "",
                   status=1)
    assert result.stdout == "half an ans"
    assert "close_notify" in result.stderr


def test_servers_that_speak_no_tls(berth, netns):
    def speak(connection):
        connection.sendall(b"220 mail.example.org ESMTP\r\n")
        read_all(connection)

    plain = Peer(speak, netns=netns)
    with contextlib.closing(plain):
        result = berth("connect", f"tls:127.0.0.1:{plain.port}", input="", status=1)
    assert "isn't TLS" in result.stderr
    gone = Peer(lambda c: None, netns=netns)
    with contextlib.closing(gone):
        result = berth("connect", f"tls:127.0.0.1:{gone.port}", input="", status=1)
    assert "does it speak TLS?" in result.stderr


def test_a_server_that_stalls(berth, netns):
    ends = threading.Event()
    silent = Peer(lambda c: ends.wait(20), netns=netns)
    try:
        result = berth("connect", f"tls:127.0.0.1:{silent.port}", "--timeout", "300ms", input="", status=1)
    finally:
        ends.set()
        silent.close()
    assert "didn't end in time" in result.stderr


def test_info(berth, peer, good, authority):
    context = server_context(good)
    context.set_alpn_protocols(["h2"])
    at = peer(echo_then_end, context)
    err = berth("connect", f"tls:localhost:{at.port}", "--tls-ca", authority.path, "--tls-info",
                "--tls-alpn", "http/1.1,h2", input="x").stderr
    for words in ("TLSv1.3", "ALPN h2", "the certificate is good", "CN=localhost", "localhost, 127.0.0.1",
                  "issuer: CN=Test Authority", "SHA256:" + fingerprint(good)):
        assert words in err, err
    assert re.search(r"\((28|29) days left\)", err)  # 29, in its very first second
    err = berth("connect", f"tls:localhost:{at.port}", "--tls-insecure", "--tls-info", input="x").stderr
    assert "not verified" in err


@pytest.mark.parametrize("pin", [[], ["--tls-fingerprint", "00" * 32]])
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_info_of_whom_nobody_vouches_for(berth, peer, good, pin, newest):
    """The chain is what one needs then."""
    context = server_context(good)
    context.maximum_version = newest
    at = peer(echo_then_end, context)
    for retries in [], ["--wait", "20s"]:
        lines = berth("connect", f"tls:localhost:{at.port}", "--tls-info", *pin, *retries, input="x",
                      status=1).stderr.splitlines()
        assert f"berth:   SHA256:{fingerprint(good)}" in lines
        assert any(line.startswith("berth: not verified: its certificate ") for line in lines)
        assert lines[-1].startswith(f"berth: cannot set up TLS with 'tls:localhost:{at.port}': ")
    done = berth("relay", "-", f"tls:localhost:{at.port}", "--tls-to-info",
                 *(["--tls-to-fingerprint", pin[1]] if pin else []), input="x", status=1)
    assert f"berth:   SHA256:{fingerprint(good)}" in done.stderr.splitlines()
    wait_for(lambda: at.count == 3 and len(at.errors) == 3, what="three refusals")
    assert all(isinstance(e, ssl.SSLError) for e in at.errors)  # that we don't trust it
    at.errors.clear()


def test_info_of_who_speaks_no_tls(berth, listen):
    at = listen(HERE, "--reply", "220 hello\n")
    err = berth("connect", f"tls:localhost:{at.port}", "--tls-info", input="", status=1).stderr
    assert len(err.splitlines()) == 1 and "cannot set up TLS" in err


@pytest.mark.parametrize("args", [(f"tls:{HERE}",), (HERE, "--tls")])
@pytest.mark.parametrize("command", ["listen", "relay"])
def test_listeners_are_told_as_what_they_are(listen, good, authority, berth, command, args):
    end = ["--exec", "printenv BERTH_PROTO"]
    if command == "relay":
        args = ("listen:" + args[0], *args[1:])
        end = ["exec:printenv BERTH_PROTO"]
    server = listen(*args, *end, "--tls-cert", good, command=command)
    assert connect_to(berth, server, authority, b"") == b"tls\n"
    assert {e["proto"] for e in server.wait_events("closed") + server.of("listening")} == {"tls"}


def test_connect_mistakes(berth):
    for args, words in [
        (["--tls-insecure", "--tls-ca", "/x"], "can't be insecure"),
        (["--tls-key", "/x"], "goes with a certificate"),
    ]:
        assert words in berth("connect", "127.0.0.1:1", *args, input="", status=2).stderr
    assert "32 pairs" in berth("connect", "127.0.0.1:1", "--tls-fingerprint", "zz", input="",
                               status=1).stderr
