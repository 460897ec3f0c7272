#include "flow/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MOST_CHUNK = 1 << 18,
    FIRST_CHUNK = 1 << 16,
    LEAST_CHUNK = 1 << 14,
    TRICKLE = 16, /* that many steps of less in a row: it is bulk no more */
    SENDFILE_CHUNK = 1 << 24,
    GATHER_BYTES = 1000000, /* to be woken for: no multiple of what senders write at once */
    GATHER_FROM = 1 << 16,  /* so much in one go is bulk */
};
static const uint64_t gather_ns = 10000000;

static bool is_socket(enum stream_kind k)
{
    return k == STREAM_TCP || k == STREAM_SOCKET;
}

enum pump_means pump_choose(enum stream_kind from, enum stream_kind to, bool plain, bool looks)
{
    if (!plain || looks)
        return PUMP_COPY;
    if (from == STREAM_TCP && to == STREAM_NULL)
        return PUMP_DISCARD;
    if (from == STREAM_FILE && is_socket(to))
        return PUMP_SENDFILE;
    if (is_socket(from) && to == STREAM_PIPE)
        return PUMP_SPLICE;
    if (from == STREAM_PIPE && (is_socket(to) || to == STREAM_PIPE || to == STREAM_NULL))
        return PUMP_SPLICE;
    if (from == STREAM_FILE && to == STREAM_PIPE)
        return PUMP_SPLICE;
    return PUMP_COPY;
}

void pump_init(struct pump *p, struct stream *from, struct stream *to)
{
    *p = (struct pump){.from = from, .to = to, .left = UINT64_MAX, .chunk = FIRST_CHUNK};
}

static void clear_held(struct pump *p)
{
    free(p->held);
    p->held = NULL;
    p->held_n = p->held_at = 0;
}

/* What is still in it is lost. */
static void close_pipe(struct pump *p)
{
    if (!p->piped)
        return;
    close(p->pipe[0]);
    close(p->pipe[1]);
    p->piped = false;
    p->in_pipe = 0;
}

/* Nobody answers what goes there. */
static bool may_gather(const struct pump *p)
{
    return p->means == PUMP_DISCARD || (p->means == PUMP_PIPE && p->to->out_kind == STREAM_FILE);
}

/* To wake for each segment is most of what bulk costs its receiver, and on one's own machine also
 * the sender, who is stopped for it. SO_RCVLOWAT (socket(7)) alone would leave what is less than
 * that in the socket for as long as nothing more comes, so it is taken back as soon as the time is
 * over. */
static bool set_gathering(struct pump *p, bool on)
{
    int least = on ? GATHER_BYTES : 1;
    if (p->gathers != on && p->from->in >= 0 &&
        setsockopt(p->from->in, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least) == 0)
        p->gathers = on;
    return p->gathers;
}

void pump_clear(struct pump *p)
{
    set_gathering(p, false);
    clear_held(p);
    close_pipe(p);
}

static void choose(struct pump *p)
{
    p->chosen = true;
    p->means = pump_choose((enum stream_kind)p->from->in_kind, (enum stream_kind)p->to->out_kind,
                           stream_is_plain(p->from) && stream_is_plain(p->to) &&
                               !p->from->in_polls && !p->to->out_polls && !p->copies,
                           p->hooks != NULL);
    /* A pipe as large as may be: fcntl(2) F_SETPIPE_SZ, bounded by fs.pipe-max-size. */
    if (p->means == PUMP_SPLICE && p->from->in_kind == STREAM_PIPE)
        fcntl(p->from->in, F_SETPIPE_SZ, PUMP_SCRATCH);
    if (p->means == PUMP_SPLICE && p->to->out_kind == STREAM_PIPE)
        fcntl(p->to->out, F_SETPIPE_SZ, PUMP_SCRATCH);
}

/* Whether an error of the kernel's own means says that it can't move between these two (a file
 * opened to append, /dev/full, a file system without splice, a byte of urgent data that splice
 * doesn't get over), so that copying may go on. */
static bool is_unable(ssize_t error)
{
    return error == -EINVAL || error == -ENOSYS || error == -EOPNOTSUPP;
}

/* Held bytes */

static int hold(struct pump *p, const char *bytes, size_t n)
{
    p->held = malloc(n);
    if (!p->held)
        return -ENOMEM;
    memcpy(p->held, bytes, n);
    p->held_at = 0;
    p->held_n = (uint32_t)n;
    return 0;
}

int pump_put(struct pump *p, const void *bytes, size_t n)
{
    size_t old = p->held_n - p->held_at;
    if (n == 0)
        return 0;
    char *all = malloc(old + n);
    if (!all)
        return -ENOMEM;
    if (old)
        memcpy(all, p->held + p->held_at, old);
    memcpy(all + old, bytes, n);
    clear_held(p);
    p->held = all;
    p->held_n = (uint32_t)(old + n);
    return 0;
}

/* 1 when nothing is held any more, 0 when the writer is full, or a negative errno. */
static int write_held(struct pump *p)
{
    while (p->held) {
        ssize_t put = stream_write(p->to, p->held + p->held_at, p->held_n - p->held_at, false);
        if (put == -EAGAIN)
            return 0;
        if (put < 0) {
            p->failed_writing = true;
            return (int)put;
        }
        p->bytes += (uint64_t)put;
        p->held_at += (uint32_t)put;
        if (p->held_at == p->held_n)
            clear_held(p);
    }
    return 1;
}

/* A file that splice doesn't write to (opened to append): what is in the pipe is written. */
static int unpipe(struct pump *p)
{
    char bytes[4096];
    while (p->in_pipe) {
        ssize_t got = read(p->pipe[0], bytes, sizeof bytes);
        if (got <= 0 || pump_put(p, bytes, (size_t)got) < 0)
            return -ENOMEM;
        p->in_pipe -= (uint32_t)got;
    }
    close_pipe(p);
    p->no_pipe = true;
    p->means = PUMP_COPY;
    return write_held(p);
}

/* The same of the pipe. */
static int write_pipe(struct pump *p)
{
    while (p->in_pipe) {
        ssize_t put = splice(p->pipe[0], NULL, p->to->out, NULL, p->in_pipe,
                             SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EAGAIN) {
            p->to->can_write = false;
            return 0;
        }
        if (put < 0 && is_unable(-errno))
            return unpipe(p);
        if (put <= 0) {
            p->failed_writing = true;
            return put < 0 ? -errno : -EIO;
        }
        p->bytes += (uint64_t)put;
        p->in_pipe -= (uint32_t)put;
    }
    return 1;
}

/* One step of each means: how many bytes moved (for the budget), 0 at the end, -EAGAIN with the
 * flags saying what to wait for, or another negative errno. */

/* Bulk between two connections goes through a pipe, without being copied. Only while it is bulk: an
 * unprivileged user has 64 pipes of this size (pipe(7)). */
static void open_pipe(struct pump *p)
{
    bool takes = p->to->out_kind == STREAM_TCP || p->to->out_kind == STREAM_FILE;
    if (p->from->in_kind != STREAM_TCP || !takes || p->no_pipe || !stream_is_plain(p->from) ||
        !stream_is_plain(p->to))
        return;
    if (pipe2(p->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return;
    p->piped = true;
    if (fcntl(p->pipe[1], F_SETPIPE_SZ, PUMP_SCRATCH) < 0) {
        close_pipe(p);
        p->no_pipe = true;
        return;
    }
    p->means = PUMP_PIPE;
}

/* The writer took less than was read: read about so much next time, so that little has to be kept
 * and copied; and more again, when it takes all. */
static void adapt(struct pump *p, size_t got, size_t put)
{
    if (put < got) {
        p->chunk = put > LEAST_CHUNK ? (uint32_t)put : LEAST_CHUNK;
    } else if (got == p->chunk) {
        if (p->chunk == MOST_CHUNK || p->to->out_kind == STREAM_FILE)
            open_pipe(p);
        p->chunk = 2 * p->chunk < MOST_CHUNK ? 2 * p->chunk : MOST_CHUNK;
    }
}

static int through_hooks(struct pump_hook *h, const char **bytes, size_t *n)
{
    for (; h && *n > 0; h = h->next) {
        int result = h->pass(h, bytes, n);
        if (result < 0)
            return result;
    }
    return 0;
}

/* Writes what it can, holds the rest. How many bytes were written, or a negative errno. */
static ssize_t write_out(struct pump *p, const char *bytes, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t put = stream_write(p->to, bytes + done, n - done, false);
        if (put == -EAGAIN) {
            int result = hold(p, bytes + done, n - done);
            if (result < 0)
                return result;
            break;
        }
        if (put < 0) {
            p->failed_writing = true;
            return put;
        }
        done += (size_t)put;
        p->bytes += (uint64_t)put;
    }
    return (ssize_t)done;
}

/* Each hook hears of the end once, when those before it have brought out what they held back. */
static int end_hooks(struct pump *p)
{
    for (struct pump_hook *h = p->hooks; h; h = h->next) {
        const char *bytes = "";
        size_t n = 0;
        int result = h->pass(h, &bytes, &n);
        if (result == 0)
            result = through_hooks(h->next, &bytes, &n);
        if (result == 0)
            result = pump_put(p, bytes, n);
        if (result < 0)
            return result;
    }
    return 0;
}

/* A socket that gave less than there was room for is empty: what comes later is an edge of its own
 * (epoll(7)), so asking once more can be saved. Not where something else than data may have cut the
 * read short: the end, whose edge may be gone already, or urgent data. */
static bool is_empty_after(const struct stream *s, size_t got, size_t n)
{
    return got < n && s->in_kind == STREAM_TCP && stream_is_plain(s) && s->in_watch.active &&
           !s->hung_up;
}

static ssize_t step_copy(struct pump *p, char *scratch, size_t n)
{
    if (n > p->chunk)
        n = p->chunk;
    ssize_t got = stream_read(p->from, scratch, n);
    if (got < 0)
        return got;
    if (got == 0)
        return end_hooks(p);
    if (is_empty_after(p->from, (size_t)got, n))
        p->from->can_read = false;
    const char *bytes = scratch;
    size_t out_n = (size_t)got;
    int result = through_hooks(p->hooks, &bytes, &out_n);
    if (result < 0)
        return result;
    ssize_t put = write_out(p, bytes, out_n);
    if (put < 0)
        return put;
    if (!p->hooks && !p->copies)
        adapt(p, (size_t)got, (size_t)put);
    return got;
}

static ssize_t step_splice(struct pump *p, size_t n)
{
    if (n > PUMP_SCRATCH)
        n = PUMP_SCRATCH;
    ssize_t moved;
    do
        moved = splice(p->from->in, NULL, p->to->out, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (moved < 0 && errno == EINTR);
    if (moved >= 0) {
        p->stuck = false;
        return moved;
    }
    if (errno != EAGAIN)
        return -errno;
    stream_ask_ready(p->from, p->to);
    bool ready = p->from->can_read && p->to->can_write, again = p->stuck && ready;
    p->stuck = ready;
    return again ? -EOPNOTSUPP : -EAGAIN;
}

/* Into the pipe, which is empty. */
static ssize_t step_pipe(struct pump *p, size_t n)
{
    ssize_t moved;
    do
        moved = splice(p->from->in, NULL, p->pipe[1], NULL, n < PUMP_SCRATCH ? n : PUMP_SCRATCH,
                       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (moved < 0 && errno == EINTR);
    if (moved >= 0) {
        p->stuck = false;
        p->in_pipe = (uint32_t)moved;
        p->trickle = moved < LEAST_CHUNK ? p->trickle + 1 : 0;
        return moved;
    }
    if (errno != EAGAIN)
        return -errno;
    stream_ask_ready(p->from, p->to);
    bool again = p->stuck && p->from->can_read;
    p->stuck = p->from->can_read;
    return again ? -EOPNOTSUPP : -EAGAIN;
}

static ssize_t step_sendfile(struct pump *p, size_t n)
{
    if (n > SENDFILE_CHUNK)
        n = SENDFILE_CHUNK;
    ssize_t moved;
    do
        moved = sendfile(p->to->out, p->from->in, NULL, n);
    while (moved < 0 && errno == EINTR);
    if (moved >= 0)
        return moved;
    if (errno == EAGAIN)
        p->to->can_write = false;
    return -errno;
}

static ssize_t step_discard(struct pump *p, size_t n)
{
    ssize_t got;
    do
        got = recv(p->from->in, NULL, n, MSG_TRUNC | MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got >= 0)
        return got;
    if (errno == EAGAIN)
        p->from->can_read = false;
    return -errno;
}

/* Which side an error of the kernel's own means came from: the socket, but for EPIPE of a pipe and
 * EIO of a file. */
static bool is_of_writer(const struct pump *p, ssize_t error)
{
    if (p->means == PUMP_PIPE)
        return false; /* a step only reads */
    return is_socket((enum stream_kind)p->to->out_kind) ? error != -EIO : error == -EPIPE;
}

static ssize_t step_by_kernel(struct pump *p, size_t n)
{
    ssize_t moved = p->means == PUMP_SPLICE     ? step_splice(p, n)
                    : p->means == PUMP_SENDFILE ? step_sendfile(p, n)
                    : p->means == PUMP_PIPE     ? step_pipe(p, n)
                                                : step_discard(p, n);
    if (moved > 0)
        p->run += (uint64_t)moved;
    if (moved > 0 && p->means != PUMP_PIPE)
        p->bytes += (uint64_t)moved;
    else if (moved == 0)
        p->from->ended = p->means != PUMP_SPLICE && p->means != PUMP_PIPE;
    else if (moved != -EAGAIN)
        p->failed_writing = is_of_writer(p, moved);
    return moved;
}

static ssize_t stop_piping(struct pump *p, char *scratch, size_t n)
{
    set_gathering(p, false);
    close_pipe(p);
    p->trickle = 0;
    p->means = PUMP_COPY;
    p->chunk = FIRST_CHUNK;
    return step_copy(p, scratch, n);
}

static ssize_t step(struct pump *p, char *scratch, size_t n)
{
    if (p->means == PUMP_COPY)
        return step_copy(p, scratch, n);
    if (p->means == PUMP_PIPE && p->trickle >= TRICKLE)
        return stop_piping(p, scratch, n);
    ssize_t moved = step_by_kernel(p, n);
    if (moved == 0 && (p->means == PUMP_SPLICE || p->means == PUMP_PIPE))
        return step_copy(p, scratch, n); /* before urgent data a splice says 0, at the end a read */
    if (!is_unable(moved))
        return moved;
    p->no_pipe = true;
    p->failed_writing = false;
    return stop_piping(p, scratch, n);
}

/* Nothing more can be read now. -EAGAIN: it may be worth another try. */
static int wait_for_more(struct pump *p, uint64_t now_ns)
{
    uint64_t run = p->run;
    p->run = 0;
    if (p->gathers && run == 0 && now_ns < p->gather_ns)
        return PUMP_GATHERS;
    if (run >= GATHER_FROM && may_gather(p) && set_gathering(p, true)) {
        p->gather_ns = now_ns + gather_ns;
        return PUMP_GATHERS;
    }
    if (!p->gathers || set_gathering(p, false))
        return PUMP_WAITS;
    p->from->can_read = true;
    return -EAGAIN;
}

uint64_t pump_when(const struct pump *p, int turn)
{
    return turn == PUMP_RATED     ? rate_when(p->rate)
           : turn == PUMP_GATHERS ? p->gather_ns
                                  : UINT64_MAX;
}

int pump_run(struct pump *p, char *scratch, size_t budget, uint64_t now_ns)
{
    if (!p->chosen)
        choose(p);
    for (;;) {
        int result = write_held(p);
        if (result > 0)
            result = write_pipe(p);
        if (result < 0)
            return result;
        if (result == 0)
            return PUMP_WAITS;
        if (p->drained)
            return PUMP_ENDED;
        if (p->left == 0) {
            p->drained = true;
            set_gathering(p, false);
            result = end_hooks(p);
            if (result < 0)
                return result;
            continue;
        }
        if (budget == 0)
            return PUMP_MORE;
        if (!p->to->can_write)
            return PUMP_WAITS;
        if (!p->from->can_read) {
            result = wait_for_more(p, now_ns);
            if (result == -EAGAIN)
                continue;
            return result;
        }
        size_t n = p->left < budget ? (size_t)p->left : budget;
        if (p->rate)
            n = rate_allows(p->rate, n, now_ns);
        if (n == 0)
            return PUMP_RATED;
        if (p->copies)
            n = p->chunk;
        ssize_t moved = step(p, scratch, n);
        if (moved == -EAGAIN)
            continue; /* the flags say whether it's worth another try */
        if (moved < 0)
            return (int)moved;
        p->drained = moved == 0;
        budget -= (size_t)moved < budget ? (size_t)moved : budget;
        if (p->left != UINT64_MAX)
            p->left -= (uint64_t)moved < p->left ? (uint64_t)moved : p->left;
        if (p->rate)
            rate_take(p->rate, (size_t)moved, now_ns);
    }
}
