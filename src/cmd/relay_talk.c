/* A conversation of `berth relay`, from its beginning to its end. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/time.h"
#include "cmd/child_environment.h"
#include "cmd/relay.h"

#define CHILD_TIME_NS UINT64_C(2000000000) /* between SIGTERM and SIGKILL */

static struct loop *loop_of(const struct talk *t)
{
    return &t->relay->loop;
}

static const struct endpoint *endpoint_of(const struct talk *t, int side)
{
    return &t->relay->sides[side].endpoint;
}

struct event talk_event(const struct talk *t, enum event_kind kind)
{
    const struct talk_side *s = &t->sides[t->near];
    struct event e = {.kind = kind, .id = t->id};
    if (!s->listener)
        return e;
    e.proto = listener_proto(s->listener);
    e.local = &s->local;
    e.local_n = s->local_n;
    e.peer = &s->far;
    e.peer_n = s->far_n;
    return e;
}

/* The end */

static void finish(struct talk *t)
{
    struct relay *r = t->relay;
    for (int i = 0; i < SIDES; i++)
        end_close(&r->loop, &t->sides[i].end);
    loop_turn_stop(&r->loop, &t->turn);
    loop_timer_stop(&r->loop, &t->timer);
    *t->at = t->next;
    if (t->next)
        t->next->at = t->at;
    r->n_talks--;
    for (int i = 0; i < SIDES; i++)
        if (t->sides[i].counted)
            accept_gone(&r->shared);
    relay_hooks_clear(t);
    relay_talk_over(r, t);
    free(t);
}

static bool runs(const struct talk *t)
{
    return t->sides[0].end.child.pid > 0 || t->sides[1].end.child.pid > 0;
}

static void signal_children(struct talk *t, int signal)
{
    for (int i = 0; i < SIDES; i++)
        child_signal(&t->sides[i].end.child, signal);
}

static void press(struct loop *l, struct loop_timer *timer)
{
    struct talk *t = (struct talk *)((char *)timer - offsetof(struct talk, timer));
    signal_children(t, t->pressed ? SIGKILL : SIGTERM);
    t->pressed = true;
    loop_timer_after(l, timer, CHILD_TIME_NS);
}

/* Processes may go on to their own end, unless something went wrong. */
static void close_talk(struct talk *t, enum event_why why, int error)
{
    t->over = true;
    t->why = why;
    t->error = error;
    if (!runs(t))
        finish(t);
    else if (why != WHY_ENDED)
        press(loop_of(t), &t->timer);
}

static void exited(struct loop *l, struct end *e)
{
    (void)l;
    struct talk *t = e->owner;
    if (t->over && !runs(t))
        finish(t);
}

/* Without a conversation yet. */
static void give_up(struct talk *t, enum event_why why, int error)
{
    for (int i = 0; i < SIDES; i++) {
        dial_clear(loop_of(t), &t->sides[i].dial);
        tls_handshake_drop(loop_of(t), &t->sides[i].handshake);
        stream_close(loop_of(t), t->sides[i].stream);
    }
    close_talk(t, why, error);
}

static void pair_over(struct loop *l, struct pair *p)
{
    struct talk *t = (struct talk *)((char *)p - offsetof(struct talk, pair));
    enum event_why why = event_why_of(p->why);
    (void)l;
    if (t->near == 1 && (why == WHY_PEER_FAILED || why == WHY_FAR_FAILED))
        why = why == WHY_PEER_FAILED ? WHY_FAR_FAILED : WHY_PEER_FAILED;
    t->keyed = p->error == ECANCELED;
    int error = t->keyed ? 0 : p->error;
    if (t->keyed)
        why = WHY_ENDED;
    talk_judge_tls(t, &why, &error, &t->words);
    close_talk(t, why, error);
}

void talk_stop(struct talk *t, enum event_why why)
{
    if (t->over)
        press(loop_of(t), &t->timer);
    else if (t->joined)
        pair_stop(loop_of(t), &t->pair);
    else
        give_up(t, why, 0);
}

void talk_drop(struct talk *t)
{
    signal_children(t, SIGKILL);
    finish(t);
}

/* Joining the sides */

/* Whether this side never says that it has said all. */
static bool is_endless(const struct talk *t, int side)
{
    const struct talk_side *s = &t->sides[side];
    return endpoint_of(t, side)->scheme == ENDPOINT_SERIAL ||
           (s->datagrams && !s->datagrams->packets);
}

static enum pair_on_end on_end_of(const struct talk *t, int side)
{
    const struct talk_side *s = &t->sides[side], *other = &t->sides[!side];
    enum endpoint_scheme scheme = endpoint_of(t, side)->scheme;
    if (s->stream->in_kind == STREAM_NONE)
        return PAIR_KEEP; /* it only listens */
    if (scheme == ENDPOINT_EXEC || scheme == ENDPOINT_PTY || is_endless(t, !side))
        return PAIR_LEAVE;
    /* A person has nothing more to say to somebody who is gone. */
    if (endpoint_of(t, !side)->scheme == ENDPOINT_STDIO &&
        other->stream->in_kind == STREAM_TERMINAL)
        return PAIR_END;
    return PAIR_PASS;
}

static void set_limits(struct talk *t)
{
    const struct relay_arguments *a = t->relay->a;
    t->pair.idle_ns = a->idle_ns;
    t->pair.lifetime_ns = a->lifetime_ns;
    bool peer = t->sides[0].peer.stream || t->sides[1].peer.stream;
    if (peer && (!a->idle_ns || a->peer_idle_ns < a->idle_ns))
        t->pair.idle_ns = a->peer_idle_ns;
    for (int i = 0; i < SIDES; i++) {
        t->rates[i].per_second = a->rate_bytes;
        if (t->sides[i].datagrams)
            t->sides[i].datagrams->size = (uint32_t)a->datagram_size;
    }
    t->pair.ab.rate = a->rate_bytes ? &t->rates[0] : NULL;
    t->pair.ba.rate = a->rate_bytes ? &t->rates[1] : NULL;
}

static void join(struct talk *t)
{
    struct pair *p = &t->pair;
    if (t->joined || !t->sides[0].there || !t->sides[1].there)
        return;
    p->on_a_end = on_end_of(t, 0);
    p->on_b_end = on_end_of(t, 1);
    p->lingers = endpoint_of(t, 0)->scheme == ENDPOINT_SERIAL ||
                 endpoint_of(t, 1)->scheme == ENDPOINT_SERIAL;
    p->over = pair_over;
    set_limits(t);
    dgram_join(p, t->sides[0].datagrams, t->sides[1].datagrams);
    relay_hooks_add(t);
    t->joined = true;
    int result = pair_start(loop_of(t), p, t->relay->scratch);
    if (result < 0)
        give_up(t, WHY_FAR_FAILED, -result);
}

static bool is_stream_socket(int fd)
{
    int type = 0;
    socklen_t n = sizeof type;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n);
    return type == SOCK_STREAM;
}

/* What was read is written at once, so nothing is gained by waiting for more. */
static void turn_nagle_off(const struct relay *r, int fd)
{
    int on = 1;
    if (!sockopt_given(&r->options, SOCKOPT_NODELAY))
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void talk_side_is_there(struct talk *t, int side)
{
    t->sides[side].there = true;
    join(t);
}

static void tell_trouble(struct dgram *d, enum dgram_trouble what)
{
    const struct talk *t = d->owner;
    struct event e = talk_event(t, EVENT_TROUBLE);
    e.words = dgram_trouble_words(what);
    relay_tell(t->relay, &e);
}

void talk_tell_troubles(struct talk *t, int side)
{
    t->sides[side].datagrams->trouble = tell_trouble;
    t->sides[side].datagrams->owner = t;
}

void talk_take_socket(struct talk *t, int side, int fd)
{
    struct talk_side *s = &t->sides[side];
    if (t->relay->sides[side].tls) {
        turn_nagle_off(t->relay, fd);
        talk_start_tls(t, side, fd);
        return;
    }
    if (is_stream_socket(fd)) {
        turn_nagle_off(t->relay, fd);
        stream_init_socket(s->stream, fd);
    } else {
        dgram_init_stream(&s->dgram, s->stream, fd);
        s->datagrams = &s->dgram;
        talk_tell_troubles(t, side);
    }
    talk_side_is_there(t, side);
}

void talk_fail(struct talk *t, const struct err *e)
{
    t->trouble = *e;
    t->words = e->worded ? t->trouble.hint : t->trouble.subject;
    give_up(t, WHY_FAR_FAILED, e->code);
}

static void dialled(struct loop *l, struct dial *d)
{
    struct talk *t = d->owner;
    int side = d == &t->sides[1].dial, fd = dial_take(d);
    struct err e = d->attempts[0].error;
    dial_clear(l, d);
    if (fd < 0)
        talk_fail(t, &e);
    else
        talk_take_socket(t, side, fd);
}

/* Without a name of its own a UNIX socket of datagrams can't be answered: autobind, unix(7). */
static const struct target any_name = {.family = AF_UNIX,
                                       .type = SOCK_DGRAM,
                                       .address.ss_family = AF_UNIX,
                                       .address_n = sizeof(sa_family_t)};

static int connect_side(struct talk *t, int side)
{
    struct relay *r = t->relay;
    struct dial *d = &t->sides[side].dial;
    const struct vec *targets = &r->sides[side].targets;
    int result = dial_init(d, targets->items, targets->len);
    if (result < 0)
        return result;
    d->options = &r->options;
    if (r->sides[side].endpoint.scheme == ENDPOINT_UNIX_DGRAM) {
        d->sources = &any_name;
        d->n_sources = 1;
    }
    d->owner = t;
    d->done = dialled;
    d->deadline_ns = r->a->timeout_ns ? loop_of(t)->now_ns + r->a->timeout_ns : 0;
    return dial_start(&r->loop, d);
}

static int open_side(struct talk *t, int side, struct err *e)
{
    struct relay *r = t->relay;
    struct talk_side *s = &t->sides[side];
    const struct talk_side *near = &t->sides[t->near];
    struct child_environment env;
    struct winsize size;
    struct end_how how = {.role = side == 0 ? END_SOURCE : END_SINK};
    struct event told = talk_event(t, EVENT_OPENED);
    if (near->listener) {
        child_environment_fill(&env, told.proto, &near->local, near->local_n, &near->far,
                               near->far_n);
        how.environment = env.entries;
    }
    if (r->keyboard.kept && ioctl(r->keyboard.fd, TIOCGWINSZ, &size) == 0)
        how.size = &size;
    s->end.owner = t;
    s->end.exited = exited;
    int result = end_open(&r->loop, &s->end, s->stream, &r->sides[side].endpoint, &how, e);
    s->there = result == 0;
    return result;
}

/* Opens what nobody comes to. */
static void begin(struct loop *l, struct loop_turn *turn)
{
    struct talk *t = (struct talk *)((char *)turn - offsetof(struct talk, turn));
    (void)l;
    for (int i = 0; i < SIDES; i++) {
        struct err e = {0};
        const struct relay_side *s = &t->relay->sides[i];
        if (t->sides[i].there || s->endpoint.listens)
            continue;
        int result = end_is_for(s->endpoint.scheme) ? open_side(t, i, &e) : connect_side(t, i);
        if (result < 0 && !e.code)
            err_set(&e, -result, "open", s->word, NULL);
        if (result < 0) {
            talk_fail(t, &e);
            return;
        }
    }
    join(t);
}

/* The beginning */

struct talk *talk_new(struct relay *r)
{
    struct talk *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    pair_init(&t->pair);
    t->relay = r;
    t->id = ++r->last_id;
    t->started_ns = r->loop.now_ns;
    t->sides[0].stream = &t->pair.a;
    t->sides[1].stream = &t->pair.b;
    t->near = r->sides[1].endpoint.listens && !r->sides[0].endpoint.listens;
    t->turn.run = begin;
    t->timer.fire = press;
    t->next = r->talks;
    if (t->next)
        t->next->at = &t->next;
    t->at = &r->talks;
    r->talks = t;
    r->n_talks++;
    loop_turn_add(&r->loop, &t->turn);
    return t;
}

/* Somebody is there, or on his way. */
static bool is_taken(const struct talk_side *s)
{
    return s->there || s->handshake.session;
}

/* The one that came first is the last of the list. */
struct talk *talk_for(struct relay *r, int side)
{
    struct talk *first = NULL;
    if (r->sides[!side].endpoint.listens)
        for (struct talk *t = r->talks; t; t = t->next)
            if (!t->over && !is_taken(&t->sides[side]) && is_taken(&t->sides[!side]))
                first = t;
    return first ? first : talk_new(r);
}
