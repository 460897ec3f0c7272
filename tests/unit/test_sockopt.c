#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/sockopt.h"

/* Words and what they come to: a number in the option's unit. */
static const struct {
    enum sockopt option;
    const char *word;
    int64_t number;
} words[] = {
    {SOCKOPT_REUSEADDR, "1", 1},
    {SOCKOPT_V6ONLY, "0", 0},
    {SOCKOPT_MARK, "0xffffffff", 0xffffffff},
    {SOCKOPT_MARK, "7", 7},
    {SOCKOPT_RCVBUF, "64k", 65536},
    {SOCKOPT_TOS, "0xb8", 0xb8},
    {SOCKOPT_TOS, "255", 255},
    {SOCKOPT_TOS, "ef", 0xb8},
    {SOCKOPT_TOS, "lowdelay", 0x10},
    {SOCKOPT_TOS, "cs1", 0x20},
    {SOCKOPT_DSCP, "46", 0xb8},
    {SOCKOPT_DSCP, "EF", 0xb8},
    {SOCKOPT_DSCP, "af41", 34 << 2},
    {SOCKOPT_DSCP, "af11", 10 << 2},
    {SOCKOPT_DSCP, "af43", 38 << 2},
    {SOCKOPT_DSCP, "cs0", 0},
    {SOCKOPT_DSCP, "cs7", 56 << 2},
    {SOCKOPT_DSCP, "le", 4},
    {SOCKOPT_DSCP, "63", 252},
    {SOCKOPT_TTL, "1", 1},
    {SOCKOPT_TTL, "255", 255},
    {SOCKOPT_LINGER, "0", 0},
    {SOCKOPT_LINGER, "2m", 120},
    {SOCKOPT_KEEPALIVE_IDLE, "1500ms", 2},
    {SOCKOPT_KEEPALIVE_INTERVAL, "32767", 32767},
    {SOCKOPT_USER_TIMEOUT, "1.5s", 1500},
    {SOCKOPT_USER_TIMEOUT, "1us", 1},
    {SOCKOPT_MAXSEG, "88", 88},
    {SOCKOPT_FASTOPEN, "", 256},
    {SOCKOPT_FASTOPEN, "5", 5},
    {SOCKOPT_MULTICAST_TTL, "0", 0},
};

static void test_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct sockopt_set s = {0};
        struct err e = {0};
        if (sockopt_parse(&s, words[i].option, words[i].word, &e) < 0)
            fail_msg("%s", e.hint);
        assert_true(sockopt_given(&s, words[i].option));
        assert_int_equal(s.numbers[words[i].option], words[i].number);
    }
}

static const struct {
    enum sockopt option;
    const char *word, *hint;
} faults[] = {
    {SOCKOPT_TTL, "0", "--ttl wants a number from 1 to 255, not '0'"},
    {SOCKOPT_TTL, "256", "from 1 to 255"},
    {SOCKOPT_TTL, "", "from 1 to 255, not ''"},
    {SOCKOPT_TTL, "9x", "not '9x'"},
    {SOCKOPT_MARK, "4294967296", "from 0 to 4294967295"},
    {SOCKOPT_TOS, "256", "--tos wants a number from 0 to 255, or a name"},
    {SOCKOPT_DSCP, "64", "--dscp wants a number from 0 to 63, or a name"},
    {SOCKOPT_DSCP, "lowdelay", "not 'lowdelay'"},
    {SOCKOPT_DSCP, "af51", "not 'af51'"},
    {SOCKOPT_DSCP, "af14", "not 'af14'"},
    {SOCKOPT_DSCP, "cs8", "not 'cs8'"},
    {SOCKOPT_RCVBUF, "2G", "below 2G"},
    {SOCKOPT_RCVBUF, "0", "a size"},
    {SOCKOPT_KEEPALIVE_IDLE, "0", "from 1 to 32767 seconds"},
    {SOCKOPT_KEEPALIVE_IDLE, "1d", "from 1 to 32767 seconds"},
    {SOCKOPT_KEEPALIVE_COUNT, "128", "from 1 to 127"},
    {SOCKOPT_USER_TIMEOUT, "25d", "below 25 days"},
    {SOCKOPT_MAXSEG, "87", "from 88"},
    {SOCKOPT_DEVICE, "", "1 to 15 letters"},
    {SOCKOPT_DEVICE, "0123456789abcdef", "1 to 15 letters"},
    {SOCKOPT_CONGESTION, "0123456789abcdef", "1 to 15 letters"},
    {SOCKOPT_MULTICAST_JOIN, "10.0.0.1", "a multicast address"},
    {SOCKOPT_MULTICAST_JOIN, "239.1.2.3%", "a multicast address"},
    {SOCKOPT_MULTICAST_JOIN, "::ffff:239.1.2.3", "a multicast address"},
    {SOCKOPT_MULTICAST_JOIN, "all-hosts", "a multicast address"},
    {SOCKOPT_MULTICAST_JOIN, "239.1.2.3%0123456789abcdef", "a multicast address"},
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct sockopt_set s = {0};
        struct err e = {0};
        assert_int_equal(sockopt_parse(&s, faults[i].option, faults[i].word, &e), -EINVAL);
        if (!strstr(e.hint, faults[i].hint))
            fail_msg("'%s': %s", faults[i].word, e.hint);
        assert_int_equal(s.given, 0);
    }
}

static void test_groups(void **state)
{
    (void)state;
    struct sockopt_set s = {0};
    struct err e;
    assert_int_equal(sockopt_parse(&s, SOCKOPT_MULTICAST_JOIN, "239.1.2.3%eth0", NULL), 0);
    assert_int_equal(sockopt_parse(&s, SOCKOPT_MULTICAST_JOIN, "ff02::fb%7", NULL), 0);
    assert_int_equal(s.n_groups, 2);
    assert_string_equal(s.groups[0].device, "eth0");
    assert_int_equal(s.groups[0].interface, 0);
    assert_int_equal(s.groups[1].interface, 7);
    for (int i = 2; i < SOCKOPT_GROUPS_MAX; i++)
        assert_int_equal(sockopt_parse(&s, SOCKOPT_MULTICAST_JOIN, "239.1.2.3", NULL), 0);
    assert_int_equal(sockopt_parse(&s, SOCKOPT_MULTICAST_JOIN, "239.1.2.3", &e), -EINVAL);
    assert_non_null(strstr(e.hint, "20 groups at most"));
}

/* The calls, as "name level optname size:first number". */

static int write_call(void *ctx, const struct sockopt_call *c)
{
    int number = 0;
    memcpy(&number, c->value, c->size < sizeof number ? c->size : sizeof number);
    buf_printf(ctx, "%s %d %d %u:%d\n", c->name, c->level, c->optname, c->size, number);
    return 0;
}

static void expect_calls(const struct sockopt_set *s, int family, int protocol,
                         enum sockopt_when when, const char *expected)
{
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 14);
    assert_int_equal(sockopt_each(s, family, protocol, when, write_call, &b), 0);
    assert_string_equal(buf_cstr(&b), expected);
}

static struct sockopt_set given(const char *const *pairs)
{
    struct sockopt_set s = {0};
    for (; *pairs; pairs += 2)
        for (int o = 0; o < SOCKOPTS; o++)
            if (strcmp(sockopt_name((enum sockopt)o), pairs[0]) == 0)
                assert_int_equal(sockopt_parse(&s, (enum sockopt)o, pairs[1], NULL), 0);
    return s;
}

#define GIVEN(...) given((const char *const[]){__VA_ARGS__, NULL})

static void test_families(void **state)
{
    (void)state;
    struct sockopt_set s =
        GIVEN("ttl", "9", "tos", "ef", "v6only", "1", "priority", "5", "mark", "0xffffffff");
    expect_calls(&s, AF_INET, IPPROTO_TCP, SOCKOPT_BEFORE_BIND,
                 "mark 1 36 4:-1\ntos 0 1 4:184\nttl 0 2 4:9\npriority 1 12 4:5\n");
    /* the IPv4 calls too, for a dual-stack socket */
    expect_calls(&s, AF_INET6, IPPROTO_UDP, SOCKOPT_BEFORE_BIND,
                 "v6only 41 26 4:1\nmark 1 36 4:-1\ntos 41 67 4:184\ntos 0 1 4:184\n"
                 "ttl 41 16 4:9\nttl 0 2 4:9\npriority 1 12 4:5\n");
    expect_calls(&s, AF_UNIX, 0, SOCKOPT_BEFORE_BIND, "");
    s = GIVEN("rcvbuf", "4k", "ttl", "9");
    expect_calls(&s, AF_UNIX, 0, SOCKOPT_BEFORE_BIND, "rcvbuf 1 8 4:4096\n");
}

static void test_moments(void **state)
{
    (void)state;
    struct sockopt_set s =
        GIVEN("fastopen", "16", "quickack", "1", "priority", "5", "nodelay", "1");
    expect_calls(&s, AF_INET, IPPROTO_TCP, SOCKOPT_BEFORE_BIND,
                 "priority 1 12 4:5\nnodelay 6 1 4:1\n");
    expect_calls(&s, AF_INET, IPPROTO_TCP, SOCKOPT_BEFORE_LISTEN, "fastopen 6 23 4:16\n");
    expect_calls(&s, AF_INET, IPPROTO_TCP, SOCKOPT_BEFORE_CONNECT, "fastopen 6 30 4:1\n");
    expect_calls(&s, AF_INET, IPPROTO_TCP, SOCKOPT_CONNECTED, "quickack 6 12 4:1\n");
    expect_calls(&s, AF_INET, IPPROTO_TCP, SOCKOPT_ACCEPTED,
                 "priority 1 12 4:5\nquickack 6 12 4:1\n");
    expect_calls(&s, AF_INET, IPPROTO_MPTCP, SOCKOPT_BEFORE_LISTEN, "fastopen 6 23 4:16\n");
    expect_calls(&s, AF_INET, IPPROTO_UDP, SOCKOPT_BEFORE_LISTEN, "");
}

static void test_shapes(void **state)
{
    (void)state;
    struct sockopt_set s = GIVEN("linger", "0", "congestion", "reno", "device", "lo");
    expect_calls(&s, AF_INET, IPPROTO_TCP, SOCKOPT_BEFORE_BIND,
                 "device 1 25 3:28524\nlinger 1 13 8:1\ncongestion 6 13 4:1869505906\n");
    s = GIVEN("multicast-join", "239.1.2.3%4", "multicast-join", "ff02::fb%3", "multicast-ttl",
              "0");
    expect_calls(&s, AF_INET, IPPROTO_UDP, SOCKOPT_BEFORE_BIND,
                 "multicast-ttl 0 33 4:0\nmulticast-join 0 35 12:50463215\n");
    expect_calls(&s, AF_INET6, IPPROTO_UDP, SOCKOPT_BEFORE_BIND,
                 "multicast-ttl 41 18 4:0\nmulticast-ttl 0 33 4:0\n"
                 "multicast-join 41 20 20:767\nmulticast-join 0 35 12:50463215\n");
}

static int refuse_second(void *ctx, const struct sockopt_call *c)
{
    (void)c;
    return ++*(int *)ctx == 2 ? -EPERM : 0;
}

static void test_end(void **state)
{
    (void)state;
    struct sockopt_set s = GIVEN("nodelay", "1", "mark", "1", "ttl", "3");
    int calls = 0;
    assert_int_equal(
        sockopt_each(&s, AF_INET, IPPROTO_TCP, SOCKOPT_BEFORE_BIND, refuse_second, &calls), -EPERM);
    assert_int_equal(calls, 2);
}

static void test_keepalive(void **state)
{
    (void)state;
    struct sockopt_set s = GIVEN("keepalive-count", "3");
    assert_int_equal(s.numbers[SOCKOPT_KEEPALIVE], 1);
    s = GIVEN("keepalive", "0", "keepalive-idle", "3");
    assert_int_equal(s.numbers[SOCKOPT_KEEPALIVE], 0); /* who says no means it */
}

static void test_applying(void **state)
{
    (void)state;
    uint64_t tcp = sockopt_applying(AF_INET, IPPROTO_TCP);
    uint64_t udp6 = sockopt_applying(AF_INET6, IPPROTO_UDP), local = sockopt_applying(AF_UNIX, 0);
    assert_true(tcp >> SOCKOPT_NODELAY & 1 && tcp >> SOCKOPT_FASTOPEN & 1);
    assert_false(tcp >> SOCKOPT_V6ONLY & 1 || tcp >> SOCKOPT_BROADCAST & 1);
    assert_true(udp6 >> SOCKOPT_V6ONLY & 1 && udp6 >> SOCKOPT_MULTICAST_JOIN & 1);
    assert_false(udp6 >> SOCKOPT_NODELAY & 1);
    assert_int_equal(local, 1u << SOCKOPT_RCVBUF | 1u << SOCKOPT_SNDBUF);
    /* each option is good for something */
    assert_int_equal(sockopt_applying(AF_INET6, IPPROTO_TCP) | udp6, (1ull << SOCKOPTS) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),    cmocka_unit_test(test_faults),
        cmocka_unit_test(test_groups),   cmocka_unit_test(test_families),
        cmocka_unit_test(test_moments),  cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_end),      cmocka_unit_test(test_keepalive),
        cmocka_unit_test(test_applying),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
