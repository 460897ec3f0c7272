/* Theory: each rule is a number of one candidate, the greater being the better; a table of them in
 * the RFC's order makes the comparison, the names and the words.
 */
#include "net/rfc6724.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { SCOPE_LINK = 2, SCOPE_SITE = 5, SCOPE_GLOBAL = 14 };

static struct net_addr as_ipv6(const struct net_addr *a)
{
    struct net_addr mapped = {.family = AF_INET6, .bytes = {[10] = 0xff, [11] = 0xff}};
    if (a->family != AF_INET)
        return *a;
    memcpy(mapped.bytes + 12, a->bytes, 4);
    return mapped;
}

/* The prefixes of a table are all IPv6, so that a mapped one matches IPv4 as written there. */
static bool matches(const struct net_prefix *p, const struct net_addr *ipv6)
{
    size_t whole = p->len / 8, rest = p->len % 8;
    if (memcmp(p->addr.bytes, ipv6->bytes, whole) != 0)
        return false;
    return rest == 0 || (p->addr.bytes[whole] ^ ipv6->bytes[whole]) >> (8 - rest) == 0;
}

static int look_up(const struct rfc6724_table *t, const struct net_addr *a)
{
    const struct rfc6724_row *best = NULL;
    struct net_addr ipv6 = as_ipv6(a);
    for (size_t i = 0; i < t->n; i++)
        if (matches(&t->rows[i].prefix, &ipv6) &&
            (!best || t->rows[i].prefix.len > best->prefix.len))
            best = &t->rows[i];
    return best ? best->value : 0;
}

int rfc6724_label(const struct rfc6724_tables *t, const struct net_addr *a)
{
    return look_up(&t->labels, a);
}

int rfc6724_precedence(const struct rfc6724_tables *t, const struct net_addr *a)
{
    return look_up(&t->precedences, a);
}

int rfc6724_scope(const struct rfc6724_tables *t, const struct net_addr *a)
{
    if (a->family == AF_INET)
        return look_up(&t->scopes, a);
    if (a->bytes[0] == 0xff)
        return a->bytes[1] & 0x0f;
    if (net_addr_is_link_local(a) || net_addr_is_loopback(a))
        return SCOPE_LINK;
    return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0xc0 ? SCOPE_SITE : SCOPE_GLOBAL;
}

/* How many bits from the left the address has in common with its source. In IPv4 only where both
 * are in one subnet: elsewhere likeness means nothing. */
static int common_bits(const struct rfc6724_candidate *c)
{
    int bits = 0, n = (int)net_addr_length(&c->addr) * 8;
    while (bits < n && !((c->addr.bytes[bits / 8] ^ c->source.bytes[bits / 8]) & 0x80 >> bits % 8))
        bits++;
    return c->addr.family == AF_INET && bits < c->source_prefix_len ? 0 : bits;
}

static int merit_reachable(const struct rfc6724_tables *t, const struct rfc6724_candidate *c)
{
    (void)t;
    return c->reachable;
}

static int merit_scope(const struct rfc6724_tables *t, const struct rfc6724_candidate *c)
{
    return rfc6724_scope(t, &c->addr) == rfc6724_scope(t, &c->source);
}

static int merit_preferred(const struct rfc6724_tables *t, const struct rfc6724_candidate *c)
{
    (void)t;
    return !c->source_deprecated;
}

static int merit_home(const struct rfc6724_tables *t, const struct rfc6724_candidate *c)
{
    (void)t;
    return c->source_home;
}

static int merit_label(const struct rfc6724_tables *t, const struct rfc6724_candidate *c)
{
    return rfc6724_label(t, &c->addr) == rfc6724_label(t, &c->source);
}

static int merit_precedence(const struct rfc6724_tables *t, const struct rfc6724_candidate *c)
{
    return rfc6724_precedence(t, &c->addr);
}

static int merit_native(const struct rfc6724_tables *t, const struct rfc6724_candidate *c)
{
    (void)t;
    return !c->source_tunnelled;
}

static int merit_smaller(const struct rfc6724_tables *t, const struct rfc6724_candidate *c)
{
    return -rfc6724_scope(t, &c->addr);
}

static int merit_prefix(const struct rfc6724_tables *t, const struct rfc6724_candidate *c)
{
    (void)t;
    return common_bits(c);
}

static const struct rule {
    const char *name;
    int (*merit)(const struct rfc6724_tables *t, const struct rfc6724_candidate *c);
    bool needs_source, same_family;
} rules[] = {
    [RFC6724_UNUSABLE] = {"avoid unusable destinations", merit_reachable, false, false},
    [RFC6724_SCOPE] = {"prefer matching scope", merit_scope, true, false},
    [RFC6724_DEPRECATED] = {"avoid deprecated addresses", merit_preferred, true, false},
    [RFC6724_HOME] = {"prefer home addresses", merit_home, true, false},
    [RFC6724_LABEL] = {"prefer matching label", merit_label, true, false},
    [RFC6724_PRECEDENCE] = {"prefer higher precedence", merit_precedence, false, false},
    [RFC6724_NATIVE] = {"prefer native transport", merit_native, true, false},
    [RFC6724_SMALLER] = {"prefer smaller scope", merit_smaller, false, false},
    [RFC6724_PREFIX] = {"use longest matching prefix", merit_prefix, true, true},
    [RFC6724_UNCHANGED] = {"leave the order unchanged", NULL, false, false},
};
static_assert(sizeof rules / sizeof *rules == RFC6724_RULES, "every rule has a row");

const char *rfc6724_rule_name(enum rfc6724_rule r)
{
    return rules[r].name;
}

enum rfc6724_rule rfc6724_compare(const struct rfc6724_tables *t, const struct rfc6724_candidate *a,
                                  const struct rfc6724_candidate *b, int *ret_order)
{
    bool sources = a->reachable && b->reachable, family = a->addr.family == b->addr.family;
    for (int r = RFC6724_UNUSABLE; r < RFC6724_UNCHANGED; r++) {
        if ((rules[r].needs_source && !sources) || (rules[r].same_family && !family))
            continue;
        int of_a = rules[r].merit(t, a), of_b = rules[r].merit(t, b);
        if (of_a == of_b)
            continue;
        *ret_order = of_a > of_b ? -1 : 1;
        return (enum rfc6724_rule)r;
    }
    *ret_order = 0;
    return RFC6724_UNCHANGED;
}

static const char *whose(const struct rfc6724_table *t)
{
    return t->configured ? " by gai.conf" : "";
}

static void describe_source(struct buf *out, const struct rfc6724_candidate *c)
{
    net_addr_format(out, &c->addr);
    buf_str(out, " is reached from ");
    net_addr_format(out, &c->source);
}

static void describe_unlike(struct buf *out, const struct rfc6724_candidate *c, const char *what,
                            int of_addr, int of_source, const char *by)
{
    describe_source(out, c);
    buf_printf(out, ", of %s %d, not %d%s", what, of_source, of_addr, by);
}

void rfc6724_describe(struct buf *out, const struct rfc6724_tables *t, enum rfc6724_rule r,
                      const struct rfc6724_candidate *a, const struct rfc6724_candidate *b)
{
    switch (r) {
    case RFC6724_UNUSABLE:
        buf_str(out, "no route to ");
        net_addr_format(out, &b->addr);
        break;
    case RFC6724_SCOPE:
        describe_unlike(out, b, "scope", rfc6724_scope(t, &b->addr), rfc6724_scope(t, &b->source),
                        whose(&t->scopes));
        break;
    case RFC6724_DEPRECATED:
        describe_source(out, b);
        buf_str(out, ", which is deprecated");
        break;
    case RFC6724_HOME:
        describe_source(out, a);
        buf_str(out, ", a home address");
        break;
    case RFC6724_LABEL:
        describe_unlike(out, b, "label", rfc6724_label(t, &b->addr), rfc6724_label(t, &b->source),
                        whose(&t->labels));
        break;
    case RFC6724_PRECEDENCE:
        buf_printf(out, "precedence %d over %d%s", rfc6724_precedence(t, &a->addr),
                   rfc6724_precedence(t, &b->addr), whose(&t->precedences));
        break;
    case RFC6724_NATIVE:
        describe_source(out, b);
        buf_str(out, ", through a tunnel");
        break;
    case RFC6724_SMALLER:
        buf_printf(out, "scope %d under %d%s", rfc6724_scope(t, &a->addr),
                   rfc6724_scope(t, &b->addr), whose(&t->scopes));
        break;
    case RFC6724_PREFIX:
        buf_printf(out, "%d bits in common with its source over %d", common_bits(a),
                   common_bits(b));
        break;
    default:
        buf_str(out, "no rule tells them apart");
        break;
    }
}
