#include "flow/http_accept.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name, *suffix;
} codings[] = {
    [HTTP_BR] = {"br", ".br"},
    [HTTP_ZSTD] = {"zstd", ".zst"},
    [HTTP_GZIP] = {"gzip", ".gz"},
    [HTTP_IDENTITY] = {"identity", ""},
};
static_assert(sizeof codings / sizeof *codings == HTTP_CODINGS, "a row a coding");

const char *http_coding_name(enum http_coding c)
{
    return codings[c].name;
}

const char *http_coding_suffix(enum http_coding c)
{
    return codings[c].suffix;
}

struct text {
    const char *at;
    size_t n;
};

static struct text trim(struct text t)
{
    while (t.n > 0 && (*t.at == ' ' || *t.at == '\t'))
        t.at++, t.n--;
    while (t.n > 0 && (t.at[t.n - 1] == ' ' || t.at[t.n - 1] == '\t'))
        t.n--;
    return t;
}

/* What stands before the next `mark`, which is cut off with it. */
static struct text cut(struct text *rest, char mark)
{
    const char *end = memchr(rest->at, mark, rest->n);
    size_t n = end ? (size_t)(end - rest->at) : rest->n;
    struct text piece = {rest->at, n};
    rest->at += end ? n + 1 : n;
    rest->n -= end ? n + 1 : n;
    return trim(piece);
}

static bool equals(struct text t, const char *word)
{
    return strlen(word) == t.n && strncasecmp(t.at, word, t.n) == 0;
}

/* "0.5" in thousandths; what isn't such a number counts as 1. */
static unsigned weight_of(struct text t)
{
    unsigned value = 0, place = 1000;
    if (t.n == 0 || t.n > 5 || (*t.at != '0' && *t.at != '1') || (t.n > 1 && t.at[1] != '.'))
        return 1000;
    value = *t.at == '1' ? 1000 : 0;
    for (size_t i = 2; i < t.n; i++) {
        if (t.at[i] < '0' || t.at[i] > '9')
            return 1000;
        place /= 10;
        value += place * (unsigned)(t.at[i] - '0');
    }
    return value > 1000 ? 1000 : value;
}

/* Takes the first element of a list off: its name, and its weight of the parameter q. */
static struct text next_element(struct text *list, unsigned *ret_weight)
{
    struct text element = cut(list, ','), name = cut(&element, ';');
    *ret_weight = 1000;
    while (element.n > 0) {
        struct text parameter = cut(&element, ';');
        if (parameter.n >= 2 && (parameter.at[0] | 0x20) == 'q' && parameter.at[1] == '=')
            *ret_weight = weight_of((struct text){parameter.at + 2, parameter.n - 2});
    }
    return name;
}

/* Weights by coding: named ones, then "*" for the others; the plain form is taken unless it is
 * refused. "x-gzip" is gzip (RFC 9110 8.4.1.3). */
static void weigh_codings(struct text list, unsigned weights[HTTP_CODINGS])
{
    enum { UNNAMED = 1001 };
    unsigned others = UNNAMED, weight;
    for (int c = 0; c < HTTP_CODINGS; c++)
        weights[c] = UNNAMED;
    while (list.n > 0) {
        struct text name = next_element(&list, &weight);
        for (int c = 0; c < HTTP_CODINGS; c++)
            if (equals(name, codings[c].name) || (c == HTTP_GZIP && equals(name, "x-gzip")))
                weights[c] = weight;
        if (equals(name, "*"))
            others = weight;
    }
    for (int c = 0; c < HTTP_CODINGS; c++)
        if (weights[c] == UNNAMED)
            weights[c] = others != UNNAMED ? others : c == HTTP_IDENTITY ? 1 : 0;
}

size_t http_accept_codings(const char *bytes, size_t n, enum http_coding ret[HTTP_CODINGS])
{
    unsigned weights[HTTP_CODINGS];
    size_t n_taken = 0;
    weigh_codings((struct text){bytes, n}, weights);
    for (int c = 0; c < HTTP_IDENTITY; c++)
        if (weights[c] > 0 && weights[c] >= weights[HTTP_IDENTITY]) {
            size_t at = n_taken++;
            for (; at > 0 && weights[ret[at - 1]] < weights[c]; at--)
                ret[at] = ret[at - 1];
            ret[at] = (enum http_coding)c;
        }
    ret[n_taken++] = HTTP_IDENTITY;
    return n_taken;
}

unsigned http_accept_weight(const char *bytes, size_t n, const char *type, const char *subtype)
{
    struct text list = {bytes, n};
    unsigned best = 0, exactness = 0, weight;
    while (list.n > 0) {
        struct text name = next_element(&list, &weight), sub = name;
        struct text main = cut(&sub, '/');
        unsigned exact = equals(main, type) && equals(sub, subtype) ? 3
                         : equals(main, type) && equals(sub, "*")   ? 2
                         : equals(main, "*") && equals(sub, "*")    ? 1
                                                                    : 0;
        if (exact > exactness) {
            exactness = exact;
            best = weight;
        }
    }
    return best;
}
