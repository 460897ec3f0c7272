/* berth list: the sockets of this host, filtered, in the columns that were asked for.
 *
 * Rows go from the source through the filter straight to the renderer; they are kept only where
 * the question needs them all: --sort, --ends, --top of a sorted list, and names. Grouping keeps
 * the groups.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/time.h"
#include "cmd/commands.h"
#include "cmd/output.h"
#include "cmd/socket_names.h"
#include "cmd/sockets.h"
#include "kernel/gather.h"
#include "names/reverse.h"
#include "net/pairs.h"
#include "render/group.h"
#include "render/sort.h"
#include "store/facts_file.h"

enum { NUMBERS = 1, NAMES };

struct list_arguments {
    struct output_arguments output;
    struct sockets_arguments sockets;
    const char *kinds;
    bool all_kinds, listeners, ipv4, ipv6;
    int names; /* of -n and -r the last one counts */
    uint64_t names_timeout_ns;
    bool options, timers, memory, info, extended, ends;
    const char *filter_file;
    const char *sort, *group_by;
    bool summary;
    uint64_t top;
    const char *save;
};

static const struct list_arguments list_defaults = {.names_timeout_ns = 1000000000};

static const struct command_option list_options[] = {
    {.name = "kind",
     .letter = 'k',
     .type = OPTION_TEXT,
     .field = offsetof(struct list_arguments, kinds),
     .metavar = "KINDS",
     .completes = "kinds,",
     .group = "Which sockets",
     .help =
         "kinds to list instead of tcp and udp: names with commas; unix, inet and all are sets"},
    {.name = "all",
     .letter = 'a',
     .field = offsetof(struct list_arguments, all_kinds),
     .help = "every kind"},
    {.name = "listeners",
     .letter = 'l',
     .field = offsetof(struct list_arguments, listeners),
     .help = "only what can be connected to: LISTEN, and datagram sockets without a peer"},
    {.name = "ipv4",
     .letter = '4',
     .field = offsetof(struct list_arguments, ipv4),
     .help = "of the IP kinds only IPv4"},
    {.name = "ipv6",
     .letter = '6',
     .field = offsetof(struct list_arguments, ipv6),
     .help = "of the IP kinds only IPv6"},
    {.name = "filter-file",
     .letter = 'F',
     .type = OPTION_TEXT,
     .field = offsetof(struct list_arguments, filter_file),
     .metavar = "FILE",
     .completes = "file",
     .help = "read the filter from a file"},

    SOCKETS_OPTIONS(struct list_arguments){
        .name = "tcpdiag",
        .type = OPTION_TEXT,
        .field = offsetof(struct list_arguments, sockets.tcpdiag),
        .metavar = "FILE",
        .completes = "file",
        .help = "read a raw sock_diag dump, as ss reads $TCPDIAG_FILE"},

    {.name = "options",
     .letter = 'O',
     .field = offsetof(struct list_arguments, options),
     .group = "What to tell",
     .help = "each socket's options: reuseaddr, reuseport, v6only, keepalive …"},
    {.name = "timers",
     .letter = 't',
     .field = offsetof(struct list_arguments, timers),
     .help = "the timer that runs, and when it fires"},
    {.name = "memory",
     .letter = 'm',
     .field = offsetof(struct list_arguments, memory),
     .help = "buffers, memory in use, drops"},
    {.name = "info",
     .letter = 'i',
     .field = offsetof(struct list_arguments, info),
     .help = "what TCP knows: round trip times, windows, retransmissions, bytes, rates"},
    {.name = "extended",
     .letter = 'e',
     .field = offsetof(struct list_arguments, extended),
     .help = "all of these"},
    {.name = "ends",
     .letter = 'E',
     .field = offsetof(struct list_arguments, ends),
     .help = "who holds the other end, where it is on this host"},
    {.name = "names",
     .letter = 'r',
     .field = offsetof(struct list_arguments, names),
     .value = NAMES,
     .help = "hosts and services by name, where the names come in time"},
    {.name = "names-timeout",
     .type = OPTION_DURATION,
     .field = offsetof(struct list_arguments, names_timeout_ns),
     .metavar = "TIME",
     .help = "how long names are waited for in all (1s)"},
    {.name = "numeric",
     .letter = 'n',
     .field = offsetof(struct list_arguments, names),
     .value = NUMBERS,
     .help = "numbers, not names: the usual way, unless --names stands before it"},
    {.name = "sort",
     .letter = 's',
     .type = OPTION_TEXT,
     .field = offsetof(struct list_arguments, sort),
     .metavar = "LIST",
     .completes = "columns,",
     .help = "order by these columns; -NAME the other way round"},
    {.name = "group-by",
     .letter = 'g',
     .type = OPTION_TEXT,
     .field = offsetof(struct list_arguments, group_by),
     .metavar = "LIST",
     .completes = "columns,",
     .help = "count the sockets that agree in these columns, and sum their numbers"},
    {.name = "summary",
     .field = offsetof(struct list_arguments, summary),
     .help = "how many of each kind in each state"},
    {.name = "top",
     .type = OPTION_UINT,
     .field = offsetof(struct list_arguments, top),
     .metavar = "N",
     .min = 1,
     .max = UINT32_MAX,
     .help = "only the first N rows"},
    {.name = "save",
     .type = OPTION_TEXT,
     .field = offsetof(struct list_arguments, save),
     .metavar = "FILE",
     .completes = "file",
     .help = "write what is read of this host to FILE, for --facts"},

    OUTPUT_OPTIONS(struct list_arguments){0},
};

static const char table_columns[] = "proto,state,recv_q,send_q,local,peer,owner,reach";
/* On terminals of 80 columns two addresses leave no room for queues. */
static const char narrow_columns[] = "proto,state,local,peer,owner,reach";
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

enum { COLUMNS_MAX = 160, SORT_KEYS_MAX = 16, WIDE = 100 };

struct column_list {
    const struct render_column *columns[COLUMNS_MAX];
    size_t n;
};

/* One run of the command. */
struct list {
    const struct list_arguments *arguments;
    struct output output;
    struct sockets sockets;
    struct column_list shown;
    struct render_sort_key sort[SORT_KEYS_MAX];
    size_t n_sort;
    struct render_group *group;
    struct reverse *reverse; /* NULL: no names are looked up */
    bool by_name;            /* names decide the order */
    bool looks_up;
    struct render *render;
    struct vec kept; /* struct socket_row *, owned */
    uint64_t written;
};

static uint32_t columns_detail(const struct render_column *const *columns, size_t n)
{
    uint32_t detail = 0;
    for (size_t i = 0; i < n; i++)
        detail |= socket_column_detail(columns[i]);
    return detail;
}

/* The usual columns, with those that the detail options add. */
static void default_columns(struct buf *ret, const struct list *l)
{
    const struct list_arguments *a = l->arguments;
    const struct render_options *o = &l->output.options;
    const char *usual = o->terminal && o->width < WIDE ? narrow_columns : table_columns;
    buf_str(ret, a->summary ? summary_columns : o->format == RENDER_TABLE ? usual : data_columns);
    if (a->sockets.all_namespaces && !a->summary && l->output.options.format == RENDER_TABLE)
        buf_str(ret, ",netns_name");
    for (size_t i = 0; i < sizeof details / sizeof *details && !a->summary; i++) {
        if (!detail_asked(a, i))
            continue;
        buf_char(ret, ',');
        buf_str(ret, details[i].column);
    }
    if (a->names == NAMES && l->output.options.format != RENDER_TABLE && !a->summary)
        buf_str(ret, name_columns);
}

/* A column of names asks for them as --names does; "all" isn't meant to ask a name server. */
static void choose_names(struct list *l)
{
    const struct list_arguments *a = l->arguments;
    bool all = a->output.columns && strcmp(a->output.columns, "all") == 0;
    l->sockets.view.names = a->names == NAMES;
    l->looks_up = a->names == NAMES;
    for (size_t i = 0; i < l->shown.n && !all; i++)
        l->looks_up |= socket_column_is_name(l->shown.columns[i]);
}

static int choose_columns(struct list *l)
{
    const struct list_arguments *a = l->arguments;
    _cleanup_buf_ struct buf defaults = BUF_INIT(4096);
    const char *list = a->group_by ? a->group_by : a->output.columns;
    size_t n_all;
    const struct render_column *all = socket_columns(&n_all);
    static_assert(COLUMNS_MAX > NET_FIELD_COUNT + 40, "room for every column");

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
    int r =
        render_sort_parse(all, n_all, a->sort, l->sort, SORT_KEYS_MAX, &l->n_sort, &bad, &bad_len);
    if (r < 0)
        return command_usage_error(&command_list, "cannot sort by '%.*s': %s", (int)bad_len, bad,
                                   r == -E2BIG ? "too many columns" : "there is no such column");
    for (size_t i = 0; i < l->n_sort && !l->group; i++) {
        l->sockets.query.detail |= socket_column_detail(l->sort[i].column);
        l->by_name |= socket_column_is_name(l->sort[i].column);
    }
    l->looks_up |= l->by_name;
    return 0;
}

static int choose_kinds(struct list *l)
{
    const struct list_arguments *a = l->arguments;
    uint32_t *kinds = &l->sockets.query.kinds;

    if (a->all_kinds)
        *kinds = NET_KINDS_ALL;
    if (a->kinds) {
        char word[32];
        uint32_t mask;
        *kinds = 0;
        for (const char *at = a->kinds; *at;) {
            size_t n = strcspn(at, ",");
            snprintf(word, sizeof word, "%.*s", (int)n, at);
            if (n >= sizeof word || net_kinds_parse(word, &mask) < 0)
                return command_usage_error(&command_list, "there is no kind '%.*s'", (int)n, at);
            *kinds |= mask;
            at += n + (at[n] == ',');
        }
    }
    if (a->listeners) {
        l->sockets.listeners = true;
        l->sockets.query.states = 1u << NET_LISTEN | 1u << NET_CLOSE;
    }
    if (a->ipv4 != a->ipv6)
        l->sockets.query.families = a->ipv4 ? 1u << AF_INET : 1u << AF_INET6;
    return 0;
}

/* The words joined by blanks, after the text of the filter's file. */
static int filter_text(const struct list_arguments *a, const struct command_words *words,
                       struct buf *ret)
{
    if (a->filter_file) {
        int r = fd_read_file(AT_FDCWD, a->filter_file, ret);
        if (r < 0) {
            struct err e;
            err_set(&e, -r, "read the filter from", a->filter_file, NULL);
            err_print(&e, stderr);
            return EXIT_NO;
        }
    }
    for (int i = 0; i < words->n; i++) {
        if (ret->len)
            buf_char(ret, ' ');
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

/* Keeping rows */

static int keep(struct list *l, const struct socket_row *row)
{
    struct socket_row *copy = socket_row_copy(row);
    if (!copy || vec_add(&l->kept, &copy) < 0) {
        socket_row_free(copy);
        return -ENOMEM;
    }
    return 0;
}

static struct socket_row *kept_row(const struct list *l, size_t i)
{
    return *(struct socket_row **)vec_at(&l->kept, i);
}

static void *copy_row(const void *row)
{
    return socket_row_copy(row);
}

static void release_row(void *row)
{
    socket_row_free(row);
}

static bool keeps_rows(const struct list *l)
{
    return l->reverse || (!l->group && (l->n_sort || l->arguments->ends));
}

/* What becomes of each socket that matches: counted, kept, or written. */
enum { ENOUGH = 1 };

static int take_row(void *ctx, const struct socket_row *row)
{
    struct list *l = ctx;
    if (keeps_rows(l))
        return keep(l, row);
    if (l->group)
        return row->matches ? render_group_add(l->group, row) : 0;
    int r = render_row(l->render, row);
    return r < 0 ? r : l->arguments->top && ++l->written >= l->arguments->top ? ENOUGH : 0;
}

/* The other ends may be sockets that the filter leaves out: all were kept, now those go. */
static int match_ends(struct list *l)
{
    struct net_pairs pairs;
    int r = 0;
    net_pairs_init(&pairs);
    for (size_t i = 0; i < l->kept.len && r == 0; i++)
        r = net_pairs_add(&pairs, kept_row(l, i)->socket);
    for (size_t i = 0; i < l->kept.len && r == 0; i++) {
        struct socket_row *row = kept_row(l, i);
        row->far_end = net_pairs_far_end(&pairs, row->socket);
    }
    net_pairs_clear(&pairs);
    return r;
}

/* Writing what was kept */

/* The rows that are to be written: their order, and how many. */
static int choose_rows(const struct list *l, const void **rows, size_t *n)
{
    if (l->n_sort && render_sort(l->sort, l->n_sort, rows, *n) < 0)
        return -ENOMEM;
    if (l->arguments->top && *n > l->arguments->top)
        *n = l->arguments->top;
    return 0;
}

static int write_rows(struct list *l, const void **rows, size_t n)
{
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = render_row(l->render, rows[i]);
    return r;
}

/* Names of these rows, and no later than the user said. Only now, with all sockets read, so that
 * those through which the C library asks are not among them. */
static int look_up(struct list *l, const void **rows, size_t n)
{
    static const uint64_t endless = UINT64_MAX / 4;
    uint64_t timeout = l->arguments->names_timeout_ns;
    int r = 0;
    if (!l->reverse)
        return 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = socket_names_ask(l->reverse, ((const struct socket_row *)rows[i])->socket);
    reverse_wait(l->reverse, time_monotonic_ns() + (timeout < endless ? timeout : endless));
    return r;
}

/* Only what is shown is looked up, unless the names decide what that is. */
static int write_chosen(struct list *l, const void **rows, size_t n)
{
    int r = l->by_name ? look_up(l, rows, n) : 0;
    if (r == 0)
        r = choose_rows(l, rows, &n);
    if (r == 0 && !l->by_name)
        r = look_up(l, rows, n);
    return r < 0 ? r : write_rows(l, rows, n);
}

static int group_rows(struct list *l, const void **rows, size_t n)
{
    int r = look_up(l, rows, n);
    for (size_t i = 0; i < n && r == 0; i++)
        r = render_group_add(l->group, rows[i]);
    return r;
}

static int write_kept(struct list *l)
{
    if (l->arguments->ends && match_ends(l) < 0)
        return -ENOMEM;
    const void **rows = reallocarray(NULL, l->kept.len + 1, sizeof *rows);
    if (!rows)
        return -ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < l->kept.len; i++) {
        const struct socket_row *row = kept_row(l, i);
        if (row->matches)
            rows[n++] = row;
    }
    int r = l->group ? group_rows(l, rows, n) : write_chosen(l, rows, n);
    free(rows);
    return r;
}

static int write_groups(struct list *l)
{
    const void **rows;
    size_t n;
    int r = render_group_rows(l->group, &rows, &n);
    if (r < 0)
        return r;
    r = choose_rows(l, rows, &n);
    if (r == 0)
        r = write_rows(l, rows, n);
    free(rows);
    return r;
}

/* Groups have columns of their own: those that -o would have shown are summed. */
static int open_groups(struct list *l)
{
    const struct render_column *sums[COLUMNS_MAX];
    size_t n_sums = 0, n_all, n;
    const struct render_column *all = socket_columns(&n_all);

    if (!l->arguments->group_by && !l->arguments->summary)
        return 0;
    if (!l->arguments->summary) {
        int status = output_choose(&l->output, &command_list,
                                   l->arguments->output.columns ? l->arguments->output.columns
                                                                : "recv_q,send_q",
                                   all, n_all, "recv_q,send_q", sums, &n_sums);
        if (status)
            return status;
        l->sockets.query.detail |= columns_detail(sums, n_sums);
    }
    l->group = render_group_new(l->shown.columns, l->shown.n, sums, n_sums, copy_row, release_row);
    if (!l->group)
        return EXIT_NO;
    const struct render_column *own = render_group_columns(l->group, &n);
    for (size_t i = 0; i < n && i < COLUMNS_MAX; i++)
        l->shown.columns[i] = &own[i];
    l->shown.n = n;
    return 0;
}

static int save(struct list *l, struct err *e)
{
    struct facts f;
    facts_init(&f);
    struct source_query whole = l->sockets.query;
    whole.detail = ~0u;
    int r = gather_facts(&whole, &f, &l->sockets.report, e);
    if (r == 0)
        r = facts_save(l->arguments->save, &f, e);
    facts_clear(&f);
    return r;
}

static int run_query(struct list *l, struct err *e)
{
    l->render = render_new(&l->output.options, l->shown.columns, l->shown.n, &l->output.out);
    if (!l->render)
        return err_set(e, ENOMEM, "list", "sockets", NULL);
    int r = l->looks_up ? reverse_new(NULL, &l->reverse) : 0;
    if (r < 0)
        return err_set(e, -r, "look up", "names", NULL);
    l->sockets.view.reverse = l->reverse;
    r = sockets_read(&l->sockets, take_row, l, e);
    if (r >= 0 && keeps_rows(l))
        r = write_kept(l);
    if (r >= 0 && l->group)
        r = write_groups(l);
    int ended = render_end(l->render);
    return r < 0 ? r : ended;
}

static int prepare(struct list *l, const struct command_words *words)
{
    const struct list_arguments *a = l->arguments;
    int status = output_open(&l->output, &command_list, &a->output);
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
    status = choose_sort(l);
    return status ? status : choose_filter(l, words);
}

static int list(struct list *l, const struct command_words *words)
{
    struct err e = {0};
    int status = prepare(l, words);
    if (status)
        return status;
    if (l->shown.n == 0) /* -o help */
        return output_close(&l->output, EXIT_YES);
    int r = l->arguments->save ? save(l, &e) : run_query(l, &e);
    if (r < 0 && e.code) {
        err_print(&e, stderr);
        status = e.code == EPERM || e.code == EACCES ? EXIT_PERMISSION : EXIT_NO;
    } else if (r == -ENOMEM) {
        err_set(&e, ENOMEM, "list", "sockets", NULL);
        err_print(&e, stderr);
        status = EXIT_NO;
    }
    status = output_close(&l->output, status);
    sockets_tell_notes(&l->sockets);
    return status;
}

static int run(const void *arguments, const struct command_words *words)
{
    struct list l = {.arguments = arguments, .kept = VEC_INIT(struct socket_row *)};
    int status = list(&l, words);
    render_free(l.render);
    render_group_free(l.group);
    for (size_t i = 0; i < l.kept.len; i++)
        socket_row_free(kept_row(&l, i));
    vec_free(&l.kept);
    reverse_free(l.reverse);
    sockets_clear(&l.sockets);
    output_clear(&l.output);
    return status;
}

static int kind_values(struct vec *ret)
{
    static const char *const sets[] = {"unix", "inet", "all"};
    for (int i = 0; i < NET_KINDS; i++) {
        const char *name = net_kind_name((enum net_kind)i);
        if (vec_add(ret, &name) < 0)
            return -ENOMEM;
    }
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (vec_add(ret, &sets[i]) < 0)
            return -ENOMEM;
    return 0;
}

static int values(const char *what, struct vec *ret)
{
    size_t n;
    const struct render_column *all = socket_columns(&n);
    if (strcmp(what, "columns") == 0)
        return output_column_values(all, n, ret);
    return strcmp(what, "kinds") == 0 ? kind_values(ret) : -ENOENT;
}

const struct command command_list = {
    .name = "list",
    .summary = "list sockets, their owners and who can reach them",
    .usage = "[FILTER…]",
    .description =
        "Lists the sockets of this network namespace: without a filter every TCP and UDP socket "
        "in every state, listeners first, with the processes that hold each, and for each "
        "listener who can connect to it. FILTER is an expression as ss(8) knows them, and more: "
        "see berth-filter(7).",
    .options = list_options,
    .arguments_size = sizeof(struct list_arguments),
    .defaults = &list_defaults,
    .max_words = -1,
    .values = values,
    .run = run,
};
