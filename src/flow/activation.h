/* Sockets that a service manager opened before, and word to it that all is ready: the protocols of
 * sd_listen_fds(3) and sd_notify(3), without their library.
 */
#pragma once

enum { ACTIVATION_FIRST_FD = 3 };

/* How many descriptors were handed over, from ACTIVATION_FIRST_FD on; they are close-on-exec from
 * now on, and the environment no longer names them. 0: none, or they are another process's.
 * -EINVAL for an environment that makes no sense. */
int activation_take(void);
/* "READY=1", "STOPPING=1" …: several lines are several words. Nothing without $NOTIFY_SOCKET. 0 or
 * a negative errno. */
int activation_notify(const char *state);
