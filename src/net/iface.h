/* Interfaces and their addresses, as values. Filled by src/kernel, read from facts. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"

struct net_iface_addr {
    struct net_addr addr; /* the interface's own; scope holds the index for link-local IPv6 */
    struct net_addr peer; /* of a point-to-point link; AF_UNSPEC: none */
    struct net_addr broadcast;
    uint8_t prefix_len;
    uint8_t scope;                 /* RT_SCOPE_UNIVERSE, _LINK, _HOST … (rtnetlink(7)) */
    uint32_t flags;                /* IFA_F_TENTATIVE, _DEPRECATED, _PERMANENT, _TEMPORARY … */
    uint8_t protocol;              /* IFAPROT_…, 0 unknown */
    uint32_t valid_s, preferred_s; /* UINT32_MAX: for ever */
    char label[16 + 1];
};

struct net_iface_counters {
    uint64_t bytes, packets, errors, dropped, overrun, frame_or_carrier, multicast_or_collisions;
};

struct net_iface {
    uint32_t index;
    char name[16 + 1];
    char altname[128 + 1]; /* the first; "" none */
    uint32_t flags;        /* IFF_… of netdevice(7), all 32 bits of them */
    uint16_t type;         /* ARPHRD_… */
    uint8_t operstate;     /* IF_OPER_… of RFC 2863 */
    uint32_t mtu, txqueuelen;
    uint32_t master, link; /* indexes; 0 none */
    int32_t link_netns;    /* the namespace id of link, -1 here */
    uint8_t mac[32], mac_len;
    uint8_t broadcast[32];
    char kind[32]; /* of virtual ones: "veth", "bridge", "vlan" …; "" a real device */
    char qdisc[32];
    uint32_t speed_mbps; /* 0 unknown */
    struct net_iface_counters rx, tx;
    struct net_iface_addr *addrs; /* owned; IPv4 first, then IPv6, in the kernel's order */
    uint32_t n_addrs;
};

void net_iface_clear(struct net_iface *i); /* releases addrs */
/* The interface of an index or name, or of an address, among n; NULL if none. */
const struct net_iface *net_iface_by_index(const struct net_iface *all, uint32_t n, uint32_t index);
const struct net_iface *net_iface_by_name(const struct net_iface *all, uint32_t n,
                                          const char *name);
const struct net_iface *net_iface_by_addr(const struct net_iface *all, uint32_t n,
                                          const struct net_addr *a,
                                          const struct net_iface_addr **ret_addr);
