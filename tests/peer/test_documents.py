"""What people learn sockets from, done with our tongues: each shows what the learner was told to see.
The tongues are called by their names, as links."""

import os
import subprocess

import pytest

from lib import process
from lib.wait import wait_for


@pytest.fixture
def shell(netns, tmp_path):
    """A namespace with an address on en0, and programs called nc and lsof that are berth."""
    netns.ip("link", "add", "en0", "type", "veth", "peer", "name", "en0-far")
    netns.ip("address", "add", "192.168.1.89/24", "dev", "en0")
    netns.ip("link", "set", "en0", "up")
    netns.ip("link", "set", "en0-far", "up")
    links = tmp_path / "links"
    links.mkdir()
    for tongue in ("nc", "lsof", "netstat"):
        (links / tongue).symlink_to(process.built("BERTH", "berth"))
    started = []

    class Shell:
        path = f"{links}:{os.environ['PATH']}"

        def run(self, command, **how):
            return netns.run("bash", "-c", command, env={"PATH": self.path}, status=None, **how)

        def start(self, command, name):
            out = open(tmp_path / name, "wb")
            with out:
                one = process.start(["bash", "-c", f"exec {command}"], netns=netns, env={"PATH": self.path},
                                    stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)
            started.append(one)
            return one

        def heard(self, name):
            return (tmp_path / name).read_text()

        def listeners(self, port):
            """What lsof shows: (command, address) of each."""
            rows = self.run(f"lsof -Pni :{port}").lines[1:]
            return [(row.split()[0], row.split()[-2]) for row in rows if row.endswith("(LISTEN)")]

    yield Shell()
    for one in started:
        process.end(one)


REACHED = "Connection to {0} 4444 port [tcp/*] succeeded!\n"
REFUSED = "nc: connect to {0} port 4444 (tcp) failed: Connection refused\n"


def knock(shell, host, text):
    done = shell.run(f"nc -vN {host} 4444", input=text)
    return done.stderr.replace(host, "{0}")


def test_a_server_on_the_loopback_is_reached_there_alone(shell):
    shell.start("nc -l -k 127.0.0.1 4444", "server")
    wait_for(lambda: shell.listeners(4444) == [("nc", "127.0.0.1:4444")])
    assert knock(shell, "127.0.0.1", "here\n") == REACHED
    assert knock(shell, "192.168.1.89", "there\n") == REFUSED
    wait_for(lambda: shell.heard("server") == "here\n")


def test_a_server_on_the_wildcard_is_reached_at_both(shell):
    shell.start("nc -l -k 0.0.0.0 4444", "server")
    wait_for(lambda: shell.listeners(4444) == [("nc", "*:4444")])
    assert knock(shell, "127.0.0.1", "here\n") == REACHED
    assert knock(shell, "192.168.1.89", "there\n") == REACHED
    wait_for(lambda: shell.heard("server") == "here\nthere\n")


def test_both_at_once_have_their_own_clients(shell):
    shell.start("nc -l -k 127.0.0.1 4444", "loopback")
    shell.start("nc -l -k 0.0.0.0 4444", "all")
    wait_for(lambda: sorted(shell.listeners(4444)) == [("nc", "*:4444"), ("nc", "127.0.0.1:4444")])
    assert knock(shell, "127.0.0.1", "here\n") == REACHED
    assert knock(shell, "192.168.1.89", "there\n") == REACHED
    wait_for(lambda: shell.heard("loopback") == "here\n")
    wait_for(lambda: shell.heard("all") == "there\n")


def test_an_address_of_somebody_else(shell):
    done = shell.run("nc -l -k 192.168.1.90 4444", input="")
    assert (done.status, done.stderr) == (1, "nc: Cannot assign requested address\n")


def test_ports_below_1024_are_for_root(netns, shell):
    """An ordinary user is refused, and the services have their names."""
    netns.run("sysctl", "-qw", "net.ipv4.ip_unprivileged_port_start=1024")
    done = shell.run("setpriv --reuid 65534 --clear-groups --bounding-set=-all --inh-caps=-all "
                     f"{process.built('BERTH', 'berth')} nc -l 127.0.0.1 631", input="")
    assert (done.status, done.stderr) == (1, "nc: Permission denied\n")
    assert "ipp" in shell.run("grep -w 631/tcp /etc/services").stdout


def test_an_echo_server_holds_one_socket_more_than_it_has_clients(shell):
    server = shell.start(f"{process.built('BERTH', 'berth')} listen --echo 9999", "server")
    wait_for(lambda: shell.listeners(9999))

    def sockets():
        folder = f"/proc/{server.pid}/fd"
        links = [os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)]
        return sum(link.startswith("socket:") for link in links)

    alone = sockets()
    for n in range(3):
        client = shell.start("nc 127.0.0.1 9999", f"client{n}")
        client.stdin.write(f"hello {n}\n")
        client.stdin.flush()
        wait_for(lambda: shell.heard(f"client{n}") == f"hello {n}\n")
        assert sockets() == alone + n + 1


def test_a_name_with_three_addresses(shell, tmp_path):
    """The same server four times at localhost, each at the first address that is free; who is asked
    by the name is the hosts file's matter, and by an address its own server. 127.0.0.1 would always come
    before its neighbours, being nearest to the source (RFC 6724, rule 9); these two are equally far."""
    hosts = tmp_path / "hosts"
    hosts.write_text("::1 localhost\n127.0.0.4 localhost\n127.0.0.5 localhost\n")
    inside = (f"unshare -m --propagation private sh -c 'mount --bind {hosts} /etc/hosts; "
              "exec \"$@\"' sh ")
    pong = inside + process.built("BERTH", "berth") + " listen --first localhost:3000 --reply 'pong from {local}\\n'"
    order = ["[::1]:3000", "127.0.0.4:3000", "127.0.0.5:3000"]
    servers = []
    for n in range(3):
        servers.append(shell.start(pong, f"server{n}"))
        wait_for(lambda: len(shell.listeners(3000)) == n + 1)
        assert order[n] in [address for _, address in shell.listeners(3000)]
    fourth = shell.run(pong)
    assert fourth.status == 1 and "address already in use" in fourth.stderr
    options = shell.run("lsof -nP -iTCP:3000 -Tf").stdout
    assert options.count("SO=ACCEPTCONN") == 3

    def ask(host):
        return shell.run(inside + f"nc -d {host} 3000").stdout

    assert ask("localhost") == "pong from [::1]:3000\n"
    assert ask("-4 localhost") == "pong from 127.0.0.4:3000\n"
    for host in ("::1", "127.0.0.5", "127.0.0.4"):
        assert host in ask(host)
    hosts.write_text("127.0.0.5 localhost\n127.0.0.4 localhost\n")
    assert ask("localhost") == "pong from 127.0.0.5:3000\n"
    hosts.write_text("::1 localhost\n127.0.0.4 localhost\n127.0.0.5 localhost\n")
    process.end(servers[0])
    wait_for(lambda: len(shell.listeners(3000)) == 2)
    assert ask("localhost") == "pong from 127.0.0.4:3000\n"
    shell.start(pong, "again")
    wait_for(lambda: len(shell.listeners(3000)) == 3)
    assert ask("localhost") == "pong from [::1]:3000\n"


def test_a_web_server_and_its_clients_in_netstat(shell, tmp_path):
    def rows():
        return [row.split() for row in shell.run('netstat -atnp | grep ":500 "').lines]

    assert rows() == []
    server = shell.start(f"{process.built('BERTH', 'berth')} listen 0.0.0.0:500 --echo", "server")
    wait_for(rows)
    assert [(row[3], row[5], row[6]) for row in rows()] == [
        ("0.0.0.0:500", "LISTEN", f"{server.pid}/berth")]
    for clients in (1, 2):
        client = shell.start("nc 127.0.0.1 500", f"client{clients}")
        client.stdin.write("Test payload.")
        client.stdin.flush()
        wait_for(lambda: shell.heard(f"client{clients}") == "Test payload.")
        made = [row for row in rows() if row[5] == "ESTABLISHED"]
        ours = {(row[3], row[4]) for row in made}
        assert len(made) == 2 * clients == len(ours)
        assert all((there, here) in ours for here, there in ours)
        assert len({here for here, _ in ours if not here.endswith(":500")}) == clients
