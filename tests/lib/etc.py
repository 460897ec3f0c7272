"""Another /etc, for what the C library reads there."""

import json
import os
import shutil

from . import process

KEPT = ("services", "protocols", "passwd", "group", "host.conf", "ld.so.cache", "ld.so.conf")
IN_ETC = 'mount --bind "$1" /etc && shift && exec "$@"'


class Etc:
    """Runs programs with another /etc, in a mount namespace of their own."""

    def __init__(self, path, ns):
        self.path, self.ns = path, ns
        path.mkdir()
        for name in KEPT:
            if os.path.exists("/etc/" + name):
                shutil.copy("/etc/" + name, path / name)
        self.write("nsswitch.conf", "passwd: files\nservices: files\nhosts: files\n")
        self.write("hosts", "127.0.0.1 localhost\n::1 localhost\n")

    def write(self, name, text):
        (self.path / name).write_text(text, encoding="utf-8")

    @property
    def prefix(self):
        """What stands before a command to run it so."""
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", IN_ETC, "sh", str(self.path)]

    def run(self, *command, **how):
        return process.run(self.prefix + list(map(str, command)), netns=self.ns, **how)

    def getaddrinfo(self, name, family=0):
        """The addresses as the C library orders them."""
        code = ("import json, socket, sys; print(json.dumps([a[4][0].split('%')[0] for a in "
                "socket.getaddrinfo(sys.argv[1], None, int(sys.argv[2]), socket.SOCK_STREAM)]))")
        return json.loads(self.run("/usr/bin/python3", "-c", code, name, int(family)).stdout)
