/* What routing says of one destination, as a value: which way a packet would go, from which
 * address, or why it wouldn't.
 *
 * src/kernel asks the kernel for it. For a saved host, whose routes nobody kept, its interfaces
 * tell at least which addresses are its own.
 */
#pragma once
#include <stdint.h>

#include "net/addr.h"
#include "net/iface.h"

enum net_route_kind {
    NET_ROUTE_UNKNOWN, /* it couldn't be asked */
    NET_ROUTE_LOCAL,   /* an address of this host */
    NET_ROUTE_REMOTE,
    NET_ROUTE_BROADCAST,
    NET_ROUTE_MULTICAST,
    /* What connect(2) gets is fixed: fib_props of net/ipv4/fib_semantics.c, ip6_rt_type_to_error of
     * net/ipv6/route.c. */
    NET_ROUTE_UNREACHABLE, /* EHOSTUNREACH */
    NET_ROUTE_PROHIBIT,    /* EACCES */
    NET_ROUTE_BLACKHOLE,   /* EINVAL */
    NET_ROUTE_NONE,        /* ENETUNREACH */
    NET_ROUTE_KINDS
};

struct net_route {
    enum net_route_kind kind;
    uint32_t ifindex;        /* the device that it goes out by; of a local address, that has it */
    struct net_addr source;  /* what the kernel would send from; AF_UNSPEC: not known */
    struct net_addr gateway; /* AF_UNSPEC: on the link */
};

/* "local", "remote", "no-route" …: stable words, for JSON. */
const char *net_route_kind_name(enum net_route_kind kind);

/* As far as interfaces tell: LOCAL, MULTICAST, BROADCAST, or UNKNOWN. An address in the prefix of a
 * loopback interface is local as a whole, as all of 127/8 is. */
void net_route_by_interfaces(const struct net_addr *to, const struct net_iface *all, uint32_t n,
                             struct net_route *ret);
