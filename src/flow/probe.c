#include "flow/probe.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/time.h"
#include "flow/open.h"
#include "flow/probe_question.h"

enum {
    NS_PER_US = 1000,
    A_TURN = 32, /* so many are begun before answers are heard again */

};

/* A port that is being asked. */
struct probe {
    struct probes *all;
    struct probe *next_free;
    size_t index;
    struct loop_watch watch;
    struct loop_timer timer;
    uint64_t started_ns;
    int fd;
    uint8_t tries;
    bool listens; /* open, and the service may still say something */
    bool at_once; /* as in its answer */
    uint16_t said_n;
    uint32_t took_us;
    char said[PROBE_BANNER_MAX];
};

/* What an answer means */

enum probe_state probe_judge(int error, bool at_once)
{
    switch (error) {
    case 0:
    case ECONNRESET: /* it was made, and has ended since */
    case EPIPE:
        return PROBE_OPEN;
    case ECONNREFUSED:
        return PROBE_REFUSED;
    case ETIMEDOUT:
        return PROBE_SILENT;
    case EPERM:
    case EACCES: /* ICMPv6 has it too, for a firewall on the way: icmpv6_err_convert */
        return at_once ? PROBE_FORBIDDEN : PROBE_UNREACHABLE;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case ENONET:
    case ENOPROTOOPT: /* ICMP "protocol unreachable" */
    case EPROTO:
    case EAFNOSUPPORT:
        return PROBE_UNREACHABLE;
    default:
        return PROBE_FAILED;
    }
}

static bool is_udp(const struct target *t)
{
    return t->type == SOCK_DGRAM;
}

struct target probes_target(const struct probes *p, size_t i)
{
    struct target t = p->hosts[i / p->n_ports];
    struct net_addr a;
    uint16_t port;
    if (target_get_ip(&t.address, &a, &port))
        target_set_ip(&t, &a, p->ports[i % p->n_ports]);
    return t;
}

/* The end of one */

static struct probe *probe_of_watch(struct loop_watch *w)
{
    return (struct probe *)((char *)w - offsetof(struct probe, watch));
}

static struct probe *probe_of_timer(struct loop_timer *t)
{
    return (struct probe *)((char *)t - offsetof(struct probe, timer));
}

static void stop(struct loop *l, struct probe *s)
{
    loop_watch_stop(l, &s->watch);
    loop_timer_stop(l, &s->timer);
    fd_close(&s->fd);
}

static void release(struct probes *p, struct probe *s)
{
    s->next_free = p->free;
    p->free = s;
    p->running--;
}

static void keep_said(struct probe_answer *a, const struct probe *s)
{
    a->said = s->said_n ? malloc(s->said_n) : NULL;
    if (!a->said)
        return;
    memcpy(a->said, s->said, s->said_n);
    a->said_n = s->said_n;
}

static void finish(struct loop *l, struct probe *s, enum probe_state state, int error)
{
    struct probes *p = s->all;
    struct probe_answer *a = &p->answers[s->index];
    if (!s->listens) /* else it was taken when it connected */
        s->took_us = (uint32_t)((time_monotonic_ns() - s->started_ns) / NS_PER_US);
    stop(l, s);
    *a = (struct probe_answer){.state = (uint8_t)state, .tries = s->tries};
    a->error = state == PROBE_OPEN ? 0 : error;
    a->took_us = s->took_us;
    a->at_once = s->at_once;
    keep_said(a, s);
    release(p, s);
    p->n_answered++;
    loop_turn_add(l, &p->turn);
    p->answered(l, p, s->index);
}

/* What the service says. A line's end is an end. True: there is no use in waiting for more. */
static bool hear(struct probe *s)
{
    while (s->said_n < sizeof s->said) {
        ssize_t n = recv(s->fd, s->said + s->said_n, sizeof s->said - s->said_n, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 || errno != EAGAIN;
        s->said_n += (uint16_t)n;
    }
    return true;
}

static void connected(struct loop *l, struct probe *s)
{
    const struct probes *p = s->all;
    s->took_us = (uint32_t)((time_monotonic_ns() - s->started_ns) / NS_PER_US);
    s->listens = true;
    if (!p->listen_ns || loop_watch_change(l, &s->watch, EPOLLIN | EPOLLRDHUP) < 0 ||
        loop_timer_after(l, &s->timer, p->listen_ns) < 0)
        finish(l, s, PROBE_OPEN, 0);
}

static void heard(struct loop *l, struct probe *s)
{
    if (hear(s) || (s->said_n && s->said[s->said_n - 1] == '\n'))
        finish(l, s, PROBE_OPEN, 0);
}

/* Where nobody has a port of this host's own that the kernel may choose for clients, it may choose
 * that very port, and the socket is connected to itself (RFC 9293, 3.5: simultaneous open). A port
 * that somebody has isn't chosen (__inet_hash_connect, udp_lib_get_port), so that is an answer. */
static bool is_self(int fd)
{
    struct sockaddr_storage local = {0}, peer = {0};
    socklen_t n = sizeof local, m = sizeof peer;
    return getsockname(fd, (struct sockaddr *)&local, &n) == 0 &&
           getpeername(fd, (struct sockaddr *)&peer, &m) == 0 && n == m &&
           memcmp(&local, &peer, n) == 0;
}

/* Asking */

static void refuse_self(struct loop *l, struct probe *s)
{
    struct linger reset = {.l_onoff = 1};
    setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset); /* leaves no TIME_WAIT */
    finish(l, s, PROBE_REFUSED, ECONNREFUSED);
}

static void tcp_ready(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct probe *s = probe_of_watch(w);
    if (s->listens) {
        heard(l, s);
        return;
    }
    int error = -open_connected(s->fd);
    if (error)
        finish(l, s, probe_judge(error, false), error);
    else if (!(events & EPOLLOUT))
        return;
    else if (is_self(s->fd))
        refuse_self(l, s);
    else
        connected(l, s);
}

static void udp_ready(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct probe *s = probe_of_watch(w);
    (void)events;
    ssize_t n = recv(s->fd, s->said, sizeof s->said, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        finish(l, s, probe_judge(errno, false), errno);
        return;
    }
    s->said_n = s->all->listen_ns ? (uint16_t)n : 0;
    finish(l, s, PROBE_OPEN, 0);
}

/* Without it a UDP socket hears of a refusal alone, not of a host that can't be reached (ip(7)). */
static void hear_of_errors(int fd, int family)
{
    int on = 1;
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    else
        setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
}

static int send_question(const struct probe *s)
{
    size_t n;
    const void *bytes = probe_question(s->all->ports[s->index % s->all->n_ports], &n);
    return send(s->fd, bytes, n, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* 0, or the negative errno of what failed before anything left. */
static int begin(struct loop *l, struct probe *s)
{
    struct target t = probes_target(s->all, s->index);
    bool udp = is_udp(&t), done;
    s->started_ns = time_monotonic_ns();
    s->fd = open_connection(&t, &(struct open_connect){0}, &done, NULL);
    if (s->fd < 0) {
        int error = s->fd;
        s->fd = -1;
        return error;
    }
    if (udp && is_self(s->fd))
        return -ECONNREFUSED;
    if (udp)
        hear_of_errors(s->fd, t.family);
    s->watch.ready = udp ? udp_ready : tcp_ready;
    int error = loop_watch_start(l, &s->watch, s->fd, udp ? EPOLLIN : EPOLLOUT);
    if (error == 0)
        error = loop_timer_after(l, &s->timer, s->all->timeout_ns);
    if (error == 0 && udp)
        error = send_question(s);
    s->tries++;
    return error;
}

/* What begin(…) says is this host's own word. */
static void finish_at_once(struct loop *l, struct probe *s, int error)
{
    s->at_once = true;
    finish(l, s, probe_judge(error, true), error);
}

static void ask(struct loop *l, struct probe *s)
{
    int error = -begin(l, s);
    if (error)
        finish_at_once(l, s, error);
}

/* What waits in the kernel counts, even if so much does that the loop comes to it only now. */
static bool has_answered_late(struct loop *l, struct probe *s)
{
    const struct probe_answer *a = &s->all->answers[s->index];
    struct pollfd waiting = {.fd = s->fd, .events = (short)(s->watch.events & (POLLIN | POLLOUT))};
    if (poll(&waiting, 1, 0) <= 0)
        return false;
    s->watch.ready(l, &s->watch, (uint32_t)waiting.revents);
    return a->state != PROBE_LEFT || s->timer.place;
}

/* A datagram goes out once more; a connection is begun anew, since the kernel waits ever longer
 * before it repeats its own question. */
static void time_is_over(struct loop *l, struct loop_timer *t)
{
    struct probe *s = probe_of_timer(t);
    bool udp = is_udp(&s->all->hosts[s->index / s->all->n_ports]);
    if (has_answered_late(l, s))
        return;
    if (s->listens) {
        finish(l, s, PROBE_OPEN, 0);
    } else if (s->tries >= s->all->tries) {
        finish(l, s, PROBE_SILENT, ETIMEDOUT);
    } else if (udp) {
        s->tries++;
        s->started_ns = time_monotonic_ns();
        int error = send_question(s);
        if (error == 0)
            error = loop_timer_after(l, &s->timer, s->all->timeout_ns);
        if (error < 0)
            finish(l, s, probe_judge(-error, true), -error);
    } else {
        stop(l, s);
        ask(l, s);
    }
}

/* All of them */

/* No descriptor, no port, no memory: those that run will give some back. */
static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == ENOSPC || error == EADDRNOTAVAIL;
}

static void begin_next(struct loop *l, struct probes *p)
{
    struct probe *s = p->free;
    p->free = s->next_free;
    *s = (struct probe){.all = p, .index = p->next, .fd = -1};
    s->timer.fire = time_is_over;
    p->running++;
    int error = -begin(l, s);
    if (is_shortage(error) && p->running > 1) {
        stop(l, s);
        release(p, s);
        p->parallel = p->running;
        return;
    }
    p->next++;
    if (error)
        finish_at_once(l, s, error);
}

static void run(struct loop *l, struct loop_turn *t)
{
    struct probes *p = (struct probes *)((char *)t - offsetof(struct probes, turn));
    for (int i = 0; i < A_TURN && p->next < p->n && p->running < p->parallel; i++)
        begin_next(l, p);
    if (p->n_answered == p->n) {
        loop_turn_stop(l, t);
        p->done(l, p);
    } else if (p->next < p->n && p->running < p->parallel) {
        loop_turn_add(l, t);
    }
}

int probes_start(struct loop *l, struct probes *p)
{
    assert(p->n_hosts && p->n_ports && p->parallel);
    p->n = p->n_hosts * p->n_ports;
    p->free = NULL;
    p->running = p->next = p->n_answered = 0;
    p->answers = calloc(p->n, sizeof *p->answers);
    p->n_slots = p->parallel < p->n ? p->parallel : p->n;
    p->parallel = p->n_slots;
    p->slots = calloc(p->n_slots, sizeof *p->slots);
    if (!p->answers || !p->slots)
        return -ENOMEM;
    for (size_t i = p->n_slots; i > 0; i--) {
        p->slots[i - 1] = (struct probe){.all = p, .fd = -1, .next_free = p->free};
        p->free = &p->slots[i - 1];
    }
    p->turn.run = run;
    loop_turn_add(l, &p->turn);
    return 0;
}

void probes_clear(struct loop *l, struct probes *p)
{
    loop_turn_stop(l, &p->turn);
    for (size_t i = 0; p->slots && i < p->n_slots; i++)
        stop(l, &p->slots[i]);
    for (size_t i = 0; p->answers && i < p->n; i++)
        free(p->answers[i].said);
    free(p->slots);
    free(p->answers);
    p->slots = NULL;
    p->answers = NULL;
}
