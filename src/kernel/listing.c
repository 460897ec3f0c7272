#include "kernel/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

static int start(const char *const *command, int out, pid_t *ret)
{
    static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
                                              NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    /* posix_spawn writes to neither; its type is older than const. */
    int code = posix_spawn(ret, command[0], &actions, NULL, (char *const *)command,
                           (char *const *)environment);
    posix_spawn_file_actions_destroy(&actions);
    return -code;
}

int listing_read(const char *const *command, struct buf *into)
{
    int ends[2], status;
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    _cleanup_fd_ int from = ends[0];
    _cleanup_fd_ int to = ends[1];
    int r = start(command, to, &pid);
    if (r < 0)
        return r;
    fd_close(&to);
    r = fd_read_all(from, into);
    fd_close(&from);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return r < 0 ? r : WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}
