#include "flow/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "flow/module.h"
#include "flow/tls_module.h"

/* Contexts */

int tls_context_new(const struct tls_config *config, struct tls_context **ret, struct err *e)
{
    const void *symbol;
    int result = module_open(TLS_MODULE_FILE, TLS_MODULE_SYMBOL, "TLS", &symbol, e);
    if (result < 0)
        return result;
    const struct tls_module *module = symbol;
    if (strcmp(module->version, BERTH_VERSION) != 0)
        return err_word(e, ELIBBAD, "load what is needed for", "TLS",
                        "%s is of another version (%s) than this berth (%s)", TLS_MODULE_FILE,
                        module->version, BERTH_VERSION);
    return module->context_new(config, ret, e);
}

void tls_context_free(struct tls_context *c)
{
    if (c)
        c->module->context_free(c);
}

const char *tls_context_fingerprint(const struct tls_context *c)
{
    return c->fingerprint;
}

/* Faults */

const char *tls_fault_words(struct tls_fault fault)
{
    switch ((enum tls_fault_kind)fault.kind) {
    case TLS_FAULT_CUT:
        return "the connection ended without TLS's goodbye (close_notify): what came may be cut "
               "short";
    case TLS_FAULT_ALERT:
        return tls_alert_words(fault.alert);
    case TLS_FAULT_BROKEN:
        return "what the peer sent isn't TLS any more, or was damaged";
    case TLS_FAULT_NONE:
        break;
    }
    return NULL;
}

/* The handshake */

static void stop(struct loop *l, struct tls_handshake *h)
{
    loop_watch_stop(l, &h->watch);
    loop_timer_stop(l, &h->timer);
}

void tls_handshake_drop(struct loop *l, struct tls_handshake *h)
{
    if (!h->session)
        return;
    stop(l, h);
    h->context->module->session_free(h->session);
    h->session = NULL;
    fd_close(&h->fd);
}

static void fail(struct loop *l, struct tls_handshake *h, const struct err *e)
{
    stop(l, h);
    if (!h->spoke_http)
        fd_close(&h->fd);
    h->done(l, h, e);
}

static void step(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct tls_handshake *h =
        (struct tls_handshake *)((char *)w - offsetof(struct tls_handshake, watch));
    (void)events;
    struct err e = {0};
    uint32_t waits = 0;
    int result = h->context->module->session_step(h->session, &waits, &e);
    if (result == -EAGAIN) {
        result = loop_watch_change(l, w, waits);
        if (result == 0)
            return;
    }
    h->spoke_http = result == -EPROTOTYPE;
    if (result < 0 && !e.code)
        err_set(&e, -result, "set up TLS with", h->peer, NULL);
    stop(l, h);
    if (result < 0)
        fail(l, h, &e);
    else
        h->done(l, h, NULL);
}

static void late(struct loop *l, struct loop_timer *t)
{
    struct tls_handshake *h =
        (struct tls_handshake *)((char *)t - offsetof(struct tls_handshake, timer));
    struct err e;
    err_word(&e, ETIMEDOUT, "set up TLS with", h->peer,
             "the handshake didn't end in time (does the peer speak TLS?)");
    fail(l, h, &e);
}

int tls_handshake_start(struct loop *l, struct tls_handshake *h, struct tls_context *c, int fd,
                        const struct tls_peer_name *peer, uint64_t timeout_ms, struct err *e)
{
    h->context = c;
    h->fd = fd;
    h->peer = peer->who ? peer->who : "";
    h->watch = (struct loop_watch){.ready = step};
    h->timer = (struct loop_timer){.fire = late};
    int result = c->module->session_new(c, fd, peer, &h->session, e);
    if (result < 0) {
        fd_close(&h->fd);
        return result;
    }
    /* A client begins as soon as it can write; a server waits for the first words. */
    result = loop_watch_start(l, &h->watch, fd, EPOLLIN | EPOLLOUT);
    if (result == 0)
        result = loop_timer_after(l, &h->timer,
                                  (timeout_ms ? timeout_ms : TLS_HANDSHAKE_MS) * 1000000ULL);
    if (result == 0)
        return 0;
    tls_handshake_drop(l, h);
    return err_set(e, -result, "set up TLS with", h->peer, NULL);
}

void tls_handshake_take(struct loop *l, struct tls_handshake *h, struct stream *s,
                        struct tls_fault *fault)
{
    stop(l, h);
    stream_init_socket(s, h->fd);
    s->ops = &h->context->module->ops;
    s->above = h->session;
    h->context->module->session_tell(h->session, fault);
    h->session = NULL;
    h->fd = -1;
}

/* What was agreed on */

static void certificate_clear(struct tls_certificate *c)
{
    free(c->subject);
    free(c->issuer);
    free(c->names);
    free(c->key);
    free(c->fingerprint);
}

void tls_info_clear(struct tls_info *i)
{
    free(i->version);
    free(i->cipher);
    free(i->alpn);
    free(i->sni);
    free(i->verified);
    for (size_t n = 0; n < i->chain.len; n++)
        certificate_clear(vec_at(&i->chain, n));
    vec_free(&i->chain);
    *i = (struct tls_info){0};
}

static int get_info(const struct tls_module *module, const struct tls_session *t,
                    struct tls_info *ret)
{
    struct tls_info info = {0};
    int result = module->session_info(t, &info);
    if (result < 0) {
        tls_info_clear(&info);
        return result;
    }
    *ret = info;
    return 0;
}

int tls_handshake_info(const struct tls_handshake *h, struct tls_info *ret)
{
    return get_info(h->context->module, h->session, ret);
}

int tls_info_get(const struct tls_context *c, const struct stream *s, struct tls_info *ret)
{
    return s->ops == &c->module->ops ? get_info(c->module, s->above, ret) : -EINVAL;
}
