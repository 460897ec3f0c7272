#include "cmd/receivers.h"

#include <errno.h>

#include "base/buf.h"
#include "kernel/diag.h"
#include "predict/overlap.h"

static int add_receiver(struct vec *to, const struct net_socket *socket)
{
    struct receiver l = {.socket = socket};
    if (!socket->n_owners)
        return vec_add(to, &l);
    for (uint32_t i = 0; i < socket->n_owners; i++) {
        l.owner = &socket->owners[i];
        if (i && l.owner->pid == socket->owners[i - 1].pid)
            continue;
        if (vec_add(to, &l) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Sockets that share an address by SO_REUSEPORT: which of them answers depends on the client. */
static bool same_group(const struct net_socket *a, const struct net_socket *b)
{
    return a->cookie == b->cookie ||
           (a->ifindex == b->ifindex && net_addr_equal(&a->local, &b->local));
}

/* A connection to a wildcard goes to this machine; as an address to listen at it is every one. */
static bool covers(const struct net_socket *s, const struct net_addr *a)
{
    const struct predict_end asked = {.family = a->family, .addr = *a, .v6only = TRI_YES};
    const struct predict_end own = predict_end_of(s);
    return predict_overlap(&asked, &own) == TRI_YES;
}

/* The kernel's own lookup where it can be asked: devices, families and programs count as they do
 * for a real client. Elsewhere the addresses decide. */
int receivers_find(const struct receivers_question *q, const struct facts *f, struct vec *ret)
{
    struct net_socket found = {0};
    int looked = -EOPNOTSUPP, error = 0;
    if (q->from.family != AF_UNSPEC && !net_addr_is_wildcard(&q->to))
        looked = diag_lookup(q->kind, &q->to, q->port, &q->from, 1, q->ifindex, &found, NULL);
    for (size_t i = 0; error == 0 && looked != -ENOENT && i < f->sockets.len; i++) {
        const struct net_socket *s = vec_at(&f->sockets, i);
        if (s->local_port == q->port && (looked == 0 ? same_group(s, &found) : covers(s, &q->to)))
            error = add_receiver(ret, s);
    }
    return error;
}

/* In words */

static void describe(struct buf *out, const struct receiver *l)
{
    const struct net_process *p = l->owner ? l->owner->process : NULL;
    if (p)
        buf_str(out, p->comm);
    if (l->owner)
        buf_printf(out, "[%d]", l->owner->pid);
    else if (net_socket_forbids(l->socket, NET_F_OWNERS))
        buf_str(out, "a process that you may not see");
    else
        buf_str(out, "no process");
    buf_str(out, " at ");
    net_socket_format_end(out, l->socket, NET_END_LOCAL);
}

void receivers_describe(struct buf *out, const struct receiver *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_str(out, ", ");
        describe(out, &all[i]);
    }
    if (!n)
        buf_str(out, "nobody");
}

bool receivers_hide(const struct receiver *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!all[i].owner && net_socket_forbids(all[i].socket, NET_F_OWNERS))
            return true;
    return false;
}

/* As rows: a struct receiver. */

static const struct receiver *receiver_of(const void *item)
{
    return item;
}

static void get_pid(const struct render_column *c, const void *item, struct cell *ret)
{
    (void)c;
    const struct receiver *l = receiver_of(item);
    if (l->owner) {
        cell_set_uint(ret, (uint64_t)l->owner->pid);
    } else if (net_socket_forbids(l->socket, NET_F_OWNERS)) {
        ret->presence = FORBIDDEN;
    }
}

static void get_comm(const struct render_column *c, const void *item, struct cell *ret)
{
    (void)c;
    const struct net_owner *owner = receiver_of(item)->owner;
    cell_set_text(ret, owner && owner->process ? owner->process->comm : NULL);
    if (!owner && net_socket_forbids(receiver_of(item)->socket, NET_F_OWNERS))
        ret->presence = FORBIDDEN;
}

static void get_user(const struct render_column *c, const void *item, struct cell *ret)
{
    (void)c;
    const struct net_owner *owner = receiver_of(item)->owner;
    cell_set_text(ret, owner && owner->process ? owner->process->user : NULL);
}

static void get_bound(const struct render_column *c, const void *item, struct cell *ret)
{
    (void)c;
    (void)item;
    ret->presence = KNOWN;
}

static void text_bound(const struct render_column *c, const void *item, struct buf *out)
{
    (void)c;
    net_addr_format(out, &receiver_of(item)->socket->local);
}

const struct render_column receiver_columns[RECEIVER_COLUMNS] = {
    {.key = "pid", .kind = CELL_UINT, .get = get_pid},
    {.key = "comm", .kind = CELL_TEXT, .get = get_comm},
    {.key = "user", .kind = CELL_TEXT, .get = get_user},
    {.key = "address", .kind = CELL_TEXT, .get = get_bound, .text = text_bound},
};
