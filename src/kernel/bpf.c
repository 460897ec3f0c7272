#include "kernel/bpf.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "kernel/bpf/load.h"
#include "kernel/bpf/merge.h"
#include "kernel/census.h"
#include "kernel/procfs.h"

enum {
    /* seq_file gives a BPF iterator eight pages; a larger read brings no more. */
    READ_SIZE = 1 << 16,
    INET_KINDS = 1 << NET_TCP | 1 << NET_UDP | 1 << NET_UDPLITE | 1 << NET_MPTCP | 1 << NET_SCTP |
                 1 << NET_DCCP | 1 << NET_RAW | 1 << NET_PING,
};

#define _cleanup_stream_ __attribute__((cleanup(bpf_stream_close)))

bool bpf_built_in(void)
{
    return true;
}

static int netns_inode(int fd, uint32_t *ret)
{
    struct stat st;

    if ((fd >= 0 ? fstat(fd, &st) : stat("/proc/self/ns/net", &st)) < 0)
        return -errno;
    *ret = (uint32_t)st.st_ino;
    return 0;
}

static int wish_of(const struct source_query *q, struct bpf_wish *ret, struct err *e)
{
    static const struct {
        uint32_t source, bpf;
    } details[] = {
        {SOURCE_OPTIONS, BPF_DETAIL_OPTIONS}, {SOURCE_TIMERS, BPF_DETAIL_TIMER},
        {SOURCE_MEMORY, BPF_DETAIL_MEMORY},   {SOURCE_TCP_INFO, BPF_DETAIL_TCP},
        {SOURCE_CGROUP, BPF_DETAIL_CGROUP},
    };
    struct bpf_wish w = {
        .kinds = q->kinds,
        .states = (q->states & NET_STATES_ALL) == NET_STATES_ALL ? UINT32_MAX : q->states,
        .lport = q->local_port,
        .ipv4 = q->families >> AF_INET & 1,
        .ipv6 = q->families >> AF_INET6 & 1,
    };

    for (size_t i = 0; i < sizeof details / sizeof details[0]; i++)
        if (q->detail & details[i].source)
            w.details |= details[i].bpf;
    if (q->scope != SOURCE_ALL_NETNS) {
        int r = netns_inode(q->scope == SOURCE_ONE_NETNS ? q->netns_fd : -1, &w.netns);
        if (r < 0)
            return err_set(e, -r, "identify the network namespace", "", NULL);
    }
    *ret = w;
    return 0;
}

static enum bpf_reader program_for(const struct source_query *q, const struct bpf_wish *w)
{
    bool plain = !w->details && !(w->kinds & ~(uint32_t)INET_KINDS) &&
                 procfs_pid_namespace() == PROCFS_FIRST_PID_NAMESPACE;

    if (!plain)
        return BPF_READER_HOLDERS_FULL;
    return q->detail & SOURCE_COOKIE || w->few ? BPF_READER_HOLDERS_INET : BPF_READER_HELD;
}

/* What a program wrote to the memory that it shares, which isn't trusted more than what is read. */
static int take_output(struct bpf_output *o, struct bpf_merge *m)
{
    uint32_t used = o->used;
    o->used = 0;
    return used <= sizeof o->bytes ? bpf_merge_feed(m, o->bytes, used) : -EBADMSG;
}

static int pump(const struct bpf_stream *s, struct bpf_merge *m, struct err *e)
{
    static _Thread_local char bytes[READ_SIZE];

    for (;;) {
        ssize_t n = read(s->fd, bytes, sizeof bytes);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return err_set(e, errno, "read sockets by BPF", "", NULL);
        int r = s->output ? take_output(s->output, m) : 0;
        if (r == 0 && n > 0)
            r = bpf_merge_feed(m, bytes, (size_t)n);
        if (r == -EBADMSG)
            return err_set(e, EBADMSG, "read sockets by BPF", "", "the records make no sense");
        if (r || n == 0)
            return r;
    }
}

/* Opens the stream of a part, or leaves *ret closed if it isn't wanted. */
static int open_part(bool wanted, enum bpf_reader reader, const struct bpf_wish *w,
                     struct bpf_stream *ret, struct err *e)
{
    return wanted ? bpf_load_open(reader, w, ret, e) : 0;
}

_Static_assert((int)BPF_GAP_LISTENERS == 1 << BPF_TABLE_LISTENING &&
                   (int)BPF_GAP_CONNECTIONS == 1 << BPF_TABLE_ESTABLISHED &&
                   (int)BPF_GAP_UDP == 1 << BPF_TABLE_UDP,
               "gaps are those of the tables");

/* Whether a census can tell that what is held is all that was asked for. */
static bool may_count(const struct source_query *q, const struct bpf_wish *w)
{
    return q->scope == SOURCE_THIS_NETNS && (w->kinds & BPF_UNHELD_KINDS) == 1u << NET_TCP &&
           w->states == UINT32_MAX && w->ipv4 && w->ipv6 && !w->lport;
}

/* The pass over descriptors. *ret_complete: whether it met all that there is. */
static int read_held(const struct bpf_stream *held, struct bpf_merge *m, bool count,
                     bool *ret_complete, struct err *e)
{
    struct census before, after;
    count = count && held->output && census_take(&before) == 0;
    int r = pump(held, m, e);
    *ret_complete = r == 0 && count && census_take(&after) == 0 && !held->output->requests &&
                    census_is_complete(&before, &after, bpf_merge_met_tcp(m));
    return r;
}

/* What no process holds. Here a refusal comes too late for another way: then nothing is known of
 * the tables, and the caller fills the gaps. */
static int read_unheld(const struct bpf_wish *w, struct bpf_merge *m, struct err *e)
{
    _cleanup_stream_ struct bpf_stream unheld = BPF_STREAM_INIT;
    struct err why = {0};
    int r = bpf_load_open(BPF_READER_UNHELD, w, &unheld, &why);
    if (r < 0) {
        m->gaps = BPF_GAP_WALK;
        return 0;
    }
    return pump(&unheld, m, e);
}

static int read_parts(const struct source_query *q, const struct bpf_wish *w, unsigned parts,
                      source_sink *sink, bpf_gap_sink *gap_sink, void *ctx, struct err *e)
{
    __attribute__((cleanup(bpf_merge_clear))) struct bpf_merge m;
    _cleanup_stream_ struct bpf_stream held = BPF_STREAM_INIT;
    _cleanup_stream_ struct bpf_stream unheld = BPF_STREAM_INIT;
    bool late = parts == BPF_ALL && gap_sink && may_count(q, w), complete = false;

    bpf_merge_init(&m, sink, ctx, true);
    /* unless the walk may not be needed at all: both before the first row, so that a refusal leaves
     * the caller free to go another way */
    int r = open_part(parts & BPF_HELD, program_for(q, w), w, &held, e);
    if (r == 0)
        r = open_part(parts & BPF_UNHELD && w->kinds & BPF_UNHELD_KINDS && !late, BPF_READER_UNHELD,
                      w, &unheld, e);
    if (r == 0 && held.fd >= 0)
        r = read_held(&held, &m, late, &complete, e);
    if (r == 0 && unheld.fd >= 0)
        r = pump(&unheld, &m, e);
    if (r == 0 && late && !complete)
        r = read_unheld(w, &m, e);
    if (r == 0 && m.gaps && held.fd >= 0 && gap_sink) {
        r = bpf_merge_end_listeners(&m);
        r = r ? r : gap_sink(ctx, m.gaps);
    }
    return r ? r : bpf_merge_end(&m);
}

int bpf_read(const struct source_query *q, unsigned parts, source_sink *sink,
             bpf_gap_sink *gap_sink, void *ctx, struct err *e)
{
    struct bpf_wish w = {0};
    int r = wish_of(q, &w, e);
    return r ? r : read_parts(q, &w, parts, sink, gap_sink, ctx, e);
}

int bpf_read_few(const struct source_query *q, const uint64_t *inodes, size_t n, source_sink *sink,
                 void *ctx, struct err *e)
{
    struct bpf_wish w = {0};
    int r = wish_of(q, &w, e);
    w.few = true;
    for (size_t i = 0; i < n; i++) {
        uint32_t bit = bpf_inode_bit(inodes[i]);
        w.inodes[bit / 64] |= UINT64_C(1) << bit % 64;
    }
    return r ? r : read_parts(q, &w, BPF_HELD, sink, NULL, ctx, e);
}

int bpf_walk(const struct source_query *q, source_sink *sink, void *ctx, uint64_t *ret_tcp,
             struct err *e)
{
    __attribute__((cleanup(bpf_merge_clear))) struct bpf_merge m;
    _cleanup_stream_ struct bpf_stream all = BPF_STREAM_INIT;
    struct bpf_wish w = {0};

    bpf_merge_init(&m, sink, ctx, false);
    int r = wish_of(q, &w, e);
    w.walk = BPF_WALK_ALL;
    if (r == 0)
        r = open_part(w.kinds & BPF_UNHELD_KINDS, BPF_READER_UNHELD, &w, &all, e);
    if (r == 0 && all.fd >= 0)
        r = pump(&all, &m, e);
    r = r ? r : bpf_merge_end(&m);
    if (r == 0 && ret_tcp)
        *ret_tcp = m.tcp;
    return r;
}
