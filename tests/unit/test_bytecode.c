/* The code is checked as the kernel checks it, run as the kernel runs it, and its answer held
 * against the filter's own: it may never refuse what the filter takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/inet_diag.h>

#include "kernel/bytecode.h"
#include "net/filter.h"

static bool prefix_matches(const struct inet_diag_hostcond *cond, const struct net_addr *a)
{
    struct net_prefix p = {.addr = net_addr_from_bytes(cond->family, cond->addr),
                           .len = cond->prefix_len};
    return net_prefix_contains(&p, a);
}

static bool holds(const struct inet_diag_bc_op *op, const struct net_socket *s)
{
    uint64_t id;
    struct inet_diag_markcond mark;
    switch (op->code) {
    case INET_DIAG_BC_JMP:
        return false;
    case INET_DIAG_BC_S_GE:
        return s->local_port >= op[1].no;
    case INET_DIAG_BC_S_LE:
        return s->local_port <= op[1].no;
    case INET_DIAG_BC_D_GE:
        return s->peer_port >= op[1].no;
    case INET_DIAG_BC_D_LE:
        return s->peer_port <= op[1].no;
    case INET_DIAG_BC_S_COND:
        return prefix_matches((const void *)(op + 1), &s->local);
    case INET_DIAG_BC_D_COND:
        return prefix_matches((const void *)(op + 1), &s->peer);
    case INET_DIAG_BC_DEV_COND:
        return memcmp(op + 1, &s->ifindex, sizeof s->ifindex) == 0;
    case INET_DIAG_BC_MARK_COND:
        memcpy(&mark, op + 1, sizeof mark);
        return (s->mark & mark.mask) == mark.mark;
    case INET_DIAG_BC_CGROUP_COND:
        memcpy(&id, op + 1, sizeof id);
        return id == s->cgroup_id;
    default:
        fail_msg("an op that isn't ours: %d", op->code);
        return false;
    }
}

static bool run(const struct bytecode *code, const struct net_socket *s)
{
    long left = (long)code->len;
    const unsigned char *at = code->bytes;
    while (left > 0) {
        const struct inet_diag_bc_op *op = (const void *)at;
        unsigned step = holds(op, s) ? op->yes : op->no;
        assert_true(step >= 4 && step % 4 == 0);
        at += step;
        left -= step;
    }
    assert_true(left == 0 || left == -4); /* inet_diag_bc_audit: no further than one op behind */
    return left == 0;
}

/* inet_diag_bc_audit: following yes alone meets every op and ends at the end; refusals lead to ops.
 */
static void check(const struct bytecode *code)
{
    bool starts[BYTECODE_MAX / 4 + 2] = {false};
    size_t at = 0;
    for (; at < code->len; at += ((const struct inet_diag_bc_op *)(code->bytes + at))->yes)
        starts[at / 4] = true;
    assert_int_equal(at, code->len);
    starts[at / 4] = starts[at / 4 + 1] = true;
    for (at = 0; at < code->len;) {
        const struct inet_diag_bc_op *op = (const void *)(code->bytes + at);
        assert_true(at + op->no <= code->len + 4);
        assert_true(starts[(at + op->no) / 4]);
        at += op->yes;
    }
}

static struct net_socket sockets[] = {
    {.local_port = 80, .peer_port = 0},
    {.local_port = 80, .peer_port = 40000, .ifindex = 3},
    {.local_port = 443, .peer_port = 22, .mark = 0x10, .cgroup_id = 77},
    {.local_port = 65535, .peer_port = 1, .mark = 0x11},
    {.local_port = 1000, .peer_port = 2000, .ifindex = 4, .cgroup_id = 78},
};
static const char *const addresses[][2] = {
    {"0.0.0.0", "0.0.0.0"},
    {"10.1.2.3", "192.0.2.1"},
    {"::1", "::1"},
    {"::ffff:10.9.9.9", "::ffff:127.0.0.1"},
    {"fe80::1%3", "2001:db8::7"},
};

static void fill(struct net_socket *s, size_t addresses_at)
{
    s->kind = NET_TCP;
    s->state = NET_ESTABLISHED;
    assert_int_equal(net_addr_parse(addresses[addresses_at][0], &s->local, NULL), 0);
    assert_int_equal(net_addr_parse(addresses[addresses_at][1], &s->peer, NULL), 0);
    s->family = s->local.family;
    net_socket_set(s, NET_F_LOCAL);
    net_socket_set(s, NET_F_PEER);
    net_socket_set(s, NET_F_MARK);
    net_socket_set(s, NET_F_CGROUP_ID);
}

static int device(void *ctx, const char *name, uint32_t *ret)
{
    (void)ctx;
    *ret = (uint32_t)(name[2] - '0');
    return 0;
}

static int cgroup(void *ctx, const char *path, uint64_t *ret)
{
    (void)ctx, (void)path;
    *ret = 77;
    return 0;
}

static struct net_filter *parse(const char *text)
{
    const struct net_filter_names names = {.device = device, .cgroup = cgroup};
    struct net_filter_fault fault;
    struct net_filter *f = NULL;
    if (net_filter_parse(text, &names, &f, &fault) < 0)
        fail_msg("%s: %s", text, fault.message);
    return f;
}

/* exact: the kernel decides all of it, so the answers are equal. */
static void expect(const char *text, bool exact)
{
    struct bytecode code;
    struct net_filter *f = parse(text);
    bool any = bytecode_compile(&code, f, NET_TCP, true);
    assert_true(any || !exact);
    if (any)
        check(&code);
    for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++) {
        for (size_t a = 0; a < sizeof addresses / sizeof *addresses; a++) {
            fill(&sockets[i], a);
            bool yes = net_filter_match(f, &sockets[i]) == NET_MATCH_YES;
            bool passes = !any || run(&code, &sockets[i]);
            if (exact ? passes != yes : yes && !passes)
                fail_msg("%s: socket %zu, addresses %zu: the filter says %d, the code %d", text, i,
                         a, yes, passes);
        }
    }
    net_filter_free(f);
}

static void test_exact(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "sport = 80",
        "sport = :80 or dport = :22",
        "sport != 80",
        "not sport = 80",
        "sport >= 443 and sport <= 1000",
        "not ( sport >= 443 and sport <= 1000 )",
        "not ( sport = 80 or dport = 22 )",
        "src 10.0.0.0/8",
        "not src 10.0.0.0/8",
        "dst 127.0.0.0/8 or src ::1",
        "src 10.1.2.3:80",
        "not ( src 10.1.2.3:80 )",
        "( sport = 80 or sport = 443 ) and ( dport = 22 or dport = 0 )",
        "( sport = 80 and dport = 0 ) or ( sport = 443 and dport = 22 ) or sport = 65535",
        "not ( ( sport = 80 and dport = 0 ) or not ( dport = 22 or src 10.0.0.0/8 ) )",
        "dev = en3",
        "not dev = en3",
        "fwmark = 0x10",
        "fwmark = 0x10/0xf0",
        "not fwmark = 0x10/0xf0 and sport = 1000",
        "cgroup = /x",
        "not cgroup = /x or dport = 1",
        "tcp and sport = 80",
        "udp or sport = 80",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect(texts[i], true);
}

static void test_superset(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "state listening",
        "not state listening",
        "state established and sport = 80",
        "not ( state established and sport = 80 )",
        "not ( state established or sport = 80 )",
        "state listening or sport = 80",
        "autobound and sport = 80",
        "not autobound and dport = 22",
        "pid = 1 or sport = 80",
        "not ( pid = 1 or sport = 80 )",
        "inode = 5 and not sport = 80",
        "udp and sport = 80",
        "not tcp or not sport = 80",
        "src fe80::1%3 or sport = 80",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect(texts[i], false);
}

/* What can't be decided must not keep the rest from being handed down. */
static void test_pushed(void **state)
{
    (void)state;
    struct bytecode code;
    static const struct {
        const char *text;
        bool pushed;
    } cases[] = {
        {"state established and sport = 80", true},
        {"pid = 1 and sport = 80", true},
        {"pid = 1 or sport = 80", false},
        {"sport = 80 and autobound", true},
        {"autobound", false},
        {"not ( pid = 1 or sport = 80 )", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct net_filter *f = parse(cases[i].text);
        assert_int_equal(bytecode_compile(&code, f, NET_TCP, true), cases[i].pushed);
        net_filter_free(f);
    }
    struct net_filter *f = parse("fwmark = 1");
    assert_false(bytecode_compile(&code, f, NET_TCP, false));
    net_filter_free(f);
}

static void test_long(void **state)
{
    (void)state;
    static char text[64 << 10];
    struct bytecode code;
    size_t n = 0;
    for (int i = 1; i < 60; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%ssport = %d", i > 1 ? " or " : "", i);
    expect(text, true);
    for (int i = 60; i < 900; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, " or sport = %d", i);
    struct net_filter_fault fault;
    struct net_filter *f = NULL;
    if (net_filter_parse(text, NULL, &f, &fault) == 0)
        assert_false(bytecode_compile(&code, f, NET_TCP, true));
    net_filter_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_superset),
        cmocka_unit_test(test_pushed),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
