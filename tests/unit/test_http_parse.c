/* HTTP as it comes in: heads of requests, and bodies in chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "flow/http_chunked.h"
#include "flow/http_parse.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define H            "Host: x\r\n"

/* -- heads -- */

static int parse(const char *head, struct http_parser *p)
{
    *p = (struct http_parser){0};
    return http_parse(p, head, strlen(head));
}

static void assert_slice(const char *head, struct http_slice s, const char *text)
{
    assert_int_equal(s.n, strlen(text));
    assert_memory_equal(head + s.at, text, s.n);
}

static void test_request(void **state)
{
    (void)state;
    static const char head[] = "GET /a%20b?x=1&y HTTP/1.1\r\nhOsT: localhost:8000\r\n"
                               "If-None-Match: \t \"a\" , \"b\" \t\r\nX-Other:\r\n"
                               "Range:bytes=0-\r\nEmpty-Too: \r\nAccept:\r\n\r\nrest";
    struct http_parser p;
    assert_int_equal(parse(head, &p), 0);
    const struct http_request *r = &p.request;
    assert_int_equal(r->method, HTTP_GET);
    assert_int_equal(r->minor, 1);
    assert_int_equal(r->length, sizeof head - 1 - 4);
    assert_true(r->keep_alive);
    assert_false(r->chunked || r->has_length || r->expects_continue);
    assert_slice(head, r->line, "GET /a%20b?x=1&y HTTP/1.1");
    assert_slice(head, r->path, "/a%20b");
    assert_slice(head, r->query, "x=1&y");
    assert_slice(head, r->host, "localhost:8000");
    assert_slice(head, r->field[HTTP_IF_NONE_MATCH], "\"a\" , \"b\"");
    assert_slice(head, r->field[HTTP_RANGE], "bytes=0-");
    assert_true(http_has(r, HTTP_ACCEPT));
    assert_int_equal(r->field[HTTP_ACCEPT].n, 0);
    assert_false(http_has(r, HTTP_IF_RANGE));
}

static const struct {
    const char *head, *method, *path, *host;
    bool keep_alive;
    uint64_t length;
} good[] = {
    {"GET / HTTP/1.0\r\n\r\n", "GET", "/", "", false, 0},
    {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", "/", "", true, 0},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET", "/", "", true, 0},
    {"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "GET", "/", "x", false, 0},
    {"GET / HTTP/1.1\r\n" H "Connection: x, ,\tCLOSE ,y\r\n\r\n", "GET", "/", "x", false, 0},
    {"GET / HTTP/1.1\r\n" H "Connection: x\r\nConnection: close\r\n\r\n", "GET", "/", "x", false,
     0},
    {"GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n", "GET", "/", "x", true, 0},
    {"GET / HTTP/1.7\r\n" H "\r\n", "GET", "/", "x", true, 0},
    {"\r\nHEAD / HTTP/1.1\r\n" H "\r\n", "HEAD", "/", "x", true, 0},
    {"GET / HTTP/1.0\n\n", "GET", "/", "", false, 0},
    {"\nGET / HTTP/1.1\nHost: x\n\n", "GET", "/", "x", true, 0},
    {"GET http://a.b:80/c?d HTTP/1.1\r\n" H "\r\n", "GET", "/c", "a.b:80", true, 0},
    {"GET HTTPS://[::1]:8/ HTTP/1.1\r\n" H "\r\n", "GET", "/", "[::1]:8", true, 0},
    {"GET http://a HTTP/1.1\r\n" H "\r\n", "GET", "/", "a", true, 0},
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS", "*", "x", true, 0},
    {"PUT /x HTTP/1.1\r\n" H "Content-Length: 0042\r\n\r\n", "PUT", "/x", "x", true, 42},
    {"PUT /x HTTP/1.1\r\n" H "Content-Length: 9223372036854775807\r\n\r\n", "PUT", "/x", "x", true,
     INT64_MAX},
    {"BREW /pot HTTP/1.1\r\n" H "\r\n", "BREW", "/pot", "x", true, 0},
    {"get / HTTP/1.1\r\n" H "\r\n", "get", "/", "x", true, 0},
    {"GET /\xc3\xa4 HTTP/1.1\r\n" H "X: \xff\x80\t\r\n\r\n", "GET", "/\xc3\xa4", "x", true, 0},
};

static void test_good_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct http_parser p;
        int result = parse(good[i].head, &p);
        if (result < 0)
            print_message("of: %s: %s", good[i].head, p.why);
        assert_int_equal(result, 0);
        assert_slice(good[i].head, p.request.method_text, good[i].method);
        assert_slice(good[i].head, p.request.path, good[i].path);
        assert_slice(good[i].head, p.request.host, good[i].host);
        assert_int_equal(p.request.keep_alive, good[i].keep_alive);
        assert_int_equal(p.request.content_length, good[i].length);
        assert_int_equal(p.request.length, strlen(good[i].head));
    }
}

static const struct {
    const char *head;
    int status;
} bad[] = {
    /* the request line */
    {"\r\n\r\n", 400},
    {"GET /\r\n", 400},
    {"GET / HTTP/1.1 \r\n", 400},
    {"GET  / HTTP/1.1\r\n", 400},
    {" GET / HTTP/1.1\r\n", 400},
    {"GET\t/ HTTP/1.1\r\n", 400},
    {"GET / HTTP/1.1\r\r\n", 400},
    {"GET / http/1.1\r\n", 400},
    {"GET / HTTP/11\r\n", 400},
    {"GET / HTTP/1.10\r\n", 400},
    {"GET / HTTP/2.0\r\n", 505},
    {"PRI * HTTP/2.0\r\n", 505},
    {"GET /a b HTTP/1.1\r\n", 400},
    {"GET /\x01 HTTP/1.1\r\n", 400},
    {"GET /#x HTTP/1.1\r\n", 400},
    {"GET * HTTP/1.1\r\n", 400},
    {"GET a HTTP/1.1\r\n", 400},
    {"GET ftp://a/ HTTP/1.1\r\n", 400},
    {"GET http:///a HTTP/1.1\r\n", 400},
    {"GET http://u@a/ HTTP/1.1\r\n", 400},
    {"CONNECT a:1 HTTP/1.1\r\n", 501},
    {"\x16\x03\x01\x02", 400}, /* TLS */
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKL / HTTP/1.1\r\n", 501},
    {"G\x00T / HTTP/1.1\r\n", 0},
    /* fields */
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H H "\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H " folded\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "\tfolded\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H ": x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "a b: x\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "a: x\ry\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "a: x\x7f\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "a: x\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "\n", 400},
    {"GET / HTTP/1.1\n" H "\r\n", 400},
    {"GET / HTTP/1.0\n\r\n", 400},
    /* bodies */
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 9223372036854775809\r\n\r\n", 413},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999\r\n\r\n", 413},
    {"PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     400},
    {"PUT / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"PUT / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 501},
    {"PUT / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
     "chunked\r\n\r\n",
     400},
    {"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"PUT / HTTP/1.1\nHost: x\nContent-Length: 1\n\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Expect: 200-ok\r\n\r\n", 417},
    {"GET / HTTP/1.1\r\n" H "Range: bytes=0-1\r\nRange: bytes=0-1\r\n\r\n", 400},
};

static void test_bad_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct http_parser p;
        int r = parse(bad[i].head, &p);
        if (bad[i].status == 0) { /* a NUL, which ends the text here: only not yet refused */
            assert_int_equal(r, -EAGAIN);
            continue;
        }
        if (r != -EBADMSG || p.status != bad[i].status)
            print_message("of: %s", bad[i].head);
        assert_int_equal(r, -EBADMSG);
        assert_int_equal(p.status, bad[i].status);
        assert_non_null(p.why);
    }
}

static void test_zero_bytes(void **state)
{
    (void)state;
    static const char head[] = "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char field[] = "GET / HTTP/1.1\r\nHost: x\r\na: \0\r\n\r\n";
    struct http_parser p = {0};
    assert_int_equal(http_parse(&p, head, sizeof head - 1), -EBADMSG);
    p = (struct http_parser){0};
    assert_int_equal(http_parse(&p, field, sizeof field - 1), -EBADMSG);
}

/* Byte by byte gives what the whole gives, in a buffer that moves; and a mistake is told as soon as
 * its line is whole. */
static void test_trickle(void **state)
{
    (void)state;
    static const char head[] = "GET /x HTTP/1.1\r\nHost: x\r\nRange: bytes=1-2\r\n\r\n";
    size_t n = sizeof head - 1;
    struct http_parser p = {0};
    for (size_t i = 0; i <= n; i++) {
        char *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, head, i);
        assert_int_equal(http_parse(&p, copy, i), i < n ? -EAGAIN : 0);
        free(copy);
    }
    assert_slice(head, p.request.field[HTTP_RANGE], "bytes=1-2");

    p = (struct http_parser){0};
    assert_int_equal(http_parse(&p, "GET / HTTP/1.1\r\nx y", 19), -EAGAIN);
    assert_int_equal(http_parse(&p, "GET / HTTP/1.1\r\nx y: z\r\n", 24), -EBADMSG);
}

static void fill(struct buf *b, const char *start, char with, size_t n, const char *end)
{
    buf_clear(b);
    buf_str(b, start);
    buf_repeat(b, with, n);
    buf_str(b, end);
}

static int status_of(const struct buf *b)
{
    struct http_parser p = {0};
    int r = http_parse(&p, b->data, b->len);
    return r == -EBADMSG ? p.status : r == 0 ? 200 : 0;
}

static void test_limits(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
    fill(&b, "GET /", 'a', HTTP_LINE_MAX - 14, " HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(status_of(&b), 200);
    fill(&b, "GET /", 'a', HTTP_LINE_MAX - 13, " HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(status_of(&b), 414);
    fill(&b, "GET /", 'a', HTTP_LINE_MAX, "");
    assert_int_equal(status_of(&b), 414);
    fill(&b, "GET / HTTP/1.1\r\n" H "a: ", 'a', HTTP_LINE_MAX, "");
    assert_int_equal(status_of(&b), 431);
    fill(&b, "GET / HTTP/1.1\r\n" H "a: ", 'a', HTTP_LINE_MAX - 3, "\r\n\r\n");
    assert_int_equal(status_of(&b), 200);

    buf_clear(&b);
    buf_str(&b, "GET / HTTP/1.1\r\n" H);
    for (int i = 0; i < HTTP_FIELDS_MAX - 1; i++)
        buf_str(&b, "a: b\r\n");
    size_t n = b.len;
    buf_str(&b, "\r\n");
    assert_int_equal(status_of(&b), 200);
    b.len = n;
    buf_str(&b, "a: b\r\n\r\n");
    assert_int_equal(status_of(&b), 431);

    buf_clear(&b);
    buf_str(&b, "GET / HTTP/1.1\r\n" H);
    for (int i = 0; i < 3; i++) {
        buf_str(&b, "a: ");
        buf_repeat(&b, 'a', 6000);
        buf_str(&b, "\r\n");
    }
    assert_int_equal(status_of(&b), 431);
}

/* -- chunks -- */

/* Decodes in pieces of `step` bytes. 0 and the data, -EAGAIN, -EBADMSG. */
static int decode(const char *body, size_t step, struct buf *out, size_t *ret_used)
{
    struct http_chunked c = {0};
    size_t at = 0, n = strlen(body);
    while (c.state != HTTP_CHUNK_END) {
        size_t used, data, here = n - at < step ? n - at : step;
        int r = http_chunked_next(&c, body + at, here, &used, &data);
        if (r < 0)
            return r;
        buf_add(out, body + at + used, data);
        http_chunked_take(&c, data);
        at += used + data;
        if (here == 0)
            return -EAGAIN;
    }
    *ret_used = at;
    return 0;
}

static const struct {
    const char *body;
    int result;
    const char *data, *rest;
} chunked[] = {
    {"0\r\n\r\n", 0, "", ""},
    {"5\r\nhello\r\n0\r\n\r\nGET", 0, "hello", "GET"},
    {"5;a=b;c\r\nhello\r\n00\r\nTrailer: x\r\ny:\r\n\r\n", 0, "hello", ""},
    {"a\r\n0123456789\r\nB\r\nabcdefghijk\r\n0\r\n\r\n", 0, "0123456789abcdefghijk", ""},
    {"5\r\nhel", -EAGAIN, "hel", NULL},
    {"0\r\n", -EAGAIN, "", NULL},
    {"", -EAGAIN, "", NULL},
    {"\r\n", -EBADMSG, NULL, NULL},
    {"x\r\n", -EBADMSG, NULL, NULL},
    {"0x5\r\nhello", -EBADMSG, NULL, NULL},
    {"-5\r\n", -EBADMSG, NULL, NULL},
    {"5 \r\nhello", -EBADMSG, NULL, NULL},
    {" 5\r\nhello", -EBADMSG, NULL, NULL},
    {"5\nhello", -EBADMSG, NULL, NULL},
    {"5\r\nhello0\r\n", -EBADMSG, NULL, NULL},
    {"5\r\nhello\n0\r\n", -EBADMSG, NULL, NULL},
    {"5;a\nb\r\n", -EBADMSG, NULL, NULL},
    {"0\r\na\nb\r\n\r\n", -EBADMSG, NULL, NULL},
    {"0\r\n\rx", -EBADMSG, NULL, NULL},
    {"10000000000000000\r\n", -EBADMSG, NULL, NULL},
};

static void test_chunked(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(chunked); i++)
        for (size_t step = 1; step < 40; step++) {
            _cleanup_buf_ struct buf out = BUF_INIT(4096);
            size_t used = 0;
            assert_int_equal(decode(chunked[i].body, step, &out, &used), chunked[i].result);
            if (chunked[i].data)
                assert_string_equal(buf_cstr(&out), chunked[i].data);
            if (chunked[i].rest)
                assert_string_equal(chunked[i].body + used, chunked[i].rest);
        }
    _cleanup_buf_ struct buf body = BUF_INIT(1 << 16);
    size_t used, data;
    struct http_chunked c = {0};
    fill(&body, "5;", 'a', 5000, "");
    assert_int_equal(http_chunked_next(&c, body.data, body.len, &used, &data), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),   cmocka_unit_test(test_good_heads),
        cmocka_unit_test(test_bad_heads), cmocka_unit_test(test_zero_bytes),
        cmocka_unit_test(test_trickle),   cmocka_unit_test(test_limits),
        cmocka_unit_test(test_chunked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
