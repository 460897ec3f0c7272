/* A client of `berth listen` from its accept to its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/time.h"
#include "cmd/listen.h"

struct event client_event(const struct client *c, enum event_kind kind)
{
    return (struct event){.kind = kind,
                          .id = c->id,
                          .proto = listener_proto(c->listener),
                          .local = &c->local,
                          .local_n = c->local_n,
                          .peer = &c->peer,
                          .peer_n = c->peer_n};
}

struct rate *client_rate(struct client *c, struct rate *r)
{
    r->per_second = c->worker->server->a->rate_bytes;
    return r->per_second ? r : NULL;
}

static void link_client(struct client *c)
{
    struct worker *w = c->worker;
    c->next = w->clients;
    if (c->next)
        c->next->at = &c->next;
    w->clients = c;
    c->at = &w->clients;
    w->n_clients++;
}

static void unlink_client(struct client *c)
{
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    c->worker->n_clients--;
}

static struct client *new_client(struct worker_listener *l, int fd,
                                 const struct sockaddr_storage *peer, socklen_t n)
{
    struct client *c = calloc(1, listen_mode_of(l->worker->server, l->listener)->size);
    if (!c)
        return NULL;
    c->worker = l->worker;
    c->listener = l->listener;
    c->fd = fd;
    c->started_ns = l->worker->loop.now_ns;
    memcpy(&c->peer, peer, n < sizeof c->peer ? n : sizeof c->peer);
    c->peer_n = n;
    return c;
}

void client_accept(struct worker_listener *l, int fd, const struct sockaddr_storage *peer,
                   socklen_t n)
{
    struct server *s = l->worker->server;
    struct client *c = new_client(l, fd, peer, n);
    struct err e = {0};
    if (!c) {
        accept_reset(fd);
        accept_gone(&s->accept);
        return;
    }
    c->id = atomic_fetch_add(&s->last_id, 1) + 1;
    c->local_n = listener_local(c->listener, c->fd, &c->local);
    link_client(c);
    open_accepted(fd, &c->listener->target, &s->options, &e); /* it can do without */
    if (!s->a->proxy_protocol) {
        client_go_on(c);
        return;
    }
    int result = header_stage_start(c);
    if (result < 0)
        client_over(c, &(struct client_end){.why = WHY_FAR_FAILED, .error = -result});
}

void client_go_on(struct client *c)
{
    if (!c->listener->tls) {
        client_begin(c, NULL);
        return;
    }
    int result = tls_stage_start(c);
    if (result < 0)
        client_over(c, &(struct client_end){.why = WHY_FAR_FAILED, .error = -result});
}

void client_begin(struct client *c, const char *words)
{
    struct server *s = c->worker->server;
    struct event e = client_event(c, EVENT_OPENED);
    e.words = words;
    flow_events_show(&s->events, &e);
    c->opened = true;
    int result = listen_mode_of(s, c->listener)->start(c);
    if (result < 0)
        client_over(c, &(struct client_end){.why = WHY_FAR_FAILED, .error = -result});
}

struct peer *client_hear(struct worker_listener *l, const struct peer *heard)
{
    struct worker *w = l->worker;
    struct client *c = new_client(l, -1, &heard->address, heard->address_n);
    struct peer *peer = c ? calloc(1, sizeof *peer) : NULL;
    if (!peer) {
        free(c);
        return NULL;
    }
    c->id = atomic_fetch_add(&w->server->last_id, 1) + 1;
    c->heard = heard;
    c->dgram_peer = peer;
    c->local = heard->local;
    c->local_n = heard->local_n;
    link_client(c);
    atomic_fetch_add(&w->server->peers, 1);
    w->coming = c;
    client_begin(c, NULL);
    struct client *left = w->coming; /* it may be over already */
    w->coming = NULL;
    if (!left)
        return NULL;
    left->heard = NULL;
    return left->dgram_peer;
}

uint64_t client_idle_ns(const struct client *c)
{
    uint64_t chosen = c->worker->server->a->idle_ns;
    return chosen || !c->dgram_peer ? chosen : (uint64_t)PEERS_IDLE_S * 1000000000;
}

static void tell_trouble(struct dgram *d, enum dgram_trouble what)
{
    const struct client *c = d->owner;
    struct event e = client_event(c, EVENT_TROUBLE);
    e.words = dgram_trouble_words(what);
    flow_events_show(&c->worker->server->events, &e);
}

struct dgram *client_tell_troubles(struct client *c, struct dgram *d)
{
    d->trouble = tell_trouble;
    d->owner = c;
    return d;
}

struct dgram *client_stream(struct client *c, struct stream *ret)
{
    if (c->dgram_peer) {
        peer_init(c->dgram_peer, c->heard, ret);
        return client_tell_troubles(c, &c->dgram_peer->dgram);
    }
    if (c->tls) {
        tls_stage_take(c, ret);
        return NULL;
    }
    int fd = fd_take(&c->fd);
    if (c->listener->target.type == SOCK_SEQPACKET)
        c->packets = calloc(1, sizeof *c->packets);
    if (!c->packets) {
        stream_init_socket(ret, fd);
        return NULL;
    }
    dgram_init_stream(c->packets, ret, fd);
    return client_tell_troubles(c, c->packets);
}

static void count(struct server *s, const struct client_end *end)
{
    if (end->bytes_in > 0)
        atomic_fetch_add(&s->bytes_in, (uint64_t)end->bytes_in);
    if (end->bytes_out > 0)
        atomic_fetch_add(&s->bytes_out, (uint64_t)end->bytes_out);
    bool well = end->why == WHY_ENDED || end->why == WHY_PASSED ||
                (end->why == WHY_EXITED && end->status == 0);
    if (!well)
        atomic_store(&s->failed, 1);
}

static void tell(struct client *c, const struct client_end *end)
{
    struct event e = client_event(c, c->opened ? EVENT_CLOSED : EVENT_REFUSED);
    e.why = end->why;
    e.error = end->error;
    e.status = end->status;
    e.words = end->words ? end->words : c->opened ? NULL : "it can't be served";
    e.bytes_in = end->bytes_in;
    e.bytes_out = end->bytes_out;
    e.duration_ns = time_monotonic_ns() - c->started_ns;
    flow_events_show(&c->worker->server->events, &e);
}

/* An end that may be somebody else's work isn't a good one. */
static void judge_end(const struct client *c, struct client_end *end)
{
    const char *fault = c->tls ? tls_stage_fault(c) : NULL;
    if (!fault || end->words)
        return;
    end->words = fault;
    if (end->why == WHY_ENDED) {
        end->why = WHY_PEER_FAILED;
        end->error = EPROTO;
    }
}

void client_over(struct client *c, const struct client_end *how)
{
    struct worker *w = c->worker;
    struct server *s = w->server;
    struct client_end judged = *how;
    const struct client_end *end = &judged;
    judge_end(c, &judged);
    count(s, end);
    if (!c->opened)
        atomic_fetch_add(&s->refused, 1);
    tell(c, end);
    if (c->fd >= 0)
        accept_reset(fd_take(&c->fd));
    tls_stage_free(c);
    unlink_client(c);
    if (c->dgram_peer)
        atomic_fetch_sub(&s->peers, 1);
    bool comes = w->coming == c;
    if (comes)
        w->coming = NULL; /* whoever let it in counts it out */
    else
        accept_gone(&s->accept);
    free(c->dgram_peer);
    free(c->packets);
    free(c);
    worker_client_gone(w);
}

void client_stop(struct client *c, enum event_why why)
{
    if (c->header) {
        header_stage_drop(c);
        client_over(c, &(struct client_end){.why = why});
        return;
    }
    if (tls_stage_runs(c)) {
        client_over(c, &(struct client_end){.why = why, .words = "stopped in TLS's handshake"});
        return;
    }
    listen_mode_of(c->worker->server, c->listener)->stop(c, why);
}
