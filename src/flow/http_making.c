#include "flow/http_making.h"

#include <errno.h>

#include "base/buf.h"

const char *http_making_text(const struct http_making *m, struct http_slice s)
{
    return m->q->base + s.at;
}

void http_making_allowed(const struct http_making *m)
{
    http_reply_field(m->out, "Allow",
                     m->q->site->upload_fd < 0 ? "GET, HEAD, OPTIONS" : "GET, HEAD, OPTIONS, PUT");
}

void http_making_start(struct http_making *m, int status)
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

void http_making_body(struct http_making *m, const char *bytes, size_t n)
{
    http_reply_length(m->out, n);
    http_reply_end(m->out);
    if (m->r->method == HTTP_HEAD)
        return;
    buf_add(m->out, bytes, n);
    m->a->length = n;
}

void http_making_type(const struct http_making *m, const char *type, bool is_text)
{
    buf_str(m->out, "Content-Type: ");
    buf_str(m->out, type);
    buf_str(m->out, is_text ? "; charset=utf-8\r\n" : "\r\n");
}

void http_making_words(struct http_making *m, const char *why)
{
    _cleanup_buf_ struct buf words = BUF_INIT(1024);
    buf_printf(&words, "%d %s%s%s\n", m->a->status, http_reason(m->a->status), *why ? ": " : "",
               why);
    http_reply_field(m->out, "Content-Type", "text/plain; charset=utf-8");
    http_making_body(m, words.data, words.len);
}

void http_making_refuse(struct http_making *m, int status, const char *why)
{
    http_making_start(m, status);
    if (status == 405)
        http_making_allowed(m);
    http_making_words(m, why);
}

void http_making_refuse_errno(struct http_making *m, int error)
{
    switch (error) {
    case -ENOENT:
    case -ENOTDIR:
    case -EINVAL: /* a name that the file system can't have */
    case -ENAMETOOLONG:
        http_making_refuse(m, 404, "");
        return;
    case -EACCES:
    case -EPERM:
    case -EROFS:
        http_making_refuse(m, 403, "");
        return;
    case -EISDIR:
        http_making_refuse(m, 409, "a folder is there");
        return;
    case -ENOSPC:
    case -EDQUOT:
    case -EFBIG:
        http_making_refuse(m, 507, "");
        return;
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
    case -EAGAIN:
        http_making_refuse(m, 503, "");
        return;
    default:
        http_making_refuse(m, 500, "");
    }
}
