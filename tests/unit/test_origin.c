/* nsswitch.conf and hosts as the C library reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "names/origin.h"

static void check_sources(const char *text, const char *const *expected)
{
    struct origin_sources s;
    size_t n = 0;
    origin_parse_nsswitch(text, strlen(text), &s);
    for (; expected[n]; n++) {
        assert_true(n < s.n);
        assert_string_equal(s.names[n], expected[n]);
    }
    assert_int_equal(s.n, n);
}

static void test_sources(void **state)
{
    (void)state;
    check_sources("passwd: files\nhosts:\t files mdns4_minimal [NOTFOUND=return] dns # x\n",
                  (const char *const[]){"files", "mdns4_minimal", "dns", NULL});
    check_sources("  hosts : files [ !UNAVAIL = return ] dns\nhosts: nis",
                  (const char *const[]){"files", "dns", NULL});
    check_sources("hosts: resolve[!UNAVAIL=return] dns",
                  (const char *const[]){"resolve", "dns", NULL});
    check_sources("# hosts: nis\n", (const char *const[]){"files", "dns", NULL});
    check_sources("", (const char *const[]){"files", "dns", NULL});
    check_sources("hosts:", (const char *const[]){NULL});
}

static void test_the_line_is_kept_with_its_actions(void **state)
{
    (void)state;
    static const char text[] = "hosts: files [NOTFOUND=return] dns\n";
    struct origin_sources s;
    origin_parse_nsswitch(text, sizeof text - 1, &s);
    assert_string_equal(s.line, " files [NOTFOUND=return] dns");
    assert_true(s.configured);
    origin_parse_nsswitch(text, 0, &s);
    assert_string_equal(s.line, "files dns");
    assert_false(s.configured);
}

static unsigned line_of(const char *name, const char *address, bool only_ipv4)
{
    static const char hosts[] = "# 127.0.0.1 commented\n"
                                "127.0.0.1\tlocalhost  Here\r\n"
                                "::1 localhost # 192.0.2.1 no\n"
                                "192.0.2.7 web.example.org web\n"
                                "192.0.2.7 other\n"
                                "::1 six\n"
                                "fe80::1%3 linked";
    struct net_addr a;
    assert_int_equal(net_addr_parse(address, &a, NULL), 0);
    return origin_find_host(hosts, sizeof hosts - 1, name, &a, only_ipv4, 0);
}

static void test_hosts(void **state)
{
    (void)state;
    assert_int_equal(line_of("localhost", "127.0.0.1", false), 2);
    assert_int_equal(line_of("LOCALHOST", "::1", false), 3);
    assert_int_equal(line_of("here", "127.0.0.1", false), 2);
    assert_int_equal(line_of("here", "::1", false), 0);
    assert_int_equal(line_of("web", "192.0.2.7", false), 4);
    assert_int_equal(line_of("other", "192.0.2.7", false), 5);
    assert_int_equal(line_of("other", "::ffff:192.0.2.7", false), 5);
    assert_int_equal(line_of("commented", "127.0.0.1", false), 0);
    assert_int_equal(line_of("no", "192.0.2.1", false), 0);
    assert_int_equal(line_of("linked", "fe80::1%3", false), 7);
    assert_int_equal(line_of("192.0.2.7", "192.0.2.7", false), 0);
}

static void test_later_lines(void **state)
{
    (void)state;
    static const char hosts[] = "192.0.2.7 web\n192.0.2.8 web\n192.0.2.7 x web\n";
    struct net_addr a;
    assert_int_equal(net_addr_parse("192.0.2.7", &a, NULL), 0);
    assert_int_equal(origin_find_host(hosts, sizeof hosts - 1, "web", &a, false, 1), 3);
    assert_int_equal(origin_find_host(hosts, sizeof hosts - 1, "web", &a, false, 3), 0);
}

static void test_ipv6_loopback_stands_for_the_other(void **state)
{
    (void)state;
    assert_int_equal(line_of("six", "127.0.0.1", false), 0);
    assert_int_equal(line_of("six", "127.0.0.1", true), 6);
    assert_int_equal(line_of("six", "127.0.0.2", true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_the_line_is_kept_with_its_actions),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_later_lines),
        cmocka_unit_test(test_ipv6_loopback_stands_for_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
