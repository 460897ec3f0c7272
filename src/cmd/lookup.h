/* What an endpoint stands for, found while the loop goes on.
 *
 * The C library may hang for as long as a name server likes, so a thread of its own asks it. Nobody
 * waits for one that hangs longer than its owner wants to: it is left behind with what it works on,
 * and holds nothing up, not even exit(3).
 */
#pragma once
#include "base/err.h"
#include "base/vec.h"
#include "cmd/targets.h"
#include "flow/loop.h"

struct lookup_job;

struct lookup {
    /* Set by the owner. Called once, from the loop: error.code 0, and targets are the owner's to
     * take, there; or what went wrong. It may start the next one there. */
    void (*done)(struct loop *l, struct lookup *k);
    struct vec targets; /* struct target */
    struct err error;

    /* of lookup.c */
    struct lookup_job *job;
    struct loop_watch watch;
    struct loop_timer deadline;
    struct loop_turn turn;
};

/* As targets_find. What needs no asking is found at once, though told later; a name is asked for
 * until the deadline (time_monotonic_ns; 0: as long as it takes). *q's endpoint is copied, the text
 * that it points to isn't. 0, or a negative errno: then `done` isn't called. */
int lookup_start(struct loop *l, struct lookup *k, const struct targets_question *q,
                 uint64_t deadline_ns);
/* `done` isn't called any more. A zeroed one, or one that is done, is dropped already. */
void lookup_drop(struct loop *l, struct lookup *k);
