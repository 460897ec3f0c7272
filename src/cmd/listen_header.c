/* The PROXY header of a client, before anything else: who it really is. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "cmd/listen.h"
#include "flow/proxy_header.h"

enum { HEADER_NS = 1000000000, HEADER_SECONDS = 5 };

struct header_stage {
    struct client *client;
    struct loop_watch watch;
    struct loop_timer timer;
};

void header_stage_drop(struct client *c)
{
    struct header_stage *h = c->header;
    loop_watch_stop(&c->worker->loop, &h->watch);
    loop_timer_stop(&c->worker->loop, &h->timer);
    free(h);
    c->header = NULL;
}

static void refuse(struct client *c, const char *words)
{
    header_stage_drop(c);
    client_over(c, &(struct client_end){.why = WHY_HEADER, .words = words});
}

static void take(struct client *c, const struct proxy_header *header)
{
    enum accept_refusal why;
    if (header->known) {
        c->peer = header->from;
        c->peer_n = header->from_n;
        c->local = header->to;
        c->local_n = header->to_n;
    }
    if (!accept_may(&c->worker->server->accept, &c->peer, &why)) {
        refuse(c, "the address in its PROXY header may not come");
        return;
    }
    header_stage_drop(c);
    client_go_on(c);
}

/* The bytes stay in the socket until the header is whole, and what follows stays there: a process
 * may be the next to read. */
static void read_header(struct client *c, bool ended)
{
    char bytes[PROXY_HEADER_MAX];
    struct proxy_header header;
    ssize_t got = recv(c->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        refuse(c, "it ended before its PROXY header did");
        return;
    }
    int length = proxy_header_parse(bytes, (size_t)got, &header);
    if (length < 0)
        refuse(c, "it didn't begin with a PROXY header");
    else if (length == 0 && ended)
        refuse(c, "it ended before its PROXY header did");
    if (length <= 0)
        return;
    if (recv(c->fd, bytes, (size_t)length, MSG_DONTWAIT) != length)
        refuse(c, "its PROXY header can't be read");
    else
        take(c, &header);
}

static void ready(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct header_stage *h =
        (struct header_stage *)((char *)w - offsetof(struct header_stage, watch));
    (void)l;
    read_header(h->client, events & (EPOLLRDHUP | EPOLLHUP));
}

static void fire(struct loop *l, struct loop_timer *t)
{
    struct header_stage *h =
        (struct header_stage *)((char *)t - offsetof(struct header_stage, timer));
    (void)l;
    refuse(h->client, "no PROXY header came in 5 seconds");
}

/* Edge-triggered: what was looked at and left there doesn't wake us again. */
int header_stage_start(struct client *c)
{
    struct loop *l = &c->worker->loop;
    struct header_stage *h = calloc(1, sizeof *h);
    if (!h)
        return -ENOMEM;
    h->client = c;
    h->watch.ready = ready;
    h->timer.fire = fire;
    c->header = h;
    int result = loop_timer_after(l, &h->timer, (uint64_t)HEADER_SECONDS * HEADER_NS);
    if (result == 0)
        result = loop_watch_start(l, &h->watch, c->fd, EPOLLIN | EPOLLRDHUP | EPOLLET);
    if (result < 0)
        header_stage_drop(c);
    return result;
}
