#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "predict/findings.h"

/* Settings alone: ten ports to come from. */
static struct facts host(void)
{
    struct facts f;
    facts_init(&f);
    facts_add_sysctl(&f, "net.ipv4.ip_local_port_range", "20000\t20009", false);
    facts_add_sysctl(&f, "net.ipv6.bindv6only", "0", false);
    facts_add_sysctl(&f, "net.core.somaxconn", "4096", false);
    return f;
}

static struct net_socket tcp(enum net_state state, const char *local, uint32_t port,
                             const char *peer, uint32_t peer_port)
{
    struct net_socket s = {
        .kind = NET_TCP, .state = state, .local_port = port, .peer_port = peer_port};
    assert_int_equal(net_addr_parse(local, &s.local, NULL), 0);
    if (peer)
        assert_int_equal(net_addr_parse(peer, &s.peer, NULL), 0);
    s.family = s.local.family;
    net_socket_set(&s, NET_F_OWNERS);
    net_socket_set(&s, NET_F_RECV_Q);
    net_socket_set(&s, NET_F_SEND_Q);
    net_socket_set(&s, NET_F_V6ONLY);
    s.v6only = s.family == AF_INET6;
    return s;
}

static struct net_socket listener(const char *local, uint32_t port, uint64_t waiting, uint64_t room)
{
    struct net_socket s = tcp(NET_LISTEN, local, port, NULL, 0);
    s.recv_q = waiting;
    s.send_q = room;
    return s;
}

static void add(struct facts *f, struct net_socket s)
{
    assert_int_equal(facts_add_socket(f, &s), 0);
}

static struct vec look(const struct facts *f)
{
    const struct findings_how how = {0};
    struct vec found = VEC_INIT(struct finding);
    assert_int_equal(findings_find(f, &how, &found), 0);
    return found;
}

static const struct finding *named(const struct vec *found, const char *name)
{
    for (size_t i = 0; i < found->len; i++) {
        const struct finding *f = vec_at(found, i);
        if (strcmp(f->name, name) == 0)
            return f;
    }
    return NULL;
}

/* Whether a host has a finding, and of which severity; -1: none. The facts are cleared. */
static int severity_of(struct facts *f, const char *name)
{
    struct vec found = look(f);
    const struct finding *it = named(&found, name);
    int severity = it ? (int)it->severity : -1;
    if (it)
        assert_true(it->title[0] && it->evidence[0] && it->remedy[0]);
    findings_free(&found);
    facts_clear(f);
    return severity;
}

static void test_names_are_one_each(void **state)
{
    (void)state;
    for (size_t i = 0; finding_kind(i); i++) {
        assert_true(finding_kind(i)->title[0]);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(finding_kind(i)->name, finding_kind(k)->name);
    }
}

static void test_nothing(void **state)
{
    (void)state;
    struct facts f;
    facts_init(&f);
    struct vec found = look(&f);
    assert_int_equal(found.len, 0);
    findings_free(&found);
    facts_clear(&f);
}

/* sk_acceptq_is_full: more than the backlog; so that one more than it has room. */
static void test_queue(void **state)
{
    (void)state;
    static const struct {
        uint64_t waiting, room;
        int severity;
    } cases[] = {
        {0, 0, -1}, {1, 0, FINDING_BAD},     {1, 1, -1},    {2, 1, FINDING_BAD},
        {7, 8, -1}, {8, 8, FINDING_WARNING}, {95, 128, -1}, {96, 128, FINDING_WARNING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct facts f = host();
        add(&f, listener("127.0.0.1", 80, cases[i].waiting, cases[i].room));
        assert_int_equal(severity_of(&f, "accept-queue-full"), cases[i].severity);
    }
}

static struct facts with_connections(uint32_t n, enum net_state state, const char *peer)
{
    struct facts f = host();
    for (uint32_t i = 0; i < n; i++)
        add(&f, tcp(state, "192.0.2.1", 20000 + i, peer, 80));
    return f;
}

static void test_ports(void **state)
{
    (void)state;
    struct facts f = with_connections(7, NET_ESTABLISHED, "192.0.2.9");
    assert_int_equal(severity_of(&f, "ports-running-out"), -1);
    f = with_connections(8, NET_ESTABLISHED, "192.0.2.9");
    assert_int_equal(severity_of(&f, "ports-running-out"), FINDING_WARNING);
    f = with_connections(10, NET_ESTABLISHED, "192.0.2.9");
    assert_int_equal(severity_of(&f, "ports-running-out"), FINDING_BAD);
    /* Several destinations share ports. */
    f = with_connections(5, NET_ESTABLISHED, "192.0.2.9");
    for (uint32_t i = 0; i < 5; i++)
        add(&f, tcp(NET_ESTABLISHED, "192.0.2.1", 20005 + i, "192.0.2.10", 80));
    assert_int_equal(severity_of(&f, "ports-running-out"), -1);
    /* A reserved port is none. */
    f = with_connections(6, NET_ESTABLISHED, "192.0.2.9");
    facts_add_sysctl(&f, "net.ipv4.ip_local_reserved_ports", "20007-20009", false);
    assert_int_equal(severity_of(&f, "ports-running-out"), FINDING_WARNING);
    /* What a listener accepted doesn't go out. */
    f = host();
    add(&f, listener("192.0.2.1", 20000, 0, 128));
    for (uint32_t i = 0; i < 10; i++)
        add(&f, tcp(NET_ESTABLISHED, "192.0.2.1", 20000, "192.0.2.9", 30000 + i));
    assert_int_equal(severity_of(&f, "ports-running-out"), -1);
}

/* tcp_twsk_unique: 1 lets every TIME_WAIT go, 2 those on loopback. */
static void test_ports_in_time_wait(void **state)
{
    (void)state;
    static const struct {
        const char *reuse, *peer;
        int severity;
    } cases[] = {
        {"0", "192.0.2.9", FINDING_BAD}, {"2", "192.0.2.9", FINDING_BAD}, {"1", "192.0.2.9", -1},
        {"0", "127.0.0.1", FINDING_BAD}, {"2", "127.0.0.1", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct facts f = with_connections(10, NET_TIME_WAIT, cases[i].peer);
        facts_add_sysctl(&f, "net.ipv4.tcp_tw_reuse", cases[i].reuse, false);
        assert_int_equal(severity_of(&f, "ports-running-out"), cases[i].severity);
    }
}

static void test_close_wait(void **state)
{
    (void)state;
    static const uint32_t counts[] = {9, 10, 100};
    static const int severities[] = {-1, FINDING_WARNING, FINDING_BAD};
    for (size_t i = 0; i < 3; i++) {
        struct facts f = host();
        for (uint32_t k = 0; k < counts[i]; k++)
            add(&f, tcp(NET_CLOSE_WAIT, "192.0.2.1", 80, "192.0.2.9", 30000 + k));
        assert_int_equal(severity_of(&f, "close-wait"), severities[i]);
    }
    struct facts f = host(); /* those that nobody has accepted are the queue's matter */
    for (uint32_t k = 0; k < 20; k++) {
        struct net_socket s = tcp(NET_CLOSE_WAIT, "192.0.2.1", 80, "192.0.2.9", 30000 + k);
        s.detached = NET_IN_QUEUE;
        add(&f, s);
    }
    assert_int_equal(severity_of(&f, "close-wait"), -1);
}

/* The worst first; of two alike that which stands further up in the table. */
static void test_order(void **state)
{
    (void)state;
    struct facts f = host();
    facts_add_counter(&f, "UdpInErrors", 3);
    facts_add_counter(&f, "TcpExtSyncookiesSent", 3);
    facts_add_counter(&f, "TcpExtListenOverflows", 3);
    add(&f, listener("127.0.0.1", 80, 9, 8));
    struct vec found = look(&f);
    static const char *const names[] = {"accept-queue-full", "accept-queue-overflowed",
                                        "syn-cookies", "udp-errors"};
    assert_int_equal(found.len, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(((struct finding *)vec_at(&found, i))->name, names[i]);
    findings_free(&found);
    facts_clear(&f);
}

/* A host's own sockets only: a saved host may have those of other namespaces too. */
static void test_other_namespaces(void **state)
{
    (void)state;
    struct facts f = host();
    struct net_socket s = listener("127.0.0.1", 80, 9, 8);
    f.netns = 1;
    s.netns = 2;
    net_socket_set(&s, NET_F_NETNS);
    add(&f, s);
    assert_int_equal(severity_of(&f, "accept-queue-full"), -1);
}

static const struct net_process one = {.pid = 1, .comm = "python3", .cmdline = "python3 -u a.py"},
                                two = {.pid = 2, .comm = "python3", .cmdline = "python3 b.py"},
                                three = {.pid = 3, .comm = "python3", .cmdline = "python3 a.py x"};

static int strangers(const struct net_process *p, const struct net_process *q)
{
    const struct net_owner by_p = {p->pid, 3, p}, by_q = {q->pid, 3, q};
    struct facts f = host();
    for (int i = 0; i < 2; i++) {
        struct net_socket s = listener("0.0.0.0", 80, 0, 128);
        s.reuseport = true;
        net_socket_set(&s, NET_F_REUSEPORT);
        s.owners = i ? &by_q : &by_p;
        s.n_owners = 1;
        add(&f, s);
    }
    return severity_of(&f, "reuseport-stranger");
}

static void test_scripts_are_programs(void **state)
{
    (void)state;
    assert_int_equal(strangers(&one, &two), FINDING_WARNING);
    assert_int_equal(strangers(&one, &three), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_one_each),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_ports_in_time_wait),
        cmocka_unit_test(test_close_wait),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_other_namespaces),
        cmocka_unit_test(test_scripts_are_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
