#include "flow/solo.h"

#include <errno.h>

enum { TURN_BYTES = 4 << 20 };

void solo_init(struct solo *c, struct stream *sink)
{
    *c = (struct solo){.sink = sink, .why = PAIR_RUNS};
    pump_init(&c->pump, &c->s, sink ? sink : &c->s);
}

static void end(struct loop *l, struct solo *c, enum pair_why why, int error)
{
    c->why = why;
    c->error = error;
    loop_turn_stop(l, &c->turn);
    loop_timer_stop(l, &c->timer);
    pump_clear(&c->pump);
    stream_close(l, &c->s);
    c->over(l, c);
}

static void fire(struct loop *l, struct loop_timer *t)
{
    struct solo *c = (struct solo *)((char *)t - offsetof(struct solo, timer));
    if (c->lifetime_ns && l->now_ns >= c->started_ns + c->lifetime_ns)
        end(l, c, PAIR_LIFETIME, 0);
    else if (c->idle_ns && l->now_ns >= c->moved_ns + c->idle_ns)
        end(l, c, PAIR_IDLE, 0);
    else
        loop_turn_add(l, &c->turn);
}

/* Follows lazily, as a pair's does. */
static void set_timer(struct loop *l, struct solo *c, uint64_t at)
{
    if (c->lifetime_ns && c->started_ns + c->lifetime_ns < at)
        at = c->started_ns + c->lifetime_ns;
    if (c->idle_ns && c->moved_ns + c->idle_ns < at)
        at = c->moved_ns + c->idle_ns;
    if (at == UINT64_MAX || (c->timer.place && c->timer.at_ns <= at))
        return;
    if (loop_timer_set(l, &c->timer, at) < 0)
        loop_turn_add(l, &c->turn);
}

static void run(struct loop *l, struct loop_turn *t)
{
    struct solo *c = (struct solo *)((char *)t - offsetof(struct solo, turn));
    uint64_t before = c->pump.bytes;
    int result = pump_run(&c->pump, c->scratch, TURN_BYTES, l->now_ns);
    if (c->pump.bytes != before)
        c->moved_ns = l->now_ns;
    if (result == PUMP_ENDED)
        result = stream_finish(l, &c->s) == -EAGAIN ? PUMP_WAITS : PUMP_ENDED;
    if (result == PUMP_ENDED) {
        end(l, c, PAIR_A_ENDED, 0);
        return;
    }
    if (result < 0) {
        end(l, c, c->sink && c->pump.failed_writing ? PAIR_B_FAILED : PAIR_A_FAILED, -result);
        return;
    }
    if (result == PUMP_MORE)
        loop_turn_add(l, t);
    set_timer(l, c, pump_when(&c->pump, result));
}

static void ready(struct loop *l, struct stream *s)
{
    struct solo *c = (struct solo *)((char *)s - offsetof(struct solo, s));
    loop_turn_add(l, &c->turn);
}

int solo_start(struct loop *l, struct solo *c, char *scratch)
{
    c->scratch = scratch;
    c->s.ready = ready;
    c->turn.run = run;
    c->timer.fire = fire;
    c->started_ns = c->moved_ns = l->now_ns;
    int result = stream_start(l, &c->s);
    if (result == 0)
        loop_turn_add(l, &c->turn);
    return result;
}

void solo_stop(struct loop *l, struct solo *c)
{
    if (c->why == PAIR_RUNS)
        end(l, c, PAIR_STOPPED, 0);
}
