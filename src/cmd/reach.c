#include "cmd/reach.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/time.h"

static void begin(struct reach *r, enum reach_stage stage)
{
    r->stage = stage;
    r->began_ns[stage] = time_monotonic_ns();
}

static void end(struct reach *r)
{
    r->ended_ns[r->stage] = time_monotonic_ns();
}

void reach_init(struct reach *r, const struct reach_plan *plan)
{
    *r = (struct reach){.plan = plan, .targets = VEC_INIT(struct target), .fd = -1};
}

/* Names */

/* What the proxy is asked for is found as well, but a name is the proxy's to look up; SOCKS 4 alone
 * knows only addresses. */
static bool is_named(const struct reach *r)
{
    return r->plan->endpoint->host == ENDPOINT_NAME && r->plan->proxy->kind != PROXY_SOCKS4;
}

static void fill_request(struct reach *r, const struct target *to)
{
    const struct proxy_choice *choice = r->plan->proxy;
    r->request = (struct proxy_request){.kind = choice->kind,
                                        .host = is_named(r) ? r->plan->endpoint->name : NULL,
                                        .user = choice->has_user ? choice->user : NULL,
                                        .password = choice->has_user ? choice->password : NULL};
    target_get_ip(&to->address, &r->request.addr, &r->request.port);
    proxy_talk_clear(&r->proxy.talk);
    proxy_talk_init(&r->proxy.talk, &r->request);
}

static void resolved(struct loop *l, struct reach *r)
{
    end(r);
    r->done(l, r);
}

static void found_request(struct loop *l, struct lookup *k)
{
    struct reach *r = (struct reach *)((char *)k - offsetof(struct reach, lookup));
    r->error = k->error;
    if (!k->error.code)
        fill_request(r, vec_at(&k->targets, 0));
    vec_free(&k->targets);
    resolved(l, r);
}

static int look_for_request(struct loop *l, struct reach *r)
{
    const struct reach_plan *plan = r->plan;
    struct endpoint to = *plan->endpoint;
    if (is_named(r))
        to.host = ENDPOINT_THIS_MACHINE; /* for a port that is a word */
    const struct targets_question q = {
        .endpoint = &to, .family = plan->proxy->kind == PROXY_SOCKS4 ? AF_INET : plan->family};
    r->lookup.done = found_request;
    return lookup_start(l, &r->lookup, &q, r->deadline_ns);
}

static void found(struct loop *l, struct lookup *k)
{
    struct reach *r = (struct reach *)((char *)k - offsetof(struct reach, lookup));
    const struct reach_plan *plan = r->plan;
    r->error = k->error;
    r->targets = k->targets;
    if (r->error.code) {
        resolved(l, r);
        return;
    }
    targets_prefer_heard(plan->proxy ? &plan->proxy->endpoint : plan->endpoint, &r->targets);
    int result = plan->proxy ? look_for_request(l, r) : 0;
    if (result < 0)
        err_set(&r->error, -result, "resolve", plan->word, NULL);
    if (result < 0 || !plan->proxy)
        resolved(l, r);
}

int reach_resolve(struct loop *l, struct reach *r)
{
    const struct reach_plan *plan = r->plan;
    const struct targets_question q = {.endpoint =
                                           plan->proxy ? &plan->proxy->endpoint : plan->endpoint,
                                       .family = plan->proxy ? AF_UNSPEC : plan->family,
                                       .protocol = plan->protocol};
    begin(r, REACH_RESOLVE);
    vec_free(&r->targets);
    r->error.code = 0;
    r->lookup.done = found;
    int result = lookup_start(l, &r->lookup, &q, r->deadline_ns);
    return result < 0 ? err_set(&r->error, -result, "resolve", plan->word, NULL) : 0;
}

/* TLS */

static void shaken(struct loop *l, struct tls_handshake *h, const struct err *e)
{
    struct reach *r = (struct reach *)((char *)h - offsetof(struct reach, handshake));
    end(r);
    if (e)
        r->error = *e;
    r->done(l, r);
}

static uint64_t tls_timeout_ms(const struct reach *r)
{
    enum { NS_PER_MS = 1000000 };
    uint64_t now = r->began_ns[REACH_TLS];
    if (!r->deadline_ns)
        return TLS_HANDSHAKE_MS;
    return r->deadline_ns > now ? (r->deadline_ns - now) / NS_PER_MS + 1 : 1;
}

static void start_tls(struct loop *l, struct reach *r)
{
    const struct tls_peer_name peer = {.who = r->plan->word, .name = r->plan->tls_name};
    begin(r, REACH_TLS);
    r->handshake = (struct tls_handshake){.done = shaken};
    if (tls_handshake_start(l, &r->handshake, r->plan->tls, fd_take(&r->fd), &peer,
                            tls_timeout_ms(r), &r->error) < 0) {
        end(r);
        r->done(l, r);
    }
}

/* From the connection on, if there is one. */
static void go_on(struct loop *l, struct reach *r)
{
    int result = r->fd >= 0 && r->greet ? r->greet(r, r->fd) : 0;
    if (result < 0) {
        err_set(&r->error, -result, "speak to", r->plan->word, NULL);
        fd_close(&r->fd);
    }
    if (r->fd >= 0 && r->plan->tls)
        start_tls(l, r);
    else
        r->done(l, r);
}

int reach_set_targets(struct reach *r, const struct vec *targets)
{
    for (size_t i = 0; i < targets->len; i++)
        if (vec_add(&r->targets, vec_at(targets, i)) < 0)
            return -ENOMEM;
    return 0;
}

int reach_share(struct reach *r, const struct reach *resolved)
{
    if (reach_set_targets(r, &resolved->targets) < 0)
        return -ENOMEM;
    r->request = resolved->request;
    proxy_talk_init(&r->proxy.talk, &r->request);
    return 0;
}

/* The proxy */

static void finish(struct loop *l, struct reach *r, int result)
{
    proxy_stop(l, &r->proxy);
    loop_timer_stop(l, &r->deadline);
    if (result < 0)
        fd_close(&r->fd);
    end(r);
    go_on(l, r);
}

static void too_late(struct loop *l, struct loop_timer *t)
{
    struct reach *r = (struct reach *)((char *)t - offsetof(struct reach, deadline));
    finish(l, r, err_word(&r->error, ETIMEDOUT, "connect to", "", "the proxy doesn't answer"));
}

static void proxied(struct loop *l, struct proxy *p)
{
    struct reach *r = (struct reach *)((char *)p - offsetof(struct reach, proxy));
    if (p->result == 0 && p->talk.again) {
        loop_timer_stop(l, &r->deadline);
        fd_close(&r->fd);
        if (reach_start(l, r) == 0)
            return;
        p->result = err_set(&p->error, ENOMEM, "connect to", "", NULL);
    }
    if (p->result < 0)
        r->error = p->error;
    finish(l, r, p->result);
}

static void ask_proxy(struct loop *l, struct reach *r)
{
    begin(r, REACH_PROXY);
    r->proxy.done = proxied;
    r->deadline.fire = too_late;
    int result = proxy_talk_begin(&r->proxy.talk, &r->error);
    if (result == 0 && r->deadline_ns)
        result = loop_timer_set(l, &r->deadline, r->deadline_ns);
    if (result == 0)
        result = proxy_start(l, &r->proxy, r->fd);
    if (result < 0)
        finish(l, r, result);
}

/* Connecting */

static void dialled(struct loop *l, struct dial *d)
{
    struct reach *r = (struct reach *)((char *)d - offsetof(struct reach, dial));
    end(r);
    r->fd = dial_take(d);
    if (r->fd >= 0 && r->plan->proxy) {
        ask_proxy(l, r);
        return;
    }
    if (r->fd < 0)
        r->error = d->attempts[0].error; /* the first of them never is left out */
    go_on(l, r);
}

/* Without a name of its own a UNIX socket of datagrams can't be answered: autobind, unix(7). */
static const struct target any_name = {.family = AF_UNIX,
                                       .type = SOCK_DGRAM,
                                       .address.ss_family = AF_UNIX,
                                       .address_n = sizeof(sa_family_t)};

int reach_start(struct loop *l, struct reach *r)
{
    begin(r, REACH_CONNECT);
    dial_clear(l, &r->dial);
    tls_handshake_drop(l, &r->handshake);
    int result = dial_init(&r->dial, r->targets.items, r->targets.len);
    if (result < 0)
        return result;
    r->dial.options = r->plan->options;
    r->dial.sources = r->plan->sources;
    r->dial.n_sources = r->plan->n_sources;
    if (!r->dial.n_sources && r->plan->endpoint->scheme == ENDPOINT_UNIX_DGRAM) {
        r->dial.sources = &any_name;
        r->dial.n_sources = 1;
    }
    r->dial.all = r->plan->all;
    r->dial.deadline_ns = r->deadline_ns;
    r->dial.done = dialled;
    return dial_start(l, &r->dial);
}

int reach_fd(const struct reach *r)
{
    return r->handshake.session ? r->handshake.fd : r->fd;
}

void reach_take(struct loop *l, struct reach *r, struct stream *ret, struct tls_fault *fault)
{
    *fault = (struct tls_fault){0};
    if (r->handshake.session)
        tls_handshake_take(l, &r->handshake, ret, fault);
    else
        stream_init_socket(ret, fd_take(&r->fd));
}

void reach_clear(struct loop *l, struct reach *r)
{
    lookup_drop(l, &r->lookup);
    dial_clear(l, &r->dial);
    proxy_stop(l, &r->proxy);
    proxy_talk_clear(&r->proxy.talk);
    loop_timer_stop(l, &r->deadline);
    tls_handshake_drop(l, &r->handshake);
    fd_close(&r->fd);
    vec_free(&r->targets);
}
