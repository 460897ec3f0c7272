/* CONNECT. After a 407 it asks again over a new connection: what the proxy has to say beside it
 * needn't be read. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "flow/proxy_impl.h"

enum { STATUS_AUTHENTICATE = 407, CNONCE_BYTES = 16 };

static void put_authority(struct buf *out, const struct proxy_request *r)
{
    bool brackets = r->host ? strchr(r->host, ':') != NULL : r->addr.family == AF_INET6;
    buf_str(out, brackets ? "[" : "");
    if (r->host)
        buf_str(out, r->host);
    else
        net_addr_format(out, &r->addr);
    buf_str(out, brackets ? "]" : "");
    buf_printf(out, ":%u", r->port);
}

static void put_authorization(struct proxy_talk *t, const char *uri)
{
    unsigned char bytes[CNONCE_BYTES] = {0};
    _cleanup_buf_ struct buf cnonce = BUF_INIT(4 * CNONCE_BYTES);
    if (getrandom(bytes, sizeof bytes, 0) < 0)
        memset(bytes, 0, sizeof bytes); /* the proxy's nonce still makes the answer a new one */
    for (size_t i = 0; i < sizeof bytes; i++)
        buf_printf(&cnonce, "%02x", bytes[i]);
    buf_str(&t->out, "Proxy-Authorization: ");
    proxy_challenge_answer(&t->out, &t->challenge, t->request->user,
                           t->request->password ? t->request->password : "", uri,
                           buf_cstr(&cnonce));
    buf_str(&t->out, "\r\n");
}

/* A name with a control character in it would be a second header. */
static bool is_plain(const char *text)
{
    for (; text && *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    return true;
}

int proxy_http_begin(struct proxy_talk *t, struct err *e)
{
    _cleanup_buf_ struct buf authority = BUF_INIT(512);
    if (!is_plain(t->request->host))
        return proxy_fail(e, EINVAL, "the host's name has blanks or control characters");
    put_authority(&authority, t->request);
    buf_printf(&t->out, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", buf_cstr(&authority),
               buf_cstr(&authority));
    if (t->challenge.auth)
        put_authorization(t, buf_cstr(&authority));
    buf_str(&t->out, "\r\n");
    t->step = PROXY_ANSWER;
    return 0;
}

/* Behind the empty line that ends the header; NULL: it didn't come yet. */
static const char *end_of_header(const char *bytes, size_t n)
{
    const char *end = memmem(bytes, n, "\r\n\r\n", 4);
    const char *bare = memmem(bytes, n, "\n\n", 2); /* RFC 9112, 2.2: may be taken for one */
    if (end && (!bare || end < bare))
        return end + 4;
    return bare ? bare + 2 : NULL;
}

static void read_challenges(struct proxy_challenge *c, const char *at, const char *end)
{
    static const char name[] = "Proxy-Authenticate:";
    size_t name_n = sizeof name - 1;
    while (at < end) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((feed ? feed : end) - at);
        if (n > name_n && strncasecmp(at, name, name_n) == 0)
            proxy_challenge_read(c, at + name_n, n - name_n);
        at = feed ? feed + 1 : end;
    }
}

static ssize_t challenged(struct proxy_talk *t, const char *bytes, const char *end, struct err *e)
{
    if (t->challenge.auth)
        return proxy_fail(e, EPROTO, "the proxy refuses the user or the password");
    if (!t->request->user)
        return proxy_fail(e, EPROTO, "the proxy wants a user and a password");
    read_challenges(&t->challenge, bytes, end);
    if (!t->challenge.auth)
        return proxy_fail(e, EPROTO, "the proxy wants neither Basic nor Digest to log in");
    t->again = true;
    return end - bytes;
}

static ssize_t refused(unsigned status, const char *bytes, const char *end, struct err *e)
{
    const char *line_end = memchr(bytes, '\n', (size_t)(end - bytes));
    int n = (int)(line_end - bytes);
    while (n > 0 && isspace((unsigned char)bytes[n - 1]))
        n--;
    int code = status >= 500 ? EHOSTUNREACH : EPROTO;
    return proxy_fail(e, code, "the proxy says: %.*s", n > 120 ? 120 : n, bytes);
}

ssize_t proxy_http_take(struct proxy_talk *t, const char *bytes, size_t n, struct err *e)
{
    static const char version[] = "HTTP/1.";
    size_t some = n < sizeof version - 1 ? n : sizeof version - 1;
    if (memcmp(bytes, version, some) != 0)
        return proxy_fail(e, EPROTO, "what answers there speaks no HTTP");
    const char *end = end_of_header(bytes, n);
    if (!end)
        return 0;
    unsigned status = 0; /* "HTTP/1.1 200 …": there are 12 bytes before an empty line, or a fault */
    if (end - bytes < 13 || bytes[8] != ' ' || !isdigit((unsigned char)bytes[9]) ||
        !isdigit((unsigned char)bytes[10]) || !isdigit((unsigned char)bytes[11]))
        return proxy_fail(e, EPROTO, "what answers there speaks no HTTP");
    for (int i = 9; i < 12; i++)
        status = status * 10 + (unsigned)(bytes[i] - '0');
    if (status >= 100 && status < 200)
        return end - bytes; /* the answer proper follows */
    if (status >= 200 && status < 300) {
        t->done = true;
        return end - bytes;
    }
    return status == STATUS_AUTHENTICATE ? challenged(t, bytes, end, e)
                                         : refused(status, bytes, end, e);
}
