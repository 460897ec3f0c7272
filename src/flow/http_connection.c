#include "flow/http_connection.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "flow/http_connection_body.h"
#include "flow/http_connection_send.h"
#include "flow/http_log.h"
#include "flow/http_site.h"
#include "flow/http_worker.h"
#include "flow/target.h"
#include "flow/tls.h"

enum {
    STEPS = 16,            /* of a turn, before others have theirs */
    REQUESTS = 64,         /* dealt with in one step */
    BATCH_BYTES = 1 << 16, /* answers that are collected before they are sent */
    IN_MAX = HTTP_SCRATCH + HTTP_HEAD_MAX,
};
static const uint64_t linger_ns = 2 * 1000000000ull;

static struct http_connection *of_stream(struct stream *s)
{
    return (struct http_connection *)((char *)s - offsetof(struct http_connection, stream));
}

/* -- beginning and end -- */

/* The handshake of TLS, apart: it doesn't last. */
struct http_handshake {
    struct tls_handshake tls;
    struct http_connection *connection;
};

static void end_handshake(struct http_connection *c)
{
    if (c->handshake)
        tls_handshake_drop(c->worker->loop, &c->handshake->tls);
    free(c->handshake);
    c->handshake = NULL;
}

static void end_log(struct http_connection *c);

void http_connection_close(struct http_connection *c)
{
    struct http_worker *w = c->worker;
    end_log(c);
    loop_timer_stop(w->loop, &c->timer);
    loop_turn_stop(w->loop, &c->turn);
    if (c->phase != HTTP_PHASE_HANDSHAKE && !stream_is_plain(&c->stream))
        stream_finish(w->loop, &c->stream); /* to be told from a cut (close_notify) */
    stream_close(w->loop, &c->stream);
    end_handshake(c);
    http_answer_clear(&c->answer);
    buf_free(&c->in);
    buf_free(&c->held);
    buf_free(&c->line);
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    free(c);
    http_worker_gone(w);
}

/* All is said. Whoever may still be talking is heard out for a while: to close at once would reset
 * the connection, and could take our last words from him. */
static int part(struct http_connection *c, bool may_talk)
{
    if (!may_talk || stream_finish(c->worker->loop, &c->stream) < 0) {
        http_connection_close(c);
        return -1;
    }
    c->phase = HTTP_PHASE_PARTING;
    buf_free(&c->in);
    http_connection_arm(c, linger_ns);
    return 1;
}

/* -- the log -- */

static bool logs(const struct http_connection *c)
{
    return c->worker->log.fd >= 0;
}

static void begin_log(struct http_connection *c, const char *base)
{
    struct http_worker *w = c->worker;
    const struct http_slice line = c->parser.request.line;
    bool at_once = !c->answer.file && !c->answer.upload;
    struct buf *to = at_once ? &w->log.lines : &c->line;
    w->totals.requests++;
    c->log_bytes = c->answer.length;
    if (!logs(c)) {
        w->totals.bytes += at_once ? c->log_bytes : 0;
        return;
    }
    http_log_begin(&w->log, to, c->peer, c->answer.user, w->clock_s, base + line.at, line.n);
    if (!at_once)
        return;
    http_log_end(to, c->answer.status, c->log_bytes);
    w->totals.bytes += c->log_bytes;
    http_worker_log_later(w);
}

/* Of an answer that took its time. */
static void end_log(struct http_connection *c)
{
    struct http_worker *w = c->worker;
    if (!c->answer.file && !c->answer.upload && c->line.len == 0)
        return;
    w->totals.bytes += c->log_bytes;
    if (c->line.len == 0)
        return;
    http_log_end(&c->line, c->answer.status, c->log_bytes);
    buf_add(&w->log.lines, c->line.data, c->line.len);
    buf_clear(&c->line);
    http_worker_log_later(w);
}

/* -- answering -- */

static struct http_question ask(struct http_connection *c, const char *base)
{
    struct http_worker *w = c->worker;
    http_worker_set_clock(w);
    w->files.round = w->loop->now_ns;
    w->files.waited = c->waited;
    c->waited = false; /* what is behind it may have come just now */
    return (struct http_question){.site = w->site,
                                  .files = &w->files,
                                  .request = &c->parser.request,
                                  .base = base,
                                  .now_s = w->clock_s,
                                  .date = w->date,
                                  .ending = w->stopping};
}

/* The answer is put together; nothing of it but what is in the worker's buffer is sent yet. 1: the
 * next request may come; 0: not before this answer is sent; -1: it ends. */
static int after_answer(struct http_connection *c, bool may_talk)
{
    bool closes = c->answer.close, follows = c->answer.file != NULL;
    if (!closes && !follows && c->worker->out.len < BATCH_BYTES) {
        c->parser = (struct http_parser){0};
        return 1;
    }
    c->phase = HTTP_PHASE_ANSWER;
    c->may_talk = may_talk;
    return 0;
}

static int answer_fault(struct http_connection *c, const char *base, int status, const char *why)
{
    struct http_worker *w = c->worker;
    http_worker_set_clock(w);
    http_answer_fault(status, why, w->date, &w->out, &c->answer);
    begin_log(c, base);
    return after_answer(c, true);
}

static int answer_request(struct http_connection *c, const char *base)
{
    const struct http_request *r = &c->parser.request;
    const struct http_question q = ask(c, base);
    http_answer(&q, &c->worker->out, &c->answer);
    begin_log(c, base);
    if (!c->answer.upload)
        return after_answer(c, r->chunked || r->content_length > 0);
    c->phase = HTTP_PHASE_BODY;
    c->chunked = (struct http_chunked){0};
    c->body_left = r->content_length;
    c->body_got = 0;
    http_connection_arm(c, c->worker->site->idle_timeout_ns);
    return 1;
}

/* -- bodies -- */

static int end_upload(struct http_connection *c, int error)
{
    const struct http_question q = ask(c, NULL);
    http_answer_uploaded(&q, error, &c->worker->out, &c->answer);
    c->phase = HTTP_PHASE_HEAD;
    c->log_bytes += c->answer.length;
    end_log(c);
    return after_answer(c, error != 0);
}

/* -- receiving -- */

/* One request's head, or a piece of a body. What take_* below return, and *ret_used. */
static int take_head(struct http_connection *c, const char *bytes, size_t n, size_t *ret_used)
{
    int r = http_parse(&c->parser, bytes, n);
    *ret_used = 0;
    if (r == -EAGAIN) {
        if (!c->half)
            http_connection_arm(c, c->worker->site->header_timeout_ns);
        c->half = true;
        return 0;
    }
    c->half = false;
    if (r < 0)
        return answer_fault(c, bytes, c->parser.status, c->parser.why);
    *ret_used = c->parser.request.length;
    return answer_request(c, bytes);
}

static int take_body(struct http_connection *c, const char *bytes, size_t n, size_t *ret_used)
{
    int error = 0;
    bool whole = false;
    *ret_used = http_connection_take_body(c, bytes, n, &error, &whole);
    http_connection_arm(c, c->worker->site->idle_timeout_ns);
    return error || whole ? end_upload(c, error) : 1;
}

/* Deals with what was received; how many bytes are done with. */
static size_t take(struct http_connection *c, const char *bytes, size_t n)
{
    size_t at = 0;
    assert(c->worker->out.len == 0);
    for (int i = 0; i < REQUESTS && c->phase <= HTTP_PHASE_BODY; i++) {
        size_t used;
        bool empty_body =
            c->phase == HTTP_PHASE_BODY && !c->parser.request.chunked && c->body_left == 0;
        if (at == n && !empty_body)
            break;
        int r = c->phase == HTTP_PHASE_BODY ? take_body(c, bytes + at, n - at, &used)
                                            : take_head(c, bytes + at, n - at, &used);
        at += used;
        if (r <= 0)
            break;
    }
    return at;
}

/* After some bytes were dealt with: sends the answers. 1: goes on; 0: waits; -1: ended. */
static int settle(struct http_connection *c)
{
    int r = http_connection_flush(c);
    if (r < 0) {
        http_connection_close(c);
        return -1;
    }
    if (c->phase == HTTP_PHASE_HEAD && !c->half)
        http_connection_arm(c, c->worker->site->idle_timeout_ns);
    return 1;
}

/* What waits in the connection's own buffer. */
static int take_kept(struct http_connection *c)
{
    size_t used = take(c, c->in.data, c->in.len);
    c->in.len -= used;
    memmove(c->in.data, c->in.data + used, c->in.len);
    if (c->in.len == 0)
        buf_free(&c->in);
    return settle(c);
}

static int receive(struct http_connection *c)
{
    bool keeps = c->in.len > 0;
    char *to = keeps ? buf_reserve(&c->in, HTTP_HEAD_MAX) : c->worker->scratch;
    size_t room = keeps ? HTTP_HEAD_MAX : HTTP_SCRATCH;
    ssize_t n = to ? stream_read(&c->stream, to, room) : -ENOMEM;
    if (n == -EAGAIN)
        return 0;
    if (n <= 0) {
        http_connection_close(c);
        return -1;
    }
    /* Less than there was room for: that was all, and more is an event of its own (epoll(7)). An
     * end that came along is none. */
    if ((size_t)n < room && stream_is_plain(&c->stream) && !c->stream.hung_up)
        c->stream.can_read = false;
    if (keeps) {
        c->in.len += (size_t)n;
        return take_kept(c);
    }
    size_t used = take(c, to, (size_t)n);
    buf_add(&c->in, to + used, (size_t)n - used);
    return settle(c);
}

static int send_on(struct http_connection *c)
{
    if (!c->stream.can_write)
        return 0;
    int r = http_connection_push(c);
    if (r == -EAGAIN)
        return 0;
    if (r < 0) {
        http_connection_close(c);
        return -1;
    }
    if (r == 0)
        return 1;
    if (c->answer.upload) { /* what was before it, or "100 Continue" */
        c->phase = HTTP_PHASE_BODY;
        return 1;
    }
    end_log(c);
    bool closes = c->answer.close || (c->worker->stopping && c->in.len == 0);
    http_answer_clear(&c->answer);
    if (closes)
        return part(c, c->may_talk || c->in.len > 0);
    c->phase = HTTP_PHASE_HEAD;
    c->half = false;
    c->parser = (struct http_parser){0};
    http_connection_arm(c, c->worker->site->idle_timeout_ns);
    return 1;
}

static int hear_out(struct http_connection *c)
{
    if (!c->stream.can_read)
        return 0;
    ssize_t n = stream_read(&c->stream, c->worker->scratch, HTTP_SCRATCH);
    if (n == -EAGAIN)
        return 0;
    if (n > 0)
        return 1;
    http_connection_close(c);
    return -1;
}

/* 1: there is more to do; 0: it waits for the client; -1: it has ended, and is gone. */
static int step(struct http_connection *c)
{
    switch (c->phase) {
    case HTTP_PHASE_ANSWER:
        return send_on(c);
    case HTTP_PHASE_PARTING:
        return hear_out(c);
    default:
        if (c->in.len > 0 && !c->half)
            return take_kept(c);
        return c->stream.can_read ? receive(c) : 0;
    }
}

static void drive(struct http_connection *c)
{
    c->dry = false;
    for (int i = 0; i < STEPS; i++) {
        int r = step(c);
        if (r < 0)
            return;
        if (r == 0) {
            c->dry = !c->stream.can_read;
            c->waited = false;
            return;
        }
    }
    c->waited = false;
    loop_turn_add(c->worker->loop, &c->turn);
}

/* -- what the loop calls -- */

static void stream_ready(struct loop *l, struct stream *s)
{
    struct http_connection *c = of_stream(s);
    (void)l;
    if (c->turn.at)
        return;
    c->waited = c->dry && s->can_read; /* as epoll said at the round's beginning */
    drive(c);
}

static void run_turn(struct loop *l, struct loop_turn *t)
{
    (void)l;
    drive((struct http_connection *)((char *)t - offsetof(struct http_connection, turn)));
}

static void time_out(struct loop *l, struct loop_timer *t)
{
    struct http_connection *c =
        (struct http_connection *)((char *)t - offsetof(struct http_connection, timer));
    if (l->now_ns < c->deadline_ns) {
        loop_timer_set(l, &c->timer, c->deadline_ns);
        return;
    }
    if (c->phase != HTTP_PHASE_HEAD || !c->half) {
        http_connection_close(c);
        return;
    }
    c->half = false;
    answer_fault(c, c->in.data, 408, "the request didn't come to its end in time");
    if (settle(c) > 0)
        drive(c);
}

static void name_peer(struct http_connection *c, const struct sockaddr_storage *peer)
{
    struct net_addr a;
    uint16_t port;
    _cleanup_buf_ struct buf text = BUF_INIT(sizeof c->peer);
    if (target_get_ip(peer, &a, &port)) {
        a = net_addr_unmap(&a);
        net_addr_format(&text, &a);
    } else {
        buf_str(&text, peer->ss_family == AF_UNIX ? "unix:" : "vsock:");
    }
    strcpy(c->peer, buf_cstr(&text));
}

/* There is a stream. */
static int begin(struct http_connection *c)
{
    c->phase = HTTP_PHASE_HEAD;
    c->stream.ready = stream_ready;
    http_connection_arm(c, c->worker->site->idle_timeout_ns);
    return stream_start(c->worker->loop, &c->stream);
}

/* Whoever spoke plain HTTP understands an answer in it; the beginning of his request is lost. */
static void answer_plainly(struct http_connection *c)
{
    stream_init_socket(&c->stream, fd_take(&c->handshake->tls.fd));
    end_handshake(c);
    if (begin(c) < 0) {
        http_connection_close(c);
        return;
    }
    answer_fault(c, "", 400, "this port speaks HTTPS: the address begins with https://");
    if (settle(c) > 0)
        drive(c);
}

static void fail_handshake(struct http_connection *c, const struct err *e)
{
    if (c->worker->unshaken)
        c->worker->unshaken(e);
    if (c->handshake->tls.spoke_http)
        answer_plainly(c);
    else
        http_connection_close(c);
}

static void shaken(struct loop *l, struct tls_handshake *h, const struct err *e)
{
    struct http_connection *c = ((struct http_handshake *)h)->connection;
    if (e) {
        fail_handshake(c, e);
        return;
    }
    tls_handshake_take(l, h, &c->stream, NULL);
    end_handshake(c);
    if (begin(c) < 0)
        http_connection_close(c);
    else
        drive(c);
}

/* Takes fd over. */
static int shake(struct http_connection *c, int fd)
{
    const struct http_site *site = c->worker->site;
    const struct tls_peer_name who = {.who = c->peer};
    c->phase = HTTP_PHASE_HANDSHAKE;
    c->handshake = calloc(1, sizeof *c->handshake);
    if (!c->handshake) {
        close(fd);
        return -ENOMEM;
    }
    c->handshake->connection = c;
    c->handshake->tls.done = shaken;
    return tls_handshake_start(c->worker->loop, &c->handshake->tls, site->tls, fd, &who,
                               site->tls_timeout_ms, NULL);
}

static void link_to(struct http_worker *w, struct http_connection *c)
{
    c->worker = w;
    c->next = w->connections;
    c->at = &w->connections;
    if (c->next)
        c->next->at = &c->next;
    w->connections = c;
}

void http_connection_start(struct http_worker *w, int fd, const struct sockaddr_storage *peer)
{
    struct http_connection *c = calloc(1, sizeof *c);
    if (!c) {
        close(fd);
        http_worker_gone(w);
        return;
    }
    c->in = BUF_INIT(IN_MAX);
    c->held = BUF_INIT(HTTP_HELD_MAX);
    c->line = BUF_INIT(1 << 16);
    c->timer.fire = time_out;
    c->turn.run = run_turn;
    name_peer(c, peer);
    link_to(w, c);
    int r;
    if (w->site->tls) {
        r = shake(c, fd);
    } else {
        stream_init_socket(&c->stream, fd);
        r = begin(c);
    }
    if (r < 0)
        http_connection_close(c);
    else if (c->phase != HTTP_PHASE_HANDSHAKE)
        drive(c);
}

void http_connection_wind_down(struct http_connection *c)
{
    bool idle = c->phase == HTTP_PHASE_HEAD && !c->half && c->in.len == 0;
    if (idle || c->phase == HTTP_PHASE_HANDSHAKE)
        http_connection_close(c);
}
