/* Interfaces in words: the kernel's and ip(8)'s names of flags, states, types and scopes. Pure; a
 * number without a name is shown as a number, never dropped. */
#pragma once
#include "net/iface.h"

struct buf;

/* "UP,BROADCAST,RUNNING,MULTICAST,LOWER_UP"; bits without a name as one 0x… at the end. */
void net_iface_format_flags(struct buf *out, uint32_t flags);
/* RFC 2863 as ip(8) writes it: "UP", "DOWN", "LOWERLAYERDOWN" …; "7" for what has no name. */
void net_iface_format_operstate(struct buf *out, uint8_t operstate);
/* The hardware: "ether", "loopback", "none", "sit" …, else the number. */
void net_iface_format_type(struct buf *out, uint16_t type);
/* "02:00:00:00:00:01"; of tunnels, whose hardware address is an IP address, that one; nothing if
 * there is none. bytes are i->mac or i->broadcast, of i->mac_len. */
void net_iface_format_mac(struct buf *out, const struct net_iface *i, const uint8_t *bytes);

/* "global", "site", "link", "host", "nowhere", else the number. */
void net_iface_format_scope(struct buf *out, uint8_t scope);
/* What is to be said of an address: "tentative,deprecated,dynamic" …, nothing if nothing is. */
void net_iface_format_addr_flags(struct buf *out, const struct net_iface_addr *a);
/* Who set it (IFAPROT_…, Linux 5.18): "kernel_lo", "kernel_ra", "kernel_ll", else the number. */
void net_iface_format_addr_protocol(struct buf *out, uint8_t protocol);
