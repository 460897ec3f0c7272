#include "kernel/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/hash.h"

enum { INFO_MAX = 16 << 10, LIST_MAX = 256 << 20 };

int descriptor_flags(int32_t pid, int32_t fd, uint32_t *ret)
{
    _cleanup_buf_ struct buf info = BUF_INIT(INFO_MAX);
    char path[64];
    unsigned flags;
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", pid, fd);
    int r = fd_read_file(AT_FDCWD, path, &info);
    if (r < 0 && r != -EFBIG)
        return r;
    const char *line = strstr(buf_cstr(&info), "flags:");
    if (!line || sscanf(line, "flags: %o", &flags) != 1)
        return -EINVAL;
    *ret = flags;
    return 0;
}

int descriptor_protocol(int32_t pid, int32_t fd, char *ret, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
    ssize_t n = getxattr(path, "system.sockprotoname", ret, size - 1);
    if (n < 0)
        return -errno;
    ret[n] = '\0';
    return 0;
}

/* "0000000012345678: 00000002 00000000 00010000 0001 01 23456 /path" */
static bool read_unix(const char *line, unsigned long long *ret_inode, unsigned long long *ret)
{
    return sscanf(line, "%llx: %*x %*x %*x %*x %*x %llu", ret, ret_inode) == 2;
}

/* "0000000012345678 3      3    0003   2     1 0      0      23456" */
static bool read_packet(const char *line, unsigned long long *ret_inode, unsigned long long *ret)
{
    return sscanf(line, "%*x %*u %llu %*x %*u %*u %*u %*u %llu", ret, ret_inode) == 2;
}

typedef bool line_reader(const char *line, unsigned long long *ret_inode, unsigned long long *ret);

static int take_line(const char *line, line_reader *read, struct hash *ret)
{
    unsigned long long number, inode;
    if (!read(line, &inode, &number))
        return 0;
    uint64_t *value = hash_put(ret, inode, NULL);
    if (!value)
        return -ENOMEM;
    *value = number;
    return 0;
}

static int read_lines(const char *path, line_reader *read, struct hash *ret)
{
    _cleanup_buf_ struct buf text = BUF_INIT(LIST_MAX);
    int r = fd_read_file(AT_FDCWD, path, &text);
    if (r < 0)
        return r;
    /* Names may hold anything but a NUL, newlines too: a line that reads otherwise is passed by. */
    for (const char *at = buf_cstr(&text); at && r == 0;) {
        r = take_line(at, read, ret);
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    return r;
}

int descriptor_unix_numbers(struct hash *ret)
{
    return read_lines("/proc/thread-self/net/unix", read_unix, ret);
}

int descriptor_packet_types(struct hash *ret)
{
    int r = read_lines("/proc/thread-self/net/packet", read_packet, ret);
    return r == -ENOENT ? 0 : r; /* a kernel without such sockets */
}
