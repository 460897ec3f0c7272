/* The ends of a socket as text. */
#include <linux/netlink.h>

#include "base/buf.h"
#include "net/socket.h"

static const char *const netlink_names[] = {
    [NETLINK_ROUTE] = "route",
    [NETLINK_USERSOCK] = "usersock",
    [NETLINK_SOCK_DIAG] = "sock_diag",
    [NETLINK_NFLOG] = "nflog",
    [NETLINK_XFRM] = "xfrm",
    [NETLINK_SELINUX] = "selinux",
    [NETLINK_ISCSI] = "iscsi",
    [NETLINK_AUDIT] = "audit",
    [NETLINK_FIB_LOOKUP] = "fiblookup",
    [NETLINK_CONNECTOR] = "connector",
    [NETLINK_NETFILTER] = "netfilter",
    [NETLINK_KOBJECT_UEVENT] = "uevent",
    [NETLINK_GENERIC] = "generic",
    [NETLINK_SCSITRANSPORT] = "scsitransport",
    [NETLINK_RDMA] = "rdma",
    [NETLINK_CRYPTO] = "crypto",
};

static bool is_unix(const struct net_socket *s)
{
    return NET_KINDS_UNIX >> s->kind & 1;
}

static bool is_known(const struct net_socket *s, enum net_end end)
{
    return net_socket_knows(s, end == NET_END_LOCAL ? NET_F_LOCAL : NET_F_PEER);
}

static const struct net_addr *inet_of(const struct net_socket *s, enum net_end end)
{
    return end == NET_END_LOCAL ? &s->local : &s->peer;
}

static void put_netlink(struct buf *out, const struct net_socket *s)
{
    size_t n = sizeof netlink_names / sizeof *netlink_names;
    if (s->protocol < n && netlink_names[s->protocol])
        buf_str(out, netlink_names[s->protocol]);
    else
        buf_u64(out, s->protocol);
}

static void put_device(struct buf *out, const struct net_socket *s, uint64_t ifindex)
{
    if (ifindex == 0)
        buf_char(out, '*');
    else if (s->device[0] && s->ifindex == ifindex)
        buf_str(out, s->device);
    else
        buf_u64(out, ifindex);
}

/* VMADDR_CID_ANY is all ones. */
static void put_id(struct buf *out, uint64_t id)
{
    if (id == UINT32_MAX)
        buf_char(out, '*');
    else
        buf_u64(out, id);
}

static void put_other(struct buf *out, const struct net_socket *s, enum net_end end)
{
    uint64_t id = end == NET_END_LOCAL ? s->local_id : s->peer_id;
    switch (s->kind) {
    case NET_NETLINK:
        put_netlink(out, s);
        break;
    case NET_PACKET:
    case NET_XDP:
        put_device(out, s, id);
        break;
    default:
        put_id(out, id);
    }
}

bool net_socket_address(struct buf *out, const struct net_socket *s, enum net_end end)
{
    if (is_unix(s)) {
        if (end == NET_END_PEER || s->path_len == 0)
            return false;
        buf_add(out, s->path, s->path_len);
        return true;
    }
    if (inet_of(s, end)->family) {
        net_addr_format(out, inet_of(s, end));
        return true;
    }
    if (!is_known(s, end))
        return false;
    put_other(out, s, end);
    return true;
}

bool net_socket_port(const struct net_socket *s, enum net_end end, uint64_t *ret)
{
    if (is_unix(s))
        return false;
    if (s->kind == NET_NETLINK)
        *ret = end == NET_END_LOCAL ? s->local_id : s->peer_id;
    else
        *ret = end == NET_END_LOCAL ? s->local_port : s->peer_port;
    return true;
}

static void put_inet(struct buf *out, const struct net_socket *s, const struct net_addr *a,
                     uint32_t port, const struct net_end_names *names)
{
    bool v6 = a->family == AF_INET6 && !names->host;
    if (v6)
        buf_char(out, '[');
    if (names->host)
        buf_str(out, names->host);
    else
        net_addr_format(out, a);
    if (a->scope) {
        buf_char(out, '%');
        put_device(out, s, a->scope);
    }
    if (v6)
        buf_char(out, ']');
    buf_char(out, ':');
    if (names->service)
        buf_str(out, names->service);
    else if (port)
        buf_u64(out, port);
    else
        buf_char(out, '*');
}

/* VMADDR_PORT_ANY of vsock(7), as a listener's peer has it. */
static const uint32_t any_port = UINT32_MAX;

static bool has_far_end(const struct net_socket *s)
{
    if (s->peer.family)
        return s->peer_port || !net_addr_is_wildcard(&s->peer);
    if (s->kind == NET_VSOCK || s->kind == NET_TIPC)
        return s->state == NET_ESTABLISHED || (s->peer_port && s->peer_port != any_port);
    return s->peer_id != 0;
}

void net_socket_format_end(struct buf *out, const struct net_socket *s, enum net_end end)
{
    net_socket_format_end_named(out, s, end, &(struct net_end_names){0});
}

void net_socket_format_end_named(struct buf *out, const struct net_socket *s, enum net_end end,
                                 const struct net_end_names *names)
{
    const struct net_addr *inet = inet_of(s, end);
    uint64_t port;

    if (end == NET_END_PEER && is_unix(s) && s->peer_inode) {
        buf_str(out, "inode ");
        buf_u64(out, s->peer_inode);
    } else if (end == NET_END_PEER && !has_far_end(s)) {
        buf_char(out, '-');
    } else if (inet->family) {
        put_inet(out, s, inet, end == NET_END_LOCAL ? s->local_port : s->peer_port, names);
    } else if (!net_socket_address(out, s, end)) {
        buf_char(out, '-');
    } else if (net_socket_port(s, end, &port)) {
        buf_char(out, ':');
        put_id(out, port);
    }
}
