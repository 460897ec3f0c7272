/* SOCKS 4, 4a and 5. */
#include <errno.h>
#include <string.h>

#include "flow/proxy_impl.h"

static void put_port(struct buf *out, uint16_t port)
{
    buf_char(out, (char)(port >> 8));
    buf_char(out, (char)port);
}

/* A length of one byte, and the text; proxy_talk_begin has seen that it fits. */
static void put_text(struct buf *out, const char *text)
{
    size_t n = strlen(text);
    buf_char(out, (char)n);
    buf_add(out, text, n);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* SOCKS 4: https://www.openssh.com/txt/socks4.protocol, socks4a.protocol */

enum { SOCKS4_CONNECT = 1, SOCKS4_ANSWER = 8, SOCKS4_GRANTED = 90, SOCKS4_IDENT = 92 };

int proxy_socks4_begin(struct proxy_talk *t, struct err *e)
{
    static const char name_follows[] = {0, 0, 0, 1};
    const struct proxy_request *r = t->request;
    struct net_addr a = net_addr_unmap(&r->addr);
    if (!r->host && a.family != AF_INET)
        return proxy_fail(e, EAFNOSUPPORT, "SOCKS 4 knows no IPv6 address; try socks5://");
    buf_char(&t->out, 4);
    buf_char(&t->out, SOCKS4_CONNECT);
    put_port(&t->out, r->port);
    buf_add(&t->out, r->host ? (const void *)name_follows : a.bytes, 4);
    buf_str(&t->out, or_empty(r->user));
    buf_char(&t->out, 0);
    if (r->host) {
        buf_str(&t->out, r->host);
        buf_char(&t->out, 0);
    }
    return 0;
}

ssize_t proxy_socks4_take(struct proxy_talk *t, const char *bytes, size_t n, struct err *e)
{
    unsigned char answer;
    if (bytes[0] != 0)
        return proxy_fail(e, EPROTO, "what answers there speaks no SOCKS 4");
    if (n < SOCKS4_ANSWER)
        return 0;
    answer = (unsigned char)bytes[1];
    if (answer == SOCKS4_GRANTED) {
        t->done = true;
        return SOCKS4_ANSWER;
    }
    return answer >= SOCKS4_IDENT
               ? proxy_fail(e, EPROTO, "the proxy refuses the user (SOCKS 4, %u)", answer)
               : proxy_fail(e, ECONNREFUSED, "the proxy refuses or can't (SOCKS 4, %u)", answer);
}

/* SOCKS 5 */

enum {
    SOCKS5_NO_LOGIN = 0,
    SOCKS5_PASSWORD = 2,
    SOCKS5_CONNECT = 1,
    SOCKS5_IPV4 = 1,
    SOCKS5_NAME = 3,
    SOCKS5_IPV6 = 4,
};

int proxy_socks5_begin(struct proxy_talk *t, struct err *e)
{
    (void)e;
    buf_char(&t->out, 5);
    buf_char(&t->out, t->request->user ? 2 : 1);
    buf_char(&t->out, SOCKS5_NO_LOGIN);
    if (t->request->user)
        buf_char(&t->out, SOCKS5_PASSWORD);
    t->step = PROXY_METHOD;
    return 0;
}

static void put_request(struct proxy_talk *t)
{
    const struct proxy_request *r = t->request;
    buf_char(&t->out, 5);
    buf_char(&t->out, SOCKS5_CONNECT);
    buf_char(&t->out, 0);
    if (r->host) {
        buf_char(&t->out, SOCKS5_NAME);
        put_text(&t->out, r->host);
    } else {
        buf_char(&t->out, r->addr.family == AF_INET ? SOCKS5_IPV4 : SOCKS5_IPV6);
        buf_add(&t->out, r->addr.bytes, net_addr_length(&r->addr));
    }
    put_port(&t->out, r->port);
    t->step = PROXY_ANSWER;
}

static ssize_t take_method(struct proxy_talk *t, const char *bytes, size_t n, struct err *e)
{
    const struct proxy_request *r = t->request;
    if (bytes[0] != 5)
        return proxy_fail(e, EPROTO, "what answers there speaks no SOCKS 5");
    if (n < 2)
        return 0;
    if (bytes[1] == SOCKS5_NO_LOGIN) {
        put_request(t);
    } else if (bytes[1] == SOCKS5_PASSWORD && r->user) {
        buf_char(&t->out, 1);
        put_text(&t->out, r->user);
        put_text(&t->out, or_empty(r->password));
        t->step = PROXY_LOGIN;
    } else {
        return r->user ? proxy_fail(e, EPROTO, "the proxy takes no password")
                       : proxy_fail(e, EPROTO, "the proxy wants a user and a password");
    }
    return 2;
}

static ssize_t take_login(struct proxy_talk *t, const char *bytes, size_t n, struct err *e)
{
    if (n < 2)
        return 0;
    if (bytes[1] != 0)
        return proxy_fail(e, EPROTO, "the proxy refuses the user or the password");
    put_request(t);
    return 2;
}

/* RFC 1928, 6 */
static const struct {
    int code;
    const char *words;
} answers[] = {
    [1] = {EIO, "it failed at the proxy"},
    [2] = {EPROTO, "the proxy's rules forbid it"},
    [3] = {ENETUNREACH, "network is unreachable from the proxy"},
    [4] = {EHOSTUNREACH, "host is unreachable from the proxy"},
    [5] = {ECONNREFUSED, "connection refused, says the proxy"},
    [6] = {EHOSTUNREACH, "TTL expired on the way from the proxy"},
    [7] = {EPROTO, "the proxy doesn't connect for others"},
    [8] = {EPROTO, "the proxy doesn't know this kind of address"},
};

static size_t answer_length(const char *bytes, size_t n)
{
    switch (bytes[3]) {
    case SOCKS5_IPV4:
        return 4 + 4 + 2;
    case SOCKS5_IPV6:
        return 4 + 16 + 2;
    default: /* a name */
        return n > 4 ? 4 + 1 + (size_t)(unsigned char)bytes[4] + 2 : SIZE_MAX;
    }
}

static ssize_t take_answer(struct proxy_talk *t, const char *bytes, size_t n, struct err *e)
{
    unsigned char code = n > 1 ? (unsigned char)bytes[1] : 0;
    if (code && code < sizeof answers / sizeof *answers)
        return proxy_fail(e, answers[code].code, "%s", answers[code].words);
    if (code)
        return proxy_fail(e, EPROTO, "the proxy says no (SOCKS 5, %u)", code);
    if (n < 4 || n < answer_length(bytes, n))
        return 0;
    t->done = true;
    return (ssize_t)answer_length(bytes, n);
}

ssize_t proxy_socks5_take(struct proxy_talk *t, const char *bytes, size_t n, struct err *e)
{
    switch (t->step) {
    case PROXY_METHOD:
        return take_method(t, bytes, n, e);
    case PROXY_LOGIN:
        return take_login(t, bytes, n, e);
    default:
        return take_answer(t, bytes, n, e);
    }
}
