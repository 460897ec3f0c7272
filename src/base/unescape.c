#include "base/unescape.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

static unsigned digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(tolower((unsigned char)c) - 'a' + 10);
}

/* At most `most` digits of a base; how many there were. */
static size_t read_number(const char *text, unsigned base, size_t most, unsigned *ret)
{
    unsigned value = 0;
    size_t n = 0;
    while (n < most && isxdigit((unsigned char)text[n]) && digit(text[n]) < base)
        value = value * base + digit(text[n++]);
    *ret = value;
    return n;
}

/* \u, \U: all digits must be there. */
static size_t put_char(struct buf *out, const char *digits, size_t n)
{
    unsigned c;
    if (read_number(digits, 16, n, &c) != n || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    text_encode_utf8(out, c);
    return n + 1;
}

static size_t put_number(struct buf *out, const char *digits, unsigned base, size_t most)
{
    unsigned value;
    size_t n = read_number(digits, base, most, &value);
    if (n == 0 || value > 0xff)
        return 0;
    buf_char(out, (char)value);
    return n;
}

/* What stands behind the backslash: how many bytes were read, 0 for a fault. */
static size_t put_escape(struct buf *out, const char *text)
{
    static const char letters[] = "nrtabefv\\\"'", meanings[] = "\n\r\t\a\b\33\f\v\\\"'";
    const char *found = *text ? strchr(letters, *text) : NULL;
    size_t n;
    if (found) {
        buf_char(out, meanings[found - letters]);
        return 1;
    }
    switch (*text) {
    case 'x':
        n = put_number(out, text + 1, 16, 2);
        return n ? n + 1 : 0;
    case 'u':
        return put_char(out, text + 1, 4);
    case 'U':
        return put_char(out, text + 1, 8);
    default:
        return put_number(out, text, 8, 3);
    }
}

int text_unescape(struct buf *out, const char *text, const char **ret_bad)
{
    while (*text) {
        size_t plain = strcspn(text, "\\");
        buf_add(out, text, plain);
        text += plain;
        if (!*text)
            break;
        size_t n = put_escape(out, text + 1);
        if (n == 0) {
            if (ret_bad)
                *ret_bad = text;
            return -EINVAL;
        }
        text += n + 1;
    }
    return 0;
}
