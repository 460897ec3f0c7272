/* The two ends of `berth relay`: what the words stand for, and who comes to them. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "cmd/commands.h"
#include "cmd/relay.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262 /* linux/in.h since 5.6 */
#endif

/* The words */

static int read_side(struct relay *r, int i, const char *word)
{
    struct relay_side *s = &r->sides[i];
    struct err e;
    s->word = word;
    if (endpoint_parse(word, ENDPOINT_MAY_LISTEN, &s->endpoint, &e) < 0)
        return command_usage_error(&command_relay, "'%s': %s", e.subject, e.hint);
    s->plan.reach.endpoint = &s->endpoint;
    r->listens = r->listens || s->endpoint.listens;
    return 0;
}

/* What there is only once: whoever has it, has it to the end. */
static int check(struct relay *r)
{
    const struct relay_side *a = &r->sides[0], *b = &r->sides[1];
    if (far_plan_is_unique(&a->plan) && a->endpoint.scheme == b->endpoint.scheme &&
        a->endpoint.fd == b->endpoint.fd)
        return command_usage_error(&command_relay, "'%s' can't be both ends", a->word);
    r->single =
        !r->listens || r->a->once || far_plan_is_unique(&a->plan) || far_plan_is_unique(&b->plan);
    if (far_plan_is_single(&a->plan) || far_plan_is_single(&b->plan))
        r->shared.max = 1; /* the others wait */
    return 0;
}

static int protocol_of(const struct relay *r)
{
    return r->a->options.mptcp ? IPPROTO_MPTCP : 0;
}

static int family_of(const struct relay *r)
{
    return r->a->ipv4 ? AF_INET : r->a->ipv6 ? AF_INET6 : AF_UNSPEC;
}

static int listen_at(struct relay *r, struct relay_side *s)
{
    const struct listeners_how how = {.open = {.options = &r->options,
                                               .backlog = r->a->backlog ? (int)r->a->backlog : -1,
                                               .unlink = true},
                                      .family = family_of(r),
                                      .protocol = protocol_of(r),
                                      .events = &r->a->events};
    return listeners_open(&s->listeners, &s->endpoint, &how);
}

static int prepare(struct relay *r, struct relay_side *s)
{
    struct err e = {0};
    s->plan = (struct far_plan){.reach = {.endpoint = &s->endpoint,
                                          .word = s->word,
                                          .family = family_of(r),
                                          .protocol = protocol_of(r),
                                          .options = &r->options},
                                .role = s == &r->sides[0] ? END_SOURCE : END_SINK,
                                .timeout_ns = r->a->timeout_ns,
                                .tls_info = r->a->tls_to.info ? &r->a->events : NULL,
                                .explains = r->listens};
    if (far_plan_prepare(&s->plan, &e) == 0)
        return 0;
    flow_events_err(&r->a->events, EVENT_FAILED, &e);
    return EXIT_NO;
}

int relay_ends_open(struct relay *r, const struct command_words *words)
{
    int status = 0;
    for (int i = 0; i < SIDES && status == 0; i++)
        status = read_side(r, i, words->words[i]);
    if (status == 0)
        status = check(r);
    /* What can't be reached is told before anybody may come. */
    for (int i = 0; i < SIDES && status == 0; i++)
        if (!r->sides[i].endpoint.listens)
            status = prepare(r, &r->sides[i]);
    for (int i = 0; i < SIDES && status == 0; i++)
        if (r->sides[i].endpoint.listens)
            status = listen_at(r, &r->sides[i]);
    return status ? status : relay_tls_open(r);
}

/* Who comes */

static void find_addresses(struct talk_side *s, const struct listener *l,
                           const struct sockaddr_storage *peer, socklen_t n)
{
    s->listener = l;
    s->local = l->target.address;
    s->local_n = l->target.address_n;
    memcpy(&s->remote, peer, n < sizeof s->remote ? n : sizeof s->remote);
    s->remote_n = n;
}

/* The first is the only one. */
static void came_one(struct relay *r)
{
    if (r->single && r->sides[0].endpoint.listens != r->sides[1].endpoint.listens)
        relay_ends_stop(r);
}

static void accepted(struct loop *l, struct acceptor *a, int fd,
                     const struct sockaddr_storage *peer, socklen_t n)
{
    struct relay_listener *from =
        (struct relay_listener *)((char *)a - offsetof(struct relay_listener, acceptor));
    struct relay *r = from->relay;
    struct talk *t = talk_for(r, from->side);
    struct err e = {0};
    (void)l;
    if (!t) {
        accept_reset(fd);
        accept_gone(&r->shared);
        return;
    }
    struct talk_side *s = &t->sides[from->side];
    find_addresses(s, from->listener, peer, n);
    s->local_n = listener_local(from->listener, fd, &s->local);
    s->counted = true;
    open_accepted(fd, &from->listener->target, &r->options, &e); /* it can do without */
    came_one(r);
    talk_take_socket(t, from->side, fd);
}

static struct peer *heard(struct loop *l, struct peers *p, const struct peer *peer)
{
    struct relay_listener *from = p->owner;
    struct talk *t = talk_for(from->relay, from->side);
    (void)l;
    if (!t)
        return NULL;
    struct talk_side *s = &t->sides[from->side];
    find_addresses(s, from->listener, &peer->address, peer->address_n);
    s->local = peer->local;
    s->local_n = peer->local_n;
    peer_init(&s->peer, peer, s->stream);
    s->datagrams = &s->peer.dgram;
    talk_tell_troubles(t, from->side);
    s->there = s->counted = true;
    talk_tell_opened(t, from->side, NULL);
    came_one(from->relay);
    return &s->peer;
}

static void tell_refused(struct relay_listener *from, struct event *e, enum accept_refusal why)
{
    e->kind = EVENT_REFUSED;
    e->proto = listener_proto(from->listener);
    e->words = flow_event_refusal(why);
    relay_tell(from->relay, e);
}

static void refused(struct loop *l, struct acceptor *a, int fd, const struct sockaddr_storage *peer,
                    socklen_t n, enum accept_refusal why)
{
    struct relay_listener *from =
        (struct relay_listener *)((char *)a - offsetof(struct relay_listener, acceptor));
    struct sockaddr_storage local;
    struct event e = {.local = &local, .peer = peer, .peer_n = n};
    (void)l;
    e.local_n = listener_local(from->listener, fd, &local);
    from->relay->refused++;
    tell_refused(from, &e, why);
}

static void unheard(struct loop *l, struct peers *p, const struct peer *peer,
                    enum accept_refusal why)
{
    struct event e = {.local = &peer->local,
                      .local_n = peer->local_n,
                      .peer = &peer->address,
                      .peer_n = peer->address_n};
    struct relay_listener *from = p->owner;
    from->relay->refused++;
    if (flow_event_is_due(&from->refused_ns, l->now_ns))
        tell_refused(from, &e, why);
}

static void starved(struct loop *l, struct acceptor *a, int error)
{
    struct relay_listener *from =
        (struct relay_listener *)((char *)a - offsetof(struct relay_listener, acceptor));
    (void)l;
    relay_tell(from->relay, &(struct event){.kind = EVENT_TROUBLE,
                                            .words = "new clients wait, until one ends",
                                            .error = error});
}

/* Starting and stopping */

static int start_one(struct relay *r, struct relay_listener *h, struct listener *l, int side)
{
    h->relay = r;
    h->side = side;
    h->listener = l;
    h->datagrams = l->target.type == SOCK_DGRAM;
    flow_events_listening(&r->a->events, l, l->fd);
    h->acceptor.fd = h->peers.fd = -1;
    if (h->datagrams) {
        h->peers = (struct peers){.fd = fd_take(&l->fd),
                                  .shared = &r->shared,
                                  .came = heard,
                                  .refused = unheard,
                                  .owner = h};
        return peers_start(&r->loop, &h->peers);
    }
    h->acceptor = (struct acceptor){.fd = fd_take(&l->fd),
                                    .shared = &r->shared,
                                    .accepted = accepted,
                                    .refused = refused,
                                    .starved = starved};
    return acceptor_start(&r->loop, &h->acceptor);
}

int relay_ends_start(struct relay *r)
{
    for (int side = 0; side < SIDES; side++) {
        struct relay_side *s = &r->sides[side];
        far_place_init(&s->place, &r->loop, &s->plan);
        s->heard = calloc(s->listeners.len + 1, sizeof *s->heard);
        if (!s->heard)
            return -ENOMEM;
        for (size_t i = 0; i < s->listeners.len; i++) {
            int result = start_one(r, &s->heard[s->n_heard++], vec_at(&s->listeners, i), side);
            if (result < 0)
                return result;
        }
    }
    return 0;
}

static void each(struct relay *r, void (*what)(struct relay *r, struct relay_listener *h))
{
    for (int side = 0; side < SIDES; side++)
        for (size_t i = 0; i < r->sides[side].n_heard; i++)
            what(r, &r->sides[side].heard[i]);
}

static void stop_one(struct relay *r, struct relay_listener *h)
{
    h->peers.closed = true;
    if (!h->datagrams)
        acceptor_stop(&r->loop, &h->acceptor);
}

static void resume_one(struct relay *r, struct relay_listener *h)
{
    if (!h->datagrams)
        acceptor_resume(&r->loop, &h->acceptor);
}

static void close_one(struct relay *r, struct relay_listener *h)
{
    stop_one(r, h);
    if (h->datagrams)
        peers_stop(&r->loop, &h->peers);
}

void relay_ends_stop(struct relay *r)
{
    each(r, stop_one);
}

void relay_ends_resume(struct relay *r)
{
    each(r, resume_one);
}

void relay_ends_close(struct relay *r)
{
    each(r, close_one);
    relay_tls_close(r);
    for (int side = 0; side < SIDES; side++) {
        listeners_close(&r->sides[side].listeners);
        far_place_clear(&r->sides[side].place);
        far_plan_clear(&r->sides[side].plan);
        free(r->sides[side].heard);
    }
}
