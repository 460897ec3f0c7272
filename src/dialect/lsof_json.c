/* -J: one JSON object, processes with their files; -j: an object a file, its process repeated, one
 * a line.
 *
 * Keys and types are those of lsof 4.99.7; the letters of -F choose among them, and what a socket
 * hasn't got has no key. Inodes, offsets and descriptors are texts there, numbers of processes and
 * users numbers.
 */
#include <string.h>

#include "base/json.h"
#include "dialect/lsof.h"

enum { VALUE_MAX = 64 << 10 };

static void add_str(struct jsonw *j, const char *key, const char *text)
{
    jsonw_key(j, key);
    jsonw_str(j, text);
}

static void add_number(struct jsonw *j, const char *key, int64_t value)
{
    jsonw_key(j, key);
    jsonw_i64(j, value);
}

/* What was made in `text`, which is emptied. */
static void add_made(struct jsonw *j, const char *key, struct buf *text)
{
    jsonw_key(j, key);
    jsonw_text(j, buf_cstr(text), text->len);
    buf_clear(text);
}

static void add_process(struct jsonw *j, const struct lsof_view *v, const struct lsof_process *p)
{
    const struct lsof_words *w = v->words;
    const char *login = lsof_wants_field(w, 'L') ? lsof_login(v, p) : NULL;
    add_number(j, "pid", p->pid);
    if (lsof_wants_field(w, 'g'))
        add_number(j, "pgid", p->group);
    if (lsof_wants_field(w, 'R'))
        add_number(j, "ppid", p->parent);
    if (lsof_wants_field(w, 'c'))
        add_str(j, "command", p->comm);
    if (lsof_wants_field(w, 'u'))
        add_number(j, "uid", p->uid);
    if (login)
        add_str(j, "login", login);
}

static void add_item(void *ctx, enum lsof_item item, const char *value)
{
    static const struct {
        const char *key;
        bool number;
    } items[] = {
        [LSOF_ITEM_STATE] = {"state", false},
        [LSOF_ITEM_RECV_QUEUE] = {"recv_queue", true},
        [LSOF_ITEM_SEND_QUEUE] = {"send_queue", true},
        [LSOF_ITEM_SOCKET_OPTIONS] = {"socket_options", false},
        [LSOF_ITEM_SOCKET_STATES] = {"socket_states", false},
        [LSOF_ITEM_TCP_FLAGS] = {"tcp_flags", false},
        [LSOF_ITEM_READ_WINDOW] = {"read_window", true},
        [LSOF_ITEM_WRITE_WINDOW] = {"write_window", true},
    };
    struct jsonw *j = ctx;
    jsonw_key(j, items[item].key);
    if (items[item].number)
        jsonw_raw(j, value, strlen(value));
    else
        jsonw_str(j, value);
}

static void add_info(struct jsonw *j, const struct lsof_view *v, const struct lsof_file *f)
{
    jsonw_key(j, "tcp_info");
    jsonw_object(j);
    lsof_info(v, f, add_item, j);
    jsonw_object_end(j);
}

/* lsof has the number of a "sock", the characters of others, and never both. */
static void add_device(struct jsonw *j, const struct lsof_view *v, const struct lsof_file *f)
{
    _cleanup_buf_ struct buf text = BUF_INIT(64);
    bool number = f->kind == LSOF_SOCK;
    if (!lsof_wants_field(v->words, number ? 'D' : 'd'))
        return;
    if (number)
        buf_printf(&text, "0x%llx", (unsigned long long)v->host->sockfs);
    else
        lsof_device(&text, v, f);
    if (text.len > 0)
        add_made(j, number ? "device_number" : "device", &text);
}

static void add_flags(struct jsonw *j, const struct lsof_view *v, const struct lsof_file *f)
{
    _cleanup_buf_ struct buf text = BUF_INIT(256);
    if (!lsof_wants_field(v->words, 'G') || !v->words->show_flags)
        return;
    lsof_flags(&text, f, v->words->show_flags);
    if (text.len > 0)
        add_made(j, "flags", &text);
}

static void add_file(struct jsonw *j, const struct lsof_view *v, const struct lsof_file *f)
{
    const struct lsof_words *w = v->words;
    _cleanup_buf_ struct buf text = BUF_INIT(VALUE_MAX);
    if (lsof_wants_field(w, 'f')) {
        buf_i64(&text, f->fd);
        add_made(j, "fd", &text);
    }
    if (lsof_wants_field(w, 'a') && f->access != ' ') {
        buf_char(&text, f->access);
        add_made(j, "access", &text);
    }
    if (lsof_wants_field(w, 't'))
        add_str(j, "type", lsof_type(f));
    add_device(j, v, f);
    if (lsof_wants_field(w, 'o') && !w->size)
        add_str(j, "offset", "0");
    if (lsof_wants_field(w, lsof_has_inode(f) ? 'i' : 'P')) {
        lsof_node(&text, f);
        add_made(j, lsof_has_inode(f) ? "inode" : "protocol", &text);
    }
    add_flags(j, v, f);
    if (lsof_wants_field(w, 'n')) {
        lsof_name(&text, v, f);
        add_made(j, "name", &text);
    }
    if (lsof_wants_field(w, 'T') && lsof_has_info(f))
        add_info(j, v, f);
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
