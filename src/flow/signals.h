/* Signals as events of a loop, by signalfd(2).
 *
 * The signals are blocked in the whole process from signals_start on, so it comes before any
 * thread; children are to have the mask back (posix_spawnattr_setsigmask(3) with `before`). SIGPIPE
 * is ignored from then on: what moves bytes relies on it (flow/pump.h).
 */
#pragma once
#include <signal.h>

#include "flow/loop.h"

struct signals {
    struct loop_watch watch;
    int fd;
    sigset_t before; /* the mask that the process had */
    sigset_t heard;
    /* A signal came: its number. SIGINT, SIGTERM, SIGHUP unless it was ignored (nohup(1)), and what
     * `more` named. */
    void (*came)(struct loop *l, struct signals *s, int signal);
};

/* s->came must be set. more: further signals, ended by 0, or NULL. 0 or a negative errno. */
int signals_start(struct loop *l, struct signals *s, const int *more);
/* No more of them are heard. They stay blocked, so that none ends the process before it has tidied
 * up. */
void signals_stop(struct loop *l, struct signals *s);
/* After that, by who has more to do than to end: those that came meanwhile are forgotten, others
 * arrive as before again, but for SIGPIPE, which stays ignored. */
void signals_release(const struct signals *s);
