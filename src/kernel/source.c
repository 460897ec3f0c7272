/* Chooses the way to the rows, and goes it.
 *
 * A way (bpf, diag, proc) streams rows of one network namespace, or of all; it may refuse before
 * its first row, and then the next one is tried. What it told of a row stays; what is missing is
 * joined on (join.h), row by row, so that no table is held.
 */
#include "kernel/source.h"

#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/hash.h"
#include "kernel/bpf.h"
#include "kernel/bytecode.h"
#include "kernel/choice.h"
#include "kernel/closeup.h"
#include "kernel/diag.h"
#include "kernel/join.h"
#include "kernel/netns.h"
#include "kernel/owners.h"
#include "kernel/proc_net.h"
#include "kernel/unlisted.h"
#include "net/facts.h"

/* One read, as its ways and their sinks share it. */
struct reading {
    struct joiner joiner;
    struct source_report *report;
    struct err *err;
    source_sink *take;       /* of the rows of diag and proc */
    struct hash told_by_bpf; /* keys of the rows that the descriptors' pass told */
    bool after_bpf;          /* the rows that come now are of kinds whose tables it doesn't walk */
    unsigned gaps;           /* enum bpf_gap: what it missed of the others */
    struct hash missed;      /* keys of those -> whether it was told meanwhile */
    bool any_missed;
    struct hash bound; /* inodes of TCP sockets that diag has as merely bound */
};

/* The sink of the ways that tell each row once. */
static int join(void *ctx, const struct net_socket *s)
{
    struct reading *reading = ctx;
    return join_row(&reading->joiner, s);
}

/* MPTCP gives a connection's subflow the inode of the connection, so that the kind is needed too.
 */
static uint64_t told_key(const struct net_socket *s)
{
    return s->inode | (uint64_t)s->kind << 56;
}

/* Those that only a descriptor leads to come with owners, or by no way. */
static int join_unlisted(struct reading *reading, const struct net_socket *s)
{
    struct net_socket row = *s;
    unlisted_forget_peer(&row);
    return owners_wanted(reading->joiner.query) ? join(reading, &row) : 0;
}

/* The walk over the kernel's tables tells the ends and the state of what no process holds, and
 * timers. Of orphans and of what waits to be accepted there is more to know, and they are few: diag
 * is asked for each. It answers for this namespace. */
static bool is_told_briefly(const struct reading *reading, const struct net_socket *s)
{
    const uint32_t whole = ~(1u << NET_TIME_WAIT | 1u << NET_NEW_SYN_RECV | 1u << NET_LISTEN);
    const uint32_t more = SOURCE_TCP_INFO | SOURCE_MEMORY | SOURCE_OPTIONS;
    return s->kind == NET_TCP && s->n_owners == 0 && whole >> s->state & 1 &&
           reading->joiner.query->detail & more && s->netns == reading->joiner.netns;
}

static int join_unheld_by_bpf(struct reading *reading, const struct net_socket *s)
{
    struct net_socket whole;
    if (!is_told_briefly(reading, s) ||
        closeup_connection(s, reading->joiner.query->detail, &whole) < 0)
        return join(reading, s);
    whole.detached = s->detached;
    return join(reading, &whole);
}

/* The sink of the pass over descriptors, which tells every socket that a process holds. */
static int join_held(void *ctx, const struct net_socket *s)
{
    struct reading *reading = ctx;
    if (s->kind == NET_MPTCP) {
        int r = join_note_subflows(&reading->joiner, s);
        if (r < 0 || !(reading->joiner.query->kinds >> NET_MPTCP & 1))
            return r;
    }
    bool note = reading->after_bpf || reading->gaps || net_socket_is_listener(s);
    if (note && s->inode && !hash_put(&reading->told_by_bpf, told_key(s), NULL))
        return -ENOMEM;
    return unlisted_is(s) ? join_unlisted(reading, s) : join_unheld_by_bpf(reading, s);
}

/* The sink of the way that fills that pass's gaps: what no process holds. */
static int join_unheld(void *ctx, const struct net_socket *s)
{
    struct reading *reading = ctx;
    return s->inode && hash_get(&reading->told_by_bpf, told_key(s)) ? 0 : join(reading, s);
}

/* /proc/net, which raw and ping sockets are often read from, doesn't tell devices: owners do. */
static bool wants_devices(const struct reading *reading, const struct source_query *q)
{
    const uint32_t often = 1u << NET_RAW | 1u << NET_PING;
    return q->detail & SOURCE_DEVICE && (reading->report->via == SOURCE_PROC || q->kinds & often);
}

/* The walk over /proc, once a read, for the ways that don't bring owners. */
static int read_owners(struct reading *reading, const struct source_query *q, struct err *e)
{
    owners_free(&reading->joiner.owners);
    return owners_wanted(q) || wants_devices(reading, q)
               ? owners_read(q, &reading->joiner.owners, e)
               : 0;
}

typedef int read_here(const struct source_query *q, source_sink *sink, void *ctx,
                      struct source_report *report, struct err *e);

/* One namespace: that of the descriptor, or with -1 the thread's own. */
static int read_one(struct reading *reading, const struct source_query *q, read_here *read,
                    int netns_fd, struct err *e)
{
    struct netns_visit visit = {.home = -1};
    uint64_t home = reading->joiner.netns;
    int r = netns_fd >= 0 ? netns_enter(&visit, netns_fd, e) : 0;
    if (r < 0)
        return r;
    if (netns_self(&reading->joiner.netns) < 0)
        reading->joiner.netns = home;
    r = read(q, reading->take, reading, reading->report, e);
    int back = netns_leave(&visit, e);
    reading->joiner.netns = home;
    return back < 0 ? back : r;
}

/* No advice to root, who has done it already. */
static const char *as_root(void)
{
    return geteuid() == 0 ? ", not even by root here" : "; run as root";
}

/* All namespaces, one after the other; those that may not be entered are counted. */
static int read_all(struct reading *reading, const struct source_query *q, read_here *read,
                    struct err *e)
{
    _cleanup_vec_ struct vec all = VEC_INIT(struct net_namespace);
    uint32_t unseen = 0;
    size_t refused = 0;
    int r = netns_list(&all, &unseen);
    if (r < 0)
        return err_set(e, -r, "list network namespaces in", "/proc", NULL);
    for (size_t i = 0; i < all.len && r == 0; i++) {
        const struct net_namespace *ns = vec_at(&all, i);
        if (ns->inode == reading->joiner.netns) {
            r = read_one(reading, q, read, -1, e);
            continue;
        }
        struct err why = {0};
        _cleanup_fd_ int fd = netns_open_listed(ns, &why);
        if (fd < 0) {
            refused += why.code != ENOENT; /* gone since it was listed */
            continue;
        }
        uint64_t before = reading->joiner.told;
        r = read_one(reading, q, read, fd, &why);
        if (r == -EPERM && reading->joiner.told == before) {
            refused++;
            r = 0;
        } else if (r < 0 && e) {
            *e = why;
        }
    }
    if (refused)
        source_report_note(reading->report, true,
                           "%zu other network namespace%s may not be entered%s", refused,
                           refused == 1 ? "" : "s", as_root());
    if (unseen)
        source_report_note(reading->report, true,
                           "the network namespace%s of %u process%s may not be seen%s",
                           unseen == 1 ? "" : "s", unseen, unseen == 1 ? "" : "es", as_root());
    return r;
}

static int read_namespaces(struct reading *reading, const struct source_query *q, read_here *read,
                           struct err *e)
{
    switch (q->scope) {
    case SOURCE_ALL_NETNS:
        return read_all(reading, q, read, e);
    case SOURCE_ONE_NETNS:
        return read_one(reading, q, read, q->netns_fd, e);
    default:
        return read_one(reading, q, read, -1, e);
    }
}

static int note_bound(void *ctx, const struct net_socket *s)
{
    struct reading *reading = ctx;
    return !s->inode || hash_put(&reading->bound, s->inode, NULL) ? 0 : -ENOMEM;
}

/* All that are bound now, whatever the filter wants. */
static int read_bound(struct reading *reading, const struct source_query *q, struct err *e)
{
    struct source_query bound = *q;
    bound.kinds = 1u << NET_TCP;
    bound.states = 1u << NET_CLOSE | 1u << NET_BOUND_INACTIVE;
    bound.detail = 0;
    bound.filter = NULL;
    reading->take = note_bound;
    int r = read_namespaces(reading, &bound, diag_read, e);
    reading->take = join;
    return r;
}

/* Whether it has the port isn't known: it may have lost it. */
static bool is_doubtful(const struct net_socket *s)
{
    return s->kind == NET_TCP && s->local_port;
}

static bool any_doubtful(const struct vec *sockets)
{
    for (size_t i = 0; i < sockets->len; i++)
        if (is_doubtful(vec_at(sockets, i)))
            return true;
    return false;
}

/* What the dumps don't have. A TCP socket that says a port may have lost it, which diag knows. */
static int read_unlisted(struct reading *reading, const struct source_query *q, struct err *e)
{
    _cleanup_vec_ struct vec found = VEC_INIT(struct net_socket);
    bool diag = reading->report->via == SOURCE_DIAG, told = diag && unlisted_diag_tells_bound();
    if (!owners_wanted(q))
        return 0;
    int r = unlisted_find(q, reading->joiner.owners, reading->joiner.netns, &found);
    if (r == 0 && told && any_doubtful(&found))
        r = read_bound(reading, q, e);
    for (size_t i = 0; i < found.len && r == 0; i++) {
        struct net_socket *s = vec_at(&found, i);
        if (is_doubtful(s) && (!diag || hash_get(&reading->bound, s->inode)))
            continue;
        if (told && is_doubtful(s))
            unlisted_forget_port(s);
        if (q->states >> s->state & 1)
            r = join(reading, s);
    }
    return r;
}

static int read_by_diag(struct reading *reading, const struct source_query *q, struct err *e)
{
    int r = read_owners(reading, q, e);
    r = r < 0 ? r : read_namespaces(reading, q, diag_read, e);
    return r ? r : read_unlisted(reading, q, e);
}

static bool is_refusal(int r)
{
    return r == -EPERM || r == -EACCES || r == -EOPNOTSUPP || r == -ENOSYS ||
           r == -EPROTONOSUPPORT || r == -EAFNOSUPPORT || r == -ENOENT || r == -EMFILE ||
           r == -ENFILE || r == -ENOMEM;
}

/* Whether the filter lets the kernel leave out TCP sockets, by which a dump gets cheap. */
static bool kernel_filters(const struct source_query *q)
{
    struct bytecode code;
    return q->filter && bytecode_compile(&code, q->filter, NET_TCP, true);
}

/* Whether kinds are wanted that the kernel has, and BPF alone shows in full. */
static bool wants_beyond_diag(const struct source_query *q)
{
    uint32_t kinds = q->kinds & ~proc_net_kinds();
    kinds = kinds ? kinds & proc_net_registered() : 0;
    return kinds & ~diag_kinds(kinds);
}

/* Without owners, and with many connections: the listeners and other kinds by diag, then the
 * connections by a walk over the kernel's table of them. */
static bool wants_walk(const struct source_query *q)
{
    const uint32_t more =
        SOURCE_TIMERS | SOURCE_MEMORY | SOURCE_TCP_INFO | SOURCE_CGROUP | SOURCE_COOKIE;
    return !owners_wanted(q) && !(q->detail & more) && q->scope != SOURCE_ALL_NETNS &&
           q->kinds >> NET_TCP & 1 && q->states >> NET_ESTABLISHED & 1 && !kernel_filters(q) &&
           choice_many_sockets() && !wants_beyond_diag(q);
}

static int read_by_walk(struct reading *reading, const struct source_query *q, struct err *e)
{
    const uint32_t tables_lack = 1u << NET_LISTEN | 1u << NET_CLOSE | 1u << NET_BOUND_INACTIVE;
    struct source_query listeners = *q, others = *q, connections = *q, bound = *q;
    listeners.kinds = connections.kinds = bound.kinds = 1u << NET_TCP;
    others.kinds &= ~(1u << NET_TCP);
    listeners.states &= 1u << NET_LISTEN;
    connections.states &= ~tables_lack;
    bound.states &= tables_lack & ~(1u << NET_LISTEN);

    int r = listeners.states ? read_namespaces(reading, &listeners, diag_read, e) : 0;
    if (r == 0 && others.kinds)
        r = read_namespaces(reading, &others, diag_read, e);
    if (r)
        return r;
    uint64_t before = reading->joiner.told, tcp = 0;
    r = bpf_walk(&connections, join, reading, &tcp, e);
    if (r < 0 && reading->joiner.told == before && is_refusal(r))
        r = read_namespaces(reading, &connections, diag_read, e);
    /* Dumping those that are bound means following every listener's chain of clients: not in vain.
     */
    if (r || !bound.states || choice_is_all_tcp(tcp))
        return r;
    return read_namespaces(reading, &bound, diag_read, e);
}

static int read_by_proc(struct reading *reading, const struct source_query *q, struct err *e)
{
    int r = read_owners(reading, q, e);
    r = r < 0 ? r : read_namespaces(reading, q, proc_net_read, e);
    return r || q->as_listed ? r : read_unlisted(reading, q, e);
}

/* Sinks of the search for what the pass over descriptors missed: the keys of it; then, from another
 * such pass, what is merely new, with its owners; then the rest. */
static int note_missed(void *ctx, const struct net_socket *s)
{
    struct reading *reading = ctx;
    if (!s->inode || hash_get(&reading->told_by_bpf, told_key(s)))
        return 0;
    reading->any_missed = true;
    return hash_put(&reading->missed, told_key(s), NULL) ? 0 : -ENOMEM;
}

static int join_missed(void *ctx, const struct net_socket *s)
{
    struct reading *reading = ctx;
    uint64_t *told = s->inode ? (uint64_t *)hash_get(&reading->missed, told_key(s)) : NULL;
    if (!told || *told)
        return 0;
    *told = true;
    return join(reading, s);
}

/* No table could be walked: diag tells of TCP what the descriptors didn't. */
static int replace_walk(struct reading *reading, struct err *e)
{
    struct source_query q = *reading->joiner.query;
    q.kinds = 1u << NET_TCP;
    reading->take = join_unheld;
    int r = read_namespaces(reading, &q, diag_read, e);
    reading->take = join;
    return r;
}

static int fill_gaps(struct reading *reading, bool listeners, struct err *e)
{
    if (reading->gaps & BPF_GAP_WALK)
        return listeners ? 0 : replace_walk(reading, e);
    const uint32_t listening = 1u << NET_LISTEN | 1u << NET_CLOSE; /* CLOSE: UDP without a peer */
    struct source_query q = *reading->joiner.query;
    q.kinds &=
        (reading->gaps & BPF_GAP_UDP ? 1u << NET_UDP : 0) |
        (reading->gaps & (listeners ? BPF_GAP_LISTENERS : BPF_GAP_CONNECTIONS) ? 1u << NET_TCP : 0);
    q.states &= listeners ? listening : ~listening;
    if (!q.kinds || !q.states)
        return 0;
    reading->any_missed = false;
    int r = bpf_walk(&q, note_missed, reading, NULL, e);
    if (r || !reading->any_missed)
        return r;
    r = bpf_read(&q, BPF_HELD, join_missed, NULL, reading, e);
    reading->take = join_missed;
    r = r ? r : read_namespaces(reading, &q, diag_read, e);
    reading->take = join;
    return r;
}

static int fill_listeners(void *ctx, unsigned gaps)
{
    struct reading *reading = ctx;
    reading->gaps = gaps;
    return fill_gaps(reading, true, reading->err);
}

/* One pass over all descriptors tells what is held, with owners; the kernel's tables tell the rest
 * of IP. Of the other kinds, diag tells those that no process holds; they come last. */
static int read_by_bpf(struct reading *reading, const struct source_query *q, struct err *e)
{
    struct source_query rest = *q;
    struct source_report *report = reading->report, gaps;
    rest.kinds &= ~(uint32_t)BPF_UNHELD_KINDS;
    owners_free(&reading->joiner.owners);
    int r = owners_new(q, &reading->joiner.owners, e);
    if (r < 0)
        return r;
    reading->after_bpf = rest.kinds != 0;
    struct source_query held = *q;
    held.kinds |= held.kinds >> NET_TCP & 1 ? 1u << NET_MPTCP : 0; /* its holders are TCP's too */
    r = bpf_read(&held, BPF_ALL, join_held, fill_listeners, reading, e);
    if (r == 0 && reading->gaps)
        r = fill_gaps(reading, false, e);
    if (r == 0 && reading->after_bpf) {
        source_report_init(&gaps); /* what diag can't tell of, BPF has told */
        reading->report = &gaps;
        reading->take = join_unheld;
        r = read_namespaces(reading, &rest, diag_read, e);
        reading->report = report;
        reading->take = join;
        source_report_clear(&gaps);
    }
    reading->after_bpf = false;
    return r;
}

/* The ways, best first. A way that refuses before its first row leaves the field to the next. */
static const struct way {
    enum source_via via;
    int (*read)(struct reading *reading, const struct source_query *q, struct err *e);
} ways[] = {
    {SOURCE_BPF, read_by_bpf},
    {SOURCE_DIAG, read_by_diag},
    {SOURCE_PROC, read_by_proc},
};

/* BPF pays where many descriptors would have to be looked at, or every namespace entered, or where
 * the others would miss something. Without that, diag is less work: it loads nothing, and the
 * kernel filters. */
static bool is_worth(const struct way *w, const struct source_query *q)
{
    if (w->via != SOURCE_BPF || q->scope == SOURCE_ALL_NETNS || q->detail & SOURCE_OPTIONS)
        return true;
    return (owners_wanted(q) && !choice_few_files()) || wants_beyond_diag(q);
}

static int read_any(struct reading *reading, const struct source_query *q, struct err *e)
{
    int r = -EOPNOTSUPP;
    if (q->via == SOURCE_BEST && wants_walk(q)) {
        reading->report->via = SOURCE_DIAG;
        r = read_by_walk(reading, q, e);
        if (!(r < 0 && is_refusal(r) && reading->joiner.told == 0))
            return r;
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const struct way *w = &ways[i];
        if (q->via == SOURCE_BEST ? !is_worth(w, q) : q->via != w->via)
            continue;
        reading->report->via = w->via;
        r = w->read(reading, q, e);
        if (!(r < 0 && is_refusal(r) && reading->joiner.told == 0))
            return r;
    }
    return r;
}

/* A kind whose protocol isn't there has no sockets; who asked for it by name may want to know. */
static void note_absent(const struct source_query *q, struct source_report *report)
{
    uint32_t absent = q->named ? q->named & ~proc_net_registered() : 0;
    for (int k = 0; k < NET_KINDS; k++)
        if (absent >> k & 1)
            source_report_note(
                report, false,
                "this kernel has no %s sockets: it doesn't know that protocol, or has "
                "not loaded it",
                net_kind_name((enum net_kind)k));
}

int source_read(const struct source_query *q, source_sink *sink, void *ctx,
                struct source_report *report, struct err *e)
{
    struct reading reading = {.report = report, .err = e, .take = join};
    uint64_t now;
    join_init(&reading.joiner, q, sink, ctx);
    int r = read_any(&reading, q, e);
    if (r >= 0 && netns_self(&now) == 0 && now != reading.joiner.netns)
        r = err_set(e, EXDEV, "come back from another network namespace", "", NULL);
    join_report(&reading.joiner, report);
    note_absent(q, report);
    join_clear(&reading.joiner);
    hash_free(&reading.told_by_bpf);
    hash_free(&reading.missed);
    hash_free(&reading.bound);
    return r;
}
