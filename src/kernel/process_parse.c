/* The texts of /proc/PID, taken apart. Pure, and fuzzed: tests/fuzz/fuzz_procfs.c. */
#include "kernel/process.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"

/* Fields of /proc/PID/stat behind the comm, counted from 0 (state, ppid, …; proc_pid_stat(5)). */
enum { STAT_STATE = 0, STAT_PPID = 1, STAT_THREADS = 17, STAT_START = 19 };

/* Reads a decimal number, with a sign perhaps, up to a blank; the cursor advances on success. */
static int scan_number(const char **at, const char *end, int64_t *ret)
{
    const char *p = *at;
    bool negative = p < end && *p == '-';
    uint64_t value = 0;
    p += negative;
    const char *start = p;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (unsigned)(*p - '0'), &value))
            return -EINVAL;
    if (p == start || (p < end && *p != ' ' && *p != '\n') || value > INT64_MAX)
        return -EINVAL;
    *ret = negative ? -(int64_t)value : (int64_t)value;
    *at = p;
    return 0;
}

/* Steps over n fields, each ended by one blank. */
static int skip_fields(const char **at, const char *end, unsigned n)
{
    const char *p = *at;
    for (; n > 0; n--) {
        p = p < end ? memchr(p, ' ', (size_t)(end - p)) : NULL;
        if (!p)
            return -EINVAL;
        p++;
    }
    *at = p;
    return 0;
}

static int scan_field(const char *fields, const char *end, unsigned index, int64_t least,
                      int64_t most, int64_t *ret)
{
    int64_t value;
    if (skip_fields(&fields, end, index) < 0 || scan_number(&fields, end, &value) < 0 ||
        value < least || value > most)
        return -EINVAL;
    *ret = value;
    return 0;
}

/* "PID (COMM) S PPID …": the comm is whatever stands between the first '(' and the last ')', since
 * a process may call itself ") R 1" or put newlines there, and no later field holds a ')'. */
int process_parse_stat(const char *bytes, size_t n, struct process_stat *ret)
{
    const char *end = bytes + n;
    const char *open = n ? memchr(bytes, '(', n) : NULL;
    const char *close = n ? memrchr(bytes, ')', n) : NULL;
    if (!open || !close || close < open || end - close < 3 || close[1] != ' ')
        return -EINVAL;

    struct process_stat s = {.state = close[2]};
    int64_t ppid, threads, start;
    const char *fields = close + 2;
    if (scan_field(fields, end, STAT_PPID, 0, INT32_MAX, &ppid) < 0 ||
        scan_field(fields, end, STAT_THREADS, 0, INT32_MAX, &threads) < 0 ||
        scan_field(fields, end, STAT_START, 0, INT64_MAX, &start) < 0)
        return -EINVAL;
    size_t len = (size_t)(close - open - 1);
    memcpy(s.comm, open + 1, len < sizeof s.comm - 1 ? len : sizeof s.comm - 1);
    s.ppid = (int32_t)ppid;
    s.threads = (uint32_t)threads;
    s.start_ticks = (uint64_t)start;
    *ret = s;
    return 0;
}

void process_parse_cmdline(const char *bytes, size_t n, struct buf *out)
{
    while (n > 0 && bytes[n - 1] == '\0')
        n--;
    while (n > 0) {
        const char *nul = memchr(bytes, '\0', n);
        size_t word = nul ? (size_t)(nul - bytes) : n;
        buf_add(out, bytes, word);
        if (!nul)
            return;
        buf_char(out, ' ');
        bytes += word + 1;
        n -= word + 1;
    }
}

/* How much a line's path is to be believed, by its hierarchy. */
enum rank { RANK_NONE, RANK_ROOT, RANK_OTHER, RANK_SYSTEMD, RANK_UNIFIED };

static enum rank rank_line(const char *line, size_t before_path, size_t path_len)
{
    if (path_len <= 1) /* "/": in a mixed set-up the other hierarchies may know more */
        return RANK_ROOT;
    if (before_path == 3 && memcmp(line, "0::", 3) == 0)
        return RANK_UNIFIED;
    if (memmem(line, before_path, ":name=systemd:", 14))
        return RANK_SYSTEMD;
    return RANK_OTHER;
}

/* Lines "ID:CONTROLLERS:PATH" (cgroups(7)); a removed group has " (deleted)" behind its path. */
int process_parse_cgroup(const char *bytes, size_t n, const char **ret, size_t *ret_len)
{
    static const char deleted[] = " (deleted)";
    enum rank best = RANK_NONE;
    for (const char *at = bytes, *end = bytes + n; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        const char *colon = memchr(at, ':', (size_t)(stop - at));
        colon = colon ? memchr(colon + 1, ':', (size_t)(stop - colon - 1)) : NULL;
        const char *path = colon ? colon + 1 : stop;
        size_t len = (size_t)(stop - path);
        if (len > sizeof deleted - 1 &&
            memcmp(stop - (sizeof deleted - 1), deleted, sizeof deleted - 1) == 0)
            len -= sizeof deleted - 1;
        enum rank rank = len && *path == '/' ? rank_line(at, (size_t)(path - at), len) : RANK_NONE;
        if (rank > best) {
            best = rank;
            *ret = path;
            *ret_len = len;
        }
        at = stop + 1;
    }
    return best == RANK_NONE ? -EINVAL : 0;
}
