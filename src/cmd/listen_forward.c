/* `berth listen --forward`: each client is joined to a far end of its own. */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/err.h"
#include "cmd/commands.h"
#include "cmd/listen.h"
#include "cmd/pairing.h"
#include "flow/hook_escape.h"
#include "flow/pair.h"
#include "flow/proxy_header.h"

enum { WORDS_MAX = 1 << 12 };

struct client_forward {
    struct client client;
    struct far far;
    struct pair pair;
    struct dgram *near;
    struct hook_escape escape;
    struct client_end end;
    bool joined;
    bool parted; /* the conversation is over, its process may not be */
};

static struct client_forward *of_far(struct far *f)
{
    return (struct client_forward *)((char *)f - offsetof(struct client_forward, far));
}

/* The end */

static void over(struct client_forward *c, bool kill)
{
    _cleanup_buf_ struct buf words = BUF_INIT(WORDS_MAX);
    struct client_end end = c->end;
    int status = c->far.end.child.status;
    if (end.words) {
        buf_str(&words, end.words);
        end.words = buf_cstr(&words);
    }
    if (end.why == WHY_ENDED && status) {
        end.why = WHY_EXITED;
        end.status = status;
    }
    if (c->joined)
        hook_escape_clear(&c->escape);
    far_close(&c->far, kill);
    client_over(&c->client, &end);
}

/* A process may go on to its own end, unless something went wrong. */
static void part(struct client_forward *c, const struct client_end *end)
{
    c->parted = true;
    c->end = *end;
    if (!far_runs(&c->far))
        over(c, false);
    else if (end->why != WHY_ENDED)
        far_press(&c->far);
}

static void exited(struct far *f)
{
    struct client_forward *c = of_far(f);
    if (c->parted)
        over(c, false);
}

static void pair_over(struct loop *l, struct pair *p)
{
    struct client_forward *c =
        (struct client_forward *)((char *)p - offsetof(struct client_forward, pair));
    struct client_end end = {.why = event_why_of(p->why),
                             .error = p->error,
                             .words = tls_fault_words(c->far.fault),
                             .bytes_in = (int64_t)p->ab.bytes,
                             .bytes_out = (int64_t)p->ba.bytes};
    (void)l;
    if (end.words) {
        end.why = WHY_FAR_FAILED;
        end.error = EPROTO;
    }
    part(c, &end);
}

/* Without a conversation. */
static void give_up(struct client_forward *c, const struct client_end *end)
{
    struct loop *l = &c->client.worker->loop;
    far_cancel(&c->far);
    stream_close(l, &c->pair.a);
    stream_close(l, &c->pair.b);
    part(c, end);
}

static void stop(struct client *client, enum event_why why)
{
    struct client_forward *c = (struct client_forward *)client;
    if (c->parted && c->far.pressed)
        over(c, true);
    else if (c->parted)
        far_press(&c->far);
    else if (c->joined)
        pair_stop(&client->worker->loop, &c->pair);
    else
        give_up(c, &(struct client_end){.why = why});
}

/* The beginning */

/* Before anything else, TLS included. A connection just made has room for it. */
static int send_header(struct far *f, int fd)
{
    const struct client *client = &of_far(f)->client;
    int version = client->worker->server->a->send_proxy;
    _cleanup_buf_ struct buf header = BUF_INIT(512);
    if (!version)
        return 0;
    proxy_header_format(&header, version, true, &client->peer, &client->local);
    ssize_t put = send(fd, header.data, header.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return put < 0 ? -errno : (size_t)put == header.len ? 0 : -EAGAIN;
}

static void escape(struct client_forward *c, const struct pairing_side sides[2])
{
    hook_escape_init(&c->escape);
    if (pairing_escapes(&c->pair, sides, 0) && !c->client.worker->server->a->raw)
        c->pair.ab.hooks = &c->escape.hook;
}

static int join(struct client_forward *c)
{
    struct pair *p = &c->pair;
    const struct server *s = c->client.worker->server;
    if (!c->client.dgram_peer)
        c->near = client_stream(&c->client, &p->a);
    const struct pairing_side sides[2] = {{ENDPOINT_TCP, c->near}, /* some socket */
                                          {s->forward_to.scheme, c->far.datagrams}};
    pairing_set(p, sides);
    escape(c, sides);
    c->joined = true;
    p->ab.rate = client_rate(&c->client, &c->client.rate_in);
    p->ba.rate = client_rate(&c->client, &c->client.rate_out);
    p->idle_ns = client_idle_ns(&c->client);
    p->lifetime_ns = s->a->lifetime_ns;
    p->over = pair_over;
    return pair_start(&c->client.worker->loop, p, c->client.worker->scratch);
}

static void tell_joined(const struct client_forward *c)
{
    struct event e = client_event(&c->client, EVENT_JOINED);
    e.far = &c->far.address;
    e.far_n = c->far.address_n;
    e.words = c->far.words;
    if (e.far_n)
        flow_events_show(&c->client.worker->server->events, &e);
}

static void opened(struct far *f, const struct err *e)
{
    struct client_forward *c = of_far(f);
    struct client_end end = {.why = WHY_FAR_FAILED, .words = e ? f->words : NULL};
    if (f->datagrams)
        client_tell_troubles(&c->client, f->datagrams);
    if (!e)
        tell_joined(c);
    end.error = e ? e->code : -join(c);
    if (end.error)
        give_up(c, &end);
}

static int start(struct client *client)
{
    struct client_forward *c = (struct client_forward *)client;
    struct worker *w = client->worker;
    const struct event near = client_event(client, EVENT_OPENED);
    pair_init(&c->pair);
    if (client->dgram_peer) /* its datagrams wait in the stream */
        c->near = client_stream(client, &c->pair.a);
    c->far.stream = &c->pair.b;
    c->far.opened = opened;
    c->far.exited = exited;
    c->far.greet = send_header;
    int result = far_open(&c->far, &w->forward, &(struct far_how){.near = &near});
    if (result < 0) {
        stream_close(&w->loop, &c->pair.a);
        far_close(&c->far, true);
    }
    return result;
}

const struct listen_mode listen_mode_forward = {sizeof(struct client_forward), false, false, start,
                                                stop};

/* What it needs */

/* Verified as berth connect does it, without options of its own: relay has them. */
static int prepare_tls(struct server *s)
{
    static const struct tls_words words = {
        .name = "berth relay with --tls-to-name",
        .ca = "berth relay with --tls-to-ca",
        .trust = "put it into the system's store or use berth relay with --tls-to-ca",
        .least = "berth relay has --tls-to-min",
        .alpn = "berth relay has --tls-to-alpn"};
    const struct tls_client_arguments usual = {.on = true};
    s->forward_host = BUF_INIT(512);
    s->forward.reach.tls_name = tls_client_name(&usual, &s->forward_to, &s->forward_host);
    return tls_client_open(&command_listen, &usual, &words, &s->events, &s->forward.reach.tls);
}

/* What there is only once has one client, or one at a time. */
static int bound_clients(struct server *s)
{
    s->once = s->once || far_plan_is_unique(&s->forward);
    if (far_plan_is_single(&s->forward))
        s->accept.max = 1;
    if (s->once && s->a->workers > 1)
        return command_usage_error(&command_listen,
                                   "--forward: '%s' is there once, --workers "
                                   "would share it",
                                   s->a->forward);
    if (s->a->send_proxy && end_is_for(s->forward_to.scheme))
        return command_usage_error(&command_listen, "--send-proxy goes with a connection, not '%s'",
                                   s->a->forward);
    return 0;
}

int listen_forward_prepare(struct server *s)
{
    struct err e = {0};
    if (endpoint_parse(s->a->forward, 0, &s->forward_to, &e) < 0)
        return command_usage_error(&command_listen, "--forward: '%s': %s", s->a->forward, e.hint);
    s->forward = (struct far_plan){.reach = {.endpoint = &s->forward_to, .word = s->a->forward},
                                   .role = END_SINK,
                                   .explains = true};
    int status = bound_clients(s);
    if (status)
        return status;
    if (far_plan_prepare(&s->forward, &e) < 0) {
        flow_events_err(&s->events, EVENT_FAILED, &e);
        return EXIT_NO;
    }
    return s->forward_to.scheme == ENDPOINT_TLS ? prepare_tls(s) : 0;
}

void listen_forward_clear(struct server *s)
{
    far_plan_clear(&s->forward);
    tls_context_free(s->forward.reach.tls);
    buf_free(&s->forward_host);
}
