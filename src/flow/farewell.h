/* The end of a connection, so that the last words arrive.
 *
 * A close while the peer still sends is answered by a reset, which can take from the peer what it
 * hasn't read yet (RFC 2525, 2.17; RFC 1122, 4.2.2.13). So: write what is left, tell the peer that
 * this was all, read and drop what it still sends until it ends too, or for a short while only.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "flow/loop.h"

struct farewell {
    /* Called once; the descriptor is closed. error: 0, or the positive errno of a failed write, or
     * ETIMEDOUT where the peer didn't take it. The owner may free it there. */
    void (*over)(struct loop *l, struct farewell *f, int error);
    uint64_t bytes_in, bytes_out; /* dropped, written */

    /* of farewell.c */
    int fd;
    struct loop_watch watch;
    struct loop_timer timer;
    char *held;
    size_t held_at, held_n;
};

enum { FAREWELL_WRITE_MS = 30000, FAREWELL_LINGER_MS = 2000 };

/* Takes fd over; n bytes, which may be 0, are written first. `over` may be called before this
 * returns. */
void farewell_start(struct loop *l, struct farewell *f, int fd, const void *bytes, size_t n);
/* Closes it as it is; `over` isn't called. Nothing for a zeroed one, or one that is over. */
void farewell_drop(struct loop *l, struct farewell *f);
