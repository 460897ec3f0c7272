#include "names/services.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* An entry with all its aliases may take so much; a database may have so many. */
enum { ENTRY_MIN = 1024, ENTRY_MAX = 1 << 18, ENTRIES_MAX = 1 << 18 };

/* Lookups give one entry each, so each protocol that has ports is asked about. The database itself
 * decides what a protocol is called; NULL (any) finds the rest. */
static const char *const protocols[] = {"tcp", "udp", "sctp", "dccp", "udplite", "ddp", NULL};
enum { PROTOCOLS = sizeof protocols / sizeof *protocols };

/* What is asked: the next entry of the list, a name, or a port. */
struct question {
    const char *name;
    const char *protocol;
    uint16_t port;
};

static int ask(const struct question *q, struct servent *entry, char *bytes, size_t size,
               struct servent **ret)
{
    if (!q)
        return getservent_r(entry, bytes, size, ret);
    if (q->name)
        return getservbyname_r(q->name, q->protocol, entry, bytes, size, ret);
    return getservbyport_r(htons(q->port), q->protocol, entry, bytes, size, ret);
}

/* 0, -ENOENT (no such entry, or the end of the list), or a negative errno. */
static int find(const struct question *q, struct servent *entry, struct buf *texts)
{
    for (size_t size = ENTRY_MIN; size <= ENTRY_MAX; size *= 4) {
        struct servent *found = NULL;
        char *bytes = buf_reserve(texts, size);
        if (!bytes)
            return -ENOMEM;
        int r = ask(q, entry, bytes, size, &found);
        if (r == 0 && found)
            return 0;
        if (r != ERANGE)
            return r == 0 || r == ENOENT ? -ENOENT : -r;
    }
    return -ERANGE;
}

static void service_clear(struct service *s)
{
    for (char **alias = s->aliases; alias && *alias; alias++)
        free(*alias);
    free(s->aliases);
    free(s->name);
    free(s->protocol);
}

void services_free(struct vec *services)
{
    for (size_t i = 0; i < services->len; i++)
        service_clear(vec_at(services, i));
    vec_free(services);
}

static int copy_aliases(struct service *s, char **from)
{
    size_t n = 0;
    while (from && from[n])
        n++;
    s->aliases = calloc(n + 1, sizeof *s->aliases);
    if (!s->aliases)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (!(s->aliases[i] = strdup(from[i])))
            return -ENOMEM;
    return 0;
}

static int add(struct vec *ret, const struct servent *entry)
{
    struct service s = {
        .name = strdup(entry->s_name),
        .protocol = strdup(entry->s_proto),
        .port = ntohs((uint16_t)entry->s_port),
    };
    int r = s.name && s.protocol ? copy_aliases(&s, entry->s_aliases) : -ENOMEM;
    if (r == 0)
        r = vec_add(ret, &s);
    if (r < 0)
        service_clear(&s);
    return r;
}

static bool has(const struct vec *services, const struct servent *entry)
{
    for (size_t i = 0; i < services->len; i++) {
        const struct service *s = vec_at(services, i);
        if (s->port == ntohs((uint16_t)entry->s_port) && strcmp(s->name, entry->s_name) == 0 &&
            strcmp(s->protocol, entry->s_proto) == 0)
            return true;
    }
    return false;
}

/* One that is there already is no second. */
static int ask_one(const struct question *q, struct vec *ret)
{
    _cleanup_buf_ struct buf texts = BUF_INIT(2 * ENTRY_MAX);
    struct servent entry;
    int r = find(q, &entry, &texts);
    if (r == 0 && !has(ret, &entry))
        r = add(ret, &entry);
    return r == -ENOENT ? 0 : r;
}

static int ask_protocols(struct question q, struct vec *ret)
{
    int r = 0;
    if (q.protocol)
        return ask_one(&q, ret);
    for (size_t i = 0; r == 0 && i < PROTOCOLS; i++) {
        q.protocol = protocols[i];
        r = ask_one(&q, ret);
    }
    return r;
}

int services_by_name(const char *name, const char *protocol, struct vec *ret)
{
    return ask_protocols((struct question){.name = name, .protocol = protocol}, ret);
}

int services_by_port(uint16_t port, const char *protocol, struct vec *ret)
{
    return ask_protocols((struct question){.port = port, .protocol = protocol}, ret);
}

int services_in_range(uint16_t first, uint16_t last, const char *protocol, struct vec *ret)
{
    _cleanup_buf_ struct buf texts = BUF_INIT(2 * ENTRY_MAX);
    struct servent entry;
    int r = 0;
    setservent(1);
    for (int i = 0; i < ENTRIES_MAX && r == 0; i++) {
        r = find(NULL, &entry, &texts);
        uint16_t port = r == 0 ? ntohs((uint16_t)entry.s_port) : 0;
        bool wanted = r == 0 && (!protocol || strcmp(entry.s_proto, protocol) == 0);
        if (wanted && first <= port && port <= last)
            r = add(ret, &entry);
    }
    endservent();
    return r == -ENOENT ? 0 : r;
}

int services_port(const char *name, const char *protocol, uint16_t *ret)
{
    _cleanup_buf_ struct buf texts = BUF_INIT(2 * ENTRY_MAX);
    struct question q = {.name = name, .protocol = protocol};
    struct servent entry;
    if (find(&q, &entry, &texts) < 0)
        return -ENOENT;
    *ret = ntohs((uint16_t)entry.s_port);
    return 0;
}
