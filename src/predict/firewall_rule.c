/* One rule, as nft(8) or iptables-save(8) print it: its conditions, all of which have to be met,
 * and what it then does. A word that isn't known is a condition that can't be told. */
#include <errno.h>
#include <string.h>

#include "predict/firewall_tests.h"

struct reader {
    struct firewall_subject s;
    const struct firewall_chain *chain;
    struct vec words; /* struct firewall_word */
    enum tri met;     /* so far */
    bool of_port; /* a condition on the port that it goes to was met, and not by leaving others out
                   */
    struct firewall_reading *ret;
    int result;
};

static const struct firewall_word *word(const struct reader *r, size_t i)
{
    static const struct firewall_word none = {"", 0, false};
    return i < r->words.len ? vec_at(&r->words, i) : &none;
}

static bool is(const struct reader *r, size_t i, const char *text)
{
    return firewall_word_is(word(r, i), text);
}

static bool is_any(const struct reader *r, size_t i, const char *const *texts)
{
    for (; *texts; texts++)
        if (is(r, i, *texts))
            return true;
    return false;
}

static void demand(struct reader *r, enum tri t)
{
    r->met = tri_and(r->met, t);
}

static void branch(struct reader *r, enum tri met, enum firewall_verdict verdict, size_t target)
{
    const struct firewall_branch b = {met, verdict, *word(r, target)};
    if (r->result == 0)
        r->result = vec_add(&r->ret->branches, &b);
}

/* Behind the brace that closes this one. */
static size_t skip_braces(const struct reader *r, size_t i)
{
    unsigned depth = 0;
    do {
        depth += is(r, i, "{");
        depth -= is(r, i, "}") && depth;
        i++;
    } while (depth && i < r->words.len);
    return i;
}

/* Values */

/* "@blocked" */
static enum tri test_named(const struct reader *r, enum firewall_test test,
                           const struct firewall_word *name)
{
    const struct firewall_set *s = firewall_find_set(r->s.f, r->chain, name->at + 1, name->n - 1);
    const char *text = s && s->elements ? s->elements : "";
    struct firewall_word w;
    enum tri met = TRI_NO;
    if (!s || s->cut)
        return TRI_MAYBE;
    for (bool starts = true; firewall_next_word(&text, &w) && !firewall_word_is(&w, "}");) {
        if (firewall_word_is(&w, "."))
            return TRI_MAYBE;
        if (starts)
            met = tri_or(met, firewall_test_word(&r->s, test, &w));
        starts = firewall_word_is(&w, ",");
    }
    return met;
}

/* One element of a set or list: its first word is the value; "1.2.3.4 . 80" is of two, "10.0.0.1
 * timeout 1h" says for how long. */
static enum tri test_element(const struct reader *r, enum firewall_test test, size_t i)
{
    const struct firewall_word *w = word(r, i);
    if (!w->quoted && w->n > 1 && w->at[0] == '@')
        return test_named(r, test, w);
    return is(r, i + 1, ".") || is(r, i, "*") ? TRI_MAYBE : firewall_test_word(&r->s, test, w);
}

/* "{ 22, 80-90 }" */
static size_t read_set(const struct reader *r, enum firewall_test test, size_t i, enum tri *ret)
{
    size_t end = skip_braces(r, i);
    bool starts = true;
    *ret = TRI_NO;
    for (i++; i + 1 < end; i++) {
        if (starts)
            *ret = tri_or(*ret, test_element(r, test, i));
        starts = is(r, i, ",");
    }
    return end;
}

/* "22", "established,related", "80,90:99" */
static size_t read_list(const struct reader *r, enum firewall_test test, size_t i, enum tri *ret)
{
    *ret = test_element(r, test, i);
    for (i++; is(r, i, ","); i += 2)
        *ret = tri_or(*ret, test_element(r, test, i + 1));
    return i;
}

/* The verdicts of a map */

static enum firewall_verdict verdict_of(const struct reader *r, size_t i)
{
    static const struct {
        const char *name;
        enum firewall_verdict verdict;
    } verdicts[] = {
        {"accept", FIREWALL_ACCEPT},  {"drop", FIREWALL_STOP},
        {"reject", FIREWALL_STOP},    {"queue", FIREWALL_STOP},
        {"tproxy", FIREWALL_STOP},    {"synproxy", FIREWALL_STOP},
        {"fwd", FIREWALL_STOP},       {"jump", FIREWALL_JUMP},
        {"goto", FIREWALL_GOTO},      {"return", FIREWALL_RETURN},
        {"dnat", FIREWALL_TRANSLATE}, {"redirect", FIREWALL_TRANSLATE},
        {"snat", FIREWALL_ACCEPT},    {"masquerade", FIREWALL_ACCEPT},
    };
    for (size_t k = 0; k < sizeof verdicts / sizeof *verdicts; k++)
        if (is(r, i, verdicts[k].name))
            return verdicts[k].verdict;
    return FIREWALL_CONTINUE;
}

/* "vmap { 22 : accept, 8080 : jump x }"; of one elsewhere nothing is known. */
static void read_map(struct reader *r, enum firewall_test test, bool plain, size_t i)
{
    size_t end = skip_braces(r, i), start = i + 1;
    if (!is(r, i, "{")) {
        branch(r, tri_and(r->met, TRI_MAYBE), FIREWALL_STOP, i);
        return;
    }
    for (size_t k = start; k < end; k++) {
        if (is(r, k, ",") || k + 1 == end) {
            start = k + 1;
        } else if (is(r, k, ":")) {
            enum tri met = plain ? test_element(r, test, start) : TRI_MAYBE;
            r->ret->names_port |= met == TRI_YES && test == TEST_DPORT;
            branch(r, tri_and(r->met, met), verdict_of(r, k + 1), k + 2);
        }
    }
}

/* nft: "tcp dport 22", "ct state != established", "iifname { "a", "b" }" */

struct selector {
    const char *words[7];
    enum firewall_test test;
};

static const struct selector selectors[] = {
    {{"ip", "protocol"}, TEST_PROTOCOL},
    {{"ip6", "nexthdr"}, TEST_PROTOCOL},
    {{"l4proto"}, TEST_PROTOCOL},
    {{"nfproto"}, TEST_NETWORK},
    {{"protocol"}, TEST_NETWORK},
    {{"ip", "saddr"}, TEST_SADDR},
    {{"ip6", "saddr"}, TEST_SADDR},
    {{"ip", "daddr"}, TEST_DADDR},
    {{"ip6", "daddr"}, TEST_DADDR},
    {{"iif"}, TEST_IN},
    {{"iifname"}, TEST_IN},
    {{"oif"}, TEST_OUT},
    {{"oifname"}, TEST_OUT},
    {{"ct", "state"}, TEST_STATE},
    {{"ct", "direction"}, TEST_DIRECTION},
    {{"ct", "status"}, TEST_STATUS},
    {{"fib", "daddr", "type"}, TEST_DADDR_TYPE},
    {{"fib", "saddr", ".", "iif", "oif"}, TEST_WAY_BACK},
    {{"fib", "saddr", ".", "mark", ".", "iif", "oif"}, TEST_WAY_BACK},
    {{"fib", "saddr", ".", "mark", ".", "iif"}, TEST_UNKNOWN},
    {{"tcp", "dport"}, TEST_DPORT},
    {{"udp", "dport"}, TEST_DPORT},
    {{"th", "dport"}, TEST_DPORT},
    {{"tcp", "sport"}, TEST_SPORT},
    {{"udp", "sport"}, TEST_SPORT},
    {{"th", "sport"}, TEST_SPORT},
    {{"tcp", "flags"}, TEST_FLAGS},
};

static size_t measure(const struct reader *r, const struct selector *s, size_t i)
{
    size_t n = 0;
    for (; n < sizeof s->words / sizeof *s->words && s->words[n]; n++)
        if (!is(r, i + n, s->words[n]))
            return 0;
    return n;
}

static bool is_transport(const struct reader *r, size_t i)
{
    static const char *const all[] = {"tcp",    "udp",  "th",  "sctp", "dccp", "udplite", "icmp",
                                      "icmpv6", "igmp", "esp", "ah",   "comp", NULL};
    return is_any(r, i, all);
}

/* What comes before the field itself: the header has to be there. */
static void demand_header(struct reader *r, size_t i)
{
    int family = r->s.p->to.family;
    if (is_transport(r, i))
        demand(r, firewall_test_transport(&r->s, word(r, i)));
    else if (is(r, i, "ip"))
        demand(r, tri_of(family == AF_INET));
    else if (is(r, i, "ip6"))
        demand(r, tri_of(family == AF_INET6));
}

/* "syn", "fin,syn,rst", "(fin | syn)" */
static size_t read_flags(const struct reader *r, size_t i, unsigned *ret)
{
    bool joined = true;
    *ret = 0;
    for (; i < r->words.len; i++) {
        int flag = firewall_flag(word(r, i));
        if (flag >= 0 && joined)
            *ret |= (unsigned)flag;
        else if (!is(r, i, "(") && !is(r, i, ")") && !is(r, i, "|") && !is(r, i, ","))
            break;
        joined = is(r, i, "(") || is(r, i, "|") || is(r, i, ",");
    }
    return i;
}

static bool are_known(unsigned flags)
{
    return !(flags & ~(unsigned)FIREWALL_FLAGS_KNOWN);
}

/* "syn / fin,syn,rst,ack", "& (fin | syn) == syn", "! fin,syn", "syn" (any of them). */
static size_t take_flags(struct reader *r, size_t i)
{
    unsigned value = 0, mask = 0, have = firewall_flags_of(&r->s);
    bool and = is(r, i, "&");
    if (and)
        i = read_flags(r, i + 1, &mask);
    bool differs = is(r, i, "!="), none = is(r, i, "!"), same = is(r, i, "==");
    i = read_flags(r, i + (differs || none || same), &value);
    bool slash = is(r, i, "/");
    if (slash)
        i = read_flags(r, i + 1, &mask);
    enum tri met = and || slash      ? tri_of((have & mask) == value)
                   : same || differs ? tri_of(have == value)
                                     : tri_of((have & value) != 0);
    demand(r, !are_known(mask | value) ? TRI_MAYBE : differs || none ? tri_not(met) : met);
    return i;
}

/* "ip saddr . tcp dport { 192.0.2.7 . 80 }", behind the first: it isn't told apart who meets it. */
static size_t take_several(struct reader *r, size_t i)
{
    while (i < r->words.len && !is(r, i, "{") && !is(r, i, "vmap") && word(r, i)->at[0] != '@')
        i++;
    if (is(r, i, "vmap")) {
        read_map(r, TEST_UNKNOWN, false, i + 1);
        return r->words.len;
    }
    demand(r, TRI_MAYBE);
    return is(r, i, "{") ? skip_braces(r, i) : i + 1;
}

/* Behind a selector: an operator, and values. */
static size_t take_value(struct reader *r, enum firewall_test test, size_t i)
{
    static const char *const orders[] = {"<", ">", "<=", ">=", NULL};
    bool differs = is(r, i, "!=");
    enum tri met = TRI_MAYBE;
    if (is(r, i, "."))
        return take_several(r, i);
    if (is(r, i, "vmap")) {
        read_map(r, test, true, i + 1);
        return r->words.len;
    }
    if (is_any(r, i, orders)) {
        char order[3] = {word(r, i)->at[0], word(r, i)->n > 1 ? '=' : '\0', '\0'};
        demand(r, firewall_test_order(&r->s, test, order, word(r, i + 1)));
        return i + 2;
    }
    i += differs || is(r, i, "==");
    i = is(r, i, "{") ? read_set(r, test, i, &met) : read_list(r, test, i, &met);
    r->of_port |= met == TRI_YES && !differs && test == TEST_DPORT;
    demand(r, differs ? tri_not(met) : met);
    return i;
}

/* Behind it; i itself where none is there. */
static size_t take_selector(struct reader *r, size_t i)
{
    for (size_t k = 0; k < sizeof selectors / sizeof *selectors; k++) {
        size_t n = measure(r, &selectors[k], i);
        enum firewall_test test = selectors[k].test;
        if (n == 0 || is(r, i + n, "map"))
            continue;
        demand_header(r, i);
        if (test == TEST_FLAGS)
            return take_flags(r, i + n);
        return take_value(r, test, i + n);
    }
    return i;
}

/* nft: what stands in a rule and is no condition, with its words. */

struct phrase {
    const char *word;
    size_t n; /* words behind it */
};

static const struct phrase phrases[] = {
    {"counter", 0}, {"name", 1},     {"log", 0},     {"prefix", 1}, {"queue-threshold", 1},
    {"level", 1},   {"group", 1},    {"snaplen", 1}, {"meta", 0},   {"notrack", 0},
    {"comment", 1}, {"continue", 0}, {"flags", 1},   {";", 0},
};

static size_t take_phrase(const struct reader *r, size_t i)
{
    for (size_t k = 0; k < sizeof phrases / sizeof *phrases; k++)
        if (is(r, i, phrases[k].word))
            return i + 1 + phrases[k].n;
    char digit = word(r, i + 1)->at[0]; /* "packets 0", but "burst 5 packets drop" */
    bool number = digit >= '0' && digit <= '9';
    return number && (is(r, i, "packets") || is(r, i, "bytes")) ? i + 2 : i;
}

/* "xt target LOG", or with quotes. */
static bool is_harmless(const struct reader *r, size_t i)
{
    const struct firewall_word name = {word(r, i)->at, word(r, i)->n, false};
    static const char *const all[] = {
        "LOG",         "NFLOG",     "ULOG",        "AUDIT",  "MARK", "CONNMARK", "SECMARK",
        "CONNSECMARK", "CT",        "NOTRACK",     "TCPMSS", "DSCP", "TOS",      "TTL",
        "HL",          "CHECKSUM",  "CLASSIFY",    "TRACE",  "SET",  "TEE",      "LED",
        "RATEEST",     "IDLETIMER", "TCPOPTSTRIP", "ECN",    NULL};
    for (const char *const *known = all; *known; known++)
        if (firewall_word_is(&name, *known))
            return true;
    return false;
}

static void read_nft(struct reader *r)
{
    for (size_t i = 0; i < r->words.len;) {
        enum firewall_verdict v = verdict_of(r, i);
        if (v != FIREWALL_CONTINUE) {
            r->ret->names_port |= r->of_port;
            branch(r, r->met, v, i + 1);
            return;
        }
        if (is(r, i, "xt") && is(r, i + 1, "target")) {
            if (!is_harmless(r, i + 2))
                branch(r, tri_and(r->met, TRI_MAYBE), FIREWALL_STOP, i);
            return;
        }
        size_t next = take_selector(r, i);
        if (r->ret->branches.len)
            return;
        if (next == i)
            next = take_phrase(r, i);
        if (next == i) { /* a header's other field, a limit, a mark … */
            demand_header(r, i);
            demand(r, TRI_MAYBE);
            next = is(r, i, "{") ? skip_braces(r, i) : i + 1;
        }
        i = next;
    }
}

/* iptables: "-p tcp -m tcp ! --dport 80 -j DROP" */

static const struct {
    const char *name;
    enum firewall_test test;
} options[] = {
    {"-p", TEST_PROTOCOL},
    {"-s", TEST_SADDR},
    {"-d", TEST_DADDR},
    {"-i", TEST_IN},
    {"-o", TEST_OUT},
    {"--sport", TEST_SPORT},
    {"--sports", TEST_SPORT},
    {"--source-port", TEST_SPORT},
    {"--source-ports", TEST_SPORT},
    {"--dport", TEST_DPORT},
    {"--dports", TEST_DPORT},
    {"--destination-port", TEST_DPORT},
    {"--destination-ports", TEST_DPORT},
    {"--ports", TEST_PORTS},
    {"--ctstate", TEST_STATE},
    {"--state", TEST_STATE},
    {"--ctdir", TEST_DIRECTION},
    {"--dst-type", TEST_DADDR_TYPE},
    {"--src-range", TEST_SADDR},
    {"--dst-range", TEST_DADDR},
    {"--comment", TEST_NOTHING},
    {"--tcp-flags", TEST_FLAGS},
};

static enum firewall_test test_of(const struct reader *r, size_t i)
{
    for (size_t k = 0; k < sizeof options / sizeof *options; k++)
        if (is(r, i, options[k].name))
            return options[k].test;
    return TEST_UNKNOWN;
}

/* Those that say all by their options. */
static bool is_plain_match(const struct reader *r, size_t i)
{
    static const char *const all[] = {"tcp",     "udp",      "multiport", "conntrack", "state",
                                      "comment", "addrtype", "iprange",   NULL};
    return is_any(r, i, all);
}

static size_t skip_words(const struct reader *r, size_t i)
{
    while (i < r->words.len && !is(r, i, "!") && (word(r, i)->quoted || word(r, i)->at[0] != '-'))
        i++;
    return i;
}

static size_t take_option(struct reader *r, size_t i, bool negated)
{
    enum tri met = TRI_MAYBE;
    enum firewall_test test = test_of(r, i);
    size_t end = skip_words(r, i + 1);
    if (test == TEST_NOTHING)
        return end;
    if (is(r, i, "--invert")) { /* of rpfilter: no way leads back to where it comes from */
        demand(r, TRI_NO);
        return end;
    }
    if (is(r, i, "-m")) {
        if (!is_plain_match(r, i + 1))
            demand(r, TRI_MAYBE);
        return end;
    }
    if (test == TEST_FLAGS) {
        unsigned mask, value;
        read_flags(r, read_flags(r, i + 1, &mask), &value);
        met = are_known(mask | value) ? tri_of((firewall_flags_of(&r->s) & mask) == value)
                                      : TRI_MAYBE;
    } else if (test != TEST_UNKNOWN) {
        read_list(r, test, i + 1, &met);
        r->of_port |= met == TRI_YES && !negated && test == TEST_DPORT;
    }
    demand(r, negated ? tri_not(met) : met);
    return end;
}

static void read_target(struct reader *r, size_t i)
{
    static const struct {
        const char *name;
        enum firewall_verdict verdict;
    } targets[] = {
        {"ACCEPT", FIREWALL_ACCEPT},    {"RETURN", FIREWALL_RETURN},
        {"DNAT", FIREWALL_TRANSLATE},   {"REDIRECT", FIREWALL_TRANSLATE},
        {"SNAT", FIREWALL_ACCEPT},      {"MASQUERADE", FIREWALL_ACCEPT},
        {"NETMAP", FIREWALL_TRANSLATE},
    };
    const struct firewall_word *name = word(r, i + 1);
    if (firewall_find_chain(r->s.f, r->chain, name->at, name->n)) {
        branch(r, r->met, is(r, i, "-g") ? FIREWALL_GOTO : FIREWALL_JUMP, i + 1);
        return;
    }
    for (size_t k = 0; k < sizeof targets / sizeof *targets; k++)
        if (is(r, i + 1, targets[k].name)) {
            branch(r, r->met, targets[k].verdict, i + 1);
            return;
        }
    if (!is_harmless(r, i + 1))
        branch(r, r->met, FIREWALL_STOP, i + 1);
}

static void read_iptables(struct reader *r)
{
    for (size_t i = 0; i < r->words.len;) {
        bool negated = is(r, i, "!");
        i += negated;
        if (is(r, i, "-j") || is(r, i, "-g")) {
            r->ret->names_port |= r->of_port;
            read_target(r, i);
            return;
        }
        i = take_option(r, i, negated);
    }
}

int firewall_read_rule(const struct firewall *f, const struct firewall_chain *c,
                       const struct firewall_rule *r, const struct firewall_packet *p,
                       enum firewall_hook hook, struct firewall_reading *ret)
{
    struct reader reader = {.s = {f, p, hook},
                            .chain = c,
                            .words = VEC_INIT(struct firewall_word),
                            .met = TRI_YES,
                            .ret = ret};
    const char *text = r->text;
    struct firewall_word w;
    ret->branches.len = 0;
    ret->names_port = false;
    while (reader.result == 0 && firewall_next_word(&text, &w))
        reader.result = vec_add(&reader.words, &w);
    if (reader.result == 0 && r->cut) /* what it does may stand behind */
        branch(&reader, TRI_MAYBE, FIREWALL_STOP, 0);
    else if (reader.result == 0 && (*r->text == '-' || *r->text == '!'))
        read_iptables(&reader);
    else if (reader.result == 0)
        read_nft(&reader);
    vec_free(&reader.words);
    return reader.result;
}
