/* A firewall's rules as values: chains, where each hangs, and the rules of each in their order, as
 * nft(8) or iptables-save(8) print them.
 *
 * src/kernel reads them; src/predict says which of them a packet may meet. Words are found here for
 * both of them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

struct buf;

enum { FIREWALL_NAME_SIZE = 64 };

/* Where packets meet a chain: man 8 nft, "Address families". */
enum firewall_hook {
    FIREWALL_NOWHERE, /* only by a jump from another chain */
    FIREWALL_INGRESS,
    FIREWALL_PREROUTING,
    FIREWALL_INPUT,
    FIREWALL_FORWARD,
    FIREWALL_OUTPUT,
    FIREWALL_POSTROUTING,
    FIREWALL_EGRESS
};

enum firewall_family {
    FIREWALL_NO_FAMILY,
    FIREWALL_INET, /* IPv4 and IPv6 */
    FIREWALL_IP,
    FIREWALL_IP6,
    FIREWALL_ARP,
    FIREWALL_BRIDGE,
    FIREWALL_NETDEV,
    FIREWALL_FAMILIES
};

struct firewall_chain {
    unsigned listing; /* that it is of: the older iptables' tables are others of the same names */
    char table[FIREWALL_NAME_SIZE], name[FIREWALL_NAME_SIZE];
    enum firewall_family family;
    enum firewall_hook hook;
    bool translates;   /* of type nat */
    bool drops;        /* by its policy */
    char devices[128]; /* words among which those of an ingress or egress chain stand */
    size_t first, n;   /* its rules, among those of the firewall */
};

struct firewall_rule {
    size_t chain;
    size_t place; /* in the listing */
    char *text;   /* owned */
    bool cut;     /* the text isn't whole */
};

/* A named set: "@blocked" in a rule of its table. */
struct firewall_set {
    unsigned listing;
    char table[FIREWALL_NAME_SIZE], name[FIREWALL_NAME_SIZE];
    enum firewall_family family;
    char *elements; /* owned: "22, 80-90"; NULL: none */
    bool cut;       /* there are more */
};

struct firewall {
    unsigned n_listings;
    struct vec sets;   /* struct firewall_set */
    struct vec chains; /* struct firewall_chain */
    struct vec rules;  /* struct firewall_rule, by chain, in the order in which they are met */
    bool untracks;     /* some rule takes packets out of connection tracking */
};

#define FIREWALL_INIT                                                                     \
    {                                                                                     \
        .sets = VEC_INIT(struct firewall_set), .chains = VEC_INIT(struct firewall_chain), \
        .rules = VEC_INIT(struct firewall_rule)                                           \
    }
void firewall_free(struct firewall *f);

/* The chain of this name in the table that `of` is in; NULL: there is none. */
const struct firewall_chain *firewall_find_chain(const struct firewall *f,
                                                 const struct firewall_chain *of, const char *name,
                                                 size_t n);
/* Its set of this name; NULL: there is none. */
const struct firewall_set *firewall_find_set(const struct firewall *f,
                                             const struct firewall_chain *of, const char *name,
                                             size_t n);
/* "inet filter input". */
void firewall_format_place(struct buf *out, const struct firewall_chain *c);

/* Words of a rule: slices of its text. A quoted text is one, without its quotes; braces, brackets,
 * commas, semicolons and bars are each one. */
struct firewall_word {
    const char *at;
    size_t n;
    bool quoted;
};
/* The next one at *text, which moves behind it; false at the end. */
bool firewall_next_word(const char **text, struct firewall_word *ret);
bool firewall_word_is(const struct firewall_word *w, const char *text); /* never a quoted one */
