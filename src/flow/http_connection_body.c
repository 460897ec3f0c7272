#include "flow/http_connection_body.h"

#include "flow/http_connection.h"
#include "flow/http_site.h"
#include "flow/http_upload.h"
#include "flow/http_worker.h"

static int store(struct http_connection *c, const char *bytes, size_t n)
{
    c->body_got += n;
    c->worker->totals.bytes += n;
    if (c->body_got > c->worker->site->upload_max)
        return 413;
    return http_upload_write(c->answer.upload, bytes, n);
}

static size_t take_chunked(struct http_connection *c, const char *bytes, size_t n, int *ret_error,
                           bool *ret_whole)
{
    size_t at = 0, used, data;
    do {
        if (http_chunked_next(&c->chunked, bytes + at, n - at, &used, &data) < 0) {
            *ret_error = 400;
            return n;
        }
        at += used;
        if (data > 0)
            *ret_error = store(c, bytes + at, data);
        http_chunked_take(&c->chunked, data);
        at += data;
    } while (*ret_error == 0 && at < n && c->chunked.state != HTTP_CHUNK_END);
    *ret_whole = c->chunked.state == HTTP_CHUNK_END;
    return at;
}

static size_t take_length(struct http_connection *c, const char *bytes, size_t n, int *ret_error,
                          bool *ret_whole)
{
    size_t here = n < c->body_left ? n : (size_t)c->body_left;
    if (here > 0)
        *ret_error = store(c, bytes, here);
    c->body_left -= here;
    *ret_whole = c->body_left == 0;
    return here;
}

size_t http_connection_take_body(struct http_connection *c, const char *bytes, size_t n,
                                 int *ret_error, bool *ret_whole)
{
    return c->parser.request.chunked ? take_chunked(c, bytes, n, ret_error, ret_whole)
                                     : take_length(c, bytes, n, ret_error, ret_whole);
}
