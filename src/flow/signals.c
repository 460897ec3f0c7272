#include "flow/signals.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"

static void ready(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct signals *s = (struct signals *)((char *)w - offsetof(struct signals, watch));
    struct signalfd_siginfo info;
    (void)events;
    if (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info)
        s->came(l, s, (int)info.ssi_signo);
}

static bool is_ignored(int signal)
{
    struct sigaction action;
    return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int signals_start(struct loop *l, struct signals *s, const int *more)
{
    sigset_t *set = &s->heard;
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    if (!is_ignored(SIGHUP))
        sigaddset(set, SIGHUP);
    for (; more && *more; more++)
        sigaddset(set, *more);
    signal(SIGPIPE, SIG_IGN);
    int result = -pthread_sigmask(SIG_BLOCK, set, &s->before);
    if (result < 0)
        return result;
    s->fd = signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
    s->watch = (struct loop_watch){.ready = ready};
    result = s->fd < 0 ? -errno : loop_watch_start(l, &s->watch, s->fd, EPOLLIN);
    if (result < 0) {
        signals_stop(l, s);
        signals_release(s);
    }
    return result;
}

void signals_stop(struct loop *l, struct signals *s)
{
    loop_watch_stop(l, &s->watch);
    fd_close(&s->fd);
}

void signals_release(const struct signals *s)
{
    const struct timespec now = {0};
    while (sigtimedwait(&s->heard, NULL, &now) > 0)
        continue;
    pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}
