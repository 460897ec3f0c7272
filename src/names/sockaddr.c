#include "names/sockaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

bool sockaddr_read(const struct sockaddr *from, struct net_addr *ret, uint16_t *ret_port)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    uint16_t port;
    if (from->sa_family == AF_INET) {
        memcpy(&v4, from, sizeof v4);
        *ret = net_addr_from_bytes(AF_INET, &v4.sin_addr);
        port = v4.sin_port;
    } else if (from->sa_family == AF_INET6) {
        memcpy(&v6, from, sizeof v6);
        *ret = net_addr_from_bytes(AF_INET6, &v6.sin6_addr);
        ret->scope = v6.sin6_scope_id;
        port = v6.sin6_port;
    } else {
        return false;
    }
    if (ret_port)
        *ret_port = ntohs(port);
    return true;
}

socklen_t sockaddr_from(struct sockaddr_storage *ret, const struct net_addr *a, uint16_t port)
{
    *ret = (struct sockaddr_storage){0};
    if (a->family == AF_INET) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&v4.sin_addr, a->bytes, sizeof v4.sin_addr);
        memcpy(ret, &v4, sizeof v4);
        return sizeof v4;
    }
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = a->scope};
    memcpy(&v6.sin6_addr, a->bytes, sizeof v6.sin6_addr);
    memcpy(ret, &v6, sizeof v6);
    return sizeof v6;
}
