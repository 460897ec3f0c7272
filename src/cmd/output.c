#include "cmd/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/suggest.h"
#include "base/vec.h"
#include "render/wrap.h"

const char *const output_colour_choices[] = {
    [RENDER_COLOUR_AUTO] = "auto",
    [RENDER_COLOUR_ALWAYS] = "always",
    [RENDER_COLOUR_NEVER] = "never",
    NULL,
};

static int choose_format(const struct command *c, const struct output_arguments *a,
                         enum render_format *ret)
{
    if (a->json + a->jsonl + a->csv > 1)
        return command_usage_error(c, "only one of --json, --jsonl and --csv can be given");
    *ret = a->json ? RENDER_JSON : a->jsonl ? RENDER_JSONL : a->csv ? RENDER_CSV : RENDER_TABLE;
    return 0;
}

int output_open(struct output *o, const struct command *c, const struct output_arguments *a)
{
    enum render_format format = RENDER_TABLE;
    *o = (struct output){.pager = PAGER_NONE};
    out_init(&o->out, STDOUT_FILENO);
    int status = choose_format(c, a, &format);
    if (status)
        return status;

    o->options = render_options_detect(STDOUT_FILENO, format, (enum render_colour)a->colour);
    o->options.no_header = a->no_header;
    if (a->pager && pager_start(&o->pager) == 0)
        o->out.fd = o->pager.fd;
    return 0;
}

void output_wrap(struct output *o, size_t start)
{
    wrap_text(&o->out.buf, start, o->options.terminal ? o->options.width : 0);
}

static void describe_columns(struct output *o, const struct render_column *all, size_t n_all)
{
    for (size_t i = 0; i < n_all; i++)
        buf_printf(&o->out.buf, "%-22s %s\n", all[i].key, all[i].help ? all[i].help : "");
}

static bool asks_for_help(const char *list)
{
    return list && strcmp(list, "help") == 0;
}

int output_need_word(const struct command *c, const struct output_arguments *a,
                     const struct command_words *words)
{
    if (words->n > 0 || asks_for_help(a->columns))
        return 0;
    return command_usage_error(c, "a word is missing: %s %s", c->name, c->usage);
}

/* Which there are: a few are named, more are listed elsewhere. */
static void name_columns(struct buf *out, const struct render_column *all, size_t n_all)
{
    enum { A_FEW = 10 };
    if (n_all > A_FEW)
        buf_str(out, " ('-o help' lists them)");
    for (size_t i = 0; i < n_all && n_all <= A_FEW; i++) {
        buf_str(out, i == 0 ? "; there are " : i + 1 < n_all ? ", " : " and ");
        buf_str(out, all[i].key);
    }
}

int output_unknown_column(const struct command *c, const char *fault,
                          const struct render_column *all, size_t n_all, const char *word, size_t n)
{
    _cleanup_buf_ struct buf tail = BUF_INIT(4096);
    if (n == 0)
        return command_usage_error(c, "a column's name is missing ('-o help' lists them)");
    struct suggest near = suggest_start(word, n);
    for (size_t i = 0; i < n_all; i++)
        suggest_offer(&near, all[i].key);
    const char *best = suggest_best(&near);
    if (best)
        buf_printf(&tail, "; did you mean '%s'?", best);
    else
        name_columns(&tail, all, n_all);
    return command_usage_error(c, "%s '%.*s'%s", fault, (int)n, word, buf_cstr(&tail));
}

int output_choose(struct output *o, const struct command *c, const char *list,
                  const struct render_column *all, size_t n_all, const char *defaults,
                  const struct render_column **ret, size_t *ret_n)
{
    const char *bad = "";
    size_t bad_len = 0;

    if (asks_for_help(list)) {
        describe_columns(o, all, n_all);
        *ret_n = 0;
        return 0;
    }
    if (render_choose(all, n_all, list ? list : defaults, defaults, ret, n_all, ret_n, &bad,
                      &bad_len) == 0)
        return 0;
    return output_unknown_column(c, "there is no column", all, n_all, bad, bad_len);
}

int output_column_values(const struct render_column *all, size_t n_all, struct vec *ret)
{
    for (size_t i = 0; i < n_all; i++)
        if (vec_add(ret, &all[i].key) < 0)
            return -ENOMEM;
    return 0;
}

int output_close(struct output *o, int status)
{
    struct err e;
    int r = out_flush(&o->out);
    if (pager_end(&o->pager) == -ENOENT) {
        err_set(&e, ENOENT, "start the pager", "", "see $PAGER");
        err_print(&e, stderr);
        return EXIT_NO;
    }
    return command_output_status(r, status);
}

void output_clear(struct output *o)
{
    pager_end(&o->pager);
    out_clear(&o->out);
}
