/* The order of destination addresses, as RFC 6724 section 6 has it and the GNU C library applies
 * it.
 *
 * Pure: facts of two candidates and the tables give the rule that decides, and which way. It only
 * explains: the order itself is what getaddrinfo returns. Where the C library departs from the RFC,
 * its ways are followed (rule 9 for IPv4 looks inside one subnet only; loopback has link-local
 * scope), and since rule 9 compares within one family only, a comparison may run in a circle: ask
 * about neighbours of the result, not about any two of it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

struct buf;

enum { RFC6724_ROWS = 64 };

struct rfc6724_row {
    struct net_prefix prefix; /* IPv6; IPv4 as ::ffff:0:0/96 and longer */
    int value;
};

/* One of the tables; the longest prefix that matches counts. */
struct rfc6724_table {
    struct rfc6724_row rows[RFC6724_ROWS];
    size_t n;
    bool configured; /* gai.conf(5) has it; else the C library's own */
};

struct rfc6724_tables {
    struct rfc6724_table labels, precedences, scopes; /* scopes are of IPv4 addresses */
};

void rfc6724_defaults(struct rfc6724_tables *ret);
/* Reads the text of a gai.conf(5) over the defaults: a table of which it has one line is replaced
 * whole, as the C library does. Lines that are none are passed over. */
void rfc6724_configure(struct rfc6724_tables *t, const char *text, size_t n);

int rfc6724_label(const struct rfc6724_tables *t, const struct net_addr *a);
int rfc6724_precedence(const struct rfc6724_tables *t, const struct net_addr *a);
/* 2 link-local, 5 site-local, 14 global; of a multicast address its own. */
int rfc6724_scope(const struct rfc6724_tables *t, const struct net_addr *a);

struct rfc6724_candidate {
    struct net_addr addr;
    bool reachable;            /* there is a source address to it */
    struct net_addr source;    /* what the kernel would send from */
    uint8_t source_prefix_len; /* of the interface's address; 0 unknown */
    bool source_deprecated, source_home, source_tunnelled;
};

enum rfc6724_rule {
    RFC6724_UNUSABLE = 1, /* avoid unusable destinations */
    RFC6724_SCOPE,        /* prefer matching scope */
    RFC6724_DEPRECATED,   /* avoid deprecated addresses */
    RFC6724_HOME,         /* prefer home addresses */
    RFC6724_LABEL,        /* prefer matching label */
    RFC6724_PRECEDENCE,   /* prefer higher precedence */
    RFC6724_NATIVE,       /* prefer native transport */
    RFC6724_SMALLER,      /* prefer smaller scope */
    RFC6724_PREFIX,       /* use the longest matching prefix */
    RFC6724_UNCHANGED,    /* leave the order unchanged */
    RFC6724_RULES
};

/* The first rule that tells a from b. *ret_order: negative, a comes first; positive, b does; 0 with
 * RFC6724_UNCHANGED. */
enum rfc6724_rule rfc6724_compare(const struct rfc6724_tables *t, const struct rfc6724_candidate *a,
                                  const struct rfc6724_candidate *b, int *ret_order);
/* The RFC's own words: "prefer higher precedence". */
const char *rfc6724_rule_name(enum rfc6724_rule r);
/* What of a and b made the rule decide so, a being first: "precedence 50 before 10 of gai.conf". */
void rfc6724_describe(struct buf *out, const struct rfc6724_tables *t, enum rfc6724_rule r,
                      const struct rfc6724_candidate *a, const struct rfc6724_candidate *b);
