/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who has the ports of TCP and UDP, as bind() and the lookup of a listener see it: the buckets of
 * TCP's bind table with what the kernel remembers of each, and their owners, in whatever state,
 * those that are merely bound too; TCP's listeners and UDP's sockets in the order of their chains.
 *
 * For one port that is one bucket of the bind table, one chain of UDP, and a look through the
 * listeners. A busy server's port has an owner for each of its clients, all alike; of owners that
 * no rule tells apart only the first are told where the wish says so.
 *
 * The walk takes no locks, as that of unheld.bpf.c.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "record.h"

#define SK(sk, field)   BPF_CORE_READ(sk, field)
#define SK_BIT(sk, bit) BPF_CORE_READ_BITFIELD_PROBED(sk, bit)
#define TP(tp, field)   BPF_CORE_READ(tp, field)
#include "fill.h"

char licence[] SEC("license") = "Dual BSD/GPL";

enum {
    SLICES = 4096,
    CHAIN_MAX = 1 << 20,   /* owners of one address of a port */
    BUCKETS_MAX = 1 << 12, /* of a chain, and addresses of a port */
    RECORDS_MAX = 300,     /* of a slice: what seq_file's buffer holds for certain */
    KINDS_TOLD = 4,        /* of an address: the sorts of owner that were told already */
    BUSY_MAX = 224,        /* of BPF_CHOOSE_BUSY; with the idle ones fewer than RECORDS_MAX */
    IDLE_MAX = 32,
    SOCK_DEAD = 0,
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, SLICES);
    __type(key, __u32);
    __type(value, __u32);
} slices SEC(".maps");

/* The question, which may change between two streams of a program that stays loaded. Volatile, as
 * it is written from outside. */
volatile struct bpf_ports_wish asked;

/* The namespace of the question, found at its first slice; 0: not the reader's, walk everything. */
static __u64 asked_net;
static __u32 asked_mix;
static __u32 looked; /* the number of the question that this is of */

/* The tables: volatile, or else clang takes them apart and tells BTF the old size. */
static volatile struct {
    __u64 bhash, lhash2, udp;
    __u32 bhash_size, lhash2_size, udp_size;
} tables;

/* Where the walk stands. */
static volatile struct {
    __u64 bucket, address, sk;
    __u32 at, end, records, kind;
    bool sorts_alike;
} scan;

static struct bpf_sock_chunk record;
static struct bpf_bucket_chunk bucket_record;
static struct bpf_timer_chunk timer; /* of what closed connections left */

/* What tells one owner from another, to the rules. */
struct sort {
    __u64 flags, uid, device;
};
/* Of BPF_CHOOSE_BUSY. */
static struct bpf_tally_chunk tally;
static __u32 n_busy, n_idle;
static struct sort told[KINDS_TOLD];
static __u32 n_told;

struct output {
    struct seq_file *seq;
};

static __always_inline bool is_end(__u64 node)
{
    return !node || node & 1;
}

static __always_inline bool of_asked_net(struct net *net)
{
    return !asked.netns || BPF_CORE_READ(net, ns.inum) == asked.netns;
}

static __always_inline bool is_mini(__u8 state)
{
    return state == STATE_TIME_WAIT || state == STATE_NEW_SYN_RECV;
}

static __always_inline void fill_uid(struct bpf_sock_chunk *out, struct sock *sk)
{
    __u64 socket = (__u64)BPF_CORE_READ(sk, sk_socket);

    out->uid = BPF_CORE_READ(sk, sk_uid.val);
    out->flags |= BPF_SOCK_UID;
    if (BPF_CORE_READ(sk, __sk_common.skc_flags) >> SOCK_DEAD & 1)
        out->flags |= BPF_SOCK_DEAD;
    if (socket && BPF_CORE_READ((struct socket *)socket, file))
        out->inode = bpf_core_field_exists(struct sock, sk_ino)
                         ? BPF_CORE_READ(sk, sk_ino)
                         : BPF_CORE_READ((struct socket_alloc *)socket, vfs_inode.i_ino);
    else
        out->flags |= BPF_SOCK_FILELESS;
    if (out->inode)
        out->flags |= BPF_SOCK_WALKED;
}

/* Makes the record of the socket at scan.sk. Global, so that it is verified once. */
__noinline __u32 describe(void)
{
    struct bpf_sock_chunk *out = &record;
    struct sock *sk = (struct sock *)scan.sk;
    struct net *net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
    __u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
    __u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
    __u16 lport = BPF_CORE_READ(sk, __sk_common.skc_num);

    if (!is_inet(family) || (asked.lport && asked.lport != lport) || !of_asked_net(net))
        return 0;
    __builtin_memset(out, 0, sizeof *out);
    out->chunk.tag = BPF_TAG_SOCK;
    out->family = family;
    out->lport = lport;
    out->rport = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
    out->netns = BPF_CORE_READ(net, ns.inum);
    out->kind = scan.kind;
    out->type = out->kind == BPF_KIND_TCP ? SOCK_STREAM_ : SOCK_DGRAM_;
    out->protocol = out->kind == BPF_KIND_TCP ? 6 : 17;
    out->ifindex = BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
    out->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
    out->state = state;
    fill_flags(out, sk);
    fill_inet(out, sk);
    if (out->kind == BPF_KIND_TCP && is_mini(state)) {
        out->flags |= BPF_SOCK_MINI | BPF_SOCK_FILELESS;
        timer.kind = BPF_TIMER_NONE;
        if (state == STATE_TIME_WAIT) {
            struct inet_timewait_sock *tw = (struct inet_timewait_sock *)sk;

            out->state = BPF_CORE_READ(tw, tw_substate);
            fill_timer(&timer, BPF_TIMER_TIMEWAIT, 0, BPF_CORE_READ(tw, tw_timer.expires));
        }
    } else {
        out->state = state_to_tell(out->kind, state, lport);
        fill_uid(out, sk);
        if (out->kind == BPF_KIND_TCP) {
            struct inet_connection_sock *icsk = (struct inet_connection_sock *)sk;

            fill_tcp_queues(out, sk, (struct tcp_sock *)sk);
            if (state == STATE_LISTEN && BPF_CORE_READ(icsk, icsk_accept_queue.qlen.counter))
                out->flags |= BPF_SOCK_HANDSHAKES;
        } else
            fill_datagram_queues(out, sk, out->kind);
    }
    out->chunk.size = out->flags & BPF_SOCK_HAS_ADDR6 ? BPF_SOCK_SIZE_ADDR6 : BPF_SOCK_SIZE_ADDR4;
    return out->chunk.size;
}

/* Whether one of the same sort was told of this address already; else it is noted. */
static __always_inline bool is_known_sort(void)
{
    struct sort now = {
        .flags = record.flags &
                 (BPF_SOCK_REUSEADDR | BPF_SOCK_REUSEPORT | BPF_SOCK_V6ONLY | BPF_SOCK_MINI),
        .uid = record.uid,
        .device = (__u64)record.family << 32 | record.ifindex,
    };

    for (__u32 i = 0; i < KINDS_TOLD; i++)
        if (i < n_told && told[i].flags == now.flags && told[i].uid == now.uid &&
            told[i].device == now.device)
            return true;
    told[n_told++ & (KINDS_TOLD - 1)] = now;
    if (n_told > KINDS_TOLD)
        n_told = KINDS_TOLD;
    return false;
}

/* Nobody has to move, and nothing is on its way. */
static __always_inline bool is_idle(void)
{
    if (record.state == STATE_ESTABLISHED)
        return !(record.flags & BPF_SOCK_FILELESS) && !record.recvq && !record.sendq;
    return record.state == STATE_TIME_WAIT;
}

/* An IPv4 address may be a mapped one of an IPv6 socket. */
static __always_inline bool is_asked(const __u32 *six, __u32 four, const volatile __u32 *addr)
{
    if (asked.family == AF_INET && record.family == AF_INET6)
        return !six[0] && !six[1] && six[2] == bpf_htonl(0xffff) && six[3] == addr[0];
    if (asked.family == AF_INET)
        return four == addr[0];
    return record.family == AF_INET6 && six[0] == addr[0] && six[1] == addr[1] &&
           six[2] == addr[2] && six[3] == addr[3];
}

static __always_inline bool has_asked_address(void)
{
    return is_asked(record.addr, record.addr[0], asked.addr);
}

static __always_inline bool has_asked_peer(void)
{
    return is_asked(record.addr + 4, record.addr[1], asked.peer);
}

static __always_inline bool is_chosen(void)
{
    if (asked.family && !has_asked_address())
        return false;
    tally.tcp++;
    if (is_idle())
        return n_idle++ < IDLE_MAX;
    return n_busy++ < BUSY_MAX;
}

static __always_inline void tell(struct seq_file *seq)
{
    struct sock *sk = (struct sock *)scan.sk;
    __u32 size;

    if (asked.choice == BPF_CHOOSE_WAY &&
        BPF_CORE_READ(sk, __sk_common.skc_dport) != bpf_htons(asked.rport))
        return;
    size = describe();
    if (!size || scan.records >= RECORDS_MAX)
        return;
    if (scan.sorts_alike && asked.choice == BPF_CHOOSE_SORTS && is_known_sort())
        return;
    if (asked.choice == BPF_CHOOSE_BUSY && !is_chosen())
        return;
    if (asked.choice == BPF_CHOOSE_WAY && !(has_asked_address() && has_asked_peer()))
        return;
    if (size == BPF_SOCK_SIZE_ADDR6)
        bpf_seq_write(seq, &record, BPF_SOCK_SIZE_ADDR6);
    else
        bpf_seq_write(seq, &record, BPF_SOCK_SIZE_ADDR4);
    if (record.flags & BPF_SOCK_MINI) {
        timer.chunk.size = sizeof timer;
        timer.chunk.tag = BPF_TAG_TIMER;
        bpf_seq_write(seq, &timer, sizeof timer);
    }
    scan.records++;
}

/* Owners of one address of a port. */

static long owner(__u32 index, struct output *s)
{
    __u64 node = scan.sk;
    struct sock *sk;

    if (is_end(node))
        return 1;
    sk = (struct sock *)(node - bpf_core_field_offset(struct sock_common, skc_bind_node));
    scan.sk = (__u64)sk;
    /* The listeners are told in the order of their own table. */
    if (BPF_CORE_READ(sk, __sk_common.skc_state) != STATE_LISTEN)
        tell(s->seq);
    scan.sk = (__u64)BPF_CORE_READ((struct hlist_node *)node, next);
    return scan.records >= RECORDS_MAX;
}

static __always_inline void owners(struct output *s, __u64 first)
{
    scan.sk = first;
    scan.sorts_alike = true;
    n_told = 0;
    bpf_loop(CHAIN_MAX, owner, s, 0);
}

static long address(__u32 index, struct output *s)
{
    __u64 node = scan.address;
    struct inet_bind2_bucket *b;

    if (is_end(node))
        return 1;
    b = (void *)(node - bpf_core_field_offset(struct inet_bind2_bucket, bhash_node));
    scan.address = (__u64)BPF_CORE_READ((struct hlist_node *)node, next);
    owners(s, (__u64)BPF_CORE_READ(b, owners.first));
    return scan.records >= RECORDS_MAX;
}

/* Ports */

static __always_inline void tell_bucket(struct seq_file *seq, struct inet_bind_bucket *b)
{
    struct bpf_bucket_chunk *out = &bucket_record;

    __builtin_memset(out, 0, sizeof *out);
    out->chunk.size = sizeof *out;
    out->chunk.tag = BPF_TAG_BUCKET;
    out->netns = BPF_CORE_READ(b, ib_net.net, ns.inum);
    out->port = BPF_CORE_READ(b, port);
    out->fastreuse = BPF_CORE_READ(b, fastreuse);
    out->fastreuseport = BPF_CORE_READ(b, fastreuseport);
    out->uid = BPF_CORE_READ(b, fastuid.val);
    out->family = BPF_CORE_READ(b, fast_sk_family);
    out->v6only = BPF_CORE_READ(b, fast_ipv6_only);
    out->addr[0] = BPF_CORE_READ(b, fast_v6_rcv_saddr.in6_u.u6_addr32[0]);
    out->addr[1] = BPF_CORE_READ(b, fast_v6_rcv_saddr.in6_u.u6_addr32[1]);
    out->addr[2] = BPF_CORE_READ(b, fast_v6_rcv_saddr.in6_u.u6_addr32[2]);
    out->addr[3] = BPF_CORE_READ(b, fast_v6_rcv_saddr.in6_u.u6_addr32[3]);
    if (out->family != AF_INET6)
        out->addr[0] = BPF_CORE_READ(b, fast_rcv_saddr);
    if (asked.choice != BPF_CHOOSE_WAY || out->fastreuse >= 0 || out->fastreuseport >= 0)
        bpf_seq_write(seq, out, sizeof *out);
}

static long port(__u32 index, struct output *s)
{
    __u64 node = scan.bucket;
    struct inet_bind_bucket *b;

    if (is_end(node))
        return 1;
    b = (void *)(node - bpf_core_field_offset(struct inet_bind_bucket, node));
    scan.bucket = (__u64)BPF_CORE_READ((struct hlist_node *)node, next);
    if ((asked.lport && BPF_CORE_READ(b, port) != asked.lport) ||
        !of_asked_net(BPF_CORE_READ(b, ib_net.net)))
        return 0;
    tell_bucket(s->seq, b);
    if (bpf_core_field_exists(struct inet_bind_bucket, bhash2)) {
        scan.address = (__u64)BPF_CORE_READ(b, bhash2.first);
        bpf_loop(BUCKETS_MAX, address, s, 0);
    } else { /* before 6.8 */
        owners(s, (__u64)BPF_CORE_READ((struct inet_bind_bucket___owners *)b, owners.first));
    }
    return scan.records >= RECORDS_MAX;
}

static long port_chain(__u32 index, struct output *s)
{
    __u64 at = scan.at;

    if (scan.at >= scan.end)
        return 1;
    scan.at = at + 1;
    at = tables.bhash + at * bpf_core_type_size(struct inet_bind_hashbucket);
    scan.bucket = (__u64)BPF_CORE_READ((struct inet_bind_hashbucket *)at, chain.first);
    if (!is_end(scan.bucket))
        bpf_loop(BUCKETS_MAX, port, s, 0);
    return 0;
}

/* Chains of sockets themselves: listeners, UDP */

static long chained(__u32 index, struct output *s)
{
    __u64 node = scan.sk;

    if (is_end(node))
        return 1;
    scan.sk = node - bpf_core_field_offset(struct sock_common, skc_nulls_node);
    tell(s->seq);
    scan.sk = (__u64)BPF_CORE_READ((struct hlist_node *)node, next);
    return scan.records >= RECORDS_MAX;
}

static long listeners_chain(__u32 index, struct output *s)
{
    __u64 at = scan.at;

    if (scan.at >= scan.end)
        return 1;
    scan.at = at + 1;
    at = tables.lhash2 + at * bpf_core_type_size(struct inet_listen_hashbucket);
    scan.sk = (__u64)BPF_CORE_READ((struct inet_listen_hashbucket *)at, nulls_head.first);
    if (!is_end(scan.sk))
        bpf_loop(CHAIN_MAX, chained, s, 0);
    return 0;
}

static long udp_chain(__u32 index, struct output *s)
{
    __u64 at = scan.at;

    if (scan.at >= scan.end)
        return 1;
    scan.at = at + 1;
    at = tables.udp + at * bpf_core_type_size(struct udp_hslot);
    scan.sk = (__u64)BPF_CORE_READ((struct udp_hslot *)at, head.first);
    if (!is_end(scan.sk))
        bpf_loop(CHAIN_MAX, chained, s, 0);
    return 0;
}

static __always_inline void look(void)
{
    struct task_struct *reader = bpf_get_current_task_btf();
    struct net *net = reader->nsproxy->net_ns;
    struct inet_hashinfo *info;

    looked = asked.number;
    tally.tcp = 0;
    n_busy = n_idle = 0;
    asked_net = 0;
    if (bpf_core_field_exists(struct netns_ipv4___ptr, tcp_death_row)) {
        struct inet_timewait_death_row *row;
        row = BPF_CORE_READ((struct net___ptr *)net, ipv4.tcp_death_row);
        info = BPF_CORE_READ(row, hashinfo);
    } else {
        info = BPF_CORE_READ(net, ipv4.tcp_death_row.hashinfo);
    }
    tables.bhash = (__u64)BPF_CORE_READ(info, bhash);
    tables.bhash_size = BPF_CORE_READ(info, bhash_size);
    tables.lhash2 = (__u64)BPF_CORE_READ(info, lhash2);
    tables.lhash2_size = BPF_CORE_READ(info, lhash2_mask) + 1;
    if (bpf_core_field_exists(struct netns_ipv4, udp_table)) {
        struct udp_table *table = BPF_CORE_READ(net, ipv4.udp_table);
        tables.udp = (__u64)BPF_CORE_READ(table, hash);
        tables.udp_size = BPF_CORE_READ(table, mask) + 1;
    }
    if (asked.netns && BPF_CORE_READ(net, ns.inum) == asked.netns) {
        asked_net = (__u64)net;
        asked_mix = BPF_CORE_READ(net, hash_mix);
    }
}

/* The part of a table that a slice stands for: for one port of the reader's own namespace the one
 * chain that it can be in (inet_bhashfn and udp_hashfn of the kernel). */
static __always_inline bool choose(__u32 size, __u32 slice, bool by_port)
{
    if (by_port && asked.lport && asked_net) {
        scan.at = (asked.lport + asked_mix) & (size - 1);
        scan.end = slice == 0 && size ? scan.at + 1 : 0;
    } else {
        scan.at = (__u64)size * slice / SLICES;
        scan.end = (__u64)size * (slice + 1) / SLICES;
    }
    return scan.at < scan.end;
}

SEC("iter/bpf_map_elem")
int ports(struct bpf_iter__bpf_map_elem *ctx)
{
    struct output s = {ctx->meta->seq};
    __u32 *key = ctx->key;
    __u32 slice;

    if (!key)
        return 0;
    slice = *key;
    if (looked != asked.number)
        look();
    if (slice == 0)
        put_clock(s.seq);
    scan.records = 0;
    scan.kind = BPF_KIND_TCP;
    if (asked.kinds >> BPF_KIND_TCP & 1) {
        scan.sorts_alike = false;
        if (choose(tables.lhash2_size, slice, false))
            bpf_loop(1 << 16, listeners_chain, &s, 0);
        if (choose(tables.bhash_size, slice, true))
            bpf_loop(1 << 16, port_chain, &s, 0);
    }
    if (asked.kinds >> BPF_KIND_UDP & 1) {
        scan.kind = BPF_KIND_UDP;
        scan.sorts_alike = false;
        if (choose(tables.udp_size, slice, true))
            bpf_loop(1 << 16, udp_chain, &s, 0);
    }
    if (asked.choice == BPF_CHOOSE_BUSY && slice == SLICES - 1) {
        tally.chunk.size = sizeof tally;
        tally.chunk.tag = BPF_TAG_TALLY;
        bpf_seq_write(s.seq, &tally, sizeof tally);
    }
    return 0;
}
