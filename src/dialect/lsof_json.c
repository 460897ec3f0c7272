/* -J: one JSON object, processes with their files; -j: an object a file, its process repeated, one
 * a line. The letters of -F choose the keys here too. Inodes, offsets and descriptors are texts.
 */
#include <string.h>

#include "base/json.h"
#include "dialect/lsof.h"

enum { VALUE_MAX = 64 << 10 };

static void add_text(struct jsonw *j, const char *key, struct buf *text)
{
    jsonw_key(j, key);
    jsonw_str(j, buf_cstr(text));
    buf_clear(text);
}

static void add_process(struct jsonw *j, const struct lsof_view *v, const struct lsof_process *p)
{
    const struct lsof_words *w = v->words;
    _cleanup_buf_ struct buf text = BUF_INIT(VALUE_MAX);
    jsonw_key(j, "pid");
    jsonw_i64(j, p->pid);
    if (lsof_wants_field(w, 'g')) {
        jsonw_key(j, "pgid");
        jsonw_i64(j, p->group);
    }
    if (lsof_wants_field(w, 'R')) {
        jsonw_key(j, "ppid");
        jsonw_i64(j, p->parent);
    }
    if (lsof_wants_field(w, 'c')) {
        jsonw_key(j, "command");
        jsonw_str(j, p->comm);
    }
    if (lsof_wants_field(w, 'u')) {
        jsonw_key(j, "uid");
        jsonw_u64(j, p->uid);
    }
    if (lsof_wants_field(w, 'L') && !w->numeric_users) {
        lsof_user(&text, v, p);
        add_text(j, "login", &text);
    }
}

static void add_item(void *ctx, const char *prefix, const char *value)
{
    struct jsonw *j = ctx;
    char key[8] = "";
    memccpy(key, prefix, '=', sizeof key - 1);
    key[strcspn(key, "=")] = '\0';
    jsonw_key(j, key);
    jsonw_str(j, value);
}

static void add_file(struct jsonw *j, const struct lsof_view *v, const struct lsof_file *f)
{
    const struct lsof_words *w = v->words;
    _cleanup_buf_ struct buf text = BUF_INIT(VALUE_MAX);
    if (lsof_wants_field(w, 'f')) {
        buf_i64(&text, f->fd);
        add_text(j, "fd", &text);
    }
    if (lsof_wants_field(w, 'a')) {
        buf_char(&text, f->access);
        add_text(j, "access", &text);
    }
    if (lsof_wants_field(w, 't')) {
        buf_str(&text, lsof_type(f));
        add_text(j, "type", &text);
    }
    if (lsof_wants_field(w, 'G')) {
        lsof_flags(&text, f, w->show_flags);
        add_text(j, "file_flags", &text);
    }
    lsof_device(&text, v, f);
    if (text.len > 0 && lsof_wants_field(w, f->kind == LSOF_SOCK ? 'D' : 'd'))
        add_text(j, "device", &text);
    buf_clear(&text);
    if (lsof_wants_field(w, 'o') && !w->size) {
        buf_str(&text, "0t0");
        add_text(j, "offset", &text);
    }
    if (lsof_wants_field(w, lsof_has_inode(f) ? 'i' : 'P')) {
        lsof_node(&text, f);
        add_text(j, lsof_has_inode(f) ? "inode" : "protocol", &text);
    }
    if (lsof_wants_field(w, 'n')) {
        lsof_name(&text, v, f);
        add_text(j, "name", &text);
    }
    if (lsof_wants_field(w, 'T') && (f->kind == LSOF_INET || f->kind == LSOF_UNIX)) {
        jsonw_key(j, "tcp_info");
        jsonw_object(j);
        lsof_info(v, f, add_item, j);
        jsonw_object_end(j);
    }
}

static void add_line(struct buf *out, const struct lsof_view *v, const struct lsof_process *p,
                     const struct lsof_file *f)
{
    struct jsonw j = JSONW_INIT(out);
    jsonw_object(&j);
    add_process(&j, v, p);
    add_file(&j, v, f);
    jsonw_object_end(&j);
    buf_char(out, '\n');
}

static void add_files(struct jsonw *j, const struct lsof_view *v, const struct lsof_process *p)
{
    jsonw_key(j, "files");
    jsonw_array(j);
    for (size_t i = 0; i < p->n_files; i++) {
        if (!p->files[i].selected && !p->files[i].end)
            continue;
        jsonw_object(j);
        add_file(j, v, &p->files[i]);
        jsonw_object_end(j);
    }
    jsonw_array_end(j);
}

static void print_lines(struct buf *out, const struct lsof_view *v)
{
    for (size_t i = 0; i < v->host->processes.len; i++) {
        const struct lsof_process *p = vec_at(&v->host->processes, i);
        for (size_t k = 0; p->selected && k < p->n_files; k++)
            if (p->files[k].selected || p->files[k].end)
                add_line(out, v, p, &p->files[k]);
    }
}

void lsof_print_json(struct buf *out, const struct lsof_view *v)
{
    struct jsonw j = JSONW_INIT(out);
    if (v->words->output == LSOF_JSON_LINES) {
        print_lines(out, v);
        return;
    }
    jsonw_object(&j);
    jsonw_key(&j, "lsof_version");
    jsonw_str(&j, "4.95.0 (berth " BERTH_VERSION ")");
    jsonw_key(&j, "processes");
    jsonw_array(&j);
    for (size_t i = 0; i < v->host->processes.len; i++) {
        const struct lsof_process *p = vec_at(&v->host->processes, i);
        if (!p->selected)
            continue;
        jsonw_object(&j);
        add_process(&j, v, p);
        add_files(&j, v, p);
        jsonw_object_end(&j);
    }
    jsonw_array_end(&j);
    jsonw_object_end(&j);
    buf_char(out, '\n');
}
