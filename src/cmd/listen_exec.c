/* `berth listen --exec`: a process a client, with the connection as its standard input and output.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/words.h"
#include "cmd/child_environment.h"
#include "cmd/commands.h"
#include "cmd/listen.h"
#include "flow/child.h"
#include "flow/farewell.h"
#include "flow/pair.h"

/* include/net/tcp_states.h; linux/tcp.h doesn't have them, and netinet/tcp.h doesn't go with it. */
enum { TCP_CLOSE_WAIT = 8, TCP_LAST_ACK = 9, TCP_CLOSING = 11 };

struct client_exec {
    struct client client;
    struct child child;
    struct farewell farewell;
    struct pair pair; /* of datagrams: between the client and the process's socket */
    bool piped, parted;
    struct loop_timer timer;
    enum event_why why; /* why it was ended, if it was */
    int64_t bytes_in, bytes_out;
};

static struct client_exec *of_child(struct child *child)
{
    return (struct client_exec *)((char *)child - offsetof(struct client_exec, child));
}

/* The end */

static void over(struct client_exec *c, int error)
{
    stream_close(&c->client.worker->loop, &c->pair.a);
    struct client_end end = {.why = c->why ? c->why : WHY_EXITED,
                             .status = c->why ? 0 : c->child.status,
                             .error = error,
                             .bytes_in = c->bytes_in,
                             .bytes_out = c->bytes_out};
    loop_timer_stop(&c->client.worker->loop, &c->timer);
    client_over(&c->client, &end);
}

static void parted(struct loop *l, struct farewell *f, int error)
{
    struct client_exec *c =
        (struct client_exec *)((char *)f - offsetof(struct client_exec, farewell));
    (void)l;
    (void)error;
    over(c, 0);
}

/* The end of the peer's side takes a number too, and is counted (net/ipv4/tcp_input.c, tcp_fin). */
static bool has_fin(const struct tcp_info *info)
{
    return info->tcpi_bytes_received > 0 &&
           (info->tcpi_state == TCP_CLOSE_WAIT || info->tcpi_state == TCP_LAST_ACK ||
            info->tcpi_state == TCP_CLOSING);
}

/* The process had the connection to itself; the kernel counted for us. What it wrote may still be
 * on its way. */
static void read_counts(struct client_exec *c)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    c->bytes_in = c->bytes_out = EVENT_UNKNOWN_BYTES;
    if (c->client.listener->target.family == AF_UNIX ||
        getsockopt(c->client.fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0 ||
        n < offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof info.tcpi_bytes_retrans)
        return;
    c->bytes_in = (int64_t)info.tcpi_bytes_received - (has_fin(&info) ? 1 : 0);
    c->bytes_out =
        (int64_t)(info.tcpi_bytes_sent - info.tcpi_bytes_retrans + info.tcpi_notsent_bytes);
}

static void ended(struct loop *l, struct child *child)
{
    struct client_exec *c = of_child(child);
    if (c->piped) {
        if (c->parted)
            over(c, 0);
        return; /* what it said last is still on its way */
    }
    read_counts(c);
    if (c->why == WHY_STOPPED) { /* nobody waits any more */
        fd_close(&c->client.fd);
        over(c, 0);
        return;
    }
    c->farewell.over = parted;
    farewell_start(l, &c->farewell, fd_take(&c->client.fd), NULL, 0);
}

/* Time: what moves is between the process and its peer, so the kernel is asked. */

static uint64_t idle_since_ns(const struct client_exec *c, uint64_t now_ns)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    if (c->client.listener->target.family == AF_UNIX ||
        getsockopt(c->client.fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
        return now_ns; /* it can't be known */
    uint64_t ms = info.tcpi_last_data_recv < info.tcpi_last_data_sent ? info.tcpi_last_data_recv
                                                                      : info.tcpi_last_data_sent;
    uint64_t since = now_ns - ms * 1000000;
    return since > c->client.started_ns ? since : c->client.started_ns;
}

static void set_timer(struct loop *l, struct client_exec *c)
{
    const struct listen_arguments *a = c->client.worker->server->a;
    uint64_t at = UINT64_MAX;
    if (a->lifetime_ns)
        at = c->client.started_ns + a->lifetime_ns;
    if (a->idle_ns) {
        uint64_t idle_at = idle_since_ns(c, l->now_ns) + a->idle_ns;
        if (idle_at < at)
            at = idle_at;
    }
    if (at != UINT64_MAX)
        loop_timer_set(l, &c->timer, at <= l->now_ns ? l->now_ns + 1000000 : at);
}

static void fire(struct loop *l, struct loop_timer *t)
{
    struct client_exec *c = (struct client_exec *)((char *)t - offsetof(struct client_exec, timer));
    const struct listen_arguments *a = c->client.worker->server->a;
    if (c->why) { /* it was asked to end, and didn't */
        child_signal(&c->child, SIGKILL);
        return;
    }
    if (a->lifetime_ns && l->now_ns >= c->client.started_ns + a->lifetime_ns)
        c->why = WHY_LIFETIME;
    else if (a->idle_ns && l->now_ns >= idle_since_ns(c, l->now_ns) + a->idle_ns)
        c->why = WHY_IDLE;
    if (!c->why) {
        set_timer(l, c);
        return;
    }
    child_signal(&c->child, SIGTERM);
    loop_timer_after(l, t, 1000000000);
}

static int run_child(struct client_exec *c, int fd)
{
    struct client *client = &c->client;
    struct server *s = client->worker->server;
    struct child_environment env;
    child_environment_fill(&env, listener_proto(client->listener), &client->local, client->local_n,
                           &client->peer, client->peer_n);
    c->child.ended = ended;
    return child_start(&client->worker->loop, &c->child, s->exec_path, s->exec_words, env.entries,
                       fd, fd);
}

static void pair_over(struct loop *l, struct pair *p)
{
    struct client_exec *c = (struct client_exec *)((char *)p - offsetof(struct client_exec, pair));
    (void)l;
    c->parted = true;
    c->bytes_in = (int64_t)p->ab.bytes;
    c->bytes_out = (int64_t)p->ba.bytes;
    if (p->why == PAIR_IDLE || p->why == PAIR_LIFETIME || p->why == PAIR_STOPPED)
        c->why = event_why_of(p->why);
    if (c->child.pid == 0)
        over(c, p->error);
    else
        child_signal(&c->child, SIGTERM); /* or it sees the end of its input */
}

/* A client that is no descriptor of its own: a pair of sockets is between it and the process. */
static int start_piped(struct client_exec *c)
{
    struct pair *p = &c->pair;
    struct client *client = &c->client;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    int result = run_child(c, ends[1]);
    close(ends[1]);
    if (result < 0) {
        close(ends[0]);
        return result;
    }
    c->piped = true;
    pair_init(p);
    struct dgram *near = client_stream(client, &p->a);
    stream_init_own(&p->b, ends[0], ends[0]);
    dgram_join(p, near, NULL);
    p->on_b_end = PAIR_LEAVE;
    p->ab.rate = client_rate(client, &client->rate_in);
    p->ba.rate = client_rate(client, &client->rate_out);
    p->idle_ns = client_idle_ns(client);
    p->lifetime_ns = client->worker->server->a->lifetime_ns;
    p->over = pair_over;
    result = pair_start(&client->worker->loop, p, client->worker->scratch);
    if (result < 0) {
        child_signal(&c->child, SIGKILL);
        child_forget(&client->worker->loop, &c->child);
        stream_close(&client->worker->loop, &p->a);
        stream_close(&client->worker->loop, &p->b);
    }
    return result;
}

static int start(struct client *client)
{
    struct client_exec *c = (struct client_exec *)client;
    c->timer.fire = fire;
    if (client->dgram_peer)
        return start_piped(c);
    int result = run_child(c, client->fd);
    if (result == 0)
        set_timer(&client->worker->loop, c);
    return result;
}

/* The process gets a signal, and its end ends the client; the second time it is left. */
static void stop(struct client *client, enum event_why why)
{
    struct client_exec *c = (struct client_exec *)client;
    struct loop *l = &client->worker->loop;
    if (c->piped && !c->parted) {
        pair_stop(l, &c->pair);
        return;
    }
    if (c->child.pid && !c->why) {
        c->why = why;
        child_signal(&c->child, SIGTERM);
        return;
    }
    child_signal(&c->child, SIGKILL);
    child_forget(l, &c->child);
    farewell_drop(l, &c->farewell);
    c->why = why;
    over(c, 0);
}

const struct listen_mode listen_mode_exec = {sizeof(struct client_exec), true, false, start, stop};

static int fail(const struct server *s, const char *what, int error)
{
    struct err e;
    err_set(&e, error, "run", what,
            error == ENOENT ? "no such program in PATH; --shell lets a shell run it" : NULL);
    flow_events_err(&s->events, EVENT_FAILED, &e);
    return error == EACCES ? EXIT_PERMISSION : EXIT_NO;
}

int listen_exec_prepare(struct server *s)
{
    char **words = NULL;
    int result;
    if (s->a->shell) {
        words = calloc(4, sizeof *words);
        result = words ? 0 : -ENOMEM;
        if (words) {
            words[0] = (char *)"sh";
            words[1] = (char *)"-c";
            words[2] = (char *)s->a->exec;
        }
    } else {
        result = words_split(s->a->exec, &words);
    }
    if (result == -EINVAL) {
        return command_usage_error(
            &command_listen, "--exec: '%s' is no command (a quote without its end?)", s->a->exec);
    }
    s->exec_words = words;
    if (result == 0)
        result = child_find(s->a->shell ? "/bin/sh" : words[0], &s->exec_path);
    return result < 0 ? fail(s, words ? words[0] : s->a->exec, -result) : 0;
}
