/* One thread's event loop, on epoll(7).
 *
 * Watches descriptors, fires timers, and runs again what had more to do than its turn allowed. It
 * knows nothing of what the descriptors are. Everything of a loop happens in the thread that runs
 * it; several loops don't share anything.
 *
 * Watches and timers lie in their owner's struct, so that nothing is allocated for an event. An
 * owner may end a watch or a timer, its own or another's, from any callback: what is not yet
 * delivered is then not delivered.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/vec.h"

struct loop;

/* A descriptor that is watched. Zeroed: not watched. */
struct loop_watch {
    int fd; /* set by loop_watch_start; -1 or unused while not active */
    bool active;
    uint32_t events; /* EPOLLIN, EPOLLOUT, EPOLLET … as last asked for */
    void (*ready)(struct loop *l, struct loop_watch *w, uint32_t events);
};

/* A moment. Zeroed: not set. */
struct loop_timer {
    uint64_t at_ns; /* time_monotonic_ns */
    uint32_t place; /* in the loop's heap, from 1; 0: not set */
    void (*fire)(struct loop *l, struct loop_timer *t);
};

/* Something that goes on in the loop's next round, when others have had their turn. */
struct loop_turn {
    struct loop_turn *next, **at; /* at NULL: not waiting */
    void (*run)(struct loop *l, struct loop_turn *t);
};

enum { LOOP_BATCH = 256 };

struct loop {
    int epoll_fd;
    uint64_t now_ns; /* when this round began */
    bool stopped;
    struct vec timers; /* struct loop_timer *, a heap */
    struct loop_turn *turns, **turns_end;
    struct epoll_event batch[LOOP_BATCH]; /* what is being delivered: batch[at] … batch[n - 1] */
    int batch_at, batch_n;
};

/* 0 or a negative errno. Always to be cleared; a cleared loop forgets watches, the descriptors
 * belong to their owners. */
int loop_init(struct loop *l);
void loop_clear(struct loop *l);

/* w->ready must be set. 0 or a negative errno: -EPERM for what epoll doesn't take (a plain file,
 * which never blocks), -ENOSPC (fs.epoll.max_user_watches). */
int loop_watch_start(struct loop *l, struct loop_watch *w, int fd, uint32_t events);
/* Other events for an active watch; the same ones cost nothing. 0 or a negative errno. */
int loop_watch_change(struct loop *l, struct loop_watch *w, uint32_t events);
/* Before the descriptor is closed. Nothing for a watch that isn't active. */
void loop_watch_stop(struct loop *l, struct loop_watch *w);

/* t->fire must be set. A timer that is set already moves. 0 or -ENOMEM. */
int loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_ns);
int loop_timer_after(struct loop *l, struct loop_timer *t, uint64_t delay_ns);
void loop_timer_stop(struct loop *l, struct loop_timer *t);

/* t->run must be set. Once more is the same as once. */
void loop_turn_add(struct loop *l, struct loop_turn *t);
void loop_turn_stop(struct loop *l, struct loop_turn *t);

/* Until loop_stop is called. 0, or the negative errno of epoll_wait. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);
