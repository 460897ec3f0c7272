#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"
#include "flow/open.h"
#include "flow/probe.h"
#include "flow/probe_question.h"

enum { MS = 1000000, PORTS = 64 };

static struct target ip(int type, uint16_t port)
{
    struct target t = {.type = type, .v6only = -1};
    struct net_addr a;
    assert_int_equal(net_addr_parse("127.0.0.1", &a, NULL), 0);
    target_set_ip(&t, &a, port);
    return t;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    return ntohs(a.sin_port);
}

static int listener(int type, uint16_t *ret_port)
{
    struct target t = ip(type, 0);
    int fd = open_listener(&t, &(struct open_listen){.backlog = 64}, NULL);
    assert_true(fd >= 0);
    *ret_port = port_of(fd);
    return fd;
}

/* Bound, so that nobody else gets it, and not listening. */
static int refusing(uint16_t *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    *ret_port = port_of(fd);
    return fd;
}

/* A queue that is full: further connections get no answer. */
static int silent(uint16_t *ret_port, int *ret_filler)
{
    struct target t = ip(SOCK_STREAM, 0);
    int fd = open_listener(&t, &(struct open_listen){.backlog = 0}, NULL);
    *ret_port = port_of(fd);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(*ret_port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *ret_filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(*ret_filler, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

struct asking {
    struct probes probes;
    struct target host;
    size_t most; /* that ran at a time */
};

static void answered(struct loop *l, struct probes *p, size_t i)
{
    struct asking *a = (struct asking *)p;
    (void)l;
    assert_int_not_equal(p->answers[i].state, PROBE_LEFT);
    if (p->running + 1 > a->most)
        a->most = p->running + 1;
}

static void done(struct loop *l, struct probes *p)
{
    (void)p;
    loop_stop(l);
}

static void ask(struct asking *a, int type, const uint16_t *ports, size_t n)
{
    struct loop l;
    a->host = ip(type, 0);
    a->most = 0;
    struct probes *p = &a->probes;
    p->hosts = &a->host;
    p->n_hosts = 1;
    p->ports = ports;
    p->n_ports = n;
    p->parallel = p->parallel ? p->parallel : 8;
    p->tries = p->tries ? p->tries : 1;
    p->timeout_ns = p->timeout_ns ? p->timeout_ns : (uint64_t)10000 * MS;
    p->answered = answered;
    p->done = done;
    assert_int_equal(loop_init(&l), 0);
    assert_int_equal(probes_start(&l, p), 0);
    assert_int_equal(loop_run(&l), 0);
    assert_int_equal(p->n_answered, n);
    assert_int_equal(p->running, 0);
    loop_clear(&l);
}

static void test_open_and_refused(void **state)
{
    (void)state;
    uint16_t ports[2];
    _cleanup_fd_ int good = listener(SOCK_STREAM, &ports[0]);
    assert_true(good >= 0);
    _cleanup_fd_ int bad = refusing(&ports[1]);
    assert_true(bad >= 0);
    struct asking a = {0};
    ask(&a, SOCK_STREAM, ports, 2);
    assert_int_equal(a.probes.answers[0].state, PROBE_OPEN);
    assert_int_equal(a.probes.answers[0].error, 0);
    assert_int_equal(a.probes.answers[1].state, PROBE_REFUSED);
    assert_int_equal(a.probes.answers[1].error, ECONNREFUSED);
    assert_int_equal(a.probes.answers[1].tries, 1);
    probes_clear(NULL, &a.probes);
}

static void test_silent(void **state)
{
    (void)state;
    uint16_t port;
    int filler;
    _cleanup_fd_ int full = silent(&port, &filler);
    assert_true(full >= 0);
    struct asking a = {.probes = {.timeout_ns = 30 * MS, .tries = 3}};
    uint64_t start = time_monotonic_ns();
    ask(&a, SOCK_STREAM, &port, 1);
    assert_true(time_monotonic_ns() - start >= (uint64_t)90 * MS);
    assert_int_equal(a.probes.answers[0].state, PROBE_SILENT);
    assert_int_equal(a.probes.answers[0].tries, 3);
    probes_clear(NULL, &a.probes);
    close(filler);
}

/* A listener in another process's place: what waits in its queue has said nothing. */
static void test_banner(void **state)
{
    (void)state;
    uint16_t port;
    _cleanup_fd_ int fd = listener(SOCK_STREAM, &port);
    assert_true(fd >= 0);
    struct asking a = {.probes = {.listen_ns = 30 * MS}};
    ask(&a, SOCK_STREAM, &port, 1);
    assert_int_equal(a.probes.answers[0].state, PROBE_OPEN);
    assert_null(a.probes.answers[0].said);
    assert_true(a.probes.answers[0].took_us < 30000);
    probes_clear(NULL, &a.probes);
}

static void test_few_at_a_time(void **state)
{
    (void)state;
    uint16_t ports[PORTS], port;
    _cleanup_fd_ int fd = listener(SOCK_STREAM, &port);
    assert_true(fd >= 0);
    for (size_t i = 0; i < PORTS; i++)
        ports[i] = port;
    struct asking a = {.probes = {.parallel = 3}};
    ask(&a, SOCK_STREAM, ports, PORTS);
    assert_in_range(a.most, 1, 3);
    for (size_t i = 0; i < PORTS; i++)
        assert_int_equal(a.probes.answers[i].state, PROBE_OPEN);
    probes_clear(NULL, &a.probes);
}

/* Those that have a descriptor keep it until their time is over, and the others wait. */
static void test_descriptors_run_out(void **state)
{
    (void)state;
    enum { FEW = 4 };
    uint16_t port, ports[3 * FEW];
    int filler, probe = dup(0);
    _cleanup_fd_ int full = silent(&port, &filler);
    assert_true(full >= 0);
    struct rlimit before, few;
    for (size_t i = 0; i < 3 * FEW; i++)
        ports[i] = port;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)filler + 2 + FEW; /* the loop has one */
    close(probe);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct asking a = {.probes = {.timeout_ns = 20 * MS, .parallel = 3 * FEW}};
    ask(&a, SOCK_STREAM, ports, 3 * FEW);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_in_range(a.most, 1, FEW + 1);
    for (size_t i = 0; i < 3 * FEW; i++)
        assert_int_equal(a.probes.answers[i].state, PROBE_SILENT);
    probes_clear(NULL, &a.probes);
    close(filler);
}

static void test_udp(void **state)
{
    (void)state;
    uint16_t ports[2];
    _cleanup_fd_ int mute = listener(SOCK_DGRAM, &ports[0]);
    int gone = listener(SOCK_DGRAM, &ports[1]);
    close(gone);
    struct asking a = {.probes = {.timeout_ns = 30 * MS, .tries = 2}};
    ask(&a, SOCK_DGRAM, ports, 2);
    assert_int_equal(a.probes.answers[0].state, PROBE_SILENT);
    assert_int_equal(a.probes.answers[0].tries, 2);
    assert_int_equal(a.probes.answers[1].state, PROBE_REFUSED);
    char got[16];
    assert_int_equal(recv(mute, got, sizeof got, 0), 1);
    assert_int_equal(recv(mute, got, sizeof got, 0), 1);
    assert_int_equal(recv(mute, got, sizeof got, 0), -1);
    probes_clear(NULL, &a.probes);
}

static void test_stopped_half_way(void **state)
{
    (void)state;
    uint16_t port;
    int filler;
    struct loop l;
    _cleanup_fd_ int full = silent(&port, &filler);
    assert_true(full >= 0);
    struct target host = ip(SOCK_STREAM, 0);
    struct probes p = {.hosts = &host,
                       .n_hosts = 1,
                       .ports = &port,
                       .n_ports = 1,
                       .parallel = 1,
                       .tries = 1,
                       .timeout_ns = (uint64_t)10000 * MS,
                       .answered = answered,
                       .done = done};
    assert_int_equal(loop_init(&l), 0);
    assert_int_equal(probes_start(&l, &p), 0);
    probes_clear(&l, &p);
    assert_int_equal(probes_start(&l, &p), 0);
    p.turn.run(&l, &p.turn); /* it is under way */
    assert_int_equal(p.running, 1);
    probes_clear(&l, &p);
    loop_clear(&l);
    close(filler);
}

static void test_judge(void **state)
{
    (void)state;
    static const struct {
        int error;
        bool at_once;
        enum probe_state expected;
    } cases[] = {
        {0, false, PROBE_OPEN},
        {ECONNRESET, false, PROBE_OPEN},
        {ECONNREFUSED, false, PROBE_REFUSED},
        {ETIMEDOUT, false, PROBE_SILENT},
        {EHOSTUNREACH, false, PROBE_UNREACHABLE},
        {ENETUNREACH, true, PROBE_UNREACHABLE},
        {EPERM, true, PROBE_FORBIDDEN},
        {EACCES, true, PROBE_FORBIDDEN},
        {EACCES, false, PROBE_UNREACHABLE},
        {EMFILE, true, PROBE_FAILED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(probe_judge(cases[i].error, cases[i].at_once), cases[i].expected);
}

static void test_questions(void **state)
{
    (void)state;
    size_t n;
    assert_int_equal(*(const char *)probe_question(9, &n), '\n');
    assert_int_equal(n, 1);
    probe_question(53, &n);
    assert_int_equal(n, 17);
    probe_question(123, &n);
    assert_int_equal(n, 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_and_refused),
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_banner),
        cmocka_unit_test(test_few_at_a_time),
        cmocka_unit_test(test_descriptors_run_out),
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_stopped_half_way),
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
