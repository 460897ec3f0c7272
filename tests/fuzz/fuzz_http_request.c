/* Heads of requests: in pieces as whole, slices within the head, and what is made of the fields. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "flow/http_accept.h"
#include "flow/http_conditions.h"
#include "flow/http_date.h"
#include "flow/http_listing.h"
#include "flow/http_parse.h"
#include "flow/http_path.h"
#include "flow/http_range.h"
#include "fuzz.h"

static const struct http_slice *value_of(const struct http_request *r, enum http_field f)
{
    return &r->field[f];
}

static void check_slice(const struct http_request *r, struct http_slice s)
{
    fuzz_check(s.at <= r->length && s.n <= r->length - s.at, "a slice lies within the head");
}

static void check_pieces(const char *bytes, size_t n, const struct http_parser *whole, int result)
{
    struct http_parser p = {0};
    int r = -EAGAIN;
    size_t step = n > 256 ? n / 64 : 1, at = 0;
    while (r == -EAGAIN && at < n) {
        at += n - at < step ? n - at : step;
        r = http_parse(&p, bytes, at);
    }
    /* In pieces a mistake may be seen before one that stands earlier has its line's end. */
    fuzz_check(n == 0 || (r < 0) == (result < 0), "in pieces as whole");
    if (r == 0 && n > 0)
        fuzz_check(memcmp(&p.request, &whole->request, sizeof p.request) == 0, "the same request");
}

static void check_path(const struct http_request *r, const char *bytes)
{
    char path[HTTP_PATH_MAX];
    int n = http_path_decode(bytes + r->path.at, r->path.n, path, sizeof path);
    if (n < 0)
        return;
    fuzz_check((size_t)n == strlen(path) && n < HTTP_PATH_MAX, "a path has its length");
    fuzz_check(path[0] != '/' && !strstr(path, "//"), "a path has no empty segment");
    char framed[HTTP_PATH_MAX + 3];
    snprintf(framed, sizeof framed, "/%s/", path);
    fuzz_check(!strstr(framed, "/../") && !strstr(framed, "/./"), "a path has no dots");

    _cleanup_buf_ struct buf again = BUF_INIT(1 << 16);
    char back[HTTP_PATH_MAX];
    buf_char(&again, '/');
    http_path_encode(&again, path, (size_t)n, true);
    fuzz_check(http_path_decode(again.data, again.len, back, sizeof back) == n &&
                   memcmp(path, back, (size_t)n) == 0,
               "a path comes back");
}

static void check_ranges(const struct http_request *r, const char *bytes)
{
    static const uint64_t sizes[] = {0, 1, 10, 1000, UINT64_MAX};
    const struct http_slice *v = value_of(r, HTTP_RANGE);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct http_ranges ranges;
        http_range_parse(bytes + v->at, v->n, sizes[i], &ranges);
        fuzz_check(ranges.n <= HTTP_RANGES_MAX, "not too many ranges");
        for (size_t k = 0; k < ranges.n; k++)
            fuzz_check(ranges.range[k].first <= ranges.range[k].last &&
                           ranges.range[k].last < sizes[i],
                       "a range lies within");
    }
}

static void check_fields(const struct http_request *r, const char *bytes)
{
    const struct http_validators v = {
        .exists = true, .etag = "\"a\"", .n_etag = 3, .modified_s = 784111777};
    enum http_coding codings[HTTP_CODINGS];
    const struct http_slice *s = value_of(r, HTTP_ACCEPT_ENCODING);
    size_t n = http_accept_codings(bytes + s->at, s->n, codings);
    fuzz_check(n > 0 && n <= HTTP_CODINGS && codings[n - 1] == HTTP_IDENTITY, "codings");
    s = value_of(r, HTTP_ACCEPT);
    fuzz_check(http_accept_weight(bytes + s->at, s->n, "text", "html") <= 1000, "a weight");
    int status = http_conditions_judge(r, bytes, &v, 1795236000);
    fuzz_check(status == 200 || status == 304 || status == 412, "a status");
    http_conditions_allow_range(r, bytes, &v, 1795236000);

    int64_t at_s;
    s = value_of(r, HTTP_IF_MODIFIED_SINCE);
    if (http_date_parse(bytes + s->at, s->n, 1795236000, &at_s) == 0 && at_s >= 0) {
        char text[HTTP_DATE_LENGTH];
        int64_t back = -1;
        http_date_format(at_s, text);
        fuzz_check(http_date_parse(text, sizeof text, 0, &back) == 0 && back == at_s,
                   "a date comes back");
    }
    struct http_listing l = {.path = ""};
    http_listing_read_query(&l, bytes + r->query.at, r->query.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct http_parser p = {0};
    int result = http_parse(&p, bytes ? bytes : "", size);
    fuzz_check(result == 0 || result == -EAGAIN || result == -EBADMSG, "a result");
    fuzz_check((result == -EBADMSG) == (p.status >= 400 && p.why), "a mistake has its status");
    check_pieces(bytes, size, &p, result);
    if (result < 0)
        return 0;
    const struct http_request *r = &p.request;
    fuzz_check(r->length <= size && r->length <= HTTP_HEAD_MAX, "the head's length");
    fuzz_check(!(r->chunked && r->has_length), "a body has one length");
    check_slice(r, r->line);
    check_slice(r, r->method_text);
    check_slice(r, r->target);
    check_slice(r, r->path);
    check_slice(r, r->query);
    check_slice(r, r->host);
    for (int f = 0; f < HTTP_FIELDS; f++)
        check_slice(r, r->field[f]);
    check_path(r, bytes);
    check_ranges(r, bytes);
    check_fields(r, bytes);
    return 0;
}
