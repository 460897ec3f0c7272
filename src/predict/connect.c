#include "predict/connect.h"

#include <errno.h>
#include <net/if.h>

void predict_connect_clear(struct predict_connect *c)
{
    predict_receiver_clear(&c->receiver);
}

/* tcp_v4_connect of net/ipv4/tcp_ipv4.c with ip_route_output_key_hash_rcu of net/ipv4/route.c, and
 * tcp_v6_connect of net/ipv6/tcp_ipv6.c. test: test_explain_connect.py,
 * test_wildcards_and_mapped_addresses */
void predict_connection_settle(struct predict_connection *c)
{
    static const struct net_addr loopback4 = {.family = AF_INET, .bytes = {127, 0, 0, 1}},
                                 loopback6 = {.family = AF_INET6, .bytes = {[15] = 1}};
    c->to = net_addr_unmap(&c->to);
    if (c->from.family)
        c->from = net_addr_unmap(&c->from);
    if (!net_addr_is_wildcard(&c->to))
        return;
    if (c->to.family == AF_INET6)
        c->to = loopback6;
    else
        c->to = c->from.family == AF_INET && !net_addr_is_wildcard(&c->from) ? c->from : loopback4;
}

static void conclude(struct predict_connect *ret, enum predict_outcome outcome, int error)
{
    ret->outcome = outcome;
    ret->error = error;
}

/* The accept queue takes backlog + 1: the SYN is dropped when it holds more than it should
 * (sk_acceptq_is_full of include/net/sock.h). test: test_explain_connect.py, test_full_accept_queue
 */
static bool is_full(const struct net_socket *listener, struct predict_connect *ret)
{
    if (!net_socket_knows(listener, NET_F_RECV_Q) || !net_socket_knows(listener, NET_F_SEND_Q))
        return false;
    ret->waiting = listener->recv_q;
    ret->room = listener->send_q;
    return listener->recv_q > listener->send_q;
}

/* A group is as full as all its members. */
static enum tri is_group_full(struct predict_connect *ret)
{
    const struct vec *group = &ret->receiver.group;
    size_t full = 0;
    for (size_t i = 0; i < group->len; i++)
        full += is_full(*(const struct net_socket **)vec_at(group, i), ret);
    if (group->len == 0)
        return tri_of(is_full(ret->receiver.socket, ret));
    return full == 0 ? TRI_NO : full == group->len ? TRI_YES : TRI_MAYBE;
}

/* Two ends that are one: the SYN meets the socket that sent it, as a simultaneous open does
 * (tcp_rcv_synsent_state_process of net/ipv4/tcp_input.c). test: test_explain_connect.py,
 * test_connection_to_itself */
static bool is_itself(const struct predict_connection *c)
{
    return !c->comes_in && c->from_port && c->from_port == c->to_port &&
           (!c->from.family || net_addr_is_wildcard(&c->from) || net_addr_equal(&c->from, &c->to));
}

static void conclude_local(const struct predict_connection *c, bool complete,
                           struct predict_connect *ret)
{
    const struct predict_receiver *r = &ret->receiver;
    ret->waiting = ret->room = 0;
    ret->itself = r->certain == TRI_YES && !r->socket && complete && is_itself(c);
    if (ret->silence == SILENCE_LOOPBACK_DOWN) {
        conclude(ret, CONNECT_DROPPED, c->kind == NET_TCP ? ETIMEDOUT : 0);
    } else if (r->certain != TRI_YES) {
        conclude(ret, CONNECT_DEPENDS, 0);
    } else if (ret->itself) {
        conclude(ret, CONNECT_ACCEPTED, 0);
    } else if (!r->socket) {
        conclude(ret, complete ? CONNECT_REFUSED : CONNECT_DEPENDS, ECONNREFUSED);
    } else if (c->kind != NET_TCP) {
        conclude(ret, CONNECT_ACCEPTED, 0);
    } else if (r->connection) {
        /* The other end has it, who comes from outside can't. Here the five-tuple is free, or bind
         * had failed: what the left-over end makes of a SYN depends on its numbers.
         * test: test_explain_connect.py, test_connection_that_is_there_already */
        if (c->comes_in)
            conclude(ret, CONNECT_BLOCKED, EADDRNOTAVAIL);
        else
            conclude(ret, CONNECT_DEPENDS, 0);
    } else {
        enum tri full = is_group_full(ret);
        conclude(ret,
                 full == TRI_YES  ? CONNECT_DROPPED
                 : full == TRI_NO ? CONNECT_ACCEPTED
                                  : CONNECT_DEPENDS,
                 full == TRI_YES ? ETIMEDOUT : 0);
    }
}

static const struct net_iface *find_loopback(const struct predict_host *h)
{
    for (uint32_t i = 0; i < h->n_interfaces; i++)
        if (h->interfaces[i].flags & IFF_LOOPBACK)
            return &h->interfaces[i];
    return NULL;
}

/* test: test_explain_connect.py, test_loopback_is_down */
static bool is_loopback_down(const struct predict_host *h)
{
    const struct net_iface *loopback = find_loopback(h);
    return loopback && !(loopback->flags & IFF_UP);
}

/* test: test_explain_connect.py, test_ways_that_lead_nowhere */
static bool turns_back(const struct net_route *route, const struct predict_host *h)
{
    const struct net_iface *loopback = find_loopback(h);
    return loopback && route->ifindex == loopback->index;
}

static int look_local(const struct predict_connection *c, const struct net_route *route,
                      const struct predict_host *h, struct predict_connect *ret)
{
    struct predict_packet packet = {.kind = c->kind,
                                    .from = c->from.family ? c->from : route->source,
                                    .to = c->to,
                                    .from_port = c->from_port,
                                    .to_port = c->to_port,
                                    .ifindex = route->ifindex};
    predict_receiver_clear(&ret->receiver);
    if (!c->comes_in && is_loopback_down(h))
        ret->silence = SILENCE_LOOPBACK_DOWN;
    int result = predict_lookup(&packet, h, &ret->receiver);
    if (result == 0)
        conclude_local(c, h->complete, ret);
    return result;
}

void predict_connect_settle(struct predict_connect *ret, const struct predict_connection *c,
                            const struct net_socket *s, bool any)
{
    struct predict_receiver *r = &ret->receiver;
    r->socket = s;
    r->certain = TRI_YES;
    r->connection = s && c->kind == NET_TCP && s->state != NET_LISTEN;
    if (!any)
        r->group.len = 0;
    conclude_local(c, true, ret);
}

/* The source is looked for before the route's own error is (ip6_dst_lookup_tail of
 * net/ipv6/ip6_output.c). test: test_explain_connect.py, test_ipv6_that_is_turned_off */
static bool lacks_source(const struct predict_connection *c, const struct predict_host *h)
{
    if (c->to.family != AF_INET6 || c->from.family || !h->n_interfaces)
        return false;
    for (uint32_t i = 0; i < h->n_interfaces; i++)
        for (uint32_t k = 0; k < h->interfaces[i].n_addrs; k++)
            if (h->interfaces[i].addrs[k].addr.family == AF_INET6)
                return false;
    return true;
}

int predict_connect(const struct predict_connection *c, const struct net_route *route,
                    const struct predict_host *h, struct predict_connect *ret)
{
    *ret = (struct predict_connect){.outcome = CONNECT_DEPENDS,
                                    .receiver = {.group = VEC_INIT(const struct net_socket *),
                                                 .others = VEC_INIT(struct predict_other)}};
    if (c->unknown_device) {
        conclude(ret, CONNECT_BLOCKED, ENODEV);
        return 0;
    }
    /* bind(2) of one family's address on the other's socket: inet6_bind of net/ipv6/af_inet6.c.
     * test: test_explain_connect.py, test_source_must_be_had */
    if (c->from.family && c->from.family != c->to.family) {
        conclude(ret, CONNECT_BLOCKED, EAFNOSUPPORT);
        return 0;
    }
    if (c->to.family == AF_INET6 && !h->has_ipv6) {
        conclude(ret, CONNECT_BLOCKED, EAFNOSUPPORT);
        return 0;
    }
    if (c->to.family == AF_INET6 && net_addr_is_link_local(&c->to) && !c->to.scope && !c->ifindex) {
        conclude(ret, CONNECT_BLOCKED, EINVAL);
        return 0;
    }
    /* __mkroute_output of net/ipv4/route.c. test: as above, test_ways_that_lead_nowhere */
    if (c->loopback_leaves) {
        conclude(ret, CONNECT_BLOCKED, EINVAL);
        return 0;
    }
    switch (route->kind) {
    case NET_ROUTE_LOCAL:
        /* A socket that is bound to another device sends it out there all the same. */
        if (!c->comes_in && c->ifindex && c->ifindex != route->ifindex) {
            conclude(ret, CONNECT_REMOTE, 0);
            return 0;
        }
        return look_local(c, route, h, ret);
    case NET_ROUTE_REMOTE:
        if (!c->comes_in && turns_back(route, h)) {
            ret->silence = SILENCE_TURNS_BACK;
            conclude(ret, CONNECT_DROPPED, c->kind == NET_TCP ? ETIMEDOUT : 0);
        } else {
            conclude(ret, CONNECT_REMOTE, 0);
        }
        break;
    case NET_ROUTE_BROADCAST:
        /* TCP has no such peers; UDP must ask for them by SO_BROADCAST (__ip4_datagram_connect of
         * net/ipv4/datagram.c). test: test_explain_connect.py, test_multicast_and_broadcast */
        if (c->kind == NET_TCP)
            conclude(ret, CONNECT_UNREACHABLE, ENETUNREACH);
        else
            conclude(ret, CONNECT_BLOCKED, EACCES);
        break;
    case NET_ROUTE_MULTICAST:
        if (c->kind == NET_TCP)
            conclude(ret, CONNECT_UNREACHABLE, ENETUNREACH);
        else
            conclude(ret, CONNECT_REMOTE, 0);
        break;
    case NET_ROUTE_UNREACHABLE:
        conclude(ret, CONNECT_UNREACHABLE, EHOSTUNREACH);
        break;
    case NET_ROUTE_PROHIBIT:
        conclude(ret, CONNECT_UNREACHABLE, EACCES);
        break;
    case NET_ROUTE_BLACKHOLE:
        conclude(ret, CONNECT_UNREACHABLE, EINVAL);
        break;
    case NET_ROUTE_NONE:
        conclude(ret, CONNECT_UNREACHABLE, lacks_source(c, h) ? EADDRNOTAVAIL : ENETUNREACH);
        break;
    case NET_ROUTE_UNKNOWN:
    case NET_ROUTE_KINDS:
        break;
    }
    return 0;
}
