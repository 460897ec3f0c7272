#include "cmd/child_environment.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "flow/target.h"

static void put_end(char *address, char *port, const char *end, const struct sockaddr_storage *from,
                    socklen_t n)
{
    enum { ROOM = 160 };
    struct net_addr a;
    uint16_t number = 0;
    _cleanup_buf_ struct buf text = BUF_INIT(256);
    if (target_get_ip(from, &a, &number)) {
        net_addr_format(&text, &a);
    } else {
        _cleanup_buf_ struct buf whole = BUF_INIT(256);
        target_format(&whole, from, n);
        const char *colon = strchr(buf_cstr(&whole), ':');
        buf_str(&text, colon ? colon + 1 : "");
    }
    snprintf(address, ROOM, "BERTH_%s_ADDR=%s", end, buf_cstr(&text));
    snprintf(port, ROOM, "BERTH_%s_PORT=%u", end, number);
}

void child_environment_fill(struct child_environment *env, const char *proto,
                            const struct sockaddr_storage *local, socklen_t local_n,
                            const struct sockaddr_storage *peer, socklen_t peer_n)
{
    put_end(env->texts[0], env->texts[1], "LOCAL", local, local_n);
    put_end(env->texts[2], env->texts[3], "REMOTE", peer, peer_n);
    snprintf(env->texts[4], sizeof env->texts[4], "BERTH_PROTO=%s", proto);
    for (size_t i = 0; i < CHILD_ENVIRONMENT_N; i++)
        env->entries[i] = env->texts[i];
    env->entries[CHILD_ENVIRONMENT_N] = NULL;
}
