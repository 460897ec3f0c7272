"""berth list --names and berth who --names, with files in /etc of the test's own. A name server that never answers is a
UDP socket of the test's in the namespace."""

import contextlib
import os
import shutil
import socket
import struct
import threading
import time

import pytest

from lib import features, process

IN_ETC = 'mount --bind "$1" /etc && shift && exec "$@"'
KEPT = ("protocols", "passwd", "group", "host.conf", "ld.so.cache", "ld.so.conf")
SLOW = 30  # seconds; a machine under load, but nobody who waits for a name server


class Etc:
    """Runs berth with another /etc, in a mount namespace of its own."""

    def __init__(self, path, ns, berth):
        self.path, self.ns, self.berth = path, ns, berth
        path.mkdir()
        for name in KEPT:
            if os.path.exists("/etc/" + name):
                shutil.copy("/etc/" + name, path / name)
        self.write("nsswitch.conf", "passwd: files\nservices: files\nhosts: files\n")
        self.write("hosts", "127.0.0.1 localhost\n::1 six.test\n127.0.0.9 nine.test\n")
        self.write("services", "web 4480/tcp\nname 4453/udp\nother 4481/udp\n")

    def write(self, name, text):
        (self.path / name).write_bytes(text.encode("utf-8", "surrogateescape"))

    def run(self, *args, **how):
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", IN_ETC, "sh",
                   str(self.path), self.berth.path, *args]
        return process.run(command, netns=self.ns, **how)

    def list(self, *args, **how):
        return self.run("list", *args, **how)


@pytest.fixture
def etc(tmp_path, netns, berth):
    features.require(features.is_root)
    return Etc(tmp_path / "etc", netns, berth)


@contextlib.contextmanager
def name_server(netns, names=None):
    """Binds 127.0.0.1:53. Without names it never answers; else it knows these of addresses, given
    as in 7.2.0.192.in-addr.arpa, and says of the others that they don't exist."""
    with netns.inside():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))

    def serve():
        while True:
            query, peer = server.recvfrom(4096)
            if not query:
                return
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1 : at + 1 + query[at]].decode())
                at += 1 + query[at]
            question = query[12 : at + 5]
            name = names.get(".".join(labels))
            answer = b""
            if name:
                data = b"".join(bytes([len(p)]) + p for p in name.encode().split(b".")) + b"\0"
                answer = struct.pack("!HHHIH", 0xC00C, 12, 1, 60, len(data)) + data
            flags = 0x8180 if name else 0x8183
            head = query[:2] + struct.pack("!HHHHH", flags, 1, bool(name), 0, 0)
            server.sendto(head + question + answer, peer)

    thread = threading.Thread(target=serve) if names is not None else None
    try:
        if thread:
            thread.start()
        yield server
    finally:
        if thread:
            with netns.inside():
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                    last.sendto(b"", ("127.0.0.1", 53))
            thread.join()
        server.close()


CONNECTION = ["tcp listen 127.0.0.1:4480 as=srv", "tcp connect @srv from=127.0.0.9:0 as=c",
              "tcp accept @srv as=a"]


def ends(result):
    """LOCAL and PEER of each row of a table with these columns."""
    return {tuple(line.split()) for line in result.lines[1:]}


def test_hosts_and_services_in_the_table(etc, mksock):
    mk = mksock(*CONNECTION, "udp bind 127.0.0.1:4480 as=u", "udp bind [::1]:4453 as=six",
                "udplite bind 127.0.0.9:4481 as=lite" if features.has_diag(2, 136)
                else "udp bind 127.0.0.9:4481 as=lite",
                "tcp listen 0.0.0.0:4453 as=any")
    port = mk["c"].port
    shown = ends(etc.list("-r", "--all", "-o", "local,peer", "tcp or udp or udplite"))
    assert shown == {
        ("localhost:web", "-"), ("localhost:web", f"nine.test:{port}"),
        (f"nine.test:{port}", "localhost:web"),
        ("localhost:4480", "-"),  # web is TCP's
        ("six.test:name", "-"), ("nine.test:other", "-"),
        ("0.0.0.0:4453", "-"),
    }


def test_numbers_unless_asked(etc, mksock):
    mk = mksock(*CONNECTION)
    numbers = {("127.0.0.1:4480", "-"), ("127.0.0.1:4480", f"127.0.0.9:{mk['c'].port}"),
               (f"127.0.0.9:{mk['c'].port}", "127.0.0.1:4480")}
    columns = ["-o", "local,peer"]
    assert ends(etc.list(*columns)) == numbers
    assert ends(etc.list("-n", *columns)) == numbers
    assert ends(etc.list("-r", "-n", *columns)) == numbers  # the last one counts
    assert ends(etc.list("-n", "-r", *columns)) != numbers


def test_names_are_data_of_their_own(etc, mksock):
    mk = mksock(*CONNECTION)
    rows = etc.list("--json", "-r").json()
    client = mk["c"].find(rows)
    assert client["local"]["address"] == "127.0.0.9" and client["peer"]["port"] == 4480
    assert [client[key] for key in ("local_name", "peer_name", "service")] == [
        "nine.test", "localhost", "web"]
    assert list(client)[-4:] == ["local_name", "peer_name", "service", "not_permitted"]
    listener = mk["srv"].find(rows)
    assert [listener[key] for key in ("local_name", "peer_name")] == ["localhost", None]
    assert "service" not in etc.list("--json").json()[0]


def test_a_column_of_names_is_a_request(etc, mksock):
    mksock(*CONNECTION)
    assert {row["local_name"] for row in etc.list("--json", "-o", "local_name").json()} == {
        "localhost", "nine.test"}
    groups = etc.list("--json", "-g", "local_name,service").json()
    assert {(g["local_name"], g["service"], g["count"]) for g in groups} == {
        ("localhost", "web", 2), ("nine.test", "web", 1)}
    names = [row["local_name"] for row in etc.list("--json", "-r", "--sort", "-local_name").json()]
    assert names == ["nine.test", "localhost", "localhost"]
    shown = etc.list("-o", "local", "--sort", "-local_name", "--top", "1").lines[1]
    assert shown.startswith("127.0.0.9:")


def test_all_columns_ask_no_name_server(etc, netns, mksock):
    mksock("udp bind 127.0.0.9:4453 as=u")
    etc.write("nsswitch.conf", "services: files\nhosts: dns\n")
    etc.write("resolv.conf", "nameserver 127.0.0.1\n")
    with name_server(netns) as server:
        rows = etc.list("--json", "-o", "all").json()
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.recv(1)
    assert {row["local_name"] for row in rows} == {None}


def test_a_saved_host(etc, mksock, tmp_path):
    mksock(*CONNECTION)
    etc.list("--save", tmp_path / "facts")
    assert ("localhost:web", "-") in ends(
        etc.list("-r", "--facts", tmp_path / "facts", "-o", "local,peer"))


@pytest.mark.parametrize("ways", [["--via", "diag"], []])
def test_names_are_those_of_the_callers_namespace(etc, netns, make_netns, mksock, ways):
    """A name server that can be reached from here only is asked about sockets from everywhere."""
    mksock("udp bind 127.0.0.7:4453 as=far", netns=make_netns())
    etc.write("nsswitch.conf", "services: files\nhosts: dns\n")
    etc.write("resolv.conf", "nameserver 127.0.0.1\n")
    with name_server(netns, {"7.0.0.127.in-addr.arpa": "seven.test"}):
        shown = ends(etc.list("-r", "-N", "--names-timeout", f"{SLOW}s", *ways,
                              "-o", "local,peer", "src 127.0.0.7"))
    assert shown == {("seven.test:name", "-")}


def test_what_asks_for_names_is_not_listed(etc, netns, mksock):
    mksock("udp bind 127.0.0.7:4453 as=u")
    etc.write("nsswitch.conf", "services: files\nhosts: dns\n")
    etc.write("resolv.conf", "nameserver 127.0.0.1\n")
    with name_server(netns):
        shown = ends(etc.list("-r", "--names-timeout", "10ms", "-o", "local,peer"))
    assert shown == {("127.0.0.7:name", "-"), ("127.0.0.1:53", "-")}


def test_a_name_server_that_never_answers_holds_nothing_up(etc, netns, mksock):
    netns.ip("addr add 10.9.0.1/24 dev lo")
    mksock(*[f"udp bind 10.9.0.1:{port}" for port in range(5000, 5003)],
           *[f"udp bind 127.1.0.{n}:4453" for n in range(1, 41)], *CONNECTION)
    etc.write("nsswitch.conf", "services: files\nhosts: files dns\n")
    etc.write("resolv.conf", f"nameserver 127.0.0.1\noptions timeout:{2 * SLOW} attempts:5\n")
    with name_server(netns) as server:
        start = time.monotonic()
        shown = ends(etc.list("-r", "-o", "local,peer"))
        assert time.monotonic() - start < SLOW
        server.setblocking(False)
        assert server.recv(512)  # it was asked
    assert ("10.9.0.1:5001", "-") in shown and ("127.1.0.40:name", "-") in shown


def test_loopback_has_its_name_while_others_hang(etc, netns, mksock):
    for n in range(1, 41):
        netns.ip(f"addr add 10.9.0.{n}/32 dev lo")
    mksock(*[f"tcp listen 10.9.0.{n}:4480" for n in range(1, 41)], *CONNECTION)
    etc.write("nsswitch.conf", "services: files\nhosts: files dns\n")
    etc.write("resolv.conf", f"nameserver 127.0.0.1\noptions timeout:{2 * SLOW} attempts:5\n")
    with name_server(netns):
        shown = ends(etc.list("-r", "-o", "local,peer"))
    assert ("localhost:web", "-") in shown and ("10.9.0.40:web", "-") in shown


@pytest.mark.parametrize("name, shown", [
    ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
    ("\udcff\udcfe", "\\xff\\xfe"),
    ("192.0.2.7", "127.0.0.1"),  # reads as an address: it is not taken
    ("fe80::1", "127.0.0.1"),
])
def test_hostile_names(etc, mksock, name, shown):
    mksock("tcp listen 127.0.0.1:4480 as=srv")
    etc.write("hosts", f"127.0.0.1 {name}\n")
    result = etc.list("-r", "-o", "local,peer,local_name")
    assert "\x1b" not in result.stdout and "\x07" not in result.stdout
    assert result.lines[1].split()[0] == shown + ":web"
    assert "\x1b" not in etc.list("-r", "--json").stdout


def test_no_time_at_all(etc, mksock):
    """Whatever has come by then; the list comes anyway."""
    mksock("tcp listen 127.0.0.1:4480 as=srv")
    assert etc.list("-r", "--names-timeout", "0", "-o", "proto").lines[1:] == ["tcp"]
    assert "names-timeout" in etc.list("--names-timeout", "soon", status=2).stderr


def test_who_with_names(etc, mksock):
    mk = mksock(*CONNECTION)
    words = etc.run("who", "--names", "4480").stdout
    assert "listens    tcp localhost:web (this machine only); 1 connection" in words
    port = mk["c"].port
    assert f"connected  tcp nine.test:{port} to localhost:web" in etc.run("who", "-r",
                                                                          str(port)).stdout
    assert "localhost" not in etc.run("who", "4480").stdout
    assert "localhost" not in etc.run("who", "-r", "-n", "4480").stdout
    holder, = etc.run("who", "-r", "--json", "4480").json()
    listener = next(s for s in holder["sockets"] if s["state"] == "LISTEN")
    assert listener["local"] == {"address": "127.0.0.1", "port": 4480}
    assert (listener["local_name"], listener["service"]) == ("localhost", "web")
    holder, = etc.run("who", "--json", "4480").json()
    assert "local_name" not in holder["sockets"][0]


def test_who_is_not_held_up(etc, netns, mksock):
    etc.write("nsswitch.conf", "hosts: files dns\nservices: files\n")
    etc.write("resolv.conf", "nameserver 127.0.0.1\n")
    netns.ip("addr add 192.0.2.7/32 dev lo")
    mksock("tcp listen 192.0.2.7:4480 as=srv")
    with name_server(netns):
        begun = time.monotonic()
        words = etc.run("who", "--names", "--names-timeout", "100ms", "4480").stdout
        assert time.monotonic() - begun < SLOW
    assert "listens    tcp 192.0.2.7:web" in words
