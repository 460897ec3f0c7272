/* Listings of firewalls, line by line: which chains hang at which hooks, directly or by a jump, and
 * what their rules say of ports. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/parse.h"
#include "base/vec.h"
#include "kernel/firewall.h"

enum { NAME_SIZE = 64, CHAINS_MAX = 1 << 14, RULE_MAX = 1 << 12 };

struct chain {
    char table[NAME_SIZE], name[NAME_SIZE];
    uint16_t family;
    unsigned hooks;
    bool translates; /* of type nat */
    bool drops;      /* by its policy */
    bool seen;       /* its jumps were followed */
};

struct rule {
    size_t chain;
    char *text; /* owned */
};

struct listing {
    struct vec chains, rules;
    char table[NAME_SIZE];
    uint16_t family; /* of the table; AF_MAX: one that doesn't matter here */
    bool translates; /* iptables: the table nat */
    bool in_chain;
    unsigned depth; /* nft: open braces of a set or map, or of a rule that goes on */
};

/* Words */

struct word {
    const char *at;
    size_t n;
};

static bool is_between(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == ';' || c == '"';
}

/* The next word at *text, which moves behind it; false at the end. Braces stand alone. */
static bool next_word(const char **text, struct word *ret)
{
    while (is_between(**text))
        (*text)++;
    ret->at = *text;
    if (**text == '{' || **text == '}')
        (*text)++;
    else
        while (**text && !is_between(**text) && **text != '{' && **text != '}')
            (*text)++;
    ret->n = (size_t)(*text - ret->at);
    return ret->n > 0;
}

static bool is(const struct word *w, const char *text)
{
    return strlen(text) == w->n && memcmp(w->at, text, w->n) == 0;
}

static bool is_any(const struct word *w, const char *const *texts)
{
    for (; *texts; texts++)
        if (is(w, *texts))
            return true;
    return false;
}

static void copy_word(const struct word *w, char *ret)
{
    snprintf(ret, NAME_SIZE, "%.*s", (int)(w->n < NAME_SIZE ? w->n : NAME_SIZE - 1), w->at);
}

/* The word behind one of these. */
static bool word_after(const char *text, const char *name, struct word *ret)
{
    struct word w;
    while (next_word(&text, &w))
        if (is(&w, name))
            return next_word(&text, ret);
    return false;
}

/* Chains and rules */

static struct chain *last_chain(struct listing *l)
{
    return vec_at(&l->chains, l->chains.len - 1);
}

static struct chain *find_chain(const struct listing *l, const struct chain *from,
                                const struct word *name)
{
    for (size_t i = 0; i < l->chains.len; i++) {
        struct chain *c = vec_at(&l->chains, i);
        if (is(name, c->name) && strcmp(c->table, from->table) == 0 && c->family == from->family)
            return c;
    }
    return NULL;
}

static int add_chain(struct listing *l, const struct word *name)
{
    struct chain *c = l->chains.len < CHAINS_MAX ? vec_push(&l->chains) : NULL;
    if (!c)
        return -ENOMEM;
    copy_word(name, c->name);
    memcpy(c->table, l->table, sizeof c->table);
    c->family = l->family;
    c->translates = l->translates;
    return 0;
}

static int add_rule(struct listing *l, size_t chain, const char *text)
{
    struct rule *r = vec_push(&l->rules);
    if (!r)
        return -ENOMEM;
    r->chain = chain;
    r->text = strdup(text);
    return r->text ? 0 : -ENOMEM;
}

/* A rule with a long set goes on for lines. */
static int go_on(struct listing *l, const char *text)
{
    struct rule *r = vec_at(&l->rules, l->rules.len - 1);
    size_t n = strlen(r->text);
    if (n > RULE_MAX) /* what is told is cut anyway */
        return 0;
    char *longer = realloc(r->text, n + strlen(text) + 2);
    if (!longer)
        return -ENOMEM;
    r->text = longer;
    longer[n] = ' ';
    strcpy(longer + n + 1, text);
    return 0;
}

static unsigned hook_of(const struct word *w)
{
    static const char *const in[] = {"input", "prerouting", "INPUT", "PREROUTING", "ingress", NULL};
    static const char *const out[] = {"output", "postrouting", "OUTPUT", "POSTROUTING", NULL};
    return is_any(w, in) ? FIREWALL_IN : is_any(w, out) ? FIREWALL_OUT : 0;
}

/* nft */

static void open_table(struct listing *l, const char *text)
{
    static const struct {
        const char *name;
        uint16_t family;
    } families[] = {{"ip", AF_INET}, {"ip6", AF_INET6}, {"inet", AF_UNSPEC}};
    struct word w = {0};
    const char *rest = text;
    l->family = AF_MAX;
    next_word(&rest, &w); /* "table" */
    next_word(&rest, &w);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (is(&w, families[i].name))
            l->family = families[i].family;
    next_word(&rest, &w);
    copy_word(&w, l->table);
}

/* type filter hook input priority filter; policy drop; */
static void take_hook(struct chain *c, const char *text)
{
    struct word w;
    c->translates = word_after(text, "type", &w) && is(&w, "nat");
    if (word_after(text, "hook", &w))
        c->hooks = hook_of(&w);
    c->drops = word_after(text, "policy", &w) && is(&w, "drop");
}

static unsigned count(const char *text, char c)
{
    unsigned n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static int take_nft_line(struct listing *l, const char *text)
{
    struct word name;
    unsigned opens = count(text, '{'), closes = count(text, '}');
    if (l->depth) {
        l->depth += opens;
        l->depth -= closes < l->depth ? closes : l->depth;
        return l->in_chain && l->rules.len ? go_on(l, text) : 0;
    }
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
        l->depth = opens > closes ? opens - closes : 0; /* a set, a map … */
        return 0;
    }
    if (starts(text, "type ") && last_chain(l)->hooks == 0 && word_after(text, "hook", &name)) {
        take_hook(last_chain(l), text);
        return 0;
    }
    if (!*text || *text == '#')
        return 0;
    l->depth = opens > closes ? opens - closes : 0;
    return add_rule(l, l->chains.len - 1, text);
}

/* iptables-save */

static int take_iptables_line(struct listing *l, const char *text)
{
    struct word name, policy = {0};
    const char *rest = text + 1;
    if (*text == '*') {
        next_word(&rest, &name);
        copy_word(&name, l->table);
        l->translates = is(&name, "nat");
        return 0;
    }
    if (*text == ':' && next_word(&rest, &name)) {
        int result = add_chain(l, &name);
        if (result < 0)
            return result;
        last_chain(l)->hooks = hook_of(&name);
        last_chain(l)->drops = next_word(&rest, &policy) && is(&policy, "DROP");
        return 0;
    }
    if (!starts(text, "-A ") || !word_after(text, "-A", &name))
        return 0;
    struct chain like = {.family = l->family};
    memcpy(like.table, l->table, sizeof like.table);
    const struct chain *c = find_chain(l, &like, &name);
    const struct chain *first = l->chains.items;
    rest = name.at + name.n;
    return c ? add_rule(l, (size_t)(c - first), rest + strspn(rest, " ")) : 0;
}

/* Hooks of chains that others jump to */

static bool follow_jumps(struct listing *l, const struct rule *r)
{
    static const char *const jumps[] = {"jump", "goto", "-j", "-g", NULL};
    const struct chain *from = vec_at(&l->chains, r->chain);
    const char *text = r->text;
    struct word w;
    bool any = false;
    while (next_word(&text, &w)) {
        struct chain *to;
        if (!is_any(&w, jumps) || !next_word(&text, &w) || !(to = find_chain(l, from, &w)))
            continue;
        any |= (to->hooks | from->hooks) != to->hooks;
        to->hooks |= from->hooks;
    }
    return any;
}

/* Ends since hooks are only ever added, two a chain; bounded all the same. */
static void spread_hooks(struct listing *l)
{
    enum { ROUNDS = 64 };
    bool changed = true;
    for (int round = 0; changed && round < ROUNDS; round++) {
        changed = false;
        for (size_t i = 0; i < l->rules.len; i++) {
            const struct rule *r = vec_at(&l->rules, i);
            const struct chain *from = vec_at(&l->chains, r->chain);
            if (from->hooks && !from->translates)
                changed |= follow_jumps(l, r);
        }
    }
}

/* The result */

static bool stops(const char *text)
{
    static const char *const words[] = {"drop",   "reject",  "queue", "DROP", "REJECT",
                                        "TARPIT", "NFQUEUE", "QUEUE", NULL};
    struct word w;
    while (next_word(&text, &w))
        if (is_any(&w, words))
            return true;
    return false;
}

static int tell(struct vec *ret, const struct chain *c, const char *text, bool policy)
{
    static const char *const families[] = {
        [AF_UNSPEC] = "inet ", [AF_INET] = "ip ", [AF_INET6] = "ip6 "};
    struct firewall_rule *r = vec_push(ret);
    if (!r)
        return -ENOMEM;
    r->family = c->family;
    r->hooks = c->hooks;
    r->policy = policy;
    r->stops = policy || stops(text);
    snprintf(r->place, sizeof r->place, "%s%.40s %.40s", families[c->family], c->table, c->name);
    r->cut = (size_t)snprintf(r->text, sizeof r->text, "%s", text) >= sizeof r->text;
    return 0;
}

static bool matters(const struct chain *c)
{
    return c->hooks && !c->translates && c->family <= AF_INET6;
}

static int tell_all(struct listing *l, struct vec *ret)
{
    int result = 0;
    spread_hooks(l);
    for (size_t i = 0; result == 0 && i < l->rules.len; i++) {
        const struct rule *r = vec_at(&l->rules, i);
        const struct chain *c = vec_at(&l->chains, r->chain);
        if (matters(c))
            result = tell(ret, c, r->text, false);
    }
    for (size_t i = 0; result == 0 && i < l->chains.len; i++) {
        const struct chain *c = vec_at(&l->chains, i);
        if (matters(c) && c->drops)
            result = tell(ret, c, "policy drop", true);
    }
    return result;
}

static int parse(struct listing *l, const char *text, size_t n,
                 int (*take)(struct listing *l, const char *line), struct vec *ret)
{
    enum { LINE_MAX_BYTES = 64 << 10 };
    _cleanup_buf_ struct buf line = BUF_INIT(LINE_MAX_BYTES);
    int result = 0;
    l->chains = VEC_INIT(struct chain);
    l->rules = VEC_INIT(struct rule);
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
    if (result == 0)
        result = tell_all(l, ret);
    for (size_t i = 0; i < l->rules.len; i++)
        free(((struct rule *)vec_at(&l->rules, i))->text);
    vec_free(&l->chains);
    vec_free(&l->rules);
    return result;
}

int firewall_parse_nft(const char *listing, size_t n, struct vec *ret)
{
    struct listing l = {.family = AF_MAX};
    return parse(&l, listing, n, take_nft_line, ret);
}

int firewall_parse_iptables(const char *listing, size_t n, uint16_t family, struct vec *ret)
{
    struct listing l = {.family = family};
    return parse(&l, listing, n, take_iptables_line, ret);
}

/* Ports */

/* "80", "8000-8100", "8000:8100" */
static bool has_port(const struct word *w, uint16_t port)
{
    char text[16];
    uint16_t first, last;
    if (w->n >= sizeof text)
        return false;
    memcpy(text, w->at, w->n);
    text[w->n] = '\0';
    char *colon = strchr(text, ':');
    if (colon)
        *colon = '-';
    return parse_port_range(text, &first, &last) == 0 && first <= port && port <= last;
}

static bool is_number(const struct word *w)
{
    return w->n && w->at[0] >= '0' && w->at[0] <= '9';
}

/* What stands behind "dport", "--dport", "--dports": a port, a range, a set of them. */
static enum firewall_match match_ports(const char *text, uint16_t port)
{
    struct word w;
    bool set = false, any = false;
    while (next_word(&text, &w)) {
        if (is(&w, "{")) {
            set = true;
        } else if (is_number(&w)) {
            any = true;
            if (has_port(&w, port))
                return FIREWALL_NAMES;
        } else if (!set || is(&w, "}")) { /* in a map, verdicts stand between the ports */
            break;
        }
    }
    return any ? FIREWALL_ELSE : FIREWALL_MAYBE;
}

static bool is_of_other_protocol(const struct word *protocol, enum net_kind kind)
{
    static const char *const known[] = {"tcp",  "udp", "icmp", "icmpv6", "ipv6-icmp", "sctp",
                                        "igmp", "esp", "ah",   "gre",    NULL};
    return is_any(protocol, known) && !is(protocol, kind == NET_UDP ? "udp" : "tcp");
}

static enum firewall_match match(const struct firewall_rule *r, enum net_kind kind, uint16_t port)
{
    static const char *const ports[] = {"dport",   "--dport", "--dports", "--destination-port",
                                        "--ports", NULL};
    static const char *const protocols[] = {"-p", "l4proto", "protocol", "nexthdr", NULL};
    const char *text = r->text;
    struct word w, before = {0};
    while (next_word(&text, &w)) {
        const char *rest = text;
        struct word value;
        bool negated = is(&before, "!");
        if (is_any(&w, ports)) {
            if (is_of_other_protocol(&before, kind))
                return FIREWALL_ELSE;
            enum firewall_match m = match_ports(text, port);
            if (m != FIREWALL_MAYBE)
                return !negated ? m : m == FIREWALL_NAMES ? FIREWALL_ELSE : FIREWALL_MAYBE;
        } else if (is_any(&w, protocols) && !negated && next_word(&rest, &value) &&
                   is_of_other_protocol(&value, kind)) {
            return FIREWALL_ELSE;
        } else if ((is(&w, "icmp") || is(&w, "icmpv6")) && next_word(&rest, &value) &&
                   is(&value, "type")) {
            return FIREWALL_ELSE;
        }
        before = w;
    }
    return FIREWALL_MAYBE;
}

enum firewall_match firewall_match(const struct firewall_rule *r, enum net_kind kind, uint16_t port)
{
    enum firewall_match m = match(r, kind, port);
    return r->cut && m == FIREWALL_ELSE ? FIREWALL_MAYBE : m;
}

bool firewall_spares_loopback(const struct firewall_rule *r)
{
    static const char *const accepts[] = {"accept", "ACCEPT", NULL};
    const char *text = r->text;
    struct word w;
    bool accept = false, lo = false;
    while (next_word(&text, &w)) {
        accept |= is_any(&w, accepts);
        lo |= is(&w, "lo");
    }
    return accept && lo;
}
