#include "flow/http_log.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"

enum { LINES_MAX = 1 << 18 };

void http_log_init(struct http_log *l, int fd)
{
    *l = (struct http_log){.fd = fd, .lines = BUF_INIT(LINES_MAX), .clock_s = -1};
}

void http_log_clear(struct http_log *l)
{
    http_log_flush(l);
    buf_free(&l->lines);
}

static void set_clock(struct http_log *l, int64_t now_s)
{
    struct tm tm;
    time_t t = (time_t)now_s;
    l->clock_s = now_s;
    l->clock[0] = '\0';
    if (localtime_r(&t, &tm))
        l->clock[strftime(l->clock, sizeof l->clock, "%d/%b/%Y:%H:%M:%S %z", &tm)] = '\0';
}

/* As text_escape does, and quotes too, since the line stands in quotes. */
static void put_quoted(struct buf *line, const char *bytes, size_t n)
{
    while (n > 0) {
        const char *quote = memchr(bytes, '"', n);
        size_t n_here = quote ? (size_t)(quote - bytes) : n;
        text_escape(line, bytes, n_here);
        if (quote)
            buf_str(line, "\\x22");
        n_here += quote != NULL;
        bytes += n_here;
        n -= n_here;
    }
}

void http_log_begin(struct http_log *l, struct buf *line, const char *peer, const char *user,
                    int64_t now_s, const char *request, size_t n_request)
{
    if (now_s != l->clock_s)
        set_clock(l, now_s);
    buf_str(line, peer);
    buf_str(line, " - ");
    if (user)
        text_escape(line, user, strlen(user));
    else
        buf_char(line, '-');
    buf_str(line, " [");
    buf_str(line, l->clock);
    buf_str(line, "] \"");
    if (n_request > 0)
        put_quoted(line, request, n_request);
    else
        buf_char(line, '-');
    buf_char(line, '"');
}

void http_log_end(struct buf *line, int status, uint64_t bytes)
{
    buf_char(line, ' ');
    buf_u64(line, (uint64_t)status);
    buf_char(line, ' ');
    if (bytes)
        buf_u64(line, bytes);
    else
        buf_char(line, '-');
    buf_char(line, '\n');
}

void http_log_flush(struct http_log *l)
{
    if (l->fd < 0 || l->lines.len == 0)
        return;
    int r = l->error ? 0 : fd_write_all(l->fd, l->lines.data, l->lines.len);
    buf_clear(&l->lines);
    if (r < 0) {
        l->error = r;
        err_tell("the access log ends here: it can't be written to: %s", strerror(-r));
    }
}
