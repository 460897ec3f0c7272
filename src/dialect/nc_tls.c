/* nc's TLS: flow/tls does it; here is what OpenBSD's nc asks of it and says about it.
 *
 * The handshake has a loop of its own, which is gone when it is over; what follows is the plain
 * mode's, above the stream.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "dialect/nc.h"
#include "flow/tls.h"

static const struct tls_words words = {
    .name = "-e",
    .ca = "-R",
    .trust = "-R",
    .least = "-T protocols=",
    .alpn = "",
};

/* What tls_config_parse_protocols(3) and tls_config_set_ciphers(3) have names for, as far as it
 * exists here: no version before 1.2 is spoken. */

enum { V1_2 = 1, V1_3 = 2, V_ALL = 3 };

static const struct {
    const char *word;
    unsigned versions;
} protocol_words[] = {
    {"all", V_ALL},   {"default", V_ALL}, {"legacy", V_ALL}, {"secure", V_ALL},
    {"tlsv1", V_ALL}, {"tlsv1.2", V1_2},  {"tlsv1.3", V1_3},
};

static unsigned versions_of(const char *word, size_t n)
{
    for (size_t i = 0; i < sizeof(protocol_words) / sizeof(*protocol_words); i++)
        if (strlen(protocol_words[i].word) == n && !strncasecmp(protocol_words[i].word, word, n))
            return protocol_words[i].versions;
    return 0;
}

/* "tlsv1.2,tlsv1.3", "all:!tlsv1.2" */
static unsigned parse_protocols(const char *text)
{
    unsigned chosen = 0;

    for (const char *at = text;; at++) {
        bool without = *at == '!';
        const char *word = at + without;
        size_t n = strcspn(word, ",:");
        unsigned versions = versions_of(word, n);
        if (!versions)
            nc_die("invalid TLS protocols `%s'", text);
        if (without && at == text) /* "!tlsv1.2": all but that */
            chosen = V_ALL;
        chosen = without ? chosen & ~versions : chosen | versions;
        at = word + n;
        if (!*at)
            break;
    }
    if (!chosen)
        nc_die("invalid TLS protocols `%s'", text);
    return chosen;
}

static const char *ciphers_of(const char *word)
{
    static const struct {
        const char *word, *ciphers;
    } names[] = {
        {"secure", NULL},
        {"default", NULL},
        {"compat", "HIGH:!aNULL"},
        {"legacy", "HIGH:MEDIUM:!aNULL"},
        {"all", "ALL:!aNULL:!eNULL"},
        {"insecure", "ALL:!aNULL:!eNULL"},
    };

    for (size_t i = 0; word && i < sizeof(names) / sizeof(*names); i++)
        if (!strcasecmp(names[i].word, word))
            return names[i].ciphers;
    return word;
}

/* A client without -T noverify wants a good certificate; a server looks at one that is shown. */
static enum tls_peer asked_of_peer(const struct nc *n)
{
    if (n->tls.any_certificate)
        return TLS_PEER_ANY;
    return n->listen && !n->tls.client_certificate ? TLS_PEER_OPTIONAL : TLS_PEER_VERIFIED;
}

/* An error in one line, without the program's name. */
static void put_fault(struct buf *out, const struct err *e, bool whole)
{
    if (whole && e->op[0])
        buf_printf(out, "cannot %s '%s': ", e->op, e->subject);
    buf_str(out, e->worded ? e->hint : strerror(e->code));
    if (e->hint[0] && !e->worded)
        buf_printf(out, ", %s", e->hint);
}

void nc_tls_open(struct nc *n)
{
    struct nc_tls *t = &n->tls;
    unsigned versions = t->protocols ? parse_protocols(t->protocols) : V_ALL;
    const struct tls_config config = {
        .role = n->listen ? TLS_SERVER : TLS_CLIENT,
        .certificate = t->certificate ? t->certificate : t->key,
        .key = t->key,
        .peer = asked_of_peer(n),
        .ca = t->authorities,
        .least = versions & V1_2 ? TLS_1_2 : TLS_1_3,
        .no_later = !(versions & V1_3),
        .ciphers = ciphers_of(t->ciphers),
        .staple = t->staple,
        .must_staple = t->must_staple,
        .words = &words,
    };
    _cleanup_buf_ struct buf text = BUF_INIT(4096);
    struct err e = {0};

    if (!t->on || tls_context_new(&config, &t->context, &e) == 0)
        return;
    put_fault(&text, &e, true);
    nc_die("tls configuration failed (%s)", buf_cstr(&text));
}

/* The handshake */

struct shake {
    struct tls_handshake handshake;
    struct err e;
    bool failed;
};

static void shaken(struct loop *l, struct tls_handshake *h, const struct err *e)
{
    struct shake *s = (struct shake *)((char *)h - offsetof(struct shake, handshake));

    s->failed = e;
    if (e)
        s->e = *e;
    loop_stop(l);
}

static void run_handshake(const struct nc *n, struct loop *l, struct shake *s, int fd,
                          const char *peer)
{
    const char *name = n->tls.name || n->listen ? n->tls.name : peer;
    const struct tls_peer_name asked = {.who = peer, .name = name, .unchecked = n->tls.any_name};
    uint64_t timeout_ms = n->timeout_ms > 0 ? (uint64_t)n->timeout_ms : 0;

    s->handshake.done = shaken;
    s->failed =
        tls_handshake_start(l, &s->handshake, n->tls.context, fd, &asked, timeout_ms, &s->e) < 0;
    if (!s->failed)
        (void)loop_run(l);
}

/* Of a certificate's hash only the digits count: "SHA256:" before them and colons between may be
 * there or not. */
static bool is_hash(const char *asked, const char *fingerprint)
{
    if (!strncasecmp(asked, "SHA256:", 7))
        asked += 7;
    for (; *fingerprint; fingerprint++) {
        if (*fingerprint == ':')
            continue;
        asked += *asked == ':';
        if (toupper((unsigned char)*asked++) != *fingerprint)
            return false;
    }
    return !*asked;
}

static void put_hash(struct buf *out, const char *fingerprint)
{
    buf_str(out, "SHA256:");
    for (; *fingerprint; fingerprint++)
        if (*fingerprint != ':')
            buf_char(out, (char)tolower((unsigned char)*fingerprint));
}

static void tell_time(const char *what, int64_t at)
{
    char text[64] = "";
    struct tm tm;
    time_t t = (time_t)at;

    if (localtime_r(&t, &tm))
        strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y", &tm);
    nc_tell("%s: %s", what, text);
}

static void tell_peer(const struct nc *n, const struct tls_info *i, const char *peer)
{
    const struct tls_certificate *c = i->chain.len ? vec_at(&i->chain, 0) : NULL;
    _cleanup_buf_ struct buf hash = BUF_INIT(256);

    if (!c && n->listen)
        return;
    nc_tell("TLS handshake negotiated %s/%s with host %s", i->version, i->cipher, peer);
    nc_tell("Peer name: %s", n->tls.name ? n->tls.name : peer);
    if (!c)
        return;
    nc_tell("Subject: %s", c->subject);
    nc_tell("Issuer: %s", c->issuer);
    tell_time("Valid From", c->from);
    tell_time("Valid Until", c->until);
    put_hash(&hash, c->fingerprint);
    nc_tell("Cert Hash: %s", buf_cstr(&hash));
}

/* Whether the peer is the one that -H asks for. A client that shows nothing is as good as one who
 * was never asked, as in the original. */
static bool is_expected(const struct nc *n, const struct tls_info *i)
{
    const struct tls_certificate *c = i->chain.len ? vec_at(&i->chain, 0) : NULL;

    if (!n->tls.hash || (!c && n->listen))
        return true;
    return c && is_hash(n->tls.hash, c->fingerprint);
}

static bool look_at_peer(const struct nc *n, const struct shake *s, const char *peer)
{
    struct tls_info info;
    bool good;

    if (tls_handshake_info(&s->handshake, &info) < 0)
        nc_die("%s", strerror(ENOMEM));
    if (n->verbose)
        tell_peer(n, &info, peer);
    good = is_expected(n, &info);
    if (!good)
        nc_warn("peer certificate is not %s", n->tls.hash);
    tls_info_clear(&info);
    return good;
}

static void warn_failed(const struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(4096);

    put_fault(&text, e, false);
    nc_warn("tls handshake failed (%s)", buf_cstr(&text));
}

/* A client is over where the handshake fails; a listener goes on. */
bool nc_tls_begin(const struct nc *n, int fd, const char *peer, struct stream *ret,
                  struct tls_fault *fault)
{
    struct shake s = {0};
    struct loop l;
    int r = loop_init(&l);
    bool good;

    if (r < 0)
        nc_die("%s", strerror(-r));
    run_handshake(n, &l, &s, fd, peer);
    if (s.failed)
        warn_failed(&s.e);
    good = !s.failed && look_at_peer(n, &s, peer);
    if (good)
        tls_handshake_take(&l, &s.handshake, ret, fault);
    else
        tls_handshake_drop(&l, &s.handshake);
    loop_clear(&l);
    if (!good && !n->listen)
        exit(1);
    return good;
}

/* A connection that is merely cut is no news to most who use nc; one that broke is. */
void nc_tls_end(const struct nc *n, struct stream *s, const struct tls_fault *fault)
{
    (void)stream_finish(NULL, s);
    stream_close(NULL, s);
    const char *fault_words = tls_fault_words(*fault);
    if (fault_words && (n->verbose || fault->kind != TLS_FAULT_CUT))
        nc_warn("%s", fault_words);
}
