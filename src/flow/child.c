#include "flow/child.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

static void ready(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct child *c = (struct child *)((char *)w - offsetof(struct child, watch));
    (void)events;
    if (waitpid(c->pid, &c->status, WNOHANG) != c->pid)
        return;
    loop_watch_stop(l, &c->watch);
    fd_close(&c->pidfd);
    c->pid = 0;
    c->ended(l, c);
}

static int watch(struct loop *l, struct child *c)
{
    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    c->watch = (struct loop_watch){.ready = ready};
    return c->pidfd < 0 ? -errno : loop_watch_start(l, &c->watch, c->pidfd, EPOLLIN);
}

/* What a child's standard input, output and error are. */
struct place {
    int in, out;
    const char *terminal; /* instead; NULL none */
};

/* Signals as a program expects them, whatever ours are and were: blocked and ignored ones would
 * outlive execve(2). */
static int set_up(posix_spawnattr_t *a)
{
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int result = posix_spawnattr_setflags(
        a, (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID));
    if (result == 0)
        result = posix_spawnattr_setsigdefault(a, &all);
    return result == 0 ? posix_spawnattr_setsigmask(a, &none) : result;
}

/* The first terminal that a session's leader opens is the one that controls it: tty(4). */
static int place(posix_spawn_file_actions_t *files, const struct place *p)
{
    int result = p->terminal
                     ? posix_spawn_file_actions_addopen(files, STDIN_FILENO, p->terminal, O_RDWR, 0)
                     : posix_spawn_file_actions_adddup2(files, p->in, STDIN_FILENO);
    int out = p->terminal ? STDIN_FILENO : p->out;
    if (result == 0)
        result = posix_spawn_file_actions_adddup2(files, out, STDOUT_FILENO);
    if (result == 0 && p->terminal)
        result = posix_spawn_file_actions_adddup2(files, STDIN_FILENO, STDERR_FILENO);
    /* What whoever started us left open is neither close-on-exec nor meant for the child. */
    return result ? result : posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
}

/* 0 or a positive errno, as posix_spawn has them. */
static int spawn(struct child *c, const char *path, char *const *argv, char *const *environment,
                 const struct place *p)
{
    posix_spawnattr_t a;
    posix_spawn_file_actions_t files;
    int result = posix_spawnattr_init(&a);
    if (result)
        return result;
    result = posix_spawn_file_actions_init(&files);
    if (result == 0) {
        result = set_up(&a);
        if (result == 0)
            result = place(&files, p);
        if (result == 0)
            result = posix_spawn(&c->pid, path, &files, &a, argv, environment);
        posix_spawn_file_actions_destroy(&files);
    }
    posix_spawnattr_destroy(&a);
    return result;
}

static int start(struct loop *l, struct child *c, const char *path, char *const *argv,
                 char *const *environment, const struct place *p)
{
    int result = -spawn(c, path, argv, environment, p);
    if (result < 0) {
        c->pid = 0;
        return result;
    }
    result = watch(l, c);
    if (result < 0) { /* without descriptors its end can't be seen */
        kill(-c->pid, SIGKILL);
        waitpid(c->pid, NULL, 0);
        fd_close(&c->pidfd);
        c->pid = 0;
    }
    return result;
}

int child_start(struct loop *l, struct child *c, const char *path, char *const *argv,
                char *const *environment, int in, int out)
{
    return start(l, c, path, argv, environment, &(struct place){.in = in, .out = out});
}

int child_start_on_terminal(struct loop *l, struct child *c, const char *path, char *const *argv,
                            char *const *environment, const char *terminal)
{
    return start(l, c, path, argv, environment, &(struct place){.terminal = terminal});
}

void child_signal(struct child *c, int signal)
{
    if (c->pid > 0)
        kill(-c->pid, signal);
}

void child_forget(struct loop *l, struct child *c)
{
    if (c->pid <= 0)
        return;
    loop_watch_stop(l, &c->watch);
    fd_close(&c->pidfd);
    waitpid(c->pid, NULL, WNOHANG);
    c->pid = 0;
}

/* PATH */

static int check(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    return access(path, X_OK) < 0 ? -errno : 0;
}

static int take(const char *path, char **ret)
{
    int result = check(path);
    if (result < 0)
        return result;
    char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    *ret = copy;
    return 0;
}

int child_find(const char *command, char **ret)
{
    const char *path = getenv("PATH");
    int worst = -ENOENT;
    if (strchr(command, '/'))
        return take(command, ret);
    if (!*command)
        return -ENOENT;
    for (const char *at = path ? path : "/bin:/usr/bin"; at;) {
        char whole[4096];
        size_t n = strcspn(at, ":");
        int length =
            snprintf(whole, sizeof whole, "%.*s/%s", n ? (int)n : 1, n ? at : ".", command);
        int result = (size_t)length < sizeof whole ? take(whole, ret) : -ENAMETOOLONG;
        if (result == 0 || result == -ENOMEM)
            return result;
        if (result == -EACCES)
            worst = result;
        at = at[n] ? at + n + 1 : NULL;
    }
    return worst;
}
