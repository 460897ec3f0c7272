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

/* The path without its last word, if that is one of ours. */
static int cut_path(const struct endpoint *ep, enum end_role role, char path[PATH_MAX],
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
    int flags, result = cut_path(ep, role, path, &flags);
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

/* Descriptors from elsewhere */

static int open_inherited(struct stream *ret, int fd, struct err *err)
{
    char name[16];
    int mode = fcntl(fd, F_GETFL);
    snprintf(name, sizeof name, "fd:%d", fd);
    if (mode < 0)
        return err_set(err, errno, "use", name, "no such descriptor was inherited");
    if (fcntl(fd, F_GETFD) & FD_CLOEXEC)
        return err_set(err, EBADF, "use", name, "it wasn't inherited, but is our own");
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    mode &= O_ACCMODE;
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
