/* What -T reports of a socket: state, queues, options, windows.
 *
 * lsof on Linux knows state and queues alone; options, socket states, TCP flags and windows are
 * written as lsof(8) tells of other systems, in the order of their names.
 */
#include <fcntl.h>
#include <stdio.h>

#include "dialect/lsof.h"

static void add(struct buf *out, const char *name)
{
    buf_printf(out, "%s%s", out->len ? "," : "", name);
}

static void add_value(struct buf *out, const char *name, uint64_t value)
{
    add(out, name);
    buf_printf(out, "=%llu", (unsigned long long)value);
}

static void add_flag(struct buf *out, const struct net_socket *s, enum net_field f, bool set,
                     const char *name)
{
    if (net_socket_knows(s, f) && set)
        add(out, name);
}

static void add_socket_options(struct buf *out, const struct net_socket *s)
{
    bool listens = s->state == NET_LISTEN;
    if (listens)
        add(out, "ACCEPTCONN");
    add_flag(out, s, NET_F_BROADCAST, s->broadcast, "BROADCAST");
    if (net_socket_knows(s, NET_F_KEEPALIVE) && s->keepalive)
        net_socket_knows(s, NET_F_KEEPIDLE) ? add_value(out, "KEEPALIVE", s->keepidle_s)
                                            : add(out, "KEEPALIVE");
    if (net_socket_knows(s, NET_F_LINGER) && s->linger_s >= 0)
        add_value(out, "LINGER", (uint64_t)s->linger_s);
    if (listens && net_socket_knows(s, NET_F_RECV_Q))
        add_value(out, "QLEN", s->recv_q);
    if (listens && net_socket_knows(s, NET_F_SEND_Q))
        add_value(out, "QLIM", s->send_q);
    if (net_socket_knows(s, NET_F_RCVBUF))
        add_value(out, "RCVBUF", s->rcvbuf);
    add_flag(out, s, NET_F_REUSEADDR, s->reuseaddr, "REUSEADDR");
    add_flag(out, s, NET_F_REUSEPORT, s->reuseport, "REUSEPORT");
    if (net_socket_knows(s, NET_F_SNDBUF))
        add_value(out, "SNDBUF", s->sndbuf);
}

static void add_socket_states(struct buf *out, const struct lsof_file *f)
{
    static const char *const by_state[NET_STATES] = {
        [NET_ESTABLISHED] = "ISCONNECTED",
        [NET_SYN_SENT] = "ISCONNECTING",
        [NET_SYN_RECV] = "ISCONNECTING",
        [NET_FIN_WAIT1] = "CANTSENDMORE,ISDISCONNECTING",
        [NET_FIN_WAIT2] = "CANTSENDMORE,ISDISCONNECTING",
        [NET_CLOSE_WAIT] = "CANTRCVMORE,ISCONNECTED",
        [NET_LAST_ACK] = "CANTRCVMORE,CANTSENDMORE,ISDISCONNECTING",
        [NET_CLOSING] = "CANTRCVMORE,CANTSENDMORE,ISDISCONNECTING",
    };
    if (by_state[f->socket->state])
        add(out, by_state[f->socket->state]);
    if (f->flags & O_NONBLOCK)
        add(out, "NBIO");
}

static void add_tcp_flags(struct buf *out, const struct net_socket *s)
{
    if (s->kind != NET_TCP)
        return;
    add_flag(out, s, NET_F_CORK, s->cork, "CORK");
    if (net_socket_knows(s, NET_F_SND_MSS))
        add_value(out, "MSS", s->snd_mss);
    add_flag(out, s, NET_F_NODELAY, s->nodelay, "NODELAY");
}

const char *lsof_item_prefix(enum lsof_item item)
{
    static const char *const prefixes[] = {
        [LSOF_ITEM_STATE] = "ST=",         [LSOF_ITEM_RECV_QUEUE] = "QR=",
        [LSOF_ITEM_SEND_QUEUE] = "QS=",    [LSOF_ITEM_SOCKET_OPTIONS] = "SO=",
        [LSOF_ITEM_SOCKET_STATES] = "SS=", [LSOF_ITEM_TCP_FLAGS] = "TF=",
        [LSOF_ITEM_READ_WINDOW] = "WR=",   [LSOF_ITEM_WRITE_WINDOW] = "WW=",
    };
    return prefixes[item];
}

struct telling {
    void (*item)(void *ctx, enum lsof_item item, const char *value);
    void *ctx;
};

static void tell_number(const struct telling *t, enum lsof_item item, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    t->item(t->ctx, item, text);
}

static void tell_text(const struct telling *t, enum lsof_item item, struct buf *text)
{
    if (text->len > 0)
        t->item(t->ctx, item, buf_cstr(text));
    buf_clear(text);
}

static void tell_options(const struct telling *t, const struct lsof_file *f)
{
    _cleanup_buf_ struct buf text = BUF_INIT(4 << 10);
    add_socket_options(&text, f->socket);
    tell_text(t, LSOF_ITEM_SOCKET_OPTIONS, &text);
    add_socket_states(&text, f);
    tell_text(t, LSOF_ITEM_SOCKET_STATES, &text);
    add_tcp_flags(&text, f->socket);
    tell_text(t, LSOF_ITEM_TCP_FLAGS, &text);
}

static void tell_inet(const struct telling *t, const struct lsof_file *f, unsigned info)
{
    const struct net_socket *s = f->socket;
    if (info & LSOF_INFO_STATE && s->kind == NET_TCP)
        t->item(t->ctx, LSOF_ITEM_STATE, net_state_name(s->state));
    if (info & LSOF_INFO_QUEUES) {
        tell_number(t, LSOF_ITEM_RECV_QUEUE, s->recv_q);
        tell_number(t, LSOF_ITEM_SEND_QUEUE,
                    s->state == NET_LISTEN ? 0 : s->send_q); /* as /proc/net/tcp */
    }
    if (info & LSOF_INFO_OPTIONS)
        tell_options(t, f);
    if (info & LSOF_INFO_WINDOWS && net_socket_knows(s, NET_F_RCV_SPACE))
        tell_number(t, LSOF_ITEM_READ_WINDOW, s->rcv_space);
    if (info & LSOF_INFO_WINDOWS && net_socket_knows(s, NET_F_SND_WND))
        tell_number(t, LSOF_ITEM_WRITE_WINDOW, s->snd_wnd);
}

bool lsof_has_info(const struct lsof_file *f)
{
    return f->kind == LSOF_INET || f->kind == LSOF_UNIX;
}

void lsof_info(const struct lsof_view *v, const struct lsof_file *f,
               void (*item)(void *ctx, enum lsof_item item, const char *value), void *ctx)
{
    const struct telling t = {item, ctx};
    if (f->kind == LSOF_INET)
        tell_inet(&t, f, v->words->info);
    else if (f->kind == LSOF_UNIX && v->words->info & LSOF_INFO_STATE)
        item(ctx, LSOF_ITEM_STATE,
             f->socket->state == NET_LISTEN        ? "LISTEN"
             : f->socket->state == NET_ESTABLISHED ? "CONNECTED"
                                                   : "UNCONNECTED");
}
