#include "flow/http_answer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "flow/http_accept.h"
#include "flow/http_conditions.h"
#include "flow/http_folder.h"
#include "flow/http_listing.h"
#include "flow/http_making.h"
#include "flow/http_path.h"
#include "flow/http_upload.h"

enum { LISTING_BYTES_MAX = 16 << 20 };

/* -- folders -- */

static bool wants_json(const struct http_making *m)
{
    size_t n = 0;
    const char *format =
        http_query_find(http_making_text(m, m->r->query), m->r->query.n, "format", &n);
    if (format)
        return n == 4 && memcmp(format, "json", 4) == 0;
    const struct http_slice s = m->r->field[HTTP_ACCEPT];
    return http_has(m->r, HTTP_ACCEPT) &&
           http_accept_weight(http_making_text(m, s), s.n, "application", "json") >
               http_accept_weight(http_making_text(m, s), s.n, "text", "html");
}

static int answer_listing(struct http_making *m, const char *path)
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
        http_listing_read_query(&l, http_making_text(m, m->r->query), m->r->query.n);
        http_listing_sort(&l);
        (json ? http_listing_json : http_listing_html)(&page, &l);
        r = page.failed ? -ENOMEM : 0;
        if (r == 0) {
            http_making_start(m, 200);
            http_making_type(m, json ? "application/json" : "text/html", !json);
            http_reply_field(m->out, "Vary", "Accept");
            http_reply_field(m->out, "Cache-Control", "no-cache");
            if (!json)
                http_reply_field(m->out, "Content-Security-Policy",
                                 "default-src 'none'; style-src 'unsafe-inline'");
            http_making_body(m, page.data, page.len);
        }
    }
    http_folder_clear(&folder);
    return r;
}

/* path: "" or one that ends in a slash. */
static int answer_folder(struct http_making *m, const char *path)
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
        int r = http_making_file(m, page);
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
static void answer_moved(struct http_making *m, const char *path)
{
    _cleanup_buf_ struct buf to = BUF_INIT(4 * HTTP_PATH_MAX + HTTP_LINE_MAX);
    buf_char(&to, '/');
    http_path_encode(&to, path, strlen(path), true);
    buf_char(&to, '/');
    if (m->r->query.n > 0) {
        buf_char(&to, '?');
        buf_add(&to, http_making_text(m, m->r->query), m->r->query.n);
    }
    http_making_start(m, 301);
    http_reply_bytes(m->out, "Location", to.data, to.len);
    http_making_words(m, "");
}

/* -- GET -- */

/* A page of an application that knows its own paths: one whose name has no suffix. */
static int answer_application(struct http_making *m, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!m->q->site->spa || strchr(slash ? slash : path, '.') || !m->q->site->indexes[0])
        return -ENOENT;
    return http_making_file(m, m->q->site->indexes[0]);
}

static void answer_get(struct http_making *m)
{
    char path[HTTP_PATH_MAX];
    int n = http_path_decode(http_making_text(m, m->r->path), m->r->path.n, path, sizeof path);
    if (n == -EINVAL) {
        http_making_refuse(m, 400, "the path is malformed, or leads out of what is served");
        return;
    }
    if (n < 0) {
        http_making_refuse(m, 414, "");
        return;
    }
    int r = http_path_is_hidden(path) && !m->q->site->hidden ? -ENOENT
            : n == 0 || path[n - 1] == '/'                   ? answer_folder(m, path)
                                                             : http_making_file(m, path);
    if (r == -EISDIR) {
        answer_moved(m, path);
        return;
    }
    if (r == -ENOENT)
        r = answer_application(m, path);
    if (r < 0)
        http_making_refuse_errno(m, r);
}

/* -- PUT -- */

static int find_existing(const struct http_making *m, const char *path, struct http_validators *ret,
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
static int judge_upload(const struct http_making *m, const char *path, const char **ret_why)
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

static void answer_put(struct http_making *m)
{
    char path[HTTP_PATH_MAX];
    const char *why;
    if (m->q->site->upload_fd < 0) {
        http_making_refuse(m, 405, "nothing can be uploaded here");
        return;
    }
    int n = http_path_decode(http_making_text(m, m->r->path), m->r->path.n, path, sizeof path);
    if (n < 0) {
        http_making_refuse(m, n == -EINVAL ? 400 : 414, "");
        return;
    }
    int status = judge_upload(m, path, &why);
    if (status) {
        http_making_refuse(m, status, why);
        return;
    }
    int r = http_upload_begin(m->q->site->upload_fd, path, &m->a->upload);
    if (r == -ENOENT) {
        http_making_refuse(m, 409, "there is no such folder");
    } else if (r < 0) {
        http_making_refuse_errno(m, r);
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
    struct http_making m = {.q = q, .r = q->request, .out = out, .a = a};
    bool is_new = false;
    if (error == 0)
        error = http_upload_finish(a->upload, &is_new);
    http_upload_free(&a->upload);
    a->close |= q->ending || error != 0 || !q->request->keep_alive;
    if (error > 0) {
        http_making_refuse(&m, error, "");
    } else if (error < 0) {
        http_making_refuse_errno(&m, error);
    } else if (is_new) {
        http_making_start(&m, 201);
        http_making_words(&m, "");
    } else {
        http_making_start(&m, 204);
        http_reply_end(out);
    }
}

/* -- OPTIONS, and the whole -- */

static void answer_options(struct http_making *m)
{
    http_making_start(m, 204);
    http_making_allowed(m);
    if (m->q->site->cors) {
        http_reply_field(m->out, "Access-Control-Allow-Methods",
                         m->q->site->upload_fd < 0 ? "GET, HEAD" : "GET, HEAD, PUT");
        http_reply_field(m->out, "Access-Control-Allow-Headers", "*, Authorization");
        http_reply_field(m->out, "Access-Control-Max-Age", "600");
    }
    http_reply_end(m->out);
}

/* What a browser asks before a request of another origin bears no password. */
static bool is_preflight(const struct http_making *m)
{
    return m->q->site->cors && m->r->method == HTTP_OPTIONS && http_has(m->r, HTTP_ORIGIN) &&
           http_has(m->r, HTTP_REQUEST_METHOD);
}

static bool may_ask(struct http_making *m)
{
    const struct http_auth *auth = &m->q->site->auth;
    const struct http_slice s = m->r->field[HTTP_AUTHORIZATION];
    if (auth->users.len == 0 || is_preflight(m))
        return true;
    m->a->user = http_auth_check(auth, http_making_text(m, s), s.n);
    return m->a->user != NULL;
}

static void answer_stranger(struct http_making *m)
{
    http_making_start(m, 401);
    http_reply_field(m->out, "WWW-Authenticate", "Basic realm=\"berth\", charset=\"UTF-8\"");
    http_making_words(m, "");
}

void http_answer(const struct http_question *q, struct buf *out, struct http_answer *ret)
{
    struct http_making m = {.q = q, .r = q->request, .out = out, .a = ret};
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
        http_making_refuse(&m, 501, "no such method here");
        return;
    default:
        http_making_refuse(&m, 405, "");
        return;
    }
}

void http_answer_fault(int status, const char *why, const char *date, struct buf *out,
                       struct http_answer *ret)
{
    static const struct http_site nowhere = {.upload_fd = -1};
    const struct http_request none = {.minor = 1};
    const struct http_question q = {.site = &nowhere, .request = &none, .date = date};
    struct http_making m = {.q = &q, .r = &none, .out = out, .a = ret};
    *ret = (struct http_answer){.close = true};
    http_making_refuse(&m, status, why);
}

void http_answer_clear(struct http_answer *a)
{
    http_file_unref(&a->file);
    http_upload_free(&a->upload);
    free(a->parts);
    a->parts = NULL;
}
