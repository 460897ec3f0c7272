/* Kinds and states of sockets, in the kernel's words. */
#pragma once
#include <stdint.h>

enum net_kind {
    NET_TCP,
    NET_UDP,
    NET_UDPLITE,
    NET_MPTCP,
    NET_SCTP,
    NET_DCCP,
    NET_RAW,
    NET_PING,
    NET_UNIX_STREAM,
    NET_UNIX_DGRAM,
    NET_UNIX_SEQPACKET,
    NET_PACKET,
    NET_NETLINK,
    NET_VSOCK,
    NET_TIPC,
    NET_XDP,
    NET_OTHER, /* a family that berth doesn't decode: its number is in net_socket.family */
    NET_KINDS
};

/* Sets of kinds are masks of 1 << enum net_kind. */
enum {
    NET_KINDS_UNIX = 1 << NET_UNIX_STREAM | 1 << NET_UNIX_DGRAM | 1 << NET_UNIX_SEQPACKET,
    NET_KINDS_DEFAULT = 1 << NET_TCP | 1 << NET_UDP,
    NET_KINDS_ALL = (1 << NET_KINDS) - 1,
};

/* The numbers are those of include/net/tcp_states.h, which every family reports in. */
enum net_state {
    NET_STATE_UNKNOWN = 0,
    NET_ESTABLISHED = 1,
    NET_SYN_SENT,
    NET_SYN_RECV,
    NET_FIN_WAIT1,
    NET_FIN_WAIT2,
    NET_TIME_WAIT,
    NET_CLOSE, /* an unconnected UDP socket too */
    NET_CLOSE_WAIT,
    NET_LAST_ACK,
    NET_LISTEN,
    NET_CLOSING,
    NET_NEW_SYN_RECV,
    NET_BOUND_INACTIVE, /* bound, and neither listening nor connected (Linux 6.8 names it so) */
    NET_STATES
};

/* Sets of states are masks of 1 << enum net_state. */
enum {
    NET_STATES_ALL = (1 << NET_STATES) - 1,
};

/* Of a UNIX socket, by SOCK_STREAM …; NET_OTHER for what isn't one of the three. */
enum net_kind net_kind_of_unix(int type);

const char *net_kind_name(enum net_kind kind);    /* "tcp", "unix-stream" … */
const char *net_state_name(enum net_state state); /* "LISTEN", "TIME_WAIT" … */
/* Exact names as above, any case for states; -EINVAL for others. */
int net_kind_parse(const char *name, enum net_kind *ret);
int net_state_parse(const char *name, enum net_state *ret);
/* Names of sets: a kind's name, "unix", "inet" (all of IP); "all". */
int net_kinds_parse(const char *name, uint32_t *ret_mask);
