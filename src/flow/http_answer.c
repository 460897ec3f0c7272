#include "flow/http_answer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/buf.h"
#include "flow/http_accept.h"
#include "flow/http_conditions.h"
#include "flow/http_folder.h"
#include "flow/http_listing.h"
#include "flow/http_path.h"
#include "flow/http_upload.h"

enum { LISTING_BYTES_MAX = 16 << 20, STALE_TRIES = 3 };

/* One answer being made. */
struct making {
    const struct http_question *q;
    const struct http_request *r;
    struct buf *out;
    struct http_answer *a;
};

static const char *text_of(const struct making *m, struct http_slice s)
{
    return m->q->base + s.at;
}

/* -- heads -- */

static void put_allowed(const struct making *m)
{
    http_reply_field(m->out, "Allow",
                     m->q->site->upload_fd < 0 ? "GET, HEAD, OPTIONS" : "GET, HEAD, OPTIONS, PUT");
}

static void start(struct making *m, int status)
{
    m->a->status = status;
    http_reply_start(m->out, status, m->q->date);
    if (m->a->close)
        http_reply_field(m->out, "Connection", "close");
    else if (m->r->minor == 0)
        http_reply_field(m->out, "Connection", "keep-alive");
    if (m->q->site->cors) {
        http_reply_field(m->out, "Access-Control-Allow-Origin", "*");
        http_reply_field(m->out, "Access-Control-Expose-Headers", "*");
    }
}

/* Ends the head, and puts the body behind it unless HEAD asked. */
static void put_body(struct making *m, const char *bytes, size_t n)
{
    http_reply_length(m->out, n);
    http_reply_end(m->out);
    if (m->r->method == HTTP_HEAD)
        return;
    buf_add(m->out, bytes, n);
    m->a->length = n;
}

static void put_words(struct making *m, const char *why)
{
    _cleanup_buf_ struct buf words = BUF_INIT(1024);
    buf_printf(&words, "%d %s%s%s\n", m->a->status, http_reason(m->a->status), *why ? ": " : "",
               why);
    http_reply_field(m->out, "Content-Type", "text/plain; charset=utf-8");
    put_body(m, words.data, words.len);
}

static void refuse(struct making *m, int status, const char *why)
{
    start(m, status);
    if (status == 405)
        put_allowed(m);
    put_words(m, why);
}

static void refuse_errno(struct making *m, int error)
{
    switch (error) {
    case -ENOENT:
    case -ENOTDIR:
    case -EINVAL: /* a name that the file system can't have */
    case -ENAMETOOLONG:
        refuse(m, 404, "");
        return;
    case -EACCES:
    case -EPERM:
    case -EROFS:
        refuse(m, 403, "");
        return;
    case -EISDIR:
        refuse(m, 409, "a folder is there");
        return;
    case -ENOSPC:
    case -EDQUOT:
    case -EFBIG:
        refuse(m, 507, "");
        return;
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
    case -EAGAIN:
        refuse(m, 503, "");
        return;
    default:
        refuse(m, 500, "");
    }
}

/* -- files -- */

static void put_validators(const struct making *m, const struct http_file *f)
{
    char date[HTTP_DATE_LENGTH];
    http_date_format(f->modified_s, date);
    http_reply_bytes(m->out, "Last-Modified", date, sizeof date);
    http_reply_bytes(m->out, "ETag", f->etag, f->n_etag);
}

static void put_type(const struct making *m, const char *type, bool is_text)
{
    buf_str(m->out, "Content-Type: ");
    buf_str(m->out, type);
    buf_str(m->out, is_text ? "; charset=utf-8\r\n" : "\r\n");
}

/* One variant of a file: the plain one, or a compressed neighbour. */
struct variant {
    struct http_file *file;
    const char *type; /* of the plain file's name */
    bool is_text;
    enum http_coding coding;
    bool varies; /* there is more than one */
};

static void put_file_fields(const struct making *m, const struct variant *v)
{
    put_validators(m, v->file);
    if (v->varies)
        http_reply_field(m->out, "Vary", "Accept-Encoding");
    if (v->coding != HTTP_IDENTITY)
        http_reply_field(m->out, "Content-Encoding", http_coding_name(v->coding));
}

/* The body: bytes at … end - 1 of the file. -ESTALE: it isn't as long as it was. */
static int put_content(struct making *m, struct http_file *file, uint64_t at, uint64_t end)
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

static int answer_whole(struct making *m, const struct variant *v)
{
    start(m, 200);
    put_type(m, v->type, v->is_text);
    http_reply_length(m->out, v->file->size);
    put_file_fields(m, v);
    http_reply_field(m->out, "Accept-Ranges", "bytes");
    http_reply_end(m->out);
    return put_content(m, v->file, 0, v->file->size);
}

static int answer_range(struct making *m, const struct variant *v, const struct http_range *range)
{
    start(m, 206);
    put_type(m, v->type, v->is_text);
    http_reply_length(m->out, http_range_length(range));
    http_reply_range(m->out, range, v->file->size);
    put_file_fields(m, v);
    http_reply_end(m->out);
    return put_content(m, v->file, range->first, range->last + 1);
}

static int answer_parts(struct making *m, const struct variant *v, const struct http_ranges *ranges)
{
    struct http_parts *p = malloc(sizeof *p);
    if (!p)
        return -ENOMEM;
    *p = (struct http_parts){
        .ranges = *ranges, .type = v->type, .is_text = v->is_text, .size = v->file->size};
    if (getrandom(&p->boundary, sizeof p->boundary, GRND_NONBLOCK) < 0)
        p->boundary = (uint64_t)m->q->now_s;
    start(m, 206);
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

static int answer_not_modified(struct making *m, const struct variant *v)
{
    start(m, 304);
    put_file_fields(m, v);
    http_reply_end(m->out);
    return 0;
}

static int answer_unsatisfiable(struct making *m, const struct variant *v)
{
    start(m, 416);
    buf_str(m->out, "Content-Range: bytes */");
    buf_u64(m->out, v->file->size);
    buf_add(m->out, "\r\n", 2);
    put_words(m, "");
    return 0;
}

static int answer_variant(struct making *m, const struct variant *v)
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
        refuse(m, 412, "");
        return 0;
    }
    if (r->method == HTTP_GET && http_has(r, HTTP_RANGE) &&
        http_conditions_allow_range(r, m->q->base, &known, m->q->now_s)) {
        const struct http_slice s = r->field[HTTP_RANGE];
        if (http_range_parse(text_of(m, s), s.n, v->file->size, &ranges) < 0)
            return answer_unsatisfiable(m, v);
    }
    return ranges.n == 0   ? answer_whole(m, v)
           : ranges.n == 1 ? answer_range(m, v, &ranges.range[0])
                           : answer_parts(m, v, &ranges);
}

/* A neighbour that is as new as the file itself: an old one would be yesterday's content. */
static void find_neighbour(const struct making *m, const char *path, struct variant *v)
{
    enum http_coding codings[HTTP_CODINGS];
    const struct http_slice s = m->r->field[HTTP_ACCEPT_ENCODING];
    size_t n = http_accept_codings(text_of(m, s), s.n, codings);
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
            v->varies = true;
            return;
        }
        http_file_unref(&found);
    }
}

/* 0, or the negative errno of opening it. */
static int answer_file_once(struct making *m, const char *path)
{
    struct variant v = {.coding = HTTP_IDENTITY};
    int r = http_files_open(m->q->files, path, &v.file);
    if (r < 0)
        return r;
    struct http_file *plain = v.file;
    plain->refs++;
    v.type = plain->type;
    v.is_text = plain->is_text;
    if (plain->compresses && http_has(m->r, HTTP_ACCEPT_ENCODING))
        find_neighbour(m, path, &v);
    r = answer_variant(m, &v);
    http_file_unref(&v.file);
    http_file_unref(&plain);
    return r;
}

/* A file may be changed between a look at it and the reading: then once more, from the start. */
static int answer_file(struct making *m, const char *path)
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

/* -- folders -- */

static bool wants_json(const struct making *m)
{
    size_t n = 0;
    const char *format = http_query_find(text_of(m, m->r->query), m->r->query.n, "format", &n);
    if (format)
        return n == 4 && memcmp(format, "json", 4) == 0;
    const struct http_slice s = m->r->field[HTTP_ACCEPT];
    return http_has(m->r, HTTP_ACCEPT) &&
           http_accept_weight(text_of(m, s), s.n, "application", "json") >
               http_accept_weight(text_of(m, s), s.n, "text", "html");
}

static int answer_listing(struct making *m, const char *path)
{
    struct http_folder folder;
    _cleanup_buf_ struct buf page = BUF_INIT(LISTING_BYTES_MAX);
    int r = http_folder_read(m->q->site->root_fd, path, m->q->site->hidden, &folder);
    if (r == 0) {
        bool json = wants_json(m);
        struct http_listing l = {.path = path,
                                 .entries = folder.entries.items,
                                 .n = folder.entries.len,
                                 .cut = folder.cut};
        http_listing_read_query(&l, text_of(m, m->r->query), m->r->query.n);
        http_listing_sort(&l);
        (json ? http_listing_json : http_listing_html)(&page, &l);
        r = page.failed ? -ENOMEM : 0;
        if (r == 0) {
            start(m, 200);
            put_type(m, json ? "application/json" : "text/html", !json);
            http_reply_field(m->out, "Vary", "Accept");
            http_reply_field(m->out, "Cache-Control", "no-cache");
            if (!json)
                http_reply_field(m->out, "Content-Security-Policy",
                                 "default-src 'none'; style-src 'unsafe-inline'");
            put_body(m, page.data, page.len);
        }
    }
    http_folder_clear(&folder);
    return r;
}

/* path: "" or one that ends in a slash. */
static int answer_folder(struct making *m, const char *path)
{
    const struct http_site *site = m->q->site;
    size_t n = strlen(path);
    for (size_t i = 0; i < HTTP_SITE_INDEXES && site->indexes[i]; i++) {
        char page[HTTP_PATH_MAX];
        size_t n_index = strlen(site->indexes[i]);
        if (n + n_index >= sizeof page)
            continue;
        memcpy(page, path, n);
        memcpy(page + n, site->indexes[i], n_index + 1);
        int r = answer_file(m, page);
        if (r != -ENOENT && r != -EISDIR)
            return r;
    }
    if (site->listing)
        return answer_listing(m, path);
    int fd = http_open_beneath(site->root_fd, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    close(fd);
    return -EACCES;
}

/* To the same with a slash behind it, so that links within the page are right. */
static void answer_moved(struct making *m, const char *path)
{
    _cleanup_buf_ struct buf to = BUF_INIT(4 * HTTP_PATH_MAX + HTTP_LINE_MAX);
    buf_char(&to, '/');
    http_path_encode(&to, path, strlen(path), true);
    buf_char(&to, '/');
    if (m->r->query.n > 0) {
        buf_char(&to, '?');
        buf_add(&to, text_of(m, m->r->query), m->r->query.n);
    }
    start(m, 301);
    http_reply_bytes(m->out, "Location", to.data, to.len);
    put_words(m, "");
}

/* -- GET -- */

/* A page of an application that knows its own paths: one whose name has no suffix. */
static int answer_application(struct making *m, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!m->q->site->spa || strchr(slash ? slash : path, '.') || !m->q->site->indexes[0])
        return -ENOENT;
    return answer_file(m, m->q->site->indexes[0]);
}

static void answer_get(struct making *m)
{
    char path[HTTP_PATH_MAX];
    int n = http_path_decode(text_of(m, m->r->path), m->r->path.n, path, sizeof path);
    if (n == -EINVAL) {
        refuse(m, 400, "the path is malformed, or leads out of what is served");
        return;
    }
    if (n < 0) {
        refuse(m, 414, "");
        return;
    }
    int r = http_path_is_hidden(path) && !m->q->site->hidden ? -ENOENT
            : n == 0 || path[n - 1] == '/'                   ? answer_folder(m, path)
                                                             : answer_file(m, path);
    if (r == -EISDIR) {
        answer_moved(m, path);
        return;
    }
    if (r == -ENOENT)
        r = answer_application(m, path);
    if (r < 0)
        refuse_errno(m, r);
}

/* -- PUT -- */

static int find_existing(const struct making *m, const char *path, struct http_validators *ret,
                         char etag[HTTP_ETAG_MAX])
{
    struct stat st;
    int fd = http_open_beneath(m->q->site->upload_fd, path, O_PATH);
    if (fd < 0)
        return fd;
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    close(fd);
    if (r < 0)
        return r;
    *ret = (struct http_validators){.exists = true, .etag = etag, .modified_s = st.st_mtim.tv_sec};
    ret->n_etag = http_etag_format(etag, st.st_mtim.tv_sec, (uint32_t)st.st_mtim.tv_nsec,
                                   (uint64_t)st.st_size, st.st_ino);
    return 0;
}

/* The status that an upload is refused with before its body, or 0. */
static int judge_upload(const struct making *m, const char *path, const char **ret_why)
{
    const struct http_request *r = m->r;
    struct http_validators known = {0};
    char etag[HTTP_ETAG_MAX];
    *ret_why = "";
    if (http_path_is_hidden(path) && !m->q->site->hidden) {
        *ret_why = "names that begin with a dot aren't taken";
        return 403;
    }
    if (http_has(r, HTTP_CONTENT_RANGE)) {
        *ret_why = "only whole files are taken";
        return 400;
    }
    if (!r->has_length && !r->chunked)
        return 411;
    if (r->content_length > m->q->site->upload_max)
        return 413;
    find_existing(m, path, &known, etag);
    return http_conditions_judge(r, m->q->base, &known, m->q->now_s) == 412 ? 412 : 0;
}

static void answer_put(struct making *m)
{
    char path[HTTP_PATH_MAX];
    const char *why;
    if (m->q->site->upload_fd < 0) {
        refuse(m, 405, "nothing can be uploaded here");
        return;
    }
    int n = http_path_decode(text_of(m, m->r->path), m->r->path.n, path, sizeof path);
    if (n < 0) {
        refuse(m, n == -EINVAL ? 400 : 414, "");
        return;
    }
    int status = judge_upload(m, path, &why);
    if (status) {
        refuse(m, status, why);
        return;
    }
    int r = http_upload_begin(m->q->site->upload_fd, path, &m->a->upload);
    if (r == -ENOENT) {
        refuse(m, 409, "there is no such folder");
    } else if (r < 0) {
        refuse_errno(m, r);
    } else {
        m->a->close = !m->r->keep_alive || m->q->ending; /* its body is read, to its end */
        m->a->status = 400;                              /* should that never come */
        if (m->r->expects_continue)
            buf_str(m->out, "HTTP/1.1 100 Continue\r\n\r\n");
    }
}

void http_answer_uploaded(const struct http_question *q, int error, struct buf *out,
                          struct http_answer *a)
{
    struct making m = {.q = q, .r = q->request, .out = out, .a = a};
    bool is_new = false;
    if (error == 0)
        error = http_upload_finish(a->upload, &is_new);
    http_upload_free(&a->upload);
    a->close |= q->ending || error != 0 || !q->request->keep_alive;
    if (error > 0) {
        refuse(&m, error, "");
    } else if (error < 0) {
        refuse_errno(&m, error);
    } else if (is_new) {
        start(&m, 201);
        put_words(&m, "");
    } else {
        start(&m, 204);
        http_reply_end(out);
    }
}

/* -- OPTIONS, and the whole -- */

static void answer_options(struct making *m)
{
    start(m, 204);
    put_allowed(m);
    if (m->q->site->cors) {
        http_reply_field(m->out, "Access-Control-Allow-Methods",
                         m->q->site->upload_fd < 0 ? "GET, HEAD" : "GET, HEAD, PUT");
        http_reply_field(m->out, "Access-Control-Allow-Headers", "*, Authorization");
        http_reply_field(m->out, "Access-Control-Max-Age", "600");
    }
    http_reply_end(m->out);
}

/* What a browser asks before a request of another origin bears no password. */
static bool is_preflight(const struct making *m)
{
    return m->q->site->cors && m->r->method == HTTP_OPTIONS && http_has(m->r, HTTP_ORIGIN) &&
           http_has(m->r, HTTP_REQUEST_METHOD);
}

static bool may_ask(struct making *m)
{
    const struct http_auth *auth = &m->q->site->auth;
    const struct http_slice s = m->r->field[HTTP_AUTHORIZATION];
    if (auth->users.len == 0 || is_preflight(m))
        return true;
    m->a->user = http_auth_check(auth, text_of(m, s), s.n);
    return m->a->user != NULL;
}

static void answer_stranger(struct making *m)
{
    start(m, 401);
    http_reply_field(m->out, "WWW-Authenticate", "Basic realm=\"berth\", charset=\"UTF-8\"");
    put_words(m, "");
}

void http_answer(const struct http_question *q, struct buf *out, struct http_answer *ret)
{
    struct making m = {.q = q, .r = q->request, .out = out, .a = ret};
    bool has_body = q->request->chunked || q->request->content_length > 0;
    *ret = (struct http_answer){0};
    /* A body that nobody asked for isn't read to find out where the next request begins. */
    ret->close = !q->request->keep_alive || q->ending || has_body;
    if (!may_ask(&m)) {
        answer_stranger(&m);
        return;
    }
    switch (q->request->method) {
    case HTTP_GET:
    case HTTP_HEAD:
        answer_get(&m);
        return;
    case HTTP_PUT:
        answer_put(&m);
        return;
    case HTTP_OPTIONS:
        answer_options(&m);
        return;
    case HTTP_CONNECT:
    case HTTP_OTHER:
        refuse(&m, 501, "no such method here");
        return;
    default:
        refuse(&m, 405, "");
        return;
    }
}

void http_answer_fault(int status, const char *why, const char *date, struct buf *out,
                       struct http_answer *ret)
{
    static const struct http_site nowhere = {.upload_fd = -1};
    const struct http_request none = {.minor = 1};
    const struct http_question q = {.site = &nowhere, .request = &none, .date = date};
    struct making m = {.q = &q, .r = &none, .out = out, .a = ret};
    *ret = (struct http_answer){.close = true};
    refuse(&m, status, why);
}

void http_answer_clear(struct http_answer *a)
{
    http_file_unref(&a->file);
    http_upload_free(&a->upload);
    free(a->parts);
    a->parts = NULL;
}
