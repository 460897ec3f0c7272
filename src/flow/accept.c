#include "flow/accept.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/vec.h"
#include "flow/target.h"
#include "net/addr.h"

enum { BATCH = 64, REST_NS = 100000000 };

/* Who may come */

static bool has(const struct vec *prefixes, const struct net_addr *a)
{
    for (size_t i = 0; i < prefixes->len; i++)
        if (net_prefix_contains(vec_at(prefixes, i), a))
            return true;
    return false;
}

bool accept_may(const struct accept_shared *shared, const struct sockaddr_storage *peer,
                enum accept_refusal *ret_why)
{
    struct net_addr a;
    uint16_t port;
    if (!target_get_ip(peer, &a, &port))
        return true;
    if (shared->deny && has(shared->deny, &a)) {
        *ret_why = ACCEPT_DENIED;
        return false;
    }
    if (shared->allow && shared->allow->len && !has(shared->allow, &a)) {
        *ret_why = ACCEPT_NOT_ALLOWED;
        return false;
    }
    return true;
}

void accept_will_reset(int fd)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0}; /* socket(7): close sends a reset */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

void accept_reset(int fd)
{
    accept_will_reset(fd);
    close(fd);
}

/* Room */

/* Counted before the accept, so that the threads together don't go beyond. */
bool accept_take_room(struct accept_shared *s)
{
    uint32_t now = atomic_fetch_add(&s->clients, 1);
    if (s->max == 0 || now < s->max)
        return true;
    atomic_fetch_sub(&s->clients, 1);
    return false;
}

void accept_gone(struct accept_shared *shared)
{
    atomic_fetch_sub(&shared->clients, 1);
}

static void rest(struct loop *l, struct acceptor *a)
{
    if (loop_timer_after(l, &a->again, REST_NS) == 0)
        loop_watch_stop(l, &a->watch);
}

/* Accepting */

/* The errors of connections that broke while they waited, and of the network below (accept(2)):
 * the next may be well. */
static bool is_of_one(int error)
{
    switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM:
        return true;
    default:
        return false;
    }
}

static void starve(struct loop *l, struct acceptor *a, int error)
{
    rest(l, a);
    if (!a->told)
        a->starved(l, a, error);
    a->told = true;
}

static void turn_away(struct loop *l, struct acceptor *a, int fd,
                      const struct sockaddr_storage *peer, socklen_t n, enum accept_refusal why)
{
    a->refused(l, a, fd, peer, n, why);
    accept_reset(fd);
}

/* One client. False when there is none, or none can be taken now. */
static bool accept_one(struct loop *l, struct acceptor *a)
{
    struct sockaddr_storage peer = {0};
    socklen_t n = sizeof peer;
    enum accept_refusal why = ACCEPT_FULL;
    bool room = accept_take_room(a->shared);
    if (!room && !a->shared->refuse) {
        rest(l, a);
        return false;
    }
    int fd = accept4(a->fd, (struct sockaddr *)&peer, &n,
                     SOCK_CLOEXEC | (a->blocking ? 0 : SOCK_NONBLOCK));
    int error = errno;
    bool may = fd >= 0 && room && accept_may(a->shared, &peer, &why);
    if (room && !may)
        accept_gone(a->shared);
    if (fd >= 0) {
        a->told = false;
        if (may)
            a->accepted(l, a, fd, &peer, n);
        else
            turn_away(l, a, fd, &peer, n, why);
        return a->watch.active;
    }
    if (is_of_one(error))
        return true;
    if (error != EAGAIN)
        starve(l, a, error);
    return false;
}

static void ready(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct acceptor *a = (struct acceptor *)((char *)w - offsetof(struct acceptor, watch));
    (void)events;
    for (int i = 0; i < BATCH; i++)
        if (!accept_one(l, a))
            return;
}

static void fire(struct loop *l, struct loop_timer *t)
{
    struct acceptor *a = (struct acceptor *)((char *)t - offsetof(struct acceptor, again));
    acceptor_resume(l, a);
}

int acceptor_start(struct loop *l, struct acceptor *a)
{
    a->watch = (struct loop_watch){.ready = ready};
    a->again = (struct loop_timer){.fire = fire};
    a->told = false;
    return loop_watch_start(l, &a->watch, a->fd, EPOLLIN);
}

void acceptor_resume(struct loop *l, struct acceptor *a)
{
    if (a->fd < 0 || a->watch.active || !a->watch.ready)
        return;
    loop_timer_stop(l, &a->again);
    if (loop_watch_start(l, &a->watch, a->fd, EPOLLIN) < 0)
        loop_timer_after(l, &a->again, REST_NS);
}

void acceptor_stop(struct loop *l, struct acceptor *a)
{
    loop_timer_stop(l, &a->again);
    loop_watch_stop(l, &a->watch);
    fd_close(&a->fd);
}
