/* netstat -r and -g: routes and multicast groups, from the kernel's files, in their order. A table
 * is read whole before it is printed, so that its names are looked up at the same time. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/out.h"
#include "base/time.h"
#include "base/vec.h"
#include "cli/command.h"
#include "dialect/netstat.h"
#include "names/reverse.h"

#define NAMES_TIMEOUT_NS UINT64_C(10000000000)

enum { FILE_MAX = 64 << 20, WORDS = 16 };

/* linux/route.h and linux/ipv6_route.h */
enum { ROUTE_UP = 1, ROUTE_GATEWAY = 2, ROUTE_HOST = 4, ROUTE_REJECT = 0x200 };
enum { ROUTE6_CACHE = 0x01000000 };

struct routes {
    const struct netstat_options *o;
    struct out *out;
    bool cache;              /* instead of the routes themselves */
    struct reverse *reverse; /* of one table; NULL: numbers */
};

/* Before a table is read, once all of its addresses are asked about, and after it. */

static int names_open(struct routes *r)
{
    return r->o->number_hosts ? 0 : reverse_new(NULL, &r->reverse);
}

static void ask_name(struct routes *r, const struct net_addr *a)
{
    if (r->reverse)
        (void)reverse_ask(r->reverse, a); /* without memory it stays a number */
}

static void names_wait(struct routes *r)
{
    if (r->reverse)
        reverse_wait(r->reverse, time_monotonic_ns() + NAMES_TIMEOUT_NS);
}

static void names_close(struct routes *r)
{
    reverse_free(r->reverse);
    r->reverse = NULL;
}

static bool read_hex(const char *word, uint32_t *ret)
{
    char *end;
    unsigned long value = strtoul(word, &end, 16);
    if (!*word || *end || value > UINT32_MAX)
        return false;
    *ret = (uint32_t)value;
    return true;
}

static bool read_hex_bytes(const char *word, uint8_t *ret, size_t n)
{
    if (strlen(word) != 2 * n || strspn(word, "0123456789abcdefABCDEF") != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char two[] = {word[2 * i], word[2 * i + 1], '\0'};
        ret[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return true;
}

static void format_addr(struct routes *r, const struct net_addr *a, char *to, size_t size)
{
    const char *name = r->reverse ? reverse_host(r->reverse, a) : NULL;
    if (name) {
        struct buf text = BUF_INIT(1024);
        netstat_text(&text, name, strlen(name));
        snprintf(to, size, "%s", buf_cstr(&text));
        buf_free(&text);
    } else if (a->family == AF_INET6 && net_addr_is_wildcard(a) && !r->o->number_hosts) {
        snprintf(to, size, "[::]");
    } else {
        inet_ntop(a->family, a->bytes, to, (socklen_t)size);
    }
}

/* IPv4 */

struct route {
    const char *device;
    struct net_addr to, gateway;
    struct in_addr mask;
    uint32_t flags;
    const char *refs, *used, *metric, *mtu, *window, *irtt;
};

/* "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT" (fib_route_seq_show);
 * addresses are words in the order of the machine. */
static bool parse_route(char *line, struct route *ret)
{
    char *w[WORDS];
    uint32_t to, gateway, mask, flags;
    if (netstat_words(line, w, WORDS) < 11 || !read_hex(w[1], &to) || !read_hex(w[2], &gateway) ||
        !read_hex(w[3], &flags) || !read_hex(w[7], &mask))
        return false;
    for (size_t i = 4; i < 11; i++)
        if (i != 7 && !netstat_is_number(w[i]))
            return false;
    *ret = (struct route){
        .device = w[0],
        .to = net_addr_from_bytes(AF_INET, &to),
        .gateway = net_addr_from_bytes(AF_INET, &gateway),
        .mask = {mask},
        .flags = flags,
        .refs = w[4],
        .used = w[5],
        .metric = w[6],
        .mtu = w[8],
        .window = w[9],
        .irtt = w[10],
    };
    return true;
}

static void format_destination(struct routes *r, const struct route *t, char *to, size_t size)
{
    uint32_t address;
    memcpy(&address, t->to.bytes, sizeof address);
    if (r->o->number_hosts) {
        inet_ntop(AF_INET, &address, to, (socklen_t)size);
    } else if (!address && !t->mask.s_addr) {
        snprintf(to, size, "default");
    } else if (t->flags & ROUTE_HOST) {
        format_addr(r, &t->to, to, size);
    } else {
        const struct netent *net = getnetbyaddr(ntohl(address), AF_INET);
        if (net)
            snprintf(to, size, "%s", net->n_name);
        else
            inet_ntop(AF_INET, &address, to, (socklen_t)size);
    }
}

static void format_flags(char to[16], uint32_t flags)
{
    static const char letters[] = "UGHRDMuwi!n";
    size_t n = 0;
    bool reject = flags & ROUTE_REJECT;
    if (reject)
        to[n++] = '!';
    for (size_t bit = reject ? 2 : 0; letters[bit]; bit++)
        if (flags >> bit & 1 && letters[bit] != '!')
            to[n++] = letters[bit];
    to[n] = '\0';
}

static void print_route(struct routes *r, const struct route *t)
{
    struct buf *out = &r->out->buf;
    char to[1024], gateway[1024], mask[INET_ADDRSTRLEN], flags[16], name[NETSTAT_NAME];
    bool reject = t->flags & ROUTE_REJECT;
    format_destination(r, t, to, sizeof to);
    format_addr(r, &t->gateway, gateway, sizeof gateway);
    inet_ntop(AF_INET, &t->mask, mask, sizeof mask);
    format_flags(flags, t->flags);
    /* as narrow with -W, as the original's */
    buf_printf(out, "%-15.15s %-15.15s %-15s %-5s ", to, reject ? "-" : gateway, mask, flags);
    const char *mtu = reject ? "-" : t->mtu, *window = reject ? "-" : t->window;
    const char *irtt = reject ? "-" : t->irtt,
               *device = reject ? "-" : netstat_name(name, t->device);
    const char *refs = reject ? "-" : t->refs;
    if (r->o->extend == 0)
        buf_printf(out, "%5s %-5s %6s %s\n", mtu, window, irtt, device);
    else if (r->o->extend % 2)
        buf_printf(out, "%-6s %-6s %3s %s\n", t->metric, refs, t->used, device);
    else
        buf_printf(out, "%-6s %-3s %6s %-8.6s %-5s %-6s %s\n", t->metric, refs, t->used, device,
                   mtu, window, irtt);
}

static void print_route_heading(struct routes *r, const char *first, const char *mask)
{
    struct buf *out = &r->out->buf;
    buf_printf(out, "%-15s %-15s %-15s ", first, r->cache ? "Destination" : "Gateway", mask);
    if (r->o->extend == 0)
        buf_str(out, "Flags   MSS Window  irtt Iface");
    else if (r->o->extend % 2)
        buf_str(out, "Flags Metric Ref    Use Iface");
    else
        buf_str(out, "Flags Metric Ref    Use Iface    MSS   Window irtt");
    if (r->cache && r->o->extend && r->o->extend % 2 == 0)
        buf_str(out, "  TOS HHRef HHUptod     SpecDst");
    buf_char(out, '\n');
}

static int print_cache4(struct routes *r)
{
    _cleanup_buf_ struct buf text = BUF_INIT(FILE_MAX);
    int error = netstat_file("rt_cache", &text);
    if (error < 0) {
        fprintf(stderr, "/proc/net/rt_cache: %s\n", strerror(-error));
        buf_str(&r->out->buf, "INET (IPv4) not configured in this system.\n");
        return EXIT_NO;
    }
    buf_str(&r->out->buf, "Kernel IP routing cache\n"); /* kernels have none since 3.6 */
    print_route_heading(r, "Source", "Gateway");
    return EXIT_YES;
}

static int add_route(struct routes *r, struct vec *routes, const struct route *t)
{
    ask_name(r, &t->gateway);
    if (t->flags & ROUTE_HOST)
        ask_name(r, &t->to);
    return vec_add(routes, t);
}

static int print_routes4(struct routes *r)
{
    _cleanup_buf_ struct buf text = BUF_INIT(FILE_MAX);
    _cleanup_vec_ struct vec routes = VEC_INIT(struct route);
    struct route t;
    char *line;
    if (r->cache)
        return print_cache4(r);
    buf_str(&r->out->buf, "Kernel IP routing table\n");
    print_route_heading(r, "Destination", "Genmask");
    if (netstat_file("route", &text) < 0 || !text.len)
        return EXIT_NO; /* no route was ever made */
    for (char *at = text.data; netstat_line(&at, &line);)
        if (parse_route(line, &t) && t.flags & ROUTE_UP && add_route(r, &routes, &t) < 0)
            return EXIT_NO;
    names_wait(r);
    for (size_t i = 0; i < routes.len && out_flush_if_full(r->out) == 0; i++)
        print_route(r, vec_at(&routes, i));
    return EXIT_YES;
}

/* IPv6 */

static const struct {
    uint32_t bit;
    char letter;
} flags6[] = {
    {0x1, 'U'},          {0x200, '!'},   {0x2, 'G'},      {0x4, 'H'},
    {0x10000, 'D'},      {0x40000, 'A'}, {0x20000, 'a'},  {0x400000, 'e'},
    {ROUTE6_CACHE, 'C'}, {0x20, 'm'},    {0x200000, 'n'}, {0x2000000, 'f'},
};

struct route6 {
    const char *device;
    struct net_addr to, gateway;
    uint32_t length, metric, refs, used, flags;
};

static bool parse_route6(char *line, struct route6 *ret)
{
    char *w[WORDS];
    struct route6 t = {.to.family = AF_INET6, .gateway.family = AF_INET6};
    if (netstat_words(line, w, WORDS) < 10 || !read_hex_bytes(w[0], t.to.bytes, 16) ||
        !read_hex(w[1], &t.length) || !read_hex_bytes(w[4], t.gateway.bytes, 16) ||
        !read_hex(w[5], &t.metric) || !read_hex(w[6], &t.refs) || !read_hex(w[7], &t.used) ||
        !read_hex(w[8], &t.flags))
        return false;
    t.device = w[9];
    *ret = t;
    return true;
}

static int add_route6(struct routes *r, struct vec *routes, const struct route6 *t)
{
    if (!(t->flags & ROUTE6_CACHE) == r->cache)
        return 0;
    ask_name(r, &t->to);
    ask_name(r, &t->gateway);
    return vec_add(routes, t);
}

static void print_route6(struct routes *r, const struct route6 *t)
{
    char text[1100], next[1024], letters[16], device[NETSTAT_NAME];
    size_t n = 0;
    format_addr(r, &t->to, text, sizeof text - 16);
    snprintf(text + strlen(text), 16, "/%u", t->length);
    format_addr(r, &t->gateway, next, sizeof next);
    for (size_t i = 0; i < sizeof flags6 / sizeof *flags6; i++)
        if (t->flags & flags6[i].bit)
            letters[n++] = flags6[i].letter;
    letters[n] = '\0';
    buf_printf(&r->out->buf, "%-30s %-26s %-4s %-3d %-3u %4u %s\n", text, next, letters,
               (int)t->metric, t->refs, t->used, netstat_name(device, t->device));
}

static int print_routes6(struct routes *r)
{
    _cleanup_buf_ struct buf text = BUF_INIT(FILE_MAX);
    _cleanup_vec_ struct vec routes = VEC_INIT(struct route6);
    struct route6 t;
    char *line;
    buf_printf(&r->out->buf, "Kernel IPv6 routing %s\n", r->cache ? "cache" : "table");
    buf_str(&r->out->buf,
            "Destination                    Next Hop                   Flag Met Ref  Use If\n");
    if (netstat_file("ipv6_route", &text) < 0)
        return EXIT_NO;
    for (char *at = text.data; at && netstat_line(&at, &line);)
        if (parse_route6(line, &t) && add_route6(r, &routes, &t) < 0)
            return EXIT_NO;
    names_wait(r);
    for (size_t i = 0; i < routes.len && out_flush_if_full(r->out) == 0; i++)
        print_route6(r, vec_at(&routes, i));
    return EXIT_YES;
}

static int print_table(struct routes *r, int (*print)(struct routes *r))
{
    if (names_open(r) < 0)
        return EXIT_NO;
    int status = print(r);
    names_close(r);
    return status;
}

static int print_family(struct routes *r, int (*print)(struct routes *r))
{
    r->cache = false;
    int status = r->o->fib || !r->o->cache ? print_table(r, print) : EXIT_YES;
    r->cache = true;
    return status == EXIT_YES && r->o->cache ? print_table(r, print) : status;
}

/* The families in the order in which they were named. */
int netstat_routes(const struct netstat_options *o, struct out *out)
{
    struct routes r = {.o = o, .out = out};
    char names[sizeof o->families], *rest = NULL;
    int status = EXIT_YES;
    snprintf(names, sizeof names, "%s", *o->families ? o->families : "inet");
    for (char *f = strtok_r(names, ",", &rest); f && !status; f = strtok_r(NULL, ",", &rest)) {
        if (strcmp(f, "inet") == 0) {
            status = print_family(&r, print_routes4);
        } else if (strcmp(f, "inet6") == 0) {
            status = print_family(&r, print_routes6);
        } else {
            status = netstat_refuse_routes(f, out);
        }
    }
    return status;
}

/* Groups */

struct group {
    const char *device, *users;
    struct net_addr group;
};

static int add_group(struct routes *r, struct vec *groups, const struct group *g)
{
    ask_name(r, &g->group);
    return vec_add(groups, g);
}

static void print_group(struct routes *r, const struct group *g)
{
    char address[1024], name[NETSTAT_NAME];
    format_addr(r, &g->group, address, sizeof address);
    buf_printf(&r->out->buf, "%-15s %-6s %s\n", netstat_name(name, g->device), g->users, address);
}

/* A line of a device: "1 lo : 1 V3"; a line of a group of it: "010000E0 1 0:00000000 0". */
static int read_groups4(struct routes *r, struct buf *text, struct vec *groups)
{
    char *line, *w[WORDS];
    const char *device = "";
    uint32_t group;
    int result = 0;
    if (netstat_file("igmp", text) < 0)
        return 0;
    for (char *at = text->data; at && result == 0 && netstat_line(&at, &line);) {
        bool of_group = *line == '\t';
        size_t n = netstat_words(line, w, WORDS);
        if (!of_group && n >= 2) {
            w[1][strcspn(w[1], ":")] = '\0';
            device = w[1];
        } else if (n >= 2 && read_hex(w[0], &group) && netstat_is_number(w[1])) {
            result = add_group(r, groups,
                               &(struct group){device, w[1], net_addr_from_bytes(AF_INET, &group)});
        }
    }
    return result;
}

/* "1 lo ff02…01 1 0000000C 0" */
static int read_groups6(struct routes *r, struct buf *text, struct vec *groups)
{
    char *line, *w[WORDS];
    uint8_t bytes[16];
    int result = 0;
    if (netstat_file("igmp6", text) < 0)
        return 0;
    for (char *at = text->data; at && result == 0 && netstat_line(&at, &line);)
        if (netstat_words(line, w, WORDS) >= 4 && read_hex_bytes(w[2], bytes, sizeof bytes) &&
            netstat_is_number(w[3]))
            result = add_group(r, groups,
                               &(struct group){w[1], w[3], net_addr_from_bytes(AF_INET6, bytes)});
    return result;
}

static int print_groups(struct routes *r)
{
    _cleanup_buf_ struct buf text4 = BUF_INIT(FILE_MAX), text6 = BUF_INIT(FILE_MAX);
    _cleanup_vec_ struct vec groups = VEC_INIT(struct group);
    bool four = r->o->inet || !r->o->inet6, six = r->o->inet6 || !r->o->inet;
    buf_str(&r->out->buf, "IPv6/IPv4 Group Memberships\n"
                          "Interface       RefCnt Group\n"
                          "--------------- ------ ---------------------\n");
    if ((four && read_groups4(r, &text4, &groups) < 0) ||
        (six && read_groups6(r, &text6, &groups) < 0))
        return EXIT_NO;
    names_wait(r);
    for (size_t i = 0; i < groups.len && out_flush_if_full(r->out) == 0; i++)
        print_group(r, vec_at(&groups, i));
    return EXIT_YES;
}

int netstat_groups(const struct netstat_options *o, struct out *out)
{
    return print_table(&(struct routes){.o = o, .out = out}, print_groups);
}
