/* The body of a request in chunks (RFC 9112 7.1), decoded as its bytes come.
 *
 * Strict, as http_parse is: sizes in hexadecimal digits, lines that end in CRLF. Extensions and
 * trailers are passed over, and their length has a limit.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum http_chunked_state {
    HTTP_CHUNK_SIZE, /* a zeroed struct begins here */
    HTTP_CHUNK_EXTENSION,
    HTTP_CHUNK_SIZE_LF,
    HTTP_CHUNK_DATA,
    HTTP_CHUNK_DATA_CR,
    HTTP_CHUNK_DATA_LF,
    HTTP_CHUNK_TRAILER, /* at the start of a line */
    HTTP_CHUNK_TRAILER_LINE,
    HTTP_CHUNK_TRAILER_LF,
    HTTP_CHUNK_LAST_LF,
    HTTP_CHUNK_END
};

struct http_chunked {
    enum http_chunked_state state;
    unsigned digits;   /* of the size being read */
    unsigned overhead; /* bytes of extensions and trailers */
    uint64_t left;     /* of the chunk */
};

/* Passes over what is frame, up to the next piece of data. *ret_used: how many bytes at the front
 * are done with, the piece not included; *ret_n: how many behind them are data, which the caller
 * takes (all or some) and tells by http_chunked_take. 0: *ret_n is 0 where more bytes are needed,
 * or where the body is over (state HTTP_CHUNK_END). -EBADMSG: malformed. */
int http_chunked_next(struct http_chunked *c, const char *bytes, size_t n, size_t *ret_used,
                      size_t *ret_n);
void http_chunked_take(struct http_chunked *c, size_t n);
