#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/out.h"
#include "base/parse.h"
#include "base/text.h"
#include "base/time.h"
#include "base/unescape.h"
#include "base/vec.h"
#include "base/words.h"

static void test_buf_ceiling(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b = BUF_INIT(8);
    buf_str(&b, "12345678");
    assert_false(b.failed);
    buf_char(&b, '9');
    assert_true(b.failed);
    assert_int_equal(b.len, 8);
    buf_clear(&b);
    buf_u64(&b, 0);
    buf_i64(&b, -12);
    assert_memory_equal(b.data, "0-12", 4);
}

static void test_words(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"cat", "cat|"},
        {"  a\tb\n c ", "a|b|c|"},
        {"'a b' \"c \\\"d\\\\\" e\\ f g''h", "a b|c \"d\\|e f|gh|"},
        {"sh -c 'echo $HOME; \"x\"'", "sh|-c|echo $HOME; \"x\"|"},
        {"a '' b", "a||b|"},
        {"\"\\n\"", "\\n|"},
    };
    static const char *const faulty[] = {"", "  ", "'a", "\"a\\\"", "a\\"};
    char **words;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        _cleanup_buf_ struct buf all = BUF_INIT(100);
        assert_int_equal(words_split(rows[i].text, &words), 0);
        for (char **at = words; *at; at++) {
            buf_str(&all, *at);
            buf_char(&all, '|');
        }
        free((void *)words);
        assert_string_equal(buf_cstr(&all), rows[i].words);
    }
    for (size_t i = 0; i < sizeof faulty / sizeof *faulty; i++)
        assert_int_equal(words_split(faulty[i], &words), -EINVAL);
}

static void test_hash(void **state)
{
    (void)state;
    _cleanup_hash_ struct hash h = {0};
    bool is_new;
    for (uint64_t k = 0; k < 10000; k++)
        *hash_put(&h, k * 4096, &is_new) = k + 1;
    for (uint64_t k = 0; k < 10000; k++)
        assert_int_equal(*hash_get(&h, k * 4096), k + 1);
    assert_null(hash_get(&h, 1));
    hash_put(&h, 0, &is_new);
    assert_false(is_new);
}

static void test_vec(void **state)
{
    (void)state;
    _cleanup_vec_ struct vec v = VEC_INIT(int);
    for (int i = 0; i < 100; i++)
        assert_int_equal(vec_add(&v, &i), 0);
    assert_int_equal(*(int *)vec_at(&v, 99), 99);
}

static void test_parse(void **state)
{
    (void)state;
    uint64_t n = 7;
    uint16_t first, last;
    assert_int_equal(parse_u64("12", 0, 100, &n), 0);
    assert_int_equal(n, 12);
    assert_int_equal(parse_u64("0x1F", 0, 100, &n), 0);
    assert_int_equal(n, 31);
    const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x", "1e3", "12a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parse_u64(bad[i], 0, UINT64_MAX, &n), -EINVAL);
    assert_int_equal(parse_u64("18446744073709551616", 0, UINT64_MAX, &n), -ERANGE);
    assert_int_equal(n, 31);
    assert_int_equal(parse_port_range("8000-8100", &first, &last), 0);
    assert_int_equal(first, 8000);
    assert_int_equal(last, 8100);
    assert_int_equal(parse_port_range("9-8", &first, &last), -ERANGE);
    assert_int_equal(parse_port_range("65536", &first, &last), -ERANGE);
    assert_int_equal(parse_port_range("1-", &first, &last), -EINVAL);
    assert_int_equal(parse_duration_ns("1.5s", &n), 0);
    assert_int_equal(n, 1500000000);
    assert_int_equal(parse_duration_ns("20ms", &n), 0);
    assert_int_equal(n, 20000000);
    assert_int_equal(parse_size("64k", &n), 0);
    assert_int_equal(n, 65536);
    assert_int_equal(parse_size("64q", &n), -EINVAL);
}

static void expect_escaped(const char *bytes, size_t n, const char *expected)
{
    _cleanup_buf_ struct buf b = BUF_INIT(256);
    text_escape(&b, bytes, n);
    assert_string_equal(buf_cstr(&b), expected);
}

static void test_text(void **state)
{
    (void)state;
    expect_escaped("plain", 5, "plain");
    expect_escaped("a\x1b[31mb\n", 8, "a\\x1b[31mb\\x0a");
    expect_escaped("caf\xc3\xa9", 5, "caf\xc3\xa9");
    expect_escaped("\xff\xc3", 2, "\\xff\\xc3");
    expect_escaped("\xc2\x9b", 2, "\\xc2\\x9b");          /* C1 CSI in UTF-8 */
    expect_escaped("\xe2\x80\xae", 3, "\\xe2\\x80\\xae"); /* right-to-left override */
    expect_escaped("a\\b", 3, "a\\\\b");
    assert_int_equal(text_width("caf\xc3\xa9", 5), 4);
    assert_int_equal(text_width("\xe4\xb8\xad", 3), 2);
}

static void expect_unescaped(const char *text, const char *bytes, size_t n)
{
    _cleanup_buf_ struct buf b = BUF_INIT(256);
    assert_int_equal(text_unescape(&b, text, NULL), 0);
    assert_int_equal(b.len, n);
    assert_memory_equal(b.data, bytes, n);
}

static void expect_no_escape(const char *text, size_t at)
{
    _cleanup_buf_ struct buf b = BUF_INIT(256);
    const char *bad = NULL;
    assert_int_equal(text_unescape(&b, text, &bad), -EINVAL);
    assert_ptr_equal(bad, text + at);
}

static void test_unescape(void **state)
{
    (void)state;
    expect_unescaped("GET / HTTP/1.0\\r\\n\\r\\n", "GET / HTTP/1.0\r\n\r\n", 18);
    expect_unescaped("\\a\\b\\e\\f\\v\\t\\\\\\\"\\'", "\a\b\33\f\v\t\\\"'", 9);
    expect_unescaped("\\0\\12\\3779\\x0\\x4fK", "\0\n\3779\0OK", 7);
    expect_unescaped("\\u20ac\\U0001f600", "\342\202\254\360\237\230\200", 7);
    expect_no_escape("C:\\dir", 2);
    expect_no_escape("end\\", 3);
    expect_no_escape("\\400", 0);
    expect_no_escape("\\x", 0);
    expect_no_escape("\\ud800", 0);
    expect_no_escape("\\u20a", 0);
}

static void test_duration(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {{950000, "950µs"},         {12000000, "12ms"},        {4200000000u, "4.2s"},
                 {42000000000u, "42s"},     {185000000000u, "3m05s"},  {7200000000000u, "2h"},
                 {7800000000000u, "2h10m"}, {442800000000000u, "5d3h"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        _cleanup_buf_ struct buf b = BUF_INIT(64);
        time_format_duration(&b, cases[i].ns);
        assert_string_equal(buf_cstr(&b), cases[i].text);
    }
}

static void test_out_keeps_first_failure(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    _cleanup_out_ struct out o;
    out_init(&o, full);
    buf_str(&o.buf, "x");
    assert_int_equal(out_flush(&o), -ENOSPC);
    buf_str(&o.buf, "y");
    assert_int_equal(out_flush(&o), -ENOSPC);
    assert_int_equal(o.buf.len, 0);
}

static void test_err(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_set(&e, EACCES, "listen on", "[::]:80", "ports below %d", 1024), -EACCES);
    char text[256] = {0};
    FILE *f = fmemopen(text, sizeof text, "w");
    err_print(&e, f);
    fclose(f);
    assert_string_equal(
        text, "berth: cannot listen on '[::]:80': permission denied (ports below 1024)\n");
    assert_string_equal(err_name(EADDRINUSE), "EADDRINUSE");
}

/* Every byte at every place of texts around the size of a word. */
static void test_text_plain_length(void **state)
{
    (void)state;
    char text[20];
    for (size_t n = 0; n <= sizeof text; n++) {
        memset(text, 'a', sizeof text);
        assert_int_equal(text_plain_length(text, n), n);
        for (size_t at = 0; at < n; at++) {
            for (int c = 0; c < 256; c++) {
                bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
                text[at] = (char)c;
                assert_int_equal(text_plain_length(text, n), plain ? n : at);
            }
            text[at] = '~';
        }
    }
}

static void test_decimal(void **state)
{
    (void)state;
    uint64_t numbers[80] = {0, UINT64_MAX};
    size_t n = 2;
    for (uint64_t power = 1; n < 62; power *= 10) {
        numbers[n++] = power - 1;
        numbers[n++] = power;
        numbers[n++] = power + 1;
    }
    for (size_t i = 0; i < n; i++) {
        _cleanup_buf_ struct buf b = BUF_INIT(64);
        char expected[32];
        snprintf(expected, sizeof expected, "%llu", (unsigned long long)numbers[i]);
        buf_u64(&b, numbers[i]);
        assert_string_equal(buf_cstr(&b), expected);
    }
}

/* A file that fits is read, however little of the ceiling it leaves. */
static void test_fd_read_all(void **state)
{
    (void)state;
    static const struct {
        size_t ceiling;
        int result;
    } cases[] = {{4096, 0}, {5, 0}, {4, -EFBIG}, {3, -EFBIG}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        _cleanup_buf_ struct buf text = BUF_INIT(cases[i].ceiling);
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], "nat\n", 4), 4);
        close(ends[1]);
        assert_int_equal(fd_read_all(ends[0], &text), cases[i].result);
        close(ends[0]);
        if (cases[i].result == 0)
            assert_string_equal(buf_cstr(&text), "nat\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_plain_length),
        cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_buf_ceiling),
        cmocka_unit_test(test_fd_read_all),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_vec),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_unescape),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_out_keeps_first_failure),
        cmocka_unit_test(test_err),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
