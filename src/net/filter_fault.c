/* Faults of an expression: made while it is parsed, shown with a caret. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "net/filter_impl.h"

enum {
    SHOWN_COLUMNS = 72, /* of a long line: as much as fits beside the fault */
    INDENT = 2
};

static void fault_at(struct filter_parser *p, size_t at, size_t len, const char *format, va_list ap)
{
    if (p->error)
        return; /* the first fault is the one that the user can do something about */
    p->error = -EINVAL;
    p->fault->at = at;
    p->fault->len = len;
    vsnprintf(p->fault->message, sizeof p->fault->message, format, ap);
}

void *filter_fault(struct filter_parser *p, const struct filter_token *where, const char *format,
                   ...)
{
    va_list ap;
    va_start(ap, format);
    fault_at(p, where->at, where->len, format, ap);
    va_end(ap);
    return NULL;
}

void *filter_fault_part(struct filter_parser *p, const struct filter_token *where, const char *part,
                        size_t n, const char *format, ...)
{
    size_t at = where->at, len = where->len;
    if (!where->quoted) { /* then the word stands in the filter letter by letter */
        at += (size_t)(part - where->text);
        len = n ? n : 1;
    }
    va_list ap;
    va_start(ap, format);
    fault_at(p, at, len, format, ap);
    va_end(ap);
    return NULL;
}

/* How many of n bytes take at most `columns`, not cutting a character. */
static size_t fitting(const char *bytes, size_t n, size_t columns)
{
    size_t used = 0, at = 0;
    while (at < n) {
        unsigned c;
        size_t len = text_decode_utf8(bytes + at, n - at, &c);
        used += len ? text_width(bytes + at, len) : 1;
        if (used > columns)
            break;
        at += len ? len : 1;
    }
    return at;
}

struct filter_quote filter_quote(const char *word)
{
    enum { SHOWN = 24 };
    struct filter_quote q;
    size_t n = strlen(word);
    size_t shown = fitting(word, n < 2 * SHOWN ? n : 2 * SHOWN, SHOWN);
    snprintf(q.text, sizeof q.text, "%.*s%s", (int)shown, word, shown < n ? "…" : "");
    return q;
}

/* The start of the window of text that is shown: early enough to see what comes before a fault. */
static size_t window_start(const char *text, size_t line, size_t at)
{
    if (at - line <= SHOWN_COLUMNS / 2)
        return line;
    size_t from = at - SHOWN_COLUMNS / 2;
    while (from < at && ((unsigned char)text[from] & 0xc0) == 0x80)
        from++;
    return from;
}

static size_t add_escaped(struct buf *out, const char *bytes, size_t n)
{
    _cleanup_buf_ struct buf safe = BUF_INIT(FILTER_MAX_TEXT);
    text_escape(&safe, bytes, n);
    buf_add(out, safe.data, safe.len);
    return text_width(safe.data, safe.len);
}

void net_filter_explain_fault(struct buf *out, const char *text, const struct net_filter_fault *f)
{
    size_t len = strlen(text), at = f->at < len ? f->at : len;
    size_t line = at, end = at;
    while (line > 0 && text[line - 1] != '\n')
        line--;
    end += strcspn(text + at, "\n");
    size_t from = window_start(text, line, at);
    size_t upto = from + fitting(text + from, end - from, SHOWN_COLUMNS);
    if (upto < at)
        upto = at;
    size_t under = f->len < upto - at ? f->len : upto - at;

    text_escape(out, f->message, strlen(f->message));
    buf_char(out, '\n');
    buf_repeat(out, ' ', INDENT);
    size_t column = INDENT;
    if (from > line) {
        buf_str(out, "…");
        column++;
    }
    column += add_escaped(out, text + from, at - from);
    size_t width = add_escaped(out, text + at, under);
    add_escaped(out, text + at + under, upto - at - under);
    if (upto < end)
        buf_str(out, "…");
    buf_char(out, '\n');
    buf_repeat(out, ' ', column);
    buf_char(out, '^');
    if (width > 1)
        buf_repeat(out, '~', width - 1);
    buf_char(out, '\n');
}
