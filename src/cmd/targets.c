#include "cmd/targets.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "names/resolve.h"
#include "names/services.h"

struct search {
    const struct targets_question *q;
    const struct endpoint *ep;
    struct target base; /* what all targets share */
    uint16_t first, last;
    struct vec *ret;
};

static int type_of(enum endpoint_scheme scheme)
{
    switch (scheme) {
    case ENDPOINT_UDP:
    case ENDPOINT_UNIX_DGRAM:
        return SOCK_DGRAM;
    case ENDPOINT_UNIX_SEQPACKET:
        return SOCK_SEQPACKET;
    default:
        return SOCK_STREAM;
    }
}

/* Words of the user in errors */
static int fail(struct err *e, const struct endpoint *ep, int code, const char *words)
{
    _cleanup_buf_ struct buf subject = BUF_INIT(512);
    endpoint_format(&subject, ep);
    return err_word(e, code, "resolve", buf_cstr(&subject), "%s", words);
}

static bool is_there(const struct vec *all, const struct target *t)
{
    for (size_t i = 0; i < all->len; i++) {
        const struct target *other = vec_at(all, i);
        if (other->address_n == t->address_n &&
            memcmp(&other->address, &t->address, t->address_n) == 0)
            return true;
    }
    return false;
}

/* All addresses have the same ports: one that is there with the first is there with each. */
static int add_ports(struct search *s, const struct net_addr *a, int8_t v6only)
{
    struct target t = s->base;
    int result = 0;
    if (s->q->family != AF_UNSPEC && a->family != s->q->family)
        return 0;
    t.v6only = a->family == AF_INET6 ? v6only : -1;
    target_set_ip(&t, a, s->first);
    if (is_there(s->ret, &t))
        return 0;
    for (uint32_t port = s->first; result == 0 && port <= s->last; port++) {
        target_set_ip(&t, a, (uint16_t)port);
        result = vec_add(s->ret, &t);
    }
    return result;
}

static int add_two(struct search *s, const char *v4, const char *v6, int8_t v6only)
{
    struct net_addr a;
    int result = net_addr_parse(v4, &a, NULL);
    if (result == 0)
        result = add_ports(s, &a, -1);
    if (result == 0)
        result = net_addr_parse(v6, &a, NULL);
    return result == 0 ? add_ports(s, &a, v6only) : result;
}

static int add_address(struct search *s, struct err *e)
{
    struct net_addr a = s->ep->addr;
    if (endpoint_device_is_scope(s->ep)) {
        a.scope = if_nametoindex(s->ep->device);
        if (!a.scope)
            return err_set(e, ENODEV, "use the device", s->ep->device,
                           "berth interfaces lists them");
    }
    if (s->q->family != AF_UNSPEC && a.family != s->q->family)
        return fail(e, s->ep, EAFNOSUPPORT,
                    a.family == AF_INET ? "only IPv6 was asked for" : "only IPv4 was asked for");
    return add_ports(s, &a, -1);
}

/* getaddrinfo's own words: its codes are no errno's. */
static int fail_name(const struct search *s, int code, struct err *e)
{
    _cleanup_buf_ struct buf words = BUF_INIT(512);
    const char *text = gai_strerror(code);
    const char *meant = endpoint_scheme_meant(s->ep->name);
    buf_printf(&words, "%c%s", tolower((unsigned char)*text), text + 1);
    if (meant && code == EAI_NONAME)
        buf_printf(&words, "; did you mean %s:?", meant);
    return fail(e, s->ep,
                code == EAI_AGAIN    ? EAGAIN
                : code == EAI_MEMORY ? ENOMEM
                                     : ENXIO,
                buf_cstr(&words));
}

static int add_name(struct search *s, struct err *e)
{
    struct resolve_answer answer;
    struct resolve_question q = {
        .name = s->ep->name, .family = s->q->family, .socket_type = s->base.type};
    int code = resolve(&q, &answer), result = 0;
    for (size_t i = 0; code == 0 && result == 0 && i < answer.addresses.len; i++)
        result = add_ports(s, &((const struct resolved *)vec_at(&answer.addresses, i))->addr, -1);
    resolve_clear(&answer);
    return code ? fail_name(s, code, e) : result;
}

static int find_ports(struct search *s, struct err *e)
{
    s->first = s->ep->port;
    s->last = s->ep->port_last > s->first ? s->ep->port_last : s->first;
    if (!s->ep->service[0])
        return 0;
    if (services_port(s->ep->service, s->base.type == SOCK_DGRAM ? "udp" : "tcp", &s->first) < 0)
        return fail(e, s->ep, ENXIO, "the services database has no such service");
    s->last = s->first;
    return 0;
}

static int find_ip(struct search *s, struct err *e)
{
    int result = find_ports(s, e);
    if (result < 0)
        return result;
    if (s->ep->device[0] && !endpoint_device_is_scope(s->ep))
        memcpy(s->base.device, s->ep->device, sizeof s->base.device);
    switch (s->ep->host) {
    case ENDPOINT_THIS_MACHINE:
        return add_two(s, "127.0.0.1", "::1", -1);
    case ENDPOINT_EVERY_INTERFACE:
        return s->q->listens ? add_two(s, "0.0.0.0", "::", 1) : add_two(s, "127.0.0.1", "::1", -1);
    case ENDPOINT_ADDRESS:
        return add_address(s, e);
    default:
        return add_name(s, e);
    }
}

static int find_unix(struct search *s, struct err *e)
{
    struct target t = s->base;
    if (target_set_unix(&t, s->ep->text, strlen(s->ep->text), s->ep->abstract) < 0)
        return fail(e, s->ep, ENAMETOOLONG, "a UNIX socket's name has at most 107 bytes");
    return vec_add(s->ret, &t);
}

static int find_vsock(struct search *s)
{
    struct target t = s->base;
    target_set_vsock(&t, s->ep->cid, s->ep->vsock_port);
    return vec_add(s->ret, &t);
}

static int find(struct search *s, struct err *e)
{
    if (s->ep->scheme == ENDPOINT_VSOCK)
        return find_vsock(s);
    if (endpoint_is_unix(s->ep->scheme))
        return find_unix(s, e);
    if (!endpoint_has_port(s->ep->scheme))
        return fail(e, s->ep, EINVAL, "it is no socket");
    if (s->base.type == SOCK_STREAM)
        s->base.protocol = s->q->protocol;
    int result = find_ip(s, e);
    if (result == 0 && s->ret->len == 0)
        return fail(e, s->ep, ENXIO, "it has no address of that kind");
    return result;
}

int targets_find(const struct targets_question *q, struct vec *ret, struct err *e)
{
    *ret = VEC_INIT(struct target);
    struct search s = {.q = q,
                       .ep = q->endpoint,
                       .base = {.type = type_of(q->endpoint->scheme), .v6only = -1},
                       .ret = ret};
    int result = find(&s, e);
    if (result == -ENOMEM && e && !e->code)
        fail(e, q->endpoint, ENOMEM, "out of memory");
    return result;
}
