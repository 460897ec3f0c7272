"""A berth that listens, its events, and clients of it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading

from .wait import wait_for


class Listening:
    """`berth listen --json ARGS` (or another COMMAND), from its first line on: `port` of the first listener, `events` so
    far, `output` so far. end() sends SIGINT and gives the exit status."""

    def __init__(self, berth, *args, listeners=1, env=None, user=None, pass_fds=(), stdin=subprocess.PIPE,
                 prefix=(), stdout=subprocess.PIPE, command="listen"):
        self.netns = berth.netns
        command = [*prefix, *berth.command(command, "--json", *args, user=user)]
        from . import process

        self.process = subprocess.Popen(
            command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
            env=process.environment(env), pass_fds=pass_fds,
            preexec_fn=process.child_setup(berth.netns, user),
        )
        self.events, self.talk, self.output = [], [], b""
        self._threads = [threading.Thread(target=self._read_events, daemon=True)]
        if stdout == subprocess.PIPE:
            self._threads.append(threading.Thread(target=self._read_output, daemon=True))
        for thread in self._threads:
            thread.start()
        try:
            wait_for(lambda: len(self.of("listening")) >= listeners or self.process.poll() is not None,
                     what="listening")
            assert self.process.poll() is None, "".join(self.talk)
        except BaseException:
            self.close()
            raise
        self.port = self.of("listening")[0]["local"]["port"]

    def _read_events(self):
        for line in self.process.stderr:
            text = line.decode("utf-8", "surrogateescape")
            if text.startswith("{"):
                self.events.append(json.loads(text))
            else:
                self.talk.append(text)

    def _read_output(self):
        while data := os.read(self.process.stdout.fileno(), 1 << 16):
            self.output += data

    def of(self, kind):
        return [event for event in list(self.events) if event["event"] == kind]

    def wait_events(self, kind, n=1):
        wait_for(lambda: len(self.of(kind)) >= n, what=f"{n} {kind}: {self.events[-5:]} {self.talk}")
        return self.of(kind)

    def wait_output(self, text):
        wait_for(lambda: text in self.output, what=f"{text} in {self.output[-200:]}")

    def connect(self, address="127.0.0.1", port=None, family=socket.AF_INET):
        with self.netns.inside() if self.netns else contextlib.nullcontext():
            s = socket.socket(family, socket.SOCK_STREAM)
        s.settimeout(20)
        s.connect((address, port or self.port))
        return s

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def end(self, signal=2, timeout=20):
        if self.process.poll() is None:
            self.process.send_signal(signal)
        return self.wait(timeout)

    def signal_at_once(self, signals):
        """All of them are there before it sees one."""
        for number in (signal.SIGSTOP, *signals, signal.SIGCONT):
            self.process.send_signal(number)

    def wait(self, timeout=20):
        status = self.process.wait(timeout)
        for thread in self._threads:
            thread.join(10)
        return status

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join(10)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()


def read_all(s):
    data = b""
    while part := s.recv(1 << 16):
        data += part
    return data


def read_until(s, text):
    data = b""
    while text not in data:
        part = s.recv(1 << 16)
        assert part, f"the end came before {text}: {data[-200:]}"
        data += part
    return data
