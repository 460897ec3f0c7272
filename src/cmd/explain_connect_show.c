/* What `berth explain connect` answers, in words: the answer first, then why, then what to do. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "cmd/explain_connect.h"
#include "cmd/explain_words.h"

static void put(struct buf *out, const char *text)
{
    text_escape(out, text, strlen(text));
}

static void put_device(struct buf *out, const struct connect_question *q, uint32_t ifindex)
{
    const char *name = explain_host_device_name(q->host, ifindex);
    if (*name)
        put(out, name);
    else
        buf_printf(out, "device %u", ifindex);
}

/* The way */

static void put_source(struct buf *out, const struct connect_answer *a)
{
    if (!a->route.source.family)
        return;
    buf_str(out, ", from ");
    net_addr_format(out, &a->route.source);
}

static void put_remote_way(struct buf *out, const struct connect_question *q,
                           const struct connect_answer *a)
{
    if (a->connection.comes_in || !a->route.ifindex)
        return;
    buf_str(out, "  it goes out through ");
    put_device(out, q, a->route.ifindex);
    if (a->route.gateway.family) {
        buf_str(out, " to the gateway ");
        net_addr_format(out, &a->route.gateway);
    }
    put_source(out, a);
    buf_char(out, '\n');
}

static void put_local_way(struct buf *out, const struct connect_question *q,
                          const struct connect_answer *a)
{
    if (a->connection.comes_in) {
        buf_str(out, "  it comes in through ");
        put_device(out, q, a->route.ifindex);
    } else {
        buf_str(out, "  the address is this host's, on ");
        put_device(out, q, a->route.ifindex);
    }
    put_source(out, a);
    buf_char(out, '\n');
}

static void put_way(struct buf *out, const struct connect_question *q,
                    const struct connect_answer *a)
{
    static const char *const refusals[] = {
        [NET_ROUTE_UNREACHABLE] = "a route of type unreachable leads there",
        [NET_ROUTE_PROHIBIT] = "a route of type prohibit leads there",
        [NET_ROUTE_BLACKHOLE] = "a route of type blackhole leads there",
        [NET_ROUTE_NONE] = "no route leads there",
        [NET_ROUTE_BROADCAST] = "it is a broadcast address",
        [NET_ROUTE_MULTICAST] = "it is the address of a group",
        [NET_ROUTE_KINDS] = NULL,
    };
    bool known = a->route.kind == NET_ROUTE_BROADCAST || a->exhausted != TRI_NO;
    if ((a->connect.outcome == CONNECT_BLOCKED && !known) ||
        (explain_connect_behind(a) && a->route.kind == NET_ROUTE_REMOTE))
        return;
    if (a->connection.comes_in && a->connect.outcome == CONNECT_REMOTE) {
        if (net_addr_is_loopback(&a->connection.to))
            buf_str(out, "  every host has a loopback of its own\n");
        return;
    }
    if (a->route.kind == NET_ROUTE_LOCAL && a->connect.outcome != CONNECT_REMOTE)
        put_local_way(out, q, a);
    else if (a->route.kind == NET_ROUTE_NONE && a->connect.error == EADDRNOTAVAIL)
        buf_str(out, "  this host has no IPv6 address that it could come from\n");
    else if (refusals[a->route.kind])
        buf_printf(out, "  %s\n", refusals[a->route.kind]);
    else
        put_remote_way(out, q, a);
    if (a->connect.outcome == CONNECT_REMOTE && a->connection.ifindex &&
        a->route.kind == NET_ROUTE_LOCAL)
        buf_str(out, "  the address is this host's, but bound to another device it is sent out\n");
}

/* What the caller does wrong */

static void put_socket(struct buf *out, struct connect_question *q, const struct net_socket *s,
                       const char *indent)
{
    buf_str(out, indent);
    explain_put_socket(out, q->host, s);
    buf_char(out, '\n');
}

static void put_taken(struct buf *out, struct connect_question *q, const struct connect_answer *a)
{
    const struct predict_blocker *all = a->bind.blockers.items;
    buf_printf(out, "  the address or port that it is to come from: %s\n",
               explain_rule(a->bind.rule));
    if (a->no_way_back && !a->bind.blockers.len)
        buf_str(out, "  and no route leads to that address, so that another host which has it "
                     "couldn't be answered\n");
    for (size_t i = 0; i < a->bind.blockers.len && i < EXPLAIN_CONNECT_NAMED; i++)
        put_socket(out, q, all[i].socket, "    ");
    if (a->bind.blockers.len > EXPLAIN_CONNECT_NAMED)
        buf_printf(out, "    and %zu more\n", a->bind.blockers.len - EXPLAIN_CONNECT_NAMED);
}

static void put_fault(struct buf *out, struct connect_question *q, const struct connect_answer *a)
{
    const struct predict_connection *c = &a->connection;
    if (a->exhausted != TRI_NO)
        buf_printf(out,
                   "  every port from %u to %u (net.ipv4.ip_local_port_range) %s taken, so that "
                   "none is left for this end of the connection\n",
                   q->host->settings.range_first, q->host->settings.range_last,
                   a->exhausted == TRI_YES ? "is" : "may be");
    if (a->connect.outcome != CONNECT_BLOCKED || a->exhausted != TRI_NO)
        return;
    if (a->bind_fails)
        put_taken(out, q, a);
    else if (c->loopback_leaves)
        buf_str(out, "  an address of loopback stays on this host: nothing is sent elsewhere from "
                     "it\n");
    else if (c->unknown_device)
        buf_str(out, "  there is no such device\n");
    else if (c->from.family && c->from.family != c->to.family)
        buf_printf(out, "  the address that it is to come from is %s, this one isn't\n",
                   c->from.family == AF_INET ? "IPv4" : "IPv6");
    else if (a->connect.error == EAFNOSUPPORT)
        buf_str(out, "  this kernel has no IPv6\n");
    else if (a->connect.error == EINVAL)
        buf_str(out, "  an address of the link needs to be told the link\n");
    else if (a->connect.receiver.connection)
        buf_str(out, "  between these two ends there is a connection already\n");
}

/* Who gets it */

static void put_queue(struct buf *out, const struct connect_answer *a)
{
    const struct predict_connect *c = &a->connect;
    if (c->outcome == CONNECT_DROPPED && c->silence != SILENCE_QUEUE)
        return;
    if (c->outcome != CONNECT_DROPPED && !(c->outcome == CONNECT_ACCEPTED && c->waiting))
        return;
    buf_str(out, "    ");
    explain_put_waiting(out, c->waiting);
    buf_printf(out, " to be accepted, and there is room for %llu", (unsigned long long)c->room + 1);
    buf_str(out, c->outcome == CONNECT_ACCEPTED
                     ? "\n"
                     : ": until the program accepts some, new ones are dropped without a word, and "
                       "their clients try again for about two minutes\n");
}

static void put_group(struct buf *out, struct connect_question *q, const struct connect_answer *a)
{
    const struct vec *group = &a->connect.receiver.group;
    buf_printf(out,
               "  %zu sockets share it by SO_REUSEPORT; which of them gets it, the kernel "
               "decides by both ends (--from ADDRESS:PORT tells for one), or a program of "
               "theirs:\n",
               group->len);
    for (size_t i = 0; i < group->len && i < EXPLAIN_CONNECT_NAMED; i++)
        put_socket(out, q, *(const struct net_socket **)vec_at(group, i), "    ");
    if (group->len > EXPLAIN_CONNECT_NAMED)
        buf_printf(out, "    and %zu more\n", group->len - EXPLAIN_CONNECT_NAMED);
}

static void put_listener(struct buf *out, struct connect_question *q,
                         const struct connect_answer *a)
{
    const struct predict_receiver *r = &a->connect.receiver;
    if (r->group.len)
        put_group(out, q, a);
    else if (r->socket)
        put_socket(out, q, r->socket, "  ");
    put_queue(out, a);
}

static void put_only(struct buf *out, const struct net_socket *s)
{
    buf_str(out, "it listens on ");
    net_addr_format(out, &s->local);
    buf_str(out, net_addr_is_loopback(&s->local) ? " only, which is for this machine alone"
                                                 : " only, another address of this host");
}

/* Why it isn't this one: beside a winner, the kernel's preference; without one, what it lacks. */
static void put_loss(struct buf *out, const struct predict_other *o, bool winner)
{
    buf_str(out, "    ");
    if (o->loss == LOSS_ADDRESS && !winner)
        put_only(out, o->socket);
    else if (o->loss == LOSS_FAMILY)
        buf_str(out, "it is for IPv4, and this address is IPv6");
    else if (o->loss == LOSS_V6ONLY)
        buf_str(out, "it takes IPv6 only (IPV6_V6ONLY), and this address is IPv4");
    else
        buf_str(out, explain_loss(o->loss));
    buf_char(out, '\n');
}

static void put_others(struct buf *out, struct connect_question *q, const struct connect_answer *a)
{
    const struct predict_receiver *r = &a->connect.receiver;
    const struct predict_other *all = r->others.items;
    size_t shown = 0, n = 0;
    for (size_t i = 0; i < r->others.len; i++) {
        if (all[i].socket == r->socket)
            continue;
        if (++n > EXPLAIN_CONNECT_NAMED)
            continue;
        put_socket(out, q, all[i].socket, r->socket ? "  passed over: " : "  ");
        put_loss(out, &all[i], r->socket != NULL);
        shown++;
    }
    if (n > shown)
        buf_printf(out, "  and %zu more that don't get it\n", n - shown);
    if (!r->socket && a->bound && (a->stopped || a->connect.outcome == CONNECT_REFUSED))
        put_socket(out, q, a->bound, "  ");
}

/* What isn't known */

static void put_doubt(struct buf *out, struct connect_question *q, const struct connect_answer *a)
{
    const struct predict_receiver *r = &a->connect.receiver;
    if (a->connect.outcome != CONNECT_DEPENDS || a->stopped || a->forward.rule ||
        a->exhausted != TRI_NO)
        return;
    if (a->route.kind == NET_ROUTE_UNKNOWN && !q->host->reader)
        buf_str(out, "  it is none of the host's own addresses, and routes aren't saved\n");
    else if (a->route.kind == NET_ROUTE_UNKNOWN)
        buf_str(out, "  the kernel's route there is of a type that isn't known\n");
    else if (r->connection)
        buf_str(out, "  an earlier connection between these two ends has left that one, which "
                     "answers first\n");
    else if (r->certain == TRI_YES && r->group.len)
        buf_str(out, "  some of the group have a full accept queue\n");
    else if (r->certain != TRI_YES && r->unknown_socket) {
        buf_printf(out, "  that depends on its %s, which may not be seen:\n",
                   net_field_infos[r->unknown].help);
        put_socket(out, q, r->unknown_socket, "    ");
    } else if (r->certain != TRI_YES)
        buf_str(out, "  that depends on the order of the kernel's list, which only root can see\n");
    else
        buf_str(out, "  not every socket of the port may be seen\n");
}

/* The kernel's own lookup is only worth a line where it differs. */
static void put_kernel(struct buf *out, struct connect_question *q, const struct connect_answer *a)
{
    if (a->agrees || !a->lookup.asked || a->lookup.error)
        return;
    buf_str(out, "  by the rules it would be another one, but the kernel's own lookup says so");
    buf_str(out, a->steered ? ":\n    a BPF program (sk_lookup) chooses listeners here\n" : "\n");
    (void)q;
}

static void put_remedies(struct buf *out, struct connect_question *q,
                         const struct connect_answer *a)
{
    struct vec all = VEC_INIT(char *);
    explain_connect_remedies(q, a, &all);
    if (all.len)
        buf_str(out, "  what helps:\n");
    for (size_t i = 0; i < all.len; i++)
        buf_printf(out, "    %s\n", *(char **)vec_at(&all, i));
    explain_connect_free_remedies(&all);
}

static void put_trial(struct buf *out, const struct connect_question *q,
                      const struct connect_answer *a)
{
    static const char *const agreement[] = {
        [TRI_NO] = ", unlike foretold\n", [TRI_YES] = ", as foretold\n", [TRI_MAYBE] = "\n"};
    if (q->arguments->tries && a->connection.comes_in)
        buf_str(out, "  not tried: that host alone can\n");
    if (!a->trial.done)
        return;
    buf_str(out, "  tried: ");
    if (a->trial.timed_out)
        buf_str(out, "nobody answers within a second");
    else if (a->trial.error)
        buf_printf(out, "connect says %s", err_name(a->trial.error));
    else
        buf_str(out, "it connects");
    buf_str(out,
            agreement[explain_connect_trial_agrees(&a->trial, &a->connect, a->connection.kind)]);
}

/* What a rule makes of it. */
static void put_forward(struct buf *out, struct connect_question *q, const struct connect_answer *a)
{
    const struct connect_answer *behind = explain_connect_behind(a);
    struct connect_question *there = a->forward.question;
    (void)q;
    if (!a->forward.rule)
        return;
    buf_str(out, a->forward.certain ? "  a rule of the firewall hands it on"
                                    : "  a rule of the firewall may hand it on");
    if (a->forward.to) {
        buf_str(out, " to ");
        put(out, a->forward.to);
    }
    buf_str(out, ":\n    ");
    put(out, a->forward.rule->text);
    buf_char(out, '\n');
    if (!behind)
        return;
    if (a->forward.there)
        buf_str(out, "  that address is in another network namespace of this host\n");
    if (a->forward.n_places > 1) {
        buf_str(out, "  several network namespaces of this host have that address, so which one "
                     "gets it can't be told\n");
        return;
    }
    put_listener(out, there, behind);
    put_others(out, there, behind);
    put_doubt(out, there, behind);
}

static void put_answer(struct buf *out, struct connect_question *q, const struct connect_answer *a,
                       bool colour)
{
    explain_connect_put_verdict(out, q, a, colour);
    put_fault(out, q, a);
    put_way(out, q, a);
    put_forward(out, q, a);
    if (!a->forward.certain) {
        put_listener(out, q, a);
        put_others(out, q, a);
        put_doubt(out, q, a);
        put_kernel(out, q, a);
    }
    explain_connect_put_weight(out, a);
    put_remedies(out, q, a);
    put_trial(out, q, a);
}

/* All of it */

static void put_order(struct buf *out, const struct connect_question *q)
{
    const struct connect_answer *all = q->answers.items;
    if (q->answers.len < 2 || q->endpoint->host != ENDPOINT_NAME)
        return;
    put(out, q->endpoint->name);
    buf_str(out, " is tried as ");
    for (size_t i = 0; i < q->answers.len; i++) {
        _cleanup_buf_ struct buf text = BUF_INIT(256);
        target_format(&text, &all[i].target.address, all[i].target.address_n);
        buf_printf(out, "%s%s", i ? ", then " : "", buf_cstr(&text));
    }
    buf_str(out, " (berth resolve says why in this order)\n\n");
}

static void put_conclusion(struct buf *out, struct connect_question *q)
{
    const struct connect_answer *a = explain_connect_overall(q);
    if (q->answers.len < 2)
        return;
    buf_str(out, "\na program that takes the first address that works, as most do, ");
    switch (a->connect.outcome) {
    case CONNECT_ACCEPTED:
        buf_str(out, "gets ");
        break;
    case CONNECT_DROPPED:
        buf_str(out, "waits minutes for ");
        break;
    case CONNECT_REMOTE:
    case CONNECT_DEPENDS:
        buf_str(out, "asks, and may get, ");
        break;
    default:
        buf_printf(out, "gets %s from all of them\n", err_name(a->connect.error));
        return;
    }
    explain_connect_put_endpoint(out, a);
    buf_char(out, '\n');
}

void explain_connect_show_words(struct output *o, struct connect_question *q)
{
    struct buf *out = &o->out.buf;
    size_t start = out->len;
    const struct connect_answer *all = q->answers.items;
    put_order(out, q);
    for (size_t i = 0; i < q->answers.len; i++) {
        if (i)
            buf_char(out, '\n');
        put_answer(out, q, &all[i], o->options.colour);
    }
    put_conclusion(out, q);
    output_wrap(o, start);
}
