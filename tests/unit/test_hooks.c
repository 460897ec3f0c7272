#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow/hook_crlf.h"
#include "flow/hook_escape.h"
#include "flow/hook_expect.h"

/* What comes out when the bytes come in pieces of `piece`, each piece in memory of its own, so that
 * a sanitizer sees reads beyond it. */
static void pass_in_pieces(struct pump_hook *h, const char *in, size_t n, size_t piece,
                           struct buf *out)
{
    for (size_t at = 0; at < n; at += piece) {
        size_t some = n - at < piece ? n - at : piece;
        char *copy = malloc(some);
        assert_non_null(copy);
        memcpy(copy, in + at, some);
        const char *bytes = copy;
        assert_int_equal(h->pass(h, &bytes, &some), 0);
        buf_add(out, bytes, some);
        free(copy);
    }
    const char *bytes = "";
    size_t none = 0;
    assert_int_equal(h->pass(h, &bytes, &none), 0);
    buf_add(out, bytes, none);
}

static void expect_escaped(const char *in, size_t n, const char *expected)
{
    for (size_t piece = 1; piece <= n; piece++) {
        _cleanup_buf_ struct buf out = BUF_INIT(1 << 12);
        struct hook_escape h;
        hook_escape_init(&h);
        pass_in_pieces(&h.hook, in, n, piece, &out);
        assert_string_equal(buf_cstr(&out), expected);
        hook_escape_clear(&h);
    }
}

#define EXPECT_ESCAPED(in, expected) expect_escaped(in, sizeof in - 1, expected)

static void test_escape(void **state)
{
    (void)state;
    EXPECT_ESCAPED("plain \"text\", C:\\dir\n\tend", "plain \"text\", C:\\dir\n\tend");
    EXPECT_ESCAPED("a\r\nb\rc\r\r\n\r", "a\r\nb\\x0dc\\x0d\r\n\\x0d");
    EXPECT_ESCAPED("\33[31m\a\0!", "\\x1b[31m\\x07\\x00!");
    EXPECT_ESCAPED("caf\303\251 \342\202\254 \360\237\230\200",
                   "caf\303\251 \342\202\254 \360\237\230\200");
    EXPECT_ESCAPED("\303(\342\202 \360\237\230", "\\xc3(\\xe2\\x82 \\xf0\\x9f\\x98");
    EXPECT_ESCAPED("\342\200\256\302\233\300\200\377", "\\xe2\\x80\\xae\\xc2\\x9b\\xc0\\x80\\xff");
}

static void test_crlf(void **state)
{
    (void)state;
    static const char in[] = "a\nb\r\n\n\r\n\rc\r", out[] = "a\r\nb\r\n\r\n\r\n\rc\r";
    for (size_t piece = 1; piece < sizeof in; piece++) {
        _cleanup_buf_ struct buf b = BUF_INIT(1 << 12);
        struct hook_crlf h;
        hook_crlf_init(&h);
        pass_in_pieces(&h.hook, in, sizeof in - 1, piece, &b);
        assert_string_equal(buf_cstr(&b), out);
        hook_crlf_clear(&h);
    }
}

static bool finds(const char *regex, const char *in, size_t n, size_t piece)
{
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
    struct pump pump = {.left = UINT64_MAX};
    struct hook_expect h;
    assert_int_equal(hook_expect_init(&h, &pump, regex, NULL, 0), 0);
    pass_in_pieces(&h.hook, in, n, piece, &b);
    assert_int_equal(b.len, n);
    assert_int_equal(h.found, pump.left != UINT64_MAX);
    bool found = h.found;
    hook_expect_clear(&h);
    return found;
}

static void test_expect(void **state)
{
    (void)state;
    static const char in[] = "220 ready\r\n\0\0250 done\n";
    for (size_t piece = 1; piece < sizeof in; piece++) {
        assert_true(finds("^220 ", in, sizeof in - 1, piece));
        assert_true(finds("[0-9]+ done$", in, sizeof in - 1, piece));
        assert_true(finds("(x|dy\r)", in, sizeof in - 1, piece));
        assert_false(finds("^ready", in, sizeof in - 1, piece));
    }
    struct hook_expect h;
    char fault[80];
    assert_int_equal(hook_expect_init(&h, NULL, "(", fault, sizeof fault), -EINVAL);
    assert_true(strlen(fault) > 0);
    hook_expect_clear(&h);
}

/* Memory stays bounded, and what lies within 64 KiB is found. */
static void test_expect_far(void **state)
{
    (void)state;
    enum { LONG = 200000 };
    char *in = malloc(LONG);
    assert_non_null(in);
    memset(in, 'x', LONG);
    memcpy(in + 150000, "begin", 5);
    memcpy(in + 190000, "end", 3);
    assert_true(finds("begin.*end", in, LONG, 4096));
    in[150000] = 'x';
    assert_false(finds("begin.*end", in, LONG, 4096));
    free(in);
}

/* A hook that holds everything back until the end, and one that counts how often it hears of it. */
struct keeper {
    struct pump_hook hook;
    char kept[16];
    size_t n, ends;
};

static int keep(struct pump_hook *h, const char **bytes, size_t *n)
{
    struct keeper *k = (struct keeper *)h;
    if (*n == 0) {
        *bytes = k->kept;
        *n = k->n;
        k->ends++;
        return 0;
    }
    memcpy(k->kept + k->n, *bytes, *n);
    k->n += *n;
    *n = 0;
    return 0;
}

static void test_end_of_hooks(void **state)
{
    (void)state;
    struct keeper first = {.hook.pass = keep}, second = {.hook.pass = keep};
    struct stream from, to;
    struct pump p;
    int in[2], out[2];
    char *scratch = malloc(PUMP_SCRATCH), got[16];
    assert_non_null(scratch);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, in), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, out), 0);
    stream_init_socket(&from, in[0]);
    stream_init_socket(&to, out[0]);
    pump_init(&p, &from, &to);
    first.hook.next = &second.hook;
    p.hooks = &first.hook;

    assert_int_equal(write(in[1], "ab", 2), 2);
    assert_int_equal(pump_run(&p, scratch, 1000, 0), PUMP_WAITS);
    assert_int_equal(second.ends, 0);
    from.can_read = true;
    assert_int_equal(write(in[1], "cd", 2), 2);
    close(in[1]);
    assert_int_equal(pump_run(&p, scratch, 1000, 0), PUMP_ENDED);
    assert_int_equal(first.ends, 1);
    assert_int_equal(second.ends, 1);
    assert_int_equal(read(out[1], got, sizeof got), 4);
    assert_memory_equal(got, "abcd", 4);

    pump_clear(&p);
    stream_close(NULL, &from);
    stream_close(NULL, &to);
    close(out[1]);
    free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape),       cmocka_unit_test(test_crlf),
        cmocka_unit_test(test_expect),       cmocka_unit_test(test_expect_far),
        cmocka_unit_test(test_end_of_hooks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
