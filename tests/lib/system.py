"""The system calls that Python 3.11 has no functions for."""

import ctypes
import os

CLONE_NEWNET = 0x40000000
MS_BIND = 4096
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *args):
    result = getattr(_libc, name)(*args)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
    return result


def unshare(flags):
    _call("unshare", ctypes.c_int(flags))


def setns(fd, flags):
    _call("setns", ctypes.c_int(fd), ctypes.c_int(flags))


def bind_mount(source, target):
    _call("mount", source.encode(), target.encode(), None, ctypes.c_ulong(MS_BIND), None)


def unmount(target):
    _call("umount2", target.encode(), ctypes.c_int(MNT_DETACH))


def die_with_parent():
    _call("prctl", ctypes.c_int(PR_SET_PDEATHSIG), ctypes.c_ulong(9))


def syscall(number, *args):
    return _call("syscall", ctypes.c_long(number), *args)
