/* berth services: names of ports and ports of names, whether binding them needs privilege, and who
 * listens there now. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/parse.h"
#include "base/vec.h"
#include "cmd/commands.h"
#include "cmd/output.h"
#include "cmd/services_ask.h"
#include "cmd/services_columns.h"
#include "cmd/sockets.h"
#include "kernel/sysctl.h"

enum { FILTER_MAX = 1 << 12 };

struct services_arguments {
    struct output_arguments output;
    struct sockets_arguments sockets;
    bool tcp, udp;
    bool no_owners;
};

static const struct command_option services_options[] = {
    {.name = "tcp",
     .letter = 't',
     .field = offsetof(struct services_arguments, tcp),
     .help = "services of TCP"},
    {.name = "udp",
     .letter = 'u',
     .field = offsetof(struct services_arguments, udp),
     .help = "services of UDP"},
    {.name = "no-owners",
     .field = offsetof(struct services_arguments, no_owners),
     .help = "don't look who has the ports"},
    SOCKETS_NETNS_OPTION(struct services_arguments) SOCKETS_FACTS_OPTION(struct services_arguments)
        OUTPUT_OPTIONS(struct services_arguments){0},
};

struct scene {
    struct sockets sockets;
    struct vec asked;    /* struct services_asked */
    struct vec nameless; /* the same: single ports that the database doesn't have */
    struct vec services; /* struct service */
    struct vec rows;     /* struct services_row */
    struct vec holders;  /* struct services_holder, ordered by port and kind */
    bool looked;         /* holders were read */
    enum presence privilege;
    uint64_t unprivileged_start;
};

/* Which services */

static int kind_of(const char *protocol)
{
    return strcmp(protocol, "tcp") == 0 ? NET_TCP : strcmp(protocol, "udp") == 0 ? NET_UDP : -1;
}

static bool is_wanted(const struct services_arguments *a, const struct service *s)
{
    if (!a->tcp && !a->udp)
        return true;
    int kind = kind_of(s->protocol);
    return (a->tcp && kind == NET_TCP) || (a->udp && kind == NET_UDP);
}

static int add_row(struct scene *s, const struct service *service, uint16_t port,
                   const char *protocol)
{
    struct services_row row = {.service = service,
                               .port = port,
                               .protocol = protocol,
                               .privilege = s->privilege,
                               .privileged = port < s->unprivileged_start};
    return vec_add(&s->rows, &row);
}

static int compare_rows(const void *a, const void *b)
{
    const struct services_row *x = a, *y = b;
    if (x->port != y->port)
        return x->port < y->port ? -1 : 1;
    return x->service && y->service ? strcmp(x->service->protocol, y->service->protocol) : 0;
}

/* One port that has no name still is a row: it may have an owner. */
static int add_nameless(struct scene *s, const struct services_asked *a)
{
    bool row = a->number && a->first == a->last && (!a->protocol || kind_of(a->protocol) >= 0);
    services_tell_none(a);
    return row ? vec_add(&s->nameless, a) : 0;
}

static int look_up(struct scene *s, const struct services_asked *a)
{
    struct err e;
    int r = services_find(a, &s->services);
    if (r == -ENOENT)
        return add_nameless(s, a) < 0 ? -ENOMEM : r;
    if (r < 0) {
        err_set(&e, -r, "look up", a->word, NULL);
        err_print(&e, stderr);
    }
    return r;
}

/* Services first, since their places move while they are read; then the rows that point to
 * them, in the order of the words; one answer is put in order of ports. Returns an exit status. */
static int gather(struct scene *s, const struct services_arguments *a)
{
    int status = EXIT_YES, r = 0;
    if (s->asked.len == 0 && services_in_range(0, UINT16_MAX, NULL, &s->services) < 0)
        return EXIT_NO;
    for (size_t i = 0; i < s->asked.len; i++)
        if (look_up(s, vec_at(&s->asked, i)) < 0)
            status = EXIT_NO;
    for (size_t i = 0; r == 0 && i < s->services.len; i++) {
        const struct service *service = vec_at(&s->services, i);
        if (is_wanted(a, service))
            r = add_row(s, service, service->port, service->protocol);
    }
    for (size_t i = 0; r == 0 && i < s->nameless.len; i++) {
        const struct services_asked *asked = vec_at(&s->nameless, i);
        r = add_row(s, NULL, asked->first, asked->protocol);
    }
    if (s->asked.len < 2 && s->rows.len)
        qsort(s->rows.items, s->rows.len, s->rows.item_size, compare_rows);
    return r < 0 ? EXIT_NO : status;
}

/* Who has them */

static int compare_holders(const void *a, const void *b)
{
    const struct services_holder *x = a, *y = b;
    if (x->port != y->port)
        return x->port < y->port ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int take_socket(void *ctx, const struct socket_row *row)
{
    struct scene *scene = ctx;
    const struct net_socket *s = row->socket;
    if (!net_socket_is_listener(s) || !s->local_port || sockets_is_elsewhere(&scene->sockets, s))
        return 0;
    struct services_holder h = {.port = (uint16_t)s->local_port, .kind = s->kind};
    h.hidden = net_socket_forbids(s, NET_F_OWNERS);
    if (!s->n_owners)
        return vec_add(&scene->holders, &h);
    for (uint32_t i = 0; i < s->n_owners; i++) {
        h.pid = s->owners[i].pid;
        if (s->owners[i].process)
            memcpy(h.comm, s->owners[i].process->comm, sizeof h.comm - 1);
        int r = vec_add(&scene->holders, &h);
        if (r < 0)
            return r;
    }
    return 0;
}

/* One process may listen on several addresses: it is named once. */
static void merge_holders(struct vec *holders)
{
    size_t kept = 0;
    struct services_holder *all = holders->items;
    if (holders->len)
        qsort(all, holders->len, sizeof *all, compare_holders);
    for (size_t i = 0; i < holders->len; i++) {
        if (kept && compare_holders(&all[kept - 1], &all[i]) == 0)
            all[kept - 1].hidden |= all[i].hidden;
        else
            all[kept++] = all[i];
    }
    holders->len = kept;
}

static void give_holders(struct scene *s, struct services_row *row)
{
    const struct services_holder *all = s->holders.items;
    int kind = row->protocol ? kind_of(row->protocol) : -1;
    row->observable = s->looked && (!row->protocol || kind >= 0);
    if (!row->observable)
        return;
    for (size_t i = 0; i < s->holders.len; i++) {
        if (all[i].port != row->port || (row->protocol && all[i].kind != (enum net_kind)kind))
            continue;
        if (!row->n_holders)
            row->holders = &all[i];
        row->n_holders++;
    }
}

static bool is_range(const struct services_asked *a)
{
    return a->number && a->first != a->last;
}

static bool asks_for_range(const struct scene *s)
{
    for (size_t i = 0; i < s->asked.len; i++)
        if (is_range(vec_at(&s->asked, i)))
            return true;
    return false;
}

/* One port is a question that the kernel can narrow down to; many aren't, and get no filter. */
static void write_filter(struct buf *out, const struct scene *scene)
{
    const struct services_row *all = scene->rows.items;
    const struct vec *rows = &scene->rows;
    for (size_t i = 1; i < rows->len; i++)
        if (all[i].port != all[0].port)
            return;
    if (rows->len && !asks_for_range(scene))
        buf_printf(out, "sport = :%u", all[0].port);
}

/* Of a range that was asked for, ports without a name are told too, if they are taken. */
static const struct services_asked *find_range(const struct scene *s,
                                               const struct services_holder *h)
{
    for (size_t i = 0; i < s->asked.len; i++) {
        const struct services_asked *a = vec_at(&s->asked, i);
        if (is_range(a) && a->first <= h->port && h->port <= a->last &&
            (!a->protocol || kind_of(a->protocol) == (int)h->kind))
            return a;
    }
    return NULL;
}

/* Among the first n rows. */
static bool has_row(const struct scene *s, size_t n, uint16_t port)
{
    for (size_t i = 0; i < n; i++)
        if (((const struct services_row *)vec_at(&s->rows, i))->port == port)
            return true;
    return false;
}

/* Holders are in order of ports, so the rows that are added stay so too. */
static int add_unnamed(struct scene *s, const struct services_arguments *a)
{
    int r = 0;
    size_t named = s->rows.len;
    for (size_t i = 0; r == 0 && i < s->holders.len; i++) {
        const struct services_holder *h = vec_at(&s->holders, i);
        const struct services_asked *range = find_range(s, h);
        const struct services_row *last = s->rows.len ? vec_at(&s->rows, s->rows.len - 1) : NULL;
        bool wanted = (!a->tcp && !a->udp) || (a->tcp && h->kind == NET_TCP) ||
                      (a->udp && h->kind == NET_UDP);
        bool told = s->rows.len > named && last->port == h->port;
        if (range && wanted && !told && !has_row(s, named, h->port))
            r = add_row(s, NULL, h->port, range->protocol);
    }
    return r;
}

static int read_holders(struct scene *scene, const struct services_arguments *a, bool sorted)
{
    struct sockets *s = &scene->sockets;
    _cleanup_buf_ struct buf filter = BUF_INIT(FILTER_MAX);
    struct err e = {0};
    s->query.detail = SOURCE_OWNERS;
    s->query.states = 1u << NET_LISTEN | 1u << NET_CLOSE;
    write_filter(&filter, scene);
    int status = filter.len ? sockets_filter(s, buf_cstr(&filter), true) : 0;
    if (status)
        return status;
    if (sockets_read(s, take_socket, scene, &e) < 0) {
        err_print(&e, stderr);
        return EXIT_NO;
    }
    sockets_tell_notes(s);
    scene->looked = true;
    merge_holders(&scene->holders);
    if (add_unnamed(scene, a) < 0)
        return EXIT_NO;
    if (sorted && scene->rows.len)
        qsort(scene->rows.items, scene->rows.len, scene->rows.item_size, compare_rows);
    for (size_t i = 0; i < scene->rows.len; i++)
        give_holders(scene, vec_at(&scene->rows, i));
    return 0;
}

/* Showing */

struct shown {
    const struct render_column *columns[SERVICES_COLUMNS];
    size_t n;
};

static int choose(const struct services_arguments *a, struct output *o, struct shown *ret)
{
    const char *usual = a->no_owners ? "port,protocol,name,aliases,privileged"
                                     : "port,protocol,name,aliases,privileged,owners";
    bool table = o->options.format == RENDER_TABLE;
    return output_choose(o, &command_services, a->output.columns, services_columns,
                         SERVICES_COLUMNS, table ? usual : "all", ret->columns, &ret->n);
}

static int show(const struct scene *s, const struct shown *c, struct output *o)
{
    int r = 0;
    _cleanup_render_ struct render *render = render_new(&o->options, c->columns, c->n, &o->out);
    if (!render)
        return EXIT_NO;
    for (size_t i = 0; r == 0 && i < s->rows.len; i++)
        r = render_row(render, vec_at(&s->rows, i));
    render_end(render);
    return 0;
}

static void read_privilege(struct scene *s)
{
    _cleanup_buf_ struct buf start = BUF_INIT(SYSCTL_MAX);
    int r = sockets_sysctl(&s->sockets, "net.ipv4.ip_unprivileged_port_start", &start);
    if (r == 0)
        r = parse_u64(buf_cstr(&start), 0, UINT64_MAX, &s->unprivileged_start);
    s->privilege = r == 0 ? KNOWN : r == -EACCES ? FORBIDDEN : ABSENT;
}

static int ask(struct scene *s, const struct command_words *words)
{
    struct services_asked asked;
    int status = 0;
    for (int i = 0; status == 0 && i < words->n; i++) {
        status = services_ask(words->words[i], &asked);
        if (status == 0 && vec_add(&s->asked, &asked) < 0)
            status = EXIT_NO;
    }
    return status;
}

static int answer(struct scene *s, const struct services_arguments *a,
                  const struct command_words *words, struct output *o)
{
    struct shown c;
    int status = choose(a, o, &c);
    if (status || c.n == 0) /* -o help */
        return status;
    status = ask(s, words);
    if (status)
        return status;
    status = sockets_init(&s->sockets, &command_services, &a->sockets);
    if (status)
        return status;
    read_privilege(s);
    int found = gather(s, a);
    bool nothing = s->rows.len == 0 && !asks_for_range(s);
    status = a->no_owners || nothing ? 0 : read_holders(s, a, words->n < 2);
    int shown = show(s, &c, o);
    return shown ? shown : found ? found : status;
}

static int run(const void *arguments, const struct command_words *words)
{
    const struct services_arguments *a = arguments;
    _cleanup_output_ struct output o;
    struct scene s = {.services = VEC_INIT(struct service),
                      .rows = VEC_INIT(struct services_row),
                      .holders = VEC_INIT(struct services_holder),
                      .asked = VEC_INIT(struct services_asked),
                      .nameless = VEC_INIT(struct services_asked)};
    int status = output_open(&o, &command_services, &a->output);
    if (status == 0)
        status = answer(&s, a, words, &o);
    sockets_clear(&s.sockets);
    vec_free(&s.holders);
    vec_free(&s.asked);
    vec_free(&s.nameless);
    vec_free(&s.rows);
    services_free(&s.services);
    return output_close(&o, status);
}

/* For the shells' completion. */
static int values(const char *what, struct vec *ret)
{
    return strcmp(what, "columns") == 0
               ? output_column_values(services_columns, SERVICES_COLUMNS, ret)
               : -ENOENT;
}

const struct command command_services = {
    .name = "services",
    .group = "See",
    .summary = "show names of ports, and who has the ports",
    .usage = "[PORT|FIRST-LAST|NAME[/PROTOCOL]…]",
    .description =
        "Shows what the services database (services(5), or whatever else nsswitch.conf(5) names) "
        "knows of ports, of ranges, of names, or all of it: name, protocol and aliases; whether "
        "binding the port takes a privilege on this host; and which processes listen there now. In "
        "a range, ports without a name are shown too if somebody listens there.",
    .options = services_options,
    .arguments_size = sizeof(struct services_arguments),
    .max_words = -1,
    .completes = "service",
    .values = values,
    .run = run,
};
