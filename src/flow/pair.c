#include "flow/pair.h"

#include <errno.h>

enum { TURN_BYTES = 4 << 20, NS_PER_MS = 1000000 };

void pair_init(struct pair *p)
{
    *p = (struct pair){.why = PAIR_RUNS};
    pump_init(&p->ab, &p->a, &p->b);
    pump_init(&p->ba, &p->b, &p->a);
}

static void end(struct loop *l, struct pair *p, enum pair_why why, int error)
{
    p->why = why;
    p->error = error;
    loop_turn_stop(l, &p->turn);
    loop_timer_stop(l, &p->timer);
    pump_clear(&p->ab);
    pump_clear(&p->ba);
    stream_close(l, &p->a);
    stream_close(l, &p->b);
    p->over(l, p);
}

/* Time */

#define LEAVE_NS ((uint64_t)PAIR_LEAVE_MS * NS_PER_MS)

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t deadline(const struct pair *p)
{
    uint64_t at = UINT64_MAX;
    if (p->lifetime_ns)
        at = sooner(at, p->started_ns + p->lifetime_ns);
    if (p->idle_ns)
        at = sooner(at, p->moved_ns + p->idle_ns);
    if (p->leaves)
        at = sooner(at, p->moved_ns + LEAVE_NS);
    return at;
}

static void fire(struct loop *l, struct loop_timer *t)
{
    struct pair *p = (struct pair *)((char *)t - offsetof(struct pair, timer));
    if (p->lifetime_ns && l->now_ns >= p->started_ns + p->lifetime_ns)
        end(l, p, PAIR_LIFETIME, 0);
    else if (p->idle_ns && l->now_ns >= p->moved_ns + p->idle_ns)
        end(l, p, PAIR_IDLE, 0);
    else if (p->leaves && l->now_ns >= p->moved_ns + LEAVE_NS)
        end(l, p, p->leaves, 0);
    else
        pair_wake(l, p);
}

/* The timer follows lazily: it is set for what holds now, and sets itself again when it fires. */
static void set_timer(struct loop *l, struct pair *p, uint64_t next_ns)
{
    uint64_t at = sooner(deadline(p), next_ns);
    if (at == UINT64_MAX || (p->timer.place && p->timer.at_ns <= at))
        return;
    if (loop_timer_set(l, &p->timer, at) < 0)
        loop_turn_add(l, &p->turn); /* without memory the turn looks at the clock */
}

/* Directions */

struct direction {
    struct pump *pump;
    bool *passed, *deaf;
    enum pair_on_end on_end;
    enum pair_why ended, read_failed, write_failed;
};

static bool is_socket(const struct stream *s)
{
    return s->in_kind == STREAM_TCP || s->in_kind == STREAM_SOCKET;
}

/* Above TLS an end that isn't told looks like a cut to the peer; a plain close tells it. If that
 * would block now, the peer doesn't read, and misses nothing. */
static void say_goodbye(struct loop *l, struct stream *s)
{
    if (!stream_is_plain(s))
        stream_finish(l, s);
}

/* The end of one direction. True when the conversation is over with it. */
static bool pass_end(struct loop *l, struct pair *p, const struct direction *d)
{
    if (d->on_end == PAIR_HOLD)
        return false;
    if (d->on_end == PAIR_END) {
        say_goodbye(l, &p->a);
        say_goodbye(l, &p->b);
        end(l, p, d->ended, 0);
        return true;
    }
    if (d->on_end == PAIR_PASS || d->on_end == PAIR_LEAVE) {
        int result = stream_finish(l, d->pump->to);
        if (result == -EAGAIN)
            return false;
        if (result < 0 && result != -EPIPE) {
            end(l, p, d->write_failed, -result);
            return true;
        }
    }
    *d->passed = true;
    if (p->passed)
        p->passed(l, p, d->pump);
    if (d->on_end != PAIR_LEAVE)
        return false;
    if (!is_socket(d->pump->to) && !p->lingers) {
        end(l, p, d->ended, 0);
        return true;
    }
    p->leaves = d->ended;
    p->moved_ns = l->now_ns;
    return false;
}

/* A side that doesn't listen any more, or has left: what comes for it has nowhere to go, what it
 * says is still heard. */
static bool is_deaf(const struct pair *p, const struct pump *pump, int result)
{
    if (result != -EPIPE || !pump->failed_writing || (p->a_must_listen && pump == &p->ba))
        return false;
    return p->leaves || (pump->to->in >= 0 && !pump->to->ended);
}

/* What nobody wants is read all the same from a socket: a close with bytes unread would be a reset,
 * which can take from the peer what it hasn't read yet (RFC 2525, 2.17). */
static int drain(struct pair *p, struct stream *from)
{
    if (!is_socket(from))
        return PUMP_WAITS;
    for (size_t left = TURN_BYTES; left > 0;) {
        ssize_t got = stream_read(from, p->scratch, PUMP_SCRATCH);
        if (got <= 0)
            return PUMP_WAITS;
        left -= (size_t)got < left ? (size_t)got : left;
    }
    return PUMP_MORE;
}

/* One turn of a direction; its result as pump_run's, or -ECANCELED when the conversation is over.
 */
static int run_direction(struct loop *l, struct pair *p, const struct direction *d)
{
    if (*d->passed)
        return *d->deaf ? drain(p, d->pump->from) : PUMP_WAITS;
    uint64_t before = d->pump->bytes;
    int result = pump_run(d->pump, p->scratch, TURN_BYTES, l->now_ns);
    if (d->pump->bytes != before)
        p->moved_ns = l->now_ns;
    if (result == PUMP_ENDED) {
        if (pass_end(l, p, d))
            return -ECANCELED;
        return PUMP_WAITS;
    }
    if (result >= 0)
        return result;
    if (is_deaf(p, d->pump, result)) {
        pump_clear(d->pump);
        *d->passed = *d->deaf = true;
        return drain(p, d->pump->from);
    }
    end(l, p, d->pump->failed_writing ? d->write_failed : d->read_failed, -result);
    return -ECANCELED;
}

static void run(struct loop *l, struct loop_turn *t)
{
    struct pair *p = (struct pair *)((char *)t - offsetof(struct pair, turn));
    const struct direction directions[] = {
        {&p->ab, &p->ab_passed, &p->ab_deaf, p->on_a_end, PAIR_A_ENDED, PAIR_A_FAILED,
         PAIR_B_FAILED},
        {&p->ba, &p->ba_passed, &p->ba_deaf, p->on_b_end, PAIR_B_ENDED, PAIR_B_FAILED,
         PAIR_A_FAILED},
    };
    uint64_t next_ns = UINT64_MAX;
    bool more = false;
    for (int i = 0; i < 2; i++) {
        int result = run_direction(l, p, &directions[i]);
        if (result == -ECANCELED)
            return;
        more = more || result == PUMP_MORE;
        next_ns = sooner(next_ns, pump_when(directions[i].pump, result));
    }
    if (p->ab_passed && p->ba_passed) {
        end(l, p, PAIR_BOTH_ENDED, 0);
        return;
    }
    if (more)
        loop_turn_add(l, t);
    set_timer(l, p, next_ns);
}

static void ready_a(struct loop *l, struct stream *s)
{
    struct pair *p = (struct pair *)((char *)s - offsetof(struct pair, a));
    pair_wake(l, p);
}

static void ready_b(struct loop *l, struct stream *s)
{
    struct pair *p = (struct pair *)((char *)s - offsetof(struct pair, b));
    pair_wake(l, p);
}

int pair_start(struct loop *l, struct pair *p, char *scratch)
{
    p->scratch = scratch;
    p->a.ready = ready_a;
    p->b.ready = ready_b;
    p->turn.run = run;
    p->timer.fire = fire;
    p->started_ns = p->moved_ns = l->now_ns;
    int result = stream_start(l, &p->a);
    if (result == 0)
        result = stream_start(l, &p->b);
    if (result < 0)
        return result;
    loop_turn_add(l, &p->turn);
    return 0;
}

void pair_stop(struct loop *l, struct pair *p)
{
    if (p->why == PAIR_RUNS)
        end(l, p, PAIR_STOPPED, 0);
}

void pair_wake(struct loop *l, struct pair *p)
{
    if (p->why == PAIR_RUNS)
        loop_turn_add(l, &p->turn);
}
