/* What a client of `berth listen` gets: standard input and output, chat, echo, discard, a reply.
 * Modes with more to them have files of their own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/unescape.h"
#include "cmd/listen.h"
#include "flow/farewell.h"
#include "flow/solo.h"

/* Standard input and output; chat */

struct client_hub {
    struct client client;
    struct hub_member member;
};

static void member_over(struct loop *l, struct hub_member *m)
{
    struct client_hub *c = (struct client_hub *)((char *)m - offsetof(struct client_hub, member));
    (void)l;
    client_over(&c->client, &(struct client_end){.why = m->why,
                                                 .error = m->error,
                                                 .bytes_in = (int64_t)m->bytes_in,
                                                 .bytes_out = (int64_t)m->bytes_out});
}

static int start_member(struct client *c)
{
    struct hub_member *m = &((struct client_hub *)c)->member;
    struct server *s = c->worker->server;
    hub_member_init(m);
    m->id = c->id;
    m->idle_ns = s->a->idle_ns;
    m->lifetime_ns = s->a->lifetime_ns;
    m->rate_up = client_rate(c, &c->rate_in);
    m->rate_down = client_rate(c, &c->rate_out);
    m->over = member_over;
    stream_init_socket(&m->s, c->fd);
    c->fd = -1;
    int result = hub_join(&c->worker->hub, m);
    if (result < 0)
        stream_close(&c->worker->loop, &m->s);
    return result;
}

static void stop_member(struct client *c, enum event_why why)
{
    hub_drop(&((struct client_hub *)c)->member, why);
}

/* Echo and discard */

struct client_solo {
    struct client client;
    struct solo solo;
};

static void solo_over(struct loop *l, struct solo *solo)
{
    struct client_solo *c =
        (struct client_solo *)((char *)solo - offsetof(struct client_solo, solo));
    (void)l;
    client_over(&c->client,
                &(struct client_end){.why = event_why_of(solo->why),
                                     .error = solo->error,
                                     .bytes_in = (int64_t)solo->pump.bytes,
                                     .bytes_out = solo->sink ? 0 : (int64_t)solo->pump.bytes});
}

static int start_solo(struct client *c, struct stream *sink)
{
    struct solo *solo = &((struct client_solo *)c)->solo;
    struct server *s = c->worker->server;
    solo_init(solo, sink);
    solo->idle_ns = s->a->idle_ns;
    solo->lifetime_ns = s->a->lifetime_ns;
    solo->pump.rate = client_rate(c, &c->rate_in);
    solo->over = solo_over;
    stream_init_socket(&solo->s, c->fd);
    c->fd = -1;
    int result = solo_start(&c->worker->loop, solo, c->worker->scratch);
    if (result < 0)
        stream_close(&c->worker->loop, &solo->s);
    return result;
}

static int start_echo(struct client *c)
{
    return start_solo(c, NULL);
}

static int start_discard(struct client *c)
{
    return start_solo(c, &c->worker->null);
}

static void stop_solo(struct client *c, enum event_why why)
{
    struct solo *solo = &((struct client_solo *)c)->solo;
    (void)why;
    solo_stop(&c->worker->loop, solo);
}

/* A reply */

struct client_reply {
    struct client client;
    struct farewell farewell;
};

static void reply_over(struct loop *l, struct farewell *f, int error)
{
    struct client_reply *c =
        (struct client_reply *)((char *)f - offsetof(struct client_reply, farewell));
    (void)l;
    client_over(&c->client, &(struct client_end){.why = error ? WHY_PEER_FAILED : WHY_ENDED,
                                                 .error = error,
                                                 .bytes_in = (int64_t)f->bytes_in,
                                                 .bytes_out = (int64_t)f->bytes_out});
}

static void put_time(struct buf *out)
{
    char text[64];
    struct tm utc;
    time_t now = time(NULL);
    gmtime_r(&now, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    buf_str(out, text);
}

static void put_local(struct buf *out, const struct client *c)
{
    target_format(out, &c->local, c->local_n);
}

static void put_peer(struct buf *out, const struct client *c)
{
    target_format(out, &c->peer, c->peer_n);
}

static void put_id(struct buf *out, const struct client *c)
{
    buf_u64(out, c->id);
}

static void put_now(struct buf *out, const struct client *c)
{
    (void)c;
    put_time(out);
}

static const struct {
    const char *name;
    void (*put)(struct buf *out, const struct client *c);
} fields[] = {{"{local}", put_local}, {"{peer}", put_peer}, {"{id}", put_id}, {"{time}", put_now}};

/* Text in braces that means nothing stays as it is. */
static void fill_in(struct buf *out, const struct client *c, const struct buf *text)
{
    for (size_t at = 0; at < text->len;) {
        size_t taken = 0;
        for (size_t i = 0; i < sizeof fields / sizeof *fields && !taken; i++) {
            size_t n = strlen(fields[i].name);
            if (text->len - at < n || memcmp(text->data + at, fields[i].name, n) != 0)
                continue;
            fields[i].put(out, c);
            taken = n;
        }
        if (!taken)
            buf_char(out, text->data[at]);
        at += taken ? taken : 1;
    }
}

static int start_reply(struct client *c)
{
    struct farewell *f = &((struct client_reply *)c)->farewell;
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    fill_in(&text, c, &c->worker->server->reply);
    f->over = reply_over;
    farewell_start(&c->worker->loop, f, fd_take(&c->fd), text.data, text.len);
    return 0;
}

static void stop_reply(struct client *c, enum event_why why)
{
    struct farewell *f = &((struct client_reply *)c)->farewell;
    farewell_drop(&c->worker->loop, f);
    client_over(c, &(struct client_end){.why = why,
                                        .bytes_in = (int64_t)f->bytes_in,
                                        .bytes_out = (int64_t)f->bytes_out});
}

int listen_reply_prepare(struct server *s)
{
    const char *bad = NULL;
    s->reply = BUF_INIT(1 << 18);
    if (text_unescape(&s->reply, s->a->reply, &bad) == 0)
        return 0;
    err_tell("--reply: '%.4s' is no escape; write \\\\ for a backslash", bad);
    return EXIT_USAGE;
}

static const struct listen_mode mode_stdio = {sizeof(struct client_hub), false, true, start_member,
                                              stop_member},
                                mode_echo = {sizeof(struct client_solo), false, false, start_echo,
                                             stop_solo},
                                mode_discard = {sizeof(struct client_solo), false, false,
                                                start_discard, stop_solo},
                                mode_reply = {sizeof(struct client_reply), false, false,
                                              start_reply, stop_reply};

const struct listen_mode *const listen_modes[LISTEN_KINDS] = {
    [LISTEN_STDIO] = &mode_stdio,
    [LISTEN_ECHO] = &mode_echo,
    [LISTEN_REPLY] = &mode_reply,
    [LISTEN_DISCARD] = &mode_discard,
    [LISTEN_EXEC] = &listen_mode_exec,
    [LISTEN_FORWARD] = &listen_mode_forward,
    [LISTEN_CHAT] = &mode_stdio,
    [LISTEN_SAVE] = &listen_mode_save,
    [LISTEN_HANDOFF] = &listen_mode_handoff,
};
