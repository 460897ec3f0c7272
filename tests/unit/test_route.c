/* Routes from made messages; those of the running kernel are held against ip(8) in
 * tests/cli/test_explain_connect.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "kernel/route.h"

struct message {
    _Alignas(8) char bytes[1024];
};

static struct net_addr addr(const char *text)
{
    struct net_addr a;
    assert_int_equal(net_addr_parse(text, &a, NULL), 0);
    return a;
}

static void expect(const struct net_addr *a, const char *text)
{
    _cleanup_buf_ struct buf b = BUF_INIT(64);
    net_addr_format(&b, a);
    assert_string_equal(buf_cstr(&b), text);
}

static struct nlmsghdr *start(struct message *m, uint8_t family, uint8_t type)
{
    struct nlmsghdr *head = mnl_nlmsg_put_header(m->bytes);
    head->nlmsg_type = RTM_NEWROUTE;
    struct rtmsg *route = mnl_nlmsg_put_extra_header(head, sizeof *route);
    route->rtm_family = family;
    route->rtm_type = type;
    return head;
}

static void put_addr(struct nlmsghdr *head, uint16_t type, const char *text)
{
    struct net_addr a = addr(text);
    mnl_attr_put(head, type, net_addr_length(&a), a.bytes);
}

static void test_remote(void **state)
{
    (void)state;
    struct message m;
    struct net_route r = {0};
    struct nlmsghdr *head = start(&m, AF_INET, RTN_UNICAST);
    mnl_attr_put_u32(head, RTA_OIF, 4);
    put_addr(head, RTA_PREFSRC, "192.0.2.7");
    put_addr(head, RTA_GATEWAY, "192.0.2.1");
    mnl_attr_put_u32(head, 999, 1); /* unknown: skipped */
    assert_int_equal(route_decode(head, &r), 0);
    assert_int_equal(r.kind, NET_ROUTE_REMOTE);
    assert_int_equal(r.ifindex, 4);
    expect(&r.source, "192.0.2.7");
    expect(&r.gateway, "192.0.2.1");
}

/* An IPv4 route by an IPv6 gateway. */
static void test_via(void **state)
{
    (void)state;
    struct message m;
    struct net_route r = {0};
    struct {
        uint16_t family;
        uint8_t bytes[16];
    } via = {AF_INET6, {0xfe, 0x80, [15] = 1}};
    struct nlmsghdr *head = start(&m, AF_INET, RTN_UNICAST);
    mnl_attr_put(head, RTA_VIA, sizeof via, &via);
    assert_int_equal(route_decode(head, &r), 0);
    expect(&r.gateway, "fe80::1");

    struct net_route cut = {0};
    head = start(&m, AF_INET, RTN_UNICAST);
    mnl_attr_put(head, RTA_VIA, 9, &via);
    assert_int_equal(route_decode(head, &cut), 0);
    assert_int_equal(cut.gateway.family, AF_UNSPEC);
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        enum net_route_kind kind;
        const char *name;
    } all[] = {
        {RTN_LOCAL, NET_ROUTE_LOCAL, "local"},
        {RTN_ANYCAST, NET_ROUTE_LOCAL, "local"},
        {RTN_BROADCAST, NET_ROUTE_BROADCAST, "broadcast"},
        {RTN_MULTICAST, NET_ROUTE_MULTICAST, "multicast"},
        {RTN_UNREACHABLE, NET_ROUTE_UNREACHABLE, "unreachable"},
        {RTN_PROHIBIT, NET_ROUTE_PROHIBIT, "prohibit"},
        {RTN_BLACKHOLE, NET_ROUTE_BLACKHOLE, "blackhole"},
        {200, NET_ROUTE_UNKNOWN, "unknown"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct message m;
        struct net_route r = {0};
        assert_int_equal(route_decode(start(&m, AF_INET6, all[i].type), &r), 0);
        assert_int_equal(r.kind, all[i].kind);
        assert_string_equal(net_route_kind_name(r.kind), all[i].name);
    }
}

static void test_broken(void **state)
{
    (void)state;
    struct message m;
    struct net_route r = {.kind = NET_ROUTE_REMOTE, .ifindex = 3};
    struct nlmsghdr *head = mnl_nlmsg_put_header(m.bytes);
    head->nlmsg_type = RTM_NEWROUTE;
    assert_int_equal(route_decode(head, &r), -EBADMSG);
    head = start(&m, AF_INET, RTN_LOCAL);
    head->nlmsg_type = RTM_NEWLINK;
    assert_int_equal(route_decode(head, &r), -EBADMSG);
    assert_int_equal(r.kind, NET_ROUTE_REMOTE);

    head = start(&m, AF_INET6, RTN_LOCAL);
    mnl_attr_put(head, RTA_PREFSRC, 4, "abcd"); /* too short for its family */
    mnl_attr_put_u16(head, RTA_OIF, 9);
    assert_int_equal(route_decode(head, &r), 0);
    assert_int_equal(r.source.family, AF_UNSPEC);
    assert_int_equal(r.ifindex, 3);
    head = start(&m, 77, RTN_LOCAL);
    put_addr(head, RTA_PREFSRC, "::1");
    assert_int_equal(route_decode(head, &r), 0);
    assert_int_equal(r.source.family, AF_UNSPEC);
}

static void test_this_host(void **state)
{
    (void)state;
    struct net_route r;
    struct err e = {0};
    const struct route_query q = {.to = addr("127.0.0.53"), .kind = NET_TCP, .to_port = 53};
    assert_int_equal(route_read(&q, &r, &e), 0);
    assert_int_equal(r.kind, NET_ROUTE_LOCAL);
    assert_int_equal(r.ifindex, if_nametoindex("lo"));
    expect(&r.source, "127.0.0.1");
    const struct route_query from = {.to = addr("127.0.0.1"), .from = addr("127.0.0.9")};
    assert_int_equal(route_read(&from, &r, &e), 0);
    expect(&r.source, "127.0.0.9");
}

/* What a saved host's interfaces tell. */
static void test_by_interfaces(void **state)
{
    (void)state;
    struct net_iface_addr lo[] = {{.addr = addr("127.0.0.1"), .prefix_len = 8}};
    struct net_iface_addr en0[] = {
        {.addr = addr("192.0.2.7"), .prefix_len = 24, .broadcast = addr("192.0.2.255")},
        {.addr = addr("fe80::7"), .prefix_len = 64},
        {.addr = addr("2001:db8::7"), .prefix_len = 64, .flags = IFA_F_TENTATIVE}};
    const struct net_iface all[] = {
        {.index = 1, .name = "lo", .flags = IFF_UP | IFF_LOOPBACK, .addrs = lo, .n_addrs = 1},
        {.index = 2, .name = "en0", .flags = IFF_UP, .addrs = en0, .n_addrs = 3}};
    static const struct {
        const char *to;
        enum net_route_kind kind;
        uint32_t ifindex;
    } cases[] = {
        {"127.0.0.1", NET_ROUTE_LOCAL, 1},       {"127.9.9.9", NET_ROUTE_LOCAL, 1},
        {"192.0.2.7", NET_ROUTE_LOCAL, 2},       {"192.0.2.8", NET_ROUTE_UNKNOWN, 0},
        {"192.0.2.255", NET_ROUTE_BROADCAST, 2}, {"224.0.0.1", NET_ROUTE_MULTICAST, 0},
        {"fe80::7", NET_ROUTE_LOCAL, 2},         {"fe80::7%2", NET_ROUTE_LOCAL, 2},
        {"fe80::7%1", NET_ROUTE_UNKNOWN, 0},     {"2001:db8::7", NET_ROUTE_UNKNOWN, 0},
        {"::1", NET_ROUTE_UNKNOWN, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct net_route r;
        struct net_addr to = addr(cases[i].to);
        net_route_by_interfaces(&to, all, 2, &r);
        assert_int_equal(r.kind, cases[i].kind);
        assert_int_equal(r.ifindex, cases[i].ifindex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remote),    cmocka_unit_test(test_via),
        cmocka_unit_test(test_kinds),     cmocka_unit_test(test_broken),
        cmocka_unit_test(test_this_host), cmocka_unit_test(test_by_interfaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
