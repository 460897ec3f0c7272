/* The values of -i and -s: addresses, ports and states. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "dialect/lsof.h"
#include "names/resolve.h"
#include "names/services.h"

enum {
    KINDS_TCP = 1 << NET_TCP,
    KINDS_UDP = 1 << NET_UDP | 1 << NET_UDPLITE,
    KINDS_INET = KINDS_TCP | KINDS_UDP,
};

static const struct protocol {
    const char *name, *service;
    uint32_t kinds;
} protocols[] = {
    {"TCP", "tcp", KINDS_TCP},
    {"UDP", "udp", KINDS_UDP},
    {"UDPLITE", "udplite", 1 << NET_UDPLITE},
};

/* The protocol's name up to @ or :, if there is one. False after a message. */
static bool read_protocol(struct lsof_address *a, const char **at, const struct protocol **ret)
{
    size_t n = strcspn(*at, "@:");
    *ret = NULL;
    if (n == 0)
        return true;
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        if (strlen(protocols[i].name) != n || strncasecmp(*at, protocols[i].name, n) != 0)
            continue;
        *ret = &protocols[i];
        a->kinds = protocols[i].kinds;
        *at += n;
        return true;
    }
    return lsof_fault("unknown protocol name (%.*s) in: -i %s", (int)n, *at, a->text);
}

static bool add_host(struct lsof_address *a, const struct net_addr *addr)
{
    return vec_add(&a->hosts, addr) == 0 || lsof_fault("no space for an Internet address");
}

static bool is_dotted(const char *host)
{
    return host[strspn(host, "0123456789.")] == '\0';
}

static bool read_name(struct lsof_address *a, const char *host)
{
    struct resolve_question q = {.name = host, .family = a->family, .socket_type = SOCK_STREAM};
    struct resolve_answer answer;
    bool ok = resolve(&q, &answer) == 0 && answer.addresses.len > 0;
    for (size_t i = 0; ok && i < answer.addresses.len; i++)
        ok = add_host(a, &((struct resolved *)vec_at(&answer.addresses, i))->addr);
    resolve_clear(&answer);
    return ok || lsof_fault("unknown host name (%s) in: -i %s", host, a->text);
}

static bool read_numeric(struct lsof_address *a, const char *host, int family)
{
    struct net_addr addr;
    if (net_addr_parse(host, &addr, NULL) < 0 || addr.family != family)
        return lsof_fault("unacceptable Internet address in: -i %s", a->text);
    if (a->family != AF_UNSPEC && a->family != family)
        return lsof_fault("IPv%d addresses are prohibited: -i %s", family == AF_INET ? 4 : 6,
                          a->text);
    return add_host(a, &addr);
}

/* Behind the @: to the colon before the ports. */
static bool read_host(struct lsof_address *a, const char **at)
{
    char host[256];
    bool brackets = **at == '[';
    const char *start = *at + brackets;
    size_t n = strcspn(start, brackets ? "]" : ":");
    if (n == 0 || n >= sizeof host || (brackets && start[n] != ']'))
        return lsof_fault("unacceptable Internet address in: -i %s", a->text);
    memcpy(host, start, n);
    host[n] = '\0';
    *at = start + n + brackets;
    if (**at != '\0' && **at != ':')
        return lsof_fault("unacceptable Internet address in: -i %s", a->text);
    if (brackets)
        return read_numeric(a, host, AF_INET6);
    if (is_dotted(host))
        return read_numeric(a, host, AF_INET);
    return read_name(a, host);
}

static bool add_ports(struct lsof_address *a, uint32_t first, uint32_t last, uint32_t kinds)
{
    struct lsof_ports p = {first, last, kinds};
    return vec_add(&a->ports, &p) == 0 || lsof_fault("no space for ports");
}

/* A service, alone or as the end of a range that begins at `first`. */
static bool read_service(struct lsof_address *a, const char *name, const struct protocol *p,
                         int64_t first)
{
    uint16_t port;
    bool found = false;
    for (int i = 0; i < 2; i++) {
        if ((p && strcmp(p->service, protocols[i].service) != 0) ||
            services_port(name, protocols[i].service, &port) < 0)
            continue;
        found = true;
        if (!add_ports(a, first < 0 ? port : (uint32_t)first, port,
                       p ? protocols[i].kinds : (uint32_t)KINDS_INET))
            return false;
    }
    if (found)
        return true;
    if (p)
        return lsof_fault("unknown service %s for %s in: -i %s", name, p->service, a->text);
    return lsof_fault("unknown service %s in: -i %s", name, a->text);
}

static bool read_port(struct lsof_address *a, char *entry, const struct protocol *p, bool is_last)
{
    char *at = entry;
    if (!isdigit((unsigned char)*at))
        return read_service(a, entry, p, -1);
    uint32_t first = (uint32_t)strtoul(entry, &at, 10), last = first;
    if (strcmp(at, "-") == 0)
        return lsof_fault(is_last ? "unacceptable port specification in: -i %s"
                                  : "invalid service name: -i %s",
                          a->text);
    if (*at == '-' && !isdigit((unsigned char)at[1]))
        return read_service(a, at + 1, p, first);
    if (*at == '-')
        last = (uint32_t)strtoul(at + 1, &at, 10);
    if (*at || last < first)
        return lsof_fault("unacceptable port specification in: -i %s", a->text);
    return add_ports(a, first, last, KINDS_INET);
}

static bool read_ports(struct lsof_address *a, const char *text, const struct protocol *p)
{
    char *copy = strdup(text), *rest = copy;
    bool ok = copy && *copy;
    if (!ok)
        lsof_fault("unacceptable port specification in: -i %s", a->text);
    for (char *entry; ok && (entry = strsep(&rest, ","));)
        if (*entry)
            ok = read_port(a, entry, p, !rest);
        else if (rest) /* a comma at the end is none too many */
            ok = lsof_fault("invalid service name: -i %s", a->text);
    free(copy);
    return ok;
}

static bool read_parts(struct lsof_address *a, const char *at)
{
    const struct protocol *p;
    if (!read_protocol(a, &at, &p))
        return false;
    if (*at == '@') {
        at++;
        if (!read_host(a, &at))
            return false;
    }
    if (*at == ':' && !read_ports(a, at + 1, p))
        return false;
    if (!p && a->ports.len == 0 && a->hosts.len == 1 && net_addr_is_wildcard(vec_at(&a->hosts, 0)))
        return lsof_fault("incomplete Internet address specification: -i %s", a->text);
    return true;
}

bool lsof_address_read(struct lsof_words *w, const char *text)
{
    struct lsof_address a = {.text = text,
                             .kinds = KINDS_INET,
                             .hosts = VEC_INIT(struct net_addr),
                             .ports = VEC_INIT(struct lsof_ports)};
    const char *at = text;
    if (*at == '4' || *at == '6')
        a.family = *at++ == '4' ? AF_INET : AF_INET6;
    else if (w->net) /* as -i4 or -i6 before it has said */
        a.family = w->net_family;
    if (!*text)
        return lsof_fault("incomplete Internet address specification: -i ");
    if (*at == '\0') {
        bool both = w->net_family != AF_UNSPEC && w->net_family != a.family;
        w->net_family = both ? AF_UNSPEC : a.family;
        w->net = true;
        return true;
    }
    bool ok = read_parts(&a, at) && vec_add(&w->addresses, &a) == 0;
    if (!ok) {
        vec_free(&a.hosts);
        vec_free(&a.ports);
    }
    return ok;
}

static const char *state_name(enum net_state state)
{
    return state == NET_STATE_UNKNOWN ? "CLOSED" : net_state_name(state);
}

bool lsof_states_agree(const struct lsof_words *w)
{
    bool ok = true;
    for (size_t i = 0; i < w->states.len; i++) {
        const struct lsof_state *a = vec_at(&w->states, i);
        for (size_t k = 0; !a->exclude && k < w->states.len; k++) {
            const struct lsof_state *b = vec_at(&w->states, k);
            if (b->exclude && a->state == b->state)
                ok = lsof_fault("can't include and exclude TCP state: %s", state_name(a->state));
        }
    }
    return ok;
}

/* The names that lsof has on Linux: the kernel's, by number. */
static bool read_state(struct lsof_words *w, const char *word)
{
    struct lsof_state s = {.exclude = *word == '^'};
    const char *name = word + s.exclude;
    if (strcasecmp(name, "CLOSED") == 0)
        s.state = NET_STATE_UNKNOWN; /* it has both, and no socket is in this one */
    else if (net_state_parse(name, &s.state) < 0 || s.state > NET_CLOSING)
        return lsof_fault("unknown TCP state name: %s", name);
    for (size_t i = 0; i < w->states.len; i++) {
        const struct lsof_state *o = vec_at(&w->states, i);
        if (o->state == s.state && o->exclude == s.exclude)
            return lsof_fault("duplicate TCP %s: %s", s.exclude ? "exclusion" : "inclusion",
                              state_name(s.state));
    }
    return vec_add(&w->states, &s) == 0 || lsof_fault("no space for a state");
}

bool lsof_states_read(struct lsof_words *w, const char *text)
{
    const char *colon = strchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    bool tcp = n == 3 && strncasecmp(text, "TCP", 3) == 0;
    if (n == 3 && strncasecmp(text, "UDP", 3) == 0)
        return lsof_fault("no UDP state names available: %s", text);
    if (!tcp)
        return lsof_fault("unknown -s protocol: \"%s\"", text);
    if (colon[1] == '\0')
        return lsof_fault("no TCP state names in: %s", text);
    char *copy = strdup(colon + 1), *rest = copy;
    bool ok = copy != NULL;
    for (char *word; copy && (word = strsep(&rest, ","));) {
        if (!*word && !rest) /* a comma at the end is none too many */
            break;
        if (!word[*word == '^']) {
            ok = lsof_fault("NULL TCP state name in: %s", text);
            break;
        }
        ok &= read_state(w, word);
    }
    free(copy);
    return ok;
}
