/* Texts as netstat and ifconfig read and print them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/text.h"
#include "dialect/netstat.h"

void netstat_text(struct buf *out, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n;) {
        unsigned c;
        size_t length = text_decode_utf8(bytes + i, n - i, &c);
        if (length && !text_is_unsafe(c)) {
            buf_add(out, bytes + i, length);
            i += length;
            continue;
        }
        for (size_t end = i + (length ? length : 1); i < end; i++)
            buf_printf(out, "\\x%02x", (unsigned char)bytes[i]);
    }
}

const char *netstat_name(char to[static NETSTAT_NAME], const char *name)
{
    _cleanup_buf_ struct buf text = BUF_INIT(NETSTAT_NAME);
    netstat_text(&text, name, strlen(name));
    snprintf(to, NETSTAT_NAME, "%s", buf_cstr(&text));
    return to;
}

bool netstat_is_number(const char *word)
{
    word += *word == '-';
    return *word && strspn(word, "0123456789") == strlen(word);
}

int netstat_file(const char *name, struct buf *ret)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/thread-self/net/%s", name);
    int r = fd_read_file(-1, path, ret);
    if (r < 0)
        return r;
    (void)buf_cstr(ret); /* ends it */
    return ret->failed ? -EFBIG : 0;
}

bool netstat_line(char **text, char **ret)
{
    if (!**text)
        return false;
    *ret = *text;
    char *end = strchr(*text, '\n');
    *text = end ? end + 1 : *text + strlen(*text);
    if (end)
        *end = '\0';
    return true;
}

size_t netstat_words(char *line, char **words, size_t max)
{
    size_t n = 0;
    char *rest = NULL;
    for (char *w = strtok_r(line, " \t", &rest); w && n < max; w = strtok_r(NULL, " \t", &rest))
        words[n++] = w;
    return n;
}
