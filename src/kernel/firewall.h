/* Rules of the firewall that connections of this host pass: what may stop one, although somebody
 * listens.
 *
 * Read from the listings of nft(8) and iptables-save(8). Rules aren't evaluated: each is told with
 * the hooks that it is met at, whether it can stop a packet, and whether it names a port. Those of
 * address translation are kernel/forwards.h's.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/state.h"

struct vec;

enum firewall_hook { FIREWALL_IN = 1 << 0, FIREWALL_OUT = 1 << 1 };

struct firewall_rule {
    char place[96];  /* table and chain: "inet filter input" */
    char text[256];  /* of a chain's policy "policy drop" */
    bool cut;        /* the text isn't whole */
    uint16_t family; /* AF_INET, AF_INET6; AF_UNSPEC: both */
    unsigned hooks;  /* mask of enum firewall_hook */
    bool stops;      /* it drops, refuses, or hands over to a program */
    bool policy;     /* it is what becomes of packets that no rule of the chain decides about */
};

/* Appends the rules of a listing that are met at a hook to *ret (struct firewall_rule). Any bytes.
 * family: of the listing of iptables-save or ip6tables-save. 0 or -ENOMEM. */
int firewall_parse_nft(const char *listing, size_t n, struct vec *ret);
int firewall_parse_iptables(const char *listing, size_t n, uint16_t family, struct vec *ret);

/* What a rule says of a port. */
enum firewall_match {
    FIREWALL_ELSE,  /* it is about another port, or another protocol */
    FIREWALL_MAYBE, /* about others too, or what its words don't tell */
    FIREWALL_NAMES  /* it names the port */
};
enum firewall_match firewall_match(const struct firewall_rule *r, enum net_kind kind,
                                   uint16_t port);
/* Whether a rule lets through what stays on this host: it accepts, and names lo. */
bool firewall_spares_loopback(const struct firewall_rule *r);

/* Whether there is any firewall in the calling thread's namespace: 1, 0, or a negative errno
 * (-EPERM: CAP_NET_ADMIN is needed to see). */
int firewall_exists(void);
/* Whether the older iptables has tables, which nft(8) doesn't list. */
bool firewall_is_old(void);
/* Runs the listing programs. 0; -ENOENT when none is installed; or another negative errno. */
int firewall_read(struct vec *ret);
