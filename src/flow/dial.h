/* Connects to the first of several addresses that answers: Happy Eyeballs, RFC 8305.
 *
 * The addresses come in the resolver's order; families take turns in it. Each gets a head start of
 * 250 ms before the next is tried beside it, none when it fails at once. The first connection that
 * is made wins, the others are dropped. What became of each attempt stays to be told.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "flow/loop.h"
#include "flow/open.h"

enum { DIAL_HEAD_START_MS = 250 };

enum dial_state {
    DIAL_LEFT, /* never tried: another was connected before, or the time was over */
    DIAL_TRIES,
    DIAL_CONNECTED, /* with `all` there may be several; `winner` is the one */
    DIAL_FAILED,
    DIAL_DROPPED /* another was faster */
};

struct dial_attempt {
    const struct target *target;
    enum dial_state state;
    struct err error; /* of DIAL_FAILED */
    uint64_t started_ns, ended_ns;
    /* of dial.c */
    struct dial *dial;
    struct loop_watch watch;
    struct loop_timer again; /* for a UNIX listener whose queue is full */
    int fd;
};

struct dial {
    /* Set by the owner between init and start. */
    const struct sockopt_set *options; /* NULL: none */
    const struct target *sources;      /* to bind to, by family; NULL: the kernel's choice */
    size_t n_sources;
    uint64_t deadline_ns; /* all attempts fail with ETIMEDOUT then; 0: the kernel's patience */
    void *owner;          /* the owner's own; unused here */
    bool all;             /* each attempt goes to its end, and the dial with the last of them */
    /* Called once, from the loop; the owner may clear the dial there. */
    void (*done)(struct loop *l, struct dial *d);

    struct dial_attempt *attempts; /* in the order in which they are tried */
    size_t n;
    struct dial_attempt *winner; /* NULL: all have failed */
    /* of dial.c */
    size_t next; /* the attempt to begin with next */
    struct loop_timer head_start, deadline;
    struct loop_turn turn;
};

/* The targets stay the caller's and outlive the dial; n must not be 0. *d stays where it is. 0 or
 * -ENOMEM. */
int dial_init(struct dial *d, const struct target *targets, size_t n);
/* 0, or -ENOMEM: then `done` isn't called. */
int dial_start(struct loop *l, struct dial *d);
/* The connection's descriptor, which is the caller's then; -1 without a winner. */
int dial_take(struct dial *d);
/* Drops what is under way; `done` isn't called any more. A zeroed dial is cleared already. */
void dial_clear(struct loop *l, struct dial *d);
