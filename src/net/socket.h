/* One socket, as read at one moment, and the processes that hold it.
 *
 * A plain value: whoever fills it sets the bit of each field that it could read (`known`) and of
 * each that exists but may not be seen (`forbidden`); a field with neither is absent. The key
 * fields at the top (kind, state, family) are always set. Fields are named by enum net_field, and
 * net_field_get gives each as a cell, so that filters, columns, sorting and JSON share one table.
 *
 * The pointers belong to the source and are valid during the sink's call only; net_socket_copy
 * makes a copy that lasts.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/cell.h"
#include "net/addr.h"
#include "net/state.h"

/* X(id, key, kind, member, help): one row a field; the key is the column's and filter's name and
 * the JSON key. Units stand in the key (_us, _ms, _bytes) or in the help. */
#define NET_FIELDS(X)                                                                              \
    X(RECV_Q, "recv_q", UINT, recv_q, "bytes not yet read; for a listener, connections waiting")   \
    X(SEND_Q, "send_q", UINT, send_q, "bytes not yet acknowledged; for a listener, its backlog")   \
    X(UID, "uid", UINT, uid, "user id of the socket's creator")                                    \
    X(INODE, "inode", UINT, inode, "inode in sockfs")                                              \
    X(COOKIE, "cookie", UINT, cookie, "the kernel's number of this socket; MPTCP shares it")       \
    X(NETNS, "netns", UINT, netns, "inode of the network namespace")                               \
    X(CGROUP_ID, "cgroup_id", UINT, cgroup_id, "id of the control group")                          \
    X(MARK, "mark", UINT, mark, "SO_MARK")                                                         \
    X(DEVICE, "device", TEXT, device, "the device that it is bound to")                            \
    X(PRIORITY, "priority", UINT, priority, "SO_PRIORITY")                                         \
    X(REUSEADDR, "reuseaddr", BOOL, reuseaddr, "SO_REUSEADDR")                                     \
    X(REUSEPORT, "reuseport", BOOL, reuseport, "SO_REUSEPORT")                                     \
    X(V6ONLY, "v6only", BOOL, v6only, "IPV6_V6ONLY")                                               \
    X(TRANSPARENT, "transparent", BOOL, transparent, "IP_TRANSPARENT")                             \
    X(FREEBIND, "freebind", BOOL, freebind, "IP_FREEBIND")                                         \
    X(BIND_NO_PORT, "bind_address_no_port", BOOL, bind_no_port, "IP_BIND_ADDRESS_NO_PORT")         \
    X(KEEPALIVE, "keepalive", BOOL, keepalive, "SO_KEEPALIVE")                                     \
    X(KEEPIDLE, "keepidle_s", UINT, keepidle_s, "TCP_KEEPIDLE")                                    \
    X(KEEPINTVL, "keepintvl_s", UINT, keepintvl_s, "TCP_KEEPINTVL")                                \
    X(KEEPCNT, "keepcnt", UINT, keepcnt, "TCP_KEEPCNT")                                            \
    X(NODELAY, "nodelay", BOOL, nodelay, "TCP_NODELAY")                                            \
    X(CORK, "cork", BOOL, cork, "TCP_CORK")                                                        \
    X(DEFER_ACCEPT, "defer_accept", BOOL, defer_accept, "TCP_DEFER_ACCEPT")                        \
    X(FASTOPEN, "fastopen", UINT, fastopen, "TCP_FASTOPEN: length of its queue")                   \
    X(LINGER, "linger_s", INT, linger_s, "SO_LINGER; -1: off")                                     \
    X(BROADCAST, "broadcast", BOOL, broadcast, "SO_BROADCAST")                                     \
    X(TOS, "tos", UINT, tos, "IP_TOS")                                                             \
    X(TCLASS, "tclass", UINT, tclass, "IPV6_TCLASS")                                               \
    X(TTL, "ttl", INT, ttl, "IP_TTL or IPV6_UNICAST_HOPS; -1: the route's")                        \
    X(CONGESTION, "congestion", TEXT, congestion, "TCP_CONGESTION")                                \
    X(TIMER, "timer", TEXT, timer, "the timer that runs: on, keepalive, timewait, persist, probe") \
    X(TIMER_MS, "timer_ms", UINT, timer_ms, "milliseconds until it fires")                         \
    X(TIMER_RETRIES, "timer_retries", UINT, timer_retries, "how often it has fired in a row")      \
    X(RMEM, "rmem_bytes", UINT, rmem, "memory of the receive queue")                               \
    X(RCVBUF, "rcvbuf_bytes", UINT, rcvbuf, "SO_RCVBUF, as the kernel doubles it")                 \
    X(WMEM, "wmem_bytes", UINT, wmem, "memory of packets on their way out")                        \
    X(SNDBUF, "sndbuf_bytes", UINT, sndbuf, "SO_SNDBUF, as the kernel doubles it")                 \
    X(FWD_ALLOC, "fwd_alloc_bytes", UINT, fwd_alloc, "memory reserved ahead")                      \
    X(WMEM_QUEUED, "wmem_queued_bytes", UINT, wmem_queued, "memory of the send queue")             \
    X(OPTMEM, "optmem_bytes", UINT, optmem, "memory of options and filters")                       \
    X(BACKLOG_MEM, "backlog_bytes", UINT, backlog_mem, "memory of the socket's backlog queue")     \
    X(DROPS, "drops", UINT, drops, "packets dropped for want of room")                             \
    X(RTT, "rtt_us", UINT, rtt_us, "smoothed round trip time")                                     \
    X(RTTVAR, "rttvar_us", UINT, rttvar_us, "its variation")                                       \
    X(MIN_RTT, "min_rtt_us", UINT, min_rtt_us, "least round trip time seen")                       \
    X(RTO, "rto_us", UINT, rto_us, "retransmission timeout")                                       \
    X(SND_MSS, "mss", UINT, snd_mss, "maximum segment size, sending")                              \
    X(PMTU, "pmtu", UINT, pmtu, "path MTU")                                                        \
    X(CWND, "cwnd", UINT, cwnd, "congestion window, in segments")                                  \
    X(SSTHRESH, "ssthresh", UINT, ssthresh, "slow start threshold, in segments")                   \
    X(CA_STATE, "ca_state", TEXT, ca_state, "open, disorder, cwr, recovery, loss")                 \
    X(UNACKED, "unacked", UINT, unacked, "segments in flight")                                     \
    X(LOST, "lost", UINT, lost, "segments held for lost")                                          \
    X(RETRANS, "retrans", UINT, retrans, "segments retransmitted and not acknowledged yet")        \
    X(RETRANS_TOTAL, "retrans_total", UINT, retrans_total, "segments retransmitted ever")          \
    X(BYTES_SENT, "bytes_sent", UINT, bytes_sent, "payload sent, retransmissions included")        \
    X(BYTES_ACKED, "bytes_acked", UINT, bytes_acked, "payload acknowledged by the peer")           \
    X(BYTES_RECEIVED, "bytes_received", UINT, bytes_received, "payload received")                  \
    X(BYTES_RETRANS, "bytes_retrans", UINT, bytes_retrans, "payload sent again")                   \
    X(SEGS_IN, "segs_in", UINT, segs_in, "segments received")                                      \
    X(SEGS_OUT, "segs_out", UINT, segs_out, "segments sent")                                       \
    X(SND_WND, "snd_wnd_bytes", UINT, snd_wnd, "the window that the peer offers")                  \
    X(RCV_SPACE, "rcv_space_bytes", UINT, rcv_space, "the window that this end aims at")           \
    X(NOTSENT, "notsent_bytes", UINT, notsent, "written by the program, not yet sent")             \
    X(PACING, "pacing_bps", UINT, pacing_bps, "pacing rate, bits a second")                        \
    X(DELIVERY, "delivery_bps", UINT, delivery_bps, "delivery rate, bits a second")                \
    X(LAST_SEND, "last_send_ms", UINT, last_send_ms, "since data were last sent")                  \
    X(LAST_RECV, "last_recv_ms", UINT, last_recv_ms, "since data were last received")              \
    X(LAST_ACK, "last_ack_ms", UINT, last_ack_ms, "since an acknowledgement last came")            \
    X(BUSY, "busy_ms", UINT, busy_ms, "time with data to send")                                    \
    X(PATH, "path", TEXT, path, "UNIX: the name that it is bound to; @ for abstract")              \
    X(PEER_INODE, "peer_inode", UINT, peer_inode, "UNIX: inode of the other end")                  \
    X(PROTOCOL, "protocol", UINT, protocol, "raw, packet, netlink, other: the protocol's number")  \
    X(GROUPS, "groups", UINT, groups, "netlink: the multicast groups joined, as a mask")           \
    X(REFS, "refs", UINT, refs, "UNIX: the kernel's references to it, by /proc alone")

enum net_field {
#define X(id, key, kind, member, help) NET_F_##id,
    NET_FIELDS(X)
#undef X
    /* Fields that are not plain values: each is read from its own member. */
    NET_F_LOCAL,
    NET_F_PEER,
    NET_F_OWNERS,
    NET_FIELD_COUNT
};

struct net_field_info {
    const char *key, *help;
    enum cell_kind kind;
};
/* Indexed by enum net_field, up to NET_F_LOCAL (not included). */
extern const struct net_field_info net_field_infos[];
/* By key; -EINVAL if there is none such. A unit's suffix (_us, _ms, _bytes, _s, _bps) may be left
 * out, and '-' stands for '_'. */
int net_field_find(const char *key, enum net_field *ret);

struct net_fieldset {
    uint64_t words[2];
};

/* A process as far as it was read; a NULL text is absent unless its bit in `forbidden` is set. */
enum net_process_field {
    NET_P_UID,
    NET_P_START,
    NET_P_CMDLINE,
    NET_P_EXE,
    NET_P_CWD,
    NET_P_CGROUP,
    NET_PROCESS_FIELDS
};

struct net_process {
    int32_t pid; /* in the caller's pid namespace */
    int32_t ppid;
    uint32_t uid;        /* effective, in the caller's user namespace */
    uint64_t start_ns;   /* since boot */
    char comm[16 + 1];   /* any bytes; at most 15 but for kernel threads */
    const char *user;    /* the uid's name, where names were asked for */
    const char *cmdline; /* words separated by blanks, control characters as they are */
    const char *exe, *cwd;
    const char *cgroup;        /* path in the unified hierarchy, or in systemd's */
    const char *unit;          /* from the cgroup: "nginx.service", "session-4.scope" */
    const char *container;     /* from the cgroup: "docker:0123456789ab", "pod:<uid>" … */
    uint64_t netns;            /* inode of its network namespace; 0 unknown */
    uint32_t known, forbidden; /* masks of 1 << enum net_process_field */
};

struct net_owner {
    int32_t pid, fd;
    const struct net_process *process; /* NULL when nothing but the number is known */
};

struct net_socket {
    enum net_kind kind;
    enum net_state state;
    uint16_t family; /* AF_… */
    struct net_fieldset known, forbidden;

    /* IP ends; ports in host order, 0: none. Kinds without IP have their ends in the ids (see
     * net_end): vsock CID and port, netlink port id, packet and XDP ifindex with protocol or queue,
     * TIPC node and reference. */
    struct net_addr local, peer;
    uint32_t local_port, peer_port;
    uint64_t local_id, peer_id;

    uint64_t recv_q, send_q;
    uint64_t uid, inode, cookie, netns, cgroup_id;
    uint32_t ifindex; /* of device; 0 none */
    char device[16 + 1];
    uint64_t mark, priority;
    bool reuseaddr, reuseport, v6only, transparent, freebind, bind_no_port;
    bool keepalive, nodelay, cork, defer_accept, broadcast;
    uint64_t keepidle_s, keepintvl_s, keepcnt, fastopen;
    int64_t linger_s, ttl;
    uint64_t tos, tclass;
    char congestion[16 + 1];
    char timer[12];
    uint64_t timer_ms, timer_retries;
    uint64_t rmem, rcvbuf, wmem, sndbuf, fwd_alloc, wmem_queued, optmem, backlog_mem, drops;
    uint64_t rtt_us, rttvar_us, min_rtt_us, rto_us, snd_mss, pmtu, cwnd, ssthresh;
    char ca_state[12];
    uint64_t unacked, lost, retrans, retrans_total;
    uint64_t bytes_sent, bytes_acked, bytes_received, bytes_retrans, segs_in, segs_out;
    uint64_t snd_wnd, rcv_space, notsent, pacing_bps, delivery_bps;
    uint64_t last_send_ms, last_recv_ms, last_ack_ms, busy_ms;
    char path[108 + 1]; /* abstract names begin with @, their NUL bytes stand as they are */
    uint8_t path_len;
    uint64_t peer_inode, protocol, groups, refs;

    /* Owners: known with none of them means that no process holds it; `detached` says why. */
    const struct net_owner *owners;
    uint32_t n_owners;
    enum net_detached {
        NET_ATTACHED, /* a process may hold it */
        NET_TIME_WAITING,
        NET_REQUEST,         /* a handshake under way (NEW_SYN_RECV) */
        NET_IN_QUEUE,        /* waits in a listener's accept queue */
        NET_ORPHAN,          /* the program has closed it, the kernel goes on */
        NET_OF_KERNEL,       /* made by the kernel for itself */
        NET_DETACHED_UNCLEAR /* no process was found, and the reason isn't known */
    } detached;
};

void net_socket_set(struct net_socket *s, enum net_field f);    /* marks a field known */
void net_socket_forbid(struct net_socket *s, enum net_field f); /* marks it forbidden */
void net_socket_unset(struct net_socket *s, enum net_field f);  /* marks it absent */
bool net_socket_knows(const struct net_socket *s, enum net_field f);
bool net_socket_forbids(const struct net_socket *s, enum net_field f);

/* A plain field (below NET_F_LOCAL) as a cell; a text points into *s. */
struct cell net_field_get(const struct net_socket *s, enum net_field f);
/* Sets a plain field from a known cell of its kind. 0, or -EINVAL for a text that has no room. */
int net_field_put(struct net_socket *s, enum net_field f, const struct cell *cell);

/* Copies *s with its owners and processes' pointers; the processes themselves are shared.
 * 0 or -ENOMEM; release with net_socket_copy_free. */
int net_socket_copy(struct net_socket *ret, const struct net_socket *s);
void net_socket_copy_free(struct net_socket *s);

/* True for TCP in LISTEN, UDP and its like without a peer, UNIX in LISTEN …: what one can reach. */
bool net_socket_is_listener(const struct net_socket *s);

/* One end of a socket, whatever its kind. The address is an IP address, a UNIX name, the protocol
 * of a netlink socket ("route"), a device ("en0", "*") or a context id; the port is a port, a
 * netlink port id, a protocol, a queue. */
enum net_end { NET_END_LOCAL, NET_END_PEER };
/* Appends the address, raw bytes of names as they are; false if this end has none. */
bool net_socket_address(struct buf *out, const struct net_socket *s, enum net_end end);
/* False if this end has no port, as UNIX sockets don't. 0 is a port that isn't chosen. */
bool net_socket_port(const struct net_socket *s, enum net_end end, uint64_t *ret);

/* An end for people: "127.0.0.1:80", "[fe80::1%eth0]:80", "/run/x.sock", "route:812"; "-" where
 * there is none. Raw bytes of names: the caller escapes. */
void net_socket_format_end(struct buf *out, const struct net_socket *s, enum net_end end);
/* The same with names instead of an IP end's address and port: "localhost:http". */
struct net_end_names {
    const char *host, *service; /* NULL: the number */
};
void net_socket_format_end_named(struct buf *out, const struct net_socket *s, enum net_end end,
                                 const struct net_end_names *names);
