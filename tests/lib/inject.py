"""System calls made in another process, as somebody would who took it over: by ptrace(2), at the
instruction that it waits in. For x86-64 alone."""

import contextlib
import ctypes
import errno
import os
import platform

from .wait import wait_for

PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_SINGLESTEP, PTRACE_DETACH = 12, 13, 9, 17
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
SYSCALL = b"\x0f\x05"
NUMBERS = {"openat": 257, "socket": 41, "connect": 42, "execve": 59, "close": 3, "unlinkat": 263,
           "mount": 165, "bind": 49}

_REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp "
              "ss fs_base gs_base ds es fs gs").split()


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in _REGISTERS]


def can_inject():
    """system calls made in another process (x86-64, ptrace)"""
    return platform.machine() == "x86_64" and os.geteuid() == 0


_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def _ptrace(request, pid, data=None):
    if _libc.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request}")


class Injected:
    """The process stands still: call("openat", -100, b"/etc/passwd", 0) is what the kernel answers
    it, a negative errno or a result; errno_of(…) its name."""

    def __init__(self, pid):
        self.pid = pid
        self._saved = Registers()
        wait_for(self._stop_in_a_call, what="a process that waits in a system call")

    def _stop_in_a_call(self):
        _ptrace(PTRACE_SEIZE, self.pid)
        _ptrace(PTRACE_INTERRUPT, self.pid)
        os.waitpid(self.pid, 0)
        _ptrace(PTRACE_GETREGS, self.pid, ctypes.addressof(self._saved))
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            memory.seek(self._saved.rip - 2)
            if memory.read(2) == SYSCALL:
                return True
        _ptrace(PTRACE_DETACH, self.pid)
        return False

    def _put(self, at, data):
        with open(f"/proc/{self.pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(at)
            memory.write(data)

    def call(self, name, *arguments):
        registers = Registers.from_buffer_copy(self._saved)
        at = (self._saved.rsp - 65536) & ~15  # below the stack and its red zone
        values = []
        for value in arguments:
            if isinstance(value, bytes):
                self._put(at, value + b"\0")
                values.append(at)
                at += 512
            else:
                values.append(value & (1 << 64) - 1)
        for register, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), values):
            setattr(registers, register, value)
        registers.rip = self._saved.rip - 2  # `syscall`, which it waits in
        registers.rax = NUMBERS[name]
        registers.orig_rax = (1 << 64) - 1  # nothing to start again
        _ptrace(PTRACE_SETREGS, self.pid, ctypes.addressof(registers))
        _ptrace(PTRACE_SINGLESTEP, self.pid)
        os.waitpid(self.pid, 0)
        _ptrace(PTRACE_GETREGS, self.pid, ctypes.addressof(registers))
        return ctypes.c_longlong(registers.rax).value

    def errno_of(self, name, *arguments):
        result = self.call(name, *arguments)
        if result >= 0 and name in ("openat", "socket"):
            self.call("close", result)
        return errno.errorcode[-result] if result < 0 else None

    def end(self):
        _ptrace(PTRACE_SETREGS, self.pid, ctypes.addressof(self._saved))
        _ptrace(PTRACE_DETACH, self.pid)


@contextlib.contextmanager
def injected(pid):
    there = Injected(pid)
    try:
        yield there
    finally:
        there.end()
