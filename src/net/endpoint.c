/* Reads endpoints.
 *
 * A word is a scheme, if it begins with the name of one and a colon, and an address of that
 * scheme's own form; without a scheme it is TCP's. A scheme's name wins over a host's. Nothing is
 * looked up, so a host and a service that nobody knows parse well; what can't work whatever the
 * host has is refused here, with what to write instead.
 *
 * The value is built apart and handed over whole: a failure leaves the caller's untouched.
 */
#include "net/endpoint.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "base/parse.h"
#include "base/suggest.h"
#include "net/endpoint_impl.h"

int endpoint_fault(struct endpoint_parser *p, const char *format, ...)
{
    va_list ap;
    if (p->e) {
        err_set(p->e, EINVAL, "use", p->word, NULL);
        va_start(ap, format);
        vsnprintf(p->e->hint, sizeof p->e->hint, format, ap);
        va_end(ap);
        p->e->worded = true;
    }
    return -EINVAL;
}

bool endpoint_copy(char *to, size_t size, struct endpoint_span from)
{
    if (from.n >= size)
        return false;
    memcpy(to, from.at, from.n);
    to[from.n] = '\0';
    return true;
}

/* Schemes */

typedef int parse_rest(struct endpoint_parser *p, const char *rest);
static parse_rest parse_unix, parse_vsock, parse_text, parse_fd, parse_stdio;

enum { INET = 1 << 0, SOCKET = 1 << 1, LISTENS = 1 << 2, UNIX = 1 << 3 };

static const struct scheme {
    const char *name;
    parse_rest *parse;
    unsigned is;
    const char *wants; /* what stands behind the colon */
} schemes[] = {
    [ENDPOINT_TCP] = {"tcp", endpoint_parse_inet, INET | SOCKET | LISTENS, "HOST:PORT"},
    [ENDPOINT_UDP] = {"udp", endpoint_parse_inet, INET | SOCKET | LISTENS, "HOST:PORT"},
    [ENDPOINT_TLS] = {"tls", endpoint_parse_inet, INET | SOCKET | LISTENS, "HOST:PORT"},
    [ENDPOINT_UNIX] = {"unix", parse_unix, UNIX | SOCKET | LISTENS, "PATH or @NAME"},
    [ENDPOINT_UNIX_DGRAM] = {"unix-dgram", parse_unix, UNIX | SOCKET | LISTENS, "PATH or @NAME"},
    [ENDPOINT_UNIX_SEQPACKET] = {"unix-seqpacket", parse_unix, UNIX | SOCKET | LISTENS,
                                 "PATH or @NAME"},
    [ENDPOINT_VSOCK] = {"vsock", parse_vsock, SOCKET | LISTENS, "CID:PORT"},
    [ENDPOINT_FILE] = {"file", parse_text, 0, "PATH"},
    [ENDPOINT_SERIAL] = {"serial", parse_text, 0, "DEVICE,WORD…"},
    [ENDPOINT_EXEC] = {"exec", parse_text, 0, "COMMAND"},
    [ENDPOINT_PTY] = {"pty", parse_text, 0, "COMMAND"},
    [ENDPOINT_FD] = {"fd", parse_fd, LISTENS, "NUMBER"},
    [ENDPOINT_STDIO] = {"-", parse_stdio, 0, ""},
};
static_assert(sizeof schemes / sizeof *schemes == ENDPOINT_SCHEMES, "a row for each scheme");

static const char listen_word[] = "listen";

const char *endpoint_scheme_name(enum endpoint_scheme scheme)
{
    return schemes[scheme].name;
}

bool endpoint_has_port(enum endpoint_scheme scheme)
{
    return schemes[scheme].is & INET;
}

bool endpoint_is_unix(enum endpoint_scheme scheme)
{
    return schemes[scheme].is & UNIX;
}

const char *endpoint_scheme_near(const char *word, size_t n)
{
    char lower[SUGGEST_MAX];
    if (n >= sizeof lower)
        return NULL;
    for (size_t i = 0; i < n; i++)
        lower[i] = (char)tolower((unsigned char)word[i]);
    struct suggest s = suggest_start(lower, n);
    for (size_t i = 0; i < ENDPOINT_STDIO; i++)
        suggest_offer(&s, schemes[i].name);
    suggest_offer(&s, listen_word);
    return suggest_best(&s);
}

const char *endpoint_scheme_meant(const char *word)
{
    return endpoint_scheme_near(word, strlen(word));
}

/* Moves *at behind "NAME:". Names of schemes are read in any case, as those of URLs. */
static bool skip_prefix(const char **at, const char *name)
{
    size_t n = strlen(name);
    if (strncasecmp(*at, name, n) != 0 || (*at)[n] != ':')
        return false;
    *at += n + 1;
    return true;
}

static enum endpoint_scheme read_scheme(struct endpoint_parser *p, const char **at)
{
    for (int i = 0; i < ENDPOINT_STDIO; i++) {
        if (skip_prefix(at, schemes[i].name)) {
            p->scheme_given = true;
            return (enum endpoint_scheme)i;
        }
    }
    return strcmp(*at, "-") == 0 ? ENDPOINT_STDIO : ENDPOINT_TCP;
}

bool endpoint_scheme_is_written(const char *text)
{
    struct endpoint_parser p = {0};
    skip_prefix(&text, listen_word);
    return read_scheme(&p, &text) == ENDPOINT_STDIO || p.scheme_given;
}

/* Addresses other than those of IP */

static int parse_text(struct endpoint_parser *p, const char *rest)
{
    p->ep.text = rest;
    return 0;
}

static int parse_unix(struct endpoint_parser *p, const char *rest)
{
    enum { LONGEST = sizeof((struct sockaddr_un *)0)->sun_path - 1 };
    p->ep.abstract = *rest == '@';
    p->ep.text = rest + p->ep.abstract;
    if (!*p->ep.text)
        return endpoint_fault(p, "a name is missing behind '@'");
    if (strlen(p->ep.text) > LONGEST)
        return endpoint_fault(p, "the kernel takes %d bytes at most, this %s has %zu", LONGEST,
                              p->ep.abstract ? "name" : "path", strlen(p->ep.text));
    return 0;
}

/* VMADDR_CID_… of <linux/vm_sockets.h>, which drags in sockets.h's own types. */
static const struct {
    const char *name;
    uint32_t cid;
} cids[] = {{"hypervisor", 0}, {"local", 1}, {"host", 2}};

static bool read_cid(struct endpoint_span word, uint32_t *ret)
{
    char text[16];
    uint64_t number;
    if (!endpoint_copy(text, sizeof text, word))
        return false;
    for (size_t i = 0; i < sizeof cids / sizeof *cids; i++) {
        if (strcmp(text, cids[i].name) == 0) {
            *ret = cids[i].cid;
            return true;
        }
    }
    if (parse_u64(text, 0, UINT32_MAX - 1, &number) < 0)
        return false;
    *ret = (uint32_t)number;
    return true;
}

static int parse_vsock(struct endpoint_parser *p, const char *rest)
{
    const char *colon = strchr(rest, ':');
    struct endpoint_span cid = {rest, colon ? (size_t)(colon - rest) : 0};
    uint64_t port;
    struct endpoint *ep = &p->ep;
    ep->cid = UINT32_MAX;
    ep->host = cid.n == 0 ? ENDPOINT_THIS_MACHINE : ENDPOINT_EVERY_INTERFACE;
    if (cid.n && !(cid.n == 1 && *cid.at == '*')) {
        ep->host = ENDPOINT_ADDRESS;
        if (!read_cid(cid, &ep->cid))
            return endpoint_fault(p,
                                  "a context id is a number, 'host', 'local', 'hypervisor' or '*'");
    }
    if (parse_u64(colon ? colon + 1 : rest, 0, UINT32_MAX - 1, &port) < 0)
        return endpoint_fault(p,
                              "a vsock's port is a number below 4294967295, as in 'vsock:2:1024'");
    ep->vsock_port = (uint32_t)port;
    return 0;
}

static int parse_fd(struct endpoint_parser *p, const char *rest)
{
    uint64_t number;
    if (parse_u64(rest, 0, INT_MAX, &number) < 0)
        return endpoint_fault(p, "a descriptor is a number, as in 'fd:3'");
    p->ep.fd = (int)number;
    return 0;
}

static int parse_stdio(struct endpoint_parser *p, const char *rest)
{
    (void)p;
    (void)rest;
    return 0;
}

static int check_place(struct endpoint_parser *p, const char *rest)
{
    const struct scheme *s = &schemes[p->ep.scheme];
    if (p->ep.listens && !(p->accepts & ENDPOINT_MAY_LISTEN))
        return endpoint_fault(
            p, "'listen:' isn't taken here; a host called listen is 'tcp:listen:PORT'");
    if (p->ep.listens && !(s->is & LISTENS))
        return endpoint_fault(p, "only sockets listen, not '%s'", s->name);
    if (!(s->is & SOCKET) && p->accepts & ENDPOINT_SOCKETS_ONLY)
        return endpoint_fault(p, "a socket is wanted here, not '%s'", s->name);
    if (!*rest && (p->scheme_given || p->ep.listens))
        return endpoint_fault(p, "%s is missing behind the colon", s->wants);
    if (!*rest)
        return endpoint_fault(p, "an endpoint is missing: PORT, HOST:PORT or SCHEME:ADDRESS");
    return 0;
}

int endpoint_parse(const char *text, unsigned accepts, struct endpoint *ret, struct err *e)
{
    struct endpoint_parser p = {.word = text, .accepts = accepts, .e = e};
    const char *at = text;
    p.ep.listens = skip_prefix(&at, listen_word);
    p.ep.scheme = read_scheme(&p, &at);
    int r = check_place(&p, at);
    if (r == 0)
        r = schemes[p.ep.scheme].parse(&p, at);
    if (r == 0)
        *ret = p.ep;
    return r;
}
