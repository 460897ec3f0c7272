#include "flow/http_connection_send.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "flow/http_connection.h"
#include "flow/http_site.h"
#include "flow/http_worker.h"

enum {
    FILE_BYTES = 1 << 20, /* of a file, in one turn */
    OUT_KEPT = 1 << 18,   /* of the worker's buffer, between events */
};

void http_connection_arm(struct http_connection *c, uint64_t delay_ns)
{
    struct loop *l = c->worker->loop;
    c->deadline_ns = l->now_ns + delay_ns;
    /* A timer that comes too early looks at the deadline, and goes on. */
    if (c->timer.place == 0 || c->timer.at_ns > c->deadline_ns)
        loop_timer_set(l, &c->timer, c->deadline_ns);
}

/* Sends from the worker's buffer; *ret_at: how much went. */
static int send_out(struct http_connection *c, const struct buf *out, size_t *ret_at)
{
    while (*ret_at < out->len && c->stream.can_write && c->held.len == c->held_at) {
        ssize_t n = stream_write(&c->stream, out->data + *ret_at, out->len - *ret_at,
                                 c->answer.file != NULL);
        if (n < 0)
            return n == -EAGAIN ? 0 : (int)n;
        *ret_at += (size_t)n;
    }
    return 0;
}

int http_connection_flush(struct http_connection *c)
{
    struct buf *out = &c->worker->out;
    size_t at = 0;
    int r = out->failed ? -ENOMEM : send_out(c, out, &at);
    if (r == 0 && at < out->len) {
        buf_add(&c->held, out->data + at, out->len - at);
        c->phase = HTTP_PHASE_ANSWER;
        r = c->held.failed ? -ENOMEM : 0;
    }
    buf_clear(out);
    if (out->cap > OUT_KEPT)
        buf_free(out);
    return r;
}

static int send_held(struct http_connection *c)
{
    while (c->held_at < c->held.len) {
        ssize_t n = stream_write(&c->stream, c->held.data + c->held_at, c->held.len - c->held_at,
                                 c->answer.file != NULL);
        if (n < 0)
            return (int)n;
        c->held_at += (size_t)n;
    }
    buf_free(&c->held);
    c->held_at = 0;
    return 0;
}

/* A piece of the file, by the kernel where it may. How much; 0: the file has become shorter. */
static ssize_t send_piece(struct http_connection *c, size_t n)
{
    struct http_answer *a = &c->answer;
    if (stream_is_plain(&c->stream)) {
        off_t at = (off_t)a->at;
        ssize_t sent = sendfile(c->stream.out, a->file->fd, &at, n);
        if (sent >= 0)
            return sent;
        if (errno == EAGAIN)
            c->stream.can_write = false;
        if (errno != EINVAL && errno != ENOSYS)
            return -errno;
    }
    /* Above TLS, or of a file system that can't (sendfile(2)). */
    n = n < HTTP_SCRATCH ? n : HTTP_SCRATCH;
    ssize_t got = pread(a->file->fd, c->worker->scratch, n, (off_t)a->at);
    if (got <= 0)
        return got < 0 ? -errno : 0;
    return stream_write(&c->stream, c->worker->scratch, (size_t)got, a->at + (size_t)got < a->end);
}

/* 1: all of this part is sent; 0: its turn is over. */
static int send_file(struct http_connection *c)
{
    struct http_answer *a = &c->answer;
    size_t budget = FILE_BYTES;
    while (a->at < a->end && budget > 0) {
        size_t n = a->end - a->at < budget ? (size_t)(a->end - a->at) : budget;
        ssize_t sent = send_piece(c, n);
        if (sent == -EINTR)
            continue;
        if (sent <= 0) /* what was promised can't be kept: the client sees it by the end */
            return sent < 0 ? (int)sent : -EIO;
        a->at += (uint64_t)sent;
        c->log_bytes += (uint64_t)sent;
        budget -= (size_t)sent;
        http_connection_arm(c, c->worker->site->idle_timeout_ns);
    }
    return a->at == a->end;
}

static int next_part(struct http_connection *c)
{
    struct http_range r;
    c->held.max = HTTP_HELD_MAX;
    if (http_parts_next(c->answer.parts, &c->held, &r)) {
        c->answer.at = r.first;
        c->answer.end = r.last + 1;
    } else {
        free(c->answer.parts);
        c->answer.parts = NULL;
    }
    return c->held.failed ? -ENOMEM : 0;
}

int http_connection_push(struct http_connection *c)
{
    for (;;) {
        int r = send_held(c);
        if (r == 0 && c->answer.file) {
            r = send_file(c);
            if (r <= 0)
                return r;
        }
        if (r < 0 || !c->answer.parts)
            return r < 0 ? r : 1;
        r = next_part(c);
        if (r < 0)
            return r;
    }
}
