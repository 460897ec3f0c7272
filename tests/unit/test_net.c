#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "net/addr.h"
#include "net/socket.h"

static void expect_addr(const char *text, const char *expected)
{
    struct net_addr a;
    assert_int_equal(net_addr_parse(text, &a, NULL), 0);
    _cleanup_buf_ struct buf b = BUF_INIT(64);
    net_addr_format(&b, &a);
    assert_string_equal(buf_cstr(&b), expected);
}

static void test_addr(void **state)
{
    (void)state;
    struct net_addr a;
    const char *device;
    expect_addr("192.0.2.7", "192.0.2.7");
    expect_addr("[::1]", "::1");
    expect_addr("2001:DB8::0:1", "2001:db8::1");
    expect_addr("::ffff:192.0.2.7", "::ffff:192.0.2.7");
    const char *const bad[] = {"",     "1.2.3",     "1.2.3.4.5", "[1.2.3.4]", "::1]",
                               "[::1", "localhost", "1.2.3.4%1", "fe80::1%",  "fe80::1%eth0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(net_addr_parse(bad[i], &a, NULL), -EINVAL);
    assert_int_equal(net_addr_parse("fe80::1%3", &a, NULL), 0);
    assert_int_equal(a.scope, 3);
    assert_int_equal(net_addr_parse("fe80::1%eth0", &a, &device), 0);
    assert_string_equal(device, "eth0");
}

static bool contains(const char *prefix, const char *address)
{
    struct net_prefix p;
    struct net_addr a;
    assert_int_equal(net_prefix_parse(prefix, &p), 0);
    assert_int_equal(net_addr_parse(address, &a, NULL), 0);
    return net_prefix_contains(&p, &a);
}

static void test_prefix(void **state)
{
    (void)state;
    struct net_prefix p;
    assert_true(contains("10.0.0.0/8", "10.255.0.1"));
    assert_false(contains("10.0.0.0/8", "11.0.0.1"));
    assert_true(contains("10.128.0.0/9", "10.200.0.1"));
    assert_false(contains("10.128.0.0/9", "10.100.0.1"));
    assert_true(contains("0.0.0.0/0", "::ffff:1.2.3.4"));
    assert_false(contains("0.0.0.0/0", "::1"));
    assert_true(contains("fe80::/10", "febf::1"));
    assert_int_equal(net_prefix_parse("10.0.0.0/33", &p), -EINVAL);
}

static void test_classes(void **state)
{
    (void)state;
    struct net_addr a;
    net_addr_parse("::ffff:127.0.0.5", &a, NULL);
    assert_true(net_addr_is_loopback(&a));
    net_addr_parse("::ffff:0.0.0.0", &a, NULL);
    assert_true(net_addr_is_wildcard(&a));
    net_addr_parse("fe80::1", &a, NULL);
    assert_true(net_addr_is_link_local(&a));
}

static void test_fields(void **state)
{
    (void)state;
    struct net_socket s = {.rtt_us = 1500, .path = "@a", .path_len = 2};
    enum net_field f;
    assert_int_equal(net_field_get(&s, NET_F_RTT).presence, ABSENT);
    net_socket_forbid(&s, NET_F_RTT);
    assert_int_equal(net_field_get(&s, NET_F_RTT).presence, FORBIDDEN);
    net_socket_set(&s, NET_F_RTT);
    assert_int_equal(net_field_get(&s, NET_F_RTT).uint, 1500);
    net_socket_set(&s, NET_F_PATH);
    assert_int_equal(net_field_get(&s, NET_F_PATH).text.n, 2);
    assert_int_equal(net_field_find("rtt", &f), 0);
    assert_int_equal(f, NET_F_RTT);
    assert_int_equal(net_field_find("retrans-total", &f), 0);
    assert_int_equal(f, NET_F_RETRANS_TOTAL);
    assert_int_equal(net_field_find("rt", &f), -EINVAL);
    for (int i = 0; i < NET_F_LOCAL; i++)
        assert_true(net_field_infos[i].kind <= CELL_TEXT);
}

static void test_ends(void **state)
{
    (void)state;
    struct net_socket s = {.kind = NET_TCP, .state = NET_LISTEN, .local_port = 80};
    net_addr_parse("::", &s.local, NULL);
    net_addr_parse("::", &s.peer, NULL);
    _cleanup_buf_ struct buf b = BUF_INIT(128);
    net_socket_format_end(&b, &s, NET_END_LOCAL);
    buf_char(&b, ' ');
    net_socket_format_end(&b, &s, NET_END_PEER);
    assert_string_equal(buf_cstr(&b), "[::]:80 -");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addr),    cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_classes), cmocka_unit_test(test_fields),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
