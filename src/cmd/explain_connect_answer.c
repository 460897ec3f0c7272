/* From an address to what connect(2) gets there: the route, what the facts say of who answers, and
 * the kernel's own word on it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cmd/explain_connect.h"

void explain_connect_clear(struct connect_answer *a)
{
    predict_connect_clear(&a->connect);
    predict_bind_clear(&a->bind);
    explain_connect_forward_clear(&a->forward);
    explain_weight_clear(&a->weight);
    free(a->sockets);
}

void explain_connect_question_clear(struct connect_question *q)
{
    for (size_t i = 0; i < q->answers.len; i++)
        explain_connect_clear(vec_at(&q->answers, i));
    vec_free(&q->answers);
    explain_firewall_clear(&q->firewall);
}

static void settle(const struct connect_question *q, const struct target *t,
                   struct predict_connection *ret)
{
    const char *device = q->arguments->device ? q->arguments->device : t->device;
    *ret = (struct predict_connection){.kind = t->type == SOCK_DGRAM ? NET_UDP : NET_TCP,
                                       .from = q->from,
                                       .from_port = q->from_port};
    target_get_ip(&t->address, &ret->to, &ret->to_port);
    if (*device) {
        ret->ifindex = explain_host_device(q->host, device);
        ret->unknown_device = ret->ifindex == 0;
    }
    predict_connection_settle(ret);
}

/* Where it comes from */

/* Whether the address that it is to come from is another host's. Then its packets come in by the
 * device that leads there. */
static int find_origin(struct connect_question *q, struct connect_answer *a, struct err *e)
{
    struct predict_connection *c = &a->connection;
    struct net_route back;
    const struct route_query query = {.to = c->from, .kind = c->kind};
    if (!c->from.family || net_addr_is_wildcard(&c->from) || c->from.family != c->to.family)
        return 0;
    int result = explain_ask_route(q->host, &query, &back, e);
    a->no_way_back = result == 0 && back.kind != NET_ROUTE_REMOTE && back.kind != NET_ROUTE_LOCAL;
    if (result < 0 || back.kind != NET_ROUTE_REMOTE)
        return result;
    c->comes_in = true;
    a->route.ifindex = back.ifindex;
    a->route.source = c->from;
    return 0;
}

/* A source of its own has to be bound first. */
static int try_source(struct connect_question *q, struct connect_answer *a, struct err *e)
{
    const struct predict_connection *c = &a->connection;
    const struct predict_host *host;
    struct predict_candidate candidate = {.kind = c->kind,
                                          .family = c->to.family,
                                          .addr = c->from,
                                          .port = c->from_port,
                                          .uid = q->host->uid,
                                          .ifindex = c->ifindex,
                                          .privileged = q->host->may_bind_low_ports};
    if (c->comes_in || (!c->from.family && !c->from_port))
        return 0;
    if (c->from.family && c->from.family != c->to.family)
        return 0;
    candidate.addr.family = c->to.family;
    explain_ask_own(q->host, &candidate);
    int result = explain_host_at(q->host, c->kind, c->from_port, &host, e);
    if (result == 0)
        result = predict_bind(&candidate, host, &a->bind);
    a->bind_fails = result == 0 && a->bind.verdict == PREDICT_FAILS;
    return result;
}

/* Which way it goes */

static bool needs_scope(const struct predict_connection *c)
{
    return c->to.family == AF_INET6 && net_addr_is_link_local(&c->to) && !c->to.scope &&
           !c->ifindex;
}

/* The errno of a loopback source that would leave is a blackhole's too. */
static int see_without_source(struct connect_question *q, struct connect_answer *a,
                              const struct route_query *query, struct net_route *route,
                              struct err *e)
{
    struct route_query plain = *query;
    struct net_route there;
    plain.from = (struct net_addr){0};
    int result = explain_ask_route(q->host, &plain, &there, e);
    if (result < 0 || there.kind != NET_ROUTE_REMOTE)
        return result;
    a->connection.loopback_leaves = true;
    *route = there;
    route->source = query->from;
    return 0;
}

static int find_route(struct connect_question *q, struct connect_answer *a, struct err *e)
{
    const struct predict_connection *c = &a->connection;
    const struct route_query query = {.to = c->to,
                                      .from = c->comes_in ? (struct net_addr){0} : c->from,
                                      .ifindex = c->ifindex,
                                      .kind = c->kind,
                                      .from_port = c->from_port,
                                      .to_port = c->to_port};
    struct net_route route;
    if (c->unknown_device || needs_scope(c) || (c->from.family && c->from.family != c->to.family))
        return 0;
    int result = explain_ask_route(q->host, &query, &route, e);
    if (result < 0)
        return result;
    if (route.kind == NET_ROUTE_BLACKHOLE && net_addr_is_loopback(&c->from)) {
        result = see_without_source(q, a, &query, &route, e);
        if (result < 0)
            return result;
    }
    if (c->comes_in) { /* another host's 127.0.0.1 is that host's */
        bool here = route.kind == NET_ROUTE_LOCAL && !net_addr_is_loopback(&c->to);
        a->route.kind = here ? NET_ROUTE_LOCAL : NET_ROUTE_REMOTE;
    } else {
        a->route = route;
    }
    return 0;
}

/* Who answers */

static struct predict_packet packet_of(const struct connect_answer *a)
{
    const struct predict_connection *c = &a->connection;
    bool given = c->from.family && !net_addr_is_wildcard(&c->from);
    return (struct predict_packet){.kind = c->kind,
                                   .from = given ? c->from : a->route.source,
                                   .to = c->to,
                                   .from_port = c->from_port,
                                   .to_port = c->to_port,
                                   .ifindex = a->route.ifindex};
}

static bool is_connection(const struct connect_answer *a)
{
    return a->lookup.found && a->connection.kind == NET_TCP && a->lookup.socket.state != NET_LISTEN;
}

/* Of connections that no rule tells apart the facts have one only: the one that is meant comes from
 * the kernel's lookup. */
static int add_connection(struct connect_answer *a, struct predict_host *h)
{
    if (!is_connection(a))
        return 0;
    a->sockets = calloc(h->n_sockets + 1, sizeof(*a->sockets));
    if (!a->sockets)
        return -ENOMEM;
    if (h->n_sockets)
        memcpy(a->sockets, h->sockets, h->n_sockets * sizeof(*a->sockets));
    a->sockets[h->n_sockets] = &a->lookup.socket;
    h->sockets = a->sockets;
    h->n_sockets++;
    return 0;
}

static const struct net_socket *find_bound(const struct predict_connection *c,
                                           const struct predict_host *h)
{
    for (size_t i = 0; i < h->n_sockets; i++) {
        const struct net_socket *s = h->sockets[i];
        bool bound = s->state == NET_BOUND_INACTIVE || s->state == NET_CLOSE;
        if (c->kind == NET_TCP && s->kind == NET_TCP && s->local_port == c->to_port && bound)
            return s;
    }
    return NULL;
}

/* The socket of the facts that the kernel found. */
static const struct net_socket *same_of(const struct connect_answer *a,
                                        const struct predict_host *h)
{
    for (size_t i = 0; a->lookup.found && i < h->n_sockets; i++)
        if (net_socket_knows(h->sockets[i], NET_F_INODE) &&
            h->sockets[i]->inode == a->lookup.socket.inode)
            return h->sockets[i];
    return a->lookup.found ? &a->lookup.socket : NULL;
}

static int predict(struct connect_question *q, struct connect_answer *a, struct err *e,
                   struct predict_host *ret_host)
{
    const struct predict_host *host;
    const struct predict_connection *c = &a->connection;
    struct predict_packet packet = packet_of(a);
    int result = explain_host_at(q->host, c->kind, c->to_port, &host, e);
    if (result < 0)
        return result;
    *ret_host = *host;
    a->lookup = (struct explain_lookup){0};
    if (a->route.kind == NET_ROUTE_LOCAL)
        explain_ask_lookup(q->host, &packet, &a->lookup);
    if (a->lookup.found && a->lookup.socket.state == NET_TIME_WAIT) { /* who reopens it? */
        packet.from_port = 0;
        explain_ask_lookup(q->host, &packet, &a->lookup);
    }
    result = add_connection(a, ret_host);
    if (result == 0)
        result = predict_connect(c, &a->route, ret_host, &a->connect);
    a->bound = find_bound(c, ret_host);
    return result;
}

static bool is_asked(const struct connect_answer *a)
{
    enum predict_outcome o = a->connect.outcome;
    return a->lookup.asked && !a->lookup.error && a->route.kind == NET_ROUTE_LOCAL &&
           (o == CONNECT_ACCEPTED || o == CONNECT_REFUSED || o == CONNECT_DROPPED ||
            o == CONNECT_DEPENDS || a->connect.receiver.connection);
}

/* The kernel's word settles what the facts leave open, and counts where the two differ. Of a group
 * it names a member for one source port alone. */
static void hear_kernel(struct connect_question *q, struct connect_answer *a,
                        const struct predict_host *h)
{
    struct predict_receiver *r = &a->connect.receiver;
    a->agrees = true;
    a->said = same_of(a, h);
    if (!is_asked(a))
        return;
    bool certain = r->certain == TRI_YES, same = explain_lookup_agrees(&a->lookup, r);
    a->agrees = same || !certain;
    if (!a->agrees)
        a->steered = explain_ask_steering(q->host) > 0;
    bool any = same && r->group.len && !a->connection.from_port;
    if (certain && same && (a->connect.outcome != CONNECT_DEPENDS || any) &&
        !(r->group.len && !any))
        return;
    predict_connect_settle(&a->connect, &a->connection, a->said, any);
}

static void forget(struct connect_answer *a)
{
    predict_connect_clear(&a->connect);
    free(a->sockets);
    a->sockets = NULL;
}

/* Whether another look may say more: what changed between the two ways is no difference, and what
 * is hidden from the quick look a deeper one may see. */
static bool look_again(struct connect_question *q, const struct connect_answer *a, int attempt)
{
    if (!is_asked(a))
        return false;
    if (a->connect.receiver.certain != TRI_YES)
        return explain_host_deepen(q->host);
    if (attempt > 0 || explain_lookup_agrees(&a->lookup, &a->connect.receiver))
        return false;
    explain_host_refresh(q->host);
    return true;
}

static int ask(struct connect_question *q, struct connect_answer *a, struct err *e)
{
    struct predict_host host;
    int result = predict(q, a, e, &host);
    for (int attempt = 0; result == 0 && look_again(q, a, attempt); attempt++) {
        forget(a);
        result = predict(q, a, e, &host);
    }
    if (result == 0)
        hear_kernel(q, a, &host);
    return result;
}

/* A connection needs a port of its own. */
static int look_for_port(struct connect_question *q, struct connect_answer *a, struct err *e)
{
    const struct predict_connection *c = &a->connection;
    enum predict_outcome o = a->connect.outcome;
    if (c->comes_in || c->from_port || c->from.family || o == CONNECT_UNREACHABLE ||
        o == CONNECT_BLOCKED || q->followed)
        return 0;
    int result = explain_ask_ports_left(q->host, c, &a->route.source, &a->exhausted, e);
    if (result < 0 || a->exhausted == TRI_NO)
        return result;
    a->connect.outcome = a->exhausted == TRI_YES ? CONNECT_BLOCKED : CONNECT_DEPENDS;
    a->connect.error = c->kind == NET_TCP ? EADDRNOTAVAIL : EAGAIN;
    return 0;
}

/* The port that it comes from: one of those that the kernel chooses among, unless it is told. */
static struct firewall_ports ports_of(const struct connect_question *q,
                                      const struct predict_connection *c)
{
    const struct predict_settings *s = &q->host->settings;
    if (c->from_port)
        return (struct firewall_ports){c->from_port, c->from_port};
    if (c->comes_in || s->unknown >> PREDICT_PORT_RANGE & 1)
        return (struct firewall_ports){1, UINT16_MAX};
    return (struct firewall_ports){s->range_first, s->range_last};
}

struct explain_passage explain_connect_passage(const struct connect_question *q,
                                               const struct connect_answer *a)
{
    const struct predict_connection *c = &a->connection;
    bool out = a->route.kind != NET_ROUTE_LOCAL || a->connect.outcome == CONNECT_REMOTE;
    const char *device = explain_host_device_name(q->host, a->route.ifindex);
    return (struct explain_passage){
        .kind = c->kind,
        .from = c->from.family && !net_addr_is_wildcard(&c->from) ? c->from : a->route.source,
        .to = c->to,
        .from_port = ports_of(q, c),
        .to_port = c->to_port,
        .way = c->comes_in ? EXPLAIN_COMES_IN
               : out       ? EXPLAIN_GOES_OUT
                           : EXPLAIN_STAYS,
        .in = c->comes_in ? device : NULL,
        .out = c->comes_in ? NULL : device};
}

/* With the destination that a rule gave it. */
static struct explain_passage passage_behind(const struct connect_question *q,
                                             const struct connect_answer *a)
{
    struct explain_passage p = explain_connect_passage(q, a);
    bool in = a->connection.comes_in, elsewhere = a->forward.elsewhere;
    target_get_ip(&a->forward.target.address, &p.to, &p.to_port);
    p.translated = true;
    p.way = elsewhere ? in ? EXPLAIN_GOES_THROUGH : EXPLAIN_GOES_OUT
            : in      ? EXPLAIN_COMES_IN
                      : EXPLAIN_STAYS;
    p.out = elsewhere ? explain_host_device_name(q->host, a->forward.ifindex) : NULL;
    return p;
}

/* A rule that may stop it leaves the answer open, be it that somebody answers or that nobody does:
 * who is refused by a rule may get another error, or none. */
static int weigh(struct connect_question *q, struct connect_answer *a)
{
    enum predict_outcome o = a->connect.outcome;
    bool local = a->route.kind == NET_ROUTE_LOCAL, remote = a->route.kind == NET_ROUTE_REMOTE,
         behind = explain_connect_behind(a) != NULL;
    if ((!local && !remote) || (a->connection.comes_in && o == CONNECT_REMOTE) ||
        o == CONNECT_BLOCKED || q->followed)
        return 0;
    explain_firewall_look(q->host, &q->firewall);
    struct explain_passage passage = explain_connect_passage(q, a);
    a->weight.met = VEC_INIT(struct firewall_met);
    int result = explain_firewall_weigh(&q->firewall, &passage, behind, &a->weight);
    if (result == 0 && behind) {
        passage = passage_behind(q, a);
        result = explain_firewall_weigh(&q->firewall, &passage, false, &a->weight);
    }
    if (a->weight.may_stop && (o == CONNECT_ACCEPTED || o == CONNECT_REFUSED)) {
        a->stopped = true;
        a->connect.outcome = CONNECT_DEPENDS;
        a->connect.error = 0;
    }
    return result;
}

int explain_connect_answer(struct connect_question *q, const struct target *t,
                           struct connect_answer *ret, struct err *e)
{
    ret->target = *t;
    settle(q, t, &ret->connection);
    int result = find_origin(q, ret, e);
    if (result == 0)
        result = try_source(q, ret, e);
    if (result == 0)
        result = find_route(q, ret, e);
    if (result == 0 && !ret->bind_fails)
        result = ask(q, ret, e);
    if (result == 0 && ret->bind_fails) {
        ret->agrees = true;
        ret->connect.outcome = CONNECT_BLOCKED;
        ret->connect.error = ret->bind.error;
    }
    if (result == 0)
        result = look_for_port(q, ret, e);
    if (result == 0)
        result = explain_connect_follow(q, ret, e);
    if (result == 0)
        result = weigh(q, ret);
    if (result == 0 && q->arguments->tries && !q->followed && !ret->connection.comes_in)
        explain_try_connect(&ret->connection, &ret->target, &ret->trial);
    return result == -ENOMEM && !e->code ? err_set(e, ENOMEM, "explain", "", NULL) : result;
}
