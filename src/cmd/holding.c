#include "cmd/holding.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
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

/* "pid:812" */
static bool is_process(const char *word, struct buf *ret)
{
    uint64_t pid;
    if (strncmp(word, "pid:", 4) != 0 || parse_u64(word + 4, 1, INT32_MAX, &pid) < 0)
        return false;
    buf_printf(ret, "pid = %lu", pid);
    return true;
}

/* Words that can only be meant for what they fail to be. */
static int refuse(const struct command *c, const char *word)
{
    const char *number = word + (*word == ':');
    if (strncmp(word, "pid:", 4) == 0)
        return command_usage_error(c, "'%s' is no process: a pid is a number from 1 on", word);
    if (number[strspn(number, "0123456789-")])
        return 0;
    if (strchr(number, '-'))
        return command_usage_error(c, "'%s' is no range of ports: they go upwards and end at 65535",
                                   word);
    return command_usage_error(c, "'%s' is no port: they end at 65535 (a process is pid:%s)", word,
                               number);
}

/* An empty variable of a script: no filter would be every socket there is. */
static bool is_empty(const char *word)
{
    word += strspn(word, " \t\n");
    return !*word || *word == '#' || strcmp(word, ":") == 0;
}

static int refuse_empty(const struct command *c)
{
    return command_usage_error(c, "TARGET is empty: that would be every socket there is");
}

static int read_word(struct holding_target *t, const struct command *c, const char *word)
{
    if (is_empty(word))
        return refuse_empty(c);
    t->ports = is_port(word, &t->filter);
    if (t->ports || is_bare_address(word, &t->filter) || is_address_port(word, &t->filter) ||
        is_process(word, &t->filter))
        return 0;
    buf_str(&t->filter, word);
    return refuse(c, word);
}

static int read_words(struct holding_target *t, const struct command *c,
                      const struct command_words *words)
{
    if (t->single)
        return read_word(t, c, t->text);
    for (int i = 0; i < words->n; i++) {
        if (i)
            buf_char(&t->filter, ' ');
        buf_str(&t->filter, words->words[i]);
    }
    return is_empty(buf_cstr(&t->filter)) ? refuse_empty(c) : 0;
}

int holding_target_read(struct holding_target *ret, const struct command *c,
                        const struct command_words *words)
{
    *ret = (struct holding_target){
        .filter = BUF_INIT(1 << 16), .text = words->words[0], .single = words->n == 1};
    int status = read_words(ret, c, words);
    ret->filter_text = buf_cstr(&ret->filter);
    return status == 0 && ret->filter.failed ? command_usage_error(c, "the filter is too long")
                                             : status;
}

void holding_target_clear(struct holding_target *t)
{
    buf_free(&t->filter);
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

static uint32_t kinds_with_holders(void)
{
    uint32_t kinds = 0;
    (void)net_kinds_parse("inet", &kinds);
    return kinds | NET_KINDS_UNIX;
}

static int see_client(void *ctx, const struct socket_row *row)
{
    net_clients_see(ctx, row->socket);
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
    int r = net_clients_init(&h->clients, h->found.items, h->found.len);
    if (r < 0 || !all_found)
        return r < 0 ? r : read_clients(h, e);
    for (size_t i = 0; i < h->found.len; i++)
        net_clients_see(&h->clients, *(const struct net_socket *const *)vec_at(&h->found, i));
    return 0;
}

int holding_read(struct holding *h, const struct command *c, const struct sockets_arguments *a,
                 const struct holding_target *t)
{
    struct err e = {0};
    *h = (struct holding){.rows = VEC_INIT(struct socket_row *),
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
        r = net_holders_group(&h->holders, h->found.items, h->found.len);
    if (r == 0)
        r = count_clients(h, t->ports, &e);
    if (r < 0 && !e.code)
        err_set(&e, -r, "look for", t->text, NULL);
    h->text =
        (struct holder_text){.view = &h->sockets.view,
                             .clients = &h->clients,
                             .real_ns = a->facts ? h->sockets.facts.taken_ns : time_real_ns()};
    return r < 0 ? fail(&e) : 0;
}

int holding_read_filter(struct holding *h, const struct command *c,
                        const struct sockets_arguments *a, const char *filter)
{
    const struct holding_target t = {.text = filter, .filter_text = filter, .ports = true};
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

void holding_clear(struct holding *h)
{
    net_clients_clear(&h->clients);
    net_holders_clear(&h->holders);
    for (size_t i = 0; i < h->rows.len; i++)
        socket_row_free(*(struct socket_row **)vec_at(&h->rows, i));
    vec_free(&h->rows);
    vec_free(&h->found);
    sockets_clear(&h->sockets);
    reverse_free(h->reverse);
}
