#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "flow/loop.h"

enum { MS = 1000000 };

/* What happened, in its order. */
struct scene {
    struct loop loop;
    char log[512];
    size_t n;
};

static void note(struct scene *s, char what)
{
    assert_true(s->n < sizeof s->log - 1);
    s->log[s->n++] = what;
}

static struct scene *scene_of(struct loop *l)
{
    return (struct scene *)l;
}

static void open_scene(struct scene *s)
{
    *s = (struct scene){0};
    assert_int_equal(loop_init(&s->loop), 0);
}

static void run(struct scene *s)
{
    assert_int_equal(loop_run(&s->loop), 0);
}

/* Timers */

struct named_timer {
    struct loop_timer timer;
    char name;
    struct named_timer *ends; /* stops that one */
    int again;                /* sets itself again, for now, that often */
};

static void fired(struct loop *l, struct loop_timer *t)
{
    struct named_timer *n = (struct named_timer *)t;
    note(scene_of(l), n->name);
    if (n->ends)
        loop_timer_stop(l, &n->ends->timer);
    if (n->again-- > 0)
        loop_timer_set(l, t, l->now_ns);
    if (n->name == '.')
        loop_stop(l);
}

static void test_timers_fire_in_their_order(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    static const int order[] = {7, 2, 9, 4, 0, 8, 1, 6, 3, 5};
    struct named_timer timers[10], last = {.timer.fire = fired, .name = '.'};
    for (int i = 0; i < 10; i++) {
        timers[i] = (struct named_timer){.timer.fire = fired, .name = (char)('0' + order[i])};
        loop_timer_after(&s.loop, &timers[i].timer, (uint64_t)order[i] * 1000);
    }
    loop_timer_after(&s.loop, &last.timer, 2 * MS);
    run(&s);
    assert_string_equal(s.log, "0123456789.");
    loop_clear(&s.loop);
}

/* A heap of many, some moved and some stopped, against what is left of them in order. */
static void test_timers_moved_and_stopped(void **state)
{
    (void)state;
    enum { N = 200 };
    struct scene s;
    open_scene(&s);
    struct named_timer timers[N], last = {.timer.fire = fired, .name = '.'};
    uint32_t x = 12345;
    for (int i = 0; i < N; i++) {
        timers[i] = (struct named_timer){.timer.fire = fired, .name = 'x'};
        loop_timer_set(&s.loop, &timers[i].timer, (x = x * 1664525 + 1013904223) % 100000);
    }
    for (int i = 0; i < N; i += 3)
        loop_timer_stop(&s.loop, &timers[i].timer);
    for (int i = 1; i < N; i += 3)
        loop_timer_set(&s.loop, &timers[i].timer, (x = x * 1664525 + 1013904223) % 100000);
    loop_timer_stop(&s.loop, &timers[0].timer); /* not set: nothing */
    for (size_t place = 2; place <= s.loop.timers.len; place++) {
        struct loop_timer **parent = vec_at(&s.loop.timers, place / 2 - 1);
        struct loop_timer **child = vec_at(&s.loop.timers, place - 1);
        assert_true((*parent)->at_ns <= (*child)->at_ns);
        assert_int_equal((*child)->place, place);
    }
    loop_timer_after(&s.loop, &last.timer, 1 * MS);
    run(&s);
    assert_int_equal(s.n, N - (N + 2) / 3 + 1);
    for (int i = 0; i < N; i++)
        assert_int_equal(timers[i].timer.place, 0);
    loop_clear(&s.loop);
}

static void test_timer_that_ends_another(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct named_timer b = {.timer.fire = fired, .name = 'b'};
    struct named_timer a = {.timer.fire = fired, .name = 'a', .ends = &b};
    struct named_timer last = {.timer.fire = fired, .name = '.'};
    loop_timer_set(&s.loop, &a.timer, 1);
    loop_timer_set(&s.loop, &b.timer, 2);
    loop_timer_set(&s.loop, &last.timer, 3);
    run(&s);
    assert_string_equal(s.log, "a.");
    loop_clear(&s.loop);
}

/* One that is due again at once lets descriptors and turns be served in between. */
static void turned(struct loop *l, struct loop_turn *t)
{
    (void)t;
    note(scene_of(l), 't');
}

static void test_timer_that_sets_itself_again(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct named_timer again = {.timer.fire = fired, .name = 'a', .again = 3};
    struct named_timer last = {.timer.fire = fired, .name = '.'};
    struct loop_turn turn = {.run = turned};
    loop_turn_add(&s.loop, &turn);
    loop_timer_set(&s.loop, &again.timer, 1);
    loop_timer_after(&s.loop, &last.timer, 5 * MS);
    run(&s);
    assert_string_equal(s.log, "aataa.");
    loop_clear(&s.loop);
}

static void test_timer_far_away(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct named_timer far = {.timer.fire = fired, .name = 'f'};
    struct named_timer last = {.timer.fire = fired, .name = '.'};
    loop_timer_after(&s.loop, &far.timer, UINT64_MAX);
    assert_int_equal(far.timer.at_ns, UINT64_MAX);
    loop_timer_after(&s.loop, &last.timer, 2 * MS);
    run(&s);
    assert_string_equal(s.log, ".");
    loop_clear(&s.loop);
}

/* Turns */

struct named_turn {
    struct loop_turn turn;
    char name;
    int again;
    struct named_turn *adds, *ends;
};

static void took_turn(struct loop *l, struct loop_turn *t)
{
    struct named_turn *n = (struct named_turn *)t;
    note(scene_of(l), n->name);
    if (n->again-- > 0)
        loop_turn_add(l, t);
    if (n->adds)
        loop_turn_add(l, &n->adds->turn);
    if (n->ends)
        loop_turn_stop(l, &n->ends->turn);
    if (n->name == '.')
        loop_stop(l);
}

static void test_turns_go_round(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct named_turn last = {.turn.run = took_turn, .name = '.'};
    struct named_turn a = {.turn.run = took_turn, .name = 'a', .again = 2};
    struct named_turn b = {.turn.run = took_turn, .name = 'b', .again = 2};
    struct named_turn c = {.turn.run = took_turn, .name = 'c', .again = 5, .adds = &last};
    loop_turn_add(&s.loop, &a.turn);
    loop_turn_add(&s.loop, &a.turn); /* once more is the same as once */
    loop_turn_add(&s.loop, &b.turn);
    loop_turn_add(&s.loop, &c.turn);
    run(&s);
    assert_string_equal(s.log, "abcabc.");
    loop_clear(&s.loop);
}

static void test_turn_that_ends_others(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct named_turn last = {.turn.run = took_turn, .name = '.'};
    struct named_turn c = {.turn.run = took_turn, .name = 'c'};
    struct named_turn b = {.turn.run = took_turn, .name = 'b'};
    struct named_turn a = {.turn.run = took_turn, .name = 'a', .ends = &c, .adds = &last};
    loop_turn_add(&s.loop, &a.turn);
    loop_turn_add(&s.loop, &b.turn);
    loop_turn_add(&s.loop, &c.turn);
    run(&s);
    assert_string_equal(s.log, "ab.");
    assert_null(s.loop.turns);
    loop_turn_add(&s.loop, &b.turn);
    loop_turn_stop(&s.loop, &b.turn);
    loop_turn_stop(&s.loop, &b.turn);
    assert_null(s.loop.turns);
    assert_ptr_equal(s.loop.turns_end, &s.loop.turns);
    loop_clear(&s.loop);
}

/* Stopped in the middle of a round: the rest of it waits, and nothing of the round stays. */
static void test_stop_in_a_round(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct named_turn stop = {.turn.run = took_turn, .name = '.'};
    struct named_turn after = {.turn.run = took_turn, .name = 'a', .adds = &stop};
    loop_turn_add(&s.loop, &stop.turn);
    loop_turn_add(&s.loop, &after.turn);
    run(&s);
    assert_string_equal(s.log, ".");
    run(&s);
    assert_string_equal(s.log, ".a.");
    loop_clear(&s.loop);
}

/* Watches */

struct named_watch {
    struct loop_watch watch;
    char name;
    struct named_watch *ends;
    bool closes;
};

static void was_ready(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct named_watch *n = (struct named_watch *)w;
    note(scene_of(l), n->name);
    assert_true(events & EPOLLIN);
    if (n->ends) {
        loop_watch_stop(l, &n->ends->watch);
        if (n->ends->closes)
            close(n->ends->watch.fd);
        memset(n->ends, 0xee, sizeof *n->ends); /* its owner has freed it */
    }
    loop_stop(l);
}

static int ready_fd(void)
{
    int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(fd >= 0);
    return fd;
}

/* Both are ready in one batch: whichever comes first ends the other, which isn't called. */
static void test_watch_that_ends_another(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct named_watch a = {.watch.ready = was_ready, .name = 'a'};
    struct named_watch b = {.watch.ready = was_ready, .name = 'b'};
    int fds[] = {ready_fd(), ready_fd()};
    a.ends = &b;
    b.ends = &a;
    assert_int_equal(loop_watch_start(&s.loop, &a.watch, fds[0], EPOLLIN), 0);
    assert_int_equal(loop_watch_start(&s.loop, &b.watch, fds[1], EPOLLIN), 0);
    run(&s);
    assert_int_equal(s.n, 1);
    close(fds[0]);
    close(fds[1]);
    loop_clear(&s.loop);
}

static void test_watch_changes(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct named_watch a = {.watch.ready = was_ready, .name = 'a'};
    struct named_timer last = {.timer.fire = fired, .name = '.'};
    int fd = ready_fd();
    assert_int_equal(loop_watch_start(&s.loop, &a.watch, fd, 0), 0);
    loop_timer_after(&s.loop, &last.timer, 1 * MS);
    run(&s);
    assert_string_equal(s.log, ".");
    assert_int_equal(loop_watch_change(&s.loop, &a.watch, EPOLLIN), 0);
    run(&s);
    assert_string_equal(s.log, ".a");
    loop_watch_stop(&s.loop, &a.watch);
    loop_watch_stop(&s.loop, &a.watch);
    assert_false(a.watch.active);
    loop_timer_after(&s.loop, &last.timer, 1 * MS);
    run(&s);
    assert_string_equal(s.log, ".a.");
    close(fd);
    loop_clear(&s.loop);
}

static void test_watch_refused(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct named_watch a = {.watch.ready = was_ready};
    int file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    assert_int_equal(loop_watch_start(&s.loop, &a.watch, file, EPOLLIN), -EPERM);
    assert_int_equal(loop_watch_start(&s.loop, &a.watch, 9999, EPOLLIN), -EBADF);
    assert_false(a.watch.active);
    close(file);
    loop_clear(&s.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_fire_in_their_order),
        cmocka_unit_test(test_timers_moved_and_stopped),
        cmocka_unit_test(test_timer_that_ends_another),
        cmocka_unit_test(test_timer_that_sets_itself_again),
        cmocka_unit_test(test_timer_far_away),
        cmocka_unit_test(test_turns_go_round),
        cmocka_unit_test(test_turn_that_ends_others),
        cmocka_unit_test(test_stop_in_a_round),
        cmocka_unit_test(test_watch_that_ends_another),
        cmocka_unit_test(test_watch_changes),
        cmocka_unit_test(test_watch_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
