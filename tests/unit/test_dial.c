#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"
#include "flow/dial.h"

enum { MS = 1000000 };

static struct target ip(const char *address, uint16_t port)
{
    struct target t = {.type = SOCK_STREAM, .v6only = -1};
    struct net_addr a;
    assert_int_equal(net_addr_parse(address, &a, NULL), 0);
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

static int listener(uint16_t *ret_port)
{
    struct target t = ip("127.0.0.1", 0);
    int fd = open_listener(&t, &(struct open_listen){.backlog = 0}, NULL);
    assert_true(fd >= 0);
    *ret_port = port_of(fd);
    return fd;
}

/* A port that was free a moment ago: bound, so that no one else gets it, and not listening. */
static int refusing(uint16_t *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    *ret_port = port_of(fd);
    return fd;
}

static void stop(struct loop *l, struct dial *d)
{
    (void)d;
    loop_stop(l);
}

static void dial(struct dial *d)
{
    struct loop l;
    assert_int_equal(loop_init(&l), 0);
    d->done = stop;
    assert_int_equal(dial_start(&l, d), 0);
    assert_int_equal(loop_run(&l), 0);
    loop_clear(&l);
}

static void test_order(void **state)
{
    (void)state;
    struct target t[] = {ip("::1", 1), ip("::2", 1), ip("::3", 1), ip("127.0.0.1", 1),
                         ip("127.0.0.2", 1)};
    static const int expected[] = {0, 3, 1, 4, 2};
    struct dial d;
    assert_int_equal(dial_init(&d, t, 5), 0);
    for (size_t i = 0; i < 5; i++)
        assert_ptr_equal(d.attempts[i].target, &t[expected[i]]);
    dial_clear(NULL, &d);
}

static void test_refused_then_connected(void **state)
{
    (void)state;
    uint16_t bad, good;
    _held_fd_ int bound = refusing(&bad);
    _held_fd_ int listening = listener(&good);
    struct target t[] = {ip("127.0.0.1", bad), ip("127.0.0.1", good), ip("127.0.0.1", bad)};
    struct dial d;
    assert_int_equal(dial_init(&d, t, 3), 0);
    uint64_t start = time_monotonic_ns();
    dial(&d);
    assert_true(time_monotonic_ns() - start < (uint64_t)DIAL_HEAD_START_MS * MS);
    assert_ptr_equal(d.winner, &d.attempts[1]);
    assert_int_equal(d.attempts[0].state, DIAL_FAILED);
    assert_int_equal(d.attempts[0].error.code, ECONNREFUSED);
    assert_int_equal(d.attempts[2].state, DIAL_LEFT);
    int fd = dial_take(&d);
    assert_true(fd >= 0);
    assert_int_equal(dial_take(&d), -1);
    close(fd);
    dial_clear(NULL, &d);
}

/* Without accept and with a queue of one, the second connection gets no answer. */
static int silent(uint16_t *ret_port, int *ret_filler)
{
    int fd = listener(ret_port);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(*ret_port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *ret_filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(*ret_filler, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void test_head_start(void **state)
{
    (void)state;
    uint16_t bad, good;
    int filler;
    _held_fd_ int full = silent(&bad, &filler);
    _held_fd_ int listening = listener(&good);
    struct target t[] = {ip("127.0.0.1", bad), ip("127.0.0.1", good)};
    struct dial d;
    assert_int_equal(dial_init(&d, t, 2), 0);
    uint64_t start = time_monotonic_ns();
    dial(&d);
    assert_true(time_monotonic_ns() - start >= (uint64_t)DIAL_HEAD_START_MS * MS);
    assert_ptr_equal(d.winner, &d.attempts[1]);
    assert_int_equal(d.attempts[0].state, DIAL_DROPPED);
    dial_clear(NULL, &d);
    close(filler);
}

static void test_deadline(void **state)
{
    (void)state;
    uint16_t bad;
    int filler;
    _held_fd_ int full = silent(&bad, &filler);
    struct target t[] = {ip("127.0.0.1", bad), ip("127.0.0.1", bad)};
    struct dial d;
    assert_int_equal(dial_init(&d, t, 2), 0);
    d.deadline_ns = time_monotonic_ns() + 50 * MS;
    dial(&d);
    assert_null(d.winner);
    assert_int_equal(dial_take(&d), -1);
    assert_int_equal(d.attempts[0].error.code, ETIMEDOUT);
    assert_int_equal(d.attempts[1].state, DIAL_LEFT);
    dial_clear(NULL, &d);

    assert_int_equal(dial_init(&d, t, 2), 0);
    d.deadline_ns = 1; /* long over */
    dial(&d);
    assert_null(d.winner);
    assert_int_equal(d.attempts[0].error.code, ETIMEDOUT);
    dial_clear(NULL, &d);
    close(filler);
}

static void test_all(void **state)
{
    (void)state;
    uint16_t good, bad;
    _held_fd_ int bound = refusing(&bad);
    _held_fd_ int listening = listener(&good), other = listener(&(uint16_t){0});
    struct target t[] = {ip("127.0.0.1", good), ip("127.0.0.1", bad),
                         ip("127.0.0.1", port_of(other))};
    struct dial d;
    assert_int_equal(dial_init(&d, t, 3), 0);
    d.all = true;
    dial(&d);
    assert_non_null(d.winner);
    assert_int_equal(d.attempts[0].state, DIAL_CONNECTED);
    assert_int_equal(d.attempts[1].state, DIAL_FAILED);
    assert_int_equal(d.attempts[2].state, DIAL_CONNECTED);
    dial_clear(NULL, &d);
}

static void test_source_of_no_family(void **state)
{
    (void)state;
    uint16_t good;
    _held_fd_ int listening = listener(&good);
    struct target t = ip("127.0.0.1", good), source = ip("::1", 0);
    struct dial d;
    assert_int_equal(dial_init(&d, &t, 1), 0);
    d.sources = &source;
    d.n_sources = 1;
    dial(&d);
    assert_null(d.winner);
    assert_int_equal(d.attempts[0].error.code, EAFNOSUPPORT);
    dial_clear(NULL, &d);
}

/* A UNIX listener whose queue is full says EAGAIN: that is time to wait, no failure. */
static void test_full_queue(void **state)
{
    (void)state;
    struct target t = {.type = SOCK_STREAM, .v6only = -1};
    char name[32];
    int n = snprintf(name, sizeof name, "berth-test-dial-%d", (int)getpid());
    assert_int_equal(target_set_unix(&t, name, (size_t)n, true), 0);
    _cleanup_fd_ int fd = open_listener(&t, &(struct open_listen){.backlog = 0}, NULL);
    assert_true(fd >= 0);
    _cleanup_fd_ int filler = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(filler, (struct sockaddr *)&t.address, t.address_n), 0);
    struct dial d;
    assert_int_equal(dial_init(&d, &t, 1), 0);
    d.deadline_ns = time_monotonic_ns() + 100 * MS;
    dial(&d);
    assert_null(d.winner);
    assert_int_equal(d.attempts[0].error.code, ETIMEDOUT);
    dial_clear(NULL, &d);

    assert_int_equal(dial_init(&d, &t, 1), 0);
    close(accept(fd, NULL, NULL));
    dial(&d);
    assert_non_null(d.winner);
    dial_clear(NULL, &d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),      cmocka_unit_test(test_refused_then_connected),
        cmocka_unit_test(test_head_start), cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_all),        cmocka_unit_test(test_source_of_no_family),
        cmocka_unit_test(test_full_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
