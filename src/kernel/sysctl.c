#include "kernel/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/parse.h"

enum {
    NAME_MAX_LENGTH = 128,
    STEP = 4096,
    NUMBER_ROOM = 16, /* a value that ends this near to the buffer's end may have been cut */
    VALUE_MAX = STEP,
};

static int path_of(const char *name, char *ret, size_t size)
{
    static const char root[] = "/proc/sys/";
    size_t n = strlen(name);
    if (n == 0 || n + sizeof root > size)
        return -EINVAL;
    memcpy(ret, root, sizeof root);
    char *to = ret + sizeof root - 1;
    for (size_t i = 0; i <= n; i++)
        to[i] = name[i] == '.' ? '/' : name[i] == '/' ? '.' : name[i];
    return strstr(to, "..") || *to == '/' ? -EINVAL : 0;
}

/* In one read: most settings give nothing to a second one (proc_do_large_bitmap in
 * kernel/sysctl.c), so that what didn't fit must be read anew, from the start. */
static int read_value(int fd, struct buf *into)
{
    for (size_t size = STEP;; size *= 4) {
        char *to = buf_reserve(into, size);
        if (!to)
            return size > into->max ? -EFBIG : -ENOMEM;
        ssize_t n = pread(fd, to, size, 0);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n < 0) {
            size /= 4;
        } else if ((size_t)n + NUMBER_ROOM < size) {
            into->len = (size_t)n;
            return 0;
        }
    }
}

int sysctl_read(const char *name, struct buf *into)
{
    char path[NAME_MAX_LENGTH];
    int r = path_of(name, path, sizeof path);
    if (r < 0)
        return r;
    buf_clear(into);
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    r = fd < 0 ? -errno : read_value(fd, into);
    if (r < 0)
        return r == -EPERM ? -EACCES : r;
    while (into->len && into->data[into->len - 1] == '\n')
        into->len--;
    return 0;
}

int sysctl_read_u64(const char *name, uint64_t *ret)
{
    _cleanup_buf_ struct buf text = BUF_INIT(VALUE_MAX);
    int r = sysctl_read(name, &text);
    return r < 0 ? r : parse_u64(buf_cstr(&text), 0, UINT64_MAX, ret);
}

int sysctl_read_pair(const char *name, uint32_t *ret_first, uint32_t *ret_second)
{
    _cleanup_buf_ struct buf text = BUF_INIT(VALUE_MAX);
    uint64_t first, second;
    int r = sysctl_read(name, &text);
    if (r < 0 || !buf_reserve(&text, 1))
        return r < 0 ? r : -ENOMEM;
    text.data[text.len] = '\0';

    char *blank = text.data + strcspn(text.data, "\t ");
    if (!*blank)
        return -EINVAL;
    *blank = '\0';
    if (parse_u64(text.data, 0, UINT32_MAX, &first) < 0 ||
        parse_u64(blank + 1, 0, UINT32_MAX, &second) < 0)
        return -EINVAL;
    *ret_first = (uint32_t)first;
    *ret_second = (uint32_t)second;
    return 0;
}
