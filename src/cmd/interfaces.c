/* berth interfaces: the network interfaces of this host, their addresses, and how many sockets
 * listen and are connected at each. */
#include <errno.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "base/vec.h"
#include "cmd/commands.h"
#include "cmd/iface_columns.h"
#include "cmd/output.h"
#include "kernel/links.h"
#include "kernel/source.h"
#include "net/iface_text.h"

struct interfaces_arguments {
    struct output_arguments output;
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
    OUTPUT_OPTIONS(struct interfaces_arguments){0},
};

/* What was read. */
struct scene {
    struct vec links; /* struct net_iface */
    struct net_iface_uses uses;
    bool counted;
    struct iface_addr_row *addrs; /* of all interfaces, in their order */
};

static void scene_clear(struct scene *s)
{
    free(s->addrs);
    net_iface_uses_clear(&s->uses);
    links_free(&s->links);
}

static int count_socket(void *ctx, const struct net_socket *s)
{
    net_iface_uses_add(ctx, s);
    return 0;
}

static int count_sockets(struct scene *s, struct err *e)
{
    struct source_report report;
    const struct source_query query = {
        .kinds = NET_KINDS_DEFAULT,
        .states = NET_STATES_ALL & ~(1u << NET_TIME_WAIT),
        .families = 1u << AF_INET | 1u << AF_INET6,
        .netns_fd = -1,
    };
    source_report_init(&report);
    int r = source_read(&query, count_socket, &s->uses, &report, e);
    source_report_clear(&report);
    s->counted = r == 0;
    return r;
}

static int scene_read(struct scene *s, struct err *e)
{
    int r = links_read(&s->links, e);
    if (r < 0)
        return r;
    r = net_iface_uses_init(&s->uses, s->links.items, (uint32_t)s->links.len);
    return r < 0 ? err_set(e, -r, "count the sockets at", "each address", NULL) : 0;
}

static int scene_rows(struct scene *s)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < s->links.len; i++)
        n += ((struct net_iface *)vec_at(&s->links, i))->n_addrs;
    s->addrs = calloc(n + 1, sizeof *s->addrs);
    if (!s->addrs)
        return -ENOMEM;
    for (size_t i = 0; i < s->links.len; i++) {
        struct net_iface *link = vec_at(&s->links, i);
        links_read_speed(link);
        for (uint32_t k = 0; k < link->n_addrs; k++, at++)
            s->addrs[at] = (struct iface_addr_row){link, &link->addrs[k],
                                                   s->counted ? &s->uses.uses[at] : NULL};
    }
    return 0;
}

/* In words */

static void add_name(struct buf *out, const char *name)
{
    text_escape(out, name, strlen(name));
}

static void say_use(struct buf *out, const struct net_iface_use *use)
{
    buf_printf(out, "        %u listening here", use->listening + use->wildcard);
    if (use->wildcard)
        buf_printf(out, " (%u on every interface)", use->wildcard);
    buf_printf(out, ", %u connected\n", use->connected);
}

static void say_lifetime(struct buf *out, const struct net_iface_addr *a)
{
    if (a->valid_s != UINT32_MAX)
        buf_printf(out, ", valid for %us", a->valid_s);
    if (a->preferred_s != UINT32_MAX && a->preferred_s)
        buf_printf(out, ", preferred for %us", a->preferred_s);
}

static void say_address(struct buf *out, const struct iface_addr_row *row)
{
    const struct net_iface_addr *a = row->addr;
    buf_str(out, "    ");
    net_addr_format(out, &a->addr);
    if (a->peer.family) {
        buf_str(out, " to ");
        net_addr_format(out, &a->peer);
    }
    buf_printf(out, "/%u, ", a->prefix_len);
    net_iface_format_scope(out, a->scope);
    if (a->broadcast.family) {
        buf_str(out, ", broadcast ");
        net_addr_format(out, &a->broadcast);
    }
    size_t before = out->len;
    buf_str(out, ", ");
    net_iface_format_addr_flags(out, a);
    if (out->len == before + 2)
        out->len = before;
    say_lifetime(out, a);
    if (a->label[0] && strcmp(a->label, row->iface->name) != 0) {
        buf_str(out, ", label ");
        add_name(out, a->label);
    }
    buf_char(out, '\n');
    if (row->use)
        say_use(out, row->use);
}

static void say_head(struct buf *out, const struct iface_row *row)
{
    const struct net_iface *i = row->iface;
    add_name(out, i->name);
    buf_str(out, i->flags & IFF_UP ? ": up" : ": down");
    buf_str(out, ", ");
    net_iface_format_type(out, i->type);
    if (i->mac_len && !(i->flags & IFF_LOOPBACK)) {
        buf_char(out, ' ');
        net_iface_format_mac(out, i, i->mac);
    }
    buf_printf(out, ", mtu %u", i->mtu);
    if (i->speed_mbps)
        buf_printf(out, ", %u Mbit/s", i->speed_mbps);
    if (i->altname[0]) {
        buf_str(out, ", also called ");
        add_name(out, i->altname);
    }
    buf_char(out, '\n');
}

static void say_relations(struct buf *out, const struct iface_row *row)
{
    const struct net_iface *i = row->iface;
    const char *master = iface_name_of(row, i->master), *link = iface_name_of(row, i->link);
    if (i->kind[0]) {
        buf_str(out, ", ");
        add_name(out, i->kind);
    }
    if (i->master) {
        buf_str(out, ", part of ");
        add_name(out, master ? master : "an interface elsewhere");
    }
    if (i->link_netns >= 0)
        buf_printf(out, ", linked to device %u of namespace id %d", i->link, i->link_netns);
    else if (i->link && link) {
        buf_str(out, ", on ");
        add_name(out, link);
    }
}

static void say_details(struct buf *out, const struct iface_row *row)
{
    const struct net_iface *i = row->iface;
    buf_printf(out, "    index %u, state ", i->index);
    net_iface_format_operstate(out, i->operstate);
    buf_str(out, ", ");
    net_iface_format_flags(out, i->flags);
    say_relations(out, row);
    if (i->qdisc[0]) {
        buf_str(out, ", queue ");
        add_name(out, i->qdisc);
        buf_printf(out, " of %u", i->txqueuelen);
    }
    buf_char(out, '\n');
}

/* The usual counters always, the rare ones where they aren't 0. */
static void say_traffic(struct buf *out, const char *verb, const struct net_iface_counters *n,
                        const char *fifth, const char *sixth)
{
    buf_printf(out, "    %-8s ", verb);
    buf_u64(out, n->bytes);
    buf_str(out, " bytes, ");
    buf_u64(out, n->packets);
    buf_str(out, " packets, ");
    buf_u64(out, n->errors);
    buf_str(out, " errors, ");
    buf_u64(out, n->dropped);
    buf_str(out, " dropped");
    const struct {
        uint64_t value;
        const char *name;
    } rare[] = {
        {n->overrun, "overrun"}, {n->frame_or_carrier, fifth}, {n->multicast_or_collisions, sixth}};
    for (size_t k = 0; k < sizeof rare / sizeof *rare; k++)
        if (rare[k].value)
            buf_printf(out, ", %llu %s", (unsigned long long)rare[k].value, rare[k].name);
    buf_char(out, '\n');
}

static int say(struct output *o, const struct iface_row *row)
{
    struct buf *out = &o->out.buf;
    const struct net_iface *i = row->iface;
    say_head(out, row);
    for (uint32_t k = 0; k < i->n_addrs; k++)
        say_address(out, &row->addrs[k]);
    say_traffic(out, "received", &i->rx, "frame errors", "multicast");
    say_traffic(out, "sent", &i->tx, "carrier errors", "collisions");
    say_details(out, row);
    return out_flush_if_full(&o->out);
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
        for (size_t i = 0; i < s->links.len; i++)
            found |= is_called(vec_at(&s->links, i), words->words[k]);
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
    for (size_t i = 0; r == 0 && i < s->links.len; i++) {
        const struct net_iface *link = vec_at(&s->links, i);
        struct iface_row row = {link, s->links.items, (uint32_t)s->links.len, addrs};
        addrs += link->n_addrs;
        if (!is_asked_for(link, words) || (a->up && !(link->flags & IFF_UP)))
            continue;
        if (!render && !first)
            buf_char(&o->out.buf, '\n');
        first = false;
        r = render ? render_row(render, &row) : say(o, &row);
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
    int status = EXIT_YES;
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
    struct scene s = {0};
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
