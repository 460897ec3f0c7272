/* struct inet_diag_msg and its attributes (net/ipv4/inet_diag.c): all kinds of IP. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/inet_diag.h>

#include "kernel/attrs.h"
#include "kernel/diag_decode.h"
#include "kernel/source.h"

enum { TIMER_TIMEWAIT = 3, ATTRS = INET_DIAG_SOCKOPT + 1 };

/* The states of an SCTP association (enum sctp_state) in the words of TCP. */
static const uint8_t sctp_states[] = {
    NET_CLOSE,
    NET_SYN_SENT /* COOKIE_WAIT */,
    NET_SYN_SENT /* COOKIE_ECHOED */,
    NET_ESTABLISHED,
    NET_FIN_WAIT1 /* SHUTDOWN_PENDING */,
    NET_FIN_WAIT2 /* SHUTDOWN_SENT */,
    NET_CLOSE_WAIT /* SHUTDOWN_RECEIVED */,
    NET_LAST_ACK /* SHUTDOWN_ACK_SENT */,
};

/* Requests and TIME_WAIT are mini-sockets: of all attributes they have the mark alone, while a full
 * socket always has its shutdown (inet_diag_msg_attrs_fill). */
static bool is_full(const struct attr *attrs)
{
    return attrs[INET_DIAG_SHUTDOWN].data;
}

static enum net_state read_state(enum net_kind kind, uint8_t state, const struct attr *attrs)
{
    if (kind == NET_SCTP && attrs[INET_DIAG_PEERS].data)
        return state < sizeof sctp_states ? sctp_states[state] : NET_STATE_UNKNOWN;
    if (kind == NET_TCP && state == NET_CLOSE)
        return NET_BOUND_INACTIVE; /* only request bit 13 brings those */
    if (kind == NET_TCP && state == NET_SYN_RECV && !is_full(attrs))
        return NET_NEW_SYN_RECV;
    return state < NET_STATES ? state : NET_STATE_UNKNOWN;
}

static void read_end(struct net_addr *ret, uint16_t family, const void *bytes, uint32_t ifindex)
{
    *ret = net_addr_from_bytes(family, bytes);
    if (ifindex && family == AF_INET6 && net_addr_is_link_local(ret))
        ret->scope = ifindex;
}

static void read_ends(struct diag_decoder *d, struct net_socket *row,
                      const struct inet_diag_sockid *id)
{
    read_end(&row->local, row->family, id->idiag_src, id->idiag_if);
    read_end(&row->peer, row->family, id->idiag_dst, id->idiag_if);
    row->local_port = ntohs(id->idiag_sport);
    row->peer_port = ntohs(id->idiag_dport);
    if (row->kind == NET_RAW) { /* the kernel keeps the protocol in the port's place */
        row->protocol = row->local_port;
        diag_know(row, NET_F_PROTOCOL);
    }
    diag_know(row, NET_F_LOCAL);
    if (row->peer_port || !net_addr_is_wildcard(&row->peer))
        diag_know(row, NET_F_PEER);
    diag_set_device(d, row, id->idiag_if);
    diag_set_cookie(row, id->idiag_cookie);
}

static void read_timer(struct net_socket *row, const struct inet_diag_msg *msg)
{
    static const char *const names[] = {"", "on", "keepalive", "timewait", "persist", "probe"};
    if (!msg->idiag_timer || msg->idiag_timer >= sizeof names / sizeof *names)
        return;
    strcpy(row->timer, names[msg->idiag_timer]);
    row->timer_ms = msg->idiag_expires;
    row->timer_retries = msg->idiag_retrans;
    diag_know(row, NET_F_TIMER);
    diag_know(row, NET_F_TIMER_MS);
    diag_know(row, NET_F_TIMER_RETRIES);
}

static void read_owner(struct net_socket *row, const struct inet_diag_msg *msg)
{
    diag_set_inode(row, msg->idiag_inode);
    row->uid = msg->idiag_uid;
    if (row->inode || row->uid) /* without a program, the kernel gives 0 for "nobody" */
        diag_know(row, NET_F_UID);
    if (row->inode)
        row->detached = NET_ATTACHED;
    else if (msg->idiag_timer == TIMER_TIMEWAIT) /* FIN_WAIT2 may be such a mini-socket too */
        row->detached = NET_TIME_WAITING;
    else
        row->detached = diag_detached(row->state);
}

static void set_number(struct net_socket *row, enum net_field f, uint64_t *to, uint64_t value)
{
    *to = value;
    diag_know(row, f);
}

static void read_sockopt(struct net_socket *row, const struct attr *a)
{
    struct inet_diag_sockopt bits;
    attr_copy(a, &bits, sizeof bits);
    row->freebind = bits.freebind;
    row->transparent = bits.transparent;
    row->bind_no_port = bits.bind_address_no_port;
    diag_know(row, NET_F_FREEBIND);
    diag_know(row, NET_F_TRANSPARENT);
    diag_know(row, NET_F_BIND_NO_PORT);
}

static void read_options(struct net_socket *row, const struct attr *attrs)
{
    if (attr_has(&attrs[INET_DIAG_SOCKOPT], sizeof(struct inet_diag_sockopt)))
        read_sockopt(row, &attrs[INET_DIAG_SOCKOPT]);
    if (attr_has(&attrs[INET_DIAG_TOS], 1))
        set_number(row, NET_F_TOS, &row->tos, attr_u8(&attrs[INET_DIAG_TOS], 0));
    if (attr_has(&attrs[INET_DIAG_TCLASS], 1))
        set_number(row, NET_F_TCLASS, &row->tclass, attr_u8(&attrs[INET_DIAG_TCLASS], 0));
    if (attrs[INET_DIAG_CONG].data) {
        attr_text(&attrs[INET_DIAG_CONG], row->congestion, sizeof row->congestion);
        diag_know(row, NET_F_CONGESTION);
    }
    if (!attrs[INET_DIAG_MARK].data) /* told to CAP_NET_ADMIN, and then always */
        net_socket_forbid(row, NET_F_MARK);
}

static void read_attrs(const struct diag_decoder *d, struct net_socket *row,
                       const struct attr *attrs)
{
    if (attr_has(&attrs[INET_DIAG_SKV6ONLY], 1)) {
        row->v6only = attr_u8(&attrs[INET_DIAG_SKV6ONLY], 0);
        diag_know(row, NET_F_V6ONLY);
    }
    if (attr_has(&attrs[INET_DIAG_MARK], 4))
        set_number(row, NET_F_MARK, &row->mark, attr_u32(&attrs[INET_DIAG_MARK], 0));
    if (attr_has(&attrs[INET_DIAG_CGROUP_ID], 8))
        set_number(row, NET_F_CGROUP_ID, &row->cgroup_id, attr_u64(&attrs[INET_DIAG_CGROUP_ID], 0));
    if (d->detail & SOURCE_OPTIONS)
        read_options(row, attrs);
    if (d->detail & SOURCE_MEMORY)
        diag_set_meminfo(row, &attrs[INET_DIAG_SKMEMINFO]);
    /* In a listener's tcp_info two members mean its queue, and the others nothing. */
    if (d->detail & SOURCE_TCP_INFO && row->kind == NET_TCP && row->state != NET_LISTEN)
        diag_set_tcp_info(row, &attrs[INET_DIAG_INFO]);
}

int diag_inet_decode(struct diag_decoder *d, const struct nlmsghdr *m, struct net_socket *row)
{
    struct attr attrs[ATTRS];
    struct inet_diag_msg msg;
    if (m->nlmsg_len < NLMSG_LENGTH(sizeof msg))
        return -EBADMSG;
    memcpy(&msg, NLMSG_DATA(m), sizeof msg);
    attrs_parse_message(m, sizeof msg, attrs, ATTRS);

    diag_row_begin(d, d->kind, row);
    row->family = msg.idiag_family;
    row->state = read_state(d->kind, msg.idiag_state, attrs);
    read_ends(d, row, &msg.id);
    row->recv_q = msg.idiag_rqueue;
    row->send_q = msg.idiag_wqueue;
    diag_know(row, NET_F_RECV_Q);
    diag_know(row, NET_F_SEND_Q);
    read_owner(row, &msg);
    if (d->detail & SOURCE_TIMERS)
        read_timer(row, &msg);
    read_attrs(d, row, attrs);
    return 0;
}
