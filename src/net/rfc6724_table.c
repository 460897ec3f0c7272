/* The tables of rfc6724.h: the C library's own, and those of a gai.conf(5). */
#include "net/rfc6724.h"

#include <string.h>

#include "base/parse.h"

enum { WORD = 80, MAPPED_BITS = 96 };

struct preset {
    const char *prefix;
    int value;
};

/* What the GNU C library has without a gai.conf: the values of RFC 3484 with a few more labels, not
 * those of RFC 6724 section 2.1 (::ffff:0:0/96 has precedence 10 here, 35 there). The last row of
 * each stays when a gai.conf names no prefix of length 0. */
static const struct preset labels[] = {
    {"::1/128", 0},   {"2002::/16", 2}, {"::/96", 3},     {"::ffff:0:0/96", 4},
    {"fec0::/10", 5}, {"fc00::/7", 6},  {"2001::/32", 7}, {"::/0", 1},
};
static const struct preset precedences[] = {
    {"::1/128", 50}, {"2002::/16", 30}, {"::/96", 20}, {"::ffff:0:0/96", 10}, {"::/0", 40},
};
static const struct preset scopes[] = {
    {"::ffff:169.254.0.0/112", 2},
    {"::ffff:127.0.0.0/104", 2},
    {"::ffff:0.0.0.0/96", 14},
};

static void add(struct rfc6724_table *t, const struct net_prefix *prefix, int value)
{
    if (t->n < RFC6724_ROWS)
        t->rows[t->n++] = (struct rfc6724_row){.prefix = *prefix, .value = value};
}

static void preset(struct rfc6724_table *t, const struct preset *from, size_t n)
{
    *t = (struct rfc6724_table){0};
    for (size_t i = 0; i < n; i++) {
        struct net_prefix prefix;
        if (net_prefix_parse(from[i].prefix, &prefix) == 0)
            add(t, &prefix, from[i].value);
    }
}

void rfc6724_defaults(struct rfc6724_tables *ret)
{
    preset(&ret->labels, labels, sizeof labels / sizeof *labels);
    preset(&ret->precedences, precedences, sizeof precedences / sizeof *precedences);
    preset(&ret->scopes, scopes, sizeof scopes / sizeof *scopes);
}

/* A line of words, at most three of them, cut out of the text. */
struct line {
    char words[3][WORD];
    int n;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static void cut_line(const char *text, size_t n, struct line *ret)
{
    *ret = (struct line){0};
    for (size_t at = 0; at < n && text[at] != '#' && ret->n < 3;) {
        size_t end = at;
        while (end < n && !is_blank(text[end]) && text[end] != '#')
            end++;
        if (end > at && end - at < WORD)
            memcpy(ret->words[ret->n], text + at, end - at);
        ret->n += end > at;
        at = end < n && text[end] == '#' ? n : end + 1;
    }
}

/* A prefix of the scope table may be written as IPv4's own. */
static int parse_prefix(const char *text, bool ipv4, struct net_prefix *ret)
{
    struct net_prefix p;
    int r = net_prefix_parse(text, &p);
    if (r < 0)
        return r;
    if (p.addr.family == AF_INET && ipv4) {
        memmove(p.addr.bytes + 12, p.addr.bytes, 4);
        memset(p.addr.bytes, 0, 10);
        memset(p.addr.bytes + 10, 0xff, 2);
        p.addr.family = AF_INET6;
        p.len = (uint8_t)(p.len + MAPPED_BITS);
    }
    *ret = p;
    return p.addr.family == AF_INET6 && (!ipv4 || p.len >= MAPPED_BITS) ? 0 : -1;
}

static void take_line(struct rfc6724_tables *own, const struct line *line)
{
    static const char *const names[] = {"label", "precedence", "scopev4"};
    struct rfc6724_table *const tables[] = {&own->labels, &own->precedences, &own->scopes};
    struct net_prefix prefix;
    uint64_t value;

    for (size_t i = 0; i < 3; i++) {
        if (line->n < 3 || strcmp(line->words[0], names[i]) != 0)
            continue;
        if (parse_prefix(line->words[1], i == 2, &prefix) == 0 &&
            parse_u64(line->words[2], 0, INT32_MAX, &value) == 0)
            add(tables[i], &prefix, (int)value);
    }
}

static void replace(struct rfc6724_table *old, struct rfc6724_table *own)
{
    if (own->n == 0)
        return;
    struct rfc6724_row rest = old->rows[old->n - 1]; /* the shortest prefix */
    if (own->n == RFC6724_ROWS)
        own->n--;
    add(own, &rest.prefix, rest.value); /* one of the file's own stands before it */
    *old = *own;
    old->configured = true;
}

void rfc6724_configure(struct rfc6724_tables *t, const char *text, size_t n)
{
    struct rfc6724_tables own = {0};
    for (size_t at = 0; at < n;) {
        const char *newline = memchr(text + at, '\n', n - at);
        size_t end = newline ? (size_t)(newline - text) : n;
        struct line line;
        cut_line(text + at, end - at, &line);
        take_line(&own, &line);
        at = end + 1;
    }
    replace(&t->labels, &own.labels);
    replace(&t->precedences, &own.precedences);
    replace(&t->scopes, &own.scopes);
}
