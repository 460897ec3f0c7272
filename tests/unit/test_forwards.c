#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/vec.h"
#include "kernel/forwards.h"

static void test_listings(void **state)
{
    (void)state;
    static const char listing[] =
        "*nat\n"
        ":DOCKER - [0:0]\n"
        "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80\n"
        "-A PREROUTING -p udp -m udp --dport 5000:5010 -j REDIRECT --to-ports 53\n"
        "-A DOCKER -p tcp -m tcp --dport 99999 -j DNAT --to-destination 172.17.0.2:80\n"
        "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
        "\t\ttcp dport 8443 counter packets 0 bytes 0 dnat to 10.0.0.2:443\n"
        "\t\tmeta l4proto tcp tcp dport 9000-9001 dnat ip to 10.0.0.3:9000\n"
        "\t\tudp dport 53 redirect to :5353\n"
        "\t\ttcp dport { 80, 443 } accept";
    static const struct kernel_forward expected[] = {
        {"tcp", 8080, 8080, "172.17.0.2:80", ""},
        {"udp", 5000, 5010, "53", ""},
        {"tcp", 8443, 8443, "10.0.0.2:443", ""},
        {"tcp", 9000, 9001, "10.0.0.3:9000", ""},
        {"udp", 53, 53, ":5353", ""},
    };
    _cleanup_vec_ struct vec got = VEC_INIT(struct kernel_forward);
    assert_int_equal(forwards_parse(listing, sizeof listing - 1, &got), 0);
    assert_int_equal(got.len, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < got.len; i++) {
        const struct kernel_forward *f = vec_at(&got, i);
        assert_string_equal(f->protocol, expected[i].protocol);
        assert_int_equal(f->first, expected[i].first);
        assert_int_equal(f->last, expected[i].last);
        assert_string_equal(f->target, expected[i].target);
    }
}

static void test_hostile_lines(void **state)
{
    (void)state;
    _cleanup_vec_ struct vec got = VEC_INIT(struct kernel_forward);
    char line[4096];
    memset(line, 'x', sizeof line);
    assert_int_equal(forwards_parse(line, sizeof line, &got), 0);
    memset(line, ' ', sizeof line);
    assert_int_equal(forwards_parse(line, sizeof line, &got), 0);
    assert_int_equal(forwards_parse("dnat to", 7, &got), 0);
    assert_int_equal(forwards_parse("tcp dport", 9, &got), 0);
    assert_int_equal(got.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listings),
        cmocka_unit_test(test_hostile_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
