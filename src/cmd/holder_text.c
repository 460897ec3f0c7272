#include "cmd/holder_text.h"

#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/text.h"
#include "base/time.h"
#include "cmd/socket_names.h"
#include "kernel/privilege.h"
#include "render/style.h"
#include "render/wrap.h"

enum {
    SHOWN_SOCKETS = 6,
    LABEL = 2 + 10 + 1, /* where facts begin, under each other */
    SHOWN_LINES = 3,    /* of what a process says of itself, which may be long */
};

static void put_escaped(struct buf *out, const char *text)
{
    text_escape(out, text, strlen(text));
}

void holder_name(struct buf *out, const struct predict_holder *h)
{
    if (h->process && h->process->comm[0])
        put_escaped(out, h->process->comm);
    else
        buf_str(out, "pid ");
    buf_char(out, '[');
    buf_i64(out, h->pid);
    buf_char(out, ']');
}

void holder_text_fit(struct holder_text *t, const struct render_options *o)
{
    t->colour = o->colour;
    t->width = o->terminal ? o->width : 0;
}

static void end_fact(struct buf *out, const struct holder_text *t, size_t start, uint16_t lines)
{
    wrap_line(out, start, &(struct wrap){t->width, LABEL, lines});
    buf_char(out, '\n');
}

void holder_end_line(struct buf *out, const struct holder_text *t, size_t start)
{
    end_fact(out, t, start, 0);
}

/* Where the line began. */
static size_t begin_fact(struct buf *out, const char *name)
{
    size_t start = out->len;
    buf_printf(out, "  %-10s ", name);
    return start;
}

static void fact(struct buf *out, const struct holder_text *t, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    size_t start = begin_fact(out, name);
    put_escaped(out, text);
    end_fact(out, t, start, SHOWN_LINES);
}

static void describe_user(struct buf *out, const struct holder_text *t, const struct net_process *p)
{
    if (!(p->known >> NET_P_UID & 1))
        return;
    size_t start = begin_fact(out, "user");
    if (p->user)
        put_escaped(out, p->user);
    else
        buf_u64(out, p->uid);
    if (p->cwd) {
        buf_str(out, ", in ");
        put_escaped(out, p->cwd);
    }
    end_fact(out, t, start, SHOWN_LINES);
}

static void describe_since(struct buf *out, const struct holder_text *t,
                           const struct net_process *p)
{
    char date[32];
    struct tm local;
    if (!(p->known >> NET_P_START & 1) || p->start_ns > t->view->boot_ns)
        return;
    uint64_t age_ns = t->view->boot_ns - p->start_ns;
    time_t started = (time_t)((t->real_ns - age_ns) / 1000000000);
    localtime_r(&started, &local);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &local);
    size_t start = begin_fact(out, "since");
    buf_printf(out, "%s, ", date);
    time_format_duration(out, age_ns);
    buf_str(out, " ago");
    holder_end_line(out, t, start);
}

static void describe_process(struct buf *out, const struct holder_text *t,
                             const struct net_process *p)
{
    fact(out, t, "command", p->cmdline);
    fact(out, t, "program", p->exe);
    describe_user(out, t, p);
    fact(out, t, "unit", p->unit);
    fact(out, t, "container", p->container);
    describe_since(out, t, p);
}

static void put_end(struct buf *out, const struct holder_text *t, const struct net_socket *s,
                    enum net_end end)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1024);
    struct socket_row row = {.socket = s, .view = t->view};
    socket_names_format_end(&text, &row, end);
    style_begin(out, t->colour, RENDER_ADDRESS);
    text_escape(out, text.data, text.len);
    style_end(out, t->colour, RENDER_ADDRESS);
}

static void describe_queue(struct buf *out, const struct holder_text *t, const struct net_socket *s)
{
    if (s->state != NET_LISTEN || !net_socket_knows(s, NET_F_SEND_Q))
        return;
    buf_printf(out, ", accept queue %lu of %lu", s->recv_q, s->send_q);
    if (s->recv_q <= s->send_q)
        return;
    style_begin(out, t->colour, RENDER_BAD);
    buf_str(out, ": full, new connections are dropped");
    style_end(out, t->colour, RENDER_BAD);
}

static void describe_listener(struct buf *out, const struct holder_text *t,
                              const struct net_socket *s)
{
    struct socket_row row = {.socket = s, .view = t->view};
    _cleanup_buf_ struct buf reach = BUF_INIT(1024);
    socket_row_describe_reach(&reach, &row);

    buf_str(out, net_kind_name(s->kind));
    buf_char(out, ' ');
    put_end(out, t, s, NET_END_LOCAL);
    enum render_style style = t->colour ? socket_row_reach_style(&row) : RENDER_PLAIN;
    buf_str(out, " (");
    style_begin(out, t->colour, style);
    text_escape(out, reach.data, reach.len);
    style_end(out, t->colour, style);
    buf_char(out, ')');
    if (s->state == NET_LISTEN) {
        uint32_t clients = predict_clients_of(t->clients, s);
        buf_printf(out, "; %u connection%s", clients, clients == 1 ? "" : "s");
    }
    describe_queue(out, t, s);
}

static void describe_connection(struct buf *out, const struct holder_text *t,
                                const struct net_socket *s)
{
    buf_str(out, net_kind_name(s->kind));
    buf_char(out, ' ');
    put_end(out, t, s, NET_END_LOCAL);
    if (s->peer_port || s->peer_inode) { /* /proc has no UNIX peers */
        buf_str(out, " to ");
        put_end(out, t, s, NET_END_PEER);
    }
    buf_printf(out, ", %s", net_state_name(s->state));
    if (s->detached == NET_IN_QUEUE)
        buf_str(out, ", waits to be accepted");
}

static void describe_bound(struct buf *out, const struct holder_text *t, const struct net_socket *s)
{
    buf_str(out, net_kind_name(s->kind));
    buf_char(out, ' ');
    put_end(out, t, s, NET_END_LOCAL);
    buf_str(out, ", neither listening nor connected");
}

static void describe_remains(struct buf *out, const struct holder_text *t,
                             const struct net_socket *s)
{
    describe_connection(out, t, s);
    if (!net_socket_knows(s, NET_F_TIMER_MS))
        return;
    buf_str(out, ", ");
    time_format_duration(out, s->timer_ms * 1000000);
    buf_str(out, " left");
}

static void describe_socket(struct buf *out, const struct holder_text *t,
                            const struct predict_held *held)
{
    const struct net_socket *s = held->socket;
    switch (held->hold) {
    case PREDICT_HOLD_LISTENS:
        describe_listener(out, t, s);
        break;
    case PREDICT_HOLD_BOUND:
        describe_bound(out, t, s);
        break;
    case PREDICT_HOLD_REMAINS:
        describe_remains(out, t, s);
        break;
    default:
        describe_connection(out, t, s);
    }
}

static const char *const hold_names[PREDICT_HOLDS] = {
    [PREDICT_HOLD_LISTENS] = "listens",     [PREDICT_HOLD_SERVES] = "serves",
    [PREDICT_HOLD_CONNECTED] = "connected", [PREDICT_HOLD_BOUND] = "bound",
    [PREDICT_HOLD_REMAINS] = "remains",
};

static uint64_t netns_of(const struct predict_held *held)
{
    return net_socket_knows(held->socket, NET_F_NETNS) ? held->socket->netns : 0;
}

static bool is_in_one_netns(const struct predict_holder *h)
{
    for (size_t i = 1; i < h->sockets.len; i++)
        if (netns_of(vec_at(&h->sockets, i)) != netns_of(vec_at(&h->sockets, 0)))
            return false;
    return h->sockets.len > 0;
}

/* By name, by a process in it, or by inode: what --netns takes. False for the asker's own. */
static bool name_netns(struct buf *ret, const struct holder_text *t,
                       const struct predict_held *held)
{
    uint64_t inode = netns_of(held);
    if (!inode || !t->netns || inode == t->netns)
        return false;
    const struct net_namespace *n = socket_view_namespace(t->view, inode);
    if (n && n->name[0])
        buf_str(ret, n->name);
    else if (n && n->pid)
        buf_printf(ret, "pid %d", n->pid);
    else
        buf_u64(ret, inode);
    return true;
}

/* Of all of its sockets, else each tells its own. */
static void describe_netns(struct buf *out, const struct holder_text *t,
                           const struct predict_holder *h)
{
    _cleanup_buf_ struct buf name = BUF_INIT(256);
    if (is_in_one_netns(h) && name_netns(&name, t, vec_at(&h->sockets, 0)))
        fact(out, t, "namespace", buf_cstr(&name));
}

static void describe_own_netns(struct buf *out, const struct holder_text *t,
                               const struct predict_held *held)
{
    _cleanup_buf_ struct buf name = BUF_INIT(256);
    if (!name_netns(&name, t, held))
        return;
    buf_str(out, ", in network namespace ");
    text_escape(out, name.data, name.len);
}

/* Accepted connections are counted at their listener; the others are told one by one, a few. */
static void describe_sockets(struct buf *out, const struct holder_text *t,
                             const struct predict_holder *h, enum predict_hold wanted)
{
    uint32_t shown = 0;
    bool in_several = !is_in_one_netns(h);
    for (size_t i = 0; i < h->sockets.len; i++) {
        const struct predict_held *held = vec_at(&h->sockets, i);
        if (held->hold != wanted)
            continue;
        if (shown == SHOWN_SOCKETS) {
            buf_printf(out, "  %-10s and %u more\n", "", h->counts[wanted] - shown);
            return;
        }
        size_t start = begin_fact(out, shown++ ? "" : hold_names[wanted]);
        describe_socket(out, t, held);
        if (in_several)
            describe_own_netns(out, t, held);
        holder_end_line(out, t, start);
    }
}

static void describe_served(struct buf *out, const struct predict_holder *h)
{
    if (h->counts[PREDICT_HOLD_SERVES] && !h->counts[PREDICT_HOLD_LISTENS])
        buf_printf(out, "  %-10s %u accepted connection%s\n", hold_names[PREDICT_HOLD_SERVES],
                   h->counts[PREDICT_HOLD_SERVES], h->counts[PREDICT_HOLD_SERVES] == 1 ? "" : "s");
}

static void describe_hidden(struct buf *out, const struct holder_text *t)
{
    if (t->view->live)
        buf_printf(out, "a process that you may not see (%s)", privilege_to_see());
    else
        buf_str(out, "a process that couldn't be seen when this was saved");
}

static void describe_title(struct buf *out, const struct holder_text *t,
                           const struct predict_holder *h)
{
    enum render_style style = h->pid ? RENDER_NAME : RENDER_DIM;
    style_begin(out, t->colour, style);
    if (h->pid)
        holder_name(out, h);
    else if (h->hidden)
        describe_hidden(out, t);
    else
        buf_str(out, "no process");
    style_end(out, t->colour, style);
    buf_char(out, '\n');
}

void holder_describe(struct buf *out, const struct holder_text *t, const struct predict_holder *h)
{
    describe_title(out, t, h);
    if (h->process)
        describe_process(out, t, h->process);
    describe_netns(out, t, h);
    describe_sockets(out, t, h, PREDICT_HOLD_LISTENS);
    describe_served(out, h);
    describe_sockets(out, t, h, PREDICT_HOLD_CONNECTED);
    describe_sockets(out, t, h, PREDICT_HOLD_BOUND);
    describe_sockets(out, t, h, PREDICT_HOLD_REMAINS);
}
