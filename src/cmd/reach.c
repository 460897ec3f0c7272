#include "cmd/reach.h"

#include <errno.h>

#include "base/fd.h"
#include "base/time.h"
#include "cmd/targets.h"

static void begin(struct reach *r, enum reach_stage stage)
{
    r->stage = stage;
    r->began_ns[stage] = time_monotonic_ns();
}

static void end(struct reach *r)
{
    r->ended_ns[r->stage] = time_monotonic_ns();
}

void reach_init(struct reach *r, const struct reach_plan *plan)
{
    *r = (struct reach){.plan = plan, .targets = VEC_INIT(struct target), .fd = -1};
}

int reach_resolve(struct reach *r)
{
    const struct targets_question q = {
        .endpoint = r->plan->endpoint, .family = r->plan->family, .protocol = r->plan->protocol};
    begin(r, REACH_RESOLVE);
    vec_free(&r->targets);
    int result = targets_find(&q, &r->targets, &r->error);
    end(r);
    return result;
}

static void dialled(struct loop *l, struct dial *d)
{
    struct reach *r = (struct reach *)((char *)d - offsetof(struct reach, dial));
    end(r);
    r->fd = dial_take(d);
    if (r->fd < 0)
        r->error = d->attempts[0].error; /* the first of them never is left out */
    r->done(l, r);
}

int reach_start(struct loop *l, struct reach *r)
{
    begin(r, REACH_CONNECT);
    dial_clear(l, &r->dial);
    int result = dial_init(&r->dial, r->targets.items, r->targets.len);
    if (result < 0)
        return result;
    r->dial.options = r->plan->options;
    r->dial.sources = r->plan->sources;
    r->dial.n_sources = r->plan->n_sources;
    r->dial.all = r->plan->all;
    r->dial.deadline_ns = r->deadline_ns;
    r->dial.done = dialled;
    return dial_start(l, &r->dial);
}

int reach_take(struct reach *r)
{
    return fd_take(&r->fd);
}

void reach_clear(struct loop *l, struct reach *r)
{
    dial_clear(l, &r->dial);
    fd_close(&r->fd);
    vec_free(&r->targets);
}
