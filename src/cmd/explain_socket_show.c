/* What `berth explain socket` answers: in words, and in JSON. */
#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "cmd/explain_socket.h"
#include "cmd/explain_words.h"
#include "net/state.h"
#include "render/style.h"

enum { NS_PER_MS = 1000000, SHOWN = 12 };

/* Of each situation: what it is, what the one who has to move must do, and what helps. */
struct words {
    const char *is, *must, *help;
    bool by_kernel; /* of the other end: its kernel, whatever its program does */
};

static const struct words words[] = {
    [SITUATION_UNKNOWN] = {"in a state that isn't known", NULL, NULL},
    [SITUATION_BOUND] = {"has its port, and neither listens nor is connected",
                         "call listen or connect, or close it", NULL},
    [SITUATION_LISTENS] = {"listens, and nobody waits to be accepted", "connect", NULL},
    [SITUATION_TO_ACCEPT] = {"listens, and clients wait to be accepted", "call accept", NULL},
    [SITUATION_QUEUE_FULL] = {"its accept queue is full: new clients are dropped without a word",
                              "call accept",
                              "see what keeps the program busy; a longer queue is asked for with "
                              "listen's backlog, up to net.core.somaxconn"},
    [SITUATION_CONNECTING] = {"it asks to connect, and nobody has answered yet", "answer the SYN",
                              "see whether the other host is up, and whether a firewall drops it: "
                              "berth explain connect",
                              true},
    [SITUATION_HANDSHAKE] = {"a client asked to connect, was answered, and hasn't confirmed",
                             "confirm the handshake", NULL, true},
    [SITUATION_NOT_ACCEPTED] = {"connected, but the program hasn't accepted it", "call accept",
                                NULL},
    [SITUATION_IDLE] = {"connected; everything sent has been acknowledged, everything received "
                        "read",
                        NULL, NULL},
    [SITUATION_UNREAD] = {"its program has bytes to read", "read", NULL},
    [SITUATION_SENDING] = {"bytes are on their way to the other side", "acknowledge them", NULL,
                           true},
    [SITUATION_RETRANSMITS] = {"the other side doesn't acknowledge what was sent, so that it is "
                               "sent again and again",
                               "acknowledge it",
                               "see whether the other host is still there, and the way to it",
                               true},
    [SITUATION_ZERO_WINDOW] = {"the other side takes no more: its program doesn't read, and its "
                               "buffer is full",
                               "read", NULL},
    [SITUATION_FIN_SENT] = {"closed on this side, which the other side hasn't acknowledged",
                            "acknowledge it", NULL, true},
    [SITUATION_HALF_CLOSED] = {"this side has sent its last byte and still reads; the other side "
                               "hasn't closed",
                               "close", NULL},
    [SITUATION_FIN_AWAITED] = {"its program has closed it; the kernel waits a while for the other "
                               "side to close too",
                               "close", NULL},
    [SITUATION_END_AWAITED] = {"both sides have closed; the other side's end hasn't arrived here",
                               "send it again", NULL, true},
    [SITUATION_NOT_CLOSED] = {"the other side has closed; the program on this side hasn't",
                              "read to the end and close",
                              "it is a fault of that program where it lasts: end it, or its "
                              "connection (berth free)"},
    [SITUATION_LAST_ACK] = {"both sides have closed; the last acknowledgement is missing",
                            "acknowledge it", NULL, true},
    [SITUATION_BOTH_CLOSING] = {"both sides have closed at the same time; an acknowledgement is "
                                "missing",
                                "acknowledge it", NULL, true},
    [SITUATION_TIME_WAIT] = {"over; the kernel keeps the port for a while, for late packets", NULL,
                             "nothing has to be done: a server that sets SO_REUSEADDR can listen "
                             "there at once"},
    [SITUATION_RECEIVES] = {"receives datagrams, and has none to read", "send some", NULL},
    [SITUATION_ASSOCIATED] = {"sends to one peer and receives from it, and has nothing to read",
                              NULL, NULL},
    [SITUATION_RECEIVE_FULL] = {"datagrams were dropped, since its program didn't read in time",
                                "read",
                                "see what keeps the program busy; SO_RCVBUF gives more room, up "
                                "to net.core.rmem_max"},
};
static_assert(sizeof words / sizeof *words == SITUATIONS, "words for every situation");

static void put_address(struct buf *out, const struct net_socket *s, enum net_end end)
{
    _cleanup_buf_ struct buf text = BUF_INIT(256);
    net_socket_format_end(&text, s, end);
    text_escape(out, text.data, text.len);
}

static void put_duration(struct buf *out, uint64_t ms)
{
    time_format_duration(out, ms * NS_PER_MS);
}

/* Owners are in the sockets already. */
static void put_owner(struct buf *out, const struct net_socket *s)
{
    struct explain_host none = {0};
    explain_put_owner(out, &none, s);
}

static enum render_style style_of(const struct socket_case *c)
{
    switch (c->state.situation) {
    case SITUATION_QUEUE_FULL:
    case SITUATION_NOT_CLOSED:
    case SITUATION_RETRANSMITS:
    case SITUATION_ZERO_WINDOW:
    case SITUATION_RECEIVE_FULL:
        return RENDER_BAD;
    default:
        return RENDER_STRONG;
    }
}

static void put_head(struct buf *out, const struct socket_case *c, bool colour)
{
    const struct net_socket *s = c->socket;
    buf_printf(out, "%s ", net_kind_name(s->kind));
    put_address(out, s, NET_END_LOCAL);
    if (s->peer_port) {
        buf_str(out, " - ");
        put_address(out, s, NET_END_PEER);
    }
    buf_str(out, ", ");
    style_begin(out, colour, style_of(c));
    buf_str(out, s->kind == NET_UDP ? "UDP" : net_state_name(s->state));
    style_end(out, colour, style_of(c));
    buf_printf(out, ": %s\n", words[c->state.situation].is);
}

static void put_holder(struct buf *out, const struct net_socket *s)
{
    buf_str(out, "  held by     ");
    put_owner(out, s);
    if (s->n_owners == 1)
        buf_printf(out, ", descriptor %d", s->owners[0].fd);
    buf_char(out, '\n');
}

/* "nginx[812] of root must …", "the other side, 192.0.2.7:80, must …" */
static void put_mover(struct buf *out, const struct socket_case *c)
{
    const char *must = words[c->state.situation].must;
    bool known = c->far && c->far->n_owners;
    if (!must)
        return;
    buf_str(out, "  to move     ");
    switch (c->state.mover) {
    case MOVER_PROGRAM:
        put_owner(out, c->socket);
        break;
    case MOVER_LISTENER:
        if (c->listener)
            put_owner(out, c->listener);
        else
            buf_str(out, "the program that listens");
        break;
    case MOVER_PEER:
        if (!c->socket->peer_port) {
            buf_str(out, "whoever sends");
        } else if (c->far && words[c->state.situation].by_kernel) {
            buf_str(out, "the kernel, at the other end,");
        } else if (known) {
            put_owner(out, c->far);
            buf_str(out, ", at the other end,");
        } else {
            buf_str(out, "the other side, ");
            put_address(out, c->socket, NET_END_PEER);
            buf_char(out, ',');
        }
        break;
    case MOVER_CLIENT:
        buf_str(out, "a client");
        break;
    default:
        buf_str(out, "the kernel");
        break;
    }
    buf_printf(out, " must %s\n", must);
}

static void put_how_long(struct buf *out, const struct predict_state *s)
{
    if (!words[s->situation].must && s->situation != SITUATION_TIME_WAIT)
        return;
    if (s->for_ever) {
        if (s->situation != SITUATION_LISTENS && s->situation != SITUATION_RECEIVES)
            buf_str(out, "  how long    until then: the kernel sets no limit\n");
        return;
    }
    if (s->limit_ms == 0)
        return;
    buf_str(out, "  how long    at most ");
    put_duration(out, s->limit_ms);
    buf_str(out,
            s->counts_from_loss ? " from the first loss on, then the kernel gives up\n" : "\n");
}

static const char *timer_words(const struct socket_case *c)
{
    static const struct {
        const char *timer, *words;
    } all[] = {
        {"on", "sends again"},
        {"persist", "asks whether the other side takes more"},
        {"probe", "sends a probe"},
        {"keepalive", "asks whether the other side is still there (keepalive)"},
    };
    if (c->state.situation == SITUATION_HANDSHAKE)
        return "answers again";
    if (c->state.situation == SITUATION_FIN_AWAITED)
        return NULL;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].timer, c->socket->timer) == 0)
            return all[i].words;
    return NULL;
}

static void put_timer(struct buf *out, const struct socket_case *c)
{
    const struct predict_state *s = &c->state;
    const char *does = s->due ? timer_words(c) : NULL;
    if (!does)
        return;
    buf_str(out, "  timer       in ");
    put_duration(out, s->due_ms);
    buf_printf(out, " the kernel %s", does);
    if (s->retries)
        buf_printf(out, ", after %llu time%s in vain", (unsigned long long)s->retries,
                   s->retries == 1 ? "" : "s");
    buf_char(out, '\n');
}

static void put_next(struct buf *out, const struct predict_state *s)
{
    if (s->gone_next)
        buf_str(out, "  next        it is gone, and the port is free\n");
    else if (s->next != NET_STATE_UNKNOWN)
        buf_printf(out, "  next        %s\n", net_state_name(s->next));
}

static void put_bytes(struct buf *out, uint64_t n)
{
    buf_u64(out, n);
    buf_str(out, n == 1 ? " byte" : " bytes");
}

static void put_amount(struct buf *out, uint64_t n, const char *what, bool *any)
{
    if (n == 0)
        return;
    buf_str(out, *any ? ", " : "  queues      ");
    put_bytes(out, n);
    buf_printf(out, " %s", what);
    *any = true;
}

/* The kernel counts what datagrams take of its buffers, which is more than their bytes. */
static void put_datagrams(struct buf *out, const struct predict_state *s)
{
    bool any = false;
    put_amount(out, s->unread, "of buffer, taken by datagrams not read by the program", &any);
    put_amount(out, s->unacknowledged, "of buffer, taken by datagrams not sent yet", &any);
    if (any)
        buf_char(out, '\n');
}

static void put_queues(struct buf *out, const struct predict_state *s)
{
    bool any = false;
    put_amount(out, s->unread, "received and not read by the program", &any);
    put_amount(out, s->unacknowledged, "sent and not acknowledged by the other side", &any);
    put_amount(out, s->unsent, "written and not sent yet", &any);
    if (s->end_unread) {
        buf_printf(out, "%sthe program hasn't read up to the other side's end",
                   any ? ", " : "  queues      ");
        any = true;
    }
    if (s->waiting) {
        buf_str(out, any ? ", " : "  queues      ");
        explain_put_waiting(out, s->waiting);
        any = true;
        buf_printf(out, " to be accepted, and there is room for %llu",
                   (unsigned long long)s->room + 1);
    }
    if (any)
        buf_char(out, '\n');
}

static void put_far(struct buf *out, const struct socket_case *c)
{
    if (!c->far)
        return;
    buf_str(out, "  other end   ");
    put_owner(out, c->far);
    buf_printf(out, ", %s", net_state_name(c->far->state));
    if (c->far_state.unread) {
        buf_str(out, ", with ");
        put_bytes(out, c->far_state.unread);
        buf_str(out, c->far->kind == NET_UDP ? " of buffer taken by what its program hasn't read"
                                             : " that its program hasn't read");
    }
    buf_char(out, '\n');
}

static void put_case(struct buf *out, const struct socket_case *c, bool colour)
{
    put_head(out, c, colour);
    put_holder(out, c->socket);
    put_mover(out, c);
    put_how_long(out, &c->state);
    put_timer(out, c);
    put_next(out, &c->state);
    if (c->socket->kind == NET_UDP)
        put_datagrams(out, &c->state);
    else
        put_queues(out, &c->state);
    put_far(out, c);
    if (words[c->state.situation].help)
        buf_printf(out, "  what helps  %s\n", words[c->state.situation].help);
}

void explain_socket_show_words(struct output *o, const struct socket_answer *a)
{
    struct buf *out = &o->out.buf;
    size_t start = out->len;
    size_t n = a->cases.len < SHOWN ? a->cases.len : SHOWN;
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_char(out, '\n');
        put_case(out, vec_at(&a->cases, i), o->options.colour);
    }
    if (a->cases.len == 0)
        buf_printf(out, "%s\n", a->none->len ? buf_cstr(a->none) : "there is no such socket");
    if (a->cases.len + a->left_out > n)
        buf_printf(out, "\nand %zu more (berth list shows them all)\n",
                   a->cases.len + a->left_out - n);
    output_wrap(o, start);
}

/* JSON */

static void json_number(struct jsonw *j, const char *key, bool known, uint64_t value)
{
    jsonw_key(j, key);
    if (known)
        jsonw_u64(j, value);
    else
        jsonw_null(j);
}

static void json_text(struct jsonw *j, const char *key, const char *text)
{
    jsonw_key(j, key);
    jsonw_str(j, text);
}

static void json_socket(struct jsonw *j, const char *key, const struct net_socket *s)
{
    struct explain_host none = {0};
    jsonw_key(j, key);
    if (!s) {
        jsonw_null(j);
        return;
    }
    jsonw_object(j);
    explain_json_socket(j, &none, s);
    jsonw_object_end(j);
}

static void json_bytes(struct jsonw *j, const char *key, const struct socket_case *c,
                       uint64_t value)
{
    json_number(j, key, c->socket->kind != NET_UDP || value == 0, value);
}

static void json_state(struct jsonw *j, const struct socket_case *c)
{
    const struct predict_state *s = &c->state;
    json_text(j, "situation", predict_situation_name(s->situation));
    json_text(j, "meaning", words[s->situation].is);
    json_text(j, "to_move", predict_mover_name(s->mover));
    json_text(j, "must", words[s->situation].must);
    json_number(j, "limit_ms", !s->for_ever && s->limit_ms, s->limit_ms);
    json_text(j, "next", s->next ? net_state_name(s->next) : NULL);
    json_number(j, "timer_ms", s->due, s->due_ms);
    json_number(j, "timer_retries", s->due, s->retries);
    json_bytes(j, "unread_bytes", c, s->unread);
    jsonw_key(j, "end_unread");
    jsonw_bool(j, s->end_unread);
    json_bytes(j, "unacknowledged_bytes", c, s->unacknowledged);
    json_number(j, "unsent_bytes", true, s->unsent);
    json_number(j, "waiting", true, s->waiting);
}

static void json_case(struct jsonw *j, const struct socket_case *c)
{
    struct explain_host none = {0};
    jsonw_object(j);
    json_text(j, "proto", net_kind_name(c->socket->kind));
    explain_json_socket(j, &none, c->socket);
    json_state(j, c);
    json_number(j, "room", c->socket->kind == NET_TCP && c->socket->state == NET_LISTEN,
                c->state.room);
    json_text(j, "timer", c->state.due ? c->socket->timer : NULL);
    json_socket(j, "far_end", c->far);
    json_socket(j, "listener", c->listener);
    jsonw_object_end(j);
}

void explain_socket_show_json(struct output *o, const struct socket_answer *a)
{
    struct jsonw j = JSONW_INIT(&o->out.buf);
    jsonw_object(&j);
    jsonw_key(&j, "sockets");
    jsonw_array(&j);
    for (size_t i = 0; i < a->cases.len; i++)
        json_case(&j, vec_at(&a->cases, i));
    jsonw_array_end(&j);
    jsonw_key(&j, "left_out");
    jsonw_u64(&j, a->left_out);
    jsonw_object_end(&j);
    buf_char(&o->out.buf, '\n');
}
