#include "flow/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"

enum { MOST = 1024 };

int activation_take(void)
{
    const char *pid_text = getenv("LISTEN_PID"), *n_text = getenv("LISTEN_FDS");
    uint64_t pid, n;
    if (!pid_text || !n_text)
        return 0;
    if (parse_u64(pid_text, 1, INT32_MAX, &pid) < 0 || parse_u64(n_text, 0, MOST, &n) < 0)
        return -EINVAL;
    if ((pid_t)pid != getpid())
        return 0;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    for (int fd = ACTIVATION_FIRST_FD; fd < ACTIVATION_FIRST_FD + (int)n; fd++)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            return -EINVAL;
    return (int)n;
}

int activation_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!path || !*path)
        return 0;
    size_t n = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || n >= sizeof to.sun_path)
        return -EINVAL;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, size) < 0)
        return -errno;
    return 0;
}
