#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <string.h>

#include "base/buf.h"
#include "net/iface_text.h"
#include "net/iface_use.h"

static struct net_addr address(const char *text)
{
    struct net_addr a = {0};
    assert_int_equal(net_addr_parse(text, &a, NULL), 0);
    return a;
}

static struct net_socket socket_at(enum net_state state, const char *local, uint32_t peer_port)
{
    struct net_socket s = {.kind = NET_TCP, .state = state, .local = address(local)};
    s.peer_port = peer_port;
    return s;
}

static void expect(const struct net_iface_use *use, uint32_t listening, uint32_t wildcard,
                   uint32_t connected)
{
    assert_int_equal(use->listening, listening);
    assert_int_equal(use->wildcard, wildcard);
    assert_int_equal(use->connected, connected);
}

static void test_uses(void **state)
{
    (void)state;
    struct net_iface_addr lo[] = {{.addr = address("127.0.0.1"), .prefix_len = 8},
                                  {.addr = address("::1"), .prefix_len = 128}};
    struct net_iface_addr en0[] = {{.addr = address("192.168.1.5"), .prefix_len = 24},
                                   {.addr = address("fe80::7%2"), .prefix_len = 64}};
    struct net_iface_addr en1[] = {{.addr = address("192.168.1.5"), .prefix_len = 24},
                                   {.addr = address("10.0.0.1"), .prefix_len = 24}};
    struct net_iface all[] = {
        {.index = 1, .name = "lo", .flags = IFF_LOOPBACK, .addrs = lo, .n_addrs = 2},
        {.index = 2, .name = "en0", .addrs = en0, .n_addrs = 2},
        {.index = 3, .name = "en1", .addrs = en1, .n_addrs = 2}};
    struct net_socket sockets[] = {
        socket_at(NET_LISTEN, "127.0.0.53", 0), /* inside lo's prefix */
        socket_at(NET_LISTEN, "0.0.0.0", 0),
        socket_at(NET_LISTEN, "::", 0), /* v6only, below */
        socket_at(NET_LISTEN, "::", 0), /* bound to en0, below */
        socket_at(NET_LISTEN, "::", 0), /* dual-stack */
        socket_at(NET_ESTABLISHED, "::ffff:192.168.1.5", 9),
        socket_at(NET_CLOSE_WAIT, "192.168.1.5", 9),
        socket_at(NET_TIME_WAIT, "192.168.1.5", 9),
        socket_at(NET_BOUND_INACTIVE, "192.168.1.5", 0),
        socket_at(NET_LISTEN, "192.168.1.6", 0), /* nobody's */
        socket_at(NET_ESTABLISHED, "fe80::7%2", 9),
        socket_at(NET_ESTABLISHED, "fe80::7%3", 9), /* of another link */
        socket_at(NET_LISTEN, "192.168.1.5", 0),    /* these three bound to en1, below */
        socket_at(NET_ESTABLISHED, "192.168.1.5", 9),
        socket_at(NET_LISTEN, "127.0.0.1", 0), /* where nobody gets to it */
        socket_at(NET_LISTEN, "10.0.0.1", 0),  /* these two bound to en0 */
        socket_at(NET_ESTABLISHED, "10.0.0.1", 9),
    };
    enum { FIRST_BOUND = 12 };
    for (size_t i = FIRST_BOUND; i < sizeof sockets / sizeof *sockets; i++)
        sockets[i].ifindex = i < FIRST_BOUND + 3 ? 3 : 2;
    for (size_t i = 2; i < 5; i++)
        net_socket_set(&sockets[i], NET_F_V6ONLY);
    sockets[2].v6only = sockets[3].v6only = true;
    sockets[3].ifindex = 2;

    struct net_iface_uses u;
    assert_int_equal(net_iface_uses_init(&u, all, 3), 0);
    for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++)
        net_iface_uses_add(&u, &sockets[i]);
    expect(&net_iface_uses_of(&u, 0)[0], 1, 2, 0);
    expect(&net_iface_uses_of(&u, 0)[1], 0, 2, 0);
    expect(&net_iface_uses_of(&u, 1)[0], 0, 2, 2);
    expect(&net_iface_uses_of(&u, 1)[1], 0, 3, 1);
    assert_int_equal(net_iface_uses_of(&u, 0)[1].device, 0);
    assert_int_equal(net_iface_uses_of(&u, 1)[1].device, 1);
    expect(&net_iface_uses_of(&u, 2)[0], 1, 2, 1);
    expect(&net_iface_uses_of(&u, 2)[1], 0, 2, 1);
    net_iface_uses_clear(&u);
}

static void test_words(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b = BUF_INIT(1024);
    net_iface_format_flags(&b, IFF_UP | IFF_LOWER_UP | 1u << 30);
    buf_char(&b, ' ');
    net_iface_format_flags(&b, 0);
    buf_char(&b, ' ');
    net_iface_format_operstate(&b, 6);
    net_iface_format_operstate(&b, 99);
    buf_char(&b, ' ');
    net_iface_format_type(&b, ARPHRD_LOOPBACK);
    net_iface_format_type(&b, 4242);
    assert_string_equal(buf_cstr(&b), "UP,LOWER_UP,0x40000000  UP99 loopback4242");

    buf_clear(&b);
    struct net_iface_addr a = {.addr = address("::1"), .flags = IFA_F_TEMPORARY | 1u << 31};
    net_iface_format_addr_flags(&b, &a);
    buf_char(&b, ' ');
    a = (struct net_iface_addr){.addr = address("1.2.3.4"),
                                .flags = IFA_F_SECONDARY | IFA_F_PERMANENT};
    net_iface_format_addr_flags(&b, &a);
    assert_string_equal(buf_cstr(&b), "temporary,dynamic,0x80000000 secondary");

    buf_clear(&b);
    struct net_iface i = {.type = ARPHRD_ETHER, .mac = {2, 0, 0, 0, 0, 0xab}, .mac_len = 6};
    net_iface_format_mac(&b, &i, i.mac);
    buf_char(&b, ' ');
    i = (struct net_iface){.type = ARPHRD_SIT, .mac = {10, 0, 0, 1}, .mac_len = 4};
    net_iface_format_mac(&b, &i, i.mac);
    buf_char(&b, ' ');
    net_iface_format_scope(&b, 253);
    net_iface_format_scope(&b, 7);
    buf_char(&b, ' ');
    net_iface_format_addr_protocol(&b, 3);
    assert_string_equal(buf_cstr(&b), "02:00:00:00:00:ab 10.0.0.1 link7 kernel_ll");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uses),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
