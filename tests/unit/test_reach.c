#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <net/if.h>
#include <string.h>

#include "base/buf.h"
#include "net/reach.h"

static struct net_addr address(const char *text)
{
    struct net_addr a = {0};
    assert_int_equal(net_addr_parse(text, &a, NULL), 0);
    return a;
}

/* What a test row binds; v6only is -1 where no source could see it. */
struct row {
    const char *local;
    int v6only;
    uint32_t ifindex;
    enum net_reach reach;
    const char *words;
};

static const struct row rows[] = {
    {"127.0.0.1", -1, 0, NET_REACH_LOCAL, "this machine only"},
    {"127.3.2.1", -1, 0, NET_REACH_LOCAL, "this machine only"},
    {"::1", 1, 0, NET_REACH_LOCAL, "this machine only"},
    {"::ffff:127.0.0.1", 0, 0, NET_REACH_LOCAL, "this machine only"},
    {"0.0.0.0", -1, 1, NET_REACH_LOCAL, "this machine only"},
    {"0.0.0.0", -1, 0, NET_REACH_ALL, "every interface, IPv4"},
    {"::", 0, 0, NET_REACH_ALL, "every interface, IPv4 and IPv6"},
    {"::", 1, 0, NET_REACH_ALL, "every interface, IPv6"},
    {"::", -1, 0, NET_REACH_ALL, "every interface, IPv6, and IPv4 unless it is v6only"},
    {"::ffff:0.0.0.0", 0, 0, NET_REACH_ALL, "every interface, IPv4"},
    {"192.168.1.5", -1, 0, NET_REACH_ADDRESS, "192.168.1.0/24 through en0"},
    {"::ffff:192.168.1.5", 0, 0, NET_REACH_ADDRESS, "192.168.1.0/24 through en0"},
    {"2001:db8:1:2::7", 1, 0, NET_REACH_ADDRESS,
     "2001:db8:1:2::/64 through en0, and whoever is routed here"},
    {"203.0.113.9", -1, 0, NET_REACH_ADDRESS, "whoever is routed to 203.0.113.9 on lo"},
    {"10.8.0.1", -1, 0, NET_REACH_ADDRESS, "10.8.0.2 through tun0 (tun0 is down)"},
    {"fe80::7%2", 1, 0, NET_REACH_LINK, "the link of en0"},
    {"fe80::7%3", 1, 0, NET_REACH_ABSENT, "no interface has fe80::7"},
    {"169.254.7.7", -1, 0, NET_REACH_LINK, "the link of en0"},
    {"0.0.0.0", -1, 2, NET_REACH_DEVICE, "only through en0, IPv4"},
    {"::", 0, 2, NET_REACH_DEVICE, "only through en0, IPv4 and IPv6"},
    {"0.0.0.0", -1, 77, NET_REACH_DEVICE, "only through device 77, IPv4"},
    {"192.168.1.5", -1, 2, NET_REACH_DEVICE, "who reaches 192.168.1.5, only through en0"},
    {"192.0.2.99", -1, 0, NET_REACH_ABSENT, "no interface has 192.0.2.99"},
    {"192.168.1.255", -1, 0, NET_REACH_GROUP, "broadcasts to 192.168.1.255 on en0"},
    {"255.255.255.255", -1, 0, NET_REACH_GROUP, "broadcasts to 255.255.255.255"},
    {"224.0.0.251", -1, 0, NET_REACH_GROUP, "senders to the group 224.0.0.251"},
    {"ff02::fb%2", 1, 2, NET_REACH_GROUP, "senders to the group ff02::fb on en0, only through en0"},
};

struct scene {
    struct net_iface_addr lo[3], en0[4], tun0[1];
    struct net_iface all[3];
};

static void set_scene(struct scene *s)
{
    *s = (struct scene){
        .lo = {{.addr = address("127.0.0.1"), .prefix_len = 8},
               {.addr = address("203.0.113.9"), .prefix_len = 32},
               {.addr = address("::1"), .prefix_len = 128}},
        .en0 = {{.addr = address("192.168.1.5"),
                 .broadcast = address("192.168.1.255"),
                 .prefix_len = 24},
                {.addr = address("169.254.7.7"), .prefix_len = 16},
                {.addr = address("2001:db8:1:2::7"), .prefix_len = 64},
                {.addr = address("fe80::7%2"), .prefix_len = 64}},
        .tun0 = {{.addr = address("10.8.0.1"), .peer = address("10.8.0.2"), .prefix_len = 32}},
    };
    s->all[0] = (struct net_iface){
        .index = 1, .name = "lo", .flags = IFF_UP | IFF_LOOPBACK, .addrs = s->lo, .n_addrs = 3};
    s->all[1] = (struct net_iface){
        .index = 2, .name = "en0", .flags = IFF_UP, .addrs = s->en0, .n_addrs = 4};
    s->all[2] = (struct net_iface){.index = 3, .name = "tun0", .addrs = s->tun0, .n_addrs = 1};
}

static void expect(const struct net_socket *s, const struct net_iface *all, uint32_t n,
                   enum net_reach reach, const char *words)
{
    _cleanup_buf_ struct buf b = BUF_INIT(256);
    net_reach_describe(&b, s, all, n);
    assert_string_equal(buf_cstr(&b), words);
    assert_string_equal(net_reach_name(net_reach_of(s, all, n)), net_reach_name(reach));
}

static void test_inet(void **state)
{
    (void)state;
    struct scene scene;
    set_scene(&scene);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct net_socket s = {.kind = NET_UDP,
                               .state = NET_CLOSE,
                               .local = address(row->local),
                               .local_port = 53,
                               .ifindex = row->ifindex,
                               .v6only = row->v6only == 1};
        s.family = s.local.family;
        if (row->v6only >= 0)
            net_socket_set(&s, NET_F_V6ONLY);
        expect(&s, scene.all, 3, row->reach, row->words);
        s.state = NET_ESTABLISHED;
        expect(&s, scene.all, 3, NET_REACH_NONE, "");
    }
}

/* A namespace always has lo: no interfaces at all means that they couldn't be read. */
static void test_interfaces_unknown(void **state)
{
    (void)state;
    struct net_socket s = {.kind = NET_TCP, .state = NET_LISTEN, .local = address("192.0.2.99")};
    expect(&s, NULL, 0, NET_REACH_ADDRESS, "whoever is routed to 192.0.2.99");
    s.local = address("fe80::1%4");
    expect(&s, NULL, 0, NET_REACH_LINK, "the link of device 4");
    strcpy(s.device, "en7");
    s.local = address("0.0.0.0");
    expect(&s, NULL, 0, NET_REACH_DEVICE, "only through en7, IPv4");
}

/* As /proc/net leaves it: there may be one. */
static void test_device_unknown(void **state)
{
    (void)state;
    struct net_socket s = {.kind = NET_TCP, .state = NET_LISTEN, .local = address("0.0.0.0")};
    net_socket_forbid(&s, NET_F_DEVICE);
    expect(&s, NULL, 0, NET_REACH_ALL, "every interface, IPv4, unless it is bound to one device");
    assert_false(net_reach_is_certain(&s, NET_REACH_ALL));
    assert_true(net_reach_is_certain(&s, NET_REACH_NONE));
    s.local = address("127.0.0.1");
    expect(&s, NULL, 0, NET_REACH_LOCAL, "this machine only");
    assert_true(net_reach_is_certain(&s, NET_REACH_LOCAL));
}

static void test_others(void **state)
{
    (void)state;
    struct net_socket s = {.kind = NET_UNIX_STREAM, .state = NET_LISTEN};
    expect(&s, NULL, 0, NET_REACH_NONE, "");
    s.path_len = 6;
    memcpy(s.path, "/run/x", 6);
    expect(&s, NULL, 0, NET_REACH_PATH, "who may write to its path");
    s.path[0] = '@';
    expect(&s, NULL, 0, NET_REACH_NETNS, "every process of this network namespace");

    s = (struct net_socket){.kind = NET_VSOCK, .state = NET_LISTEN, .local_id = UINT32_MAX};
    expect(&s, NULL, 0, NET_REACH_ALL, "every virtual machine here, and its host");
    s.local_id = 1;
    expect(&s, NULL, 0, NET_REACH_LOCAL, "this machine only");
    s.local_id = 3;
    expect(&s, NULL, 0, NET_REACH_ADDRESS, "its peer by context id 3");

    s = (struct net_socket){.kind = NET_NETLINK, .state = NET_CLOSE};
    expect(&s, NULL, 0, NET_REACH_NONE, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inet),
        cmocka_unit_test(test_interfaces_unknown),
        cmocka_unit_test(test_device_unknown),
        cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
