/* How many sockets use each address of this host.
 *
 * Pure: sockets come one by one and are counted, none is kept. A listener on a wildcard address
 * counts at each address that it takes in, apart from those at the address itself. Every address
 * inside a loopback interface's prefix is this host's (127.0.0.53 on lo's 127.0.0.1/8), so such
 * sockets count where the prefix stands. A listener that is bound to a device (SO_BINDTODEVICE)
 * counts at addresses of that device alone, even if another has the same address: what comes to the
 * others never gets to it.
 */
#pragma once
#include "net/iface.h"
#include "net/socket.h"

struct net_iface_use {
    uint32_t listening; /* at this very address */
    uint32_t wildcard;  /* at every address of the host, or of this device */
    uint32_t device;    /* of these, those of this device */
    uint32_t connected; /* with a peer, the closing ones too; TIME_WAIT is none */
};

struct net_iface_uses {
    const struct net_iface *interfaces; /* borrowed */
    uint32_t n;
    struct net_iface_use *uses; /* owned; one for each address, in the interfaces' order */
};

/* 0 or -ENOMEM. */
int net_iface_uses_init(struct net_iface_uses *u, const struct net_iface *interfaces, uint32_t n);
void net_iface_uses_clear(struct net_iface_uses *u);
void net_iface_uses_add(struct net_iface_uses *u, const struct net_socket *s);
/* Of the interface at index i, as many as it has addresses. */
const struct net_iface_use *net_iface_uses_of(const struct net_iface_uses *u, uint32_t i);
