/* Listings of firewalls, line by line, into chains and their rules. A rule with a long set goes on
 * for lines, which become one. What a rule says isn't looked at. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kernel/firewall.h"

enum { CHAINS_MAX = 1 << 14, SETS_MAX = 1 << 12, RULE_MAX = 1 << 12, ELEMENTS_MAX = 1 << 16 };

struct listing {
    struct firewall *ret;
    unsigned number;
    char table[FIREWALL_NAME_SIZE];
    enum firewall_family family; /* of the table */
    bool translates;             /* iptables: the table nat */
    bool in_chain;
    bool in_rule; /* the last line was one of a rule, which may go on */
    bool in_set, in_elements;
    unsigned depth; /* nft: open braces of a set or map, or of a rule that goes on */
};

/* Words */

static void copy(const struct firewall_word *w, char *ret)
{
    size_t n = w->n < FIREWALL_NAME_SIZE ? w->n : FIREWALL_NAME_SIZE - 1;
    snprintf(ret, FIREWALL_NAME_SIZE, "%.*s", (int)n, w->at);
}

/* The word behind one of these. */
static bool word_after(const char *text, const char *name, struct firewall_word *ret)
{
    struct firewall_word w;
    while (firewall_next_word(&text, &w))
        if (firewall_word_is(&w, name))
            return firewall_next_word(&text, ret);
    return false;
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static enum firewall_hook hook_of(const struct firewall_word *w)
{
    static const struct {
        const char *name;
        enum firewall_hook hook;
    } hooks[] = {
        {"ingress", FIREWALL_INGRESS}, {"prerouting", FIREWALL_PREROUTING},
        {"input", FIREWALL_INPUT},     {"forward", FIREWALL_FORWARD},
        {"output", FIREWALL_OUTPUT},   {"postrouting", FIREWALL_POSTROUTING},
        {"egress", FIREWALL_EGRESS},   {"PREROUTING", FIREWALL_PREROUTING},
        {"INPUT", FIREWALL_INPUT},     {"FORWARD", FIREWALL_FORWARD},
        {"OUTPUT", FIREWALL_OUTPUT},   {"POSTROUTING", FIREWALL_POSTROUTING},
    };
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++)
        if (firewall_word_is(w, hooks[i].name))
            return hooks[i].hook;
    return FIREWALL_NOWHERE;
}

/* Chains and rules */

static struct firewall_chain *last_chain(const struct listing *l)
{
    return vec_at(&l->ret->chains, l->ret->chains.len - 1);
}

static int add_chain(struct listing *l, const struct firewall_word *name)
{
    struct firewall_chain *c = l->ret->chains.len < CHAINS_MAX ? vec_push(&l->ret->chains) : NULL;
    if (!c)
        return -ENOMEM;
    copy(name, c->name);
    memcpy(c->table, l->table, sizeof c->table);
    c->listing = l->number;
    c->family = l->family;
    c->translates = l->translates;
    return 0;
}

static void look_for_notrack(struct firewall *f, const char *text)
{
    f->untracks |= strstr(text, "notrack") || strstr(text, "NOTRACK");
}

static int add_rule(struct listing *l, size_t chain, const char *text)
{
    struct firewall_rule *r = vec_push(&l->ret->rules);
    if (!r)
        return -ENOMEM;
    r->chain = chain;
    r->place = l->ret->rules.len;
    r->cut = strlen(text) > RULE_MAX;
    r->text = strndup(text, RULE_MAX);
    look_for_notrack(l->ret, text);
    return r->text ? 0 : -ENOMEM;
}

/* Adds a line to a text (NULL: none yet), up to a bound. */
static int join(char **text, const char *line, size_t max, bool *cut)
{
    size_t n = *text ? strlen(*text) : 0;
    *cut |= n + strlen(line) > max;
    if (*cut)
        return 0;
    char *longer = realloc(*text, n + strlen(line) + 2);
    if (!longer)
        return -ENOMEM;
    *text = longer;
    longer[n] = ' ';
    strcpy(longer + n + 1, line);
    return 0;
}

static int go_on(struct listing *l, const char *text)
{
    struct firewall_rule *r = vec_at(&l->ret->rules, l->ret->rules.len - 1);
    look_for_notrack(l->ret, text);
    return join(&r->text, text, RULE_MAX, &r->cut);
}

/* Sets */

static int add_set(struct listing *l, const struct firewall_word *name)
{
    struct firewall_set *s = l->ret->sets.len < SETS_MAX ? vec_push(&l->ret->sets) : NULL;
    if (!s)
        return l->ret->sets.len < SETS_MAX ? -ENOMEM : 0; /* of what isn't there nothing is known */
    copy(name, s->name);
    memcpy(s->table, l->table, sizeof s->table);
    s->listing = l->number;
    s->family = l->family;
    l->in_set = true;
    return 0;
}

/* "elements = { 22," and the lines that follow; before them its type and flags. */
static int take_set_line(struct listing *l, const char *text)
{
    struct firewall_set *s = vec_at(&l->ret->sets, l->ret->sets.len - 1);
    static const char opening[] = "elements = {";
    if (starts(text, opening)) {
        l->in_elements = true;
        text += sizeof opening - 1;
    }
    return l->in_elements ? join(&s->elements, text, ELEMENTS_MAX, &s->cut) : 0;
}

/* nft */

static void open_table(struct listing *l, const char *text)
{
    static const struct {
        const char *name;
        enum firewall_family family;
    } families[] = {{"ip", FIREWALL_IP},         {"ip6", FIREWALL_IP6},
                    {"inet", FIREWALL_INET},     {"arp", FIREWALL_ARP},
                    {"bridge", FIREWALL_BRIDGE}, {"netdev", FIREWALL_NETDEV}};
    struct firewall_word w = {0};
    l->family = FIREWALL_NO_FAMILY;
    firewall_next_word(&text, &w); /* "table" */
    firewall_next_word(&text, &w);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (firewall_word_is(&w, families[i].name))
            l->family = families[i].family;
    firewall_next_word(&text, &w);
    copy(&w, l->table);
}

/* type filter hook input priority filter; policy drop; */
static void take_hook(struct firewall_chain *c, const char *text)
{
    struct firewall_word w;
    c->translates = word_after(text, "type", &w) && firewall_word_is(&w, "nat");
    if (word_after(text, "hook", &w))
        c->hook = hook_of(&w);
    c->drops = word_after(text, "policy", &w) && firewall_word_is(&w, "drop");
    snprintf(c->devices, sizeof c->devices, "%s", text);
}

/* Braces that it opens, less those that it closes. */
static int count_braces(const char *text)
{
    struct firewall_word w;
    int n = 0;
    while (firewall_next_word(&text, &w))
        n += firewall_word_is(&w, "{") - firewall_word_is(&w, "}");
    return n;
}

static void open_braces(struct listing *l, int n)
{
    l->depth = n < 0 && (unsigned)-n > l->depth ? 0 : l->depth + (unsigned)n;
}

static int take_nft_line(struct listing *l, const char *text)
{
    struct firewall_word name;
    int braces = count_braces(text);
    if (l->depth) {
        open_braces(l, braces);
        return l->in_rule ? go_on(l, text) : l->in_set ? take_set_line(l, text) : 0;
    }
    l->in_rule = l->in_set = l->in_elements = false;
    if (starts(text, "table ")) {
        open_table(l, text);
        return 0;
    }
    if (starts(text, "chain ") && word_after(text, "chain", &name)) {
        l->in_chain = true;
        return add_chain(l, &name);
    }
    if (*text == '}') {
        l->in_chain = false;
        return 0;
    }
    if (!l->in_chain) {
        open_braces(l, braces); /* a set, a map … */
        return l->depth && starts(text, "set ") && word_after(text, "set", &name)
                   ? add_set(l, &name)
                   : 0;
    }
    if (starts(text, "type ") && !last_chain(l)->hook && word_after(text, "hook", &name)) {
        take_hook(last_chain(l), text);
        return 0;
    }
    if (!*text || *text == '#')
        return 0;
    open_braces(l, braces);
    l->in_rule = true;
    return add_rule(l, l->ret->chains.len - 1, text);
}

/* iptables-save */

static int take_iptables_line(struct listing *l, const char *text)
{
    struct firewall_word name, policy = {0};
    const char *rest = text + 1;
    if (*text == '*') {
        firewall_next_word(&rest, &name);
        copy(&name, l->table);
        l->translates = firewall_word_is(&name, "nat");
        return 0;
    }
    if (*text == ':' && firewall_next_word(&rest, &name)) {
        int result = add_chain(l, &name);
        if (result < 0)
            return result;
        last_chain(l)->hook = hook_of(&name);
        last_chain(l)->drops =
            firewall_next_word(&rest, &policy) && firewall_word_is(&policy, "DROP");
        return 0;
    }
    if (!starts(text, "-A ") || !word_after(text, "-A", &name))
        return 0;
    struct firewall_chain like = {.listing = l->number, .family = l->family};
    memcpy(like.table, l->table, sizeof like.table);
    const struct firewall_chain *c = firewall_find_chain(l->ret, &like, name.at, name.n),
                                *first = l->ret->chains.items;
    rest = name.at + name.n;
    return c ? add_rule(l, (size_t)(c - first), rest + strspn(rest, " ")) : 0;
}

/* The result */

static int compare_rules(const void *a, const void *b)
{
    const struct firewall_rule *x = a, *y = b;
    if (x->chain != y->chain)
        return x->chain < y->chain ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static void sort_rules(struct firewall *f)
{
    if (f->rules.len)
        qsort(f->rules.items, f->rules.len, f->rules.item_size, compare_rules);
    for (size_t i = 0; i < f->chains.len; i++)
        ((struct firewall_chain *)vec_at(&f->chains, i))->n = 0;
    for (size_t i = 0; i < f->rules.len; i++) {
        const struct firewall_rule *r = vec_at(&f->rules, i);
        struct firewall_chain *c = vec_at(&f->chains, r->chain);
        c->first = c->n++ ? c->first : i;
    }
}

static int parse(struct listing *l, const char *text, size_t n,
                 int (*take)(struct listing *l, const char *line))
{
    enum { LINE_MAX_BYTES = 64 << 10 };
    _cleanup_buf_ struct buf line = BUF_INIT(LINE_MAX_BYTES);
    int result = 0;
    l->number = ++l->ret->n_listings;
    while (result == 0 && n > 0) {
        const char *end = memchr(text, '\n', n);
        size_t length = end ? (size_t)(end - text) : n;
        buf_clear(&line);
        buf_add(&line, text, length);
        const char *start = buf_cstr(&line);
        result = take(l, start + strspn(start, " \t"));
        length += end != NULL;
        text += length;
        n -= length;
    }
    sort_rules(l->ret);
    return result;
}

int firewall_parse_nft(const char *listing, size_t n, struct firewall *ret)
{
    struct listing l = {.ret = ret};
    return parse(&l, listing, n, take_nft_line);
}

int firewall_parse_iptables(const char *listing, size_t n, enum firewall_family family,
                            struct firewall *ret)
{
    struct listing l = {.ret = ret, .family = family};
    return parse(&l, listing, n, take_iptables_line);
}
