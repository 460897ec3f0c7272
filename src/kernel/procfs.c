#include "kernel/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"

int procfs_dir_open(struct procfs_dir *d, int dirfd, const char *path)
{
    d->at = d->len = 0;
    d->fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return d->fd < 0 ? -errno : 0;
}

void procfs_dir_close(struct procfs_dir *d)
{
    fd_close(&d->fd);
}

static bool read_number(const char *name, uint32_t *ret)
{
    uint64_t value = 0;
    if (!*name)
        return false;
    for (; *name; name++) {
        if (*name < '0' || *name > '9')
            return false;
        value = value * 10 + (unsigned)(*name - '0');
        if (value > INT32_MAX)
            return false;
    }
    *ret = (uint32_t)value;
    return true;
}

int procfs_dir_skip(struct procfs_dir *d, uint32_t fd)
{
    d->at = d->len = 0;
    return lseek(d->fd, (off_t)fd + 2, SEEK_SET) < 0 ? -errno : 0;
}

int procfs_dir_next(struct procfs_dir *d, uint32_t *ret)
{
    for (;;) {
        if (d->at >= d->len) {
            ssize_t n = getdents64(d->fd, d->buffer, sizeof d->buffer);
            if (n <= 0)
                return n < 0 ? -errno : 0;
            d->at = 0;
            d->len = (uint32_t)n;
        }
        const struct dirent64 *entry = (const void *)(d->buffer + d->at);
        if (entry->d_reclen == 0)
            return -EIO;
        d->at += entry->d_reclen;
        if (read_number(entry->d_name, ret))
            return 1;
    }
}

uint64_t procfs_pid_namespace(void)
{
    struct stat st;
    return stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
}

int procfs_sockfs_device(uint64_t *ret)
{
    struct stat st;
    _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    *ret = st.st_dev;
    return 0;
}

/* statx(2) with a short mask is the cheapest question: no text of a link is made and parsed, and
 * with AT_STATX_DONT_SYNC a descriptor on a network file system asks no server, so that a dead one
 * cannot hang us. */
int procfs_fd_socket(int dirfd, uint32_t fd, uint64_t sockfs, uint64_t *ret_inode)
{
    char name[11];
    struct statx st;
    procfs_format_number(name, fd);
    if (statx(dirfd, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE | STATX_INO, &st) < 0)
        return -errno;
    if (!S_ISSOCK(st.stx_mode) || makedev(st.stx_dev_major, st.stx_dev_minor) != sockfs)
        return 0; /* a socket's file in a directory, opened with O_PATH, is on another device */
    *ret_inode = st.stx_ino;
    return 1;
}

unsigned procfs_format_number(char *to, uint32_t n)
{
    char digits[10];
    unsigned at = sizeof digits, len;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    len = (unsigned)sizeof digits - at;
    memcpy(to, digits + at, len);
    to[len] = '\0';
    return len;
}
