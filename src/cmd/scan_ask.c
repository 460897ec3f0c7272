#include "cmd/scan_ask.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/parse.h"
#include "cmd/commands.h"
#include "cmd/targets.h"
#include "names/services.h"

enum { PORTS = 1 << 16 };

static int fail_memory(void)
{
    struct err e;
    err_set(&e, ENOMEM, "scan", "", NULL);
    err_print(&e, stderr);
    return EXIT_NO;
}

/* Hosts */

static bool is_there(const struct vec *hosts, const struct target *t)
{
    for (size_t i = 0; i < hosts->len; i++) {
        const struct target *other = vec_at(hosts, i);
        if (memcmp(&other->address, &t->address, sizeof t->address) == 0 &&
            strcmp(other->device, t->device) == 0)
            return true;
    }
    return false;
}

static int refuse_many(const char *word, uint64_t n)
{
    return command_usage_error(&command_scan,
                               "'%s' makes it %" PRIu64
                               " addresses, and %d are the most: berth is no mass scanner",
                               word, n, SCAN_HOSTS_MAX);
}

static int add_host(struct scan_asked *a, const struct target *t, const char *word)
{
    struct scan_name name;
    if (is_there(&a->hosts, t))
        return 0;
    if (a->hosts.len == SCAN_HOSTS_MAX)
        return refuse_many(word, SCAN_HOSTS_MAX + 1);
    snprintf(name.text, sizeof name.text, "%s", word);
    return vec_add(&a->hosts, t) < 0 || vec_add(&a->names, &name) < 0 ? fail_memory() : 0;
}

/* The i-th address of a network. */
static struct net_addr address_of(const struct net_prefix *p, unsigned i)
{
    struct net_addr a = p->addr;
    size_t n = net_addr_length(&a);
    for (size_t bit = p->len; bit < n * 8; bit++)
        a.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
    a.bytes[n - 1] |= (uint8_t)i; /* SCAN_HOSTS_MAX are less than a byte's */
    return a;
}

static int add_network(struct scan_asked *a, const struct scan_how *how, const char *word)
{
    struct net_prefix p;
    if (net_prefix_parse(word, &p) < 0)
        return command_usage_error(&command_scan,
                                   "'%s' is no network: it is written as 192.0.2.0/28", word);
    if (how->family != AF_UNSPEC && p.addr.family != how->family)
        return command_usage_error(&command_scan, "'%s' is of another family than was asked for",
                                   word);
    unsigned free_bits = (unsigned)net_addr_length(&p.addr) * 8 - p.len;
    uint64_t n = free_bits < 63 ? (uint64_t)1 << free_bits : UINT64_MAX;
    if (n > SCAN_HOSTS_MAX)
        return refuse_many(word, n);
    int status = 0;
    for (unsigned i = 0; status == 0 && i < n; i++) {
        struct target t = {.type = how->udp ? SOCK_DGRAM : SOCK_STREAM, .v6only = -1};
        struct net_addr address = address_of(&p, i);
        target_set_ip(&t, &address, 0);
        status = add_host(a, &t, word);
    }
    return status;
}

static void tell_others(const struct vec *found, const char *word)
{
    const struct target *first = vec_at(found, 0);
    struct net_addr address;
    uint16_t port;
    _cleanup_buf_ struct buf text = BUF_INIT(64);
    if (!target_get_ip(&first->address, &address, &port))
        return;
    net_addr_format(&text, &address);
    err_tell("'%s' has %zu addresses, and %s alone is asked: --all-addresses asks each", word,
             found->len, buf_cstr(&text));
}

static int find_host(struct scan_asked *a, const struct scan_how *how, const struct endpoint *ep,
                     const char *word)
{
    struct targets_question q = {.endpoint = ep, .family = how->family};
    _cleanup_vec_ struct vec found = {0};
    struct err e = {0};
    if (targets_find(&q, &found, &e) < 0) {
        snprintf(e.subject, sizeof e.subject, "%s", word); /* without the port that it hasn't */
        err_print(&e, stderr);
        return 0;
    }
    bool first_only = ep->host == ENDPOINT_NAME && !how->all_addresses;
    if (first_only && found.len > 1)
        tell_others(&found, word);
    int status = 0;
    for (size_t i = 0; status == 0 && i < (first_only ? 1 : found.len); i++)
        status = add_host(a, vec_at(&found, i), word);
    return status;
}

static int add_hosts(struct scan_asked *a, const struct scan_how *how, const char *word)
{
    struct endpoint ep;
    struct err e = {0};
    if (strchr(word, '/'))
        return add_network(a, how, word);
    if (endpoint_parse(word, ENDPOINT_SOCKETS_ONLY | ENDPOINT_MAY_OMIT_PORT, &ep, &e) < 0)
        return command_usage_error(&command_scan, "'%s': %s", word, e.hint);
    if (ep.scheme != ENDPOINT_TCP)
        return command_usage_error(&command_scan, "'%s': a host is wanted; --udp asks UDP's ports",
                                   word);
    if (ep.port || ep.service[0])
        return command_usage_error(
            &command_scan, "'%s': the host is a word of its own, the ports come after it", word);
    ep.scheme = how->udp ? ENDPOINT_UDP : ENDPOINT_TCP;
    return find_host(a, how, &ep, word);
}

/* Ports */

struct port_asking {
    struct scan_asked *asked;
    const struct scan_how *how;
    uint8_t *seen; /* PORTS of them */
};

static int add_port(struct port_asking *p, uint16_t port, bool single)
{
    if (p->seen[port])
        return 0;
    p->seen[port] = 1;
    return vec_add(&p->asked->ports, &port) < 0 || vec_add(&p->asked->singles, &single) < 0
               ? fail_memory()
               : 0;
}

static int add_ports(struct port_asking *p, const char *word)
{
    uint16_t first, last;
    int r = parse_port_range(word, &first, &last), status = 0;
    if (r == -ERANGE || (r == 0 && first == 0))
        return command_usage_error(&command_scan, "'%s': ports are 1 to 65535, the lower one first",
                                   word);
    if (r < 0) {
        const char *protocol = p->how->udp ? "udp" : "tcp";
        if (services_port(word, protocol, &first) < 0)
            return command_usage_error(
                &command_scan,
                "'%s' is no port, and the services database has no such service of %s", word,
                protocol);
        last = first;
    }
    for (uint32_t port = first; status == 0 && port <= last; port++)
        status = add_port(p, (uint16_t)port, first == last);
    return status;
}

/* Lists */

static int each(const char *list, int (*take)(void *ctx, const char *word), void *ctx)
{
    int status = 0;
    char *copy = strdup(list), *rest = copy;
    if (!copy)
        return fail_memory();
    for (char *word; status == 0 && (word = strsep(&rest, ","));)
        status = *word ? take(ctx, word)
                       : command_usage_error(&command_scan, "'%s': something is missing at a comma",
                                             list);
    free(copy);
    return status;
}

static int take_port(void *ctx, const char *word)
{
    return add_ports(ctx, word);
}

struct host_asking {
    struct scan_asked *asked;
    const struct scan_how *how;
};

static int take_host(void *ctx, const char *word)
{
    const struct host_asking *h = ctx;
    return add_hosts(h->asked, h->how, word);
}

/* Ports first: a mistake in them is told before any name is looked up. */
int scan_ask(const struct scan_how *how, const struct command_words *words, struct scan_asked *ret)
{
    *ret = (struct scan_asked){.hosts = VEC_INIT(struct target),
                               .names = VEC_INIT(struct scan_name),
                               .ports = VEC_INIT(uint16_t),
                               .singles = VEC_INIT(bool)};
    struct port_asking ports = {.asked = ret, .how = how, .seen = calloc(PORTS, 1)};
    struct host_asking hosts = {.asked = ret, .how = how};
    int status = ports.seen ? 0 : fail_memory();
    for (int i = 1; status == 0 && i < words->n; i++)
        status = each(words->words[i], take_port, &ports);
    free(ports.seen);
    return status ? status : each(words->words[0], take_host, &hosts);
}

void scan_asked_clear(struct scan_asked *a)
{
    vec_free(&a->hosts);
    vec_free(&a->names);
    vec_free(&a->ports);
    vec_free(&a->singles);
}
