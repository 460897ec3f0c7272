/* What a client of `berth listen` gets: standard input and output, chat, echo, discard.
 * Modes with more to them have files of their own.
 */

#include "cmd/listen.h"
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
    client_over(&c->client,
                &(struct client_end){.why = m->why,
                                     .error = m->error,
                                     .words = m->why == WHY_FAR_FAILED ? "standard output" : NULL,
                                     .bytes_in = (int64_t)m->bytes_in,
                                     .bytes_out = (int64_t)m->bytes_out});
}

static int start_member(struct client *c)
{
    struct hub_member *m = &((struct client_hub *)c)->member;
    struct server *s = c->worker->server;
    hub_member_init(m);
    m->id = c->id;
    m->idle_ns = client_idle_ns(c);
    m->lifetime_ns = s->a->lifetime_ns;
    m->rate_up = client_rate(c, &c->rate_in);
    m->rate_down = client_rate(c, &c->rate_out);
    m->over = member_over;
    m->dgram = client_stream(c, &m->s);
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
    solo->idle_ns = client_idle_ns(c);
    solo->lifetime_ns = s->a->lifetime_ns;
    solo->pump.rate = client_rate(c, &c->rate_in);
    solo->over = solo_over;
    struct dgram *d = client_stream(c, &solo->s);
    dgram_join_pump(&solo->pump, d, sink ? NULL : d);
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

static const struct listen_mode mode_stdio = {sizeof(struct client_hub), false, true, start_member,
                                              stop_member},
                                mode_echo = {sizeof(struct client_solo), false, false, start_echo,
                                             stop_solo},
                                mode_discard = {sizeof(struct client_solo), false, false,
                                                start_discard, stop_solo};

const struct listen_mode *const listen_modes[LISTEN_KINDS] = {
    [LISTEN_STDIO] = &mode_stdio,
    [LISTEN_ECHO] = &mode_echo,
    [LISTEN_REPLY] = &listen_mode_reply,
    [LISTEN_DISCARD] = &mode_discard,
    [LISTEN_EXEC] = &listen_mode_exec,
    [LISTEN_FORWARD] = &listen_mode_forward,
    [LISTEN_CHAT] = &mode_stdio,
    [LISTEN_SAVE] = &listen_mode_save,
    [LISTEN_HANDOFF] = &listen_mode_handoff,
};
