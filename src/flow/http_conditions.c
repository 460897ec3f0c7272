#include "flow/http_conditions.h"

#include <string.h>

#include "flow/http_date.h"
#include "flow/http_parse.h"

static size_t put_hex(char *to, uint64_t value)
{
    size_t n = 1;
    while (n < 16 && value >> (4 * n))
        n++;
    for (size_t i = 0; i < n; i++)
        to[i] = "0123456789abcdef"[value >> (4 * (n - 1 - i)) & 15];
    return n;
}

size_t http_etag_format(char ret[HTTP_ETAG_MAX], int64_t mtime_s, uint32_t mtime_ns, uint64_t size,
                        uint64_t inode)
{
    size_t n = 0;
    ret[n++] = '"';
    n += put_hex(ret + n, (uint64_t)mtime_s * 1000000000 + mtime_ns);
    ret[n++] = '-';
    n += put_hex(ret + n, size);
    ret[n++] = '-';
    n += put_hex(ret + n, inode);
    ret[n++] = '"';
    return n;
}

struct text {
    const char *at;
    size_t n;
};

static struct text text_of(const struct http_request *r, const char *base, enum http_field f)
{
    return (struct text){base + r->field[f].at, r->field[f].n};
}

static bool is_weak(struct text t)
{
    return t.n >= 2 && t.at[0] == 'W' && t.at[1] == '/';
}

/* Is the tag among those of a list, or the list "*"? A weak tag equals a strong one where that is
 * asked weakly only (RFC 9110 8.8.3.2). */
static bool list_has(struct text list, const struct http_validators *v, bool weakly)
{
    if (list.n == 1 && *list.at == '*')
        return v->exists;
    while (v->exists && list.n > 0) {
        bool weak = is_weak(list);
        struct text tag = {list.at + (weak ? 2 : 0), list.n - (weak ? 2 : 0)};
        const char *end = tag.n > 1 && *tag.at == '"' ? memchr(tag.at + 1, '"', tag.n - 1) : NULL;
        if (end) {
            tag.n = (size_t)(end + 1 - tag.at);
            if ((!weak || weakly) && tag.n == v->n_etag && memcmp(tag.at, v->etag, tag.n) == 0)
                return true;
            list.n -= (size_t)(end + 1 - list.at);
            list.at = end + 1;
        } else { /* a comma, a blank, or what is no tag */
            list.at++;
            list.n--;
        }
    }
    return false;
}

/* A date that can't be read is as good as none. */
static bool changed_since(const struct http_request *r, const char *base, enum http_field f,
                          const struct http_validators *v, int64_t now_s, bool otherwise)
{
    struct text t = text_of(r, base, f);
    int64_t since_s;
    if (!v->exists || http_date_parse(t.at, t.n, now_s, &since_s) < 0)
        return otherwise;
    return v->modified_s > since_s;
}

/* The order is that of RFC 9110 13.2.2. */
int http_conditions_judge(const struct http_request *r, const char *base,
                          const struct http_validators *v, int64_t now_s)
{
    bool reads = r->method == HTTP_GET || r->method == HTTP_HEAD;
    if (http_has(r, HTTP_IF_MATCH)) {
        if (!list_has(text_of(r, base, HTTP_IF_MATCH), v, false))
            return 412;
    } else if (http_has(r, HTTP_IF_UNMODIFIED_SINCE)) {
        if (changed_since(r, base, HTTP_IF_UNMODIFIED_SINCE, v, now_s, false))
            return 412;
    }
    if (http_has(r, HTTP_IF_NONE_MATCH)) {
        if (list_has(text_of(r, base, HTTP_IF_NONE_MATCH), v, true))
            return reads ? 304 : 412;
    } else if (reads && http_has(r, HTTP_IF_MODIFIED_SINCE)) {
        if (!changed_since(r, base, HTTP_IF_MODIFIED_SINCE, v, now_s, true))
            return 304;
    }
    return 200;
}

bool http_conditions_allow_range(const struct http_request *r, const char *base,
                                 const struct http_validators *v, int64_t now_s)
{
    struct text t = text_of(r, base, HTTP_IF_RANGE);
    int64_t date_s;
    if (!http_has(r, HTTP_IF_RANGE))
        return true;
    if (t.n > 0 && *t.at == '"')
        return t.n == v->n_etag && memcmp(t.at, v->etag, t.n) == 0;
    /* A date tells versions apart only when it lies a while back (RFC 9110 8.8.2.2). */
    return http_date_parse(t.at, t.n, now_s, &date_s) == 0 && date_s == v->modified_s &&
           date_s + 1 < now_s;
}
