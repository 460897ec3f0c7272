/* Three forms of lines, told apart by what stands behind the first word:
 *   "TcpExt: SyncookiesSent …" and then "TcpExt: 0 …"   (snmp, netstat: fs/proc of net/ipv4/proc.c)
 *   "TCP: inuse 5 orphan 0 …"                            (sockstat)
 *   "Udp6InErrors  0"                                    (snmp6)
 * The cursor never passes the end of its line; a line that breaks its form is dropped from there
 * on.
 */
#include "kernel/snmp.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/parse.h"

enum { FILE_CEILING = 1 << 18 };

struct span {
    const char *at;
    size_t n;
};

static struct span next_line(struct span *text)
{
    const char *end = memchr(text->at, '\n', text->n);
    struct span line = {text->at, end ? (size_t)(end - text->at) : text->n};
    size_t taken = line.n + (end ? 1 : 0);
    text->at += taken;
    text->n -= taken;
    return line;
}

/* Empty at the end of the line. */
static struct span next_word(struct span *line)
{
    while (line->n && isspace((unsigned char)*line->at)) {
        line->at++;
        line->n--;
    }
    struct span word = {line->at, 0};
    while (word.n < line->n && !isspace((unsigned char)word.at[word.n]))
        word.n++;
    line->at += word.n;
    line->n -= word.n;
    return word;
}

static bool get_number(struct span word, uint64_t *ret)
{
    char digits[24];
    if (word.n == 0 || word.n >= sizeof digits || !isdigit((unsigned char)*word.at))
        return false;
    memcpy(digits, word.at, word.n);
    digits[word.n] = '\0';
    return parse_u64(digits, 0, UINT64_MAX, ret) == 0;
}

/* Both parts without the group's colon; names are letters and digits, as nstat(8) has them. */
static bool make_name(struct span group, struct span name, const char *format,
                      char ret[SNMP_NAME_MAX])
{
    for (size_t i = 0; i < name.n; i++)
        if (!isalnum((unsigned char)name.at[i]) && name.at[i] != '_')
            return false;
    for (size_t i = 0; i < group.n; i++)
        if (!isalnum((unsigned char)group.at[i]))
            return false;
    if (name.n == 0 || group.n + name.n + 16 > SNMP_NAME_MAX)
        return false;
    snprintf(ret, SNMP_NAME_MAX, format, (int)group.n, group.at, (int)name.n, name.at);
    return true;
}

struct counters {
    snmp_sink *sink;
    void *ctx;
};

static int give(const struct counters *c, struct span group, struct span name, const char *format,
                struct span value)
{
    char full[SNMP_NAME_MAX];
    uint64_t number;
    if (!get_number(value, &number) || !make_name(group, name, format, full))
        return 0;
    return c->sink(c->ctx, full, number);
}

/* "TcpExt: A B" and "TcpExt: 1 2". */
static int take_two_lines(const struct counters *c, struct span group, struct span names,
                          struct span values)
{
    for (;;) {
        struct span name = next_word(&names), value = next_word(&values);
        if (name.n == 0 || value.n == 0)
            return 0;
        int r = give(c, group, name, "%.*s%.*s", value);
        if (r)
            return r;
    }
}

/* "TCP: inuse 5 orphan 0". */
static int take_levels(const struct counters *c, struct span group, struct span rest)
{
    for (;;) {
        struct span name = next_word(&rest), value = next_word(&rest);
        if (value.n == 0)
            return 0;
        int r = give(c, group, name, "sockstat.%.*s.%.*s", value);
        if (r)
            return r;
    }
}

/* The group's name, if the word is one: it ends in a colon. */
static bool is_group(struct span word, struct span *ret)
{
    if (word.n < 2 || word.at[word.n - 1] != ':')
        return false;
    *ret = (struct span){word.at, word.n - 1};
    return true;
}

static bool is_names(struct span rest)
{
    struct span first = next_word(&rest), second = next_word(&rest);
    uint64_t number;
    return first.n && !get_number(first, &number) && !get_number(second, &number);
}

int snmp_parse(const char *text, size_t n, snmp_sink *sink, void *ctx)
{
    const struct counters c = {sink, ctx};
    struct span left = {text, n};
    while (left.n) {
        struct span line = next_line(&left), word = next_word(&line), group, again;
        int r = 0;
        if (!is_group(word, &group)) {
            r = give(&c, (struct span){"", 0}, word, "%.*s%.*s", next_word(&line));
        } else if (is_names(line)) {
            struct span ahead = left, values = next_line(&ahead), other = next_word(&values);
            if (is_group(other, &again) && again.n == group.n &&
                memcmp(again.at, group.at, group.n) == 0) {
                left = ahead;
                r = take_two_lines(&c, group, line, values);
            }
        } else {
            r = take_levels(&c, group, line);
        }
        if (r)
            return r;
    }
    return 0;
}

int snmp_read(snmp_sink *sink, void *ctx)
{
    static const char *const files[] = {"snmp", "snmp6", "netstat", "sockstat", "sockstat6"};
    int result = -ENOENT;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        _cleanup_buf_ struct buf text = BUF_INIT(FILE_CEILING);
        char path[64];
        snprintf(path, sizeof path, "/proc/thread-self/net/%s", files[i]);
        int r = fd_read_file(AT_FDCWD, path, &text);
        if (r == -ENOENT)
            continue;
        if (r == 0)
            r = snmp_parse(text.data, text.len, sink, ctx);
        if (r)
            return r;
        result = 0;
    }
    return result;
}
