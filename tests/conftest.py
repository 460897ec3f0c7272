"""The fixtures of all tests that run programs. What they give is in tests/README.md."""

import contextlib
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from lib import features, leaks, process
from lib.cgroup import Cgroup, unified_root
from lib.mksock import Mksock
from lib.netns import Netns, Veth
from lib.terminal import Terminal


@pytest.fixture(scope="session", autouse=True)
def usual_signals():
    """Programs get the usual signals, also where this run was started in the background."""
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def leak_check():
    """No process and no namespace of ours outlives the run."""
    check = leaks.LeakCheck()
    yield
    check.check()


@pytest.fixture
def make_netns():
    """make_netns(): one more network namespace, for this test; lo=False: as it is born."""
    features.require(features.has_netns)
    with contextlib.ExitStack() as stack:

        def make(**how):
            ns = Netns(**how)
            stack.callback(ns.close)
            return ns

        yield make


@pytest.fixture
def netns(make_netns):
    """A fresh network namespace with lo up: the one that berth and mksock of this test run in."""
    return make_netns()


@pytest.fixture
def veth(netns, make_netns):
    """`netns` joined to another namespace: see Veth. veth.here is netns."""
    return Veth(netns, make_netns())


@pytest.fixture
def berth(request):
    """berth("list", "--json", …) runs berth, in the test's namespace if it has one, and returns a
    Result; status=N is the exit status it must have (0), None for any."""
    ns = request.getfixturevalue("netns") if "netns" in request.fixturenames else None
    program = process.Program(process.built("BERTH", "berth"), ns)
    yield program
    program.close()


@pytest.fixture
def cgroup():
    """cgroup("system.slice/x.service") makes a control group, for this test."""
    root = unified_root()
    if not root or not os.access(root, os.W_OK):
        pytest.skip("not here: a cgroup2 file system that may be written")
    with contextlib.ExitStack() as stack:

        def make(name):
            group = Cgroup(root, name)
            stack.callback(group.close)
            return group

        yield make


@pytest.fixture
def mksock(request, netns):
    """mksock("tcp listen 127.0.0.1:0 as=srv", …) makes sockets in the test's namespace (or in
    netns=…) and returns a Mksock."""
    if "cgroup" in request.fixturenames:  # processes end before the groups that they are in
        request.getfixturevalue("cgroup")
    program = process.Program(process.built("MKSOCK", "tests/helper/mksock"))
    with contextlib.ExitStack() as stack:
        stack.callback(program.close)

        def make(*lines, netns=netns, user=None, **how):
            mk = Mksock(program.path_for(user), lines, netns=netns, user=user, **how)
            stack.callback(mk.close)
            return mk

        yield make


@pytest.fixture
def terminal(request):
    """terminal([berth.path, "list"], columns=80, rows=24) runs a command on a terminal, in the
    test's namespace if it has one."""
    ns = request.getfixturevalue("netns") if "netns" in request.fixturenames else None
    with contextlib.ExitStack() as stack:

        def make(command, **how):
            shown = Terminal(command, **{"netns": ns, **how})
            stack.callback(shown.close)
            return shown

        yield make
