/* berth connect: a port of this host refuses at one address, and somebody listens at another: who,
 * and where.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "cmd/commands.h"
#include "cmd/connect.h"
#include "cmd/sockets.h"

enum { MOST = 4 };

struct listing {
    struct buf text;
    size_t n;
};

static void put_owner(struct buf *out, const struct net_socket *s)
{
    const struct net_process *p = s->n_owners ? s->owners[0].process : NULL;
    if (p && p->comm[0])
        buf_printf(out, "%s[%d] listens at ", p->comm, (int)s->owners[0].pid);
    else
        buf_str(out, "somebody listens at ");
}

static int add(void *ctx, const struct socket_row *row)
{
    struct listing *l = ctx;
    const struct net_socket *s = row->socket;
    struct target t;
    if (!net_socket_is_listener(s) || l->n++ >= MOST)
        return 0;
    buf_str(&l->text, l->n > 1 ? ", " : "");
    put_owner(&l->text, s);
    target_set_ip(&t, &s->local, (uint16_t)s->local_port);
    target_format(&l->text, &t.address, t.address_n);
    return 0;
}

/* An address that a socket can be bound to is this host's. */
static bool is_own(const struct target *t)
{
    struct target own = *t;
    struct net_addr a;
    uint16_t port;
    if (t->type != SOCK_STREAM || !target_get_ip(&t->address, &a, &port))
        return false;
    target_set_ip(&own, &a, 0);
    _cleanup_fd_ int fd = socket(t->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && bind(fd, (const struct sockaddr *)&own.address, own.address_n) == 0;
}

static int read_listeners(uint16_t port, struct listing *l)
{
    static const struct sockets_arguments here = {0};
    _cleanup_sockets_ struct sockets s = {0};
    char filter[32];
    struct err e;
    if (sockets_init(&s, &command_connect, &here) != 0)
        return -EINVAL;
    s.query.kinds = 1u << NET_TCP;
    s.query.states = 1u << NET_LISTEN;
    s.query.detail = SOURCE_OWNERS;
    snprintf(filter, sizeof filter, "sport = :%u", port);
    if (sockets_filter(&s, filter, true) != 0)
        return -EINVAL;
    return sockets_read(&s, add, l, &e);
}

void connect_tell_elsewhere(const struct connect *c)
{
    const struct dial_attempt *a = c->reach.dial.attempts;
    struct listing l = {.text = BUF_INIT(1 << 12)};
    struct net_addr addr;
    uint16_t port;
    if (a && a->state == DIAL_FAILED && a->error.code == ECONNREFUSED && is_own(a->target) &&
        target_get_ip(&a->target->address, &addr, &port) && read_listeners(port, &l) == 0 && l.n)
        err_tell("%s%s", buf_cstr(&l.text), l.n > MOST ? ", and others" : "");
    buf_free(&l.text);
}
