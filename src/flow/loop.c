#include "flow/loop.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/time.h"

enum { NS_PER_MS = 1000000 };

int loop_init(struct loop *l)
{
    *l = (struct loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
                       .now_ns = time_monotonic_ns(),
                       .timers = VEC_INIT(struct loop_timer *)};
    l->turns_end = &l->turns;
    return l->epoll_fd < 0 ? -errno : 0;
}

void loop_clear(struct loop *l)
{
    fd_close(&l->epoll_fd);
    vec_free(&l->timers);
    l->turns = NULL;
    l->turns_end = &l->turns;
}

/* Watches */

int loop_watch_start(struct loop *l, struct loop_watch *w, int fd, uint32_t events)
{
    assert(!w->active && w->ready);
    struct epoll_event e = {.events = events, .data.ptr = w};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
        return -errno;
    w->fd = fd;
    w->events = events;
    w->active = true;
    return 0;
}

int loop_watch_change(struct loop *l, struct loop_watch *w, uint32_t events)
{
    assert(w->active);
    if (w->events == events)
        return 0;
    struct epoll_event e = {.events = events, .data.ptr = w};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, w->fd, &e) < 0)
        return -errno;
    w->events = events;
    return 0;
}

void loop_watch_stop(struct loop *l, struct loop_watch *w)
{
    if (!w->active)
        return;
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
    w->active = false;
    for (int i = l->batch_at; i < l->batch_n; i++)
        if (l->batch[i].data.ptr == w)
            l->batch[i].data.ptr = NULL;
}

/* Timers: a binary heap, places counted from 1. */

static struct loop_timer **timer_at(struct loop *l, size_t place)
{
    return vec_at(&l->timers, place - 1);
}

static void put_timer(struct loop *l, size_t place, struct loop_timer *t)
{
    *timer_at(l, place) = t;
    t->place = (uint32_t)place;
}

static void sift_up(struct loop *l, size_t place)
{
    struct loop_timer *t = *timer_at(l, place);
    for (; place > 1 && (*timer_at(l, place / 2))->at_ns > t->at_ns; place /= 2)
        put_timer(l, place, *timer_at(l, place / 2));
    put_timer(l, place, t);
}

static void sift_down(struct loop *l, size_t place)
{
    struct loop_timer *t = *timer_at(l, place);
    for (size_t child; (child = 2 * place) <= l->timers.len; place = child) {
        if (child < l->timers.len &&
            (*timer_at(l, child + 1))->at_ns < (*timer_at(l, child))->at_ns)
            child++;
        if ((*timer_at(l, child))->at_ns >= t->at_ns)
            break;
        put_timer(l, place, *timer_at(l, child));
    }
    put_timer(l, place, t);
}

int loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_ns)
{
    assert(t->fire);
    t->at_ns = at_ns;
    if (t->place == 0) {
        if (vec_add(&l->timers, &t) < 0)
            return -ENOMEM;
        t->place = (uint32_t)l->timers.len;
    }
    sift_up(l, t->place);
    sift_down(l, t->place);
    return 0;
}

int loop_timer_after(struct loop *l, struct loop_timer *t, uint64_t delay_ns)
{
    uint64_t at = l->now_ns + delay_ns;
    return loop_timer_set(l, t, at < delay_ns ? UINT64_MAX : at);
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
    size_t place = t->place;
    if (place == 0)
        return;
    struct loop_timer *last = *timer_at(l, l->timers.len);
    l->timers.len--;
    t->place = 0;
    if (last == t)
        return;
    put_timer(l, place, last);
    sift_up(l, place);
    sift_down(l, last->place);
}

/* No more than there are now, so that one that sets itself again for now doesn't keep the rest. */
static void fire_timers(struct loop *l)
{
    for (size_t most = l->timers.len; most > 0 && l->timers.len > 0 && !l->stopped; most--) {
        struct loop_timer *t = *timer_at(l, 1);
        if (t->at_ns > l->now_ns)
            break;
        loop_timer_stop(l, t);
        t->fire(l, t);
    }
}

/* Turns */

void loop_turn_add(struct loop *l, struct loop_turn *t)
{
    assert(t->run);
    if (t->at)
        return;
    t->next = NULL;
    t->at = l->turns_end;
    *l->turns_end = t;
    l->turns_end = &t->next;
}

void loop_turn_stop(struct loop *l, struct loop_turn *t)
{
    if (!t->at)
        return;
    *t->at = t->next;
    if (t->next)
        t->next->at = t->at;
    else
        l->turns_end = t->at;
    t->at = NULL;
}

/* Those that wait now; what they add waits for the next round. */
static void run_turns(struct loop *l)
{
    struct loop_turn fence = {.run = NULL};
    if (!l->turns)
        return;
    fence.at = l->turns_end;
    *l->turns_end = &fence;
    l->turns_end = &fence.next;
    while (l->turns != &fence && !l->stopped) {
        struct loop_turn *t = l->turns;
        loop_turn_stop(l, t);
        t->run(l, t);
    }
    loop_turn_stop(l, &fence);
}

/* The round */

static int wait_ms(struct loop *l)
{
    if (l->turns)
        return 0;
    if (l->timers.len == 0)
        return -1;
    uint64_t at = (*timer_at(l, 1))->at_ns, now = time_monotonic_ns();
    if (at <= now)
        return 0;
    uint64_t ms = (at - now + NS_PER_MS - 1) / NS_PER_MS; /* never too early */
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static void deliver(struct loop *l)
{
    for (l->batch_at = 0; l->batch_at < l->batch_n && !l->stopped;) {
        struct epoll_event e = l->batch[l->batch_at++];
        struct loop_watch *w = e.data.ptr;
        if (w)
            w->ready(l, w, e.events);
    }
    l->batch_at = l->batch_n = 0;
}

int loop_run(struct loop *l)
{
    l->stopped = false;
    while (!l->stopped) {
        int n = epoll_wait(l->epoll_fd, l->batch, LOOP_BATCH, wait_ms(l));
        if (n < 0 && errno != EINTR)
            return -errno;
        l->batch_n = n < 0 ? 0 : n;
        l->now_ns = time_monotonic_ns();
        deliver(l);
        fire_timers(l);
        run_turns(l);
    }
    return 0;
}

void loop_stop(struct loop *l)
{
    l->stopped = true;
}
