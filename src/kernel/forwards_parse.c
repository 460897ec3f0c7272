/* Listings of address translation, line by line: the ports that a rule is about, as one, as a list,
 * as a set in place (which may go on for lines), as a named set of the same table, or as the keys
 * of a map, which then has the targets. A rule that tells its ports otherwise is counted as unread.
 * Words are slices of the listing; nothing is evaluated. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/vec.h"
#include "kernel/forwards.h"

enum { SETS_MAX = 1 << 12, FORWARDS_MAX = 1 << 16 };

struct word {
    const char *at;
    size_t n;
};

struct set {
    struct word table, name, elements; /* elements: behind the brace; may be empty */
};

struct listing {
    struct word table, set; /* where the reading stands */
    struct vec sets;        /* struct set; nft lists them before the rules of their table */
    struct vec *ret;
    bool unread;
};

struct rule {
    struct vec words; /* struct word */
    struct kernel_forward f;
    size_t place;    /* of the port in a key: 1 in "ip daddr . tcp dport" */
    char before[64]; /* what stands before a map's value in the target: "10.0.0.7:" */
};

/* Words */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

static bool stands_alone(char c)
{
    return c == '{' || c == '}' || c == ',';
}

static void skip(struct word *rest, size_t n)
{
    rest->at += n;
    rest->n -= n;
}

static size_t measure(const struct word *rest)
{
    size_t n = 1;
    if (*rest->at == '"') {
        while (n < rest->n && rest->at[n] != '"' && rest->at[n] != '\n')
            n++;
        return n < rest->n && rest->at[n] == '"' ? n + 1 : n;
    }
    if (!stands_alone(*rest->at))
        while (n < rest->n && !is_blank(rest->at[n]) && !stands_alone(rest->at[n]))
            n++;
    return n;
}

/* The next word of *rest, which moves behind it; false at the end. A quoted text is one word. */
static bool next_word(struct word *rest, struct word *ret)
{
    while (rest->n && is_blank(*rest->at))
        skip(rest, 1);
    *ret = (struct word){rest->at, rest->n ? measure(rest) : 0};
    skip(rest, ret->n);
    return ret->n > 0;
}

static bool is(const struct word *w, const char *text)
{
    return strlen(text) == w->n && memcmp(w->at, text, w->n) == 0;
}

static bool is_same(const struct word *a, const struct word *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->at, b->at, a->n) == 0);
}

/* With one blank where there are more, as where a line goes on; cut at its end. */
static void copy(char *ret, size_t size, struct word from)
{
    size_t n = 0;
    for (; from.n && n + 1 < size; skip(&from, 1)) {
        bool blank = is_blank(*from.at);
        if (!blank || (n && ret[n - 1] != ' '))
            ret[n++] = blank ? ' ' : *from.at;
    }
    ret[n] = '\0';
}

/* The words of a rule */

static struct word word_at(const struct rule *r, size_t i)
{
    return i < r->words.len ? *(const struct word *)vec_at(&r->words, i) : (struct word){"", 0};
}

static bool word_is(const struct rule *r, size_t i, const char *text)
{
    struct word w = word_at(r, i);
    return is(&w, text);
}

/* The place behind one of these words; 0 if it isn't there. */
static size_t find_behind(const struct rule *r, const char *name)
{
    for (size_t i = 0; i + 1 < r->words.len; i++)
        if (word_is(r, i, name))
            return i + 1;
    return 0;
}

static bool is_protocol(const struct word *w)
{
    return is(w, "tcp") || is(w, "udp");
}

/* -p tcp -m tcp --dport 80; tcp dport 80; meta l4proto tcp th dport 80 */
static void get_protocol(struct rule *r, size_t dport)
{
    static const char *const names[] = {"-p", "l4proto", "protocol"};
    struct word w = word_at(r, dport - 1);
    for (size_t i = 0; !is_protocol(&w) && i < sizeof names / sizeof *names; i++) {
        size_t at = find_behind(r, names[i]);
        if (at)
            w = word_at(r, at);
    }
    if (is_protocol(&w))
        copy(r->f.protocol, sizeof r->f.protocol, w);
}

/* Selectors have one word or two, and a point between them: "iifname . ip daddr . tcp dport". */
static size_t get_place(const struct rule *r, size_t dport)
{
    size_t place = 0;
    for (size_t i = dport - 2; i >= 1 && i < r->words.len && word_is(r, i, ".");) {
        place++;
        i -= word_is(r, i - 2, ".") ? 2 : 3;
    }
    return place;
}

/* Ports */

/* "8080", "8000-8100" of nft, "8000:8100" of iptables, "*" of a map: any. */
static bool get_range(const struct word *w, struct kernel_forward *f)
{
    char range[16];
    if (w->n >= sizeof range)
        return false;
    copy(range, sizeof range, *w);
    char *colon = strchr(range, ':');
    if (colon)
        *colon = '-';
    if (strcmp(range, "*") == 0)
        return f->last = UINT16_MAX, true;
    return parse_port_range(range, &f->first, &f->last) == 0;
}

static int add(struct listing *l, const struct kernel_forward *f)
{
    if (l->ret->len >= FORWARDS_MAX) {
        l->unread = true;
        return 0;
    }
    return vec_add(l->ret, f);
}

/* "10.88.0.2 . 80" is 10.88.0.2:80. */
static void set_target(const struct rule *r, const struct word value[2], struct kernel_forward *f)
{
    char parts[2][64];
    for (size_t i = 0; i < 2; i++)
        copy(parts[i], sizeof parts[i], value[i]);
    bool brackets = parts[1][0] && strchr(parts[0], ':');
    char text[256];
    snprintf(text, sizeof text, "%s%s%s%s%s%s", r->before, brackets ? "[" : "", parts[0],
             brackets ? "]" : "", parts[1][0] ? ":" : "", parts[1]);
    copy(f->target, sizeof f->target, (struct word){text, strlen(text)});
}

struct element {
    bool any, last; /* it has words; none is behind it */
    bool good;      /* the port was read */
    struct word value[2];
};

/* "9001", "9002-9010 counter packets 0 bytes 0", "10.0.0.1 . 80 : 10.88.0.2 . 8080", up to the
 * comma or brace. */
static struct element read_element(const struct rule *r, struct word *rest,
                                   struct kernel_forward *f)
{
    struct element e = {.last = true};
    bool starts = true, value = false;
    size_t part = 0;
    for (struct word w; next_word(rest, &w) && !is(&w, "}"); e.any = true) {
        e.last = !is(&w, ",");
        if (!e.last)
            return e;
        bool colon = is(&w, ":"), point = is(&w, ".");
        if (colon || point) {
            value |= colon;
            part = colon ? 0 : part + 1;
        } else if (starts && value && part < 2) {
            e.value[part] = w;
        } else if (starts && !value && part == r->place) {
            e.good = get_range(&w, f);
        } else if (starts && !value && is_protocol(&w)) {
            copy(f->protocol, sizeof f->protocol, w);
        }
        starts = colon || point;
    }
    return e;
}

/* elements: behind the brace. */
static int take_elements(struct listing *l, const struct rule *r, struct word elements)
{
    bool map = !r->f.target[0], last = false;
    while (!last && l->ret->len < FORWARDS_MAX) {
        struct kernel_forward f = r->f;
        struct element e = read_element(r, &elements, &f);
        last = e.last;
        if (!e.any && last)
            break;
        if (map)
            set_target(r, e.value, &f);
        if (!e.good || !f.target[0]) {
            l->unread = true;
            return 0;
        }
        if (add(l, &f) < 0)
            return -ENOMEM;
    }
    l->unread |= !last;
    return 0;
}

/* "80", "80,443,8000:8100" */
static int take_list(struct listing *l, const struct rule *r, size_t i)
{
    for (;; i += 2) {
        struct kernel_forward f = r->f;
        struct word w = word_at(r, i);
        if (!get_range(&w, &f)) {
            l->unread = true;
            return 0;
        }
        if (add(l, &f) < 0)
            return -ENOMEM;
        if (!word_is(r, i + 1, ","))
            return 0;
    }
}

static const struct set *find_set(const struct listing *l, struct word name)
{
    for (size_t i = 0; i < l->sets.len; i++) {
        const struct set *s = vec_at(&l->sets, i);
        if (is_same(&s->name, &name) && is_same(&s->table, &l->table))
            return s;
    }
    return NULL;
}

/* A set in place, the name of one, or a list. line: the rule, which the words are slices of. */
static int take_ports(struct listing *l, const struct rule *r, const struct word *line, size_t i)
{
    struct word w = word_at(r, i);
    if (is(&w, "{")) {
        const char *start = w.at + w.n;
        return take_elements(l, r, (struct word){start, (size_t)(line->at + line->n - start)});
    }
    if (w.n == 0 || *w.at != '@')
        return r->f.target[0] ? take_list(l, r, i) : (l->unread = true, 0);
    const struct set *set = find_set(l, (struct word){w.at + 1, w.n - 1});
    l->unread |= !set;
    return set ? take_elements(l, r, set->elements) : 0;
}

/* Rules */

/* -A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80 */
static int take_iptables_rule(struct listing *l, struct rule *r, const struct word *line)
{
    size_t one = find_behind(r, "--dport"), many = find_behind(r, "--dports");
    size_t ports = one ? one : many, jump = find_behind(r, "-j");
    size_t to = word_is(r, jump, "DNAT")       ? find_behind(r, "--to-destination")
                : word_is(r, jump, "REDIRECT") ? find_behind(r, "--to-ports")
                                               : 0;
    if (!jump || !to || !ports)
        return 0;
    get_protocol(r, ports - 1);
    copy(r->f.target, sizeof r->f.target, word_at(r, to));
    if (ports >= 2 && word_is(r, ports - 2, "!")) {
        l->unread = true;
        return 0;
    }
    return take_ports(l, r, line, ports);
}

/* The place behind "dnat to", "dnat ip to", "redirect to"; 0 if it isn't there. */
static size_t find_target(const struct rule *r)
{
    enum { BETWEEN_MAX = 6 };
    size_t dnat = find_behind(r, "dnat"), at = dnat ? dnat : find_behind(r, "redirect");
    for (size_t i = at; at && i < at + BETWEEN_MAX && i + 1 < r->words.len; i++)
        if (word_is(r, i, "to"))
            return i + 1;
    return 0;
}

/* tcp dport 8080 dnat to 172.17.0.2:80; tcp dport { 80, 443 } redirect to :8080;
 * dnat to tcp dport map { 8080 : 172.17.0.2 . 80 }; redirect to :tcp dport map @ports */
static int take_nft_rule(struct listing *l, struct rule *r, const struct word *line)
{
    size_t to = find_target(r), dport = find_behind(r, "dport");
    struct word target = word_at(r, to);
    if (!to || !dport)
        return 0;
    get_protocol(r, dport - 1);
    r->place = get_place(r, dport - 1);
    if (dport < to) {
        size_t map = find_behind(r, "map");
        if (map > to) /* one of several, chosen by anything */
            target.n = (size_t)(line->at + line->n - target.at);
        copy(r->f.target, sizeof r->f.target, target);
        return take_ports(l, r, line, dport);
    }
    if (!word_is(r, dport, "map"))
        return 0;
    const char *colon = memrchr(target.at, ':', target.n);
    if (colon) { /* of what is looked up, the protocol stands behind it */
        struct word protocol = {colon + 1, (size_t)(target.at + target.n - colon - 1)};
        target.n -= protocol.n;
        copy(r->before, sizeof r->before, target);
        if (is_protocol(&protocol))
            copy(r->f.protocol, sizeof r->f.protocol, protocol);
    }
    return take_ports(l, r, line, dport + 1);
}

static int take_rule(struct listing *l, struct word line)
{
    struct rule r = {.words = VEC_INIT(struct word)};
    struct word rest = line, w;
    int result = 0;
    while (result == 0 && next_word(&rest, &w))
        result = vec_add(&r.words, &w);
    copy(r.f.rule, sizeof r.f.rule, line);
    if (result == 0)
        result = *line.at == '-' ? take_iptables_rule(l, &r, &line) : take_nft_rule(l, &r, &line);
    vec_free(&r.words);
    return result;
}

/* Lines */

static int add_set(struct listing *l, struct word elements)
{
    struct set s = {l->table, l->set, elements};
    if (l->sets.len >= SETS_MAX || l->set.n == 0) /* rules that name it are unread then */
        return 0;
    l->set.n = 0;
    return vec_add(&l->sets, &s);
}

static int take_line(struct listing *l, struct word line)
{
    struct word rest = line, first, second = {0};
    if (!next_word(&rest, &first) || memchr(line.at, '\0', line.n))
        return 0;
    next_word(&rest, &second);
    if (is(&first, "table")) {
        l->table = (struct word){second.at, line.n - (size_t)(second.at - line.at)};
        return 0;
    }
    if (is(&first, "set") || is(&first, "map")) {
        l->set = second;
        return 0;
    }
    if (is(&first, "elements") && is(&second, "=")) {
        next_word(&rest, &second); /* the brace */
        return add_set(l, rest);
    }
    if (is(&first, "}")) /* of a set that has no elements yet */
        return add_set(l, (struct word){"", 0});
    return take_rule(l, (struct word){first.at, line.n - (size_t)(first.at - line.at)});
}

/* Up to the end of a line; of the line where its braces are closed, unless it opens a block. */
static size_t measure_line(const char *text, size_t n)
{
    size_t depth = 0, i;
    bool quoted = false;
    char last = '\0';
    for (i = 0; i < n && (text[i] != '\n' || (depth && last != '{' && *text != '-')); i++) {
        quoted = (quoted != (text[i] == '"')) && text[i] != '\n';
        depth += text[i] == '{' && !quoted;
        depth -= text[i] == '}' && !quoted && depth;
        last = is_blank(text[i]) ? last : text[i];
    }
    return i;
}

int forwards_parse(const char *listing, size_t n, struct vec *ret, bool *ret_unread)
{
    struct listing l = {.sets = VEC_INIT(struct set), .ret = ret};
    int result = 0;
    while (result == 0 && n > 0) {
        size_t length = measure_line(listing, n);
        result = take_line(&l, (struct word){listing, length});
        length += length < n;
        listing += length;
        n -= length;
    }
    vec_free(&l.sets);
    *ret_unread |= l.unread;
    return result;
}
