#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "flow/pair.h"
#include "flow_ends.h"

enum { MS = 1000000 };

static char scratch[PUMP_SCRATCH];

/* A conversation between two sockets, and a step of the test in each of the loop's rounds. */
struct scene {
    struct loop loop;
    struct pair pair;
    int a, b; /* the far ends of side A and side B */
    int over;
    struct loop_turn turn;
    int rounds;
    void (*step)(struct scene *s);
};

static void is_over(struct loop *l, struct pair *p)
{
    struct scene *s = (struct scene *)l;
    assert_ptr_equal(p, &s->pair);
    s->over++;
    loop_stop(l);
}

static void go_on(struct loop *l, struct loop_turn *t)
{
    struct scene *s = (struct scene *)l;
    assert_true(s->rounds++ < 2000000);
    loop_turn_add(l, t);
    s->step(s);
}

static void open_scene(struct scene *s, void (*make)(int ret[2]))
{
    int a[2], b[2];
    *s = (struct scene){.turn.run = go_on};
    assert_int_equal(loop_init(&s->loop), 0);
    make(a);
    make(b);
    pair_init(&s->pair);
    s->pair.over = is_over;
    stream_init_socket(&s->pair.a, a[0]);
    stream_init_socket(&s->pair.b, b[0]);
    s->a = a[1];
    s->b = b[1];
}

static void start(struct scene *s)
{
    assert_int_equal(pair_start(&s->loop, &s->pair, scratch), 0);
}

static void run(struct scene *s, void (*step)(struct scene *s))
{
    s->step = step;
    if (step)
        loop_turn_add(&s->loop, &s->turn);
    assert_int_equal(loop_run(&s->loop), 0);
    loop_turn_stop(&s->loop, &s->turn);
}

static void close_scene(struct scene *s)
{
    assert_int_equal(s->over, 1);
    assert_int_equal(s->pair.a.in, -1);
    assert_int_equal(s->pair.b.in, -1);
    assert_null(s->pair.ab.held);
    assert_null(s->pair.ba.held);
    if (s->a >= 0)
        close(s->a);
    if (s->b >= 0)
        close(s->b);
    loop_clear(&s->loop);
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

/* Whether exactly this came by now; "" is the end. */
static bool hears(int fd, const char *text)
{
    char got[64];
    ssize_t n = recv(fd, got, sizeof got, 0);
    if (n < 0) {
        assert_int_equal(errno, EAGAIN);
        return false;
    }
    assert_int_equal(n, strlen(text));
    assert_memory_equal(got, text, (size_t)n);
    return true;
}

/* Half-closes */

/* The answer to a question that ended with a FIN, given after it. */
static void answer_late(struct scene *s)
{
    if (s->a >= 0 && s->b >= 0 && !s->pair.ab_passed)
        return;
    if (s->pair.ab.bytes == 8 && hears(s->b, "question")) {
        while (!hears(s->b, "")) {
        }
        s->pair.ab.bytes = 9; /* heard */
        say(s->b, "answer");
        shutdown(s->b, SHUT_WR);
    }
}

static void test_half_close_both_ways(void **state)
{
    (void)state;
    static void (*const makes[])(int ret[2]) = {make_tcp, make_unix};
    for (int i = 0; i < 2; i++) {
        struct scene s;
        open_scene(&s, makes[i]);
        start(&s);
        say(s.a, "question");
        shutdown(s.a, SHUT_WR);
        run(&s, answer_late);
        assert_int_equal(s.pair.why, PAIR_BOTH_ENDED);
        assert_int_equal(s.pair.ba.bytes, 6);
        assert_true(hears(s.a, "answer"));
        assert_true(hears(s.a, ""));
        close_scene(&s);
    }
}

static void test_end_ends_it_all(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, make_tcp);
    s.pair.on_b_end = PAIR_END;
    start(&s);
    say(s.b, "bye");
    shutdown(s.b, SHUT_WR);
    run(&s, NULL);
    assert_int_equal(s.pair.why, PAIR_B_ENDED);
    assert_true(hears(s.a, "bye"));
    assert_true(hears(s.a, ""));
    close_scene(&s);
}

/* Who has left: at once for a side that isn't a socket, else when the other has nothing to say. */
static void test_leave(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, make_tcp);
    s.pair.on_b_end = PAIR_LEAVE;
    start(&s);
    say(s.b, "bye");
    say(s.a, "unread");
    close(s.b);
    s.b = -1;
    run(&s, NULL);
    assert_int_equal(s.pair.why, PAIR_B_ENDED);
    assert_true(s.loop.now_ns - s.pair.moved_ns >= (uint64_t)PAIR_LEAVE_MS * MS);
    assert_true(hears(s.a, "bye"));
    assert_true(hears(s.a, ""));
    close_scene(&s);

    open_scene(&s, make_tcp);
    s.pair.on_b_end = PAIR_LEAVE;
    stream_close(NULL, &s.pair.a);
    stream_init_own(&s.pair.a, -1, make_file("", 0));
    start(&s);
    shutdown(s.b, SHUT_WR);
    run(&s, NULL);
    assert_int_equal(s.pair.why, PAIR_B_ENDED);
    assert_true(s.loop.now_ns - s.pair.started_ns < (uint64_t)PAIR_LEAVE_MS * MS);
    close_scene(&s);
}

static void not_told(struct scene *s)
{
    char byte;
    if (!s->pair.ab_passed)
        return;
    assert_int_equal(recv(s->b, &byte, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
    if (s->rounds > 100)
        shutdown(s->b, SHUT_WR);
}

static void test_keep_does_not_tell(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, make_tcp);
    s.pair.on_a_end = PAIR_KEEP;
    start(&s);
    shutdown(s.a, SHUT_WR);
    run(&s, not_told);
    assert_int_equal(s.pair.why, PAIR_BOTH_ENDED);
    close_scene(&s);
}

/* Bulk both ways at once through one scratch, with readers that take their time. */

enum { BULK = 5 << 20 };

struct bulk {
    struct scene scene;
    char *bytes, *got[2];
    size_t sent[2], got_n[2];
};

static void bulk_step(struct scene *s)
{
    struct bulk *k = (struct bulk *)s;
    int fds[] = {s->a, s->b};
    for (int i = 0; i < 2; i++) {
        ssize_t n = send(fds[i], k->bytes + k->sent[i], BULK - k->sent[i], 0);
        if (n > 0 && (k->sent[i] += (size_t)n) == BULK)
            shutdown(fds[i], SHUT_WR);
        n = recv(fds[i], k->got[i] + k->got_n[i], (size_t)(i == 0 ? 10000 : 100000), 0);
        if (n > 0)
            k->got_n[i] += (size_t)n;
    }
}

static void test_bulk_both_ways(void **state)
{
    (void)state;
    static void (*const makes[])(int ret[2]) = {make_tcp, make_unix};
    for (int i = 0; i < 2; i++) {
        struct bulk k = {.bytes = make_bytes(BULK)};
        open_scene(&k.scene, makes[i]);
        k.got[0] = malloc(BULK + 100000);
        k.got[1] = malloc(BULK + 100000);
        start(&k.scene);
        run(&k.scene, bulk_step);
        assert_int_equal(k.scene.pair.why, PAIR_BOTH_ENDED);
        for (int round = 0; round < 10000; round++)
            bulk_step(&k.scene); /* what the sockets still hold */
        for (int side = 0; side < 2; side++) {
            assert_int_equal(k.got_n[side], BULK);
            assert_memory_equal(k.got[side], k.bytes, BULK);
            free(k.got[side]);
        }
        free(k.bytes);
        close_scene(&k.scene);
    }
}

/* A side that doesn't read any more is no end: what it says is heard, what is for it is read and
 * thrown away, so that the other's close is no reset. */
struct deaf {
    struct scene scene;
    size_t sent;
    int state;
};

static void deaf_step(struct scene *s)
{
    struct deaf *d = (struct deaf *)s;
    static const char zeroes[65536];
    if (d->sent < BULK) {
        ssize_t n = send(s->a, zeroes, sizeof zeroes, 0);
        d->sent += n > 0 ? (size_t)n : 0;
        return;
    }
    if (d->state == 0) {
        assert_true(s->pair.ab_deaf);
        say(s->b, "still here");
        shutdown(s->b, SHUT_WR);
        d->state = 1;
    }
}

static void test_deaf_side_is_drained(void **state)
{
    (void)state;
    struct deaf d = {0};
    open_scene(&d.scene, make_unix); /* shutdown(SHUT_RD) is felt by a UNIX socket's peer */
    start(&d.scene);
    shutdown(d.scene.b, SHUT_RD);
    run(&d.scene, deaf_step);
    assert_int_equal(d.scene.pair.why, PAIR_BOTH_ENDED);
    assert_true(hears(d.scene.a, "still here"));
    assert_true(hears(d.scene.a, ""));
    close_scene(&d.scene);
}

static void test_reset(void **state)
{
    (void)state;
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    struct scene s;
    open_scene(&s, make_tcp);
    start(&s);
    setsockopt(s.a, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(s.a);
    s.a = -1;
    run(&s, NULL);
    assert_int_equal(s.pair.why, PAIR_A_FAILED);
    assert_int_equal(s.pair.error, ECONNRESET);
    close_scene(&s);
}

/* Ends that go one way */

static void test_a_sink_has_nothing_to_say(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, make_unix);
    int file = make_file("", 0), copy = dup(file);
    stream_close(NULL, &s.pair.b);
    stream_init_own(&s.pair.b, -1, file);
    s.pair.on_b_end = PAIR_KEEP;
    start(&s);
    say(s.a, "words");
    shutdown(s.a, SHUT_WR);
    run(&s, NULL);
    assert_int_equal(s.pair.why, PAIR_BOTH_ENDED);
    char got[8];
    assert_int_equal(pread(copy, got, sizeof got, 0), 5);
    close(copy);
    close_scene(&s);
}

static void test_a_source_does_not_listen(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, make_unix);
    stream_close(NULL, &s.pair.b);
    stream_init_own(&s.pair.b, make_file("words", 5), -1);
    start(&s);
    say(s.a, "for nobody");
    shutdown(s.a, SHUT_WR);
    run(&s, NULL);
    assert_int_equal(s.pair.why, PAIR_BOTH_ENDED);
    assert_true(hears(s.a, "words"));
    close_scene(&s);
}

/* Time */

static void test_idle(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, make_unix);
    s.pair.idle_ns = 20 * MS;
    s.pair.lifetime_ns = UINT64_C(10000) * MS;
    start(&s);
    say(s.a, "words");
    run(&s, NULL);
    assert_int_equal(s.pair.why, PAIR_IDLE);
    assert_true(hears(s.b, "words"));
    assert_true(s.loop.now_ns - s.pair.moved_ns >= 20 * MS);
    close_scene(&s);
}

static void chat(struct scene *s)
{
    char got[16];
    if (recv(s->b, got, sizeof got, 0) != -1 || s->rounds == 1)
        say(s->a, "x");
}

static void test_lifetime(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, make_unix);
    s.pair.idle_ns = UINT64_C(10000) * MS;
    s.pair.lifetime_ns = 20 * MS;
    start(&s);
    run(&s, chat);
    assert_int_equal(s.pair.why, PAIR_LIFETIME);
    assert_true(s.loop.now_ns - s.pair.started_ns >= 20 * MS);
    close_scene(&s);
}

/* 400,000 bytes a second: the first 100,000 at once, the other 20,000 take 50 ms. */
static void test_rated(void **state)
{
    (void)state;
    struct scene s;
    struct rate rate = {.per_second = 400000};
    static const char bytes[120000];
    open_scene(&s, make_unix);
    s.pair.ab.rate = &rate;
    stream_close(NULL, &s.pair.b);
    stream_init_own(&s.pair.b, -1, make_file("", 0));
    s.pair.on_b_end = PAIR_KEEP;
    assert_int_equal(send(s.a, bytes, sizeof bytes, 0), sizeof bytes);
    shutdown(s.a, SHUT_WR);
    start(&s);
    run(&s, NULL);
    assert_int_equal(s.pair.why, PAIR_BOTH_ENDED);
    assert_int_equal(s.pair.ab.bytes, sizeof bytes);
    assert_true(s.loop.now_ns - s.pair.started_ns >= 45 * MS);
    close_scene(&s);
}

static void stop_it(struct scene *s)
{
    if (s->rounds == 3)
        pair_stop(&s->loop, &s->pair);
}

static void test_stop(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, make_unix);
    start(&s);
    run(&s, stop_it);
    assert_int_equal(s.pair.why, PAIR_STOPPED);
    pair_stop(&s.loop, &s.pair); /* over is over */
    pair_wake(&s.loop, &s.pair);
    assert_null(s.loop.turns);
    close_scene(&s);
}

/* Fairness: one that has always more doesn't keep another from its turn. */

static void other_is_over(struct loop *l, struct pair *p)
{
    (void)p;
    loop_stop(l);
}

static void test_a_fast_one_starves_nobody(void **state)
{
    (void)state;
    struct scene s;
    struct pair fast;
    open_scene(&s, make_unix);
    pair_init(&fast);
    fast.over = other_is_over;
    stream_init_own(&fast.a, open("/dev/zero", O_RDONLY | O_CLOEXEC), -1);
    stream_init_own(&fast.b, -1, open("/dev/null", O_WRONLY | O_CLOEXEC));
    assert_int_equal(pair_start(&s.loop, &fast, scratch), 0);
    start(&s);
    say(s.a, "words");
    shutdown(s.a, SHUT_WR);
    shutdown(s.b, SHUT_WR);
    run(&s, NULL);
    assert_int_equal(s.pair.why, PAIR_BOTH_ENDED);
    assert_int_equal(fast.why, PAIR_RUNS);
    assert_true(hears(s.b, "words"));
    pair_stop(&s.loop, &fast);
    close_scene(&s);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_close_both_ways),
        cmocka_unit_test(test_end_ends_it_all),
        cmocka_unit_test(test_keep_does_not_tell),
        cmocka_unit_test(test_leave),
        cmocka_unit_test(test_bulk_both_ways),
        cmocka_unit_test(test_deaf_side_is_drained),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_a_sink_has_nothing_to_say),
        cmocka_unit_test(test_a_source_does_not_listen),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_lifetime),
        cmocka_unit_test(test_rated),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_a_fast_one_starves_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
