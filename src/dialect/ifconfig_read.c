/* Interfaces for ifconfig: read, labelled, and in its order. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "dialect/ifconfig_show.h"
#include "dialect/netstat.h"
#include "kernel/links.h"

enum { FILE_MAX = 16 << 20, COUNTERS = 16 };

/* "  eth0: bytes packets errs drop fifo frame compressed multicast bytes packets errs drop fifo
 * colls carrier compressed" (net/core/net-procfs.c) */
static bool parse_counters(char *line, struct ifconfig_counters *ret)
{
    char *words[COUNTERS], *colon = strrchr(line, ':');
    uint64_t n[COUNTERS] = {0};
    if (!colon || netstat_words(colon + 1, words, COUNTERS) < COUNTERS)
        return false;
    *colon = '\0';
    line += strspn(line, " ");
    if (strlen(line) >= sizeof ret->name)
        return false;
    for (size_t i = 0; i < COUNTERS; i++)
        n[i] = strtoull(words[i], NULL, 10);
    *ret = (struct ifconfig_counters){
        .rx_bytes = n[0],
        .rx_packets = n[1],
        .rx_errors = n[2],
        .rx_dropped = n[3],
        .rx_fifo = n[4],
        .rx_frame = n[5],
        .tx_bytes = n[8],
        .tx_packets = n[9],
        .tx_errors = n[10],
        .tx_dropped = n[11],
        .tx_fifo = n[12],
        .tx_collisions = n[13],
        .tx_carrier = n[14],
    };
    strcpy(ret->name, line);
    return true;
}

static int read_counters(struct vec *ret)
{
    _cleanup_buf_ struct buf text = BUF_INIT(FILE_MAX);
    struct ifconfig_counters c;
    char *line;
    int r = netstat_file("dev", &text);
    for (char *at = text.data; r == 0 && at && netstat_line(&at, &line);)
        if (parse_counters(line, &c))
            r = vec_add(ret, &c);
    return r;
}

static bool has_entry(const struct ifconfig *i, const char *name)
{
    for (size_t k = 0; k < i->entries.len; k++)
        if (strcmp(((struct ifconfig_entry *)vec_at(&i->entries, k))->name, name) == 0)
            return true;
    return false;
}

static int add_entry(struct ifconfig *i, const char *name, const struct net_iface *link, bool alias)
{
    struct ifconfig_entry e = {.link = link, .alias = alias};
    if (has_entry(i, name))
        return 0;
    snprintf(e.name, sizeof e.name, "%s", name);
    return vec_add(&i->entries, &e);
}

static int add_labels(struct ifconfig *i, const struct net_iface *link)
{
    int r = 0;
    for (uint32_t k = 0; r == 0 && k < link->n_addrs; k++)
        if (link->addrs[k].label[0])
            r = add_entry(i, link->addrs[k].label, link, true);
    return r;
}

/* Digits at the end of name[0 … n) as a number, -1 for none; *ret is the length without them. */
static long number_at_end(const char *name, size_t n, size_t *ret)
{
    size_t from = n;
    while (from && isdigit((unsigned char)name[from - 1]))
        from--;
    *ret = from;
    return from < n ? strtol(name + from, NULL, 10) : -1;
}

struct sort_key {
    size_t stem; /* the name without its numbers */
    long number, alias;
};

/* "eth0:11" is eth, 0, 11; "eth0:x" is a name without numbers. */
static struct sort_key key_of(const char *name)
{
    struct sort_key key = {.alias = -1};
    size_t n = strlen(name), stem;
    long last = number_at_end(name, n, &stem);
    if (last >= 0 && stem && name[stem - 1] == ':') {
        key.alias = last;
        n = stem - 1;
    }
    key.number = number_at_end(name, n, &key.stem);
    return key;
}

static int compare_entries(const void *a, const void *b)
{
    const struct ifconfig_entry *x = a, *y = b;
    struct sort_key p = key_of(x->name), q = key_of(y->name);
    size_t n = p.stem < q.stem ? p.stem : q.stem;
    int order = memcmp(x->name, y->name, n);
    if (order == 0)
        order = (p.stem > q.stem) - (p.stem < q.stem);
    if (order == 0)
        order = (p.number > q.number) - (p.number < q.number);
    return order ? order : (p.alias > q.alias) - (p.alias < q.alias);
}

int ifconfig_read(struct ifconfig *ret)
{
    struct err e = {0};
    *ret = (struct ifconfig){
        .links = VEC_INIT(struct net_iface),
        .counters = VEC_INIT(struct ifconfig_counters),
        .entries = VEC_INIT(struct ifconfig_entry),
    };
    int r = links_read(&ret->links, &e);
    if (r == 0 && (r = read_counters(&ret->counters)) < 0)
        err_set(&e, -r, "read", "/proc/net/dev", NULL);
    for (size_t i = 0; r == 0 && i < ret->links.len; i++) {
        const struct net_iface *link = vec_at(&ret->links, i);
        r = add_entry(ret, link->name, link, false);
    }
    for (size_t i = 0; r == 0 && i < ret->links.len; i++)
        r = add_labels(ret, vec_at(&ret->links, i));
    if (r < 0)
        err_print(&e, stderr);
    else if (ret->entries.len)
        qsort(ret->entries.items, ret->entries.len, sizeof(struct ifconfig_entry), compare_entries);
    return r;
}

void ifconfig_clear(struct ifconfig *i)
{
    links_free(&i->links);
    vec_free(&i->counters);
    vec_free(&i->entries);
}

bool ifconfig_find(const struct ifconfig *i, const char *name, struct ifconfig_entry *ret)
{
    size_t n = strcspn(name, ":");
    if (strlen(name) >= sizeof ret->name)
        return false;
    for (size_t k = 0; k < i->links.len; k++) {
        const struct net_iface *link = vec_at(&i->links, k);
        if (strlen(link->name) != n || memcmp(link->name, name, n) != 0)
            continue;
        *ret = (struct ifconfig_entry){.link = link, .alias = name[n] != '\0'};
        snprintf(ret->name, sizeof ret->name, "%s", name);
        return true;
    }
    return false;
}
