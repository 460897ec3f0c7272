"""The ground truth: sockets that tests/helper/mksock makes, and what it says of them."""

import json
import subprocess

from . import process

# What socket(2) and bind(2) answer where the kernel doesn't have a kind of socket.
UNSUPPORTED = {
    "EPROTONOSUPPORT",
    "EAFNOSUPPORT",
    "ESOCKTNOSUPPORT",
    "EPFNOSUPPORT",
    "EOPNOTSUPP",
    "ENOPROTOOPT",
}


class MksockError(Exception):
    """A line failed: .error is an errno's name or "usage", .call what failed."""

    def __init__(self, record):
        super().__init__(f"{record['error']} from {record['call']} in: {record['line'].strip()}")
        self.error = record["error"]
        self.call = record["call"]


class Sock:
    """One socket; the keys of mksock's record are attributes: name proto family state local peer
    inode cookie netns uid pid fd owners recv_q send_q listener other options."""

    def __init__(self, record):
        self.record = record
        self.__dict__.update(record)

    @property
    def port(self):
        return self.local["port"]

    @property
    def address(self):
        return self.local["address"]

    @property
    def endpoint(self):
        """As people write it: 127.0.0.1:80, [::1]:80, /run/x.sock, @name"""
        if self.port is None:
            return self.address
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"

    @property
    def listed_state(self):
        """The state by the name that berth lists it under: it tells two more apart."""
        if self.proto == "tcp" and self.state == "CLOSE" and self.port:
            return "BOUND_INACTIVE"
        if self.proto == "tcp" and self.state == "SYN_RECV" and not self.owners:
            return "NEW_SYN_RECV"
        return self.state

    @property
    def pids(self):
        return sorted({owner["pid"] for owner in self.owners})

    def find(self, rows):
        """The one row of `berth list --json` that is this socket. By five-tuple for those of TCP
        that have no inode; by inode otherwise: MPTCP gives the sockets that it accepts the cookie
        of their listener, so a cookie alone may be ambiguous."""
        found = [row for row in rows if self._is(row)]
        assert len(found) == 1, f"{len(found)} rows for {self}, not 1: {found}"
        return found[0]

    def _is(self, row):
        if row["proto"] != self.proto or row["netns"] not in (self.netns, None):
            return False
        if self.inode:
            return row["inode"] == self.inode
        return row["local"] == self.local and row["peer"] == self.peer

    def differences(self, row, skip=()):
        """What a row says otherwise than we know; [] if nothing. SKIP: keys left out."""
        known = {"proto": self.proto, "inode": self.inode or None, "cookie": self.cookie}
        known.update(netns=self.netns, uid=self.uid if self.inode else None)
        known.update(
            (key, value)
            for key, value in (("state", self.listed_state), ("local", self.local))
            if value is not None
        )
        if self.peer and self.peer["port"]:
            known["peer"] = self.peer
        for key in ("recv_q", "send_q"):
            if self.record[key] is not None:
                known[key] = self.record[key]
        wrong = [
            f"{key}: {row.get(key)!r}, but it is {value!r}"
            for key, value in known.items()
            if key not in skip and row.get(key) != value
        ]
        if "owners" not in skip:
            wrong += self._owner_differences(row.get("owners") or [])
        return wrong

    def _owner_differences(self, owners):
        seen = {(owner["pid"], owner["fd"]) for owner in owners}
        true = {(owner["pid"], owner["fd"]) for owner in self.owners}
        return [f"owners: {sorted(seen)}, but they are {sorted(true)}"] if seen != true else []

    def __repr__(self):
        return f"<{self.name}: {self.proto} {self.state} {self.local} {self.peer}>"


class Mksock:
    """A running mksock. mk["name"] is the latest Sock of that name."""

    def __init__(self, path, lines=(), netns=None, user=None, cwd=None):
        self.socks, self.processes, self.notes = {}, {}, []
        self._process = process.start(
            [path, *lines],
            netns=netns,
            user=user,
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.pid = self._process.pid
        try:
            self._raise(self._read())
        except Exception:
            self.close()
            raise

    def _read(self):
        """The records up to the next {"ready":true}."""
        records = []
        for line in self._process.stdout:
            record = json.loads(line)
            if record.get("ready"):
                return records
            self._take(record)
            records.append(record)
        raise AssertionError(f"mksock ended: exit status {self._process.wait()}")

    def _take(self, record):
        if "name" in record:
            self.socks[record["name"]] = Sock(record)
        elif "process" in record:
            self.processes[record["process"]] = record["pid"]
        else:
            self.notes.append(record)

    @staticmethod
    def _raise(records):
        for record in records:
            if "error" in record:
                raise MksockError(record)
        return records

    def try_run(self, line):
        """Like run, but an error is a record like others."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._read()

    def run(self, *lines):
        """Runs more lines; returns the Socks that they reported, once each, as they are now."""
        names = {}
        for line in lines:
            for record in self._raise(self.try_run(line)):
                if "name" in record:
                    names[record["name"]] = None
        return [self.socks[name] for name in names]

    def need(self, line):
        """run, and skip the test where the kernel doesn't have such sockets."""
        import pytest

        try:
            return self.run(line)
        except MksockError as error:
            if error.error in UNSUPPORTED:
                pytest.skip(f"this kernel can't: {error}")
            raise

    def state(self, state, *words, name=None):
        """Makes a TCP socket in STATE and returns it; its ends are NAME.peer and NAME.listener."""
        name = name or state.lower()
        self.run(" ".join(["tcp state", state, *words, f"as={name}"]))
        return self[name]

    def __getitem__(self, name):
        return self.socks[name]

    def __iter__(self):
        return iter(self.socks.values())

    def refresh(self):
        """Asks how every socket is now."""
        self.run("show")
        return self

    def close(self):
        """Its sockets are gone when this returns: it ends its children before itself."""
        if self._process.poll() is None:
            self._process.stdin.close()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                pass
        process.end(self._process)
