/* Answers that are files: the variant that suits the client, conditions, ranges.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/buf.h"
#include "flow/http_accept.h"
#include "flow/http_conditions.h"
#include "flow/http_making.h"
#include "flow/http_path.h"

enum { STALE_TRIES = 3 };

static void put_validators(const struct http_making *m, const struct http_file *f)
{
    char date[HTTP_DATE_LENGTH];
    http_date_format(f->modified_s, date);
    http_reply_bytes(m->out, "Last-Modified", date, sizeof date);
    http_reply_bytes(m->out, "ETag", f->etag, f->n_etag);
}

/* One variant of a file: the plain one, or a compressed neighbour. */
struct variant {
    struct http_file *file;
    const char *type; /* of the plain file's name */
    bool is_text;
    enum http_coding coding;
    bool varies; /* there may be others: a cache has to keep them apart, RFC 9110 12.5.5 */
};

static void put_file_fields(const struct http_making *m, const struct variant *v)
{
    put_validators(m, v->file);
    if (v->varies)
        http_reply_field(m->out, "Vary", "Accept-Encoding");
    if (v->coding != HTTP_IDENTITY)
        http_reply_field(m->out, "Content-Encoding", http_coding_name(v->coding));
}

/* The body: bytes at … end - 1 of the file. -ESTALE: it isn't as long as it was. */
static int put_content(struct http_making *m, struct http_file *file, uint64_t at, uint64_t end)
{
    if (m->r->method == HTTP_HEAD || at == end)
        return 0;
    size_t n = (size_t)(end - at);
    if (end - at > HTTP_SMALL) {
        file->refs++;
        m->a->file = file;
        m->a->at = at;
        m->a->end = end;
        return 0;
    }
    char *to = buf_reserve(m->out, n);
    if (!to)
        return -ENOMEM;
    if (pread(file->fd, to, n, (off_t)at) != (ssize_t)n)
        return -ESTALE;
    m->out->len += n;
    m->a->length = n;
    return 0;
}

static int answer_whole(struct http_making *m, const struct variant *v)
{
    http_making_start(m, 200);
    http_making_type(m, v->type, v->is_text);
    http_reply_length(m->out, v->file->size);
    put_file_fields(m, v);
    http_reply_field(m->out, "Accept-Ranges", "bytes");
    http_reply_end(m->out);
    return put_content(m, v->file, 0, v->file->size);
}

static int answer_range(struct http_making *m, const struct variant *v,
                        const struct http_range *range)
{
    http_making_start(m, 206);
    http_making_type(m, v->type, v->is_text);
    http_reply_length(m->out, http_range_length(range));
    http_reply_range(m->out, range, v->file->size);
    put_file_fields(m, v);
    http_reply_end(m->out);
    return put_content(m, v->file, range->first, range->last + 1);
}

static int answer_parts(struct http_making *m, const struct variant *v,
                        const struct http_ranges *ranges)
{
    struct http_parts *p = malloc(sizeof *p);
    if (!p)
        return -ENOMEM;
    *p = (struct http_parts){
        .ranges = *ranges, .type = v->type, .is_text = v->is_text, .size = v->file->size};
    if (getrandom(&p->boundary, sizeof p->boundary, GRND_NONBLOCK) < 0)
        p->boundary = (uint64_t)m->q->now_s;
    http_making_start(m, 206);
    http_parts_content_type(m->out, p);
    http_reply_length(m->out, http_parts_length(p));
    put_file_fields(m, v);
    http_reply_end(m->out);
    if (m->r->method == HTTP_HEAD) {
        free(p);
        return 0;
    }
    m->a->parts = p;
    m->a->file = v->file;
    v->file->refs++;
    return 0;
}

static int answer_not_modified(struct http_making *m, const struct variant *v)
{
    http_making_start(m, 304);
    put_file_fields(m, v);
    http_reply_end(m->out);
    return 0;
}

static int answer_unsatisfiable(struct http_making *m, const struct variant *v)
{
    http_making_start(m, 416);
    buf_str(m->out, "Content-Range: bytes */");
    buf_u64(m->out, v->file->size);
    buf_add(m->out, "\r\n", 2);
    http_making_words(m, "");
    return 0;
}

static int answer_variant(struct http_making *m, const struct variant *v)
{
    const struct http_request *r = m->r;
    const struct http_validators known = {.exists = true,
                                          .etag = v->file->etag,
                                          .n_etag = v->file->n_etag,
                                          .modified_s = v->file->modified_s};
    struct http_ranges ranges = {0};
    int status = http_conditions_judge(r, m->q->base, &known, m->q->now_s);
    if (status == 304)
        return answer_not_modified(m, v);
    if (status == 412) {
        http_making_refuse(m, 412, "");
        return 0;
    }
    if (r->method == HTTP_GET && http_has(r, HTTP_RANGE) &&
        http_conditions_allow_range(r, m->q->base, &known, m->q->now_s)) {
        const struct http_slice s = r->field[HTTP_RANGE];
        if (http_range_parse(http_making_text(m, s), s.n, v->file->size, &ranges) < 0)
            return answer_unsatisfiable(m, v);
    }
    return ranges.n == 0   ? answer_whole(m, v)
           : ranges.n == 1 ? answer_range(m, v, &ranges.range[0])
                           : answer_parts(m, v, &ranges);
}

/* A neighbour that is as new as the file itself: an old one would be yesterday's content. */
static void find_neighbour(const struct http_making *m, const char *path, struct variant *v)
{
    enum http_coding codings[HTTP_CODINGS];
    const struct http_slice s = m->r->field[HTTP_ACCEPT_ENCODING];
    size_t n = http_accept_codings(http_making_text(m, s), s.n, codings);
    for (size_t i = 0; codings[i] != HTTP_IDENTITY && i < n; i++) {
        char name[HTTP_PATH_MAX + 8];
        size_t n_path = strlen(path);
        memcpy(name, path, n_path);
        strcpy(name + n_path, http_coding_suffix(codings[i]));
        struct http_file *found;
        if (http_files_open(m->q->files, name, &found) < 0)
            continue;
        if (found->modified_s >= v->file->modified_s) {
            http_file_unref(&v->file);
            v->file = found;
            v->coding = codings[i];
            return;
        }
        http_file_unref(&found);
    }
}

/* 0, or the negative errno of opening it. */
static int answer_file_once(struct http_making *m, const char *path)
{
    struct variant v = {.coding = HTTP_IDENTITY};
    int r = http_files_open(m->q->files, path, &v.file);
    if (r < 0)
        return r;
    struct http_file *plain = v.file;
    plain->refs++;
    v.type = plain->type;
    v.is_text = plain->is_text;
    v.varies = plain->compresses;
    if (plain->compresses && http_has(m->r, HTTP_ACCEPT_ENCODING))
        find_neighbour(m, path, &v);
    r = answer_variant(m, &v);
    http_file_unref(&v.file);
    http_file_unref(&plain);
    return r;
}

/* A file may be changed between a look at it and the reading: then once more, from the start. */
int http_making_file(struct http_making *m, const char *path)
{
    size_t before = m->out->len;
    int r = -ESTALE;
    for (int i = 0; r == -ESTALE && i < STALE_TRIES; i++) {
        m->out->len = before;
        r = answer_file_once(m, path);
        if (r == -ESTALE)
            http_files_forget(m->q->files, path);
    }
    if (r < 0)
        m->out->len = before;
    return r;
}
