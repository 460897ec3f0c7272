/* Output through a pager: $PAGER, else less, else more. */
#pragma once
#include <signal.h>
#include <sys/types.h>

struct pager {
    pid_t pid; /* 0: none runs */
    int fd;    /* where to write: the pager's input, or stdout when none runs */
    struct sigaction old_int, old_quit, old_pipe;
};

#define PAGER_NONE ((struct pager){.fd = 1})

/* Starts one if stdout is a terminal and a pager can be found; otherwise *ret is PAGER_NONE, and
 * that is no failure. While it runs SIGINT and SIGQUIT are left to it, and SIGPIPE is ignored: a
 * pager that was left early shows as -EPIPE from the output, a reason to stop quietly. Detect
 * render options from stdout, not from fd. 0 or a negative errno. */
int pager_start(struct pager *ret);
/* Closes fd, waits for the pager to end, restores the signals. 0, or -ENOENT if the command could
 * not be run. Calling it with PAGER_NONE or twice does nothing. */
int pager_end(struct pager *p);
