#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_free(struct buf *b)
{
    int saved = errno;
    free(b->data);
    *b = BUF_INIT(b->max);
    errno = saved;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

/* Apart, so that what is left of its callers is short enough to be made part of theirs. */
__attribute__((noinline, cold)) static bool grow(struct buf *b, size_t n)
{
    if (b->failed || n > b->max || b->len > b->max - n)
        return false;

    size_t need = b->len + n;
    size_t cap = b->cap ? b->cap : 128;
    while (cap < need)
        cap *= 2;
    if (cap > b->max)
        cap = b->max;
    char *data = realloc(b->data, cap);
    if (!data)
        return false;
    b->data = data;
    b->cap = cap;
    return true;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (__builtin_expect(b->cap - b->len < n || b->failed || !b->data, 0) && !grow(b, n)) {
        b->failed = true;
        return NULL;
    }
    return b->data + b->len;
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
    if (n == 0)
        return;
    char *to = buf_reserve(b, n);
    if (!to)
        return;
    memcpy(to, bytes, n);
    b->len += n;
}

void buf_str(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_char(struct buf *b, char c)
{
    char *to = buf_reserve(b, 1);
    if (!to)
        return;
    *to = c;
    b->len++;
}

void buf_repeat(struct buf *b, char c, size_t n)
{
    char *to = n ? buf_reserve(b, n) : NULL;
    if (!to)
        return;
    memset(to, c, n);
    b->len += n;
}

void buf_u64(struct buf *b, uint64_t value)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930"
                                "31323334353637383940414243444546474849505152535455565758596061"
                                "62636465666768697071727374757677787980818283848586878889909192"
                                "93949596979899";
    char digits[20];
    size_t at = sizeof digits;
    for (; value >= 100; value /= 100)
        memcpy(digits + (at -= 2), pairs + value % 100 * 2, 2);
    if (value >= 10)
        memcpy(digits + (at -= 2), pairs + value * 2, 2);
    else
        digits[--at] = (char)('0' + value);
    buf_add(b, digits + at, sizeof digits - at);
}

void buf_i64(struct buf *b, int64_t value)
{
    if (value < 0)
        buf_char(b, '-');
    buf_u64(b, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void buf_hex(struct buf *b, uint64_t value)
{
    char digits[16];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value);
    buf_add(b, digits + at, sizeof digits - at);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    /* vsnprintf writes its NUL too, which then isn't counted. */
    char *to = n < 0 ? NULL : buf_reserve(b, (size_t)n + 1);
    if (to) {
        vsnprintf(to, (size_t)n + 1, format, again);
        b->len += (size_t)n;
    } else {
        b->failed = true;
    }
    va_end(again);
}

const char *buf_cstr(struct buf *b)
{
    char *end = buf_reserve(b, 1);
    if (!end)
        return "";
    *end = '\0';
    return b->data;
}
