/* berth list: the sockets of this host, filtered, in the columns that were asked for.
 *
 * Rows go from the source through the filter straight to the renderer; they are kept only where
 * the question needs them all: --sort, --ends, --top of a sorted list, and names. Grouping keeps
 * the groups.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "cmd/commands.h"
#include "cmd/list.h"
#include "cmd/socket_names.h"
#include "kernel/gather.h"
#include "names/reverse.h"
#include "net/pairs.h"
#include "render/group.h"
#include "store/facts_file.h"

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
    l->written++;
    return r < 0 ? r : l->arguments->top && l->written >= l->arguments->top ? ENOUGH : 0;
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
    int r = 0;
    if (!l->reverse)
        return 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = socket_names_ask(l->reverse, ((const struct socket_row *)rows[i])->socket);
    socket_names_wait(l->reverse, l->arguments->names_timeout_ns);
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
    if (r < 0 && !l->written) {
        buf_clear(&l->output.out.buf); /* not even a heading: nothing was found out */
        return r;
    }
    int ended = render_end(l->render);
    return r < 0 ? r : ended;
}

static int list(struct list *l, const struct command_words *words)
{
    struct err e = {0};
    int status = list_choose(l, words);
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

const struct command command_list = {
    .name = "list",
    .group = "See",
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
    .values = list_option_values,
    .run = run,
};
