#include "flow/http_worker.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/time.h"
#include "flow/accept.h"
#include "flow/http_connection.h"
#include "flow/http_site.h"

enum { OUT_MAX = 32 << 20, NS_PER_S = 1000000000 };

static void flush_log(struct loop *l, struct loop_turn *t)
{
    struct http_worker *w =
        (struct http_worker *)((char *)t - offsetof(struct http_worker, flush_turn));
    (void)l;
    http_log_flush(&w->log);
}

static void end_grace(struct loop *l, struct loop_timer *t)
{
    struct http_worker *w = (struct http_worker *)((char *)t - offsetof(struct http_worker, grace));
    (void)l;
    while (w->connections)
        http_connection_close(w->connections);
}

int http_worker_init(struct http_worker *w)
{
    w->scratch = malloc(HTTP_SCRATCH);
    if (!w->scratch)
        return -ENOMEM;
    w->out = BUF_INIT(OUT_MAX);
    w->clock_s = -1;
    w->flush_turn = (struct loop_turn){.run = flush_log};
    w->grace = (struct loop_timer){.fire = end_grace};
    http_files_init(&w->files, w->site->root_fd, &w->site->types);
    http_log_init(&w->log, w->site->log_fd);
    return 0;
}

void http_worker_clear(struct http_worker *w)
{
    w->stopped = NULL;
    while (w->connections)
        http_connection_close(w->connections);
    loop_turn_stop(w->loop, &w->flush_turn);
    loop_timer_stop(w->loop, &w->grace);
    http_files_clear(&w->files);
    http_log_clear(&w->log);
    buf_free(&w->out);
    free(w->scratch);
    w->scratch = NULL;
}

void http_worker_take(struct http_worker *w, int fd, const struct sockaddr_storage *peer)
{
    w->totals.connections++;
    http_connection_start(w, fd, peer);
}

void http_worker_gone(struct http_worker *w)
{
    accept_gone(w->accept);
    if (w->waits && !w->connections && w->stopped)
        w->stopped(w);
}

void http_worker_stop(struct http_worker *w, uint64_t grace_ns)
{
    w->stopping = true;
    for (struct http_connection *c = w->connections, *next; c; c = next) {
        next = c->next;
        http_connection_wind_down(c);
    }
    w->waits = w->connections != NULL;
    if (w->waits)
        loop_timer_after(w->loop, &w->grace, grace_ns);
    else
        w->stopped(w);
}

void http_worker_set_clock(struct http_worker *w)
{
    int64_t now_s = (int64_t)(time_real_ns() / NS_PER_S);
    if (now_s == w->clock_s)
        return;
    w->clock_s = now_s;
    http_date_format(now_s, w->date);
}

void http_worker_log_later(struct http_worker *w)
{
    loop_turn_add(w->loop, &w->flush_turn);
}
