/* Output for other programs: -F, a letter and its value a field; and -t, process numbers alone. */
#include <string.h>

#include "dialect/lsof.h"

enum { VALUE_MAX = 64 << 10 };

bool lsof_wants_field(const struct lsof_words *w, char letter)
{
    return w->all_fields || strchr(w->fields, letter);
}

struct printing {
    struct buf *out;
    const struct lsof_view *view;
    bool any; /* in this set */
};

static void add_text(struct printing *p, char letter, const char *text)
{
    buf_printf(p->out, "%c%s", letter, text);
    buf_char(p->out, p->view->words->nul ? '\0' : '\n');
    p->any = true;
}

static void add_number(struct printing *p, char letter, int64_t value)
{
    _cleanup_buf_ struct buf text = BUF_INIT(32);
    buf_i64(&text, value);
    add_text(p, letter, buf_cstr(&text));
}

static void end_set(struct printing *p)
{
    if (p->any && p->view->words->nul)
        buf_char(p->out, '\n');
    p->any = false;
}

static void add_process(struct printing *p, const struct lsof_process *process)
{
    const struct lsof_words *w = p->view->words;
    _cleanup_buf_ struct buf text = BUF_INIT(VALUE_MAX);
    add_number(p, 'p', process->pid);
    if (lsof_wants_field(w, 'g'))
        add_number(p, 'g', process->group);
    if (lsof_wants_field(w, 'R'))
        add_number(p, 'R', process->parent);
    lsof_printable(&text, process->comm, strlen(process->comm), false);
    if (lsof_wants_field(w, 'c'))
        add_text(p, 'c', buf_cstr(&text));
    if (lsof_wants_field(w, 'u'))
        add_number(p, 'u', process->uid);
    const char *login = lsof_wants_field(w, 'L') ? lsof_login(p->view, process) : NULL;
    buf_clear(&text);
    if (login) {
        lsof_printable(&text, login, strlen(login), true);
        add_text(p, 'L', buf_cstr(&text));
    }
    end_set(p);
}

static void add_device(struct printing *p, const struct lsof_file *f)
{
    const struct lsof_words *w = p->view->words;
    _cleanup_buf_ struct buf text = BUF_INIT(VALUE_MAX);
    if (f->kind == LSOF_SOCK)
        buf_printf(&text, "0x%llx", (unsigned long long)p->view->host->sockfs);
    else
        lsof_device(&text, p->view, f);
    char letter = f->kind == LSOF_SOCK ? 'D' : 'd';
    if (text.len > 0 && lsof_wants_field(w, letter))
        add_text(p, letter, buf_cstr(&text));
}

static void add_item(void *ctx, enum lsof_item item, const char *value)
{
    struct printing *p = ctx;
    _cleanup_buf_ struct buf text = BUF_INIT(VALUE_MAX);
    buf_printf(&text, "%s%s", lsof_item_prefix(item), value);
    add_text(p, 'T', buf_cstr(&text));
}

/* The fields that are made of a text. */
static void add_made(struct printing *p, char letter,
                     void (*make)(struct buf *out, const struct lsof_view *v,
                                  const struct lsof_file *f),
                     const struct lsof_file *f)
{
    _cleanup_buf_ struct buf text = BUF_INIT(VALUE_MAX);
    if (!lsof_wants_field(p->view->words, letter))
        return;
    make(&text, p->view, f);
    add_text(p, letter, buf_cstr(&text));
}

static void make_flags(struct buf *out, const struct lsof_view *v, const struct lsof_file *f)
{
    lsof_flags(out, f, v->words->show_flags);
}

static void make_node(struct buf *out, const struct lsof_view *v, const struct lsof_file *f)
{
    (void)v;
    lsof_node(out, f);
}

static void add_file(struct printing *p, const struct lsof_file *f)
{
    const struct lsof_words *w = p->view->words;
    const char access[] = {f->access, '\0'};
    if (lsof_wants_field(w, 'f'))
        add_number(p, 'f', f->fd);
    if (lsof_wants_field(w, 'a'))
        add_text(p, 'a', access);
    if (lsof_wants_field(w, 'l'))
        add_text(p, 'l', " ");
    if (lsof_wants_field(w, 't'))
        add_text(p, 't', lsof_type(f));
    if (w->show_flags)
        add_made(p, 'G', make_flags, f);
    add_device(p, f);
    if (lsof_wants_field(w, 'o') && !w->size)
        add_text(p, 'o', "0t0");
    add_made(p, lsof_has_inode(f) ? 'i' : 'P', make_node, f);
    add_made(p, 'n', lsof_name, f);
    if (lsof_wants_field(w, 'T'))
        lsof_info(p->view, f, add_item, p);
    end_set(p);
}

void lsof_print_fields(struct buf *out, const struct lsof_view *v)
{
    struct printing p = {.out = out, .view = v};
    for (size_t i = 0; i < v->host->processes.len; i++) {
        const struct lsof_process *process = vec_at(&v->host->processes, i);
        if (!process->selected)
            continue;
        if (v->words->output == LSOF_TERSE) {
            buf_printf(out, "%d\n", process->pid);
            continue;
        }
        add_process(&p, process);
        for (size_t k = 0; k < process->n_files; k++)
            if (process->files[k].selected || process->files[k].end)
                add_file(&p, &process->files[k]);
    }
}
