/* What a process that talks to a peer gets as its environment: what tells of the connection
 * (BERTH_LOCAL_ADDR, BERTH_LOCAL_PORT, BERTH_REMOTE_ADDR, BERTH_REMOTE_PORT, BERTH_PROTO). Nothing
 * of ours goes to a process that a stranger speaks to, PATH neither: whoever starts it has looked
 * it up.
 */
#pragma once
#include <sys/socket.h>

enum { CHILD_ENVIRONMENT_N = 5 };

/* It stays where it is. */
struct child_environment {
    char texts[CHILD_ENVIRONMENT_N][160];
    char *entries[CHILD_ENVIRONMENT_N + 1]; /* for exec */
};

void child_environment_fill(struct child_environment *env, const char *proto,
                            const struct sockaddr_storage *local, socklen_t local_n,
                            const struct sockaddr_storage *peer, socklen_t peer_n);
