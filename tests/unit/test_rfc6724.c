/* Each rule decides on a pair that only it tells apart; gai.conf replaces whole tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "net/rfc6724.h"

static struct net_addr addr(const char *text)
{
    struct net_addr a;
    assert_int_equal(net_addr_parse(text, &a, NULL), 0);
    return a;
}

static struct rfc6724_candidate to(const char *text, const char *source)
{
    struct rfc6724_candidate c = {.addr = addr(text), .reachable = source != NULL};
    if (source)
        c.source = addr(source);
    c.source_prefix_len = c.addr.family == AF_INET ? 24 : 64;
    return c;
}

/* The rule that puts a before b, and the other way round b after a. */
static void check(const struct rfc6724_tables *t, enum rfc6724_rule rule,
                  struct rfc6724_candidate a, struct rfc6724_candidate b)
{
    int order = 7;
    assert_int_equal(rfc6724_compare(t, &a, &b, &order), rule);
    assert_true(rule == RFC6724_UNCHANGED ? order == 0 : order < 0);
    assert_int_equal(rfc6724_compare(t, &b, &a, &order), rule);
    assert_true(rule == RFC6724_UNCHANGED ? order == 0 : order > 0);
}

static void test_rules(void **state)
{
    (void)state;
    struct rfc6724_tables t;
    rfc6724_defaults(&t);

    check(&t, RFC6724_UNUSABLE, to("192.0.2.1", "192.0.2.9"), to("2001:db8::1", NULL));
    check(&t, RFC6724_SCOPE, to("192.0.2.1", "192.0.2.9"), to("2001:db8::1", "fe80::9"));
    struct rfc6724_candidate old = to("2001:db8::1", "2001:db8::9"), tunnel = old, home = old;
    old.source_deprecated = true;
    check(&t, RFC6724_DEPRECATED, to("192.0.2.1", "192.0.2.9"), old);
    home.source_home = true;
    check(&t, RFC6724_HOME, home, to("2001:db8::1", "2001:db8::9"));
    check(&t, RFC6724_LABEL, to("192.0.2.1", "192.0.2.9"), to("fd00::1", "2001:db8::9"));
    check(&t, RFC6724_PRECEDENCE, to("::1", "::1"), to("127.0.0.1", "127.0.0.1"));
    check(&t, RFC6724_PRECEDENCE, to("2001:db8::1", "2001:db8::9"), to("192.0.2.1", "192.0.2.9"));
    tunnel.source_tunnelled = true;
    check(&t, RFC6724_NATIVE, to("2001:db8::1", "2001:db8::9"), tunnel);
    check(&t, RFC6724_SMALLER, to("fe80::1", "fe80::9"), to("2001:db8::1", "2001:db8::9"));
    check(&t, RFC6724_PREFIX, to("2001:db8::1", "2001:db8::9"), to("2001:db9::1", "2001:db8::9"));
    check(&t, RFC6724_PREFIX, to("192.0.2.8", "192.0.2.9"), to("192.0.2.1", "192.0.2.9"));
    check(&t, RFC6724_UNCHANGED, to("2001:db8::1", NULL), to("2001:db8::2", NULL));
}

static void test_prefixes_of_ipv4_count_in_one_subnet_only(void **state)
{
    (void)state;
    struct rfc6724_tables t;
    rfc6724_defaults(&t);
    check(&t, RFC6724_UNCHANGED, to("192.0.3.1", "192.0.2.9"), to("198.51.100.1", "192.0.2.9"));
    check(&t, RFC6724_PREFIX, to("192.0.2.200", "192.0.2.9"), to("192.0.3.9", "192.0.2.9"));
}

static void test_scopes(void **state)
{
    (void)state;
    struct rfc6724_tables t;
    struct net_addr a[] = {addr("::1"),      addr("fe80::1"),     addr("fec0::1"),
                           addr("fd00::1"),  addr("ff05::1"),     addr("127.0.0.1"),
                           addr("10.0.0.1"), addr("169.254.1.1"), addr("2001:db8::1")};
    const int scopes[] = {2, 2, 5, 14, 5, 2, 14, 2, 14};
    rfc6724_defaults(&t);
    for (size_t i = 0; i < sizeof a / sizeof *a; i++)
        assert_int_equal(rfc6724_scope(&t, &a[i]), scopes[i]);
}

static void test_configuration(void **state)
{
    (void)state;
    static const char text[] = "# IPv4 first\n"
                               "precedence ::ffff:0:0/96 \t 100 # so\n"
                               "label fd00::/8 77\r\n"
                               "scopev4 10.0.0.0/8 5\n"
                               "precedence nonsense 4\nprecedence ::1/128\nreload yes\nlabel";
    struct rfc6724_tables t;
    rfc6724_defaults(&t);
    rfc6724_configure(&t, text, strlen(text));
    struct net_addr v4 = addr("192.0.2.1"), v6 = addr("2001:db8::1"), one = addr("::1"),
                    ula = addr("fd00::1"), ten = addr("10.1.2.3"), mapped = addr("2002::1");

    assert_true(t.precedences.configured && t.labels.configured && t.scopes.configured);
    assert_int_equal(rfc6724_precedence(&t, &v4), 100);
    assert_int_equal(rfc6724_precedence(&t, &v6), 40);
    assert_int_equal(rfc6724_precedence(&t, &one), 40); /* the table is replaced whole */
    assert_int_equal(rfc6724_label(&t, &ula), 77);
    assert_int_equal(rfc6724_label(&t, &mapped), 1);
    assert_int_equal(rfc6724_scope(&t, &ten), 5);
    assert_int_equal(rfc6724_scope(&t, &v4), 14);
    check(&t, RFC6724_PRECEDENCE, to("192.0.2.1", "192.0.2.9"), to("2001:db8::1", "2001:db8::9"));
}

static void test_words(void **state)
{
    (void)state;
    struct rfc6724_tables t;
    struct rfc6724_candidate a = to("::1", "::1"), b = to("127.0.0.1", "127.0.0.1");
    _cleanup_buf_ struct buf out = BUF_INIT(1024);
    rfc6724_defaults(&t);
    rfc6724_describe(&out, &t, RFC6724_PRECEDENCE, &a, &b);
    assert_string_equal(buf_cstr(&out), "precedence 50 over 10");
    for (int r = RFC6724_UNUSABLE; r < RFC6724_RULES; r++) {
        buf_clear(&out);
        rfc6724_describe(&out, &t, (enum rfc6724_rule)r, &a, &b);
        assert_true(out.len > 0);
        assert_non_null(rfc6724_rule_name((enum rfc6724_rule)r));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_prefixes_of_ipv4_count_in_one_subnet_only),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
