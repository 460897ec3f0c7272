#include "flow/http_chunked.h"

#include <assert.h>
#include <errno.h>

enum { OVERHEAD_MAX = 4096, DIGITS_MAX = 15 };

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

static int after_size(struct http_chunked *c, char byte)
{
    if (c->digits == 0 || (byte != '\r' && byte != ';'))
        return -EBADMSG;
    c->digits = 0;
    c->state = byte == '\r' ? HTTP_CHUNK_SIZE_LF : HTTP_CHUNK_EXTENSION;
    return 0;
}

static int take_size(struct http_chunked *c, char byte)
{
    int digit = hex_digit(byte);
    if (digit < 0)
        return after_size(c, byte);
    if (c->digits++ == DIGITS_MAX)
        return -EBADMSG;
    c->left = c->left << 4 | (unsigned)digit;
    return 0;
}

/* A byte of an extension or a trailer; at CR the state becomes `then`. */
static int take_line(struct http_chunked *c, char byte, enum http_chunked_state then)
{
    unsigned char b = (unsigned char)byte;
    if (++c->overhead > OVERHEAD_MAX)
        return -EBADMSG;
    if (byte == '\r')
        c->state = then;
    else if ((b < 0x20 && byte != '\t') || b == 0x7f)
        return -EBADMSG;
    return 0;
}

static int expect(struct http_chunked *c, char byte, char wanted, enum http_chunked_state then)
{
    if (byte != wanted)
        return -EBADMSG;
    c->state = then;
    return 0;
}

static int take_byte(struct http_chunked *c, char byte)
{
    switch (c->state) {
    case HTTP_CHUNK_SIZE:
        return take_size(c, byte);
    case HTTP_CHUNK_EXTENSION:
        return take_line(c, byte, HTTP_CHUNK_SIZE_LF);
    case HTTP_CHUNK_SIZE_LF:
        return expect(c, byte, '\n', c->left ? HTTP_CHUNK_DATA : HTTP_CHUNK_TRAILER);
    case HTTP_CHUNK_DATA_CR:
        return expect(c, byte, '\r', HTTP_CHUNK_DATA_LF);
    case HTTP_CHUNK_DATA_LF:
        return expect(c, byte, '\n', HTTP_CHUNK_SIZE);
    case HTTP_CHUNK_TRAILER:
        c->state = HTTP_CHUNK_TRAILER_LINE;
        return take_line(c, byte, HTTP_CHUNK_LAST_LF);
    case HTTP_CHUNK_TRAILER_LINE:
        return take_line(c, byte, HTTP_CHUNK_TRAILER_LF);
    case HTTP_CHUNK_TRAILER_LF:
        return expect(c, byte, '\n', HTTP_CHUNK_TRAILER);
    case HTTP_CHUNK_LAST_LF:
        return expect(c, byte, '\n', HTTP_CHUNK_END);
    default: /* HTTP_CHUNK_DATA and HTTP_CHUNK_END take no byte of frame */
        return -EBADMSG;
    }
}

int http_chunked_next(struct http_chunked *c, const char *bytes, size_t n, size_t *ret_used,
                      size_t *ret_n)
{
    size_t i = 0;
    while (i < n && c->state != HTTP_CHUNK_DATA && c->state != HTTP_CHUNK_END) {
        int e = take_byte(c, bytes[i++]);
        if (e < 0)
            return e;
    }
    *ret_used = i;
    *ret_n = c->state != HTTP_CHUNK_DATA ? 0 : n - i < c->left ? n - i : (size_t)c->left;
    return 0;
}

void http_chunked_take(struct http_chunked *c, size_t n)
{
    assert(c->state == HTTP_CHUNK_DATA ? n <= c->left : n == 0);
    c->left -= n;
    if (c->state == HTTP_CHUNK_DATA && c->left == 0)
        c->state = HTTP_CHUNK_DATA_CR;
}
