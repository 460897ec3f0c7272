/* Asking the kernel which way a packet would go: RTM_GETROUTE of rtnetlink(7). Nothing is sent, and
 * any user may ask.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "net/route.h"
#include "net/state.h"

struct err;
struct nlmsghdr;

struct route_query {
    struct net_addr to;   /* a scope is the device that it is asked for */
    struct net_addr from; /* AF_UNSPEC: the kernel's choice; else of this host */
    uint32_t ifindex;     /* SO_BINDTODEVICE; 0 none */
    uint32_t mark;        /* SO_MARK */
    bool other_user;      /* ask for uid, not for the caller */
    uint32_t uid;
    /* Rules of the routing policy may look at these. */
    enum net_kind kind; /* NET_TCP, NET_UDP */
    uint16_t from_port, to_port;
};

/* In the calling thread's network namespace. A destination that the kernel refuses is an answer
 * (NET_ROUTE_NONE …), no failure. Of a local address the device is the one that has it, since its
 * packets come in there; the kernel's plain answer would say lo (net/ipv4/route.c). 0, or a
 * negative errno with *e filled. */
int route_read(const struct route_query *q, struct net_route *ret, struct err *e);

/* Whether bind(2) takes an IPv4 address as one of the host's own, in the calling thread's network
 * namespace: what routing has as local, broadcast or multicast, and any address while there is no
 * table of local ones yet (inet_addr_type of net/ipv4/fib_frontend.c). 0, or a negative errno with
 * *e filled. test: tests/prove, tests/cli/test_explain_bind.py */
int route_own(const struct net_addr *a, bool *ret, struct err *e);

/* One RTM_NEWROUTE into *ret, of which it changes what the message tells. 0, or -EBADMSG for one
 * that is too short or of another type. For tests. */
int route_decode(const struct nlmsghdr *m, struct net_route *ret);
