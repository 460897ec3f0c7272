#include "cmd/holding.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/parse.h"
#include "base/time.h"
#include "cmd/socket_names.h"
#include "names/reverse.h"
#include "net/endpoint.h"

/* Of a scheme that was written; "" where none was, since every protocol is meant then. */
static const char *protocol_of(const char *word, const struct endpoint *ep)
{
    if (!endpoint_scheme_is_written(word))
        return "";
    return ep->scheme == ENDPOINT_UDP ? "udp" : "tcp";
}

/* "443/tcp" */
static bool is_port_of_protocol(const char *word, struct port_target *ret)
{
    char number[16];
    word += *word == ':';
    size_t n = strcspn(word, "/");
    if (!word[n] || n >= sizeof number)
        return false;
    memcpy(number, word, n);
    number[n] = '\0';
    return parse_port_range(number, &ret->first, &ret->last) == 0 &&
           (size_t)snprintf(ret->protocol, sizeof ret->protocol, "%s", word + n + 1) <
               sizeof ret->protocol;
}

/* "4444", ":4444", "8000-8100", "udp:53" */
static bool is_endpoint_port(const char *word, struct port_target *ret)
{
    struct endpoint ep;
    if (endpoint_parse(word, ENDPOINT_SOCKETS_ONLY | ENDPOINT_MAY_RANGE, &ep, NULL) < 0 ||
        !endpoint_has_port(ep.scheme) || ep.host != ENDPOINT_THIS_MACHINE || ep.service[0] ||
        ep.device[0])
        return false;
    *ret = (struct port_target){.first = ep.port, .last = ep.port_last};
    snprintf(ret->protocol, sizeof ret->protocol, "%s", protocol_of(word, &ep));
    return true;
}

bool holding_target_port(const char *word, struct port_target *ret)
{
    struct port_target t = {0};
    if (!is_endpoint_port(word, &t) && !is_port_of_protocol(word, &t))
        return false;
    *ret = t;
    return true;
}

/* The socket's own port, not its peer's. */
static bool is_port(const char *word, struct buf *ret)
{
    struct port_target t;
    if (!holding_target_port(word, &t))
        return false;
    if (t.protocol[0])
        buf_printf(ret, "%s and ", t.protocol);
    buf_printf(ret, "sport >= :%u and sport <= :%u", t.first, t.last);
    return true;
}

/* "127.0.0.1", "127.0.0.0/8", "fe80::1%eth0" */
static bool is_bare_address(const char *word, struct buf *ret)
{
    struct net_addr a;
    struct net_prefix p;
    const char *device;
    if (net_addr_parse(word, &a, &device) < 0 && net_prefix_parse(word, &p) < 0)
        return false;
    buf_printf(ret, "src %s", word);
    return true;
}

/* "127.0.0.1:80", "udp:[::1]:53" */
static bool is_address_port(const char *word, struct buf *ret)
{
    struct endpoint ep;
    if (endpoint_parse(word, ENDPOINT_SOCKETS_ONLY | ENDPOINT_MAY_OMIT_SCOPE, &ep, NULL) < 0 ||
        !endpoint_has_port(ep.scheme) || ep.host != ENDPOINT_ADDRESS ||
        (ep.device[0] && !endpoint_device_is_scope(&ep)))
        return false;
    const char *protocol = protocol_of(word, &ep);
    if (*protocol)
        buf_printf(ret, "%s and ", protocol);
    buf_printf(ret, "src %s", *protocol ? strchr(word, ':') + 1 : word);
    return true;
}

void holding_target(struct buf *ret, const struct command_words *words)
{
    const char *word = words->words[0];
    if (words->n == 1) {
        if (is_port(word, ret) || is_bare_address(word, ret) || is_address_port(word, ret))
            return;
        if (strncmp(word, "pid:", 4) == 0) {
            buf_printf(ret, "pid = %s", word + 4);
            return;
        }
    }
    for (int i = 0; i < words->n; i++) {
        if (i)
            buf_char(ret, ' ');
        buf_str(ret, words->words[i]);
    }
}

static int keep(void *ctx, const struct socket_row *row)
{
    struct holding *h = ctx;
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

int holding_read(struct holding *h, const struct command *c, const struct sockets_arguments *a,
                 const char *filter)
{
    struct err e = {0};
    *h = (struct holding){.rows = VEC_INIT(struct socket_row *),
                          .found = VEC_INIT(const struct net_socket *)};
    int status = sockets_init(&h->sockets, c, a);
    if (status)
        return status;
    if (net_kinds_parse("inet", &h->sockets.query.kinds) == 0)
        h->sockets.query.kinds |= NET_KINDS_UNIX;
    h->sockets.query.detail = SOURCE_OWNERS | SOURCE_CMDLINE | SOURCE_PROCESS | SOURCE_TIMERS;
    status = sockets_filter(&h->sockets, filter, false);
    if (status)
        return status;
    int r = sockets_read(&h->sockets, keep, h, &e);
    if (r == 0)
        r = net_holders_group(&h->holders, h->found.items, h->found.len);
    if (r < 0 && !e.code)
        err_set(&e, -r, "look for", filter, NULL);
    h->text =
        (struct holder_text){.view = &h->sockets.view,
                             .sockets = h->found.items,
                             .n = h->found.len,
                             .real_ns = a->facts ? h->sockets.facts.taken_ns : time_real_ns()};
    return r < 0 ? fail(&e) : 0;
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

void holding_clear(struct holding *h)
{
    net_holders_clear(&h->holders);
    for (size_t i = 0; i < h->rows.len; i++)
        socket_row_free(*(struct socket_row **)vec_at(&h->rows, i));
    vec_free(&h->rows);
    vec_free(&h->found);
    sockets_clear(&h->sockets);
    reverse_free(h->reverse);
}
