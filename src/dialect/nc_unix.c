/* nc over UNIX sockets: paths, and after @ abstract names. A path that is to be bound is removed
 * before, whatever it is: as the original does.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "dialect/nc.h"

/* The address's length, or a negative errno. A path needs its NUL; a name after @ doesn't. */
static int address(const char *name, struct sockaddr_un *ret)
{
    size_t length = strlen(name);
    bool abstract = name[0] == '@';

    if (length > sizeof(ret->sun_path) - !abstract)
        return -ENAMETOOLONG;
    if (length == 0)
        return -EINVAL;
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret->sun_path, name, length);
    if (abstract)
        ret->sun_path[0] = '\0';
    return (int)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
}

static int bind_to(const struct nc *n, int fd, const char *name)
{
    struct sockaddr_un a;
    int size = address(name, &a);

    if (size < 0)
        return size;
    if (name[0] != '@')
        unlink(name);
    if (bind(fd, (struct sockaddr *)&a, (socklen_t)size) < 0)
        return -errno;
    if (n->verbose)
        nc_tell("Bound on %s", name);
    return 0;
}

int nc_listen_unix(const struct nc *n)
{
    enum { BACKLOG = 5 };
    int fd = socket(AF_UNIX, (n->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    int r = fd < 0 ? -errno : bind_to(n, fd, n->host);

    if (r < 0)
        nc_die("%s", strerror(-r));
    if (n->udp)
        return fd;
    if (listen(fd, BACKLOG) < 0)
        nc_die("%s", strerror(errno));
    if (n->verbose)
        nc_tell("Listening on %s", n->host);
    return fd;
}

/* A name for a datagram client, so that it can be answered. */
static char *temporary(void)
{
    char folder[] = "/tmp/nc-XXXXXX";
    char *path;

    if (!mkdtemp(folder))
        nc_die("mktemp failed: %s", strerror(errno));
    if (asprintf(&path, "%s/recv.sock", folder) < 0)
        nc_die("%s", strerror(ENOMEM));
    return path;
}

void nc_remove_temporary(char *path)
{
    if (!path)
        return;
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
    free(path);
}

static int fail(const char *name, int error, int *fd)
{
    fd_close(fd);
    nc_warn("%s: %s", name, strerror(error));
    return -1;
}

int nc_connect_unix(const struct nc *n, char **ret_temporary)
{
    struct sockaddr_un a;
    const char *own = n->source;

    *ret_temporary = NULL;
    if (n->udp && !own)
        own = *ret_temporary = temporary();
    int fd = socket(AF_UNIX, (n->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    int r = fd < 0 ? -errno : n->udp ? bind_to(n, fd, own) : 0;
    if (r < 0)
        return fail(own, -r, &fd);
    int size = address(n->host, &a);
    if (size < 0)
        return fail(n->host, -size, &fd);
    if (connect(fd, (struct sockaddr *)&a, (socklen_t)size) < 0)
        return fail(n->host, errno, &fd);
    return fd;
}
