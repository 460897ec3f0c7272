#include "flow/http_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"

struct http_listener {
    struct acceptor acceptor;
    struct http_thread *thread;
};

struct http_thread {
    struct http_server *server;
    struct loop loop;
    struct http_worker worker;
    struct vec listeners; /* struct http_listener * */
    pthread_t id;
    bool runs;   /* as a thread of its own */
    int wake_fd; /* written to: stop, or stop at once */
    unsigned times;
    struct loop_watch wake;
    int result;
};

static void accepted(struct loop *l, struct acceptor *a, int fd,
                     const struct sockaddr_storage *peer, socklen_t n)
{
    struct http_listener *listener = (struct http_listener *)a;
    (void)l, (void)n;
    http_worker_take(&listener->thread->worker, fd, peer);
}

static void refused(struct loop *l, struct acceptor *a, int fd, const struct sockaddr_storage *peer,
                    socklen_t n, enum accept_refusal why)
{
    (void)l, (void)a, (void)fd, (void)peer, (void)n, (void)why;
}

static void starved(struct loop *l, struct acceptor *a, int error)
{
    struct http_thread *t = ((struct http_listener *)a)->thread;
    (void)l;
    http_files_shrink(&t->worker.files);
    if (t->server->starved)
        t->server->starved(error);
}

/* -- stopping -- */

static void stopped(struct http_worker *w)
{
    loop_stop(w->loop);
}

static void stop_listening(struct http_thread *t)
{
    for (size_t i = 0; i < t->listeners.len; i++)
        acceptor_stop(&t->loop, &(*(struct http_listener **)vec_at(&t->listeners, i))->acceptor);
}

static void woken(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct http_thread *t = (struct http_thread *)((char *)w - offsetof(struct http_thread, wake));
    uint64_t n;
    (void)events;
    if (read(t->wake_fd, &n, sizeof n) != (ssize_t)sizeof n)
        return;
    (void)l;
    stop_listening(t);
    http_worker_stop(&t->worker, t->times++ == 0 ? t->server->grace_ns : 0);
}

static void signalled(struct loop *l, struct signals *signals, int number)
{
    struct http_server *s =
        (struct http_server *)((char *)signals - offsetof(struct http_server, signals));
    const uint64_t one = 1;
    (void)l, (void)number;
    if (!s->asked && s->stopping)
        s->stopping(s, atomic_load(&s->accept.clients));
    s->asked = true;
    for (unsigned i = 0; i < s->n_threads; i++)
        if (write(s->threads[i].wake_fd, &one, sizeof one) < 0)
            continue; /* its counter is full: it has been told */
}

/* -- threads -- */

static int init_thread(struct http_server *s, struct http_thread *t)
{
    t->server = s;
    t->listeners = VEC_INIT(struct http_listener *);
    int r = loop_init(&t->loop);
    if (r < 0)
        return r;
    t->worker = (struct http_worker){.loop = &t->loop,
                                     .site = s->site,
                                     .accept = &s->accept,
                                     .stopped = stopped,
                                     .unshaken = s->unshaken};
    r = http_worker_init(&t->worker);
    if (r < 0)
        return r;
    t->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    t->wake.ready = woken;
    return t->wake_fd < 0 ? -errno : loop_watch_start(&t->loop, &t->wake, t->wake_fd, EPOLLIN);
}

int http_server_init(struct http_server *s, unsigned n_threads)
{
    s->threads = calloc(n_threads, sizeof *s->threads);
    if (!s->threads)
        return -ENOMEM;
    for (; s->n_threads < n_threads; s->n_threads++) {
        struct http_thread *t = &s->threads[s->n_threads];
        t->wake_fd = t->loop.epoll_fd = -1;
        int r = init_thread(s, t);
        if (r < 0) {
            s->n_threads++;
            return r;
        }
    }
    return 0;
}

static void clear_thread(struct http_thread *t)
{
    if (t->worker.scratch)
        http_worker_clear(&t->worker);
    stop_listening(t);
    for (size_t i = 0; i < t->listeners.len; i++)
        free(*(struct http_listener **)vec_at(&t->listeners, i));
    vec_free(&t->listeners);
    loop_watch_stop(&t->loop, &t->wake);
    fd_close(&t->wake_fd);
    loop_clear(&t->loop);
}

void http_server_clear(struct http_server *s)
{
    for (unsigned i = 0; i < s->n_threads; i++)
        clear_thread(&s->threads[i]);
    free(s->threads);
    s->threads = NULL;
    s->n_threads = 0;
}

int http_server_listen(struct http_server *s, unsigned thread, int fd)
{
    struct http_thread *t = &s->threads[thread];
    const int on = 1;
    struct http_listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return -ENOMEM;
    /* What is accepted inherits it; a socket that isn't TCP's refuses it. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    listener->thread = t;
    listener->acceptor = (struct acceptor){.fd = fd,
                                           .shared = &s->accept,
                                           .accepted = accepted,
                                           .refused = refused,
                                           .starved = starved};
    int r = vec_add(&t->listeners, &listener);
    if (r == 0)
        r = acceptor_start(&t->loop, &listener->acceptor);
    if (r < 0) {
        t->listeners.len -= r != -ENOMEM;
        free(listener);
    }
    return r;
}

static void *run_thread(void *thread)
{
    struct http_thread *t = thread;
    t->result = loop_run(&t->loop);
    return NULL;
}

static int start_threads(struct http_server *s)
{
    for (unsigned i = 1; i < s->n_threads; i++) {
        int error = pthread_create(&s->threads[i].id, NULL, run_thread, &s->threads[i]);
        if (error)
            return -error;
        s->threads[i].runs = true;
    }
    return 0;
}

static int join_threads(struct http_server *s)
{
    int result = 0;
    for (unsigned i = 0; i < s->n_threads; i++) {
        struct http_thread *t = &s->threads[i];
        if (t->runs)
            pthread_join(t->id, NULL);
        t->runs = false;
        result = result < 0 ? result : t->result;
    }
    return result;
}

int http_server_run(struct http_server *s, struct http_totals *ret)
{
    struct loop *first = &s->threads[0].loop;
    s->signals.came = signalled;
    int r = signals_start(first, &s->signals, NULL);
    if (r < 0)
        return r;
    r = start_threads(s);
    if (r == 0)
        run_thread(&s->threads[0]);
    else
        signalled(first, &s->signals, 0); /* those that run already */
    int joined = join_threads(s);
    signals_stop(first, &s->signals);
    *ret = (struct http_totals){0};
    for (unsigned i = 0; i < s->n_threads; i++) {
        const struct http_totals *t = &s->threads[i].worker.totals;
        ret->connections += t->connections;
        ret->requests += t->requests;
        ret->bytes += t->bytes;
    }
    return r < 0 ? r : joined;
}
