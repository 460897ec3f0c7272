/* The head of a response, piece by piece into a buffer; and bodies that are only words. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/http_date.h"
#include "flow/http_range.h"

struct buf;

const char *http_reason(int status); /* "Not Found"; "" for a status that we never send */

/* "HTTP/1.1 STATUS REASON", Server, Date; the date is http_date_format's. */
void http_reply_start(struct buf *out, int status, const char date[HTTP_DATE_LENGTH]);
void http_reply_field(struct buf *out, const char *name, const char *value);
void http_reply_bytes(struct buf *out, const char *name, const char *value, size_t n);
void http_reply_length(struct buf *out, uint64_t length);
void http_reply_end(struct buf *out);

/* "bytes 0-499/1234" */
void http_reply_range(struct buf *out, const struct http_range *r, uint64_t size);

/* Several ranges of one file, as the parts of a body (multipart/byteranges, RFC 9110 14.6). */
struct http_parts {
    struct http_ranges ranges;
    size_t next;
    const char *type;
    bool is_text;
    uint64_t size;     /* of the file */
    uint64_t boundary; /* a number that the content is unlikely to have */
};

void http_parts_content_type(struct buf *out, const struct http_parts *p);
/* The length of the whole body. */
uint64_t http_parts_length(const struct http_parts *p);
/* What stands before the next part, whose range it gives; or false, and what stands at the end. */
bool http_parts_next(struct http_parts *p, struct buf *out, struct http_range *ret);
