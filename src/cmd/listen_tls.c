/* TLS for the clients of `berth listen`: the handshake before their mode begins, and the modes that
 * can't hand the socket itself to somebody else then.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "cmd/child_environment.h"
#include "cmd/commands.h"
#include "cmd/listen.h"
#include "flow/child.h"
#include "flow/farewell.h"
#include "flow/pair.h"
#include "flow/target.h"

struct tls_stage {
    struct client *client;
    struct tls_handshake handshake;
    struct tls_fault fault;
    bool shaken;
};

/* Which listeners speak TLS */

static int refuse_datagrams(const struct listener *l)
{
    _cleanup_buf_ struct buf at = BUF_INIT(512);
    target_format(&at, &l->target.address, l->target.address_n);
    return command_usage_error(&command_listen,
                               "TLS is for streams, not for %s %s; with tls:… for an endpoint "
                               "instead of --tls, that one alone speaks it",
                               listener_proto(l), buf_cstr(&at));
}

/* All, unless the endpoints tell them apart. 0, or an exit status after a message: nobody who asked
 * for TLS is to be served without. */
static int choose_listeners(struct server *s)
{
    bool some = false, all = s->a->tls.on;
    for (size_t i = 0; i < s->listeners.len; i++)
        some = some || ((struct listener *)vec_at(&s->listeners, i))->tls;
    all = all || (!some && tls_server_wanted(&s->a->tls));
    for (size_t i = 0; i < s->listeners.len && all; i++) {
        struct listener *l = vec_at(&s->listeners, i);
        if (l->target.type != SOCK_STREAM)
            return refuse_datagrams(l);
        l->tls = true;
    }
    return 0;
}

const struct listen_mode *listen_mode_of(const struct server *s, const struct listener *l)
{
    if (l->tls && s->kind == LISTEN_EXEC)
        return &listen_mode_exec_tls;
    if (l->tls && s->kind == LISTEN_REPLY)
        return &listen_mode_reply_tls;
    return s->mode;
}

static bool any_speaks_tls(const struct server *s)
{
    for (size_t i = 0; i < s->listeners.len; i++) {
        const struct listener *l = vec_at(&s->listeners, i);
        if (l->tls)
            return true;
    }
    return false;
}

/* The addresses that are listened on, for a certificate made on the spot. */
static int add_addresses(struct vec *to, struct buf *texts, const struct server *s)
{
    for (size_t i = 0; i < s->listeners.len; i++) {
        const struct listener *l = vec_at(&s->listeners, i);
        struct net_addr a;
        uint16_t port;
        if (l->wildcard || !target_get_ip(&l->target.address, &a, &port))
            continue;
        a.scope = 0;
        const size_t at = texts->len;
        net_addr_format(texts, &a);
        buf_char(texts, '\0');
        if (texts->failed)
            return -ENOMEM;
        if (vec_add(to, &(const char *){texts->data + at}) < 0)
            return -ENOMEM;
    }
    return 0;
}

int listen_tls_open(struct server *s)
{
    enum { TEXT_MAX = 1 << 16, ADDRESS_MAX = 64 };
    int status = choose_listeners(s);
    if (status || !any_speaks_tls(s))
        return status;
    if (s->kind == LISTEN_HANDOFF)
        return command_usage_error(&command_listen,
                                   "--handoff passes descriptors, which TLS isn't part of; without "
                                   "it the other process can speak TLS itself");
    _cleanup_vec_ struct vec more = VEC_INIT(const char *);
    _cleanup_buf_ struct buf texts = BUF_INIT(TEXT_MAX);
    /* The texts mustn't move while they are pointed to. */
    buf_reserve(&texts, s->listeners.len * ADDRESS_MAX);
    if (add_addresses(&more, &texts, s) < 0) {
        return listen_fail(s, -ENOMEM);
    }
    return tls_server_open(&command_listen, &s->a->tls, &more, &s->events, &s->tls);
}

/* The handshake */

static void fail(struct client *c, const struct err *e)
{
    client_over(c, &(struct client_end){
                       .why = WHY_HEADER, .words = e->hint[0] ? e->hint : NULL, .error = e->code});
}

static void begin(struct client *c)
{
    _cleanup_buf_ struct buf words = BUF_INIT(2048);
    tls_format_client(&words, &c->tls->handshake);
    client_begin(c, words.len ? buf_cstr(&words) : NULL);
}

static void shaken(struct loop *l, struct tls_handshake *h, const struct err *e)
{
    struct tls_stage *t = (struct tls_stage *)((char *)h - offsetof(struct tls_stage, handshake));
    (void)l;
    t->shaken = true;
    if (e)
        fail(t->client, e);
    else
        begin(t->client);
}

int tls_stage_start(struct client *c)
{
    struct server *s = c->worker->server;
    struct tls_stage *t = calloc(1, sizeof *t);
    struct err e = {0};
    if (!t)
        return -ENOMEM;
    t->client = c;
    t->handshake.done = shaken;
    c->tls = t;
    return tls_handshake_start(&c->worker->loop, &t->handshake, s->tls, fd_take(&c->fd),
                               &(struct tls_peer_name){.who = "the client"},
                               s->a->tls.timeout_ns / 1000000, &e);
}

bool tls_stage_runs(const struct client *c)
{
    return c->tls && !c->tls->shaken;
}

void tls_stage_take(struct client *c, struct stream *s)
{
    tls_handshake_take(&c->worker->loop, &c->tls->handshake, s, &c->tls->fault);
}

const char *tls_stage_fault(const struct client *c)
{
    return tls_fault_words(c->tls->fault);
}

void tls_stage_free(struct client *c)
{
    if (!c->tls)
        return;
    tls_handshake_drop(&c->worker->loop, &c->tls->handshake);
    free(c->tls);
    c->tls = NULL;
}

/* A reply: what the client says is dropped until it ends, for a while. */

struct client_reply_tls {
    struct client client;
    struct pair pair;
};

static void reply_over(struct loop *l, struct pair *p)
{
    struct client_reply_tls *c =
        (struct client_reply_tls *)((char *)p - offsetof(struct client_reply_tls, pair));
    struct client_end end = {.why = event_why_of(p->why),
                             .error = p->error,
                             .bytes_in = (int64_t)p->ab.bytes,
                             .bytes_out = (int64_t)p->ba.bytes};
    (void)l;
    if (end.why == WHY_IDLE) /* all was said */
        end.why = WHY_ENDED;
    client_over(&c->client, &end);
}

static int start_reply(struct client *client)
{
    struct pair *p = &((struct client_reply_tls *)client)->pair;
    struct worker *w = client->worker;
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    _cleanup_fd_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0)
        return -errno;
    listen_reply_text(&text, client);
    pair_init(p);
    client_stream(client, &p->a);
    stream_init_own(&p->b, -1, fd_take(&null));
    p->idle_ns = (uint64_t)FAREWELL_LINGER_MS * 1000000;
    p->over = reply_over;
    int result = pump_put(&p->ba, text.data, text.len);
    if (result == 0)
        result = pair_start(&w->loop, p, w->scratch);
    if (result < 0) {
        stream_close(&w->loop, &p->a);
        stream_close(&w->loop, &p->b);
    }
    return result;
}

static void stop_reply(struct client *client, enum event_why why)
{
    (void)why;
    pair_stop(&client->worker->loop, &((struct client_reply_tls *)client)->pair);
}

const struct listen_mode listen_mode_reply_tls = {sizeof(struct client_reply_tls), false, false,
                                                  start_reply, stop_reply};
