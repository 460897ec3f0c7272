/* berth interfaces: the network interfaces of this host, their addresses, and how many sockets
 * listen and are connected at each. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"
#include "cmd/commands.h"
#include "cmd/iface_words.h"
#include "cmd/output.h"
#include "cmd/sockets.h"
#include "kernel/links.h"

struct interfaces_arguments {
    struct output_arguments output;
    struct sockets_arguments sockets;
    bool up;
    bool no_sockets;
};

static const struct command_option interfaces_options[] = {
    {.name = "up",
     .letter = 'u',
     .field = offsetof(struct interfaces_arguments, up),
     .help = "only those that are up"},
    {.name = "no-sockets",
     .field = offsetof(struct interfaces_arguments, no_sockets),
     .help = "don't count the sockets at each address"},
    SOCKETS_NETNS_OPTION(struct interfaces_arguments)
        SOCKETS_FACTS_OPTION(struct interfaces_arguments)
            OUTPUT_OPTIONS(struct interfaces_arguments){0},
};

/* What was read. */
struct scene {
    struct sockets sockets;
    struct vec live;         /* struct net_iface, of a running host */
    const struct vec *links; /* these, or those of a saved host */
    struct net_iface_uses uses;
    bool counted;
    struct iface_addr_row *addrs; /* of all interfaces, in their order */
};

static void scene_clear(struct scene *s)
{
    free(s->addrs);
    net_iface_uses_clear(&s->uses);
    links_free(&s->live);
    sockets_clear(&s->sockets);
}

static int count_socket(void *ctx, const struct socket_row *row)
{
    struct scene *s = ctx;
    if (!sockets_is_elsewhere(&s->sockets, row->socket))
        net_iface_uses_add(&s->uses, row->socket);
    return 0;
}

static int count_sockets(struct scene *s, struct err *e)
{
    s->sockets.query.states &= ~(1u << NET_TIME_WAIT);
    int r = sockets_read(&s->sockets, count_socket, s, e);
    s->counted = r == 0;
    return r;
}

static int read_links(void *ctx, struct err *e)
{
    struct scene *s = ctx;
    int r = links_read(&s->live, e);
    for (size_t i = 0; r == 0 && i < s->live.len; i++)
        links_read_speed(vec_at(&s->live, i));
    return r;
}

static int scene_read(struct scene *s, struct err *e)
{
    bool saved = s->sockets.arguments->facts;
    int r = saved ? 0 : sockets_visit(&s->sockets, read_links, s, e);
    if (r < 0)
        return r;
    s->links = saved ? &s->sockets.facts.interfaces : &s->live;
    r = net_iface_uses_init(&s->uses, s->links->items, (uint32_t)s->links->len);
    return r < 0 ? err_set(e, -r, "count the sockets at", "each address", NULL) : 0;
}

static int scene_rows(struct scene *s)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < s->links->len; i++)
        n += ((struct net_iface *)vec_at(s->links, i))->n_addrs;
    s->addrs = calloc(n + 1, sizeof *s->addrs);
    if (!s->addrs)
        return -ENOMEM;
    for (size_t i = 0; i < s->links->len; i++) {
        struct net_iface *link = vec_at(s->links, i);
        for (uint32_t k = 0; k < link->n_addrs; k++, at++)
            s->addrs[at] = (struct iface_addr_row){link, &link->addrs[k],
                                                   s->counted ? &s->uses.uses[at] : NULL};
    }
    return 0;
}

/* Which, and how */

static bool is_called(const struct net_iface *i, const char *word)
{
    return strcmp(i->name, word) == 0 || (i->altname[0] && strcmp(i->altname, word) == 0);
}

static bool is_asked_for(const struct net_iface *i, const struct command_words *words)
{
    for (int k = 0; k < words->n; k++)
        if (is_called(i, words->words[k]))
            return true;
    return words->n == 0;
}

/* Each name that no interface has is told. */
static int check_names(const struct scene *s, const struct command_words *words)
{
    int status = EXIT_YES;
    for (int k = 0; k < words->n; k++) {
        bool found = false;
        for (size_t i = 0; i < s->links->len; i++)
            found |= is_called(vec_at(s->links, i), words->words[k]);
        if (found)
            continue;
        struct err e;
        err_set(&e, ENODEV, "show the interface", words->words[k],
                "'berth interfaces -o name' lists them");
        err_print(&e, stderr);
        status = EXIT_NO;
    }
    return status;
}

static int write_rows(const struct scene *s, const struct interfaces_arguments *a,
                      const struct command_words *words, struct output *o, struct render *render)
{
    const struct iface_addr_row *addrs = s->addrs;
    int r = 0;
    bool first = true;
    for (size_t i = 0; r == 0 && i < s->links->len; i++) {
        const struct net_iface *link = vec_at(s->links, i);
        struct iface_row row = {link, s->links->items, (uint32_t)s->links->len, addrs};
        addrs += link->n_addrs;
        if (!is_asked_for(link, words) || (a->up && !(link->flags & IFF_UP)))
            continue;
        if (!render && !first)
            buf_char(&o->out.buf, '\n');
        first = false;
        if (render) {
            r = render_row(render, &row);
            continue;
        }
        size_t start = o->out.buf.len;
        iface_describe(&o->out.buf, &row, o->options.colour);
        output_wrap(o, start);
        r = out_flush_if_full(&o->out);
    }
    return r < 0 || !render ? r : render_end(render);
}

static int show(const struct scene *s, const struct interfaces_arguments *a,
                const struct command_words *words, struct output *o)
{
    size_t n_all, n = 0;
    const struct render_column *all = iface_columns(&n_all);
    const struct render_column *chosen[IFACE_COLUMNS];
    bool in_words = o->options.format == RENDER_TABLE && !a->output.columns;
    if (in_words)
        return write_rows(s, a, words, o, NULL);

    int status =
        output_choose(o, &command_interfaces, a->output.columns, all, n_all, "all", chosen, &n);
    if (status || n == 0)
        return status;
    _cleanup_render_ struct render *render = render_new(&o->options, chosen, n, &o->out);
    return render ? write_rows(s, a, words, o, render) : -ENOMEM;
}

static int fail(const struct err *e)
{
    err_print(e, stderr);
    return e->code == EPERM || e->code == EACCES ? EXIT_PERMISSION : EXIT_NO;
}

/* Without the counts there is still much to show. */
static int answer(struct scene *s, const struct interfaces_arguments *a,
                  const struct command_words *words, struct output *o)
{
    struct err e = {0};
    int status = sockets_init(&s->sockets, &command_interfaces, &a->sockets);
    if (status)
        return status;
    if (scene_read(s, &e) < 0)
        return fail(&e);
    if (!a->no_sockets && count_sockets(s, &e) < 0)
        status = fail(&e);
    if (scene_rows(s) < 0)
        return EXIT_NO;
    int named = check_names(s, words);
    int r = show(s, a, words, o);
    return r > 0 ? r : r < 0 || named ? EXIT_NO : status;
}

static int run(const void *arguments, const struct command_words *words)
{
    const struct interfaces_arguments *a = arguments;
    _cleanup_output_ struct output o;
    struct scene s = {.live = VEC_INIT(struct net_iface)};
    int status = output_open(&o, &command_interfaces, &a->output);
    if (status == 0)
        status = answer(&s, a, words, &o);
    scene_clear(&s);
    return output_close(&o, status);
}

/* For the shells' completion. */
static int values(const char *what, struct vec *ret)
{
    size_t n;
    const struct render_column *all = iface_columns(&n);
    return strcmp(what, "columns") == 0 ? output_column_values(all, n, ret) : -ENOENT;
}

const struct command command_interfaces = {
    .name = "interfaces",
    .group = "See",
    .summary = "show network interfaces, their addresses, and who uses each",
    .usage = "[NAME…]",
    .description =
        "Shows each network interface of this namespace, or those that are named: whether it is "
        "up, its hardware address and MTU, its addresses with their prefix, scope and lifetime, "
        "and what it has received and sent.\n\n"
        "Each address tells how many TCP and UDP sockets listen there, those on every interface "
        "among them, and how many are connected. On lo every address of 127.0.0.0/8 counts.",
    .options = interfaces_options,
    .arguments_size = sizeof(struct interfaces_arguments),
    .max_words = -1,
    .completes = "device",
    .values = values,
    .run = run,
};
