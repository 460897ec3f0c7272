#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buf.h"
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
    bool unread = false;
    assert_int_equal(forwards_parse(listing, sizeof listing - 1, &got, &unread), 0);
    assert_true(unread); /* port 99999 */
    assert_int_equal(got.len, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < got.len; i++) {
        const struct kernel_forward *f = vec_at(&got, i);
        assert_string_equal(f->protocol, expected[i].protocol);
        assert_int_equal(f->first, expected[i].first);
        assert_int_equal(f->last, expected[i].last);
        assert_string_equal(f->target, expected[i].target);
    }
}

static void parse(const char *listing, struct vec *got, bool *ret_unread)
{
    *ret_unread = false;
    assert_int_equal(forwards_parse(listing, strlen(listing), got, ret_unread), 0);
}

#define NFT(sets, rule) "table ip nat {\n" sets "\tchain pre {\n\t\t" rule "\n\t}\n}\n"
#define PORTS \
    "\tset ports {\n\t\ttype inet_service\n\t\telements = { 9001, 9003,\n\t\t\t9005-9009 }\n\t}\n"

/* A rule's set or map gives a forward for each of its elements. */
static void test_sets(void **state)
{
    (void)state;
    static const struct {
        const char *listing;
        size_t n;
        bool unread;
        const char *protocol;
        uint16_t first, last;
        const char *target, *rule; /* of the last */
    } cases[] = {
        {NFT("", "tcp dport { 9001-9002, 9005 } dnat to 172.17.0.4"), 2, false, "tcp", 9005, 9005,
         "172.17.0.4", "tcp dport { 9001-9002, 9005 } dnat to 172.17.0.4"},
        {NFT("", "udp dport { 9001,\n\t\t\t9002 } redirect to :53"), 2, false, "udp", 9002, 9002,
         ":53", "udp dport { 9001, 9002 } redirect to :53"},
        {NFT("", "dnat to tcp dport map { 9010 : 10.88.0.2 }"), 1, false, "tcp", 9010, 9010,
         "10.88.0.2", "dnat to tcp dport map { 9010 : 10.88.0.2 }"},
        {NFT("", "dnat ip6 to tcp dport map { 9011 : fd00::2 . 80, * : fd00::3 }"), 2, false, "tcp",
         0, 65535, "fd00::3", "dnat ip6 to tcp dport map { 9011 : fd00::2 . 80, * : fd00::3 }"},
        {NFT("", "dnat ip6 to tcp dport map { 9011 : fd00::2 . 80 }"), 1, false, "tcp", 9011, 9011,
         "[fd00::2]:80", "dnat ip6 to tcp dport map { 9011 : fd00::2 . 80 }"},
        {NFT("", "dnat ip to ip daddr . tcp dport map { 10.0.0.1 . 94 : 10.88.0.3 . 81 }"), 1,
         false, "tcp", 94, 94, "10.88.0.3:81",
         "dnat ip to ip daddr . tcp dport map { 10.0.0.1 . 94 : 10.88.0.3 . 81 }"},
        {NFT("", "meta l4proto udp dnat to 10.0.0.7:udp dport map { 96 : 97 }"), 1, false, "udp",
         96, 96, "10.0.0.7:97", "meta l4proto udp dnat to 10.0.0.7:udp dport map { 96 : 97 }"},
        {NFT("", "iifname . ip daddr . tcp dport { \"lo\" . 10.0.0.1 . 84 } dnat to 10.0.0.2"), 1,
         false, "tcp", 84, 84, "10.0.0.2",
         "iifname . ip daddr . tcp dport { \"lo\" . 10.0.0.1 . 84 } dnat to 10.0.0.2"},
        {NFT("", "udp dport 53 dnat to numgen inc mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }"), 1,
         false, "udp", 53, 53, "numgen inc mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }",
         "udp dport 53 dnat to numgen inc mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }"},
        {NFT(PORTS, "tcp dport @ports dnat to 1.2.3.4"), 3, false, "tcp", 9005, 9009, "1.2.3.4",
         "tcp dport @ports dnat to 1.2.3.4"},
        {NFT("\tset ports {\n\t\ttype inet_service\n\t}\n", "tcp dport @ports dnat to 1.2.3.4"), 0,
         false},
        {NFT("\tmap m {\n\t\telements = { 9 timeout 1h expires 5m comment \"a, }\" : 1.1.1.1 "
             "}\n\t}\n",
             "dnat to tcp dport map @m"),
         1, false, "tcp", 9, 9, "1.1.1.1", "dnat to tcp dport map @m"},
        {"table ip other {\n" PORTS "}\n" NFT("", "tcp dport @ports dnat to 1.2.3.4"), 0, true},
        {NFT("", "tcp dport @ports dnat to 1.2.3.4"), 0, true},
        {NFT("", "tcp dport != 22 dnat to 1.2.3.4"), 0, true},
        {NFT("", "tcp dport { what } dnat to 1.2.3.4"), 0, true},
        {NFT("", "tcp dport { 80 } accept"), 0, false},
        {"-A PREROUTING -p tcp -m multiport --dports 89,90:92 -j REDIRECT --to-ports 99\n", 2,
         false, "tcp", 90, 92, "99",
         "-A PREROUTING -p tcp -m multiport --dports 89,90:92 -j REDIRECT --to-ports 99"},
        {"-A X -p tcp ! --dport 22 -j REDIRECT --to-ports 99\n", 0, true},
        {"-A X --comment { -j ACCEPT\n-A X -p udp --dport 5 -j REDIRECT --to-ports 9\n", 1, false,
         "udp", 5, 5, "9", "-A X -p udp --dport 5 -j REDIRECT --to-ports 9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        _cleanup_vec_ struct vec got = VEC_INIT(struct kernel_forward);
        bool unread;
        parse(cases[i].listing, &got, &unread);
        assert_int_equal(got.len, cases[i].n);
        assert_int_equal(unread, cases[i].unread);
        if (!got.len)
            continue;
        const struct kernel_forward *f = vec_at(&got, got.len - 1);
        assert_string_equal(f->protocol, cases[i].protocol);
        assert_int_equal(f->first, cases[i].first);
        assert_int_equal(f->last, cases[i].last);
        assert_string_equal(f->target, cases[i].target);
        assert_string_equal(f->rule, cases[i].rule);
    }
}

#define CHAINS(sets, chains) "table ip nat {\n" sets chains "}\n"
#define CHAIN(name, rules)   "\tchain " name " {\n\t\t" rules "\n\t}\n"

/* A rule without ports has those of the ways to its chain; "PROTOCOL FIRST-LAST>TARGET" each. */
static void test_chains(void **state)
{
    (void)state;
    static const struct {
        const char *listing, *forwards;
        bool unread;
    } cases[] = {
        {CHAINS("", CHAIN("web", "dnat to 10.0.0.2") CHAIN(
                        "pre", "tcp dport vmap { 80 : jump web, 81-85 : accept, 86 : goto web }")),
         "tcp 80-80>10.0.0.2 tcp 86-86>10.0.0.2 ", false},
        {CHAINS(
             "\tmap m {\n\t\ttype inet_proto . inet_service : verdict\n\t\telements = { tcp . 80 "
             ": goto web,\n\t\t\t     udp . 81 : goto web, sctp . 82 : jump web }\n\t}\n",
             CHAIN("web", "meta l4proto tcp dnat to 10.0.0.2:8080")
                 CHAIN("pre", "fib daddr type local meta l4proto . th dport vmap @m")),
         "tcp 80-80>10.0.0.2:8080 ", false},
        {CHAINS("", CHAIN("end", "redirect to :99")
                        CHAIN("mid", "numgen random mod 2 vmap { 0 : goto end, 1 : goto mid }")
                            CHAIN("pre",
                                  "udp dport 53 jump mid\n\t\tudp dport { 54, 60-61 } goto end")),
         "udp 53-53>:99 udp 54-54>:99 udp 60-61>:99 ", false},
        {CHAINS("", CHAIN("web", "dnat to 10.0.0.2")
                        CHAIN("pre", "tcp dport 7 ip saddr vmap { 10.0.0.5 : jump web, 10.0.0.6 : "
                                     "jump other }")),
         "tcp 7-7>10.0.0.2 ", false},
        {CHAINS("", CHAIN("pre", "tcp dport 80 jump {\n\t\t\tdnat to 10.0.0.2\n\t\t}\n\t\tdnat to "
                                 "10.0.0.3")),
         "tcp 80-80>10.0.0.2 ", false},
        {CHAINS("", CHAIN("web", "dnat to 10.0.0.2") CHAIN("pre", "tcp dport != 22 jump web")), "",
         true},
        {CHAINS("", CHAIN("web", "dnat to 10.0.0.2") CHAIN("pre", "tcp dport @gone jump web")), "",
         true},
        {CHAINS("", CHAIN("log", "accept") CHAIN("pre", "tcp dport != 22 jump log")), "", false},
        {CHAINS("", CHAIN("web", "dnat to 10.0.0.2")) "table ip other {\n" CHAIN(
             "pre", "tcp dport 80 jump web") "}\n",
         "", false},
        {CHAINS("", CHAIN("pre", "dnat to tcp dport . ip saddr map { 80 . 10.0.0.1 : 10.0.0.2 }")),
         "tcp 80-80>10.0.0.2 ", false},
        {CHAINS("", CHAIN("pre", "tcp dport . ip saddr { 80 . 10.0.0.1 } dnat to 10.0.0.2")),
         "tcp 80-80>10.0.0.2 ", false},
        {CHAINS("", CHAIN("pre", "sctp dport 80 redirect to :81")), "sctp 80-80>:81 ", false},
        {"*nat\n-A PREROUTING -p tcp -m tcp --dport 80 -j SVC\n-A PREROUTING -p udp -m multiport "
         "--dports 81,82:83 -g SVC\n-A SVC -m statistic --mode random -j SEP\n"
         "-A SEP -p tcp -j DNAT --to-destination 10.0.0.2:8080\n*mangle\n"
         "-A PREROUTING -p tcp -m tcp --dport 90 -j SEP\n",
         "tcp 80-80>10.0.0.2:8080 ", false},
        /* What a comment says is no part of the rule. */
        {"*nat\n-A PREROUTING -p tcp -m comment --comment \"a\\\" --dport 80 -j DNAT "
         "--to-destination "
         "6.6.6.6 \\\"b\" -m tcp --dport 81 -j DNAT --to-destination 10.0.0.2\n",
         "tcp 81-81>10.0.0.2 ", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        _cleanup_vec_ struct vec got = VEC_INIT(struct kernel_forward);
        _cleanup_buf_ struct buf text = BUF_INIT(1024);
        bool unread;
        parse(cases[i].listing, &got, &unread);
        for (size_t k = 0; k < got.len; k++) {
            const struct kernel_forward *f = vec_at(&got, k);
            buf_printf(&text, "%s %u-%u>%s ", f->protocol, f->first, f->last, f->target);
        }
        assert_string_equal(buf_cstr(&text), cases[i].forwards);
        assert_int_equal(unread, cases[i].unread);
    }
}

/* Rules that name each other's chains, again and again, come to an end. */
static void test_hostile_chains(void **state)
{
    (void)state;
    enum { CHAINS = 400 };
    _cleanup_vec_ struct vec got = VEC_INIT(struct kernel_forward);
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 22);
    bool unread;
    buf_str(&text, "*nat\n");
    for (int i = 0; i < CHAINS; i++) {
        buf_printf(&text, "-A C%d -j DNAT --to-destination 10.0.0.1\n", i);
        for (int k = 0; k < CHAINS / 10; k++)
            buf_printf(&text, "-A C%d -j C%d\n", i, (i * 7 + k) % CHAINS);
    }
    parse(buf_cstr(&text), &got, &unread);
    assert_int_equal(got.len, 0);
    assert_true(unread);
}

/* iptables-nft's rules are listed by iptables-save and by nft. */
static void test_the_same(void **state)
{
    (void)state;
    static const struct kernel_forward a = {"tcp", 53, 53, "53", "-A X …"},
                                       b = {"tcp", 53, 53, ":53", "tcp dport 53 …"},
                                       c = {"udp", 53, 53, "53", ""}, d = {"tcp", 53, 54, "53", ""};
    assert_true(forwards_are_same(&a, &b));
    assert_false(forwards_are_same(&a, &c));
    assert_false(forwards_are_same(&a, &d));
}

static void test_hostile_lines(void **state)
{
    (void)state;
    _cleanup_vec_ struct vec got = VEC_INIT(struct kernel_forward);
    char line[4096];
    bool unread = false;
    memset(line, 'x', sizeof line);
    assert_int_equal(forwards_parse(line, sizeof line, &got, &unread), 0);
    memset(line, ' ', sizeof line);
    assert_int_equal(forwards_parse(line, sizeof line, &got, &unread), 0);
    assert_int_equal(forwards_parse("dnat to", 7, &got, &unread), 0);
    assert_int_equal(forwards_parse("tcp dport", 9, &got, &unread), 0);
    assert_int_equal(got.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listings), cmocka_unit_test(test_sets),
        cmocka_unit_test(test_chains),   cmocka_unit_test(test_hostile_chains),
        cmocka_unit_test(test_the_same), cmocka_unit_test(test_hostile_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
