/* What a scan is asked: the words of the user as addresses and ports. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

struct command_words;

/* berth is no mass scanner. */
enum { SCAN_HOSTS_MAX = 64 };

struct scan_asked {
    struct vec hosts;   /* struct target, without a port */
    struct vec names;   /* struct scan_name, one a host */
    struct vec ports;   /* uint16_t, in the order of the words, each once */
    struct vec singles; /* bool, one a port: it was written by itself, not as one of a range */
};

struct scan_name {
    char text[256]; /* as it was written */
};

struct scan_how {
    int family; /* AF_UNSPEC: whatever there is */
    bool udp;
    bool all_addresses; /* of a name, not its first alone */
};

/* "HOST[,HOST…]", and words of "PORT[,PORT…]". 0, or an exit status after a message; a name that
 * isn't found is told and is no mistake: then *ret has fewer hosts. *ret is always to be cleared.
 */
int scan_ask(const struct scan_how *how, const struct command_words *words, struct scan_asked *ret);
void scan_asked_clear(struct scan_asked *a);
