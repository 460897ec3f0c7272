/* The decoders of sock_diag's answers, fed with messages made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/inet_diag.h>
#include <linux/netlink_diag.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <linux/tipc_netlink.h>
#include <linux/unix_diag.h>
#include <linux/vm_sockets.h>
#include <linux/vm_sockets_diag.h>
#include <linux/xdp_diag.h>

#include "base/buf.h"
#include "base/err.h"
#include "kernel/attrs.h"
#include "kernel/diag.h"
#include "kernel/diag_decode.h"

struct message {
    struct nlmsghdr head;
    char room[2048];
};

static struct message begin(const void *body, size_t n)
{
    struct message m = {.head = {.nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_len = NLMSG_LENGTH(n)}};
    memcpy(NLMSG_DATA(&m.head), body, n);
    return m;
}

static void put(struct message *m, uint16_t type, const void *data, size_t n)
{
    assert_true(attr_put(&m->head, sizeof *m, type, data, n));
}

static void put_u8(struct message *m, uint16_t type, uint8_t value)
{
    put(m, type, &value, sizeof value);
}

static void put_u32(struct message *m, uint16_t type, uint32_t value)
{
    put(m, type, &value, sizeof value);
}

static struct inet_diag_msg inet(uint8_t state, uint32_t inode)
{
    return (struct inet_diag_msg){
        .idiag_family = AF_INET,
        .idiag_state = state,
        .idiag_inode = inode,
        .idiag_uid = inode ? 1000 : 0,
        .idiag_rqueue = 3,
        .idiag_wqueue = 4,
        .id = {.idiag_sport = htons(80),
               .idiag_dport = htons(4000),
               .idiag_src = {htonl(0x7f000001)},
               .idiag_dst = {htonl(0x7f000002)},
               .idiag_cookie = {5, 1}},
    };
}

static const uint32_t everything = UINT32_MAX;

static struct net_socket decode(diag_decode *f, const struct message *m, enum net_kind kind)
{
    struct diag_decoder d = {.detail = everything, .kind = kind, .netns = 9, .elsewhere = true};
    struct net_socket row;
    assert_int_equal(f(&d, &m->head, &row), 0);
    return row;
}

static void test_inet(void **state)
{
    (void)state;
    struct inet_diag_msg body = inet(NET_ESTABLISHED, 77);
    body.idiag_timer = 2;
    body.idiag_expires = 1500;
    body.idiag_retrans = 1;
    body.id.idiag_if = 3;
    struct message m = begin(&body, sizeof body);
    put_u8(&m, INET_DIAG_SHUTDOWN, 0);
    put_u8(&m, INET_DIAG_TOS, 16);
    put(&m, INET_DIAG_CONG, "cubic", 6);
    put(&m, INET_DIAG_SOCKOPT, "\x04\x01", 2);
    put_u32(&m, INET_DIAG_MARK, 42);
    uint32_t mem[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    put(&m, INET_DIAG_SKMEMINFO, mem, sizeof mem);
    struct tcp_info info = {.tcpi_rtt = 250,
                            .tcpi_snd_ssthresh = 0x7fffffff,
                            .tcpi_min_rtt = UINT32_MAX,
                            .tcpi_pacing_rate = 1000,
                            .tcpi_busy_time = 5000};
    put(&m, INET_DIAG_INFO, &info, sizeof info);
    put_u32(&m, 500, 1); /* an attribute of a kernel to come */

    struct net_socket s = decode(diag_inet_decode, &m, NET_TCP);
    assert_int_equal(s.kind, NET_TCP);
    assert_int_equal(s.state, NET_ESTABLISHED);
    assert_int_equal(s.local_port, 80);
    assert_int_equal(s.peer_port, 4000);
    assert_int_equal(s.local.bytes[3], 1);
    assert_int_equal(s.recv_q, 3);
    assert_int_equal(s.send_q, 4);
    assert_int_equal(s.inode, 77);
    assert_int_equal(s.uid, 1000);
    assert_int_equal(s.cookie, UINT64_C(1) << 32 | 5);
    assert_int_equal(s.netns, 9);
    assert_string_equal(s.device, "if3");
    assert_string_equal(s.timer, "keepalive");
    assert_int_equal(s.timer_ms, 1500);
    assert_int_equal(s.tos, 16);
    assert_string_equal(s.congestion, "cubic");
    assert_true(s.freebind && s.bind_no_port && !s.transparent);
    assert_int_equal(s.mark, 42);
    assert_int_equal(s.drops, 9);
    assert_int_equal(s.rtt_us, 250);
    assert_int_equal(s.pacing_bps, 8000);
    assert_int_equal(s.busy_ms, 5);
    assert_false(net_socket_knows(&s, NET_F_MIN_RTT));
    assert_false(net_socket_knows(&s, NET_F_SSTHRESH));
    assert_string_equal(s.ca_state, "open");
    assert_int_equal(s.detached, NET_ATTACHED);
}

/* Older kernels know less of tcp_info. */
static void test_short_tcp_info(void **state)
{
    (void)state;
    struct inet_diag_msg body = inet(NET_ESTABLISHED, 77);
    struct message m = begin(&body, sizeof body);
    struct tcp_info info = {.tcpi_rtt = 250, .tcpi_total_retrans = 7};
    put(&m, INET_DIAG_INFO, &info, offsetof(struct tcp_info, tcpi_total_retrans) + 3);
    struct net_socket s = decode(diag_inet_decode, &m, NET_TCP);
    assert_true(net_socket_knows(&s, NET_F_RTT));
    assert_false(net_socket_knows(&s, NET_F_RETRANS_TOTAL));
    assert_false(net_socket_knows(&s, NET_F_BYTES_SENT));
}

static void expect_detached(uint8_t state, uint32_t inode, uint8_t timer, bool full,
                            enum net_state seen, enum net_detached detached)
{
    struct inet_diag_msg body = inet(state, inode);
    body.idiag_timer = timer;
    struct message m = begin(&body, sizeof body);
    if (full)
        put_u8(&m, INET_DIAG_SHUTDOWN, 0);
    struct net_socket s = decode(diag_inet_decode, &m, NET_TCP);
    assert_int_equal(s.state, seen);
    assert_int_equal(s.detached, detached);
    assert_int_equal(net_socket_knows(&s, NET_F_INODE), inode != 0);
    assert_int_equal(net_socket_knows(&s, NET_F_UID), inode != 0);
}

static void test_detached(void **state)
{
    (void)state;
    expect_detached(NET_LISTEN, 7, 0, true, NET_LISTEN, NET_ATTACHED);
    expect_detached(NET_CLOSE, 7, 0, true, NET_BOUND_INACTIVE, NET_ATTACHED);
    expect_detached(NET_TIME_WAIT, 0, 3, false, NET_TIME_WAIT, NET_TIME_WAITING);
    expect_detached(NET_FIN_WAIT2, 0, 3, false, NET_FIN_WAIT2, NET_TIME_WAITING);
    expect_detached(NET_FIN_WAIT2, 0, 2, true, NET_FIN_WAIT2, NET_ORPHAN);
    expect_detached(NET_FIN_WAIT2, 9, 0, true, NET_FIN_WAIT2, NET_ATTACHED);
    expect_detached(NET_SYN_RECV, 0, 1, false, NET_NEW_SYN_RECV, NET_REQUEST);
    expect_detached(NET_SYN_RECV, 0, 1, true, NET_SYN_RECV, NET_IN_QUEUE);
    expect_detached(NET_ESTABLISHED, 0, 0, true, NET_ESTABLISHED, NET_IN_QUEUE);
    expect_detached(NET_CLOSE_WAIT, 0, 0, true, NET_CLOSE_WAIT, NET_IN_QUEUE);
    expect_detached(NET_LAST_ACK, 0, 1, true, NET_LAST_ACK, NET_ORPHAN);
    expect_detached(NET_SYN_SENT, 0, 1, true, NET_SYN_SENT, NET_DETACHED_UNCLEAR);
    expect_detached(200, 0, 0, true, NET_STATE_UNKNOWN, NET_DETACHED_UNCLEAR);
}

static void test_inet_kinds(void **state)
{
    (void)state;
    struct inet_diag_msg body = inet(NET_CLOSE, 7);
    struct message m = begin(&body, sizeof body);
    assert_int_equal(decode(diag_inet_decode, &m, NET_UDP).state, NET_CLOSE);
    struct net_socket s = decode(diag_inet_decode, &m, NET_RAW);
    assert_int_equal(s.protocol, 80);
    assert_true(net_socket_forbids(&s, NET_F_MARK));

    body.idiag_state = 3; /* SCTP_STATE_ESTABLISHED, of an association */
    m = begin(&body, sizeof body);
    put(&m, INET_DIAG_PEERS, "", 0);
    assert_int_equal(decode(diag_inet_decode, &m, NET_SCTP).state, NET_ESTABLISHED);

    body.idiag_family = AF_INET6;
    body.id.idiag_src[0] = htonl(0xfe800000);
    body.id.idiag_if = 4;
    m = begin(&body, sizeof body);
    put_u8(&m, INET_DIAG_SKV6ONLY, 1);
    s = decode(diag_inet_decode, &m, NET_TCP);
    assert_int_equal(s.local.scope, 4);
    assert_true(s.v6only);
}

static void test_unix(void **state)
{
    (void)state;
    struct unix_diag_msg body = {.udiag_family = AF_UNIX,
                                 .udiag_type = SOCK_SEQPACKET,
                                 .udiag_state = NET_LISTEN,
                                 .udiag_ino = 5};
    struct unix_diag_rqlen queues = {2, 10};
    struct message m = begin(&body, sizeof body);
    put(&m, UNIX_DIAG_NAME, "\0ab\0c", 5);
    put(&m, UNIX_DIAG_RQLEN, &queues, sizeof queues);
    put_u32(&m, UNIX_DIAG_UID, 1000);
    put_u32(&m, UNIX_DIAG_PEER, 6);
    struct net_socket s = decode(diag_unix_decode, &m, NET_UNIX_STREAM);
    assert_int_equal(s.kind, NET_UNIX_SEQPACKET);
    assert_int_equal(s.path_len, 5);
    assert_memory_equal(s.path, "@ab\0c", 6);
    assert_int_equal(s.recv_q, 2);
    assert_int_equal(s.send_q, 10);
    assert_int_equal(s.uid, 1000);
    assert_int_equal(s.peer_inode, 6);

    char name[200];
    memset(name, 'x', sizeof name);
    m = begin(&body, sizeof body);
    put(&m, UNIX_DIAG_NAME, name, sizeof name);
    assert_int_equal(decode(diag_unix_decode, &m, NET_UNIX_STREAM).path_len, 108);
    m = begin(&body, sizeof body);
    put(&m, UNIX_DIAG_NAME, "/a/b\0", 6);
    assert_int_equal(decode(diag_unix_decode, &m, NET_UNIX_STREAM).path_len, 4);
    body.udiag_type = 99;
    m = begin(&body, sizeof body);
    assert_int_equal(decode(diag_unix_decode, &m, NET_UNIX_STREAM).kind, NET_OTHER);
}

static void test_netlink(void **state)
{
    (void)state;
    struct netlink_diag_msg body = {
        .ndiag_family = AF_NETLINK, .ndiag_protocol = 16, .ndiag_portid = 812, .ndiag_state = 1};
    struct message m = begin(&body, sizeof body);
    put_u32(&m, NETLINK_DIAG_GROUPS, 0x11);
    uint32_t mem[9] = {100, 2, 200};
    put(&m, NETLINK_DIAG_MEMINFO, mem, sizeof mem);
    struct net_socket s = decode(diag_netlink_decode, &m, NET_NETLINK);
    assert_int_equal(s.protocol, 16);
    assert_int_equal(s.local_id, 812);
    assert_int_equal(s.groups, 0x11);
    assert_int_equal(s.recv_q, 100);
    assert_int_equal(s.send_q, 200);
    assert_int_equal(s.state, NET_ESTABLISHED);
    assert_int_equal(s.detached, NET_ATTACHED);
    body.ndiag_portid = 0;
    m = begin(&body, sizeof body);
    assert_int_equal(decode(diag_netlink_decode, &m, NET_NETLINK).detached, NET_OF_KERNEL);
}

static void test_others(void **state)
{
    (void)state;
    struct packet_diag_msg packet = {
        .pdiag_family = AF_PACKET, .pdiag_num = 0x0800, .pdiag_ino = 8};
    struct packet_diag_info info = {.pdi_index = 2};
    struct message m = begin(&packet, sizeof packet);
    put(&m, PACKET_DIAG_INFO, &info, sizeof info);
    put_u32(&m, PACKET_DIAG_UID, 3);
    struct net_socket s = decode(diag_packet_decode, &m, NET_PACKET);
    assert_int_equal(s.protocol, 0x0800);
    assert_string_equal(s.device, "if2");
    assert_int_equal(s.uid, 3);

    struct vsock_diag_msg vsock = {.vdiag_family = AF_VSOCK,
                                   .vdiag_state = NET_LISTEN,
                                   .vdiag_src_cid = VMADDR_CID_ANY,
                                   .vdiag_src_port = 22,
                                   .vdiag_dst_cid = VMADDR_CID_ANY,
                                   .vdiag_dst_port = VMADDR_PORT_ANY,
                                   .vdiag_ino = 4};
    m = begin(&vsock, sizeof vsock);
    s = decode(diag_vsock_decode, &m, NET_VSOCK);
    assert_int_equal(s.state, NET_LISTEN);
    assert_int_equal(s.local_port, 22);
    assert_false(net_socket_knows(&s, NET_F_PEER));
    assert_int_equal(s.peer_port, 0);

    struct xdp_diag_msg xdp = {.xdiag_family = AF_XDP, .xdiag_ino = 4};
    struct xdp_diag_info queue = {.ifindex = 2, .queue_id = 1};
    m = begin(&xdp, sizeof xdp);
    put(&m, XDP_DIAG_INFO, &queue, sizeof queue);
    s = decode(diag_xdp_decode, &m, NET_XDP);
    assert_int_equal(s.local_id, 2);
    assert_int_equal(s.local_port, 1);
}

static void test_tipc(void **state)
{
    (void)state;
    struct message inner = begin("", 0), m = begin("", 0);
    uint64_t cookie = 99;
    put_u32(&inner, TIPC_NLA_SOCK_REF, 1234);
    put_u32(&inner, TIPC_NLA_SOCK_ADDR, 7);
    put_u32(&inner, TIPC_NLA_SOCK_INO, 55);
    put_u32(&inner, TIPC_NLA_SOCK_TIPC_STATE, NET_LISTEN);
    put(&inner, TIPC_NLA_SOCK_COOKIE, &cookie, sizeof cookie);
    put(&m, TIPC_NLA_SOCK | NLA_F_NESTED, inner.room, inner.head.nlmsg_len - NLMSG_HDRLEN);
    struct net_socket s = decode(diag_tipc_decode, &m, NET_TIPC);
    assert_int_equal(s.local_port, 1234);
    assert_int_equal(s.local_id, 7);
    assert_int_equal(s.inode, 55);
    assert_int_equal(s.cookie, 99);
    assert_int_equal(s.state, NET_LISTEN);
}

static void test_too_short(void **state)
{
    (void)state;
    static diag_decode *const decoders[] = {
        diag_inet_decode,  diag_unix_decode, diag_netlink_decode, diag_packet_decode,
        diag_vsock_decode, diag_xdp_decode,  diag_tipc_decode,    diag_any_decode};
    struct diag_decoder d = {.kind = NET_TCP};
    struct net_socket row;
    for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++) {
        struct nlmsghdr *m = malloc(NLMSG_HDRLEN); /* of this size, so that ASan sees more */
        *m = (struct nlmsghdr){.nlmsg_len = NLMSG_HDRLEN};
        assert_int_equal(decoders[i](&d, m, &row), -EBADMSG);
        free(m);
    }
    struct message m = begin("\x63", 1);
    assert_int_equal(diag_any_decode(&d, &m.head, &row), 0);
    assert_int_equal(row.kind, NET_OTHER);
    assert_int_equal(row.family, 0x63);
}

static int count(void *ctx, const struct net_socket *s)
{
    unsigned *n = ctx;
    *n += s->kind == NET_TCP;
    return 0;
}

static int read_saved(const void *bytes, size_t n, unsigned *ret_rows)
{
    char path[] = "/tmp/berth-diag-XXXXXX";
    const struct source_query q = {
        .kinds = NET_KINDS_ALL, .states = NET_STATES_ALL, .families = 1 << AF_INET};
    struct err e = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
    *ret_rows = 0;
    int r = diag_read_file(path, &q, count, ret_rows, NULL, &e);
    assert_int_equal(e.code, -r);
    unlink(path);
    return r;
}

static void test_file(void **state)
{
    (void)state;
    char bytes[4096];
    size_t n = 0;
    unsigned rows;
    struct inet_diag_msg body = inet(NET_ESTABLISHED, 7);
    struct message m = begin(&body, sizeof body);
    for (int i = 0; i < 2; i++, n += m.head.nlmsg_len)
        memcpy(bytes + n, &m, m.head.nlmsg_len);
    assert_int_equal(read_saved(bytes, n, &rows), 0);
    assert_int_equal(rows, 2);
    assert_int_equal(read_saved(bytes, n - 4, &rows), -EBADMSG);
    assert_int_equal(rows, 1);
    assert_int_equal(read_saved("", 0, &rows), 0);
    assert_int_equal(read_saved("\0\0\0\0........................", 28, &rows), -EBADMSG);

    struct nlmsghdr done = {.nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = NLMSG_DONE};
    memcpy(bytes + m.head.nlmsg_len, &done, sizeof done);
    memcpy(bytes + m.head.nlmsg_len + sizeof done, &m, m.head.nlmsg_len);
    assert_int_equal(read_saved(bytes, m.head.nlmsg_len * 2 + sizeof done, &rows), 0);
    assert_int_equal(rows, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inet),      cmocka_unit_test(test_short_tcp_info),
        cmocka_unit_test(test_detached),  cmocka_unit_test(test_inet_kinds),
        cmocka_unit_test(test_unix),      cmocka_unit_test(test_netlink),
        cmocka_unit_test(test_others),    cmocka_unit_test(test_tipc),
        cmocka_unit_test(test_too_short), cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
