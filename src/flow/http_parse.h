/* The head of an HTTP/1.0 or 1.1 request, read from a buffer that grows (RFC 9112).
 *
 * Strict, since what two parsers read differently is how requests are smuggled: whatever isn't
 * written exactly as the grammar says is refused. Nothing is copied: a slice is a place in the
 * caller's buffer, counted from the request's first byte, so the buffer may move between calls but
 * its content may not change. A line is looked at once, however slowly its bytes trickle in.
 *
 * One liberty: a request whose every line ends in a bare LF (typed by hand into a socket) is taken,
 * if it has no body. Mixed with CRLF it is refused, so nobody can read two different heads.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_LINE_MAX = 8192,  /* the request line (414 beyond), or one field (431) */
    HTTP_HEAD_MAX = 16384, /* the whole head: 431 beyond */
    HTTP_FIELDS_MAX = 100, /* fields of a head: 431 beyond */
};

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_PUT,
    HTTP_POST,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_PATCH,
    HTTP_TRACE,
    HTTP_CONNECT,
    HTTP_OTHER, /* any other word */
    HTTP_METHODS
};

/* The fields that are kept; others are checked and passed over. */
enum http_field {
    HTTP_HOST,
    HTTP_CONTENT_LENGTH,
    HTTP_TRANSFER_ENCODING,
    HTTP_CONNECTION,
    HTTP_EXPECT,
    HTTP_RANGE,
    HTTP_IF_RANGE,
    HTTP_IF_MATCH,
    HTTP_IF_NONE_MATCH,
    HTTP_IF_MODIFIED_SINCE,
    HTTP_IF_UNMODIFIED_SINCE,
    HTTP_ACCEPT,
    HTTP_ACCEPT_ENCODING,
    HTTP_AUTHORIZATION,
    HTTP_ORIGIN,
    HTTP_REFERER,
    HTTP_USER_AGENT,
    HTTP_CONTENT_RANGE,
    HTTP_REQUEST_METHOD, /* Access-Control-Request-Method */
    HTTP_FIELDS
};

struct http_slice {
    uint32_t at, n;
};

struct http_request {
    enum http_method method;
    unsigned minor; /* HTTP/1.minor: 0 or 1 */
    struct http_slice line, method_text, target;
    struct http_slice path;               /* from its '/', still encoded; "*" for OPTIONS * */
    struct http_slice query;              /* behind the '?' */
    struct http_slice host;               /* of an absolute target, else of the Host field */
    struct http_slice field[HTTP_FIELDS]; /* values without blanks around them; where a list is
                                           * given in several fields, the first of them */
    uint32_t present;                     /* bit f: field f is there, be it empty */
    bool keep_alive, chunked, expects_continue, has_length;
    uint64_t content_length; /* 0 where it isn't given */
    uint32_t length;         /* bytes of the head, its empty line included */
};

struct http_parser {
    struct http_request request;
    int status;      /* of a fault: the status to answer with */
    const char *why; /* and what is wrong, a few words */
    uint32_t line, scanned;
    unsigned n_fields;
    bool has_line, bare_lf, says_close, says_keep_alive;
};

/* To begin with a request, the parser is a zeroed struct.
 *
 * 0: the head is whole, in p->request. -EAGAIN: more bytes are needed; call again with the same
 * bytes and those that came. -EBADMSG: refused, with p->status 400, 413, 414, 417, 431, 501 or 505;
 * the connection is of no use any more. */
int http_parse(struct http_parser *p, const char *bytes, size_t n);

static inline bool http_has(const struct http_request *r, enum http_field f)
{
    return r->present >> f & 1;
}
