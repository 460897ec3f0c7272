/* From an item to a row: units, names and which fields are known. */
#include <string.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h>

#include "kernel/bpf/decode.h"

/* Kinds and states go through unchanged. */
_Static_assert((int)BPF_KIND_TCP == NET_TCP && (int)BPF_KIND_UDP == NET_UDP &&
                   (int)BPF_KIND_UDPLITE == NET_UDPLITE && (int)BPF_KIND_MPTCP == NET_MPTCP &&
                   (int)BPF_KIND_SCTP == NET_SCTP && (int)BPF_KIND_DCCP == NET_DCCP &&
                   (int)BPF_KIND_RAW == NET_RAW && (int)BPF_KIND_PING == NET_PING &&
                   (int)BPF_KIND_UNIX_STREAM == NET_UNIX_STREAM &&
                   (int)BPF_KIND_UNIX_DGRAM == NET_UNIX_DGRAM &&
                   (int)BPF_KIND_UNIX_SEQPACKET == NET_UNIX_SEQPACKET &&
                   (int)BPF_KIND_PACKET == NET_PACKET && (int)BPF_KIND_NETLINK == NET_NETLINK &&
                   (int)BPF_KIND_VSOCK == NET_VSOCK && (int)BPF_KIND_TIPC == NET_TIPC &&
                   (int)BPF_KIND_XDP == NET_XDP && (int)BPF_KIND_OTHER == NET_OTHER &&
                   (int)BPF_KINDS == NET_KINDS,
               "the programs' kinds are those of net/state.h");
_Static_assert((int)BPF_STATE_BOUND_INACTIVE == NET_BOUND_INACTIVE, "as net/state.h");

enum { SSTHRESH_INFINITE = 0x7fffffff }; /* TCP_INFINITE_SSTHRESH of net/tcp.h */

#define SET(s, field, member, value) ((s)->member = (value), net_socket_set(s, NET_F_##field))

static uint64_t jiffies_to_ms(uint64_t jiffies, uint32_t hz)
{
    return jiffies * 1000 / hz;
}

/* sk_state of what never listens or connects may be 0 (NETLINK_UNCONNECTED). */
static enum net_state state_of(const struct bpf_sock_chunk *c)
{
    if (c->state >= NET_STATES)
        return NET_STATE_UNKNOWN;
    if (c->state == 0 && c->kind == BPF_KIND_NETLINK)
        return NET_CLOSE;
    return (enum net_state)c->state;
}

static enum net_detached detached_of(const struct bpf_sock_chunk *c)
{
    if (!(c->flags & (BPF_SOCK_MINI | BPF_SOCK_FILELESS)))
        return NET_ATTACHED;
    if (c->flags & BPF_SOCK_MINI)
        return c->state == NET_NEW_SYN_RECV ? NET_REQUEST : NET_TIME_WAITING;
    if (c->flags & BPF_SOCK_KERNEL)
        return NET_OF_KERNEL;
    return c->flags & BPF_SOCK_DEAD ? NET_ORPHAN : NET_IN_QUEUE;
}

static void set_ends(struct net_socket *s, const struct bpf_sock_chunk *c)
{
    bool six = c->flags & BPF_SOCK_HAS_ADDR6;
    int family = six ? AF_INET6 : AF_INET;

    if (!(c->flags & (BPF_SOCK_HAS_ADDR4 | BPF_SOCK_HAS_ADDR6)))
        return;
    s->local = net_addr_from_bytes(family, &c->addr[0]);
    s->local_port = c->lport;
    net_socket_set(s, NET_F_LOCAL);
    s->peer = net_addr_from_bytes(family, &c->addr[six ? 4 : 1]);
    s->peer_port = c->rport;
    net_socket_set(s, NET_F_PEER);
    /* Link-local addresses mean a link, and the kernel keeps it in the bound device alone. */
    if (six && c->ifindex) {
        if (net_addr_is_link_local(&s->local))
            s->local.scope = c->ifindex;
        if (net_addr_is_link_local(&s->peer))
            s->peer.scope = c->ifindex;
    }
}

static void set_base(struct net_socket *s, const struct bpf_sock_chunk *c)
{
    bool inet = c->family == AF_INET || c->family == AF_INET6;

    set_ends(s, c);
    SET(s, RECV_Q, recv_q, c->recvq);
    SET(s, SEND_Q, send_q, c->sendq);
    if (c->cookie) /* none until somebody asks for one; the walk over tables can't make it */
        SET(s, COOKIE, cookie, c->cookie);
    SET(s, NETNS, netns, c->netns);
    /* Without a struct socket there is neither inode nor a creator that sock_diag would name. */
    if (c->flags & BPF_SOCK_UID || !(c->flags & (BPF_SOCK_MINI | BPF_SOCK_FILELESS)))
        SET(s, UID, uid, c->uid);
    if (!(c->flags & (BPF_SOCK_MINI | BPF_SOCK_FILELESS))) {
        SET(s, INODE, inode, c->inode);
    }
    SET(s, REUSEADDR, reuseaddr, c->flags & BPF_SOCK_REUSEADDR);
    SET(s, REUSEPORT, reuseport, c->flags & BPF_SOCK_REUSEPORT);
    if (c->family == AF_INET6)
        SET(s, V6ONLY, v6only, c->flags & BPF_SOCK_V6ONLY);
    if (c->flags & BPF_SOCK_MINI && inet)
        SET(s, TRANSPARENT, transparent, c->flags & BPF_SOCK_TRANSPARENT);
    if (c->kind == BPF_KIND_RAW || c->kind == BPF_KIND_NETLINK || c->kind == BPF_KIND_OTHER)
        SET(s, PROTOCOL, protocol, c->protocol);
    s->ifindex = c->ifindex;
}

static void set_tcp_options(struct net_socket *s, const struct bpf_options_chunk *o, uint32_t hz)
{
    SET(s, NODELAY, nodelay, o->bits & BPF_OPT_NODELAY);
    SET(s, CORK, cork, o->bits & BPF_OPT_CORK);
    SET(s, DEFER_ACCEPT, defer_accept, o->defer_accept);
    SET(s, FASTOPEN, fastopen, o->fastopen_max);
    SET(s, KEEPCNT, keepcnt, o->keepalive_probes);
    if (hz) {
        SET(s, KEEPIDLE, keepidle_s, o->keepalive_time / hz);
        SET(s, KEEPINTVL, keepintvl_s, o->keepalive_intvl / hz);
    }
    memcpy(s->congestion, o->congestion, sizeof o->congestion);
    s->congestion[sizeof o->congestion] = '\0';
    if (s->congestion[0])
        net_socket_set(s, NET_F_CONGESTION);
}

static void set_options(struct net_socket *s, const struct bpf_options_chunk *o, uint32_t hz)
{
    SET(s, MARK, mark, o->mark);
    SET(s, PRIORITY, priority, o->priority);
    SET(s, KEEPALIVE, keepalive, o->bits & BPF_OPT_KEEPALIVE);
    SET(s, BROADCAST, broadcast, o->bits & BPF_OPT_BROADCAST);
    if (!(o->bits & BPF_OPT_LINGER))
        SET(s, LINGER, linger_s, -1);
    else if (hz)
        SET(s, LINGER, linger_s, o->linger_jiffies / hz);
    if (o->bits & BPF_OPT_INET) {
        SET(s, TRANSPARENT, transparent, o->bits & BPF_OPT_TRANSPARENT);
        SET(s, FREEBIND, freebind, o->bits & BPF_OPT_FREEBIND);
        SET(s, BIND_NO_PORT, bind_no_port, o->bits & BPF_OPT_BIND_ADDRESS_NO_PORT);
        SET(s, TOS, tos, o->tos);
        if (s->kind != NET_MPTCP) /* it refuses the option */
            SET(s, TTL, ttl, o->ttl);
        if (s->family == AF_INET6)
            SET(s, TCLASS, tclass, o->tclass);
    }
    if (o->bits & BPF_OPT_TCP)
        set_tcp_options(s, o, hz);
}

static void set_memory(struct net_socket *s, const struct bpf_memory_chunk *m)
{
    SET(s, RMEM, rmem, m->rmem_alloc);
    SET(s, RCVBUF, rcvbuf, m->rcvbuf);
    SET(s, WMEM, wmem, m->wmem_alloc);
    SET(s, SNDBUF, sndbuf, m->sndbuf);
    SET(s, FWD_ALLOC, fwd_alloc, m->forward_alloc);
    SET(s, WMEM_QUEUED, wmem_queued, m->wmem_queued);
    SET(s, OPTMEM, optmem, m->optmem);
    SET(s, BACKLOG_MEM, backlog_mem, m->backlog);
    SET(s, DROPS, drops, m->drops);
}

static void set_timer(struct net_socket *s, const struct bpf_timer_chunk *t, uint32_t hz)
{
    static const char names[][sizeof s->timer] = {
        [BPF_TIMER_NONE] = "",
        [BPF_TIMER_RETRANS] = "on",
        [BPF_TIMER_KEEPALIVE] = "keepalive",
        [BPF_TIMER_TIMEWAIT] = "timewait",
        [BPF_TIMER_PROBE] = "persist",
        [BPF_TIMER_SYNACK] = "on",
    };

    if (t->kind == BPF_TIMER_NONE || t->kind >= sizeof names / sizeof names[0])
        return;
    memcpy(s->timer, names[t->kind], sizeof s->timer);
    net_socket_set(s, NET_F_TIMER);
    SET(s, TIMER_RETRIES, timer_retries, t->retries);
    if (hz)
        SET(s, TIMER_MS, timer_ms,
            t->left_jiffies > 0 ? jiffies_to_ms((uint64_t)t->left_jiffies, hz) : 0);
}

static void set_tcp_times(struct net_socket *s, const struct bpf_tcp_chunk *t, uint32_t hz)
{
    SET(s, RTO, rto_us, (uint64_t)t->rto_jiffies * 1000000 / hz);
    SET(s, LAST_SEND, last_send_ms, jiffies_to_ms(t->last_send_jiffies, hz));
    SET(s, LAST_RECV, last_recv_ms, jiffies_to_ms(t->last_recv_jiffies, hz));
    SET(s, LAST_ACK, last_ack_ms, jiffies_to_ms(t->last_ack_jiffies, hz));
    SET(s, BUSY, busy_ms, jiffies_to_ms(t->busy_jiffies, hz));
}

static void set_ca_state(struct net_socket *s, uint32_t state)
{
    static const char names[][sizeof s->ca_state] = {"open", "disorder", "cwr", "recovery", "loss"};

    if (state >= sizeof names / sizeof names[0])
        return;
    memcpy(s->ca_state, names[state], sizeof s->ca_state);
    net_socket_set(s, NET_F_CA_STATE);
}

static void set_tcp(struct net_socket *s, const struct bpf_tcp_chunk *t, uint32_t hz)
{
    SET(s, RTT, rtt_us, t->srtt_us8 >> 3);
    SET(s, RTTVAR, rttvar_us, t->mdev_us4 >> 2);
    if (t->min_rtt_us != UINT32_MAX) /* none measured */
        SET(s, MIN_RTT, min_rtt_us, t->min_rtt_us);
    SET(s, SND_MSS, snd_mss, t->mss);
    SET(s, PMTU, pmtu, t->pmtu);
    SET(s, CWND, cwnd, t->cwnd);
    if (t->ssthresh < SSTHRESH_INFINITE)
        SET(s, SSTHRESH, ssthresh, t->ssthresh);
    set_ca_state(s, t->ca_state);
    SET(s, UNACKED, unacked, t->unacked);
    SET(s, LOST, lost, t->lost);
    SET(s, RETRANS, retrans, t->retrans_out);
    SET(s, RETRANS_TOTAL, retrans_total, t->retrans_total);
    SET(s, BYTES_SENT, bytes_sent, t->bytes_sent);
    SET(s, BYTES_ACKED, bytes_acked, t->bytes_acked);
    SET(s, BYTES_RECEIVED, bytes_received, t->bytes_received);
    SET(s, BYTES_RETRANS, bytes_retrans, t->bytes_retrans);
    SET(s, SEGS_IN, segs_in, t->segs_in);
    SET(s, SEGS_OUT, segs_out, t->segs_out);
    SET(s, SND_WND, snd_wnd, t->snd_wnd);
    SET(s, RCV_SPACE, rcv_space, t->rcv_space);
    SET(s, NOTSENT, notsent, (int32_t)t->notsent > 0 ? t->notsent : 0);
    if (t->pacing_rate != UINT64_MAX && t->pacing_rate <= UINT64_MAX / 8)
        SET(s, PACING, pacing_bps, t->pacing_rate * 8);
    if (t->rate_delivered && t->rate_interval_us) /* tcp_compute_delivery_rate() */
        SET(s, DELIVERY, delivery_bps,
            (uint64_t)t->rate_delivered * t->mss * 8 / t->rate_interval_us * 1000000 +
                (uint64_t)t->rate_delivered * t->mss * 8 % t->rate_interval_us * 1000000 /
                    t->rate_interval_us);
    if (hz)
        set_tcp_times(s, t, hz);
}

static void set_unix(struct net_socket *s, const struct bpf_unix_chunk *u)
{
    if (u->peer_inode)
        SET(s, PEER_INODE, peer_inode, u->peer_inode);
    if (!u->length)
        return;
    /* A path ends at its first zero byte, an abstract name has a length. */
    size_t n = u->path[0] ? strnlen(u->path, u->length) : u->length;
    memcpy(s->path, u->path, n);
    s->path[n] = '\0';
    if (!u->path[0])
        s->path[0] = '@';
    s->path_len = (uint8_t)n;
    net_socket_set(s, NET_F_PATH);
    net_socket_set(s, NET_F_LOCAL);
}

/* What has no other end says so, as sock_diag does. */
static void set_peer_id(struct net_socket *s, uint64_t id, uint32_t port)
{
    s->peer_id = id;
    s->peer_port = port;
    net_socket_set(s, NET_F_PEER);
}

static void set_portid(struct net_socket *s, const struct bpf_portid_chunk *p)
{
    s->local_id = p->local_id;
    s->local_port = p->local_port;
    net_socket_set(s, NET_F_LOCAL);
    switch (s->kind) {
    case NET_NETLINK:
        s->local_id = p->local_port;
        s->local_port = 0;
        if (p->peer_port || p->peer_id) /* the port id, the group */
            set_peer_id(s, p->peer_port, 0);
        SET(s, GROUPS, groups, p->local_id);
        break;
    case NET_PACKET:
        SET(s, PROTOCOL, protocol, p->local_port);
        s->ifindex = p->local_id;
        break;
    case NET_XDP:
        s->ifindex = p->local_id;
        break;
    default:
        if (p->peer_id != VMADDR_CID_ANY)
            set_peer_id(s, p->peer_id, p->peer_port);
    }
}

/* The row is large and most of it not read, so that only what marks and texts need is cleared. */
static void reset(struct net_socket *s)
{
    memset(&s->known, 0, sizeof s->known);
    memset(&s->forbidden, 0, sizeof s->forbidden);
    s->local = s->peer = (struct net_addr){0};
    s->local_port = s->peer_port = 0;
    s->local_id = s->peer_id = 0;
    s->ifindex = 0;
    s->uid = s->inode = s->cookie = 0;
    s->device[0] = s->congestion[0] = s->timer[0] = s->ca_state[0] = s->path[0] = '\0';
    s->path_len = 0;
    s->owners = NULL;
    s->n_owners = 0;
}

void bpf_item_to_socket(const struct bpf_item *item, uint32_t hz, struct net_socket *ret)
{
    const struct bpf_sock_chunk *c = &item->sock;

    reset(ret);
    ret->kind = c->kind < NET_KINDS ? (enum net_kind)c->kind : NET_OTHER;
    ret->state = state_of(c);
    ret->family = c->family;
    ret->detached = detached_of(c);
    set_base(ret, c);
    if (item->have & 1 << BPF_TAG_OPTIONS)
        set_options(ret, &item->options, hz);
    if (item->have & 1 << BPF_TAG_MEMORY)
        set_memory(ret, &item->memory);
    if (item->have & 1 << BPF_TAG_TIMER)
        set_timer(ret, &item->timer, hz);
    if (item->have & 1 << BPF_TAG_TCP)
        set_tcp(ret, &item->tcp, hz);
    if (item->have & 1 << BPF_TAG_CGROUP)
        SET(ret, CGROUP_ID, cgroup_id, item->cgroup.id);
    if (item->have & 1 << BPF_TAG_UNIX)
        set_unix(ret, &item->unix_name);
    if (item->have & 1 << BPF_TAG_PORTID)
        set_portid(ret, &item->portid);
}
