#include "names/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nss.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "names/sockaddr.h"
#include "net/rfc6724.h"

/* A hosts file that blocks half of the web has some megabytes. */
enum { FILE_MAX = 64 << 20, ADDRESSES_MAX = 4096 };

static int ask(const struct resolve_question *q, struct addrinfo **ret)
{
    struct addrinfo hints = {
        .ai_family = q->family,
        .ai_socktype = q->socket_type,
        .ai_flags = (q->every_interface ? AI_PASSIVE : 0) | (q->name ? AI_CANONNAME : 0),
    };
    /* Neither a name nor a service is a question that getaddrinfo refuses; port 0 means none. */
    const char *service = q->service || q->name ? q->service : "0";
    return getaddrinfo(q->name, service, &hints, ret);
}

/* Which address the kernel would take, by routes and rules: connect(2) of UDP sends nothing. */
static void find_source(struct resolved *r)
{
    struct sockaddr_storage to, from = {0};
    socklen_t size = sockaddr_from(&to, &r->addr, r->port), from_size = sizeof from;
    _cleanup_fd_ int fd = socket(r->addr.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&from, &from_size) < 0) {
        r->unreachable_error = errno;
        return;
    }
    r->reachable = sockaddr_read((struct sockaddr *)&from, &r->from, NULL);
}

static int add(struct resolve_answer *a, const struct addrinfo *from)
{
    struct resolved r = {.origin = RESOLVE_UNCLEAR};
    if (!sockaddr_read(from->ai_addr, &r.addr, &r.port))
        return 0;
    find_source(&r);
    return vec_add(&a->addresses, &r);
}

int resolve(const struct resolve_question *q, struct resolve_answer *ret)
{
    struct addrinfo *list = NULL;
    *ret = (struct resolve_answer){.addresses = VEC_INIT(struct resolved)};
    int code = ask(q, &list);
    if (code)
        return code;
    const char *canonical = list->ai_canonname;
    if (canonical && q->name && strcasecmp(canonical, q->name) != 0)
        snprintf(ret->canonical, sizeof ret->canonical, "%s", canonical);
    for (struct addrinfo *at = list; at && !code && ret->addresses.len < ADDRESSES_MAX;
         at = at->ai_next)
        code = add(ret, at) < 0 ? EAI_MEMORY : 0;
    freeaddrinfo(list);
    return code;
}

void resolve_clear(struct resolve_answer *a)
{
    vec_free(&a->addresses);
}

/* Where from */

static void set_all(struct resolve_answer *a, enum resolve_origin origin, const char *source)
{
    for (size_t i = 0; i < a->addresses.len; i++) {
        struct resolved *r = vec_at(&a->addresses, i);
        if (r->origin != RESOLVE_UNCLEAR)
            continue;
        r->origin = origin;
        snprintf(r->source, sizeof r->source, "%s", source);
    }
}

/* An address as getaddrinfo takes it: also 127.1 and 0x7f.1 (inet_aton(3)), and a device. */
static bool is_literal(const char *name)
{
    struct in_addr v4;
    struct net_addr a;
    const char *device;
    return inet_aton(name, &v4) || net_addr_parse(name, &a, &device) == 0;
}

static bool is_settled(const struct resolve_answer *a)
{
    for (size_t i = 0; i < a->addresses.len; i++)
        if (((const struct resolved *)vec_at(&a->addresses, i))->origin == RESOLVE_UNCLEAR)
            return false;
    return true;
}

/* An address may come twice, from two lines: the last line told for it so far. */
static unsigned line_before(const struct resolve_answer *a, size_t i)
{
    const struct resolved *own = vec_at(&a->addresses, i);
    while (i-- > 0) {
        const struct resolved *r = vec_at(&a->addresses, i);
        if (net_addr_equal(&r->addr, &own->addr))
            return r->line;
    }
    return 0;
}

static void look_in_hosts(const struct resolve_question *q, struct resolve_answer *a)
{
    _cleanup_buf_ struct buf text = BUF_INIT(FILE_MAX);
    if (fd_read_file(AT_FDCWD, _PATH_HOSTS, &text) < 0)
        return;
    for (size_t i = 0; i < a->addresses.len; i++) {
        struct resolved *r = vec_at(&a->addresses, i);
        unsigned before = line_before(a, i);
        if (r->origin != RESOLVE_UNCLEAR)
            continue;
        r->line =
            origin_find_host(text.data, text.len, q->name, &r->addr, q->family == AF_INET, before);
        if (!r->line)
            r->line = before;
        if (!r->line)
            continue;
        r->origin = RESOLVE_HOSTS;
        snprintf(r->source, sizeof r->source, "files");
    }
}

static bool has(const struct addrinfo *list, const struct net_addr *a)
{
    for (; list; list = list->ai_next) {
        struct net_addr other;
        if (sockaddr_read(list->ai_addr, &other, NULL) && net_addr_equal(&other, a))
            return true;
    }
    return false;
}

/* Asks one source alone. */
static void ask_source(const struct resolve_question *q, struct resolve_answer *a,
                       const char *source)
{
    struct addrinfo *list = NULL;
    if (__nss_configure_lookup("hosts", source) < 0 || ask(q, &list) != 0)
        return;
    for (size_t i = 0; i < a->addresses.len; i++) {
        struct resolved *r = vec_at(&a->addresses, i);
        if (r->origin != RESOLVE_UNCLEAR || !has(list, &r->addr))
            continue;
        r->origin = RESOLVE_SOURCE;
        snprintf(r->source, sizeof r->source, "%s", source);
    }
    freeaddrinfo(list);
}

static void read_sources(struct origin_sources *ret)
{
    _cleanup_buf_ struct buf text = BUF_INIT(FILE_MAX);
    (void)fd_read_file(AT_FDCWD, "/etc/nsswitch.conf", &text);
    origin_parse_nsswitch(text.data, text.len, ret);
}

/* In their order, and the last one by elimination. Later questions are asked as before. */
static void look_in_sources(const struct resolve_question *q, struct resolve_answer *a)
{
    const struct origin_sources *s = &a->sources;
    bool may_ask = s->line[0], asked = false;
    for (size_t i = 0; i < s->n && !is_settled(a); i++) {
        if (strcmp(s->names[i], "files") == 0) {
            look_in_hosts(q, a);
        } else if (i + 1 == s->n) {
            set_all(a, RESOLVE_SOURCE, s->names[i]);
        } else if (may_ask) {
            ask_source(q, a, s->names[i]);
            asked = true;
        }
    }
    if (asked)
        (void)__nss_configure_lookup("hosts", s->line);
}

void resolve_find_origins(const struct resolve_question *q, struct resolve_answer *a)
{
    if (!q->name) {
        set_all(a, RESOLVE_BARE, "");
    } else if (is_literal(q->name)) {
        set_all(a, RESOLVE_LITERAL, "");
    } else {
        read_sources(&a->sources);
        look_in_sources(q, a);
    }
}

void resolve_read_tables(struct rfc6724_tables *ret)
{
    _cleanup_buf_ struct buf text = BUF_INIT(FILE_MAX);
    rfc6724_defaults(ret);
    if (fd_read_file(AT_FDCWD, "/etc/gai.conf", &text) == 0)
        rfc6724_configure(ret, text.data, text.len);
}
