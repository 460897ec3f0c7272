#include "cmd/holding.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/time.h"
#include "cmd/socket_names.h"
#include "kernel/netns.h"
#include "names/reverse.h"

/* A wildcard takes in the addresses that its host has, and no others. */
static bool takes_in(const struct holding *h, const struct socket_row *row)
{
    if (!h->addresses || h->addresses->len == 0 || !net_addr_is_wildcard(&row->socket->local))
        return true;
    for (size_t i = 0; i < h->addresses->len; i++) {
        struct net_socket there = *row->socket;
        const struct socket_row as_bound = {.socket = &there, .view = row->view};
        there.local = *(const struct net_addr *)vec_at(h->addresses, i);
        there.state = NET_LISTEN;
        if (socket_row_reach(&as_bound) != NET_REACH_ABSENT)
            return true;
    }
    return false;
}

static int keep(void *ctx, const struct socket_row *row)
{
    struct holding *h = ctx;
    if (!takes_in(h, row))
        return 0;
    struct socket_row *copy = socket_row_copy(row);
    if (!copy || vec_add(&h->rows, &copy) < 0) {
        socket_row_free(copy);
        return -ENOMEM;
    }
    return vec_add(&h->found, &copy->socket);
}

static int fail(const struct err *e)
{
    err_print(e, stderr);
    return e->code == EPERM || e->code == EACCES ? EXIT_PERMISSION : EXIT_NO;
}

static uint32_t kinds_with_holders(void)
{
    uint32_t kinds = 0;
    (void)net_kinds_parse("inet", &kinds);
    return kinds | NET_KINDS_UNIX;
}

static int see_client(void *ctx, const struct socket_row *row)
{
    predict_clients_see(ctx, row->socket);
    return 0;
}

static bool is_unix(const struct net_socket *s)
{
    return 1 << s->kind & NET_KINDS_UNIX;
}

/* A filter that takes in the clients of the listeners among what was found: those of their ports,
 * and UNIX sockets. False without listeners. */
static bool write_clients_filter(struct buf *ret, const struct vec *found)
{
    _cleanup_hash_ struct hash seen = {0};
    for (size_t i = 0; i < found->len; i++) {
        const struct net_socket *s = *(const struct net_socket *const *)vec_at(found, i);
        bool is_new = true;
        uint64_t key = is_unix(s) ? UINT64_MAX : s->local_port;
        if (s->state != NET_LISTEN || !hash_put(&seen, key, &is_new) || !is_new)
            continue;
        buf_str(ret, ret->len ? " or " : "");
        if (is_unix(s))
            buf_str(ret, "unix");
        else
            buf_printf(ret, "sport = :%u", s->local_port);
    }
    return ret->len > 0;
}

/* Whoever was asked for, others may hold the connections that its listeners accepted, as workers
 * do. One more look, without owners, at little more than those. */
static int read_clients(struct holding *h, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 16);
    struct sockets *s = &h->sockets;
    struct net_filter *asked = s->filter;
    struct net_filter_fault fault;
    if (!write_clients_filter(&text, &h->found))
        return 0;
    if (net_filter_parse(buf_cstr(&text), NULL, &s->filter, &fault) < 0)
        s->filter = NULL; /* too many listeners to name: all sockets, then */
    s->query.kinds = kinds_with_holders();
    s->query.states = NET_STATES_ALL;
    s->query.families = 1u << AF_INET | 1u << AF_INET6;
    s->query.detail = 0;
    s->query.filter = s->filter;
    int r = sockets_read(s, see_client, &h->clients, e);
    net_filter_free(s->filter);
    s->filter = asked;
    return r;
}

static int count_clients(struct holding *h, bool all_found, struct err *e)
{
    int r = predict_clients_init(&h->clients, h->found.items, h->found.len);
    if (r < 0 || !all_found)
        return r < 0 ? r : read_clients(h, e);
    for (size_t i = 0; i < h->found.len; i++)
        predict_clients_see(&h->clients, *(const struct net_socket *const *)vec_at(&h->found, i));
    return 0;
}

int holding_read(struct holding *h, const struct command *c, const struct sockets_arguments *a,
                 const struct holding_target *t)
{
    struct err e = {0};
    *h = (struct holding){.addresses = &t->addresses,
                          .rows = VEC_INIT(struct socket_row *),
                          .found = VEC_INIT(const struct net_socket *)};
    int status = sockets_init(&h->sockets, c, a);
    if (status)
        return status;
    h->sockets.query.kinds = kinds_with_holders();
    h->sockets.query.detail = SOURCE_OWNERS | SOURCE_CMDLINE | SOURCE_PROCESS | SOURCE_TIMERS;
    if (t->single)
        h->sockets.fault_opening = "no port, address, process or filter (berth-filter(7)): ";
    status = sockets_filter(&h->sockets, t->filter_text, false);
    if (status)
        return status;
    int r = sockets_read(&h->sockets, keep, h, &e);
    if (r == 0)
        r = predict_holders_group(&h->holders, h->found.items, h->found.len);
    if (r == 0)
        r = count_clients(h, t->meaning == HOLDING_PORT, &e);
    if (r < 0 && !e.code)
        err_set(&e, -r, "look for", t->text, NULL);
    h->text =
        (struct holder_text){.view = &h->sockets.view,
                             .clients = &h->clients,
                             .netns = h->sockets.facts.netns,
                             .real_ns = a->facts ? h->sockets.facts.taken_ns : time_real_ns()};
    if (!a->facts)
        (void)netns_self(&h->text.netns); /* without /proc none is told */
    return r < 0 ? fail(&e) : 0;
}

int holding_read_filter(struct holding *h, const struct command *c,
                        const struct sockets_arguments *a, const char *filter)
{
    const struct holding_target t = {
        .meaning = HOLDING_PORT, .text = filter, .filter_text = filter};
    return holding_read(h, c, a, &t);
}

int holding_look_up(struct holding *h, uint64_t timeout_ns)
{
    struct err e;
    int r = reverse_new(NULL, &h->reverse);
    for (size_t i = 0; r == 0 && i < h->found.len; i++)
        r = socket_names_ask(h->reverse, *(const struct net_socket **)vec_at(&h->found, i));
    if (r < 0) {
        err_set(&e, -r, "look up", "names", NULL);
        return fail(&e);
    }
    socket_names_wait(h->reverse, timeout_ns);
    h->sockets.view.reverse = h->reverse;
    h->sockets.view.names = true;
    return 0;
}

int holding_nobody_status(const struct holding *h)
{
    return h->sockets.unknown ? EXIT_PERMISSION : EXIT_NO;
}

static bool is_no_process(const struct holding *h, const struct holding_target *t)
{
    return h->sockets.view.live && kill(t->pid, 0) < 0 && errno == ESRCH;
}

int holding_tell_nobody(const struct holding *h, const struct holding_target *t, const char *where)
{
    int status = holding_nobody_status(h);
    if (status == EXIT_PERMISSION && !*where)
        where = " that may be seen";
    if (t->meaning != HOLDING_PROCESS)
        err_tell("nobody has '%s'%s", t->text, where);
    else if (is_no_process(h, t))
        err_tell("there is no process %d", t->pid);
    else
        err_tell("process %d has no sockets%s", t->pid, where);
    return status;
}

void holding_describe(struct buf *out, const struct holding *h)
{
    for (size_t i = 0; i < h->holders.all.len; i++) {
        if (i)
            buf_char(out, '\n');
        holder_describe(out, &h->text, vec_at(&h->holders.all, i));
    }
}

void holding_clear(struct holding *h)
{
    predict_clients_clear(&h->clients);
    predict_holders_clear(&h->holders);
    for (size_t i = 0; i < h->rows.len; i++)
        socket_row_free(*(struct socket_row **)vec_at(&h->rows, i));
    vec_free(&h->rows);
    vec_free(&h->found);
    sockets_clear(&h->sockets);
    reverse_free(h->reverse);
}
