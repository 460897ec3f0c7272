/* `berth explain bind` of a range of ports: what of it is free. */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "cmd/explain_bind.h"

bool explain_bind_is_range(const struct bind_question *q)
{
    return q->endpoint->port_last > q->endpoint->port;
}

/* A port that would do goes on with the run before it. */
static int add_free(struct vec *runs, uint32_t port)
{
    struct bind_run *last = runs->len ? vec_at(runs, runs->len - 1) : NULL;
    if (last && last->last + 1 == port) {
        last->last = port;
        return 0;
    }
    return vec_add(runs, &(struct bind_run){port, port});
}

/* Of all its ports: one that would do decides, else one that may, else the first refusal. */
static void add_verdict(struct predict_bind *all, const struct predict_bind *one)
{
    static const int weight[] = {
        [PREDICT_FAILS] = 1, [PREDICT_DEPENDS] = 2, [PREDICT_SUCCEEDS] = 3};
    bool first = all->verdict == PREDICT_FAILS && all->rule == RULE_NONE;
    if (!first && weight[one->verdict] <= weight[all->verdict])
        return;
    all->verdict = one->verdict;
    all->call = one->call;
    all->error = one->error;
    all->rule = one->rule;
}

/* A host's sockets and buckets by port, those of a port in the kernel's order: with all of them
 * looked at for each port, a busy host would take minutes. */
enum { PORTS = UINT16_MAX + 1 };
struct by_port {
    const struct predict_host *host;
    const struct net_socket **sockets;
    uint32_t ends[PORTS];    /* behind a port's last socket; its first is where those before end */
    uint32_t buckets[PORTS]; /* index + 1 */
};

static void free_by_port(struct by_port *p)
{
    if (p)
        free(p->sockets);
    free(p);
}

/* A counting sort. */
static int sort_by_port(const struct predict_host *h, struct by_port **ret)
{
    struct by_port *p = *ret = calloc(1, sizeof *p);
    if (!p || !(p->sockets = calloc(h->n_sockets + 1, sizeof *p->sockets)))
        return -ENOMEM;
    p->host = h;
    for (size_t i = 0; i < h->n_sockets; i++)
        if (h->sockets[i]->local_port < PORTS - 1)
            p->ends[h->sockets[i]->local_port + 1]++;
    for (uint32_t port = 1; port < PORTS; port++)
        p->ends[port] += p->ends[port - 1];
    for (size_t i = 0; i < h->n_sockets; i++)
        if (h->sockets[i]->local_port < PORTS)
            p->sockets[p->ends[h->sockets[i]->local_port]++] = h->sockets[i];
    for (size_t i = h->n_buckets; i-- > 0;)
        p->buckets[h->buckets[i].port] = (uint32_t)i + 1;
    return 0;
}

/* The host as a question about one port needs it; port > 0. */
static struct predict_host host_at(const struct by_port *p, uint16_t port)
{
    struct predict_host h = *p->host;
    h.sockets = p->sockets + p->ends[port - 1];
    h.n_sockets = p->ends[port] - p->ends[port - 1];
    h.n_buckets = p->buckets[port] ? 1 : 0;
    h.buckets = h.n_buckets ? &p->host->buckets[p->buckets[port] - 1] : NULL;
    return h;
}

static int ask_each(const struct bind_question *q, struct bind_answer *a,
                    const struct by_port *by_port)
{
    struct predict_candidate one = a->candidate;
    int result = 0;
    a->bind.verdict = PREDICT_FAILS;
    for (uint32_t port = q->endpoint->port; result == 0 && port <= q->endpoint->port_last; port++) {
        struct predict_bind b;
        if (port == 0)
            continue;
        one.port = (uint16_t)port;
        const struct predict_host host = host_at(by_port, one.port);
        result = predict_bind(&one, &host, &b);
        if (result == 0)
            add_verdict(&a->bind, &b);
        if (result == 0 && b.verdict == PREDICT_SUCCEEDS)
            result = add_free(&a->free, port);
        predict_bind_clear(&b);
    }
    return result;
}

/* All ports in one look: a thousand of them asked one by one would take longer. */
static int ask_ports(struct bind_question *q, struct bind_answer *a, struct err *e)
{
    const struct predict_host *all;
    struct by_port *by_port = NULL;
    int result = explain_host_at(q->host, a->candidate.kind, 0, &all, e);
    if (result == 0)
        result = sort_by_port(all, &by_port);
    if (result == 0)
        result = ask_each(q, a, by_port);
    free_by_port(by_port);
    return result;
}

int explain_bind_range(struct bind_question *q, const struct vec *targets, struct err *e)
{
    int result = 0;
    for (size_t i = 0; i < targets->len && result == 0; i++) {
        const struct target *t = vec_at(targets, i);
        struct net_addr addr;
        uint16_t port;
        target_get_ip(&t->address, &addr, &port);
        if (port != q->endpoint->port)
            continue; /* the same address with the range's next port */
        struct bind_answer *a = vec_push(&q->answers);
        if (!a)
            return err_set(e, ENOMEM, "explain", "", NULL);
        a->target = *t;
        a->free = VEC_INIT(struct bind_run);
        explain_bind_candidate(q, t, &a->candidate);
        result = ask_ports(q, a, e);
    }
    return result < 0 && !e->code ? err_set(e, -result, "explain", "", NULL) : result;
}

static void put_range(struct buf *out, uint32_t first, uint32_t last, bool *ret_any)
{
    buf_printf(out, *ret_any ? ", %u" : "%u", first);
    if (last > first)
        buf_printf(out, "-%u", last);
    *ret_any = true;
}

static void put_runs(struct buf *out, const struct bind_answer *a)
{
    bool any = false;
    for (size_t i = 0; i < a->free.len; i++) {
        const struct bind_run *r = vec_at(&a->free, i);
        put_range(out, r->first, r->last, &any);
    }
    if (!any)
        buf_str(out, a->bind.verdict == PREDICT_DEPENDS ? "none for certain" : "none");
    buf_char(out, '\n');
}

void explain_bind_show_range(struct output *o, const struct bind_question *q)
{
    const struct bind_answer *all = q->answers.items;
    for (size_t i = 0; i < q->answers.len; i++) {
        bool is_v6 = all[i].candidate.addr.family == AF_INET6;
        buf_str(&o->out.buf, is_v6 ? "free on [" : "free on ");
        net_addr_format(&o->out.buf, &all[i].candidate.addr);
        buf_str(&o->out.buf, is_v6 ? "]: " : ": ");
        put_runs(&o->out.buf, &all[i]);
    }
}
