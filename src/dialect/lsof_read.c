/* This host as lsof sees it: every process, and the sockets that each holds.
 *
 * lsof knows the sockets of its own network namespace by the files of /proc/net; one that isn't in
 * these files, as a TCP socket that is bound only, is a "sock" to it. So it is here, though berth
 * knows more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/time.h"
#include "dialect/lsof.h"
#include "kernel/descriptor.h"
#include "kernel/diag.h"
#include "kernel/netns.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "names/reverse.h"

enum { KINDS_INET = 1 << NET_TCP | 1 << NET_UDP | 1 << NET_UDPLITE, LOOK_UP_S = 5 };

static const char *user_name(void *ctx, uint32_t uid)
{
    (void)ctx, (void)uid;
    return NULL;
}

/* Names of UNIX sockets are looked for among these. */
static bool wants_unix(const struct lsof_words *w)
{
    return w->unix_sockets || w->names.len > 0;
}

/* Where nothing but sockets is asked for, or all selections are ANDed, only those kinds are read.
 */
static void narrow(struct source_query *q, const struct lsof_words *w)
{
    bool inet = w->net || w->addresses.len > 0;
    bool only_files = !lsof_selects_processes(w) && !w->fds_given;
    if ((!inet && !wants_unix(w)) || !(only_files || w->and))
        return;
    q->scope = SOURCE_THIS_NETNS;
    inet |= w->states.len > 0; /* these are looked for among all that are asked about */
    q->kinds = (inet ? KINDS_INET : 0u) | (wants_unix(w) ? NET_KINDS_UNIX : 0u);
}

static struct source_query query(const struct lsof_words *w)
{
    struct source_query q = {
        .via = SOURCE_BEST,
        .kinds = NET_KINDS_ALL,
        .states = NET_STATES_ALL,
        .families = 1u << AF_INET | 1u << AF_INET6,
        .scope = SOURCE_ALL_NETNS,
        .netns_fd = -1,
        .detail = SOURCE_OWNERS,
        .user_name = user_name,
    };
    if (w->info & LSOF_INFO_OPTIONS)
        q.detail |= SOURCE_OPTIONS | SOURCE_MEMORY | SOURCE_TCP_INFO;
    if (w->info & LSOF_INFO_WINDOWS)
        q.detail |= SOURCE_TCP_INFO;
    narrow(&q, w);
    return q;
}

static int keep(void *ctx, const struct net_socket *s)
{
    struct lsof_host *h = ctx;
    if (s->n_owners == 0)
        return 0;
    struct net_socket *copy = vec_push(&h->sockets);
    int r = copy ? net_socket_copy(copy, s) : -ENOMEM;
    if (r < 0 && copy)
        h->sockets.len--;
    return r;
}

static enum lsof_kind kind_of(const struct lsof_host *h, const struct net_socket *s)
{
    if (net_socket_knows(s, NET_F_NETNS) && s->netns != h->netns)
        return LSOF_SOCK;
    switch (s->kind) {
    case NET_TCP:
        return s->state == NET_CLOSE || s->state == NET_BOUND_INACTIVE ? LSOF_SOCK : LSOF_INET;
    case NET_UDP:
    case NET_UDPLITE:
        return s->local_port ? LSOF_INET : LSOF_SOCK;
    case NET_UNIX_STREAM:
    case NET_UNIX_DGRAM:
    case NET_UNIX_SEQPACKET:
        return LSOF_UNIX;
    case NET_NETLINK:
        return s->local_id ? LSOF_NETLINK : LSOF_SOCK; /* the kernel lists those that are bound */
    case NET_RAW:
        return LSOF_RAW;
    case NET_PACKET:
        return LSOF_PACKET;
    default:
        return LSOF_SOCK;
    }
}

static char access_of(uint32_t flags)
{
    return "rwu "[flags & O_ACCMODE];
}

/* False if the descriptor is gone by now. */
static void take_descriptor(struct lsof_host *h, struct lsof_file *f)
{
    f->access = 'u';
    if (descriptor_flags(f->pid, f->fd, &f->flags) == 0)
        f->access = access_of(f->flags);
    if (f->kind == LSOF_SOCK)
        descriptor_protocol(f->pid, f->fd, f->protocol, sizeof f->protocol);
    const uint64_t *number = f->kind == LSOF_UNIX || f->kind == LSOF_PACKET
                                 ? hash_get(&h->numbers, f->socket->inode)
                                 : NULL;
    f->number = number ? *number : 0;
}

static int by_place(const void *a, const void *b)
{
    const struct lsof_file *x = a, *y = b;
    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    if (x->fd != y->fd)
        return x->fd < y->fd ? -1 : 1;
    return (x->kind > y->kind) - (x->kind < y->kind);
}

/* An MPTCP socket is met as that and as its first subflow, which lsof takes it for. */
static void drop_doubles(struct vec *files)
{
    size_t kept = 0;
    for (size_t i = 0; i < files->len; i++) {
        const struct lsof_file *f = vec_at(files, i);
        const struct lsof_file *last = kept ? vec_at(files, kept - 1) : NULL;
        if (!last || last->pid != f->pid || last->fd != f->fd)
            memmove(vec_at(files, kept++), f, sizeof *f);
    }
    files->len = kept;
}

/* UNIX sockets know whom they are connected to; a datagram server doesn't. */
static int find_peers(struct lsof_host *h)
{
    _cleanup_hash_ struct hash clients = {0};
    for (size_t i = 0; i < h->files.len; i++) {
        struct lsof_file *f = vec_at(&h->files, i);
        if (f->kind != LSOF_UNIX || !net_socket_knows(f->socket, NET_F_PEER_INODE))
            continue;
        f->peer = f->socket->peer_inode;
        uint64_t *client = f->peer ? hash_put(&clients, f->peer, NULL) : NULL;
        if (f->peer && !client)
            return -ENOMEM;
        if (client)
            *client = f->socket->inode;
    }
    for (size_t i = 0; i < h->files.len; i++) {
        struct lsof_file *f = vec_at(&h->files, i);
        bool asks = f->kind == LSOF_UNIX && f->peer == 0 && f->socket->state == NET_ESTABLISHED;
        const uint64_t *client = asks ? hash_get(&clients, f->socket->inode) : NULL;
        f->peer = client ? *client : f->peer;
    }
    return 0;
}

/* A listener's other end is the first that waits there; where that can't be read, it has none. */
static void find_waiting(struct lsof_host *h)
{
    _cleanup_hash_ struct hash waiting = {0};
    struct err ignored = {0};
    diag_unix_waiting(&waiting, &ignored);
    for (size_t i = 0; i < h->files.len; i++) {
        struct lsof_file *f = vec_at(&h->files, i);
        bool listens = f->kind == LSOF_UNIX && f->socket->state == NET_LISTEN;
        const uint64_t *first = listens ? hash_get(&waiting, f->socket->inode) : NULL;
        f->peer = first ? *first : f->peer;
    }
}

static int add_files(struct lsof_host *h)
{
    for (size_t i = 0; i < h->sockets.len; i++) {
        const struct net_socket *s = vec_at(&h->sockets, i);
        for (uint32_t o = 0; o < s->n_owners; o++) {
            struct lsof_file *f = vec_push(&h->files);
            if (!f)
                return -ENOMEM;
            *f = (struct lsof_file){
                .socket = s, .pid = s->owners[o].pid, .fd = s->owners[o].fd, .kind = kind_of(h, s)};
            take_descriptor(h, f);
        }
    }
    if (h->files.len > 0)
        qsort(h->files.items, h->files.len, sizeof(struct lsof_file), by_place);
    drop_doubles(&h->files);
    return find_peers(h);
}

static int add_process(struct lsof_host *h, int procs, int32_t pid)
{
    char name[16];
    struct net_process read;
    snprintf(name, sizeof name, "%d", pid);
    _cleanup_fd_ int dir = openat(procs, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || process_read(dir, pid, &read) < 0)
        return 0; /* it ended */
    struct lsof_process *p = vec_push(&h->processes);
    if (!p)
        return -ENOMEM;
    *p = (struct lsof_process){.pid = pid, .parent = read.ppid, .uid = read.uid};
    p->group = getpgid(pid);
    memcpy(p->comm, read.comm, sizeof p->comm);
    return 0;
}

static int by_pid(const void *a, const void *b)
{
    const struct lsof_process *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

static int add_processes(struct lsof_host *h)
{
    _cleanup_procfs_dir_ struct procfs_dir dir;
    uint32_t pid;
    int r = procfs_dir_open(&dir, AT_FDCWD, "/proc");
    while (r >= 0 && (r = procfs_dir_next(&dir, &pid)) == 1)
        r = add_process(h, dir.fd, (int32_t)pid);
    if (h->processes.len > 0)
        qsort(h->processes.items, h->processes.len, sizeof(struct lsof_process), by_pid);
    return r;
}

/* Both are sorted by pid. */
static void join(struct lsof_host *h)
{
    size_t at = 0;
    for (size_t i = 0; i < h->processes.len; i++) {
        struct lsof_process *p = vec_at(&h->processes, i);
        const struct lsof_file *f;
        while (at < h->files.len && (f = vec_at(&h->files, at), f->pid < p->pid))
            at++;
        p->files = at < h->files.len ? vec_at(&h->files, at) : NULL;
        while (at < h->files.len && (f = vec_at(&h->files, at), f->pid == p->pid)) {
            p->n_files++;
            at++;
        }
    }
}

static int fail(struct err *e, int r)
{
    if (!e->code)
        err_set(e, -r, "read", "the sockets", NULL);
    lsof_fault("cannot %s %s: %s", e->op, e->subject, strerror(e->code));
    return r;
}

int lsof_host_read(struct lsof_host *h, const struct lsof_words *w)
{
    struct err e = {0};
    struct source_query q = query(w);
    *h = (struct lsof_host){.sockets = VEC_INIT(struct net_socket),
                            .files = VEC_INIT(struct lsof_file),
                            .processes = VEC_INIT(struct lsof_process)};
    source_report_init(&h->report);
    int r = netns_self(&h->netns);
    if (r == 0)
        r = procfs_sockfs_device(&h->sockfs);
    if (r == 0)
        r = source_read(&q, keep, h, &h->report, &e);
    if (r == 0 && q.kinds & NET_KINDS_UNIX)
        r = descriptor_unix_numbers(&h->numbers);
    if (r == 0 && q.kinds & 1 << NET_PACKET)
        r = descriptor_packet_types(&h->numbers);
    if (r == 0)
        r = add_files(h);
    if (r == 0 && w->endpoints != LSOF_NO_ENDPOINTS)
        find_waiting(h);
    if (r == 0)
        r = add_processes(h);
    if (r < 0)
        return fail(&e, r);
    join(h);
    return 0;
}

void lsof_host_clear(struct lsof_host *h)
{
    for (size_t i = 0; i < h->sockets.len; i++)
        net_socket_copy_free(vec_at(&h->sockets, i));
    vec_free(&h->sockets);
    vec_free(&h->files);
    vec_free(&h->processes);
    hash_free(&h->numbers);
    source_report_clear(&h->report);
    users_clear(&h->users);
    reverse_free(h->reverse);
    h->reverse = NULL;
}

void lsof_host_look_up(struct lsof_host *h, const struct lsof_words *w)
{
    if ((w->numeric_hosts && w->numeric_ports) || w->output == LSOF_TERSE)
        return;
    if (reverse_new(NULL, &h->reverse) < 0)
        return;
    for (size_t i = 0; !w->numeric_hosts && i < h->files.len; i++) {
        const struct lsof_file *f = vec_at(&h->files, i);
        if (f->kind != LSOF_INET || !(f->selected || f->end))
            continue;
        if (reverse_ask(h->reverse, &f->socket->local) < 0 ||
            (f->socket->peer_port && reverse_ask(h->reverse, &f->socket->peer) < 0))
            break;
    }
    reverse_wait(h->reverse, time_monotonic_ns() + LOOK_UP_S * 1000000000ull);
}
