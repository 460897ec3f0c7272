/* Network addresses as values: text to address, address to text, prefixes, and what an address is.
 *
 * Knows the written forms of IPv4 and IPv6 (RFC 4291, RFC 5952) and the special ranges (RFC 6890).
 * Asks nobody: names are the business of src/names, interfaces of src/kernel.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct buf;

struct net_addr {
    uint8_t family;    /* AF_INET, AF_INET6; AF_UNSPEC: no address */
    uint8_t bytes[16]; /* network order; IPv4 in the first 4, the rest zero */
    uint32_t scope;    /* IPv6 scope id (interface index), 0: none */
};

struct net_prefix {
    struct net_addr addr;
    uint8_t len; /* bits */
};

/* "192.0.2.7", "::1", "[::1]", "fe80::1%3" (numeric scope; a device's name is left to the caller:
 * *ret_device points behind the %, or is NULL; ret_device may be NULL, then a name is -EINVAL).
 * 0 or -EINVAL. */
int net_addr_parse(const char *text, struct net_addr *ret, const char **ret_device);
/* "10.0.0.0/8", "fe80::/10", or a bare address (its whole length). */
int net_prefix_parse(const char *text, struct net_prefix *ret);

/* RFC 5952; mapped IPv4 as ::ffff:192.0.2.7; no scope, no brackets. */
void net_addr_format(struct buf *out, const struct net_addr *a);

size_t net_addr_length(const struct net_addr *a);                        /* 4, 16, or 0 */
bool net_addr_equal(const struct net_addr *a, const struct net_addr *b); /* scope included */
int net_addr_compare(const struct net_addr *a, const struct net_addr *b);
bool net_addr_is_wildcard(const struct net_addr *a);   /* 0.0.0.0, ::, ::ffff:0.0.0.0, or none */
bool net_addr_is_loopback(const struct net_addr *a);   /* 127/8, ::1, mapped 127/8 */
bool net_addr_is_link_local(const struct net_addr *a); /* 169.254/16, fe80::/10 */
bool net_addr_is_multicast(const struct net_addr *a);
bool net_addr_is_mapped(const struct net_addr *a); /* ::ffff:0:0/96 */
/* The IPv4 address inside a mapped one; any other address unchanged. */
struct net_addr net_addr_unmap(const struct net_addr *a);
/* A mapped address matches an IPv4 prefix too. */
bool net_prefix_contains(const struct net_prefix *p, const struct net_addr *a);

/* From the kernel's bytes: family decides how many are read. */
struct net_addr net_addr_from_bytes(int family, const void *bytes);
