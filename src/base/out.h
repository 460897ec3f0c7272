/* A buffered writer to one descriptor, with the first failure kept.
 *
 * Writers append to `buf` and call out_flush_if_full between rows. The last out_flush is the one
 * whose result decides the exit status: a full disk is an error, a reader that went away (EPIPE)
 * is a reason to stop quietly.
 */
#pragma once
#include <stdbool.h>

#include "base/buf.h"

enum { OUT_FLUSH_AT = 1 << 16 };

struct out {
    int fd;
    struct buf buf;
    int error; /* 0, or the negative errno of the first failed write; nothing is written after it */
};

#define _cleanup_out_ __attribute__((cleanup(out_clear)))

void out_init(struct out *o, int fd);
void out_clear(struct out *o); /* releases the buffer, unwritten bytes are lost; fd stays open */
int out_flush(struct out *o);  /* 0, or the negative errno of the first failure ever */
int out_flush_if_full(struct out *o);
