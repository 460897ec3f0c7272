#include "flow/http_path.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* One byte of a path, decoded; -EINVAL for NUL, for an encoded slash, and for half an escape. */
static int take_byte(const char **at, const char *end)
{
    const char *p = *at;
    if (*p != '%') {
        (*at)++;
        return (unsigned char)*p ? (unsigned char)*p : -EINVAL;
    }
    if (end - p < 3 || hex_digit(p[1]) < 0 || hex_digit(p[2]) < 0)
        return -EINVAL;
    int byte = hex_digit(p[1]) << 4 | hex_digit(p[2]);
    *at += 3;
    return byte == 0 || byte == '/' ? -EINVAL : byte;
}

/* Puts one segment behind ret[0 … n), up to the next slash. The new length. */
static int take_segment(const char **at, const char *end, char *ret, size_t n, size_t size)
{
    while (*at < end && **at != '/') {
        int byte = take_byte(at, end);
        if (byte < 0)
            return byte;
        if (n + 2 > size) /* a slash and a NUL may follow */
            return -ENAMETOOLONG;
        ret[n++] = (char)byte;
    }
    return (int)n;
}

/* Drops the last segment of ret[0 … n), which ends in a slash or is empty. */
static int drop_segment(const char *ret, size_t n)
{
    if (n == 0)
        return -EINVAL;
    n--;
    while (n > 0 && ret[n - 1] != '/')
        n--;
    return (int)n;
}

int http_path_decode(const char *bytes, size_t n, char *ret, size_t size)
{
    const char *at = bytes, *end = bytes + n;
    size_t length = 0; /* what is there ends in a slash, or is empty */
    if (size < 2 || n == 0 || *at != '/')
        return -EINVAL;
    while (at < end) {
        while (at < end && *at == '/')
            at++;
        int to = take_segment(&at, end, ret, length, size - 1);
        if (to < 0)
            return to;
        size_t segment = (size_t)to - length;
        if (segment == 1 && ret[length] == '.')
            continue;
        if (segment == 2 && ret[length] == '.' && ret[length + 1] == '.') {
            to = drop_segment(ret, length);
            if (to < 0)
                return to;
            length = (size_t)to;
            continue;
        }
        length = (size_t)to;
        if (segment > 0 && at < end)
            ret[length++] = '/';
    }
    ret[length] = '\0';
    return (int)length;
}

bool http_path_is_hidden(const char *path)
{
    return path[0] == '.' || strstr(path, "/.") != NULL;
}

/* RFC 3986 2.3 */
static bool is_unreserved(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void http_path_encode(struct buf *out, const char *bytes, size_t n, bool keep_slashes)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (is_unreserved(bytes[i]) || (keep_slashes && c == '/')) {
            buf_char(out, bytes[i]);
            continue;
        }
        buf_char(out, '%');
        buf_char(out, "0123456789ABCDEF"[c >> 4]);
        buf_char(out, "0123456789ABCDEF"[c & 15]);
    }
}

const char *http_query_find(const char *query, size_t n, const char *name, size_t *ret_n)
{
    size_t n_name = strlen(name);
    while (n > 0) {
        const char *mark = memchr(query, '&', n);
        size_t piece = mark ? (size_t)(mark - query) : n;
        if (piece > n_name && memcmp(query, name, n_name) == 0 && query[n_name] == '=') {
            *ret_n = piece - n_name - 1;
            return query + n_name + 1;
        }
        query += mark ? piece + 1 : piece;
        n -= mark ? piece + 1 : piece;
    }
    return NULL;
}
