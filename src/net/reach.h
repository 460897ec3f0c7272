/* Who can connect to a listener, as far as its address decides it.
 *
 * Pure: a socket and the interfaces of its namespace give a class and a sentence. Firewalls and
 * routes beyond this host are not looked at, and the words don't claim more.
 */
#pragma once
#include "net/iface.h"
#include "net/socket.h"

struct buf;

enum net_reach {
    NET_REACH_NONE,    /* not a listener */
    NET_REACH_LOCAL,   /* this machine only */
    NET_REACH_ALL,     /* every interface */
    NET_REACH_ADDRESS, /* those who reach one address of this host */
    NET_REACH_LINK,    /* the link of one interface (link-local address) */
    NET_REACH_DEVICE,  /* one device (SO_BINDTODEVICE) */
    NET_REACH_GROUP,   /* a multicast group or a broadcast address */
    NET_REACH_ABSENT,  /* an address that this host doesn't have (freebind, removed) */
    NET_REACH_PATH,    /* who may write to a path of the file system */
    NET_REACH_NETNS,   /* processes of this network namespace (abstract UNIX names) */
    NET_REACHES
};

enum net_reach net_reach_of(const struct net_socket *s, const struct net_iface *interfaces,
                            uint32_t n_interfaces);
/* False where the device that it may be bound to isn't known, and could narrow the answer. */
bool net_reach_is_certain(const struct net_socket *s, enum net_reach r);
/* The stable word of a class: "local", "all", "address" … */
const char *net_reach_name(enum net_reach r);
/* The sentence: "this machine only", "every interface, IPv4 and IPv6",
 * "192.168.1.0/24 through en0" … */
void net_reach_describe(struct buf *out, const struct net_socket *s,
                        const struct net_iface *interfaces, uint32_t n_interfaces);
