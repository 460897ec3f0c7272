/* Lines of /proc/net, as kernels write them and as nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/proc_net_parse.h"

typedef int parser(const char *line, size_t n, enum net_kind kind, uint32_t detail,
                   struct net_socket *row);

static struct net_socket parse(parser *f, enum net_kind kind, const char *line)
{
    struct net_socket s = {0};
    assert_int_equal(f(line, strlen(line), kind, UINT32_MAX, &s), 0);
    return s;
}

static void test_inet(void **state)
{
    (void)state;
    struct net_socket s = parse(proc_net_parse_inet, NET_TCP,
                                "   0: 0100007F:07E8 0200007F:9C40 01 00000004:00000003 "
                                "02:000000C8 00000001  1000        0 1673 1 0 100 0 0 10 0");
    assert_int_equal(s.state, NET_ESTABLISHED);
    assert_int_equal(s.local_port, 2024);
    assert_int_equal(s.peer_port, 40000);
    assert_int_equal(s.local.bytes[0], 127);
    assert_int_equal(s.peer.bytes[3], 2);
    assert_int_equal(s.recv_q, 3);
    assert_int_equal(s.send_q, 4);
    assert_string_equal(s.timer, "keepalive");
    assert_int_equal(s.timer_ms, 2000);
    assert_int_equal(s.timer_retries, 0); /* the probes, as sock_diag tells */
    assert_int_equal(s.uid, 1000);
    assert_int_equal(s.inode, 1673);

    s = parse(proc_net_parse_inet, NET_UDP,
              " 1: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 "
              "00000000:00000000 00:00000000 00000000     0        0 5 2 0000000000000000 12");
    assert_int_equal(s.family, AF_INET6);
    assert_int_equal(s.local.bytes[15], 1);
    assert_int_equal(s.drops, 12);
    assert_true(net_socket_is_listener(&s));
    assert_false(net_socket_knows(&s, NET_F_PEER));
}

static void expect_detached(const char *st, const char *timer, const char *inode,
                            enum net_state seen, enum net_detached detached)
{
    char line[256];
    snprintf(line, sizeof line,
             "0: 0100007F:0001 0200007F:0002 %s 00000000:00000000 %s:00000001 00000000 0 0 %s", st,
             timer, inode);
    struct net_socket s = parse(proc_net_parse_inet, NET_TCP, line);
    assert_int_equal(s.state, seen);
    assert_int_equal(s.detached, detached);
}

static void test_detached(void **state)
{
    (void)state;
    expect_detached("06", "03", "0", NET_TIME_WAIT, NET_TIME_WAITING);
    expect_detached("05", "03", "0", NET_FIN_WAIT2, NET_TIME_WAITING);
    expect_detached("05", "02", "0", NET_FIN_WAIT2, NET_ORPHAN);
    expect_detached("03", "01", "0", NET_NEW_SYN_RECV, NET_REQUEST);
    expect_detached("01", "00", "0", NET_ESTABLISHED, NET_IN_QUEUE);
    expect_detached("01", "00", "9", NET_ESTABLISHED, NET_ATTACHED);
    expect_detached("FF", "00", "9", NET_STATE_UNKNOWN, NET_ATTACHED);
}

static void test_unix(void **state)
{
    (void)state;
    struct net_socket s =
        parse(proc_net_parse_unix, NET_UNIX_STREAM,
              "000000004ccfa3d8: 00000002 00000000 00010000 0001 01  1670 /run/a b");
    assert_int_equal(s.kind, NET_UNIX_STREAM);
    assert_int_equal(s.state, NET_LISTEN);
    assert_int_equal(s.inode, 1670);
    assert_memory_equal(s.path, "/run/a b", s.path_len);

    s = parse(proc_net_parse_unix, NET_UNIX_STREAM,
              "000000004ccfa3d8: 00000002 00000000 00000000 0005 02     0 @x");
    assert_int_equal(s.kind, NET_UNIX_SEQPACKET);
    assert_int_equal(s.state, NET_ESTABLISHED);
    assert_int_equal(s.detached, NET_IN_QUEUE);
    assert_false(net_socket_knows(&s, NET_F_INODE));

    char line[512] = "0: 00000002 00000000 00000000 0002 01 7 ";
    memset(line + strlen(line), 'x', 300);
    s = parse(proc_net_parse_unix, NET_UNIX_STREAM, line);
    assert_int_equal(s.path_len, 108);
}

static void test_others(void **state)
{
    (void)state;
    struct net_socket s = parse(
        proc_net_parse_netlink, NET_NETLINK,
        "00000000b73570af 15  812        00000011 5        6        0     2        7        4 ");
    assert_int_equal(s.protocol, 15);
    assert_int_equal(s.local_id, 812);
    assert_int_equal(s.groups, 0x11);
    assert_int_equal(s.recv_q, 5);
    assert_int_equal(s.drops, 7);
    assert_int_equal(s.inode, 4);
    s = parse(proc_net_parse_packet, NET_PACKET,
              "00000000b73570af 3      3    0800   2     1 9      1000   77    ");
    assert_int_equal(s.protocol, 0x0800);
    assert_int_equal(s.ifindex, 2);
    assert_int_equal(s.uid, 1000);
    assert_int_equal(s.inode, 77);
}

static void expect_refused(parser *f, const char *line)
{
    struct net_socket s = {0};
    if (f(line, strlen(line), NET_TCP, UINT32_MAX, &s) != -EINVAL)
        fail_msg("taken: %s", line);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const inet[] = {
        "",
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid",
        "0: 0100007F:07E8",
        "0: 0100007F:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0",
        "0: 0100007:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1",
        "0: 0100007F0100007F:07E8 00000000:0000 0A 00000000:00000000 00:0 00000000 0 0 1",
        "0: 0100007F:17E88 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1",
        "0: 0100007F:07E8 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1",
        "0: 0100007F:07E8 00000000:0000 0A 0:0 0:0 00000000 0 0 99999999999999999999999",
    };
    for (size_t i = 0; i < sizeof inet / sizeof *inet; i++)
        expect_refused(proc_net_parse_inet, inet[i]);
    expect_refused(proc_net_parse_unix, "Num       RefCount Protocol Flags    Type St Inode Path");
    expect_refused(proc_net_parse_unix, "the rest of a path that holds a newline");
    expect_refused(proc_net_parse_netlink, "sk               Eth Pid        Groups   Rmem");
    expect_refused(proc_net_parse_packet, "sk               RefCnt Type Proto  Iface R Rmem");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inet),   cmocka_unit_test(test_detached), cmocka_unit_test(test_unix),
        cmocka_unit_test(test_others), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
