#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "flow/ends.h"

static int cut_path(const struct endpoint *ep, char path[PATH_MAX], struct err *err)
{
    size_t n = strcspn(ep->text, ",");
    if (n >= PATH_MAX)
        return err_set(err, ENAMETOOLONG, "open serial line", ep->text, NULL);
    memcpy(path, ep->text, n);
    path[n] = '\0';
    return 0;
}

static int fail(const char *path, int error, struct err *err)
{
    return err_set(err, error, "open serial line", path,
                   error == EACCES ? "users of serial lines are in the group dialout" : NULL);
}

int end_check_serial(const struct endpoint *ep, struct err *err)
{
    char path[PATH_MAX];
    int result = cut_path(ep, path, err);
    if (result < 0)
        return result;
    if (access(path, R_OK | W_OK) < 0)
        return fail(path, errno, err);
    const char *comma = strchr(ep->text, ',');
    return terminal_check_words(comma ? comma + 1 : NULL, err);
}

int end_open_serial(struct end *e, struct stream *ret, const struct endpoint *ep, struct err *err)
{
    char path[PATH_MAX];
    const char *comma = strchr(ep->text, ',');
    int cut = cut_path(ep, path, err);
    if (cut < 0)
        return cut;
    _cleanup_fd_ int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return fail(path, errno, err);
    int result = terminal_set_line(&e->mode, fd, comma ? comma + 1 : NULL, err);
    if (result < 0) {
        if (result != -EINVAL) /* that is about the words */
            snprintf(err->subject, sizeof err->subject, "%.*s", (int)sizeof err->subject - 1, path);
        return result;
    }
    stream_init_own(ret, fd, fd);
    fd_take(&fd);
    return 0;
}
