/* berth who: the processes that have a port, an address or a name, a paragraph each; and where
 * nobody listens, what has the port all the same. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/handed_on.h"
#include "cmd/holding.h"
#include "cmd/output.h"
#include "cmd/socket_names.h"
#include "cmd/who_columns.h"

struct who_arguments {
    struct output_arguments output;
    struct sockets_arguments sockets;
    int names;
    uint64_t names_timeout_ns;
};

static const struct who_arguments who_defaults = {.names_timeout_ns = NAMES_TIMEOUT_NS};

static const struct command_option who_options[] = {
    NAMES_OPTIONS(struct who_arguments) SOCKETS_OPTIONS(struct who_arguments)
        OUTPUT_OPTIONS(struct who_arguments){0},
};

/* One run of the command. */
struct asking {
    const struct who_arguments *arguments;
    struct output output;
    const struct render_column *shown[WHO_COLUMNS];
    size_t n_shown;        /* columns of rows; 0: words */
    struct render *render; /* of the rows, from the first answer on */
    bool told;             /* words of a target before this one */
    bool failed;           /* nothing could be found out */
};

static int find(struct asking *w, const struct sockets_arguments *where,
                const struct holding_target *target, struct holding *h)
{
    const struct who_arguments *a = w->arguments;
    int status = holding_read(h, &command_who, where, target);
    holder_text_fit(&h->text, &w->output.options);
    if (status == 0 && a->names == NAMES_SHOWN)
        status = holding_look_up(h, a->names_timeout_ns);
    return status;
}

/* As rows */

static int fill_row(struct who_row *row, const struct predict_holder *h, struct socket_view *view)
{
    *row = (struct who_row){.holder = h, .sockets = VEC_INIT(struct socket_row)};
    for (size_t i = 0; i < h->sockets.len; i++) {
        const struct predict_held *held = vec_at(&h->sockets, i);
        struct socket_row s = {.socket = held->socket, .view = view, .matches = true};
        if (vec_add(&row->sockets, &s) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int write_rows(struct asking *w, struct holding *h)
{
    if (!w->render)
        w->render = render_new(&w->output.options, w->shown, w->n_shown, &w->output.out);
    if (!w->render)
        return EXIT_NO;
    for (size_t i = 0; i < h->holders.all.len; i++) {
        struct who_row row;
        int r = fill_row(&row, vec_at(&h->holders.all, i), &h->sockets.view);
        if (r == 0)
            r = render_row(w->render, &row);
        vec_free(&row.sockets);
        if (r < 0)
            return EXIT_NO;
    }
    return h->holders.all.len ? EXIT_YES : holding_nobody_status(h);
}

/* In words */

static bool somebody_listens(const struct predict_holders *holders)
{
    for (size_t i = 0; i < holders->all.len; i++)
        if (((const struct predict_holder *)vec_at(&holders->all, i))->counts[PREDICT_HOLD_LISTENS])
            return true;
    return false;
}

static void show_words(struct asking *w, const struct holding *h,
                       const struct holding_target *target)
{
    struct buf *out = &w->output.out.buf;
    bool place = holding_target_is_port(target) || target->meaning == HOLDING_ADDRESS;
    if (place && !somebody_listens(&h->holders)) {
        buf_str(out, "nobody listens at ");
        text_escape(out, target->text, strlen(target->text));
        buf_str(out, ", but it is taken:\n\n");
    }
    holding_describe(out, h);
}

/* Nothing here: the same question in every namespace that may be entered. */
static bool look_elsewhere(struct asking *w, const struct holding_target *target)
{
    struct holding h;
    struct sockets_arguments everywhere = w->arguments->sockets;
    struct buf *out = &w->output.out.buf;

    everywhere.all_namespaces = true;
    int status = find(w, &everywhere, target, &h);
    if (status == 0 && h.holders.all.len) {
        bool process = target->meaning == HOLDING_PROCESS;
        buf_str(out, process ? "" : "nobody in this network namespace has ");
        text_escape(out, target->text, strlen(target->text));
        buf_str(out, process ? " has no sockets in this network namespace, but in another:\n\n"
                             : ", but in another:\n\n");
        holding_describe(out, &h);
    }
    bool found = h.holders.all.len > 0;
    holding_clear(&h);
    return found;
}

/* Behind a blank line where there are words. */
static bool look_at_rules(struct asking *w, const struct holding_target *target, bool after_words)
{
    struct buf *out = &w->output.out.buf;
    if (after_words)
        buf_char(out, '\n');
    bool found = handed_on_describe(out, &w->output.options, target, "nobody listens at ");
    if (!found)
        out->len -= after_words;
    return found;
}

static int tell_nobody(struct asking *w, const struct holding *h,
                       const struct holding_target *target)
{
    static const char not_all[] = " that may be seen (other network namespaces and the firewall's "
                                  "rules are for root to see)";
    const struct sockets_arguments *a = &w->arguments->sockets;
    bool here = !a->facts && !a->netns && !a->all_namespaces;
    bool elsewhere = here && look_elsewhere(w, target);
    bool forwarded = here && look_at_rules(w, target, elsewhere);
    if (elsewhere || forwarded)
        return holding_nobody_status(h);
    return holding_tell_nobody(h, target, here && geteuid() != 0 ? not_all : "");
}

static int show(struct asking *w, struct holding *h, const struct holding_target *target)
{
    if (w->n_shown)
        return write_rows(w, h);
    if (h->holders.all.len == 0)
        return tell_nobody(w, h, target);
    show_words(w, h, target);
    return EXIT_YES;
}

/* The blank line before the words of one more target is there only if there are words. What is told
 * on stderr comes behind the words on stdout that it belongs to. */
static int answer(struct asking *w, const struct holding_target *target)
{
    struct holding h = {0};
    struct buf *out = &w->output.out.buf;
    if (w->told)
        buf_char(out, '\n');
    size_t start = out->len;
    int status = find(w, &w->arguments->sockets, target, &h);
    w->failed = status != 0;
    if (status == 0)
        status = show(w, &h, target);
    if (out->len == start)
        out->len -= w->told;
    else
        w->told = !w->n_shown;
    if (!w->n_shown)
        (void)out_flush(&w->output.out); /* a failure stays, for output_close */
    sockets_tell_notes(&h.sockets);
    holding_clear(&h);
    return status;
}

/* One after the other; the exit status is the worst of theirs. */
static int answer_all(struct asking *w, const struct vec *targets)
{
    int worst = EXIT_YES;
    for (size_t i = 0; i < targets->len && !w->failed; i++) {
        int status = answer(w, vec_at(targets, i));
        worst = status > worst ? status : worst;
    }
    if (w->render)
        render_end(w->render);
    return worst;
}

static int ask(struct asking *w, const struct command_words *words)
{
    struct who_columns columns;
    const struct output_arguments *a = &w->arguments->output;
    _cleanup_targets_ struct vec targets = {0};
    int status = output_need_word(&command_who, a, words);
    if (status == 0 && words->n)
        status = holding_targets_read(&targets, &command_who, words);
    who_columns_fill(&columns, w->arguments->names == NAMES_SHOWN);
    if (status == 0 && (w->output.options.format != RENDER_TABLE || a->columns))
        status = output_choose(&w->output, &command_who, a->columns, columns.all, WHO_COLUMNS,
                               "all", w->shown, &w->n_shown);
    if (status || (a->columns && w->n_shown == 0))
        return status;
    status = answer_all(w, &targets);
    render_free(w->render);
    return status;
}

static int run(const void *arguments, const struct command_words *words)
{
    struct asking w = {.arguments = arguments};
    int status = output_open(&w.output, &command_who, &w.arguments->output);
    if (status == 0)
        status = ask(&w, words);
    status = output_close(&w.output, status);
    output_clear(&w.output);
    return status;
}

static int values(const char *what, struct vec *ret)
{
    struct who_columns columns;
    who_columns_fill(&columns, true);
    return strcmp(what, "columns") == 0 ? output_column_values(columns.all, WHO_COLUMNS, ret)
                                        : -ENOENT;
}

const struct command command_who = {
    .name = "who",
    .group = "See",
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
    .defaults = &who_defaults,
    .max_words = -1,
    .values = values,
    .run = run,
};
