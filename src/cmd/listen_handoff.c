/* `berth listen --handoff`: each accepted connection goes to another process, as a descriptor over
 * a UNIX socket (unix(7), SCM_RIGHTS), with a line that tells what it is:
 *
 *     {"id":1,"proto":"tcp","local":"127.0.0.1:4444","peer":"127.0.0.1:53412"}
 *
 * A receiver whose queue is full is waited for: each thread has its clients in a queue of their
 * own, the first goes first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "cmd/listen.h"

enum { AGAIN_NS = 10000000 }; /* nothing tells of room in a UNIX socket that others fill too */

struct client_handoff {
    struct client client;
    struct client_handoff *next;
};

struct waiting {
    struct client_handoff *first, **end;
    struct loop_timer again;
};

struct handoff {
    pthread_mutex_t lock; /* one message after the other, from any thread */
    struct target to;
    int fd;
    struct waiting *waiting; /* of each thread */
};

/* A receiver may listen with any type of UNIX socket. */
static int connect_to(struct handoff *h)
{
    static const int types[] = {SOCK_SEQPACKET, SOCK_STREAM, SOCK_DGRAM};
    int error = ECONNREFUSED;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        _cleanup_fd_ int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
            return -errno;
        if (connect(fd, (const struct sockaddr *)&h->to.address, h->to.address_n) == 0) {
            h->fd = fd_take(&fd);
            return 0;
        }
        error = errno;
        if (error != EPROTOTYPE)
            break;
    }
    return -error;
}

static void describe(struct buf *out, const struct client *c)
{
    struct event e = client_event(c, EVENT_OPENED);
    struct jsonw j = JSONW_INIT(out);
    _cleanup_buf_ struct buf local = BUF_INIT(512), peer = BUF_INIT(512);
    target_format(&local, &c->local, c->local_n);
    target_format(&peer, &c->peer, c->peer_n);
    jsonw_object(&j);
    jsonw_key(&j, "id");
    jsonw_u64(&j, e.id);
    jsonw_key(&j, "proto");
    jsonw_str(&j, e.proto);
    jsonw_key(&j, "local");
    jsonw_text(&j, local.data, local.len);
    jsonw_key(&j, "peer");
    jsonw_text(&j, peer.data, peer.len);
    jsonw_object_end(&j);
    buf_char(out, '\n');
}

static int send_fd(int to, int fd, const struct buf *line)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = line->data, .iov_len = line->len};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    return sendmsg(to, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* A receiver that was started anew is found again. */
static int pass_on(struct handoff *h, int fd, const struct buf *line)
{
    int result = h->fd >= 0 ? send_fd(h->fd, fd, line) : -EPIPE;
    if (result == 0 || result == -EAGAIN)
        return result;
    fd_close(&h->fd);
    result = connect_to(h);
    return result < 0 ? result : send_fd(h->fd, fd, line);
}

/* 0, or a negative errno. */
static int hand_over(struct client *c)
{
    struct handoff *h = c->worker->server->handoff;
    _cleanup_buf_ struct buf line = BUF_INIT(4096);
    describe(&line, c);
    pthread_mutex_lock(&h->lock);
    int result = pass_on(h, c->fd, &line);
    pthread_mutex_unlock(&h->lock);
    return result;
}

static void finish(struct client *c, int result)
{
    struct client_end end = {
        .why = WHY_PASSED, .bytes_in = EVENT_UNKNOWN_BYTES, .bytes_out = EVENT_UNKNOWN_BYTES};
    if (result < 0) {
        end.why = WHY_FAR_FAILED;
        end.error = -result;
        end.words = c->worker->server->a->handoff;
    } else {
        fd_close(&c->fd); /* ours; the connection lives on */
    }
    client_over(c, &end);
}

static struct waiting *waiting_of(const struct client *c)
{
    const struct server *s = c->worker->server;
    return &s->handoff->waiting[c->worker - s->workers];
}

static int wait_for_room(struct client_handoff *c)
{
    struct waiting *w = waiting_of(&c->client);
    int result =
        w->again.place ? 0 : loop_timer_after(&c->client.worker->loop, &w->again, AGAIN_NS);
    if (result < 0)
        return result;
    *w->end = c;
    w->end = &c->next;
    return 0;
}

static void forget_first(struct waiting *w)
{
    w->first = w->first->next;
    if (!w->first)
        w->end = &w->first;
}

static void try_again(struct loop *l, struct loop_timer *t)
{
    struct waiting *w = (struct waiting *)((char *)t - offsetof(struct waiting, again));
    while (w->first) {
        struct client *c = &w->first->client;
        int result = hand_over(c);
        if (result == -EAGAIN && loop_timer_after(l, t, AGAIN_NS) == 0)
            return;
        forget_first(w);
        finish(c, result);
    }
}

static int start(struct client *c)
{
    int result = waiting_of(c)->first ? -EAGAIN : hand_over(c);
    if (result == -EAGAIN)
        return wait_for_room((struct client_handoff *)c);
    finish(c, result);
    return 0;
}

/* One that still waits. */
static void stop(struct client *c, enum event_why why)
{
    struct waiting *w = waiting_of(c);
    struct client_handoff **at = &w->first;
    while (*at && &(*at)->client != c)
        at = &(*at)->next;
    if (*at)
        *at = (*at)->next;
    for (w->end = &w->first; *w->end;)
        w->end = &(*w->end)->next;
    if (!w->first)
        loop_timer_stop(&c->worker->loop, &w->again);
    client_over(c, &(struct client_end){.why = why});
}

const struct listen_mode listen_mode_handoff = {sizeof(struct client_handoff), true, false, start,
                                                stop};

static int prepare_waiting(struct handoff *h, uint64_t workers)
{
    h->waiting = calloc(workers, sizeof *h->waiting);
    for (uint64_t i = 0; h->waiting && i < workers; i++) {
        h->waiting[i].end = &h->waiting[i].first;
        h->waiting[i].again.fire = try_again;
    }
    return h->waiting ? 0 : -ENOMEM;
}

int listen_handoff_prepare(struct server *s)
{
    const char *path = s->a->handoff;
    struct err e;
    struct handoff *h = calloc(1, sizeof *h);
    int result = -ENOMEM;
    if (strncmp(path, "unix:", 5) == 0)
        path += 5;
    if (h) {
        *h = (struct handoff){.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};
        s->handoff = h;
        result = prepare_waiting(h, s->a->workers ? s->a->workers : 1);
    }
    if (result == 0) {
        bool abstract = *path == '@';
        result = target_set_unix(&h->to, path + abstract, strlen(path + abstract), abstract);
    }
    if (result == 0)
        result = connect_to(h);
    if (result == 0 || result == -EAGAIN) /* its queue is full now */
        return 0;
    err_set(&e, -result, "hand over to", s->a->handoff, "%s",
            result == -ENOENT || result == -ECONNREFUSED ? "no process listens there yet"
                                                         : "it must be a UNIX socket");
    flow_events_err(&s->events, EVENT_FAILED, &e);
    return result == -EACCES ? EXIT_PERMISSION : EXIT_NO;
}

void listen_handoff_clear(struct server *s)
{
    if (!s->handoff)
        return;
    fd_close(&s->handoff->fd);
    free(s->handoff->waiting);
    free(s->handoff);
}
