#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"

enum { READ_STEP = 4096 };

void fd_close(int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    close(*fd);
    errno = saved;
    *fd = -1;
}

int fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

int fd_read_all(int fd, struct buf *into)
{
    for (;;) {
        size_t room = into->max - into->len, step = room < READ_STEP ? room : READ_STEP;
        if (step == 0)
            return -EFBIG;
        char *to = buf_reserve(into, step);
        if (!to)
            return -ENOMEM;
        ssize_t n = read(fd, to, step);
        if (n == 0)
            return 0;
        if (n > 0)
            into->len += (size_t)n;
        else if (errno != EINTR)
            return -errno;
    }
}

int fd_read_file(int dirfd, const char *path, struct buf *into)
{
    buf_clear(into);
    _cleanup_fd_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd_read_all(fd, into);
}

int fd_write_all(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t done = write(fd, at, n);
        if (done >= 0) {
            at += done;
            n -= (size_t)done;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}
