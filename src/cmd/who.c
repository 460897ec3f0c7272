/* berth who: the processes that have a port, an address or a name, a paragraph each; and where
 * nobody listens, what has the port all the same. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/holding.h"
#include "cmd/output.h"
#include "kernel/forwards.h"

struct who_arguments {
    struct output_arguments output;
    struct sockets_arguments sockets;
};

static const struct command_option who_options[] = {
    SOCKETS_OPTIONS(struct who_arguments) OUTPUT_OPTIONS(struct who_arguments){0},
};

/* A holder as a row, for programs. */

struct who_row {
    const struct net_holder *holder;
    struct vec sockets; /* struct socket_row */
};

static const struct net_process *process_of(const void *row)
{
    return ((const struct who_row *)row)->holder->process;
}

static void get_pid(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct net_holder *h = ((const struct who_row *)row)->holder;
    ret->presence = h->pid ? KNOWN : h->hidden ? FORBIDDEN : ABSENT;
    ret->uint = (uint64_t)h->pid;
}

static const size_t text_offsets[] = {
    offsetof(struct net_process, user), offsetof(struct net_process, cmdline),
    offsetof(struct net_process, exe),  offsetof(struct net_process, cwd),
    offsetof(struct net_process, unit), offsetof(struct net_process, container),
};

static void get_text(const struct render_column *c, const void *row, struct cell *ret)
{
    const char *text;
    const struct net_process *p = process_of(row);
    if (!p)
        return;
    memcpy(&text, (const char *)p + text_offsets[c->id], sizeof text);
    cell_set_text(ret, text);
}

static void get_comm(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct net_process *p = process_of(row);
    if (p)
        cell_set_text(ret, p->comm);
}

static void get_start(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct net_process *p = process_of(row);
    if (!p || !(p->known >> NET_P_START & 1))
        return;
    ret->presence = KNOWN;
    ret->uint = p->start_ns;
}

static void get_count(const struct render_column *c, const void *row, struct cell *ret)
{
    ret->presence = KNOWN;
    ret->uint = ((const struct who_row *)row)->holder->counts[c->id];
}

#define COUNT_COLUMN(name, which)                                                       \
    {                                                                                   \
        .key = name, .kind = CELL_UINT, .id = which, .get = get_count, .additive = true \
    }
static const struct render_column who_columns[] = {
    {.key = "pid", .kind = CELL_UINT, .get = get_pid},
    {.key = "comm", .kind = CELL_TEXT, .get = get_comm},
    {.key = "user", .kind = CELL_TEXT, .id = 0, .get = get_text},
    {.key = "cmdline", .kind = CELL_TEXT, .id = 1, .get = get_text},
    {.key = "exe", .kind = CELL_TEXT, .id = 2, .get = get_text},
    {.key = "cwd", .kind = CELL_TEXT, .id = 3, .get = get_text},
    {.key = "unit", .kind = CELL_TEXT, .id = 4, .get = get_text},
    {.key = "container", .kind = CELL_TEXT, .id = 5, .get = get_text},
    {.key = "start_ns", .kind = CELL_UINT, .get = get_start},
    COUNT_COLUMN("listens", NET_HOLD_LISTENS),
    COUNT_COLUMN("serves", NET_HOLD_SERVES),
    COUNT_COLUMN("connected", NET_HOLD_CONNECTED),
    COUNT_COLUMN("bound", NET_HOLD_BOUND),
    COUNT_COLUMN("remains", NET_HOLD_REMAINS),
};
enum { WHO_COLUMNS = sizeof who_columns / sizeof *who_columns };

/* The sockets of a holder, with these of list's columns. */
static const char *const socket_keys[] = {"proto",  "state",    "local", "peer",
                                          "recv_q", "send_q",   "reach", "inode",
                                          "netns",  "detached", "timer", "timer_ms"};
enum { SOCKET_KEYS = sizeof socket_keys / sizeof *socket_keys };

static void get_sockets(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct vec *sockets = &((const struct who_row *)row)->sockets;
    ret->presence = KNOWN;
    ret->list.items = sockets->items;
    ret->list.n = sockets->len;
    ret->list.stride = sockets->item_size;
}

static void text_sockets(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    buf_u64(out, ((const struct who_row *)row)->sockets.len);
}

static int fill_row(struct who_row *row, const struct net_holder *h, struct socket_view *view)
{
    *row = (struct who_row){.holder = h, .sockets = VEC_INIT(struct socket_row)};
    for (size_t i = 0; i < h->sockets.len; i++) {
        const struct net_held *held = vec_at(&h->sockets, i);
        struct socket_row s = {.socket = held->socket, .view = view, .matches = true};
        if (vec_add(&row->sockets, &s) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int write_rows(struct holding *h, struct output *o,
                      const struct render_column *const *columns, size_t n)
{
    _cleanup_render_ struct render *render = render_new(&o->options, columns, n, &o->out);
    if (!render)
        return EXIT_NO;
    for (size_t i = 0; i < h->holders.all.len; i++) {
        struct who_row row;
        int r = fill_row(&row, vec_at(&h->holders.all, i), &h->sockets.view);
        if (r == 0)
            r = render_row(render, &row);
        vec_free(&row.sockets);
        if (r < 0)
            return EXIT_NO;
    }
    render_end(render);
    return h->holders.all.len ? EXIT_YES : EXIT_NO;
}

static int show_rows(struct holding *h, struct output *o, const char *chosen)
{
    struct render_column all[WHO_COLUMNS + 1], of_sockets[SOCKET_KEYS];
    const struct render_column *shown[WHO_COLUMNS + 1];
    size_t n_list, n_shown;
    const struct render_column *list = socket_columns(&n_list);

    for (size_t i = 0; i < SOCKET_KEYS; i++)
        of_sockets[i] = *render_find(list, n_list, socket_keys[i], strlen(socket_keys[i]));
    memcpy(all, who_columns, sizeof who_columns);
    all[WHO_COLUMNS] = (struct render_column){.key = "sockets",
                                              .kind = CELL_LIST,
                                              .get = get_sockets,
                                              .text = text_sockets,
                                              .columns = of_sockets,
                                              .n_columns = SOCKET_KEYS};
    int status =
        output_choose(o, &command_who, chosen, all, WHO_COLUMNS + 1, "all", shown, &n_shown);
    return status || n_shown == 0 ? status : write_rows(h, o, shown, n_shown);
}

/* In words */

static bool somebody_listens(const struct net_holders *holders)
{
    for (size_t i = 0; i < holders->all.len; i++)
        if (((const struct net_holder *)vec_at(&holders->all, i))->counts[NET_HOLD_LISTENS])
            return true;
    return false;
}

static void show_words(struct holding *h, struct output *o, const char *target)
{
    struct buf *out = &o->out.buf;
    if (!somebody_listens(&h->holders)) {
        buf_str(out, "nobody listens at ");
        text_escape(out, target, strlen(target));
        buf_str(out, ", but it is taken:\n\n");
    }
    for (size_t i = 0; i < h->holders.all.len; i++) {
        if (i)
            buf_char(out, '\n');
        holder_describe(out, &h->text, vec_at(&h->holders.all, i));
    }
}

/* Nothing here: the same question in every namespace that may be entered. */
static bool look_elsewhere(const struct who_arguments *a, const char *filter, const char *target,
                           struct output *o)
{
    struct holding h;
    struct sockets_arguments everywhere = a->sockets;
    struct buf *out = &o->out.buf;

    everywhere.all_namespaces = true;
    int status = holding_read(&h, &command_who, &everywhere, filter);
    if (status == 0 && h.holders.all.len) {
        buf_str(out, "nobody in this network namespace has ");
        text_escape(out, target, strlen(target));
        buf_str(out, ", but in another:\n\n");
        for (size_t i = 0; i < h.holders.all.len; i++)
            holder_describe(out, &h.text, vec_at(&h.holders.all, i));
    }
    bool found = h.holders.all.len > 0;
    holding_clear(&h);
    return found;
}

static bool takes(const struct kernel_forward *f, const struct port_target *t)
{
    bool protocol = !t->protocol[0] || !f->protocol[0] || strcmp(t->protocol, f->protocol) == 0;
    return protocol && f->first <= t->last && t->first <= f->last;
}

/* Nobody need listen where the firewall hands connections on, as for a container's port. */
static bool look_at_forwards(const char *target, struct output *o)
{
    _cleanup_vec_ struct vec rules = VEC_INIT(struct kernel_forward);
    struct port_target port;
    bool found = false;
    if (!holding_target_port(target, &port) || forwards_read(&rules) < 0)
        return false;
    for (size_t i = 0; i < rules.len; i++) {
        const struct kernel_forward *f = vec_at(&rules, i);
        if (!takes(f, &port))
            continue;
        struct buf *out = &o->out.buf;
        buf_str(out, "a forwarding rule may take it, to ");
        text_escape(out, f->target, strlen(f->target));
        buf_str(out, ":\n  ");
        text_escape(out, f->rule, strlen(f->rule));
        buf_char(out, '\n');
        found = true;
    }
    return found;
}

static int tell_nobody(const struct who_arguments *a, const char *filter, const char *target,
                       struct output *o)
{
    bool here = !a->sockets.facts && !a->sockets.netns && !a->sockets.all_namespaces;
    bool elsewhere = here && look_elsewhere(a, filter, target, o);
    bool forwarded = here && look_at_forwards(target, o);
    if (!elsewhere && !forwarded)
        err_tell("nobody has '%s'", target);
    return EXIT_NO;
}

static int answer(const struct who_arguments *a, const struct command_words *words,
                  struct output *o, struct holding *h)
{
    _cleanup_buf_ struct buf filter = BUF_INIT(1 << 16);
    const char *target = words->words[0];
    holding_target(&filter, words);
    int status = holding_read(h, &command_who, &a->sockets, buf_cstr(&filter));
    if (status)
        return status;
    if (o->options.format != RENDER_TABLE || a->output.columns)
        return show_rows(h, o, a->output.columns);
    if (h->holders.all.len == 0)
        return tell_nobody(a, buf_cstr(&filter), target, o);
    show_words(h, o, target);
    return EXIT_YES;
}

static int run(const void *arguments, const struct command_words *words)
{
    const struct who_arguments *a = arguments;
    _cleanup_output_ struct output o;
    struct holding h = {0};
    int status = output_open(&o, &command_who, &a->output);
    if (status == 0)
        status = answer(a, words, &o, &h);
    status = output_close(&o, status);
    sockets_tell_notes(&h.sockets);
    holding_clear(&h);
    return status;
}

static int values(const char *what, struct vec *ret)
{
    return strcmp(what, "columns") == 0 ? output_column_values(who_columns, WHO_COLUMNS, ret)
                                        : -ENOENT;
}

const struct command command_who = {
    .name = "who",
    .summary = "say who has a port, an address or a name",
    .usage = "TARGET…",
    .description =
        "TARGET is a port (4444, udp:53, 443/tcp), an address (127.0.0.1, [::1]:80), a process "
        "(nginx, pid:812) or any filter of berth-filter(7). Each holder gets a paragraph: what it "
        "is, since when it runs, where it listens, who can reach that, how many are connected. A "
        "port that is taken though nobody listens is explained: by an outgoing connection, a "
        "socket that is only bound, or what remains of a closed connection.",
    .options = who_options,
    .arguments_size = sizeof(struct who_arguments),
    .min_words = 1,
    .max_words = -1,
    .values = values,
    .run = run,
};
