/* What the kernel remembers of a TCP port beside its owners: struct inet_bind_bucket of
 * include/net/inet_hashtables.h, as far as bind(2) asks it.
 *
 * Only BPF can read it. It is a cache of what past binds had in common, and it can let a bind
 * through that the owners, looked at one by one, would refuse.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"

enum net_fastreuseport {
    NET_FASTREUSEPORT_NONE = 0,
    NET_FASTREUSEPORT_ANY = 1,    /* every owner had SO_REUSEPORT */
    NET_FASTREUSEPORT_STRICT = 2, /* the last one had; its address counts */
};

struct net_bucket {
    uint16_t port;
    int8_t fastreuse; /* above 0: every owner had SO_REUSEADDR and none listens; below 0: the port
                       * was taken by connect(2) for outgoing connections only */
    int8_t fastreuseport; /* enum net_fastreuseport; below 0 as above */
    uint32_t uid;         /* the last one's, and so on */
    uint16_t family;
    struct net_addr addr;
    bool v6only;
};
