/* `berth listen --forward`: each client is joined to a connection of its own to another place. */
#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "cmd/commands.h"
#include "cmd/listen.h"
#include "cmd/targets.h"
#include "flow/dial.h"
#include "flow/pair.h"
#include "flow/proxy_header.h"

struct client_forward {
    struct client client;
    struct dial dial;
    struct pair pair;
    struct dgram *near, far;
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

static int put_header(struct client_forward *c)
{
    const struct client *client = &c->client;
    int version = client->worker->server->a->send_proxy;
    _cleanup_buf_ struct buf header = BUF_INIT(512);
    if (!version)
        return 0;
    proxy_header_format(&header, version, true, &client->peer, &client->local);
    return pump_put(&c->pair.ab, header.data, header.len);
}

static int join(struct client_forward *c, const struct dial *d, int far)
{
    struct pair *p = &c->pair;
    const struct listen_arguments *a = c->client.worker->server->a;
    struct dgram *beyond = NULL;
    if (!c->client.dgram_peer)
        c->near = client_stream(&c->client, &p->a);
    if (d->winner->target->type == SOCK_STREAM)
        stream_init_socket(&p->b, far);
    else
        dgram_init_stream(beyond = &c->far, &p->b, far);
    dgram_join(p, c->near, beyond);
    c->joined = true;
    p->ab.rate = client_rate(&c->client, &c->client.rate_in);
    p->ba.rate = client_rate(&c->client, &c->client.rate_out);
    p->idle_ns = client_idle_ns(&c->client);
    p->lifetime_ns = a->lifetime_ns;
    p->over = over;
    int result = put_header(c);
    if (result == 0)
        result = pair_start(&c->client.worker->loop, p, c->client.worker->scratch);
    if (result < 0) {
        stream_close(&c->client.worker->loop, &p->a);
        stream_close(&c->client.worker->loop, &p->b);
    }
    return result;
}

static void connected(struct loop *l, struct dial *d)
{
    struct client_forward *c =
        (struct client_forward *)((char *)d - offsetof(struct client_forward, dial));
    struct client_end end = {.why = WHY_FAR_FAILED};
    int fd = dial_take(d);
    if (fd < 0) {
        end.error = d->attempts[0].error.code;
        end.words = c->client.worker->server->a->forward;
        dial_clear(l, d);
        stream_close(l, &c->pair.a);
        client_over(&c->client, &end);
        return;
    }
    int result = join(c, d, fd);
    dial_clear(l, d);
    if (result < 0) {
        end.error = -result;
        client_over(&c->client, &end);
    }
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
    stream_close(&client->worker->loop, &c->pair.a);
    client_over(client, &(struct client_end){.why = why});
}

const struct listen_mode listen_mode_forward = {sizeof(struct client_forward), false, false, start,
                                                stop};

int listen_forward_prepare(struct server *s)
{
    struct endpoint ep;
    struct err e = {0};
    if (endpoint_parse(s->a->forward, ENDPOINT_SOCKETS_ONLY, &ep, &e) < 0)
        return command_usage_error(&command_listen, "--forward: '%s': %s", s->a->forward, e.hint);
    struct targets_question q = {.endpoint = &ep};
    if (targets_find(&q, &s->forward, &e) == 0)
        return 0;
    err_print(&e, stderr);
    return EXIT_NO;
}
