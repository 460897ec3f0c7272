#include "flow/http_reply.h"

#include <string.h>

#include "base/buf.h"

#define LINE(status, reason)                                                         \
    {                                                                                \
        status, reason, "HTTP/1.1 " #status " " reason "\r\nServer: berth\r\nDate: " \
    }

static const struct {
    int status;
    const char *reason, *line;
} statuses[] = {
    LINE(200, "OK"),
    LINE(206, "Partial Content"),
    LINE(304, "Not Modified"),
    LINE(404, "Not Found"),
    LINE(201, "Created"),
    LINE(204, "No Content"),
    LINE(301, "Moved Permanently"),
    LINE(400, "Bad Request"),
    LINE(401, "Unauthorized"),
    LINE(403, "Forbidden"),
    LINE(405, "Method Not Allowed"),
    LINE(408, "Request Timeout"),
    LINE(409, "Conflict"),
    LINE(411, "Length Required"),
    LINE(412, "Precondition Failed"),
    LINE(413, "Content Too Large"),
    LINE(414, "URI Too Long"),
    LINE(416, "Range Not Satisfiable"),
    LINE(417, "Expectation Failed"),
    LINE(431, "Request Header Fields Too Large"),
    LINE(500, "Internal Server Error"),
    LINE(501, "Not Implemented"),
    LINE(503, "Service Unavailable"),
    LINE(505, "HTTP Version Not Supported"),
    LINE(507, "Insufficient Storage"),
};

static size_t row_of(int status)
{
    size_t i = 0;
    while (i < sizeof statuses / sizeof *statuses && statuses[i].status != status)
        i++;
    return i;
}

const char *http_reason(int status)
{
    size_t row = row_of(status);
    return row < sizeof statuses / sizeof *statuses ? statuses[row].reason : "";
}

void http_reply_start(struct buf *out, int status, const char date[HTTP_DATE_LENGTH])
{
    size_t row = row_of(status);
    if (row < sizeof statuses / sizeof *statuses)
        buf_str(out, statuses[row].line);
    else
        buf_printf(out, "HTTP/1.1 %d \r\nServer: berth\r\nDate: ", status);
    buf_add(out, date, HTTP_DATE_LENGTH);
    buf_add(out, "\r\n", 2);
}

void http_reply_bytes(struct buf *out, const char *name, const char *value, size_t n)
{
    buf_str(out, name);
    buf_add(out, ": ", 2);
    buf_add(out, value, n);
    buf_add(out, "\r\n", 2);
}

void http_reply_field(struct buf *out, const char *name, const char *value)
{
    http_reply_bytes(out, name, value, strlen(value));
}

void http_reply_length(struct buf *out, uint64_t length)
{
    buf_str(out, "Content-Length: ");
    buf_u64(out, length);
    buf_add(out, "\r\n", 2);
}

void http_reply_end(struct buf *out)
{
    buf_add(out, "\r\n", 2);
}

void http_reply_range(struct buf *out, const struct http_range *r, uint64_t size)
{
    buf_str(out, "Content-Range: bytes ");
    buf_u64(out, r->first);
    buf_char(out, '-');
    buf_u64(out, r->last);
    buf_char(out, '/');
    buf_u64(out, size);
    buf_add(out, "\r\n", 2);
}

/* -- parts -- */

static void put_boundary(struct buf *out, const struct http_parts *p)
{
    buf_str(out, "berth-");
    buf_hex(out, p->boundary);
}

void http_parts_content_type(struct buf *out, const struct http_parts *p)
{
    buf_str(out, "Content-Type: multipart/byteranges; boundary=");
    put_boundary(out, p);
    buf_add(out, "\r\n", 2);
}

bool http_parts_next(struct http_parts *p, struct buf *out, struct http_range *ret)
{
    buf_str(out, "\r\n--");
    put_boundary(out, p);
    if (p->next == p->ranges.n) {
        buf_str(out, "--\r\n");
        return false;
    }
    *ret = p->ranges.range[p->next++];
    buf_str(out, "\r\nContent-Type: ");
    buf_str(out, p->type);
    buf_str(out, p->is_text ? "; charset=utf-8\r\n" : "\r\n");
    http_reply_range(out, ret, p->size);
    buf_add(out, "\r\n", 2);
    return true;
}

uint64_t http_parts_length(const struct http_parts *p)
{
    _cleanup_buf_ struct buf frame = BUF_INIT(1 << 16);
    struct http_parts walk = *p;
    struct http_range r;
    uint64_t length = 0;
    walk.next = 0;
    while (http_parts_next(&walk, &frame, &r))
        length += http_range_length(&r);
    return length + frame.len;
}
