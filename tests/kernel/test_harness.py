"""The harness does what its README says: users, capabilities, terminals, results."""

import os

import pytest

from lib import features, process


def test_ordinary_user():
    features.require(features.is_root)
    result = process.run(["id", "-u"], user=process.NOBODY)
    assert result.stdout == "65534\n"
    assert process.run(["id", "-G"], user=process.NOBODY).stdout == "65534\n"


def test_ordinary_user_in_a_namespace(netns):
    result = process.run(["readlink", "/proc/self/ns/net"], user=process.NOBODY, netns=netns)
    assert result.stdout == f"net:[{netns.inode}]\n"


def test_without_a_capability():
    features.require(features.is_root)
    sys_ptrace = 1 << 19
    result = process.run(["cat", "/proc/self/status"], without=["sys_ptrace"])
    (line,) = [line for line in result.lines if line.startswith("CapEff")]
    assert not int(line.split()[1], 16) & sys_ptrace


def test_status_is_checked():
    assert process.run(["false"], status=1).status == 1
    assert process.run(["false"], status=None).status == 1
    with pytest.raises(AssertionError, match="exit status is not 0"):
        process.run(["false"])


def test_result_reads_json():
    assert process.run(["echo", '{"a": [1]}']).json() == {"a": [1]}
    assert process.run(["printf", '1\n{}\n']).jsonl() == [1, {}]


def test_program_out_of_an_ordinary_users_reach(tmp_path):
    features.require(features.is_root)
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    script = hidden / "program"
    script.write_text("#!/bin/sh\nid -u\n")
    script.chmod(0o755)
    program = process.Program(str(script))
    assert program().stdout == "0\n"
    assert program(user=process.NOBODY).stdout == "65534\n"
    program.close()


def test_terminal_has_its_size(terminal):
    shown = terminal(["stty", "size"], columns=132, rows=50)
    assert shown.wait() == 0
    assert shown.lines == ["50 132"]


def test_terminal_types_and_expects(terminal):
    shown = terminal(["sh", "-c", "printf 'name? '; read name; echo hello $name; exit 3"])
    shown.expect(r"name\? ")
    shown.type("berth\n")
    shown.expect("hello berth")
    assert shown.wait() == 3


def test_terminal_is_the_controlling_one(terminal):
    shown = terminal(["sleep", "60"])
    shown.type("\x03")
    assert shown.wait() == -2


def test_namespace_python_runs_inside(netns):
    before = os.readlink("/proc/thread-self/ns/net")
    with netns.inside():
        assert os.stat("/proc/thread-self/ns/net").st_ino == netns.inode
    assert os.readlink("/proc/thread-self/ns/net") == before


def test_sysctl(netns):
    netns.sysctl("net.ipv4.ip_unprivileged_port_start", 80)
    assert netns.sysctl("net.ipv4.ip_unprivileged_port_start") == "80"
    assert netns.run("cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start").stdout == "80\n"


def test_wire_reaches_the_other_end(veth):
    veth.here.run("sh", "-c", f"ip -o -6 addr show dev en0 | grep -q {veth.here_address6}")
    route = veth.here.ip("route", "get", veth.there_address).stdout
    assert "dev en0" in route and veth.here_address in route


def test_leaks_are_found():
    """In a Python of its own, as the check marks the environment that it runs in."""
    script = """
import subprocess
from lib.leaks import LeakCheck
check = LeakCheck(timeout=0.05)
left = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
left.stdin.write(b"it has begun, and its environment can be read\\n")
left.stdin.flush()
left.stdout.readline()
try:
    check.check()
except AssertionError as error:
    print(error)
finally:
    left.kill()
    left.wait()
check.check()
"""
    tests = os.path.join(process.ROOT, "tests")
    said = process.run(["/usr/bin/python3", "-c", script], cwd=tests, env={"PYTHONPATH": tests})
    assert "no process left behind" in said.stdout and "cat" in said.stdout


def test_features_answer():
    for name in dir(features):
        if name.startswith("has_") and name != "has_diag":
            assert getattr(features, name)() in (True, False), name
