/* The command lsof: reads, selects, prints, once or again and again. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/out.h"
#include "dialect/dialects.h"
#include "dialect/lsof.h"

/* Names on the command line must be UNIX sockets'; a message for each that isn't. False if there
 * are no others. */
static bool check_names(struct lsof_words *w)
{
    bool any = w->names.len == 0;
    for (size_t i = 0; i < w->names.len; i++) {
        struct lsof_path *name = vec_at(&w->names, i);
        struct stat st;
        name->refused = true;
        if (stat(name->path, &st) < 0)
            lsof_fault("status error on %s: %s", name->path, strerror(errno));
        else if (!S_ISSOCK(st.st_mode))
            lsof_fault("%s: selecting plain files is not berth's job: it lists sockets",
                       name->path);
        else
            name->refused = false;
        any |= !name->refused;
    }
    return any;
}

/* The original would list what these words mean of other files too. */
static void warn(const struct lsof_words *w)
{
    bool sockets = w->net || w->addresses.len > 0 || w->unix_sockets || w->names.len > 0;
    bool others = lsof_selects_processes(w) || w->fds_given;
    if (w->no_warnings || w->nfs || (sockets && (w->and || !others)))
        return;
    lsof_fault("WARNING: berth lists sockets, not other files");
}

static void print(struct buf *out, const struct lsof_view *v)
{
    switch (v->words->output) {
    case LSOF_TABLE:
        lsof_print_table(out, v);
        break;
    case LSOF_FIELDS:
    case LSOF_TERSE:
        lsof_print_fields(out, v);
        break;
    case LSOF_JSON:
    case LSOF_JSON_LINES:
        lsof_print_json(out, v);
        break;
    }
}

static bool listed_any(const struct lsof_host *h)
{
    for (size_t i = 0; i < h->processes.len; i++)
        if (((const struct lsof_process *)vec_at(&h->processes, i))->selected)
            return true;
    return false;
}

static void add_marker(struct buf *out, const struct lsof_words *w)
{
    char text[1024];
    time_t now = time(NULL);
    struct tm local;
    if (w->output == LSOF_JSON) /* each round is a document of its own */
        return;
    if (w->output == LSOF_JSON_LINES) {
        buf_char(out, '\n');
        return;
    }
    buf_str(out, w->output == LSOF_FIELDS ? "m" : "");
    if (!w->marker)
        buf_str(out, w->output == LSOF_FIELDS ? "" : "=======");
    else if (localtime_r(&now, &local) && strftime(text, sizeof text, w->marker, &local) > 0)
        buf_str(out, text);
    buf_char(out, '\n');
}

/* The marks of the round before. */
static void forget_found(struct lsof_words *w)
{
    w->net_found = false;
    struct vec *numbers[] = {&w->pids, &w->groups, &w->uids};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        for (size_t i = 0; i < numbers[k]->len; i++)
            ((struct lsof_number *)vec_at(numbers[k], i))->found = false;
    for (size_t i = 0; i < w->commands.len; i++)
        ((struct lsof_command_term *)vec_at(&w->commands, i))->found = false;
    for (size_t i = 0; i < w->addresses.len; i++)
        ((struct lsof_address *)vec_at(&w->addresses, i))->found = false;
    for (size_t i = 0; i < w->states.len; i++)
        ((struct lsof_state *)vec_at(&w->states, i))->found = false;
    for (size_t i = 0; i < w->names.len; i++)
        ((struct lsof_path *)vec_at(&w->names, i))->found = false;
}

/* One listing. 0, 1 if something wasn't found, or a negative errno after a message. */
static int list(struct lsof_words *w, struct out *out, bool *ret_any)
{
    struct lsof_host h;
    int r = lsof_host_read(&h, w);
    if (r == 0) {
        const struct lsof_view v = {&h, w};
        lsof_select(&h, w);
        lsof_host_look_up(&h, w);
        print(&out->buf, &v);
        *ret_any = listed_any(&h);
        r = lsof_not_found(w, w->verbose ? &out->buf : NULL);
    }
    lsof_host_clear(&h);
    return r;
}

static int repeat(struct lsof_words *w, struct out *out)
{
    bool any = false, ever = false;
    int missing = 0;
    for (unsigned n = 1; out->error == 0; n++) {
        forget_found(w);
        missing = list(w, out, &any);
        if (missing < 0)
            return 1;
        ever |= any;
        if (!w->repeat || (w->repeat_until_none && !any))
            break;
        add_marker(&out->buf, w);
        out_flush(out);
        if (n == w->repeat_count)
            break;
        sleep(w->repeat_s);
    }
    if (w->repeat_until_none)
        return w->repeat && ever ? 0 : 1;
    /* A count without a marker of one's own ends in 1 with lsof. */
    return (missing || w->repeat_counted) && !w->quiet_search;
}

static int run_words(struct lsof_words *w)
{
    if (w->help)
        lsof_help();
    else if (w->fields_help)
        lsof_fields_help();
    else if (w->version)
        lsof_version();
    else if (!check_names(w))
        return 1;
    if (w->help || w->fields_help || w->version)
        return 0;
    warn(w);
    _cleanup_out_ struct out out;
    out_init(&out, STDOUT_FILENO);
    int status = repeat(w, &out);
    return command_output_status(out_flush(&out), status);
}

static int run(const void *arguments, const struct command_words *words)
{
    (void)arguments;
    struct lsof_words w;
    int status = lsof_words_read(&w, words->n, words->words);
    if (status == 0)
        status = run_words(&w);
    lsof_words_clear(&w);
    return status;
}

const struct command command_lsof = {
    .name = "lsof",
    .group = "Old tongues",
    .summary = "list the sockets that processes have open, as lsof does",
    .usage = "[NAME…]",
    .description =
        "Takes the command lines of lsof(8), as Debian 12 has it, and answers in its words, for\n"
        "sockets: -i, -U, -p, -c, -u, -g, -d, -a, -n, -P, -t, -F, -T and others.\n"
        "\n"
        "Other files than sockets are not listed.",
    .max_words = -1,
    .own_words = true,
    .run = run,
};
