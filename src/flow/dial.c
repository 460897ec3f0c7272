#include "flow/dial.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/time.h"

enum { NS_PER_MS = 1000000, QUEUE_FULL_MS = 20 };

/* Order */

static const struct target *next_of_family(const struct target *targets, size_t n, size_t *at,
                                           int family, bool same)
{
    while (*at < n && (targets[*at].family == family) != same)
        ++*at;
    return *at < n ? &targets[(*at)++] : NULL;
}

/* RFC 8305, 4: the families take turns, the first address's begins. */
static void interleave(struct dial *d, const struct target *targets)
{
    size_t at[2] = {0, 0};
    for (size_t i = 0; i < d->n; i++) {
        bool first = i % 2 == 0;
        const struct target *t =
            next_of_family(targets, d->n, &at[first], targets[0].family, first);
        if (!t)
            t = next_of_family(targets, d->n, &at[!first], targets[0].family, !first);
        d->attempts[i] = (struct dial_attempt){.target = t, .dial = d, .fd = -1};
    }
}

int dial_init(struct dial *d, const struct target *targets, size_t n)
{
    *d = (struct dial){.n = n, .attempts = calloc(n, sizeof *d->attempts)};
    if (!d->attempts)
        return -ENOMEM;
    interleave(d, targets);
    return 0;
}

/* The end */

static void stop_attempt(struct loop *l, struct dial_attempt *a)
{
    loop_watch_stop(l, &a->watch);
    loop_timer_stop(l, &a->again);
    fd_close(&a->fd);
}

static void stop_dial(struct loop *l, struct dial *d)
{
    loop_timer_stop(l, &d->head_start);
    loop_timer_stop(l, &d->deadline);
    loop_turn_stop(l, &d->turn);
}

static void finish(struct loop *l, struct dial *d)
{
    stop_dial(l, d);
    for (size_t i = 0; i < d->n; i++) {
        struct dial_attempt *a = &d->attempts[i];
        if (a == d->winner)
            continue;
        stop_attempt(l, a);
        if (a->state == DIAL_TRIES) {
            a->state = DIAL_DROPPED;
            a->ended_ns = time_monotonic_ns();
        }
    }
    d->done(l, d);
}

static bool is_over(const struct dial *d)
{
    if (d->winner && !d->all)
        return true;
    for (size_t i = 0; i < d->n; i++)
        if (d->attempts[i].state == DIAL_TRIES)
            return false;
    return d->next == d->n;
}

/* What is to be done next is found in a turn of its own, never inside an attempt's callback. */
static void wake(struct loop *l, struct dial *d)
{
    loop_turn_add(l, &d->turn);
}

/* Attempts */

static void fail(struct loop *l, struct dial_attempt *a, int error)
{
    _cleanup_buf_ struct buf name = BUF_INIT(512);
    const char *hint = open_connect_hint(a->target, error);
    target_format(&name, &a->target->address, a->target->address_n);
    err_set(&a->error, error, "connect to", buf_cstr(&name), hint ? "%s" : NULL, hint);
    stop_attempt(l, a);
    a->state = DIAL_FAILED;
    a->ended_ns = time_monotonic_ns();
    wake(l, a->dial);
}

static void fail_with(struct loop *l, struct dial_attempt *a, const struct err *e)
{
    struct err kept = *e;
    fail(l, a, e->code);
    a->error = kept;
}

static void connected(struct loop *l, struct dial_attempt *a)
{
    struct err e;
    loop_watch_stop(l, &a->watch);
    if (a->dial->options && open_connected_options(a->fd, a->target, a->dial->options, &e) < 0) {
        fail_with(l, a, &e);
        return;
    }
    a->state = DIAL_CONNECTED;
    a->ended_ns = time_monotonic_ns();
    if (!a->dial->winner)
        a->dial->winner = a;
    wake(l, a->dial);
}

static void writable(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct dial_attempt *a =
        (struct dial_attempt *)((char *)w - offsetof(struct dial_attempt, watch));
    int error = open_connected(a->fd);
    if (error < 0)
        fail(l, a, -error);
    else if (events & EPOLLOUT)
        connected(l, a);
}

static const struct target *source_for(const struct dial *d, int family)
{
    for (size_t i = 0; i < d->n_sources; i++)
        if (d->sources[i].family == family)
            return &d->sources[i];
    return NULL;
}

static void try(struct loop *l, struct dial_attempt *a);

static void try_again(struct loop *l, struct loop_timer *t)
{
    try(l, (struct dial_attempt *)((char *)t - offsetof(struct dial_attempt, again)));
}

/* The descriptor, or a negative errno with the attempt's error filled. */
static int open_attempt(struct dial_attempt *a, bool *ret_done)
{
    const struct dial *d = a->dial;
    struct open_connect how = {.options = d->options, .source = source_for(d, a->target->family)};
    if (d->n_sources && !how.source)
        return err_set(&a->error, EAFNOSUPPORT, "connect to", "",
                       "the source address is of another family");
    return open_connection(a->target, &how, ret_done, &a->error);
}

static void try(struct loop *l, struct dial_attempt *a)
{
    bool done = false;
    a->fd = open_attempt(a, &done);
    if (a->fd == -EAGAIN && a->target->family == AF_UNIX) {
        /* unix(7): its queue is full, and there is nothing to wait for but time. */
        a->again.fire = try_again;
        if (loop_timer_after(l, &a->again, (uint64_t)QUEUE_FULL_MS * NS_PER_MS) == 0) {
            a->fd = -1;
            return;
        }
    }
    if (a->fd >= 0 && done) {
        connected(l, a);
        return;
    }
    if (a->fd >= 0) {
        a->watch.ready = writable;
        int result = loop_watch_start(l, &a->watch, a->fd, EPOLLOUT);
        if (result == 0)
            return;
        err_set(&a->error, -result, "watch", "", NULL);
    }
    a->fd = a->fd < 0 ? -1 : a->fd;
    fail_with(l, a, &a->error);
}

/* The dial */

static void begin_next(struct loop *l, struct dial *d)
{
    struct dial_attempt *a = &d->attempts[d->next++];
    a->state = DIAL_TRIES;
    a->started_ns = time_monotonic_ns();
    try(l, a);
    if (a->state == DIAL_TRIES && d->next < d->n &&
        loop_timer_after(l, &d->head_start, (uint64_t)DIAL_HEAD_START_MS * NS_PER_MS) < 0)
        wake(l, d); /* without memory: no head start */
}

static void run(struct loop *l, struct loop_turn *t)
{
    struct dial *d = (struct dial *)((char *)t - offsetof(struct dial, turn));
    if (is_over(d)) {
        finish(l, d);
        return;
    }
    bool previous_ended = d->next == 0 || d->attempts[d->next - 1].state != DIAL_TRIES;
    if (d->next < d->n && (previous_ended || !d->head_start.place))
        begin_next(l, d);
}

static void head_start_over(struct loop *l, struct loop_timer *t)
{
    wake(l, (struct dial *)((char *)t - offsetof(struct dial, head_start)));
}

static void deadline_came(struct loop *l, struct loop_timer *t)
{
    struct dial *d = (struct dial *)((char *)t - offsetof(struct dial, deadline));
    if (d->next == 0)
        d->attempts[0].state = DIAL_TRIES; /* a failure has a reason, however late it began */
    d->next = d->n;
    for (size_t i = 0; i < d->n; i++) {
        struct dial_attempt *a = &d->attempts[i];
        if (a->state == DIAL_TRIES)
            fail(l, a, ETIMEDOUT);
    }
    wake(l, d);
}

int dial_start(struct loop *l, struct dial *d)
{
    d->turn.run = run;
    d->head_start.fire = head_start_over;
    d->deadline.fire = deadline_came;
    if (d->deadline_ns && loop_timer_set(l, &d->deadline, d->deadline_ns) < 0)
        return -ENOMEM;
    wake(l, d);
    return 0;
}

int dial_take(struct dial *d)
{
    return d->winner ? fd_take(&d->winner->fd) : -1;
}

void dial_clear(struct loop *l, struct dial *d)
{
    if (!d->attempts)
        return;
    stop_dial(l, d);
    for (size_t i = 0; i < d->n; i++)
        stop_attempt(l, &d->attempts[i]);
    free(d->attempts);
    d->attempts = NULL;
}
