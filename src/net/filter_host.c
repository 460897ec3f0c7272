/* Addresses and ports of a filter: [FAMILY:]ADDRESS[/LENGTH][:PORT], as ss(8) writes them.
 *
 * FAMILY is one of ss's families, or a protocol. A name before the first colon that is a family is
 * one, never a host. Several addresses of a host name become several alternatives.
 */
#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "net/filter_impl.h"

enum { IPV4 = 1 << AF_INET, IPV6 = 1 << AF_INET6 };

static struct filter_spec split_family(const struct filter_token *word, enum net_filter_end end)
{
    struct filter_spec spec = {.word = word, .end = end, .rest = word->text};
    size_t n = strcspn(word->text, ":");
    if (word->text[n] == ':' && filter_find_what(word->text, n, &spec.what)) {
        spec.has_what = true;
        spec.rest = word->text + n + 1;
    }
    return spec;
}

const filter_tree *filter_what_node(struct filter_parser *p, const struct filter_what *what)
{
    filter_tree *n = filter_node(p, NET_FILTER_KIND);
    if (n) {
        n->kinds = what->kinds;
        n->families = what->families;
    }
    return n;
}

filter_tree *filter_host_node(struct filter_parser *p, enum net_filter_end end, uint32_t first,
                              uint32_t last)
{
    filter_tree *n = filter_node(p, NET_FILTER_HOST);
    if (n) {
        n->end = end;
        n->port_first = first;
        n->port_last = last;
    }
    return n;
}

const filter_tree *filter_within(struct filter_parser *p, const struct filter_what *what,
                                 const filter_tree *condition)
{
    const filter_tree *kind = filter_what_node(p, what);
    return condition ? filter_pair(p, NET_FILTER_AND, kind, condition) : kind;
}

bool filter_is_any(const char *text)
{
    return !*text || strcmp(text, "*") == 0;
}

static bool is_digits(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

bool filter_read_port(struct filter_parser *p, const struct filter_spec *spec, const char *text,
                      uint32_t *ret_first, uint32_t *ret_last)
{
    uint16_t first, last;
    uint64_t number;
    const struct filter_token *word = spec->word;
    if (filter_is_any(text)) {
        *ret_first = 0;
        *ret_last = FILTER_PORT_ANY;
        return true;
    }
    uint64_t most = spec->has_what && spec->what.kinds == 1 << NET_VSOCK ? UINT32_MAX : UINT16_MAX;
    int r = parse_u64(text, 0, most, &number);
    if (r == 0) {
        *ret_first = *ret_last = (uint32_t)number;
        return true;
    }
    if (r == -EINVAL)
        r = parse_port_range(text, &first, &last);
    if (r == -ERANGE) {
        filter_fault_part(p, word, text, strlen(text), "ports go from 0 to 65535, ranges upwards");
        return false;
    }
    if (r < 0) {
        const char *protocol = !spec->has_what                    ? NULL
                               : spec->what.kinds == 1 << NET_TCP ? "tcp"
                               : spec->what.kinds == 1 << NET_UDP ? "udp"
                                                                  : NULL;
        if (!p->names->service || p->names->service(p->names->ctx, text, protocol, &first) < 0) {
            filter_fault_part(p, word, text, strlen(text), "'%s' is neither a port nor a service",
                              filter_quote(text).text);
            return false;
        }
        last = first;
    }
    *ret_first = first;
    *ret_last = last;
    return true;
}

/* "10/8", "193.233.7/24": the missing octets are 0. */
static int parse_short_prefix(const char *text, struct net_prefix *ret)
{
    char whole[32];
    size_t n = strspn(text, "0123456789.");
    size_t dots = 0;
    for (size_t i = 0; i < n; i++)
        dots += text[i] == '.';
    if (n == 0 || n > 15 || text[n] != '/' || strlen(text + n) > 3 || dots > 2)
        return -EINVAL;
    memcpy(whole, text, n);
    for (; dots < 3; dots++, n += 2)
        memcpy(whole + n, ".0", 2);
    strcpy(whole + n, text + strspn(text, "0123456789."));
    return net_prefix_parse(whole, ret);
}

/* An address or prefix in numbers; without brackets. -ENODEV: its device isn't known. */
static int parse_numeric(const struct filter_parser *p, const char *text, struct net_prefix *ret)
{
    const char *device;
    struct net_addr addr;
    if (net_prefix_parse(text, ret) == 0 || parse_short_prefix(text, ret) == 0)
        return 0;
    if (net_addr_parse(text, &addr, &device) < 0)
        return -EINVAL;
    if (!p->names->device || p->names->device(p->names->ctx, device, &addr.scope) < 0)
        return -ENODEV;
    *ret = (struct net_prefix){.addr = addr, .len = (uint8_t)(net_addr_length(&addr) * 8)};
    return 0;
}

/* Where the port begins: behind the last colon that belongs to no address; NULL: there is none. */
static const char *find_port(const struct filter_parser *p, const char *text)
{
    struct net_prefix prefix;
    const char *bracket = *text == '[' ? strchr(text, ']') : NULL;
    if (bracket)
        return strchr(bracket, ':');
    const char *colon = strchr(text, ':');
    if (colon && strchr(colon + 1, ':')) {
        if (parse_numeric(p, text, &prefix) != -EINVAL)
            return NULL; /* IPv6 without brackets is an address as a whole */
        colon = strrchr(text, ':');
    }
    return colon;
}

/* Takes the brackets off: "[::1]/128" is "::1/128". */
static const char *unbracket(struct filter_parser *p, const char *text, size_t n)
{
    char *copy = (char *)filter_text(p, text, n);
    if (!copy || *copy != '[')
        return copy;
    char *close = strchr(copy, ']');
    if (close) {
        memmove(close, close + 1, strlen(close));
        copy++;
    }
    return copy;
}

struct addrs {
    struct net_prefix list[FILTER_MAX_ADDRS];
    size_t n;
};

static bool family_fits(const struct filter_spec *spec, const struct net_addr *a)
{
    return !spec->what.families || spec->what.families >> a->family & 1;
}

static bool resolve(struct filter_parser *p, const struct filter_spec *spec, const char *name,
                    size_t n, struct addrs *ret)
{
    struct net_addr found[FILTER_MAX_ADDRS];
    int count = -ENOENT;
    if (p->names->host && !strpbrk(name, "/[]") && *name)
        count = p->names->host(p->names->ctx, name, found, FILTER_MAX_ADDRS);
    for (int i = 0; i < count && i < FILTER_MAX_ADDRS; i++) {
        if (!family_fits(spec, &found[i]))
            continue;
        uint8_t len = (uint8_t)(net_addr_length(&found[i]) * 8);
        ret->list[ret->n++] = (struct net_prefix){.addr = found[i], .len = len};
    }
    if (ret->n == 0)
        filter_fault_part(p, spec->word, spec->rest, n, "'%s' is no address, and no host%s",
                          filter_quote(name).text,
                          count > 0 ? " with one of this family" : " known");
    return ret->n > 0;
}

/* n bytes of spec->rest. No address at all (n is 0, "*") leaves the list empty. */
static bool read_addrs(struct filter_parser *p, const struct filter_spec *spec, size_t n,
                       struct addrs *ret)
{
    static const char *const wild[] = {"", "*", "any", "all", "default"};
    const char *text = unbracket(p, spec->rest, n);
    if (!text)
        return false;
    for (size_t i = 0; i < sizeof wild / sizeof *wild; i++)
        if (strcmp(text, wild[i]) == 0)
            return true;
    if (is_digits(text)) {
        filter_fault_part(p, spec->word, spec->rest, n,
                          "'%s' is no address; a port is written :%s, a network %s.0.0.0/8",
                          filter_quote(text).text, filter_quote(text).text,
                          filter_quote(text).text);
        return false;
    }
    int r = parse_numeric(p, text, &ret->list[0]);
    if (r == -ENODEV) {
        filter_fault_part(p, spec->word, spec->rest, n, "no device '%s'",
                          filter_quote(strchr(text, '%') + 1).text);
        return false;
    }
    if (r < 0)
        return resolve(p, spec, text, n, ret);
    if (!family_fits(spec, &ret->list[0].addr)) {
        filter_fault_part(p, spec->word, spec->rest, n, "'%s' is not of this family",
                          filter_quote(text).text);
        return false;
    }
    ret->n = 1;
    return true;
}

/* Every address of a family: IPv4's include the mapped ones of IPv6 sockets, as in the kernel. */
static struct net_prefix whole_family(const struct filter_what *what)
{
    return (struct net_prefix){.addr.family = what->families == IPV4 ? AF_INET : AF_INET6};
}

/* "tcp:80" is a port, as everywhere else where an endpoint is written. */
static bool is_port_of_protocol(const struct filter_spec *spec)
{
    return spec->has_what && !spec->what.family && *spec->rest &&
           spec->rest[strspn(spec->rest, "0123456789-")] == '\0';
}

/* The alternatives as one condition; NULL: any end will do, or a fault. */
static const filter_tree *host_nodes(struct filter_parser *p, const struct filter_spec *spec,
                                     const struct addrs *addrs, uint32_t first, uint32_t last)
{
    const filter_tree *hosts[FILTER_MAX_ADDRS];
    for (size_t i = 0; i < addrs->n; i++) {
        filter_tree *host = filter_host_node(p, spec->end, first, last);
        if (!host)
            return NULL;
        host->prefix = addrs->list[i];
        hosts[i] = host;
    }
    if (addrs->n)
        return filter_balance(p, NET_FILTER_OR, hosts, addrs->n);
    bool any_port = first == 0 && last == FILTER_PORT_ANY;
    return any_port ? NULL : filter_host_node(p, spec->end, first, last);
}

static const filter_tree *inet_host(struct filter_parser *p, const struct filter_spec *spec)
{
    struct addrs addrs = {.n = 0};
    uint32_t first = 0, last = FILTER_PORT_ANY;
    bool port_only = is_port_of_protocol(spec);
    const char *colon = port_only ? NULL : find_port(p, spec->rest);
    const char *port = port_only ? spec->rest : colon ? colon + 1 : NULL;
    size_t n = port_only ? 0 : colon ? (size_t)(colon - spec->rest) : strlen(spec->rest);
    if (!read_addrs(p, spec, n, &addrs) ||
        (port && !filter_read_port(p, spec, port, &first, &last)))
        return NULL;
    if (spec->what.family && addrs.n == 0)
        addrs.list[addrs.n++] = whole_family(&spec->what);
    const filter_tree *condition = host_nodes(p, spec, &addrs, first, last);
    if (p->error)
        return NULL;
    if (spec->has_what && !spec->what.family)
        return filter_within(p, &spec->what, condition);
    return condition ? condition : filter_node(p, NET_FILTER_TRUE);
}

const filter_tree *filter_host(struct filter_parser *p, enum net_filter_end end,
                               const struct filter_token *word)
{
    struct filter_spec spec = split_family(word, end);
    if (!spec.has_what)
        return *spec.rest == '/' || *spec.rest == '@' ? filter_path(p, &spec) : inet_host(p, &spec);
    if (!(spec.what.kinds & ~NET_KINDS_UNIX))
        return filter_path(p, &spec);
    if (spec.what.kinds == 1 << NET_NETLINK || spec.what.kinds == 1 << NET_PACKET)
        return filter_by_protocol(p, &spec);
    if (spec.what.kinds == 1 << NET_VSOCK)
        return filter_vsock(p, &spec);
    if (spec.what.kinds & ~FILTER_KINDS_IP)
        return filter_is_any(spec.rest)
                   ? filter_within(p, &spec.what, NULL)
                   : filter_fault_part(p, word, spec.rest, strlen(spec.rest),
                                       "addresses of this kind can't be compared here");
    return inet_host(p, &spec);
}

/* The ports that stand in a relation to `first` … `last`; NULL: none do. */
static const filter_tree *port_relation(struct filter_parser *p, enum net_filter_end end,
                                        enum net_filter_relation relation, uint32_t first,
                                        uint32_t last)
{
    const filter_tree *below = NULL, *above = NULL;
    switch (relation) {
    case NET_EQ:
        return filter_host_node(p, end, first, last);
    case NET_LE:
        return filter_host_node(p, end, 0, last);
    case NET_GE:
        return filter_host_node(p, end, first, FILTER_PORT_ANY);
    default: /* <, >, != */
        if (relation != NET_GT && first > 0)
            below = filter_host_node(p, end, 0, first - 1);
        if (relation != NET_LT && last < FILTER_PORT_ANY)
            above = filter_host_node(p, end, last + 1, FILTER_PORT_ANY);
        if (below && above)
            return filter_pair(p, NET_FILTER_OR, below, above);
        return below ? below : above ? above : filter_not(p, filter_node(p, NET_FILTER_TRUE));
    }
}

/* "port != 22" of either end: neither is. */
static const filter_tree *neither_port(struct filter_parser *p, uint32_t first, uint32_t last)
{
    const filter_tree *local = port_relation(p, NET_LOCAL, NET_NE, first, last);
    const filter_tree *peer = port_relation(p, NET_PEER, NET_NE, first, last);
    return filter_pair(p, NET_FILTER_AND, local, peer);
}

const filter_tree *filter_port(struct filter_parser *p, enum net_filter_end end,
                               enum net_filter_relation relation, const struct filter_token *word)
{
    struct filter_spec spec = split_family(word, end);
    uint32_t first, last;
    const char *port = spec.rest;
    if (spec.has_what && spec.what.kinds & ~FILTER_KINDS_PORT)
        return filter_fault(p, word, "sockets of this kind have no ports");
    if (strncmp(port, "*:", 2) == 0)
        port += 2;
    else if (*port == ':')
        port++;
    else if (strchr(port, ':'))
        return filter_fault(p, word,
                            "only a port is asked for here; an address goes with src or dst");
    if (!filter_read_port(p, &spec, port, &first, &last))
        return NULL;
    if (first != last && relation != NET_EQ && relation != NET_NE)
        return filter_fault_part(p, word, port, strlen(port), "a range can be = or != only");
    const filter_tree *tree = end == NET_EITHER && relation == NET_NE
                                  ? neither_port(p, first, last)
                                  : port_relation(p, end, relation, first, last);
    if (first == 0 && last == FILTER_PORT_ANY && relation == NET_EQ && !spec.has_what)
        tree = filter_node(p, NET_FILTER_TRUE);
    if (!spec.what.family)
        return spec.has_what && tree ? filter_within(p, &spec.what, tree) : tree;
    filter_tree *family = filter_host_node(p, end, 0, FILTER_PORT_ANY);
    if (family)
        family->prefix = whole_family(&spec.what);
    return filter_pair(p, NET_FILTER_AND, family, tree);
}

const filter_tree *filter_port_of_protocol(struct filter_parser *p, const struct filter_token *word,
                                           bool *ret_is)
{
    struct filter_spec spec = {.word = word, .end = NET_EITHER, .has_what = true};
    const char *slash = strrchr(word->text, '/');
    uint32_t first, last;
    *ret_is = slash && slash > word->text &&
              filter_find_what(slash + 1, strlen(slash + 1), &spec.what) &&
              !(spec.what.kinds & ~FILTER_KINDS_PORT) && !spec.what.family &&
              !memchr(word->text, ':', (size_t)(slash - word->text));
    if (!*ret_is)
        return NULL;
    /* The copy is only read; faults point into the word itself. */
    const char *port = filter_text(p, word->text, (size_t)(slash - word->text));
    struct filter_token copy = *word;
    if (!port)
        return NULL;
    copy.text = port;
    spec.word = &copy;
    if (!filter_read_port(p, &spec, port, &first, &last))
        return NULL;
    return filter_within(p, &spec.what, filter_host_node(p, NET_EITHER, first, last));
}

bool filter_looks_like_host(const char *text)
{
    struct net_prefix prefix;
    uint16_t first, last;
    if (strchr(text, ':') || *text == '[' || strcmp(text, "*") == 0)
        return true;
    return net_prefix_parse(text, &prefix) == 0 || parse_short_prefix(text, &prefix) == 0 ||
           parse_port_range(text, &first, &last) != -EINVAL ||
           strspn(text, "0123456789.") == strlen(text);
}
