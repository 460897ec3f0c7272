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

/* What stands before an element: a comma unless it is the first, a new line where asked for. */
static void separate(struct jsonw *j)
{
    if (j->filled & level(j))
        buf_char(j->out, ',');
    j->filled |= level(j);
    if (j->lines && j->depth == 1 && !(j->objects & level(j)))
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

static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void put_text(struct buf *out, const char *bytes, size_t n)
{
    char *to = buf_reserve(out, n + 2);
    if (!to)
        return;
    size_t plain = 0;
    *to++ = '"';
    for (; plain < n && is_plain(bytes[plain]); plain++)
        *to++ = bytes[plain];
    out->len += plain + 1;
    while (plain < n) {
        plain += put_special(out, bytes + plain, n - plain);
        size_t from = plain;
        while (plain < n && is_plain(bytes[plain]))
            plain++;
        buf_add(out, bytes + from, plain - from);
    }
    buf_char(out, '"');
}

void jsonw_key(struct jsonw *j, const char *key)
{
    assert((j->objects & level(j)) && !j->keyed);
    separate(j);
    put_text(j->out, key, strlen(key));
    buf_char(j->out, ':');
    j->keyed = true;
}

void jsonw_text(struct jsonw *j, const char *bytes, size_t n)
{
    before_value(j);
    put_text(j->out, bytes, n);
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
