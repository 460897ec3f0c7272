/* Forwarding rules: ports of this host that the firewall hands to another address, as container
 * runtimes publish them. Nobody listens there, and connections are answered all the same.
 *
 * Read from the listings of iptables-save(8) and nft(8), where installed and permitted: the rules'
 * conditions (interface, source) are not evaluated, so a rule is what *may* take a connection.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct vec;

struct kernel_forward {
    char protocol[8]; /* "tcp", "udp"; "" any */
    uint16_t first, last;
    char target[64]; /* "172.17.0.2:80", ":8080" for a redirect to this host, as the rule has it */
    char rule[256];  /* the rule, cut at its end */
};

/* Whether two hand the same ports on to the same place: a rule may be listed by several programs,
 * and for those who come as for those who are here. */
bool forwards_are_same(const struct kernel_forward *a, const struct kernel_forward *b);

/* Appends the rules of a listing to *ret (struct kernel_forward), one for each port or range that a
 * rule's set or map has; a rule without ports has those of the jumps and verdict maps that lead to
 * its chain. Any bytes; lines that are no forwarding rule are passed over, and so are rules for all
 * that comes to this host. Sets *ret_unread if there is a rule whose ports can't be told, and
 * leaves it alone otherwise. 0 or -ENOMEM. */
int forwards_parse(const char *listing, size_t n, struct vec *ret, bool *ret_unread);

/* Runs the listing programs. 0; -ENOENT when none is installed; -EPERM, or another negative errno,
 * when none gave its rules. */
int forwards_read(struct vec *ret, bool *ret_unread);
