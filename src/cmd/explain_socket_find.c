/* Theory: rows are found by the cheapest look that tells which they are, without owners; the worst
 * are kept. Then each kept one's other end is asked for by itself, and one search finds the owners
 * of all these together.
 *
 * A connection is asked for by its ends, a port with BPF where the host has many sockets, else by a
 * dump that the kernel filters. A saved host, and --via proc, are looked through from end to end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cmd/commands.h"
#include "cmd/explain_socket.h"
#include "kernel/choice.h"
#include "kernel/closeup.h"
#include "kernel/ports.h"

enum {
    KEPT = 256,  /* sockets that are told; of a busy port the rest is counted */
    PAIRED = 32, /* whose other ends are looked for */
    DETAIL = SOURCE_TIMERS | SOURCE_MEMORY | SOURCE_TCP_INFO,
    HANDSHAKES = 1u << NET_SYN_RECV | 1u << NET_NEW_SYN_RECV,
};

struct socket_meant {
    struct net_socket socket; /* a copy */
    int rank;
    size_t number; /* in the order that they came */
};

static int fail(const struct err *e)
{
    err_print(e, stderr);
    return e->code == EPERM || e->code == EACCES ? EXIT_PERMISSION : EXIT_NO;
}

static struct socket_meant *meant_at(const struct socket_found *f, size_t i)
{
    return vec_at(&f->meant, i);
}

static bool is_saved(const struct socket_found *f)
{
    return f->sockets.arguments->facts;
}

/* Whether sockets can be asked for one by one. */
static bool asks_kernel(const struct socket_found *f)
{
    return !is_saved(f) && f->sockets.arguments->via != SOURCE_PROC;
}

/* Keeping */

int socket_rank(const struct predict_state *s)
{
    switch (s->situation) {
    case SITUATION_QUEUE_FULL:
    case SITUATION_NOT_CLOSED:
    case SITUATION_ZERO_WINDOW:
    case SITUATION_RETRANSMITS:
    case SITUATION_RECEIVE_FULL:
        return 0;
    case SITUATION_LISTENS:
    case SITUATION_TO_ACCEPT:
    case SITUATION_NOT_ACCEPTED:
    case SITUATION_UNREAD:
        return 1;
    default:
        return SOCKET_RANKS - 1;
    }
}

static int rank_of(const struct net_socket *s)
{
    struct predict_patience patience;
    struct predict_state state;
    predict_patience_init(&patience);
    predict_state(s, &patience, &state);
    return socket_rank(&state);
}

/* The last of the mildest, if it is milder than the rank; NULL. */
static struct socket_meant *find_milder(const struct socket_found *f, int rank)
{
    struct socket_meant *milder = NULL;
    for (size_t i = f->meant.len; i-- > 0;)
        if (meant_at(f, i)->rank > (milder ? milder->rank : rank))
            milder = meant_at(f, i);
    return milder;
}

static int keep(struct socket_found *f, const struct net_socket *s)
{
    struct socket_meant new = {.rank = rank_of(s), .number = f->meant.len + f->left_out};
    struct socket_meant *old = NULL;
    if (f->meant.len >= KEPT) {
        f->left_out++;
        old = find_milder(f, new.rank);
        if (!old)
            return 0;
    }
    int result = net_socket_copy(&new.socket, s);
    if (result == 0 && old) {
        net_socket_copy_free(&old->socket);
        *old = new;
        return 0;
    }
    if (result == 0 && (result = vec_add(&f->meant, &new)) < 0)
        net_socket_copy_free(&new.socket);
    return result;
}

static void forget_owners(struct net_socket *s)
{
    s->owners = NULL;
    s->n_owners = 0;
    net_socket_unset(s, NET_F_OWNERS);
}

/* Owners of a saved host last; those that a filter asked for here are found again with the others'.
 */
static int keep_row(void *ctx, const struct socket_row *row)
{
    struct socket_found *f = ctx;
    struct net_socket plain = *row->socket;
    if (!is_saved(f))
        forget_owners(&plain);
    return keep(f, &plain);
}

static int by_rank(const void *a, const void *b)
{
    const struct socket_meant *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank - y->rank;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Looking through what the filter lets pass */

static void put_end(struct buf *out, const char *way, const char *port_word,
                    const struct net_addr *addr, uint32_t port)
{
    if (addr->family) {
        buf_printf(out, " and %s ", way);
        if (addr->family == AF_INET6)
            buf_char(out, '[');
        net_addr_format(out, addr);
        if (addr->family == AF_INET6)
            buf_char(out, ']');
    }
    if (port)
        buf_printf(out, " and %s = :%u", port_word, port);
}

static void put_filter(struct buf *out, const struct socket_target *t)
{
    buf_str(out, t->kinds == 1u << NET_TCP   ? "tcp"
                 : t->kinds == 1u << NET_UDP ? "udp"
                                             : "( tcp or udp )");
    put_end(out, "src", "sport", &t->local, t->local_port);
    put_end(out, "dst", "dport", &t->peer, t->peer_port);
    if (t->pid)
        buf_printf(out, " and pid = %d and fd = %d", t->pid, t->fd);
    if (t->inode)
        buf_printf(out, " and inode = %llu", (unsigned long long)t->inode);
}

static int look_through(struct socket_found *f, uint32_t kinds, uint32_t states, struct err *e)
{
    struct source_query *q = &f->sockets.query;
    const uint32_t all_kinds = q->kinds, all_states = q->states;
    q->kinds &= kinds;
    q->states &= states;
    int result = q->kinds && q->states ? sockets_read(&f->sockets, keep_row, f, e) : 0;
    q->kinds = all_kinds;
    q->states = all_states;
    return result;
}

/* Asking for a connection, or for a port; each takes the kinds that it has answered for out of
 * *kinds. */

static int find_connection(struct socket_found *f, const struct net_socket *ends, uint32_t *kinds)
{
    struct net_socket s;
    int result = closeup_connection(ends, DETAIL, &s);
    if (result < 0)
        return result == -ENOMEM ? result : 0;
    *kinds &= ~(1u << ends->kind);
    return !ends->inode || s.inode == ends->inode ? keep(f, &s) : 0;
}

struct sampling {
    struct socket_found *found;
    uint64_t inode; /* 0: any */
    uint64_t told;
};

static int take_sample(void *ctx, const struct net_socket *s)
{
    struct sampling *sampling = ctx;
    sampling->told++;
    return !sampling->inode || s->inode == sampling->inode ? keep(sampling->found, s) : 0;
}

/* TCP's sockets of a port, where a dump would have to look at many others. */
static int find_at_port(struct socket_found *f, const struct net_socket *at, uint32_t *kinds)
{
    struct sampling sampling = {f, at->inode, 0};
    struct ports_tally tally;
    struct err e;
    enum source_via via = (enum source_via)f->sockets.arguments->via;
    if (!(*kinds >> NET_TCP & 1) || via == SOURCE_DIAG || !choice_many_sockets())
        return 0;
    int result = ports_sample(at->local.family ? &at->local : NULL, (uint16_t)at->local_port,
                              take_sample, &sampling, &tally, &e);
    if (result < 0)
        return result == -ENOMEM ? result : 0;
    *kinds &= ~(1u << NET_TCP);
    if (!at->inode && tally.sockets > sampling.told)
        f->left_out += tally.sockets - sampling.told;
    return tally.handshakes && !at->inode ? look_through(f, 1u << NET_TCP, HANDSHAKES, &e) : 0;
}

static int find_ends(struct socket_found *f, uint32_t *kinds)
{
    const struct socket_target *t = &f->target;
    struct net_socket ends = {.local = t->local,
                              .peer = t->peer,
                              .local_port = t->local_port,
                              .peer_port = t->peer_port,
                              .ifindex = t->ifindex,
                              .inode = t->inode};
    if (!t->peer_port)
        return t->local_port ? find_at_port(f, &ends, kinds) : 0;
    ends.kind = *kinds >> NET_TCP & 1 ? NET_TCP : NET_UDP;
    return find_connection(f, &ends, kinds);
}

static int find_meant(void *ctx, struct err *e)
{
    struct socket_found *f = ctx;
    uint32_t kinds = f->target.kinds;
    int result = asks_kernel(f) ? find_ends(f, &kinds) : 0;
    if (result == 0)
        result = look_through(f, kinds, NET_STATES_ALL, e);
    if (f->meant.len)
        qsort(f->meant.items, f->meant.len, sizeof(struct socket_meant), by_rank);
    return result;
}

/* The other ends */

static struct net_socket mirrored(const struct net_socket *s)
{
    return (struct net_socket){.kind = s->kind,
                               .family = s->family,
                               .local = s->peer,
                               .peer = s->local,
                               .local_port = s->peer_port,
                               .peer_port = s->local_port};
}

static bool same_end(const struct net_addr *a, uint32_t a_port, const struct net_addr *b,
                     uint32_t b_port)
{
    struct net_addr x = net_addr_unmap(a), y = net_addr_unmap(b);
    return a_port == b_port && memcmp(x.bytes, y.bytes, sizeof x.bytes) == 0;
}

/* The other end of a socket that is meant, or a listener that it may wait at. */
static bool belongs_to(const struct net_socket *meant, const struct net_socket *s)
{
    if (s->kind != meant->kind || !meant->peer_port)
        return false;
    if (meant->detached == NET_IN_QUEUE && s->state == NET_LISTEN)
        return s->local_port == meant->local_port;
    return same_end(&s->local, s->local_port, &meant->peer, meant->peer_port) &&
           same_end(&s->peer, s->peer_port, &meant->local, meant->local_port);
}

static int keep_other(void *ctx, const struct net_socket *s)
{
    struct socket_found *f = ctx;
    struct net_socket copy;
    int result = net_socket_copy(&copy, s);
    if (result == 0 && (result = vec_add(&f->others, &copy)) < 0)
        net_socket_copy_free(&copy);
    return result;
}

static int consider_other(void *ctx, const struct net_socket *s)
{
    struct socket_found *f = ctx;
    for (size_t i = 0; i < f->meant.len && i < PAIRED; i++)
        if (belongs_to(&meant_at(f, i)->socket, s))
            return keep_other(f, s);
    return 0;
}

static int look_for_others(struct socket_found *f, struct err *e)
{
    const struct facts *facts = &f->sockets.facts;
    struct source_query q = f->sockets.query;
    int result = 0;
    q.filter = NULL;
    q.kinds = f->target.kinds;
    q.states = NET_STATES_ALL;
    q.families = 1u << AF_INET | 1u << AF_INET6;
    q.detail = DETAIL;
    if (!is_saved(f))
        return source_read(&q, consider_other, f, &f->sockets.report, e);
    for (size_t i = 0; i < facts->sockets.len && result == 0; i++)
        result = consider_other(f, vec_at(&facts->sockets, i));
    return result;
}

/* One of which nothing can be found out is on another host, or gone. */
static int ask_for_others(struct socket_found *f)
{
    int result = 0;
    for (size_t i = 0; i < f->meant.len && i < PAIRED && result == 0; i++) {
        const struct net_socket *s = &meant_at(f, i)->socket;
        struct net_socket ends = mirrored(s), found;
        if (s->peer_port && closeup_connection(&ends, DETAIL, &found) == 0)
            result = keep_other(f, &found);
        if (result == 0 && s->detached == NET_IN_QUEUE && closeup_listener(s, &found) == 0)
            result = keep_other(f, &found);
    }
    return result;
}

static bool any_has_peer(const struct socket_found *f)
{
    for (size_t i = 0; i < f->meant.len && i < PAIRED; i++)
        if (meant_at(f, i)->socket.peer_port)
            return true;
    return false;
}

/* Completing */

static int take_row(void *ctx, const struct net_socket *s)
{
    struct socket_found *f = ctx;
    struct socket_row row = {.socket = s, .view = &f->sockets.view, .matches = true};
    struct socket_row *copy = socket_row_copy(&row);
    if (copy && vec_add(&f->rows, &copy) == 0)
        return 0;
    socket_row_free(copy);
    return -ENOMEM;
}

/* What a sample of a port doesn't tell of a connection. */
static void add_details(struct net_socket *s)
{
    struct net_socket whole;
    if (s->peer_port && !net_socket_knows(s, NET_F_TIMER) && s->cookie &&
        closeup_connection(s, DETAIL, &whole) == 0 && whole.cookie == s->cookie)
        *s = whole; /* nobody's so far, in either */
}

static int add_owners(struct socket_found *f, struct vec *all, struct err *e)
{
    struct source_query q = f->sockets.query;
    q.filter = NULL;
    q.scope = SOURCE_THIS_NETNS;
    q.detail = SOURCE_OWNERS | SOURCE_CMDLINE;
    return closeup_complete(&q, all->items, all->len, take_row, f, &f->sockets.report, e);
}

static int complete(struct socket_found *f, struct err *e)
{
    _cleanup_vec_ struct vec all = VEC_INIT(struct net_socket); /* borrowed */
    int result = 0;
    for (size_t i = 0; i < f->meant.len && result == 0; i++) {
        if (asks_kernel(f))
            add_details(&meant_at(f, i)->socket);
        result = vec_add(&all, &meant_at(f, i)->socket);
    }
    for (size_t i = 0; i < f->others.len && result == 0; i++)
        result = vec_add(&all, vec_at(&f->others, i));
    f->n_meant = f->meant.len;
    if (result == 0 && !is_saved(f))
        return add_owners(f, &all, e);
    for (size_t i = 0; i < all.len && result == 0; i++)
        result = take_row(f, vec_at(&all, i));
    return result;
}

static int find_rest(void *ctx, struct err *e)
{
    struct socket_found *f = ctx;
    int result = 0;
    if (any_has_peer(f))
        result = asks_kernel(f) ? ask_for_others(f) : look_for_others(f, e);
    return result < 0 ? result : complete(f, e);
}

/* sockets_read and source_read enter the namespace by themselves; the rest is to be there. */
static int visit(struct socket_found *f, int (*step)(void *ctx, struct err *e), struct err *e)
{
    return is_saved(f) ? step(f, e) : sockets_visit(&f->sockets, step, f, e);
}

/* A descriptor's ends in its place. One without a port is found by its process alone. */
static void resolve(struct socket_target *t)
{
    struct net_socket s;
    if (!t->pid || closeup_descriptor(t->pid, t->fd, &s) < 0 || !s.local_port)
        return;
    *t = (struct socket_target){.inode = s.inode,
                                .ifindex = s.ifindex,
                                .kinds = 1u << s.kind,
                                .local_port = (uint16_t)s.local_port,
                                .peer_port = (uint16_t)s.peer_port};
    if (s.peer_port) {
        t->local = s.local;
        t->peer = s.peer;
    }
}

int socket_find(struct socket_found *f, const struct sockets_arguments *a,
                const struct socket_target *t)
{
    _cleanup_buf_ struct buf filter = BUF_INIT(4096);
    struct err e = {0};
    *f = (struct socket_found){.target = *t,
                               .meant = VEC_INIT(struct socket_meant),
                               .others = VEC_INIT(struct net_socket),
                               .rows = VEC_INIT(struct socket_row *)};
    int status = sockets_init(&f->sockets, &command_explain_socket, a);
    if (status)
        return status;
    if (asks_kernel(f))
        resolve(&f->target);
    f->sockets.query.local_port = f->target.local_port;
    f->sockets.query.detail = DETAIL;
    put_filter(&filter, &f->target);
    status = sockets_filter(&f->sockets, buf_cstr(&filter), false);
    if (status)
        return status;
    int result = visit(f, find_meant, &e);
    if (result == 0)
        result = visit(f, find_rest, &e);
    if (result < 0 && !e.code)
        err_set(&e, -result, "read", "sockets", NULL);
    return result < 0 ? fail(&e) : 0;
}

const struct net_socket *socket_found_at(const struct socket_found *f, size_t i)
{
    return (*(struct socket_row **)vec_at(&f->rows, i))->socket;
}

void socket_found_clear(struct socket_found *f)
{
    for (size_t i = 0; i < f->rows.len; i++)
        socket_row_free(*(struct socket_row **)vec_at(&f->rows, i));
    for (size_t i = 0; i < f->meant.len; i++)
        net_socket_copy_free(&meant_at(f, i)->socket);
    for (size_t i = 0; i < f->others.len; i++)
        net_socket_copy_free(vec_at(&f->others, i));
    vec_free(&f->rows);
    vec_free(&f->meant);
    vec_free(&f->others);
    sockets_clear(&f->sockets);
}
