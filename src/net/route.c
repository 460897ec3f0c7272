#include "net/route.h"

#include <assert.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <string.h>

static const char *const names[] = {
    [NET_ROUTE_UNKNOWN] = "unknown",     [NET_ROUTE_LOCAL] = "local",
    [NET_ROUTE_REMOTE] = "remote",       [NET_ROUTE_BROADCAST] = "broadcast",
    [NET_ROUTE_MULTICAST] = "multicast", [NET_ROUTE_UNREACHABLE] = "unreachable",
    [NET_ROUTE_PROHIBIT] = "prohibit",   [NET_ROUTE_BLACKHOLE] = "blackhole",
    [NET_ROUTE_NONE] = "no-route",
};
static_assert(sizeof names / sizeof *names == NET_ROUTE_KINDS, "a name a kind");

const char *net_route_kind_name(enum net_route_kind kind)
{
    return names[kind];
}

static bool same_bytes(const struct net_addr *a, const struct net_addr *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* An IPv4 address is the host's whether the device is up or not, an IPv6 one is not in use until
 * the device is up and nobody else was found to have it. */
static bool is_in_use(const struct net_iface *i, const struct net_iface_addr *a)
{
    return a->addr.family == AF_INET || (i->flags & IFF_UP && !(a->flags & IFA_F_TENTATIVE));
}

static bool is_own(const struct net_addr *to, const struct net_iface *i,
                   const struct net_iface_addr *a)
{
    struct net_prefix prefix = {.addr = a->addr, .len = a->prefix_len};
    if (!is_in_use(i, a) || (to->scope && to->scope != i->index))
        return false;
    return same_bytes(&a->addr, to) ||
           (to->family == AF_INET && i->flags & IFF_LOOPBACK && net_prefix_contains(&prefix, to));
}

static enum net_route_kind kind_at(const struct net_addr *to, const struct net_iface *i,
                                   const struct net_iface_addr *a)
{
    if (is_own(to, i, a))
        return NET_ROUTE_LOCAL;
    return a->broadcast.family && same_bytes(&a->broadcast, to) ? NET_ROUTE_BROADCAST
                                                                : NET_ROUTE_UNKNOWN;
}

void net_route_by_interfaces(const struct net_addr *to, const struct net_iface *all, uint32_t n,
                             struct net_route *ret)
{
    *ret = (struct net_route){.kind = NET_ROUTE_UNKNOWN};
    if (net_addr_is_multicast(to)) {
        ret->kind = NET_ROUTE_MULTICAST;
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < all[i].n_addrs; k++) {
            enum net_route_kind kind = kind_at(to, &all[i], &all[i].addrs[k]);
            if (kind == NET_ROUTE_UNKNOWN)
                continue;
            ret->kind = kind;
            ret->ifindex = all[i].index;
            if (kind == NET_ROUTE_LOCAL)
                ret->source = *to;
            return;
        }
}
