/* A process on a socket: its standard input and output are the connection itself.
 *
 * No shell, no thread, no copy of memory: posix_spawn(3), which vforks. The child has a session of
 * its own, so that our terminal and its signals are ours alone, no signal blocked or ignored, and
 * no other descriptor than standard error. Its end is an event of the loop (pidfd_open(2), Linux
 * 5.3).
 */
#pragma once
#include <sys/types.h>

#include "flow/loop.h"

struct child {
    pid_t pid;  /* 0: none runs */
    int status; /* as of wait(2), once it has ended */
    /* Called once, when it has ended and was waited for. */
    void (*ended)(struct loop *l, struct child *c);
    struct loop_watch watch;
    int pidfd;
};

/* path: a file, not looked up. in and out stay the caller's. c->ended must be set. 0 or a negative
 * errno. */
int child_start(struct loop *l, struct child *c, const char *path, char *const *argv,
                char *const *environment, int in, int out);
/* The same on a terminal, by its path (/dev/pts/3): its standard input, output and error, and its
 * controlling terminal, and that of its session. */
int child_start_on_terminal(struct loop *l, struct child *c, const char *path, char *const *argv,
                            char *const *environment, const char *terminal);
/* To the child and all of its group. Nothing where none runs. */
void child_signal(struct child *c, int signal);
/* It isn't watched any more, and waited for only if it has ended. */
void child_forget(struct loop *l, struct child *c);

/* Where PATH has a command; a word with a slash stands for itself. 0 with a text to be freed, or a
 * negative errno: -ENOENT, -EACCES. */
int child_find(const char *command, char **ret);
