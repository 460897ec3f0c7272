/* The texts of /proc/PID and the paths of control groups: whatever they hold, the parsers stay
 * inside them, change no output on failure, and say the same of what they took apart. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "kernel/process.h"
#include "net/cgroup.h"

static void check_stat(const char *bytes, size_t n)
{
    struct process_stat s = {.ppid = -7, .state = '!'};
    int r = process_parse_stat(bytes, n, &s);
    if (r < 0) {
        fuzz_check(r == -EINVAL, "only EINVAL");
        fuzz_check(s.ppid == -7 && s.state == '!', "a failure changes nothing");
        return;
    }
    size_t len = strnlen(s.comm, sizeof s.comm);
    fuzz_check(len < sizeof s.comm, "the comm ends");
    const char *open = memchr(bytes, '(', n);
    fuzz_check(open && memcmp(open + 1, s.comm, len) == 0, "the comm is what stands there");
    fuzz_check(s.ppid >= 0, "a pid is not negative");
}

static void check_cmdline(const char *bytes, size_t n)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20);
    process_parse_cmdline(bytes, n, &out);
    fuzz_check(out.failed || out.len <= n, "the line is no longer than its words");
    fuzz_check(out.len == 0 || !memchr(out.data, '\0', out.len), "no NUL is left");
}

/* A name that came out of a path has no blank, no control character and no slash. */
static bool is_clean(const char *text, bool slash)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f || (*text == '/' && !slash))
            return false;
    return true;
}

static void check_cgroup(const char *bytes, size_t n)
{
    const char *path = NULL;
    size_t len = 0;
    if (process_parse_cgroup(bytes, n, &path, &len) < 0) {
        fuzz_check(!path && !len, "a failure changes nothing");
        return;
    }
    fuzz_check(path >= bytes && len > 0 && path + len <= bytes + n, "the path lies in the text");
    fuzz_check(*path == '/' && !memchr(path, '\n', len), "it is a path, of one line");

    char *text = strndup(path, len);
    struct net_cgroup c;
    if (!text)
        return;
    net_cgroup_explain(text, &c);
    fuzz_check(strnlen(c.unit, sizeof c.unit) < sizeof c.unit, "the unit ends");
    fuzz_check(strnlen(c.container, sizeof c.container) < sizeof c.container, "the id ends");
    fuzz_check(is_clean(c.unit, false), "a unit's name has no odd characters");
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_stat((const char *)data, size);
    check_cmdline((const char *)data, size);
    check_cgroup((const char *)data, size);
    return 0;
}
