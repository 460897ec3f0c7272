"""What people learn sockets from, done with our tongues: each shows what the learner was told to see.
The tongues are called by their names, as links."""

import os
import shlex
import subprocess

import pytest

from lib import process
from lib.etc import Etc
from lib.wait import wait_for


BERTH = process.built("BERTH", "berth")


class Shell:
    """A host: a namespace where nc, lsof and netstat are berth, and who was started there."""

    def __init__(self, netns, folder):
        self.netns, self.folder = netns, folder
        self._started = []
        links = folder / "links"
        links.mkdir(parents=True)
        for tongue in ("nc", "lsof", "netstat"):
            (links / tongue).symlink_to(BERTH)
        (links / "berth").symlink_to(BERTH)
        self.path = f"{links}:{os.environ['PATH']}"

    def run(self, command, **how):
        return self.netns.run("bash", "-c", command, env={"PATH": self.path}, status=None, **how)

    def start(self, command, name):
        with open(self.folder / name, "wb") as out:
            one = process.start(["bash", "-c", f"exec {command}"], netns=self.netns, env={"PATH": self.path},
                                stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)
        self._started.append(one)
        return one

    def talk(self, command, name, text):
        """Somebody who said TEXT, and is still there."""
        one = self.start(command, name)
        one.stdin.write(text)
        one.stdin.flush()
        return one

    def heard(self, name):
        return (self.folder / name).read_text()

    def listeners(self, port):
        """What lsof shows: (command, address) of each."""
        rows = self.run(f"lsof -Pni :{port}").lines[1:]
        return [(row.split()[0], row.split()[-2]) for row in rows if row.endswith("(LISTEN)")]

    def rows(self, command):
        """netstat's rows, as words."""
        return [row.split() for row in self.run(command).lines if row.startswith(("tcp", "udp"))]

    def close(self):
        for one in self._started:
            process.end(one)


@pytest.fixture
def shell(netns, tmp_path):
    """A host with the address 192.168.1.89 on en0, where nobody else is."""
    netns.ip("link", "add", "en0", "type", "veth", "peer", "name", "en0-far")
    netns.ip("address", "add", "192.168.1.89/24", "dev", "en0")
    netns.ip("link", "set", "en0", "up")
    netns.ip("link", "set", "en0-far", "up")
    one = Shell(netns, tmp_path / "here")
    yield one
    one.close()


@pytest.fixture
def hosts(veth, tmp_path):
    """Two hosts, 192.168.1.89 and 192.168.1.1."""
    both = Shell(veth.here, tmp_path / "here"), Shell(veth.there, tmp_path / "there")
    yield both
    for one in both:
        one.close()


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


def test_ports_below_1024_are_for_root(shell, berth):
    """631 is ipp's, and privileged: an ordinary user is refused, and told why and what helps."""
    shell.netns.sysctl("net.ipv4.ip_unprivileged_port_start", 1024)
    assert "ipp\t\t631/tcp" in shell.run("grep 631 /etc/services").stdout
    (row,) = [row.split() for row in shell.run("berth services 631").lines if " tcp " in row]
    assert row[:3] == ["631", "tcp", "ipp"] and "privileged" in row
    refused = berth("nc", "-l", "127.0.0.1", "631", user=process.NOBODY, status=1, input="")
    assert refused.stderr == "nc: Permission denied\n"
    refused = berth("listen", "127.0.0.1:631", user=process.NOBODY, status=3, input="")
    assert refused.stderr.startswith("berth: cannot listen on '127.0.0.1:631': permission denied (")
    assert "CAP_NET_BIND_SERVICE" in refused.stderr and "run as root, or take a higher port" in refused.stderr
    shell.start("nc -l 127.0.0.1 631", "server")
    wait_for(lambda: shell.listeners(631) == [("nc", "127.0.0.1:631")])


def socket_count(pid):
    folder = f"/proc/{pid}/fd"
    links = [os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)]
    return sum(link.startswith("socket:") for link in links)


def test_an_echo_server_and_clients_on_another_host(hosts):
    """Each host's netstat shows a connection from its own end; the server holds a socket for each
    client, and the one that it listens at."""
    here, there = hosts
    server = here.start("berth listen --echo 0.0.0.0:9999", "server")
    wait_for(lambda: here.listeners(9999))
    assert socket_count(server.pid) == 1
    assert [row[3:6] for row in here.rows("netstat -tuna")] == [["0.0.0.0:9999", "0.0.0.0:*", "LISTEN"]]
    assert there.rows("netstat -tuna") == []
    for n in range(1, 4):
        there.talk("nc 192.168.1.89 9999", f"client{n}", f"hello {n}\n")
        wait_for(lambda: there.heard(f"client{n}") == f"hello {n}\n")
        assert socket_count(server.pid) == n + 1
        near = [row for row in here.rows("netstat -tuna") if row[5] != "LISTEN"]
        far = there.rows("netstat -tuna")
        assert all(row[5] == "ESTABLISHED" for row in near + far)
        assert all(row[3] == "192.168.1.89:9999" and row[4].startswith("192.168.1.1:") for row in near)
        assert sorted((row[4], row[3]) for row in near) == sorted((row[3], row[4]) for row in far)
        assert len(near) == len({row[4] for row in near}) == n


def test_pairs_of_endpoints(shell):
    """netstat -npt shows both ends of each connection within this host, and whose they are."""
    server = shell.start("berth listen --echo 0.0.0.0:7000", "server")
    wait_for(lambda: shell.listeners(7000))
    clients = [shell.talk(f"nc {host} 7000", f"client{n}", "x")
               for n, host in enumerate(("127.0.0.1", "192.168.1.89"))]
    for n in range(2):
        wait_for(lambda n=n: shell.heard(f"client{n}") == "x")
    ends = {row[3]: row for row in shell.rows("netstat -npt")}
    assert len(ends) == 4 and all(row[5] == "ESTABLISHED" for row in ends.values())
    for here, row in ends.items():
        assert ends[row[4]][4] == here
    assert sorted(row[6] for row in ends.values()) == sorted(
        [f"{server.pid}/berth"] * 2 + [f"{client.pid}/nc" for client in clients])
    asked = {row[4] for row in ends.values() if row[6].endswith("/nc")}
    assert asked == {"127.0.0.1:7000", "192.168.1.89:7000"}


# The order of the hosts file counts, as on systems without RFC 6724's table: no address is better than
# another.
GAI = "".join(f"precedence {prefix} 40\n" for prefix in ("::1/128", "::/0", "2002::/16", "::/96", "::ffff:0:0/96"))


def test_a_name_with_three_addresses(shell, tmp_path):
    """The same server four times at localhost, each at the first address that is free; who is asked by
    the name is the hosts file's matter, and by an address its own server."""
    # its own source, so that it is as near as 127.0.0.1
    shell.netns.ip("address", "add", "127.0.0.5/32", "dev", "lo")
    addresses = ["::1", "127.0.0.5", "127.0.0.1"]
    ends = ["[::1]:3000", "127.0.0.5:3000", "127.0.0.1:3000"]
    etc = Etc(tmp_path / "etc", shell.netns)
    etc.write("gai.conf", GAI)

    def write_hosts(order):
        etc.write("hosts", "".join(f"{address} localhost\n" for address in order))

    write_hosts(addresses)
    inside = shlex.join(etc.prefix) + " "
    pong = inside + "berth listen --first localhost:3000 --reply 'pong from {local}\\n'"
    servers = []
    for n in range(3):
        servers.append(shell.start(pong, f"server{n}"))
        wait_for(lambda: sorted(end for _, end in shell.listeners(3000)) == sorted(ends[:n + 1]))

    fourth = shell.run(pong)
    *holders, last = fourth.stderr.splitlines()
    assert fourth.status == 1 and len(holders) == 3 and last.endswith("Address already in use")
    for server, end, told in zip(servers, ends, holders):
        assert told.startswith(f"berth: cannot listen on '{end}': address already in use (")
        assert f"berth[{server.pid}] of root listens on {end};" in told

    shown = shell.run("lsof -nP -iTCP:3000 -Tf").lines[1:]
    assert sorted((int(row.split()[1]), row.split()[8]) for row in shown) == sorted(
        (server.pid, end) for server, end in zip(servers, ends))
    assert all("(SO=ACCEPTCONN," in row and ",REUSEADDR," in row for row in shown)

    def ask(host):
        return shell.run(inside + f"nc -d {host} 3000").stdout

    assert ask("localhost") == "pong from [::1]:3000\n"
    for address, end in zip(addresses, ends):
        assert ask(address) == f"pong from {end}\n"
    write_hosts(["127.0.0.5", "127.0.0.1", "::1"])
    assert ask("localhost") == "pong from 127.0.0.5:3000\n"
    write_hosts(["127.0.0.1", "::1", "127.0.0.5"])
    assert ask("localhost") == "pong from 127.0.0.1:3000\n"

    write_hosts(addresses)
    process.end(servers[0])
    wait_for(lambda: len(shell.listeners(3000)) == 2)
    assert ask("localhost") == "pong from 127.0.0.5:3000\n"
    shell.start(pong, "again")
    wait_for(lambda: len(shell.listeners(3000)) == 3)
    assert ask("localhost") == "pong from [::1]:3000\n"


def test_a_web_server_and_its_clients_in_netstat(shell):
    """Nobody, a listener, then one and two clients with ports of their own; what they send is held
    until it has been seen, and closed."""
    def rows():
        return [row.split() for row in shell.run('netstat -atnp | grep ":500 "').lines]

    assert rows() == []
    server = shell.start(f"berth serve {shell.folder} 0.0.0.0:500", "server")
    wait_for(lambda: shell.listeners(500))
    alone = socket_count(server.pid)
    listener = (["0.0.0.0:500", "0.0.0.0:*", "LISTEN"], f"{server.pid}/berth")
    assert [(row[3:6], row[6]) for row in rows()] == [listener]
    clients = []
    for n in (1, 2):
        clients.append(shell.talk("nc -N 127.0.0.1 500", f"client{n}", "Test payload."))
        wait_for(lambda: socket_count(server.pid) == alone + n)
        made = [row for row in rows() if row[5] == "ESTABLISHED"]
        ends = {(row[3], row[4]): row[6] for row in made}
        assert len(ends) == 2 * n and all((there, here) in ends for here, there in ends)
        own = {here: whose for (here, there), whose in ends.items() if there == "127.0.0.1:500"}
        assert set(own.values()) == {f"{client.pid}/nc" for client in clients}
    for client in clients:
        client.stdin.close()
        client.stdin = None
        assert client.wait(20) == 0
    wait_for(lambda: socket_count(server.pid) == alone)
    assert [(row[3:6], row[6]) for row in rows() if row[6] != "-"] == [listener]
