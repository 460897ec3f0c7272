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
#include "cmd/relay.h"

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
    e.peer = &s->remote;
    e.peer_n = s->remote_n;
    return e;
}

/* The end */

static void finish(struct talk *t)
{
    struct relay *r = t->relay;
    loop_turn_stop(&r->loop, &t->turn);
    *t->at = t->next;
    if (t->next)
        t->next->at = t->at;
    r->n_talks--;
    for (int i = 0; i < SIDES; i++)
        if (t->sides[i].counted)
            accept_gone(&r->shared);
    relay_hooks_clear(t);
    relay_talk_over(r, t);
    for (int i = 0; i < SIDES; i++)
        far_close(&t->sides[i].far, false);
    free(t);
}

static bool runs(const struct talk *t)
{
    return far_runs(&t->sides[0].far) || far_runs(&t->sides[1].far);
}

static void press(struct talk *t)
{
    for (int i = 0; i < SIDES; i++)
        far_press(&t->sides[i].far);
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
        press(t);
}

static struct talk *of_far(struct far *f)
{
    return ((struct talk_side *)((char *)f - offsetof(struct talk_side, far)))->talk;
}

static void exited(struct far *f)
{
    struct talk *t = of_far(f);
    if (t->over && !runs(t))
        finish(t);
}

/* Who came mustn't take it for an answer that is empty. */
static void reset_later(const struct talk_side *s)
{
    if (s->handshake.session)
        accept_will_reset(s->handshake.fd);
    else if (s->counted && s->stream->in_kind == STREAM_TCP)
        accept_will_reset(s->stream->in);
}

/* Without a conversation yet. */
static void give_up(struct talk *t, enum event_why why, int error)
{
    for (int i = 0; i < SIDES; i++) {
        reset_later(&t->sides[i]);
        far_cancel(&t->sides[i].far);
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
        press(t);
    else if (t->joined)
        pair_stop(loop_of(t), &t->pair);
    else
        give_up(t, why, 0);
}

void talk_drop(struct talk *t)
{
    for (int i = 0; i < SIDES; i++)
        child_signal(&t->sides[i].far.end.child, SIGKILL);
    finish(t);
}

/* Joining the sides */

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
    const struct pairing_side sides[SIDES] = {
        {endpoint_of(t, 0)->scheme, t->sides[0].datagrams},
        {endpoint_of(t, 1)->scheme, t->sides[1].datagrams},
    };
    p->over = pair_over;
    set_limits(t);
    pairing_set(p, sides);
    relay_hooks_add(t, sides);
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

void talk_tell_opened(struct talk *t, int side, const char *words)
{
    t->near = side;
    t->told = true;
    struct event e = talk_event(t, EVENT_OPENED);
    e.words = words;
    relay_tell(t->relay, &e);
}

static void tell_joined(const struct talk *t, const struct far *f)
{
    struct event e = talk_event(t, EVENT_JOINED);
    e.far = &f->address;
    e.far_n = f->address_n;
    e.words = f->words;
    if (e.far_n)
        relay_tell(t->relay, &e);
}

void talk_take_socket(struct talk *t, int side, int fd)
{
    struct talk_side *s = &t->sides[side];
    if (t->relay->sides[side].tls) {
        turn_nagle_off(t->relay, fd);
        talk_start_tls(t, side, fd);
        return;
    }
    talk_tell_opened(t, side, NULL);
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

void talk_fail(struct talk *t, const struct err *e, const char *words)
{
    t->trouble = *e;
    t->words = words ? words : e->hint[0] ? t->trouble.hint : t->trouble.subject;
    give_up(t, WHY_FAR_FAILED, e->code);
}

static void opened(struct far *f, const struct err *e)
{
    struct talk_side *s = (struct talk_side *)((char *)f - offsetof(struct talk_side, far));
    struct talk *t = s->talk;
    int side = s == &t->sides[1];
    if (e) {
        talk_fail(t, e, f->words);
        return;
    }
    tell_joined(t, f);
    s->datagrams = f->datagrams;
    if (s->datagrams)
        talk_tell_troubles(t, side);
    talk_side_is_there(t, side);
}

static int open_side(struct talk *t, int side)
{
    struct relay *r = t->relay;
    struct far *f = &t->sides[side].far;
    struct winsize size;
    const struct event near = talk_event(t, EVENT_OPENED);
    struct far_how how = {.near = t->sides[t->near].listener ? &near : NULL};
    if (r->keyboard.kept && ioctl(r->keyboard.fd, TIOCGWINSZ, &size) == 0)
        how.size = &size;
    f->stream = t->sides[side].stream;
    f->opened = opened;
    f->exited = exited;
    return far_open(f, &r->sides[side].place, &how);
}

/* Opens what nobody comes to. */
static void begin(struct loop *l, struct loop_turn *turn)
{
    struct talk *t = (struct talk *)((char *)turn - offsetof(struct talk, turn));
    (void)l;
    for (int i = 0; i < SIDES; i++) {
        struct err e = {0};
        const struct relay_side *s = &t->relay->sides[i];
        int result = s->endpoint.listens ? 0 : open_side(t, i);
        if (result < 0) {
            err_set(&e, -result, "open", s->word, NULL);
            talk_fail(t, &e, NULL);
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
    t->sides[0] = (struct talk_side){.stream = &t->pair.a, .talk = t};
    t->sides[1] = (struct talk_side){.stream = &t->pair.b, .talk = t};
    t->near = r->sides[1].endpoint.listens && !r->sides[0].endpoint.listens;
    t->turn.run = begin;
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
