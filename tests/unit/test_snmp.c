#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "kernel/snmp.h"

static int put(void *ctx, const char *name, uint64_t value)
{
    struct buf *out = ctx;
    buf_printf(out, "%s=%llu ", name, (unsigned long long)value);
    return strcmp(name, "Stop") == 0 ? 7 : 0;
}

static void check(const char *text, const char *expected)
{
    _cleanup_buf_ struct buf out = BUF_INIT(4096);
    assert_int_equal(snmp_parse(text, strlen(text), put, &out), 0);
    assert_string_equal(buf_cstr(&out), expected);
}

static void test_two_lines(void **state)
{
    (void)state;
    check("Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: MaxConn InSegs\nTcp: -1 9\n",
          "IpForwarding=1 IpDefaultTTL=64 TcpInSegs=9 ");
    check("TcpExt: A B C\nTcpExt: 1 2\n", "TcpExtA=1 TcpExtB=2 ");
    check("TcpExt: A\nUdp: 1\n", "");
    check("TcpExt: A\n", "");
}

static void test_levels(void **state)
{
    (void)state;
    check("sockets: used 213\nTCP: inuse 12 orphan 0 mem 3\nFRAG: inuse 0",
          "sockstat.sockets.used=213 sockstat.TCP.inuse=12 sockstat.TCP.orphan=0 "
          "sockstat.TCP.mem=3 sockstat.FRAG.inuse=0 ");
}

static void test_words(void **state)
{
    (void)state;
    check("Udp6InErrors                    \t5\nIp6InNoECTPkts 18446744073709551615\n",
          "Udp6InErrors=5 Ip6InNoECTPkts=18446744073709551615 ");
}

static void test_what_is_none(void **state)
{
    (void)state;
    check("", "");
    check("\n\n:\n: 1\nA\nA x\nA 18446744073709551616\nA-B 3\n", "");
    check("Ip: A\x01 B\nIp: 1 2\n", "IpB=2 ");
}

static void test_the_sink_ends_it(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf out = BUF_INIT(4096);
    static const char text[] = "A 1\nStop 2\nB 3\n";
    assert_int_equal(snmp_parse(text, sizeof text - 1, put, &out), 7);
    assert_string_equal(buf_cstr(&out), "A=1 Stop=2 ");
}

static void test_this_host(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 18);
    int r = snmp_read(put, &out);
    if (r < 0)
        skip();
    assert_non_null(strstr(buf_cstr(&out), "TcpInSegs="));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_lines),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_the_sink_ends_it),
        cmocka_unit_test(test_this_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
