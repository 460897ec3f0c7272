/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Turns a struct sock into chunks.
 *
 * The includer says how a field is read by defining
 *   SK(sk, field)   the value of a field of struct sock
 *   SK_BIT(sk, bit) the value of a bit field of it
 *   TP(tp, field)   the value of a field of struct tcp_sock
 * Plain loads are four times faster than probe reads, but need a pointer that
 * the verifier knows; the place of a socket that was found by walking a hash
 * table isn't one. Facts that are read seldom are always probed.
 */
#ifndef BERTH_KERNEL_BPF_FILL_H
#define BERTH_KERNEL_BPF_FILL_H

enum {
    AF_UNIX = 1,
    AF_INET = 2,
    AF_INET6 = 10,
    AF_NETLINK = 16,
    AF_PACKET = 17,
    AF_TIPC = 30,
    AF_VSOCK = 40,
    AF_XDP = 44,
    SOCK_STREAM_ = 1,
    SOCK_DGRAM_ = 2,
    SOCK_RAW_ = 3,
    SOCK_SEQPACKET_ = 5,
    STATE_ESTABLISHED = 1,
    STATE_SYN_SENT = 2,
    STATE_SYN_RECV = 3,
    STATE_TIME_WAIT = 6,
    STATE_CLOSE = 7,
    STATE_LISTEN = 10,
    STATE_NEW_SYN_RECV = 12,
    CLONE_OF_SK_BUFFS_MAX = 64, /* messages counted in a UNIX queue */
};

const volatile struct bpf_wish wish;

extern void *bpf_rdonly_cast(const void *address, __u32 type) __ksym __weak;

/* Memory at an address that the program worked out, to be read by plain loads; one that fails gives
 * 0. Since Linux 6.2. */
#define IN_PLACE(type, address) \
    ((type *)bpf_rdonly_cast((void *)(address), bpf_core_type_id_kernel(type)))

/* Loads a value that nobody wants yet, so that its cache line is there when somebody does. */
#define TOUCH(value) asm volatile("" ::"r"(value))

static __always_inline __u32 kind_of_inet(__u16 type, __u16 protocol)
{
    if (type == SOCK_RAW_)
        return BPF_KIND_RAW;
    switch (protocol) {
    case 6:
        return BPF_KIND_TCP;
    case 17:
        return BPF_KIND_UDP;
    case 136:
        return BPF_KIND_UDPLITE;
    case 1:
    case 58:
        return BPF_KIND_PING;
    case 33:
        return BPF_KIND_DCCP;
    case 132:
        return BPF_KIND_SCTP;
    default:
        return protocol == 262 ? BPF_KIND_MPTCP : BPF_KIND_OTHER;
    }
}

static __always_inline __u32 kind_of_unix(__u16 type)
{
    if (type == SOCK_STREAM_)
        return BPF_KIND_UNIX_STREAM;
    return type == SOCK_SEQPACKET_ ? BPF_KIND_UNIX_SEQPACKET : BPF_KIND_UNIX_DGRAM;
}

static __always_inline __u32 kind_of(__u16 family, __u16 type, __u16 protocol)
{
    switch (family) {
    case AF_INET:
    case AF_INET6:
        return kind_of_inet(type, protocol);
    case AF_UNIX:
        return kind_of_unix(type);
    case AF_NETLINK:
        return BPF_KIND_NETLINK;
    case AF_PACKET:
        return BPF_KIND_PACKET;
    case AF_VSOCK:
        return BPF_KIND_VSOCK;
    case AF_XDP:
        return BPF_KIND_XDP;
    case AF_TIPC:
        return BPF_KIND_TIPC;
    default:
        return BPF_KIND_OTHER;
    }
}

static __always_inline bool is_inet(__u16 family)
{
    return family == AF_INET || family == AF_INET6;
}

static __always_inline bool family_wanted(__u16 family)
{
    if (family == AF_INET)
        return wish.ipv4;
    if (family == AF_INET6)
        return wish.ipv6;
    return true;
}

static __always_inline bool kind_is_unix(__u32 kind)
{
    return kind == BPF_KIND_UNIX_STREAM || kind == BPF_KIND_UNIX_DGRAM ||
           kind == BPF_KIND_UNIX_SEQPACKET;
}

static __always_inline bool kind_has_tcp_states(__u32 kind)
{
    return kind == BPF_KIND_TCP || kind == BPF_KIND_MPTCP || kind == BPF_KIND_DCCP;
}

/* The state that a wish asks for and a record tells. */
static __always_inline __u8 state_to_tell(__u32 kind, __u8 state, __u16 lport)
{
    return kind_has_tcp_states(kind) && state == STATE_CLOSE && lport ? BPF_STATE_BOUND_INACTIVE
                                                                      : state;
}

static __always_inline bool state_wanted(__u8 state)
{
    return wish.states == ~0u || wish.states >> (state & 31) & 1;
}

static __always_inline bool ports_wanted(__u16 lport, __u16 rport)
{
    return (!wish.lport || wish.lport == lport) && (!wish.rport || wish.rport == rport);
}

static __always_inline void fill_flags(struct bpf_sock_chunk *out, struct sock *sk)
{
    if (SK_BIT(sk, __sk_common.skc_reuse))
        out->flags |= BPF_SOCK_REUSEADDR;
    if (SK_BIT(sk, __sk_common.skc_reuseport))
        out->flags |= BPF_SOCK_REUSEPORT;
}

static __always_inline void fill_inet(struct bpf_sock_chunk *out, struct sock *sk)
{
    if (out->family == AF_INET) {
        out->addr[0] = SK(sk, __sk_common.skc_rcv_saddr);
        out->addr[1] = SK(sk, __sk_common.skc_daddr);
        out->flags |= BPF_SOCK_HAS_ADDR4;
        return;
    }
    out->addr[0] = SK(sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[0]);
    out->addr[1] = SK(sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[1]);
    out->addr[2] = SK(sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[2]);
    out->addr[3] = SK(sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[3]);
    out->addr[4] = SK(sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[0]);
    out->addr[5] = SK(sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[1]);
    out->addr[6] = SK(sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[2]);
    out->addr[7] = SK(sk, __sk_common.skc_v6_daddr.in6_u.u6_addr32[3]);
    out->flags |= BPF_SOCK_HAS_ADDR6;
    if (SK_BIT(sk, __sk_common.skc_ipv6only))
        out->flags |= BPF_SOCK_V6ONLY;
}

/* 0 without a struct socket. */
static __always_inline __u32 inode_of(struct sock *sk)
{
    struct socket_alloc *socket;

    if (bpf_core_field_exists(struct sock, sk_ino))
        return sk->sk_ino; /* saves the inode's cache line */
    socket = (struct socket_alloc *)sk->sk_socket;
    return socket ? BPF_CORE_READ(socket, vfs_inode.i_ino) : 0;
}

/*
 * fill_tcp_queues() says what tcp_diag_get_info() says, at fewer cache misses: an
 * idle connection has an empty receive queue and nothing charged to its write
 * queue, and both of these stand in lines that are read anyway or alone, while the
 * four sequence numbers stand in three more. A FIN counts as a byte that came, even
 * once the queue was purged.
 */
static __always_inline bool has_tcp_queues(struct sock *sk, __u8 state)
{
    return state != STATE_ESTABLISHED || SK(sk, sk_receive_queue.qlen) || SK(sk, sk_wmem_queued);
}

static __always_inline void fill_tcp_queues(struct bpf_sock_chunk *out, struct sock *sk,
                                            struct tcp_sock *tp)
{
    if (out->state == STATE_LISTEN) {
        out->recvq = SK(sk, sk_ack_backlog);
        out->sendq = SK(sk, sk_max_ack_backlog);
        return;
    }
    if (SK(sk, sk_receive_queue.qlen) || out->state != STATE_ESTABLISHED) {
        __s32 unread = TP(tp, rcv_nxt) - TP(tp, copied_seq);
        out->recvq = unread > 0 ? unread : 0;
    }
    if (SK(sk, sk_wmem_queued))
        out->sendq = TP(tp, write_seq) - TP(tp, snd_una);
}

/* sk_wmem_alloc counts one for the socket itself. */
static __always_inline __u32 wmem_of(struct sock *sk)
{
    __u32 refs = SK(sk, sk_wmem_alloc.refs.counter);

    return refs ? refs - 1 : 0;
}

static __always_inline void fill_datagram_queues(struct bpf_sock_chunk *out, struct sock *sk,
                                                 __u32 kind)
{
    __s32 unread = SK(sk, sk_backlog.rmem_alloc.counter);

    if (kind == BPF_KIND_UDP || kind == BPF_KIND_UDPLITE)
        unread -= BPF_CORE_READ((struct udp_sock *)sk, forward_deficit);
    out->recvq = unread > 0 ? unread : 0;
    out->sendq = wmem_of(sk);
}

static __always_inline void fill_timer(struct bpf_timer_chunk *out, __u32 kind, __u32 retries,
                                       unsigned long expires)
{
    out->kind = kind;
    out->retries = retries;
    out->left_jiffies = kind ? (__s32)((__u32)expires - (__u32)bpf_jiffies64()) : 0;
}

static __always_inline unsigned long retransmit_at(struct sock *sk)
{
    struct inet_connection_sock *icsk = (struct inet_connection_sock *)sk;

    if (bpf_core_field_exists(struct inet_connection_sock___timeout, icsk_timeout))
        return BPF_CORE_READ((struct inet_connection_sock___timeout *)sk, icsk_timeout);
    return BPF_CORE_READ(icsk, icsk_retransmit_timer.expires);
}

/* As inet_diag tells a timer: ICSK_TIME_RETRANS 1, _PROBE0 3, _LOSS_PROBE 5, _REO_TIMEOUT 6. */
static __always_inline void fill_tcp_timer(struct bpf_timer_chunk *out, struct sock *sk)
{
    struct inet_connection_sock *icsk = (struct inet_connection_sock *)sk;
    __u8 pending = BPF_CORE_READ(icsk, icsk_pending);

    if (pending == 1 || pending == 5 || pending == 6)
        fill_timer(out, BPF_TIMER_RETRANS, BPF_CORE_READ(icsk, icsk_retransmits),
                   retransmit_at(sk));
    else if (pending == 3)
        fill_timer(out, BPF_TIMER_PROBE, BPF_CORE_READ(icsk, icsk_probes_out), retransmit_at(sk));
    else if (BPF_CORE_READ(sk, sk_timer.entry.pprev))
        fill_timer(out, BPF_TIMER_KEEPALIVE, BPF_CORE_READ(icsk, icsk_probes_out),
                   BPF_CORE_READ(sk, sk_timer.expires));
    else
        fill_timer(out, BPF_TIMER_NONE, 0, 0);
}

static __always_inline int put_clock(struct seq_file *seq)
{
    struct bpf_clock_chunk out = {.chunk = {sizeof out, BPF_TAG_CLOCK}};

    out.jiffies = bpf_jiffies64();
    out.monotonic_ns = bpf_ktime_get_ns();
    return bpf_seq_write(seq, &out, sizeof out);
}

static __always_inline bool clock_wanted(void)
{
    return wish.details & (BPF_DETAIL_OPTIONS | BPF_DETAIL_TCP | BPF_DETAIL_TIMER);
}

/* As mptcp_diag_get_info() has it: the accept queue is that of the TCP listener below. False: the
 * usual queues are meant. */
static __always_inline bool fill_mptcp_queues(struct bpf_sock_chunk *out, struct sock *sk)
{
    struct mptcp_sock *msk = (struct mptcp_sock *)sk;
    struct sock *first;

    if (out->state != STATE_LISTEN || !bpf_core_type_exists(struct mptcp_sock))
        return false;
    first = BPF_CORE_READ(msk, first);
    if (!first)
        return false;
    out->recvq = BPF_CORE_READ(first, sk_ack_backlog);
    out->sendq = BPF_CORE_READ(first, sk_max_ack_backlog);
    return true;
}

#ifdef FULL

static __always_inline __u64 inode_of_socket(struct socket *sock)
{
    return sock ? BPF_CORE_READ((struct socket_alloc *)sock, vfs_inode.i_ino) : 0;
}

/* Bytes waiting, where the kernel keeps no sum: the first message of a datagram
 * socket, the sum of the others', as unix_inq_len() counts. */
static __always_inline __u32 unix_unread(struct sock *sk, __u16 type)
{
    struct sk_buff *skb = BPF_CORE_READ(sk, sk_receive_queue.next);
    void *head = (void *)sk + bpf_core_field_offset(struct sock, sk_receive_queue);
    __u32 sum = 0;

    for (int i = 0; i < CLONE_OF_SK_BUFFS_MAX; i++) {
        if (!skb || (void *)skb == head)
            break;
        sum += BPF_CORE_READ(skb, len);
        if (type == SOCK_DGRAM_)
            break;
        if (bpf_core_field_exists(struct unix_skb_parms, consumed)) {
            __u32 consumed = 0;
            bpf_probe_read_kernel(&consumed, sizeof consumed,
                                  (void *)skb + bpf_core_field_offset(struct sk_buff, cb) +
                                      bpf_core_field_offset(struct unix_skb_parms, consumed));
            sum -= consumed;
        }
        skb = BPF_CORE_READ(skb, next);
    }
    return sum;
}

static __always_inline void fill_unix_queues(struct bpf_sock_chunk *out, struct sock *sk)
{
    struct unix_sock *u = (struct unix_sock *)sk;

    if (out->state == STATE_LISTEN) {
        out->recvq = SK(sk, sk_receive_queue.qlen);
        out->sendq = SK(sk, sk_max_ack_backlog);
        return;
    }
    out->sendq = wmem_of(sk);
    if (!SK(sk, sk_receive_queue.qlen))
        return;
    if (out->type == SOCK_STREAM_ && bpf_core_field_exists(struct unix_sock, inq_len))
        out->recvq = BPF_CORE_READ(u, inq_len);
    else
        out->recvq = unix_unread(sk, out->type);
}

static __always_inline int put_unix(struct seq_file *seq, struct sock *sk)
{
    struct unix_sock *u = (struct unix_sock *)sk;
    struct unix_address *addr = BPF_CORE_READ(u, addr);
    struct sock *peer = BPF_CORE_READ(u, peer);
    struct bpf_unix_chunk out = {.chunk.tag = BPF_TAG_UNIX};
    __u32 room = 0;

    if (peer)
        out.peer_inode = inode_of_socket(BPF_CORE_READ(peer, sk_socket));
    if (addr) {
        __u32 path_at = 2; /* sun_path follows sun_family, for ever */
        __u32 len = BPF_CORE_READ(addr, len);

        len = len > path_at ? len - path_at : 0;
        if (len > BPF_UNIX_PATH_MAX)
            len = BPF_UNIX_PATH_MAX;
        out.length = len;
        room = (len + 3) & ~3u;
        if (len)
            bpf_probe_read_kernel(out.path, BPF_UNIX_PATH_MAX,
                                  (void *)addr + bpf_core_field_offset(struct unix_address, name) +
                                      path_at);
    }
    out.chunk.size = BPF_UNIX_SIZE_BARE + room;
    if (room > BPF_UNIX_PATH_MAX)
        return -1;
    return bpf_seq_write(seq, &out, BPF_UNIX_SIZE_BARE + room);
}

static __always_inline int put_portid(struct seq_file *seq, struct sock *sk, __u32 kind)
{
    struct bpf_portid_chunk out = {.chunk = {sizeof out, BPF_TAG_PORTID}};

    if (kind == BPF_KIND_NETLINK && bpf_core_type_exists(struct netlink_sock)) {
        struct netlink_sock *n = (struct netlink_sock *)sk;
        out.local_port = BPF_CORE_READ(n, portid);
        out.peer_port = BPF_CORE_READ(n, dst_portid);
        out.peer_id = BPF_CORE_READ(n, dst_group);
        if (BPF_CORE_READ(n, ngroups)) {
            unsigned long *groups = BPF_CORE_READ(n, groups);
            bpf_probe_read_kernel(&out.local_id, sizeof out.local_id, groups);
        }
    } else if (kind == BPF_KIND_PACKET && bpf_core_type_exists(struct packet_sock)) {
        struct packet_sock *p = (struct packet_sock *)sk;
        out.local_id = BPF_CORE_READ(p, ifindex);
        out.local_port = __builtin_bswap16(BPF_CORE_READ(p, num));
    } else if (kind == BPF_KIND_VSOCK && bpf_core_type_exists(struct vsock_sock)) {
        struct vsock_sock *v = (struct vsock_sock *)sk;
        out.local_id = BPF_CORE_READ(v, local_addr.svm_cid);
        out.local_port = BPF_CORE_READ(v, local_addr.svm_port);
        out.peer_id = BPF_CORE_READ(v, remote_addr.svm_cid);
        out.peer_port = BPF_CORE_READ(v, remote_addr.svm_port);
    } else if (kind == BPF_KIND_XDP && bpf_core_type_exists(struct xdp_sock)) {
        struct xdp_sock *x = (struct xdp_sock *)sk;
        out.local_id = BPF_CORE_READ(x, dev, ifindex);
        out.local_port = BPF_CORE_READ(x, queue_id);
    } else {
        return 0;
    }
    return bpf_seq_write(seq, &out, sizeof out);
}

static __always_inline bool inet_bit(struct inet_sock *inet, __u32 bit)
{
    return BPF_CORE_READ(inet, inet_flags) >> bit & 1;
}

#define INET_BIT(inet, name) inet_bit(inet, INET_FLAGS_##name)
#define OLD_INET_BIT(inet, bit) \
    BPF_CORE_READ_BITFIELD_PROBED((struct inet_sock___bits *)(inet), bit)

static __always_inline void fill_inet_options(struct bpf_options_chunk *out, struct sock *sk,
                                              __u16 family)
{
    struct inet_sock *inet = (struct inet_sock *)sk;

    out->bits |= BPF_OPT_INET;
    if (bpf_core_field_exists(struct inet_sock, inet_flags)) {
        if (INET_BIT(inet, TRANSPARENT))
            out->bits |= BPF_OPT_TRANSPARENT;
        if (INET_BIT(inet, FREEBIND))
            out->bits |= BPF_OPT_FREEBIND;
        if (INET_BIT(inet, BIND_ADDRESS_NO_PORT))
            out->bits |= BPF_OPT_BIND_ADDRESS_NO_PORT;
    } else {
        if (OLD_INET_BIT(inet, transparent))
            out->bits |= BPF_OPT_TRANSPARENT;
        if (OLD_INET_BIT(inet, freebind))
            out->bits |= BPF_OPT_FREEBIND;
        if (OLD_INET_BIT(inet, bind_address_no_port))
            out->bits |= BPF_OPT_BIND_ADDRESS_NO_PORT;
    }
    out->tos = BPF_CORE_READ(inet, tos);
    out->ttl = BPF_CORE_READ(inet, uc_ttl);
    if (family == AF_INET6) {
        struct ipv6_pinfo *six = BPF_CORE_READ(inet, pinet6);
        out->tclass = BPF_CORE_READ(six, tclass);
        /* a bit field of 9 bits until 6.6, a whole number since; both read as -1 for "route's" */
        out->ttl = (__s16)BPF_CORE_READ_BITFIELD_PROBED(six, hop_limit);
    }
}

static __always_inline void fill_tcp_options(struct bpf_options_chunk *out, struct tcp_sock *tp)
{
    const struct tcp_congestion_ops *ca = BPF_CORE_READ(tp, inet_conn.icsk_ca_ops);
    __u8 nonagle = BPF_CORE_READ_BITFIELD_PROBED(tp, nonagle);

    out->bits |= BPF_OPT_TCP;
    if (nonagle & 1) /* TCP_NAGLE_OFF, TCP_NAGLE_CORK of net/tcp.h */
        out->bits |= BPF_OPT_NODELAY;
    if (nonagle & 2)
        out->bits |= BPF_OPT_CORK;
    struct net *net = BPF_CORE_READ(tp, inet_conn.icsk_inet.sk.__sk_common.skc_net.net);
    __u32 time = BPF_CORE_READ(tp, keepalive_time);
    __u32 interval = BPF_CORE_READ(tp, keepalive_intvl);
    __u8 probes = BPF_CORE_READ(tp, keepalive_probes);

    /* keepalive_time_when() and its like */
    out->keepalive_time = time ?: BPF_CORE_READ(net, ipv4.sysctl_tcp_keepalive_time);
    out->keepalive_intvl = interval ?: BPF_CORE_READ(net, ipv4.sysctl_tcp_keepalive_intvl);
    out->keepalive_probes =
        probes ?: BPF_CORE_READ_BITFIELD_PROBED(net, ipv4.sysctl_tcp_keepalive_probes);
    out->defer_accept = BPF_CORE_READ(tp, inet_conn.icsk_accept_queue.rskq_defer_accept);
    out->fastopen_max = BPF_CORE_READ(tp, inet_conn.icsk_accept_queue.fastopenq.max_qlen);
    if (ca)
        bpf_probe_read_kernel(out->congestion, sizeof out->congestion,
                              (void *)ca + bpf_core_field_offset(struct tcp_congestion_ops, name));
}

static __always_inline int put_options(struct seq_file *seq, struct sock *sk, __u32 kind,
                                       __u16 family)
{
    struct bpf_options_chunk out = {.chunk = {sizeof out, BPF_TAG_OPTIONS}};
    unsigned long flags = BPF_CORE_READ(sk, __sk_common.skc_flags);

    out.mark = BPF_CORE_READ(sk, sk_mark);
    out.priority = BPF_CORE_READ(sk, sk_priority);
    if (flags >> SOCK_KEEPOPEN & 1)
        out.bits |= BPF_OPT_KEEPALIVE;
    if (flags >> SOCK_BROADCAST & 1)
        out.bits |= BPF_OPT_BROADCAST;
    if (flags >> SOCK_LINGER & 1) {
        out.bits |= BPF_OPT_LINGER;
        out.linger_jiffies = BPF_CORE_READ(sk, sk_lingertime);
    }
    if (is_inet(family))
        fill_inet_options(&out, sk, family);
    if (kind == BPF_KIND_TCP)
        fill_tcp_options(&out, (struct tcp_sock *)sk);
    return bpf_seq_write(seq, &out, sizeof out);
}

static __always_inline int put_tcp(struct seq_file *seq, struct sock *sk)
{
    struct tcp_sock *tp = (struct tcp_sock *)sk;
    struct bpf_tcp_chunk out = {.chunk = {sizeof out, BPF_TAG_TCP}};
    __u32 now = bpf_jiffies64();

    out.srtt_us8 = BPF_CORE_READ(tp, srtt_us);
    out.mdev_us4 = BPF_CORE_READ(tp, mdev_us);
    out.min_rtt_us = BPF_CORE_READ(tp, rtt_min.s[0].v);
    out.cwnd = BPF_CORE_READ(tp, snd_cwnd);
    out.ssthresh = BPF_CORE_READ(tp, snd_ssthresh);
    out.mss = BPF_CORE_READ(tp, mss_cache);
    out.pmtu = BPF_CORE_READ(tp, inet_conn.icsk_pmtu_cookie);
    out.rto_jiffies = BPF_CORE_READ(tp, inet_conn.icsk_rto);
    out.unacked = BPF_CORE_READ(tp, packets_out);
    out.lost = BPF_CORE_READ(tp, lost_out);
    out.retrans_out = BPF_CORE_READ(tp, retrans_out);
    out.retrans_total = BPF_CORE_READ(tp, total_retrans);
    out.snd_wnd = BPF_CORE_READ(tp, snd_wnd);
    out.rcv_space = BPF_CORE_READ(tp, rcvq_space.space);
    out.notsent = BPF_CORE_READ(tp, write_seq) - BPF_CORE_READ(tp, snd_nxt);
    out.segs_in = BPF_CORE_READ(tp, segs_in);
    out.segs_out = BPF_CORE_READ(tp, segs_out);
    out.rate_delivered = BPF_CORE_READ(tp, rate_delivered);
    out.rate_interval_us = BPF_CORE_READ(tp, rate_interval_us);
    out.last_send_jiffies = now - BPF_CORE_READ(tp, lsndtime);
    out.last_recv_jiffies = now - BPF_CORE_READ(tp, inet_conn.icsk_ack.lrcvtime);
    out.last_ack_jiffies = now - BPF_CORE_READ(tp, rcv_tstamp);
    for (int i = 0; i < 3; i++)
        out.busy_jiffies += BPF_CORE_READ(tp, chrono_stat[i]);
    if (BPF_CORE_READ_BITFIELD_PROBED(tp, chrono_type))
        out.busy_jiffies += now - BPF_CORE_READ(tp, chrono_start);
    out.ca_state = BPF_CORE_READ_BITFIELD_PROBED(tp, inet_conn.icsk_ca_state);
    out.bytes_acked = BPF_CORE_READ(tp, bytes_acked);
    out.bytes_received = BPF_CORE_READ(tp, bytes_received);
    out.bytes_sent = BPF_CORE_READ(tp, bytes_sent);
    out.bytes_retrans = BPF_CORE_READ(tp, bytes_retrans);
    out.pacing_rate = BPF_CORE_READ(sk, sk_pacing_rate);
    return bpf_seq_write(seq, &out, sizeof out);
}

/* UDP counts apart since Linux 6.18, in two places (sk_drops_read of include/net/sock.h). */
static __always_inline __u32 drops_of(struct sock *sk)
{
    __u32 drops = BPF_CORE_READ(sk, sk_drops.counter);
    if (bpf_core_field_exists(struct sock, sk_drop_counters)) {
        struct numa_drop_counters *apart = BPF_CORE_READ(sk, sk_drop_counters);
        if (apart)
            return BPF_CORE_READ(apart, drops0.counter) + BPF_CORE_READ(apart, drops1.counter);
    }
    return drops;
}

static __always_inline int put_memory(struct seq_file *seq, struct sock *sk)
{
    struct bpf_memory_chunk out = {.chunk = {sizeof out, BPF_TAG_MEMORY}};
    __u32 refs = BPF_CORE_READ(sk, sk_wmem_alloc.refs.counter);

    out.rmem_alloc = BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter);
    out.wmem_alloc = refs ? refs - 1 : 0;
    out.rcvbuf = BPF_CORE_READ(sk, sk_rcvbuf);
    out.sndbuf = BPF_CORE_READ(sk, sk_sndbuf);
    out.forward_alloc = BPF_CORE_READ(sk, sk_forward_alloc);
    out.wmem_queued = BPF_CORE_READ(sk, sk_wmem_queued);
    out.optmem = BPF_CORE_READ(sk, sk_omem_alloc.counter);
    out.backlog = BPF_CORE_READ(sk, sk_backlog.len);
    out.drops = drops_of(sk);
    return bpf_seq_write(seq, &out, sizeof out);
}

static __always_inline int put_tcp_timer(struct seq_file *seq, struct sock *sk)
{
    struct bpf_timer_chunk out = {.chunk = {sizeof out, BPF_TAG_TIMER}};

    fill_tcp_timer(&out, sk);
    return bpf_seq_write(seq, &out, sizeof out);
}

static __always_inline int put_cgroup(struct seq_file *seq, struct sock *sk)
{
    struct bpf_cgroup_chunk out = {.chunk = {sizeof out, BPF_TAG_CGROUP}};

    out.id = BPF_CORE_READ(sk, sk_cgrp_data.cgroup, kn, id);
    return bpf_seq_write(seq, &out, sizeof out);
}

/* The chunks of a full socket (not of a mini one) that come after SOCK. */
static __always_inline int put_details(struct seq_file *seq, struct sock *sk, __u32 kind,
                                       __u16 family, __u8 state)
{
    int err = 0;

    if (kind_is_unix(kind))
        err |= put_unix(seq, sk);
    else if (!is_inet(family))
        err |= put_portid(seq, sk, kind);
    if (wish.details & BPF_DETAIL_CGROUP)
        err |= put_cgroup(seq, sk);
    if (wish.details & BPF_DETAIL_OPTIONS)
        err |= put_options(seq, sk, kind, family);
    if (wish.details & BPF_DETAIL_MEMORY)
        err |= put_memory(seq, sk);
    if (wish.details & BPF_DETAIL_TIMER && kind == BPF_KIND_TCP && state != STATE_LISTEN)
        err |= put_tcp_timer(seq, sk);
    if (wish.details & BPF_DETAIL_TCP && kind == BPF_KIND_TCP && state != STATE_LISTEN)
        err |= put_tcp(seq, sk);
    return err;
}

#endif /* FULL */

#endif
