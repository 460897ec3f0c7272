/* What a word of `berth services` asks for: a port, a range of ports or a name; behind a slash the
 * protocol ("80/tcp", "domain/udp"), as services(5) writes it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct vec;

struct services_asked {
    const char *word;     /* as it was written */
    const char *protocol; /* within the word; NULL: any */
    char name[256];       /* what stands before the slash; a longer one is cut, and nobody's */
    bool number;          /* the ports from first to last, not a name */
    uint16_t first, last;
};

/* 0, or EXIT_USAGE when it was told what is wrong. word has to outlive *ret. */
int services_ask(const char *word, struct services_asked *ret);

/* Adds what the database has to *ret (struct service). 0; -ENOENT: nothing; another errno. */
int services_find(const struct services_asked *a, struct vec *ret);

/* Says that there was nothing, and what was probably meant. */
void services_tell_none(const struct services_asked *a);
