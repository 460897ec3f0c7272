/* What HTTP decides without a socket: dates, ranges, conditions, paths, types, listings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "flow/http_accept.h"
#include "flow/http_conditions.h"
#include "flow/http_date.h"
#include "flow/http_listing.h"
#include "flow/http_parse.h"
#include "flow/http_path.h"
#include "flow/http_range.h"
#include "flow/http_types.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define H            "Host: x\r\n"

static int parse(const char *head, struct http_parser *p)
{
    *p = (struct http_parser){0};
    return http_parse(p, head, strlen(head));
}

/* -- dates -- */

static const struct {
    const char *text;
    int64_t at_s; /* -1: refused */
} dates[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
    {"Sun Nov  6 08:49:37 1994", 784111777},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Tue, 29 Feb 2000 23:59:60 GMT", 951868800},
    {"Sun Feb 29 12:00:00 2004", 1078056000},
    {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
    {"Monday, 01-Jan-68 00:00:00 GMT", 3092601600},
    {"Tue, 30 Feb 2000 00:00:00 GMT", -1},
    {"Thu, 29 Feb 1900 00:00:00 GMT", -1},
    {"Sun, 00 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 24:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 08:60:37 GMT", -1},
    {"Sun, 06 nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 08:49:37 UTC", -1},
    {"Sun, 06 Nov 1994 08:49:37 GM", -1},
    {"Sun, 6 Nov 1994 08:49:37 GMT", -1},
    {"Sun Nov  6 08:49:37 94", -1},
    {"Sonntag, 06-Nov-94 08:49:37 GMT", -1},
    {"784111777", -1},
    {"", -1},
};

static void test_dates(void **state)
{
    (void)state;
    const int64_t now_s = 1795236000; /* 2026 */
    for (size_t i = 0; i < COUNT(dates); i++) {
        int64_t at_s = -1;
        http_date_parse(dates[i].text, strlen(dates[i].text), now_s, &at_s);
        assert_int_equal(at_s, dates[i].at_s);
    }
    char text[HTTP_DATE_LENGTH + 1] = "";
    http_date_format(784111777, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    http_date_format(-5, text);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    http_date_format(INT64_MAX, text);
    assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
    /* the same as the C library's, over some centuries */
    for (int64_t at_s = 0; at_s < 20000000000; at_s += 86400 * 13 + 4711) {
        char theirs[64];
        struct tm tm;
        time_t t = at_s;
        strftime(theirs, sizeof theirs, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&t, &tm));
        http_date_format(at_s, text);
        assert_string_equal(text, theirs);
        int64_t back = -1;
        assert_int_equal(http_date_parse(text, HTTP_DATE_LENGTH, now_s, &back), 0);
        assert_int_equal(back, at_s);
    }
}

/* -- ranges -- */

static const struct {
    const char *text;
    uint64_t size;
    int result;
    size_t n;
    struct http_range r[3];
} ranges[] = {
    {"bytes=0-0", 10, 0, 1, {{0, 0}}},
    {"bytes=0-", 10, 0, 1, {{0, 9}}},
    {"Bytes=2-20", 10, 0, 1, {{2, 9}}},
    {"bytes=-3", 10, 0, 1, {{7, 9}}},
    {"bytes=-30", 10, 0, 1, {{0, 9}}},
    {"bytes=9-9", 10, 0, 1, {{9, 9}}},
    {"bytes=0-99999999999999999999", 10, 0, 1, {{0, 9}}},
    {"bytes= 0-1 ,, 4-5\t,-1", 10, 0, 3, {{0, 1}, {4, 5}, {9, 9}}},
    {"bytes=20-30,1-1", 10, 0, 1, {{1, 1}}},
    {"bytes=10-", 10, -ERANGE, 0, {{0}}},
    {"bytes=99999999999999999999-", 10, -ERANGE, 0, {{0}}},
    {"bytes=-0", 10, -ERANGE, 0, {{0}}},
    {"bytes=0-", 0, -ERANGE, 0, {{0}}},
    {"bytes=-1", 0, -ERANGE, 0, {{0}}},
    /* passed over */
    {"bytes=", 10, 0, 0, {{0}}},
    {"bytes=,", 10, 0, 0, {{0}}},
    {"bytes=2-1", 10, 0, 0, {{0}}},
    {"bytes=-", 10, 0, 0, {{0}}},
    {"bytes=1", 10, 0, 0, {{0}}},
    {"bytes=1-2-3", 10, 0, 0, {{0}}},
    {"bytes=1-2;3", 10, 0, 0, {{0}}},
    {"bytes=+1-2", 10, 0, 0, {{0}}},
    {"bytes 1-2", 10, 0, 0, {{0}}},
    {"seconds=1-2", 10, 0, 0, {{0}}},
    {"bytes=0-,0-", 10, 0, 0, {{0}}},
    {"bytes=0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0", 100, 0, 0, {{0}}},
};

static void test_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ranges); i++) {
        struct http_ranges got;
        const char *text = ranges[i].text;
        assert_int_equal(http_range_parse(text, strlen(text), ranges[i].size, &got),
                         ranges[i].result);
        if (got.n != ranges[i].n)
            print_message("of: %s\n", text);
        assert_int_equal(got.n, ranges[i].n);
        for (size_t k = 0; k < got.n; k++) {
            assert_int_equal(got.range[k].first, ranges[i].r[k].first);
            assert_int_equal(got.range[k].last, ranges[i].r[k].last);
        }
    }
}

/* -- conditions -- */

#define OLD "Sun, 06 Nov 1994 08:49:36 GMT"
#define NOW "Sun, 06 Nov 1994 08:49:37 GMT"
#define NEW "Sun, 06 Nov 1994 08:49:38 GMT"

static const struct {
    const char *method, *fields;
    int status;
} conditions[] = {
    {"GET", "", 200},
    {"GET", "If-None-Match: \"a\"\r\n", 304},
    {"HEAD", "If-None-Match: \"a\"\r\n", 304},
    {"PUT", "If-None-Match: \"a\"\r\n", 412},
    {"GET", "If-None-Match: W/\"a\"\r\n", 304},
    {"GET", "If-None-Match: \"b\", \"c,\", W/\"a\" \r\n", 304},
    {"GET", "If-None-Match: *\r\n", 304},
    {"PUT", "If-None-Match: *\r\n", 412},
    {"GET", "If-None-Match: \"b\"\r\n", 200},
    {"GET", "If-None-Match: a\r\n", 200},
    {"GET", "If-None-Match: \"a\r\n", 200},
    {"GET", "If-None-Match: \"x\" \"\r\n", 200},
    {"GET", "If-None-Match:\r\n", 200},
    /* a tag goes before a date */
    {"GET", "If-None-Match: \"b\"\r\nIf-Modified-Since: " NEW "\r\n", 200},
    {"GET", "If-Modified-Since: " NOW "\r\n", 304},
    {"GET", "If-Modified-Since: " NEW "\r\n", 304},
    {"GET", "If-Modified-Since: " OLD "\r\n", 200},
    {"GET", "If-Modified-Since: yesterday\r\n", 200},
    {"PUT", "If-Modified-Since: " NOW "\r\n", 200},
    {"GET", "If-Match: \"a\"\r\n", 200},
    {"GET", "If-Match: *\r\n", 200},
    {"GET", "If-Match: W/\"a\"\r\n", 412},
    {"PUT", "If-Match: \"b\"\r\n", 412},
    {"GET", "If-Unmodified-Since: " NOW "\r\n", 200},
    {"GET", "If-Unmodified-Since: " OLD "\r\n", 412},
    {"GET", "If-Unmodified-Since: never\r\n", 200},
    {"GET", "If-Match: \"a\"\r\nIf-Unmodified-Since: " OLD "\r\n", 200},
};

static void test_conditions(void **state)
{
    (void)state;
    const struct http_validators v = {
        .exists = true, .etag = "\"a\"", .n_etag = 3, .modified_s = 784111777};
    for (size_t i = 0; i < COUNT(conditions); i++) {
        _cleanup_buf_ struct buf b = BUF_INIT(4096);
        struct http_parser p = {0};
        buf_printf(&b, "%s / HTTP/1.1\r\n" H "%s\r\n", conditions[i].method, conditions[i].fields);
        assert_int_equal(http_parse(&p, b.data, b.len), 0);
        int status = http_conditions_judge(&p.request, b.data, &v, v.modified_s + 100);
        if (status != conditions[i].status)
            print_message("of: %s %s", conditions[i].method, conditions[i].fields);
        assert_int_equal(status, conditions[i].status);
    }
}

static void test_conditions_of_nothing(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "PUT / HTTP/1.1\r\n" H "If-None-Match: *\r\n\r\n",
        "PUT / HTTP/1.1\r\n" H "If-Match: *\r\n\r\n",
    };
    static const int statuses[] = {200, 412};
    const struct http_validators none = {.exists = false};
    for (size_t i = 0; i < COUNT(heads); i++) {
        struct http_parser p;
        assert_int_equal(parse(heads[i], &p), 0);
        assert_int_equal(http_conditions_judge(&p.request, heads[i], &none, 0), statuses[i]);
    }
}

static const struct {
    const char *fields;
    int64_t later_s;
    bool allowed;
} if_ranges[] = {
    {"", 100, true},
    {"If-Range: \"a\"\r\n", 100, true},
    {"If-Range: W/\"a\"\r\n", 100, false},
    {"If-Range: \"b\"\r\n", 100, false},
    {"If-Range: " NOW "\r\n", 100, true},
    {"If-Range: " NOW "\r\n", 1, false}, /* it may have changed again within that second */
    {"If-Range: " NEW "\r\n", 100, false},
    {"If-Range: x\r\n", 100, false},
};

static void test_if_range(void **state)
{
    (void)state;
    const struct http_validators v = {
        .exists = true, .etag = "\"a\"", .n_etag = 3, .modified_s = 784111777};
    for (size_t i = 0; i < COUNT(if_ranges); i++) {
        _cleanup_buf_ struct buf b = BUF_INIT(4096);
        struct http_parser p = {0};
        buf_printf(&b, "GET / HTTP/1.1\r\n" H "%s\r\n", if_ranges[i].fields);
        assert_int_equal(http_parse(&p, b.data, b.len), 0);
        assert_int_equal(http_conditions_allow_range(&p.request, b.data, &v,
                                                     v.modified_s + if_ranges[i].later_s),
                         if_ranges[i].allowed);
    }
}

static void test_etag(void **state)
{
    (void)state;
    char a[HTTP_ETAG_MAX], b[HTTP_ETAG_MAX];
    size_t n = http_etag_format(a, 1, 5, 0x1234, 0);
    assert_int_equal(n, strlen("\"3b9aca05-1234-0\""));
    assert_memory_equal(a, "\"3b9aca05-1234-0\"", n);
    assert_int_equal(http_etag_format(b, 18446744073, 0, UINT64_MAX, UINT64_MAX), 52);
}

/* -- what is accepted -- */

static const struct {
    const char *text, *codings;
} encodings[] = {
    {"", "identity"},
    {"gzip", "gzip identity"},
    {"GZIP", "gzip identity"},
    {"x-gzip", "gzip identity"},
    {"gzip, deflate, br, zstd", "br zstd gzip identity"},
    {"gzip;q=1.0, br;q=0.5", "gzip br identity"},
    {"gzip;q=0", "identity"},
    {"gzip ; q=0.0,br", "br identity"},
    {"*", "br zstd gzip identity"},
    {"*;q=0", "identity"},
    {"*,br;q=0", "zstd gzip identity"},
    {"gzip;q=0.5, identity", "identity"},
    {"gzip;q=0.5, identity;q=0.4", "gzip identity"},
    {"identity;q=0, gzip;q=0.001", "gzip identity"},
    {"gzip;q=nonsense", "gzip identity"},
    {",, ,gzip,,", "gzip identity"},
    {"deflate", "identity"},
};

static void test_encodings(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(encodings); i++) {
        _cleanup_buf_ struct buf b = BUF_INIT(256);
        enum http_coding taken[HTTP_CODINGS];
        size_t n = http_accept_codings(encodings[i].text, strlen(encodings[i].text), taken);
        for (size_t k = 0; k < n; k++)
            buf_printf(&b, "%s%s", k ? " " : "", http_coding_name(taken[k]));
        assert_string_equal(buf_cstr(&b), encodings[i].codings);
    }
}

static const struct {
    const char *text;
    unsigned html, json;
} accepts[] = {
    {"", 0, 0},
    {"*/*", 1000, 1000},
    {"application/json", 0, 1000},
    {"Application/JSON;charset=utf-8", 0, 1000},
    {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 1000, 800},
    {"application/json, text/*;q=0.25", 250, 1000},
    {"*/*;q=0.1, text/html;q=0", 0, 100},
    {"json", 0, 0},
};

static void test_accept(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(accepts); i++) {
        const char *text = accepts[i].text;
        assert_int_equal(http_accept_weight(text, strlen(text), "text", "html"), accepts[i].html);
        assert_int_equal(http_accept_weight(text, strlen(text), "application", "json"),
                         accepts[i].json);
    }
}

/* -- paths -- */

static const struct {
    const char *url, *path; /* NULL: -EINVAL */
} paths[] = {
    {"/", ""},
    {"/a", "a"},
    {"/a/", "a/"},
    {"//a//b///", "a/b/"},
    {"/a%20b%C3%A4%25", "a b\xc3\xa4%"},
    {"/./a/./b/.", "a/b/"},
    {"/a/../b", "b"},
    {"/a/b/..", "a/"},
    {"/a/b/../..", ""},
    {"/a/%2e%2E/b", "b"},
    {"/...", "..."},
    {"/.a/..b/", ".a/..b/"},
    {"/a\\..\\b", "a\\..\\b"},
    {"/%7f%01", "\x7f\x01"},
    {"/..", NULL},
    {"/../etc/passwd", NULL},
    {"/%2e%2e/etc/passwd", NULL},
    {"/a/../../b", NULL},
    {"/a//..//..", NULL},
    {"/a%2fb", NULL},
    {"/..%2f..%2fetc", NULL},
    {"/a%00b", NULL},
    {"/%", NULL},
    {"/%4", NULL},
    {"/%zz", NULL},
    {"", NULL},
    {"a", NULL},
    {"*", NULL},
};

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(paths); i++) {
        char path[64];
        int n = http_path_decode(paths[i].url, strlen(paths[i].url), path, sizeof path);
        if (!paths[i].path) {
            assert_int_equal(n, -EINVAL);
            continue;
        }
        assert_int_equal(n, strlen(paths[i].path));
        assert_string_equal(path, paths[i].path);
    }
    char small[6];
    assert_int_equal(http_path_decode("/abc/", 5, small, sizeof small), 4);
    assert_int_equal(http_path_decode("/abcde", 6, small, sizeof small), -ENAMETOOLONG);
    assert_true(http_path_is_hidden(".a"));
    assert_true(http_path_is_hidden("a/.b/c"));
    assert_false(http_path_is_hidden("a.b/c.d"));

    _cleanup_buf_ struct buf b = BUF_INIT(256);
    http_path_encode(&b, "a b/\xc3\xa4&\"~", 9, true);
    assert_string_equal(buf_cstr(&b), "a%20b/%C3%A4%26%22~");
    buf_clear(&b);
    http_path_encode(&b, "a/b:c", 5, false);
    assert_string_equal(buf_cstr(&b), "a%2Fb%3Ac");
}

static void test_query(void **state)
{
    (void)state;
    static const char query[] = "a&ab=1&b=&format=json&format=html";
    size_t n = 99;
    assert_null(http_query_find(query, sizeof query - 1, "a", &n));
    assert_null(http_query_find("", 0, "a", &n));
    assert_non_null(http_query_find(query, sizeof query - 1, "b", &n));
    assert_int_equal(n, 0);
    const char *value = http_query_find(query, sizeof query - 1, "format", &n);
    assert_memory_equal(value, "json", n);
}

/* -- types -- */

static void test_types(void **state)
{
    (void)state;
    static const char globs[] =
        "# x\n80:application/x-one:*.one\n50:application/x-two:*.one\n"
        "50:text/x-c++src:*.C:cs\n50:text/x-csrc:*.c:cs\n"
        "50:application/x-compressed-tar:*.tar.gz\n50:text/evil:*.html\n"
        "50:bad type\r:*.bad\n50:text/x:[x]*.y\n50:text/x-core:core\nrubbish";
    static const char mime[] = "# x\ntext/x-late\tlate one\napplication/x-none\nno slash\n";
    _cleanup_http_types_ struct http_types t;
    http_types_init(&t);
    assert_string_equal(http_types_find(&t, "a/b.HTML"), "text/html");
    assert_null(http_types_find(&t, "a.one"));
    http_types_add_globs2(&t, globs, sizeof globs - 1);
    http_types_add_mime_types(&t, mime, sizeof mime - 1);
    http_types_sort(&t);
    assert_string_equal(http_types_find(&t, "a.one"), "application/x-one");
    assert_string_equal(http_types_find(&t, "a.late"), "text/x-late");
    assert_string_equal(http_types_find(&t, "a.c"), "text/x-csrc");
    assert_string_equal(http_types_find(&t, "x.html"), "text/html");
    assert_string_equal(http_types_find(&t, "a.b.tar.gz"), "application/x-compressed-tar");
    assert_string_equal(http_types_find(&t, "a.b.gz"), "application/gzip");
    assert_null(http_types_find(&t, "a.bad"));
    assert_null(http_types_find(&t, "core"));
    assert_null(http_types_find(&t, "one"));
    assert_null(http_types_find(&t, ".one"));
    assert_null(http_types_find(&t, "a.one/b"));
    assert_null(http_types_find(&t, "a."));
    assert_string_equal(http_types_guess("#!/bin/sh\n\xc3\xa4", 12), "text/plain");
    assert_string_equal(http_types_guess("\x7f"
                                         "ELF\0",
                                         5),
                        "application/octet-stream");
    assert_string_equal(http_types_guess("", 0), "text/plain");
    assert_true(http_type_compresses("text/css") && http_type_compresses("image/svg+xml"));
    assert_false(http_type_compresses("image/png") || http_type_compresses("video/mp4"));
}

/* -- listings -- */

static void listing_of(struct http_listing *l, const char *query)
{
    static struct http_entry entries[5];
    const struct http_entry all[5] = {
        {"file10", HTTP_ENTRY_FILE, 5, 300},
        {"file9", HTTP_ENTRY_FILE, 2048, 100},
        {"<b>&\"'\xff\xe2\x80\xae", HTTP_ENTRY_FILE, 1, 200},
        {"zoo", HTTP_ENTRY_FOLDER, 4096, 50},
        {"pipe", HTTP_ENTRY_OTHER, 0, 60},
    };
    memcpy(entries, all, sizeof all);
    *l = (struct http_listing){.path = "a b/", .entries = entries, .n = 5};
    http_listing_read_query(l, query, strlen(query));
    http_listing_sort(l);
}

static const struct {
    const char *query, *order;
} orders[] = {
    {"", "zoo <b> file9 file10 pipe "},
    {"sort=nothing", "zoo <b> file9 file10 pipe "},
    {"sort=name&order=desc", "zoo pipe file10 file9 <b> "},
    {"x=y&sort=size", "zoo pipe <b> file10 file9 "},
    {"order=desc&sort=time", "zoo file10 <b> file9 pipe "},
};

static void test_listing_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(orders); i++) {
        _cleanup_buf_ struct buf b = BUF_INIT(256);
        struct http_listing l;
        listing_of(&l, orders[i].query);
        for (size_t k = 0; k < l.n; k++)
            buf_printf(&b, "%.*s ", *l.entries[k].name == '<' ? 3 : 99, l.entries[k].name);
        assert_string_equal(buf_cstr(&b), orders[i].order);
    }
}

static void test_listing_page(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 16);
    struct http_listing l;
    listing_of(&l, "");
    http_listing_html(&b, &l);
    const char *page = buf_cstr(&b);
    assert_non_null(strstr(page, "href=\"./%3Cb%3E%26%22%27%FF%E2%80%AE\">&lt;b&gt;&amp;&quot;&#39;"
                                 "\xef\xbf\xbd\xef\xbf\xbd</a>"));
    assert_non_null(strstr(page, "<a href=\"./zoo/\">zoo/</a></td><td></td>"));
    assert_non_null(strstr(page, "<td>pipe</td>"));
    assert_non_null(strstr(page, "<a href=\"/a%20b/\">a b/</a>"));
    assert_non_null(strstr(page, "2.0 KiB"));
    assert_non_null(strstr(page, "datetime=\"1970-01-01T00:01:40Z\""));
    assert_non_null(strstr(page, "1 folder, 4 files, 2.0 KiB"));
    assert_null(strstr(page, "<b>"));

    buf_clear(&b);
    http_listing_json(&b, &l);
    assert_non_null(strstr(buf_cstr(&b),
                           "{\"path\":\"/a b/\",\"complete\":true,\"entries\":[{\"name\":"
                           "\"zoo\",\"type\":\"folder\",\"size\":null,\"modified\":"
                           "\"1970-01-01T00:00:50Z\"}"));
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        uint64_t size;
        const char *text;
    } sizes[] = {
        {0, "0 B"},           {1023, "1023 B"},        {1024, "1.0 KiB"},       {1536, "1.5 KiB"},
        {1048575, "1.0 MiB"}, {1ull << 40, "1.0 TiB"}, {UINT64_MAX, "16.0 EiB"}};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        _cleanup_buf_ struct buf b = BUF_INIT(64);
        http_format_size(&b, sizes[i].size);
        assert_string_equal(buf_cstr(&b), sizes[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_conditions),   cmocka_unit_test(test_conditions_of_nothing),
        cmocka_unit_test(test_if_range),     cmocka_unit_test(test_etag),
        cmocka_unit_test(test_encodings),    cmocka_unit_test(test_accept),
        cmocka_unit_test(test_paths),        cmocka_unit_test(test_query),
        cmocka_unit_test(test_types),        cmocka_unit_test(test_listing_order),
        cmocka_unit_test(test_listing_page), cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
