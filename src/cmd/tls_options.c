#include "cmd/tls_options.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "cmd/flow_events.h"
#include "net/endpoint.h"

const char *const tls_versions[] = {"1.2", "1.3", NULL};
static_assert(sizeof tls_versions / sizeof *tls_versions == TLS_VERSIONS + 1, "enum tls_version");

const char *const tls_client_kinds[] = {[TLS_PEER_ANY] = "any",
                                        [TLS_PEER_OPTIONAL] = "optional",
                                        [TLS_PEER_VERIFIED] = "verified",
                                        NULL};

bool tls_client_wanted(const struct tls_client_arguments *a)
{
    return a->on || a->insecure || a->info || a->name || a->ca || a->certificate || a->key ||
           a->fingerprint || a->alpn || a->least;
}

bool tls_server_wanted(const struct tls_server_arguments *a)
{
    return a->on || a->certificate || a->key || a->ca || a->alpn || a->clients || a->least ||
           a->timeout_ns;
}

static int fail(const struct flow_events *events, const struct err *e)
{
    flow_events_err(events, EVENT_FAILED, e);
    return e->code == EPERM || e->code == EACCES ? EXIT_PERMISSION : EXIT_NO;
}

static int open_context(const struct tls_config *config, const struct flow_events *events,
                        struct tls_context **ret)
{
    struct err e = {0};
    return tls_context_new(config, ret, &e) < 0 ? fail(events, &e) : 0;
}

/* Clients */

int tls_client_open(const struct command *c, const struct tls_client_arguments *a,
                    const struct tls_words *words, const struct flow_events *events,
                    struct tls_context **ret)
{
    if (a->insecure && (a->ca || a->fingerprint))
        return command_usage_error(c, "TLS can't be insecure and know whom to trust");
    if (a->key && !a->certificate)
        return command_usage_error(c, "a key for TLS goes with a certificate");
    return open_context(&(struct tls_config){.role = TLS_CLIENT,
                                             .certificate = a->certificate,
                                             .key = a->key,
                                             .peer = a->insecure ? TLS_PEER_ANY : TLS_PEER_VERIFIED,
                                             .ca = a->ca,
                                             .fingerprint = a->fingerprint,
                                             .alpn = a->alpn,
                                             .least = (enum tls_version)a->least,
                                             .words = words},
                        events, ret);
}

const char *tls_client_name(const struct tls_client_arguments *a, const struct endpoint *ep,
                            struct buf *text)
{
    if (a->name)
        return a->name;
    if (!endpoint_has_port(ep->scheme))
        return NULL;
    switch (ep->host) {
    case ENDPOINT_NAME:
        return ep->name;
    case ENDPOINT_ADDRESS: {
        struct net_addr bare = ep->addr;
        bare.scope = 0;
        net_addr_format(text, &bare);
        return buf_cstr(text);
    }
    default:
        return "localhost";
    }
}

/* Servers */

static int add_once(struct vec *to, const char *name)
{
    for (size_t i = 0; i < to->len; i++)
        if (strcmp(*(const char *const *)vec_at(to, i), name) == 0)
            return 0;
    return vec_add(to, &name);
}

static int add_names(struct vec *to, const char *host, const struct vec *more)
{
    static const char *const always[] = {"localhost", "127.0.0.1", "::1"};
    int result = *host ? vec_add(to, &host) : 0;
    for (size_t i = 0; result == 0 && i < sizeof always / sizeof *always; i++)
        result = add_once(to, always[i]);
    for (size_t i = 0; result == 0 && more && i < more->len; i++)
        result = add_once(to, *(const char *const *)vec_at(more, i));
    return result;
}

static enum tls_peer peer_of(const struct tls_server_arguments *a)
{
    if (a->clients)
        return (enum tls_peer)a->clients;
    return a->ca ? TLS_PEER_VERIFIED : TLS_PEER_ANY;
}

static int check_server(const struct command *c, const struct tls_server_arguments *a)
{
    if (a->key && !a->certificate)
        return command_usage_error(c, "--tls-key goes with --tls-cert");
    if (peer_of(a) != TLS_PEER_ANY && !a->ca)
        return command_usage_error(c, "--tls-clients: who vouches for them? --tls-ca says so");
    return 0;
}

static void tell_made(const struct flow_events *events, const char *fingerprint)
{
    char named[128], words[256];
    snprintf(named, sizeof named, "SHA256:%s", fingerprint);
    snprintf(words, sizeof words,
             "made a self-signed certificate for this run; its fingerprint is %s", named);
    flow_events_show(events,
                     &(struct event){.kind = EVENT_NOTE, .words = words, .fingerprint = named});
}

int tls_server_open(const struct command *c, const struct tls_server_arguments *a,
                    const struct vec *more, const struct flow_events *events,
                    struct tls_context **ret)
{
    int status = check_server(c, a);
    if (status)
        return status;
    char host[HOST_NAME_MAX + 1] = "";
    _cleanup_vec_ struct vec names = VEC_INIT(const char *);
    gethostname(host, sizeof host - 1);
    if (add_names(&names, host, more) < 0)
        return fail(events, &(struct err){.code = ENOMEM, .op = "set up", .subject = "TLS"});
    const struct tls_config config = {.role = TLS_SERVER,
                                      .certificate = a->certificate,
                                      .key = a->key,
                                      .self_signed = a->certificate ? NULL : &names,
                                      .peer = peer_of(a),
                                      .ca = a->ca,
                                      .alpn = a->alpn,
                                      .least = (enum tls_version)a->least};
    status = open_context(&config, events, ret);
    if (status == 0 && !a->certificate)
        tell_made(events, tls_context_fingerprint(*ret));
    return status;
}

/* What was agreed on */

void tls_format_summary(struct buf *out, const struct tls_info *i)
{
    buf_printf(out, "%s, %s", i->version, i->cipher);
    if (i->alpn[0])
        buf_printf(out, ", ALPN %s", i->alpn);
}

void tls_format_client(struct buf *out, const struct tls_handshake *h)
{
    struct tls_info info;
    if (tls_handshake_info(h, &info) < 0)
        return;
    tls_format_summary(out, &info);
    if (info.chain.len)
        buf_printf(out, ", client %s",
                   ((const struct tls_certificate *)vec_at(&info.chain, 0))->subject);
    tls_info_clear(&info);
}

static void put_day(struct buf *out, int64_t at)
{
    char text[64];
    struct tm utc;
    time_t t = (time_t)at;
    gmtime_r(&t, &utc);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc);
    buf_str(out, text);
}

static void put_days_left(struct buf *out, int64_t until)
{
    enum { DAY = 24 * 60 * 60 };
    int64_t left = until - (int64_t)time(NULL);
    if (left < 0)
        buf_printf(out, " (expired %ld days ago)", -left / DAY);
    else
        buf_printf(out, " (%ld days left)", left / DAY);
}

static void tell_certificate(const struct flow_events *events, const struct tls_certificate *c,
                             size_t n)
{
    _cleanup_buf_ struct buf line = BUF_INIT(16 << 10);
    flow_events_note(events, "certificate %zu: %s", n, c->subject);
    if (c->names[0])
        flow_events_note(events, "  names: %s", c->names);
    flow_events_note(events, "  issuer: %s", c->self_signed ? "itself" : c->issuer);
    buf_str(&line, "  valid: ");
    put_day(&line, c->from);
    buf_str(&line, " to ");
    put_day(&line, c->until);
    put_days_left(&line, c->until);
    flow_events_note(events, "%s", buf_cstr(&line));
    flow_events_note(events, "  key: %s", c->key);
    flow_events_note(events, "  SHA256:%s", c->fingerprint);
}

void tls_tell_info(const struct tls_info *i, const struct flow_events *events)
{
    if (!i->chain.len)
        return;
    _cleanup_buf_ struct buf line = BUF_INIT(4096);
    tls_format_summary(&line, i);
    flow_events_note(events, "%s", buf_cstr(&line));
    if (i->verified[0])
        flow_events_note(events, "not verified: %s", i->verified);
    else
        flow_events_note(events, "the certificate is good");
    for (size_t n = 0; n < i->chain.len; n++)
        tell_certificate(events, vec_at(&i->chain, n), n + 1);
}
