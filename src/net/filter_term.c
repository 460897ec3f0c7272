/* Single conditions: what a word begins, by one table of keywords. */
#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "net/filter_impl.h"

typedef const filter_tree *term_reader(struct filter_parser *p, const struct filter_token *word,
                                       int argument);

static term_reader read_host, read_port, read_device, read_mark, read_cgroup, read_autobound,
    read_all, read_what, read_owner, read_netns, read_reach, read_field_alias;

/* Words of STATE-FILTER; apart from the others because several in a row are one set. */
static const struct {
    const char *word;
    bool exclude;
} state_words[] = {{"state", false}, {"exclude", true}, {"excl", true}};

static const struct keyword {
    const char *word;
    term_reader *read;
    int argument;
} keywords[] = {
    {"src", read_host, NET_LOCAL},
    {"dst", read_host, NET_PEER},
    {"local", read_host, NET_LOCAL},
    {"peer", read_host, NET_PEER},
    {"host", read_host, NET_EITHER},
    {"sport", read_port, NET_LOCAL},
    {"dport", read_port, NET_PEER},
    {"port", read_port, NET_EITHER},
    {"dev", read_device, 0},
    {"fwmark", read_mark, 0},
    {"cgroup", read_cgroup, 0},
    {"autobound", read_autobound, 0},
    {"all", read_all, 0},
    {"proto", read_what, 0},
    {"kind", read_what, 0},
    {"family", read_what, 0},
    {"netns", read_netns, 0},
    {"reach", read_reach, 0},
    {"pid", read_owner, NET_OWNER_PID},
    {"fd", read_owner, NET_OWNER_FD},
    {"comm", read_owner, NET_OWNER_COMM},
    {"cmdline", read_owner, NET_OWNER_CMDLINE},
    {"user", read_owner, NET_OWNER_USER},
    {"unit", read_owner, NET_OWNER_UNIT},
    {"container", read_owner, NET_OWNER_CONTAINER},
    {"age", read_owner, NET_OWNER_AGE},
    {"recvq", read_field_alias, NET_F_RECV_Q},
    {"sendq", read_field_alias, NET_F_SEND_Q},
};

enum { N_KEYWORDS = sizeof keywords / sizeof *keywords };

static const struct keyword *find_keyword(const char *word)
{
    for (size_t i = 0; i < N_KEYWORDS; i++)
        if (strcmp(word, keywords[i].word) == 0)
            return &keywords[i];
    return NULL;
}

/* "=" is the relation where none is written. */
static enum net_filter_relation relation_or_equal(struct filter_parser *p,
                                                  struct filter_token *ret_token)
{
    *ret_token = p->now;
    return filter_take_relation(p, ret_token) ? ret_token->relation : NET_EQ;
}

/* Keywords that are either so or not. */
static bool take_equality(struct filter_parser *p, const struct filter_token *word,
                          struct filter_token *ret_value, bool *ret_negated)
{
    struct filter_token sign;
    enum net_filter_relation relation = relation_or_equal(p, &sign);
    if (relation != NET_EQ && relation != NET_NE) {
        filter_fault(p, &sign, "%s takes = or != only", word->text);
        return false;
    }
    *ret_negated = relation == NET_NE;
    return filter_take_value(p, word, ret_value);
}

static const filter_tree *maybe_not(struct filter_parser *p, bool negated, const filter_tree *tree)
{
    return negated && tree ? filter_not(p, tree) : tree;
}

static const filter_tree *read_host(struct filter_parser *p, const struct filter_token *word,
                                    int end)
{
    struct filter_token value;
    bool negated;
    if (!take_equality(p, word, &value, &negated))
        return NULL;
    return maybe_not(p, negated, filter_host(p, (enum net_filter_end)end, &value));
}

static const filter_tree *read_port(struct filter_parser *p, const struct filter_token *word,
                                    int end)
{
    struct filter_token value, sign;
    enum net_filter_relation relation = relation_or_equal(p, &sign);
    if (relation == NET_LIKE)
        return filter_fault(p, &sign, "%s is a number: it takes = != < <= > >=", word->text);
    if (!filter_take_value(p, word, &value))
        return NULL;
    return filter_port(p, (enum net_filter_end)end, relation, &value);
}

static const filter_tree *number_node(struct filter_parser *p, enum net_filter_op op,
                                      uint64_t number)
{
    filter_tree *n = filter_node(p, op);
    if (n)
        n->number = number;
    return n;
}

static const filter_tree *read_device(struct filter_parser *p, const struct filter_token *word,
                                      int argument)
{
    struct filter_token value;
    bool negated;
    uint32_t index;
    uint64_t number;
    (void)argument;
    if (!take_equality(p, word, &value, &negated))
        return NULL;
    if (p->names->device && p->names->device(p->names->ctx, value.text, &index) == 0)
        number = index;
    else if (parse_u64(value.text, 0, UINT32_MAX, &number) < 0)
        return filter_fault(p, &value, "no device '%s'", filter_quote(value.text).text);
    return maybe_not(p, negated, number_node(p, NET_FILTER_DEVICE, number));
}

static const filter_tree *read_mark(struct filter_parser *p, const struct filter_token *word,
                                    int argument)
{
    struct filter_token value;
    bool negated;
    uint64_t number, mask = UINT32_MAX;
    (void)argument;
    if (!take_equality(p, word, &value, &negated))
        return NULL;
    size_t n = strcspn(value.text, "/");
    const char *mark = filter_text(p, value.text, n);
    if (!mark)
        return NULL;
    if (parse_u64(mark, 0, UINT32_MAX, &number) < 0 ||
        (value.text[n] && parse_u64(value.text + n + 1, 0, UINT32_MAX, &mask) < 0))
        return filter_fault(p, &value, "a mark is a number, or number/mask, of 32 bits");
    filter_tree *node = filter_node(p, NET_FILTER_MARK);
    if (!node)
        return NULL;
    node->number = number & mask;
    node->mask = mask;
    return maybe_not(p, negated, node);
}

static const filter_tree *read_cgroup(struct filter_parser *p, const struct filter_token *word,
                                      int argument)
{
    struct filter_token value;
    bool negated;
    uint64_t id;
    (void)argument;
    if (!take_equality(p, word, &value, &negated))
        return NULL;
    if (!p->names->cgroup || p->names->cgroup(p->names->ctx, value.text, &id) < 0)
        return filter_fault(p, &value, "no control group '%s'", filter_quote(value.text).text);
    return maybe_not(p, negated, number_node(p, NET_FILTER_CGROUP, id));
}

static const filter_tree *read_netns(struct filter_parser *p, const struct filter_token *word,
                                     int argument)
{
    struct filter_token value;
    bool negated;
    uint64_t inode;
    (void)argument;
    if (!take_equality(p, word, &value, &negated))
        return NULL;
    const char *text = value.text;
    size_t n = strlen(text);
    if (n > 6 && strncmp(text, "net:[", 5) == 0 && text[n - 1] == ']') /* as /proc/PID/ns shows */
        text = filter_text(p, text + 5, n - 6);
    if (!text)
        return NULL;
    int r = parse_u64(text, 0, UINT64_MAX, &inode);
    if (r < 0)
        r = p->names->netns ? p->names->netns(p->names->ctx, text, &inode) : -ENOENT;
    if (r == -EACCES || r == -EPERM)
        return filter_fault(p, &value, "network namespace '%s' may not be looked at",
                            filter_quote(text).text);
    if (r < 0)
        return filter_fault(p, &value, "no network namespace '%s'", filter_quote(text).text);
    filter_tree *node = filter_node(p, NET_FILTER_FIELD);
    if (!node)
        return NULL;
    node->field = NET_F_NETNS;
    node->relation = negated ? NET_NE : NET_EQ;
    node->number = inode;
    return node;
}

static const filter_tree *read_reach(struct filter_parser *p, const struct filter_token *word,
                                     int argument)
{
    struct filter_token value;
    bool negated;
    uint32_t reaches;
    (void)argument;
    if (!take_equality(p, word, &value, &negated))
        return NULL;
    if (!filter_find_reach(value.text, &reaches)) {
        struct filter_nearest nearest = {.written = value.text};
        filter_consider_reaches(&nearest);
        return filter_fault(p, &value, "no such reach: '%s'%s%s%s", filter_quote(value.text).text,
                            nearest.meant ? "; did you mean " : "",
                            nearest.meant ? nearest.meant : "", nearest.meant ? "?" : "");
    }
    filter_tree *node = filter_node(p, NET_FILTER_REACH);
    if (!node)
        return NULL;
    node->mask = reaches;
    return maybe_not(p, negated, node);
}

static const filter_tree *read_autobound(struct filter_parser *p, const struct filter_token *word,
                                         int argument)
{
    (void)word, (void)argument;
    return filter_node(p, NET_FILTER_AUTOBOUND);
}

static const filter_tree *read_all(struct filter_parser *p, const struct filter_token *word,
                                   int argument)
{
    (void)word, (void)argument;
    return filter_node(p, NET_FILTER_TRUE);
}

static const filter_tree *read_owner(struct filter_parser *p, const struct filter_token *word,
                                     int key)
{
    return filter_owner(p, (enum net_filter_owner_key)key, word);
}

static const filter_tree *read_field_alias(struct filter_parser *p, const struct filter_token *word,
                                           int field)
{
    return filter_field(p, (enum net_field)field, word);
}

static filter_tree *kind_node(struct filter_parser *p, const struct filter_what *what)
{
    filter_tree *n = filter_node(p, NET_FILTER_KIND);
    if (n) {
        n->kinds = what->kinds;
        n->families = what->families;
    }
    return n;
}

static const filter_tree *read_what(struct filter_parser *p, const struct filter_token *word,
                                    int argument)
{
    struct filter_token value;
    struct filter_what what;
    bool negated;
    (void)argument;
    if (!take_equality(p, word, &value, &negated))
        return NULL;
    if (!filter_find_what(value.text, strlen(value.text), &what))
        return filter_fault(p, &value, "no such protocol or family: '%s'",
                            filter_quote(value.text).text);
    return maybe_not(p, negated, kind_node(p, &what));
}

/* Adds to the one of n alternatives that has the same families, or makes one more. */
static size_t add_what(struct filter_what *list, size_t n, const struct filter_what *what)
{
    for (size_t i = 0; i < n; i++) {
        if (what->family || list[i].families == what->families) {
            list[i].kinds |= what->kinds;
            list[i].families |= what->families;
            return n;
        }
    }
    list[n] = *what;
    return n + 1;
}

/* Protocols side by side are a choice: "tcp udp"; so are families. */
static const filter_tree *read_whats(struct filter_parser *p, struct filter_what what)
{
    struct filter_what list[3]; /* of both families, IPv4, IPv6 */
    const filter_tree *nodes[3];
    struct filter_what next = what;
    size_t n = 0;
    do {
        n = add_what(list, n, &next);
        filter_advance(p);
    } while (!p->error && p->now.kind == TOKEN_WORD && !p->now.quoted &&
             filter_find_what(p->now.text, strlen(p->now.text), &next) &&
             next.family == what.family);
    for (size_t i = 0; i < n; i++)
        nodes[i] = kind_node(p, &list[i]);
    return filter_balance(p, NET_FILTER_OR, nodes, n);
}

static int state_word(const struct filter_token *token)
{
    for (int i = 0; i < (int)(sizeof state_words / sizeof *state_words); i++)
        if (!token->quoted && strcmp(token->text, state_words[i].word) == 0)
            return i;
    return -1;
}

bool filter_begins_states(const struct filter_token *word)
{
    return state_word(word) >= 0;
}

/* "state X", "state = X", "exclude X", or X alone. False with no fault: p->now is none of them. */
static bool take_states(struct filter_parser *p, uint32_t *ret_states, bool *ret_exclude)
{
    struct filter_token clause = p->now, value = p->now, sign;
    int word = clause.kind == TOKEN_WORD ? state_word(&clause) : -1;
    *ret_exclude = word >= 0 && state_words[word].exclude;
    if (word >= 0) {
        if (filter_advance(p) < 0)
            return false;
        enum net_filter_relation relation = relation_or_equal(p, &sign);
        if (relation != NET_EQ && relation != NET_NE) {
            filter_fault(p, &sign, "a state can be = or != only");
            return false;
        }
        *ret_exclude ^= relation == NET_NE;
        if (!filter_take_value(p, &clause, &value))
            return false;
    } else if (clause.kind != TOKEN_WORD || clause.quoted) {
        return false;
    }
    if (filter_find_states(value.text, word >= 0, ret_states)) {
        if (word < 0)
            filter_advance(p);
        return !p->error;
    }
    if (word < 0)
        return false;
    struct filter_nearest nearest = {.written = value.text};
    filter_consider_states(&nearest);
    if (nearest.meant)
        filter_fault(p, &value, "no such state: '%s'; did you mean %s?",
                     filter_quote(value.text).text, nearest.meant);
    else
        filter_fault(p, &value, "no such state: '%s'", filter_quote(value.text).text);
    return false;
}

/* Several in a row make one set, as in ss: "state a state b exclude c" is a and b without c. */
static const filter_tree *read_states(struct filter_parser *p)
{
    uint32_t set = 0, states;
    bool exclude, first = true;
    for (; take_states(p, &states, &exclude); first = false) {
        if (exclude)
            set = (first ? NET_STATES_ALL : set) & ~states;
        else
            set |= states;
    }
    filter_tree *n = filter_node(p, NET_FILTER_STATE);
    if (n)
        n->states = set;
    return n;
}

/* alone: nothing is compared with it, so it may stand for a protocol or a family. */
static const char *suggest(const char *word, bool alone)
{
    struct filter_nearest nearest = {.written = word};
    for (size_t i = 0; i < N_KEYWORDS; i++)
        filter_consider(&nearest, keywords[i].word);
    for (size_t i = 0; i < sizeof state_words / sizeof *state_words; i++)
        filter_consider(&nearest, state_words[i].word);
    for (int f = 0; f < NET_F_LOCAL; f++)
        filter_consider(&nearest, net_field_infos[f].key);
    filter_consider_states(&nearest);
    if (alone)
        filter_consider_whats(&nearest);
    return nearest.meant;
}

/* The first of those that stand alone and may be a slip: to be told if nothing matches. */
static void note_slip(struct filter_parser *p, const char *word)
{
    struct filter_nearest nearest = {.written = word};
    filter_consider_whats(&nearest);
    filter_consider_states(&nearest);
    if (!nearest.meant || p->filter->slip)
        return;
    p->filter->slip = word;
    p->filter->slip_meant = nearest.meant;
}

static const filter_tree *unknown_field(struct filter_parser *p, const struct filter_token *word)
{
    const char *near = word->quoted ? NULL : suggest(word->text, false);
    if (near)
        return filter_fault(p, word, "nothing called '%s' can be compared; did you mean %s?",
                            filter_quote(word->text).text, near);
    return filter_fault(p, word, "nothing called '%s' can be compared",
                        filter_quote(word->text).text);
}

/* A word that nothing else claims is a process's name, unless it looks like a slip. */
static const filter_tree *read_process_name(struct filter_parser *p,
                                            const struct filter_token *word)
{
    enum { LONG_ENOUGH = 6 }; /* shorter ones are near too many names of programs */
    const char *near =
        word->quoted || strlen(word->text) < LONG_ENOUGH ? NULL : suggest(word->text, true);
    if (near)
        return filter_fault(p, word, "did you mean %s? (a process of this name: comm = %s)", near,
                            filter_quote(word->text).text);
    if (!*word->text)
        return filter_fault(p, word, "an empty word asks for nothing");
    if (!word->quoted)
        note_slip(p, word->text);
    return filter_owner_is(p, NET_OWNER_COMM, 0, word->text);
}

/* A word that isn't a keyword: address, port, path, user, field or process. p->now stands behind.
 */
static const filter_tree *read_bare(struct filter_parser *p, const struct filter_token *word)
{
    enum net_field field;
    bool is;
    if (!word->quoted && net_field_find(word->text, &field) == 0)
        return filter_field(p, field, word);
    if (filter_is_relation(&p->now))
        return unknown_field(p, word);
    if (*word->text == '@')
        return filter_user(p, word, word->text + 1);
    if (*word->text == '/')
        return filter_host(p, NET_EITHER, word);
    if (word->quoted)
        return read_process_name(p, word);
    const filter_tree *port = filter_port_of_protocol(p, word, &is);
    if (is)
        return port;
    if (!filter_looks_like_host(word->text))
        return read_process_name(p, word);
    if (strspn(word->text, "0123456789-") == strlen(word->text))
        return filter_port(p, NET_EITHER, NET_EQ, word);
    return filter_host(p, NET_EITHER, word);
}

const filter_tree *filter_term(struct filter_parser *p)
{
    struct filter_token word = p->now;
    struct filter_what what;
    uint32_t states;
    if (word.quoted) {
        filter_advance(p);
        return p->error ? NULL : read_bare(p, &word);
    }
    if (filter_begins_states(&word) || filter_find_states(word.text, false, &states))
        return read_states(p);
    if (filter_find_what(word.text, strlen(word.text), &what))
        return read_whats(p, what);
    const struct keyword *keyword = find_keyword(word.text);
    if (filter_advance(p) < 0)
        return NULL;
    return keyword ? keyword->read(p, &word, keyword->argument) : read_bare(p, &word);
}
