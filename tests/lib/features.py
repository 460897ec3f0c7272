"""What this kernel and these privileges offer, each found by trying it. `require(has_x)` skips the
test with the reason named."""

import ctypes
import errno
import functools
import os
import platform
import socket
import struct

import pytest

from . import system

_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20
_NLM_F_REQUEST, _NLM_F_DUMP, _NLMSG_ERROR = 1, 0x300, 2
_AF_TIPC, _AF_VSOCK, _AF_XDP = 30, 40, 44


def require(feature, *args):
    if not feature(*args):
        pytest.skip(f"not here: {feature.__doc__} {' '.join(map(str, args))}".strip())


def _has_socket(family, kind, protocol=0):
    try:
        socket.socket(family, kind, protocol).close()
    except OSError as error:
        return error.errno in (errno.EPERM, errno.EACCES)
    return True


@functools.cache
def has_diag(family, protocol=0):
    """sock_diag for family and protocol"""
    body = struct.pack("=BBBBI", family, protocol, 0, 0, 0xFFFFFFFF) + bytes(64)
    header = struct.pack(
        "=IHHII", 16 + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0
    )
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as s:
        s.send(header + body)
        answer = s.recv(65536)
    kind = struct.unpack_from("=H", answer, 4)[0]
    return kind != _NLMSG_ERROR or struct.unpack_from("=i", answer, 16)[0] != -errno.ENOENT


def has_udp_diag():
    """sock_diag of UDP"""
    return has_diag(socket.AF_INET, socket.IPPROTO_UDP)


def has_raw_diag():
    """sock_diag of raw sockets (CONFIG_INET_RAW_DIAG)"""
    return has_diag(socket.AF_INET, 255)


def has_unix_diag():
    """sock_diag of UNIX sockets"""
    return has_diag(socket.AF_UNIX)


def has_netlink_diag():
    """sock_diag of netlink sockets"""
    return has_diag(socket.AF_NETLINK)


def has_packet_diag():
    """sock_diag of packet sockets"""
    return has_diag(socket.AF_PACKET)


def has_vsock_diag():
    """sock_diag of vsock (CONFIG_VSOCKETS_DIAG)"""
    return has_diag(_AF_VSOCK)


def has_xdp_diag():
    """sock_diag of XDP sockets (CONFIG_XDP_SOCKETS_DIAG)"""
    return has_diag(_AF_XDP)


@functools.cache
def has_sock_destroy():
    """SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)"""
    body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + bytes(48)
    header = struct.pack("=IHHII", 16 + len(body), 21, _NLM_F_REQUEST | 4, 1, 0)  # and an answer
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as s:
        s.send(header + body)
        error = -struct.unpack_from("=i", s.recv(65536), 16)[0]
    return error != errno.EOPNOTSUPP


@functools.cache
def has_sctp():
    """SCTP"""
    return _has_socket(socket.AF_INET, socket.SOCK_STREAM, 132)


@functools.cache
def has_mptcp():
    """MPTCP"""
    return _has_socket(socket.AF_INET, socket.SOCK_STREAM, 262)


@functools.cache
def has_udplite():
    """UDP-Lite"""
    return _has_socket(socket.AF_INET, socket.SOCK_DGRAM, 136)


@functools.cache
def has_vsock():
    """vsock"""
    return _has_socket(_AF_VSOCK, socket.SOCK_STREAM)


@functools.cache
def has_tipc():
    """TIPC"""
    return _has_socket(_AF_TIPC, socket.SOCK_STREAM)


@functools.cache
def has_xdp():
    """XDP sockets"""
    return _has_socket(_AF_XDP, socket.SOCK_RAW)


@functools.cache
def has_ipv6():
    """IPv6"""
    return os.path.exists("/proc/net/if_inet6")


@functools.cache
def has_bpf():
    """loading BPF programs, with the kernel's types in /sys/kernel/btf/vmlinux"""
    number = {"x86_64": 321, "aarch64": 280, "riscv64": 280}.get(platform.machine())
    if number is None or not os.path.exists("/sys/kernel/btf/vmlinux"):
        return False
    program = ctypes.create_string_buffer(struct.pack("=QQ", 0xB7, 0x95))  # r0 = 0; exit
    licence = ctypes.create_string_buffer(b"GPL")
    tracing = 5  # BPF_PROG_TYPE_TRACEPOINT: wants the privilege that iterators want too
    attr = struct.pack(
        "=IIQQ", tracing, 2, ctypes.addressof(program), ctypes.addressof(licence)
    ) + bytes(104)
    try:
        os.close(system.syscall(number, 5, ctypes.create_string_buffer(attr), len(attr)))
    except OSError:
        return False
    return True


@functools.cache
def has_netns():
    """making network namespaces (CAP_SYS_ADMIN)"""
    pid = os.fork()
    if pid == 0:
        try:
            system.unshare(system.CLONE_NEWNET)
            os._exit(0)
        except BaseException:  # pylint: disable=broad-except
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def is_root():
    """root"""
    return os.geteuid() == 0
