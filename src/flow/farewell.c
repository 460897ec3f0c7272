#include "flow/farewell.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

enum { TRASH = 1 << 14, NS_PER_MS = 1000000 };

static void release(struct loop *l, struct farewell *f)
{
    loop_watch_stop(l, &f->watch);
    loop_timer_stop(l, &f->timer);
    free(f->held);
    f->held = NULL;
    fd_close(&f->fd);
}

static void end(struct loop *l, struct farewell *f, int error)
{
    release(l, f);
    f->over(l, f, error);
}

/* How many were written, or a negative errno but EAGAIN. */
static ssize_t write_some(struct farewell *f, const char *bytes, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t put = send(f->fd, bytes + done, n - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EAGAIN)
            break;
        if (put < 0)
            return -errno;
        done += (size_t)put;
        f->bytes_out += (uint64_t)put;
    }
    return (ssize_t)done;
}

/* True when the peer has ended too. One read a turn: others wait. */
static bool drain(struct farewell *f)
{
    char trash[TRASH];
    ssize_t got = recv(f->fd, trash, sizeof trash, MSG_DONTWAIT);
    if (got > 0)
        f->bytes_in += (uint64_t)got;
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

/* All is written: the rest is the peer's. */
static void part(struct loop *l, struct farewell *f)
{
    shutdown(f->fd, SHUT_WR);
    if (drain(f)) {
        end(l, f, 0);
        return;
    }
    int result = f->watch.active ? loop_watch_change(l, &f->watch, EPOLLIN)
                                 : loop_watch_start(l, &f->watch, f->fd, EPOLLIN);
    if (result == 0)
        result = loop_timer_after(l, &f->timer, (uint64_t)FAREWELL_LINGER_MS * NS_PER_MS);
    if (result < 0)
        end(l, f, 0);
}

static void ready(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct farewell *f = (struct farewell *)((char *)w - offsetof(struct farewell, watch));
    (void)events;
    if (!f->held) {
        if (drain(f))
            end(l, f, 0);
        return;
    }
    ssize_t put = write_some(f, f->held + f->held_at, f->held_n - f->held_at);
    if (put < 0) {
        end(l, f, (int)-put);
        return;
    }
    f->held_at += (size_t)put;
    if (put > 0)
        loop_timer_after(l, &f->timer, (uint64_t)FAREWELL_WRITE_MS * NS_PER_MS);
    if (f->held_at < f->held_n)
        return;
    free(f->held);
    f->held = NULL;
    part(l, f);
}

static void fire(struct loop *l, struct loop_timer *t)
{
    struct farewell *f = (struct farewell *)((char *)t - offsetof(struct farewell, timer));
    end(l, f, f->held ? ETIMEDOUT : 0);
}

/* 0 or a negative errno. */
static int hold(struct loop *l, struct farewell *f, const char *bytes, size_t n)
{
    f->held = malloc(n);
    if (!f->held)
        return -ENOMEM;
    memcpy(f->held, bytes, n);
    f->held_at = 0;
    f->held_n = n;
    int result = loop_watch_start(l, &f->watch, f->fd, EPOLLOUT);
    if (result == 0)
        result = loop_timer_after(l, &f->timer, (uint64_t)FAREWELL_WRITE_MS * NS_PER_MS);
    return result;
}

void farewell_start(struct loop *l, struct farewell *f, int fd, const void *bytes, size_t n)
{
    f->fd = fd;
    f->bytes_in = f->bytes_out = 0;
    f->watch = (struct loop_watch){.ready = ready};
    f->timer = (struct loop_timer){.fire = fire};
    ssize_t put = write_some(f, bytes, n);
    if (put < 0) {
        end(l, f, (int)-put);
        return;
    }
    if ((size_t)put == n) {
        part(l, f);
        return;
    }
    int result = hold(l, f, (const char *)bytes + put, n - (size_t)put);
    if (result < 0)
        end(l, f, -result);
}

void farewell_drop(struct loop *l, struct farewell *f)
{
    if (f->watch.ready && f->fd >= 0)
        release(l, f);
}
