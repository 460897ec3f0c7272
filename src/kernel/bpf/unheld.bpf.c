/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A walk over the kernel's tables of TCP and BPF_TABLE_UDP sockets, of all namespaces at once.  It
 * tells those that no process has open: TIME_WAIT, handshakes under way, orphans, what waits in an
 * accept queue, and the kernel's own.  The others it counts, so that the reader learns whether the
 * pass over descriptors met them all; or it tells every socket, when holders aren't asked for.
 *
 * Namespaces share their hash tables unless one asked for a table of its own, so a walk over the
 * tables of the reader's namespace sees every other's sockets too, where the kernel's own iterators
 * and sock_diag would be asked once for each.  The walk takes no locks: every read is a probe that
 * may fail but not harm, each chain is bounded, and a socket that moves meanwhile may be missed or
 * told twice, as with a walk that is interrupted between buckets.
 *
 * Each element of a small array stands for a slice of the tables, which makes seq_file ask for one
 * slice after the other.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "record.h"

#define SK(sk, field)   ((sk)->field)
#define SK_BIT(sk, bit) BPF_CORE_READ_BITFIELD(sk, bit)
#define TP(tp, field)   BPF_CORE_READ(tp, field)
#include "fill.h"

char licence[] SEC("license") = "Dual BSD/GPL";

enum {
    SLICES = 8192,
    HEADS = 32,        /* buckets that are read at a time */
    STRIDE_MAX = 64,   /* of a bucket */
    STEPS_MAX = 65536, /* of a block's chains: sockets and ends */
    RECORDS_MAX = 300, /* of a slice: what seq_file's buffer holds for certain */
    SOCK_DEAD = 0,
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, SLICES);
    __type(key, __u32);
    __type(value, __u32);
} slices SEC(".maps");

struct table {
    __u64 base;
    __u32 buckets;
    __u16 stride;  /* of a bucket */
    __u16 head_at; /* where in it a chain begins */
};

/* Found at the first slice. Volatile, or else clang takes them apart and tells BTF the old size. */
static volatile struct table tables[BPF_TABLES];
static bool tables_known;

/* The namespace looked at last: nearly always that of the next socket too. */
static __u64 last_net;
static __u32 last_netns;

static __u8 bucket_bytes[HEADS * STRIDE_MAX];
static __u64 heads[HEADS];

/* A copy of the socket looked at, where it can't be read in place. */
static __u8 sock_bytes[1024];

/* What was counted, and what had been before the last slice: seq_file asks for a slice again when
 * its buffer was too full for all of it. */
static struct bpf_tally_chunk tally, tally_before;
static __u32 tally_slice = SLICES;

/* What describe() made. */
static struct bpf_sock_chunk record;
static struct bpf_timer_chunk timer;

/* Where a walk over a slice of one table stands. In a map and not on the stack: the verifier
 * doesn't follow values through maps, and would otherwise try every count of records and buckets.
 */
static volatile struct {
    __u64 base, node, sk;
    __u32 at, end;       /* buckets */
    __u32 head, n_heads; /* in heads */
    __u32 stride, head_at;
    __u32 kind, records;
    __u32 table;
} scan;

/* What bpf_loop hands to its callbacks. */
struct output {
    struct seq_file *seq;
};

#define NODE_AT bpf_core_field_offset(struct sock, __sk_common.skc_nulls_node)

/* Makes the socket at scan.sk readable. */
static __always_inline bool fetch(void)
{
    __u32 size = bpf_core_type_size(struct sock);

    if (size > sizeof sock_bytes)
        size = sizeof sock_bytes;
    return wish.in_place || !bpf_probe_read_kernel(sock_bytes, size, (void *)scan.sk);
}

/* That socket. The verifier follows one of the ways only, as the wish is constant. */
static __always_inline struct sock *fetched(void)
{
    struct sock *sk = (struct sock *)sock_bytes;

    if (wish.in_place)
        sk = IN_PLACE(struct sock, scan.sk);
    asm volatile("" : "+r"(sk)); /* or else clang moves the loads into both branches */
    return sk;
}

static __always_inline __u32 netns_of(__u64 net)
{
    if (net != last_net) {
        last_netns = BPF_CORE_READ((struct net *)net, ns.inum);
        last_net = net;
    }
    return last_netns;
}

static __always_inline bool has_socket(struct sock *sk)
{
    return bpf_core_field_exists(struct sock, sk_ino) ? sk->sk_ino != 0 : sk->sk_socket != 0;
}

/* Whether a process can have it open; BPF_SOCK_KERNEL in *flags if the kernel made it. */
static __always_inline bool has_file(struct sock *sk, __u16 *flags)
{
    struct socket *socket;

    if (!has_socket(sk))
        return false;
    if (!BPF_CORE_READ_BITFIELD(sk, sk_kern_sock))
        return true;
    *flags |= BPF_SOCK_KERNEL;
    socket = sk->sk_socket;
    return BPF_CORE_READ(socket, file) != 0;
}

static __always_inline void fill_full(struct bpf_sock_chunk *out, struct sock *sk)
{
    out->type = out->kind == BPF_KIND_TCP ? SOCK_STREAM_ : SOCK_DGRAM_;
    out->protocol = out->kind == BPF_KIND_TCP ? 6 : 17;
    out->uid = sk->sk_uid.val;
    if (sk->__sk_common.skc_flags >> SOCK_DEAD & 1)
        out->flags |= BPF_SOCK_DEAD;
    if (out->kind != BPF_KIND_TCP)
        fill_datagram_queues(out, sk, out->kind);
    else if (has_tcp_queues(sk, out->state))
        fill_tcp_queues(out, sk, (struct tcp_sock *)scan.sk);
}

static __always_inline void fill_mini_timer(struct bpf_timer_chunk *out, struct sock *sk,
                                            __u8 state)
{
    struct inet_timewait_sock *tw = (struct inet_timewait_sock *)sk;
    struct request_sock *req = (struct request_sock *)sk;

    if (state == STATE_NEW_SYN_RECV)
        fill_timer(out, BPF_TIMER_SYNACK, BPF_CORE_READ(req, num_retrans),
                   BPF_CORE_READ(req, rsk_timer.expires));
    else
        fill_timer(out, BPF_TIMER_TIMEWAIT, 0, BPF_CORE_READ(tw, tw_timer.expires));
}

static __always_inline bool is_mini(__u32 kind, __u8 state)
{
    return kind == BPF_KIND_TCP && (state == STATE_TIME_WAIT || state == STATE_NEW_SYN_RECV);
}

static __always_inline void fill_mini(struct bpf_sock_chunk *out, struct sock *sk, __u8 state)
{
    struct inet_timewait_sock *tw = (struct inet_timewait_sock *)sk;

    out->flags |= BPF_SOCK_MINI;
    out->type = SOCK_STREAM_;
    out->protocol = 6;
    if (state == STATE_TIME_WAIT) {
        out->state = BPF_CORE_READ(tw, tw_substate);
        if (BPF_CORE_READ_BITFIELD_PROBED(tw, tw_transparent))
            out->flags |= BPF_SOCK_TRANSPARENT;
    }
}

static __always_inline void count(struct sock *sk)
{
    __u32 table = scan.table;

    if (table >= BPF_TABLES)
        return;
    tally.sockets[table]++;
    tally.inodes[table] += inode_of(sk);
}

/* Makes record, and timer if that is wished, of the socket that was fetched. The size of the
 * record, or 0 if the socket isn't wanted. A global function, so that the verifier looks at it once
 * and not at each way to it. */
__noinline __u32 describe(void)
{
    struct bpf_sock_chunk *out = &record;
    struct sock *original = (struct sock *)scan.sk;
    struct sock *sk = fetched();
    __u8 state = sk->__sk_common.skc_state;
    __u16 family = sk->__sk_common.skc_family;
    __u16 lport = sk->__sk_common.skc_num;
    __u16 rport = __builtin_bswap16(sk->__sk_common.skc_dport);
    __u32 kind = scan.kind;
    bool mini = is_mini(kind, state);
    __u16 flags = 0;
    __u32 netns, inode = 0;

    if (!is_inet(family) || !family_wanted(family) || (!mini && !state_wanted(state)))
        return 0;
    if ((wish.lport || wish.rport) && !ports_wanted(lport, rport))
        return 0;
    netns = netns_of((__u64)sk->__sk_common.skc_net.net);
    if (wish.netns && netns != wish.netns)
        return 0;
    if (mini) {
        flags = BPF_SOCK_FILELESS;
    } else if (wish.walk == BPF_WALK_ALL) {
        inode = inode_of(sk);
        flags = inode ? BPF_SOCK_WALKED : BPF_SOCK_FILELESS;
    } else if (!has_file(sk, &flags)) {
        flags |= BPF_SOCK_FILELESS;
    } else { /* nearly every socket leaves here */
        count(sk);
        return 0;
    }
    __builtin_memset(out, 0, sizeof *out);
    out->chunk.tag = BPF_TAG_SOCK;
    out->flags = flags;
    out->family = family;
    out->lport = lport;
    out->rport = rport;
    out->netns = netns;
    out->kind = kind;
    out->state = state;
    if (mini)
        fill_mini(out, original, state);
    if (!state_wanted(out->state))
        return 0;
    if (!mini)
        fill_full(out, sk);
    out->inode = inode;
    out->ifindex = sk->__sk_common.skc_bound_dev_if;
    out->cookie = sk->__sk_common.skc_cookie.counter;
    fill_flags(out, sk);
    fill_inet(out, sk);
    if (wish.details & BPF_DETAIL_TIMER && kind == BPF_KIND_TCP) {
        timer.chunk.size = sizeof timer;
        timer.chunk.tag = BPF_TAG_TIMER;
        if (mini)
            fill_mini_timer(&timer, original, state);
        else
            fill_tcp_timer(&timer, original);
    }
    out->chunk.size = out->flags & BPF_SOCK_HAS_ADDR6 ? BPF_SOCK_SIZE_ADDR6 : BPF_SOCK_SIZE_ADDR4;
    return out->chunk.size;
}

static __always_inline void consider(struct seq_file *seq)
{
    __u32 size = describe();

    if (!size)
        return;
    if (size == BPF_SOCK_SIZE_ADDR6)
        bpf_seq_write(seq, &record, BPF_SOCK_SIZE_ADDR6);
    else
        bpf_seq_write(seq, &record, BPF_SOCK_SIZE_ADDR4);
    if (wish.details & BPF_DETAIL_TIMER && scan.kind == BPF_KIND_TCP)
        bpf_seq_write(seq, &timer, sizeof timer);
    scan.records++;
}

/* Chains end with a null pointer or with an odd one (list_nulls.h). */
static __always_inline bool is_end(__u64 node)
{
    return !node || node & 1;
}

static long step(__u32 index, struct output *s)
{
    __u64 node = scan.node;

    if (is_end(node)) {
        if (scan.head >= scan.n_heads || scan.head >= HEADS)
            return 1;
        scan.node = heads[scan.head & (HEADS - 1)];
        scan.head++;
        return 0;
    }
    scan.sk = node - NODE_AT;
    scan.node = 0;
    if (scan.records >= RECORDS_MAX)
        return 1;
    if (!fetch())
        return 0;
    scan.node = (__u64)fetched()->__sk_common.skc_nulls_node.next;
    if (scan.kind == BPF_KIND_TCP && !is_mini(BPF_KIND_TCP, fetched()->__sk_common.skc_state))
        tally.tcp++;
    consider(s->seq);
    return 0;
}

/* Gathers the chains that begin in n buckets of bucket_bytes. Global, so that it is verified once.
 */
__noinline __u32 gather(__u32 n, __u32 stride, __u32 head_at)
{
    scan.head = 0;
    scan.n_heads = 0;
    scan.node = 0;
    if (stride > STRIDE_MAX || head_at > STRIDE_MAX - sizeof(__u64))
        return 0;
    for (__u32 i = 0; i < HEADS; i++) {
        __u64 head;

        if (i >= n)
            break;
        head = *(__u64 *)(bucket_bytes + i * stride + head_at);
        if (!is_end(head))
            heads[scan.n_heads++ & (HEADS - 1)] = head;
    }
    return scan.n_heads;
}

/* Loads what describe() will load of a socket, so that the processor fetches the cache lines of
 * many sockets side by side, where otherwise each would be waited for. */
static long prefetch(__u32 index, void *unused)
{
    struct sock *sk = IN_PLACE(struct sock, heads[index & (HEADS - 1)] - NODE_AT);

    TOUCH(sk->__sk_common.skc_family);
    TOUCH(sk->__sk_common.skc_nulls_node.next);
    if (wish.walk == BPF_WALK_ALL) {
        TOUCH(sk->sk_receive_queue.qlen);
        TOUCH(sk->sk_wmem_queued);
        TOUCH(sk->sk_uid.val);
    }
    if (bpf_core_field_exists(struct sock, sk_ino))
        TOUCH(sk->sk_ino);
    else
        TOUCH(sk->sk_socket);
    return 0;
}

/* Reads a block of buckets and walks their chains. */
static long block(__u32 index, struct output *s)
{
    __u32 at = scan.at, end = scan.end, stride = scan.stride;
    __u32 n = end - at, found;

    if (at >= end || stride > STRIDE_MAX)
        return 1;
    if (n > HEADS)
        n = HEADS;
    if (bpf_probe_read_kernel(bucket_bytes, n * stride, (void *)(scan.base + (__u64)at * stride)))
        return 1;
    scan.at = at + n;
    found = gather(n, stride, scan.head_at);
    if (!found)
        return 0;
    if (wish.in_place)
        bpf_loop(found, prefetch, NULL, 0);
    bpf_loop(STEPS_MAX, step, s, 0);
    return 0;
}

#define SET_SHAPE(table, bucket, field)                         \
    do {                                                        \
        (table).stride = bpf_core_type_size(bucket);            \
        (table).head_at = bpf_core_field_offset(bucket, field); \
    } while (0)

static __always_inline void find_tables(void)
{
    struct task_struct *reader = bpf_get_current_task_btf();
    /* probed: for a load from a structure that it trusts, the verifier searches the kernel's names
     */
    struct net *net = BPF_CORE_READ(reader, nsproxy, net_ns);
    struct inet_hashinfo *info;

    if (bpf_core_field_exists(struct net___ptr, ipv4.tcp_death_row)) {
        struct inet_timewait_death_row *row;
        row = BPF_CORE_READ((struct net___ptr *)net, ipv4.tcp_death_row);
        info = BPF_CORE_READ(row, hashinfo);
    } else {
        info = BPF_CORE_READ(net, ipv4.tcp_death_row.hashinfo);
    }
    tables[BPF_TABLE_ESTABLISHED].base = (__u64)BPF_CORE_READ(info, ehash);
    tables[BPF_TABLE_ESTABLISHED].buckets = BPF_CORE_READ(info, ehash_mask) + 1;
    tables[BPF_TABLE_ESTABLISHED].stride = sizeof(struct inet_ehash_bucket);
    /* until 6.0 these chains went through another node */
    if (!bpf_core_field_exists(struct inet_connection_sock___node, icsk_listen_portaddr_node)) {
        tables[BPF_TABLE_LISTENING].base = (__u64)BPF_CORE_READ(info, lhash2);
        tables[BPF_TABLE_LISTENING].buckets = BPF_CORE_READ(info, lhash2_mask) + 1;
        SET_SHAPE(tables[BPF_TABLE_LISTENING], struct inet_listen_hashbucket, nulls_head);
    }
    if (bpf_core_field_exists(struct net, ipv4.udp_table)) {
        struct udp_table *table = BPF_CORE_READ(net, ipv4.udp_table);
        tables[BPF_TABLE_UDP].base = (__u64)BPF_CORE_READ(table, hash);
        tables[BPF_TABLE_UDP].buckets = BPF_CORE_READ(table, mask) + 1;
        SET_SHAPE(tables[BPF_TABLE_UDP], struct udp_hslot, head);
    }
    tables_known = true;
}

/* Whether a table can hold a socket in a state that is wished. */
static __always_inline bool table_wanted(__u32 which)
{
    __u32 listen = 1u << STATE_LISTEN;

    if (which == BPF_TABLE_UDP)
        return wish.kinds >> BPF_KIND_UDP & 1;
    if (!(wish.kinds >> BPF_KIND_TCP & 1))
        return false;
    if (wish.walk == BPF_WALK_ALL) /* they count, if nothing more */
        return true;
    return wish.states & (which == BPF_TABLE_LISTENING ? listen : ~listen);
}

static __always_inline bool choose_slice(__u32 which, __u32 slice)
{
    volatile struct table *t = &tables[which];
    __u32 kind = which == BPF_TABLE_UDP ? BPF_KIND_UDP : BPF_KIND_TCP;

    if (!t->base || !table_wanted(which))
        return false;
    scan.base = t->base;
    scan.at = (__u64)t->buckets * slice / SLICES;
    scan.end = (__u64)t->buckets * (slice + 1) / SLICES;
    scan.kind = kind;
    scan.table = which;
    scan.stride = t->stride;
    scan.head_at = t->head_at;
    return scan.at < scan.end;
}

static __always_inline void put_tally(struct seq_file *seq)
{
    tally.chunk.size = sizeof tally;
    tally.chunk.tag = BPF_TAG_TALLY;
    tally.walked = 0;
    for (int i = 0; i < BPF_TABLES; i++)
        if (wish.walk == BPF_WALK_UNHELD && tables[i].base && table_wanted(i))
            tally.walked |= 1u << i;
    bpf_seq_write(seq, &tally, sizeof tally);
}

SEC("iter/bpf_map_elem")
int unheld(struct bpf_iter__bpf_map_elem *ctx)
{
    struct output s = {ctx->meta->seq};
    __u32 *key = ctx->key;
    __u32 slice;

    if (!key)
        return 0;
    slice = *key;
    if (!tables_known)
        find_tables();
    if (slice == 0 && clock_wanted())
        put_clock(s.seq);
    scan.records = 0;
    if (slice == tally_slice)
        tally = tally_before;
    else
        tally_before = tally;
    tally_slice = slice;
    for (int i = 0; i < BPF_TABLES; i++)
        if (choose_slice(i, slice))
            bpf_loop(1 << 16, block, &s, 0);
    if (slice == SLICES - 1)
        put_tally(s.seq);
    return 0;
}
