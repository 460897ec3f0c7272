/* What the words of `who` and `free` mean, as a filter. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/parse.h"
#include "cmd/holding.h"
#include "names/filter_names.h"
#include "names/resolve.h"
#include "net/endpoint.h"
#include "net/filter.h"

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

/* "4444", ":4444", "8000-8100", "udp:53", "*:80": whatever its address, it is in the way of these
 */
static bool is_endpoint_port(const char *word, struct port_target *ret)
{
    struct endpoint ep;
    if (endpoint_parse(word, ENDPOINT_SOCKETS_ONLY | ENDPOINT_MAY_RANGE, &ep, NULL) < 0 ||
        !endpoint_has_port(ep.scheme) || ep.host > ENDPOINT_EVERY_INTERFACE || ep.service[0] ||
        ep.device[0])
        return false;
    *ret = (struct port_target){.first = ep.port, .last = ep.port_last};
    snprintf(ret->protocol, sizeof ret->protocol, "%s", protocol_of(word, &ep));
    return true;
}

/* The socket's own port, not its peer's. */
static bool is_port(struct holding_target *t, const char *word)
{
    struct port_target port = {0};
    if (!is_endpoint_port(word, &port) && !is_port_of_protocol(word, &port))
        return false;
    if (port.protocol[0])
        buf_printf(&t->filter, "%s and ", port.protocol);
    buf_printf(&t->filter, "sport >= :%u and sport <= :%u", port.first, port.last);
    t->port = port;
    t->meaning = HOLDING_PORT;
    return true;
}

/* "127.0.0.1", "127.0.0.0/8", "fe80::1%eth0" */
static bool is_bare_address(struct holding_target *t, const char *word)
{
    struct net_addr a;
    struct net_prefix p;
    const char *device;
    if (net_addr_parse(word, &a, &device) < 0 && net_prefix_parse(word, &p) < 0)
        return false;
    buf_printf(&t->filter, "src %s", word);
    t->meaning = HOLDING_ADDRESS;
    return true;
}

/* The sockets that have a port of an address: those bound to it, and those bound to every address.
 */
static void write_address(struct buf *ret, const struct net_addr *a, const char *device,
                          const char *port)
{
    struct net_addr plain = net_addr_unmap(a);
    bool is_v4 = plain.family == AF_INET;
    buf_str(ret, ret->len ? " or src [" : "src [");
    net_addr_format(ret, &plain);
    if (*device)
        buf_printf(ret, "%%%s", device);
    else if (plain.scope)
        buf_printf(ret, "%%%u", plain.scope);
    buf_printf(ret, "]:%s", port);
    if (is_v4)
        buf_printf(ret, " or src 0.0.0.0:%s or ( src [::]:%s and not v6only )", port, port);
    else
        buf_printf(ret, " or src [::]:%s", port);
}

static int write_name(struct holding_target *t, struct buf *ret, const char *name, const char *port)
{
    struct resolve_answer answer;
    const struct resolve_question q = {.name = name, .socket_type = SOCK_STREAM};
    int r = resolve(&q, &answer) == 0 ? 0 : -ENXIO;
    for (size_t i = 0; r == 0 && i < answer.addresses.len; i++) {
        const struct resolved *found = vec_at(&answer.addresses, i);
        write_address(ret, &found->addr, "", port);
        r = vec_add(&t->addresses, &found->addr);
    }
    resolve_clear(&answer);
    return r;
}

/* "127.0.0.1:80", "udp:[::1]:53", "localhost:http" */
static bool is_address_port(struct holding_target *t, const char *word)
{
    _cleanup_buf_ struct buf ends = BUF_INIT(1 << 16);
    struct endpoint ep;
    char number[8];
    int r = 0;
    if (endpoint_parse(word, ENDPOINT_SOCKETS_ONLY | ENDPOINT_MAY_OMIT_SCOPE, &ep, NULL) < 0 ||
        !endpoint_has_port(ep.scheme) || ep.host < ENDPOINT_ADDRESS ||
        (ep.device[0] && !endpoint_device_is_scope(&ep)))
        return false;
    const char *protocol = protocol_of(word, &ep), *port = ep.service[0] ? ep.service : number;
    snprintf(number, sizeof number, "%u", ep.port);
    if (ep.host == ENDPOINT_NAME) {
        r = write_name(t, &ends, ep.name, port);
    } else {
        write_address(&ends, &ep.addr, ep.device, port);
        r = vec_add(&t->addresses, &ep.addr);
    }
    if (r < 0)
        return false;
    if (!ep.service[0])
        t->port = (struct port_target){.first = ep.port, .last = ep.port};
    snprintf(t->port.protocol, sizeof t->port.protocol, "%s", protocol);
    if (*protocol)
        buf_printf(&t->filter, "%s and ", protocol);
    buf_printf(&t->filter, "( %s )", buf_cstr(&ends));
    t->meaning = HOLDING_PLACE;
    return true;
}

/* "pid:812" */
static bool is_process(struct holding_target *t, const char *word)
{
    uint64_t pid;
    if (strncmp(word, "pid:", 4) != 0 || parse_u64(word + 4, 1, INT32_MAX, &pid) < 0)
        return false;
    buf_printf(&t->filter, "pid = %lu", pid);
    t->pid = (int32_t)pid;
    t->meaning = HOLDING_PROCESS;
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
    t->text = word;
    if (is_empty(word))
        return refuse_empty(c);
    if (is_port(t, word) || is_bare_address(t, word) || is_address_port(t, word) ||
        is_process(t, word))
        return 0;
    buf_str(&t->filter, word);
    return refuse(c, word);
}

/* Whether a word of a filter means somebody by itself, as a name does: "tcp" and "listening" narrow
 * another word down, "sport" needs one. */
static bool stands_alone(const char *word)
{
    static const char signs[] = " \t\n=<>!~&|()'\"";
    struct net_filter *filter;
    struct net_filter_fault fault;
    if (word[strcspn(word, signs)] || net_filter_parse(word, filter_names(), &filter, &fault) < 0)
        return false;
    enum net_filter_op op = net_filter_root(filter)->op;
    net_filter_free(filter);
    return op != NET_FILTER_KIND && op != NET_FILTER_STATE && op != NET_FILTER_TRUE &&
           op != NET_FILTER_FIELD && op != NET_FILTER_AUTOBOUND;
}

static int no_memory(void)
{
    struct err e;
    err_set(&e, ENOMEM, "look for", "all of these", NULL);
    err_print(&e, stderr);
    return EXIT_NO;
}

static struct holding_target *add_target(struct vec *all)
{
    struct holding_target *t = vec_push(all);
    if (t)
        *t = (struct holding_target){.filter = BUF_INIT(1 << 16),
                                     .addresses = VEC_INIT(struct net_addr)};
    return t;
}

/* *ret_each: every word was a target. */
static int read_each(struct vec *ret, const struct command *c, const struct command_words *words,
                     bool *ret_each)
{
    *ret_each = false;
    for (int i = 0; i < words->n; i++) {
        struct holding_target *t = add_target(ret);
        int status = t ? read_word(t, c, words->words[i]) : no_memory();
        if (status)
            return status;
        t->single = words->n == 1;
        if (!t->single && t->meaning == HOLDING_FILTER && !stands_alone(words->words[i]))
            return 0;
    }
    *ret_each = true;
    return 0;
}

static int read_together(struct vec *ret, const struct command *c,
                         const struct command_words *words)
{
    struct holding_target *t = add_target(ret);
    if (!t)
        return no_memory();
    for (int i = 0; i < words->n; i++) {
        if (i)
            buf_char(&t->filter, ' ');
        buf_str(&t->filter, words->words[i]);
    }
    return is_empty(buf_cstr(&t->filter)) ? refuse_empty(c) : 0;
}

int holding_targets_read(struct vec *ret, const struct command *c,
                         const struct command_words *words)
{
    bool each;
    *ret = VEC_INIT(struct holding_target);
    int status = read_each(ret, c, words, &each);
    if (status == 0 && !each) {
        holding_targets_clear(ret);
        status = read_together(ret, c, words);
    }
    for (size_t i = 0; i < ret->len && status == 0; i++) {
        struct holding_target *t = vec_at(ret, i);
        t->filter_text = buf_cstr(&t->filter);
        t->text = t->text ? t->text : t->filter_text;
        if (t->filter.failed)
            status = command_usage_error(c, "the filter is too long");
    }
    return status;
}

void holding_targets_clear(struct vec *targets)
{
    for (size_t i = 0; i < targets->len; i++) {
        struct holding_target *t = vec_at(targets, i);
        buf_free(&t->filter);
        vec_free(&t->addresses);
    }
    vec_free(targets);
}

bool holding_target_is_port(const struct holding_target *t)
{
    return t->meaning == HOLDING_PORT || t->meaning == HOLDING_PLACE;
}
