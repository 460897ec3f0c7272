/* berth connect --progress: a line on the terminal behind stderr, twice a second.
 */
#pragma once
#include "flow/pair.h"

struct progress {
    const struct pair *pair;
    uint64_t size; /* of what is sent; 0: not known */
    uint64_t began_ns, last_ns, last_bytes;
    double rate; /* bytes a second, smoothed */
    struct loop_timer timer;
    bool shown;
};

/* Nothing happens where stderr is no terminal. input: what is sent, whose size counts if it is a
 * plain file. */
void progress_start(struct loop *l, struct progress *p, const struct pair *pair, int input);
/* Leaves the last line standing. */
void progress_stop(struct loop *l, struct progress *p);

/* Parts of it. "12.3 MiB". */
struct buf;
void progress_put_bytes(struct buf *out, double bytes);
void progress_put_line(struct buf *out, const struct progress *p, uint64_t sent, uint64_t received,
                       uint64_t now_ns);
