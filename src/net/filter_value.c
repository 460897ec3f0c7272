/* Comparisons of fields and owners with what the user wrote: numbers with units, texts, regular
 * expressions.
 */
#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "net/filter_impl.h"

bool filter_take_value(struct filter_parser *p, const struct filter_token *of,
                       struct filter_token *ret)
{
    if (p->error)
        return false;
    if (p->now.kind != TOKEN_WORD) {
        filter_fault(p, &p->now, "%s needs a value here", filter_quote(of->text).text);
        return false;
    }
    *ret = p->now;
    return filter_advance(p) == 0;
}

/* What a number counts decides how it may be written. */
enum unit { UNIT_NONE, UNIT_NS, UNIT_US, UNIT_MS, UNIT_S, UNIT_BYTES, UNIT_BPS, UNITS };

static const struct {
    const char *suffix; /* of the field's key */
    const char *form;   /* for the fault */
    uint64_t ns;
} units[UNITS] = {
    [UNIT_NONE] = {NULL, "a number", 0},
    [UNIT_NS] = {NULL, "a time such as 90s, 5m or 2h", 1},
    [UNIT_US] = {"_us", "a time such as 20ms or 1.5s", 1000},
    [UNIT_MS] = {"_ms", "a time such as 20ms or 1.5s", 1000000},
    [UNIT_S] = {"_s", "a time such as 30s or 5m", 1000000000},
    [UNIT_BYTES] = {"_bytes", "a size such as 4096, 64k or 1M", 0},
    [UNIT_BPS] = {"_bps", "a rate in bits a second such as 500k or 10M", 0},
};

static enum unit unit_of_field(enum net_field field)
{
    const char *key = net_field_infos[field].key;
    size_t n = strlen(key);
    if (field == NET_F_RECV_Q || field == NET_F_SEND_Q || strncmp(key, "bytes_", 6) == 0)
        return UNIT_BYTES;
    for (int u = 0; u < UNITS; u++) {
        size_t tail = units[u].suffix ? strlen(units[u].suffix) : 0;
        if (tail && n > tail && strcmp(key + n - tail, units[u].suffix) == 0)
            return (enum unit)u;
    }
    return UNIT_NONE;
}

/* "10M": decimal multiples, as rates are told. */
static int parse_rate(const char *text, uint64_t *ret)
{
    static const struct {
        char letter;
        uint64_t factor;
    } multiples[] = {{'k', 1000}, {'K', 1000}, {'M', 1000000}, {'G', 1000000000}};
    char digits[24];
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n >= sizeof digits || strlen(text + n) != 1)
        return -EINVAL;
    memcpy(digits, text, n);
    digits[n] = '\0';
    uint64_t number;
    int r = parse_u64(digits, 0, UINT64_MAX, &number);
    for (size_t i = 0; r == 0 && i < sizeof multiples / sizeof *multiples; i++) {
        if (text[n] != multiples[i].letter)
            continue;
        return __builtin_mul_overflow(number, multiples[i].factor, ret) ? -ERANGE : 0;
    }
    return r < 0 ? r : -EINVAL;
}

static int parse_number(const char *text, enum unit unit, uint64_t *ret)
{
    uint64_t ns;
    int r = parse_u64(text, 0, UINT64_MAX, ret);
    if (r == 0 && unit == UNIT_NS) /* an age without a unit is in seconds */
        return __builtin_mul_overflow(*ret, UINT64_C(1000000000), ret) ? -ERANGE : 0;
    if (r != -EINVAL)
        return r; /* without a unit: the one that the field's key tells */
    if (unit == UNIT_BYTES)
        return parse_size(text, ret);
    if (unit == UNIT_BPS)
        return parse_rate(text, ret);
    if (!units[unit].ns)
        return -EINVAL;
    r = parse_duration_ns(text, &ns);
    if (r < 0)
        return r;
    *ret = ns / units[unit].ns;
    return 0;
}

static bool read_number(struct filter_parser *p, const struct filter_token *value, enum unit unit,
                        uint64_t *ret)
{
    int r = parse_number(value->text, unit, ret);
    if (r == -ERANGE)
        filter_fault(p, value, "'%s' is too large", filter_quote(value->text).text);
    else if (r < 0)
        filter_fault(p, value, "'%s' is not %s", filter_quote(value->text).text, units[unit].form);
    return r == 0;
}

static bool read_signed(struct filter_parser *p, const struct filter_token *value, enum unit unit,
                        uint64_t *ret)
{
    struct filter_token digits = *value;
    bool minus = *value->text == '-';
    digits.text += minus;
    if (!read_number(p, &digits, unit, ret))
        return false;
    if (*ret > INT64_MAX) {
        filter_fault(p, value, "'%s' is too large", filter_quote(value->text).text);
        return false;
    }
    *ret = minus ? -*ret : *ret;
    return true;
}

static bool read_boolean(struct filter_parser *p, const struct filter_token *value, uint64_t *ret)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(value->text, words[i]) == 0) {
            *ret = i % 2;
            return true;
        }
    }
    filter_fault(p, value, "'%s' is neither yes nor no", filter_quote(value->text).text);
    return false;
}

/* Counts in braces multiply in the C library's tables, and a backreference makes matching slow
 * without bound: neither is worth a machine that stands still. NULL: the pattern is fine. */
static const char *refuse_pattern(const char *pattern)
{
    enum { MOST_REPEATS = 256 };
    uint64_t product = 1;
    if (strlen(pattern) > FILTER_MAX_REGEX)
        return "is too long";
    for (const char *c = pattern; *c; c++) {
        if (*c == '\\' && c[1] >= '1' && c[1] <= '9')
            return "refers back, which POSIX extended expressions can't";
        if (*c == '\\' && c[1])
            c++;
        else if (*c == '{') {
            uint64_t most = 1, now = 0;
            for (c++; *c && *c != '}'; c++) {
                now = *c >= '0' && *c <= '9' && now < MOST_REPEATS ? now * 10 + (uint64_t)(*c - '0')
                      : *c == ','                                  ? 0
                                                                   : now;
                most = now > most ? now : most;
            }
            product *= most;
            if (product > MOST_REPEATS)
                return "repeats too often";
            if (!*c)
                break;
        }
    }
    return NULL;
}

static bool compile(struct filter_parser *p, const struct filter_token *value, filter_tree *node)
{
    char reason[96];
    const char *refused = refuse_pattern(value->text);
    if (refused) {
        filter_fault(p, value, "this regular expression %s", refused);
        return false;
    }
    struct filter_regex *regex = filter_alloc(p, sizeof *regex);
    if (!regex)
        return false;
    int r = regcomp(&regex->compiled, value->text, REG_EXTENDED | REG_NOSUB);
    if (r != 0) {
        regerror(r, &regex->compiled, reason, sizeof reason);
        if (r == REG_ESPACE)
            p->error = -ENOMEM;
        filter_fault(p, value, "bad regular expression: %s", reason);
        return false;
    }
    regex->next = p->filter->regexes;
    p->filter->regexes = regex;
    ((struct filter_node *)node)->regex = &regex->compiled;
    return true;
}

/* One comparison while it is read. */
struct comparison {
    const struct filter_token *name;
    struct filter_token sign, value;
    filter_tree *node;
};

/* Reads relation and value into a new node. */
static bool read_comparison(struct filter_parser *p, enum net_filter_op op,
                            const struct filter_token *name, struct comparison *c)
{
    *c = (struct comparison){.name = name, .sign = p->now, .node = filter_node(p, op)};
    if (!c->node)
        return false;
    bool written = filter_take_relation(p, &c->sign);
    c->node->relation = written ? c->sign.relation : NET_EQ;
    if (!p->error && !written && p->now.kind != TOKEN_WORD) {
        filter_fault(p, name, "%s needs a comparison, such as %s = … (a process: comm = %s)",
                     filter_quote(name->text).text, filter_quote(name->text).text,
                     filter_quote(name->text).text);
        return false;
    }
    return filter_take_value(p, name, &c->value);
}

static bool refuse_relation(struct filter_parser *p, const struct comparison *c, bool is_text)
{
    enum net_filter_relation r = c->node->relation;
    if (is_text ? r == NET_EQ || r == NET_NE || r == NET_LIKE : r != NET_LIKE)
        return false;
    filter_fault(p, &c->sign,
                 is_text ? "%s is a text: it takes = != ~"
                         : "%s is a number: it takes = != < <= > >=",
                 filter_quote(c->name->text).text);
    return true;
}

static bool read_text(struct filter_parser *p, struct comparison *c)
{
    if (refuse_relation(p, c, true))
        return false;
    c->node->text = c->value.text;
    return c->node->relation != NET_LIKE || compile(p, &c->value, c->node);
}

static bool read_field_value(struct filter_parser *p, struct comparison *c, enum net_field field)
{
    if (net_field_infos[field].kind == CELL_TEXT)
        return read_text(p, c);
    if (refuse_relation(p, c, false))
        return false;
    switch (net_field_infos[field].kind) {
    case CELL_BOOL:
        return read_boolean(p, &c->value, &c->node->number);
    case CELL_INT:
        return read_signed(p, &c->value, unit_of_field(field), &c->node->number);
    default:
        return read_number(p, &c->value, unit_of_field(field), &c->node->number);
    }
}

const filter_tree *filter_field(struct filter_parser *p, enum net_field field,
                                const struct filter_token *name)
{
    struct comparison c;
    if (net_field_infos[field].kind == CELL_BOOL && !filter_is_relation(&p->now)) {
        filter_tree *n = filter_node(p, NET_FILTER_FIELD); /* "reuseport" alone */
        if (!n)
            return NULL;
        n->field = field;
        n->number = true;
        return n;
    }
    if (!read_comparison(p, NET_FILTER_FIELD, name, &c) || !read_field_value(p, &c, field))
        return NULL;
    c.node->field = field;
    return c.sign.negated ? filter_not(p, c.node) : c.node;
}

static bool is_number(enum net_filter_owner_key key)
{
    return key == NET_OWNER_PID || key == NET_OWNER_FD || key == NET_OWNER_AGE;
}

static bool read_uid(struct filter_parser *p, const struct filter_token *word, const char *name,
                     uint64_t *ret)
{
    uint32_t uid;
    if (p->names->user && p->names->user(p->names->ctx, name, &uid) == 0)
        *ret = uid;
    else if (parse_u64(name, 0, UINT32_MAX, ret) < 0) {
        filter_fault(p, word, "no user '%s'", filter_quote(name).text);
        return false;
    }
    return true;
}

static bool read_user(struct filter_parser *p, struct comparison *c)
{
    if (c->node->relation != NET_EQ && c->node->relation != NET_NE) {
        filter_fault(p, &c->sign, "user takes = or != only");
        return false;
    }
    return read_uid(p, &c->value, c->value.text, &c->node->number);
}

static bool read_owner_value(struct filter_parser *p, struct comparison *c,
                             enum net_filter_owner_key key)
{
    if (key == NET_OWNER_USER)
        return read_user(p, c);
    if (!is_number(key))
        return read_text(p, c);
    return !refuse_relation(p, c, false) &&
           read_number(p, &c->value, key == NET_OWNER_AGE ? UNIT_NS : UNIT_NONE, &c->node->number);
}

const filter_tree *filter_owner(struct filter_parser *p, enum net_filter_owner_key key,
                                const struct filter_token *name)
{
    struct comparison c;
    if (!read_comparison(p, NET_FILTER_OWNER, name, &c) || !read_owner_value(p, &c, key))
        return NULL;
    c.node->owner_key = key;
    /* "pid != 5": none of the holders is, not: one of them isn't. */
    bool negated = c.sign.negated;
    if (c.node->relation == NET_NE) {
        c.node->relation = NET_EQ;
        negated = true;
    }
    return negated ? filter_not(p, c.node) : c.node;
}

const filter_tree *filter_owner_is(struct filter_parser *p, enum net_filter_owner_key key,
                                   uint64_t number, const char *text)
{
    filter_tree *n = filter_node(p, NET_FILTER_OWNER);
    if (!n)
        return NULL;
    n->owner_key = key;
    n->relation = NET_EQ;
    n->number = number;
    n->text = text;
    return n;
}

const filter_tree *filter_user(struct filter_parser *p, const struct filter_token *word,
                               const char *name)
{
    uint64_t uid;
    if (!read_uid(p, word, name, &uid))
        return NULL;
    return filter_owner_is(p, NET_OWNER_USER, uid, NULL);
}
