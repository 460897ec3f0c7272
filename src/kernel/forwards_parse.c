/* Listings of address translation, line by line: the ports that a rule is about, as one, as a list,
 * as a set in place (which may go on for lines), as a named set of the same table, or as the keys
 * of a map, which then has the targets, or the chains that go on with it. A rule that tells its
 * ports otherwise is counted as unread. Words are slices of the listing; nothing is evaluated. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/vec.h"
#include "kernel/forwards_impl.h"

/* Elements of all the sets, each time that a rule names them. */
enum { SETS_MAX = 1 << 12, ELEMENTS_MAX = 1 << 22 };

struct set {
    struct word table, name, elements; /* elements: behind the brace; may be empty */
};

/* What becomes of what comes to a port. */
enum gives {
    TO_TARGET,  /* of the rule: f.target */
    TO_CHAIN,   /* `chain` */
    BY_MAP,     /* the value is the target */
    BY_VERDICT, /* the value may name a chain */
};

struct rule {
    struct vec words; /* struct word */
    struct word line; /* which they are slices of */
    struct kernel_forward f;
    enum gives gives;
    struct word chain;
    size_t place;    /* of the port in a key: 1 in "ip daddr . tcp dport" */
    char before[64]; /* what stands before a map's value in the target: "10.0.0.7:" */
};

/* The words of a rule */

static struct word word_at(const struct rule *r, size_t i)
{
    return i < r->words.len ? *(const struct word *)vec_at(&r->words, i) : (struct word){"", 0};
}

static bool is_at(const struct rule *r, size_t i, const char *text)
{
    struct word w = word_at(r, i);
    return word_is(&w, text);
}

/* The place behind one of these words; 0 if it isn't there. */
static size_t find_behind(const struct rule *r, const char *name)
{
    for (size_t i = 0; i + 1 < r->words.len; i++)
        if (is_at(r, i, name))
            return i + 1;
    return 0;
}

static bool is_protocol(const struct word *w)
{
    static const char *const names[] = {"tcp", "udp", "sctp", "dccp", "udplite"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (word_is(w, names[i]))
            return true;
    return false;
}

/* -p tcp -m tcp --dport 80; tcp dport 80; meta l4proto tcp th dport 80. dport: the place of that
 * word; 0 where there is none. */
static void get_protocol(struct rule *r, size_t dport)
{
    static const char *const names[] = {"-p", "l4proto", "protocol", "nexthdr"};
    struct word w = word_at(r, dport - 1);
    for (size_t i = 0; !is_protocol(&w) && i < sizeof names / sizeof *names; i++) {
        size_t at = find_behind(r, names[i]);
        if (at)
            w = word_at(r, at);
    }
    if (is_protocol(&w))
        word_copy(r->f.protocol, sizeof r->f.protocol, w);
}

/* Selectors have one word or two, and a point between them: "iifname . ip daddr . tcp dport". */
static size_t get_place(const struct rule *r, size_t dport)
{
    size_t place = 0;
    for (size_t i = dport - 2; i >= 1 && i < r->words.len && is_at(r, i, ".");) {
        place++;
        i -= is_at(r, i - 2, ".") ? 2 : 3;
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
    word_copy(range, sizeof range, *w);
    char *colon = strchr(range, ':');
    if (colon)
        *colon = '-';
    if (strcmp(range, "*") == 0)
        return f->last = UINT16_MAX, true;
    return parse_port_range(range, &f->first, &f->last) == 0;
}

int forwards_add(struct listing *l, const struct kernel_forward *f)
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
        word_copy(parts[i], sizeof parts[i], value[i]);
    bool brackets = parts[1][0] && strchr(parts[0], ':');
    char text[256];
    snprintf(text, sizeof text, "%s%s%s%s%s%s", r->before, brackets ? "[" : "", parts[0],
             brackets ? "]" : "", parts[1][0] ? ":" : "", parts[1]);
    word_copy(f->target, sizeof f->target, (struct word){text, strlen(text)});
}

static bool is_jump(const struct word *w)
{
    return word_is(w, "jump") || word_is(w, "goto");
}

/* f: of one port or range; value: of its element, if it's one of a map. */
static int give(struct listing *l, const struct rule *r, const struct kernel_forward *f,
                const struct word value[2])
{
    bool verdict = r->gives == BY_VERDICT;
    struct kernel_forward made = *f;
    if (r->gives == BY_MAP)
        set_target(r, value, &made);
    if (r->gives == TO_TARGET || r->gives == BY_MAP)
        return made.target[0] ? forwards_add(l, &made) : (l->unread = true, 0);
    if (verdict && !is_jump(&value[0]))
        return 0;
    struct way w = {.to = verdict ? value[1] : r->chain, .first = f->first, .last = f->last};
    memcpy(w.protocol, f->protocol, sizeof w.protocol);
    return ways_add(l, &w);
}

/* The ports can't be told. Of a chain that matters only if it hands something on. */
static int give_up(struct listing *l, const struct rule *r)
{
    if (r->gives == TO_CHAIN)
        return ways_add(l, &(struct way){.to = r->chain, .unread = true});
    l->unread |= r->gives != BY_VERDICT;
    return 0;
}

/* Sets and maps */

struct element {
    bool any, last; /* it has words; none is behind it */
    bool good;      /* the port was read */
    struct word value[2];
};

/* "9001", "9002-9010 counter packets 0 bytes 0", "10.0.0.1 . 80 : 10.88.0.2 . 8080",
 * "80 : jump web", up to the comma or brace. */
static struct element read_element(const struct rule *r, struct word *rest,
                                   struct kernel_forward *f)
{
    struct element e = {.last = true};
    bool starts = true, value = false;
    size_t part = 0;
    for (struct word w; word_next(rest, false, &w) && !word_is(&w, "}"); e.any = true) {
        e.last = !word_is(&w, ",");
        if (!e.last)
            return e;
        bool colon = word_is(&w, ":"), point = word_is(&w, ".");
        if (colon || point) {
            value |= colon;
            part = colon ? 0 : part + 1;
        } else if (starts && value && part < 2) {
            e.value[part] = w;
        } else if (starts && !value && part == r->place) {
            e.good = get_range(&w, f);
        } else if (starts && !value && is_protocol(&w)) {
            word_copy(f->protocol, sizeof f->protocol, w);
        } else if (value && part == 0 && is_jump(&e.value[0])) {
            e.value[1] = w;
            part++;
        }
        starts = colon || point;
    }
    return e;
}

/* elements: behind the brace. */
static int take_elements(struct listing *l, const struct rule *r, struct word elements)
{
    bool last = false;
    for (; !last && l->n_elements < ELEMENTS_MAX; l->n_elements++) {
        struct kernel_forward f = r->f;
        struct element e = read_element(r, &elements, &f);
        last = e.last;
        if (!e.any && last)
            break;
        if (!e.good) {
            l->unread = true;
            return 0;
        }
        if (give(l, r, &f, e.value) < 0)
            return -ENOMEM;
    }
    l->unread |= l->n_elements >= ELEMENTS_MAX;
    return 0;
}

static const struct set *find_set(const struct listing *l, struct word name)
{
    for (size_t i = 0; i < l->sets.len; i++) {
        const struct set *s = vec_at(&l->sets, i);
        if (word_same(&s->name, &name) && word_same(&s->table, &l->table))
            return s;
    }
    return NULL;
}

/* Of a set in place, or of the name of one. */
static bool find_elements(const struct listing *l, const struct rule *r, size_t i, struct word *ret)
{
    struct word w = word_at(r, i);
    const char *start = w.at + w.n;
    if (word_is(&w, "{")) {
        *ret = (struct word){start, (size_t)(r->line.at + r->line.n - start)};
        return true;
    }
    const struct set *set =
        w.n && *w.at == '@' ? find_set(l, (struct word){w.at + 1, w.n - 1}) : NULL;
    if (set)
        *ret = set->elements;
    return set;
}

/* "80", "80,443,8000:8100" */
static int take_list(struct listing *l, const struct rule *r, size_t i)
{
    static const struct word none[2] = {{"", 0}, {"", 0}};
    for (;; i += 2) {
        struct kernel_forward f = r->f;
        struct word w = word_at(r, i);
        if (!get_range(&w, &f))
            return give_up(l, r);
        if (give(l, r, &f, none) < 0)
            return -ENOMEM;
        if (!is_at(r, i + 1, ","))
            return 0;
    }
}

static int take_ports(struct listing *l, const struct rule *r, size_t i)
{
    struct word elements;
    if (find_elements(l, r, i, &elements))
        return take_elements(l, r, elements);
    bool named = word_at(r, i).n && *word_at(r, i).at == '@';
    bool map = r->gives == BY_MAP || r->gives == BY_VERDICT;
    return named || map ? give_up(l, r) : take_list(l, r, i);
}

/* ports: their place; 0: there are none. */
static int take_jump(struct listing *l, struct rule *r, struct word chain, size_t ports)
{
    r->gives = TO_CHAIN;
    r->chain = chain;
    if (ports)
        return take_ports(l, r, ports);
    struct way all = {.to = chain, .all = true};
    memcpy(all.protocol, r->f.protocol, sizeof all.protocol);
    return ways_add(l, &all);
}

/* iptables */

/* -A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80 */
static int take_iptables_rule(struct listing *l, struct rule *r)
{
    size_t one = find_behind(r, "--dport"), many = find_behind(r, "--dports");
    size_t ports = one ? one : many, jump = find_behind(r, "-j");
    jump = jump ? jump : find_behind(r, "-g");
    size_t to = is_at(r, jump, "DNAT")       ? find_behind(r, "--to-destination")
                : is_at(r, jump, "REDIRECT") ? find_behind(r, "--to-ports")
                                             : 0;
    if (!jump)
        return 0;
    l->chain = word_at(r, 1);
    get_protocol(r, ports ? ports - 1 : 0);
    if (to)
        word_copy(r->f.target, sizeof r->f.target, word_at(r, to));
    else
        r->gives = TO_CHAIN;
    r->chain = word_at(r, jump);
    if (ports >= 2 && is_at(r, ports - 2, "!"))
        return give_up(l, r);
    if (!to)
        return take_jump(l, r, r->chain, ports);
    return ports ? take_ports(l, r, ports) : ways_add_end(l, &r->f);
}

/* nft */

/* The place behind "dnat to", "dnat ip to", "redirect to"; 0 if it isn't there. */
static size_t find_target(const struct rule *r)
{
    enum { BETWEEN_MAX = 6 };
    size_t dnat = find_behind(r, "dnat"), at = dnat ? dnat : find_behind(r, "redirect");
    for (size_t i = at; at && i < at + BETWEEN_MAX && i + 1 < r->words.len; i++)
        if (is_at(r, i, "to"))
            return i + 1;
    return 0;
}

static bool ends_key(struct word w)
{
    static const char *const ends[] = {".", "map", "vmap", "{", "!=", "=="};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (word_is(&w, ends[i]))
            return true;
    return w.n == 0 || *w.at == '@';
}

/* The place behind the key that the port is a part of: "tcp dport . ip saddr map …". */
static size_t skip_key(const struct rule *r, size_t behind_dport)
{
    size_t i = behind_dport;
    while (is_at(r, i, "."))
        for (i++; !ends_key(word_at(r, i));)
            i++;
    return i;
}

/* tcp dport vmap { 80 : jump web }; tcp dport 80 numgen random mod 2 vmap { 0 : jump a, 1 : jump b
 * }. vmap: the place behind the word; ports: as in take_jump. */
static int take_vmap(struct listing *l, struct rule *r, size_t vmap, size_t ports)
{
    struct word elements;
    bool last = false;
    int result = 0;
    if (ports == vmap - 1) {
        r->gives = BY_VERDICT;
        return take_ports(l, r, vmap);
    }
    if (!find_elements(l, r, vmap, &elements))
        return 0;
    for (; !last && result == 0 && l->n_elements < ELEMENTS_MAX; l->n_elements++) {
        struct kernel_forward f = r->f;
        struct element e = read_element(r, &elements, &f);
        last = e.last;
        if (is_jump(&e.value[0]))
            result = take_jump(l, r, e.value[1], ports);
    }
    l->unread |= l->n_elements >= ELEMENTS_MAX;
    return result;
}

/* tcp dport 80 jump web; … jump {, where lines follow that are a chain without a name */
static int take_nft_jump(struct listing *l, struct rule *r, size_t jump, size_t ports)
{
    struct word chain = word_at(r, jump);
    bool nameless = word_is(&chain, "{");
    int result = take_jump(l, r, nameless ? r->line : chain, ports);
    if (nameless) {
        l->around = l->chain;
        l->chain = r->line;
    }
    return result;
}

/* One target, or one of several, chosen by anything but the port. */
static void get_target(struct rule *r, size_t to)
{
    struct word target = word_at(r, to);
    if (find_behind(r, "map") > to)
        target.n = (size_t)(r->line.at + r->line.n - target.at);
    word_copy(r->f.target, sizeof r->f.target, target);
}

/* dnat to tcp dport map { 8080 : 172.17.0.2 . 80 }; redirect to :tcp dport map @ports */
static int take_map(struct listing *l, struct rule *r, size_t to, size_t map)
{
    struct word target = word_at(r, to);
    const char *colon = memrchr(target.at, ':', target.n);
    r->gives = BY_MAP;
    if (!is_at(r, map, "map"))
        return give_up(l, r);
    if (colon) { /* of what is looked up, the protocol stands behind it */
        struct word protocol = {colon + 1, (size_t)(target.at + target.n - colon - 1)};
        target.n -= protocol.n;
        word_copy(r->before, sizeof r->before, target);
        if (is_protocol(&protocol))
            word_copy(r->f.protocol, sizeof r->f.protocol, protocol);
    }
    return take_ports(l, r, map + 1);
}

/* tcp dport 8080 dnat to 172.17.0.2:80; tcp dport { 80, 443 } redirect to :8080 */
static int take_nft_rule(struct listing *l, struct rule *r)
{
    size_t to = find_target(r), dport = find_behind(r, "dport"), vmap = find_behind(r, "vmap");
    size_t jump = find_behind(r, "jump"), ports = dport ? skip_key(r, dport) : 0;
    jump = jump ? jump : find_behind(r, "goto");
    if (!to && !vmap && !jump)
        return 0;
    get_protocol(r, dport ? dport - 1 : 0);
    r->place = dport ? get_place(r, dport - 1) : 0;
    if (vmap)
        return take_vmap(l, r, vmap, ports);
    if (jump)
        return take_nft_jump(l, r, jump, ports);
    if (dport > to)
        return take_map(l, r, to, ports);
    get_target(r, to);
    return dport ? take_ports(l, r, ports) : ways_add_end(l, &r->f);
}

static int take_rule(struct listing *l, struct word line)
{
    struct rule r = {.words = VEC_INIT(struct word), .line = line};
    struct word rest = line, w;
    bool iptables = *line.at == '-';
    int result = 0;
    while (result == 0 && word_next(&rest, iptables, &w))
        result = vec_add(&r.words, &w);
    word_copy(r.f.rule, sizeof r.f.rule, line);
    if (result == 0)
        result = iptables ? take_iptables_rule(l, &r) : take_nft_rule(l, &r);
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

/* Of a chain without a name, of a set that has no elements yet, or of anything. */
static int take_brace(struct listing *l)
{
    if (l->around.n == 0)
        return add_set(l, (struct word){"", 0});
    l->chain = l->around;
    l->around.n = 0;
    return 0;
}

static int take_line(struct listing *l, struct word line)
{
    struct word rest = line, first, second = {0};
    if (!word_next(&rest, false, &first) || memchr(line.at, '\0', line.n))
        return 0;
    if (*first.at == '*') /* a table of iptables */
        return l->table = first, 0;
    word_next(&rest, false, &second);
    if (word_is(&first, "table")) {
        l->table = (struct word){second.at, line.n - (size_t)(second.at - line.at)};
        return 0;
    }
    if (word_is(&first, "chain"))
        return l->chain = second, 0;
    if (word_is(&first, "set") || word_is(&first, "map"))
        return l->set = second, 0;
    if (word_is(&first, "elements") && word_is(&second, "=")) {
        word_next(&rest, false, &second); /* the brace */
        return add_set(l, rest);
    }
    if (word_is(&first, "}"))
        return take_brace(l);
    return take_rule(l, (struct word){first.at, line.n - (size_t)(first.at - line.at)});
}

int forwards_parse(const char *listing, size_t n, struct vec *ret, bool *ret_unread)
{
    struct listing l = {.sets = VEC_INIT(struct set),
                        .ways = VEC_INIT(struct way),
                        .ends = VEC_INIT(struct end),
                        .ret = ret};
    int result = 0;
    while (result == 0 && n > 0) {
        size_t length = word_measure_line(listing, n);
        result = take_line(&l, (struct word){listing, length});
        length += length < n;
        listing += length;
        n -= length;
    }
    if (result == 0)
        result = ways_follow(&l);
    vec_free(&l.sets);
    vec_free(&l.ways);
    vec_free(&l.ends);
    *ret_unread |= l.unread;
    return result;
}
