"""Network namespaces that the tests make for themselves. A namespace is held by a descriptor of
this process alone, so that it ends with the test whatever happens."""

import contextlib
import fcntl
import os
import socket
import struct

from . import process, system
from .wait import wait_for

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def _link_up(device):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh14x", device.encode(), 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(s, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(s, _SIOCSIFFLAGS, struct.pack("16sh14x", device.encode(), flags | _IFF_UP))


def _own():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class Netns:
    """A network namespace, with lo up unless told otherwise. `fd`, `inode`; `path` for commands that want one."""

    alive = 0  # how many are open: the leak check counts
    named = set()  # the names of those that have one

    def __init__(self, lo=True):
        outside = _own()
        try:
            system.unshare(system.CLONE_NEWNET)
            self.fd = _own()
            if lo:
                _link_up("lo")
        finally:
            system.setns(outside, system.CLONE_NEWNET)
            os.close(outside)
        self.inode = os.fstat(self.fd).st_ino
        self.path = f"/proc/{os.getpid()}/fd/{self.fd}"
        self._mounts = []
        Netns.alive += 1

    @contextlib.contextmanager
    def inside(self):
        """Python code of the test itself runs in the namespace: sockets that it opens are there."""
        outside = _own()
        system.setns(self.fd, system.CLONE_NEWNET)
        try:
            yield self
        finally:
            system.setns(outside, system.CLONE_NEWNET)
            os.close(outside)

    def run(self, *command, **how):
        return process.run(command, netns=self, **how)

    def ip(self, *args, **how):
        """ns.ip("addr", "add", …); also one string: ns.ip("link set lo mtu 1400")"""
        words = args[0].split() if len(args) == 1 else args
        return self.run("ip", *words, **how)

    def sysctl(self, name, value=None):
        """Reads a sysctl of this namespace, or writes it."""
        path = "/proc/sys/" + name.replace(".", "/")
        with self.inside(), open(path, "r" if value is None else "w", encoding="ascii") as f:
            return f.read().strip() if value is None else f.write(str(value))

    def name(self, name):
        """Gives it a name as `ip netns add` would, until the test ends."""
        os.makedirs("/run/netns", exist_ok=True)
        path = "/run/netns/" + name
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o444))
        self._mounts.append(path)
        Netns.named.add(name)
        system.bind_mount(f"/proc/self/fd/{self.fd}", path)
        return self

    def close(self):
        if self.fd < 0:
            return
        for path in self._mounts:
            with contextlib.suppress(OSError):
                system.unmount(path)
            os.unlink(path)
            Netns.named.discard(os.path.basename(path))
        os.close(self.fd)
        self.fd = -1
        Netns.alive -= 1


def _no_tentative(ns):
    return "tentative" not in ns.run("ip", "-6", "addr", "show").stdout


class Veth:
    """Two namespaces joined by a wire, the device being called en0 at each end:
    `here` is 192.168.1.89/24 and fd00:1::89/64, `there` 192.168.1.1/24 and fd00:1::1/64."""

    def __init__(self, here, there):
        self.here, self.there = here, there
        self.here_address, self.there_address = "192.168.1.89", "192.168.1.1"
        self.here_address6, self.there_address6 = "fd00:1::89", "fd00:1::1"
        here.ip("link", "add", "en0", "type", "veth", "peer", "name", "en0", "netns", there.path)
        for ns, last in ((here, "89"), (there, "1")):
            ns.sysctl("net.ipv6.conf.en0.accept_dad", 0)
            ns.ip("addr", "add", f"192.168.1.{last}/24", "dev", "en0")
            ns.ip("addr", "add", f"fd00:1::{last}/64", "dev", "en0", "nodad")
        here.ip("link set en0 up")
        there.ip("link set en0 up")
        for ns in (here, there):
            wait_for(lambda ns=ns: _no_tentative(ns), what="addresses that aren't tentative")
