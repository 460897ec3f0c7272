/*
 * Socket options, one row each: how it is written, how it is set, how it is read back. What is
 * reported is read back from the kernel, which doubles sndbuf and rcvbuf and rounds others.
 */
#include "mksock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/in6.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Newer than Debian 12's headers: include/uapi/linux/in.h of Linux 6.3 */
#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

enum option_type { OPTION_INT, OPTION_TEXT, OPTION_LINGER, OPTION_RANGE, OPTION_MEMBER };

struct mk_option {
    const char *name;
    int level;
    int number;
    enum option_type type;
};

static const struct mk_option options[] = {
    {"reuseaddr", SOL_SOCKET, SO_REUSEADDR, OPTION_INT},
    {"reuseport", SOL_SOCKET, SO_REUSEPORT, OPTION_INT},
    {"device", SOL_SOCKET, SO_BINDTODEVICE, OPTION_TEXT},
    {"mark", SOL_SOCKET, SO_MARK, OPTION_INT},
    {"priority", SOL_SOCKET, SO_PRIORITY, OPTION_INT},
    {"keepalive", SOL_SOCKET, SO_KEEPALIVE, OPTION_INT},
    {"linger", SOL_SOCKET, SO_LINGER, OPTION_LINGER},
    {"sndbuf", SOL_SOCKET, SO_SNDBUF, OPTION_INT},
    {"rcvbuf", SOL_SOCKET, SO_RCVBUF, OPTION_INT},
    {"rcvlowat", SOL_SOCKET, SO_RCVLOWAT, OPTION_INT},
    {"broadcast", SOL_SOCKET, SO_BROADCAST, OPTION_INT},
    {"oobinline", SOL_SOCKET, SO_OOBINLINE, OPTION_INT},
    {"passcred", SOL_SOCKET, SO_PASSCRED, OPTION_INT},
    {"incoming_cpu", SOL_SOCKET, SO_INCOMING_CPU, OPTION_INT},
    {"dontroute", SOL_SOCKET, SO_DONTROUTE, OPTION_INT},
    {"tos", IPPROTO_IP, IP_TOS, OPTION_INT},
    {"ttl", IPPROTO_IP, IP_TTL, OPTION_INT},
    {"freebind", IPPROTO_IP, IP_FREEBIND, OPTION_INT},
    {"transparent", IPPROTO_IP, IP_TRANSPARENT, OPTION_INT},
    {"bind_address_no_port", IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, OPTION_INT},
    {"local_port_range", IPPROTO_IP, IP_LOCAL_PORT_RANGE, OPTION_RANGE},
    {"hdrincl", IPPROTO_IP, IP_HDRINCL, OPTION_INT},
    {"recverr", IPPROTO_IP, IP_RECVERR, OPTION_INT},
    {"pktinfo", IPPROTO_IP, IP_PKTINFO, OPTION_INT},
    {"multicast_loop", IPPROTO_IP, IP_MULTICAST_LOOP, OPTION_INT},
    {"multicast_ttl", IPPROTO_IP, IP_MULTICAST_TTL, OPTION_INT},
    {"multicast_all", IPPROTO_IP, IP_MULTICAST_ALL, OPTION_INT},
    {"member", IPPROTO_IP, IP_ADD_MEMBERSHIP, OPTION_MEMBER},
    {"v6only", IPPROTO_IPV6, IPV6_V6ONLY, OPTION_INT},
    {"tclass", IPPROTO_IPV6, IPV6_TCLASS, OPTION_INT},
    {"hops", IPPROTO_IPV6, IPV6_UNICAST_HOPS, OPTION_INT},
    {"freebind6", IPPROTO_IPV6, IPV6_FREEBIND, OPTION_INT},
    {"transparent6", IPPROTO_IPV6, IPV6_TRANSPARENT, OPTION_INT},
    {"autoflowlabel", IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, OPTION_INT},
    {"nodelay", IPPROTO_TCP, TCP_NODELAY, OPTION_INT},
    {"cork", IPPROTO_TCP, TCP_CORK, OPTION_INT},
    {"maxseg", IPPROTO_TCP, TCP_MAXSEG, OPTION_INT},
    {"keepidle", IPPROTO_TCP, TCP_KEEPIDLE, OPTION_INT},
    {"keepintvl", IPPROTO_TCP, TCP_KEEPINTVL, OPTION_INT},
    {"keepcnt", IPPROTO_TCP, TCP_KEEPCNT, OPTION_INT},
    {"syncnt", IPPROTO_TCP, TCP_SYNCNT, OPTION_INT},
    {"linger2", IPPROTO_TCP, TCP_LINGER2, OPTION_INT},
    {"defer_accept", IPPROTO_TCP, TCP_DEFER_ACCEPT, OPTION_INT},
    {"window_clamp", IPPROTO_TCP, TCP_WINDOW_CLAMP, OPTION_INT},
    {"quickack", IPPROTO_TCP, TCP_QUICKACK, OPTION_INT},
    {"congestion", IPPROTO_TCP, TCP_CONGESTION, OPTION_TEXT},
    {"user_timeout", IPPROTO_TCP, TCP_USER_TIMEOUT, OPTION_INT},
    {"fastopen", IPPROTO_TCP, TCP_FASTOPEN, OPTION_INT},
    {"fastopen_connect", IPPROTO_TCP, TCP_FASTOPEN_CONNECT, OPTION_INT},
    {"fastopen_no_cookie", IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, OPTION_INT},
    {"notsent_lowat", IPPROTO_TCP, TCP_NOTSENT_LOWAT, OPTION_INT},
    {"save_syn", IPPROTO_TCP, TCP_SAVE_SYN, OPTION_INT},
};

static const struct mk_option *option_find(const char *word, const char **ret_value)
{
    const char *equals = strchr(word, '=');
    size_t n = equals ? (size_t)(equals - word) : strlen(word);

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (strlen(options[i].name) == n && !strncmp(options[i].name, word, n)) {
            *ret_value = equals ? equals + 1 : "1";
            return &options[i];
        }
    return NULL;
}

int mk_options_parse(struct mk *mk, struct mk_line *line, struct mk_wishes *ret)
{
    ret->n = 0;
    for (size_t i = 1; i < line->n; i++) {
        const char *value = NULL;
        const struct mk_option *option = line->used[i] ? NULL : option_find(line->words[i], &value);
        if (!option)
            continue;
        if (ret->n == MK_OPTIONS_MAX)
            return mk_usage(mk, "too many options at", line->words[i]);
        line->used[i] = true;
        ret->option[ret->n] = option;
        ret->value[ret->n++] = value;
    }
    return 0;
}

static int set_int(int fd, const struct mk_option *option, const char *text)
{
    char *end;
    int value = (int)strtol(text, &end, 0);
    if (end == text || *end)
        return -EINVAL;
    return setsockopt(fd, option->level, option->number, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int set_linger(int fd, const char *text)
{
    struct linger linger = {.l_onoff = 1, .l_linger = atoi(text)};
    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0 ? -errno : 0;
}

/* LOW-HIGH: the low 16 bits and the high 16 bits of one number, ip(7) */
static int set_range(int fd, const char *text)
{
    unsigned low, high;
    if (sscanf(text, "%u-%u", &low, &high) != 2)
        return -EINVAL;
    uint32_t value = low | high << 16;
    return setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* GROUP or GROUP%DEVICE */
static int set_member(int fd, const char *text)
{
    char group[64];
    struct ip_mreqn v4 = {0};
    struct ipv6_mreq v6 = {0};

    snprintf(group, sizeof(group), "%s", text);
    char *device = strchr(group, '%');
    if (device)
        *device++ = '\0';
    unsigned index = device ? if_nametoindex(device) : 0;
    v4.imr_ifindex = (int)index;
    v6.ipv6mr_interface = index;
    if (inet_pton(AF_INET, group, &v4.imr_multiaddr) == 1)
        return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &v4, sizeof(v4)) < 0 ? -errno : 0;
    if (inet_pton(AF_INET6, group, &v6.ipv6mr_multiaddr) == 1)
        return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &v6, sizeof(v6)) < 0 ? -errno : 0;
    return -EINVAL;
}

static int option_set(int fd, const struct mk_option *option, const char *value)
{
    switch (option->type) {
    case OPTION_INT:
        return set_int(fd, option, value);
    case OPTION_TEXT:
        return setsockopt(fd, option->level, option->number, value, (socklen_t)strlen(value)) < 0
                   ? -errno
                   : 0;
    case OPTION_LINGER:
        return set_linger(fd, value);
    case OPTION_RANGE:
        return set_range(fd, value);
    case OPTION_MEMBER:
        return set_member(fd, value);
    }
    return -EINVAL;
}

static void sock_remember(struct mk_sock *sock, const struct mk_option *option)
{
    for (size_t i = 0; i < sock->n_options; i++)
        if (sock->options[i] == option)
            return;
    if (sock->n_options < MK_OPTIONS_MAX)
        sock->options[sock->n_options++] = option;
}

int mk_options_apply(struct mk *mk, struct mk_sock *sock, const struct mk_wishes *wishes)
{
    for (size_t i = 0; i < wishes->n; i++) {
        int r = option_set(sock->fd, wishes->option[i], wishes->value[i]);
        if (r < 0)
            return mk_fail(mk, wishes->option[i]->name, -r);
        sock_remember(sock, wishes->option[i]);
    }
    return 0;
}

static void print_int(int fd, const struct mk_option *option)
{
    int value = 0;
    socklen_t len = sizeof(value);
    if (getsockopt(fd, option->level, option->number, &value, &len) < 0)
        printf("null");
    else /* some IP options come back as one byte */
        printf("%d", len == 1 ? *(unsigned char *)&value : value);
}

static void print_value(int fd, const struct mk_option *option)
{
    char text[64] = "";
    struct linger linger = {0};
    uint32_t range = 0;
    socklen_t len = sizeof(text) - 1;

    switch (option->type) {
    case OPTION_INT:
        print_int(fd, option);
        return;
    case OPTION_TEXT:
        if (getsockopt(fd, option->level, option->number, text, &len) < 0)
            printf("null");
        else
            mk_print_string(text, strnlen(text, len));
        return;
    case OPTION_LINGER:
        len = sizeof(linger);
        getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len);
        printf("%d", linger.l_linger);
        return;
    case OPTION_RANGE:
        len = sizeof(range);
        getsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &range, &len);
        printf("\"%u-%u\"", range & 0xffff, range >> 16);
        return;
    case OPTION_MEMBER:
        printf("true"); /* cannot be read back */
        return;
    }
}

void mk_options_print(const struct mk_sock *sock)
{
    for (size_t i = 0; i < sock->n_options; i++) {
        printf("%s\"%s\":", i ? "," : "", sock->options[i]->name);
        if (sock->fd >= 0)
            print_value(sock->fd, sock->options[i]);
        else
            printf("null");
    }
}

/* option @NAME name=value … : on a socket that is there already */
int mk_do_option(struct mk *mk, struct mk_line *line)
{
    struct mk_wishes wishes;
    struct mk_sock *sock = line->n > 1 ? mk_sock_find(mk, line->words[1]) : NULL;

    if (!sock || sock->fd < 0)
        return mk_usage(mk, "no socket here called", line->n > 1 ? line->words[1] : "");
    line->used[1] = true;
    if (mk_options_parse(mk, line, &wishes) < 0 || mk_check_used(mk, line) < 0)
        return -1;
    sock->dirty = true;
    return mk_options_apply(mk, sock, &wishes);
}
