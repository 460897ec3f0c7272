#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

static uint64_t level(const struct jsonw *j)
{
    return UINT64_C(1) << j->depth;
}

/* What stands before an element of an array: a comma unless it is the first, a new line where asked
 * for. */
static void separate(struct jsonw *j)
{
    if (j->filled & level(j))
        buf_char(j->out, ',');
    j->filled |= level(j);
    if (j->lines && j->depth == 1)
        buf_char(j->out, '\n');
}

static void before_value(struct jsonw *j)
{
    if (j->keyed) {
        j->keyed = false;
        return;
    }
    assert(!(j->objects & level(j)));
    if (j->depth > 0)
        separate(j);
}

static void open_level(struct jsonw *j, char bracket, bool object)
{
    before_value(j);
    buf_char(j->out, bracket);
    assert(j->depth + 1 < JSONW_DEPTH);
    j->depth++;
    j->filled &= ~level(j);
    j->objects = object ? j->objects | level(j) : j->objects & ~level(j);
}

static void close_level(struct jsonw *j, char bracket, bool object)
{
    assert(j->depth > 0 && !j->keyed && object == ((j->objects & level(j)) != 0));
    if (j->lines && j->depth == 1 && !object && (j->filled & level(j)))
        buf_char(j->out, '\n');
    j->depth--;
    buf_char(j->out, bracket);
}

void jsonw_object(struct jsonw *j)
{
    open_level(j, '{', true);
}

void jsonw_object_end(struct jsonw *j)
{
    close_level(j, '}', true);
}

void jsonw_array(struct jsonw *j)
{
    open_level(j, '[', false);
}

void jsonw_array_end(struct jsonw *j)
{
    close_level(j, ']', false);
}

static void escape_unit(struct buf *out, unsigned unit)
{
    char *to = buf_reserve(out, 6);
    if (!to)
        return;
    static const char digits[] = "0123456789abcdef";
    to[0] = '\\';
    to[1] = 'u';
    for (int i = 0; i < 4; i++)
        to[2 + i] = digits[unit >> (12 - 4 * i) & 15];
    out->len += 6;
}

/* The short escapes of RFC 8259, section 7. */
static const char short_escapes[128] = {
    ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
    ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
};

/* One character that isn't plain ASCII; returns its length. */
static size_t put_special(struct buf *out, const char *bytes, size_t n)
{
    unsigned c;
    size_t len = text_decode_any(bytes, n, &c);
    bool byte = len == 1 && c >= 0x80;
    if (c < 0x80 && short_escapes[c]) {
        buf_char(out, '\\');
        buf_char(out, short_escapes[c]);
    } else if (byte || text_is_unsafe(c)) {
        escape_unit(out, c); /* all of them are below U+10000 */
    } else {
        buf_add(out, bytes, len);
    }
    return len;
}

/* The rest of a text, from its first special character on. */
static void put_rest(struct buf *out, const char *bytes, size_t n)
{
    while (n > 0) {
        size_t special = put_special(out, bytes, n);
        bytes += special;
        n -= special;
        size_t plain = text_plain_length(bytes, n);
        buf_add(out, bytes, plain);
        bytes += plain;
        n -= plain;
    }
}

/* A text in quotes, `before` and `after` it (NUL: nothing). Most texts are short and plain: those
 * are copied byte by byte into room that is asked for once. */
static void put_text(struct buf *out, const char *bytes, size_t n, char before, char after)
{
    char *start = buf_reserve(out, n + 4), *to = start;
    if (!to)
        return;
    if (before)
        *to++ = before;
    *to++ = '"';
    size_t plain = 0;
    for (char c; plain < n; plain++) {
        c = bytes[plain];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            break;
        *to++ = c;
    }
    if (plain < n) {
        out->len += (size_t)(to - start);
        put_rest(out, bytes + plain, n - plain);
        start = to = buf_reserve(out, 2);
        if (!to)
            return;
    }
    *to++ = '"';
    if (after)
        *to++ = after;
    out->len += (size_t)(to - start);
}

void jsonw_key(struct jsonw *j, const char *key)
{
    assert((j->objects & level(j)) && !j->keyed);
    put_text(j->out, key, strlen(key), j->filled & level(j) ? ',' : '\0', ':');
    j->filled |= level(j);
    j->keyed = true;
}

void jsonw_text(struct jsonw *j, const char *bytes, size_t n)
{
    before_value(j);
    put_text(j->out, bytes, n, '\0', '\0');
}

void jsonw_str(struct jsonw *j, const char *text)
{
    if (text)
        jsonw_text(j, text, strlen(text));
    else
        jsonw_null(j);
}

void jsonw_raw(struct jsonw *j, const char *json, size_t n)
{
    before_value(j);
    buf_add(j->out, json, n);
}

void jsonw_u64(struct jsonw *j, uint64_t value)
{
    before_value(j);
    buf_u64(j->out, value);
}

void jsonw_i64(struct jsonw *j, int64_t value)
{
    before_value(j);
    buf_i64(j->out, value);
}

void jsonw_real(struct jsonw *j, double value)
{
    if (!isfinite(value)) {
        jsonw_null(j);
        return;
    }
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    /* The locale may write another decimal point. */
    char *point = text + strspn(text, "-0123456789");
    if (*point && *point != 'e')
        *point = '.';
    jsonw_raw(j, text, strlen(text));
}

void jsonw_bool(struct jsonw *j, bool value)
{
    jsonw_raw(j, value ? "true" : "false", value ? 4 : 5);
}

void jsonw_null(struct jsonw *j)
{
    jsonw_raw(j, "null", 4);
}
