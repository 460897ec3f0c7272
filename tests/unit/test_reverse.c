/* Names that come, don't come, and come too late. The library that is asked is the test's own. */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "names/reverse.h"
#include "names/services.h"

static const uint64_t FAR_NS = 60000000000u; /* what should not be waited for */

/* 10.0.0.0/8 hangs until it is let on, 172.16/12 has no names; a thread that ends is counted. */
struct library {
    atomic_int asked;
    sem_t hanging, let_on, ended;
    pthread_key_t in_thread;
    bool services_hang;
};

static void thread_ends(void *ctx)
{
    struct library *l = ctx;
    sem_post(&l->ended);
}

static void hang(struct library *l)
{
    pthread_setspecific(l->in_thread, l);
    sem_post(&l->hanging);
    sem_wait(&l->let_on);
}

static int host(void *ctx, const struct net_addr *a, char *ret, size_t size)
{
    struct library *l = ctx;
    l->asked++;
    if (a->family == AF_INET && a->bytes[0] == 10)
        hang(l);
    if (a->family == AF_INET && a->bytes[0] == 172)
        return -ENOENT;
    if (a->family == AF_INET && a->bytes[0] == 198)
        snprintf(ret, size, "%s",
                 a->bytes[3] == 1   ? "192.0.2.7"
                 : a->bytes[3] == 2 ? "fe80::1%lo"
                                    : "");
    else
        snprintf(ret, size, "host-%d", a->bytes[a->family == AF_INET ? 3 : 15]);
    return 0;
}

static int list_services(void *ctx, struct vec *ret)
{
    static const struct {
        const char *name, *protocol;
        uint16_t port;
    } all[] = {{"web", "tcp", 80}, {"other", "tcp", 80}, {"quic", "udp", 80}, {"zero", "ddp", 81}};
    struct library *l = ctx;
    if (l->services_hang)
        hang(l);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct service s = {
            .name = strdup(all[i].name), .protocol = strdup(all[i].protocol), .port = all[i].port};
        if (vec_add(ret, &s) < 0)
            return -ENOMEM;
    }
    return 0;
}

struct fixture {
    struct library library;
    struct reverse *reverse;
};

static void start(struct fixture *f, bool services_hang)
{
    const struct reverse_library l = {.host = host, .services = list_services, .ctx = &f->library};
    f->library.services_hang = services_hang;
    sem_init(&f->library.hanging, 0, 0);
    sem_init(&f->library.let_on, 0, 0);
    sem_init(&f->library.ended, 0, 0);
    assert_int_equal(pthread_key_create(&f->library.in_thread, thread_ends), 0);
    assert_int_equal(reverse_new(&l, &f->reverse), 0);
}

/* The threads that hung come back, after all else has ended. */
static void end(struct fixture *f, int hung)
{
    reverse_free(f->reverse);
    for (int i = 0; i < hung; i++)
        sem_post(&f->library.let_on);
    for (int i = 0; i < hung; i++)
        sem_wait(&f->library.ended);
    pthread_key_delete(f->library.in_thread);
}

static struct net_addr address(const char *text)
{
    struct net_addr a = {0};
    assert_int_equal(net_addr_parse(text, &a, NULL), 0);
    return a;
}

static void ask(struct fixture *f, const char *text)
{
    struct net_addr a = address(text);
    assert_int_equal(reverse_ask(f->reverse, &a), 0);
}

static const char *name_of(struct fixture *f, const char *text)
{
    struct net_addr a = address(text);
    return reverse_host(f->reverse, &a);
}

static void wait_for_all(struct fixture *f)
{
    uint64_t until = time_monotonic_ns() + FAR_NS;
    reverse_wait(f->reverse, until);
    assert_true(time_monotonic_ns() < until);
}

static void test_each_address_is_asked_about_once(void **state)
{
    (void)state;
    struct fixture f = {0};
    char text[32];
    start(&f, false);
    for (int i = 0; i < 400; i++) {
        snprintf(text, sizeof text, "192.0.2.%d", i % 200 + 1);
        ask(&f, text);
    }
    wait_for_all(&f);
    assert_int_equal(f.library.asked, 200);
    assert_string_equal(name_of(&f, "192.0.2.1"), "host-1");
    assert_string_equal(name_of(&f, "192.0.2.200"), "host-200");
    assert_null(name_of(&f, "192.0.2.201"));
    end(&f, 0);
}

static void test_addresses_that_are_the_same_host(void **state)
{
    (void)state;
    struct fixture f = {0};
    start(&f, false);
    ask(&f, "192.0.2.9");
    ask(&f, "::ffff:192.0.2.9");
    ask(&f, "fe80::7%1");
    ask(&f, "fe80::7%2");
    ask(&f, "0.0.0.0");
    ask(&f, "::");
    assert_int_equal(reverse_ask(f.reverse, &(struct net_addr){0}), 0);
    wait_for_all(&f);
    assert_int_equal(f.library.asked, 2);
    assert_string_equal(name_of(&f, "::ffff:192.0.2.9"), "host-9");
    assert_string_equal(name_of(&f, "fe80::7%3"), "host-7");
    assert_null(name_of(&f, "0.0.0.0"));
    end(&f, 0);
}

static void test_no_name_is_an_answer(void **state)
{
    (void)state;
    struct fixture f = {0};
    start(&f, false);
    ask(&f, "172.16.0.1");
    wait_for_all(&f);
    assert_null(name_of(&f, "172.16.0.1"));
    end(&f, 0);
}

static void test_a_name_that_reads_as_an_address_is_none(void **state)
{
    (void)state;
    struct fixture f = {0};
    start(&f, false);
    ask(&f, "198.51.100.1");
    ask(&f, "198.51.100.2");
    ask(&f, "198.51.100.3"); /* empty */
    wait_for_all(&f);
    assert_null(name_of(&f, "198.51.100.1"));
    assert_null(name_of(&f, "198.51.100.2"));
    assert_null(name_of(&f, "198.51.100.3"));
    end(&f, 0);
}

static void test_services(void **state)
{
    (void)state;
    struct fixture f = {0};
    start(&f, false);
    wait_for_all(&f);
    assert_string_equal(reverse_service(f.reverse, 80, "tcp"), "web");
    assert_string_equal(reverse_service(f.reverse, 80, "udp"), "quic");
    assert_null(reverse_service(f.reverse, 80, "sctp"));
    assert_null(reverse_service(f.reverse, 81, "tcp"));
    assert_null(reverse_service(f.reverse, 81, "ddp"));
    end(&f, 0);
}

/* However many questions hang, loopback has its name; and the wait ends at its deadline. */
static void test_what_hangs_holds_nothing_up(void **state)
{
    (void)state;
    enum { MANY = 100, HUNG = REVERSE_THREADS - 1 };
    struct fixture f = {0};
    char text[32];
    start(&f, false);
    for (int i = 1; i <= MANY; i++) {
        snprintf(text, sizeof text, "10.0.0.%d", i);
        ask(&f, text);
    }
    for (int i = 0; i < HUNG; i++)
        sem_wait(&f.library.hanging);
    ask(&f, "127.0.0.1");
    ask(&f, "::1");
    while (!name_of(&f, "127.0.0.1") || !name_of(&f, "::1") ||
           !reverse_service(f.reverse, 80, "tcp"))
        sched_yield();

    reverse_wait(f.reverse, time_monotonic_ns());
    assert_null(name_of(&f, "10.0.0.1"));
    assert_string_equal(name_of(&f, "127.0.0.1"), "host-1");
    ask(&f, "192.0.2.1"); /* too late to be asked */

    /* Answers that come now are not taken. */
    for (int i = 0; i < HUNG; i++)
        sem_post(&f.library.let_on);
    for (int i = 0; i < HUNG; i++)
        sem_wait(&f.library.ended);
    assert_int_equal(f.library.asked, HUNG + 2);
    for (int i = 1; i <= MANY; i++) {
        snprintf(text, sizeof text, "10.0.0.%d", i);
        assert_null(name_of(&f, text));
    }
    assert_null(name_of(&f, "192.0.2.1"));
    end(&f, 0);
}

static void test_threads_that_hang_outlive_their_owner(void **state)
{
    (void)state;
    struct fixture f = {0};
    start(&f, true);
    ask(&f, "10.0.0.1");
    sem_wait(&f.library.hanging);
    sem_wait(&f.library.hanging);
    reverse_wait(f.reverse, time_monotonic_ns());
    assert_null(reverse_service(f.reverse, 80, "tcp"));
    end(&f, 2);
}

static void test_the_c_library(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct servent *domain = getservbyport(htons(53), "udp");
    if (!domain)
        skip(); /* no services database here */
    assert_int_equal(reverse_new(NULL, &f.reverse), 0);
    reverse_wait(f.reverse, time_monotonic_ns() + FAR_NS);
    assert_string_equal(reverse_service(f.reverse, 53, "udp"), domain->s_name);
    reverse_free(f.reverse);
    reverse_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_address_is_asked_about_once),
        cmocka_unit_test(test_addresses_that_are_the_same_host),
        cmocka_unit_test(test_no_name_is_an_answer),
        cmocka_unit_test(test_a_name_that_reads_as_an_address_is_none),
        cmocka_unit_test(test_services),
        cmocka_unit_test(test_what_hangs_holds_nothing_up),
        cmocka_unit_test(test_threads_that_hang_outlive_their_owner),
        cmocka_unit_test(test_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
