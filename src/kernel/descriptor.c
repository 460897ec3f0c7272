#include "kernel/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/hash.h"

enum { INFO_MAX = 16 << 10, LIST_MAX = 256 << 20 };

int descriptor_parse_flags(const char *text, uint32_t *ret)
{
    unsigned flags;
    const char *line = strstr(text, "flags:");
    if (!line || sscanf(line, "flags: %o", &flags) != 1)
        return -EINVAL;
    *ret = flags;
    return 0;
}

int descriptor_flags(int32_t pid, int32_t fd, uint32_t *ret)
{
    _cleanup_buf_ struct buf info = BUF_INIT(INFO_MAX);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", pid, fd);
    int r = fd_read_file(AT_FDCWD, path, &info);
    if (r < 0 && r != -EFBIG)
        return r;
    return descriptor_parse_flags(buf_cstr(&info), ret);
}

int descriptor_socket(int32_t pid, int32_t fd)
{
    static const char is_socket[] = "socket:[";
    char path[64], file[sizeof is_socket];
    if (kill(pid, 0) < 0 && errno == ESRCH)
        return -ESRCH;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
    ssize_t n = readlink(path, file, sizeof file);
    if (n < 0)
        return -errno;
    return (size_t)n >= sizeof is_socket - 1 && memcmp(file, is_socket, sizeof is_socket - 1) == 0
               ? 0
               : -ENOTSOCK;
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

/* Names may hold anything but a NUL, newlines too: a line that reads otherwise is passed by. Each
 * line is ended by a NUL first, since sscanf(3) looks for one. */
static int parse_lines(char *text, line_reader *read, struct hash *ret)
{
    int r = 0;
    for (char *line; r == 0 && (line = strsep(&text, "\n"));)
        r = take_line(line, read, ret);
    return r;
}

int descriptor_parse_unix(char *text, struct hash *ret)
{
    return parse_lines(text, read_unix, ret);
}

int descriptor_parse_packet(char *text, struct hash *ret)
{
    return parse_lines(text, read_packet, ret);
}

static int read_lines(const char *path, int (*parse)(char *text, struct hash *ret),
                      struct hash *ret)
{
    _cleanup_buf_ struct buf text = BUF_INIT(LIST_MAX);
    int r = fd_read_file(AT_FDCWD, path, &text);
    if (r < 0)
        return r;
    buf_char(&text, '\0');
    return text.failed ? -ENOMEM : parse(text.data, ret);
}

int descriptor_unix_numbers(struct hash *ret)
{
    return read_lines("/proc/thread-self/net/unix", descriptor_parse_unix, ret);
}

int descriptor_packet_types(struct hash *ret)
{
    int r = read_lines("/proc/thread-self/net/packet", descriptor_parse_packet, ret);
    return r == -ENOENT ? 0 : r; /* a kernel without such sockets */
}
