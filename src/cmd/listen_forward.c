/* `berth listen --forward`: each client is joined to a connection of its own to another place. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "cmd/commands.h"
#include "cmd/listen.h"
#include "cmd/targets.h"
#include "cmd/tls_options.h"
#include "flow/dial.h"
#include "flow/ends.h"
#include "flow/pair.h"
#include "flow/proxy_header.h"

struct client_forward {
    struct client client;
    struct dial dial;
    struct pair pair;
    struct dgram *near, far;
    struct tls_handshake handshake; /* with the far side */
    bool joined;
};

static void over(struct loop *l, struct pair *p)
{
    struct client_forward *c =
        (struct client_forward *)((char *)p - offsetof(struct client_forward, pair));
    struct client_end end = {.why = event_why_of(p->why),
                             .error = p->error,
                             .bytes_in = (int64_t)p->ab.bytes,
                             .bytes_out = (int64_t)p->ba.bytes};
    (void)l;
    client_over(&c->client, &end);
}

/* Before anything else, TLS included. A connection just made has room for it. */
static int send_header(const struct client_forward *c, int fd)
{
    const struct client *client = &c->client;
    int version = client->worker->server->a->send_proxy;
    _cleanup_buf_ struct buf header = BUF_INIT(512);
    if (!version)
        return 0;
    proxy_header_format(&header, version, true, &client->peer, &client->local);
    ssize_t put = send(fd, header.data, header.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return put < 0 ? -errno : (size_t)put == header.len ? 0 : -EAGAIN;
}

static void fail(struct client_forward *c, int error, const char *words)
{
    stream_close(&c->client.worker->loop, &c->pair.a);
    client_over(&c->client, &(struct client_end){
                                .why = WHY_FAR_FAILED,
                                .error = error,
                                .words = words ? words : c->client.worker->server->a->forward});
}

/* p->b is set. */
static int join(struct client_forward *c, struct dgram *beyond)
{
    struct pair *p = &c->pair;
    const struct listen_arguments *a = c->client.worker->server->a;
    if (!c->client.dgram_peer)
        c->near = client_stream(&c->client, &p->a);
    dgram_join(p, c->near, beyond);
    c->joined = true;
    p->ab.rate = client_rate(&c->client, &c->client.rate_in);
    p->ba.rate = client_rate(&c->client, &c->client.rate_out);
    p->idle_ns = client_idle_ns(&c->client);
    p->lifetime_ns = a->lifetime_ns;
    p->over = over;
    int result = pair_start(&c->client.worker->loop, p, c->client.worker->scratch);
    if (result < 0)
        stream_close(&c->client.worker->loop, &p->b);
    return result;
}

static void secured(struct loop *l, struct tls_handshake *h, const struct err *e)
{
    struct client_forward *c =
        (struct client_forward *)((char *)h - offsetof(struct client_forward, handshake));
    if (e) {
        tls_handshake_drop(l, h);
        fail(c, e->code, e->hint[0] ? e->hint : NULL);
        return;
    }
    tls_handshake_take(l, h, &c->pair.b, NULL);
    int result = join(c, NULL);
    if (result < 0)
        fail(c, -result, NULL);
}

static void secure(struct loop *l, struct client_forward *c, int fd)
{
    const struct server *s = c->client.worker->server;
    struct err e = {0};
    c->handshake.done = secured;
    if (tls_handshake_start(l, &c->handshake, s->forward_tls, fd, &s->forward_name, 0, &e) < 0)
        fail(c, e.code, e.hint[0] ? e.hint : NULL);
}

static void connected(struct loop *l, struct dial *d)
{
    struct client_forward *c =
        (struct client_forward *)((char *)d - offsetof(struct client_forward, dial));
    int fd = dial_take(d), error = fd < 0 ? d->attempts[0].error.code : 0;
    bool stream = fd >= 0 && d->winner->target->type == SOCK_STREAM;
    dial_clear(l, d);
    if (fd >= 0)
        error = -send_header(c, fd);
    if (error) {
        fd_close(&fd);
        fail(c, error, NULL);
        return;
    }
    if (c->client.worker->server->forward_tls) {
        secure(l, c, fd);
        return;
    }
    if (stream) {
        stream_init_socket(&c->pair.b, fd);
    } else {
        dgram_init_stream(&c->far, &c->pair.b, fd);
        client_tell_troubles(&c->client, &c->far);
    }
    int result = join(c, stream ? NULL : &c->far);
    if (result < 0)
        fail(c, -result, NULL);
}

static int start(struct client *client)
{
    struct client_forward *c = (struct client_forward *)client;
    struct server *s = client->worker->server;
    pair_init(&c->pair);
    if (client->dgram_peer) /* its datagrams wait in the stream */
        c->near = client_stream(client, &c->pair.a);
    int result = dial_init(&c->dial, s->forward.items, s->forward.len);
    if (result < 0)
        return result;
    c->dial.done = connected;
    result = dial_start(&client->worker->loop, &c->dial);
    if (result < 0) {
        dial_clear(&client->worker->loop, &c->dial);
        stream_close(&client->worker->loop, &c->pair.a);
    }
    return result;
}

static void stop(struct client *client, enum event_why why)
{
    struct client_forward *c = (struct client_forward *)client;
    if (c->joined) {
        pair_stop(&client->worker->loop, &c->pair);
        return;
    }
    dial_clear(&client->worker->loop, &c->dial);
    tls_handshake_drop(&client->worker->loop, &c->handshake);
    stream_close(&client->worker->loop, &c->pair.a);
    client_over(client, &(struct client_end){.why = why});
}

const struct listen_mode listen_mode_forward = {sizeof(struct client_forward), false, false, start,
                                                stop};

/* Verified as berth connect does it, without options of its own. */
static int prepare_tls(struct server *s, const struct endpoint *ep)
{
    const struct tls_client_arguments usual = {.on = true};
    _cleanup_buf_ struct buf text = BUF_INIT(512);
    const char *name = tls_client_name(&usual, ep, &text);
    s->forward_host = BUF_INIT(512);
    s->forward_name.who = s->a->forward;
    if (name) { /* it may lie in *ep */
        buf_str(&s->forward_host, name);
        s->forward_name.name = buf_cstr(&s->forward_host);
    }
    return tls_client_open(&command_listen, &usual, &s->forward_tls);
}

int listen_forward_prepare(struct server *s)
{
    struct endpoint ep;
    struct err e = {0};
    if (endpoint_parse(s->a->forward, 0, &ep, &e) < 0)
        return command_usage_error(&command_listen, "--forward: '%s': %s", s->a->forward, e.hint);
    if (end_is_for(ep.scheme))
        return command_usage_error(&command_listen,
                                   "--forward: '%s' is no socket; --exec runs a process, --save "
                                   "writes files, and berth relay joins any two ends",
                                   s->a->forward);
    struct targets_question q = {.endpoint = &ep};
    if (targets_find(&q, &s->forward, &e) < 0) {
        err_print(&e, stderr);
        return EXIT_NO;
    }
    targets_prefer_heard(&ep, &s->forward);
    return ep.scheme == ENDPOINT_TLS ? prepare_tls(s, &ep) : 0;
}
