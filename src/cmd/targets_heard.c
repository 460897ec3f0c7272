/* A bare port of datagrams stands for two addresses, and connecting to either always succeeds:
 * which one is tried first is decided by who is bound there.
 */
#include <netinet/in.h>
#include <stdio.h>

#include "base/err.h"
#include "cmd/commands.h"
#include "cmd/sockets.h"
#include "cmd/targets.h"

enum { ASK_TWO = 2 };

struct heard {
    const struct target *targets; /* the two loopbacks */
    bool at[ASK_TWO];
};

/* udp_v6's own socket hears IPv4 too, unless IPV6_V6ONLY is set (ipv6(7)). */
static bool hears(const struct net_socket *s, const struct target *t)
{
    struct net_addr a, local = net_addr_unmap(&s->local);
    uint16_t port;
    if (!target_get_ip(&t->address, &a, &port) || port != s->local_port)
        return false;
    if (!net_addr_is_wildcard(&local))
        return net_addr_equal(&local, &a);
    return s->family == t->family || (s->family == AF_INET6 && !s->v6only);
}

static int add(void *ctx, const struct socket_row *row)
{
    struct heard *h = ctx;
    for (int i = 0; i < ASK_TWO; i++)
        h->at[i] = h->at[i] || hears(row->socket, &h->targets[i]);
    return 0;
}

static int read_bound(struct heard *h, uint16_t port)
{
    static const struct sockets_arguments here = {0};
    _cleanup_sockets_ struct sockets s = {0};
    char filter[32];
    struct err e;
    if (sockets_init(&s, &command_connect, &here) != 0)
        return -1;
    s.query.kinds = 1u << NET_UDP;
    s.query.states = 1u << NET_CLOSE;
    snprintf(filter, sizeof filter, "sport = :%u", port);
    return sockets_filter(&s, filter, true) != 0 ? -1 : sockets_read(&s, add, h, &e);
}

void targets_prefer_heard(const struct endpoint *ep, struct vec *targets)
{
    struct target *t = targets->items;
    struct heard h = {.targets = t};
    struct net_addr a;
    uint16_t port;
    if (ep->scheme != ENDPOINT_UDP || targets->len != ASK_TWO ||
        (ep->host != ENDPOINT_THIS_MACHINE && ep->host != ENDPOINT_EVERY_INTERFACE) ||
        !target_get_ip(&t[0].address, &a, &port) || read_bound(&h, port) < 0)
        return;
    if (h.at[0] || !h.at[1])
        return;
    struct target first = t[0];
    t[0] = t[1];
    t[1] = first;
}
