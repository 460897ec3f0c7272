#include "net/firewall.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

void firewall_free(struct firewall *f)
{
    for (size_t i = 0; i < f->rules.len; i++)
        free(((struct firewall_rule *)vec_at(&f->rules, i))->text);
    for (size_t i = 0; i < f->sets.len; i++)
        free(((struct firewall_set *)vec_at(&f->sets, i))->elements);
    vec_free(&f->sets);
    vec_free(&f->rules);
    vec_free(&f->chains);
}

const struct firewall_chain *firewall_find_chain(const struct firewall *f,
                                                 const struct firewall_chain *of, const char *name,
                                                 size_t n)
{
    for (size_t i = 0; i < f->chains.len; i++) {
        const struct firewall_chain *c = vec_at(&f->chains, i);
        if (c->listing == of->listing && c->family == of->family && strlen(c->name) == n &&
            memcmp(c->name, name, n) == 0 && strcmp(c->table, of->table) == 0)
            return c;
    }
    return NULL;
}

const struct firewall_set *firewall_find_set(const struct firewall *f,
                                             const struct firewall_chain *of, const char *name,
                                             size_t n)
{
    for (size_t i = 0; i < f->sets.len; i++) {
        const struct firewall_set *s = vec_at(&f->sets, i);
        if (s->listing == of->listing && s->family == of->family && strlen(s->name) == n &&
            memcmp(s->name, name, n) == 0 && strcmp(s->table, of->table) == 0)
            return s;
    }
    return NULL;
}

void firewall_format_place(struct buf *out, const struct firewall_chain *c)
{
    static const char *const families[] = {
        [FIREWALL_NO_FAMILY] = "?",  [FIREWALL_INET] = "inet", [FIREWALL_IP] = "ip",
        [FIREWALL_IP6] = "ip6",      [FIREWALL_ARP] = "arp",   [FIREWALL_BRIDGE] = "bridge",
        [FIREWALL_NETDEV] = "netdev"};
    static_assert(sizeof families / sizeof *families == FIREWALL_FAMILIES, "each has its name");
    buf_str(out, families[c->family]);
    buf_char(out, ' ');
    buf_str(out, c->table);
    buf_char(out, ' ');
    buf_str(out, c->name);
}

/* Words */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool stands_alone(char c)
{
    return c && strchr("{}(),;|", c);
}

bool firewall_next_word(const char **text, struct firewall_word *ret)
{
    const char *at = *text;
    while (is_blank(*at))
        at++;
    if (*at == '"') { /* iptables-save escapes quotes in one, nft(8) knows no such */
        const char *end = ++at;
        while (*end && *end != '"')
            end += *end == '\\' && end[1] ? 2 : 1;
        *ret = (struct firewall_word){at, (size_t)(end - at), true};
        *text = end + (*end == '"');
        return true;
    }
    const char *end = at + stands_alone(*at);
    if (end == at)
        while (*end && !is_blank(*end) && !stands_alone(*end) && *end != '"')
            end++;
    *ret = (struct firewall_word){at, (size_t)(end - at), false};
    *text = end;
    return end > at;
}

bool firewall_word_is(const struct firewall_word *w, const char *text)
{
    return !w->quoted && strlen(text) == w->n && memcmp(w->at, text, w->n) == 0;
}
