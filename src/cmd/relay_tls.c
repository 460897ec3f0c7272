/* TLS at the ends of `berth relay`: which speak it, and the handshake with who comes. */
#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "cmd/commands.h"
#include "cmd/relay.h"

/* Which ends speak it */

static bool speaks(const struct relay *r, const struct relay_side *s)
{
    enum endpoint_scheme scheme = s->endpoint.scheme;
    bool asked = s->endpoint.listens ? r->a->tls.on : r->a->tls_to.on;
    return scheme == ENDPOINT_TLS || (asked && (scheme == ENDPOINT_TCP || scheme == ENDPOINT_UNIX));
}

static const struct tls_words words_to = {.name = "--tls-to-name",
                                          .ca = "--tls-to-ca",
                                          .trust = "--tls-to-ca or --tls-to-fingerprint",
                                          .least = "--tls-to-min",
                                          .alpn = "--tls-to-alpn"};

static int open_side(struct relay *r, struct relay_side *s)
{
    if (!speaks(r, s))
        return 0;
    for (size_t i = 0; i < s->listeners.len; i++)
        ((struct listener *)vec_at(&s->listeners, i))->tls = true;
    if (s->endpoint.listens)
        return tls_server_open(&command_relay, &r->a->tls, NULL, &r->a->events, &s->tls);
    s->tls_text = BUF_INIT(64);
    s->plan.reach.tls_name = tls_client_name(&r->a->tls_to, &s->endpoint, &s->tls_text);
    return tls_client_open(&command_relay, &r->a->tls_to, &words_to, &r->a->events,
                           &s->plan.reach.tls);
}

/* Options without an end that they are for would be forgotten in silence. */
static int check(const struct relay *r)
{
    bool here = false, there = false;
    for (int i = 0; i < SIDES; i++) {
        const struct relay_side *s = &r->sides[i];
        here = here || s->tls;
        there = there || s->plan.reach.tls;
    }
    if (tls_server_wanted(&r->a->tls) && !here)
        return command_usage_error(&command_relay,
                                   "no end listens for TLS: --tls… is for listen:tls:…");
    if (tls_client_wanted(&r->a->tls_to) && !there)
        return command_usage_error(&command_relay,
                                   "no end connects by TLS: --tls-to… is for tls:…");
    return 0;
}

int relay_tls_open(struct relay *r)
{
    int status = 0;
    for (int i = 0; i < SIDES && status == 0; i++)
        status = open_side(r, &r->sides[i]);
    return status ? status : check(r);
}

void relay_tls_close(struct relay *r)
{
    for (int i = 0; i < SIDES; i++) {
        tls_context_free(r->sides[i].tls);
        tls_context_free(r->sides[i].plan.reach.tls);
        buf_free(&r->sides[i].tls_text);
    }
}

/* The handshake */

static void shaken(struct loop *l, struct tls_handshake *h, const struct err *e)
{
    struct talk_side *s = (struct talk_side *)((char *)h - offsetof(struct talk_side, handshake));
    if (e) {
        talk_fail(s->talk, e, NULL);
        return;
    }
    _cleanup_buf_ struct buf words = BUF_INIT(2048);
    struct talk *t = s->talk;
    int side = s == &t->sides[1];
    tls_format_client(&words, h);
    tls_handshake_take(l, h, s->stream, &s->fault);
    talk_tell_opened(t, side, words.len ? buf_cstr(&words) : NULL);
    loop_turn_add(l, &t->turn);
    talk_side_is_there(t, side);
}

void talk_start_tls(struct talk *t, int side, int fd)
{
    const struct relay *r = t->relay;
    struct talk_side *s = &t->sides[side];
    const struct tls_peer_name peer = {.who = "the client"};
    struct err e = {0};
    loop_turn_stop(&t->relay->loop, &t->turn);
    if (!t->told)
        t->near = side; /* else he who waits for somebody here is the one that is told of */
    s->handshake.done = shaken;
    if (tls_handshake_start(&t->relay->loop, &s->handshake, r->sides[side].tls, fd, &peer,
                            r->a->tls.timeout_ns / 1000000, &e) < 0)
        talk_fail(t, &e, NULL);
}

/* What was wrong with TLS is what was wrong. */
void talk_judge_tls(const struct talk *t, enum event_why *why, int *error, const char **words)
{
    for (int i = 0; i < SIDES; i++) {
        const struct talk_side *s = &t->sides[i];
        const char *fault = tls_fault_words(s->listener ? s->fault : s->far.fault);
        if (!fault)
            continue;
        *words = fault;
        *error = EPROTO;
        *why = i == t->near ? WHY_PEER_FAILED : WHY_FAR_FAILED;
    }
}
