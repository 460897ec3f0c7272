/* The firewall of the calling thread's network namespace, read from the listings of nft(8) and
 * iptables-save(8) into net/firewall's values. Nothing is evaluated here.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "net/firewall.h"

/* Appends the chains and rules of a listing to *ret; any bytes. family: of the listing of
 * iptables-save or ip6tables-save. 0 or -ENOMEM. */
int firewall_parse_nft(const char *listing, size_t n, struct firewall *ret);
int firewall_parse_iptables(const char *listing, size_t n, enum firewall_family family,
                            struct firewall *ret);

/* Whether there is any firewall: 1, 0, or a negative errno (-EPERM: CAP_NET_ADMIN is needed to
 * see). */
int firewall_exists(void);
/* Whether the older iptables has tables, which nft(8) doesn't list. */
bool firewall_is_old(void);
/* Runs the listing programs. 0; -ENOENT when none is installed; or another negative errno. */
int firewall_read(struct firewall *ret);
