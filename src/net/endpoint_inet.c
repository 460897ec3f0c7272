/* The addresses of tcp, udp and tls: a host, a port, and a device behind either of them.
 *
 * What is no literal address is a name, whatever its letters, since the resolver is to judge it; so
 * the colons decide what is host and what is port, and brackets keep IPv6's own colons apart.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "base/parse.h"
#include "net/endpoint_impl.h"

static struct endpoint_span span_of(const char *from, const char *to)
{
    return (struct endpoint_span){from, (size_t)(to - from)};
}

static struct endpoint_span span_rest(const char *from)
{
    return (struct endpoint_span){from, strlen(from)};
}

/* Cuts a span at its first %; the rest behind it. */
static struct endpoint_span cut_device(struct endpoint_span *s)
{
    const char *percent = s->at ? memchr(s->at, '%', s->n) : NULL;
    if (!percent)
        return (struct endpoint_span){0};
    struct endpoint_span device = span_of(percent + 1, s->at + s->n);
    s->n = (size_t)(percent - s->at);
    return device;
}

static bool is_ipv6(const char *text, size_t n)
{
    char literal[64];
    struct net_addr a;
    const char *device;
    return endpoint_copy(literal, sizeof literal, (struct endpoint_span){text, n}) &&
           net_addr_parse(literal, &a, &device) == 0 && a.family == AF_INET6 && *literal != '[';
}

/* fe80::/10, and groups whose scope is an interface or a link: ipv6_addr_needs_scope_id in the
 * kernel's include/net/ipv6.h. */
static bool needs_scope(const struct net_addr *a)
{
    if (a->family != AF_INET6)
        return false;
    if (a->bytes[0] == 0xff)
        return (a->bytes[1] & 0xf) == 1 || (a->bytes[1] & 0xf) == 2;
    return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

bool endpoint_device_is_scope(const struct endpoint *ep)
{
    return ep->device[0] && endpoint_has_port(ep->scheme) && ep->host == ENDPOINT_ADDRESS &&
           needs_scope(&ep->addr);
}

/* dev_valid_name in the kernel's net/core/dev.c. */
static int parse_device(struct endpoint_parser *p, struct endpoint_span device)
{
    if (p->ep.device[0] || p->ep.addr.scope)
        return endpoint_fault(p, "one device is enough: behind the address or behind the port");
    if (device.n == 0)
        return endpoint_fault(p, "a device's name is missing behind '%%'");
    if (device.n >= IFNAMSIZ)
        return endpoint_fault(p, "no device has a name of more than %d letters", IFNAMSIZ - 1);
    for (size_t i = 0; i < device.n; i++)
        if (strchr("/:%]", device.at[i]) || isspace((unsigned char)device.at[i]))
            return endpoint_fault(p, "'%.*s' can't be a device's name", (int)device.n, device.at);
    endpoint_copy(p->ep.device, sizeof p->ep.device, device);
    return 0;
}

/* What stands between an address and its port: a number is a scope in IPv6, else it's a device. */
static int parse_zone(struct endpoint_parser *p, struct endpoint_span zone)
{
    char number[24];
    uint64_t scope;
    if (p->ep.addr.family == AF_INET6 && endpoint_copy(number, sizeof number, zone) &&
        strspn(number, "0123456789") == zone.n && parse_u64(number, 1, UINT32_MAX, &scope) == 0) {
        p->ep.addr.scope = (uint32_t)scope;
        return 0;
    }
    return parse_device(p, zone);
}

static bool is_service(const char *word)
{
    for (const char *at = word; *at; at++)
        if (!isalnum((unsigned char)*at) && (at == word || !strchr("-_.+", *at)))
            return false;
    return *word;
}

/* Digits alone, or digits on both sides of a hyphen. */
static bool is_number(const char *text, size_t n, bool range)
{
    size_t first = strspn(text, "0123456789");
    if (first == 0 || first >= n || !range)
        return first > 0 && first >= n;
    size_t last = strspn(text + first + 1, "0123456789");
    return text[first] == '-' && last > 0 && first + 1 + last >= n;
}

static int parse_port_number(struct endpoint_parser *p, const char *port)
{
    struct endpoint *ep = &p->ep;
    if (parse_port_range(port, &ep->port, &ep->port_last) < 0)
        return strchr(port, '-')
                   ? endpoint_fault(p,
                                    "ports run from a lower one to a higher one, of at most 65535")
                   : endpoint_fault(p, "there is no port above 65535");
    if (strchr(port, '-') && !(p->accepts & ENDPOINT_MAY_RANGE))
        return endpoint_fault(p, "one port is wanted here, not a range");
    return 0;
}

static int fault_url(struct endpoint_parser *p)
{
    return endpoint_fault(p, "that is a URL: write HOST:PORT, with 'tls:' before it for https");
}

static int fault_scheme(struct endpoint_parser *p, const char *written, size_t n, const char *meant)
{
    return endpoint_fault(p, "there is no scheme '%.*s'; did you mean '%s:'?", (int)n, written,
                          meant);
}

static int fault_port(struct endpoint_parser *p, struct endpoint_span host,
                      struct endpoint_span port)
{
    if (strstr(p->word, "://"))
        return fault_url(p);
    const char *meant = p->scheme_given ? NULL : endpoint_scheme_near(host.at, host.n);
    if (meant)
        return fault_scheme(p, host.at, host.n, meant);
    return endpoint_fault(p, "'%.*s' is no port: write a number up to 65535, or a service's name",
                          port.n < 64 ? (int)port.n : 64, port.at);
}

static int parse_service(struct endpoint_parser *p, struct endpoint_span host,
                         struct endpoint_span port)
{
    char word[sizeof p->ep.service];
    if (port.n == 0)
        return endpoint_fault(p, "a port is missing behind the colon");
    if (is_number(port.at, port.n, true) && endpoint_copy(word, sizeof word, port))
        return parse_port_number(p, word);
    if (!endpoint_copy(word, sizeof word, port) || !is_service(word))
        return fault_port(p, host, port);
    memcpy(p->ep.service, word, sizeof word);
    return 0;
}

static int parse_name(struct endpoint_parser *p, struct endpoint_span host)
{
    struct endpoint *ep = &p->ep;
    if (!endpoint_copy(ep->name, sizeof ep->name, host))
        return endpoint_fault(p, "a host's name is too long: %zu bytes at most",
                              sizeof ep->name - 1);
    if (host.at[0] == '@')
        return endpoint_fault(p, "an abstract name needs its scheme: 'unix:%s'", ep->name);
    if (strchr(ep->name, '/'))
        return endpoint_fault(p, "a path needs its scheme, 'unix:' or 'file:'");
    ep->host = ENDPOINT_NAME;
    return 0;
}

static int parse_host(struct endpoint_parser *p, struct endpoint_span host)
{
    struct endpoint *ep = &p->ep;
    char literal[64];
    if (host.n == 0)
        ep->host = ENDPOINT_THIS_MACHINE;
    else if (host.n == 1 && *host.at == '*')
        ep->host = ENDPOINT_EVERY_INTERFACE;
    else if (endpoint_copy(literal, sizeof literal, host) &&
             net_addr_parse(literal, &ep->addr, NULL) == 0)
        ep->host = ENDPOINT_ADDRESS;
    else
        return parse_name(p, host);
    return 0;
}

static int check_scope(struct endpoint_parser *p, struct endpoint_span port)
{
    const struct endpoint *ep = &p->ep;
    bool fe80 = needs_scope(&ep->addr) && ep->addr.bytes[0] == 0xfe;
    if (ep->host != ENDPOINT_ADDRESS || !fe80 || ep->addr.scope || ep->device[0] ||
        p->accepts & ENDPOINT_MAY_OMIT_SCOPE)
        return 0;
    char literal[INET6_ADDRSTRLEN] = "";
    inet_ntop(AF_INET6, ep->addr.bytes, literal, sizeof literal);
    return endpoint_fault(p,
                          "a link-local address is of one link: add the %%device, as in "
                          "'[%s%%eth0]:%.*s'",
                          literal, port.at ? (int)port.n : 4, port.at ? port.at : "PORT");
}

static int fault_no_port(struct endpoint_parser *p)
{
    const struct endpoint *ep = &p->ep;
    if (ep->host != ENDPOINT_NAME || !is_service(ep->name) || strchr(ep->name, '.'))
        return endpoint_fault(p, "a port is missing: '%s:PORT'", p->word);
    return endpoint_fault(p, "a port is missing: '%s:PORT', or ':%s' for this machine's service",
                          p->word, ep->name);
}

static int take_parts(struct endpoint_parser *p, struct endpoint_span host,
                      struct endpoint_span port)
{
    struct endpoint_span zone = cut_device(&host), device = cut_device(&port);
    int r = parse_host(p, host);
    if (r == 0 && port.at)
        r = parse_service(p, host, port);
    if (r == 0 && zone.at)
        r = parse_zone(p, zone);
    if (r == 0 && device.at)
        r = parse_device(p, device);
    if (r == 0)
        r = check_scope(p, port);
    if (r < 0 || port.at || p->accepts & ENDPOINT_MAY_OMIT_PORT)
        return r;
    return fault_no_port(p);
}

static int parse_bracketed(struct endpoint_parser *p, const char *text)
{
    const char *close = strchr(text, ']');
    if (!close)
        return endpoint_fault(p, "the bracket '[' isn't closed");
    struct endpoint_span host = span_of(text + 1, close), port = {0}, address = host;
    cut_device(&address);
    if (!is_ipv6(address.at, address.n))
        return endpoint_fault(p, "in brackets stands an IPv6 address, as in '[::1]:80'");
    if (close[1] == ':')
        port = span_rest(close + 2);
    else if (close[1])
        return endpoint_fault(p, "behind ']' comes a colon and the port, as in '[::1]:80'");
    return take_parts(p, host, port);
}

/* Where its device is missing too, that is said instead. */
static int fault_no_brackets(struct endpoint_parser *p, struct endpoint_span address)
{
    int r = take_parts(p, address, (struct endpoint_span){"PORT", 4});
    if (r < 0)
        return r;
    return endpoint_fault(p, "an IPv6 address with a port is put in brackets: '[%s]:PORT'",
                          address.at);
}

/* More than one colon and no bracket: an IPv6 address, or a mistake of which there are several. */
static int parse_colons(struct endpoint_parser *p, const char *text)
{
    struct endpoint_span all = span_rest(text), address = all;
    const char *first = strchr(text, ':'), *last = strrchr(text, ':');
    cut_device(&address);
    bool whole = is_ipv6(address.at, address.n);
    if (whole && p->accepts & ENDPOINT_MAY_OMIT_PORT)
        return take_parts(p, all, (struct endpoint_span){0});
    if (is_ipv6(text, (size_t)(last - text)))
        return endpoint_fault(p, "an IPv6 address with a port is put in brackets: '[%.*s]:%s'",
                              (int)(last - text), text, last + 1);
    if (whole)
        return fault_no_brackets(p, all);
    if (strstr(text, "://"))
        return fault_url(p);
    const char *meant = p->scheme_given ? NULL : endpoint_scheme_near(text, (size_t)(first - text));
    if (meant)
        return fault_scheme(p, text, (size_t)(first - text), meant);
    return endpoint_fault(
        p, "too many colons: write HOST:PORT, SCHEME:HOST:PORT, or an IPv6 address in "
           "brackets");
}

static bool is_bare_port(const struct endpoint_parser *p, const char *text)
{
    bool name = p->accepts & ENDPOINT_MAY_OMIT_PORT && !(p->accepts & ENDPOINT_MAY_RANGE);
    return is_number(text, strcspn(text, "%"), !name);
}

int endpoint_parse_inet(struct endpoint_parser *p, const char *text)
{
    const char *colon = strchr(text, ':');
    if (*text == '[')
        return parse_bracketed(p, text);
    if (colon && strchr(colon + 1, ':'))
        return parse_colons(p, text);
    if (colon)
        return take_parts(p, span_of(text, colon), span_rest(colon + 1));
    if (is_bare_port(p, text))
        return take_parts(p, (struct endpoint_span){text, 0}, span_rest(text));
    return take_parts(p, span_rest(text), (struct endpoint_span){0});
}
