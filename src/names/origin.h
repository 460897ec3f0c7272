/* Which entry of nsswitch.conf(5) and hosts(5) an address of a name came from: the texts of the two
 * files, read as the GNU C library reads them. Pure; they explain, nothing is looked up by them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "net/addr.h"

enum { ORIGIN_SOURCES = 16 };

/* The sources that are asked for hosts, in their order; actions like [NOTFOUND=return] are left
 * out. */
struct origin_sources {
    char names[ORIGIN_SOURCES][32];
    size_t n;
    char line[512];  /* as it stands there, with its actions; "" too long to be kept */
    bool configured; /* false: the text has no such line, these are the C library's own */
};

void origin_parse_nsswitch(const char *text, size_t n, struct origin_sources *ret);

/* The first line after line `after` (from 1; 0: the whole file) of a hosts file that gives the name
 * this address; 0: there is none. Names are the same in any case. ::1 counts for 127.0.0.1 too
 * where only IPv4 was asked for: the C library turns it into that. */
unsigned origin_find_host(const char *text, size_t n, const char *name, const struct net_addr *a,
                          bool only_ipv4, unsigned after);
