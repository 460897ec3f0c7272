#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "net/pairs.h"

static struct net_socket tcp(const char *local, uint32_t local_port, const char *peer,
                             uint32_t peer_port, uint64_t netns)
{
    struct net_socket s = {.kind = NET_TCP,
                           .state = NET_ESTABLISHED,
                           .netns = netns,
                           .local_port = local_port,
                           .peer_port = peer_port};
    assert_int_equal(net_addr_parse(local, &s.local, NULL), 0);
    assert_int_equal(net_addr_parse(peer, &s.peer, NULL), 0);
    return s;
}

static void test_ends(void **state)
{
    (void)state;
    struct net_socket all[] = {
        tcp("127.0.0.1", 40000, "127.0.0.1", 80, 1),
        tcp("::ffff:127.0.0.1", 80, "::ffff:127.0.0.1", 40000, 1), /* a dual-stack server's end */
        tcp("127.0.0.1", 80, "127.0.0.1", 40000, 2),               /* another host's loopback */
        tcp("10.0.0.1", 50000, "10.0.0.2", 80, 1),
        tcp("10.0.0.2", 80, "10.0.0.1", 50000, 2), /* across a veth */
        tcp("10.0.0.1", 50001, "10.0.0.9", 80, 1), /* its other end is elsewhere */
        {.kind = NET_UNIX_STREAM, .inode = 7, .peer_inode = 8},
        {.kind = NET_UNIX_STREAM, .inode = 8, .peer_inode = 7},
        {.kind = NET_UNIX_STREAM, .inode = 9},
    };
    static const int far[] = {1, 0, -1, 4, 3, -1, 7, 6, -1};
    struct net_pairs p;
    net_pairs_init(&p);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_int_equal(net_pairs_add(&p, &all[i]), 0);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_ptr_equal(net_pairs_far_end(&p, &all[i]), far[i] < 0 ? NULL : &all[far[i]]);
    net_pairs_clear(&p);
}

/* A connection of a port to itself (simultaneous open) has one socket, which is no second end. */
static void test_self_connection(void **state)
{
    (void)state;
    struct net_socket s = tcp("127.0.0.1", 5000, "127.0.0.1", 5000, 1);
    struct net_pairs p;
    net_pairs_init(&p);
    assert_int_equal(net_pairs_add(&p, &s), 0);
    assert_null(net_pairs_far_end(&p, &s));
    net_pairs_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_self_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
