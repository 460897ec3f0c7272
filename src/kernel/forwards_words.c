#include <string.h>

#include "kernel/forwards_impl.h"

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

static size_t measure_quoted(const struct word *rest, bool escapes)
{
    size_t n = 1;
    for (; n < rest->n && rest->at[n] != '"' && rest->at[n] != '\n'; n++)
        n += escapes && rest->at[n] == '\\' && n + 1 < rest->n && rest->at[n + 1] != '\n';
    return n < rest->n && rest->at[n] == '"' ? n + 1 : n;
}

static size_t measure(const struct word *rest, bool escapes)
{
    size_t n = 1;
    if (*rest->at == '"')
        return measure_quoted(rest, escapes);
    if (!stands_alone(*rest->at))
        while (n < rest->n && !is_blank(rest->at[n]) && !stands_alone(rest->at[n]))
            n++;
    return n;
}

bool word_next(struct word *rest, bool escapes, struct word *ret)
{
    while (rest->n && is_blank(*rest->at))
        skip(rest, 1);
    *ret = (struct word){rest->at, rest->n ? measure(rest, escapes) : 0};
    skip(rest, ret->n);
    return ret->n > 0;
}

bool word_is(const struct word *w, const char *text)
{
    return strlen(text) == w->n && memcmp(w->at, text, w->n) == 0;
}

int word_compare(const struct word *a, const struct word *b)
{
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    return a->n ? memcmp(a->at, b->at, a->n) : 0;
}

bool word_same(const struct word *a, const struct word *b)
{
    return word_compare(a, b) == 0;
}

void word_copy(char *ret, size_t size, struct word from)
{
    size_t n = 0;
    for (; from.n && n + 1 < size; skip(&from, 1)) {
        bool blank = is_blank(*from.at);
        if (!blank || (n && ret[n - 1] != ' '))
            ret[n++] = blank ? ' ' : *from.at;
    }
    ret[n] = '\0';
}

size_t word_measure_line(const char *text, size_t n)
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
