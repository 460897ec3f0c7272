#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/facts.h"
#include "store/facts_file.h"

static void fill(struct facts *f)
{
    static const struct net_process server = {
        .pid = 10,
        .ppid = 1,
        .uid = 33,
        .comm = "bad\x1b\xff name",
        .cmdline = "server --port 80",
        .known = 1 << NET_P_UID | 1 << NET_P_CMDLINE,
        .forbidden = 1 << NET_P_CWD,
    };
    static const struct net_owner owners[] = {{10, 3, &server}, {11, 4, NULL}};
    struct net_socket s = {.kind = NET_TCP,
                           .state = NET_LISTEN,
                           .family = AF_INET6,
                           .local_port = 80,
                           .cookie = UINT64_MAX,
                           .linger_s = -1,
                           .owners = owners,
                           .n_owners = 2,
                           .reuseaddr = true};
    assert_int_equal(net_addr_parse("fe80::1%3", &s.local, NULL), 0);
    strcpy(s.congestion, "cubic");
    static const enum net_field known[] = {NET_F_LOCAL,  NET_F_OWNERS,    NET_F_COOKIE,
                                           NET_F_LINGER, NET_F_REUSEADDR, NET_F_CONGESTION};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        net_socket_set(&s, known[i]);
    net_socket_forbid(&s, NET_F_KEEPALIVE);

    strcpy(f->hostname, "there");
    f->netns = 4026531840;
    assert_int_equal(facts_add_socket(f, &s), 0);
    struct net_iface *i = vec_push(&f->interfaces);
    *i = (struct net_iface){.index = 2, .name = "en0", .mac = {2, 0, 255}, .mac_len = 6};
    char ports[100000];
    memset(ports, '7', sizeof ports - 1);
    ports[sizeof ports - 1] = '\0';
    assert_int_equal(facts_add_sysctl(f, "net.core.somaxconn", "4096", false), 0);
    assert_int_equal(facts_add_sysctl(f, "net.ipv4.ip_local_reserved_ports", ports, false), 0);
    assert_int_equal(facts_add_sysctl(f, "net.ipv4.tcp_fastopen_key", NULL, true), 0);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct facts f, g;
    struct err e = {0};
    _cleanup_buf_ struct buf once = BUF_INIT(1 << 20), twice = BUF_INIT(1 << 20);
    facts_init(&f);
    facts_init(&g);
    fill(&f);
    facts_write(&once, &f);
    assert_int_equal(facts_read(once.data, once.len, &g, &e), 0);
    facts_write(&twice, &g);
    assert_int_equal(once.len, twice.len);
    assert_memory_equal(once.data, twice.data, once.len);

    const struct net_socket *s = vec_at(&g.sockets, 0);
    assert_true(s->cookie == UINT64_MAX);
    assert_int_equal(s->linger_s, -1);
    assert_int_equal(s->local.scope, 3);
    assert_int_equal(net_field_get(s, NET_F_KEEPALIVE).presence, FORBIDDEN);
    assert_int_equal(net_field_get(s, NET_F_RTT).presence, ABSENT);
    assert_string_equal(s->owners[0].process->comm, "bad\x1b\xff name");
    assert_null(s->owners[1].process);
    assert_true(s->owners[0].process->forbidden >> NET_P_CWD & 1);
    assert_string_equal(facts_sysctl(&g, "net.core.somaxconn"), "4096");
    assert_int_equal(strlen(facts_sysctl(&g, "net.ipv4.ip_local_reserved_ports")), 99999);
    assert_null(facts_sysctl(&g, "net.ipv4.tcp_fastopen_key"));
    facts_clear(&f);
    facts_clear(&g);
}

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        const char *text, *names;
    } cases[] = {
        {"", "line 1"},
        {"[1,", "line 1"},
        {"{}", "berth_facts"},
        {"{\"berth_facts\": 2}", "of version 2"},
        {"{\"berth_facts\": 1, \"host\": {\"uid\": -1}}", "'uid'"},
        {"{\"berth_facts\": 1, \"host\": {\"uid\": 4294967296}}", "'uid'"},
        {"{\"berth_facts\": 1, \"sockets\": [{}]}", "'proto'"},
        {"{\"berth_facts\": 1, \"sockets\": [{\"proto\": \"tcp\", \"state\": \"LISTEN\","
         "\"family\": 2, \"local\": {\"address\": \"nowhere\"}}]}",
         "'local'"},
        {"{\"berth_facts\": 1, \"sockets\": [{\"proto\": \"tcp\", \"state\": \"LISTEN\","
         "\"family\": 2, \"congestion\": \"a name that has no room\"}]}",
         "'congestion'"},
        {"{\"berth_facts\": 1, \"interfaces\": [{\"mac\": \"zz\"}]}", "'mac'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct facts f;
        struct err e = {0};
        facts_init(&f);
        assert_int_equal(facts_read(cases[i].text, strlen(cases[i].text), &f, &e), -EINVAL);
        assert_non_null(strstr(e.hint, cases[i].names));
        facts_clear(&f);
    }
}

static void test_unwritable_place(void **state)
{
    (void)state;
    struct facts f;
    struct err e = {0};
    facts_init(&f);
    assert_int_equal(facts_save("/nonexistent/facts.json", &f, &e), -ENOENT);
    assert_string_equal(e.op, "save facts to");
    facts_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_unwritable_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
