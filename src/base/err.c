#include "base/err.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

int err_set(struct err *e, int code, const char *op, const char *subject, const char *hint_format,
            ...)
{
    if (!e)
        return -code;
    e->code = code;
    snprintf(e->op, sizeof e->op, "%s", op ? op : "");
    snprintf(e->subject, sizeof e->subject, "%s", subject ? subject : "");
    e->hint[0] = '\0';
    e->worded = false;
    if (hint_format) {
        va_list ap;
        va_start(ap, hint_format);
        vsnprintf(e->hint, sizeof e->hint, hint_format, ap);
        va_end(ap);
    }
    return -code;
}

int err_word(struct err *e, int code, const char *op, const char *subject, const char *format, ...)
{
    if (!e)
        return -code;
    err_set(e, code, op, subject, NULL);
    va_list ap;
    va_start(ap, format);
    vsnprintf(e->hint, sizeof e->hint, format, ap);
    va_end(ap);
    e->worded = true;
    return -code;
}

const char *err_name(int code)
{
    static _Thread_local char number[16];
    const char *name = strerrorname_np(code);
    if (name)
        return name;
    snprintf(number, sizeof number, "E%d", code);
    return number;
}

void err_format(struct buf *out, const struct err *e)
{
    const char *message = strerror(e->code);

    buf_str(out, "cannot ");
    buf_str(out, e->op);
    if (e->subject[0]) {
        buf_str(out, " '");
        text_escape(out, e->subject, strlen(e->subject));
        buf_char(out, '\'');
    }
    buf_str(out, ": ");
    if (e->worded) {
        text_escape(out, e->hint, strlen(e->hint));
    } else {
        buf_char(out, (char)tolower((unsigned char)message[0]));
        buf_str(out, message + 1);
    }
    if (e->hint[0] && !e->worded) {
        buf_str(out, " (");
        text_escape(out, e->hint, strlen(e->hint));
        buf_char(out, ')');
    }
}

void err_print(const struct err *e, FILE *out)
{
    _cleanup_buf_ struct buf line = BUF_INIT(4096);
    buf_str(&line, "berth: ");
    err_format(&line, e);
    buf_char(&line, '\n');
    fwrite(line.data, 1, line.len, out);
}

void err_tell(const char *format, ...)
{
    _cleanup_buf_ struct buf line = BUF_INIT(1 << 16);
    char text[4096];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    buf_str(&line, "berth: ");
    text_escape(&line, text, strlen(text));
    buf_char(&line, '\n');
    fwrite(line.data, 1, line.len, stderr);
}
