#include "flow/ends.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"

/* Files */

static const struct {
    const char *word;
    int flags;
} ways[] = {
    {"read", O_RDONLY},
    {"write", O_WRONLY | O_CREAT | O_TRUNC},
    {"append", O_WRONLY | O_CREAT | O_APPEND},
};
enum { WAY_READ, WAY_WRITE, WAYS = sizeof ways / sizeof *ways };

/* The last word behind the path, if it is one of ours, says how. */
int end_file_path(const struct endpoint *ep, enum end_role role, char path[PATH_MAX],
                  int *ret_flags)
{
    size_t n = strlen(ep->text);
    const char *comma = strrchr(ep->text, ',');
    *ret_flags = ways[role == END_SOURCE ? WAY_READ : WAY_WRITE].flags;
    for (int i = 0; comma && i < WAYS; i++)
        if (strcmp(comma + 1, ways[i].word) == 0) {
            n = (size_t)(comma - ep->text);
            *ret_flags = ways[i].flags;
        }
    if (n >= PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(path, ep->text, n);
    path[n] = '\0';
    return 0;
}

/* A FIFO that nobody reads yet isn't waited for: ENXIO, fifo(7). */
static int open_file(struct stream *ret, const struct endpoint *ep, enum end_role role,
                     struct err *err)
{
    char path[PATH_MAX];
    int flags, result = end_file_path(ep, role, path, &flags);
    if (result < 0)
        return err_set(err, -result, "open", ep->text, NULL);
    bool reads = (flags & O_ACCMODE) == O_RDONLY;
    int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    if (fd < 0)
        return err_set(err, errno, reads ? "read" : "write", path,
                       errno == ENXIO ? "nobody reads from it yet" : NULL);
    stream_init_own(ret, reads ? fd : -1, reads ? -1 : fd);
    return 0;
}

static int check_file(const struct endpoint *ep, enum end_role role, struct err *err)
{
    char path[PATH_MAX];
    int flags, result = end_file_path(ep, role, path, &flags);
    if (result < 0)
        return err_set(err, -result, "open", ep->text, NULL);
    bool reads = (flags & O_ACCMODE) == O_RDONLY;
    if (access(path, reads ? R_OK : W_OK) == 0)
        return 0;
    if (errno != ENOENT || reads)
        return err_set(err, errno, reads ? "read" : "write", path, NULL);
    /* It will be made, in a folder that is there. */
    char *slash = strrchr(path, '/');
    if (slash)
        slash[slash == path ? 1 : 0] = '\0';
    if (access(slash ? path : ".", W_OK | X_OK) == 0)
        return 0;
    int error = errno;
    end_file_path(ep, role, path, &flags);
    return err_set(err, error, "write", path, error == ENOENT ? "no such folder" : NULL);
}

/* Descriptors from elsewhere */

/* Its mode, or a negative errno. */
static int check_inherited(int fd, struct err *err)
{
    char name[16];
    int mode = fcntl(fd, F_GETFL);
    snprintf(name, sizeof name, "fd:%d", fd);
    if (mode < 0)
        return err_set(err, errno, "use", name, "no such descriptor was inherited");
    if (fcntl(fd, F_GETFD) & FD_CLOEXEC)
        return err_set(err, EBADF, "use", name, "it wasn't inherited, but is our own");
    return mode & O_ACCMODE;
}

static int open_inherited(struct stream *ret, int fd, struct err *err)
{
    int mode = check_inherited(fd, err);
    if (mode < 0)
        return mode;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    stream_init_shared(ret, mode == O_WRONLY ? -1 : fd, mode == O_RDONLY ? -1 : fd);
    return 0;
}

/* Any */

bool end_is_for(enum endpoint_scheme scheme)
{
    switch (scheme) {
    case ENDPOINT_FILE:
    case ENDPOINT_SERIAL:
    case ENDPOINT_EXEC:
    case ENDPOINT_PTY:
    case ENDPOINT_FD:
    case ENDPOINT_STDIO:
        return true;
    default:
        return false;
    }
}

int end_check(const struct endpoint *ep, enum end_role role, struct err *err)
{
    switch (ep->scheme) {
    case ENDPOINT_FILE:
        return check_file(ep, role, err);
    case ENDPOINT_SERIAL:
        return end_check_serial(ep, err);
    case ENDPOINT_EXEC:
    case ENDPOINT_PTY:
        return end_check_process(ep, err);
    case ENDPOINT_FD: {
        int mode = check_inherited(ep->fd, err);
        return mode < 0 ? mode : 0;
    }
    default:
        return 0;
    }
}

int end_open(struct loop *l, struct end *e, struct stream *ret, const struct endpoint *ep,
             const struct end_how *how, struct err *err)
{
    switch (ep->scheme) {
    case ENDPOINT_FILE:
        return open_file(ret, ep, how->role, err);
    case ENDPOINT_SERIAL:
        return end_open_serial(e, ret, ep, err);
    case ENDPOINT_EXEC:
    case ENDPOINT_PTY:
        return end_open_process(l, e, ret, ep, how, err);
    case ENDPOINT_FD:
        return open_inherited(ret, ep->fd, err);
    default:
        stream_init_shared(ret, STDIN_FILENO, STDOUT_FILENO);
        return 0;
    }
}

void end_close(struct loop *l, struct end *e)
{
    terminal_restore(&e->mode);
    child_forget(l, &e->child);
}
