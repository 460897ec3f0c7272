#include "flow/hub.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "flow/hub_impl.h"

enum { TURN_BYTES = 4 << 20, READ_BYTES = 1 << 16, ROUNDS = 16, KEEPALIVE_S = 30 };

void hub_wake(struct hub_member *m)
{
    if (m->why == WHY_NONE)
        loop_turn_add(m->hub->loop, &m->turn);
}

void hub_wake_all(struct hub *h)
{
    if (h->holder)
        hub_wake(h->holder);
    for (struct hub_member *m = h->first; m; m = m->next)
        hub_wake(m);
}

/* The end of a member */

static void unlink_member(struct hub_member *m)
{
    struct hub *h = m->hub;
    *m->at = m->next;
    if (m->next)
        m->next->at = m->at;
    h->n--;
    if (h->holder == m) {
        h->holder = NULL;
        hub_wake_all(h);
    }
    if (h->n == 1)
        hub_wake(h->first); /* standard input is its own now */
}

static void end(struct hub_member *m, enum event_why why, int error)
{
    struct hub *h = m->hub;
    m->why = why;
    m->error = error;
    loop_turn_stop(h->loop, &m->turn);
    loop_timer_stop(h->loop, &m->timer);
    unlink_member(m);
    if (!h->chat)
        hub_stdio_leave(m);
    queue_clear(&m->queue);
    queue_clear(&m->partial);
    stream_close(h->loop, &m->s);
    m->over(h->loop, m);
}

void hub_drop(struct hub_member *m, enum event_why why)
{
    if (m->why == WHY_NONE)
        end(m, why, why == WHY_FAR_FAILED ? m->hub->out_error : 0);
}

/* Time */

static void fire(struct loop *l, struct loop_timer *t)
{
    struct hub_member *m = (struct hub_member *)((char *)t - offsetof(struct hub_member, timer));
    if (m->lifetime_ns && l->now_ns >= m->started_ns + m->lifetime_ns)
        end(m, WHY_LIFETIME, 0);
    else if (m->idle_ns && l->now_ns >= m->moved_ns + m->idle_ns)
        end(m, WHY_IDLE, 0);
    else
        hub_wake(m);
}

static void set_timer(struct hub_member *m, uint64_t at)
{
    if (m->lifetime_ns && m->started_ns + m->lifetime_ns < at)
        at = m->started_ns + m->lifetime_ns;
    if (m->idle_ns && m->moved_ns + m->idle_ns < at)
        at = m->moved_ns + m->idle_ns;
    if (at == UINT64_MAX || (m->timer.place && m->timer.at_ns <= at))
        return;
    if (loop_timer_set(m->hub->loop, &m->timer, at) < 0)
        hub_wake(m);
}

/* To a member. Each gives 0, or the negative errno that ends it. */

static int write_failed(struct hub_member *m, int error)
{
    if (error != -EPIPE)
        return error;
    m->deaf = true; /* what it says is still heard */
    queue_clear(&m->queue);
    return 0;
}

static int flush(struct hub_member *m, uint64_t *rated_ns)
{
    struct hub *h = m->hub;
    while (m->queue.n && m->s.can_write) {
        size_t n =
            m->rate_down ? rate_allows(m->rate_down, m->queue.n, h->loop->now_ns) : m->queue.n;
        if (n == 0) {
            *rated_ns = rate_when(m->rate_down);
            return 0;
        }
        ssize_t put = stream_write(&m->s, queue_bytes(&m->queue), n, false);
        if (put == -EAGAIN)
            return 0;
        if (put < 0)
            return write_failed(m, (int)put);
        m->bytes_out += (uint64_t)put;
        m->moved_ns = h->loop->now_ns;
        if (m->rate_down)
            rate_take(m->rate_down, (size_t)put, h->loop->now_ns);
        queue_drop(&m->queue, (size_t)put);
        if (m->queue.n == 0)
            loop_turn_add(h->loop, &h->turn); /* standard input may go on */
    }
    return 0;
}

static int put_now(struct hub_member *m, const char **bytes, size_t *n)
{
    if (m->queue.n || m->rate_down || m->down.held)
        return 0;
    while (*n && m->s.can_write) {
        ssize_t put = stream_write(&m->s, *bytes, *n, false);
        if (put == -EAGAIN)
            break;
        if (put < 0)
            return write_failed(m, (int)put);
        m->bytes_out += (uint64_t)put;
        m->moved_ns = m->hub->loop->now_ns;
        *bytes += put;
        *n -= (size_t)put;
    }
    return 0;
}

static int put(struct hub_member *m, const char *bytes, size_t n)
{
    if (m->deaf || m->s.finished)
        return 0;
    int result = put_now(m, &bytes, &n);
    if (result < 0 || m->deaf || n == 0)
        return result;
    hub_wake(m);
    return queue_add(&m->queue, bytes, n, HUB_QUEUE_MAX);
}

int hub_take_lines(struct hub_member *m, const char *bytes, size_t n,
                   void (*take)(struct hub_member *m, const char *bytes, size_t n))
{
    while (n) {
        const char *feed = memchr(bytes, '\n', n);
        size_t length = feed ? (size_t)(feed - bytes) + 1 : n;
        if (feed || m->partial.n + length > HUB_LINE_MAX) {
            take(m, bytes, length);
        } else {
            int result = queue_add(&m->partial, bytes, length, HUB_LINE_MAX);
            if (result < 0)
                return result;
        }
        bytes += length;
        n -= length;
    }
    return 0;
}

void hub_broadcast(struct hub *h, const struct hub_member *but, const char *bytes, size_t n)
{
    for (struct hub_member *m = h->first, *next; m; m = next) {
        next = m->next;
        int result = m == but ? 0 : put(m, bytes, n);
        if (result == -ENOBUFS)
            end(m, WHY_SLOW, 0);
        else if (result < 0)
            end(m, WHY_PEER_FAILED, -result);
    }
}

/* Standard input to several */

static bool somebody_waits(const struct hub *h)
{
    for (const struct hub_member *m = h->first; m; m = m->next)
        if (m->queue.n == 0 && !m->down.held && m->s.can_write)
            return true;
    return false;
}

static void input_over(struct hub *h)
{
    h->input_over = true;
    hub_wake_all(h);
}

static void run_input(struct loop *l, struct loop_turn *t)
{
    struct hub *h = (struct hub *)((char *)t - offsetof(struct hub, turn));
    if (h->chat || h->input_over)
        return;
    for (int round = 0; round < ROUNDS; round++) {
        if (h->n < 2 || !h->stdio.can_read || !somebody_waits(h))
            return;
        ssize_t got = stream_read(&h->stdio, h->scratch, READ_BYTES);
        if (got == -EAGAIN)
            return;
        if (got <= 0) {
            input_over(h);
            return;
        }
        hub_broadcast(h, NULL, h->scratch, (size_t)got);
    }
    loop_turn_add(l, t);
}

/* Standard input to the only one */

static int run_down(struct hub_member *m)
{
    struct hub *h = m->hub;
    /* What was read for it while it was alone is finished, but nothing more is read by it. */
    bool only = h->n == 1 && !h->input_over && m->queue.n == 0;
    if (!only && !m->down.held)
        return PUMP_WAITS;
    m->down.left = only ? UINT64_MAX : 0;
    uint64_t before = m->down.bytes;
    int result = pump_run(&m->down, h->scratch, TURN_BYTES, h->loop->now_ns);
    m->bytes_out += m->down.bytes - before;
    if (m->down.bytes != before)
        m->moved_ns = h->loop->now_ns;
    if (result == PUMP_ENDED && only) {
        h->input_over = true;
        return PUMP_WAITS;
    }
    if (result == PUMP_ENDED)
        return PUMP_WAITS;
    if (result < 0 && !m->down.failed_writing) { /* standard input fails: its end */
        h->input_over = true;
        return PUMP_WAITS;
    }
    return result;
}

/* Nothing more goes to it: it is told so. */
static int finish(struct hub_member *m)
{
    if (!m->hub->input_over || m->deaf || m->s.finished || m->queue.n || m->down.held)
        return 0;
    int result = stream_finish(m->hub->loop, &m->s);
    return result == -EAGAIN || result == -EPIPE ? 0 : result;
}

/* A member's turn */

/* The peer has ended its side. Whether it still listens can't be seen on TCP; probes find out if it
 * is gone altogether. */
static void half_closed(struct hub_member *m)
{
    int on = 1, seconds = KEEPALIVE_S;
    m->up_over = true;
    if (m->s.in_kind != STREAM_TCP)
        return;
    setsockopt(m->s.in, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(m->s.in, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
}

static bool has_hung_up(const struct hub_member *m)
{
    struct pollfd p = {.fd = m->s.in, .events = 0};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR));
}

static bool is_over(const struct hub_member *m)
{
    if (!m->up_over)
        return false;
    if (m->deaf || m->s.finished)
        return true;
    if (m->queue.n || m->down.held)
        return false;
    return m->hub->interactive || m->hub->chat || has_hung_up(m);
}

static int run_up(struct hub_member *m, bool *out_failed)
{
    struct hub *h = m->hub;
    if (m->up_over)
        return PUMP_WAITS;
    if (!h->chat && h->holder && h->holder != m)
        return PUMP_WAITS; /* its line comes first */
    uint64_t before = m->bytes_in;
    int result = h->chat ? hub_chat_up(m) : hub_stdio_up(m, out_failed);
    if (m->bytes_in != before)
        m->moved_ns = h->loop->now_ns;
    if (result == PUMP_ENDED)
        half_closed(m);
    return result;
}

static void run(struct loop *l, struct loop_turn *t)
{
    struct hub_member *m = (struct hub_member *)((char *)t - offsetof(struct hub_member, turn));
    struct hub *h = m->hub;
    uint64_t rated_ns = UINT64_MAX;
    bool out_failed = false;
    int up = run_up(m, &out_failed);
    if (out_failed) {
        h->out_error = -up;
        h->out_failed(l, h, -up);
        return;
    }
    int down = up < 0 ? up : flush(m, &rated_ns);
    if (down == 0 && !h->chat && !m->deaf)
        down = run_down(m);
    if (down == -EPIPE)
        down = write_failed(m, down);
    if (down >= 0) {
        int result = finish(m);
        down = result < 0 ? result : down;
    }
    if (up < 0 || down < 0) {
        end(m, WHY_PEER_FAILED, up < 0 ? -up : -down);
        return;
    }
    if (is_over(m)) {
        end(m, WHY_ENDED, 0);
        return;
    }
    if (up == PUMP_MORE || down == PUMP_MORE)
        loop_turn_add(l, t);
    if (up == PUMP_RATED && rate_when(m->rate_up) < rated_ns)
        rated_ns = rate_when(m->rate_up);
    if (up == PUMP_GATHERS && m->up.gather_ns < rated_ns)
        rated_ns = m->up.gather_ns;
    if (down == PUMP_RATED && rate_when(m->rate_down) < rated_ns)
        rated_ns = rate_when(m->rate_down);
    set_timer(m, rated_ns);
}

static void ready(struct loop *l, struct stream *s)
{
    struct hub_member *m = (struct hub_member *)((char *)s - offsetof(struct hub_member, s));
    (void)l;
    hub_wake(m);
}

/* Standard input and output */

static void stdio_ready(struct loop *l, struct stream *s)
{
    struct hub *h = (struct hub *)((char *)s - offsetof(struct hub, stdio));
    loop_turn_add(l, &h->turn);
    hub_wake_all(h);
}

int hub_init(struct hub *h, struct loop *l, char *scratch)
{
    h->loop = l;
    h->scratch = scratch;
    h->turn.run = run_input;
    h->text = h->datagrams = BUF_INIT(1 << 23);
    if (h->chat)
        return 0;
    h->interactive = isatty(STDIN_FILENO);
    h->to_terminal = isatty(STDOUT_FILENO);
    stream_init_shared(&h->stdio, STDIN_FILENO, STDOUT_FILENO);
    h->stdio.ready = stdio_ready;
    return stream_start(l, &h->stdio);
}

void hub_clear(struct hub *h)
{
    if (!h->loop)
        return;
    loop_turn_stop(h->loop, &h->turn);
    stream_close(h->loop, &h->stdio);
    buf_free(&h->text);
    buf_free(&h->datagrams);
}

void hub_end_input(struct hub *h)
{
    if (!h->input_over)
        input_over(h);
}

/* Members */

void hub_member_init(struct hub_member *m)
{
    *m = (struct hub_member){0};
}

int hub_join(struct hub *h, struct hub_member *m)
{
    m->hub = h;
    m->s.ready = ready;
    m->turn.run = run;
    m->timer.fire = fire;
    m->started_ns = m->moved_ns = h->loop->now_ns;
    int result = stream_start(h->loop, &m->s);
    if (result < 0)
        return result;
    if (!h->chat)
        hub_stdio_join(m);
    m->next = h->first;
    if (m->next)
        m->next->at = &m->next;
    h->first = m;
    m->at = &h->first;
    h->n++;
    if (!h->chat && h->n > 1)
        for (struct hub_member *other = h->first; other; other = other->next)
            if (hub_stdio_hook(other) < 0)
                break; /* without memory its lines aren't marked */
    loop_turn_add(h->loop, &h->turn);
    hub_wake(m);
    return 0;
}
