#include "base/out.h"

#include <errno.h>

#include "base/fd.h"

/* A row larger than this is no row of ours. */
enum { OUT_CEILING = 64 << 20 };

void out_init(struct out *o, int fd)
{
    *o = (struct out){.fd = fd, .buf = BUF_INIT(OUT_CEILING)};
}

void out_clear(struct out *o)
{
    buf_free(&o->buf);
}

int out_flush(struct out *o)
{
    if (!o->error && o->buf.failed)
        o->error = -ENOMEM;
    if (!o->error)
        o->error = fd_write_all(o->fd, o->buf.data, o->buf.len);
    buf_clear(&o->buf);
    return o->error;
}

int out_flush_if_full(struct out *o)
{
    return o->buf.len < OUT_FLUSH_AT && !o->buf.failed ? o->error : out_flush(o);
}
