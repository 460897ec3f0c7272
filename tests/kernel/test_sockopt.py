"""What src/net/sockopt.c takes for granted of the kernel: who inherits what, and in which order
options may be set."""

import socket

import pytest

SOL_IP, SOL_TCP, SOL_IPV6 = 0, 6, 41
IP_TOS, IP_TTL, IP_MULTICAST_TTL, IP_TRANSPARENT, IP_FREEBIND = 1, 2, 33, 19, 15
TCP_USER_TIMEOUT = 18

INHERITED = {
    "keepalive": (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    "keepalive-idle": (SOL_TCP, socket.TCP_KEEPIDLE, 77),
    "keepalive-interval": (SOL_TCP, socket.TCP_KEEPINTVL, 33),
    "keepalive-count": (SOL_TCP, socket.TCP_KEEPCNT, 4),
    "nodelay": (SOL_TCP, socket.TCP_NODELAY, 1),
    "user-timeout": (SOL_TCP, TCP_USER_TIMEOUT, 5000),
    "tos": (SOL_IP, IP_TOS, 0xB8),
    "ttl": (SOL_IP, IP_TTL, 33),
    "rcvbuf": (socket.SOL_SOCKET, socket.SO_RCVBUF, 65536),
    "sndbuf": (socket.SOL_SOCKET, socket.SO_SNDBUF, 65536),
    "freebind": (SOL_IP, IP_FREEBIND, 1),
}
INHERITED_6 = {
    "tclass": (SOL_IPV6, socket.IPV6_TCLASS, 0xB8),
    "hops": (SOL_IPV6, socket.IPV6_UNICAST_HOPS, 33),
}
CASES = [(family, name, *option)
         for family in (socket.AF_INET, socket.AF_INET6)
         for name, option in (INHERITED | (INHERITED_6 if family == socket.AF_INET6 else {})).items()]


def listener_and_accepted(netns, family, level, option, value):
    """What both ends of an accept say of an option that was set on the listener."""
    address = "127.0.0.1" if family == socket.AF_INET else "::1"
    with netns.inside(), socket.socket(family) as listener:
        listener.setsockopt(level, option, value)
        listener.bind((address, 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()[:2]):
            accepted, _ = listener.accept()
            with accepted:
                return listener.getsockopt(level, option), accepted.getsockopt(level, option)


@pytest.mark.parametrize("family, name, level, option, value", CASES)
def test_accepted_sockets_inherit(netns, family, name, level, option, value):
    before, after = listener_and_accepted(netns, family, level, option, value)
    assert before == after, name


def test_accepted_sockets_lose_the_priority(netns):
    assert listener_and_accepted(netns, socket.AF_INET, socket.SOL_SOCKET, socket.SO_PRIORITY,
                                 5) == (5, 0)


def test_tos_changes_the_priority(netns):
    with netns.inside(), socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 5)
        s.setsockopt(SOL_IP, IP_TOS, 0x08)
        assert s.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY) != 5


@pytest.mark.parametrize("option", [IP_TOS, IP_TTL, IP_MULTICAST_TTL, IP_FREEBIND, IP_TRANSPARENT])
def test_ipv6_sockets_take_options_of_ipv4(netns, option):
    with netns.inside(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.setsockopt(SOL_IP, option, 1)
        assert s.getsockopt(SOL_IP, option) == 1


def test_ipv6_sockets_join_groups_of_ipv4(netns):
    with netns.inside(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.setsockopt(SOL_IP, socket.IP_ADD_MEMBERSHIP,
                     socket.inet_aton("239.1.2.3") + bytes(4) + (1).to_bytes(4, "little"))
