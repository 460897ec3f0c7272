/* The first line of an answer: whether it connects, and to whom. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "cmd/explain_connect.h"
#include "cmd/explain_words.h"
#include "render/style.h"

void explain_connect_put_endpoint(struct buf *out, const struct connect_answer *a)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1024);
    target_format(&text, &a->target.address, a->target.address_n);
    buf_str(out, a->connection.kind == NET_UDP ? "udp " : "tcp ");
    text_escape(out, buf_cstr(&text), text.len);
}

static void put_error(struct buf *out, const struct connect_answer *a)
{
    buf_printf(out, "%s fails with %s (%s)", a->bind_fails ? "bind" : "connect",
               err_name(a->connect.error), strerror(a->connect.error));
}

/* Of the sockets of a group, the first that this holder has. */
static bool is_new_holder(const struct vec *group, size_t n)
{
    const struct net_socket *const *all = group->items;
    for (size_t i = 0; i < n; i++)
        if (all[i]->n_owners == 0 ? all[n]->n_owners == 0
                                  : all[n]->n_owners && all[i]->owners->pid == all[n]->owners->pid)
            return false;
    return true;
}

/* "2 sockets of app[812]", "2 sockets, of app-v1[812] or app-v2[813]", "8 sockets of several
 * processes" */
static void put_members(struct buf *out, struct connect_question *q, const struct vec *group)
{
    const struct net_socket *const *all = group->items;
    size_t looked_at = group->len < EXPLAIN_CONNECT_NAMED ? group->len : EXPLAIN_CONNECT_NAMED,
           holders = 0;
    for (size_t i = 0; i < looked_at; i++) {
        explain_host_find_owner(q->host, all[i]);
        holders += is_new_holder(group, i);
    }
    bool name = holders <= 2 && (holders == 1 || group->len <= EXPLAIN_CONNECT_NAMED);
    buf_printf(out, "%zu sockets", group->len);
    buf_str(out, !name ? " of several processes" : holders == 1 ? " of " : ", of ");
    for (size_t i = 0, named = 0; name && i < looked_at; i++) {
        if (!is_new_holder(group, i))
            continue;
        buf_str(out, named++ ? " or " : "");
        explain_put_owner(out, q->host, all[i]);
    }
}

static void put_receiver(struct buf *out, struct connect_question *q,
                         const struct connect_answer *a)
{
    const struct predict_receiver *r = &a->connect.receiver;
    const struct connect_answer *behind = explain_connect_behind(a);
    if (behind) {
        put_receiver(out, a->forward.question, behind);
        return;
    }
    if (a->connect.itself) {
        buf_str(out, "the socket that connects: both ends are the same");
    } else if (r->group.len) {
        buf_str(out, "one of ");
        put_members(out, q, &r->group);
    } else {
        explain_put_owner(out, q->host, r->socket);
    }
}

static void put_accepted(struct buf *out, struct connect_question *q,
                         const struct connect_answer *a)
{
    explain_connect_put_endpoint(out, a);
    buf_str(out, a->connection.kind == NET_UDP ? " is received by " : " is accepted by ");
    put_receiver(out, q, a);
}

static void put_refused(struct buf *out, struct connect_question *q, const struct connect_answer *a)
{
    (void)q;
    explain_connect_put_endpoint(out, a);
    if (a->connection.kind == NET_UDP)
        buf_str(out, " has no receiver: connect succeeds, and what follows it gets ECONNREFUSED");
    else
        buf_printf(out, " is refused, %s (%s): nobody listens there", err_name(ECONNREFUSED),
                   strerror(ECONNREFUSED));
}

static void put_dropped(struct buf *out, struct connect_question *q, const struct connect_answer *a)
{
    explain_connect_put_endpoint(out, a);
    if (a->connect.silence != SILENCE_QUEUE) {
        buf_str(out, a->connection.kind == NET_UDP ? " is lost: "
                                                   : " is not answered, ETIMEDOUT in the end: ");
        buf_str(out, a->connect.silence == SILENCE_TURNS_BACK
                         ? "what leaves by lo comes back there, and it is no address of this host"
                         : "the loopback interface is down, through which all goes that stays on "
                           "this host");
        return;
    }
    buf_str(out, " is not answered, ETIMEDOUT in the end: the accept queue of ");
    put_receiver(out, q, a);
    buf_str(out, " is full");
}

static void put_failed(struct buf *out, struct connect_question *q, const struct connect_answer *a)
{
    (void)q;
    explain_connect_put_endpoint(out, a);
    buf_str(out, ", ");
    put_error(out, a);
}

static void put_remote(struct buf *out, struct connect_question *q, const struct connect_answer *a)
{
    explain_connect_put_endpoint(out, a);
    if (a->forward.rule)
        buf_str(out,
                " is handed on to another host by a rule of the firewall: who answers there can't "
                "be known here");
    else if (a->route.kind == NET_ROUTE_MULTICAST)
        buf_str(out, " is a group: who receives it can't be known here");
    else if (a->connection.comes_in)
        buf_str(out, net_addr_is_loopback(&a->connection.to)
                         ? " is another host's own, when that one asks for it"
                         : " is no address of this host");
    else
        buf_str(out, " is on another host: who answers there can't be known here");
    (void)q;
}

static void put_depends(struct buf *out, struct connect_question *q, const struct connect_answer *a)
{
    explain_connect_put_endpoint(out, a);
    const struct connect_answer *last = explain_connect_behind(a) ? explain_connect_behind(a) : a;
    if (a->forward.rule && last == a) {
        buf_str(out,
                a->forward.certain
                    ? " is handed on by a rule of the firewall: who answers can't be known here"
                    : " may be handed on by a rule of the firewall");
    } else if (a->stopped && last->connect.receiver.socket) {
        buf_str(out, " would get to ");
        put_receiver(out, q, a);
        buf_str(out, ", but a rule of the firewall may stop it");
    } else if (a->stopped) {
        buf_str(out,
                ": nobody listens there, and it is refused, unless a rule of the firewall stops "
                "it before");
    }
}

struct verdict {
    const char *word;
    enum render_style style;
    void (*put)(struct buf *out, struct connect_question *q, const struct connect_answer *a);
};

static const struct verdict verdicts[] = {
    [CONNECT_ACCEPTED] = {"yes", RENDER_GOOD, put_accepted},
    [CONNECT_REFUSED] = {"no", RENDER_BAD, put_refused},
    [CONNECT_DROPPED] = {"no", RENDER_BAD, put_dropped},
    [CONNECT_UNREACHABLE] = {"no", RENDER_BAD, put_failed},
    [CONNECT_BLOCKED] = {"no", RENDER_BAD, put_failed},
    [CONNECT_REMOTE] = {"it leaves this host", RENDER_WARN, put_remote},
    [CONNECT_DEPENDS] = {"it depends", RENDER_WARN, put_depends},
};

void explain_connect_put_verdict(struct buf *out, struct connect_question *q,
                                 const struct connect_answer *a, bool colour)
{
    const struct verdict *v = &verdicts[a->connect.outcome];
    bool elsewhere =
        a->connect.outcome == CONNECT_REMOTE && a->connection.comes_in && !a->forward.rule;
    style_begin(out, colour, v->style);
    buf_str(out, elsewhere ? "it isn't for this host" : v->word);
    style_end(out, colour, v->style);
    buf_str(out, ": ");
    v->put(out, q, a);
    buf_char(out, '\n');
}
