#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"

size_t text_decode_utf8(const char *bytes, size_t n, unsigned *ret_char)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (n == 0)
        return 0;
    const unsigned char *p = (const unsigned char *)bytes;
    size_t len = p[0] < 0x80       ? 1
                 : p[0] >> 5 == 6  ? 2
                 : p[0] >> 4 == 14 ? 3
                 : p[0] >> 3 == 30 ? 4
                                   : 0;
    if (len == 0 || len > n)
        return 0;
    unsigned c = len == 1 ? p[0] : p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *ret_char = c;
    return len;
}

bool text_is_unsafe(unsigned c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void escape_byte(struct buf *out, unsigned char byte)
{
    buf_str(out, "\\x");
    buf_char(out, "0123456789abcdef"[byte >> 4]);
    buf_char(out, "0123456789abcdef"[byte & 15]);
}

/* The high bit of each byte of the word that is no plain one, and perhaps of plain bytes above it:
 * good for "is any?", not for "which?". */
static uint64_t special_bytes(uint64_t word)
{
    const uint64_t each = UINT64_C(0x0101010101010101), high = each << 7;
    uint64_t quotes = word ^ each * '"', slashes = word ^ each * '\\', deletes = word ^ each * 0x7f;
    return (word | (word - each * 0x20) | (quotes - each) | (slashes - each) | (deletes - each)) &
           high;
}

size_t text_plain_length(const char *bytes, size_t n)
{
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= n; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        if (special_bytes(word))
            break;
    }
    while (i < n && bytes[i] >= 0x20 && bytes[i] < 0x7f && bytes[i] != '"' && bytes[i] != '\\')
        i++;
    return i;
}

void text_escape(struct buf *out, const char *bytes, size_t n)
{
    while (n > 0) {
        size_t plain = 0;
        while (plain < n && bytes[plain] >= 0x20 && bytes[plain] < 0x7f && bytes[plain] != '\\')
            plain++;
        buf_add(out, bytes, plain);
        bytes += plain;
        n -= plain;
        if (n == 0)
            return;
        unsigned c;
        size_t len = text_decode_utf8(bytes, n, &c);
        if (len == 0 || text_is_unsafe(c)) {
            for (size_t i = 0; i < (len ? len : 1); i++)
                escape_byte(out, (unsigned char)bytes[i]);
            len = len ? len : 1;
        } else if (c == '\\') {
            buf_str(out, "\\\\");
        } else {
            buf_add(out, bytes, len);
        }
        bytes += len;
        n -= len;
    }
}

static bool is_wide(unsigned c)
{
    return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
           (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
           (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
           (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
           (c >= 0x20000 && c <= 0x3fffd);
}

static bool is_combining(unsigned c)
{
    return (c >= 0x300 && c <= 0x36f) || (c >= 0x1ab0 && c <= 0x1aff) ||
           (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe00 && c <= 0xfe0f);
}

size_t text_width(const char *bytes, size_t n)
{
    size_t width = 0;
    while (n > 0) {
        unsigned c = 0;
        size_t len = text_decode_utf8(bytes, n, &c);
        width += len == 0 ? 1 : is_combining(c) ? 0 : is_wide(c) ? 2 : 1;
        bytes += len ? len : 1;
        n -= len ? len : 1;
    }
    return width;
}

/* The private characters that stand for single bytes. */
enum { BYTE_BASE = 0xef00, BYTE_FIRST = 0xef80, BYTE_LAST = 0xefff };

static bool stands_for_byte(unsigned c)
{
    return c >= BYTE_FIRST && c <= BYTE_LAST;
}

size_t text_decode_any(const char *bytes, size_t n, unsigned *ret_char)
{
    size_t len = text_decode_utf8(bytes, n, ret_char);
    if (len > 0 && !stands_for_byte(*ret_char))
        return len;
    *ret_char = BYTE_BASE + (unsigned char)bytes[0];
    return 1;
}

void text_encode_utf8(struct buf *out, unsigned c)
{
    char *to = buf_reserve(out, 4);
    if (!to)
        return;
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len; i > 1; i--, c >>= 6)
        to[i - 1] = (char)(0x80 | (c & 0x3f));
    to[0] = (char)(lead[len] | c);
    out->len += len;
}

void text_to_utf8(struct buf *out, const char *bytes, size_t n)
{
    while (n > 0) {
        size_t plain = 0;
        while (plain < n && (unsigned char)bytes[plain] < 0x80)
            plain++;
        buf_add(out, bytes, plain);
        bytes += plain;
        n -= plain;
        if (n == 0)
            return;
        unsigned c;
        size_t len = text_decode_any(bytes, n, &c);
        text_encode_utf8(out, c);
        bytes += len;
        n -= len;
    }
}

void text_from_utf8(struct buf *out, const char *utf8, size_t n)
{
    while (n > 0) {
        unsigned c;
        size_t len = text_decode_utf8(utf8, n, &c);
        if (len > 0 && stands_for_byte(c))
            buf_char(out, (char)(c - BYTE_BASE));
        else
            buf_add(out, utf8, len ? len : 1);
        utf8 += len ? len : 1;
        n -= len ? len : 1;
    }
}
