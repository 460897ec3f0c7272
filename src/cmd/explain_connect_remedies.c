/* What would make a connection work: from the answer, what to change on which side. */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "cmd/explain_connect.h"
#include "cmd/explain_words.h"

struct remedies {
    struct connect_question *q;
    const struct connect_answer *a;
    struct vec *ret;
    struct buf text; /* of the one that is being written */
};

/* Ends the text as one remedy; each is named once. */
static int done(struct remedies *r)
{
    char *copy = strdup(buf_cstr(&r->text));
    buf_clear(&r->text);
    for (size_t i = 0; copy && i < r->ret->len; i++)
        if (strcmp(copy, *(char **)vec_at(r->ret, i)) == 0) {
            free(copy);
            return 0;
        }
    if (copy && vec_add(r->ret, &copy) == 0)
        return 0;
    free(copy);
    return -ENOMEM;
}

static int say(struct remedies *r, const char *text)
{
    buf_str(&r->text, text);
    return done(r);
}

static const char *scheme_of(const struct remedies *r)
{
    return r->a->connection.kind == NET_UDP ? "udp:" : "";
}

/* The first of this question's addresses that would be accepted. */
static const struct connect_answer *accepted(const struct connect_question *q)
{
    const struct connect_answer *all = q->answers.items;
    for (size_t i = 0; i < q->answers.len; i++)
        if (all[i].connect.outcome == CONNECT_ACCEPTED)
            return &all[i];
    return NULL;
}

static void put_owner(struct remedies *r, const struct net_socket *s)
{
    explain_put_owner(&r->text, r->q->host, s);
}

static void put_address(struct remedies *r, const struct net_addr *a)
{
    if (a->family == AF_INET6)
        buf_char(&r->text, '[');
    net_addr_format(&r->text, a);
    if (a->family == AF_INET6)
        buf_char(&r->text, ']');
}

/* "use 127.0.0.1 instead of localhost" */
static int use_other(struct remedies *r)
{
    const struct connect_answer *other = accepted(r->q);
    if (!other || other == r->a || r->q->endpoint->host != ENDPOINT_NAME)
        return 0;
    buf_str(&r->text, "use ");
    put_address(r, &other->connection.to);
    buf_str(&r->text, " instead of ");
    text_escape(&r->text, r->q->endpoint->name, strlen(r->q->endpoint->name));
    return done(r);
}

/* A listener at an address that this isn't. */
static int widen(struct remedies *r, const struct predict_other *o)
{
    const struct net_addr *to = &r->a->connection.to;
    uint32_t port = r->a->connection.to_port;
    const char *every = to->family == AF_INET ? "0.0.0.0" : "[::]";
    buf_str(&r->text, "let ");
    put_owner(r, o->socket);
    buf_printf(&r->text, " listen on %s: berth explain bind %s%s:%u says whether it can", every,
               scheme_of(r), every, port);
    return done(r);
}

static int connect_there(struct remedies *r, const struct predict_other *o)
{
    const struct net_addr *local = &o->socket->local;
    struct net_addr plain = net_addr_unmap(local);
    static const struct net_addr loopback4 = {.family = AF_INET, .bytes = {127, 0, 0, 1}},
                                 loopback6 = {.family = AF_INET6, .bytes = {[15] = 1}};
    bool wild = net_addr_is_wildcard(local);
    if (r->a->connection.comes_in || (wild && !net_addr_is_loopback(&r->a->connection.to)))
        return 0;
    if (wild)
        plain = plain.family == AF_INET ? loopback4 : loopback6;
    buf_str(&r->text, "connect to ");
    put_address(r, &plain);
    return done(r);
}

static int for_other(struct remedies *r, const struct predict_other *o)
{
    int result;
    switch (o->loss) {
    case LOSS_ADDRESS:
    case LOSS_FAMILY:
        result = connect_there(r, o);
        return result < 0 ? result : widen(r, o);
    case LOSS_V6ONLY:
        result = connect_there(r, o);
        if (result < 0)
            return result;
        buf_str(&r->text, "let ");
        put_owner(r, o->socket);
        buf_str(&r->text, " clear IPV6_V6ONLY, or listen on 0.0.0.0 too");
        return done(r);
    case LOSS_DEVICE:
        buf_str(&r->text, "let ");
        put_owner(r, o->socket);
        buf_str(&r->text, " bind to no device, or come in through its own");
        return done(r);
    default:
        return 0;
    }
}

static int for_refused(struct remedies *r)
{
    const struct vec *others = &r->a->connect.receiver.others;
    int result = use_other(r);
    if (result == 0 && explain_connect_behind(r->a)) {
        buf_str(&r->text, "start the server at ");
        text_escape(&r->text, r->a->forward.to, strlen(r->a->forward.to));
        buf_str(&r->text, ", or take the rule away");
        return done(r);
    }
    for (size_t i = 0; result == 0 && i < others->len; i++)
        result = for_other(r, vec_at(others, i));
    if (result < 0 || others->len || r->ret->len)
        return result;
    if (r->a->bound) {
        buf_str(&r->text, "let ");
        put_owner(r, r->a->bound);
        buf_str(&r->text, " call listen");
        return done(r);
    }
    return say(r, "start the server, or look where it listens: berth list --listeners");
}

static int for_dropped(struct remedies *r)
{
    if (r->a->connect.silence == SILENCE_LOOPBACK_DOWN)
        return say(r, "ip link set lo up");
    if (r->a->connect.silence == SILENCE_TURNS_BACK)
        return say(r, "bind to the device that leads there, or to none");
    const struct predict_connect *c = &r->a->connect;
    buf_str(&r->text, "look why ");
    put_owner(r, c->receiver.socket);
    buf_printf(&r->text, " doesn't accept: berth explain socket :%u", r->a->connection.to_port);
    int result = done(r);
    if (result < 0)
        return result;
    bool limited = !(r->q->host->settings.unknown >> PREDICT_SOMAXCONN & 1) &&
                   c->room >= r->q->host->settings.somaxconn;
    if (limited)
        buf_printf(&r->text, "raise the limit, sysctl net.core.somaxconn, now %u, and restart it",
                   r->q->host->settings.somaxconn);
    else
        buf_printf(&r->text, "let it call listen with a backlog above %llu",
                   (unsigned long long)c->room);
    return done(r);
}

static int for_unreachable(struct remedies *r)
{
    int result = use_other(r);
    if (result < 0)
        return result;
    switch (r->a->route.kind) {
    case NET_ROUTE_NONE:
        if (r->a->connect.error == EADDRNOTAVAIL)
            return say(r, "turn IPv6 on (sysctl net.ipv6.conf.all.disable_ipv6=0), or use the "
                          "IPv4 address");
        return say(r, r->a->connection.to.family == AF_INET6
                          ? "add a route (ip -6 route), or use the IPv4 address"
                          : "add a route (ip route), or set the interface up (berth interfaces)");
    case NET_ROUTE_UNREACHABLE:
    case NET_ROUTE_PROHIBIT:
    case NET_ROUTE_BLACKHOLE:
        buf_printf(&r->text, "see where that route comes from: ip route show table all type %s",
                   net_route_kind_name(r->a->route.kind));
        return done(r);
    case NET_ROUTE_BROADCAST:
    case NET_ROUTE_MULTICAST:
        return say(r, "use UDP: TCP has one peer");
    default:
        return result;
    }
}

static int suggest_scope(struct remedies *r)
{
    const struct vec *links = &r->q->host->links;
    for (size_t i = 0; i < links->len; i++) {
        const struct net_iface *link = vec_at(links, i);
        if (!(link->flags & IFF_UP) || link->flags & IFF_LOOPBACK)
            continue;
        buf_str(&r->text, "write the device behind the address: ");
        net_addr_format(&r->text, &r->a->connection.to);
        buf_char(&r->text, '%');
        text_escape(&r->text, link->name, strlen(link->name));
        return done(r);
    }
    return say(r, "write the device behind the address: %DEVICE");
}

static int for_blocked(struct remedies *r)
{
    const struct predict_connection *c = &r->a->connection;
    if (r->a->exhausted == TRI_YES)
        return say(r, "see who has them: berth list -g comm; a wider "
                      "net.ipv4.ip_local_port_range gives more");
    if (r->a->bind_fails) {
        if (r->a->bind.error == EADDRINUSE)
            return say(r, "leave the port to the kernel");
        return say(r, r->a->bind.error == EACCES ? "come from a port of 1024 or above"
                                                 : "come from an address of this host");
    }
    if (c->loopback_leaves)
        return say(r, "leave the source to the kernel, or come from an address of another device");
    if (c->unknown_device)
        return say(r, "berth interfaces lists the devices");
    if (r->a->route.kind == NET_ROUTE_BROADCAST)
        return say(r, "set SO_BROADCAST before it connects or sends");
    if (r->a->connect.error == EINVAL)
        return suggest_scope(r);
    if (r->a->connect.receiver.connection)
        return say(r, "leave the port to the kernel");
    return use_other(r);
}

int explain_connect_remedies(struct connect_question *q, const struct connect_answer *a,
                             struct vec *ret)
{
    struct remedies r = {.q = q, .a = a, .ret = ret, .text = BUF_INIT(4096)};
    int result = 0;
    switch (a->connect.outcome) {
    case CONNECT_REFUSED:
        result = for_refused(&r);
        break;
    case CONNECT_DROPPED:
        result = for_dropped(&r);
        break;
    case CONNECT_UNREACHABLE:
        result = for_unreachable(&r);
        break;
    case CONNECT_BLOCKED:
        result = for_blocked(&r);
        break;
    case CONNECT_REMOTE:
        if (q->arguments->tries || a->connection.comes_in || !q->host->reader ||
            a->connection.kind == NET_UDP)
            break;
        result = say(&r, "--try asks that host");
        break;
    case CONNECT_ACCEPTED:
    case CONNECT_DEPENDS:
        break;
    }
    buf_free(&r.text);
    return result;
}

void explain_connect_free_remedies(struct vec *texts)
{
    for (size_t i = 0; i < texts->len; i++)
        free(*(char **)vec_at(texts, i));
    vec_free(texts);
}
