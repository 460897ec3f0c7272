/* `berth listen --save`: what each client sends goes into a file of its own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "cmd/listen.h"
#include "flow/pair.h"

enum { NAME_TRIES = 100 };

struct client_save {
    struct client client;
    struct pair pair;
};

static void over(struct loop *l, struct pair *p)
{
    struct client_save *c = (struct client_save *)((char *)p - offsetof(struct client_save, pair));
    struct client_end end = {.why = event_why_of(p->why),
                             .error = p->error,
                             .bytes_in = (int64_t)p->ab.bytes,
                             .words = p->why == PAIR_B_FAILED ? "its file" : NULL};
    (void)l;
    client_over(&c->client, &end);
}

/* When, who: "20261121-070312-1-127.0.0.1-53412". Nothing that is there is ever overwritten. */
static int create(const struct client *c)
{
    char when[32], name[160], peer[64] = "unix";
    struct net_addr a;
    uint16_t port;
    struct tm local;
    time_t now = time(NULL);
    localtime_r(&now, &local);
    strftime(when, sizeof when, "%Y%m%d-%H%M%S", &local);
    if (target_get_ip(&c->peer, &a, &port)) {
        _cleanup_buf_ struct buf text = BUF_INIT(64);
        net_addr_format(&text, &a);
        snprintf(peer, sizeof peer, "%s-%u", buf_cstr(&text), port);
    }
    for (int i = 0; i < NAME_TRIES; i++) {
        snprintf(name, sizeof name, i ? "%s-%lu-%s-%d" : "%s-%lu-%s", when, (unsigned long)c->id,
                 peer, i);
        int fd = openat(c->worker->server->save_dir, name,
                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd < 0 ? -errno : fd;
    }
    return -EEXIST;
}

static int start(struct client *client)
{
    struct pair *p = &((struct client_save *)client)->pair;
    const struct listen_arguments *a = client->worker->server->a;
    int file = create(client);
    if (file < 0)
        return file;
    pair_init(p);
    dgram_join(p, client_stream(client, &p->a), NULL);
    stream_init_own(&p->b, -1, file);
    p->ab.rate = client_rate(client, &client->rate_in);
    p->on_a_end = PAIR_END;
    p->on_b_end = PAIR_KEEP; /* a file says nothing */
    p->idle_ns = client_idle_ns(client);
    p->lifetime_ns = a->lifetime_ns;
    p->over = over;
    int result = pair_start(&client->worker->loop, p, client->worker->scratch);
    if (result < 0) {
        stream_close(&client->worker->loop, &p->a);
        stream_close(&client->worker->loop, &p->b);
    }
    return result;
}

static void stop(struct client *client, enum event_why why)
{
    (void)why;
    pair_stop(&client->worker->loop, &((struct client_save *)client)->pair);
}

const struct listen_mode listen_mode_save = {sizeof(struct client_save), false, false, start, stop};

static int fail(const struct server *s, const char *hint)
{
    struct err e;
    err_set(&e, errno, "save into", s->a->save, hint ? "%s" : NULL, hint);
    flow_events_err(&s->events, EVENT_FAILED, &e);
    return e.code == EACCES ? EXIT_PERMISSION : EXIT_NO;
}

int listen_save_prepare(struct server *s)
{
    s->save_dir = open(s->a->save, O_DIRECTORY | O_CLOEXEC | O_RDONLY);
    return s->save_dir < 0 ? fail(s, errno == ENOENT ? "the folder must be there" : NULL) : 0;
}

int listen_save_check(const struct server *s)
{
    if (faccessat(s->save_dir, ".", W_OK | X_OK, AT_EACCESS) == 0)
        return 0;
    return fail(s, s->a->confine.user ? "the user of --user may not write there" : NULL);
}
