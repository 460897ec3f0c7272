#include "names/origin.h"

#include <string.h>
#include <strings.h>

enum { WORD = 256 };

/* A cursor over the words of one line; '#' ends it. */
struct words {
    const char *at, *end;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* The next word, cut to size; false at the line's end. */
static bool next_word(struct words *w, char *ret, size_t size)
{
    while (w->at < w->end && is_blank(*w->at))
        w->at++;
    size_t n = 0;
    while (w->at < w->end && !is_blank(*w->at) && *w->at != '#') {
        if (n + 1 < size)
            ret[n++] = *w->at;
        w->at++;
    }
    ret[n] = '\0';
    return n > 0;
}

/* The line at *at, without its newline and its comment; *at goes on to the next. */
static bool next_line(const char *text, size_t n, size_t *at, struct words *ret)
{
    if (*at >= n)
        return false;
    const char *from = text + *at;
    const char *newline = memchr(from, '\n', n - *at);
    size_t length = newline ? (size_t)(newline - from) : n - *at;
    *at += length + 1;
    const char *comment = memchr(from, '#', length);
    *ret = (struct words){from, comment ? comment : from + length};
    return true;
}

static void add_source(struct origin_sources *to, const char *name)
{
    if (to->n == ORIGIN_SOURCES || strlen(name) >= sizeof to->names[0])
        return;
    strcpy(to->names[to->n++], name);
}

/* "files mdns4_minimal [NOTFOUND=return] dns"; an action may have blanks in it. */
static void take_sources(struct words *w, struct origin_sources *ret)
{
    char word[WORD];
    bool action = false;
    size_t n = (size_t)(w->end - w->at);
    *ret = (struct origin_sources){.configured = true};
    if (n < sizeof ret->line)
        memcpy(ret->line, w->at, n);
    while (next_word(w, word, sizeof word)) {
        char *open = strchr(word, '[');
        bool ends = strchr(word, ']') != NULL;
        if (open)
            *open = '\0';
        if (!action && *word)
            add_source(ret, word);
        action = (action || open) && !ends;
    }
}

void origin_parse_nsswitch(const char *text, size_t n, struct origin_sources *ret)
{
    struct words w;
    *ret = (struct origin_sources){.names = {"files", "dns"}, .n = 2, .line = "files dns"};
    for (size_t at = 0; next_line(text, n, &at, &w);) {
        while (w.at < w.end && is_blank(*w.at))
            w.at++;
        const char *colon = memchr(w.at, ':', (size_t)(w.end - w.at));
        size_t length = colon ? (size_t)(colon - w.at) : 0;
        while (length && is_blank(w.at[length - 1]))
            length--;
        if (length != strlen("hosts") || memcmp(w.at, "hosts", length) != 0)
            continue;
        w.at = colon + 1;
        take_sources(&w, ret);
        return;
    }
}

static bool is_same_address(const char *text, const struct net_addr *a, bool only_ipv4)
{
    static const uint8_t ipv4_loopback[] = {127, 0, 0, 1};
    struct net_addr own, plain = net_addr_unmap(a);
    if (net_addr_parse(text, &own, NULL) < 0)
        return false;
    own = net_addr_unmap(&own);
    if (own.family == plain.family)
        return memcmp(own.bytes, plain.bytes, sizeof own.bytes) == 0;
    return only_ipv4 && own.family == AF_INET6 && net_addr_is_loopback(&own) &&
           plain.family == AF_INET && memcmp(plain.bytes, ipv4_loopback, 4) == 0;
}

unsigned origin_find_host(const char *text, size_t n, const char *name, const struct net_addr *a,
                          bool only_ipv4, unsigned after)
{
    struct words w;
    unsigned line = 0;
    char word[WORD];
    for (size_t at = 0; next_line(text, n, &at, &w);) {
        if (++line <= after || !next_word(&w, word, sizeof word) ||
            !is_same_address(word, a, only_ipv4))
            continue;
        while (next_word(&w, word, sizeof word))
            if (strcasecmp(word, name) == 0)
                return line;
    }
    return 0;
}
