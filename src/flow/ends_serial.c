#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "flow/ends.h"

int end_open_serial(struct end *e, struct stream *ret, const struct endpoint *ep, struct err *err)
{
    char path[PATH_MAX];
    const char *comma = strchr(ep->text, ',');
    size_t n = comma ? (size_t)(comma - ep->text) : strlen(ep->text);
    if (n >= sizeof path)
        return err_set(err, ENAMETOOLONG, "open serial line", ep->text, NULL);
    memcpy(path, ep->text, n);
    path[n] = '\0';
    _cleanup_fd_ int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, errno, "open serial line", path,
                       errno == EACCES ? "users of serial lines are in the group dialout" : NULL);
    int result = terminal_set_line(&e->mode, fd, comma ? comma + 1 : NULL, err);
    if (result < 0) {
        if (result != -EINVAL) /* that is about the words */
            snprintf(err->subject, sizeof err->subject, "%.*s", (int)sizeof err->subject - 1, path);
        return result;
    }
    ioctl(fd, TIOCEXCL);
    stream_init_own(ret, fd, fd);
    fd_take(&fd);
    return 0;
}
