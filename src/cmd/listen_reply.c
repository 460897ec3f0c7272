/* `berth listen --reply`: a text with its fields filled in, once to a connection, and to each
 * datagram.
 */
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/unescape.h"
#include "cmd/commands.h"
#include "cmd/listen.h"
#include "flow/farewell.h"
#include "flow/solo.h"

enum { TEXT_MAX = 1 << 20 };

struct client_reply {
    struct client client;
    struct farewell farewell; /* of a connection */
    struct solo solo;         /* of datagrams */
    struct pump_hook hook;
    struct buf text;
    int64_t bytes_in, bytes_to_empty; /* what datagrams without bytes were answered */
};

/* The text */

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

void listen_reply_text(struct buf *out, const struct client *c)
{
    fill_in(out, c, &c->worker->server->reply);
}

/* A connection */

static void said(struct loop *l, struct farewell *f, int error)
{
    struct client_reply *c =
        (struct client_reply *)((char *)f - offsetof(struct client_reply, farewell));
    (void)l;
    client_over(&c->client, &(struct client_end){.why = error ? WHY_PEER_FAILED : WHY_ENDED,
                                                 .error = error,
                                                 .bytes_in = (int64_t)f->bytes_in,
                                                 .bytes_out = (int64_t)f->bytes_out});
}

static int start_connection(struct client_reply *c)
{
    _cleanup_buf_ struct buf text = BUF_INIT(TEXT_MAX);
    fill_in(&text, &c->client, &c->client.worker->server->reply);
    c->farewell.over = said;
    farewell_start(&c->client.worker->loop, &c->farewell, fd_take(&c->client.fd), text.data,
                   text.len);
    return 0;
}

/* Datagrams */

static void solo_over(struct loop *l, struct solo *solo)
{
    struct client_reply *c =
        (struct client_reply *)((char *)solo - offsetof(struct client_reply, solo));
    (void)l;
    buf_free(&c->text);
    client_over(&c->client,
                &(struct client_end){.why = event_why_of(solo->why),
                                     .error = solo->error,
                                     .bytes_in = c->bytes_in,
                                     .bytes_out = (int64_t)solo->pump.bytes + c->bytes_to_empty});
}

/* In the place of each datagram, the reply. Several that came together are answered so. */
static int answer(struct pump_hook *hook, const char **bytes, size_t *n)
{
    struct client_reply *c =
        (struct client_reply *)((char *)hook - offsetof(struct client_reply, hook));
    struct dgram *d = &c->client.dgram_peer->dgram;
    size_t datagrams = d->segment ? (*n + d->segment - 1) / d->segment : 1;
    if (*n == 0)
        return 0;
    c->bytes_in += (int64_t)*n;
    buf_clear(&c->text);
    fill_in(&c->text, &c->client, &c->client.worker->server->reply);
    size_t length = c->text.len;
    for (size_t i = 1; i < datagrams && (i + 1) * length < DGRAM_ROOM; i++)
        fill_in(&c->text, &c->client, &c->client.worker->server->reply);
    d->segment = c->text.len > length ? (uint32_t)length : 0;
    *bytes = c->text.data;
    *n = c->text.len;
    return 0;
}

static void answer_empty(struct dgram *d)
{
    struct client_reply *c = d->owner;
    _cleanup_buf_ struct buf text = BUF_INIT(TEXT_MAX);
    fill_in(&text, &c->client, &c->client.worker->server->reply);
    ssize_t sent = dgram_send(&d->way, text.data, text.len, text.len, &d->out);
    c->bytes_to_empty += sent > 0 ? sent : 0; /* without room it is lost, as datagrams are */
}

static int start_datagrams(struct client_reply *c)
{
    struct solo *solo = &c->solo;
    const struct listen_arguments *a = c->client.worker->server->a;
    solo_init(solo, NULL);
    solo->idle_ns = client_idle_ns(&c->client);
    solo->lifetime_ns = a->lifetime_ns;
    solo->over = solo_over;
    struct dgram *d = client_stream(&c->client, &solo->s);
    dgram_join_pump(&solo->pump, d, d);
    d->empty = answer_empty;
    c->text = BUF_INIT(TEXT_MAX);
    c->hook.pass = answer;
    solo->pump.hooks = &c->hook;
    int result = solo_start(&c->client.worker->loop, solo, c->client.worker->scratch);
    if (result < 0)
        stream_close(&c->client.worker->loop, &solo->s);
    return result;
}

static int start(struct client *client)
{
    struct client_reply *c = (struct client_reply *)client;
    return client->dgram_peer ? start_datagrams(c) : start_connection(c);
}

static void stop(struct client *client, enum event_why why)
{
    struct client_reply *c = (struct client_reply *)client;
    struct farewell *f = &c->farewell;
    if (client->dgram_peer) {
        solo_stop(&client->worker->loop, &c->solo);
        return;
    }
    farewell_drop(&client->worker->loop, f);
    client_over(client, &(struct client_end){.why = why,
                                             .bytes_in = (int64_t)f->bytes_in,
                                             .bytes_out = (int64_t)f->bytes_out});
}

const struct listen_mode listen_mode_reply = {sizeof(struct client_reply), false, false, start,
                                              stop};

int listen_reply_prepare(struct server *s)
{
    const char *bad = NULL;
    s->reply = BUF_INIT(1 << 18);
    if (text_unescape(&s->reply, s->a->reply, &bad) == 0)
        return 0;
    return command_usage_error(
        &command_listen,
        "--reply: there is no escape like this, '%.3s'; a backslash is to be "
        "written twice",
        bad + 1);
}
