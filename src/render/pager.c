#include "render/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

/* What sh says when it doesn't find a command (POSIX, Shell Command Language 2.8.2). */
enum { STATUS_NOT_FOUND = 127 };

static bool in_path(const char *name)
{
    const char *path = getenv("PATH");
    for (const char *at = path ? path : "/usr/bin:/bin"; *at;) {
        size_t n = strcspn(at, ":");
        char file[4096];
        if (n + strlen(name) + 2 <= sizeof file) {
            memcpy(file, at, n);
            file[n] = '/';
            memcpy(file + n + 1, name, strlen(name) + 1);
            if (access(file, X_OK) == 0)
                return true;
        }
        at += n + (at[n] == ':');
    }
    return false;
}

/* A command for sh, or NULL for none. An empty $PAGER and cat mean that none is wanted. */
static const char *command(void)
{
    const char *pager = getenv("PAGER");
    if (pager)
        return *pager && strcmp(pager, "cat") != 0 ? pager : NULL;
    if (in_path("less"))
        return "exec less";
    return in_path("more") ? "exec more" : NULL;
}

/* The environment, and in it options for less, by whatever command it is started, unless there are
 * some: colours as they are, and no screen of its own for a short text. NULL without memory. */
static char **pager_environment(void)
{
    size_t n = 0;
    while (environ[n])
        n++;
    char **all = calloc(n + 2, sizeof *all);
    if (!all)
        return NULL;
    memcpy(all, environ, n * sizeof *all);
    if (!getenv("LESS"))
        all[n] = (char *)"LESS=FRX";
    return all;
}

/* With the pipe's end as its input, and the signals as they usually are. */
static int spawn(const char *shell_command, int input, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t usual;
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)shell_command, NULL};

    int e = posix_spawn_file_actions_init(&actions);
    if (e)
        return -e;
    e = posix_spawnattr_init(&attributes);
    if (e) {
        posix_spawn_file_actions_destroy(&actions);
        return -e;
    }
    e = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (!e)
        e = posix_spawnattr_setsigdefault(&attributes, &usual);
    if (!e)
        e = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    char **environment = pager_environment();
    if (!e)
        e = environment ? posix_spawn(ret, "/bin/sh", &actions, &attributes, argv, environment)
                        : ENOMEM;
    free(environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -e;
}

static void ignore_signals(struct pager *p)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &ignore, &p->old_int);
    sigaction(SIGQUIT, &ignore, &p->old_quit);
    sigaction(SIGPIPE, &ignore, &p->old_pipe);
}

static void restore_signals(const struct pager *p)
{
    sigaction(SIGINT, &p->old_int, NULL);
    sigaction(SIGQUIT, &p->old_quit, NULL);
    sigaction(SIGPIPE, &p->old_pipe, NULL);
}

int pager_start(struct pager *ret)
{
    const char *shell_command = isatty(STDOUT_FILENO) ? command() : NULL;
    if (!shell_command) {
        *ret = PAGER_NONE;
        return 0;
    }

    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    _cleanup_fd_ int input = ends[0];
    _cleanup_fd_ int output = ends[1];
    struct pager p = {.pid = 0};
    int e = spawn(shell_command, input, &p.pid);
    if (e < 0)
        return e;
    ignore_signals(&p);
    p.fd = fd_take(&output);
    *ret = p;
    return 0;
}

int pager_end(struct pager *p)
{
    if (p->pid == 0)
        return 0;
    fd_close(&p->fd);
    int status = 0;
    pid_t got;
    do
        got = waitpid(p->pid, &status, 0);
    while (got < 0 && errno == EINTR);
    restore_signals(p);
    *p = PAGER_NONE;
    return got > 0 && WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NOT_FOUND ? -ENOENT : 0;
}
