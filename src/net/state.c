#include "net/state.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static const char *const kind_names[] = {
    [NET_TCP] = "tcp",
    [NET_UDP] = "udp",
    [NET_UDPLITE] = "udplite",
    [NET_MPTCP] = "mptcp",
    [NET_SCTP] = "sctp",
    [NET_DCCP] = "dccp",
    [NET_RAW] = "raw",
    [NET_PING] = "ping",
    [NET_UNIX_STREAM] = "unix-stream",
    [NET_UNIX_DGRAM] = "unix-dgram",
    [NET_UNIX_SEQPACKET] = "unix-seqpacket",
    [NET_PACKET] = "packet",
    [NET_NETLINK] = "netlink",
    [NET_VSOCK] = "vsock",
    [NET_TIPC] = "tipc",
    [NET_XDP] = "xdp",
    [NET_OTHER] = "other",
};
static_assert(sizeof kind_names / sizeof *kind_names == NET_KINDS, "a name for each kind");

static const char *const state_names[] = {
    [NET_STATE_UNKNOWN] = "UNKNOWN",
    [NET_ESTABLISHED] = "ESTABLISHED",
    [NET_SYN_SENT] = "SYN_SENT",
    [NET_SYN_RECV] = "SYN_RECV",
    [NET_FIN_WAIT1] = "FIN_WAIT1",
    [NET_FIN_WAIT2] = "FIN_WAIT2",
    [NET_TIME_WAIT] = "TIME_WAIT",
    [NET_CLOSE] = "CLOSE",
    [NET_CLOSE_WAIT] = "CLOSE_WAIT",
    [NET_LAST_ACK] = "LAST_ACK",
    [NET_LISTEN] = "LISTEN",
    [NET_CLOSING] = "CLOSING",
    [NET_NEW_SYN_RECV] = "NEW_SYN_RECV",
    [NET_BOUND_INACTIVE] = "BOUND_INACTIVE",
};
static_assert(sizeof state_names / sizeof *state_names == NET_STATES, "a name for each state");

static const struct kind_set {
    const char *name;
    uint32_t mask;
} kind_sets[] = {
    {"unix", NET_KINDS_UNIX},
    {"inet", 1 << NET_TCP | 1 << NET_UDP | 1 << NET_UDPLITE | 1 << NET_MPTCP | 1 << NET_SCTP |
                 1 << NET_DCCP | 1 << NET_RAW | 1 << NET_PING},
    {"all", NET_KINDS_ALL},
};

enum net_kind net_kind_of_unix(int type)
{
    switch (type) {
    case SOCK_STREAM:
        return NET_UNIX_STREAM;
    case SOCK_SEQPACKET:
        return NET_UNIX_SEQPACKET;
    case SOCK_DGRAM:
        return NET_UNIX_DGRAM;
    default:
        return NET_OTHER;
    }
}

const char *net_kind_name(enum net_kind kind)
{
    return (unsigned)kind < NET_KINDS ? kind_names[kind] : "other";
}

const char *net_state_name(enum net_state state)
{
    return (unsigned)state < NET_STATES ? state_names[state] : "UNKNOWN";
}

int net_kind_parse(const char *name, enum net_kind *ret)
{
    for (int i = 0; i < NET_KINDS; i++) {
        if (strcmp(name, kind_names[i]) == 0) {
            *ret = (enum net_kind)i;
            return 0;
        }
    }
    return -EINVAL;
}

int net_state_parse(const char *name, enum net_state *ret)
{
    for (int i = 1; i < NET_STATES; i++) {
        if (strcasecmp(name, state_names[i]) == 0) {
            *ret = (enum net_state)i;
            return 0;
        }
    }
    return -EINVAL;
}

int net_kinds_parse(const char *name, uint32_t *ret_mask)
{
    enum net_kind kind;
    for (size_t i = 0; i < sizeof kind_sets / sizeof *kind_sets; i++) {
        if (strcmp(name, kind_sets[i].name) == 0) {
            *ret_mask = kind_sets[i].mask;
            return 0;
        }
    }
    int r = net_kind_parse(name, &kind);
    if (r < 0)
        return r;
    *ret_mask = 1u << kind;
    return 0;
}
