#include "cmd/resolve_explain.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cmd/commands.h"
#include "cmd/sockets.h"

enum { ORDER_MAX = 1 << 10 };

void resolve_query_clear(struct resolve_query *q)
{
    size_t n = q->answer.addresses.len;
    for (size_t i = 0; q->listeners && i < n; i++)
        vec_free(&q->listeners[i]);
    for (size_t i = 0; q->rows && i < n; i++)
        free((char *)q->rows[i].order);
    free(q->listeners);
    free(q->rows);
    free(q->candidates);
    vec_free(&q->devices);
    facts_clear(&q->facts);
    resolve_clear(&q->answer);
}

/* The order */

static struct rfc6724_candidate candidate_of(const struct resolve_scene *s,
                                             const struct resolved *r)
{
    const struct net_iface_addr *own = NULL;
    struct rfc6724_candidate c = {.addr = r->addr, .reachable = r->reachable, .source = r->from};
    const struct net_iface *link =
        r->reachable ? net_iface_by_addr(s->links.items, (uint32_t)s->links.len, &r->from, &own)
                     : NULL;
    if (!link)
        return c;
    c.source_prefix_len = own->prefix_len;
    c.source_deprecated = own->flags & (IFA_F_DEPRECATED | IFA_F_OPTIMISTIC);
    c.source_home = own->flags & IFA_F_HOMEADDRESS;
    c.source_tunnelled =
        link->type == ARPHRD_TUNNEL || link->type == ARPHRD_TUNNEL6 || link->type == ARPHRD_SIT;
    return c;
}

/* Why `first` stands before its neighbour, and which rule says so. */
static enum rfc6724_rule explain_pair(struct buf *out, const struct resolve_scene *s,
                                      const struct rfc6724_candidate *first,
                                      const struct rfc6724_candidate *second)
{
    int order;
    enum rfc6724_rule rule = rfc6724_compare(&s->tables, first, second, &order);
    if (order > 0) {
        buf_str(out, "the C library's order");
        return 0;
    }
    buf_printf(out, "rule %d, %s: ", (int)rule, rfc6724_rule_name(rule));
    rfc6724_describe(out, &s->tables, rule, first, second);
    return rule;
}

/* Each address is compared with its neighbour: the next one, the last with the one before. */
static int explain_order(const struct resolve_scene *s, struct resolve_query *q, size_t i)
{
    _cleanup_buf_ struct buf text = BUF_INIT(ORDER_MAX);
    size_t n = q->answer.addresses.len;
    bool last = i + 1 == n;
    const struct rfc6724_candidate *own = &q->candidates[i];
    if (n == 1) {
        buf_str(&text, "the only one");
    } else {
        const struct rfc6724_candidate *other = last ? own - 1 : own + 1;
        buf_str(&text, last ? "after " : "before ");
        net_addr_format(&text, &other->addr);
        buf_str(&text, ": ");
        q->rows[i].rule =
            last ? explain_pair(&text, s, other, own) : explain_pair(&text, s, own, other);
    }
    q->rows[i].order = strdup(buf_cstr(&text));
    return q->rows[i].order ? 0 : -ENOMEM;
}

/* Who listens */

static int keep(void *ctx, const struct socket_row *row)
{
    return facts_add_socket(ctx, row->socket);
}

int resolve_read_sockets(struct resolve_query *q)
{
    static const struct sockets_arguments here = {0};
    const struct resolved *first = vec_at(&q->answer.addresses, 0);
    _cleanup_sockets_ struct sockets s = {0};
    struct err e = {0};
    char filter[32];
    int status = sockets_init(&s, &command_resolve, &here);
    if (status)
        return status;
    bool udp = q->question.socket_type == SOCK_DGRAM;
    s.query.kinds = udp ? 1u << NET_UDP : 1u << NET_TCP;
    s.query.states = udp ? 1u << NET_CLOSE : 1u << NET_LISTEN;
    s.query.detail = SOURCE_OWNERS;
    snprintf(filter, sizeof filter, "sport = :%u", first->port);
    status = sockets_filter(&s, filter, true);
    if (status)
        return status;
    if (sockets_read(&s, keep, &q->facts, &e) < 0) {
        err_print(&e, stderr);
        return e.code == EPERM || e.code == EACCES ? EXIT_PERMISSION : EXIT_NO;
    }
    sockets_tell_notes(&s);
    return 0;
}

/* The port's sockets were read, and no others. */
static int find_listeners(struct resolve_query *q, const struct resolve_row *row, uint32_t ifindex,
                          struct vec *ret)
{
    const struct resolved *r = row->resolved;
    struct receivers_question question = {
        .kind = q->question.socket_type == SOCK_DGRAM ? NET_UDP : NET_TCP,
        .to = r->addr,
        .port = r->port,
        .from = r->reachable ? r->from : (struct net_addr){0},
        .ifindex = ifindex,
    };
    return receivers_find(&question, &q->facts, ret);
}

/* The rows */

static const struct net_iface *loopback_of(const struct resolve_scene *s)
{
    for (size_t i = 0; i < s->links.len; i++) {
        const struct net_iface *link = vec_at(&s->links, i);
        if (link->flags & IFF_LOOPBACK)
            return link;
    }
    return NULL;
}

static const struct net_iface *owner_of(const struct resolve_scene *s, const struct resolved *r)
{
    const struct net_iface *link =
        net_iface_by_addr(s->links.items, (uint32_t)s->links.len, &r->addr, NULL);
    bool loops = net_addr_is_loopback(&r->addr) || net_addr_is_wildcard(&r->addr);
    return link || !loops ? link : loopback_of(s);
}

static int fill_row(const struct resolve_scene *s, struct resolve_query *q, size_t i, bool looked)
{
    const struct resolved *r = vec_at(&q->answer.addresses, i);
    const struct net_iface *link = owner_of(s, r);
    struct resolve_row *row = &q->rows[i];
    struct resolve_device *device = vec_at(&q->devices, i);
    *row = (struct resolve_row){
        .asked = q->word,
        .canonical = q->answer.canonical,
        .resolved = r,
        .interface = link ? link->name : NULL,
        .local = link != NULL,
        .looked = looked && link,
    };
    if (r->addr.scope) {
        if (!if_indextoname(r->addr.scope, device->name))
            snprintf(device->name, sizeof device->name, "%u", r->addr.scope);
        row->device = device->name;
    }
    int error = explain_order(s, q, i);
    if (error == 0 && row->looked)
        error = find_listeners(q, row, link->index, &q->listeners[i]);
    row->listeners = q->listeners[i].items;
    row->n_listeners = q->listeners[i].len;
    return error;
}

int resolve_make_rows(const struct resolve_scene *s, struct resolve_query *q, bool looked)
{
    size_t n = q->answer.addresses.len;
    int error = 0;
    q->candidates = calloc(n, sizeof *q->candidates);
    q->rows = calloc(n, sizeof *q->rows);
    q->listeners = calloc(n, sizeof *q->listeners);
    if (!q->candidates || !q->rows || !q->listeners)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        q->listeners[i] = VEC_INIT(struct receiver);
        q->candidates[i] = candidate_of(s, vec_at(&q->answer.addresses, i));
        if (!vec_push(&q->devices))
            return -ENOMEM;
    }
    for (size_t i = 0; error == 0 && i < n; i++)
        error = fill_row(s, q, i, looked);
    return error;
}
