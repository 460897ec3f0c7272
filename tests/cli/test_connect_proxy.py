"""berth connect through proxies, and which one the environment chooses."""

import pytest

from lib.peers import Peer, read_all
from lib.proxies import Http, Socks


@pytest.fixture
def peer(netns):
    made = []

    def make(serve, **how):
        made.append(Peer(serve, netns=netns, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def server(peer):
    """Greets first, so that what follows a proxy's answer at once isn't lost."""

    def serve(connection):
        connection.sendall(b"hello, ")
        connection.sendall(read_all(connection))

    return peer(serve)


def through(berth, proxy, to, **how):
    status = how.pop("status", 0)
    return berth("connect", "--proxy", proxy, to, input="text", status=status, **how)


@pytest.mark.parametrize("scheme", ["socks4", "socks4a", "socks5", "socks5h", "http"])
def test_address(berth, netns, peer, server, scheme):
    proxy = (Http if scheme == "http" else Socks)(netns)
    at = peer(proxy)
    to = f"127.0.0.1:{server.port}"
    assert through(berth, f"{scheme}://127.0.0.1:{at.port}", to).stdout == "hello, text"
    assert proxy.asked == [("127.0.0.1", server.port)]


@pytest.mark.parametrize("scheme", ["socks4a", "socks5", "socks5h", "http"])
def test_name_is_the_proxys_to_look_up(berth, netns, peer, server, scheme):
    proxy = (Http if scheme == "http" else Socks)(netns)
    at = peer(proxy)
    to = f"inside.example:{server.port}"
    assert through(berth, f"{scheme}://127.0.0.1:{at.port}", to).stdout == "hello, text"
    assert proxy.asked == [("inside.example", server.port)]


def test_socks4_looks_names_up_here(berth, netns, peer, server):
    proxy = Socks(netns)
    at = peer(proxy)
    through(berth, f"socks4://127.0.0.1:{at.port}", f"localhost:{server.port}")
    assert proxy.asked == [("127.0.0.1", server.port)]
    result = through(berth, f"socks4://127.0.0.1:{at.port}", "[::1]:80", status=1)
    assert "IPv4" in result.stderr


@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_ipv6(berth, netns, peer, scheme):
    target = peer(lambda c: c.sendall(b"six " + read_all(c)), address="::1")
    proxy = (Http if scheme == "http" else Socks)(netns)
    at = peer(proxy)
    result = through(berth, f"{scheme}://127.0.0.1:{at.port}", f"[::1]:{target.port}")
    assert result.stdout == "six text"
    assert proxy.asked == [("::1", target.port)]


@pytest.mark.parametrize(
    "kind", ["socks5", "Basic", "MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "MD5 without qop"]
)
def test_login(berth, netns, peer, server, kind, tmp_path):
    login = {"user": "me@home", "password": 'se:cr"et'}
    if kind == "socks5":
        proxy, scheme = Socks(netns, **login), "socks5"
    else:
        proxy, scheme = Http(netns, kind.split()[0], qop="without" not in kind, **login), "http"
    at = peer(proxy)
    url = f"{scheme}://me%40home@127.0.0.1:{at.port}"
    to = f"127.0.0.1:{server.port}"
    env = {"BERTH_PROXY_PASSWORD": login["password"]}
    assert through(berth, url, to, env=env).stdout == "hello, text"
    secret = tmp_path / "secret"
    secret.write_text(login["password"] + "\n")
    result = berth("connect", "--proxy", url, "--proxy-password-file", secret, to, input="x")
    assert result.stdout == "hello, x"
    wrong = through(berth, url, to, env={"BERTH_PROXY_PASSWORD": "no"}, status=1)
    assert f"cannot connect to '{to}': the proxy refuses the user or the password" in wrong.stderr
    nobody = through(berth, f"{scheme}://127.0.0.1:{at.port}", to, status=1)
    assert "the proxy wants a user and a password" in nobody.stderr


def test_digest_is_preferred_and_no_password_is_shown_before(berth, netns, peer, server):
    proxy = Http(netns, "SHA-256", user="u", password="p")
    at = peer(proxy)
    env = {"ALL_PROXY": f"http://u:p@127.0.0.1:{at.port}"}
    to = f"inside.example:{server.port}"
    assert berth("connect", to, input="a", env=env).stdout == "hello, a"
    assert len(proxy.seen) == 1 and proxy.seen[0].startswith("Digest ")


@pytest.mark.parametrize("scheme", ["socks4", "socks5", "http"])
def test_refusal_says_whose(berth, netns, peer, scheme):
    at = peer((Http if scheme == "http" else Socks)(netns))
    result = through(berth, f"{scheme}://127.0.0.1:{at.port}", "127.0.0.1:1", status=1)
    assert "cannot connect to '127.0.0.1:1': " in result.stderr
    assert "proxy" in result.stderr


def test_proxy_that_is_not_there(berth, netns):
    result = through(berth, "socks5://127.0.0.1:9", "inside.example:80", status=1)
    assert "cannot connect to the proxy 'socks5://127.0.0.1:9': connection refused" in result.stderr


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n", b"", b"HTTP/1.1 2"])
@pytest.mark.parametrize("scheme", ["socks4", "socks5", "http"])
def test_what_is_no_proxy(berth, peer, scheme, answer):
    at = peer(lambda connection: connection.sendall(answer))
    result = through(berth, f"{scheme}://127.0.0.1:{at.port}", "inside.example:80", status=1)
    if scheme == "socks4":
        assert "resolve" in result.stderr
    else:
        assert "the proxy" in result.stderr or "what answers there" in result.stderr


def test_endless_header(berth, peer):
    def endless(connection):
        try:
            connection.sendall(b"HTTP/1.1 200 Ok\r\n" + b"X: y\r\n" * 10000)
            connection.recv(1)
        except OSError:
            pass

    at = peer(endless)
    result = through(berth, f"http://127.0.0.1:{at.port}", "inside.example:80", status=1)
    assert "longer than 16 KiB" in result.stderr


def test_silent_proxy_meets_the_timeout(berth, peer):
    at = peer(read_all)
    url = f"socks5://127.0.0.1:{at.port}"
    result = berth("connect", "-x", url, "--timeout", "300ms", "inside.example:80", status=1)
    assert "the proxy doesn't answer" in result.stderr


@pytest.mark.parametrize(
    "url", ["ftp://h:1", "socks5://", "socks5://u:p@127.0.0.1:1", "socks5://h:99999", "::1"]
)
def test_usage(berth, url):
    result = berth("connect", "--proxy", url, "example.org:80", status=2)
    assert "u:p" not in result.stderr


def test_only_tcp(berth):
    assert "only TCP" in berth("connect", "-x", "socks5://h:1", "unix:/x", status=2).stderr


@pytest.mark.parametrize(
    "env, used",
    [
        ({"ALL_PROXY": "URL"}, True),
        ({"all_proxy": "URL"}, True),
        ({"HTTPS_PROXY": "URL"}, False),  # of TLS
        ({"ALL_PROXY": "URL", "NO_PROXY": "other.example"}, True),
        ({"ALL_PROXY": "URL", "NO_PROXY": "example"}, False),
        ({"ALL_PROXY": "URL", "no_proxy": "a, .inside.example"}, False),
        ({"ALL_PROXY": "URL", "no_proxy": "side.example"}, True),
        ({"ALL_PROXY": "URL", "NO_PROXY": "*"}, False),
        ({}, False),
    ],
)
def test_environment(berth, netns, peer, server, env, used):
    at = peer(Socks(netns))
    env = {name: value.replace("URL", f"socks5h://127.0.0.1:{at.port}") for name, value in env.items()}
    result = berth("connect", f"inside.example:{server.port}", input="x", env=env, status=None)
    assert (result.status == 0) == used, result
    direct = berth("connect", "-x", "none", f"inside.example:{server.port}", env=env, status=1)
    assert "cannot resolve" in direct.stderr
    here = berth("connect", f"127.0.0.1:{server.port}", input="x", env={"ALL_PROXY": "socks5://h"})
    assert here.stdout == "hello, x"


def test_environment_networks(berth, netns):
    env = {"ALL_PROXY": "socks5://127.0.0.1:9", "NO_PROXY": "192.0.2.0/24,2001:db8::/32"}
    assert "proxy" not in berth("connect", "192.0.2.7:80", env=env, status=1).stderr
    assert "proxy" not in berth("connect", "[2001:db8::7]:80", env=env, status=1).stderr
    assert "the proxy" in berth("connect", "198.51.100.7:80", env=env, status=1).stderr
