#include "kernel/forwards.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/parse.h"
#include "base/vec.h"
#include "kernel/firewall.h"
#include "kernel/listing.h"

enum { WORDS_MAX = 64, WORD_SIZE = 64 };

struct words {
    char word[WORDS_MAX][WORD_SIZE];
    size_t n;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void split(const char *line, size_t n, struct words *ret)
{
    ret->n = 0;
    for (size_t i = 0; i < n && ret->n < WORDS_MAX;) {
        size_t start = i;
        while (i < n && !is_blank(line[i]))
            i++;
        size_t length = i - start < WORD_SIZE - 1 ? i - start : WORD_SIZE - 1;
        if (length) {
            memcpy(ret->word[ret->n], line + start, length);
            ret->word[ret->n++][length] = '\0';
        }
        i += i == start || i < n;
    }
}

/* The word behind one of these, from a place on; NULL if there is none. */
static const char *word_after(const struct words *w, const char *name)
{
    for (size_t i = 0; i + 1 < w->n; i++)
        if (strcmp(w->word[i], name) == 0)
            return w->word[i + 1];
    return NULL;
}

/* "8080", "8000-8100" of nft, "8000:8100" of iptables. */
static int get_range(const char *text, struct kernel_forward *f)
{
    char range[WORD_SIZE];
    snprintf(range, sizeof range, "%s", text);
    char *colon = strchr(range, ':');
    if (colon)
        *colon = '-';
    return parse_port_range(range, &f->first, &f->last);
}

static bool is_protocol(const char *word)
{
    return strcmp(word, "tcp") == 0 || strcmp(word, "udp") == 0;
}

/* -A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80 */
static const char *iptables_target(const struct words *w)
{
    const char *jump = word_after(w, "-j");
    if (!jump)
        return NULL;
    if (strcmp(jump, "DNAT") == 0)
        return word_after(w, "--to-destination");
    return strcmp(jump, "REDIRECT") == 0 ? word_after(w, "--to-ports") : NULL;
}

/* tcp dport 8080 dnat to 172.17.0.2:80; dnat ip to …; redirect to :8080 */
static const char *nft_target(const struct words *w)
{
    for (size_t i = 0; i < w->n; i++) {
        if (strcmp(w->word[i], "dnat") != 0 && strcmp(w->word[i], "redirect") != 0)
            continue;
        for (size_t k = i + 1; k + 1 < w->n && k < i + 4; k++)
            if (strcmp(w->word[k], "to") == 0)
                return w->word[k + 1];
    }
    return NULL;
}

static void get_protocol(const struct words *w, struct kernel_forward *f)
{
    const char *protocol = word_after(w, "-p");
    for (size_t i = 0; !protocol && i + 1 < w->n; i++)
        if (strcmp(w->word[i + 1], "dport") == 0)
            protocol = w->word[i];
    if (protocol && is_protocol(protocol))
        strcpy(f->protocol, protocol);
}

static bool parse_line(const char *line, size_t n, struct kernel_forward *ret)
{
    struct words w;
    if (memchr(line, '\0', n))
        return false;
    split(line, n, &w);
    const char *target = iptables_target(&w);
    const char *port = target ? word_after(&w, "--dport") : word_after(&w, "dport");
    if (!target)
        target = nft_target(&w);
    *ret = (struct kernel_forward){0};
    if (!target || !port || get_range(port, ret) < 0)
        return false;
    get_protocol(&w, ret);
    snprintf(ret->target, sizeof ret->target, "%s", target);
    while (n && is_blank(*line))
        line++, n--;
    snprintf(ret->rule, sizeof ret->rule, "%.*s", (int)(n < 255 ? n : 255), line);
    return true;
}

int forwards_parse(const char *listing, size_t n, struct vec *ret)
{
    while (n > 0) {
        const char *end = memchr(listing, '\n', n);
        size_t length = end ? (size_t)(end - listing) : n;
        struct kernel_forward f;
        if (parse_line(listing, length, &f) && vec_add(ret, &f) < 0)
            return -ENOMEM;
        length += end != NULL;
        listing += length;
        n -= length;
    }
    return 0;
}

int forwards_read(struct vec *ret)
{
    /* The last two list the tables that there are; asked for one, they would make it. */
    static const char *const listings[][6] = {
        {"/usr/sbin/iptables-save", "-t", "nat", NULL},
        {"/usr/sbin/ip6tables-save", "-t", "nat", NULL},
        {"/usr/sbin/nft", "list", "ruleset", NULL},
        {"/usr/sbin/iptables-legacy-save", NULL},
        {"/usr/sbin/ip6tables-legacy-save", NULL},
    };
    size_t n = sizeof listings / sizeof *listings;
    int result = -ENOENT;
    for (size_t i = 0; i < (firewall_is_old() ? n : n - 2); i++) {
        _cleanup_buf_ struct buf text = BUF_INIT(LISTING_MAX);
        int r = listing_read(listings[i], &text);
        if (r == 0)
            r = forwards_parse(text.data, text.len, ret);
        if (r == 0 || (r != -ENOENT && result == -ENOENT))
            result = r;
    }
    return result;
}
