/* `berth listen --exec` with TLS: the process has one end of a pair of sockets, and the bytes go
 * through us.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/child_environment.h"
#include "cmd/listen.h"
#include "flow/child.h"
#include "flow/farewell.h"
#include "flow/pair.h"

enum { NS_PER_MS = 1000000, KILL_MS = 1000 };

/* It is over when both the process and the conversation are. */
struct client_exec_tls {
    struct client client;
    struct child child;
    struct pair pair;
    struct loop_timer timer; /* the process is gone: how long its peer may take; or: how long a
                              * process may take that was told to end */
    bool parted, exited;
    bool left; /* the peer didn't end after the process had */
};

static void over(struct client_exec_tls *c)
{
    const struct pair *p = &c->pair;
    enum event_why why = event_why_of(p->why);
    struct client_end end = {.why = why,
                             .error = p->error,
                             .status = c->child.status,
                             .bytes_in = (int64_t)p->ab.bytes,
                             .bytes_out = (int64_t)p->ba.bytes};
    if (!c->parted || !c->exited)
        return;
    if (c->left || p->why == PAIR_BOTH_ENDED || p->why == PAIR_B_FAILED || p->why == PAIR_B_ENDED) {
        end.why = WHY_EXITED;
        end.error = 0;
    }
    loop_timer_stop(&c->client.worker->loop, &c->timer);
    client_over(&c->client, &end);
}

static void parted(struct loop *l, struct pair *p)
{
    struct client_exec_tls *c =
        (struct client_exec_tls *)((char *)p - offsetof(struct client_exec_tls, pair));
    c->parted = true;
    loop_timer_stop(l, &c->timer);
    bool ended_by_us = p->why == PAIR_IDLE || p->why == PAIR_LIFETIME || p->why == PAIR_STOPPED;
    if (!c->exited && ended_by_us) {
        child_signal(&c->child, SIGTERM);
        loop_timer_after(l, &c->timer, (uint64_t)KILL_MS * NS_PER_MS);
    }
    over(c);
}

static void exited(struct loop *l, struct child *child)
{
    struct client_exec_tls *c =
        (struct client_exec_tls *)((char *)child - offsetof(struct client_exec_tls, child));
    c->exited = true;
    if (!c->parted)
        loop_timer_after(l, &c->timer, (uint64_t)FAREWELL_LINGER_MS * NS_PER_MS);
    over(c);
}

static void fire(struct loop *l, struct loop_timer *t)
{
    struct client_exec_tls *c =
        (struct client_exec_tls *)((char *)t - offsetof(struct client_exec_tls, timer));
    if (!c->exited) {
        child_signal(&c->child, SIGKILL);
        return;
    }
    /* It said all it had; whether the peer ends too is its own affair. */
    c->left = true;
    pair_stop(l, &c->pair);
}

static int start_child(struct client_exec_tls *c, int fd)
{
    struct client *client = &c->client;
    struct server *s = client->worker->server;
    struct child_environment env;
    child_environment_fill(&env, listener_proto(client->listener), &client->local, client->local_n,
                           &client->peer, client->peer_n);
    c->child.ended = exited;
    return child_start(&client->worker->loop, &c->child, s->exec_path, s->exec_words, env.entries,
                       fd, fd);
}

static int start(struct client *client)
{
    struct client_exec_tls *c = (struct client_exec_tls *)client;
    struct worker *w = client->worker;
    const struct listen_arguments *a = w->server->a;
    struct pair *p = &c->pair;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    c->timer.fire = fire;
    pair_init(p);
    int result = start_child(c, ends[1]);
    close(ends[1]);
    client_stream(client, &p->a);
    stream_init_own(&p->b, ends[0], ends[0]);
    p->idle_ns = a->idle_ns;
    p->lifetime_ns = a->lifetime_ns;
    p->ab.rate = client_rate(client, &client->rate_in);
    p->ba.rate = client_rate(client, &client->rate_out);
    p->over = parted;
    if (result == 0)
        result = pair_start(&w->loop, p, w->scratch);
    if (result == 0)
        return 0;
    child_signal(&c->child, SIGKILL);
    child_forget(&w->loop, &c->child);
    stream_close(&w->loop, &p->a);
    stream_close(&w->loop, &p->b);
    return result;
}

/* The process gets a signal, and its end ends the client; the second time it is left. */
static void stop(struct client *client, enum event_why why)
{
    struct client_exec_tls *c = (struct client_exec_tls *)client;
    struct loop *l = &client->worker->loop;
    (void)why;
    if (!c->parted) {
        pair_stop(l, &c->pair); /* client_over, if the process is gone */
        return;
    }
    child_signal(&c->child, SIGKILL);
    child_forget(l, &c->child);
    c->exited = true;
    over(c);
}

const struct listen_mode listen_mode_exec_tls = {sizeof(struct client_exec_tls), false, false,
                                                 start, stop};
