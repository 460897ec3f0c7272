/* A thread of `berth listen`: its listeners, its clients, and how it comes to an end. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/time.h"
#include "cmd/listen.h"

/* Accepting */

static struct worker_listener *listener_of(struct acceptor *a)
{
    return (struct worker_listener *)((char *)a - offsetof(struct worker_listener, acceptor));
}

/* The socket of datagrams stays: those who were heard already are answered by it. */
static void stop_accepting(struct worker *w)
{
    for (size_t i = 0; i < w->n_listeners; i++) {
        if (w->listeners[i].acceptor.watch.ready)
            acceptor_stop(&w->loop, &w->listeners[i].acceptor);
        w->listeners[i].peers.closed = true;
    }
}

static void accepted(struct loop *l, struct acceptor *a, int fd,
                     const struct sockaddr_storage *peer, socklen_t n)
{
    struct worker_listener *from = listener_of(a);
    (void)l;
    if (from->worker->server->once)
        stop_accepting(from->worker);
    client_accept(from, fd, peer, n);
}

static struct event listener_event(const struct worker_listener *l, enum event_kind kind)
{
    const struct target *t = &l->listener->target;
    return (struct event){.kind = kind,
                          .proto = listener_proto(l->listener),
                          .local = &t->address,
                          .local_n = t->address_n};
}

static void tell_refused(struct worker_listener *from, struct event *e, enum accept_refusal why)
{
    e->kind = EVENT_REFUSED;
    e->proto = listener_proto(from->listener);
    e->words = flow_event_refusal(why);
    flow_events_show(&from->worker->server->events, e);
}

static void refused(struct loop *l, struct acceptor *a, int fd, const struct sockaddr_storage *peer,
                    socklen_t n, enum accept_refusal why)
{
    struct worker_listener *from = listener_of(a);
    struct sockaddr_storage local;
    struct event e = {.local = &local, .peer = peer, .peer_n = n};
    (void)l;
    e.local_n = listener_local(from->listener, fd, &local);
    atomic_fetch_add(&from->worker->server->refused, 1);
    tell_refused(from, &e, why);
}

static struct worker_listener *of_peers(struct peers *p)
{
    return (struct worker_listener *)((char *)p - offsetof(struct worker_listener, peers));
}

static struct peer *came_by(struct loop *l, struct peers *p, const struct peer *heard)
{
    struct worker_listener *from = of_peers(p);
    (void)l;
    if (from->worker->server->once)
        stop_accepting(from->worker);
    return client_hear(from, heard);
}

static void refused_peer(struct loop *l, struct peers *p, const struct peer *heard,
                         enum accept_refusal why)
{
    struct event e = {.local = &heard->local,
                      .local_n = heard->local_n,
                      .peer = &heard->address,
                      .peer_n = heard->address_n};
    struct worker_listener *from = of_peers(p);
    atomic_fetch_add(&from->worker->server->refused, 1);
    if (flow_event_is_due(&from->refused_ns, l->now_ns))
        tell_refused(from, &e, why);
}

static void starved(struct loop *l, struct acceptor *a, int error)
{
    struct worker_listener *from = listener_of(a);
    struct event e = listener_event(from, EVENT_TROUBLE);
    (void)l;
    e.words = "new clients wait, until one ends";
    e.error = error;
    flow_events_show(&from->worker->server->events, &e);
}

static int start_hearing(struct worker *w, struct worker_listener *l)
{
    l->peers.shared = &w->server->accept;
    l->peers.came = came_by;
    l->peers.refused = refused_peer;
    int result = peers_start(&w->loop, &l->peers);
    if (result < 0)
        fd_close(&l->peers.fd);
    return result;
}

static int start_accepting(struct worker *w)
{
    int result = 0;
    for (size_t i = 0; i < w->n_listeners && result == 0; i++) {
        struct acceptor *a = &w->listeners[i].acceptor;
        if (a->fd < 0) {
            result = start_hearing(w, &w->listeners[i]);
            continue;
        }
        a->blocking = listen_mode_of(w->server, w->listeners[i].listener)->blocking;
        a->shared = &w->server->accept;
        a->accepted = accepted;
        a->refused = refused;
        a->starved = starved;
        result = acceptor_start(&w->loop, a);
    }
    return result;
}

/* The end */

/* Peers of datagrams don't say when they end: there is nothing to wait for. */
static void stop_clients(struct worker *w, enum event_why why, bool only_peers)
{
    for (struct client *c = w->clients, *next; c; c = next) {
        next = c->next; /* a client ends no other */
        if (!only_peers || c->dgram_peer)
            client_stop(c, why);
    }
}

static void grace_over(struct loop *l, struct loop_timer *t)
{
    struct worker *w = (struct worker *)((char *)t - offsetof(struct worker, grace));
    if (w->pressed) { /* processes that don't end */
        loop_stop(l);
        return;
    }
    w->pressed = true;
    stop_clients(w, WHY_STOPPED, false);
    if (w->n_clients == 0 || loop_timer_after(l, t, 1000000000) < 0)
        loop_stop(l);
}

void worker_stop(struct worker *w)
{
    if (w->stopping) {
        grace_over(&w->loop, &w->grace);
        return;
    }
    w->stopping = true;
    stop_accepting(w);
    stop_clients(w, WHY_STOPPED, true);
    if (w->server->kind == LISTEN_STDIO || w->server->kind == LISTEN_CHAT)
        hub_end_input(&w->hub);
    if (w->n_clients == 0) {
        loop_stop(&w->loop);
        return;
    }
    if (w->server->a->grace_ns == 0 ||
        loop_timer_after(&w->loop, &w->grace, w->server->a->grace_ns) < 0)
        grace_over(&w->loop, &w->grace);
}

void worker_client_gone(struct worker *w)
{
    if (w->n_clients == 0 && (w->stopping || w->server->once)) {
        loop_stop(&w->loop);
        return;
    }
    if (w->stopping)
        return;
    for (size_t i = 0; i < w->n_listeners; i++)
        if (w->listeners[i].acceptor.fd >= 0)
            acceptor_resume(&w->loop, &w->listeners[i].acceptor);
}

/* Signals: the first worker has them and tells the others. */

static void tell_stopping(struct worker *w)
{
    uint32_t n = atomic_load(&w->server->accept.clients), peers = atomic_load(&w->server->peers);
    n -= peers < n ? peers : n; /* nobody waits for them; other threads may count meanwhile */
    if (!w->stopping)
        flow_events_stopping(&w->server->events, n, w->server->a->grace_ns);
}

static void tell_others(struct worker *w)
{
    uint64_t one = 1;
    for (uint32_t i = 1; i < w->server->n_workers; i++)
        if (write(w->server->workers[i].stop_fd, &one, sizeof one) < 0)
            continue; /* it has been told often enough */
}

static void came(struct loop *l, struct signals *s, int signal)
{
    struct worker *w = (struct worker *)((char *)s - offsetof(struct worker, signals));
    (void)l;
    (void)signal;
    tell_stopping(w);
    tell_others(w);
    worker_stop(w);
}

static void told(struct loop *l, struct loop_watch *watch, uint32_t events)
{
    struct worker *w = (struct worker *)((char *)watch - offsetof(struct worker, stop_watch));
    uint64_t n;
    (void)l;
    (void)events;
    if (read(w->stop_fd, &n, sizeof n) == (ssize_t)sizeof n)
        worker_stop(w);
}

static int watch_end(struct worker *w, bool first)
{
    if (first) {
        w->signals.came = came;
        return signals_start(&w->loop, &w->signals, NULL);
    }
    w->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    w->stop_watch = (struct loop_watch){.ready = told};
    return w->stop_fd < 0 ? -errno
                          : loop_watch_start(&w->loop, &w->stop_watch, w->stop_fd, EPOLLIN);
}

/* What the mode needs */

static void out_failed(struct loop *l, struct hub *h, int error)
{
    struct worker *w = (struct worker *)((char *)h - offsetof(struct worker, hub));
    struct err e;
    (void)l;
    atomic_store(&w->server->failed, 1);
    if (error != EPIPE) { /* a reader that went away is a reason to end quietly */
        w->server->no_output = true;
        err_set(&e, error, "write to", "standard output", NULL);
        flow_events_err(&w->server->events, EVENT_FAILED, &e);
    }
    stop_accepting(w);
    w->stopping = true;
    stop_clients(w, WHY_FAR_FAILED, false);
    loop_stop(&w->loop);
}

static bool is_one_terminal(int a, int b)
{
    struct stat of_a, of_b;
    return isatty(a) && isatty(b) && fstat(a, &of_a) == 0 && fstat(b, &of_b) == 0 &&
           of_a.st_rdev == of_b.st_rdev;
}

static int prepare_mode(struct worker *w)
{
    enum listen_kind kind = w->server->kind;
    if (kind == LISTEN_STDIO || kind == LISTEN_CHAT) {
        w->hub.chat = kind == LISTEN_CHAT;
        w->hub.raw = w->server->a->raw;
        w->hub.out_failed = out_failed;
        if (is_one_terminal(STDOUT_FILENO, STDERR_FILENO))
            w->server->events.mid_line = &w->hub.mid_line;
        return hub_init(&w->hub, &w->loop, w->scratch);
    }
    far_place_init(&w->forward, &w->loop, &w->server->forward);
    if (kind == LISTEN_DISCARD) {
        int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            return -errno;
        stream_init_own(&w->null, -1, fd);
    }
    return 0;
}

/* The first takes the listeners that were opened; the others open their own beside them. */
static int take_listeners(struct worker *w, bool first)
{
    struct server *s = w->server;
    struct err e = {0};
    w->listeners = calloc(s->listeners.len, sizeof *w->listeners);
    if (!w->listeners)
        return -ENOMEM;
    for (size_t i = 0; i < s->listeners.len; i++) {
        struct listener *l = vec_at(&s->listeners, i);
        int fd = first ? fd_take(&l->fd) : listen_open_again(s, l, &e);
        if (fd < 0) {
            flow_events_err(&s->events, EVENT_FAILED, &e);
            return fd;
        }
        bool datagrams = l->target.type == SOCK_DGRAM;
        w->listeners[w->n_listeners++] =
            (struct worker_listener){.acceptor.fd = datagrams ? -1 : fd,
                                     .peers.fd = datagrams ? fd : -1,
                                     .worker = w,
                                     .listener = l};
    }
    return 0;
}

int worker_init(struct worker *w, struct server *s, bool first)
{
    *w = (struct worker){.server = s, .stop_fd = -1, .loop.epoll_fd = -1};
    w->grace.fire = grace_over;
    int result = loop_init(&w->loop);
    if (result == 0)
        result = watch_end(w, first);
    w->scratch = result == 0 ? malloc(PUMP_SCRATCH) : NULL;
    if (result == 0 && !w->scratch)
        result = -ENOMEM;
    if (result == 0)
        result = take_listeners(w, first);
    return result == 0 ? prepare_mode(w) : result;
}

int worker_run(struct worker *w)
{
    w->loop.now_ns = time_monotonic_ns();
    int result = start_accepting(w);
    return result == 0 ? loop_run(&w->loop) : result;
}

static void close_listener(struct worker *w, struct worker_listener *l)
{
    if (l->peers.loop)
        peers_stop(&w->loop, &l->peers);
    fd_close(&l->peers.fd); /* one that was never started */
    fd_close(&l->acceptor.fd);
}

void worker_clear(struct worker *w)
{
    if (!w->server)
        return;
    stop_accepting(w);
    w->stopping = true;
    for (int i = 0; i < 2; i++) /* those with processes are told first */
        stop_clients(w, WHY_STOPPED, false);
    for (size_t i = 0; i < w->n_listeners; i++)
        close_listener(w, &w->listeners[i]);
    free(w->listeners);
    if (w->hub.loop)
        hub_clear(&w->hub);
    stream_close(&w->loop, &w->null);
    far_place_clear(&w->forward);
    if (w->signals.watch.active)
        signals_stop(&w->loop, &w->signals);
    loop_watch_stop(&w->loop, &w->stop_watch);
    loop_timer_stop(&w->loop, &w->grace);
    fd_close(&w->stop_fd);
    loop_clear(&w->loop);
    free(w->scratch);
}
