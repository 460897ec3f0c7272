/* Endpoints as targets; what only numbers and /etc/services are asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "cmd/targets.h"

static int find(const char *text, struct targets_question q, struct buf *out, struct err *e)
{
    struct endpoint ep;
    _cleanup_vec_ struct vec all = {0};
    assert_int_equal(endpoint_parse(text, ENDPOINT_MAY_RANGE, &ep, e), 0);
    q.endpoint = &ep;
    buf_clear(out);
    int result = targets_find(&q, &all, e);
    for (size_t i = 0; result == 0 && i < all.len; i++) {
        const struct target *t = vec_at(&all, i);
        if (i)
            buf_char(out, ' ');
        target_format(out, &t->address, t->address_n);
        if (t->v6only == 1)
            buf_str(out, "/v6only");
        if (t->device[0])
            buf_printf(out, "/%s", t->device);
    }
    return result;
}

static void endpoints_give_targets(void **state)
{
    static const struct {
        const char *endpoint;
        bool listens;
        int family;
        const char *targets;
    } rows[] = {
        {"4444", true, 0, "127.0.0.1:4444 [::1]:4444"},
        {"4444", true, AF_INET6, "[::1]:4444"},
        {"*:4444", true, 0, "0.0.0.0:4444 [::]:4444/v6only"},
        {"*:4444", false, 0, "127.0.0.1:4444 [::1]:4444"},
        {"[::]:4444", true, 0, "[::]:4444"},
        {"[fe80::1%lo]:80", false, 0, "[fe80::1%lo]:80"},
        {"192.0.2.7:80%lo", false, 0, "192.0.2.7:80/lo"},
        {"127.0.0.1:http", false, 0, "127.0.0.1:80"},
        {"127.0.0.1:80-82", false, 0, "127.0.0.1:80 127.0.0.1:81 127.0.0.1:82"},
        {"unix:/run/x.sock", true, 0, "unix:/run/x.sock"},
        {"unix:@name", true, 0, "unix:@name"},
        {"vsock:*:9", true, 0, "vsock:*:9"},
    };
    _cleanup_buf_ struct buf out = BUF_INIT(4096);
    struct err e = {0};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct targets_question q = {.listens = rows[i].listens, .family = rows[i].family};
        assert_int_equal(find(rows[i].endpoint, q, &out, &e), 0);
        assert_string_equal(buf_cstr(&out), rows[i].targets);
    }
}

static void failures_have_words(void **state)
{
    _cleanup_buf_ struct buf out = BUF_INIT(4096);
    struct targets_question q = {0};
    struct err e = {0};
    (void)state;
    assert_int_equal(find("127.0.0.1:nosuchservice", q, &out, &e), -ENXIO);
    assert_non_null(strstr(e.hint, "no such service"));
    assert_int_equal(find("[fe80::1%nodev0]:80", q, &out, &e), -ENODEV);
    assert_int_equal(find("exec:cat", q, &out, &e), -EINVAL);
    q.family = AF_INET6;
    assert_int_equal(find("127.0.0.1:80", q, &out, &e), -EAFNOSUPPORT);
    assert_string_equal(e.hint, "only IPv6 was asked for");
    assert_true(e.worded);
}

/* It took 12 s while each was compared with all before it. */
static void many_ports_take_no_time(void **state)
{
    struct endpoint ep;
    struct vec all;
    struct err e = {0};
    const struct targets_question q = {.endpoint = &ep, .listens = true};
    clock_t start = clock();
    (void)state;
    assert_int_equal(endpoint_parse("*:0-65535", ENDPOINT_MAY_RANGE, &ep, &e), 0);
    assert_int_equal(targets_find(&q, &all, &e), 0);
    assert_int_equal(all.len, 2 * 65536);
    assert_true(clock() - start < 2 * CLOCKS_PER_SEC);
    vec_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_give_targets),
        cmocka_unit_test(many_ports_take_no_time),
        cmocka_unit_test(failures_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
