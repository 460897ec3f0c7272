/* berth list's question: from options and words to what is read, which columns are shown, and in
 * which order. Nothing is read of the host here. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/suggest.h"
#include "cmd/commands.h"
#include "cmd/list.h"
#include "cmd/socket_names.h"
#include "render/group.h"

static const char table_columns[] = "proto,state,recv_q,send_q,local,peer,owner,reach";
/* On terminals two addresses, owner and reach would be cut to nothing that helps. */
enum { WIDE = 140, NARROW = 100 };
static const char wide_columns[] = "proto,state,recv_q,send_q,local,peer_or_reach,owner";
static const char narrow_columns[] = "proto,state,local,peer_or_reach,owner";
static const char data_columns[] = "proto,family,state,local,peer,recv_q,send_q,uid,inode,cookie,"
                                   "netns,device,scope_id,reach,reach_class,owners,detached";
static const char summary_columns[] = "proto,state";
static const char name_columns[] = ",local_name,peer_name,service";

/* The details that an option adds: a column of the table, and what a source must read. */
static const struct {
    const char *column;
    size_t flag;
    uint32_t detail;
} details[] = {
    {"far_owners", offsetof(struct list_arguments, ends), SOURCE_OWNERS},
    {"options", offsetof(struct list_arguments, options), SOURCE_OPTIONS},
    {"timers", offsetof(struct list_arguments, timers), SOURCE_TIMERS},
    {"memory", offsetof(struct list_arguments, memory), SOURCE_MEMORY},
    {"tcp_info", offsetof(struct list_arguments, info), SOURCE_TCP_INFO},
};

static bool detail_asked(const struct list_arguments *a, size_t i)
{
    bool flag = *(const bool *)((const char *)a + details[i].flag);
    return flag || (a->extended && i > 0);
}

static uint32_t columns_detail(const struct render_column *const *columns, size_t n)
{
    uint32_t detail = 0;
    for (size_t i = 0; i < n; i++)
        detail |= socket_column_detail(columns[i]);
    return detail;
}

static const char *usual_columns(const struct render_options *o)
{
    if (!o->terminal || o->width >= WIDE)
        return table_columns;
    return o->width < NARROW ? narrow_columns : wide_columns;
}

static void add_details(struct buf *ret, const struct list_arguments *a)
{
    for (size_t i = 0; i < sizeof details / sizeof *details; i++) {
        if (!detail_asked(a, i))
            continue;
        buf_char(ret, ',');
        buf_str(ret, details[i].column);
    }
}

/* The usual columns, with those that the detail options add. */
static void default_columns(struct buf *ret, const struct list *l)
{
    const struct list_arguments *a = l->arguments;
    const struct render_options *o = &l->output.options;
    const char *usual = usual_columns(o);
    buf_str(ret, a->summary ? summary_columns : o->format == RENDER_TABLE ? usual : data_columns);
    if (a->sockets.all_namespaces && !a->summary && l->output.options.format == RENDER_TABLE)
        buf_str(ret, ",netns_name");
    if (!a->summary)
        add_details(ret, a);
    if (a->names == NAMES_SHOWN && l->output.options.format != RENDER_TABLE && !a->summary)
        buf_str(ret, name_columns);
}

/* A column of names asks for them as --names does; "all" isn't meant to ask a name server. */
static void choose_names(struct list *l)
{
    const struct list_arguments *a = l->arguments;
    bool all = a->output.columns && strcmp(a->output.columns, "all") == 0;
    l->sockets.view.names = a->names == NAMES_SHOWN;
    l->looks_up = a->names == NAMES_SHOWN;
    for (size_t i = 0; i < l->shown.n && !all; i++)
        l->looks_up |= socket_column_is_name(l->shown.columns[i]);
}

/* The columns that -o names, with those that the detail options add; NULL where it isn't given. */
static const char *named_columns(const struct list *l, struct buf *space)
{
    const struct list_arguments *a = l->arguments;
    const char *named = a->group_by ? a->group_by : a->output.columns;
    if (!named || a->group_by || a->summary || strcmp(named, "help") == 0)
        return named;
    buf_str(space, named);
    add_details(space, a);
    return buf_cstr(space);
}

static int choose_columns(struct list *l)
{
    const struct list_arguments *a = l->arguments;
    _cleanup_buf_ struct buf defaults = BUF_INIT(4096), space = BUF_INIT(1 << 16);
    const char *list = named_columns(l, &space);
    size_t n_all;
    const struct render_column *all = socket_columns(&n_all);
    static_assert(LIST_COLUMNS_MAX > NET_FIELD_COUNT + 40, "room for every column");

    default_columns(&defaults, l);
    int status = output_choose(&l->output, &command_list, list, all, n_all, buf_cstr(&defaults),
                               l->shown.columns, &l->shown.n);
    if (status)
        return status;
    l->sockets.query.detail |= columns_detail(l->shown.columns, l->shown.n);
    choose_names(l);
    /* Data for programs has whole owners; a table shows their names. */
    if (l->output.options.format != RENDER_TABLE && l->sockets.query.detail & SOURCE_OWNERS &&
        !a->group_by && !a->summary)
        l->sockets.query.detail |= SOURCE_CMDLINE | SOURCE_PROCESS;
    return 0;
}

static int choose_sort(struct list *l)
{
    const char *bad = "";
    size_t bad_len = 0, n_all;
    const struct render_column *all = socket_columns(&n_all);
    const struct list_arguments *a = l->arguments;

    if (!a->sort)
        return 0;
    if (l->group)
        all = render_group_columns(l->group, &n_all);
    if (strcmp(a->sort, "help") == 0)
        return output_choose(&l->output, &command_list, "help", all, n_all, "", l->shown.columns,
                             &l->shown.n);
    int r = render_sort_parse(all, n_all, a->sort, l->sort, LIST_SORT_KEYS_MAX, &l->n_sort, &bad,
                              &bad_len);
    if (r == -E2BIG)
        return command_usage_error(&command_list, "cannot sort by '%.*s': too many columns",
                                   (int)bad_len, bad);
    if (r < 0)
        return output_unknown_column(&command_list,
                                     l->group ? "cannot sort: these groups have no column"
                                              : "cannot sort: there is no column",
                                     all, n_all, bad, bad_len);
    for (size_t i = 0; i < l->n_sort && !l->group; i++) {
        l->sockets.query.detail |= socket_column_detail(l->sort[i].column);
        l->by_name |= socket_column_is_name(l->sort[i].column);
    }
    l->looks_up |= l->by_name;
    return 0;
}

static int unknown_kind(const char *word, size_t n)
{
    _cleanup_vec_ struct vec names = VEC_INIT(const char *);
    struct suggest near = suggest_start(word, n);
    if (list_option_values("kinds", &names) == 0)
        for (size_t i = 0; i < names.len; i++)
            suggest_offer(&near, *(const char **)vec_at(&names, i));
    const char *best = suggest_best(&near);
    return command_usage_error(&command_list, "there is no kind '%.*s'; %s%s%s", (int)n, word,
                               best ? "did you mean " : "there are tcp, udp, unix, netlink …",
                               best ? best : "", best ? "?" : "");
}

static int parse_kinds(const char *list, struct source_query *q)
{
    char word[32];
    enum net_kind kind;
    uint32_t mask, kinds = 0;
    for (const char *at = list; at == list || *at;) {
        size_t n = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)n, at);
        if (n >= sizeof word || net_kinds_parse(word, &mask) < 0)
            return unknown_kind(at, n);
        kinds |= mask;
        if (net_kind_parse(word, &kind) == 0)
            q->named |= 1u << kind;
        at += n + (at[n] == ',');
    }
    q->kinds = kinds;
    return 0;
}

static int choose_kinds(struct list *l)
{
    const struct list_arguments *a = l->arguments;
    struct source_query *q = &l->sockets.query;
    int status = a->kinds ? parse_kinds(a->kinds, q) : 0;
    if (status)
        return status;
    if (a->all_kinds && !a->kinds)
        q->kinds = NET_KINDS_ALL;
    if (a->listeners) {
        l->sockets.listeners = true;
        q->states = 1u << NET_LISTEN | 1u << NET_CLOSE;
    }
    if (a->ipv4 != a->ipv6)
        q->families = a->ipv4 ? 1u << AF_INET : 1u << AF_INET6;
    return 0;
}

static int read_filter(const char *path, struct buf *ret)
{
    struct err e;
    bool input = strcmp(path, "-") == 0;
    int r = input ? fd_read_all(STDIN_FILENO, ret) : fd_read_file(AT_FDCWD, path, ret);
    if (r == 0)
        return 0;
    err_set(&e, -r, "read the filter from", input ? "standard input" : path, NULL);
    err_print(&e, stderr);
    return EXIT_NO;
}

/* The words joined by blanks, after the text of the filter's file; not in its last comment. */
static int filter_text(const struct list_arguments *a, const struct command_words *words,
                       struct buf *ret)
{
    int status = a->filter_file ? read_filter(a->filter_file, ret) : 0;
    if (status)
        return status;
    for (int i = 0; i < words->n; i++) {
        if (ret->len)
            buf_char(ret, i ? ' ' : '\n');
        buf_str(ret, words->words[i]);
    }
    return 0;
}

static int choose_filter(struct list *l, const struct command_words *words)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    const struct list_arguments *a = l->arguments;
    int status = filter_text(a, words, &text);
    if (status)
        return status;
    l->sockets.whole = a->ends;
    return text.len ? sockets_filter(&l->sockets, buf_cstr(&text), a->kinds || a->all_kinds) : 0;
}

static void *copy_row(const void *row)
{
    return socket_row_copy(row);
}

static void release_row(void *row)
{
    socket_row_free(row);
}

/* Groups have columns of their own: those that -o would have shown are summed. */
static int open_groups(struct list *l)
{
    const struct render_column *sums[LIST_COLUMNS_MAX];
    size_t n_sums = 0, n_all, n;
    const struct render_column *all = socket_columns(&n_all);

    if ((!l->arguments->group_by && !l->arguments->summary) || l->shown.n == 0)
        return 0; /* none wanted, or help */
    if (!l->arguments->summary) {
        int status = output_choose(&l->output, &command_list,
                                   l->arguments->output.columns ? l->arguments->output.columns
                                                                : "recv_q,send_q",
                                   all, n_all, "recv_q,send_q", sums, &n_sums);
        if (status)
            return status;
        if (n_sums == 0) { /* help */
            l->shown.n = 0;
            return 0;
        }
        l->sockets.query.detail |= columns_detail(sums, n_sums);
    }
    l->group = render_group_new(l->shown.columns, l->shown.n, sums, n_sums, copy_row, release_row);
    if (!l->group)
        return EXIT_NO;
    const struct render_column *own = render_group_columns(l->group, &n);
    for (size_t i = 0; i < n && i < LIST_COLUMNS_MAX; i++)
        l->shown.columns[i] = &own[i];
    l->shown.n = n;
    return 0;
}

int list_choose(struct list *l, const struct command_words *words)
{
    const struct list_arguments *a = l->arguments;
    int status = list_check(a);
    if (status)
        return status;
    status = output_open(&l->output, &command_list, &a->output);
    if (status)
        return status;
    status = sockets_init(&l->sockets, &command_list, &a->sockets);
    if (status)
        return status;
    status = choose_kinds(l);
    if (status)
        return status;
    status = choose_columns(l);
    if (status)
        return status;
    status = open_groups(l);
    if (status)
        return status;
    status = l->shown.n ? choose_sort(l) : 0;
    return status ? status : choose_filter(l, words);
}
