/* Filter text to tokens.
 *
 * A word ends at a blank, a parenthesis or an operator. Three kinds of word may hold operators: a
 * path (from / @ or unix: on), a regular expression (after ~), and what stands in quotes. The first
 * two end at a blank, or at a closing parenthesis that they didn't open.
 */
#include <errno.h>
#include <string.h>

#include "net/filter_impl.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static const struct sign {
    const char *sign;
    enum filter_token_kind kind;
    enum net_filter_relation relation;
    bool negated;
} signs[] = {
    /* longest first */
    {"&&", TOKEN_AND, 0, false},
    {"||", TOKEN_OR, 0, false},
    {"==", TOKEN_RELATION, NET_EQ, false},
    {"=~", TOKEN_RELATION, NET_LIKE, false},
    {"!~", TOKEN_RELATION, NET_LIKE, true},
    {"!=", TOKEN_RELATION, NET_NE, false},
    {"<=", TOKEN_RELATION, NET_LE, false},
    {">=", TOKEN_RELATION, NET_GE, false},
    {"&", TOKEN_AND, 0, false},
    {"|", TOKEN_OR, 0, false},
    {"!", TOKEN_NOT, 0, false},
    {"(", TOKEN_OPEN, 0, false},
    {")", TOKEN_CLOSE, 0, false},
    {"=", TOKEN_RELATION, NET_EQ, false},
    {"<", TOKEN_RELATION, NET_LT, false},
    {">", TOKEN_RELATION, NET_GT, false},
    {"~", TOKEN_RELATION, NET_LIKE, false},
};

static const struct sign words[] = {
    {"and", TOKEN_AND, 0, false},
    {"or", TOKEN_OR, 0, false},
    {"not", TOKEN_NOT, 0, false},
    {"AND", TOKEN_AND, 0, false},
    {"OR", TOKEN_OR, 0, false},
    {"NOT", TOKEN_NOT, 0, false},
    {"eq", TOKEN_RELATION, NET_EQ, false},
    {"ne", TOKEN_RELATION, NET_NE, false},
    {"neq", TOKEN_RELATION, NET_NE, false},
    {"lt", TOKEN_RELATION, NET_LT, false},
    {"gt", TOKEN_RELATION, NET_GT, false},
    {"le", TOKEN_RELATION, NET_LE, false},
    {"leq", TOKEN_RELATION, NET_LE, false},
    {"ge", TOKEN_RELATION, NET_GE, false},
    {"geq", TOKEN_RELATION, NET_GE, false},
};

static const struct sign *find_sign(const char *text)
{
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strncmp(text, signs[i].sign, strlen(signs[i].sign)) == 0)
            return &signs[i];
    return NULL;
}

static const struct sign *find_word(const struct filter_token *token)
{
    if (token->kind != TOKEN_WORD || token->quoted)
        return NULL;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(token->text, words[i].sign) == 0)
            return &words[i];
    return NULL;
}

static size_t skip_blanks(const char *text, size_t at)
{
    for (;;) {
        while (is_blank(text[at]))
            at++;
        if (text[at] != '#')
            return at;
        at += strcspn(text + at, "\n");
    }
}

/* Walks over one word; its characters, without quotes, go to `into` unless that is NULL. */
struct word_scan {
    size_t end, n; /* where the word ends in the text, and how many characters it has */
    bool quoted, open;
};

static bool ends_word(const char *text, bool raw, int depth)
{
    if (is_blank(*text))
        return true;
    return raw ? *text == ')' && depth == 0 : find_sign(text) != NULL;
}

static struct word_scan scan_word(const char *text, size_t at, bool raw, char *into)
{
    struct word_scan scan = {0};
    int depth = 0;
    char quote = '\0';
    for (; text[at]; at++) {
        char c = text[at];
        if (quote ? c == quote : c == '"' || c == '\'') {
            quote = quote ? '\0' : c;
            scan.quoted = true;
            continue;
        }
        if (!quote && ends_word(text + at, raw, depth))
            break;
        if (quote == '"' && c == '\\' && (text[at + 1] == '"' || text[at + 1] == '\\'))
            c = text[++at];
        depth += c == '(' ? 1 : c == ')' ? -1 : 0;
        if (into)
            into[scan.n] = c;
        scan.n++;
    }
    scan.end = at;
    scan.open = quote;
    return scan;
}

/* Words in which signs are characters. */
static bool begins_raw(const char *text)
{
    return *text == '/' || *text == '@' || strncmp(text, "unix:", 5) == 0;
}

static void lex_word(struct filter_parser *p, struct filter_token *token, bool raw)
{
    raw = raw || begins_raw(p->text + token->at);
    struct word_scan scan = scan_word(p->text, token->at, raw, NULL);
    token->kind = TOKEN_WORD;
    token->quoted = scan.quoted;
    token->len = scan.end - token->at;
    if (scan.open) {
        filter_fault(p, token, "this quote has no end");
        return;
    }
    char *text = filter_alloc(p, scan.n + 1);
    if (!text)
        return;
    scan_word(p->text, token->at, raw, text);
    token->text = text;
}

int filter_advance(struct filter_parser *p)
{
    if (p->error)
        return p->error;
    bool raw = p->now.kind == TOKEN_RELATION && p->now.relation == NET_LIKE;
    struct filter_token token = {.at = skip_blanks(p->text, p->next), .text = ""};
    const struct sign *sign = raw ? NULL : find_sign(p->text + token.at);
    if (!p->text[token.at]) {
        token.kind = TOKEN_END;
    } else if (sign) {
        token.kind = sign->kind;
        token.len = strlen(sign->sign);
    } else {
        lex_word(p, &token, raw);
        sign = find_word(&token);
        /* "eq" and its like are relations only where one is looked for: filter_take_relation. */
        if (sign && sign->kind != TOKEN_RELATION)
            token.kind = sign->kind;
    }
    if (sign) {
        token.relation = sign->relation;
        token.negated = sign->negated;
    }
    p->now = token;
    p->next = token.at + token.len;
    return p->error;
}

bool filter_is_relation(const struct filter_token *token)
{
    const struct sign *word = find_word(token);
    return token->kind == TOKEN_RELATION || (word && word->kind == TOKEN_RELATION);
}

bool filter_take_relation(struct filter_parser *p, struct filter_token *ret)
{
    struct filter_token token = p->now;
    if (!filter_is_relation(&token))
        return false;
    if (token.kind == TOKEN_WORD)
        token.relation = find_word(&token)->relation;
    if (filter_advance(p) < 0)
        return false;
    *ret = token;
    return true;
}
