#include "flow/proxy.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "flow/proxy_impl.h"

int proxy_fail(struct err *e, int code, const char *format, ...)
{
    char words[256];
    va_list ap;
    va_start(ap, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is the line before */
    vsnprintf(words, sizeof words, format, ap);
    va_end(ap);
    return err_word(e, code, "connect to", "", "%s", words);
}

/* The talk */

void proxy_talk_init(struct proxy_talk *t, const struct proxy_request *request)
{
    *t = (struct proxy_talk){.request = request, .out = BUF_INIT(PROXY_ANSWER_MAX)};
}

void proxy_talk_clear(struct proxy_talk *t)
{
    buf_free(&t->out);
}

static const struct {
    int (*begin)(struct proxy_talk *t, struct err *e);
    ssize_t (*take)(struct proxy_talk *t, const char *bytes, size_t n, struct err *e);
} protocols[PROXY_KINDS] = {
    [PROXY_SOCKS4] = {proxy_socks4_begin, proxy_socks4_take},
    [PROXY_SOCKS4A] = {proxy_socks4_begin, proxy_socks4_take},
    [PROXY_SOCKS5] = {proxy_socks5_begin, proxy_socks5_take},
    [PROXY_HTTP] = {proxy_http_begin, proxy_http_take},
};

static bool fits(const char *text)
{
    return !text || strlen(text) <= PROXY_TEXT_MAX;
}

int proxy_talk_begin(struct proxy_talk *t, struct err *e)
{
    const struct proxy_request *r = t->request;
    if (!fits(r->host) || !fits(r->user) || !fits(r->password))
        return proxy_fail(e, ENAMETOOLONG, "a name, user or password for the proxy is too long");
    buf_clear(&t->out);
    t->again = t->done = false;
    int result = protocols[r->kind].begin(t, e);
    return result == 0 && t->out.failed ? proxy_fail(e, ENOMEM, "out of memory") : result;
}

ssize_t proxy_talk_take(struct proxy_talk *t, const char *bytes, size_t n, struct err *e)
{
    ssize_t took = n ? protocols[t->request->kind].take(t, bytes, n, e) : 0;
    return took >= 0 && t->out.failed ? proxy_fail(e, ENOMEM, "out of memory") : took;
}

/* The exchange */

static void finish(struct loop *l, struct proxy *p, int result)
{
    proxy_stop(l, p);
    p->result = result;
    p->done(l, p);
}

/* 1: all is sent; 0: the socket is full; or a negative errno. */
static int send_out(struct proxy *p)
{
    struct buf *out = &p->talk.out;
    while (out->len) {
        ssize_t put = send(p->fd, out->data, out->len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0)
            return errno == EAGAIN ? 0 : -errno;
        memmove(out->data, out->data + put, out->len - (size_t)put);
        out->len -= (size_t)put;
    }
    return 1;
}

/* Looks at what came, and takes no more of it than is the proxy's. 1: something was taken; 0:
 * more has to come; or a negative errno. */
static int take_in(struct proxy *p)
{
    char bytes[PROXY_ANSWER_MAX];
    ssize_t got = recv(p->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN ? 0 : proxy_fail(&p->error, errno, "the proxy broke off");
    if (got == 0)
        return proxy_fail(&p->error, EPROTO, "the proxy closed the connection without an answer");
    ssize_t took = proxy_talk_take(&p->talk, bytes, (size_t)got, &p->error);
    if (took > 0)
        recv(p->fd, bytes, (size_t)took, MSG_DONTWAIT);
    if (took == 0 && got == sizeof bytes)
        return proxy_fail(&p->error, EPROTO, "the proxy's answer is longer than 16 KiB");
    if (took == 0 && p->ended) /* the end itself can't be peeked at behind bytes */
        return proxy_fail(&p->error, EPROTO, "the proxy ended in the middle of its answer");
    return took > 0 ? 1 : (int)took;
}

static void go_on(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct proxy *p = (struct proxy *)((char *)w - offsetof(struct proxy, watch));
    p->ended = p->ended || (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
    for (;;) {
        int result = send_out(p);
        if (result < 0) {
            proxy_fail(&p->error, -result, "the proxy broke off");
            finish(l, p, result);
            return;
        }
        result = take_in(p);
        if (result == 0)
            return; /* edge-triggered: what comes, or room, wakes us again */
        if (result < 0 || p->talk.done || p->talk.again) {
            finish(l, p, result < 0 ? result : 0);
            return;
        }
    }
}

int proxy_start(struct loop *l, struct proxy *p, int fd)
{
    p->fd = fd;
    p->ended = false;
    p->watch = (struct loop_watch){.ready = go_on};
    return loop_watch_start(l, &p->watch, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

void proxy_stop(struct loop *l, struct proxy *p)
{
    loop_watch_stop(l, &p->watch);
}
