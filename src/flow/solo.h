/* A conversation of one: what the peer says goes back to it (echo), or into a sink that all share
 * (discard).
 */
#pragma once
#include <stdint.h>

#include "flow/pair.h"

struct solo {
    struct stream s;
    struct pump pump;
    struct stream *sink;           /* where it all goes, never closed; NULL: back */
    uint64_t idle_ns, lifetime_ns; /* 0: no limit */

    enum pair_why why; /* the peer is side A */
    int error;         /* positive errno */
    uint64_t started_ns, moved_ns;
    /* Called once, when it is over and the stream closed; the owner may free it there. */
    void (*over)(struct loop *l, struct solo *c);

    /* of solo.c */
    char *scratch;
    struct loop_turn turn;
    struct loop_timer timer;
};

/* *c stays where it is. The caller sets the stream, limits, rate and `over` between init and
 * start. */
void solo_init(struct solo *c, struct stream *sink);
/* scratch: PUMP_SCRATCH bytes. 0 or a negative errno: then the stream is the caller's to close, and
 * `over` isn't called. */
int solo_start(struct loop *l, struct solo *c, char *scratch);
void solo_stop(struct loop *l, struct solo *c);
