#include "cmd/far.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/time.h"
#include "cmd/child_environment.h"
#include "cmd/refusal.h"
#include "cmd/tls_options.h"
#include "flow/event.h"
#include "net/sockopt.h"

#define CHILD_TIME_NS   UINT64_C(2000000000) /* between SIGTERM and SIGKILL */
#define EXPLAIN_EACH_NS UINT64_C(1000000000) /* whoever is refused a thousand times a second */

enum { WORDS_MAX = 1 << 12 };

/* The plan */

static enum endpoint_scheme scheme_of(const struct far_plan *p)
{
    return p->reach.endpoint->scheme;
}

bool far_plan_is_unique(const struct far_plan *p)
{
    return scheme_of(p) == ENDPOINT_STDIO || scheme_of(p) == ENDPOINT_FD;
}

bool far_plan_is_single(const struct far_plan *p)
{
    return far_plan_is_unique(p) || scheme_of(p) == ENDPOINT_SERIAL;
}

static struct targets_question question_of(const struct far_plan *p)
{
    return (struct targets_question){
        .endpoint = p->reach.endpoint, .family = p->reach.family, .protocol = p->reach.protocol};
}

int far_plan_prepare(struct far_plan *p, struct err *e)
{
    const struct targets_question q = question_of(p);
    if (end_is_for(scheme_of(p)))
        return end_check(p->reach.endpoint, p->role, e);
    int result = targets_find(&q, &p->targets, e);
    if (result == 0)
        targets_prefer_heard(p->reach.endpoint, &p->targets);
    return result;
}

void far_plan_clear(struct far_plan *p)
{
    vec_free(&p->targets);
}

/* Opened, or not */

static void cancel_reach(struct far *f)
{
    if (!f->reach)
        return;
    reach_clear(f->place->loop, f->reach);
    free(f->reach);
    f->reach = NULL;
}

static void stop_waiting(struct far *f)
{
    if (!f->at)
        return;
    *f->at = f->next;
    if (f->next)
        f->next->at = f->at;
    f->at = NULL;
}

static void tell(struct loop *l, struct loop_turn *t)
{
    struct far *f = (struct far *)((char *)t - offsetof(struct far, turn));
    (void)l;
    f->opened(f, f->error.code ? &f->error : NULL);
}

/* Events tell the errno themselves. */
static void fail(struct far *f, const struct err *e, const char *reason)
{
    f->error = *e;
    f->text = BUF_INIT(WORDS_MAX);
    if (e->worded) {
        buf_printf(&f->text, "%s%s%s", e->subject, e->subject[0] ? ": " : "", e->hint);
    } else {
        buf_str(&f->text, e->subject[0] ? e->subject : f->place->plan->reach.word);
        if (reason || e->hint[0])
            buf_printf(&f->text, " (%s)", reason ? reason : e->hint);
    }
    f->words = buf_cstr(&f->text);
}

static void fail_later(struct far *f, const struct err *e)
{
    fail(f, e, NULL);
    loop_turn_add(f->place->loop, &f->turn);
}

/* Sockets */

/* One look at a time, and not at each of many: it costs milliseconds. */
static void explain(struct far_plan *p, const struct dial_attempt *first, struct buf *out)
{
    uint64_t last = atomic_load(&p->explained_ns);
    if (first->state != DIAL_FAILED || (last && time_monotonic_ns() - last < EXPLAIN_EACH_NS) ||
        atomic_exchange(&p->explaining, true))
        return;
    refusal_explain(p->reach.endpoint, first->target, first->error.code, out);
    atomic_store(&p->explained_ns, time_monotonic_ns());
    atomic_store(&p->explaining, false);
}

static void unreached(struct far *f)
{
    _cleanup_buf_ struct buf reason = BUF_INIT(WORDS_MAX);
    struct far_plan *p = f->place->plan;
    if (p->explains && f->reach->stage == REACH_CONNECT)
        explain(p, f->reach->dial.attempts, &reason);
    fail(f, &f->reach->error, reason.len ? buf_cstr(&reason) : NULL);
}

static void see_tls(struct far *f)
{
    struct tls_info info;
    if (!f->reach->handshake.session || tls_handshake_info(&f->reach->handshake, &info) < 0)
        return;
    if (f->place->plan->tls_info)
        tls_tell_info(&info, f->place->plan->tls_info);
    if (reach_fd(f->reach) >= 0) {
        f->text = BUF_INIT(WORDS_MAX);
        tls_format_summary(&f->text, &info);
        f->words = buf_cstr(&f->text);
    }
    tls_info_clear(&info);
}

/* What was read is written at once, so nothing is gained by waiting for more. */
static void turn_nagle_off(const struct far *f, int fd)
{
    int on = 1;
    const struct sockopt_set *options = f->place->plan->reach.options;
    if (!options || !sockopt_given(options, SOCKOPT_NODELAY))
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void take_stream(struct far *f)
{
    const struct target *to = f->reach->dial.winner->target;
    bool datagrams = to->type != SOCK_STREAM;
    f->address = to->address;
    f->address_n = to->address_n;
    reach_take(f->place->loop, f->reach, f->stream, &f->fault);
    if (!datagrams) {
        turn_nagle_off(f, f->stream->in);
        return;
    }
    dgram_init_stream(&f->dgram, f->stream, f->stream->in);
    f->datagrams = &f->dgram;
}

static void reached(struct loop *l, struct reach *r)
{
    struct far *f = r->owner;
    see_tls(f);
    if (reach_fd(r) < 0)
        unreached(f);
    else
        take_stream(f);
    cancel_reach(f);
    tell(l, &f->turn);
}

static int greet(struct reach *r, int fd)
{
    struct far *f = r->owner;
    return f->greet ? f->greet(f, fd) : 0;
}

static int dial(struct far *f)
{
    struct far_place *place = f->place;
    f->reach = malloc(sizeof *f->reach);
    if (!f->reach)
        return -ENOMEM;
    reach_init(f->reach, &place->plan->reach);
    f->reach->owner = f;
    f->reach->deadline_ns = f->deadline_ns;
    f->reach->done = reached;
    f->reach->greet = greet;
    int result =
        reach_set_targets(f->reach, place->targets.len ? &place->targets : &place->plan->targets);
    if (result == 0)
        result = reach_start(place->loop, f->reach);
    if (result < 0)
        cancel_reach(f);
    return result;
}

/* Names */

static void go_on(struct far *f, const struct err *e)
{
    struct err own = *e;
    stop_waiting(f);
    /* A name server that fails is no reason to forget what it said. */
    if (!e->code || e->code == EAGAIN) {
        int result = dial(f);
        if (result == 0)
            return;
        err_set(&own, -result, "connect to", f->place->plan->reach.word, NULL);
    }
    fail_later(f, &own);
}

static void found(struct loop *l, struct lookup *k)
{
    struct far_place *p = (struct far_place *)((char *)k - offsetof(struct far_place, lookup));
    (void)l;
    if (!k->error.code) {
        vec_free(&p->targets);
        p->targets = k->targets;
    } else {
        vec_free(&k->targets);
    }
    while (p->waiting)
        go_on(p->waiting, &k->error);
}

/* Whoever comes while it is looked up takes that answer as well. */
static int look_up(struct far *f)
{
    struct far_place *p = f->place;
    const struct targets_question q = question_of(p->plan);
    if (!p->lookup.job) {
        p->lookup.done = found;
        int result = lookup_start(p->loop, &p->lookup, &q, f->deadline_ns);
        if (result < 0)
            return result;
    }
    f->next = p->waiting;
    if (f->next)
        f->next->at = &f->next;
    f->at = &p->waiting;
    p->waiting = f;
    return 0;
}

/* Other ends */

static void exited(struct loop *l, struct end *e)
{
    struct far *f = (struct far *)((char *)e - offsetof(struct far, end));
    loop_timer_stop(l, &f->timer);
    if (f->exited)
        f->exited(f);
}

static void open_end(struct far *f, const struct far_how *how)
{
    const struct far_plan *p = f->place->plan;
    const struct event *near = how->near;
    struct child_environment env;
    struct end_how end = {.role = p->role, .size = how->size};
    struct err e = {0};
    if (near) {
        child_environment_fill(&env, near->proto, near->local, near->local_n, near->peer,
                               near->peer_n);
        end.environment = env.entries;
    }
    f->end.exited = exited;
    if (end_open(f->place->loop, &f->end, f->stream, p->reach.endpoint, &end, &e) < 0)
        fail_later(f, &e);
    else
        loop_turn_add(f->place->loop, &f->turn);
}

static void press(struct loop *l, struct loop_timer *t)
{
    struct far *f = (struct far *)((char *)t - offsetof(struct far, timer));
    child_signal(&f->end.child, f->pressed ? SIGKILL : SIGTERM);
    f->pressed = true;
    loop_timer_after(l, t, CHILD_TIME_NS);
}

bool far_runs(const struct far *f)
{
    return f->end.child.pid > 0;
}

void far_press(struct far *f)
{
    if (far_runs(f))
        press(f->place->loop, &f->timer);
}

/* Any */

void far_place_init(struct far_place *p, struct loop *l, struct far_plan *plan)
{
    *p = (struct far_place){.plan = plan, .loop = l, .targets = VEC_INIT(struct target)};
}

void far_place_clear(struct far_place *p)
{
    if (p->loop)
        lookup_drop(p->loop, &p->lookup);
    vec_free(&p->targets);
}

int far_open(struct far *f, struct far_place *place, const struct far_how *how)
{
    const struct far_plan *plan = place->plan;
    f->place = place;
    f->turn.run = tell;
    f->timer.fire = press;
    f->deadline_ns = plan->timeout_ns ? place->loop->now_ns + plan->timeout_ns : 0;
    if (end_is_for(scheme_of(plan))) {
        open_end(f, how);
        return 0;
    }
    bool named = endpoint_has_port(scheme_of(plan)) && plan->reach.endpoint->host == ENDPOINT_NAME;
    return named ? look_up(f) : dial(f);
}

void far_cancel(struct far *f)
{
    if (!f->place)
        return;
    stop_waiting(f);
    cancel_reach(f);
    loop_turn_stop(f->place->loop, &f->turn);
}

void far_close(struct far *f, bool kill)
{
    if (!f->place)
        return;
    far_cancel(f);
    loop_timer_stop(f->place->loop, &f->timer);
    if (kill)
        child_signal(&f->end.child, SIGKILL);
    end_close(f->place->loop, &f->end);
    buf_free(&f->text);
    f->place = NULL;
}
