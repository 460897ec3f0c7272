/* Where `berth serve` listens: its endpoint opened, and told with who can reach it. */
#pragma once
#include <stdbool.h>

#include "base/vec.h"

struct buf;

struct serve_where {
    const char *endpoint; /* as the user wrote it */
    unsigned n_threads;
    bool secure; /* https; set by serve_open where the endpoint says so */
};

struct serve_place {
    int fd; /* -1: handed over */
    unsigned thread;
};

struct serve_places {
    struct vec listeners; /* struct listener: the addresses */
    struct vec places;    /* struct serve_place: the sockets, as many of an address as threads */
};

/* Opens the endpoint. 0, or an exit status after a message; *ret is to be closed in any case. */
int serve_open(struct serve_where *w, struct serve_places *ret);
/* Closes what wasn't handed over, and removes the paths. */
void serve_close(struct serve_places *p);
/* The addresses that it listens on, each as a text in *texts, pointed to by *ret (const char *):
 * what a certificate made on the spot has to name. 0 or -ENOMEM. */
int serve_addresses(const struct serve_places *p, struct vec *ret, struct buf *texts);
/* A line an address on standard error, with its URL and who can reach it; quiet: none. True: others
 * than this machine can. */
bool serve_tell(const struct serve_where *w, const struct serve_places *p, bool quiet);
