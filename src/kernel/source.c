/* Chooses the way to the rows, and completes them: owners, devices' names, options.
 *
 * A way (bpf, diag, proc) streams rows of one network namespace, or of all; it may refuse before
 * its first row, and then the next one is tried. What it told of a row stays; what is missing is
 * joined on, row by row, so that no table is held. The rows of each way look the same from here on.
 */
#include "kernel/source.h"

#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/hash.h"
#include "kernel/bpf.h"
#include "kernel/bytecode.h"
#include "kernel/choice.h"
#include "kernel/diag.h"
#include "kernel/netns.h"
#include "kernel/owners.h"
#include "kernel/proc_net.h"
#include "kernel/sockopts.h"
#include "kernel/subflows.h"
#include "net/facts.h"
#include "net/filter.h"

struct device {
    char name[16 + 1];
};

/* One read: what each row passes through on its way to the sink. */
struct joiner {
    const struct source_query *query;
    struct source_report *report;
    source_sink *sink;
    void *ctx;
    struct err *err;
    source_sink *take;       /* of the rows of diag and proc */
    struct owners *owners;   /* NULL: not asked for */
    struct hash told_by_bpf; /* keys of the rows that the descriptors' pass told */
    bool after_bpf;          /* the rows that come now are of kinds whose tables it doesn't walk */
    unsigned gaps;           /* enum bpf_gap: what it missed of the others */
    struct hash missed;      /* keys of those -> whether it was told meanwhile */
    bool any_missed;
    struct subflows subflows; /* who holds MPTCP sockets, and with them TCP sockets */
    struct sockopts sockopts;
    struct vec completed; /* struct net_owner: owners that came with the row, with their texts */
    uint64_t netns;       /* that the thread is in */
    struct hash device_index;       /* namespace and ifindex, mixed -> index + 1 in devices */
    struct vec devices;             /* struct device */
    uint64_t told, hidden, refused; /* rows; those whose owners, whose options may not be seen */
};

/* Why no process holds a socket that has no inode, if its way didn't say. */
static enum net_detached classify(const struct net_socket *s)
{
    if (s->inode)
        return NET_DETACHED_UNCLEAR; /* passed over a UNIX socket, held by io_uring, the kernel's */
    switch (s->state) {
    case NET_TIME_WAIT:
        return NET_TIME_WAITING;
    case NET_NEW_SYN_RECV:
    case NET_SYN_RECV:
        return NET_REQUEST;
    case NET_ESTABLISHED:
    case NET_CLOSE_WAIT:
        return s->kind == NET_NETLINK ? NET_OF_KERNEL : NET_IN_QUEUE;
    case NET_FIN_WAIT1:
    case NET_FIN_WAIT2:
    case NET_LAST_ACK:
    case NET_CLOSING:
        return NET_ORPHAN;
    default:
        return NET_OF_KERNEL;
    }
}

/* Owners that came with the row (by BPF) lack what only /proc tells. */
static int complete_owners(struct joiner *j, struct net_socket *s)
{
    j->completed.len = 0;
    for (uint32_t i = 0; i < s->n_owners; i++) {
        struct net_owner owner = s->owners[i];
        if (owner.process)
            owner.process = owners_complete(j->owners, owner.process);
        if (vec_add(&j->completed, &owner) < 0)
            return -ENOMEM;
    }
    s->owners = j->completed.items;
    return 0;
}

/* Only what the caller will see is worth a note. */
static bool may_match(const struct joiner *j, const struct net_socket *s)
{
    return !j->query->filter || net_filter_match(j->query->filter, s) != NET_MATCH_NO;
}

/* Port ids of 0 are the kernel's own (netlink(7)). */
static bool is_kernel_netlink(const struct net_socket *s)
{
    return s->kind == NET_NETLINK && net_socket_knows(s, NET_F_LOCAL) && s->local_id == 0;
}

/* What is known without looking for descriptors. */
static int join_sure_owners(struct joiner *j, struct net_socket *s)
{
    if (is_kernel_netlink(s)) {
        s->detached = NET_OF_KERNEL;
        net_socket_set(s, NET_F_OWNERS);
    }
    if (s->kind != NET_TCP || !s->inode)
        return 0;
    j->completed.len = 0;
    int r = subflows_find(&j->subflows, s->inode, &j->completed);
    if (r < 0 || j->completed.len == 0)
        return r;
    s->owners = j->completed.items;
    s->n_owners = (uint32_t)j->completed.len;
    s->detached = NET_ATTACHED;
    net_socket_set(s, NET_F_OWNERS);
    return 0;
}

static int join_owners(struct joiner *j, struct net_socket *s)
{
    if (s->n_owners || net_socket_knows(s, NET_F_OWNERS))
        return s->n_owners ? complete_owners(j, s) : 0;
    int r = join_sure_owners(j, s);
    if (r < 0 || net_socket_knows(s, NET_F_OWNERS))
        return r;
    enum owners_answer answer = owners_find(j->owners, s->inode, &s->owners, &s->n_owners);
    if (answer == OWNERS_NONE && s->inode && owners_may_hide(j->owners))
        answer = OWNERS_HIDDEN;
    switch (answer) {
    case OWNERS_FOUND:
        s->detached = NET_ATTACHED;
        break;
    case OWNERS_NONE:
        if (s->detached == NET_ATTACHED)
            s->detached = classify(s);
        break;
    case OWNERS_HIDDEN:
        net_socket_forbid(s, NET_F_OWNERS);
        j->hidden += may_match(j, s);
        return 0;
    case OWNERS_NO_MEMORY:
        return -ENOMEM;
    }
    net_socket_set(s, NET_F_OWNERS);
    return 0;
}

static void join_options(struct joiner *j, struct net_socket *s)
{
    bool refused;
    if (net_socket_forbids(s, NET_F_OWNERS))
        refused = sockopts_forbid(s);
    else
        sockopts_read(&j->sockopts, s, &refused);
    j->refused += refused && may_match(j, s);
}

/* The name of a device in this namespace or another; "if7" where it can't be found. */
static void name_device(struct joiner *j, const struct net_socket *s, struct device *ret)
{
    struct netns_visit visit = {.home = -1};
    char name[IF_NAMESIZE];
    snprintf(ret->name, sizeof ret->name, "if%u", s->ifindex); /* as ss(8) writes it */
    if (s->netns && s->netns != j->netns) {
        _cleanup_fd_ int fd = netns_open_inode(s->netns, NULL);
        if (fd < 0 || netns_enter(&visit, fd, NULL) < 0)
            return;
    }
    if (if_indextoname(s->ifindex, name))
        snprintf(ret->name, sizeof ret->name, "%s", name);
    (void)netns_leave(&visit, NULL); /* checked at the end of the read */
}

static int join_device(struct joiner *j, struct net_socket *s)
{
    uint64_t netns = s->netns ? s->netns : j->netns;
    uint64_t *index = hash_put(&j->device_index, netns << 32 ^ s->ifindex, NULL);
    if (!index)
        return -ENOMEM;
    if (*index == 0) {
        struct device *d = vec_push(&j->devices);
        if (!d)
            return -ENOMEM;
        name_device(j, s, d);
        *index = j->devices.len;
    }
    const struct device *d = vec_at(&j->devices, *index - 1);
    memcpy(s->device, d->name, sizeof s->device);
    net_socket_set(s, NET_F_DEVICE);
    return 0;
}

/* The socket that sock_diag is asked through, which isn't there before and after. The kernel gives
 * the first of a process its pid as port id (netlink_autobind), and it is the only one. */
static bool is_own_question(const struct net_socket *s)
{
    return s->kind == NET_NETLINK && s->protocol == NETLINK_SOCK_DIAG &&
           s->local_id == (uint32_t)getpid();
}

/* The sink of the ways. They own the row and hand it over as const; here it gets its last parts,
 * in a copy, since a row may be told from a table of theirs. */
static int join(void *ctx, const struct net_socket *from)
{
    struct joiner *j = ctx;
    struct net_socket row = *from;
    int r = 0;
    if (is_own_question(from))
        return 0;
    if (!row.netns && j->netns) {
        row.netns = j->netns;
        net_socket_set(&row, NET_F_NETNS);
    }
    if (row.ifindex && !net_socket_knows(&row, NET_F_DEVICE))
        r = join_device(j, &row);
    if (r == 0 && j->owners)
        r = join_owners(j, &row);
    if (r < 0)
        return r;
    if (j->query->detail & SOURCE_OPTIONS)
        join_options(j, &row);
    j->told++;
    return j->sink(j->ctx, &row);
}

/* MPTCP gives a connection's subflow the inode of the connection, so that the kind is needed too.
 */
static uint64_t told_key(const struct net_socket *s)
{
    return s->inode | (uint64_t)s->kind << 56;
}

static int note_mptcp(struct joiner *j, const struct net_socket *s)
{
    struct net_socket copy = *s;
    int r = complete_owners(j, &copy);
    return r < 0 ? r : subflows_note(&j->subflows, s->inode, copy.owners, copy.n_owners);
}

/* The sink of the pass over descriptors, which tells every socket that a process holds. */
static int join_held(void *ctx, const struct net_socket *s)
{
    struct joiner *j = ctx;
    if (s->kind == NET_MPTCP) {
        int r = note_mptcp(j, s);
        if (r < 0 || !(j->query->kinds >> NET_MPTCP & 1))
            return r;
    }
    bool note = j->after_bpf || j->gaps || net_socket_is_listener(s);
    if (note && s->inode && !hash_put(&j->told_by_bpf, told_key(s), NULL))
        return -ENOMEM;
    return join(j, s);
}

/* The sink of the way that fills that pass's gaps: what no process holds. */
static int join_unheld(void *ctx, const struct net_socket *s)
{
    struct joiner *j = ctx;
    return s->inode && hash_get(&j->told_by_bpf, told_key(s)) ? 0 : join(j, s);
}

static bool wants_owners(const struct source_query *q)
{
    return q->detail & (SOURCE_OWNERS | SOURCE_CMDLINE | SOURCE_PROCESS | SOURCE_OPTIONS);
}

/* The walk over /proc, once a read, for the ways that don't bring owners. */
static int read_owners(struct joiner *j, const struct source_query *q, struct err *e)
{
    owners_free(&j->owners);
    return wants_owners(q) ? owners_read(q, &j->owners, e) : 0;
}

typedef int read_here(const struct source_query *q, source_sink *sink, void *ctx,
                      struct source_report *report, struct err *e);

/* One namespace: that of the descriptor, or with -1 the thread's own. */
static int read_one(struct joiner *j, const struct source_query *q, read_here *read, int netns_fd,
                    struct err *e)
{
    struct netns_visit visit = {.home = -1};
    uint64_t home = j->netns;
    int r = netns_fd >= 0 ? netns_enter(&visit, netns_fd, e) : 0;
    if (r < 0)
        return r;
    if (netns_self(&j->netns) < 0)
        j->netns = home;
    r = read(q, j->take, j, j->report, e);
    int back = netns_leave(&visit, e);
    j->netns = home;
    return back < 0 ? back : r;
}

/* No advice to root, who has done it already. */
static const char *as_root(void)
{
    return geteuid() == 0 ? ", not even by root here" : "; run as root";
}

/* All namespaces, one after the other; those that may not be entered are counted. */
static int read_all(struct joiner *j, const struct source_query *q, read_here *read, struct err *e)
{
    _cleanup_vec_ struct vec all = VEC_INIT(struct net_namespace);
    uint32_t unseen = 0;
    size_t refused = 0;
    int r = netns_list(&all, &unseen);
    if (r < 0)
        return err_set(e, -r, "list network namespaces in", "/proc", NULL);
    for (size_t i = 0; i < all.len && r == 0; i++) {
        const struct net_namespace *ns = vec_at(&all, i);
        if (ns->inode == j->netns) {
            r = read_one(j, q, read, -1, e);
            continue;
        }
        struct err why = {0};
        _cleanup_fd_ int fd = netns_open_listed(ns, &why);
        if (fd < 0) {
            refused += why.code != ENOENT; /* gone since it was listed */
            continue;
        }
        uint64_t before = j->told;
        r = read_one(j, q, read, fd, &why);
        if (r == -EPERM && j->told == before) {
            refused++;
            r = 0;
        } else if (r < 0 && e) {
            *e = why;
        }
    }
    if (refused)
        source_report_note(j->report, true, "%zu other network namespace%s may not be entered%s",
                           refused, refused == 1 ? "" : "s", as_root());
    if (unseen)
        source_report_note(j->report, true,
                           "the network namespace%s of %u process%s may not be seen%s",
                           unseen == 1 ? "" : "s", unseen, unseen == 1 ? "" : "es", as_root());
    return r;
}

static int read_namespaces(struct joiner *j, const struct source_query *q, read_here *read,
                           struct err *e)
{
    switch (q->scope) {
    case SOURCE_ALL_NETNS:
        return read_all(j, q, read, e);
    case SOURCE_ONE_NETNS:
        return read_one(j, q, read, q->netns_fd, e);
    default:
        return read_one(j, q, read, -1, e);
    }
}

static int read_by_diag(struct joiner *j, const struct source_query *q, struct err *e)
{
    int r = read_owners(j, q, e);
    return r < 0 ? r : read_namespaces(j, q, diag_read, e);
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

/* Without owners, and with many connections: the listeners and other kinds by diag, then the
 * connections by a walk over the kernel's table of them. */
static bool wants_walk(const struct source_query *q)
{
    const uint32_t more =
        SOURCE_TIMERS | SOURCE_MEMORY | SOURCE_TCP_INFO | SOURCE_CGROUP | SOURCE_COOKIE;
    return !wants_owners(q) && !(q->detail & more) && q->scope != SOURCE_ALL_NETNS &&
           q->kinds >> NET_TCP & 1 && q->states >> NET_ESTABLISHED & 1 && !kernel_filters(q) &&
           choice_many_sockets();
}

static int read_by_walk(struct joiner *j, const struct source_query *q, struct err *e)
{
    const uint32_t tables_lack = 1u << NET_LISTEN | 1u << NET_CLOSE | 1u << NET_BOUND_INACTIVE;
    struct source_query listeners = *q, others = *q, connections = *q, bound = *q;
    listeners.kinds = connections.kinds = bound.kinds = 1u << NET_TCP;
    others.kinds &= ~(1u << NET_TCP);
    listeners.states &= 1u << NET_LISTEN;
    connections.states &= ~tables_lack;
    bound.states &= tables_lack & ~(1u << NET_LISTEN);

    int r = listeners.states ? read_namespaces(j, &listeners, diag_read, e) : 0;
    if (r == 0 && others.kinds)
        r = read_namespaces(j, &others, diag_read, e);
    if (r)
        return r;
    uint64_t before = j->told;
    r = bpf_read(&connections, BPF_TABLE_WALK, join, NULL, j, e);
    if (r < 0 && j->told == before && is_refusal(r))
        r = read_namespaces(j, &connections, diag_read, e);
    return r || !bound.states ? r : read_namespaces(j, &bound, diag_read, e);
}

static int read_by_proc(struct joiner *j, const struct source_query *q, struct err *e)
{
    int r = read_owners(j, q, e);
    return r < 0 ? r : read_namespaces(j, q, proc_net_read, e);
}

/* Sinks of the search for what the pass over descriptors missed: the keys of it; then, from another
 * such pass, what is merely new, with its owners; then the rest. */
static int note_missed(void *ctx, const struct net_socket *s)
{
    struct joiner *j = ctx;
    if (!s->inode || hash_get(&j->told_by_bpf, told_key(s)))
        return 0;
    j->any_missed = true;
    return hash_put(&j->missed, told_key(s), NULL) ? 0 : -ENOMEM;
}

static int join_missed(void *ctx, const struct net_socket *s)
{
    struct joiner *j = ctx;
    uint64_t *told = s->inode ? (uint64_t *)hash_get(&j->missed, told_key(s)) : NULL;
    if (!told || *told)
        return 0;
    *told = true;
    return join(j, s);
}

static int fill_gaps(struct joiner *j, bool listeners, struct err *e)
{
    const uint32_t listening = 1u << NET_LISTEN | 1u << NET_CLOSE; /* CLOSE: UDP without a peer */
    struct source_query q = *j->query;
    q.kinds &=
        (j->gaps & BPF_GAP_UDP ? 1u << NET_UDP : 0) |
        (j->gaps & (listeners ? BPF_GAP_LISTENERS : BPF_GAP_CONNECTIONS) ? 1u << NET_TCP : 0);
    q.states &= listeners ? listening : ~listening;
    if (!q.kinds || !q.states)
        return 0;
    j->any_missed = false;
    int r = bpf_read(&q, BPF_TABLE_WALK, note_missed, NULL, j, e);
    if (r || !j->any_missed)
        return r;
    r = bpf_read(&q, BPF_HELD, join_missed, NULL, j, e);
    j->take = join_missed;
    r = r ? r : read_namespaces(j, &q, diag_read, e);
    j->take = join;
    return r;
}

static int fill_listeners(void *ctx, unsigned gaps)
{
    struct joiner *j = ctx;
    j->gaps = gaps;
    return fill_gaps(j, true, j->err);
}

/* One pass over all descriptors tells what is held, with owners; the kernel's tables tell the rest
 * of IP. Of the other kinds, diag tells those that no process holds; they come last. */
static int read_by_bpf(struct joiner *j, const struct source_query *q, struct err *e)
{
    struct source_query rest = *q;
    struct source_report *report = j->report, gaps;
    rest.kinds &= ~(uint32_t)BPF_UNHELD_KINDS;
    owners_free(&j->owners);
    int r = owners_new(q, &j->owners, e);
    if (r < 0)
        return r;
    j->after_bpf = rest.kinds != 0;
    struct source_query held = *q;
    held.kinds |= held.kinds >> NET_TCP & 1 ? 1u << NET_MPTCP : 0; /* its holders are TCP's too */
    r = bpf_read(&held, BPF_ALL, join_held, fill_listeners, j, e);
    if (r == 0 && j->gaps)
        r = fill_gaps(j, false, e);
    if (r == 0 && j->after_bpf) {
        source_report_init(&gaps); /* what diag can't tell of, BPF has told */
        j->report = &gaps;
        j->take = join_unheld;
        r = read_namespaces(j, &rest, diag_read, e);
        j->report = report;
        j->take = join;
        source_report_clear(&gaps);
    }
    j->after_bpf = false;
    return r;
}

/* The ways, best first. A way that refuses before its first row leaves the field to the next. */
static const struct way {
    enum source_via via;
    int (*read)(struct joiner *j, const struct source_query *q, struct err *e);
} ways[] = {
    {SOURCE_BPF, read_by_bpf},
    {SOURCE_DIAG, read_by_diag},
    {SOURCE_PROC, read_by_proc},
};

/* BPF pays where many descriptors would have to be looked at, or every namespace entered. Without
 * that, diag is less work: it loads nothing, and the kernel filters. */
static bool is_worth(const struct way *w, const struct source_query *q)
{
    if (w->via != SOURCE_BPF || q->scope == SOURCE_ALL_NETNS || q->detail & SOURCE_OPTIONS)
        return true;
    return wants_owners(q) && !choice_few_files();
}

static int read_any(struct joiner *j, const struct source_query *q, struct err *e)
{
    int r = -EOPNOTSUPP;
    if (q->via == SOURCE_BEST && wants_walk(q)) {
        j->report->via = SOURCE_DIAG;
        r = read_by_walk(j, q, e);
        if (!(r < 0 && is_refusal(r) && j->told == 0))
            return r;
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const struct way *w = &ways[i];
        if (q->via == SOURCE_BEST ? !is_worth(w, q) : q->via != w->via)
            continue;
        j->report->via = w->via;
        r = w->read(j, q, e);
        if (!(r < 0 && is_refusal(r) && j->told == 0))
            return r;
    }
    return r;
}

/* n of "owners" or "options", and why. */
static void note_unseen(const struct joiner *j, bool permission, const char *what, uint64_t n,
                        const char *why)
{
    source_report_note(j->report, permission, "%s of %llu %s %s", what, (unsigned long long)n,
                       n == 1 ? "socket" : "sockets", why);
}

static void note_hidden(const struct joiner *j)
{
    static const char run_as_root[] = "may not be seen; run as root or with CAP_SYS_PTRACE";
    static const char even_root[] =
        "may not be seen, not even by root here (it takes CAP_SYS_PTRACE over every process)";
    struct owners_blind blind = {0};
    const char *refused = geteuid() == 0 ? even_root : run_as_root;
    if (j->owners)
        owners_blind(j->owners, &blind);
    if (j->hidden && blind.no_proc)
        note_unseen(j, false, "owners", j->hidden, "may not be seen: /proc is not mounted");
    else if (j->hidden && blind.refused)
        note_unseen(j, true, "owners", j->hidden, refused);
    else if (j->hidden && blind.hidepid)
        note_unseen(j, true, "owners", j->hidden,
                    "may not be seen: /proc hides other users' processes (hidepid); run as root");
    else if (j->hidden)
        note_unseen(j, true, "owners", j->hidden, "may be outside this pid namespace");
    if (j->refused)
        note_unseen(j, true, "options", j->refused, refused);
}

int source_read(const struct source_query *q, source_sink *sink, void *ctx,
                struct source_report *report, struct err *e)
{
    struct joiner j = {
        .query = q,
        .report = report,
        .sink = sink,
        .ctx = ctx,
        .err = e,
        .take = join,
        .completed = VEC_INIT(struct net_owner),
        .devices = VEC_INIT(struct device),
    };
    uint64_t now;
    subflows_init(&j.subflows);
    sockopts_init(&j.sockopts);
    (void)netns_self(&j.netns); /* without /proc it stays 0: unknown */
    int r = read_any(&j, q, e);
    if (r >= 0 && netns_self(&now) == 0 && now != j.netns)
        r = err_set(e, EXDEV, "come back from another network namespace", "", NULL);
    note_hidden(&j);
    sockopts_clear(&j.sockopts);
    owners_free(&j.owners);
    vec_free(&j.completed);
    subflows_clear(&j.subflows);
    vec_free(&j.devices);
    hash_free(&j.device_index);
    hash_free(&j.told_by_bpf);
    hash_free(&j.missed);
    return r;
}
