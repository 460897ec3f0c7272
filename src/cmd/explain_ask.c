#include "cmd/explain_ask.h"

#include <errno.h>

#include "base/err.h"
#include "kernel/choice.h"
#include "kernel/diag.h"
#include "kernel/steering.h"

struct route_question {
    const struct route_query *query;
    struct net_route *ret;
};

static int read_route(void *ctx, struct err *e)
{
    struct route_question *q = ctx;
    return route_read(q->query, q->ret, e);
}

int explain_ask_route(struct explain_host *h, const struct route_query *q, struct net_route *ret,
                      struct err *e)
{
    struct route_question question = {q, ret};
    if (h->reader)
        return sockets_visit(&h->sockets, read_route, &question, e);
    const struct vec *all = &h->sockets.facts.interfaces;
    net_route_by_interfaces(&q->to, all->items, (uint32_t)all->len, ret);
    if (q->from.family)
        ret->source = q->from;
    return 0;
}

struct own_question {
    struct net_addr addr;
    bool own;
};

static int ask_own(void *ctx, struct err *e)
{
    struct own_question *q = ctx;
    return route_own(&q->addr, &q->own, e);
}

void explain_ask_own(struct explain_host *h, struct predict_candidate *c)
{
    struct own_question q = {.addr = net_addr_unmap(&c->addr)};
    struct err e;
    c->own = OWN_BY_INTERFACES;
    if (!h->reader || q.addr.family != AF_INET || net_addr_is_wildcard(&q.addr))
        return;
    if (sockets_visit(&h->sockets, ask_own, &q, &e) == 0)
        c->own = q.own ? OWN_YES : OWN_NO;
}

struct lookup_question {
    const struct predict_packet *packet;
    struct explain_lookup *ret;
};

static int look_up(void *ctx, struct err *e)
{
    struct lookup_question *q = ctx;
    const struct predict_packet *p = q->packet;
    /* A source that isn't known matters to no listener. */
    const struct net_addr *from = p->from.family == p->to.family ? &p->from : &p->to;
    return diag_lookup(p->kind, &p->to, p->to_port, from, p->from_port, p->ifindex, &q->ret->socket,
                       e);
}

void explain_ask_lookup(struct explain_host *h, const struct predict_packet *p,
                        struct explain_lookup *ret)
{
    struct lookup_question question = {p, ret};
    struct err e;
    *ret = (struct explain_lookup){.asked = h->reader != NULL};
    if (!h->reader)
        return;
    int result = sockets_visit(&h->sockets, look_up, &question, &e);
    ret->found = result == 0;
    ret->error = result == 0 || result == -ENOENT ? 0 : -result;
}

static bool is_it(const struct explain_lookup *l, const struct net_socket *s)
{
    return net_socket_knows(s, NET_F_INODE) && l->socket.inode == s->inode;
}

bool explain_lookup_agrees(const struct explain_lookup *l, const struct predict_receiver *r)
{
    if (!l->found || !r->socket)
        return !l->found && !r->socket;
    if (is_it(l, r->socket))
        return true;
    for (size_t i = 0; i < r->group.len; i++)
        if (is_it(l, *(const struct net_socket **)vec_at(&r->group, i)))
            return true;
    return false;
}

static int count_steering(void *ctx, struct err *e)
{
    (void)e;
    *(int *)ctx = steering_count();
    return 0;
}

int explain_ask_steering(struct explain_host *h)
{
    struct err e;
    int count = -1;
    return h->reader && sockets_visit(&h->sockets, count_steering, &count, &e) == 0 ? count : -1;
}

enum { TRIED = 3 };

struct exhaustion {
    uint32_t ports;
    bool possible;
};

static int look_at_numbers(void *ctx, struct err *e)
{
    struct exhaustion *x = ctx;
    (void)e;
    x->possible = choice_may_exhaust(x->ports);
    return 0;
}

struct counting {
    struct predict_sources sources;
    bool buckets_known;
};

static int see_socket(void *ctx, const struct net_socket *s)
{
    struct counting *c = ctx;
    predict_sources_see(&c->sources, s, c->buckets_known);
    return 0;
}

static int see_bucket(void *ctx, const struct net_bucket *b)
{
    struct counting *c = ctx;
    predict_sources_see_bucket(&c->sources, b);
    return 0;
}

/* Whether one port certainly is left: what the kernel remembers of it, and its connection to there.
 */
static bool is_left(struct explain_host *h, const struct predict_connection *c,
                    const struct net_addr *source, uint16_t port)
{
    const struct predict_packet back = {.kind = c->kind,
                                        .from = c->to,
                                        .to = *source,
                                        .from_port = c->to_port,
                                        .to_port = port,
                                        .ifindex = c->ifindex};
    const struct predict_host *at;
    struct explain_lookup same;
    struct predict_sources sources;
    struct predict_choice choice;
    struct err e;
    if (explain_host_at(h, c->kind, port, &at, &e) < 0 || !at->buckets_known)
        return false;
    explain_ask_lookup(h, &back, &same);
    if (!same.asked || same.error)
        return false;
    predict_sources_init(&sources, c, source);
    for (size_t i = 0; i < at->n_buckets; i++)
        predict_sources_see_bucket(&sources, &at->buckets[i]);
    if (same.found)
        predict_sources_see(&sources, &same.socket, true);
    predict_sources_choose(&sources, &h->settings, &choice);
    return port_set_has(&choice.certain, port);
}

/* Where most ports are left, and a walk through all of them would take long, a few tell. */
static bool is_any_left(struct explain_host *h, const struct predict_connection *c,
                        const struct net_addr *source)
{
    const uint32_t first = h->settings.range_first, n = h->settings.range_last - first + 1;
    if (c->kind != NET_TCP || !h->reader || h->shallow)
        return false;
    for (uint32_t i = 1; i <= TRIED; i++)
        if (is_left(h, c, source, (uint16_t)(first + n * i / (TRIED + 1))))
            return true;
    return false;
}

static int count_ports(struct explain_host *h, const struct predict_connection *c,
                       const struct net_addr *source, enum tri *ret_none, struct err *e)
{
    const struct ports_way way = {
        .kind = c->kind, .local = *source, .peer = c->to, .peer_port = c->to_port};
    struct counting counting;
    const struct ports_sink sink = {see_socket, see_bucket, &counting};
    struct predict_choice choice;
    predict_sources_init(&counting.sources, c, source);
    int result = explain_host_stream(h, &way, &sink, &counting.buckets_known, e);
    predict_sources_choose(&counting.sources, &h->settings, &choice);
    *ret_none = choice.n_certain ? TRI_NO : choice.n_possible ? TRI_MAYBE : TRI_YES;
    return result;
}

int explain_ask_ports_left(struct explain_host *h, const struct predict_connection *c,
                           const struct net_addr *source, enum tri *ret_none, struct err *e)
{
    *ret_none = TRI_NO;
    if (h->settings.unknown >> PREDICT_PORT_RANGE & 1)
        return 0;
    struct exhaustion x = {h->settings.range_last - h->settings.range_first + 1, true};
    int result = h->reader ? sockets_visit(&h->sockets, look_at_numbers, &x, e) : 0;
    if (result < 0 || !x.possible || is_any_left(h, c, source))
        return result;
    do
        result = count_ports(h, c, source, ret_none, e);
    while (result == 0 && *ret_none == TRI_MAYBE && explain_host_deepen(h));
    return result;
}

enum { NEARBY = 32 };

uint16_t explain_ask_free_port(struct explain_host *h, const struct predict_candidate *c)
{
    struct predict_candidate near = *c;
    for (uint32_t i = 1; i <= NEARBY && c->port + i <= UINT16_MAX; i++) {
        const struct predict_host *host;
        struct predict_bind b;
        struct err e;
        near.port = (uint16_t)(c->port + i);
        if (explain_host_at(h, near.kind, near.port, &host, &e) < 0 ||
            predict_bind(&near, host, &b) < 0)
            return 0;
        bool yes = b.verdict == PREDICT_SUCCEEDS;
        predict_bind_clear(&b);
        if (yes)
            return near.port;
    }
    return 0;
}
