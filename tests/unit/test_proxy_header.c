/* PROXY headers, read strictly and written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "flow/proxy_header.h"
#include "flow/target.h"

static void assert_end(const struct sockaddr_storage *a, socklen_t n, const char *expected)
{
    _cleanup_buf_ struct buf text = BUF_INIT(256);
    target_format(&text, a, n);
    assert_string_equal(buf_cstr(&text), expected);
}

static void lines_are_read(void **state)
{
    static const struct {
        const char *line;
        int result; /* 0: the whole line */
        const char *from, *to;
    } rows[] = {
        {"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n", 0, "192.0.2.1:1111", "192.0.2.2:2222"},
        {"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", 0, "[2001:db8::1]:1", "[::1]:65535"},
        {"PROXY UNKNOWN\r\n", 0, NULL, NULL},
        {"PROXY UNKNOWN ffff::1 x y z\r\n", 0, NULL, NULL},
        {"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\n", -EPROTO, NULL, NULL},
        {"PROXY TCP4 192.0.2.1 192.0.2.2 1111 65536\r\n", -EPROTO, NULL, NULL},
        {"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", -EPROTO, NULL, NULL},
        {"PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n", -EPROTO, NULL, NULL},
        {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n", -EPROTO, NULL, NULL},
        {"PROXY TCP4 ::1 ::1 1 2\r\n", -EPROTO, NULL, NULL},
        {"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", -EPROTO, NULL, NULL},
        {"PROXY TCP6 fe80::1%1 ::1 1 2\r\n", -EPROTO, NULL, NULL},
        {"PROXY TCP4 [192.0.2.1] 192.0.2.2 1 2\r\n", -EPROTO, NULL, NULL},
        {"PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n", -EPROTO, NULL, NULL},
        {"PROXY TCP4\r\n", -EPROTO, NULL, NULL},
        {"PROXY UNKNOWNS\r\n", -EPROTO, NULL, NULL},
        {"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n", -EPROTO, NULL, NULL},
        {"GET / HTTP/1.0\r\n", -EPROTO, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct proxy_header h = {0};
        size_t n = strlen(rows[i].line);
        int result = proxy_header_parse(rows[i].line, n, &h);
        assert_int_equal(result, rows[i].result ? rows[i].result : (int)n);
        assert_int_equal(h.known, rows[i].from != NULL);
        if (!rows[i].from)
            continue;
        assert_end(&h.from, h.from_n, rows[i].from);
        assert_end(&h.to, h.to_n, rows[i].to);
        for (size_t part = 0; part < n; part++)
            assert_int_equal(proxy_header_parse(rows[i].line, part, &h), 0);
    }
}

static void a_line_has_a_length(void **state)
{
    char line[300];
    struct proxy_header h;
    (void)state;
    memset(line, 'x', sizeof line);
    memcpy(line, "PROXY UNKNOWN ", 14);
    assert_int_equal(proxy_header_parse(line, 106, &h), 0);
    assert_int_equal(proxy_header_parse(line, 107, &h), -EPROTO);
    memcpy(line + 105, "\r\n", 2);
    assert_int_equal(proxy_header_parse(line, sizeof line, &h), 107);
}

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static void binary_headers_are_read(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        int result;
        const char *from;
    } rows[] = {
#define ROW(text, result, from) {SIGNATURE text, sizeof SIGNATURE text - 1, result, from}
        ROW("\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\4\x57\x08\xae", 28, "192.0.2.1:1111"),
        ROW("\x21\x12\0\x0f\xc0\0\2\1\xc0\0\2\2\4\x57\x08\xaeTLV", 31, "192.0.2.1:1111"),
        ROW("\x20\0\0\0", 16, NULL),
        ROW("\x20\x11\0\2xx", 18, NULL),
        ROW("\x21\0\0\0rest", 16, NULL),
        ROW("\x21\x11\0\x0c\xc0\0\2\1", 0, NULL),
        ROW("\x21\x11\0\4\xc0\0\2\1", -EPROTO, NULL),
        ROW("\x21\x41\0\0", -EPROTO, NULL),
        ROW("\x21\x13\0\0", -EPROTO, NULL),
        ROW("\x22\x11\0\0", -EPROTO, NULL),
        ROW("\x11\x11\0\0", -EPROTO, NULL),
        ROW("\x21\x11\x10\0", -EPROTO, NULL),
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct proxy_header h = {0};
        assert_int_equal(proxy_header_parse(rows[i].bytes, rows[i].n, &h), rows[i].result);
        assert_int_equal(h.known, rows[i].from != NULL);
        if (rows[i].from)
            assert_end(&h.from, h.from_n, rows[i].from);
    }
    struct proxy_header h;
    assert_int_equal(proxy_header_parse(SIGNATURE, 5, &h), 0);
}

static struct sockaddr_storage address_of(const char *text, uint16_t port)
{
    struct target t = {0};
    struct net_addr a;
    assert_int_equal(net_addr_parse(text, &a, NULL), 0);
    target_set_ip(&t, &a, port);
    return t.address;
}

static void what_is_written_is_read(void **state)
{
    static const struct {
        const char *from, *to, *shown;
    } rows[] = {{"192.0.2.1", "127.0.0.1", "192.0.2.1:1234"},
                {"2001:db8::7", "::1", "[2001:db8::7]:1234"},
                {"::ffff:192.0.2.1", "127.0.0.1", "192.0.2.1:1234"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int version = 1; version <= 2; version++) {
            struct sockaddr_storage from = address_of(rows[i].from, 1234),
                                    to = address_of(rows[i].to, 80);
            struct proxy_header h = {0};
            _cleanup_buf_ struct buf out = BUF_INIT(256);
            proxy_header_format(&out, version, true, &from, &to);
            assert_int_equal(proxy_header_parse(out.data, out.len, &h), (int)out.len);
            assert_true(h.known);
            assert_end(&h.from, h.from_n, rows[i].shown);
        }
    struct sockaddr_storage unix_name = {.ss_family = AF_UNIX};
    for (int version = 1; version <= 2; version++) {
        struct proxy_header h = {.known = true};
        _cleanup_buf_ struct buf out = BUF_INIT(256);
        proxy_header_format(&out, version, true, &unix_name, &unix_name);
        assert_int_equal(proxy_header_parse(out.data, out.len, &h), (int)out.len);
        assert_false(h.known);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(a_line_has_a_length),
        cmocka_unit_test(binary_headers_are_read),
        cmocka_unit_test(what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
